"""Passes give shorter programs and the same numbers: to the bit, but where they say otherwise."""

import numpy as np
import pytest
from hypothesis import given
from test_program_source import PAIRS, assert_same_bits, expressions

import tinygrad_neuron as tn
from tinygrad_neuron import errors, program, program_of, value_and_grad
from tinygrad_neuron.containers import leaves
from tinygrad_neuron.program import (
    folded,
    optimised,
    simplified,
    without_dead_lines,
    without_repetition,
)

X = np.array([[1.0, 2.0], [3.0, 1.0], [0.0, 4.0]])
Y = np.array([0.5, -0.5, 0.25])


def names(a_program):
    """What its lines compute with, in order."""
    return [line.primitive.name for line in a_program.lines]


def network(w, b, x, y):
    """A neuron, and its error, in a way that leaves something to be done."""
    z = x @ w + b
    return tn.mean((tn.tanh(x @ w + b) - y) ** 2 * 1.0) + 0.0 * z.sum() ** 1


# ------------------------------------------------------------------------ each of them


def test_constants_are_computed_once():
    """What no input enters is a number, or an array with its name; a view stays a view."""

    def f(w, x):
        features = np.exp(x)
        return (features.T @ Y) @ w, x.T * w[:1]

    whole = program_of(f)(np.ones(2), X)
    after = program.given(whole, x=X)
    assert names(after) == ["matmul", "transpose", "take", "multiply"]
    assert after.run(np.ones(2))[0] == pytest.approx((np.exp(X).T @ Y).sum())


def test_what_is_repeated_is_computed_once():
    """The same operation on the same inputs, and what follows from it; names of people win."""

    def f(x):
        named = tn.exp(x) * 2.0
        return tn.sin(tn.exp(x) * 2.0) + named

    before = program_of(f)(1.0)
    after = without_repetition(before)
    assert names(before) == ["exp", "multiply", "exp", "multiply", "sin", "add"]
    assert names(after) == ["exp", "multiply", "sin", "add"]
    assert "named = math.exp(x) * 2" in after.source
    assert_same_bits(after.run(0.3), before.run(0.3))


def test_one_and_one_point_nought_are_not_the_same_number():
    """Numbers are compared with their types: yes and no times 1 are whole, times 1.0 are not."""
    before = program_of(lambda k: (k * 1.0, np.multiply(k, 1)))(np.array([True, False]))
    assert len(without_repetition(before)) == 2
    assert [x.dtype for x in without_repetition(before).run(np.array([True, True]))] == [
        float,
        int,
    ]


def test_a_half_in_one_precision_is_not_a_half_in_another():
    """It widens what it is multiplied with, or it does not."""
    x = np.ones(2, np.float16)
    before = program_of(lambda x: (x * np.float32(0.5), x * 0.5))(x)
    assert [y.dtype for y in without_repetition(before).run(x)] == [np.float32, np.float16]


def test_what_nobody_needs_is_left_out():
    """Lines and constants that lead to no output."""
    before = program_of(lambda x: (x * 2.0, tn.exp(x) @ Y))(np.ones(3))
    first = program.Program(
        before.name, before.inputs, before.constants, before.lines, before.outputs[0], ("x",)
    )
    after = without_dead_lines(first)
    assert names(after) == ["multiply"]
    assert not after.constants
    assert after.run(np.ones(3)).tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    "f",
    [
        *(lambda x: x * 1.0, lambda x: 1 * x, lambda x: x / 1.0, lambda x: x + 0.0),
        *(lambda x: 0 + x, lambda x: x - 0.0, lambda x: x**1, lambda x: -np.negative(x)),
    ],
)
def test_what_changes_nothing_is_left_out(f):
    """The identities, on a number and on an array."""
    for x in (3.0, np.array([1.0, -2.0])):
        after = simplified(program_of(f)(x))
        assert len(after) == 0
        assert_same_bits(after.run(x), x)


@pytest.mark.parametrize(
    "f",
    [
        *(lambda x: 1.0 / x, lambda x: 0.0 - x, lambda x: 1.0**x, lambda x: x * 0.0),
        *(lambda x: x * np.ones((2, 2)), lambda x: x * np.ones(2)),
    ],
)
def test_what_changes_something_stays(f):
    """The other side of each identity, a shape that grows, a precision that widens."""
    x = np.array([1.0, -2.0], np.float32)
    before = program_of(f)(x)
    after = simplified(before)
    assert_same_bits(after.run(x), before.run(x))
    assert len(after) >= 1


def test_what_no_answer_depends_on_is_left_out():
    """Whether it is that or False, that and True."""
    x = np.array([1.0, np.nan])
    after = simplified(program_of(lambda x: np.logical_and(np.logical_or(x > 0, False), True))(x))
    assert names(after) == ["greater"]
    assert after.run(x).tolist() == [True, False]


def test_transposes_cancel():
    """There and back; an order of three axes only by its inverse."""
    x = np.arange(24.0).reshape(2, 3, 4)
    there = program_of(lambda x: np.transpose(np.transpose(x, (1, 2, 0)), (2, 0, 1)))(x)
    again = program_of(lambda x: np.transpose(np.transpose(x, (1, 2, 0)), (1, 2, 0)))(x)
    assert len(simplified(there)) == 0
    assert len(simplified(again)) == 2
    assert len(simplified(program_of(lambda x: x.T.T)(x))) == 0


def test_a_number_is_not_stretched_to_be_multiplied():
    """The gradient of a mean owes each entry the same: one number, not an array of it."""

    def f(x):
        return tn.mean(tn.exp(x))

    before = program_of(value_and_grad(f))(np.ones(3))
    after = simplified(before)
    assert "d_x = np.broadcast_to(0.3333333333333333, (3,)) * v1" in before.source
    assert "d_x = 0.3333333333333333 * v1" in after.source
    x = np.array([0.1, -3.0, 8.0])
    assert_same_bits(after.run(x)[1], before.run(x)[1])


def test_a_column_is_a_vector():
    """`(X.T @ e[:, None])[..., 0]` is `X.T @ e`."""
    before = program_of(value_and_grad(lambda w: ((X @ w - Y) ** 2).sum()))(np.ones(2))
    after = optimised(before)
    assert "d_w = X.T @ " in after.source
    np.testing.assert_allclose(after.run(Y[:2])[1], before.run(Y[:2])[1], rtol=1e-14)


@pytest.mark.parametrize(
    ("f", "x", "times"),
    [
        (lambda b: np.sum(np.broadcast_to(b, (7,))), 1.5, 7.0),
        (lambda b: np.sum(np.broadcast_to(b, (2, 3)) * 1.0), -0.25, 6.0),
        (
            lambda b: tn.vjp(lambda b: np.broadcast_to(b, (4, 3)), b)[1](
                np.broadcast_to(b, (4, 3))
            )[0],
            np.array([1.0, 2.0, 4.0]),
            4.0,
        ),
    ],
)
def test_a_sum_over_what_was_broadcast_is_a_multiple(f, x, times):
    """There and back along the same axes costs one multiplication."""
    after = optimised(program_of(f)(x))
    assert not {"broadcast_to", "sum", "sum_to"} & set(names(after))
    assert_same_bits(after.run(x), x * times)


@pytest.mark.parametrize(
    "f",
    [
        lambda b: np.sum(np.broadcast_to(b, (4, 3)), axis=0),
        lambda b: np.sum(np.broadcast_to(b, (4, 3))),
        lambda b: np.sum(np.broadcast_to(b[0], (0,))),
    ],
)
def test_a_sum_along_other_axes_stays(f):
    """Only what goes back to the shape it came from is a multiple."""
    b = np.array([1.0, 2.0, np.inf])
    assert_same_bits(optimised(program_of(f)(b)).run(b), f(b))


# ------------------------------------------------------------------------ training loops


def test_the_data_are_put_in_once():
    """The parameters are left; what depends on the data alone is a constant by then."""

    def loss(w, x, y):
        scaled = (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-3)
        return ((scaled @ w - y) ** 2).mean()

    whole = program_of(value_and_grad(loss))(np.ones(2), X, Y)
    step = program.given(whole, x=X, y=Y)
    assert step.names == ["w"]
    assert "scaled" in step.constants
    assert len(step) < len(whole) / 2
    w = np.array([0.3, -0.7])
    for ours, theirs in zip(leaves(step.run(w)), leaves(whole.run(w, X, Y)), strict=True):
        assert_same_bits(ours, theirs)


def test_a_number_can_be_put_in():
    """And a name that is no input is refused with the names that are."""
    whole = program_of(lambda x, n: x * tn.exp(n))(2.0, 0.0)
    assert program.given(whole, n=0.0).source == "def f(x):\n    return x * 1"
    with pytest.raises(errors.TraceError, match="x, n"):
        program.given(whole, k=0.0)
    with pytest.raises(errors.TraceError, match="part of"):
        program.given(program_of(lambda p: p["w"] * p["b"])({"w": 1.0, "b": 2.0}), p_w=1.0)
    with pytest.raises(errors.TraceError, match="shape"):
        program.given(whole, n=np.ones(2))


def test_where_python_refuses_the_data_are_in_as_well():
    """What `run` falls back on has the same inputs."""
    step = program.given(program_of(value_and_grad(lambda w, x: x / w))(1.0, 1.0), x=2.0)
    assert step.run(4.0) == (0.5, -0.125)
    assert step.run(0.0) == (np.inf, -np.inf)


def test_what_was_put_in_is_not_shared():
    """Whoever writes into the array later does not change the program."""
    data = np.ones(2)
    step = program.given(program_of(lambda w, x: (w * x).sum())(np.ones(2), data), x=data)
    data[:] = 9.0
    assert step.run(np.ones(2)) == 2.0


# ------------------------------------------------------------------------ all of them


@given(expressions(), PAIRS)
def test_passes_keep_every_bit(f, at):
    """Of random programs with their gradients, at the edges as well."""
    before = program_of(value_and_grad(f, argnums=(0, 1)))(*at)
    for step in (folded, without_repetition, without_dead_lines):
        after = step(before)
        assert len(after) <= len(before)
        for ours, theirs in zip(leaves(after.run(*at)), leaves(before.run(*at)), strict=True):
            assert_same_bits(ours, theirs)


@given(expressions(), PAIRS)
def test_algebra_keeps_every_number(f, at):
    """To the sign of a zero; and so do all passes together."""
    before = program_of(value_and_grad(f, argnums=(0, 1)))(*at)
    for step in (simplified, optimised):
        after = step(before)
        for ours, theirs in zip(leaves(after.run(*at)), leaves(before.run(*at)), strict=True):
            assert np.array_equal(ours, theirs, equal_nan=True)


def test_an_optimised_program_is_still_whole():
    """Infinite slopes are excused in it, and what its source says is what it computes."""

    def f(x):
        return tn.where(x < 1.0, x, tn.sqrt(x)).sum()

    x = np.array([0.0, 4.0])
    after = optimised(program_of(value_and_grad(f))(np.array([2.0, 3.0])))
    assert after.run(x)[1].tolist() == [1.0, 0.25]
    after = optimised(program_of(value_and_grad(network, (0, 1)))(np.ones(2), 0.0, X, Y))
    theirs = value_and_grad(network, (0, 1))(np.ones(2), 0.5, X, Y)
    ours = after.run(np.ones(2), 0.5, X, Y)
    for a, b in zip(leaves(ours), leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b.data, rtol=1e-14)
