"""Where the boxes of a graph stand: in columns, each to the right of all that it was made from.

The way of Sugiyama, Tagawa and Toda (1981), as light as it can be: the column of a node is the
longest way to it, an arrow over several columns bends at a place in each, the order within a column
is that of the neighbours' means, and the heights follow by least squares. Nothing is random.
"""

import math
from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from tinygrad_neuron.errors import DrawingError, MissingExtraError, UnsupportedError
from tinygrad_neuron.views.trace import Trace
from tinygrad_neuron.views.words import made, shown

MOST = 2_000  # nodes: nobody could read the picture
CHARACTER, LINE = 7.3, 17.0  # the size of a character of a monospaced font of 12 pixels
PADDING, BETWEEN, APART = 10.0, 46.0, 16.0  # in a box, between columns, and in a column
SWEEPS = 6  # to and fro, for the order in the columns and for their heights
LONGEST = 24  # columns that an arrow bends in; a longer one goes straight
POINTS = 72.0  # of Graphviz to its inch

Point = tuple[float, float]
Graph = Mapping[int, Mapping[int, int]]  # the nodes that a node was made from, by position


@dataclass(frozen=True)
class Box:
    """A node's place, its upper left corner first, and the lines that stand in it."""

    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Arrow:
    """From a node to the one that was made from it, as input number `position`, over points."""

    source: int
    target: int
    position: int
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Layout:
    """A picture's size, its boxes by the ids of the nodes, and its arrows."""

    width: float
    height: float
    boxes: dict[int, Box]
    arrows: tuple[Arrow, ...]


def layout_of(trace: Trace, *, engine: str = "own", hide_constants: bool = False) -> Layout:
    """Where the nodes of a trace stand, from left to right as they were computed.

    `engine="graphviz"` asks pygraphviz, which is the extra `viz`. Raises `DrawingError` (TN176) for
    more than 2,000 nodes, `UnsupportedError` (TN131) for an unknown engine, and
    `MissingExtraError` (TN180) where pygraphviz is not installed.

    >>> from tinygrad_neuron import Value, trace_of
    >>> x = Value(3.0, name="x")
    >>> layout = layout_of(trace_of(x * x))
    >>> [(box.x, box.lines) for box in layout.boxes.values()]
    [(0.0, ('x', '3', 'grad 6')), (109.8, ('J = x*x', '9', 'grad 1'))]
    """
    nodes = [n for n in trace["nodes"] if not (hide_constants and n["kind"] == "constant")]
    if len(nodes) > MOST:
        raise DrawingError(
            f"A graph of {len(nodes)} nodes is more than anybody can read: {MOST} at most.",
            why="The boxes would be smaller than their text on any screen.",
            hint="draw a part of it, or a smaller example of the same;  explain  lists the steps",
        )
    seen = {n["id"] for n in nodes}
    inputs = {
        n["id"]: {k: x for k, x in enumerate(n["inputs"]) if type(x) is int and x in seen}
        for n in nodes
    }
    texts = lines_of(trace)
    sizes = {i: size_of(texts[i]) for i in inputs}
    if engine not in ENGINES:
        raise UnsupportedError(
            f"There is no engine {engine!r} for layouts.", hint='engine="own" or engine="graphviz"'
        )
    return ENGINES[engine](inputs, sizes, {i: shown_lines(trace, i) for i in inputs})


# -------------------------------------------------------------------------------- what is in them


def shown_lines(trace: Trace, i: int) -> tuple[str, ...]:
    """What stands in the box of a node: what made it, its number, and its gradient."""
    node = trace["nodes"][i]
    lines = [made(node), shown(node["value"], node["shape"])]
    if node["gradient"] is not None:
        lines.append(f"grad {shown(node['gradient'], node['shape'])}")
    return tuple(lines)


def lines_of(trace: Trace) -> dict[int, list[str]]:
    """All that may ever stand in each box: the numbers change when a run is stepped through."""
    texts = {node["id"]: list(shown_lines(trace, node["id"])) for node in trace["nodes"]}
    for event in trace["events"]:
        if event["kind"] == "backward":
            shape = trace["nodes"][event["input"]]["shape"]
            texts[event["input"]] += [
                f"grad {shown(event[key], shape)}" for key in ("adds", "after")
            ]
        if event["kind"] == "update":
            shape = trace["nodes"][event["node"]]["shape"]
            texts[event["node"]].append(shown(event["new"], shape))
    return texts


def size_of(lines: Iterable[str]) -> tuple[float, float]:
    """How wide and high a box is that can show any of these lines, three of them at once."""
    widest = max(len(line) for line in lines)
    return round(widest * CHARACTER + 2 * PADDING, 1), 3 * LINE + PADDING


# ------------------------------------------------------------------------------------ our own


@dataclass(frozen=True)
class _Chain:
    """An arrow as the vertices it passes: the source, a bend in each column between, the target."""

    vertices: tuple[int, ...]
    position: int


Columns = list[list[int]]


def _own(inputs: Graph, sizes: Mapping[int, Any], lines: Mapping[int, Any]) -> Layout:
    if not inputs:
        return Layout(0.0, 0.0, {}, ())
    column = _columns(inputs)
    chains = list(_chains(inputs, column))
    before, after = _neighbours(chains, 1), _neighbours(chains, -1)
    columns = _ordered(_filled(column), before, after)
    heights = {v: sizes[v][1] if v in sizes else 0.0 for v in column}
    centres = _centres(columns, heights, before, after)
    lefts, wide = _lefts(columns, sizes)
    boxes = {}
    for i in inputs:
        (width, height), k = sizes[i], column[i]
        x = lefts[k] + (wide[k] - width) / 2
        boxes[i] = Box(round(x, 1), round(centres[i] - height / 2, 1), width, height, lines[i])
    arrows = tuple(_arrow(chain, boxes, column, centres, lefts, wide) for chain in chains)
    return _cropped(boxes, arrows)


def _columns(inputs: Graph) -> dict[int, int]:
    """The longest way to each node; what was given stands just before its first use."""
    column: dict[int, int] = {}
    for i, before in inputs.items():
        column[i] = 1 + max((column[x] for x in before.values()), default=-1)
    first: dict[int, int] = {}
    for i, before in inputs.items():
        for x in before.values():
            first[x] = min(first.get(x, column[i]), column[i])
    given = {i: first[i] - 1 for i, before in inputs.items() if not before and i in first}
    return column | given


def _chains(inputs: Graph, column: dict[int, int]) -> Iterator[_Chain]:
    """Every arrow, with new vertices where it passes a column; they are added to `column`."""
    bend = 0
    for target, before in inputs.items():
        for position, source in before.items():
            between = range(column[source] + 1, column[target])
            bends = []
            for k in between if len(between) <= LONGEST else ():
                bend -= 1
                column[bend] = k
                bends.append(bend)
            yield _Chain((source, *bends, target), position)


def _neighbours(chains: Iterable[_Chain], way: int) -> dict[int, list[int]]:
    """What each vertex is joined to, in the column before it (1) or after it (-1)."""
    joined: dict[int, list[int]] = {}
    for chain in chains:
        for a, b in pairwise(chain.vertices[::way]):
            joined.setdefault(b, []).append(a)
    return joined


def _filled(column: Mapping[int, int]) -> Columns:
    columns: Columns = [[] for _ in range(max(column.values()) + 1)]
    for vertex, k in column.items():
        columns[k].append(vertex)
    return columns


def _ordered(columns: Columns, before: Any, after: Any) -> Columns:
    """The order with the fewest crossings that sweeps to and fro come by."""
    best, fewest = columns, _crossings(columns, after)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        columns = _swept(columns if forward else columns[::-1], before if forward else after)
        columns = columns if forward else columns[::-1]
        crossings = _crossings(columns, after)
        if crossings < fewest:
            best, fewest = columns, crossings
    return best


def _swept(columns: Columns, joined: Mapping[int, Sequence[int]]) -> Columns:
    """Each column in the order of what its vertices are joined to in the last one."""
    place: dict[int, float] = {}
    swept = []
    for column in columns:
        mean = {
            v: float(np.mean([place[x] for x in joined[v] if x in place] or [k]))
            for k, v in enumerate(column)
            if v in joined
        }
        one = sorted(column, key=lambda v, k=mean: k.get(v, math.inf))  # type: ignore[misc]
        place |= {v: (k + 0.5) / len(one) for k, v in enumerate(one)}
        swept.append(one)
    return swept


def _crossings(columns: Columns, after: Mapping[int, Sequence[int]]) -> int:
    """How many pairs of lines cross between neighbouring columns."""
    place = {v: k for column in columns for k, v in enumerate(column)}
    count = 0
    for column in columns:
        ends = [x for v in column for x in sorted(place[x] for x in after.get(v, ()))]
        seen: list[int] = []
        for k, end in enumerate(ends):
            at = bisect(seen, end)
            count += k - at
            seen.insert(at, end)
    return count


def _centres(
    columns: Columns, heights: Mapping[int, float], before: Any, after: Any
) -> dict[int, float]:
    """The height of each vertex: near the mean of its neighbours, and clear of the next one."""
    centres = {v: 0.0 for column in columns for v in column}
    for column in columns:
        centres |= _apart(column, [0.0] * len(column), heights)
    for sweep in range(SWEEPS):
        joined = before if sweep % 2 == 0 else after
        for column in columns if sweep % 2 == 0 else columns[::-1]:
            wished = [
                float(np.mean([centres[x] for x in joined[v]])) if v in joined else centres[v]
                for v in column
            ]
            centres |= _apart(column, wished, heights)
    return centres


def _apart(
    column: Sequence[int], wished: Sequence[float], heights: Mapping[int, float]
) -> dict[int, float]:
    """The heights nearest to the wished ones, by squares, that keep the order and the distance.

    Less the room that those above it need, the heights must only not fall: isotonic regression, by
    pooling neighbours that would.
    """
    room = [0.0]
    for a, b in pairwise(column):
        room.append(room[-1] + (heights[a] + heights[b]) / 2 + APART)
    pools: list[tuple[float, int]] = []
    for wish, taken in zip(wished, room, strict=True):
        mean, count = wish - taken, 1
        while pools and pools[-1][0] > mean:
            other, n = pools.pop()
            mean, count = (mean * count + other * n) / (count + n), count + n
        pools.append((mean, count))
    levels = [mean for mean, count in pools for _ in range(count)]
    return {v: level + taken for v, level, taken in zip(column, levels, room, strict=True)}


def _lefts(columns: Columns, sizes: Mapping[int, Any]) -> tuple[list[float], list[float]]:
    """Where each column begins, and how wide it is."""
    wide = [max((sizes[v][0] for v in column if v in sizes), default=0.0) for column in columns]
    lefts = [0.0]
    for width in wide[:-1]:
        lefts.append(lefts[-1] + width + BETWEEN)
    return lefts, wide


def _arrow(
    chain: _Chain,
    boxes: Mapping[int, Box],
    column: Mapping[int, int],
    centres: Mapping[int, float],
    lefts: Sequence[float],
    wide: Sequence[float],
) -> Arrow:
    """From the right side of a box, through the columns between, to the left side of another."""
    source, *_, target = chain.vertices
    start, end = boxes[source], boxes[target]
    level = {**centres, source: start.y + start.height / 2, target: end.y + end.height / 2}
    points = [(start.x + start.width, level[source])]
    for v in chain.vertices:  # level within a column, so that it passes no box there
        if v != source:
            points.append((lefts[column[v]], level[v]))
        if v != target:
            points.append((lefts[column[v]] + wide[column[v]], level[v]))
    points.append((end.x, level[target]))
    points = [(round(x, 1), round(y, 1)) for x, y in points]
    return Arrow(source, target, chain.position, tuple(dict.fromkeys(points)))


def _cropped(boxes: Mapping[int, Box], arrows: Sequence[Arrow]) -> Layout:
    """With the upper left corner at 0, 0."""
    points = [point for arrow in arrows for point in arrow.points]
    left = min([box.x for box in boxes.values()] + [x for x, _ in points])
    top = min([box.y for box in boxes.values()] + [y for _, y in points])
    right = max([box.x + box.width for box in boxes.values()] + [x for x, _ in points])
    bottom = max([box.y + box.height for box in boxes.values()] + [y for _, y in points])
    moved = {
        i: replace(box, x=round(box.x - left, 1), y=round(box.y - top, 1))
        for i, box in boxes.items()
    }
    shifted = tuple(
        replace(
            arrow, points=tuple((round(x - left, 1), round(y - top, 1)) for x, y in arrow.points)
        )
        for arrow in arrows
    )
    return Layout(round(right - left, 1), round(bottom - top, 1), moved, shifted)


# ----------------------------------------------------------------------------------- Graphviz


def _by_graphviz(inputs: Graph, sizes: Mapping[int, Any], lines: Mapping[int, Any]) -> Layout:
    """The same boxes, where Graphviz's `dot` would put them."""
    try:
        import pygraphviz
    except ImportError:
        raise MissingExtraError.of("pygraphviz", "viz", "Graphviz's layout") from None
    graph = pygraphviz.AGraph(directed=True, strict=False, rankdir="LR", splines="spline")
    graph.node_attr.update(shape="box", fixedsize="true", label="")
    for i in inputs:
        width, height = sizes[i]
        graph.add_node(i, width=width / POINTS, height=height / POINTS)
    for target, before in inputs.items():
        for position, source in before.items():
            graph.add_edge(source, target, key=f"{source} {target} {position}")
    graph.layout(prog="dot")
    boxes = {}
    for i in inputs:
        x, y = map(float, graph.get_node(i).attr["pos"].split(","))
        width, height = sizes[i]
        boxes[i] = Box(x - width / 2, -y - height / 2, width, height, lines[i])
    arrows = [
        Arrow(source, target, position, _spline(graph, source, target, position))
        for target, before in inputs.items()
        for position, source in before.items()
    ]
    return _cropped(boxes, arrows)


def _spline(graph: Any, source: int, target: int, position: int) -> tuple[Point, ...]:
    """The points that an arrow of Graphviz's passes: every third one of its Bezier curve."""
    edge = graph.get_edge(source, target, f"{source} {target} {position}")
    end, *rest = edge.attr["pos"].removeprefix("e,").split(" ")
    points = [tuple(map(float, point.split(","))) for point in (*rest[::3], end)]
    return tuple((x, -y) for x, y in points)


ENGINES = {"own": _own, "graphviz": _by_graphviz}
