"""What neurons and networks reach on real tables, beside scikit-learn's on the same splits.

    python benchmarks/real_data.py --seeds 20

A seed fixes the split, the start and the order of the batches, so that a row can be run again.
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any

import numpy as np
from sklearn import datasets, linear_model, neural_network
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tinygrad_neuron as tn
from tinygrad_neuron import estimators, nn, optim

Array = Any

CLASSES = ("iris", "wine", "breast_cancer", "digits")
NEURONS = {"diabetes": (estimators.NeuronRegressor, linear_model.LinearRegression)}
NEURONS |= dict.fromkeys(CLASSES, (estimators.NeuronClassifier, linear_model.LogisticRegression))
NETWORKS = {"diabetes": (estimators.MLPRegressor, neural_network.MLPRegressor)}
NETWORKS |= dict.fromkeys(CLASSES, (estimators.MLPClassifier, neural_network.MLPClassifier))


def scores(data: str, ours: Any, theirs: Any, seed: int) -> tuple[float, float]:
    """R², or the share of rows that are right, in the test quarter: ours, and scikit-learn's.

    All with the settings they come with, on the same split; theirs behind a `StandardScaler`.
    """
    x, y = getattr(datasets, f"load_{data}")(return_X_y=True)
    parts = train_test_split(
        x, y, test_size=0.25, stratify=None if data == "diabetes" else y, random_state=seed
    )
    x, x_test, y, y_test = parts
    chance = {"random_state": seed} if theirs.__name__.startswith("MLP") else {}
    other = make_pipeline(StandardScaler(), theirs(**chance))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # theirs, of 200 epochs
        other.fit(x, y)
    mine = ours(random_state=seed).fit(x, y)
    return float(mine.score(x_test, y_test)), float(other.score(x_test, y_test))


def compared(data: str, ours: Any, theirs: Any, seeds: int) -> str:
    """A row: means and spreads, and the mean difference in its own standard errors."""
    mine, other = np.array([scores(data, ours, theirs, seed) for seed in range(seeds)]).T
    gap = mine - other
    error = gap.std(ddof=1) / np.sqrt(seeds) if gap.any() else 0.0
    away = f"{gap.mean() / error:+.1f}" if error else "0"
    return (
        f"| {data} | {ours.__name__} | {mine.mean():.4f} ± {mine.std(ddof=1):.4f} "
        f"| {other.mean():.4f} ± {other.std(ddof=1):.4f} | {gap.mean():+.4f} | {away} |"
    )


def convolutional_digits(seed: int, epochs: int = 20) -> float:
    """The part of the test digits that a small convolutional network reads rightly.

    scikit-learn's 1,797 digits of 8 × 8 pixels; a quarter of them, stratified, is the test
    (`random_state=seed`). 64 at a time, each image shifted by up to one pixel at random.
    """
    images, digits = load_digits(return_X_y=True)
    images = (images / 16.0).reshape(-1, 8, 8, 1).astype(np.float32)
    x, x_test, y, y_test = train_test_split(
        images, digits, test_size=0.25, stratify=digits, random_state=seed
    )
    rng = np.random.default_rng(seed)
    network = Convolutional(rng).cast(np.float32)
    batches = len(x) // 64
    optimizer = optim.Adam(network.parameters(), optim.one_cycle(0.01, steps=epochs * batches))
    for _ in range(epochs):
        order = rng.permutation(len(x))[: 64 * batches]
        for rows in order.reshape(batches, 64):
            with nn.training():
                loss = tn.losses.cross_entropy(network(shifted(x[rows], rng)), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with tn.no_grad():
        said = network(x_test).data.argmax(axis=-1)
    return float((said == y_test).mean())


class Convolutional(nn.Module):
    """Two convolutions, a pooling, and a layer that decides between ten digits."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.first = nn.Layer(3 * 3 * 1, 16, rng=rng)
        self.second = nn.Layer(3 * 3 * 16, 32, rng=rng)
        self.drop = nn.Dropout(0.25, rng=rng)
        self.last = nn.Layer(4 * 4 * 32, 10, nonlin=False, rng=rng)

    def __call__(self, images: Array) -> Array:
        seen = self.second(windows(self.first(windows(images))))
        return self.last(self.drop(pooled(seen).reshape(len(images), -1)))


def windows(images: Array, size: int = 3) -> Array:
    """The window around every pixel, as a row of size · size · channels numbers."""
    edge = size // 2
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
    shifts = [(i, j) for i in range(size) for j in range(size)]
    return np.concatenate([padded[:, i : i + height, j : j + width] for i, j in shifts], axis=-1)


def pooled(images: Array) -> Array:
    """The largest of each 2 × 2 pixels, for each channel."""
    n, height, width, channels = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))


def shifted(images: Array, rng: np.random.Generator) -> Array:
    """Each image moved by -1, 0 or 1 pixel along both axes; 0 comes in at the edge."""
    n, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    down, right = rng.integers(0, 3, (2, n))
    rows = down[:, None, None] + np.arange(height)[:, None]
    columns = right[:, None, None] + np.arange(width)
    return padded[np.arange(n)[:, None, None], rows, columns]


def main() -> None:
    """Run all seeds and print a row for each piece of work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="0, 1, ... below this")
    count = parser.parse_args().seeds
    print("| data | estimator | here | scikit-learn | difference | in standard errors |")
    print("|---|---|--:|--:|--:|--:|")
    for faces in (NEURONS, NETWORKS):
        for data, (ours, theirs) in faces.items():
            print(compared(data, ours, theirs, count), flush=True)
    print("\n| data | network | seeds | test accuracy | spread | least | seconds each |")
    print("|---|---|--:|--:|--:|--:|--:|")
    begun = time.perf_counter()
    reached = [convolutional_digits(seed) for seed in range(count)]
    each = (time.perf_counter() - begun) / count
    print(
        f"| digits | convolutional | {count} | {np.mean(reached):.2%} | {np.std(reached):.2%} "
        f"| {min(reached):.2%} | {each:.1f} |"
    )


if __name__ == "__main__":
    main()
