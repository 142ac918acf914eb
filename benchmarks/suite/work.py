"""A workload: a loss in functions that every library has, the numbers, and the gradient by hand."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = Sequence[Any]
CHECKED = 5  # steps of a training loop after which the parameters are compared
ALPHA = {"sgd": 0.1, "adam": 1e-3}


def threads() -> int:
    """How many threads everybody may use: the environment says so, before anything is imported."""
    return int(os.environ.get("OMP_NUM_THREADS", "1"))


class UnfitError(NotImplementedError):
    """What a library, or its entry here, is not for: no contender, and no fault."""


@dataclass(frozen=True)
class Work:
    """A loss `(functions, parameters, data)`, its value and gradient by hand, and the numbers.

    `sample` is the same loss of plain numbers, for one row of the data; `optimiser` makes a
    training loop of it, and `batched` says that each step is given the next entry of the data.
    `of_numbers` says that the parameters are single numbers and no arrays, `operations` how many
    stand in a row then, and `length` how often a chain repeats itself.
    """

    name: str
    loss: Callable[[Any, Arrays, Arrays], Any]
    by_hand: Callable[[Arrays, Arrays], tuple[Any, list[Any]]]
    parameters: list[Any]
    data: list[Any]
    optimiser: str = ""
    batched: bool = False
    sample: Callable[[Any, Any, Any, Any], Any] | None = None
    of_numbers: bool = False
    tolerance: float = 1e-9
    threaded: bool = False
    operations: int = 0
    length: int = 0

    @property
    def alpha(self) -> float:
        """How far a step goes."""
        return ALPHA[self.optimiser]

    @property
    def dtype(self) -> Any:
        """Of the parameters."""
        return np.asarray(self.parameters[0]).dtype

    @property
    def size(self) -> int:
        """Entries in all that is given."""
        return sum(np.size(x) for x in [*self.parameters, *self.data])

    def batch(self, k: int) -> list[Any]:
        """What step k is given."""
        return [x[k % len(x)] for x in self.data] if self.batched else self.data


@dataclass(frozen=True)
class Contender:
    """A library in one of its ways: its answer, and so many steps of the work.

    `whole` says that all steps are one call, whose own cost is not the steps'; they may come in
    `portions` of more than one. `group` is the column it stands in.
    """

    name: str
    group: str
    answer: Callable[[], Any]
    run: Callable[[int], object]
    whole: bool = False
    portions: int = 1


Entrant = Callable[[Work], Iterator[Contender]]


def flat(gradients: Arrays) -> Any:
    """All entries of all of them in a row, as float64."""
    return np.concatenate([np.asarray(g, float).ravel() for g in gradients])


def again(step: Callable[[], object]) -> Callable[[int], None]:
    """A step that is called for each of the steps."""

    def run(steps: int) -> None:
        for _ in range(steps):
            step()

    return run


def expected(work: Work) -> Any:
    """What every contender has to answer: by hand, in float64."""
    parameters, data = doubled(work.parameters), doubled(work.data)
    if not work.optimiser:
        return flat(work.by_hand(parameters, data)[1])
    moved = Weights(work, parameters)
    for k in range(CHECKED):
        batch = [x[k % len(x)] for x in data] if work.batched else data
        moved.move(work.by_hand(moved.now, batch)[1])
    return flat(moved.now)


def doubled(given: Arrays) -> list[Any]:
    """Fractions in float64."""
    return [np.float64(x) if np.asarray(x).dtype.kind == "f" else x for x in given]


# ---- training ----


class Weights:
    """Parameters as NumPy's arrays, moved in place by gradients that anybody found."""

    def __init__(self, work: Work, start: Arrays | None = None) -> None:
        given = work.parameters if start is None else start
        self.now = [np.array(x) if np.ndim(x) else float(x) for x in given]
        self.alpha, self.done = work.alpha, 0
        self.move = self._adam if work.optimiser == "adam" else self._descend
        self.means = [0.0 * x for x in self.now]
        self.squares = [0.0 * x for x in self.now]

    def _descend(self, slopes: Arrays) -> None:
        for i, slope in enumerate(slopes):
            self.now[i] -= self.alpha * slope

    def _adam(self, slopes: Arrays) -> None:
        self.done += 1
        rest = math.sqrt(1.0 - 0.999**self.done)
        rate = self.alpha * rest / (1.0 - 0.9**self.done)
        for i, slope in enumerate(slopes):
            m, v = self.means[i], self.squares[i]
            m *= 0.9
            m += 0.1 * slope
            v *= 0.999
            v += 0.001 * (slope * slope)
            self.now[i] -= rate * m / (np.sqrt(v) + 1e-8 * rest)


def updated(work: Work, state: Any, slopes: Arrays, sqrt: Callable[[Any], Any]) -> Any:
    """The state after a step, in operators alone: for libraries that trace the update as well."""
    if work.optimiser == "sgd":
        return [p - work.alpha * g for p, g in zip(state, slopes, strict=True)]
    parameters, means, squares, first, second = state
    first, second = first * 0.9, second * 0.999
    rest = sqrt(1.0 - second)
    rate = work.alpha * rest / (1.0 - first)
    means = [0.9 * m + 0.1 * g for m, g in zip(means, slopes, strict=True)]
    squares = [0.999 * v + 0.001 * (g * g) for v, g in zip(squares, slopes, strict=True)]
    moved = [
        p - rate * m / (sqrt(v) + 1e-8 * rest)
        for p, m, v in zip(parameters, means, squares, strict=True)
    ]
    return [moved, means, squares, first, second]


def begun(work: Work, parameters: Arrays, zero: Callable[[Any], Any] = lambda x: 0.0 * x) -> Any:
    """The state before the first step: of `updated`."""
    if work.optimiser == "sgd":
        return list(parameters)
    nothing = [zero(x) for x in parameters]
    return [list(parameters), nothing, list(nothing), 1.0, 1.0]


def inside(work: Work, state: Any) -> Any:
    """The parameters in a state."""
    return state if work.optimiser == "sgd" else state[0]


def functional(
    name: str, group: str, work: Work, step: Callable[[Arrays, Arrays], tuple[Any, Arrays]]
) -> Contender:
    """A library that hands out a value and its gradient, for NumPy to make a step of."""
    if not work.optimiser:
        return gradient(name, group, lambda: step(work.parameters, work.data))
    return training(name, group, work, step)


def gradient(name: str, group: str, step: Callable[[], tuple[Any, Arrays]]) -> Contender:
    """A library that hands out a value and its gradient."""
    return Contender(name, group, lambda: flat(step()[1]), again(step))


def training(
    name: str, group: str, work: Work, step: Callable[[Arrays, Arrays], tuple[Any, Arrays]]
) -> Contender:
    """The same where NumPy makes a step of the gradient."""

    def steps(weights: Weights, count: int) -> None:
        for k in range(count):
            weights.move(step(weights.now, work.batch(k))[1])

    return looping(name, group, lambda: Weights(work), steps, lambda weights: weights.now)


def looping(
    name: str,
    group: str,
    begin: Callable[[], Any],
    steps: Callable[[Any, int], object],
    read: Callable[[Any], Arrays],
    whole: bool = False,
) -> Contender:
    """A training loop: how it begins, so many steps of it, and where the weights are then."""

    def answer() -> Any:
        new = begin()
        reached = steps(new, CHECKED)
        return flat(read(new if reached is None else reached))

    state = begin()
    return Contender(name, group, answer, lambda count: steps(state, count), whole)
