"""What can be wrong with what a person typed or with the file they named."""

from tinygrad_neuron.errors import ModelFileError as ModelFileError, TinygradNeuronError


class EquationError(TinygradNeuronError, ValueError):
    """A text that is not a linear equation, with the column where it stops being one."""

    code = "TN140"


class UsageError(TinygradNeuronError, ValueError):
    """Options that do not exist, do not go together or do not suit the data."""

    code = "TN141"


class TableError(TinygradNeuronError, ValueError):
    """A table that cannot be read, with the line and the column of the first cell at fault."""

    code = "TN142"
