"""Arrays that are other arrays' numbers in another arrangement: where each entry stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.graph import Primitive
from tinygrad_neuron.ops.indexing import is_basic
from tinygrad_neuron.program.lines import Line, Name, Shape

VIEWS: frozenset[Primitive] = frozenset(
    {ops.broadcast_to, ops.transpose, ops.reshape, ops.expand_dims, ops.squeeze, ops.take}
)


@dataclass(frozen=True)
class View:
    """Entry (i, j, ...) is `base[start + i * strides[0] + j * strides[1] + ...]`."""

    base: Any  # the name of a flat array; or of one number, or a number itself, all strides 0
    shape: Shape
    strides: tuple[int, ...]
    start: int = 0

    @property
    def plain(self) -> bool:
        """Whether it is the whole base in its own order."""
        return self.start == 0 and self.strides == steps(self.shape)

    def stretched(self, shape: Shape) -> tuple[int, ...]:
        """The strides in a space that it is broadcast to."""
        added = len(shape) - len(self.shape)
        own = (0 if n == 1 else s for n, s in zip(self.shape, self.strides, strict=True))
        return (0,) * added + tuple(own)


def steps(shape: Shape, order: str = "C") -> tuple[int, ...]:
    """The strides of an array in entries; of what has one entry along an axis, 0."""
    x = np.lib.stride_tricks.as_strided(np.empty(1, np.int8), shape, writeable=False)
    sizes = np.cumprod([1, *(x.shape[::-1] if order == "C" else x.shape)])[:-1]
    found = sizes[::-1] if order == "C" else sizes
    return tuple(0 if n == 1 else int(k) for n, k in zip(shape, found, strict=True))


def seen_through(line: Line, views: Mapping[Any, View]) -> View | None:
    """The view that a line is of what it is given; None where it makes numbers, or copies them."""
    if line.primitive not in VIEWS or (
        line.primitive is ops.take and not is_basic(line.settings["index"])
    ):
        return None
    (x,) = line.inputs
    before = views[x] if isinstance(x, Name) else View(x, (), ())
    if line.primitive is ops.broadcast_to:
        return View(before.base, line.shape, before.stretched(line.shape), before.start)
    if before.base not in views or not before.shape:
        return View(before.base, line.shape, (0,) * len(line.shape), before.start)
    return _applied(line, before, int(np.prod(views[before.base].shape)))


def part(shape: Shape, index: Any) -> View:
    """Where a part of an array of this shape stands, that numbers and slices name."""
    dummy = np.empty(shape, np.int8)
    return _seen(dummy, _at(dummy, index), "")


def indexed(view: View) -> str:
    """The place of entry (i0, i1, ...) in the base."""
    terms = (f"i{k} * {s}" for k, s in enumerate(view.strides) if s)
    return " + ".join([*terms, str(view.start)])


def _at(x: Any, index: Any) -> Any:
    """A part as a view, and not as a number, also where every axis is given one."""
    parts = index if isinstance(index, tuple) else (index,)
    return x[parts if ... in parts else (*parts, ...)]


def _seen(dummy: Any, seen: Any, base: Any) -> View:
    """A view in memory as one in entries."""
    start = _address(seen) - _address(dummy)
    return View(base, seen.shape, _strides(seen), start if seen.size else 0)


def _address(x: Any) -> int:
    return int(x.__array_interface__["data"][0])


def _strides(x: Any) -> tuple[int, ...]:
    return tuple(0 if n == 1 else s for n, s in zip(x.shape, x.strides, strict=True))


def _applied(line: Line, before: View, size: int) -> View | None:
    """What NumPy makes of a dummy with the same strides; None where it copies."""
    dummy = np.empty(size, np.int8)
    given = np.lib.stride_tricks.as_strided(dummy[before.start :], before.shape, before.strides)
    if line.primitive is ops.take:
        seen = _at(given, line.settings["index"])
    else:
        seen = np.asarray(line.primitive.forward(given, **line.settings))
    if seen.size and not np.may_share_memory(dummy, seen):
        return None
    return _seen(dummy, seen, before.base)
