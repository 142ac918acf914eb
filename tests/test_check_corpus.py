"""Right gradients pass, wrong ones do not, on functions that are hard to differentiate by looking.

Each function comes with its gradient in closed form. None of them may fail; where a verdict must be
had it is written out, and a gradient spoilt in any way that matters must fail.
"""

import numpy as np
import pytest

import tinygrad_neuron as tn
from tinygrad_neuron.check import check_gradient

SIZES = [1e-200, 1e-100, 1e-8, 1e-3, 0.37, 1.0, 2.9, 40.0, 1e3, 1e8, 1e100, 1e200]


def sigmoid(x):
    """Without overflow on either side."""
    return np.where(x > 0, 1.0 / (1.0 + np.exp(-abs(x))), np.exp(-abs(x)) / (1.0 + np.exp(-abs(x))))


SMOOTH = {
    "linear": (lambda x: 3.0 * x, lambda x: 3.0),
    "square": (lambda x: x * x, lambda x: 2.0 * x),
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
    "log": (np.log, lambda x: 1.0 / x),
    "reciprocal": (lambda x: 1.0 / x, lambda x: -1.0 / x / x),
    "cbrt": (np.cbrt, lambda x: np.cbrt(x) / x / 3.0),
    "log1p": (np.log1p, lambda x: 1.0 / (1.0 + x)),
    "arctan": (np.arctan, lambda x: 1.0 / (1.0 + x * x)),
    "arcsinh": (np.arcsinh, lambda x: 1.0 / np.hypot(1.0, x)),
    "softplus": (lambda x: np.logaddexp(0.0, x), sigmoid),
    "tanh": (np.tanh, lambda x: 1.0 / np.cosh(x) ** 2),
    "power": (lambda x: x**1.37, lambda x: 1.37 * x**0.37),
    "hypot": (lambda x: np.hypot(x, 3.0), lambda x: x / np.hypot(x, 3.0)),
}
"""Defined for every positive number, and accurate there in value and slope."""

AT_PLACES = {
    "exp": (np.exp, np.exp, [-700.0, -30.0, -1.0, 0.0, 1e-12, 3.0, 700.0]),
    "expm1": (np.expm1, np.exp, [-50.0, -1e-9, 0.0, 1e-9, 5.0]),
    "sin": (np.sin, np.cos, [0.0, 1e-9, 1.0, np.pi / 2, np.pi, 30.0, 1e4, 1e8]),
    "cos": (np.cos, lambda x: -np.sin(x), [0.0, 1e-9, 1.0, np.pi, 1e4]),
    "tan near its pole": (np.tan, lambda x: 1.0 / np.cos(x) ** 2, [1.57, 1.570796, 1.5]),
    "log near 0": (np.log, lambda x: 1.0 / x, [1e-300, 1e-30, 1e-8]),
    "log beside 1": (np.log, lambda x: 1.0 / x, [1.0, 1.0 + 1e-9, 1.0 - 1e-12]),
    "sqrt of 1 - x": (
        lambda x: np.sqrt(1.0 - x),
        lambda x: -0.5 / np.sqrt(1.0 - x),
        [0.5, 1.0 - 1e-3, 1.0 - 2.0**-20, 1.0 - 2.0**-30],
    ),
    "arcsin near 1": (
        np.arcsin,
        lambda x: 1 / np.sqrt(1 - x) / np.sqrt(1 + x),
        [0.9, 1 - 2.0**-20],
    ),
    "arctanh near 1": (np.arctanh, lambda x: 1 / (1 - x) / (1 + x), [0.9, 1 - 2.0**-20]),
    "stiff exponential": (
        lambda x: np.exp(-1e6 * x),
        lambda x: -1e6 * np.exp(-1e6 * x),
        [0.0, 1e-6],
    ),
    "stiff sigmoid": (
        lambda x: sigmoid(1e5 * (x - 1.0)),
        lambda x: 1e5 * sigmoid(1e5 * (x - 1.0)) * sigmoid(-1e5 * (x - 1.0)),
        [1.0, 1.00001, 0.99998],
    ),
    "fast wave": (lambda x: np.sin(1e5 * x), lambda x: 1e5 * np.cos(1e5 * x), [0.3, 1.0, 2.0]),
    "wave on a slope": (
        lambda x: x + 1e-6 * np.sin(1e8 * x),
        lambda x: 1.0 + 100.0 * np.cos(1e8 * x),
        [0.3, 1.0],
    ),
    "high above 0": (lambda x: 1e10 + 1e-4 * x, lambda x: 1e-4, [1.0, 3.0, 1e3]),
    "runge": (
        lambda x: 1 / (1 + 25 * x * x),
        lambda x: -50 * x / (1 + 25 * x * x) ** 2,
        [0.0, 0.2, 5],
    ),
    "gauss, far out": (
        lambda x: np.exp(-x * x),
        lambda x: -2 * x * np.exp(-x * x),
        [0.0, 5.0, 20.0],
    ),
    "polynomial with a double root": (
        lambda x: (x - 1) ** 2,
        lambda x: 2 * (x - 1),
        [1.0, 1 + 1e-9],
    ),
    "expanded double root": (
        lambda x: x * x - 2 * x + 1,
        lambda x: 2 * x - 2,
        [1.0, 1 + 1e-6, 2.0],
    ),
    "x to the 1.5 from 0": (
        lambda x: abs(x) ** 1.5,
        lambda x: 1.5 * abs(x) ** 0.5 * np.sign(x),
        [0.0],
    ),
    "zero everywhere": (lambda x: 0.0 * x, lambda x: 0.0, [0.0, 1.0, 1e9]),
    "five everywhere": (lambda x: 5.0 + 0.0 * x, lambda x: 0.0, [0.0, 1.0, 1e9]),
}

ARRAYS = {
    "mixed sizes, summed squares": (
        lambda x: np.sum(x * x),
        lambda x: 2.0 * x,
        np.array([1e10, 1e-3, 1.0, 0.0]),
    ),
    "mixed sizes, summed logs": (
        lambda x: np.sum(np.log(x)),
        lambda x: 1.0 / x,
        np.array([1e200, 1e-200, 1.0, 1e-8]),
    ),
    "product": (
        np.prod,
        lambda x: np.array([np.prod(np.delete(x, i)) for i in range(len(x))]),
        np.array([0.5, -2.0, 3.0, 1e-5]),
    ),
    "product with a zero": (
        np.prod,
        lambda x: np.array([np.prod(np.delete(x, i)) for i in range(len(x))]),
        np.array([0.5, 0.0, 3.0]),
    ),
    "log-sum-exp": (
        lambda x: np.log(np.sum(np.exp(x - x.max()))) + x.max(),
        lambda x: np.exp(x - x.max()) / np.sum(np.exp(x - x.max())),
        np.array([1000.0, 999.0, -1000.0, 3.0]),
    ),
    "rosenbrock": (
        lambda x: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2,
        lambda x: np.array(
            [-2 * (1 - x[0]) - 400 * x[0] * (x[1] - x[0] ** 2), 200 * (x[1] - x[0] ** 2)]
        ),
        np.array([-1.2, 1.0]),
    ),
    "quadratic form, ill-conditioned": (
        lambda x: x @ HILBERT @ x,
        lambda x: 2.0 * HILBERT @ x,
        np.array([1.0, -2.0, 3.0, -1.0, 0.5]),
    ),
    "log-determinant": (
        lambda a: np.linalg.slogdet(a)[1],
        lambda a: np.linalg.inv(a).T,
        np.array([[2.0, 0.3], [-0.1, 1e-4]]),
    ),
    "many entries": (
        lambda x: np.sum(np.tanh(x)),
        lambda x: 1 / np.cosh(x) ** 2,
        np.linspace(-3, 3, 500),
    ),
}
HILBERT = 1.0 / (np.arange(5)[:, None] + np.arange(5) + 1.0)


def rng_of(x):
    """Noise that is the same for the same number."""
    return np.random.default_rng(np.atleast_1d(x).view(np.uint64)).standard_normal()


NOISY = {
    "noise of 1e-6": (lambda x: np.exp(x) + 1e-6 * rng_of(x), np.exp, [0.3, 1.7]),
    "noise of 1e-9": (lambda x: np.sin(x) + 1e-9 * rng_of(x), np.cos, [0.3, 1.7]),
    "in float32": (lambda x: float(np.exp(np.float32(x))), np.exp, [0.3, 1.7, -4.0]),
    "in float16": (lambda x: float(np.sin(np.float16(x))), np.cos, [0.25, 1.5]),
    "cancelling": (lambda x: (x + 1e8) ** 2 - 1e16, lambda x: 2 * (x + 1e8), [1.0, 3.0]),
    "1 - cos over x squared": (
        lambda x: (1.0 - np.cos(x)) / x**2,
        lambda x: -x / 12.0 + x**3 / 180.0,
        [1e-4, 1e-6],
    ),
    "rounded to 6 digits": (lambda x: np.round(np.exp(x), 6), np.exp, [0.3, 1.7]),
}

KINKS = {
    "abs": (abs, [0.0], [-1.0, -0.5, 0.0, 1.0], [1.5, -2.0]),
    "relu": (lambda x: max(x, 0.0), [0.0], [0.0, 0.5, 1.0], [-0.5, 2.0]),
    "relu, moved": (lambda x: max(x - 1.0, 0.0), [1.0], [0.0, 0.5, 1.0], [-0.5, 2.0]),
    "relu, steep": (lambda x: max(1e-8 * x, 1e8 * x), [0.0], [1.0, 1e8], [-1e5, 2e8]),
    "abs on a slope": (lambda x: abs(x) + np.exp(x), [0.0], [0.0, 1.0, 2.0], [-1.0, 3.0]),
    "huber, at its seam": (
        lambda x: 0.5 * x * x if abs(x) < 1 else abs(x) - 0.5,
        [1.0],
        [1.0],
        [0.5, 2.0, -1.0, 0.0],
    ),
    "cancelled": (lambda x: max(x, 0.0) + min(x, 0.0), [0.0], [1.0], [0.0, 0.5, 2.0]),
    "near a kink": (lambda x: abs(x - 1.0), [1.0 + 1e-7, 1.0 + 1e-10], [1.0], [0.0, -1.0, 0.5]),
    "staircase": (np.floor, [2.3, -0.7], [0.0], []),
    "sign": (np.sign, [2.3, -0.7], [0.0], [1.0]),
}

TIES = {
    "largest": (np.max, [np.ones(3), np.zeros(4), np.array([2.0, 1.0, 2.0])]),
    "middle": (np.median, [np.ones(3), np.zeros(5), np.array([2.0, 1.0, 2.0])]),
}

NO_SLOPE = {
    "a step, at the step": (np.floor, 2.0, 0.0),
    "a sign, at 0": (np.sign, 0.0, 0.0),
    "sqrt at 0": (np.sqrt, 0.0, np.inf),
    "cbrt at 0": (np.cbrt, 0.0, np.inf),
    "log at 0": (np.log, 0.0, np.inf),
    "reciprocal at 0": (lambda x: 1.0 / x, 0.0, np.inf),
    "random": (lambda x: rng_of(x), 0.7, 0.0),
}

SPOILS = [
    (lambda g: -g, 2.0),
    (lambda g: 2.0 * g, 1.0),
    (lambda g: g / 2.0, 0.5),
    (lambda g: 0.0 * g, 1.0),
    (lambda g: 1.001 * g, 1e-3),
    (lambda g: (1.0 + 1e-6) * g, 1e-6),
]
"""Ways to spoil a slope, and the relative error that each of them makes."""

SCALAR_CASES = [
    *((f"{name} at {x:g}", f, g, x) for name, (f, g) in SMOOTH.items() for x in SIZES),
    *((f"{name} at {x!r}", f, g, x) for name, (f, g, xs) in AT_PLACES.items() for x in xs),
]
NOISY_CASES = [(f"{name} at {x}", f, g, x) for name, (f, g, xs) in NOISY.items() for x in xs]


def judged(f, slope, x):
    """The verdict on a slope at a number."""
    with np.errstate(all="ignore"):
        said = slope(x) if callable(slope) else slope
        return check_gradient(f, lambda x: np.float64(said), float(x))


def each(cases):
    """One test for each case, under its name."""
    return pytest.mark.parametrize(
        ("f", "g", "x"), [case[1:] for case in cases], ids=[case[0] for case in cases]
    )


# -------------------------------------------------------------------------- right and wrong


@each(SCALAR_CASES + NOISY_CASES)
def test_a_right_slope_does_not_fail(f, g, x):
    """Over four hundred powers of ten, beside poles and edges, stiff, wavy, flat and noisy."""
    report = judged(f, g, x)
    assert report.status in ("passed", "inconclusive"), report


def test_hardly_any_slope_is_left_open():
    """A check that never decides would pass the test above: of right slopes nearly all pass."""
    some = SCALAR_CASES[::3]
    statuses = [judged(f, g, x).status for _, f, g, x in some]
    assert statuses.count("passed") > 0.93 * len(some)


@pytest.mark.parametrize("number", range(len(SPOILS)))
def test_a_wrong_slope_fails(number):
    """Or the report says that an error of this size could not have been seen."""
    spoil, error = SPOILS[number]
    failed = total = 0
    for _, f, g, x in (SCALAR_CASES + NOISY_CASES)[number::5]:
        with np.errstate(all="ignore"):
            right = g(x)
        if right == 0.0 or not np.isfinite(right) or is_below_rounding(f, right, x):
            continue
        report = judged(f, spoil(right), x)
        assert not report.passed or error <= 2.0 * report.resolution, report
        failed, total = failed + (report.status == "failed"), total + 1
    assert total > 30
    assert failed > 0.75 * total


def is_below_rounding(f, slope, x):
    """Whether a slope moves the result by less than its last digits, over all of x or over 1."""
    with np.errstate(all="ignore"):
        return abs(slope) * max(abs(x), 1.0) <= 1e-13 * max(abs(f(x)), 1.0)


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(name):
    """Right gradients of many entries pass, and each entry that matters is looked at."""
    f, g, x = ARRAYS[name]
    assert check_gradient(f, g, x).status == "passed"
    for i in range(min(4, x.size)):

        def spoilt(x, i=i):
            wrong = np.array(g(x))
            wrong.flat[i] *= -1.0
            return wrong

        report = check_gradient(f, spoilt, x)
        assert report.status == "failed" or not g(x).flat[i] or report.unseen or not report, report


# ----------------------------------------------------------------------------- no single slope


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [(f, x, s) for f, xs, right, _ in KINKS.values() for x in xs for s in right],
)
def test_slopes_that_are_right_at_a_kink(f, x, slope):
    """Every slope between both sides is."""
    assert judged(f, slope, x).passed


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [(f, x, s) for f, xs, _, wrong in KINKS.values() for x in xs for s in wrong],
)
def test_slopes_that_are_wrong_at_a_kink(f, x, slope):
    """Those outside; and beside a kink that cancels, or is just missed, all but one."""
    assert not judged(f, slope, x).passed


def test_a_kink_that_is_one_says_so():
    """And what looks like one from afar, or cancels, is smooth."""
    assert judged(abs, 0.0, 0.0).status == "passed at a kink"
    assert judged(lambda x: abs(x - 1.0), 1.0, 1.0 + 1e-7).status == "passed"
    assert judged(lambda x: max(x, 0.0) + min(x, 0.0), 1.0, 0.0).status == "passed"


@pytest.mark.parametrize("name", TIES)
def test_ties(name):
    """The shares of equals may be anything between none and all, but no more and no less."""
    f, xs = TIES[name]
    for x in xs:
        equal = x == f(x)
        share = equal / equal.sum()
        assert check_gradient(f, lambda x, share=share: share, x).passed
        for wrong in (share + 1.0, -share, 2.0 * equal * (np.cumsum(equal) == 1.0)):
            assert not check_gradient(f, lambda x, wrong=wrong: wrong, x).passed


def test_a_tie_is_no_excuse_for_a_smooth_function():
    """x y at x = y is smooth: a slope that is wrong by a millionth fails."""
    report = check_gradient(np.prod, lambda x: x[::-1] * (1.0 + 1e-6), np.array([1.5, 1.5]))
    assert report.status == "failed"


@pytest.mark.parametrize("name", NO_SLOPE)
def test_where_there_is_no_slope_there_is_no_verdict(name):
    """At jumps, at the ends of domains, on noise."""
    f, x, slope = NO_SLOPE[name]
    assert judged(f, slope, x).status == "inconclusive"


@pytest.mark.parametrize(
    ("f", "inputs", "status"),
    [
        (tn.ops.arcsinh, (1e200,), "passed"),
        (tn.ops.arctan2, (0.0, 1e-200), "inconclusive"),
        (tn.ops.hypot, (0.0, np.array([0.0, 0.0625, 0.0009765625])), "passed at a kink"),
        (tn.ops.power, (1e-8, 40.0), "inconclusive"),
    ],
    ids=[
        "a slope that underflows",
        "a scale of another input",
        "a kink has no second order",
        "few digits",
    ],
)
def test_right_gradients_at_far_scales_are_not_accused(f, inputs, status):
    """To second order, where the step of an entry that is 0 cannot be read off the entry."""
    with np.errstate(all="ignore"):
        assert tn.check_grad(f, *inputs, order=2).status == status
