"""Programs: what a function computed, written out as NumPy that can be read, optimised and run."""

from tinygrad_neuron.program.algebra import simplified as simplified
from tinygrad_neuron.program.compiling import Compiled as Compiled, compile as compile
from tinygrad_neuron.program.descent import (
    Outcome as Outcome,
    descend as descend,
    repeated as repeated,
)
from tinygrad_neuron.program.lines import Line as Line, Name as Name, Variable as Variable
from tinygrad_neuron.program.passes import (
    folded as folded,
    given as given,
    optimised as optimised,
    without_repetition as without_repetition,
)
from tinygrad_neuron.program.program import Program as Program
from tinygrad_neuron.program.rewriting import without_dead_lines as without_dead_lines
from tinygrad_neuron.program.rows import over_rows as over_rows
from tinygrad_neuron.program.tracing import program_of as program_of
