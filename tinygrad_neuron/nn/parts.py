"""What stands between layers: dropping out, normalising, and rows for whole numbers."""

from typing import Any

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.errors import LayerError, TraceError
from tinygrad_neuron.graph import Array, dtype_of, is_traced, only
from tinygrad_neuron.modes import in_training
from tinygrad_neuron.nn.initialisers import Seed
from tinygrad_neuron.nn.module import Kept, Module
from tinygrad_neuron.nn.neurons import joined, rows
from tinygrad_neuron.ops import mean, sqrt, where
from tinygrad_neuron.value import Value


class Dropout(Module):
    """While training, each number is 0 with probability `rate`; the others grow by 1 / (1 - rate).

    So no neuron can rely on another, and the expected sum stays as it is (Srivastava et al.,
    Dropout, 2014). Outside `training()` nothing is dropped.

    >>> Dropout(0.5, rng=0)([1.0, 2.0])
    Value([1.0, 2.0])

    `rng` is a seed or a `Generator`; what it has come to belongs to the `state()`. No parameters.
    Raises `LayerError` (TN134) for a rate outside [0, 1).
    """

    def __init__(self, rate: float, *, rng: Seed = None) -> None:
        if not 0.0 <= rate < 1.0:
            raise LayerError(
                f"A dropout rate of {rate!r}.",
                why="It is the part that is dropped; of nothing, nothing can be learnt.",
                hint="Dropout(0.5)",
                rate=rate,
            )
        self.rate = float(rate)
        self.rng = np.random.default_rng(rng)

    def __call__(self, x: Array) -> Value:
        x = x if isinstance(x, Value) else Value(x)
        if not in_training():
            return x
        return where(self.rng.random(x.shape) >= self.rate, x / (1.0 - self.rate), 0.0)

    def __repr__(self) -> str:
        return f"Dropout({self.rate:g})"


class LayerNorm(Module):
    """Each row less its mean, over its standard deviation, times w, plus b (Ba et al., 2016).

    >>> LayerNorm(3)([10.0, 20.0, 30.0]).round(3)
    Value([-1.225, 0.0, 1.225])

    The last axis has `width` entries; the shape stays. √(variance + eps) is what is divided by, so
    a row of equal numbers gives b. Parameters: w, which starts at 1, and b, which starts at 0.
    Raises `LayerError` (TN134) for rows of another width.
    """

    def __init__(self, width: int, *, eps: float = 1e-5, name: str = "") -> None:
        self.name = name
        self.eps = eps
        self.w = Value(np.ones(_positive(width)), name=joined(name, "w"))
        self.b = Value(np.zeros(width), name=joined(name, "b"))

    def __call__(self, x: Array) -> Value:
        x = rows(x, self.w, self.name or "the normalisation")
        centred = x - mean(x, axis=-1, keepdims=True)
        return centred / sqrt(ops.var(x, axis=-1, keepdims=True) + self.eps) * self.w + self.b

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.w)})"


class BatchNorm(Module):
    """Each feature less its mean, over its standard deviation, times w, plus b.

    While training, mean and variance are those of the batch, over all axes but the last, and the
    running `mean` and `variance` move a little, by `momentum`, towards them; outside `training()`
    the running ones are used (Ioffe and Szegedy, Batch Normalization, 2015, algorithms 1 and 2).

    >>> from tinygrad_neuron.nn import training
    >>> norm = BatchNorm(2)
    >>> with training():
    ...     norm([[1.0, 10.0], [3.0, 30.0]])[1].round(3)
    Value([1.0, 1.0])
    >>> norm.mean
    Kept([0.2, 2.0])

    The running variance is the unbiased one, over N - 1. Both are kept in float64 and belong to the
    `state()`. Parameters: w, which starts at 1, and b, which starts at 0. Raises `LayerError`
    (TN134) for rows of another width, and while training for a single row: it has no variance.
    """

    def __init__(
        self, width: int, *, momentum: float = 0.1, eps: float = 1e-5, name: str = ""
    ) -> None:
        self.name = name
        self.momentum, self.eps = momentum, eps
        self.w = Value(np.ones(_positive(width)), name=joined(name, "w"))
        self.b = Value(np.zeros(width), name=joined(name, "b"))
        self.mean, self.variance = Kept(np.zeros(width)), Kept(np.ones(width))

    def __call__(self, x: Array) -> Value:
        x = rows(x, self.w, self.name or "the normalisation")
        centre, spread = self._of_batch(x) if in_training() else self._as_kept(x)
        return (x - centre) / sqrt(spread + self.eps) * self.w + self.b

    def _as_kept(self, x: Array) -> tuple[Array, Array]:
        dtype = dtype_of(x)
        return self.mean.value.astype(dtype), self.variance.value.astype(dtype)

    def _of_batch(self, x: Array) -> tuple[Array, Array]:
        """Mean and variance of the batch, which are remembered as well."""
        if is_traced(x):
            raise TraceError(
                f"{self.name or 'the normalisation'} moves its running means while it trains.",
                why="A program computes results, and leaves everything else as it is.",
                hint="call the function as it is while training, and compile it for predicting",
            )
        count = int(np.prod(x.shape[:-1]))
        if count < 2:
            raise LayerError(
                f"{self.name or 'the normalisation'} was given {count} row{'s' * (count != 1)} to "
                "train on.",
                why="The spread of the batch is what is divided by, and one row has none.",
                hint="a batch of two rows or more;  outside training() any number will do",
                count=count,
            )
        axes = tuple(range(x.ndim - 1))
        centre, spread = mean(x, axis=axes), ops.var(x, axis=axes)
        self._follow(self.mean.value, only(centre))
        self._follow(self.variance.value, only(spread) * (count / (count - 1)))
        return centre, spread

    def _follow(self, running: Value, seen: Array) -> None:
        """A little of the way from what is remembered to what was seen."""
        running.data += self.momentum * (seen - running.data)

    def __repr__(self) -> str:
        return f"BatchNorm({len(self.w)})"


class Embedding(Module):
    """A row of `width` numbers for each whole number below `count`.

    >>> embed = Embedding(5, 3, rng=0)
    >>> embed([0, 4, 0]).shape, embed([[0, 1], [2, 3]]).shape
    ((3, 3), (2, 2, 3))

    Parameters: w, of shape (count, width), which starts normal with variance 1; a row's gradient is
    the sum over all places where its number stood. Raises `LayerError` (TN134) for numbers that are
    not whole, below 0 or not below `count`.
    """

    def __init__(self, count: int, width: int, *, rng: Seed = None, name: str = "") -> None:
        self.name = name
        start = np.random.default_rng(rng).normal(size=(_positive(count), _positive(width)))
        self.w = Value(start, name=joined(name, "w"))

    def __call__(self, labels: Any) -> Value:
        labels = np.asarray(labels)
        count = len(self.w)
        if labels.dtype.kind not in "iu" or ((labels < 0) | (labels >= count)).any():
            low, high = (labels.min(), labels.max()) if labels.size else (None, None)
            raise LayerError(
                f"{self.name or 'the embedding'} has rows for 0 to {count - 1} and was asked for "
                f"{low} to {high}, {labels.dtype}.",
                why="A number below 0 would silently be counted from the end.",
                hint="whole numbers, as from labels.astype(int)",
            )
        return self.w[labels]

    def __repr__(self) -> str:
        return f"Embedding({' -> '.join(map(str, self.w.shape))})"


def _positive(width: int) -> int:
    if width < 1:
        raise LayerError(f"A width of {width} holds nothing.", hint="1 or more", width=width)
    return width
