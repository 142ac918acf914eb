"""Programs of losses: what they check is asked of the examples, what they compute is written."""

import numpy as np
import pytest
from test_program_source import assert_same_bits, on_its_own

from tinygrad_neuron import errors, losses, program_of, value_and_grad
from tinygrad_neuron.losses.description import example
from tinygrad_neuron.program.source import handed_in

ORDERED = {"crps_ensemble", "lovasz_hinge", "lovasz_softmax", "sparsemax", "wasserstein"}
LOSSES = sorted(losses.LOSSES)


def arrays_of(name, seed):
    """A prediction, its target and the rest, as the loss takes them."""
    return example(losses.LOSSES[name], np.random.default_rng(seed), 4)


@pytest.mark.parametrize("name", LOSSES)
def test_the_program_of_a_loss(name):
    """Traced at one prediction and run at another, it gives the bits of the loss; so does its text.

    Those that put numbers in order cannot be written down for all numbers, and say so.
    """
    loss = losses.LOSSES[name]
    at, *others = arrays_of(name, 1)
    then = arrays_of(name, 2)[0]
    f = value_and_grad(lambda p: loss(p, *others))
    if name in ORDERED:
        with pytest.raises(errors.LeftGraphError, match="A trace was asked for the number of"):
            program_of(f)(at)
        return
    program = program_of(f)(at)
    value, slope = f(then)
    with np.errstate(all="ignore"):  # the text alone warns as NumPy does
        alone = on_its_own(program)(then, **handed_in(program))
    for ours in (program.run(then), alone):
        assert_same_bits(ours[0], value)
        assert_same_bits(ours[1], slope)


@pytest.mark.parametrize("settings", [{}, {"label_smoothing": 0.1}], ids=str)
def test_labels_may_be_an_input(settings):
    """The program of a loss over classes goes on with other labels than those of the trace."""
    f = value_and_grad(lambda p, label: losses.cross_entropy(p, label, **settings))
    scores = np.array([[0.5, -1.0, 2.0], [0.0, 40.0, 1.0]])
    program = program_of(f)(scores, np.array([0, 2]))
    value, slope = f(scores, np.array([1, 1]))
    ours = program.run(scores, np.array([1, 1]))
    assert_same_bits(ours[0], value)
    assert_same_bits(ours[1], slope)


@pytest.mark.parametrize("word", ["mask", "weight"])
def test_what_is_left_out_is_no_input(word):
    """A mask decides how many losses there are, and so may a weight: they are refused."""
    f = program_of(lambda p, given: losses.squared_error(p, np.zeros(3), **{word: given}))
    with pytest.raises(errors.LeftGraphError, match="given"):
        f(np.ones(3), np.array([1.0, 0.0, 1.0]))


def test_a_closure_of_ragged_lists():
    """Names of constants are looked for among what the function reaches, be it no array at all."""
    ragged, offset = [[1.0], [2.0, 3.0]], np.array([1.0, 2.0])

    def f(x):
        return x + offset * len(ragged[0])

    assert "offset" in program_of(f)(np.ones(2)).source
