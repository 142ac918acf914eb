"""A logistic neuron on more rows than memory holds, and what a step costs beside plain NumPy.

    python benchmarks/cluster.py [--rows 20000000] [--partition 250000] [--workers 2] [--json]

The rows are generated, partition by partition, in every step: nothing is kept and nothing written.
The weights are compared with those that NumPy finds on the first hundredth of the rows. Then, on
rows that fit into memory, one step each: by hand in NumPy, recorded in memory, recorded through
Dask, and by the loss's program on each partition.
"""

from __future__ import annotations

import one_thread  # noqa: F401  # before NumPy

# isort: split
import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

import dask
import dask.array as da
import numpy as np
from harness import machine, version

import tinygrad_neuron as tn
from tinygrad_neuron import cluster

COLUMNS = 10
TRUTH = np.array([1.0, -2.0, 0.5, 0.0, 0.25, -0.5, 1.5, -1.0, 0.75, -0.25])
BIAS = 0.3
ALPHA = 14.0  # the curvature of this loss goes from 0.026 to 0.115 where it ends
FLAT = 1e-5  # a gradient this small leaves 4e-4 of the way, a thirtieth of the sample's error
SHARE = 100  # the sample is the first 1/SHARE of the rows
FITS = 2_000_000


def rows_of(number: int, rows: int) -> tuple[Any, Any]:
    """Partition number so-and-so: inputs and labels, the same ones whenever it is asked for."""
    rng = np.random.default_rng(np.random.SeedSequence(1492, spawn_key=(number,)))
    x = rng.standard_normal((rows, COLUMNS))
    return x, (rng.random(rows) < 1.0 / (1.0 + np.exp(-(x @ TRUTH + BIAS)))).astype(float)


def generated(rows: int, partition: int) -> tuple[Any, Any]:
    """The examples as Dask arrays; a partition is made once for its inputs and its labels."""
    sizes = [min(partition, rows - start) for start in range(0, rows, partition)]
    made = [dask.delayed(rows_of, pure=False, nout=2)(i, n) for i, n in enumerate(sizes)]
    pairs = zip(made, sizes, strict=True)
    arrays = [
        (da.from_delayed(m[0], (n, COLUMNS), float), da.from_delayed(m[1], (n,), float))
        for m, n in pairs
    ]
    return tuple(da.concatenate(part) for part in zip(*arrays, strict=True))  # type: ignore[return-value]


def loss(p: Any, x: Any, y: Any) -> Any:
    """The mean surprise of a logistic neuron."""
    z = x @ p["w"] + p["b"]
    return tn.mean(tn.softplus(z) - y * z)


def by_hand(p: Any, x: Any, y: Any) -> tuple[float, Any]:
    """The same, and its gradient, as one writes it in NumPy."""
    z = x @ p["w"] + p["b"]
    value = (np.logaddexp(0.0, z) - y * z).mean()
    d = (1.0 / (1.0 + np.exp(-z)) - y) / len(y)
    return value, {"w": d @ x, "b": d.sum()}


def numbers(x: Any) -> Any:
    """What a Value holds."""
    return np.asarray(getattr(x, "_data", x))


def descend(step: Callable[..., Any], x: Any, y: Any, most: int) -> tuple[Any, list[float]]:
    """Gradient descent from 0 until the gradient is flat; the weights, and each step's time."""
    p, times = {"w": np.zeros(COLUMNS), "b": 0.0}, []
    for _ in range(most):
        start = time.perf_counter()
        _, g = step(p, x, y)
        times.append(time.perf_counter() - start)
        slopes = np.append(numbers(g["w"]), numbers(g["b"]))
        p = {"w": p["w"] - ALPHA * slopes[:-1], "b": float(p["b"] - ALPHA * slopes[-1])}
        if np.abs(slopes).max() < FLAT:
            break
    return np.append(p["w"], p["b"]), times


def distance(full: Any, part: Any, x: Any) -> float:
    """How many standard errors of the sample lie between both, as a squared Mahalanobis distance.

    The difference of an estimate and that of a share s of its rows has covariance
    (1 - s) / n times the inverse of the information of a row.
    """
    rows = np.column_stack([x, np.ones(len(x))])
    p = 1.0 / (1.0 + np.exp(-(rows @ part)))
    information = (rows * (p * (1.0 - p))[:, None]).T @ rows / (1.0 - 1.0 / SHARE)
    gap = full - part
    return float(gap @ information @ gap)


def peak_mb() -> float:
    """The most memory this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def on_all(rows: int, partition: int, workers: int, most: int) -> dict[str, Any]:
    """The descent on generated rows, with the peak of each process."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as local,
        Client(local) as client,
    ):
        x, y = generated(rows, partition)
        weights, times = descend(cluster.value_and_grad(loss), x, y, most)
        peaks = [*client.run(peak_mb).values(), peak_mb()]
    sample = rows_of_first(rows // SHARE, partition)
    part, _ = descend(by_hand, *sample, most)
    return {
        "rows": rows,
        "steps": len(times),
        "s per step": statistics.median(times),
        "peak MB, workers and client": [round(p) for p in peaks],
        "weights": weights.round(5).tolist(),
        "weights of the sample": part.round(5).tolist(),
        "largest gap": float(np.abs(weights - part).max()),
        "squared distance, 11 expected": distance(weights, part, sample[0]),
    }


def rows_of_first(rows: int, partition: int) -> tuple[Any, Any]:
    """The first rows, in memory."""
    made = [rows_of(i, partition) for i in range(-(-rows // partition))]
    return tuple(np.concatenate(part)[:rows] for part in zip(*made, strict=True))  # type: ignore[return-value]


def on_what_fits(rows: int, partition: int, rounds: int) -> dict[str, float]:
    """Seconds of one step on rows in memory, one thread, each way."""
    x, y = rows_of_first(rows, partition)
    lazy = da.from_array(x, chunks=(partition, -1)), da.from_array(y, chunks=partition)
    p = {"w": TRUTH, "b": BIAS}
    ways: dict[str, tuple[Callable[..., Any], Any]] = {
        "NumPy by hand": (by_hand, (x, y)),
        "recorded in memory": (tn.value_and_grad(loss), (x, y)),
        "recorded through Dask": (tn.value_and_grad(loss), lazy),
        "program on each partition": (cluster.value_and_grad(loss), lazy),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    truth = by_hand(p, x, y)[1]["w"]
    with dask.config.set(scheduler="synchronous"):
        for _ in range(rounds):
            for name, (step, data) in ways.items():
                start = time.process_time()
                _, g = step(p, *data)
                found[name].append(time.process_time() - start)
                if not np.allclose(numbers(g["w"]), truth, rtol=1e-9, atol=1e-12):
                    raise SystemExit(f"{name} gives another gradient: nothing was measured")
    return {name: min(times) for name, times in found.items()}


def main() -> None:
    """Both measurements, as lines or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--partition", type=int, default=250_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--steps", type=int, default=40, help="the most steps")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = {
        "machine": f"{machine()}; dask {version('dask')}, numpy {np.__version__}",
        "all": on_all(options.rows, options.partition, options.workers, options.steps),
        f"CPU s per step on {FITS} rows": on_what_fits(FITS, options.partition, options.rounds),
    }
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for title, part in found.items():
        print(f"{title}: {part}" if isinstance(part, str) else f"{title}:")
        for name, x in part.items() if isinstance(part, dict) else ():
            print(f"  {name}: {x:.4g}" if isinstance(x, float) else f"  {name}: {x}")


if __name__ == "__main__":
    main()
