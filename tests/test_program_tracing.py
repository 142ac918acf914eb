"""What a trace holds for, and what it refuses: a number that was looked at is one of many."""

import math
import sys
from dataclasses import dataclass
from typing import NamedTuple

import calls
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from test_program_source import RULES_THAT_LOOK

import tinygrad_neuron as tn
from tinygrad_neuron import Value, errors, program_of, value_and_grad
from tinygrad_neuron.containers import leaves
from tinygrad_neuron.ops import PRIMITIVES

X = np.array([[1.0, 2.0], [3.0, 1.0], [0.0, 4.0]])
W = np.array([0.5, -0.5])


def refused(error, f, *examples):
    """The text of the error that a trace raises."""
    with pytest.raises(error) as raised:
        program_of(f)(*examples)
    return str(raised.value)


# ------------------------------------------------------------------ numbers that are looked at

LOOKS = {
    "a branch": lambda x: x if x > 0 else -x,
    "float": lambda x: float(x) * x,
    "int": lambda x: int(x) * x,
    "item": lambda x: x.item() * x,
    "tolist": lambda x: x.tolist() * x,
    "data": lambda x: x * x.data,
    "an array": lambda x: x * np.asarray(x),
    "math": lambda x: x * math.sin(x),
    "a loop": lambda x: sum(x for _ in range(x)),
    "a plain answer": lambda x: x * np.argmax(np.ones(3) * x),
    "all": lambda x: x if np.all(x > 0) else 0.0,
    "a product": lambda x: x and 2.0 * x,
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS.keys())
def test_a_number_that_is_looked_at_is_refused(look):
    """It is the example's, and the program is for all; the message says `where`."""
    said = refused(errors.LeftGraphError, look, 1.5)
    assert "TN105" in said
    assert "where(" in said


def test_the_same_inside_a_gradient():
    """The example is no less an example where a gradient is taken."""
    refused(errors.LeftGraphError, value_and_grad(lambda x: x if x > 0 else -x), 1.5)


def test_a_choice_is_in_the_program():
    """Traced on one side of the corner, right on the other."""
    program = program_of(value_and_grad(lambda x: tn.where(x > 0, x, -3.0 * x)))(2.0)
    assert program.run(-2.0) == (6.0, -3.0)
    assert program.run(2.0) == (2.0, 1.0)


def test_a_rule_that_decides_by_numbers_is_refused():
    """The slope of a determinant is written one way where the matrix is far from singular."""
    refused(errors.LeftGraphError, value_and_grad(np.linalg.det), np.eye(2))


def test_backward_is_no_result():
    """What it leaves on Values is not what the function returns."""

    def f(x):
        y = x * x
        y.backward()
        return y

    assert "program_of(value_and_grad(f))" in refused(errors.TraceError, f, 2.0)


# ------------------------------------------------------------------ what was not an argument


def test_random_numbers_are_refused():
    """The program would add the same noise for ever."""
    rng = np.random.default_rng(1492)
    assert "argument" in refused(errors.TraceError, lambda x: x + rng.normal(), 1.0)
    assert "argument" in refused(errors.TraceError, lambda x: x + rng.normal(size=3), np.ones(3))


def test_random_numbers_from_a_seed_are_constants():
    """They are the same in every run."""

    def f(x):
        return x + np.random.default_rng(3).normal(size=2)

    assert np.array_equal(program_of(f)(np.zeros(2)).run(np.zeros(2)), f(np.zeros(2)))


def test_state_that_moves_is_refused():
    """A counter is another number in each run, and decides how many operations there are."""
    seen = []

    def f(x):
        seen.append(x)
        for _ in seen:
            x = x * 2.0
        return x

    assert "operations" in refused(errors.TraceError, f, 1.0)


def test_a_value_that_was_not_given_is_refused():
    """Its data may change at any time; its data is a constant if a person says so."""
    slope = Value(3.0, name="slope")
    assert "slope" in refused(errors.TraceError, lambda x: x * slope, 1.0)
    assert "slope" in refused(errors.TraceError, lambda x: x * (slope * 2.0), 1.0)
    assert program_of(lambda x: x * slope.data)(1.0).run(2.0) == 6.0


def test_a_result_without_a_history_is_refused():
    """Under no_grad it forgets that it came from an input."""

    def f(x):
        with tn.no_grad():
            y = x * 2.0
        return x * y

    assert "no_grad" in refused(errors.TraceError, f, 1.0)


def test_detach_stays_in_the_program():
    """The number passes, and no gradient does."""
    program = program_of(value_and_grad(lambda x: x * x.detach()))(1.0)
    assert program.run(3.0) == (9.0, 3.0)


def test_constants_keep_their_names():
    """An array that a function closes over is called what it is called there."""
    program = program_of(lambda w: X @ w)(W)
    assert list(program.constants) == ["X"]
    assert program.run(W).tolist() == (X @ W).tolist()


# ------------------------------------------------------------------ inputs and outputs


def test_what_a_program_says_of_itself():
    """Inputs and lines with their shapes and dtypes, and what is returned."""
    x = np.ones((3, 2), np.float32)

    def f(w, x):
        z = x @ w
        return {"z": z, "total": z.sum()}

    program = program_of(f)(np.ones(2, np.float32), x)
    said = [(each.name, each.shape, each.dtype) for each in program.inputs]
    assert said == [("w", (2,), np.float32), ("x", (3, 2), np.float32)]
    assert [(line.name, line.primitive.name, line.shape) for line in program.lines] == [
        ("z", "matmul", (3,)),
        ("v1", "sum", ()),
    ]
    assert program.outputs == {"z": "z", "total": "v1"}
    answer = program.run(np.ones(2, np.float32), x)
    assert answer["z"].dtype == answer["total"].dtype == np.float32


def test_containers_and_what_is_no_number():
    """Parameters in a dict and a list; a flag is kept as it was."""

    def f(p, xs, double=False):
        y = p["w"] * xs[0] + p["b"] * xs[1]
        return y * 2.0 if double else y

    program = program_of(f)({"w": 1.0, "b": 2.0}, [np.ones(2), 3.0], True)
    assert program.names == ["p_w", "p_b", "xs_0", "xs_1", "double"]
    assert program.run({"w": 1.0, "b": 2.0}, [np.ones(2), 3.0], True).tolist() == [14.0, 14.0]
    with pytest.raises(errors.TraceError, match="traced with True"):
        program.run({"w": 1.0, "b": 2.0}, [np.ones(2), 3.0], False)


class Pair(NamedTuple):
    """A container with names of its own."""

    low: object
    high: object


@dataclass
class Neuron:
    """Parameters as a person keeps them."""

    w: object
    b: object


def test_containers_with_names():
    """Dataclasses and named tuples, there and back; in the source, plain ones."""
    program = program_of(lambda n, x: Pair(n.w * x, Neuron(n.b, x)))(Neuron(2.0, 1.0), 3.0)
    assert program.names == ["n_w", "n_b", "x"]
    assert program.run(Neuron(3.0, 1.0), 2.0) == Pair(6.0, Neuron(1.0, 2.0))
    assert "return n_w * x, {'w': n_b, 'b': x}" in program.source


def test_a_checkpoint_is_written_out():
    """Memory is no matter of a program: what is inside is what is computed."""
    inside = tn.checkpoint(lambda x: tn.exp(x) * x)
    program = program_of(value_and_grad(lambda x: inside(x) * 2.0))(1.0)
    value, slope = value_and_grad(inside)(0.5)
    assert program.run(0.5) == (2.0 * value.item(), 2.0 * slope.item())


def test_a_hook_that_changes_a_gradient_is_in_the_program():
    """Half of the gradient goes on, in each run."""
    program = program_of(value_and_grad(lambda x: x.on_grad(lambda g: g / 2.0) ** 2))(1.0)
    assert program.run(3.0) == (9.0, 3.0)


def test_whole_numbers_are_inputs_like_others():
    """Labels are no leaves, but another run may have others."""
    program = program_of(lambda w, k: (w * (k == 1)).sum())(W, np.array([0, 1]))
    assert program.run(W, np.array([1, 0])) == 0.5


@pytest.mark.parametrize(
    "given", [np.ones(3), np.ones(2, np.float32), 1.0, np.ones((1, 2))], ids=repr
)
def test_another_input_is_refused(given):
    """A program is for one shape and one dtype."""
    program = program_of(lambda x: x * 2.0)(W)
    with pytest.raises(errors.TraceError, match="program_of"):
        program.run(given)


def test_the_number_of_inputs_is_checked():
    """None is left out, and none is too many."""
    program = program_of(lambda x: x * 2.0)(1.0)
    with pytest.raises(errors.TraceError, match="not built alike"):
        program.run(1.0, 2.0)


def test_a_dict_is_read_by_its_keys():
    """The order in which somebody wrote them down is no matter; another key is."""
    program = program_of(lambda p: p["w"] - p["b"])({"w": 1.0, "b": 2.0})
    assert program.run({"b": 5.0, "w": 1.0}) == -4.0
    with pytest.raises(errors.TraceError, match="not built alike"):
        program.run({"w": 1.0, "c": 2.0})
    assert program_of(lambda p: p["w"] * 2.0)({"w": 1.0}).run({"w": 3.0}) == 6.0


def test_complex_numbers():
    """The gradient is the engine's, conjugates included; a number and an array."""

    def f(z, w):
        return np.abs(tn.exp(z) * w * z).sum()

    z, w = 0.5 + 2.0j, np.array([1.0 - 1.0j, 2.0j])
    ours = program_of(value_and_grad(f, (0, 1)))(1.0j, np.ones(2, complex)).run(z, w)
    theirs = value_and_grad(f, (0, 1))(z, w)
    for a, b in zip(leaves(ours), leaves(theirs), strict=True):
        assert np.array_equal(a, b.data)


def test_two_zeros():
    """An array of 0.0 and -0.0 is not one number throughout."""
    zeros = np.array([0.0, -0.0])
    ours = program_of(lambda x: x * zeros)(W).run(np.ones(2))
    assert np.signbit(ours).tolist() == [False, True]


def test_whole_numbers_become_floats():
    """As they do in a Value."""
    assert program_of(lambda x: x * 2.0)(1.0).run(3) == 6.0
    assert program_of(lambda x: x * 2.0)(W).run(np.array([1, 2])).tolist() == [2.0, 4.0]


def test_any_function_of_functions_can_be_traced():
    """Jacobians, Hessians, products with them, and a vmap, which becomes a few lines of arrays."""
    x, t = np.array([1.0, 2.0]), np.array([1.0, -1.0])

    def f(x):
        return x**3 * x[::-1]

    def of_one(x):
        return f(x).sum()

    for g in (
        tn.jacobian(f),
        tn.hessian(of_one),
        lambda x: tn.hvp(of_one, (x,), (t,)),
        lambda x: tn.jvp(f, (x,), (t,)),
        tn.vmap(lambda x: x * np.sin(x)),
    ):
        pairs = zip(leaves(program_of(g)(x).run(x + 1.0)), leaves(g(x + 1.0)), strict=True)
        for ours, theirs in pairs:
            np.testing.assert_allclose(ours, theirs.data, rtol=1e-14)


# ------------------------------------------------------------------ the edges


@pytest.mark.parametrize("x", [0.0, 0.25, 1.0, 4.0])
def test_a_branch_that_was_not_chosen_has_no_say(x):
    """Traced where every slope is finite, right where one is not: the rule is in the program."""

    def f(x):
        return tn.where(x < 1.0, x, tn.sqrt(x))

    for at in (0.0, 2.0):
        program = program_of(value_and_grad(f))(at)
        assert program.run(x) == tuple(v.item() for v in value_and_grad(f)(x))


@pytest.mark.parametrize("x", [-1.0, 0.0, 300.0, 1e200])
def test_what_overflows_is_noticed(x):
    """A product that overflowed where it has no say: the whole program is asked."""

    def f(x):
        return tn.where(x > 1e100, 0.0, x * x * x).sum()

    a = np.array([x, 1.0])
    program = program_of(value_and_grad(f))(np.array([1.0, 2.0]))
    leaf = Value(a)
    with np.errstate(all="ignore"):
        f(leaf).backward()
    assert np.array_equal(program.run(a)[1], leaf.grad)


def test_what_python_refuses_is_inf():
    """1/0 and log(0) of floats are what NumPy says of them."""
    program = program_of(lambda x: 1.0 / x + tn.log(x))(1.0)
    with np.errstate(all="ignore"):
        assert math.isnan(program.run(0.0))
    assert program_of(lambda x: 1.0 / x)(1.0).run(0.0) == math.inf
    assert program_of(tn.log)(1.0).run(0.0) == -math.inf


def test_a_trace_leaves_nothing_behind():
    """The examples get no gradient, and the profile function is the one there was."""

    def profiler(*_):
        return None

    w = Value(2.0)
    sys.setprofile(profiler)
    try:
        program_of(value_and_grad(lambda w: w * w))(w)
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
    assert w.gradient is None


# ------------------------------------------------------------------ many at once

SMALL = settings(max_examples=2, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(
    "primitive", [p for p in PRIMITIVES if p.name not in RULES_THAT_LOOK], ids=str
)
@SMALL
@given(st.data())
def test_every_jacobian_is_traced_as_a_batch(primitive, data):
    """The program of all rows at once gives the rows that the sweep gives; so does a vmap's."""
    call = data.draw(calls.of(primitive))
    y = np.asarray(primitive(*call.inputs, **call.settings))
    if y.dtype.kind != "f" or not call.varying or not 0 < y.size < 20:
        return
    i = call.varying[0]
    x = np.asarray(call.inputs[i])

    def f(x):
        inputs = [x if k == i else other for k, other in enumerate(call.inputs)]
        return primitive(*inputs, **call.settings)

    many = np.stack([x, x])
    for g, at in ((tn.jacobian(f), x), (tn.vmap(f), many), (tn.jacobian(tn.vmap(f)), many)):
        ours, theirs = program_of(g)(at).run(at), g(at)
        theirs = np.asarray(theirs.data if isinstance(theirs, Value) else theirs)
        scale = np.abs(theirs[np.isfinite(theirs)]).max(initial=0.0)
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14 * scale)


def test_a_batch_is_a_few_lines():
    """A Hessian of thirty rows is no longer than one of three, and runs at other numbers."""

    def valley(x):
        return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()

    few, many = (program_of(tn.hessian(valley))(np.ones(n)) for n in (3, 30))
    assert len(few) == len(many) < 50
    x = np.linspace(-1.0, 1.0, 30)
    np.testing.assert_allclose(many.run(x), tn.hessian(valley)(x).data, rtol=1e-13)


def test_a_branch_inside_a_traced_batch_is_refused():
    """Each row has a number of its own, and each run another."""
    with pytest.raises(errors.LeftGraphError):
        program_of(tn.vmap(lambda x: x if x > 0 else -x))(np.ones(3))
