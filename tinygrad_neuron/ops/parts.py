"""The two parts of a complex number, and its mirror image: what no complex derivative describes.

What a complex number is owed is dJ/dx + i dJ/dy, the way uphill in its plane. A function with a
complex derivative needs to know nothing of that: the sweep conjugates (see `backward`). These have
none, so their rules say what a complex input is owed; a real one is owed the real part of it.
"""

import numpy as np

from tinygrad_neuron.graph import Array, elementwise, is_complex


@elementwise(
    lambda g, y, x: g,
    holomorphic=False,
    numpy=(np.real,),
    steep=False,
)
def real(x: Array) -> Array:
    """The real part; of a real number all of it."""
    return np.real(x)


@elementwise(
    lambda g, y, x: 1j * g,
    holomorphic=False,
    numpy=(np.imag,),
    steep=False,
)
def imag(x: Array) -> Array:
    """The imaginary part; of a real number 0."""
    return np.imag(x)


@elementwise(
    lambda g, y, x: conj(g),
    holomorphic=False,
    numpy=(np.conjugate,),
    steep=False,
)
def conjugate(x: Array) -> Array:
    """The real part less i times the imaginary part."""
    return np.conjugate(x)


def conj(x: Array) -> Array:
    """The conjugate; a real number itself, without any work."""
    return conjugate(x) if is_complex(x) else x


def real_part(x: Array) -> Array:
    """The real part; a real number itself, without any work."""
    return real(x) if is_complex(x) else x
