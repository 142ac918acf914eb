"""The gamma function's logarithm and derivatives against many digits, from 1e-200 to 1e200."""

import math

import mpmath
import numpy as np
import pytest

from tinygrad_neuron import Value, grad, ops
from tinygrad_neuron.ops.gamma import AROUND_TWO, digamma, gammaln, gammaln_gap, polygamma

EPS = 2.0**-52
POINTS = [
    *(1e-200, 1e-5, 0.1, 0.3, 0.49999, 0.5, 0.7, 0.999999, 1.0, 1.0 + 1e-9, 1.2, 1.4616, 1.5),
    *(1.7, 2.0 - 1e-9, 2.0, 2.2, 2.4999, 2.5, 3.0, 4.7, 8.0, 11.9, 12.0, 17.3, 100.0, 1e4, 1e9),
]
STEPS = [0.0, 1e-3, 0.5, 1.0, 2.0, 7.0, 1e3]


def close(given, exact, units, floor=0.0):
    """Within so many units of rounding, of the exact number or of a floor."""
    return abs(mpmath.mpf(float(given)) - exact) <= units * EPS * max(abs(exact), floor)


def test_the_coefficients_are_those_of_the_zeta_function():
    """1 less Euler's constant, then (-1)^n (zeta(n) - 1) / n."""
    with mpmath.workdps(40):
        exact = [1 - mpmath.euler]
        exact += [(-1) ** n * (mpmath.zeta(n) - 1) / n for n in range(2, 1 + len(AROUND_TWO))]
        assert [float(c) for c in exact] == list(AROUND_TWO)


@pytest.mark.parametrize("x", [*POINTS, 1e15, 1e200])
def test_gammaln(x):
    """Also beside its zeros at 1 and 2, where it is small."""
    with mpmath.workdps(250):
        assert close(gammaln(np.array(x)), mpmath.loggamma(x), 4)


@pytest.mark.parametrize("x", POINTS[1:])
def test_gammaln_in_float32(x):
    """Correct to the last digit."""
    x = np.float32(x)
    with mpmath.workdps(50):
        exact = np.float32(mpmath.loggamma(float(x)))
    assert gammaln(x).dtype == np.float32
    np.testing.assert_array_max_ulp(gammaln(x), exact, 1)


@pytest.mark.filterwarnings("ignore:(divide|overflow)")
@pytest.mark.parametrize("order", range(5))
@pytest.mark.parametrize("x", POINTS[1:])
def test_polygamma(order, x):
    """Relative to 1 where digamma passes through 0, at 1.46."""
    with mpmath.workdps(80):
        assert close(polygamma(np.array(x), order=order), mpmath.polygamma(order, x), 12, 0.2)


@pytest.mark.parametrize("h", STEPS)
@pytest.mark.parametrize("x", [*POINTS[1:], 1e15])
def test_the_gap_between_two_does_not_cancel(x, h):
    """Nor do its derivatives: of 1e9 and 1e9 + 1/2 the difference is 10.36, exact to rounding."""
    with mpmath.workdps(80):
        a, b = mpmath.mpf(x), mpmath.mpf(x) + h
        gap = mpmath.loggamma(b) - mpmath.loggamma(a)
        assert close(gammaln_gap(np.array(x), np.array(h)), gap, 30, min(h, 1.0))
        for order in (1, 2, 3):
            exact = mpmath.polygamma(order - 1, b) - mpmath.polygamma(order - 1, a)
            assert close(gammaln_gap(np.array(x), np.array(h), order=order), exact, 30)


def test_the_gap_in_float32():
    """Where gammaln itself is 2e10, give or take 1000."""
    a, h = np.float32(1e9), np.float32(0.5)
    assert gammaln_gap(a, h).dtype == np.float32
    assert gammaln_gap(a, h) == np.float32(10.361633)
    assert gammaln(a + h) - gammaln(a) == 0.0


@pytest.mark.filterwarnings("ignore:(divide|invalid)")
def test_the_ends():
    """Infinite at 0 and far away, and nothing that is a number below 0."""
    x = np.array([0.0, np.inf, -1.5, np.nan])
    np.testing.assert_array_equal(gammaln(x), [np.inf, np.inf, np.nan, np.nan])
    np.testing.assert_array_equal(polygamma(x), [-np.inf, np.inf, np.nan, np.nan])
    np.testing.assert_array_equal(polygamma(x, order=1), [np.inf, 0.0, np.nan, np.nan])


def test_slopes_of_any_order():
    """gammaln' is digamma, and so on; at 1 they are -0.577, pi²/6 and -2 zeta(3)."""
    slope = grad(ops.gammaln)
    assert slope(1.0).item() == pytest.approx(-0.5772156649015329, rel=1e-15)
    assert digamma(1.0) == slope(1.0).item()
    assert grad(slope)(1.0).item() == pytest.approx(math.pi**2 / 6, rel=1e-15)
    assert grad(grad(slope))(1.0).item() == pytest.approx(-2.404113806319188, rel=1e-15)
    a, h = Value(2.5), Value(1.5)
    gammaln_gap(a, h).backward()
    assert a.grad == pytest.approx(digamma(4.0) - digamma(2.5), rel=1e-14)
    assert h.grad == pytest.approx(digamma(4.0), rel=1e-15)
