"""Losses of a law: how surprising a target is where the model gives a rate, a mean or a spread.

Rates come as their logarithm z, so that every score is a rate. Differences of exponentials are
written with exp(d) - 1 - d, which is exact near its least value.
"""

from math import inf, log, pi

import numpy as np

from tinygrad_neuron.errors import LossError
from tinygrad_neuron.graph import Array, plain, to_check
from tinygrad_neuron.losses.algebra import mul0
from tinygrad_neuron.losses.mechanism import loss
from tinygrad_neuron.losses.noted import check
from tinygrad_neuron.ops import exp, expm1mx, gammaln, log as logarithm, square, where


@loss(
    target="nonnegative", formula="e^z - t z", minimum=None, convex=True, smooth=inf,
    overflows=True, elicits="log mean",
    source="McCullagh and Nelder, Generalized Linear Models, 1989",
)  # fmt: skip
def poisson(log_rate: Array, target: Array, full: bool = False) -> Array:
    """The surprise at a count t where e^z are expected, but for log t!, which `full=True` adds."""
    surprise = exp(log_rate) - mul0(target, log_rate)
    return surprise + gammaln(target + 1.0) if full else surprise


@loss(
    target="nonnegative", formula="t^(2-p) [E(2-p, d) - E(1-p, d)], d = z - log t",
    limits={"power": "at least 1"}, smooth=inf, overflows=True, elicits="log mean",
    source="Jørgensen, Exponential Dispersion Models, 1987",
)  # fmt: skip
def tweedie(log_mean: Array, target: Array, power: float = 1.5) -> Array:
    """Half the unit deviance of a law whose variance is mean**power; E(a, d) = (e^ad - 1) / a.

    Power 1 is Poisson's, 2 the gamma law's, 3 the inverse Gaussian's, each the limit of its
    neighbours. A target of 0 belongs to powers below 2.
    """
    zero = target == 0.0
    if plain(power) >= 2.0:
        _refuse_zeros(zero, power)
    above_zero = where(zero, 1.0, target)
    d = log_mean - logarithm(above_zero)
    inside = above_zero ** (2.0 - power) * (_above(2.0 - power, d) - _above(1.0 - power, d))
    if plain(power) >= 2.0:
        return inside
    return where(zero, exp((2.0 - power) * log_mean) / (2.0 - power), inside)


def _above(a: float, d: Array) -> Array:
    """(e^ad - 1) / a - d, which is 0 for a = 0."""
    return 0.0 if plain(a) == 0.0 else expm1mx(a * d) / a


@check
def _refuse_zeros(zero: Array, power: float) -> None:
    if np.any(to_check(zero)):
        raise LossError(
            f"A target is 0, and the law with power {power:g} has none.",
            why="From power 2 on the law's density at 0 is 0.",
            hint="power=1.5, or mask=target > 0",
        )


@loss(
    target="nonnegative", formula="e^z - t - t (z - log t)", convex=True, smooth=inf,
    overflows=True, elicits="log mean",
    source="McCullagh and Nelder, Generalized Linear Models, 1989",
)  # fmt: skip
def poisson_deviance(log_rate: Array, target: Array) -> Array:
    """`poisson`, counted from its least value: 0 where the rate is the target."""
    return tweedie.function(log_rate, target, 1.0)


@loss(
    target="positive", aliases=("gamma",), formula="t e^-z - 1 - log(t e^-z)", convex=True,
    smooth=inf, overflows=True, elicits="log mean",
    source="McCullagh and Nelder, Generalized Linear Models, 1989",
)  # fmt: skip
def gamma_deviance(log_mean: Array, target: Array) -> Array:
    """Half the unit deviance of a gamma law: what counts is the ratio of target and mean."""
    return expm1mx(logarithm(target) - log_mean)


@loss(
    target=("same", "prediction"), formula="½ (s + (r e^(-s/2))²) + ½ log 2π", minimum=None,
    smooth=inf, overflows=True,
    source="Nix and Weigend, Estimating the Mean and Variance of a Target, 1994",
)  # fmt: skip
def gaussian_nll(mean: Array, target: Array, log_variance: Array) -> Array:
    """The surprise at a target where a normal law with this mean and log variance is expected."""
    scaled = (mean - target) * exp(-0.5 * log_variance)
    return 0.5 * (log_variance + square(scaled)) + 0.5 * log(2.0 * pi)


@loss(
    target="prediction", formula="½ (e^s + μ² - 1 - s)", convex=True, smooth=inf, overflows=True,
    source="Kingma and Welling, Auto-Encoding Variational Bayes, 2014",
)  # fmt: skip
def gaussian_kl(mean: Array, log_variance: Array) -> Array:
    """How far a normal law with this mean and log variance is from the standard one."""
    return 0.5 * (expm1mx(log_variance) + square(mean))
