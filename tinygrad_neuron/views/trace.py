"""A run written down as data: the nodes of a graph, and what happened to them in order.

Every view (a terminal screen, a picture, a page) is a pure function of one trace, and what it shows
is what the engine did: the numbers are those of the graph itself and of the sweep that `backward()`
makes. `docs/trace.md` explains each field.
"""

import inspect
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_neuron.backward import seed_for, shares_of, sweep
from tinygrad_neuron.checkpointing import checkpointed
from tinygrad_neuron.errors import (
    LeftGraphError,
    NoPathError,
    TraceFileError,
    UnsupportedError,
    caller,
)
from tinygrad_neuron.graph import Array, Node, dtype_of, history, plain, tidy
from tinygrad_neuron.modes import places, recording
from tinygrad_neuron.nonfinite import named_leaves
from tinygrad_neuron.program.lines import fresh_name, is_array
from tinygrad_neuron.program.tracing import listening
from tinygrad_neuron.train import History, judge
from tinygrad_neuron.value import Value
from tinygrad_neuron.views import formulas

SCHEMA = "tinygrad_neuron.trace/1"
WHOLE = 64  # entries of an array that stands in a trace entry by entry
FIRST = 6  # of a larger one, beside its mean and its ends
NUDGE = 0.001  # what a weight is moved by, to see whether the gradient is right about it
NUDGED = 20  # so many weights are tried at most
EVENTS = {
    "start": set(),
    "forward": {"node"},
    "seed": {"node", "value"},
    "backward": {
        *("node", "input", "position", "upstream", "local", "formula", "share"),
        *("adds", "before", "after", "summed"),
    },
    "update": {"node", "old", "gradient", "alpha", "new"},
}  # fmt: skip
NODE = {"id", "name", "op", "kind", "inputs", "shape", "dtype", "value", "gradient", "formula"}

Trace = dict[str, Any]


def trace_of(
    what: Node | Callable[..., Any],
    *args: Any,
    wrt: Iterable[Node | str] | None = None,
    alpha: float | None = None,
    history: History | None = None,
    errors: Sequence[float] | None = None,
    names: Mapping[str, Any] | None = None,
    backward: bool = True,
) -> Trace:
    """A run as data: how a result was computed, and how its gradient was.

    `what` is a result, a single number; or a function, which is run on `args`. `wrt` says which
    leaves are learnable, as Values or by name; otherwise all of them are. With `alpha` the trace
    ends with one update of each. `history` is a descent to be shown beside it, with the `errors` of
    its steps. What has no name is called as the caller's variable that holds it, or as in `names`.
    With `backward=False` nothing is swept: the trace has the gradients that `backward()` left, and
    `what` may be an array.

    >>> w, x = Value(3.0, name="w"), Value(2.0, name="x")
    >>> trace = trace_of((w * x - 5.0) ** 2, wrt=[w])
    >>> [(event["kind"], event["formula"], event["adds"]) for event in trace["events"][5:]]
    [('backward', '2 * v2', 2.0), ('backward', '1', 2.0), ('backward', 'x', 4.0)]

    Nothing is left on the Values. A hook (`on_grad`) is called once more than in `backward()`.
    Raises `NoPathError` (TN104) for a leaf that the result does not depend on, `NotScalarError`
    (TN103), and `UnsupportedError` (TN131) for a result with checkpoints in it.
    """
    known = _Known(names if names is not None else _variables())
    with np.errstate(all="ignore"):
        result = what if isinstance(what, Node) else _run(what, args, known)
        writer = _Writer(result, known, wrt, backward)
        told = None if history is None else recorded(history, writer.weight_names(), errors)
        return writer.trace(alpha, told)


def save(trace: Trace, path: str | Path) -> None:
    """Write a trace to a file. The same run gives the same bytes."""
    Path(path).write_text(dumps(trace), encoding="utf-8")


def dumps(trace: Trace) -> str:
    """A trace as JSON text, with one line for each node and event."""
    parts = []
    for key, part in trace.items():
        inside = [_json(x) for x in part] if isinstance(part, list) else None
        listed = "[\n" + ",\n".join(inside) + "\n]" if inside else _json(part)
        parts.append(f"{_json(key)}: {listed}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _json(x: Any) -> str:
    return json.dumps(x, ensure_ascii=False, allow_nan=False)


def load(path: str | Path) -> Trace:
    """A trace out of a file.

    Raises `TraceFileError` (TN175) if the file holds no trace, or one that cannot be.
    """
    try:
        trace = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise TraceFileError(
            f"{path} cannot be read as a trace: {error}.",
            hint="save(trace_of(J), path)  writes one",
        ) from None
    return validated(trace, str(path))


def validated(trace: Any, name: str = "The trace") -> Trace:
    """The trace itself; raises `TraceFileError` (TN175) and says what is wrong with it."""
    for wrong in _mistakes(trace):
        raise TraceFileError(
            f"{name} is no trace of the form {SCHEMA}: {wrong}.",
            why="A view shows what a trace says, and this one does not say it.",
            hint="trace_of(J) makes one, and save(trace, path) writes it;  docs: trace.md",
        )
    return dict(trace)


# ------------------------------------------------------------------------------- numbers as data


def encoded(x: Array) -> Any:
    """A number or an array as JSON has it: see `docs/trace.md`.

    >>> encoded(2.5), encoded(float("inf")), encoded(np.array([1.0, 2.0]))
    (2.5, 'inf', {'entries': [1.0, 2.0]})
    """
    x = plain(x)
    if not is_array(x):
        return _number(tidy(np.asarray(x)[()]))
    if x.size <= WHOLE:
        return {"entries": [_number(one) for one in x.ravel().tolist()]}
    summary = {} if x.dtype.kind not in "fiu" else _summary(x)
    return {**summary, "first": [_number(one) for one in x.ravel()[:FIRST].tolist()]}


def _summary(x: Array) -> dict[str, Any]:
    return {name: _number(getattr(x, name)().item()) for name in ("min", "mean", "max")}


def _number(x: Any) -> Any:
    """A finite number as itself; inf, nan and complex numbers as Python writes them."""
    x = x.item() if isinstance(x, np.generic) else x
    if isinstance(x, complex):
        return str(x)
    return x if isinstance(x, bool | int) or math.isfinite(x) else str(x)


def decoded(x: Any) -> Any:
    """A single number of a trace as Python's; None for an array.

    >>> decoded("-inf"), decoded(2), decoded({"entries": [1.0]})
    (-inf, 2.0, None)
    """
    if isinstance(x, dict):
        return None
    return complex(x) if isinstance(x, str) and x.endswith(("j", ")")) else float(x)


# ------------------------------------------------------------------------------------- names


@dataclass
class _Known:
    """What things are called: by themselves, and by the variables that hold them."""

    scope: Mapping[str, Any]
    called: dict[Node, str] = field(default_factory=dict)
    arrays: list[tuple[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name, thing in self.scope.items():
            if name.isidentifier() and not name.startswith("_"):
                self.add(name, thing)

    def add(self, name: str, thing: Any) -> None:
        if isinstance(thing, Node):
            self.called.setdefault(thing, name)
        elif is_array(thing):
            self.arrays.append((name, thing))

    def of(self, node: Node) -> str | None:
        return node.name or self.called.get(node)

    def of_array(self, x: Array) -> str | None:
        """The array was copied when it was recorded, so that it is found by what it holds."""
        return next((name for name, y in self.arrays if _same(x, y)), None)


def _same(x: Array, y: Array) -> bool:
    return x is y or (
        x.shape == y.shape and x.dtype == y.dtype and bool(x.tobytes() == y.tobytes())
    )


def _variables() -> dict[str, Any]:
    frame = caller()
    return {**frame.f_globals, **frame.f_locals} if frame else {}


def _run(function: Callable[..., Any], args: tuple[Any, ...], known: _Known) -> Node:
    """The function's result for these arguments, and what its variables hold."""
    given = named_leaves(function, args)
    with recording(), places(), listening(Value) as called:
        result = function(*given)
    if not isinstance(result, Node):
        raise LeftGraphError(
            f"The function returned {result!r:.60}, a {type(result).__name__}, and not a Value.",
            hint="return the Value itself, without .item(), .data or float()",
        )
    known.called = {**called, **known.called}
    for name, array in zip(_parameters(function), given, strict=False):
        known.add(name, array)
    return result


def _parameters(function: Callable[..., Any]) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # some builtins have no signature
        return []


# ------------------------------------------------------------------------------------- writing


class _Writer:
    """One graph on its way to a trace."""

    def __init__(
        self, result: Node, known: _Known, wrt: Iterable[Node | str] | None, backward: bool
    ) -> None:
        self.result, self.known = result, known
        result.only()  # raises TN105 for a batch
        self.graph = history(result)
        self._refuse_checkpoints()
        self.taken = {formulas.UPSTREAM}
        self.names: dict[Node, str] = {}
        self.ids: dict[Any, int] = {}  # of a node, or of the id of a constant array
        self.constants: list[tuple[Any, int]] = []
        self.nodes: list[dict[str, Any]] = []
        self.learnable = self._learnable(wrt)
        self.reaching = self._reaching()
        self.seed = seed_for(result) if backward else None
        self.owed = sweep(result, self.seed) if backward else self._left()
        self._number_nodes()

    def _refuse_checkpoints(self) -> None:
        if any(node.primitive is checkpointed for node in self.graph):
            raise UnsupportedError(
                "A checkpointed result has forgotten what it was computed from.",
                why="A trace shows every operation.",
                hint="call the function itself, without checkpoint, and trace that",
            )

    def _learnable(self, wrt: Iterable[Node | str] | None) -> list[Node]:
        leaves = [node for node in self.graph if node.primitive is None and _moves(node)]
        if wrt is None:
            return leaves
        wanted = {self._leaf(leaves, one) for one in wrt}
        return [node for node in leaves if node in wanted]

    def _leaf(self, leaves: list[Node], wanted: Node | str) -> Node:
        for x in leaves:
            if x is wanted or (isinstance(wanted, str) and self.known.of(x) == wanted):
                return x
        raise _no_path(wanted, [self.known.of(x) or "an unnamed leaf" for x in leaves])

    def _left(self) -> dict[Node, Array]:
        """What `backward()` left on the nodes, if it was called."""
        return {node: node.gradient for node in self.graph if node.gradient is not None}

    def _reaching(self) -> set[Node]:
        """The nodes that a learnable one has a say in."""
        reaching = set(self.learnable)
        for node in self.graph:
            if any(isinstance(x, Node) and x in reaching for x in node.inputs):
                reaching.add(node)
        return reaching

    def _number_nodes(self) -> None:
        given = [(node, self.known.of(node)) for node in self.graph]
        for node, name in given:  # a person's names first, so that v1 means what they say
            if name:
                self.names[node] = fresh_name(_identifier(name), self.taken)
        count = 0
        for node in self.graph:
            for x in node.inputs:
                if is_array(x) and self._constant(x) is None:
                    self._add_constant(x)
            if node not in self.names:
                stem = "J" if node is self.result and "J" not in self.taken else ""
                while not stem:
                    count += 1
                    stem = f"v{count}" if f"v{count}" not in self.taken else ""
                self.names[node] = fresh_name(stem, self.taken)
            self.ids[node] = len(self.nodes)
            self.nodes.append(self._node(node))

    def _constant(self, x: Array) -> int | None:
        return next((number for known, number in self.constants if _same(known, x)), None)

    def _add_constant(self, x: Array) -> None:
        label = self.known.of_array(x)
        name = fresh_name(label or f"c{len(self.constants) + 1}", self.taken)
        self.constants.append((x, len(self.nodes)))
        self.nodes.append(
            {
                "id": len(self.nodes),
                "name": name,
                "label": label or name,
                "op": None,
                "kind": "constant",
                "inputs": [],
                "formula": None,
                **_what_it_is(x),
                "gradient": None,
                "place": "",
                "code": "",
            }
        )

    def _node(self, node: Node) -> dict[str, Any]:
        place, _, code = node.place.partition("  ")
        leaf = node.primitive is None
        kind = "constant" if leaf else "result"
        if any(node is x for x in self.learnable):
            kind = "learnable"
        return {
            "id": len(self.nodes),
            "name": self.names[node],
            "label": self.known.of(node) or self.names[node],
            "op": None if node.primitive is None else node.primitive.name,
            "kind": "constant" if node.constant else kind,
            "inputs": [self._input(x) for x in node.inputs],
            "formula": self._formula(node),
            **_what_it_is(node._data),
            "gradient": None,
            "place": place,
            "code": code.strip(),
        }

    def _input(self, x: Any) -> Any:
        if isinstance(x, Node):
            return self.ids[x]
        return self._constant(x) if is_array(x) else {"number": encoded(x)}

    def _operand(self, x: Any) -> str:
        if isinstance(x, Node):
            return self.names[x]
        if is_array(x):
            return str(self.nodes[self._constant(x) or 0]["name"])
        return formulas.written(x)

    def _formula(self, node: Node) -> str | None:
        if node.primitive is None or not node.inputs:
            return None
        operands = [self._operand(x) for x in node.inputs]
        return formulas.spelled(node.primitive, operands, node.settings)

    # ------------------------------------------------------------------------------ the events

    def trace(self, alpha: float | None, history: Any) -> Trace:
        """The whole of it."""
        backward = list(self._backward())
        updates = [] if alpha is None else [self._update(node, alpha) for node in self.learnable]
        results = [node for node in self.graph if node.inputs]
        return {
            "schema": SCHEMA,
            "title": self._title(),
            "result": self.ids[self.result],
            "nodes": self.nodes,
            "events": [
                {"kind": "start"},
                *({"kind": "forward", "node": self.ids[node]} for node in results),
                *backward,
                *updates,
            ],
            "nudges": list(self._nudges()),
            "history": history,
        }

    def _title(self) -> str:
        """The formula of the whole, as far as it can be read."""
        return formulas.compact(formulas.whole(self.nodes, self.ids[self.result]))

    def _backward(self) -> Iterator[dict[str, Any]]:
        """The seed and, youngest first, what each node hands on: the engine's sweep told."""
        if self.seed is None:
            for node, g in self.owed.items():
                self.nodes[self.ids[node]]["gradient"] = encoded(g)
            return
        yield {"kind": "seed", "node": self.ids[self.result], "value": encoded(self.seed)}
        owed, got = self.owed, {self.result: self.seed}
        ways = [node for node in owed if node in self.reaching]
        for node in sorted(ways, key=lambda node: -node.birth):
            self.nodes[self.ids[node]]["gradient"] = encoded(owed[node])
            for i, x, share in _shares(node, owed[node]):
                if x in self.reaching:
                    before = got.get(x)
                    got[x] = share if before is None else before + share
                    yield self._handed_on(node, i, x, owed[node], share, before, got[x])

    def _handed_on(
        self, node: Node, i: int, x: Node, g: Array, share: Array, before: Array, after: Array
    ) -> dict[str, Any]:
        function = node.primitive
        assert function is not None
        local = formulas.local(function, i, node.inputs, node.settings)
        way = formulas.share(function, i, node, node.inputs, node.settings)
        named = self._names_of(node)
        return {
            "kind": "backward",
            "node": self.ids[node],
            "input": self.ids[x],
            "position": i,
            "upstream": encoded(g),
            "local": encoded(_slope(node, i)) if function.elementwise else None,
            "formula": local and formulas.renamed(local, named),
            "share": way and formulas.renamed(way, named),
            "adds": encoded(share),
            "before": 0.0 if before is None else encoded(before),
            "after": encoded(after),
            "summed": _summed(node.shape, x.shape) if function.elementwise else "",
        }

    def _names_of(self, node: Node) -> dict[str, str]:
        """What the parameters of a rule stand for here."""
        assert node.primitive is not None
        names = formulas.parameters(node.primitive, len(node.inputs))
        operands = [self._operand(x) for x in node.inputs]
        return {"y": self.names[node], **dict(zip(names, operands, strict=True))}

    def _update(self, node: Node, alpha: float) -> dict[str, Any]:
        gradient = self.owed.get(node, 0.0)
        return {
            "kind": "update",
            "node": self.ids[node],
            "old": encoded(node._data),
            "gradient": encoded(gradient),
            "alpha": alpha,
            "new": encoded(node._data - alpha * gradient),
        }

    def weight_names(self) -> list[str]:
        """A name for each number that is learnt: w1, or W[0, 2] of an array."""
        names = []
        for node in self.learnable:
            name = self.names[node]
            if not node.shape:
                names.append(name)
            names += [f"{name}[{', '.join(map(str, at))}]" for at in np.ndindex(node.shape) if at]
        return names

    def _nudges(self) -> Iterator[dict[str, Any]]:
        """What becomes of the result when one weight is moved a little: foretold, and measured."""
        numbers = [node for node in self.learnable if type(node._data) is float and self.seed]
        for node in numbers[:NUDGED]:
            moved = self._again(node, node._data + NUDGE)
            yield {
                "node": self.ids[node],
                "by": NUDGE,
                "foretold": encoded(self.owed.get(node, 0.0) * NUDGE),
                "measured": encoded(moved - self.result._data),
            }

    def _again(self, changed: Node, data: Array) -> Array:
        """The result, computed once more with another number in one leaf."""
        known = {changed: data}
        for node in self.graph:
            if any(isinstance(x, Node) and x in known for x in node.inputs):
                inputs = [known.get(x, x._data) if isinstance(x, Node) else x for x in node.inputs]
                known[node] = node.primitive(*inputs, **node.settings)  # type: ignore[misc]
        return known.get(self.result, self.result._data)


def _identifier(name: str) -> str:
    """`layers[0].w` as a name that may stand in a formula: `layers_0_w`."""
    return re.sub(r"\W+", "_", name).strip("_")


def _what_it_is(data: Array) -> dict[str, Any]:
    return {"shape": list(np.shape(data)), "dtype": str(dtype_of(data)), "value": encoded(data)}


def _moves(node: Node) -> bool:
    return dtype_of(node).kind in "fc"


def _no_path(wanted: Node | str, built_from: list[str]) -> NoPathError:
    name = wanted if isinstance(wanted, str) else wanted.name or "The Value"
    return NoPathError(
        f"{name} gets no gradient: there is no path from the result back to it. "
        f"The result was built from: {', '.join(built_from) or 'no leaf at all'}.",
        why="It is not in the expression, or it was replaced by a number on the way "
        "(.data, .item(), detach).",
        hint=f"use {name} itself in the expression, or leave it out of wrt",
        name=name,
    )


def _shares(node: Node, g: Array) -> Iterator[tuple[int, Node, Array]]:
    """What a node hands on, with the number of the input that gets it."""
    if not node.inputs:
        return
    i = 0
    for x, share in shares_of(node, g, 0, False, False):
        while node.inputs[i] is not x or node.primitive.rule(i) is None:  # type: ignore[union-attr]
            i += 1
        yield i, x, share
        i += 1


def _slope(node: Node, i: int) -> Array:
    """The local derivative: what the rule says when the output is owed 1."""
    function = node.primitive
    assert function is not None
    rule = function.rule(i)
    assert rule is not None
    args = [plain(x) for x in node.inputs]
    ones = tidy(np.ones(node.shape, dtype_of(node)))
    try:
        return rule(ones, node._data, *args, **node.settings)
    except (ArithmeticError, ValueError):  # Python's floats refuse 1/0, NumPy's say inf
        numbers = [np.asarray(x)[()] for x in (ones, node._data, *args)]
        return tidy(rule(*numbers, **node.settings))


def _summed(stretched: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """Which axes of a share were added up, because NumPy had stretched or added them."""
    added = len(stretched) - len(shape)
    told = [f"axis {k} (was added, {n} long)" for k, n in enumerate(stretched[:added])]
    for k, (n, m) in enumerate(zip(stretched[added:], shape, strict=True), start=added):
        if m != n:
            told.append(f"axis {k} (was stretched {m}->{n})")
    return f"sum over {' and '.join(told)}" if told else ""


# ------------------------------------------------------------------------------------- a descent


def recorded(
    history: History, names: Sequence[str] = (), errors: Sequence[float] | None = None
) -> dict[str, Any]:
    """A descent as data: one record for each moment, and the verdict.

    The weights are called w[0], w[1], ... where the names are not theirs.
    """
    verdict = judge(history)
    count = len(history.first.weights)
    return {
        "alpha": history.alpha,
        "names": list(names) if len(names) == count else [f"w[{i}]" for i in range(count)],
        "steps": [
            {
                "step": step,
                "weights": [_number(w) for w in moment.weights.tolist()],
                "error": None if errors is None else _number(float(errors[step])),
                "loss": _number(moment.loss),
                "gradient": [_number(g) for g in moment.gradient.tolist()],
            }
            for step, moment in enumerate(history.moments)
        ],
        "verdict": {
            "kind": verdict.kind,
            "updates": verdict.updates,
            "period": history.period,
            "curvature": _number(verdict.curvature),
            "limit": _number(verdict.limit),
            "best": _number(verdict.best),
            "excess": _number(verdict.excess),
            "factor": _number(verdict.factor),
        },
    }


# ------------------------------------------------------------------------------------- validation


def _mistakes(trace: Any) -> Iterator[str]:
    """What is wrong with it, the first thing first."""
    if not isinstance(trace, dict) or trace.get("schema") != SCHEMA:
        schema = trace.get("schema") if isinstance(trace, dict) else type(trace).__name__
        yield f"its schema is {schema!r}"
        return
    missing = {"title", "result", "nodes", "events", "nudges", "history"} - trace.keys()
    if missing:
        yield f"it has no {', '.join(sorted(missing))}"
        return
    if not isinstance(trace["nodes"], list) or not isinstance(trace["events"], list):
        yield "nodes and events are lists"
        return
    yield from _node_mistakes(trace["nodes"])
    count = len(trace["nodes"])
    if not _is_id(trace["result"], count):
        yield f"its result is {trace['result']!r}, and its nodes are 0 to {count - 1}"
    for i, event in enumerate(trace["events"]):
        yield from (f"event {i} {wrong}" for wrong in _event_mistakes(event, count))


def _node_mistakes(nodes: list[Any]) -> Iterator[str]:
    for i, node in enumerate(nodes):
        if not isinstance(node, dict) or not node.keys() >= NODE:
            missing = ", ".join(sorted(NODE - set(node if isinstance(node, dict) else ())))
            yield f"node {i} has no {missing}"
            return
        if node["id"] != i:
            yield f"node {i} says that it is node {node['id']!r}"
        if node["kind"] not in ("learnable", "constant", "result"):
            yield f"node {i} is of kind {node['kind']!r}"
        for x in node["inputs"] if isinstance(node["inputs"], list) else [None]:
            if not _is_id(x, i) and not (isinstance(x, dict) and "number" in x):
                yield f"node {i} has the input {x!r}, which does not come before it"


def _event_mistakes(event: Any, count: int) -> Iterator[str]:
    kind = event.get("kind") if isinstance(event, dict) else None
    if kind not in EVENTS:
        yield f"is of kind {kind!r}"
        return
    missing = EVENTS[kind] - event.keys()
    if missing:
        yield f"has no {', '.join(sorted(missing))}"
    for key in {"node", "input"} & EVENTS[kind] & event.keys():
        if not _is_id(event[key], count):
            yield f"is about {key} {event[key]!r}, and there are {count}"


def _is_id(x: Any, below: int) -> bool:
    return type(x) is int and 0 <= x < below
