"""Gradients of complex numbers: both parts move, and dJ/dx + i dJ/dy is what they are owed."""

import numpy as np
import pytest

import tinygrad_neuron as tn
from tinygrad_neuron.check import check_grad, check_gradient, check_vjp

Z = np.array([[1.1 + 2.0j, -0.5 + 0.25j], [0.75 - 1.5j, 2.0 - 0.5j]])
W = np.array([[0.5 - 1.0j, 1.25 + 0.5j], [-2.0 + 0.25j, 0.5 + 1.0j]])
X = np.array([[0.5, -1.25], [2.0, 0.75]])

FUNCTIONS = {
    "exp": (tn.exp, Z),
    "sin": (tn.sin, Z),
    "log": (tn.log, Z),
    "sqrt": (tn.sqrt, Z),
    "tanh": (tn.tanh, Z),
    "a power": (lambda z: z**3, Z),
    "a product": (lambda z, w: z * w, Z, W),
    "a quotient with a real number": (lambda z, x: z / x, Z, X),
    "a matrix product": (lambda z, w: z @ w, Z, W),
    "a matrix product with real numbers": (lambda z, x: z @ x, Z, X),
    "an inverse": (tn.linalg.inv, Z),
    "a size": (abs, Z),
    "parts": (lambda z: (z.real, z.imag), Z),
    "a conjugate": (lambda z: z * z.conj() + z.conj() ** 2, Z),
    "complex from real": (lambda x: tn.exp(1j * x), X),
    "a Fourier transform": (tn.fft.fft, Z),
    "a Fourier transform of real numbers": (tn.fft.rfft, X),
    "there and back": (lambda x: tn.fft.irfft(tn.fft.rfft(x) * W[:, :1], n=2), X),
    "a single number": (lambda z: z**2 + abs(z), 0.5 - 1.5j),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_right_gradients_pass(name):
    """To second order: by both parts of inputs and of cotangents."""
    f, *inputs = FUNCTIONS[name]
    report = check_grad(f, *inputs, order=2)
    assert report.status == "passed", report


@pytest.mark.parametrize("kind", [np.complex64, np.complex128])
def test_a_conjugate_is_named(kind):
    """The gradient that another convention gives."""
    z = Z.astype(kind)
    loss = lambda z: np.sum(abs(z - 1.0) ** 2)  # noqa: E731
    assert check_gradient(loss, lambda z: 2.0 * (z - 1.0), z)
    report = check_gradient(loss, lambda z: 2.0 * np.conj(z - 1.0), z)
    assert report.status == "failed"
    assert "conjugate" in report.reason
    assert ".imag[" in report.reason


WRONG = {
    "the conjugate missing": lambda v, z: v * 2.0 * z,
    "the real part only": lambda v, z: (v * np.conj(2.0 * z)).real + 0j,
    "the imaginary part only": lambda v, z: 1j * (v * np.conj(2.0 * z)).imag,
    "a thousandth too large": lambda v, z: v * np.conj(2.0 * z) * 1.001,
    "turned by a thousandth": lambda v, z: v * np.conj(2.0 * z) * (1.0 + 0.001j),
    "transposed": lambda v, z: (v * np.conj(2.0 * z)).T,
    "blind to half of the cotangent": lambda v, z: v.real * np.conj(2.0 * z),
    "real": lambda v, z: (v * np.conj(2.0 * z)).real,
    "in single precision": lambda v, z: (v * np.conj(2.0 * z)).astype(np.complex64),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_gradients_fail(what):
    """Of z squared."""
    assert check_vjp(lambda z: z**2, lambda v, z: v * np.conj(2.0 * z), Z)
    assert check_vjp(lambda z: z**2, WRONG[what], Z).status == "failed"


def test_a_wrong_rule_is_blamed():
    """A holomorphic one, by the name of its input; at first and at second order."""

    @tn.elementwise(lambda g, y, z: g * tn.cos(z) * 1.01, holomorphic=True, check=False)
    def wave(z):
        return np.sin(z)

    report = check_grad(lambda z: abs(wave(z)), Z)
    assert "wave, the rule for z (" in report.blame

    @tn.elementwise(lambda g, y, z: g * tn.cos(tn.stop_gradient(z)), holomorphic=True, check=False)
    def detached(z):
        return np.sin(z)

    report = check_grad(lambda z: abs(detached(z)), Z, order=2)
    assert "detached, the rule for z (" in report.blame
    assert "at second order" in report.blame


def test_a_size_has_a_kink_at_0():
    """In every direction; slope 0 is between those of both sides, and 2 is not."""
    assert check_grad(abs, 0j).status == "passed at a kink"
    assert check_gradient(abs, lambda z: 2.0 + 0j, 0j).status == "failed"


def test_a_primitive_of_ones_own_is_checked_at_complex_numbers():
    """At its first use, like any other."""

    @tn.elementwise(lambda g, y, z: g * 3.0 * z, holomorphic=True)
    def square(z):
        return z * z

    with pytest.raises(tn.errors.WrongRuleError, match="rule for z"):
        square(tn.Value(Z))
