"""Numbers, arrays, slices and containers of them as Python text, digit for digit."""

import ast
import re
from collections.abc import Mapping
from typing import Any

import numpy as np


def expression(x: Any) -> ast.expr:
    """The same as a syntax tree. A `Name` is a name."""
    return ast.parse(literal(x), mode="eval").body


def literal(x: Any) -> str:
    """The text.

    >>> literal(np.array([0.1, np.inf])), literal(np.float32(2.0)), literal((slice(1, None), ...))
    ('np.array([0.1, np.inf])', 'np.float32(2.0)', '(slice(1, None), ...)')
    """
    if isinstance(x, np.ndarray):
        return _array(x)
    if isinstance(x, np.generic):
        return f"np.{x.dtype.name}({_finite(repr(x.item()))})"
    if isinstance(x, np.dtype):
        return f"np.{x.name}"
    if isinstance(x, list | tuple):
        inside = ", ".join(map(literal, x))
        ends = "[]" if isinstance(x, list) else "()"
        return f"{ends[0]}{inside}{',' * (ends == '()' and len(x) == 1)}{ends[1]}"
    if isinstance(x, dict):
        return f"{{{', '.join(f'{key!r}: {literal(part)}' for key, part in x.items())}}}"
    if isinstance(x, slice):
        return _slice(x)
    return _other(x)


def keywords(settings: Mapping[str, Any]) -> list[str]:
    """Keyword arguments, as they stand in a call."""
    return [f"{name}={literal(x)}" for name, x in settings.items()]


def _other(x: Any) -> str:
    if x is ...:
        return "..."
    if isinstance(x, type):
        if x in (type(None), type(...)):
            return f"type({'None' if x is type(None) else '...'})"
        return f"np.{x.__name__}" if issubclass(x, np.generic) else x.__name__
    if isinstance(x, str):
        return str(x) if type(x) is not str else repr(x)
    return _finite(repr(x))


def _slice(x: slice) -> str:
    parts = [x.start, x.stop] if x.step is None else [x.start, x.stop, x.step]
    return f"slice({', '.join(map(literal, parts))})"


def _array(x: Any) -> str:
    dtype = "" if x.dtype in (np.float64, np.int64, np.bool_) else f", dtype=np.{x.dtype.name}"
    if not x.size:
        return f"np.zeros({x.shape}, dtype=np.{x.dtype.name})"
    return f"np.array({_finite(repr(x.tolist()))}{dtype})"


def _finite(text: str) -> str:
    """`inf` and `nan` are names of NumPy's."""
    return re.sub(r"\b(inf|nan)\b", r"np.\1", text)
