"""Random guessing, as a command."""

import math

from tinygrad_neuron.commands.options import (
    EXACT,
    Options,
    Parser,
    at_least_one,
    equation_option,
    positive,
    real,
    seed_option,
)
from tinygrad_neuron.commands.terminal import progress
from tinygrad_neuron.lesson import guess
from tinygrad_neuron.lesson.equation import parse
from tinygrad_neuron.lesson.guess import record as record, screen as screen
from tinygrad_neuron.lesson.mistakes import UsageError


def add_options(parser: Parser) -> None:
    """What can be typed."""
    add = parser.add_argument
    equation_option(parser.add_argument)
    add(
        "--box",
        nargs=2,
        type=real,
        default=(0.0, 10.0),
        metavar=("LO", "HI"),
        help="where to guess",
    )
    add("--tries", type=at_least_one, default=10_000, metavar="N", help="how many guesses")
    seed_option(parser, "which random numbers", default=0)
    add("--tolerance", type=positive, default=1.0, metavar="E", help="the |error| that is a hit")
    add("--integers", action="store_true", help="guess whole numbers only")


def run(options: Options) -> guess.Guesses:
    """What was typed, as a run."""
    low, high = options.box
    empty = not low < high or (options.integers and math.ceil(low) > math.floor(high))
    inexact = options.integers and max(-low, high) > EXACT
    if empty or inexact:
        kind = "exact whole " if inexact else "whole " if options.integers else ""
        raise UsageError(f"--box {low:g} {high:g} has no {kind}numbers in it.", hint="--box 0 10")
    return guess.run(
        parse(options.equation),
        box=(low, high),
        tries=options.tries,
        seed=options.seed,
        tolerance=options.tolerance,
        whole=options.integers,
        progress=progress(),
    )
