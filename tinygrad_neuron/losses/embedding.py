"""Losses of vectors: who belongs together should lie together.

Some compare rows with rows beside them (an anchor, a positive, a negative); the others compare
every row of a batch with every other one, and give one loss for each row (`coupled`). Sums over no
partner at all contribute 0, with gradient 0.
"""

from collections.abc import Callable
from math import cos, inf, pi, sin, tan

import numpy as np

from tinygrad_neuron.graph import Array, dtype_of
from tinygrad_neuron.losses.labels import one_hot, pick
from tinygrad_neuron.losses.mechanism import loss
from tinygrad_neuron.losses.multiclass import cross_entropy
from tinygrad_neuron.ops import (
    arccos,
    clip,
    expand_dims,
    floor,
    leg,
    logsumexp,
    matmul,
    minimum,
    norm,
    relu,
    remainder,
    softplus,
    square,
    stop_gradient,
    sum,
    swap,
    where,
)
from tinygrad_neuron.ops.shape import shape_of

Distance = Callable[[Array, Array], Array]


def unit(x: Array) -> Array:
    """Rows as vectors of length 1; a zero row stays 0, with gradient 0."""
    length = norm(x, axis=-1, keepdims=True)
    none = length == 0.0
    return where(none, 0.0, x / where(none, 1.0, length))


# ------------------------------------------------------------------------- rows beside rows


@loss(
    rows=1, target="prediction", formula="½ |a/|a| - b/|b||² = 1 - cos(a, b)",
    source="Singhal, Modern Information Retrieval, 2001",
)  # fmt: skip
def cosine_distance(a: Array, b: Array) -> Array:
    """1 - cos of the angle between rows, exact also for rows that are nearly parallel.

    A zero row has no angle: its distance is 1, with gradient 0.
    """
    none = (norm(a, axis=-1) == 0.0) | (norm(b, axis=-1) == 0.0)
    return where(none, 1.0, 0.5 * sum(square(unit(a) - unit(b)), axis=-1))


@loss(
    rows=1, target=("prediction", "row sign"), limits={"margin": "finite"},
    formula="1 - cos for s = 1, max(0, cos - m) for s = -1", source="torch, CosineEmbeddingLoss",
)  # fmt: skip
def cosine_embedding(a: Array, b: Array, label: Array, margin: float = 0.0) -> Array:
    """Rows with label 1 should point the same way, rows with label -1 should not."""
    apart = cosine_distance.function(a, b)
    return where(label > 0.0, apart, relu(1.0 - apart - margin))


@loss(
    rows=1, target=("prediction", "row answer"), limits={"margin": "nonnegative"},
    formula="½ [y d² + (1 - y) max(0, m - d)²], d = |a - b|",
    source="Hadsell, Chopra and LeCun, Dimensionality Reduction, 2006",
)  # fmt: skip
def contrastive(a: Array, b: Array, same: Array, margin: float = 1.0) -> Array:
    """Pairs that are the same (1) are drawn together, others (0) pushed apart up to the margin."""
    d = norm(a - b, axis=-1)
    return 0.5 * (same * square(d) + (1.0 - same) * square(relu(margin - d)))


@loss(
    rows=1, target=("prediction", "prediction"), formula="max(0, d(a, p) - d(a, n) + m)",
    limits={"margin": "nonnegative", "p": "at least 1"},
    source="Schroff, Kalenichenko and Philbin, FaceNet, 2015",
)  # fmt: skip
def triplet(
    anchor: Array, positive: Array, negative: Array, margin: float = 1.0, p: float = 2.0,
    swapped: bool = False, distance: Distance | None = None,
) -> Array:  # fmt: skip
    """The anchor should be nearer to its positive than to its negative, by the margin.

    Distances are p-norms, or what `distance(a, b)` says of rows. `swapped` takes the negative's
    distance to the positive where that is smaller (Balntas et al., 2016).
    """
    between = distance or (lambda a, b: norm(a - b, ord=p, axis=-1))
    away = between(anchor, negative)
    if swapped:
        away = minimum(away, between(positive, negative))
    return relu(between(anchor, positive) - away + margin)


@loss(
    target="sign", formula="x for s = 1, max(0, m - x) for s = -1",
    limits={"margin": "nonnegative"}, source="torch, HingeEmbeddingLoss", minimum=None,
)  # fmt: skip
def hinge_embedding(distance: Array, label: Array, margin: float = 1.0) -> Array:
    """A distance, for pairs that belong together; what it lacks of the margin, for others."""
    return where(label > 0.0, distance, relu(margin - distance))


@loss(
    target=("prediction", "sign"), formula="max(0, m - s (a - b))",
    limits={"margin": "nonnegative"}, source="torch, MarginRankingLoss",
)  # fmt: skip
def margin_ranking(a: Array, b: Array, label: Array, margin: float = 0.0) -> Array:
    """a should be above b by the margin where the label is 1, below where it is -1."""
    return relu(margin - label * (a - b))


@loss(
    rows=1, target=("prediction", "prediction"), limits={"angle": "positive"},
    formula="max(0, |a - p|² - 4 tan²α |n - (a + p)/2|²)",
    source="Wang et al., Deep Metric Learning with Angular Loss, 2017",
)  # fmt: skip
def angular(anchor: Array, positive: Array, negative: Array, angle: float = pi / 4) -> Array:
    """The negative should see anchor and positive under at most this angle, in radians."""
    away = sum(square(negative - 0.5 * (anchor + positive)), axis=-1)
    return relu(sum(square(anchor - positive), axis=-1) - 4.0 * tan(angle) ** 2 * away)


@loss(
    rows=1, target="label", formula="d_y + log Σ_{k≠y} e^(-d_k)", minimum=None,
    source="Movshovitz-Attias et al., Proxy-NCA, 2017",
)  # fmt: skip
def proxy_nca(distances: Array, label: Array) -> Array:
    """Of squared distances to a proxy of each class, the right one should be the smallest."""
    others = where(one_hot(label, distances), -inf, -distances)
    return pick(distances, label) + logsumexp(others, axis=-1)


# ------------------------------------------------------------------------- all beside all


def _similarities(a: Array, b: Array) -> Array:
    """The cosine of every row of a with every row of b."""
    return matmul(unit(a), swap(unit(b)))


def _partners(label: Array) -> tuple[Array, Array]:
    """Which other rows have the same label, and which another one."""
    same = np.equal.outer(label, label)
    return same & ~np.eye(len(label), dtype=bool), ~same


def _over(who: Array, x: Array) -> Array:
    """log Σ e^x over some of each row; -inf over none, which softplus turns into 0."""
    return logsumexp(where(who, x, -inf), axis=-1)


def _own(scores: Array) -> Array:
    """Cross-entropy with the row's own number for its class."""
    return cross_entropy.function(scores, np.arange(shape_of(scores)[0]))


@loss(
    rows=1, target="prediction", coupled=True, limits={"temperature": "positive"},
    aliases=("clip",), formula="-log softmax(cos(a_i, b_·) / τ)_i",
    source="van den Oord, Li and Vinyals, Contrastive Predictive Coding, 2018",
)  # fmt: skip
def info_nce(a: Array, b: Array, temperature: float = 0.1) -> Array:
    """Row i of a should find its own partner among all rows of b, by their cosines."""
    return _own(_similarities(a, b) / temperature)


@loss(
    rows=1, target="prediction", coupled=True, formula="log(1 + Σ_{j≠i} e^(a_i·p_j - a_i·p_i))",
    source="Sohn, Improved Deep Metric Learning with Multi-class N-pair Loss, 2016",
)  # fmt: skip
def n_pairs(anchor: Array, positive: Array) -> Array:
    """Row i should find its own positive among all positives, by their products."""
    return _own(matmul(anchor, swap(positive)))


@loss(
    rows=1, target="row label", coupled=True, limits={"temperature": "positive"},
    aliases=("nt_xent",), formula="-(1/|P|) Σ_{p∈P} log (e^(s_p/τ) / Σ_{k≠i} e^(s_k/τ))",
    source="Khosla et al., Supervised Contrastive Learning, 2020",
)  # fmt: skip
def sup_con(x: Array, label: Array, temperature: float = 0.1) -> Array:
    """Rows of one label should find each other among all others, by their cosines."""
    mine, others = _partners(label)
    s = _similarities(x, x) / temperature
    surprise = expand_dims(_over(mine | others, s), axis=-1) - s
    return sum(where(mine, surprise, 0.0), axis=-1) / np.asarray(
        np.maximum(mine.sum(axis=-1), 1), dtype_of(x)
    )


@loss(
    rows=1, target="row label", coupled=True, limits={"alpha": "positive", "beta": "positive"},
    formula="log(1 + Σ_P e^(-α(s-λ))) / α + log(1 + Σ_N e^(β(s-λ))) / β",
    source="Wang et al., Multi-Similarity Loss, 2019",
)  # fmt: skip
def multi_similarity(
    x: Array, label: Array, alpha: float = 2.0, beta: float = 50.0, threshold: float = 0.5
) -> Array:
    """Cosines of the same label should lie above the threshold, of others below."""
    mine, others = _partners(label)
    above = _similarities(x, x) - threshold
    drawn = softplus(_over(mine, -alpha * above)) / alpha
    return drawn + softplus(_over(others, beta * above)) / beta


@loss(
    rows=1, target="row label", coupled=True, limits={"margin": "share", "gamma": "positive"},
    held=True,
    formula="log(1 + Σ_N e^(γ α_n (s_n - m)) Σ_P e^(-γ α_p (s_p - 1 + m)))",
    source="Sun et al., Circle Loss, 2020",
)  # fmt: skip
def circle(x: Array, label: Array, margin: float = 0.25, gamma: float = 80.0) -> Array:
    """Cosines of the same label against those of others, each as hard as it is off."""
    mine, others = _partners(label)
    s = _similarities(x, x)
    lacking = stop_gradient(relu(1.0 + margin - s))
    surplus = stop_gradient(relu(s + margin))
    drawn = _over(mine, -gamma * lacking * (s - 1.0 + margin))
    pushed = _over(others, gamma * surplus * (s - margin))
    return softplus(where((drawn == -inf) | (pushed == -inf), -inf, drawn + pushed))


def _squared_distances(x: Array) -> Array:
    return sum(square(expand_dims(x, axis=-2) - expand_dims(x, axis=-3)), axis=-1)


@loss(
    rows=1, target="row label", coupled=True, limits={"margin": "nonnegative"},
    formula="max(0, log Σ_P e^d + log Σ_N e^(m - d))",
    source="Hermans, Beyer and Leibe, In Defense of the Triplet Loss, 2017",
)  # fmt: skip
def lifted(x: Array, label: Array, margin: float = 1.0) -> Array:
    """The farthest of the same label should be nearer than the nearest of others, rounded off."""
    mine, others = _partners(label)
    d = norm(expand_dims(x, axis=-2) - expand_dims(x, axis=-3), axis=-1)
    return relu(_over(mine, d) + _over(others, margin - d))


@loss(
    rows=1, target="row label", coupled=True, formula="-log (Σ_P e^(-d²) / Σ_{k≠i} e^(-d²))",
    source="Goldberger et al., Neighbourhood Components Analysis, 2004",
)  # fmt: skip
def nca(x: Array, label: Array) -> Array:
    """A neighbour drawn by its nearness should have the same label."""
    mine, others = _partners(label)
    near = -_squared_distances(x)
    drawn = _over(mine, near)
    return softplus(where(drawn == -inf, -inf, _over(others, near) - drawn))


# -------------------------------------------------------------------------- angles to classes


@loss(
    rows=1, domain="cosine", target="label", limits={"margin": "finite", "scale": "positive"},
    formula="cross-entropy of s (c - m [k = y])", source="Wang et al., CosFace, 2018",
)  # fmt: skip
def cosface(cosines: Array, label: Array, margin: float = 0.35, scale: float = 64.0) -> Array:
    """Cross-entropy of cosines, of which the right one is made smaller by a margin."""
    return cross_entropy.function(
        scale * where(one_hot(label, cosines), cosines - margin, cosines), label
    )


@loss(
    rows=1, domain="cosine", target="label", limits={"margin": "finite", "scale": "positive"},
    formula="cross-entropy of s cos(θ + m [k = y])", source="Deng et al., ArcFace, 2019",
)  # fmt: skip
def arcface(cosines: Array, label: Array, margin: float = 0.5, scale: float = 64.0) -> Array:
    """Cross-entropy of cosines, of which the right one's angle is made larger by a margin."""
    turned = cosines * cos(margin) - _leg(cosines) * sin(margin)
    return cross_entropy.function(scale * where(one_hot(label, cosines), turned, cosines), label)


@loss(
    rows=1, domain="cosine", target="label", limits={"margin": "at least 1", "scale": "positive"},
    formula="cross-entropy of s ψ(θ [k = y]), ψ = (-1)^j cos mθ - 2j, j = ⌊mθ/π⌋",
    source="Liu et al., SphereFace, 2017",
)  # fmt: skip
def sphereface(cosines: Array, label: Array, margin: int = 4, scale: float = 64.0) -> Array:
    """Cross-entropy of cosines, of which the right one's angle is made a multiple."""
    before, turned = 1.0, cosines
    for _ in range(margin - 1):  # cos mθ as a polynomial of cos θ
        before, turned = turned, 2.0 * cosines * turned - before
    half = floor(margin / pi * arccos(stop_gradient(cosines)))
    falling = where(remainder(half, 2.0) == 0.0, turned, -turned) - 2.0 * half
    return cross_entropy.function(scale * where(one_hot(label, cosines), falling, cosines), label)


def _leg(c: Array) -> Array:
    """√(1 - c²), whose slope at ±1, which is infinite, is taken an eps beside it."""
    inner = 1.0 - float(np.finfo(dtype_of(c)).eps)
    beside = stop_gradient(clip(c, -inner, inner)) + (c - stop_gradient(c))
    near = leg(beside)
    return near + stop_gradient(leg(c) - near)
