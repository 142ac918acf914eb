"""Neighbours in a row: running sums, differences, slopes, areas, filters, and what lies between."""

from math import pi
from typing import Any

import numpy as np

from tinygrad_neuron.errors import UnsupportedError, refuse
from tinygrad_neuron.graph import Array, Domain, dtype_of, is_complex, only, primitive
from tinygrad_neuron.ops.elementwise import isnan, logical_not, remainder, select
from tinygrad_neuron.ops.parts import conj, imag, real
from tinygrad_neuron.ops.reductions import (
    axes_of,
    chosen,
    cumprod,
    in_precision,
    keyworded,
    sum,
)
from tinygrad_neuron.ops.shape import (
    Axes,
    broadcast_to,
    join,
    ndim_of,
    pile,
    reshape,
    shape_of,
)


def _along(ndim: int, axis: int, part: Any) -> tuple[Any, ...]:
    """The index that takes this part along one axis."""
    return (slice(None),) * (axis % ndim) + (part,)


def _array(name: str, x: Array) -> Array:
    """A list or a number as an array to work on."""
    return in_precision(name, x, None)


def _ones(x: Array, axis: int) -> tuple[int, ...]:
    """A shape that puts a row along one axis of x."""
    return tuple(-1 if k == axis % ndim_of(x) else 1 for k in range(ndim_of(x)))


# ---------------------------------------------------------------------------- running totals


def _cumsum(x: Array, axis: int | None = None, dtype: Any = None, out: Any = None) -> Array:
    refuse("np.cumsum", out=out)
    return cumsum(in_precision("cumsum", x, dtype), axis=axis)


def _cumsum_share(g: Array, y: Array, x: Array, axis: int | None) -> Array:
    """Each entry is owed what all the sums from it on are owed: summed from the other end."""
    axis = 0 if axis is None else axis
    back = _along(ndim_of(g), axis, slice(None, None, -1))
    return reshape(cumsum(g[back], axis=axis)[back], shape=shape_of(x))


@keyworded(
    _cumsum,
    _cumsum_share,
    holomorphic=True,
    numpy=(np.cumsum,),
    steep=False,
)
def cumsum(x: Array, *, axis: int | None = None) -> Array:
    """The sums of the first, the first two, the first three ..., along an axis."""
    return np.cumsum(x, axis=axis)


def nancumsum(x: Array, axis: int | None = None, dtype: Any = None, out: Any = None) -> Array:
    """The running sums of those that are numbers.

    >>> nancumsum([1.0, float("nan"), 3.0]).tolist()
    [1.0, 1.0, 4.0]
    """
    x = _array("nancumsum", x)
    return cumsum(chosen(x, logical_not(isnan(x)), 0.0), axis, dtype, out)


def _with_initial(
    running: Any, start: float, x: Array, axis: int | None, dtype: Any, include_initial: bool
) -> Array:
    """A running total along an axis that must be named where there are several."""
    x = in_precision(f"cumulative_{running.name[3:]}", x, dtype)
    if axis is None:
        if ndim_of(x) != 1:
            raise ValueError(f"an array of shape {shape_of(x)} has several axes: say axis=")
        axis = 0
    y = running(x, axis=axis)
    if not include_initial:
        return y
    front = list(shape_of(x))
    front[axis] = 1
    return join(np.full(front, start, dtype_of(y)), y, axis=axis)


def cumulative_sum(
    x: Array,
    /,
    *,
    axis: int | None = None,
    dtype: Any = None,
    out: Any = None,
    include_initial: bool = False,
) -> Array:
    """The running sums; with `include_initial` the empty sum 0 in front.

    >>> cumulative_sum([1.0, 2.0, 3.0], include_initial=True).tolist()
    [0.0, 1.0, 3.0, 6.0]
    """
    refuse("np.cumulative_sum", out=out)
    return _with_initial(cumsum, 0.0, x, axis, dtype, include_initial)


def cumulative_prod(
    x: Array,
    /,
    *,
    axis: int | None = None,
    dtype: Any = None,
    out: Any = None,
    include_initial: bool = False,
) -> Array:
    """The running products; with `include_initial` the empty product 1 in front."""
    refuse("np.cumulative_prod", out=out)
    return _with_initial(cumprod, 1.0, x, axis, dtype, include_initial)


# -------------------------------------------------------------------------------- differences


def _edge(x: Array, edge: Array, axis: int) -> Array:
    """What is put before or behind along an axis: an array, or one number for a slice of them."""
    edge = _array("diff", edge)
    if ndim_of(edge):
        return edge
    shape = list(shape_of(x))
    shape[axis] = 1
    return broadcast_to(edge, shape=tuple(shape))


def diff(
    x: Array, n: int = 1, axis: int = -1, prepend: Array = None, append: Array = None
) -> Array:
    """Each entry less the one in front of it, n times over.

    >>> diff([1.0, 4.0, 9.0]).tolist()
    [3.0, 5.0]
    """
    x = _array("diff", x)
    if n < 0 or not ndim_of(x):
        raise ValueError(f"diff of order {n} of an array with {ndim_of(x)} axes")
    if n == 0:
        return x
    ends = [None if e is None else _edge(x, e, axis) for e in (prepend, append)]
    parts = [part for part in (ends[0], x, ends[1]) if part is not None]
    x = join(*parts, axis=axis) if len(parts) > 1 else x
    later, earlier = (_along(ndim_of(x), axis, part) for part in (slice(1, None), slice(None, -1)))
    for _ in range(n):
        x = x[later] - x[earlier]
    return x


def ediff1d(x: Array, to_end: Array = None, to_begin: Array = None) -> Array:
    """The differences of neighbours in the flattened array, between two other pieces."""
    x = diff(reshape(_array("ediff1d", x), shape=(-1,)))
    ends = [
        None if end is None else reshape(_array("ediff1d", end), shape=(-1,))
        for end in (to_begin, to_end)
    ]
    parts = [part for part in (ends[0], x, ends[1]) if part is not None]
    return join(*parts, axis=0) if len(parts) > 1 else x


def gradient(x: Array, *varargs: Array, axis: Axes = None, edge_order: int = 1) -> Any:
    """The slopes of a row of samples: central differences, one-sided ones at both ends.

    `varargs` are the distances between samples, or their places, for all axes or one for each;
    they have gradients as well. Several axes give a tuple.

    >>> gradient([1.0, 4.0, 9.0]).tolist()
    [3.0, 4.0, 5.0]
    """
    x = _array("gradient", x)
    axes = axes_of(x, axis)
    if len(varargs) not in (0, 1, len(axes)):
        raise TypeError(f"gradient takes 1 spacing or {len(axes)}, one for each axis")
    if edge_order not in (1, 2):
        raise ValueError(f"edge_order is {edge_order}, and can be 1 or 2")
    spacings = varargs * len(axes) if len(varargs) == 1 else varargs or (1.0,) * len(axes)
    slopes = tuple(
        _slopes(x, k, _array("gradient", h), edge_order)
        for k, h in zip(axes, spacings, strict=True)
    )
    return slopes[0] if len(slopes) == 1 else slopes


def _slopes(x: Array, axis: int, h: Array, edge_order: int) -> Array:
    """The slopes along one axis."""
    length = shape_of(x)[axis]
    if length < edge_order + 1:
        raise ValueError(f"gradient needs {edge_order + 1} samples along axis {axis}: {length}")
    if ndim_of(h) and shape_of(h) != (length,):
        raise ValueError(f"{shape_of(h)} places for {length} samples along axis {axis}")

    def part(of: Array, *bounds: Any) -> Array:
        return of[_along(ndim_of(x), axis, slice(*bounds))]

    h = reshape(diff(h), shape=_ones(x, axis)) if ndim_of(h) else h
    each = diff(x, axis=axis) / h
    before, behind = part(each, None, -1), part(each, 1, None)
    middle = 0.5 * (before + behind)
    if ndim_of(h):  # the nearer neighbour counts for more
        left, right = part(h, None, -1), part(h, 1, None)
        middle = (before * right + behind * left) / (left + right)
    first, last = part(each, None, 1), part(each, -1, None)
    if edge_order == 2:  # on the parabola through three samples
        first = 2.0 * first - part(middle, None, 1)
        last = 2.0 * last - part(middle, -1, None)
    return join(first, middle, last, axis=axis)


def trapezoid(y: Array, x: Array = None, dx: Array = 1.0, axis: int = -1) -> Array:
    """The area under straight lines from sample to sample.

    >>> trapezoid([1.0, 2.0, 3.0])
    4.0
    """
    y = _array("trapezoid", y)
    if x is not None:
        x = _array("trapezoid", x)
        dx = diff(x, axis=axis if ndim_of(x) > 1 else -1)
        dx = reshape(dx, shape=_ones(y, axis)) if ndim_of(x) == 1 else dx
    later, earlier = (_along(ndim_of(y), axis, part) for part in (slice(1, None), slice(None, -1)))
    return sum(dx * (y[later] + y[earlier]) / 2.0, axis=axis)


# ----------------------------------------------------------------------------------- angles


@primitive(
    lambda g, y, x, discont, axis, period: g,
    numpy=(np.unwrap,),
    domains=(Domain(),),
    kink="a jump where neighbours are half a period apart: the slope of its neighbours",
    steep=False,
)
def unwrap(
    x: Array, *, discont: float | None = None, axis: int = -1, period: float = 2.0 * pi
) -> Array:
    """Angles in a row without jumps: whole periods are added, which no slope notices."""
    return np.unwrap(x, discont, axis, period=period)


# ---------------------------------------------------------------------------------- filters


def _convolution_share(g: Array, other: Array, length: int) -> Array:
    """What one factor is owed: g against the other one, reversed."""
    start = shape_of(other)[0] - 1
    return convolution(g, other[::-1])[start : start + length]


@primitive(
    lambda g, y, a, v: _convolution_share(g, v, shape_of(a)[0]),
    lambda g, y, a, v: _convolution_share(g, a, shape_of(v)[0]),
    holomorphic=True,
    steep=False,
)
def convolution(a: Array, v: Array) -> Array:
    """Each entry of one row times each of the other, added up by the sum of their places."""
    return np.convolve(a, v)


def _row(name: str, x: Array) -> Array:
    x = _array(name, x)
    return reshape(x, shape=(1,)) if not ndim_of(x) else x


def convolve(a: Array, v: Array, mode: str = "full") -> Array:
    """NumPy's convolution of two rows: full, same or valid.

    >>> convolve([1.0, 2.0, 3.0], [1.0, 1.0]).tolist()
    [1.0, 3.0, 5.0, 3.0]
    """
    a, v = _row("convolve", a), _row("convolve", v)
    return convolution(a, v)[_window(shape_of(a)[0], shape_of(v)[0], mode)]


def correlate(a: Array, v: Array, mode: str = "valid") -> Array:
    """NumPy's correlation of two rows: a convolution with the second, reversed and conjugated.

    >>> correlate([1.0, 2.0, 3.0], [0.0, 1.0], mode="full").tolist()
    [1.0, 2.0, 3.0, 0.0]
    """
    a, v = _row("correlate", a), _row("correlate", v)
    n, m = shape_of(a)[0], shape_of(v)[0]
    window = _window(n, m, mode)
    if mode == "same" and m > n:  # NumPy exchanges the rows and reads the result backwards
        window = slice(n + m - 1 - window.stop, n + m - 1 - window.start)
    return convolution(a, conj(v[::-1]))[window]


def _window(n: int, m: int, mode: str) -> slice:
    """The part of a full convolution that is asked for."""
    short, long = sorted((n, m))
    if mode == "full":
        return slice(0, n + m - 1)
    if mode == "same":
        return slice((short - 1) // 2, (short - 1) // 2 + long)
    if mode == "valid":
        return slice(short - 1, long)
    raise ValueError(f"mode is {mode!r}, and can be 'full', 'same' or 'valid'")


# ------------------------------------------------------------------------------ cross product


def cross(
    a: Array,
    b: Array,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: int | None = None,
) -> Array:
    """The vector at right angles to two vectors of three entries, as long as the area they span.

    >>> cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]).tolist()
    [0.0, 0.0, 1.0]
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = _array("cross", a), _array("cross", b)
    if shape_of(a)[axisa] != 3 or shape_of(b)[axisb] != 3:
        raise UnsupportedError(
            f"np.cross takes vectors of 3 entries; these have {shape_of(a)[axisa]} and "
            f"{shape_of(b)[axisb]}.",
            why="Of vectors in a plane it is a number, which NumPy has deprecated.",
            hint="a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]",
        )
    a0, a1, a2 = (a[_along(ndim_of(a), axisa, k)] for k in range(3))
    b0, b1, b2 = (b[_along(ndim_of(b), axisb, k)] for k in range(3))
    parts = (a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0)
    return pile(*parts, axis=axisc)


# ------------------------------------------------------------------------------- in between


def interp(
    x: Array,
    xp: Array,
    fp: Array,
    left: Array = None,
    right: Array = None,
    period: float | None = None,
) -> Array:
    """What lies at x on straight lines between the points (xp, fp); all three have gradients.

    At a point where two lines meet the slope by x is the smaller in size, 0 if they differ in sign;
    beyond the ends, where the first or the last value holds, it is 0.

    >>> interp(2.5, [1.0, 2.0, 3.0], [3.0, 2.0, 0.0])
    1.0
    """
    x, xp, fp = (_array("interp", each) for each in (x, xp, fp))
    if is_complex(fp):
        across, up = (
            interp(x, xp, part(fp), _if_given(part, left), _if_given(part, right), period)
            for part in (real, imag)
        )
        return across + 1j * up
    if period is not None:
        if period == 0.0:
            raise ValueError("a period is not 0")
        left = right = None
        x, xp, fp = _around(x, xp, fp, float(period))
    if shape_of(xp) != shape_of(fp) or ndim_of(xp) != 1 or not shape_of(xp)[0]:
        raise ValueError(f"interp takes a row of points: {shape_of(xp)} and {shape_of(fp)}")
    inside = fp[:1][0] + 0.0 * x if shape_of(xp)[0] == 1 else _on_lines(x, xp, fp)
    before, behind = only(x) < only(xp)[0], only(x) > only(xp)[-1]
    y = select(before, fp[0] if left is None else left, inside)
    return select(behind, fp[-1] if right is None else right, y)


def _if_given(part: Any, end: Array) -> Array:
    return None if end is None else part(end)


def _on_lines(x: Array, xp: Array, fp: Array) -> Array:
    """The value on the line to the right of the point in front of x."""
    place = np.searchsorted(only(xp), only(x), side="right") - 1
    last = shape_of(xp)[0] - 1
    at = np.clip(place, 0, last)
    slopes = diff(fp) / diff(xp)
    ahead, behind = slopes[np.clip(at, 0, last - 1)], slopes[np.clip(at - 1, 0, last - 1)]
    # at a point x - xp is 0, so that any slope gives the value; the gradient is the slope given
    flat = (at == 0) | (at == last) | (only(ahead) * only(behind) <= 0.0)
    flatter = np.abs(only(behind)) < np.abs(only(ahead))
    corner = select(flat, 0.0, select(flatter, behind, ahead))
    slope = select(only(x) == only(xp)[at], corner, ahead)
    return fp[at] + slope * (x - xp[at])


def _around(x: Array, xp: Array, fp: Array, period: float) -> tuple[Array, Array, Array]:
    """The points in order within one period, with the last one in front and the first behind."""
    period = abs(period)
    x, xp = remainder(x, period), remainder(xp, period)
    order = np.argsort(only(xp))
    xp, fp = xp[order], fp[order]
    return (
        x,
        join(xp[-1:] - period, xp, xp[:1] + period, axis=0),
        join(fp[-1:], fp, fp[:1], axis=0),
    )
