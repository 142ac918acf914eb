"""Functions of functions: gradients as functions, of anything, to any order."""

import math
from collections import namedtuple

import numpy as np
import pytest

import tinygrad_neuron as tn
from tinygrad_neuron import Value


def nth(f, order):
    """The derivative of that order, by repeating `grad`."""
    for _ in range(order):
        f = tn.grad(f)
    return f


# ------------------------------------------------------------------------------- arguments


@pytest.mark.parametrize(("argnums", "expected"), [(0, 4.0), (1, 16.0), (-1, 16.0), (-2, 4.0)])
def test_by_one_argument(argnums, expected):
    """Counted from either end, as Python counts."""
    assert tn.grad(lambda x, y: x**2 * y + 12.0 * y, argnums=argnums)(2.0, 1.0).item() == expected


@pytest.mark.parametrize("argnums", [(0, 1), (1, 0), (1,), (0, -1), [1, 0]], ids=str)
def test_by_several_arguments(argnums):
    """A tuple of gradients, in the order asked for."""
    gradients = tn.grad(lambda x, y: x**2 * y + 12.0 * y, argnums=argnums)(2.0, 1.0)
    assert isinstance(gradients, tuple)
    assert [g.item() for g in gradients] == [(4.0, 16.0)[i] for i in argnums]


@pytest.mark.parametrize("argnums", [2, (0, 5), -3], ids=str)
def test_an_argument_that_is_not_there(argnums):
    """Asking for the third of two arguments is a mistake, and not a zero."""
    with pytest.raises((IndexError, TypeError, ValueError)):
        tn.grad(lambda x, y: x * y, argnums=argnums)(2.0, 1.0)


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        (3.0, 6.0),
        (3, 6.0),
        (np.float32(3), 6.0),
        (np.array([1.0, 2.0]), [2.0, 4.0]),
        (np.array([1, 2], np.float32), [2.0, 4.0]),
        (Value(3.0), 6.0),
        (Value([1.0, 2.0]), [2.0, 4.0]),
        (np.ones((0, 3)), np.ones((0, 3))),
    ],
    ids=repr,
)
def test_a_gradient_is_built_like_its_argument(argument, expected):
    """A Value with the argument's shape and precision; the argument itself is left alone."""
    gradient = tn.grad(lambda x: tn.sum(x * x))(argument)
    assert isinstance(gradient, Value)
    np.testing.assert_array_equal(gradient.data, expected)
    kept = argument.dtype if hasattr(argument, "dtype") else np.float64
    assert gradient.dtype == kept
    if isinstance(argument, Value):
        assert repr(argument.grad) == "not computed yet"


Pair = namedtuple("Pair", "left right")


@pytest.mark.parametrize(
    ("container", "f"),
    [
        ([2.0, 3.0], lambda p: p[0] ** 2 + 5.0 * p[1]),
        ((2.0, 3.0), lambda p: p[0] ** 2 + 5.0 * p[1]),
        ({"a": 2.0, "b": 3.0}, lambda p: p["a"] ** 2 + 5.0 * p["b"]),
        (Pair(2.0, 3.0), lambda p: p.left**2 + 5.0 * p.right),
        ([Value(2.0), 3], lambda p: p[0] ** 2 + 5.0 * p[1]),
        ({"w": [2.0, (3.0,)]}, lambda p: p["w"][0] ** 2 + 5.0 * p["w"][1][0]),
    ],
)
def test_containers(container, f):
    """Lists, tuples, dicts, named tuples, nested: the gradient is built alike."""
    gradient = tn.grad(f)(container)
    assert type(gradient) is type(container)
    assert repr(gradient) == repr(_with_numbers(container, iter([4.0, 5.0])))


def _with_numbers(container, numbers):
    """The same container with other numbers, as Values."""
    if isinstance(container, dict):
        return {key: _with_numbers(part, numbers) for key, part in container.items()}
    if isinstance(container, Pair):
        return Pair(*(_with_numbers(part, numbers) for part in container))
    if isinstance(container, list | tuple):
        return type(container)(_with_numbers(part, numbers) for part in container)
    return Value(next(numbers))


def test_a_container_with_one_leaf_twice():
    """Each place is a variable of its own."""
    w = Value(3.0)
    gradient = tn.grad(lambda p: p[0] * p[0] * p[1])([w, w])
    assert [g.item() for g in gradient] == [18.0, 9.0]


def test_keyword_arguments_pass_through():
    """They are not differentiated by."""
    slope = tn.grad(lambda x, *, power: x**power)
    assert slope(2.0, power=3).item() == 12.0


def test_arguments_not_chosen_pass_as_they_are():
    """A string stays a string, a list of arrays a list of arrays."""
    seen = []

    def f(x, mode, rows):
        seen.extend((mode, rows))
        return x * len(rows)

    rows = [np.ones(2)]
    assert tn.grad(f)(3.0, "mode", rows).item() == 1.0
    assert seen == ["mode", rows]
    assert seen[1] is rows


def test_value_and_grad():
    """Both, for one call of the function."""
    calls = []

    def f(x):
        calls.append(x)
        return x**3

    value, gradient = tn.value_and_grad(f)(2.0)
    assert (value.item(), gradient.item(), len(calls)) == (8.0, 12.0, 1)


def test_the_functional_road_leaves_nothing_on_leaves():
    """Neither on arguments nor on what the function closes over."""
    w, x = Value(3.0), Value(2.0)
    y = tn.grad(lambda w: w * x)(w)
    assert y.item() == 2.0
    assert (repr(w.grad), repr(x.grad)) == ("not computed yet",) * 2


def test_no_path_is_a_zero_gradient():
    """A result that does not use the argument does not move with it."""
    for x in (3.0, np.ones((2, 3)), Value(3.0)):
        gradient = tn.grad(lambda x: Value(5.0) * 2.0)(x)
        np.testing.assert_array_equal(gradient.data, np.zeros(np.shape(getattr(x, "data", x))))
    both = tn.grad(lambda x, y: x * 2.0, argnums=(0, 1))(1.0, np.ones(3))
    np.testing.assert_array_equal(both[1].data, np.zeros(3))


def test_the_identity():
    """dx/dx = 1, to first order; 0 to the second."""
    assert [nth(lambda x: x, order)(3.0).item() for order in (1, 2)] == [1.0, 0.0]
    assert tn.grad(lambda x: x)(Value(3.0)).item() == 1.0


# -------------------------------------------------------------------------- higher orders


@pytest.mark.parametrize("order", range(7))
@pytest.mark.parametrize(
    ("f", "derivative"),
    [
        (tn.exp, lambda x, n: math.exp(x)),
        (tn.sin, lambda x, n: math.sin(x + n * math.pi / 2)),
        (lambda x: x**5, lambda x, n: math.perm(5, n) * x ** (5 - n) if n <= 5 else 0.0),
        (lambda x: 1.0 / x, lambda x, n: (-1) ** n * math.factorial(n) / x ** (n + 1)),
        (
            tn.log,
            lambda x, n: math.log(x) if n == 0 else (-1) ** (n - 1) * math.factorial(n - 1) / x**n,
        ),
        (lambda x: x * tn.exp(x), lambda x, n: (x + n) * math.exp(x)),
        (lambda x: tn.exp(2.0 * x), lambda x, n: 2.0**n * math.exp(2.0 * x)),
    ],
    ids=["exp", "sin", "x^5", "1/x", "log", "x exp", "exp 2x"],
)
def test_higher_orders_against_closed_forms(f, derivative, order):
    """Up to the sixth derivative, of numbers and of Values."""
    expected = pytest.approx(derivative(0.7, order), rel=1e-12, abs=1e-14)
    assert nth(f, order)(Value(0.7)).item() == expected
    if order:
        assert nth(f, order)(0.7).item() == expected


def test_a_hessian():
    """Of x'Ax: A + A', one row for each entry of the gradient."""
    a = np.array([[1.0, 2.0, 0.5], [0.0, 3.0, 1.0], [4.0, 0.0, -1.0]])
    slope = tn.grad(lambda x: x @ (a @ x))
    x = np.array([1.0, -2.0, 3.0])
    rows = [tn.grad(lambda x, i=i: slope(x)[i])(x).data for i in range(3)]
    np.testing.assert_allclose(rows, a + a.T, rtol=1e-14)


def test_a_hessian_of_a_network_is_symmetric():
    """Mixed second derivatives do not depend on the order, across arguments and broadcasting."""
    rng = np.random.default_rng(0)
    w, b, x = rng.normal(size=(2, 3)), rng.normal(size=3), rng.normal(size=(4, 2))
    u, v = rng.normal(size=w.shape), rng.normal(size=b.shape)

    def loss(w, b):
        return tn.mean(tn.softplus(tn.tanh(x @ w + b)) ** 2)

    def by_w(w, b):
        return tn.sum(tn.grad(loss, argnums=0)(w, b) * u)

    def by_b(w, b):
        return tn.sum(tn.grad(loss, argnums=1)(w, b) * v)

    one = np.sum(tn.grad(by_w, argnums=1)(w, b).data * v)
    other = np.sum(tn.grad(by_b, argnums=0)(w, b).data * u)
    assert one == pytest.approx(other, rel=1e-12)


def test_forward_mode_by_pulling_back_twice():
    """The pullback is linear in g; its own pullback pushes a tangent forward."""
    x, tangent = np.array([0.5, 2.0]), np.array([3.0, -1.0])

    def pullback(g):
        return tn.sum(tn.grad(lambda x: tn.sum(tn.sin(x) * g))(x) * tangent)

    np.testing.assert_allclose(tn.grad(pullback)(np.zeros(2)).data, np.cos(x) * tangent, rtol=1e-15)


def test_recorded_gradients_feed_backward():
    """A penalty on a gradient: the gradient of |df/dx|² by w, through `backward`."""
    w = Value(3.0)
    slope = tn.grad(lambda x: w * x**2)(Value(2.0))
    (slope**2).backward()
    assert slope.item() == 12.0
    assert w.grad == 2.0 * 12.0 * 4.0


def test_gradients_by_plain_numbers_are_constants():
    """Nobody could differentiate them further, so they can be used as numbers."""
    gradient = tn.grad(lambda x: x**3)(2.0)
    assert float(gradient) == 12.0
    np.testing.assert_array_equal(np.asarray(tn.grad(tn.sum)(np.ones(2))), [1.0, 1.0])


# ------------------------------------------------------------------------------- nesting


def test_perturbations_are_not_confused():
    """d/dx x · (d/dy (x + y)) is 1: the inner 1 has nothing to do with the outer x."""
    assert tn.grad(lambda x: x * tn.grad(lambda y: x + y)(1.0))(1.0).item() == 1.0
    assert tn.grad(lambda x: x * tn.grad(lambda y: x * y)(2.0))(3.0).item() == 6.0
    assert tn.grad(lambda x: tn.grad(lambda y: x * y * y)(x))(3.0).item() == 12.0


def test_an_inner_gradient_by_the_outer_variable():
    """d/dx of (d/dy y³ at x) is 6x, three levels deep 6."""
    inner = tn.grad(lambda y: y**3)
    assert tn.grad(lambda x: inner(x))(2.0).item() == 12.0
    assert tn.grad(tn.grad(lambda x: inner(x)))(2.0).item() == 6.0


def test_the_inner_function_may_return_the_outer_variable():
    """It does not move with the inner one."""
    assert tn.grad(lambda x: x * tn.grad(lambda y: x)(1.0))(3.0).item() == 0.0


def test_closures_over_leaves():
    """What a function closes over is a constant to `grad`, and still a variable afterwards."""
    w = Value([1.0, 2.0], name="w")
    gradient = tn.grad(lambda x: tn.sum(w * w * x))(np.array([3.0, 4.0]))
    np.testing.assert_array_equal(gradient.data, [1.0, 4.0])
    gradient.sum().backward()
    np.testing.assert_array_equal(w.grad, [2.0, 4.0])


def test_a_closure_over_a_number_made_before():
    """Inner results of an outer computation are constants to the inner one, to first order."""
    w = Value(3.0)
    y = w * w
    slope = tn.grad(lambda x: x * y)(2.0)
    assert slope.item() == 9.0
    slope.backward()
    assert w.grad == 6.0


def test_backward_inside_a_differentiated_function():
    """The learner's road inside the functional one: it sees its own graph."""

    def f(x):
        inner = Value(5.0)
        (inner * inner).backward()
        return x * inner.grad

    assert tn.grad(f)(2.0).item() == 10.0


def test_a_leaf_may_learn_between_calls():
    """The gradient function looks at the leaf's present data."""
    w = Value(2.0)
    slope = tn.grad(lambda x: w * x)
    assert slope(1.0).item() == 2.0
    w.data = 7.0
    assert slope(1.0).item() == 7.0


def test_a_gradient_function_has_no_state():
    """The same call gives the same bits."""
    slope = tn.grad(lambda x: tn.sum(tn.tanh(x) * x))
    x = np.linspace(-2, 2, 7)
    assert slope(x).tolist() == slope(x).tolist() == slope(Value(x)).tolist()


# ---------------------------------------------------------------------- without recording


def test_no_grad_forgets():
    """Results hold no history, so long loops hold no memory."""
    w = Value(3.0)
    with tn.no_grad():
        number, array = w * w, w * np.ones(3)
        total = sum([w, w])
    assert [y.inputs for y in (number, array, total)] == [(), (), ()]
    assert (w * w).inputs == (w, w)
    assert float(number) == 9.0


def test_no_grad_nests_and_ends_with_an_exception():
    """Inside is inside; after the outermost block recording goes on, however it ended."""
    w = Value(3.0)
    with tn.no_grad():
        with tn.no_grad():
            pass
        assert (w * w).inputs == ()
    with pytest.raises(ZeroDivisionError), tn.no_grad():
        raise ZeroDivisionError
    assert (w * w).inputs == (w, w)


@pytest.mark.parametrize("x", [2.0, Value(2.0), Value(np.float32(2.0)), Value(2.0) * 1.0])
def test_grad_inside_no_grad(x):
    """Asking for a gradient is asking to record: the answer is right, and no silent zero."""
    with tn.no_grad():
        value, gradient = tn.value_and_grad(lambda x: x**3)(x)
    assert (value.item(), gradient.item()) == (8.0, 12.0)


def test_no_grad_inside_grad():
    """What is computed inside is a constant."""

    def f(x):
        with tn.no_grad():
            scale = x * x
        return x * scale

    assert tn.grad(f)(3.0).item() == 9.0


@pytest.mark.parametrize("data", [3.0, [3.0, 4.0]], ids=str)
def test_detach_is_a_constant_with_the_same_number(data):
    """Two views of one number, one of them without a past."""
    w = Value(data)
    y = w * 2.0
    d = y.detach()
    np.testing.assert_array_equal(d.data, y.data)
    assert d.inputs == ()
    (w * d).sum().backward()
    np.testing.assert_array_equal(w.grad, y.data)
    np.asarray(d)  # leaves nothing behind, so nothing is lost


# -------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize("f", [lambda x: x.item(), lambda x: 3.0, lambda x: x.data, lambda x: None])
def test_a_function_must_return_a_value(f):
    """A plain number does not remember its arguments."""
    with pytest.raises(tn.errors.LeftGraphError, match="returned"):
        tn.grad(f)(3.0)


def test_a_function_must_return_one_number():
    """A gradient is of one number; the text says the shape."""
    with pytest.raises(tn.errors.NotScalarError, match=r"\(2,\)") as caught:
        tn.grad(lambda x: x * 2.0)(np.ones(2))
    assert caught.value.data == {"shape": (2,)}


def test_whole_number_arguments():
    """An array of integers cannot move a little; a whole number can, being a float here."""
    with pytest.raises(tn.errors.IntegerWeightError):
        tn.grad(tn.sum)(np.array([1, 2]))
    assert tn.grad(lambda x: x * x)(3).item() == 6.0


@pytest.mark.parametrize("x", [2.0, np.array([2.0, 3.0])], ids=["number", "array"])
def test_a_gradient_inside_no_grad(x):
    """It is asked for, so there is one: by a number, by an array, by a Value that holds them."""
    expected = tn.grad(lambda x: (x * x * x).sum())(x).data
    with tn.no_grad():
        for given in (x, Value(x), Value(x) * 1.0):
            found = tn.grad(lambda x: (x * x * x).sum())(given)
            np.testing.assert_array_equal(found.data, expected)
            np.testing.assert_array_equal(tn.vjp(lambda x: x**3, given)[1](x)[0].data, expected * x)
