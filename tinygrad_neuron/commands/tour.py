"""The whole lesson, as a command."""

from tinygrad_neuron.commands.options import Options, Parser, seed_option
from tinygrad_neuron.commands.terminal import progress
from tinygrad_neuron.lesson import tour
from tinygrad_neuron.lesson.tour import record as record, screen as screen


def add_options(parser: Parser) -> None:
    """What can be typed."""
    seed_option(parser, "which random numbers", default=0)


def run(options: Options) -> tour.Tour:
    """What was typed, as a run."""
    return tour.run(seed=options.seed, progress=progress())
