"""The logarithm of the gamma function and its derivatives, which NumPy has not.

Likelihoods of counts and of heavy tails need them, and need the difference of two of them where
both are so large that subtracting would leave nothing. All are computed in float64, whatever the
precision of what they are given.
"""

import math
from typing import Any

import numpy as np

from tinygrad_neuron.arrays import is_foreign
from tinygrad_neuron.graph import POSITIVE, Array, elementwise

FAR = 12  # from here on the expansion around infinity is exact to rounding
BERNOULLI = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510]
HALF_LOG_2_PI = 0.5 * math.log(2.0 * math.pi)
# of log(gamma(2 + z)) = c[0] z + c[1] z² + ...: 1 less Euler's constant, (-1)**n (zeta(n) - 1) / n
AROUND_TWO = (
    0.42278433509846713,
    0.3224670334241132,
    -0.0673523010531981,
    0.020580808427784546,
    -0.007385551028673986,
    0.0028905103307415234,
    -0.001192753911703261,
    0.0005096695247430425,
    -0.00022315475845357939,
    9.945751278180853e-05,
    -4.492623673813314e-05,
    2.050721277567069e-05,
    -9.439488275268397e-06,
    4.374866789907488e-06,
    -2.039215753801366e-06,
    9.55141213040742e-07,
    -4.492469198764566e-07,
    2.1207184805554665e-07,
    -1.0043224823968099e-07,
    4.7698101693639804e-08,
    -2.2711094608943164e-08,
    1.0838659214896955e-08,
    -5.183475041970047e-09,
    2.4836745438024785e-09,
    -1.1921401405860912e-09,
    5.731367241678862e-10,
    -2.7595228851242334e-10,
)

# ------------------------------------------------------------------------------- on plain numbers


def _in_double(function: Any, *arrays: Array, **settings: Any) -> Array:
    """A function of float64, in the precision of what it was given; nan below 0."""
    precision = np.result_type(*arrays)
    x, *others = (
        x.astype(np.float64) if is_foreign(x) else np.asarray(x, np.float64) for x in arrays
    )
    x = np.where(x < 0.0, np.nan, x)
    y = function(x, *others, **settings)
    return y.astype(precision if precision.kind == "f" else np.float64)


def _around_two(z: Array) -> Array:
    """log(gamma(2 + z)), to the last digits also where it is small."""
    total = np.zeros_like(z)
    for c in reversed(AROUND_TWO):
        total = z * (total + c)
    return total


def _gammaln_near(x: Array) -> Array:
    """For x up to FAR: down to 2 ± 1/2 by gamma(x) = (x - 1) gamma(x - 1)."""
    product = np.ones_like(x)
    for _ in range(FAR - 2):
        large = x >= 2.5
        x = np.where(large, x - 1.0, x)
        product = np.where(large, product * x, product)
    z = x - np.floor(x + 0.5)
    below = np.where(x < 1.5, np.log1p(z), 0.0) + np.log(np.where(x < 0.5, x, 1.0))
    return _around_two(z) - below + np.log(product)


def _gammaln(x: Array) -> Array:
    far = np.maximum(x, FAR)
    stirling = (far - 0.5) * (np.log(far) - 1.0) + (HALF_LOG_2_PI - 0.5)
    for c, power in _expansion(-1):
        stirling = stirling + c * far**-power
    near = _gammaln_near(np.minimum(x, FAR))
    return np.where(x < FAR, near, stirling)


def _expansion(order: int) -> list[tuple[float, int]]:
    """c and p of the terms c / x**p, for large x, of this derivative of digamma; -1 for gammaln.

    Their beginning, a logarithm where the order is not positive, is left out.
    """
    sign = -((-1) ** order)
    leading = [(0.5 * sign * math.factorial(order), order + 1)] if order >= 0 else []
    if order > 0:
        leading.append((float(sign * math.factorial(order - 1)), order))
    return leading + [
        (sign * b * math.factorial(2 * k + order - 1) / math.factorial(2 * k), 2 * k + order)
        for k, b in enumerate(BERNOULLI, 1)
    ]


def _polygamma(x: Array, order: int) -> Array:
    total = np.zeros_like(x)
    factor = (-1.0) ** (order + 1) * math.factorial(order)
    for _ in range(FAR + order):
        near = x < FAR + order
        total = np.where(near, total + factor * np.where(near, x, 1.0) ** -(order + 1.0), total)
        x = np.where(near, x + 1.0, x)
    for c, power in _expansion(order):
        total = total + c * x ** -float(power)
    return total if order else total + np.log(x)


def _gammaln_gap(a: Array, h: Array, order: int) -> Array:
    a, h = np.broadcast_arrays(a, h)
    total, m = np.zeros_like(a), order - 1
    for _ in range(FAR + order):
        near = a < FAR + order
        ratio = np.log1p(h / np.where(near, a, 1.0))
        step = ratio if m < 0 else (-1.0) ** m * math.factorial(m) * _drop(a, ratio, m + 1)
        total = np.where(near, total - step, total)
        a = np.where(near, a + 1.0, a)
    ratio = np.log1p(h / a)
    for c, power in _expansion(m):
        total = total + c * _drop(a, ratio, power)
    if m < 0:
        lost = (
            np.abs(h / a) < np.finfo(a.dtype).smallest_normal
        )  # and with it all digits of the ratio
        return total + np.where(lost, 0.0, (a - 0.5) * ratio - h) + h * np.log(a + h)
    return total + ratio if m == 0 else total


def _drop(a: Array, ratio: Array, power: int) -> Array:
    """(a + h)**-power - a**-power, from the logarithm of (a + h) / a."""
    return a ** -float(power) * np.expm1(-power * ratio)


# --------------------------------------------------------------------------------- with rules


@elementwise(
    lambda g, y, x: g * polygamma(x, order=0),
    domains=(POSITIVE,),
)
def gammaln(x: Array) -> Array:
    """The logarithm of the gamma function of x > 0, log((x - 1)!).

    >>> np.exp(gammaln(np.array([1.0, 2.0, 5.0]))).round(9)
    array([ 1.,  1., 24.])

    Of negative x it is nan, and so are its derivatives.
    """
    return _in_double(_gammaln, x)


@elementwise(
    lambda g, y, x, order: g * polygamma(x, order=order + 1),
    domains=(POSITIVE,),
)
def polygamma(x: Array, *, order: int = 0) -> Array:
    """Digamma, the slope of `gammaln`, for x > 0; or its derivative of this order, its own rule."""
    return _in_double(_polygamma, x, order=order)


def digamma(x: Array) -> Array:
    """The slope of `gammaln`: near log(x) for large x, and near -1 / x for small."""
    return polygamma(x, order=0)


@elementwise(
    lambda g, y, a, h, order: g * gammaln_gap(a, h, order=order + 1),
    lambda g, y, a, h, order: g * polygamma(a + h, order=order),
    domains=(POSITIVE, POSITIVE),
)
def gammaln_gap(a: Array, h: Array, *, order: int = 0) -> Array:
    """gammaln(a + h) - gammaln(a), or its derivative of this order in a, which is its own rule.

    A primitive because the difference cancels: between 1e9 and 1e9 + 1/2 it is 10.36, and in
    float32, where both are 2e10, nothing of it would be left.
    """
    return _in_double(_gammaln_gap, a, h, order=order)
