"""What every loss does alike: reductions, weights, masks, labels, shapes, and what it refuses."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tinygrad_neuron import Value, grad, history, log_softmax, losses, vmap
from tinygrad_neuron.errors import BroadcastError, LossError, TinygradNeuronError
from tinygrad_neuron.graph import plain
from tinygrad_neuron.losses.description import example

EACH = pytest.mark.parametrize("loss", losses.LOSSES.values(), ids=losses.LOSSES)
ALONE = [x for x in losses.LOSSES.values() if not x.coupled and x.rows < 2]
INDEPENDENT = pytest.mark.parametrize("loss", ALONE, ids=lambda x: x.__name__)
CLASSES = [x for x in losses.LOSSES.values() if x.over_classes]
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=6)


def drawn(loss, seed=0, count=5):
    """Arrays a loss is defined for."""
    return example(loss, np.random.default_rng(seed), count)


def each_of(loss, arrays, **more):
    """The loss of each example."""
    return np.asarray(plain(loss(*arrays, reduction="none", **more)))


# ------------------------------------------------------------------------------- reductions


@EACH
def test_mean_sum_and_parts_are_those_of_the_losses(loss):
    """One mechanism, so one meaning: Σwl / Σw, Σwl, and both."""
    arrays = drawn(loss)
    each = each_of(loss, arrays)
    w = np.random.default_rng(1).uniform(0.5, 2.0, each.shape)
    assert loss(*arrays) == pytest.approx(each.mean(), rel=1e-12)
    assert loss(*arrays, reduction="sum") == pytest.approx(each.sum(), rel=1e-12)
    assert loss(*arrays, weight=w) == pytest.approx((w * each).sum() / w.sum(), rel=1e-12)
    total, weight = loss(*arrays, weight=w, reduction="parts")
    assert (total, weight) == (pytest.approx((w * each).sum()), pytest.approx(w.sum()))
    np.testing.assert_allclose(each_of(loss, arrays, weight=w), w * each, rtol=1e-12)


@INDEPENDENT
@few
@given(seed=seeds, cut=st.integers(1, 6))
def test_micro_batches_add_up_exactly(loss, seed, cut):
    """The mean of means is another number where batches differ; parts are not."""
    arrays = drawn(loss, seed, 7)
    w = np.random.default_rng(seed).uniform(0.1, 3.0, 7)
    parts = [
        loss(*(x[s] for x in arrays), weight=w[s], reduction="parts")
        for s in (slice(cut), slice(cut, None))
    ]
    total, weight = (sum(part) for part in zip(*parts, strict=True))
    assert total / weight == pytest.approx(loss(*arrays, weight=w), rel=7 * 2**-51, abs=1e-300)


def test_half_precision_is_added_up_in_single():
    """70,000 ones are more than float16 can hold, and their mean is 1."""
    x, t = Value(np.ones(70_000, np.float16)), np.zeros(70_000, np.float16)
    assert losses.mse(x, t).item() == 1.0
    assert losses.mse(x, t).dtype == np.float16
    assert losses.mse(x, t, weight=np.ones(70_000)).item() == 1.0
    assert losses.mse(x, t, reduction="sum").item() == 70_000.0


@pytest.mark.parametrize(("empty", "value"), [("zero", 0.0), ("nan", np.nan)])
def test_the_mean_of_nothing_is_what_was_asked_for(empty, value):
    """An error unless said otherwise; its gradient is 0 either way."""
    x = Value([1.0, np.nan])
    loss = losses.mse(x, [0.0, 0.0], mask=[False, False], empty=empty)
    loss.backward()
    np.testing.assert_equal(loss.item(), value)
    np.testing.assert_array_equal(x.grad, [0.0, 0.0])
    for nothing in ({"mask": [0, 0]}, {"weight": [0.0, 0.0]}):
        with pytest.raises(LossError, match=r"all 2 examples are masked, ignored or have weight 0"):
            losses.mse(Value([1.0, 2.0]), [0.0, 0.0], **nothing)


# ---------------------------------------------------------------------------- weights, masks


@INDEPENDENT
@few
@given(seed=seeds, keep=st.lists(st.booleans(), min_size=5, max_size=5).filter(any))
def test_a_mask_is_leaving_out_to_the_bit(loss, seed, keep):
    """Value and gradient are those of the rest alone, whatever lies behind the mask."""
    keep = np.array(keep)
    arrays = drawn(loss, seed)
    poisoned = [np.copy(x) for x in arrays]
    for x in poisoned:
        x[~keep] = np.nan if x.dtype.kind == "f" else -7
    first, rest = poisoned[0], poisoned[1:]
    wanted = loss(*(x[keep] for x in arrays))
    assert loss(first, *rest, mask=keep) == wanted
    assert loss(first, *rest, weight=keep.astype(float)) == pytest.approx(wanted, rel=1e-14)
    slope = grad(lambda p: loss(p, *rest, mask=keep))(first).data
    others = [x[keep] for x in arrays[1:]]
    np.testing.assert_array_equal(slope[keep], grad(loss)(arrays[0][keep], *others).data)
    np.testing.assert_array_equal(slope[~keep], np.zeros_like(slope[~keep]))
    np.testing.assert_array_equal(each_of(loss, poisoned, mask=keep)[~keep], 0.0)


def test_what_led_to_a_masked_nan_is_owed_nothing():
    """log(-1) behind a mask does not reach its weight as nan."""
    w = Value([-1.0, 2.0])
    with np.errstate(all="ignore"):
        losses.mse(w.log(), [0.0, 0.0], mask=[False, True]).backward()
    np.testing.assert_allclose(w.grad, [0.0, np.log(2.0)])


def test_masks_weights_and_ignored_rows_leave_out_together():
    """Each for itself: what any of them leaves out is not there."""
    x, t = np.array([1.0, 2.0, 3.0, 4.0]), np.zeros(4)
    more = {"weight": [0.0, 1.0, 2.0, 3.0], "mask": [True, False, True, True]}
    assert losses.mse(x, t, **more) == pytest.approx((2.0 * 9.0 + 3.0 * 16.0) / 5.0)
    scores, labels = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0], [0.0, 5.0]]), [0, 1, -1, 0]
    both = losses.cross_entropy(scores, labels, ignore_index=-1, **more)
    assert both == losses.cross_entropy(scores[3:], labels[3:])


def test_weights_can_be_learnt():
    """A Value of weights has a gradient: the loss of each less the mean, over the sum."""
    w = Value([1.0, 3.0])
    losses.mse([1.0, 2.0], [0.0, 0.0], weight=w).backward()
    np.testing.assert_allclose(w.grad, (np.array([1.0, 4.0]) - 3.25) / 4.0)


# ------------------------------------------------------------------------------------ labels


@pytest.mark.parametrize("loss", CLASSES, ids=lambda x: x.__name__)
@few
@given(seed=seeds, smoothing=st.sampled_from([0.0, 0.1, 1.0]), weighted=st.booleans())
def test_labels_and_shares_of_0_and_1_agree(loss, seed, smoothing, weighted):
    """Also with class weights and with smoothing, in every reduction."""
    x, t = drawn(loss, seed)
    more = {"label_smoothing": smoothing, "class_weight": [0.5, 1.0, 3.0] if weighted else None}
    try:
        shares = loss(x, np.eye(3)[t], **more)
    except LossError as error:
        assert "takes labels alone" in str(error)
        return
    assert loss(x, t, **more) == pytest.approx(shares, rel=1e-13)
    np.testing.assert_allclose(
        each_of(loss, (x, t), **more), each_of(loss, (x, np.eye(3)[t]), **more), rtol=1e-13
    )


def test_a_row_of_shares_weighs_what_its_classes_weigh():
    """In their shares: a quarter of 1 and three quarters of 3 are 2.5."""
    x, t = np.array([[0.0, 1.0], [0.5, 0.0]]), np.array([[0.25, 0.75], [1.0, 0.0]])
    each = losses.cross_entropy(x, t, reduction="none")
    total, weight = losses.cross_entropy(x, t, class_weight=[1.0, 3.0], reduction="parts")
    assert weight == 3.5
    assert total == pytest.approx(2.5 * each[0] + each[1], rel=1e-14)


def test_class_weights_leave_what_smoothing_asks_for_alone():
    """The least cross-entropy of a row is still where p is the smoothed target."""
    target = 0.9 * np.eye(3)[[0]] + 0.1 / 3.0
    slope = grad(losses.cross_entropy)
    pulled = slope(np.log(target), [0], label_smoothing=0.1, class_weight=[5.0, 1.0, 1.0])
    np.testing.assert_allclose(pulled.data, 0.0, atol=1e-16)


def test_ignored_rows_are_masked_rows():
    """`ignore_index` removes rows; nothing is ignored unasked."""
    x, t = np.array([[1.0, 2.0], [0.5, 0.0], [3.0, 1.0]]), np.array([0, -100, 1])
    ignored = losses.cross_entropy(x, t, ignore_index=-100, class_weight=[1.0, 2.0])
    assert ignored == losses.cross_entropy(x[[0, 2]], t[[0, 2]], class_weight=[1.0, 2.0])
    with pytest.raises(LossError, match=r"t\[1\] is -100; cross_entropy takes labels from 0 to 1"):
        losses.cross_entropy(x, t)


def test_classes_that_are_not_allowed_take_no_share():
    """Neither in the denominator nor of what smoothing spreads."""
    x, t = np.array([[1.0, 9.0, 2.0]]), [0]
    allowed = [True, False, True]
    assert losses.cross_entropy(x, t, classes=allowed, label_smoothing=0.2) == pytest.approx(
        losses.cross_entropy(x[:, [0, 2]], t, label_smoothing=0.2)
    )


def test_classes_may_lie_on_another_axis():
    """Pictures of classes: (N, C, H, W) beside labels (N, H, W)."""
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((2, 3, 4, 5)), rng.integers(0, 3, (2, 4, 5))
    wanted = losses.cross_entropy(np.moveaxis(x, 1, -1), t)
    assert losses.cross_entropy(x, t, axis=1) == wanted
    p = rng.uniform(size=(2, 4, 5))
    flat = losses.dice(p.reshape(2, -1), (p > 0.5).reshape(2, -1).astype(float))
    assert losses.dice(p, (p > 0.5).astype(float), axis=(1, 2)) == pytest.approx(flat, rel=1e-14)


# ------------------------------------------------------------------------------- what is refused


@EACH
def test_no_loss_broadcasts(loss):
    """Every array beside the prediction has its shape, or one entry for each row."""
    first, *others = drawn(loss)
    for i, x in enumerate(others):
        for wrong in (x[:, None], x[:1], x[None], x[0]):
            with pytest.raises((BroadcastError, LossError)):
                loss(first, *others[:i], wrong, *others[i + 1 :])
    with pytest.raises(BroadcastError, match="one entry for each loss"):
        loss(first, *others, weight=1.0 if loss.rows < 2 else np.ones(3))


REFUSED = [
    (lambda: losses.cross_entropy(np.eye(3) * 2, [0, 1, 3]),
        "target[2] is 3; cross_entropy takes labels from 0 to 2.", "ignore_index=3"),
    (lambda: losses.cross_entropy(np.eye(3) * 2, np.array([[0], [1], [2]])),
        "target holds whole numbers, so it is read as labels, and has shape (3, 1) instead of (3,)",
        "target.reshape((3,))"),
    (lambda: losses.cross_entropy(np.eye(3) * 2, np.eye(3, dtype=int)),
        "target has the prediction's own shape (3, 3) and holds only 0 and 1.", "argmax(-1)"),
    (lambda: losses.cross_entropy(np.eye(3) * 2, np.array([0.7, 1.0, 2.0])),
        "target holds fractions, so it is read as shares of the classes", "astype(int)"),
    (lambda: losses.cross_entropy(np.eye(3) * 2, np.full((3, 3), 3.0)),
        "target has rows that sum to 9 to 9, and its least entry is 3", "keepdims=True"),
    (lambda: losses.cross_entropy(np.full((2, 2), -np.inf), [0, 1]),
        "Row (0,) of the scores holds nothing but -inf.", "mask="),
    (lambda: losses.mse(np.ones(3), [1.0, np.nan, 2.0]),
        "target[1] is nan (nan: 1 of 3); squared_error takes numbers.", "mask=~np.isnan(target)"),
    (lambda: losses.binary_cross_entropy_probs(np.array([0.5, 3.2]), [1.0, 0.0]),
        "probs[1] is 3.2; binary_cross_entropy_probs takes probabilities, from 0 to 1.", "sigmoid"),
    (lambda: losses.poisson(np.zeros(2), [1.0, -1.0]),
        "target[1] is -1; poisson takes targets from 0 on.", "prediction first"),
    (lambda: losses.absolute_percentage_error(np.ones(2), [1.0, 0.0]),
        "target[1] is 0; absolute_percentage_error takes targets other than 0.", ""),
    (lambda: losses.squared_log_error(np.ones(2), [1.0, -1.0]),
        "target[1] is -1; squared_log_error takes numbers above -1.", ""),
    (lambda: losses.tweedie(np.zeros(2), [1.0, 0.0], power=2.5),
        "A target is 0, and the law with power 2.5 has none.", "power=1.5"),
    (lambda: losses.mse(np.array([1, 2]), [1, 2]),
        "prediction is an array of int64.", "astype(float)"),
    (lambda: losses.mse(np.ones(2), [1.0, 2.0], weight=[1.0, -1.0]),
        "weight has -1 among its numbers.", "np.abs(weight)"),
    (lambda: losses.mse(np.ones(2), Value([1.0, 2.0])),
        "target carries a gradient and prediction does not: are they swapped?",
        "squared_error(prediction, target)"),
    (lambda: losses.quantile(1.0, 0.0, q=1.0), "q is 1.0.", "q=0.5"),
    (lambda: losses.focal(1.0, 0.0, gamma=-1.0), "gamma is -1.0.", "gamma=2.0"),
    (lambda: losses.triplet(*np.ones((3, 1, 2)), margin=-1.0), "margin is -1.0.", "margin=1.0"),
    (lambda: losses.cross_entropy(np.eye(2) * 3, [0, 1], label_smoothing=1.5),
        "label_smoothing is 1.5.", "label_smoothing=0.1"),
    (lambda: losses.mse(1.0, 0.0, reduction="avg"), "reduction is 'avg'.", "'mean', 'sum'"),
    (lambda: losses.sup_con(np.ones((2, 2)), [0.0, 1.0]), "holds labels", "astype(int)"),
]  # fmt: skip


@pytest.mark.parametrize(("mistake", "what", "remedy"), REFUSED)
def test_a_mistake_is_told_with_its_numbers_and_its_remedy(mistake, what, remedy):
    """Which value, where, what is allowed, and what to type."""
    with pytest.raises(TinygradNeuronError) as caught:
        mistake()
    assert what in str(caught.value)
    assert remedy in caught.value.hint


def test_the_place_of_a_mistake_is_counted_among_all():
    """A mask before it does not move its index."""
    t = np.array([5.0, 1.0, 0.0])
    with pytest.raises(LossError) as caught:
        losses.hinge(np.ones(3), t, mask=[False, True, True])
    assert caught.value.data["index"] == (2,)


def test_scores_that_look_like_probabilities_are_warned_of():
    """The commonest mistake of all, and no error, for scores may be so by chance."""
    p = np.array([[0.25, 0.75], [0.5, 0.5]])
    with pytest.warns(UserWarning, match="applies log-softmax itself"):
        losses.cross_entropy(p, [0, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses.cross_entropy(p * 1.5, [0, 1])
        losses.cross_entropy_probs(p, [0, 1])


def test_a_parameter_nobody_has_is_refused():
    """And the message says which there are."""
    with pytest.raises(TypeError, match="huber has no parameter 'detla': it takes delta, weight"):
        losses.huber(1.0, 0.0, detla=2.0)
    with pytest.raises(TypeError, match="takes prediction and target"):
        losses.huber(1.0)
    assert losses.huber(5.0, 0.0, 2.0) == losses.huber(target=0.0, prediction=5.0, delta=2.0) == 8.0


def test_checks_can_be_switched_off():
    """In a block, in this thread; shapes are looked at all the same."""
    with losses.unchecked():
        assert losses.hinge(0.5, 0.0) == 1.0
        with pytest.raises(BroadcastError):
            losses.hinge(np.ones(2), np.ones((2, 1)))
    with pytest.raises(LossError):
        losses.hinge(0.5, 0.0)


# --------------------------------------------------------------------------------- derivatives


SMOOTH = [x for x in ALONE if x.smooth is not None and x.smooth >= 2]


@pytest.mark.parametrize("loss", SMOOTH, ids=lambda x: x.__name__)
def test_a_second_derivative_is_the_slope_of_the_slope(loss):
    """From one rule for each operation, without another word."""
    first, *others = drawn(loss, 3)
    way = 1e-5 * np.random.default_rng(2).choice([-1.0, 1.0], first.shape)
    slope = grad(lambda p: loss(p, *others))
    seen = (slope(first + way).data - slope(first - way).data) / 2.0
    said = grad(lambda p: (slope(p) * way).sum())(first).data
    np.testing.assert_allclose(said, seen, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("name", ["mse", "hinge", "binary_cross_entropy", "log_cosh", "focal"])
def test_losses_are_batched(name):
    """A loss of each, by vmap, is the loss without a reduction."""
    loss = losses.get(name)
    arrays = drawn(loss)
    np.testing.assert_allclose(
        plain(vmap(lambda x, t: loss(x, t))(*arrays)), each_of(loss, arrays), rtol=1e-14
    )


def test_checks_leave_nothing_in_the_graph():
    """What is looked at is looked at once: no gradient ever walks through a check."""
    x, t = Value(np.random.default_rng(0).standard_normal((8, 3))), np.arange(8) % 3
    checked = losses.cross_entropy(x, t)
    with losses.unchecked():
        bare = losses.cross_entropy(x, t)
    plainly = -(log_softmax(x) * np.eye(3)[t]).sum(axis=-1).mean()
    assert checked.item() == bare.item()
    assert checked.item() == pytest.approx(plainly.item(), rel=1e-14)
    assert len(history(checked)) == len(history(bare)) <= len(history(plainly))
