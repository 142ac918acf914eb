"""Code written for micrograd, run after a change of its import line alone."""

import math
import random

import pytest

from tinygrad_neuron.errors import TinygradNeuronError
from tinygrad_neuron.micrograd import MLP, Layer, Module, Neuron, Value


def moons(count):
    """Two half circles that reach into each other, with labels -1 and 1 in turn, from `random`."""
    for i in range(count):
        angle, upper = math.pi * random.random(), i % 2
        x = math.cos(angle) if upper else 1.0 - math.cos(angle)
        y = math.sin(angle) if upper else 0.5 - math.sin(angle)
        yield [x + random.gauss(0.0, 0.1), y + random.gauss(0.0, 0.1)], 2 * upper - 1


def margin_loss(model, examples):
    """The mean hinge loss plus a little of every weight squared, and how many signs are right."""
    scores = [model([Value(x) for x in row]) for row, _ in examples]
    losses = [
        (1 + -label * score).relu() for (_, label), score in zip(examples, scores, strict=True)
    ]
    size = 1e-4 * sum(p * p for p in model.parameters())
    right = [
        (label > 0) == (score.data > 0) for (_, label), score in zip(examples, scores, strict=True)
    ]
    return sum(losses) * (1.0 / len(losses)) + size, sum(right) / len(right)


def test_the_first_example_of_its_readme():
    """The numbers printed there: 24.7041, and the gradients 138.8338 and 645.5773."""
    a, b = Value(-4.0), Value(2.0)
    p = a + b
    p += p + 1
    p += 1 + p + (-a)
    q = a * b + b**3
    q += q * 2 + (b + a).relu()
    q += 3 * q + (b - a).relu()
    square = (p - q) ** 2
    result = square / 2.0
    result += 10.0 / square
    assert f"{result.data:.4f}" == "24.7041"
    result.backward()
    assert f"{a.grad:.4f} {b.grad:.4f}" == "138.8338 645.5773"


def test_the_moons_are_told_apart():
    """Its demonstration, with 24 points and 30 steps: the loss falls, and every sign is right."""
    random.seed(0)
    examples = list(moons(24))
    model = MLP(2, [16, 16, 1])
    assert len(model.parameters()) == 337
    first, _ = margin_loss(model, examples)
    for step in range(30):
        loss, _ = margin_loss(model, examples)
        model.zero_grad()
        loss.backward()
        rate = 1.0 - 0.9 * step / 30
        for p in model.parameters():
            p.data -= rate * p.grad
    loss, accuracy = margin_loss(model, examples)
    assert accuracy == 1.0
    assert loss.data < 0.1 * first.data


def test_a_neuron_is_a_list_of_numbers():
    """w is a list of single Values and b one more; relu unless it is told not to."""
    neuron = Neuron(2)
    neuron.w[0].data, neuron.w[1].data, neuron.b.data = 2.0, -3.0, 0.5
    said = neuron([Value(1.0), 0.25])
    assert (said.data, neuron([0.0, 1.0]).data) == (1.75, 0.0)
    said.backward()
    assert [p.grad for p in neuron.parameters()] == [1.0, 0.25, 1.0]
    linear = Neuron(1, nonlin=False)
    linear.w[0].data = 1.0
    assert linear([-2.0]).data == -2.0


def test_parameters_come_neuron_by_neuron():
    """The weights of a neuron, its bias, the next neuron, the next layer."""
    model = MLP(2, [2, 1])
    wanted = [p for layer in model.layers for n in layer.neurons for p in [*n.w, n.b]]
    assert [id(p) for p in model.parameters()] == [id(p) for p in wanted]
    assert all(isinstance(p.data, float) for p in model.parameters())


def test_only_the_last_layer_is_linear():
    """As there, and printed as there."""
    assert repr(MLP(2, [1, 2])) == (
        "MLP of [Layer of [ReLUNeuron(2)], Layer of [LinearNeuron(1), LinearNeuron(1)]]"
    )


def test_one_neuron_gives_a_value_and_several_a_list():
    """The last layer of one neuron is unwrapped; a hidden one does not stop the next."""
    x = [1.0, -2.0]
    assert isinstance(Layer(2, 1)(x), Value)
    assert [type(y) for y in Layer(2, 3)(x)] == [Value] * 3
    assert isinstance(MLP(2, [1, 1])(x), Value)


def test_the_start_is_the_one_the_script_seeds():
    """Weights are `random.uniform(-1, 1)` in the order of the parameters, biases are 0."""
    random.seed(1337)
    model = MLP(3, [4, 4, 1])
    random.seed(1337)
    for layer in model.layers:
        for neuron in layer.neurons:
            assert [w.data for w in neuron.w] == [random.uniform(-1, 1) for _ in neuron.w]
            assert neuron.b.data == 0.0


def test_its_module_can_be_extended():
    """Neurons, layers and networks are Modules: parameters and zero_grad."""
    model = MLP(2, [2, 1])
    assert all(isinstance(m, Module) for m in (model, model.layers[0], model.layers[0].neurons[0]))
    model([1.0, 1.0]).backward()
    model.zero_grad()
    assert {p.grad for p in model.parameters()} == {0.0}


def test_a_row_of_the_wrong_width_is_refused():
    """There it was cut to the shorter of the two, and something else was learnt."""
    with pytest.raises(
        TinygradNeuronError, match=r"ReLUNeuron\(3\) takes 3 numbers and was given 2"
    ):
        MLP(3, [2, 1])([1.0, 2.0])
