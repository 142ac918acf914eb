"""How weights start: random, and spread so that numbers keep their size from layer to layer.

Weights of shape (nout, nin) join nin inputs with nout neurons. Inputs of mean square 1 that do not
hang together give sums of variance nin · (variance of a weight). LeCun's weights make that 1, He's
make it 2, of which a relu lets half through, and Glorot's are a middle between that going forward
and the same for gradients going back, which meet nout weights.
"""

from collections.abc import Callable
from math import prod, sqrt
from typing import Any, TypeAlias

import numpy as np

from tinygrad_neuron.errors import LayerError
from tinygrad_neuron.graph import Array

Seed: TypeAlias = "int | np.random.Generator | None"  # in quotes: NumPy loads random when asked
Initialiser = Callable[..., Array]
Shape = tuple[int, ...]


def glorot_uniform(shape: Shape, rng: Seed = None) -> Array:
    """Uniform, of variance 2 / (nin + nout) (Glorot and Bengio, 2010, equation 16).

    >>> print(round(glorot_uniform((200, 400), rng=0).var() * 600, 2))
    1.99
    """
    return _uniform(shape, 2.0 / sum(_fans(shape)), rng)


def glorot_normal(shape: Shape, rng: Seed = None) -> Array:
    """Normal, of variance 2 / (nin + nout)."""
    return _normal(shape, 2.0 / sum(_fans(shape)), rng)


def he_uniform(shape: Shape, rng: Seed = None) -> Array:
    """Uniform, of variance 2 / nin."""
    return _uniform(shape, 2.0 / _fans(shape)[0], rng)


def he_normal(shape: Shape, rng: Seed = None) -> Array:
    """Normal, of variance 2 / nin (He et al., Delving Deep into Rectifiers, 2015, equation 10)."""
    return _normal(shape, 2.0 / _fans(shape)[0], rng)


def lecun_uniform(shape: Shape, rng: Seed = None) -> Array:
    """Uniform, of variance 1 / nin."""
    return _uniform(shape, 1.0 / _fans(shape)[0], rng)


def lecun_normal(shape: Shape, rng: Seed = None) -> Array:
    """Normal, of variance 1 / nin (LeCun et al., Efficient BackProp, 1998, section 4.6)."""
    return _normal(shape, 1.0 / _fans(shape)[0], rng)


def orthogonal(shape: Shape, rng: Seed = None) -> Array:
    """Rows at right angles, each of length 1; columns where there are more rows than columns.

    Every such matrix is equally likely (Mezzadri, How to generate random matrices from the
    classical compact groups, 2007): a product of them keeps lengths, however many there are.
    """
    nin, nout = _fans(shape)
    tall = np.random.default_rng(rng).normal(size=(max(nin, nout), min(nin, nout)))
    q, r = np.linalg.qr(tall)
    q = q * np.where(np.diag(r) < 0.0, -1.0, 1.0)  # qr chooses signs; chance should
    return (q if nout >= nin else q.T).reshape(shape)


def zeros(shape: Shape, rng: Seed = None) -> Array:
    """Zeros. Neurons of a hidden layer that start equal stay equal: for last layers and biases."""
    _fans(shape)
    return np.zeros(shape)


INITIALISERS: dict[str, Initialiser] = {
    f.__name__: f
    for f in (
        glorot_uniform,
        glorot_normal,
        he_uniform,
        he_normal,
        lecun_uniform,
        lecun_normal,
        orthogonal,
        zeros,
    )
}


def initialiser(init: Any, usual: Initialiser) -> Initialiser:
    """The one that is named or given; the usual one where nothing is said."""
    if isinstance(init, str) and init not in INITIALISERS:
        raise LayerError(
            f"There is no initialiser {init!r}.",
            hint=f"{', '.join(INITIALISERS)}, or a function of a shape and a generator",
            init=init,
        )
    return usual if init is None else INITIALISERS.get(init, init)


def _fans(shape: Shape) -> tuple[int, int]:
    """nin and nout: the last entry of a shape, and the product of the others."""
    if not shape or min(shape) < 1:
        raise LayerError(
            f"Weights of shape {shape} join nothing.",
            hint="at least one input and one neuron",
            shape=shape,
        )
    return shape[-1], prod(shape[:-1])


def _normal(shape: Shape, variance: float, rng: Seed) -> Array:
    return np.random.default_rng(rng).normal(0.0, sqrt(variance), shape)


def _uniform(shape: Shape, variance: float, rng: Seed) -> Array:
    edge = sqrt(3.0 * variance)
    return np.random.default_rng(rng).uniform(-edge, edge, shape)
