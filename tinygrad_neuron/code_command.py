"""What `code` does: a formula and its gradient, written out as NumPy."""

import ast
import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_neuron.expressions import Expression, parse
from tinygrad_neuron.lesson.mistakes import UsageError
from tinygrad_neuron.lesson.text import PLAIN, Look, words
from tinygrad_neuron.program import Program, optimised, program_of
from tinygrad_neuron.transforms import value_and_grad

HELP = """\
FORMULA is like "sin(w*x) + b", or "mean((x @ w - y)**2)". Each name in it is a number, unless it is
typed as name=value, where the value says its shape:

  x=[[1, 2], [3, 4.5]]  an array; of whole numbers alone it is held fixed, as labels are

The gradient is of one number, so a formula of arrays ends in mean(...) or sum(...).
"""
ASSIGNED = re.compile(r"\s*(?P<name>\w+)\s*=\s*(?P<value>.+)", re.DOTALL)


@dataclass(frozen=True)
class Code:
    """A formula as a program, and how it is to be shown."""

    formula: str
    program: Program
    shapes: bool
    succeeded: bool = True
    interrupted: bool = False


def run(
    formula: str,
    typed: Sequence[str],
    *,
    gradient: bool = True,
    optimise: bool = False,
    shapes: bool = False,
) -> Code:
    """The program of a formula, and of its gradient by all that can move."""
    expression = parse(formula)
    given = dict(_input(text, expression.names) for text in typed)
    inputs = [given.get(name, 0.5) for name in expression.names]
    moving = tuple(i for i, x in enumerate(inputs) if np.asarray(x).dtype.kind == "f")
    f = _function(expression)
    if not inputs:
        raise UsageError(f"{formula} has no names, so nothing in it can move.", hint='"sin(w*x)"')
    program = program_of(value_and_grad(f, moving) if gradient and moving else f)(*inputs)
    return Code(formula, optimised(program) if optimise else program, shapes)


def screen(code: Code, look: Look = PLAIN) -> str:
    """The source."""
    return code.program.text(shapes=code.shapes)


def record(code: Code) -> dict[str, Any]:
    """The source for a machine."""
    program = code.program
    return {"formula": code.formula, "inputs": program.names, "source": screen(code)}


def _function(expression: Expression) -> Callable[..., Any]:
    """The formula as a function whose parameters are its names."""

    def f(*inputs: Any) -> Any:
        return expression(*inputs)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, kind) for name in expression.names]
    f.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return f


def _input(text: str, names: Sequence[str]) -> tuple[str, Any]:
    parts = ASSIGNED.fullmatch(text)
    if not parts:
        raise UsageError(f"{text.strip()!r} is not an input.", hint="x=[1.0, 2.0]")
    if parts["name"] not in names:
        raise UsageError(f"There is no {parts['name']} in it.", why=f"Its names: {words(names)}.")
    try:
        x = np.asarray(ast.literal_eval(parts["value"].strip()))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        x = np.asarray("")
    if x.dtype.kind not in "fiub":
        raise UsageError(
            f"{text.strip()} is neither a number nor an array of numbers.",
            hint=f"{parts['name']}=1.5   {parts['name']}=[1.0, 2.0]",
        )
    return parts["name"], x if x.ndim else float(x)
