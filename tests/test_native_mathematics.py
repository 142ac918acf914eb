"""The vectorised functions are right to 2 units in the last place, everywhere."""

import math

import mpmath
import numpy as np
import pytest

from tinygrad_neuron.program.native import machine, mathematics, mathematics_single

numba = pytest.importorskip("numba", reason="native code needs the extra 'native'")

RNG = np.random.default_rng(11)
FUNCTIONS = {
    "exp": mpmath.exp,
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "tanh": mpmath.tanh,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "sech2": lambda x: mpmath.sech(x) ** 2,
}
EDGES = [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 1e308, -1e308, 2.3e-308, 1e-310]
EDGES += [
    1.79e308,
    -1.79e308,
    709.78,
    709.79,
    -744.4,
    -745.2,
    22.0,
    40.0,
    -1.0,
    1e-17,
    -1e-17,
    0.5,
    1.0,
]


def over(f, x):
    """A function of every entry, in a loop as programs have them."""

    @numba.njit(error_model="numpy")
    def loop(x, out):
        for i in range(x.size):
            out[i] = f(x[i])

    out = np.empty_like(x)
    loop(x, out)
    return out


def function(name, dtype):
    """The one of a name for this dtype."""
    single = f"{name}_single"
    return (
        getattr(mathematics_single, single) if dtype == np.float32 else getattr(mathematics, name)
    )


def points(name, n):
    """Random numbers of all sizes, and near where a reduction begins and ends."""
    u, signs = RNG.uniform, RNG.choice([-1.0, 1.0], n)
    many = [
        *(u(-r, r, n) for r in (0.5, 1.2, 3, 40, 745)),
        signs * 10.0 ** u(-307, 307, n),
        signs * 10.0 ** u(-20, 4, n),
        1 + signs * 10.0 ** u(-16, -0.3, n),
        np.arange(n) * np.pi / 2,
        signs * np.arange(n) * np.log(2) / 2,
        u(-1e9, 1e9, n),
        RNG.integers(1, 2**62, n).view(float),
        signs * RNG.integers(1, 2**40, n) * 5e-324,
        np.array(EDGES),
    ]
    return within(name, np.concatenate(many))


def within(name, x):
    """Those for which the function is defined here."""
    if name == "log":
        return np.abs(x)
    if name == "log1p":
        return x[~(x < -1)]
    return x[~(np.abs(x) > 1e9)] if name in ("sin", "cos") else x


def exact(name, x):
    """The true number, with more digits than it takes."""
    if not np.isfinite(x) or (x in (0.0, -1.0) and name in ("log", "log1p")):
        return None
    if name in ("exp", "expm1", "sigmoid", "softplus", "tanh", "sech2") and abs(x) > 800:
        return None
    with mpmath.workprec(160 if 1e-9 < abs(x) < 1e9 else 1300):
        return FUNCTIONS[name](mpmath.mpf(float(x)))


def units(given, true):
    """How far a float is from the true number, in units of its last place."""
    with mpmath.workprec(1300):
        unit = np.spacing(np.abs(type(given)(float(true))))
        if not np.isfinite(unit):  # too large for a float
            return 0.0 if np.isinf(given) else np.inf
        return float(abs(mpmath.mpf(float(given)) - true) / mpmath.mpf(float(unit)))


def worst(name, xs, ys):
    """The largest error of all."""
    pairs = ((y, exact(name, x)) for x, y in zip(xs, ys, strict=True))
    return max(units(y, true) for y, true in pairs if true is not None)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_two_units_in_the_last_place(name):
    """Against mpmath, in float64."""
    x = points(name, 60)
    assert worst(name, x, over(getattr(mathematics, name), x)) <= 2.0


def worst_single(name, x):
    """The largest error of all, in float32, of which the float64 function knows the truth."""
    ours, true = function(name, np.float32), function(name, np.float64)

    @numba.njit(error_model="numpy")
    def largest(x):
        worst = 0.0
        for i in range(x.size):
            y, t = ours(x[i]), true(np.float64(x[i]))
            if y != np.float32(t) and not (y != y and t != t):
                unit = 2.0 ** max(math.frexp(t)[1] - 24, -149)
                wrong = abs(np.float64(y) - t) / unit
                worst = wrong if not wrong <= worst else worst
        return worst

    return largest(x)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_two_units_in_float32(name):
    """Any bit pattern that is a float32, and numbers of all sizes."""
    bits = RNG.integers(0, 2**32, 200_000).astype(np.uint32).view(np.float32)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        near = points(name, 1000).astype(np.float32)
    assert worst_single(name, within_single(name, np.concatenate([bits, near]))) <= 2.0


def within_single(name, x):
    """Those for which the function is defined here."""
    x = within(name, x)
    return x[~(np.abs(x) > 1e6)] if name in ("sin", "cos") else x


@pytest.mark.deep
@pytest.mark.parametrize("name", FUNCTIONS)
def test_two_units_for_every_float32(name):
    """All 4,294,967,296 of them; prints the worst for the documentation."""
    worst = 0.0
    for start in range(-(2**31), 2**31, 2**24):
        x = np.arange(start, start + 2**24).astype(np.int32).view(np.float32)
        x = within_single(name, x)
        worst = max(worst, worst_single(name, x) if x.size else 0.0)
    print(f"{name}: {worst:.2f}")
    assert worst <= 2.0


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_special_numbers_are_numpys(name, dtype):
    """Zeros with their signs, infinities, nan, and the ends of the range."""
    known = {
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
        "softplus": lambda x: np.logaddexp(x.dtype.type(0.0), x),
        "sech2": lambda x: 1 / np.cosh(x) ** 2,
    }
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -2.0, -1.0], dtype)
    x = x[np.abs(x) < 2.5] if name in ("sin", "cos") else x
    ours = over(function(name, dtype), x)
    with np.errstate(all="ignore"):
        theirs = known.get(name, getattr(np, name, None))(x)
    np.testing.assert_allclose(ours, theirs, rtol=1e-15 if dtype == np.float64 else 1e-6)
    odd = ours == 0.0
    assert np.array_equal(np.signbit(ours[odd]), np.signbit(theirs[odd]))


@pytest.mark.deep
@pytest.mark.parametrize("name", FUNCTIONS)
def test_many_more(name):
    """The same with 100 times the numbers; prints the worst for the documentation."""
    x = points(name, 6000)
    found = worst(name, x, over(getattr(mathematics, name), x))
    print(f"{name}: {found:.2f}")
    assert found <= 2.0


def test_stand_ins_say_what_the_instructions_do():
    """What runs where Numba is missing."""
    assert machine._fma(0.1, 10.0, -1.0) == 5.551115123125783e-17
    assert machine._number(machine._bits(-0.1)) == -0.1
    assert machine._fma(1e308, 10.0, 0.0) == np.inf
    assert machine._number_single(machine._bits_single(np.float32(-0.1))) == np.float32(-0.1)
    assert machine._fma_single(np.float32(3.0), np.float32(1 / 3), np.float32(-1.0)) == 2**-25


@pytest.mark.parametrize("bits", [0x7FF8000000000001, 0x7FF4000000001234, -0x8000000000001])
def test_a_nan_with_something_in_it_stays_nan(bits):
    """A nan has bits to spare, some libraries fill them, and exponents are computed on bits."""
    for x in (
        np.array([bits]).view(float),
        np.array([bits >> 29 & 0x7FFFFF | 0x7F800001], np.int32).view("f4"),
    ):
        assert np.isnan(x).all()
        for name in FUNCTIONS:
            assert np.isnan(over(function(name, x.dtype), x)).all(), name


def test_five_units_too_many_are_caught():
    """The measure sees an error of 1e-15."""
    x = points("exp", 60)
    assert worst("exp", x, over(mathematics.exp, x) * (1 + 1e-15)) > 2.0
