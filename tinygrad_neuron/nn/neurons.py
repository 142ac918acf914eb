"""Neurons, layers of them and networks of layers: ordinary expressions made of Values.

A neuron reads as the lesson writes it, z = w·x + b and ŷ = f(z):

    activation(x @ w + b)

A layer is the same line with one row of weights for each neuron, a network is layer after layer.
Nothing here knows about gradients: they follow from the expressions.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_neuron.arrays import is_foreign
from tinygrad_neuron.containers import leaves
from tinygrad_neuron.errors import LayerError
from tinygrad_neuron.graph import Array
from tinygrad_neuron.nn.initialisers import (
    Initialiser,
    Seed,
    he_normal,
    initialiser,
    lecun_normal,
)
from tinygrad_neuron.nn.module import Module
from tinygrad_neuron.ops import relu, sigmoid, softplus, tanh
from tinygrad_neuron.value import Value

Function = Callable[[Any], Any]
Activation = str | Function | None  # a name below, any function of a Value, or the usual one
Start = str | Initialiser | None  # the name of an initialiser, one of one's own, or the usual one


def linear(z: Array) -> Array:
    """z as it is: the activation where a number, not a decision, is wanted."""
    return z


ACTIVATIONS: dict[str, Function] = {f.__name__: f for f in (relu, tanh, sigmoid, softplus, linear)}


def activation_function(nonlin: bool, activation: Activation) -> Function:
    """The f of ŷ = f(z): relu where nothing is said, no f for `nonlin=False`, or the one named."""
    if activation is None:
        return relu if nonlin else linear
    if not nonlin:
        raise LayerError(
            f"nonlin=False asks for no activation, and activation={activation!r} for one.",
            hint="leave out one of the two",
        )
    if isinstance(activation, str):
        if activation not in ACTIVATIONS:
            raise _unknown(activation)
        return ACTIVATIONS[activation]
    return activation


def starting_weights(shape: tuple[int, ...], f: Function, init: Start, rng: Seed) -> Array:
    """Weights as the initialiser makes them; where none is named, what suits the activation.

    Before a relu, which lets half of what it is given through, that is `he_normal`, and
    `lecun_normal` before everything else. Biases start at 0.
    """
    start = initialiser(init, he_normal if f is relu else lecun_normal)
    return start(shape, np.random.default_rng(rng))


class Neuron(Module):
    """One neuron: ŷ = f(w·x + b).

    `w` is a Value of shape (nin,), `b` a single number. A row of nin numbers gives one number, a
    batch (N, nin) gives (N,). Rows may be arrays, Values, or lists of numbers or Values.

    >>> neuron = Neuron(2, activation="tanh", rng=0)
    >>> neuron
    Neuron(2, tanh)
    >>> neuron.w.data = [1.0, -1.0]
    >>> neuron([0.5, 0.5]), neuron([[0.5, 0.5], [20.0, 0.0]])
    (Value(0.0), Value([0.0, 1.0]))

    f is relu, for `nonlin=False` nothing, and with `activation=` one of relu, tanh, sigmoid,
    softplus, linear, or any function of a Value. `init` is one of the `INITIALISERS` by name, or a
    function of a shape and a generator; `rng` is a seed or a `numpy.random.Generator`, and without
    one every neuron starts elsewhere. Parameters: w, b.

    Raises `LayerError` (TN134) for rows of another width and for an unknown activation or start.
    """

    def __init__(
        self,
        nin: int,
        nonlin: bool = True,
        *,
        activation: Activation = None,
        init: Start = None,
        rng: Seed = None,
        name: str = "",
    ) -> None:
        self.name = name
        self.activation = activation_function(nonlin, activation)
        start = starting_weights((nin,), self.activation, init, rng)
        self.w = Value(start, name=joined(name, "w"))
        self.b = Value(0.0, name=joined(name, "b"))

    def __call__(self, x: Array) -> Value:
        return self.activation(rows(x, self.w, self.name or "the neuron") @ self.w + self.b)

    def __repr__(self) -> str:
        return f"Neuron({len(self.w)}, {called(self.activation)})"


class Layer(Module):
    """Neurons side by side, all looking at the same inputs: ŷ = f(W x + b).

    `w` is a Value of shape (nout, nin), one row for each neuron, and `b` one of shape (nout,). A
    row gives (nout,) numbers, a batch (N, nout). A layer of one neuron gives what the neuron would:
    one number, or (N,), so that predictions have the shape of their targets.

    >>> layer = Layer(3, 2, rng=0)
    >>> layer([1.0, 2.0, 3.0]).shape, layer(np.ones((5, 3))).shape
    ((2,), (5, 2))
    >>> Layer(3, 1)(np.ones((5, 3))).shape
    (5,)

    Settings and errors as for `Neuron`. Parameters: w, b.
    """

    def __init__(
        self,
        nin: int,
        nout: int,
        nonlin: bool = True,
        *,
        activation: Activation = None,
        init: Start = None,
        rng: Seed = None,
        name: str = "",
    ) -> None:
        self.name = name
        self.activation = activation_function(nonlin, activation)
        start = starting_weights((nout, nin), self.activation, init, rng)
        self.w = Value(start, name=joined(name, "w"))
        self.b = Value(np.zeros(nout), name=joined(name, "b"))

    def each(self, x: Array) -> Value:
        """ŷ of every neuron along the last axis, also where there is only one."""
        return self.activation(rows(x, self.w, self.name or "the layer") @ self.w.T + self.b)

    def __call__(self, x: Array) -> Value:
        y = self.each(x)
        return y[..., 0] if len(self.b) == 1 else y

    def __repr__(self) -> str:
        nout, nin = self.w.shape
        return f"Layer({nin} -> {nout}, {called(self.activation)})"


class Sequential(Module):
    """One layer after the other: modules, or functions of a Value.

    >>> Sequential(Layer(64, 32), np.tanh, Layer(32, 10, nonlin=False))
    Sequential of [Layer(64 -> 32, relu), tanh, Layer(32 -> 10, linear)]

    Parameters: those of `layers[0]`, then of `layers[1]`, and so on. Raises `LayerError` (TN134)
    without layers.
    """

    layers: Sequence[Any]

    def __init__(self, *layers: Function) -> None:
        if not layers:
            raise LayerError(
                "A network needs at least one layer.", hint="Sequential(Layer(64, 10))"
            )
        self.layers = list(layers)

    def __call__(self, x: Array) -> Any:
        *hidden, last = self.layers
        for layer in hidden:
            x = each_of(layer)(x)
        return last(x)

    def each(self, x: Array) -> Any:
        """What the last layer says of every neuron, also where there is only one."""
        for layer in self.layers:
            x = each_of(layer)(x)
        return x

    def __repr__(self) -> str:
        return f"{type(self).__name__} of [{', '.join(map(called, self.layers))}]"


class MLP(Sequential):
    """A multi-layer perceptron: layer after layer, an activation in all but the last.

    >>> MLP(2, [16, 16, 1])
    MLP of [Layer(2 -> 16, relu), Layer(16 -> 16, relu), Layer(16 -> 1, linear)]
    >>> MLP(2, [16, 1])([1.0, -2.0]).shape
    ()

    `activation` is that of the hidden layers; input and output, settings and errors as for `Layer`.
    Parameters: those of `layers[0]`, then of
    `layers[1]`, and so on, and named so.
    """

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        *,
        activation: Activation = None,
        init: Start = None,
        rng: Seed = None,
    ) -> None:
        if not len(nouts):
            raise LayerError("A network needs at least one layer.", hint=f"MLP({nin}, [1])")
        rng = np.random.default_rng(rng)
        functions = [activation_function(True, activation)] * (len(nouts) - 1) + [linear]
        self.layers = [
            Layer(n, m, activation=f, init=init, rng=rng, name=f"layers[{i}]")
            for i, (n, m, f) in enumerate(zip([nin, *nouts], nouts, functions, strict=False))
        ]


# ------------------------------------------------------------------------------ small helpers


def rows(x: Array, w: Value, taker: str) -> Array:
    """What a neuron or layer was given, as an array with an entry for each of its inputs."""
    if not isinstance(x, Value | np.ndarray) and not is_foreign(x):
        tracked = any(isinstance(part, Value) for part in leaves(x))
        x = Value(x) if tracked else np.asarray(x, w.dtype)
    if x.shape[-1:] != w.shape[-1:]:
        raise _misfit(x.shape, w.shape[-1], taker)
    return x


def _misfit(shape: tuple[int, ...], nin: int, taker: str) -> LayerError:
    given = f"{shape[-1]}: x has shape {shape}" if shape else "a single one"
    return LayerError(
        f"{taker} takes {nin} number{'s' * (nin > 1)} in a row and was given {given}.",
        why="Every input has a weight of its own.",
        hint=_remedy(shape, nin),
        given=shape,
        wanted=nin,
    )


def _remedy(shape: tuple[int, ...], nin: int) -> str:
    if not shape:
        return "[x] is a row of one number"
    if nin == 1:
        return f"x[..., None] makes {shape[-1]} rows of one number"
    if shape[:-1] == (nin,):
        return "x.T has the examples in its rows"
    return f"a row of shape ({nin},) or a batch of shape (N, {nin})"


def _unknown(activation: str) -> LayerError:
    return LayerError(
        f"There is no activation {activation!r}.",
        hint=f"{', '.join(ACTIVATIONS)}, or a function of a Value",
        activation=activation,
    )


def joined(owner: str, name: str) -> str:
    """`hidden.w`: a parameter's name, from its owner's."""
    return f"{owner}.{name}" if owner else name


def each_of(layer: Function) -> Function:
    """A layer as another one needs it below: what is one number is there a row of one number."""
    return getattr(layer, "each", layer)


def called(function: Function) -> str:
    """What a person calls a function."""
    return getattr(function, "__name__", repr(function))
