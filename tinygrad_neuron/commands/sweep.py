"""Many learning rates at once on an equation, or many networks on a table, as a command."""

import argparse
import os
from typing import Any, cast

from tinygrad_neuron import sweeping
from tinygrad_neuron.commands import train
from tinygrad_neuron.commands.options import (
    Options,
    Parser,
    at_least_one,
    equation_option,
    given,
    positive,
    rate,
    real,
    whole,
)
from tinygrad_neuron.commands.terminal import progress
from tinygrad_neuron.lesson import sweep
from tinygrad_neuron.lesson.equation import SEED, parse
from tinygrad_neuron.lesson.mistakes import UsageError
from tinygrad_neuron.lesson.text import Look, wrapped
from tinygrad_neuron.tables.comparing import sweep_table
from tinygrad_neuron.text import words

ONLY_EQUATION = ("equation", "steps", "w0", "tolerance")
SWEPT = ("alpha", "hidden", "activation", "loss", "optimizer", "batch_size", "seed")
COMMON = ("columns", "categories", "impute", "epochs", "validation", "patience")
ONLY_TABLE = ("target", *SWEPT[1:-1], *COMMON, "workers")
ALPHAS = (0.1, 0.03, 0.01, 0.003, 0.001)  # for a table, where nothing is named

Swept = sweep.Sweep | sweeping.Sweep


def add_options(parser: Parser) -> None:
    """What can be typed."""
    parser.usage = "%(prog)s [data.csv] [options]"
    add = parser.add_argument
    add("data", nargs="?", metavar="data.csv", help="a table; without one, an equation is learnt")
    add("--alpha", "--alphas", nargs="+", type=rate, metavar="A", help="the learning rates")
    add("--seed", nargs="+", type=whole, metavar="N", help="random first weights; table: several")
    equation = parser.add_argument_group("an equation")
    equation_option(equation.add_argument, default=None)
    add = equation.add_argument
    add("--steps", type=whole, metavar="N", help="the most updates for each, 20000")
    add("--w0", nargs="+", type=real, metavar="W", help="the first weights, else 0")
    add("--tolerance", type=positive, metavar="E", help="the |error| to arrive at, 1e-6")
    table = parser.add_argument_group("a table: every combination of what is named")
    train.add_table_options(table.add_argument, many=True)
    add = table.add_argument
    add("--hidden", nargs="+", type=network, metavar="N", help="layers: 8, 16x16; 0 for none")
    add("--workers", type=at_least_one, metavar="N", help="processes; as many as there are cores")


def network(typed: str) -> tuple[int, ...]:
    """Widths of hidden layers, joined by x: 16x16; 0 for none."""
    if typed.strip() == "0":
        return ()
    try:
        return tuple(at_least_one(width) for width in typed.split("x"))
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{typed.strip()!r} is no network like 16x16") from error


def run(options: Options) -> Swept:
    """What was typed, as a run."""
    wrong = ONLY_EQUATION if options.data else ONLY_TABLE
    misplaced = [f"--{n.replace('_', '-')}" for n in wrong if getattr(options, n) is not None]
    if misplaced:
        place = "learning an equation" if options.data else "learning from a table"
        named = f"{options.data} is a table" if options.data else "no table was named"
        raise UsageError(
            f"{words(misplaced)} belongs to {place}, and {named}.",
            hint="sweep data.csv --target y --alpha 0.1 0.01   or   sweep --alpha 4e-6 8e-6",
        )
    return _table(options) if options.data else _equation(options)


def _equation(options: Options) -> sweep.Sweep:
    if options.seed and len(options.seed) > 1:
        raise UsageError("An equation is learnt from one start.", hint=f"--seed {options.seed[0]}")
    settings = given(options, "steps", "tolerance")
    return sweep.run(
        parse(options.equation or SEED),
        alphas=options.alpha or (),
        start=options.w0 or (),
        seed=options.seed[0] if options.seed else None,
        progress=progress(),
        **settings,
    )


def _table(options: Options) -> sweeping.Sweep:
    train.check(options)
    settings = given(options, *SWEPT) or {"alpha": ALPHAS}
    return sweep_table(
        options.data,
        options.target,
        settings,
        workers=options.workers or os.cpu_count() or 1,
        progress=cast(Any, progress()),
        **given(options, *COMMON),
    )


def screen(swept: Swept, look: Look) -> str:
    """What a person reads."""
    if isinstance(swept, sweep.Sweep):
        return sweep.screen(swept, look)
    lost = [run for run in swept.runs if run.failure]
    best = sweeping.label(swept.best.settings)
    says = f"Best: {best}." if swept.succeeded else "All of them were lost."
    more = [f"Lost, as with {sweeping.label(lost[0].settings)}: a smaller alpha."] if lost else []
    late = [f"interrupted after {len(swept.runs)} of {swept.wanted}"] if swept.interrupted else []
    return "\n".join(
        [
            "score: how far off the predictions are (root mean square), or the share that is wrong",
            swept.table(),
            *(wrapped(line, look.width) for line in (says, *more, *late)),
        ]
    )


def record(swept: Swept) -> dict[str, Any]:
    """The same for a program."""
    return sweep.record(swept) if isinstance(swept, sweep.Sweep) else swept.to_dict()
