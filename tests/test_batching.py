"""Many at once is each by itself: for every primitive, its gradients, and whatever is inside."""

import numpy as np
import pytest
from calls import REAL_PRIMITIVES as PRIMITIVES, of
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

import tinygrad_neuron as tn
from tinygrad_neuron import Value, batching, ops, transforms
from tinygrad_neuron.graph import primitive as declare

few = settings(max_examples=settings.default.max_examples // 5)
R = np.array([1.0, 2.0, -3.0])


def each(primitives):
    """One test for each primitive, under its name."""
    return pytest.mark.parametrize("primitive", primitives, ids=lambda p: p.name)


# ------------------------------------------------------------------------------------ tools


MATRICES = {"inv", "solutions", "det", "logabsdet", "square_root", "turned", "complement"}
MATRICES |= {"stretched", "spectrum", "general_spectrum", "pseudoinverse"}


def variations(primitive, x, size):
    """A batch whose entries are those of x, in other places; a number, a matrix in other sizes."""
    x = np.asarray(x)
    if primitive.name in MATRICES:
        return np.stack([x * 2.0**i for i in range(size)]) if size else np.zeros((0, *x.shape))
    if not x.ndim and x.dtype.kind == "f":
        inside = any(np.isfinite([d.low, d.high]).any() for d in primitive.domains)
        return x * (1.0 if inside else 0.5) ** np.arange(size)
    return np.stack([np.roll(x, i) for i in range(size)]) if size else np.zeros((0, *x.shape))


@st.composite
def batches(draw, primitive, sizes=(1, 3)):
    """A call, its inputs in variations; which of them vary, at least one; and a random stream."""
    call = draw(of(primitive))
    size = draw(st.sampled_from(sizes))
    n = len(call.inputs)
    varies = draw(st.lists(st.booleans(), min_size=n, max_size=n).filter(any))
    inputs = [
        variations(primitive, x, size).astype(np.asarray(x).dtype) if moves else x
        for x, moves in zip(call.inputs, varies, strict=True)
    ]
    axes = tuple(0 if moves else None for moves in varies)
    return inputs, axes, call.settings, np.random.default_rng(draw(st.integers(0, 999)))


def looped(f, inputs, axes, i):
    """f of the inputs of number i."""
    return f(*(x if axis is None else x[i] for x, axis in zip(inputs, axes, strict=True)))


def size_of(inputs, axes):
    """How many there are."""
    return next(len(x) for x, axis in zip(inputs, axes, strict=True) if axis is not None)


def moving(inputs):
    """The positions of the inputs that can move a little."""
    return tuple(i for i, x in enumerate(inputs) if np.asarray(x).dtype.kind == "f")


def near(a, b):
    """Equal but for the order in which sums were added up."""
    a, b = (x.data if isinstance(x, Value) else np.asarray(x) for x in (a, b))
    assert np.shape(a) == np.shape(b)
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


# ------------------------------------------------------------- laws, as functions of a batch


def check_forward(primitive, batch):
    """A batch gives the bits that one at a time gives; of exp and the like, all but the last."""
    inputs, axes, given_settings, _ = batch

    def f(*xs):
        return primitive(*xs, **given_settings)

    y = tn.vmap(f, axes)(*inputs).data
    for i in range(size_of(inputs, axes)):
        expected = np.asarray(looped(f, inputs, axes, i))
        assert y[i].dtype == expected.dtype
        np.testing.assert_allclose(y[i], expected, rtol=1e-15 * primitive.elementwise, atol=0.0)


def check_backward(primitive, batch):
    """The gradient through a batch is the gradient through a loop, also of what all share."""
    inputs, axes, given_settings, rng = batch
    positions = moving(inputs)

    def f(*xs):
        return primitive(*xs, **given_settings) * 1.0

    weight = rng.uniform(0.5, 1.5, np.shape(tn.vmap(f, axes)(*inputs)))

    def at_once(*xs):
        return (tn.vmap(f, axes)(*xs) * weight).sum()

    def one_by_one(*xs):
        return sum((looped(f, xs, axes, i) * w).sum() for i, w in enumerate(weight))

    if positions:
        pairs = (tn.grad(g, positions)(*map(as_value, inputs)) for g in (at_once, one_by_one))
        for a, b in zip(*pairs, strict=True):
            near(a, b)


def as_value(x):
    """A leaf, or an answer that cannot move."""
    return Value(x) if np.asarray(x).dtype.kind == "f" else Value(np.asarray(x, float)) > 0.5


def check_inside(primitive, batch):
    """A gradient inside a batch is each one's own, also by what all share."""
    inputs, axes, given_settings, rng = batch
    positions = moving(inputs)
    shape = np.shape(looped(lambda *xs: primitive(*xs, **given_settings), inputs, axes, 0))
    weight = rng.uniform(0.5, 1.5, shape)
    inputs = [x if i in positions else as_value(x) for i, x in enumerate(inputs)]

    def weighted(*xs):
        return (primitive(*xs, **given_settings) * Value(weight)).sum()

    if positions:
        slopes = tn.grad(weighted, positions)
        found = tn.vmap(slopes, axes)(*inputs)
        for i in range(size_of(inputs, axes)):
            for a, b in zip(found, looped(slopes, inputs, axes, i), strict=True):
                near(a[i], b)


LAWS = {"forward": check_forward, "backward": check_backward, "inside": check_inside}


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
@each(PRIMITIVES)
@few
@given(data=st.data())
def test_batched_is_looped(primitive, law, data):
    """Values bit for bit, gradients through a batch and inside it but for the order of sums."""
    law(primitive, data.draw(batches(primitive)))


@each([p for p in PRIMITIVES if p.name != "floor_divide"])
@few
@given(data=st.data())
def test_a_batch_of_none(primitive, data):
    """Nothing of the right shape."""
    inputs, axes, given_settings, _ = data.draw(batches(primitive, sizes=(1,)))
    none = [x if axis is None else x[:0] for x, axis in zip(inputs, axes, strict=True)]
    f = tn.vmap(lambda *xs: primitive(*xs, **given_settings), axes)
    assert f(*none).shape == (0, *f(*inputs).shape[1:])


# ------------------------------------------------------------------------------- where the batch is


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_any_axis_in_and_out(axis):
    """The batch may stand anywhere, counted from either end, and comes out anywhere."""
    x = np.arange(24.0).reshape(2, 3, 4)
    moved = tn.vmap(lambda row: row * 2.0, in_axes=axis, out_axes=axis)(x)
    np.testing.assert_array_equal(moved.data, x * 2.0)
    front = tn.vmap(lambda row: row * 2.0, in_axes=axis)(x)
    np.testing.assert_array_equal(front.data, np.moveaxis(x, axis, 0) * 2.0)
    inside = tn.vmap(lambda row: tn.vmap(tn.sin, in_axes=axis % 2 - 2)(row), in_axes=axis)(x)
    rows = np.moveaxis(x, axis, 0)
    np.testing.assert_array_equal(inside.data, np.sin(np.moveaxis(rows, axis % 2 - 2, 1)))


def test_containers_in_and_out():
    """One axis for an argument and all in it, or a container of axes; results may be containers."""
    p = {"w": np.ones((2, 3)), "b": [5.0, R]}

    def f(p, x):
        return {"y": p["w"] * x, "z": (p["b"][0] * p["b"][1],)}

    y = tn.vmap(f, in_axes=({"b": (None, 0), "w": 1}, 0), out_axes={"y": 1, "z": 0})(p, R)
    near(y["y"], np.ones((2, 3)) * R)
    near(y["z"][0], 5.0 * R)


def test_what_is_the_same_for_all_is_repeated():
    """A result that no batched argument reached, plain or not, container or not."""
    y = tn.vmap(lambda x: (1.5, Value([1.0, 2.0]), x), out_axes=(0, 1, 0))(R)
    assert [part.tolist() for part in y] == [[1.5] * 3, [[1.0] * 3, [2.0] * 3], R.tolist()]


def test_vmap_copies_plain_numbers():
    """Writing to an array afterwards does not change what is differentiated."""
    w, x = Value(2.0), R.copy()
    y = tn.vmap(lambda x: x * w)(x).sum()
    x[:] = 0.0
    y.backward()
    assert w.grad == R.sum()


@pytest.mark.parametrize(
    ("axes", "args", "error"),
    [
        ((0,), (R, R), TypeError),
        ((0, 0), (R, np.ones(2)), ValueError),
        (None, (R,), ValueError),
        (0, (1.0,), IndexError),
        (1, (R,), IndexError),
        (({"a": 0},), ({"b": R},), TypeError),
    ],
)
def test_axes_that_do_not_fit(axes, args, error):
    """Too few axes, several batch sizes, none, an axis that is not there."""
    with pytest.raises(error):
        tn.vmap(lambda *args: args[0], in_axes=axes)(*args)


def test_results_that_do_not_fit():
    """An axis that the result has not; a result that is no number."""
    with pytest.raises(IndexError):
        tn.vmap(lambda r: r, out_axes=1)(R)
    for f in (lambda r: None, lambda r: "a"):
        with pytest.raises(tn.errors.LeftGraphError, match="returned"):
            tn.vmap(f)(R)


def test_a_mistake_inside_closes_the_batch():
    """The next vmap is not taken for an inner one."""
    with pytest.raises(ZeroDivisionError):
        tn.vmap(lambda r: r * (1 / 0))(R)
    assert not batching.is_open()


def test_float32_stays():
    """Every one of the batch keeps its precision."""
    x = R.astype(np.float32)
    assert tn.vmap(lambda x: tn.sin(x) * 2.0)(x).dtype == np.float32
    assert tn.vmap(tn.grad(lambda x: tn.sin(x) * 2.0))(x).dtype == np.float32


# ------------------------------------------------------------------- whose batch, whose gradient


def test_gradients_of_each_example():
    """By a weight that all share: one gradient for each, and not their sum."""
    found = tn.vmap(tn.grad(lambda w, r: w * r * w), in_axes=(None, 0))(2.0, R)
    np.testing.assert_array_equal(found.data, 4.0 * R)
    W = np.arange(6.0).reshape(3, 2)
    each = tn.vmap(tn.grad(lambda W, x: (tn.tanh(x @ W) ** 2).sum()), in_axes=(None, 0))
    X = np.linspace(-1, 1, 12).reshape(4, 3)
    for x, g in zip(X, each(W, X), strict=True):
        near(g, 2 * np.outer(x, np.tanh(x @ W) * (1 - np.tanh(x @ W) ** 2)))


def test_two_batches_do_not_mix():
    """An inner batch that closes over the outer one's number, of the same length and another."""
    for s in (R, np.ones(2)):
        y = tn.vmap(lambda r, s=s: tn.vmap(lambda s: r * s)(s).sum())(R)
        near(y, R * s.sum())


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        (lambda r: tn.jacobian(lambda w: w * r * R)(2.0), np.outer(R, R)),
        (lambda r: tn.jacobian(lambda w: w * r)(R), np.einsum("i,jk->ijk", R, np.eye(3))),
        (lambda r: tn.hessian(lambda w: (w**3).sum() * r)(R), np.einsum("i,jk", R, np.diag(6 * R))),
        (lambda r: tn.jvp(lambda w: w**2 * r, (3.0,), (1.0,))[1], 6.0 * R),
        (lambda r: tn.jvp(lambda w: w**2, (3.0,), (r,))[1], 6.0 * R),
        (lambda r: tn.vjp(lambda w: w**2, 3.0)[1](r)[0], 6.0 * R),
        (lambda r: tn.hvp(lambda w: w**3 * r, (2.0,), (1.0,)), 12.0 * R),
        (
            lambda r: tn.grad(lambda w: (tn.jacobian(tn.square)(w) * r).sum())(R),
            np.outer(R, [2] * 3),
        ),
        (lambda r: tn.grad(lambda w: tn.grad(lambda u: u * w * w * r)(1.0))(2.0), 4.0 * R),
    ],
)
def test_transforms_inside_a_batch(inside, expected):
    """By what was made inside; each one's own answer."""
    near(tn.vmap(inside)(R), expected)
    near(tn.vmap(inside)(Value(R)), expected)


@pytest.mark.parametrize("outside", ["grad", "jacobian", "jvp", "hessian", "twice"])
def test_transforms_around_a_batch(outside):
    """By the batch, and by what all of it shares and a gradient inside it: against no batch."""

    def at_once(w, x):
        return tn.vmap(lambda r: tn.grad(lambda u: tn.sin(u * w) * r * r)(w) + w * r)(x)

    def plainly(w, x):
        return tn.cos(w * w) * w * x * x + w * x

    w, x = Value(0.7), Value(R)
    for f, g in [(at_once, plainly)]:
        run = {
            "grad": lambda f: tn.grad(lambda w, x: f(w, x).sum(), (0, 1))(w, x),
            "jacobian": lambda f: tn.jacobian(f, (0, 1))(w, x),
            "jvp": lambda f: tn.jvp(f, (w, x), (1.5, R)),
            "hessian": lambda f: tn.hessian(lambda x: f(w, x).sum())(x),
            "twice": lambda f: tn.jacobian(tn.jacobian(f, 1), (0, 1))(w, x),
        }[outside]
        a, b = run(f), run(g)
        for one, other in zip(
            *((y if isinstance(y, tuple) else (y,)) for y in (a, b)), strict=True
        ):
            near(one, other)


def test_networks_in_a_batch():
    """What was written for a row, on a table; the parameters get the sum."""
    net, X = tn.MLP(3, [4, 1], rng=0), np.linspace(-1, 1, 15).reshape(5, 3)
    y = tn.vmap(net)(X)
    near(y, net(X))
    (y**2).sum().backward()
    found = [p.grad for p in net.parameters()]
    net.zero_grad()
    (net(X) ** 2).sum().backward()
    for a, p in zip(found, net.parameters(), strict=True):
        near(a, p.grad)


def test_a_kind_of_value_somebody_made():
    """Beside a batch it is a constant of that kind, and the batch stays one."""

    class Mine(Value):
        __slots__ = ()

    near(tn.vmap(lambda r: Mine(2.0) * r)(R), 2.0 * R)
    near(tn.vmap(lambda r: r * Mine(2.0))(R), 2.0 * R)


# ------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    "f",
    [
        lambda r: r if r > 0 else -r,
        lambda r: r * float(r),
        lambda r: r if (r > 0).all() else -r,
        lambda r: r if np.any(r > 0) else -r,
        lambda r: r * r.data,
        lambda r: r * r.item(),
        lambda r: Value(R)[r > 0],
        lambda r: Value(R)[0, r],
        lambda r: np.asarray(r),
        lambda r: r.backward(),
        lambda r: tn.grad(lambda w: w if w * r > 0 else -w)(1.0),
    ],
)
def test_one_number_of_a_batch_is_refused(f):
    """A branch, a plain number, an index: clear text, and never the answer for all together."""
    with pytest.raises(tn.errors.LeftGraphError, match="stands for 3 at once"):
        tn.vmap(f)(R)


def test_lists_with_numbers_of_a_batch():
    """Value([...]) is one for each."""
    for r_first in (lambda r: Value([r, 2.0]), lambda r: tn.stack([r, 2.0])):
        near(tn.vmap(r_first)(R), np.stack([R, [2.0] * 3], 1))
    w = Value(2.0)
    near(tn.vmap(lambda r: Value([w, r]))(R), np.stack([[2.0] * 3, R], 1))


def test_a_primitive_without_a_rule_for_batches():
    """It is computed one by one, and so are its gradients."""

    @declare(lambda g, y, x, back: cumulated(g, back=not back), steep=False)
    def cumulated(x, *, back=False):
        return np.cumsum(x[::-1])[::-1] if back else np.cumsum(x)

    x = np.arange(6.0).reshape(2, 3)
    near(tn.vmap(cumulated)(x), np.cumsum(x, axis=1))
    near(
        tn.vmap(tn.grad(lambda x: (cumulated(x) ** 2).sum()))(x)[0],
        tn.grad(lambda x: (cumulated(x) ** 2).sum())(x[0]),
    )
    near(tn.jacobian(cumulated)(R), np.tril(np.ones((3, 3))))


def test_nothing_owed_is_excused_for_each():
    """sqrt at 0 has slope inf: the branch not taken passes nothing on, in each of a batch."""
    x = np.array([0.0, 4.0])
    branch = tn.vmap(tn.grad(lambda x: tn.where(x < 1.0, x, tn.sqrt(x))))(x)
    np.testing.assert_array_equal(branch.data, [1.0, 0.25])
    f = tn.grad(lambda x: tn.vmap(lambda x: tn.where(x < 1.0, x, tn.sqrt(x)))(x).sum())
    np.testing.assert_array_equal(f(x).data, [1.0, 0.25])


# ------------------------------------------------------------------- planted mistakes are seen


def first(rule):
    """A rule that forgets that there is a batch."""
    return lambda function, raw, moving, settings: function.forward(*raw, **settings)


PLANTED = {
    **{
        f"no rule for {p.name}": (batching.RULES, p, first(p), p)
        for p, rule in batching.RULES.items()
        if rule is not batching._as_it_is  # which forgets, and counts from the other end
    },
    "short shapes not aligned": (batching, "_aligned", lambda raw, moving: raw, ops.multiply),
    "what all share is owed by the first": (
        batching.Batched, "total", lambda self: batching.together(self)[0], ops.multiply
    ),
}  # fmt: skip


@pytest.mark.parametrize("planted", PLANTED)
def test_planted_mistakes_are_seen(planted, monkeypatch):
    """Each of them breaks one of the laws above."""
    where, name, wrong, primitive = PLANTED[planted]
    if isinstance(where, dict):
        monkeypatch.setitem(where, name, wrong)
    else:
        monkeypatch.setattr(where, name, wrong)

    @settings(
        max_examples=25,
        phases=[Phase.generate],
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(batches(primitive))
    def laws(batch):
        for law in LAWS.values():
            law(primitive, batch)

    with pytest.raises(Exception):  # noqa: B017  # an axis that is not there, or a wrong number
        laws()


def test_a_second_batch_taken_for_the_first_is_seen(monkeypatch):
    """Without the rule of one batch at a time, the axes lie on each other."""
    monkeypatch.setattr(transforms, "is_open", lambda: False)
    with pytest.raises(AssertionError):
        test_two_batches_do_not_mix()
