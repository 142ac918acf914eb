"""The functions of `mathematics` for float32: the same reductions, shorter polynomials.

Twice as many numbers fit into a vector, and it takes half the steps. A number written down is a
float64, and one of them would make a float64 of all: hence the `f(...)` around each.
"""

import numpy as np

from tinygrad_neuron.program.native.machine import (
    bits_single as bits,
    fma_single as fma,
    inlined,
    number_single as number,
)

__all__ = [
    *("exp_single", "expm1_single", "log_single", "log1p_single", "softplus_single"),
    *("tanh_single", "sech2_single", "sigmoid_single", "sin_single", "cos_single"),
    "FURTHEST_SINGLE",
]

f = np.float32
INFINITY, NAN = np.float32(np.inf), np.float32(np.nan)
SHIFTER = np.float32(12582912.0)  # 1.5 * 2**23: adding it rounds to a whole number
SHIFTED = 1262485504  # its bits
ONE = 1065353216  # the bits of 1.0
TWO = 1073741824  # the bits of 2.0
ROOT = 1060439283  # the bits of sqrt(1/2)
FRACTION = 8388607  # the lowest 23 bits
EXPONENT = -8388608  # the others
SIGN = -2147483648  # the highest bit
LOG2_E = np.float32(1.4426950408889634)
LN2_HIGH, LN2_LOW = np.float32(0.6931471805599453), np.float32(-1.904654323148236e-09)
PI_2 = np.float32(1.5707963267948966)
PI_2_MORE, PI_2_STILL = np.float32(-4.371139000186241e-08), np.float32(-1.7151244994428828e-15)
FURTHEST_SINGLE = np.float32(1e6)  # of the angles that `sin` and `cos` reduce


@inlined
def exp_tail_single(r: f) -> f:
    """(exp(r) - 1 - r) / r**2 for |r| <= log(2) / 2."""
    q = fma(f(0.00019914548098326826), r, f(0.0013941238083596793))
    q = fma(q, r, f(0.008333272432251104))
    q = fma(q, r, f(0.0416663520865505))
    q = fma(q, r, f(0.16666666819319906))
    return fma(q, r, f(0.5000000046899342))


@inlined
def power_of_2_single(n: int) -> f:
    """2.0 ** n for a whole n from -126 to 127."""
    return number((n << 23) + ONE)


@inlined
def scaled_single(y: f, shifted: f) -> f:
    """y * 2.0 ** n, for a shifted n from -200 to 200, and a y of about 1, in two steps."""
    half = (bits(shifted) << 22) & EXPONENT
    return y * number(half + ONE) * number((bits(shifted) << 23) - half + ONE)


@inlined
def exp_single(x: f) -> f:
    """e to the x."""
    x = f(89.0) if x > f(89.0) else x
    x = f(-105.0) if x < f(-105.0) else x
    shifted = fma(x, LOG2_E, SHIFTER)
    k = shifted - SHIFTER
    r = fma(-k, LN2_LOW, fma(-k, LN2_HIGH, x))
    return scaled_single(f(1.0) + fma(r * r, exp_tail_single(r), r), shifted)


@inlined
def expm1_single(x: f) -> f:
    """exp(x) - 1, exact for small x."""
    x = f(89.0) if x > f(89.0) else x
    z = f(-20.0) if x < f(-20.0) else x
    shifted = fma(z, LOG2_E, SHIFTER)
    k = shifted - SHIFTER
    r_high = fma(-k, LN2_HIGH, z)
    r = fma(-k, LN2_LOW, r_high)
    tail = fma(r * r, exp_tail_single(r), fma(-k, LN2_LOW, r_high - r))
    half = power_of_2_single(bits(shifted) - SHIFTED - 1)  # 2**128 is no number
    less = half - f(0.5)
    y = fma(half, r, less)
    y = f(2.0) * (y + fma(half, tail, fma(half, r, less - y)))
    return x if abs(x) < f(1e-9) else y


@inlined
def tanh_parts_single(x: f) -> tuple[f, f, f, f, f, f]:
    """As `mathematics.tanh_parts`."""
    z = f(-2.0) * abs(x)
    z = f(-110.0) if z < f(-110.0) else z
    shifted = fma(z, LOG2_E, SHIFTER)
    k = shifted - SHIFTER
    r_high = fma(-k, LN2_HIGH, z)
    r = fma(-k, LN2_LOW, r_high)
    tail = fma(r * r, exp_tail_single(r), fma(-k, LN2_LOW, r_high - r))
    n = bits(shifted) - SHIFTED
    scale = power_of_2_single(-100 if n < -100 else n)
    less = scale - f(1.0)
    y = fma(scale, r, less)
    more = fma(scale, tail, fma(scale, r, less - y))
    e = y + more
    more = (y - e) + more
    d = f(2.0) + e
    inverse = f(1.0) / d
    missing = fma(-inverse, ((f(2.0) - d) + e) + more, fma(-d, inverse, f(1.0)))
    return e, more, inverse, missing, r + tail, shifted


@inlined
def tanh_single(x: f) -> f:
    """The hyperbolic tangent."""
    e, more, inverse, missing, _, _ = tanh_parts_single(x)
    y = (f(0.0) - e) * inverse
    return number(bits(y + fma(y, missing, -more * inverse)) | (bits(x) & SIGN))


@inlined
def sech2_single(x: f) -> f:
    """1 / cosh(x)**2."""
    _, _, inverse, missing, w, shifted = tanh_parts_single(x)
    c = f(1.0) + w
    half = c * inverse
    lost = fma(w - (c - f(1.0)), inverse, fma(c, inverse, -half))
    y = half * inverse
    return scaled_single(f(4.0) * (y + fma(y, missing + missing, lost * inverse)), shifted)


@inlined
def sigmoid_single(x: f) -> f:
    """1 / (1 + exp(-x))."""
    e = exp_single(-abs(x))
    above, below = f(1.0) if x >= f(0.0) else e, f(1.0) + e
    inverse = f(1.0) / below
    y = above * inverse
    missing = fma(-y, e - (below - f(1.0)), fma(-y, below, above))
    return fma(missing, inverse, y)


@inlined
def log_from_single(k: f, part: f) -> f:
    """k * log(2) + log(1 + part), for a part from sqrt(1/2) - 1 to sqrt(2) - 1."""
    s = part / (f(2.0) + part)
    z = s * s
    half = f(0.5) * part * part
    p = fma(f(0.2358216480513506), z, f(0.2853731455655244))
    p = fma(p, z, f(0.4000033494805722))
    p = fma(p, z, f(0.6666666564758101))
    rest = fma(s, fma(z, p, half), k * LN2_LOW)
    return fma(k, LN2_HIGH, part - (half - rest))


@inlined
def whole_part_single(n: int) -> f:
    """A small whole number as a float."""
    return number(n + SHIFTED) - SHIFTER


@inlined
def log_single(x: f) -> f:
    """The natural logarithm."""
    tiny = x < f(1.1754943508222875e-38)
    n = bits(x * f(16777216.0) if tiny else x) - ROOT
    part = number((n & FRACTION) + ROOT) - f(1.0)
    k = whole_part_single(n >> 23)
    y = log_from_single(k - f(24.0) if tiny else k, part)
    y = y if x < INFINITY else x
    return y if x > f(0.0) else (-INFINITY if x == f(0.0) else NAN)


@inlined
def log1p_single(x: f) -> f:
    """log(1 + x), exact for small x."""
    u = f(1.0) + x
    n = bits(u) - ROOT
    lost = f(0.5) * (x - (u - f(1.0)))
    m = number((n & FRACTION) + ROOT)
    part = fma(lost, number(TWO - (n & EXPONENT)), m - f(1.0))
    y = log_from_single(whole_part_single(n >> 23), part)
    y = x if (abs(x) < f(1e-9)) | (x == INFINITY) else y
    return y if not x <= f(-1.0) else (-INFINITY if x == f(-1.0) else NAN)


@inlined
def softplus_single(x: f) -> f:
    """log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|))."""
    e = exp_single(-abs(x))
    u = f(1.0) + e
    far = u > f(1.4142135)
    part = fma(f(0.5), e - (u - f(1.0)), f(0.5) * u - f(1.0)) if far else e
    y = log_from_single(f(1.0) if far else f(0.0), part)
    y = e if e < f(1e-9) else y
    return (x if x > f(0.0) else f(0.0)) + y


@inlined
def quarter_turns_single(x: f) -> tuple[int, f, f]:
    """How many quarter turns x is nearest to, and what is left of it, as two numbers."""
    shifted = fma(x, f(0.6366197723675814), SHIFTER)
    k = shifted - SHIFTER
    left = fma(-k, PI_2, x)  # exact: they are near each other
    p = k * PI_2_MORE
    r = left - p
    lost = ((left - r) - p) - fma(k, PI_2_MORE, -p)
    return bits(shifted), r, fma(-k, PI_2_STILL, lost)


@inlined
def sin_near_single(r: f, more: f) -> f:
    """sin(r + more) for |r| <= pi / 4."""
    z = r * r
    p = fma(f(2.7182941761351622e-06), z, f(-0.0001983933312954471))
    p = fma(p, z, f(0.008333329381097484))
    p = fma(p, z, f(-0.1666666664159282))
    return r + fma(r * z, p, fma(f(-0.5) * z, more, more))


@inlined
def cos_near_single(r: f, more: f) -> f:
    """cos(r + more) for |r| <= pi / 4."""
    z = r * r
    p = fma(f(-2.721019511373709e-07), z, f(2.479951981034018e-05))
    p = fma(p, z, f(-0.0013888883754299669))
    p = fma(p, z, f(0.041666666622866146))
    half = f(0.5) * z
    y = f(1.0) - half
    return y + (((f(1.0) - y) - half) + fma(z * z, p, -r * more))


@inlined
def sin_single(x: f) -> f:
    """The sine of an angle in radians, of at most FURTHEST_SINGLE."""
    n, r, more = quarter_turns_single(x)
    y = cos_near_single(r, more) if n & 1 else sin_near_single(r, more)
    y = -y if n & 2 else y
    return x if x == f(0.0) else y


@inlined
def cos_single(x: f) -> f:
    """The cosine of an angle in radians, of at most FURTHEST_SINGLE."""
    n, r, more = quarter_turns_single(x)
    y = sin_near_single(r, more) if n & 1 else cos_near_single(r, more)
    return -y if (n + 1) & 2 else y
