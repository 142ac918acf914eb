"""The vectorised functions are right to 2 units in the last place, everywhere."""

import mpmath
import numpy as np
import pytest

from tinygrad_neuron.program.native import machine, mathematics

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
EDGES += [709.78, 709.79, -744.4, -745.2, 22.0, 40.0, -1.0, 1e-17, -1e-17, 0.5, 1.0]


def over(f, x):
    """A function of every entry, in a loop as programs have them."""
    single = x.dtype == np.float32

    @numba.njit(error_model="numpy")
    def loop(x, out):
        for i in range(x.size):
            out[i] = f(np.float64(x[i]))

    out = np.empty_like(x)
    loop(x, out)
    assert out.dtype == (np.float32 if single else np.float64)
    return out


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


@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_unit_in_float32(name):
    """Any bit pattern that is a float32; in float64 there are digits to spare."""
    bits = RNG.integers(0, 2**32, 20_000).astype(np.uint32).view(np.float32)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        near = points(name, 1000).astype(np.float32)
    x = within(name, np.concatenate([bits, near]))
    ours = over(getattr(mathematics, f"{name}_single"), x).astype(float)
    with np.errstate(all="ignore"):
        true = over(getattr(mathematics, name), x.astype(float))
        unit = np.spacing(np.abs(true.astype(np.float32))).astype(float)
        wrong = ~(np.abs(ours - true) <= unit)
        assert not (
            wrong & (ours.astype(np.float32) != true.astype(np.float32)) & ~np.isnan(ours)
        ).any()
    assert np.array_equal(np.isnan(ours), np.isnan(true))


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("kind", ["", "_single"])
def test_special_numbers_are_numpys(name, kind):
    """Zeros with their signs, infinities, nan, and the ends of the range."""
    known = {
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
        "softplus": lambda x: np.logaddexp(x.dtype.type(0.0), x),
        "sech2": lambda x: 1 / np.cosh(x) ** 2,
    }
    dtype = np.float32 if kind else np.float64
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -2.0, -1.0], dtype)
    x = x[np.abs(x) < 2.5] if name in ("sin", "cos") else x
    ours = over(getattr(mathematics, name + kind), x)
    with np.errstate(all="ignore"):
        theirs = known.get(name, getattr(np, name, None))(x)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6 if kind else 1e-15)
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


def test_five_units_too_many_are_caught():
    """The measure sees an error of 1e-15."""
    x = points("exp", 60)
    assert worst("exp", x, over(mathematics.exp, x) * (1 + 1e-15)) > 2.0
