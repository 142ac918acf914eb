"""What is wrong with the parts of a graph: inputs, shapes, units that cannot learn."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.diagnosis.looks import Look, called, made_by, moves_with
from tinygrad_neuron.diagnosis.messages import (
    BroadcastWarning,
    ChainWarning,
    DeadUnitWarning,
    FlatPathWarning,
    LearningWarning,
    PowerWarning,
    SaturationWarning,
    ScaleWarning,
    TwinUnitsWarning,
)
from tinygrad_neuron.errors import name_of
from tinygrad_neuron.graph import Array, Node, plain
from tinygrad_neuron.lesson.text import count, number

RATIO = 1e3  # of column norms: beyond, one learning rate cannot serve both
FLAT, MOSTLY, WRONG = 1e-3, 0.9, 0.1  # a slope that is none; the rows with it; those that are wrong
NOTICEABLE = 1e-2  # of a gradient: below, the answer is nearly right
DEEP, FADED, BLOWN = 5, 1e-5, 1e6  # a chain of slopes, and what may become of a gradient in it
ACTIVATIONS = (ops.sigmoid, ops.tanh, ops.relu, ops.softplus)


def scales(look: Look) -> Iterator[LearningWarning]:
    """TN111: a table of inputs whose columns are of very different size."""
    for node in made_by(look, ops.matmul):
        for x in node.inputs:
            x = x._data if isinstance(x, Node) and x.primitive is None else x
            if isinstance(x, Node) or np.ndim(x) != 2 or min(np.shape(x)) < 2:
                continue
            if any(x is leaf._data for leaf in look.leaves):
                continue
            norms = np.sqrt(np.mean(np.square(x, dtype=float), axis=0))
            used = np.flatnonzero(norms)
            if used.size < 2:
                continue
            high, low = used[np.argmax(norms[used])], used[np.argmin(norms[used])]
            ratio = float(norms[high] / norms[low])
            if ratio > RATIO:
                yield ScaleWarning(
                    f"Column {high} of the inputs is about {number(norms[high], 2)} and column "
                    f"{low} about {number(norms[low], 2)}.",
                    why="One alpha must serve both: the curvature of the first weight is "
                    f"{number(ratio**2, 2)} times that of the other.",
                    hint="X = (X - X.mean(axis=0)) / X.std(axis=0)",
                    place=node.place or look.place,
                    ratio=ratio,
                )
                return


def broadcasts(look: Look) -> Iterator[LearningWarning]:
    """TN112: predictions in a column less targets in a row, or the other way round."""
    moving = moves_with(look.nodes, look.leaves)
    for node in made_by(look, ops.subtract):
        a, b = node.inputs
        if (a in moving) == (b in moving) if isinstance(b, Node) else a not in moving:
            continue
        shapes = [np.shape(plain(x)) for x in (a, b)]
        n = max(shapes, key=len)[0] if any(shapes) else 0
        if n < 2 or sorted(shapes, key=len) != [(n,), (n, 1)]:
            continue
        column = called(a) if len(shapes[0]) == 2 and isinstance(a, Node) else "the column"
        yield BroadcastWarning(
            f"A difference of shapes {shapes[0]} and {shapes[1]} has {n * n} entries and not {n}.",
            why="It compares every prediction with every target; training then learns the mean of "
            "the targets for every input, and nothing looks wrong.",
            hint=f"{column}[:, 0] - target   or   {column} - target[:, None]",
            place=node.place or look.place,
            shapes=shapes,
        )
        return


def powers(look: Look) -> Iterator[LearningWarning]:
    """TN123: a base below 0 under an exponent that is learnt."""
    moving = moves_with(look.nodes, look.leaves)
    for node in made_by(look, ops.power):
        base, exponent = node.inputs
        if isinstance(exponent, Node) and exponent in moving and np.any(plain(base) < 0):
            low = float(np.min(plain(base)))
            yield PowerWarning(
                f"{number(low)} is raised to a power that is learnt.",
                why="The slope in the exponent is log(base) times the power, and a negative number "
                "has no real logarithm: that gradient is nan.",
                hint="exp(exponent * log(base))  of a positive base;  or a whole exponent that is "
                "a plain number",
                place=node.place or look.place,
                base=low,
            )
            return


def flat_paths(look: Look) -> Iterator[LearningWarning]:
    """TN122: leaves that the loss depends on, but only through functions without a slope."""
    reached = set(look.leaves)
    for leaf in look.nodes:
        if leaf.primitive is not None or leaf in reached or leaf.name is None:
            continue
        if np.asarray(leaf._data).dtype.kind != "f":
            continue
        stop = _flat_after(look, leaf)
        if stop is not None and stop.primitive is not None:
            yield FlatPathWarning(
                f"{called(leaf)} gets no gradient: every way from it to the loss leads through "
                f"{stop.primitive.name}.",
                why=f"{stop.primitive.name} is flat between its steps: a small change of "
                f"{called(leaf)} changes nothing.",
                hint="leave it out while learning, and use it on the answer;  or a smooth function "
                "like sigmoid(k * x) in its place",
                place=stop.place or look.place,
                leaf=called(leaf),
                operation=stop.primitive.name,
            )
            return


def _flat_after(look: Look, leaf: Node) -> Node | None:
    """The first operation on the way from a leaf that no gradient passes."""
    moving = {leaf}
    for node in look.nodes:
        for i, x in enumerate(node.inputs):
            if isinstance(x, Node) and x in moving:
                if node.primitive is not None and node.primitive.rule(i) is None:
                    return node
                moving.add(node)
    return None


# ------------------------------------------------------------------------------------- units


def dead_units(look: Look) -> dict[int, Any]:
    """Of each relu, by its number, the units whose inputs are not above 0 for any row."""
    found = {}
    for k, node in enumerate(made_by(look, ops.relu)):
        z = plain(node.inputs[0])
        rows = np.reshape(z, (-1, np.shape(z)[-1])) if np.ndim(z) > 1 else np.reshape(z, (-1, 1))
        found[k] = np.max(rows, axis=0, initial=-np.inf) <= 0.0
    return found


def dead(
    look: Look, before: Mapping[int, Any], alive: Mapping[int, float]
) -> Iterator[LearningWarning]:
    """TN116: relu units that were dead in the last pass and are dead in this one."""
    now = dead_units(look)
    for k, node in enumerate(made_by(look, ops.relu)):
        if k not in before or before[k].shape != now[k].shape or not np.any(before[k] & now[k]):
            continue
        both = before[k] & now[k]
        z = float(np.max(plain(node.inputs[0])))
        name = name_of(node, "")
        if both.size == 1:
            once = f" It was alive once (z = {number(alive[k])})." if k in alive else ""
            which = f"relu {name} gives".replace("  ", " ") + f" 0 for all rows (z = {number(z)})"
        else:
            once = ""
            which = f"{int(both.sum())} of {both.size} relu units {name} give 0 for all rows"
        yield DeadUnitWarning(
            f"{which.replace('  ', ' ')}, and did so in the step before.{once}",
            why="The slope of relu is 0 there, so the gradient is exactly 0 and nothing that leads "
            "to it can move.",
            hint="a smaller alpha;  leaky_relu or softplus;  another start",
            place=node.place or look.place,
            units=int(both.sum()),
        )
        return


def saturated(look: Look) -> Iterator[LearningWarning]:
    """TN117: a sigmoid or tanh at its end for most rows, where the loss pulls it inward."""
    for node in made_by(look, ops.sigmoid, ops.tanh):
        g = node.gradient
        if g is None:
            continue
        y, g = np.ravel(node._data), np.ravel(np.asarray(g, dtype=float))
        middle = 0.5 if node.primitive is ops.sigmoid else 0.0
        slope = y * (1 - y) if node.primitive is ops.sigmoid else 1 - y * y
        flat = np.abs(slope) < FLAT
        inward = flat & ((y - middle) * g > 0) & (np.abs(g) * y.size > NOTICEABLE)
        if np.mean(flat) <= MOSTLY or np.mean(inward) <= WRONG:
            continue
        z = float(np.ravel(plain(node.inputs[0]))[int(np.argmax(inward))])
        yield SaturationWarning(
            f"{called(node)} sees z = {number(z)}: its slope is below {FLAT:g} for "
            f"{np.mean(flat):.0%} of the rows, and {np.mean(inward):.0%} are at the wrong end.",
            why="The answer is wrong, but its gradient is multiplied by that slope, so the weights "
            "behind it can hardly move.",
            hint="scale the inputs (why TN111), start with smaller weights, or use a loss of z "
            "itself:  losses.bce_with_logits(z, y)",
            place=node.place or look.place,
            z=z,
        )
        return


def twins(look: Look, last: Look) -> Iterator[LearningWarning]:
    """TN119: units of a layer with equal weights and equal gradients, twice."""
    for leaf, axis in _layers(look):
        now = _equal_units(look, leaf, axis)
        before = _equal_units(last, leaf, axis) if leaf in last.weights else set()
        pairs = sorted(now & before)
        if pairs:
            a, b = pairs[0]
            yield TwinUnitsWarning(
                f"Units {a} and {b} of {called(leaf)} have the same weights and the same "
                f"gradients, in two steps: {count(len({k for p in pairs for k in p}), 'unit')}, "
                "1 idea.",
                why="What is equal and is moved equally stays equal for ever. (A single neuron may "
                "start at 0; a hidden layer may not.)",
                hint="start from random weights:  rng.normal(size=shape) / np.sqrt(inputs)",
                place=look.place,
                units=[a, b],
            )
            return


def _layers(look: Look) -> Iterator[tuple[Node, int]]:
    """The matrices of weights, with the axis along which their units stand."""
    for node in made_by(look, ops.matmul):
        left, right = node.inputs
        turned = isinstance(right, Node) and right.primitive is ops.transpose
        inner = right.inputs[0] if turned and isinstance(right, Node) else right
        if inner in look.weights and np.ndim(inner._data) == 2:
            yield inner, 0 if turned else 1
        elif isinstance(left, Node) and left in look.weights and np.ndim(left._data) == 2:
            yield left, 0


def _equal_units(look: Look, leaf: Node, axis: int) -> set[tuple[int, int]]:
    """Pairs of neighbours in a sorted order that are equal in weights and gradients."""
    units = np.concatenate(
        [np.moveaxis(np.asarray(x), axis, 0) for x in (look.weights[leaf], look._own(leaf))], axis=1
    )
    if len(units) < 2:
        return set()
    order = np.lexsort(units.T[::-1])
    same = np.all(units[order[1:]] == units[order[:-1]], axis=1)
    return {tuple(sorted((int(order[k]), int(order[k + 1])))) for k in np.flatnonzero(same)}  # type: ignore[misc]


def chains(look: Look) -> Iterator[LearningWarning]:
    """TN128: what a chain of activations leaves of a gradient, from its last to its first."""
    chain = _longest_chain(look)
    if len(chain) < DEEP:
        return
    first, last = (_size(node.gradient) for node in (chain[0], chain[-1]))
    ratio = first / last if last else 1.0
    if FADED <= ratio <= BLOWN or ratio == 0.0:
        return
    what = "vanished" if ratio < 1 else "exploded"
    yield ChainWarning(
        f"Over {len(chain)} activations the gradient has {what}: {number(last, 3)} at the last of "
        f"them, {number(first, 3)} at the first, {number(ratio, 2)} times as much.",
        why="Each one multiplies it by a slope and a weight; slopes of a sigmoid are 0.25 at most, "
        "and 0.25**10 is 9.5e-07.",
        hint="relu in the middle, weights of the size 1/sqrt(inputs), or a shorter chain",
        place=look.place,
        ratio=ratio,
        depth=len(chain),
    )


def _longest_chain(look: Look) -> list[Node]:
    """The longest way through activations, oldest first."""
    before: dict[Node, tuple[int, Node | None]] = {}
    link: dict[Node, Node | None] = {}
    best: Node | None = None
    for node in look.nodes:
        ways = [before[x] for x in node.inputs if isinstance(x, Node) and x in before]
        depth, end = max(ways, key=lambda way: way[0], default=(0, None))
        if node.primitive in ACTIVATIONS and node.gradient is not None:
            link[node] = end
            depth, end = depth + 1, node
            if best is None or depth >= before.get(best, (0, None))[0]:
                best = node
        before[node] = depth, end
    chain: list[Node] = []
    while best is not None:
        chain.append(best)
        best = link[best]
    return chain[::-1]


def _size(g: Array) -> float:
    return float(np.max(np.abs(g), initial=0.0))
