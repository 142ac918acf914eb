"""A table of any kind of cell: from a file of text, a file of arrays, or a data frame.

A cell is a number, a text or None for a missing one. Where it came from is kept: whatever is wrong
with a cell is said with its line.
"""

import difflib
import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_neuron.errors import MissingExtraError
from tinygrad_neuron.lesson import table
from tinygrad_neuron.lesson.mistakes import TableError
from tinygrad_neuron.saving.archive import BROKEN, NUMBERS, arrays_in
from tinygrad_neuron.text import few, words

Cell = float | str | None

MISSING = {"", "na", "n/a", "nan", "none", "null", "?"}  # how people write that there is nothing
LARGEST = 2**32  # bytes that a file of arrays may unfold into


@dataclass(frozen=True)
class Sheet:
    """Columns of cells by name, and how each row is found again: `lines`, and what they count."""

    source: str
    columns: Mapping[str, Sequence[Cell]]
    lines: Sequence[int]
    counted: str = "line"

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns in order."""
        return tuple(self.columns)

    def column(self, name: str) -> Sequence[Cell]:
        """A column by name. Raises `TableError` (TN142), which knows a name that is near."""
        if name in self.columns:
            return self.columns[name]
        near = difflib.get_close_matches(name, self.names, n=1, cutoff=0.5)
        raise TableError(
            f"{self.source} has no column {name!r}"
            + (f"; did you mean {near[0]!r}?" if near else "."),
            why=f"Its columns are {words(few(self.names, 12))}.",
            hint=f"use {near[0] if near else 'one of these names'}",
            name=name,
        )

    def place(self, i: int, name: str) -> str:
        """`data.csv:17, column 'age'`: a cell as a person finds it."""
        where = f":{self.lines[i]}" if self.counted == "line" else f", row {self.lines[i]}"
        return f"{self.source}{where}, column {name!r}"


def sheet_of(data: Any) -> Sheet:
    """A table from whatever holds one: a path, columns by name, a data frame, or itself.

    `.npz` is read as arrays, `.parquet` by Dask's reader (extra `parquet`), `.tsv` and `.tab` with
    tabs, anything else as CSV. A data frame is known by its `columns`, so no library for them is
    needed.

    >>> sheet_of({"x": [1.0, 2.0], "kind": ["a", None]}).columns
    {'x': [1.0, 2.0], 'kind': ['a', None]}

    Raises `TableError` (TN142) where it cannot be read, and `MissingExtraError` (TN180) for Parquet
    without its reader.
    """
    if isinstance(data, Sheet):
        return data
    if isinstance(data, str | Path):
        path = str(data)
        return READERS.get(Path(path).suffix, _from_text)(path)
    if hasattr(data, "columns"):
        return _of_columns("the data frame", {str(name): data[name] for name in data.columns})
    if isinstance(data, Mapping):
        return _of_columns("the table", data)
    raise TableError(
        f"A {type(data).__name__} is no table.",
        hint="a path (.csv, .tsv, .npz, .parquet), a data frame, or a dictionary of columns",
    )


def _from_text(path: str) -> Sheet:
    read = table.read(path, "\t" if path.endswith((".tsv", ".tab")) else ",")
    columns = {name: [_cell(row[j]) for row in read.rows] for j, name in enumerate(read.names)}
    return Sheet(path, columns, read.lines)


def _cell(text: str) -> Cell:
    """A cell of text: a number if it is one."""
    bare = text.strip()
    if bare.lower() in MISSING:
        return None
    return bare if table.mistake(bare) else float(bare)


def _from_parquet(path: str) -> Sheet:
    """The columns of a Parquet file, as Dask's own reader has them."""
    try:
        from dask.dataframe import read_parquet
    except ImportError:
        raise MissingExtraError.of("dask[dataframe]", "parquet", "A Parquet file") from None
    try:
        frame = read_parquet(path).compute()
    except (OSError, ValueError) as error:
        raise TableError(f"{path} cannot be read: {error}.", hint="check the path") from None
    return _of_columns(path, {str(name): frame[name] for name in frame.columns})


def _from_arrays(path: str) -> Sheet:
    """The arrays of an archive as columns; one of two dimensions is a column for each of its."""
    try:
        with zipfile.ZipFile(path) as members:
            if sum(info.file_size for info in members.infolist()) > LARGEST:
                raise ValueError(f"it would unfold into more than {LARGEST >> 30} GiB")
            arrays = arrays_in(members, NUMBERS + "U")
    except OSError as error:
        raise TableError(
            f"{path} cannot be read: {error.strerror}.", hint="check the path"
        ) from error
    except BROKEN as error:
        raise TableError(
            f"{path} is no archive of arrays of numbers or text: {error}.",
            hint="np.savez(path, x=x, y=y)",
        ) from error
    return _of_columns(path, arrays)


def _of_columns(source: str, given: Mapping[str, Any]) -> Sheet:
    columns: dict[str, Sequence[Cell]] = {}
    for name, array in given.items():
        cells = np.asarray(array)
        if cells.ndim == 2 and cells.shape[1] != 1:
            columns |= {f"{name}{j}": _cells(cells[:, j]) for j in range(cells.shape[1])}
        elif cells.ndim in (1, 2):
            columns[name] = _cells(cells.reshape(len(cells)))
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) != 1 or not all(lengths.values()):
        raise TableError(
            f"The columns of {source} have these lengths: {lengths}.",
            why="Every row has a cell in every column, and there must be rows.",
            hint="np.savez(path, x=x, y=y), with as many rows in y as in x",
        )
    return Sheet(source, columns, range(1, 1 + max(lengths.values())), "row")


def _cells(array: Any) -> list[Cell]:
    return [_plain(x) for x in array.tolist()]


def _plain(x: Any) -> Cell:
    """A cell of an array or of a data frame."""
    if isinstance(x, bool | int | float):
        return None if math.isnan(x) else float(x)
    if isinstance(x, str):
        return None if x.strip().lower() in MISSING else x.strip()
    # what stands for nothing is not itself, or (pandas' NA) will not say whether it is
    return None if x is None or str(x) in ("<NA>", "NaT", "nan") else str(x)


READERS = {".npz": _from_arrays, ".parquet": _from_parquet}
