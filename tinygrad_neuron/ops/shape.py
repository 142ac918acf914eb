"""The same numbers, arranged differently: every rule puts them back where they were."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from tinygrad_neuron.graph import Array, primitive

Axes = int | tuple[int, ...] | None


def shape_of(x: Array) -> tuple[int, ...]:
    """The shape of a number, an array or a node; () for a number."""
    if type(x) is float:
        return ()
    shape = getattr(x, "shape", None)
    return np.shape(x) if shape is None else shape


def ndim_of(x: Array) -> int:
    """How many axes it has; 0 for a number."""
    return len(shape_of(x))


@primitive(
    lambda g, y, x, shape: reshape(g, shape=shape_of(x)),
    holomorphic=True,
    foreign=lambda x, shape: np.reshape(x, shape if isinstance(shape, tuple) else (shape,)),
    numpy=(np.reshape,),
    steep=False,
)
def reshape(x: Array, *, shape: int | tuple[int, ...]) -> Array:
    """The same numbers in the same order, in another shape; one entry may be -1."""
    return np.reshape(x, shape)


def _inverse(axes: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """The order of axes that undoes this one."""
    return axes and tuple(int(k) for k in np.argsort([k % len(axes) for k in axes]))


@primitive(
    lambda g, y, x, axes: transpose(g, axes=_inverse(axes)),
    holomorphic=True,
    numpy=(np.transpose, np.permute_dims),
    steep=False,
)
def transpose(x: Array, *, axes: tuple[int, ...] | None = None) -> Array:
    """The axes in another order; reversed where none is given."""
    return np.transpose(x, axes)


def swap(x: Array) -> Array:
    """The last two axes exchanged: the transpose of each matrix in a stack."""
    n = ndim_of(x)
    return transpose(x, axes=(*range(n - 2), n - 1, n - 2)) if n > 2 else x.T


@primitive(
    lambda g, y, x, shape: sum_to(g, shape=shape_of(x)),
    holomorphic=True,
    numpy=(np.broadcast_to,),
    steep=False,
)
def broadcast_to(x: Array, *, shape: tuple[int, ...]) -> Array:
    """x, repeated along new axes and along axes of length 1 until it has this shape."""
    if type(x) is float and type(shape) is tuple:  # what sum and mean owe, without NumPy's checks
        view: np.ndarray[Any, Any] = np.ndarray(
            shape, buffer=np.array(x), strides=(0,) * len(shape)
        )
        view.flags.writeable = False
        return view
    return np.broadcast_to(x, shape)


def _copies_added(x: Array, *, shape: tuple[int, ...]) -> Array:
    """The same by NumPy's protocols, which have no `np.add.reduce`."""
    added = len(x.shape) - len(shape)
    x = np.sum(x, axis=tuple(range(added))) if added else x
    stretched = tuple(k for k, n in enumerate(shape) if n != x.shape[k])
    return np.sum(x, axis=stretched, keepdims=True) if stretched else x


@primitive(
    lambda g, y, x, shape: broadcast_to(g, shape=shape_of(x)),
    holomorphic=True,
    foreign=_copies_added,
    steep=False,
)
def sum_to(x: Array, *, shape: tuple[int, ...]) -> Array:
    """What `broadcast_to` repeated, added up: a stretched input is owed every copy's share."""
    x = np.asarray(x)
    if not shape:
        return np.add.reduce(x, axis=None)
    added = x.ndim - len(shape)
    if added:
        x = np.add.reduce(x, axis=tuple(range(added)))
        if x.shape == shape:
            return x
    stretched = tuple(k for k, n in enumerate(shape) if n != x.shape[k])
    return np.add.reduce(x, axis=stretched, keepdims=True) if stretched else x


@primitive(
    lambda g, y, x, axis: reshape(g, shape=shape_of(x)),
    holomorphic=True,
    numpy=(np.expand_dims,),
    steep=False,
)
def expand_dims(x: Array, *, axis: int | tuple[int, ...]) -> Array:
    """x with a new axis of length 1 at each of these places."""
    return np.expand_dims(x, axis)


@primitive(
    lambda g, y, x, axis: reshape(g, shape=shape_of(x)),
    holomorphic=True,
    numpy=(np.squeeze,),
    steep=False,
)
def squeeze(x: Array, *, axis: Axes = None) -> Array:
    """x without its axes of length 1, or without these."""
    return np.squeeze(x, axis)


def _in_one_precision(xs: Sequence[Array]) -> list[Array]:
    """Arrays to be joined by a library whose functions do not ask for a dtype."""
    dtype = np.result_type(*(getattr(x, "dtype", x) for x in xs))
    return [x.astype(dtype) if hasattr(x, "astype") else np.asarray(x, dtype) for x in xs]


@primitive(
    lambda g, y, *xs, axis, i: _piece(g, xs, axis, i),
    holomorphic=True,
    foreign=lambda *xs, axis: np.concatenate(_in_one_precision(xs), axis),
    steep=False,
)
def join(*xs: Array, axis: int = 0) -> Array:
    """Arrays one after the other along an axis."""
    return np.concatenate(xs, axis, dtype=np.result_type(*xs))


def _piece(g: Array, xs: Sequence[Array], axis: int, i: int) -> Array:
    """The part of a joined gradient that belongs to array number i."""
    start = sum(shape_of(x)[axis] for x in xs[:i])
    index = [slice(None)] * ndim_of(g)
    index[axis] = slice(start, start + shape_of(xs[i])[axis])
    return g[tuple(index)]


@primitive(
    lambda g, y, *xs, axis, i: g[(slice(None),) * (axis % ndim_of(g)) + (i,)],
    holomorphic=True,
    foreign=lambda *xs, axis: np.stack(_in_one_precision(xs), axis),
    steep=False,
)
def pile(*xs: Array, axis: int = 0) -> Array:
    """Arrays of one shape side by side along a new axis."""
    return np.stack(xs, axis, dtype=np.result_type(*xs))  # in which plain numbers are weak


def concatenate(arrays: Sequence[Array], axis: int | None = 0) -> Array:
    """A sequence of arrays joined along an axis; flattened first where the axis is None."""
    if axis is None:
        arrays, axis = [reshape(x, shape=(prod(shape_of(x)),)) for x in arrays], 0
    return join(*arrays, axis=axis)


def stack(arrays: Sequence[Array], axis: int = 0) -> Array:
    """A sequence of arrays of one shape, joined along a new axis.

    >>> from tinygrad_neuron import Value, stack
    >>> stack([Value(1.0), Value(2.0)])
    Value([1.0, 2.0])
    """
    return pile(*arrays, axis=axis)
