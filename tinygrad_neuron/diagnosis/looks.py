"""What is noted of a backward pass: where the weights were, the loss, and its gradient."""

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_neuron.errors import name_of
from tinygrad_neuron.graph import Array, Node, history, is_complex, leaves_behind

ALIKE = (
    1e-6  # of a step: an update that is this near to a multiple of the gradient is plain descent
)
STEADY = 1e-3  # of a learning rate: how much it may differ from that of the step before


@dataclass
class Look:
    """One backward pass. `before` and `after` are the gradients on the leaves around it."""

    result: Node
    place: str
    nodes: list[Node]
    leaves: tuple[Node, ...]
    weights: dict[Node, Array]
    births: dict[Node, int]
    before: dict[Node, Array]
    after: dict[Node, Array] = field(default_factory=dict)

    @classmethod
    def at(cls, result: Node, place: str) -> "Look":
        """What there is to see before the gradients are computed."""
        nodes = history(result)
        reached = set(leaves_behind(result))
        leaves = tuple(node for node in nodes if node in reached and not is_complex(node))
        return cls(
            result,
            place,
            nodes,
            leaves,
            {leaf: leaf._data for leaf in leaves},
            {leaf: leaf.birth for leaf in leaves},
            {leaf: leaf.gradient for leaf in leaves},
        )

    @property
    def loss(self) -> float:
        """The result, if it is a single real number; else nan."""
        data = self.result._data
        return float(data) if not np.ndim(data) and not is_complex(self.result) else math.nan

    @cached_property
    def gradient(self) -> Any:
        """What this pass owed the leaves, in one row."""
        return self._row({leaf: self._own(leaf) for leaf in self.leaves})

    def _own(self, leaf: Node) -> Array:
        before, after = self.before[leaf], self.after[leaf]
        return after if before is None else after - before

    @cached_property
    def total(self) -> Any:
        """The gradients that stand on the leaves now, in one row: what a step is made of."""
        return self._row(self.after)

    @cached_property
    def place_of(self) -> Any:
        """The weights in one row: where the descent is."""
        return self._row(self.weights)

    def _row(self, by_leaf: dict[Node, Array]) -> Any:
        rows = [np.ravel(np.asarray(by_leaf[leaf], dtype=float)) for leaf in self.leaves]
        return np.concatenate(rows) if rows else np.zeros(0)

    @cached_property
    def problem(self) -> int:
        """A number that is the same for the same operations on the same constants."""
        text = zlib.crc32(b"")
        for node in self.nodes:
            text = zlib.crc32(node.primitive.name.encode() if node.primitive else b"leaf", text)
            for x in node.inputs:
                if not isinstance(x, Node):
                    text = zlib.crc32(np.ascontiguousarray(x).tobytes(), text)
        return text


@dataclass
class Step:
    """Two passes of one descent with an update between them."""

    last: Look
    now: Look
    before: float | None = None  # the alpha of the step before this one, if there was one

    @cached_property
    def moved(self) -> Any:
        """The update."""
        return self.now.place_of - self.last.place_of

    @cached_property
    def alpha(self) -> float:
        """The learning rate of a plain step, negative for one uphill; nan for any other step.

        Momentum may go along the gradient as well, but not twice by the same multiple of it.
        """
        g = self.last.total
        with np.errstate(all="ignore"):
            alpha = self.multiple
            rest = self.moved + alpha * g
            plain = np.abs(rest).max(initial=0.0) <= ALIKE * np.abs(self.moved).max(initial=0.0)
        same = self.before is None or abs(alpha - self.before) <= STEADY * abs(alpha)
        return alpha if plain and same and np.isfinite(alpha) else math.nan

    @cached_property
    def multiple(self) -> float:
        """How much of the gradient the update was, whatever else it was."""
        with np.errstate(all="ignore"):
            return -float(self.moved @ self.last.total / (self.last.total @ self.last.total))

    @cached_property
    def curvature(self) -> float:
        """The curvature along the step, dg . dw / dw . dw; nan where the problem is another one."""
        if self.last.problem != self.now.problem:
            return math.nan
        with np.errstate(all="ignore"):
            dg, dw = self.now.gradient - self.last.gradient, self.moved
            return float(dg @ dw / (dw @ dw))

    @property
    def rose(self) -> bool:
        """Whether the loss of the same problem is larger than before."""
        return self.last.problem == self.now.problem and self.now.loss > self.last.loss


def called(node: Node) -> str:
    """What a person calls a node; else the operation that made it."""
    return name_of(node, node.primitive.name if node.primitive else "a leaf")


def moves_with(nodes: list[Node], leaves: tuple[Node, ...]) -> set[Node]:
    """The nodes that a learnable leaf has a say in."""
    moving = set(leaves)
    for node in nodes:
        if any(isinstance(x, Node) and x in moving for x in node.inputs):
            moving.add(node)
    return moving


def made_by(look: Look, *functions: Any) -> Iterator[Node]:
    """The nodes of these operations, oldest first."""
    return (node for node in look.nodes if node.primitive in functions)
