"""Matrices whose factors a difference quotient can see: nothing close to singular, or to a tie.

Vectors are determined up to a sign that the factorisation chooses, so matrices are taken from a
few; a small change of one does not turn a sign.
"""

from functools import cache
from typing import Any

import numpy as np

Matrices = list[Any]

SPREAD = [8.0 * np.eye(m, n) * (1.0 + np.arange(n)) for m, n in ((4, 3), (3, 3), (3, 4), (2, 1))]

EINSUMS: list[Any] = [
    (((2, 3), (3, 2)), ((0, 1), (1, 2)), (0, 2)),
    (((3, 3),), ((0, 0),), (0,)),
    (((3, 3),), ((1, 1),), ()),
    (((2, 2, 2),), ((0, 0, 0),), (0,)),
    (((2, 3),), ((0, 1),), (1,)),
    (((2, 3), (2,)), ((0, 1), (2,)), (2, 0)),
    (((1, 3), (2, 1)), ((0, 1), (0, 1)), (0, 1)),
    (((1, 3), (2, 1)), ((0, 1), (0, 1)), ()),
    (((), (2,), (2, 2)), ((), (0,), (0, 1)), (1,)),
]
"""Shapes, the labels of their axes, and the labels that are left."""


def random_entries(shape: tuple[int, ...], count: int, rng: np.random.Generator) -> Matrices:
    """Arrays of random numbers in short binary fractions."""
    return [np.round(16.0 * rng.normal(size=shape)) / 16.0 for _ in range(count)]


def transposed(x: Any) -> Any:
    """Each matrix of a stack transposed."""
    return np.swapaxes(x, -1, -2)


@cache
def regular() -> Matrices:
    """Square matrices far from singular, and stacks of them."""
    rng = np.random.default_rng(11)
    pairs = [(n, x) for n in (1, 2, 3) for x in random_entries((2, n, n), 4, rng)]
    stacks = [x + 3.0 * np.eye(n) for n, x in pairs]
    alone = [x[0] for x in stacks]
    return [*alone, *stacks, *(np.stack([x, x[::-1]]) for x in stacks)]


@cache
def symmetric() -> Matrices:
    """Symmetric matrices with eigenvalues apart."""
    return [x + transposed(x) + np.diag(16.0 * np.arange(x.shape[-1])) for x in regular()]


@cache
def positive() -> Matrices:
    """Positive definite matrices."""
    return [x @ transposed(x) + np.eye(x.shape[-1]) for x in regular()]


@cache
def stretched() -> Matrices:
    """Matrices of any shape with singular values apart."""
    rng = np.random.default_rng(11)
    pairs = [(s, x) for s in SPREAD for x in random_entries((2, *s.shape), 12, rng)]
    return [y for s, x in pairs if _keeps_its_signs(y := s + x, rng)]


@cache
def tall() -> Matrices:
    """Those of them with no more columns than rows."""
    return [x for x in stretched() if x.shape[-2] >= x.shape[-1]]


@cache
def real() -> Matrices:
    """Square matrices with real eigenvalues apart."""
    drawn = random_entries((2, 3, 3), 4, np.random.default_rng(11))
    return [np.where(x == 0.0, 0.25, x / 4.0) + np.diag(8.0 * np.arange(3)) for x in drawn]


@cache
def systems() -> Matrices:
    """Regular matrices, each with the shape of a right-hand side."""
    sizes = [((2, 3, 3), (3, 2)), ((3, 3), (2, 3, 1)), ((2, 2), (2, 2)), ((1, 1), (1, 3))]
    return [(x, right) for left, right in sizes for x in regular() if x.shape == left]


def _keeps_its_signs(x: Any, rng: np.random.Generator) -> bool:
    """Whether changes of the size that checks make turn no singular vector round."""
    u = np.linalg.svd(x, full_matrices=False)[0]
    ways = rng.choice([-1.0, 1.0], (300, *x.shape)) * np.maximum(np.abs(x), 0.125) / 48.0
    near = np.linalg.svd(x + ways, full_matrices=False)[0]
    return bool(np.all(np.sum(u * near, axis=-2) >= 0.5))
