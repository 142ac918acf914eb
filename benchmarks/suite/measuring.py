"""Measuring a workload: answers are compared first, then all contenders take turns.

Nobody is left out silently. Who is slow takes fewer turns; who fails, answers something else, or
takes longer to begin than a person would wait, is named with the reason.
"""

from __future__ import annotations

import gc
import signal
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from harness import agree, version

from suite import higher
from suite.catalogue import ENTRANTS
from suite.work import Contender, UnfitError, expected, threads

Clock = Callable[[], float]
SHORTEST = 0.02  # seconds: what is measured at a time
LONGEST = 10**8  # steps


@dataclass(frozen=True)
class Limits:
    """How often a contender takes its turn, for how many seconds in all, and how long to begin."""

    rounds: int = 9
    seconds: float = 0.3
    patience: float = 120.0


@dataclass
class Line:
    """A workload's contenders with the seconds of a step, and who is left out for what reason."""

    name: str
    threads: int
    contenders: list[dict[str, Any]] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises TimeoutError in what takes longer."""

    def stop(*_: Any) -> None:
        raise TimeoutError(f"not ready within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def wanted(work: Any) -> Any:
    """The answer that everybody has to give."""
    return np.ravel(higher.TRUTH[work.of]()) if isinstance(work, higher.Higher) else expected(work)


def enter(work: Any, line: Line, patience: float, only: Sequence[str] = ()) -> list[Contender]:
    """Everybody who is installed and has the right answer; the others go to `left_out`."""
    right, entered = wanted(work), []
    for title, (package, entrant) in ENTRANTS.items():
        if only and title not in only:
            continue
        if not version(package):
            line.left_out[title] = f"{package} is not installed"
            continue
        try:
            with within(patience):
                for one in entrant(work):
                    if agree(one.answer(), right, work.tolerance):
                        entered.append(one)
                    else:
                        line.left_out[one.name] = "another gradient"
        except UnfitError as reason:
            line.left_out[title] = str(reason)
        except Exception as error:  # whatever another library may raise
            line.left_out[title] = f"{type(error).__name__}: {error}".split("\n")[0][:150]
    return entered


@dataclass
class Turn:
    """A contender with what one turn of it is, and what its turns took."""

    contender: Contender
    steps: int
    rounds: int
    samples: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Seconds of a step."""
        return statistics.median(self.samples)

    def take(self, clock: Clock) -> None:
        """One sample: seconds of a step."""
        gc.collect()  # nobody pays for what the one before left behind
        self.samples.append(seconds(self.contender, self.steps, clock))


def spent(contender: Contender, steps: int, clock: Clock) -> float:
    """Seconds of so many steps."""
    begun = clock()
    contender.run(steps)
    return clock() - begun


def seconds(contender: Contender, steps: int, clock: Clock) -> float:
    """Seconds of a step: of a whole loop, what more steps take than a tenth of them."""
    if not contender.whole:
        return spent(contender, steps, clock) / steps
    fewer = steps // 10
    difference = spent(contender, steps, clock) - spent(contender, fewer, clock)
    return difference / (steps - fewer)


def turn_of(contender: Contender, limits: Limits, clock: Clock) -> Turn:
    """As many steps as can be measured, and as many rounds as there is time for."""
    least = 10 * contender.portions if contender.whole else 1
    steps = least
    while True:
        took = spent(contender, steps, clock)
        rest = spent(contender, steps // 10, clock) if contender.whole else 0.0
        if took - rest >= max(SHORTEST, 2.0 * rest) or took > 2.0 * rest + limits.seconds:
            break
        if steps >= LONGEST:
            break
        enough = int(1.5 * max(SHORTEST, 3.0 * rest) * steps / max(took - rest, 1e-9))
        steps = min(10 * steps, max(2 * steps, enough), LONGEST) // least * least
    affordable = int(limits.seconds / max(took + rest, 1e-9))
    fewest = 3 if contender.whole or took < limits.seconds else 1
    turn = Turn(contender, steps, max(fewest, min(limits.rounds, affordable)))
    if took + rest > limits.seconds:  # that was a sample, and they are dear
        turn.samples.append((took - rest) / (steps - (steps // 10 if contender.whole else 0)))
    return turn


def measure(work: Any, limits: Limits, only: Sequence[str] = ()) -> Line:
    """Medians, the fastest first. One thread is timed by its processor, more by the wall."""
    line = Line(work.name, threads())
    clock = time.process_time if threads() == 1 else time.perf_counter
    entered = enter(work, line, limits.patience, only)
    gc.collect()
    gc.freeze()  # what the libraries imported is walked at nobody's expense
    turns = [turn_of(one, limits, clock) for one in entered]
    for i in range(limits.rounds):
        first = i % len(turns) if turns else 0
        for turn in [*turns[first:], *turns[:first]]:
            if len(turn.samples) < turn.rounds:
                turn.take(clock)
    gc.unfreeze()
    for turn in turns:
        if not turn.median > 0.0:
            line.left_out[turn.contender.name] = "what its call takes varies by more than its steps"
    known = (told(turn) for turn in turns if turn.median > 0.0)
    line.contenders = sorted(known, key=lambda one: one["seconds"])
    return line


def told(turn: Turn) -> dict[str, Any]:
    """A contender's median, as it is written down."""
    one = turn.contender
    return {
        "name": one.name,
        "group": one.group,
        "whole": one.whole,
        "seconds": turn.median,
        "rounds": len(turn.samples),
        "steps": turn.steps,
    }
