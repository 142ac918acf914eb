"""Hyper-parameters side by side: the same training with each of many settings, in many processes.

Each run is told all of its settings, its seed among them, and runs from start to end in one
process: how many processes there are, and who is done first, changes nothing.
"""

import itertools
import math
import multiprocessing
import pickle
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from tinygrad_neuron.errors import NonFiniteError, UnsupportedError
from tinygrad_neuron.fitting import History
from tinygrad_neuron.showing import view
from tinygrad_neuron.text import number, table

Settings = dict[str, Any]
Function = Callable[..., Any]

LONGEST = 20  # signs of a bar


@dataclass(frozen=True)
class Run:
    """One training of a sweep: its settings, its history, and its score, the lower the better.

    A run whose loss was lost has the score inf, and the reason as its `failure`.
    """

    settings: Settings
    history: History
    score: float
    failure: str = ""


@dataclass(frozen=True)
class Sweep:
    """The runs of a sweep in the order of their settings."""

    runs: tuple[Run, ...]
    wanted: int  # how many there were to be

    @property
    def best(self) -> Run:
        """The run with the lowest score; the first of them."""
        return min(self.runs, key=lambda run: run.score)

    @property
    def succeeded(self) -> bool:
        """Whether there is a run that was not lost."""
        return any(run.score < math.inf for run in self.runs)

    @property
    def interrupted(self) -> bool:
        """Whether somebody pressed Ctrl-C."""
        return len(self.runs) < self.wanted or any(
            run.history.ending == "interrupted" for run in self.runs
        )

    def table(self) -> str:
        """A line for each run: what was set, how long it took, how good it was, as a bar too."""
        head = [*self.runs[0].settings, "epochs", "loss", "score", f"{'':{LONGEST}}"]
        largest = max((run.score for run in self.runs if run.score < math.inf), default=math.inf)
        best = self.best
        notes = ["", *("best" if run is best and run.score < math.inf else "" for run in self.runs)]
        return table(head, [self._row(run, largest) for run in self.runs], notes)

    def _row(self, run: Run, largest: float) -> list[str]:
        losses = run.history.losses
        cells = [str(len(losses)), number(losses[-1], 4) if losses else ""]
        return [*map(written, run.settings.values()), *cells, *_scored(run, largest)]

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, ready for JSON; the score of a lost run is None."""
        runs = [
            {
                "settings": {name: _plain(x) for name, x in run.settings.items()},
                "score": run.score if run.score < math.inf else None,
                "failure": run.failure,
                "history": run.history.to_dict(),
            }
            for run in self.runs
        ]
        best = {name: _plain(x) for name, x in self.best.settings.items()}
        return {"best": best if self.succeeded else None, "runs": runs}

    def plot(self, **settings: Any) -> Any:
        """The losses of all runs as a Matplotlib figure, by `views.plots.loss_curve`.

        Raises `MissingExtraError` (TN180) where Matplotlib is not installed (extra `plot`).
        """
        curves = {label(run.settings): run.history.losses for run in self.runs}
        return view("plots", "loss_curve")(curves, **settings)

    def __str__(self) -> str:
        return self.table()


def lowest(history: History) -> float:
    """The usual score: the lowest loss, of the validation set if there is one."""
    losses = history.columns[history.watched]
    return losses[history.best] if losses else math.inf


def sweep(
    function: Function,
    settings: Mapping[str, Sequence[Any]],
    *,
    score: Callable[[Any], float] = lowest,
    workers: int = 1,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> Sweep:
    """A training with every combination of settings: `function(alpha=0.1, hidden=8)`, and so on.

    The function returns a `History`, or anything with a `history`, and `score` says how good that
    was. With more than one worker it is sent to other processes, so it must be defined at the top
    of a module (Python's rule), and a script needs `if __name__ == "__main__":`.

    >>> import numpy as np
    >>> from tinygrad_neuron import MLP, fit
    >>> x = np.linspace(-1.0, 1.0, 32)[:, None]
    >>> def train(alpha, hidden):
    ...     return fit(MLP(1, [hidden, 1], rng=0), (x, x[:, 0] ** 2), alpha=alpha, epochs=20)
    >>> found = sweep(train, {"alpha": [0.1, 0.01], "hidden": [4, 8]})
    >>> [run.settings for run in found.runs][:2]
    [{'alpha': 0.1, 'hidden': 4}, {'alpha': 0.1, 'hidden': 8}]

    A run whose loss is lost is kept, with the reason. Raises `UnsupportedError` (TN131) for a
    function that cannot be sent.
    """
    combinations = [
        dict(zip(settings, values, strict=True)) for values in itertools.product(*settings.values())
    ]
    wanted = len(combinations)
    results = _here(function, combinations) if workers < 2 else _apart(
        function, combinations, min(workers, wanted)
    )  # fmt: skip
    runs = []
    try:
        for setting, (result, history, failure) in zip(
            progress(combinations), results, strict=False
        ):
            runs.append(
                Run(setting, history, math.inf if failure else float(score(result)), failure)
            )
            if history.ending == "interrupted":
                break
    except KeyboardInterrupt:
        if not runs:
            raise  # before there was anything to show
    finally:
        results.close()
    return Sweep(tuple(runs), wanted)


Outcome = tuple[Any, History, str]
Outcomes = Generator[Outcome, None, None]


def _here(function: Function, combinations: Sequence[Settings]) -> Outcomes:
    for setting in combinations:
        yield attempt(function, setting)


def _apart(function: Function, combinations: Sequence[Settings], workers: int) -> Outcomes:
    """The outcomes in order, whoever is done first."""
    try:
        pickle.dumps(function)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise UnsupportedError(
            f"{getattr(function, '__name__', function)} cannot be sent to another process: "
            f"{error}.",
            why="Another process imports a function by its name, from the module it stands in.",
            hint="def it at the top of a module;  or workers=1",
        ) from error
    context = multiprocessing.get_context("spawn")  # a fork may copy a lock that somebody holds
    pool = ProcessPoolExecutor(workers, context, _start, (function,))
    try:
        yield from pool.map(_attempt, combinations)
    finally:
        pool.shutdown(cancel_futures=True)


_function: Function


def _start(function: Function) -> None:
    """What a process is told once: with a function may come a whole table."""
    global _function
    _function = function


def _attempt(setting: Settings) -> Outcome:
    return attempt(_function, setting)


def attempt(function: Function, setting: Settings) -> Outcome:
    """What came of one run, its history, and why it was lost if it was."""
    try:
        result = function(**setting)
    except NonFiniteError as error:
        return None, error.history, str(error)
    history: Any = getattr(result, "history", result)
    return result, history, ""


def _scored(run: Run, largest: float) -> list[str]:
    if run.score == math.inf:
        return ["lost", f"{'#' * LONGEST}>"[: LONGEST + 1]]
    share = run.score / largest if largest > 0 else 0.0
    return [number(run.score, 4), f"{'#' * max(1, round(share * LONGEST)):{LONGEST}}"]


def written(x: Any) -> str:
    """A setting as it is typed: 0.1, relu, 16x16."""
    if isinstance(x, list | tuple):
        return "x".join(map(str, x)) or "0"
    return number(x) if isinstance(x, float) else str(x)


def label(settings: Settings) -> str:
    """`alpha 0.1, hidden 16x16`: a run by its settings."""
    return ", ".join(f"{name} {written(x)}" for name, x in settings.items())


def _plain(x: Any) -> Any:
    if isinstance(x, tuple):
        return list(x)
    return x if isinstance(x, bool | int | float | str | list | None) else written(x)
