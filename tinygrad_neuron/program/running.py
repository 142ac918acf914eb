"""How a program runs on NumPy: its lines as calls with buffers, large arrays block by block.

The source that a person reads makes a new array for each result. Here a second text is made of the
same lines: each function of NumPy's writes into a buffer that is free, and the regions of `stages`
become functions of a range of rows.
"""

import contextvars
import functools
import itertools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_neuron.graph import tidy
from tinygrad_neuron.program.blocks import blocks
from tinygrad_neuron.program.calls import Text
from tinygrad_neuron.program.program import Program

LIBRARIES = {
    "np": np, "math": math, "itertools": itertools, "functools": functools, "operator": operator,
}  # fmt: skip


def runner(program: Program, threads: int | None = None) -> Callable[..., Any]:
    """The function of a program's inputs, one by one, that gives its outputs.

    Each call that is under way has buffers of its own, which the next one takes over.
    """
    text = Text(program)
    whole = text.whole()
    scope = dict(LIBRARIES) | dict(program.constants)
    scope |= text.names(
        tidy=tidy,
        blocks=functools.partial(blocks, threads=threads),
        empty=np.empty,
    )
    exec(compile(whole, f"<program {program.name}, as it runs>", "exec"), scope)
    make = scope[text.maker]
    free: list[tuple[Callable[..., Any], Callable[..., Any]]] = []

    def run(*inputs: Any) -> Any:
        try:
            one = free.pop()
        except IndexError:
            one = _silent(), make()
        within, function = one
        try:
            outputs = within(function, *inputs)
        except (ArithmeticError, ValueError):
            return program.interpret_inputs(*inputs)
        free.append(one)
        return outputs

    if text.numbers_only:
        return _of_numbers(program, make())
    return run


def _of_numbers(program: Program, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a program without arrays: no buffers, and no warnings of NumPy's."""

    def run(*inputs: Any) -> Any:
        try:
            return function(*inputs)
        except (ArithmeticError, ValueError):
            return program.interpret_inputs(*inputs)

    return run


def _silent() -> Callable[..., Any]:
    """What calls a function without warnings of NumPy's, at a tenth of what `errstate` takes."""
    context = contextvars.copy_context()
    context.run(np.seterr, all="ignore")
    return context.run
