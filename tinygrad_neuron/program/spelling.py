"""How a primitive is written in NumPy: as an operator, as its own one line, or as a helper.

The forward of a primitive is Python text on plain arrays, and that text is what a program needs. A
single `return` is written where it is used, with the operands in place of the parameters. A longer
one goes above the program as a function, with whatever it calls in turn.
"""

import ast
import inspect
import math
import operator
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any, cast

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.arrays import is_foreign
from tinygrad_neuron.errors import UnsupportedError
from tinygrad_neuron.graph import Node, Primitive, dtype_of
from tinygrad_neuron.literals import expression, literal
from tinygrad_neuron.ops.shape import ndim_of, shape_of

LIBRARIES = ("math", "itertools", "functools", "operator", "_operator")  # of Python itself
OPERATORS = {
    operator.add: "a + b",
    operator.sub: "a - b",
    operator.mul: "a * b",
    operator.truediv: "a / b",
    operator.floordiv: "a // b",
    operator.mod: "a % b",
    math.pow: "a ** b",
    operator.neg: "-x",
    operator.pos: "+x",
    operator.abs: "abs(x)",
    operator.gt: "a > b",
    operator.ge: "a >= b",
    operator.lt: "a < b",
    operator.le: "a <= b",
    operator.eq: "a == b",
    operator.ne: "a != b",
}
# NumPy's operators on arrays, and what reads better than the fastest spelling of the same
OF_ARRAYS: Mapping[Primitive, str] = {
    ops.add: "a + b",
    ops.subtract: "a - b",
    ops.multiply: "a * b",
    ops.divide: "a / b",
    ops.floor_divide: "a // b",
    ops.remainder: "a % b",
    ops.power: "a ** b",
    ops.negative: "-x",
    ops.matmul: "a @ b",
    ops.greater: "a > b",
    ops.greater_equal: "a >= b",
    ops.less: "a < b",
    ops.less_equal: "a <= b",
    ops.equal: "a == b",
    ops.not_equal: "a != b",
    ops.take: "x[index]",
    ops.broadcast_to: "np.broadcast_to(x, shape)",
    ops.sum: "np.sum(x, axis=axis, keepdims=keepdims)",
}
# what its forward checks beside was checked when it was traced
UNCHECKED: Mapping[Primitive, str] = {ops.astype: "np.asarray(x, dtype)"}
# what a helper may mention of the package without being written out itself
STAND_INS = {
    shape_of: "np.shape",
    ndim_of: "np.ndim",
    dtype_of: "np.result_type",
    ops.where: "np.where",
}


@dataclass(frozen=True)
class Spelling:
    """An expression in the names of the parameters, and the helpers that it calls.

    `arrays` are the parameters that the inputs stand for; the last of them may stand for many.
    """

    body: ast.expr
    arrays: tuple[str, ...]
    variadic: bool = False
    helpers: tuple[str, ...] = ()

    def of(self, inputs: list[ast.expr], settings: Mapping[str, Any]) -> ast.expr:
        """The expression with these inputs and settings in place of the parameters."""
        known: dict[str, Any] = {key: expression(x) for key, x in settings.items()}
        if self.variadic:
            known[self.arrays[0]] = ast.Tuple(inputs, ast.Load())
        else:
            known |= dict(zip(self.arrays, inputs, strict=True))
        return _shorter(ast.fix_missing_locations(_Put(known).visit(_copy(self.body))))

    def once(self, i: int) -> bool:
        """Whether input number i stands in it once, so that it may be more than a name."""
        if self.variadic:
            return True
        names = (node.id for node in ast.walk(self.body) if isinstance(node, ast.Name))
        return sum(name == self.arrays[i] for name in names) == 1


def spelling(function: Primitive, *, floats: bool, arrays: bool, settings: Any) -> Spelling:
    """How a primitive is written for Python's floats (`floats`), or with an array among its inputs.

    Raises `UnsupportedError` (TN131) for a primitive whose source cannot be had or stand alone.
    """
    if floats:
        return _of_floats(function)
    text = (OF_ARRAYS if arrays and function in OF_ARRAYS else UNCHECKED).get(function)
    if text is not None:
        return Spelling(_parsed(text), _array_names(function))
    return _of_forward(function)


@cache
def _of_floats(function: Primitive) -> Spelling:
    compute, names = function.scalar, _array_names(function)
    if compute in OPERATORS:
        return Spelling(_parsed(OPERATORS[compute]), ("a", "b") if len(names) == 2 else ("x",))
    if inspect.isbuiltin(compute):
        call = f"{compute.__module__}.{compute.__name__}({', '.join(names)})"
        return Spelling(_parsed(call), names)
    if compute.__name__ != "<lambda>":
        helpers = _Helpers(function)
        called = helpers.name_of(compute)
        return Spelling(_parsed(f"{called}({', '.join(names)})"), names, helpers=helpers.texts())
    node = _scalar_text(function)
    helpers = _Helpers(function)
    body = helpers.resolved(node.body, compute, {a.arg for a in node.args.args})
    return Spelling(body, tuple(a.arg for a in node.args.args), helpers=helpers.texts())


@cache
def _of_forward(function: Primitive) -> Spelling:
    definition = _definition(function.forward, function)
    parameters = {a.arg for a in _arguments(definition)}
    statements = _without_docstring(definition.body)
    helpers = _Helpers(function)
    names = _array_names(function)
    if len(statements) == 1 and isinstance(statements[0], ast.Return) and statements[0].value:
        body = helpers.resolved(statements[0].value, function.forward, parameters)
        return Spelling(body, names, function.variadic, helpers.texts())
    called = helpers.name_of(function.forward)
    given = [f"*{names[0]}"] if function.variadic else list(names)
    words = [f"{key}={key}" for key in function.defaults]
    call = _parsed(f"{called}({', '.join(given + words)})")
    return Spelling(call, names, function.variadic, helpers.texts())


def _array_names(function: Primitive) -> tuple[str, ...]:
    parameters = inspect.signature(function.forward).parameters.values()
    return tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY)


def _scalar_text(function: Primitive) -> ast.Lambda:
    """The lambda that stands as `scalar=` in the declaration of a primitive."""
    for decorator in _definition(function.forward, function).decorator_list:
        for word in getattr(decorator, "keywords", ()):
            if word.arg == "scalar" and isinstance(word.value, ast.Lambda):
                return word.value
    raise _unwritten(function, "its function of floats stands outside of its declaration")


# --------------------------------------------------------------------------------- helpers


@dataclass
class _Helpers:
    """The functions that must stand above a program, each after those it calls."""

    function: Primitive
    written: dict[str, str] = field(default_factory=dict)
    sources: dict[str, Any] = field(default_factory=dict)

    def texts(self) -> tuple[str, ...]:
        """Their definitions, in an order in which they can run."""
        return tuple(self.written.values())

    def name_of(self, called: Callable[..., Any]) -> str:
        """The name under which a function of the package is written out, with what it calls."""
        name = called.__name__.lstrip("_")
        name = f"{name}_of" if name in ("sum", "max", "min", "any", "all", "round", "abs") else name
        known = self.sources.get(name)
        if known is called:
            return name
        if known is not None:
            raise _unwritten(self.function, f"two functions that it calls have the name {name}")
        self.sources[name] = called
        definition = _definition(called, self.function)
        texts = (definition.args, *definition.body)
        local = {name for part in texts for name in _assigned(part)}
        plain = ast.FunctionDef(
            name=name,
            args=_bare(definition.args),
            body=[self.resolved(part, called, local) for part in definition.body],
            decorator_list=[],
        )
        self.written[name] = ast.unparse(ast.fix_missing_locations(plain))
        return name

    def resolved(self, node: Any, called: Callable[..., Any], local: set[str]) -> Any:
        """A piece of a function's text with its global names written so that they stand alone."""
        node = _copy(node)
        local = local | set(_assigned(node))
        seen = inspect.getclosurevars(called)
        scope = {**seen.builtins, **called.__globals__, **seen.nonlocals}
        known = {}
        for part in ast.walk(node):
            if isinstance(part, ast.AnnAssign):
                part.annotation = ast.Constant(None)
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and part.id not in local and part.id not in known:
                known[part.id] = self._global(part.id, scope)
        return ast.fix_missing_locations(_Put(known).visit(node))

    def _global(self, name: str, scope: Mapping[str, Any]) -> ast.expr:
        thing = scope.get(name, __builtins__.get(name) if isinstance(__builtins__, dict) else None)
        if isinstance(thing, ModuleType):
            return _parsed({"numpy": "np"}.get(thing.__name__, thing.__name__))
        if thing in STAND_INS if callable(thing) and not isinstance(thing, Primitive) else False:
            return _parsed(STAND_INS[thing])
        if thing is Node:
            return _parsed("()")  # isinstance(x, ()) is never true: in a program there are none
        if isinstance(thing, Primitive):
            return _parsed(self.name_of(thing.forward))
        if getattr(thing, "__module__", None) in LIBRARIES and hasattr(thing, "__name__"):
            return _parsed(f"{thing.__module__.lstrip('_')}.{thing.__name__}")
        if getattr(thing, "__module__", None) == "builtins":
            return _parsed(name)
        if thing is None and name in scope:
            return ast.Constant(None)
        if inspect.isfunction(thing):
            return _parsed(self.name_of(thing))
        if isinstance(thing, int | float | str):
            return expression(thing)
        if isinstance(thing, list | tuple | dict | np.ndarray):
            self.written[name] = f"{name} = {literal(thing)}"
            return _parsed(name)
        raise _unwritten(self.function, f"it mentions {name}")


def _unwritten(function: Primitive, why: str) -> UnsupportedError:
    return UnsupportedError(
        f"{function.name} cannot be written out as NumPy: {why}.",
        why="The source of a program runs without this package.",
        hint="program.interpret(*inputs)  runs it by the primitives themselves",
        function=function.name,
    )


# ------------------------------------------------------------------------------ Python's text


class _Put(ast.NodeTransformer):
    """Expressions in place of names."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self.known = known

    def visit_Name(self, node: ast.Name) -> ast.AST:  # the ast module's name
        found = self.known.get(node.id)
        return node if found is None or isinstance(node.ctx, ast.Store) else _copy(found)

    def visit_Call(self, node: ast.Call) -> ast.AST:  # the ast module's name
        """`f(*xs)` for known xs is `f(a, b)`."""
        self.generic_visit(node)
        args: list[ast.expr] = []
        for arg in node.args:
            many = isinstance(arg, ast.Starred) and isinstance(arg.value, ast.Tuple)
            args += arg.value.elts if many else [arg]  # type: ignore[attr-defined]
        node.args = args
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:  # its name
        """`x: T = y` is `x = y`."""
        self.generic_visit(node)
        return ast.Assign([node.target], node.value) if node.value else ast.Pass()

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:  # the ast module's name
        """`x[slice(1, None)]` is `x[1:]`."""
        self.generic_visit(node)
        if isinstance(node.slice, ast.Tuple) and node.slice.elts:
            node.slice = ast.Tuple([_as_slice(part) for part in node.slice.elts], ast.Load())
        else:
            node.slice = _as_slice(node.slice)
        return node


class _OfNumPy(ast.NodeTransformer):
    """In a program every array is NumPy's: what is done for others is left out."""

    def __init__(self, questions: set[str]) -> None:
        self.questions = questions

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Is it another library's? No."""
        self.generic_visit(node)
        asked = isinstance(node.func, ast.Name) and node.func.id in self.questions
        return ast.Constant(False) if asked else node

    def visit_If(self, node: ast.If) -> Any:
        """What remains where the answer is no."""
        self.generic_visit(node)
        return node.orelse if _is_no(node.test) else node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        """The same in one line."""
        self.generic_visit(node)
        return node.orelse if _is_no(node.test) else node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        """`a or no` is a."""
        self.generic_visit(node)
        if isinstance(node.op, ast.Or):
            node.values = [x for x in node.values if not _is_no(x)] or [ast.Constant(False)]
        return node if len(node.values) > 1 else node.values[0]


def _is_no(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _as_slice(node: ast.expr) -> ast.expr:
    if not isinstance(node, ast.Call) or ast.unparse(node.func) != "slice":
        return node
    ends = [None if ast.unparse(part) == "None" else part for part in node.args]
    return ast.Slice(*ends)


def _shorter(node: ast.expr) -> ast.expr:
    """Without the keywords that say what NumPy does anyway, and with `np.float64` as a name."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("np."):
            defaults = _defaults(ast.unparse(call.func))
            call.keywords = [word for word in call.keywords if not _idle(word, defaults)]
    return node


def _idle(word: ast.keyword, defaults: Mapping[str, Any]) -> bool:
    said = word.value.value if isinstance(word.value, ast.Constant) else ...
    if word.arg == "keepdims":  # whose default is a mark that nothing was said
        return said is False and word.arg in defaults
    return said is defaults.get(str(word.arg), word)


@cache
def _defaults(called: str) -> dict[str, Any]:
    """The keywords of a function of NumPy's with what they are by default."""
    function = operator.attrgetter(called.removeprefix("np."))(np)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return {}
    return {p.name: p.default for p in parameters}


def _copy(node: Any) -> Any:
    """A tree of its own, since what is put into a tree may be changed there."""
    if isinstance(node, list):
        return [_copy(part) for part in node]
    if not isinstance(node, ast.AST):
        return node
    return type(node)(**{name: _copy(part) for name, part in ast.iter_fields(node)})


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _definition(called: Callable[..., Any], function: Primitive) -> ast.FunctionDef:
    """The text of a function as a tree."""
    try:
        text = textwrap.dedent(inspect.getsource(called))
        found = ast.parse(text).body[0]
    except (OSError, TypeError, SyntaxError):
        raise _unwritten(function, "its source cannot be read") from None
    if not isinstance(found, ast.FunctionDef):
        raise _unwritten(function, "it is no function with a definition")
    asked = {name for name, thing in called.__globals__.items() if thing is is_foreign}
    return cast(ast.FunctionDef, _OfNumPy(asked).visit(found))


def _arguments(definition: ast.FunctionDef) -> list[ast.arg]:
    given = definition.args
    several = [x for x in (given.vararg, given.kwarg) if x is not None]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *several]


def _bare(arguments: ast.arguments) -> ast.arguments:
    """Parameters without annotations."""
    arguments = _copy(arguments)
    for part in ast.walk(arguments):
        if isinstance(part, ast.arg):
            part.annotation = None
    return arguments


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0]
    said = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return body[1:] if said else body


def _assigned(node: ast.AST) -> Iterator[str]:
    """The names that a piece of text gives values to."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            yield part.id
        if isinstance(part, ast.arg):
            yield part.arg
