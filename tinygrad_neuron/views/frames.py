"""A run step by step: a frame for each event of a trace, which says what happens and with what."""

from dataclasses import dataclass
from typing import Any

from tinygrad_neuron.lesson.text import wrapped
from tinygrad_neuron.views.explained import local_text
from tinygrad_neuron.views.formulas import compact, mentioned, renamed
from tinygrad_neuron.views.trace import Trace, decoded
from tinygrad_neuron.views.tree import LINES, Branches, tree
from tinygrad_neuron.views.words import made, shown

INDENT = " " * 8


@dataclass(frozen=True)
class Frame:
    """What one event did: a headline, and lines of numbers; `formula` and `inputs` on request."""

    headline: str
    lines: tuple[str, ...]
    formula: str
    inputs: str

    def text(self, k: int, last: int, width: int = 100) -> str:
        """The frame with its number; long lines are broken between the sides of an equation."""
        head = wrapped(f"[{k}/{last}] {self.headline}", width, INDENT)
        return "\n".join([head, *(_broken(INDENT + line, width) for line in self.lines)])


def _broken(line: str, width: int) -> str:
    kept = [part.replace(" ", "\xa0") for part in line.split("  =  ")]
    return wrapped("  =\xa0\xa0".join(kept), width, INDENT + "    ").replace("\xa0", " ")


def frames(trace: Trace) -> list[Frame]:
    """A frame for each event.

    >>> from tinygrad_neuron import Value, trace_of
    >>> x = Value(3.0, name="x")
    >>> print(frames(trace_of(x * x))[-1].text(4, 4))
    [4/4] BACKWARD through J = x*x to x
            dJ/dx  =  dJ/dJ (upstream)  .  dJ/dx (local = x)  =  1 . 3  =  3
            grad of x:  3 + 3 = 6
    """
    return [FRAMES[event["kind"]](trace, event) for event in trace["events"]]


def graph_at(trace: Trace, k: int, *, signs: Branches = LINES, width: int = 100) -> str:
    """The tree as it is after event number k: what is not computed yet is a question mark."""
    known = {node["id"] for node in trace["nodes"] if node["formula"] is None}
    gradients: dict[int, Any] = {}
    for event in trace["events"][: k + 1]:
        if event["kind"] == "forward":
            known.add(event["node"])
        elif event["kind"] == "seed":
            gradients[event["node"]] = event["value"]
        elif event["kind"] == "backward":
            gradients[event["input"]] = event["after"]
    return tree(trace, signs=signs, width=width, gradients=gradients, known=known)


def _start(trace: Trace, event: Any) -> Frame:
    given = [node for node in trace["nodes"] if node["formula"] is None]
    learnable, constant = (
        ", ".join(_equals(node) for node in given if node["kind"] == kind)
        for kind in ("learnable", "constant")
    )
    lines = (f"learnable: {learnable or 'nothing'}", f"given: {constant}" if constant else "")
    return Frame(f"START  {trace['title']}", tuple(filter(None, lines)), trace["title"], learnable)


def _equals(node: dict[str, Any]) -> str:
    return f"{node['name']} = {shown(node['value'], node['shape'])}"


def _forward(trace: Trace, event: Any) -> Frame:
    node = trace["nodes"][event["node"]]
    numbers = _in_numbers(trace, node["formula"])
    told = [node["name"], compact(node["formula"]), numbers, shown(node["value"], node["shape"])]
    line = "  =  ".join(dict.fromkeys(filter(None, told)))
    return Frame(f"FORWARD  {made(node)}", (line,), _place(node), _inputs(trace, node))


def _in_numbers(trace: Trace, formula: str) -> str:
    """A formula with numbers in place of its names; nothing where some of them are arrays."""
    values = {node["name"]: node for node in trace["nodes"]}
    names = [name for name in mentioned(formula) if name in values]
    if any(values[name]["shape"] for name in names):
        return ""
    return compact(renamed(formula, {name: _literal(values[name]["value"]) for name in names}))


def _literal(value: Any) -> str:
    return shown(value) if not isinstance(value, str) else f"({value})"


def _inputs(trace: Trace, node: dict[str, Any]) -> str:
    inputs = [trace["nodes"][x] for x in node["inputs"] if type(x) is int]
    return ", ".join(dict.fromkeys(map(_equals, inputs)))


def _place(node: dict[str, Any]) -> str:
    where = f"   ({node['place']}  {node['code']})" if node["place"] else ""
    return f"{node['op']}: {made(node)}{where}"


def _seed(trace: Trace, event: Any) -> Frame:
    name = trace["nodes"][event["node"]]["name"]
    line = f"d{name}/d{name}  =  {shown(event['value'])}     {name} moves exactly as much as itself"
    return Frame(f"SEED  the gradient of {name} is 1", (line,), f"d{name}/d{name} = 1", "")


def _backward(trace: Trace, event: Any) -> Frame:
    node, x = trace["nodes"][event["node"]], trace["nodes"][event["input"]]
    result = trace["nodes"][trace["result"]]["name"]
    upstream, into = f"d{result}/d{node['name']}", f"d{result}/d{x['name']}"
    adds = shown(event["adds"], x["shape"])
    if event["local"] is None:
        share = compact(event["share"] or f"the rule of {node['op']}")
        first = f"{into}  =  {share.replace('upstream', upstream)}  =  {adds}"
    else:
        local = compact(event["formula"] or local_text(event, node))
        slope = f"d{node['name']}/d{x['name']} (local = {local})"
        numbers = [shown(event[key], node["shape"]) for key in ("upstream", "local")]
        first = f"{into}  =  {upstream} (upstream)  .  {slope}  =  {' . '.join(numbers)}  =  {adds}"
    lines = [first, *([event["summed"]] if event["summed"] else [])]
    before, after = (shown(event[key], x["shape"]) for key in ("before", "after"))
    lines.append(f"grad of {x['name']}:  {before} + {_bracketed(adds)} = {after}")
    formula = f"{into} = {compact(event['share'] or '?').replace('upstream', upstream)}"
    return Frame(
        f"BACKWARD through {made(node)} to {x['name']}", tuple(lines), formula, _inputs(trace, node)
    )


def _bracketed(text: str) -> str:
    return f"({text})" if text.startswith("-") else text


def _update(trace: Trace, event: Any) -> Frame:
    node = trace["nodes"][event["node"]]
    old, gradient, new = (shown(event[key], node["shape"], 7) for key in ("old", "gradient", "new"))
    rate = f"{event['alpha']:g}"
    lines = [
        f"{node['name']}  <-  {node['name']} - alpha . grad  =  {old} - {rate} . "
        f"{_bracketed(gradient)}  =  {new}"
    ]
    slope = decoded(event["gradient"])
    if isinstance(slope, float) and slope:
        way = "grows" if slope < 0 else "shrinks"
        sign = "negative" if slope < 0 else "positive"
        lines.append(f"the gradient is {sign}, so {node['name']} {way}")
    return Frame(f"UPDATE {node['name']}", tuple(lines), "w <- w - alpha . grad", _equals(node))


FRAMES = {
    "start": _start,
    "forward": _forward,
    "seed": _seed,
    "backward": _backward,
    "update": _update,
}
