"""What a command shows a trace of: a formula, a module's function, or a trace that was saved."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.commands.inputs import (
    MISSING,
    assigned,
    function_of,
    named,
    number_or_array,
    setting,
)
from tinygrad_neuron.commands.options import Options, Parser, rate, seed_option
from tinygrad_neuron.expressions import Expression
from tinygrad_neuron.graph import Node
from tinygrad_neuron.lesson.mistakes import UsageError
from tinygrad_neuron.value import Value
from tinygrad_neuron.views.trace import Trace, load, trace_of

HELP = """\
TARGET is a formula, like "sin(w*x) + b", or module:function, with the module found from this
folder, or a trace.json that --json wrote. Without one it is the neuron of the lesson. Each input is
typed as name=value:

  w=1.5                a number
  x=[[1, 2.5], [0, 3]] an array; of whole numbers alone it is not learnable, as labels are not
  x=random(3, 4)       random numbers of either sign, in an array of this shape

What is not typed is the default of the function, or else a small random number. The result must be
a single number: a formula of arrays ends in mean(...) or sum(...).
"""
LESSON = "(w1*x1 + w2*x2 + b - y)**2"
THERE = ("w1=0", "w2=0", "b=0", "x1=256", "x2=212", "y=1492")
LEARNT = ("w1", "w2", "b")
SQUARES = (ops.power, ops.square, ops.absolute)
ACTIVATIONS = (ops.sigmoid, ops.tanh, ops.relu, ops.softplus)


def add_trace_options(parser: Parser) -> None:
    """What can be typed to say what to look at."""
    parser.usage = "%(prog)s [TARGET] [name=value ...] [options]"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = HELP
    add = parser.add_argument
    add("target", nargs="?", type=str.strip, help="a formula, module:function, or trace.json")
    add("inputs", nargs="*", metavar="name=value", help="where to look at it")
    add("--at", nargs="+", default=[], metavar="name=value", help="the same, after an option")
    add("--wrt", nargs="+", metavar="NAME", help="what is learnable, else all that can move")
    add("--alpha", type=rate, metavar="A", help="with one update at this learning rate")
    seed_option(parser, "which random numbers", default=0)
    add("--ascii", action="store_true", help="draw lines with - and | alone")


def trace_from(options: Options) -> Trace:
    """The trace of what was typed."""
    target, typed = options.target, [*options.inputs, *options.at]
    if target is not None and "=" in target and "(" not in target and not typed:
        target, typed = None, [target]
    if target is None:
        options.wrt = options.wrt or LEARNT
        return _of_function(LESSON, [*THERE, *typed], options)
    if target.endswith(".json") or Path(target).is_file():
        if typed or options.wrt or options.alpha:
            raise UsageError(
                f"{target} is a trace that was made: its inputs, --wrt and --alpha are in it.",
                hint="type the formula again, with other inputs",
            )
        return load(target)
    return _of_function(target, typed, options)


def _of_function(target: str, typed: list[str], options: Options) -> Trace:
    function, defaults, settings = function_of(target)
    given = assigned(typed, [*defaults, *settings])
    if not defaults:
        raise UsageError(f"{target} has no names, so nothing in it can move.", hint='"sin(w*x)"')
    rng = np.random.default_rng(options.seed)
    inputs = {
        name: number_or_array(name, given[name], rng)
        if name in given
        else rng.choice(np.setdiff1d(np.arange(-20, 21), 0)) / 10
        if default is MISSING
        else default
        for name, default in defaults.items()
    }
    unknown = [name for name in options.wrt or () if name not in inputs]
    if unknown:
        raise UsageError(f"There is no input {unknown[0]}, as in --wrt {unknown[0]}.")
    settled = {name: setting(given[name]) for name in settings if name in given}
    if isinstance(function, Expression):
        return _of_formula(function, inputs, options)
    f = named(function, inputs, settled)
    return trace_of(f, *inputs.values(), wrt=options.wrt, alpha=options.alpha, names={})


def _of_formula(formula: Expression, inputs: dict[str, Any], options: Options) -> Trace:
    """A formula's names are its leaves, and its parts are called as in the lesson."""
    leaves = [Value(x, name=name) if _moves(x) else x for name, x in inputs.items()]
    arrays = {name: x for name, x in inputs.items() if not _moves(x)}
    result = formula(*leaves)
    if not isinstance(result, Node):
        raise UsageError(f"Nothing in {formula.text} can move here.", hint="w=0.5")
    names = {**conventional(result, set(inputs)), **arrays}
    return trace_of(result, wrt=options.wrt, alpha=options.alpha, names=names)


def _moves(x: Any) -> bool:
    return isinstance(x, float) or getattr(x, "dtype", np.dtype(int)).kind in "fc"


def conventional(result: Node, taken: set[str]) -> dict[str, Node]:
    """What the lesson calls the parts of a loss: J of e, e of y_hat or z."""
    names = {"J": result}
    node = _made_by(result, (ops.mean, ops.sum))
    error = _made_by(node, SQUARES)
    if error is not node and error.primitive is ops.subtract:
        names["e"] = error
        answer = _made_by(error, (ops.subtract,))
        z = _made_by(answer, ACTIVATIONS)
        names |= {"z": z} if z is answer else {"z": z, "y_hat": answer}
    return {name: x for name, x in names.items() if name not in taken and x.inputs}


def _made_by(node: Node, functions: tuple[Any, ...]) -> Node:
    """What a node was made from by one of these; else the node itself."""
    first = node.inputs[0] if node.primitive in functions else None
    return first if isinstance(first, Node) else node
