"""Many trainings on one table: which settings learn it best."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinygrad_neuron.sweeping import Sweep, sweep
from tinygrad_neuron.tables.learning import Trained, train
from tinygrad_neuron.tables.sheet import Sheet, sheet_of


@dataclass(frozen=True)
class _Training:
    """A training on a table that is sent to other processes as it is."""

    sheet: Sheet
    target: str
    common: Mapping[str, Any]

    def __call__(self, **settings: Any) -> Trained:
        return train(self.sheet, self.target, **{**self.common, **settings})


def sweep_table(
    data: Any,
    target: str,
    settings: Mapping[str, Sequence[Any]],
    *,
    workers: int = 1,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
    **common: Any,
) -> Sweep:
    """A network trained on a table with every combination of settings, those of `train`.

    >>> table = {"x": [0.0, 1.0, 2.0, 3.0], "y": [1.0, 3.0, 5.0, 7.0]}
    >>> found = sweep_table(table, "y", {"alpha": [1e-5, 0.1]}, hidden=(), validation=0.0,
    ...                     epochs=100)
    >>> found.best.settings
    {'alpha': 0.1}

    The score is how far off the predictions are (root mean square), or the share of them that is
    wrong: for the rows held back, where there are any.
    """
    training = _Training(sheet_of(data), target, common)
    return sweep(training, settings, score=wrongness, workers=workers, progress=progress)


def wrongness(trained: Trained) -> float:
    """A number to be low, by which trainings with different losses can be compared."""
    quality = trained.quality
    score = 1 - quality["accuracy"] if "accuracy" in quality else quality["root_mean_square_error"]
    return score if not math.isnan(score) else math.inf
