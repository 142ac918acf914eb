"""Matrices. If y = a @ b, then a is owed g @ b' and b is owed a' @ g: the rest is shapes."""

import numpy as np

from tinygrad_neuron.graph import Array, primitive
from tinygrad_neuron.ops.shape import expand_dims, ndim_of, reshape, shape_of, swap, transpose


def _left_share(g: Array, y: Array, a: Array, b: Array) -> Array:
    """What a is owed. A vector takes part as a row (a) or a column (b) and is one again after."""
    if ndim_of(b) == 1:
        return expand_dims(g, axis=-1) * b if ndim_of(a) > 1 else g * b
    if ndim_of(a) == 1:
        return matmul(b, expand_dims(g, axis=-1))[..., 0]
    return g @ swap(b)


def _right_share(g: Array, y: Array, a: Array, b: Array) -> Array:
    """What b is owed: the mirror image."""
    if ndim_of(a) == 1:
        return expand_dims(g, axis=-2) * expand_dims(a, axis=-1) if ndim_of(b) > 1 else g * a
    if ndim_of(b) == 1:
        return matmul(swap(a), expand_dims(g, axis=-1))[..., 0]
    return swap(a) @ g


@primitive(
    _left_share,
    _right_share,
    numpy=(np.matmul,),
    broadcasts=True,
    steep=False,
)
def matmul(a: Array, b: Array) -> Array:
    """Rows of a against columns of b; stacks of matrices broadcast."""
    return np.matmul(a, b)


def dot(a: Array, b: Array) -> Array:
    """NumPy's dot: of numbers, vectors and matrices; beyond, b's last but one axis is summed.

    >>> from tinygrad_neuron import Value, dot
    >>> dot(Value([1.0, 2.0]), [3.0, 4.0])
    Value(11.0)
    """
    if not (ndim_of(a) and ndim_of(b)):
        return a * b
    if ndim_of(b) <= 2:
        return matmul(a, b)
    k = ndim_of(b) - 2
    columns = transpose(b, axes=(k, *range(k), k + 1))
    flat = reshape(columns, shape=(shape_of(b)[k], -1))
    return reshape(matmul(a, flat), shape=shape_of(a)[:-1] + shape_of(b)[:k] + shape_of(b)[k + 1 :])
