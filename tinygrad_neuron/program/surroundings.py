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
        self.scope: dict[str, Any] = getattr(self._function, "__globals__", {})
        self.cells: list[tuple[str, CellType, Any]] = []
        self.names: list[tuple[str, Any]] = []  # of globals
        self.change()

    def same(self) -> bool:
        """Whether each variable still is what it was."""
        closed = all(cell.cell_contents is seen for _, cell, seen in self.cells)
        return closed and all(self.scope.get(name) is seen for name, seen in self.names)

    def change(self) -> str:
        """Which variables are other things than before, in words; from now on these count."""
        before = self._seen()
        self.cells, self.names = list(self._closed_over()), list(self._mentioned())
        now = self._seen()
        changed = [name for name, x in now.items() if name in before and before[name] is not x]
        return f"{', '.join(changed)}: another object than before" if changed else ""

    def _seen(self) -> dict[str, Any]:
        return {name: seen for name, _, seen in self.cells} | dict(self.names)

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
            for name in self._function.__code__.co_names:
                if name in self.scope and not isinstance(self.scope[name], ModuleType | type):
                    yield name, self.scope[name]
