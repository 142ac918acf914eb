"""Scores into shares: softmax, its logarithm, and the logarithm of a sum of exponentials.

All three are primitives, written around the largest score: exponentials of differences do not
overflow, and what the largest contributes is left out of the sum, because next to its 1 the others
would be lost. The rules take the same care: the share of a winner that leaves e-20 to the rest
moves by e-20, not by 0.
"""

import numpy as np

from tinygrad_neuron.arrays import is_foreign
from tinygrad_neuron.graph import Array, dtype_of, primitive
from tinygrad_neuron.ops.elementwise import maximum, select
from tinygrad_neuron.ops.reductions import left_shape, max, spread, sum
from tinygrad_neuron.ops.shape import Axes, shape_of


def _around_largest(x: Array, axis: Axes) -> tuple[Array, Array, Array]:
    """The largest score m, each one's distance to it, and the exponentials of all but one m."""
    if is_foreign(x):
        m = np.max(x, axis=axis, keepdims=True)
    else:
        x = np.asarray(x, dtype_of(x) if dtype_of(x).kind == "f" else float)
        m = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    with np.errstate(invalid="ignore"):  # inf - inf
        distance = np.where(x == m, np.zeros_like(x), x - m)
    ties = np.sum(distance == 0.0, axis=axis, keepdims=True, dtype=distance.dtype)
    below = np.where(distance < 0.0, np.exp(distance), np.zeros_like(distance))
    rest = np.sum(below, axis=axis, keepdims=True) + np.maximum(ties - 1.0, 0.0)
    return m, distance, rest.astype(distance.dtype)


@primitive(
    lambda g, y, x, axis, keepdims: spread(g, shape_of(x), axis) * softmax(x, axis=axis),
)
def logsumexp(x: Array, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """log(sum(exp(x))): the largest, rounded off.

    >>> logsumexp(np.array([1000.0, 0.0]))
    1000.0

    Of nothing but -inf it is -inf, with slope 0.
    """
    m, _, rest = _around_largest(x, axis)
    y = m + np.log1p(rest)
    return y if keepdims else np.reshape(y, left_shape(x, axis, keepdims))


def _winners(x: Array, axis: Axes) -> tuple[Array, Array]:
    """Which scores are the largest, and how many of them there are."""
    winners = x == max(x, axis=axis, keepdims=True, initial=-np.inf)
    return winners, sum(winners, axis=axis, keepdims=True)


def _softmax_share(g: Array, y: Array, x: Array, axis: Axes) -> Array:
    """y * (g - the mean of g), with g counted from what the winner is owed: its own part is 0."""
    winners, ties = _winners(x, axis)
    owed = sum(select(winners, g, 0.0), axis=axis, keepdims=True) / maximum(ties, 1)
    g = g - owed
    return y * (g - sum(y * g, axis=axis, keepdims=True))


@primitive(
    _softmax_share,
)
def softmax(x: Array, *, axis: Axes = -1) -> Array:
    """exp(x) over its sum: shares that add up to 1.

    >>> softmax(np.array([0.0, 0.0, -np.inf])).tolist()
    [0.5, 0.5, 0.0]

    Of nothing but -inf every share is 0.
    """
    m, distance, rest = _around_largest(x, axis)
    y = np.exp(distance) / (1.0 + rest)
    return np.where(m == -np.inf, np.zeros_like(y), y)


def _log_softmax_share(g: Array, y: Array, x: Array, axis: Axes) -> Array:
    """g - p * the sum of g; for a lone winner g * (1 - p) - p * the others', each a sum itself."""
    winners, ties = _winners(x, axis)
    lone = winners & (ties == 1)
    p = softmax(x, axis=axis)
    others = sum(select(lone, 0.0, g), axis=axis, keepdims=True)
    left = sum(select(lone, 0.0, p), axis=axis, keepdims=True)
    total = sum(g, axis=axis, keepdims=True)
    return select(lone, g * left - p * others, g - p * total)


@primitive(
    _log_softmax_share,
)
def log_softmax(x: Array, *, axis: Axes = -1) -> Array:
    """log(softmax(x)), without the rounding of the shares.

    >>> log_softmax(np.array([40.0, 0.0])).tolist()
    [-4.248354255291589e-18, -40.0]

    It is exact also where a share is all but 1, or too small for a float.
    """
    m, distance, rest = _around_largest(x, axis)
    y = distance - np.log1p(rest)
    return np.where(m == -np.inf, np.full_like(y, -np.inf), y)
