"""Some of the numbers, and putting them back: taking and adding are each other's rules."""

from typing import Any

import numpy as np

from tinygrad_neuron.graph import Array, primitive
from tinygrad_neuron.ops.shape import shape_of

BASIC = (int, slice, type(None), type(Ellipsis), np.integer)


@primitive(
    lambda g, y, x, index: scatter(g, index=index, shape=shape_of(x)),
    steep=False,
)
def take(x: Array, *, index: Any) -> Array:
    """x[index], with everything NumPy reads as an index."""
    return np.asarray(x)[index]


@primitive(
    lambda g, y, x, index, shape: take(g, index=index),
    steep=False,
)
def scatter(x: Array, *, index: Any, shape: tuple[int, ...]) -> Array:
    """Zeros of this shape with x added at the index: entries taken twice add up."""
    x = np.asarray(x)
    full = np.zeros(shape, x.dtype)
    if is_basic(index):
        full[index] = x
    else:
        np.add.at(full, index, x)
    return full


def is_basic(index: Any) -> bool:
    """Whether the index is made of numbers and slices only, and so names no entry twice."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(isinstance(part, BASIC) and not isinstance(part, bool) for part in parts)
