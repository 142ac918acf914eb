"""How learning went, as data: a row of numbers for each look at it, and how it ended.

The history of a descent that is kept step by step (`train.History`) and that of a training in
epochs (`fitting.History`) are told, written down and drawn in the same way: by what is here.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_neuron.showing import view
from tinygrad_neuron.text import milestones, number, table

CURVES = ("loss", "validation")  # the columns that are losses


class Course:
    """Columns of numbers, one row for each look, and an `ending`; a subclass knows what it kept.

    Printed it is a table and a verdict. `to_dict` and `to_json` keep every number bit for bit.
    """

    ending: str

    @property
    def columns(self) -> Mapping[str, Sequence[float]]:
        """The numbers by name, each as long as the others; nan where there was none."""
        raise NotImplementedError

    @property
    def verdict(self) -> Any:
        """How it went, and why it ended; printed it is a sentence."""
        return self.ending

    @property
    def losses(self) -> list[float]:
        """The loss in every row."""
        return list(self.columns["loss"])

    def table(self, rows: int = 12) -> str:
        """The columns as text: all of a few rows, else 0, 1, 2, 5, 10, 20, ... and the last."""
        columns = self.columns
        shown = milestones(len(self.losses) - 1, rows)
        cells = [[_cell(column[i]) for column in columns.values()] for i in shown]
        return table(list(columns), cells)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, None for nan, ready for JSON."""
        columns = {name: [_finite(x) for x in column] for name, column in self.columns.items()}
        return {"ending": self.ending, "columns": columns}

    def to_json(self) -> str:
        """The same as JSON."""
        return json.dumps(self.to_dict(), allow_nan=False)

    def plot(self, **settings: Any) -> Any:
        """The losses as a Matplotlib figure, by `views.plots.loss_curve`, which has the settings.

        Raises `MissingExtraError` (TN180) where Matplotlib is not installed (extra `plot`).
        """
        columns = self.columns
        curves = {name: columns[name] for name in CURVES if name in columns}
        return view("plots", "loss_curve")(curves, **settings)

    def _repr_html_(self) -> str:
        return str(view("histories", "html")(self))

    def __str__(self) -> str:
        return f"{self.table()}\n{self.verdict}" if self.losses else str(self.verdict)


def _cell(x: float) -> str:
    return "" if math.isnan(x) else number(x)


def _finite(x: float) -> float | None:
    return x if math.isfinite(x) else None
