"""A program in regions: lines that one loop computes together, and those that stand alone."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.ops.indexing import is_basic
from tinygrad_neuron.ops.shape import shape_of
from tinygrad_neuron.program.lines import Line, Name, Shape
from tinygrad_neuron.program.native.forms import FLOATS, TYPES, Operand, form, number
from tinygrad_neuron.program.native.views import View, seen_through, steps
from tinygrad_neuron.program.program import Program

SHORT = 32  # entries of a row that are written out one by one

SUMS = {ops.sum, ops.mean, ops.sum_to}
EXTREMES = {ops.max, ops.min}
LOOPED = {"entry", "rows", "columns", "total"}


@dataclass(frozen=True)
class Task:
    """A line and how it is computed, over which entries.

    | kind | computes |
    |---|---|
    | scalar | one number |
    | entry | one number for each entry of the space |
    | rows | a table of short rows times a vector: one number for each row |
    | columns | such a table, turned round, times a long vector: for each column a sum over rows |
    | total | a sum or an extreme over some axes of the space |
    | product | a product of matrices, by BLAS |
    | placed | zeros with an array at a part of them, or arrays behind one another |
    | call | by NumPy |
    """

    line: Line
    kind: str
    space: Shape = ()


@dataclass
class Region:
    """Tasks computed together: one loop over a space, a straight line of numbers, or one task."""

    kind: str
    space: Shape
    tasks: list[Task] = field(default_factory=list)


@dataclass
class Analysis:
    """What is known of the names in a program, and its regions in an order that works."""

    program: Program
    views: dict[Any, View] = field(default_factory=dict)  # of all that stands in arrays, or numbers
    dtypes: dict[Any, Any] = field(default_factory=dict)  # None for a Python float
    regions: list[Region] = field(default_factory=list)
    made_in: dict[Any, int] = field(default_factory=dict)  # the number of a region
    tasks: dict[Any, Task] = field(default_factory=dict)
    seen: dict[Any, Line] = field(default_factory=dict)  # lines that are only views

    def __post_init__(self) -> None:
        for x in self.program.inputs:
            if x.shape is not None:
                self._stands(Name(x.name), x.shape, None if x.number else x.dtype)
        for name, x in self.program.constants.items():
            order = "F" if self._in_columns(name, x) else "C"
            self._stands(Name(name), shape_of(x), x.dtype, order)
        for line in self.program.lines:
            self._place(line)

    def _in_columns(self, name: str, x: Any) -> bool:
        """Whether a constant is a table of short rows that a vector is multiplied by."""
        if x.ndim != 2 or not x.shape[1] <= SHORT < x.shape[0]:
            return False
        products = (y for y in self.program.lines if y.primitive is ops.matmul)
        return any(y.inputs[0] == name and len(y.shape) == 1 for y in products)

    def _stands(self, name: Any, shape: Shape, dtype: Any, order: str = "C") -> None:
        self.dtypes[name] = dtype
        self.views[name] = View(name, shape, steps(shape, order))

    def order(self, name: Any) -> str:
        """How an array stands in memory: "C", or "F" for columns."""
        view = self.views[name]
        return "C" if view.strides == steps(view.shape) else "F"

    def dtype(self, x: Any) -> Any:
        """The dtype of an operand."""
        return np.dtype(float if self.dtypes[x] is None else self.dtypes[x])

    def _place(self, line: Line) -> None:
        known = all(x in self.views and self.dtype(x).name in TYPES for x in line.uses)
        view = seen_through(line, self.views) if known else None
        dtype = None if line.number else line.dtype
        if view is not None:
            self.views[line.name], self.dtypes[line.name] = view, dtype
            self.seen[line.name] = line
            return
        task = self._task(line) if known and np.dtype(line.dtype).name in TYPES else None
        task = task or Task(line, "call")
        self._stands(line.name, line.shape, dtype)
        self.tasks[line.name] = task
        at = self._region(task, max((self._after(task, x) for x in line.uses), default=0))
        self.regions[at].tasks.append(task)
        self.made_in[line.name] = at

    def _after(self, task: Task, x: Any) -> int:
        """The first region in which a task can stand that uses a name."""
        view = self.views.get(x)
        base = x if view is None else view.base
        at = self.made_in.get(base)
        if at is None:
            return 0
        here = task.kind == "scalar" == self.regions[at].kind
        return at if here or self._at_hand(task, x) else at + 1

    def _at_hand(self, task: Task, x: Any) -> bool:
        """Whether a loop has just made the very entry of x that a task uses."""
        if task.kind not in ("entry", "total", "columns"):
            return False
        if task.kind == "columns" and x == task.line.inputs[0]:
            return False
        view = self.views[x]
        maker = self.tasks.get(view.base)
        made = maker is not None and maker.kind in ("entry", "rows")
        return bool(made and view.plain and self.views[view.base].shape == task.space == view.shape)

    def _region(self, task: Task, least: int) -> int:
        kind = "loop" if task.kind in LOOPED else task.kind
        if kind in ("scalar", "loop"):
            for i in range(least, len(self.regions)):
                if (self.regions[i].kind, self.regions[i].space) == (kind, task.space):
                    return i
        self.regions.append(Region(kind, task.space))
        return len(self.regions) - 1

    # ------------------------------------------------------------------------ kinds of tasks

    def _task(self, line: Line) -> Task | None:
        shapes = [self.views[x].shape if isinstance(x, Name) else () for x in line.inputs]
        if 0 in (n for shape in (*shapes, line.shape) for n in shape):
            return None
        if line.primitive is ops.matmul:
            return self._product(line, shapes)
        if line.primitive in SUMS | EXTREMES and shapes[0]:
            return self._total(line, shapes[0])
        if line.primitive is ops.scatter:
            return Task(line, "placed") if is_basic(line.settings["index"]) else None
        if line.primitive is ops.join:
            alike = {self.dtype(x) if isinstance(x, Name) else None for x in line.inputs}
            return Task(line, "placed") if alike == {line.dtype} else None
        return self._entry(line, shapes)

    def _entry(self, line: Line, shapes: list[Shape]) -> Task | None:
        numbers = (x for x in line.inputs if not isinstance(x, Name))
        if not all(isinstance(x, float | int | np.floating | np.bool_) for x in numbers):
            return None
        uneven = line.primitive.name == "unless_idle" and len({*shapes}) > 1
        operands = [self.operand(x, "x") for x in line.inputs]
        if uneven or form(line, operands) is None:
            return None
        return Task(line, "entry" if line.shape else "scalar", line.shape)

    def operand(self, x: Any, text: str) -> Operand:
        """An operand of a form: a text for a name, or a number."""
        if isinstance(x, np.generic) and not isinstance(x, float):
            return number(float(x), x.dtype), x.dtype
        return (text, self.dtypes[x]) if isinstance(x, Name) else (repr(x), None)

    def _total(self, line: Line, shape: Shape) -> Task | None:
        given = self.dtype(line.inputs[0]) if isinstance(line.inputs[0], Name) else None
        counts = line.primitive is ops.sum and given is not None and given.kind in "bi"
        fits = line.dtype in FLOATS and given == line.dtype
        if not shape or not (fits or (counts and line.dtype == np.int64)):
            return None
        return Task(line, "total", shape)

    def _product(self, line: Line, shapes: list[Shape]) -> Task | None:
        if line.dtype not in FLOATS or {self.dtype(x) for x in line.uses} != {line.dtype}:
            return None
        (n, *more), (m, *others) = shapes
        if not more and not others:
            return Task(line, "total", shapes[0])
        if len(more) == 1 and not others and min(n, m) <= SHORT:
            return Task(line, "rows", (n,)) if m <= SHORT else Task(line, "columns", (m,))
        return Task(line, "product") if len(more) <= 1 and len(others) <= 1 else None


def summed_axes(line: Line, space: Shape) -> tuple[int, ...]:
    """The axes of a space that a reduction goes over."""
    if line.primitive is ops.matmul:
        return (0,)
    if line.primitive is ops.sum_to:
        shape = line.settings["shape"]
        added = len(space) - len(shape)
        kept = {k + added for k, n in enumerate(shape) if n == space[k + added]}
        return tuple(k for k in range(len(space)) if k not in kept)
    axis = line.settings["axis"]
    axes = range(len(space)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple(sorted(k % len(space) for k in axes))


def pieces(analysis: Analysis) -> Iterator[list[Region]]:
    """The regions in runs that one compiled function can do; a call stands alone."""
    run: list[Region] = []
    for region in analysis.regions:
        if region.kind == "call":
            if run:
                yield run
            yield [region]
            run = []
        else:
            run.append(region)
    if run:
        yield run
