"""What can be written with a Value, and what it means: one fact each."""

import copy
import operator
import pickle

import numpy as np
import pytest

import tinygrad_neuron as tn
from tinygrad_neuron import Value

A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def leaf(data=(2.0, 3.0), name=None):
    return Value(np.array(data), name)


def gradient(f, *args):
    """The gradients of the sum of f by all its arguments, as plain arrays."""
    grads = tn.grad(lambda *xs: tn.sum(f(*xs)), argnums=tuple(range(len(args))))(*args)
    return [g.data for g in grads]


# -------------------------------------------------------------------------- made from


@pytest.mark.parametrize(
    "number",
    [3, 3.0, True, np.int64(3), np.float64(3.0), np.array(3), np.array(3.0)],
)
def test_a_number_becomes_a_python_float(number):
    """Whatever the number was: arithmetic on Python floats is five times faster."""
    value = Value(number)
    assert type(value.data) is float
    assert value.data == float(number)
    assert (value.shape, value.ndim, value.size, value.dtype) == ((), 0, 1, np.float64)


@pytest.mark.parametrize(
    "nested",
    [[1, 2], (1, 2.5), [[1, 2], [3, 4]], [], [[]], [np.float64(1), 2], [np.ones(2), [1, 2]]],
)
def test_lists_become_arrays_of_floats(nested):
    """Also lists of whole numbers: who writes [1, 2] means numbers, not a dtype."""
    value = Value(nested)
    np.testing.assert_array_equal(value.data, np.array(nested, float))
    assert value.dtype == np.float64
    assert value.primitive is None


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_an_array_keeps_its_precision(dtype):
    """Nobody's choice of float32 is overruled."""
    assert Value(np.ones(3, dtype)).dtype == dtype
    assert Value(dtype(1.5)).dtype == dtype
    assert Value([dtype(1.5), dtype(2)]).dtype == dtype


def test_data_is_copied_on_entry():
    """What the caller does with the array afterwards does not reach the Value."""
    array = np.array([1.0, 2.0])
    value = Value(array)
    array[0] = 100.0
    np.testing.assert_array_equal(value.data, [1.0, 2.0])


def test_a_constant_changed_later_does_not_change_the_gradient():
    """A result was made of the numbers that were there: a wrong gradient must not be given."""
    x = np.array([1.0, 2.0])
    w = leaf()
    loss = (w * x).sum()
    x[0] = 100.0
    try:
        loss.backward()
    except tn.errors.ChangedDataError:
        return
    np.testing.assert_array_equal(w.grad, [1.0, 2.0])


def test_an_index_changed_later_does_not_change_the_gradient():
    """The entries that were taken get the gradient, whatever the index array holds now."""
    index = np.array([0, 0])
    w = leaf()
    loss = w[index].sum()
    index[0] = 1
    loss.backward()
    np.testing.assert_array_equal(w.grad, [2.0, 0.0])


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda a, b: [a, b], [[1.0, 0.0], [0.0, 1.0]]),
        (lambda a, b: [a, 5.0, b, a], [[1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0]]),
        (lambda a, b: [[a, 1], [2, b]], [[[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]]),
        (lambda a, b: ([1, 2], (a, b)), [[[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]]),
        (lambda a, b: [[[a]], [[b]]], [[[[1.0]], [[0.0]]], [[[0.0]], [[1.0]]]]),
        (lambda a, b: [a * b, np.float64(2)], [[3.0, 0.0], [2.0, 0.0]]),
    ],
)
def test_a_list_of_values_stays_connected(build, expected):
    """Each entry owes its gradient to the Value that stood there."""
    shape = np.shape(expected[0])
    a, b = Value(2.0), Value(3.0)
    stacked = Value(build(a, b))
    assert stacked.shape == shape
    jacobian = np.zeros((2, *shape))
    for place in np.ndindex(shape):
        for node in (a, b):
            node.zero_grad()
        stacked[place].backward()
        jacobian[(slice(None), *place)] = a.grad, b.grad
    np.testing.assert_array_equal(jacobian, expected)


def test_a_list_of_rows_stays_connected():
    """Arrays in a list are stacked as well."""
    a, b = leaf(), leaf()
    (Value([a, b, a]) * np.array([[1.0], [10.0], [100.0]])).sum().backward()
    np.testing.assert_array_equal(a.grad, [101.0, 101.0])
    np.testing.assert_array_equal(b.grad, [10.0, 10.0])


def test_a_value_of_a_value_stays_connected():
    """Value(v) is v as a node of its own."""
    v = Value(3.0)
    w = Value(v, name="w")
    (w * w).backward()
    assert (v.grad, w.grad, w.name) == (6.0, 6.0, "w")


def test_single_precision_survives_a_list():
    """A plain number in the list is weak, as in NumPy's arithmetic."""
    v = Value(np.float32(1.5))
    assert Value([v, 2.0]).dtype == np.float32
    assert Value([leaf().astype(np.float32), [1.0, 2.0]]).dtype == np.float32


def test_complex_numbers_are_owed_the_way_uphill():
    """|z * z| is |z|²: its steepest ascent is 2z."""
    z = np.array([1.0 + 2.0j])
    leaf = Value(z)
    abs(leaf * leaf).sum().backward()
    np.testing.assert_allclose(leaf.grad, 2.0 * z)


# --------------------------------------------------------------------------- operators

NUMBERS = [3, 3.0, True, np.float64(3), np.float32(3), np.int64(3), np.array(3.0), Value(3.0)]
ARRAYS = [[3, 4], (3.0, 4.0), np.array([3.0, 4.0]), np.array([3, 4]), leaf((3.0, 4.0))]
ARITHMETIC = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.pow,
    operator.mod,
    operator.floordiv,
]
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]
name = operator.attrgetter("__name__")


def plain(x):
    """The numbers: a float, or what NumPy makes of them."""
    x = x.data if isinstance(x, Value) else x
    return np.asarray(x) if isinstance(x, list | tuple) else x


@pytest.mark.parametrize("other", NUMBERS + ARRAYS, ids=lambda x: f"{type(x).__name__} {x}")
@pytest.mark.parametrize("op", ARITHMETIC + COMPARISONS, ids=name)
@pytest.mark.parametrize("data", [2.5, [2.5, 3.0]], ids=str)
def test_operators_take_anything_on_either_side(op, other, data):
    """The result is a Value, and its numbers are NumPy's."""
    value = Value(data)
    for result, expected in [
        (op(value, other), op(plain(data), plain(other))),
        (op(other, value), op(plain(other), plain(data))),
    ]:
        assert isinstance(result, Value)
        np.testing.assert_allclose(result.data, expected, rtol=1e-15)
        assert result.shape == np.shape(expected)


@pytest.mark.parametrize("other", NUMBERS + ARRAYS, ids=lambda x: f"{type(x).__name__} {x}")
@pytest.mark.parametrize("op", ARITHMETIC[:5], ids=name)
@pytest.mark.parametrize("data", [2.5, [2.5, 3.0]], ids=str)
def test_operators_differentiate_beside_anything(op, other, data):
    """The gradient is that beside a Value of the same numbers, up to the precision given."""
    digits = 1e-6 if isinstance(other, np.float32) else 1e-15
    beside = Value(np.asarray(plain(other), float))
    for f in (op, lambda a, b: op(b, a)):
        value, again = Value(data), Value(data)
        tn.sum(f(value, other)).backward()
        tn.sum(f(again, beside)).backward()
        np.testing.assert_allclose(value.grad, again.grad, rtol=digits)
        assert type(value.grad) is type(again.grad)


@pytest.mark.parametrize("op", ARITHMETIC[:5], ids=name)
def test_a_gradient_is_as_precise_as_its_value(op):
    """A float32 constant does not blur the gradient of a float64 Value."""
    coarse, fine = np.array([3.0, 0.5], np.float32), np.array([3.0, 0.5])
    for f in (op, lambda a, b: op(b, a)):
        (blurred,) = gradient(lambda v, f=f: f(v, coarse), np.array([2.5, 3.0]))
        (sharp,) = gradient(lambda v, f=f: f(v, fine), np.array([2.5, 3.0]))
        np.testing.assert_allclose(blurred, sharp, rtol=1e-14)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (A, [1.0, 2.0, 3.0]),
        (A, A.T),
        ([1.0, 2.0], A),
        ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]),
        (A.tolist(), A.T.tolist()),
        (np.stack([A, A]), A.T),
    ],
)
def test_matrix_products_take_arrays_and_lists(left, right):
    """On either side of a Value, with the gradients of two Values."""
    both = gradient(operator.matmul, np.asarray(left), np.asarray(right))
    np.testing.assert_array_equal((Value(left) @ right).data, np.matmul(left, right))
    np.testing.assert_array_equal((left @ Value(right)).data, np.matmul(left, right))
    np.testing.assert_array_equal(gradient(lambda a: a @ right, np.asarray(left))[0], both[0])
    np.testing.assert_array_equal(gradient(lambda b: left @ b, np.asarray(right))[0], both[1])


@pytest.mark.parametrize(
    ("f", "by_v", "by_w"),
    [
        (lambda v, w: v * [w, 2.0], [3.0, 2.0], 5.0),
        (lambda v, w: [w, 2.0] * v, [3.0, 2.0], 5.0),
        (lambda v, w: [w, w] @ v, [3.0, 3.0], 12.0),
        (lambda v, w: tn.maximum(v, [w, 0.0]), [1.0, 1.0], 0.0),
        (lambda v, w: v + tn.sum([w, 1.0, w]), [1.0, 1.0], 4.0),
        (lambda v, w: tn.where([True, False], [w, 1.0], v), [0.0, 1.0], 1.0),
        (lambda v, w: tn.concatenate([v, [w, 1.0]]), [1.0, 1.0], 1.0),
    ],
)
def test_lists_that_hold_values_are_operands_too(f, by_v, by_w):
    """They stay connected wherever a list of numbers may stand."""
    v, w = Value([5.0, 7.0]), Value(3.0)
    f(v, w).sum().backward()
    assert v.grad.tolist() == by_v
    assert w.grad == by_w or (by_w == 0.0 and not w.grad)


def test_whole_numbers_as_constants():
    """Integer arrays are fine beside a Value."""
    w = leaf()
    y = w ** np.array([0, 3]) + np.array([1, 2]) * w
    y.sum().backward()
    np.testing.assert_array_equal(w.grad, [1.0, 29.0])


def test_unary_operators():
    """-v, +v and |v|."""
    v = leaf((-2.0, 3.0))
    np.testing.assert_array_equal((-v).data, [2.0, -3.0])
    np.testing.assert_array_equal((+v).data, v.data)
    np.testing.assert_array_equal(abs(v).data, [2.0, 3.0])
    np.testing.assert_array_equal((~(v > 0)).data, [True, False])


def test_sum_of_a_list_of_values():
    """Python's own sum starts with the whole number 0."""
    v, w = Value(2.0), leaf()
    total = sum([v, v, w])
    np.testing.assert_array_equal(total.data, [6.0, 7.0])
    total.sum().backward()
    assert v.grad == 4.0


def test_a_value_to_its_own_power():
    """x**x has slope x**x (log x + 1)."""
    v = Value(2.0)
    (v**v).backward()
    assert v.grad == pytest.approx(4.0 * (np.log(2.0) + 1.0), rel=1e-15)


@pytest.mark.parametrize("data", [2.0, [2.0, 3.0]], ids=str)
def test_augmented_assignment_rebinds(data):
    """`a += b` makes a new Value; who holds the old one keeps it."""
    b = Value(data)
    a = before = Value(data)
    a += b
    a *= 2
    a -= 1
    a /= 4
    a **= 2
    assert a is not before
    np.testing.assert_array_equal(before.data, data)
    np.testing.assert_array_equal(a.data, ((4 * np.array(data) - 1) / 4) ** 2)


def test_logic_of_comparisons():
    """&, | and ~ combine them, and `.all()` and `.any()` answer plainly."""
    v = leaf((1.0, 2.0, 3.0))
    middle = (v > 1) & ~(v > 2)
    np.testing.assert_array_equal(middle.data, [False, True, False])
    assert (middle.any(), middle.all(), ((v < 2) | (v > 2)).sum().item()) == (True, False, 2)


def test_equality_is_elementwise_and_hash_is_identity():
    """Two leaves with one number have two gradients, so they are two keys."""
    a, b = Value(1.0), Value(1.0)
    assert (a == b).data
    assert len({a, b, a}) == 2
    assert {a: "a", b: "b"}[b] == "b"
    assert hash(a) == hash(a)


def test_membership_by_identity_or_equality():
    """`v in list` works for numbers as it does for floats."""
    a, b = Value(1.0), Value(2.0)
    assert b in [a, b]
    assert Value(3.0) not in [a, b]


@pytest.mark.parametrize("other", [None, "text", object()], ids=str)
def test_comparing_with_what_is_no_number(other):
    """Python's own answer: not equal."""
    assert (Value(1.0) == other) is False
    assert (Value(1.0) != other) is True
    with pytest.raises(TypeError):
        Value(1.0) + other


# ----------------------------------------------------------------------------- methods

METHODS = ["exp", "log", "log1p", "expm1", "sqrt", "square", "sin", "cos", "tanh", "sigmoid"]
METHODS += ["relu", "softplus"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("data", [0.75, [[0.75, 2.0]]], ids=str)
def test_functions_are_methods_as_well(method, data):
    """`v.exp()` is `tn.exp(v)`, in value and gradient."""
    v, w = Value(data), Value(data)
    y, z = getattr(v, method)(), getattr(tn, method)(w)
    np.testing.assert_array_equal(y.data, z.data)
    tn.sum(y).backward()
    tn.sum(z).backward()
    np.testing.assert_array_equal(v.grad, w.grad)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.sum(),
        lambda x: x.sum(0),
        lambda x: x.sum(axis=(0, 1), keepdims=True),
        lambda x: x.mean(axis=-1),
        lambda x: x.max(axis=1),
        lambda x: x.min(),
        lambda x: x.T,
        lambda x: x.reshape(3, 2),
        lambda x: x.reshape((3, -1)),
        lambda x: x.reshape(-1),
        lambda x: x.transpose(),
        lambda x: x.transpose(1, 0),
        lambda x: x.transpose((1, 0)),
        lambda x: x[None].squeeze(0),
        lambda x: x.dot(x.T),
        lambda x: x[1],
        lambda x: x[:, ::2],
        lambda x: x[..., -1],
        lambda x: x[[0, 1, 1], [2, 0, 0]],
        lambda x: x[x > 2],
        lambda x: (x > 2).all(axis=0),
        lambda x: (x > 2).any(),
    ],
)
def test_methods_are_those_of_an_array(f):
    """The same call on an ndarray gives the same numbers."""
    expected = f(A)
    result = f(Value(A))
    np.testing.assert_array_equal(plain(result), expected)
    assert np.shape(plain(result)) == np.shape(expected)


@pytest.mark.parametrize("shape", [(), (2,), (2, 3), (2, 1, 3)], ids=str)
def test_shape_and_size(shape):
    """Those of the array."""
    value = Value(np.ones(shape))
    assert (value.shape, value.ndim) == (shape, len(shape))
    assert value.size == int(np.prod(shape))
    assert value.T.shape == shape[::-1]


@pytest.mark.parametrize(
    "order", [(0, 1, 2), (1, 2, 0), (2, 0, 1), (-1, 0, 1), (1, -1, 0), (-3, 2, 1)]
)
def test_a_transposed_gradient_goes_back(order):
    """Axes may be counted from the end, and axes of one length must not be mixed up."""
    weight = np.arange(8.0).reshape(2, 2, 2)
    (g,) = gradient(lambda x: tn.transpose(x, axes=order) * weight, np.ones((2, 2, 2)))
    expected = np.empty((2, 2, 2))
    np.transpose(expected, order)[...] = weight
    np.testing.assert_array_equal(g, expected)


@pytest.mark.parametrize(
    "dims",
    [
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 2)),
        ((2, 3), (3, 2)),
        ((2, 3), (2, 3, 4)),
        ((3,), (2, 3, 4)),
        ((2, 2, 3), (2, 3, 4)),
        ((), (3,)),
        ((2, 3), ()),
    ],
    ids=str,
)
def test_dot_is_numpys(dims):
    """For numbers, vectors, matrices, and stacks of them."""
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=shape) for shape in dims)
    np.testing.assert_allclose(tn.dot(Value(a), Value(b)).data, np.dot(a, b), rtol=1e-14)
    weight = rng.normal(size=np.shape(np.dot(a, b)))
    for mine, seen in zip(
        gradient(lambda a, b: tn.dot(a, b) * weight, a, b),
        seen_by_unit_steps(np.dot, weight, a, b),
        strict=True,
    ):
        np.testing.assert_allclose(mine, seen, rtol=1e-12, atol=1e-12)


def seen_by_unit_steps(bilinear, weight, a, b):
    """The slopes of a bilinear function, which moves by exactly one slope in a unit step."""
    slopes = [np.zeros(np.shape(a)), np.zeros(np.shape(b))]
    for k in np.ndindex(np.shape(a)):
        unit = np.zeros(np.shape(a))
        unit[k] = 1.0
        slopes[0][k] = np.sum(bilinear(unit, b) * weight)
    for k in np.ndindex(np.shape(b)):
        unit = np.zeros(np.shape(b))
        unit[k] = 1.0
        slopes[1][k] = np.sum(bilinear(a, unit) * weight)
    return slopes


def test_repeated_indices_add_up():
    """An entry that was taken three times is owed three shares."""
    v = leaf((1.0, 2.0, 3.0))
    v[[0, 2, 2, 2]].sum().backward()
    np.testing.assert_array_equal(v.grad, [1.0, 0.0, 3.0])


def test_a_value_indexes_a_value():
    """A comparison selects entries."""
    v = leaf((1.0, -2.0, 3.0))
    (v[v > 0] ** 2).sum().backward()
    np.testing.assert_array_equal(v.grad, [2.0, 0.0, 6.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.longdouble])
def test_another_precision_passes_the_gradient(dtype):
    """There in the new precision, back in the old."""
    v = leaf()
    y = v.astype(dtype) * 2
    assert y.dtype == dtype
    y.sum().backward()
    assert v.grad.dtype == np.float64
    np.testing.assert_array_equal(v.grad, [2.0, 2.0])


def test_rounding_to_whole_numbers_is_flat():
    """A step function: its gradient is 0, not 1."""
    (g,) = gradient(lambda x: x.astype(int) * 1.0, np.array([1.5, 2.5]))
    np.testing.assert_array_equal(g, [0.0, 0.0])


# ----------------------------------------------------------------------- as a container


def test_length_and_iteration():
    """A Value has the length of its first axis, and iterating gives connected rows."""
    v = Value(A)
    rows = list(v)
    assert len(v) == len(rows) == 2
    (rows[0] * rows[1]).sum().backward()
    np.testing.assert_array_equal(v.grad, A[::-1])


def test_unpacking():
    """`a, b = v` gives two connected numbers."""
    v = leaf()
    a, b = v
    (a * b).backward()
    np.testing.assert_array_equal(v.grad, [3.0, 2.0])


@pytest.mark.parametrize("use", [len, iter, list], ids=name)
def test_a_single_number_has_no_length(use):
    """As a float has none."""
    with pytest.raises(TypeError, match="single number"):
        use(Value(1.0))


def test_item_and_tolist():
    """The explicit way out, as plain Python."""
    assert type(Value([[3.0]]).item()) is float
    assert type(Value(np.float32(3.0)).item()) is float
    assert Value(A).tolist() == A.tolist()
    assert Value(2.0).tolist() == 2.0
    with pytest.raises(ValueError, match="size 1"):
        Value(A).item()


def test_builtin_maximum_chooses_a_value():
    """Comparisons of single numbers are true or false."""
    a, b = Value(1.0), Value(2.0)
    assert max([a, b]) is b
    assert sorted([b, a]) == [a, b]
    assert bool(a < b) is True


# ------------------------------------------------------------------------------ as text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Value(3), "Value(3.0)"),
        (Value(-0.1, "w"), "Value(-0.1, name='w')"),
        (Value([1, 2.5]), "Value([1.0, 2.5])"),
        (Value([[1e-9, 1e20]]), "Value([[1e-09, 1e+20]])"),
        (Value(np.array([1.5], np.float32)), "Value([1.5], dtype=float32)"),
        (Value(np.float32(0.1)), "Value(0.1, dtype=float32)"),
        (Value(1.0) > 0.0, "Value(True)"),
        (Value([1.0]) > 2.0, "Value([False])"),
        (Value(float("nan")), "Value(nan)"),
        (Value([]), "Value([])"),
    ],
)
def test_repr_without_numpys_noise(value, text):
    """No np.float64(...), no array(...)."""
    assert repr(value) == text


def test_repr_shows_the_gradient():
    """Once there is one."""
    w, v = Value(3.0, name="w"), leaf()
    (w * v.sum()).backward()
    assert repr(w) == "Value(3.0, name='w', grad=5.0)"
    assert repr(v) == "Value([2.0, 3.0], grad=[3.0, 3.0])"


def test_a_long_repr_is_short():
    """A page of numbers helps nobody."""
    assert len(repr(Value(np.arange(10_000.0)))) < 200


@pytest.mark.parametrize(
    ("value", "spec", "text"),
    [
        (Value(2 / 3), ".2f", "0.67"),
        (Value(2 / 3), "", "0.6666666666666666"),
        (Value(1234.5), ">10,.1f", "   1,234.5"),
        (Value([1.0, 2 / 3]), ".2f", "[1.00, 0.67]"),
        (Value([1.0, 2.0]), "", "[1.0, 2.0]"),
        (Value(np.float32(0.5)), ".3e", "5.000e-01"),
    ],
)
def test_format(value, spec, text):
    """f"{v:.2f}" works for numbers, and entry by entry for arrays."""
    assert format(value, spec) == text


def test_str_is_the_numbers():
    """What `print` shows."""
    assert (str(Value(2.5)), str(leaf())) == ("2.5", "[2.0, 3.0]")


# -------------------------------------------------------------------- copies and pickles

COPIES = [copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))]


@pytest.mark.parametrize("duplicate", COPIES, ids=["copy", "deepcopy", "pickle"])
@pytest.mark.parametrize("data", [2.5, np.float32(2.5), [1.0, 2.0]], ids=repr)
def test_copies_of_leaves(duplicate, data):
    """A leaf of its own: same name, numbers and gradient, nothing shared."""
    v = Value(data, name="w")
    (v * v).sum().backward()
    twin = duplicate(v)
    assert repr(twin) == repr(v)
    assert twin.dtype == v.dtype
    assert twin is not v
    assert twin.primitive is None
    v.data -= 1.0
    v.zero_grad()
    assert repr(twin) != repr(v)
    np.testing.assert_array_equal(twin.data, data)


@pytest.mark.parametrize("duplicate", COPIES, ids=["copy", "deepcopy", "pickle"])
def test_a_copied_leaf_learns_by_itself(duplicate):
    """A gradient of the copy does not reach the original, in place or by backward."""
    v = leaf()
    v.sum().backward()
    twin = duplicate(v)
    (twin * 5.0).sum().backward()
    twin.grad[0] = 100.0
    np.testing.assert_array_equal(v.grad, [1.0, 1.0])


def test_copies_in_containers_keep_their_sharing():
    """One leaf twice in a list is one leaf twice in the copy."""
    v = leaf()
    for duplicate in COPIES[1:]:
        a, b = duplicate([v, v])
        assert a is b
        assert a is not v


@pytest.mark.parametrize("duplicate", COPIES[1:], ids=["deepcopy", "pickle"])
def test_a_leaf_and_its_result_are_copied_together(duplicate):
    """Side by side in a container, the copied result depends on the copied leaf."""
    v = leaf()
    twin, result = duplicate([v, (v * v).sum()])
    result.backward()
    np.testing.assert_array_equal(twin.grad, [4.0, 6.0])
    assert repr(v.grad) == "not computed yet"


def test_a_pickled_truth():
    """Results of comparisons survive as well."""
    assert repr(pickle.loads(pickle.dumps(Value([1.0, 3.0]) > 2.0))) == "Value([False, True])"


# ------------------------------------------------------------------------------ new data


@pytest.mark.parametrize("data", [2.0, np.float32(2.0), [2.0, 3.0]], ids=repr)
def test_the_update_is_one_line(data):
    """`w.data -= alpha * w.grad`, for numbers and arrays alike."""
    w = Value(data, name="w")
    dtype = w.dtype
    (w * w).sum().backward()
    w.data -= 0.25 * w.grad
    np.testing.assert_array_equal(w.data, np.asarray(data) / 2)
    assert w.dtype == dtype
    w.data += 1
    w.data *= 4
    w.data /= 2
    np.testing.assert_array_equal(w.data, np.asarray(data) + 2)
    assert w.dtype == dtype


def test_new_data_is_copied():
    """The caller's array and the leaf stay two things."""
    w = leaf()
    array = np.array([5.0, 6.0])
    w.data = array
    array[0] = 100.0
    np.testing.assert_array_equal(w.data, [5.0, 6.0])


def test_new_data_leaves_old_results_alone():
    """A result was computed from the old numbers, and still shows it."""
    w = leaf()
    y = w.reshape(2, 1)
    before = w.data
    w.data -= 1.0
    w.data[1] = 7.0
    np.testing.assert_array_equal(w.data, [1.0, 7.0])
    np.testing.assert_array_equal(y.data, [[2.0], [3.0]])
    np.testing.assert_array_equal(before, [2.0, 3.0])


@pytest.mark.parametrize(
    "write",
    [
        lambda w: w.data.__setitem__(0, 5.0),
        lambda w: w.data.__setitem__(slice(None), 5.0),
        lambda w: setattr(w, "data", w.data * 2.0),
        lambda w: setattr(w, "data", [5.0, 6.0]),
        lambda w: exec("w.data -= 1.0", {"w": w}),
        lambda w: exec("w.data[0] += 1.0", {"w": w}),
        lambda w: exec("d = w.data; d[1] = 9.0", {"w": w}),
        lambda w: exec("d = w.data; d *= 2.0", {"w": w}),
    ],
)
def test_writing_into_a_leaf_is_noticed(write):
    """An older result refuses to mix the old numbers with the new ones."""
    w = leaf()
    loss = (w * w).sum()
    before = w.data.tolist()
    write(w)
    assert w.data.tolist() != before
    with pytest.raises(tn.errors.ChangedDataError):
        loss.backward()
    fresh = (w * w).sum()
    fresh.backward()
    np.testing.assert_array_equal(w.grad, 2.0 * w.data)


@pytest.mark.parametrize(
    "write",
    [
        lambda a: a.fill(0.0),
        lambda a: a.sort(),
        lambda a: np.add(a, 1.0, out=a),
        lambda a: np.copyto(a, 0.0),
        lambda a: a.T.__setitem__(0, 5.0),
        lambda a: a.flat.__setitem__(0, 5.0),
        lambda a: a[:1].__setitem__(0, 5.0),
        lambda a: a.reshape(1, 2).__setitem__((0, 0), 5.0),
        lambda a: np.asarray(a).__setitem__(0, 5.0),
        lambda a: a.view(np.ndarray).__setitem__(0, 5.0),
        lambda a: a.put(0, 5.0),
        lambda a: a.__ipow__(2),
    ],
)
def test_no_back_door_into_data(write):
    """What cannot be noticed is refused."""
    w = leaf((3.0, 2.0))
    loss = (w * w).sum()
    try:
        write(w.data)
    except (ValueError, TypeError):
        np.testing.assert_array_equal(w.data, [3.0, 2.0])
        loss.backward()
    else:
        with pytest.raises(tn.errors.ChangedDataError):
            loss.backward()


def test_a_copy_of_data_is_the_callers():
    """Arithmetic and np.array give arrays that can be written, of NumPy's own kind."""
    w = leaf()
    for mine in (np.array(w.data), w.data * 1.0, w.data.copy(), w.data + w.data):
        mine[0] = 100.0
        mine -= 1.0
    np.testing.assert_array_equal(w.data, [2.0, 3.0])
    assert type(w.data * 1.0) is np.ndarray
    assert type(w.data.sum()) is np.float64


def test_a_results_data_is_read_only():
    """What others were computed from does not change."""
    y = leaf() * 2.0
    for write in (
        lambda: y.data.__setitem__(0, 1.0),
        lambda: exec("y.data += 1.0", {"y": y}),
        lambda: setattr(y, "data", [0.0, 0.0]),
        lambda: y.__setitem__(0, 1.0),
    ):
        with pytest.raises(tn.errors.ImmutableError):
            write()
    np.testing.assert_array_equal(y.data, [4.0, 6.0])


def test_data_looks_like_an_array():
    """No word of ours in what is printed."""
    assert repr(leaf().data) == "array([2., 3.])"
    assert str(leaf().data) == "[2. 3.]"


def test_a_learning_loop_with_grad():
    """The functional road updates a leaf in one line, too."""
    w = leaf()
    slope = tn.grad(lambda w: (w * w).sum())
    for _ in range(3):
        w.data -= 0.25 * slope(w).data
    np.testing.assert_array_equal(w.data, [0.25, 0.375])


def test_new_data_from_a_constant():
    """A gradient by plain numbers, and anything else without a past, may be assigned."""
    w = leaf()
    w.data -= 0.25 * tn.grad(lambda x: (x * x).sum())(w.data)
    np.testing.assert_array_equal(w.data, [1.0, 1.5])
    w.data = (w * 2.0).detach()
    np.testing.assert_array_equal(w.data, [2.0, 3.0])
    w.data = tn.grad(lambda x: x.sum())(w.data)
    np.testing.assert_array_equal(w.data, [1.0, 1.0])


@pytest.mark.parametrize("data", [np.ones(3), np.ones((2, 1)), 1.0], ids=np.shape)
def test_new_data_keeps_the_shape(data):
    """A leaf's gradient and its optimiser's memory belong to its shape."""
    w = leaf()
    with pytest.raises(tn.errors.GradientShapeError, match=r"w has shape \(2,\)"):
        w.data = data


# ------------------------------------------------------------------------- seldom and right


def test_a_name_and_a_gradient_may_be_given():
    """A name later than the number; a gradient as None, as one number for all, as an array."""
    v = Value([1.0, 2.0])
    v.name = "later"
    assert "later" in repr(v)
    v.grad = 3.0
    assert v.grad.tolist() == [3.0, 3.0]
    v.grad = [1.0, 2.0]
    assert v.grad.tolist() == [1.0, 2.0]
    v.grad = None
    assert v.grad == None  # noqa: E711  # it equals None, and is not None
    assert hash(v.grad) == hash(None)


def test_a_method_beyond_the_range_of_pythons_floats():
    """Where `math` raises, the method of a single number gives what NumPy gives."""
    with np.errstate(all="ignore"):
        assert Value(0.0).log().item() == -np.inf
        assert Value(1000.0).exp().item() == np.inf


def test_a_wrong_number_of_arguments_is_said():
    """With the names of those that are wanted."""
    with pytest.raises(TypeError, match=r"add\(a, b\) was called with 1"):
        tn.add(1.0)


def test_a_list_of_many_stands_for_many():
    """Inside `vmap` a Value made of a list with a batch in it is a batch."""
    rows = tn.vmap(lambda x: Value([x, 2.0]).sum())(np.array([1.0, 3.0]))
    assert rows.tolist() == [3.0, 5.0]
