"""The same numbers in another arrangement, under NumPy's names: compositions, without new rules.

Three ideas do all of it: NumPy's own function is asked what it does to axes (then `transpose`), to
shapes (then `reshape`) or to positions (then `moved`).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tinygrad_neuron.errors import refuse
from tinygrad_neuron.graph import Array, dtype_of, only
from tinygrad_neuron.ops.elementwise import positive, where
from tinygrad_neuron.ops.indexing import at_hand, cast, flat, moved, take
from tinygrad_neuron.ops.reductions import max, mean, min, sum
from tinygrad_neuron.ops.shape import (
    broadcast_to,
    concatenate,
    expand_dims,
    ndim_of,
    reshape,
    shape_of,
    stack,
    transpose,
)
from tinygrad_neuron.ops.statistics import median


def _everywhere(shape: Sequence[int]) -> Any:
    """An array of this shape that takes no memory, to ask NumPy's functions about shapes."""
    return np.broadcast_to(False, shape)


# --------------------------------------------------------------------------- axes and shapes


def _axes_moved(function: Callable[..., Any], x: Array, *settings: Any) -> Array:
    """The axes as NumPy's function leaves them: axis k is the one whose length is k."""
    order = function(_everywhere(range(ndim_of(x))), *settings).shape
    return transpose(x, axes=order)


def swapaxes(a: Array, axis1: int, axis2: int) -> Array:
    """Two axes exchanged."""
    return _axes_moved(np.swapaxes, a, axis1, axis2)


def moveaxis(a: Array, source: Any, destination: Any) -> Array:
    """These axes moved to those places; the others stay in order."""
    return _axes_moved(np.moveaxis, a, source, destination)


def rollaxis(a: Array, axis: int, start: int = 0) -> Array:
    """An axis moved back until it lies in front of another."""
    return _axes_moved(np.rollaxis, a, axis, start)


def matrix_transpose(x: Array) -> Array:
    """The transpose of each matrix in a stack."""
    return _axes_moved(lambda x: np.swapaxes(x, -1, -2), x)


def permute_dims(a: Array, axes: Sequence[int] | None = None) -> Array:
    """The axes in this order; reversed where none is given."""
    return transpose(a, axes=None if axes is None else tuple(axes))


def ravel(a: Array, order: str = "C") -> Array:
    """All entries in a row: the last axis fastest ("C") or the first ("F")."""
    if order not in ("C", "F"):
        refuse("np.ravel", order=order)  # "A" and "K" ask how the array lies in memory
    return flat(a if order == "C" else transpose(a))


def _with_axes(function: Callable[..., Any], arrays: Sequence[Array]) -> Any:
    shaped = tuple(reshape(x, shape=function(_everywhere(shape_of(x))).shape) for x in arrays)
    return shaped[0] if len(shaped) == 1 else shaped


def atleast_1d(*arys: Array) -> Any:
    """A number as a row of one; a tuple where several are given."""
    return _with_axes(np.atleast_1d, arys)


def atleast_2d(*arys: Array) -> Any:
    """A row as a table of one row; a tuple where several are given."""
    return _with_axes(np.atleast_2d, arys)


def atleast_3d(*arys: Array) -> Any:
    """A table as a stack of depth one; a tuple where several are given."""
    return _with_axes(np.atleast_3d, arys)


def broadcast_arrays(*args: Array, subok: bool = False) -> tuple[Array, ...]:
    """All of them in the shape that they have together."""
    refuse("np.broadcast_arrays", subok=subok or None)
    shape = np.broadcast_shapes(*map(shape_of, args))
    return tuple(broadcast_to(x, shape=shape) for x in args)


def meshgrid(
    *xi: Array, copy: bool = True, sparse: bool = False, indexing: Any = "xy"
) -> tuple[Array, ...]:
    """Coordinates of a grid from those along its axes. `copy` makes no difference to Values."""
    rows = [np.arange(np.prod(shape_of(x), dtype=int)) for x in xi]
    grids = np.meshgrid(*rows, sparse=sparse, indexing=indexing)
    return tuple(take(flat(x), index=grid) for x, grid in zip(xi, grids, strict=True))


# ----------------------------------------------------------------------- joining and splitting


concat = concatenate


def vstack(tup: Sequence[Array]) -> Array:
    """Rows and tables one below the other."""
    return concatenate([atleast_2d(x) for x in tup], 0)


def hstack(tup: Sequence[Array]) -> Array:
    """Arrays side by side: along the second axis, or the first where there is but one."""
    parts = [atleast_1d(x) for x in tup]
    return concatenate(parts, 0 if ndim_of(parts[0]) == 1 else 1)


def dstack(tup: Sequence[Array]) -> Array:
    """Arrays one behind the other, along the third axis."""
    return concatenate([atleast_3d(x) for x in tup], 2)


def column_stack(tup: Sequence[Array]) -> Array:
    """Rows as the columns of a table; tables side by side."""
    return concatenate([x if ndim_of(x) > 1 else transpose(atleast_2d(x)) for x in tup], 1)


def block(arrays: Any) -> Array:
    """An array put together from nested lists of blocks."""
    leaves = list(_leaves(arrays))
    return moved(lambda *positions: np.block(_replaced(arrays, iter(positions))), *leaves)


def _leaves(nested: Any) -> Iterator[Array]:
    if isinstance(nested, list | tuple):
        for part in nested:
            yield from _leaves(part)
    else:
        yield nested


def _replaced(nested: Any, leaves: Iterator[Array]) -> Any:
    if isinstance(nested, list | tuple):
        return type(nested)(_replaced(part, leaves) for part in nested)
    return next(leaves)


def append(arr: Array, values: Array, axis: int | None = None) -> Array:
    """The values behind the array along an axis; both flattened where there is none."""
    return concatenate([arr, values], axis)


def _along(axis: int, index: Any) -> tuple[Any, ...]:
    return (*(slice(None),) * axis, index)


def array_split(ary: Array, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """The parts between these indices, or so many parts of almost one length."""
    return _split(np.array_split, ary, indices_or_sections, axis)


def split(ary: Array, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """The parts between these indices, or so many parts of one length."""
    return _split(np.split, ary, indices_or_sections, axis)


def _split(function: Any, x: Array, sections: Any, axis: int) -> list[Array]:
    axis = _axis_of(x, axis)
    pieces = function(np.arange(shape_of(x)[axis]), sections)
    bounds = [(piece[0], piece[-1] + 1) if len(piece) else (0, 0) for piece in pieces]
    return [take(x, index=_along(axis, slice(*bound))) for bound in bounds]


def _axis_of(x: Array, axis: int) -> int:
    """The axis counted from the front; NumPy's AxisError if there is none."""
    return np.lib.array_utils.normalize_axis_index(axis, ndim_of(x))


def hsplit(ary: Array, indices_or_sections: Any) -> list[Array]:
    """Parts side by side: along the second axis, or the first where there is but one."""
    return split(ary, indices_or_sections, 1 if ndim_of(ary) > 1 else 0)


def vsplit(ary: Array, indices_or_sections: Any) -> list[Array]:
    """Parts one below the other."""
    _axis_of(ary, 1)
    return split(ary, indices_or_sections, 0)


def dsplit(ary: Array, indices_or_sections: Any) -> list[Array]:
    """Parts one behind the other, along the third axis."""
    return split(ary, indices_or_sections, 2)


def unstack(x: Array, *, axis: int = 0) -> tuple[Array, ...]:
    """The entries along an axis, one by one."""
    axis = _axis_of(x, axis)
    return tuple(take(x, index=_along(axis, k)) for k in range(shape_of(x)[axis]))


# ------------------------------------------------------------------------------ moving entries


def tile(A: Array, reps: Any) -> Array:  # noqa: N803  # NumPy's name
    """The array laid side by side with itself."""
    return moved(lambda x: np.tile(x, only(reps)), A)


def repeat(a: Array, repeats: Any, axis: int | None = None) -> Array:
    """Each entry so many times, one after the other."""
    return moved(lambda x: np.repeat(x, only(repeats), axis), a)


def roll(a: Array, shift: Any, axis: Any = None) -> Array:
    """Entries shifted along an axis; those that fall off the end come in at the start."""
    return moved(lambda x: np.roll(x, shift, axis), a)


def flip(m: Array, axis: Any = None) -> Array:
    """Entries in reverse order along these axes, or all."""
    ndim = ndim_of(m)
    axes = range(ndim) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, ndim)
    return take(m, index=tuple(slice(None, None, -1 if k in axes else 1) for k in range(ndim)))


def fliplr(m: Array) -> Array:
    """Left and right exchanged."""
    return flip(m, 1)


def flipud(m: Array) -> Array:
    """Up and down exchanged."""
    return flip(m, 0)


def rot90(m: Array, k: int = 1, axes: Any = (0, 1)) -> Array:
    """Turned by k right angles in the plane of two axes."""
    return moved(lambda x: np.rot90(x, k, axes), m)


def insert(arr: Array, obj: Any, values: Array, axis: int | None = None) -> Array:
    """The values put in before these places."""
    values = cast(values, dtype_of(arr))
    return moved(lambda x, values: np.insert(x, only(obj), values, axis), arr, values)


def delete(arr: Array, obj: Any, axis: int | None = None) -> Array:
    """What is left without the entries at these places."""
    return moved(lambda x: np.delete(x, only(obj), axis), arr)


def resize(a: Array, new_shape: Any) -> Array:
    """Filled into another shape, from the start again if there are too few."""
    return moved(lambda x: np.resize(x, new_shape), a)


def trim_zeros(filt: Array, trim: Any = "fb", axis: Any = None) -> Array:
    """Without the zeros at the front ("f"), the back ("b") or both."""
    there = at_hand("trim_zeros", filt) != 0
    how = () if axis is None else (axis,)  # which is younger than NumPy 2.0
    kept = np.trim_zeros(there, trim, *how).shape
    front = "f" in trim.lower()
    left = np.trim_zeros(there, "f", *how).shape if front else there.shape
    starts = [n - rest for n, rest in zip(there.shape, left, strict=True)]
    return take(filt, index=tuple(slice(s, s + n) for s, n in zip(starts, kept, strict=True)))


def diag(v: Array, k: int = 0) -> Array:
    """A row as a diagonal matrix; the diagonal of a matrix."""
    return moved(lambda x: np.diag(x, k), v)


def diagflat(v: Array, k: int = 0) -> Array:
    """All entries, on the diagonal of a matrix."""
    return moved(lambda x: np.diagflat(x, k), v)


def diagonal(a: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """The diagonals of the matrices along two axes, as the last axis."""
    return moved(lambda x: np.diagonal(x, offset, axis1, axis2), a)


def trace(
    a: Array, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None
) -> Array:
    """The sum of the diagonal."""
    refuse("np.trace", dtype=dtype, out=out)
    return sum(diagonal(a, offset, axis1, axis2), axis=-1)


def _below(m: Array, k: int) -> Any:
    """Where a matrix of this shape is below its diagonal number k, or on it."""
    *_, rows, columns = 2 * shape_of(m)[-2:]  # a row is repeated, as many times as it is long
    return np.tri(rows, columns, k, dtype=bool)


def tril(m: Array, k: int = 0) -> Array:
    """The lower triangle; zeros above the diagonal number k."""
    return where(_below(m, k), m, 0)


def triu(m: Array, k: int = 0) -> Array:
    """The upper triangle; zeros below the diagonal number k."""
    return where(_below(m, k - 1), 0, m)


def copy(a: Array, order: str = "K", subok: bool = False) -> Array:
    """The same numbers. How they lie in memory is not for Values to say."""
    refuse("np.copy", subok=subok or None, order=None if order == "K" else order)
    return positive(a)


# ------------------------------------------------------------------------- row after row


def apply_along_axis(
    func1d: Callable[..., Array], axis: int, arr: Array, *args: Any, **kwargs: Any
) -> Array:
    """What a function makes of each row along an axis, in place of the row."""
    axis = _axis_of(arr, axis)
    rows = moveaxis(arr, axis, -1)
    places = shape_of(rows)[:-1]
    made = [func1d(take(rows, index=place), *args, **kwargs) for place in np.ndindex(*places)]
    if not made:
        raise ValueError(f"apply_along_axis of an array without rows, shape {shape_of(arr)}")
    inner = shape_of(made[0])
    y = reshape(stack(made), shape=places + inner)
    return moveaxis(y, range(-len(inner), 0), range(axis, axis + len(inner))) if inner else y


def apply_over_axes(func: Callable[..., Array], a: Array, axes: Any) -> Array:
    """A function of an array and an axis, applied axis after axis; the axes stay, with length 1."""
    for axis in np.atleast_1d(axes).tolist():
        axis = _axis_of(a, axis)
        y = func(a, axis)
        a = y if ndim_of(y) == ndim_of(a) else expand_dims(y, axis=axis)
    return a


# ------------------------------------------------------------------------------------ padding

COPYING = {"edge", "reflect", "symmetric", "wrap"}
STATISTICS: dict[str, Callable[..., Array]] = {
    "maximum": max,
    "minimum": min,
    "mean": mean,
    "median": median,
}
KEYWORD: dict[str, tuple[str, Any]] = {  # the one that a mode takes, and what it is otherwise
    "constant": ("constant_values", 0),
    "linear_ramp": ("end_values", 0),
    "reflect": ("reflect_type", "even"),
    "symmetric": ("reflect_type", "even"),
    "edge": ("", None),
    "wrap": ("", None),
    **dict.fromkeys(STATISTICS, ("stat_length", None)),
}


def pad(array: Array, pad_width: Any, mode: Any = "constant", **settings: Any) -> Array:
    """The array with a border, axis after axis, in all of NumPy's modes that say what is in it.

    The values of a border may be Values too. Raises `UnsupportedError` (TN131) for the mode
    "empty", for functions, and for reflection with a changed sign ("odd").
    """
    setting = _padding(mode, settings)
    widths = _for_each_side(array, pad_width)
    if mode in COPYING:
        return moved(lambda x: np.pad(x, widths, mode), array)
    for axis, (before, after) in enumerate(widths):
        sides = [
            _border(array, axis, side, width, mode, setting)
            for side, width in enumerate((before, after))
        ]
        array = concatenate([sides[0], array, sides[1]], axis)
    return array


def _padding(mode: Any, settings: dict[str, Any]) -> Any:
    """What the one keyword that this mode takes says."""
    if mode not in KEYWORD:
        refuse("np.pad", mode=mode)
    keyword, default = KEYWORD[mode]
    given = settings.pop(keyword, default)
    refuse("np.pad", **settings, reflect_type=given if given == "odd" else None)
    return given


def _for_each_side(array: Array, given: Any) -> Any:
    """A number for both sides of each axis, from one, two, a pair for each, or {axis: pair}."""
    if isinstance(given, dict):
        widths = np.zeros((ndim_of(array), 2), int)
        for axis, width in given.items():
            widths[axis] = width
        return widths
    return broadcast_to(given, shape=(ndim_of(array), 2))


def _border(array: Array, axis: int, side: int, width: int, mode: str, setting: Any) -> Array:
    """The new entries on one side of an axis."""
    shape = list(shape_of(array))
    shape[axis] = width
    if mode in STATISTICS:
        border = STATISTICS[mode](_nearest(array, axis, side, setting), axis=axis, keepdims=True)
    else:
        values = cast(_for_each_side(array, setting), dtype_of(array))
        border = take(values, index=(axis, side))
    if mode == "linear_ramp":
        border = _ramp(border, _nearest(array, axis, side, 1), axis, side, width)
    return broadcast_to(cast(border, dtype_of(array)), shape=tuple(shape))


def _nearest(array: Array, axis: int, side: int, lengths: Any) -> Array:
    """The entries nearest to one side of an axis: so many, or all."""
    n = shape_of(array)[axis]
    length = n if lengths is None else np.minimum(_for_each_side(array, lengths)[axis, side], n)
    return take(array, index=_along(axis, slice(n - length, n) if side else slice(length)))


def _ramp(end: Array, edge: Array, axis: int, side: int, width: int) -> Array:
    """Equal steps from the end value, outside, to the edge of the array."""
    steps = (np.arange(width) / np.maximum(width, 1)).astype(dtype_of(edge))
    steps = np.expand_dims(steps[::-1] if side else steps, tuple(range(1, ndim_of(edge) - axis)))
    return end + (edge - end) * steps
