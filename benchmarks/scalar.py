"""What one operation on single numbers costs, recorded and differentiated.

    python benchmarks/scalar.py [--rounds 20] [--no-gc] [--json]

Every gradient is compared with the complex-step derivative before anything is timed. Libraries that
are not installed are left out, and named as such.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness import TOGETHER, Contender, Times, compare, interleave, machine, table, version

import tinygrad_neuron as tn

OURS = "tinygrad_neuron"
PHASES = ("forward", "backward", TOGETHER)
Relu = Callable[[Any], Any]


# ---- the work: operators, powers and relu, which all of the libraries have ----


@dataclass(frozen=True)
class Workload:
    """An expression, the number of operators in it, and where it is evaluated."""

    name: str
    expression: Callable[[Sequence[Any], Relu], Any]
    operations: int
    point: tuple[float, ...]

    @property
    def copies(self) -> range:
        """As many evaluations as make 1,000 operations, so that clocks and calls do not count."""
        return range(1000 // self.operations)


def mixed(x: Sequence[Any], relu: Relu) -> Any:
    """Every operator, constants, and intermediates that are used again."""
    h, b, *weights = x
    for w in weights:
        u = w * h + b
        v = relu(u) - 0.5 * u
        h = h + v * u / (u**2 + 1.0)
    return h


def chain(x: Sequence[Any], relu: Relu) -> Any:
    """One long path through two weights."""
    h, w, b = x
    for _ in range(500):
        h = h * w + b
    return h


def wide(x: Sequence[Any], relu: Relu) -> Any:
    """Many leaves, each squared, one sum."""
    return sum(w * w for w in x)


def neuron(x: Sequence[Any], relu: Relu) -> Any:
    """Half the squared error of one neuron with eight inputs on one row."""
    *weights, z = x
    for w, feature in zip(weights, FEATURES, strict=True):
        z = z + w * feature
    return 0.5 * (relu(z) - 1.0) ** 2


FEATURES = tuple(0.3 + 0.1 * i for i in range(8))
WORKLOADS = (
    Workload("mixed", mixed, 1000, (0.3, 0.2, *(math.cos(i) for i in range(100)))),
    Workload("chain", chain, 1000, (0.5, 0.999, 0.01)),
    Workload("wide", wide, 1000, tuple(math.sin(1 + i) for i in range(500))),
    Workload("neuron", neuron, 20, (*(0.1 * i - 0.2 for i in range(8)), 0.25)),
)


# ---- the libraries ----


@dataclass(frozen=True)
class Library:
    """Numbers with a `backward` of their own."""

    name: str
    leaf: Callable[[float], Any]
    relu: Relu
    zero: Callable[[Any], object]


def stepwise(library: Library, workload: Workload) -> Contender:
    """A library whose forward and backward can be timed apart."""
    leaves = [library.leaf(x) for x in workload.point]

    def forward(_: None) -> list[Any]:
        return [workload.expression(leaves, library.relu) for _ in workload.copies]

    def backward(results: list[Any]) -> None:
        for result in results:
            result.backward()

    def zero(_: None) -> None:
        for leaf in leaves:
            library.zero(leaf)

    def gradient() -> list[float]:
        zero(None)
        workload.expression(leaves, library.relu).backward()
        return [float(leaf.grad) for leaf in leaves]

    phases: dict[str, Callable[[Any], Any]]
    phases = {"zero": zero, "forward": forward, "backward": backward}
    return Contender(library.name, gradient, phases)


def functional(
    name: str, value_and_grad: Callable[..., Any], relu: Relu, point: Any, workload: Workload
) -> Contender:
    """A library that differentiates a function, forward and backward in one."""
    differentiated = value_and_grad(lambda x: workload.expression(x, relu))

    def gradient() -> list[float]:
        return [float(g) for g in differentiated(point)[1]]

    def both(_: None) -> None:
        for _copy in workload.copies:
            differentiated(point)

    return Contender(name, gradient, {"forward and backward": both})


def ours(workload: Workload) -> Iterator[Contender]:
    """Both front doors: `backward` and `value_and_grad`."""
    yield stepwise(Library(OURS, tn.Value, tn.Value.relu, tn.Value.zero_grad), workload)
    yield functional(
        f"{OURS}, value_and_grad", tn.value_and_grad, tn.relu, list(workload.point), workload
    )


def micrograd(workload: Workload) -> Iterator[Contender]:
    """Its `backward` recurses once per operation, which Python forbids at a thousand."""
    from micrograd.engine import Value

    sys.setrecursionlimit(20_000)
    yield stepwise(
        Library("micrograd", Value, Value.relu, lambda v: setattr(v, "grad", 0)), workload
    )


def pytorch(workload: Workload) -> Iterator[Contender]:
    """Tensors without dimensions, in float64, on one thread."""
    import torch

    torch.set_num_threads(1)

    def leaf(x: float) -> Any:
        return torch.tensor(x, dtype=torch.float64, requires_grad=True)

    library = Library("PyTorch", leaf, torch.relu, lambda v: setattr(v, "grad", None))
    yield stepwise(library, workload)


def autograd(workload: Workload) -> Iterator[Contender]:
    """Functions of one array, which it differentiates faster than lists of floats."""
    import autograd as ag
    import autograd.numpy as anp
    import numpy as np

    def relu(x: Any) -> Any:
        return anp.maximum(x, 0.0)

    yield functional("autograd", ag.value_and_grad, relu, np.array(workload.point), workload)


ENTRANTS = {"tinygrad_neuron": ours, "micrograd": micrograd, "torch": pytorch, "autograd": autograd}


def contenders(workload: Workload) -> list[Contender]:
    """Every installed library, at one workload."""
    return [
        c for package, entrant in ENTRANTS.items() if version(package) for c in entrant(workload)
    ]


def complex_step(workload: Workload) -> list[float]:
    """The gradient without any library: the imaginary answer to an imaginary nudge of 1e-30."""

    def relu(z: complex) -> complex:
        return z if z.real > 0 else 0.0 * z

    def slope(k: int) -> float:
        nudged = [complex(x, 1e-30 * (i == k)) for i, x in enumerate(workload.point)]
        return float(workload.expression(nudged, relu).imag / 1e-30)

    return [slope(k) for k in range(len(workload.point))]


# ---- the run ----


def measure(workload: Workload, rounds: int) -> Times:
    """Median seconds per operation, after the gradients were found to agree."""
    entered = contenders(workload)
    compare(entered, complex_step(workload))
    operations = workload.operations * len(workload.copies)
    return {
        name: {phase: seconds / operations for phase, seconds in phases.items()}
        for name, phases in interleave(entered, rounds).items()
    }


def main() -> None:
    """Measure and print: Markdown while it runs, or JSON at the end."""
    parser = argparse.ArgumentParser(description="The cost of one operation on single numbers.")
    parser.add_argument("--rounds", type=int, default=20, help="how often each takes its turn")
    parser.add_argument("--no-gc", action="store_true", help="without the cycle collector")
    parser.add_argument("--json", action="store_true", help="medians in seconds per operation")
    options = parser.parse_args()
    if options.no_gc:
        gc.disable()
    conditions = {
        "machine": machine(),
        "versions": {name: version(name) or "not installed" for name in ("numpy", *ENTRANTS)},
        "rounds": options.rounds,
        "collector": "off" if options.no_gc else "on",
    }
    if options.json:
        seconds = {workload.name: measure(workload, options.rounds) for workload in WORKLOADS}
        print(json.dumps({**conditions, "seconds": seconds}))
        return
    versions = ", ".join(f"{name} {found}" for name, found in conditions["versions"].items())
    print(f"{conditions['machine']}; {versions}")
    print(
        f"{options.rounds} rounds, medians of CPU time, cycle collector {conditions['collector']}"
    )
    for workload in WORKLOADS:
        print(f"\n**{workload.name}**, {workload.operations:,} operations: ", end="")
        print(workload.expression.__doc__, end="\n\n", flush=True)
        times = measure(workload, options.rounds)
        print(table(times, PHASES, OURS, "µs per operation", 1e-6), flush=True)


if __name__ == "__main__":
    main()
