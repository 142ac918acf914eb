"""Where a function has no single slope: corners, jumps and ties.

A corner shows in the ladder: the slopes on the two sides differ, and go on differing by as much
however small the step, where those of a smooth function come together. Any slope between both
sides is right there.

At a tie (the largest of equals, a sorted row) moving one entry shows too little: of three equal
numbers the middle one can move alone and move nothing. So ties are broken, in every cyclic order,
and the right slopes are those between the least and the greatest that are seen around the tie.
"""

from dataclasses import dataclass

import numpy as np

from tinygrad_neuron.check.numeric import RUNGS, Sample, Seen, sample, slope
from tinygrad_neuron.check.pair import Pair, Row

CERTAIN = 8.0  # slopes differ when they do by this many times their error
TRUSTED = 8.0  # a difference this many times the noise is one
STEADY = (0.6, 1.6)  # from rung to rung a corner's jump stays, a smooth one's shrinks to 1/8
LEAP = 1e-6  # a jump by less than this share of the result is taken for noise
APART = 2.0**-14  # how far, in steps, a broken tie is pulled apart
MOST_ORDERS = 6


@dataclass(frozen=True)
class Corner:
    """For each cotangent: is there a corner, or worse; and the slopes between its two sides."""

    here: Row
    jump: Row
    low: Row
    high: Row
    doubt: Row


def corner(found: Sample, seen: Seen) -> Corner:
    """What the two sides of the ladder say, less what the gradient said."""
    n = len(seen.gap)
    here, jump = np.zeros(n, bool), np.zeros(n, bool)
    low, high, doubt = np.zeros(n), np.zeros(n), np.full(n, np.inf)
    blur = seen.noise / found.steps[:, None]
    for k in range(n):
        jump[k] = _leaps(found, k)
        last = _finest(found.jump[:, k], TRUSTED * blur[:, k])
        if last is None:
            continue
        ratios = found.jump[last[1:], k] / found.jump[last[:-1], k]
        here[k] = np.all((ratios > STEADY[0]) & (ratios < STEADY[1]))
        large = found.jump[last[-1], k] * found.steps[last[-1]] > LEAP * found.height[k]
        jump[k] |= large and np.all(ratios >= STEADY[1])
        for j in _steady(found.jump[:, k], last[-1]) if here[k] else ():
            lows, highs = found.low[[j - 1, j], k], found.high[[j - 1, j], k]
            open_to = np.ptp(lows) + np.ptp(highs) + 2.0 * blur[j, k]
            if open_to < doubt[k]:
                low[k], high[k], doubt[k] = lows[1], highs[1], open_to
    return Corner(here, jump, low, high, doubt)


def _leaps(found: Sample, k: int) -> bool:
    """Whether one side stays away however small the step: by the same, so that it is no noise."""
    t = found.steps[-3:]
    leaps = np.abs(t * (found.right[-3:, k] - found.left[-3:, k]))
    return bool(leaps.min() > LEAP * found.height[k] and np.ptp(leaps) < 0.01 * leaps.max())


def _finest(jump: Row, blur: Row) -> Row | None:
    """The three finest rungs on which a jump as large as the last that shows would show."""
    shown = np.flatnonzero(jump > blur)
    if not len(shown):
        return None
    able = np.flatnonzero(blur < jump[shown[-1]])
    last = able[-1] if len(able) else 0
    return (
        np.arange(last - 2, last + 1) if last >= 2 and (jump[last - 2 : last] > 0).all() else None
    )


def _steady(jump: Row, last: int) -> list[int]:
    """The rungs, from the last one that can be trusted back, between which the jump stays."""
    run = []
    while last > 0 and STEADY[0] < jump[last] / jump[last - 1] < STEADY[1]:
        run.append(last)
        last -= 1
    return run


def around_ties(pair: Pair, way: Row, step: Row, weight: Row, owed: Row) -> Corner | None:
    """The least and the greatest slope along a direction, with the ties here broken.

    None where there are no ties, and where the slopes come together as the ties do: then they
    differ by curvature, and there is no corner.
    """
    wide = _slopes_around(pair, way, step, weight, owed, APART)
    if wide is None:
        return None
    near = _slopes_around(pair, way, step, weight, owed, APART / 8.0)
    assert near is not None
    together = np.ptp(near[0]) < 0.5 * np.ptp(wide[0]) and np.ptp(wide[0]) > CERTAIN * wide[1]
    if together:
        return None
    gaps, doubt = near
    yes, no = np.array([True]), np.array([False])
    return Corner(yes, no, gaps.min(keepdims=True), gaps.max(keepdims=True), np.array([doubt]))


def _slopes_around(
    pair: Pair, way: Row, step: Row, weight: Row, owed: Row, apart: float
) -> tuple[Row, float] | None:
    """The slope with the ties broken in each order, less the gradient's; and its error."""
    short = apart / 64.0
    looks = [
        slope(sample(_at(pair, x), way * short, weight[None], owed[None], RUNGS[:5]))
        for x in broken(pair.start, step, apart)
    ]
    if not looks:
        return None
    return np.array([seen.gap[0] for seen in looks]) / short, max(
        float(seen.error[0]) for seen in looks
    ) / short


def broken(x: Row, step: Row, apart: float) -> list[Row]:
    """The inputs with equal entries pulled a little apart, in cyclic orders, up and down."""
    distinct, which, count = np.unique(x, return_inverse=True, return_counts=True)
    longest = int(count.max(initial=0))
    if longest < 2:
        return []
    order = np.argsort(which, kind="stable")
    rank = np.empty(len(x), int)
    rank[order] = np.arange(len(x)) - np.repeat(np.cumsum(count) - count, count)
    size = count[which]
    turns = np.unique(np.linspace(0, longest - 1, min(longest, MOST_ORDERS)).astype(int))
    least = np.full(len(distinct), np.inf)
    np.minimum.at(least, which, step)
    gap = np.where(size > 1, least[which] * apart / size, 0.0)
    return [
        x + sign * gap * ((rank + turn) % size - size / 2.0 + 0.25)
        for turn in turns
        for sign in (1.0, -1.0)
    ]


class _Elsewhere:
    """The same function around another point."""

    def __init__(self, pair: Pair, x: Row) -> None:
        self.at, self.start, self.here = pair.at, x, pair.at(x)


def _at(pair: Pair, x: Row) -> Pair:
    return _Elsewhere(pair, x)  # type: ignore[return-value]
