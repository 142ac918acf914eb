"""Losses at single points that can be worked out by hand: parameters, edges, corners, limits."""

import itertools
import math
from math import inf, log, nan

import numpy as np
import pytest

from tinygrad_neuron import Value, grad, losses, max as largest
from tinygrad_neuron.errors import LossError
from tinygrad_neuron.losses.description import example

MODULES = (
    "regression", "binary", "multiclass", "deviances", "embedding", "ranking", "segmentation",
    "decorrelation", "labelling",
)  # fmt: skip
OURS = [x for x in losses.LOSSES.values() if x.__module__.rpartition(".")[2] in MODULES]

ZERO, E1, E2 = [0.0, 0.0], [1.0, 0.0], [0.0, 1.0]
TRIO = ([E1, E1, E2], [0, 0, 1])  # two alike and a stranger
OVER, UNDER = ([1.0, 1.0], E1), (E1, [1.0, 1.0])  # a mask too large, and one too small
LINE = [[0.0, 0.0], [2.0, 2.0]]

# loss, arrays, parameters away from their defaults, value; of losses of rows the first one's
PINNED = [
    ("huber", (5.0, 0.0), {"delta": 2.0}, 8.0),
    ("smooth_l1", (1.0, 0.0), {"beta": 2.0}, 0.25),
    ("smooth_l1", (5.0, 0.0), {"beta": 2.0}, 4.0),
    ("quantile", (3.0, 1.0), {"q": 0.25}, 1.5),
    ("quantile", (1.0, 3.0), {"q": 0.25}, 0.5),
    ("epsilon_insensitive", (2.0, 0.0), {"epsilon": 0.5}, 1.5),
    ("squared_epsilon_insensitive", (2.0, 0.0), {"epsilon": 0.5}, 2.25),
    ("pseudo_huber", (4.0, 0.0), {"delta": 3.0}, 6.0),
    ("power_error", (3.0, 0.0), {"p": 2.0}, 9.0),
    ("periodic", (1.0, 0.0), {"period": 4.0}, 1.0),
    ("periodic", (9.0, 1.0), {"period": 4.0}, 0.0),
    ("poisson", (0.0, 3.0), {"full": True}, 1.0 + log(6.0)),
    ("tweedie", (0.0, 2.0), {"power": 3.0}, 0.25),
    ("binary_cross_entropy", (0.0, 1.0), {"pos_weight": 3.0}, 3.0 * log(2.0)),
    ("hinge", (0.5, 1.0), {"margin": 2.0}, 1.5),
    ("squared_hinge", (0.5, 1.0), {"margin": 2.0}, 2.25),
    ("smoothed_hinge", (0.0, 1.0), {"gamma": 0.5}, 0.75),
    ("distance_weighted", (1.5, 1.0), {"q": 3.0}, 1.0 / 32.0),
    ("focal", (0.0, 1.0), {"gamma": 3.0}, log(2.0) / 8.0),
    ("focal", (0.0, 1.0), {"alpha": 0.25}, log(2.0) / 16.0),
    ("focal", (0.0, 0.0), {"alpha": 0.25}, 3.0 * log(2.0) / 16.0),
    ("poly1_binary", (0.0, 1.0), {"epsilon": 2.0}, log(2.0) + 1.0),
    ("focal_multiclass", ([ZERO], [0]), {"gamma": 1.0}, 0.5 * log(2.0)),
    ("weston_watkins", ([[0.0, 1.0, -1.0]], [0]), {"margin": 2.0}, 4.0),
    ("weston_watkins", ([[0.0, 1.0, -1.0]], [0]), {"margin": 2.0, "p": 2.0}, 10.0),
    ("crammer_singer", ([[0.0, 1.0, -1.0]], [0]), {"margin": 3.0}, 4.0),
    ("fenchel_young", ([[1.0, 3.0]], [E1]), {"max_fun": largest}, 2.0),
    ("poly_cross_entropy", ([ZERO], [0]), {"epsilon": -1.0}, log(2.0) - 0.5),
    ("generalized_cross_entropy", ([ZERO], [0]), {"q": 1.0}, 0.5),
    ("cosine_embedding", ([[3.0, 4.0]], [[4.0, 3.0]], [-1.0]), {"margin": 0.25}, 0.71),
    ("contrastive", ([ZERO], [[3.0, 4.0]], [0.0]), {"margin": 7.0}, 2.0),
    ("triplet", ([ZERO], [[3.0, 4.0]], [E1]), {"margin": 2.0}, 6.0),
    ("triplet", ([ZERO], [[3.0, 4.0]], [E1]), {"p": 1.0}, 7.0),
    ("triplet", ([ZERO], [[3.0, 4.0]], [[6.0, 8.0]]), {"swapped": True}, 1.0),
    ("triplet", ([ZERO], [[3.0, 4.0]], [E1]),
        {"distance": lambda a, b: largest(abs(a - b), axis=-1)}, 4.0),
    ("hinge_embedding", (1.0, -1.0), {"margin": 3.0}, 2.0),
    ("margin_ranking", (1.0, 2.0, 1.0), {"margin": 0.5}, 1.5),
    ("info_nce", ([E1, E2], [E1, E2]), {"temperature": 1.0 / log(3.0)}, log(4.0 / 3.0)),
    ("sup_con", TRIO, {"temperature": 1.0 / log(3.0)}, log(4.0 / 3.0)),
    ("multi_similarity", TRIO, {"alpha": 4 * log(2), "beta": 4 * log(2), "threshold": 0.25},
        (log(9.0 / 8.0) + log(1.5)) / (4.0 * log(2.0))),
    ("circle", TRIO, {"margin": 0.5, "gamma": 2.0 * log(3.0)}, log(4.0 / 3.0)),
    ("lifted", ([[0.0], [1.0], [3.0]], [0, 0, 1]), {"margin": 3.0}, 1.0),
    ("cosface", ([[0.5, 0.0]], [0]), {"margin": 0.5}, log(2.0)),
    ("cosface", ([[0.5, 0.0]], [0]), {"margin": 0.0, "scale": log(4.0)}, log(1.5)),
    ("arcface", ([ZERO], [0]), {"margin": math.pi / 2, "scale": log(3.0)}, log(4.0)),
    ("sphereface", ([[0.5, 0.0]], [0]), {"margin": 2, "scale": 2.0 * log(3.0)}, log(4.0)),
    ("proxy_nca", ([[1.0, 2.0, 2.0]], [0]), {}, log(2.0) - 1.0),
    ("angular", ([ZERO], [[2.0, 0.0]], [[1.0, 1.0]]), {"angle": math.atan(0.5)}, 3.0),
    ("crf", ([[ZERO, ZERO]], [[0, 1]]), {"transitions": np.log([[1.0, 3.0], [1.0, 1.0]])},
        log(2.0)),
    ("poly1_listnet", ([ZERO], [E1]), {"epsilon": 2.0}, log(2.0) + 1.0),
    ("pairwise_hinge", ([E2], [E1]), {"margin": 2.0}, 3.0),
    ("tversky", OVER, {"alpha": 0.25}, 0.2),
    ("tversky", UNDER, {"beta": 0.25}, 0.2),
    ("tversky", OVER, {"smooth": 1.0}, 0.2),
    ("dice", OVER, {"smooth": 1.0}, 0.25),
    ("focal_tversky", OVER, {"alpha": 1.0 / 3.0, "gamma": 0.5}, 0.5),
    ("focal_tversky", UNDER, {"beta": 1.0 / 3.0, "gamma": 0.5}, 0.5),
    ("vicreg", ([[0.0], [2.0]], [[1.0], [2.0]]),
        {"similar": 3.0, "spread": 0.0, "apart": 0.0}, 1.5),
    ("vicreg", ([[0.0], [0.0]], [[0.0], [0.0]]),
        {"similar": 0.0, "spread": 3.0, "apart": 0.0, "epsilon": 0.25}, 3.0),
    ("vicreg", (LINE, LINE), {"similar": 0.0, "spread": 0.0, "apart": 3.0}, 24.0),
    ("barlow_twins", (LINE, LINE), {"redundant": 0.125}, 0.25),
]  # fmt: skip

# loss, prediction, target, value, slope: where elsewhere it is nan, or wrong
EDGES = [
    ("binary_cross_entropy", inf, 1.0, 0.0, 0.0),
    ("binary_cross_entropy", -inf, 0.0, 0.0, 0.0),
    ("binary_cross_entropy", -inf, 1.0, inf, -1.0),
    ("binary_cross_entropy", inf, 0.0, inf, 1.0),
    ("binary_cross_entropy_probs", 0.0, 1.0, inf, -inf),
    ("binary_cross_entropy_probs", 0.0, 0.0, 0.0, 1.0),
    ("binary_cross_entropy_probs", 1.0, 1.0, 0.0, -1.0),
    ("huber", inf, 0.0, inf, 1.0),
    ("huber", -inf, 0.0, inf, -1.0),
    ("smooth_l1", inf, 0.0, inf, 1.0),
    ("log_cosh", -inf, 0.0, inf, -1.0),
    ("absolute_error", -inf, 0.0, inf, -1.0),
    ("logistic", inf, 1.0, 0.0, 0.0),
    ("logistic", -inf, 1.0, inf, -1.0),
    ("hinge", inf, 1.0, 0.0, 0.0),
    ("modified_huber", -1.0, 1.0, 4.0, -4.0),
    ("focal", inf, 1.0, 0.0, 0.0),
    ("focal", -inf, 1.0, inf, -1.0),
    ("brier", -inf, 1.0, 1.0, 0.0),
    ("savage", -inf, 1.0, 1.0, 0.0),
    ("poisson", -inf, 0.0, 0.0, 0.0),
    ("poisson_deviance", -inf, 0.0, 0.0, 0.0),
    ("tweedie", 0.0, 0.0, 2.0, 1.0),
    ("symmetric_percentage_error", 0.0, 0.0, 0.0, 0.0),
    ("symmetric_percentage_error", 3.0, 0.0, 2.0, 0.0),
    ("cross_entropy", [inf, 0.0], 0, 0.0, [0.0, 0.0]),
    ("cross_entropy", [inf, 0.0], 1, inf, [1.0, -1.0]),
    ("cross_entropy", [0.0, 0.0, -inf], 0, log(2.0), [-0.5, 0.5, 0.0]),
    ("cross_entropy", [0.0, 0.0, -inf], [0.5, 0.5, 0.0], log(2.0), [0.0, 0.0, 0.0]),
    ("cross_entropy", [0.0, 0.0, -inf], 2, inf, [0.5, 0.5, -1.0]),
    ("cross_entropy_probs", [0.5, 0.5, 0.0], 0, log(2.0), [-2.0, 0.0, 0.0]),
    ("focal_multiclass", [1000.0, 0.0], 0, 0.0, [0.0, 0.0]),
    ("focal_multiclass", [-800.0, 0.0], 0, 800.0, [-1.0, 1.0]),
    ("generalized_cross_entropy", [-inf, 0.0], 0, 1.0 / 0.7, [0.0, 0.0]),
    ("cosine_distance", [0.0, 0.0], [1.0, 2.0], 1.0, [0.0, 0.0]),
    ("dice", [0.0, 0.0], [0.0, 0.0], 0.0, [0.0, 0.0]),
    ("tversky", [0.0, 0.0], [0.0, 0.0], 0.0, [0.0, 0.0]),
]


def reduced(name, arrays, parameters):
    """The loss of the first example."""
    return np.ravel(losses.get(name)(*arrays, reduction="none", **parameters))[0]


@pytest.mark.parametrize(("name", "arrays", "parameters", "wanted"), PINNED)
def test_a_parameter_away_from_its_default_does_what_it_says(name, arrays, parameters, wanted):
    """As worked out by hand."""
    assert reduced(name, arrays, parameters) == pytest.approx(wanted, rel=1e-14, abs=1e-15)


def test_every_parameter_is_pinned():
    """No parameter of any loss here could change its meaning unseen."""
    pinned = {(name, parameter) for name, _, parameters, _ in PINNED for parameter in parameters}
    assert {(x.__name__, name) for x in OURS for name in x.parameters} <= pinned


@pytest.mark.parametrize(("name", "arrays", "parameters", "wanted"), PINNED)
def test_the_default_would_give_something_else(name, arrays, parameters, wanted):
    """So each example does look at its parameter."""
    loss = losses.get(name)
    for parameter in parameters:
        others = {k: v for k, v in parameters.items() if k != parameter}
        if len(parameters) == 1 or parameter == "margin":
            assert reduced(name, arrays, others) != pytest.approx(wanted, rel=1e-6)
    assert parameters.keys() <= loss.parameters.keys()


@pytest.mark.parametrize(("name", "x", "t", "value", "slope"), EDGES)
def test_an_edge_has_its_value_and_its_slope(name, x, t, value, slope):
    """Never nan where the loss is defined, at predictions of ±inf as well."""
    prediction = Value(np.array(x))
    with np.errstate(all="ignore"):
        loss = losses.get(name)(prediction, t)
        loss.backward()
    assert loss.item() == pytest.approx(value, rel=1e-15)
    np.testing.assert_allclose(prediction.grad, slope, rtol=1e-12, atol=1e-15)


CORNERS = [(x.__name__, point) for x in OURS for point in x.kinks]


@pytest.mark.parametrize(("name", "point"), CORNERS)
def test_every_declared_corner_has_the_smallest_slope_there_is(name, point):
    """One rule for all: 0, wherever 0 lies between the slopes of both sides."""
    assert grad(losses.get(name))(*point).item() == 0.0


def test_a_coincident_pair_and_a_tie_have_no_pull():
    """The same rule for distances and for the best of several."""
    x = np.ones((1, 2))
    pulled = grad(losses.contrastive)(x, x, np.zeros(1))
    np.testing.assert_array_equal(pulled.data, np.zeros((1, 2)))
    tied = grad(losses.multiclass_perceptron)(np.array([[1.0, 1.0, 0.0]]), [2])
    np.testing.assert_array_equal(tied.data, [[0.5, 0.5, -1.0]])


def test_all_paths_are_counted():
    """The chance of a path is its share of all paths; transitions can be learnt."""
    rng = np.random.default_rng(0)
    scores, transitions = rng.standard_normal((2, 4, 3)), rng.standard_normal((3, 3))
    labels = rng.integers(0, 3, (2, 4))

    def score(x, path):
        steps = sum(x[i, k] for i, k in enumerate(path))
        return steps + sum(transitions[a, b] for a, b in itertools.pairwise(path))

    for x, path, got in zip(
        scores, labels, losses.crf(scores, labels, transitions, reduction="none"), strict=True
    ):
        paths = itertools.product(range(3), repeat=4)
        every = math.fsum(math.exp(score(x, other)) for other in paths)
        assert got == pytest.approx(log(every) - score(x, path), rel=1e-14)
    learnt = Value(transitions)
    losses.crf(scores, labels, learnt).backward()
    seen = [
        (losses.crf(scores, labels, transitions + h) - losses.crf(scores, labels, transitions - h))
        / 2e-6
        for h in 1e-6 * np.eye(9).reshape(9, 3, 3)
    ]
    np.testing.assert_allclose(learnt.grad.ravel(), seen, atol=1e-9)
    with pytest.raises(LossError, match="crf takes labels from 0 to 2"):
        losses.crf(scores, labels + 3)


LIMITS = [
    ("smooth_l1", (0.75, 0.25), "beta", 0.0),
    ("tweedie", (0.5, 2.0), "power", 1.0),
    ("tweedie", (0.5, 2.0), "power", 2.0),
    ("generalized_cross_entropy", ([[0.5, 0.25, -1.0]], [1]), "q", 0.0),
    ("focal", (0.5, 1.0), "gamma", 0.0),
    ("focal_multiclass", ([[0.5, 0.25, -1.0]], [1]), "gamma", 0.0),
    ("power_error", (0.75, 0.25), "p", 1.0),
]


@pytest.mark.parametrize(("name", "arrays", "parameter", "limit"), LIMITS)
def test_a_parameter_is_continuous_at_its_limit(name, arrays, parameter, limit):
    """Beside a limit by 1e-13 the loss is the limit's to 1e-12, and so is its gradient."""
    loss = losses.get(name)
    lower = {"smooth_l1", "generalized_cross_entropy", "focal", "focal_multiclass", "power_error"}
    for step in (1e-13, 1e-15) if name in lower or limit == 1.0 else (1e-13, -1e-13):
        near = {parameter: limit + step}
        assert loss(*arrays, **near) == pytest.approx(
            loss(*arrays, **{parameter: limit}), rel=1e-12
        )
        slopes = [grad(lambda x, p=p: loss(x, *arrays[1:], **{parameter: p}))(np.array(arrays[0]))
                  for p in (limit, limit + step)]  # fmt: skip
        np.testing.assert_allclose(slopes[0].data, slopes[1].data, rtol=1e-11)


def test_limits_are_other_losses():
    """Tweedie's powers 1 and 2, gce's 0, focal's 0 and smooth L1's 0 have names of their own."""
    z, t = 0.5, 2.0
    assert losses.tweedie(z, t, power=1.0) == losses.poisson_deviance(z, t)
    assert losses.tweedie(z, t, power=2.0) == pytest.approx(losses.gamma_deviance(z, t), rel=1e-15)
    x, label = [[0.5, 0.25, -1.0]], [1]
    nll = losses.cross_entropy(x, label)
    assert losses.generalized_cross_entropy(x, label, q=0.0) == nll
    assert losses.focal_multiclass(x, label, gamma=0.0) == pytest.approx(nll, rel=1e-15)
    assert losses.focal(z, 1.0, gamma=0.0) == losses.binary_cross_entropy(z, 1.0)
    assert losses.smooth_l1(z, t, beta=0.0) == losses.absolute_error(z, t)


@pytest.mark.parametrize("distance", [10.0**-k for k in range(1, 17)])
def test_near_its_least_value_no_loss_is_below_it(distance):
    """Where others round to less than 0: just beside what is right."""
    for loss in OURS:
        if loss.minimum is None or loss.domain.allows is not None or loss.coupled:
            continue
        arrays = example(loss, np.random.default_rng(0), 4)
        near = arrays[0] * distance
        if loss.targets and loss.targets[0] in ("same", "prediction"):
            near = arrays[1] * (1.0 + distance)
        for dtype in (np.float64, np.float32):
            least = np.min(loss(near.astype(dtype), *arrays[1:], reduction="none"))
            assert least >= loss.minimum, loss.__name__


EXACT = ["squared_error", "huber", "log_cosh", "pseudo_huber", "periodic", "logistic_error"]


@pytest.mark.parametrize("name", [*EXACT, "cosine_distance"])
def test_what_is_exactly_right_costs_exactly_nothing(name):
    """Also after the rounding of three digits or sixteen."""
    x = np.array([[0.1, -3.3, 1e8]])
    assert losses.get(name)(x, x) == 0.0


@pytest.mark.parametrize("t", [0.3, 3.0, 1e6])
def test_deviances_are_0_at_the_target_and_never_below(t):
    """Where t log(t / mean) - t + mean would round to either side of 0."""
    for name in ("poisson_deviance", "gamma_deviance", "tweedie"):
        for step in (0.0, 1e-12, -1e-9, 1e-6, -1e-3):
            assert losses.get(name)(log(t) + step, t) >= 0.0
        assert losses.get(name)(log(t), t) == 0.0
    assert losses.gaussian_kl(0.0, 0.0) == 0.0
    assert losses.gaussian_kl(np.float32(0.0), np.float32(1e-4)) == pytest.approx(2.5e-9, rel=1e-4)


@pytest.mark.parametrize("name", ["squared_error", "cross_entropy", "binary_cross_entropy"])
def test_a_model_that_has_diverged_is_seen_to(name):
    """nan in a prediction is no mistake of the caller's, and shows."""
    arrays = example(losses.get(name), np.random.default_rng(0), 3)
    arrays[0][0] = nan
    with np.errstate(all="ignore"):
        assert np.isnan(losses.get(name)(*arrays))
