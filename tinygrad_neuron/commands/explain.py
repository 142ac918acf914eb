"""A result and its gradient in numbers, one line for each operation, as a command."""

from dataclasses import dataclass
from typing import Any

from tinygrad_neuron.commands.options import Options, Parser
from tinygrad_neuron.commands.traced import add_trace_options, trace_from
from tinygrad_neuron.lesson.text import PLAIN, Look
from tinygrad_neuron.views.explained import explained
from tinygrad_neuron.views.trace import Trace
from tinygrad_neuron.views.tree import ASCII, LINES, Branches


@dataclass(frozen=True)
class Explained:
    """A trace, and the signs to draw it with."""

    trace: Trace
    signs: Branches
    succeeded: bool = True
    interrupted: bool = False


def add_options(parser: Parser) -> None:
    """What can be typed."""
    add_trace_options(parser)


def run(options: Options) -> Explained:
    """The trace of what was typed."""
    return Explained(trace_from(options), ASCII if options.ascii else LINES)


def screen(result: Explained, look: Look = PLAIN) -> str:
    """The tree, the table, the chain rule, and the cost."""
    return explained(result.trace, signs=result.signs, width=look.width)


def record(result: Explained) -> dict[str, Any]:
    """The trace itself, which other commands read."""
    return result.trace
