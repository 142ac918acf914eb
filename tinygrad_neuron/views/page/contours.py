"""Where a surface lies above a level, as one SVG path: cells cut by straight lines."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

Corner = tuple[float, float, float]  # x, y and the height there, less the level


def above(heights: Any, level: float, size: float) -> str:
    """The region above a level, of heights on a square grid; row 0 is at the bottom.

    >>> above(np.array([[0.0, 2.0], [0.0, 2.0]]), 1.0, 10.0)
    'M5 10L10 10 10 0 5 0z'
    """
    rest = np.asarray(heights, float) - level
    rows, columns = rest.shape
    x, y = np.linspace(0, size, columns), np.linspace(size, 0, rows)
    parts = []
    for i in range(rows - 1):
        low, high = rest[i], rest[i + 1]
        whole = (low > 0) & (high > 0)
        full = whole[:-1] & whole[1:]
        parts += [_strip(x[a], x[b], y[i], y[i + 1]) for a, b in _runs(full)]
        some = (low[:-1] > 0) | (low[1:] > 0) | (high[:-1] > 0) | (high[1:] > 0)
        for j in np.flatnonzero(some & ~full):
            cell = [(x[j], y[i], low[j]), (x[j + 1], y[i], low[j + 1]),
                    (x[j + 1], y[i + 1], high[j + 1]), (x[j], y[i + 1], high[j])]  # fmt: skip
            parts.append(_polygon(list(_cut(cell))))
    return "".join(parts)


def _runs(flags: Any) -> Iterator[tuple[int, int]]:
    """Where a row of flags is true: the first and one beyond the last of each run."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _cut(cell: Sequence[Corner]) -> Iterator[tuple[float, float]]:
    """The corners of a cell that lie above, and where its sides cross the level."""
    for (ax, ay, a), (bx, by, b) in pairwise([*cell, cell[0]]):
        if a > 0:
            yield ax, ay
        if (a > 0) != (b > 0):
            share = a / (a - b)
            yield ax + share * (bx - ax), ay + share * (by - ay)


def _strip(left: float, right: float, bottom: float, top: float) -> str:
    return f"M{_n(left)} {_n(bottom)}H{_n(right)}V{_n(top)}H{_n(left)}z"


def _polygon(corners: Sequence[tuple[float, float]]) -> str:
    (x, y), *others = corners
    return f"M{_n(x)} {_n(y)}L{' '.join(f'{_n(a)} {_n(b)}' for a, b in others)}z"


def _n(x: float) -> str:
    """A coordinate, to a tenth of a pixel."""
    return f"{round(x, 1) + 0.0:g}"
