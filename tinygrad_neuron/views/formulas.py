"""Formulas read off the rules: a rule is run on names in place of numbers, and spelled.

There is no table of derivatives here. `lambda g, y, a, b: g * b` run with g = 1 leaves `b`, which
stands for whatever the other factor is called. A formula is the text of a Python expression in the
names of a trace; `compact` writes it as a person would: `2e` for `2 * e`.
"""

import ast
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.errors import TinygradNeuronError
from tinygrad_neuron.graph import Array, Primitive, dtype_of, is_complex, plain
from tinygrad_neuron.hooks import on_grad
from tinygrad_neuron.literals import literal
from tinygrad_neuron.program.algebra import simplified
from tinygrad_neuron.program.lines import Line, Name, is_array
from tinygrad_neuron.program.spelling import OF_ARRAYS
from tinygrad_neuron.program.tracing import program_of

UPSTREAM = "upstream"  # what the formula of a share calls the gradient that comes in
LONGEST = 120  # characters of a formula that somebody may read
PUT_TOGETHER = 150  # nodes whose formulas are put together; more are too many to read
LARGE = 1e15  # a whole number beyond is written with its power of ten
FEW = 8  # entries of an array that stands in a formula
SAME = {ops.positive, ops.astype, ops.stop_gradient, on_grad}  # the number stays what it was
CALLED = {ops.select: "where", ops.signum: "sign"}
EXAMPLES = {"f": 0.5, "c": 0.5 + 0.5j, "b": np.array(True), "i": np.array(1), "u": np.array(1)}

Names = Mapping[str, str]


def spelled(function: Primitive, operands: Sequence[str], settings: Mapping[str, Any]) -> str:
    """A call of a primitive as an expression of its operands, which are expressions themselves.

    >>> spelled(ops.multiply, ["a + b", "x"], {})
    '(a + b) * x'
    >>> spelled(ops.sum, ["x"], {"axis": 0, "keepdims": False})
    'sum(x, axis=0)'
    """
    return ast.unparse(_call(function, [_parsed(x) for x in operands], settings))


def local(function: Primitive, i: int, inputs: Sequence[Array], settings: Any) -> str | None:
    """The slope of an elementwise function in its input number i, in the names of its parameters.

    A plain number among the inputs stands in it as it is; everything else is a name. None where the
    function is not elementwise, or the rule cannot be run on names.

    >>> from tinygrad_neuron import Value
    >>> local(ops.power, 0, [Value(3.0), 2.0], {})
    '2 * a'
    """
    if not function.elementwise:
        return None
    given = tuple(x if type(x) is float else dtype_of(x).kind for x in inputs)
    return _cached(_slope, function, i, given, settings)


def _kind(x: Array) -> tuple[tuple[int, ...], Any]:
    return np.shape(plain(x)), dtype_of(x)


def share(function: Primitive, i: int, y: Array, inputs: Sequence[Array], settings: Any) -> Any:
    """What input number i is owed when the output is owed `upstream`, in the same names; or None.

    >>> from tinygrad_neuron import Value
    >>> x, w = Value(np.ones((4, 3))), Value(np.ones((3, 2)))
    >>> share(ops.matmul, 1, np.ones((4, 2)), [x, w], {})
    'a.T @ upstream'
    """
    kinds = (_kind(y), *(x if type(x) is float else _kind(x) for x in inputs))
    return _cached(_share, function, i, kinds, settings)


def parameters(function: Primitive, count: int) -> list[str]:
    """The names of a primitive's arrays, as its formulas have them."""
    if function.variadic:
        return [f"x{k}" for k in range(1, count + 1)]
    found = inspect.signature(function.forward).parameters.values()
    return [p.name for p in found if p.kind is not p.KEYWORD_ONLY]


def renamed(formula: str, names: Names) -> str:
    """A formula with other names, or with expressions, in place of its own.

    >>> renamed("a * b", {"a": "x1", "b": "w + 1"})
    'x1 * (w + 1)'
    """
    tree = _parsed(formula)
    found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    trees = {name: _parsed(names[name]) for name in found & names.keys()}
    return ast.unparse(_Renamed(trees).visit(tree))


def whole(nodes: Sequence[Mapping[str, Any]], result: int) -> str:
    """The formula of a trace's node in the names of the leaves; long parts by their names."""
    texts: dict[str, str] = {}
    for node in nodes[-PUT_TOGETHER:]:
        if node["formula"] is not None:
            text = renamed(node["formula"], texts)
            texts[node["name"]] = text if len(text) <= LONGEST else node["name"]
    name = nodes[result]["name"]
    return texts.get(name, name)


def mentioned(formula: str) -> list[str]:
    """The names in a formula, in the order in which they come, called functions left out.

    >>> mentioned("y * sigmoid(-x)")
    ['y', 'x']
    """
    tree = _parsed(formula)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = (
        node for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called
    )
    ordered = sorted(names, key=lambda node: node.col_offset)
    return list(dict.fromkeys(node.id for node in ordered))


def compact(formula: str) -> str:
    """A formula as a person writes it: without blanks around products, and `2e` for `2 * e`.

    >>> compact("2 * e"), compact("w1 * x1 + b"), compact("2 * e5"), compact("0.69314718 * y")
    ('2e', 'w1*x1 + b', '2*e5', '0.693147y')
    """
    formula = re.sub(r"\d+\.\d{7,}(?![e\d])", lambda found: f"{float(found[0]):.6g}", formula)
    text = re.sub(r" (\*\*|\*|/|//|%) ", r"\1", formula)
    return re.sub(r"(?<![\w.)\]])(\d+(?:\.\d+)?)\*([^\W\d]\w*)(?![\w(.\[])", _beside, text)


def _beside(found: re.Match[str]) -> str:
    """`2e`; but `2*e5`, which would be a number otherwise."""
    both = found[1] + found[2]
    try:
        complex(both)
    except ValueError:
        return both
    return found[0]


# ---------------------------------------------------------------------------------- from rules


def _cached(make: Callable[..., str | None], function: Primitive, i: int, *key: Any) -> str | None:
    known, settings = key
    listed = tuple(settings.items())
    try:
        hash(listed)
    except TypeError:  # an array of places cannot be looked up
        return make(function, i, known, settings)
    return _remembered(make, function, i, known, listed)


@lru_cache(maxsize=4096)
def _remembered(make: Any, function: Primitive, i: int, known: Any, settings: Any) -> Any:
    return make(function, i, known, dict(settings))


def _slope(function: Primitive, i: int, given: tuple[Any, ...], settings: Any) -> str | None:
    """The rule run with g = 1: what is left of it is the slope."""
    names = parameters(function, len(given))
    moving = [k for k, x in enumerate(given) if type(x) is not float]
    rule = function.rule(i)
    assert rule is not None

    def slope(y: Array, *moved: Array) -> Array:
        inputs = list(given)
        for k, x in zip(moving, moved, strict=True):
            inputs[k] = x
        return rule(1.0, y, *inputs, **settings)

    examples = [EXAMPLES.get(given[k]) for k in moving]
    return _read(slope, ["y", *(names[k] for k in moving)], [0.5, *examples])


def _share(function: Primitive, i: int, kinds: tuple[Any, ...], settings: Any) -> str | None:
    """The rule run on all of it by name."""
    y, *given = kinds
    names = parameters(function, len(given))
    moving = [k for k, x in enumerate(given) if type(x) is not float]
    rule = function.rule(i)
    assert rule is not None

    def share(g: Array, y: Array, *moved: Array) -> Array:
        inputs = list(given)
        for k, x in zip(moving, moved, strict=True):
            inputs[k] = x
        return rule(g, y, *inputs, **settings)

    examples = [_example(y), _example(y), *(_example(given[k]) for k in moving)]
    return _read(share, [UPSTREAM, "y", *(names[k] for k in moving)], examples)


def _example(kind: Any) -> Any:
    shape, dtype = kind
    return np.zeros(shape, dtype) if shape or dtype != np.dtype("f8") else 0.5


def _read(rule: Callable[..., Any], names: list[str], examples: list[Any]) -> str | None:
    """What a function computes, as an expression of its parameters; None where that cannot be."""
    kind = inspect.Parameter.POSITIONAL_ONLY
    rule.__signature__ = inspect.Signature([inspect.Parameter(n, kind) for n in names])  # type: ignore[attr-defined]
    try:
        program = simplified(program_of(rule)(*examples))
        text = ast.unparse(_tree(program))
    except (TinygradNeuronError, ArithmeticError, ValueError, TypeError, AttributeError):
        return None  # the rule looks at numbers: it has no formula
    return text if len(text) <= LONGEST else None


def _tree(program: Any) -> ast.expr:
    known: dict[str, ast.expr] = {name: _array(x) for name, x in program.constants.items()}
    for line in program.lines:
        known[line.name] = _line(line, known)
    return _operand(program.outputs, known)


def _line(line: Line, known: Mapping[str, ast.expr]) -> ast.expr:
    return _call(line.primitive, [_operand(x, known) for x in line.inputs], line.settings)


def _operand(x: Any, known: Mapping[str, ast.expr]) -> ast.expr:
    if isinstance(x, Name):
        return known.get(x, ast.Name(str(x), ast.Load()))
    return _number(x)


# ------------------------------------------------------------------------------------ spelling


def _call(function: Primitive, operands: list[ast.expr], settings: Mapping[str, Any]) -> ast.expr:
    if function in SAME:
        return operands[0]
    if function is ops.multiply and ast.unparse(operands[0]) == "-1":
        return ast.UnaryOp(ast.USub(), operands[1])
    certain = _certain(function, operands)
    if certain is not None:
        return certain
    if function is ops.transpose and _reversing(settings["axes"]):
        return ast.Attribute(operands[0], "T", ast.Load())
    if function is ops.take:
        return ast.Subscript(operands[0], _index(settings["index"]), ast.Load())
    operator = OF_ARRAYS.get(function, "(")
    if "(" not in operator and "[" not in operator:
        names = parameters(function, len(operands))
        known = dict(zip(names, operands, strict=True))
        tree: ast.expr = _Renamed(known).visit(_parsed(operator))
        return tree
    name = CALLED.get(function, function.name)
    told = {k: x for k, x in settings.items() if not _is_default(x, function.defaults.get(k, ...))}
    keywords = [ast.keyword(k, _setting(x)) for k, x in told.items()]
    return ast.Call(ast.Name(name, ast.Load()), operands, keywords)


def _certain(function: Primitive, operands: list[ast.expr]) -> ast.expr | None:
    """What rules ask for the sake of nan: a number is itself, and "or no" says nothing."""
    texts = [ast.unparse(x) for x in operands]
    if function is ops.not_equal and texts[0] == texts[1]:
        return ast.Constant(False)
    if function is ops.logical_or and "False" in texts:
        return operands[1 - texts.index("False")]
    return None


def _reversing(axes: Any) -> bool:
    return axes is None or tuple(axes) == tuple(range(len(axes)))[::-1]


def _index(index: Any) -> ast.expr:
    text = literal(index) if np.size(index) <= FEW else "..."
    text = re.sub(r"slice\((.*?), (.*?)(?:, (.*?))?\)", _as_slice, text)
    text = text[1:-1].rstrip(",") if text.startswith("(") and text != "()" else text
    tree = ast.parse(f"x[{text}]", mode="eval").body
    return tree.slice if isinstance(tree, ast.Subscript) else tree


def _as_slice(found: re.Match[str]) -> str:
    return ":".join("" if part == "None" else part for part in found.groups() if part is not None)


def _is_default(x: Any, default: Any) -> bool:
    return x is default or (type(x) is type(default) and not is_array(x) and x == default)


def _setting(x: Any) -> ast.expr:
    if is_array(x) and x.size > FEW:
        return ast.Constant(...)
    return _parsed(literal(x)) if not callable(x) else ast.Name(_function_name(x), ast.Load())


def _function_name(x: Any) -> str:
    name = getattr(x, "__name__", "function")
    return name if name.isidentifier() else "function"


def _array(x: Any) -> ast.expr:
    return _parsed(literal(x.tolist())) if x.size <= FEW else ast.Constant(...)


def written(x: Any) -> str:
    """A number as it stands in a formula.

    >>> written(2.0), written(-0.5)
    ('2', '-0.5')
    """
    return ast.unparse(_number(x))


def _number(x: Any) -> ast.expr:
    """A number in a formula: whole ones without a point."""
    if is_complex(x) or isinstance(x, bool | np.bool_) or not np.isfinite(x):
        return _parsed(literal(x).replace("np.", ""))
    number = float(x)
    return _parsed(repr(int(number) if number.is_integer() and abs(number) < LARGE else number))


class _Renamed(ast.NodeTransformer):
    def __init__(self, known: Mapping[str, ast.expr]) -> None:
        self.known = known

    def visit_Name(self, node: ast.Name) -> ast.AST:  # the ast module's name
        return self.known.get(node.id, node)

    def visit_Call(self, node: ast.Call) -> ast.AST:  # the ast module's name
        """What is called is no operand, whatever it is called."""
        node.args = [self.visit(arg) for arg in node.args]
        return node


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body
