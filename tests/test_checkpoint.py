"""Checkpoints: the same gradients to the last bit, from a graph that holds less."""

import copy
import gc
import pickle
import sys
import threading
import tracemalloc
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import tinygrad_neuron as tn
from tinygrad_neuron import Value, backward
from tinygrad_neuron.errors import ChangedDataError, RecomputedError, UnsupportedError

X = np.array([0.3, -0.7, 1.1, 2.0])


def bits(x):
    """Every bit of a number or an array."""
    array = np.asarray(getattr(x, "data", x))
    return array.shape, array.dtype, array.tobytes()


def layers(f, times=3):
    """f of f of x."""

    def chain(x, *more):
        for _ in range(times):
            x = f(x, *more)
        return x

    return chain


def wave(x):
    """Several operations, with a number that is used again."""
    y = tn.sin(x) * x
    return tn.tanh(y + 0.1 * x) * y


def plainly(f):
    """The function itself: what a checkpointed one is compared with."""
    return f


BOTH = [plainly, tn.checkpoint]


# ------------------------------------------------------------------ the same, to the last bit


@pytest.mark.parametrize("x", [0.7, np.float32(0.7), X, X.astype(np.float32), X.reshape(2, 2)])
def test_every_door_gives_the_same_bits(x):
    """backward, grad, value_and_grad, vjp, and the Jacobian's two ways."""

    def answers(reach):
        f = layers(reach(wave))
        leaf = Value(x)
        total = f(leaf).sum()
        total.backward()
        yield from (total, leaf.grad, tn.grad(lambda x: f(x).sum())(x))
        yield from tn.value_and_grad(lambda x: f(x).sum())(leaf)
        y, pullback = tn.vjp(f, x)
        yield from (y, *pullback(np.full_like(y.data, 0.5)))
        yield tn.jacobian(f)(x)
        yield tn.jacobian(lambda x: tn.stack([f(x).sum()] * 7))(leaf.sum())

    assert list(map(bits, answers(tn.checkpoint))) == list(map(bits, answers(plainly)))


STEPS = [
    lambda a, b, w: (tn.sin(a) * b, b),
    lambda a, b, w: (b, a + w),
    lambda a, b, w: (a * w + b * a, a),
    lambda a, b, w: (a - b / 3.0, tn.tanh(b) * a),
    lambda a, b, w: (a + a, w * w),
]


@given(st.lists(st.lists(st.sampled_from(range(len(STEPS))), max_size=4), max_size=4), st.data())
@settings(max_examples=30)
def test_any_program_in_any_segments_gives_the_same_bits(program, data):
    """Two numbers through steps, cut into segments that may be checkpointed or not, and nested."""
    marks = [data.draw(st.sampled_from(["no", "once", "twice"])) for _ in program]

    def run(reach):
        w, a, b = Value(0.3), Value(X), Value(X[::-1].copy())

        def segment(steps):
            def through(pair):
                for i in steps:
                    pair = STEPS[i](*pair, w)
                return pair

            return through

        pair = (a, b)
        for steps, mark in zip(program, marks, strict=True):
            f = segment(steps)
            if mark == "twice":
                inner = reach(segment(steps[:2]))
                rest = segment(steps[2:])
                f = lambda pair, inner=inner, rest=rest: rest(inner(pair))  # noqa: E731
            pair = (plainly if mark == "no" else reach)(f)(pair)
        (pair[0] * 0.7 + pair[1]).sum().backward()
        return [bits(leaf.gradient) for leaf in (w, a, b)]

    assert run(tn.checkpoint) == run(plainly)


@dataclass
class Model:
    """Weights that a layer reads from where they are."""

    w: Any
    b: Any

    def __call__(self, x):
        """One layer."""
        return tn.tanh(x @ self.w + self.b)


@pytest.mark.parametrize("reach", BOTH)
def test_weights_that_are_read_inside_get_their_gradients(reach):
    """Of a model, a closure, a default, and an argument: as the formula has them."""
    rng = np.random.default_rng(0)
    w, b, x = rng.normal(size=(4, 4)), rng.normal(size=4), rng.normal(size=(5, 4))
    model, scale = Model(Value(w), Value(b)), Value(1.5)

    def layer(x, model=model):
        return model(x) * scale

    reach(layer)(Value(x)).sum().backward()
    y = np.tanh(x @ w + b)
    local = 1.5 * (1.0 - y * y)
    np.testing.assert_allclose(model.w.grad, x.T @ local, rtol=1e-12)
    np.testing.assert_allclose(model.b.grad, local.sum(0), rtol=1e-12)
    np.testing.assert_allclose(scale.grad, y.sum(), rtol=1e-12)


def test_a_network_of_checkpointed_layers():
    """An MLP, trained for some steps: weights equal to the bit."""

    def trained(reach):
        rng = np.random.default_rng(1)
        network = tn.MLP(3, [4, 4, 1], rng=rng)
        x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 1))
        stack = [reach(layer) for layer in network.layers]
        for _ in range(5):
            z = x
            for layer in stack:
                z = layer(z)
            loss = tn.mean((z.reshape(-1) - y.reshape(-1)) ** 2)
            for p in network.parameters():
                p.zero_grad()
            loss.backward()
            for p in network.parameters():
                p.data -= 0.1 * p.grad
        return [bits(p.data) for p in network.parameters()]

    assert trained(tn.checkpoint) == trained(plainly)


@pytest.mark.parametrize("reach", BOTH)
def test_containers_go_in_and_come_out(reach):
    """A record and a dictionary; a list, a setting, an unchanged input, the same Value twice."""

    def f(model, x, *, factor):
        y = x["x"] * model.w
        return {"y": y, "again": y, "same": x["x"], "rows": [tn.exp(model.b), 5.0]}

    model, leaf = Model(Value(2.0), Value(0.0)), Value(3.0)
    x = leaf * 1.0
    out = reach(f)(model, {"x": x}, factor=1)
    assert out["y"] is out["again"]
    assert out["same"] is x
    assert out["rows"][1] == 5.0
    (out["y"] * out["again"] + out["rows"][0] * 7.0 + out["same"]).backward()
    assert (model.w.grad, model.b.grad, leaf.grad) == (36.0, 7.0, 25.0)
    assert (out["y"].grad, out["rows"][0].grad) == (12.0, 7.0)


def test_a_function_of_two_results_is_called_once_more():
    """Not once for each, wherever they are used; and only on the way to those that count."""
    calls = []

    @tn.checkpoint
    def both(x):
        calls.append(x)
        s = tn.sin(x)
        return s, s * s

    x = Value(0.5)
    s, square = both(x)
    (s * square + tn.exp(square) + s).backward()
    assert len(calls) == 2
    t = np.sin(0.5)
    expected = np.cos(0.5) * (3 * t * t + 2 * t * np.exp(t * t) + 1.0)
    np.testing.assert_allclose(x.grad, expected, rtol=1e-14)


@pytest.mark.parametrize("seed", range(10))
def test_many_results_that_wait_for_their_turn(seed):
    """Three from each of ten calls, one call fed by the last, and all of them used at the end."""

    def answer(reach):
        x = Value(0.3)
        turn, made = (x, x, x), []
        for _ in range(10):
            turn = reach(lambda a, b, c: (tn.sin(a) * b, b + c * 0.5, a - c * b))(*turn)
            made += turn
        order = np.random.default_rng(seed).permutation(len(made))
        (tn.stack([made[i] for i in order]) * np.arange(30.0)).sum().backward()
        return bits(x.grad)

    assert answer(tn.checkpoint) == answer(plainly)


def test_only_one_of_two_results_is_used():
    """What the other read gets no gradient, as without checkpoints."""
    a, b = Value(2.0), Value(3.0)
    left, _ = tn.checkpoint(lambda: (a * a, b * b))()
    left.backward()
    assert a.grad == 4.0
    assert repr(b.grad) == "not computed yet"


def test_a_copy_of_a_result_goes_its_own_way():
    """A copy is younger, and may be used before the others have had their turn."""
    x = Value(2.0)
    s, c = tn.checkpoint(lambda x: (x * x, x * 3.0))(x)
    early = s * c
    twin = copy.copy(s)
    (twin * s * early).backward()  # x**2 x**2 (x**2 3x)
    assert x.grad == 21.0 * 2.0**6


def test_results_without_a_gradient_are_plain_numbers():
    """Comparisons, counts, and what does not depend on anything."""
    x = Value(X)
    mask, constant, y = tn.checkpoint(lambda x: (x > 0.5, np.ones(2), tn.round(x)))(x)
    assert (mask.inputs, y.inputs) == ((), ())
    assert [v.primitive.name for v in (mask, y)] == ["greater", "round"]
    assert mask.tolist() == (X > 0.5).tolist()
    assert isinstance(constant, np.ndarray)
    assert float(tn.checkpoint(lambda x: tn.floor(x))(Value(2.5))) == 2.0


# ------------------------------------------------------------------------------ higher orders


def test_second_order():
    """Gradients of gradients, Hessians and their products, to rounding."""
    f, g = (lambda x: layers(wave)(x).sum(), lambda x: layers(tn.checkpoint(wave))(x).sum())
    for order in (tn.grad, lambda f: tn.grad(tn.grad(f)), lambda f: tn.grad(tn.grad(tn.grad(f)))):
        np.testing.assert_allclose(order(g)(0.7).item(), order(f)(0.7).item(), rtol=1e-12)
    np.testing.assert_allclose(tn.hessian(g)(X).data, tn.hessian(f)(X).data, rtol=1e-12)
    v = (np.ones(4),)
    np.testing.assert_allclose(tn.hvp(g, (X,), v).data, tn.hvp(f, (X,), v).data, rtol=1e-12)


def test_forward():
    """jvp and linearize, of arguments and of what moves with them."""
    f, g = (layers(reach(wave)) for reach in BOTH)
    for ours, theirs in zip(tn.jvp(g, (X,), (X,)), tn.jvp(f, (X,), (X,)), strict=True):
        np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-13)
    push, plain_push = tn.linearize(g, X)[1], tn.linearize(f, X)[1]
    np.testing.assert_allclose(push(X).data, plain_push(X).data, rtol=1e-13)


def test_the_slope_of_a_gradient_inside():
    """A checkpointed function that differentiates: sin'' = -sin."""
    slope = tn.checkpoint(tn.grad(tn.sin))
    np.testing.assert_allclose(tn.grad(slope)(0.5).item(), -np.sin(0.5), rtol=1e-15)


@pytest.mark.parametrize("inside", [True, False])
def test_in_a_batch(inside):
    """vmap of a checkpoint, checkpoint of a vmap, and the gradient of each example."""
    w = Value([0.5, -1.0])
    rows = np.arange(6.0).reshape(3, 2)

    def both(reach):
        f = lambda row: tn.tanh(row @ w)  # noqa: E731
        many = tn.vmap(reach(f)) if inside else reach(tn.vmap(f))
        w.zero_grad()
        many(rows).sum().backward()
        each = tn.vmap(tn.grad(reach(lambda w, row: tn.tanh(row @ w))), in_axes=(None, 0))
        return w.grad, each(w.data, rows).data

    for ours, theirs in zip(both(tn.checkpoint), both(plainly), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_it_is_called_again_where_it_was_called():
    """A vmap inside a batch is a loop there, and must be one again when the batch is over."""
    w = Value(2.0)
    rows = np.arange(6.0).reshape(3, 2)
    inner = tn.checkpoint(tn.vmap(lambda x: tn.sin(w * x)))
    tn.vmap(inner)(rows).sum().backward()
    np.testing.assert_allclose(w.grad, (rows * np.cos(2.0 * rows)).sum(), rtol=1e-14)


def test_without_recording_it_is_the_function():
    """Inside no_grad nothing is kept, so nothing is called again; a sweep there still is right."""
    made = []
    f = tn.checkpoint(lambda x: made.append(wave(x)) or made[-1])
    x = Value(0.7)
    with tn.no_grad():
        assert f(x) is made[0]
    y = f(x)
    with tn.no_grad():
        y.backward()
    assert x.grad == tn.grad(wave)(0.7).item()


# ------------------------------------------------------------------------------ memory


def held_by(reach, k, n):
    """The bytes of a chain of segments of k operations on n numbers, before the sweep."""
    x = Value(np.linspace(-1.0, 1.0, n))
    return tn.inspect(layers(reach(layers(tn.tanh, k)), k)(x)).bytes // (8 * n)


def test_what_is_held_is_the_ends_and_nothing_else():
    """20 segments of 20 operations: 20 results and the leaf, where there were 400."""
    assert held_by(plainly, 20, 1000) == 401
    assert held_by(tn.checkpoint, 20, 1000) == 21


def test_the_inside_is_gone_at_once():
    """Also the node, with the collector off: nothing points back at it."""
    inside = []

    @tn.checkpoint
    def f(x):
        y = tn.sin(x)
        inside.append(weakref.ref(y))
        return y * y

    gc.collect()
    gc.disable()
    try:
        x = Value(0.5)
        y = f(x)
        assert inside[0]() is None
        y.backward()
        assert inside[1]() is None
        end = weakref.ref(y)
        del y
        assert end() is None
    finally:
        gc.enable()


def peak(f, x):
    """The most bytes that a value and its gradient take, in arrays like x."""
    tracemalloc.start()
    try:
        tn.value_and_grad(lambda x: f(x).sum())(x)
        return tracemalloc.get_traced_memory()[1] / x.nbytes
    finally:
        tracemalloc.stop()


def recursive(f, times):
    """Halves of halves, each of them checkpointed."""
    if times == 1:
        return f
    half = tn.checkpoint(recursive(f, times // 2))
    return lambda x: half(half(x))


def test_a_thousand_layers_take_the_memory_of_their_root():
    """1,024 operations in 32 segments take 4 arrays for each; 256 in halves, for each level.

    Counted in arrays of 5,000 numbers, so that Python's own objects do not matter.
    """
    x = np.linspace(-1.0, 1.0, 5_000)
    segments = layers(tn.checkpoint(layers(tn.tanh, 32)), 32)
    assert peak(segments, x) < 4 * 32
    assert peak(recursive(tn.tanh, 256), x) < 4 * 8
    assert peak(layers(tn.tanh, 128), x) > 128  # the plain chain, so that the count means something


def peak_of_backward(y):
    """The most bytes that `backward()` takes over what was there before."""
    tracemalloc.start()
    try:
        y.backward()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_backward_keeps_no_inside_either():
    """The learner's door leaves gradients on the ends only."""
    x = Value(np.linspace(-1.0, 1.0, 5_000))
    y = layers(tn.checkpoint(layers(tn.tanh, 32)), 32)(x).sum()
    assert peak_of_backward(y) < 4 * 32 * x._data.nbytes


def test_backward_keeps_no_ends_of_what_is_inside():
    """Two results of each of 16 calls inside each of 16: of 512 ends, 32 are there to stay."""
    x = Value(np.linspace(-1.0, 1.0, 5_000))
    both = tn.checkpoint(lambda pair: (tn.tanh(pair[0]), tn.tanh(pair[1])))
    a, b = layers(tn.checkpoint(layers(both, 16)), 16)((x, x + 1.0))
    assert peak_of_backward((a * b).sum()) < 5 * 32 * x._data.nbytes


def test_ten_thousand_segments():
    """No function here recurses over them: recorded, differentiated and freed."""
    assert sys.getrecursionlimit() <= 1000
    x = Value(1.0)
    y = layers(tn.checkpoint(lambda x: x * 1.0001 + 0.0), 10_000)(x)
    y.backward()
    np.testing.assert_allclose(x.grad, 1.0001**10_000, rtol=1e-9)
    end = weakref.ref(y)
    del y
    assert end() is None


# ------------------------------------------------------------------------------ not the same


def changing(results):
    """A checkpointed function that gives these, one in each call."""
    following = iter(results)
    return tn.checkpoint(lambda x: next(following)(x))


@pytest.mark.parametrize(
    ("first", "then", "told"),
    [
        (lambda x: x * 2.0, lambda x: x * 3.0, "3 of 4 entries"),
        (lambda x: x * 2.0, lambda x: (x * 2.0)[:2], r"shape \(2,\)"),
        (lambda x: x * 2.0, lambda x: (x * 2.0).astype(np.float32), "float32"),
        (lambda x: x * 0.0, lambda x: x * -0.0, "4 of 4 entries"),
        (lambda x: (x * 2.0, x * 3.0), lambda x: (x * 2.0,), "no Value"),
        (lambda x: x * 2.0, lambda x: 5.0, "no Value"),
        (lambda x: x * 2.0, lambda x: OTHER * 2.0, "from other Values"),
    ],
)
def test_a_function_that_does_something_else_is_refused(first, then, told):
    """Other numbers, shapes, precisions, signs of zero, parts, or other Values read."""
    x = Value([0.0, 1.0, 2.0, 3.0])
    y = changing([first, then])(x)
    last = y[-1] if isinstance(y, tuple) else y
    with pytest.raises(RecomputedError, match=told):
        last.sum().backward()
    assert repr(x.grad) == "not computed yet"


OTHER = Value([0.0, 1.0, 2.0, 3.0])


def test_randomness_inside_is_refused_and_outside_is_fine():
    """Dropout: the mask is drawn before, and handed in."""
    rng = np.random.default_rng(0)
    x = Value(X)
    dropped = tn.checkpoint(lambda x: x * (rng.random(4) < 0.5))
    with pytest.raises(RecomputedError, match=r"lambda> \(test_checkpoint.py:\d+\)") as caught:
        [dropped(x).sum().backward() for _ in range(10)]
    assert "random" in caught.value.hint
    mask = rng.random(4) < 0.5
    tn.checkpoint(lambda x, mask: x * mask)(x, mask).sum().backward()
    np.testing.assert_array_equal(x.grad, mask)


def test_an_argument_changed_meanwhile_is_not_the_functions_fault():
    """Arrays that are handed over are copied, also inside containers."""
    x, batch = Value(X), {"rows": [np.ones(4)]}
    y = tn.checkpoint(lambda x, batch: x * batch["rows"][0])(x, batch).sum()
    batch["rows"][0][:] = 5.0
    batch["rows"].clear()
    y.backward()
    assert x.grad.tolist() == [1.0] * 4


def test_a_weight_changed_meanwhile_is_refused():
    """As it is without checkpoints, by its name."""
    w = Value(2.0, name="w")
    y = tn.checkpoint(lambda x: x * w)(Value(3.0))
    w.data = 5.0
    with pytest.raises(ChangedDataError, match="w was changed"):
        y.backward()
    a, b = Value(2.0), Value(3.0)
    left, right = tn.checkpoint(lambda: (a * a, b * b))()
    b.data = 5.0
    left.backward()  # reads a only
    with pytest.raises(ChangedDataError):
        (left + right).backward()


def test_an_error_in_the_second_call_is_the_callers():
    """It goes up as it is, and the leaf can be used on."""

    def fails(x):
        raise KeyError("mine")

    x = Value(2.0)
    y = changing([lambda x: x * 2.0, fails, lambda x: x * 2.0])(x)
    with pytest.raises(KeyError, match="mine"):
        y.backward()
    assert repr(x.grad) == "not computed yet"
    y.backward()
    assert x.grad == 2.0


@pytest.mark.parametrize("reach", [copy.deepcopy, pickle.dumps], ids=["deepcopy", "pickle"])
def test_a_copy_with_its_history_is_refused(reach):
    """The copy's inside would read the old weights."""
    y = tn.checkpoint(wave)(Value(0.7))
    with pytest.raises(UnsupportedError, match="wave"):
        reach(y)
    assert pickle.loads(pickle.dumps(y.detach())).item() == y.item()


def test_a_rule_by_itself_is_refused():
    """Who walks the graph by hand is told that this node has none."""
    y = tn.checkpoint(wave)(Value(0.7))
    rule = y.primitive.rule(0)
    with pytest.raises(UnsupportedError, match="only a sweep"):
        rule(1.0, y, *y.inputs, **y.settings)
    with pytest.raises(UnsupportedError, match="only a sweep"):
        y.primitive(*y.inputs, **y.settings)


def test_its_warnings_come_once():
    """The second call says nothing that the first one did not."""
    x = Value([0.0, 1.0])
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        y = tn.checkpoint(tn.log)(x)
    y[1].backward()
    assert x.grad.tolist() == [0.0, 1.0]


def test_threads_share_a_checkpointed_result():
    """Each of them calls it again for itself."""
    x, gate, met = Value(X), threading.Barrier(4, timeout=20.0), []

    def both(x):
        if met:
            gate.wait()  # all of them are inside at the same time
        return tn.sin(x), tn.cos(x)

    s, c = tn.checkpoint(both)(x)
    met.append(True)

    def work(k):
        return [backward.sweep((s * float(k) + c).sum(), 1.0)[x].tolist() for _ in range(50)]

    with ThreadPoolExecutor(4) as pool:
        for k, answers in enumerate(pool.map(work, range(4))):
            expected = tn.grad(lambda x: (tn.sin(x) * float(k) + tn.cos(x)).sum())(X).tolist()  # noqa: B023
            assert answers == [expected] * 50


def test_it_keeps_the_functions_name_and_words():
    """Who asks for help gets the function's."""
    assert tn.checkpoint(wave).__doc__ == wave.__doc__
    assert tn.checkpoint(wave).__name__ == "wave"
