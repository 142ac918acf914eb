"""A person's own primitive checks itself when it is first used.

`primitive` and `elementwise` of the package's top are those of `graph`, with this difference: the
first result that is recorded is checked, rule by rule, against what the function does nearby, and
so is the second order. A wrong rule is an error on the line that used it, and not a model that
learns badly. From then on the primitive is like any other, and costs nothing more.
"""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_neuron.check.blame import accusation, of_node
from tinygrad_neuron.check.examination import derived, examined
from tinygrad_neuron.check.pair import Pair
from tinygrad_neuron.check.report import Report
from tinygrad_neuron.errors import WrongRuleError
from tinygrad_neuron.graph import Array, Node, Primitive, Rule

TRIES = 3  # how often an inconclusive check is tried again, at the next inputs


class Checked(Primitive):
    """A primitive that has not been checked yet. When it has, it becomes a plain `Primitive`."""

    tries = TRIES

    def __call__(self, *inputs: Array, **settings: Any) -> Any:
        """The result; the first that is recorded is checked."""
        y = super().__call__(*inputs, **settings)
        if isinstance(y, Node) and y.inputs and not y.batched:
            _check_once(self, y)
        return y


_lock = threading.Lock()


def _check_once(primitive: Primitive, node: Node) -> None:
    """Check a primitive at the inputs of a node, unless somebody does so already.

    While that goes on it is a plain primitive: the check itself calls it, and so may other threads.
    """
    with _lock:
        if not isinstance(primitive, Checked):
            return
        primitive.tries -= bool(primitive.tries)
        primitive.__class__ = Primitive  # type: ignore[assignment]
    open_ = True  # as long as no check has come to its end
    try:
        report = _report(node)
        open_ = report.status == "failed" or (
            report.status == "inconclusive" and bool(primitive.tries)
        )
        if report.status == "failed":
            raise _wrong(node, report)
    finally:
        if open_:
            primitive.__class__ = Checked


def _report(node: Node) -> Report:
    pair = of_node(node, ruled=True)
    if pair is None:
        return Report("passed", "no input has a rule")
    rng = np.random.default_rng(0)
    report = examined(pair, 1, rng)
    return _second(pair, rng, report) if report.status == "passed" else report


def _second(pair: Pair, rng: np.random.Generator, first: Report) -> Report:
    """The second order; a rule that cannot be fed Values says so when somebody asks for one."""
    try:
        return examined(derived(pair, rng), 1, rng, level=2)
    except Exception:  # whatever a rule says to Values it was not written for
        return first


def _wrong(node: Node, report: Report) -> WrongRuleError:
    worst = next(finding for finding in report.findings if finding.status == "failed")
    name = node.primitive.name  # type: ignore[union-attr]
    error = WrongRuleError(
        f"A rule of {name} is not the slope of its function.\n{accusation(node, worst)}",
        why="Every primitive of one's own is checked when it is first used.",
        hint="correct the rule;  @primitive(..., check=False) where it is meant to be different",
        primitive=name,
        numeric=worst.numeric,
        analytic=worst.analytic,
    )
    error.report = report
    return error


def primitive(
    *rules: Rule | None, check: bool = True, **traits: Any
) -> Callable[[Callable[..., Array]], Primitive]:
    """Declare a function whole: its rules, and on the next lines the function.

    A rule `(g, y, *inputs, *settings)` says what an input is owed when the output y is owed g;
    arrays stand by position, settings are keyword-only, `None` is the rule of a flat input.
    `numpy=` names the NumPy function it stands for; `steep=False` promises that no slope is ever
    inf or nan. The first result that is recorded is checked, at its inputs, to second order.

    >>> @primitive(lambda g, y, x: 3.0 * g * x**2)
    ... def cube(x):
    ...     return x**3
    >>> from tinygrad_neuron import grad
    >>> grad(cube)(2.0)
    Value(12.0)

    Raises `WrongRuleError` (TN161) at that first use if a rule is wrong; `check=False` leaves the
    check out, for a slope that is meant to be another one. `RuleError` (TN133) at once if there is
    not a rule for each input.
    """
    kind = Checked if check else Primitive
    return lambda forward: kind(forward, rules, **traits)


def elementwise(
    *rules: Rule | None, check: bool = True, **traits: Any
) -> Callable[[Callable[..., Array]], Primitive]:
    """A primitive that follows NumPy's broadcasting; the sweep undoes it, never the rule.

    `scalar=` is the same function for Python floats, from `math` or `operator`. All else is as for
    `primitive`, the check at first use too.
    """
    return primitive(*rules, check=check, elementwise=True, **traits)
