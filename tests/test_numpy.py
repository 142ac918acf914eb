"""NumPy's own functions on Values: what works, and what is refused by name."""

import numpy as np
import pytest

import tinygrad_neuron as tn
from tinygrad_neuron import Value
from tinygrad_neuron.ops import PRIMITIVES

A = np.array([[0.25, 0.5, 0.75], [0.5, 0.25, 0.125]])
PAIRS = [(primitive, function) for primitive in PRIMITIVES for function in primitive.numpy]
UFUNCS = [(p, f) for p, f in PAIRS if isinstance(f, np.ufunc) and "logical" not in p.name]


def gradients(f, *args):
    """The gradients of the sum of f by all its arguments."""
    return tn.grad(lambda *xs: tn.sum(f(*xs)), argnums=tuple(range(len(args))))(*args)


@pytest.mark.parametrize(("primitive", "ufunc"), UFUNCS, ids=lambda x: x.__name__)
@pytest.mark.parametrize("data", [A, 0.5], ids=["array", "number"])
def test_ufuncs_are_recorded(primitive, ufunc, data):
    """`np.exp(v)` is a Value with NumPy's numbers, and has our gradient."""
    n = ufunc.nin
    data = data + max([0.0, *(d.low for d in primitive.domains)])  # arccosh begins at 1
    if primitive.name == "matmul":
        data = np.atleast_2d(data)[:, :2]
    y = ufunc(*[Value(data)] * n)
    assert isinstance(y, Value)
    np.testing.assert_allclose(y.data, ufunc(*[data] * n), rtol=1e-15)
    if any(primitive.rules):
        ours = gradients(primitive, *[data] * n)
        theirs = gradients(ufunc, *[data] * n)
        assert [g.tolist() for g in theirs] == [g.tolist() for g in ours]


@pytest.mark.parametrize(
    "ufunc", [f for p, f in UFUNCS if f.nin == 2 and f is not np.matmul], ids=lambda f: f.__name__
)
@pytest.mark.parametrize(
    "other", [2.0, np.float64(2.0), 2, A, A.tolist()], ids=lambda x: type(x).__name__
)
def test_ufuncs_take_anything_on_either_side(ufunc, other):
    """Arrays, NumPy's numbers, plain numbers and lists, left and right of a Value."""
    for pair in ((Value(A), other), (other, Value(A))):
        y = ufunc(*pair)
        assert isinstance(y, Value)
        plain = [x.data if isinstance(x, Value) else x for x in pair]
        np.testing.assert_allclose(y.data, ufunc(*plain), rtol=1e-15)


FUNCTIONS = [
    lambda x: np.sum(x),
    lambda x: np.sum(x, axis=0),
    lambda x: np.sum(x, 1, keepdims=True),
    lambda x: np.mean(x, axis=(0, 1)),
    lambda x: np.max(x, axis=1),
    lambda x: np.amax(x),
    lambda x: np.min(x, axis=-1),
    lambda x: np.reshape(x, (3, 2)),
    lambda x: np.reshape(x, -1),
    lambda x: np.transpose(x),
    lambda x: np.transpose(x, (1, 0)),
    lambda x: np.permute_dims(x, (1, 0)),
    lambda x: np.broadcast_to(x, (4, 2, 3)),
    lambda x: np.expand_dims(x, 0),
    lambda x: np.expand_dims(x, axis=(0, -1)),
    lambda x: np.squeeze(x[:1]),
    lambda x: np.squeeze(x[:1], axis=0),
    lambda x: np.concatenate([x, x]),
    lambda x: np.concatenate((x, A), axis=1),
    lambda x: np.concatenate([x, x], axis=None),
    lambda x: np.concat([A, x], axis=-1),
    lambda x: np.stack([x, A, x]),
    lambda x: np.stack([x, x], axis=-1),
    lambda x: np.where(x > 0.4, x, 0.0),
    lambda x: np.where(A > 0.4, 2.0 * x, x),
    lambda x: np.where([True, False, True], 0.0, x),
    lambda x: np.dot(x, x.T),
    lambda x: np.dot(A.T, x),
    lambda x: np.matmul(x, A.T),
    lambda x: np.astype(x, np.float32),
    lambda x: A @ x.T,
    lambda x: np.absolute(x - 0.4),
    lambda x: np.maximum(x, 0.4),
    lambda x: np.sum(np.exp(x) * np.tanh(A), axis=0) ** 2,
]


@pytest.mark.parametrize("f", FUNCTIONS)
def test_functions_are_recorded(f):
    """A Value with NumPy's numbers, whose gradient is the slope along a random direction."""
    y = f(Value(A))
    assert isinstance(y, Value)
    np.testing.assert_allclose(y.data, f(A), rtol=1e-6 if y.dtype == np.float32 else 1e-15)
    assert y.shape == np.shape(f(A))
    weight = np.random.default_rng(0).normal(size=y.shape)
    (gradient,) = gradients(lambda x: f(x) * weight, A)
    way, step = np.random.default_rng(1).normal(size=A.shape), 1e-6
    if y.dtype == np.float64:
        seen = np.sum((f(A + step * way) - f(A - step * way)) * weight) / (2.0 * step)
        assert np.sum(gradient.data * way) == pytest.approx(seen, rel=1e-7, abs=1e-8)


def test_all_and_any_answer_plainly():
    """No gradient passes a yes or no."""
    v = Value(A)
    assert np.all(v > 0.1) is np.True_
    assert np.any(v > 9.0) is np.False_
    np.testing.assert_array_equal(np.all(v > 0.3, axis=0), [False, False, False])


@pytest.mark.parametrize("ask", [np.shape, np.ndim, np.size], ids=lambda f: f.__name__)
def test_questions_about_the_shape(ask):
    """They are answered: no derivative is involved."""
    for data in (A, 2.0):
        assert ask(Value(data)) == ask(data)


@pytest.mark.parametrize("data", [A, 0.5], ids=["array", "number"])
@pytest.mark.parametrize(
    "number", [np.float64(3), np.float32(3), np.int64(3), np.array(3.0)], ids=repr
)
def test_numpys_numbers_on_the_left(number, data):
    """`np.float64(3) * v` is one Value, not an array of Values."""
    for y in (number * Value(data), number - Value(data), number / Value(data)):
        assert isinstance(y, Value)
        assert y.shape == np.shape(data)


def test_an_array_on_the_left():
    """`ndarray - v` and `ndarray @ v` ask the Value."""
    v = Value(A)
    assert isinstance(A - v, Value)
    assert isinstance(A.T @ v, Value)
    assert isinstance(v == A, Value)
    (A - v).sum().backward()
    np.testing.assert_array_equal(v.grad, -np.ones(A.shape))


# ------------------------------------------------------------------------- refused by name

REFUSED = {
    "np.histogram2d": lambda v: np.histogram2d(v[0], v[1]),
    "np.nextafter": lambda v: np.nextafter(v, v),
    "np.spacing": lambda v: np.spacing(v),
    "np.power.reduce": lambda v: np.power.reduce(v),
    "np.arctan2.accumulate": lambda v: np.arctan2.accumulate(v),
    "np.power.reduceat": lambda v: np.power.reduceat(v, [0, 1]),
    "np.add.at": lambda v: np.add.at(np.zeros(3), [0, 1], v[0, :2]),
    "np.gcd": lambda v: np.gcd(v, 2),
    "np.copyto": lambda v: np.copyto(np.zeros((2, 3)), v),
}


@pytest.mark.parametrize(("name", "call"), REFUSED.items(), ids=REFUSED)
def test_an_unsupported_function_is_named(name, call):
    """A TypeError at the call, with the function's name and something to use instead."""
    with pytest.raises(TypeError) as caught:
        call(Value(A))
    error = caught.value
    assert isinstance(error, tn.errors.UnsupportedError)
    assert name in str(error)
    assert error.data["function"] == name
    assert error.hint


@pytest.mark.parametrize(
    ("call", "near"),
    [
        (lambda v: np.histogramdd(v), "np.histogram"),
        (lambda v: np.nextafter(v, v), "np.spacing"),
        (lambda v: np.isnat(v), "np.isnan"),
        (lambda v: np.power.reduce(v), "functools.reduce"),
        (lambda v: np.save("file", v), "v.data"),
    ],
)
def test_the_nearest_supported_function_is_named(call, near):
    """By its name: people mistype and misremember."""
    with pytest.raises(tn.errors.UnsupportedError, match=near):
        call(Value(A))


@pytest.mark.parametrize(
    ("call", "keyword"),
    [
        (lambda v: np.sum(v, dtype=int), "int"),
        (lambda v: tn.mean(v, initial=1.0), "initial"),
        (lambda v: tn.max(v, dtype=np.float32), "dtype"),
        (lambda v: np.exp(v, where=A > 0), "where"),
        (lambda v: np.exp(v, dtype=np.float32), "dtype"),
        (lambda v: np.add(v, v, casting="unsafe"), "casting"),
        (lambda v: np.reshape(v, (3, 2), order="F"), "order"),
        (lambda v: np.concatenate([v, v], dtype=np.float32), "dtype"),
        (lambda v: np.stack([v, v], casting="unsafe"), "casting"),
        (lambda v: np.broadcast_to(v, (2, 3), subok=True), "subok"),
        (lambda v: np.matmul(v, v, axes=[0, 1]), "axes"),
        (lambda v: tn.sum(v, axes=0), "axes"),
        (lambda v: tn.exp(v, base=2), "base"),
        (lambda v: v.sum(axes=0), "axes"),
    ],
)
def test_an_unknown_keyword_is_refused(call, keyword):
    """Ignoring it would give another result than asked for."""
    with pytest.raises(TypeError, match=keyword):
        call(Value(A))


@pytest.mark.parametrize(
    "call",
    [
        lambda v, out: np.exp(v, out=out),
        lambda v, out: np.add(v, v, out=out),
        lambda v, out: np.add(out, v, out=out),
        lambda v, out: np.sum(v, axis=0, out=out[0]),
        lambda v, out: np.concatenate([v[:1], v[1:]], out=out),
        lambda v, out: np.stack([v[0], v[1]], out=out),
        lambda v, out: np.mean(v, axis=0, out=out[0]),
        lambda v, out: np.matmul(v, np.eye(3), out=out),
        lambda v, out: np.exp(A, out=v),
        lambda v, out: out.__iadd__(v),
        lambda v, out: out.__imul__(v),
    ],
)
def test_out_is_refused(call):
    """Plain memory would hold a number without its history."""
    out = np.full((2, 3), 7.0)
    v = Value(A)
    with pytest.raises(TypeError):
        call(v, out)
    np.testing.assert_array_equal(out, np.full((2, 3), 7.0))
    np.testing.assert_array_equal(v.data, A)


def test_no_object_arrays():
    """Nothing makes an array of Values."""
    v = Value(2.0)
    for make in (
        lambda: np.array([v, v]),
        lambda: np.asarray([[v]]),
        lambda: np.array((v, 1.0)),
        lambda: np.sum([v, v]),
        lambda: np.array(v, dtype=object),
        lambda: np.array([1.0, 2.0]).astype(object) * v,
    ):
        try:
            made = make()
        except (TypeError, ValueError):
            continue
        assert isinstance(made, Value)
        assert made.dtype != object


def test_warnings_are_numpys():
    """log of 0 warns as NumPy does, once, for arrays and numbers."""
    for zero in (0.0, [0.0]):
        with pytest.warns(RuntimeWarning, match="divide by zero") as record:
            np.log(Value(zero))
        assert len(record) == 1
