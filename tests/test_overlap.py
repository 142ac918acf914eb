"""Sets, samples and boxes against counting: every set, every order, every corner."""

import itertools
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tinygrad_neuron import grad, losses, softmax
from tinygrad_neuron.errors import BroadcastError, LossError

few = settings(max_examples=40)
MASKS = [np.array(m, float) for m in itertools.product([0, 1], repeat=5)]


def jaccard(one, other):
    """What is in only one, as a share of what is in either, by counting."""
    either = np.logical_or(one, other).sum()
    return float(Fraction(int(np.not_equal(one, other).sum()), int(either))) if either else 0.0


# ---------------------------------------------------------------------------------- masks


@pytest.mark.parametrize("truth", MASKS, ids=lambda m: "".join(map(str, m.astype(int))))
def test_lovasz_is_jaccard_on_every_set(truth):
    """An extension agrees with what it extends: twice, for an error of the hinge is 2."""
    for mask in MASKS:
        value = losses.lovasz_hinge(2 * mask - 1, 2 * truth - 1)
        assert value == pytest.approx(2 * jaccard(mask, truth), rel=1e-15)


@few
@given(seed=st.integers(0, 2**32 - 1))
def test_lovasz_is_convex_between_sets(seed):
    """Greedily summed, largest error first, as Lovász has it; and never above the chord."""
    rng = np.random.default_rng(seed)
    labels = rng.choice([-1.0, 1.0], 6)
    a, b = 2 * rng.normal(size=(2, 6))
    middle = losses.lovasz_hinge((a + b) / 2, labels)
    assert middle <= (losses.lovasz_hinge(a, labels) + losses.lovasz_hinge(b, labels)) / 2 + 1e-12
    errors = np.maximum(0.0, 1.0 - labels * a)
    chosen, total, before = np.zeros(6, bool), 0.0, 0.0
    for k in np.argsort(-errors, kind="stable"):
        chosen[k] = True
        now = jaccard((labels > 0) ^ chosen, labels > 0)
        total, before = total + errors[k] * (now - before), now
    assert losses.lovasz_hinge(a, labels) == pytest.approx(total, rel=1e-13, abs=1e-15)


def test_lovasz_softmax_is_the_mean_over_the_classes_there():
    """Each class as a mask of its own, with its errors in the shares; absent ones have no say."""
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(size=(2, 6, 4)), rng.integers(0, 3, (2, 6))
    each = losses.lovasz_softmax(scores, labels, reduction="none")
    for x, y, mine in zip(softmax(scores), labels, each, strict=True):
        parts = []
        for k in np.unique(y):
            errors = np.where(y == k, 1.0 - x[:, k], x[:, k])
            # the hinge of these scores has these errors
            sign = np.where(y == k, 1.0, -1.0)
            parts.append(losses.lovasz_hinge(sign * (1.0 - errors), sign))
        assert mine == pytest.approx(np.mean(parts), rel=1e-13)
    assert losses.lovasz_softmax(scores.astype(np.float32), labels).dtype == np.float32


def test_lovasz_learns():
    """Following the gradient the wrong pixels change sides."""
    labels = np.array([1.0, 1.0, -1.0, -1.0, -1.0])
    x = np.array([-1.0, 0.5, 0.5, -2.0, 1.0])
    for _ in range(200):
        x = x - 0.1 * grad(losses.lovasz_hinge)(x, labels).data
    assert np.all(np.sign(x) == labels)


def test_masks_by_counting():
    """Jaccard's loss of sets, of several axes, and with one set more in the denominator."""
    for one, other in itertools.product(MASKS[::5], MASKS[::3]):
        assert losses.jaccard(one, other) == pytest.approx(jaccard(one, other), rel=1e-15)
    images = np.stack([MASKS[9], MASKS[14], MASKS[3]]), np.stack([MASKS[8], MASKS[12], MASKS[3]])
    assert losses.jaccard(*images, axis=(0, 1)) == jaccard(*images)


def test_classes_that_are_not():
    """A label beyond the classes, or not one for each pixel."""
    with pytest.raises(LossError, match="labels"):
        losses.lovasz_softmax(np.zeros((2, 3)), [0, 3])
    with pytest.raises(BroadcastError):
        losses.lovasz_softmax(np.zeros((2, 3)), [0, 1, 1])


# -------------------------------------------------------------------------------- samples


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0])
def test_wasserstein_is_the_cheapest_of_all_pairings(p):
    """120 ways to pair five with five."""
    rng = np.random.default_rng(1)
    x, t = 2 * rng.normal(size=(2, 5))
    cheapest = min(np.mean(np.abs(x - t[list(o)]) ** p) for o in itertools.permutations(range(5)))
    assert losses.wasserstein(x, t, p=p) == pytest.approx(cheapest, rel=1e-14)


def test_wasserstein_of_samples_is_the_area_between_their_steps():
    """And that of two histograms on whole numbers is `earth_mover`."""
    rng = np.random.default_rng(2)
    x, t = rng.integers(0, 5, (2, 40)).astype(float)
    counts = [np.bincount(v.astype(int), minlength=5) / 40 for v in (x, t)]
    assert losses.wasserstein(x, t) == pytest.approx(losses.earth_mover(*counts), rel=1e-13)


def test_equal_samples_share_what_they_are_owed():
    """Two at 0, of which one belongs to -1 and one to 2: neither is pulled more."""
    slope = grad(losses.wasserstein)(np.zeros(2), np.array([-1.0, 2.0]))
    np.testing.assert_array_equal(slope.data, [0.0, 0.0])
    slope = grad(lambda x: losses.wasserstein(x, np.array([-1.0, 2.0]), p=2.0))(np.zeros(2))
    np.testing.assert_array_equal(slope.data, [-0.5, -0.5])


# ----------------------------------------------------------------------------------- boxes


def counted(a, b):
    """Areas shared, of both, and around both, by counting unit squares; and the sides around."""
    cells = [
        set(itertools.product(range(int(x0), int(x1)), range(int(y0), int(y1))))
        for x0, y0, x1, y1 in (a, b)
    ]
    low, high = np.minimum(a[:2], b[:2]), np.maximum(a[2:], b[2:])
    return len(cells[0] & cells[1]), len(cells[0] | cells[1]), np.prod(high - low), high - low


boxes = st.tuples(*(st.integers(-4, 4),) * 2, *(st.integers(1, 5),) * 2).map(
    lambda v: np.array([v[0], v[1], v[0] + v[2], v[1] + v[3]], float)
)


@few
@given(boxes, boxes)
def test_boxes_by_counting_squares(a, b):
    """All four, for boxes with whole corners, apart, touching, one in the other."""
    shared, both, around, diagonal = counted(a, b)
    apart = 1 - shared / both
    centres = (a[:2] + a[2:] - b[:2] - b[2:]) / 2
    distance = np.sum(centres**2) / np.sum(diagonal**2)
    (w, h), (v, g) = a[2:] - a[:2], b[2:] - b[:2]
    shape = float(4 / mpmath.pi**2 * (mpmath.atan2(w, h) - mpmath.atan2(v, g)) ** 2)
    weight = shape / (apart + shape) if apart + shape else 0.0
    wanted = {
        "box_iou": apart,
        "box_giou": apart + (around - both) / around,
        "box_diou": apart + distance,
        "box_ciou": apart + distance + weight * shape,
    }
    for name, value in wanted.items():
        assert losses.get(name)(a, b) == pytest.approx(value, rel=1e-14, abs=4e-16)


@pytest.mark.parametrize("name", ["box_iou", "box_giou", "box_diou", "box_ciou"])
@few
@given(boxes, boxes, st.floats(0.25, 4.0), st.floats(-3.0, 3.0))
def test_boxes_elsewhere_and_in_other_units(name, a, b, unit, shift):
    """A loss of boxes knows neither place nor size; and both are 0 apart from themselves."""
    loss = losses.get(name)
    assert loss(unit * a + shift, unit * b + shift) == pytest.approx(loss(a, b), abs=1e-13)
    assert loss(a, a) == 0.0
    assert not grad(loss)(a, a).data.any()


@pytest.mark.parametrize("name", ["box_iou", "box_giou", "box_diou", "box_ciou"])
def test_boxes_without_area_or_order(name):
    """Degenerate and inverted predictions have a number and a slope, such targets are refused."""
    loss, target = losses.get(name), np.array([0.0, 0.0, 2.0, 2.0])
    for box in ([1.0, 1.0, 1.0, 1.0], [3.0, 3.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]):
        value, slope = loss(np.array(box), target), grad(loss)(np.array(box), target).data
        assert np.isfinite(value)
        assert np.isfinite(slope).all()
    if name != "box_iou":
        assert grad(loss)(np.array([5.0, 5.0, 6.0, 6.0]), target).data.any()
    with pytest.raises(LossError, match="end beyond"):
        loss(target, target[::-1])
