"""Polynomials as NumPy's first functions have them: coefficients in a row, the highest power first.

Nothing here needs a rule: a polynomial is sums and products, and so are its value, its product with
another and what fits it to points. Its roots are the eigenvalues of its companion matrix.
"""

from itertools import accumulate
from typing import Any

import numpy as np

from tinygrad_neuron.errors import UnsupportedError, refuse
from tinygrad_neuron.graph import Array, dtype_of, only
from tinygrad_neuron.ops.arrange import atleast_1d
from tinygrad_neuron.ops.decompositions import eigvals, lstsq
from tinygrad_neuron.ops.indexing import add_at
from tinygrad_neuron.ops.linalg import as_floats
from tinygrad_neuron.ops.measures import euclidean
from tinygrad_neuron.ops.running import convolve
from tinygrad_neuron.ops.shape import concatenate, ndim_of, shape_of, stack


def _row(p: Array) -> Array:
    """Coefficients as a row of floats."""
    p = atleast_1d(as_floats(p))
    if ndim_of(p) > 1:
        raise ValueError(f"coefficients stand in a row, not in an array of shape {shape_of(p)}")
    return p


def _trimmed(p: Array) -> Array:
    """Without the zeros in front; at least one coefficient stays."""
    there = np.flatnonzero(only(p))
    return p[int(there[0]) if len(there) else shape_of(p)[0] - 1 :]


def _filled(p: Array, length: int) -> Array:
    """With zeros in front."""
    return concatenate([np.zeros(length - shape_of(p)[0], dtype_of(p)), p])


def _of_one_length(a1: Array, a2: Array) -> tuple[Array, Array]:
    a1, a2 = _row(a1), _row(a2)
    length = max(shape_of(a1)[0], shape_of(a2)[0])
    return _filled(a1, length), _filled(a2, length)


def polyadd(a1: Array, a2: Array) -> Array:
    """The sum of two polynomials."""
    a1, a2 = _of_one_length(a1, a2)
    return a1 + a2


def polysub(a1: Array, a2: Array) -> Array:
    """The difference of two polynomials."""
    a1, a2 = _of_one_length(a1, a2)
    return a1 - a2


def polymul(a1: Array, a2: Array) -> Array:
    """The product of two polynomials."""
    return convolve(_trimmed(_row(a1)), _trimmed(_row(a2)))


def polydiv(u: Array, v: Array) -> tuple[Array, Array]:
    """Quotient and rest; u is owed something by both, and so is v."""
    rest, v = _row(u), _row(v)
    n, quotient = shape_of(v)[0], []
    for k in range(shape_of(rest)[0] - n + 1):
        quotient.append(rest[k] / v[0])
        rest = add_at(rest, slice(k, k + n), -quotient[-1] * v)
    small = np.isclose(only(rest), 0.0, rtol=1e-14)  # what NumPy takes for a rounded 0
    lead = int(np.argmin(small)) if not small.all() else shape_of(rest)[0] - 1
    return stack(quotient or [np.zeros((), dtype_of(rest))]), rest[lead:]


def polyval(p: Array, x: Array) -> Array:
    """The value at x, by x and by the coefficients.

    >>> print(polyval([3.0, 0.0, 1.0], 2.0))
    13.0
    """
    if isinstance(x, np.poly1d):
        raise UnsupportedError(
            "np.polyval does not put a polynomial into one that is a Value.",
            why="It would be read as a row of places.",
            hint="np.polyval(p, np.polyval(q, x))  at the places x that matter",
        )
    x, p = as_floats(x), _row(p)
    y: Array = np.zeros(shape_of(x), dtype_of(x))
    for k in range(shape_of(p)[0]):
        y = y * x + p[k]
    return y


def polyder(p: Array, m: int = 1) -> Array:
    """The coefficients of the derivative of order m."""
    p = _row(p)
    for _ in range(m):
        p = p[:-1] * np.arange(shape_of(p)[0] - 1, 0, -1).astype(dtype_of(p))
    return p


def polyint(p: Array, m: int = 1, k: Array = None) -> Array:
    """The coefficients of the integral of order m; k are the constants, 0 where there are none."""
    p = _row(p)
    constants = _row(np.zeros(m) if k is None else k)
    if shape_of(constants) not in ((1,), (m,)):
        raise ValueError(f"{m} integrals take {m} constants or one, not {shape_of(constants)[0]}")
    for i in range(m):
        divisors = np.arange(shape_of(p)[0], 0, -1).astype(dtype_of(p))
        j = i % shape_of(constants)[0]
        p = concatenate([p / divisors, constants[j : j + 1]])
    return p


def vander(x: Array, N: int | None = None, increasing: bool = False) -> Array:  # noqa: N803
    """The powers of each entry along a row, the highest first."""
    x = as_floats(x)
    if ndim_of(x) != 1:
        raise ValueError(f"vander takes a row, not an array of shape {shape_of(x)}")
    n = shape_of(x)[0] if N is None else N
    if not n:
        return np.empty((*shape_of(x), 0), dtype_of(x))
    ones = np.ones(shape_of(x), dtype_of(x))
    powers = list(accumulate([ones, *[x] * (n - 1)], lambda y, x: y * x))
    return stack(powers if increasing else powers[::-1], axis=-1)


def polyfit(
    x: Array,
    y: Array,
    deg: int,
    rcond: float | None = None,
    full: bool = False,
    w: Array = None,
    cov: Any = False,
) -> Array:
    """The polynomial of this degree with the least squares, by the places, values and weights.

    >>> polyfit([0.0, 1.0, 2.0], [1.0, 3.0, 5.0], 1).round(6).tolist()
    [2.0, 1.0]
    """
    refuse("np.polyfit", full=full or None, cov=cov or None)
    powers, y = vander(x, deg + 1), as_floats(y)
    cut = shape_of(powers)[0] * np.finfo(dtype_of(powers)).eps if rcond is None else rcond
    if w is not None:
        w = as_floats(w)
        powers, y = powers * w[:, None], y * (w if ndim_of(y) == 1 else w[:, None])
    size = euclidean(powers, axis=0)
    c = lstsq(powers / size, y, cut)[0]
    return c / (size if ndim_of(y) == 1 else size[:, None])


def poly(seq_of_zeros: Array) -> Array:
    """The polynomial with these roots, or with the eigenvalues of a square matrix."""
    zeros = as_floats(seq_of_zeros)
    zeros = eigvals(zeros) if ndim_of(zeros) == 2 else _row(zeros)
    p: Array = np.ones(1, dtype_of(zeros))
    for k in range(shape_of(zeros)[0]):
        p = convolve(p, stack([1.0, -zeros[k]]))
    return p


def roots(p: Array) -> Array:
    """The roots, which have slopes where no two are equal; see `linalg.eigvals`.

    >>> sorted(roots([1.0, -3.0, 2.0]).round(6).tolist())
    [1.0, 2.0]
    """
    p = _row(p)
    there = np.flatnonzero(only(p))
    if not len(there):
        return np.empty(0, dtype_of(p))
    first, last = int(there[0]), int(there[-1])
    zeros = np.zeros(shape_of(p)[0] - 1 - last, dtype_of(p))
    n = last - first
    if not n:
        return zeros
    top = -p[first + 1 : last + 1] / p[first]
    companion = concatenate([top[None], np.eye(n, dtype=dtype_of(p))[:-1]])
    return concatenate([eigvals(companion), zeros])
