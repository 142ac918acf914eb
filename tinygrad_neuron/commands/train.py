"""A network on a table, as a command."""

from glob import glob
from typing import Any

from tinygrad_neuron import cluster, saving
from tinygrad_neuron.commands.options import (
    Add,
    Options,
    Parser,
    at_least_one,
    choose,
    finite,
    given,
    rate,
    seed_option,
    whole,
)
from tinygrad_neuron.commands.terminal import program
from tinygrad_neuron.fitting.loop import OPTIMISERS
from tinygrad_neuron.lesson.mistakes import UsageError
from tinygrad_neuron.lesson.text import PLAIN, Look, wrapped
from tinygrad_neuron.nn import ACTIVATIONS
from tinygrad_neuron.tables import Trained, train
from tinygrad_neuron.tables.columns import IMPUTATIONS
from tinygrad_neuron.tables.parts import is_pattern, train_parts
from tinygrad_neuron.tables.sheet import sheet_of
from tinygrad_neuron.text import count, few, number, words

FITTING = (
    "columns", "categories", "impute", "hidden", "activation", "loss", "optimizer", "alpha",
    "epochs", "batch_size", "validation", "patience", "seed", "checkpoint",
)  # fmt: skip


def add_options(parser: Parser) -> None:
    """What can be typed."""
    parser.usage = "%(prog)s data.csv --target NAME [options]"
    add = parser.add_argument
    add("data", metavar="data.csv", help="a table: .csv, .tsv, or arrays in .npz; 'part-*.csv' for "
        "one in several files (extra cluster)")  # fmt: skip
    add_table_options(add)
    add("--hidden", nargs="*", type=at_least_one, metavar="N", help="widths of the hidden layers: "
        "16; without a number a single neuron")  # fmt: skip
    add("--alpha", type=rate, metavar="A", help="the learning rate, 0.01")
    seed_option(parser, "which random numbers: 0")
    add("--save", metavar="model.npz", help="write the model to a file")
    add("--export", metavar="predict.py", help="write it as Python that needs NumPy alone")
    add("--all-rows", action="store_true", help="all rows for each update, instead of batches")
    add("--scheduler", metavar="tcp://host:8786", help="of several files: a Dask cluster's address")
    add("--checkpoint", metavar="run.npz", help="write the training there, and go on from there")
    add("--no-compile", action="store_true", help="compute no update by a program")


def add_table_options(add: Add, *, many: bool = False) -> None:
    """How to learn from a table; with `many`, several values of what can be compared."""
    several: dict[str, Any] = {"nargs": "+"} if many else {}
    add("--target", metavar="NAME", help="the column to predict")
    add("--columns", nargs="+", metavar="NAME", help="the columns to predict from, else all others")
    add("--categories", nargs="+", metavar="NAME", help="columns whose numbers are only names")
    add("--impute", choices=tuple(IMPUTATIONS), help="what stands for a missing number; for a text "
        "the most frequent one does")  # fmt: skip
    add("--activation", choices=tuple(ACTIVATIONS), help="of hidden layers: relu", **several)
    add("--loss", metavar="NAME", help="by the target: squared_error, binary_cross_entropy or "
        "cross_entropy", **several)  # fmt: skip
    add("--optimizer", metavar="NAME", help=f"{', '.join(OPTIMISERS)}; adam", **several)
    add("--batch-size", type=at_least_one, metavar="N", help="rows for each update: 32", **several)
    add("--epochs", type=whole, metavar="N", help="at most so many times through the table: 200")
    add("--validation", type=finite, metavar="P", help="the share of rows held back: 0.2")
    add("--patience", type=at_least_one, metavar="N", help="epochs without a better one: 20")


def run(options: Options) -> Trained:
    """What was typed, as a run."""
    if is_pattern(options.data):
        trained = _train_parts(options)
    else:
        if options.scheduler:
            raise UsageError(
                f"--scheduler belongs to several files, and {options.data} is one.",
                hint="'part-*.csv'",
            )
        check(options)
        trained = train(options.data, options.target, **_settings(options))
    if options.save:
        saving.save(trained.model, options.save)
    if options.export:
        trained.model.export(options.export)
    return trained


def _settings(options: Options) -> dict[str, Any]:
    settings = {**given(options, *FITTING), "compile": not options.no_compile}
    return {**settings, "batch_size": None} if options.all_rows else settings


def _train_parts(options: Options) -> Trained:
    """From several files, where the scheduler's workers are, or in this process."""
    first = min(glob(options.data), default=options.data)
    check(Options(**{**vars(options), "data": first}))
    try:
        with cluster.connected(options.scheduler):
            return train_parts(options.data, options.target, **_settings(options))
    except OSError as error:
        raise UsageError(
            f"No scheduler answers at {options.scheduler}: {error!s:.80}",
            hint="dask scheduler  prints its address, tcp://host:8786",
        ) from error


def check(options: Options) -> None:
    """Raise for names that nothing has, before anything is read twice."""
    if options.target is None:
        names = sheet_of(options.data).names
        raise UsageError(
            f"Which column of {options.data} is to be predicted?",
            why=f"Its columns are {words(few(names, 12))}.",
            hint=f"--target {names[-1]}",
        )
    typed = options.optimizer
    for name in typed if isinstance(typed, list) else [typed]:
        choose("--optimizer", name, OPTIMISERS)
    if options.validation is not None and not 0 <= options.validation < 1:
        raise UsageError(
            f"--validation {number(options.validation)} is no share of the rows.",
            hint="--validation 0.2, or 0 for none",
        )


def epilogue(trained: Trained, options: Options) -> list[str]:
    """Where the model is now, if it was to be saved."""
    if not options.save:
        return []
    return [f"Saved. Next:  {program()} predict {options.save} {options.data}"]


def screen(trained: Trained, look: Look = PLAIN) -> str:
    """What was learnt from, the epochs, the verdict, and how good it is."""
    model = trained.model
    headlines = [
        f"{trained.source}: {count(trained.rows, 'row')}, {model.target.name} from "
        f"{words(few([column.name for column in model.columns], 8))}",
        f"{model.network}, loss {model.loss}, seed {trained.seed}",
    ]
    verdict = [str(trained.history.verdict), quality(trained)]
    return "\n".join(
        [
            *(wrapped(line, look.width) for line in headlines),
            trained.history.table(),
            *(wrapped(line, look.width) for line in verdict),
        ]
    )


def quality(trained: Trained) -> str:
    """How good the predictions are, and how good a constant would be."""
    found = trained.quality
    rows = f"the {trained.held} rows held back" if trained.held else "these rows"
    if "accuracy" in found:
        return (
            f"{found['accuracy']:.1%} of {rows} are right; the most frequent answer alone would "
            f"be right for {found['accuracy_of_the_usual']:.1%}."
        )
    return (
        f"Predictions for {rows} are off by {number(found['root_mean_square_error'], 3)} (root "
        f"mean square); the mean alone would be off by {number(found['spread_of_target'], 3)}."
    )


def record(trained: Trained) -> dict[str, Any]:
    """The same for a program."""
    model = trained.model
    return {
        "source": trained.source,
        "rows": trained.rows,
        "held_back": trained.held,
        "inputs": [column.name for column in model.columns],
        "target": model.target.name,
        "network": str(model.network),
        "loss": model.loss,
        "seed": trained.seed,
        "quality": trained.quality,
        "verdict": trained.history.verdict,
        "history": trained.history.to_dict(),
    }
