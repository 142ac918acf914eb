"""Every mistake has a text that names the place, the thing, the numbers and the remedy."""

import math
import pickle
import re
import tempfile

import numpy as np
import pytest

import tinygrad_neuron as tn
from tinygrad_neuron import Value, cluster, errors, losses
from tinygrad_neuron.views import plots

CLASSES = [
    error
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, errors.TinygradNeuronError)
]
KINDS = [error for error in CLASSES if error is not errors.TinygradNeuronError]


def caught(mistake):
    """The error a mistake raises."""
    with pytest.raises(errors.TinygradNeuronError) as raised:
        mistake()
    return raised.value


# ------------------------------------------------------------------- mistakes, by class


def gradient_before_backward():
    weight = Value(0.5)
    weight.data -= 0.1 * weight.grad


def backward_of_an_array():
    residuals = Value([1.0, 2.0, 3.0, 4.0]) * 2.0
    residuals.backward()


def number_out_of_the_graph():
    weight = Value(2.0, name="slope")
    score = weight * 3.0
    math.exp(score)


def data_changed_before_backward():
    weight = Value(0.0)
    loss = (weight - 3.0) ** 2
    weight.data = 3.05562
    loss.backward()


def shapes_that_broadcast():
    prediction = Value(np.ones((4, 1)))
    losses.mse(prediction, np.ones(4))


def wrong_shape_from_a_rule():
    @tn.elementwise(lambda g, y, x, b: g, lambda g, y, x, b: (g * x).sum(axis=1))
    def scale_rows(x, b):
        return x * b

    scale_rows(np.ones((3, 4)), Value(np.ones(4))).sum().backward()


def seed_of_another_shape():
    scores = Value([1.0, 2.0]) * 2.0
    scores.backward(seed=np.ones(3))


def whole_number_weights():
    Value(np.array([0, 0]), name="weights")


def unsupported_function():
    numbers = Value([1.0, 2.0])
    np.nextafter(numbers, numbers)


def method_of_arrays():
    numbers = Value([2.0, 1.0])
    numbers.sort()


def unknown_keyword():
    numbers = Value([1.0, 2.0])
    tn.sum(numbers, along=0)


def entry_assigned():
    numbers = Value([1.0, 2.0])
    numbers[0] = 5.0


def result_assigned():
    doubled = Value(1.0) * 2.0
    doubled.data = 5.0


def rule_missing():
    @tn.primitive(lambda g, y, a, b: g)
    def halfway(a, b):
        return (a + b) / 2


def rule_with_other_parameters():
    @tn.elementwise(lambda g, x: g)
    def twice(x):
        return 2.0 * x


def loss_by_a_wrong_name():
    losses.get("mes")


def loss_with_a_wrong_setting():
    losses.huber(Value(1.0), 0.0, delta=-1.0)


def loss_with_a_root_at_0():
    losses.check_loss(lambda prediction, target: ((prediction - target) ** 2) ** 0.5)


def layer_of_no_width():
    tn.Layer(0, 1)


def gradient_that_is_asserted():
    tn.assert_grad(lambda x: x * x.data, 3.0)


def own_rule_that_is_wrong():
    @tn.elementwise(lambda g, y, x: 2.0 * g * np.cos(x))
    def wave(x):
        return np.sin(x)

    wave(Value(0.5))


def check_of_nothing_that_moves():
    tn.check_grad(lambda n: n, 3)


def descent_with_no_step():
    tn.optim.GradientDescent([Value(1.0)], alpha=-1.0)


def state_of_another_network():
    tn.MLP(2, [8, 1]).load(tn.MLP(2, [16, 1]).state())


def vectors_that_are_not_determined():
    sphere = Value(np.eye(3), name="sphere")
    np.linalg.eigh(sphere).eigenvectors.sum().backward()


def program_of_random_numbers():
    rng = np.random.default_rng(0)
    tn.program_of(lambda x: x + rng.normal())(1.0)


def chance_inside_a_checkpoint():
    rng = np.random.default_rng(0)
    noisy = tn.checkpoint(lambda x: x * rng.normal())
    noisy(Value(2.0)).backward()


def a_step_over_data_in_memory():
    cluster.value_and_grad(lambda w, x: tn.mean(x @ w))(np.ones(3), np.ones((4, 3)))


def inputs_that_lie_down():
    tn.fit(tn.Neuron(3), (np.ones((3, 5)), np.ones(5)))


def loss_that_explodes():
    slope, x = Value(10.0, name="slope"), np.array([0.0, 100.0])
    tn.fit(lambda x: tn.exp(slope * x), (x, x), parameters=[slope], epochs=1)


def training_of_another_seed():
    with tempfile.TemporaryDirectory() as folder:
        for seed in (0, 1):
            tn.fit(
                tn.Neuron(1, rng=0), (np.ones((4, 1)), np.ones(4)), epochs=1, seed=seed,
                checkpoint=f"{folder}/run.npz",
            )  # fmt: skip


def lambda_in_a_model():
    tn.save(tn.Neuron(2, activation=lambda z: z), "model.npz")


def model_that_was_never_saved():
    tn.load("no_such_model.npz")


def weight_that_is_not_used():
    used, idle = Value(1.0, name="used"), Value(2.0, name="idle")
    tn.trace_of((used - 3.0) ** 2, wrt=[used, idle])


def trace_of_another_form():
    tn.views.validated({"schema": "another/1"}, "run.json")


def loss_that_is_not_finite():
    z = Value(-800.0, name="z")
    with tn.teaching(), np.errstate(all="ignore"):
        p = tn.sigmoid(z)
        (-tn.log(p)).backward()


def library_that_is_not_installed():
    raise errors.MissingExtraError.of("Matplotlib", "plot", "A picture")


def boundary_of_a_space():
    plots.decision_boundary(lambda x: x[:, 0], np.ones((10, 5)), np.ones(10))


def reduction_that_does_not_add_up():
    cluster.value_and_grad(lambda w: w, reduction="median")


def picture_of_too_much():
    x = Value(1.0)
    for _ in range(2000):
        x = x + 1.0
    tn.views.svg(tn.trace_of(x))


MISTAKES = [
    # mistake, class, Python's own kind, words in the text, data
    (
        gradient_before_backward,
        errors.GradientNotComputedError,
        TypeError,
        ["weight", "no gradient yet", "weight.grad"],
        {"name": "weight"},
    ),
    (
        program_of_random_numbers,
        errors.TraceError,
        TypeError,
        ["twice", "random numbers", "argument"],
        None,
    ),
    (
        state_of_another_network,
        errors.StateError,
        ValueError,
        ["layers[0].w", "(8, 2)", "(16, 2)", "build the model"],
        {"given": (16, 2), "wanted": (8, 2)},
    ),
    (
        backward_of_an_array,
        errors.NotScalarError,
        ValueError,
        ["residuals", "(4,)", "4 different gradients", "residuals.mean().backward()", "seed="],
        {"shape": (4,)},
    ),
    (
        number_out_of_the_graph,
        errors.LeftGraphError,
        TypeError,
        ["score", "slope", "score.item()", "6"],
        {"leaves": ["slope"]},
    ),
    (
        data_changed_before_backward,
        errors.ChangedDataError,
        RuntimeError,
        ["weight", "3.05562"],
        {"now": 3.05562},
    ),
    (
        shapes_that_broadcast,
        errors.BroadcastError,
        ValueError,
        ["prediction", "(4, 1)", "(4,)", "16", "prediction[:, 0]"],
        None,
    ),
    (
        wrong_shape_from_a_rule,
        errors.GradientShapeError,
        ValueError,
        ["scale_rows", "test_errors.py:", "(3,)", "(4,)"],
        {"primitive": "scale_rows", "given": (3,), "wanted": (4,)},
    ),
    (
        seed_of_another_shape,
        errors.GradientShapeError,
        ValueError,
        ["scores", "(3,)", "(2,)", "scores.backward(seed=np.ones((2,)))"],
        {"given": (3,), "wanted": (2,)},
    ),
    (
        whole_number_weights,
        errors.IntegerWeightError,
        TypeError,
        ["weights", "int64", "(2,)", "float"],
        {"dtype": "int64"},
    ),
    (
        unsupported_function,
        errors.UnsupportedError,
        TypeError,
        ["np.nextafter", "np.spacing"],
        {"function": "np.nextafter"},
    ),
    (
        method_of_arrays,
        errors.MissingMethodError,
        AttributeError,
        [".sort", "np.sort(numbers)"],
        {"name": "sort"},
    ),
    (unknown_keyword, errors.UnsupportedError, TypeError, ["sum", "along", "axis"], None),
    (
        entry_assigned,
        errors.ImmutableError,
        TypeError,
        ["numbers", ".at[i].set(x)", "data[i]"],
        None,
    ),
    (result_assigned, errors.ImmutableError, TypeError, ["doubled", "multiply"], None),
    (rule_missing, errors.RuleError, TypeError, ["halfway", "2 inputs", "1 rule"], None),
    (rule_with_other_parameters, errors.RuleError, TypeError, ["twice", "(g, x)", "g, y, x"], None),
    (loss_by_a_wrong_name, errors.UnknownNameError, LookupError, ["mes", "mse"], None),
    (loss_with_a_wrong_setting, errors.LossError, ValueError, ["delta", "-1.0"], {"delta": -1.0}),
    (
        loss_with_a_root_at_0,
        errors.LossCheckError,
        AssertionError,
        ["lacks 1 of", "finite where prediction is target: a gradient of nan"],
        None,
    ),
    (layer_of_no_width, errors.LayerError, ValueError, ["0"], None),
    (
        vectors_that_are_not_determined,
        errors.NoDerivativeError,
        ValueError,
        ["eigh(sphere)", "equal", "values"],
        {"function": "eigh"},
    ),
    (
        chance_inside_a_checkpoint,
        errors.RecomputedError,
        RuntimeError,
        ["0.25146", "-0.26421", "draw random numbers outside"],
        None,
    ),
    (
        gradient_that_is_asserted,
        errors.GradientCheckError,
        AssertionError,
        ["x", "6", "3", "half", ".data"],
        None,
    ),
    (
        own_rule_that_is_wrong,
        errors.WrongRuleError,
        ValueError,
        ["wave", "rule for x", "test_errors.py:", "twice", "check=False"],
        {"primitive": "wave"},
    ),
    (check_of_nothing_that_moves, errors.CheckInputError, TypeError, ["float", "2.0"], None),
    (
        a_step_over_data_in_memory,
        errors.PartitionError,
        ValueError,
        ["Dask arrays", "numpy", "da.from_array"],
        None,
    ),
    (
        inputs_that_lie_down,
        errors.TrainingDataError,
        ValueError,
        ["(3, 5)", "(5,)", "x.T"],
        {"x": (3, 5), "y": (5,)},
    ),
    (
        loss_that_explodes,
        errors.NonFiniteError,
        ArithmeticError,
        ["inf", "exp", "1000", "smaller alpha"],
        None,
    ),
    (training_of_another_seed, errors.CheckpointError, ValueError, ["seed", "0", "1"], None),
    (
        lambda_in_a_model,
        errors.NotSavableError,
        TypeError,
        ["activation", "without a name", "known=[f]"],
        None,
    ),
    (
        model_that_was_never_saved,
        errors.ModelFileError,
        ValueError,
        ["no_such_model.npz", "No such file"],
        None,
    ),
    (
        weight_that_is_not_used,
        errors.NoPathError,
        ValueError,
        ["idle", "no path", "built from: used", "detach"],
        {"name": "idle"},
    ),
    (
        trace_of_another_form,
        errors.TraceFileError,
        ValueError,
        ["run.json", "tinygrad_neuron.trace/1", "another/1", "trace_of(J)"],
        None,
    ),
    (
        loss_that_is_not_finite,
        errors.NotFiniteError,
        ArithmeticError,
        ["log(p) is -inf", "sigmoid(z) = 0 for z = -800", "binary_cross_entropy"],
        {"operation": "log"},
    ),
    (picture_of_too_much, errors.DrawingError, ValueError, ["2001", "2000", "explain"], None),
    (
        library_that_is_not_installed,
        errors.MissingExtraError,
        ImportError,
        ["Matplotlib", "tinygrad_neuron[plot]"],
        {"extra": "plot"},
    ),
    (
        boundary_of_a_space,
        errors.PictureError,
        ValueError,
        ["(10, 5)", "x[:, :2]"],
        {"shape": (10, 5)},
    ),
    (reduction_that_does_not_add_up, errors.PartitionError, ValueError, ["median", "mean"], None),
    (descent_with_no_step, errors.DescentError, ValueError, ["alpha", "-1"], None),
]
each_mistake = pytest.mark.parametrize(
    ("mistake", "kind", "builtin", "words", "data"),
    MISTAKES,
    ids=[case[0].__name__ for case in MISTAKES],
)


def test_every_error_has_a_mistake_that_raises_it():
    """An error nobody can trigger is a text nobody has read."""
    assert {case[1] for case in MISTAKES} == set(KINDS)


def test_codes_are_unique():
    """One code, one kind of mistake."""
    assert len({error.code for error in CLASSES}) == len(CLASSES)
    assert all(re.fullmatch(r"TN[12]\d\d", error.code) for error in CLASSES)


@each_mistake
def test_the_class_of_a_mistake(mistake, kind, builtin, words, data):
    """It is ours, with its code, and what Python people expect as well."""
    error = caught(mistake)
    assert type(error) is kind
    assert isinstance(error, builtin)
    assert error.code == kind.code
    if data is not None:
        assert data.items() <= error.data.items()


@each_mistake
def test_the_text_of_a_mistake(mistake, kind, builtin, words, data):
    """Place, what happened with the numbers, why, and what to type: at most seven lines."""
    error = caught(mistake)
    place, *body = str(error).splitlines()
    assert re.match(rf"\[{kind.code}\] test_errors\.py:\d+  \S", place), place
    assert len(body) in range(2, 7)
    assert body[-1] == f"  do:  {error.hint}"
    assert error.hint
    assert all(len(line) < 240 for line in body)
    for word in words:
        assert word in "\n".join(body)


@pytest.mark.parametrize(
    ("mistake", "line"),
    [
        (gradient_before_backward, "weight.data -= 0.1 * weight.grad"),
        (backward_of_an_array, "residuals.backward()"),
        (number_out_of_the_graph, "math.exp(score)"),
        (data_changed_before_backward, "loss.backward()"),
        (shapes_that_broadcast, "losses.mse(prediction, np.ones(4))"),
        (whole_number_weights, 'Value(np.array([0, 0]), name="weights")'),
        (unsupported_function, "np.nextafter(numbers, numbers)"),
        (entry_assigned, "numbers[0] = 5.0"),
    ],
    ids=lambda x: getattr(x, "__name__", None),
)
def test_the_line_is_the_persons_own(mistake, line):
    """Not one of the package's, not one of NumPy's: the number and the text of the line."""
    error = caught(mistake)
    start = mistake.__code__.co_firstlineno
    _, number, source = re.match(r"(.*):(\d+)  (.*)", error.place).groups()
    assert source == line
    assert start < int(number) <= start + 5


def test_a_mistake_survives_a_pickle():
    """Errors come home from worker processes with their text and numbers."""
    error = caught(backward_of_an_array)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert (again.data, again.hint) == (error.data, error.hint)


# --------------------------------------------------- more ways to make the same mistakes


@pytest.mark.parametrize(
    "use",
    [
        lambda g: g + 1,
        lambda g: 1 + g,
        lambda g: g - 1.0,
        lambda g: 2.0 * g,
        lambda g: g * np.ones(2),
        lambda g: np.ones(2) * g,
        lambda g: np.float64(2) * g,
        lambda g: Value(2.0) * g,
        lambda g: g / 2,
        lambda g: g**2,
        lambda g: 2**g,
        lambda g: -g,
        lambda g: abs(g),
        lambda g: g @ np.ones(2),
        lambda g: np.sqrt(g),
        lambda g: np.sum(g),
        lambda g: np.asarray(g),
        lambda g: float(g),
        lambda g: int(g),
        lambda g: round(g, 2),
        lambda g: f"{g:.3f}",
        lambda g: g > 0,
        lambda g: g[0],
        lambda g: g.sum(),
        lambda g: g.shape,
        lambda g: math.sqrt(g),
        lambda g: [*g],
        lambda g: g // 2,
        lambda g: g % 2,
    ],
)
def test_a_missing_gradient_explains_itself_wherever_it_is_used(use):
    """As a number, as an array, in a format: never a silent 0 and never a puzzle."""
    weight = Value([1.0, 2.0], name="weight")
    with pytest.raises(errors.GradientNotComputedError, match=r"weight has no gradient yet"):
        use(weight.grad)


def test_a_missing_gradient_is_false_and_printable():
    """Silence: looking is free."""
    weight = Value(1.0)
    assert not weight.grad
    assert str(weight.grad) == repr(weight.grad) == f"{weight.grad}" == "not computed yet"
    assert [w for w in [weight] if w.grad] == []
    assert hasattr(weight, "grad")
    assert not hasattr(weight.grad, "__array_interface__")


def test_a_computed_gradient_is_a_number():
    """Silence: after backward there is one, also a zero."""
    weight = Value(1.0)
    (weight * 0.0).backward()
    assert weight.grad + 1.0 == 1.0


@pytest.mark.parametrize("shape", [(1,), (2,), (1, 1), (0,), (2, 3)], ids=str)
def test_not_one_number(shape):
    """Also an array with one entry, or none, is asked for a seed."""
    table = Value(np.ones(shape)) * 2.0
    error = caught(table.backward)
    assert error.data == {"shape": shape}
    table.backward(np.ones(shape))


LEAVING = [
    float,
    int,
    complex,
    math.exp,
    math.sin,
    math.floor,
    np.asarray,
    np.array,
    lambda v: np.array([v, v]),
    lambda v: np.array([[v], [1.0]]),
    lambda v: np.full(3, v),
    lambda v: np.zeros(2).__setitem__(slice(None), v),
    lambda v: np.zeros(2).__iadd__(v),
    lambda v: np.sum([v, v]),
    lambda v: np.asarray(v, dtype=np.float32),
    lambda v: setattr(Value(1.0), "data", v),
]


@pytest.mark.parametrize("leave", LEAVING)
@pytest.mark.parametrize("make", [lambda: Value(2.0, "w"), lambda: Value(2.0, "w") * 3.0])
def test_a_number_does_not_leave_unseen(make, leave):
    """When it depends on a leaf: the gradient would stop there."""
    with pytest.raises((errors.LeftGraphError, errors.UnsupportedError)) as caught:
        leave(make())
    assert "history" in str(caught.value)


def test_a_number_does_not_leave_into_an_array_entry():
    """`buffer[0] = v`: NumPy's own error, caused by ours."""
    buffer = np.zeros(2)
    with pytest.raises((TypeError, ValueError)) as caught:
        buffer[0] = Value(2.0) * 3.0
    chain = [caught.value, caught.value.__cause__]
    assert any(isinstance(error, errors.LeftGraphError) for error in chain)
    assert buffer[0] == 0.0


@pytest.mark.parametrize("leave", LEAVING[:9])
def test_a_constant_may_leave(leave):
    """Silence: a detached number, a recorded nothing, a gradient by plain numbers."""
    w = Value(2.0)
    with tn.no_grad():
        unrecorded = w * w
    for constant in (w.detach(), unrecorded, tn.grad(lambda x: x * x)(1.0)):
        leave(constant)


def test_what_stops_gradients_may_leave():
    """Silence: no gradient is lost where none passes."""
    w = Value(2.5)
    for flat in (tn.stop_gradient(w), tn.stop_gradient(w) * 2.0, tn.ops.floor(w), tn.ops.sign(w)):
        assert float(flat) == flat.item()


def test_the_explicit_doors():
    """Silence: `.item()`, `.data`, `.tolist()`, print, format, comparisons, counting."""
    w = Value(2.0)
    v = w * 3.0
    assert (v.item(), v.data, v.tolist()) == (6.0, 6.0, 6.0)
    assert f"{v:.1f} {v}" == "6.0 6.0"
    assert bool(v > 5.0)
    assert int((Value([1.0, -1.0]) > 0).sum()) == 1
    assert ["a", "b"][(Value([1.0, -1.0]) > 0).sum()] == "b"


def test_the_truth_of_an_array():
    """Which of its answers? The text says what to write."""
    numbers = Value([1.0, 2.0])
    with pytest.raises(errors.TinygradNeuronError, match="numbers") as raised:
        bool(numbers > 0)
    assert isinstance(raised.value, TypeError | ValueError)
    with pytest.raises(errors.TinygradNeuronError):
        if numbers:
            pass


CHANGES = {
    "assigned": lambda w: setattr(w, "data", w.data * 1.0),
    "subtracted": lambda w: exec("w.data -= 1.0", {"w": w}),
    "entry": lambda w: w.data.__setitem__(0, 7.0),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize(
    "depth", [lambda w: w.sum(), lambda w: ((w * 2.0) ** 2).sum(), lambda w: (w @ w).exp() * 2.0]
)
def test_changed_between_forward_and_backward(depth, change):
    """However far the leaf is from the result, and whichever sweep finds it."""
    w = Value([1.0, 2.0], name="w")
    loss = depth(w)
    change(w)
    error = caught(loss.backward)
    assert isinstance(error, errors.ChangedDataError)
    assert "w" in str(error)
    assert repr(w.grad) == "not computed yet"


def test_changed_between_forward_and_backward_of_numbers():
    """The sweep for single numbers notices as well: through backward, and through grad."""
    w, other = Value(1.0, name="w"), Value(2.0)
    loss = (w * other + w) ** 2 * other
    w.data -= 0.5
    assert isinstance(caught(loss.backward), errors.ChangedDataError)
    assert isinstance(
        caught(lambda: tn.grad(lambda v: v * loss)(Value(1.0)).backward()), errors.ChangedDataError
    )
    assert repr(other.grad) == "not computed yet"


def test_changing_after_backward_is_what_learning_is():
    """Silence: forward, backward, update, again; other leaves may change at any time."""
    w, unrelated = Value([1.0, 2.0]), Value(1.0)
    for _ in range(3):
        loss = (w * w).sum()
        unrelated.data += 1.0
        loss.backward()
        w.data -= 0.1 * w.grad
        w.zero_grad()
    np.testing.assert_allclose(w.data, np.array([1.0, 2.0]) * 0.8**3)


def test_a_result_of_both_times_is_refused():
    """Half of it was computed before the change, half after."""
    w = Value(1.0, name="w")
    before = w * 2.0
    w.data = 5.0
    total = before + w * 2.0
    assert isinstance(caught(total.backward), errors.ChangedDataError)


def test_what_does_not_depend_on_the_change_is_fine():
    """Silence: a constant of the old number is no path."""
    w = Value(1.0)
    old = (w * 2.0).detach()
    w.data = 5.0
    (old * w).backward()
    assert w.grad == 2.0


@pytest.mark.parametrize(
    "data",
    [
        np.array([1, 2]),
        np.array([True, False]),
        np.array([[1]], np.uint8),
        np.zeros((0, 2), int),
        "3",
        None,
        ["a", "b"],
        {"a": 1},
        np.array([None]),
    ],
    ids=repr,
)
def test_what_cannot_be_a_leaf(data):
    """Arrays of whole numbers, and what is no number."""
    assert isinstance(caught(lambda: Value(data)), errors.IntegerWeightError)


def test_what_can_be_a_leaf():
    """Silence: whole numbers on their own and in lists become floats."""
    assert Value(3).data == 3.0
    assert Value([1, 2]).dtype == np.float64


@pytest.mark.parametrize("f", [lambda w: w * np.array([1, 2]), lambda w: w[np.array([0, 1])]])
def test_whole_numbers_as_constants_are_fine(f):
    """Silence: only what must move needs to be able to."""
    f(Value([1.0, 2.0])).sum().backward()


@pytest.mark.parametrize(
    ("prediction", "target"), [((4, 1), (4,)), ((4,), (4, 1)), ((4,), (1,)), ((4,), ()), ((), (4,))]
)
def test_shapes_that_would_broadcast_in_a_loss(prediction, target):
    """A loss compares like with like."""
    error = caught(lambda: losses.mse(Value(np.ones(prediction)), np.ones(target)))
    assert isinstance(error, errors.BroadcastError)
    assert str(prediction) in str(error)
    assert str(target) in str(error)


@pytest.mark.parametrize("shape", [(), (4,), (4, 1), (2, 3)], ids=str)
def test_equal_shapes_in_a_loss(shape):
    """Silence."""
    assert losses.mse(Value(np.ones(shape)), np.zeros(shape)).item() == 1.0


@pytest.mark.parametrize(
    "share",
    [
        lambda g, y, x: g.sum(),
        lambda g, y, x: g[:2],
        lambda g, y, x: g[None],
        lambda g, y, x: np.ones((3, 3)),
        lambda g, y, x: g.reshape(3, 1),
    ],
)
def test_a_rule_of_the_wrong_shape(share):
    """It is named, with its file and line; nothing is stretched into place or summed."""

    @tn.primitive(share)
    def identity(x):
        return x * 1.0

    line = share.__code__.co_firstlineno
    error = caught(lambda: identity(Value(np.ones(3))).sum().backward())
    assert isinstance(error, errors.GradientShapeError)
    assert f"test_errors.py:{line}" in str(error)


@pytest.mark.parametrize("given", [np.ones(1), np.ones((1, 1)), np.ones(3)])
def test_a_number_wants_a_number(given):
    """The gradient of a single number is not an array of one."""

    @tn.primitive(lambda g, y, x: g * given, check=False)
    def identity(x):
        return x * 1.0

    assert isinstance(caught(identity(Value(2.0)).backward), errors.GradientShapeError)


def test_a_rule_of_the_right_shape():
    """Silence: also where an elementwise rule leaves the broadcasting to the sweep."""

    @tn.elementwise(lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)
    def times(a, b):
        return a * b

    b = Value(np.ones(3))
    times(np.full((2, 3), 5.0), b).sum().backward()
    np.testing.assert_array_equal(b.grad, [10.0, 10.0, 10.0])


def test_names_that_people_use():
    """The Value's own name, else the variable that holds it, local or global; else a plain word."""
    named = Value([1.0], name="slope")
    assert "slope" in str(caught(named.backward))
    local = Value([1.0, 2.0])
    assert "local has shape" in str(caught(lambda: local.backward()))
    assert "GLOBAL has shape" in str(caught(lambda: GLOBAL.backward()))
    assert "has shape (1,)" in str(caught(lambda: Value([1.0]).backward()))


GLOBAL = Value([1.0, 2.0, 3.0])


def test_a_mistake_without_a_source_line():
    """Code from `exec` or a prompt has no line to show, and still an error."""
    with pytest.raises(errors.NotScalarError, match=r"\[TN103\] .*:2\n"):
        exec("import tinygrad_neuron as tn\ntn.Value([1.0]).backward()", {})
