"""Hypothesis strategies: inputs, calls of primitives and whole programs to check gradients on.

Hypothesis is an extra, and the modules of this folder are the only ones that import it as a whole.

>>> from hypothesis import given
>>> from tinygrad_neuron.check import strategies
"""

from tinygrad_neuron.check.strategies.arrays import (
    adversarial as adversarial,
    arrays as arrays,
    arrays_that_broadcast as arrays_that_broadcast,
    at_kinks as at_kinks,
    axes as axes,
    dtypes as dtypes,
    indices as indices,
    integers_below as integers_below,
    masks as masks,
    near_kinks as near_kinks,
    shapes as shapes,
    shapes_that_broadcast as shapes_that_broadcast,
    well_conditioned as well_conditioned,
)
from tinygrad_neuron.check.strategies.calls import (
    Call as Call,
    adversarial_calls_of as adversarial_calls_of,
    calls_of as calls_of,
    kinked_calls_of as kinked_calls_of,
)
from tinygrad_neuron.check.strategies.programs import Program as Program, programs as programs
