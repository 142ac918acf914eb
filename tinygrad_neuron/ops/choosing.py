"""Which numbers, and in which order: decided by the numbers themselves or by conditions.

The decision is only, and flat: what moves with the input are the numbers that were chosen.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_neuron.errors import refuse
from tinygrad_neuron.graph import Array, Node, dtype_of, only, primitive
from tinygrad_neuron.ops.elementwise import where
from tinygrad_neuron.ops.indexing import (
    LOOKED_UP,
    at_hand,
    cast,
    flat,
    moved,
    plain_index,
    scatter,
    set_at,
    take,
)
from tinygrad_neuron.ops.shape import broadcast_to, concatenate, shape_of
from tinygrad_neuron.ops.steps import answering

# ------------------------------------------------------------------------------ by conditions


def select_first(condlist: Sequence[Array], choicelist: Sequence[Array], default: Any = 0) -> Array:
    """NumPy's `select`: from the choice whose condition is the first to hold; else the default."""
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(f"{len(condlist)} conditions for {len(choicelist)} choices")
    chosen = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        chosen = where(condition, choice, chosen)
    return chosen


def piecewise(x: Array, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Array:
    """Each entry through the function whose condition holds there, the last one if several do.

    A function is called with the entries that are its own; a number stands for itself; one function
    more than conditions is for all the others, where otherwise 0 is.
    """
    conditions = _conditions(x, condlist)
    if len(funclist) == len(conditions) + 1:
        conditions = [*conditions, ~np.logical_or.reduce(conditions)]
    if len(funclist) != len(conditions):
        raise ValueError(f"{len(conditions)} conditions for {len(funclist)} functions")
    y: Array = np.zeros(shape_of(x), dtype_of(x))
    for condition, function in zip(conditions, funclist, strict=True):
        if callable(function) and condition.any():
            y = set_at(y, condition, function(take(x, index=condition), *args, **kw))
        elif not callable(function):
            y = set_at(y, condition, function)
    return y


def _conditions(x: Array, condlist: Any) -> list[Any]:
    """The conditions as arrays; one alone may stand without a list."""
    several = isinstance(condlist, list | tuple) and (
        not shape_of(x) or all(np.ndim(only(c)) for c in condlist)
    )
    parts = condlist if several or np.ndim(only(condlist)) > len(shape_of(x)) else [condlist]
    return [np.array(np.broadcast_to(np.asarray(only(c), bool), shape_of(x))) for c in parts]


def choose(a: Any, choices: Sequence[Array], out: Any = None, mode: Any = "raise") -> Array:
    """Entry by entry from the choice of this number."""
    refuse("np.choose", out=out)
    return moved(lambda *choices: np.choose(only(a), choices, mode=mode), *choices)


def compress(condition: Any, a: Array, axis: int | None = None, out: Any = None) -> Array:
    """The entries along an axis, or of all, where the condition holds."""
    refuse("np.compress", out=out)
    return moved(lambda x: np.compress(only(condition), x, axis), a)


def extract(condition: Any, arr: Array) -> Array:
    """All the entries where the condition holds, in a row."""
    return moved(lambda x: np.extract(only(condition), x), arr)


# --------------------------------------------------------------------------------- by number


def take_entries(
    a: Array, indices: Any, axis: int | None = None, out: Any = None, mode: str = "raise"
) -> Array:
    """NumPy's `take`: the entries of these numbers along an axis, or of all."""
    refuse("np.take", out=out)
    a, axis = (flat(a), 0) if axis is None else (a, axis)
    axis = np.lib.array_utils.normalize_axis_index(axis, len(shape_of(a)))
    n, index = shape_of(a)[axis], np.array(plain_index(indices), np.intp)
    inside = {"raise": index, "wrap": index % n, "clip": np.clip(index, 0, n - 1)}
    if mode not in inside:
        refuse("np.take", mode=mode)
    return take(a, index=(*(slice(None),) * axis, inside[mode]))


def take_along_axis(arr: Array, indices: Any, axis: int | None = -1) -> Array:
    """For each line along an axis the entries of its own numbers, as `argsort` gives them."""
    return moved(lambda x: np.take_along_axis(x, only(indices), axis), arr)


# ---------------------------------------------------------------------------------- by order


def _mean_of_groups(x: Array, group: Any) -> Array:
    """The mean of each group, at each of its entries."""
    total = scatter(x, index=group, shape=(int(group.max()) + 1,))
    counts = np.bincount(group.ravel()).astype(dtype_of(total))
    return take(total / counts, index=group)


@primitive(
    lambda g, y, x, group: _mean_of_groups(g, group),
    holomorphic=True,
    foreign=LOOKED_UP,
    kink="where `sort`, `partition` or `unique` chose among equal entries, equal parts for each",
    steep=False,
)
def even(x: Array, *, group: Any) -> Array:
    """Each entry as the mean of the entries with its group number; to the bit, where all are equal.

    So equal numbers stay what they are, and are owed equal parts.
    """
    x = np.asarray(x)
    one = np.empty(int(group.max()) + 1, x.dtype)
    one[group.ravel()] = x.ravel()
    one = one[group]
    return one + _mean_of_groups(np.subtract(x, one, out=np.zeros_like(x), where=x != one), group)


def _ties_shared(x: Array, axis: int) -> Array:
    """Sorted lines whose equal neighbours are owed equal parts."""
    lines = np.moveaxis(only(x), axis, -1)
    begins = np.ones(lines.shape, bool)
    begins[..., 1:] = lines[..., 1:] != lines[..., :-1]
    if begins.all():
        return x
    group = np.cumsum(begins).reshape(lines.shape) - 1
    return even(x, group=np.ascontiguousarray(np.moveaxis(group, -1, axis)))


def sort(
    a: Array, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Array:
    """From the smallest to the largest along an axis; equal entries share what they are owed."""
    refuse("np.sort", order=order)
    a, axis = (flat(a), -1) if axis is None else (a, axis)
    places = np.argsort(at_hand("sort", a), axis, kind, stable=stable)
    return _ties_shared(take_along_axis(a, places, axis), axis)


def partition(
    a: Array, kth: Any, axis: int | None = -1, kind: Any = "introselect", order: Any = None
) -> Array:
    """With the entries kth in order in their places, smaller ones before and larger ones behind."""
    refuse("np.partition", order=order)
    a, axis = (flat(a), -1) if axis is None else (a, axis)
    parted = np.partition(at_hand("partition", a), kth, axis, kind)
    ranks = np.argsort(np.argsort(parted, axis, stable=True), axis)
    return take_along_axis(sort(a, axis), ranks, axis)


def unique(
    ar: Array,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,  # noqa: A002  # NumPy's name; in order is one of the orders it may mean
) -> Any:
    """The different entries, in order; equal ones share what their one is owed.

    Places and counts come as plain arrays. Raises `UnsupportedError` (TN131) for an axis.
    """
    refuse("np.unique", axis=axis)
    x = flat(ar)
    _, index, inverse, counts = np.unique(
        at_hand("unique", x), True, True, True, equal_nan=equal_nan
    )
    values = take(even(x, group=inverse) if len(index) < len(inverse) else x, index=index)
    wanted = {return_index: index}, {return_inverse: inverse}, {return_counts: counts}
    extra = tuple(found[True] for found in wanted if True in found)
    return (values, *extra) if extra else values


class UniqueAllResult(NamedTuple):
    """The different entries; where each stands first, which of them each entry is, how often."""

    values: Array
    indices: Array
    inverse_indices: Array
    counts: Array


class UniqueCountsResult(NamedTuple):
    """The different entries, and how often each occurs."""

    values: Array
    counts: Array


class UniqueInverseResult(NamedTuple):
    """The different entries, and which of them each entry is."""

    values: Array
    inverse_indices: Array


def unique_all(x: Array, /) -> UniqueAllResult:
    """`unique` with everything it can tell; every nan is one of its own."""
    values, index, inverse, counts = unique(x, True, True, True, equal_nan=False)
    return UniqueAllResult(values, index, np.reshape(inverse, shape_of(x)), counts)


def unique_counts(x: Array, /) -> UniqueCountsResult:
    """The different entries, and how often each occurs."""
    return UniqueCountsResult(*unique(x, return_counts=True, equal_nan=False))


def unique_inverse(x: Array, /) -> UniqueInverseResult:
    """The different entries, and which of them each entry is."""
    every = unique_all(x)
    return UniqueInverseResult(every.values, every.inverse_indices)


def unique_values(x: Array, /) -> Array:
    """The different entries, in order; every nan is one of its own."""
    return unique(x, equal_nan=False)


# ---------------------------------------------------------------------------- rows as sets


def _of_both(ar1: Array, ar2: Array) -> Array:
    """The entries of two arrays in one row."""
    return concatenate([ar1, ar2], axis=None)


def union1d(ar1: Array, ar2: Array) -> Array:
    """The entries that are in either, in order; equal ones share what their one is owed."""
    return unique(_of_both(ar1, ar2))


def intersect1d(
    ar1: Array, ar2: Array, assume_unique: bool = False, return_indices: bool = False
) -> Any:
    """The entries that are in both, in order; with `return_indices` also where they stand first."""
    both = at_hand("intersect1d", ar1), at_hand("intersect1d", ar2)
    common, first, second = np.intersect1d(*both, assume_unique, True)
    every = union1d(ar1, ar2)
    values = take(every, index=np.isin(only(every), common))
    return (values, first, second) if return_indices else values


def setdiff1d(ar1: Array, ar2: Array, assume_unique: bool = False) -> Array:
    """The entries of the first that are not in the second."""
    ar1 = flat(ar1) if assume_unique else unique(ar1)
    return take(ar1, index=~np.isin(only(ar1), only(ar2)))


def setxor1d(ar1: Array, ar2: Array, assume_unique: bool = False) -> Array:
    """The entries that are in one of them only, in order."""
    every = union1d(ar1, ar2)
    one = np.setxor1d(only(ar1), only(ar2), assume_unique)
    return take(every, index=np.isin(only(every), one))


# ---------------------------------------------------------------------------- plain answers


argpartition = answering(np.argpartition)
argsort = answering(np.argsort)
argwhere = answering(np.argwhere)
flatnonzero = answering(np.flatnonzero)
nonzero = answering(np.nonzero)


def _blank(a: Array) -> Array:
    """Something of a Value's shape and dtype: its numbers, which may be many, are not asked for."""
    return np.empty(shape_of(a), dtype_of(a)) if isinstance(a, Node) else a


def empty_like(prototype: Array, *args: Any, **settings: Any) -> Array:
    """NumPy's `empty_like`: an array of this shape and dtype, plain, with anything in it."""
    return np.empty_like(_blank(prototype), *args, **settings)


def ones_like(a: Array, *args: Any, **settings: Any) -> Array:
    """NumPy's `ones_like`: an array of this shape and dtype, plain, full of ones."""
    return np.ones_like(_blank(a), *args, **settings)


def zeros_like(a: Array, *args: Any, **settings: Any) -> Array:
    """NumPy's `zeros_like`: an array of this shape and dtype, plain, full of zeros."""
    return np.zeros_like(_blank(a), *args, **settings)


def full_like(a: Array, fill_value: Array, **settings: Any) -> Array:
    """An array like this one, full of a number; a Value, if the number is one."""
    if not isinstance(fill_value, Node):
        return np.full_like(_blank(a), fill_value, **settings)
    like = np.empty_like(_blank(a), **settings)
    return broadcast_to(cast(fill_value, like.dtype), shape=like.shape)
