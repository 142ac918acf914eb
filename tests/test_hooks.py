"""Hooks: a gradient looked at or changed on its way back, through every door."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

import tinygrad_neuron as tn
from tinygrad_neuron import Value
from tinygrad_neuron.errors import GradientShapeError, LeftGraphError, UnsupportedError

X = np.array([0.5, -2.0, 3.0])


def silently(g):
    """A hook that only looks."""


def by_backward(f, x):
    """The gradient that the learner's door leaves on a leaf."""
    leaf = Value(x)
    f(leaf).backward()
    return leaf.grad


def by_grad(f, x):
    """The gradient as a function's result."""
    return tn.grad(f)(x).data


def by_recorded_grad(f, x):
    """The same of a leaf, as a recorded expression."""
    return tn.grad(f)(Value(x)).data


def by_vjp(f, x):
    """The pullback of 1."""
    return tn.vjp(f, x)[1](1.0)[0].data


DOORS = [by_backward, by_grad, by_recorded_grad, by_vjp]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("x", [2.0, np.float32(2.0), X, X.astype(np.float32)], ids=repr)
def test_a_hook_sees_the_whole_gradient_once(door, x):
    """h * h + h is owed 2h + 1 at h = 3x: both uses, added up; nothing else changes."""
    seen = []

    def f(x):
        h = (x * 3).on_grad(lambda g: seen.append(np.copy(getattr(g, "data", g))))
        return (h * h + h).sum()

    g = door(f, x)
    np.testing.assert_array_equal(seen, [2 * (3 * x) + 1])
    np.testing.assert_array_equal(g, 3 * (2 * (3 * x) + 1))
    assert np.asarray(g).dtype == seen[0].dtype == np.asarray(x).dtype


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("x", [2.0, X], ids=repr)
def test_a_hook_changes_what_goes_on(door, x):
    """Clipped at 1, then times 3; what is behind the hook is not touched."""
    before = []

    def f(x):
        h = (x * 3).on_grad(lambda g: np.clip(g, -1.0, 1.0)).on_grad(silently)
        return (h.on_grad(before.append) ** 2).sum()

    np.testing.assert_array_equal(door(f, x), 3 * np.clip(6 * x, -1, 1))
    np.testing.assert_array_equal(getattr(before[0], "data", before[0]), 6 * x)


@given(st.floats(-1e100, 1e100), st.floats(-1e100, 1e100))
def test_a_hook_that_looks_changes_no_bit(x, y):
    """With it or without it, on single numbers, which have a road of their own."""
    gradients = []
    for hook in (lambda v: v, lambda v: v.on_grad(silently)):
        a, b = Value(x), Value(y)
        (hook(hook(a) * b) * 1e-30 - hook(a + 1.0) / 7.0 + b).backward()
        gradients.append((a.grad, b.grad))
    assert gradients[0] == gradients[1]


def test_the_value_itself_is_not_changed():
    """What did not go through the new Value is not seen by the hook."""
    x = Value(3.0)
    doubled = x.on_grad(lambda g: g * 2.0)
    (x * 5.0 + doubled * 7.0).backward()
    assert (x.grad, doubled.grad, doubled.item()) == (19.0, 7.0, 3.0)


def test_a_hook_of_the_second_order():
    """What the hook does is part of the gradient, and every sweep comes by it.

    Doubled, the slope of x**3 is 6x**2; the slope of that is 12x, doubled once more: 48 at 2. And
    the hook that makes 9x of the 3 has the slope 9 itself.
    """

    def f(x):
        return x.on_grad(lambda g: 2.0 * g) ** 3

    assert tn.grad(f)(2.0).item() == 24.0
    assert tn.grad(tn.grad(f))(2.0).item() == 48.0
    slope = tn.grad(lambda x: x.on_grad(lambda g: g * g * x) * 3.0)
    assert slope(2.0).item() == 18.0
    assert tn.grad(slope)(2.0).item() == 9.0


def test_a_recorded_gradient_comes_as_a_value():
    """So that what the hook does with it is recorded as well."""
    kinds = []
    f = lambda x: x.on_grad(lambda g: kinds.append(type(g))) ** 2  # noqa: E731
    tn.grad(f)(2.0)
    tn.grad(f)(Value(2.0))
    assert kinds == [float, Value]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("x", "wrong"),
    [
        (X, lambda g: g.sum()),
        (X, lambda g: g[:2]),
        (X, lambda g: g.astype(np.float32)),
        (X, lambda g: 0.0),
        (2.0, lambda g: g * np.ones(1)),
        (2.0, lambda g: np.float32(1.0)),
    ],
)
def test_another_shape_or_dtype_is_refused(door, x, wrong):
    """With both, and the line of the hook."""
    with pytest.raises(GradientShapeError, match=r"hook lambda \(test_hooks.py:\d+\)"):
        door(lambda x: (x.on_grad(wrong) * 2.0).sum(), x)


def test_a_python_number_will_do_for_a_single_one():
    """`min(1, g)` is how people clip, and 1 is an int."""
    assert by_backward(lambda x: x.on_grad(lambda g: max(-1, min(1, g))) * 7.0, 2.0) == 1.0
    g = by_backward(lambda x: x.on_grad(lambda g: 1.0) * 7.0, np.float32(2.0))
    assert (g, g.dtype) == (1.0, np.float32)


def test_a_hook_cannot_write_into_a_gradient():
    """Written in place, nobody could say who else was meant."""

    def halve(g):
        g *= 0.5

    with pytest.raises(ValueError, match="read-only"):
        by_backward(lambda x: (x.on_grad(halve) * 2.0).sum(), X)


def test_gradients_share_no_memory_with_a_hook():
    """What it was shown, and what it gave, it may keep and change."""
    shown, given_back = [], np.ones(3)

    def keep(g):
        shown.append(g)
        return given_back

    x = Value(X)
    h = (x * 1.0).on_grad(keep)
    (h * 2.0).sum().backward()
    (x.on_grad(lambda g: given_back) * 2.0).sum().backward()
    given_back[:] = 99.0
    assert x.grad.tolist() == [2.0, 2.0, 2.0]
    assert h.grad.tolist() == shown[0].tolist() == [2.0, 2.0, 2.0]
    assert not np.shares_memory(shown[0], h._grad)


def test_an_error_in_a_hook_is_the_callers():
    """It goes up as it is, and nothing is left half done."""

    def refuse(g):
        raise KeyError("mine")

    x = Value(2.0)
    y = x.on_grad(refuse) * 2.0
    with pytest.raises(KeyError, match="mine"):
        y.backward()
    assert repr(x.grad) == "not computed yet"


def test_forward_there_is_nothing_to_look_at():
    """Refused by name in jvp and linearize: a stand-in is no gradient."""
    f = lambda x: x.on_grad(silently) * 2.0  # noqa: E731
    for forward in (lambda: tn.jvp(f, (2.0,), (1.0,)), lambda: tn.linearize(f, 2.0)):
        with pytest.raises(UnsupportedError, match=r"hook silently \(test_hooks.py"):
            forward()
    with pytest.raises(UnsupportedError, match="silently"):  # also out of sight
        tn.jvp(tn.checkpoint(f), (2.0,), (1.0,))
    assert tn.hvp(lambda x: f(x) ** 2, (2.0,), (1.0,)).item() == 8.0


@pytest.mark.parametrize("n", [1, 5])
def test_a_jacobian_goes_back_where_a_hook_is(n):
    """Whatever is the cheaper way: more rows than columns or fewer."""
    jacobian = tn.jacobian(lambda x: x.on_grad(lambda g: 3.0 * g)[0] * np.ones(n))(X[:2])
    assert jacobian.tolist() == [[3.0, 0.0]] * n


def test_in_a_batch_a_hook_serves_each():
    """It gets one gradient that stands for many, and cannot ask for a number."""
    clipped = tn.grad(lambda x: (x.on_grad(lambda g: tn.clip(g, -1.0, 1.0)) ** 2).sum())
    np.testing.assert_array_equal(
        tn.vmap(clipped)(np.outer(X, X)).data, np.clip(2 * np.outer(X, X), -1, 1)
    )
    with pytest.raises(LeftGraphError):
        tn.vmap(tn.grad(lambda x: x.on_grad(lambda g: g if g > 0 else -g) ** 2))(X)


def test_no_hook_without_recording():
    """What forgets how it was made has no way back."""
    with tn.no_grad():
        assert Value(2.0).on_grad(silently).inputs == ()
