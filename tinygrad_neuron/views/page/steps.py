"""What happens in a trace, step by step: a sentence, a formula, and the numbers in it.

A step knows as well what changes in the picture, so that a page only has to follow.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from tinygrad_neuron.views import formulas, mathml
from tinygrad_neuron.views.mathml import classed, sign
from tinygrad_neuron.views.page.numbers import brief, grid, shape, shown, told
from tinygrad_neuron.views.trace import Trace

EQUALS = sign("=")


class Step(NamedTuple):
    """One event as a page tells it.

    `node` and `input` are ids, -1 where there is none; `text` is what the node (forward, update) or
    the input (backward) shows from here on.
    """

    kind: str
    sentence: str
    formula: str  # MathML
    numbers: str
    extra: str = ""  # HTML: the grid of an array
    node: int = -1
    input: int = -1
    text: str = ""


def steps(trace: Trace) -> list[Step]:
    """Every event of a trace, told."""
    return list(_Teller(trace).told())


class _Teller:
    """The nodes of a trace by their numbers, and what they are called."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.nodes: list[dict[str, Any]] = trace["nodes"]
        self.values = {
            node["name"]: _written(node["value"])
            for node in self.nodes
            if not isinstance(node["value"], dict)
        }
        self.shapes = {node["name"]: node["shape"] for node in self.nodes}
        self.result = self.nodes[trace["result"]]["name"]
        self.paths = Counter(e["input"] for e in trace["events"] if e["kind"] == "backward")

    def told(self) -> Iterator[Step]:
        tellers = {
            "start": self._start, "forward": self._forward, "seed": self._seed,
            "backward": self._backward, "update": self._update,
        }  # fmt: skip
        for event in self.trace["events"]:
            yield tellers[event["kind"]](event)

    # ------------------------------------------------------------------------------ the kinds

    def _start(self, event: dict[str, Any]) -> Step:
        leaves = ", ".join(x["label"] for x in self.nodes if x["kind"] == "learnable")
        sentence = "The leaves have their numbers; nothing has been computed yet. "
        sentence += f"Learnable: {leaves}." if leaves else "Nothing is learnable."
        parts = [
            mathml.name(self.result),
            EQUALS,
            self._expression(formulas.whole(self.nodes, self.trace["result"])),
        ]
        return Step("start", sentence, self._math(*parts), "")

    def _forward(self, event: dict[str, Any]) -> Step:
        node = self.nodes[event["node"]]
        name, formula, value = node["name"], node["formula"] or node["op"], node["value"]
        parts = [mathml.name(name), EQUALS, self._expression(formula)]
        with_numbers = self._with_numbers(formula)
        if with_numbers and not isinstance(value, dict):
            parts += [EQUALS, self._expression(with_numbers), EQUALS, _number(value)]
        return Step(
            "forward",
            f"{node['label']} = {formulas.compact(formula)}{self._shapes(node)}",
            self._math(*parts),
            f"{node['label']} = {told(value, node['shape'])}",
            grid(value, node["shape"]),
            node["id"],
            text=brief(value, node["shape"]),
        )

    def _seed(self, event: dict[str, Any]) -> Step:
        node = self.nodes[event["node"]]
        name, value = node["name"], event["value"]
        slope = mathml.slope(name, name)
        return Step(
            "seed",
            f"Going back starts at {name}: if {name} grows by 1, {name} grows by 1.",
            self._math(classed("up", slope), EQUALS, _number(value)),
            f"gradient of {name}: {told(value, node['shape'])}",
            input=node["id"],
            text=brief(value, node["shape"]),
        )

    def _backward(self, event: dict[str, Any]) -> Step:
        node, to = self.nodes[event["node"]], self.nodes[event["input"]]
        elementwise = event["local"] is not None
        formula = self._chain(event, node, to) if elementwise else self._rule(event, node, to)
        sentence = f"Backward through {node['label']} = {formulas.compact(node['formula'])} "
        sentence += f"to {to['label']}"
        if event["summed"]:
            sentence += f"; {event['summed']}"
        return Step(
            "backward",
            sentence,
            self._math(formula),
            self._accumulated(event, to),
            grid(event["after"], to["shape"]),
            node["id"],
            to["id"],
            brief(event["after"], to["shape"]),
        )

    def _update(self, event: dict[str, Any]) -> Step:
        node = self.nodes[event["node"]]
        name, shape_ = node["name"], node["shape"]
        change = [sign("−"), mathml.name("alpha"), sign("·"), mathml.slope(self.result, name)]
        parts = [mathml.name(name), sign("←"), mathml.name(name), *change]
        if not isinstance(event["old"], dict):
            old, alpha, gradient = event["old"], event["alpha"], event["gradient"]
            parts += [EQUALS, _number(old), sign("−"), _number(alpha), sign("·")]
            parts += [_bracketed(gradient), EQUALS, _number(event["new"])]
        return Step(
            "update",
            f"Update of {node['label']}: the old number minus alpha times the gradient",
            self._math(*parts),
            f"{node['label']}: {told(event['old'], shape_)} becomes {told(event['new'], shape_)}",
            grid(event["new"], shape_),
            node["id"],
            text=brief(event["new"], shape_),
        )

    # ------------------------------------------------------------------------------ formulas

    def _chain(self, event: dict[str, Any], node: dict[str, Any], to: dict[str, Any]) -> str:
        """Upstream times local: as slopes, as a formula, and in numbers."""
        up = classed("up", mathml.slope(self.result, node["name"]))
        local = classed("local", mathml.slope(node["name"], to["name"]))
        parts = [*self._share_of(event, to), EQUALS, up, sign("·"), local]
        if isinstance(event["upstream"], dict):
            if event["formula"]:
                local = classed("local", self._bracketed_formula(event["formula"]))
                parts += [EQUALS, up, sign("⊙"), local]
            return "".join(parts)
        up, slope = classed("up", _number(event["upstream"])), event["local"]
        if event["formula"] and not _is_number(event["formula"]):
            local = classed("local", self._bracketed_formula(event["formula"]))
            parts += [EQUALS, up, sign("·"), local]
        local = classed("local", _bracketed(slope))
        parts += [EQUALS, up, sign("·"), local, EQUALS, _number(event["adds"])]
        return "".join(parts)

    def _rule(self, event: dict[str, Any], node: dict[str, Any], to: dict[str, Any]) -> str:
        """What the rule does with the upstream gradient, where it is no product of two numbers."""
        up = classed("up", mathml.slope(self.result, node["name"]))
        if event["share"]:
            shapes = self.shapes | {formulas.UPSTREAM: node["shape"]}
            shares = mathml.expression(event["share"], {formulas.UPSTREAM: "up"}, shapes)
            told_ = shares.replace(classed("up", mathml.name(formulas.UPSTREAM)), up)
        else:
            told_ = f"<mtext>the rule of {node['op']} on </mtext>{up}{mathml.shape(node['shape'])}"
        return "".join([*self._share_of(event, to), EQUALS, told_])

    def _share_of(self, event: dict[str, Any], to: dict[str, Any]) -> list[str]:
        """The left side: the gradient, or what this path adds to it."""
        slope = mathml.slope(self.result, to["name"])
        through = "" if self.paths[to["id"]] == 1 else "<mtext>, along this path</mtext>"
        return [slope, mathml.shape(to["shape"]), through]

    def _accumulated(self, event: dict[str, Any], to: dict[str, Any]) -> str:
        before, adds, after = (told(event[key], to["shape"]) for key in ("before", "adds", "after"))
        if isinstance(event["after"], dict):
            return f"gradient of {to['label']}: {after}"
        adds = f"({adds})" if adds.startswith("−") else adds
        return f"gradient of {to['label']}: {before} + {adds} = {after}"

    def _with_numbers(self, formula: str) -> str | None:
        """A formula with numbers in place of its names, where all of them are single numbers."""
        names = formulas.mentioned(formula)
        if not names or not all(self.values.get(name) for name in names):
            return None
        return formulas.renamed(formula, {name: str(self.values[name]) for name in names})

    def _bracketed_formula(self, formula: str) -> str:
        text = self._expression(formula)
        return text if formula.isidentifier() else f"{sign('(')}{text}{sign(')')}"

    def _expression(self, formula: str) -> str:
        return mathml.expression(formula)

    def _shapes(self, node: dict[str, Any]) -> str:
        """The shapes that go in and the one that comes out."""
        inputs = [self.nodes[i] for i in node["inputs"] if isinstance(i, int)]
        if not node["shape"] and not any(x["shape"] for x in inputs):
            return ""
        given = ", ".join(f"{x['label']} {shape(x['shape']) or 'a number'}" for x in inputs)
        return f" ({given} gives {shape(node['shape']) or 'a number'})"

    def _math(self, *parts: str) -> str:
        return mathml.math(*parts)


def _written(x: Any) -> str | None:
    """A number as Python text, to stand in a formula; None for what Python cannot read."""
    return None if isinstance(x, str | bool) else f"{x + 0.0:.7g}"


def _is_number(formula: str) -> bool:
    return formula.replace(".", "", 1).removeprefix("-").isdigit()


def _number(x: Any) -> str:
    return "<mtext>…</mtext>" if isinstance(x, dict) else mathml.number(shown(x).replace("−", "-"))


def _bracketed(x: Any) -> str:
    """A number as a factor: in brackets if it is negative."""
    negative = shown(x).startswith("−") if not isinstance(x, dict) else False
    return f"{sign('(')}{_number(x)}{sign(')')}" if negative else _number(x)
