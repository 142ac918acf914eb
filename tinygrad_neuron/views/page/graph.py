"""The graph of a trace as a picture that a page fills with numbers, step by step.

The places come from the layout that every picture has; here each number has a place of its own, and
an arrow a second head for the way back.
"""

from collections.abc import Sequence
from itertools import pairwise

from tinygrad_neuron.views.layout import LINE, Box, Layout, Point, layout_of
from tinygrad_neuron.views.page.folding import FULL, Group, folded, groups_of, unfolded
from tinygrad_neuron.views.page.marks import text
from tinygrad_neuron.views.page.numbers import brief
from tinygrad_neuron.views.trace import Trace

HEAD, SIDE = 8, 4  # the length of an arrow's head, and half its width
MARGIN = 6

Ids = Sequence[int]


def leaves(trace: Trace) -> dict[str, str]:
    """What stands in the boxes before anything is computed, by the node's number."""
    return {
        str(node["id"]): brief(node["value"], node["shape"])
        for node in trace["nodes"]
        if node["formula"] is None
    }


def html(trace: Trace) -> str:
    """The picture; of a large graph its layers, each of which opens into a picture of its own."""
    if len(trace["nodes"]) <= FULL:
        return _scrolled(_picture(trace, range(len(trace["nodes"]))), "The graph")
    groups = groups_of(trace)
    parts = "".join(_part(trace, k, group) for k, group in enumerate(groups))
    return _scrolled(_overview(trace, groups), "The graph in layers") + parts


def _scrolled(svg: str, name: str) -> str:
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{text(name)}">{svg}</div>'


def _svg(layout: Layout, parts: Sequence[str], name: str) -> str:
    width, height = layout.width + 2 * MARGIN, layout.height + 2 * MARGIN
    return (
        f'<svg class="graph" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="{-MARGIN} {-MARGIN} {width:.0f} {height:.0f}" role="group" '
        f'aria-label="{text(name)}">{"".join(parts)}</svg>'
    )


def _picture(trace: Trace, ids: Ids) -> str:
    """A trace whose nodes have these numbers in the page's trace."""
    layout = layout_of(trace)
    drawn = [_edge([ids[a.source]], [ids[a.target]], a.points) for a in layout.arrows]
    drawn += [_node(trace, i, ids[i], box) for i, box in layout.boxes.items()]
    return _svg(layout, drawn, "The graph, from the leaves on the left to the result on the right")


def _node(trace: Trace, i: int, number: int, box: Box) -> str:
    """A box with what made it, its number, and its gradient."""
    node = trace["nodes"][i]
    lines = [("name", box.lines[0]), ("value", brief(node["value"], node["shape"]))]
    owed = node["gradient"]
    lines.append(("gradient", "" if owed is None else f"grad {brief(owed, node['shape'])}"))
    kind = f"node {node['kind']}"
    return (
        f'<g class="{kind}" data-kind="{kind}" data-node="{number}" role="img" '
        f'aria-label="{text(", ".join(line for _, line in lines if line))}">'
        f"{_frame(box)}{_written(box, lines)}</g>"
    )


def _frame(box: Box) -> str:
    return (
        f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="6"/>'
    )


def _written(box: Box, lines: Sequence[tuple[str, str]]) -> str:
    x, top = box.x + box.width / 2, box.y + box.height / 2 - (len(lines) - 1) * LINE / 2 + 4.5
    return "".join(
        f'<text class="{kind}" x="{x:.4g}" y="{top + k * LINE:.4g}" text-anchor="middle">'
        f"{text(line)}</text>"
        for k, (kind, line) in enumerate(lines)
    )


def _edge(sources: Ids, targets: Ids, points: Sequence[Point]) -> str:
    """An arrow from an input to what was made of it: bent softly, and level at both ends."""
    (x, y), (end, level) = points[0], points[-1]
    line = f"M{x:g} {y:g}"
    for (ax, ay), (bx, by) in pairwise(points):
        middle = f"{(ax + bx) / 2:.5g}"
        line += f"C{middle} {ay:g} {middle} {by:g} {bx:g} {by:g}"
    ids = [" ".join(map(str, some)) for some in (sources, targets)]
    return (
        f'<g class="edge" data-from="{ids[0]}" data-to="{ids[1]}"><path class="line" d="{line}"/>'
        f'<path class="head" d="{_head(end, level, -HEAD)}"/>'
        f'<path class="tail" d="{_head(x, y, HEAD)}"/></g>'
    )


def _head(x: float, y: float, length: float) -> str:
    """A triangle with its tip at a point."""
    return f"M{x:g} {y:g}l{length:g} {-SIDE}v{2 * SIDE}z"


# ---------------------------------------------------------------------------------- large graphs


def _overview(trace: Trace, groups: Sequence[Group]) -> str:
    """A box for each group; each opens its part of the graph."""
    layout = layout_of(folded(trace, list(groups)))
    drawn = []
    for arrow in layout.arrows:
        source, target = groups[arrow.source], set(groups[arrow.target].nodes)
        inside = set(source.nodes)
        met = [i for i in target if inside.intersection(_inputs(trace, i))]
        used = sorted({x for i in met for x in _inputs(trace, i)} & inside)
        drawn.append(_edge(used, sorted(met), arrow.points))
    for k, box in layout.boxes.items():
        name = text(box.lines[0])
        numbers = " ".join(map(str, groups[k].nodes))
        drawn.append(
            f'<g class="node group" data-group="{k}" data-nodes="{numbers}" role="button" '
            f'tabindex="0" aria-label="{name}">{_frame(box)}{_written(box, [("name", name)])}</g>'
        )
    return _svg(layout, drawn, "The graph in layers, from the left to the right")


def _inputs(trace: Trace, i: int) -> list[int]:
    return [x for x in trace["nodes"][i]["inputs"] if isinstance(x, int)]


def _part(trace: Trace, k: int, group: Group) -> str:
    """One group, folded up until somebody opens it."""
    inner, ids = unfolded(trace, group)
    name = f"{group.name}: {len(group.nodes)} nodes"
    drawn = (
        _scrolled(_picture(inner, ids), name)
        if len(ids) <= 2 * FULL
        else "<p>Too many for a picture; the table of steps has them all.</p>"
    )
    return f'<details data-group="{k}"><summary>{text(name)}</summary>{drawn}</details>'


# ---------------------------------------------------------------------------------- the legend


def legend() -> str:
    """What every sign of the picture means."""
    entries = [
        (_arrow_sample("forward", "M2 9H32", _head(38, 9, -HEAD), "head"),
         "forward: a number is computed (solid, to the right)"),
        (_arrow_sample("backward", "M9 9H38", _head(2, 9, HEAD), "tail"),
         "backward: a gradient is handed back (dashed, to the left)"),
        (_swatch("learnable"), "learnable (thick green frame)"),
        (_swatch("constant"), "given (dotted frame)"),
        (_swatch("result"), "computed (thin frame)"),
        (_swatch("now update"), "changed in this step (filled)"),
        ('<span class="up">∂</span>', "red in a formula: upstream, what came from the right"),
        ('<span class="local">∂</span>', "blue: local, of this operation alone"),
    ]  # fmt: skip
    listed = "".join(f"<li>{sign}<span>{meaning}</span></li>" for sign, meaning in entries)
    return f'<ul class="legend" aria-label="Legend">{listed}</ul>'


def _arrow_sample(kind: str, line: str, head: str, which: str) -> str:
    return _sample(
        f'<g class="edge {kind}"><path class="line" d="{line}"/>'
        f'<path class="{which}" d="{head}"/></g>'
    )


def _sample(drawn: str) -> str:
    return f'<svg width="40" height="18" viewBox="0 0 40 18" aria-hidden="true">{drawn}</svg>'


def _swatch(kind: str) -> str:
    return _sample(f'<g class="node {kind}"><rect x="3" y="2" width="34" height="14" rx="4"/></g>')
