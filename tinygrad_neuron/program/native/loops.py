"""The text of one loop: what it loads, computes, stores and adds up, at the depth where it must."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.program.lines import Name
from tinygrad_neuron.program.native.forms import WAVES, cast, form
from tinygrad_neuron.program.native.regions import SUMS, Analysis, Region, Task, summed_axes
from tinygrad_neuron.program.native.views import View, steps

MANY = 32  # sums that have a variable each: the compiler looks at all lines for each of these
BLOCK = 512  # entries whose sum may be taken in any order; the sums of blocks are added in pairs
Strides = tuple[int, ...]


def of_array(name: Any) -> str:
    """What the text calls an array."""
    return f"a_{name}"


def of_number(name: Any) -> str:
    """What the text calls a number."""
    return f"v_{name}"


@dataclass
class Sum:
    """A reduction in a loop: what is added (`a * b` for a product) to which place."""

    task: Task
    value: Sequence[str]
    strides: Strides
    start: int = 0
    single: str = ""  # the value as the float32 that it is
    name: str = ""

    @property
    def number(self) -> bool:
        """Whether its result is one number, and not in an array."""
        return self.task.line.shape == ()

    @property
    def extreme(self) -> bool:
        """Whether it is a largest or a smallest."""
        return self.task.line.primitive in (ops.max, ops.min)

    @property
    def initial(self) -> str:
        """What it starts from."""
        if self.extreme:
            text = "-inf" if self.task.line.primitive is ops.max else "inf"
            return text if self.task.line.dtype == np.float64 else f"float32({text})"
        return "0" if self.task.line.dtype == np.int64 else "0.0"

    def added(self, total: str, value: Sequence[str]) -> str:
        """A total and one more."""
        if self.extreme:
            sign = ">" if self.task.line.primitive is ops.max else "<"
            (x,) = value
            return f"{x} if ({x} {sign} {total}) | ({x} != {x}) else {total}"
        if self.task.line.dtype == np.int64:
            return f"{total} + {value[0]}"
        return f"{'plus' if len(value) == 1 else 'plus_product'}({total}, {', '.join(value)})"


@dataclass
class Loop:
    """A region as a loop nest: first what is in it is collected, then the text is written."""

    region: Region
    known: Analysis
    stored: set[Any]
    sums: list[Sum] = field(default_factory=list)
    body: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    loads: dict[Any, str] = field(default_factory=dict)
    stores: list[tuple[str, Strides]] = field(default_factory=list)
    waves: bool = False

    def __post_init__(self) -> None:
        self.made = {task.line.name for task in self.region.tasks}
        for task in self.region.tasks:
            getattr(self, f"_{task.kind}")(task)
        for i, each in enumerate(self.sums):
            each.name = f"s{i}"
        self._coalesce()

    # --------------------------------------------------------------------------- what is in it

    def _entry(self, task: Task) -> None:
        line = task.line
        operands = [self.known.operand(x, self._value(x)) for x in line.inputs]
        if line.primitive in WAVES:
            self.waves = True
            furthest = "FURTHEST" if line.dtype == np.float64 else "FURTHEST_SINGLE"
            self._say(f"far |= not abs({operands[0][0]}) <= {furthest}")
        self._say(f"{of_number(line.name)} = {form(line, operands)}")
        self._store(task)

    def _rows(self, task: Task) -> None:
        table, vector = (self.known.views[x] for x in task.line.inputs)
        terms = [
            (self._load(self._column(table, k)), self._load(View(vector.base, (), (), at)))
            for k, at in enumerate(self._places(vector))
        ]
        double = np.dtype(float)
        said = " * ".join(cast((x, task.line.dtype), double) for x in terms[0])
        for pair in terms[1:]:
            a, b = (cast((x, task.line.dtype), double) for x in pair)
            said = f"fma({a}, {b}, {said})"
        self._say(
            f"{of_number(task.line.name)} = {cast((said, double), np.dtype(task.line.dtype))}"
        )
        self._store(task)

    def _columns(self, task: Task) -> None:
        table, vector = task.line.inputs
        turned = self.known.views[table]
        turned = View(turned.base, turned.shape[::-1], turned.strides[::-1], turned.start)
        g = self._double(self._value(vector), task)
        for k in range(task.line.shape[0]):
            x = self._double(self._load(self._column(turned, k)), task)
            self.sums.append(Sum(task, (x, g), (0,), k))

    def _total(self, task: Task) -> None:
        line = task.line
        axes = summed_axes(line, task.space)
        kept = tuple(1 if k in axes else n for k, n in enumerate(task.space))
        value = [self._value(x) for x in line.inputs]
        single = value[0] if line.dtype == np.float32 and len(value) == 1 else ""
        if not Sum(task, value, ()).extreme:
            if line.dtype == np.int64:
                value = [cast((x, np.dtype(bool)), np.dtype(np.int64)) for x in value]
            else:
                value = [self._double(x, task) for x in value]
        place = View("", kept, steps(kept)).stretched(task.space)
        self.sums.append(Sum(task, value, place, single=single))

    def _double(self, text: str, task: Task) -> str:
        return cast((text, task.line.dtype), np.dtype(float))

    def _column(self, table: View, k: int) -> View:
        return View(
            table.base, table.shape[:1], table.strides[:1], table.start + k * table.strides[1]
        )

    def _places(self, vector: View) -> list[int]:
        return [vector.start + k * vector.strides[0] for k in range(vector.shape[0])]

    def _say(self, text: str) -> None:
        self.body.append((text, ()))

    def _store(self, task: Task) -> None:
        if task.line.name in self.stored:
            self.stores.append((task.line.name, steps(task.space)))

    def _value(self, x: Any) -> str:
        """The entry of an operand here and now."""
        if not isinstance(x, Name):
            return repr(x)
        view = self.known.views[x]
        return of_number(view.base) if view.base in self.made else self._load(view)

    def _load(self, view: View) -> str:
        if not isinstance(view.base, Name):
            return repr(view.base)
        if not self.known.views[view.base].shape:
            return of_number(view.base)
        key = (view.base, view.stretched(self.region.space), view.start)
        return self.loads.setdefault(key, f"x{len(self.loads)}")

    # ------------------------------------------------------------------------------- its shape

    def _coalesce(self) -> None:
        """Axes that all arrays go through alike, as one."""
        used = {key[1] for key in self.loads} | {s for _, s in self.stores}
        used |= {each.strides for each in self.sums}
        sizes: list[int] = []
        groups: list[int] = []  # the last axis of each merged one
        for k, n in enumerate(self.region.space):
            if n == 1:
                continue
            if groups and all(s[groups[-1]] == s[k] * n for s in used):
                sizes[-1] *= n
                groups[-1] = k
            else:
                sizes.append(n)
                groups.append(k)
        self.sizes = sizes or [1]
        self.axes = groups or [len(self.region.space) - 1]
        self.short = {s: tuple(s[k] for k in self.axes) for s in used}

    def _index(self, strides: Strides, start: int = 0) -> str:
        own = self.short[strides]
        terms = [f"i{k}" if s == 1 else f"i{k} * {s}" for k, s in enumerate(own) if s]
        return " + ".join([*terms, *([str(start)] if start or not terms else [])])

    def _depth(self, strides: Strides) -> int:
        """The innermost loop that an index moves with, counted from 1; 0 for none."""
        return max((k + 1 for k, s in enumerate(self.short[strides]) if s), default=0)

    # -------------------------------------------------------------------------------- its text

    def text(self) -> Iterator[str]:
        """The lines of the loop, without indentation of the whole."""
        m = len(self.sizes)
        self.inner = [each for each in self.sums if self.short[each.strides][-1] == 0]
        floats = [each for each in self.inner if each.initial == "0.0"]
        self.parted = [
            each for each in floats if self.sizes[-1] > BLOCK or (m > 1 and self._alone(each))
        ]
        # added where they arise, float64s would halve the number of float32s in a vector
        self.later = self.parted if all(each.single for each in self.parted) else []
        blocks = -(-self.sizes[-1] // BLOCK)
        for each in self.sums:
            if not self._fresh(each):
                yield from self._cleared(each)
        outer = math.prod(self.sizes[:-1]) if any(map(self._alone, self.parted)) else 1
        if self.parted:
            yield f"parts = np.empty(({len(self.parted)}, {blocks * outer}))"
        if len(floats) > MANY:
            yield f"s = np.empty({len(floats)})"
            for i, each in enumerate(floats):
                each.name = f"s[{i}]"
        for i in range(len(self.later)):
            yield f"q{i} = np.empty({min(BLOCK, self.sizes[-1])}, float32)"
        if any(map(self._alone, self.parted)):
            yield "c = 0"
        yield from self._level(0)
        for each in self.sums:
            yield from self._finished(each)

    def _alone(self, each: Sum) -> bool:
        """Whether all of the loop goes into one number."""
        return not any(self.short[each.strides])

    def _fresh(self, each: Sum) -> bool:
        """Whether its place is written once, when a loop over all that goes into it is done."""
        own = self.short[each.strides]
        return own[-1] == 0 and (all(own[:-1]) or (self._alone(each) and each in self.parted))

    def _cleared(self, each: Sum) -> Iterator[str]:
        name = each.task.line.name
        if each.number:
            yield f"{of_number(name)} = {each.initial}"
        elif not each.start:
            yield f"{of_array(name)}[:] = {each.initial}"

    def _place(self, each: Sum) -> str:
        name = each.task.line.name
        at = self._index(each.strides, each.start)
        return of_number(name) if each.number else f"{of_array(name)}[{at}]"

    def _level(self, depth: int) -> Iterator[str]:
        """The loop of this depth with all that is in it."""
        for key, name in self.loads.items():
            if self._depth(key[1]) == depth:
                yield f"{name} = {of_array(key[0])}[{self._index(key[1], key[2])}]"
        m = len(self.sizes)
        if depth == m:
            yield from self._body()
        elif depth < m - 1:
            yield f"for i{depth} in range({self.sizes[depth]}):"
            yield from _indented(self._level(depth + 1))
        else:
            yield from self._innermost()

    def _innermost(self) -> Iterator[str]:
        k, n = len(self.sizes) - 1, self.sizes[-1]
        registers = [each for each in self.inner if each not in self.parted]
        for each in registers:
            yield f"{each.name} = {each.initial}"
        if self.parted and n > BLOCK:
            yield f"for b in range({-(-n // BLOCK)}):"
            yield from _indented(self._block("j", f"min({BLOCK}, {n} - b * {BLOCK})"))
        elif self.parted:
            yield from self._block(f"i{k}", str(n))
        else:
            yield f"for i{k} in range({n}):"
            yield from _indented(self._level(k + 1))
        for each in registers:
            yield from self._put(each, each.name)
        for each in self.parted:
            if not self._alone(each):
                yield from self._put(each, self._whole(each))

    def _block(self, at: str, count: str) -> Iterator[str]:
        for each in self.parted:
            yield f"{each.name} = 0.0"
        yield f"for {at} in range({count}):"
        if at == "j":  # counted from 0, so that no index looks as if it were negative
            yield f"    i{len(self.sizes) - 1} = b * {BLOCK} + j"
        yield from _indented(self._level(len(self.sizes)))
        for i, each in enumerate(self.later):
            yield f"    q{i}[{at}] = {each.single}"
        for i, each in enumerate(self.later):
            yield f"for {at} in range({count}):"
            yield f"    {each.name} = plus({each.name}, float64(q{i}[{at}]))"
        alone = [each for each in self.parted if self._alone(each)]
        for i, each in enumerate(self.parted):
            yield f"parts[{i}, {'c' if each in alone else 'b'}] = {each.name}"
        if alone:
            yield "c += 1"

    def _whole(self, each: Sum) -> str:
        """What the parts of a sum add up to."""
        count = -(-self.sizes[-1] // BLOCK)
        if self._alone(each):
            count *= math.prod(self.sizes[:-1])
        return f"total_of(parts[{self.parted.index(each)}, :{count}])"

    def _put(self, each: Sum, value: str) -> Iterator[str]:
        place = self._place(each)
        yield f"{place} = {value if self._fresh(each) else each.added(place, (value,))}"

    def _body(self) -> Iterator[str]:
        yield from (text for text, _ in self.body)
        for name, strides in self.stores:
            yield f"{of_array(name)}[{self._index(strides)}] = {of_number(name)}"
        for each in self.sums:
            if each not in self.later:
                place = each.name if each in self.inner else self._place(each)
                yield f"{place} = {each.added(place, each.value)}"

    def _finished(self, each: Sum) -> Iterator[str]:
        line = each.task.line
        if self._alone(each) and each in self.parted:
            yield f"{self._place(each)} = {self._whole(each)}"
        if line.primitive is ops.mean:
            count = f"{float(math.prod(each.task.space) // max(math.prod(line.shape), 1))}"
            if each.number:
                yield f"{of_number(line.name)} = {of_number(line.name)} / {count}"
            else:
                array = of_array(line.name)
                yield f"for i in range({math.prod(line.shape)}):"
                yield f"    {array}[i] = {array}[i] / {array}.dtype.type({count})"
        if each.number and line.dtype == np.float32 and line.primitive in {*SUMS, ops.matmul}:
            yield f"{of_number(line.name)} = float32({of_number(line.name)})"


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)
