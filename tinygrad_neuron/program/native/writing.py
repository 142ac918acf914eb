"""A run of regions as the text of one function for Numba, and of the loop around it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.program.lines import Line, Name
from tinygrad_neuron.program.native.forms import cast, form
from tinygrad_neuron.program.native.loops import Loop, of_array, of_number
from tinygrad_neuron.program.native.regions import Analysis, Region, Task
from tinygrad_neuron.program.native.views import View, indexed, part, steps

HEAD = '''"""{title}"""

import math

import numpy as np
from numba import njit
from numpy import bool_, float32, float64, inf, int8, int16, int32, int64, nan, uint8

from tinygrad_neuron.program.native.mathematics import *  # noqa: F403
from tinygrad_neuron.program.native.mathematics_single import *  # noqa: F403

fast = njit(error_model="numpy", no_cpython_wrapper=True, forceinline=True)
'''


FEW = 64  # entries of a state that are copied from step to step
Feeds = Sequence[tuple[Any, Any]]  # an input, and the result that it becomes


@dataclass
class Piece:
    """A run of regions that is compiled as one function, and what goes in and comes out.

    `given` are made elsewhere, `numbers` and `arrays` are made here and needed elsewhere, `own`
    are arrays that are needed nowhere else.
    """

    known: Analysis
    regions: Sequence[Region]
    wanted: set[Any]  # what is needed outside of the region it is made in
    elsewhere: set[Any]  # and outside of the piece
    loss: Any = None  # the number that a loop writes down

    @cached_property
    def made(self) -> dict[Any, Task]:
        """What it makes, by name, with the tasks."""
        return {task.line.name: task for region in self.regions for task in region.tasks}

    @cached_property
    def given(self) -> list[Any]:
        """The arrays and numbers that it is given, in an order."""
        uses = (x for task in self.made.values() for x in task.line.uses)
        bases = (self.known.views[x].base for x in uses)
        return list(dict.fromkeys(x for x in bases if isinstance(x, Name) and x not in self.made))

    @cached_property
    def numbers(self) -> list[Any]:
        """The numbers that it hands on."""
        return [x for x in self.made if x in self.elsewhere and not self._shape(x)]

    @cached_property
    def arrays(self) -> list[Any]:
        """The arrays that it hands on."""
        return [x for x in self.made if x in self.elsewhere and self._shape(x)]

    @cached_property
    def own(self) -> list[Any]:
        """The arrays that nobody else needs."""
        kept = (x for x, task in self.made.items() if x in self.wanted or task.kind not in ENTRIES)
        return [x for x in kept if self._shape(x) and x not in self.arrays]

    def _shape(self, x: Any) -> tuple[int, ...]:
        return self.made[x].line.shape

    def size(self, x: Any) -> int:
        """How many entries an array has."""
        return int(np.prod(self.known.views[x].shape))

    def called(self, x: Any) -> str:
        """What the text calls it."""
        return of_array(x) if self.known.views[x].shape else of_number(x)

    # -------------------------------------------------------------------------------- text

    def step(self, name: str) -> Iterator[str]:
        """The function of everything it is given and everything it fills, that gives numbers."""
        given = map(self.called, [*self.given, *self.arrays, *self.own])
        yield f"def {name}({', '.join(given)}):"
        yield "    far = False"
        for region in self.regions:
            yield from (f"    {line}" for line in self._region(region))
        yield f"    return ({', '.join(['far', *map(of_number, self.numbers)])},)"

    def call(self, name: str, step: str, checked: Sequence[Any]) -> Iterator[str]:
        """The function of what it is given that makes the arrays itself, each in its own shape.

        Before the numbers and the arrays it tells whether they are not to be used: because an angle
        was too large, or for a nan in one of `checked`.
        """
        solid = [x for x in self.given if len(self.shape(x)) > 1]
        taken = (f"in_{x}" if x in solid else self.called(x) for x in self.given)
        yield f"def {name}({', '.join(taken)}):"
        for x in solid:
            yield f"    {of_array(x)} = in_{x}.reshape({self.size(x)})"
        for x in [*self.arrays, *self.own]:
            yield f"    {of_array(x)} = {self.empty(x)}"
        given = map(self.called, [*self.given, *self.arrays, *self.own])
        found = ["odd", *map(of_number, self.numbers)]
        yield f"    ({', '.join(found)},) = {step}({', '.join(given)})"
        for x in checked:
            yield f"    odd |= {self._nan(x)}"
        arrays = (of_array(x) + self._shaped(x) for x in self.arrays)
        yield f"    return ({', '.join([*found, *arrays])},)"

    def shape(self, x: Any) -> tuple[int, ...]:
        """The shape in which an array comes; a constant is flat, in an order of its own."""
        if x in self.known.program.constants:
            return (self.size(x),)
        return self.known.views[x].shape

    def _shaped(self, x: Any) -> str:
        shape = self.shape(x)
        return f".reshape({shape})" if len(shape) > 1 else ""

    def _nan(self, x: Any) -> str:
        return f"any_nan({of_array(x)})" if self._shape(x) else f"{of_number(x)} != {of_number(x)}"

    def loop(self, name: str, step: str, feeds: Feeds, batches: Mapping[Any, int]) -> Iterator[str]:
        """The function that repeats the step.

        `feeds` are the inputs of the state with the results that they become; of `batches`, whose
        numbers are given, each step takes the next. It stops at a loss that is not finite (with
        `careful`, at a nan in the new state as well), and leaves the state that gave it in the
        state's arrays, and the one before in the `last` ones.
        """
        tables, single = self._sorted(feeds)
        rest = [x for x in self.given if x not in dict(feeds)]
        called = [f"all_{x}" if x in batches else self.called(x) for x in rest]
        given = ["steps", "first", "careful", "history", *called]
        given += [of_array(x) for x, _ in tables] + [f"last_{x}" for x, _ in tables]
        yield f"def {name}({', '.join([*given, *(of_number(x) for x, _ in single)])}):"
        yield from (f"    {line}" for line in self._whole_loop(step, tables, single, batches))

    def _sorted(self, feeds: Feeds) -> tuple[Feeds, Feeds]:
        """What feeds arrays, and what feeds numbers."""
        tables = [pair for pair in feeds if self.known.views[pair[0]].shape]
        return tables, [pair for pair in feeds if pair not in tables]

    def _whole_loop(
        self, step: str, tables: Feeds, single: Feeds, batches: Mapping[Any, int]
    ) -> Iterator[str]:
        for x in [*self.arrays, *self.own]:
            yield f"{of_array(x)} = {self.empty(x)}"
        for x, _ in tables:
            yield f"now_{x}, before_{x} = {of_array(x)}, last_{x}"
        for x, _ in single:
            yield f"last_{x} = {of_number(x)}"
        yield "done, far = steps, False"
        yield "for k in range(steps):"
        for x, n in batches.items():
            if x in self.given:
                yield f"    start = (first + k) % {n} * {self.size(x)}"
                yield f"    {of_array(x)} = all_{x}[start : start + {self.size(x)}]"
        yield from (f"    {line}" for line in self._turn(step, tables, single))
        for x, _ in tables:
            yield f"kept = {of_array(x)}.copy()"
            yield f"before_{x}[:] = last_{x}"
            yield f"now_{x}[:] = kept"
        numbers = [of_number(x) for x, _ in single] + [f"last_{x}" for x, _ in single]
        yield f"return done, far, ({''.join(f'{x}, ' for x in numbers)})"

    def _turn(self, step: str, tables: Feeds, single: Feeds) -> Iterator[str]:
        """One step, and what it made put in the place of what it was given."""
        given = map(self.called, [*self.given, *self.arrays, *self.own])
        yield f"numbers = {step}({', '.join(given)})"
        loss = 1 + self.numbers.index(self.loss)
        yield "far = numbers[0]"
        yield f"stop = far or not abs(numbers[{loss}]) < inf"
        yield "if careful:"
        for _, new in tables:
            yield f"    stop |= any_nan({of_array(new)})"
        for _, new in single:
            at = 1 + self.numbers.index(new)
            yield f"    stop |= numbers[{at}] != numbers[{at}]"
        yield "if stop:"
        yield "    done = k"
        yield "    break"
        yield f"history[k] = numbers[{loss}]"
        for x, new in tables:
            now, made = of_array(x), of_array(new)
            if self.size(x) <= FEW:  # to hand them round would count references, which costs more
                yield f"for i in range({self.size(x)}):"
                yield f"    last_{x}[i], {now}[i] = {now}[i], {made}[i]"
            else:
                yield f"last_{x}, {now}, {made} = {now}, {made}, last_{x}"
        for x, new in single:
            yield f"last_{x} = {of_number(x)}"
            yield f"{of_number(x)} = numbers[{1 + self.numbers.index(new)}]"

    def empty(self, x: Any) -> str:
        """A new flat array for it."""
        dtype = self.known.dtype(x).name
        return f"np.empty({self.size(x)}, {'bool_' if dtype == 'bool' else dtype})"

    def _region(self, region: Region) -> Iterator[str]:
        if region.kind == "loop":
            loop = Loop(region, self.known, self.wanted | self.elsewhere)
            yield from loop.text()
        elif region.kind == "scalar":
            for task in region.tasks:
                yield from self._scalar(task)
        elif region.kind == "placed":
            yield from self._placed(region.tasks[0].line)
        else:
            yield from self._product(region.tasks[0])

    def _scalar(self, task: Task) -> Iterator[str]:
        line = task.line
        operands = [self.known.operand(x, self._number(x)) for x in line.inputs]
        yield f"{of_number(line.name)} = {form(line, operands)}"

    def _number(self, x: Any) -> str:
        if not isinstance(x, Name):
            return repr(x)
        view = self.known.views[x]
        if not isinstance(view.base, Name):
            return repr(view.base)
        array = self.known.views[view.base].shape
        return f"{of_array(view.base)}[{view.start}]" if array else of_number(view.base)

    def _product(self, task: Task) -> Iterator[str]:
        a, b = (self._matrix(x) for x in task.line.inputs)
        out = f"{of_array(task.line.name)}.reshape({task.line.shape})"
        yield f"np.dot({a}, {b}, {out})"

    def _placed(self, line: Line) -> Iterator[str]:
        """Loops over the entries of arrays that are put into another one."""
        if line.primitive is ops.scatter:
            yield f"{of_array(line.name)}[:] = 0"
        for x, target in zip(line.inputs, self._targets(line), strict=True):
            for k, n in enumerate(target.shape):
                yield f"{' ' * 4 * k}for i{k} in range({n}):"
            inside = " " * 4 * len(target.shape)
            yield f"{inside}{of_array(line.name)}[{indexed(target)}] = {self._entry(x)}"

    def _targets(self, line: Line) -> Iterator[View]:
        """Where each input goes: to the place of a scatter, or behind the one before."""
        if line.primitive is ops.scatter:
            yield part(line.shape, line.settings["index"])
            return
        axis, start = line.settings.get("axis", 0) % len(line.shape), 0
        for x in line.inputs:
            end = start + self.known.views[x].shape[axis]
            yield part(line.shape, (slice(None),) * axis + (slice(start, end),))
            start = end

    def _entry(self, x: Any) -> str:
        """Entry (i0, i1, ...) of an operand."""
        view = self.known.views.get(x)
        if view is None or not isinstance(view.base, Name):
            return repr(x if view is None else view.base)
        array = self.known.views[view.base].shape
        return f"{of_array(view.base)}[{indexed(view)}]" if array else of_number(view.base)

    def _matrix(self, x: Any) -> str:
        """An operand of BLAS."""
        view = self.known.views[x]
        if not isinstance(view.base, Name) or not self.known.views[view.base].shape:
            number = cast((self._number(x), self.known.dtypes[x]), self.known.dtype(x))
            return f"np.full({view.shape}, {number})"
        for order, turn in (("C", ""), ("F", ".T")):
            whole = int(np.prod(view.shape)) == self.size(view.base) and view.start == 0
            if whole and view.strides == steps(view.shape, order):
                shape = view.shape if order == "C" else view.shape[::-1]
                return f"{of_array(view.base)}.reshape({shape}){turn}"
        return self._copied(view)

    def _copied(self, view: View) -> str:
        """A view in an order that BLAS does not take, as an array of its own."""
        moved = f"spread({of_array(view.base)}, {view.shape}, {view.strides}, {view.start})"
        return f"{moved}.reshape({view.shape})"


ENTRIES = {"entry", "rows"}
