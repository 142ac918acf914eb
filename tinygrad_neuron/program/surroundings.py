"""What a function mentions besides its arguments: noticed when it becomes another thing."""

import inspect
from collections.abc import Callable, Iterator
from types import CellType, ModuleType
from typing import Any


class Surroundings:
    """The variables that a function closes over, and the globals that it mentions.

    Another object in one of them is noticed; what happens inside of an object is not.
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        inner = inspect.unwrap(f)
        self._function = inner if inspect.isfunction(inner) else None
        self._cells: list[tuple[str, CellType, Any]] = []
        self._globals: list[tuple[str, Any]] = []
        self.change()

    def same(self) -> bool:
        """Whether each variable still is what it was."""
        for _, cell, seen in self._cells:
            if cell.cell_contents is not seen:
                return False
        if self._globals:
            scope = self._function.__globals__  # type: ignore[union-attr]  # it has globals
            for name, seen in self._globals:
                if scope.get(name) is not seen:
                    return False
        return True

    def change(self) -> str:
        """Which variables are other things than before, in words; from now on these count."""
        before = {name: seen for name, _, seen in self._cells} | dict(self._globals)
        self._cells, self._globals = list(self._closed_over()), list(self._mentioned())
        now = {name: seen for name, _, seen in self._cells} | dict(self._globals)
        changed = [name for name, x in now.items() if name in before and before[name] is not x]
        return f"{', '.join(changed)}: another object than before" if changed else ""

    def _closed_over(self) -> Iterator[tuple[str, CellType, Any]]:
        if self._function is not None:
            names = self._function.__code__.co_freevars
            for name, cell in zip(names, self._function.__closure__ or (), strict=True):
                try:
                    yield name, cell, cell.cell_contents
                except ValueError:  # nothing in it yet
                    continue

    def _mentioned(self) -> Iterator[tuple[str, Any]]:
        if self._function is not None:
            scope = self._function.__globals__
            for name in self._function.__code__.co_names:
                if name in scope and not isinstance(scope[name], ModuleType | type):
                    yield name, scope[name]
