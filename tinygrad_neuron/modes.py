"""What a block says to everything that runs inside it: that a model learns here.

It stands this low so that a compiled function can ask: what it was traced for in one mode is no
answer in the other.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

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
