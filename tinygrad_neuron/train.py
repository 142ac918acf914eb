"""A descent that is kept step by step, and judged by the curvature it met on its way.

Two gradients tell the curvature between them: lambda = dg . dw / dw . dw. In that direction one
step multiplies the gradient by 1 - alpha * lambda, so a descent is stable only for alpha below
2 / lambda, and quickest at 1 / lambda. Nothing has to be known about the loss for that.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from tinygrad_neuron.course import Course
from tinygrad_neuron.text import count
from tinygrad_neuron.value import Value

Array = Any  # an ndarray of floats
Loss = Callable[[], Value]
Progress = Callable[[Iterable[int]], Iterable[int]]

LOST = 1e6  # so many times the first loss is not coming back
SAME = 1e-9  # of a step: nearer than this is the same place again
ALIKE = 5  # this many equal falls below zero: a loss without a bottom
CRAWL = 0.02  # alpha * lambda below this, and more than KEPT left over by each step,
KEPT = 0.99  # say that alpha is far too small
FLAT = 1e-9  # of the loss: a step that could not lower it by more promises nothing
UNKNOWN = 0.1  # an alpha where there is nothing to tell one from
EPSILON = 2.0**-52  # of the largest weight: a shorter step is lost in rounding
SHORT = 1e-4  # of the longest step: shorter ones measure rounding, not curvature


class Moment(NamedTuple):
    """Where the weights were, the loss there, and its gradient."""

    weights: Array
    loss: float
    gradient: Array


Done = Callable[[Moment, Moment], bool]  # asked with the moment now and the first one


@dataclass(frozen=True)
class History(Course):
    """A descent as data: N updates are N + 1 moments, the start and one after each update.

    `ending` says why it stopped: converged, diverging, cycling (with the `period` in updates),
    stalled (the weights no longer move), no minimum, budget or interrupted.
    """

    alpha: float
    moments: Sequence[Moment]
    ending: str
    period: int | None = None

    @property
    def columns(self) -> dict[str, list[float]]:
        """Update, loss and length of the gradient at every moment."""
        return {
            "update": [float(i) for i in range(len(self.moments))],
            "loss": [moment.loss for moment in self.moments],
            "|gradient|": [norm(moment.gradient) for moment in self.moments],
        }

    @property
    def verdict(self) -> "Verdict":
        """How it went, judged by the curvature of its path."""
        return judge(self)

    @property
    def updates(self) -> int:
        """How many times the weights were changed."""
        return len(self.moments) - 1

    @property
    def first(self) -> Moment:
        """The start."""
        return self.moments[0]

    @property
    def last(self) -> Moment:
        """What was reached."""
        return self.moments[-1]

    @property
    def kept(self) -> float:
        """How much of the gradient each update left over, as a mean; nan before any update."""
        start, end = norm(self.first.gradient), norm(self.last.gradient)
        return (end / start) ** (1 / self.updates) if self.updates and start else math.nan

    @property
    def curvature(self) -> float:
        """The largest curvature measured along the path; nan where no step could measure it."""
        with np.errstate(all="ignore"):
            dw = np.diff([moment.weights for moment in self.moments], axis=0)
            dg = np.diff([moment.gradient for moment in self.moments], axis=0)
            length = np.sum(dw * dw, axis=-1)
            measured = np.sum(dg * dw, axis=-1) / length
        length = length[np.isfinite(measured)]
        measured = measured[np.isfinite(measured)]
        return float(max(measured[length >= SHORT**2 * length.max(initial=0.0)], default=math.nan))


@dataclass(frozen=True)
class Verdict:
    """How a descent went, with the numbers that explain it.

    `kind` is a History's ending, or slow: a budget used up by an alpha that is far too small.
    """

    kind: str
    updates: int
    alpha: float
    curvature: float

    @property
    def limit(self) -> float:
        """2 / lambda: a larger alpha diverges. Infinite where nothing curves upward."""
        return 2 / self.curvature if self.curvature > 0 else math.inf

    @property
    def best(self) -> float:
        """1 / lambda: the alpha that undoes the whole gradient in one step, in that direction."""
        return self.limit / 2

    @property
    def excess(self) -> float:
        """How many times alpha is above the limit."""
        return self.alpha * self.curvature / 2 if self.curvature > 0 else 0.0

    @property
    def factor(self) -> float:
        """1 - alpha * lambda: what one step multiplies the gradient by, in that direction."""
        return 1 - self.alpha * self.curvature

    def __str__(self) -> str:
        """How it ended, in one sentence with its numbers.

        >>> print(Verdict("diverging", 2, 0.001, 220960.0))
        diverging after 2 updates: alpha = 0.001 is 110.5 times above the limit 2/lambda = 9.051e-06
        """
        kind = {"budget": "not there yet", "no minimum": "without a bottom"}.get(
            self.kind, self.kind
        )
        went = f"{kind} after {count(self.updates, 'update')}"
        if self.kind == "diverging" and 1 < self.excess < math.inf:
            limit = f"the limit 2/lambda = {self.limit:.4g}"
            return f"{went}: alpha = {self.alpha:g} is {self.excess:.4g} times above {limit}"
        if self.kind == "slow":
            times = f"{self.best / self.alpha:.3g} times larger"
            return f"{went}: alpha = {self.alpha:g} could be {times}, 1/lambda = {self.best:.3g}"
        return f"{went} with alpha = {self.alpha:g}"


def norm(x: Array) -> float:
    """The length of a vector, as long as it is a number at all.

    >>> norm(np.array([3.0, 4.0]))
    5.0
    """
    return math.hypot(*x)


def descend(
    loss: Loss,
    parameters: Sequence[Value],
    alpha: float,
    steps: int,
    *,
    done: Done,
    progress: Progress = iter,
) -> History:
    """A plain gradient descent of at most this many updates, which stops by itself.

    `loss()` computes the loss from the parameters as they are; they keep what was reached. Ctrl-C
    ends the descent, not the program.

    >>> w = Value(0.0)
    >>> history = descend(
    ...     lambda: (256 * w - 1492) ** 2, [w], 4e-6, 100, done=lambda now, _: now.loss < 1e-12
    ... )
    >>> history.ending, history.updates, w.data
    ('converged', 29, 5.82812499743842)
    """
    watch = _Watch(done)
    ending = "interrupted"
    with np.errstate(all="ignore"), suppress(KeyboardInterrupt):  # what overflows is seen, and told
        for step in progress(range(steps + 1)):
            seen = watch.see(measure(loss, parameters))
            if seen != "budget" or step == steps:
                ending = seen
                break
            for p in parameters:
                p.data -= alpha * p.grad
    if not watch.moments:
        raise KeyboardInterrupt  # before there was anything to show
    return History(alpha, watch.moments, ending, watch.period)


def measure(loss: Loss, parameters: Sequence[Value]) -> Moment:
    """The loss and its gradient with the parameters as they are."""
    with np.errstate(all="ignore"):
        for p in parameters:
            p.zero_grad()
        result = loss()
        result.backward()
    weights = np.concatenate([np.ravel(p.data) for p in parameters])
    gradient = np.concatenate([np.ravel(p.grad) for p in parameters])
    return Moment(weights, float(result.item()), gradient)


class _Watch:
    """The moments seen so far, and whether there is any point in going on."""

    def __init__(self, done: Done) -> None:
        self.done = done
        self.moments: list[Moment] = []
        self.period: int | None = None
        self._landmark = 0  # Brent: one earlier place to come back to, moved on at each power of 2

    def see(self, now: Moment) -> str:
        self.moments.append(now)
        if self._is_lost(now):
            return "diverging"
        if self.done(now, self.moments[0]):
            return "converged"
        if not now.gradient.any() or self._stands_still(now):
            return "stalled"
        if self._has_no_bottom(now):
            return "no minimum"
        return "cycling" if self._is_back(now) else "budget"

    def _is_lost(self, now: Moment) -> bool:
        finite = math.isfinite(now.loss) and np.isfinite(now.weights).all()
        return not finite or now.loss > LOST * abs(self.moments[0].loss)

    def _stands_still(self, now: Moment) -> bool:
        if len(self.moments) < 2:
            return False
        step = np.abs(now.weights - self.moments[-2].weights).max()
        return bool(step <= EPSILON * np.abs(now.weights).max())

    def _has_no_bottom(self, now: Moment) -> bool:
        """Below zero, and falling by the same amount again and again."""
        if now.loss >= 0 or len(self.moments) <= ALIKE:
            return False
        falls = -np.diff([moment.loss for moment in self.moments[-ALIKE - 1 :]])
        return falls.min() > 0 and float(np.ptp(falls)) <= SAME * falls.max()

    def _is_back(self, now: Moment) -> bool:
        """Whether this is the landmark again, but for rounding."""
        here = len(self.moments) - 1
        away = here - self._landmark
        if away:
            step = np.abs(now.weights - self.moments[-2].weights).max()
            gap = np.abs(now.weights - self.moments[self._landmark].weights).max()
            if gap <= SAME * step:
                self.period = away
                return True
        if here & (here + 1) == 0:  # 1, 3, 7, 15, ...
            self._landmark = here
        return False


def judge(history: History, curvature: float = math.nan) -> Verdict:
    """What to say about a descent: by the curvature of its path, or a larger one that is known."""
    largest = float(np.fmax(history.curvature, curvature))
    seen = Verdict(history.ending, history.updates, history.alpha, largest)
    if history.ending != "budget":
        return seen
    rose = history.updates and history.last.loss > history.moments[-2].loss
    if rose and seen.excess > 1:
        return replace(seen, kind="diverging")
    if history.kept > KEPT and 0 < history.alpha * seen.curvature < CRAWL:
        return replace(seen, kind="slow")
    return seen


# --------------------------------------------------------------------- an alpha from two gradients


def steepest_curvature(loss: Loss, parameters: Sequence[Value], rounds: int = 1) -> float:
    """The curvature where the parameters are, along the gradient; 0 where it is flat.

    More rounds turn towards the direction that curves most (power iteration). The parameters are
    left as they were.
    """
    here = measure(loss, parameters)
    direction, curvature = here.gradient, 0.0
    with np.errstate(all="ignore"):
        for _ in range(rounds):
            if not norm(direction):
                break
            dw = _reach(here) / norm(direction) * direction
            assign(parameters, here.weights + dw)
            direction = measure(loss, parameters).gradient - here.gradient
            curvature = float(direction @ dw / (dw @ dw))
    assign(parameters, here.weights)
    return curvature


def _reach(here: Moment) -> float:
    """How far to look: a little of the way on which the loss would fall to 0."""
    return 1e-3 * min(abs(here.loss) / norm(here.gradient) or 1.0, 1.0 + norm(here.weights))


def assign(parameters: Sequence[Value], weights: Array) -> None:
    """Give the parameters the weights of a moment."""
    begin = 0
    for p in parameters:
        p.data = np.reshape(weights[begin : begin + p.size], p.shape)
        begin += p.size


def comfortable_alpha(loss: Loss, parameters: Sequence[Value], rounds: int = 1) -> float:
    """An alpha that suits the loss: a little below 1 / lambda, rounded down to one digit.

    Where nothing curves it is a tenth of the step on which the loss would fall to 0. Where the loss
    curves downward, or is so flat that no step promises much, it is at most 0.1.
    """
    here = measure(loss, parameters)
    steepness = norm(here.gradient)
    if not steepness or not math.isfinite(steepness + here.loss):
        return UNKNOWN
    curvature = steepest_curvature(loss, parameters, rounds)
    if curvature == 0:
        return rounded_down(0.1 * abs(here.loss) / steepness / steepness or UNKNOWN)
    alpha = 0.9 / abs(curvature)
    promising = curvature > 0 and steepness / curvature * steepness > FLAT * abs(here.loss)
    return rounded_down(alpha if promising else min(alpha, UNKNOWN))


def rounded_down(x: float) -> float:
    """A positive number with one digit left, never more than it was.

    >>> rounded_down(4.07e-06), rounded_down(9.99)
    (4e-06, 9.0)
    """
    digit, _, power = f"{x:.17e}".partition("e")
    return float(f"{digit[0]}e{power}")
