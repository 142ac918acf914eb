"""micrograd's names on this engine: a change of the import line, and every weight is one number.

    from tinygrad_neuron.micrograd import Value, Neuron, Layer, MLP

stands for the two imports of a script that was written for karpathy/micrograd. Weights start as
they do there, uniform between -1 and 1 from Python's own `random`, so that a script which calls
`random.seed` starts where it always did. For arrays, and for speed, see `tinygrad_neuron.nn`.
"""

import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from tinygrad_neuron import nn
from tinygrad_neuron.errors import LayerError
from tinygrad_neuron.nn import Module
from tinygrad_neuron.value import Value

__all__ = ["MLP", "Layer", "Module", "Neuron", "Value"]


class Neuron(Module):
    """One neuron: a list `w` of single Values, and `b`. Parameters: the weights, then b."""

    def __init__(self, nin: int, nonlin: bool = True) -> None:
        self.w = [Value(random.uniform(-1.0, 1.0)) for _ in range(nin)]
        self.b = Value(0.0)
        self.nonlin = nonlin

    def __call__(self, x: Sequence[Any]) -> Value:
        if len(x) != len(self.w):
            raise LayerError(f"{self!r} takes {len(self.w)} numbers and was given {len(x)}.")
        z = sum((w * each for w, each in zip(self.w, x, strict=True)), self.b)
        return z.relu() if self.nonlin else z

    def parameters(self) -> list[Value]:
        """The weights, then the bias."""
        return [*self.w, self.b]  # said: to look for 337 single numbers takes twenty times as long

    def __repr__(self) -> str:
        return f"{'ReLU' if self.nonlin else 'Linear'}Neuron({len(self.w)})"


class Layer(Module):
    """A list of `neurons` that look at the same inputs. Parameters: neuron by neuron."""

    def __init__(self, nin: int, nout: int, nonlin: bool = True) -> None:
        self.neurons = [Neuron(nin, nonlin) for _ in range(nout)]

    def each(self, x: Sequence[Any]) -> list[Value]:
        """What every neuron says, as a list even where there is only one."""
        return [neuron(x) for neuron in self.neurons]

    def __call__(self, x: Sequence[Any]) -> Any:
        y = self.each(x)
        return y[0] if len(y) == 1 else y

    def parameters(self) -> list[Value]:
        """Those of the neurons, first to last."""
        return [p for neuron in self.neurons for p in neuron.parameters()]

    def __repr__(self) -> str:
        return f"Layer of {self.neurons}"


class MLP(nn.MLP):
    """Layer after layer, relu in all but the last. Parameters: layer by layer.

    >>> model = MLP(2, [16, 16, 1])
    >>> len(model.parameters())
    337
    """

    def __init__(self, nin: int, nouts: Sequence[int]) -> None:
        joints = list(pairwise([nin, *nouts]))
        self.layers = [Layer(n, m, nonlin=i < len(joints)) for i, (n, m) in enumerate(joints, 1)]

    def parameters(self) -> list[Value]:
        """Those of the layers, first to last."""
        return [p for layer in self.layers for p in layer.parameters()]
