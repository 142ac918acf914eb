"""Numbers, names and tables as text: what screens, histories and messages are made of."""

import textwrap
from collections.abc import Sequence


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


def milestones(last: int, few: int = 12) -> list[int]:
    """The steps worth a line: all of a few, else 0, 1, 2, 5, 10, 20, 50, ... and the last.

    >>> milestones(3), milestones(40)
    ([0, 1, 2, 3], [0, 1, 2, 5, 10, 20, 40])
    """
    if last <= few:
        return list(range(last + 1))
    series = (m * 10**k for k in range(len(str(last))) for m in (1, 2, 5))
    return [0, *(n for n in series if n < last), last]
