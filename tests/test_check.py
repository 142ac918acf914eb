"""The gradient check as a person uses it: what it covers, what it says, what it costs."""

import pickle

import numpy as np
import pytest
from calls import of, tied
from hypothesis import given, settings, strategies as st
from test_primitives import CORNERED, MEANT_FLAT, each

import tinygrad_neuron as tn
from tinygrad_neuron import Value, check_grad, check_gradient, check_vjp
from tinygrad_neuron.check import Report
from tinygrad_neuron.errors import CheckInputError, GradientCheckError
from tinygrad_neuron.ops import PRIMITIVES

few = settings(max_examples=settings.default.max_examples // 50)


def unchecked(*rules, **traits):
    """A primitive that may be wrong."""
    return tn.elementwise(*rules, check=False, **traits)


@unchecked(lambda g, y, x: 2.0 * g * np.cos(x))
def doubled_sine(x):
    """A sine with a slope that is twice too large."""
    return np.sin(x)


# ------------------------------------------------------------------ right gradients, everywhere


def function_of(primitive, call):
    """The primitive as a function of the inputs that can move, and those."""

    def f(*moving):
        inputs = list(call.inputs)
        for i, x in zip(call.varying, moving, strict=True):
            inputs[i] = x
        return primitive(*inputs, **call.settings)

    return f, [call.inputs[i] for i in call.varying]


@each([p for p in PRIMITIVES if p.name != MEANT_FLAT])
@few
@given(data=st.data())
def test_every_primitive_passes(primitive, data):
    """Of all primitives, at well-conditioned places, to second order."""
    f, xs = function_of(primitive, data.draw(of(primitive)))
    if xs:
        report = check_grad(f, *xs, order=2 if any(primitive.rules) else 1)
        assert report.status == "passed", report


@each(CORNERED)
@few
@given(data=st.data())
def test_no_primitive_fails_at_its_corners(primitive, data):
    """With many ties and many zeros."""
    f, xs = function_of(primitive, data.draw(tied(primitive)))
    if xs:
        assert check_grad(f, *xs).status != "failed"


@pytest.mark.deep
@each([p for p in PRIMITIVES if p.name != MEANT_FLAT])
@given(data=st.data())
def test_every_primitive_passes_many_times(primitive, data):
    """For `-m deep`: thousands of calls, to second order."""
    f, xs = function_of(primitive, data.draw(of(primitive)))
    if xs:
        assert check_grad(f, *xs, order=2 if any(primitive.rules) else 1).status == "passed"


SHAPES = [(), (0,), (1,), (3,), (1, 1), (2, 3), (0, 3), (2, 1, 3)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_every_shape_to_every_order(shape, order):
    """Single numbers, empty arrays, axes of length 1."""
    x = np.linspace(0.3, 1.1, int(np.prod(shape))).reshape(shape)
    assert check_grad(lambda x: tn.exp(x) * x, x, order=order).status == "passed"


def test_containers_and_several_results():
    """Lists, tuples and dictionaries in and out; whole numbers and texts are handed on."""

    def model(weights, x, power, kind):
        assert kind == "tanh"
        y = tn.tanh(x @ weights["w"] + weights["b"][0]) ** power
        return {"y": y, "loss": y.sum()}

    weights = {"w": np.array([[0.1, 0.2], [0.3, -0.4]]), "b": [0.5, "unused"]}
    report = check_grad(model, weights, np.array([[1.0, 2.0]]), 3, "tanh", order=2)
    assert report.passed, report
    assert {"weights['w']", "weights['b'][0]", "x"} <= {
        finding.input for finding in report.findings
    }


@pytest.mark.parametrize("precision", [np.float16, np.float32])
def test_single_precision_is_no_reason_to_fail(precision):
    """The slopes are those in float64; the gradient in less is judged by its own rounding."""
    x = np.linspace(0.1, 2.0, 6).astype(precision)
    report = check_grad(lambda x: (tn.sin(x) * tn.exp(x)).sum(), x)
    assert report.status == "passed"
    assert report.resolution < 1e-9


def test_many_inputs_take_a_few_evaluations():
    """Joint directions, however many entries there are."""
    x = np.linspace(-3.0, 3.0, 300_000)
    report = check_grad(lambda x: (tn.tanh(x) ** 2).mean(), x)
    assert report.status == "passed"
    assert report.evaluations < 120


def test_one_wrong_entry_of_many_is_found_and_named():
    """By halving what moves."""
    x = np.linspace(0.5, 3.0, 3000)

    def gradient(x):
        g = 2.0 * x
        g[1234] *= 1.5
        return g

    report = check_gradient(lambda x: np.sum(x**2), gradient, x)
    [failed] = [finding for finding in report.findings if finding.status == "failed"]
    assert failed.place == "x[1234]"


def test_the_same_check_gives_the_same_report():
    """Seeded: nothing depends on the time or on what ran before."""
    one, two = (check_grad(lambda x: tn.softmax(x), np.arange(4.0), order=2) for _ in range(2))
    assert str(one) == str(two)
    assert one == pickle.loads(pickle.dumps(one))


# ----------------------------------------------------------------------------- what is wrong


WRONG_PAIRS = {
    "not linear": (lambda v, x: np.abs(v) * np.cos(x), "not linear"),
    "not zero for nothing": (lambda v, x: v * np.cos(x) + 1e-3, "not"),
    "float32": (lambda v, x: (v * np.cos(x)).astype(np.float32), "float32"),
    "another shape": (lambda v, x: (v * np.cos(x)).sum(), "shape"),
    "writes into the cotangent": (lambda v, x: np.multiply(v, np.cos(x), out=v), "writes"),
    "writes into the input": (lambda v, x: v * np.cos(x, out=x), "input"),
    "as it lies": (
        lambda v, x: v.ravel(order="K").reshape(v.shape) * np.cos(x),
        "not linear",
    ),
    "rounded": (lambda v, x: np.float32(v * np.cos(x)).astype(float), "slope"),
    "nan": (lambda v, x: v * np.cos(x) * np.nan, "not finite"),
}


@pytest.mark.parametrize("name", WRONG_PAIRS)
def test_what_is_wrong_before_any_slope_is(name):
    """Shapes, precision, linearity, side effects; the reason says which."""
    vjp, word = WRONG_PAIRS[name]
    report = check_vjp(np.sin, vjp, np.array([[0.3, 1.0, 2.0], [0.5, 0.7, 0.9]]))
    assert report.status == "failed"
    assert word in report.reason


def test_a_rule_that_remembers():
    """Right the first time, wrong the second."""
    turns = []

    def vjp(v, x):
        turns.append(None)
        return v * np.cos(x) * (1.0 + len(turns) % 2)

    assert check_vjp(np.sin, vjp, 0.3).status == "failed"


def test_a_function_that_is_not_the_same_twice():
    """There is no verdict on a dropout that draws anew."""
    rng = np.random.default_rng(0)
    report = check_grad(lambda x: (x * (rng.random(4) > 0.5)).sum(), np.ones(4))
    assert report.status == "inconclusive"
    assert "same inputs" in report.reason


SLIPS = {
    "sign": (lambda g: -g),
    "twice": (lambda g: 2.0 * g),
    "half": (lambda g: g / 2.0),
    "transposed": (lambda g: g.T),
    "entries": (lambda g: g * g.size),
    "1/9": (lambda g: g / 9.0),
    "no gradient": (lambda g: 0.0 * g),
    "1.25": (lambda g: 1.25 * g),
}


@pytest.mark.parametrize("word", SLIPS)
def test_usual_slips_have_names(word):
    """What a wrong gradient is to the right one."""
    x = np.arange(9.0).reshape(3, 3) / 4.0 + 0.3
    report = check_gradient(lambda x: np.sum(x**3), lambda x: SLIPS[word](3.0 * x**2), x)
    assert report.status == "failed"
    assert word in report.reason


def test_swapped_arguments_have_a_name():
    """The share of one is that of the other."""
    report = check_vjp(
        lambda a, b: a * b, lambda v, a, b: (v * a, v * b), np.ones(2), 3.0 + np.ones(2)
    )
    assert "the one for b" in report.reason


def test_second_order_mistakes_are_seen_at_second_order():
    """A rule with a number taken out of the graph is right once, and wrong when differentiated."""

    @unchecked(lambda g, y, x: g * np.cos(getattr(x, "data", x)))
    def sine(x):
        return np.sin(x)

    assert check_grad(sine, 0.4).status == "passed"
    report = check_grad(sine, 0.4, order=2)
    assert report.status == "failed"
    assert "second order" in report.blame


# ------------------------------------------------------------------------------------- blame


def loss_with_a_wrong_rule(x, w):
    """A loss in the middle of which a rule is wrong."""
    hidden = doubled_sine(x * w)
    return (hidden**2).sum()


def test_the_wrong_rule_is_named():
    """The primitive, its input, the line of the rule, the line that called it, and the slip."""
    report = check_grad(loss_with_a_wrong_rule, np.array([0.3, 1.2]), 0.7)
    rule = doubled_sine.rules[0].__code__.co_firstlineno
    line = loss_with_a_wrong_rule.__code__.co_firstlineno + 2
    assert report.status == "failed"
    for words in (
        f"doubled_sine, the rule for x (test_check.py:{rule})",
        f"test_check.py:{line}  hidden = doubled_sine(x * w)",
        "twice as large",
    ):
        assert words in str(report)


def test_the_input_of_a_wrong_rule_is_named():
    """Of several inputs, the one."""

    @tn.primitive(lambda g, y, a, b: g @ b.T, lambda g, y, a, b: g.T @ a, check=False)
    def product(a, b):
        return a @ b

    report = check_grad(lambda a: product(a, a).sum(), np.array([[1.0, 2.0], [0.5, -1.0]]))
    assert "product, the rule for b" in report.blame
    assert "transposed" in report.blame


def test_a_rule_of_the_wrong_shape_is_named():
    """The engine's own error says which it is."""

    @unchecked(lambda g, y, x, b: g, lambda g, y, x, b: (g * x).sum(axis=1))
    def scaled(x, b):
        return x * b

    report = check_grad(scaled, np.ones((3, 4)), np.ones(4))
    assert report.status == "failed"
    assert "scaled (test_check.py" in str(report)


def test_a_number_that_left_the_graph():
    """No rule is wrong: the result depends on x unrecorded."""
    report = check_grad(lambda x: x * x.data, 3.0)
    assert report.status == "failed"
    assert ".data" in report.blame
    assert "stop_gradient" in check_grad(lambda x: x * tn.stop_gradient(x), 3.0).blame


def test_kinks_that_cancel_where_slopes_do_not():
    """relu(x) - relu(-x) is x, and its gradient at 0 is not 1: no rule is wrong."""
    report = check_grad(lambda x: tn.relu(x) - tn.relu(-x), 0.0)
    assert report.status == "failed"
    assert "every rule is right" in report.blame


def test_a_sweep_that_forgets_is_blamed(monkeypatch):
    """Where shares are not added up, every rule is right and the sum is not."""
    from tinygrad_neuron.check import blame, pair

    right = pair.sweep

    def forgetful(y, seed, **more):
        return {
            node: g if node.primitive else 0.5 * g for node, g in right(y, seed, **more).items()
        }

    monkeypatch.setattr(pair, "sweep", forgetful)
    monkeypatch.setattr(blame, "_accused", lambda node, order: "")
    report = check_grad(lambda x: (x * x).sum(), np.array([1.0, 2.0]))
    assert "sweep" in report.blame


# ---------------------------------------------------------------------------------- the report


def test_a_report_says_it_all():
    """Status, entry, both numbers, the gap in units of the error, cost, and sharpness."""
    text = str(check_gradient(lambda x: x**2, lambda x: x, 3.0))
    for words in ("failed", "numeric", "analytic", "gap/error", "evaluations", "half as large"):
        assert words in text
    assert "would have been seen" in str(check_gradient(lambda x: x**2, lambda x: 2.0 * x, 3.0))


def test_a_report_is_true_when_it_passed():
    """So that `assert check_grad(...)` is a test."""
    assert check_grad(abs, 0.0)
    assert not check_gradient(lambda x: x**2, lambda x: x, 3.0)
    assert not Report("inconclusive", "")


@pytest.mark.parametrize("f", [doubled_sine, lambda x: tn.floor(x - 0.3)], ids=["wrong", "open"])
def test_an_assertion_that_fails(f):
    """Raised with the report; also where there is no verdict."""
    with pytest.raises(GradientCheckError, match="x") as caught:
        tn.assert_grad(f, 0.3)
    assert caught.value.report.status in ("failed", "inconclusive")
    tn.assert_grad(np.sin, 0.3, order=3)


def test_an_entry_that_is_too_small_to_see_is_named():
    """One of 1e-3 beside one of 1e10, squared and summed: a wrong slope of it shows nowhere."""

    def f(x):
        return np.sum(np.asarray(x).real ** 2)  # .real: no complex step

    report = check_gradient(f, lambda x: 2.0 * x, np.array([1e10, 1e-3]))
    assert report.passed
    assert report.unseen == ("x[1]",)
    assert "x[1]" in str(report)


def test_what_cannot_be_checked_is_refused():
    """Nothing that moves, a pullback with too few answers."""
    for mistake in (
        lambda: check_grad(lambda n: n, 3),
        lambda: check_vjp(lambda a, b: a * b, lambda v, a, b: (v * b,), 1.0, 2.0),
    ):
        with pytest.raises(CheckInputError):
            mistake()


def test_what_is_straight_takes_one_step_a_direction():
    """Of three entries, to both sides, and all together: 8 evaluations, and 4 for the laws."""
    a, x = np.array([[1.0, 2.0, 3.0], [-1.0, 0.5, 0.25]]), np.array([0.3, -0.7, 1.1])
    assert check_grad(lambda x: a @ x, x).evaluations == 12
    assert check_vjp(lambda x: a @ x, lambda v, x: v @ a * (1.0 + 1e-9), x).status == "failed"


def test_values_are_inputs_too():
    """What they hold is checked; they stay as they are."""
    w = Value(np.array([1.0, 2.0]), name="w")
    assert check_grad(lambda w: (w**3).sum(), w).passed
    assert w.grad == None  # noqa: E711  # "not computed yet"


# ------------------------------------------------------------------------- gradients from elsewhere


def test_a_pullback_of_several_inputs_and_results():
    """Tuples and dictionaries of arrays, as they come."""

    def f(p, x):
        return {"y": x @ p["w"], "n": np.sum(p["w"] ** 2)}

    def vjp(v, p, x):
        return {"w": x.T @ v["y"] + 2.0 * v["n"] * p["w"]}, v["y"] @ p["w"].T

    p, x = {"w": np.array([[1.0, 2.0], [3.0, 4.0]])}, np.array([[0.5, -1.0]])
    assert check_vjp(f, vjp, p, x).status == "passed"


def test_a_function_in_single_precision():
    """What works in float32 may give its gradient in float32."""

    def f(x):
        return np.sum(np.sin(np.asarray(x, np.float32)))

    x = np.array([0.25, 1.5, -0.75])
    assert check_gradient(f, lambda x: np.cos(np.float32(x)), x).passed
    assert not check_gradient(f, lambda x: 1.1 * np.cos(np.float32(x)), x).passed


def test_a_complex_step_sees_through_rounding():
    """1e10 + 1e-4 x: no difference can tell the slope, a complex step can; it only confirms."""
    assert check_gradient(lambda x: 1e12 + 1e-5 * x, lambda x: np.float64(1e-5), 1.0).passed
    assert not check_gradient(lambda x: 1e12 + 1e-5 * x, lambda x: np.float64(-1e-5), 1.0).passed
