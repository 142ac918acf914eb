"""The command: what is typed becomes a run, and the run a screen or JSON.

Exit codes: 0 it worked, 1 it ran but did not get there, 2 the command or the data is wrong, 130
interrupted.
"""

import difflib
import importlib
import importlib.metadata
import json
import math
import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_neuron.commands.options import Parser
from tinygrad_neuron.commands.terminal import program
from tinygrad_neuron.errors import TinygradNeuronError
from tinygrad_neuron.lesson.mistakes import UsageError
from tinygrad_neuron.lesson.text import BLOCKS, DIGITS, Look

PIPE_WIDTH = 100  # of a screen that nobody looks at in a terminal

# what can be typed; its module in `commands` is imported when it is
COMMANDS = {
    "guess": "try random numbers for x and y in 256x + 212y = 1492  (no learning)",
    "nudge": "correct x and y by the sign or the size of the error",
    "learn": "gradient descent on an equation, or one neuron on a table (data.csv)",
    "train": "a network on a table: hidden layers, minibatches, categories, a validation set",
    "sweep": "many learning rates at once, with the limit; or many networks on a table",
    "predict": "what a model saved by learn --save or train --save says about a table",
    "inspect": "what is in a saved model",
    "tour": "guess, nudge, learn and a real table, one after the other",
    "losses": "the losses there are, one of them with its plot, or a check of your own",
    "explain": "a formula or a function: its graph, each step of its gradient, the chain rule",
    "step": "forward and back through a gradient, one operation at a time",
    "draw": "the graph of a formula or a function, as text, SVG, DOT or a page",
    "doctor": "run a script and say what goes wrong with its learning, and where",
    "why": "a message in full, with an example, as in: why TN109",
    "check": "is a gradient right? A formula or a function of your own against finite differences",
    "code": "write out a formula and its gradient as NumPy: a program to read and to keep",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        return _main(list(sys.argv[1:] if arguments is None else arguments))
    except TinygradNeuronError as error:
        print(_printable(told(error), sys.stderr), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever reads has had enough, as in `learn | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except SystemExit as stop:  # argparse has printed its help
        return int(stop.code or 0)


def _main(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        return _say(overview())
    if arguments[0] == "--version":
        return _say(f"tinygrad_neuron {version()}")
    name, *rest = arguments
    command = _command(name)
    options = _parser(name, command).parse_args(_protected(rest))
    with np.errstate(all="ignore"):  # what overflows is told on the screen, not by a warning
        result = command.run(options)
        if options.json:
            _say(json.dumps(_finite(command.record(result)), indent=2, allow_nan=False))
        else:
            _say("\n".join([command.screen(result, _look()), *_next(command, result, options)]))
    return 130 if result.interrupted else 0 if result.succeeded else 1


def _next(command: Any, result: Any, options: Any) -> list[str]:
    return command.epilogue(result, options) if hasattr(command, "epilogue") else []


def overview() -> str:
    """What can be typed."""
    width, name = max(map(len, COMMANDS)), program()
    return "\n".join(
        [
            f"tinygrad_neuron {version()}  -  how a neuron learns, one step at a time",
            "",
            *(f"  {word:{width}}   {says}" for word, says in COMMANDS.items()),
            "",
            f"Start:    {name} tour",
            f"Then:     {name} learn --alpha 0.001",
            f"Options:  {name} learn --help",
        ]
    )


def version() -> str:
    """The version that is installed."""
    try:
        return importlib.metadata.version("tinygrad_neuron")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def told(error: TinygradNeuronError) -> str:
    """An error without the line of code it came from: here that is a command somebody typed."""
    return f"{type(error).__name__} [{error.code}]\n{str(error).partition(chr(10))[2]}"


def _command(name: str) -> Any:
    """The module of a command."""
    if name in COMMANDS:
        return importlib.import_module(f"tinygrad_neuron.commands.{name}")
    near = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
    raise UsageError(
        f"There is no command {name!r}" + (f"; did you mean {near[0]!r}?" if near else "."),
        hint=f"{program()}   lists the commands",
    )


def _parser(name: str, command: Any) -> Parser:
    prog, says = f"{program()} {name}", COMMANDS[name]
    parser = Parser(prog, "%(prog)s [options]", description=says, allow_abbrev=False)
    command.add_options(parser)
    parser.add_argument("--json", action="store_true", help="print the numbers for a program")
    return parser


def _protected(arguments: list[str]) -> list[str]:
    """A blank before what starts with a minus but is no option: -3e-5, or -a + b = 1."""
    return [f" {a}" if a.startswith("-") and a[1:2] not in ("-", "h", "") else a for a in arguments]


# --------------------------------------------------------------------------------- the terminal


def _look() -> Look:
    """As wide as the terminal, with blocks where its encoding has them."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else PIPE_WIDTH
    levels = BLOCKS if _printable(BLOCKS, sys.stdout) == BLOCKS else DIGITS
    return Look(width, levels, program())


def _say(text: str) -> int:
    print(_printable(text, sys.stdout), flush=True)
    return 0


def _printable(text: str, stream: Any) -> str:
    """The text with \\u... for what the stream cannot print."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _finite(numbers: Any) -> Any:
    """The same with None for what JSON has no number for: inf and nan."""
    if isinstance(numbers, dict):
        return {key: _finite(value) for key, value in numbers.items()}
    if isinstance(numbers, list):
        return [_finite(value) for value in numbers]
    return None if isinstance(numbers, float) and not math.isfinite(numbers) else numbers
