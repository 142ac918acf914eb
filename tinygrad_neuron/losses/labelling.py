"""Losses of a sequence of labels, one for each step, where neighbours have a say in each other.

A prediction of shape (..., steps, classes) gives one loss.
"""

from math import inf

import numpy as np

from tinygrad_neuron.graph import Array, dtype_of
from tinygrad_neuron.losses.labels import check_labels, pick
from tinygrad_neuron.losses.mechanism import loss
from tinygrad_neuron.ops import expand_dims, logsumexp, sum, take
from tinygrad_neuron.ops.shape import shape_of


@loss(
    rows=2, target="states", formula="log Σ_paths e^score - score of the labels", smooth=inf,
    source="Lafferty, McCallum and Pereira, Conditional Random Fields, 2001", convex=True,
)  # fmt: skip
def crf(scores: Array, labels: Array, transitions: Array = None) -> Array:
    """The surprise at a path of labels, of which each step and each transition has a score.

    `transitions[i, j]` is the score of j after i, of shape (classes, classes), a Value where it is
    learnt; without it the steps stand for themselves. All paths are added up step by step, in
    steps · classes².

    >>> from tinygrad_neuron import Value
    >>> crf(Value([[0.0, 0.0], [0.0, 0.0]]), [0, 1])  # one path of four
    Value(1.3862943611198906)
    """
    steps, count = shape_of(scores)[-2:]
    check_labels("crf", labels, labels, count, None)
    if transitions is None:
        transitions = np.zeros((count, count), dtype_of(scores))
    paths = scores[..., 0, :]
    for step in range(1, steps):
        before = expand_dims(paths, axis=-1) + transitions
        paths = logsumexp(before, axis=-2) + scores[..., step, :]
    taken = take(transitions, index=(labels[..., :-1], labels[..., 1:]))
    return logsumexp(paths, axis=-1) - sum(pick(scores, labels), axis=-1) - sum(taken, axis=-1)
