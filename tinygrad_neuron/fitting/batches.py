"""Examples in batches: which rows go together follows from the seed and the epoch alone.

So a training that goes on in another process needs to know where it was, and nothing of the
random numbers that it drew.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sized
from itertools import islice
from typing import Any

import numpy as np

from tinygrad_neuron.arrays import in_memory, is_lazy
from tinygrad_neuron.errors import TrainingDataError
from tinygrad_neuron.graph import plain

Array = Any
Batch = tuple[Any, Any]

SPLIT = 0  # the stream of random numbers that chooses the validation set; epochs have later ones


class Rows:
    """A table of inputs and its targets, as minibatches in an order of each epoch's own."""

    def __init__(self, x: Array, y: Array, batch_size: int | None, seed: int) -> None:
        self.x, self.y = np.asarray(plain(x)), np.asarray(plain(y))
        _check_lengths(self.x, self.y)
        _check_size(batch_size)
        self.size = min(batch_size or len(self.y), len(self.y))
        self.seed = seed

    def __len__(self) -> int:
        """How many batches an epoch has: as few as `batch_size` allows, and as equal as can be."""
        return -(-len(self.y) // self.size)

    def batches(self, epoch: int, begin: int = 0) -> Iterator[Batch]:
        """The batches of an epoch (counted from 0), from one of them on."""
        order, n = self._order(epoch), len(self)
        edges = [
            i * len(order) // n for i in range(n + 1)
        ]  # no batch of one row that was left over
        for i in range(begin, n):
            chosen = order[edges[i] : edges[i + 1]]
            yield self.x[chosen], self.y[chosen]

    def _order(self, epoch: int) -> Array:
        if self.size == len(self.y):
            return np.arange(len(self.y))  # all at once: as they are
        return _stream(self.seed, 1 + epoch).permutation(len(self.y))

    def split(self, share: float) -> tuple["Rows", Batch]:
        """What is left to learn from, and the share of the rows that is held back."""
        held = round(share * len(self.y))
        if not 0 < held < len(self.y):
            raise TrainingDataError(
                f"validation={share} of {len(self.y)} rows holds back {held}.",
                why="There must be some to learn from, and some to judge by.",
                hint="validation=0.2, or (x, y) of their own",
                rows=len(self.y),
                held=held,
            )
        order = _stream(self.seed, SPLIT).permutation(len(self.y))
        mine, theirs = np.sort(order[held:]), np.sort(order[:held])
        rest = Rows(self.x[mine], self.y[mine], self.size, self.seed)
        return rest, (self.x[theirs], self.y[theirs])

    @property
    def fingerprint(self) -> str:
        """A number that other data would not have."""
        digest = hashlib.sha256(f"{self.x.shape}{self.x.dtype}{self.y.dtype}".encode())
        for array in (self.x, self.y):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


class Partitions:
    """Dask's arrays as batches: all of them at once, or one partition after the other in memory.

    Each epoch goes through the partitions in an order of its own, and through the rows of each in
    an order of its own; rows of different partitions do not meet in a batch.
    """

    def __init__(self, x: Array, y: Array, batch_size: int | None, seed: int) -> None:
        x, y = plain(x), plain(y)
        self.lengths = _lengths(x)
        _check_lengths(x, y)
        _check_size(batch_size)
        self.x, self.y = x, y.rechunk({0: x.chunks[0]})
        self.size, self.seed = batch_size, seed

    def __len__(self) -> int:
        """How many batches an epoch has; no batch holds rows of two partitions."""
        return 1 if self.size is None else sum(-(-n // self.size) for n in self.lengths)

    def batches(self, epoch: int, begin: int = 0) -> Iterator[Batch]:
        """The batches of an epoch (counted from 0), from one of them on: a plan, or in memory."""
        if self.size is None:
            yield from [(self.x, self.y)][begin:]
            return
        rng = _stream(self.seed, 1 + epoch)
        for k in rng.permutation(len(self.lengths)):
            seed = int(rng.integers(2**62))
            n = -(-self.lengths[k] // self.size)
            if begin < n:
                x, y = in_memory([self.x.blocks[int(k)], self.y.blocks[int(k)]])
                yield from Rows(x, y, self.size, seed).batches(0, begin)
            begin = max(0, begin - n)

    def split(self, share: float) -> tuple["Partitions", Batch]:
        """What is left to learn from, and whole partitions, about a share of them, held back."""
        held = max(1, round(share * len(self.lengths)))
        if held >= len(self.lengths):
            raise TrainingDataError(
                f"validation={share} of {len(self.lengths)} partitions holds back {held}.",
                why="What is held back are whole partitions, and there must be some to learn from.",
                hint="smaller partitions, x.rechunk({0: 100_000});  or validation=(x, y)",
            )
        order = _stream(self.seed, SPLIT).permutation(len(self.lengths))
        mine, theirs = np.sort(order[held:]).tolist(), np.sort(order[:held]).tolist()
        rest = Partitions(self.x.blocks[mine], self.y.blocks[mine], self.size, self.seed)
        return rest, (self.x.blocks[theirs], self.y.blocks[theirs])

    @property
    def fingerprint(self) -> str:
        """The shapes of the partitions: nobody goes over all numbers to tell data apart."""
        told = f"{self.x.chunks}{self.x.dtype}{self.y.chunks}{self.y.dtype}"
        return hashlib.sha256(told.encode()).hexdigest()


def _lengths(x: Array) -> tuple[int, ...]:
    lengths: tuple[int, ...] = x.chunks[0]
    if np.isnan(lengths).any():
        raise TrainingDataError(
            "It is not known how many rows the partitions have.",
            hint="x = x.compute_chunk_sizes(), one pass over the data",
        )
    return lengths


class Stream:
    """Batches that somebody else makes, the same ones in every epoch unless they are drawn anew."""

    fingerprint = "batches"

    def __init__(self, source: Iterable[Batch]) -> None:
        if iter(source) is source:
            raise TrainingDataError(
                f"The batches come out of a {type(source).__name__}, which can be used up.",
                why="Every epoch goes through all of them again.",
                hint="list(batches), or an object whose __iter__ starts afresh",
            )
        self.source = source

    def __len__(self) -> int:
        return len(self.source) if isinstance(self.source, Sized) else 0

    def batches(self, epoch: int, begin: int = 0) -> Iterator[Batch]:
        """The batches, from one of them on."""
        return islice(iter(self.source), begin, None)


def batches_of(data: Any, batch_size: int | None, seed: int) -> Rows | Partitions | Stream:
    """Examples as `fit` takes them: `(x, y)`, or anything that gives batches whenever asked."""
    if isinstance(data, tuple) and len(data) == 2 and all(is_lazy(plain(x)) for x in data):
        return Partitions(*data, batch_size, seed)
    if isinstance(data, tuple) and len(data) == 2:
        return Rows(*data, batch_size, seed)
    if isinstance(data, Iterable) and not isinstance(data, np.ndarray):
        return Stream(data)
    raise TrainingDataError(
        f"The data are of type {type(data).__name__}.",
        hint="(x, y), one row of x for each entry of y;  or a list of batches (x, y)",
    )


def rows_in(y: Any) -> int:
    """How many examples a batch has, by its targets."""
    return len(y) if np.ndim(y) else 1


def _check_size(batch_size: int | None) -> None:
    if batch_size is not None and batch_size < 1:
        raise TrainingDataError(
            f"batch_size is {batch_size!r}.",
            why="A batch of no rows has no loss.",
            hint="batch_size=32, or None for all rows at once",
            batch_size=batch_size,
        )


def _check_lengths(x: Array, y: Array) -> None:
    if not y.shape[:1] or x.shape[:1] != y.shape[:1] or not len(y):
        turned = y.shape[:1] == x.shape[1:]
        raise TrainingDataError(
            f"x has shape {x.shape} and y has shape {y.shape}.",
            why="Each row of x is an example, and each has an entry in y.",
            hint="x.T has the examples in its rows" if turned else "as many of both",
            x=x.shape,
            y=y.shape,
        )


def _stream(seed: int, number: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
