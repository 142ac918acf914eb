"""What the options of all commands have in common: the parser, and numbers as they are typed."""

import argparse
import difflib
import math
import re
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from tinygrad_neuron.lesson.equation import SEED
from tinygrad_neuron.lesson.mistakes import UsageError
from tinygrad_neuron.lesson.text import words

LARGEST = 1e100  # of what is typed as a place or a size
EXACT = 2.0**53  # floating-point numbers beyond skip whole ones

Options = argparse.Namespace
Add = Callable[..., Any]  # add_argument of a parser, or of a group of its options


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


def given(options: Options, *names: str) -> dict[str, Any]:
    """The options that were typed: for the others each run has its own default."""
    return {name: value for name in names if (value := getattr(options, name)) is not None}


def choose(option: str, value: str | None, allowed: Iterable[str]) -> None:
    """Raise unless the value of an option is one of these, or was not typed."""
    if value is not None and value not in allowed:
        near = difflib.get_close_matches(value, allowed, n=1)
        raise UsageError(
            f"{option} {value} is not one of {words(list(allowed), last='or')} here.",
            hint=f"{option} {near[0] if near else next(iter(allowed))}",
        )


def equation_option(add: Add, default: str | None = SEED) -> None:
    """--equation, of whatever holds options."""
    example = f'any linear equation, like "{SEED}"'
    add("--equation", type=str.strip, default=default, metavar="TEXT", help=example)


def seed_option(parser: Parser, what: str, default: int | None = None) -> None:
    """--seed, and what it is for."""
    parser.add_argument("--seed", type=whole, default=default, metavar="N", help=what)


# -------------------------------------------------------------------- numbers as they are typed


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
