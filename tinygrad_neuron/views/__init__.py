"""A run as data, and what can be seen of it: each view is a pure function of one trace."""

from tinygrad_neuron.views.dot import dot as dot
from tinygrad_neuron.views.layout import layout_of as layout_of
from tinygrad_neuron.views.svg import svg as svg
from tinygrad_neuron.views.trace import (
    dumps as dumps,
    load as load,
    save as save,
    trace_of as trace_of,
    validated as validated,
)
