"""Fourier transforms: NumPy's values, and gradients that matrices of cosines and sines confirm."""

import numpy as np
import pytest
from numeric import slope

import tinygrad_neuron as tn
from tinygrad_neuron import Value, fft
from tinygrad_neuron.errors import UnsupportedError
from tinygrad_neuron.ops import fft as rules

RNG = np.random.default_rng(4)
REAL, COMPLEX = RNG.normal(size=(3, 5)), RNG.normal(size=(3, 5)) + 1j * RNG.normal(size=(3, 5))
NORMS = [None, "backward", "ortho", "forward"]

ONE_AXIS = [
    (name, n, axis, norm)
    for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
    for n in (None, 1, 2, 3, 4, 7, 8)
    for axis in (-1, 0)
    for norm in NORMS
]
SEVERAL = [
    (name, s, axes, norm)
    for name in ("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn")
    for s, axes in (
        (None, None),
        (None, (1, 0)),
        ((2, 4), (0, 1)),
        ((4, 5), (-1, -2)),
        ((4,), (0,)),
    )
    for norm in ("backward", "ortho", "forward")
]


def numbers_for(name):
    """Real numbers where only those are taken, else complex ones."""
    return REAL if name.startswith(("r", "ih")) else COMPLEX


def flat_pair(x):
    """The real numbers in it, in a row: the real parts and the imaginary parts."""
    x = np.asarray(x)
    return np.concatenate([x.real.ravel(), x.imag.ravel()]) if x.dtype.kind == "c" else x.ravel()


def adjoint(f, x, g):
    """What x is owed by a linear f: the transposed matrix of f, from its columns, times g."""
    units = [1.0, 1j] if np.iscomplexobj(x) else [1.0]
    owed = np.zeros(x.shape, x.dtype)
    for k in np.ndindex(x.shape):
        for unit in units:
            e = np.zeros_like(x)
            e[k] = unit
            owed[k] += unit * (flat_pair(f(e)) @ flat_pair(g))
    return owed


def check(f, x):
    """NumPy's value; and, of real and complex numbers, the gradient of a linear function."""
    y = f(x)
    v = Value(x)
    out = f(v)
    assert out.dtype == y.dtype
    np.testing.assert_allclose(out.data, y, rtol=1e-14, atol=1e-14)
    g = RNG.normal(size=y.shape) + (1j * RNG.normal(size=y.shape) if np.iscomplexobj(y) else 0.0)
    out.backward(g)
    assert v.grad.dtype == x.dtype
    np.testing.assert_allclose(v.grad, adjoint(f, x, g), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("name", "n", "axis", "norm"), ONE_AXIS)
def test_one_axis(name, n, axis, norm):
    """Odd and even lengths, cut off and filled up, each norm, either axis."""
    x = numbers_for(name)[:, :4] if n == 4 else numbers_for(name)
    check(lambda a: getattr(np.fft, name)(a, n=n, axis=axis, norm=norm), x)


@pytest.mark.parametrize(("name", "s", "axes", "norm"), SEVERAL)
def test_several_axes(name, s, axes, norm):
    """In any order; the last of them is the one of which there is half."""
    if name.endswith("2"):
        axes = axes if axes and len(axes) == 2 else (-2, -1)
        s = s if s and len(s) == 2 else None
    check(lambda a: getattr(np.fft, name)(a, s=s, axes=axes, norm=norm), numbers_for(name))


@pytest.mark.parametrize("name", ["fft", "ifft", "fft2", "ifft2", "fftn", "ifftn"])
def test_real_numbers_are_transformed_too(name):
    """And owed real numbers."""
    check(getattr(np.fft, name), REAL)


@pytest.mark.parametrize("axes", [None, 0, (1,), (0, 1), (-1, 0)])
def test_shifts(axes):
    """There and back, of odd and even lengths."""
    for x in (REAL, COMPLEX[:2, :4]):
        check(lambda a: np.fft.fftshift(a, axes), x)
        check(lambda a: np.fft.ifftshift(a, axes), x)


def test_a_length_of_minus_one_is_the_length_there_is():
    """As in NumPy 2."""
    check(lambda a: np.fft.fftn(a, s=(-1, 4), axes=(0, 1)), COMPLEX)


@pytest.mark.parametrize("name", fft.__all__)
def test_lists_and_plain_arrays(name):
    """Without a Value the answer is NumPy's."""
    x = numbers_for(name)
    for given in (x, x.tolist()):
        np.testing.assert_allclose(getattr(fft, name)(given), getattr(np.fft, name)(x), atol=1e-14)


@pytest.mark.parametrize("name", ["fft", "rfft", "irfft", "hfft", "ihfft", "fft2", "irfft2"])
def test_single_precision_stays(name):
    """complex64 and float32, there and back."""
    x = numbers_for(name)
    x = Value(x.astype(np.complex64 if np.iscomplexobj(x) else np.float32))
    y = getattr(np.fft, name)(x)
    assert y.dtype == getattr(np.fft, name)(x.data).dtype in (np.complex64, np.float32)
    y.backward(np.ones(y.shape))
    assert x.grad.dtype == x.dtype


@pytest.mark.parametrize(
    "name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft", "rfft2", "irfftn"]
)
def test_batches_and_second_order(name):
    """vmap is a loop; the curvature of a power spectrum's logarithm is what is seen."""
    x = numbers_for(name)[:, :4] if name == "irfft" else numbers_for(name)
    f = getattr(np.fft, name)
    stack = np.stack([x, 2.0 * x, x[::-1]])
    looped = np.stack([f(each) for each in stack])
    np.testing.assert_allclose(tn.vmap(f)(stack).data, looped, atol=1e-14)

    def total(a):
        return tn.sum(tn.log(2.0 + tn.absolute(f(a)) ** 2))

    slopes = tn.vmap(tn.grad(total))(stack).data
    np.testing.assert_allclose(slopes[1], tn.grad(total)(stack[1]).data, rtol=1e-12, atol=1e-14)
    way = np.ones_like(x) * (1.0 + 1j if np.iscomplexobj(x) else 1.0)

    def along(a):
        return np.sum(np.real(np.conj(way) * tn.grad(total)(a).data))

    seen, doubt = slope(along, x, way)
    found = np.sum(np.real(np.conj(way) * tn.hvp(total, (x,), (way,)).data))
    assert abs(found - seen) <= 4.0 * doubt + 1e-9


def test_jacobian_is_the_matrix_of_the_transform():
    """w**(j k) with w = exp(-2 pi i / n), by real and by complex numbers."""
    n = 4
    w = np.exp(-2j * np.pi * np.outer(np.arange(n), np.arange(n)) / n)
    for x in (np.arange(4.0), np.arange(4.0) + 1j):
        np.testing.assert_allclose(tn.jacobian(np.fft.fft)(x).data, w, atol=1e-14)


def test_there_and_back():
    """Parseval: the sum of squares has the gradient 2x through any unitary transform."""
    for x in (REAL, COMPLEX):
        g = tn.grad(lambda a: tn.sum(tn.absolute(np.fft.fftn(a, norm="ortho")) ** 2))(x)
        np.testing.assert_allclose(g.data, 2.0 * x, rtol=1e-13, atol=1e-14)
        back = tn.grad(lambda a, x=x: tn.sum(tn.real(np.fft.ifft(np.fft.fft(a)) * np.conj(x))))(x)
        np.testing.assert_allclose(back.data, x, rtol=1e-13, atol=1e-14)


def test_what_takes_no_part_is_owed_nothing():
    """The imaginary parts at both ends of half a spectrum of even length."""
    z = Value(COMPLEX[0, :4])
    np.fft.irfft(z).backward(RNG.normal(size=6))
    assert z.grad[0].imag == z.grad[3].imag == 0.0
    assert np.all(z.grad[1:3].imag != 0.0)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda v: np.fft.fft(v, norm="half"), ValueError, "norm is 'half'"),
        (lambda v: np.fft.fft(v, 0), ValueError, "at least one"),
        (lambda v: np.fft.irfft(v, 0), ValueError, "at least one|Invalid number"),
        (lambda v: np.fft.fft(v, axis=2), np.exceptions.AxisError, "axis 2"),
        (lambda v: np.fft.fft2(v, s=(2, 3, 4)), ValueError, "3 lengths for 2 axes"),
        (lambda v: np.fft.fft(v, out=np.zeros((3, 5), complex)), UnsupportedError, "out"),
        (lambda v: np.fft.rfft(v * 1j), TypeError, "rfft"),
    ],
)
def test_mistakes_are_named(call, error, words):
    """With the numbers."""
    with pytest.raises(error, match=words):
        call(Value(REAL))


def test_planted_mistakes_are_seen(monkeypatch):
    """The other scale, a half spectrum counted once, a forgotten mirror."""
    wrong = [
        ("OTHER_WAY", {k: k for k in rules.OTHER_WAY}),
        ("_times", lambda half, n, axis: 1.0),
        ("_times", lambda half, n, axis: 2.0),
    ]
    for name, mistake in wrong:
        monkeypatch.setattr(rules, name, mistake)
        with pytest.raises(AssertionError):
            check(np.fft.rfft, REAL)
        monkeypatch.undo()
