"""Numbers and tables as text: what every screen of the lesson is made of."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tinygrad_neuron.text import (
    count as count,
    few as few,
    milestones as milestones,
    number as number,
    signed as signed,
    table as table,
    words as words,
    wrapped as wrapped,
)

BLOCKS = "▁▂▃▄▅▆▇█"
DIGITS = "12345678"


@dataclass(frozen=True)
class Look:
    """How wide a screen may be, the signs of bars from low to high, and what to type for more."""

    width: int = 100
    levels: str = DIGITS
    program: str = "python -m tinygrad_neuron"


PLAIN = Look()


def point(values: Iterable[float], digits: int = 6) -> str:
    """Several numbers as one point.

    >>> point([5, 1])
    '(5, 1)'
    """
    return f"({', '.join(number(float(v), digits) for v in values)})"


def relative(file: Path) -> str:
    """The way to a file as a person would type it from here."""
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


def bars(values: Iterable[float], levels: str, low: float, high: float) -> str:
    """One sign for each value: how high its logarithm lies between two others.

    >>> bars([1e-12, 1.0, 1e12], "12345678", 1e-12, 1e12)
    '158'
    """
    floor, span = math.log(low), math.log(high / low)
    heights = ((math.log(min(max(v, low), high)) - floor) / span for v in values)
    return "".join(levels[min(int(h * len(levels)), len(levels) - 1)] for h in heights)
