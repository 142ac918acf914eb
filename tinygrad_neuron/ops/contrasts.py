"""Two positive numbers compared: what divergences are sums of.

They are primitives for the accuracy of their slopes. Written out, each is a difference of functions
of log(t / p), whose slopes are large and all but equal where one number is far larger.
"""

import numpy as np

from tinygrad_neuron.graph import POSITIVE, Array, dtype_of, elementwise
from tinygrad_neuron.ops.elementwise import absolute, expm1, log, log1p, power, where
from tinygrad_neuron.ops.special import expm1mx


def log_ratio(t: Array, p: Array) -> Array:
    """log(t / p), also for two that are nearly the same; 0 where both are 0.

    >>> log_ratio(1.0, 1.0), log_ratio(0.0, 0.0)
    (0.0, 0.0)
    """
    neither = (t == 0.0) & (p == 0.0)
    near = (absolute(t - p) <= 0.5 * p) & ~neither
    far = log(where(neither | near, 1.0, t)) - log(where(neither | near, 1.0, p))
    return where(near, log1p(where(near, t - p, 0.0) / where(near, p, 1.0)), far)


def grown(a: float, x: Array) -> Array:
    """(exp(a x) - 1) / a, and x for a = 0."""
    return expm1(a * x) / a if abs(a) > 1e-20 else x


def _beyond(a: float, x: Array) -> Array:
    """(exp(a x) - 1 - a x) / a, and 0 for a = 0."""
    return expm1mx(a * x) / a if abs(a) > 1e-20 else np.zeros_like(x)


@elementwise(
    lambda g, y, p, t, alpha: -g * grown(alpha, log_ratio(t, p)),
    lambda g, y, p, t, alpha: g * grown(alpha - 1.0, log_ratio(t, p)),
    domains=(POSITIVE, POSITIVE),
)
def alpha_contrast(p: Array, t: Array, *, alpha: float = 0.5) -> Array:
    """(t**α p**(1-α) - α t - (1-α) p) / (α (α-1)), and its limits where α is 0 or 1."""
    if alpha < 0.5:
        p, t, alpha = t, p, 1.0 - alpha
    with np.errstate(all="ignore"):
        d = log_ratio(t, p)
        both = t * (_beyond(alpha - 1.0, d) + expm1mx(-d))
        missed = t * (alpha / (1.0 - alpha) if alpha < 1.0 else np.inf)
    only = np.where(np.equal(t, 0.0), p, missed)
    return np.where(np.isinf(d), only, both) / dtype_of(d).type(alpha)


def _excess(p: Array, t: Array, beta: float) -> Array:
    """p**(β-2) (p - t), as a quotient where p**(β-2) would vanish long before it does."""
    return power(p, beta - 1.0) * ((p - t) / p) if beta <= 1.0 else power(p, beta - 2.0) * (p - t)


@elementwise(
    lambda g, y, p, t, beta: g * _excess(p, t, beta),
    lambda g, y, p, t, beta: g * power(p, beta - 1.0) * grown(beta - 1.0, log_ratio(t, p)),
    domains=(POSITIVE, POSITIVE),
)
def beta_contrast(p: Array, t: Array, *, beta: float = 1.0) -> Array:
    """(t**β + (β-1) p**β - β t p**(β-1)) / (β (β-1)), and its limits where β is 0 or 1."""
    d = log_ratio(p, t)
    return np.power(t, beta) * (_beyond(beta, d) - _beyond(beta - 1.0, d))
