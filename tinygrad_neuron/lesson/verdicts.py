"""How a descent ended, in words: what happened, the numbers, why, and what to type.

`what` is what shrinks by the factor 1 - alpha * lambda: the error of one equation, or the gradient
where there are many rows.
"""

import math
from collections.abc import Sequence
from typing import Any

from tinygrad_neuron.lesson import text
from tinygrad_neuron.lesson.text import Look, number, signed
from tinygrad_neuron.train import History, Verdict, norm

Remedies = Sequence[tuple[str, str]]  # what to type, and what it does


def told(headline: str, why: str, remedies: Remedies, look: Look) -> str:
    """A verdict as lines: the headline, an indented paragraph, and the remedies in a list."""
    lines = [headline]
    if why:
        lines.append(text.wrapped(f"  {why}", look.width))
    width = max((len(typed) for typed, _ in remedies), default=0)
    for i, (typed, effect) in enumerate(remedies):
        line = f"  {'or ' if i else 'Try'}   {typed:{width}}   {effect}".rstrip()
        lines.append(text.wrapped(line, look.width, indent=" " * (width + 11)))
    return "\n".join(lines)


def diverging(verdict: Verdict, history: History, what: str) -> tuple[str, str]:
    """TN109: alpha is too large, and by how much."""
    headline = f"TN109 diverging: stopped at step {verdict.updates}."
    grew = history.last.loss / abs(history.first.loss) if history.first.loss else math.inf
    if not verdict.updates:
        return headline, "The loss is too large for a floating-point number right at the start."
    if not 1 < verdict.excess < math.inf:
        return headline, f"The loss grew {number(grew, 4)} times: alpha is too large."
    return headline, (
        f"alpha = {number(verdict.alpha)} is {number(verdict.excess, 4)} times too large. Along "
        f"this path the curvature is lambda = {number(verdict.curvature)}, and descent is stable "
        f"only for alpha < 2/lambda = {number(verdict.limit, 3)}. Every step multiplies {what} by "
        f"1-alpha*lambda = {signed(verdict.factor, 5)}: it overshoots, lands further away on the "
        "other side, and so on."
    )


def slow(verdict: Verdict, what: str, left: float, kept: float, pace: str) -> tuple[str, str]:
    """TN110: alpha is far too small; `left` of the start is left, each step keeps `kept` of it."""
    times = verdict.best / verdict.alpha
    larger = f"{times:.0f}" if times < 1e6 else number(times, 3)
    sentences = [
        f"{number(100 * left, 2)}% of {what} at the start is left, and each step keeps "
        f"{kept:.2%} of it.",
        pace,
        f"alpha = {number(verdict.alpha)} could be {larger} times larger: "
        f"1/lambda = {number(verdict.best, 3)}.",
    ]
    headline = f"TN110 slow: the budget of {text.count(verdict.updates, 'update')} is used up."
    return headline, " ".join(filter(None, sentences))


def bottomless(verdict: Verdict, history: History) -> tuple[str, str]:
    """TN120: the loss falls for ever."""
    last, before = history.last.loss, history.moments[-2].loss
    return f"TN120 no minimum: stopped at step {verdict.updates}.", (
        f"J falls by {number(before - last, 5)} in every step and is now {number(last)}. A plain "
        'difference can fall for ever: being "too small" counts as good. A loss must cost '
        "something whichever way the answer is wrong."
    )


def cycling(verdict: Verdict, history: History, places: str) -> tuple[str, str]:
    """The same weights again and again."""
    return f"cycling: stopped at step {verdict.updates}.", (
        f"The weights come back every {text.count(history.period or 0, 'update')}{places}, "
        "for ever: near the minimum the steps do not get shorter, so they lead across it and back."
    )


def stalled(verdict: Verdict, history: History) -> tuple[str, str]:
    """The weights no longer move."""
    headline = f"stalled: stopped at step {verdict.updates}."
    start, end = norm(history.first.gradient), norm(history.last.gradient)
    if 0 < end < 1e-6 * start:
        return headline, (
            "The update is smaller than the spacing of floating-point numbers, so the weights no "
            "longer move: this is as near as they get."
        )
    return headline, (
        f"The gradient is {number(end, 2)} while the loss is {number(history.last.loss, 3)}: the "
        "slope of the activation is 0 for every row, or as good as 0, so nothing says which way "
        "to go and no weight moves."
    )


def interrupted(verdict: Verdict) -> tuple[str, str]:
    """Ctrl-C."""
    return f"interrupted after {text.count(verdict.updates, 'update')}; this was reached.", ""


def steps_to(goal: float, start: float, factor: float) -> int | None:
    """How many steps bring a start below a goal if each multiplies it by the factor.

    >>> steps_to(1e-6, 1492.0, 0.977904), steps_to(1e-6, 1492.0, -1.2), steps_to(1e-6, 1492.0, 0.0)
    (946, None, 1)
    """
    if not 0 < abs(factor) < 1:
        return None if factor else 1
    return max(0, math.ceil(math.log(goal / start) / math.log(abs(factor))))


def record(verdict: Verdict) -> dict[str, Any]:
    """The verdict for a machine."""
    return {
        "kind": verdict.kind,
        "updates": verdict.updates,
        "alpha": verdict.alpha,
        "curvature": verdict.curvature,
        "limit": verdict.limit,
        "best_alpha": verdict.best,
        "times_above_limit": verdict.excess,
        "factor": verdict.factor,
    }
