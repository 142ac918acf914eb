"""Angles and their hyperbolic relatives, each beside a slope that no size of number can spoil.

The inverse functions meet right triangles: `hypot` is the long side, `leg` the other short one,
and `direction` the cosine between two sides. Their slopes are written with each other, as numbers
between -1 and 1 divided by a length, so that nothing is squared that could overflow or vanish, and
nothing is subtracted that could cancel; that holds for the slopes of the slopes as well.
"""

import math

import numpy as np

from tinygrad_neuron.graph import Array, Domain, elementwise, is_complex
from tinygrad_neuron.ops.elementwise import AT_ZERO, multiply, or_one, sech2, sqrt

WITHIN_ONE = Domain(low=-1.0, high=1.0)


# ------------------------------------------------------------------------- right triangles


@elementwise(
    lambda g, y, a, b: g * direction(a, b),
    lambda g, y, a, b: g * direction(b, a),
    scalar=math.hypot,
    numpy=(np.hypot,),
    domains=(AT_ZERO, AT_ZERO),
    kink="slope 0 at (0, 0)",
)
def hypot(a: Array, b: Array) -> Array:
    """sqrt(a*a + b*b): how far (a, b) is from the origin. At the origin both slopes are 0."""
    return np.hypot(a, b)


def _turned(g: Array, a: Array, b: Array) -> Array:
    """g per length of (a, b), as far as b points."""
    return g * direction(b, a) / or_one(hypot(a, b))


def _from_afar(a: Array, b: Array) -> Array:
    """a in a picture where what is infinite has length 1, and what is finite beside it none."""
    return np.where(np.isinf(a), np.copysign(1.0, a), np.where(np.isinf(b), 0.0, a))


def _far_or_near(a: Array, b: Array) -> Array:
    """The same without asking whether something is infinite."""
    a, b = _from_afar(a, b), _from_afar(b, a)
    r = np.hypot(a, b)
    return a / np.where(np.equal(r, 0.0), 1.0, r)


@elementwise(
    lambda g, y, a, b: _turned(g, a, b) * direction(b, a),
    lambda g, y, a, b: -_turned(g, a, b) * y,
    foreign=_far_or_near,
    domains=(AT_ZERO, AT_ZERO),
    kink="a jump at (0, 0): value and slopes 0",
)
def direction(a: Array, b: Array) -> Array:
    """a / hypot(a, b), the slope of hypot: how far (a, b) points along a, and 0 at the origin.

    A primitive because the slope of the quotient, (1 - y*y) / hypot(a, b), cancels.
    """
    r = np.hypot(a, b)
    if np.isinf(r).any():
        a, b = np.asarray(a, r.dtype), np.asarray(b, r.dtype)
        a, b = _from_afar(a, b), _from_afar(b, a)
        r = np.hypot(a, b)
    return a / np.where(r == 0.0, 1.0, r)


@elementwise(
    lambda g, y, a, b, order, part: _owed_by_inverse(g, a, b, order, 1 - part, 2 * part - 1),
    lambda g, y, a, b, order, part: _owed_by_inverse(g, a, b, order, part, 1),
    domains=(AT_ZERO, AT_ZERO),
    kink="a jump at (0, 0): value and slopes 0",
)
def inverse_power(a: Array, b: Array, *, order: int = 1, part: int = 0) -> Array:
    """The real part (0) or the imaginary part (1) of (b + ia)**-order, and 0 at the origin.

    They are the derivatives of arctan2, of all orders, and each other's: written as quotients they
    would be differences of what overflows below 1e-154.
    """
    r = np.hypot(a, b)
    r = np.where(r == 0.0, 1.0, r)
    sine, cosine = direction(a, b), direction(b, a)
    real, imaginary = cosine, -sine
    for _ in range(order - 1):
        real, imaginary = real * cosine + imaginary * sine, imaginary * cosine - real * sine
    y = imaginary if part else real
    for _ in range(order):
        y = y / r
    return y


def _owed_by_inverse(g: Array, a: Array, b: Array, order: int, part: int, sign: int) -> Array:
    """d/dz z**-n = -n z**-(n + 1); a stands at i, which exchanges the parts."""
    return -sign * order * g * inverse_power(a, b, order=order + 1, part=part)


@elementwise(
    lambda g, y, a, b: g * inverse_power(a, b),
    lambda g, y, a, b: g * inverse_power(a, b, part=1),
    scalar=math.atan2,
    numpy=(np.arctan2,),
    domains=(AT_ZERO, Domain()),
    kink="a jump where a = 0 > b: the slope of its neighbours; at (0, 0) slope 0",
)
def arctan2(a: Array, b: Array) -> Array:
    """The angle of the point with height a and width b, from -pi to pi."""
    return np.arctan2(a, b)


@elementwise(
    lambda g, y, x: -g * x / y,
    holomorphic=True,
    scalar=lambda x: math.sqrt((1.0 - x) * (1.0 + x)),
    domains=(WITHIN_ONE,),
)
def leg(x: Array) -> Array:
    """sqrt(1 - x*x): the other short side beside x, where the long one is 1; exact near 1.

    A primitive because its slope, written with (1 - x) and (1 + x), cancels near 0.
    """
    if is_complex(x):  # on the side of its branch cuts that the sign of a zero says
        return np.sqrt(1.0 - x) * np.sqrt(1.0 + x)
    return np.sqrt((1.0 - x) * (1.0 + x))


# -------------------------------------------------------------------------------- angles


@elementwise(
    lambda g, y, x: g * (sech2(1j * x) if is_complex(x) else 1.0 + y * y),
    holomorphic=True,
    scalar=math.tan,
    numpy=(np.tan,),
    domains=(Domain(low=-0.5 * math.pi, high=0.5 * math.pi),),
)
def tan(x: Array) -> Array:
    """The tangent of an angle in radians."""
    return np.tan(x)


@elementwise(
    lambda g, y, x: g / leg(x),
    holomorphic=True,
    scalar=math.asin,
    numpy=(np.arcsin,),
    domains=(WITHIN_ONE,),
)
def arcsin(x: Array) -> Array:
    """The angle whose sine is x, from -pi/2 to pi/2. At -1 and 1 its slope is inf."""
    return np.arcsin(x)


@elementwise(
    lambda g, y, x: -g / leg(x),
    holomorphic=True,
    scalar=math.acos,
    numpy=(np.arccos,),
    domains=(WITHIN_ONE,),
)
def arccos(x: Array) -> Array:
    """The angle whose cosine is x, from 0 to pi. At -1 and 1 its slope is -inf."""
    return np.arccos(x)


def _over_square(g: Array, side: Array) -> Array:
    """g / side**2, for a side whose square may overflow."""
    return g / side / side


def _with_one(x: Array) -> Array:
    """sqrt(1 + x*x): the long side of the triangle over 1 and x."""
    return leg(1j * x) if is_complex(x) else hypot(1.0, x)


@elementwise(
    lambda g, y, x: _over_square(g, _with_one(x)),
    holomorphic=True,
    scalar=math.atan,
    numpy=(np.arctan,),
)
def arctan(x: Array) -> Array:
    """The angle whose tangent is x, from -pi/2 to pi/2."""
    return np.arctan(x)


def deg2rad(x: Array) -> Array:
    """An angle in degrees, in radians."""
    return multiply(x, math.pi / 180.0)


def rad2deg(x: Array) -> Array:
    """An angle in radians, in degrees."""
    return multiply(x, 180.0 / math.pi)


# ----------------------------------------------------------------------------- hyperbolic


@elementwise(
    lambda g, y, x: g * cosh(x),
    holomorphic=True,
    scalar=math.sinh,
    numpy=(np.sinh,),
)
def sinh(x: Array) -> Array:
    """The hyperbolic sine, (exp(x) - exp(-x)) / 2."""
    return np.sinh(x)


@elementwise(
    lambda g, y, x: g * sinh(x),
    holomorphic=True,
    scalar=math.cosh,
    numpy=(np.cosh,),
)
def cosh(x: Array) -> Array:
    """The hyperbolic cosine, (exp(x) + exp(-x)) / 2."""
    return np.cosh(x)


@elementwise(
    lambda g, y, x: g / _with_one(x),
    holomorphic=True,
    scalar=math.asinh,
    numpy=(np.arcsinh,),
)
def arcsinh(x: Array) -> Array:
    """The number whose hyperbolic sine is x."""
    return np.arcsinh(x)


@elementwise(
    lambda g, y, x: g / sqrt(x - 1.0) / sqrt(x + 1.0),
    holomorphic=True,
    scalar=math.acosh,
    numpy=(np.arccosh,),
    domains=(Domain(low=1.0),),
)
def arccosh(x: Array) -> Array:
    """The positive number whose hyperbolic cosine is x. At 1 its slope is inf."""
    return np.arccosh(x)


@elementwise(
    lambda g, y, x: _over_square(g, leg(x)),
    holomorphic=True,
    scalar=math.atanh,
    numpy=(np.arctanh,),
    domains=(WITHIN_ONE,),
)
def arctanh(x: Array) -> Array:
    """The number whose hyperbolic tangent is x. At -1 and 1 its slope is inf."""
    return np.arctanh(x)


# -------------------------------------------------------------------------- sinc and Bessel


@elementwise(
    lambda g, y, x, order: g * sinc(x, order=order + 1),
    holomorphic=True,
    numpy=(np.sinc,),
)
def sinc(x: Array, *, order: int = 0) -> Array:
    """sin(pi x) / (pi x), and 1 at 0; or its derivative of this order, which is its own rule.

    The quotient's slope would be 0/0 at 0 and cancel beside it. The derivatives are a power series
    there; further out they follow from z s(z) = sin z, differentiated again and again.
    """
    if order == 0:
        return np.sinc(x)
    near = np.abs(np.pi * x) < order + 1
    inner = _sinc_near(np.where(near, np.pi * x, 0.0), order)
    y: Array = np.where(near, inner, _sinc_far(np.where(near, 1.0, x), order))
    return np.pi**order * y


def _sinc_near(z: Array, order: int) -> Array:
    """Derivatives of sin(z) / z by the series 1 - z**2/3! + z**4/5! - ..., term by term."""
    odd = order % 2
    term = (-1.0) ** ((order + odd) // 2) * (z if odd else np.ones_like(z))
    total = np.zeros_like(z)
    for power in range(odd, 24 + 4 * order, 2):
        total = total + term / (order + power + 1)
        term = -term * z * z / ((power + 1) * (power + 2))
    return total


def _sinc_far(x: Array, order: int) -> Array:
    """Derivatives of sin(z) / z at z = pi x: the angle is reduced before pi rounds it."""
    z, turn = np.pi * x, np.pi * (x - 2.0 * np.rint(0.5 * np.real(x)))
    waves = np.sin(turn), np.cos(turn), -np.sin(turn), -np.cos(turn)
    y = waves[0] / z
    for k in range(1, order + 1):
        y = (waves[k % 4] - k * y) / z
    return y


# with 64 nodes on a quarter of a turn the rule below is exact to rounding up to x = 709
COSINES: list[float] = np.cos((np.arange(64) + 0.5) * math.pi / 128.0).tolist()


@elementwise(
    lambda g, y, x, order: g * i0(x, order=order + 1),
    numpy=(np.i0,),
)
def i0(x: Array, *, order: int = 0) -> Array:
    """The modified Bessel function I0, or its derivative of this order, which is its own rule.

    I0 is the mean of cosh(x cos t) over all angles t. Differentiated inside the mean nothing
    cancels, and equally spaced angles give the mean of a periodic function to all digits.
    """
    if order == 0:
        return np.i0(x)
    wave = np.sinh if order % 2 else np.cosh
    total = np.zeros_like(x)
    for c in COSINES:
        total = total + c**order * wave(c * x)
    return total / len(COSINES)
