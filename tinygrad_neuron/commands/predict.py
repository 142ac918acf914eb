"""What a saved neuron says, as a command."""

from tinygrad_neuron.commands.options import Options, Parser
from tinygrad_neuron.lesson import model, predict
from tinygrad_neuron.lesson.predict import record as record, screen as screen
from tinygrad_neuron.lesson.table import read


def add_options(parser: Parser) -> None:
    """What can be typed."""
    parser.usage = "%(prog)s model.json data.csv [options]"
    parser.add_argument("model", metavar="model.json", help="a neuron written by learn --save")
    parser.add_argument("data", metavar="data.csv", help="a table with the same input columns")


def run(options: Options) -> predict.Predictions:
    """What was typed, as a run."""
    return predict.run(model.load(options.model), read(options.data))
