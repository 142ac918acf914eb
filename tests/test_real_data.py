"""The run on digits is what it says: a convolution, shifted images, the same by the same seed."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import tinygrad_neuron as tn
from tinygrad_neuron import Value


@pytest.fixture(scope="module")
def real_data() -> Iterator[ModuleType]:
    """The benchmark as a module."""
    folder = str(Path(__file__).parents[1] / "benchmarks")
    sys.path.insert(0, folder)
    import real_data

    yield real_data
    sys.path.remove(folder)


def test_a_layer_on_windows_is_a_convolution(real_data):
    """Every pixel is the sum over its window of 3 × 3 × channels, zeros beyond the edge."""
    rng = np.random.default_rng(0)
    images, weights = rng.normal(size=(2, 5, 4, 3)), rng.normal(size=(6, 3, 3, 3))
    found = real_data.windows(images) @ weights.reshape(6, -1).T
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    for i in range(5):
        for j in range(4):
            window = padded[:, i : i + 3, j : j + 3]
            wanted = np.einsum("nijc,oijc->no", window, weights)
            np.testing.assert_allclose(found[:, i, j], wanted, rtol=1e-12)


def test_windows_and_pooling_have_the_slopes_seen_nearby(real_data):
    """Each pixel is owed by every window it stands in, and by the pool it is the largest of."""
    images = np.random.default_rng(1).normal(size=(2, 4, 6, 2))
    tn.assert_grad(lambda x: (real_data.windows(x) ** 3).sum(), images, order=2)
    tn.assert_grad(lambda x: (real_data.pooled(x) ** 3).sum(), images, order=2)


def test_images_are_shifted_by_a_pixel_at_most(real_data):
    """Each is one of the nine shifted copies of itself, and over many all nine occur."""
    images = np.arange(1.0, 17.0).reshape(1, 4, 4, 1)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    copies = [padded[0, i : i + 4, j : j + 4] for i in range(3) for j in range(3)]
    many = real_data.shifted(np.repeat(images, 200, axis=0), np.random.default_rng(0))
    seen = [[np.array_equal(image, copy) for copy in copies] for image in many]
    assert np.sum(seen, axis=1).tolist() == [1] * 200
    assert np.all(np.sum(seen, axis=0) > 8)


def test_the_network_learns_and_a_seed_says_how(real_data):
    """Two epochs read eight digits of ten, twice the same eight."""
    first, again = (real_data.convolutional_digits(0, epochs=2) for _ in range(2))
    assert first == again > 0.8


@pytest.mark.deep
def test_the_network_reaches_what_is_stated(real_data):
    """On each of three splits 98 % of the test, and 98.5 % on average."""
    reached = [real_data.convolutional_digits(seed) for seed in range(3)]
    assert min(reached) > 0.98
    assert np.mean(reached) > 0.985


def test_a_pool_of_equal_pixels_shares_its_gradient(real_data):
    """The convention at ties: a quarter to each of four."""
    images = Value(np.ones((1, 2, 2, 1)))
    real_data.pooled(images).sum().backward()
    np.testing.assert_array_equal(images.grad, np.full((1, 2, 2, 1), 0.25))
