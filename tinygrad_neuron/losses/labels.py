"""Labels of classes: which are allowed, and what smoothing and class weights make of them.

A target of classes is labels, one whole number for each row, or distributions, one share for each
class. Smoothing comes first, t' = (1 - ε) t + ε / K; class weights then weigh the *row*, by w_y or
Σ t_k w_k of the unsmoothed target. So labels and one-hot rows agree, and class weights do not
change what smoothing asks for.
"""

from typing import Any, NamedTuple

import numpy as np

from tinygrad_neuron.arrays import is_foreign
from tinygrad_neuron.errors import BroadcastError, LossError
from tinygrad_neuron.graph import Array, dtype_of, is_traced, only, to_check
from tinygrad_neuron.losses.algebra import mul0
from tinygrad_neuron.losses.compare import Shape, called, operand
from tinygrad_neuron.losses.noted import check
from tinygrad_neuron.ops import astype, expand_dims, select, sum, where
from tinygrad_neuron.ops.shape import shape_of

TOLERANCE = 1e-4  # of the sum of a distribution, which float16 and float32 cannot make 1


class Options(NamedTuple):
    """What a loss over classes takes besides its own parameters."""

    ignore_index: int | None = None
    class_weight: Any = None
    label_smoothing: float = 0.0
    classes: Any = None


def is_labels(target: Array) -> bool:
    """Whether a target is labels, whole numbers, and not distributions."""
    return bool(dtype_of(target).kind in "iu")


def read(target: Array, prediction: Shape, dtype: Any) -> Array:
    """A target as labels or as distributions, by what its numbers are and by its shape.

    Raises `BroadcastError` (TN112) for a shape that is neither, `LossError` (TN135) for whole
    numbers that look one-hot.
    """
    numbers = _as_given(target) if is_labels(target) else operand(target, dtype)
    given, rows = shape_of(numbers), prediction[:-1]
    name = called(target, "target")
    if not is_labels(numbers):
        if given == prediction:
            return numbers
        raise _misshapen(f"{name} holds fractions, so it is read as shares of the classes,", given,
            prediction, f"{name}.astype(int) for labels", prediction)  # fmt: skip
    if given == rows:
        return numbers
    if given == prediction and not is_foreign(numbers) and np.isin(to_check(numbers), (0, 1)).all():
        raise LossError(
            f"{name} has the prediction's own shape {given} and holds only 0 and 1.",
            why="That looks one-hot, and whole numbers are read as labels, one for each row.",
            hint=f"{name}.argmax(-1) for labels   or   {name}.astype(float) for shares",
        )
    raise _misshapen(f"{name} holds whole numbers, so it is read as labels,", given,
        rows, f"{name}.reshape({rows})", prediction)  # fmt: skip


def _as_given(labels: Array) -> Array:
    """Labels as an array; as they are where they are an input of a program."""
    if is_traced(labels) or is_foreign(labels):
        return labels
    numbers = only(labels)
    return numbers if is_foreign(numbers) else np.asarray(numbers)


def _misshapen(
    what: str, given: Shape, wanted: Shape, hint: str, prediction: Shape
) -> BroadcastError:
    return BroadcastError(
        f"{what} and has shape {given} instead of {wanted}.",
        why=f"The prediction has shape {prediction}: the classes are on its last axis.",
        hint=hint,
        prediction=prediction,
        target=given,
    )


@check
def check_labels(
    loss: str, given: Array, labels: Any, count: int, keep: Any, name: str = "target"
) -> None:
    """Refuse a label that is not the number of a class."""
    labels = to_check(labels)
    if not labels.size or (labels.min() >= 0 and labels.max() < count):
        return
    wrong = np.argwhere((labels < 0) | (labels >= count))[0]
    value = int(labels[tuple(wrong)])
    index = tuple(map(int, wrong if keep is None else np.argwhere(keep)[wrong[0]]))
    place = f"[{', '.join(map(str, index))}]" if index else ""
    raise LossError(
        f"{called(given, name)}{place} is {value}; {loss} takes labels from 0 to {count - 1}.",
        why=f"There are {count} classes, one for each score of a row.",
        hint=f"ignore_index={value} to leave such rows out",
        index=index,
        value=value,
    )


@check
def check_shares(loss: str, given: Array, target: Array, name: str = "target") -> None:
    """Refuse rows that are not distributions: shares from 0 on that add up to 1."""
    data = np.asarray(to_check(target))
    sums = data.sum(axis=-1)
    if data.size and not (data.min() >= 0.0 and np.abs(sums - 1.0).max() <= TOLERANCE):
        raise LossError(
            f"{called(given, name)} has rows that sum to {sums.min():g} to {sums.max():g}, and "
            f"its least entry is {data.min():g}; {loss} takes shares from 0 on that sum to 1.",
            hint="target / target.sum(-1, keepdims=True);  or labels, as whole numbers",
        )


def row_weights(target: Array, class_weight: Any, dtype: Any) -> Array:
    """How much each row counts: the weight of its class, or of its classes in their shares."""
    weights = np.asarray(class_weight, dtype)
    if is_foreign(target) and is_labels(target):
        target = astype(target[..., None] == np.arange(len(weights)), dtype=dtype)
    return weights[target] if is_labels(target) else sum(weights * target, axis=-1)


def smoothed(target: Array, smoothing: float, classes: Any, count: int, dtype: Any) -> Array:
    """The target with a share of it spread evenly over all classes, or over those allowed."""
    if not smoothing:
        return target
    shares = (
        astype(target[..., None] == np.arange(count), dtype=dtype) if is_labels(target) else target
    )
    if classes is None:
        return (1.0 - smoothing) * shares + smoothing * np.dtype(dtype).type(1.0 / count)
    allowed = np.broadcast_to(classes, (*shape_of(shares)[:-1], count))
    spread = np.asarray(allowed / allowed.sum(axis=-1, keepdims=True), dtype)
    return (1.0 - smoothing) * shares + smoothing * spread


def among(scores: Array, classes: Any) -> Array:
    """The scores with -inf for the classes that are not allowed, which then take no share."""
    return scores if classes is None else where(np.asarray(classes, bool), scores, -np.inf)


def one_hot(target: Array, scores: Array) -> Array:
    """Which of the scores is that of the label: yes for one of each row.

    Raises `LossError` (TN135) for shares of the classes, among which there is no one.
    """
    if not is_labels(target):
        raise LossError(
            "The target holds shares of the classes, and this loss takes labels alone.",
            hint="target.argmax(-1), without label_smoothing;  or cross_entropy",
        )
    return np.equal(expand_dims(target, axis=-1), np.arange(shape_of(scores)[-1]))


def pick(x: Array, target: Array) -> Array:
    """Of each row the entry of its label, or the sum of all by their shares, where 0 · inf is 0."""
    if is_labels(target):
        return sum(select(one_hot(target, x), x, 0.0), axis=-1)
    return sum(mul0(target, x), axis=-1)
