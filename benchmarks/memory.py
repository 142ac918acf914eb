"""What the gradient of a long chain of operations needs in memory, plain and checkpointed.

    python benchmarks/memory.py [--json]

The peak of one `value_and_grad`, as tracemalloc sees it: NumPy reports its arrays there, and Python
its objects. It is exact, so one run is enough and other work on the machine does not enter. Every
gradient is compared with the formula before anything is measured.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from harness import machine, version

import tinygrad_neuron as tn

Function = Callable[[Any], Any]
LENGTHS = (10, 100, 1_000)
SIZES = (1_000, 100_000)


def step(x: Any) -> Any:
    """One operation on n numbers, which keeps its result for the way back."""
    return tn.tanh(x)


def repeated(f: Function, times: int) -> Function:
    """f of f of f of x."""

    def chain(x: Any) -> Any:
        for _ in range(times):
            x = f(x)
        return x

    return chain


def plain(k: int) -> Function:
    """k operations, all of which are kept."""
    return repeated(step, k)


def checkpointed(k: int) -> Function:
    """k operations in about sqrt(k) segments: what is kept is their ends, and one inside."""
    length = math.isqrt(k)
    segment = tn.checkpoint(repeated(step, length))
    rest = repeated(step, k % length)
    return lambda x: rest(repeated(segment, k // length)(x))


def nested(k: int) -> Function:
    """Halves of halves, each of them checkpointed: about log2(k) ends are kept at a time."""
    if k == 1:
        return step
    half = tn.checkpoint(nested(k // 2))
    rest = repeated(step, k % 2)
    return lambda x: rest(half(half(x)))


WAYS: dict[str, Callable[[int], Function]] = {
    "plain": plain,
    "checkpointed": checkpointed,
    "checkpointed in halves": nested,
}


@dataclass(frozen=True)
class Peak:
    """The most bytes at one time, and the same in arrays of n numbers."""

    bytes: int
    arrays: float


def truth(k: int, x: Any) -> Any:
    """The slope of the chain by the chain rule, written out."""
    slope = np.ones_like(x)
    for _ in range(k):
        x = np.tanh(x)
        slope *= 1.0 - x * x
    return slope


def gradient(f: Function, x: Any) -> Any:
    """The gradient of the sum of f's results."""
    return tn.value_and_grad(lambda x: f(x).sum())(x)[1].data


def peak(f: Function, x: Any) -> Peak:
    """Of one value and gradient, over what was there before."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        gradient(f, x)
        most = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    return Peak(most, most / x.nbytes)


def measure(k: int, n: int) -> dict[str, Peak]:
    """The peak of each way, once its gradient was found to be right."""
    x = np.linspace(-2.0, 2.0, n)
    found = {}
    for name, way in WAYS.items():
        if not np.allclose(gradient(way(k), x), truth(k, x), rtol=1e-9, atol=0.0):
            raise SystemExit(f"{name} gives another gradient: nothing was measured")
        found[name] = peak(way(k), x)
    return found


def table(peaks: dict[tuple[int, int], dict[str, Peak]]) -> str:
    """Megabytes as Markdown, with the arrays of n numbers they would hold."""
    lines = [["k operations", "n numbers", *WAYS], ["--:"] * (2 + len(WAYS))]
    for (k, n), found in peaks.items():
        cells = [f"{p.bytes / 1e6:.2f} MB ({p.arrays:.0f})" for p in found.values()]
        lines.append([f"{k:,}", f"{n:,}", *cells])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    """Measure and print: Markdown, or JSON."""
    parser = argparse.ArgumentParser(description="The memory that a gradient needs.")
    parser.add_argument("--json", action="store_true", help="peaks in bytes")
    options = parser.parse_args()
    peaks = {(k, n): measure(k, n) for k in LENGTHS for n in SIZES}
    if options.json:
        rows = [
            {"k": k, "n": n, **{name: p.bytes for name, p in found.items()}}
            for (k, n), found in peaks.items()
        ]
        print(json.dumps({"machine": machine(), "numpy": version("numpy"), "peaks": rows}))
        return
    print(f"{machine()}; numpy {version('numpy')}\n")
    print(table(peaks))


if __name__ == "__main__":
    main()
