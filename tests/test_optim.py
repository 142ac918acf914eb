"""Descent against the numbers of the lesson, and recipes as functions that forget nothing."""

import math

import numpy as np
import pytest

from tinygrad_neuron import Value, errors, losses
from tinygrad_neuron.errors import DescentError
from tinygrad_neuron.optim import GradientDescent, Optimiser


class Adam(Optimiser):
    """Steps of about alpha, however steep it is (Kingma and Ba, 2015, algorithm 1)."""

    def move(self, gradient, memory):
        k, mean, square = memory or (0, 0.0, 0.0)
        k += 1
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        size = np.sqrt(square / (1 - 0.999**k)) + 1e-8
        return -self.alpha * mean / (1 - 0.9**k) / size, (k, mean, square)


def lesson(w):
    """How wrong 256·w₁ + 212·w₂ = 1492 is, squared."""
    return (w @ np.array([256.0, 212.0]) - 1492.0) ** 2


def descend(optimiser, loss, steps):
    """So many steps."""
    for _ in range(steps):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()


# ----------------------------------------------------------------------------------- descent


def test_the_first_step_of_the_lesson():
    """0 - 4e-6·(-763904) = 3.055616 and 2.530432: negative gradients, so both weights rise."""
    w = Value([0.0, 0.0])
    descend(GradientDescent([w], alpha=4e-6), lambda: lesson(w), steps=1)
    np.testing.assert_array_equal(w.grad, [-763904.0, -632608.0])
    np.testing.assert_allclose(w.data, [3.055616, 2.530432], rtol=1e-15)


@pytest.mark.parametrize(
    ("alpha", "steps"),
    [(1e-6, 85), (2e-6, 37), (4e-6, 10), (1 / 220960, 1), (5e-6, 10), (8e-6, 80)],
)
def test_as_many_steps_as_the_lesson_counts(alpha, steps):
    """|error| falls below 1e-6 with this step and not with the one before."""
    w = Value([0.0, 0.0])
    descent = GradientDescent([w], alpha)
    descend(descent, lambda: lesson(w), steps - 1)
    assert math.sqrt(lesson(w).item()) > 1e-6
    descend(descent, lambda: lesson(w), 1)
    assert math.sqrt(lesson(w).item()) < 1e-6


@pytest.mark.parametrize(("alpha", "ends_higher"), [(9.05e-6, False), (9.06e-6, True)])
def test_two_over_the_curvature_is_the_limit(alpha, ends_higher):
    """The curvature is 220960: 2/λ = 9.0514e-06 separates falling from rising."""
    w = Value([0.0, 0.0])
    descend(GradientDescent([w], alpha), lambda: lesson(w), steps=1)
    assert (lesson(w).item() > 1492.0**2) == ends_higher


def test_a_neuron_with_one_weight():
    """x = 2.1, y = 4, w = 1, b = 0: loss 3.61, gradients -7.98 and -3.8, and 2.8711 after 0.01."""
    w, b = Value(1.0), Value(0.0)
    loss = losses.mse(w * 2.1 + b, 4.0)
    assert loss.item() == pytest.approx(3.61)
    loss.backward()
    assert (w.grad, b.grad) == pytest.approx((-7.98, -3.8))
    GradientDescent([w, b], alpha=0.01).step()
    assert losses.mse(w * 2.1 + b, 4.0).item() == pytest.approx(2.8711, abs=5e-5)


@pytest.mark.parametrize("start", [3.0, [1.0, -2.0], np.float32(3.0), np.array([1, 2], np.float32)])
def test_a_step_is_the_visible_line(start):
    """`step()` and `w.data -= alpha * w.grad` lead to the same bits, in the same precision."""
    one, other = Value(start), Value(start)
    for w in (one, other):
        ((w * 3.0 - 1.0) ** 2).sum().backward()
    GradientDescent([one], alpha=0.07).step()
    other.data -= 0.07 * other.grad
    np.testing.assert_array_equal(one.data, other.data)
    assert one.dtype == other.dtype == Value(start).dtype
    assert isinstance(one.data, type(Value(start).data))


def test_least_squares_is_found():
    """Descent ends where the normal equations do."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 3)), rng.normal(size=30)
    w, b = Value(np.zeros(3)), Value(0.0)
    descend(GradientDescent([w, b], alpha=0.3), lambda: losses.mse(x @ w + b, y), steps=200)
    exact = np.linalg.lstsq(np.column_stack([x, np.ones(30)]), y, rcond=None)[0]
    np.testing.assert_allclose([*w.data, b.data], exact, rtol=1e-9)


def test_alpha_may_change_between_steps():
    """A falling learning rate is an assignment."""
    w = Value(0.0)
    descent = GradientDescent([w], alpha=1.0)
    for alpha in (0.5, 0.25):
        descent.alpha = alpha
        w.grad = 1.0
        descent.step()
    assert w.data == -0.75


def test_zero_grad_forgets_all_gradients():
    """Otherwise they add up from step to step."""
    w, b = Value([1.0, 2.0]), Value(3.0)
    (w.sum() * b).backward()
    GradientDescent([w, b], alpha=0.1).zero_grad()
    assert (list(w.grad), b.grad) == ([0.0, 0.0], 0.0)


def test_an_old_loss_is_not_used_after_a_step():
    """Its gradient would belong to weights that are gone."""
    w = Value([0.0, 0.0])
    loss = lesson(w)
    loss.backward()
    GradientDescent([w], alpha=4e-6).step()
    with pytest.raises(errors.ChangedDataError):
        loss.backward()


# ----------------------------------------------------------------------------------- recipes


def test_a_move_is_a_pure_function():
    """The same gradient gives the same change, and neither it nor the optimiser is altered."""
    descent = GradientDescent([Value(1.0)], alpha=0.5)
    gradient = np.array([1.0, -2.0])
    for _ in range(2):
        change, memory = descent.move(gradient, "kept")
        np.testing.assert_array_equal(change, [-0.5, 1.0])
        assert memory == "kept"
    np.testing.assert_array_equal(gradient, [1.0, -2.0])
    assert descent.memory == [None]


@pytest.mark.parametrize("slope", [1e-3, -5.0])
def test_a_recipe_with_a_memory_takes_ten_lines(slope):
    """Adam, on a straight slope: each step is alpha long, however steep it is."""
    w = Value(0.0)
    descend(Adam([w], alpha=0.1), lambda: slope * w, steps=7)
    assert w.data == pytest.approx(-0.7 * np.sign(slope), rel=1e-4)


def test_memories_belong_to_the_optimiser():
    """Two of them on one parameter, and two parameters of one, keep theirs apart."""
    w, b = Value([1.0, 2.0]), Value(1.0)
    first, second = Adam([w, b], alpha=0.1), Adam([w], alpha=0.1)
    descend(first, lambda: w.sum() + b, steps=3)
    assert [k for k, _, _ in first.memory] == [3, 3]
    assert [np.shape(mean) for _, mean, _ in first.memory] == [(2,), ()]
    assert second.memory == [None]


def test_an_optimiser_needs_a_recipe():
    """The base class has parameters and no opinion."""
    w = Value(1.0)
    w.grad = 1.0
    with pytest.raises(NotImplementedError):
        Optimiser([w], alpha=0.1).step()


# ---------------------------------------------------------------------------------- mistakes


def test_a_parameter_without_a_gradient_is_named_and_nothing_moves():
    """One weight that is not in the loss must not leave the others half a step ahead."""
    w, unused = Value(1.0, name="w"), Value(2.0)
    (w * w).backward()
    descent = Adam([w, unused], alpha=0.1)
    with pytest.raises(errors.GradientNotComputedError) as caught:
        descent.step()
    assert str(caught.value).splitlines()[1:] == [
        "unused has no gradient: no backward() has reached it.",
        "There was none since it was made, or the loss does not depend on it.",
        "  do:  loss.backward() before step();  if unused is not in the loss, do not pass it",
    ]
    assert (w.data, unused.data, descent.memory) == (1.0, 2.0, [None, None])


def test_a_parameter_that_has_no_name_is_counted():
    """Where no variable holds it, it is the first, second, ... of the list, from 0."""
    with pytest.raises(errors.GradientNotComputedError, match="parameter 1 has no gradient"):
        parameters = [Value(1.0), Value(2.0)]
        parameters[0].backward()
        GradientDescent(parameters, alpha=0.1).step()


def test_a_zero_gradient_is_a_gradient():
    """After zero_grad() a step leads nowhere, and that is no mistake."""
    w = Value(1.0)
    descent = GradientDescent([w], alpha=0.1)
    descent.zero_grad()
    descent.step()
    assert w.data == 1.0


@pytest.mark.parametrize("alpha", [0, -0.1, math.nan, math.inf, -math.inf])
def test_alpha_is_positive_and_finite(alpha):
    """Anything else goes up, stays, or never comes back."""
    with pytest.raises(DescentError) as caught:
        GradientDescent([Value(1.0)], alpha)
    assert f"alpha is {alpha!r}." in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_alpha_does_not_widen_float32():
    """A NumPy float64 would; alpha is kept as Python's float."""
    w = Value(np.array([1.0, 2.0], np.float32))
    descent = GradientDescent([w], np.float64(0.1))
    change, _ = descent.move(np.ones(2, np.float32))
    assert change.dtype == np.float32


def test_without_parameters_nothing_would_be_learnt():
    """An empty list, or a generator that was used up, is refused at once."""
    used_up = iter([Value(1.0)])
    list(used_up)
    with pytest.raises(DescentError, match="no parameters"):
        GradientDescent(used_up, alpha=0.1)


@pytest.mark.parametrize(
    ("parameter", "what"),
    [
        (Value(2.0) * 3.0, "is a result of multiply, and only leaves"),
        (1.5, "is of type float, and only leaves"),
        (np.ones(2), "is of type ndarray, and only leaves"),
    ],
)
def test_only_leaves_can_be_moved(parameter, what):
    """Results and plain numbers are refused when they are handed over, not at the first step."""
    with pytest.raises(errors.ImmutableError, match=what):
        GradientDescent([Value(1.0), parameter], alpha=0.1)


def test_parameters_belong_in_a_list():
    """A single array Value would be taken apart into its entries."""
    w = Value([1.0, 2.0])
    with pytest.raises(errors.ImmutableError, match="in a list"):
        GradientDescent(w, alpha=0.1)


def test_a_parameter_listed_twice_is_moved_once():
    """As when two layers share their weights."""
    w = Value(1.0)
    w.backward()
    GradientDescent([w, w], alpha=0.1).step()
    assert w.data == 0.9
