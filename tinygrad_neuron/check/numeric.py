"""Slopes by looking nearby, each with an estimate of how far it may be wrong.

What is measured is the *residual*: how far the function moves, less what the gradient said it
would. Of a right gradient only curvature and rounding are left, and both can be told apart: from
rung to rung of a ladder of steps curvature shrinks and rounding grows. So every slope comes with
its own error, and no tolerance has to be guessed.

| | right of x | left of x |
|---|---|---|
| moved | f(x + t u) - f(x) | f(x) - f(x - t u) |
| even part | their difference: curvature, or a kink | |
| odd part | their mean: the slope along u | |

The table that extrapolates is Richardson's: L. F. Richardson, "The approximate arithmetical
solution by finite differences", Phil. Trans. R. Soc. A 210 (1911).
"""

from dataclasses import dataclass

import numpy as np

from tinygrad_neuron.check.pair import Pair, Row

EPS = float(np.finfo(np.float64).eps)
NORMAL = float(np.finfo(np.float64).smallest_normal)  # what is smaller may be rounded to 0
TINY = 1e-280
LEAST = float(np.finfo(np.float64).smallest_subnormal)
LARGEST = float(np.finfo(np.float64).max)
CHEAP = 2.0 ** np.array([-9.0, -8.0, -7.0])
RUNGS = 2.0 ** -np.arange(1.0, 41.0, 3.0)
SHARP = 1e-7  # a slope known this well, relative to itself, needs no further look
VAGUE = 1e-2  # one known no better than this has not been seen
GAIN = 16.0  # how much surer a column of the table may be than the one before
AT_ONCE = 2**16  # numbers that are weighed together; more of them step by step
ROUNDING = 1e-11  # what rounding alone may do to a right gradient, relative to its terms


@dataclass(frozen=True)
class Sample:
    """How the weighted results move along one direction, for each step (rows) and cotangent.

    `right` and `left` are slopes less the gradient's; `low` and `high` bound the slope where each
    result may choose between its two sides; `jump` adds up how far the two sides differ.
    """

    steps: Row
    right: Row
    left: Row
    low: Row
    high: Row
    jump: Row
    still: Row  # whether nothing moved at all
    reach: Row  # how far the results moved
    height: Row  # the most that they were, or moved, for each cotangent
    floor: Row  # the rounding of the results, for each cotangent
    said: Row  # the gradient's slope
    silent: Row  # whether the gradient says 0 of all that moves
    blind: Row  # whether slopes times steps are too small to be numbers


@dataclass(frozen=True)
class Seen:
    """What looking found for each cotangent: the slope less the gradient's, and its error."""

    gap: Row
    error: Row
    noise: Row
    said: Row

    @property
    def size(self) -> Row:
        """How large the slope is, by either account."""
        return np.maximum(np.abs(self.said), np.abs(self.said + self.gap))


@dataclass(frozen=True)
class Moves:
    """How far the results moved at each step along a direction, and how far the gradient said."""

    steps: Row
    right: Row
    left: Row
    right_said: Row
    left_said: Row

    def and_then(self, more: "Moves") -> "Moves":
        """These steps and more of them."""
        pairs = zip(vars(self).values(), vars(more).values(), strict=True)
        return Moves(*map(np.concatenate, pairs))

    def only(self, i: int) -> "Moves":
        """One step of them."""
        return Moves(*(rows[i : i + 1] for rows in vars(self).values()))


def moves(pair: Pair, way: Row, owed: Row, steps: Row) -> Moves:
    """The function moved by each step along a direction, to both sides."""
    x, here = pair.start, pair.here
    moved = []
    for t in steps:
        ahead, behind = x + t * way, x - t * way
        said = owed @ (ahead - x), owed @ (x - behind)
        moved.append((pair.at(ahead) - here, here - pair.at(behind), *said))
    return Moves(steps, *map(np.array, zip(*moved, strict=True)))


def sample(pair: Pair, way: Row, weights: Row, owed: Row, steps: Row) -> Sample:
    """The function moved by each step along a direction, weighed for each cotangent."""
    return weighed(moves(pair, way, owed, steps), pair.here, way, weights, owed)


def weighed(moved: Moves, here: Row, way: Row, weights: Row, owed: Row) -> Sample:
    """How the weighted results moved, less what the gradient said that they would."""
    t, level = moved.steps[:, None], np.abs(weights) @ np.abs(here)
    right, left, low, high, jump, *sizes = _sums(moved, weights)
    reach = np.fmax(*sizes)
    silent = ~(owed[:, way != 0.0] != 0.0).any(1)
    return Sample(
        moved.steps,
        right=(right - moved.right_said) / t,
        left=(left - moved.left_said) / t,
        low=(low - moved.right_said) / t,
        high=(high - moved.right_said) / t,
        jump=jump / t,
        still=(np.maximum(*sizes) == 0.0),
        reach=reach,
        height=np.fmax(level, np.minimum(np.fmax.reduce(reach, axis=0), LARGEST)),
        floor=EPS * level + LEAST,
        said=owed @ way,
        silent=silent,
        blind=~silent & (terms(owed, way) < TINY),
    )


def _sums(moved: Moves, weights: Row) -> tuple[Row, ...]:
    """By steps and cotangents: the moves to both sides, their bounds, difference and sizes."""
    if moved.right.size > AT_ONCE and len(moved.steps) > 1:
        parts = [_sums(moved.only(i), weights) for i in range(len(moved.steps))]
        return tuple(map(np.concatenate, zip(*parts, strict=True)))
    right, left, size = moved.right, moved.left, np.abs(weights)
    up, down = np.maximum(weights, 0.0), np.minimum(weights, 0.0)
    least, most = np.minimum(right, left), np.maximum(right, left)
    return (
        added(right, weights),
        added(left, weights),
        added(least, up) + added(most, down),
        added(most, up) + added(least, down),
        added(np.abs(right - left), size),
        added(np.abs(right), size),
        added(np.abs(left), size),
    )


def added(moved: Row, weights: Row) -> Row:
    """Rows of results, weighed and added up: 0 times what is not finite is 0."""
    if np.isfinite(moved).all():
        return moved @ weights.T
    counted = [w != 0.0 for w in weights]
    sums = [moved[:, some] @ w[some] for w, some in zip(weights, counted, strict=True)]
    return np.array(sums).T


def terms(owed: Row, way: Row) -> Row:
    """The sizes of what a gradient's slope is the sum of: what its rounding is relative to."""
    return np.abs(owed) @ np.abs(way)


def straight(found: Sample) -> tuple[Seen, Row]:
    """A slope from one step, and whether it suffices: the gradient's own, but for rounding."""
    noise = 4.0 * (found.floor + EPS * found.reach[0]) / found.steps[0]
    seen = Seen((found.right[0] + found.left[0]) / 2.0, noise, found.floor, found.said)
    fits = np.maximum(np.abs(found.right[0]), np.abs(found.left[0])) <= noise
    nothing = found.still[0] & found.silent
    return seen, (fits & (noise < SHARP * seen.size) & ~found.blind) | nothing


def quick(found: Sample) -> tuple[Seen, Row]:
    """A slope from three steps, and whether they suffice: smooth, sharp and in agreement."""
    t = found.steps[:, None]
    odd = (found.right + found.left) / 2.0
    noise = (found.floor + EPS * found.reach) / t
    first = (4.0 * odd[:-1] - odd[1:]) / 3.0
    gap = (16.0 * first[0] - first[1]) / 15.0
    error = np.abs(gap - first[0]) + 2.0 * noise[0]
    change = np.abs(np.diff(odd, axis=0))
    straight = change[0] <= change[1] / 2.5 + 4.0 * noise[0]
    smooth = np.all(found.jump[:-1] <= found.jump[1:] / 1.5 + 4.0 * noise[:-1], axis=0)
    seen = Seen(gap, error, found.floor, found.said)
    nothing = found.still.all(axis=0) & found.silent
    return seen, (straight & smooth & (error <= SHARP * seen.size) & ~found.blind) | nothing


# ------------------------------------------------------------------------------------ the ladder


def slope(found: Sample) -> Seen:
    """The best slope of a ladder of steps, and its error."""
    noise = measured_noise(found)
    odd = (found.right + found.left) / 2.0
    blur = (noise + EPS * found.reach) / found.steps[:, None]
    gap, error = extrapolated(odd, blur, ratio=64.0)
    one_sided = np.isnan(odd).all(axis=0)
    if one_sided.any():
        edge = np.where(np.isnan(found.right).all(axis=0), found.left, found.right)
        side = extrapolated(edge, blur, ratio=8.0)
        gap, error = np.where(one_sided, side[0], gap), np.where(one_sided, side[1], error)
    fixed = found.still.all(axis=0)
    gap = np.where(fixed, -found.said, gap)
    error = np.where(fixed, found.floor / found.steps[0], error)
    return Seen(gap, error, noise, found.said)


def measured_noise(found: Sample) -> Row:
    """How far the results are off by rounding, from steps so small that nothing else is left.

    Where the smallest steps move nothing, and the first that does moves it by far more than a
    rounding, the results come in grains; and a grain is the noise.
    """
    t = found.steps[:, None]
    odd = t * (found.right + found.left) / 2.0
    uneven = np.abs(t * (found.right - found.left) / 2.0)[-3:]
    bent = np.abs(odd[-2:] - odd[-3:-1] / 8.0)
    known = np.nan_to_num(np.vstack([uneven, bent]), nan=0.0)
    return np.maximum(np.maximum(known.max(axis=0), found.floor), grain(found))


def grain(found: Sample) -> Row:
    """By how much the results move at the smallest step that moves them; 0 if that is rounding."""
    grains = np.zeros(found.still.shape[1])
    for k in range(len(grains)):
        moved = np.flatnonzero(~found.still[:, k])
        if len(moved) and moved[-1] < len(found.steps) - 1:
            j = moved[-1]
            sides = np.array([found.right[j, k], found.left[j, k]]) + found.said[k]
            least = found.steps[j] * np.nanmax(np.abs(sides), initial=0.0)
            grains[k] = least if least > 64.0 * found.floor[k] else 0.0
    return grains


def extrapolated(rungs: Row, noise: Row, ratio: float) -> tuple[Row, Row]:
    """The entry of Richardson's table that is least in doubt, for each column.

    An entry is in doubt by its distance to the ones it was made from, by the noise, and by what
    the next finer one, whose noise is 8 times as large, shows of noise that was missed. Where the
    rungs do not come together as fast as those of a smooth function, it is in doubt by all that
    the next ones may still bring. And every finer rung must agree, as far as it can tell.
    """
    best = np.full(rungs.shape[1], np.nan)
    error = np.full(rungs.shape[1], np.inf)
    each = np.arange(rungs.shape[1])
    to_come = remainder(rungs, noise, ratio)
    table, curved = rungs, np.zeros(rungs.shape)
    for order in range(1, 5):
        finer, coarser = table[1:], table[:-1]
        table = finer + (finer - coarser) / (ratio**order - 1.0)
        curved = np.maximum(np.abs(table - finer), curved[1:] / GAIN)
        beside = np.vstack([np.abs(np.diff(table, axis=0)) / 8.0, np.zeros((1, len(each)))])
        doubt = np.maximum(curved + 2.0 * noise[order:] + beside, to_come[order - 1 :])
        doubt = np.where(agrees(table, doubt, rungs, noise, order), doubt, np.inf)
        row = np.argmin(doubt, axis=0)
        better = doubt[row, each] < error
        best = np.where(better, table[row, each], best)
        error = np.where(better, doubt[row, each], error)
    return best, error


def remainder(rungs: Row, noise: Row, ratio: float) -> Row:
    """How far each rung but the first may be from the limit; 0 where they converge as they should.

    From q, by how much the last two differences shrank, as in a geometric series.
    """
    change = np.abs(np.diff(rungs, axis=0))
    before = np.vstack([np.full((1, rungs.shape[1]), np.inf), change[:-1]])
    blur = 4.0 * noise[1:]
    q = (change - blur) / before
    left = np.where(q < 0.9, change * np.maximum(1.0, q / np.where(q < 0.9, 1.0 - q, 1.0)), np.inf)
    return np.where((q <= 2.0 / ratio) | (change <= blur), 0.0, left)


def agrees(table: Row, doubt: Row, rungs: Row, noise: Row, order: int) -> Row:
    """Whether each entry is a number where every finer rung says, as far as that one can tell."""
    fine = np.isfinite(doubt)
    for j in range(len(table)):
        reach = doubt[j] + np.abs(rungs[j + order] - table[j]) / 4.0
        finer, blur = rungs[j + order + 1 :], 4.0 * noise[j + order + 1 :]
        fine[j] &= ~(np.abs(finer - table[j]) > reach + blur).any(axis=0)
    return fine
