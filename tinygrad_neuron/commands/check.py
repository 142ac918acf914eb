"""A gradient held against what its function does nearby, as a command.

The function is a formula, or one of a person's own as `module:function`; its inputs are typed as
`name=value`, or drawn.
"""

import argparse
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tinygrad_neuron.check import Report, check_grad
from tinygrad_neuron.commands.inputs import (
    CALL,
    MISSING,
    assigned,
    function_of,
    named,
    number_or_array,
    setting,
)
from tinygrad_neuron.commands.options import Options, Parser, at_least_one, seed_option
from tinygrad_neuron.errors import WrongRuleError
from tinygrad_neuron.lesson.text import PLAIN, Look, wrapped

HELP = """\
TARGET is a formula, like "sin(w*x) + b", or module:function, with the module found from
this folder. Each input is typed as name=value:

  w=1.5                a number
  x=[[1, 2.5], [0, 3]] an array; of whole numbers alone it is held fixed, as labels are
  x=random(3, 4)       random numbers of either sign, in an array of this shape
  x=positive(3, 4)     random numbers between 1/2 and 2
  k=integers(5, 4)     4 whole numbers below 5, held fixed

What is not typed is the default of the function, or else one random number. Keyword-only
parameters of a function are settings: axis=0, reduction=mean.

Exit code: 0 the gradient passed, 1 it failed or no verdict could be had, 2 the command is wrong.
"""


@dataclass(frozen=True)
class Checked:
    """A function, the inputs it was checked at, and the report."""

    target: str
    inputs: dict[str, Any]
    report: Report
    drawn: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether the gradient passed."""
        return self.report.passed


def add_options(parser: Parser) -> None:
    """What can be typed."""
    parser.usage = "%(prog)s TARGET [name=value ...] [options]"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = HELP
    add = parser.add_argument
    add("target", type=str.strip, metavar="TARGET", help="a formula, or module:function")
    add("inputs", nargs="*", metavar="name=value", help="where to check it")
    add(
        "--order", type=at_least_one, default=1, metavar="N", help="check derivatives up to the Nth"
    )
    seed_option(parser, "which random numbers", default=0)


def run(options: Options) -> Checked:
    """Check the gradient of a formula or of a function at the inputs that were typed."""
    function, defaults, settings = function_of(options.target)
    given = assigned(options.inputs, [*defaults, *settings])
    rng = np.random.default_rng(options.seed)
    inputs: dict[str, Any] = {}
    drawn = {}
    for name, default in defaults.items():
        text = given.get(name, "random()" if default is MISSING else None)
        inputs[name] = default if text is None else number_or_array(name, text, rng)
        if text and CALL.fullmatch(text):
            drawn[name] = text
    chosen = {name: setting(given[name]) for name in settings if name in given}
    try:
        report = check_grad(named(function, inputs, chosen), *inputs.values(), order=options.order)
    except WrongRuleError as error:  # a primitive of one's own, on its first use
        report = error.report
    return Checked(options.target, inputs, report, drawn)


def screen(checked: Checked, look: Look = PLAIN) -> str:
    """Where it was checked, and the table of what was found."""
    at = ", ".join(f"{name} = {_short(checked, name)}" for name in checked.inputs)
    head = wrapped(f"{checked.target}  at  {at}" if at else checked.target, look.width)
    return f"{head}\n\n{checked.report}"


def record(checked: Checked) -> dict[str, Any]:
    """The check for a machine."""
    report = checked.report
    return {
        "target": checked.target,
        "inputs": {name: np.asarray(x).tolist() for name, x in checked.inputs.items()},
        "status": report.status,
        "reason": report.reason,
        "findings": [
            {**asdict(one), "index": one.index and list(one.index), "ratio": one.ratio}
            for one in report.findings
        ],
        "evaluations": report.evaluations,
        "gradients": report.pullbacks,
        "resolution": report.resolution,
        "blame": report.blame,
    }


def _short(checked: Checked, name: str) -> str:
    if name in checked.drawn and np.size(checked.inputs[name]) > 1:
        return checked.drawn[name]
    return f"{checked.inputs[name]}".replace("\n", "")
