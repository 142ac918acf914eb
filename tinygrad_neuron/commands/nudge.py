"""Nudging, as a command."""

from tinygrad_neuron.commands.options import (
    Options,
    Parser,
    equation_option,
    positive,
    real,
    seed_option,
)
from tinygrad_neuron.lesson import nudge
from tinygrad_neuron.lesson.equation import parse
from tinygrad_neuron.lesson.nudge import record as record, screen as screen


def add_options(parser: Parser) -> None:
    """What can be typed."""
    add = parser.add_argument
    equation_option(parser.add_argument)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--step", type=positive, default=1.0, metavar="S", help="a fixed step")
    size.add_argument(
        "--proportional", type=positive, metavar="ETA", help="move ETA times the error"
    )
    add("--first", metavar="NAME", help="the unknown that moves first")
    add("--start", nargs="+", type=real, default=(), metavar="V", help="where to start, else at 0")
    seed_option(parser, "start at random whole numbers between 0 and 10")
    add("--together", action="store_true", help="move all unknowns in every move")


def run(options: Options) -> nudge.Nudges:
    """What was typed, as a run."""
    return nudge.run(
        parse(options.equation),
        step=options.step,
        eta=options.proportional,
        first=options.first,
        start=options.start,
        seed=options.seed,
        together=options.together,
    )
