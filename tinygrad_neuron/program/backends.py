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

NAMES = ("numpy", "native")


def backend_called(name: str, threads: int | None) -> Backend:
    """The backend of a name.

    Raises `UnsupportedError` (TN131) for an unknown name, and for threads where it has none.
    """
    if name == "numpy":
        return partial(runner, threads=threads)
    if name == "native" and threads is None:
        return _native
    raise UnsupportedError(
        f"There is no backend {name!r}{'' if threads is None else f' with threads={threads}'}.",
        hint=f"one of {', '.join(NAMES)};  threads= is for numpy",
    )


def _native(program: Program) -> Callable[..., Any]:
    """Machine code, for which an extra is needed: looked for when it is asked for."""
    native: Any = import_module("tinygrad_neuron.program.native")
    call: Callable[..., Any] = native.Compiled(program).call
    return call
