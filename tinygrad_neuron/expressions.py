"""A formula as text, as a function of its names: `sin(w*x) + b`.

The text is read into Python's own syntax tree, and the tree is walked. Numbers, names, arithmetic,
comparisons, lists and calls of this package's functions are understood, and everything else is
refused: no text can do anything but compute.
"""

import ast
import difflib
import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_neuron import linalg, losses, ops
from tinygrad_neuron.lesson.mistakes import UsageError

LONGEST = 1_000  # characters
NUMBERS = {"pi": math.pi, "e": math.e, "inf": math.inf}
MODULES = ("np", "numpy", "tn", "losses", "linalg")  # what may stand before a function's name

OPERATORS: Mapping[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.Mod: operator.mod,
    ast.FloorDiv: operator.floordiv,
    ast.MatMult: operator.matmul,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
}


def _public(module: Any) -> dict[str, Callable[..., Any]]:
    """The functions of a module of this package by name: no classes, nothing imported from afar."""
    return {
        name: thing
        for name, thing in ((name, getattr(module, name)) for name in dir(module))
        if callable(thing)
        and not isinstance(thing, type)
        and not name.startswith("_")
        and str(getattr(thing, "__module__", "")).startswith("tinygrad_neuron.")
    }


def _under_numpys_names() -> dict[str, Callable[..., Any]]:
    """The primitives under all the names that NumPy has for them: abs, acos, pow."""
    ours = {id(f): p for p in ops.PRIMITIVES for f in p.numpy}
    return {name: ours[id(f)] for name, f in vars(np).items() if id(f) in ours}


FUNCTIONS = _public(losses) | _public(linalg) | _under_numpys_names() | _public(ops)
FUNCTIONS.pop("get")  # of a loss by its name


@dataclass(frozen=True)
class Expression:
    """A function of its names, in the order in which they come in the text.

    >>> f = parse("sin(w*x) + b")
    >>> f.names
    ('w', 'x', 'b')
    >>> f(0.0, 2.0, 0.5)
    0.5

    Raises `UsageError` (TN141) where the text is not such a formula.
    """

    text: str
    tree: ast.expr
    names: tuple[str, ...]

    def __call__(self, *inputs: Any) -> Any:
        known = dict(zip(self.names, inputs, strict=True))
        try:
            return _value(self.tree, known)
        except ArithmeticError as error:
            raise UsageError(f"{self.text} cannot be computed: {error}.") from None


def parse(text: str) -> Expression:
    """The formula in a text."""
    text = text.strip()
    if len(text) > LONGEST:
        raise UsageError(f"A formula of {len(text)} characters is longer than {LONGEST}.")
    try:
        tree = ast.parse(text.replace("^", "**"), mode="eval").body
    except (SyntaxError, MemoryError, RecursionError):
        raise UsageError(f"{text!r} is not a formula.", hint='"sin(w*x) + b"') from None
    try:
        return Expression(text, tree, tuple(dict.fromkeys(_names(tree))))
    except RecursionError:
        raise UsageError(f"{text[:40]}... is nested too deeply.") from None


def _names(node: ast.AST) -> Iterator[str]:
    """The names that stand for inputs, left to right; raises for what is no part of a formula."""
    match node:
        case ast.Name(id=name):
            if name not in NUMBERS:
                yield name
        case ast.Constant(value=value):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise UsageError(f"{value!r} is not a number.")
        case ast.Call(func=called, args=args, keywords=words):
            _function(called)
            for part in args:
                yield from _names(part)
            for word in words:
                _setting(word.value)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            yield from _names(left)
            yield from _names(right)
        case ast.UnaryOp(op=op, operand=x) if type(op) in OPERATORS:
            yield from _names(x)
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in OPERATORS:
            yield from _names(left)
            yield from _names(right)
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            for part in parts:
                yield from _names(part)
        case _:
            raise _refused(node)


def _value(node: ast.AST, known: Mapping[str, Any]) -> Any:
    """What a part of the formula is, where its names are known."""
    match node:
        case ast.Name(id=name):
            return known[name] if name in known else NUMBERS[name]
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.Call(func=called, args=args, keywords=words):
            settings = {str(word.arg): _setting(word.value) for word in words}
            return _function(called)(*(_argument(x, known) for x in args), **settings)
        case ast.BinOp(left=left, op=op, right=right):
            return OPERATORS[type(op)](_value(left, known), _value(right, known))
        case ast.UnaryOp(op=op, operand=x):
            return OPERATORS[type(op)](_value(x, known))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return OPERATORS[type(op)](_value(left, known), _value(right, known))
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return [_value(part, known) for part in parts]
    raise _refused(node)


def _argument(node: ast.AST, known: Mapping[str, Any]) -> Any:
    """An argument of a function: a whole number stays whole, for it may be an axis."""
    whole = isinstance(node, ast.Constant) and isinstance(node.value, int)
    return _setting(node) if whole else _value(node, known)


def _setting(node: ast.AST) -> Any:
    """A keyword argument: a number, a word like None or "edge", or a tuple of them."""
    try:
        return ast.literal_eval(ast.unparse(node))
    except ValueError:
        raise _refused(node) from None


def _function(node: ast.AST) -> Callable[..., Any]:
    """The function of this package that a call names."""
    module, _, name = ast.unparse(node).rpartition(".")
    if module in ("", *MODULES) and name in FUNCTIONS:
        return FUNCTIONS[name]
    near = difflib.get_close_matches(name, FUNCTIONS, n=1)
    raise UsageError(
        f"There is no function {ast.unparse(node)}"
        + (f"; did you mean {near[0]}?" if near else "."),
        why="A formula may call the functions of this package.",
    )


def _refused(node: ast.AST) -> UsageError:
    return UsageError(
        f"{ast.unparse(node)} is no part of a formula.",
        why="A formula is made of numbers, names, + - * / ** @, comparisons and functions.",
        hint='"where(x > 0, x, exp(x) - 1)"',
    )
