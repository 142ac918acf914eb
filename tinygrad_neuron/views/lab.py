"""The same descent with many learning rates, and the landscape they all cross, as data."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_neuron.errors import PictureError
from tinygrad_neuron.lesson.sweep import manner
from tinygrad_neuron.train import History, Moment, assign, descend, steepest_curvature
from tinygrad_neuron.views.landscapes import (
    Parameters,
    entry_names,
    heights_at,
    plane_of,
    values_of,
)

Lab = dict[str, Any]

SCHEMA = "tinygrad_neuron.lab/1"
# alpha * lambda: from crawling over the quickest, 1, and the limit, 2, to the explosion
SHARES = (0.01, 0.05, 0.1, 0.2, 0.44, 0.7, 0.9, 1.0, 1.1, 1.4, 1.77, 1.95, 2.05, 2.21, 221.0)
ROUNDS = 30  # of looking for the direction that curves most
GRID = 33  # points on each side of the landscape
SETTLED = 1e-12  # of the first loss: nothing more is to be seen


def lab_of(
    loss: Callable[[], Any],
    parameters: Parameters,
    *,
    alphas: Sequence[float] = (),
    steps: int = 40,
) -> Lab:
    """Descents from where the parameters are, one for each alpha, for `export_html(lab=...)`.

    `loss()` computes the loss from the parameters as they are. Without `alphas` there are fifteen,
    from a hundredth of 1 / lambda to far beyond the limit 2 / lambda, where lambda is the measured
    curvature. The parameters are left as they were.

    Raises `PictureError` (TN181) for a loss without curvature and no alphas, and for one weight.
    """
    named = values_of(parameters)
    values = list(named.values())
    start = np.concatenate([np.ravel(v._data) for v in values])
    if start.size < 2:
        raise PictureError(
            "There is one weight; the landscape of the lab has two sides.",
            hint="landscape(loss, parameters, history)  draws the curve",
        )
    curvature = steepest_curvature(loss, values, ROUNDS)
    chosen = sorted(alphas) if len(alphas) else _typical(curvature)
    runs = [_run(loss, values, start, alpha, steps) for alpha in chosen]
    plane = plane_of(values, _widest(runs))
    a, b = np.linspace(plane.low, plane.high, GRID).T
    heights = heights_at(loss, values, plane, ((u, v) for v in b for u in a))
    names = entry_names(named)
    return {
        "schema": SCHEMA,
        "names": names,
        "axes": names if len(names) == 2 else ["furthest direction", "second direction"],
        "low": plane.low.tolist(),
        "high": plane.high.tolist(),
        "heights": _finite(heights),
        "curvature": curvature,
        "runs": [_record(run, plane, curvature) for run in runs],
    }


def _typical(curvature: float) -> list[float]:
    if not 0 < curvature < math.inf:
        raise PictureError(
            f"The measured curvature is {curvature:g}; the learning rates cannot be chosen by it.",
            hint="lab_of(loss, parameters, alphas=[0.001, 0.01, 0.1])",
        )
    return [x / curvature if x == 1 else float(f"{x / curvature:.2g}") for x in SHARES]


def _run(loss: Any, values: Any, start: Any, alpha: float, steps: int) -> History:
    def done(now: Moment, first: Moment) -> bool:
        return now.loss <= SETTLED * abs(first.loss)

    assign(values, start)
    try:
        return descend(loss, values, alpha, steps, done=done)
    finally:
        assign(values, start)


def _widest(runs: Sequence[History]) -> History:
    """Of the descents that went down, the one that went furthest: the map holds its way."""

    def reach(run: History) -> float:
        return float(np.ptp([moment.weights for moment in run.moments], axis=0).max())

    calm = [run for run in runs if run.last.loss <= run.first.loss]
    return max(calm or runs[:1], key=reach)


def _record(run: History, plane: Any, curvature: float) -> dict[str, Any]:
    factor = 1 - run.alpha * curvature
    weights = np.array([moment.weights for moment in run.moments])
    with np.errstate(all="ignore"):
        way = (weights - plane.centre) @ plane.directions.T
    return {
        "alpha": run.alpha,
        "factor": factor,
        "manner": manner(factor),
        "ending": run.ending,
        "losses": _finite([moment.loss for moment in run.moments]),
        "weights": [_finite(w) for w in weights],
        "way": [_finite(p) for p in way],
    }


def _finite(numbers: Any) -> list[Any]:
    """Numbers as JSON has them: inf and nan as text."""
    return [float(x) if math.isfinite(x) else str(float(x)) for x in numbers]
