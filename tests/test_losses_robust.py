"""Losses that nobody else has, or has right: against their definitions in two hundred digits."""

import math
from dataclasses import dataclass, field
from typing import Any

import mpmath
import numpy as np
import pytest

from tinygrad_neuron import grad, losses
from tinygrad_neuron.errors import LossError
from tinygrad_neuron.losses import get

mp = mpmath.mpf
half, efficient = mp(1) / 2, mp(4.685)
DIGITS = 200
UNITS = 20
SIZES = [1e-30, 1e-8, 1e-3, 0.3, 0.99, 1.01, 3.0, 6.0, 17.0, 1e4, 1e8]
ERRORS = [(sign * x, 0.0) for x in SIZES for sign in (1.0, -1.0)]


@dataclass(frozen=True)
class Case:
    """A loss, its definition in many digits, places, parameters, and what it may lose."""

    name: str
    definition: Any
    places: list[Any]
    settings: dict[str, float] = field(default_factory=dict)
    units: Any = UNITS  # of rounding; or what they are at a place, where it is badly conditioned

    def __str__(self):
        return f"{self.name}({', '.join(f'{k}={v:g}' for k, v in self.settings.items())})"

    def bound(self, place):
        return self.units(*place) if callable(self.units) else self.units


def exact(case, arrays):
    """Value and slopes by the definition; the slope is a difference quotient of step 1e-60."""
    with mpmath.workdps(DIGITS):
        flat = [mp(float(v)) for a in arrays for v in np.ravel(a)]
        shapes = [np.shape(a) for a in arrays]

        def at(numbers):
            numbers, parts = list(numbers), []
            for shape in shapes:
                taken, numbers = numbers[: math.prod(shape)], numbers[math.prod(shape) :]
                parts.append(taken if shape else taken[0])
            settings = {k: mp(v) for k, v in case.settings.items()}
            return case.definition(*parts, **settings)

        step = mp(10) ** -60
        slopes = [
            (at([*flat[:k], v + step, *flat[k + 1 :]]) - at([*flat[:k], v - step, *flat[k + 1 :]]))
            / (2 * step)
            for k, v in enumerate(flat)
        ]
        return at(flat), slopes


def given_by_us(case, arrays):
    """Value and slopes of the loss, as numbers in a row."""
    loss = get(case.name)
    moving = [0, *(i for i in range(1, len(arrays)) if loss.kind(i).predicted)]

    def f(*moved):
        full = list(arrays)
        for i, x in zip(moving, moved, strict=True):
            full[i] = x
        return loss(*full, **case.settings)

    slopes = grad(f, argnums=tuple(range(len(moving))))(*(arrays[i] for i in moving))
    found = {i: s.data for i, s in zip(moving, slopes, strict=True)}
    rows = [
        np.ravel(found[i]) if i in found else np.full(np.size(a), None)
        for i, a in enumerate(arrays)
    ]
    return loss(*arrays, **case.settings), np.concatenate(rows)


def check(case, place, dtype):
    """Within units of the last place of the dtype, or below its smallest number."""
    arrays = [np.asarray(a, dtype)[()] for a in place]
    limits = np.finfo(dtype)
    allowed = case.bound(place) * float(limits.eps)
    with np.errstate(over="ignore", under="ignore"):
        value, slopes = given_by_us(case, arrays)
    wanted, wanted_slopes = exact(case, arrays)
    assert np.asarray(value).dtype == dtype
    largest = float(limits.max)
    for mine, true in zip([value, *slopes], [wanted, *wanted_slopes], strict=True):
        if mine is not None and abs(true) < largest:
            gap = abs(mp(float(mine)) - true)
            lost = float(gap / abs(true) / limits.eps) if true else math.inf
            assert gap <= allowed * abs(true) + 16 * float(limits.tiny), (
                f"{mine!r} instead of {float(true)!r}: {lost:.1f} units"
            )


# -------------------------------------------------------------------------------- definitions


def cauchy(x, t, scale=1):
    return scale**2 / 2 * mpmath.log(1 + ((x - t) / scale) ** 2)


def geman(x, t, scale=1):
    v = ((x - t) / scale) ** 2
    return v / 2 / (1 + v / 4)


def welsch(x, t, scale=1):
    return 1 - mpmath.exp(-(((x - t) / scale) ** 2) / 2)


def tukey(x, t, scale=efficient):
    v = ((x - t) / scale) ** 2
    return scale**2 / 6 * (1 - (1 - min(v, mp(1))) ** 3)


def barron(x, t, alpha=1, scale=1):
    v = ((x - t) / scale) ** 2
    if alpha == -mpmath.inf:
        return 1 - mpmath.exp(-v / 2)
    if alpha == 2:
        return v / 2
    if alpha == 0:
        return mpmath.log(v / 2 + 1)
    b = abs(alpha - 2)
    return b / alpha * ((v / b + 1) ** (alpha / 2) - 1)


def expectile(x, t, q=half):
    return (1 - q if x > t else q) * (x - t) ** 2


def laplace(m, t, b):
    return abs(m - t) * mpmath.exp(-b) + b + mpmath.log(2)


def student(m, t, s, df=4):
    u = (m - t) * mpmath.exp(-s)
    constant = mpmath.loggamma(mp(df) / 2) - mpmath.loggamma((mp(df) + 1) / 2)
    return (
        (mp(df) + 1) / 2 * mpmath.log(1 + u**2 / df) + s + constant + mpmath.log(mpmath.pi * df) / 2
    )


def negative_binomial(z, t, dispersion=1):
    r, m = 1 / mp(dispersion), mpmath.exp(z)
    ways = mpmath.loggamma(t + r) - mpmath.loggamma(r) - mpmath.loggamma(t + 1)
    return -(ways + t * mpmath.log(m / (r + m)) + r * mpmath.log(r / (r + m)))


def crps_gaussian(m, t, s):
    scale = mpmath.exp(s)
    z = (m - t) / scale
    bell = mpmath.sqrt(2 / mpmath.pi) * mpmath.exp(-(z**2) / 2)
    return scale * (z * mpmath.erf(z / mpmath.sqrt(2)) + bell - 1 / mpmath.sqrt(mpmath.pi))


def crps_ensemble(x, t):
    n = len(x)
    near = mpmath.fsum(abs(a - t) for a in x) / n
    return near - mpmath.fsum(abs(a - b) for a in x for b in x) / (2 * n * n)


def total_variation(p, t):
    return mpmath.fsum(abs(a - b) for a, b in zip(p, t, strict=True)) / 2


def hellinger(p, t):
    return (
        mpmath.fsum((mpmath.sqrt(a) - mpmath.sqrt(b)) ** 2 for a, b in zip(p, t, strict=True)) / 2
    )


def bhattacharyya(p, t):
    # of measures whose sums were rounded: the mean of both sums in place of 1
    return -mpmath.log(1 - hellinger(p, t))


def kl(x, z):
    p, q = ([mpmath.exp(v - max(row)) for v in row] for row in (z, x))
    p, q = ([v / mpmath.fsum(row) for v in row] for row in (p, q))
    return mpmath.fsum(a * mpmath.log(a / b) for a, b in zip(p, q, strict=True))


def js(p, t):
    def part(a, b):
        return a * mpmath.log(2 * a / (a + b)) + b * mpmath.log(2 * b / (a + b))

    return mpmath.fsum(part(a, b) for a, b in zip(p, t, strict=True)) / 2


def chi_squared(p, t):
    return mpmath.fsum((b - a) ** 2 / a for a, b in zip(p, t, strict=True))


def alpha_divergence(p, t, alpha=half):
    def part(a, b):
        if alpha == 1:
            return b * mpmath.log(b / a) - b + a
        if alpha == 0:
            return a * mpmath.log(a / b) - a + b
        whole = b**alpha * a ** (1 - alpha) - alpha * b - (1 - alpha) * a
        return whole / (alpha * (alpha - 1))

    return mpmath.fsum(part(a, b) for a, b in zip(p, t, strict=True))


def renyi(p, t, alpha=half):
    if alpha == 1:
        return alpha_divergence(p, t, mp(1))
    excess = alpha * (alpha - 1) * alpha_divergence(p, t, alpha)
    return mpmath.log(1 + excess) / (alpha - 1)


def itakura_saito(p, t):
    return t / p - mpmath.log(t / p) - 1


def beta_divergence(p, t, beta=1):
    if beta == 0:
        return itakura_saito(p, t)
    if beta == 1:
        return t * mpmath.log(t / p) - t + p
    return (t**beta + (beta - 1) * p**beta - beta * t * p ** (beta - 1)) / (beta * (beta - 1))


def wasserstein(x, t, p=1):
    pairs = zip(sorted(x), sorted(t), strict=True)
    return mpmath.fsum(abs(a - b) ** p for a, b in pairs) / len(x)


def earth_mover(p, t):
    gaps = [a - b for a, b in zip(p, t, strict=True)]
    return mpmath.fsum(abs(mpmath.fsum(gaps[:k])) for k in range(1, len(gaps)))


def jaccard(p, t, smooth=0):
    both = mpmath.fsum(a * b for a, b in zip(p, t, strict=True))
    either = mpmath.fsum(a + b for a, b in zip(p, t, strict=True)) - both
    return (either - both) / (either + smooth)


# ------------------------------------------------------------------------------------ places

LAWS = [(m, 0.25, s) for m in (1e-8, 0.4, -3.0, 17.0, 1e4) for s in (-3.0, 0.1, 4.0)]
COUNTS = [(z, t) for z in (-20.0, -1.0, 0.3, 5.0, 40.0) for t in (0.0, 1.0, 7.0, 300.0)]
SPREAD = np.array([0.125, 0.5, 0.3, 0.075])
ROWS = [
    (SPREAD, np.array([0.5, 0.25, 0.125, 0.125])),
    (np.array([1e-6, 0.4, 0.6]), np.array([0.7, 1e-9, 0.3])),
    *((SPREAD + d * np.array([1, -1, 1, -1]), SPREAD) for d in (5e-2, 1e-3, 1e-6)),
]
SCORES = [
    (np.array([1.0, -2.0, 0.5]), np.array([0.25, 0.5, -1.0])),
    (np.array([40.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0])),
    (np.array([0.0, 0.0, 1.0]), np.array([40.0, 0.0, 1.0])),
    (np.array([0.0, 1000.0, 1.0]), np.array([900.0, 2.0, 1.0])),
    (np.array([3.0, -1e4]), np.array([-1e4, 2.0])),
    *(
        (np.array([3.0, 1.0]) + d * np.array([1.0, -0.5]), np.array([3.0, 1.0]))
        for d in (0.1, 2.0**-10, 2.0**-20)
    ),
]
POSITIVES = [(p, t) for p in (1e-6, 0.3, 1.0, 2.5, 1e4) for t in (1e-3, 0.31, 2.0, 40.0)]
SAMPLES = [
    (np.array([0.3, -2.0, 5.0]), np.array([1.0, 7.0, -0.5])),
    (np.array([1e8, 3.0]), np.array([4.0, 1e8 - 8.0])),
]
MEMBERS = [
    (np.array(x), t) for x in ([0.3, -2.0, 5.0], [3.0], [1e8, -1e8, 7.0]) for t in (0.5, -9.0)
]


def steep(x, t, *_):
    """exp(-v/2) is as badly conditioned as v is large."""
    return UNITS + min(((x - t) ** 2), 800.0)


def powers(alpha):
    """What grows like a power is the exponential of a logarithm: as exact as that is small."""
    return lambda x, t: UNITS + abs(alpha) * math.log1p(abs(x - t))


def ratios(p, t):
    """As `powers`, where two numbers are far apart."""
    return UNITS + 2 * np.max(np.abs(np.log(np.asarray(t) / p)))


def counted(z, t):
    """The logarithm of a factorial, beside a loss that is a small part of it."""
    return UNITS + 16 + t


CASES = [
    Case("cauchy", cauchy, ERRORS),
    Case("cauchy", cauchy, ERRORS, {"scale": 2.5}),
    Case("geman_mcclure", geman, ERRORS),
    Case("geman_mcclure", geman, ERRORS, {"scale": 0.5}),
    Case("welsch", welsch, ERRORS, units=steep),
    Case("tukey", tukey, ERRORS),
    Case("tukey", tukey, ERRORS, {"scale": 20.0}),
    *(
        Case("barron", barron, ERRORS, {"alpha": alpha, "scale": 0.75}, powers(alpha))
        for alpha in (3.0, 2.0, 1.5, 1.0, 0.5, 0.0, -1.0, -2.0, -10.0)
    ),
    *(
        Case("barron", barron, ERRORS, {"alpha": alpha})
        for alpha in (2.0 + 1e-9, 2.0 - 1e-6, 2.0 - 1e-12, 1e-9, -1e-12, -1e-30)
    ),
    Case("expectile", expectile, ERRORS, {"q": 0.25}),
    Case("laplace_nll", laplace, LAWS),
    Case("student_nll", student, LAWS),
    *(Case("student_nll", student, LAWS, {"df": df}) for df in (0.5, 1.0, 30.0, 1e6, 1e12)),
    *(
        Case("negative_binomial_nll", negative_binomial, COUNTS, {"dispersion": d}, counted)
        for d in (0.25, 1.0, 8.0, 1e-6, 1e-12)
    ),
    Case("crps_gaussian", crps_gaussian, LAWS),
    Case("crps_ensemble", crps_ensemble, MEMBERS),
    Case("total_variation", total_variation, ROWS),
    Case("hellinger2", hellinger, ROWS),
    Case("bhattacharyya", bhattacharyya, ROWS),
    Case("kl_divergence", kl, SCORES, units=40),
    Case("generalized_kl", lambda p, t: alpha_divergence(p, t, mp(1)), ROWS),
    Case("js_divergence", js, ROWS),
    Case("chi_squared", chi_squared, ROWS),
    *(
        Case("alpha_divergence", alpha_divergence, ROWS, {"alpha": alpha})
        for alpha in (-2.0, 0.0, 1e-9, 0.3, 0.5, 0.75, 1.0 - 1e-9, 1.0, 2.0, 3.5)
    ),
    *(
        Case("renyi", renyi, ROWS, {"alpha": alpha}, ratios)
        for alpha in (1e-3, 0.3, 0.5, 1.0 - 1e-9, 1.0, 1.0 + 1e-12, 2.0, 3.5)
    ),
    Case("itakura_saito", itakura_saito, POSITIVES),
    *(
        Case("beta_divergence", beta_divergence, POSITIVES, {"beta": beta}, ratios)
        for beta in (-1.0, 0.0, 1e-9, 0.5, 1.0 - 1e-9, 1.0, 1.5, 2.0, 3.0)
    ),
    *(Case("wasserstein", wasserstein, SAMPLES, {"p": p}) for p in (1.0, 1.5, 2.0)),
    Case("earth_mover", earth_mover, ROWS),
    Case("jaccard", jaccard, ROWS),
    Case("jaccard", jaccard, ROWS, {"smooth": 1.0}, 64),
]
EXAMPLES = [
    pytest.param(case, place, id=f"{case}-{k}")
    for case in CASES
    for k, place in enumerate(case.places)
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("case", "place"), EXAMPLES)
def test_value_and_gradient_are_those_of_the_definition(case, place, dtype):
    """Within 20 units of rounding, except where the case says how badly it is conditioned."""
    check(case, place, dtype)


# ------------------------------------------------------------------------------ each pinned


@pytest.mark.parametrize(
    ("name", "arrays", "settings", "wanted"),
    [
        ("cauchy", (6.0, 0.0), {"scale": 2.0}, 2 * math.log(10)),
        ("geman_mcclure", (8.0, 0.0), {"scale": 2.0}, 8 / 5),
        ("welsch", (4.0, 0.0), {"scale": 2.0}, 1 - math.exp(-2)),
        ("tukey", (1.0, 0.0), {"scale": 2.0}, 37 / 96),
        ("tukey", (9.0, 0.0), {"scale": 3.0}, 3 / 2),
        ("barron", (4.0, 0.0), {"alpha": -2.0, "scale": 2.0}, 1.0),
        ("barron", (6.0, 0.0), {"alpha": 4.0, "scale": 3.0}, 4.0),
        ("barron", (3.0, 0.0), {"alpha": 2.0, "scale": 0.5}, 18.0),
        ("expectile", (3.0, 1.0), {"q": 0.2}, 3.2),
        ("expectile", (1.0, 3.0), {"q": 0.2}, 0.8),
        ("laplace_nll", (3.0, 1.0, math.log(4.0)), {}, 0.5 + math.log(8)),
        ("student_nll", (3.0, 1.0, 0.0), {"df": 1.0}, math.log(5 * math.pi)),
        (
            "student_nll",
            (2.0, 0.0, math.log(2.0)),
            {"df": 3.0},
            math.log(4 / 3 * 4 / 3 * 3**0.5 * math.pi),
        ),
        ("negative_binomial_nll", (math.log(3.0), 2.0), {"dispersion": 0.5}, -math.log(108 / 625)),
        ("chi_squared", ([2.0, 5.0], [6.0, 3.0]), {}, 44 / 5),
        ("alpha_divergence", ([4.0, 1.0], [2.0, 3.0]), {"alpha": -1.0}, 5 / 3),
        ("alpha_divergence", ([4.0, 1.0], [2.0, 3.0]), {"alpha": 3.0}, 15 / 4),
        ("renyi", ([0.5, 0.5], [0.25, 0.75]), {"alpha": 2.0}, math.log(5 / 4)),
        ("renyi", ([0.5, 0.5], [0.25, 0.75]), {"alpha": 3.0}, math.log(7 / 4) / 2),
        ("beta_divergence", (4.0, 2.0), {"beta": 3.0}, 20 / 3),
        ("beta_divergence", (4.0, 2.0), {"beta": -1.0}, 1 / 16),
        ("wasserstein", ([0.0, 4.0], [1.0, 1.0]), {"p": 2.0}, 5.0),
        ("wasserstein", ([4.0, 0.0], [1.0, 1.0]), {"p": 3.0}, 14.0),
        ("earth_mover", ([0.5, 0.25, 0.25], [0.0, 0.25, 0.75]), {}, 1.0),
        ("total_variation", ([0.5, 0.25, 0.25], [0.0, 0.25, 0.75]), {}, 0.5),
        ("hellinger2", ([0.25, 0.0], [0.0, 1.0]), {}, 0.625),
        ("jaccard", ([1.0, 1.0, 0.0], [1.0, 0.0, 1.0]), {"smooth": 2.0}, 2 / 5),
        ("crps_ensemble", ([0.0, 4.0], 1.0), {}, 1.0),
        ("box_iou", ([0.0, 0.0, 3.0, 2.0], [1.0, 0.0, 4.0, 2.0]), {}, 1 / 2),
        ("box_giou", ([0.0, 0.0, 2.0, 2.0], [2.0, 2.0, 4.0, 4.0]), {}, 3 / 2),
        ("box_diou", ([0.0, 0.0, 2.0, 2.0], [2.0, 2.0, 4.0, 4.0]), {}, 5 / 4),
        ("box_ciou", ([0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 2.0, 2.0]), {}, 3 / 4 + 1 / 16),
    ],
)
def test_each_parameter_counts_as_it_is_said_to(name, arrays, settings, wanted):
    """Worked out by hand, away from the defaults."""
    arrays = [np.array(a)[()] for a in arrays]
    assert get(name)(*arrays, **settings) == pytest.approx(wanted, rel=1e-14)


# ------------------------------------------------------------------------------- the limits


@pytest.mark.parametrize("error", [1e-6, 0.3, 4.0, 300.0])
@pytest.mark.parametrize(
    ("alpha", "near"),
    [(2.0, 1e-13), (2.0, -1e-13), (0.0, 1e-13), (0.0, -1e-13), (0.0, 1e-30), (1.0, 1e-13)],
)
def test_barron_is_continuous_in_its_shape(error, alpha, near):
    """At the squared error, at Cauchy's and at the joint of the two expressions."""
    at, beside = (
        np.array([f(losses.barron, error, a) for f in (losses_at, slope_at)])
        for a in (alpha, alpha + near)
    )
    np.testing.assert_allclose(beside, at, rtol=1e-11)


def losses_at(loss, error, alpha):
    """The loss of an error."""
    return loss(error, 0.0, alpha=alpha)


def slope_at(loss, error, alpha):
    """Its slope there."""
    return grad(lambda x: loss(x, 0.0, alpha=alpha))(error).item()


@pytest.mark.parametrize("error", [1e-6, 0.3, 2.0])
def test_barron_at_minus_infinity_is_where_it_goes(error):
    """Welsch's loss."""
    far = losses.barron(error, 0.0, alpha=-1e13)
    assert far == pytest.approx(losses.barron(error, 0.0, alpha=-math.inf), rel=1e-11)
    assert losses.barron(error, 0.0, alpha=-math.inf) == losses.welsch(error, 0.0)


@pytest.mark.parametrize(
    ("ours", "other"),
    [
        ({"alpha": 2.0}, lambda x: losses.squared_error(x, 0.0) / 2),
        ({"alpha": 0.0}, lambda x: losses.cauchy(x, 0.0, scale=2**0.5)),
        ({"alpha": -2.0}, lambda x: losses.geman_mcclure(x, 0.0)),
        ({"alpha": 1.0}, lambda x: np.hypot(1.0, x) - 1.0),
    ],
)
def test_barron_is_the_others(ours, other):
    """By its dial."""
    for x in (0.3, -2.0, 40.0):
        assert losses.barron(x, 0.0, **ours) == pytest.approx(other(x), rel=1e-13)


def test_the_gradient_of_kl_is_the_difference_of_the_shares():
    """q - p, also where the two are a rounding apart, and for rows in a batch."""
    rng = np.random.default_rng(3)
    z = rng.normal(size=(5, 4))
    for distance in (1.0, 1e-6, 1e-12):
        x = z + distance * rng.normal(size=(5, 4))
        slope = grad(lambda x: losses.kl_divergence(x, z, reduction="sum"))(x).data
        gap = (x - z) - (x - z).mean(axis=-1, keepdims=True)
        p = np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)
        q = p * np.exp(gap) / (p * np.exp(gap)).sum(axis=-1, keepdims=True)
        np.testing.assert_allclose(slope, q - p, rtol=0, atol=1e-15)
        assert losses.kl_divergence(x + 500.0, z) == pytest.approx(losses.kl_divergence(x, z), 1e-6)


def test_divergences_are_the_others():
    """At the numbers where they have names."""
    p, t = ROWS[0]
    kl = float(np.sum(t * np.log(t / p)))
    assert losses.alpha_divergence(p, t, alpha=1.0) == pytest.approx(kl, rel=1e-13)
    assert losses.renyi(p, t, alpha=1.0) == pytest.approx(kl, rel=1e-13)
    assert losses.beta_divergence(p, t, beta=1.0, reduction="sum") == pytest.approx(kl, rel=1e-13)
    hellinger, overlap = losses.hellinger2(p, t), losses.bhattacharyya(p, t)
    assert losses.alpha_divergence(p, t, alpha=0.5) == pytest.approx(4 * hellinger, rel=1e-13)
    assert losses.renyi(p, t, alpha=0.5) == pytest.approx(2 * overlap, rel=1e-13)
    half_chi = losses.chi_squared(p, t) / 2
    assert losses.alpha_divergence(p, t, alpha=2.0) == pytest.approx(half_chi, rel=1e-13)
    assert losses.beta_divergence(p, t, beta=0.0) == losses.itakura_saito(p, t)
    square = losses.squared_error(p, t) / 2
    assert losses.beta_divergence(p, t, beta=2.0) == pytest.approx(square, rel=1e-13)


def test_likelihoods_at_their_limits():
    """Student's law becomes the normal one, the negative binomial Poisson's."""
    error, spread = 1.5, math.log(0.5)
    normal = 0.5 * 9.0 + spread + 0.5 * math.log(2 * math.pi)
    assert losses.student_nll(error, 0.0, spread, df=1e15) == pytest.approx(normal, rel=1e-13)
    poisson = math.exp(0.7) - 3 * 0.7 + math.log(6)
    few = losses.negative_binomial_nll(0.7, 3.0, dispersion=1e-13)
    assert few == pytest.approx(poisson, rel=1e-11)


# ------------------------------------------------------------------------------- the edges

NO_DISTANCE = [
    *("cauchy", "geman_mcclure", "welsch", "tukey", "barron", "expectile", "total_variation"),
    *(
        "hellinger2",
        "bhattacharyya",
        "chi_squared",
        "kl_divergence",
        "generalized_kl",
        "js_divergence",
        "alpha_divergence",
        "renyi",
        "itakura_saito",
    ),
    *("beta_divergence", "wasserstein", "earth_mover", "jaccard"),
]


@pytest.mark.parametrize("name", NO_DISTANCE)
def test_what_is_equal_is_at_no_distance(name):
    """0 to the bit, and no slope, for rows that add up to 1 and are all 0 or 1 for a mask."""
    row = np.array([1.0, 0.0, 1.0]) if name == "jaccard" else SPREAD
    value = get(name)(row, row)
    slope = grad(lambda x: get(name)(x, row))(row).data
    assert value == 0.0
    assert name == "jaccard" or not np.any(slope)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", [n for n in NO_DISTANCE if n not in ("jaccard", "earth_mover")])
def test_no_distance_is_negative(name, dtype):
    """From far apart to all but equal."""
    rng = np.random.default_rng(0)
    for distance in 10.0 ** -np.arange(1, 9):
        for _ in range(20):
            row = rng.uniform(0.1, 1.0, 4)
            other = row * (1.0 + distance * rng.uniform(-0.5, 0.5, 4))
            row, other = ((x / x.sum()).astype(dtype) for x in (row, other))
            assert get(name)(row, other) >= 0.0


FAR = [0.0, -0.0, 1e-200, 40.0, -1000.0, 1e100, 1e200, np.inf, -np.inf]


@pytest.mark.filterwarnings("ignore:(overflow|invalid|divide)")
@pytest.mark.parametrize("name", ["cauchy", "geman_mcclure", "welsch", "tukey", "barron"])
@pytest.mark.parametrize("x", FAR)
def test_outliers_of_any_size(name, x):
    """A number and a slope, however far away, be it infinitely; never nan."""
    for settings in (
        [{"alpha": a} for a in (-np.inf, -3.0, 0.0, 0.5, 1.0)] if name == "barron" else [{}]
    ):
        value, slope = losses_and_slope(name, x, settings)
        assert value >= 0.0
        assert np.isfinite(slope) or np.isinf(x)
        assert name == "barron" or not np.isnan(slope)


def losses_and_slope(name, x, settings):
    """Both, of an error."""
    return (
        get(name)(x, 0.0, **settings),
        grad(lambda x: get(name)(x, 0.0, **settings))(x).item(),
    )


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("name", ["laplace_nll", "student_nll", "crps_gaussian"])
@pytest.mark.parametrize("place", [(1.0, 1.0, -800.0), (2.0, 1.0, -800.0), (1.0, 1.0, 700.0)])
def test_laws_that_are_too_narrow_or_too_wide(name, place):
    """No scale at all, or none to speak of: what is defined is not nan."""
    m, t, s = place
    value = get(name)(m, t, s)
    slopes = grad(lambda m, s: get(name)(m, t, s), argnums=(0, 1))(m, s)
    assert not np.isnan(value)
    if m == t:
        assert slopes[0].item() == 0.0
    if name == "crps_gaussian" and s < 0:
        assert value == abs(m - t)


@pytest.mark.filterwarnings("ignore:(divide|invalid)")
@pytest.mark.parametrize(
    ("name", "p", "t", "settings", "wanted"),
    [
        ("hellinger2", [0.0, 1.0], [0.0, 1.0], {}, 0.0),
        ("chi_squared", [0.0, 1.0], [0.5, 0.5], {}, math.inf),
        ("chi_squared", [1.0, 0.0], [1.0, 0.0], {}, 0.0),
        ("alpha_divergence", [0.0, 1.0], [0.5, 0.5], {"alpha": 1.0}, math.inf),
        ("alpha_divergence", [0.0, 1.0], [0.5, 1.0], {"alpha": 0.5}, 1.0),
        ("alpha_divergence", [0.5, 1.0], [0.0, 1.0], {"alpha": 1.0}, 0.5),
        ("alpha_divergence", [0.5, 1.0], [0.0, 1.0], {"alpha": 0.0}, math.inf),
        ("alpha_divergence", [0.5, 0.0], [0.5, 0.0], {"alpha": 0.3}, 0.0),
        ("renyi", [1.0, 0.0], [0.0, 1.0], {"alpha": 0.5}, math.inf),
        ("bhattacharyya", [1.0, 0.0], [0.0, 1.0], {}, math.inf),
        ("jaccard", [0.0, 0.0], [0.0, 0.0], {}, 0.0),
        ("js_divergence", [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], {}, math.log(2)),
        ("kl_divergence", [0.0, -np.inf], [0.0, -np.inf], {}, 0.0),
        ("kl_divergence", [0.0, 0.0], [0.0, -np.inf], {}, math.log(2)),
        ("kl_divergence", [0.0, -np.inf], [0.0, 0.0], {}, math.inf),
        ("kl_divergence", [-np.inf, 0.0], [0.0, 0.0], {}, math.inf),
        ("generalized_kl", [0.5, 0.0], [0.0, 0.0], {}, 0.5),
        ("total_variation", [1.0, 0.0], [0.0, 1.0], {}, 1.0),
    ],
)
def test_what_one_side_does_not_have(name, p, t, settings, wanted):
    """Zeros are counted, agreed on, or infinitely wrong; and the slope is not nan."""
    p, t = np.array(p), np.array(t)
    assert get(name)(p, t, **settings) == wanted
    slope = grad(lambda p: get(name)(p, t, **settings))(p).data
    assert not np.isnan(slope).any() or wanted == math.inf


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("barron", {"alpha": math.inf}),
        ("barron", {"alpha": math.nan}),
        ("cauchy", {"scale": 0.0}),
        ("expectile", {"q": 1.0}),
        ("student_nll", {"df": 0.0}),
        ("negative_binomial_nll", {"dispersion": -1.0}),
        ("renyi", {"alpha": 0.0}),
        ("wasserstein", {"p": 0.5}),
        ("jaccard", {"smooth": -1.0}),
    ],
)
def test_parameters_that_cannot_be(name, settings):
    """Refused by name."""
    loss = get(name)
    with pytest.raises(LossError, match=next(iter(settings))):
        loss(*(np.full(3, 0.5) for _ in loss.arrays), **settings)


# --------------------------------------------------------------- what each of them is best at


def test_the_expectile_is_what_balances():
    """The best constant: q of the errors below it, weighed, against 1 - q above."""
    t = np.random.default_rng(1).normal(size=200)
    for q in (0.1, 0.5, 0.9):
        best = 0.0
        for _ in range(60):
            weight = np.where(best > t, 1.0 - q, q)
            best = np.sum(weight * t) / np.sum(weight)
        slope = grad(lambda x, q=q: losses.expectile(x * np.ones(200), t, q=q))(best)
        assert abs(slope.item()) < 1e-12


def test_a_perfect_law_has_the_least_crps():
    """Over normal data the score is least at the mean and the deviation they were drawn with."""
    t = np.random.default_rng(2).normal(2.0, 3.0, 20_000)
    ones = np.ones_like(t)

    def score(m, s):
        return losses.crps_gaussian(m * ones, t, s * ones)

    slopes = grad(score, argnums=(0, 1))(2.0, math.log(3.0))
    assert max(abs(s.item()) for s in slopes) < 0.02
    assert score(2.0, math.log(3.0)) < min(score(2.5, math.log(3.0)), score(2.0, math.log(2.0)))


@pytest.mark.parametrize("count", [1, 2, 7])
def test_the_ensemble_of_a_law_has_its_score(count):
    """The mean of |x - t| less half the mean of |x - x'|, with many that are equal."""
    rng = np.random.default_rng(count)
    members = rng.integers(-2, 3, (50, count)).astype(float)
    target = rng.integers(-2, 3, 50) + 0.5
    near = np.abs(members - target[:, None]).mean(axis=1)
    among = np.abs(members[:, :, None] - members[:, None]).mean(axis=(1, 2))
    each = losses.crps_ensemble(members, target, reduction="none")
    np.testing.assert_allclose(each, near - among / 2, rtol=1e-14, atol=1e-15)
