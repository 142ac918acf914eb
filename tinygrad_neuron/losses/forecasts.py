"""Losses of a whole law that was predicted: how surprising, or how far away, what happened is.

The first array places the law, the target is what happened, the third spreads the law. Spreads are
logarithms, so that every number is one; a law as narrow as exp(-800) is no special case.
"""

import math
from math import inf

import numpy as np

from tinygrad_neuron.graph import Array, dtype_of
from tinygrad_neuron.losses.algebra import mul0
from tinygrad_neuron.losses.mechanism import loss
from tinygrad_neuron.ops import (
    absolute,
    erf,
    exp,
    expand_dims,
    gammaln,
    gammaln_gap,
    log,
    log1psq,
    maximum,
    minimum,
    relu,
    softplus,
    sort,
    square,
    sum,
)
from tinygrad_neuron.ops.shape import shape_of


@loss(
    target=("real", "prediction"), formula="|r| exp(-b) + b + log 2", minimum=None,
    source="Laplace, 1774", smooth=0, elicits="median",
)  # fmt: skip
def laplace_nll(location: Array, target: Array, log_scale: Array) -> Array:
    """|error| / scale + log(2 scale): surprise under a law with two exponential tails.

    Its gradient in the location is ±1 / scale; in log_scale it is 0 where the scale is the error.

    >>> from tinygrad_neuron import Value
    >>> laplace_nll(Value(3.0), 1.0, 0.0)
    Value(2.6931471805599454)
    """
    return mul0(absolute(location - target), exp(-log_scale)) + log_scale + math.log(2.0)


@loss(
    target=("real", "prediction"), limits={"df": "positive"}, minimum=None,
    formula="(n+1)/2 log(1 + u²) + s + log B(n/2, 1/2) + log(n)/2, u = r exp(-s) / √n",
    source="Lange, Little and Taylor, Robust Statistical Modeling Using the t Distribution, 1989",
    convex=False, smooth=inf,
)  # fmt: skip
def student_nll(location: Array, target: Array, log_scale: Array, df: Array = 4.0) -> Array:
    """Surprise under Student's law, whose tails are heavy: an outlier costs its logarithm.

    Its gradient in the location falls like (df + 1) / error for large errors. With growing df it
    becomes the normal law, without a digit lost on the way.

    >>> from tinygrad_neuron import Value
    >>> round(student_nll(Value(0.0), 0.0, 0.0, df=1.0).item(), 12)  # log(pi): Cauchy's law
    1.144729885849
    """
    u = mul0(location - target, exp(-log_scale)) / df**0.5
    constant = 0.5 * log(math.pi * df) - gammaln_gap(0.5 * df, 0.5)
    return 0.5 * (df + 1.0) * log1psq(u) + log_scale + constant


@loss(
    target="nonnegative", limits={"dispersion": "positive"}, minimum=None,
    formula="log Γ(t+1) - log Γ(t+r) / Γ(r) + t softplus(log r - z) + r softplus(z - log r)",
    source="Cameron and Trivedi, Regression Analysis of Count Data, 1998",
    convex=True, smooth=inf, elicits="mean of exp",
)  # fmt: skip
def negative_binomial_nll(log_rate: Array, target: Array, dispersion: Array = 1.0) -> Array:
    """Surprise of a count whose mean is m = exp(log_rate) and variance m + dispersion · m².

    r = 1 / dispersion. Its gradient is (m - target) / (1 + dispersion · m): a large count pulls
    less than Poisson's. As the dispersion goes to 0 it becomes Poisson's.

    >>> from tinygrad_neuron import Value
    >>> round(negative_binomial_nll(Value(0.0), 1.0).item(), 12)  # log(4)
    1.38629436112
    """
    r = 1.0 / dispersion
    lead = log_rate + log(dispersion)
    few, many = minimum(target + 1.0, r), maximum(target + 1.0, r)
    ways = gammaln(few) - gammaln_gap(many, few - 1.0)  # log Γ(t+1) Γ(r) / Γ(t+r)
    return ways + mul0(target, softplus(-lead)) + r * softplus(lead)


@loss(
    target=("real", "prediction"), formula="σ (z erf(z/√2) + √(2/π) exp(-z²/2) - 1/√π)",
    source="Gneiting and Raftery, Strictly Proper Scoring Rules, 2007",
    smooth=inf, elicits="distribution",
)  # fmt: skip
def crps_gaussian(location: Array, target: Array, log_scale: Array) -> Array:
    """Continuous ranked probability score of a normal law: the absolute error, for a whole law.

    In the unit of the target; for a narrow law it is |error|. Its gradient in the location is
    erf(z / √2), where z is the error in scales: never beyond ±1.

    >>> from tinygrad_neuron import Value
    >>> crps_gaussian(Value(0.0), 0.0, 0.0)
    Value(0.23369497725510913)
    """
    error, scale = location - target, exp(log_scale)
    z = mul0(error, exp(-log_scale))
    bell = math.sqrt(2.0 / math.pi) * exp(-0.5 * square(z))
    return error * erf(z / math.sqrt(2.0)) + scale * (bell - 1.0 / math.sqrt(math.pi))


@loss(
    rows=1, target="row real", formula="Σ (F(x) - [x ≥ target])² dx, F the steps of the members",
    source="Hersbach, Decomposition of the Continuous Ranked Probability Score, 2000",
    convex=False, smooth=0, elicits="distribution",
)  # fmt: skip
def crps_ensemble(members: Array, target: Array) -> Array:
    """Continuous ranked probability score of an ensemble: mean |x - t| less half of mean |x - x'|.

    Members of shape (..., count) beside one target each. It is computed as an area between the
    steps of the members and that of the target, whose parts are all positive: nothing cancels.

    >>> from tinygrad_neuron import Value
    >>> crps_ensemble(Value([[1.0, 3.0], [0.0, 0.0]]), [2.0, 1.0], reduction="none")
    Value([0.5, 1.0])
    """
    x, t = sort(members), expand_dims(target, axis=-1)
    count = shape_of(x)[-1]
    left, right = x[..., :-1], x[..., 1:]
    share = np.arange(1, count).astype(dtype_of(x)) / count
    below = relu(minimum(right, t) - left) * share**2
    above = relu(right - maximum(left, t)) * (1.0 - share) ** 2
    beyond = relu(t - x[..., -1:]) + relu(x[..., :1] - t)
    return sum(below + above, axis=-1) + sum(beyond, axis=-1)
