"""A run forward and back, one operation at a time, as a command."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tinygrad_neuron.commands.options import Options, Parser
from tinygrad_neuron.commands.traced import add_trace_options, trace_from
from tinygrad_neuron.lesson.text import PLAIN, Look
from tinygrad_neuron.views.frames import Frame, frames, graph_at
from tinygrad_neuron.views.trace import Trace
from tinygrad_neuron.views.tree import ASCII, LINES, Branches

KEYS = "n next   p back   g graph   f formula   i input numbers   q quit   or a step's number"
NEXT, BACK = (
    ("n", "", "\x1b[C"),
    ("p", "b", "\x1b[D"),
)  # also the arrow keys, as terminals send them


@dataclass(frozen=True)
class Stepped:
    """A trace, its frames, and whether somebody has walked through them already."""

    trace: Trace
    frames: list[Frame]
    signs: Branches
    walked: bool
    succeeded: bool = True
    interrupted: bool = False


def add_options(parser: Parser) -> None:
    """What can be typed."""
    add_trace_options(parser)
    parser.add_argument("--dump", action="store_true", help="print all steps and ask for no key")


def run(options: Options) -> Stepped:
    """The steps; where somebody sits at the keyboard, a walk through them."""
    trace = trace_from(options)
    seen = Stepped(trace, frames(trace), ASCII if options.ascii else LINES, _asked(options))
    if seen.walked:
        walk(seen, input)
    return seen


def _asked(options: Options) -> bool:
    """Whether to ask for keys."""
    shut = options.dump or options.json
    return not shut and sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def walk(seen: Stepped, ask: Callable[[str], str]) -> int:
    """Forward and back through the steps, by the keys that are typed; where it ended."""
    k, last = 0, len(seen.frames) - 1
    print(KEYS)
    print(seen.frames[k].text(k, last))
    while True:
        try:
            typed = ask("> ").strip(" ")
        except EOFError:
            return k
        if typed == "q":
            return k
        said, k = _said(seen, typed, k, last)
        print(said)


def _said(seen: Stepped, typed: str, k: int, last: int) -> tuple[str, int]:
    """What is shown for a key, and where we are then."""
    frame = seen.frames[k]
    if typed == "g":
        return graph_at(seen.trace, k, signs=seen.signs), k
    if typed in ("f", "i"):
        return frame.formula if typed == "f" else frame.inputs or "no inputs", k
    if typed in NEXT and k == last:
        return "that was the last step; p goes back, q leaves", k
    if typed in BACK and k == 0:
        return "this is the first step", k
    if typed in NEXT or typed in BACK:
        k += 1 if typed in NEXT else -1
    elif typed.isdecimal() and int(typed) <= last:
        k = int(typed)
    else:
        return KEYS, k
    return seen.frames[k].text(k, last), k


def screen(seen: Stepped, look: Look = PLAIN) -> str:
    """All of the steps, unless somebody has walked through them."""
    last = len(seen.frames) - 1
    if seen.walked:
        return "Next:  " + look.program + " explain  says it all on one screen"
    return "\n".join(frame.text(k, last, look.width) for k, frame in enumerate(seen.frames))


def record(seen: Stepped) -> dict[str, Any]:
    """The trace itself."""
    return seen.trace
