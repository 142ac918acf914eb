"""One number in, one number out: each function beside its derivative.

g is the gradient owed to the output, y the output, the rest are the inputs. A rule is written in
operators and the functions of this package, so that the same line gives a number when it is fed
numbers and an expression, differentiable again, when it is fed Values.

Two habits keep the rules right at the edges. They select instead of multiplying by a mask, because
0 * inf is nan. And they are written for the far ends as carefully as the function itself: the slope
of tanh at 20 is 1.7e-17, not 0.
"""

import math
import operator

import numpy as np

from tinygrad_neuron.errors import imaginary_lost
from tinygrad_neuron.graph import (
    POSITIVE,
    Array,
    Domain,
    Node,
    dtype_of,
    elementwise,
    is_complex,
    unchanged,
)
from tinygrad_neuron.ops.parts import conj, imag

AT_ZERO = Domain(kinks=(0.0,))
STEP = Domain(kinks=tuple(float(k) for k in range(-8, 9)))


# ---------------------------------------------------------------------------- arithmetic


@elementwise(
    unchanged,
    unchanged,
    holomorphic=True,
    scalar=operator.add,
    numpy=(np.add,),
    steep=False,
)
def add(a: Array, b: Array) -> Array:
    """a + b: both inputs are owed everything the sum is owed."""
    return np.add(a, b)


@elementwise(
    unchanged,
    lambda g, y, a, b: -g,
    holomorphic=True,
    scalar=operator.sub,
    numpy=(np.subtract,),
    steep=False,
)
def subtract(a: Array, b: Array) -> Array:
    """a - b."""
    return np.subtract(a, b)


@elementwise(
    lambda g, y, a, b: g * b,
    lambda g, y, a, b: g * a,
    holomorphic=True,
    scalar=operator.mul,
    numpy=(np.multiply,),
)
def multiply(a: Array, b: Array) -> Array:
    """a * b: each input is owed the *other* one's worth."""
    return np.multiply(a, b)


@elementwise(
    lambda g, y, a, b: g / b,
    lambda g, y, a, b: -g * y / b,
    holomorphic=True,
    scalar=operator.truediv,
    numpy=(np.divide, np.true_divide),
    domains=(Domain(), POSITIVE),
)
def divide(a: Array, b: Array) -> Array:
    """a / b."""
    return np.divide(a, b)


@elementwise(
    lambda g, y, x: -g,
    holomorphic=True,
    scalar=operator.neg,
    numpy=(np.negative,),
    steep=False,
)
def negative(x: Array) -> Array:
    """-x."""
    return np.negative(x)


@elementwise(
    unchanged,
    holomorphic=True,
    scalar=operator.pos,
    numpy=(np.positive,),
    steep=False,
)
def positive(x: Array) -> Array:
    """+x: the same number as a node of its own."""
    return np.positive(x)


def _owed_to_base(g: Array, y: Array, a: Array, b: Array) -> Array:
    """g * b * a**(b - 1), and 0 for 0**0, where that would be 0 * inf."""
    if type(b) is float and b == 2.0:  # most powers are squares, and this is half of the time
        return 2.0 * g * a
    if type(b) is float and b != 0.0:
        return g * b * power(a, b - 1.0)
    return g * b * power(a, _one_less(y, a, b))


def _one_less(y: Array, a: Array, b: Array) -> Array:
    """b - 1, but 0 for the power 0**0: its slope is owed 0 times that, and must not be nan."""
    return where((a == 0.0) & (b == 0.0), 0.0, _in_full(b, y) - 1.0)


@elementwise(
    _owed_to_base,
    lambda g, y, a, b: g * logged_power(a, b),
    holomorphic=True,
    scalar=math.pow,
    numpy=(np.power,),
    domains=(POSITIVE, Domain()),
)
def power(a: Array, b: Array) -> Array:
    """a ** b. The slope in a is 0 for b = 0, also at a = 0; in b it is 0 at a = 0 < b."""
    return a**b if isinstance(a, np.ndarray) else np.power(a, b)


def _in_full(x: Array, y: Array) -> Array:
    """x in the precision of y: a float32 among float64 must not round what is computed from it."""
    return x if type(x) is float else astype(x, dtype=dtype_of(y))


def _owed_to_logged(g: Array, y: Array, a: Array, b: Array, order: int) -> Array:
    """By a product rule of its own: y / a would over- and underflow where the slope does not."""
    below = _one_less(y, a, b)
    lower = logged_power(a, below, order=order - 1) if order > 1 else power(a, below)
    return g * (b * logged_power(a, below, order=order) + order * lower)


@elementwise(
    _owed_to_logged,
    lambda g, y, a, b, order: g * logged_power(a, b, order=order + 1),
    holomorphic=True,
    domains=(POSITIVE, Domain()),
)
def logged_power(a: Array, b: Array, *, order: int = 1) -> Array:
    """a**b * log(a)**order, the derivative of this order of a power by its exponent.

    0 where a = 0 <= b: 0**b does not move with b, and log(0) would say it does.
    """
    y = np.power(a, b)
    with_log = np.where((np.equal(a, 0.0)) & np.greater_equal(np.real(b), 0.0), np.ones_like(y), a)
    return y * np.log(with_log) ** order


@elementwise(
    lambda g, y, x: 2.0 * g * x,
    holomorphic=True,
    scalar=lambda x: x * x,
    numpy=(np.square,),
)
def square(x: Array) -> Array:
    """x * x."""
    return np.square(x)


@elementwise(
    lambda g, y, x: 0.5 * g / y,
    holomorphic=True,
    scalar=math.sqrt,
    numpy=(np.sqrt,),
    domains=(POSITIVE,),
)
def sqrt(x: Array) -> Array:
    """The square root. At 0 its slope is inf."""
    return np.sqrt(x)


@elementwise(
    lambda g, y, x: g * sign(x),
    holomorphic=False,
    scalar=operator.abs,
    numpy=(np.abs, np.absolute, np.fabs),
    domains=(AT_ZERO,),
    kink="slope 0 at 0",
)
def absolute(x: Array) -> Array:
    """|x|. At 0 the slope is 0, between its neighbours -1 and 1."""
    return np.abs(x)


@elementwise(
    lambda g, y, x: 1j * y * (imag(conj(y) * g) / or_one(absolute(x))),
    holomorphic=False,
    domains=(AT_ZERO,),
    kink="a jump at 0: value and slope 0",
)
def unit(x: Array) -> Array:
    """x / |x|, the slope of |x|: how a complex number points, and 0 at 0. It moves by turning."""
    return np.sign(x)


def or_one(r: Array) -> Array:
    """A length to divide by: 1 for the one that is 0."""
    return where(r == 0.0, 1.0, r)


def sign(x: Array) -> Array:
    """-1, 0 or 1; of a complex number x / |x|."""
    return unit(x) if is_complex(x) else signum(x)


# ---------------------------------------------------------------------- exponentials, logarithms


@elementwise(
    lambda g, y, x: g * y,
    holomorphic=True,
    scalar=math.exp,
    numpy=(np.exp,),
)
def exp(x: Array) -> Array:
    """e to the x: its own slope."""
    return np.exp(x)


@elementwise(
    lambda g, y, x: g * exp(x),
    holomorphic=True,
    scalar=math.expm1,
    numpy=(np.expm1,),
)
def expm1(x: Array) -> Array:
    """exp(x) - 1, exact for small x. The slope is exp(x): y + 1 would lose it at -40."""
    return np.expm1(x)


@elementwise(
    lambda g, y, x: g / x,
    holomorphic=True,
    scalar=math.log,
    numpy=(np.log,),
    domains=(POSITIVE,),
)
def log(x: Array) -> Array:
    """The natural logarithm."""
    return np.log(x)


@elementwise(
    lambda g, y, x: g / (1.0 + x),
    holomorphic=True,
    scalar=math.log1p,
    numpy=(np.log1p,),
    domains=(Domain(low=-1.0),),
)
def log1p(x: Array) -> Array:
    """log(1 + x), exact for small x."""
    return np.log1p(x)


# --------------------------------------------------------------------------------- waves


@elementwise(
    lambda g, y, x: g * cos(x),
    holomorphic=True,
    scalar=math.sin,
    numpy=(np.sin,),
)
def sin(x: Array) -> Array:
    """The sine of an angle in radians."""
    return np.sin(x)


@elementwise(
    lambda g, y, x: -g * sin(x),
    holomorphic=True,
    scalar=math.cos,
    numpy=(np.cos,),
)
def cos(x: Array) -> Array:
    """The cosine of an angle in radians."""
    return np.cos(x)


# ----------------------------------------------------------------------------- activations


@elementwise(
    lambda g, y, x: g * sech2(x),
    holomorphic=True,
    scalar=math.tanh,
    numpy=(np.tanh,),
)
def tanh(x: Array) -> Array:
    """The hyperbolic tangent: from -1 to 1."""
    return np.tanh(x)


def _sech2_out_of_place(x: Array) -> Array:
    c = np.exp(-2.0 * _rightward(x))
    return 4.0 * c / np.square(1.0 + c)


def _sech2_float(x: float) -> float:
    c = math.exp(-abs(x))
    c = 2.0 * c / (1.0 + c * c)
    return c * c


@elementwise(
    lambda g, y, x: -2.0 * g * y * tanh(x),
    holomorphic=True,
    scalar=_sech2_float,
    foreign=_sech2_out_of_place,
)
def sech2(x: Array) -> Array:
    """1 / cosh(x)**2, the slope of tanh: 1.7e-17 at 20, where 1 - tanh(x)**2 is 0."""
    c = np.exp(-2.0 * _rightward(x))
    d = 1.0 + c
    d *= d
    c *= 4.0  # in place: a third faster, and this is the slope of every tanh network
    c /= d
    return c


def _rightward(x: Array) -> Array:
    """|x|; of complex numbers x or -x, whichever has no negative real part."""
    return np.where(np.real(x) < 0.0, -x, x) if is_complex(x) else np.abs(x)


def _sigmoid_float(x: float) -> float:
    e = math.exp(-abs(x))
    return (1.0 if x >= 0.0 else e) / (1.0 + e)


@elementwise(
    lambda g, y, x: g * y * sigmoid(-x),
    holomorphic=True,
    scalar=_sigmoid_float,
)
def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)): from 0 to 1. The slope is y * (1 - y), with 1 - y computed as sigmoid(-x).

    1 - y itself would be 0 from x = 37 on; the true slope there is 8.5e-17.
    """
    e = np.exp(-_rightward(x))
    return np.where(np.greater_equal(np.real(x), 0.0), np.ones_like(e), e) / (1.0 + e)


@elementwise(
    lambda g, y, x: where(x <= 0.0, 0.0, g),
    scalar=lambda x: x if x > 0.0 or x != x else 0.0,
    domains=(AT_ZERO,),
    kink="slope 0 at 0",
    steep=False,
)
def relu(x: Array) -> Array:
    """x where it is positive, 0 elsewhere. At 0 the slope is 0."""
    return np.maximum(x, 0.0)


@elementwise(
    lambda g, y, x: g * sigmoid(x),
    scalar=lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x))),
)
def softplus(x: Array) -> Array:
    """log(1 + exp(x)): relu with its corner rounded off."""
    return np.logaddexp(0.0, x)


# ---------------------------------------------------------------------------- choosing


def _if_chosen(g: Array, chosen: Array, other: Array) -> Array:
    """g for the input that was chosen, half of it where the other one was as well."""
    return where(chosen, where(other, 0.5 * g, g), 0.0)


def _reached(x: Array, y: Array) -> Array:
    """Whether x is the result, as nan is before every number."""
    return (x == y) | (x != x)


@elementwise(
    lambda g, y, a, b: _if_chosen(g, _reached(a, y), _reached(b, y)),
    lambda g, y, a, b: _if_chosen(g, _reached(b, y), _reached(a, y)),
    scalar=lambda a, b: a if a >= b or a != a else b,
    numpy=(np.maximum,),
    kink="where a = b, half of the slope each",
    steep=False,
)
def maximum(a: Array, b: Array) -> Array:
    """The larger of two."""
    return np.maximum(a, b)


@elementwise(
    lambda g, y, a, b: _if_chosen(g, _reached(a, y), _reached(b, y)),
    lambda g, y, a, b: _if_chosen(g, _reached(b, y), _reached(a, y)),
    scalar=lambda a, b: a if a <= b or a != a else b,
    numpy=(np.minimum,),
    kink="where a = b, half of the slope each",
    steep=False,
)
def minimum(a: Array, b: Array) -> Array:
    """The smaller of two."""
    return np.minimum(a, b)


@elementwise(
    None,
    lambda g, y, condition, a, b: where(condition, g, 0.0),
    lambda g, y, condition, a, b: where(condition, 0.0, g),
    holomorphic=True,
    numpy=(),
    steep=False,
)
def select(condition: Array, a: Array, b: Array) -> Array:
    """a where the condition holds, b elsewhere."""
    return np.where(condition, a, b)


def where(condition: Array, a: Array, b: Array) -> Array:
    """a where the condition holds, b elsewhere; each is owed only what it gave.

    Two plain numbers take the precision of what the condition compares, so that float32 stays:

    >>> import numpy as np
    >>> from tinygrad_neuron import Value, where
    >>> x = Value(np.array([-1, 2], dtype=np.float32))
    >>> where(x > 0, 2.0, 1.0).dtype
    dtype('float32')
    """
    if type(a) in PLAIN and type(b) in PLAIN:
        if type(condition) is bool:
            return a if condition else b
        if isinstance(condition, Node):
            precision = np.result_type(_precision(condition), a, b)
            a, b = precision.type(a), precision.type(b)
    return select(condition, a, b)


PLAIN = {float, int, bool, complex}


def _precision(condition: Node) -> "np.dtype[np.floating]":
    """The floating dtype that a comparison compared."""
    inputs = (x._data if isinstance(x, Node) else x for x in condition.inputs)
    floating = [x.dtype for x in inputs if type(x) not in PLAIN and x.dtype.kind == "f"]
    return np.result_type(*floating) if floating else np.dtype(np.float64)


# ------------------------------------------------------------------- flat: no gradient passes


@elementwise(None, None, scalar=operator.gt, numpy=(np.greater,), steep=False)
def greater(a: Array, b: Array) -> Array:
    """Is a greater than b?"""
    return np.greater(a, b)


@elementwise(None, None, scalar=operator.ge, numpy=(np.greater_equal,), steep=False)
def greater_equal(a: Array, b: Array) -> Array:
    """Is a at least b?"""
    return np.greater_equal(a, b)


@elementwise(None, None, scalar=operator.lt, numpy=(np.less,), steep=False)
def less(a: Array, b: Array) -> Array:
    """Is a less than b?"""
    return np.less(a, b)


@elementwise(None, None, scalar=operator.le, numpy=(np.less_equal,), steep=False)
def less_equal(a: Array, b: Array) -> Array:
    """Is a at most b?"""
    return np.less_equal(a, b)


@elementwise(None, None, scalar=operator.eq, numpy=(np.equal,), steep=False)
def equal(a: Array, b: Array) -> Array:
    """Are a and b the same number?"""
    return np.equal(a, b)


@elementwise(None, None, scalar=operator.ne, numpy=(np.not_equal,), steep=False)
def not_equal(a: Array, b: Array) -> Array:
    """Are a and b different numbers?"""
    return np.not_equal(a, b)


@elementwise(None, None, numpy=(np.logical_and, np.bitwise_and), steep=False)
def logical_and(a: Array, b: Array) -> Array:
    """Do both hold?"""
    return np.logical_and(a, b)


@elementwise(None, None, numpy=(np.logical_or, np.bitwise_or), steep=False)
def logical_or(a: Array, b: Array) -> Array:
    """Does at least one hold?"""
    return np.logical_or(a, b)


@elementwise(None, None, numpy=(np.logical_xor, np.bitwise_xor), steep=False)
def logical_xor(a: Array, b: Array) -> Array:
    """Does exactly one hold?"""
    return np.logical_xor(a, b)


@elementwise(None, numpy=(np.logical_not, np.invert), steep=False)
def logical_not(x: Array) -> Array:
    """Does it not hold?"""
    return np.logical_not(x)


@elementwise(None, numpy=(np.isnan,), steep=False)
def isnan(x: Array) -> Array:
    """Is it not a number?"""
    return np.isnan(x)


@elementwise(
    None,
    scalar=lambda x: float(x > 0.0) - float(x < 0.0) if x == x else x,
    numpy=(np.sign,),
    domains=(AT_ZERO,),
    kink="a step: slope 0 everywhere",
    steep=False,
)
def signum(x: Array) -> Array:
    """-1, 0 or 1, of real numbers: see `sign`."""
    return np.sign(x)


@elementwise(
    None,
    scalar=lambda x: float(math.floor(x)),
    numpy=(np.floor,),
    domains=(STEP,),
    kink="a step: slope 0 everywhere",
    steep=False,
)
def floor(x: Array) -> Array:
    """The largest whole number that is not above x."""
    return np.floor(x)


@elementwise(
    None,
    None,
    scalar=operator.floordiv,
    numpy=(np.floor_divide,),
    domains=(STEP, Domain(low=0.5, high=1.5)),
    kink="a step: slope 0 everywhere",
    steep=False,
)
def floor_divide(a: Array, b: Array) -> Array:
    """How often b goes into a, as a whole number."""
    return np.floor_divide(a, b)


@elementwise(
    unchanged,
    lambda g, y, a, b: -g * floor((a - y) / b + 0.5),  # a / b rounds: 1 / 0.1 is 10, and 9 is right
    scalar=operator.mod,
    numpy=(np.remainder, np.mod),
    domains=(Domain(), POSITIVE),
    kink="a jump where b divides a: the slope of its neighbours",
)
def remainder(a: Array, b: Array) -> Array:
    """What is left of a after taking b as often as it goes: a - floor(a / b) * b."""
    return np.remainder(a, b)


@elementwise(
    lambda g, y, x, dtype: g,
    foreign=lambda x, dtype: x.astype(dtype),
    numpy=(np.astype,),
    steep=False,
    holomorphic=True,
)
def astype(x: Array, *, dtype: "np.typing.DTypeLike") -> Array:
    """The same numbers in another precision; the gradient comes back in the old one.

    Complex numbers stay complex: the real part is `x.real`.
    """
    if is_complex(x) and np.dtype(dtype).kind in "fiu":
        raise imaginary_lost(f"An array to be made {np.dtype(dtype)}")
    return np.asarray(x, dtype)


@elementwise(None, scalar=operator.pos, steep=False)
def stop_gradient(x: Array) -> Array:
    """The same number, as a constant: what comes after it owes nothing to what came before."""
    return np.positive(x)
