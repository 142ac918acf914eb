"""A matrix or a vector as one number: how long, how large, how close to singular."""

from typing import Any, NamedTuple

import numpy as np

from tinygrad_neuron.errors import THE_INPUT, NoDerivativeError
from tinygrad_neuron.graph import Array, dtype_of, is_complex, plain, primitive
from tinygrad_neuron.ops.decompositions import fixed, rounding, svd, svdvals
from tinygrad_neuron.ops.elementwise import absolute, astype, power, sign, stop_gradient, where
from tinygrad_neuron.ops.indexing import at_hand
from tinygrad_neuron.ops.linalg import (
    MATRICES,
    adjoint,
    as_array,
    as_floats,
    chain,
    eye_like,
    inv,
    matmul,
    matrix_trace,
    to_end,
)
from tinygrad_neuron.ops.parts import conj, imag
from tinygrad_neuron.ops.reductions import max, min, spread, sum
from tinygrad_neuron.ops.shape import (
    Axes,
    concatenate,
    expand_dims,
    ndim_of,
    shape_of,
    swap,
)

# -------------------------------------------------------------------------------- lengths


def _unit_of(x: Array, axis: Axes) -> Array:
    return _power_of_two(np.max(np.abs(x), axis=axis, keepdims=True))


@primitive(None, foreign=_unit_of, steep=False)
def magnitude(x: Array, *, axis: Axes = None) -> Array:
    """A power of two near the largest entry, to divide by; 1 where that would not help."""
    return _power_of_two(np.max(np.abs(x), axis=axis, keepdims=True, initial=0.0))


def _power_of_two(top: Array) -> Array:
    usable = (top > 0.0) & np.isfinite(top)
    return np.ldexp(np.ones_like(top), np.frexp(np.where(usable, top, 1.0))[1] - 1)


def _direction(g: Array, y: Array, x: Array, axis: Axes, keepdims: bool) -> Array:
    """g times the unit vector along x; the zero vector has no direction and is owed 0."""
    length = spread(y, shape_of(x), axis)
    some = length != 0.0
    return where(some, spread(g, shape_of(x), axis) * (x / where(some, length, 1.0)), 0.0)


def _length_in_units(x: Array, axis: Axes, keepdims: bool) -> Array:
    """The same in any case in units of the largest entry."""
    unit = magnitude(x, axis=axis)
    scaled = np.sqrt(np.sum(np.square(x / unit), axis=axis, keepdims=True)) * unit
    return scaled if keepdims else np.squeeze(scaled, axis)


@primitive(
    _direction,
    foreign=_length_in_units,
    kink="slope 0 at the zero vector",
)
def euclidean(x: Array, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """The root of the sum of squares, also where the squares leave the range of floats."""
    x = np.asarray(x)
    with np.errstate(over="ignore", under="ignore"):
        squares = np.sum(x * x, axis=axis, keepdims=keepdims)
    limits = np.finfo(x.dtype)
    if np.all((squares > limits.tiny / limits.eps) & (squares < limits.max)):
        return np.sqrt(squares)
    return _length_in_units(x, axis, keepdims)


def _steepest(g: Array, y: Array, x: Array, order: float, axis: Axes, keepdims: bool) -> Array:
    """g * sign(x) * (|x| / y)**(order - 1), and 0 for the entries at 0 where that is a kink."""
    length = spread(y, shape_of(x), axis)
    some = length != 0.0 if order >= 2.0 else (length != 0.0) & (x != 0.0)
    part = where(some, x / where(some, length, 1.0), 1.0)
    if order >= 2.0:  # smooth at 0, and its slope's slope is not lost in a sign
        slope = part * power(absolute(part), order - 2.0)
    else:
        slope = sign(x) * power(absolute(part), order - 1.0)
    return where(some, spread(g, shape_of(x), axis) * slope, 0.0)


@primitive(
    _steepest,
    kink="slope 0 for entries at 0",
)
def power_norm(x: Array, *, order: float = 2.0, axis: Axes = None, keepdims: bool = False) -> Array:
    """The sum of |x|**order, to the power of 1 / order, scaled so that it does not overflow."""
    unit = magnitude(x, axis=axis)
    with np.errstate(divide="ignore"):
        total = np.sum(np.abs(x / unit) ** order, axis=axis, keepdims=True)
        scaled = total ** (1.0 / order) * unit
    return scaled if keepdims else np.squeeze(scaled, axis)


def _sizes(x: Array) -> Array:
    """What the length of a vector depends on: of complex entries the absolute values."""
    return absolute(x) if is_complex(x) else x


def _along(x: Array, order: Any, axis: Axes, keepdims: bool) -> Array:
    """The norm of vectors that lie along one axis, or along several read as one."""
    x = _sizes(x)
    if order is None or order == 2:
        return euclidean(x, axis=axis, keepdims=keepdims)
    if isinstance(order, str):
        raise ValueError(f"a vector has no norm of order {order!r}")
    if np.isinf(order):
        extreme = max if order > 0 else min
        return extreme(absolute(x), axis=axis, keepdims=keepdims)
    if order == 0:
        return sum(astype(x != 0.0, dtype=dtype_of(x)), axis=axis, keepdims=keepdims)
    if order == 1:
        return sum(absolute(x), axis=axis, keepdims=keepdims)
    return power_norm(x, order=float(order), axis=axis, keepdims=keepdims)


def _of_matrices(x: Array, order: Any) -> Array:
    """The norm of the matrices in the last two axes."""
    if order in (None, "fro", "f"):
        return euclidean(_sizes(x), axis=(-2, -1))
    if order == "nuc":
        return sum(svdvals(x), axis=-1)
    if order in (2, -2):
        return (max if order > 0 else min)(svdvals(x), axis=-1)
    if order in (1, -1, np.inf, -np.inf):
        sums = sum(absolute(x), axis=-2 if abs(order) == 1 else -1)
        return (max if order > 0 else min)(sums, axis=-1)
    raise ValueError(f"a matrix has no norm of order {order!r}")


def norm(x: Array, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Array:  # noqa: A002 - NumPy's name
    """The length of vectors or the size of matrices, in any of NumPy's orders.

    At the zero vector the gradient is 0, and so it is for entries at 0; order 0, which counts, is
    flat. The largest and the smallest share their gradient among those that are equal.

    >>> from tinygrad_neuron import Value, grad, linalg
    >>> grad(linalg.norm)(Value([3.0, 4.0])), grad(linalg.norm)(Value([0.0, 0.0]))
    (Value([0.6, 0.8]), Value([0.0, 0.0]))
    """
    x = as_floats(x)
    n = ndim_of(x)
    if axis is None and (ord is None or (n, ord) in ((1, 2), (2, "fro"), (2, "f"))):
        return euclidean(_sizes(x), axis=tuple(range(n)), keepdims=keepdims)
    axes = tuple(range(n)) if axis is None else tuple(int(k) for k in np.atleast_1d(axis))
    if len(axes) == 1:
        return _along(x, ord, axes, keepdims)
    if len(axes) != 2 or axes[0] % n == axes[1] % n:
        raise ValueError(f"a norm of order {ord!r} is along one axis or two, not {axes}")
    y = _of_matrices(to_end(x, axes), ord)
    return expand_dims(y, axis=tuple(sorted(k % n for k in axes))) if keepdims else y


def vector_norm(
    x: Array,
    /,
    *,
    axis: Any = None,
    keepdims: bool = False,
    ord: Any = 2,  # noqa: A002 - NumPy's name
) -> Array:
    """The length of vectors along an axis, along several read as one, or of all entries."""
    x = as_floats(x)
    axes = range(ndim_of(x)) if axis is None else np.atleast_1d(axis)
    return _along(x, ord, tuple(int(k) for k in axes), keepdims)


def matrix_norm(
    x: Array,
    /,
    *,
    keepdims: bool = False,
    ord: Any = "fro",  # noqa: A002 - NumPy's name
) -> Array:
    """The size of the matrices in the last two axes."""
    return norm(x, ord, (-2, -1), keepdims)


# --------------------------------------------------------------------------- determinants


def _adjugate(a: Array) -> Array:
    """The transposed cofactors, without a division by the determinant (Faddeev and Le Verrier)."""
    n, unit = shape_of(a)[-1], eye_like(a)
    total = unit
    for k in range(1, n):
        total = matmul(a, total)
        total = total - unit * _as_matrices(matrix_trace(total) / k)
    return -total if n % 2 == 0 else total


def _as_matrices(numbers: Array) -> Array:
    return expand_dims(numbers, axis=(-2, -1))


def _cofactors(a: Array) -> Array:
    """The derivative of the determinant, from a matrix whose largest entry is about 1."""
    unit = magnitude(a, axis=(-2, -1))  # a constant: the determinant of c * a is c**n times a's
    return unit ** (shape_of(a)[-1] - 1.0) * _cofactors_near_one(a / unit)


def _well_conditioned(a: Any) -> bool:
    """Whether inverting these arrays loses no more than three digits."""
    try:
        inverse = np.linalg.inv(a)
    except np.linalg.LinAlgError:
        return False
    return bool(
        np.all(np.linalg.norm(a, axis=(-2, -1)) * np.linalg.norm(inverse, axis=(-2, -1)) < 1e3)
    )


def _cofactors_near_one(a: Array) -> Array:
    """The determinant is a polynomial: it has a derivative also where there is no inverse.

    Between its singular vectors, which may stand still here, the matrix is diagonal. The part with
    an inverse is eliminated, and what is left has as many rows as singular values are 0.
    """
    if _well_conditioned(plain(a)):
        return _as_matrices(det(a)) * swap(inv(a))
    u, s, vh = (stop_gradient(part) for part in svd(a))
    rest = np.count_nonzero(plain(s) <= plain(rounding(s)), axis=-1).max(initial=0)
    k = shape_of(a)[-1] - int(rest)
    middle = chain(adjoint(u), a, adjoint(vh))
    inverse = swap(inv(middle[..., :k, :k]))
    first = _as_matrices(det(middle[..., :k, :k]))
    if rest:
        across = matmul(swap(inverse), middle[..., :k, k:])
        down = matmul(middle[..., k:, :k], swap(inverse))
        small = middle[..., k:, k:] - matmul(down, middle[..., :k, k:])
        left = swap(_adjugate(small))
        second = _as_matrices(sum(small * left, axis=(-2, -1)) / float(rest))
        corner = second * inverse + chain(swap(down), left, swap(across))
        top = concatenate([corner, -matmul(swap(down), left)], axis=-1)
        bottom = concatenate([-matmul(left, swap(across)), left], axis=-1)
        inverse = concatenate([top, bottom], axis=-2)
    turns = _as_matrices(sign(det(matmul(u, vh))))
    return turns * first * chain(conj(u), inverse, conj(vh))


@primitive(
    lambda g, y, a: _as_matrices(g) * _cofactors(a),
    holomorphic=True,
    foreign=MATRICES,
    numpy=(np.linalg.det,),
)
def det(a: Array) -> Array:
    """The determinant of each matrix; its slope is the cofactors, also where it is 0."""
    return np.linalg.det(a)


def _uphill(g: Array, singular: Array, a: Array) -> Array:
    """The gradient of log(|det|) by each matrix, if it is owed anything: the inverse's adjoint."""
    if np.any(np.asarray(plain(singular)) & (np.asarray(plain(g)) != 0.0)):
        raise NoDerivativeError(
            f"slogdet({THE_INPUT}) has no derivative here: the matrix is singular.",
            why="The logarithm of its determinant is -inf, whichever way it came there.",
            hint="linalg.det, whose derivative is defined there",
            function="slogdet",
        )
    return adjoint(inv(where(_as_matrices(singular), eye_like(a), a)))


@primitive(
    lambda g, y, a: _as_matrices(g) * _uphill(g, y == -np.inf, a),
    holomorphic=False,
    foreign=MATRICES,
)
def logabsdet(a: Array) -> Array:
    """log(|det(a)|) of each matrix (Giles 2008, 2.3.4), which neither over- nor underflows."""
    return np.linalg.slogdet(a)[1]


@primitive(None, foreign=MATRICES, steep=False)
def signdet(a: Array) -> Array:
    """The sign of the determinant: a step."""
    return np.linalg.slogdet(a)[0]


@primitive(
    lambda g, y, a: 1j * _as_matrices(imag(conj(y) * g)) * _uphill(g, y == 0.0, a),
    holomorphic=False,
    foreign=MATRICES,
)
def unitdet(a: Array) -> Array:
    """The determinant of complex matrices over its absolute value: it moves by turning."""
    return np.linalg.slogdet(a)[0]


class SlogdetResult(NamedTuple):
    """The sign of a determinant and the logarithm of its size."""

    sign: Array
    logabsdet: Array


def slogdet(a: Array) -> SlogdetResult:
    """The sign of each determinant and the logarithm of its absolute value.

    The sign of a complex determinant is complex, with absolute value 1, and has a gradient.

    Raises `NoDerivativeError` (TN138), going backward, where the matrix is singular.
    """
    a = as_array(a)
    return SlogdetResult(unitdet(a) if is_complex(a) else signdet(a), logabsdet(a))


def cond(x: Array, p: Any = None) -> Array:
    """The condition number: how much larger a relative error can become in solving for x.

    Raises `NoDerivativeError` (TN138), going backward, where x is singular.
    """
    x = as_floats(x)
    if not (p is None or p in (2, -2)):
        return norm(x, p, (-2, -1)) * norm(inv(x), p, (-2, -1))
    s = svdvals(x)
    ends = (s[..., -1], s[..., 0]) if p == -2 else (s[..., 0], s[..., -1])
    with np.errstate(all="ignore"):
        ratio = ends[0] / ends[1]
    if np.any(plain(s) <= plain(rounding(s))):
        ratio = where(ends[1] == 0.0, np.inf, ratio)
        return fixed(ratio, refusal="cond has no derivative here: the matrix is singular.")
    return ratio


def matrix_rank(
    A: Array,  # noqa: N803 - NumPy's name
    tol: Any = None,
    hermitian: bool = False,
    *,
    rtol: Any = None,
) -> Any:
    """How many independent rows there are: a plain answer, no gradient passes a count."""
    return np.linalg.matrix_rank(at_hand("matrix_rank", A), tol, hermitian, rtol=rtol)
