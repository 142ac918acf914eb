"""CTC against every alignment written out, and for what may be infinite, empty or too long."""

import itertools
import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import tinygrad_neuron as tn
from tinygrad_neuron import Value, grad, hessian, value_and_grad
from tinygrad_neuron.errors import BroadcastError, LossError
from tinygrad_neuron.losses import ctc, get

few = settings(max_examples=25)


# ------------------------------------------------------------------------------ the oracle


def spelled(path, blank):
    """What a path says: repeated classes once, and no blanks."""
    return [k for k, _ in itertools.groupby(path) if k != blank]


def alignments(frames, classes, labels, blank=0):
    """All the paths that spell the labels."""
    paths = itertools.product(range(classes), repeat=frames)
    return [path for path in paths if spelled(path, blank) == list(labels)]


def by_hand(x, labels, blank=0):
    """Loss and gradient in many digits, from the sum over the alignments one by one."""
    frames, classes = x.shape
    with mpmath.workdps(60):
        e = [[mpmath.exp(mpmath.mpf(float(v))) for v in row] for row in x]
        p = [[v / mpmath.fsum(row) for v in row] for row in e]
        weights = {
            path: mpmath.fprod(p[t][k] for t, k in enumerate(path))
            for path in alignments(frames, classes, labels, blank)
        }
        total = mpmath.fsum(weights.values())
        if not total:
            return math.inf, np.zeros_like(x)
        slope = [
            [
                p[t][k] - mpmath.fsum(w for path, w in weights.items() if path[t] == k) / total
                for k in range(classes)
            ]
            for t in range(frames)
        ]
        return float(-mpmath.log(total)), np.array(slope, float)


@st.composite
def sequences(draw):
    """Scores of a few frames, labels with repeats, and any class for the blank."""
    frames, classes = draw(st.integers(1, 5)), draw(st.integers(2, 3))
    blank = draw(st.integers(0, classes - 1))
    others = [k for k in range(classes) if k != blank]
    labels = draw(st.lists(st.sampled_from(others), max_size=4))
    scores = st.floats(-30, 30, width=32)
    x = draw(st.lists(scores, min_size=frames * classes, max_size=frames * classes))
    return np.array(x).reshape(frames, classes), labels, blank


# ------------------------------------------------------------------------ value and slopes


@few
@given(sequences())
def test_value_and_gradient_are_those_of_all_alignments(case):
    """To rounding, with repeated labels, empty ones, and ones that do not fit."""
    x, labels, blank = case
    value, slope = value_and_grad(lambda x: ctc(x, np.array(labels, int), blank=blank))(x)
    wanted, wanted_slope = by_hand(x, labels, blank)
    assert value.item() == pytest.approx(wanted, rel=1e-14, abs=1e-15)
    np.testing.assert_allclose(slope.data, wanted_slope, rtol=1e-13, atol=1e-15)


def test_a_model_that_is_right_is_still_told_so():
    """At a gap of 40 the loss is three times 4.2e-18, and its gradient as small; not 0."""
    x = np.array([[0.0, 40.0], [40.0, 0.0], [0.0, 40.0]])
    value, slope = value_and_grad(lambda x: ctc(x, [1, 1]))(x)
    small = math.log1p(math.exp(-40.0))
    assert value.item() == pytest.approx(3 * small, rel=1e-15)
    np.testing.assert_allclose(np.abs(slope.data), small, rtol=1e-12)


def test_scores_of_any_size():
    """A thousand apart, frame after frame: no exponential over- or underflows."""
    x = np.array([[1000.0, -1000.0, 0.0], [-1000.0, 1000.0, 0.0], [0.0, 0.0, -1000.0]])
    value, slope = value_and_grad(lambda x: ctc(x, [2, 1]))(x)
    wanted, wanted_slope = by_hand(x, [2, 1])
    assert value.item() == pytest.approx(wanted, rel=1e-15)
    np.testing.assert_allclose(slope.data, wanted_slope, rtol=1e-13, atol=1e-300)


def test_its_second_derivative():
    """The Hessian is the slope of the gradient, and symmetric; for two of different lengths."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, 4, 3))

    def loss(x):
        return ctc(x, [[1, 1], [2, -1]], [4, 3], reduction="sum")

    size, step = x.size, 2.0**-17
    second = hessian(loss)(x).data.reshape(size, size)
    np.testing.assert_allclose(second, second.T, rtol=0, atol=1e-14)
    units = np.eye(size).reshape(size, *x.shape) * step
    seen = [(grad(loss)(x + u).data - grad(loss)(x - u).data) / (2 * step) for u in units]
    np.testing.assert_allclose(second, np.reshape(seen, (size, size)), rtol=0, atol=1e-8)


def test_a_third_derivative():
    """Along one line, against difference quotients of the second."""
    rng = np.random.default_rng(2)
    x, way = rng.normal(size=(3, 3)), rng.normal(size=(3, 3))

    def along(t):
        return ctc(x + t * way, [1, 2])

    third, step = grad(grad(grad(along))), 2.0**-13
    seen = (grad(grad(along))(step).item() - grad(grad(along))(-step).item()) / (2 * step)
    assert third(0.0).item() == pytest.approx(seen, rel=1e-6)


def test_a_long_sequence_against_a_sum_of_products():
    """100 frames and 20 labels: the forward recursion with plain probabilities in many digits."""
    rng = np.random.default_rng(3)
    x, labels = 2.0 * rng.normal(size=(100, 8)), rng.integers(1, 8, 20)
    wanted = recursion(x, labels)
    assert ctc(x, labels) == pytest.approx(wanted, rel=1e-14)
    single = ctc(x.astype(np.float32), labels)
    assert single.dtype == np.float32
    assert single == pytest.approx(wanted, rel=1e-6)


def recursion(x, labels):
    """The textbook's alpha, without logarithms."""
    with mpmath.workdps(50):
        states = [0, *itertools.chain.from_iterable((int(k), 0) for k in labels)]
        alpha = [mpmath.mpf(k == 0) for k in range(len(states))]
        for t, row in enumerate(x):
            e = [mpmath.exp(mpmath.mpf(v)) for v in row]
            p = [v / mpmath.fsum(e) for v in e]
            before = alpha
            alpha = []
            for s, k in enumerate(states):
                into = before[s] + (before[s - 1] if s else 0)
                if s > 1 and k and k != states[s - 2]:
                    into += before[s - 2]
                if t == 0:
                    into = mpmath.mpf(s < 2)
                alpha.append(into * p[k])
        return float(-mpmath.log(alpha[-1] + alpha[-2]))


# ------------------------------------------------------------------------------ the edges


@pytest.mark.parametrize("labels", [[1, 1], [1, 2, 1]])
def test_labels_that_do_not_fit(labels):
    """Two frames have no room for a repeated label: inf, with gradient 0 and Hessian 0."""
    x = np.zeros((2, 3))
    value, slope = value_and_grad(lambda x: ctc(x, labels))(x)
    assert value.item() == math.inf
    assert not slope.data.any()
    assert not hessian(lambda x: ctc(x, labels))(x).data.any()


def test_one_that_does_not_fit_beside_one_that_does():
    """The other one's gradient is its own."""
    x = np.random.default_rng(4).normal(size=(2, 3, 3))
    both = grad(lambda x: ctc(x, [[1, 1, 1], [1, 2, -1]], reduction="sum"))(x).data
    assert not both[0].any()
    np.testing.assert_array_equal(both[1], grad(lambda x: ctc(x, [1, 2]))(x[1]).data)


def test_no_labels():
    """Every frame must be blank: the sum of their cross-entropies."""
    x = np.random.default_rng(5).normal(size=(4, 3))
    blank = -tn.log_softmax(x)[:, 0].sum()
    assert ctc(x, np.zeros(0, int)) == pytest.approx(blank, rel=1e-15)
    assert ctc(x, [-1, -1]) == pytest.approx(blank, rel=1e-15)


def test_a_class_that_is_excluded():
    """A score of -inf: no path goes there, and a label there is impossible."""
    x = np.array([[0.0, 1.0, -np.inf]] * 3)
    value, slope = value_and_grad(lambda x: ctc(x, [1]))(x)
    assert value.item() == pytest.approx(by_hand(x[:, :2], [1])[0], rel=1e-15)
    np.testing.assert_allclose(slope.data[:, :2], by_hand(x[:, :2], [1])[1], rtol=1e-14)
    assert not slope.data[:, 2].any()
    value, slope = value_and_grad(lambda x: ctc(x, [2]))(x)
    assert value.item() == math.inf
    assert np.isfinite(slope.data).all()


@few
@given(seed=st.integers(0, 2**32 - 1))
def test_a_batch_is_its_members(seed):
    """Of whatever lengths: what lies beyond them, be it nan, reaches neither value nor gradient."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3, 6, 4))
    lengths, counts = rng.integers(1, 7, 3), rng.integers(0, 4, 3)
    labels = np.where(np.arange(3) < counts[:, None], rng.integers(1, 4, (3, 3)), -1)
    x[np.arange(6) >= lengths[:, None]] = np.nan
    each = ctc(x, labels, lengths, reduction="none")
    slopes = grad(lambda x: ctc(x, labels, lengths, reduction="sum"))(x).data
    for i in range(3):
        alone, mine = x[i, : lengths[i]], labels[i, : counts[i]]
        assert each[i] == pytest.approx(float(ctc(alone, mine)), rel=1e-14)
        np.testing.assert_allclose(
            slopes[i, : lengths[i]], grad(lambda x, t=mine: ctc(x, t))(alone).data, atol=1e-14
        )
        assert not slopes[i, lengths[i] :].any()


def test_reduction_weights_and_masks():
    """As for every other loss: a mean over sequences, and none of one that is masked."""
    x = np.random.default_rng(6).normal(size=(3, 4, 3))
    labels, lengths = [[1, 2], [1, -1], [2, 2]], [4, 2, 3]
    each = ctc(x, labels, lengths, reduction="none")
    weight = np.array([1.0, 0.0, 3.0])
    assert ctc(x, labels, lengths) == pytest.approx(each.mean())
    assert ctc(x, labels, lengths, weight=weight) == pytest.approx((each[0] + 3 * each[2]) / 4)
    assert ctc(x, labels, lengths=lengths, mask=[True, False, False]) == pytest.approx(each[0])
    stacked = ctc(x[None], np.array(labels)[None], [lengths], reduction="none")
    np.testing.assert_array_equal(stacked, each[None])
    assert get("CTCLoss") is get("ctc_loss") is ctc


@pytest.mark.parametrize(
    ("labels", "lengths", "says"),
    [
        ([[1, 3]], None, r"labels\[0\] has 3 at place 1"),
        ([[0, 1]], None, r"labels\[0\] has 0 at place 0"),
        ([[-1, 1]], None, r"labels\[0\] has 1 at place 1"),
        ([[-2, -1]], None, r"labels\[0\] is -2|-2"),
        ([[1, 2]], [5], "lengths reach from 5 to 5, and there are 4 frames"),
        ([[1, 2]], [0], "0"),
        ([[1.0, 2.0]], None, "float64"),
    ],
)
def test_what_is_refused(labels, lengths, says):
    """Labels and lengths that cannot be meant, by their place."""
    with pytest.raises((LossError, BroadcastError), match=says):
        ctc(Value(np.zeros((1, 4, 3))), np.array(labels), lengths and np.array(lengths))


def test_shapes_and_the_blank():
    """One row of labels for each sequence, and a blank that is a class."""
    with pytest.raises(BroadcastError):
        ctc(np.zeros((2, 4, 3)), [[1, 2]])
    with pytest.raises(BroadcastError):
        ctc(np.zeros((2, 4, 3)), [[1, 2], [1, 2]], [4])
    with pytest.raises(LossError, match="blank is 3"):
        ctc(np.zeros((4, 3)), [1, 2], blank=3)
