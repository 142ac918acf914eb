"""A run as data, and what can be seen of it: each view is a pure function of one trace."""

from tinygrad_neuron.views.trace import (
    dumps as dumps,
    load as load,
    save as save,
    trace_of as trace_of,
    validated as validated,
)
