"""Work that is trained: one neuron, the moons' network, the digits' network."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from suite.work import Arrays, Work

MOONS, DIGITS = (2, 16, 16, 1), (64, 128, 64, 10)
BATCH, ROWS = 32, 1797


# ---- one neuron ----


def neuron(f: Any, parameters: Arrays, data: Arrays) -> Any:
    """A sigmoid neuron, the mean of the squared errors."""
    (w, b), (x, y) = parameters, data
    r = f.sigmoid(x @ w + b) - y
    return f.mean(r * r)


def neuron_by_hand(parameters: Arrays, data: Arrays) -> tuple[Any, list[Any]]:
    """Two products with the data."""
    (w, b), (x, y) = parameters, data
    p = 1.0 / (1.0 + np.exp(-(x @ w + b)))
    r = p - y
    g = (2.0 / len(y)) * r * p * (1.0 - p)
    return (r * r).mean(), [x.T @ g, g.sum()]


def neuron_sample(f: Any, parameters: Any, x: Any, y: Any) -> Any:
    """The same number by number."""
    w, b = parameters
    for one, feature in zip(w, x, strict=True):
        b = b + one * feature
    r = f.sigmoid(b) - y
    return r * r


def linear(f: Any, parameters: Arrays, data: Arrays) -> Any:
    """A linear neuron, the mean of the squared errors."""
    (w, b), (x, y) = parameters, data
    r = x @ w + b - y
    return f.mean(r * r)


def linear_by_hand(parameters: Arrays, data: Arrays) -> tuple[Any, list[Any]]:
    """Two products with the data."""
    (w, b), (x, y) = parameters, data
    r = x @ w + b - y
    g = (2.0 / len(y)) * r
    return (r * r).mean(), [x.T @ g, g.sum()]


def linear_sample(f: Any, parameters: Any, x: Any, y: Any) -> Any:
    """The same number by number."""
    w, b = parameters
    for one, feature in zip(w, x, strict=True):
        b = b + one * feature
    r = b - y
    return r * r


def a_neuron(name: str, rows: int, features: int, is_linear: bool = False) -> Work:
    """Gradient descent of a neuron on a table of so many rows."""
    rng = np.random.default_rng(1492)
    x = rng.normal(size=(rows, features))
    target = rng.normal(size=rows) if is_linear else rng.integers(0, 2, rows).astype(float)
    chosen = (linear, linear_by_hand) if is_linear else (neuron, neuron_by_hand)
    return Work(
        name,
        *chosen,
        [np.zeros(features), 0.0],
        [x, target],
        optimiser="sgd",
        sample=(linear_sample if is_linear else neuron_sample) if rows <= 100 else None,
        threaded=rows * features > 1_000_000,
    )


# ---- two moons: 337 weights, relu and a margin ----


def moons(f: Any, parameters: Arrays, data: Arrays) -> Any:
    """Two hidden layers of relu, and how far each row is inside of the margin."""
    a, b, c, d, e, g = parameters
    x, y = data
    h = f.relu(f.relu(x @ a + b) @ c + d)
    return f.mean(f.relu(1.0 - y * (h @ e + g)))


def moons_by_hand(parameters: Arrays, data: Arrays) -> tuple[Any, list[Any]]:
    """The chain rule, as one writes it when one has time."""
    a, b, c, d, e, g = parameters
    x, y = data
    h1 = np.maximum(x @ a + b, 0.0)
    h2 = np.maximum(h1 @ c + d, 0.0)
    margin = np.maximum(1.0 - y * (h2 @ e + g), 0.0)
    z3 = (margin > 0.0) * y * (-1.0 / len(y))
    z2 = (z3 @ e.T) * (h2 > 0.0)
    z1 = (z2 @ c.T) * (h1 > 0.0)
    return margin.mean(), [x.T @ z1, z1.sum(0), h1.T @ z2, z2.sum(0), h2.T @ z3, z3.sum(0)]


def moons_sample(f: Any, parameters: Any, x: Any, y: Any) -> Any:
    """The same number by number: 337 weights, one row."""
    layers = list(zip(parameters[::2], parameters[1::2], strict=True))
    for k, (weights, biases) in enumerate(layers):
        sums = list(biases)
        for one, row in zip(x, weights, strict=True):
            sums = [s + w * one for s, w in zip(sums, row, strict=True)]
        x = sums if k == len(layers) - 1 else [f.relu(s) for s in sums]
    return f.relu(1.0 - x[0] * y[0])


def two_moons(rows: int) -> tuple[Any, Any]:
    """Two half circles in each other, with noise, and on which of them a point is: -1 or 1."""
    rng = np.random.default_rng(1492)
    angle, lower = rng.uniform(0.0, np.pi, rows), np.arange(rows) % 2
    x = np.where(lower, 1.0 - np.cos(angle), np.cos(angle))
    y = np.where(lower, 0.5 - np.sin(angle), np.sin(angle))
    noise = 0.1 * rng.normal(size=(rows, 2))
    return np.stack([x, y], axis=1) + noise, (2.0 * lower - 1.0)[:, None]


def the_moons(name: str, of_numbers: bool) -> Work:
    """The network of scalars that people learn with, and the same on arrays."""
    return Work(
        name,
        moons,
        moons_by_hand,
        list(layers_of(MOONS, float)),
        list(two_moons(100)),
        optimiser="sgd",
        sample=moons_sample if of_numbers else None,
        of_numbers=of_numbers,
    )


# ---- digits: relu and cross entropy ----


def digits(f: Any, parameters: Arrays, data: Arrays) -> Any:
    """Two hidden layers of relu and the cross entropy; data as large as the digits are."""
    a, b, c, d, e, g = parameters
    x, labels = data
    h = f.relu(f.relu(x @ a + b) @ c + d)
    return f.cross_entropy(h @ e + g, labels)


def digits_by_hand(parameters: Arrays, data: Arrays) -> tuple[Any, list[Any]]:
    """The chain rule, as one writes it when one has time."""
    a, b, c, d, e, g = parameters
    x, labels = data
    rows = np.arange(len(labels))
    h1 = np.maximum(x @ a + b, 0.0)
    h2 = np.maximum(h1 @ c + d, 0.0)
    z3 = h2 @ e + g
    z3 -= z3.max(axis=1, keepdims=True)
    p = np.exp(z3)
    total = p.sum(axis=1, keepdims=True)
    loss = (np.log(total[:, 0]) - z3[rows, labels]).mean()
    p /= total
    p[rows, labels] -= 1.0
    p /= len(labels)
    z2 = (p @ e.T) * (h2 > 0.0)
    z1 = (z2 @ c.T) * (h1 > 0.0)
    return loss, [x.T @ z1, z1.sum(0), h1.T @ z2, z2.sum(0), h2.T @ p, p.sum(0)]


def layers_of(sizes: tuple[int, ...], dtype: Any) -> Iterator[Any]:
    """Weights and biases, in their order."""
    rng = np.random.default_rng(1492)
    for n, m in pairwise(sizes):
        yield (rng.normal(size=(n, m)) * np.sqrt(2.0 / n)).astype(dtype)
        yield np.zeros(m, dtype)


def the_digits(
    name: str, rows: int, dtype: Any, optimiser: str, sizes: tuple[int, ...] = DIGITS
) -> Work:
    """Steps on batches of 32, or on all rows at once."""
    rng = np.random.default_rng(1492)
    count = () if rows > BATCH else (ROWS // BATCH,)
    x = rng.uniform(0.0, 1.0, size=(*count, rows, sizes[0])).astype(dtype)
    labels = rng.integers(0, sizes[-1], (*count, rows))
    return Work(
        name,
        digits,
        digits_by_hand,
        list(layers_of(sizes, dtype)),
        [x, labels],
        optimiser=optimiser,
        batched=bool(count),
        tolerance=1e-9 if dtype is np.float64 else 1e-3,
        threaded=rows > BATCH,
    )
