"""Inputs as Python that makes them again, digit for digit."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np


def code(x: Any) -> str:
    """A number, an array, an index, a container of them: as an expression that makes it.

    >>> code(np.array([0.1, np.inf])), code(np.float32(2.0)), code((slice(1, None), Ellipsis))
    ('np.array([0.1, np.inf])', 'np.float32(2.0)', '(slice(1, None, None), Ellipsis)')
    """
    if isinstance(x, np.ndarray):
        return _array(x)
    if isinstance(x, np.generic):
        return f"np.{x.dtype}({_finite(repr(x.item()))})"
    if isinstance(x, dict):
        return f"{{{', '.join(f'{key!r}: {code(part)}' for key, part in x.items())}}}"
    if isinstance(x, list | tuple):
        inside = ", ".join(map(code, x))
        if isinstance(x, list):
            return f"[{inside}]"
        return f"({inside},)" if len(x) == 1 else f"({inside})"
    return x.__name__ if isinstance(x, type) else _finite(repr(x))


def words(settings: Mapping[str, Any]) -> list[str]:
    """Keyword arguments, as they stand in a call."""
    return [f"{name}={code(x)}" for name, x in settings.items()]


def _array(x: Any) -> str:
    if not x.size:
        return f"np.zeros({x.shape}{_dtype(x)})"
    return f"np.array({_finite(repr(x.tolist()))}{_dtype(x)})"


def _dtype(x: Any) -> str:
    said = x.size and x.dtype in (np.float64, np.int64, np.bool_)
    return "" if said or x.dtype == np.float64 else f", dtype=np.{x.dtype}"


def _finite(text: str) -> str:
    """`inf` and `nan` are names of NumPy's."""
    return re.sub(r"\b(?<!np\.)(inf|nan)\b", r"np.\1", text)
