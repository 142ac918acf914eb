"""Elementary functions without a branch, so that a loop over them runs on vectors.

Each is a reduction to a short interval, a polynomial there, and the way back. The polynomials are
minimax ones, from `benchmarks/minimax.py`; that script says where each comes from. `fma` rounds
once, which is what the exact differences below rest on. Errors are at most 2 units in the last
place, see `docs/native.md`. Those of float32 are in `mathematics_single`.
"""

from typing import Any

import numpy as np

from tinygrad_neuron.program.native.machine import bits, called, fma, inlined, number, summing

SHIFTER = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to a whole number, in the lowest bits
SHIFTED = 4843621399236968448  # its bits
ONE = 4607182418800017408  # the bits of 1.0
TWO = 4611686018427387904  # the bits of 2.0
ROOT = 4604544271217802189  # the bits of sqrt(1/2)
FRACTION = 4503599627370495  # the lowest 52 bits
EXPONENT = -4503599627370496  # the others
SIGN = -9223372036854775808  # the highest bit
LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 0.6931471805592082, 7.371002565167799e-13  # a whole multiple of it is exact
PI_2, PI_2_MORE, PI_2_STILL = 1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33
FURTHEST = 1e9  # of the angles that `sin` and `cos` reduce: beyond, they are asked elsewhere


@summing
def plus(total: float, x: float) -> float:
    """total + x, in an order that may be changed inside a block."""
    return total + x


@summing
def plus_product(total: float, a: float, b: float) -> float:
    """total + a * b, in an order that may be changed inside a block."""
    return total + a * b


@inlined
def chosen(condition: bool, a: Any, b: Any) -> Any:
    """One of two numbers. Written as an expression it would be a fork, of which each costs the
    compiler more the more there are.
    """
    return a if condition else b


@inlined
def larger(a: Any, b: Any) -> Any:
    """The larger one, or a nan."""
    return a if (a >= b) | (a != a) else b


@inlined
def smaller(a: Any, b: Any) -> Any:
    """The smaller one, or a nan."""
    return a if (a <= b) | (a != a) else b


@inlined
def total_of(parts: Any) -> Any:
    """The sum of an array, which is used up: halves added to halves."""
    n = parts.shape[0]
    while n > 1:
        half = (n + 1) // 2
        for i in range(n - half):
            parts[i] += parts[i + half]
        n = half
    return parts[0]


@inlined
def any_nan(x: Any) -> bool:
    """Whether there is a nan in a flat array."""
    found = 0
    for i in range(x.shape[0]):
        found |= x[i] != x[i]
    return found != 0


@inlined
def spread(x: Any, shape: Any, strides: Any, start: int) -> Any:
    """A view of two axes as a flat array of its own; for what BLAS does not take as it stands."""
    n = shape[len(shape) - 1]
    size = n if len(shape) == 1 else n * shape[0]
    made = np.empty(size, x.dtype)
    for i in range(size):
        at = start + i % n * strides[len(shape) - 1]
        made[i] = x[at + (i // n * strides[0] if len(shape) == 2 else 0)]
    return made


# ------------------------------------------------------------------------------ exponentials


@inlined
def power_of_2(n: int) -> float:
    """2.0 ** n for a whole n from -1022 to 1023."""
    return number((n << 52) + ONE)


@inlined
def exp_tail(r: float) -> float:
    """(exp(r) - 1 - r) / r**2 for |r| <= log(2) / 2."""
    q = fma(2.092472402319679e-09, r, 2.5109316395926124e-08)
    q = fma(q, r, 2.755724183665013e-07)
    q = fma(q, r, 2.755724347472999e-06)
    q = fma(q, r, 2.480158736165552e-05)
    q = fma(q, r, 0.000198412698867818)
    q = fma(q, r, 0.001388888888886627)
    q = fma(q, r, 0.008333333333321405)
    q = fma(q, r, 0.041666666666666706)
    q = fma(q, r, 0.16666666666666677)
    return fma(q, r, 0.5)


@inlined
def scaled(y: float, shifted: float) -> float:
    """y * 2.0 ** n, for a shifted n from -1500 to 1500, and a y of about 1.

    In two steps, since 2**1024 is no number, and 2**-1074 has few bits.
    """
    half = (bits(shifted) << 51) & EXPONENT
    return y * number(half + ONE) * number((bits(shifted) << 52) - half + ONE)


@inlined
def exp(x: float) -> float:
    """e to the x."""
    x = 710.0 if x > 710.0 else x
    x = -746.0 if x < -746.0 else x
    shifted = fma(x, LOG2_E, SHIFTER)
    k = shifted - SHIFTER
    r = fma(-k, LN2_LOW, fma(-k, LN2_HIGH, x))
    return scaled(1.0 + fma(r * r, exp_tail(r), r), shifted)


@inlined
def expm1_parts(x: float) -> tuple[float, float]:
    """exp(x) - 1 as a number and what is missing of it, for x from -50 to 709.8."""
    shifted = fma(x, LOG2_E, SHIFTER)
    k = shifted - SHIFTER
    r_high = fma(-k, LN2_HIGH, x)
    r = fma(-k, LN2_LOW, r_high)
    r_low = fma(-k, LN2_LOW, r_high - r)
    n = bits(shifted) - SHIFTED
    half = power_of_2(n - 1)  # half of everything: 2**1024 is no number
    tail = fma(r * r, exp_tail(r), fma(r_low, r, r_low))
    less = half - 0.5
    y = fma(half, r, less)
    return y, fma(half, tail, fma(half, r, less - y))


@inlined
def expm1(x: float) -> float:
    """exp(x) - 1, exact for small x."""
    inside = 710.0 if x > 710.0 else x
    inside = -50.0 if inside < -50.0 else inside
    half, rest = expm1_parts(inside)
    y = 2.0 * (half + rest)
    return x if abs(x) < 1e-17 else y


@inlined
def tanh_parts(x: float) -> tuple[float, float, float, float, float, float]:
    """What `tanh` and `sech2` of one x share, for z = -2|x| and E = exp(z) - 1.

    E and what is missing of it; 1 / (2 + E) and, of 1, what is missing of that; and exp(z) as
    2**n (1 + w): w and a shifted n.
    """
    z = -2.0 * abs(x)
    z = -760.0 if z < -760.0 else z
    shifted = fma(z, LOG2_E, SHIFTER)
    k = shifted - SHIFTER
    r_high = fma(-k, LN2_HIGH, z)
    r = fma(-k, LN2_LOW, r_high)
    tail = fma(r * r, exp_tail(r), fma(-k, LN2_LOW, r_high - r))
    n = bits(shifted) - SHIFTED
    scale = power_of_2(-1000 if n < -1000 else n)
    less = scale - 1.0
    y = fma(scale, r, less)
    more = fma(scale, tail, fma(scale, r, less - y))
    e = y + more
    more = (y - e) + more
    d = 2.0 + e
    inverse = 1.0 / d
    missing = fma(-inverse, ((2.0 - d) + e) + more, fma(-d, inverse, 1.0))
    return e, more, inverse, missing, r + tail, shifted


@inlined
def tanh(x: float) -> float:
    """The hyperbolic tangent: -E / (2 + E) for E = exp(-2|x|) - 1."""
    e, more, inverse, missing, _, _ = tanh_parts(x)
    y = (0.0 - e) * inverse
    return number(bits(y + fma(y, missing, -more * inverse)) | (bits(x) & SIGN))


@inlined
def sech2(x: float) -> float:
    """1 / cosh(x)**2 = 4c / (1 + c)**2 for c = exp(-2|x|)."""
    _, _, inverse, missing, w, shifted = tanh_parts(x)
    c = 1.0 + w
    half = c * inverse
    lost = fma(w - (c - 1.0), inverse, fma(c, inverse, -half))
    y = half * inverse
    return scaled(4.0 * (y + fma(y, missing + missing, lost * inverse)), shifted)


@inlined
def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x))."""
    e = exp(-abs(x))
    above, below = 1.0 if x >= 0.0 else e, 1.0 + e
    inverse = 1.0 / below
    y = above * inverse
    missing = fma(-y, e - (below - 1.0), fma(-y, below, above))  # what rounding left out
    return fma(missing, inverse, y)


# -------------------------------------------------------------------------------- logarithms


@inlined
def log_tail(z: float) -> float:
    """(log((1 + s) / (1 - s)) - 2 * s) / s**3, for z = s**2 and |s| <= 0.1716."""
    p = fma(0.14795817603847902, z, 0.15314073243665197)
    p = fma(p, z, 0.1818356300205055)
    p = fma(p, z, 0.22222198608959612)
    p = fma(p, z, 0.2857142874190923)
    p = fma(p, z, 0.3999999999941765)
    return fma(p, z, 0.6666666666666734)


@inlined
def log_from(k: float, f: float) -> float:
    """k * log(2) + log(1 + f), for f from sqrt(1/2) - 1 to sqrt(2) - 1."""
    s = f / (2.0 + f)
    z = s * s
    half = 0.5 * f * f
    rest = fma(s, half + z * log_tail(z), k * LN2_LOW)
    return fma(k, LN2_HIGH, f - (half - rest))


@inlined
def whole_part(n: int) -> float:
    """A small whole number as a float."""
    return number(n + SHIFTED) - SHIFTER


@inlined
def log(x: float) -> float:
    """The natural logarithm."""
    tiny = x < 2.2250738585072014e-308
    n = bits(x * 18014398509481984.0 if tiny else x) - ROOT
    k = n >> 52
    f = number((n & FRACTION) + ROOT) - 1.0
    y = log_from(whole_part(k - 54 if tiny else k), f)
    y = x if x > 1.7976931348623157e308 else y
    y = y if x > 0.0 else x - x  # nan for nan
    y = -1.0 / 0.0 if x == 0.0 else y
    return 0.0 / 0.0 if x < 0.0 else y


@inlined
def log1p(x: float) -> float:
    """log(1 + x), exact for small x."""
    u = 1.0 + x
    n = bits(u) - ROOT
    m = number((n & FRACTION) + ROOT)
    lost = 0.5 * (x - (u - 1.0))
    f = fma(lost, number(TWO - (n & EXPONENT)), m - 1.0)  # what is lost, in the scale of m
    y = log_from(whole_part(n >> 52), f)
    y = x if (abs(x) < 1e-17) | (x > 1.7976931348623157e308) else y
    return y if not x <= -1.0 else (-1.0 / 0.0 if x == -1.0 else 0.0 / 0.0)


@inlined
def softplus(x: float) -> float:
    """log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|))."""
    e = exp(-abs(x))
    u = 1.0 + e
    far = u > 1.4142135623730951
    f = fma(0.5, e - (u - 1.0), 0.5 * u - 1.0) if far else e
    y = log_from(1.0 if far else 0.0, f)
    y = e if e < 1e-17 else y
    return (x if x > 0.0 else 0.0) + y


# ------------------------------------------------------------------------------------- waves


@inlined
def quarter_turns(x: float) -> tuple[int, float, float]:
    """How many quarter turns x is nearest to, and what is left of it, as two numbers."""
    shifted = fma(x, 0.6366197723675814, SHIFTER)
    k = shifted - SHIFTER
    left = fma(-k, PI_2, x)  # exact: they are near each other
    p = k * PI_2_MORE
    r = left - p
    lost = ((left - r) - p) - fma(k, PI_2_MORE, -p)
    return bits(shifted), r, fma(-k, PI_2_STILL, lost)


@inlined
def sin_near(r: float, more: float) -> float:
    """sin(r + more) for |r| <= pi / 4."""
    z = r * r
    p = fma(1.589675546494516e-10, z, -2.5050757493481927e-08)
    p = fma(p, z, 2.755731368849895e-06)
    p = fma(p, z, -0.0001984126982979998)
    p = fma(p, z, 0.008333333333322408)
    p = fma(p, z, -0.16666666666666632)
    return r + fma(r * z, p, fma(-0.5 * z, more, more))


@inlined
def cos_near(r: float, more: float) -> float:
    """cos(r + more) for |r| <= pi / 4."""
    z = r * r
    p = fma(-1.1359703665373567e-11, z, 2.087572454962696e-09)
    p = fma(p, z, -2.7557314363520493e-07)
    p = fma(p, z, 2.4801587289528893e-05)
    p = fma(p, z, -0.0013888888888874216)
    p = fma(p, z, 0.0416666666666666)
    half = 0.5 * z
    y = 1.0 - half
    return y + (((1.0 - y) - half) + fma(z * z, p, -r * more))


@inlined
def sin(x: float) -> float:
    """The sine of an angle in radians, of at most FURTHEST."""
    n, r, more = quarter_turns(x)
    y = cos_near(r, more) if n & 1 else sin_near(r, more)
    y = -y if n & 2 else y
    return x if x == 0.0 else y


@inlined
def cos(x: float) -> float:
    """The cosine of an angle in radians, of at most FURTHEST."""
    n, r, more = quarter_turns(x)
    y = sin_near(r, more) if n & 1 else cos_near(r, more)
    return -y if (n + 1) & 2 else y


@called
def sigmoid_once(x: float) -> float:
    """`sigmoid`, of one number."""
    return sigmoid(x)


@called
def softplus_once(x: float) -> float:
    """`softplus`, of one number."""
    return softplus(x)


@called
def sech2_once(x: float) -> float:
    """`sech2`, of one number."""
    return sech2(x)
