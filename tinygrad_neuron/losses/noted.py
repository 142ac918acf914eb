"""Checks of numbers, noted in a trace with what they look at, so that a program can do them again.

A trace looks at the numbers of its examples, and its program at none. Who wants every number looked
at that goes through the program asks for what was noted.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

from tinygrad_neuron.graph import is_traced

Check = tuple[Callable[..., None], tuple[Any, ...]]  # and what it was given, some of it traced

_noted: ContextVar[list[Check] | None] = ContextVar("noted", default=None)


@contextmanager
def noting() -> Iterator[list[Check]]:
    """A block in which checks of traced Values are listed."""
    checks: list[Check] = []
    token = _noted.set(checks)
    try:
        yield checks
    finally:
        _noted.reset(token)


def check(function: Callable[..., None]) -> Callable[..., None]:
    """A function that raises for numbers that are not allowed, and does nothing else."""

    @wraps(function)
    def checked(*given: Any) -> None:
        noted = _noted.get()
        if noted is not None and any(map(is_traced, given)):
            noted.append((function, given))
        function(*given)

    return checked
