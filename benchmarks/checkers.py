"""Who finds wrong rules: gradient checkers side by side on the same mutants and the same calls.

A mutant is one of this package's primitives with one rule spoilt (`tests/mutants.py`). Every
checker is handed the same function, with the spoilt rule as its gradient, on the same calls one
after the other, until it objects. Then all of them are handed right gradients, where every
objection is a false alarm. A check that raises has objected.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from harness import machine, version
from hypothesis import given, settings

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from mutants import RULED, Mutant, drawing, mutant as mutant, some_calls, some_mutants

import tinygrad_neuron as tn
from tinygrad_neuron.backward import sweep
from tinygrad_neuron.check.strategies import (
    Call,
    adversarial_calls_of,
    calls_of,
    kinked_calls_of,
)

OURS = "tinygrad_neuron"
Arrays = tuple[Any, ...]


@dataclass
class Problem:
    """A function with a gradient, as plain NumPy, and a count of how often it was called."""

    call: Call
    evaluations: int = 0

    @property
    def inputs(self) -> list[Any]:
        """Where it is to be checked."""
        return [np.array(x) for x in self.call.arguments]

    def forward(self, *xs: Any) -> Any:
        """The function."""
        self.evaluations += 1
        return np.asarray(self.call(*map(as_held, xs)), float)

    def pull(self, g: Any, *xs: Any) -> Arrays:
        """What the inputs are owed when the result is owed g, by the rule that is under trial."""
        values = [tn.Value(as_held(x)) for x in xs]
        owed = sweep(self.call(*values), as_held(g))
        return tuple(np.asarray(owed[x] if x in owed else np.zeros(x.shape)) for x in values)

    def pull_again(self, hs: Sequence[Any], g: Any, *xs: Any) -> Arrays:
        """What g and the inputs are owed, when what `pull` gives is owed the hs."""
        back = tn.vjp(self._pulled, as_held(g), *map(as_held, xs))[1]
        return tuple(np.asarray(part.data) for part in back(tuple(map(as_held, hs))))

    def _pulled(self, g: Any, *xs: Any) -> Any:
        return tn.vjp(self.call, *xs)[1](g)


def as_held(x: Any) -> Any:
    """An array without axes as the float it is."""
    return x if np.ndim(x) else float(x)


# ------------------------------------------------------------------------------ the checkers

Check = Callable[[Problem, int], bool]  # of a problem to an order: whether it passes


def ours(problem: Problem, order: int) -> bool:
    """`check_grad`: only a failure is an objection, an inconclusive check is none."""
    report = tn.check_grad(problem.call, *problem.inputs, order=order)
    problem.evaluations += report.evaluations
    return report.status != "failed"


def fixed_step(problem: Problem, order: int) -> bool:
    """One central difference of step 1e-3 along a random direction, as Chainer takes it.

    Tolerances as in `chainer.gradient_check`: 1e-5 and, relative, 1e-4.
    """
    f, pull = problem.forward, problem.pull
    xs = problem.inputs
    if order == 2:
        g = normal(problem.forward(*xs).shape)
        xs, pull = [g, *xs], lambda hs, *at: problem.pull_again(hs, *at)
        f = lambda *at: np.concatenate([p.ravel() for p in problem.pull(*at)])  # noqa: E731
    ways = [normal(x.shape) for x in xs]
    size = np.sqrt(sum(np.sum(w * w) for w in ways))
    ways = [w / size for w in ways]
    ahead, behind = (f(*(x + e * w for x, w in zip(xs, ways, strict=True))) for e in (1e-3, -1e-3))
    weight = normal(ahead.shape)
    parts = weight if order == 1 else apart(weight, problem.inputs)
    said = sum(np.sum(s * w) for s, w in zip(pull(parts, *xs), ways, strict=True))
    return bool(np.isclose(said, np.sum(weight * (ahead - behind)) / 2e-3, rtol=1e-4, atol=1e-5))


def apart(row: Any, shaped: Sequence[Any]) -> list[Any]:
    """A row cut into arrays of these shapes."""
    ends = np.cumsum([x.size for x in shaped])[:-1]
    return [p.reshape(x.shape) for p, x in zip(np.split(row, ends), shaped, strict=True)]


def normal(shape: Any) -> Any:
    """Random numbers, the same in every run."""
    return np.asarray(RNG.normal(size=shape))


RNG = np.random.default_rng(0)


def pytorch(problem: Problem, order: int) -> bool:
    """`gradcheck`, and `gradgradcheck` for what is wrong at second order: its defaults."""
    import torch

    again = torch_function(
        lambda g, *xs: problem.pull(g, *xs),
        lambda hs, g, *xs: problem.pull_again(hs, g, *xs),
    )
    f = torch_function(lambda *xs: (problem.forward(*xs),), None, again)
    xs = [torch.tensor(x, requires_grad=True) for x in problem.inputs]
    check = torch.autograd.gradcheck if order == 1 else torch.autograd.gradgradcheck
    return bool(check(lambda *xs: f(*xs)[0], xs, raise_exception=False))


def torch_function(forward: Any, pull: Any, again: Any = None) -> Any:
    """A PyTorch function made of NumPy ones; its gradient may be such a function itself."""
    import torch

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *xs: Any) -> Any:
            ctx.save_for_backward(*xs)
            return tuple(torch.tensor(y) for y in forward(*(x.detach().numpy() for x in xs)))

        @staticmethod
        def backward(ctx: Any, *gs: Any) -> Any:
            if again is not None:
                return again(*gs, *ctx.saved_tensors)
            numbers = [x.detach().numpy() for x in ctx.saved_tensors]
            shares = pull([g.detach().numpy() for g in gs], *numbers)
            return tuple(torch.tensor(share) for share in shares)

    return Function.apply


def jax_s(problem: Problem, order: int) -> bool:
    """`check_grads` in reverse mode."""
    import jax

    jax.config.update("jax_enable_x64", True)
    f = jax_function(problem, order)
    jax.test_util.check_grads(f, tuple(problem.inputs), order=order, modes=["rev"])
    return True


def jax_function(problem: Problem, order: int) -> Any:
    """A JAX function made of NumPy ones, differentiable twice."""
    import jax

    like = [jax.ShapeDtypeStruct(x.shape, float) for x in problem.inputs]
    y_like = jax.ShapeDtypeStruct(problem.forward(*problem.inputs).shape, float)

    @jax.custom_vjp
    def pulled(g: Any, *xs: Any) -> Any:
        return jax.pure_callback(lambda *a: problem.pull(*map(np.array, a)), tuple(like), g, *xs)

    def pulled_back(kept: Any, hs: Any) -> Any:
        def numbers(g: Any, *rest: Any) -> Any:
            parts = [np.array(x) for x in rest]
            return problem.pull_again(parts[len(like) :], np.array(g), *parts[: len(like)])

        return jax.pure_callback(numbers, (y_like, *like), *kept, *hs)

    pulled.defvjp(lambda *a: (pulled(*a), a), pulled_back)

    @jax.custom_vjp
    def f(*xs: Any) -> Any:
        return jax.pure_callback(lambda *a: problem.forward(*map(np.array, a)), y_like, *xs)

    f.defvjp(lambda *xs: (f(*xs), xs), lambda xs, g: pulled(g, *xs))
    return f


def autograd_s(problem: Problem, order: int) -> bool:
    """`check_grads` in reverse mode, input by input."""
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    n = len(problem.inputs)
    f = primitive(lambda *xs: as_held(problem.forward(*xs)))
    pulled = [
        primitive(lambda g, *xs, i=i: as_held(problem.pull(np.asarray(g), *xs)[i]))
        for i in range(n)
    ]

    def twice(i: int, k: int) -> Any:
        """What argument k of the gradient by input i is owed."""

        def owed(h: Any, g: Any, *xs: Any) -> Any:
            hs = [np.asarray(h) if j == i else np.zeros(np.shape(x)) for j, x in enumerate(xs)]
            return as_held(problem.pull_again(hs, np.asarray(g), *xs)[k])

        return lambda answer, g, *xs: lambda h: owed(h, g, *xs)

    defvjp(f, *((lambda y, *xs, i=i: lambda g: pulled[i](g, *xs)) for i in range(n)))
    for i in range(n):
        defvjp(pulled[i], *(twice(i, k) for k in range(n + 1)))
    for i in range(n):
        check_grads(f, i, modes=["rev"], order=order)(*map(as_held, problem.inputs))
    return True


CHECKERS: dict[str, tuple[str, Check]] = {
    OURS: ("tinygrad_neuron", ours),
    "PyTorch gradcheck": ("torch", pytorch),
    "JAX check_grads": ("jax", jax_s),
    "autograd check_grads": ("autograd", autograd_s),
    "fixed step, as Chainer": ("numpy", fixed_step),
}


def installed() -> dict[str, Check]:
    """The checkers whose package is there."""
    found = {n: c for n, (package, c) in CHECKERS.items() if importlib.util.find_spec(package)}
    if "JAX check_grads" in found:
        import jax.test_util  # noqa: F401  # which `import jax` leaves out
    return found


# --------------------------------------------------------------------------------- the trial


@dataclass
class Score:
    """What a checker has done so far."""

    caught: dict[int, int] = field(default_factory=lambda: {1: 0, 2: 0})
    escaped: dict[int, list[str]] = field(default_factory=lambda: {1: [], 2: []})
    alarms: dict[str, int] = field(default_factory=dict)
    checks: int = 0
    evaluations: int = 0
    seconds: float = 0.0


def objects(check: Check, call: Call, order: int, score: Score) -> bool:
    """Whether a checker finds fault with a call."""
    problem, begun = Problem(call), time.process_time()
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            passes = check(problem, order)
    except Exception:  # each has its own way to object
        passes = False
    score.checks += 1
    score.evaluations += problem.evaluations
    score.seconds += time.process_time() - begun
    return not passes


def hunt(check: Check, mutants: Iterable[Mutant], examples: int, score: Score) -> None:
    """Show a checker every mutant, call by call, until it objects."""
    for made in mutants:
        calls = mixed(some_calls(made.right))[:examples]
        spoilt = (Call(made.primitive, c.inputs, c.settings) for c in calls)
        if any(objects(check, call, made.order, score) for call in spoilt):
            score.caught[made.order] += 1
        else:
            score.escaped[made.order].append(str(made))


def mixed(calls: Sequence[Call]) -> list[Call]:
    """Ordinary calls and calls at kinks in turn, the same in every run."""
    return random.Random(0).sample(calls, len(calls))


KINDS = {"ordinary": calls_of, "at kinks": kinked_calls_of, "extreme": adversarial_calls_of}


@cache
def right_calls(kind: str, count: int) -> tuple[Call, ...]:
    """Calls of every primitive with its own rules."""
    found: list[Call] = []
    for primitive in RULED:
        strategy = KINDS[kind](primitive)
        if not strategy.is_empty:
            draw = given(strategy)(lambda c: found.append(c))
            settings(drawing, max_examples=count)(draw)()
    return tuple(c for c in found if c.varying)


def accuse(check: Check, count: int, score: Score) -> None:
    """Show a checker right gradients, and count its objections."""
    for kind in KINDS:
        calls = right_calls(kind, count)
        score.alarms[kind] = sum(objects(check, call, 1, score) for call in calls)


def share(part: int, whole: int) -> str:
    """As a percentage, with the number."""
    return f"{100.0 * part / whole:.1f} % ({part} of {whole})" if whole else ""


def table(scores: dict[str, Score], count: int) -> Iterator[str]:
    """The scores as Markdown."""
    of = {kind: len(right_calls(kind, count)) for kind in KINDS}
    yield (
        "| checker | caught, 1st order | caught, 2nd order | "
        + " | ".join(f"false alarms, {kind}" for kind in KINDS)
        + " | evaluations a check | ms a check |"
    )
    yield "| --- " + "| --: " * (4 + len(KINDS)) + "|"
    for name, s in scores.items():
        caught = [share(s.caught[k], s.caught[k] + len(s.escaped[k])) for k in (1, 2)]
        alarms = [share(s.alarms[kind], of[kind]) for kind in KINDS]
        cost = [f"{s.evaluations / s.checks:.0f}", f"{1e3 * s.seconds / s.checks:.1f}"]
        yield f"| {' | '.join([name, *caught, *alarms, *cost])} |"


def main() -> None:
    """Run the trial and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=3, help="families on each rule")
    parser.add_argument("--examples", type=int, default=30, help="calls shown of each mutant")
    parser.add_argument("--right", type=int, default=5, help="right calls of each primitive")
    options = parser.parse_args()
    mutants = list(some_mutants(options.each))
    packages = ", ".join(f"{p} {version(p)}" for p in ("numpy", "torch", "jax", "autograd"))
    print(f"{machine()}; {packages}\n{len(mutants)} mutants\n")
    scores = {}
    for name, check in installed().items():
        score = scores[name] = Score()
        hunt(check, mutants, options.examples, score)
        accuse(check, options.right, score)
        print(f"{name}: escaped {score.escaped[1] + score.escaped[2]}", file=sys.stderr)
    print("\n".join(table(scores, options.right)))


if __name__ == "__main__":
    main()
