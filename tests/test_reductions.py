"""Reductions, statistics and what runs along an axis: NumPy's numbers, and the slopes seen nearby.

Every call in the tables is one that NumPy answers. Our answer must be its answer, the gradient the
slope of it along a random direction, and the gradient's gradient the slope of the gradient.
"""

import warnings
from itertools import product

import mpmath
import numpy as np
import pytest
from calls import QUARTERS, arrays, axis_of, shapes
from hypothesis import assume, given, strategies as st

import tinygrad_neuron as tn
from tinygrad_neuron import Value, ops
from tinygrad_neuron.errors import UnsupportedError

A = np.array([[2.0, -1.5, 3.0, 0.5], [0.25, 1.0, 5.0, -2.0], [0.125, 7.0, -0.75, 1.5]])
HOLES = np.where(np.arange(12).reshape(3, 4) % 5 == 1, np.nan, A)  # one or two in each row
MASK = A > 0.0
ROW = np.array([0.5, 2.0, -1.0])
STEP = 2.0**-20


def gradient(f, x):
    """The gradient of f, a single number, at a plain x."""
    return tn.grad(f)(np.asarray(x, float)).data


def hessian(f, x):
    """The second derivatives of f at a row of numbers."""
    return np.array([gradient(lambda v, i=i: tn.grad(f)(v)[i], x) for i in range(len(x))])


def seen(f, x, way):
    """The slope of f along a way, from both sides."""
    return (f(x + STEP * way) - f(x - STEP * way)) / (2.0 * STEP)


def agrees(f, x):
    """NumPy's numbers, and first and second derivatives as they are seen."""
    y, wanted = f(Value(x)), np.asarray(f(x))
    assert isinstance(y, Value)
    assert y.shape == wanted.shape
    np.testing.assert_allclose(y.data, wanted, rtol=1e-13, atol=1e-14)
    rng = np.random.default_rng(0)
    weight, way, other = (rng.normal(size=shape) for shape in (wanted.shape, x.shape, x.shape))

    def total(x):
        return tn.sum(f(x) * weight)

    def slope(x):
        return tn.sum(tn.grad(total)(x) * way)

    first = seen(lambda x: np.sum(f(x) * weight), x, way)
    assert slope(x).item() == pytest.approx(first, rel=1e-6, abs=1e-6)
    second = seen(lambda x: slope(x).item(), x, other)
    assert np.sum(gradient(slope, x) * other) == pytest.approx(second, rel=1e-6, abs=1e-6)


def called(function, *arguments, **settings):
    """A call that is made later, under a readable name."""

    def f(x):
        return function(x, *arguments, **settings)

    said = [str(a).replace("\n", "") for a in arguments]
    said += [f"{k}={str(v).replace(chr(10), '')}" for k, v in settings.items()]
    f.__name__ = f"{function.__name__}({', '.join(said)})"
    return f


def tables(*groups):
    """The calls of some tables as the cases of a test."""
    return pytest.mark.parametrize(
        "f", [f for group in groups for f in group], ids=lambda f: f.__name__
    )


# ------------------------------------------------------------------------- NumPy's numbers

AXES = [{}, {"axis": 0}, {"axis": -1}, {"axis": (1, 0)}, {"axis": 1, "keepdims": True}]
NAMES = ("sum", "mean", "prod", "max", "min", "var", "std", "ptp", "median")
BY_AXES = [called(getattr(np, name), **axes) for name, axes in product(NAMES, AXES)]

KEYWORDS = [
    *(
        called(function, **more)
        for function in (np.sum, np.prod)
        for more in (
            {"axis": 0, "where": MASK, "initial": 2.5},
            {"where": MASK[:1], "keepdims": True},
            {"axis": 1, "dtype": np.float64, "initial": -1.0},
        )
    ),
    called(np.sum, 0, np.float64, None, True, 2.0, MASK),
    called(np.mean, axis=0, where=MASK),
    called(np.mean, axis=0, dtype=np.float64),
    called(np.max, 0, None, True),
    called(np.mean, 1, np.float64, None, True, where=MASK),
    *(
        called(function, **more)
        for function in (np.max, np.min, np.amax, np.amin)
        for more in ({"axis": 1, "where": MASK, "initial": 0.75}, {"initial": 0.75})
    ),
    *(
        called(function, **more)
        for function in (np.var, np.std)
        for more in (
            {"axis": 0, "ddof": 1},
            {"correction": 2},
            {"axis": 1, "where": MASK, "keepdims": True},
            {"axis": 0, "mean": np.ones((1, 4)), "dtype": np.float64},
        )
    ),
]

RUNS = [
    *(
        called(function, **axis)
        for function in (np.cumsum, np.cumprod)
        for axis in ({}, {"axis": 0}, {"axis": -1, "dtype": np.float64})
    ),
    *(
        called(function, **more)
        for function in (np.cumulative_sum, np.cumulative_prod)
        for more in ({"axis": 0}, {"axis": -1, "include_initial": True})
    ),
    *(
        called(np.diff, **more)
        for more in (
            {},
            {"n": 2},
            {"n": 0},
            {"axis": 0},
            {"n": 2, "axis": 0, "prepend": 1.0},
            {"append": A[:, :2]},
        )
    ),
    called(np.ediff1d),
    called(np.ediff1d, [1.0, 2.0], 9.0),
    called(np.gradient, axis=0),
    called(np.gradient, axis=1, edge_order=2),
    called(np.gradient, 2.0, axis=-1),
    called(np.gradient, np.array([0.0, 1.0, 3.0, 3.5]), axis=1, edge_order=2),
    called(np.trapezoid),
    called(np.trapezoid, dx=0.5, axis=0),
    called(np.trapezoid, ROW**2, axis=0),
    called(np.unwrap),
    called(np.unwrap, axis=0, period=4.1),
]

PLACES = np.array([-3.0, 0.1, 0.7, 1.2, 2.6, 9.0])
OTHERS = [
    *(
        called(np.average, **more)
        for more in (
            {},
            {"axis": 1, "weights": A[0] ** 2},
            {"axis": (1, 0), "weights": A.T**2},
            {"axis": 0, "weights": A**2, "keepdims": True},
        )
    ),
    lambda x: np.average(A, axis=0, weights=x**2),
    lambda x: np.average(x, axis=1, weights=x[0] ** 2, returned=True)[1],
    lambda x: np.average(x, axis=0, returned=True)[0],
    lambda x: np.var(x, axis=0, mean=np.mean(x * x, axis=0, keepdims=True)),
    lambda x: np.sum(x, axis=0, initial=x[1, 1]),
    lambda x: np.gradient(x)[1],
    lambda x: np.gradient(A, np.cumsum(x[0] ** 2), axis=1),
    lambda x: np.gradient(A, 1.0, x[0, 0], edge_order=2)[1],
    lambda x: np.trapezoid(A, x=x[0]),
    lambda x: np.trapezoid(A, x=x**2, axis=0),
    lambda x: np.cumulative_sum(x[0]),
    lambda x: np.diff(A, prepend=x[:, :1], append=x[0, 0]),
    lambda x: np.ediff1d(A, to_begin=x[0], to_end=x[1, 1]),
    lambda x: np.cross(x[:, :3], A[:, 1:]),
    lambda x: np.cross(x, A[:, ::-1], axis=0),
    lambda x: np.cross(x, A.T, axisa=0, axisb=1, axisc=0),
    lambda x: np.cross(x[0, :3], A[:, 1:]),
    lambda x: np.interp(x, [-1.0, 0.0, 0.6, 2.2], [1.0, 3.0, -1.0, 0.5]),
    lambda x: np.interp(PLACES, [-1.0, 0.0, 0.6, 2.2], x[0]),
    lambda x: np.interp(PLACES, np.cumsum(x[2] ** 2), x[0], left=x[1, 1], right=7.0),
    lambda x: np.interp(x, [2.1, 0.4, 5.2, 0.9], [1.0, 3.0, -1.0, 0.5], period=2.7),
    lambda x: np.interp(x, [1.1], [3.0]),
    lambda x: np.interp(x[0, 0], [1.0, 4.0], [3.0, 5.0]),
    lambda x: np.quantile(A, (x[0] + 2.0) / 6.0, axis=0),
    lambda x: np.percentile(A, 20.0 + x[0, 0], method="weibull"),
]


@tables(BY_AXES, KEYWORDS, RUNS, OTHERS)
def test_numpy_s_answer_and_the_slopes_seen_nearby(f):
    """By all of its keywords, on either side of zero."""
    agrees(f, A)


OF_ALL = {"sum": "dtype initial where", "prod": "dtype initial where", "mean": "dtype where"}
OF_ALL |= {"max": "initial where", "min": "initial where"}
OF_ALL |= dict.fromkeys(("var", "std"), "dtype ddof where mean")
OF_ALL |= {f"nan{name}": keywords for name, keywords in OF_ALL.items()}


@st.composite
def keyword_calls(draw):
    """A reduction, an array without ties, and any of NumPy's keywords for it."""
    name = draw(st.sampled_from(sorted(OF_ALL)))
    shape = draw(shapes(min_dims=1))
    x = draw(arrays(shape, st.sampled_from(QUARTERS), unique=True))
    axis = draw(axis_of(len(shape)))
    given_by = OF_ALL[name].split()
    wanted = set(draw(st.lists(st.sampled_from(given_by), unique=True)))
    wanted |= {"initial"} if "where" in wanted and "initial" in given_by else set()
    settings = {"axis": axis, "keepdims": draw(st.booleans())}
    drawn = {
        "dtype": st.just(np.float64),
        "initial": st.sampled_from([0.3, -2.1]),
        "ddof": st.sampled_from([0, 1, 0.5]),
        "mean": st.just(np.mean(x, axis=axis, keepdims=True) + 0.1),
        "where": arrays(shape[draw(st.integers(0, len(shape))) :], st.booleans(), dtype=bool),
    }
    settings |= {keyword: draw(drawn[keyword]) for keyword in sorted(wanted)}
    taking_part = np.broadcast_to(settings.get("where", True), shape)
    assume(np.all(np.sum(taking_part, axis=axis) > 2) or name.removeprefix("nan") in HARMLESS)
    if name.startswith("nan") and draw(st.booleans()):
        x = np.append(x.ravel()[1:], np.nan).reshape(shape) if x.size > 1 else x
    return name, x, settings


HARMLESS = ("sum", "prod", "max", "min")
"""Those that have an answer for no numbers as well, or with `initial`."""


@given(call=keyword_calls())
def test_any_keywords_together(call):
    """NumPy's answer, kind for kind, and the slope seen nearby."""
    name, x, settings = call
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of no numbers
        wanted = np.asarray(getattr(np, name)(x, **settings))
        assume(np.all(np.isfinite(wanted)))
        agrees(called(getattr(np, name), **settings), x)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize(
    "lengths", [(4, 3), (3, 4), (3, 3), (4, 2), (2, 3), (1, 4), (4, 1)], ids=str
)
@pytest.mark.parametrize("function", [np.convolve, np.correlate], ids=lambda f: f.__name__)
def test_filters(function, lengths, mode):
    """Rows of any lengths, by both of them."""
    n, m = lengths
    agrees(lambda x: function(x[0, :n], x[1, :m], mode), A)


METHODS = [
    *("inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf"),
    *("hazen", "weibull", "linear", "median_unbiased", "normal_unbiased"),
    *("lower", "higher", "midpoint", "nearest"),
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("axes", [{}, {"axis": 0}, {"axis": (0, 1)}, {"axis": 1, "keepdims": True}])
def test_quantiles(method, axes):
    """All the methods, several quantiles at once, with and without numbers missing."""
    agrees(called(np.quantile, [0.0, 0.1, 0.33, 0.5, 0.8, 1.0], method=method, **axes), A)
    agrees(called(np.percentile, 30, method=method, **axes), A)
    agrees(called(np.nanquantile, [[0.1, 0.33], [0.5, 0.8]], method=method, **axes), HOLES)


NAN_NAMES = ("sum", "mean", "prod", "max", "min", "var", "std", "median")
MISSING = [
    *(called(getattr(np, f"nan{name}"), **axes) for name, axes in product(NAN_NAMES, AXES)),
    called(np.nanpercentile, [10, 60], axis=0),
    *(called(f, **axis) for f in (np.nancumsum, np.nancumprod) for axis in ({}, {"axis": 0})),
    called(np.nanstd, axis=0, ddof=1, where=MASK | (HOLES > -9.0)),
    called(np.nanmax, axis=1, where=MASK, initial=0.75),
    called(np.nanmean, axis=1, where=MASK),
]


@tables(MISSING)
def test_what_is_missing_has_no_say(f):
    """NumPy's numbers and slopes for the others, 0 for what is nan."""
    agrees(f, HOLES)
    share = gradient(lambda x: tn.sum(f(x)), HOLES)
    assert np.all(share[np.isnan(HOLES)] == 0.0)


@pytest.mark.parametrize("name", ["max", "min", "mean", "median", "quantile", "std"])
def test_where_all_are_missing_the_result_is_too(name):
    """One column of nan: nan there, and the other column as ever."""
    f = getattr(ops, f"nan{name}")
    x = Value([[np.nan, 1.0], [np.nan, 4.0]])
    settings = {"q": 0.25} if name == "quantile" else {}
    with np.errstate(invalid="ignore"):
        y = f(x, axis=0, **settings)
    np.testing.assert_array_equal(np.isnan(y.data), [True, False])
    y[1].backward()
    assert np.all(np.isfinite(x.grad))


def test_nan_among_the_numbers_makes_the_median_nan():
    """As in NumPy, and only in the row it is in."""
    y = np.median(Value([[1.0, np.nan, 2.0], [3.0, 5.0, 4.0]]), axis=1)
    np.testing.assert_array_equal(y.data, [np.nan, 4.0])


# ------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    "f",
    [
        *(
            lambda v, name=name: getattr(np, name)(v, out=np.zeros(3))
            for name in (*NAMES, "cumsum", "cumprod", "nansum", "nanmax", "nanstd", "nanmedian")
        ),
        lambda v: np.cumulative_sum(v, out=np.zeros(3)),
        lambda v: np.sum(v, dtype=int),
        lambda v: np.cumprod(v, dtype=np.int64),
        lambda v: np.median(v, overwrite_input=True),
        lambda v: np.quantile(v, 0.5, method="inverted_cdf", weights=[1.0, 1.0, 1.0]),
        lambda v: np.cross(v[:2], v[:2]),
        lambda v: ops.median(np.array([1.0j, 2.0])),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(f):
    """An array cannot keep a history, whole numbers do not move, nothing is overwritten."""
    with pytest.raises(UnsupportedError, match=r"np\.[a-z_]+ "):
        f(Value([1.0, 2.0, 3.0]))


@pytest.mark.parametrize(
    ("f", "error"),
    [
        (lambda v: ops.max(v, where=[True, False, True]), ValueError),
        (lambda v: ops.sum(v, where=np.ones((2, 3), bool)), ValueError),
        (lambda v: ops.var(v, ddof=1, correction=1), ValueError),
        (lambda v: ops.average(v, weights=[1.0, -1.0, 0.0]), ZeroDivisionError),
        (lambda v: ops.average(v, weights=[1.0, 2.0]), TypeError),
        (lambda v: ops.average(v, axis=0, weights=[1.0, 2.0]), ValueError),
        (lambda v: ops.quantile(v, 1.5), ValueError),
        (lambda v: ops.median(v[:0]), ValueError),
        (lambda v: ops.cumulative_sum(ops.reshape(v, (1, 3))), ValueError),
        (lambda v: ops.diff(v, n=-1), ValueError),
        (lambda v: ops.gradient(v, 1.0, 1.0), TypeError),
        (lambda v: ops.gradient(v, edge_order=3), ValueError),
        (lambda v: ops.gradient(v, [1.0, 2.0]), ValueError),
        (lambda v: ops.gradient(v[:1]), ValueError),
        (lambda v: ops.convolve(v, v, "best"), ValueError),
        (lambda v: ops.interp(v, [1.0, 2.0], [1.0]), ValueError),
        (lambda v: ops.interp(v, v, v, period=0.0), ValueError),
        (lambda v: ops.sum(v, axis=3), ValueError),
        (lambda v: ops.sum(v, 0, axis=0), TypeError),
    ],
)
def test_mistakes_are_mistakes_here_too(f, error):
    """The kinds of error that NumPy raises for the same calls."""
    with pytest.raises(error):
        f(Value([1.0, 2.0, 3.0]))


# --------------------------------------------------------------------------------- zeros


@pytest.mark.parametrize(
    ("x", "slopes"),
    [
        ([2.0, 3.0, 4.0], [12.0, 8.0, 6.0]),
        ([0.0, 3.0, 4.0], [12.0, 0.0, 0.0]),
        ([0.0, 0.0, 4.0], [0.0, 0.0, 0.0]),
        ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
    ],
)
def test_a_product_with_zeros(x, slopes):
    """By each factor the product of the others; by two of them the product of the third."""
    assert gradient(np.prod, x).tolist() == slopes
    a, b, c = x
    np.testing.assert_array_equal(hessian(np.prod, x), [[0, c, b], [c, 0, a], [b, a, 0]])


def products_but(x, *without):
    """The product of a row without these places; 0 if one is named twice."""
    if len(set(without)) < len(without):
        return 0.0
    return float(np.prod([entry for k, entry in enumerate(x) if k not in without]))


@pytest.mark.parametrize(
    "x", [[2.0, 0.0, 4.0, 5.0], [0.0, 0.0, 4.0, 2.0], [0.0] * 4, [1.0, 2.0, 3.0, 0.0]]
)
def test_running_products_with_zeros(x):
    """First and second derivatives, each written out as a product over what is left."""
    weight = np.array([1.0, 2.0, 3.0, 5.0])

    def f(v):
        return tn.sum(np.cumprod(v) * weight)

    def owed(*places):
        last = max(places)
        return sum(weight[k] * products_but(x[: k + 1], *places) for k in range(last, 4))

    assert gradient(f, x).tolist() == [owed(i) for i in range(4)]
    assert hessian(f, x).tolist() == [[owed(i, j) for j in range(4)] for i in range(4)]


def test_the_third_derivative_of_a_product_with_zeros():
    """Of a b c d by a, b and c it is d."""

    def by(f, i):
        return lambda v: tn.grad(f)(v)[i]

    third = by(by(by(np.prod, 0), 1), 2)
    assert third(Value([0.0, 0.0, 0.0, 7.0])).item() == 7.0


# ------------------------------------------------------------------------------- spread


@pytest.mark.parametrize("entry", [0.0, 0.1, -3.7, 1e200])
def test_no_spread_no_slope(entry):
    """The least of the slopes around; and the square of std has its own, 0, as var has."""
    x = [entry] * 3
    for f in (np.std, lambda v: np.std(v) ** 2, np.var, lambda v: np.std(v, ddof=1) ** 2):
        assert gradient(f, x).tolist() == [0.0, 0.0, 0.0]
    np.testing.assert_allclose(hessian(np.var, x), np.eye(3) * 2 / 3 - 2 / 9, rtol=1e-14)


@pytest.mark.parametrize("size", [1e-200, 1e-30, 1.0, 1e200])
def test_std_has_no_scale(size):
    """The squares in it neither overflow nor vanish; the slopes do not know the unit."""
    x = np.array([1.0, 2.0, 6.0])
    assert np.std(Value(x * size)).item() == pytest.approx(np.std(x) * size, rel=1e-15)
    np.testing.assert_allclose(gradient(np.std, x * size), (x - 3.0) / 3.0 / np.std(x), rtol=1e-14)


def test_a_large_mean_does_not_drown_the_spread():
    """The slopes of std are those of the numbers without their common part."""
    x = np.array([0.25, 1.0, 3.0])
    np.testing.assert_allclose(gradient(np.std, x + 2.0**40), gradient(np.std, x), rtol=1e-14)


# ----------------------------------------------------------------------------------- ties


@pytest.mark.parametrize(
    ("f", "x", "slopes"),
    [
        (np.median, [1.0, 2.0, 2.0, 3.0], [0.0, 0.5, 0.5, 0.0]),
        (np.median, [2.0, 2.0, 5.0, 2.0], [1 / 3, 1 / 3, 0.0, 1 / 3]),
        (np.median, [1.0, 1.0, 3.0, 3.0], [0.25] * 4),
        (lambda v: np.quantile(v, 0.75), [0.0, 2.0, 2.0, 3.0, 7.0], [0.0, 0.0, 0.0, 1.0, 0.0]),
        (np.ptp, [1.0, 3.0, 3.0], [-1.0, 0.5, 0.5]),
        (np.ptp, [2.0, 2.0], [0.0, 0.0]),
        (np.nanmax, [np.nan, 3.0, 3.0], [0.0, 0.5, 0.5]),
        (lambda v: np.max(v, initial=3.0), [3.0, 1.0], [0.5, 0.0]),
        (lambda v: np.max(v, initial=9.0), [3.0, 1.0], [0.0, 0.0]),
        (lambda v: np.min(v, where=[False, True], initial=9.0), [3.0, 4.0], [0.0, 1.0]),
    ],
)
def test_ties_share_one_unit(f, x, slopes):
    """Entries that tie for a rank, for an extreme, or with the initial number."""
    np.testing.assert_allclose(gradient(f, x), slopes, rtol=1e-15)


@pytest.mark.parametrize(
    ("x", "slope"), [(1.0, 1.0), (2.0, 0.0), (0.0, 0.0), (3.0, 0.0), (-1.0, 0.0), (2.5, -3.0)]
)
def test_interp_at_its_points(x, slope):
    """Where two lines meet the slope is the smaller one, and 0 on a peak and at the ends."""
    f = [0.0, 2.0, 3.0, 0.0]
    assert tn.grad(lambda v: np.interp(v, [0.0, 1.0, 2.0, 3.0], f))(x).item() == slope


def test_by_q_a_quantile_climbs_from_entry_to_entry():
    """Between ranks 1 and 2 of five, a step of 1/4 in q is a step from 1 to 4."""
    by_q = tn.grad(lambda q: np.quantile(np.array([9.0, 0.0, 1.0, 4.0, 16.0]), q))(0.4)
    assert by_q.item() == pytest.approx(12.0, rel=1e-12)


# --------------------------------------------------------------------- shares of exponentials

SCORES = [
    *([0.0, 0.0, 0.0], [40.0, 0.0, 0.0], [1e4, 0.0, -1e4], [30.0, 30.0, -30.0]),
    *([-745.0, -746.0, -750.0], [1e-9, 0.0, -1e-9], [700.0, 710.0, 709.0], [3.0, -20.0, 1.0]),
]


def exact(x):
    """Shares, their logarithms and the logarithm of the sum, with 60 digits."""
    with mpmath.workdps(60):
        powers = [mpmath.exp(mpmath.mpf(entry)) for entry in x]
        total = mpmath.fsum(powers)
        shares = [p / total for p in powers]
        rests = [mpmath.fsum(p for j, p in enumerate(powers) if j != i) / total for i in range(3)]
        logs = [
            mpmath.log1p(-rest) if rest < 0.5 else mpmath.log(share)
            for share, rest in zip(shares, rests, strict=True)
        ]
        return shares, rests, logs, mpmath.log(total)


def close(ours, wanted, digits=8):
    """Within a few units of the last place, or too small for a float."""
    wanted = np.array([float(w) for w in np.ravel(wanted)]).reshape(np.shape(ours))
    np.testing.assert_allclose(ours, wanted, rtol=digits * 2.3e-16, atol=1e-320)


@pytest.mark.parametrize("x", SCORES, ids=str)
def test_shares_are_exact_in_every_digit(x):
    """Values, slopes and the slopes of the slopes, at both ends of the floats."""
    shares, rests, logs, total = exact(x)
    v = np.array(x)
    close(ops.softmax(v), shares)
    close(ops.log_softmax(v), logs)
    close(ops.logsumexp(v), total)
    with mpmath.workdps(60):
        slopes = [
            [p * r if i == j else -p * q for j, q in enumerate(shares)]
            for i, (p, r) in enumerate(zip(shares, rests, strict=True))
        ]
        of_logs = [[r if i == j else -q for j, q in enumerate(shares)] for i, r in enumerate(rests)]
    close(gradient(ops.logsumexp, v), shares)
    close(hessian(ops.logsumexp, v), slopes, digits=16)
    for i in range(3):
        close(gradient(lambda v, i=i: ops.softmax(v)[i], v), slopes[i], digits=16)
        close(gradient(lambda v, i=i: ops.log_softmax(v)[i], v), of_logs[i], digits=16)


@pytest.mark.parametrize(
    ("x", "total", "shares"),
    [
        ([-np.inf] * 3, -np.inf, [0.0, 0.0, 0.0]),
        ([-np.inf, 0.0, 0.0], np.log(2.0), [0.0, 0.5, 0.5]),
        ([np.inf, 0.0, -np.inf], np.inf, [1.0, 0.0, 0.0]),
        ([np.inf, 0.0, np.inf], np.inf, [0.5, 0.0, 0.5]),
    ],
)
def test_infinite_scores(x, total, shares):
    """Nobody scored: no shares, no slopes. Several scored infinity: they share."""
    assert ops.logsumexp(np.array(x)) == pytest.approx(total, rel=1e-15)
    for share in (gradient(ops.logsumexp, x), ops.softmax(np.array(x))):
        assert share.tolist() == shares
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(ops.log_softmax(np.array(x)), np.log(shares), rtol=1e-15)
    assert np.all(np.isfinite(gradient(lambda v: ops.log_softmax(v)[0], x)))


def test_nan_among_the_scores_is_seen():
    """It makes the sum nan, without a warning."""
    assert np.isnan(ops.logsumexp(np.array([np.nan, 0.0])))
    assert np.all(np.isnan(ops.softmax(np.array([np.nan, 0.0]))))


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)])
def test_shares_along_axes(axis):
    """They add up to 1 there, and logarithm and sum fit."""
    shares = ops.softmax(A, axis=axis)
    np.testing.assert_allclose(np.sum(shares, axis=axis), 1.0, rtol=1e-15)
    np.testing.assert_allclose(ops.log_softmax(A, axis=axis), np.log(shares), rtol=1e-13)
    kept = ops.logsumexp(A, axis=axis, keepdims=True)
    np.testing.assert_allclose(A - kept, np.log(shares), rtol=1e-13, atol=1e-15)
    assert np.shape(ops.logsumexp(A, axis=axis)) == np.shape(np.sum(A, axis=axis))


# ----------------------------------------------------------------- empty, float32, plain answers


@pytest.mark.parametrize(
    ("f", "wanted"),
    [
        (lambda v: np.sum(v, axis=0, initial=2.0), [2.0, 2.0]),
        (lambda v: np.prod(v, axis=0), [1.0, 1.0]),
        (lambda v: np.max(v, axis=0, initial=2.0), [2.0, 2.0]),
        (lambda v: np.cumsum(v), []),
        (lambda v: np.cumprod(v, axis=1), np.zeros((0, 2))),
        (lambda v: ops.logsumexp(v, axis=0), [-np.inf, -np.inf]),
        (lambda v: ops.softmax(v, axis=0), np.zeros((0, 2))),
        (lambda v: ops.log_softmax(v, axis=1), np.zeros((0, 2))),
        (lambda v: np.diff(v, axis=1), np.zeros((0, 1))),
        (lambda v: ops.euclidean(v, axis=0), [0.0, 0.0]),
        (lambda v: np.mean(v, axis=1), []),
        (lambda v: np.prod(v, axis=1), []),
        (lambda v: np.std(v, axis=1), []),
        (lambda v: np.var(v, axis=(0, 1), ddof=-1), 0.0),
        (lambda v: np.nanmean(v, axis=1), []),
        (lambda v: np.median(v, axis=1), []),
    ],
)
def test_of_nothing(f, wanted):
    """No rows, two columns: NumPy's answer, and an empty gradient."""
    x = np.zeros((0, 2))
    np.testing.assert_array_equal(f(Value(x)).data, wanted)
    assert gradient(lambda v: tn.sum(f(v)), x).shape == (0, 2)


KEEPERS = [
    *(getattr(np, name) for name in NAMES),
    *(np.cumsum, np.cumprod, np.nansum, np.nanmean, np.nanstd, np.nanmax, np.nanmedian),
    *(np.average, np.diff, np.gradient, np.trapezoid, np.unwrap, np.ediff1d, np.cumulative_prod),
    *(ops.softmax, ops.log_softmax, ops.logsumexp),
    lambda v: np.quantile(v, 0.3),
    lambda v: np.percentile(v, [30, 40]),
    lambda v: np.average(v, weights=v),
    lambda v: np.convolve(v, v),
    lambda v: np.sum(v, initial=1.0, where=v > 0.0),
    lambda v: np.var(v, ddof=1),
]


@pytest.mark.parametrize("f", KEEPERS)
def test_float32_stays(f):
    """Value and gradient; and float64 comes when it is asked for."""
    x = Value(np.array([1.0, 2.0, 4.0], np.float32))
    y = f(x)
    assert y.dtype == np.float32
    y.backward(np.ones(y.shape))
    assert x.grad.dtype == np.float32
    assert np.sum(x, dtype=np.float64).dtype == np.float64


@pytest.mark.parametrize(
    "f",
    [
        *(
            lambda x, f=f: f(x)
            for f in (
                np.argmax,
                np.argmin,
                np.argsort,
                np.count_nonzero,
                np.all,
                np.any,
                np.nanargmax,
            )
        ),
        lambda x: np.argmax(x, axis=1, keepdims=True),
        lambda x: np.argmin(x, 0),
        lambda x: np.nanargmin(x, axis=0),
        lambda x: np.argsort(x, axis=0, stable=True),
        lambda x: np.count_nonzero(x, axis=1, keepdims=True),
        lambda x: np.all(x, axis=1, keepdims=True, where=MASK),
        lambda x: np.any(x, axis=0, where=x > 1.0),
        lambda x: np.searchsorted([0.0, 1.0, 2.0], x, side="right"),
        lambda x: np.searchsorted(np.sort(A[0]), x[0]),
    ],
)
def test_plain_answers(f):
    """Places and counts do not move with the numbers: what NumPy says, without a history."""
    answer = f(Value(A))
    assert not isinstance(answer, Value)
    np.testing.assert_array_equal(answer, f(A))


def test_methods_are_the_functions():
    """With ndarray's names and order of arguments."""
    v = Value(A)
    for ours, theirs in [
        (v.sum(0, np.float64, None, True), A.sum(0, np.float64, None, True)),
        (v.mean(1, keepdims=True), A.mean(1, keepdims=True)),
        (v.prod(axis=1, where=MASK), A.prod(axis=1, where=MASK)),
        (v.max(axis=0, initial=1.0), A.max(axis=0, initial=1.0)),
        (v.min(), A.min()),
        (v.var(0, ddof=1), A.var(0, ddof=1)),
        (v.std(), A.std()),
        (v.cumsum(0), A.cumsum(0)),
        (v.cumprod(), A.cumprod()),
    ]:
        assert isinstance(ours, Value)
        np.testing.assert_allclose(ours.data, theirs, rtol=1e-14)
    for name in ("argmax", "argmin", "argsort", "all", "any"):
        np.testing.assert_array_equal(getattr(v, name)(), getattr(A, name)())
    assert v[1].searchsorted(3.0) == A[1].searchsorted(3.0)


@pytest.mark.parametrize(
    "name",
    ["sum", "prod", "mean", "max", "var", "std", "median", "ptp", "cumsum", "nansum"],
)
def test_a_single_number_and_whole_numbers(name):
    """A number is an array of one; whole numbers are constants like any others."""
    ours, theirs = getattr(ops, name), getattr(np, name)
    y = ours(Value(3.0))
    assert y.shape == np.shape(theirs(3.0))
    assert np.all(y.data == theirs(3.0))
    assert gradient(lambda v: tn.sum(ours(v)), 3.0) == np.sum(ours(Value(3.0)).data) / 3.0
    np.testing.assert_allclose(ours([1, 2, 4]), theirs([1, 2, 4]), rtol=1e-15)
    np.testing.assert_array_equal(ops.softmax([1, 1]), [0.5, 0.5])


def test_lists_of_values_are_stacked():
    """The package's functions take them, as they take lists of numbers."""
    w = Value(3.0)
    y = ops.var([w, 1.0]) + ops.median([w, 2.0, 9.0]) + ops.prod([w, w], keepdims=True)[0]
    y.backward()
    assert w.grad == pytest.approx(0.5 * (3.0 - 1.0) + 1.0 + 6.0)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(a=x, axis=0),
        lambda x: np.median(a=x),
        lambda x: np.gradient(f=x, axis=1),
        lambda x: np.quantile(q=0.3, a=x),
        lambda x: np.trapezoid(x=ROW, y=x, axis=0),
    ],
)
def test_arrays_may_be_named(f):
    """By NumPy's names for them."""
    y = f(Value(A))
    assert isinstance(y, Value)
    np.testing.assert_allclose(y.data, f(A), rtol=1e-14)


@pytest.mark.parametrize("x", [[1.0, np.inf, np.inf], [-np.inf, 0.0, 1.0], [1.0, 2.0, np.inf]])
def test_the_middle_of_infinite_numbers(x):
    """It is the one in the middle, without a warning, and owes nothing to its neighbours."""
    assert ops.median(np.array(x)) == sorted(x)[1]
    assert gradient(np.median, x).sum() == 1.0


def test_a_mask_may_be_a_value():
    """Made of the numbers themselves; it has no slope, they have."""
    x = Value([3.0, -1.0, 5.0])
    y = np.mean(x, where=x > 0.0) + np.max(x, where=x < 4.0, initial=0.0)
    y.backward()
    assert y.item() == 7.0
    assert x.grad.tolist() == [1.5, 0.0, 0.5]


def test_a_mask_may_change_afterwards():
    """The graph keeps the mask as it was."""
    mask, x = np.array([True, False]), Value([2.0, 3.0])
    y = np.sum(x, where=mask)
    mask[:] = True
    y.backward()
    assert x.grad.tolist() == [1.0, 0.0]


def test_a_long_row_of_factors():
    """100,000 of them: the gradient of a running product is as long, and not a loop of arrays."""
    x = np.full(100_000, 1.0)
    share = gradient(lambda v: tn.sum(np.cumprod(v)), x)
    np.testing.assert_array_equal(share, np.arange(100_000, 0, -1))


def test_prefixes_of_zero_do_not_meet_overflow():
    """After a zero all products are 0, however large the factors: nothing is nan."""
    x = [0.0, 1e200, 1e100, 2.0]
    share = gradient(lambda v: tn.sum(np.cumprod(v)), x)
    np.testing.assert_allclose(share, [2e300 + 1e300 + 1e200 + 1.0, 0.0, 0.0, 0.0], rtol=1e-14)
