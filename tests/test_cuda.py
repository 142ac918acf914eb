"""The same rules on a graphics processor: CuPy's arrays in, CuPy's gradients out."""

import numpy as np
import pytest

import tinygrad_neuron as tn

cupy = pytest.importorskip("cupy", reason="needs the extra `cuda`: CuPy, and a GPU")
try:
    FOUND = cupy.cuda.runtime.getDeviceCount()
except cupy.cuda.runtime.CUDARuntimeError:
    FOUND = 0
pytestmark = pytest.mark.skipif(not FOUND, reason="CuPy finds no GPU")

X = np.random.default_rng(0).normal(size=(64, 3))
Y = (X[:, 0] > 0.0).astype(float)
W = np.array([0.5, -1.0, 2.0])


def logistic(w, x, y):
    """The loss of a neuron."""
    return tn.losses.binary_cross_entropy(x @ w, y)


def test_a_gradient_is_where_its_value_is():
    """Computed and kept there, and NumPy's to 1e-12."""
    w = tn.Value(cupy.asarray(W))
    logistic(w, cupy.asarray(X), cupy.asarray(Y)).backward()
    assert isinstance(w.grad, cupy.ndarray)
    wanted = tn.grad(logistic)(W, X, Y).data
    np.testing.assert_allclose(cupy.asnumpy(w.grad), wanted, rtol=1e-12)


@pytest.mark.parametrize("f", [tn.tanh, tn.exp, tn.sigmoid, tn.softplus, tn.logsumexp, tn.std])
def test_rules_stay_on_the_device(f):
    """A sum of each function, and its slope."""
    x = tn.Value(cupy.asarray(X))
    tn.sum(f(x)).backward()
    wanted = tn.grad(lambda x: tn.sum(f(x)))(X).data
    np.testing.assert_allclose(cupy.asnumpy(x.grad), wanted, rtol=1e-10, atol=1e-14)
