"""Losses of an order: rows of scores beside rows of relevances, from 0 on."""

from collections.abc import Callable
from math import inf

import numpy as np

from tinygrad_neuron.graph import Array
from tinygrad_neuron.losses.algebra import mul0
from tinygrad_neuron.losses.mechanism import loss
from tinygrad_neuron.ops import (
    argsort,
    expand_dims,
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    softmax,
    softplus,
    square,
    sum,
    take_along_axis,
    where,
)
from tinygrad_neuron.ops.shape import shape_of


@loss(
    target="prediction", aliases=("ranknet",), formula="log(1 + e^-(a - b))", smooth=inf,
    convex=True, source="Rendle et al., BPR: Bayesian Personalized Ranking, 2009",
)  # fmt: skip
def bpr(preferred: Array, other: Array) -> Array:
    """The surprise that the preferred one won, where its lead is the logit."""
    return softplus(other - preferred)


@loss(
    rows=1, target="nonnegative", aliases=("ranking_softmax",), formula="-Σ t_k log softmax(x)_k",
    source="Cao et al., Learning to Rank, 2007", convex=True, smooth=inf,
)  # fmt: skip
def listnet(scores: Array, relevance: Array) -> Array:
    """Cross-entropy with relevances that need not sum to 1."""
    return -sum(mul0(relevance, log_softmax(scores)), axis=-1)


@loss(
    rows=1, target="nonnegative", formula="listnet + ε Σ t_k (1 - softmax(x)_k)", minimum=None,
    limits={"epsilon": "finite"}, source="rax, poly1_softmax_loss", smooth=inf,
)  # fmt: skip
def poly1_listnet(scores: Array, relevance: Array, epsilon: float = 1.0) -> Array:
    """`listnet` with another weight for the first power of 1 - p."""
    wrong = sum(relevance * (1.0 - softmax(scores)), axis=-1)
    return listnet.function(scores, relevance) + epsilon * wrong


@loss(
    rows=1, target="nonnegative", formula="Σ_i [log Σ_{j from i on} e^(x_j) - x_i]", smooth=inf,
    source="Xia et al., Listwise Approach to Learning to Rank, 2008", convex=True,
)  # fmt: skip
def listmle(scores: Array, relevance: Array) -> Array:
    """The surprise at the true order, where each next one is drawn by softmax from who is left."""
    order = argsort(-relevance, axis=-1, stable=True)
    x = take_along_axis(scores, order, axis=-1)
    left = np.triu(np.ones((shape_of(x)[-1],) * 2, bool))
    return sum(logsumexp(where(left, expand_dims(x, axis=-2), -inf), axis=-1) - x, axis=-1)


@loss(
    rows=1, target="nonnegative", smooth=inf, convex=True,
    formula="Σ_i (2^(t_i) - 1) log(1 + Σ_{t_j < t_i} e^(x_j - x_i))",
    source="Zhu and Klabjan, Listwise Learning to Rank by Exploring Unique Ratings, 2020",
)  # fmt: skip
def unique_softmax(scores: Array, relevance: Array) -> Array:
    """Each against all that are less relevant."""
    ahead, lower = _pairs(scores, relevance)
    surprise = softplus(logsumexp(where(lower, -ahead, -inf), axis=-1))
    return sum((2.0**relevance - 1.0) * surprise, axis=-1)


def _pairs(scores: Array, relevance: Array) -> tuple[Array, Array]:
    """By how much i is above j, and whether it should be."""
    ahead = expand_dims(scores, axis=-1) - expand_dims(scores, axis=-2)
    return ahead, expand_dims(relevance, axis=-1) > expand_dims(relevance, axis=-2)


def _pairwise(function: Callable[[Array], Array], scores: Array, relevance: Array) -> Array:
    """The sum of a function of the lead, over the pairs whose order is known."""
    ahead, known = _pairs(scores, relevance)
    return sum(where(known, function(ahead), 0.0), axis=(-2, -1))


@loss(
    rows=1, target="nonnegative", formula="Σ_{t_i > t_j} log(1 + e^-(x_i - x_j))", convex=True,
    source="Burges et al., Learning to Rank Using Gradient Descent, 2005", smooth=inf,
)  # fmt: skip
def pairwise_logistic(scores: Array, relevance: Array) -> Array:
    """The surprise at each known order of two, where the lead is the logit."""
    return _pairwise(lambda ahead: softplus(-ahead), scores, relevance)


@loss(
    rows=1, target="nonnegative", formula="Σ_{t_i > t_j} max(0, m - x_i + x_j)", convex=True,
    limits={"margin": "nonnegative"},
    source="Joachims, Optimizing Search Engines Using Clickthrough Data, 2002",
)  # fmt: skip
def pairwise_hinge(scores: Array, relevance: Array, margin: float = 1.0) -> Array:
    """Each more relevant one should be ahead by the margin."""
    return _pairwise(lambda ahead: relu(margin - ahead), scores, relevance)


@loss(
    rows=1, target="nonnegative", formula="Σ_{t_i > t_j} σ(-(x_i - x_j))", convex=False,
    source="rax, pairwise_soft_zero_one_loss", smooth=inf,
)  # fmt: skip
def pairwise_soft_zero_one(scores: Array, relevance: Array) -> Array:
    """How many pairs stand the wrong way round, with the step rounded off."""
    return _pairwise(lambda ahead: sigmoid(-ahead), scores, relevance)


@loss(
    rows=1, target="nonnegative", formula="Σ_{i<j} ((x_i - x_j) - (t_i - t_j))²", convex=True,
    source="rax, pairwise_mse_loss", smooth=inf,
)  # fmt: skip
def pairwise_squared(scores: Array, relevance: Array) -> Array:
    """The leads should be those of the relevances."""
    error = scores - relevance
    ahead = expand_dims(error, axis=-1) - expand_dims(error, axis=-2)
    return 0.5 * sum(square(ahead), axis=(-2, -1))
