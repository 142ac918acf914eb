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
from functools import partial
from typing import Any

import numpy as np

from tinygrad_neuron.graph import tidy
from tinygrad_neuron.program.blocks import blocks
from tinygrad_neuron.program.excuses import without_excuses
from tinygrad_neuron.program.expansion import ENTRY_BY_ENTRY, ROW_BY_ROW, expanded
from tinygrad_neuron.program.passes import optimised
from tinygrad_neuron.program.program import Program
from tinygrad_neuron.program.text import Text

LIBRARIES = {
    "np": np, "math": math, "itertools": itertools, "functools": functools, "operator": operator,
}  # fmt: skip


EVERYTHING = {**ROW_BY_ROW, **ENTRY_BY_ENTRY}
PATIENCE = 3  # calls that are done twice before the second way is taken at once

Run = Callable[..., Any]


def runner(program: Program, threads: int | None = None) -> Run:
    """The function of a program's inputs, one by one, that gives its outputs.

    It first runs without the zero-cotangent rule, where a nan among the results would tell that it
    was needed, and then with it. What Python's floats refuse (1/0) is done by the primitives.
    """
    short = expanded(without_excuses(program), EVERYTHING)
    careful = None if short.whole is None else _Careful(short.whole, threads)
    return _text_run(short, threads, careful)


class _Careful:
    """The run of a whole program, with every rule in it, for whom a shorter one is not enough."""

    def __init__(self, whole: Program, threads: int | None) -> None:
        self.whole, self.threads = replace(whole, whole=None), threads
        self.calls = 0
        self.run: Run | None = None

    def __call__(self, *inputs: Any) -> Any:
        self.calls += 1
        if self.run is None:
            whole = expanded(optimised(self.whole), EVERYTHING)
            self.run = _text_run(whole, self.threads, None)
        return self.run(*inputs)


def _text_run(program: Program, threads: int | None, careful: _Careful | None) -> Run:
    """The text of a program as a function, which hands over to the careful one where it must.

    Each call that is under way has buffers of its own, which the next one takes over.
    """
    make, silent = _maker(program, threads)
    free: list[Run] = []

    def run(*inputs: Any) -> Any:
        if careful is not None and careful.calls >= PATIENCE:
            return careful(*inputs)
        try:
            one = free.pop()
        except IndexError:
            one = partial(_silent(), make()) if silent else make()
        try:
            return one(*inputs)
        except FloatingPointError:
            return careful(*inputs)  # type: ignore[misc]  # who has none does not look for nan
        except (ArithmeticError, ValueError):
            return program.interpret_inputs(*inputs)
        finally:
            free.append(one)

    return run


def _maker(program: Program, threads: int | None) -> tuple[Callable[[], Run], bool]:
    """What makes the function with its buffers, and whether NumPy might warn in it."""
    text = Text(program)
    whole = text.whole()
    scope = dict(LIBRARIES) | dict(program.constants)
    scope |= text.names(tidy=tidy, blocks=partial(blocks, threads=threads), empty=np.empty)
    exec(compile(whole, f"<program {program.name}, as it runs>", "exec"), scope)
    return scope[text.maker], not text.numbers_only


def _silent() -> Callable[..., Any]:
    """What calls a function without warnings of NumPy's, at a tenth of what `errstate` takes."""
    context = contextvars.copy_context()
    context.run(np.seterr, all="ignore")
    return context.run
