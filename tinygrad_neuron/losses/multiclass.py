"""Losses of a row of scores beside a class: labels, or shares of the classes."""

import warnings
from collections.abc import Callable
from math import inf

import numpy as np

from tinygrad_neuron.arrays import is_foreign
from tinygrad_neuron.errors import LossError
from tinygrad_neuron.graph import Array, dtype_of, plain, to_check
from tinygrad_neuron.losses.algebra import xlogy
from tinygrad_neuron.losses.binary import binary_cross_entropy
from tinygrad_neuron.losses.labels import is_labels, one_hot, pick
from tinygrad_neuron.losses.mechanism import loss
from tinygrad_neuron.losses.noted import check
from tinygrad_neuron.ops import (
    astype,
    cumsum,
    exp,
    expand_dims,
    expm1,
    log1mexp,
    log_softmax,
    logsumexp,
    max,
    mean,
    relu,
    softplus,
    sort,
    stop_gradient,
    sum,
    where,
)
from tinygrad_neuron.ops.shape import shape_of


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


@check
def _check_scores(logits: Array) -> None:
    """Refuse a row in which every class is excluded; warn of several that are shares already."""
    if is_foreign(to_check(logits)):
        return
    x = np.asarray(to_check(logits))
    least = x.min(initial=np.inf)  # one pass, which is all that most scores need
    if least == -np.inf and np.isneginf(x.max(axis=-1)).any():
        row = tuple(map(int, np.argwhere(np.isneginf(x.max(axis=-1)))[0]))
        raise LossError(
            f"Row {row} of the scores holds nothing but -inf.",
            why="A class with score -inf is excluded, and here none is left.",
            hint="mask=... leaves such rows out",
            index=row,
        )
    if 0.0 <= least <= 1.0 and x.size > x.shape[-1] > 1 and _sum_to_one(x):
        warnings.warn(
            "every row of the scores sums to 1, so they look like probabilities: cross_entropy "
            "applies log-softmax itself; cross_entropy_probs takes probabilities",
            stacklevel=4,
        )


def _sum_to_one(x: Array) -> bool:
    return bool(np.abs(x.sum(axis=-1) - 1.0).max() <= 16.0 * np.finfo(x.dtype).eps)


@loss(
    rows=1, target="label", formula="-log p_y", minimum=None, smooth=inf,
    source="Good, Rational Decisions, 1952",
)  # fmt: skip
def nll(log_probs: Array, target: Array) -> Array:
    """The negative of the log probability of the class: the last step of cross-entropy."""
    return -pick(log_probs, target)


@loss(
    rows=1, domain="probability", target="label", formula="-Σ t_k log p_k", convex=True,
    source="Good, Rational Decisions, 1952", smooth=inf,
)  # fmt: skip
def cross_entropy_probs(probs: Array, target: Array) -> Array:
    """Cross-entropy of probabilities; nothing is clamped, and the impossible costs inf.

    Of scores, `cross_entropy` is exact also where a probability would be rounded to 1.
    """
    shares = one_hot(target, probs) if is_labels(target) else target
    return -sum(xlogy(shares, probs), axis=-1)


@loss(
    rows=1, target="label", formula="(1 - p_y)^γ (-log p_y)", limits={"gamma": "nonnegative"},
    source="Lin et al., Focal Loss for Dense Object Detection, 2017", smooth=inf,
)  # fmt: skip
def focal_multiclass(logits: Array, target: Array, gamma: float = 2.0) -> Array:
    """Cross-entropy that looks away from the easy: times (1 - p)^gamma."""
    surprise = cross_entropy.function(logits, target)
    sure = surprise == 0.0
    safe = where(sure, 1.0, surprise)
    return where(sure, 0.0, safe * exp(gamma * log1mexp(safe)))


@loss(
    rows=1, target="label", aliases=("multi_margin",), formula="Σ_{k≠y} max(0, m + x_k - x_y)^p",
    limits={"margin": "nonnegative", "p": "at least 1"}, convex=True,
    source="Weston and Watkins, Support Vector Machines for Multi-Class Recognition, 1999",
)  # fmt: skip
def weston_watkins(scores: Array, label: Array, margin: float = 1.0, p: float = 1.0) -> Array:
    """Every other class must stay below the right one by the margin; each that does not counts."""
    own = one_hot(label, scores)
    short = relu(margin + scores - expand_dims(pick(scores, label), axis=-1))
    return sum(where(own, 0.0, short if plain(p) == 1.0 else short**p), axis=-1)


@loss(
    rows=1, target="label", aliases=("categorical_hinge",), convex=True,
    formula="max(0, m + max_{k≠y} x_k - x_y)", limits={"margin": "nonnegative"},
    source="Crammer and Singer, On the Algorithmic Implementation of Kernel Machines, 2001",
)  # fmt: skip
def crammer_singer(scores: Array, label: Array, margin: float = 1.0) -> Array:
    """The best other class must stay below the right one by the margin."""
    others = where(one_hot(label, scores), -inf, scores)
    return relu(margin + max(others, axis=-1) - pick(scores, label))


@loss(
    rows=1, target="label", formula="max_k x_k - x_y", convex=True,
    source="Collins, Discriminative Training Methods for Hidden Markov Models, 2002",
)  # fmt: skip
def multiclass_perceptron(scores: Array, label: Array) -> Array:
    """How far the right class is below the best one."""
    return max(scores, axis=-1) - pick(scores, label)


@loss(
    rows=1, target="label", formula="½ + ½ Σ_{k∈S} (x_k² - τ²) - x_y", convex=True, smooth=1,
    source="Martins and Astudillo, From Softmax to Sparsemax, 2016",
)  # fmt: skip
def sparsemax(scores: Array, label: Array) -> Array:
    """Cross-entropy's sparse relative: 0, with gradient 0, once the right class leads by 1.

    Its gradient is sparsemax(x) - t: the nearest distribution to the scores, which has zeros.
    """
    scores = scores - stop_gradient(max(scores, axis=-1, keepdims=True))
    falling = -sort(-scores, axis=-1)
    rank = np.arange(1, shape_of(scores)[-1] + 1, dtype=dtype_of(scores))
    inside = 1.0 + rank * falling > cumsum(falling, axis=-1)
    total = sum(where(inside, falling, 0.0), axis=-1, keepdims=True)
    tau = (total - 1.0) / sum(astype(inside, dtype=dtype_of(scores)), axis=-1, keepdims=True)
    squares = sum(where(inside, falling * falling - tau * tau, 0.0), axis=-1)
    return 0.5 + 0.5 * squares - pick(scores, label)


@loss(
    rows=1, target="real", formula="Ω*(x) - <x, t>", minimum=None,
    source="Blondel, Martins and Niculae, Learning with Fenchel-Young Losses, 2020",
)  # fmt: skip
def fenchel_young(scores: Array, target: Array, max_fun: Callable[..., Array] = logsumexp) -> Array:
    """max_fun(x) - <x, t>: the loss whose gradient is that of max_fun less the target.

    `max_fun(scores, axis=-1)` is a maximum with its corners rounded off; logsumexp gives
    cross-entropy.
    """
    return max_fun(scores, axis=-1) - sum(scores * target, axis=-1)


@loss(
    rows=1, target="label", formula="-log p_y + ε (1 - p_y)",
    limits={"epsilon": "finite"}, minimum=None, source="Leng et al., PolyLoss, 2022", smooth=inf,
)  # fmt: skip
def poly_cross_entropy(logits: Array, target: Array, epsilon: float = 1.0) -> Array:
    """Cross-entropy with another weight for the first power of 1 - p."""
    surprise = cross_entropy.function(logits, target)
    return surprise - epsilon * expm1(-surprise)


@loss(
    rows=1, target="label", aliases=("gce",), formula="(1 - p_y^q) / q", limits={"q": "share"},
    source="Zhang and Sabuncu, Generalized Cross Entropy Loss, 2018", smooth=inf,
)  # fmt: skip
def generalized_cross_entropy(logits: Array, target: Array, q: float = 0.7) -> Array:
    """Between cross-entropy (q = 0) and 1 - p (q = 1), where labels that are wrong count less."""
    surprise = cross_entropy.function(logits, target)
    return surprise if plain(q) == 0.0 else -expm1(-q * surprise) / q


@loss(
    rows=1, target="label", formula="softplus(-x_y) + Σ_{k≠y} softplus(x_k)", convex=True,
    source="Mikolov et al., Distributed Representations of Words and Phrases, 2013", smooth=inf,
)  # fmt: skip
def negative_sampling(scores: Array, label: Array) -> Array:
    """A yes for the right one, a no for each of the others that were sampled beside it."""
    return sum(softplus(where(one_hot(label, scores), -scores, scores)), axis=-1)


# ------------------------------------------------------------------------ several labels at once


@loss(
    rows=1, target="unit", formula="(1/K) Σ BCE(x_k, t_k)", convex=True, smooth=inf,
    source="torch, MultiLabelSoftMarginLoss",
)  # fmt: skip
def multilabel_soft_margin(logits: Array, target: Array) -> Array:
    """The mean over the classes of binary cross-entropy: each a question of its own."""
    return mean(binary_cross_entropy.function(logits, target), axis=-1)


@loss(
    rows=1, target="answer", formula="(1/K) Σ_{y∈P} Σ_{k∉P} max(0, 1 - x_y + x_k)", convex=True,
    source="torch, MultiLabelMarginLoss",
)  # fmt: skip
def multilabel_margin(scores: Array, target: Array) -> Array:
    """Every class that holds must be above every one that does not, by 1."""
    ahead = expand_dims(scores, axis=-1) - expand_dims(scores, axis=-2)
    pairs = (expand_dims(target, axis=-1) == 1.0) & (expand_dims(target, axis=-2) == 0.0)
    short = where(pairs, relu(1.0 - ahead), 0.0)
    return sum(short, axis=(-2, -1)) / shape_of(scores)[-1]


@loss(
    rows=1, target="answer", convex=True, smooth=inf,
    formula="log(1 + Σ_{k∉P} e^(x_k)) + log(1 + Σ_{y∈P} e^(-x_y))",
    source="Su et al., ZLPR: A Novel Loss for Multi-label Classification, 2022",
)  # fmt: skip
def multilabel_cross_entropy(scores: Array, target: Array) -> Array:
    """Every class that holds above 0, every other below: softmax with a threshold between them."""
    holds = target == 1.0
    above = softplus(logsumexp(where(holds, -scores, -inf), axis=-1))
    return above + softplus(logsumexp(where(holds, -inf, scores), axis=-1))
