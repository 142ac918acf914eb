"""Learning: the equation as a neuron, and gradient descent on how wrong it is.

`256*x + 212*y = 1492` is the neuron `z = 256*w1 + 212*w2 + b` with x and y renamed w1 and w2. The
gradient comes from the expression itself, so any loss of the error will do.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_neuron import losses
from tinygrad_neuron.lesson import text, verdicts
from tinygrad_neuron.lesson.equation import Equation, one_for_each, weighted_sum, whole_solution
from tinygrad_neuron.lesson.text import Look, number, point, signed
from tinygrad_neuron.train import (
    History,
    Moment,
    Progress,
    Verdict,
    comfortable_alpha,
    descend,
    judge,
    steepest_curvature,
)
from tinygrad_neuron.value import Value

LOSSES: dict[str, tuple[Callable[[Any], Value], str]] = {
    "square": (lambda e: e**2, "({})^2"),
    "half-square": (lambda e: e**2 / 2, "({})^2 / 2"),
    "abs": (lambda e: abs(e), "|{}|"),
    "raw": (lambda e: e, "{}"),
    "huber": (lambda e: losses.huber(e, 0.0), "huber({})"),
}
QUADRATIC = ("square", "half-square")  # every step multiplies the error by the same factor
MOST_POWERS = 13  # of ten, tried as a scale


@dataclass(frozen=True)
class EquationNeuron:
    """A neuron whose inputs are the coefficients of an equation, and its target the right side."""

    equation: Equation
    bias: bool = False

    @property
    def names(self) -> list[str]:
        """Of everything it learns: w1, w2, ... and b where that is learnt as well."""
        weights = [f"w{i + 1}" for i in range(len(self.equation.names))]
        return [*weights, "b"] if self.bias else weights

    def output(self, weights: Sequence[Any]) -> Any:
        """z = w.x + b, of numbers or of Values; b is 0 unless it is learnt."""
        n = len(self.equation.names)
        return self.equation.left(weights[:n]) + (weights[n] if self.bias else 0.0)

    def error(self, weights: Sequence[Any]) -> Any:
        """Output minus target: below 0 is too small, above 0 too big."""
        return self.output(weights) - float(self.equation.target)

    def parameters(self, start: Sequence[float]) -> list[Value]:
        """One single-number Value for each weight, and one for b if it is learnt, from 0."""
        values = [*start, 0.0] if self.bias else start
        return [Value(float(v), name=name) for v, name in zip(values, self.names, strict=True)]

    def curvature(self, of_error: Callable[[Any], Value]) -> float:
        """The curvature of a loss of the error, measured at zero weights."""
        w = self.parameters([0.0] * len(self.equation.names))
        return steepest_curvature(lambda: of_error(self.error(w)), w)

    def __str__(self) -> str:
        """z minus the target, as text."""
        inputs = [*self.equation.inputs, 1.0] if self.bias else self.equation.inputs
        target = float(self.equation.target)
        constant = f" {'+' if target < 0 else '-'} {number(abs(target), 12)}" if target else ""
        return weighted_sum(inputs, self.names) + constant


@dataclass(frozen=True)
class Learnt:
    """What came of learning an equation."""

    equation: Equation
    neuron: EquationNeuron
    loss: str
    scale: float
    tolerance: float
    chosen: bool  # whether alpha was measured, not given
    history: History
    verdict: Verdict

    @property
    def succeeded(self) -> bool:
        """Whether |error| fell below the tolerance."""
        return self.verdict.kind == "converged"

    @property
    def interrupted(self) -> bool:
        """Whether somebody pressed Ctrl-C."""
        return self.verdict.kind == "interrupted"

    @cached_property
    def errors(self) -> list[float]:
        """The signed error of every moment."""
        with np.errstate(all="ignore"):
            return [self.neuron.error(m.weights.tolist()) for m in self.history.moments]


def run(
    equation: Equation,
    *,
    alpha: float | None = None,
    steps: int = 1000,
    start: Sequence[float] = (),
    seed: int | None = None,
    loss: str = "square",
    scale: float = 1.0,
    bias: bool = False,
    tolerance: float = 1e-6,
    progress: Progress = iter,
) -> Learnt:
    """Descend from the start until |error| is below the tolerance, or there is no point in it.

    Without an alpha one is measured; a seed without a start draws one between 0 and 10; the inputs
    are divided by `scale`.
    """
    neuron = EquationNeuron(equation.scaled(scale), bias)
    begin = one_for_each(equation, start or _drawn(equation, seed), "--w0")
    w = neuron.parameters(begin)
    of_error, _ = LOSSES[loss]

    def loss_now() -> Value:
        return of_error(neuron.error(w))

    def done(now: Moment, first: Moment) -> bool:
        return abs(neuron.error(now.weights.tolist())) < tolerance

    chosen = alpha is None
    alpha = comfortable_alpha(loss_now, w) if alpha is None else alpha
    curvature = steepest_curvature(loss_now, w)
    history = descend(loss_now, w, alpha, steps, done=done, progress=progress)
    verdict = judge(history, curvature)
    return Learnt(equation, neuron, loss, scale, tolerance, chosen, history, verdict)


def _drawn(equation: Equation, seed: int | None) -> list[float]:
    if seed is None:
        return []
    return np.random.default_rng(seed).uniform(0, 10, len(equation.names)).tolist()


# ---------------------------------------------------------------------------------- the screen


def screen(learnt: Learnt, look: Look = text.PLAIN) -> str:
    """The neuron, the steps, and the verdict."""
    return "\n".join(
        [
            *(text.wrapped(line, look.width) for line in _headlines(learnt)),
            _steps(learnt, look),
            *_bars(learnt, look),
            _verdict(learnt, look),
        ]
    )


def _headlines(learnt: Learnt) -> list[str]:
    history, neuron, n = learnt.history, learnt.neuron, len(learnt.equation.names)
    weights, unknowns = text.few(neuron.names[:n]), text.few(learnt.equation.names)
    form = LOSSES[learnt.loss][1]
    chosen = " (chosen by measuring)" if learnt.chosen else ""
    scaled = f", inputs divided by {number(learnt.scale)}" if learnt.scale != 1 else ""
    renamed = f"{', '.join(weights)} in place of {', '.join(unknowns)}"
    return [
        f"{learnt.equation} as a neuron, with {renamed}",
        f"J(w) = {form.format(neuron)}        w <- w - alpha * grad J",
        f"start {_vector(history.first.weights)}, alpha = {number(history.alpha)}{chosen}{scaled}",
        *_first_update(learnt),
    ]


def _vector(weights: Any) -> str:
    shown = text.few([number(v) for v in weights])
    return f"({', '.join(shown)})"


def _first_update(learnt: Learnt) -> list[str]:
    """The first update of the first weight in numbers: old - alpha * gradient = new."""
    if not learnt.history.updates:
        return []
    first, second = learnt.history.moments[:2]
    old, slope, new = first.weights[0], first.gradient[0], second.weights[0]
    way = "below 0, so w1 grows" if slope < 0 else "above 0, so w1 shrinks" if slope else "0"
    return [
        f"update 1:  w1 = {number(old)} - {number(learnt.history.alpha)} * "
        f"({number(slope)}) = {number(new, 7)}  (slope {way})"
    ]


def _steps(learnt: Learnt, look: Look) -> str:
    """The table of steps, with the gradient and all weights where there is room for them."""
    for most, gradient in ((4, True), (4, False), (2, False)):
        table = _step_table(learnt, most, gradient)
        if max(map(len, table.splitlines())) <= look.width:
            break
    return table


def _step_table(learnt: Learnt, most: int, gradient: bool) -> str:
    names = text.few(learnt.neuron.names, most)
    slopes = text.few([f"dJ/d{name}" for name in learnt.neuron.names], most) if gradient else []
    head = ["step", *names, "error", "loss", *slopes, "error now/before"]
    steps = text.milestones(learnt.history.updates)
    return text.table(head, [_row(learnt, k, most, gradient) for k in steps])


def _row(learnt: Learnt, k: int, most: int, gradient: bool) -> list[str]:
    moment, errors = learnt.history.moments[k], learnt.errors
    weights = text.few([number(v) for v in moment.weights], most)
    slopes = text.few([number(v) for v in moment.gradient], most) if gradient else []
    ratio = signed(errors[k] / errors[k - 1], 5) if k else ""
    return [str(k), *weights, signed(errors[k]), number(moment.loss, 5), *slopes, ratio]


def _bars(learnt: Learnt, look: Look) -> list[str]:
    """|error| over all steps as one line of bars."""
    last = learnt.history.updates
    shown = sorted({round(i) for i in np.linspace(0, last, min(last + 1, 32))})
    sizes = [abs(learnt.errors[k]) for k in shown]
    high, low = max(sizes), min(s for s in [*sizes, learnt.tolerance] if s)
    if last < 2 or not math.isfinite(high):
        return []
    scale = f"log scale {look.levels[0]} to {look.levels[-1]}"
    return [f"|error|, {scale}, steps 0 to {last}:  {text.bars(sizes, look.levels, low, high)}"]


# --------------------------------------------------------------------------------- the verdict


def _verdict(learnt: Learnt, look: Look) -> str:
    """The verdict in words; the happy one also says what kind of answer was found."""
    verdict, history = learnt.verdict, learnt.history
    match verdict.kind:
        case "converged":
            told, remedies = _converged(learnt), _another(learnt)
        case "diverging":
            told, remedies = verdicts.diverging(verdict, history, "the error"), _calmer(learnt)
        case "slow":
            told, remedies = _slow(learnt), _best(learnt)
        case "no minimum":
            told, remedies = verdicts.bottomless(verdict, history), OTHER_LOSSES
        case "cycling":
            told, remedies = _cycling(learnt), [_shorter(learnt), *OTHER_LOSSES[:1]]
        case "budget":
            told, remedies = _used_up(learnt), _more(learnt)
        case "stalled":
            told, remedies = verdicts.stalled(verdict, history), []
        case _:
            told, remedies = verdicts.interrupted(verdict), []
    return verdicts.told(*told, remedies, look)


OTHER_LOSSES = [
    ("--loss square", "twice as wrong costs four times as much"),
    ("--loss abs", "twice as wrong costs twice as much"),
]


def _converged(learnt: Learnt) -> tuple[str, str]:
    updates = text.count(learnt.history.updates, "update")
    vectors = text.count(learnt.history.updates + 1, "weight vector")
    counted = f"That makes {vectors}: the start and one after each update."
    if not learnt.history.updates:
        counted = "The start is an answer already."
    return (
        f"converged: |error| < {number(learnt.tolerance)} after {updates}.",
        f"{counted} {_answer(learnt)}",
    )


def _calmer(learnt: Learnt) -> verdicts.Remedies:
    """Ways out of a divergence, each of them tried or computed."""
    if not learnt.history.updates:
        return []
    remedies = _best(learnt)
    scale = _calming_scale(learnt)
    if scale:
        remedies.append(scale)
    if learnt.loss != "abs":
        remedies.append(("--loss abs", "its steps keep their size, so they cannot explode"))
    return remedies


def _best(learnt: Learnt) -> list[tuple[str, str]]:
    """1 / lambda, where a curvature was measured."""
    if not 0 < learnt.verdict.best < math.inf:
        return []
    typed = number(learnt.verdict.best, 3)
    steps = _predicted(learnt, 1 - float(typed) * learnt.verdict.curvature)
    return [(f"--alpha {typed}", f"1/lambda{steps}")]


def _predicted(learnt: Learnt, factor: float) -> str:
    """In how many steps, where every step multiplies the error by the same factor."""
    steps = verdicts.steps_to(learnt.tolerance, abs(learnt.errors[0]), factor)
    return f": {text.count(steps, 'step')}" if steps and learnt.loss in QUADRATIC else ""


def _calming_scale(learnt: Learnt) -> tuple[str, str] | None:
    """The smallest power of ten to divide the inputs by that makes the same alpha smooth."""
    alpha = learnt.history.alpha
    for power in range(1, MOST_POWERS):
        scale = 10**power * learnt.scale
        neuron = EquationNeuron(learnt.equation.scaled(scale), learnt.neuron.bias)
        factor = 1 - alpha * neuron.curvature(LOSSES[learnt.loss][0])
        if 0 < factor < 1:
            inputs = text.words(text.few([number(x) for x in neuron.equation.inputs], 3))
            effect = f"the same alpha, inputs {inputs}{_predicted(learnt, factor)}"
            return f"--scale {number(scale)}", effect
    return None


def _pace(learnt: Learnt) -> int | None:
    """How many steps the tolerance takes if the error goes on shrinking as it did."""
    first, last = abs(learnt.errors[0]), abs(learnt.errors[-1])
    if learnt.loss not in QUADRATIC or not 0 < last < first:
        return None
    return verdicts.steps_to(
        learnt.tolerance, first, (last / first) ** (1 / learnt.history.updates)
    )


def _slow(learnt: Learnt) -> tuple[str, str]:
    pace = _pace(learnt)
    goal = f"At this pace {number(learnt.tolerance)} needs about {pace} steps." if pace else ""
    left = abs(learnt.errors[-1] / learnt.errors[0])
    return verdicts.slow(learnt.verdict, "the error", left, learnt.history.kept, goal)


def _cycling(learnt: Learnt) -> tuple[str, str]:
    period = learnt.history.period or 1
    errors = text.words(text.few([signed(e, 4) for e in learnt.errors[-period:]], 4))
    return verdicts.cycling(learnt.verdict, learnt.history, f", with the errors {errors}")


def _shorter(learnt: Learnt) -> tuple[str, str]:
    return f"--alpha {number(learnt.history.alpha / 10, 3)}", "steps ten times shorter"


def _used_up(learnt: Learnt) -> tuple[str, str]:
    updates, verdict = text.count(learnt.history.updates, "update"), learnt.verdict
    why = []
    if learnt.loss in QUADRATIC and verdict.factor < 0:
        why.append(
            f"Every step multiplies the error by {signed(verdict.factor, 5)}: it changes sides, "
            f"for alpha is close to the limit 2/lambda = {number(verdict.limit, 5)}."
        )
    pace = _pace(learnt)
    if pace:
        why.append(f"At this pace {number(learnt.tolerance)} needs about {pace} steps.")
    return (
        f"budget used up: |error| is {number(abs(learnt.errors[-1]), 3)} after {updates}.",
        " ".join(why),
    )


def _more(learnt: Learnt) -> verdicts.Remedies:
    pace = _pace(learnt) or 10 * max(learnt.history.updates, 1)
    best = _best(learnt) if learnt.loss in QUADRATIC else []
    return [(f"--steps {pace}", "more patience"), *best]


# ---------------------------------------------------------------------- what kind of answer it is


def _answer(learnt: Learnt) -> str:
    """Which of the solutions this is."""
    neuron, start = learnt.neuron, _vector(learnt.history.first.weights)
    if len(neuron.names) == 1:
        return f"This is the only answer.{_as_written(learnt)}"
    line = weighted_sum([*neuron.equation.inputs, *([1.0] * neuron.bias)], neuron.names)
    target = number(float(neuron.equation.target), 12)
    return (
        f"It is one of infinitely many answers, all points of {line} = {target}: "
        f"the one nearest to the start {start}.{_as_written(learnt)}"
    )


def _as_written(learnt: Learnt) -> str:
    """The answer in the equation's own unknowns, where the inputs were scaled."""
    if learnt.scale == 1:
        return ""
    values = learnt.history.last.weights[: len(learnt.equation.names)] / learnt.scale
    named = zip(learnt.equation.names, values, strict=True)
    found = ", ".join(text.few([f"{name} = {number(v)}" for name, v in named]))
    return f" In the equation as written (divided by {number(learnt.scale)}): {found}."


def _another(learnt: Learnt) -> verdicts.Remedies:
    """The smallest whole-number solution, and a start that leads to it."""
    whole = whole_solution(learnt.equation)
    if whole is None or learnt.neuron.bias or learnt.scale != 1 or _is_near(learnt, whole):
        return []
    inputs = learnt.equation.inputs
    start = [round(v - 0.02 * x, 12) for v, x in zip(whole, inputs, strict=True)]
    typed = " ".join(number(v, 12) for v in start)
    reached = f"{point(whole)} is another; the starts {point(whole)} + t*{point(inputs)} lead there"
    return [(f"--w0 {typed}", reached)]


def _is_near(learnt: Learnt, solution: Sequence[int]) -> bool:
    return bool(np.allclose(learnt.history.last.weights, solution, rtol=0, atol=1e-3))


def record(learnt: Learnt) -> dict[str, Any]:
    """The run for a machine."""
    history = learnt.history
    return {
        "equation": str(learnt.equation),
        "names": learnt.neuron.names,
        "inputs": list(learnt.neuron.equation.inputs),
        "target": float(learnt.equation.target),
        "loss": learnt.loss,
        "scale": learnt.scale,
        "tolerance": learnt.tolerance,
        "verdict": verdicts.record(learnt.verdict),
        "history": [
            {
                "step": k,
                "weights": moment.weights.tolist(),
                "error": learnt.errors[k],
                "loss": moment.loss,
                "gradient": moment.gradient.tolist(),
            }
            for k, moment in enumerate(history.moments)
        ],
    }
