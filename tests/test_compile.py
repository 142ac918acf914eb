"""A compiled function gives what the function gives: for all arguments, leaves and threads."""

import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from test_program_source import PAIRS, assert_same_bits, expressions

import tinygrad_neuron as tn
from tinygrad_neuron import Value, errors, value_and_grad
from tinygrad_neuron.containers import leaves
from tinygrad_neuron.program import stages

RNG = np.random.default_rng(1492)
X, Y = RNG.normal(size=(7, 2)), RNG.normal(size=7)


def linear(w, x, y):
    """The mean of the squared errors of a linear neuron."""
    return ((x @ w - y) ** 2).mean()


def data_of(nested):
    """The numbers of an answer, whatever they are in."""
    return [x.data if isinstance(x, Value) else x for x in leaves(nested)]


def assert_close(ours, theirs, rtol=1e-13):
    """Two answers built alike, number by number."""
    pairs = list(zip(data_of(ours), data_of(theirs), strict=True))
    for a, b in pairs:
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-300)


# ------------------------------------------------------------------------ the same answers


@settings(max_examples=30)
@given(expressions(), PAIRS)
def test_compiled_functions_give_the_same_numbers(f, at):
    """Of random expressions with their gradients, at the edges as well."""
    both = value_and_grad(f, argnums=(0, 1))
    ours = tn.compile(both)(*at)
    with np.errstate(all="ignore"):
        theirs = both(*at)
    for a, b in zip(leaves(ours), leaves(theirs), strict=True):
        assert np.array_equal(a, b.data, equal_nan=True)


def test_numbers_are_plain_and_in_their_containers():
    """Floats and arrays for plain arguments, built as the function builds them."""
    step = tn.compile(value_and_grad(lambda p, x: (p["w"] * x).sum() + p["b"]))
    value, slope = step({"w": np.ones(2), "b": 1.0}, np.arange(2.0))
    assert (type(value), type(slope["b"]), type(slope["w"])) == (float, float, np.ndarray)
    assert (value, slope["b"], slope["w"].tolist()) == (2.0, 1.0, [0.0, 1.0])


def test_keywords_and_what_is_no_number():
    """Keywords are arguments; texts, None and bools are part of the kind."""

    def scaled(x, *, k=1.0, how="up", twice=False):
        y = x * k if how == "up" else x / k
        return y + y if twice else y

    f = tn.compile(scaled)
    assert f(3.0, k=2.0) == 6.0
    assert f(3.0, k=4.0) == 12.0
    assert f(3.0, k=2.0, how="down") == 1.5
    assert f(3.0, k=2.0, twice=True) == 12.0
    assert f(3.0) == 3.0
    assert len(f.traces) == 4


def test_a_method_can_be_compiled():
    """The object is no argument: it is what the function closes over."""

    class Line:
        def __init__(self, slope):
            self.slope = slope

        @tn.compile
        def at(self, x):
            return x * 2.0

    with pytest.raises((TypeError, errors.TinygradNeuronError)):
        Line(2.0).at(1.0)
    line = Line(Value(3.0))
    assert tn.compile(lambda x: line.slope * x)(2.0).item() == 6.0


def test_results_are_nobody_elses():
    """Neither the caller's arrays, nor a constant, nor the last answer, nor each other."""
    table = np.arange(3.0)
    f = tn.compile(lambda x: (x, x.T, x.T, x * 1.0, np.reshape(x, 9), tn.exp(x), table * 1.0))
    x = RNG.normal(size=(3, 3))
    first = f(x)
    kept = [y.copy() for y in first]
    for i, y in enumerate(first):
        y[...] = -7.0
        assert all((z == -7.0).all() == (k <= i) for k, z in enumerate(first))
    for y, z in zip(f(x), kept, strict=True):
        assert_same_bits(y, z)


def test_nothing_of_an_earlier_call_is_left_in_a_later_one():
    """Buffers are written anew: calls with other numbers, in between, change nothing."""

    def f(w, x):
        h = tn.tanh(x @ w)
        return (h * h).sum(axis=0), (tn.exp(h) - h).mean()

    g, w = tn.compile(f), RNG.normal(size=(2, 3))
    before = g(w, X)
    g(np.full((2, 3), np.nan), X)
    g(w * 9.0, X)
    assert_close(g(w, X), before, rtol=0.0)


def test_no_warning_and_infinite_slopes_excused():
    """NumPy warns of nothing, and a branch that `where` did not choose has no say."""
    step = tn.compile(value_and_grad(lambda x: tn.where(x < 1.0, x, tn.sqrt(x)).sum()))
    assert step(np.array([2.0, 3.0]))[1].tolist() == pytest.approx([0.5**1.5, 0.5 / 3.0**0.5])
    assert step(np.array([0.0, 4.0]))[1].tolist() == [1.0, 0.25]
    assert tn.compile(value_and_grad(lambda x: 1.0 / x))(0.0) == (np.inf, -np.inf)
    assert tn.compile(tn.grad(lambda x: tn.exp(x).sum()))(np.array([1e4])).tolist() == [np.inf]


# ------------------------------------------------------------------------ large arrays


@pytest.fixture(autouse=True, scope="module")
def small_regions():
    """Regions already of two blocks, so that the tests need no larger arrays."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "WORTH", 2 * stages.BLOCK)
        yield


def elementwise(x, y):
    """A loss entry by entry."""
    return tn.mean(tn.log1p(tn.exp(-y * (tn.tanh(x) * tn.sin(x) + x * x))))


def rows(w, b, x, y):
    """A neuron on many rows, and a few sums of other kinds."""
    z = tn.sigmoid(x @ w + b)
    spread = (x * x).sum(axis=1) + x.max(axis=-1)
    return ((z - y) ** 2).mean() + (x.mean(axis=0) ** 2).sum() + (spread * z).sum() * 1e-3


def layers(w, v, x):
    """A column for each of a few neurons, and a mean that others are compared with."""
    h = tn.tanh(x @ w)
    centred = h - h.mean(axis=0)
    return ((centred @ v) ** 2).mean() + (tn.softmax(h, axis=1) * h).sum()


N = 50_001


@pytest.mark.parametrize(
    ("f", "at", "argnums"),
    [
        (elementwise, (RNG.normal(size=N), RNG.normal(size=N)), (0, 1)),
        (elementwise, (RNG.normal(size=(N, 3)), RNG.normal(size=(N, 3))), (0, 1)),
        (elementwise, (RNG.normal(size=(3, N)), RNG.normal(size=N)), (0, 1)),
        (rows, (RNG.normal(size=3), 0.1, RNG.normal(size=(N, 3)), RNG.normal(size=N)), (0, 1, 2)),
        (layers, (*RNG.normal(size=(2, 4, 4)), RNG.normal(size=(N, 4))), (0, 1)),
        (lambda a, b: (a.T @ a @ b).sum(), (RNG.normal(size=(N, 4)), np.ones(4)), (0, 1)),
    ],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_block_by_block(f, at, argnums, dtype):
    """Large arrays go through in blocks: the same entries, sums to 1e-12 (float32: 1e-5)."""
    at = tuple(x if isinstance(x, float) else x.astype(dtype) for x in at)
    both = value_and_grad(f, argnums)
    step, theirs = tn.compile(both), both(*at)
    rtol = 1e-12 if dtype is np.float64 else 2e-5
    for a, b in zip(leaves(step(*at)), leaves(theirs), strict=True):
        a, b = np.asarray(a), np.asarray(b.data)
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * np.abs(b).max())


def test_entries_are_the_same_to_the_bit():
    """What is computed entry by entry does not depend on where a block ends."""
    x, y = RNG.normal(size=(2, N))
    ours = tn.compile(value_and_grad(elementwise))(x, y)[1]
    assert_same_bits(ours, value_and_grad(elementwise)(x, y)[1].data)


def test_threads_change_nothing():
    """One, two or five at work: every bit of every sum is the same."""
    x, y = RNG.normal(size=(2, 8 * N))
    answers = [tn.compile(value_and_grad(elementwise), threads=n)(x, y) for n in (1, 2, 5)]
    for other in answers[1:]:
        for a, b in zip(leaves(answers[0]), leaves(other), strict=True):
            assert_same_bits(a, b)


def test_infinite_slopes_in_a_large_array():
    """A nan in one block sends all of them to the rule that excuses it."""
    x = np.linspace(2.0, 3.0, N)
    step = tn.compile(value_and_grad(lambda x: tn.where(x < 1.0, x, tn.sqrt(x)).sum()))
    step(x)
    x[N // 2] = 0.0
    assert step(x)[1][N // 2] == 1.0


# ------------------------------------------------------------------------ when it is traced


def test_traces_say_why():
    """Another shape, another dtype, another container: each is named, and then known."""
    step = tn.compile(value_and_grad(linear))
    w = np.zeros(2)
    for x, y in ((X, Y), (X[:3], Y[:3]), (X, Y), (X[:3], Y[:3])):
        step(w, x, y)
    step(w.astype(np.float32), X.astype(np.float32), Y.astype(np.float32))
    assert step.traces[0].arguments == ("w: float64 (2,), x: float64 (7, 2), y: float64 (7,)")
    assert [t.why for t in step.traces[:2]] == [
        "the first call",
        "x was float64 (7, 2), now float64 (3, 2); y was float64 (7,), now float64 (3,)",
    ]
    assert len(step.traces) == 3
    assert "x @ w" in step.traces[0].program.source
    assert step.traces[0].seconds > 0.0
    twice = tn.compile(lambda p: sum(p) * 2.0)
    twice([1.0, 2.0])
    twice((1.0, 2.0))
    assert twice.traces[1].why == "other arguments, or other containers of them"


def test_kinds_of_numbers():
    """What a float can stand for is one kind; a float32 is another."""
    twice = tn.compile(lambda x: x * 2.0)
    assert [twice(x) for x in (3.0, 3, np.float64(3.0), np.array(3.0), np.int64(3))] == [6.0] * 5
    assert len(twice.traces) == 1
    assert twice(np.float32(3.0)).dtype == np.float32
    assert len(twice.traces) == 2


def test_other_variables_are_noticed():
    """A number or a model that the function closes over is another one: it is traced again."""
    rate, scale = 2.0, np.ones(2)
    f = tn.compile(lambda x: x * rate * scale)
    assert f(1.0).tolist() == [2.0, 2.0]
    rate = 3.0
    assert f(1.0).tolist() == [3.0, 3.0]
    assert f.traces[1].why == "rate: another object than before"
    assert f(1.0).tolist() == [3.0, 3.0]
    assert len(f.traces) == 2


def test_what_cannot_be_traced_is_refused():
    """A branch on a number, and random numbers, as for `program_of`."""
    with pytest.raises(errors.LeftGraphError):
        tn.compile(lambda x: x if x > 0 else -x)(1.0)
    with pytest.raises(errors.TraceError):
        tn.compile(lambda x: x + RNG.normal())(1.0)
    with pytest.raises(errors.UnsupportedError, match="no backend 'fast'"):
        tn.compile(lambda x: x, backend="fast")


def test_from_several_threads():
    """One compiled function, many callers: one trace for each kind, and nobody's numbers mixed."""
    step = tn.compile(value_and_grad(linear))
    wrong = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for n in (5, 9, 5, 9):
            w, x, y = rng.normal(size=2), rng.normal(size=(n, 2)), rng.normal(size=n)
            for _ in range(20):
                value, slope = step(w, x, y)
                error = x @ w - y
                right = np.allclose(slope, 2.0 / n * x.T @ error, rtol=1e-12)
                if not right or abs(value - np.mean(error**2)) > 1e-12:
                    wrong.append(seed)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
        [t.start() for t in threads]
        [t.join() for t in threads]
    finally:
        sys.setswitchinterval(before)
    assert not wrong
    assert len(step.traces) == 2


def test_under_a_profiler():
    """Somebody who measures is not disturbed; the lines only lose their names."""
    seen = []
    sys.setprofile(lambda *event: seen.append(event[1]))
    try:
        answer = tn.compile(value_and_grad(linear))(np.zeros(2), X, Y)
        assert sys.getprofile() is not None
    finally:
        sys.setprofile(None)
    assert_close(answer, value_and_grad(linear)(np.zeros(2), X, Y))


# ------------------------------------------------------------------------ leaves, and Values


def gradients(f, parameters):
    """What `backward` of f's result leaves on the parameters."""
    for p in parameters:
        p.grad = None
    f().backward()
    return [np.array(p.grad) for p in parameters]


def test_a_model_is_trained():
    """Its weights are read at each call, and backward leaves their gradients as ever."""
    model = tn.MLP(2, [5, 1], activation="tanh", rng=0)
    loss = tn.compile(lambda x, y: ((model(x) - y) ** 2).mean())
    for _ in range(3):
        ours = gradients(lambda: loss(X, Y), model.parameters())
        theirs = gradients(lambda: loss.__wrapped__(X, Y), model.parameters())
        assert_close(ours, theirs)
        assert loss(X, Y).item() == pytest.approx(loss.__wrapped__(X, Y).item(), rel=1e-14)
        for p in model.parameters():
            p.data -= 0.1 * p.grad
    assert len(loss.traces) == 1


def test_no_gradient_goes_missing():
    """A compiled loss is part of a larger one, and gradients add up as without it."""
    w = Value([1.0, -2.0])
    part = tn.compile(lambda x, y: linear(w, x, y))
    ours = gradients(lambda: part(X, Y) * 3.0 + (w * w).sum(), [w])
    theirs = gradients(lambda: linear(w, X, Y) * 3.0 + (w * w).sum(), [w])
    assert_close(ours, theirs)
    v = Value([0.5, 0.25])
    both = tn.compile(linear)
    assert_close(gradients(lambda: both(v, X, Y), [v]), gradients(lambda: linear(v, X, Y), [v]))
    assert_close(tn.grad(lambda v: both(v * v, X, Y))(v), tn.grad(lambda v: linear(v * v, X, Y))(v))


def test_results_of_many_entries():
    """A pullback for what is no single number, for each part of a container of its own."""
    w = Value([1.0, -2.0])
    f = lambda x: {"a": tn.exp(x @ w), "b": [(x * w).sum(axis=0), w[0] * 2.0]}  # noqa: E731
    g = tn.compile(f)

    def total(y):
        return (y["a"] ** 2).sum() + (y["b"][0] * np.arange(2.0)).sum() * y["b"][1]

    assert_close(gradients(lambda: total(g(X)), [w]), gradients(lambda: total(f(X)), [w]))


@pytest.mark.parametrize(
    "derive", [tn.grad, tn.hessian, lambda f: tn.grad(lambda x: tn.grad(f)(x).sum())]
)
def test_derivatives_of_compiled_functions(derive):
    """The gradient, and a second derivative, of a compiled function with and without leaves."""
    w = Value(0.7)
    x = np.array([0.3, -1.2])
    for f in (lambda x: (tn.sin(x) * x).sum(), lambda x: (tn.sin(x * w) * x).sum() * w):
        assert_close(derive(tn.compile(f))(x), derive(f)(x), rtol=1e-12)


def test_other_transformations_of_compiled_functions():
    """Forward mode, batches, Jacobians, and programs inside of programs."""
    f = lambda x: tn.tanh(x) * x[::-1]  # noqa: E731
    g, x, v = tn.compile(f), np.array([0.3, -1.2]), np.array([1.0, 2.0])
    assert_close(tn.jacobian(g)(x), tn.jacobian(f)(x))
    assert_close(tn.jvp(g, (x,), (v,)), tn.jvp(f, (x,), (v,)))
    assert_close(tn.vmap(g)(X), tn.vmap(f)(X))
    assert_close(tn.compile(tn.jacobian(g))(x), tn.jacobian(f)(x))
    assert_close(tn.program_of(g)(x).run(x), f(Value(x)))


def test_values_without_a_gradient():
    """In `no_grad`, and for constants, the answer is a Value that remembers nothing."""
    w = Value(2.0)
    f = tn.compile(lambda x: x * w)
    with tn.no_grad():
        assert f(3.0).constant
        assert f(3.0).item() == 6.0
    g = tn.compile(lambda x: x * 2.0)
    assert g(Value(3.0).detach()).constant
    assert not g(Value(3.0)).constant


def test_a_changed_leaf_is_noticed():
    """A result made from the old numbers refuses `backward`, as without compiling."""
    w = Value(2.0)
    y = tn.compile(lambda x: x * w)(3.0)
    w.data = 5.0
    with pytest.raises(errors.ChangedDataError):
        y.backward()


@pytest.mark.parametrize(
    "f",
    [
        *(lambda x, w: x * float(w), lambda x, w: x * w.data, lambda x, w: x * w.item()),
        *(lambda x, w: x if w > 0 else -x, lambda x, w: x * w.tolist()),
    ],
)
def test_the_number_of_a_leaf_is_not_frozen(f):
    """Looking at a weight inside is refused: the program would go on with what it was."""
    w = Value(2.0)
    with pytest.raises(errors.LeftGraphError):
        tn.compile(lambda x: f(x, w))(1.0)


def test_a_training_step_inside_is_refused():
    """Writing weights, and `backward`, would happen once, when it is traced."""
    w = Value(2.0)

    def written(x):
        w.data = 1.0
        return x * w

    def swept(x):
        (x * w).backward()
        return x * w

    for f in (written, swept):
        with pytest.raises((errors.LeftGraphError, errors.TraceError)):
            tn.compile(f)(1.0)
    assert w.data == 2.0


def test_complex_numbers():
    """Plain ones by the program; Values by the function itself."""
    f = lambda z: abs(z * (1.0 + 2.0j)) ** 2  # noqa: E731
    g = tn.compile(value_and_grad(f))
    assert_close(g(0.5 - 1.0j), value_and_grad(f)(0.5 - 1.0j))
    z = Value(0.5 - 1.0j)
    ours = gradients(lambda: tn.compile(f)(z), [z])
    assert_close(ours, gradients(lambda: f(z), [z]))


# ------------------------------------------------------------------------ other backends


def test_machine_code():
    """By the name of the backend: the same numbers, for plain arguments and for a model."""
    pytest.importorskip("numba")
    both = value_and_grad(linear)
    assert_close(tn.compile(both, backend="native")(np.ones(2), X, Y), both(np.ones(2), X, Y))
    w = Value([1.0, -2.0])
    loss = tn.compile(lambda x, y: linear(w, x, y), backend="native")
    assert_close(gradients(lambda: loss(X, Y), [w]), gradients(lambda: linear(w, X, Y), [w]))
    with pytest.raises(errors.UnsupportedError, match="threads=2"):
        tn.compile(linear, backend="native", threads=2)


BOX = np.array([[1.0, 2.0, 3.0, 5.0]])


@pytest.mark.parametrize(
    "f",
    [
        lambda w, x: tn.mean((w * x).detach() * (w * x)),
        lambda w, x: tn.mean((w * x).on_grad(lambda g: g / 2) * (w * x)),
        lambda w, x: ((w * x).detach() * (w * x), np.sqrt(w * x))[0].sum(),
        lambda w, x: tn.losses.box_ciou(w * np.concatenate([x, x + 1.0])[None], BOX),
    ],
    ids=["detach", "hook", "several", "loss"],
)
def test_what_only_a_gradient_sees(f):
    """Where no gradient passes, or another one, is the same in a compiled function of a weight."""
    w, x = Value(2.0), np.array([1.0, 2.0])
    compiled, closed = tn.compile(f), tn.compile(lambda: f(w, x))
    slopes = []
    for y in (f(w, x), compiled(w, x), closed()):
        w.grad = None
        y.backward()
        slopes.append(w.grad)
    np.testing.assert_allclose(slopes[1:], slopes[0], rtol=1e-13)
