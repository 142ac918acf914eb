"""How wrong a prediction is, as one number: plain functions of Values.

Each is the mean, over all entries, of an expression; its gradient follows from the expression, as
accurate as the value. Prediction and target have one shape, for a loss that stretches one over the
other compares predictions with targets that are not theirs. A loss of your own needs nothing from
here but `residual`, or `same_shape`, to be as strict.
"""

import difflib
from collections.abc import Callable
from math import inf, prod
from typing import Any

import numpy as np

from tinygrad_neuron.containers import leaves
from tinygrad_neuron.errors import BroadcastError, LossError, UnknownNameError, name_of
from tinygrad_neuron.graph import Array, dtype_of, tidy, to_check
from tinygrad_neuron.ops import absolute, mean, minimum, relu, softplus, square
from tinygrad_neuron.ops.shape import shape_of
from tinygrad_neuron.value import Value

Loss = Callable[..., Value]
Shape = tuple[int, ...]

ONE_ANSWER = (
    "Training then learns one answer for every input, the middle of the targets, "
    "and nothing looks wrong."
)
OWN_TARGET = "A loss repeats and reshapes nothing, so that each prediction meets its own target."


# ------------------------------------------------------------------------------- of a number


def mse(prediction: Array, target: Array) -> Value:
    """Mean squared error, (prediction - target)²: twice as wrong costs four times as much.

    Its gradient is 2 error / n, in proportion to the error: a few outliers can decide everything.
    The best constant prediction is the mean of the targets (Gauss, 1809).

    >>> mse(Value([1.0, 5.0]), [1.0, 2.0])
    Value(4.5)
    """
    return mean(square(residual(prediction, target)))


def absolute_error(prediction: Array, target: Array) -> Value:
    """Mean absolute error, |prediction - target|: twice as wrong costs twice as much.

    Its gradient is ±1 / n, however large the error, and 0 where there is none. The best constant
    prediction is the median of the targets (Laplace, 1774).

    >>> absolute_error(Value([1.0, 5.0]), [1.0, 2.0])
    Value(1.5)
    """
    return mean(absolute(residual(prediction, target)))


def huber(prediction: Array, target: Array, *, delta: float = 1.0) -> Value:
    """Mean of error² / 2 up to delta, and of delta (|error| - delta / 2) beyond: outliers tamed.

    Its gradient is error / n, but never beyond ±delta / n (Huber, Robust Estimation of a Location
    Parameter, 1964).

    >>> huber(Value([0.5, 5.0]), [0.0, 0.0])
    Value(2.3125)

    Raises `LossError` (TN135) for a delta that is not positive and finite.
    """
    if not 0.0 < delta < inf:
        raise LossError(
            f"delta is {delta!r}.",
            why="It is the size of error from which on the loss is straight, so it is positive.",
            hint="delta=1.0",
            delta=delta,
        )
    size = absolute(residual(prediction, target))
    bent = minimum(size, delta)
    # both branches in one, with slope 0 in `bent` where they join: no choice of slope can matter
    return mean(bent * (size - 0.5 * bent))


# ------------------------------------------------------------------------------ of a yes or no


def binary_cross_entropy(logits: Array, target: Array) -> Value:
    """Mean of -t log σ(x) - (1 - t) log σ(-x): how much the answers t surprise who scored them x.

    x is the logit, the score before the sigmoid; t is 0, 1 or a probability. Its gradient is
    (σ(x) - t) / n, as large as the mistake also where the sigmoid is flat. With softplus instead of
    logarithms none of them meets a rounded 0 (Cox, The Regression Analysis of Binary Sequences,
    1958).

    >>> binary_cross_entropy(Value([0.0, 1000.0]), [1, 1])
    Value(0.34657359027997264)

    Raises `LossError` (TN135) for a target outside 0 to 1.
    """
    x, t = same_shape(logits, target)
    p = to_check(t)
    hint = "(target + 1) / 2 for labels -1 and 1;  the logits come first, then the target"
    _require(
        (p >= 0.0) & (p <= 1.0), target, "binary_cross_entropy takes targets from 0 to 1", hint
    )
    return mean(t * softplus(-x) + (1.0 - t) * softplus(x))


def hinge(score: Array, label: Array) -> Value:
    """Mean of max(0, 1 - label · score), for labels -1 and 1: right by less than 1 is not enough.

    Its gradient is -label / n until the score is right by 1, then 0: examples that are safely right
    have no say (Cortes and Vapnik, Support-Vector Networks, 1995).

    >>> hinge(Value([2.0, 0.25, -3.0]), [1, 1, 1])
    Value(1.5833333333333333)

    Raises `LossError` (TN135) for any other label.
    """
    x, t = same_shape(score, label)
    hint = "2 * label - 1 for labels 0 and 1;  the scores come first, then the labels"
    _require(np.abs(to_check(t)) == 1.0, label, "hinge takes labels -1 and 1", hint)
    return mean(relu(1.0 - t * x))


# --------------------------------------------------------------------------------- by name

LOSSES: dict[str, Loss] = {
    f.__name__: f for f in (mse, absolute_error, huber, binary_cross_entropy, hinge)
}


def get(name: str) -> Loss:
    """The loss of this name.

    >>> get("mse") is mse
    True

    Raises `UnknownNameError` (TN130) with the names that come near.
    """
    if name not in LOSSES:
        near = difflib.get_close_matches(name, LOSSES, n=1, cutoff=0.5)
        raise UnknownNameError(
            f"There is no loss {name!r}" + (f"; did you mean {near[0]!r}?" if near else "."),
            hint=f"one of {', '.join(LOSSES)}, or any function of prediction and target",
            name=name,
            near=near,
        )
    return LOSSES[name]


# ----------------------------------------------------------------------- what can be compared


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
    left = _operand(prediction)
    right = _operand(target, dtype_of(left))
    p, t = shape_of(left), shape_of(right)
    if p != t:
        raise _mismatch(prediction, p, target, t)
    if not prod(p):
        raise LossError(
            f"{_name(prediction, 'prediction')} has shape {p}: nothing to compare.",
            why="The mean of no losses is not a number.",
            hint="leave out the batches that are empty",
        )
    return left, right


def _operand(x: Array, dtype: Any = None) -> Array:
    """A Value as it is, a list with Values in it stacked, anything else as floating numbers."""
    if isinstance(x, Value):
        return x
    if any(isinstance(part, Value) for part in leaves(x)):
        return Value(x)
    numbers = np.asarray(x, dtype)
    return tidy(numbers if numbers.dtype.kind == "f" else numbers.astype(np.float64))


def _mismatch(prediction: Array, p: Shape, target: Array, t: Shape) -> BroadcastError:
    mine, theirs = _name(prediction, "prediction"), _name(target, "target")
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


def _require(allowed: Array, target: Array, domain: str, hint: str) -> None:
    """Refuse a target for the first entry that is not allowed."""
    if np.all(allowed):
        return
    index = tuple(map(int, np.argwhere(np.logical_not(allowed))[0]))
    value = np.asarray(to_check(_operand(target)))[index]
    place = f"[{', '.join(map(str, index))}]" if index else ""
    raise LossError(
        f"{_name(target, 'target')}{place} is {value:g}; {domain}.",
        hint=hint,
        index=index,
        value=float(value),
    )


def _name(x: Array, otherwise: str) -> str:
    """What the person calls it; a bare number has no name, though a variable may hold its equal."""
    return otherwise if isinstance(x, int | float | np.generic) else name_of(x, otherwise)
