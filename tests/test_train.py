"""Descending: what is kept, how it ends, and what two gradients tell about the curvature."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tinygrad_neuron import Value
from tinygrad_neuron.train import (
    comfortable_alpha,
    descend,
    judge,
    measure,
    rounded_down,
    steepest_curvature,
)


def bowl(curvatures, start=1.0):
    """A quadratic loss with these curvatures along the axes, and its weights."""
    w = Value([start] * len(curvatures))
    return lambda: ((w * w) * np.array(curvatures)).sum() * 0.5, [w]


def never(now, first):
    """A goal that is not reached."""
    return False


def below(goal):
    """Done when the loss is below the goal."""
    return lambda now, first: now.loss < goal


def test_every_step_is_kept():
    """With curvature 1 and alpha 1/2 the weight halves: 1, 1/2, 1/4, 1/8."""
    loss, w = bowl([1.0])
    history = descend(loss, w, 0.5, 3, done=never)
    assert [moment.weights.tolist() for moment in history.moments] == [[1], [0.5], [0.25], [0.125]]
    assert [moment.loss for moment in history.moments] == [0.5, 0.125, 0.03125, 0.0078125]
    assert [moment.gradient.tolist() for moment in history.moments] == [[1], [0.5], [0.25], [0.125]]
    assert (history.ending, history.updates, history.kept) == ("budget", 3, 0.5)
    assert w[0].data.tolist() == [0.125]


def test_no_steps_is_a_look_at_the_start():
    """Zero updates, one moment, and nothing is moved."""
    loss, w = bowl([1.0])
    history = descend(loss, w, 0.5, 0, done=never)
    assert (history.updates, w[0].data.tolist()) == (0, [1.0])
    assert math.isnan(history.curvature) and math.isnan(history.kept)


@given(
    st.lists(st.floats(0.1, 100.0), min_size=1, max_size=4),
    st.floats(0.05, 1.9),
)
def test_the_verdict_knows_the_curvature(curvatures, share):
    """Of a quadratic: never more than the largest, and the whole of it where there is one."""
    loss, w = bowl(curvatures)
    verdict = judge(descend(loss, w, share / max(curvatures), 30, done=never))
    assert verdict.curvature <= max(curvatures) * (1 + 1e-6)
    assert verdict.curvature >= min(curvatures) * (1 - 1e-6)
    loss, w = bowl(curvatures)
    assert steepest_curvature(loss, w, 200) == pytest.approx(max(curvatures), rel=0.02)
    assert w[0].data.tolist() == [1.0] * len(curvatures)


@pytest.mark.parametrize(("share", "kind"), [(1.9, "converged"), (2.1, "diverging")])
def test_the_limit_is_two_over_lambda(share, kind):
    """A little below it arrives, a little above it explodes, and the verdict has the numbers."""
    loss, w = bowl([8.0])
    verdict = judge(descend(loss, w, share / 8, 1000, done=below(1e-12)))
    assert verdict.kind == kind
    assert (verdict.limit, verdict.best) == pytest.approx((0.25, 0.125))
    assert verdict.excess == pytest.approx(share / 2)
    assert verdict.factor == pytest.approx(1 - share)


def test_a_divergence_that_had_no_time_to_explode():
    """Three steps at alpha lambda = 2.1 are no explosion, and yet no mere lack of patience."""
    loss, w = bowl([8.0])
    assert judge(descend(loss, w, 2.1 / 8, 3, done=never)).kind == "diverging"


@pytest.mark.parametrize(("share", "kind"), [(0.005, "slow"), (0.0099, "slow"), (0.0101, "budget")])
def test_far_too_small_an_alpha_is_called_slow(share, kind):
    """Slow means that each step leaves more than 99 % of the gradient."""
    loss, w = bowl([8.0])
    assert judge(descend(loss, w, share / 8, 50, done=never)).kind == kind


def test_an_uneven_bowl_is_not_called_slow():
    """Along the flat axis alpha lambda is tiny; a larger alpha would explode along the other."""
    for share, steps in ((1.0, 500), (0.05, 1000)):
        loss, w = bowl([1000.0, 0.1])
        assert judge(descend(loss, w, share / 1000, steps, done=never)).kind == "budget"


@pytest.mark.parametrize("alpha", [10.0, 1e155, 1e308])
def test_an_overflow_ends_the_descent_without_a_warning(alpha):
    """inf and nan are seen, and told; no RuntimeWarning leaves."""
    w = Value(1.0)
    history = descend(lambda: (256 * w - 1492) ** 2, [w], alpha, 100, done=never)
    assert history.ending == "diverging"
    assert judge(history, curvature=2 * 256**2).excess == pytest.approx(alpha * 256**2)


def test_a_cycle_is_noticed_with_its_period():
    """|w| with step 1 from 0.3: 0.3, -0.7, 0.3, ... for ever."""
    w = Value(0.3)
    history = descend(lambda: abs(w), [w], 1.0, 100, done=never)
    assert (history.ending, history.period) == ("cycling", 2)
    assert history.updates <= 4


def test_a_longer_cycle_is_noticed_too():
    """Two down where w is above 0, one up where it is below: 0.5, -1.5, -0.5, 0.5, ..."""
    w = Value(0.5)
    history = descend(lambda: 2 * w.relu() + (-w).relu(), [w], 1.0, 100, done=never)
    assert (history.ending, history.period) == ("cycling", 3)


def test_a_slow_zig_zag_is_no_cycle():
    """alpha lambda = 1.99999 changes sides in every step and still comes nearer."""
    loss, w = bowl([1.0])
    assert descend(loss, w, 1.99999, 2000, done=never).ending == "budget"


def test_weights_that_cannot_move_are_stalled():
    """A slope of exactly 0, or an update below the spacing of floats."""
    w = Value(-1.0)
    flat = descend(lambda: (w.relu() - 1) ** 2, [w], 0.1, 100, done=never)
    assert (flat.ending, flat.updates) == ("stalled", 0)
    w = Value(1e17)
    assert descend(lambda: w * 1.0, [w], 1.0, 100, done=never).ending == "stalled"
    w = Value([0.5, 0.0])
    hopeless = descend(lambda: (w * 1e-25).sum() + 1, [w], 1.0, 100, done=never)
    assert (hopeless.ending, hopeless.updates) == ("stalled", 1)


def test_a_loss_without_a_bottom_is_noticed():
    """w falls by the same amount for ever, once it is below 0."""
    w = Value(3.0)
    history = descend(lambda: w * 2.0, [w], 0.5, 100, done=never)
    assert (history.ending, history.last.loss) == ("no minimum", -4.0)


def test_interrupting_keeps_what_was_reached():
    """Ctrl-C in the fifth step leaves four moments, and no traceback."""

    def until_the_fifth(steps):
        for step in steps:
            if step == 4:
                raise KeyboardInterrupt
            yield step

    loss, w = bowl([1.0])
    history = descend(loss, w, 0.5, 100, done=never, progress=until_the_fifth)
    assert (history.ending, len(history.moments)) == ("interrupted", 4)
    assert judge(history).kind == "interrupted"


def test_interrupting_before_the_start_is_passed_on():
    """There is nothing to show yet."""
    loss, w = bowl([1.0])

    def impatient(steps):
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        descend(loss, w, 0.5, 100, done=never, progress=impatient)


def test_numbers_and_arrays_descend_together():
    """A weight vector and a bias: the gradient of each goes to it."""
    w, b = Value([1.0, 2.0]), Value(3.0)
    now = measure(lambda: (w * np.array([1.0, 10.0])).sum() + 100.0 * b, [w, b])
    assert (now.weights.tolist(), now.gradient.tolist()) == ([1, 2, 3], [1, 10, 100])
    descend(lambda: (w * w).sum() + b * b, [w, b], 0.25, 1, done=never)
    assert (w.data.tolist(), b.data) == ([0.5, 1.0], 1.5)


def test_rounding_is_not_mistaken_for_curvature():
    """At the end of a fit the gradient is noise: between two last steps it would say 20, not 14."""
    x, y, w = np.array([1.0, 2.0, 4.0]), np.array([1e3, -2e3, 3e3]), Value(0.0)
    history = descend(lambda: ((w * x - y) ** 2).mean(), [w], 0.03, 300, done=never)
    assert history.ending == "stalled"
    assert history.curvature == pytest.approx(14.0, rel=1e-6)


def test_a_comfortable_alpha_is_a_little_below_the_best():
    """0.9 / 220960 is 4.07e-06, with one digit 4e-06; a tenth of the way for |e|; flat is flat."""
    w = [Value(0.0), Value(0.0)]
    assert comfortable_alpha(lambda: (256 * w[0] + 212 * w[1] - 1492) ** 2, w) == 4e-6
    assert comfortable_alpha(lambda: abs(256 * w[0] + 212 * w[1] - 1492), w) == 0.001
    assert comfortable_alpha(lambda: (w[0] - 800).sigmoid() * 1e9 + 1, w[:1]) == 0.1
    assert comfortable_alpha(lambda: (w[0] - 40).sigmoid() + 1, w[:1]) == 0.1


@given(st.floats(1e-300, 1e300))
def test_rounding_down_keeps_one_digit(x):
    """Never more than x, and more than half of it."""
    rounded = rounded_down(x)
    assert x / 2 < rounded <= x * (1 + 1e-15)
    assert len(f"{rounded:.15e}".partition("e")[0].rstrip("0.")) == 1
