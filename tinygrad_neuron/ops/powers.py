"""NumPy's further functions of single numbers: powers, logarithms, choices.

What is a short composition of others is written as one and needs no rule; what has a rule has a
reason, which is the accuracy of its value or of its slope.
"""

import math

import numpy as np

from tinygrad_neuron.errors import UnsupportedError
from tinygrad_neuron.graph import (
    POSITIVE,
    Array,
    Domain,
    dtype_of,
    elementwise,
    is_complex,
    only,
    primitive,
)
from tinygrad_neuron.ops.elementwise import (
    AT_ZERO,
    astype,
    divide,
    isnan,
    maximum,
    minimum,
    positive,
    power,
    sigmoid,
    sign,
    where,
)
from tinygrad_neuron.ops.parts import imag, real
from tinygrad_neuron.ops.steps import isinf

LN_2, LOG2_E, LOG10_E = math.log(2.0), math.log2(math.e), math.log10(math.e)


# ------------------------------------------------------------- powers, exponentials, logarithms


def reciprocal(x: Array) -> Array:
    """1 / x."""
    return divide(1.0, x)


def float_power(a: Array, b: Array) -> Array:
    """a ** b, computed in float64 at least."""
    return power(_double(a), _double(b))


def _double(x: Array) -> Array:
    """x in float64, or in more where it has more."""
    wide = np.promote_types(dtype_of(x), np.float64)
    return x if dtype_of(x) == wide else astype(x, dtype=wide)


@elementwise(
    lambda g, y, x: g / (3.0 * y * y),
    scalar=math.cbrt,
    numpy=(np.cbrt,),
    domains=(AT_ZERO,),
)
def cbrt(x: Array) -> Array:
    """The cube root, of negative numbers too. At 0 its slope is inf."""
    return np.cbrt(x)


@elementwise(
    lambda g, y, x: LN_2 * g * y,
    holomorphic=True,
    scalar=math.exp2,
    numpy=(np.exp2,),
)
def exp2(x: Array) -> Array:
    """2 to the x."""
    return np.exp2(x)


@elementwise(
    lambda g, y, x: LOG2_E * g / x,
    holomorphic=True,
    scalar=math.log2,
    numpy=(np.log2,),
    domains=(POSITIVE,),
)
def log2(x: Array) -> Array:
    """The logarithm to base 2."""
    return np.log2(x)


@elementwise(
    lambda g, y, x: LOG10_E * g / x,
    holomorphic=True,
    scalar=math.log10,
    numpy=(np.log10,),
    domains=(POSITIVE,),
)
def log10(x: Array) -> Array:
    """The logarithm to base 10."""
    return np.log10(x)


def _lead(a: Array, b: Array) -> Array:
    """a - b; 0 for two equal infinities, whose slopes are those of a tie."""
    return where((a == b) & isinf(a), 0.0, a - b)


def _logaddexp_float(a: float, b: float) -> float:
    if a == b:  # two infinities have no difference
        return a + LN_2
    return max(a, b) + math.log1p(math.exp(-abs(a - b)))


@elementwise(
    lambda g, y, a, b: g * sigmoid(_lead(a, b)),
    lambda g, y, a, b: g * sigmoid(_lead(b, a)),
    scalar=_logaddexp_float,
    numpy=(np.logaddexp,),
)
def logaddexp(a: Array, b: Array) -> Array:
    """log(exp(a) + exp(b)): the larger, with the corner rounded off; at a tie half a slope each."""
    return np.logaddexp(a, b)


@elementwise(
    lambda g, y, a, b: g * sigmoid(LN_2 * _lead(a, b)),
    lambda g, y, a, b: g * sigmoid(LN_2 * _lead(b, a)),
    numpy=(np.logaddexp2,),
)
def logaddexp2(a: Array, b: Array) -> Array:
    """log2(2**a + 2**b)."""
    return np.logaddexp2(a, b)


@primitive(
    lambda g, y, x, exponent: ldexp(g, exponent),
    None,
    broadcasts=True,
    steep=False,
)
def ldexp(x: Array, exponent: Array) -> Array:
    """x * 2**exponent for whole exponents, without the power, which could overflow."""
    return np.ldexp(x, exponent)


def frexp(x: Array) -> tuple[Array, Array]:
    """x as a number from 1/2 to 1, which is differentiable, times 2 to a plain whole exponent."""
    exponent = np.frexp(only(x))[1]
    return ldexp(x, -exponent), exponent


# -------------------------------------------------------------------------------- choices


def _if_chosen(g: Array, y: Array, a: Array, b: Array) -> Array:
    """g for a if it is y, half of it where b is so too; two that are missing are a tie."""
    return where((a == b) | (y != y), 0.5 * g, where(a == y, g, 0.0))


@elementwise(
    lambda g, y, a, b: _if_chosen(g, y, a, b),
    lambda g, y, a, b: _if_chosen(g, y, b, a),
    scalar=lambda a, b: a if a >= b or b != b else b,
    numpy=(np.fmax,),
    kink="where a = b, half of the slope each",
    steep=False,
)
def fmax(a: Array, b: Array) -> Array:
    """The larger of two; where one is missing (nan), the other."""
    return np.fmax(a, b)


@elementwise(
    lambda g, y, a, b: _if_chosen(g, y, a, b),
    lambda g, y, a, b: _if_chosen(g, y, b, a),
    scalar=lambda a, b: a if a <= b or b != b else b,
    numpy=(np.fmin,),
    kink="where a = b, half of the slope each",
    steep=False,
)
def fmin(a: Array, b: Array) -> Array:
    """The smaller of two; where one is missing (nan), the other."""
    return np.fmin(a, b)


def clip(
    a: Array,
    a_min: Array = None,
    a_max: Array = None,
    *,
    min: Array = None,  # noqa: A002  # NumPy's name
    max: Array = None,  # noqa: A002  # NumPy's name
) -> Array:
    """a, no lower than a minimum and no higher than a maximum, either of which may be None.

    It is minimum(maximum(a, low), high): on a bound, a and the bound have half of the slope each.

    >>> from tinygrad_neuron import Value
    >>> clip(Value([-2.0, 0.5, 3.0]), 0.0, 1.0)
    Value([0.0, 0.5, 1.0])
    """
    low, high = _bound("min", a_min, min), _bound("max", a_max, max)
    if low is None and high is None:
        return positive(a)
    a = a if low is None else maximum(a, low)
    return a if high is None else minimum(a, high)


def _bound(name: str, old: Array, new: Array) -> Array:
    """One bound, under whichever of NumPy's two names it was given."""
    if old is not None and new is not None:
        raise ValueError(f"clip was given a_{name} and {name}, which are two names for one bound")
    return new if old is None else old


@elementwise(
    lambda g, y, a, b: g * sign(a) * sign(y),
    None,
    scalar=math.copysign,
    numpy=(np.copysign,),
    domains=(AT_ZERO, AT_ZERO),
    kink="slope 0 at a = 0",
)
def copysign(a: Array, b: Array) -> Array:
    """|a| with the sign of b."""
    return np.copysign(a, b)


@elementwise(
    None,
    lambda g, y, x, h: where(x == 0.0, g, 0.0),
    numpy=(np.heaviside,),
    domains=(AT_ZERO, Domain()),
    kink="a step: slope 0 in x everywhere",
    steep=False,
)
def heaviside(x: Array, h: Array) -> Array:
    """0 for negative x, 1 for positive x, and h at 0."""
    return np.heaviside(x, h)


def nan_to_num(
    x: Array,
    copy: bool = True,
    nan: Array = 0.0,
    posinf: Array = None,
    neginf: Array = None,
) -> Array:
    """x with numbers for what is not one: 0 for nan, and the largest there are for inf and -inf.

    No gradient passes a number that was put in. `copy=False` is refused: nothing is overwritten.
    """
    if not copy:
        raise _cannot_overwrite()
    if is_complex(x):
        across, up = (nan_to_num(part, copy, nan, posinf, neginf) for part in (real(x), imag(x)))
        return across + 1j * up
    largest = float(np.finfo(dtype_of(x)).max)
    y = where(isnan(x), nan, x)
    y = where(x == math.inf, largest if posinf is None else posinf, y)
    return where(x == -math.inf, -largest if neginf is None else neginf, y)


def _cannot_overwrite() -> UnsupportedError:
    return UnsupportedError(
        "nan_to_num cannot overwrite a Value: copy=False.",
        why="Results that were computed from it need it as it was.",
        hint="v = nan_to_num(v)",
    )
