"""Gradient descent on an equation, or of one neuron on a table, as a command."""

from typing import Any

from tinygrad_neuron.commands.options import (
    Options,
    Parser,
    choose,
    equation_option,
    given,
    positive,
    rate,
    real,
    seed_option,
    whole,
)
from tinygrad_neuron.commands.terminal import program, progress
from tinygrad_neuron.lesson import fit, learn, model
from tinygrad_neuron.lesson.equation import SEED, parse
from tinygrad_neuron.lesson.mistakes import UsageError
from tinygrad_neuron.lesson.table import read
from tinygrad_neuron.lesson.text import Look, words

ONLY_EQUATION = ("equation", "w0", "scale", "bias")
ONLY_TABLE = ("target", "columns", "activation", "standardize", "save")


def add_options(parser: Parser) -> None:
    """What can be typed."""
    parser.usage = "%(prog)s [data.csv] [options]"
    add = parser.add_argument
    add("data", nargs="?", metavar="data.csv", help="a table; without one, an equation is learnt")
    add("--alpha", type=rate, metavar="A", help="the learning rate; without one it is measured")
    add("--steps", type=whole, metavar="N", help="the most updates: 1000, for a table 10000")
    seed_option(parser, "random first weights")
    add("--loss", metavar="NAME", help=f"{', '.join(learn.LOSSES)}; table: {', '.join(fit.LOSSES)}")
    add("--tolerance", type=positive, metavar="E", help="|error| to arrive at, 1e-6; table: the "
        "gradient to arrive at as a share of the first, 1e-9")  # fmt: skip
    equation = parser.add_argument_group("an equation")
    equation_option(equation.add_argument, default=None)
    add = equation.add_argument
    add("--w0", nargs="+", type=real, metavar="W", help="the first weights, else 0")
    add("--scale", type=positive, metavar="S", help="divide the inputs by S")
    add("--bias", choices=("fixed", "trainable"), help="b stays 0 (fixed), or is learnt as well")
    table = parser.add_argument_group("a table")
    add = table.add_argument
    add("--target", metavar="NAME", help="the column to predict")
    add("--columns", nargs="+", metavar="NAME", help="the columns to predict from, else all others")
    add("--activation", choices=tuple(fit.ACTIVATIONS), help="the f of y = f(w . x + b)")
    add("--standardize", action="store_true", default=None, help="inputs to mean 0 and spread 1")
    add("--save", metavar="model.json", help="write the neuron to a file")


def run(options: Options) -> learn.Learnt | fit.Fit:
    """What was typed, as a run."""
    wrong = ONLY_EQUATION if options.data else ONLY_TABLE
    misplaced = [f"--{name}" for name in wrong if getattr(options, name) is not None]
    if misplaced:
        place = "learning an equation" if options.data else "learning from a table"
        given = f"{options.data} is a table" if options.data else "no table was named"
        raise UsageError(
            f"{words(misplaced)} belongs to {place}, and {given}.",
            hint="learn data.csv --target y   or   learn --alpha 4e-6",
        )
    return _learn_table(options) if options.data else _learn_equation(options)


def _learn_equation(options: Options) -> learn.Learnt:
    choose("--loss", options.loss, learn.LOSSES)
    return learn.run(
        parse(options.equation or SEED),
        start=options.w0 or (),
        bias=options.bias == "trainable",
        progress=progress(),
        **given(options, "alpha", "steps", "seed", "loss", "scale", "tolerance"),
    )


def _learn_table(options: Options) -> fit.Fit:
    choose("--loss", options.loss, fit.LOSSES)
    examples = read(options.data)
    if options.target is None:
        raise UsageError(
            f"Which column of {options.data} is to be predicted?",
            why=f"Its columns are {words(examples.names)}.",
            hint=f"learn {options.data} --target {examples.names[-1]}",
        )
    names = ("columns", "activation", "alpha", "steps", "seed", "loss", "standardize", "tolerance")
    learnt = fit.run(examples, options.target, progress=progress(), **given(options, *names))
    if options.save and _worth_saving(learnt):
        model.save(learnt.model, options.save)
    return learnt


def epilogue(learnt: learn.Learnt | fit.Fit, options: Options) -> list[str]:
    """Where the neuron is now, if it was to be saved."""
    if not options.save or isinstance(learnt, learn.Learnt):
        return []
    if not _worth_saving(learnt):
        return ["Nothing was saved: these weights are lost."]
    return [f"Saved. Next:  {program()} predict {options.save} {options.data}"]


def _worth_saving(learnt: fit.Fit) -> bool:
    return learnt.verdict.kind != "diverging"


def screen(learnt: learn.Learnt | fit.Fit, look: Look) -> str:
    """What a person reads."""
    if isinstance(learnt, learn.Learnt):
        return learn.screen(learnt, look)
    return fit.screen(learnt, look)


def record(learnt: learn.Learnt | fit.Fit) -> dict[str, Any]:
    """The same for a program."""
    return learn.record(learnt) if isinstance(learnt, learn.Learnt) else fit.record(learnt)
