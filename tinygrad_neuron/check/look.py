"""One look at a gradient: along a direction, for every cotangent, cheaply or up the ladder."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tinygrad_neuron.check import directions
from tinygrad_neuron.check.kinks import Corner, corner
from tinygrad_neuron.check.numeric import (
    CHEAP,
    EPS,
    NORMAL,
    ROUNDING,
    RUNGS,
    VAGUE,
    Sample,
    Seen,
    moves,
    quick,
    sample,
    slope,
    straight,
    terms,
    weighed,
)
from tinygrad_neuron.check.pair import Pair, Row

CERTAIN = 8.0  # a right gradient is within this many times the error
WRONG = 16.0  # a wrong one is beyond this many times
FLAT = 1e-6  # a result that moves by no more than this share of itself does not move
CANCELLED = 16.0 * EPS  # what may be left of terms as large as the largest slope, if they cancel
FEW_RESULTS = 16  # up to here every result has a cotangent of its own


@dataclass(frozen=True)
class Look:
    """A direction, and for each cotangent what was seen along it and what rounding may do."""

    entry: int | None  # the only entry that moves, if it is only one
    way: Row
    found: Sample
    seen: Seen
    rounding: Row

    @property
    def tolerance(self) -> Row:
        """How far a right gradient may be from what is seen."""
        return CERTAIN * self.seen.error + self.rounding

    @property
    def agrees(self) -> Row:
        """Where the gradient is within the tolerance."""
        return np.abs(self.seen.gap) <= self.tolerance

    @property
    def clear(self) -> Row:
        """Where the slope is known well enough for a gap to be seen."""
        sharp = self.tolerance <= CERTAIN * VAGUE * self.seen.size
        return sharp & np.isfinite(self.tolerance) & ~self.found.blind

    @property
    def wrong(self) -> Row:
        """Where the gap is far beyond the error, whatever the size of the slope."""
        return np.abs(self.seen.gap) > WRONG * self.seen.error + self.rounding

    @property
    def flat(self) -> Row:
        """Where both say 0, and no more than rounding could hide there."""
        small = self.seen.error <= FLAT * self.found.height
        return (self.found.said == 0.0) & ~self.found.blind & self.agrees & small

    @cached_property
    def sides(self) -> Corner:
        """What the two sides say: whether there is a corner here, or worse."""
        return corner(self.found, self.seen)

    @property
    def unit(self) -> float:
        """How far the entry moves; 1 for several."""
        return 1.0 if self.entry is None else float(self.way[self.entry])

    def seeing(self, slopes: Row) -> "Look":
        """The same look with slopes that are exact but for rounding."""
        size = ROUNDING * np.abs(slopes)
        seen = Seen(slopes - self.found.said, size, self.seen.noise, self.found.said)
        return replace(self, seen=seen, rounding=size)

    @property
    def strains(self) -> Row:
        """How far the gaps go beyond what is tolerated."""
        return np.abs(self.seen.gap) / (self.tolerance + NORMAL)

    def strain(self, k: int) -> float:
        """The same for one of the cotangents."""
        return float(self.strains[k])

    def doubt(self, k: int) -> float:
        """The error of the slope, in the entry's own unit."""
        return float(self.seen.error[k] / abs(self.unit))


class Looker:
    """The pair with some cotangents, and what the gradient says for each of them."""

    def __init__(self, pair: Pair, weights: Row) -> None:
        self.pair, self.weights = pair, weights
        shape = len(self.weights), len(pair.start)
        self.given = np.array([pair.owed(v) for v in self.weights]).reshape(shape)
        self.unknown = ~np.isfinite(self.given)
        self.owed = np.where(self.unknown, 0.0, self.given)
        self.step = directions.steps(pair)
        self.sizes = np.max(np.abs(self.owed) * self.step, axis=1, initial=0.0)

    def glance(self, entry: int | None, way: Row) -> tuple[Look, Row]:
        """The cheap look, and for which cotangents it suffices."""
        wide = moves(self.pair, way, self.owed, CHEAP[-1:])
        found = weighed(wide, self.pair.here, way, self.weights, self.owed)
        seen, settled = straight(found)
        if not settled.all():
            moved = moves(self.pair, way, self.owed, CHEAP[:-1]).and_then(wide)
            found = weighed(moved, self.pair.here, way, self.weights, self.owed)
            seen, settled = quick(found)
        look = self._look(entry, way, found, seen)
        return look, settled & look.agrees

    def climb(self, entry: int | None, way: Row) -> Look:
        """The look up the whole ladder."""
        found = sample(self.pair, way, self.weights, self.owed, RUNGS)
        return self._look(entry, way, found, slope(found))

    def alone(self, i: int, step: float | None = None) -> Row:
        """The direction in which one entry moves, by its step or by another."""
        return part(self.step, [i]) * (1.0 if step is None else step / self.step[i])

    def everywhere(self) -> Row:
        """Every slope that is seen, by entry: a row for each cotangent."""
        looks = [self.climb(i, self.alone(i)) for i in range(len(self.step))]
        return np.array([(look.found.said + look.seen.gap) / look.unit for look in looks]).T

    def _look(self, entry: int | None, way: Row, found: Sample, seen: Seen) -> Look:
        moved = np.abs(way)
        rounding = ROUNDING * terms(self.owed, way) + NORMAL * moved.sum()
        largest = self.sizes * np.max(moved / self.step, initial=0.0)
        rounding += CANCELLED * (largest + np.abs(self.weights) @ self.pair.backdrop)
        return Look(entry, way, found, seen, rounding)


def cotangents(size: int, rng: np.random.Generator) -> Row:
    """What the results are owed: each alone while they are few, else all of them, twice."""
    if size <= FEW_RESULTS:
        return np.eye(size)
    return rng.uniform(0.5, 1.5, (2, size)) * rng.choice([-1.0, 1.0], (2, size))


def part(way: Row, entries: Row | Sequence[int]) -> Row:
    """A direction in which only some of the entries move."""
    moving = np.zeros(len(way))
    moving[entries] = way[entries]
    return moving
