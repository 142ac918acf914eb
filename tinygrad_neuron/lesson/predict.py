"""Predicting: a learnt neuron from a file, on the rows of another table."""

import csv
import io
from dataclasses import dataclass
from typing import Any

from tinygrad_neuron.lesson import text
from tinygrad_neuron.lesson.model import Model
from tinygrad_neuron.lesson.table import Table


@dataclass(frozen=True)
class Predictions:
    """One number, or one text, for each row, and what it should be where the table knows."""

    target: str
    predicted: tuple[float | str, ...]
    actual: tuple[float | str, ...] | None
    succeeded: bool = True
    interrupted: bool = False


def run(model: Model, table: Table) -> Predictions:
    """Predict every row of a table that has the model's input columns, in any order."""
    predicted = model.predict(table.numbers(model.inputs))
    actual = None
    if model.target in table.names:
        actual = tuple(table.numbers([model.target])[:, 0].tolist())
    return Predictions(model.target, tuple(predicted.tolist()), actual)


def screen(predictions: Predictions, look: text.Look = text.PLAIN) -> str:
    """CSV, one line for each row, so that it can go into a file as it is."""
    name, values = f"{predictions.target}_predicted", predictions.predicted
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if predictions.actual is None:
        writer.writerows([[name], *([v] for v in values)])
    else:
        pairs = zip(predictions.actual, values, strict=True)
        writer.writerows([[predictions.target, name], *pairs])
    return out.getvalue().rstrip("\n")


def record(predictions: Predictions) -> dict[str, Any]:
    """The predictions for a machine."""
    return {
        "target": predictions.target,
        "predicted": list(predictions.predicted),
        "actual": None if predictions.actual is None else list(predictions.actual),
    }
