"""What a training takes with programs and without: short ones, for which none is made, and long.

Each pair of trainings starts from the same weights; the two take turns, which of them is first
changes from round to round, and their weights are compared before anything is told. Times are CPU
time of the process.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported

import numpy as np

import tinygrad_neuron as tn
from tinygrad_neuron import nn

RNG = np.random.default_rng(1492)
CLOSE = {"float64": 1e-9, "float32": 1e-2}  # of the largest weight, after the whole training


@dataclass(frozen=True)
class Case:
    """A model, what it learns, and for how many epochs."""

    name: str
    model: Callable[[], Any]
    data: tuple[Any, Any]
    epochs: tuple[int, ...]
    settings: dict[str, Any] = field(default_factory=dict)


def windows(images: Any) -> Any:
    """The 3 by 3 pixels around every pixel, as a row."""
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifts = [(i, j) for i in range(3) for j in range(3)]
    return np.concatenate([padded[:, i : i + height, j : j + width] for i, j in shifts], axis=-1)


class Convolutional(nn.Module):
    """Two convolutions, a pooling and a layer: the network of the example, without its dropout."""

    def __init__(self) -> None:
        self.first, self.second = nn.Layer(9, 16, rng=0), nn.Layer(144, 32, rng=1)
        self.last = nn.Layer(512, 10, nonlin=False, rng=2)

    def __call__(self, images: Any) -> Any:
        seen = self.second(windows(self.first(windows(images))))
        pooled = seen.reshape(len(images), 4, 2, 4, 2, 32).max(axis=(2, 4))
        return self.last(pooled.reshape(len(images), -1))


def cases() -> list[Case]:
    """From a single neuron to a small convolutional network."""
    x = RNG.normal(size=(100, 2))
    line, sign = x @ [2.0, -1.0] + 0.5, (x[:, 0] * x[:, 1] > 0).astype(float)
    digits, labels = RNG.normal(size=(1797, 64)), RNG.integers(0, 10, 1797)
    images = digits[:640].reshape(-1, 8, 8, 1).astype(np.float32)

    def moons() -> Any:
        return tn.MLP(2, [16, 16, 1], rng=0)

    def reader() -> Any:
        return tn.MLP(64, [128, 64, 10], rng=0)

    every, yes = {"batch_size": None}, {"loss": "binary_cross_entropy"}
    label = {"loss": "cross_entropy"}
    single = digits.astype(np.float32)
    return [
        Case("neuron, 100 x 2, all rows", lambda: tn.Neuron(2, nonlin=False, rng=0), (x, line),
             (1, 5, 199, 200, 1000), every),
        Case("2-16-16-1, 100 rows, all", moons, (x, sign), (1, 5, 200, 1000), {**every, **yes}),
        Case("2-16-16-1, batches of 25", moons, (x, sign), (1, 5, 50, 250), yes),
        Case("64-128-64-10, float64", reader, (digits, labels), (1, 4, 5, 20), label),
        Case("64-128-64-10, float32", lambda: reader().cast(np.float32), (single, labels),
             (1, 4, 5, 20), label),
        Case("convolutions, float32", lambda: Convolutional().cast(np.float32),
             (images, labels[:640]), (1, 5, 20), {**label, "batch_size": 64}),
    ]  # fmt: skip


def trained(case: Case, epochs: int, programs: bool) -> tuple[float, Any, Any]:
    """Seconds of CPU time, the model and the history."""
    model = case.model()
    begun = time.process_time()
    history = tn.fit(
        model, case.data, epochs=epochs, progress=False, compile=programs, **case.settings
    )
    return time.process_time() - begun, model, history


def compared(case: Case, epochs: int, rounds: int) -> tuple[float, float, float, Any]:
    """Seconds without programs and with them, their ratio, and the history with them."""
    pairs = []
    for i in range(rounds):
        order = (False, True) if i % 2 else (True, False)
        pair = {programs: trained(case, epochs, programs) for programs in order}
        check(pair[True][1], pair[False][1])
        pairs.append(pair)
    without, within = ([pair[p][0] for pair in pairs] for p in (False, True))
    ratio = statistics.median(b / a for a, b in zip(without, within, strict=True))
    return statistics.median(without), statistics.median(within), ratio, pairs[-1][True][2]


def check(ours: Any, theirs: Any) -> None:
    """Raise where a training by programs has led elsewhere."""
    for name, wanted in theirs.state().items():
        off = np.abs(ours.state()[name] - wanted).max() / max(np.abs(wanted).max(), 1e-3)
        if not off <= CLOSE[str(wanted.dtype)]:
            raise SystemExit(f"{name} is off by {off:.1e}")


def main() -> None:
    """The table, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print("| training | updates | µs without | µs with programs | with / without |")
    print("| --- | --: | --: | --: | --: |")
    for case in cases():
        for epochs in case.epochs:
            without, within, ratio, history = compared(case, epochs, rounds)
            n = history.columns["update"][-1]
            programs = f"{1e6 * within / n:.0f}" if history.compiled else "none"
            cells = f"{n:.0f} | {1e6 * without / n:.0f} | {programs} | {ratio:.2f}"
            print(f"| {case.name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
