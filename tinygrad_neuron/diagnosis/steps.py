"""What is wrong with the steps of a descent, seen from two or more passes of it."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.diagnosis.looks import Look, Step, called
from tinygrad_neuron.diagnosis.messages import (
    DivergenceWarning,
    GrowingGraphWarning,
    LearningWarning,
    NoMinimumWarning,
    SlowLearningWarning,
    StaleGradientWarning,
    SummedLossWarning,
    UphillWarning,
)
from tinygrad_neuron.errors import short
from tinygrad_neuron.graph import Array, Node
from tinygrad_neuron.lesson.text import count, few, number

ALIKE = 5  # falls that are equal, before a loss is said to have no bottom
SAME = 1e-9  # of a fall: how equal
ENOUGH = 100  # steps, before a descent is said to be slow
KEPT, CRAWL = 0.99, 0.02  # what each step leaves over, and alpha * lambda, of a slow descent


def stale(look: Look, last: Look | None) -> Iterator[LearningWarning]:
    """TN101: a pass adds to a gradient that was computed before the weight was changed."""
    if last is None:
        return
    old = [leaf for leaf in look.leaves if leaf in last.births and _is_stale(leaf, look, last)]
    if not old:
        return
    leaf, names = old[0], [called(x) for x in old]
    before, after = look.before[leaf], look.after[leaf]
    was, now = last.weights[leaf], look.weights[leaf]
    many = f"for p in ({', '.join(few(names))}): p.zero_grad()"
    yield StaleGradientWarning(
        f"{names[0]} still holds the gradient {_short(before)}, computed before {names[0]} changed "
        f"from {_short(was)} to {_short(now)}. The new one, {_short(after - before)}, was added to "
        f"it: {_short(after)}.",
        why="Gradients add up on purpose, so old ones must be cleared once for each update; "
        "without it a descent swings for ever instead of settling.",
        hint=f"{many if len(names) > 1 else names[0] + '.zero_grad()'}   before backward()",
        place=look.place,
        leaves=names,
    )


def _is_stale(leaf: Node, look: Look, last: Look) -> bool:
    before = look.before[leaf]
    left = before is not None and bool(np.any(before))
    return left and look.births[leaf] != last.births[leaf] and before is last.after[leaf]


def _short(x: Array) -> str:
    return short(x) if not np.ndim(x) else f"of length {number(float(np.linalg.norm(x)))}"


def uphill(look: Look, step: Step) -> Iterator[LearningWarning]:
    """TN108: a plain step along the gradient, after which the loss is larger."""
    if not (step.rose and step.alpha < 0):
        return
    k = int(np.argmax(np.abs(step.moved)))
    leaf, moved, g = _entry(look, k), step.moved[k], step.last.total[k]
    way, sign = ("grows", "negative") if g < 0 else ("shrinks", "positive")
    yield UphillWarning(
        f"The last step went up: the loss rose from {number(step.last.loss)} to "
        f"{number(look.loss)}. {leaf} was moved by {number(moved)}, and its gradient was "
        f"{number(g)}.",
        why=f'A {sign} gradient means "the loss falls when {leaf} {way}": a step goes against it.',
        hint=f"{leaf.partition('[')[0]}.data -= alpha * {leaf.partition('[')[0]}.grad     (minus, "
        "also when the gradient is negative)",
        place=look.place,
        moved=float(moved),
        gradient=float(g),
    )


def _entry(look: Look, k: int) -> str:
    """The name of one number of the row: w1, or W[0, 2]."""
    for leaf in look.leaves:
        size = int(np.size(leaf._data))
        if k < size:
            at = [int(i) for i in np.unravel_index(k, leaf.shape)]
            return called(leaf) + (str(at) if at else "")
        k -= size
    raise IndexError(k)


def diverging(look: Look, step: Step) -> Iterator[LearningWarning]:
    """TN109: a plain step that was too long for the curvature it met; and TN125."""
    excess = step.alpha * step.curvature / 2
    if not (step.rose and step.alpha > 0 and excess > 1):
        return
    limit, factor = 2 / step.curvature, 1 - step.alpha * step.curvature
    before = step.last.loss
    grew = number(look.loss / before, 5) + " times" if before > 0 else "from below zero"
    divisor = 10 ** math.ceil(math.log10(step.alpha * step.curvature) / 2)
    yield DivergenceWarning(
        f"The loss grew {grew} in one step ({number(before, 4)} -> {number(look.loss, 4)}). "
        f"alpha = {number(step.alpha)} is {number(excess, 4)} times too large: the measured "
        f"curvature is {number(step.curvature)}.",
        why=f"Descent is stable only below 2/{number(step.curvature)} = {number(limit, 3)}. Each "
        f"step multiplies the error by {number(factor, 5)}.",
        hint=f"alpha = {number(limit / 2, 3)} (best)   or   divide the inputs by {divisor} and "
        f"keep alpha = {number(step.alpha)}",
        place=look.place,
        alpha=step.alpha,
        curvature=step.curvature,
        limit=limit,
        excess=excess,
        factor=factor,
    )
    rows = _summed(look)
    if rows > 1:
        yield SummedLossWarning(
            f"The loss is a sum over {rows} rows, so that its curvature, "
            f"{number(step.curvature)}, is that of all of them together.",
            why=f"The limit of the learning rate shrinks with the number of rows: of a mean it is "
            f"{rows} times larger, {number(limit * rows, 3)}.",
            hint=".mean()  in place of  .sum()",
            place=look.place,
            rows=rows,
        )


def _summed(look: Look) -> int:
    """How many entries the loss is the sum of; 0 if it is none."""
    node = look.result
    first = node.inputs[0] if node.primitive is ops.sum else None
    return int(np.size(first._data)) if isinstance(first, Node) else 0


def growing(looks: Sequence[Look], sizes: Sequence[int]) -> Iterator[LearningWarning]:
    """TN107: a graph that holds the one before it, three times, larger by the same amount."""
    if len(sizes) < 3 or len(looks) < 2:
        return
    a, b, c = sizes[-3:]
    look, last = looks[-1], looks[-2]
    if not (a < b < c and b - a == c - b and _remembers(look, last)):
        return
    yield GrowingGraphWarning(
        f"The loss now reaches {c} nodes; before it were {a}, then {b}.",
        why="An update made a new, computed weight that remembers all earlier ones, so that memory "
        "and time grow with every step, and the weight is no longer something that can be learnt.",
        hint="w.data -= alpha * w.grad     in place of     w = w - alpha * w.grad",
        place=look.place,
        sizes=[a, b, c],
    )


def _remembers(look: Look, last: Look) -> bool:
    """Whether something that was computed for the last pass is a part of this one."""
    computed = {node for node in last.nodes if node.primitive is not None}
    return any(node in computed for node in look.nodes)


def bottomless(look: Look, losses: Sequence[float]) -> Iterator[LearningWarning]:
    """TN120: a loss below zero that falls by the same amount in every step."""
    if len(losses) <= ALIKE or not losses[-1] < 0:
        return
    falls = -np.diff(losses[-ALIKE - 1 :])
    if falls.min() > 0 and float(np.ptp(falls)) <= SAME * falls.max():
        yield NoMinimumWarning(
            f"The loss falls by {number(falls[-1], 5)} in every step and is now "
            f"{number(losses[-1])}.",
            why='A plain difference can fall for ever: being "too small" counts as good.',
            hint="J = e**2   or   J = abs(e),   so that being wrong either way costs something",
            place=look.place,
            loss=losses[-1],
        )


def slow(steps: Sequence[Step], losses: Sequence[float]) -> Iterator[LearningWarning]:
    """TN110, at the end: plain steps that were all far too short."""
    if len(losses) <= ENOUGH or not steps:
        return
    last = steps[-1]
    first, end = abs(losses[0]), abs(losses[-1])
    kept = (end / first) ** (1 / (2 * (len(losses) - 1))) if first and end else 0.0
    if not (kept > KEPT and 0 < last.alpha * last.curvature < CRAWL):
        return
    best = 1 / last.curvature
    left = math.sqrt(end / first)
    yield SlowLearningWarning(
        f"After {count(len(losses) - 1, 'step')} the error is {100 * left:.2g}% of the start; each "
        f"step keeps {kept:.2%} of it.",
        why=f"alpha = {number(last.alpha)} could be {number(best / last.alpha, 3)} times larger: "
        f"the measured curvature is {number(last.curvature)}.",
        hint=f"alpha = {number(best, 3)}   (1/curvature)",
        place=last.now.place,
        alpha=last.alpha,
        best=best,
        kept=kept,
    )
