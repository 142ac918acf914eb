"""The command: what is typed becomes a run of the lesson, and the run a screen or JSON.

Exit codes: 0 it worked, 1 it ran but did not get there, 2 the command or the data is wrong, 130
interrupted.
"""

import argparse
import difflib
import importlib.metadata
import json
import math
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np

from tinygrad_neuron import check_command, code_command
from tinygrad_neuron.errors import TinygradNeuronError
from tinygrad_neuron.lesson import fit, guess, learn, model, nudge, predict, sweep, tour
from tinygrad_neuron.lesson.equation import SEED, parse
from tinygrad_neuron.lesson.mistakes import UsageError
from tinygrad_neuron.lesson.table import read
from tinygrad_neuron.lesson.text import BLOCKS, DIGITS, Look, relative, words
from tinygrad_neuron.losses import screens

PIPE_WIDTH = 100  # of a screen that nobody looks at in a terminal
LARGEST = 1e100  # of what is typed as a place or a size
EXACT = 2.0**53  # floating-point numbers beyond skip whole ones
ONLY_EQUATION = ("equation", "w0", "scale", "bias")
ONLY_TABLE = ("target", "columns", "activation", "standardize", "save")

Options = argparse.Namespace
Add = Callable[..., Any]  # add_argument of a parser, or of a group of its options
Result = Any  # of any module of the lesson: succeeded, interrupted


class Command(NamedTuple):
    """A word that can be typed: what it says of itself, its options, its run, and its two faces."""

    says: str
    options: Callable[["Parser"], None]
    run: Callable[[Options], Result]
    screen: Callable[[Result, Look], str]
    record: Callable[[Result], dict[str, Any]]


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
            _say("\n".join([command.screen(result, _look()), *_saved(result, options)]))
    return 130 if result.interrupted else 0 if result.succeeded else 1


def _saved(result: Result, options: Options) -> list[str]:
    """Where the neuron is now, if it was to be saved."""
    path = getattr(options, "save", None)
    if path is None:
        return []
    if not _worth_saving(result):
        return ["Nothing was saved: these weights are lost."]
    return [f"Saved. Next:  {program()} predict {path} {options.data}"]


def overview() -> str:
    """What can be typed."""
    width, name = max(map(len, COMMANDS)), program()
    return "\n".join(
        [
            f"tinygrad_neuron {version()}  -  how a neuron learns, one step at a time",
            "",
            *(f"  {word:{width}}   {command.says}" for word, command in COMMANDS.items()),
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


# ------------------------------------------------------------------------------------ the runs


def _guess(options: Options) -> guess.Guesses:
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


def _nudge(options: Options) -> nudge.Nudges:
    return nudge.run(
        parse(options.equation),
        step=options.step,
        eta=options.proportional,
        first=options.first,
        start=options.start,
        seed=options.seed,
        together=options.together,
    )


def _learn(options: Options) -> learn.Learnt | fit.Fit:
    wrong = ONLY_EQUATION if options.data else ONLY_TABLE
    misplaced = [f"--{name}" for name in wrong if getattr(options, name) is not None]
    if misplaced:
        place = "learning an equation" if options.data else "learning from a table"
        given = f"{options.data} is a table" if options.data else "no table was named"
        raise UsageError(
            f"{words(misplaced)} belongs to {place}, and {given}.",
            hint="learn data.csv --target y   or   learn --alpha 4e-6",
        )
    return _learn_table(options) if options.data else _learn_equation(options)


def _learn_equation(options: Options) -> learn.Learnt:
    _choose("--loss", options.loss, learn.LOSSES)
    return learn.run(
        parse(options.equation or SEED),
        start=options.w0 or (),
        bias=options.bias == "trainable",
        progress=progress(),
        **_given(options, "alpha", "steps", "seed", "loss", "scale", "tolerance"),
    )


def _learn_table(options: Options) -> fit.Fit:
    _choose("--loss", options.loss, fit.LOSSES)
    examples = read(options.data)
    if options.target is None:
        raise UsageError(
            f"Which column of {options.data} is to be predicted?",
            why=f"Its columns are {words(examples.names)}.",
            hint=f"learn {options.data} --target {examples.names[-1]}",
        )
    names = ("columns", "activation", "alpha", "steps", "seed", "loss", "standardize", "tolerance")
    learnt = fit.run(examples, options.target, progress=progress(), **_given(options, *names))
    if options.save and _worth_saving(learnt):
        model.save(learnt.model, options.save)
    return learnt


def _worth_saving(learnt: fit.Fit) -> bool:
    return learnt.verdict.kind != "diverging"


def _sweep(options: Options) -> sweep.Sweep:
    return sweep.run(
        parse(options.equation),
        alphas=options.alphas,
        steps=options.steps,
        start=options.w0,
        seed=options.seed,
        tolerance=options.tolerance,
        progress=progress(),
    )


def _tour(options: Options) -> tour.Tour:
    return tour.run(seed=options.seed, progress=progress())


def _predict(options: Options) -> predict.Predictions:
    return predict.run(model.load(options.model), read(options.data))


def _check(options: Options) -> check_command.Checked:
    return check_command.run(options.target, options.inputs, order=options.order, seed=options.seed)


def _losses(options: Options) -> screens.Screenful:
    if options.name == "check":
        if options.module is None:
            raise UsageError(
                "Which module's losses are to be checked?", hint="losses check my_losses.py"
            )
        return screens.checked(options.module)
    if options.module is not None:
        raise UsageError(
            f"losses {options.name} {options.module} is one word too many.",
            hint=f"losses {options.name}   or   losses check {options.module}",
        )
    return screens.catalogue() if options.name is None else screens.described(options.name)


def _code(options: Options) -> code_command.Code:
    return code_command.run(
        options.formula,
        options.inputs,
        gradient=not options.no_gradient,
        optimise=options.optimise,
        shapes=options.shapes,
    )


def _given(options: Options, *names: str) -> dict[str, Any]:
    """The options that were typed: for the others each run has its own default."""
    return {name: value for name in names if (value := getattr(options, name)) is not None}


def _choose(option: str, value: str | None, allowed: Iterable[str]) -> None:
    if value is not None and value not in allowed:
        near = difflib.get_close_matches(value, allowed, n=1)
        raise UsageError(
            f"{option} {value} is not one of {words(list(allowed), last='or')} here.",
            hint=f"{option} {near[0] if near else next(iter(allowed))}",
        )


def _learnt_screen(learnt: learn.Learnt | fit.Fit, look: Look) -> str:
    return (
        learn.screen(learnt, look) if isinstance(learnt, learn.Learnt) else fit.screen(learnt, look)
    )


def _learnt_record(learnt: learn.Learnt | fit.Fit) -> dict[str, Any]:
    return learn.record(learnt) if isinstance(learnt, learn.Learnt) else fit.record(learnt)


# --------------------------------------------------------------------------------- the options


class Parser(argparse.ArgumentParser):
    """argparse, but its errors are ours."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print before it left."""
        unknown = message.startswith("unrecognized")
        typed = [part for part in message.split() if unknown and part.startswith("--")]
        known = re.findall(r"--\w[\w-]*", self.format_help())
        near = [m for part in typed for m in difflib.get_close_matches(part, known, n=1)]
        raise UsageError(
            f"{message[:1].upper()}{message[1:]}.",
            hint=f"did you mean {near[0]}?   {self.prog} --help" if near else f"{self.prog} --help",
        )


def _command(name: str) -> Command:
    if name in COMMANDS:
        return COMMANDS[name]
    near = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
    raise UsageError(
        f"There is no command {name!r}" + (f"; did you mean {near[0]!r}?" if near else "."),
        hint=f"{program()}   lists the commands",
    )


def _parser(name: str, command: Command) -> Parser:
    prog = f"{program()} {name}"
    parser = Parser(prog, "%(prog)s [options]", description=command.says, allow_abbrev=False)
    command.options(parser)
    parser.add_argument("--json", action="store_true", help="print the numbers for a program")
    return parser


def _protected(arguments: list[str]) -> list[str]:
    """A blank before what starts with a minus but is no option: -3e-5, or -a + b = 1."""
    return [f" {a}" if a.startswith("-") and a[1:2] not in ("-", "h", "") else a for a in arguments]


def finite(typed: str) -> float:
    """A number, also written as a fraction: 1/256."""
    above, slash, below = typed.partition("/")
    try:
        value = float(above) / float(below if slash else 1)
    except (ValueError, ArithmeticError):
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{typed.strip()!r} is not a number")
    return value


def real(typed: str) -> float:
    """A number of a size whose square is still a number."""
    value = finite(typed)
    if abs(value) > LARGEST:
        raise argparse.ArgumentTypeError(f"{typed.strip()} is beyond {LARGEST:g}")
    return value


def rate(typed: str) -> float:
    """A number above 0, however large."""
    value = finite(typed)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{typed.strip()} is not above 0")
    return value


def positive(typed: str) -> float:
    """A number above 0, of a reasonable size."""
    return real(str(rate(typed)))


def whole(typed: str) -> int:
    """A whole number, 0 or more; 1e4 is one too."""
    value = finite(typed)
    if not 0 <= value <= EXACT or value != int(value):
        raise argparse.ArgumentTypeError(f"{typed.strip()} is not a whole number from 0 on")
    return int(value)


def at_least_one(typed: str) -> int:
    """A whole number, 1 or more."""
    value = whole(typed)
    if not value:
        raise argparse.ArgumentTypeError("0 is too few")
    return value


def _equation_option(add: Add, default: str | None = SEED) -> None:
    example = f'any linear equation, like "{SEED}"'
    add("--equation", type=str.strip, default=default, metavar="TEXT", help=example)


def _seed_option(parser: Parser, what: str, default: int | None = None) -> None:
    parser.add_argument("--seed", type=whole, default=default, metavar="N", help=what)


def _guess_options(parser: Parser) -> None:
    add = parser.add_argument
    _equation_option(parser.add_argument)
    add(
        "--box",
        nargs=2,
        type=real,
        default=(0.0, 10.0),
        metavar=("LO", "HI"),
        help="where to guess",
    )
    add("--tries", type=at_least_one, default=10_000, metavar="N", help="how many guesses")
    _seed_option(parser, "which random numbers", default=0)
    add("--tolerance", type=positive, default=1.0, metavar="E", help="the |error| that is a hit")
    add("--integers", action="store_true", help="guess whole numbers only")


def _nudge_options(parser: Parser) -> None:
    add = parser.add_argument
    _equation_option(parser.add_argument)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--step", type=positive, default=1.0, metavar="S", help="a fixed step")
    size.add_argument(
        "--proportional", type=positive, metavar="ETA", help="move ETA times the error"
    )
    add("--first", metavar="NAME", help="the unknown that moves first")
    add("--start", nargs="+", type=real, default=(), metavar="V", help="where to start, else at 0")
    _seed_option(parser, "start at random whole numbers between 0 and 10")
    add("--together", action="store_true", help="move all unknowns in every move")


def _learn_options(parser: Parser) -> None:
    parser.usage = "%(prog)s [data.csv] [options]"
    add = parser.add_argument
    add("data", nargs="?", metavar="data.csv", help="a table; without one, an equation is learnt")
    add("--alpha", type=rate, metavar="A", help="the learning rate; without one it is measured")
    add("--steps", type=whole, metavar="N", help="the most updates: 1000, for a table 10000")
    _seed_option(parser, "random first weights")
    add("--loss", metavar="NAME", help=f"{', '.join(learn.LOSSES)}; table: {', '.join(fit.LOSSES)}")
    add("--tolerance", type=positive, metavar="E", help="|error| to arrive at, 1e-6; table: the "
        "gradient to arrive at as a share of the first, 1e-9")  # fmt: skip
    equation = parser.add_argument_group("an equation")
    _equation_option(equation.add_argument, default=None)
    add = equation.add_argument
    add("--w0", nargs="+", type=real, metavar="W", help="the first weights, else 0")
    add("--scale", type=positive, metavar="S", help="divide the inputs by S")
    add("--bias", choices=("fixed", "trainable"), help="b stays 0 (fixed), or is learnt as well")
    table = parser.add_argument_group("a table")
    add = table.add_argument
    add("--target", metavar="NAME", help="the column to predict")
    add("--columns", nargs="+", metavar="NAME", help="the columns to predict from, else all others")
    add("--activation", choices=tuple(fit.ACTIVATIONS), help="the f of y = f(w . x + b)")
    add("--standardize", action="store_true", default=None, help="inputs to mean 0 and spread 1")
    add("--save", metavar="model.json", help="write the neuron to a file")


def _sweep_options(parser: Parser) -> None:
    add = parser.add_argument
    _equation_option(parser.add_argument)
    add("--alphas", nargs="+", type=rate, default=(), metavar="A", help="the learning rates")
    add("--steps", type=whole, default=20_000, metavar="N", help="the most updates for each")
    add("--w0", nargs="+", type=real, default=(), metavar="W", help="the first weights, else 0")
    _seed_option(parser, "random first weights between 0 and 10")
    add("--tolerance", type=positive, default=1e-6, metavar="E", help="the |error| to arrive at")


def _tour_options(parser: Parser) -> None:
    _seed_option(parser, "which random numbers", default=0)


def _predict_options(parser: Parser) -> None:
    parser.usage = "%(prog)s model.json data.csv [options]"
    parser.add_argument("model", metavar="model.json", help="a neuron written by learn --save")
    parser.add_argument("data", metavar="data.csv", help="a table with the same input columns")


def _check_options(parser: Parser) -> None:
    parser.usage = "%(prog)s TARGET [name=value ...] [options]"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = check_command.HELP
    add = parser.add_argument
    add("target", type=str.strip, metavar="TARGET", help="a formula, or module:function")
    add("inputs", nargs="*", metavar="name=value", help="where to check it")
    add(
        "--order", type=at_least_one, default=1, metavar="N", help="check derivatives up to the Nth"
    )
    _seed_option(parser, "which random numbers", default=0)


def _losses_options(parser: Parser) -> None:
    parser.usage = "%(prog)s [name | check module] [options]"
    add = parser.add_argument
    add("name", nargs="?", help="a loss, by its name here or in another library")
    add("module", nargs="?", help="with check: a module of your own, whose losses are checked")


def _code_options(parser: Parser) -> None:
    parser.usage = "%(prog)s FORMULA [name=value ...] [options]"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = code_command.HELP
    add = parser.add_argument
    add("formula", type=str.strip, metavar="FORMULA", help="what to write out")
    add("inputs", nargs="*", metavar="name=value", help="an array that a name stands for")
    add("--no-gradient", action="store_true", help="the formula alone")
    add("--optimise", action="store_true", help="without what is repeated or constant")
    add("--shapes", action="store_true", help="the shape and dtype of each result beside it")


COMMANDS = {
    "guess": Command(
        "try random numbers for x and y in 256x + 212y = 1492  (no learning)",
        _guess_options, _guess, guess.screen, guess.record,
    ),
    "nudge": Command(
        "correct x and y by the sign or the size of the error",
        _nudge_options, _nudge, nudge.screen, nudge.record,
    ),
    "learn": Command(
        "gradient descent on an equation, or one neuron on a table (data.csv)",
        _learn_options, _learn, _learnt_screen, _learnt_record,
    ),
    "sweep": Command(
        "many learning rates at once, with the limit",
        _sweep_options, _sweep, sweep.screen, sweep.record,
    ),
    "predict": Command(
        "what a neuron saved by learn --save says about a table",
        _predict_options, _predict, predict.screen, predict.record,
    ),
    "tour": Command(
        "guess, nudge, learn and a real table, one after the other",
        _tour_options, _tour, tour.screen, tour.record,
    ),
    "losses": Command(
        "the losses there are, one of them with its plot, or a check of your own",
        _losses_options, _losses,
        lambda result, look: screens.screen(result, look.width, look.program), screens.record,
    ),
    "check": Command(
        "is a gradient right? A formula, or a function of your own, against finite differences",
        _check_options, _check, check_command.screen, check_command.record,
    ),
    "code": Command(
        "write out a formula and its gradient as NumPy: a program to read and to keep",
        _code_options, _code, code_command.screen, code_command.record,
    ),
}  # fmt: skip


# --------------------------------------------------------------------------------- the terminal


def progress() -> Callable[[Iterable[int]], Iterable[int]]:
    """A progress bar for a loop that takes longer than a second, where somebody could see it."""
    if not sys.stderr.isatty():
        return iter
    try:
        from tqdm import tqdm
    except ImportError:
        return iter
    return lambda steps: tqdm(steps, delay=1.0, leave=False)


def _look() -> Look:
    """As wide as the terminal, with blocks where its encoding has them."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else PIPE_WIDTH
    levels = BLOCKS if _printable(BLOCKS, sys.stdout) == BLOCKS else DIGITS
    return Look(width, levels, program())


def program() -> str:
    """What to type to run this again: what is at work may not be what the path leads to."""
    script = Path(sys.argv[0])
    if script.stem == "tinygrad-neuron":
        return _typed(script)
    return f"{_typed(Path(sys.executable), name='python')} -m tinygrad_neuron"


def _typed(file: Path, name: str = "") -> str:
    """A program's name if that is enough to start it, else the way to it."""
    name = name or file.stem
    found = shutil.which(name)
    return (
        name if found and Path(found).absolute() == file.absolute() else relative(file.absolute())
    )


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
