"""Which way to move: every entry alone while they are few, all of them together when they are many.

A step is a power of two near the size of the entry it moves, so that the entry and its step add up
without rounding, whether the entry is 1e-200 or 1e200.
"""

from typing import Any

import numpy as np

from tinygrad_neuron.check.pair import Pair, Row

FEW = 64  # up to here every entry is moved alone
JOINT = 3  # how many random directions take the place of the single ones beyond that
LONG = 2.0**12  # a longer step, for what is small beside the noise of a large result


def power_below(size: Any) -> Any:
    """The largest power of two that is not above each number; 1 for 0."""
    exponent = np.frexp(np.where(size == 0.0, 1.0, size))[1]
    return np.ldexp(1.0, exponent - 1)


def typical(x: Row) -> float:
    """The root mean square of the finite entries, without overflow; 0 for none."""
    size = np.abs(x[np.isfinite(x)])
    largest = size.max(initial=0.0)
    if not largest:
        return 0.0
    return float(largest * np.sqrt(np.mean((size / largest) ** 2)))


def steps(pair: Pair) -> Row:
    """A step for each entry: its own size; for zeros that of the others."""
    parts = [np.zeros(0)]
    for start, end in zip(pair.ends, pair.ends[1:], strict=False):
        x = pair.start[start:end]
        parts.append(power_below(np.where(x == 0.0, typical(x), np.abs(x))))
    return np.concatenate(parts)


def usual_steps(pair: Pair, i: int) -> list[float]:
    """What entries beside this one move by, and 1."""
    k = pair.place(i)[0]
    x = pair.start[pair.ends[k] : pair.ends[k + 1]]
    return sorted({float(power_below(np.float64(size))) for size in (typical(x), 1.0) if size})


def short_steps(pair: Pair) -> list[float]:
    """What a zero may move by where its own step is too long: 1, and the sizes that there are."""
    sizes = np.abs(pair.start)
    least = float(np.min(sizes[sizes > 0.0], initial=np.inf))
    parts = (pair.start[a:b] for a, b in zip(pair.ends, pair.ends[1:], strict=False))
    every = {1.0, least, *map(typical, parts)}
    return sorted(float(power_below(np.float64(size))) for size in every if 0.0 < size < np.inf)


def long_steps(pair: Pair, i: int) -> list[float]:
    """A step far longer than the entry, for when the noise of the result is longer than it too."""
    own = abs(float(pair.start[i]))
    return [float(power_below(np.float64(LONG * own)))] if own else []


def ways(pair: Pair, step: Row, rng: np.random.Generator) -> list[tuple[int | None, Row]]:
    """The directions: for each the one entry that it moves, or None, and how far it moves each."""
    n = len(step)
    found: list[tuple[int | None, Row]] = []
    if n <= FEW:
        for i in range(n):
            alone = np.zeros(n)
            alone[i] = step[i]
            found.append((i, alone))
    for _ in range(1 if n <= FEW else JOINT):
        if n > 1:
            found.append((None, step * rng.choice([-1.0, 1.0], n)))
    if n > FEW and len(pair.shapes) > 1:
        found += [(None, _only(step, pair, k, rng)) for k in range(len(pair.shapes))]
    together = _ties_together(pair.start, step, rng) if n > 1 else None
    return found if together is None else [*found, (None, together)]


def _only(step: Row, pair: Pair, k: int, rng: np.random.Generator) -> Row:
    """All entries of one input."""
    way = np.zeros(len(step))
    part = slice(pair.ends[k], pair.ends[k + 1])
    way[part] = step[part] * rng.choice([-1.0, 1.0], pair.ends[k + 1] - pair.ends[k])
    return way


def _ties_together(x: Row, step: Row, rng: np.random.Generator) -> Row | None:
    """A direction that moves equal entries alike, so that they stay equal; None without ties."""
    distinct, which = np.unique(x, return_inverse=True)
    if len(distinct) == len(x):
        return None
    common = np.full(len(distinct), np.inf)
    np.minimum.at(common, which, step)
    return (common * rng.choice([-1.0, 1.0], len(distinct)))[which]


def keeps_ties(x: Row, way: Row) -> bool:
    """Whether there are equal entries, and all of them are moved alike."""
    distinct, which = np.unique(x, return_inverse=True)
    first = np.zeros(len(distinct))
    first[which] = way
    return len(distinct) < len(x) and bool(np.all(way == first[which]) and way.all())
