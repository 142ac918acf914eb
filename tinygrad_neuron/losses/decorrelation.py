"""Losses of a batch of features as one whole: each feature should say something of its own.

A prediction of shape (..., examples, features) gives one loss.
"""

from math import inf

import numpy as np

from tinygrad_neuron.graph import Array
from tinygrad_neuron.losses.mechanism import loss
from tinygrad_neuron.ops import matmul, mean, relu, sqrt, square, sum, swap, where
from tinygrad_neuron.ops.shape import shape_of


def _centred(x: Array) -> Array:
    return x - mean(x, axis=-2, keepdims=True)


def _covariance(a: Array, b: Array) -> Array:
    """Of every feature of a with every feature of b, over the examples."""
    return matmul(swap(_centred(a)), _centred(b)) / shape_of(a)[-2]


def _off_diagonal(x: Array) -> Array:
    return where(np.eye(shape_of(x)[-1], dtype=bool), 0.0, x)


def _all(x: Array) -> Array:
    return sum(x, axis=(-2, -1))


@loss(
    rows=2, target="prediction", formula="½ Σ cov(a, b)²", smooth=inf,
    source="Cheung et al., Discovering Hidden Factors of Variation, 2015",
)  # fmt: skip
def cross_covariance(a: Array, b: Array) -> Array:
    """What features of a know of features of b: 0 where they vary apart."""
    return 0.5 * _all(square(_covariance(a, b)))


@loss(
    rows=2, target=(), formula="½ Σ_{i≠j} cov(x)²", smooth=inf,
    source="Cogswell et al., Reducing Overfitting by Decorrelating Representations, 2016",
)  # fmt: skip
def decov(x: Array) -> Array:
    """What features know of each other."""
    return 0.5 * _all(square(_off_diagonal(_covariance(x, x))))


@loss(
    rows=2, target="prediction", limits={"similar": "nonnegative", "spread": "nonnegative",
    "apart": "nonnegative", "epsilon": "positive"},
    formula="s mean (a - b)² + v Σ_{a,b} mean max(0, 1 - √(var + ε)) + c Σ_{a,b} Σ_{i≠j} cov² / D",
    source="Bardes, Ponce and LeCun, VICReg, 2022",
)  # fmt: skip
def vicreg(
    a: Array, b: Array, similar: float = 25.0, spread: float = 25.0, apart: float = 1.0,
    epsilon: float = 1e-4,
) -> Array:  # fmt: skip
    """Two views should agree, and the features of each should vary and vary apart."""
    n, d = shape_of(a)[-2:]
    total = similar * mean(square(a - b), axis=(-2, -1))
    for x in (a, b):
        variance = sum(square(_centred(x)), axis=-2) / (n - 1)
        total = total + spread * mean(relu(1.0 - sqrt(variance + epsilon)), axis=-1)
        known = _off_diagonal(_covariance(x, x) * (n / (n - 1)))
        total = total + apart * _all(square(known)) / d
    return total


@loss(
    rows=2, target="prediction", limits={"redundant": "nonnegative"},
    formula="Σ_i (1 - C_ii)² + λ Σ_{i≠j} C_ij²", source="Zbontar et al., Barlow Twins, 2021",
)  # fmt: skip
def barlow_twins(a: Array, b: Array, redundant: float = 0.005) -> Array:
    """Each feature should agree with itself in the other view, and with no other feature."""
    correlation = matmul(swap(_standard(a)), _standard(b)) / shape_of(a)[-2]
    same = np.eye(shape_of(correlation)[-1], dtype=bool)
    return _all(where(same, square(1.0 - correlation), redundant * square(correlation)))


def _standard(x: Array) -> Array:
    """Features with mean 0 and spread 1; one that never varies stays 0."""
    centred = _centred(x)
    spread = mean(square(centred), axis=-2, keepdims=True)
    still = spread == 0.0
    return where(still, 0.0, centred / sqrt(where(still, 1.0, spread)))
