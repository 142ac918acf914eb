"""Neurons, layers and networks against the formulas they stand for."""

import copy
import math
import pickle

import numpy as np
import pytest

from tinygrad_neuron import Value, losses, no_grad
from tinygrad_neuron.errors import LayerError
from tinygrad_neuron.nn import ACTIVATIONS, MLP, Layer, Module, Neuron

TEXTBOOK = {
    "relu": lambda z: max(z, 0.0),
    "tanh": math.tanh,
    "sigmoid": lambda z: 1 / (1 + math.exp(-z)),
    "softplus": lambda z: math.log(1 + math.exp(z)),
    "linear": lambda z: z,
}
ROWS = [[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]]


def set_up(neuron):
    """The neuron with weights that are easy to follow."""
    neuron.w.data = [1.0, -2.0, 0.5]
    neuron.b.data = 0.25
    return neuron


def by_hand(function, row):
    """What that neuron says, from the definition."""
    return function(1.0 * row[0] - 2.0 * row[1] + 0.5 * row[2] + 0.25)


# ------------------------------------------------------------------------------------ a neuron


@pytest.mark.parametrize("name", TEXTBOOK)
def test_a_neuron_is_an_activation_of_a_weighted_sum(name):
    """ŷ = f(w·x + b), for every f that has a name."""
    neuron = set_up(Neuron(3, activation=name))
    said = [neuron(row).item() for row in ROWS]
    np.testing.assert_allclose(said, [by_hand(TEXTBOOK[name], row) for row in ROWS], rtol=1e-15)


def test_every_named_activation_is_in_the_textbook():
    """The table of names and the formulas above are about the same functions."""
    assert ACTIVATIONS.keys() == TEXTBOOK.keys()


@pytest.mark.parametrize(
    "make", [list, np.array, Value, lambda rows: [[Value(x) for x in row] for row in rows]]
)
def test_rows_come_as_they_are_at_hand(make):
    """Lists, arrays, Values and lists of Values say the same, row by row and as a batch."""
    neuron = set_up(Neuron(3, activation="tanh"))
    wanted = [by_hand(math.tanh, row) for row in ROWS]
    np.testing.assert_allclose(neuron(make(ROWS)).data, wanted, rtol=1e-15)
    np.testing.assert_allclose([neuron(row).item() for row in make(ROWS)], wanted, rtol=1e-15)


def test_one_row_gives_one_number_and_a_batch_one_for_each():
    """Shape () for a row, (N,) for N rows, also for N = 1 and N = 0."""
    neuron = Neuron(3)
    shapes = [neuron(np.ones(shape)).shape for shape in [(3,), (1, 3), (5, 3), (0, 3), (2, 5, 3)]]
    assert shapes == [(), (1,), (5,), (0,), (2, 5)]


def test_inputs_that_are_values_get_gradients_too():
    """∂ŷ/∂x is w, also through a list of Values."""
    x = [Value(each) for each in ROWS[0]]
    set_up(Neuron(3, activation="linear"))(x).backward()
    assert [each.grad for each in x] == [1.0, -2.0, 0.5]


def test_the_gradient_of_a_neuron():
    """∂ŷ/∂w = f'(z) x and ∂ŷ/∂b = f'(z), with tanh' = 1 - tanh²."""
    neuron = set_up(Neuron(3, activation="tanh"))
    neuron([0.1, 0.2, 0.3]).backward()
    slope = 1 - by_hand(math.tanh, [0.1, 0.2, 0.3]) ** 2
    np.testing.assert_allclose(neuron.w.grad, np.multiply(slope, [0.1, 0.2, 0.3]), rtol=1e-14)
    assert neuron.b.grad == pytest.approx(slope, rel=1e-14)


def test_relu_unless_something_else_is_said():
    """micrograd's default, and its switch."""
    assert repr(Neuron(2)) == "Neuron(2, relu)"
    assert repr(Neuron(2, nonlin=False)) == repr(Neuron(2, False)) == "Neuron(2, linear)"


@pytest.mark.parametrize("function", [np.sin, lambda z: np.exp(z) - 1.0])
def test_any_function_of_a_value_is_an_activation(function):
    """A NumPy function and a lambda serve as well as a name."""
    neuron = set_up(Neuron(3, activation=function))
    said = neuron(ROWS[0])
    said.backward()
    z = by_hand(TEXTBOOK["linear"], ROWS[0])
    assert said.item() == pytest.approx(function(z))
    assert neuron.b.grad == pytest.approx(np.cos(z) if function is np.sin else np.exp(z))


def test_float32_stays_float32():
    """A neuron whose weights are float32 answers in float32, whatever list it is given."""
    neuron = Neuron(2, activation="tanh")
    neuron.w = Value(np.array([1.0, 2.0], np.float32))
    neuron.b = Value(np.float32(0.5))
    assert neuron([0.1, 0.2]).dtype == neuron([[0.1, 0.2]]).dtype == np.float32


# ------------------------------------------------------------------------------------- a layer


def test_a_layer_is_its_neurons_side_by_side():
    """Row i of the weights, with bias i, is neuron i."""
    layer = Layer(3, 2, activation="sigmoid", rng=0)
    layer.b.data = [0.5, -0.5]
    for i in range(2):
        neuron = Neuron(3, activation="sigmoid")
        neuron.w.data, neuron.b.data = layer.w.data[i], layer.b.data[i]
        np.testing.assert_allclose(layer(ROWS).data[:, i], neuron(ROWS).data, rtol=1e-15)


def test_a_layer_of_one_neuron_answers_like_a_neuron():
    """So that (N,) predictions meet (N,) targets; with two neurons there is one more axis."""
    one, two = Layer(3, 1), Layer(3, 2)
    assert (one(ROWS[0]).shape, one(ROWS).shape) == ((), (2,))
    assert (two(ROWS[0]).shape, two(ROWS).shape) == ((2,), (2, 2))


def test_a_network_of_one_output_can_be_compared_with_its_targets():
    """The trap of (N, 1) against (N,) is not there to fall into."""
    losses.mse(MLP(3, [4, 1])(ROWS), [1.0, 2.0]).backward()


# ---------------------------------------------------------------------------------- a network


def test_a_network_is_layer_after_layer():
    """Its gradient is the one a person derives for two layers with tanh between."""
    model = MLP(3, [4, 2], activation="tanh", rng=1)
    x, t = np.array(ROWS), np.array([[1.0, 0.0], [0.0, 1.0]])
    loss = losses.mse(model(x), t)
    loss.backward()
    w, b, v, c = (np.array(p.data) for p in model.parameters())
    h = np.tanh(x @ w.T + b)
    error = h @ v.T + c - t
    owed_y = 2 * error / error.size
    owed_z = owed_y @ v * (1 - h**2)
    wanted = [owed_z.T @ x, owed_z.sum(0), owed_y.T @ h, owed_y.sum(0)]
    assert loss.item() == pytest.approx((error**2).mean(), rel=1e-14)
    for p, gradient in zip(model.parameters(), wanted, strict=True):
        np.testing.assert_allclose(p.grad, gradient, rtol=1e-12, atol=1e-15)


def test_only_the_last_layer_is_linear():
    """Hidden layers have the activation, the last one none."""
    assert repr(MLP(2, [3, 4, 1], activation="tanh")) == (
        "MLP of [Layer(2 -> 3, tanh), Layer(3 -> 4, tanh), Layer(4 -> 1, linear)]"
    )


@pytest.mark.parametrize("nouts", [[1, 1], [1, 3], [3, 1, 2]])
def test_a_hidden_layer_may_have_one_neuron(nouts):
    """What is one number for a person is a row of one number for the next layer."""
    shape = () if nouts[-1] == 1 else (nouts[-1],)
    assert MLP(2, nouts)([1.0, 2.0]).shape == shape
    assert MLP(2, nouts)(np.ones((5, 2))).shape == (5, *shape)


def test_parameters_come_layer_by_layer_and_have_names():
    """Each is called what a person would type to find it, in the order of the layers."""
    model = MLP(2, [3, 1])
    assert [p.name for p in model.parameters()] == [
        "layers[0].w",
        "layers[0].b",
        "layers[1].w",
        "layers[1].b",
    ]
    for p in model.parameters():
        assert eval(f"model.{p.name}") is p
    assert [p.name for p in Neuron(2).parameters()] == ["w", "b"]
    assert [p.name for p in Layer(2, 2, name="out").parameters()] == ["out.w", "out.b"]


def test_as_many_numbers_as_in_the_demonstration_of_micrograd():
    """2 inputs and layers of 16, 16 and 1 neurons make 337 parameters."""
    assert sum(p.size for p in MLP(2, [16, 16, 1]).parameters()) == 337


def test_zero_grad_forgets_all_gradients():
    """After it a backward pass starts from nothing, so two passes give the same."""
    model = MLP(2, [3, 1], rng=0)
    gradients = []
    for _ in range(2):
        model.zero_grad()
        model([[1.0, 2.0], [3.0, -4.0]]).sum().backward()
        gradients.append([np.array(p.grad) for p in model.parameters()])
    for first, second in zip(*gradients, strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_module_of_ones_own():
    """A subclass says what its parameters are and inherits the rest; one without has none."""

    class Scale(Module):
        def __init__(self):
            self.a = Value(2.0)

        def parameters(self):
            return [self.a]

    scale = Scale()
    (scale.a * 3.0).backward()
    scale.zero_grad()
    assert scale.a.grad == 0.0
    assert Module().parameters() == []


@pytest.mark.parametrize(
    "model", [Neuron(2, activation="tanh", rng=0), Layer(2, 3, rng=0), MLP(2, [3, 1], rng=0)]
)
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_says_the_same_and_learns_by_itself(model, duplicate):
    """Copying and pickling keep weights and names, and share nothing."""
    other = duplicate(model)
    np.testing.assert_array_equal(other(np.eye(2)).data, model(np.eye(2)).data)
    before = [np.array(p.data) for p in model.parameters()]
    for p in other.parameters():
        p.data += 1.0
    for p, q, data in zip(model.parameters(), other.parameters(), before, strict=True):
        assert p is not q
        assert p.name == q.name
        np.testing.assert_array_equal(p.data, data)


def test_exclusive_or_is_learnt():
    """The smallest table that no single neuron can learn."""
    x, y = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([0, 1, 1, 0])
    model = MLP(2, [8, 1], activation="tanh", rng=0)
    for _ in range(200):
        model.zero_grad()
        losses.binary_cross_entropy(model(x), y).backward()
        for p in model.parameters():
            p.data -= 1.0 * p.grad
    with no_grad():
        np.testing.assert_array_equal(model(x).data > 0, y == 1)


# --------------------------------------------------------------------------------- the start


def test_the_same_seed_gives_the_same_start():
    """Bit for bit, whether the seed or its Generator is handed over."""
    starts = [MLP(2, [3, 1], rng=rng) for rng in (5, 5, np.random.default_rng(5))]
    for p, q, r in zip(*(model.parameters() for model in starts), strict=True):
        np.testing.assert_array_equal(p.data, q.data)
        np.testing.assert_array_equal(p.data, r.data)


def test_one_generator_travels_through_all_layers():
    """Layers of equal size start differently, and the next model goes on where this one ended."""
    rng = np.random.default_rng(0)
    weights = [layer.w.data for _ in range(2) for layer in MLP(3, [3, 3], rng=rng).layers]
    assert len({w.tobytes() for w in weights}) == 4


def test_without_a_seed_every_start_is_new():
    """Nothing is seeded behind one's back."""
    assert len({Neuron(2).w.data.tobytes() for _ in range(4)}) == 4


@pytest.mark.parametrize(
    ("activation", "variance"),
    [("relu", 2.0), ("tanh", 1.0), ("sigmoid", 1.0), ("softplus", 1.0), ("linear", 1.0)],
)
def test_weights_start_with_the_stated_spread(activation, variance):
    """√(2/nin) for relu and √(1/nin) for the others, around 0; biases start at 0."""
    layer = Layer(400, 500, activation=activation, rng=0)
    neuron = Neuron(100_000, activation=activation, rng=0)
    assert np.std(layer.w.data) == pytest.approx(math.sqrt(variance / 400), rel=0.01)
    assert np.std(neuron.w.data) == pytest.approx(math.sqrt(variance / 100_000), rel=0.01)
    assert abs(np.mean(layer.w.data)) < 4 * np.std(layer.w.data) / math.sqrt(layer.w.size)
    assert not np.any(layer.b.data)
    assert neuron.b.data == 0.0


def test_numbers_keep_their_size_through_twenty_layers():
    """That is what the spread is for: with relu each layer halves, the weights double."""
    x = np.random.default_rng(0).normal(size=(200, 100))
    with no_grad():
        for y in (
            MLP(100, [100] * 20, rng=1)(x),
            MLP(100, [100] * 20, activation="linear", rng=1)(x),
        ):
            assert 0.25 < np.mean(y.data**2) < 4.0


# --------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("make", "shape", "sentence", "remedy"),
    [
        (
            lambda: Neuron(3),
            (2,),
            "the neuron takes 3 numbers in a row and was given 2: x has shape (2,).",
            "a row of shape (3,) or a batch of shape (N, 3)",
        ),
        (
            lambda: Layer(3, 2, name="hidden"),
            (5, 2),
            "hidden takes 3 numbers in a row and was given 2: x has shape (5, 2).",
            "a row of shape (3,) or a batch of shape (N, 3)",
        ),
        (
            lambda: MLP(3, [4, 1]),
            (3, 5),
            "layers[0] takes 3 numbers in a row and was given 5: x has shape (3, 5).",
            "x.T has the examples in its rows",
        ),
        (
            lambda: Neuron(1),
            (4,),
            "the neuron takes 1 number in a row and was given 4: x has shape (4,).",
            "x[..., None] makes 4 rows of one number",
        ),
        (
            lambda: Layer(1, 2),
            (),
            "the layer takes 1 number in a row and was given a single one.",
            "[x] is a row of one number",
        ),
    ],
)
def test_a_row_of_the_wrong_width_is_refused(make, shape, sentence, remedy):
    """The message names both numbers and who was asked, and what to write instead."""
    model = make()
    with pytest.raises(LayerError) as caught:
        model(np.ones(shape))
    assert str(caught.value).splitlines()[1:] == [
        sentence,
        "Every input has a weight of its own.",
        f"  do:  {remedy}",
    ]
    assert isinstance(caught.value, ValueError)
    assert caught.value.data["given"] == shape


def test_the_layer_that_is_at_fault_is_named():
    """Not the network as a whole: here its second layer was replaced by one that does not fit."""
    model = MLP(2, [3, 1])
    model.layers[1] = MLP(2, [4, 1]).layers[1]
    with pytest.raises(LayerError, match=r"layers\[1\] takes 4 numbers in a row and was given 3"):
        model([1.0, 2.0])


@pytest.mark.parametrize(
    "make", [Neuron, lambda **f: Layer(2, 2, **f), lambda **f: MLP(2, [2], **f)]
)
def test_an_unknown_activation_is_refused_with_the_known_ones(make):
    """Also where no hidden layer would use it."""
    make = (lambda **f: Neuron(2, **f)) if make is Neuron else make
    with pytest.raises(LayerError, match=r"no activation 'rely'\.\n  do:  relu, tanh, sigmoid, "):
        make(activation="rely")


def test_an_activation_and_none_at_once_is_refused():
    """nonlin=False and activation="tanh" contradict each other."""
    with pytest.raises(LayerError, match="nonlin=False asks for no activation"):
        Neuron(2, nonlin=False, activation="tanh")


@pytest.mark.parametrize("make", [lambda: Neuron(0), lambda: Layer(2, 0), lambda: MLP(2, [3, 0])])
def test_nothing_cannot_be_joined(make):
    """No inputs, or no neurons, is a mistake and not a division by zero."""
    with pytest.raises(LayerError, match="at least one input and one neuron"):
        make()


def test_a_network_without_layers_is_refused():
    """It could only give back its input."""
    with pytest.raises(LayerError, match=r"at least one layer\.\n  do:  MLP\(2, \[1\]\)"):
        MLP(2, [])
