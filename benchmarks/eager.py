"""What a step costs on arrays, beside the same step written out by hand in NumPy.

    python benchmarks/eager.py [--rounds 20] [--only digits] [--json]

A step is a loss and its gradient, from scratch: nothing is compiled or kept between steps. Every
gradient is compared with the hand-written one before anything is timed. Libraries that are not
installed are left out, and named as such.
"""

from __future__ import annotations

import one_thread  # noqa: F401  # before NumPy

# isort: split
import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
from harness import STEPS, TOGETHER, Contender, Times, compare, interleave, machine, table, version

import tinygrad_neuron as tn

BY_HAND = "NumPy by hand"
Arrays = Sequence[Any]
rng = np.random.default_rng(1492)


# ---- the work: a loss of parameters and data, and its gradient written out by hand ----


@dataclass(frozen=True)
class Workload:
    """A loss `(functions, parameters, data)`, its value and gradient by hand, and the numbers."""

    name: str
    loss: Callable[[Any, Arrays, Arrays], Any]
    by_hand: Callable[[Arrays, Arrays], tuple[Any, list[Any]]]
    parameters: list[Any]
    data: list[Any]

    @property
    def steps(self) -> int:
        """Fewer in a row where one is long."""
        size = sum(x.size for x in [*self.parameters, *self.data])
        return max(1, min(STEPS, 10_000_000 // size))


def network(f: Any, parameters: Arrays, data: Arrays) -> Any:
    """Two hidden layers of tanh; the mean of the squared errors."""
    a, b, c, d, e, g = parameters
    x, y = data
    h = f.tanh(f.tanh(x @ a + b) @ c + d)
    r = h @ e + g - y
    return f.mean(r * r)


def network_by_hand(parameters: Arrays, data: Arrays) -> tuple[Any, list[Any]]:
    """The chain rule, as one writes it when one has time."""
    a, b, c, d, e, g = parameters
    x, y = data
    h1 = np.tanh(x @ a + b)
    h2 = np.tanh(h1 @ c + d)
    r = h2 @ e + g - y
    loss = (r * r).mean()
    r *= 2.0 / r.size
    z2 = (r @ e.T) * (1.0 - h2 * h2)
    z1 = (z2 @ c.T) * (1.0 - h1 * h1)
    return loss, [x.T @ z1, z1.sum(0), h1.T @ z2, z2.sum(0), h2.T @ r, r.sum(0)]


def elementwise(f: Any, parameters: Arrays, data: Arrays) -> Any:
    """mean(log1p(exp(-y * (tanh(x) * sin(x) + x * x)))), entry by entry."""
    (x,), (y,) = parameters, data
    return f.mean(f.log1p(f.exp(-y * (f.tanh(x) * f.sin(x) + x * x))))


def elementwise_by_hand(parameters: Arrays, data: Arrays) -> tuple[Any, list[Any]]:
    """Everything that both passes need is computed once."""
    (x,), (y,) = parameters, data
    t, s = np.tanh(x), np.sin(x)
    e = np.exp(-y * (t * s + x * x))
    slope = (1.0 - t * t) * s + t * np.cos(x) + 2.0 * x
    return np.log1p(e).mean(), [-y * (e / (1.0 + e)) * slope / x.size]


def neuron(f: Any, parameters: Arrays, data: Arrays) -> Any:
    """One linear neuron, the mean of the squared errors."""
    (w,), (x, y) = parameters, data
    r = x @ w - y
    return f.mean(r * r)


def neuron_by_hand(parameters: Arrays, data: Arrays) -> tuple[Any, list[Any]]:
    """Two products with the data."""
    (w,), (x, y) = parameters, data
    r = x @ w - y
    return (r * r).mean(), [(2.0 / len(y)) * (x.T @ r)]


def a_network(name: str, rows: int, sizes: Sequence[int]) -> Workload:
    """Layers of these sizes, at data of so many rows."""
    parameters: list[Any] = []
    for n, m in pairwise(sizes):
        parameters += [rng.normal(size=(n, m)) / np.sqrt(n), np.zeros(m)]
    data = [rng.normal(size=(rows, sizes[0])), rng.normal(size=(rows, sizes[-1]))]
    return Workload(name, network, network_by_hand, parameters, data)


def an_elementwise(name: str, n: int) -> Workload:
    """The elementwise loss of n numbers."""
    x, y = rng.normal(size=n), np.sign(rng.normal(size=n))
    return Workload(name, elementwise, elementwise_by_hand, [x], [y])


def a_neuron(name: str, rows: int, features: int) -> Workload:
    """A neuron at data of so many rows."""
    data = [rng.normal(size=(rows, features)), rng.normal(size=(rows, 1))]  # DeZero's matmul
    return Workload(name, neuron, neuron_by_hand, [np.full((features, 1), 0.1)], data)


WORKLOADS: dict[str, Callable[[str], Workload]] = {  # made when their turn comes
    "digits 64-128-64-10, batch 32": lambda name: a_network(name, 32, (64, 128, 64, 10)),
    "digits 64-128-64-10, all 1,797": lambda name: a_network(name, 1797, (64, 128, 64, 10)),
    "moons 2-16-16-1, 100 rows": lambda name: a_network(name, 100, (2, 16, 16, 1)),
    "elementwise, n = 1e3": lambda name: an_elementwise(name, 1_000),
    "elementwise, n = 1e5": lambda name: an_elementwise(name, 100_000),
    "elementwise, n = 1e7": lambda name: an_elementwise(name, 10_000_000),
    "neuron, 1 x 2": lambda name: a_neuron(name, 1, 2),
    "neuron, 100 x 2": lambda name: a_neuron(name, 100, 2),
    "neuron, 10,000 x 10": lambda name: a_neuron(name, 10_000, 10),
    "neuron, 1,000,000 x 10": lambda name: a_neuron(name, 1_000_000, 10),
}


# ---- the libraries: what was data before the step is in their own arrays before it ----


def flat(gradients: Arrays) -> Any:
    """All entries of all gradients in a row."""
    return np.concatenate([np.asarray(g).ravel() for g in gradients])


def functional(name: str, work: Workload, step: Callable[[], tuple[Any, Arrays]]) -> Contender:
    """A step that hands out the gradients."""
    phases: dict[str, Callable[[Any], Any]] = {"step": lambda _: step()}
    return Contender(name, lambda: flat(step()[1]), phases, work.steps)


def forget(p: Any) -> None:
    """No gradient, as before the first step."""
    p.grad = None


def with_backward(
    name: str,
    work: Workload,
    functions: Any,
    tensor: Callable[..., Any],
    array: Callable[[Any], Any] = np.asarray,
    forget: Callable[[Any], object] = forget,
) -> Contender:
    """A library whose `backward` leaves the gradients on the parameters."""
    parameters = [tensor(p, True) for p in work.parameters]
    data = [tensor(x, False) for x in work.data]

    def step(_: Any = None) -> None:
        for p in parameters:
            forget(p)
        work.loss(functions, parameters, data).backward()

    def gradient() -> Any:
        step()
        return flat([array(p.grad) for p in parameters])

    return Contender(name, gradient, {"step": step}, work.steps)


def by_hand(work: Workload) -> Iterator[Contender]:
    """What a person would write instead of a library."""
    yield functional(BY_HAND, work, lambda: work.by_hand(work.parameters, work.data))


def read_only(x: Any) -> Any:
    """A copy that nobody writes to: it may be used without another copy."""
    x = x.copy()
    x.flags.writeable = False
    return x


def ours(work: Workload) -> Iterator[Contender]:
    """Both front doors: `backward` and `value_and_grad`."""
    yield with_backward(
        "tinygrad_neuron", work, tn, lambda x, learns: tn.Value(x) if learns else read_only(x)
    )
    data, parameters = [read_only(x) for x in work.data], [read_only(x) for x in work.parameters]
    differentiated = tn.value_and_grad(lambda p: work.loss(tn, p, data))

    def step() -> tuple[Any, Arrays]:
        value, gradients = differentiated(parameters)
        return value, [g.data for g in gradients]

    yield functional("tinygrad_neuron, value_and_grad", work, step)


def pytorch(work: Workload) -> Iterator[Contender]:
    """Tensors in float64, on one thread."""
    import torch

    torch.set_num_threads(1)
    yield with_backward(
        "PyTorch", work, torch, lambda x, learns: torch.tensor(x, requires_grad=learns)
    )


def mygrad(work: Workload) -> Iterator[Contender]:
    """Its tensors; data stay NumPy arrays."""
    import mygrad as mg

    yield with_backward(
        "MyGrad",
        work,
        mg,
        lambda x, learns: mg.tensor(x) if learns else x,
        forget=lambda p: p.null_grad(),
    )


def dezero(work: Workload) -> Iterator[Contender]:
    """Its functions have no log1p and no mean; it was written when NumPy had an `int`."""
    np.int = int  # type: ignore[attr-defined]
    import dezero
    import dezero.functions as dezero_functions

    functions = SimpleNamespace(
        tanh=dezero_functions.tanh,
        exp=dezero_functions.exp,
        sin=dezero_functions.sin,
        log1p=lambda x: dezero_functions.log(1.0 + x),
        mean=lambda x: dezero_functions.sum(x) / x.size,
    )
    dezero.Variable.__matmul__ = dezero_functions.matmul
    yield with_backward(
        "DeZero", work, functions, lambda x, _: dezero.Variable(x), lambda g: g.data
    )


def autograd(work: Workload) -> Iterator[Contender]:
    """A function of a list of arrays."""
    import autograd as ag
    import autograd.numpy as anp

    differentiated = ag.value_and_grad(lambda p: work.loss(anp, p, work.data))
    yield functional("autograd", work, lambda: differentiated(work.parameters))


def jax(work: Workload) -> Iterator[Contender]:
    """Without `jit`, which is another benchmark's."""
    import jax as jax_
    import jax.numpy as jnp

    jax_.config.update("jax_enable_x64", True)
    parameters, data = ([jnp.asarray(x) for x in xs] for xs in (work.parameters, work.data))
    differentiated = jax_.value_and_grad(lambda p: work.loss(jnp, p, data))
    yield functional("JAX, eager", work, lambda: jax_.block_until_ready(differentiated(parameters)))


ENTRANTS = {
    "numpy": by_hand,
    "tinygrad_neuron": ours,
    "torch": pytorch,
    "autograd": autograd,
    "mygrad": mygrad,
    "dezero": dezero,
    "jax": jax,
}


def contenders(work: Workload) -> list[Contender]:
    """Every installed library, at one workload."""
    return [c for package, entrant in ENTRANTS.items() if version(package) for c in entrant(work)]


# ---- the run ----


def measure(work: Workload, rounds: int) -> Times:
    """Median seconds per step, after the gradients were found to agree."""
    entered = contenders(work)
    compare(entered, flat(work.by_hand(work.parameters, work.data)[1]))
    return interleave(entered, rounds)


def main() -> None:
    """Measure and print: Markdown while it runs, or JSON at the end."""
    parser = argparse.ArgumentParser(description="The cost of a loss and its gradient on arrays.")
    parser.add_argument("--rounds", type=int, default=20, help="how often each takes its turn")
    parser.add_argument("--only", default="", help="the workloads with this in their names")
    parser.add_argument("--json", action="store_true", help="medians in seconds per step")
    options = parser.parse_args()
    chosen = {name: make for name, make in WORKLOADS.items() if options.only in name}
    versions = {name: version(name) or "not installed" for name in ENTRANTS}
    if options.json:
        seconds = {name: measure(make(name), options.rounds) for name, make in chosen.items()}
        print(json.dumps({"machine": machine(), "versions": versions, "seconds": seconds}))
        return
    print(f"{machine()}; {', '.join(f'{name} {found}' for name, found in versions.items())}")
    print(f"{options.rounds} rounds, medians of CPU time, one thread")
    for name, make in chosen.items():
        work = make(name)
        print(f"\n**{name}**: {work.loss.__doc__}", end="\n\n", flush=True)
        times = measure(work, options.rounds)
        print(table(times, (TOGETHER,), BY_HAND, "µs per step", 1e-6), flush=True)


if __name__ == "__main__":
    main()
