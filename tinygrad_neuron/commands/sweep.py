"""Many learning rates at once, as a command."""

from tinygrad_neuron.commands.options import (
    Options,
    Parser,
    equation_option,
    positive,
    rate,
    real,
    seed_option,
    whole,
)
from tinygrad_neuron.commands.terminal import progress
from tinygrad_neuron.lesson import sweep
from tinygrad_neuron.lesson.equation import parse
from tinygrad_neuron.lesson.sweep import record as record, screen as screen


def add_options(parser: Parser) -> None:
    """What can be typed."""
    add = parser.add_argument
    equation_option(parser.add_argument)
    add("--alphas", nargs="+", type=rate, default=(), metavar="A", help="the learning rates")
    add("--steps", type=whole, default=20_000, metavar="N", help="the most updates for each")
    add("--w0", nargs="+", type=real, default=(), metavar="W", help="the first weights, else 0")
    seed_option(parser, "random first weights between 0 and 10")
    add("--tolerance", type=positive, default=1e-6, metavar="E", help="the |error| to arrive at")


def run(options: Options) -> sweep.Sweep:
    """What was typed, as a run."""
    return sweep.run(
        parse(options.equation),
        alphas=options.alphas,
        steps=options.steps,
        start=options.w0,
        seed=options.seed,
        tolerance=options.tolerance,
        progress=progress(),
    )
