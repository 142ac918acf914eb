"""A program as text: NumPy as a person would write it.

Results that a person has named, or that are used more than once, have a line of their own; what is
used once stands where it is used. Each line of a gradient says which line's debt it pays on.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_neuron.containers import parts
from tinygrad_neuron.literals import expression, literal
from tinygrad_neuron.ops import broadcast_to, sum_to, transpose
from tinygrad_neuron.program.lines import Line, Name, Variable, is_array
from tinygrad_neuron.program.spelling import Spelling, spelling

WRITTEN = 64  # entries of a constant that stands in the source; a larger one is handed in
INLINE = 44  # characters of an expression that may stand inside another
ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)


def text(program: Any, *, shapes: bool = False, floats: bool = True) -> str:
    """The source of a program: imports, helpers, constants, one function.

    `shapes` adds the shape and dtype of each result as a comment. With `floats=False` no function
    of `math` stands in it, so that other arrays than NumPy's may be fed to it.
    """
    return "\n".join(Writer(program, shapes, floats).text())


def handed_in(program: Any) -> dict[str, Any]:
    """The constants that are too large to be written out: keyword arguments of the source."""
    return {name: x for name, x in program.constants.items() if np.size(x) > WRITTEN}


@dataclass
class Writer:
    """The text of one program, line by line."""

    program: Any
    shapes: bool
    floats: bool
    helpers: dict[str, str] = field(default_factory=dict)  # by text, with the name it goes by
    inlined: dict[str, ast.expr] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)  # what a line says, for those that answer

    def __post_init__(self) -> None:
        program = self.program
        self.kinds: dict[str, Any] = {x.name: x for x in program.inputs}
        self.kinds |= {name: _as_variable(name, x) for name, x in program.constants.items()}
        self.kinds |= {line.name: line for line in program.lines}
        self.uses = Counter(name for line in program.lines for name in line.uses)
        self.uses.update(x for x in program.results if isinstance(x, Name))
        self.user = {name: line for line in program.lines for name in line.uses}
        used = [np.dtype(x.dtype) for x in self.kinds.values() if x.dtype is not None]
        self.mixed = any(d.kind == "f" and d != np.float64 for d in used)

    def text(self) -> Iterator[str]:
        """Line by line."""
        body = list(self._body())
        large = handed_in(self.program)
        written = {n: x for n, x in self.program.constants.items() if n not in large}
        lines = [f"{name} = {literal(x)}" for name, x in written.items()]
        given = [*self.program.names, *(["*", *large] if large else [])]
        head = f"def {self.program.name}({', '.join(given)}):"
        whole = "\n".join([*self.helpers, *lines, *body])
        imports = [f"import {name}" for name in _imported(whole)]
        for block in (imports, *([h] for h in self.helpers), lines):
            if block:
                yield from [*"\n".join(block).split("\n"), "", ""]
        yield head
        yield from body

    def _body(self) -> Iterator[str]:
        backward = False
        for line in self.program.lines:
            said = self._line(line)
            if said is None:
                continue
            if line.answers is not None and not backward:
                backward = True
                yield ""
                yield "    # backward: what each line owes to what it used"
            yield f"    {said}"
        yield f"    return {_unwrapped(self._outputs(self.program.outputs))}"

    def _outputs(self, outputs: Any) -> str:
        held = parts(outputs)
        if held is None:
            return ast.unparse(self._operand(outputs))
        if isinstance(outputs, list | tuple):
            said = [self._outputs(part) for part in outputs]
            ends = "[]" if isinstance(outputs, list) else "()"
            comma = "," if isinstance(outputs, tuple) and len(said) == 1 else ""
            return f"{ends[0]}{', '.join(said)}{comma}{ends[1]}"
        inside = (f"{key!r}: {self._outputs(part)}" for key, part in held.items())
        return f"{{{', '.join(inside)}}}"

    def _line(self, line: Line) -> str | None:
        """One line of text; None if it stands inside another one."""
        tree = self.expression(line)
        said = ast.unparse(tree)
        self.written[line.name] = said
        if self._may_be_inlined(line, said):
            self.inlined[line.name] = tree
            return None
        self.written[line.name] = f"{line.name} = {said}"
        return f"{line.name} = {said}{self._comment(line)}"

    def _comment(self, line: Line) -> str:
        shape = f"{line.shape} {line.dtype}" if self.shapes else ""
        answers = self.written.get(line.answers, line.answers) if line.answers else ""
        said = "; ".join(part for part in (shape, answers) if part)
        return f"  # {said}" if said else ""

    def _may_be_inlined(self, line: Line, said: str) -> bool:
        user = self.user.get(line.name)
        if user is None:  # it stands in the answer
            return self.uses[line.name] == 1 and not line.name.given and line.answers is None
        if line.name.given or self.uses[line.name] != 1 or len(said) > INLINE:
            return False
        if user.answers != line.answers or line.name not in user.inputs:
            return False
        return self._spelling(user).once(user.inputs.index(line.name))

    def expression(self, line: Line) -> ast.expr:
        """A line as an expression, whose operands are names or what stands in their place."""
        how = self._spelling(line)
        operands = [self._operand(x) for x in line.inputs]
        tree = how.of(operands, line.settings)
        for name in (h for h in how.helpers if h not in self.helpers):
            self.helpers[name] = name
        if isinstance(tree, ast.BinOp) and isinstance(tree.op, ARITHMETIC):
            self._whole(tree, line)
        if line.number and self.mixed and not self.by_floats(line):
            tree = ast.Call(ast.Name("float", ast.Load()), [tree], [])
        return tree

    def _whole(self, tree: ast.BinOp, line: Line) -> None:
        """`w * 256.0` is `w * 256`, where the other operand has a precision of its own."""
        for side, other in (("left", 1), ("right", 0)):
            x = getattr(tree, side)
            kind = self.kinds.get(line.inputs[other]) if len(line.inputs) == 2 else None
            floating = kind is not None and np.dtype(kind.dtype).kind == "f"
            if floating and isinstance(x, ast.Constant) and _is_whole(x.value):
                setattr(tree, side, ast.Constant(int(x.value)))  # type: ignore[arg-type]

    def _operand(self, x: Any) -> ast.expr:
        return self.inlined.get(x) or expression(x) if isinstance(x, Name) else expression(x)

    def by_floats(self, line: Line) -> bool:
        """Whether it is computed on Python's floats alone."""
        return line.primitive.scalar is not None and all(map(self._is_float, line.inputs))

    def _is_float(self, x: Any) -> bool:
        return self.kinds[x].number if isinstance(x, Name) and x in self.kinds else type(x) is float

    def _has_axes(self, x: Any) -> bool:
        if not isinstance(x, Name):
            return is_array(x)
        return bool(self.kinds[x].shape) if x in self.kinds else True

    def _spelling(self, line: Line) -> Spelling:
        floats = self.floats and self.by_floats(line)
        arrays = any(map(self._has_axes, line.inputs)) or line.primitive is broadcast_to
        if arrays and line.primitive in SPECIAL:
            kind = self.kinds.get(line.inputs[0])
            special = SPECIAL[line.primitive](line, kind.shape) if kind is not None else None
            if special:
                return Spelling(ast.parse(special, mode="eval").body, ("x",))
        return spelling(line.primitive, floats=floats, arrays=arrays, settings=line.settings)


def _as_variable(name: str, x: Any) -> Variable:
    return Variable(name, x.shape, x.dtype, False)


def _sum_to(line: Line, shape: tuple[int, ...]) -> str | None:
    """The sum over whole axes, which most of them are."""
    added = len(shape) - len(line.shape)
    if not line.shape:
        return "np.sum(x)"
    if shape[added:] != line.shape:
        return None
    return f"np.sum(x, axis={0 if added == 1 else tuple(range(added))})" if added else None


def _transpose(line: Line, shape: tuple[int, ...]) -> str | None:
    n = len(shape)
    reverse = line.settings["axes"] in (None, tuple(range(n))[::-1])
    return "x.T" if reverse else None


SPECIAL = {sum_to: _sum_to, transpose: _transpose}


def _is_whole(x: Any) -> bool:
    return type(x) is float and x == int(x) and 0.0 < x < 2.0**53 if _finite(x) else False


def _finite(x: Any) -> bool:
    return type(x) is float and abs(x) < np.inf


def _unwrapped(said: str) -> str:
    """A tuple of several, as `return` writes it."""
    try:
        tree = ast.parse(said, mode="eval").body
    except SyntaxError:
        return said
    several = isinstance(tree, ast.Tuple) and len(tree.elts) > 1
    return said[1:-1] if several else said


def _imported(text: str) -> Iterator[str]:
    for name in ("functools", "itertools", "math", "operator"):
        if f"{name}." in text:
            yield name
    if "np." in text:
        yield "numpy as np"
