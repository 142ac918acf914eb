"""Many numbers into fewer: a reduced gradient goes back to everyone who had a say."""

from math import prod

import numpy as np

from tinygrad_neuron.graph import Array, Domain, only, primitive
from tinygrad_neuron.ops.elementwise import where
from tinygrad_neuron.ops.shape import Axes, broadcast_to, reshape, shape_of


def _kept(shape: tuple[int, ...], axis: Axes) -> tuple[int, ...]:
    """The shape after reducing, with the reduced axes kept as ones."""
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    gone = {k % len(shape) for k in axes} if shape else set()
    return tuple(1 if k in gone else n for k, n in enumerate(shape))


def spread(g: Array, shape: tuple[int, ...], axis: Axes) -> Array:
    """A reduced gradient back at full size: every summand had the same say."""
    kept = _kept(shape, axis)
    if shape_of(g) != kept:
        g = reshape(g, shape=kept)
    return broadcast_to(g, shape=shape) if kept != shape else g


def _shared_out(g: Array, y: Array, x: Array, axis: Axes) -> Array:
    """The gradient of an extreme: to the entries that reached it, in equal parts."""
    shape = shape_of(x)
    reached = x == spread(y, shape, axis)
    ties = sum(reached, axis=axis, keepdims=True)
    return where(reached, spread(g, shape, axis) / ties, 0.0)


@primitive(
    lambda g, y, x, axis, keepdims: spread(g, shape_of(x), axis),
    numpy=(np.sum,),
    steep=False,
)
def sum(x: Array, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """All of them added up, or those along an axis."""
    return np.add.reduce(x, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]


@primitive(
    lambda g, y, x, axis, keepdims: spread(g / _summands(x, y), shape_of(x), axis),
    numpy=(np.mean,),
    steep=False,
)
def mean(x: Array, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """The sum, divided by how many there are."""
    return np.mean(x, axis=axis, keepdims=keepdims)


def _summands(x: Array, y: Array) -> int:
    """How many entries of x went into each entry of y; 1 for none, of which nothing is owed."""
    return prod(shape_of(x)) // (prod(shape_of(y)) or 1) or 1


@primitive(
    lambda g, y, x, axis, keepdims: _shared_out(g, y, x, axis),
    numpy=(np.max, np.amax),
    domains=(Domain(),),
    kink="where several are the largest, equal parts for each",
    steep=False,
)
def max(x: Array, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """The largest of them, or the largest along an axis."""
    return np.max(x, axis=axis, keepdims=keepdims)


@primitive(
    lambda g, y, x, axis, keepdims: _shared_out(g, y, x, axis),
    numpy=(np.min, np.amin),
    domains=(Domain(),),
    kink="where several are the smallest, equal parts for each",
    steep=False,
)
def min(x: Array, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """The smallest of them, or the smallest along an axis."""
    return np.min(x, axis=axis, keepdims=keepdims)


def all(x: Array, *, axis: Axes = None) -> Array:
    """Whether every one of them holds. The answer is plain: no gradient passes a yes or no."""
    return np.all(only(x), axis=axis)


def any(x: Array, *, axis: Axes = None) -> Array:
    """Whether at least one of them holds, as a plain answer."""
    return np.any(only(x), axis=axis)
