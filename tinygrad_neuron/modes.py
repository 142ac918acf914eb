"""What a block says to everything that runs inside it: nothing is recorded, a model learns.

Each block is of one thread and context. Those that slow recording down are counted besides, in a
list with an entry for each that is open anywhere: while it is empty, nobody asks further.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from tinygrad_neuron.errors import caller, place

Open = list[None]  # lists grow and shrink whole, so that threads need no lock

pauses: Open = []  # the blocks of `no_grad`, `places` and `standing_in`
placing: Open = []  # those of `places` alone
watching: Open = []  # those of `watched`

# ------------------------------------------------------------------------------ not recording

_paused: ContextVar[bool] = ContextVar("paused", default=False)
paused_now = _paused.get


@contextmanager
def no_grad() -> Iterator[None]:
    """A block in which results forget what made them, so that long loops hold no memory.

    >>> from tinygrad_neuron import Value, no_grad
    >>> w = Value(3.0)
    >>> with no_grad():
    ...     y = w * w
    >>> y.inputs
    ()

    Only this thread and context stop recording; blocks nest.
    """
    token = _paused.set(True)
    pauses.append(None)
    try:
        yield
    finally:
        pauses.pop()
        _paused.reset(token)


@contextmanager
def recording() -> Iterator[None]:
    """A block that records, also inside `no_grad`: a gradient is asked for, so there is a graph."""
    token = _paused.set(False)
    try:
        yield
    finally:
        _paused.reset(token)


def paused() -> bool:
    """Whether results made here and now forget what made them."""
    return bool(pauses) and paused_now()


# ------------------------------------------------------------------------------ places


class Placed(dict[str, Any]):
    """The settings of a node made inside `places`, which know as well the line that made it."""

    __slots__ = ("place",)

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings)
        self.place = place(caller())

    def __bool__(self) -> bool:  # a node keeps its settings if there are any
        return True


@contextmanager
def places() -> Iterator[None]:
    """A block whose results remember the line of code that made them, for who explains them.

    >>> from tinygrad_neuron import Value, places
    >>> w = Value(3.0)
    >>> with places():
    ...     y = w * w
    >>> y.place.endswith("y = w * w")
    True

    Looking for the line makes recording slow inside the block, and nothing slower outside.
    """
    pauses.append(None)
    placing.append(None)
    try:
        yield
    finally:
        placing.pop()
        pauses.pop()


# ------------------------------------------------------------------------------ stand-ins

StandIn = Callable[[Any], Any]
_stand_in: ContextVar[StandIn | None] = ContextVar("stand_in", default=None)
stand_in_now = _stand_in.get


@contextmanager
def standing_in(stand_in: StandIn) -> Iterator[None]:
    """A block in which every input of a primitive is replaced by what stands in for it.

    In a trace that is how the number of a leaf that nobody handed in is kept out of it.
    """
    token = _stand_in.set(stand_in)
    pauses.append(None)
    try:
        yield
    finally:
        pauses.pop()
        _stand_in.reset(token)


def has_stand_ins() -> bool:
    """Whether here and now others stand in for leaves."""
    return bool(pauses) and stand_in_now() is not None


# ------------------------------------------------------------------------------ being watched

_watcher: ContextVar[Any] = ContextVar("watcher", default=None)


@contextmanager
def watched(watcher: Any) -> Iterator[None]:
    """A block whose `backward()` is done by `watcher.backward`, in this thread and context."""
    token = _watcher.set(watcher)
    watching.append(None)
    try:
        yield
    finally:
        watching.pop()
        _watcher.reset(token)


def watcher() -> Any:
    """Who looks at backward passes here and now, or None."""
    return _watcher.get() if watching else None


# ------------------------------------------------------------------------------ learning

_training: ContextVar[bool] = ContextVar("training", default=False)


@contextmanager
def training() -> Iterator[None]:
    """A block in which a model learns: `Dropout` drops, `BatchNorm` looks at the batch.

    Everywhere else a model predicts, and says the same of the same row whenever it is asked. Only
    this thread and context train; blocks nest.

    >>> from tinygrad_neuron.nn import Dropout
    >>> drop = Dropout(0.5, rng=0)
    >>> with training():
    ...     drop([1.0, 1.0, 1.0, 1.0])
    Value([2.0, 0.0, 0.0, 0.0])
    >>> drop([1.0, 1.0, 1.0, 1.0])
    Value([1.0, 1.0, 1.0, 1.0])
    """
    token = _training.set(True)
    try:
        yield
    finally:
        _training.reset(token)


def in_training() -> bool:
    """Whether this is inside `training()`, for a module of one's own."""
    return _training.get()
