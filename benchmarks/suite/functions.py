"""The functions that losses are written in, gathered from a library or made of what it has."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

NAMES = (
    *("concatenate", "cross_entropy", "exp", "log", "log1p", "logsumexp", "matmul", "mean"),
    *("relu", "reshape", "sigmoid", "sin", "sqrt", "sum", "tanh"),
)


def scan(step: Callable[[Any, Any], Any], carry: Any, xs: Any, length: int) -> Any:
    """A loop of Python's: for libraries that have none of their own."""
    for i in range(length):
        carry = step(carry, [x[i] for x in xs])
    return carry


def shape(x: Any) -> Any:
    """As numbers of Python's."""
    return x.shape


def functions(*modules: Any, **others: Any) -> SimpleNamespace:
    """Every function that one of the modules has, and others by name."""
    found = {"scan": scan, "shape": shape, "zero": 0.0}
    for name in NAMES:
        for module in modules:
            if hasattr(module, name):
                found.setdefault(name, getattr(module, name))
    return SimpleNamespace(**{**found, **others})
