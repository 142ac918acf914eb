"""How a column becomes numbers, as it was learnt from one table and is done to every other.

A column of numbers is taken to mean 0 and spread 1. A column of texts becomes as many columns as it
has different texts, of which one holds a 1.
"""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_neuron.lesson.mistakes import TableError
from tinygrad_neuron.tables.sheet import Cell, Sheet
from tinygrad_neuron.text import count, few, number, words

Array = Any

IMPUTATIONS: dict[str, Any] = {"mean": np.mean, "median": np.median}
SINGLE = 0.5  # of the rows: a column of texts with more different ones names rows, and no kinds
FEW = 20  # different texts are never too many


@dataclass(frozen=True)
class Numbers:
    """A column of numbers; `fill` stands for a missing one, None if there must not be any."""

    name: str
    mean: float
    scale: float
    fill: float | None = None

    @property
    def width(self) -> int:
        """How many columns it becomes."""
        return 1

    def encoded(self, sheet: Sheet) -> Array:
        """The column of a table, (N, 1), standardised."""
        return (self.numbers(sheet)[:, None] - self.mean) / self.scale

    def numbers(self, sheet: Sheet) -> Array:
        """The column as it is, (N,). Raises `TableError` (TN142) for what is no number."""
        cells = list(sheet.column(self.name))
        for i, cell in enumerate(cells):
            if cell is None:
                cells[i] = _filled(sheet, i, self.name, self.fill)
            elif isinstance(cell, str) or not math.isfinite(cell):
                raise _no_number(sheet, i, self.name, cell)
        return np.array(cells, float)

    def __str__(self) -> str:
        filled = "" if self.fill is None else f", {number(self.fill)} if missing"
        return f"number, mean {number(self.mean, 4)}, spread {number(self.scale, 4)}{filled}"


@dataclass(frozen=True)
class Categories:
    """A column of texts; `fill` stands for a missing one, None if there must not be any."""

    name: str
    values: tuple[str, ...]
    fill: str | None = None

    @property
    def width(self) -> int:
        """How many columns it becomes."""
        return len(self.values)

    def encoded(self, sheet: Sheet) -> Array:
        """The column of a table, (N, number of texts), each row with a single 1."""
        return np.eye(len(self.values))[self.places(sheet)]

    def places(self, sheet: Sheet) -> Array:
        """Which of the texts each row has, (N,). Raises `TableError` (TN142) for another one."""
        known = {value: i for i, value in enumerate(self.values)}
        found = []
        for i, cell in enumerate(sheet.column(self.name)):
            text = _filled(sheet, i, self.name, self.fill) if cell is None else as_text(cell)
            if text not in known:
                raise _unknown(sheet, i, self.name, text, self.values)
            found.append(known[text])
        return np.array(found)

    def __str__(self) -> str:
        filled = "" if self.fill is None else f", {self.fill!r} if missing"
        return f"{count(len(self.values), 'category')}".replace("ys", "ies") + (
            f": {words(few(self.values, 6))}{filled}"
        )


Column = Numbers | Categories


def learnt(
    sheet: Sheet, name: str, impute: str | None = None, categories: Collection[str] = ()
) -> Column:
    """How a column is to become numbers: what it holds says whether it is of numbers or texts.

    Raises `TableError` (TN142) for missing cells unless they are to be imputed, for a column that
    holds both numbers and texts, and for one whose texts name its rows.
    """
    cells = sheet.column(name)
    present = [cell for cell in cells if cell is not None]
    if len(present) < len(cells) and impute is None:
        _filled(sheet, cells.index(None), name, None)
    if not present:
        raise TableError(
            f"Column {name!r} of {sheet.source} is empty.",
            why="It says nothing about any row.",
            hint="leave it out: --columns and the others",
        )
    some_text = any(isinstance(cell, str) for cell in present)
    if name in categories or (some_text and all(isinstance(cell, str) for cell in present)):
        return _categories(sheet, name, present, impute is not None)
    if some_text:
        i = next(i for i, cell in enumerate(cells) if isinstance(cell, str))
        raise _no_number(sheet, i, name, cells[i])
    return _numbers(sheet, name, present, impute)


def _numbers(sheet: Sheet, name: str, present: Sequence[Cell], impute: str | None) -> Numbers:
    numbers = np.array(present, float)
    if not np.isfinite(numbers).all():
        i = next(i for i, x in enumerate(sheet.column(name)) if x is not None and not _finite(x))
        raise _no_number(sheet, i, name, sheet.column(name)[i])
    spread = float(numbers.std())
    still = not spread > 1e-12 * abs(float(numbers[0]))
    fill = None if impute is None else float(IMPUTATIONS[impute](numbers))
    return Numbers(name, float(numbers.mean()), 1.0 if still else spread, fill)


def _categories(sheet: Sheet, name: str, present: Sequence[Cell], impute: bool) -> Categories:
    texts = Counter(as_text(cell) for cell in present)
    if len(texts) > max(FEW, SINGLE * len(present)):
        raise TableError(
            f"Column {name!r} of {sheet.source} has {len(texts)} different texts in "
            f"{len(present)} rows.",
            why="They tell rows apart, and say nothing about others.",
            hint="leave it out: --columns and the others",
            name=name,
        )
    usual = texts.most_common(1)[0][0] if impute else None
    return Categories(name, tuple(sorted(texts)), usual)


def as_text(cell: Cell) -> str:
    """A cell as the name of a category: 3.0 is "3"."""
    return f"{cell:.17g}" if isinstance(cell, float) else str(cell)


def _finite(x: Cell) -> bool:
    return isinstance(x, float) and math.isfinite(x)


def _filled(sheet: Sheet, i: int, name: str, fill: Any) -> Any:
    if fill is not None:
        return fill
    missing = sum(cell is None for cell in sheet.column(name))
    more = f" ({missing} of {len(sheet)} are)" if missing > 1 else ""
    raise TableError(
        f"{sheet.place(i, name)}: the cell is empty{more}.",
        why="A row that is left out silently would change what is learnt, so none is.",
        hint="fill it in;  or --impute median, which is remembered in the model",
        row=i,
        column=name,
    )


def _no_number(sheet: Sheet, i: int, name: str, cell: Cell) -> TableError:
    return TableError(
        f"{sheet.place(i, name)}: {str(cell)!r:.50} is not a finite number, and others are.",
        why="A slip in one cell would make a category of every number.",
        hint=f"correct it;  or --categories {name}, if its numbers are only names",
        row=i,
        column=name,
    )


def _unknown(sheet: Sheet, i: int, name: str, text: str, known: Sequence[str]) -> TableError:
    return TableError(
        f"{sheet.place(i, name)}: {text!r:.50} was not there when the model learnt.",
        why=f"It knows {words(few(known, 12))}.",
        hint="one of these, or train again with such rows",
        row=i,
        column=name,
    )
