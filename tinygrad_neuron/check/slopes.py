"""The gradient against the slopes that are seen, direction by direction.

The cheap look comes first and can only pass. What it leaves open goes up the ladder. And a gap that
the ladder shows is a failure only when nothing explains it.
"""

from dataclasses import replace

import numpy as np

from tinygrad_neuron.check import directions
from tinygrad_neuron.check.excuses import JUMPS, between, explanation
from tinygrad_neuron.check.look import CANCELLED, Look, Looker, cotangents, part
from tinygrad_neuron.check.pair import Pair, Row
from tinygrad_neuron.check.report import Finding, Status

NEGLIGIBLE = 1e-9  # a slope below this share of the largest one does not matter
MOST_SUSPECTS = 32  # how many gaps are looked into; one that stays is enough

UNCLEAR = (
    "the slope cannot be seen: it is {size:.1g} along a step, and the result is uncertain by "
    "{error:.1g} there"
)

Suspects = list[tuple[Look, int]]  # a look, and the number of a cotangent that it leaves open


class Judge:
    """A comparison in progress: what was found so far, and the verdicts."""

    def __init__(self, pair: Pair, rng: np.random.Generator, order: int = 1) -> None:
        self.pair, self.rng, self.order = pair, rng, order
        self.looker = Looker(pair, cotangents(len(pair.here), rng))
        self.worst: dict[tuple[str, Status], tuple[float, Finding]] = {}
        self.undecided: set[int] = set()  # the cotangents for which some entry has no verdict
        self.corners: set[int] = set()  # the cotangents for which some entry has no single slope
        self.unseen: set[tuple[str, tuple[int, ...] | None]] = set()
        self.resolution = 0.0

    def run(self) -> list[Finding]:
        """The worst of each input, for each status that it has somewhere."""
        if not np.isfinite(self.pair.here).all():
            reason = "the result is not finite here"
            return [Finding("inconclusive", self.pair.names[0], reason=reason, order=self.order)]
        self._not_finite()
        suspects: Suspects = []
        for entry, way in directions.ways(self.pair, self.looker.step, self.rng):
            suspects += self._along(entry, way)
        self._accuse(suspects)
        return [finding for _, finding in self.worst.values()]

    # -------------------------------------------------------------------------- looking

    def _along(self, entry: int | None, way: Row) -> Suspects:
        """One direction: note what passes, return what needs an explanation."""
        unknown = self.looker.unknown
        if entry is None:
            way = np.where(unknown.any(axis=0), 0.0, way)
            if not way.any():
                return []
        look, settled = self.looker.glance(entry, way)
        if entry is not None:
            settled |= unknown[:, entry]
            if settled.all() and look.found.still.all() and self.pair.here.any():
                return self._elsewhere(look, entry)
        self._note(look, settled)
        if settled.all():
            return []
        return self._weigh(self._closer(self.looker.climb(entry, way), ~settled), ~settled)

    def _elsewhere(self, look: Look, entry: int) -> Suspects:
        """An entry that moves nothing at all: perhaps its step was too small to show anything."""
        open_ = np.zeros(len(self.looker.weights), bool)
        for step in directions.usual_steps(self.pair, entry):
            way = self.looker.alone(entry, step)
            if (
                step == self.looker.step[entry]
                or self.looker.glance(entry, way)[0].found.still.all()
            ):
                continue
            other = self.looker.climb(entry, way)
            smooth = ~other.sides.here & ~other.sides.jump
            contrary = other.wrong & other.clear & smooth & ~open_
            for k in map(int, np.flatnonzero(contrary)):
                self._leave_open(other, k, "a longer step shows another slope")
            open_ |= contrary
        self._note(look, ~open_)
        return []

    def _closer(self, look: Look, open_: Row) -> list[Look]:
        """For each cotangent the clearest look at an entry: by its own step, or by another one.

        Another step can confirm a gradient. It does not accuse: what it sees may be another scale
        of the function.
        """
        chosen = [look] * len(open_)
        rounded = look.agrees & (np.abs(look.found.said) <= CANCELLED * self.looker.sizes)
        idle = (look.seen.gap == 0.0) & look.flat
        unclear = open_ & look.agrees & ~look.clear & ~idle
        unclear &= ~rounded | (look.found.said == 0.0)
        if look.entry is None or not unclear.any():
            return chosen
        usual = directions.usual_steps(self.pair, look.entry)
        for step in [*usual, *directions.long_steps(self.pair, look.entry)]:
            other = self.looker.climb(look.entry, self.looker.alone(look.entry, step))
            for k in map(int, np.flatnonzero(unclear & other.agrees & other.clear)):
                if other.doubt(k) < chosen[k].doubt(k):
                    chosen[k] = other
        return chosen

    # -------------------------------------------------------------------------- judging

    def _weigh(self, looks: list[Look], open_: Row) -> Suspects:
        """The ladder's verdict on each cotangent that is open; what it holds wrong is returned."""
        suspects: Suspects = []
        for k in map(int, np.flatnonzero(open_)):
            look, sides = looks[k], looks[k].sides
            if look.entry is not None and (sides.jump[k] or sides.here[k]):
                self.corners.add(k)
            if sides.jump[k]:
                self._leave_open(look, k, JUMPS)
            elif sides.here[k] and between(sides, k, look.rounding[k]):
                self._add("passed at a kink", look, k, "the slope is between those of both sides")
            elif look.wrong[k] and sides.jump.any():
                self._leave_open(look, k, "another result jumps, or has no bounded slope")
            elif look.wrong[k] or sides.here[k]:
                suspects.append((look, k))
            elif look.agrees[k] and (look.clear[k] or look.flat[k]):
                self._note(look, _only(k, look))
            else:
                self._unclear(look, k)
        return suspects

    def _unclear(self, look: Look, k: int) -> None:
        """A slope that cannot be seen: excused if a complex step sees it, or if it does not matter.

        A complex step only confirms: it is wrong itself where a function takes absolute values.
        """
        if look.entry is None and len(self.pair.start) <= directions.FEW:
            return  # every entry was looked at alone
        moved = self.pair.complex_slope(look.way)
        exact = look if moved is None else look.seeing(self.looker.weights @ moved)
        if exact.agrees[k] and exact.clear[k]:
            self._note(exact, _only(k, look))
            return
        if moved is not None and exact.wrong[k]:
            self._leave_open(exact, k, "a complex step sees another slope")
            return
        if abs(look.found.said[k]) < NEGLIGIBLE * self.looker.sizes[k]:
            self.unseen.add(self._place(look))
            return
        reason = UNCLEAR.format(size=look.seen.size[k], error=look.seen.error[k])
        self._leave_open(look, k, reason)

    def _accuse(self, suspects: Suspects) -> None:
        """Each gap is a failure, unless something explains it; one failure is enough.

        Several entries that move together say nothing new where one of them alone has a corner,
        unless they are equal and stay so: then the corner may be their tie, which nothing breaks.
        Nor do they where one of them alone has no verdict.
        """
        suspects = [
            (look, k)
            for look, k in suspects
            if look.entry is not None
            or k not in self.corners
            or directions.keeps_ties(self.pair.start, look.way)
        ]
        suspects.sort(key=lambda s: (s[0].entry is None, -s[0].strain(s[1])))
        for look, k in suspects[:MOST_SUSPECTS]:
            if look.entry is None and k in self.undecided:
                continue
            status, reason = explanation(self.looker, look, k)
            if status == "failed":
                looker, closer, j = self._of_one_result(self._narrowed(look, k), k)
                again = explanation(looker, closer, j)
                if again[0] != "inconclusive":
                    self._add(status, closer, j, reason)
                    return
                status, reason = again
            if status == "inconclusive":
                self._leave_open(look, k, reason)
            else:
                self._add(status, look, k, reason)

    def _narrowed(self, look: Look, k: int) -> Look:
        """The single entry that a gap comes from, by halving what moves."""
        moving = np.flatnonzero(look.way)
        if look.entry is not None:
            return look
        while len(moving) > 1:
            halves = np.array_split(moving, 2)
            looks = [self.looker.climb(None, part(look.way, half)) for half in halves]
            moving = halves[int(looks[1].strain(k) > looks[0].strain(k))]
        found = self.looker.climb(int(moving[0]), part(look.way, moving))
        return found if found.wrong[k] else look

    def _of_one_result(self, look: Look, k: int) -> tuple[Looker, Look, int]:
        """The single result that a gap comes from, by halving what is weighed.

        The size of the others, and their noise, say nothing about it.
        """
        looker, weight = self.looker, self.looker.weights[k]
        there = self.pair.at(self.pair.start + look.way / 2.0)
        halves = [
            np.flatnonzero(weight * moved)
            for moved in (there != self.pair.here, there == self.pair.here)
        ]
        while np.count_nonzero(weight) > 1:
            for half in halves:
                closer = Looker(self.pair, part(weight, half)[None])
                found = closer.climb(look.entry, look.way)
                if found.wrong[0]:
                    break
            else:
                break
            looker, look, k, weight = closer, found, 0, closer.weights[0]
            halves = np.array_split(np.flatnonzero(weight), 2)
        return looker, look, k

    def _not_finite(self) -> None:
        """The first entries where the gradient is inf or nan: wrong if there is a slope to see."""
        given = self.looker.given
        for k, i in np.argwhere(self.looker.unknown)[:MOST_SUSPECTS].tolist():
            look = self.looker.climb(i, self.looker.alone(i))
            sides = look.sides
            known = look.clear[k] or look.seen.error[k] == 0.0
            if look.seen.gap[k] / look.unit == given[k, i]:  # both are too large for a number
                continue
            if known and not sides.jump[k] and not sides.here[k]:
                reason = "the gradient is not finite, and the slope is"
                self._add("failed", look, k, reason, float(given[k, i]))
            else:
                self.undecided.add(k)
                reason = "neither the gradient nor a slope is finite"
                self._add("inconclusive", look, k, reason, float(given[k, i]))

    # -------------------------------------------------------------------------- noting

    def _note(self, look: Look, which: Row) -> None:
        """Remember the worst of what passed, and how small an error would have been seen."""
        if not which.any():
            return
        size = look.seen.size
        share = np.where(which & (size > 0.0), look.tolerance / (size + (size == 0.0)), 0.0)
        self.resolution = max(self.resolution, float(np.max(np.minimum(share, 1.0))))
        k = int(np.argmax(np.where(which, look.strains, -1.0)))
        self._add("passed", look, k, "")

    def _leave_open(self, look: Look, k: int, reason: str) -> None:
        """No verdict, and why."""
        if look.entry is not None:
            self.undecided.add(k)
        self._add("inconclusive", look, k, reason)

    def _add(
        self, status: Status, look: Look, k: int, reason: str, analytic: float | None = None
    ) -> None:
        (name, index), strain = self._place(look), look.strain(k)
        kind = name, status
        if kind in self.worst and strain <= self.worst[kind][0]:
            return
        said = float(look.found.said[k] / look.unit)
        numeric = float((look.found.said[k] + look.seen.gap[k]) / look.unit)
        finding = Finding(
            status, name, index, numeric, said, look.doubt(k), reason=reason, order=self.order
        )
        self.worst[kind] = (
            strain,
            finding if analytic is None else replace(finding, analytic=analytic),
        )

    def _place(self, look: Look) -> tuple[str, tuple[int, ...] | None]:
        """The input, or inputs, that a look is about, and the index of a single entry."""
        if look.entry is None:
            moving = np.flatnonzero(look.way)[[0, -1]]
            inputs = sorted({self.pair.place(int(i))[0] for i in moving})
            return " and ".join(self.pair.names[k] for k in inputs), None
        return self.pair.place(look.entry)[1:]


def _only(k: int, look: Look) -> Row:
    """One of the cotangents of a look."""
    return np.arange(len(look.rounding)) == k
