"""Guessing: try points at random and keep the best. No guess learns from the one before.

How long it takes is known beforehand: a guess lands within the tolerance with a probability that is
the share of the box between two parallel planes, `target - tolerance < c . u < target + tolerance`.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from tinygrad_neuron.lesson import text
from tinygrad_neuron.lesson.equation import Equation, headline

BATCH = 65_536  # guesses made at once: part of what a seed means
MOST_UNKNOWNS = 12  # the exact volume adds 2 ** unknowns terms
MOST_POINTS = 1_000_000  # whole-number points that are counted one by one
WIDE = 1e6  # from here on numbers are shown with an exponent

Progress = Callable[[Iterable[int]], Iterable[int]]


@dataclass(frozen=True)
class Guess:
    """The guess that was the best so far: its number from 1 on, the point and its error."""

    number: int
    point: tuple[float, ...]
    error: float


@dataclass(frozen=True)
class Guesses:
    """What came of guessing; `chance` is what one guess has, None where it is not known exactly."""

    equation: Equation
    box: tuple[float, float]
    tries: int
    seed: int
    tolerance: float
    whole: bool
    bests: tuple[Guess, ...]
    hits: int
    chance: float | None
    interrupted: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether any guess landed within the tolerance."""
        return self.hits > 0

    def best_of_first(self, tries: int) -> Guess:
        """The best of the first guesses."""
        return [best for best in self.bests if best.number <= tries][-1]


def run(
    equation: Equation,
    *,
    box: tuple[float, float] = (0.0, 10.0),
    tries: int = 10_000,
    seed: int = 0,
    tolerance: float = 1.0,
    whole: bool = False,
    progress: Progress = iter,
) -> Guesses:
    """Guess this many points of the box, all of them, also after a hit.

    `whole` guesses whole numbers, both ends of the box included.
    """
    bests: list[Guess] = []
    made = hits = 0
    interrupted = False
    try:
        for points in _batches(equation, box, tries, seed, whole, progress):
            errors = equation.error(points.T)
            bests += _new_bests(points, errors, made, abs(bests[-1].error) if bests else math.inf)
            hits += int(np.count_nonzero(np.abs(errors) < tolerance))
            made += len(points)
    except KeyboardInterrupt:
        interrupted = True
    chance = chance_of_whole if whole else chance_of_any
    return Guesses(
        equation, box, made, seed, tolerance, whole, tuple(bests), hits,
        chance(equation, box, tolerance), interrupted,
    )  # fmt: skip


def _batches(
    equation: Equation,
    box: tuple[float, float],
    tries: int,
    seed: int,
    whole: bool,
    progress: Progress,
) -> Iterator[Any]:
    """Arrays of random points, one point a row: enough memory for any number of guesses."""
    rng = np.random.default_rng(seed)
    for begin in progress(range(0, tries, BATCH)):
        shape = (min(BATCH, tries - begin), len(equation.names))
        if whole:
            low, high = _whole_range(box)
            yield rng.integers(low, high, size=shape, endpoint=True).astype(float)
        else:
            yield rng.uniform(*box, size=shape)


def _whole_range(box: tuple[float, float]) -> tuple[int, int]:
    return math.ceil(box[0]), math.floor(box[1])


def _new_bests(points: Any, errors: Any, made: int, best: float) -> list[Guess]:
    """The guesses of a batch that were nearer than every one before."""
    sizes = np.abs(errors)
    before = np.minimum.accumulate(np.concatenate([[best], sizes[:-1]]))
    return [
        Guess(made + int(i) + 1, tuple(points[i].tolist()), float(errors[i]))
        for i in np.flatnonzero(sizes < before)
    ]


# ------------------------------------------------------------------------ how long it will take


def chance_of_any(equation: Equation, box: tuple[float, float], tolerance: float) -> float | None:
    """The share of the box within the tolerance, exact; None for more than a dozen unknowns.

    For two unknowns it is the area of a strip over the area of the box.
    """
    low, high = (Fraction(str(side)) for side in box)
    spans = [c * (high - low) for c in equation.coefficients if c]
    if len(spans) > MOST_UNKNOWNS:
        return None
    # u = low + (high - low) * v, with v turned round where the coefficient is negative
    middle = equation.target - low * sum(equation.coefficients) - sum(s for s in spans if s < 0)
    spans = [abs(s) for s in spans]
    reach = Fraction(str(tolerance))
    return float(_volume(spans, middle + reach) - _volume(spans, middle - reach))


def _volume(spans: list[Fraction], limit: Fraction) -> Fraction:
    """The volume of the points v of the unit cube with spans . v < limit, all spans positive.

    Of the orthant's corner cut off by the plane, what sticks out of the cube is taken away: sides
    once, edges twice and so back again, and so on (inclusion and exclusion).
    """
    n = len(spans)
    total = Fraction(0)
    for outside in itertools.product((0, 1), repeat=n):
        rest = limit - sum(s for s, out in zip(spans, outside, strict=True) if out)
        total += (-1) ** sum(outside) * max(rest, Fraction(0)) ** n
    return total / math.factorial(n) / math.prod(spans)


def chance_of_whole(equation: Equation, box: tuple[float, float], tolerance: float) -> float | None:
    """The share of the whole-number points within the tolerance, counted; None if too many."""
    low, high = _whole_range(box)
    points = (high - low + 1) ** len(equation.names)
    if points > MOST_POINTS:
        return None
    errors = np.array([-float(equation.target)])
    for c in equation.inputs:
        errors = np.add.outer(errors, c * np.arange(low, high + 1)).ravel()
    return np.count_nonzero(np.abs(errors) < tolerance) / points


# ---------------------------------------------------------------------------------- the screen


def screen(guesses: Guesses, look: text.Look = text.PLAIN) -> str:
    """What was guessed, and what to try next."""
    return f"{body(guesses, look)}\nNext:  {look.program} nudge{guesses.equation.option}"


def body(guesses: Guesses, look: text.Look = text.PLAIN) -> str:
    """The new bests, and what can be said about guessing."""
    low, high = map(text.number, guesses.box)
    kind = "whole numbers" if guesses.whole else "numbers"
    names = ", ".join(text.few(guesses.equation.names, 4))
    range_ = f"{kind} between {low} and {high} for {names}"
    prose = [
        *_summary(guesses),
        "Nothing was learned: the last guess knew no more than the first.",
    ]
    return "\n".join(
        [
            text.wrapped(headline(guesses.equation), look.width),
            f"guessing {range_} (seed {guesses.seed}), new bests only",
            _table(guesses),
            *(text.wrapped(line, look.width) for line in prose),
        ]
    )


def _table(guesses: Guesses) -> str:
    wide = max(map(abs, guesses.box)) > WIDE
    form = ".6g" if wide else ".0f" if guesses.whole else ".4f"
    head = ["guess", *text.few(guesses.equation.names, 4), "error"]
    rows = [
        [
            str(best.number),
            *text.few([f"{v:{form}}" for v in best.point], 4),
            text.signed(best.error) if guesses.whole else _error(best.error),
        ]
        for best in guesses.bests
    ]
    return text.table(head, rows)


def _error(e: float) -> str:
    """With three decimals, as long as that says something."""
    return f"{e:+.3f}" if 0.001 <= abs(e) < WIDE else text.signed(e, 3)


def _summary(guesses: Guesses) -> list[str]:
    near = text.number(guesses.tolerance)
    best = abs(guesses.bests[-1].error) if guesses.bests else math.inf
    return [
        f"{'interrupted after ' if guesses.interrupted else ''}{guesses.tries} guesses, "
        f"best |error| {text.number(best, 3)}; {guesses.hits} of them had |error| below {near}.",
        _expectation(guesses, near),
        *_price(guesses),
    ]


def _expectation(guesses: Guesses, near: str) -> str:
    if guesses.chance is None:
        return "How often that happens is only measured here: there is too much to count exactly."
    if not guesses.chance:
        return f"Nowhere in this box is |error| below {near}: guessing in it never ends."
    if guesses.chance > 2 / 3:
        return f"Most guesses have |error| below {near}."
    return f"A guess has |error| below {near} once in about {_tries(1 / guesses.chance)}."


def _tries(expected: float) -> str:
    return f"{expected:.0f} tries" if expected < 1e9 else f"{expected:.3g} tries"


def _price(guesses: Guesses) -> list[str]:
    """The best after 10, 100, 1000, ... guesses: ten times nearer costs ten times the guesses."""
    stages = [10**k for k in range(1, len(str(guesses.tries))) if 10**k <= guesses.tries]
    if len(stages) < 2 or guesses.whole or guesses.chance == 0:
        return []
    bests = [text.number(abs(guesses.best_of_first(n).error), 3) for n in stages]
    return [
        f"Best |error| after {text.words([str(n) for n in stages])} guesses: {text.words(bests)}. "
        "Ten times nearer costs about ten times as many guesses."
    ]


def record(guesses: Guesses) -> dict[str, Any]:
    """The run for a machine."""
    return {
        "equation": str(guesses.equation),
        "box": list(guesses.box),
        "tries": guesses.tries,
        "seed": guesses.seed,
        "tolerance": guesses.tolerance,
        "whole_numbers": guesses.whole,
        "hits": guesses.hits,
        "chance": guesses.chance,
        "expected_tries": 1 / guesses.chance if guesses.chance else None,
        "bests": [
            {"guess": best.number, "point": list(best.point), "error": best.error}
            for best in guesses.bests
        ],
        "interrupted": guesses.interrupted,
    }
