"""Back, forward and all at once: laws that tie the transforms to each other."""

from collections import namedtuple

import numpy as np
import pytest
from calls import REAL_PRIMITIVES as PRIMITIVES, of
from hypothesis import HealthCheck, Phase, given, settings, strategies as st
from numeric import scale, slope

import tinygrad_neuron as tn
from tinygrad_neuron import Value, transforms

RULED = [p for p in PRIMITIVES if any(p.rules)]
few = settings(max_examples=settings.default.max_examples // 5)
seeds = st.integers(0, 999).map(np.random.default_rng)
X = np.array([0.5, -1.25, 2.0])
W = np.array([[1.0, 2.0, -0.5], [0.25, -1.0, 3.0]])
Pair = namedtuple("Pair", "left right")


def each(primitives):
    """One test for each primitive, under its name."""
    return pytest.mark.parametrize("primitive", primitives, ids=lambda p: p.name)


def near(a, b):
    """Equal but for the order in which sums were added up."""
    a, b = (x.data if isinstance(x, Value) else np.asarray(x) for x in (a, b))
    assert np.shape(a) == np.shape(b)
    np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)


def of_varying(primitive, call):
    """The primitive as a function of those inputs that can move, and those."""

    def f(*moving):
        given_inputs = list(call.inputs)
        for i, x in zip(call.varying, moving, strict=True):
            given_inputs[i] = x
        return primitive(*given_inputs, **call.settings)

    return f, tuple(call.inputs[i] for i in call.varying)


def like(x, rng):
    """Numbers of either sign in the shape of x."""
    return rng.normal(size=np.shape(x)) if np.ndim(x) else float(rng.normal())


# ------------------------------------------------------------- laws, as functions of a call


def check_forward_is_reverse(primitive, call, rng):
    """<v, J u> is one number, whether J is applied to u or its transpose to v."""
    f, xs = of_varying(primitive, call)
    us = tuple(like(x, rng) for x in xs)
    y, moved = tn.jvp(f, xs, us)
    v = like(y.data, rng)
    _, pullback = tn.vjp(f, *xs)
    near(
        np.sum(v * moved.data),
        sum(np.sum(u * g.data) for u, g in zip(us, pullback(v), strict=True)),
    )


def check_jacobian_rows(primitive, call, rng):
    """Each row is a pullback; forward, of more results than arguments, the rows are the same."""
    f, xs = of_varying(primitive, call)
    every = tuple(range(len(xs)))
    y, pullback = tn.vjp(f, *xs)
    many = 1 + sum(map(np.size, xs)) // max(y.size, 1)
    found = tn.jacobian(f, every)(*xs)
    forward = tn.jacobian(lambda *xs: tn.stack([f(*xs)] * (many + 1)), every)(*xs)
    for j, (x, again) in enumerate(zip(found, forward, strict=True)):
        assert x.shape == y.shape + np.shape(xs[j])
        near(again[many], x)
    for index in np.ndindex(y.shape):
        row = np.zeros(y.shape)
        row[index] = 1.0
        for x, g in zip(found, pullback(row), strict=True):
            near(x[index], g)


def check_hessian(primitive, call, rng):
    """Symmetric, the slope of the gradient as it is seen, and times a vector what hvp says."""
    f, xs = of_varying(primitive, call)
    every = tuple(range(len(xs)))
    weight = like(np.zeros(np.shape(f(*xs))), rng)

    def weighted(*xs):
        return (f(*xs) * weight).sum()

    found = tn.hessian(weighted, every)(*xs)
    us = tuple(scale(x) for x in xs)
    products = tn.hvp(weighted, xs, us)
    products = products if isinstance(products, tuple) else (products,)
    for i, row in enumerate(found):
        said = 0.0
        for j, block in enumerate(row):
            n = np.ndim(xs[i])
            near(
                block,
                np.moveaxis(found[j][i].data, range(np.ndim(xs[j])), range(-np.ndim(xs[j]), 0)),
            )
            said = said + np.tensordot(block.data, us[j], np.ndim(xs[j]))
        assert np.ndim(said) == n
        near(products[i], said)
        seen, doubt = slope(lambda t, i=i: gradient_at(weighted, xs, us, t, i), np.zeros(()), 1.0)
        assert np.all(np.abs(seen - said) <= 8.0 * doubt + 1e-6 * (1.0 + np.abs(said)))


def gradient_at(f, xs, us, t, i):
    """The gradient by argument i, a piece of the way along us."""
    moved = tuple(x + t * u for x, u in zip(xs, us, strict=True))
    return tn.grad(f, i)(*(float(x) if not np.ndim(x) else x for x in moved)).data


LAWS = [check_forward_is_reverse, check_jacobian_rows, check_hessian]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__[6:])
@each(RULED)
@few
@given(data=st.data())
def test_laws(primitive, law, data):
    """For every primitive that has a rule."""
    law(primitive, data.draw(of(primitive)), data.draw(seeds))


# -------------------------------------------------------------------- arguments and results


@pytest.mark.parametrize("x", [2.0, np.float32(2), X, X.astype(np.float32), Value(X)], ids=repr)
def test_every_transform_keeps_shape_and_precision(x):
    """A number is a number, float32 stays float32, and the argument is left alone."""
    ones = np.ones(np.shape(x), getattr(x, "dtype", float))
    kept = getattr(x, "dtype", np.dtype(float))
    f, total = lambda x: tn.sin(x) * 2.0, lambda x: tn.sin(x).sum()
    answers = [
        *tn.jvp(f, (x,), (ones,)),
        tn.vjp(f, x)[0],
        *tn.vjp(f, x)[1](ones),
        tn.linearize(f, x)[1](ones),
        tn.jacobian(f)(x),
        tn.jacobian(lambda x: tn.stack([f(x), f(x)]))(x),
        tn.hessian(total)(x),
        tn.hvp(total, (x,), (ones,)),
        tn.elementwise_grad(f)(x),
    ]
    assert [y.dtype for y in answers] == [kept] * len(answers)
    if isinstance(x, Value):
        assert x.gradient is None


def test_results_nobody_can_ask_more_of_are_constants():
    """The function's result as well as the answer, so that float() and np.asarray() work."""
    y, pullback = tn.vjp(tn.square, 3.0)
    assert (float(y), float(pullback(1.0)[0])) == (9.0, 6.0)
    assert list(map(float, tn.jvp(tn.square, (3.0,), (1.0,)))) == [9.0, 6.0]
    np.asarray(tn.jacobian(tn.square)(X)), np.asarray(tn.hessian(lambda x: (x**3).sum())(X))
    np.asarray(tn.hvp(lambda x: (x**3).sum(), (X,), (X,)))


def test_aux_is_handed_out_as_data():
    """Values in it forget, unless something that was there before went into them."""
    w = Value(3.0)
    f = tn.value_and_grad(
        lambda x: (x * x, {"double": x * 2, "w": w * x, "text": "a"}), has_aux=True
    )
    (y, aux), g = f(2.0)
    assert (float(y), float(g), float(aux["double"]), aux["text"]) == (4.0, 4.0, 4.0, "a")
    aux["w"].backward()
    assert w.grad == 2.0
    g, aux = tn.grad(lambda x: (x * w, x * 2), has_aux=True)(Value(2.0))
    assert (g.item(), aux.item()) == (3.0, 4.0)
    assert (
        tn.grad(lambda x: tn.grad(lambda x: (x**3, x), has_aux=True)(x)[1] * x)(3.0).item() == 6.0
    )


def test_aux_needs_a_pair():
    """A Value of two numbers is not a number and something else."""
    with pytest.raises(TypeError, match="something else"):
        tn.grad(lambda x: x * np.ones(2), has_aux=True)(2.0)


def test_the_identity_and_a_question():
    """A function that returns its argument; one whose answer cannot move."""
    near(tn.jacobian(lambda x: x)(X), np.eye(3))
    near(tn.jvp(lambda x: x, (X,), (X,))[1], X)
    near(tn.vjp(lambda x: x, X)[1](X)[0], X)
    assert not tn.jvp(lambda x: x > 0, (X,), (X,))[1].data.any()
    assert not tn.jacobian(lambda x: x > 0)(X).data.any()


@pytest.mark.parametrize("x", [2.0, X, np.zeros(0), np.ones((2, 0))], ids=repr)
def test_a_result_that_does_not_depend(x):
    """Zeros of the right shape, backward and forward; also where there is nothing."""
    c, shape = Value([1.0, 2.0]), np.shape(x)
    ones = np.ones(shape)
    np.testing.assert_array_equal(tn.jacobian(lambda x: c * 1.0)(x).data, np.zeros((2, *shape)))
    np.testing.assert_array_equal(tn.jacobian(lambda x: c)(x).data, np.zeros((2, *shape)))
    np.testing.assert_array_equal(tn.jvp(lambda x: c, (x,), (ones,))[1].data, [0.0, 0.0])
    np.testing.assert_array_equal(tn.vjp(lambda x: c, x)[1](np.ones(2))[0].data, np.zeros(shape))
    np.testing.assert_array_equal(tn.hessian(lambda x: c.sum())(x).data, np.zeros(shape * 2))
    np.testing.assert_array_equal(tn.hvp(lambda x: c.sum(), (x,), (ones,)).data, np.zeros(shape))


@pytest.mark.parametrize("shape", [(0,), (2, 0)], ids=str)
def test_nothing(shape):
    """Of size 0: argument, result, or both."""
    none = np.ones(shape)
    assert tn.jacobian(tn.sin)(none).shape == shape * 2
    assert tn.jacobian(lambda x: tn.broadcast_to(x.sum(), (3,)))(none).shape == (3, *shape)
    assert tn.jacobian(lambda x: x[:0])(X).shape == (0, 3)
    assert tn.jacobian(lambda x: Value(none) * x)(2.0).shape == shape
    assert tn.jvp(tn.sin, (none,), (none,))[1].shape == shape
    assert tn.hessian(lambda x: (x**2).sum())(none).shape == shape * 2
    assert tn.hvp(lambda x: (x**2).sum(), (none,), (none,)).shape == shape


def test_an_argument_given_twice():
    """Each place is a variable of its own, and asking twice gives it twice."""
    v = Value(X)
    a, b = tn.jacobian(lambda x, y: x * y * y, (0, 1))(v, v)
    near(a, np.diag(X * X))
    near(b, np.diag(2 * X * X))
    near(tn.jvp(lambda x, y: x * y * y, (v, v), (X, np.zeros(3)))[1], X**3)
    same = tn.jacobian(tn.square, (0, 0))(X)
    near(same[0], same[1])


def test_containers():
    """Results built like arguments, rows like results; dictionaries in any order."""
    p = {"w": W, "b": [np.ones(2), 3.0]}

    def f(p):
        return Pair(tn.tanh(p["w"] @ X + p["b"][0]) * p["b"][1], {"c": p["b"][1] ** 2})

    y, pullback = tn.vjp(f, p)
    (g,) = pullback(Pair(np.ones(2), {"c": 0.0}))
    J = tn.jacobian(f)(p)
    assert (type(y), type(J), list(g), list(J.left)) == (Pair, Pair, ["w", "b"], ["w", "b"])
    near(g["w"], J.left["w"].data.sum(0))
    assert J.right["c"]["b"][1].item() == 6.0
    assert J.right["c"]["w"].shape == W.shape
    tangent = {"b": [np.zeros(2), 1.0], "w": np.zeros_like(W)}
    moved = tn.jvp(f, (p,), (tangent,))[1]
    near(moved.left, np.tanh(W @ X + 1.0))
    assert moved.right["c"].item() == 6.0
    H = tn.hessian(lambda p: p["a"] ** 2 * p["b"])({"a": 2.0, "b": 3.0})
    assert [H[i][j].item() for i in "ab" for j in "ab"] == [6.0, 4.0, 4.0, 0.0]
    assert (
        tn.hvp(lambda p: p["a"] ** 2 * p["b"], ({"a": 2.0, "b": 3.0},), ({"b": 0.0, "a": 1.0},))[
            "b"
        ].item()
        == 4.0
    )


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (lambda: tn.vjp(tn.square, X)[1](1.0), tn.errors.GradientShapeError),
        (lambda: tn.vjp(lambda x: (x, x), X)[1](X), TypeError),
        (lambda: tn.jvp(tn.square, (X,), (1.0,)), tn.errors.GradientShapeError),
        (lambda: tn.jvp(tn.square, (X,), (X, X)), TypeError),
        (lambda: tn.jvp(lambda p: p["a"], ({"a": 1.0},), ({"b": 1.0},)), TypeError),
        (lambda: tn.vjp(lambda x: x.item(), 1.0), tn.errors.LeftGraphError),
        (lambda: tn.jacobian(lambda x: x.data)(X), tn.errors.LeftGraphError),
        (lambda: tn.hessian(tn.square)(X), tn.errors.NotScalarError),
        (lambda: tn.jacobian(tn.square, 1)(X), TypeError),
        (lambda: tn.jvp(tn.square, (np.array([1, 2]),), (X[:2],)), tn.errors.IntegerWeightError),
    ],
)
def test_what_does_not_fit_is_refused(ask, error):
    """Nothing is stretched to fit, and nothing is matched by chance."""
    with pytest.raises(error):
        ask()


# ------------------------------------------------------------------------ closures and nesting

ASKED = {
    "vjp": lambda f, x: tn.vjp(f, x)[1](1.0)[0],
    "jvp": lambda f, x: tn.jvp(f, (x,), (1.0,))[1],
    "linearize": lambda f, x: tn.linearize(f, x)[1](1.0),
    "grad": lambda f, x: tn.grad(f)(x),
    "elementwise_grad": lambda f, x: tn.elementwise_grad(f)(x),
    "jacobian": lambda f, x: tn.jacobian(f)(x),
    "columns": lambda f, x: tn.jacobian(lambda x: tn.stack([f(x), f(x)]))(x)[1],
    "vmap": lambda f, x: tn.vmap(lambda one: tn.grad(f)(x) * one)(np.ones(1))[0],
}


@pytest.mark.parametrize("outer", ASKED)
@pytest.mark.parametrize("inner", ASKED)
def test_perturbations_are_not_confused(inner, outer):
    """d/dx (x · d/dy (x y²) at x + 1) = 6x² + 4x, whatever asks, and whatever asks around it."""

    def f(x):
        return x * ASKED[inner](lambda y: x * y * y, x + 1.0)

    assert ASKED[outer](f, 3.0).item() == pytest.approx(6.0 * 9.0 + 4.0 * 3.0)
    assert ASKED[outer](f, Value(3.0)).item() == pytest.approx(66.0)
    one = ASKED[outer](lambda x: x * ASKED[inner](lambda y: x + y, 1.0), 1.0)
    assert one.item() == pytest.approx(1.0)


@pytest.mark.parametrize("ask", ASKED)
def test_closures_over_leaves(ask):
    """A constant for the transform, and still a variable: backward reaches it."""
    w = Value(5.0)
    slope = ASKED[ask](lambda x: w * w * x**3, 2.0)
    slope.backward()
    assert (slope.item(), w.grad) == (pytest.approx(300.0), pytest.approx(120.0))


@pytest.mark.parametrize("ask", ASKED)
def test_no_grad_around_and_inside(ask):
    """Around, the answer is right and forgets; inside, what is computed is a constant."""
    w = Value(5.0)
    with tn.no_grad():
        slope = ASKED[ask](lambda x: w * x**3, 2.0)
    assert slope.item() == pytest.approx(60.0)
    assert float(slope) == slope.item()

    def f(x):
        with tn.no_grad():
            constant = x * x
        return constant * x

    assert ASKED[ask](f, 3.0).item() == pytest.approx(9.0)


def test_the_second_and_third_derivatives_of_many_numbers():
    """Jacobians of Jacobians, of gradients, of Hessians: against the formula."""
    f = lambda x: tn.exp(x) * x  # noqa: E731
    e = np.exp(X)
    second, third = (np.einsum("i,ij,ik->ijk", (X + 2) * e, *[np.eye(3)] * 2), (X + 3) * e)
    near(tn.jacobian(tn.jacobian(f))(X), second)
    near(tn.hessian(lambda x: f(x).sum())(X), np.diag((X + 2) * e))
    near(tn.jacobian(tn.hessian(lambda x: f(x).sum()))(X)[1, 1, 1], third[1])
    near(tn.jacobian(lambda x: tn.vmap(tn.grad(f))(x))(X), np.diag((X + 2) * e))
    near(tn.vmap(tn.jacobian(f))(np.stack([X, X]))[1], np.diag((X + 1) * e))
    near(tn.jacobian(lambda x: tn.jvp(f, (x,), (X,))[1])(X), np.diag((X + 2) * e * X))


# ------------------------------------------------------------------------------ infinite slopes


def test_infinite_slopes_forward():
    """The root of 0 has slope inf; where it was not chosen, and where nothing moves, it is not."""
    assert tn.jvp(tn.sqrt, (0.0,), (1.0,))[1].item() == np.inf
    assert tn.jvp(tn.sqrt, (0.0,), (0.0,))[1].item() == 0.0
    assert tn.jvp(lambda x: tn.where(x < 1.0, x, tn.sqrt(x)), (0.0,), (1.0,))[1].item() == 1.0
    x = np.array([0.0, 4.0])
    near(tn.jvp(tn.sqrt, (x,), (np.ones(2),))[1], [np.inf, 0.25])
    near(tn.jacobian(tn.sqrt)(x), [[np.inf, 0.0], [0.0, 0.25]])
    columns = tn.jacobian(lambda x: tn.stack([tn.sqrt(x), -tn.sqrt(x), x]))(0.0)
    near(columns, [np.inf, -np.inf, 1.0])


def test_opposite_infinite_slopes():
    """Two results that lean on one root: what stands in for their weights must not cancel."""

    def f(x):
        root = tn.sqrt(x)
        return root, -root

    assert [y.item() for y in tn.jvp(f, (0.0,), (1.0,))[1]] == [np.inf, -np.inf]


# ------------------------------------------------------------------- planted mistakes are seen

PLANTED = {
    "rows for columns": ("_exchanged", lambda x, n: x, check_jacobian_rows, "multiply"),
    "weights forgotten": (
        "_suited", lambda w, y: tn.ops.multiply(y, 0.0) + 1.0, check_forward_is_reverse, "sin",
    ),
    "a millionth in the seeds": (
        "apart", lambda x: tn.batching.apart(x * (1 + 1e-6)), check_jacobian_rows, "exp",
    ),
    "nothing recorded": ("_watched", lambda since, ys: False, check_hessian, "exp"),
}  # fmt: skip


@pytest.mark.parametrize("planted", PLANTED)
def test_planted_mistakes_are_seen(planted, monkeypatch):
    """Each of them breaks the law that is about it."""
    name, wrong, law, primitive = PLANTED[planted]
    monkeypatch.setattr(transforms, name, wrong)

    @settings(
        max_examples=25,
        phases=[Phase.generate],
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(of(getattr(tn.ops, primitive)), seeds)
    def check(call, rng):
        law(getattr(tn.ops, primitive), call, rng)

    with pytest.raises((AssertionError, IndexError)):
        check()


def test_equal_stand_ins_are_seen(monkeypatch):
    """Ones cancel where cosines do not."""
    monkeypatch.setattr(transforms, "_stand_ins", lambda ys: [Value(np.ones(y.shape)) for y in ys])
    with pytest.raises(AssertionError):
        test_opposite_infinite_slopes()
