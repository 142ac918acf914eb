"""Losses of a row of scores beside a class: labels, or shares of the classes."""

import warnings
from math import inf

import numpy as np

from tinygrad_neuron.errors import LossError
from tinygrad_neuron.graph import Array, plain
from tinygrad_neuron.losses.labels import pick
from tinygrad_neuron.losses.mechanism import loss
from tinygrad_neuron.ops import log_softmax


@loss(
    rows=1, target="label", formula="-Σ t_k log softmax(x)_k",
    source="Bridle, Training Stochastic Model Recognition Algorithms, 1990",
    convex=True, smooth=inf, elicits="probability",
)  # fmt: skip
def cross_entropy(logits: Array, target: Array) -> Array:
    """-Σ t_k log softmax(x)_k: how much the class surprises who gave the classes these scores.

    The target is a label for each row, or a distribution over the classes. A class with score -inf
    is excluded. Value and gradient are right also where the model is: at a gap of 40 the loss is
    4.2e-18.

    >>> from tinygrad_neuron import Value
    >>> cross_entropy(Value([[40.0, 0.0], [0.0, 0.0]]), [0, 1], reduction="none")
    Value([4.248354255291589e-18, 0.6931471805599453])
    """
    _check_scores(logits)
    return -pick(log_softmax(logits), target)


def _check_scores(logits: Array) -> None:
    """Refuse a row in which every class is excluded; warn of scores that are shares already."""
    x = np.asarray(plain(logits))
    if x.size and np.isneginf(x.max(axis=-1)).any():
        row = tuple(map(int, np.argwhere(np.isneginf(x.max(axis=-1)))[0]))
        raise LossError(
            f"Row {row} of the scores holds nothing but -inf.",
            why="A class with score -inf is excluded, and here none is left.",
            hint="mask=... leaves such rows out",
            index=row,
        )
    if x.size and x.shape[-1] > 1 and x.min() >= 0.0 and _sum_to_one(x):
        warnings.warn(
            "every row of the scores sums to 1, so they look like probabilities: cross_entropy "
            "applies log-softmax itself; cross_entropy_probs takes probabilities",
            stacklevel=4,
        )


def _sum_to_one(x: Array) -> bool:
    return bool(np.abs(x.sum(axis=-1) - 1.0).max() <= 16.0 * np.finfo(x.dtype).eps)
