"""The laws that every primitive obeys, checked on calls that nobody chose by hand.

1. A rule agrees with what is seen when an input moves; at a corner it lies between both sides.
2. A rule can be differentiated again: by the inputs, and by the gradient it was given.
3. Recording changes no number; nor does it matter what else is a Value, a list or an array.
4. A gradient has the shape and the precision of its Value.
5. Where no gradient passes, the function is flat.
6. Nothing owed, nothing passed on; and a rule leaves alone what it is given.
"""

import inspect
import warnings

import numpy as np
import pytest
from calls import BY_HAND, REAL_PRIMITIVES as PRIMITIVES, Call, of, tied
from hypothesis import given, settings, strategies as st
from numeric import one_sided_slopes, scale, slope

import tinygrad_neuron as tn
from tinygrad_neuron import Value

SHARP = 1e-7  # what a slope may be in doubt, relative to its size: about one rounding of a float32
EXTREMES = [0.0, -0.0, 1.0, -1.0, 0.3, 40.0, -40.0, 1e3, -1e3, 1e-200, 1e200, -1e200]

RULED = [p for p in PRIMITIVES if any(p.rules)]
FLAT = [p for p in PRIMITIVES if not any(p.rules)]
ELEMENTWISE = [p for p in PRIMITIVES if p.elementwise and "dtype" not in p.defaults]
CORNERED = [p for p in RULED if p.kink and "jump" not in p.kink]
MEANT_FLAT = "stop_gradient"  # by decree, not because the function is

some = settings(max_examples=settings.default.max_examples // 2)
seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def each(primitives):
    """One test for each primitive, under its name."""
    return pytest.mark.parametrize("primitive", primitives, ids=lambda p: p.name)


# ------------------------------------------------------------------------------------ tools


def result(primitive, call):
    """The value on plain numbers."""
    return primitive(*call.inputs, **call.settings)


def owing(primitive, call):
    """The positions of the inputs that can move and are owed something."""
    return [i for i in call.varying if primitive.variadic or primitive.rules[i]]


def weights(y, rng):
    """A weight for each entry of y, none of them small; a float for a single number."""
    drawn = rng.uniform(0.5, 1.5, np.shape(y)) * rng.choice([-1.0, 1.0], np.shape(y))
    return drawn if np.ndim(y) else float(drawn)


def way_to_move(x, rng):
    """A direction in which every entry moves in proportion to its own size."""
    return rng.choice([-1.0, 1.0], np.shape(x)) * scale(x)


def backward_gradients(primitive, call, weight):
    """What `backward` leaves on fresh leaves; None where nothing arrived.

    The sweep has a road of its own for single numbers, which a weight inside the sum leaves open.
    """
    values = call.values()
    y = primitive(*values, **call.settings) * weight
    (tn.sum(y) if y.ndim else y).backward()
    arrived = (float, np.ndarray, np.generic)
    return [x.grad if isinstance(x.grad, arrived) else None for x in values]


def functional_gradients(primitive, call, weight, inputs=None):
    """What `grad` gives for the weighted sum, by the inputs that are owed something."""
    inputs = list(inputs or call.inputs)
    positions = owing(primitive, call)

    def weighted_sum(*moving):
        for i, x in zip(positions, moving, strict=True):
            inputs[i] = x
        return tn.sum(primitive(*inputs, **call.settings) * weight)

    return tn.grad(weighted_sum, argnums=tuple(range(len(positions))))(
        *(inputs[i] for i in positions)
    )


def agree(gradient, way, seen, doubt, what):
    """The gradient along a way is the slope that was seen there, and that was seen sharply."""
    said = 0.0 if gradient is None else np.sum(gradient * way)
    size = 0.0 if gradient is None else np.sum(np.abs(gradient * way))
    assert doubt <= SHARP * max(size, abs(seen), 1e-3), f"{what}: {seen} ± {doubt} is too vague"
    doubt = 4.0 * doubt + 1e-12 * (1.0 + size)  # sums inside both may cancel
    assert abs(said - seen) <= doubt, f"{what}: {said} by rule, {seen} ± {doubt} seen"


def same(a, b):
    """The same numbers, bit for bit, in one shape and precision."""
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True)


def alike(a, b, digits):
    """The same numbers but for a few units in the last digit; nan is nan and inf is inf."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    with np.errstate(all="ignore"):
        near = np.abs(a - b) <= digits * np.spacing(np.maximum(np.abs(a), np.abs(b)))
    return bool(np.all(near | (a == b) | (np.isnan(a) & np.isnan(b))))


# ------------------------------------------------------------- laws, as functions of a call


def check_slopes(primitive, call, rng):
    """Laws 1 and 5: along a way to move, the gradient is the slope that is seen."""
    weight = weights(result(primitive, call), rng)
    grads = backward_gradients(primitive, call, weight)
    for i in call.varying:
        way = way_to_move(call.inputs[i], rng)
        seen, doubt = slope(
            lambda x, i=i: result(primitive, call.having(i, x)), call.inputs[i], way
        )
        agree(grads[i], way, np.sum(weight * seen), np.sum(np.abs(weight) * doubt), f"input {i}")


def check_second_order(primitive, call, rng):
    """Law 2: the gradient of the gradient is the slope of the gradient."""
    positions = owing(primitive, call)
    start = [weights(result(primitive, call), rng), *(call.inputs[i] for i in positions)]
    factors = [weights(call.inputs[i], rng) for i in positions]

    def mixed(weight, *moving):
        for i, x in zip(positions, moving, strict=True):
            inputs[i] = x
        shares = functional_gradients(primitive, call, weight, inputs)
        return sum(tn.sum(share * factor) for share, factor in zip(shares, factors, strict=True))

    inputs = list(call.inputs)
    second = tn.grad(mixed, argnums=tuple(range(len(start))))(*start)
    for k, x in enumerate(start):
        way = way_to_move(x, rng)
        seen, doubt = slope(lambda x, k=k: mixed(*start[:k], x, *start[k + 1 :]).data, x, way)
        agree(second[k].data, way, seen, doubt, f"the gradient's input {k - 1}" if k else "g")


def check_recording(primitive, call, rng):
    """Law 3: the same numbers, whether or not the function and the sweep are recorded."""
    plain = result(primitive, call)
    recorded = primitive(*call.values(), **call.settings).data
    assert same(plain, recorded), f"{plain} unrecorded, {recorded} recorded"
    if not any(primitive.rules):
        return
    weight = weights(plain, rng)
    grads = backward_gradients(primitive, call, weight)
    seeded = call.values()
    primitive(*seeded, **call.settings).backward(weight)
    unrecorded = functional_gradients(primitive, call, weight)
    recorded = functional_gradients(primitive, call, weight, call.values())
    for i, one, other in zip(owing(primitive, call), unrecorded, recorded, strict=True):
        assert same(grads[i], seeded[i].grad), f"input {i}: {grads[i]}, {seeded[i].grad} seeded"
        assert same(grads[i], one.data), f"input {i}: {grads[i]}, {one.data} by grad"
        assert same(grads[i], other.data), f"input {i}: {grads[i]}, {other.data} when recorded"


def check_company(primitive, call, rng):
    """Law 3: an input is owed the same beside arrays, NumPy numbers or lists as beside Values."""
    weight = weights(result(primitive, call), rng)
    grads = backward_gradients(primitive, call, weight)
    for i in owing(primitive, call):
        for company in (np.asarray, lambda x: np.asarray(x)[()], lambda x: np.asarray(x).tolist()):
            inputs = [company(x) for x in call.inputs]
            inputs[i] = Value(call.inputs[i])
            primitive(*inputs, **call.settings).backward(weight)
            share = np.asarray(inputs[i].grad)
            assert share.shape == np.shape(grads[i]), f"input {i} beside {inputs}"
            assert alike(share, grads[i], digits=8), f"input {i} beside {inputs}"


def check_layout(primitive, call, rng):
    """Law 3: nothing depends on how the entries lie in memory."""
    weight = weights(result(primitive, call), rng)
    turned = Call(tuple(np.array(x, order="F")[()] for x in call.inputs), call.settings)
    ours, others = call.values(), turned.values()
    primitive(*ours, **call.settings).backward(weight)
    primitive(*others, **call.settings).backward(np.array(weight, order="F"))
    for i in owing(primitive, call):
        np.testing.assert_allclose(others[i].grad, ours[i].grad, rtol=1e-13, atol=1e-13)


def check_precision(primitive, call, rng):
    """Law 4: float32 stays float32, float64 stays float64, and shapes stay."""
    for precision in (np.float32, np.float64):
        inputs = tuple(
            np.asarray(x, precision)[()] if i in call.varying else x
            for i, x in enumerate(call.inputs)
        )
        values = Call(inputs, call.settings).values()
        y = primitive(*values, **call.settings)
        assert y.dtype in (precision, bool) or "dtype" in call.settings, f"became {y.dtype}"
        y.backward(np.ones(y.shape))
        for i in owing(primitive, call):
            share = np.asarray(values[i].grad)
            assert share.shape == values[i].shape, f"input {i}: {share.shape}"
            assert share.dtype == precision, f"input {i}: {share.dtype}"


def check_purity(primitive, call, rng):
    """Law 6: neither the function nor a rule writes into what it is given."""
    inputs = [locked(x) for x in call.inputs]
    y = locked(primitive(*inputs, **call.settings))
    weight = locked(weights(y, rng))
    settings_of = {**primitive.defaults, **call.settings}
    for i in owing(primitive, call):
        rule = primitive.rules[0] if primitive.variadic else primitive.rules[i]
        place = {"i": i} if primitive.variadic else {}
        once, twice = (rule(weight, y, *inputs, **settings_of, **place) for _ in range(2))
        assert same(once, twice), f"the rule for input {i} remembers something"


def locked(x):
    """A copy that raises when somebody writes into it."""
    if np.ndim(x):
        x = np.array(x)
        x.flags.writeable = False
    return x


LAWS = [
    check_slopes,
    check_second_order,
    check_recording,
    check_company,
    check_layout,
    check_precision,
    check_purity,
]


# ------------------------------------------------------------------------- the laws hold


def test_every_primitive_has_calls():
    """A primitive without calls would escape every law; calls of nothing would hide one."""
    structural = {p.name for p in tn.ops.PRIMITIVES if not p.elementwise}
    assert structural <= BY_HAND.keys() <= {p.name for p in tn.ops.PRIMITIVES}


@each(PRIMITIVES)
@some
@given(data=st.data(), rng=seeds)
def test_a_rule_gives_the_slope_that_is_seen(primitive, data, rng):
    """Laws 1 and 5: the gradient, or none, is the slope seen from nearby."""
    if primitive.name != MEANT_FLAT:
        check_slopes(primitive, data.draw(of(primitive)), rng)


@each(RULED)
@some
@given(data=st.data(), rng=seeds)
def test_a_rule_can_be_differentiated_again(primitive, data, rng):
    """Law 2: by every input, and by the gradient that was handed in."""
    check_second_order(primitive, data.draw(of(primitive)), rng)


@each(PRIMITIVES)
@some
@given(data=st.data(), rng=seeds)
def test_recording_changes_no_number(primitive, data, rng):
    """Law 3: bit for bit."""
    check_recording(primitive, data.draw(of(primitive)), rng)


@each(RULED)
@some
@given(data=st.data(), rng=seeds)
def test_company_does_not_matter(primitive, data, rng):
    """Law 3: constants may be arrays, NumPy's numbers, lists and numbers."""
    check_company(primitive, data.draw(of(primitive)), rng)


@each(RULED)
@some
@given(data=st.data(), rng=seeds)
def test_the_order_in_memory_does_not_matter(primitive, data, rng):
    """Law 3: rows first or columns first."""
    check_layout(primitive, data.draw(of(primitive)), rng)


@each(PRIMITIVES)
@some
@given(data=st.data(), rng=seeds)
def test_shape_and_precision_stay(primitive, data, rng):
    """Law 4: of values and of gradients."""
    check_precision(primitive, data.draw(of(primitive)), rng)


@each(RULED)
@some
@given(data=st.data(), rng=seeds)
def test_rules_write_nowhere_and_remember_nothing(primitive, data, rng):
    """Law 6: everything that a rule is given may be used by others."""
    check_purity(primitive, data.draw(of(primitive)), rng)


@pytest.mark.deep
@each(PRIMITIVES)
@given(data=st.data(), rng=seeds)
def test_every_law_with_many_examples(primitive, data, rng):
    """All the laws on one call: for `-m deep`, with its thousands of calls."""
    call = data.draw(of(primitive))
    for law in LAWS if primitive in RULED else [check_recording, check_precision]:
        law(primitive, call, rng)


# ------------------------------------------------------------------------------ corners


@each(CORNERED)
@some
@given(data=st.data())
def test_at_a_corner_the_slope_lies_between_both_sides(primitive, data):
    """Law 1: entry by entry, with many ties and many zeros."""
    call = data.draw(tied(primitive))
    values = call.values()
    tn.sum(primitive(*values, **call.settings)).backward()
    for i in owing(primitive, call):
        x = np.asarray(call.inputs[i])
        for k in np.ndindex(x.shape):
            unit = np.zeros(x.shape)
            unit[k] = 1.0
            low, high = one_sided_slopes(
                lambda x, i=i: np.sum(result(primitive, call.having(i, x))), x, unit
            )
            assert low - 1e-9 <= np.asarray(values[i].grad)[k] <= high + 1e-9


@pytest.mark.parametrize("name", ["maximum", "minimum", "max", "min"])
@some
@given(data=st.data())
def test_ties_share_one_slope(name, data):
    """If all inputs rise together so does the largest: the shares at a tie add up to 1."""
    primitive = next(p for p in PRIMITIVES if p.name == name)
    call = data.draw(tied(primitive))
    values = call.values()
    y = primitive(*values, **call.settings)
    tn.sum(y).backward()
    np.testing.assert_allclose(sum(np.sum(x.grad) for x in values), y.size, rtol=1e-12)


@each([p for p in RULED if p.name in ("absolute", "relu")])
def test_at_zero_the_slope_is_zero(primitive):
    """The least of the slopes between both sides; for floats, arrays and both zeros."""
    for zero in (0.0, -0.0, np.zeros(3), np.float32(0.0)):
        x = Value(zero)
        tn.sum(primitive(x)).backward()
        assert np.all(x.grad == 0.0)


# -------------------------------------------------------------------------------- flat


@each(FLAT)
@some
@given(data=st.data())
def test_flat_primitives_pass_no_gradient(primitive, data):
    """Law 5: `backward` leaves nothing, `grad` gives zeros of the input's shape and precision."""
    call = data.draw(of(primitive))
    values = call.values()
    y = primitive(*values, **call.settings)
    y.backward(np.ones(y.shape))
    for i in call.varying:
        assert repr(values[i].grad) == "not computed yet"
        share = tn.grad(lambda x, i=i: tn.sum(result(primitive, call.having(i, x)) * Value(1.0)))(
            call.inputs[i]
        )
        assert same(share.data, np.zeros(np.shape(call.inputs[i]))[()])


# ---------------------------------------------------------------------- extreme numbers


def outcome_at(primitive, inputs):
    """Value and gradients at points where anything may overflow or divide by zero."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = [Value(x) for x in inputs]
        y = primitive(*values)
        tn.sum(y).backward() if y.ndim else y.backward()
    return [y.data, *(x.grad for x in values if isinstance(x.grad, float | np.ndarray))]


def combinations(primitive, numbers):
    """All the ways to choose each input from the numbers, as columns."""
    return [grid.ravel() for grid in np.meshgrid(*[numbers] * len(primitive.rules))]


@each([p for p in ELEMENTWISE if "logical" not in p.name and p.name != "select"])
def test_floats_and_arrays_are_alike(primitive):
    """At 0, ±40, ±1000, 1e±200, inf and nan a float's value and slopes are those of an array."""
    columns = combinations(primitive, [*EXTREMES, np.inf, -np.inf, np.nan])
    as_arrays = outcome_at(primitive, columns)
    for k, row in enumerate(zip(*columns, strict=True)):
        as_floats = outcome_at(primitive, [float(x) for x in row])
        for one, many in zip(as_floats, as_arrays, strict=True):
            assert alike(one, many[k], digits=8), f"at {row}: {one} alone, {many[k]} in an array"


def owed_nothing(primitive, columns):
    """The gradients at these points, where nothing is owed to the result."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = [Value(x) for x in columns]
        y = primitive(*values)
        y.backward(np.zeros(y.shape))
    return [x.grad for x, rule in zip(values, primitive.rules, strict=True) if rule]


@each([p for p in ELEMENTWISE if p in RULED and p.name != "select"])
def test_nothing_owed_nothing_passed_on(primitive):
    """Law 6: however steep the function is there, 0 times its slope is 0."""
    columns = combinations(primitive, EXTREMES)
    for share in owed_nothing(primitive, columns):
        assert np.all(share == 0.0), [c[~(share == 0.0)] for c in columns]


@each([p for p in ELEMENTWISE if p in RULED and p.name != "select"])
def test_nothing_owed_to_what_is_not_finite(primitive):
    """Law 6 where an input overflowed or is missing: `where(isnan(x), 0, f(x))` has slope 0."""
    columns = combinations(primitive, [*EXTREMES, np.inf, -np.inf, np.nan])
    for share in owed_nothing(primitive, columns):
        assert np.all(share == 0.0), [c[~(share == 0.0)] for c in columns]


# ------------------------------------------------------------------------ empty, settings

EMPTY = [((0,), (0,)), ((0,), ()), ((2, 0), (0,)), ((0, 3), (3,)), ((1, 1), (2, 0)), ((), (0, 2))]


@each([p for p in ELEMENTWISE if p in RULED and len(p.rules) == 2])
@pytest.mark.parametrize("shapes", EMPTY, ids=str)
def test_empty_arrays_broadcast_too(primitive, shapes):
    """The gradient of nothing is 0, or as empty as its Value."""
    values = [Value(np.ones(shape)) for shape in shapes]
    y = primitive(*values)
    assert y.shape == np.broadcast_shapes(*shapes)
    tn.sum(y).backward()
    for x, rule in zip(values, primitive.rules, strict=True):
        assert rule is None or same(x.grad, np.zeros(x.shape)[()])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: tn.sum(tn.sum(x, axis=0)),
        lambda x: tn.sum(tn.sum(x, axis=1, keepdims=True)),
        lambda x: tn.sum(tn.max(x, axis=1)),
        lambda x: tn.sum(tn.mean(x, axis=1)),
        lambda x: tn.sum(x @ np.ones(3)),
        lambda x: tn.sum(x @ np.ones((3, 2))),
        lambda x: tn.sum(np.ones((2, 0)) @ x),
        lambda x: tn.sum(x.T),
        lambda x: tn.sum(x.reshape(3, 0)),
        lambda x: tn.sum(tn.concatenate([x, x], axis=1)),
        lambda x: tn.sum(tn.stack([x, x])),
        lambda x: tn.sum(x[:, 1]),
        lambda x: tn.sum(x[x > 0]),
        lambda x: tn.sum(tn.broadcast_to(x, (2, 0, 3))),
    ],
)
def test_empty_arrays_have_empty_gradients(f):
    """No rows, three columns: recorded or not."""
    for x in (np.zeros((0, 3)), Value(np.zeros((0, 3)))):
        assert tn.grad(f)(x).shape == (0, 3)


def test_the_mean_of_nothing():
    """nan with NumPy's warning; its gradient is as empty as the array, recorded or not."""
    for x in (np.zeros((0, 3)), Value(np.zeros((0, 3)))):
        with np.errstate(all="ignore"), pytest.warns(RuntimeWarning, match="empty"):
            value, gradient = tn.value_and_grad(tn.mean)(x)
        assert np.isnan(value.item())
        assert gradient.shape == (0, 3)


@each(PRIMITIVES)
def test_settings_are_checked(primitive):
    """A keyword that is not understood is refused, not ignored."""
    with pytest.raises(TypeError, match="nonsense"):
        primitive(*[Value(1.0)] * len(primitive.rules), nonsense=1)


@each(PRIMITIVES)
def test_a_primitive_says_what_it_is(primitive):
    """A name, a sentence, and one rule or None for each input."""
    arrays = [
        p for p in inspect.signature(primitive).parameters.values() if p.kind is not p.KEYWORD_ONLY
    ]
    assert primitive.__doc__.strip().endswith((".", "?", "0."))
    assert len(primitive.rules) == len(arrays)
