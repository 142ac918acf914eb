"""A program as text for the machine: one call of NumPy's after the other, into buffers."""

import ast
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.backward import unless_idle
from tinygrad_neuron.containers import leaves, parts, rebuilt
from tinygrad_neuron.literals import expression
from tinygrad_neuron.program.lines import Line, Name
from tinygrad_neuron.program.program import Program
from tinygrad_neuron.program.source import Writer
from tinygrad_neuron.program.stages import Planner, Stage, rows_at_a_time, turns_round

Kind = tuple[tuple[int, ...], Any]  # a shape and a dtype

OPERATORS: Mapping[type, np.ufunc] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.USub: np.negative,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}
# the forward of a primitive for real arrays, in steps that can go into buffers; the same bits
STEPS: Mapping[Any, tuple[tuple[str, str], ...]] = {
    ops.sech2: (
        ("c", "np.exp(-2.0 * np.abs(x))"),
        ("d", "1.0 + c"),
        ("", "c * 4.0 / np.square(d)"),
    ),
    ops.sigmoid: (
        ("e", "np.exp(np.negative(np.abs(x)))"),
        ("n", "np.where(np.greater_equal(x, 0.0), 1.0, e)"),
        ("", "n / (1.0 + e)"),
    ),
}
# what is never another view of what it was made from
FRESH = {
    *(ops.sum, ops.mean, ops.max, ops.min, ops.matmul, ops.softmax, ops.log_softmax, ops.scatter),
    *(ops.logsumexp, ops.join, ops.pile, ops.select),
}
REDUCTIONS = {"np.sum": "add", "np.max": "maximum", "np.min": "minimum"}
DOTTED = 8192  # entries: above it BLAS may use threads, and add in another order
KEPT = 2**22  # entries of a buffer that is kept from call to call


class Text:
    """The text of a program: `maker()` gives a function of the inputs, with buffers of its own."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.plan = Planner(program)
        self.stages = self.plan.planned()
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

    def rebuild(self, nested: Any) -> str:
        """The name of a function that puts numbers into such a container."""
        return self.mention(f"rebuild{len(self.scope)}", partial(rebuilt, nested))

    def whole(self) -> str:
        """All of it: helpers, regions, and the function that makes the function."""
        body = _Main(self)
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


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


@dataclass
class Buffers:
    """The arrays that a function writes into, each handed on when nobody needs it any more."""

    mark: str
    kinds: list[Kind] = field(default_factory=list)
    free: dict[Kind, list[str]] = field(default_factory=lambda: defaultdict(list))

    def taken(self, kind: Kind) -> str:
        """One that is free."""
        if self.free[kind]:
            return self.free[kind].pop()
        self.kinds.append(kind)
        return f"{self.mark}b{len(self.kinds) - 1}"

    @property
    def names(self) -> list[str]:
        """All of them."""
        return [f"{self.mark}b{i}" for i in range(len(self.kinds))]

    def made(self) -> list[str]:
        """The lines that make them."""
        new = (f"{self.mark}empty({shape}, {dtype.str!r})" for shape, dtype in self.kinds)
        return [f"{name} = {x}" for name, x in zip(self.names, new, strict=True)]


class _Body:
    """One function's lines: what each name is called in it, and where the buffers go."""

    def __init__(self, text: Text, lines: Sequence[Line], pinned: set[str]) -> None:
        self.text, self.mark, self.writer = text, text.mark, text.writer
        self.pinned = pinned  # what is still there when the function is left
        self.said: list[str] = []
        self.kinds: dict[str, Kind] = {}  # of what has a name in the text
        self.called: dict[str, str] = {}  # the name in the text, for one in the program
        self.buffers = Buffers(self.mark)
        self.holds: dict[str, tuple[str, Kind]] = {}  # the buffer that a result lies in
        self.roots: dict[str, set[str]] = {}  # whose memory a result may be a view of
        self.given: dict[str, str] = {}  # what a result must be written to
        self.dots = dict(_dots(text, lines))
        self.count = 0
        self.worded = {
            f"{self.mark}maximum",
            f"{self.mark}minimum",
        }  # whose `out` NumPy wants named

    # ------------------------------------------------------------------ names and buffers

    def name(self, name: str, kind: Kind, called: str) -> None:
        """From now on a name of the program is called so in the text."""
        self.called[name] = called
        self.kinds[called] = kind

    def operand(self, x: Any) -> ast.expr:
        """An operand of a line in the text."""
        if not isinstance(x, Name):
            return expression(x)
        line = self.text.plan.made.get(x)
        if x not in self.called and line is not None and turns_round(line):
            return ast.Attribute(self.operand(line.inputs[0]), "T", ast.Load())
        return ast.Name(self.called[x], ast.Load())

    def uses(self, line: Line) -> list[str]:
        """The names whose memory a line reads."""
        if line.name in self.dots:
            return [self.text.plan.source(x) for x in self.dots[line.name][1]]
        return list(self.text.plan.sources(line))

    def live(self, items: Sequence[Sequence[str]]) -> None:
        """Find out after which item each root is needed no more."""
        self.dies: dict[int, list[str]] = defaultdict(list)
        last: dict[str, int] = {}
        for i, uses in enumerate(items):
            for x in uses:
                for root in self.roots.get(x, {x}):
                    last[root] = i
        kept = {root for x in self.pinned for root in self.roots.get(x, {x})}
        self.kept = kept
        for root, i in last.items():
            if root not in kept:
                self.dies[i].append(root)

    def find_roots(self, line: Line) -> None:
        """A result may be a view of what it was made from, unless it is known to be new."""
        fresh = line.primitive.elementwise or line.primitive in FRESH
        fresh = fresh and line.primitive not in (ops.real, ops.imag, ops.positive)
        old = {root for x in self.uses(line) for root in self.roots.get(x, {x})}
        self.roots[line.name] = {line.name} if fresh or not old else old

    def release(self, i: int) -> None:
        """The buffers of what item i was the last to need are free."""
        for root in self.dies[i]:
            if root in self.holds:
                buffer, kind = self.holds.pop(root)
                self.buffers.free[kind].append(buffer)

    def fresh(self, stem: str) -> str:
        """A name of the text's own."""
        self.count += 1
        return f"{self.mark}{stem}{self.count}"

    # ------------------------------------------------------------------ one line

    def line(self, line: Line, i: int) -> None:
        """One line of the program, as item i."""
        kind = self.kind_here(line)
        skipped = self.dots[line.name][0] if line.name in self.dots else None
        self.writer.inlined = {x: self.operand(x) for x in line.uses if x != skipped}
        if not kind[0]:
            self._number(line, kind)
        elif line.primitive is unless_idle and kind[1].kind == "f":
            self._excused(line, kind)
        elif not (self._reduced(line, kind, i) or self._product(line, kind, i)):
            self._entries(line, kind, i)
        self.release(i)

    def tree(self, line: Line) -> ast.expr:
        """A line as an expression in the names of this text, those in its settings as well."""
        settings = [x for x in line.uses if x not in line.inputs]
        return _put(self.writer.expression(line), {x: self.operand(x) for x in settings})

    def kind_here(self, line: Line) -> Kind:
        """The shape and dtype of a result in this function."""
        return line.shape, line.dtype

    def _number(self, line: Line, kind: Kind) -> None:
        called = f"{self.mark}{line.name}"
        said = self.whole_sum(line)
        if said is not None:
            said = self.averaged(line, said)
        elif self._both_real(line):
            said = self._dotted(line)
        if said is None:
            said = ast.unparse(self.tree(line))
            if line.number and not self.writer.by_floats(line) and not said.startswith("float("):
                said = f"float({said})"
        elif line.number:
            said = f"float({said})"
        self.said.append(f"{called} = {said}")
        self.name(line.name, kind, called)

    def whole_sum(self, line: Line) -> str | None:
        """The sum, also for a mean, of all entries of a real array; None for what is no such."""
        if line.name in self.dots:
            _, operands = self.dots[line.name]
            a, b = (ast.unparse(self.operand(Name(x))) for x in operands)
            flat = len(self.kinds[a][0]) == 1 and len(self.kinds[b][0]) == 1
            return f"{self._np('dot' if flat else 'vdot')}({a}, {b})"
        if _adds_all(line) and self._real_array(line.inputs[0], line.dtype):
            return f"{self._of('add.reduce')}({ast.unparse(self.operand(line.inputs[0]))}, None)"
        return None

    def _both_real(self, line: Line) -> bool:
        """Whether it is a product of two real arrays, vectors or matrices."""
        if line.primitive is not ops.matmul:
            return False
        real = all(self._real_array(x, line.dtype) for x in line.inputs)
        return real and all(len(self.text.kind(x)[0]) <= 2 for x in line.inputs)

    def _dotted(self, line: Line) -> str:
        a, b = (ast.unparse(self.operand(x)) for x in line.inputs)
        return f"{self._np('dot')}({a}, {b})"

    def averaged(self, line: Line, said: str) -> str:
        """A sum divided by how many there were, if it is a mean."""
        size = math.prod(self.text.plan.shapes[line.inputs[0]])
        return (
            f"{said} / {size // max(1, math.prod(line.shape))}"
            if line.primitive is ops.mean
            else said
        )

    def _real_array(self, x: Any, dtype: Any) -> bool:
        if not isinstance(x, Name):
            return False
        shape, own = self.text.kind(x)
        return bool(shape) and own == dtype and own.kind == "f" and own.itemsize > 2

    def _excused(self, line: Line, kind: Kind) -> None:
        """The zero-cotangent rule: looked for entry by entry only where there is a nan."""
        share, called = ast.unparse(self.operand(line.inputs[0])), f"{self.mark}{line.name}"
        slow = ast.unparse(self.tree(line))
        check = self.fresh("t")
        dot = f"{self._np('vdot')}({share}, {share})"
        self.said.append(f"{called} = {share} if ({check} := {dot}) == {check} else {slow}")
        self.name(line.name, kind, called)
        if line.name in self.given:
            self.said.append(f"{self.given[line.name]}[...] = {called}")

    def _reduced(self, line: Line, kind: Kind, i: int) -> bool:
        """A sum, or a largest or smallest, along axes, into a buffer."""
        if len(line.inputs) != 1 or not self._real_array(line.inputs[0], line.dtype):
            return False
        call = self.tree(line)
        if not isinstance(call, ast.Call) or len(call.args) != 1:
            return False
        function = REDUCTIONS.get(ast.unparse(call.func))
        if function is None:
            return False
        words = {word.arg: ast.unparse(word.value) for word in call.keywords}
        if not words.keys() <= {"axis", "keepdims"} or "axis" not in words:
            return False
        given = [ast.unparse(call.args[0]), words["axis"], "None"]
        after = ["True"] if words.get("keepdims") == "True" else []
        self._call(self._of(f"{function}.reduce"), given, line, kind, i, after)
        return True

    def _product(self, line: Line, kind: Kind, i: int) -> bool:
        """A product of matrices by `np.dot`, which is called in half the time."""
        if not self._both_real(line):
            return False
        given = [ast.unparse(self.operand(x)) for x in line.inputs]
        self._call(self._np("dot"), given, line, kind, None)
        return True

    def _call(
        self,
        function: str,
        given: list[str],
        line: Line,
        kind: Kind,
        i: int | None,
        after: Sequence[str] = (),
    ) -> None:
        """A call that writes where the result of a line goes; in place, where item i is last."""
        target = self._target(line, kind, i)
        if target is None:
            words = ["None", *after] if after else []
            said = f"{self.mark}{line.name} = {function}({', '.join([*given, *words])})"
        else:
            into = f"out={target}" if function in self.worded else target
            said = f"{function}({', '.join([*given, into, *after])})"
        self.said.append(said)
        self.name(line.name, kind, target or f"{self.mark}{line.name}")

    def _target(self, line: Line, kind: Kind, i: int | None) -> str | None:
        """Where a result goes: what it must be written to, a buffer, or (None) a new array."""
        if line.name in self.given:
            return self.given[line.name]
        if line.name in self.kept or math.prod(kind[0]) > KEPT:
            return None
        if i is not None:
            self.release(i)
        buffer = self.buffers.taken(kind)
        self.holds[line.name] = buffer, kind
        return buffer

    # ------------------------------------------------------------------ entry by entry

    def _entries(self, line: Line, kind: Kind, i: int) -> None:
        """A line as calls of universal functions, if it is one; else as it is written."""
        steps = STEPS.get(line.primitive) if self._real_array(line.inputs[0], line.dtype) else None
        own: dict[str, ast.expr] = {}
        borrowed: list[tuple[str, Kind]] = []
        if steps:
            own["x"] = self.operand(line.inputs[0])
            for name, said in steps[:-1]:
                tree = _put(ast.parse(said, mode="eval").body, own)
                called, _ = self._nested(tree, borrowed)
                own[name] = ast.Name(called, ast.Load())
            tree = _put(ast.parse(steps[-1][1], mode="eval").body, own)
        else:
            tree = self.tree(line)
        if self._typed(tree) == kind and (found := self._applied(tree)):
            function, args = found
            given = [self._nested(arg, borrowed)[0] for arg in args]
            self.buffers_back(borrowed)
            self._call(self._np(function.__name__), given, line, kind, i)
            return
        self.buffers_back(borrowed)
        called = f"{self.mark}{line.name}"
        self.said.append(f"{called} = {ast.unparse(tree)}")
        self.name(line.name, kind, called)
        if line.name in self.given:
            self.said.append(f"{self.given[line.name]}[...] = {called}")

    def buffers_back(self, borrowed: list[tuple[str, Kind]]) -> None:
        """Buffers of what stood inside of an expression."""
        for buffer, kind in borrowed:
            self.buffers.free[kind].append(buffer)
        borrowed.clear()

    def _nested(self, tree: ast.expr, borrowed: list[tuple[str, Kind]]) -> tuple[str, Kind | None]:
        """A part of an expression: the name it has then; in a buffer if it is a call."""
        kind, found = self._typed(tree), self._applied(tree)
        if found is None or not isinstance(kind, tuple) or not kind[0]:
            if isinstance(kind, tuple) and _is_where(tree):
                return self._chosen(tree, kind, borrowed)
            return ast.unparse(tree), kind
        function, args = found
        inner: list[tuple[str, Kind]] = []
        given = [self._nested(arg, inner)[0] for arg in args]
        self.buffers_back(inner)
        buffer = self.buffers.taken(kind)
        borrowed.append((buffer, kind))
        name = self._np(function.__name__)
        into = f"out={buffer}" if name in self.worded else buffer
        self.said.append(f"{name}({', '.join([*given, into])})")
        self.kinds[buffer] = kind
        return buffer, kind

    def _chosen(
        self, tree: Any, kind: Kind, borrowed: list[tuple[str, Kind]]
    ) -> tuple[str, Kind | None]:
        """`np.where`, which writes into nothing that it is given."""
        given = [self._nested(arg, borrowed)[0] for arg in tree.args]
        called = self.fresh("w")
        self.said.append(f"{called} = {self._np('where')}({', '.join(given)})")
        self.kinds[called] = kind
        return called, kind

    def _applied(self, tree: ast.expr) -> tuple[np.ufunc, list[ast.expr]] | None:
        """The universal function that an expression calls, and on what."""
        found: Any = None
        args: list[ast.expr] = []
        if isinstance(tree, ast.BinOp):
            found, args = OPERATORS.get(type(tree.op)), [tree.left, tree.right]
            if isinstance(tree.op, ast.Pow) and ast.unparse(tree.right) in ("2", "2.0"):
                found, args = np.square, [tree.left]
        elif isinstance(tree, ast.UnaryOp):
            found, args = OPERATORS.get(type(tree.op)), [tree.operand]
        elif isinstance(tree, ast.Compare) and len(tree.ops) == 1:
            found, args = OPERATORS.get(type(tree.ops[0])), [tree.left, tree.comparators[0]]
        elif isinstance(tree, ast.Call) and not tree.keywords:
            called = ast.unparse(tree.func)
            found, args = getattr(np, called.removeprefix("np."), None), tree.args
            found = found if called.startswith("np.") else None
        if not isinstance(found, np.ufunc) or found.nin != len(args) or found.nout != 1:
            return None
        return found, args

    def _typed(self, tree: ast.expr) -> Any:
        """The shape and dtype of an expression; a type for Python's numbers; None if unknown."""
        if isinstance(tree, ast.Constant):
            return type(tree.value) if type(tree.value) in (int, float) else None
        if isinstance(tree, ast.Attribute) and tree.attr == "T":
            kind = self._typed(tree.value)
            return (kind[0][::-1], kind[1]) if isinstance(kind, tuple) else None
        if isinstance(tree, ast.Name):
            kind = self.kinds.get(tree.id)
            return float if kind and not kind[0] and kind[1] == np.float64 else kind
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.operand, ast.Constant):
            return self._typed(tree.operand)
        if _is_where(tree):
            return self._chosen_kind([self._typed(x) for x in tree.args])  # type: ignore[attr-defined]
        found = self._applied(tree)
        if found is None:
            return None
        kinds = [self._typed(x) for x in found[1]]
        if any(x is None for x in kinds) or not any(isinstance(x, tuple) for x in kinds):
            return None
        try:
            wanted = tuple(x[1] if isinstance(x, tuple) else x for x in kinds)
            dtype = found[0].resolve_dtypes((*wanted, None))[-1]
        except TypeError:
            return None
        return np.broadcast_shapes(*(x[0] for x in kinds if isinstance(x, tuple))), dtype

    def _chosen_kind(self, kinds: list[Any]) -> Kind | None:
        if any(x is None for x in kinds) or not isinstance(kinds[0], tuple):
            return None
        numbers = [x[1] if isinstance(x, tuple) else x(0) for x in kinds[1:]]
        shapes = (x[0] for x in kinds if isinstance(x, tuple))
        return np.broadcast_shapes(*shapes), np.result_type(*numbers)

    def _np(self, function: str) -> str:
        return self.text.mention(function, getattr(np, function))

    def _of(self, method: str) -> str:
        """A method of a universal function: `add.reduce`."""
        name, _, part = method.partition(".")
        return self.text.mention(f"{name}_{part}", getattr(getattr(np, name), part))


class _Main(_Body):
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
        region = _Region(self.text, stage, self._leaving(stage), set(self.results))
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
        self.said.append(f"return {self._output(self.text.program.outputs)}")

    def _no_nan(self, name: Name) -> None:
        shape, dtype = self.text.kind(name)
        if dtype is None or dtype.kind not in "fc" or name in self.checked:
            return
        called = ast.unparse(self.operand(name))
        if shape:
            self.said.append(f"{self.mark}t = {self._np('vdot')}({called}, {called})")
            called = f"{self.mark}t"
        self.said.append(f"if {called} != {called}: raise FloatingPointError")

    def _output(self, nested: Any) -> str:
        """The outputs in their containers; those of a person's own are built outside."""
        held = parts(nested)
        if held is None:
            return self._result(nested)
        if type(nested) in (list, tuple):
            inside = ", ".join(map(self._output, nested))
            comma = "," if len(nested) == 1 else ""
            return f"[{inside}]" if type(nested) is list else f"({inside}{comma})"
        if type(nested) is dict and all(type(key) is str for key in nested):
            return f"{{{', '.join(f'{k!r}: {self._output(x)}' for k, x in nested.items())}}}"
        return f"{self.text.rebuild(nested)}([{', '.join(map(self._result, leaves(nested)))}])"

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


class _Region(_Body):
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


def _dots(text: Text, lines: Sequence[Line]) -> Iterator[tuple[str, tuple[str, tuple[Any, Any]]]]:
    """Sums of products of which nobody else needs the product: its name, and its two operands."""
    made = {line.name: line for line in lines}
    uses: Counter[str] = text.writer.uses
    for line in lines:
        if not _adds_all(line) or line.inputs[0] not in made:
            continue
        product = made[line.inputs[0]]
        if product.primitive not in (ops.multiply, ops.square) or uses[product.name] != 1:
            continue
        operands = product.inputs * (2 if product.primitive is ops.square else 1)
        kind = product.shape, line.dtype
        alike = all(isinstance(x, Name) and text.kind(x) == kind for x in operands)
        if alike and line.dtype.kind == "f" and line.dtype.itemsize > 2:
            yield line.name, (product.name, (operands[0], operands[1]))


def _adds_all(line: Line) -> bool:
    """Whether it is the sum, or the mean, of all entries, as a single number."""
    if line.shape or not isinstance(line.inputs[0], Name):
        return False
    if line.primitive is ops.sum_to:
        return True
    return line.primitive in (ops.sum, ops.mean) and not line.settings["keepdims"]


def _is_where(tree: Any) -> bool:
    if not isinstance(tree, ast.Call) or tree.keywords or len(tree.args) != 3:
        return False
    return ast.unparse(tree.func) == "np.where"


def _put(tree: Any, known: Mapping[str, ast.expr]) -> Any:
    """An expression with others in place of some names."""

    class Put(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.AST:  # the ast module's name
            return known.get(node.id, node)

    return Put().visit(tree)
