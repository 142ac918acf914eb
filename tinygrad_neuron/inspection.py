"""A graph looked at from outside: what it holds, as numbers and as a table."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_neuron.checkpointing import checkpointed
from tinygrad_neuron.containers import leaves
from tinygrad_neuron.graph import Array, Node, history, plain

LEAF = "(leaves)"


@dataclass(frozen=True)
class Inspection:
    """What a result keeps alive: nodes, and the bytes of their numbers, each buffer counted once.

    `leaves` are among the `nodes`; `depth` counts the operations on the longest path from a leaf;
    `operations` says how many there are of each name, and `bytes_by_operation` who made what.
    """

    nodes: int
    leaves: int
    depth: int
    bytes: int
    operations: dict[str, int]
    bytes_by_operation: dict[str, int]

    def __repr__(self) -> str:
        counts = {**self.operations, LEAF: self.leaves}
        rows = [("operation", "count", "bytes")]
        rows += [(x, f"{n:,}", f"{self.bytes_by_operation[x]:,}") for x, n in counts.items() if n]
        rows += [(f"together, {self.depth:,} deep", f"{self.nodes:,}", f"{self.bytes:,}")]
        a, b, c = (max(map(len, column)) for column in zip(*rows, strict=True))
        return "\n".join(f"{x:<{a}}  {n:>{b}}  {size:>{c}}" for x, n, size in rows)


def inspect(value: Node) -> Inspection:
    """What a result keeps alive: how many nodes, how deep, how many bytes, operations by name.

    >>> from tinygrad_neuron import Value
    >>> w = Value([1.0, 2.0])
    >>> inspect((w * 3.0).sum() * w.sum())
    operation         count  bytes
    multiply              2     24
    sum                   2     16
    (leaves)              1     16
    together, 3 deep      5     56

    A view counts with the buffer that it looks at; a single number is 8 bytes. Python's own cost of
    a node, about 130 bytes, is not in it.
    """
    nodes = history(value)
    counts = Counter(_operation(node) for node in nodes)
    held = _bytes_by_operation(nodes)
    count = counts.pop(LEAF, 0)
    return Inspection(
        nodes=len(nodes),
        leaves=count,
        depth=_depth(nodes),
        bytes=sum(held.values()),
        operations=dict(counts.most_common()),
        bytes_by_operation=dict(held),
    )


def _operation(node: Node) -> str:
    return node.primitive.name if node.primitive else LEAF


def _depth(nodes: list[Node]) -> int:
    """The operations on the longest path through nodes that are sorted by birth."""
    depth: dict[Node, int] = {}
    for node in nodes:
        before = [depth[x] + 1 for x in node.inputs if isinstance(x, Node)]
        depth[node] = max(before, default=0)
    return depth[nodes[-1]]


def _bytes_by_operation(nodes: list[Node]) -> Counter[str]:
    """The bytes that each kind of operation was the first to hold."""
    seen: set[int] = set()
    held: Counter[str] = Counter()
    for node in nodes:
        for x in _numbers(node):
            buffer = _buffer(x)
            if not isinstance(buffer, np.ndarray):
                held[_operation(node)] += np.asarray(buffer).nbytes
            elif id(buffer) not in seen:
                seen.add(id(buffer))
                held[_operation(node)] += buffer.nbytes
    return held


def _numbers(node: Node) -> Iterator[Array]:
    """The node's own number, and what else it holds: constants, and indices among its settings."""
    yield node._data
    yield from (x for x in (*node.inputs, *leaves(dict(node.settings))) if _is_array(x))
    if node.primitive is checkpointed:
        yield from filter(_is_array, map(plain, node.settings["segment"].held()))


def _is_array(x: Any) -> bool:
    return isinstance(x, np.ndarray)


def _buffer(x: Array) -> Array:
    """The array whose memory a view looks at."""
    while isinstance(x, np.ndarray) and isinstance(x.base, np.ndarray):
        x = x.base
    return x
