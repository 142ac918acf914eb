"""Arrays of other libraries: every rule speaks NumPy's protocols, and nothing but them.

The oracle is NumPy: the same call on plain arrays. What asks a thin array for its numbers fails.
"""

import numpy as np
import pytest
from calls import PRIMITIVES, of
from hypothesis import HealthCheck, Phase, given, settings, strategies as st
from thin import LookedAtError, Thin

import tinygrad_neuron as tn
from tinygrad_neuron import Value, losses
from tinygrad_neuron.arrays import is_foreign
from tinygrad_neuron.errors import UnsupportedError
from tinygrad_neuron.losses.checking import example

few = settings(
    max_examples=5,
    phases=[Phase.generate],
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)

REFUSED = {p.name for p in PRIMITIVES if isinstance(p.foreign, str)}
ONLY_FORWARD = {"cumprod"}  # the gradient of a running product is a recurrence
ABLE = [p for p in PRIMITIVES if p.name not in REFUSED | ONLY_FORWARD]


def each(primitives):
    """One test for each primitive, under its name."""
    return pytest.mark.parametrize("primitive", primitives, ids=lambda p: p.name)


def boxes(call):
    """Whether its index, if it has one, is made of whole numbers and slices without a step."""
    index = call.settings.get("index", ())
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None or part is ... or type(part) is int or
        (isinstance(part, slice) and part.step in (None, 1))
        for part in parts
    )  # fmt: skip


def slopes(primitive, call, wrapped):
    """The result, and what each leaf is owed when each entry of the result is owed 1."""
    leaves = [Value(wrapped(x)) if i in call.varying else x for i, x in enumerate(call.inputs)]
    y = primitive(*leaves, **call.settings)
    if not any(primitive.rules) or not isinstance(y, Value):
        return y, []
    y.backward(seed=wrapped(np.ones(y.shape, y.dtype)))
    return y, [leaves[i].grad for i in call.varying if primitive.variadic or primitive.rules[i]]


def numbers(x):
    """What a thin array, a Value or a number holds."""
    x = x._data if isinstance(x, Value) else x
    return x.seen() if isinstance(x, Thin) else np.asarray(x)


@each(ABLE)
@few
@given(data=st.data())
def test_a_rule_leaves_no_protocol(primitive, data):
    """On an array that is nothing but NumPy's protocols, value and gradient are NumPy's own."""
    call = data.draw(of(primitive).filter(boxes))
    wanted, owed = slopes(primitive, call, np.asarray)
    found, got = slopes(primitive, call, Thin)
    np.testing.assert_allclose(numbers(found), numbers(wanted), rtol=1e-12, atol=1e-13)
    for mine, theirs in zip(got, owed, strict=True):
        if isinstance(theirs, float | complex | np.ndarray | np.generic):
            assert isinstance(mine, Thin), "a gradient has left the library of its Value"
            np.testing.assert_allclose(numbers(mine), theirs, rtol=1e-11, atol=1e-12)


@each([p for p in PRIMITIVES if p.name in REFUSED])
@few
@given(data=st.data())
def test_what_cannot_be_done_is_named_with_its_reason(primitive, data):
    """A primitive that is no matter of protocols says so, and what to do instead."""
    call = data.draw(of(primitive))
    with pytest.raises(UnsupportedError) as caught:
        slopes(primitive, call, Thin)
    said = str(caught.value)
    assert f"{primitive.name} cannot be computed on a thin Thin" in said
    assert primitive.foreign[1:].rstrip(".") in said and "np.asarray(x)" in said


def test_entries_looked_up_are_refused_by_name():
    """Slices and whole numbers are a matter of the protocols; lists of places are not."""
    v = Value(Thin(np.arange(6.0).reshape(2, 3)))
    assert numbers(v[0, 1:]).tolist() == [1.0, 2.0]
    for index in ([0, 1], np.array([True, False])):
        with pytest.raises(UnsupportedError, match="take cannot be computed on a thin Thin"):
            v[index]


def test_of_a_running_product_there_is_the_value_alone():
    """Its gradient is a recurrence, whose entries need the ones before them."""
    v = Value(Thin([1.0, 2.0, 3.0]))
    y = tn.cumprod(v)
    assert numbers(y).tolist() == [1.0, 2.0, 6.0]
    with pytest.raises(UnsupportedError, match="recurrence cannot be computed"):
        y.sum().backward()


# ----------------------------------------------------------------------------------- the engine


def test_a_library_is_known_by_the_type_of_its_arrays():
    """What has both protocols, a shape and a dtype, and is neither NumPy's nor ours."""
    assert is_foreign(Thin(1.0))
    ours = (Value(1.0), Value(1.0).grad, np.ones(2), np.float64(1.0), 1.0, [1.0], Value([1.0]).data)
    assert not any(map(is_foreign, ours))


def test_the_rules_are_applied_to_what_was_given():
    """The gradient is made of calls of the library, as the value is."""
    x = Thin([1.0, 2.0])
    tn.sum(tn.exp(Value(x)) * x).backward()
    assert {"exp", "multiply", "sum", "broadcast_to"} <= set(x.calls)


def test_gradients_of_gradients_stay_there_as_well():
    """A second sweep, which records the first, speaks the same protocols."""
    x = np.array([0.5, -1.0, 2.0])
    f = lambda v: tn.sum(tn.tanh(v) * v**3)  # noqa: E731
    twice = tn.grad(lambda v: tn.sum(tn.grad(f)(v) ** 2))
    np.testing.assert_allclose(numbers(twice(Thin(x))), numbers(twice(x)), rtol=1e-12)


def test_a_gradient_is_where_the_numbers_of_its_value_are():
    """Of weights in memory it is in memory, although the data is elsewhere."""
    x = np.arange(6.0).reshape(3, 2)
    w, b = Value(np.array([0.5, -0.5])), Value(0.0)
    rows = Value(Brought(x))
    z = rows @ w + b
    tn.mean(z * z).backward()
    assert type(w.grad) is np.ndarray and type(b.grad) is float and isinstance(rows.grad, Thin)
    error = x @ [0.5, -0.5]
    np.testing.assert_allclose(w.grad, 2.0 * x.T @ error / 3.0)
    assert b.grad == pytest.approx(2.0 * error.mean())


def test_the_zero_cotangent_rule_needs_no_look():
    """A branch that was not chosen has no say, however steep it is."""
    v = Value(Thin([0.0, 4.0]))
    tn.sum(tn.where(v < 1.0, v, tn.sqrt(v))).backward()
    assert numbers(v.grad).tolist() == [1.0, 0.25]


def test_leaves_keep_their_own_copy():
    """What is written into the array afterwards does not reach the Value, nor the other way."""
    x = Thin([1.0, 2.0])
    w = Value(x)
    x.seen()[0] = 9.0
    w.data.seen()[1] = 9.0
    assert numbers(w).tolist() == [1.0, 2.0]


def test_leaves_take_new_data_of_the_same_library():
    """New data of the same library is an update; numbers from elsewhere are refused."""
    w = Value(Thin([1.0, 2.0]), name="w")
    (w * w).sum().backward()
    w.data = w.data - 0.5 * w.grad
    assert numbers(w).tolist() == [0.0, 0.0] and isinstance(w.data, Thin)
    w.zero_grad()
    assert numbers(w.grad).tolist() == [0.0, 0.0]
    with pytest.raises(UnsupportedError, match="w is a thin array"):
        w.data = np.ones(2)


def test_a_changed_leaf_is_noticed():
    """A result of the old numbers refuses to be differentiated."""
    w = Value(Thin([1.0, 2.0]))
    y = (w * w).sum()
    w.data = w.data + 1.0
    with pytest.raises(tn.errors.ChangedDataError):
        y.backward()


def test_whole_numbers_are_no_leaves_there_either():
    """They could not move a little."""
    with pytest.raises(tn.errors.IntegerWeightError):
        Value(Thin(np.arange(3)))


def test_recording_looks_at_no_number():
    """Printing a shape, a dtype, a Value, counting axes: nothing asks a lazy array to compute."""
    v = Value(Thin(np.ones((2, 3)))) * 2.0
    assert v.shape == (2, 3) and v.ndim == 2 and v.dtype == np.float64 and "Thin" in repr(v)
    with pytest.raises(LookedAtError):
        float(v.sum().detach())


@pytest.mark.parametrize("name", ["squared_error", "huber", "logistic", "hinge", "cross_entropy"])
def test_losses_are_functions_of_such_arrays(name):
    """Value and gradient are those in memory; the entries of targets are not looked at."""
    loss = losses.get(name)
    x, *others = example(loss, np.random.default_rng(3), 4)
    f = tn.value_and_grad(lambda p, *rest: loss(p, *rest))
    for mine, theirs in zip(f(Thin(x), *map(Thin, others)), f(x, *others), strict=True):
        np.testing.assert_allclose(numbers(mine), numbers(theirs), rtol=1e-12, atol=1e-14)


class Brought(Thin):
    """A thin array that can be brought into memory, as CuPy's are."""

    def get(self):
        """The numbers in memory."""
        return self.seen()


def test_what_leaves_nothing_to_look_at_is_caught():
    """The test's own mistake: a rule that asks for the numbers is noticed."""

    @tn.graph.primitive(lambda g, y, x: g * np.asarray(x))
    def careless(x):
        return 0.5 * np.square(x)

    v = Value(Thin([1.0, 2.0]))
    with pytest.raises(LookedAtError):
        careless(v).backward(seed=Thin([1.0, 1.0]))
