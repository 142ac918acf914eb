"""Programs as machine code beside hand-written C, jax.jit, PyTorch, and NumPy by hand.

    python benchmarks/native.py [workload ...] [--rounds 7] [--with other/bin/python]

What is installed takes part. JAX and PyTorch may live in another environment: with `--with` the
same workloads are run by that Python as well, and all of them stand in one table. Gradients, or the
weights after five steps, are compared with NumPy's before anything is timed; the times are medians
of CPU seconds of one thread, for one step.
"""

import one_thread  # isort: skip  # noqa: F401  # before NumPy is imported

import argparse
import ctypes
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from harness import agree, machine

import tinygrad_neuron as tn
from tinygrad_neuron import losses, program_of, value_and_grad
from tinygrad_neuron.program import descend, optimised

HAS = {name: find_spec(name) is not None for name in ("numba", "jax", "torch")}
HAND, C = "NumPy by hand", "C, gcc -O3 -ffast-math"


@dataclass(frozen=True)
class Row:
    """A contender: its answer, and one call of so many steps; `again` is a shorter one of fewer."""

    name: str
    answer: Callable[[], Any]
    call: Callable[[int], Any]
    steps: int
    fewer: int = 0

    def seconds(self) -> float:
        """CPU time of a step: of many, less what a few take, which is what calling costs."""
        spent = self._of(self.steps) - (self._of(self.fewer) if self.fewer else 0.0)
        return spent / (self.steps - self.fewer)

    def _of(self, steps: int) -> float:
        begun = time.process_time()
        self.call(steps)
        return time.process_time() - begun


Rows = Iterator[Row]


def times(step: Callable[[], Any], steps: int) -> None:
    """A step, again and again."""
    for _ in range(steps):
        step()


def row(name: str, answer: Callable[[], Any], step: Callable[[], Any], steps: int) -> Row:
    """A contender that is called for each step."""
    return Row(name, answer, partial(times, step), steps)


# ------------------------------------------------------------------------------ elementwise


def wave(x: Any, y: Any, np: Any = np) -> Any:
    """The elementwise loss of the tables."""
    return np.mean(np.log1p(np.exp(-y * (np.tanh(x) * np.sin(x) + x**2))))


def wave_by_hand(x: Any, y: Any) -> tuple[Any, Any]:
    """It and its gradient, in NumPy."""
    t, s = np.tanh(x), np.sin(x)
    e = np.exp(-y * (t * s + x * x))
    g = (-1 / x.size) * y * e / (1 + e)
    return np.mean(np.log1p(e)), g * ((1 - t * t) * s + t * np.cos(x) + 2 * x)


def elementwise(n: int, dtype: Any) -> Rows:
    """Contenders for n entries."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=n).astype(dtype)
    y = rng.choice([-1.0, 1.0], n).astype(dtype)
    many = max(1, 200_000 // n)
    program = optimised(program_of(value_and_grad(wave))(x, y))
    yield row(HAND, lambda: wave_by_hand(x, y)[1], lambda: wave_by_hand(x, y), many)
    yield row("ours, NumPy", lambda: program.run(x, y)[1], lambda: program.run(x, y), many)
    if HAS["numba"]:
        from tinygrad_neuron.program.native import Compiled

        code = Compiled(program)
        yield row("ours, native", lambda: code.run(x, y)[1], lambda: code.run(x, y), many)
    if HAS["jax"]:
        jax, jnp = with_jax()
        f = jax.jit(jax.value_and_grad(lambda x, y: wave(x, y, jnp)))
        a, b = jnp.asarray(x), jnp.asarray(y)
        yield row("jax.jit", lambda: f(a, b)[1], lambda: f(a, b)[1].block_until_ready(), many)
    if HAS["torch"]:
        step = torch_wave(x, y)
        yield row("torch eager", lambda: step().numpy(), step, many)
    if shutil.which("gcc"):
        function, arguments, out = c_wave(x, y)
        yield row(C, lambda: (function(*arguments), out)[1], lambda: function(*arguments), many)


def with_jax() -> Any:
    """JAX in double precision."""
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax, jax.numpy


def torch_wave(x: Any, y: Any) -> Callable[[], Any]:
    """PyTorch, eager."""
    import torch

    torch.set_num_threads(1)
    a, b = torch.tensor(x, requires_grad=True), torch.tensor(y)

    def step() -> Any:
        a.grad = None
        torch.log1p(torch.exp(-b * (torch.tanh(a) * torch.sin(a) + a**2))).mean().backward()
        return a.grad

    return step


def c_wave(x: Any, y: Any) -> Any:
    """The function in C, its arguments, and where it writes."""
    out = np.empty_like(x)
    function = c_library().wave_double if x.dtype == float else c_library().wave_float
    function.restype = ctypes.c_double if x.dtype == float else ctypes.c_float
    return function, (ctypes.c_long(x.size), pointer(x), pointer(y), pointer(out)), out


def pointer(x: Any) -> Any:
    """Where an array stands."""
    return ctypes.c_void_p(x.ctypes.data)


# ---------------------------------------------------------------------------- hand-written C

C_SOURCE = r"""
#include <math.h>
#define WAVE(name, T, F) \
T name(long n, const T *restrict x, const T *restrict y, T *restrict g) { \
    T sum = 0; T c = (T)-1 / n; \
    for (long i = 0; i < n; i++) { \
        T t = tanh##F(x[i]), s = sin##F(x[i]), e = exp##F(-y[i] * (t * s + x[i] * x[i])); \
        sum += log1p##F(e); \
        g[i] = c * y[i] * e / (1 + e) * ((1 - t * t) * s + t * cos##F(x[i]) + 2 * x[i]); \
    } \
    return sum / n; \
}
WAVE(wave_double, double, ) WAVE(wave_float, float, f)

void descend(long steps, long n, long d, const double *restrict x, const double *restrict y,
             double *restrict w, double alpha, double *restrict losses) {
    for (long k = 0; k < steps; k++) {
        double g[64] = {0}, b = 0, sum = 0;
        for (long i = 0; i < n; i++) {
            double z = w[d];
            for (long j = 0; j < d; j++) z += x[i * d + j] * w[j];
            double p = 1 / (1 + exp(-z)), error = p - y[i];
            double s = 2 * error * p * (1 - p) / n;
            sum += error * error; b += s;
            for (long j = 0; j < d; j++) g[j] += s * x[i * d + j];
        }
        losses[k] = sum / n;
        for (long j = 0; j < d; j++) w[j] -= alpha * g[j];
        w[d] -= alpha * b;
    }
}
"""


@cache
def c_library() -> Any:
    """The C above, by gcc with all it has."""
    folder = Path(tempfile.mkdtemp())
    (folder / "bench.c").write_text(C_SOURCE)
    flags = ["-O3", "-march=native", "-ffast-math", "-shared", "-fPIC"]
    subprocess.run(["gcc", *flags, "bench.c", "-o", "bench.so", "-lm"], cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "bench.so"))


# ------------------------------------------------------------------------------- one neuron


def neuron_loss(weights: Any, x: Any, y: Any) -> Any:
    """The squared error of a sigmoid."""
    w, b = weights
    return np.mean((tn.sigmoid(x @ w + b) - y) ** 2)


def neuron_by_hand(x: Any, y: Any, steps: int) -> Any:
    """Gradient descent in NumPy."""
    w, b, n = np.zeros(x.shape[1]), 0.0, len(y)
    history = []
    for _ in range(steps):
        p = 1.0 / (1.0 + np.exp(-(x @ w + b)))
        error = p - y
        history.append(np.mean(error**2))
        g = (2.0 / n) * error * p * (1.0 - p)
        w, b = w - 0.1 * (x.T @ g), b - 0.1 * g.sum()
    return np.append(w, b)


def neuron(n: int, d: int) -> Rows:
    """Contenders for n rows of d numbers: whole loops."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, d)), rng.integers(0, 2, n).astype(float)
    few = max(3, min(2_000, 4_000_000 // (n * d)))
    many = max(10, min(200_000, 60_000_000 // (n * d)))

    def ours(steps: int, native: bool) -> Any:
        start = (np.zeros(d), 0.0)
        run = descend(neuron_loss, start, x, y, alpha=0.1, steps=steps, native=native)
        return np.append(*run.state)

    for name, call, steps in (
        (HAND, partial(neuron_by_hand, x, y), few),
        ("ours, NumPy", partial(ours, native=False), few),
        *([("ours, native", partial(ours, native=True), many)] if HAS["numba"] else []),
        *([("jax.jit, whole loop", jax_neuron(x, y), many)] if HAS["jax"] else []),
        *([(C, partial(c_neuron, x, y), many)] if shutil.which("gcc") else []),
    ):
        yield Row(name, partial(call, 5), call, steps, max(1, steps // 10))


def c_neuron(x: Any, y: Any, steps: int) -> Any:
    """The whole loop in C."""
    w, history = np.zeros(x.shape[1] + 1), np.empty(steps)
    n, d = map(ctypes.c_long, x.shape)
    given = pointer(x), pointer(y), pointer(w), ctypes.c_double(0.1), pointer(history)
    c_library().descend(ctypes.c_long(steps), n, d, *given)
    return w


def jax_neuron(x: Any, y: Any) -> Any:
    """The whole loop by jax.jit."""
    jax, jnp = with_jax()
    a, b = jnp.asarray(x), jnp.asarray(y)

    def loss(weights: Any) -> Any:
        return jnp.mean((jax.nn.sigmoid(a @ weights[0] + weights[1]) - b) ** 2)

    def turn(_: Any, weights: Any) -> Any:
        slope = jax.grad(loss)(weights)
        return weights[0] - 0.1 * slope[0], weights[1] - 0.1 * slope[1]

    whole = jax.jit(lambda k, w: jax.lax.fori_loop(0, k, turn, w))

    def run(steps: int) -> Any:
        w, b = whole(steps, (jnp.zeros(x.shape[1]), 0.0))
        return np.append(np.asarray(w), float(b))

    return run


# -------------------------------------------------------------------------------- a network


SIZES = ((64, 128), (128, 64), (64, 10))


def network_loss(params: Any, x: Any, y: Any) -> Any:
    """Cross entropy behind tanh and relu."""
    (w1, b1), (w2, b2), (w3, b3) = params
    h = np.maximum(np.tanh(x @ w1 + b1) @ w2 + b2, 0.0)
    return losses.cross_entropy(h @ w3 + b3, y)


def network_by_hand(start: Any, xs: Any, ys: Any, steps: int) -> Any:
    """Stochastic gradient descent in NumPy."""
    (w1, b1), (w2, b2), (w3, b3) = ((w.copy(), b.copy()) for w, b in start)
    rows = np.arange(xs.shape[1])
    for k in range(steps):
        x, y = xs[k % len(xs)], ys[k % len(xs)]
        h = np.tanh(x @ w1 + b1)
        a = np.maximum(h @ w2 + b2, 0.0)
        z = a @ w3 + b3
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        np.mean(-np.log(p[rows, y]))
        p[rows, y] -= 1.0
        p /= len(y)
        da = (p @ w3.T) * (a > 0)
        dh = (da @ w2.T) * (1.0 - h * h)
        for w, b, left, g in ((w3, b3, a, p), (w2, b2, h, da), (w1, b1, x, dh)):
            w -= 0.1 * (left.T @ g)
            b -= 0.1 * g.sum(axis=0)
    return np.concatenate([x.ravel() for pair in ((w1, b1), (w2, b2), (w3, b3)) for x in pair])


def network(dtype: Any) -> Rows:
    """Contenders for 64-128-64-10 on batches of 32."""
    rng = np.random.default_rng(0)
    xs = rng.normal(size=(56, 32, 64)).astype(dtype)
    ys = rng.integers(0, 10, (56, 32))
    start = [(rng.normal(size=s).astype(dtype) / dtype(8), np.zeros(s[1], dtype)) for s in SIZES]

    def ours(steps: int, native: bool) -> Any:
        given = {"alpha": 0.1, "batches": (xs, ys), "native": native}
        run = descend(network_loss, start, steps=steps, **given)
        return np.concatenate([x.ravel() for pair in run.state for x in pair])

    for name, call, steps in (
        (HAND, partial(network_by_hand, start, xs, ys), 560),
        ("ours, NumPy", partial(ours, native=False), 560),
        *([("ours, native", partial(ours, native=True), 5600)] if HAS["numba"] else []),
        *([("jax.jit, whole loop", jax_network(start, xs, ys), 5600)] if HAS["jax"] else []),
    ):
        yield Row(name, partial(call, 5), call, steps, steps // 10)


def jax_network(start: Any, xs: Any, ys: Any) -> Any:
    """The whole loop by jax.jit."""
    jax, jnp = with_jax()
    a, b = jnp.asarray(xs), jnp.asarray(ys)

    def loss(params: Any, x: Any, y: Any) -> Any:
        (w1, b1), (w2, b2), (w3, b3) = params
        z = jnp.maximum(jnp.tanh(x @ w1 + b1) @ w2 + b2, 0.0) @ w3 + b3
        return -jnp.mean(jax.nn.log_softmax(z)[jnp.arange(len(y)), y])

    def turn(k: Any, params: Any) -> Any:
        slope = jax.grad(loss)(params, a[k % len(xs)], b[k % len(xs)])
        return jax.tree.map(lambda x, g: x - 0.1 * g, params, slope)

    whole = jax.jit(lambda k, p: jax.lax.fori_loop(0, k, turn, p))
    given = jax.tree.map(jnp.asarray, start)

    def run(steps: int) -> Any:
        return np.concatenate([np.asarray(x).ravel() for pair in whole(steps, given) for x in pair])

    return run


# ------------------------------------------------------------------------------------- main

WORKLOADS: dict[str, Callable[[], Rows]] = {
    **{
        f"wave {n:.0e} {np.dtype(t).name}".replace("e+0", "e"): partial(elementwise, n, t)
        for t in (np.float64, np.float32)
        for n in (1_000, 100_000, 10_000_000)
    },
    **{
        f"neuron {n}x{d}": partial(neuron, n, d)
        for n, d in ((1, 2), (100, 2), (10_000, 10), (1_000_000, 10))
    },
    "digits float64": partial(network, np.float64),
    "digits float32": partial(network, np.float32),
}


def measured(workload: str, rounds: int) -> dict[str, float]:
    """Seconds for one step of each contender here, after their answers were compared."""
    rows = list(WORKLOADS[workload]())
    expected = np.asarray(rows[0].answer(), float).ravel()
    for each in rows:
        given = np.asarray(each.answer(), float).ravel()
        if not agree(given, expected, 1e-3 if "32" in workload else 1e-8):
            raise SystemExit(f"{workload}: {each.name} gives another answer, nothing was timed")
    samples: dict[str, list[float]] = {each.name: [] for each in rows}
    for _ in range(rounds):
        for each in rows:
            samples[each.name].append(each.seconds())
    return {name: median(taken) for name, taken in samples.items()}


def elsewhere(python: str, workload: str, rounds: int) -> dict[str, float]:
    """The same by another Python."""
    command = [python, __file__, workload, "--rounds", str(rounds), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def table(workload: str, found: dict[str, float]) -> str:
    """Fastest first, and each over NumPy by hand."""
    lines = [f"\n### {workload}\n", "| contender | µs a step | of NumPy by hand |", "|---|--:|--:|"]
    for name, seconds in sorted(found.items(), key=lambda pair: pair[1]):
        lines.append(f"| {name} | {seconds * 1e6:,.3g} | {seconds / found[HAND]:.3f} |")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    """Run the workloads that are named, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--with", dest="other")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    if not given.json:
        print(machine())
    for workload in given.workloads:
        found = measured(workload, given.rounds)
        if given.other:
            found = {**elsewhere(given.other, workload, given.rounds), **found}
        print(json.dumps(found) if given.json else table(workload, found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
