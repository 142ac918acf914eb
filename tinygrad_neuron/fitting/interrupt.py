"""Ctrl-C, heeded between two updates, so that what is kept is the work of whole ones."""

import signal
import threading
from types import FrameType
from typing import Any


class Interrupt:
    """While it is entered, Ctrl-C sets `pressed`; pressed again, it interrupts wherever it is.

    In other threads than the main one, and where somebody else handles the signal, nothing changes.
    """

    def __init__(self) -> None:
        self.pressed = False
        self._before: Any = None

    def __enter__(self) -> "Interrupt":
        usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if usual and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(self, *problem: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _press(self, number: int, frame: FrameType | None) -> None:
        if self.pressed:
            raise KeyboardInterrupt
        self.pressed = True
