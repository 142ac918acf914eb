"""Numbers of a trace as a page shows them: seven digits, a real minus, an array in few words."""

import math
from collections.abc import Sequence
from html import escape
from typing import Any

DIGITS = 7
SIDE = 8  # rows and columns of a grid at most
LEVELS = 4  # of colour on each side of 0

Encoded = Any  # a number, "inf", or a dict, as a trace has them


def shown(x: Any, digits: int = DIGITS) -> str:
    """A single number.

    >>> shown(-2984.0), shown(3.0556159999999997), shown(4e-06), shown("nan")
    ('−2984', '3.055616', '4e−06', 'nan')
    """
    text = x if isinstance(x, str) else str(x) if isinstance(x, bool) else f"{x + 0.0:.{digits}g}"
    return text.replace("-", "−")


def shape(of: Sequence[int]) -> str:
    """The lengths of the axes.

    >>> shape([4, 3]), shape([5]), shape([])
    ('4×3', '5', '')
    """
    return "×".join(map(str, of))


def brief(x: Encoded, lengths: Sequence[int]) -> str:
    """A number, or an array by its shape and its mean: what fits into a box.

    >>> brief({"entries": [1.0, 2.0]}, [2])
    '2: mean 1.5'
    """
    if not isinstance(x, dict):
        return shown(x)
    mean = _statistics(x).get("mean")
    return shape(lengths) + ("" if mean is None else f": mean {shown(mean, 3)}")


def told(x: Encoded, lengths: Sequence[int]) -> str:
    """A number, or an array as a sentence has it."""
    if not isinstance(x, dict):
        return shown(x)
    facts = [f"{name} {shown(value, 4)}" for name, value in _statistics(x).items()]
    size = f"{shape(lengths)} array" if len(lengths) > 1 else f"array of {shape(lengths)}"
    return f"{size} ({', '.join(facts)})" if facts else size


def _statistics(x: dict[str, Any]) -> dict[str, float]:
    """The least, the mean and the largest, where there are such."""
    if "entries" not in x:
        return {name: x[name] for name in ("min", "mean", "max") if name in x}
    entries = x["entries"]
    if not entries or not all(_finite(v) for v in entries):
        return {}
    return {"min": min(entries), "mean": sum(entries) / len(entries), "max": max(entries)}


def _finite(x: Any) -> bool:
    return isinstance(x, int | float) and math.isfinite(x)


def grid(x: Encoded, lengths: Sequence[int]) -> str:
    """An array of at most 8 rows and columns as a table, coloured by its numbers; else nothing.

    A blue cell is below 0 and an orange one above, the fuller the further; each has its number too.
    """
    if not isinstance(x, dict) or "entries" not in x or not 1 <= len(lengths) <= 2:
        return ""
    rows, columns = (1, *lengths)[-2:]
    if not rows or not columns or max(rows, columns) > SIDE:
        return ""
    entries = x["entries"]
    largest = max((abs(v) for v in entries if _finite(v)), default=0.0)
    cells = [f'<td class="{_level(v, largest)}">{escape(shown(v, 3))}</td>' for v in entries]
    lines = ("".join(cells[i : i + columns]) for i in range(0, rows * columns, columns))
    return f'<table class="grid">{"".join(f"<tr>{line}</tr>" for line in lines)}</table>'


def _level(x: Any, largest: float) -> str:
    """`n4` to `p4`: how far below or above 0, in shares of the largest."""
    if not _finite(x) or not largest:
        return "p0"
    level = math.ceil(abs(x) / largest * LEVELS)
    return f"{'n' if x < 0 else 'p'}{level}"
