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
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_neuron.graph import tidy
from tinygrad_neuron.program.blocks import blocks
from tinygrad_neuron.program.calls import Text
from tinygrad_neuron.program.excuses import without_excuses
from tinygrad_neuron.program.passes import optimised
from tinygrad_neuron.program.program import Program

LIBRARIES = {
    "np": np, "math": math, "itertools": itertools, "functools": functools, "operator": operator,
}  # fmt: skip


PATIENCE = 3  # calls that are done twice before the second way is taken at once


def runner(program: Program, threads: int | None = None) -> Callable[..., Any]:
    """The function of a program's inputs, one by one, that gives its outputs.

    It first runs without the zero-cotangent rule, where a nan among the results would tell that it
    was needed, and then with it. What Python's floats refuse (1/0) is done by the primitives.
    """
    short = without_excuses(program)
    if short.whole is None:
        return _text_of(short, threads)
    first, whole = _text_of(short, threads), short.whole
    second: list[Callable[..., Any]] = []
    needed = 0

    def run(*inputs: Any) -> Any:
        nonlocal needed
        if needed < PATIENCE:
            try:
                return first(*inputs)
            except FloatingPointError:
                needed += 1
        if not second:
            second.append(_text_of(replace(optimised(whole), whole=None), threads))
        return second[0](*inputs)

    return run


def _text_of(program: Program, threads: int | None) -> Callable[..., Any]:
    """The text of a program as a function; it raises `FloatingPointError` for a nan, if it looks.

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
            return within(function, *inputs)
        except FloatingPointError:
            raise
        except (ArithmeticError, ValueError):
            return program.interpret_inputs(*inputs)
        finally:
            free.append(one)

    if text.numbers_only:
        return _of_numbers(program, make())
    return run


def _of_numbers(program: Program, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a program without arrays: no buffers, and no warnings of NumPy's."""

    def run(*inputs: Any) -> Any:
        try:
            return function(*inputs)
        except FloatingPointError:
            raise
        except (ArithmeticError, ValueError):
            return program.interpret_inputs(*inputs)

    return run


def _silent() -> Callable[..., Any]:
    """What calls a function without warnings of NumPy's, at a tenth of what `errstate` takes."""
    context = contextvars.copy_context()
    context.run(np.seterr, all="ignore")
    return context.run
