"""Functions of examples on arrays that lie in blocks: computed, and differentiated, in each block.

What treats each example by itself needs nothing of its neighbours. So a whole block goes through
the function as NumPy arrays, and through its pullback on the way back: one node in the graph and
one task for each block, whatever the function is made of.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from tinygrad_neuron.arrays import is_lazy
from tinygrad_neuron.graph import Array, dtype_of, plain, primitive
from tinygrad_neuron.ops.shape import ndim_of
from tinygrad_neuron.transforms import vjp


@dataclass(frozen=True)
class Work:
    """What is done to the blocks that belong together: a function, with None where it is absent.

    `axes` counts the axes along which the examples lie; a result has those alone.
    """

    function: Callable[..., Array]
    axes: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    absent: frozenset[int] = frozenset()

    def __call__(self, *xs: Array) -> Array:
        """The function of arrays, or of Values."""
        given = iter(xs)
        places = range(len(xs) + len(self.absent))
        all_of_them = [None if k in self.absent else next(given) for k in places]
        return self.function(*all_of_them, **self.settings)


@dataclass(frozen=True)
class Pullback:
    """What input number i of some work is owed when the result is owed the first input."""

    work: "Work | Pullback"
    i: int

    @property
    def axes(self) -> int:
        """As of the work."""
        return self.work.axes

    def __call__(self, g: Array, *xs: Array) -> Array:
        """One sweep, in which all the others stand still."""

        def of_one(x: Array) -> Array:
            return self.work(*xs[: self.i], x, *xs[self.i + 1 :])

        return vjp(of_one, xs[self.i])[1](g)[0]


@primitive(
    lambda g, y, *xs, work, i: in_blocks(g, *xs, work=Pullback(work, i)),
    foreign=lambda *xs, work: _mapped(work, xs),
    steep=False,
)
def in_blocks(*xs: Array, work: Work | Pullback) -> Array:
    """The work done on arrays in memory."""
    with np.errstate(all="ignore"):
        return np.asarray(plain(work(*xs)))


def _mapped(work: Work | Pullback, xs: tuple[Array, ...]) -> Array:
    """The same on Dask's arrays, block by block; a row is whole in a block."""
    import dask.array as da

    fresh = count(work.axes).__next__
    operands: list[Any] = []
    indices = []
    for x in xs:
        behind = range(work.axes, ndim_of(x))
        x = da.asarray(x).rechunk(dict.fromkeys(behind, -1))
        index = (*range(work.axes), *(fresh() for _ in behind))
        operands += [x, index]
        indices.append(index)
    rows = indices[work.i + 1][work.axes :] if isinstance(work, Pullback) else ()
    dtype = dtype_of(xs[work.i + 1] if isinstance(work, Pullback) else xs[0])
    return da.blockwise(
        OfBlocks(work), (*range(work.axes), *rows), *operands, dtype=dtype, concatenate=True,
        meta=np.empty((0,) * (work.axes + len(rows)), dtype),
    )  # fmt: skip


@dataclass(frozen=True)
class OfBlocks:
    """Work as it is sent to where the blocks are."""

    work: Work | Pullback

    def __call__(self, *blocks: Array) -> Array:
        return in_blocks.forward(*blocks, work=self.work)


def by_blocks(
    function: Callable[..., Array], xs: tuple[Any, ...], axes: int, settings: Mapping[str, Any]
) -> Array | None:
    """The function of examples on Dask's arrays, by blocks; None where it cannot be.

    The first axes of each array are those of the examples. Where none of the arrays is Dask's, or
    a setting is more than a number, there are no blocks to speak of.
    """
    there = tuple(x for x in xs if x is not None)
    numbers = all(not isinstance(x, np.ndarray) and plain(x) is x for x in settings.values())
    if not (axes and numbers and any(is_lazy(plain(x)) for x in there)):
        return None
    absent = frozenset(i for i, x in enumerate(xs) if x is None)
    return in_blocks(*there, work=Work(function, axes, settings, absent))
