"""A step over data that lies in partitions: each goes through the loss's program where it is.

What `backward()` does through Dask is right for every expression; for a loss of rows there is a
shorter way. The loss and its gradient are written out as a straight-line program once, which goes
over each partition in pieces that a cache holds, and only sums come back. They are added in a fixed
order, by the partitions' numbers: who did what, and when, changes no bit of the result.
"""

import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np

from tinygrad_neuron.arrays import in_memory, is_lazy
from tinygrad_neuron.containers import leaves, mapped, rebuilt
from tinygrad_neuron.errors import LeftGraphError, PartitionError, TraceError, UnsupportedError
from tinygrad_neuron.graph import Array, dtype_of, plain, tidy
from tinygrad_neuron.ops import stop_gradient
from tinygrad_neuron.program import program_of
from tinygrad_neuron.transforms import value_and_grad as of_whole
from tinygrad_neuron.value import Value

Function = Callable[..., Any]
REDUCTIONS = ("mean", "sum")
KEPT = 64  # programs, of different losses and shapes, in each process
PIECE = 2**18  # numbers of the data that are computed on at a time: 2 MB, which a cache holds
NO_SUMS = np.empty(0, object)
CLOSE = 1e-6  # relative: how well the losses of two halves must add up to that of both


class Sums(NamedTuple):
    """What comes back from some rows: how many they are, their loss, and the gradient's parts."""

    rows: float
    numbers: list[Array]

    def __add__(self, other: "Sums") -> "Sums":  # type: ignore[override]
        pairs = zip(self.numbers, other.numbers, strict=True)
        return Sums(self.rows + other.rows, [a + b for a, b in pairs])


def value_and_grad(loss: Function, *, reduction: str = "mean") -> Function:
    """The loss of data in partitions and its gradient by the parameters, in one pass.

    `loss(parameters, *data)` gives one number for the rows it is given: their mean loss, or with
    `reduction="sum"` their sum. The function that comes back takes the parameters, a container of
    numbers, arrays and Values, and Dask arrays with the examples along the first axis; it gives two
    answers made of Values, which are in memory. So are its workers' programs, from step to step.

    Raises `PartitionError` (TN200) where the first partition shows that the rows depend on each
    other, so that no partition can be done alone; and for data that is not in matching partitions.
    """
    if reduction not in REDUCTIONS:
        raise PartitionError(f"reduction is {reduction!r}.", hint=f"one of {REDUCTIONS}")
    name, examined = uuid4().hex, False

    def step(parameters: Any, *data: Array) -> tuple[Value, Any]:
        nonlocal examined
        _check_data(data)
        numbers = mapped(plain, parameters)
        part = Part(name, loss, numbers, reduction == "mean", examine=not examined)
        total = in_memory([total_of(part, data)])[0]
        examined = True
        scale = total.rows if reduction == "mean" else 1.0
        value, *gradient = (Value.made(tidy(x / scale), stop_gradient) for x in total.numbers)
        return value, rebuilt(parameters, gradient)

    return step


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """A block whose plans are computed by the workers of a scheduler; here, without an address.

    Raises `OSError` where no scheduler answers.
    """
    if address is None:
        yield
        return
    from distributed import Client

    with Client(address, timeout="10s"):
        yield


@dataclass(frozen=True)
class Part:
    """What is done to a partition, as it is sent to where the partition is."""

    name: str
    loss: Function
    parameters: Any
    mean: bool
    examine: bool

    def __call__(self, *blocks: Array) -> Sums:
        """The sums over the rows of a partition."""
        rows = len(blocks[0])
        edges = _edges(rows, sum(np.size(x) for x in blocks))
        found = [self._of([x[a:b] for x in blocks]) for a, b in pairwise(edges)]
        if self.examine and rows > 1:
            self._check([x[: edges[1]] for x in blocks], found[0])
        return reduce(operator.add, found)

    def _of(self, blocks: Sequence[Array]) -> Sums:
        rows = len(blocks[0])
        value, gradient = self._program(blocks)(self.parameters, *blocks)
        weight = float(rows) if self.mean else 1.0
        numbers = (np.asarray(plain(x)) for x in (value, *leaves(gradient)))
        return Sums(float(rows), [weight * x for x in numbers])

    def _program(self, blocks: Sequence[Array]) -> Function:
        """The program for blocks of these shapes, which is written once in each process."""
        given = (*leaves(self.parameters), *blocks)
        asked = (self.name, tuple((np.shape(x), dtype_of(x)) for x in given))
        if asked not in _programs:
            while len(_programs) >= KEPT:
                _programs.pop(next(iter(_programs)), None)
            _programs[asked] = self._written(blocks)
        return _programs[asked]

    def _written(self, blocks: Sequence[Array]) -> Function:
        f = of_whole(self.loss)
        try:
            program = program_of(f)(self.parameters, *blocks)
            _ = program.compiled
            return program.run
        except (TraceError, LeftGraphError, UnsupportedError):  # a recorded sweep does it as well
            return f

    def _check(self, blocks: Sequence[Array], found: Sums) -> None:
        """Raise unless the losses of two halves of the rows add up to the loss of all."""
        half = len(blocks[0]) // 2
        both = self._of([x[:half] for x in blocks]) + self._of([x[half:] for x in blocks])
        whole, parts = float(found.numbers[0]), float(both.numbers[0])
        if abs(whole - parts) <= CLOSE * abs(whole) or whole != whole:
            return
        word = "mean" if self.mean else "sum"
        scale = found.rows if self.mean else 1.0
        raise PartitionError(
            f"The loss of {int(found.rows)} rows is {whole / scale:g}; from their two halves it "
            f"would be {parts / scale:g}.",
            why=f"It is no {word} of what each row gives, so no partition can be done alone.",
            hint="tinygrad_neuron.value_and_grad, where rows depend on each other;  or the other "
            "reduction, if the loss is a sum (or a mean) of what each row gives",
        )


def _edges(rows: int, size: int) -> list[int]:
    """Where to cut a partition into equal pieces that stay in the processor's cache."""
    pieces = max(1, min(rows, round(size / PIECE)))
    return [k * rows // pieces for k in range(pieces + 1)]


_programs: dict[Any, Function] = {}


def total_of(part: Function, data: Sequence[Array]) -> Any:
    """The sums over all partitions, still to be computed: two by two, in the partitions' order."""
    import dask
    import dask.array as da

    rows = [x.rechunk(dict.fromkeys(range(1, x.ndim), -1)) for x in data]
    operands = [part for x in rows for part in (x, tuple(range(x.ndim)))]
    sums = da.blockwise(
        part, (0,), *operands, dtype=object, concatenate=True, align_arrays=False, meta=NO_SUMS,
        name=f"partition-{uuid4().hex}",
    )  # fmt: skip
    waiting = sums.to_delayed().ravel().tolist()
    add = dask.delayed(operator.add, pure=False)
    while len(waiting) > 1:
        pairs = zip(waiting[::2], waiting[1::2], strict=False)
        waiting = [add(a, b) for a, b in pairs] + waiting[len(waiting) // 2 * 2 :]
    return waiting[0]


def _check_data(data: Sequence[Array]) -> None:
    """Raise unless the examples of all arrays lie in the same partitions."""
    if not data or not all(map(is_lazy, data)):
        kinds = ", ".join(type(x).__module__ for x in data) or "none"
        raise PartitionError(
            f"The data are Dask arrays; these are of {kinds}.",
            hint="da.from_array(x, chunks=(100_000, -1));  value_and_grad of tinygrad_neuron "
            "is for data in memory",
        )
    first = data[0].chunks[0]
    for x in data:
        if x.chunks[0] != first or np.isnan(first).any():
            raise PartitionError(
                f"The first array has partitions of {_told(first)} rows, another one "
                f"{_told(x.chunks[0])}.",
                why="Rows that belong together are together in one partition.",
                hint="y.rechunk({0: x.chunks[0]});  x.compute_chunk_sizes(), if they are unknown",
            )


def _told(chunks: tuple[int, ...]) -> str:
    return ", ".join(map(str, chunks[:4])) + (f", ... ({len(chunks)} in all)" if chunks[4:] else "")
