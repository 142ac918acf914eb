"""Value and automatic gradient of every loss, to units in the last place, against mpmath.

The gradient's oracle is a difference quotient of the textbook's definition with a step of 1e-150,
at 700 digits: it knows nothing of how the loss is written.
"""

from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import pytest
from loss_definitions import DEFINITIONS

from tinygrad_neuron import Value, losses

EPS = {np.float64: 2.0**-52, np.float32: 2.0**-23}
TINY = {np.float64: 1e-290, np.float32: 1e-36}  # near what underflows
BAR = 20.0  # eps

RESIDUALS = [0.0, 1e-30, 1e-8, 1e-3, 0.3, 0.99, 1.01, 3.0, 17.0, 800.0, 1e4, 1e8]
SCORES = [0.0, 1e-30, 1e-8, 1e-3, 0.3, 0.99, 1.01, 3.0, 10.0, 17.0, 40.0, 90.0, 800.0, 1e4]
BOTH = [x * sign for x in SCORES for sign in (1, -1)]
SHARES = [1e-30, 1e-8, 1e-3, 0.3, 0.5, 0.9, 0.999]
RATES = [-40.0, -10.0, -1e-3, 0.0, 1e-8, 0.5, 3.0, 10.0, 40.0]  # beyond, z - log t is rounded
ROWS = [
    [0.3, -1.2, 0.9], [0.0, 0.0, 0.0], [10.0, 0.0, -3.0], [17.0, 0.0, 1.0], [40.0, 0.0, -1.0],
    [-40.0, 0.0, 1.0], [0.0, 800.0, 799.0], [1e4, 0.0, -1e4], [1.0, 1.5, 1.4], [1e-8, 0.0, -1e-8],
]  # fmt: skip
VECTORS = [
    ([0.3, -1.2, 0.9], [1.0, 0.25, -2.0]), ([1.0, 2.0, 3.0], [1.5, 2.25, 2.0]),
    ([1e-8, 0.0, 2e-8], [0.5, 1e-8, 3.0]), ([100.0, -5.0, 3.0], [-20.0, 1.0, 7.0]),
]  # fmt: skip
AT = {"periodic": {"period": 7.0}, "cosface": {"margin": 0.375}}  # parameters float32 has, too
MASKS = [([0.9, 0.1, 0.7], [1.0, 0.0, 1.0]), ([1e-6, 0.5, 0.25], [0.0, 1.0, 0.0]),
         ([0.999, 0.001, 0.5], [1.0, 0.0, 1.0])]  # fmt: skip


def points(name):
    """Where a loss is looked at: predictions with all that stands beside them."""
    loss = losses.get(name)
    kinds = loss.targets
    if kinds == ("label",):
        rows = [[0.2, 0.5, 0.3], [1e-8, 0.9, 0.1]] if name == "cross_entropy_probs" else ROWS
        if loss.domain is losses.KINDS["cosine"]:
            rows = [[0.3, -0.2, 0.9], [0.0, 0.0, 0.0], [-0.5, 0.5, 0.25]]
        return [(row, label) for row in rows for label in (0, 1)]
    if loss.rows:
        return list(rows_of(name, kinds))
    if name in ("gaussian_nll", "gaussian_kl"):
        pairs = [(0.5, 0.1), (3.0, -2.0), (-1e-4, 1e-4), (100.0, 5.0), (0.3, -20.0), (0.1, 30.0)]
        return [(m, 0.25, s) for m, s in pairs] if name == "gaussian_nll" else pairs
    if name in ("bpr", "margin_ranking"):
        beside = (1.0,) if name == "margin_ranking" else ()
        return [(x, 0.25, *beside) for x in BOTH]
    return list(entries_of(name, loss))


def rows_of(name, kinds):
    """Rows beside rows."""
    if name in ("tversky", "dice", "focal_tversky"):
        yield from MASKS
    elif kinds == ("nonnegative",):
        yield from ((row, [2.0, 0.0, 1.0]) for row in ROWS)
    elif kinds == ("unit",) or kinds == ("answer",):
        yield from ((row, [1.0, 0.0, 1.0]) for row in ROWS)
    elif kinds == ("real",):
        yield from ((row, [0.25, 0.5, 0.25]) for row in ROWS)
    elif kinds == ("prediction", "prediction"):
        yield from ((a, b, [0.0, 1.0, 0.5]) for a, b in VECTORS)
    elif kinds == ("prediction", "row sign"):
        yield from ((a, b, s) for a, b in VECTORS for s in (1.0, -1.0))
    elif kinds == ("prediction", "row answer"):
        yield from ((a, b, s) for a, b in VECTORS for s in (1.0, 0.0))
    else:
        yield from VECTORS


def entries_of(name, loss):
    """Entries beside entries."""
    kind = loss.targets[0]
    if loss.domain.allows is not None:
        low = SHARES if "probs" in name else [1e-8, 0.3, 2.0, 1e6]
        yield from ((x, t) for x in low for t in ((0.0, 1.0) if kind == "unit" else (0.25, 3.0)))
    elif kind == "sign":
        yield from ((x, s) for x in BOTH for s in (1.0, -1.0) if fits(name, x * s))
    elif kind == "unit":
        yield from ((x, t) for x in BOTH for t in (0.0, 1.0))
    elif kind in ("nonnegative", "positive"):
        yield from ((z, t) for z in RATES for t in (1.0, 3.0))
    elif kind == "nonzero":
        yield from ((x, 2.0) for x in BOTH)
    else:
        yield from ((sign * r, t) for r in RESIDUALS for sign in (1, -1) for t in (0.0, 0.25)
            if told_apart(name, r))  # fmt: skip


def told_apart(name, x):
    """Whether the target still counts beside it: of 1e8 - 0.25 the period is lost in rounding."""
    return name != "periodic" or abs(x) <= 1e4


def fits(name, margin):
    """Whether the loss is a number there: exponentials overflow."""
    return name != "exponential" or margin > -80.0


# what the loss itself makes of a rounding: a slope that is a difference and crosses 0 is held
# against what is subtracted; and e^-560 has an exponent that is rounded
CROSSING = {"poisson": 1.0, "symmetric_percentage_error": 2.0}
POWERS = {"generalized_cross_entropy": 600.0}


@dataclass(frozen=True)
class Oracle:
    """Value and slopes of a definition, and the slopes on either side."""

    value: Any
    left: list[Any]
    right: list[Any]

    @property
    def slopes(self):
        """Where both sides agree, the slope; where a flat side begins to bend, 0."""
        return [
            (a + b) / 2 if abs(a - b) > 1e-140 or min(abs(a), abs(b)) > abs(a - b) else 0.0 * a
            for a, b in zip(self.left, self.right, strict=True)
        ]

    @property
    def corners(self):
        """Which entries stand at a corner."""
        pairs = zip(self.left, self.right, strict=True)
        return [abs(a - b) > mpmath.mpf(10) ** -60 * (abs(a) + abs(b)) and abs(a - b) > 1e-40
                for a, b in pairs]  # fmt: skip


def lifted(x):
    """A float, or a row of them, in mpmath."""
    return [mpmath.mpf(float(v)) for v in x] if np.ndim(x) else mpmath.mpf(float(x))


def exact(name, point, **parameters):
    """Value and gradient by the prediction, of the definition."""
    with mpmath.workdps(700):
        first, *others = (x if type(x) is int else lifted(x) for x in point)
        h = mpmath.mpf(10) ** -150

        def at(p):
            return DEFINITIONS[name](p, *others, **parameters)

        def moved(k, step):
            if not isinstance(first, list):
                return at(first + step)
            return at([v + step * (i == k) for i, v in enumerate(first)])

        here = at(first)
        entries = range(len(first) if isinstance(first, list) else 1)
        return Oracle(
            here,
            [(here - moved(k, -h)) / h for k in entries],
            [(moved(k, h) - here) / h for k in entries],
        )


def computed(name, point, dtype, **parameters):
    """Value and gradient by the prediction, of the loss."""
    first, *others = point
    x = Value(np.asarray(first, dtype))
    others = [t if type(t) is int else np.asarray(t, dtype) for t in others]
    y = losses.get(name)(x, *others, **parameters)
    y.backward()
    assert y.dtype == np.asarray(x.grad).dtype == dtype
    return float(y.item()), np.atleast_1d(np.asarray(x.grad, float))


def error(got, wanted, dtype, scale=0.0):
    """By how many eps a number is off, relative to itself, or to what it is a part of."""
    if abs(wanted) > float(np.finfo(dtype).max):
        return 0.0 if np.isinf(got) else np.inf
    distance = abs(mpmath.mpf(float(got)) - wanted)
    if distance <= TINY[dtype]:
        return 0.0
    return float(distance / max(abs(wanted), scale) / EPS[dtype])


def slope_error(got, oracle, k, dtype, scale):
    """The same of a slope; at a corner it must lie between those of both sides."""
    low, high = sorted((oracle.left[k], oracle.right[k]))
    if oracle.corners[k]:
        return 0.0 if low - 1e-6 <= got <= high + 1e-6 else np.inf
    return error(got, oracle.slopes[k], dtype, scale)


def worst(name, dtype, **parameters):
    """The largest errors of value and gradient, in eps; a row's gradient by its largest entry."""
    values, slopes = [0.0], [0.0]
    for point in points(name):
        point = tuple(p if type(p) is int else np.asarray(p, dtype) for p in point)
        oracle = exact(name, point, **parameters)
        got, slope = computed(name, point, dtype, **parameters)
        values.append(error(got, oracle.value, dtype))
        size = max(CROSSING.get(name, 0.0), *map(abs, oracle.slopes))
        slopes += [slope_error(g, oracle, k, dtype, size) for k, g in enumerate(slope)]
    return max(values), max(slopes)


@pytest.mark.parametrize("dtype", EPS)
@pytest.mark.parametrize("name", DEFINITIONS)
def test_value_and_gradient_are_those_of_the_definition(name, dtype):
    """To 20 eps, from errors of 1e-30 to 1e8 and scores of ±10000, and to their own end beyond."""
    value, slope = worst(name, dtype, **AT.get(name, {}))
    assert value <= BAR, f"value off by {value:.1f} eps"
    assert slope <= POWERS.get(name, BAR), f"gradient off by {slope:.1f} eps"


if __name__ == "__main__":  # the figures of the page on losses
    for name in DEFINITIONS:
        print(name, *(f"{e:.1f}" for dtype in EPS for e in worst(name, dtype, **AT.get(name, {}))))
