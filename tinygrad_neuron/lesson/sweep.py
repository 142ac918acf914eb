"""Sweeping: the same descent with many learning rates, from too slow over quickest to too large.

Steps against alpha make a U: they fall up to 1 / lambda, rise again up to 2 / lambda, and beyond
that limit there is no arriving.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tinygrad_neuron.lesson import learn, text
from tinygrad_neuron.lesson.equation import Equation
from tinygrad_neuron.lesson.learn import EquationNeuron, Learnt
from tinygrad_neuron.lesson.text import Look, number, signed
from tinygrad_neuron.train import Progress

# alpha * lambda: for the equation of the lesson these are 1e-08, 1e-06, 2e-06, 1/lambda, 8e-06,
# 9e-06, 1e-05 and the 0.001 that is "usual"
TYPICAL = (0.00221, 0.221, 0.442, 1.0, 1.768, 1.9887, 2.21, 221.0)
SHOWN = 20  # steps whose errors are drawn
LONGEST = 20  # signs of a bar

# from 1 - alpha * lambda above the number on, it looks like this
LOOKS = (
    (0.99, "crawls"),
    (0.95, "slow"),
    (0.2, "smooth"),
    (1e-4, "fast"),
    (-1e-4, "lands at once"),
    (-0.3, "overshoots a little"),
    (-0.95, "zig-zags in"),
    (-0.9999, "zig-zags, slow"),
    (-1.0, "at the edge"),
    (-2.0, "diverges"),
)


@dataclass(frozen=True)
class Sweep:
    """The descents in the order of their alphas, and the curvature they all met."""

    equation: Equation
    curvature: float
    steps: int
    runs: tuple[Learnt, ...]

    @property
    def limit(self) -> float:
        """2 / lambda."""
        return 2 / self.curvature

    @property
    def succeeded(self) -> bool:
        """Whether some alpha led to the answer."""
        return any(run.succeeded for run in self.runs)

    @property
    def interrupted(self) -> bool:
        """Whether somebody pressed Ctrl-C."""
        return any(run.interrupted for run in self.runs)


def run(
    equation: Equation,
    *,
    alphas: Sequence[float] = (),
    steps: int = 20_000,
    start: Sequence[float] = (),
    seed: int | None = None,
    tolerance: float = 1e-6,
    progress: Progress = iter,
) -> Sweep:
    """One descent on the squared error for each alpha, or for typical ones around 1/lambda."""
    curvature = EquationNeuron(equation).curvature(learn.LOSSES["square"][0])
    if not alphas:
        alphas = [x / curvature if x == 1 else float(f"{x / curvature:.3g}") for x in TYPICAL]
    one = partial(
        learn.run, equation, steps=steps, start=start, seed=seed, tolerance=tolerance,
        progress=progress,
    )  # fmt: skip
    runs: list[Learnt] = []
    for alpha in sorted(alphas):
        runs.append(one(alpha=alpha))
        if runs[-1].interrupted:
            break
    return Sweep(equation, curvature, steps, tuple(runs))


def manner(factor: float) -> str:
    """What a descent looks like that multiplies the error by this factor in every step.

    >>> manner(0.5), manner(0.0), manner(-0.5), manner(-200.0)
    ('smooth', 'lands at once', 'zig-zags in', 'explodes')
    """
    return next((name for bound, name in LOOKS if factor > bound), "explodes")


# ---------------------------------------------------------------------------------- the screen


def screen(sweep: Sweep, look: Look = text.PLAIN) -> str:
    """The U of steps against alpha, with the limit between what arrives and what does not."""
    tolerance, best = number(sweep.runs[0].tolerance), number(sweep.limit / 2, 5)
    first, *lines = _table(sweep, look)
    within = sum(run.history.alpha < sweep.limit for run in sweep.runs)
    edge = f" limit 2/lambda = {number(sweep.limit, 5)} ".center(len(lines[0]), "-")
    return "\n".join(
        [
            text.wrapped(str(sweep.equation), look.width),
            f"steps until |error| < {tolerance}, for many alphas",
            first,
            *lines[:within],
            edge,
            *lines[within:],
            f'"Greater alpha, faster descent" is true only up to 1/lambda = {best}.',
            *_unfinished(sweep),
        ]
    )


def _unfinished(sweep: Sweep) -> list[str]:
    if not sweep.interrupted:
        return []
    last = sweep.runs[-1].history
    return [f"interrupted after {last.updates} updates with alpha = {number(last.alpha, 5)}"]


def _table(sweep: Sweep, look: Look) -> list[str]:
    """The lines of the table, with the errors drawn where there is room."""
    head = ["alpha", "1-alpha*lambda", "steps", f"{'log(steps)':{LONGEST + 1}}", f"{'':19}"]
    drawn = f"{f'|error| to step {SHOWN}':{SHOWN + 1}}"
    rows = [_row(sweep, run, look) for run in sweep.runs]
    wide = text.table([*head, drawn], rows).splitlines()
    if max(map(len, wide)) <= look.width:
        return wide
    return text.table(head, [row[:-1] for row in rows]).splitlines()


def _row(sweep: Sweep, run: Learnt, look: Look) -> list[str]:
    alpha = run.history.alpha
    factor = 1 - alpha * sweep.curvature
    steps, bar = _steps(sweep, run)
    sizes = [abs(e) for e in run.errors[: SHOWN + 1]]
    drawn = text.bars(sizes, look.levels, 1e-6, 1e12)
    return [
        number(alpha, 5),
        signed(factor, 5) if abs(factor) > 1e-12 else "0",
        steps,
        f"{bar:{LONGEST + 1}}",
        f"{manner(factor):19}",
        f"{drawn:{SHOWN + 1}}",
    ]


def _steps(sweep: Sweep, run: Learnt) -> tuple[str, str]:
    """How many steps, and the bar: its length is their logarithm, and it has no end for never."""
    if run.succeeded:
        share = math.log1p(run.history.updates) / math.log1p(max(sweep.steps, 1))
        return str(run.history.updates), "#" * max(1, round(share * LONGEST))
    endless = "#" * LONGEST + ">"
    return ("never" if run.verdict.excess > 1 else f">{run.history.updates}"), endless


def record(sweep: Sweep) -> dict[str, Any]:
    """The runs for a machine."""
    return {
        "equation": str(sweep.equation),
        "curvature": sweep.curvature,
        "limit": sweep.limit,
        "best_alpha": sweep.limit / 2,
        "budget": sweep.steps,
        "runs": [
            {
                "alpha": run.history.alpha,
                "factor": run.verdict.factor,
                "steps": run.history.updates if run.succeeded else None,
                "verdict": run.verdict.kind,
                "errors": run.errors[: SHOWN + 1],
            }
            for run in sweep.runs
        ],
    }
