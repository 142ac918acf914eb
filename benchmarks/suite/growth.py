"""Cost against size: the same work at more and more nodes or entries, and the fitted exponent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from suite.arrays import an_elementwise
from suite.scalars import a_chain
from suite.work import Work

NODES, ENTRIES = "nodes of a chain of scalars", "entries of the elementwise loss"
RECORDED = ("NumPy by hand", "ours, recorded", "PyTorch")
ALL = ("NumPy by hand", "ours, recorded", "ours, compiled", "ours, native", "PyTorch")


def sizes() -> Iterator[tuple[Work, Sequence[str]]]:
    """Each work, and who is asked; the name ends with the size."""
    for power in range(2, 7):
        yield a_chain(f"{NODES}: {10**power}", 10**power // 2), RECORDED
    for power in range(2, 8):
        yield an_elementwise(f"{ENTRIES}: {10**power}", 10**power, np.float64), ALL


def exponent(points: Mapping[float, float]) -> float:
    """The power of the size that the seconds grow with: least squares over the upper half of it.

    Both as logarithms; sizes below the middle one, where calling is most of the cost, are left out.
    """
    upper = sorted(points)[len(points) // 2 :]
    x, y = np.log(upper), np.log([points[n] for n in upper])
    return float(np.polyfit(x, y, 1)[0])


def courses(lines: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dict[int, float]]]:
    """What grows -> contender -> size -> seconds."""
    found: dict[str, dict[str, dict[int, float]]] = {}
    for line in (line for line in lines if line["contenders"]):
        what, size = line["name"].rsplit(": ", 1)
        for one in line["contenders"]:
            found.setdefault(what, {}).setdefault(one["name"], {})[int(size)] = one["seconds"]
    return found
