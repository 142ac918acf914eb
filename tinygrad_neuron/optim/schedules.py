"""An alpha for every step: functions of the number of steps already taken, and of nothing else.

An optimiser takes one in place of its alpha: `Adam(parameters, cosine(1e-3, steps=1000))`.
"""

from collections.abc import Callable
from math import cos, pi
from typing import Any, NamedTuple

from tinygrad_neuron.errors import DescentError, StateError

Schedule = Callable[[int], float]


def stepwise(alpha: float, *, every: int, factor: float = 0.1) -> Schedule:
    """alpha, multiplied by the factor after every so many steps.

    >>> [stepwise(1.0, every=2, factor=0.5)(k) for k in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    _at_least_one(every=every)
    return lambda k: alpha * factor ** (k // every)


def cosine(alpha: float, *, steps: int, least: float = 0.0) -> Schedule:
    """Down to the least along half a wave, and there it stays (Loshchilov and Hutter, 2017).

    >>> [round(cosine(1.0, steps=4)(k), 3) for k in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """
    _at_least_one(steps=steps)
    return lambda k: _wave(alpha, least, min(k / steps, 1.0))


def warm_up(schedule: float | Schedule, *, steps: int) -> Schedule:
    """A schedule, or a fixed alpha, whose first steps are shorter: 1/steps of it, 2/steps, ...

    >>> [warm_up(0.1, steps=4)(k) for k in range(5)]
    [0.025, 0.05, 0.07500000000000001, 0.1, 0.1]
    """
    _at_least_one(steps=steps)
    after = schedule if callable(schedule) else lambda k: schedule
    return lambda k: min((k + 1) / steps, 1.0) * after(k)


def one_cycle(
    peak: float, *, steps: int, rise: float = 0.3, first: float = 0.04, last: float = 4e-6
) -> Schedule:
    """From first · peak up to the peak and down to last · peak (Smith and Topin, 2019).

    Both ways are half waves; the way up takes the part `rise` of all steps.

    >>> [round(one_cycle(1.0, steps=5, rise=0.6)(k), 3) for k in range(5)]
    [0.04, 0.52, 1.0, 0.5, 0.0]
    """
    top = rise * steps - 1.0
    if not 0.0 < top < steps - 1:
        raise DescentError(
            f"Of {steps} steps, rise={rise!r} leaves none for the way up, or for the way down.",
            hint="more steps, or a rise between 2/steps and 1",
        )

    def alpha(k: int) -> float:
        if k <= top:
            return _wave(first * peak, peak, k / top)
        return _wave(peak, last * peak, min((k - top) / (steps - 1 - top), 1.0))

    return alpha


class Course(NamedTuple):
    """What a plateau is recognised by: alpha now, the least loss so far, and how long ago."""

    alpha: float
    least: float
    waited: int


class Plateau:
    """alpha, multiplied by the factor whenever the loss has not fallen for `patience` looks.

    It depends on the losses, so it is told them, once an epoch or as often as you like:

    >>> plateau = Plateau(0.1, patience=1, factor=0.5)
    >>> [plateau(loss) for loss in (3.0, 2.0, 2.0, 2.0, 1.0)]
    [0.1, 0.1, 0.1, 0.05, 0.05]

    `optimiser.alpha = plateau(loss)` uses it. A loss counts as fallen if it is below the least one
    by more than the part `threshold` of it. `move` is the pure step; `state()` and `load` keep it.
    """

    def __init__(
        self,
        alpha: float,
        *,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        least: float = 0.0,
    ) -> None:
        self.factor, self.patience = factor, patience
        self.threshold, self.least = threshold, least
        self.course = Course(alpha, float("inf"), 0)

    def move(self, loss: float, course: Course) -> Course:
        """The course after this loss."""
        if loss < course.least - self.threshold * abs(course.least) or course.least == float("inf"):
            return Course(course.alpha, loss, 0)
        if course.waited < self.patience:
            return course._replace(waited=course.waited + 1)
        return course._replace(alpha=max(self.factor * course.alpha, self.least), waited=0)

    def __call__(self, loss: Any) -> float:
        self.course = self.move(float(loss), self.course)
        return self.course.alpha

    def state(self) -> dict[str, float]:
        """Its course, by name."""
        return self.course._asdict()

    def load(self, state: dict[str, Any]) -> None:
        """Go on where `state()` was taken. Raises `StateError` (TN185) for anything else."""
        if state.keys() != set(Course._fields):
            raise StateError(
                f"A plateau's state has {', '.join(Course._fields)}; this has {', '.join(state)}.",
                hint="what state() gave",
            )
        self.course = Course(float(state["alpha"]), float(state["least"]), int(state["waited"]))


def _wave(start: float, end: float, part: float) -> float:
    """Half a wave from start to end."""
    return end + (start - end) * (1.0 + cos(pi * part)) / 2.0


def _at_least_one(**count: int) -> None:
    for name, given in count.items():
        if given < 1:
            raise DescentError(f"{name} is {given!r}.", hint=f"{name}=1 or more", given=given)
