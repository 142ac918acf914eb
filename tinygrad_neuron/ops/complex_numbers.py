"""Questions about complex numbers under NumPy's names: compositions, and plain answers."""

import numpy as np

from tinygrad_neuron.graph import Array, only
from tinygrad_neuron.ops.angles import arctan2, rad2deg
from tinygrad_neuron.ops.choosing import sort
from tinygrad_neuron.ops.linalg import as_array
from tinygrad_neuron.ops.parts import imag, real
from tinygrad_neuron.ops.steps import answering


def angle(z: Array, deg: bool = False) -> Array:
    """The angle of a complex number, from -pi to pi, or in degrees; at 0 its slope is 0.

    >>> angle([1.0, 1j], deg=True).tolist()
    [0.0, 90.0]
    """
    z = as_array(z)
    radians = arctan2(imag(z), real(z))
    return rad2deg(radians) if deg else radians


def real_if_close(a: Array, tol: float = 100) -> Array:
    """The real part where every imaginary part is next to nothing, else all of it.

    So near means within `tol` units in the last place of 1, or within `tol` itself where that is
    below 1. What is left out is a constant: the real part is owed all.
    """
    return real(a) if np.isrealobj(np.real_if_close(only(a), tol)) else a


def sort_complex(a: Array) -> Array:
    """Sorted by real part, then by imaginary part, as complex numbers."""
    return sort(as_array(a) + 0j)


isreal = answering(np.isreal)
iscomplex = answering(np.iscomplex)
isrealobj = answering(np.isrealobj)
iscomplexobj = answering(np.iscomplexobj)
