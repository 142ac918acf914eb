"""The graph of a trace as a picture that a page fills with numbers, step by step."""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from tinygrad_neuron.views.formulas import compact
from tinygrad_neuron.views.page.marks import text
from tinygrad_neuron.views.page.numbers import brief
from tinygrad_neuron.views.page.steps import Step
from tinygrad_neuron.views.trace import Trace

LETTER, PADDING, LINE = 7.6, 9, 17  # of 13-pixel text: a letter's width, and what stands between
GAP_X, GAP_Y = 46, 16
LONGEST = 26  # signs of a formula in a box
HEAD = 7  # the length of an arrow's head


def leaves(trace: Trace) -> dict[str, str]:
    """What stands in the boxes before anything is computed, by the node's number."""
    return {
        str(node["id"]): brief(node["value"], node["shape"])
        for node in trace["nodes"]
        if node["formula"] is None
    }


def html(trace: Trace, told: list[Step]) -> str:
    """The picture, which scrolls sideways where the window is narrow."""
    boxes = {node["id"]: _Box.of(node, told) for node in trace["nodes"]}
    places, edges, width, height = _placed(trace, boxes)
    drawn = [_edge(a, b, points) for a, b, points in edges]
    drawn += [_node(trace["nodes"][i], box, *places[i]) for i, box in boxes.items()]
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="The graph">'
        f'<svg class="graph" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="group" aria-label="The graph, '
        f'from the leaves on the left to the result on the right">{"".join(drawn)}</svg></div>'
    )


class _Box(NamedTuple):
    """What stands in a box, and how large it must be for the widest number of the whole run."""

    name: str
    formula: str
    value: str
    gradient: str
    width: float
    height: float

    @classmethod
    def of(cls, node: dict[str, Any], told: list[Step]) -> "_Box":
        """The box of a node."""
        values = [s.text for s in told if s.node == node["id"] and s.kind in ("forward", "update")]
        gradients = [f"grad {s.text}" for s in told if s.input == node["id"]]
        start = "" if node["formula"] else brief(node["value"], node["shape"])
        formula = _short(compact(node["formula"])) if node["formula"] else node["kind"]
        texts = [node["label"], formula, start, *values, *gradients]
        width = max(map(len, texts)) * LETTER + 2 * PADDING
        last = gradients[-1] if gradients else ""
        return cls(node["label"], formula, values[-1] if values else start, last, width, 4.5 * LINE)


def _short(formula: str) -> str:
    return formula if len(formula) <= LONGEST else f"{formula[: LONGEST - 1]}…"


def _node(node: dict[str, Any], box: _Box, x: float, y: float) -> str:
    """A box around its middle, with four lines of text."""
    left, top = x - box.width / 2, y - box.height / 2
    lines = [("name", box.name), ("formula", box.formula)]
    lines += [("value", box.value), ("gradient", box.gradient)]
    written = "".join(
        f'<text class="{kind}" x="{x:.0f}" y="{top + (i + 1) * LINE:.0f}" text-anchor="middle">'
        f"{text(line)}</text>"
        for i, (kind, line) in enumerate(lines)
    )
    kind = f"node {node['kind']}"
    label = text(", ".join(line for _, line in lines if line))
    return (
        f'<g class="{kind}" data-kind="{kind}" data-node="{node["id"]}" role="img" '
        f'aria-label="{label}"><rect x="{left:.0f}" y="{top:.0f}" width="{box.width:.0f}" '
        f'height="{box.height:.0f}" rx="7"/>{written}</g>'
    )


def _edge(a: int, b: int, points: Sequence[tuple[float, float]]) -> str:
    """An arrow from an input to what was made of it, with a second head for the way back."""
    (x, y), *others = points
    line = f"M{x:.0f} {y:.0f}L{' '.join(f'{u:.0f} {v:.0f}' for u, v in others)}"
    return (
        f'<g class="edge" data-from="{a}" data-to="{b}"><path class="line" d="{line}"/>'
        f'<path class="head" d="{_arrow(points[-2], points[-1])}"/>'
        f'<path class="tail" d="{_arrow(points[1], points[0])}"/></g>'
    )


def _arrow(before: tuple[float, float], tip: tuple[float, float]) -> str:
    """A triangle with its tip at a point, along the line that comes there."""
    (ax, ay), (x, y) = before, tip
    length = math.hypot(x - ax, y - ay) or 1.0
    u, v = (x - ax) / length, (y - ay) / length
    bx, by = x - HEAD * u, y - HEAD * v
    side = HEAD / 2
    return (
        f"M{x:.1f} {y:.1f}L{bx - side * v:.1f} {by + side * u:.1f} "
        f"{bx + side * v:.1f} {by - side * u:.1f}z"
    )


def _placed(trace: Trace, boxes: dict[int, _Box]) -> Any:
    depth = {}
    for node in trace["nodes"]:
        ins = [i for i in node["inputs"] if isinstance(i, int)]
        depth[node["id"]] = max((depth[i] + 1 for i in ins), default=0)
    columns = defaultdict(list)
    for i, d in depth.items():
        columns[d].append(i)
    places, x = {}, 8.0
    height = max(sum(boxes[i].height + GAP_Y for i in c) for c in columns.values())
    for d in sorted(columns):
        w = max(boxes[i].width for i in columns[d])
        total = sum(boxes[i].height + GAP_Y for i in columns[d])
        y = (height - total) / 2 + GAP_Y
        for i in columns[d]:
            places[i] = (x + w / 2, y + boxes[i].height / 2)
            y += boxes[i].height + GAP_Y
        x += w + GAP_X
    edges = [
        (
            a,
            n["id"],
            [
                (places[a][0] + boxes[a].width / 2, places[a][1]),
                (places[n["id"]][0] - boxes[n["id"]].width / 2, places[n["id"]][1]),
            ],
        )
        for n in trace["nodes"]
        for a in dict.fromkeys(i for i in n["inputs"] if isinstance(i, int))
    ]
    return places, edges, x, height + GAP_Y


def legend() -> str:
    """What every sign of the picture means."""
    entries = [
        (_sample('<g class="edge forward"><path class="line" d="M2 9H30"/>'
                 f'<path class="head" d="{_arrow((0, 9), (38, 9))}"/></g>'),
         "forward: a number is computed (solid, to the right)"),
        (_sample('<g class="edge backward"><path class="line" d="M10 9H38"/>'
                 f'<path class="tail" d="{_arrow((40, 9), (2, 9))}"/></g>'),
         "backward: a gradient is handed back (dashed, to the left)"),
        (_swatch("learnable"), "learnable"),
        (_swatch("constant"), "constant (dotted frame)"),
        (_swatch("result"), "computed"),
        (_swatch("now update"), "changed in this step"),
        ('<span class="up">∂</span>', "in a formula: upstream, what came from the right"),
        ('<span class="local">∂</span>', "local, of this operation alone"),
    ]  # fmt: skip
    listed = "".join(f"<li>{sign}<span>{meaning}</span></li>" for sign, meaning in entries)
    return f'<ul class="legend" aria-label="Legend">{listed}</ul>'


def _sample(drawn: str) -> str:
    return f'<svg width="40" height="18" viewBox="0 0 40 18" aria-hidden="true">{drawn}</svg>'


def _swatch(kind: str) -> str:
    return _sample(f'<g class="node {kind}"><rect x="3" y="2" width="34" height="14" rx="4"/></g>')
