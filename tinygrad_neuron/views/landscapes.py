"""The loss over a plane in the space of weights, and the way a descent took across it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_neuron.errors import PictureError
from tinygrad_neuron.graph import Array, Node, plain
from tinygrad_neuron.modes import no_grad
from tinygrad_neuron.train import History, assign

Parameters = Any  # a module, a Value, or Values in a sequence or by name
RATIO = 100.0  # between the largest and the smallest loss: from here on the scale is logarithmic
DEPTH = 1e-6  # of the largest loss: what lies deeper is one level,
BOTTOM = 0.06  # and so is the lowest part of the map, which a grid cannot resolve


class Plane(NamedTuple):
    """A flat piece of the space of weights: where it stands, which ways, and the way walked."""

    centre: Array  # (n,)
    directions: Array  # (1 or 2, n), of length 1
    way: Array  # (steps, 1 or 2), along the directions from the centre
    low: Array
    high: Array


def plane_of(values: Sequence[Node], history: History | None) -> Plane:
    """The piece to draw: around the way, or around the weights as they are."""
    now = np.concatenate([np.ravel(v._data) for v in values])
    steps = now[None] if history is None else _finite([m.weights for m in history.moments])
    if now.size <= 2:
        centre, directions = np.zeros(now.size), np.eye(now.size)
    elif len(steps) > 1:
        centre, directions = steps[-1], _principal(steps - steps[-1])
    else:
        raise PictureError(
            f"There are {now.size} weights; a map has two sides.",
            why="Which plane to look at is told by the way of a descent.",
            hint="landscape(loss, parameters, history)",
        )
    way = (steps - centre) @ directions.T
    middle = (way.max(axis=0) + way.min(axis=0)) / 2
    reach = np.ptp(way, axis=0).max()
    half = 0.65 * reach if reach else max(1.0, float(np.abs(now).max()))
    return Plane(centre, directions, way, middle - half, middle + half)


def _finite(steps: Sequence[Array]) -> Array:
    kept = np.array(steps)
    fine = np.isfinite(kept).all(axis=1)
    return kept if fine.all() else kept[: int(fine.argmin())]


def _principal(steps: Array) -> Array:
    """The two directions in which the steps go furthest; any second one, where they go straight."""
    *_, directions = np.linalg.svd(np.concatenate([steps, 1e-9 * np.eye(steps.shape[1])]))
    return directions[:2]


def heights_at(
    loss: Callable[[], Any], values: Sequence[Any], plane: Plane, points: Iterable[Any]
) -> Array:
    """The loss at points of the plane; the weights come back to where they were."""
    before = np.concatenate([np.ravel(v._data) for v in values])
    heights = []
    try:
        with no_grad(), np.errstate(all="ignore"):
            for point in points:
                assign(values, plane.centre + np.asarray(point) @ plane.directions)
                heights.append(float(plain(loss())))
    finally:
        assign(values, before)
    return np.array(heights)


def levels_of(heights: Array, count: int = 17) -> tuple[Array, bool]:
    """Where the lines go: evenly, or by equal factors where the heights span many; and which.

    >>> levels_of(np.array([1.0, *[1.0] * 9, 1000.0]), 4)
    (array([   1.,   10.,  100., 1000.]), True)
    """
    fine = heights[np.isfinite(heights)]
    least, high = (float(fine.min()), float(fine.max())) if fine.size else (0.0, 1.0)
    low = max(float(np.quantile(fine, BOTTOM)) if fine.size else 0.0, DEPTH * high)
    if high > RATIO * low > 0:
        return np.geomspace(low, high, count), True
    return np.linspace(least, high if high > least else least + 1.0, count), False


def values_of(parameters: Parameters) -> dict[str, Any]:
    """The parameters by name."""
    if isinstance(parameters, Mapping):
        return dict(parameters)
    if hasattr(parameters, "parameters"):
        parameters = parameters.parameters()
    several = [parameters] if isinstance(parameters, Node) else list(parameters)
    names = [v.name or f"parameter {i + 1}" for i, v in enumerate(several)]
    twice = len(set(names)) < len(names)
    return {
        f"{n} ({i + 1})" if twice else n: v
        for i, (n, v) in enumerate(zip(names, several, strict=True))
    }


def entry_names(values: Mapping[str, Any]) -> list[str]:
    """A name for each single weight."""
    return [
        name if not v.shape else f"{name}[{', '.join(map(str, index))}]"
        for name, v in values.items()
        for index in np.ndindex(v.shape)
    ]
