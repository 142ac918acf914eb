"""Gradients kept within limits before a step is made of them, as pure functions of all of them."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from tinygrad_neuron.errors import DescentError
from tinygrad_neuron.graph import Array, is_complex

Gradients = Sequence[Array]
Clip = Callable[[Gradients], Gradients]


def clip_by_norm(limit: float) -> Clip:
    """Where all gradients together are longer than the limit: scaled down to that length.

    The direction stays (Pascanu et al., On the difficulty of training recurrent neural networks,
    2013, algorithm 1).

    >>> clip_by_norm(1.0)([np.array([30.0, 0.0]), 40.0])
    [array([0.6, 0. ]), 0.8]
    """
    _positive(limit)

    def clip(gradients: Gradients) -> Gradients:
        length = norm(gradients)
        return gradients if length <= limit else [limit / length * g for g in gradients]

    return clip


def clip_by_value(limit: float) -> Clip:
    """Each entry of each gradient between -limit and limit; of a complex one, each of its parts.

    >>> clip_by_value(1.0)([np.array([30.0, 0.5]), -40.0])
    [array([1. , 0.5]), np.float64(-1.0)]
    """
    _positive(limit)

    def clip(g: Array) -> Array:
        if is_complex(g):
            return clip(np.real(g)) + 1j * clip(np.imag(g))
        return np.clip(g, -limit, limit)[()]

    return lambda gradients: [clip(g) for g in gradients]


def norm(gradients: Gradients) -> float:
    """The length of all gradients taken together, also where its square would overflow.

    >>> f"{norm([np.array([4e200, 0.0]), 3e200]):.9g}"
    '5e+200'
    """
    largest = max(float(np.max(np.abs(g), initial=0.0)) for g in gradients)
    if not 0.0 < largest < math.inf:
        return largest
    return largest * math.hypot(*(float(np.linalg.norm(g / largest)) for g in gradients))


def _positive(limit: float) -> None:
    if not 0.0 < limit < math.inf:
        raise DescentError(
            f"The limit of a gradient is {limit!r}.",
            why="At 0 nothing would ever move, and below it everything the wrong way.",
            hint="1.0, or no clipping",
            limit=limit,
        )
