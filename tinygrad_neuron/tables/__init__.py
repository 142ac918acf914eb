"""Networks for tables: columns of numbers and texts, a model that remembers them, its file."""

from tinygrad_neuron.tables.columns import Categories as Categories, Numbers as Numbers
from tinygrad_neuron.tables.comparing import sweep_table as sweep_table
from tinygrad_neuron.tables.learning import Trained as Trained, train as train
from tinygrad_neuron.tables.model import TableModel as TableModel, load as load
from tinygrad_neuron.tables.parts import train_parts as train_parts
from tinygrad_neuron.tables.sheet import Sheet as Sheet, sheet_of as sheet_of
