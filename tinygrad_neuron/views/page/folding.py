"""A large graph as few boxes: one for each layer, or for each stretch of operations.

A folded graph is a trace itself, of boxes without numbers, so that it is laid out like any other.
"""

from typing import Any, NamedTuple

from tinygrad_neuron.views.trace import Trace

FULL = 150  # nodes: more are folded
STRETCH = 60  # nodes of a box where there are no layers


class Group(NamedTuple):
    """Some nodes of a trace under one name, in their order."""

    name: str
    nodes: list[int]


def groups_of(trace: Trace) -> list[Group]:
    """Every node in one group: with the layer whose weights it has met last, or by its depth."""
    layers = _layers(trace)
    level = _by_layer(trace, layers) if len(layers) > 1 else _by_depth(trace)
    members: dict[int, list[int]] = {}
    for node in trace["nodes"]:
        members.setdefault(level[node["id"]], []).append(node["id"])
    return [Group(_name(layers, k, members), members[k]) for k in sorted(members)]


def _name(layers: list[str], k: int, members: dict[int, list[int]]) -> str:
    if len(layers) > 1:
        return layers[k] if k < len(layers) - 1 else f"{layers[k]} and what follows"
    return f"part {sorted(members).index(k) + 1} of {len(members)}"


def _layers(trace: Trace) -> list[str]:
    """What the names of the weights begin with, up to their last dot, as they come."""
    learnt = (node for node in trace["nodes"] if node["kind"] == "learnable")
    owners = (node["label"].rpartition(".")[0] for node in learnt)
    return sorted({owner for owner in owners if owner}, key=_natural)


def _natural(name: str) -> list[Any]:
    """layers[10] after layers[9]."""
    digits = "".join(c if c.isdigit() else " " for c in name).split()
    return [list(map(int, digits)), name]


def _by_layer(trace: Trace, layers: list[str]) -> dict[int, int]:
    number = {name: k for k, name in enumerate(layers)}
    level: dict[int, int] = {}
    for node in trace["nodes"]:
        owner = node["label"].rpartition(".")[0]
        before = [level[i] for i in node["inputs"] if isinstance(i, int)]
        level[node["id"]] = number.get(owner, max(before, default=-1))
    for node in reversed(trace["nodes"]):  # what stands alone goes to who uses it first
        for i in node["inputs"]:
            if isinstance(i, int) and trace["nodes"][i]["formula"] is None and level[i] < 0:
                level[i] = max(level[node["id"]], 0)
    return {i: max(k, 0) for i, k in level.items()}


def _by_depth(trace: Trace) -> dict[int, int]:
    """Stretches of so many nodes, by the longest way to them."""
    depth: dict[int, int] = {}
    for node in trace["nodes"]:
        before = [depth[i] + 1 for i in node["inputs"] if isinstance(i, int)]
        depth[node["id"]] = max(before, default=0)
    ordered = sorted(depth, key=lambda i: (depth[i], i))
    return {i: k // STRETCH for k, i in enumerate(ordered)}


def folded(trace: Trace, groups: list[Group]) -> Trace:
    """The groups as the nodes of a trace."""
    home = {i: k for k, group in enumerate(groups) for i in group.nodes}
    inputs: list[set[int]] = [set() for _ in groups]
    for node in trace["nodes"]:
        for i in node["inputs"]:
            if isinstance(i, int) and home[i] < home[node["id"]]:
                inputs[home[node["id"]]].add(home[i])
    nodes = [
        _box(k, f"{group.name}: {len(group.nodes)} nodes", "result", sorted(inputs[k]))
        for k, group in enumerate(groups)
    ]
    return {"nodes": nodes, "events": [], "result": len(nodes) - 1, "title": ""}


def unfolded(trace: Trace, group: Group) -> tuple[Trace, list[int]]:
    """One group as a trace, with what it was made from; and whose numbers its nodes had."""
    inside = set(group.nodes)
    used = {i for k in group.nodes for i in trace["nodes"][k]["inputs"] if isinstance(i, int)}
    ids = sorted(inside | used)
    number = {i: k for k, i in enumerate(ids)}
    nodes = []
    for i in ids:
        node = trace["nodes"][i]
        inputs = [number[x] for x in node["inputs"] if isinstance(x, int)] if i in inside else []
        nodes.append({**node, "id": number[i], "inputs": inputs})
    return {"nodes": nodes, "events": [], "result": len(nodes) - 1, "title": ""}, ids


def _box(i: int, name: str, kind: str, inputs: list[int]) -> dict[str, Any]:
    return {
        "id": i, "name": name, "label": name, "kind": kind, "inputs": inputs, "op": None,
        "formula": None, "shape": [], "dtype": "", "value": None, "gradient": None,
    }  # fmt: skip
