"""Fitting a model to examples: minibatches, a validation set, checkpoints and a history."""

from tinygrad_neuron.fitting.history import History as History
from tinygrad_neuron.fitting.loop import Look as Look, fit as fit
