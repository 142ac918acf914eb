"""Results of compiled functions as Values: a gradient goes through them, by a program again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_neuron.containers import leaves, rebuilt
from tinygrad_neuron.graph import Array, Node, kept, primitive
from tinygrad_neuron.modes import paused
from tinygrad_neuron.program.lines import Name
from tinygrad_neuron.program.passes import optimised
from tinygrad_neuron.program.program import Program
from tinygrad_neuron.program.tracing import program_of
from tinygrad_neuron.transforms import value_and_grad, vjp
from tinygrad_neuron.value import Value

Run = Callable[..., Any]
Which = tuple[int, ...]  # the inputs that move, by position


@dataclass
class Recorder:
    """A program whose results are to be differentiated, and the programs of its gradients."""

    program: Program
    run: Run
    backend: Callable[[Program], Run]
    made: dict[Any, Run] = field(default_factory=dict)

    def __call__(self, owners: Sequence[Array]) -> Any:
        """The results as Values that were made from the inputs, some of which are Values."""
        inputs = [x._data if isinstance(x, Node) else x for x in owners]
        moving = () if paused() else tuple(i for i, x in enumerate(owners) if _moves(x))
        if not moving:
            numbers = leaves(self.run(*inputs))
            return rebuilt(self.program.outputs, [Value.made(x, compiled) for x in numbers])
        single = isinstance(self.program.outputs, Name) and not self._kind(0).shape
        if single and np.dtype(self._kind(0).dtype).kind == "f":
            number, slopes = self._with_slopes(inputs, moving)(*inputs)
            return self._node(number, owners, Call(self, moving, 0, slopes))
        numbers = leaves(self.run(*inputs))
        calls = (Call(self, moving, i) for i in range(len(self.program.results)))
        nodes = [self._node(x, owners, call) for x, call in zip(numbers, calls, strict=True)]
        return rebuilt(self.program.outputs, nodes)

    def with_leaves(self, leaves: Sequence[Node]) -> Run:
        """The same for plain inputs, with these leaves behind them."""
        return lambda *inputs: self((*inputs, *leaves))

    def _kind(self, i: int) -> Any:
        """The line, or the input, that a result is."""
        name, program = self.program.results[i], self.program
        kinds: dict[str, Any] = {x.name: x for x in program.inputs}
        return (kinds | {x.name: x for x in program.lines})[name]

    def _node(self, number: Any, owners: Sequence[Array], call: "Call") -> Value:
        inputs = tuple(x if i in call.moving else kept(_data(x)) for i, x in enumerate(owners))
        return Value.made(number, compiled, inputs, {"call": call})

    def _with_slopes(self, inputs: Sequence[Array], moving: Which) -> Run:
        """Of one number: it and its gradient, which costs little more than the number alone."""
        if moving not in self.made:
            f = value_and_grad(lambda *xs: self.result(0, xs), moving)
            self.made[moving] = self.backend(optimised(program_of(f)(*inputs)))
        return self.made[moving]

    def pulled(self, call: "Call", g: Array, inputs: Sequence[Array]) -> dict[int, Array]:
        """What each moving input is owed when a result is owed g; recorded for Values."""
        if any(isinstance(x, Node) for x in (g, *inputs)):
            shares = self._pulled(call, g, inputs)
        else:
            key = (call.part, call.moving)
            if key not in self.made:
                pull = program_of(lambda g, *xs: self._pulled(call, g, xs))
                self.made[key] = self.backend(optimised(pull(g, *inputs)))
            shares = self.made[key](g, *inputs)
        return dict(zip(call.moving, shares, strict=True))

    def _pulled(self, call: "Call", g: Array, inputs: Sequence[Array]) -> tuple[Array, ...]:
        def moved(*xs: Array) -> Array:
            known = dict(zip(call.moving, xs, strict=True))
            return self.result(call.part, [known.get(i, x) for i, x in enumerate(inputs)])

        chosen = [inputs[i] for i in call.moving]
        return vjp(moved, *chosen)[1](g)

    def result(self, i: int, inputs: Sequence[Array]) -> Array:
        """One of the results by the primitives, which are recorded for Values."""
        y = (self.program.whole or self.program).replay(inputs)[i]
        return y if isinstance(y, Node) else Value(y)


@dataclass
class Call:
    """One call of a compiled function: which inputs moved, which result this is, and its slopes."""

    recorder: Recorder
    moving: Which
    part: int
    slopes: Sequence[Array] | None = None
    last: tuple[Array, dict[int, Array]] | None = None  # g, and what all inputs were owed for it

    def share(self, g: Array, inputs: Sequence[Array], i: int) -> Array:
        """What input number i is owed."""
        if self.slopes is not None and not any(isinstance(x, Node) for x in inputs):
            return g * self.slopes[self.moving.index(i)]
        found = self.last
        if found is None or found[0] is not g:
            found = self.last = g, self.recorder.pulled(self, g, inputs)
        return found[1][i]


@primitive(lambda g, y, *xs, i, call: call.share(g, xs, i), steep=False)
def compiled(*inputs: Array, call: Call) -> Array:
    """One of the results of a compiled function."""
    return call.recorder.result(call.part, inputs)


def _data(x: Array) -> Array:
    return x._data if isinstance(x, Node) else x


def _moves(x: Array) -> bool:
    return isinstance(x, Node) and not x.constant
