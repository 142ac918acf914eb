"""What may be compared with what: prediction and target have one shape, and nothing is stretched.

A loss that stretches one over the other compares predictions with targets that are not theirs. A
loss of your own needs nothing from here but `residual`, or `same_shape`, to be as strict.
"""

from math import prod
from typing import Any

import numpy as np

from tinygrad_neuron.arrays import is_foreign
from tinygrad_neuron.containers import leaves
from tinygrad_neuron.errors import BroadcastError, LossError, name_of
from tinygrad_neuron.graph import Array, dtype_of, tidy
from tinygrad_neuron.ops import astype
from tinygrad_neuron.ops.shape import shape_of
from tinygrad_neuron.value import Value

Shape = tuple[int, ...]

ONE_ANSWER = (
    "Training then learns one answer for every input, the middle of the targets, "
    "and nothing looks wrong."
)
OWN_TARGET = "A loss repeats and reshapes nothing, so that each prediction meets its own target."


def residual(prediction: Array, target: Array) -> Value:
    """prediction - target, entry by entry.

    >>> residual(Value([3.0, 1.0]), [1, 1])
    Value([2.0, 0.0])

    Raises `BroadcastError` (TN112) where the shapes differ.
    """
    prediction, target = same_shape(prediction, target)
    return prediction - target


def same_shape(prediction: Array, target: Array) -> tuple[Array, Array]:
    """Both, ready to be compared entry by entry: lists as arrays, numbers in the same precision.

    Raises `BroadcastError` (TN112) where the shapes differ: nothing is stretched to fit. Raises
    `LossError` (TN135) where there is nothing to compare, for nothing has no mean.
    """
    left = operand(prediction)
    right = operand(target, dtype_of(left))
    p, t = shape_of(left), shape_of(right)
    if p != t:
        raise mismatch(prediction, p, target, t)
    if not prod(p):
        raise LossError(
            f"{called(prediction, 'prediction')} has shape {p}: nothing to compare.",
            why="The mean of no losses is not a number.",
            hint="leave out the batches that are empty",
        )
    return left, right


def operand(x: Array, dtype: Any = None) -> Array:
    """A Value as it is, a list with Values in it stacked, anything else as floating numbers."""
    if isinstance(x, Value):
        return x
    if any(isinstance(part, Value) for part in leaves(x)):
        return Value(x)
    if is_foreign(x):
        dtype = dtype or (x.dtype if x.dtype.kind == "f" else np.float64)
        return x if x.dtype == dtype else astype(x, dtype=dtype)
    numbers = np.asarray(x, dtype)
    return tidy(numbers if numbers.dtype.kind == "f" else numbers.astype(np.float64))


def mismatch(prediction: Array, p: Shape, target: Array, t: Shape) -> BroadcastError:
    mine, theirs = called(prediction, "prediction"), called(target, "target")
    sizes = prod(p), prod(t)
    compared = _compared(p, t)
    what, why = f"{sizes[0]} predictions for {sizes[1]} targets.", OWN_TARGET
    if compared > max(sizes):
        whom = "every target" if compared == prod(sizes) else "targets of others"
        what = f"subtracting compares every prediction with {whom}, {compared} numbers instead of "
        what += f"{max(sizes)}."
        why = ONE_ANSWER
    return BroadcastError(
        f"{mine} has shape {p} and {theirs} {t}: {what}",
        why=why,
        hint=_remedy(mine, p, theirs, t),
        prediction=p,
        target=t,
        compared=compared,
    )


def _compared(p: Shape, t: Shape) -> int:
    """How many numbers NumPy's subtraction would give; 0 where it would refuse."""
    try:
        return prod(np.broadcast_shapes(p, t))
    except ValueError:
        return 0


def _remedy(mine: str, p: Shape, theirs: str, t: Shape) -> str:
    """What to write instead, in the names the person used."""
    if not t:
        return f"np.full({p}, {theirs}) if they all have this target"
    for long, a, short, b in ((mine, p, theirs, t), (theirs, t, mine, p)):
        if a == (*b, 1):
            colons = ":, " * len(b)
            return f"{long}[{colons}0] for {long}   or   {short}[{colons}None] for {short}"
    if prod(p) == prod(t):
        return f"{theirs}.reshape({p})"
    return f"one target for each prediction: {theirs} of shape {p}"


def called(x: Array, otherwise: str) -> str:
    """What the person calls it; a bare number has no name, though a variable may hold its equal."""
    return otherwise if isinstance(x, int | float | np.generic) else name_of(x, otherwise)
