"""A network together with its table: which columns it takes, how they become numbers, what it says.

All of that is learnt, and all of it is saved.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_neuron import losses, saving
from tinygrad_neuron.lesson import model as lesson_model
from tinygrad_neuron.lesson.mistakes import UsageError
from tinygrad_neuron.modes import no_grad
from tinygrad_neuron.nn import MLP, Module, Neuron
from tinygrad_neuron.ops import sigmoid, softmax
from tinygrad_neuron.saving.archive import PathLike
from tinygrad_neuron.tables.columns import Categories, Column, Numbers
from tinygrad_neuron.tables.sheet import sheet_of
from tinygrad_neuron.text import words

Array = Any

# which losses a network learns a target by, and how its labels are written for them
OF_NUMBERS = (
    "squared_error", "absolute_error", "huber", "smooth_l1", "pseudo_huber", "log_cosh",
    "quantile", "expectile", "epsilon_insensitive", "squared_epsilon_insensitive", "cauchy",
    "geman_mcclure", "welsch", "tukey", "barron", "logistic_error",
)  # fmt: skip
OF_ANSWERS = ("binary_cross_entropy", "focal", "poly1_binary", "brier")  # 0 and 1
OF_SIGNS = (
    "logistic", "hinge", "squared_hinge", "smoothed_hinge", "modified_huber", "exponential",
    "squared_margin", "savage",
)  # fmt: skip
OF_CLASSES = (
    "cross_entropy", "focal_multiclass", "weston_watkins", "crammer_singer", "sparsemax",
    "generalized_cross_entropy", "poly_cross_entropy",
)  # fmt: skip


class TableModel(Module):
    """A network that is given rows of a table, and says a number or a category for each.

    `columns` are what it looks at, `target` is what it says, `loss` the name of what it learnt by,
    and `learning` tells how that went.
    """

    def __init__(self, columns: Sequence[Column], target: Column, network: Any, loss: str) -> None:
        self.columns = tuple(columns)
        self.target = target
        self.network = network
        self.loss = loss
        self.learning: dict[str, Any] = {}

    def __call__(self, x: Array) -> Any:
        """What the network says of rows of `inputs`: numbers standardised, or scores."""
        return self.network(x)

    def inputs(self, data: Any) -> Array:
        """The rows of a table as the network is given them, (N, width)."""
        sheet = sheet_of(data)
        return np.concatenate([column.encoded(sheet) for column in self.columns], axis=1)

    def targets(self, data: Any) -> Array:
        """The column to be said, as the loss takes it."""
        sheet = sheet_of(data)
        if isinstance(self.target, Numbers):
            return self.target.encoded(sheet)[:, 0]
        places = self.target.places(sheet)
        if self.loss in OF_CLASSES:
            return places
        return 2.0 * places - 1.0 if self.loss in OF_SIGNS else places.astype(float)

    @property
    def targets_kind(self) -> type:
        """What the entries of `targets` are: whole numbers where they are labels."""
        return int if isinstance(self.target, Categories) and self.loss in OF_CLASSES else float

    def scores(self, data: Any) -> Array:
        """What the network says of the rows of a table, before it is read as anything."""
        with no_grad(), np.errstate(all="ignore"):
            return np.asarray(self.network(self.inputs(data)).data)

    def predict(self, data: Any) -> list[Any]:
        """A number, or a text, for each row of a table; the columns may stand in any order.

        A table is a path, a data frame, or columns by name. Raises `TableError` (TN142) for what
        is missing in it, and for a category that was not there when the model learnt.
        """
        return self._read(self.scores(data))

    def probabilities(self, data: Any) -> Array | None:
        """How likely the texts are, (N, number of texts); None where the loss knows no likelihood.

        The columns are in the order of `target.values`.
        """
        scores = self.scores(data)
        if self.loss == "cross_entropy":
            return softmax(scores, axis=-1)
        if self.loss != "binary_cross_entropy" or isinstance(self.target, Numbers):
            return None
        p = sigmoid(scores)
        return np.stack([sigmoid(-scores), p], axis=-1)

    def _read(self, scores: Array) -> list[Any]:
        if isinstance(self.target, Numbers):
            return (scores * self.target.scale + self.target.mean).tolist()
        places = scores.argmax(axis=-1) if self.loss in OF_CLASSES else (scores > 0).astype(int)
        return [self.target.values[i] for i in places]

    def export(self, path: str | Path) -> None:
        """Write a Python file whose `predict(x)` needs NumPy alone and takes the table's numbers.

        x has a column for each of numbers and, for each of texts, one 0 or 1 for every text; the
        file lists them in order. It gives numbers in the units of the table, probabilities where
        the loss knows them, and scores elsewhere.
        """
        width = sum(column.width for column in self.columns)
        saving.export(_InUnits(self), path, np.zeros((2, width)), about=self._about())

    def _about(self) -> str:
        """The columns of x, and what comes out."""
        names = [
            f"{column.name} = {value}" if value else column.name
            for column in self.columns
            for value in (column.values if isinstance(column, Categories) else ("",))
        ]
        lines = [f"x[:, {i}]: {name}" for i, name in enumerate(names)]
        if isinstance(self.target, Numbers):
            return "\n".join([*lines, f"It says: {self.target.name}"])
        says = {"binary_cross_entropy": "probability", "cross_entropy": "probabilities"}
        what = says.get(self.loss, "scores")
        told = self.target.values[1:] if self.loss not in OF_CLASSES else self.target.values
        return "\n".join([*lines, f"It says: {what} of {self.target.name} = {words(told)}"])

    def __repr__(self) -> str:
        names = words([column.name for column in self.columns])
        return f"TableModel of {self.target.name} from {names}: {self.network}"


class _InUnits(Module):
    """A table's model that is given numbers as they stand there, and answers in the same units."""

    def __init__(self, model: TableModel) -> None:
        plain = [
            (column.mean, column.scale) if isinstance(column, Numbers) else (0.0, 1.0)
            for column in model.columns
            for _ in range(column.width)
        ]
        self.mean, self.scale = np.array(plain).T.copy()
        self.network, self.target, self.loss = model.network, model.target, model.loss

    def __call__(self, x: Array) -> Any:
        said = self.network((x - self.mean) / self.scale)
        if isinstance(self.target, Numbers):
            return said * self.target.scale + self.target.mean
        if self.loss == "cross_entropy":
            return softmax(said, axis=-1)
        return sigmoid(said) if self.loss == "binary_cross_entropy" else said


def model_for(
    columns: Sequence[Column],
    target: Column,
    *,
    hidden: Sequence[int],
    activation: str,
    loss: str | None,
    seed: int,
) -> TableModel:
    """A network of the right width, with as many outputs as its loss takes.

    Raises `UsageError` (TN141) for a loss that is not for such a target.
    """
    allowed = _losses_for(target)
    name = losses.get(loss).__name__ if loss else allowed[0]
    if name not in allowed:
        kind = "a number" if isinstance(target, Numbers) else f"one of {len(target.values)} texts"
        raise UsageError(
            f"--loss {loss} does not go with {target.name!r}, which is {kind}.",
            why="A loss compares what the network says with what it is made for.",
            hint=f"--loss {words(allowed, last='or')}",
        )
    outputs = len(target.values) if isinstance(target, Categories) and name in OF_CLASSES else 1
    width = sum(column.width for column in columns)
    network = MLP(width, [*hidden, outputs], activation=activation, rng=seed)
    return TableModel(columns, target, network, name)


def _losses_for(target: Column) -> tuple[str, ...]:
    if isinstance(target, Numbers):
        return OF_NUMBERS
    if len(target.values) < 2:
        raise UsageError(
            f"The target {target.name!r} is {target.values[0]!r} in every row.",
            why="There is nothing to tell apart.",
            hint="--target and another column",
        )
    return (*OF_ANSWERS, *OF_SIGNS, *OF_CLASSES) if len(target.values) == 2 else OF_CLASSES


# ------------------------------------------------------------------------------------- as a file

KNOWN = (TableModel, Numbers, Categories)


def load(path: PathLike) -> TableModel:
    """A model in a file: of `train --save`, or a neuron of `learn --save`.

    Raises `ModelFileError` (TN143) for anything else.
    """
    if is_neuron(path):
        return _of_neuron(lesson_model.load(str(path)))
    found = saving.load(path, known=KNOWN)
    if not isinstance(found, TableModel):
        raise saving.archive.foreign(path, f"it holds {found!r:.60}, which knows no table")
    try:
        width = sum(column.width for column in found.columns)
        found.network(np.zeros((1, width)))
    except (TypeError, ValueError, AttributeError, LookupError) as error:
        raise saving.archive.damaged(path, f"its parts do not fit: {error}") from error
    return found


def is_neuron(path: PathLike) -> bool:
    """Whether a file is JSON, as the lesson writes its neuron: it begins with a brace."""
    try:
        with Path(path).open("rb") as file:
            return file.read(64).lstrip()[:1] == b"{"
    except OSError:
        return False  # whoever reads it says why


def _of_neuron(learnt: lesson_model.Model) -> TableModel:
    """A neuron of the lesson as what it is: the smallest network."""
    neuron = Neuron(len(learnt.weights), activation=learnt.activation)
    neuron.w.data, neuron.b.data = learnt.weights, learnt.bias
    parts = zip(learnt.inputs, learnt.mean, learnt.scale, strict=True)
    columns = [Numbers(name, mean, scale) for name, mean, scale in parts]
    return TableModel(columns, Numbers(learnt.target, 0.0, 1.0), neuron, learnt.loss)
