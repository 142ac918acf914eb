"""What can explain a gap between a gradient and the slope that is seen; if nothing, it is wrong."""

import numpy as np

from tinygrad_neuron.check import directions
from tinygrad_neuron.check.kinks import Corner, around_ties
from tinygrad_neuron.check.look import CERTAIN, WRONG, Look, Looker
from tinygrad_neuron.check.numeric import EPS, NORMAL, grain
from tinygrad_neuron.check.report import Status

JUMPS = "the function jumps, or its slope has no bound"
RESTLESS = 1e-3  # a result that goes on moving by this share of itself comes to no rest
RIPPLE = 1e-4  # what is smaller beside the result may be rounding, or a wave on a slope


def explanation(looker: Looker, look: Look, k: int) -> tuple[Status, str]:
    """The verdict on a gap, and why."""
    ties = around_ties(looker.pair, look.way, looker.step, looker.weights[k], looker.owed[k])
    if ties is not None and between(ties, 0, look.rounding[k]):
        return "passed at a kink", "the slope is between those that are seen around the tie"
    if look.sides.jump[k] or restless(looker, look, k):
        return "inconclusive", JUMPS
    if look.sides.here[k]:
        return "failed", "the slope is outside of the slopes on both sides of a kink"
    if abs(look.seen.gap[k]) <= NORMAL * np.sum(np.abs(look.way)):
        return "inconclusive", "the gap is that of a gradient less than the smallest normal number"
    if shifts(looker, look, k):
        return "inconclusive", "a rounding of the inputs moves the gradient as far"
    if second_scale(look, k) or right_nearby(looker, look, k):
        return "inconclusive", "the function has several scales: its slope depends on the step"
    return "failed", "the gradient is not the slope that is seen"


def between(sides: Corner, k: int, rounding: float) -> bool:
    """Whether the gradient's slope, from which both sides are counted, is between them."""
    margin = CERTAIN * sides.doubt[k] + rounding
    return bool(sides.low[k] - margin <= 0.0 <= sides.high[k] + margin)


def shifts(looker: Looker, look: Look, k: int) -> bool:
    """Whether the gradient moves as far as the gap when the inputs move by a few roundings."""
    x = looker.pair.start
    parity = np.where(x.view(np.int64) & 1, 1.0, -1.0)  # equal entries move alike
    moved = 0.0
    for size in (4.0 * EPS, -4.0 * EPS, 4.0 * EPS * parity, -4.0 * EPS * parity):
        owed = looker.pair.owed_at(x * (1.0 + size), looker.weights[k])
        shift = (np.where(np.isfinite(owed), owed, 0.0) - looker.owed[k]) @ look.way
        moved = max(moved, abs(float(shift)))
    return bool(abs(look.seen.gap[k]) <= CERTAIN * moved)


def right_nearby(looker: Looker, look: Look, k: int) -> bool:
    """Whether the gradient is right where entries that are 0, and have no size, move less far."""
    zero = (looker.pair.start == 0.0) & (look.way != 0.0)
    longest = np.max(np.abs(look.way[zero]), initial=0.0)
    for size in directions.short_steps(looker.pair):
        if size < longest:
            way = np.where(zero, np.sign(look.way) * size, look.way)
            near = looker.climb(look.entry, way)
            if near.agrees[k] and near.clear[k]:
                return True
    return False


def restless(looker: Looker, look: Look, k: int) -> bool:
    """Whether the smallest steps of an entry still move the result by a good part of itself.

    Those of a zero are no measure: they are as long as its neighbours are large.
    """
    if look.entry is None or not looker.pair.start[look.entry]:
        return False
    return bool(look.found.reach[-3:, k].min() > RESTLESS * look.found.height[k])


def second_scale(look: Look, k: int) -> bool:
    """Whether the gradient is right for longer steps, but for ripples or grains far smaller."""
    found, gap, coarse = look.found, abs(look.seen.gap[k]), grain(look.found)[k]
    odd = np.abs(found.right[:, k] + found.left[:, k]) / 2.0
    right = (odd < gap / WRONG) & (look.seen.noise[k] / found.steps < gap / WRONG)
    runs = np.flatnonzero(right[:-2] & right[1:-1] & right[2:])
    ripples = np.nanmax((odd * found.steps)[runs[-1] :]) if len(runs) else np.inf
    single = 0.0 < coarse < RIPPLE * found.height[k]
    in_grains = coarse and (found.silent[k] or (single and not look.clear[k]))
    return bool(in_grains or ripples < RIPPLE * found.height[k])
