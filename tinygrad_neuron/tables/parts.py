"""A table in several files, which together need not fit into memory: a file is a partition.

One pass finds out what the columns hold. After that a file is read when its rows are wanted, by
Dask (extra `cluster`), in this process or where a cluster's workers are, who see the same files.
"""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from glob import glob
from typing import Any, NamedTuple

import numpy as np

from tinygrad_neuron.arrays import in_memory
from tinygrad_neuron.errors import MissingExtraError
from tinygrad_neuron.fitting.batches import Partitions
from tinygrad_neuron.lesson.mistakes import TableError, UsageError
from tinygrad_neuron.modes import no_grad
from tinygrad_neuron.tables.columns import Categories, Column, Numbers, as_text, learnt
from tinygrad_neuron.tables.learning import Trained, check_columns, taught
from tinygrad_neuron.tables.model import TableModel, model_for
from tinygrad_neuron.tables.sheet import sheet_of

Array = Any


def is_pattern(data: Any) -> bool:
    """Whether it names several files: `part-*.csv`."""
    return isinstance(data, str) and any(sign in data for sign in "*?[")


def train_parts(
    pattern: str,
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
    """What a network has learnt from the files that a pattern names, each of them a table.

    All is as for `train`, but that whole files are held back, that a batch has rows of one file,
    and that `batch_size=None` goes over all files for each update. A file is read anew whenever
    its rows are wanted.

    Raises what `train` raises, and `TableError` (TN142) for files whose columns differ in kind.
    """
    if impute == "median":
        raise UsageError(
            "--impute median of several files would need them all in memory.",
            hint="--impute mean",
        )
    files = _files(pattern)
    sheet = sheet_of(files[0])
    names = tuple(columns) or tuple(name for name in sheet.names if name != target)
    check_columns(sheet, target, names, categories)
    facts = _looked_through(files, (*names, target), impute, categories)
    model = model_for(
        [facts.column(name, impute) for name in names], facts.column(target, None),
        hidden=hidden, activation=activation, loss=loss, seed=seed,
    )  # fmt: skip
    rows = Partitions(*_arrays(files, facts.rows, model), batch_size, seed)
    return taught(
        model, rows, _quality, source=pattern, count=sum(facts.rows), validation=validation,
        patience=patience, epochs=epochs, **fitting,
    )  # fmt: skip


def _files(pattern: str) -> list[str]:
    files = sorted(glob(pattern))
    if not files:
        raise TableError(f"{pattern} names no file.", hint="quotes around it:  'part-*.csv'")
    return files


# ----------------------------------------------------------------------- what the columns hold


class Spread(NamedTuple):
    """How many numbers there are, their mean, and the sum of squares around it."""

    n: int
    mean: float
    squares: float

    def joined(self, other: "Spread") -> "Spread":
        """Both together (Chan, Golub and LeVeque, 1979)."""
        n, gap = self.n + other.n, other.mean - self.mean
        squares = self.squares + other.squares + gap * gap * self.n * other.n / n
        return Spread(n, self.mean + gap * other.n / n, squares)


@dataclass(frozen=True)
class Facts:
    """What is known of all files: their rows, and of each column its spread or its texts."""

    rows: tuple[int, ...]
    spreads: dict[str, Spread]
    texts: dict[str, Counter[str]]

    def column(self, name: str, impute: str | None) -> Column:
        """How the column is to become numbers."""
        if name in self.texts:
            texts = self.texts[name]
            usual = texts.most_common(1)[0][0] if impute else None
            return Categories(name, tuple(sorted(texts)), usual)
        n, mean, squares = self.spreads[name]
        spread = math.sqrt(squares / n)
        still = not spread > 1e-12 * abs(mean)
        return Numbers(name, mean, 1.0 if still else spread, mean if impute else None)


Seen = tuple[int, dict[str, Spread | Counter[str]]]


def _seen(path: str, names: Sequence[str], impute: str | None, as_names: Collection[str]) -> Seen:
    """One file: how many rows, and what its columns hold. Raises `TableError` as `learnt` does."""
    sheet = sheet_of(path)
    found: dict[str, Spread | Counter[str]] = {}
    for name in names:
        column = learnt(sheet, name, impute, as_names)
        present = [cell for cell in sheet.column(name) if cell is not None]
        if isinstance(column, Categories):
            found[name] = Counter(map(as_text, present))
        else:
            numbers = np.array(present, float)
            mean = float(numbers.mean())
            found[name] = Spread(len(numbers), mean, float(((numbers - mean) ** 2).sum()))
    return len(sheet), found


def _looked_through(
    files: Sequence[str], names: Sequence[str], impute: str | None, as_names: Collection[str]
) -> Facts:
    """The facts of all files, each looked through where the computing is done."""
    dask = _dask()
    look = dask.delayed(_seen, pure=False)
    each: list[Seen] = in_memory([look(file, names, impute, as_names) for file in files])
    spreads: dict[str, Spread] = {}
    texts: dict[str, Counter[str]] = {}
    for file, (_, found) in zip(files, each, strict=True):
        for name, fact in found.items():
            if isinstance(fact, Spread) and name not in texts:
                spreads[name] = spreads[name].joined(fact) if name in spreads else fact
            elif isinstance(fact, Counter) and name not in spreads:
                texts[name] = texts.get(name, Counter()) + fact
            else:
                raise _mixed(file, name, isinstance(fact, Spread))
    return Facts(tuple(rows for rows, _ in each), spreads, texts)


def _mixed(file: str, name: str, numbers: bool) -> TableError:
    here, before = ("numbers", "texts") if numbers else ("texts", "numbers")
    return TableError(
        f"Column {name!r} of {file} is of {here}, and in the files before it of {before}.",
        why="A column is of numbers or of texts in all of them.",
        hint=f"--categories {name}, if its numbers are only names;  or correct it",
        name=name,
    )


# --------------------------------------------------------------------------------- as arrays


def _encoded(path: str, told: TableModel) -> tuple[Array, Array]:
    """The rows of a file as a model takes them."""
    sheet = sheet_of(path)
    return told.inputs(sheet), told.targets(sheet)


def _arrays(files: Sequence[str], rows: Sequence[int], model: TableModel) -> tuple[Array, Array]:
    """All rows as Dask arrays, a partition for each file."""
    da, dask = _dask().array, _dask()
    told = TableModel(model.columns, model.target, None, model.loss)  # what reading needs to know
    width, kind = sum(column.width for column in model.columns), model.targets_kind
    parts = [dask.delayed(_encoded, pure=False, nout=2)(file, told) for file in files]
    x = [da.from_delayed(part[0], (n, width), float) for part, n in zip(parts, rows, strict=True)]
    y = [da.from_delayed(part[1], (n,), kind) for part, n in zip(parts, rows, strict=True)]
    return da.concatenate(x), da.concatenate(y)


def _dask() -> Any:
    try:
        import dask.array
    except ImportError:
        raise MissingExtraError.of("Dask", "cluster", "A table in several files") from None
    return dask


# ------------------------------------------------------------------------------- how good it is


def _quality(model: TableModel, x: Array, y: Array) -> dict[str, float]:
    """The same numbers as of a table in memory, from sums over the partitions."""
    ask = _dask().delayed(_sums, pure=False)
    pairs = zip(x.to_delayed().ravel(), y.to_delayed().ravel(), strict=True)
    each = in_memory([ask(model, *pair) for pair in pairs])
    rows = sum(part["rows"] for part in each)
    if isinstance(model.target, Numbers):
        mean = sum(part["sum"] for part in each) / rows
        spread = sum(part["squares"] for part in each) / rows - mean**2
        off = sum(part["off"] for part in each) / rows
        scale = model.target.scale
        return {
            "root_mean_square_error": scale * math.sqrt(off),
            "spread_of_target": scale * math.sqrt(max(spread, 0.0)),
        }
    usual = sum((part["labels"] for part in each), Counter()).most_common(1)[0][1]
    right = sum(part["right"] for part in each)
    return {"accuracy": right / rows, "accuracy_of_the_usual": usual / rows}


def _sums(model: TableModel, x: Array, y: Array) -> dict[str, Any]:
    with no_grad(), np.errstate(all="ignore"):
        said = np.asarray(model(x).data)
    if isinstance(model.target, Numbers):
        return {
            "rows": len(y), "sum": float(y.sum()), "squares": float((y * y).sum()),
            "off": float(((said - y) ** 2).sum()),
        }  # fmt: skip
    labels = y if said.ndim > 1 else y > 0
    right = said.argmax(axis=-1) == labels if said.ndim > 1 else (said > 0) == labels
    return {"rows": len(y), "labels": Counter(labels.tolist()), "right": int(right.sum())}
