"""Equal entries, and zeros among huge ones: where a checker is easily too lenient or too strict."""

import numpy as np
import pytest

import tinygrad_neuron as tn


@pytest.mark.parametrize("share", [1.0, 0.9, 0.4, 0.0])
def test_shares_at_a_tie_must_add_up(share):
    """Each of two equal maxima may have any slope from 0 to 1, but both rise as fast as the max."""
    x = np.array([1.0, 3.0, 3.0])
    assert tn.check_vjp(np.max, lambda v, x: v * (x == x.max()) * share, x).status == "failed"
    assert tn.check_vjp(np.max, lambda v, x: v * (x == x.max()) * 0.5, x)
    assert tn.check_vjp(np.max, lambda v, x: v * np.array([0.0, 1.0, 0.0]), x)


@pytest.mark.parametrize("f", [tn.ops.arcsinh, tn.ops.arctan, tn.ops.log1p, tn.ops.sigmoid])
def test_zeros_beside_a_huge_entry_are_not_accused(f):
    """A zero has no size of its own; a step as long as the others sees another part of f."""
    x = np.array([[0.0, 0.0], [0.0, 1e200]])
    assert tn.check_grad(f, x).status != "failed"
    wrong = tn.elementwise(lambda g, y, x: 2.0 * g * f.rules[0](1.0, y, x), check=False)(f.forward)
    assert tn.check_grad(wrong, x).status == "failed"
