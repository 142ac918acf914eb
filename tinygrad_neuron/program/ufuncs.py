"""Expressions as universal functions of NumPy's: which one, on what, and what comes out."""

import ast
from collections.abc import Mapping
from typing import Any

import numpy as np

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


def applied(tree: ast.expr) -> tuple[np.ufunc, list[ast.expr]] | None:
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


def typed(tree: Any, kinds: Mapping[str, Kind]) -> Any:
    """The shape and dtype of an expression; a type for Python's numbers; None if unknown."""
    if isinstance(tree, ast.Constant):
        return type(tree.value) if type(tree.value) in (int, float) else None
    if isinstance(tree, ast.Attribute) and tree.attr == "T":
        kind = typed(tree.value, kinds)
        return (kind[0][::-1], kind[1]) if isinstance(kind, tuple) else None
    if isinstance(tree, ast.Name):
        kind = kinds.get(tree.id)
        return float if kind and not kind[0] and kind[1] == np.float64 else kind
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.operand, ast.Constant):
        return typed(tree.operand, kinds)
    if is_where(tree):
        return _chosen_kind([typed(x, kinds) for x in tree.args])
    found = applied(tree)
    if found is None:
        return None
    given = [typed(x, kinds) for x in found[1]]
    if any(x is None for x in given) or not any(isinstance(x, tuple) for x in given):
        return None
    try:
        wanted = tuple(x[1] if isinstance(x, tuple) else x for x in given)
        dtype = found[0].resolve_dtypes((*wanted, None))[-1]
    except TypeError:
        return None
    return np.broadcast_shapes(*(x[0] for x in given if isinstance(x, tuple))), dtype


def _chosen_kind(kinds: list[Any]) -> Kind | None:
    if any(x is None for x in kinds) or not isinstance(kinds[0], tuple):
        return None
    numbers = [x[1] if isinstance(x, tuple) else x(0) for x in kinds[1:]]
    shapes = (x[0] for x in kinds if isinstance(x, tuple))
    return np.broadcast_shapes(*shapes), np.result_type(*numbers)


def is_where(tree: Any) -> bool:
    """Whether an expression chooses between two, entry by entry."""
    if not isinstance(tree, ast.Call) or tree.keywords or len(tree.args) != 3:
        return False
    return ast.unparse(tree.func) == "np.where"


def put(tree: Any, known: Mapping[str, ast.expr]) -> Any:
    """An expression with others in place of some names."""

    class Put(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.AST:  # the ast module's name
            return known.get(node.id, node)

    return Put().visit(tree)
