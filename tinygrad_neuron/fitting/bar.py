"""How far a training is, while it runs: a tqdm bar with the loss and the speed, or silence."""

import sys
from types import TracebackType
from typing import Any, Protocol


class Bar(Protocol):
    """What is told of every update."""

    def __enter__(self) -> Any: ...

    def __exit__(self, *problem: Any) -> Any: ...

    def update(self, n: int = 1) -> Any:
        """There was one more."""

    def set_postfix_str(self, text: str, refresh: bool = True) -> None:
        """What stands behind the bar."""


class _Silence:
    def __enter__(self) -> "_Silence":
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def update(self, n: int = 1) -> None:
        pass

    def set_postfix_str(self, text: str, refresh: bool = True) -> None:
        pass


def bar(wanted: bool | None, done: int, total: int | None) -> Bar:
    """A bar where somebody could see it, or where it is wanted; silence without tqdm."""
    if not (sys.stderr.isatty() if wanted is None else wanted):
        return _Silence()
    try:
        from tqdm import tqdm
    except ImportError:
        return _Silence()
    shown: Bar = tqdm(initial=done, total=total, unit="update", leave=False)
    return shown
