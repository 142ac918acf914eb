"""What the CTC loss and its gradient cost: 32 sequences of 100 frames and 20 labels, 30 classes.

    python benchmarks/ctc.py [--rounds 20] [--json]

Both libraries start from scores, so that their log-softmax is part of it. Gradients are compared
before anything is timed. Libraries that are not installed are left out, and named as such.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from harness import TOGETHER, Contender, Times, agree, interleave, machine, table, version

import tinygrad_neuron as tn

OURS = "tinygrad_neuron"
SEQUENCES, FRAMES, LABELS, CLASSES = 32, 100, 20, 30
TOLERANCE = {"float64": 1e-9, "float32": 1e-3}  # of the largest entry of the gradient
CLOCKS = {"on the wall": time.perf_counter, "CPU": time.process_time}

rng = np.random.default_rng(0)
SCORES = rng.normal(size=(SEQUENCES, FRAMES, CLASSES))
TARGET = rng.integers(1, CLASSES, (SEQUENCES, LABELS))

Step = Callable[[], Any]


def ours(precision: str) -> Iterator[tuple[str, Step]]:
    """The sum over the sequences, by value_and_grad."""
    scores = SCORES.astype(precision)
    step = tn.value_and_grad(partial(tn.losses.ctc, labels=TARGET, reduction="sum"))
    yield OURS, lambda: step(scores)[1].data


def pytorch(precision: str) -> Iterator[tuple[str, Step]]:
    """The same, with one thread and with as many as PyTorch takes."""
    import torch

    scores = torch.tensor(SCORES.astype(precision), requires_grad=True)
    labels = torch.tensor(TARGET)
    sizes = torch.full((SEQUENCES,), FRAMES), torch.full((SEQUENCES,), LABELS)
    all_threads = os.cpu_count() or 1

    def step(threads: int) -> Any:
        torch.set_num_threads(threads)
        log_probs = scores.log_softmax(-1).transpose(0, 1)
        loss = torch.nn.functional.ctc_loss(log_probs, labels, *sizes, reduction="sum")
        return torch.autograd.grad(loss, scores)[0].numpy()

    for threads in sorted({1, all_threads}):
        name = "1 thread" if threads == 1 else f"{threads} threads"
        yield f"PyTorch, {name}", partial(step, threads)


ENTRANTS = {"tinygrad_neuron": ours, "torch": pytorch}


def contenders(precision: str) -> list[Contender]:
    """Every installed library."""
    entered = [e for name, found in ENTRANTS.items() if version(name) for e in found(precision)]
    return [
        Contender(name, partial(numbers, step), {"step": lambda _, s=step: s()})
        for name, step in entered
    ]


def numbers(step: Step) -> list[float]:
    """A gradient in a row."""
    return np.ravel(step()).tolist()


def measure(precision: str, clock: Callable[[], float], rounds: int) -> Times:
    """Median seconds per step, after the gradients were found to be those of float64."""
    expected = numbers(next(ours("float64"))[1])
    entered = contenders(precision)
    for contender in entered:
        if not agree(contender.gradient(), expected, TOLERANCE[precision]):
            raise SystemExit(f"{contender.name} gives another gradient: nothing was timed")
    return interleave(entered, rounds, clock)


def main() -> None:
    """Measure and print: Markdown while it runs, or JSON at the end."""
    parser = argparse.ArgumentParser(description="The cost of the CTC loss.")
    parser.add_argument("--rounds", type=int, default=20, help="how often each takes its turn")
    parser.add_argument("--json", action="store_true", help="medians in seconds")
    options = parser.parse_args()
    found = {name: version(name) or "not installed" for name in ("numpy", *ENTRANTS)}
    seconds = {}
    if not options.json:
        print(f"{machine()}; {', '.join(f'{name} {v}' for name, v in found.items())}")
        print(f"{options.rounds} rounds, medians")
    for precision in TOLERANCE:
        for name, clock in CLOCKS.items():
            times = seconds[f"{precision}, {name}"] = measure(precision, clock, options.rounds)
            if not options.json:
                print(f"\n**{precision}**, time {name}.\n", flush=True)
                print(table(times, (TOGETHER,), OURS, "ms", 1e-3), flush=True)
    if options.json:
        print(json.dumps({"machine": machine(), "versions": found, "seconds": seconds}))


if __name__ == "__main__":
    main()
