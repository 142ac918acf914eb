"""Which lines of a program run together: regions that go block by block through large arrays.

A block of some thousand rows stays in the cache from one line to the next, where whole arrays would
go through memory once for each line. What can be in a region is computed row by row, or is a sum
over all rows: of sums each block gives a part.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tinygrad_neuron import ops
from tinygrad_neuron.backward import unless_idle
from tinygrad_neuron.program.lines import Line, Name
from tinygrad_neuron.program.program import Program

BLOCK = 8192  # entries of a block, which is 64 kB of float64
WORTH = 16 * BLOCK  # entries; smaller arrays stay in the cache as they are
STREAMED = 16 * BLOCK  # entries of a block that is only read
SMALL_MATRIX = 1024  # entries; against a larger one BLAS does better with all rows at once

ALONG_AXES = {ops.sum, ops.mean, ops.max, ops.min, ops.softmax, ops.log_softmax, ops.logsumexp}
REAL = "f"

Shape = tuple[int, ...]


@dataclass
class Stage:
    """Lines that run one after the other (rows 0), or together, some rows at a time."""

    rows: int = 0  # how many rows there are in all
    lines: list[Line] = field(default_factory=list)
    blocked: set[str] = field(default_factory=set)  # what is taken row by row
    whole: set[str] = field(default_factory=set)  # and what is not
    sums: set[str] = field(default_factory=set)

    @property
    def made(self) -> set[str]:
        """What comes out of it row by row."""
        return {str(line.name) for line in self.lines} - self.sums


@dataclass(frozen=True)
class Part:
    """How a line takes part in a region: its operands row by row, and whether it adds them up."""

    blocked: frozenset[str]
    adds: bool = False


@dataclass
class Planner:
    """The stages of a program, in an order in which they can run."""

    program: Program
    stages: list[Stage] = field(default_factory=list)
    place: dict[str, int] = field(default_factory=dict)  # the stage in which a name is made

    def __post_init__(self) -> None:
        program = self.program
        self.shapes: dict[str, Shape] = {x.name: x.shape or () for x in program.inputs}
        self.shapes |= {name: x.shape for name, x in program.constants.items()}
        self.shapes |= {line.name: line.shape for line in program.lines}
        self.dtypes: dict[str, Any] = {x.name: x.dtype for x in program.inputs}
        self.dtypes |= {line.name: line.dtype for line in program.lines}
        self.dtypes |= {name: x.dtype for name, x in program.constants.items()}
        self.made: dict[str, Line] = {line.name: line for line in program.lines}

    def planned(self) -> list[Stage]:
        """Each line in the first stage that can have it; what is too small goes line by line."""
        for line in self.program.lines:
            if not turns_round(line):  # another view, taken where it is used
                self._placed(line)
        return [_settled(stage, self.shapes) for stage in self.stages]

    def _placed(self, line: Line) -> None:
        rows = self._rows(line)
        part = self.part(line, rows) if rows else None
        uses = (x for x in self.sources(line) if x in self.place)
        first = max((self._after(x, part, rows) for x in uses), default=0)
        for i in range(first, len(self.stages)):
            if self._fits(line, part, rows, self.stages[i]):
                break
        else:
            i = len(self.stages)
            self.stages.append(Stage(rows if part else 0))
        stage = self.stages[i]
        stage.lines.append(line)
        self.place[line.name] = i
        if part:
            stage.blocked |= part.blocked
            stage.whole |= set(self.sources(line)) - part.blocked
            stage.sums |= {line.name} if part.adds else set()

    def _fits(self, line: Line, part: Part | None, rows: int, stage: Stage) -> bool:
        """Whether a line can be in a stage: nothing may be taken both as rows and as a whole."""
        if part is None:
            return not stage.rows
        whole = set(self.sources(line)) - part.blocked
        mixed = part.blocked & stage.whole or whole & stage.blocked
        return stage.rows == rows and not mixed

    def _after(self, name: str, part: Part | None, rows: int) -> int:
        """The first stage in which a name can be used."""
        i = self.place[name]
        stage = self.stages[i]
        if stage.rows == 0:
            return i + (part is not None)
        together = part is not None and stage.rows == rows and name in part.blocked
        return i if together and name not in stage.sums else i + 1

    def _rows(self, line: Line) -> int:
        """How many rows it would have in a region: of its result, or of what it adds up."""
        shapes = [line.shape, *(self.shapes[x] for x in self.sources(line))]
        largest = max(shapes, key=math.prod)
        return largest[0] if math.prod(largest) >= WORTH else 0

    def sources(self, line: Line) -> list[Name]:
        """Its operands; of a matrix the other way round, the matrix."""
        return [self.source(x) for x in line.uses]

    def source(self, name: Name) -> Name:
        """Of a matrix the other way round the matrix; else the name itself."""
        line = self.made.get(name)
        turned = line is not None and turns_round(line) and isinstance(line.inputs[0], Name)
        return self.source(line.inputs[0]) if line is not None and turned else name

    def part(self, line: Line, rows: int) -> Part | None:
        """How it takes part in a region of so many rows; None if it cannot."""
        if any(isinstance(x, Name) for s in line.settings.values() for x in _flat(s)):
            return None
        turned = [x for x in line.uses if self.source(x) != x]
        if line.primitive is not ops.matmul and turned:
            return None
        if line.primitive.elementwise or line.primitive is unless_idle:
            return self._entry_by_entry(line, rows)
        if line.primitive is ops.matmul:
            return self._product(line, rows)
        return self._of_one(line, rows)

    def _entry_by_entry(self, line: Line, rows: int) -> Part | None:
        if line.shape[:1] != (rows,):
            return None
        blocked = set()
        for x in line.uses:
            shape = self.shapes[x]
            if len(shape) == len(line.shape) and shape[0] == rows:
                blocked.add(x)
            elif line.primitive is unless_idle:
                return None
        return Part(frozenset(blocked))

    def _product(self, line: Line, rows: int) -> Part | None:
        """Rows times a small matrix; or columns times rows, which adds up."""
        a, b = line.inputs
        if not (isinstance(a, Name) and isinstance(b, Name)) or len(self.shapes[b]) not in (1, 2):
            return None
        if line.dtype.kind != REAL or len(self.shapes[a]) != 2:
            return None
        if (
            self.shapes[a][0] == rows
            and self.source(a) == a
            and math.prod(self.shapes[b]) <= SMALL_MATRIX
        ):
            return Part(frozenset({a}))
        source = self.source(a)
        whole_rows = source != a and self.source(b) == b and self.shapes[b][0] == rows
        if whole_rows and math.prod(line.shape) <= SMALL_MATRIX:
            return Part(frozenset({source, b}), adds=True)
        return None

    def _of_one(self, line: Line, rows: int) -> Part | None:
        """A reduction, of which the rows stay or are added up; an axis more or less behind them."""
        if len(line.inputs) != 1 or not isinstance(line.inputs[0], Name):
            return None
        (x,) = line.inputs
        shape = self.shapes[x]
        if shape[:1] != (rows,):
            return None
        if self._adds_up(line, shape):
            return Part(frozenset({x}), adds=True)
        if line.shape[:1] != (rows,):
            return None
        if line.primitive in ALONG_AXES and 0 not in _axes(line.settings["axis"], len(shape)):
            return Part(frozenset({x}))
        if line.primitive is ops.expand_dims and _one_axis(line, len(line.shape)):
            return Part(frozenset({x}))
        return None

    def _adds_up(self, line: Line, shape: Shape) -> bool:
        """Whether it is the sum, or the mean, of all rows: and of all else, or of nothing else."""
        if self.dtypes[line.inputs[0]].kind != REAL or line.dtype != self.dtypes[line.inputs[0]]:
            return False
        if line.primitive is ops.sum_to:
            return line.shape in ((), shape[1:])
        whole = line.primitive in (ops.sum, ops.mean) and not line.settings["keepdims"]
        given = line.settings.get("axis") if whole else ()
        return whole and _axes(given, len(shape)) in ({0}, set(range(len(shape))))


def turns_round(line: Line) -> bool:
    """Whether it is a matrix the other way round."""
    return line.primitive is ops.transpose and len(line.shape) == 2 and line.settings["axes"] in (
        None, (1, 0)
    )  # fmt: skip


def _one_axis(line: Line, n: int) -> bool:
    axis = line.settings["axis"]
    return isinstance(axis, int) and axis % n != 0


def _axes(axis: Any, n: int) -> set[int]:
    if axis is None:
        return set(range(n))
    return {k % n for k in (axis if isinstance(axis, tuple) else (axis,))}


def _flat(x: Any) -> Iterator[Any]:
    if isinstance(x, tuple | list):
        for part in x:
            yield from _flat(part)
    else:
        yield x


def rows_at_a_time(stage: Stage, shapes: Mapping[str, Shape]) -> int:
    """How many rows are a block: the results stay in the cache, what is only read streams by."""
    made = max(math.prod(shapes[x][1:]) for x in stage.made) if stage.made else 1
    read = max((math.prod(shapes[x][1:]) for x in stage.blocked), default=1)
    return max(1, min(BLOCK // max(made, 1), STREAMED // max(read, 1)))


def _settled(stage: Stage, shapes: Mapping[str, Shape]) -> Stage:
    """A region, if it is worth it: of one line, or of few rows, it is not."""
    if not stage.rows:
        return stage
    worth = len(stage.lines) > 1 and stage.rows >= 2 * rows_at_a_time(stage, shapes)
    return stage if worth else Stage(0, stage.lines)
