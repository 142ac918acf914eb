"""Lines as calls of NumPy's: what each result is called in a text, and which buffer it lies in."""

import ast
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.backward import unless_idle
from tinygrad_neuron.literals import expression
from tinygrad_neuron.program.buffers import KEPT, Buffers
from tinygrad_neuron.program.choosing import FEW, WHOLE, as_bits, chosen
from tinygrad_neuron.program.lines import Line, Name
from tinygrad_neuron.program.stages import turns_round
from tinygrad_neuron.program.ufuncs import Kind, applied, is_where, put, typed

# what is never another view of what it was made from
FRESH = {
    *(ops.sum, ops.mean, ops.max, ops.min, ops.matmul, ops.softmax, ops.log_softmax, ops.scatter),
    *(ops.logsumexp, ops.join, ops.pile, ops.select),
}
REDUCTIONS = {"np.sum": "add", "np.max": "maximum", "np.min": "minimum"}
DOTTED = 8192  # entries: above it BLAS may use threads, and add in another order


class Body:
    """One function's lines: what each name is called in it, and where the buffers go."""

    def __init__(self, text: Any, lines: Sequence[Line], pinned: set[str]) -> None:
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
        x = line.inputs[0]
        if line.primitive is ops.sum_to and isinstance(x, Name):
            fresh = line.shape != self.text.kind(x)[0]
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
        elif not (
            self._reduced(line, kind, i) or self._product(line, kind, i) or self._choice(line, kind)
        ):
            self._entries(line, kind, i)
        self.release(i)

    def tree(self, line: Line) -> ast.expr:
        """A line as an expression in the names of this text, those in its settings as well."""
        settings = [x for x in line.uses if x not in line.inputs]
        return put(self.writer.expression(line), {x: self.operand(x) for x in settings})

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
        if adds_all(line) and self._real_array(line.inputs[0], line.dtype):
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
        self._call(self._of(f"{function}.reduce"), given, line, kind, None, after)
        return True

    def _product(self, line: Line, kind: Kind, i: int) -> bool:
        """A product of matrices by `np.dot`, which is called in half the time."""
        if not self._both_real(line):
            return False
        given = [ast.unparse(self.operand(x)) for x in line.inputs]
        self._call(self._np("dot"), given, line, kind, None)
        return True

    def _choice(self, line: Line, kind: Kind) -> bool:
        """A choice between floats of which it is hard to foresee which, by their bits."""
        shape, dtype = kind
        if line.primitive is not ops.select or dtype.kind != "f" or dtype.itemsize not in WHOLE:
            return False
        condition, *both = line.inputs
        said = [self._bits(x, kind) for x in both]
        known = self._is(condition, (shape, np.dtype(bool))) and all(said)
        if not known or not any(isinstance(x, Name) for x in both) or math.prod(shape) < FEW:
            return False
        mask = self.buffers.taken((shape, np.dtype(np.int8)))
        given = [ast.unparse(self.operand(condition)), *map(str, said), mask]
        self._call(self.text.mention("chosen", chosen), given, line, kind, None)
        self.buffers.free[shape, np.dtype(np.int8)].append(mask)
        return True

    def _bits(self, x: Any, kind: Kind) -> str | None:
        """One side of a choice: an array of this kind, or a number by its bits."""
        if not isinstance(x, Name):
            return str(as_bits(x, kind[1])) if isinstance(x, int | float) else None
        return ast.unparse(self.operand(x)) if self._is(x, kind) else None

    def _is(self, x: Any, kind: Kind) -> bool:
        return isinstance(x, Name) and self.kinds.get(ast.unparse(self.operand(x))) == kind

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
        borrowed: list[tuple[str, Kind]] = []
        tree = self.tree(line)
        if typed(tree, self.kinds) == kind and (found := applied(tree)):
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
        kind, found = typed(tree, self.kinds), applied(tree)
        if found is None or not isinstance(kind, tuple) or not kind[0]:
            if isinstance(kind, tuple) and is_where(tree):
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

    def _np(self, function: str) -> str:
        return self.text.mention(function, getattr(np, function))

    def _of(self, method: str) -> str:
        """A method of a universal function: `add.reduce`."""
        name, _, part = method.partition(".")
        return self.text.mention(f"{name}_{part}", getattr(getattr(np, name), part))


def _dots(text: Any, lines: Sequence[Line]) -> Iterator[tuple[str, tuple[str, tuple[Any, Any]]]]:
    """Sums of products of which nobody else needs the product: its name, and its two operands."""
    made = {line.name: line for line in lines}
    uses: Counter[str] = text.writer.uses
    for line in lines:
        if not adds_all(line) or line.inputs[0] not in made:
            continue
        product = made[line.inputs[0]]
        if product.primitive not in (ops.multiply, ops.square) or uses[product.name] != 1:
            continue
        operands = product.inputs * (2 if product.primitive is ops.square else 1)
        kind = product.shape, line.dtype
        alike = all(isinstance(x, Name) and text.kind(x) == kind for x in operands)
        short = text.plan.place[line.name] in text.in_blocks or math.prod(product.shape) <= DOTTED
        if short and alike and line.dtype.kind == "f" and line.dtype.itemsize > 2:
            yield line.name, (product.name, (operands[0], operands[1]))


def adds_all(line: Line) -> bool:
    """Whether it is the sum, or the mean, of all entries, as a single number."""
    if line.shape or not isinstance(line.inputs[0], Name):
        return False
    if line.primitive is ops.sum_to:
        return True
    return line.primitive in (ops.sum, ops.mean) and not line.settings["keepdims"]
