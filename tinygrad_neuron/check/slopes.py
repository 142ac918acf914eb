"""The gradient against the slopes that are seen, direction by direction, and what explains a gap.

The cheap look comes first and can only pass. What it leaves open goes up the ladder. And a gap that
the ladder shows is a failure only when nothing explains it: no corner, no broken tie, no rounding
that moves the gradient itself as far, no second scale.
"""

from dataclasses import dataclass, replace

import numpy as np

from tinygrad_neuron.check import directions
from tinygrad_neuron.check.kinks import Corner, around_ties, corner
from tinygrad_neuron.check.numeric import (
    CHEAP,
    EPS,
    ROUNDING,
    RUNGS,
    VAGUE,
    Sample,
    Seen,
    grain,
    quick,
    sample,
    slope,
    terms,
)
from tinygrad_neuron.check.pair import Pair, Row
from tinygrad_neuron.check.report import Finding, Status

FEW_RESULTS = 16  # up to here every result has a cotangent of its own
CERTAIN = 8.0  # a right gradient is within this many times the error
WRONG = 16.0  # a wrong one is beyond this many times
NEGLIGIBLE = 1e-9  # a slope below this share of the largest one does not matter
FLAT = 1e-6  # a result that moves by no more than this share of itself does not move
CANCELLED = 16.0 * EPS  # what may be left of terms as large as the largest slope, if they cancel
RIPPLE = 1e-4  # what is smaller beside the result may be rounding, or a wave on a slope
NORMAL = float(np.finfo(np.float64).smallest_normal)  # what is smaller may be rounded to 0
MOST_SUSPECTS = 8  # how many gaps are looked into; one that stays is enough

VAGUE_REASON = (
    "the slope cannot be seen: it is {size:.1g} along a step, and the result is uncertain by "
    "{error:.1g} there"
)


@dataclass(frozen=True)
class Case:
    """A direction, and for each cotangent what was seen along it and what rounding may do."""

    entry: int | None
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
        return (self.tolerance <= CERTAIN * VAGUE * self.seen.size) & ~self.found.blind

    @property
    def wrong(self) -> Row:
        """Where the gap is far beyond the error, whatever the size of the slope."""
        return np.abs(self.seen.gap) > WRONG * self.seen.error + self.rounding


class Judge:
    """A comparison of gradients and slopes: the pair, its cotangents, and what came out of it."""

    def __init__(self, pair: Pair, rng: np.random.Generator, order: int = 1) -> None:
        self.pair, self.rng, self.order = pair, rng, order
        self.weights = cotangents(len(pair.here), rng)
        shape = len(self.weights), len(pair.start)
        self.given = np.array([pair.owed(v) for v in self.weights]).reshape(shape)
        self.owed = np.where(np.isfinite(self.given), self.given, 0.0)
        self.step = directions.steps(pair)
        self.sizes = np.max(np.abs(self.owed) * self.step, axis=1, initial=0.0)
        self.best: dict[tuple[str, Status], tuple[float, Finding]] = {}
        self.corners: set[int] = set()  # the cotangents for which some entry has no single slope
        self.unseen: set[tuple[str, tuple[int, ...] | None]] = set()
        self.resolution = 0.0

    def run(self) -> list[Finding]:
        """Look along every direction; the worst of each input, and what did not pass."""
        if not np.isfinite(self.pair.here).all():
            return [self._finding("inconclusive", None, "the result is not finite here")]
        self._not_finite()
        suspects: list[tuple[Case, int]] = []
        unknown = ~np.isfinite(self.given)
        for entry, way in directions.ways(self.pair, self.step, self.rng):
            if entry is None:
                way = np.where(unknown.any(0), 0.0, way)
            suspects += [s for s in self._along(entry, way) if not unknown[s[1], entry].all()]
        suspects = [(case, k) for case, k in suspects if not self._cornered(case, k)]
        suspects.sort(key=lambda suspect: -_gravity(*suspect))
        for case, k in suspects[:MOST_SUSPECTS]:
            if self._accuse(case, k) == "failed":
                break
        return self.findings

    @property
    def findings(self) -> list[Finding]:
        """The worst of each input, for each status that it has somewhere."""
        return [finding for _, finding in self.best.values()]

    def seen_everywhere(self) -> Row:
        """Every slope that is seen, by entry: a row for each cotangent."""
        found = [self._climb(i, _part(self.step, [i])) for i in range(len(self.step))]
        slopes = [(case.found.said + case.seen.gap) / self.step[case.entry] for case in found]
        return np.array(slopes).T

    # -------------------------------------------------------------------------- looking

    def _along(self, entry: int | None, way: Row) -> list[tuple[Case, int]]:
        """One direction: note what passes, return what needs an explanation."""
        found = sample(self.pair, way, self.weights, self.owed, CHEAP)
        seen, settled = quick(found)
        case = self._case(entry, way, found, seen)
        settled &= case.agrees
        if entry is not None and settled.all() and found.still.all() and self.pair.here.any():
            return self._elsewhere(case)
        self._note(case, settled)
        if settled.all():
            return []
        case = self._climb(entry, way)
        return self._weigh(self._closer(case, ~settled), ~settled)

    def _elsewhere(self, case: Case) -> list[tuple[Case, int]]:
        """An entry that moves nothing at all: perhaps its step was too small to show anything."""
        suspects = []
        for step in directions.usual_steps(self.pair, case.entry):  # type: ignore[arg-type]
            way = case.way / case.way[case.entry] * step
            if sample(self.pair, way, self.weights, self.owed, CHEAP).still.all():
                continue
            other = self._climb(case.entry, way)
            sides = corner(other.found, other.seen)
            seen = other.wrong & other.clear & ~sides.here & ~sides.jump
            suspects += [(other, int(k)) for k in np.flatnonzero(seen)]
        self._note(case, np.ones(len(self.weights), bool))
        return suspects

    def _case(self, entry: int | None, way: Row, found: Sample, seen: Seen) -> Case:
        moved = np.abs(way)
        rounding = ROUNDING * terms(self.owed, way) + NORMAL * moved.sum()
        rounding += CANCELLED * self.sizes * np.max(moved / self.step, initial=0.0)
        return Case(entry, way, found, seen, rounding)

    def _climb(self, entry: int | None, way: Row) -> Case:
        found = sample(self.pair, way, self.weights, self.owed, RUNGS)
        return self._case(entry, way, found, slope(found))

    def _closer(self, case: Case, open_: Row) -> list[Case]:
        """For each cotangent the clearest look at an entry: by its own step, or by another one.

        A step longer than the usual ones can confirm a gradient, but what it sees may be another
        scale of the function: it does not accuse.
        """
        chosen = [case] * len(self.weights)
        unclear = open_ & ~case.clear & ~((case.seen.gap == 0.0) & self._flat(case))
        if case.entry is None or not unclear.any():
            return chosen
        usual = directions.usual_steps(self.pair, case.entry)
        for step in [*usual, *directions.long_steps(self.pair, case.entry)]:
            other = self._climb(case.entry, case.way / case.way[case.entry] * step)
            for k in np.flatnonzero(unclear):
                surer = _doubt(other, k) < _doubt(chosen[k], k)
                if surer and (step in usual or (other.agrees[k] and other.clear[k])):
                    chosen[k] = other
        return chosen

    def _flat(self, case: Case) -> Row:
        """Where both say 0, and no more than rounding could hide there."""
        small = case.seen.error <= FLAT * case.found.height
        return (case.found.said == 0.0) & case.agrees & small

    # -------------------------------------------------------------------------- judging

    def _weigh(self, cases: list[Case], open_: Row) -> list[tuple[Case, int]]:
        suspects = []
        for k in np.flatnonzero(open_):
            case = cases[k]
            sides = corner(case.found, case.seen)
            if case.entry is not None and (sides.jump[k] or sides.here[k]):
                self.corners.add(int(k))
            if sides.jump[k]:
                self._add("inconclusive", case, k, "the function jumps, or its slope has no bound")
            elif sides.here[k]:
                suspects += self._at_corner(case, k, sides)
            elif case.agrees[k] and (case.clear[k] or self._flat(case)[k]):
                self._note(case, np.arange(len(open_)) == k)
            elif case.wrong[k]:
                suspects.append((case, k))
            else:
                self._unclear(case, k)
        return suspects

    def _at_corner(self, case: Case, k: int, sides: Corner) -> list[tuple[Case, int]]:
        if not _between(sides, k, case.rounding[k]):
            return [(case, k)]
        self._add("passed at a kink", case, k, "the slope is between the slopes on both sides")
        return []

    def _unclear(self, case: Case, k: int) -> None:
        """A slope that cannot be seen: excused if it does not matter or a complex step sees it."""
        if case.entry is None and len(self.step) <= directions.FEW:
            return  # every entry was looked at alone
        if self._confirmed(case, k):
            return
        if np.abs(case.found.said[k]) < NEGLIGIBLE * self.sizes[k]:
            self.unseen.add(self._name(case)[:2])
            return
        error, size = case.seen.error[k], case.seen.size[k]
        self._add("inconclusive", case, k, VAGUE_REASON.format(size=size, error=error))

    def _confirmed(self, case: Case, k: int) -> bool:
        """Whether a complex step, where the function allows one, sees what the gradient says."""
        moved = self.pair.complex_slope(case.way)
        if moved is None:
            return False
        seen = float(self.weights[k] @ moved)
        return abs(seen - case.found.said[k]) <= 10.0 * case.rounding[k]

    def _cornered(self, case: Case, k: int) -> bool:
        """Whether several entries move of which one alone has a corner: then that one counts."""
        return case.entry is None and k in self.corners

    def _accuse(self, case: Case, k: int) -> Status:
        """A gap that is a failure, unless something explains it."""
        status, reason = self._explanation(case, k)
        if status == "failed" and case.entry is None:
            case = self._narrowed(case, k)
        self._add(status, case, k, reason)
        return status

    def _explanation(self, case: Case, k: int) -> tuple[Status, str]:
        sides = corner(case.found, case.seen)
        ties = around_ties(self.pair, case.way, self.step, self.weights[k], self.owed[k])
        if ties is not None and _between(ties, 0, case.rounding[k]):
            return "passed at a kink", "the slope is between those that are seen around the tie"
        if sides.here[k]:
            return "failed", "the slope is outside of the slopes on both sides of a kink"
        if self._shifts(case, k):
            return "inconclusive", "a rounding of the inputs moves the gradient as far"
        if self._second_scale(case, k):
            return "inconclusive", "the function has several scales: its slope depends on the step"
        return "failed", "the gradient is not the slope that is seen"

    def _shifts(self, case: Case, k: int) -> bool:
        """Whether the gradient moves as far as the gap when the inputs move by a few roundings."""
        x = self.pair.start
        parity = np.where(x.view(np.int64) & 1, 1.0, -1.0)  # equal entries move alike
        moved = 0.0
        for size in (4.0 * EPS, -4.0 * EPS, 4.0 * EPS * parity, -4.0 * EPS * parity):
            owed = self.pair.owed_at(x * (1.0 + size), self.weights[k])
            shift = (np.where(np.isfinite(owed), owed, 0.0) - self.owed[k]) @ case.way
            moved = max(moved, abs(float(shift)))
        return abs(case.seen.gap[k]) <= CERTAIN * moved

    def _second_scale(self, case: Case, k: int) -> bool:
        """Whether the gradient is right for longer steps, but for ripples or grains far smaller."""
        found, gap, coarse = case.found, abs(case.seen.gap[k]), grain(case.found)[k]
        odd = np.abs(found.right[:, k] + found.left[:, k]) / 2.0
        right = (odd < gap / WRONG) & (case.seen.noise[k] / found.steps < gap / WRONG)
        runs = np.flatnonzero(right[:-2] & right[1:-1] & right[2:])
        if len(runs):
            ripples = np.nanmax((odd * found.steps)[runs[-1] :])
            return bool(ripples < RIPPLE * found.height[k])
        if not coarse:
            return False
        single = coarse < RIPPLE * found.height[k]
        return bool(found.silent[k] or (single and not case.clear[k]))

    def _narrowed(self, case: Case, k: int) -> Case:
        """The single entry that a gap comes from, by halving what moves."""
        moving = np.flatnonzero(case.way)
        while len(moving) > 1:
            halves = moving[: len(moving) // 2], moving[len(moving) // 2 :]
            looks = [self._climb(None, _part(case.way, half)) for half in halves]
            moving = halves[int(_gravity(looks[1], k) > _gravity(looks[0], k))]
        entry = int(moving[0])
        found = self._climb(entry, _part(case.way, moving))
        return found if found.wrong[k] else case

    # -------------------------------------------------------------------------- noting

    def _not_finite(self) -> None:
        """The first entries where the gradient is inf or nan: wrong if a slope can be seen there."""
        for k, i in np.argwhere(~np.isfinite(self.given))[:MOST_SUSPECTS]:
            alone = np.where(np.arange(len(self.step)) == i, self.step, 0.0)
            case = self._climb(int(i), alone)
            plain = case.clear[k] or case.seen.error[k] == 0.0
            sides = corner(case.found, case.seen)
            said = float(self.given[k, i])
            seen = (case.found.said[k] + case.seen.gap[k]) / case.way[i]
            if seen == said:  # both too large for a number
                continue
            if plain and not sides.jump[k] and not sides.here[k]:
                self._add("failed", case, k, "the gradient is not finite, and the slope is", said)
            else:
                reason = "the gradient is not finite, nor is any slope seen"
                self._add("inconclusive", case, k, reason, said)

    def _note(self, case: Case, which: Row) -> None:
        """Remember the worst of what passed, and how small an error would have been seen."""
        if not which.any():
            return
        size = case.seen.size
        doubt = np.where(which & (size > 0.0), case.tolerance / np.where(size > 0.0, size, 1.0), 0)
        self.resolution = max(self.resolution, float(np.max(np.minimum(doubt, 1.0))))
        strain = np.where(which, np.abs(case.seen.gap) / (case.tolerance + 1e-300), -1.0)
        k = int(np.argmax(strain))
        self._keep(self._finding("passed", case, "", k), float(strain[k]))

    def _add(
        self, status: Status, case: Case, k: int, reason: str, said: float | None = None
    ) -> None:
        finding = self._finding(status, case, reason, k)
        finding = finding if said is None else replace(finding, analytic=said)
        self._keep(finding, _gravity(case, k))

    def _keep(self, finding: Finding, strain: float) -> None:
        kind = finding.input, finding.status
        if kind not in self.best or strain > self.best[kind][0]:
            self.best[kind] = strain, finding

    def _finding(self, status: Status, case: Case | None, reason: str, k: int = 0) -> Finding:
        if case is None:
            return Finding(status, self.pair.names[0], None, reason=reason, order=self.order)
        name, index, unit = self._name(case)
        said, gap = case.found.said[k], case.seen.gap[k]
        numbers = (float(x / unit) for x in (said + gap, said, case.seen.error[k]))
        return Finding(status, name, index, *numbers, reason, self.order)

    def _name(self, case: Case) -> tuple[str, tuple[int, ...] | None, float]:
        if case.entry is None:
            inputs = {self.pair.place(int(i))[0] for i in np.flatnonzero(case.way)[[0, -1]]}
            names = [self.pair.names[k] for k in sorted(inputs)]
            return " and ".join(names), None, 1.0
        k, index = self.pair.place(case.entry)
        return self.pair.names[k], index, float(case.way[case.entry])


def cotangents(size: int, rng: np.random.Generator) -> Row:
    """What the results are owed: each alone while they are few, else all of them, twice."""
    if size <= FEW_RESULTS:
        return np.eye(size)
    return rng.uniform(0.5, 1.5, (2, size)) * rng.choice([-1.0, 1.0], (2, size))


def _gravity(case: Case, k: int) -> float:
    """How far beyond its error a gap is."""
    return float(abs(case.seen.gap[k]) / (case.tolerance[k] + 1e-300))


def _doubt(case: Case, k: int) -> float:
    """The error of an entry's slope, in the entry's own unit."""
    return float(case.seen.error[k] / abs(case.way[case.entry]))


def _between(sides: Corner, k: int, rounding: float) -> bool:
    """Whether the gradient's slope, from which both sides are counted, is between them."""
    margin = CERTAIN * sides.doubt[k] + rounding
    return bool(sides.low[k] - margin <= 0.0 <= sides.high[k] + margin)


def _part(way: Row, entries: Row | list[int]) -> Row:
    """A direction in which only some entries move."""
    part = np.zeros(len(way))
    part[entries] = way[entries]
    return part
