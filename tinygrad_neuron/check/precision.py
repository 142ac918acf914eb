"""A gradient in float32 is judged by float32's own rounding, against the one in float64."""

import numpy as np

from tinygrad_neuron.check.pair import Pair, Row, row
from tinygrad_neuron.check.report import Finding
from tinygrad_neuron.check.slopes import Judge

ROUNDINGS = 1e3  # how many roundings a gradient may take
EXPLAINED = 8.0


def lost(pair: Pair, judge: Judge) -> list[Finding]:
    """Where an input is not float64: the gradients that are further off than rounding explains."""
    if all(x.dtype == y.dtype for x, y in zip(pair.given, pair.inputs, strict=True)):
        return []
    eps = max(float(np.finfo(x.dtype).eps) for x in pair.given)
    weights = judge.looker.weights[-1]
    given = _owed(pair, pair.start, weights)
    exact = judge.looker.given[-1]
    gap = np.abs(given - exact)
    largest = np.max(np.abs(exact), initial=0.0, where=np.isfinite(exact))
    tolerance = ROUNDINGS * eps * (np.abs(exact) + largest)
    if not np.any(gap > tolerance):
        return []
    moved = [np.abs(_owed(pair, pair.start * (1.0 + s * eps), weights) - given) for s in (-2, 2)]
    tolerance = tolerance + EXPLAINED * np.maximum(*moved)
    i = int(np.argmax(np.where(np.isnan(gap), -1.0, gap - tolerance)))
    if not gap[i] > tolerance[i]:
        return []
    k, name, index = pair.place(i)
    reason = f"in {pair.given[k].dtype} the gradient is off by more than its rounding"
    numbers = float(exact[i]), float(given[i]), float(tolerance[i])
    return [Finding("inconclusive", name, index, *numbers, reason)]


def _owed(pair: Pair, x: Row, weights: Row) -> Row:
    """The gradient in the precision of the inputs as they were given."""
    xs = [part.astype(x0.dtype) for part, x0 in zip(pair.apart(x), pair.given, strict=True)]
    with np.errstate(all="ignore"):
        return row(pair.linear(xs)(pair.cotangents(weights)))
