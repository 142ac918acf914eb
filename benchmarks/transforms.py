"""What Jacobians, Hessians and Hessian-vector products of arrays cost.

    python benchmarks/transforms.py [--rounds 20] [--json]

Every answer is compared with the formula before anything is timed. Libraries that are not installed
are left out, and named as such.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from harness import TOGETHER, Contender, Times, compare, interleave, machine, table, version

import tinygrad_neuron as tn

OURS = "tinygrad_neuron"
Answer = Callable[[], Any]
rng = np.random.default_rng(0)
W = rng.normal(size=(50, 50)) / 7.0
X = rng.normal(size=50)
P, V = rng.normal(size=(2, 100))


# ---- the work, and what comes out of it by formula ----


def layer(tanh: Callable[[Any], Any], w: Any, x: Any) -> Any:
    """50 numbers in, 50 out."""
    return tanh(w @ x)


def rosenbrock(x: Any) -> Any:
    """The valley that optimisers are tried on, in 100 dimensions."""
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


def true_jacobian() -> Any:
    """Of the layer at X."""
    return (1.0 - np.tanh(W @ X) ** 2)[:, None] * W


def true_hessian() -> Any:
    """Of the valley at P: three diagonals."""
    inside = 1200.0 * P[:-1] ** 2 - 400.0 * P[1:] + 2.0
    beside = np.diag(-400.0 * P[:-1], 1)
    return np.diag(np.append(inside, 0.0) + np.append(0.0, np.full(99, 200.0))) + beside + beside.T


@dataclass(frozen=True)
class Workload:
    """A title, what is right, and what each library is called with in it."""

    name: str
    title: str
    truth: Answer


WORKLOADS = (
    Workload("jacobian", "tanh(W @ x), 50 numbers to 50", true_jacobian),
    Workload("hessian", "Rosenbrock's valley in 100 dimensions", true_hessian),
    Workload(
        "hvp", "the same Hessian times a vector, without the Hessian", lambda: true_hessian() @ V
    ),
)


# ---- the libraries: for each, a name and its answers to the three ----

Entrant = tuple[str, dict[str, Answer]]


def ours() -> Iterator[Entrant]:
    """Rows in one batched sweep."""
    yield (
        OURS,
        {
            "jacobian": lambda: tn.jacobian(lambda x: layer(tn.tanh, W, x))(X),
            "hessian": lambda: tn.hessian(rosenbrock)(P),
            "hvp": lambda: tn.hvp(rosenbrock, (P,), (V,)),
        },
    )


def autograd() -> Iterator[Entrant]:
    """Rows one after the other."""
    import autograd as ag
    import autograd.numpy as anp

    jacobian = ag.jacobian(lambda x: layer(anp.tanh, W, x))
    hessian, hvp = ag.hessian(valley_of(anp)), ag.hessian_vector_product(valley_of(anp))
    yield (
        "autograd",
        {
            "jacobian": lambda: jacobian(X),
            "hessian": lambda: hessian(P),
            "hvp": lambda: hvp(P, V),
        },
    )


def valley_of(module: Any) -> Callable[[Any], Any]:
    """autograd's arrays have no `.sum()` in every version."""
    return lambda x: module.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def pytorch() -> Iterator[Entrant]:
    """`torch.func`, in float64, on one thread: backward, and forward over backward."""
    import torch
    from torch import func

    torch.set_num_threads(1)
    w, x, p, v = (torch.tensor(a) for a in (W, X, P, V))
    jacobian = func.jacrev(lambda x: layer(torch.tanh, w, x))
    yield (
        "PyTorch, torch.func",
        {
            "jacobian": lambda: jacobian(x),
            "hessian": lambda: func.hessian(rosenbrock)(p),
            "hvp": lambda: func.jvp(func.grad(rosenbrock), (p,), (v,))[1],
        },
    )


def jax() -> Iterator[Entrant]:
    """As it comes, and compiled; in float64, on the processor."""
    import jax as library

    library.config.update("jax_enable_x64", True)
    w, x, p, v = map(library.numpy.asarray, (W, X, P, V))
    functions = {
        "jacobian": (library.jacrev(lambda x: layer(library.numpy.tanh, w, x)), (x,)),
        "hessian": (library.hessian(rosenbrock), (p,)),
        "hvp": (lambda p: library.jvp(library.grad(rosenbrock), (p,), (v,))[1], (p,)),
    }
    for name, wrap in (("JAX", lambda f: f), ("JAX, jit", library.jit)):
        yield name, {k: finished(wrap(f), args) for k, (f, args) in functions.items()}


def finished(f: Callable[..., Any], args: tuple[Any, ...]) -> Answer:
    """JAX computes behind our back; the answer counts when it is there."""
    return lambda: f(*args).block_until_ready()


ENTRANTS = {"tinygrad_neuron": ours, "autograd": autograd, "torch": pytorch, "jax": jax}


def contenders(workload: Workload) -> list[Contender]:
    """Every installed library, at one workload."""
    entered = [e for package, found in ENTRANTS.items() if version(package) for e in found()]
    return [contender(name, answers[workload.name]) for name, answers in entered]


def contender(name: str, answer: Answer) -> Contender:
    """One library's answer, as numbers to compare and as a step to time."""

    def numbers() -> list[float]:
        found = answer()
        return np.ravel(found.data if isinstance(found, tn.Value) else np.asarray(found)).tolist()

    return Contender(name, numbers, {"answer": lambda _: answer()})


# ---- the run ----


def measure(workload: Workload, rounds: int) -> Times:
    """Median seconds per answer, after the answers were found to agree."""
    entered = contenders(workload)
    compare(entered, np.ravel(workload.truth()).tolist())
    return interleave(entered, rounds)


def main() -> None:
    """Measure and print: Markdown while it runs, or JSON at the end."""
    parser = argparse.ArgumentParser(description="The cost of Jacobians and Hessians.")
    parser.add_argument("--rounds", type=int, default=20, help="how often each takes its turn")
    parser.add_argument("--json", action="store_true", help="medians in seconds per answer")
    options = parser.parse_args()
    conditions = {
        "machine": machine(),
        "versions": {name: version(name) or "not installed" for name in ("numpy", *ENTRANTS)},
        "rounds": options.rounds,
    }
    if options.json:
        seconds = {workload.name: measure(workload, options.rounds) for workload in WORKLOADS}
        print(json.dumps({**conditions, "seconds": seconds}))
        return
    versions = ", ".join(f"{name} {found}" for name, found in conditions["versions"].items())
    print(f"{conditions['machine']}; {versions}")
    print(f"{options.rounds} rounds, medians of CPU time")
    for workload in WORKLOADS:
        print(f"\n**{workload.name}**: {workload.title}.\n", flush=True)
        times = measure(workload, options.rounds)
        print(table(times, (TOGETHER,), OURS, "µs", 1e-6), flush=True)


if __name__ == "__main__":
    main()
