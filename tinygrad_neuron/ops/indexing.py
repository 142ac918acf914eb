"""Some of the numbers, and putting them back: taking and adding are each other's rules.

What only moves numbers needs no rule of its own: NumPy's function is asked where it moves the
*positions* 1, 2, 3, ..., and `take` fetches the numbers from there.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_neuron.arrays import CannotError, is_foreign, refused
from tinygrad_neuron.errors import UnsupportedError
from tinygrad_neuron.graph import Array, Node, dtype_of, only, primitive
from tinygrad_neuron.ops.elementwise import astype, where
from tinygrad_neuron.ops.shape import broadcast_to, join, reshape, shape_of

BASIC = (int, slice, type(None), type(Ellipsis), np.integer)


LOOKED_UP = "entries are looked up by their places, and only slices and whole numbers say no place"


def _taken(x: Array, *, index: Any) -> Array:
    """The same of an array of another library, which may not be one piece."""
    if not is_basic(index):
        raise CannotError(LOOKED_UP)
    return x[index]


@primitive(
    lambda g, y, x, index: scatter(g, index=index, shape=shape_of(x)),
    holomorphic=True,
    foreign=_taken,
    steep=False,
)
def take(x: Array, *, index: Any) -> Array:
    """x[index], with everything NumPy reads as an index."""
    return np.asarray(x)[index]


def _framed(x: Array, *, index: Any, shape: tuple[int, ...]) -> Array:
    """x with zeros before and behind it along each axis, where the index is a box."""
    parts = _axis_by_axis(index, len(shape))
    bounds = [_bounds(part, n) for part, n in zip(parts, shape, strict=True)]
    if not bounds:
        return np.reshape(x, ())
    whole = np.reshape(x, tuple(stop - start for start, stop in bounds))
    return np.pad(
        whole, [(start, n - stop) for (start, stop), n in zip(bounds, shape, strict=True)]
    )


def _axis_by_axis(index: Any, ndim: int) -> list[Any]:
    """A whole number or a slice for each axis; new axes of length 1 are left out."""
    given = index if isinstance(index, tuple) else (index,)
    if not is_basic(given):
        raise CannotError(LOOKED_UP)
    parts = [part for part in given if part is not None]
    missing = ndim - sum(part is not Ellipsis for part in parts)
    at = next((k for k, part in enumerate(parts) if part is Ellipsis), len(parts))
    return [*parts[:at], *[slice(None)] * missing, *parts[at + 1 :]]


def _bounds(part: Any, n: int) -> tuple[int, int]:
    """The first and the last but one place along an axis."""
    if not isinstance(part, slice):
        return int(part) % n, int(part) % n + 1
    start, stop, step = part.indices(n)
    if step != 1:
        raise CannotError("a slice with a step leaves gaps, and what is put back is a box")
    return start, max(start, stop)


@primitive(
    lambda g, y, x, index, shape: take(g, index=index),
    holomorphic=True,
    foreign=_framed,
    steep=False,
)
def scatter(x: Array, *, index: Any, shape: tuple[int, ...]) -> Array:
    """Zeros of this shape with x added at the index: entries taken twice add up."""
    x = np.asarray(x)
    full = np.zeros(shape, x.dtype)
    if is_basic(index) or _is_mask(index):
        full[index] = x
    elif isinstance(index, np.ndarray) and full.ndim == 1:
        np.add.at(full, index.ravel(), x.ravel())  # 10 times faster than in more dimensions
    else:
        np.add.at(full, index, x)
    return full


def is_basic(index: Any) -> bool:
    """Whether the index is made of numbers and slices only, and so names no entry twice."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(isinstance(part, BASIC) and not isinstance(part, bool) for part in parts)


def _is_mask(index: Any) -> bool:
    return isinstance(index, np.ndarray) and index.dtype == np.bool_


def at_hand(function: str, x: Array) -> Array:
    """The plain numbers in x, for a function that decides by them what goes where."""
    numbers = only(x)
    if is_foreign(numbers):
        raise refused(function, numbers, LOOKED_UP)
    return numbers


def plain_index(index: Any) -> Any:
    """An index with the plain numbers of the Values in it: which entries is a setting."""
    if isinstance(index, tuple):
        return tuple(plain_index(part) for part in index)
    if isinstance(index, list):
        return [plain_index(part) for part in index]
    return np.array(index) if isinstance(index, np.ndarray) else only(index)


# ------------------------------------------------------------------------- moving numbers


def flat(x: Array) -> Array:
    """All entries in a row, the last axis fastest."""
    return reshape(x, shape=(-1,))


def moved(function: Callable[..., Any], *arrays: Array) -> Array:
    """function(*arrays), for a function of plain arrays that only copies entries and zeros.

    It is given the entries' positions in their place, counted from 1 through all the arrays; 0 is
    the position of a number 0.
    """
    ends = np.cumsum([0, *(np.prod(shape_of(x), dtype=int) for x in arrays)])
    positions = [
        np.arange(start + 1, end + 1).reshape(shape_of(x))
        for x, start, end in zip(arrays, ends[:-1], ends[1:], strict=True)
    ]
    source = join(np.zeros(1, bool), *map(flat, arrays))  # no dtype gives way to bool
    return take(source, index=function(*positions))


def cast(x: Array, dtype: "np.dtype[Any]") -> Array:
    """x in the precision of an array that it goes into."""
    if dtype_of(x) == dtype:
        return x
    if isinstance(x, Node) and dtype.kind not in "fc":
        raise UnsupportedError(
            f"A Value cannot be written into an array of {dtype}.",
            why="It would be rounded to whole numbers, which do not move when the Value does.",
            hint="array.astype(float)",
        )
    return astype(x, dtype=dtype)


# ---------------------------------------------------------------------- functional updates


def _fitted(new: Array, x: Array, index: Any) -> Array:
    """What x[index] is to become, in the shape and precision of x[index]."""
    shape = np.broadcast_to(False, shape_of(x))[index].shape
    new = cast(new, dtype_of(x))
    return new if shape_of(new) == shape else broadcast_to(new, shape=shape)


def set_at(x: Array, index: Any, new: Array) -> Array:
    """x as it is after `x[index] = new`; where an entry is named twice, the last one stays."""
    index = plain_index(index)

    def assign(x: Any, new: Any) -> Any:
        x[index] = new
        return x

    return moved(assign, x, _fitted(new, x, index))


def add_at(x: Array, index: Any, new: Array) -> Array:
    """x as it is after `np.add.at(x, index, new)`: where an entry is named twice, both count."""
    index = plain_index(index)
    return x + scatter(_fitted(new, x, index), index=index, shape=shape_of(x))


def multiply_at(x: Array, index: Any, new: Array) -> Array:
    """x as it is after `np.multiply.at(x, index, new)`, factor after factor."""
    index = plain_index(index)
    factors = join(np.ones(1, bool), flat(_fitted(new, x, index)))
    places = np.arange(np.prod(shape_of(x), dtype=int)).reshape(shape_of(x))[index]
    touched, turns = _in_turn(places.ravel())
    product = take(flat(x), index=touched)
    for turn in turns:
        product = product * take(factors, index=turn)
    return reshape(set_at(flat(x), touched, product), shape=shape_of(x))


def _in_turn(places: Any) -> tuple[Any, Any]:
    """The places without repetition; and row by row, whose turn it is there: 1, 2, ... or nobody's.

    >>> _in_turn(np.array([5, 3, 5]))
    (array([3, 5]), array([[2, 1],
           [0, 3]]))
    """
    touched, which = np.unique(places, return_inverse=True)
    order = np.argsort(which, kind="stable")
    turn = np.arange(len(order)) - np.searchsorted(which[order], which[order])
    turns = np.zeros((turn.max(initial=0) + 1, len(touched)), int)
    turns[turn, which[order]] = order + 1
    return touched, turns


def _share_at(g: Array, y: Array, x: Array, new: Array, index: Any) -> tuple[Array, Array, Array]:
    """Who reached the maximum, x or what was put there, and what each of them is owed."""
    elsewhere = np.ones(shape_of(x), bool)
    elsewhere[index] = False  # there x is kept, also where it is nan and equals nothing
    kept, reached = (x == y) | elsewhere | (x != x), (new == take(y, index=index)) | (new != new)
    counts = scatter(where(reached, 1.0, 0.0), index=index, shape=shape_of(x))
    return kept, reached, g / (where(kept, 1.0, 0.0) + counts)


def _owed_to_kept(g: Array, y: Array, x: Array, new: Array, index: Any) -> Array:
    kept, _, share = _share_at(g, y, x, new, index)
    return where(kept, share, 0.0)


def _owed_to_new(g: Array, y: Array, x: Array, new: Array, index: Any) -> Array:
    _, reached, share = _share_at(g, y, x, new, index)
    return where(reached, take(share, index=index), 0.0)


@primitive(
    _owed_to_kept,
    _owed_to_new,
    foreign=LOOKED_UP,
    kink="where several are the largest, equal parts for each",
    steep=False,
)
def max_at(x: Array, new: Array, *, index: Any) -> Array:
    """x as it is after `np.maximum.at(x, index, new)`; all that meet at one entry share ties."""
    x = np.array(x)
    np.maximum.at(x, index, new)
    return x


class Place:
    """`v.at[index]`: what can be done to these entries, each giving a changed copy of v."""

    def __init__(self, x: Array, index: Any) -> None:
        self.x, self.index = x, index

    def set(self, new: Array) -> Array:
        """v after `v[index] = new`; where an entry is named twice, the last one stays."""
        return set_at(self.x, self.index, new)

    def add(self, new: Array) -> Array:
        """v with this added there; entries named twice are added to twice."""
        return add_at(self.x, self.index, new)

    def multiply(self, new: Array) -> Array:
        """v multiplied there; entries named twice are multiplied twice."""
        return multiply_at(self.x, self.index, new)

    mul = multiply

    def max(self, new: Array) -> Array:
        """The larger of v and this, there; ties share the gradient equally."""
        index = plain_index(self.index)
        return max_at(self.x, _fitted(new, self.x, index), index=index)

    def min(self, new: Array) -> Array:
        """The smaller of v and this, there; ties share the gradient equally."""
        index = plain_index(self.index)
        return -max_at(-self.x, -_fitted(new, self.x, index), index=index)


class At:
    """`v.at`: what stands in for writing into v, which cannot be changed.

    >>> from tinygrad_neuron import Value
    >>> v = Value([1.0, 2.0, 3.0])
    >>> v.at[0].set(9.0), v.at[[1, 1]].add(1.0), v.at[1:].max(2.5)
    (Value([9.0, 2.0, 3.0]), Value([1.0, 4.0, 3.0]), Value([1.0, 2.5, 3.0]))
    """

    def __init__(self, x: Array) -> None:
        self.x = x

    def __getitem__(self, index: Any) -> Place:
        return Place(self.x, index)
