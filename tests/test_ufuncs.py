"""NumPy's further functions of single numbers: slopes to the last digits, corners, and edges.

The laws of test_primitives run over all of them; here are the points that nobody draws by chance,
against mpmath, and the functions that are compositions and have no rule of their own.
"""

import math
import operator

import mpmath
import numpy as np
import pytest

import tinygrad_neuron as tn
from tinygrad_neuron import Value, ops

EPS = np.finfo(float).eps
INF, NAN = math.inf, math.nan


def slopes(f, *args):
    """How a number moves with each of its arguments, as plain numbers."""
    with np.errstate(all="ignore"):
        shares = tn.grad(f, argnums=tuple(range(len(args))))(*args)
    return [share.data for share in shares]


def nth_slope(f, x, n):
    """The n-th derivative of a function of one number."""
    for _ in range(n):
        f = tn.grad(f)
    with np.errstate(all="ignore"):
        return f(x).data


def hessian(f, *args):
    """The second slopes by every pair of arguments, as rows."""
    return [slopes(lambda *xs, k=k: tn.grad(f, argnums=k)(*xs), *args) for k in range(len(args))]


def assert_exact(given, exact, where, units=16):
    """Right to a few units in the last digit, however large or small the number is."""
    assert given == pytest.approx(float(exact), rel=units * EPS, abs=5e-324), f"at {where}"


def assert_gradient(f, x, expected):
    """The gradient of the sum of f is this one, in the precision of x."""
    x = Value(x)
    y = f(x)
    y.backward(np.ones(y.shape))
    np.testing.assert_array_equal(x.grad, expected)
    assert x.grad.dtype == x.dtype


# ----------------------------------------------------------- one number in, against mpmath

FAR = [0.0, 1e-200, 1e-8, 0.1, 0.5, 1.0, 5.0, 19.0, 40.0, 300.0, 700.0, 1000.0]
WIDE = [*FAR, 1e5, 1e80, 1e105, 1e150, 1e160, 1e200]
INSIDE = [0.0, 1e-200, 1e-8, 0.1, 0.5, 0.9, 1 - 2.0**-20, 1 - 2.0**-53]
ABOVE = [1 + 2.0**-52, 1 + 2.0**-20, 1.5, 3.0, 40.0, 1e3, 1e80, 1e200]
BIG = [1e-200, 1e-8, 0.1, 0.5, 1.0, 3.0, 40.0, 1e3, 1e100, 1e200]


def both(points):
    """Points and their opposites."""
    return [*points, *(-x for x in points)]


# the first and the second slope, and where to look
EXACT = {
    "tan": (
        lambda x: 1 / mpmath.cos(x) ** 2,
        lambda x: 2 * mpmath.sin(x) / mpmath.cos(x) ** 3,
        both([0.0, 1e-200, 1e-8, 0.1, 1.5, 0.5 * math.pi, 3.0, 1e6]),
    ),
    "arcsin": (lambda x: (1 - x * x) ** -0.5, lambda x: x * (1 - x * x) ** -1.5, both(INSIDE)),
    "arccos": (lambda x: -((1 - x * x) ** -0.5), lambda x: -x * (1 - x * x) ** -1.5, both(INSIDE)),
    "arctan": (lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2, both(WIDE)),
    "sinh": (mpmath.cosh, mpmath.sinh, both(FAR)),
    "cosh": (mpmath.sinh, mpmath.cosh, both(FAR)),
    "arcsinh": (lambda x: (1 + x * x) ** -0.5, lambda x: -x * (1 + x * x) ** -1.5, both(WIDE)),
    "arccosh": (lambda x: (x * x - 1) ** -0.5, lambda x: -x * (x * x - 1) ** -1.5, ABOVE),
    "arctanh": (lambda x: 1 / (1 - x * x), lambda x: 2 * x / (1 - x * x) ** 2, both(INSIDE)),
    "leg": (lambda x: -x * (1 - x * x) ** -0.5, lambda x: -((1 - x * x) ** -1.5), both(INSIDE)),
    "exp2": (
        lambda x: mpmath.log(2) * mpmath.mpf(2) ** x,
        lambda x: mpmath.log(2) ** 2 * mpmath.mpf(2) ** x,
        both(FAR),
    ),
    "log2": (lambda x: 1 / (x * mpmath.log(2)), lambda x: -1 / (x * x * mpmath.log(2)), BIG),
    "log10": (lambda x: 1 / (x * mpmath.log(10)), lambda x: -1 / (x * x * mpmath.log(10)), BIG),
    "cbrt": (
        lambda x: 1 / (3 * mpmath.cbrt(x) ** 2),
        lambda x: -2 / (9 * mpmath.cbrt(x) ** 5),
        BIG,
    ),
    "reciprocal": (lambda x: -1 / x**2, lambda x: 2 / x**3, both(BIG)),
    "deg2rad": (lambda x: mpmath.pi / 180, lambda x: 0, both(BIG)),
    "rad2deg": (lambda x: 180 / mpmath.pi, lambda x: 0, both(BIG)),
    "sinc": (
        lambda x: mpmath.diff(mpmath.sincpi, x),
        lambda x: mpmath.diff(mpmath.sincpi, x, 2),
        both([0.0, 1e-8, 0.1, 0.25, 0.5, 0.75, 1.25, 3.3, 10.3, 1000.25]),
    ),
    "i0": (
        lambda x: mpmath.besseli(1, x),
        lambda x: (mpmath.besseli(0, x) + mpmath.besseli(2, x)) / 2,
        both([0.0, 1e-200, 1e-8, 0.1, 1.0, 8.0, 40.0, 300.0]),
    ),
}


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", EXACT)
def test_slopes_are_as_careful_as_the_function(name, order):
    """At 0, at the ends of the domain, at ±1000 and 1e±200, first and second order.

    I0 grows like exp(x): the rounding of x * cos t counts x times.
    """
    *exact, points = EXACT[name]
    with mpmath.workdps(60 if name in ("sinc", "i0") else 850):
        for x in points:
            given = nth_slope(getattr(ops, name), x, order)
            true = exact[order - 1](mpmath.mpf(x))
            assert_exact(given, true, x, units=32 + abs(x) * (name == "i0"))


def test_every_smooth_function_here_is_checked():
    """Or has two inputs, or is a straight line between corners."""
    files = ("ops.powers", "ops.angles", "ops.steps")
    here = [p for p in ops.PRIMITIVES if p.forward.__module__.endswith(files)]
    assert {p.name for p in here if len(p.rules) == 1 and any(p.rules)} <= EXACT.keys()


@pytest.mark.parametrize("name", [name for name in EXACT if name != "leg"])
def test_values_are_numpys(name):
    """In both precisions, for numbers and for arrays."""
    points = np.array([x for x in EXACT[name][2] if 1e-300 < abs(x) < 600.0 and abs(x) != 1.5])
    for dtype, digits in ((np.float64, 4), (np.float32, 8)):
        x = points.astype(dtype)
        with np.errstate(all="ignore"):
            y, true = getattr(np, name)(Value(x)), getattr(np, name)(x)
        assert y.dtype == dtype
        np.testing.assert_allclose(y.data, true, rtol=digits * np.finfo(dtype).eps)


@pytest.mark.parametrize(("f", "end", "slope"), [
    (np.arcsin, 1.0, INF), (np.arcsin, -1.0, INF), (np.arccos, 1.0, -INF), (np.arccos, -1.0, -INF),
    (np.arccosh, 1.0, INF), (np.arctanh, 1.0, INF), (np.arctanh, -1.0, INF),
    (np.cbrt, 0.0, INF), (np.cbrt, -0.0, INF), (np.log2, 0.0, INF), (np.log10, 0.0, INF),
])  # fmt: skip
def test_vertical_slopes_are_infinite(f, end, slope):
    """At the end of a domain, for numbers and arrays; and what `where` did not choose has none."""
    with np.errstate(all="ignore"):
        assert slopes(f, end) == [slope]
        assert slopes(lambda x: f(x)[0], np.array([end]))[0] == slope
        assert slopes(lambda x: tn.where(x == end, x, f(x)), end) == [1.0]
        second = tn.grad(tn.grad(lambda x: tn.where(x == end, x * x, f(x))))
        assert second(end).data == 2.0


@pytest.mark.parametrize("f", [np.arcsin, np.arccos, np.arctanh])
def test_second_slopes_at_the_end_of_a_domain(f):
    """Infinite as well, and of the sign they have beside it."""
    for end in (1.0, -1.0):
        beside = nth_slope(f, end * (1.0 - 2.0**-30), 2)
        assert nth_slope(f, end, 2) == math.copysign(INF, beside)
    assert nth_slope(np.arccosh, 1.0, 2) == -INF


def test_slopes_far_beyond_are_nan_with_the_value():
    """Where the function is not a number, neither is its slope."""
    with np.errstate(all="ignore"):
        for f in (np.arcsin, np.arccos, np.arctanh):
            assert math.isnan(slopes(f, 1e200)[0])
        assert math.isnan(slopes(np.arccosh, 0.5)[0])


def test_sinc_at_zero_to_high_order():
    """1, 0, -π²/3, 0, π⁴/5, 0, -π⁶/7: a quotient of waves would give 0/0."""
    expected = [1.0, 0.0, -(np.pi**2) / 3, 0.0, np.pi**4 / 5, 0.0, -(np.pi**6) / 7]
    for order, exact in enumerate(expected):
        assert_exact(nth_slope(ops.sinc, 0.0, order) if order else ops.sinc(0.0), exact, order)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_sinc_where_its_two_formulas_meet(order):
    """Just inside and just outside of the series' reach, and around it: one curve."""
    edge = (order + 1) / np.pi
    with mpmath.workdps(60):
        for x in (0.9 * edge, edge * (1 - 1e-9), edge * (1 + 1e-9), 1.1 * edge):
            true = mpmath.diff(mpmath.sincpi, mpmath.mpf(x), order)
            assert_exact(nth_slope(np.sinc, x, order), true, x, units=64)


def test_sinc_far_out():
    """At even numbers sinc falls like 1/x: pi * 1e200 is not reduced after it was rounded."""
    assert slopes(np.sinc, 1e200)[0] == pytest.approx(1e-200, rel=4 * EPS)
    assert slopes(np.sinc, 1e6)[0] == pytest.approx(1e-6, rel=4 * EPS)


@pytest.mark.parametrize("order", [3, 4])
def test_i0_to_higher_order(order):
    """Derivatives of the mean of cosh(x cos t)."""
    with mpmath.workdps(60):
        for x in (0.0, 0.5, -3.0, 20.0, 300.0):
            true = mpmath.diff(lambda t: mpmath.besseli(0, t), mpmath.mpf(x), order)
            assert_exact(nth_slope(np.i0, x, order), 0 if x == 0.0 and order == 3 else true, x, 400)


# ---------------------------------------------------------------------- hypot and arctan2

PLACES = [
    *((3.0, 4.0), (-3.0, 4.0), (1.0, 1e-8), (1e-8, -1.0), (0.0, 2.0), (2.0, 0.0), (1e-3, 1e3)),
    *((3e200, 4e200), (1e-150, -1e-150), (3e-170, 1e-150), (1e150, 1e-150), (1e-200, 1.0)),
]


def hypot_exactly(a, b):
    """Slopes and second slopes of the distance."""
    r = mpmath.hypot(a, b)
    mixed = -a * b / r**3
    return [a / r, b / r], [[b * b / r**3, mixed], [mixed, a * a / r**3]]


def arctan2_exactly(a, b):
    """Slopes and second slopes of the angle."""
    s = a * a + b * b
    turn, mixed = 2 * a * b / s**2, (a * a - b * b) / s**2
    return [b / s, -a / s], [[-turn, mixed], [mixed, turn]]


@pytest.mark.parametrize(
    ("f", "exactly"), [(np.hypot, hypot_exactly), (np.arctan2, arctan2_exactly)]
)
@pytest.mark.parametrize("place", PLACES, ids=str)
def test_slopes_of_distance_and_angle(f, exactly, place):
    """Sides of any size and of very different sizes, first and second order."""
    with mpmath.workdps(850):
        first, second = exactly(*map(mpmath.mpf, place))
        for given, true in zip(slopes(f, *place), first, strict=True):
            assert_exact(given, true, place)
        for row, exact in zip(hessian(f, *place), second, strict=True):
            for given, true in zip(row, exact, strict=True):
                assert given == pytest.approx(float(true), rel=16 * EPS, abs=1e-15 * size(second))


def size(rows):
    """The largest entry, beside which rounding is judged where two terms cancel to 0."""
    return min(max(abs(float(x)) for row in rows for x in row), 1e300)


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_distance_and_angle_at_the_origin(zero):
    """No direction is steepest: slopes 0, the least; and never nan, at second order either."""
    for f in (np.hypot, np.arctan2):
        assert slopes(f, zero, 0.0) == [0.0, 0.0]
        assert np.all(np.isfinite(hessian(f, zero, 0.0)))
    assert slopes(lambda a, b: np.hypot(a, b) ** 2, zero, 0.0) == [0.0, 0.0]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ((INF, 1.0), [1.0, 0.0]),
        ((-INF, 1.0), [-1.0, 0.0]),
        ((1.0, -INF), [0.0, -1.0]),
        ((INF, -INF), [math.sqrt(0.5), -math.sqrt(0.5)]),
    ],
    ids=str,
)
def test_distance_at_infinity(place, expected):
    """The direction that the point lies in, for numbers and arrays alike."""
    np.testing.assert_allclose(slopes(np.hypot, *place), expected, rtol=1e-15)
    arrays = slopes(lambda a, b: tn.sum(np.hypot(a, b)), *map(np.array, ([place[0]], [place[1]])))
    np.testing.assert_allclose(np.ravel(arrays), expected, rtol=1e-15)
    assert slopes(np.arctan2, *place) == [0.0, 0.0]


def test_hypot_keeps_float32():
    """Also in its slope, beside a plain number."""
    x = np.array([3.0, 0.0, np.inf], np.float32)
    assert_gradient(lambda v: np.hypot(v, 4.0), x, np.array([0.6, 0.0, 1.0], np.float32))


# ----------------------------------------------------------------------------- logaddexp

PAIRS = [
    *(
        (0.0, 0.0),
        (1.0, 2.0),
        (-3.0, 40.0),
        (40.0, 0.0),
        (1e3, -1e3),
        (1e3, 1e3 + 1),
        (-700.0, 0.0),
    ),
    *((1e200, 1e200), (1e-200, -1e-200), (-1e200, 1e200), (-1e5, -1e5 - 30.0)),
]


@pytest.mark.parametrize(("f", "base"), [(np.logaddexp, math.e), (np.logaddexp2, 2.0)])
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_slopes_of_logaddexp(f, base, pair):
    """The odds of each: 1/2 at a tie, and 4e-18 where one is 40 behind; second order too."""
    with mpmath.workdps(850):
        scale = mpmath.log(2) if base == 2.0 else mpmath.mpf(1)
        a, b = map(mpmath.mpf, pair)
        gap = (a - b) * scale
        small = mpmath.exp(-abs(gap)) if abs(gap) < 10000 else mpmath.mpf(0)
        behind, ahead = small / (1 + small), 1 / (1 + small)
        left, right = (ahead, behind) if gap >= 0 else (behind, ahead)
        first = slopes(f, *pair)
        assert_exact(first[0], left, pair, units=64)
        assert_exact(first[1], right, pair, units=64)
        bend = float(scale * left * right)
        expected = [[bend, -bend], [-bend, bend]]
        np.testing.assert_allclose(hessian(f, *pair), expected, rtol=64 * EPS, atol=5e-324)


@pytest.mark.parametrize("f", [np.logaddexp, np.logaddexp2])
def test_logaddexp_of_infinities(f):
    """Two equal infinities are a tie; otherwise all of the slope is the larger one's."""
    for pair, expected in {
        (INF, INF): [0.5, 0.5],
        (-INF, -INF): [0.5, 0.5],
        (INF, -INF): [1.0, 0.0],
        (-INF, 3.0): [0.0, 1.0],
        (INF, 3.0): [1.0, 0.0],
    }.items():
        assert slopes(f, *pair) == expected
        assert f(Value(pair[0]), pair[1]).data == f(*pair)
        arrays = slopes(lambda a, b: tn.sum(f(a, b)), *map(np.array, ([pair[0]], [pair[1]])))
        np.testing.assert_array_equal(np.ravel(arrays), expected)
    with np.errstate(invalid="ignore"):
        assert math.isnan(f(Value(NAN), 1.0).data)


@pytest.mark.parametrize(
    ("f", "exactly"),
    [
        (np.hypot, mpmath.hypot),
        (np.arctan2, mpmath.atan2),
        (np.logaddexp, lambda a, b: mpmath.log(mpmath.exp(a) + mpmath.exp(b))),
    ],
)
@pytest.mark.parametrize("place", [(3.0, 4.0), (1.0, 1e-3), (0.2, -2.0), (1.0, 1.0)], ids=str)
def test_third_slopes(f, exactly, place):
    """By every three arguments: the rules of the rules are careful too."""
    with mpmath.workdps(60):
        for left in range(4):
            g = f
            for argument in [0] * left + [1] * (3 - left):
                g = tn.grad(g, argnums=argument)
            true = mpmath.diff(exactly, tuple(map(mpmath.mpf, place)), (left, 3 - left))
            assert_exact(g(*place).data, mpmath.chop(true, 1e-40), (place, left), units=64)


# ------------------------------------------------------------------------- powers by factors


@pytest.mark.parametrize(("x", "exponent"), [(0.75, 3), (5e-324, 2000), (1e300, -2000), (1.0, -9)])
def test_ldexp_without_the_power(x, exponent):
    """2**2000 overflows; x * 2**2000 need not. The slope is the power itself."""
    v = Value(x)
    with np.errstate(all="ignore"):
        y = np.ldexp(v, exponent)
        y.backward()
        assert (y.data, v.grad) == (np.ldexp(x, exponent), np.ldexp(1.0, exponent))


def test_ldexp_with_arrays():
    """Exponents broadcast, are copied, and are plain; fractions are refused as NumPy does."""
    exponents = np.array([[1], [-1]])
    v = Value(np.array([1.0, 3.0], np.float32))
    y = np.ldexp(v, exponents)
    exponents[:] = 7
    y.sum().backward()
    np.testing.assert_array_equal(y.data, [[2.0, 6.0], [0.5, 1.5]])
    np.testing.assert_array_equal(v.grad, np.array([2.5, 2.5], np.float32))
    assert (y.dtype, v.grad.dtype) == (np.float32, np.float32)
    with pytest.raises(TypeError, match="ldexp"):
        np.ldexp(v, 0.5)


def test_frexp_is_differentiable_by_its_first_half():
    """x = m * 2**e: m moves with x until e changes."""
    x = np.array([3.0, 0.1, -40.0])
    mantissa, exponent = np.frexp(Value(x))
    np.testing.assert_array_equal(mantissa.data, np.frexp(x)[0])
    np.testing.assert_array_equal(exponent, np.frexp(x)[1])
    assert_gradient(lambda v: np.frexp(v)[0], x, [0.25, 8.0, 1 / 64])
    assert np.frexp(Value(3.0))[0].data == 0.75


def test_float_power_computes_in_float64():
    """From float32 too; and its gradient comes back as float32."""
    x = np.array([1e20, 4.0], np.float32)
    y = np.float_power(Value(x), 2)
    assert y.dtype == np.float64
    np.testing.assert_array_equal(y.data, np.float_power(x, 2))
    assert_gradient(lambda v: np.float_power(v, 1.5), x, (1.5 * x**0.5).astype(np.float32))
    assert slopes(np.float_power, 2.0, 3.0) == slopes(np.power, 2.0, 3.0)
    assert np.float_power([1, 2], Value(2.0)).tolist() == [1.0, 4.0]


def test_reciprocal_is_a_quotient():
    """In its own precision, and infinite at 0."""
    assert_gradient(np.reciprocal, np.array([2.0, -4.0], np.float32), [-0.25, -0.0625])
    assert slopes(np.reciprocal, 0.0) == [-INF]


@pytest.mark.parametrize("b", [0.0, 1.0, 2.0, 3.0, 0.5, -1.0])
@pytest.mark.parametrize("a", [1e-100, 1e100, 0.3])
def test_powers_of_any_size(a, b):
    """Slopes and second slopes by both, against mpmath; `np.pow` is the same function."""
    with mpmath.workdps(60):
        x, y = mpmath.mpf(a), mpmath.mpf(b)
        log = mpmath.log(x)
        first = y * x ** (y - 1), x**y * log
        mixed = x ** (y - 1) * (1 + y * log)
        second = [[y * (y - 1) * x ** (y - 2), mixed], [mixed, x**y * log * log]]
        for given, true in zip(slopes(np.pow, a, b), first, strict=True):
            assert_exact(given, true, (a, b))
        for row, exact in zip(hessian(np.power, a, b), second, strict=True):
            for given, true in zip(row, exact, strict=True):
                if abs(true) < 1e305:
                    assert_exact(given, true, (a, b), units=64)


# -------------------------------------------------------------------------------- choices


@pytest.mark.parametrize(
    ("f", "expected"),
    [(np.fmax, [0, 1, 0.5, 0, 1, 0.5]), (np.fmin, [1, 0, 0.5, 0, 1, 0.5])],
)
def test_a_missing_number_is_passed_over(f, expected):
    """The other one is chosen, and owed everything; equal ones share, two nans as well."""
    a = np.array([1.0, 3.0, 2.0, NAN, 5.0, NAN])
    b = np.array([2.0, 2.0, 2.0, 2.0, NAN, NAN])
    values = Value(a), Value(b)
    y = f(*values)
    np.testing.assert_array_equal(y.data, f(a, b))
    y.backward(np.ones(y.shape))
    np.testing.assert_array_equal(values[0].grad, expected)
    np.testing.assert_array_equal(values[0].grad + values[1].grad, [1, 1, 1, 1, 1, 1])
    for one, other in zip(a, b, strict=True):
        np.testing.assert_equal(f(Value(float(one)), float(other)).data, f(one, other))


CLIPS = [
    lambda v: np.clip(v, 0.0, 1.0),
    lambda v: np.clip(v, a_min=0.0, a_max=1.0),
    lambda v: ops.clip(v, min=0.0, max=1.0),  # np.clip has these names from NumPy 2.1 on
    lambda v: v.clip(0.0, 1.0),
    lambda v: v.clip(min=0.0, max=1.0),
    lambda v: ops.clip(v, [0.0], np.ones(4)),
]


@pytest.mark.parametrize("clip", CLIPS)
def test_clip_in_all_its_spellings(clip):
    """Slope 1 inside, 0 outside."""
    assert_gradient(clip, np.array([-2.0, 0.25, 0.5, 7.0]), [0.0, 1.0, 1.0, 0.0])


def test_clip_by_its_bounds():
    """A bound that holds is owed what it stopped; on a bound both have one half."""
    x, low, high = np.array([-2.0, 0.5, 7.0, 1.0]), np.zeros(4), np.array(1.0)
    grads = tn.grad(lambda x, low, high: tn.sum(np.clip(x, low, high)), argnums=(0, 1, 2))
    of_x, of_low, of_high = grads(x, low, high)
    np.testing.assert_array_equal(of_x.data, [0.0, 1.0, 0.0, 0.5])
    np.testing.assert_array_equal(of_low.data, [1.0, 0.0, 0.0, 0.0])
    assert of_high.data == 1.5
    assert isinstance(np.clip(x, low, Value(1.0)), Value)


def test_clip_with_one_bound_or_none():
    """As NumPy has it: None is no bound."""
    x = np.array([-2.0, 0.5, 7.0])
    assert_gradient(lambda v: np.clip(v, 0.0, None), x, [0.0, 1.0, 1.0])
    assert_gradient(lambda v: v.clip(max=1.0), x, [1.0, 1.0, 0.0])
    assert_gradient(lambda v: np.clip(v, None, None), x, [1.0, 1.0, 1.0])


def test_clip_is_careful():
    """float32 stays, two names for one bound are refused, and so is `out`."""
    v = Value(np.array([-1.0, 2.0], np.float32))
    assert v.clip(0.0, 1.0).dtype == np.float32
    with pytest.raises(ValueError, match="two names for one bound"):
        ops.clip(v, 0.0, min=0.0)
    with pytest.raises(TypeError):
        np.clip(v, 0.0, 1.0, out=np.zeros(2))


def test_copysign_takes_a_size_and_a_sign():
    """The slope in the size is 1 or -1, and 0 at size 0; in the sign it is flat."""
    for a, b, slope in ((3.0, -2.0, -1.0), (-3.0, -2.0, 1.0), (-3.0, 2.0, -1.0), (0.0, -1.0, 0.0)):
        assert slopes(np.copysign, a, b) == [slope, 0.0]
        assert slopes(np.copysign, a, -0.0) == [math.copysign(1.0, -a) if a else 0.0, 0.0]


def test_heaviside_moves_only_with_its_middle():
    """Where x is 0, by what it is there."""
    x, h = np.array([-1.0, 0.0, 2.0, NAN]), Value(0.5)
    v = Value(x)
    y = np.heaviside(v, h)
    np.testing.assert_array_equal(y.data, np.heaviside(x, 0.5))
    y.sum().backward()
    assert h.grad == 1.0
    assert not v.grad


def test_nan_to_num():
    """Numbers pass with slope 1; what was put in for the others owes them nothing."""
    x = np.array([1.0, NAN, INF, -INF])
    for more in ({}, {"nan": 7.0}, {"posinf": 1.0, "neginf": -1.0}, {"nan": np.arange(4.0)}):
        np.testing.assert_array_equal(
            np.nan_to_num(Value(x), **more).data, np.nan_to_num(x, **more)
        )
        assert_gradient(lambda v, more=more: np.nan_to_num(v, **more), x, [1.0, 0.0, 0.0, 0.0])
    x = x.astype(np.float32)
    y = np.nan_to_num(Value(x))
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y.data, np.nan_to_num(x))
    assert np.nan_to_num(Value(-INF)).data == np.nan_to_num(-INF)
    with pytest.raises(tn.errors.UnsupportedError, match="copy=False"):
        np.nan_to_num(Value(x), copy=False)


def test_what_is_put_in_for_nan_may_be_a_value():
    """And then it is owed for every place it went to."""
    fill = Value(2.0)
    ops.nan_to_num(np.array([NAN, 1.0, NAN]), nan=fill).sum().backward()
    assert fill.grad == 2.0


# ------------------------------------------------------------------------ quotient and rest


def test_fmod_counts_like_its_value():
    """1.0 / 0.1 rounds up to 10, but 0.1 is a little more than a tenth: it goes in 9 times."""
    assert slopes(np.fmod, 1.0, 0.1) == [1.0, -9.0]
    assert slopes(np.fmod, -7.5, 2.0) == [1.0, 3.0]
    assert slopes(np.fmod, 7.5, -2.0) == [1.0, 3.0]
    assert slopes(np.fmod, 3.0, INF) == [1.0, 0.0]
    assert hessian(np.fmod, 7.5, 2.0) == [[0.0, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize("divide", [np.divmod, divmod])
def test_divmod_is_a_quotient_and_a_rest(divide):
    """On either side, as NumPy's function and as Python's."""
    x = np.array([7.5, -7.5])
    for a, b in ((Value(x), 2.0), (x, Value(2.0)), (Value(7.5), Value(2.0)), (7.5, Value(2.0))):
        plain = [z.data if isinstance(z, Value) else z for z in (a, b)]
        for ours, true in zip(divide(a, b), np.divmod(*plain), strict=True):
            np.testing.assert_array_equal(ours.data, true)
    assert_gradient(lambda v: divide(v, 2.0)[1], x, [1.0, 1.0])
    assert not tn.grad(lambda v: divide(v, 2.0)[0] * Value(1.0))(7.5).data


def test_modf_parts_a_number_at_its_point():
    """What stands behind the point moves with it; infinity has nothing there."""
    x = np.array([2.75, -2.75, -3.0, INF, -INF])
    for ours, true in zip(np.modf(Value(x)), np.modf(x), strict=True):
        np.testing.assert_array_equal(ours.data, true)
    assert_gradient(lambda v: np.modf(v)[0], x, [1.0, 1.0, 1.0, 0.0, 0.0])
    assert np.modf(Value(np.float32(2.5)))[0].dtype == np.float32


STEPS = [np.floor, np.ceil, np.trunc, np.rint, np.round, np.around, np.fix, np.sign]


@pytest.mark.parametrize("f", STEPS, ids=lambda f: f.__name__)
def test_steps_are_numpys_and_flat(f):
    """At whole numbers, halves, infinities and between; a sum with them keeps its other slopes."""
    x = np.array([-1.5, -0.5, -0.0, 0.3, 0.5, 1.5, 2.0, 2.5, 1e200, INF, -INF, NAN])
    np.testing.assert_array_equal(f(Value(x)).data, f(x))
    for entry in x[:-3]:
        assert f(Value(float(entry))).data == f(entry)
    assert_gradient(lambda v: f(v) + v, x, np.ones(x.shape))


def test_rounding_to_decimals():
    """By every spelling: `np.round(v, 1)`, `v.round(1)`, `round(v, 1)`."""
    x = np.array([1.25, 1.35, -17.0])
    for decimals in (1, 0, -1):
        for y in (
            np.round(Value(x), decimals),
            np.around(Value(x), decimals=decimals),
            Value(x).round(decimals),
            round(Value(x), decimals),
        ):
            np.testing.assert_array_equal(y.data, np.round(x, decimals))
    np.testing.assert_array_equal(round(Value(x)).data, np.round(x))


# ------------------------------------------------------------------------------- questions


@pytest.mark.parametrize("f", [np.isfinite, np.isinf, np.isnan, np.signbit])
def test_questions_about_each_number(f):
    """Answered as NumPy does, of numbers and arrays."""
    x = np.array([1.0, -0.0, INF, -INF, NAN, -1e-200])
    np.testing.assert_array_equal(f(Value(x)).data, f(x))
    assert bool(f(Value(-INF))) == f(-INF)


def test_either_but_not_both():
    """As a function and as an operator."""
    a, b = Value([1.0, 1.0, -1.0]) > 0.0, Value([1.0, -1.0, -1.0]) > 0.0
    for y in (np.logical_xor(a, b), a ^ b, a ^ b.data, b.data ^ a, np.bitwise_xor(a, b)):
        assert y.tolist() == [False, True, False]


@pytest.mark.parametrize(
    "f",
    [
        lambda a, b: np.isclose(a, b),
        lambda a, b: np.isclose(a, b, atol=1.0),
        lambda a, b: np.allclose(a, b, rtol=1.0),
        lambda a, b: np.array_equal(a, a),
        lambda a, b: np.array_equal(a, b, equal_nan=True),
        lambda a, b: np.array_equiv(a, b),
        lambda a, b: np.isposinf(a),
        lambda a, b: np.isneginf(x=a),
        lambda a, b: ops.allclose(a, b),
    ],
)
def test_plain_answers(f):
    """Yes and no as NumPy gives them, on either side of a plain array."""
    a, b = np.array([1.0, 2.0, INF]), np.array([1.0, 2.5, INF])
    for pair in ((Value(a), Value(b)), (Value(a), b)):
        answer = f(*pair)
        assert not isinstance(answer, Value)
        np.testing.assert_array_equal(answer, f(a, b))


# -------------------------------------------------------------------------- ufunc methods

A = np.array([[0.25, 2.0, 0.75], [0.5, -0.25, 0.125]])


@pytest.mark.parametrize(
    "f",
    [
        lambda v: np.add.reduce(v),
        lambda v: np.add.reduce(v, 1),
        lambda v: np.add.reduce(v, axis=None),
        lambda v: np.add.reduce(v, axis=(0, 1), keepdims=True),
        lambda v: np.add.reduce(v, dtype=None),
        lambda v: np.maximum.reduce(v),
        lambda v: np.minimum.reduce(v, axis=-1),
    ],
)
def test_reduce(f):
    """Along the first axis, where no other is named; with the gradient of the sum or extreme."""
    y = f(Value(A))
    np.testing.assert_array_equal(y.data, f(A))
    weight = np.arange(1.0, 1.0 + y.size).reshape(y.shape)
    (gradient,) = slopes(lambda v: tn.sum(f(v) * weight), A)
    way, step = np.random.default_rng(0).normal(size=A.shape), 2.0**-20
    seen = np.sum((f(A + step * way) - f(A - step * way)) * weight) / (2.0 * step)
    assert np.sum(gradient * way) == pytest.approx(seen, rel=1e-8)


def test_reduce_of_answers():
    """All and any, along the first axis."""
    v = Value(A)
    assert np.logical_and.reduce(v > 0.0).tolist() == [True, False, True]
    assert np.logical_or.reduce(v > 1.0, axis=1).tolist() == [True, False]


@pytest.mark.parametrize(
    "ufunc", [np.multiply, np.subtract, np.hypot, np.maximum, np.power, np.greater, np.logaddexp]
)
@pytest.mark.parametrize("other", [2.0, np.array([1.0, 0.5]), np.ones((2, 1))], ids=np.shape)
def test_outer(ufunc, other):
    """Every entry of one with every entry of the other; gradients are those of broadcasting."""
    x = np.abs(A)
    for pair in ((Value(x), other), (x, Value(other)), (Value(x), Value(other))):
        np.testing.assert_array_equal(ufunc.outer(*pair).data, ufunc.outer(x, other))
    if ufunc is not np.greater:
        spread = x.reshape(x.shape + (1,) * np.ndim(other))
        ours = slopes(lambda a, b: tn.sum(ufunc.outer(a, b)), x, other)
        theirs = slopes(lambda a, b: tn.sum(ufunc(a, b)), spread, other)
        np.testing.assert_array_equal(ours[0], np.reshape(theirs[0], x.shape))
        np.testing.assert_array_equal(ours[1], theirs[1])


@pytest.mark.parametrize(
    ("name", "call"),
    {
        "np.power.reduce": lambda v: np.power.reduce(v),
        "np.arctan2.accumulate": lambda v: np.arctan2.accumulate(v),
        "np.power.reduceat": lambda v: np.power.reduceat(v, [0, 1]),
        "np.multiply.at": lambda v: np.multiply.at(v, 0, 2.0),
        "np.gcd.outer": lambda v: np.gcd.outer(v, v),
        "np.nextafter": lambda v: np.nextafter(v, 1.0),
    }.items(),
)
def test_other_methods_are_refused_by_name(name, call):
    """At the call, with the method's name."""
    with pytest.raises(tn.errors.UnsupportedError, match=name):
        call(Value(A))


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda v: np.reciprocal(v, where=A > 0), "where"),
        (lambda v: np.deg2rad(v, dtype=np.float32), "dtype"),
        (lambda v: np.ldexp(v, 2, casting="unsafe"), "casting"),
        (lambda v: np.hypot(v, v, where=A > 0), "where"),
        (lambda v: np.multiply.outer(v, v, dtype=np.float32), "dtype"),
        (lambda v: np.sinc(v, out=A), "out"),
        (lambda v: np.modf(v, out=(A.copy(), A.copy())), "modf"),
        (lambda v: np.add.reduce(v, out=np.zeros(3)), "add.reduce"),
    ],
)
def test_keywords_are_refused_not_ignored(call, word):
    """Of functions with a rule, of compositions, and of methods."""
    with pytest.raises(TypeError, match=word):
        call(Value(A))


# --------------------------------------------------------------------------------- all of it

WITHOUT_SLOPE = {
    *("bitwise_count", "gcd", "lcm", "left_shift", "right_shift", "isnat", "nextafter", "spacing"),
    *("conjugate", "vecdot", "matvec", "vecmat"),  # of other chapters
}


def test_every_ufunc_of_numpys_is_answered_or_known_not_to_be():
    """Whole numbers, dates and neighbouring floats have nothing to differentiate."""
    ufuncs = {f.__name__ for f in vars(np).values() if isinstance(f, np.ufunc)}
    answered = {f.__name__ for f in tn.numpy_functions.answered() if isinstance(f, np.ufunc)}
    assert ufuncs - answered <= WITHOUT_SLOPE


@pytest.mark.parametrize(
    "name", ["acos", "acosh", "asin", "asinh", "atan", "atanh", "atan2", "pow", "abs"]
)
def test_numpys_new_names(name):
    """NumPy 2's short names are the same functions."""
    x = 1.5 if name == "acosh" else 0.5
    args = (x, 0.25) if name in ("atan2", "pow") else (x,)
    y = getattr(np, name)(*map(Value, args))
    assert y.data == pytest.approx(getattr(np, name)(*args), rel=1e-15)
    assert all(slopes(getattr(np, name), *args))


def test_results_beside_operators():
    """What these return is an ordinary Value."""
    y = operator.add(np.hypot(Value(3.0), 4.0), np.clip(Value(9.0), 0.0, 1.0))
    assert y.data == 6.0
