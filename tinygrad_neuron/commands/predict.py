"""What a saved model says, as a command: a neuron of `learn`, or a network of `train`."""

from typing import Any

from tinygrad_neuron.commands.options import Options, Parser
from tinygrad_neuron.lesson import model, predict
from tinygrad_neuron.lesson.predict import Predictions, record as record, screen as screen
from tinygrad_neuron.lesson.table import read
from tinygrad_neuron.tables.columns import Categories, as_text
from tinygrad_neuron.tables.model import TableModel, is_neuron, load
from tinygrad_neuron.tables.sheet import sheet_of


def add_options(parser: Parser) -> None:
    """What can be typed."""
    parser.usage = "%(prog)s model data.csv [options]"
    add = parser.add_argument
    add("model", metavar="model", help="a file that learn --save or train --save wrote")
    add("data", metavar="data.csv", help="a table with the same input columns")


def run(options: Options) -> Predictions:
    """What was typed, as a run."""
    if is_neuron(options.model):
        return predict.run(model.load(options.model), read(options.data))
    return _predicted(load(options.model), options.data)


def _predicted(learnt: TableModel, data: Any) -> Predictions:
    """What a network says of every row, and what it should say where the table knows."""
    sheet = sheet_of(data)
    target = learnt.target
    actual = None
    if target.name in sheet.names:
        named = isinstance(target, Categories)
        cells = sheet.column(target.name)
        actual = tuple("" if c is None else as_text(c) if named else c for c in cells)
    return Predictions(target.name, tuple(learnt.predict(sheet)), actual)
