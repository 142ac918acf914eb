"""Every workload against every library that is installed, compiled and not: who is ahead where.

    python benchmarks/whole.py [--rounds 9] [--only neuron] [--wall] [--json]

Nothing is timed before its gradient agrees with the one written out by hand. A library that is not
installed, or that cannot do a workload, is left out and named.
"""

from __future__ import annotations

import one_thread  # noqa: F401  # before NumPy

# isort: split
import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import eager
import numpy as np
import transforms
from eager import BY_HAND
from harness import (
    TOGETHER,
    Contender,
    Times,
    agree,
    interleave,
    machine,
    table,
    version,
)

import tinygrad_neuron as tn

IN_A_ROW = 10
EAGER, COMPILED, NATIVE = "ours", "ours, compiled", "ours, native"
Arrays = Sequence[Any]
Entrant = Callable[[Any], Iterator[Contender]]


# ---- a workload of single numbers ----


def expression(f: Any, parameters: Arrays, data: Arrays) -> Any:
    """Twenty operations on two numbers."""
    (a, b), _ = parameters, data
    for _ in range(2):
        a, b = f.tanh(a * b + 0.5), f.exp(-b * b) + a / (1.0 + b * b)
    return a * b + f.sin(a) * 0.25


def expression_by_hand(parameters: Arrays, data: Arrays) -> tuple[Any, list[Any]]:
    """By small steps, complex ones: exact, and no contender."""
    slopes = []
    for i in range(2):
        moved = [complex(x, 1e-100 * (i == k)) for k, x in enumerate(parameters)]
        slopes.append(expression(np, moved, data).imag / 1e-100)
    return expression(np, parameters, data).real, slopes


def step_by_hand(parameters: Arrays, data: Arrays, f: Any = np) -> tuple[Any, list[Any]]:
    """The chain rule, on NumPy's functions or on those of `math`."""
    kept = []
    a, b = parameters
    for _ in range(2):
        t, e, d = f.tanh(a * b + 0.5), f.exp(-b * b), 1.0 + b * b
        kept.append((a, b, t, e, d))
        a, b = t, e + a / d
    value = a * b + f.sin(a) * 0.25
    ga, gb = b + f.cos(a) * 0.25, a
    for x, y, t, e, d in reversed(kept):
        gz = ga * (1.0 - t * t)
        ga, gb = gz * y + gb / d, gz * x - 2.0 * y * (gb * e + gb * x / (d * d))
    return value, [ga, gb]


@dataclass(frozen=True)
class Scalars:
    """A loss of single numbers, as `eager.Workload` is one of arrays."""

    name: str
    loss: Callable[..., Any] = expression
    by_hand: Callable[..., Any] = step_by_hand
    parameters: tuple[Any, ...] = (np.float64(0.7), np.float64(-0.4))
    data: tuple[Any, ...] = ()
    steps: int = 25


# ---- derivatives of higher order ----


@dataclass(frozen=True)
class Higher:
    """One of the workloads of `transforms`, under its name there."""

    name: str
    of: str

    @property
    def truth(self) -> Any:
        """What is right."""
        found = next(w for w in transforms.WORKLOADS if w.name == self.of)
        return found.truth()


WORKLOADS: dict[str, Callable[[str], Any]] = {
    "scalar expression, 20 operations": Scalars,
    **{name: make for name, make in eager.WORKLOADS.items() if name.startswith("neuron")},
    **{name: make for name, make in eager.WORKLOADS.items() if name.startswith("digits")},
    **{name: make for name, make in eager.WORKLOADS.items() if name.startswith("moons")},
    **{name: make for name, make in eager.WORKLOADS.items() if name.startswith("element")},
    "Hessian times vector, Rosenbrock 100": lambda name: Higher(name, "hvp"),
    "Hessian, Rosenbrock 100": lambda name: Higher(name, "hessian"),
    "Jacobian, 50 to 50": lambda name: Higher(name, "jacobian"),
}


# ---- ours ----


def numbers(answer: Any) -> Any:
    """What any library hands out, in a row."""
    flat = [np.ravel(np.asarray(getattr(x, "data", x))) for x in answer]
    return np.concatenate(flat)


def ours_compiled(work: Any, name: str = COMPILED, **settings: Any) -> Iterator[Contender]:
    """One `compile` around the gradient: plain numbers in, plain numbers out."""
    step = tn.compile(tn.value_and_grad(lambda p, d: work.loss(tn, p, d)), **settings)
    parameters, data = [_plain(x) for x in work.parameters], list(work.data)
    yield eager.functional(name, work, lambda: step(parameters, data))


def _plain(x: Any) -> Any:
    return x if np.ndim(x) else float(x)


def ours_native(work: Any) -> Iterator[Contender]:
    """The same as machine code."""
    yield from ours_compiled(work, NATIVE, backend="native")


def ours_eager(work: Any) -> Iterator[Contender]:
    """Recorded anew at each step, through the front door that is faster."""
    if isinstance(work, eager.Workload):
        yield from eager.ours(work)
        return
    leaves = [tn.Value(float(x)) for x in work.parameters]

    def step(_: Any = None) -> None:
        for x in leaves:
            x.grad = None
        work.loss(tn, leaves, ()).backward()

    yield Contender(EAGER, lambda: step() or [x.grad for x in leaves], {"step": step}, work.steps)


def floats_by_hand(work: Any) -> Iterator[Contender]:
    """The chain rule on Python's floats."""
    if work.data:
        raise NotImplementedError("single numbers only")
    parameters = [float(x) for x in work.parameters]
    yield eager.functional("floats by hand", work, lambda: step_by_hand(parameters, (), math))


# ---- others, compiled ----


def torch_compiled(work: Any) -> Iterator[Contender]:
    """`torch.compile` of the loss, and `backward`."""
    import torch

    torch.set_num_threads(1)
    parameters = [torch.tensor(x, requires_grad=True, dtype=torch.float64) for x in work.parameters]
    data = [torch.tensor(x) for x in work.data]
    loss = torch.compile(lambda: work.loss(torch, parameters, data))

    def step(_: Any = None) -> None:
        for p in parameters:
            p.grad = None
        loss().backward()

    def gradient() -> Any:
        step()
        return eager.flat([p.grad for p in parameters])

    yield Contender("torch.compile", gradient, {"step": step}, work.steps)


def jax_compiled(work: Any) -> Iterator[Contender]:
    """`jax.jit` of the gradient; the data are arguments."""
    import jax

    jax.config.update("jax_enable_x64", True)
    parameters, data = ([jax.numpy.asarray(x) for x in xs] for xs in (work.parameters, work.data))
    step = jax.jit(jax.value_and_grad(lambda p, d: work.loss(jax.numpy, p, d)))
    yield eager.functional("jax.jit", work, lambda: jax.block_until_ready(step(parameters, data)))


def casadi(work: Any) -> Iterator[Contender]:
    """Its virtual machine, on buffers: numbers are not converted at each call."""
    import casadi as ca

    def mean(x: Any) -> Any:
        return ca.sum1(ca.sum2(x)) / x.numel()

    functions = SimpleNamespace(tanh=ca.tanh, sin=ca.sin, exp=ca.exp, log1p=ca.log1p, mean=mean)
    given = [*work.parameters, *work.data]
    if any(np.size(x) > 1_000_000 for x in given):
        raise NotImplementedError("arrays of that size take minutes")
    symbol = ca.MX if work.data else ca.SX
    symbols = [
        symbol.sym(f"x{i}", *np.atleast_2d(np.asarray(x).T).T.shape) for i, x in enumerate(given)
    ]
    for kind in (ca.MX, ca.SX):
        kind.__matmul__ = lambda a, b: ca.mtimes(a, b)
    count = len(work.parameters)
    loss = work.loss(functions, symbols[:count], symbols[count:])
    slopes = [ca.gradient(loss, x) for x in symbols[:count]]
    function = ca.Function("f", symbols, [loss, *slopes])
    buffer, evaluate = function.buffer()
    places = [np.asfortranarray(np.asarray(x, float)).reshape(-1, order="F") for x in given]
    answers = [np.zeros(function.numel_out(i)) for i in range(1 + count)]
    for i, x in enumerate(places):
        buffer.set_arg(i, memoryview(x))
    for i, x in enumerate(answers):
        buffer.set_res(i, memoryview(x))

    def run(_: Any = None, kept: Any = (buffer, function, places)) -> None:
        evaluate()  # on memory of the buffer's, which must not be freed

    def gradient() -> Any:
        run()
        shaped = zip(answers[1:], given, strict=False)
        return np.concatenate([g.reshape(np.shape(x), order="F").ravel() for g, x in shaped])

    yield Contender("CasADi", gradient, {"step": run}, work.steps)


def pytensor(work: Any) -> Iterator[Contender]:
    """Its default mode; the inputs are not checked at each call."""
    import pytensor as pt
    import pytensor.tensor as tensor

    given = [np.asarray(x, float) for x in (*work.parameters, *work.data)]
    symbols = [tensor.TensorType("float64", x.shape)() for x in given]
    count = len(work.parameters)
    loss = work.loss(tensor, symbols[:count], symbols[count:])
    function = pt.function(symbols, [loss, *pt.grad(loss, symbols[:count])])
    function.trust_input = True

    def step() -> tuple[Any, Arrays]:
        value, *slopes = function(*given)
        return value, slopes

    yield eager.functional("PyTensor", work, step)


# ---- others, as they come ----


def micrograd(work: Any) -> Iterator[Contender]:
    """Single numbers only; sine and exponential are made of what it has."""
    from micrograd.engine import Value

    if work.data:
        raise NotImplementedError("single numbers only")

    def unary(function: Callable[[float], float], slope: Callable[[float], float]) -> Any:
        def of(x: Value) -> Value:
            out = Value(function(x.data), (x,), function.__name__)

            def back() -> None:
                x.grad += slope(x.data) * out.grad

            out._backward = back
            return out

        return of

    functions = SimpleNamespace(
        tanh=unary(np.tanh, lambda x: 1.0 - np.tanh(x) ** 2),
        exp=unary(np.exp, np.exp),
        sin=unary(np.sin, np.cos),
    )
    leaves = [Value(x) for x in work.parameters]

    def step(_: Any = None) -> None:
        for x in leaves:
            x.grad = 0.0
        work.loss(functions, leaves, ()).backward()

    yield Contender("micrograd", lambda: step() or [x.grad for x in leaves], {"step": step})


def higher(work: Higher) -> Iterator[Contender]:
    """Those of `transforms`, and ours compiled."""
    for package, found in transforms.ENTRANTS.items():
        if version(package):
            for name, answers in found():
                yield transforms.contender(name, answers[work.of])
    yield transforms.contender(BY_HAND, _by_hand(work.of))
    answers = {
        "jacobian": (
            tn.jacobian(lambda x: transforms.layer(tn.tanh, transforms.W, x)),
            (transforms.X,),
        ),
        "hessian": (tn.hessian(transforms.rosenbrock), (transforms.P,)),
        "hvp": (
            lambda p, v: tn.hvp(transforms.rosenbrock, (p,), (v,)),
            (transforms.P, transforms.V),
        ),
    }
    f, args = answers[work.of]
    step = tn.compile(f)
    yield transforms.contender(COMPILED, lambda: step(*args))


def _by_hand(of: str) -> Callable[[], Any]:
    if of != "hvp":
        return transforms.true_jacobian if of == "jacobian" else transforms.true_hessian
    p, v = transforms.P, transforms.V

    def product() -> Any:
        out = np.zeros(100)
        out[:-1] = (1200.0 * p[:-1] ** 2 - 400.0 * p[1:] + 2.0) * v[:-1] - 400.0 * p[:-1] * v[1:]
        out[1:] += 200.0 * v[1:] - 400.0 * p[:-1] * v[:-1]
        return out

    return product


# ---- the run ----

COMPILERS: dict[str, tuple[str, Entrant]] = {  # a title, the package it needs, and how it enters
    COMPILED: ("tinygrad_neuron", ours_compiled),
    NATIVE: ("numba", ours_native),
    "floats by hand": ("numpy", floats_by_hand),
    "torch.compile": ("torch", torch_compiled),
    "jax.jit": ("jax", jax_compiled),
    "CasADi": ("casadi", casadi),
    "PyTensor": ("pytensor", pytensor),
    "micrograd": ("micrograd", micrograd),
}
RECORDERS = {name: (name, entrant) for name, entrant in eager.ENTRANTS.items()}
RECORDERS["tinygrad_neuron"] = ("tinygrad_neuron", ours_eager)


def contenders(work: Any) -> Iterator[Contender]:
    """Every installed library that can do a workload; of the others it is said why not."""
    if isinstance(work, Higher):
        yield from higher(work)
        return
    for name, (package, enter) in (RECORDERS | COMPILERS).items():
        if not version(package):
            continue
        try:
            entered = list(enter(work))
            [c.gradient() for c in entered]
        except Exception as error:  # whatever another library may raise
            if not isinstance(error, NotImplementedError):
                print(f"{name} is left out: {type(error).__name__} {error}"[:150], file=sys.stderr)
            continue
        yield from entered


def agreeing(entered: Iterable[Contender], expected: Any) -> Iterator[Contender]:
    """Those whose gradient is right; the others are named."""
    for one in entered:
        if agree(one.gradient(), expected, 1e-9):
            yield one
        else:
            print(f"{one.name} gives another gradient: it is not timed", file=sys.stderr)


def expected_of(work: Any) -> Any:
    """The gradient, or the derivatives, by formula."""
    if isinstance(work, Higher):
        return np.ravel(work.truth).tolist()
    of = expression_by_hand if isinstance(work, Scalars) else work.by_hand
    return eager.flat(of(work.parameters, work.data)[1])


def measure(work: Any, rounds: int, clock: Callable[[], float]) -> Times:
    """Median seconds for each, the fastest first."""
    entered = list(agreeing(contenders(work), expected_of(work)))
    each = IN_A_ROW if is_small(work) else 1
    times = interleave([in_a_row(one, each) for one in entered], rounds, clock)
    single = {name: {TOGETHER: t[TOGETHER] / each} for name, t in times.items()}
    return dict(sorted(single.items(), key=lambda item: item[1][TOGETHER]))


def is_small(work: Any) -> bool:
    """Whether a step is so short that reading the clock would count."""
    return not isinstance(work, eager.Workload) or sum(map(np.size, work.data)) < 10_000


def in_a_row(one: Contender, count: int) -> Contender:
    """So many steps between two looks at the clock."""
    (step,) = one.phases.values()

    def steps(_: Any) -> None:
        for _ in range(count):
            step(None)

    return Contender(one.name, one.gradient, {"steps": steps}, max(1, (one.steps or 25) // 5))


def main() -> None:
    """Measure and print: Markdown while it runs, or JSON at the end."""
    parser = argparse.ArgumentParser(description="Every workload against every library.")
    parser.add_argument("--rounds", type=int, default=9, help="how often each takes its turn")
    parser.add_argument("--only", default="", help="the workloads with this in their names")
    parser.add_argument("--wall", action="store_true", help="time on the wall, not of processors")
    parser.add_argument("--json", action="store_true", help="medians in seconds")
    options = parser.parse_args()
    clock = time.perf_counter if options.wall else time.process_time
    chosen = {name: make for name, make in WORKLOADS.items() if options.only in name}
    packages = {package for package, _ in (RECORDERS | COMPILERS).values()}
    versions = {name: version(name) or "not installed" for name in sorted(packages)}
    if options.json:
        seconds = {
            name: measure(make(name), options.rounds, clock) for name, make in chosen.items()
        }
        print(json.dumps({"machine": machine(), "versions": versions, "seconds": seconds}))
        return
    print(f"{machine()}; {', '.join(f'{name} {found}' for name, found in versions.items())}")
    print(f"{options.rounds} rounds, medians, one thread")
    for name, make in chosen.items():
        print(f"\n**{name}**", end="\n\n", flush=True)
        times = measure(make(name), options.rounds, clock)
        print(table(times, (TOGETHER,), BY_HAND, "µs", 1e-6), flush=True)


if __name__ == "__main__":
    main()
