"""Fourier transforms: three linear maps, each the rule of another, and NumPy's functions of them.

The matrix of `fourier` is symmetric, so what its input is owed is the same transform of what its
output is owed; the sweep conjugates. Real numbers have half a spectrum: `half_spectrum` gives it,
`from_half` takes it back, and each is the other's rule but for the entries that stand for two.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_neuron.errors import refuse
from tinygrad_neuron.graph import Array, dtype_of, primitive
from tinygrad_neuron.ops.arrange import roll
from tinygrad_neuron.ops.indexing import take
from tinygrad_neuron.ops.linalg import as_array
from tinygrad_neuron.ops.parts import conj
from tinygrad_neuron.ops.shape import join, ndim_of, shape_of

# who divides by n: the transform forward, backward, or each of the two by its root
OTHER_WAY = {"backward": "forward", "forward": "backward", "ortho": "ortho"}

Axes = Sequence[int] | None
Lengths = Sequence[int | None] | None


# ----------------------------------------------------------------------------- three primitives


@primitive(
    lambda g, y, x, axes, inverse, norm: fourier(g, axes=axes, inverse=inverse, norm=norm),
    holomorphic=True,
    steep=False,
    from_the_end=True,
)
def fourier(x: Array, *, axes: tuple[int, ...], inverse: bool = False, norm: str) -> Array:
    """Sums of the entries along these axes, times exp(-2 pi i j k / n), or exp(+...) if inverse."""
    transform = np.fft.ifft if inverse else np.fft.fft
    for axis in axes:
        x = transform(x, axis=axis, norm=norm)  # type: ignore[arg-type]
    return x


@primitive(
    lambda g, y, x, axis, norm: from_half(
        g / _times(g, shape_of(x)[axis], axis), n=shape_of(x)[axis], axis=axis, norm=OTHER_WAY[norm]
    ),
    holomorphic=False,
    steep=False,
    from_the_end=True,
)
def half_spectrum(x: Array, *, axis: int = -1, norm: str) -> Array:
    """The first half of the spectrum of real numbers along an axis: n // 2 + 1 entries."""
    return np.fft.rfft(x, axis=axis, norm=norm)  # type: ignore[arg-type]


@primitive(
    lambda g, y, x, n, axis, norm: (
        half_spectrum(g, axis=axis, norm=OTHER_WAY[norm]) * _times(x, n, axis)
    ),
    holomorphic=False,
    steep=False,
    from_the_end=True,
)
def from_half(x: Array, *, n: int, axis: int = -1, norm: str) -> Array:
    """The n real numbers whose spectrum begins with these n // 2 + 1 entries."""
    return np.fft.irfft(x, n, axis=axis, norm=norm)  # type: ignore[arg-type]


def _times(half: Array, n: int, axis: int) -> Any:
    """How often each entry of a half spectrum stands in the whole: 2, but 1 at its ends."""
    times = np.full(shape_of(half)[axis], 2.0, np.finfo(dtype_of(half)).dtype)
    times[0] = 1.0
    if n % 2 == 0:
        times[-1] = 1.0
    return times.reshape(-1, *(1,) * (-axis - 1))


# -------------------------------------------------------------------------- lengths and axes


def _norm(norm: str | None) -> str:
    if norm is not None and norm not in OTHER_WAY:
        raise ValueError(f'norm is {norm!r}, and can be "backward", "ortho" or "forward"')
    return norm or "backward"


def _from_the_end(x: Array, axis: int) -> int:
    """The axis, counted from the last one, so that a batch in front changes nothing."""
    n = ndim_of(x)
    return np.lib.array_utils.normalize_axis_index(axis, n) - n


def _with_length(x: Array, n: int | None, axis: int) -> Array:
    """x cut off behind, or filled up with zeros, to be n entries long along an axis."""
    length = shape_of(x)[axis]
    if n is None or n == length:
        return x
    if n < 1:
        raise ValueError(f"a transform of {n} numbers: there must be at least one")
    if n < length:
        return take(x, index=(..., slice(n), *(slice(None),) * (-axis - 1)))
    missing = list(shape_of(x))
    missing[axis] = n - length
    return join(x, np.zeros(missing, dtype_of(x)), axis=axis)


def _each(x: Array, s: Lengths, axes: Axes) -> list[tuple[int, int | None]]:
    """The axes to go along, and the length wanted along each, if there is one."""
    if axes is None:
        axes = range(-len(s), 0) if s is not None else range(-ndim_of(x), 0)
    lengths = [None] * len(axes) if s is None else list(s)
    if len(lengths) != len(axes):
        raise ValueError(f"s has {len(lengths)} lengths for {len(axes)} axes")
    pairs = zip(axes, lengths, strict=True)
    return [(_from_the_end(x, k), None if n in (None, -1) else n) for k, n in pairs]


def _transformed(
    name: str, a: Array, s: Lengths, axes: Axes, norm: str | None, out: Any, *, inverse: bool
) -> Array:
    """The whole transform along several axes."""
    refuse(f"np.fft.{name}", out=out)
    a = as_array(a)
    each = _each(a, s, axes)
    for axis, n in each:
        a = _with_length(a, n, axis)
    return fourier(a, axes=tuple(k for k, _ in each), inverse=inverse, norm=_norm(norm))


# -------------------------------------------------------------------------- NumPy's functions


def fft(a: Array, n: int | None = None, axis: int = -1, norm: Any = None, out: Any = None) -> Array:
    """The spectrum along an axis, of a cut off or filled up with zeros to n entries.

    >>> from tinygrad_neuron import Value, fft
    >>> fft.fft(Value([1.0, 0.0, -1.0, 0.0]))
    Value([0j, 2+0j, 0j, 2+0j])
    """
    return _transformed("fft", a, (n,), (axis,), norm, out, inverse=False)


def ifft(
    a: Array, n: int | None = None, axis: int = -1, norm: Any = None, out: Any = None
) -> Array:
    """The entries that have this spectrum along an axis."""
    return _transformed("ifft", a, (n,), (axis,), norm, out, inverse=True)


def fft2(
    a: Array, s: Lengths = None, axes: Axes = (-2, -1), norm: Any = None, out: Any = None
) -> Array:
    """The spectrum along the last two axes."""
    return _transformed("fft2", a, s, axes, norm, out, inverse=False)


def ifft2(
    a: Array, s: Lengths = None, axes: Axes = (-2, -1), norm: Any = None, out: Any = None
) -> Array:
    """The entries that have this spectrum along the last two axes."""
    return _transformed("ifft2", a, s, axes, norm, out, inverse=True)


def fftn(
    a: Array, s: Lengths = None, axes: Axes = None, norm: Any = None, out: Any = None
) -> Array:
    """The spectrum along several axes, or all."""
    return _transformed("fftn", a, s, axes, norm, out, inverse=False)


def ifftn(
    a: Array, s: Lengths = None, axes: Axes = None, norm: Any = None, out: Any = None
) -> Array:
    """The entries that have this spectrum along several axes, or all."""
    return _transformed("ifftn", a, s, axes, norm, out, inverse=True)


def rfft(
    a: Array, n: int | None = None, axis: int = -1, norm: Any = None, out: Any = None
) -> Array:
    """The first half of the spectrum of real numbers; the other half mirrors it."""
    return _real_transformed("rfft", a, (n,), (axis,), norm, out)


def rfft2(
    a: Array, s: Lengths = None, axes: Axes = (-2, -1), norm: Any = None, out: Any = None
) -> Array:
    """The spectrum of real numbers along two axes: half of it along the last of the two."""
    return _real_transformed("rfft2", a, s, axes, norm, out)


def rfftn(
    a: Array, s: Lengths = None, axes: Axes = None, norm: Any = None, out: Any = None
) -> Array:
    """The spectrum of real numbers along several axes: half of it along the last of them."""
    return _real_transformed("rfftn", a, s, axes, norm, out)


def _real_transformed(
    name: str, a: Array, s: Lengths, axes: Axes, norm: str | None, out: Any
) -> Array:
    refuse(f"np.fft.{name}", out=out)
    a = as_array(a)
    *others, (last, n) = _each(a, s, axes)
    half = half_spectrum(_with_length(a, n, last), axis=last, norm=_norm(norm))
    for axis, length in others:
        half = _with_length(half, length, axis)
    axes = tuple(k for k, _ in others)
    return fourier(half, axes=axes, norm=_norm(norm)) if axes else half


def irfft(
    a: Array, n: int | None = None, axis: int = -1, norm: Any = None, out: Any = None
) -> Array:
    """The n real numbers whose spectrum begins so; n is even, 2 (m - 1), if it is not said.

    The imaginary part of the first entry, and for even n of the last, takes no part and is owed 0.
    """
    return _real_again("irfft", a, (n,), (axis,), norm, out)


def irfft2(
    a: Array, s: Lengths = None, axes: Axes = (-2, -1), norm: Any = None, out: Any = None
) -> Array:
    """The real numbers that have this spectrum along two axes, half of it along the last."""
    return _real_again("irfft2", a, s, axes, norm, out)


def irfftn(
    a: Array, s: Lengths = None, axes: Axes = None, norm: Any = None, out: Any = None
) -> Array:
    """The real numbers that have this spectrum along several axes, half of it along the last."""
    return _real_again("irfftn", a, s, axes, norm, out)


def _real_again(name: str, a: Array, s: Lengths, axes: Axes, norm: str | None, out: Any) -> Array:
    refuse(f"np.fft.{name}", out=out)
    a = as_array(a)
    *others, (last, n) = _each(a, s, axes)
    n = 2 * (shape_of(a)[last] - 1) if n is None else n
    for axis, length in others:
        a = _with_length(a, length, axis)
    if others:
        a = fourier(a, axes=tuple(k for k, _ in others), inverse=True, norm=_norm(norm))
    return from_half(_with_length(a, n // 2 + 1, last), n=n, axis=last, norm=_norm(norm))


def hfft(
    a: Array, n: int | None = None, axis: int = -1, norm: Any = None, out: Any = None
) -> Array:
    """The real spectrum of entries of which the other half would mirror these."""
    refuse("np.fft.hfft", out=out)
    return irfft(conj(as_array(a)), n, axis, OTHER_WAY[_norm(norm)])


def ihfft(
    a: Array, n: int | None = None, axis: int = -1, norm: Any = None, out: Any = None
) -> Array:
    """The first half of the entries that have this real spectrum."""
    refuse("np.fft.ihfft", out=out)
    return conj(rfft(a, n, axis, OTHER_WAY[_norm(norm)]))


def fftshift(x: Array, axes: Any = None) -> Array:
    """The spectrum with frequency 0 in the middle."""
    return _shifted(as_array(x), axes, 1)


def ifftshift(x: Array, axes: Any = None) -> Array:
    """The spectrum with frequency 0 in front again."""
    return _shifted(as_array(x), axes, -1)


def _shifted(x: Array, axes: Any, way: int) -> Array:
    axes = range(ndim_of(x)) if axes is None else np.atleast_1d(axes).tolist()
    halves = [shape_of(x)[k] // 2 if way > 0 else -(shape_of(x)[k] // 2) for k in axes]
    return roll(x, halves, tuple(axes))
