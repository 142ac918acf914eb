"""Two more things that must agree: forward mode with reverse mode, a Hessian with its transpose."""

import numpy as np

from tinygrad_neuron.check.directions import steps
from tinygrad_neuron.check.numeric import NORMAL
from tinygrad_neuron.check.pair import Pair, Row, moves, row
from tinygrad_neuron.check.report import Finding
from tinygrad_neuron.transforms import jvp
from tinygrad_neuron.value import Value

CLOSE = 1e-8  # of the terms on both sides
CANCELLED = 1e-12  # of what the terms were made from


def forward_and_reverse(pair: Pair, rng: np.random.Generator) -> list[Finding]:
    """<v, J u> is <J' v, u>, for a random tangent u and a random cotangent v."""
    results = pair.of_values
    u = _random(len(pair.start), rng) * steps(pair)
    v = _random(len(pair.here), rng)

    def outputs(*xs: Value) -> tuple[Value, ...]:
        return tuple(y for y in results(list(xs)) if isinstance(y, Value) and moves(y))  # type: ignore[misc]

    _, moved = jvp(outputs, tuple(pair.inputs), tuple(pair.apart(u)))
    if len(moved) != len(pair.result_shapes):
        return []
    ahead = row([np.asarray(y.data) for y in moved])
    owed = pair.owed(v)
    cancelled = CANCELLED * float(np.abs(v) @ pair.backdrop)
    cancelled += NORMAL * float(np.sum(np.abs(u)) + np.sum(np.abs(v)))  # what is less may be 0
    return _apart(pair, v * ahead, owed * u, "forward mode and reverse mode disagree", cancelled)


def symmetric(pair: Pair, rng: np.random.Generator) -> list[Finding]:
    """The derivative of a gradient by the inputs is its own transpose."""
    n = len(pair.here)
    one, other = (_random(n, rng) * steps(pair)[:n] for _ in range(2))
    along, across = pair.owed(one), pair.owed(other)
    moved = np.abs(one) + np.abs(other)
    cancelled = CANCELLED * float(moved @ pair.backdrop) + NORMAL * float(np.sum(moved))
    some, others = along[:n] * other, across[:n] * one
    return _apart(pair, some, others, "the Hessian is not symmetric", cancelled)


def _apart(pair: Pair, some: Row, others: Row, what: str, cancelled: float = 0.0) -> list[Finding]:
    size = float(np.sum(np.abs(some)) + np.sum(np.abs(others)))
    a, b = float(np.sum(some)), float(np.sum(others))
    if not np.isfinite(size) or abs(a - b) <= CLOSE * size + cancelled:
        return []
    return [Finding("failed", pair.names[0], None, a, b, CLOSE * size, what, 2)]


def _random(n: int, rng: np.random.Generator) -> Row:
    return rng.uniform(0.5, 1.5, n) * rng.choice([-1.0, 1.0], n)
