"""From a table to a model: columns become numbers, a part of the rows is held back, a network fits.

The mean and spread of a column are those of all rows, also of those that are held back.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_neuron.fitting import History, fit
from tinygrad_neuron.fitting.batches import Partitions, Rows
from tinygrad_neuron.lesson.mistakes import UsageError
from tinygrad_neuron.modes import no_grad
from tinygrad_neuron.tables.columns import Numbers, learnt
from tinygrad_neuron.tables.model import TableModel, model_for
from tinygrad_neuron.tables.sheet import Sheet, sheet_of


@dataclass(frozen=True)
class Trained:
    """A model that has learnt from a table: how that went, and how good it is on which rows."""

    model: TableModel
    history: History
    source: str
    rows: int
    seed: int
    quality: dict[str, float]
    held: int  # rows that it has not learnt from, by which the quality is judged; 0: all rows
    succeeded: bool = True

    @property
    def interrupted(self) -> bool:
        """Whether somebody pressed Ctrl-C."""
        return self.history.ending == "interrupted"


def train(
    data: Any,
    target: str,
    *,
    columns: Sequence[str] = (),
    categories: Sequence[str] = (),
    impute: str | None = None,
    hidden: Sequence[int] = (16,),
    activation: str = "relu",
    loss: str | None = None,
    epochs: int = 200,
    batch_size: int | None = 32,
    validation: float = 0.2,
    patience: int | None = 20,
    seed: int = 0,
    **fitting: Any,
) -> Trained:
    """What a network has learnt from a table: a path, a data frame, or columns by name.

    >>> trained = train({"x": [0.0, 1.0, 2.0, 3.0], "y": [1.0, 3.0, 5.0, 7.0]}, "y", hidden=(),
    ...                 validation=0.0, epochs=500)
    >>> [round(y, 2) for y in trained.model.predict({"x": [10.0]})]
    [21.0]

    Columns of numbers are standardised and columns of texts become one 0 or 1 for each text; those
    in `categories` do, though they are numbers. `impute`, mean or median, fills what is missing; a
    text becomes the most frequent one. `hidden` are the widths of the hidden layers, none for a
    single neuron. The rest is as in `fit`, with a share of the rows held back.

    Raises `TableError` (TN142) with the line of a cell that cannot be used, and `UsageError`
    (TN141) for settings that do not suit the table.
    """
    sheet = sheet_of(data)
    names = tuple(columns) or tuple(name for name in sheet.names if name != target)
    check_columns(sheet, target, names, categories)
    inputs = [learnt(sheet, name, impute, categories) for name in names]
    model = model_for(
        inputs, learnt(sheet, target, None, categories), hidden=hidden, activation=activation,
        loss=loss, seed=seed,
    )  # fmt: skip
    rows = Rows(model.inputs(sheet), model.targets(sheet), batch_size, seed)
    return taught(
        model, rows, _quality, source=sheet.source, count=len(sheet), validation=validation,
        patience=patience, epochs=epochs, **fitting,
    )  # fmt: skip


def taught(
    model: TableModel,
    rows: Rows | Partitions,
    judge: Callable[[TableModel, Any, Any], dict[str, float]],
    *,
    source: str,
    count: int,
    validation: float,
    patience: int | None,
    **fitting: Any,
) -> Trained:
    """A model after it has learnt from `count` rows, of which a share is held back to judge by."""
    held = None
    if validation:
        rows, held = rows.split(validation)
    history = fit(
        model, (rows.x, rows.y), loss=model.loss, batch_size=rows.size, seed=rows.seed,
        validation=held, patience=patience if held else None, **fitting,
    )  # fmt: skip
    name = Path(source).name
    model.learning = {
        "source": name, "rows": count, "seed": rows.seed, "history": history.to_dict(),
    }  # fmt: skip
    quality = judge(model, *(held or (rows.x, rows.y)))
    return Trained(model, history, name, count, rows.seed, quality, len(held[1]) if held else 0)


def check_columns(
    sheet: Sheet, target: str, names: Sequence[str], categories: Sequence[str]
) -> None:
    """Raise for a name that no column has, and for a column that is asked for twice."""
    for name in (target, *names, *categories):
        sheet.column(name)
    if target in names or not names or len(set(names)) < len(names):
        raise UsageError(
            f"--columns {' '.join(names)} with --target {target}: each column can be used once.",
            why="A target among the inputs would be copied, not predicted.",
            hint=f"--target {target} --columns {' '.join(n for n in sheet.names if n != target)}",
        )


def _quality(model: TableModel, x: Any, y: Any) -> dict[str, float]:
    """How far off the predictions are, or how many are right; beside what a constant would give."""
    with no_grad(), np.errstate(all="ignore"):
        said = np.asarray(model(x).data)
    if isinstance(model.target, Numbers):
        scale = model.target.scale
        return {
            "root_mean_square_error": float(scale * np.sqrt(np.mean((said - y) ** 2))),
            "spread_of_target": float(scale * np.std(y)),
        }
    labels = y if said.ndim > 1 else y > 0
    right = said.argmax(axis=-1) == labels if said.ndim > 1 else (said > 0) == labels
    usual = np.unique(labels, return_counts=True)[1].max() / len(labels)
    return {"accuracy": float(np.mean(right)), "accuracy_of_the_usual": float(usual)}
