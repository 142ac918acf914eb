"""Which operation is to blame for a wrong gradient: every rule is asked by itself.

Each node of the recorded graph is checked alone, at the numbers it was recorded with. If a rule is
wrong that names it. If all are right, the fault is between them: a number that left the graph, or
the way the shares were added up, which a second sweep, written without the first, can tell.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_neuron.check.examination import examined
from tinygrad_neuron.check.pair import (
    Arrays,
    Pair,
    in_double,
    moves,
    number,
    of_function,
    of_values,
    parameters,
    row,
    taken_apart,
)
from tinygrad_neuron.check.report import Finding, Report, whole
from tinygrad_neuron.containers import leaves
from tinygrad_neuron.errors import GradientShapeError, file_and_line
from tinygrad_neuron.graph import (
    Array,
    Node,
    Primitive,
    dtype_of,
    history,
    is_complex,
    plain,
    to_check,
)
from tinygrad_neuron.modes import places, recording
from tinygrad_neuron.ops import stop_gradient
from tinygrad_neuron.value import Value

MOST_NODES = 2000


def blamed(report: Report, f: Callable[..., Any], inputs: tuple[Any, ...]) -> Report:
    """The report of a failed check with what is to blame, as far as it can be told."""
    order = max(finding.order for finding in report.findings if finding.status == "failed")
    moving, _, filled = taken_apart(inputs, f)
    xs = [Value(number(in_double(x))) for x in moving]
    with places(), recording():
        ys = [y for y in leaves(f(*filled(xs))) if isinstance(y, Node) and moves(y)]
    nodes = [node for node in history(*ys) if node.primitive is not None][:MOST_NODES]
    for node in nodes:
        text = "" if _stops(node) else _accused(node, order)
        if text:
            return replace(report, blame=text)
    return replace(report, blame=_between(f, inputs, xs, ys, nodes))


# --------------------------------------------------------------------------------- rule by rule


def of_node(node: Node, ruled: bool = False) -> Pair | None:
    """The pair of a node's function and rules, at the numbers it was recorded with.

    `ruled`: by every input that has a rule, whether or not it is a Value; else by its Values.
    """
    primitive, inputs, settings = _made(node)
    where = [
        i
        for i, x in enumerate(inputs)
        if moves(x) and (primitive.rule(i) is not None if ruled else isinstance(x, Node))
    ]
    if not where:
        return None
    data = [to_check(x) for x in inputs]

    def results(values: list[Any]) -> list[Any]:
        filled = list(data)
        for i, value in zip(where, values, strict=True):
            filled[i] = value
        return list(leaves(primitive(*filled, **settings)))

    every = parameters(primitive.forward, len(inputs))
    names = [every[i] for i in where]
    return of_function(results, [np.asarray(data[i]) for i in where], names)


def _made(node: Node) -> tuple[Primitive, tuple[Array, ...], dict[str, Any]]:
    assert node.primitive is not None
    return node.primitive, node.inputs, dict(node.settings)


def _accused(node: Node, order: int) -> str:
    """What is wrong with a node's rules, in words; "" if nothing is."""
    pair = of_node(node)
    if pair is None:
        return ""
    try:
        report = examined(pair, order, np.random.default_rng(0))
    except GradientShapeError as error:
        return f"to blame: {error}"
    if report.status != "failed":
        return ""
    worst = next(finding for finding in report.findings if finding.status == "failed")
    return accusation(node, worst)


def accusation(node: Node, finding: Finding) -> str:
    """A rule that is wrong: the operation, the input, where its rule is, and who called it."""
    primitive = _made(node)[0]
    every = parameters(primitive.forward, len(node.inputs))
    i = next((i for i, name in enumerate(every) if name == whole(finding.input)), 0)
    rule = primitive.rule(i)
    where = file_and_line(primitive.rules[0 if primitive.variadic else i]) if rule else "None: flat"
    second = ", at second order" if finding.order > 1 else ""
    called = f"\n  called at {node.place}" if node.place else ""
    return (
        f"to blame: {primitive.name}, the rule for {whole(finding.input)} ({where}){second}: "
        f"{finding.reason}\n"
        f"  at {finding.place}: {finding.numeric:.10g} seen, {finding.analytic:.10g} by the rule"
        f"{called}"
    )


# ------------------------------------------------------------------------------- between the rules


def _between(
    f: Callable[..., Any],
    inputs: tuple[Any, ...],
    xs: Sequence[Value],
    ys: Sequence[Node],
    nodes: Sequence[Node],
) -> str:
    pair = of_values(f, inputs)
    if not _replays(pair, xs, ys, nodes):
        return (
            "to blame: every rule is right by itself, but the result also depends on the inputs "
            "in a way that was not recorded: through .data, .item(), no_grad or another leaf's data"
        )
    ones = [np.ones(shape) for shape in pair.result_shapes]
    naive = row(swept_again(xs, ys, nodes, ones))
    engine = row(pair.pull(ones))
    if not np.isfinite(naive).all():
        return "every rule is right by itself: one is not finite, and its share is not excused"
    if not np.allclose(naive, engine, rtol=1e-9, atol=1e-9 * np.abs(naive).max(initial=0.0)):
        return "to blame: every rule is right by itself; the sweep does not add up their shares"
    kinks = "kinks that cancel in the result do not cancel in slopes"
    stop = next(filter(_stops, nodes), None)
    if stop is None:
        return f"every rule is right by itself: {kinks}"
    return (
        f"every rule is right by itself: {_made(stop)[0].name} keeps a part of the result from the "
        f"gradient, or {kinks}\n  called at {stop.place}"
    )


def _stops(node: Node) -> bool:
    """Whether no gradient passes, by what somebody wrote."""
    return node.primitive is stop_gradient


def _replays(pair: Pair, xs: Sequence[Value], ys: Sequence[Node], nodes: Sequence[Node]) -> bool:
    """Whether the recorded operations, at other inputs, give what the function gives there."""
    moved = pair.start * (1.0 + 2.0**-20) + (pair.start == 0.0) * 2.0**-20
    known: dict[Any, Any] = dict(zip(xs, map(number, pair.apart(moved)), strict=True))
    for node in nodes:
        primitive, inputs, settings = _made(node)
        parts = [known.get(x, plain(x)) if isinstance(x, Node) else x for x in inputs]
        known[node] = primitive(*parts, **settings) if inputs else node._data
    replayed = row([np.asarray(known.get(y, plain(y))) for y in ys])
    there = pair.at(moved)
    change = np.abs(there - pair.here).max(initial=0.0)
    return len(there) == len(replayed) and bool(np.all(np.abs(there - replayed) <= 1e-3 * change))


def swept_again(
    xs: Sequence[Node], ys: Sequence[Node], nodes: Sequence[Node], vs: Arrays
) -> Arrays:
    """What the inputs are owed, by a sweep as plain as can be: a second opinion on `backward`."""
    owed: dict[Any, Any] = {}
    for y, v in zip(ys, vs, strict=True):
        owed[y] = owed.get(y, 0.0) + v
    for node in reversed(nodes):
        if node not in owed:
            continue
        primitive, inputs, settings = _made(node)
        data = [plain(x) for x in inputs]
        for i, x in enumerate(inputs):
            rule = primitive.rule(i)
            if isinstance(x, Node) and rule is not None and moves(x):
                turn = np.conj if primitive.holomorphic and is_complex(node) else np.asarray
                g = turn(owed[node])
                share = turn(np.asarray(plain(rule(g, node._data, *data, **settings))))
                share = np.where(np.isnan(share) & (np.max(np.abs(g)) == 0.0), 0.0, share)
                share = share if is_complex(x) else share.real
                owed[x] = owed.get(x, 0.0) + _shrunk(share, x.shape)
    return [np.asarray(owed.get(x, np.zeros(x.shape)), dtype_of(x)) for x in xs]


def _shrunk(share: Array, shape: tuple[int, ...]) -> Array:
    """A share with the copies that broadcasting made added up."""
    while share.ndim > len(shape):
        share = share.sum(axis=0)
    stretched = tuple(k for k, n in enumerate(shape) if n == 1 and share.shape[k] != 1)
    return share.sum(axis=stretched, keepdims=True) if stretched else share
