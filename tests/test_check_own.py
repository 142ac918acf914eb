"""A primitive of one's own checks itself when it is first used."""

import threading

import numpy as np
import pytest

import tinygrad_neuron as tn
from tinygrad_neuron import Value, graph
from tinygrad_neuron.check.own import Checked
from tinygrad_neuron.errors import WrongRuleError
from tinygrad_neuron.graph import Primitive


def bell_with(*rules, **more):
    """exp(-x²) with some rule, and a list of its calls."""
    calls = []

    @tn.elementwise(*rules, **more)
    def bell(x):
        calls.append(x)
        return np.exp(-(x**2))

    return bell, calls


RIGHT = lambda g, y, x: -2.0 * g * x * y  # noqa: E731
WRONG = lambda g, y, x: 2.0 * g * x * y  # noqa: E731
WRONG_TWICE = lambda g, y, x: -2.0 * g * getattr(x, "data", x) * y  # noqa: E731


def test_a_right_rule_is_checked_once():
    """And costs nothing more from then on: it is a plain primitive."""
    bell, calls = bell_with(RIGHT)
    assert bell(Value(0.5)).item() == np.exp(-0.25)
    assert len(calls) > 10
    assert type(bell) is Primitive
    calls.clear()
    bell(Value(0.7))
    assert len(calls) == 1


@pytest.mark.parametrize(("rule", "word"), [(WRONG, "sign"), (WRONG_TWICE, "second order")])
def test_a_wrong_rule_is_an_error_where_it_is_used(rule, word):
    """It names the primitive, the input, the rule's line and both numbers; every time."""
    bell, _ = bell_with(rule)
    for _ in range(2):
        with pytest.raises(WrongRuleError, match="bell, the rule for x") as caught:
            bell(Value([0.5, 1.0]))
        assert f"test_check_own.py:{rule.__code__.co_firstlineno}" in str(caught.value)
        assert word in str(caught.value)
        assert caught.value.report.status == "failed"


def test_it_is_checked_in_a_trace():
    """The first use may be that of `program_of`: the check asks at the example's numbers."""
    right, wrong = bell_with(RIGHT)[0], bell_with(WRONG)[0]
    assert tn.program_of(right)(0.5).interpret(0.25) == right(0.25)
    assert type(right) is Primitive
    with pytest.raises(WrongRuleError, match="bell, the rule for x"):
        tn.program_of(wrong)(0.5)


def test_the_check_can_be_left_out():
    """For a slope that is meant to be another one."""
    bell, calls = bell_with(WRONG, check=False)
    bell(Value(0.5))
    assert len(calls) == 1


def test_plain_numbers_are_not_checked():
    """Nobody asks for a gradient; nor inside `no_grad`."""
    bell, calls = bell_with(WRONG)
    bell(np.ones(3))
    with tn.no_grad():
        bell(Value(0.5))
    assert len(calls) == 2


def test_constants_beside_values_are_checked():
    """The rule for a target is wrong today, also if today the target is an array."""

    @tn.elementwise(lambda g, y, a, b: g * b, lambda g, y, a, b: g)
    def times(a, b):
        return a * b

    with pytest.raises(WrongRuleError, match="the rule for b"):
        times(Value([1.0, 2.0]), np.array([3.0, 4.0]))


def test_an_input_that_is_declared_flat_is_not_checked():
    """`None` is what somebody chose."""

    @tn.elementwise(lambda g, y, a, b: g * b, None)
    def scaled(a, b):
        return a * b

    assert scaled(Value(2.0), Value(3.0)).item() == 6.0


@pytest.mark.parametrize("x", [0.0, np.zeros(3), 2.0])
def test_a_kink_at_first_use_is_no_mistake(x):
    """Whatever slope between both sides was chosen."""

    @tn.elementwise(lambda g, y, x: tn.where(x > 0.0, g, 0.0))
    def rectified(x):
        return np.maximum(x, 0.0)

    rectified(Value(x))
    assert type(rectified) is Primitive


def test_no_verdict_is_tried_again_a_few_times():
    """At a jump there is none; then it is let be."""

    @tn.elementwise(lambda g, y, x: 0.0 * g)
    def step(x):
        return np.sign(x)

    kinds = []
    for _ in range(4):
        step(Value(0.0))
        kinds.append(type(step) is Primitive)
    assert kinds == [False, False, True, True]


def test_a_rule_that_cannot_be_fed_values_is_right_once():
    """It says so when somebody asks for a second derivative."""

    @tn.elementwise(lambda g, y, x: g * np.array([np.cos(float(n)) for n in np.ravel(x)]))
    def sine(x):
        return np.sin(x)

    assert np.allclose(
        tn.grad(lambda x: sine(x).sum())(np.array([0.1, 0.2])).data, np.cos([0.1, 0.2])
    )


def test_a_rule_that_calls_its_own_primitive():
    """The check does not check itself."""

    @tn.elementwise(lambda g, y, x: g * exponential(x))
    def exponential(x):
        return np.exp(x)

    assert exponential(Value(1.0)).item() == np.e


def test_threads_share_one_check():
    """Whoever comes second goes on unchecked and gets the right number."""
    bell, _ = bell_with(RIGHT)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(bell(Value(0.5)).item())) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [np.exp(-0.25)] * 8
    assert type(bell) is Primitive


def test_settings_lists_and_batches():
    """What a primitive can be fed does not change; a batch is left for later."""

    @tn.primitive(lambda g, y, x, power: g * power * x ** (power - 1))
    def raised(x, *, power=2):
        return np.asarray(x) ** power

    tn.vmap(lambda x: raised(x, power=3))(np.ones((2, 3)))
    assert type(raised) is not Primitive
    assert raised([Value(2.0), 3.0], power=3).tolist() == [8.0, 27.0]
    assert type(raised) is Primitive


def test_the_engines_own_primitives_are_not_checked():
    """They have laws of their own, in the tests."""
    assert not any(isinstance(p, Checked) for p in tn.ops.PRIMITIVES)
    assert tn.primitive is not graph.primitive
