"""A formula and its gradient written out as NumPy, as a command."""

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_neuron.commands.inputs import assigned, named, number_or_array
from tinygrad_neuron.commands.options import Options, Parser
from tinygrad_neuron.expressions import parse
from tinygrad_neuron.lesson.mistakes import UsageError
from tinygrad_neuron.lesson.text import PLAIN, Look
from tinygrad_neuron.program import Program, optimised, program_of
from tinygrad_neuron.transforms import value_and_grad

HELP = """\
FORMULA is like "sin(w*x) + b", or "mean((x @ w - y)**2)". Each name in it is a number, unless it is
typed as name=value, where the value says its shape:

  x=[[1, 2], [3, 4.5]]  an array; of whole numbers alone it is held fixed, as labels are

The gradient is of one number, so a formula of arrays ends in mean(...) or sum(...).
"""


@dataclass(frozen=True)
class Code:
    """A formula as a program, and how it is to be shown."""

    formula: str
    program: Program
    shapes: bool
    succeeded: bool = True
    interrupted: bool = False


def add_options(parser: Parser) -> None:
    """What can be typed."""
    parser.usage = "%(prog)s FORMULA [name=value ...] [options]"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = HELP
    add = parser.add_argument
    add("formula", type=str.strip, metavar="FORMULA", help="what to write out")
    add("inputs", nargs="*", metavar="name=value", help="an array that a name stands for")
    add("--no-gradient", action="store_true", help="the formula alone")
    add("--optimise", action="store_true", help="without what is repeated or constant")
    add("--shapes", action="store_true", help="the shape and dtype of each result beside it")


def run(options: Options) -> Code:
    """The program of a formula, and of its gradient by all that can move."""
    expression = parse(options.formula)
    names = expression.names
    given = assigned(options.inputs, list(names))
    rng = np.random.default_rng(0)
    inputs = [number_or_array(name, given.get(name, "0.5"), rng) for name in names]
    if not inputs:
        raise UsageError(
            f"{options.formula} has no names, so nothing in it can move.", hint='"sin(w*x)"'
        )
    moving = tuple(i for i, x in enumerate(inputs) if np.asarray(x).dtype.kind == "f")
    f = named(expression, names, {})
    gradient = moving and not options.no_gradient
    program = program_of(value_and_grad(f, moving) if gradient else f)(*inputs)
    if options.optimise:
        program = optimised(program)
    return Code(options.formula, program, options.shapes)


def screen(code: Code, look: Look = PLAIN) -> str:
    """The source."""
    return code.program.text(shapes=code.shapes)


def record(code: Code) -> dict[str, Any]:
    """The source for a machine."""
    program = code.program
    return {"formula": code.formula, "inputs": program.names, "source": screen(code)}
