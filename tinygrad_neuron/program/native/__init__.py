"""Programs as machine code, by Numba."""

from tinygrad_neuron.program.native.compiled import Compiled as Compiled
