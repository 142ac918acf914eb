"""What `check` does: a gradient is held against what its function does nearby.

The function is a formula, or one of a person's own as `module:function`; its inputs are typed as
`name=value`, or drawn.
"""

import ast
import difflib
import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tinygrad_neuron.check import Report, check_grad, samples
from tinygrad_neuron.errors import WrongRuleError
from tinygrad_neuron.expressions import Expression, parse
from tinygrad_neuron.lesson.mistakes import UsageError
from tinygrad_neuron.lesson.text import PLAIN, Look, words, wrapped

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
SAMPLERS: dict[str, Callable[..., samples.Sampler]] = {
    "random": samples.ordinary,
    "positive": samples.positive,
    "integers": samples.integers_below,
}
CALL = re.compile(r"(?P<name>[a-z]+)\((?P<numbers>[\d,\s]*)\)")
ASSIGNED = re.compile(r"\s*(?P<name>\w+)\s*=\s*(?P<value>.+)", re.DOTALL)


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


def run(target: str, typed: Sequence[str], *, order: int = 1, seed: int = 0) -> Checked:
    """Check the gradient of a formula or of a function at the inputs that were typed."""
    function, defaults, settings = _formula(target) if ":" not in target else _imported(target)
    given = _assigned(typed, [*defaults, *settings])
    rng = np.random.default_rng(seed)
    inputs: dict[str, Any] = {}
    drawn = {}
    for name, default in defaults.items():
        text = given.get(name, "random()" if default is MISSING else None)
        inputs[name] = default if text is None else _input(name, text, rng)
        if text and CALL.fullmatch(text):
            drawn[name] = text
    chosen = {name: _setting(given[name]) for name in settings if name in given}
    try:
        report = check_grad(_named(function, inputs, chosen), *inputs.values(), order=order)
    except WrongRuleError as error:  # a primitive of one's own, on its first use
        report = error.report
    return Checked(target, inputs, report, drawn)


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


# -------------------------------------------------------------------------------- the function

MISSING = inspect.Parameter.empty
Parameters = dict[str, Any]  # by name, with their defaults


def _formula(text: str) -> tuple[Expression, Parameters, Parameters]:
    expression = parse(text)
    return expression, dict.fromkeys(expression.names, MISSING), {}


def _imported(target: str) -> tuple[Callable[..., Any], Parameters, Parameters]:
    """A function of a module, its inputs and its settings."""
    function = _found(*target.strip().split(":", 1))
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        raise UsageError(
            f"{target} takes any number of inputs, *{next(iter(parameters)).name}.",
            hint="write a function that names them, and check that",
        )
    named = [p for p in parameters if p.kind is not p.VAR_KEYWORD]
    inputs = {p.name: p.default for p in named if p.kind is not p.KEYWORD_ONLY}
    settings = {p.name: p.default for p in named if p.kind is p.KEYWORD_ONLY}
    return function, inputs, settings


def _found(module: str, name: str) -> Callable[..., Any]:
    if os.getcwd() not in sys.path:  # the installed command does not look where it is started
        sys.path.insert(0, os.getcwd())
    try:
        thing: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UsageError(f"{error}.", hint="start where the module is, and leave out .py") from None
    for part in name.split("."):
        if not hasattr(thing, part):
            near = difflib.get_close_matches(part, dir(thing), n=1)
            guess = f"; did you mean {near[0]}?" if near else "."
            raise UsageError(f"{module} has no {name}{guess}")
        thing = getattr(thing, part)
    if not callable(thing):
        raise UsageError(f"{module}:{name} is not a function but {thing!r:.60}.")
    return getattr(thing, "function", thing)  # of a test made by @given_gradcheck


# ---------------------------------------------------------------------------------- the inputs


def _assigned(typed: Sequence[str], known: list[str]) -> dict[str, str]:
    """The values by name, as text."""
    found = {}
    for text in typed:
        parts = ASSIGNED.fullmatch(text)
        if not parts:
            raise UsageError(f"{text.strip()!r} is not an input.", hint="x=1.5   or   x=random(3)")
        if parts["name"] not in known:
            names = f"Its inputs are {words(known)}." if known else "It has no inputs."
            raise UsageError(f"There is no input {parts['name']}.", why=names)
        found[parts["name"]] = parts["value"].strip()
    return found


def _input(name: str, text: str, rng: np.random.Generator) -> Any:
    """A number, an array of numbers, or one that is drawn."""
    call = CALL.fullmatch(text)
    if call and call["name"] in SAMPLERS:
        numbers = [int(n) for n in call["numbers"].split(",") if n.strip()]
        if numbers or call["name"] != "integers":
            return SAMPLERS[call["name"]](*numbers)(rng)
    try:
        x = np.asarray(ast.literal_eval(text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        x = np.asarray(text)
    if x.dtype.kind not in "fiub":
        raise UsageError(
            f"{name}={text} is neither a number nor an array of numbers.",
            hint=f"{name}=1.5   {name}=[1.0, 2.0]   {name}=random(3, 4)   {name}=positive(3)",
        )
    return x if x.ndim else float(x)


def _setting(text: str) -> Any:
    """A setting as Python writes it; else the word itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _named(
    function: Callable[..., Any], names: Iterable[str], settings: dict[str, Any]
) -> Callable[..., Any]:
    """The function with its settings, of inputs that have these names."""

    def named(*inputs: Any) -> Any:
        return function(*inputs, **settings)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, kind) for name in names]
    named.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return named


def _short(checked: Checked, name: str) -> str:
    if name in checked.drawn and np.size(checked.inputs[name]) > 1:
        return checked.drawn[name]
    return f"{checked.inputs[name]}".replace("\n", "")
