"""Numbers from here to there: in equal steps, or each the same multiple of the one before.

Both ends have gradients: in between, each number moves with either in proportion to its nearness.
"""

import math
from typing import Any

import numpy as np

from tinygrad_neuron.errors import UnsupportedError, refuse
from tinygrad_neuron.graph import Array, only
from tinygrad_neuron.ops.arrange import moveaxis
from tinygrad_neuron.ops.elementwise import absolute, astype, power, sign, where
from tinygrad_neuron.ops.linalg import as_floats
from tinygrad_neuron.ops.powers import log10
from tinygrad_neuron.ops.shape import broadcast_to, ndim_of, shape_of


def _places(num: int, endpoint: bool, ndim: int) -> tuple[Any, int]:
    """0, 1, 2, ... along a first axis, and the number of steps from one end to the other."""
    if num < 0:
        raise ValueError(f"{num} numbers cannot be laid out")
    return np.arange(num, dtype=float).reshape(-1, *(1,) * ndim), num - 1 if endpoint else num


def _finished(y: Array, dtype: Any, axis: int) -> Array:
    """In the precision and with the axis that were asked for."""
    if dtype is not None and np.dtype(dtype).kind not in "fc":
        raise UnsupportedError(
            f"Numbers between Values cannot be rounded to {np.dtype(dtype)}.",
            why="Whole numbers do not move a little, so that no gradient would pass.",
            hint="np.linspace(v, w, n).astype(int)  for plain answers",
        )
    y = y if dtype is None else astype(y, dtype=np.dtype(dtype))
    return y if axis == 0 else moveaxis(y, 0, axis)


def _with_ends(y: Array, first: Array, last: Array, places: Any, steps: int) -> Array:
    """Both ends as they were given, whatever rounding made of them on the way."""
    y = where(places == 0, first, y)
    return where((places == steps) & (places > 0), last, y)


def linspace(
    start: Array,
    stop: Array,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    """So many numbers from start to stop in equal steps; with `retstep` also the step.

    >>> linspace(1.0, 2.0, 3).tolist()
    [1.0, 1.5, 2.0]
    """
    refuse("np.linspace", device=device)
    start, stop = as_floats(start), as_floats(stop)
    places, steps = _places(num, endpoint, len(np.broadcast_shapes(*map(shape_of, (start, stop)))))
    step = (stop - start) / (steps if steps > 0 else math.nan)
    y = start + (places * step if steps > 0 else places * (stop - start))
    y = _finished(_with_ends(y, start, stop, places, steps), dtype, axis)
    return (y, step) if retstep else y


def logspace(
    start: Array,
    stop: Array,
    num: int = 50,
    endpoint: bool = True,
    base: Array = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Array:
    """The powers of a base whose exponents go from start to stop in equal steps.

    >>> logspace(0.0, 2.0, 3).tolist()
    [1.0, 10.0, 100.0]
    """
    start, stop, base = as_floats(start), as_floats(stop), as_floats(base)
    shape = np.broadcast_shapes(*map(shape_of, (start, stop, base)))
    exponents = linspace(broadcast_to(start, shape=shape), stop, num, endpoint)
    return _finished(power(base, exponents), dtype, axis)


def geomspace(
    start: Array,
    stop: Array,
    num: int = 50,
    endpoint: bool = True,
    dtype: Any = None,
    axis: int = 0,
) -> Array:
    """So many numbers from start to stop, each the same multiple of the one before.

    >>> geomspace(1.0, 100.0, 3).tolist()
    [1.0, 10.0, 100.0]
    """
    start, stop = as_floats(start), as_floats(stop)
    if np.any(only(start) * only(stop) == 0.0) or np.any(
        np.sign(only(start)) != np.sign(only(stop))
    ):
        raise ValueError("geomspace goes from a number to one with the same sign, and neither is 0")
    exponents = linspace(log10(absolute(start)), log10(absolute(stop)), num, endpoint)
    ndim = ndim_of(exponents) - 1
    places, steps = _places(num, endpoint, ndim)
    y = sign(start) * power(10.0, exponents)
    return _finished(_with_ends(y, start, stop, places, steps), dtype, axis)
