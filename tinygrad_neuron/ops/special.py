"""Functions that losses are made of, exact where the obvious expression would cancel or overflow.

Each is a primitive for the accuracy of its value; each slope is a simple function of the same kind.
"""

import math
from collections.abc import Callable

import numpy as np

from tinygrad_neuron.graph import POSITIVE, Array, elementwise
from tinygrad_neuron.ops.angles import direction, hypot
from tinygrad_neuron.ops.elementwise import exp, expm1, square, tanh

LOG_2 = math.log(2.0)
TERMS = 20  # of a series in x^n / n!, for |x| <= 1


@elementwise(lambda g, y, x: g * tanh(x))
def log_of_cosh(x: Array) -> Array:
    """log(cosh(x)): x² / 2 near 0, |x| - log 2 far away; never negative, and 5e-61 at 1e-30."""
    size = np.abs(x)
    near = np.log1p(2.0 * np.square(np.sinh(0.5 * np.minimum(size, 1.0))))
    return np.where(size < 1.0, near, size + np.log1p(np.exp(-2.0 * size)) - LOG_2)[()]


@elementwise(lambda g, y, x: g * expm1(x))
def expm1mx(x: Array) -> Array:
    """exp(x) - 1 - x: x² / 2 near 0, never negative; what divergences are sums of."""
    near = np.clip(x, -1.0, 1.0)
    series = 1.0
    for n in range(TERMS, 2, -1):
        series = 1.0 + near / n * series
    far = np.where(np.equal(x, np.inf), x, np.expm1(x) - x)
    return np.where(np.abs(x) <= 1.0, 0.5 * np.square(near) * series, far)[()]


@elementwise(lambda g, y, x: 2.0 * g * direction(x, 1.0) / hypot(1.0, x))
def log1psq(x: Array) -> Array:
    """log(1 + x²), where x² may overflow."""
    size = np.abs(x)
    far = np.maximum(size, 1.0)
    return np.where(
        size <= 1.0,
        np.log1p(np.square(np.minimum(size, 1.0))),
        2.0 * np.log(far) + np.log1p(np.square(1.0 / far)),
    )[()]


@elementwise(lambda g, y, x: g / expm1(x), domains=(POSITIVE,))
def log1mexp(x: Array) -> Array:
    """log(1 - exp(-x)): the logarithm of the other share, where -x is that of one."""
    near = np.log(-np.expm1(-x))
    return np.where(np.less(x, LOG_2), near, np.log1p(-np.exp(-np.maximum(x, LOG_2))))[()]


@elementwise(
    lambda g, y, x: 2.0 / math.sqrt(math.pi) * g * exp(-square(x)),
    scalar=math.erf,
    foreign="NumPy has no such function, so it is computed number by number in Python",
)
def erf(x: Array) -> Array:
    """The error function: the share of a normal law within x√2 of its middle, with x's sign."""
    return _of_each(math.erf, x)


def _of_each(function: Callable[[float], float], x: Array) -> Array:
    """A function of Python's floats, for each entry: NumPy has none of its own."""
    x = np.asarray(x)
    each = np.fromiter(map(function, x.ravel().tolist()), float, x.size)
    return each.astype(x.dtype if x.dtype.kind == "f" else float).reshape(x.shape)
