"""Programs as machine code give the numbers of the programs, to a few units in the last place."""

import importlib.util
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import calls
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from test_program_losses import ORDERED
from test_program_source import RULES_THAT_LOOK

import tinygrad_neuron as tn
from tinygrad_neuron import losses, program_of, value_and_grad
from tinygrad_neuron.containers import leaves
from tinygrad_neuron.losses.description import example
from tinygrad_neuron.ops import PRIMITIVES
from tinygrad_neuron.program import descend, descent, optimised, repeated
from tinygrad_neuron.program.native import Compiled, building
from tinygrad_neuron.program.native.looping import Loop, loop_of
from tinygrad_neuron.program.native.writing import Piece

pytest.importorskip("numba", reason="native code needs the extra 'native'")
pytest.importorskip("scipy", reason="products of matrices go to BLAS through scipy")

RNG = np.random.default_rng(7)
X = RNG.normal(size=(100, 3))
Y = RNG.choice([-1.0, 1.0], 100)


def compiled(f, *examples):
    """The optimised program of a function, as machine code."""
    return Compiled(optimised(program_of(f)(*examples)))


def assert_close(ours, theirs, tolerance=1e-13):
    """The same shapes and dtypes, and numbers to a tolerance relative to the largest."""
    for a, b in zip(leaves(ours), leaves(theirs), strict=True):
        assert type(a) is type(b)
        a, b = np.asarray(a), np.asarray(b)
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        size = np.abs(b[np.isfinite(b)]).max(initial=0.0)
        scale = tolerance * (size if a.dtype != np.float32 else 1e8 * size)
        np.testing.assert_allclose(a, b, rtol=0, atol=scale, equal_nan=True)


def agrees(f, *examples, tolerance=1e-13, parts=None):
    """Whether machine code and NumPy agree on a function, compiled in so many parts."""
    code = compiled(f, *examples)
    assert_close(code.run(*examples), code.program.run(*examples), tolerance)
    if parts is not None:
        assert [isinstance(part, Piece) for part in code.plan.parts] == parts
    return code


def wave(x, y):
    """An elementwise loss with everything in it."""
    return np.mean(np.log1p(np.exp(-y * (np.tanh(x) * np.sin(x) + x**2))))


def neuron(weights, x, y):
    """How far one neuron is from its targets."""
    w, b = weights
    return np.mean((tn.sigmoid(x @ w + b) - y) ** 2)


def network(params, x, y):
    """The cross entropy of two layers."""
    (w1, b1), (w2, b2) = params
    return losses.cross_entropy(np.tanh(x @ w1 + b1) @ w2 + b2, y)


def layers(dtype=float):
    """Weights and biases for it."""
    sizes = [(8, 12), (12, 5)]
    return [(RNG.normal(size=s).astype(dtype), np.zeros(s[1], dtype)) for s in sizes]


# ----------------------------------------------------------------------- the same numbers


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(), (5,), (1300,), (40, 33)])
def test_an_elementwise_loss(shape, dtype):
    """One loop, with the sum at its end."""
    x, y = RNG.normal(size=(2, *shape)).astype(dtype)
    x, y = (x, y) if shape else (dtype(x), dtype(y))
    agrees(value_and_grad(wave, argnums=(0, 1)), x, y, parts=[True])


def test_a_neuron_is_one_pass_over_its_data():
    """The product, the loss and both sums of the gradient stand in the same loop."""
    code = agrees(value_and_grad(neuron), (np.zeros(3), 0.1), X, Y, parts=[True])
    assert [region.kind for region in code.plan.known.regions] == ["loop", "scalar"][:1]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_network(dtype):
    """Matrices go to BLAS; softmax, and labels that are whole numbers, are loops."""
    x, y = RNG.normal(size=(20, 8)).astype(dtype), RNG.integers(0, 5, 20)
    agrees(value_and_grad(network), layers(dtype), x, y, parts=[True])


def test_what_has_no_loop_is_left_to_numpy():
    """A sine integral is no line of these; a cumulative sum stands between two compiled parts."""
    agrees(lambda x: np.sum(np.exp(np.cumsum(np.tanh(x)))), X, parts=[True, False, True])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(x, axis=0),
        lambda x: np.mean(x, axis=1, keepdims=True) * x,
        lambda x: np.max(x, axis=0) + np.min(x),
        lambda x: (x - np.mean(x, axis=0)) / np.std(x, axis=0),
        lambda x: x.T @ x,
        lambda x: x[1:, ::2] * x[:-1, 1:2],
        lambda x: np.sum(x[:, 0] * x[:, 1]) + x[3, 1],
        lambda x: np.reshape(x, (3, 100)) * 2.0,
        lambda x: np.where(x > 0, x, 0.1 * x)[::-1],
        lambda x: (x.T @ x) @ (x.T @ x[:, 0]),
        lambda x: tn.softmax(x, axis=0) + tn.logsumexp(x, axis=1, keepdims=True),
        lambda x: np.sum(np.sum(x, axis=0) ** 2),
        lambda x: x.T,
        lambda x: (np.abs(x) ** 3.0, 1.0, x, np.sign(x), np.floor(x)),
        lambda x: np.sum((x > 0) & (x < 1), axis=1),
        lambda x: np.broadcast_to(np.sum(x), (2, 2)) @ np.ones((2, 5)),
    ],
)
def test_shapes_and_arrangements(f):
    """Reductions along axes, and arrays that are others turned, cut or repeated."""
    agrees(f, X)


def test_a_thousand_numbers_are_one_straight_function():
    """A graph of scalar Values, without an array in it."""

    def chain(w, b):
        h = w
        for _ in range(100):
            h = np.tanh(h * w + b)
        return h

    agrees(value_and_grad(chain, argnums=(0, 1)), 0.9, 0.1, parts=[True])


PIECES = [np.tanh, np.exp, np.sin, tn.sigmoid, np.cos, np.expm1, tn.softplus, np.abs, tn.relu]


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4), st.integers(1, 40))
def test_random_chains(functions, n):
    """Any of them after any other, and their gradient."""

    def chain(x):
        for f in functions:
            x = f(0.5 * x)
        return np.sum(x * x)

    agrees(value_and_grad(chain), RNG.normal(size=n), tolerance=1e-12)


# --------------------------------------------------------------------------- sums and limits


def test_sums_are_as_accurate_as_numpys():
    """Of a million numbers of all sizes, against the exact sum."""
    from math import fsum

    x = RNG.normal(size=1_000_003) * 10.0 ** RNG.uniform(-8, 8, 1_000_003)
    exact, size = fsum(x), fsum(np.abs(x))
    ours = compiled(lambda x: np.sum(1.0 * x), x).run(x)
    assert abs(ours - exact) <= max(abs(np.sum(x) - exact), 4 * np.finfo(float).eps * size)
    assert ours == compiled(lambda x: np.sum(1.0 * x), x).run(x)


def test_float32_is_added_up_in_float64():
    """As accurate as NumPy's sum, or more."""
    x = RNG.uniform(size=100_001).astype(np.float32)
    ours = compiled(lambda x: np.sum(x * x), x).run(x)
    exact = np.sum((x * x).astype(float))
    assert type(ours) is np.float32 and ours == np.float32(exact)


@pytest.mark.parametrize("far", [1e10, 1e300, np.inf])
def test_an_angle_too_large_for_the_compiled_sine_goes_to_numpy(far):
    """Its argument reduction ends at a billion; the answer stays right."""
    x = np.array([0.5, far])
    code = compiled(lambda x: np.sin(x) + np.cos(x), X[:2, 0])
    with np.errstate(invalid="ignore"):
        expected = np.sin(x) + np.cos(x)
    assert_close(code.run(x), expected)
    with np.errstate(invalid="ignore"):
        assert_close(compiled(np.sin, 0.5).run(far), float(np.sin(far)))


def test_excuses_are_made_as_in_a_program():
    """0 times an infinite slope is 0, and not nan."""

    def kinked(x):
        return np.sum(np.where(x > 0, np.sqrt(x), 0.0) + np.exp(x * 400) * 0.0)

    x = np.array([0.0, 4.0])
    code = compiled(value_and_grad(kinked), x)
    assert_close(code.run(x), code.program.run(x))


def test_arrays_that_must_not_be_written_and_that_are_no_block():
    """Inputs may be read-only, transposed or strided; they stay as they are."""
    code = compiled(lambda x: np.tanh(x) * 2.0, X)
    wide = np.repeat(X, 2, axis=1)[:, ::2]
    turned = np.asfortranarray(X)
    turned.flags.writeable = False
    for x in (wide, turned):
        assert_close(code.run(x), np.tanh(X) * 2.0)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum((x[1:] - x[:-1] ** 2) ** 2),
        lambda x: x[3] * x[-1],
        lambda x: np.sum(x[::-2] * np.arange(25.0)),
        lambda x: np.sum(np.tanh(x.reshape(5, 10)[1:4, ::3]) ** 2),
        lambda x: np.sum(x.reshape(5, 10)[:, 2] * 3.0),
        lambda x: np.sum(np.concatenate([x, x[:5], np.tanh(x)])[7:77] ** 2),
        lambda x: np.sum(np.hstack([y := x.reshape(5, 10), y[::-1] * y])[:, 3:15] ** 3),
    ],
)
def test_parts_of_an_array_are_one_piece(f):
    """The slope of a slice is a place among zeros, which needs no NumPy."""
    agrees(value_and_grad(f), RNG.normal(size=50), parts=[True])


def test_one_result_twice_is_two_arrays():
    """Who writes into one of them must not change the other."""
    a, b = compiled(lambda x: [(y := np.exp(x)), y], X).run(X)
    a[:] = 0.0
    assert_close(b, np.exp(X))


def test_nan_is_found_by_the_machine_code_itself():
    """In numbers and in arrays, of one piece and of several; what is found is done by NumPy."""

    def steep(x):
        return np.sum(np.sqrt(x) * 0.0) + np.sum(np.cumsum(x)[0] * 0.0)

    x = np.array([0.0, 1.0, 2.0])
    for f in (lambda x: np.sum(np.sqrt(x) * 0.0), steep):
        code = compiled(value_and_grad(f), x)
        assert_close(code.run(x), (0.0, np.zeros(3)))


def test_several_threads_at_once():
    """Eight threads compile it, and each has its own numbers."""
    code = compiled(value_and_grad(wave), X, Y[:, None])
    inputs = [X * (k + 1) / 8 for k in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda x: code.run(x, Y[:, None]), inputs))
    for x, answer in zip(inputs, answers, strict=True):
        assert_close(answer, code.program.run(x, Y[:, None]))


@pytest.mark.parametrize(("library", "name"), [("numba", "Numba"), ("scipy", "SciPy")])
def test_what_is_missing_is_named(monkeypatch, library, name):
    """With the extra that brings it; a loop is NumPy's then."""
    found = importlib.util.find_spec
    gone = {"find_spec": lambda x: None if x == library else found(x)}
    monkeypatch.setattr(building.importlib.util, "find_spec", gone["find_spec"])
    monkeypatch.setattr(descent, "find_spec", gone["find_spec"])
    with pytest.raises(tn.errors.MissingExtraError, match=name):
        compiled(np.sin, 1.0)
    assert descend(lambda w: w * w, 1.0, alpha=0.25, steps=2).state == 0.25


# ---------------------------------------------------------------------------- whole loops


def both(f, *args, **settings):
    """A course compiled, and the same by NumPy."""
    ours, theirs = (descend(f, *args, native=native, **settings) for native in (True, False))
    assert ours.stopped == theirs.stopped
    assert_close(ours.state, theirs.state, 1e-12)
    single = any(np.asarray(x).dtype == np.float32 for x in leaves(ours.state))
    np.testing.assert_allclose(ours.losses, theirs.losses, rtol=1e-5 if single else 1e-12)
    return ours


def test_descent_learns():
    """200 steps of one neuron: the loss falls at every one of them."""
    course = both(
        neuron, (np.zeros(3), 0.0), X, np.where(X[:, 0] > 0, 1.0, 0.0), alpha=1.0, steps=200
    )
    assert len(course.losses) == 200 and (np.diff(course.losses) < 0).all()


def test_a_short_wide_and_a_single_row():
    """Shapes at the edge of what is written out one by one."""
    for n, d in ((1, 2), (2, 33), (34, 32)):
        x, y = RNG.normal(size=(n, d)), np.ones(n)
        both(neuron, (np.zeros(d), 0.0), x, y, alpha=0.1, steps=5)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_batches_come_round(dtype):
    """7 steps on 3 batches are steps on batches 0, 1, 2, 0, 1, 2, 0."""
    x, y = RNG.normal(size=(3, 20, 8)).astype(dtype), RNG.integers(0, 5, (3, 20))
    both(network, layers(dtype), alpha=0.05, steps=7, batches=(x, y))


def test_numpy_between_compiled_parts():
    """A step that is not one function is still repeated."""
    both(lambda w: np.sum(np.cumsum(w) ** 2), np.ones(4), alpha=0.01, steps=5)


@pytest.mark.parametrize("native", [True, False])
def test_a_loop_that_runs_away_keeps_what_it_had(native):
    """The loss overflows at some step; the state is the one before, and its loss is finite."""
    course = descend(lambda w: w**4, 3.0, alpha=1.0, steps=100, native=native)
    n = len(course.losses)
    assert 0 < n < 100 and np.isfinite(course.losses).all() and np.isfinite(course.state)
    assert course.state**4 == pytest.approx(course.losses[-1])
    assert course.stopped.startswith(f"stopped after {n} of 100 steps: the next loss is ")


@pytest.mark.parametrize("native", [True, False])
def test_a_loop_that_cannot_begin(native):
    """The first loss is nan: no step, and the start."""
    course = descend(
        lambda w: np.sum(np.log(w)), np.array([-1.0, 2.0]), alpha=0.1, steps=3, native=native
    )
    assert course.state.tolist() == [-1.0, 2.0] and len(course.losses) == 0
    assert course.stopped


def test_a_loop_goes_on_where_a_nan_is_excused():
    """The slope of the branch not taken is infinite at 0, and owed nothing."""

    def loss(w):
        return np.sum(np.where(w > 0, np.sqrt(w), w) ** 2 + np.exp(w))

    course = both(loss, np.array([0.0, 1.0]), alpha=0.1, steps=20)
    assert not course.stopped and np.isfinite(course.state).all()


def test_a_nan_in_a_slope_is_excused_by_the_program():
    """sqrt has an infinite slope at 0, where nothing is owed: compiled or not, a step is made."""

    def loss(weights):
        w, b = weights
        return np.sum(np.sqrt(w) * np.array([0.0, 1.0])) + b * b

    course = both(loss, (np.array([0.0, 4.0]), 1.0), alpha=0.1, steps=3)
    assert len(course.losses) == 3 and course.state[0][0] == 0.0


@pytest.mark.parametrize("native", [True, False])
def test_rows_of_a_loss_of_plain_numbers(native):
    """A neuron written number by number is the neuron written with arrays."""

    def one(params, x, y):
        (u, v), b = params
        return tn.softplus(-y * np.tanh(u * x[0] + v * x[1] + b))

    def whole(params, x, y):
        return np.mean(tn.softplus(-y * np.tanh(x @ params[0] + params[1])))

    table = X[:30, :2]
    settings = {"alpha": 0.5, "steps": 10, "native": native}
    ours = descend(one, ([0.1, 0.2], 0.3), rows=(table, Y[:30]), **settings)
    theirs = descend(whole, (np.array([0.1, 0.2]), 0.3), table, Y[:30], **settings)
    np.testing.assert_allclose(ours.losses, theirs.losses, rtol=1e-13)
    np.testing.assert_allclose([*ours.state[0]], theirs.state[0], rtol=1e-13)


def test_rows_of_arrays_are_refused():
    """They have axes for that."""
    with pytest.raises(tn.errors.UnsupportedError, match="of one row has"):
        descend(lambda w, x: np.sum(w * np.ones(2) * x), 1.0, rows=(Y,), alpha=0.1, steps=1)


def test_many_numbers_over_rows():
    """A hundred lines in one loop."""

    def deep(w, x):
        h = x
        for k in range(20):
            h = np.tanh(w * h + 0.1 * k) + x
        return h * h

    settings = {"alpha": 0.01, "steps": 3, "rows": (Y[:7] * 0.3,)}
    ours, theirs = (descend(deep, 0.5, native=x, **settings) for x in (True, False))
    np.testing.assert_allclose(ours.losses, theirs.losses, rtol=1e-12)
    assert ours.state == pytest.approx(theirs.state, rel=1e-12)


def test_momentum_is_a_state_as_well():
    """Any recipe is a step that gives back what it wants to remember."""

    def step(state, x, y):
        w, velocity = state
        loss, g = value_and_grad(lambda w: np.mean((x @ w - y) ** 2))(w)
        velocity = 0.9 * velocity - 0.05 * g
        return loss, (w + velocity, velocity)

    start = (np.zeros(3), np.zeros(3))
    ours, theirs = (repeated(step, start, X, Y, steps=50, native=x) for x in (True, False))
    assert_close([ours.state, ours.losses], [theirs.state, theirs.losses], 1e-12)


def test_a_state_that_is_handed_on_as_it_was():
    """A number that no step changes, and one that becomes another."""
    course = repeated(lambda s: (s[0] * s[1], (s[1], s[1])), (2.0, 3.0), steps=3, native=True)
    assert course.state == (3.0, 3.0) and course.losses.tolist() == [6.0, 9.0, 9.0]


def test_another_state_is_refused():
    """A step gives the loss and the state, in the shapes it was given."""
    with pytest.raises(tn.errors.TraceError, match=r"w_loop gives .* shape \(2,\)"):

        def w_loop(w):
            return np.sum(w), w[:2]

        repeated(w_loop, np.ones(3), steps=2)


# ------------------------------------------------------------------------------- the cache

SCRIPT = """
import sys, time
import numpy as np
from tinygrad_neuron import program_of
from tinygrad_neuron.program.native import Compiled, building
code = Compiled(program_of(lambda x: np.sum(np.tanh(x) * 0.25))(np.ones(10)))
print(code.run(np.ones(10)))
function = code.call.__globals__["machine"]
print(sum(function.stats.cache_hits.values()), sum(function.stats.cache_misses.values()))
"""


def test_what_was_compiled_is_there_in_the_next_process(tmp_path):
    """The second process loads from the disk, and another folder starts afresh."""

    def ran():
        environment = {**os.environ, "TINYGRAD_NEURON_CACHE": str(tmp_path)}
        command = [sys.executable, "-c", SCRIPT]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert done.stderr == ""  # no progress where nobody sees it
        return done.stdout.split()

    first, second = ran(), ran()
    assert first[0] == second[0]
    assert (first[1:], second[1:]) == (["0", "1"], ["1", "0"])


def test_loops_are_found_in_memory_again():
    """The same program is not compiled twice, whatever numbers its data are."""
    text = [compiled(lambda x: np.sum(np.exp(x)), X + k).source for k in range(2)]
    assert text[0] == text[1]
    program = optimised(program_of(lambda w: (w * w, w / 2.0))(1.0))
    assert isinstance(loop_of(program, ["w"], {}), Loop)


# ------------------------------------------------------------- every loss and every operation

EVERY_LOSS = [name for name in sorted(losses.LOSSES) if name not in ORDERED]


@pytest.mark.deep
@pytest.mark.parametrize("name", EVERY_LOSS)
def test_every_loss(name):
    """Compiled at one prediction and run at another, it gives the loss and its slope."""
    loss = losses.LOSSES[name]
    at, *others = example(loss, np.random.default_rng(1), 4)
    then = example(loss, np.random.default_rng(2), 4)[0]
    code = compiled(value_and_grad(lambda p: loss(p, *others)), at)
    assert_close(code.run(then), code.program.run(then), 1e-11)


@pytest.mark.deep
@pytest.mark.parametrize(
    "primitive", [p for p in PRIMITIVES if p.name not in RULES_THAT_LOOK], ids=str
)
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_every_operation(primitive, data):
    """A call of it with its gradient, or alone where it has none."""
    call = data.draw(calls.of(primitive))
    y = np.asarray(primitive(*call.inputs, **call.settings))

    def alone(*xs):
        return primitive(*xs, **call.settings)

    smooth = y.dtype.kind == "f" and call.varying
    f = value_and_grad(lambda *xs: alone(*xs).sum(), argnums=call.varying) if smooth else alone
    code = compiled(f, *call.inputs)
    assert_close(code.run(*call.inputs), code.program.run(*call.inputs), 1e-10)
