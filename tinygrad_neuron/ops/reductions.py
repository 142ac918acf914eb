"""Many numbers into fewer: a reduced gradient goes back to everyone who had a say.

A reduction is declared for the two settings that shape it, `axis` and `keepdims`. NumPy's other
keywords are expressions around it: `dtype` is a conversion before, `where` a choice before,
`initial` one more number after. So a mask may be a Value, `initial` has a gradient, and no rule
needs to know of either.
"""

from collections.abc import Callable
from itertools import accumulate
from math import inf, prod as product
from typing import Any

import numpy as np

from tinygrad_neuron.errors import UnsupportedError, refuse
from tinygrad_neuron.graph import (
    Array,
    Domain,
    Node,
    Primitive,
    Rule,
    dtype_of,
    only,
    primitive,
)
from tinygrad_neuron.ops.elementwise import (
    astype,
    divide,
    maximum,
    minimum,
    positive,
    select,
    stop_gradient,
)
from tinygrad_neuron.ops.shape import (
    Axes,
    broadcast_to,
    join,
    ndim_of,
    reshape,
    shape_of,
    transpose,
)

Shape = tuple[int, ...]

IN_ORDER = "each entry needs the one before it"

# ------------------------------------------------------------------------------- which axes


def axes_of(x: Array, axis: Axes) -> tuple[int, ...]:
    """The axes that are meant, counted from the front; None means all."""
    n = ndim_of(x)
    if axis is None:
        return tuple(range(n))
    return np.lib.array_utils.normalize_axis_tuple(axis, n) if n else ()


def kept_shape(shape: Shape, axis: Axes) -> Shape:
    """The shape after reducing, with the reduced axes kept as ones."""
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    gone = {k % len(shape) for k in axes} if shape else set()
    return tuple(1 if k in gone else n for k, n in enumerate(shape))


def left_shape(x: Array, axis: Axes, keepdims: bool) -> Shape:
    """The shape after reducing."""
    if keepdims:
        return kept_shape(shape_of(x), axis)
    axes = axes_of(x, axis)
    return tuple(n for k, n in enumerate(shape_of(x)) if k not in axes)


def spread(g: Array, shape: Shape, axis: Axes) -> Array:
    """A reduced gradient back at full size: every summand had the same say."""
    if shape_of(g):
        g = reshape(g, shape=kept_shape(shape, axis))
    return broadcast_to(g, shape=shape) if shape_of(g) != shape else g


def as_rows(x: Array, axes: tuple[int, ...]) -> Array:
    """The entries along these axes as one last axis."""
    shape = shape_of(x)
    rest = tuple(k for k in range(len(shape)) if k not in axes)
    if axes != tuple(range(len(rest), len(shape))):
        x = transpose(x, axes=rest + axes)
    length = product(shape[k] for k in axes)
    return reshape(x, shape=(*(shape[k] for k in rest), length)) if len(axes) != 1 else x


def from_rows(rows: Array, shape: Shape, axes: tuple[int, ...]) -> Array:
    """What `as_rows` made of an array of this shape, as it was."""
    rest = tuple(k for k in range(len(shape)) if k not in axes)
    order = rest + axes
    x = reshape(rows, shape=tuple(shape[k] for k in order))
    back = tuple(int(k) for k in np.argsort(order))
    return x if back == tuple(range(len(shape))) else transpose(x, axes=back)


# -------------------------------------------------------------------------- NumPy's keywords


class Keyworded(Primitive):
    """A primitive with few settings, which takes all of NumPy's keywords.

    `whole` is the function with NumPy's signature. It puts what the rarer keywords ask for around
    the primitive; a call without them does not go through it.
    """

    def __init__(
        self,
        forward: Callable[..., Array],
        rules: tuple[Any, ...],
        *,
        whole: Callable[..., Array],
        **traits: Any,
    ) -> None:
        super().__init__(forward, rules, **traits)
        self.whole = whole
        code = whole.__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        self.keywords = dict.fromkeys(names).keys()

    def __call__(self, *inputs: Array, **settings: Any) -> Any:
        if len(inputs) <= 2 and settings.keys() <= self.defaults.keys():
            if len(inputs) == 2:  # the axis is the first setting of all of them
                return super().__call__(inputs[0], axis=inputs[1], **settings)
            return super().__call__(*inputs, **settings)
        if settings.keys() <= self.keywords:
            return self.whole(*inputs, **settings)
        surplus = ", ".join(k for k in settings if k not in self.keywords)
        raise UnsupportedError(
            f"{self.name} has no keyword {surplus}.",
            why="A keyword that is not understood would be ignored, and the result wrong.",
            hint=f"{self.name}({', '.join(self.keywords)})",
        )


def keyworded(
    whole: Callable[..., Array], *rules: Rule | None, **traits: Any
) -> Callable[[Callable[..., Array]], Primitive]:
    """Declare a primitive together with the function that has NumPy's whole signature."""
    return lambda forward: Keyworded(forward, rules, whole=whole, **traits)


def in_precision(name: str, x: Array, dtype: Any) -> Array:
    """x as the array to work on, in the precision that was asked for."""
    if isinstance(x, list | tuple):
        x = positive(x)
    if dtype is None:
        return x
    if isinstance(x, Node) and np.dtype(dtype).kind not in "fc":
        raise UnsupportedError(
            f"np.{name} of a Value cannot be computed in {np.dtype(dtype)}.",
            why="Whole numbers do not move a little, so that no gradient would pass.",
            hint=f"np.{name}(v).astype(int)  or  np.{name}(v.data, dtype=int)  for plain numbers",
        )
    return astype(x, dtype=np.dtype(dtype))


def chosen(x: Array, where: Array, otherwise: float) -> Array:
    """The entries of x that take part, and in place of the others a number that does no harm."""
    return x if where is True else select(_mask(x, where), x, otherwise)


def _mask(x: Array, where: Array) -> Array:
    """Which entries take part, one answer for each or fewer that are repeated."""
    where = np.asarray(where) if isinstance(where, list | tuple | bool) else where
    if np.broadcast_shapes(shape_of(where), shape_of(x)) != shape_of(x):
        raise ValueError(f"a mask of shape {shape_of(where)} for an array of {shape_of(x)}")
    return where


def how_many(x: Array, axis: Axes, keepdims: bool, where: Array) -> Array:
    """How many entries take part in each result: a number, or an array of them."""
    if where is True:
        return product(shape_of(x)[k] for k in axes_of(x, axis))
    ones = astype(_mask(x, where), dtype=dtype_of(x))
    count = sum(broadcast_to(ones, shape=shape_of(x)), axis=axis, keepdims=keepdims)
    return stop_gradient(count)


# ---------------------------------------------------------------------------- sums and means


def _sum(
    x: Array,
    axis: Axes = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Array = None,
    where: Array = True,
) -> Array:
    refuse("np.sum", out=out)
    x = chosen(in_precision("sum", x, dtype), where, 0.0)
    y = sum(x, axis=axis, keepdims=keepdims)
    return y if initial is None else y + initial


@keyworded(
    _sum,
    lambda g, y, x, axis, keepdims: spread(g, shape_of(x), axis),
    holomorphic=True,
    foreign=np.sum,
    numpy=(np.sum,),
    steep=False,
)
def sum(x: Array, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """All of them added up, or those along an axis."""
    return np.add.reduce(x, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]


def _mean(
    x: Array,
    axis: Axes = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: bool = False,
    *,
    where: Array = True,
) -> Array:
    refuse("np.mean", out=out)
    x = in_precision("mean", x, dtype)
    if where is True:
        return mean(x, axis=axis, keepdims=keepdims)
    total = sum(chosen(x, where, 0.0), axis=axis, keepdims=keepdims)
    return divide(total, how_many(x, axis, keepdims, where))


@keyworded(
    _mean,
    lambda g, y, x, axis, keepdims: spread(g / _summands(x, y), shape_of(x), axis),
    holomorphic=True,
    numpy=(np.mean,),
    steep=False,
)
def mean(x: Array, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """The sum, divided by how many there are."""
    return np.mean(x, axis=axis, keepdims=keepdims)


def _summands(x: Array, y: Array) -> int:
    """How many entries of x went into each entry of y; 1 for none, of which nothing is owed."""
    return product(shape_of(x)) // (product(shape_of(y)) or 1) or 1


# --------------------------------------------------------------------------------- extremes


def _shared_out(g: Array, y: Array, x: Array, axis: Axes) -> Array:
    """The gradient of an extreme: to the entries that reached it, in equal parts."""
    shape = shape_of(x)
    reached = (x == spread(y, shape, axis)) | (x != x)  # nan is chosen before any number
    ties = sum(reached, axis=axis, keepdims=True)
    return select(reached, spread(g, shape, axis) / ties, 0.0)


def _extreme(
    of_all: Any, of_two: Any, idle: float, x: Array, axis: Axes, keepdims: bool, given: Any
) -> Array:
    """The extreme of the entries that take part and of an initial number, if there is one."""
    initial, where = given
    x = in_precision(of_all.name, x, None)
    if initial is None:
        if where is not True:
            raise ValueError(f"{of_all.name} with a where mask needs initial: it may choose none")
        return of_all(x, axis=axis, keepdims=keepdims)
    if how_many(x, axis, keepdims, True) == 0:
        return sum(x, axis=axis, keepdims=keepdims) + initial
    return of_two(of_all(chosen(x, where, idle), axis=axis, keepdims=keepdims), initial)


def _max(
    x: Array,
    axis: Axes = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Array = None,
    where: Array = True,
) -> Array:
    refuse("np.max", out=out)
    return _extreme(max, maximum, -inf, x, axis, keepdims, (initial, where))


@keyworded(
    _max,
    lambda g, y, x, axis, keepdims: _shared_out(g, y, x, axis),
    numpy=(np.max, np.amax),
    domains=(Domain(),),
    kink="where several are the largest, equal parts for each",
    steep=False,
)
def max(x: Array, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """The largest of them, or the largest along an axis."""
    return np.max(x, axis=axis, keepdims=keepdims)


def _min(
    x: Array,
    axis: Axes = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Array = None,
    where: Array = True,
) -> Array:
    refuse("np.min", out=out)
    return _extreme(min, minimum, inf, x, axis, keepdims, (initial, where))


@keyworded(
    _min,
    lambda g, y, x, axis, keepdims: _shared_out(g, y, x, axis),
    numpy=(np.min, np.amin),
    domains=(Domain(),),
    kink="where several are the smallest, equal parts for each",
    steep=False,
)
def min(x: Array, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """The smallest of them, or the smallest along an axis."""
    return np.min(x, axis=axis, keepdims=keepdims)


def ptp(x: Array, axis: Axes = None, out: Any = None, keepdims: bool = False) -> Array:
    """From the smallest to the largest: the width of what lies between.

    >>> ptp([3.0, 1.0, 4.0])
    3.0
    """
    refuse("np.ptp", out=out)
    x = in_precision("ptp", x, None)
    return max(x, axis=axis, keepdims=keepdims) - min(x, axis=axis, keepdims=keepdims)


# --------------------------------------------------------------------------------- products


def _prod(
    x: Array,
    axis: Axes = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Array = None,
    where: Array = True,
) -> Array:
    refuse("np.prod", out=out)
    x = chosen(in_precision("prod", x, dtype), where, 1.0)
    y = prod(x, axis=axis, keepdims=keepdims)
    return y if initial is None else y * initial


def _prod_share(g: Array, y: Array, x: Array, axis: Axes, keepdims: bool) -> Array:
    """g times the product of all the others: before it, times after it; never y / x."""
    shape, axes = shape_of(x), axes_of(x, axis)
    if not product(shape):
        return spread(g, shape, axis)
    rows = as_rows(x, axes)
    others = before(rows) * before(rows[..., ::-1])[..., ::-1]
    return spread(g, shape, axis) * from_rows(others, shape, axes)


@keyworded(
    _prod,
    _prod_share,
    holomorphic=True,
    numpy=(np.prod,),
)
def prod(x: Array, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """All of them multiplied, or those along an axis; with zeros among them its slope is right."""
    return np.prod(x, axis=axis, keepdims=keepdims)


def shifted(rows: Array, first: float) -> Array:
    """Each row moved on by one, with this number in front; what was last falls out."""
    front = np.full((*shape_of(rows)[:-1], 1), first, dtype_of(rows))
    return join(front, rows[..., :-1], axis=-1)


def before(rows: Array) -> Array:
    """For each entry of a row, the product of those in front of it."""
    return cumprod(shifted(rows, 1.0), axis=-1)


def _cumprod(x: Array, axis: int | None = None, dtype: Any = None, out: Any = None) -> Array:
    refuse("np.cumprod", out=out)
    return cumprod(in_precision("cumprod", x, dtype), axis=axis)


def _cumprod_share(g: Array, y: Array, x: Array, axis: int | None) -> Array:
    """Of an entry: what is in front of it, times what each product owes that comes after it."""
    shape, axes = shape_of(x), axes_of(x, axis)
    if not product(shape):
        return reshape(g, shape=shape)
    rows = as_rows(x, axes)
    owed = as_rows(reshape(g, shape=shape), axes)
    return from_rows(before(rows) * backwards(owed, rows), shape, axes)


@keyworded(
    _cumprod,
    _cumprod_share,
    holomorphic=True,
    numpy=(np.cumprod,),
)
def cumprod(x: Array, *, axis: int | None = None) -> Array:
    """The products of the first, the first two, the first three ..., along an axis."""
    return np.cumprod(x, axis=axis)


def backwards(g: Array, a: Array) -> Array:
    """r with r[k] = g[k] + a[k + 1] * r[k + 1]: what a recurrence hands back along its rows."""
    return recurrence(g[..., ::-1], shifted(a[..., ::-1], 0.0))[..., ::-1]


@primitive(
    lambda g, y, b, a: backwards(g, a),
    lambda g, y, b, a: backwards(g, a) * shifted(y, 0.0),
    holomorphic=True,
    foreign=IN_ORDER,
)
def recurrence(b: Array, a: Array) -> Array:
    """s with s[k] = b[k] + a[k] * s[k - 1] along the last axis, and s[0] = b[0].

    It is the gradient of a running product, written without a division; and, backwards, its own.
    """
    b, a = np.asarray(b), np.asarray(a)
    s = np.array(b, dtype=np.result_type(b, a), order="C")
    if s.ndim == 1:  # in Python's floats: an array for each number would be 20 times slower
        pairs = zip(b.tolist(), a.tolist(), strict=True)
        s[:] = [last for last, _ in accumulate(pairs, lambda s, ba: (ba[0] + ba[1] * s[0], 0.0))]
        return s
    for k in range(1, s.shape[-1]):
        s[..., k] += a[..., k] * s[..., k - 1]
    return s


# ---------------------------------------------------------------------------- plain answers


def all(x: Array, axis: Axes = None, out: Any = None, keepdims: Any = False, **where: Any) -> Array:
    """Whether every one of them holds. The answer is plain: no gradient passes a yes or no."""
    return np.all(only(x), axis, out, keepdims, **_plain_mask(where))


def any(x: Array, axis: Axes = None, out: Any = None, keepdims: Any = False, **where: Any) -> Array:
    """Whether at least one of them holds, as a plain answer."""
    return np.any(only(x), axis, out, keepdims, **_plain_mask(where))


def _plain_mask(where: dict[str, Any]) -> dict[str, Any]:
    return {keyword: only(mask) for keyword, mask in where.items()}


def count_nonzero(x: Array, axis: Axes = None, *, keepdims: bool = False) -> Any:
    """How many of them are not 0, as a plain whole number."""
    return np.count_nonzero(only(x), axis, keepdims=keepdims)


def argmax(x: Array, axis: int | None = None, out: Any = None, *, keepdims: bool = False) -> Any:
    """The place of the first largest entry, as a plain whole number."""
    return np.argmax(only(x), axis, out, keepdims=keepdims)


def argmin(x: Array, axis: int | None = None, out: Any = None, *, keepdims: bool = False) -> Any:
    """The place of the first smallest entry, as a plain whole number."""
    return np.argmin(only(x), axis, out, keepdims=keepdims)


def nanargmax(x: Array, axis: int | None = None, out: Any = None, *, keepdims: bool = False) -> Any:
    """The place of the first largest of those that are numbers, as a plain whole number."""
    return np.nanargmax(only(x), axis, out, keepdims=keepdims)


def nanargmin(x: Array, axis: int | None = None, out: Any = None, *, keepdims: bool = False) -> Any:
    """The place of the first smallest of those that are numbers, as a plain whole number."""
    return np.nanargmin(only(x), axis, out, keepdims=keepdims)


def searchsorted(a: Array, v: Array, side: Any = "left", sorter: Any = None) -> Any:
    """The places where v would stand in the sorted a, as plain whole numbers."""
    return np.searchsorted(only(a), only(v), side, sorter)
