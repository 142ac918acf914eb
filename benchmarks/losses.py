"""What losses cost beside their arithmetic: checks, weights, masks, and the check of a loss.

    python benchmarks/losses.py

Each figure is the least of many runs, in microseconds of CPU, loss and gradient together.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_neuron import Value, losses, mean
from tinygrad_neuron.losses.checking import examine


def least(times: int, *runs: Callable[[], object]) -> list[float]:
    """The shortest of many runs of each, taken in turn, in microseconds."""
    return [1e6 * min(each) for each in zip(*(map(_once, runs) for _ in range(times)), strict=True)]


def _once(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def ways(loss: Any, p: Value, t: Any) -> list[Callable[[], object]]:
    """A loss and its gradient: its expression alone, without its checks, and as it is."""

    def unchecked() -> None:
        with losses.unchecked():
            loss(p, t).backward()

    return [lambda: mean(loss.function(p, t)).backward(), unchecked, lambda: loss(p, t).backward()]


def main() -> None:
    """Cross-entropy of 1024 rows, Huber of 32 entries, and `check_loss` of every loss."""
    rng = np.random.default_rng(0)
    x, t = Value(rng.standard_normal((1024, 10))), rng.integers(0, 10, 1024)
    y, s = Value(rng.standard_normal(32)), rng.standard_normal(32)
    for name, loss, p, target in (
        ("cross_entropy 1024 x 10", losses.cross_entropy, x, t),
        ("huber 32", losses.huber, y, s),
    ):
        bare, unchecked, checked = least(300, *ways(loss, p, target))
        print(f"{name:24} {bare:8.0f} bare {unchecked:8.0f} unchecked {checked:8.0f} checked")
    costs = sorted((*least(3, lambda n=n: examine(losses.get(n))), n) for n in losses.names())
    (middle, _), (most, slow) = costs[len(costs) // 2], costs[-1]
    print(f"check_loss: {middle / 1e3:.0f} ms in the middle, {most / 1e3:.0f} ms for {slow}")


if __name__ == "__main__":
    main()
