"""A table of numbers read from a CSV file: every row counts, or none is used.

A cell that is no number is an error with its line and its column. A row left out without a word
would change what is learnt, and nobody would know.
"""

import csv
import difflib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_neuron.lesson.mistakes import TableError
from tinygrad_neuron.lesson.text import count, words

SHOWN = 40  # signs of a cell that are shown in a message


@dataclass(frozen=True)
class Table:
    """The cells of a file as text, the names of its columns, and the line each row begins on."""

    source: str
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def numbers(self, names: Sequence[str]) -> Any:
        """The columns of these names as an array, one row for each row of the file.

        Raises TableError for a name that is not in the header, and for the first cell that is not
        a finite number.
        """
        places = [self._place(name) for name in names]
        return np.array(
            [
                [self._number(row[j], line, self.names[j]) for j in places]
                for row, line in zip(self.rows, self.lines, strict=True)
            ]
        )

    def _place(self, name: str) -> int:
        if name in self.names:
            return self.names.index(name)
        near = difflib.get_close_matches(name, self.names, n=1, cutoff=0.5)
        raise TableError(
            f"{self.source} has no column {name!r}"
            + (f"; did you mean {near[0]!r}?" if near else "."),
            why=f"Its columns are {words(self.names)}.",
            hint=f"use {near[0] if near else 'one of these names'}",
            name=name,
            near=near,
        )

    def _number(self, cell: str, line: int, name: str) -> float:
        problem = mistake(cell)
        if not problem:
            return float(cell)
        usable = [n for n, c in zip(self.names, self.rows[0], strict=True) if not mistake(c)]
        other = f"   or use other columns:  --columns {' '.join(usable)}" if usable else ""
        raise TableError(
            f"{self.source}:{line}, column {name!r}: {problem}.",
            why="A row that is left out silently would change what is learnt, so none is.",
            hint=f"correct or delete line {line}{other}",
            line=line,
            column=name,
        )


def mistake(cell: str) -> str:
    """What keeps a cell from being a number; nothing if nothing does.

    >>> mistake("1e3"), mistake("1,5"), mistake("nan")
    ('', "'1,5' is not a number", "'nan' is not a finite number")
    """
    if not cell.strip():
        return "the cell is empty"
    shown = repr(cell if len(cell) <= SHOWN else cell[:SHOWN] + "...")
    try:
        x = float(cell)
    except ValueError:
        return f"{shown} is not a number"
    if "_" in cell or not cell.isascii():  # Python's spelling of numbers, and nobody else's
        return f"{shown} is not a number"
    return "" if math.isfinite(x) else f"{shown} is not a finite number"


def read(path: str, separator: str = ",") -> Table:
    """The table in a CSV file: UTF-8, commas or another separator, names in the first line.

    Raises TableError where the file cannot be read or its rows do not have one shape.
    """
    (first, header), *body = _records(path, separator)
    names = _checked(path, first, header)
    for line, row in body:
        if len(row) != len(names):
            raise _uneven(path, line, row, names)
    if not body:
        raise TableError(
            f"{path} has a header and no rows.",
            why="There is nothing to learn from.",
            hint="one line of numbers for each example, below the names",
        )
    return Table(path, names, tuple(tuple(row) for _, row in body), tuple(line for line, _ in body))


def _records(path: str, separator: str) -> list[tuple[int, list[str]]]:
    """The records of a file with the lines they begin on; empty lines only at its end."""
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            records = list(_numbered(csv.reader(file, strict=True, delimiter=separator), path))
    except OSError as error:
        raise TableError(
            f"{path} cannot be read: {error.strerror}.", hint="check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise TableError(
            f"{path} is not UTF-8 text: {error.reason} at byte {error.start + 1}.",
            hint='save it as "CSV UTF-8"',
        ) from error
    while records and not records[-1][1]:
        records.pop()
    if not records:
        raise TableError(
            f"{path} is empty.", hint="a line of names, then one line for each example"
        )
    for line, row in records:
        if not row:
            raise TableError(
                f"{path}:{line} is an empty line between rows.",
                why="It could be a row that was lost.",
                hint=f"delete line {line}, or fill it in",
                line=line,
            )
    return records


def _numbered(reader: Any, path: str) -> Iterator[tuple[int, list[str]]]:
    begin = 1
    try:
        for row in reader:
            yield begin, row
            begin = reader.line_num + 1
    except csv.Error as error:
        raise TableError(
            f"{path}:{begin} is not CSV: {error}.",
            hint='a cell with a comma or a quote in it is written "like, this" and "like ""this"""',
            line=begin,
        ) from error


def _checked(path: str, line: int, header: Sequence[str]) -> tuple[str, ...]:
    """The names of a header, once they can be told apart."""
    names = tuple(name.strip() for name in header)
    separator = next((s for s in (";", "\t", "|") if len(names) == 1 and s in names[0]), None)
    if separator:
        raise TableError(
            f"{path}:{line} has no comma but {separator!r}: the columns cannot be told apart.",
            hint="save it with commas between the cells, and points in decimal numbers",
        )
    if not any(mistake(name) for name in names):
        raise TableError(
            f"{path}:{line} holds numbers where the names of the columns belong.",
            hint="put a first line in front, such as  x1,x2,y",
        )
    for j, name in enumerate(names):
        if not name or name in names[:j]:
            twice = f"is called {name!r}, as column {names.index(name) + 1} is"
            raise TableError(
                f"{path}:{line}, column {j + 1} {twice if name else 'has no name'}.",
                why="Each column needs a name of its own, to be asked for.",
                hint=f"rename column {j + 1} in line {line}",
                column=j + 1,
            )
    return names


def _uneven(path: str, line: int, row: Sequence[str], names: Sequence[str]) -> TableError:
    return TableError(
        f"{path}:{line} has {count(len(row), 'cell')}, and the header {len(names)}.",
        why="One cell too few or too many, and every number after it stands in the wrong column.",
        hint=f"correct line {line}:  {','.join(names)}",
        line=line,
    )
