"""A pair examined: structure first, then slopes, order by order; the first mistake is enough."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_neuron.check import directions, precision
from tinygrad_neuron.check.pair import Arrays, Pair, moves, of_function
from tinygrad_neuron.check.report import Finding, Report, Status, gravest, place_of, whole
from tinygrad_neuron.check.slips import slip
from tinygrad_neuron.check.slopes import Judge
from tinygrad_neuron.check.structure import broken_laws, weights
from tinygrad_neuron.check.symmetry import forward_and_reverse, symmetric
from tinygrad_neuron.transforms import vjp
from tinygrad_neuron.value import Value


def examined(pair: Pair, order: int, rng: np.random.Generator, level: int = 1) -> Report:
    """The report on a pair, to an order; `level` is the order that the pair itself is of."""
    with np.errstate(all="ignore"):  # inf and nan are judged here
        return _examined(pair, order, rng, level)


def _examined(pair: Pair, order: int, rng: np.random.Generator, first: int) -> Report:
    findings: list[Finding] = []
    unseen: list[str] = []
    resolution = 0.0
    evaluations = pullbacks = 0
    for level, each in enumerate(_levels(pair, order, rng), start=first):
        found, judge = _examined_once(each, rng, level)
        findings += found
        if judge is not None:
            resolution = max(resolution, judge.resolution)
            unseen += [place_of(*entry) for entry in sorted(judge.unseen)]
        evaluations, pullbacks = evaluations + each.evaluations, pullbacks + each.pullbacks
        if any(finding.status != "passed" for finding in findings):
            break  # at a kink, too: the gradient jumps there, and has none of its own
    status, reason = _verdict(findings)
    cost = evaluations, pullbacks
    return Report(status, reason, tuple(findings), *cost, resolution, tuple(unseen))


def _verdict(findings: list[Finding]) -> tuple[Status, str]:
    """The gravest status, and the reason of the first finding that has it."""
    status = gravest(finding.status for finding in findings)
    worst = next((finding for finding in findings if finding.status == status), None)
    if worst is None or status == "passed":
        return status, ""
    return status, f"{worst.place}: {worst.reason}"


def _levels(pair: Pair, order: int, rng: np.random.Generator) -> Iterator[Pair]:
    """The pair, the pair of its pullback, and so on."""
    yield pair
    for _ in range(order - 1):
        pair = derived(pair, rng)
        yield pair


def derived(pair: Pair, rng: np.random.Generator) -> Pair:
    """The pullback of a function of Values as a function itself: of its inputs and cotangents."""
    count, results = len(pair.inputs), pair.of_values
    assert results is not None

    def pulled(values: list[Any]) -> list[Any]:
        def outputs(*xs: Any) -> tuple[Any, ...]:
            return tuple(_value(y) for y in results(list(xs)) if moves(y))

        y, pullback = vjp(outputs, *values[:count])
        return list(pullback(tuple(values[count : count + len(y)])))

    def on_arrays(xs: Arrays) -> Arrays:  # the same in half the time, for nothing is recorded
        return pair.linear(xs[:count])(xs[count:])

    vs = weights(pair, rng)
    names = [
        *pair.names,
        *(f"cotangent {i}" if len(vs) > 1 else "cotangent" for i in range(len(vs))),
    ]
    found = of_function(pulled, [*pair.inputs, *vs], names, on_arrays)
    height = float(sum(np.sum(np.abs(v * y)) for v, y in zip(vs, pair.result, strict=True)))
    found.analytic = False  # a gradient conjugates
    found.backdrop = np.maximum(found.backdrop, height / directions.steps(pair))
    return found


def _value(y: Any) -> Value:
    return y if isinstance(y, Value) else Value(y)


def _examined_once(
    pair: Pair, rng: np.random.Generator, level: int
) -> tuple[list[Finding], Judge | None]:
    findings = broken_laws(pair, rng)
    if findings:
        return findings, None
    if not len(pair.start) or not len(pair.here):
        nothing = 0.0, 0.0, 0.0
        return [Finding("passed", pair.names[0], None, *nothing, "there is nothing in it")], None
    judge = Judge(pair, rng, level)
    findings = [_with_slip(judge, finding) for finding in judge.run()]
    if all(finding.status == "passed" for finding in findings):
        findings += precision.lost(pair, judge)
        if level > 1:
            findings += [*forward_and_reverse(pair, rng), *symmetric(pair, rng)]
    return findings, judge


def _with_slip(judge: Judge, finding: Finding) -> Finding:
    """A failure with the name of the slip that it looks like."""
    pair = judge.pair
    if finding.status != "failed" or len(pair.start) > directions.FEW:
        return finding
    name = whole(finding.input)
    k = pair.names.index(name) if name in pair.names else 0
    known = slip(pair, k, judge.looker.given, judge.looker.everywhere())
    return replace(finding, reason=f"{finding.reason}; {known}") if known else finding
