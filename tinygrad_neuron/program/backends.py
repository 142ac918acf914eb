"""Backends: what makes a function of a program, by the name that `compile` is given."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from tinygrad_neuron.errors import UnsupportedError
from tinygrad_neuron.program.program import Program
from tinygrad_neuron.program.running import runner

# From a program to the function of its inputs, one by one, whose answer is built as the program's
# outputs, out of new arrays and Python's own numbers. It is called from several threads at once.
Backend = Callable[[Program], Callable[..., Any]]

ELSEWHERE = {"native": "tinygrad_neuron.program.native"}  # needs an extra: imported when asked for


def backend_called(name: str, threads: int | None) -> Backend:
    """The backend of a name.

    Raises `UnsupportedError` (TN131) for an unknown name, and for what a backend cannot do.
    """
    if name == "numpy":
        return partial(runner, threads=threads)
    if name not in ELSEWHERE:
        raise UnsupportedError(
            f"There is no backend {name!r}.", hint=f"one of {', '.join(['numpy', *ELSEWHERE])}"
        )
    found: Backend = partial(import_module(ELSEWHERE[name]).runner, threads=threads)
    return found
