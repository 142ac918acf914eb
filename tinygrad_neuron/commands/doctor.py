"""A script run with a teacher beside it, as a command: what goes wrong with learning, and where."""

import os
import runpy
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_neuron.commands.options import Options, Parser
from tinygrad_neuron.diagnosis import LearningWarning, teaching
from tinygrad_neuron.diagnosis.messages import UnseededWarning
from tinygrad_neuron.errors import TinygradNeuronError, caller, place
from tinygrad_neuron.lesson.mistakes import UsageError
from tinygrad_neuron.lesson.text import PLAIN, Look, count, wrapped

Message = LearningWarning | TinygradNeuronError


@dataclass
class Visit:
    """A script, what was said about it, and the exception it ended with, if that was another."""

    script: str
    messages: list[Message] = field(default_factory=list)
    crash: str = ""
    interrupted: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether there is nothing to say."""
        return not self.messages and not self.crash


def add_options(parser: Parser) -> None:
    """What can be typed."""
    parser.usage = "%(prog)s script.py [arguments of the script] [--json]"
    parser.add_argument("script", help="a Python file; it is run")
    parser.add_argument("arguments", nargs="*", help="what the script finds in sys.argv")


def run(options: Options) -> Visit:
    """The script, run from its beginning to its end or to its first error."""
    path = Path(options.script)
    if not path.is_file():
        raise UsageError(f"There is no file {path}.", hint="doctor my_training.py")
    visit = Visit(path.name)
    typed = [argument.strip() for argument in options.arguments]
    quiet = redirect_stdout(sys.stderr) if options.json else nullcontext()
    mine = warnings.catch_warnings()  # the script may change filters, for itself
    with quiet, mine, _as_main(path, typed), _unseeded(visit.messages):
        try:
            with np.errstate(all="warn"), teaching(tell=visit.messages.append):
                runpy.run_path(str(path), run_name="__main__")
        except TinygradNeuronError as error:
            visit.messages.append(error)
        except SystemExit:
            pass
        except KeyboardInterrupt:
            visit.interrupted = True
        except Exception as error:
            visit.crash = _crash(error, path)
    return visit


@contextmanager
def _as_main(path: Path, typed: list[str]) -> Iterator[None]:
    """As `python script.py` has it: the script's folder to import from, and its arguments."""
    before = sys.argv, list(sys.path)
    sys.argv = [str(path), *typed]
    sys.path.insert(0, str(path.parent.absolute()))
    try:
        yield
    finally:
        sys.argv, sys.path[:] = before


@contextmanager
def _unseeded(messages: list[Message]) -> Iterator[None]:
    """TN124: generators that were made without a seed, told once."""
    seeded: Callable[..., Any] = np.random.default_rng

    def default_rng(seed: Any = None) -> Any:
        known = any(isinstance(message, UnseededWarning) for message in messages)
        if seed is None and not known:
            messages.append(_unseeded_here())
        return seeded(seed)

    np.random.default_rng = default_rng
    try:
        yield
    finally:
        np.random.default_rng = seeded


def _unseeded_here() -> UnseededWarning:
    return UnseededWarning(
        "default_rng() was called without a seed.",
        why="Each run then starts somewhere else, and two runs cannot be compared: was it the "
        "change, or luck?",
        hint="np.random.default_rng(0)",
        place=place(caller()),
    )


def _crash(error: Exception, path: Path) -> str:
    """Another exception: its last line in the script, and what it says."""
    frames = traceback.extract_tb(error.__traceback__)
    mine = [f for f in frames if os.path.abspath(f.filename) == os.path.abspath(path)]
    where = f"{path.name}:{mine[-1].lineno}  {mine[-1].line}\n" if mine else ""
    return f"{where}{type(error).__name__}: {error}"


def screen(visit: Visit, look: Look = PLAIN) -> str:
    """Each message, and how many there are."""
    parts = [_told(message, look.width) for message in visit.messages]
    if visit.crash:
        parts.append(f"The script stopped:\n{visit.crash}")
    found = count(len(visit.messages), "message") if visit.messages else "nothing to say"
    return "\n\n".join([*parts, f"doctor {visit.script}: {found}."])


def _told(message: Message, width: int) -> str:
    first, *rest = str(message).splitlines()
    told = "\n".join(wrapped(line, width, "  " if line.startswith(" ") else "") for line in rest)
    more = "" if isinstance(message, LearningWarning) else f"\n  more: why {message.code}"
    return f"{type(message).__name__} {first}\n{told}{more}"


def record(visit: Visit) -> dict[str, Any]:
    """The messages for a program."""
    return {
        "script": visit.script,
        "messages": [
            {"code": m.code, "place": m.place, "text": str(m), "hint": m.hint}
            for m in visit.messages
        ],
        "crash": visit.crash,
    }
