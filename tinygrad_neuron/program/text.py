"""A program as text for the machine: a function of its inputs, and functions of ranges of rows."""

import ast
from collections.abc import Iterator, Sequence
from typing import Any

from tinygrad_neuron import ops
from tinygrad_neuron.program.calls import Body
from tinygrad_neuron.program.lines import Line, Name
from tinygrad_neuron.program.outlined import Rebuild, outlined
from tinygrad_neuron.program.program import Program
from tinygrad_neuron.program.source import Writer
from tinygrad_neuron.program.stages import Planner, Stage, rows_at_a_time, turns_round
from tinygrad_neuron.program.ufuncs import Kind


class Text:
    """The text of a program: `maker()` gives a function of the inputs, with buffers of its own."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.plan = Planner(program)
        self.stages = self.plan.planned()
        self.in_blocks = {i for i, stage in enumerate(self.stages) if stage.rows}
        taken = {program.name, *program.names, *program.constants, *self.plan.made}
        self.mark = "_"
        while any(name.startswith(self.mark) for name in taken):
            self.mark += "_"
        self.writer = Writer(program, False, True)
        self.scope: dict[str, Any] = {}  # what the text mentions, by its name there
        self.regions: list[str] = []
        self.maker = f"{self.mark}make"
        self.numbers_only = not self.plan.shapes or not any(self.plan.shapes.values())

    def names(self, **things: Any) -> dict[str, Any]:
        """What the text mentions by its own names."""
        return {**self.scope, **{f"{self.mark}{name}": x for name, x in things.items()}}

    def whole(self) -> str:
        """All of it: helpers, regions, and the function that makes the function."""
        body = Main(self)
        body.run()
        inner = [f"def {self.program.name}({', '.join(body.inputs)}):"]
        inner += _indented(body.said)
        maker = [f"def {self.maker}():", *_indented(body.buffers.made())]
        maker += _indented([f"{name} = {{}}" for name in body.sets])
        maker += _indented([*inner, f"return {self.program.name}"])
        return "\n".join([*self.writer.helpers, *self.regions, *maker])

    def mention(self, name: str, thing: Any) -> str:
        """The name by which the text mentions a thing."""
        self.scope[f"{self.mark}{name}"] = thing
        return f"{self.mark}{name}"

    def kind(self, name: str) -> Kind:
        """The shape and the dtype of what has a name."""
        return self.plan.shapes[name], self.plan.dtypes[name]


class Main(Body):
    """The function of the inputs: line by line, and region by region."""

    def __init__(self, text: Text) -> None:
        program = text.program
        self.results = [x for x in program.results if isinstance(x, Name)]
        lines = [line for stage in text.stages if not stage.rows for line in stage.lines]
        super().__init__(text, lines, set(self.results))
        self.inputs = [f"{self.mark}{x}" for x in program.names]
        for x, called in zip(program.names, self.inputs, strict=True):
            self.name(x, text.kind(x), called)
        for x in program.constants:
            self.name(x, text.kind(x), x)
        self.outside = {*program.names, *program.constants}
        self.skipped = {p for p, _ in self.dots.values()}
        self.checked: set[str] = set()  # for nan
        self.sets: list[str] = []  # of buffers, one for each region

    def run(self) -> None:
        """All stages in order, and the answer."""
        items = list(self._items())
        for item in items:
            for line in [item] if isinstance(item, Line) else item.lines:
                self.find_roots(line)
        for line in self.text.plan.made.values():
            if turns_round(line):
                self.find_roots(line)
        self.live([self._needs(item) for item in items])
        for i, item in enumerate(items):
            if isinstance(item, Line):
                self.line(item, i)
            else:
                self._region(item, i)
        self._answer()

    def _items(self) -> Iterator[Line | Stage]:
        for stage in self.text.stages:
            if stage.rows:
                yield stage
            else:
                yield from (x for x in stage.lines if x.name not in self.skipped)

    def _needs(self, item: Line | Stage) -> list[str]:
        if isinstance(item, Line):
            return self.uses(item)
        made = {line.name for line in item.lines}
        used = (x for line in item.lines for x in self.text.plan.sources(line))
        return [x for x in used if x not in made]

    def _region(self, stage: Stage, i: int) -> None:
        """A call that goes through the rows of a region, and what became of its sums."""
        region = Region(self.text, stage, self._leaving(stage), set(self.results))
        given = [ast.unparse(self.operand(x)) for x in region.outer]
        self.checked |= set(region.leaving)
        for x in region.leaving:
            kind = self.text.kind(x)
            target = self._target(self.text.plan.made[x], kind, None)
            if target is None:
                target = f"{self.mark}{x}"
                self.said.append(f"{target} = {self.mark}empty({kind[0]}, {kind[1].str!r})")
            self.name(x, kind, target)
            given.append(target)
        name = f"{self.mark}region{len(self.text.regions)}"
        self.text.regions.append(region.written(name))
        sums = [f"{self.mark}{x}" for x in region.sums]
        buffers = f"{self.mark}own{len(self.text.regions)}"
        call = (
            f"{self.mark}blocks({name}, {stage.rows}, {region.step}, {buffers}, "
            f"({' '.join(f'{x},' for x in given)}))"
        )
        self.sets.append(buffers)
        self.said.append(f"[{', '.join(sums)}] = {call}" if sums else call)
        for x, called in zip(region.sums, sums, strict=True):
            line = self.text.plan.made[x]
            said = self.averaged(line, called)
            said = f"float({said})" if line.number else said
            self.said.extend([f"{called} = {said}"] if said != called else [])
            self.name(x, self.text.kind(x), called)
        self.release(i)

    def _leaving(self, stage: Stage) -> list[str]:
        """What a region makes row by row that is needed after it."""
        made = stage.made
        others = [line for s in self.text.stages if s is not stage for line in s.lines]
        needed = {x for line in others for x in self.text.plan.sources(line)}
        needed |= {self.text.plan.source(x) for x in self.results}
        return [line.name for line in stage.lines if line.name in made and line.name in needed]

    def _answer(self) -> None:
        """A look for nan, where something was left out that would excuse it; and the outputs."""
        for x in dict.fromkeys(self.results) if self.text.program.whole else ():
            self._no_nan(x)
        self.handed_out: set[str] = set()
        said = outlined(self.text.program.outputs, self._result, self._rebuild)
        self.said.append(f"return {said}")

    def _rebuild(self, rebuild: Rebuild) -> str:
        return self.text.mention(f"rebuild{len(self.text.scope)}", rebuild)

    def _no_nan(self, name: Name) -> None:
        shape, dtype = self.text.kind(name)
        if dtype is None or dtype.kind not in "fc" or name in self.checked:
            return
        # of a matrix the other way round the matrix: against the grain it takes longer
        called = ast.unparse(self.operand(self.text.plan.source(name)))
        if shape:
            self.said.append(f"{self.mark}t = {self._np('vdot')}({called}, {called})")
            called = f"{self.mark}t"
        self.said.append(f"if {called} != {called}: raise FloatingPointError")

    def _result(self, x: Any) -> str:
        """A result that is nobody else's: a copy of what is, or may be, another one's memory."""
        said = ast.unparse(self.operand(x))
        if not isinstance(x, Name):
            return said
        shape, dtype = self.text.kind(x)
        if dtype is None:
            return said
        if not shape:
            line = self.text.plan.made.get(x)
            return said if line is None or line.number else f"{self.mark}tidy({said})"
        roots = self.roots.get(x, {x})
        shared = roots & (self.outside | self.handed_out) or any(r in self.holds for r in roots)
        self.handed_out |= roots
        return f"{said}.copy()" if shared else said


class Region(Body):
    """A function of a range of rows, whose answer is a part of each sum."""

    def __init__(self, text: Text, stage: Stage, leaving: list[str], results: set[str]) -> None:
        super().__init__(text, stage.lines, set(leaving))
        self.stage, self.leaving, self.results = stage, leaving, results
        self.step = rows_at_a_time(stage, text.plan.shapes)
        made = {line.name for line in stage.lines}
        used = (x for line in stage.lines for x in text.plan.sources(line))
        self.outer = [x for x in dict.fromkeys(used) if x not in made]
        self.sums = [line.name for line in stage.lines if line.name in stage.sums]
        self.lines = [x for x in stage.lines if x.name not in {p for p, _ in self.dots.values()}]

    def kind_here(self, line: Line) -> Kind:
        """Of a block."""
        return self._block(line.name)

    def _block(self, name: str) -> Kind:
        shape, dtype = self.text.kind(name)
        rows = name in self.stage.blocked or name in self.stage.made
        return ((self.step, *shape[1:]) if rows else shape), dtype

    def written(self, name: str) -> str:
        """Its text, under this name; its arguments are what it uses, and what it writes to."""
        start, end, own = (f"{self.mark}{x}" for x in ("i", "j", "own"))
        arguments = [f"{self.mark}a{i}" for i in range(len(self.outer) + len(self.leaving))]
        for x, called in zip((*self.outer, *self.leaving), arguments, strict=True):
            if x in self.stage.blocked or x in self.stage.made:
                self.said.append(f"{called} = {called}[{start}:{end}]")
            self.name(x, self._block(x), called)
        self.given = dict(zip(self.leaving, arguments[len(self.outer) :], strict=True))
        for line in self.lines:
            self.find_roots(line)
        self.live([self.uses(line) for line in self.lines])
        for i, line in enumerate(self.lines):
            self.line(line, i)
        self._no_nan()
        self.said.append(f"return ({' '.join(f'{self.mark}{x},' for x in self.sums)})")
        head = f"def {name}({', '.join([start, end, own, *arguments])}):"
        return "\n".join([head, *_indented([*self._buffers(own, f"{end} - {start}"), *self.said])])

    def _buffers(self, own: str, rows: str) -> Iterator[str]:
        """The buffers of this thread, made when it comes first; shorter ones for the last rows."""
        if self.buffers.kinds:
            new = (f"{self.mark}empty({shape}, {d.str!r})" for shape, d in self.buffers.kinds)
            yield f"if not {own}: {own} += [{', '.join(new)}]"
            names = f"[{', '.join(self.buffers.names)}]"
            yield f"{names} = {own} if {rows} == {self.step} else [x[:{rows}] for x in {own}]"

    def line(self, line: Line, i: int) -> None:
        """One line; of a sum over all rows, the part of these."""
        if line.name not in self.stage.sums:
            super().line(line, i)
            return
        called = f"{self.mark}{line.name}"
        self.said.append(f"{called} = {self._part(line)}")
        self.release(i)

    def _part(self, line: Line) -> str:
        if line.primitive is ops.matmul:
            a, b = (ast.unparse(self.operand(x)) for x in line.inputs)
            return f"{self._np('dot')}({a}, {b})"
        whole = self.whole_sum(line)
        if whole is not None:
            return whole
        return f"{self._of('add.reduce')}({ast.unparse(self.operand(line.inputs[0]))}, 0)"

    def _no_nan(self) -> None:
        """While the block is at hand."""
        for x in self.leaving:
            if self.text.program.whole and x in self.results and self.text.kind(x)[1].kind in "fc":
                called = self.given[x]
                self.said.append(f"{self.mark}t = {self._np('vdot')}({called}, {called})")
                self.said.append(f"if {self.mark}t != {self.mark}t: raise FloatingPointError")


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]
