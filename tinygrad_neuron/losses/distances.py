"""How far two distributions, or two positive spectra, or two samples are from each other.

Each is a sum of parts that are not negative: equal ones are exactly 0 apart, and close ones keep
their digits. The first one is the prediction, which moves; the second, t, is what it should be.
"""

from math import inf

import numpy as np

from tinygrad_neuron.graph import Array, is_traced, plain
from tinygrad_neuron.losses.algebra import mul0, xlogy
from tinygrad_neuron.losses.mechanism import loss
from tinygrad_neuron.ops import (
    absolute,
    alpha_contrast,
    arctanh,
    beta_contrast,
    cumsum,
    exp,
    expm1,
    expm1mx,
    isfinite,
    log1p,
    log_softmax,
    logsumexp,
    max,
    mean,
    power,
    softmax,
    sort,
    sqrt,
    square,
    stop_gradient,
    sum,
    where,
)

FAR = 30.0  # log1p of exp of this is its logarithm, to rounding

# ----------------------------------------------------------------------------- distributions


@loss(
    rows=1, target="prediction", formula="Σ p (log p - log q), q = softmax(x), p = softmax(z)",
    source="Kullback and Leibler, On Information and Sufficiency, 1951", convex=True, smooth=inf,
)  # fmt: skip
def kl_divergence(logits: Array, target_logits: Array) -> Array:
    """Σ p (log p - log q): how much a model q surprises who knows that it is p; both as scores.

    Its gradient in the scores is q - p. It is never negative: for two that are nearly the same it
    is a sum of squares, where Σ p (log p - log q) would be the rounding of its terms. A class with
    score -inf in both is skipped; one that is only in p costs inf.

    >>> from tinygrad_neuron import Value
    >>> kl_divergence(Value([[0.0, 1e-9]]), [[0.0, 0.0]])
    Value(1.25e-19)
    """
    p, absent = softmax(target_logits), target_logits == -inf
    x, z = where(absent, 0.0, logits), where(absent, 0.0, target_logits)
    likeliest = np.argmax(plain(target_logits), axis=-1, keepdims=True)
    start = np.take_along_axis(stop_gradient(x - z), likeliest, axis=-1)
    start = where(isfinite(start), start, 0.0)  # scores may be shifted by any number
    # q / p of each class, and q alone where p is 0, as logarithms and but for one factor
    ratio = where(absent, logits - logsumexp(target_logits, axis=-1, keepdims=True), x - z) - start
    far = max(ratio, axis=-1, keepdims=True) > FAR
    ratio = where(far, 0.0, ratio)
    whole = sum(where(absent, exp(ratio), p * expm1(ratio)), axis=-1, keepdims=True)
    d = ratio - log1p(where(far, 0.0, whole))
    near = sum(where(absent, exp(d), p * expm1mx(d)), axis=-1)
    if not is_traced(far) and not np.any(plain(far)):
        return near
    direct = where(absent, 0.0, log_softmax(target_logits) - log_softmax(logits))
    return where(far[..., 0], sum(mul0(p, direct), axis=-1), near)


@loss(
    rows=1, domain="predicted nonnegative", target="nonnegative", aliases=("kl_divergence_probs",),
    formula="Σ t log(t/p) - t + p", convex=True,
    source="Csiszár, Why Least Squares and Maximum Entropy, 1991",
)  # fmt: skip
def generalized_kl(prediction: Array, target: Array) -> Array:
    """Σ t log(t / p) - t + p: Kullback and Leibler's divergence from probabilities, or from any
    measures, for distributions the same; never negative.

    >>> from tinygrad_neuron import Value
    >>> generalized_kl(Value([[1.0, 3.0]]), [[1.0, 0.0]])
    Value(3.0)
    """
    return sum(alpha_contrast(prediction, target, alpha=1.0), axis=-1)


@loss(
    rows=1, domain="probability", target="unit", formula="½ KL(p, m) + ½ KL(t, m), m = (p + t) / 2",
    source="Lin, Divergence Measures Based on the Shannon Entropy, 1991", convex=True,
)  # fmt: skip
def js_divergence(probs: Array, target: Array) -> Array:
    """Jensen and Shannon's divergence: how well one can tell which of two a draw came from.

    From 0 to log 2 for distributions that have nothing in common; the same in both directions.

    >>> from tinygrad_neuron import Value
    >>> js_divergence(Value([[1.0, 0.0]]), [[0.0, 1.0]])
    Value(0.6931471805599453)
    """
    both = probs + target
    empty = both == 0.0
    u = where(empty, 0.0, (probs - target) / where(empty, 1.0, both))
    alike = absolute(u) < 0.5
    v = where(alike, u, 0.0)
    near = 0.25 * both * (2.0 * v * arctanh(v) + log1p(-square(v)))
    middle = where(alike, 1.0, 0.5 * both)
    far = 0.5 * (xlogy(probs, probs / middle) + xlogy(target, target / middle))
    return sum(where(alike, near, far), axis=-1)


@loss(
    rows=1, domain="probability", target="unit", formula="½ Σ |p - t|", convex=True, smooth=0,
    source="Lévy, 1937",
)  # fmt: skip
def total_variation(probs: Array, target: Array) -> Array:
    """½ Σ |p - t|: the largest difference there is between the probabilities of an event.

    >>> from tinygrad_neuron import Value
    >>> total_variation(Value([[0.5, 0.5]]), [[0.75, 0.25]])
    Value(0.25)
    """
    return 0.5 * sum(absolute(probs - target), axis=-1)


@loss(
    rows=1, domain="probability", target="unit", formula="½ Σ (√p - √t)²", convex=True,
    source="Hellinger, 1909",
)  # fmt: skip
def hellinger2(probs: Array, target: Array) -> Array:
    """½ Σ (√p - √t)², the squared Hellinger distance: between 0 and 1 for distributions.

    >>> from tinygrad_neuron import Value
    >>> hellinger2(Value([[1.0, 0.0], [0.25, 0.75]]), [[0.0, 1.0], [0.25, 0.75]], reduction="none")
    Value([1.0, 0.0])
    """
    return 0.5 * sum(square(_root_gap(probs, target)), axis=-1)


def _root_gap(p: Array, t: Array) -> Array:
    """√p - √t as (p - t) / (√p + √t), which does not cancel; 0 where both are 0."""
    none = (p == 0.0) & (t == 0.0)
    return where(none, 0.0, (p - t) / (sqrt(where(none, 1.0, p)) + sqrt(t)))


@loss(
    rows=1, domain="probability", target="unit", formula="-log Σ √(p t)", minimum=0.0,
    source="Bhattacharyya, 1943",
)  # fmt: skip
def bhattacharyya(probs: Array, target: Array) -> Array:
    """-log Σ √(p t): the overlap of two distributions as a distance; inf where there is none.

    >>> from tinygrad_neuron import Value
    >>> bhattacharyya(Value([[0.5, 0.5]]), [[0.5, 0.5]])
    Value(0.0)
    """
    return -log1p(-0.5 * sum(square(_root_gap(probs, target)), axis=-1))


@loss(
    rows=1, domain="predicted nonnegative", target="nonnegative", formula="Σ (t - p)² / p",
    source="Pearson, 1900", convex=True,
)  # fmt: skip
def chi_squared(prediction: Array, target: Array) -> Array:
    """Σ (t - p)² / p: Pearson's statistic of what was counted, t, where p was expected.

    What neither has counts nothing; what was not expected at all is inf.

    >>> from tinygrad_neuron import Value
    >>> chi_squared(Value([[8.0, 2.0, 0.0]]), [[4.0, 6.0, 0.0]])
    Value(10.0)
    """
    none = (prediction == 0.0) & (target == 0.0)
    gap = where(none, 0.0, target - prediction)
    return sum(gap * (gap / where(none, 1.0, prediction)), axis=-1)


@loss(
    rows=1, domain="predicted nonnegative", target="nonnegative", limits={"alpha": "finite"},
    formula="Σ (t^α p^(1-α) - α t - (1-α) p) / (α (α-1))", convex=True,
    source="Amari, Differential-Geometrical Methods in Statistics, 1985",
)  # fmt: skip
def alpha_divergence(prediction: Array, target: Array, alpha: float = 0.5) -> Array:
    """Σ (t^α p^(1-α) - α t - (1-α) p) / (α (α - 1)): from one Kullback-Leibler to the other.

    At α = 1 it is KL(t, p), at 0 KL(p, t), at 2 half of `chi_squared` and at 1/2 four times
    `hellinger2`, and continuous in between. With a large α the prediction covers all of the target,
    for from 1 on it is inf where something was not predicted at all; with a small one it stays
    within, for from 0 down it is inf where the target is 0 and the prediction is not.

    >>> from tinygrad_neuron import Value
    >>> round(alpha_divergence(Value([[8.0, 2.0]]), [[4.0, 6.0]], alpha=2.0).item(), 12)
    5.0
    """
    return sum(alpha_contrast(prediction, target, alpha=alpha), axis=-1)


@loss(
    rows=1, domain="probability", target="unit", limits={"alpha": "positive"},
    formula="log(Σ t^α p^(1-α)) / (α - 1)",
    source="Rényi, On Measures of Entropy and Information, 1961",
)  # fmt: skip
def renyi(probs: Array, target: Array, alpha: float = 0.5) -> Array:
    """log(Σ t^α p^(1-α)) / (α - 1): Rényi's divergence of t from p, both distributions.

    At α = 1 it is KL(t, p), and continuous there; at 1/2 twice `bhattacharyya`.

    >>> from tinygrad_neuron import Value
    >>> renyi(Value([[0.5, 0.5]]), [[0.25, 0.75]], alpha=2.0)
    Value(0.22314355131420976)
    """
    a = alpha - 1.0
    excess = alpha * sum(alpha_contrast(probs, target, alpha=alpha), axis=-1)
    return log1p(a * excess) / a if a else excess


# ------------------------------------------------------------------------- positive spectra


@loss(
    domain="predicted positive", target="positive", formula="t/p - log(t/p) - 1",
    source="Itakura and Saito, Analysis Synthesis Telephony, 1968", smooth=inf, elicits="mean",
)  # fmt: skip
def itakura_saito(prediction: Array, target: Array) -> Array:
    """t / p - log(t / p) - 1: only their ratio counts, so that faint and loud weigh the same.

    Too little is punished like 1 / p, too much like its logarithm.

    >>> from tinygrad_neuron import Value
    >>> itakura_saito(Value(2.0), 2.0)
    Value(0.0)
    """
    return beta_contrast(prediction, target, beta=0.0)


@loss(
    domain="predicted positive", target="positive", limits={"beta": "finite"},
    formula="(t^β + (β-1) p^β - β t p^(β-1)) / (β (β-1))", smooth=inf, elicits="mean",
    source="Basu, Harris, Hjort and Jones, Robust and Efficient Estimation, 1998",
)  # fmt: skip
def beta_divergence(prediction: Array, target: Array, beta: float = 1.0) -> Array:
    """(t^β + (β - 1) p^β - β t p^(β-1)) / (β (β - 1)): from Itakura and Saito to the square.

    At β = 0 it is `itakura_saito`, at 1 the generalised Kullback-Leibler divergence, at 2 half of
    the squared error, and continuous in between.

    >>> from tinygrad_neuron import Value
    >>> round(beta_divergence(Value(5.0), 2.0, beta=2.0).item(), 12)
    4.5
    """
    return beta_contrast(prediction, target, beta=beta)


# ------------------------------------------------------------------------------- one dimension


@loss(
    rows=1, formula="(1/n) Σ |x_(i) - t_(i)|^p, both sorted", limits={"p": "at least 1"},
    source="Kantorovich, On the Translocation of Masses, 1942", smooth=0,
)  # fmt: skip
def wasserstein(samples: Array, target: Array, p: float = 1.0) -> Array:
    """mean |x - t|^p of two samples, both in order: how far one must be carried to be the other.

    Samples of one size on the last axis; for p = 1 it is Wasserstein's distance, else its p-th
    power. Equal samples share what they are owed.

    >>> from tinygrad_neuron import Value
    >>> wasserstein(Value([[3.0, 1.0]]), [[1.0, 4.0]])
    Value(0.5)
    """
    return mean(power(absolute(sort(samples) - sort(target)), p), axis=-1)


@loss(
    rows=1, domain="probability", target="unit", formula="Σ |P_k - T_k|, P and T summed up",
    source="Rubner, Tomasi and Guibas, A Metric for Distributions, 1998", convex=True, smooth=0,
)  # fmt: skip
def earth_mover(probs: Array, target: Array) -> Array:
    """Σ |P_k - T_k| of the running sums: Wasserstein's distance, for classes that have an order.

    To be off by two classes costs twice as much as by one.

    >>> from tinygrad_neuron import Value
    >>> earth_mover(Value([[1.0, 0.0, 0.0]]), [[0.0, 0.0, 1.0]])
    Value(2.0)
    """
    return sum(absolute(cumsum(probs - target, axis=-1))[..., :-1], axis=-1)
