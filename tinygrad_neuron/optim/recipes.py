"""Recipes that remember: each is one pure method, `move(gradient, memory) -> (change, memory)`.

A memory is a dictionary of numbers and arrays under the names that the papers give them; None
before the first step. Adam's authors write m and v for `mean` and `square`, and t for `steps`.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_neuron.graph import Array
from tinygrad_neuron.optim.descent import Optimiser, fraction
from tinygrad_neuron.optim.memories import Memory
from tinygrad_neuron.value import Value


class Momentum(Optimiser):
    """A heavy ball: each step goes on in the direction of the last ones (Polyak, 1964).

    v ← βv + g and the change is -α v. On a straight slope that is in the end 1/(1 - β) times as
    fast as without.

    >>> Momentum([Value(0.0)], alpha=0.1, beta=0.5).move(1.0, {"velocity": 1.0})
    (-0.15000000000000002, {'velocity': 1.5})
    """

    def __init__(
        self, parameters: Iterable[Value], alpha: Any, *, beta: float = 0.9, **settings: Any
    ) -> None:
        super().__init__(parameters, alpha, **settings)
        self.beta = fraction("beta", beta)

    def move(self, gradient: Array, memory: Memory = None) -> tuple[Array, Memory]:
        """-α v, and v."""
        velocity = gradient + (self.beta * memory["velocity"] if memory else 0.0)
        return -self.alpha * self.direction(gradient, velocity), {"velocity": velocity}

    def direction(self, gradient: Array, velocity: Array) -> Array:
        """Where to go: on as before."""
        return velocity


class Nesterov(Momentum):
    """Momentum that looks where it is about to be (Nesterov, 1983, as Sutskever et al., 2013).

    v ← βv + g and the change is -α (g + βv): the parameters are kept where the gradient is taken.
    """

    def direction(self, gradient: Array, velocity: Array) -> Array:
        """The step after the one that momentum takes."""
        return gradient + self.beta * velocity


class Adagrad(Optimiser):
    """Each weight by its own steepness so far: -α g / (√Σg² + eps) (Duchi et al., 2011)."""

    real_only = True

    def __init__(
        self, parameters: Iterable[Value], alpha: Any, *, eps: float = 1e-10, **settings: Any
    ) -> None:
        super().__init__(parameters, alpha, **settings)
        self.eps = eps

    def move(self, gradient: Array, memory: Memory = None) -> tuple[Array, Memory]:
        """The step, and the sum of the squared gradients."""
        total = gradient * gradient + (memory["total"] if memory else 0.0)
        return -self.alpha * gradient / (np.sqrt(total) + self.eps), {"total": total}


class RMSprop(Optimiser):
    """Each weight by its own recent steepness: -α g / (√v + eps) (Hinton, lecture 6e, 2012).

    v ← ρv + (1 - ρ)g² is the mean square of the gradient, the older the less.
    """

    real_only = True

    def __init__(
        self,
        parameters: Iterable[Value],
        alpha: Any,
        *,
        rho: float = 0.99,
        eps: float = 1e-8,
        **settings: Any,
    ) -> None:
        super().__init__(parameters, alpha, **settings)
        self.rho, self.eps = fraction("rho", rho), eps

    def move(self, gradient: Array, memory: Memory = None) -> tuple[Array, Memory]:
        """The step, and v."""
        square = faded(memory, "square", self.rho, gradient * gradient)
        return -self.alpha * gradient / (np.sqrt(square) + self.eps), {"square": square}


class Adam(Optimiser):
    """Steps of about α, however steep it is (Kingma and Ba, 2015, algorithm 1).

    Mean and mean square of the gradient, the older the less, both corrected for having started at
    0; the change is -α mean / (√square + eps).
    """

    real_only = True

    def __init__(
        self,
        parameters: Iterable[Value],
        alpha: Any,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        **settings: Any,
    ) -> None:
        super().__init__(parameters, alpha, **settings)
        first, second = betas
        self.betas = fraction("betas[0]", first), fraction("betas[1]", second)
        self.eps = eps

    def move(self, gradient: Array, memory: Memory = None) -> tuple[Array, Memory]:
        """The step, and how many there were, mean and mean square."""
        first, second = self.betas
        steps = memory["steps"] + 1 if memory else 1
        mean = faded(memory, "mean", first, gradient)
        square = faded(memory, "square", second, gradient * gradient)
        size = np.sqrt(square)
        size /= (1.0 - second**steps) ** 0.5  # in place: half of the time went into new arrays
        size += self.eps
        change = mean / size
        change *= -self.alpha / (1.0 - first**steps)
        return change, {"steps": steps, "mean": mean, "square": square}


class AdamW(Adam):
    """Adam whose weights decay by themselves, beside its steps (Loshchilov and Hutter, 2019).

    Each step takes α · decay of the weight away. Added to the gradient, as `Adam` does it, a decay
    is divided by the steepness like the rest, and does least where it is needed most.
    """

    decoupled = True

    def __init__(
        self, parameters: Iterable[Value], alpha: Any, *, decay: float = 0.01, **settings: Any
    ) -> None:
        super().__init__(parameters, alpha, decay=decay, **settings)


class Lion(Optimiser):
    """Steps of exactly α, up or down (Chen et al., 2023, algorithm 2).

    The change is -α sign(β₁m + (1 - β₁)g), then m ← β₂m + (1 - β₂)g. `decay` takes α · decay of
    the weight away, as in `AdamW`.
    """

    real_only = True
    decoupled = True

    def __init__(
        self,
        parameters: Iterable[Value],
        alpha: Any,
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        **settings: Any,
    ) -> None:
        super().__init__(parameters, alpha, **settings)
        first, second = betas
        self.betas = fraction("betas[0]", first), fraction("betas[1]", second)

    def move(self, gradient: Array, memory: Memory = None) -> tuple[Array, Memory]:
        """The step, and m."""
        first, second = self.betas
        ahead = faded(memory, "mean", first, gradient)
        return -self.alpha * np.sign(ahead), {"mean": faded(memory, "mean", second, gradient)}


def faded(memory: Memory, name: str, keep: float, new: Array) -> Array:
    """What is remembered under a name, of which so much is kept, and the rest is new."""
    fresh = (1.0 - keep) * new
    if memory:
        fresh += keep * memory[name]
    return fresh
