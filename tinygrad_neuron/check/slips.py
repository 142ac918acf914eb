"""The usual slips, by name: what a wrong gradient is to the right one."""

from collections.abc import Iterator

import numpy as np

from tinygrad_neuron.check.pair import Pair, Row
from tinygrad_neuron.graph import is_complex

NEAR = 1e-4  # two gradients this close, relative to the larger, are the same slip


def slip(pair: Pair, k: int, given: Row, seen: Row) -> str:
    """How the gradient by input k comes from the right one, or "".

    `given` and `seen` hold a row for each cotangent and a column for each entry of all inputs.
    """
    return next(_slips(pair, k, _of_input(pair, k, given), seen), "")


def _of_input(pair: Pair, k: int, rows: Row) -> Row:
    """The columns of one input; of a complex one as complex numbers."""
    part = rows[:, pair.ends[k] : pair.ends[k + 1]]
    return np.ascontiguousarray(part).view(pair.inputs[k].dtype)


def _slips(pair: Pair, k: int, given: Row, seen: Row) -> Iterator[str]:
    right, shape = _of_input(pair, k, seen), pair.shapes[k]
    if not np.isfinite(right).all():
        return
    if not given.any():
        yield "there is no gradient at all"
    if len(shape) > 1 and shape[-1] == shape[-2]:
        turned = np.swapaxes(right.reshape(-1, *shape), -1, -2).reshape(right.shape)
        if _near(given, turned) and not _near(given, right):
            yield "it is transposed"
    if is_complex(right) and _near(given, right.conj()) and not _near(given, right):
        yield "it is the conjugate of that: it has to point uphill"
    for j in range(len(pair.shapes)):
        other = _of_input(pair, j, seen)
        if j != k and pair.shapes[j] == shape and _near(given, other) and not _near(right, other):
            yield f"it is the one for {pair.names[j]}: swapped arguments"
    yield from _factor(pair, k, given, right)


def _factor(pair: Pair, k: int, given: Row, right: Row) -> Iterator[str]:
    """A common factor, and what it may come from."""
    largest = np.abs(right).max(initial=0.0)
    counted = np.abs(right) > 1e-6 * largest
    if not counted.any() or np.any(np.abs(given[~counted]) > NEAR * largest):
        return
    ratio = given[counted] / right[counted]
    factor = float(np.median(ratio.real))
    if not np.allclose(ratio, factor, rtol=NEAR, atol=0.0) or abs(factor - 1.0) < NEAR:
        return
    yield KNOWN.get(round(factor, 4), "") or _counted(pair, k, factor)


KNOWN = {-1.0: "its sign is wrong", 2.0: "it is twice as large", 0.5: "it is half as large"}


def _counted(pair: Pair, k: int, factor: float) -> str:
    """A factor that is a number of entries, or any other."""
    shapes = [*pair.shapes, *pair.result_shapes]
    counts = {n for shape in shapes for n in (*shape, int(np.prod(shape))) if n > 2}
    for n in sorted(counts):
        if abs(factor - n) < NEAR * n:
            return f"it is {n} times as large, and {n} is a number of entries: a mean for a sum?"
        if abs(factor * n - 1.0) < NEAR:
            return f"it is 1/{n} of that, and {n} is a number of entries: a missing sum?"
    return f"it is {factor:.7g} times as large"


def _near(some: Row, others: Row) -> bool:
    size = np.abs(others).max(initial=0.0)
    return bool(np.all(np.abs(some - others) <= NEAR * size))
