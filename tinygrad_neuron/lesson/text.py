"""Numbers and tables as text: what every screen of the lesson is made of."""

import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

BLOCKS = "▁▂▃▄▅▆▇█"
DIGITS = "12345678"


@dataclass(frozen=True)
class Look:
    """How wide a screen may be, the signs of bars from low to high, and what to type for more."""

    width: int = 100
    levels: str = DIGITS
    program: str = "python -m tinygrad_neuron"


PLAIN = Look()


def number(x: float, digits: int = 6) -> str:
    """A number as short as its digits allow: 0, 3.4572, 2.2261e+06.

    >>> number(3.45720, 4), number(-0.0), number(1e-06)
    ('3.457', '0', '1e-06')
    """
    return f"{x + 0.0:.{digits}g}"


def signed(x: float, digits: int = 6) -> str:
    """A number that shows on which side of 0 it lies.

    >>> signed(168), signed(-44), signed(0)
    ('+168', '-44', '0')
    """
    return f"{x:+.{digits}g}" if x else "0"


def point(values: Iterable[float], digits: int = 6) -> str:
    """Several numbers as one point.

    >>> point([5, 1])
    '(5, 1)'
    """
    return f"({', '.join(number(float(v), digits) for v in values)})"


def words(names: Sequence[str], last: str = "and") -> str:
    """Names as a sentence lists them.

    >>> words(["a"]), words(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return f" {last} ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def few(entries: Sequence[str], most: int = 5) -> list[str]:
    """The entries, or the first of them and dots where there are many.

    >>> few("abcdefgh", most=3)
    ['a', 'b', 'c', '...']
    """
    return [*entries[:most], "..."] if len(entries) > most else list(entries)


def count(n: int, thing: str) -> str:
    """How many, with the plural where it belongs.

    >>> count(1, "update"), count(10, "update")
    ('1 update', '10 updates')
    """
    return f"{n} {thing}{'' if n == 1 else 's'}"


def relative(file: Path) -> str:
    """The way to a file as a person would type it from here."""
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


def wrapped(line: str, width: int, indent: str = "  ") -> str:
    """A long line broken between words, what follows indented.

    >>> print(wrapped("one two three", 8))
    one two
      three
    """
    return textwrap.fill(line, width, subsequent_indent=indent, break_on_hyphens=False)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> str:
    """Columns aligned at their right ends, two spaces apart, each row with an optional note.

    >>> print(table(["step", "w1"], [["0", "0"], ["10", "3.4572"]]))
    step      w1
       0       0
      10  3.4572
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = ["  ".join(map(str.rjust, row, widths)) for row in (head, *rows)]
    notes = [*notes, *[""] * (len(lines) - len(notes))]
    return "\n".join(f"{line}  {note}".rstrip() for line, note in zip(lines, notes, strict=True))


def bars(values: Iterable[float], levels: str, low: float, high: float) -> str:
    """One sign for each value: how high its logarithm lies between two others.

    >>> bars([1e-12, 1.0, 1e12], "12345678", 1e-12, 1e12)
    '158'
    """
    floor, span = math.log(low), math.log(high / low)
    heights = ((math.log(min(max(v, low), high)) - floor) / span for v in values)
    return "".join(levels[min(int(h * len(levels)), len(levels) - 1)] for h in heights)


def milestones(last: int, few: int = 12) -> list[int]:
    """The steps worth a line: all of a few, else 0, 1, 2, 5, 10, 20, 50, ... and the last.

    >>> milestones(3), milestones(40)
    ([0, 1, 2, 3], [0, 1, 2, 5, 10, 20, 40])
    """
    if last <= few:
        return list(range(last + 1))
    series = (m * 10**k for k in range(len(str(last))) for m in (1, 2, 5))
    return [0, *(n for n in series if n < last), last]
