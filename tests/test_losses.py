"""Losses against their definitions in many digits, at the far ends, and for what people mix up."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, strategies as st

from tinygrad_neuron import Value, errors, grad, losses
from tinygrad_neuron.errors import LossError, UnknownNameError
from tinygrad_neuron.losses import residual, same_shape

DEFINITIONS = {
    "squared_error": lambda x, t: (x - t) ** 2,
    "absolute_error": lambda x, t: abs(x - t),
    "huber": lambda x, t: (x - t) ** 2 / 2 if abs(x - t) <= 1 else abs(x - t) - mpmath.mpf(1) / 2,
    "binary_cross_entropy": lambda x, t: (
        -(t and t * mpmath.log(1 / (1 + mpmath.exp(-x))))
        - ((1 - t) and (1 - t) * mpmath.log(1 / (1 + mpmath.exp(x))))
    ),
    "hinge": lambda x, t: max(mpmath.mpf(0), 1 - t * x),
}
SLOPES = {
    "squared_error": lambda x, t: 2 * (x - t),
    "absolute_error": lambda x, t: mpmath.sign(x - t),
    "huber": lambda x, t: max(-1, min(1, x - t)),
    "binary_cross_entropy": lambda x, t: 1 / (1 + mpmath.exp(-x)) - t,
    "hinge": lambda x, t: -t if t * x < 1 else mpmath.mpf(0),
}
SIZES = [0.0, 1e-30, 1e-8, 0.3, 0.99, 1.01, 3.0, 17.0, 40.0, 800.0, 1e4]
POINTS = [x * sign for x in SIZES for sign in (1, -1)]
TARGETS = {"binary_cross_entropy": [0.0, 1.0], "hinge": [-1.0, 1.0]}
EXAMPLES = [
    pytest.param(name, x, t, id=f"{name}({x:g}, {t:g})")
    for name in DEFINITIONS
    for x in POINTS
    for t in TARGETS.get(name, [0.0, 0.25])
]
BASIC = {name: losses.get(name) for name in DEFINITIONS}  # the oldest, entry by entry
CLOSE = {np.float64: 4 * 2.0**-52, np.float32: 4 * 2.0**-23}


def exactly(definition, x, t):
    """A definition evaluated so that e^-10000 still counts beside 1."""
    with mpmath.workdps(9000 if abs(x) > 1000 else 800):
        return float(definition(mpmath.mpf(float(x)), mpmath.mpf(float(t))))


def both(name, x, t):
    """A loss and its gradient, as floats."""
    score = Value(x)
    loss = BASIC[name](score, t)
    loss.backward()
    return float(loss.item()), float(score.grad)


# ----------------------------------------------------------------------------------- values


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize(("name", "x", "t"), EXAMPLES)
def test_value_and_gradient_are_those_of_the_definition(name, x, t, dtype):
    """To a few units in the last place, from errors of 1e-30 to logits of ±10000."""
    x = dtype(x)
    value, slope = both(name, x, t)
    assert value == pytest.approx(exactly(DEFINITIONS[name], x, t), rel=CLOSE[dtype], abs=1e-44)
    assert slope == pytest.approx(exactly(SLOPES[name], x, t), rel=CLOSE[dtype], abs=1e-44)


@pytest.mark.parametrize("t", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("x", [-1e4, -3.0, 0.5, 40.0, 1e4])
def test_cross_entropy_with_probabilities_for_targets(x, t):
    """A target may lie between no and yes."""
    value, slope = both("binary_cross_entropy", x, t)
    assert value == pytest.approx(exactly(DEFINITIONS["binary_cross_entropy"], x, t), rel=1e-15)
    assert slope == pytest.approx(exactly(SLOPES["binary_cross_entropy"], x, t), rel=1e-15)


@pytest.mark.parametrize("delta", [0.1, 2.5])
@pytest.mark.parametrize("error", [-5.0, -0.05, 1.0, 2.5, math.inf])
def test_huber_bends_where_it_is_told(delta, error):
    """Half the square inside, a straight line of slope delta outside, one slope at the joint."""
    score = Value(error)
    loss = losses.huber(score, 0.0, delta=delta)
    loss.backward()
    size = abs(error)
    wanted = size * size / 2 if size <= delta else delta * (size - delta / 2)
    assert loss.item() == pytest.approx(wanted)
    assert score.grad == pytest.approx(max(-delta, min(delta, error)))


@pytest.mark.parametrize(
    ("name", "x", "t"), [("absolute_error", 1.5, 1.5), ("hinge", 1.0, 1), ("hinge", -1.0, -1)]
)
def test_at_a_corner_the_slope_is_zero(name, x, t):
    """No error, or just enough of a margin, is no reason to move."""
    assert both(name, x, t) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("name", "x", "t", "wanted"),
    [
        ("squared_error", 3.0, 0.0, 2.0),
        ("absolute_error", 3.0, 0.0, 0.0),
        ("huber", 0.5, 0.0, 1.0),
        ("huber", 3.0, 0.0, 0.0),
        ("binary_cross_entropy", 0.0, 1.0, 0.25),
        ("hinge", 0.0, 1.0, 0.0),
    ],
)
def test_second_derivatives(name, x, t, wanted):
    """The curvature of each loss: 2, 0, 1 and then 0, σ(x) σ(-x), 0."""
    assert grad(grad(BASIC[name]))(x, t).item() == pytest.approx(wanted)


@given(data=st.data(), count=st.integers(1, 6))
def test_a_loss_is_the_mean_over_all_entries(data, count):
    """However they are arranged: in a row, in a table, or one by one."""
    numbers = st.floats(-100, 100, width=32)
    for name, loss in BASIC.items():
        labels = st.sampled_from(TARGETS.get(name, [-2.5, 0.0, 7.0]))
        x = data.draw(st.lists(numbers, min_size=2 * count, max_size=2 * count))
        t = data.draw(st.lists(labels, min_size=2 * count, max_size=2 * count))
        one_by_one = math.fsum(loss(a, b) for a, b in zip(x, t, strict=True)) / len(x)
        assert loss(Value(x), t).item() == pytest.approx(one_by_one, rel=1e-12, abs=1e-300)
        table = loss(Value(np.reshape(x, (2, count))), np.reshape(t, (2, count)))
        assert table.item() == pytest.approx(one_by_one, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("name", BASIC)
def test_the_gradient_is_shared_out_over_the_entries(name):
    """A mean of n losses has an n-th of the slope of each."""
    x, t = [0.5, -3.0, 2.0, 0.0], [1.0, 1.0, 1.0, 1.0]
    wanted = [both(name, a, b)[1] / 4 for a, b in zip(x, t, strict=True)]
    np.testing.assert_allclose(grad(BASIC[name])(np.array(x), t).data, wanted, rtol=1e-15)


@pytest.mark.parametrize("loss", BASIC.values(), ids=BASIC)
@pytest.mark.parametrize("target", [1, 1.0, [1, 1], np.array([1, 1]), np.array([1.0, 1.0]), True])
def test_float32_stays_float32(loss, target):
    """The precision is the prediction's, whatever the target is written as."""
    shape = np.shape(target)
    x = Value(np.full(shape, 0.3, np.float32))
    y = loss(x, target)
    y.backward()
    assert y.dtype == np.asarray(x.grad).dtype == np.float32


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("squared_error", "mean"),
        ("absolute_error", "median"),
        ("binary_cross_entropy", "probability"),
    ],
)
def test_the_best_constant_is_what_the_docstring_says(name, sentence):
    """Descent on one number ends at the mean, at the median, at the logit of the share of yeses."""
    t = np.array([0.0, 0.0, 0.0, 1.0, 1.0])
    x = Value(0.4)
    for step in range(400):
        x.zero_grad()
        BASIC[name](x + np.zeros(5), t).backward()
        x.data -= (0.5 if name != "absolute_error" else 1 / (step + 1)) * x.grad
    ends = {"mean": t.mean(), "median": np.median(t), "probability": math.log(0.4 / 0.6)}
    assert x.data == pytest.approx(ends[sentence], abs=5e-3)


def test_a_neuron_that_is_sure_and_wrong_learns_with_cross_entropy():
    """Nielsen's neuron (w = b = 2, x = 1, target 0, rate 0.15): squared error waits 150 steps."""
    wanted = {"squared_error": (0.976, 0.933, 0.203), "binary_cross_entropy": (0.099, 0.026, 0.012)}
    for name, outputs in wanted.items():
        w, b = Value(2.0), Value(2.0)
        seen = []
        for step in range(301):
            z = w * 1.0 + b
            y = z.sigmoid()
            if step in (50, 150, 300):
                seen.append(y.item())
            halved = name == "squared_error"
            loss = 0.5 * losses.mse(y, 0.0) if halved else losses.binary_cross_entropy(z, 0.0)
            for p in (w, b):
                p.zero_grad()
            loss.backward()
            for p in (w, b):
                p.data -= 0.15 * p.grad
        assert seen == pytest.approx(outputs, abs=5.1e-4)


# ------------------------------------------------------------------------------ what is taken


@pytest.mark.parametrize("name", BASIC)
def test_a_single_prediction_meets_a_single_target(name):
    """A neuron's answer to one row, and a plain number."""
    assert BASIC[name](Value(0.5), 1).shape == ()


def test_lists_of_values_are_predictions():
    """What a network of single numbers gives for a batch, still connected to it."""
    scores = [Value(2.0), Value(-1.0)]
    losses.mse(scores, [0, 0]).backward()
    assert [score.grad for score in scores] == [2.0, -1.0]


def test_a_target_may_be_learnt_too():
    """A Value on the right side gets the opposite gradient."""
    x, t = Value([2.0, -1.0]), Value([0.0, 0.0])
    losses.mse(x, t).backward()
    np.testing.assert_array_equal(x.grad, -t.grad)


def test_plain_numbers_give_a_plain_number():
    """Without a Value there is nothing to record, and a loss is an ordinary function."""
    assert losses.mse([3.0, 1], [1, 1]) == 2.0
    assert isinstance(losses.mse(3, 1), float)


def test_a_loss_of_ones_own_refuses_as_strictly():
    """`residual` is all it needs; here one that punishes what is too high three times as much."""

    def lopsided(prediction, target):
        error = residual(prediction, target)
        return (error.relu() * 3.0 + (-error).relu()).mean()

    assert grad(lopsided)(2.0, 1.0).item() == 3.0
    with pytest.raises(errors.BroadcastError):
        lopsided(Value(np.zeros((3, 1))), np.zeros(3))


# ------------------------------------------------------------------------- shapes that differ


@pytest.mark.parametrize("loss", BASIC.values(), ids=BASIC)
@pytest.mark.parametrize(
    ("p", "t"),
    [((4, 1), (4,)), ((4,), (4, 1)), ((4,), ()), ((), (4,)), ((1, 4), (4,)), ((4,), (3,))],
)
def test_no_loss_stretches_anything(loss, p, t):
    """Shapes must be equal, even where NumPy would find a way; the error holds both."""
    with pytest.raises(errors.BroadcastError) as caught:
        loss(Value(np.zeros(p)), np.ones(t))
    assert (caught.value.data["prediction"], caught.value.data["target"]) == (p, t)
    assert isinstance(caught.value, ValueError)


def test_a_column_against_a_row_is_explained():
    """The names of the variables, both shapes, how many numbers, and what to type instead."""
    scores, y = Value(np.zeros((4, 1))), np.ones(4)
    with pytest.raises(errors.BroadcastError) as caught:
        losses.mse(scores, y)
    assert str(caught.value).splitlines()[1:] == [
        "scores has shape (4, 1) and y (4,): subtracting compares every prediction with every "
        "target, 16 numbers instead of 4.",
        "Training then learns one answer for every input, the middle of the targets, and nothing "
        "looks wrong.",
        "  do:  scores[:, 0] for scores   or   y[:, None] for y",
    ]
    assert "test_losses.py" in str(caught.value).splitlines()[0]
    assert "losses.mse(scores, y)" in str(caught.value).splitlines()[0]
    assert caught.value.data["compared"] == 16
    assert losses.mse(scores[:, 0], y) == losses.mse(scores, y[:, None]) == 1.0


@pytest.mark.parametrize(
    ("p", "t", "sentence", "remedy"),
    [
        (
            (4,),
            (4, 1),
            "scores has shape (4,) and y (4, 1): subtracting compares every prediction with every "
            "target, 16 numbers instead of 4.",
            "y[:, 0] for y   or   scores[:, None] for scores",
        ),
        (
            (3, 3),
            (3, 3, 1),
            "scores has shape (3, 3) and y (3, 3, 1): subtracting compares every prediction with "
            "targets of others, 27 numbers instead of 9.",
            "y[:, :, 0] for y   or   scores[:, :, None] for scores",
        ),
        (
            (1, 4),
            (4,),
            "scores has shape (1, 4) and y (4,): 4 predictions for 4 targets.",
            "y.reshape((1, 4))",
        ),
        (
            (4, 3),
            (3,),
            "scores has shape (4, 3) and y (3,): 12 predictions for 3 targets.",
            "one target for each prediction: y of shape (4, 3)",
        ),
        (
            (4,),
            (3,),
            "scores has shape (4,) and y (3,): 4 predictions for 3 targets.",
            "one target for each prediction: y of shape (4,)",
        ),
    ],
)
def test_other_mismatches_are_explained(p, t, sentence, remedy):
    """Each with its own numbers and its own remedy."""
    scores, y = Value(np.zeros(p)), np.ones(t)
    with pytest.raises(errors.BroadcastError) as caught:
        losses.huber(scores, y)
    assert str(caught.value).splitlines()[1] == sentence
    assert caught.value.hint == remedy


def test_one_target_for_many_predictions_is_written_out():
    """A bare number is not repeated, nor called by the name of some variable that equals it."""
    scores, unrelated = Value([1.0, 2.0]), 1
    with pytest.raises(errors.BroadcastError) as caught:
        losses.mse(scores, unrelated)
    assert "scores has shape (2,) and target (): 2 predictions for 1 targets." in str(caught.value)
    assert caught.value.hint == "np.full((2,), target) if they all have this target"


def test_equal_shapes_are_silent():
    """Whatever the shape; what comes out is ready to be subtracted."""
    for shape in [(), (1,), (4,), (4, 1), (2, 3)]:
        x, t = same_shape(Value(np.zeros(shape)), np.ones(shape, int))
        assert (x - t).shape == shape
    assert isinstance(same_shape(Value(0.5), 1)[1], float)


@pytest.mark.parametrize("loss", BASIC.values(), ids=BASIC)
def test_the_mean_of_nothing_is_refused(loss):
    """An empty batch would give nan."""
    with pytest.raises(LossError, match=r"mean of no losses: the losses have shape \(0, 2\)"):
        loss(Value(np.zeros((0, 2))), np.zeros((0, 2)))


# ------------------------------------------------------------------------------------- labels


def test_hinge_takes_signs():
    """0 and 1 are other labels: the error names the first of them and where it stands."""
    scores, labels = Value([0.5, 2.0, -1.0]), np.array([1, -1, 0])
    with pytest.raises(LossError) as caught:
        losses.hinge(scores, labels)
    assert str(caught.value).splitlines()[1:] == [
        "labels[2] is 0; hinge takes labels -1 and 1.",
        "  do:  2 * label - 1 for labels 0 and 1;  the scores come first, then the labels",
    ]
    assert (caught.value.data["index"], caught.value.data["value"]) == ((2,), 0.0)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("wrong", [-1, 1.0001, 2, math.nan, math.inf])
def test_cross_entropy_takes_probabilities(wrong):
    """Nothing below 0 or above 1, and not nan, which is neither."""
    t = np.array([[0.0, 1.0], [0.5, wrong]])
    with pytest.raises(LossError, match=rf"t\[1, 1\] is {wrong:g}.*; binary_cross_entropy takes"):
        losses.binary_cross_entropy(Value(np.zeros((2, 2))), t)


@pytest.mark.parametrize(("loss", "wrong"), [(losses.hinge, 0), (losses.binary_cross_entropy, -1)])
def test_a_single_wrong_label_has_no_index(loss, wrong):
    """A number is not a list of one."""
    with pytest.raises(LossError, match=f"(target|label) is {wrong};"):
        loss(Value(0.5), wrong)


def test_labels_in_a_value_are_checked_too():
    """A list with Values among the labels is no way around."""
    with pytest.raises(LossError, match=r"labels\[1\] is 3;"):
        labels = [1, Value(3.0)]
        losses.hinge(Value([0.5, 2.0]), labels)


@pytest.mark.parametrize("delta", [0, -1.0, math.nan, math.inf])
def test_huber_bends_at_a_positive_size(delta):
    """Otherwise it would be flat, upside down, or the square itself."""
    with pytest.raises(LossError, match=r"delta is .*\n.*positive.*\n  do:  delta=1.0"):
        losses.huber(Value(0.5), 0.0, delta=delta)


# ------------------------------------------------------------------------------------ by name


@pytest.mark.parametrize("name", BASIC)
def test_a_loss_is_found_by_its_name(name):
    """The name is the function's own."""
    assert losses.get(name) is getattr(losses, name)
    assert losses.get("mse") is losses.mse is losses.squared_error


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("msee", "There is no loss 'msee'; did you mean 'mse'?"),
        ("crossentropie", "There is no loss 'crossentropie'; did you mean 'cross_entropy'?"),
        ("zzz", "There is no loss 'zzz'."),
    ],
)
def test_a_name_that_is_not_there_is_guessed_at(name, answer):
    """With the nearest one where one is near, and with what lists them all."""
    with pytest.raises(UnknownNameError) as caught:
        losses.get(name)
    assert str(caught.value).splitlines()[1] == answer
    assert "python -m tinygrad_neuron losses" in caught.value.hint
    assert isinstance(caught.value, LookupError)
