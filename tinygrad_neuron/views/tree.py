"""A graph as a tree of text: the result first, under each node what it was made from.

A node that is used twice is drawn once, and named again with "(see above)".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tinygrad_neuron.views.trace import Trace
from tinygrad_neuron.views.words import brief, tight

LONGEST = 200  # rows; of a larger graph the rest is counted


@dataclass(frozen=True)
class Branches:
    """The signs that lines are drawn with."""

    more: str
    last: str
    past: str


LINES = Branches("├── ", "└── ", "│   ")
ASCII = Branches("|-- ", "`-- ", "|   ")


@dataclass(frozen=True)
class Row:
    """A line of a tree: a node with the branches before it; `again` if it was drawn already."""

    node: dict[str, Any]
    branches: str
    again: bool


def rows(trace: Trace, signs: Branches = LINES) -> Iterator[Row]:
    """The lines from top to bottom."""
    drawn: set[int] = set()
    waiting = [(trace["result"], "", "")]
    while waiting:
        i, branches, below = waiting.pop()
        node = trace["nodes"][i]
        inputs = [x for x in node["inputs"] if type(x) is int]
        yield Row(node, branches, node["kind"] != "constant" and i in drawn)
        if i in drawn:
            continue
        drawn.add(i)
        for k, x in reversed(list(enumerate(inputs))):
            last = k == len(inputs) - 1
            sign, past = (signs.last, "    ") if last else (signs.more, signs.past)
            waiting.append((x, below + sign, below + past))


def tree(
    trace: Trace,
    *,
    signs: Branches = LINES,
    width: int = 100,
    gradients: Mapping[int, Any] | None = None,
    known: set[int] | None = None,
) -> str:
    """The tree with each node's number and gradient, in columns.

    `known` and `gradients` say what is computed so far, and how; otherwise all of it.

    >>> from tinygrad_neuron import Value, trace_of
    >>> x = Value(3.0, name="x")
    >>> print(tree(trace_of(x * x)))
    J = x*x              9    grad 1
    ├── x *              3    grad 6
    └── x (see above)    3    grad 6    (* = learnable)
    """
    listed = list(rows(trace, signs))
    if gradients is None:
        gradients = {node["id"]: node["gradient"] for node in trace["nodes"]}
    cells = [_cells(row, gradients, known, width) for row in listed[:LONGEST]]
    left, middle = (max(len(cell[k]) for cell in cells) for k in (0, 1))
    wide = left + middle + max(len(cell[2]) for cell in cells) + 8 > width
    gap = " " * (2 if wide else 4)
    lines = [f"{a:{left}}{gap}{b:>{middle}}{gap}{c}".rstrip() for a, b, c in cells]
    if any(row.node["kind"] == "learnable" for row in listed):
        legend = "    (* = learnable)"
        fits = len(lines[-1]) + len(legend) <= width
        lines[-1:] = [lines[-1] + legend] if fits else [lines[-1], legend]
    if len(listed) > LONGEST:
        lines.append(f"... and {len(listed) - LONGEST} rows more")
    return "\n".join(lines)


def _cells(
    row: Row, gradients: Mapping[int, Any], known: set[int] | None, width: int
) -> tuple[str, str, str]:
    node = row.node
    longest = max(width - len(row.branches) - len(node["name"]) - 44, 13)
    if row.again:
        text = f"{node['name']} (see above)"
    elif node["formula"] is None:
        text = node["name"] + (" *" if node["kind"] == "learnable" else "")
    else:
        text = f"{node['name']} = {brief(node['formula'], longest)}"
    if known is not None and node["id"] not in known:
        return row.branches + text, "?", ""
    gradient = gradients.get(node["id"])
    owed = "" if gradient is None else f"grad {tight(gradient, node['shape'])}"
    return row.branches + text, tight(node["value"], node["shape"]), owed
