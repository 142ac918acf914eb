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


HUGE_AMONG_ZEROS = np.append(np.zeros(17), 1e200)  # so many results are weighed together


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        (tn.ops.sinc, (HUGE_AMONG_ZEROS,)),
        (tn.ops.sinc, (3e17,)),  # waves that are shorter than the rounding of x
        (tn.ops.inverse_power, (HUGE_AMONG_ZEROS[::-1], 1e-200 + HUGE_AMONG_ZEROS)),
        (tn.ops.inverse_power, (0.0, 1e-8)),
        (
            tn.ops.inverse_power,
            (-1e-200, np.array([-1e-200, 0.0, 1e-200] + [1.0] * 15)),
        ),  # inf - inf
        (tn.ops.direction, (0.0, 1e-8)),
        (tn.ops.divide, (0.0, 1e200)),
        (tn.ops.beta_contrast, (1e200, 1.0)),
        (tn.ops.gammaln_gap, (1e200, 1e-200)),
        (tn.ops.turned, (np.array([[7.1875], [0.0]]),)),  # a sign jumps, and another result with it
    ],
)
def test_right_gradients_far_from_1_are_not_accused(f, inputs):
    """Not by the size of other entries, other results or other inputs."""
    assert tn.check_grad(f, *inputs, order=2).status != "failed"


@pytest.mark.parametrize("n", [2, 16, 17, 40])
def test_one_wrong_result_is_found_among_many(n):
    """However many are weighed together; and what is shown is its own slope, up to its weight."""
    x, right = np.linspace(0.5, 2.0, n), np.ones(n)
    right[n // 2] = 1.0 + 1e-4
    found = tn.check_vjp(np.sin, lambda v, x: v * np.cos(x) * right, x).findings[-1]
    assert (found.status, found.index) == ("failed", (n // 2,))
    assert found.analytic / found.numeric == pytest.approx(1.0 + 1e-4)
