"""What is in a model's file, as a command."""

from typing import Any, NamedTuple

import numpy as np

from tinygrad_neuron.commands.options import Options, Parser
from tinygrad_neuron.fitting import History
from tinygrad_neuron.lesson.text import PLAIN, Look, wrapped
from tinygrad_neuron.tables.model import TableModel, load
from tinygrad_neuron.text import count, table


class Inspected(NamedTuple):
    """A model, and where it was found."""

    path: str
    model: TableModel
    succeeded: bool = True
    interrupted: bool = False


def add_options(parser: Parser) -> None:
    """What can be typed."""
    parser.usage = "%(prog)s model [options]"
    parser.add_argument("model", help="a file that learn --save or train --save wrote")


def run(options: Options) -> Inspected:
    """What was typed, as a run."""
    return Inspected(options.model, load(options.model))


def screen(inspected: Inspected, look: Look = PLAIN) -> str:
    """What it looks at and says, its parameters, and how it learnt."""
    model = inspected.model
    columns = [[column.name, str(column)] for column in (*model.columns, model.target)]
    wide = max(len(name) for name, _ in columns)
    parameters = model.network.state().items()
    total = count(sum(np.size(x) for _, x in parameters), "number")
    lines = [
        f"{inspected.path}: {model.network}",
        f"says {model.target.name}, learnt by {model.loss}; {total}",
    ]
    return "\n".join(
        [
            *(wrapped(line, look.width) for line in lines),
            *(wrapped(f"  {name:{wide}}  {says}", look.width, "    ") for name, says in columns),
            table(["", "shape", "dtype"], [[n, str(x.shape), str(x.dtype)] for n, x in parameters]),
            *_learning(model, look),
        ]
    )


def _learning(model: TableModel, look: Look) -> list[str]:
    told = model.learning
    if not told:
        return []
    history = History.from_dict(told["history"])
    said = f"It learnt from {told['source']}, {count(told['rows'], 'row')}, seed {told['seed']}."
    return [wrapped(f"{said} {history.verdict}", look.width)]


def record(inspected: Inspected) -> dict[str, Any]:
    """The same for a program."""
    model = inspected.model
    return {
        "network": str(model.network),
        "loss": model.loss,
        "inputs": {column.name: str(column) for column in model.columns},
        "target": model.target.name,
        "parameters": {name: list(x.shape) for name, x in model.network.state().items()},
        "learning": model.learning,
    }
