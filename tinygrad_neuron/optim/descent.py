"""How gradients become better parameters: each takes a small step down its slope.

Read this third. A gradient says how fast the loss rises as a parameter grows. The loss is to fall,
so the parameter goes the other way, and that is all of learning:

    w.data -= alpha * w.grad

The minus is right whatever the sign of the gradient. Where that is positive, w shrinks; where it is
negative, the loss falls as w grows, and taking away a negative number makes w grow. alpha says how
far: too little is slow, too much leads past the bottom of the valley and up the other side. Where
the slope changes by λ per unit of w, the bottom is reached at alpha = 1/λ, and from 2/λ on every
step ends at least as high as it began.

A recipe is one method, `move`. It is pure: given a gradient, and what it remembers of earlier ones,
it tells the change and what to remember next. The optimiser keeps the memories, one for each
parameter, and writes nothing on the parameters but their new data.
"""

from collections.abc import Iterable, Mapping
from math import inf
from typing import Any, ClassVar

import numpy as np

from tinygrad_neuron.errors import (
    DescentError,
    GradientNotComputedError,
    ImmutableError,
    UnsupportedError,
    name_of,
)
from tinygrad_neuron.graph import Array, is_complex
from tinygrad_neuron.optim.clipping import Clip
from tinygrad_neuron.optim.memories import Memory, parts, read
from tinygrad_neuron.optim.schedules import Schedule
from tinygrad_neuron.value import Value


class Optimiser:
    """Parameters, what is remembered about each, and how far to go; a subclass says how to `move`.

    `alpha` is a number or a schedule, a function of the steps already taken; as an attribute it is
    the number, and may be changed between steps. `clip` keeps all gradients within limits
    (`clip_by_norm`, `clip_by_value`). `decay` pulls the weights towards 0: decay · weight is added
    to the gradient or, where the recipe says so, α · decay · weight taken away beside the step.

    Raises `DescentError` (TN136) without parameters, for an alpha that is not positive and finite
    and a decay that is not 0 or more, and `ImmutableError` (TN132) for a parameter that is not a
    leaf; `UnsupportedError` (TN131) for complex ones where a recipe goes by the size of a gradient.
    One listed twice is moved once.
    """

    decoupled: ClassVar[bool] = False  # whether weights decay beside the step
    real_only: ClassVar[bool] = False  # whether it squares gradients, or asks for their sign

    def __init__(
        self,
        parameters: Iterable[Value],
        alpha: float | Schedule,
        *,
        clip: Clip | None = None,
        decay: float = 0.0,
    ) -> None:
        self.parameters = leaves_of(parameters)
        if self.real_only:
            refuse_complex(type(self).__name__, self.parameters)
        self.schedule = alpha if callable(alpha) else None
        self.alpha = _positive(alpha(0) if callable(alpha) else alpha)
        self.clip, self.decay = clip, _decay(decay)
        self.steps = 0
        self.memory: list[Memory] = [None] * len(self.parameters)

    def move(self, gradient: Array, memory: Memory) -> tuple[Array, Memory]:
        """The change of a parameter with this gradient, and what to remember until the next."""
        raise NotImplementedError

    def step(self) -> None:
        """Move every parameter once, by the gradient it has.

        Raises `GradientNotComputedError` (TN102) for a parameter without one, before any is moved.
        """
        gradients = [_gradient(p, f"parameter {i}") for i, p in enumerate(self.parameters)]
        if self.schedule:
            self.alpha = float(self.schedule(self.steps))
        clipped = self.clip(gradients) if self.clip else gradients
        for i, (p, gradient) in enumerate(zip(self.parameters, clipped, strict=True)):
            change, self.memory[i] = self.move(self._owed(p, gradient), self.memory[i])
            p.data += self._with_decay(p, change)
        self.steps += 1

    def _owed(self, p: Value, gradient: Array) -> Array:
        coupled = self.decay and not self.decoupled
        return gradient + self.decay * p.data if coupled else gradient

    def _with_decay(self, p: Value, change: Array) -> Array:
        beside = self.decay and self.decoupled
        return change - self.alpha * self.decay * p.data if beside else change

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to zero, before the next `backward()`."""
        for p in self.parameters:
            p.zero_grad()

    def state(self) -> dict[str, Array]:
        """Copies of what it remembers, by name: `steps`, `alpha`, `memory[0].mean`, ..."""
        kept = {"steps": self.steps, "alpha": self.alpha}
        for i, memory in enumerate(self.memory):
            kept |= {f"memory[{i}]{end}": part for end, part in parts(memory)}
        return {name: np.array(part) for name, part in kept.items()}

    def load(self, state: Mapping[str, Array]) -> None:
        """Go on, bit for bit, where `state()` was taken; the parameters have a state of their own.

        Raises `StateError` (TN185) for an entry that is missing, too many or of another shape; then
        nothing was changed.
        """
        numbers = {name: np.asarray(part) for name, part in state.items()}
        memory = read(numbers, self.parameters)
        self.steps, self.alpha = int(numbers["steps"]), float(numbers["alpha"])
        self.memory = memory


class GradientDescent(Optimiser):
    """The plain recipe: straight down the slope, and nothing to remember (Cauchy, 1847).

    >>> w = Value([0.0, 0.0], name="w")
    >>> descent = GradientDescent([w], alpha=4e-6)
    >>> loss = (w @ [256.0, 212.0] - 1492.0) ** 2
    >>> loss.backward()
    >>> descent.step()
    >>> w.grad, w.data.round(6)
    (array([-763904., -632608.]), array([3.055616, 2.530432]))
    """

    def move(self, gradient: Array, memory: Memory = None) -> tuple[Array, Memory]:
        """-alpha · gradient, and the memory as it was."""
        return -self.alpha * gradient, memory


def _positive(alpha: float) -> float:
    """alpha as a Python float, which leaves float32 parameters float32."""
    if not 0.0 < alpha < inf:
        raise DescentError(
            f"alpha is {alpha!r}.",
            why="It says how far to go down the slope: a negative one goes up, 0 stays, and with "
            "inf or nan there is no coming back.",
            hint="alpha=0.01",
            alpha=alpha,
        )
    return float(alpha)


def _decay(decay: float) -> float:
    if not 0.0 <= decay < inf:
        raise DescentError(
            f"decay is {decay!r}.",
            why="It says how strongly weights are pulled towards 0; below it they would grow.",
            hint="decay=0.01",
            decay=decay,
        )
    return float(decay)


def fraction(name: str, part: float) -> float:
    """A part that a recipe keeps of what it remembers: from 0 to below 1."""
    if not 0.0 <= part < 1.0:
        raise DescentError(
            f"{name} is {part!r}.",
            why="It is the part of its memory that a recipe keeps: 1 would never learn anything.",
            hint=f"{name.partition('[')[0]} of 0 or more and below 1",
            given=part,
        )
    return float(part)


def refuse_complex(recipe: str, parameters: Iterable[Value]) -> None:
    """Raise for a recipe that would square what has two parts."""
    for i, p in enumerate(parameters):
        if is_complex(p):
            raise UnsupportedError(
                f"{recipe} was given {name_of(p, f'parameter {i}')}, which is complex.",
                why="It goes by the size of each number, and this one has two parts.",
                hint="two real parameters and re + 1j * im;  or GradientDescent or Momentum",
            )


def leaves_of(parameters: Iterable[Value]) -> list[Value]:
    """The parameters, each once, if all of them can be moved and there are any."""
    listed = list(parameters)
    if not listed:
        raise DescentError(
            "There are no parameters, so nothing would ever be learnt.",
            why="The list is empty, or an iterator that was used up before.",
            hint="GradientDescent([w, b], alpha)   or   GradientDescent(model.parameters(), alpha)",
        )
    for i, p in enumerate(listed):
        if not isinstance(p, Value) or p.primitive is not None:
            raise _not_a_leaf(p, f"parameter {i}")
    return list(dict.fromkeys(listed))


def _not_a_leaf(p: Any, otherwise: str) -> ImmutableError:
    maker = getattr(p, "primitive", None)
    what = f"a result of {maker.name}" if maker else f"of type {type(p).__name__}"
    return ImmutableError(
        f"{name_of(p, otherwise)} is {what}, and only leaves can be moved.",
        why="A result follows from what it was computed from, and a plain number has no gradient.",
        hint="GradientDescent([w, b], alpha): the Values that you made, in a list",
    )


def _gradient(p: Value, otherwise: str) -> Array:
    """The gradient to move by, or an error that names who has none."""
    if p.gradient is None:
        name = name_of(p, otherwise)
        raise GradientNotComputedError(
            f"{name} has no gradient: no backward() has reached it.",
            why="There was none since it was made, or the loss does not depend on it.",
            hint=f"loss.backward() before step();  if {name} is not in the loss, do not pass it",
            name=name,
        )
    return p.gradient
