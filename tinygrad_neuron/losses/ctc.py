"""Connectionist temporal classification: a sequence of labels that nobody has aligned."""

from math import inf, prod
from typing import Any

import numpy as np

from tinygrad_neuron.errors import LossError
from tinygrad_neuron.graph import Array, dtype_of
from tinygrad_neuron.losses.mechanism import loss
from tinygrad_neuron.ops import astype, log_softmax, logsumexp, path_sums, reshape, take, where
from tinygrad_neuron.ops.shape import shape_of


@loss(
    rows=2, target=("labels in order", "row count"), aliases=("ctc_loss",),
    formula="-log Σ Π p, over all alignments of the labels with the frames",
    source="Graves, Fernández, Gomez and Schmidhuber, Connectionist Temporal Classification, 2006",
    smooth=inf,
)  # fmt: skip
def ctc(logits: Array, labels: Array, lengths: Array = None, blank: int = 0) -> Array:
    """-log of the probability that the frames spell the labels, however they are aligned.

    Scores of shape (..., frames, classes) stand beside labels of shape (..., at most so many),
    filled up with -1 where there are fewer. Each frame gives a label or a blank; labels that
    follow each other and are the same are one, unless a blank is between. `lengths` says how many
    frames there are of each, where not all.

    >>> from tinygrad_neuron import Value
    >>> ctc(Value([[0.0, 0.0], [0.0, 0.0]]), [1])  # three of four: 1 1, 0 1 and 1 0
    Value(0.2876820724517809)

    Where the frames are too few for the labels it is inf, with slope 0. It takes scores, not their
    logarithms of probabilities, and computes in float64. Raises `LossError` (TN135) for a label
    that is blank or no class, for -1 before a label, and for lengths beyond the frames.
    """
    *batch, frames, classes = shape_of(logits)
    n = prod(batch)
    targets, counts = _read_labels(labels, n, classes, blank)
    ends = _read_lengths(lengths, n, frames)
    x = reshape(astype(logits, dtype=np.float64), shape=(n, frames, classes))
    there = np.arange(frames) < ends[:, None]
    if not there.all():
        x = where(there[..., None], x, 0.0)
    states, skips = _lattice(targets, blank)
    rows = np.arange(n)
    place = (rows * frames + np.arange(frames)[:, None, None]) * classes + states
    sums = path_sums(take(reshape(log_softmax(x), shape=-1), index=place), skips=skips)
    final = np.array([2 * counts, 2 * counts - 1])  # behind the last label, or in it
    complete = take(sums, index=(ends - 1, final, rows))
    complete = where(final >= 0, complete, -inf)
    each = reshape(0.0 - logsumexp(complete, axis=0), shape=tuple(batch))
    return astype(each, dtype=dtype_of(logits))


def _lattice(targets: Any, blank: int) -> tuple[Any, Any]:
    """Blank, label, blank, label, ..., blank for each; and where the blank between may be left out.

    That is before a label which differs from the one before it.
    """
    n, length = targets.shape
    states = np.full((2 * length + 1, n), blank)
    states[1::2] = np.where(targets < 0, blank, targets).T
    skips = np.zeros(states.shape, bool)
    skips[1:2] = True
    skips[3::2] = states[3::2] != states[1:-2:2]
    return states, skips


def _read_labels(labels: Any, n: int, classes: int, blank: int) -> tuple[Any, Any]:
    """The labels as (n, at most so many), and how many there are of each."""
    if not 0 <= blank < classes:
        raise LossError(
            f"blank is {blank}.",
            why=f"It is one of the {classes} classes.",
            hint="blank=0",
            blank=blank,
        )
    targets = labels.reshape(n, labels.shape[-1])
    fill = targets < 0
    wrong = (targets >= classes) | (targets < -1) | (targets == blank)
    wrong[:, 1:] |= ~fill[:, 1:] & fill[:, :-1]
    if wrong.any():
        row, k = map(int, np.argwhere(wrong)[0])
        raise LossError(
            f"labels[{row}] has {targets[row, k]} at place {k}; ctc takes classes from 0 to "
            f"{classes - 1} other than the blank, {blank}, and behind them only -1.",
            hint="np.where(np.arange(labels.shape[1]) < counts[:, None], labels, -1)",
            index=(row, k),
            value=int(targets[row, k]),
        )
    return targets, np.count_nonzero(~fill, axis=1)


def _read_lengths(lengths: Any, n: int, frames: int) -> Any:
    ends = np.full(n, frames) if lengths is None else lengths.reshape(n)
    if n and not 1 <= ends.min() <= ends.max() <= frames:
        raise LossError(
            f"lengths reach from {ends.min()} to {ends.max()}, and there are {frames} frames.",
            why="The length says how many of the frames belong to a sequence.",
            hint="mask=lengths > 0 leaves out the sequences that have none",
        )
    return ends
