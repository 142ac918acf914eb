"""Many of one shape, computed as one: how a function of one row becomes a function of a table.

A `Batched` Value is a Value of shape S whose data has one axis more, in front: the batch. It says
that its shape is S, so a function, and every derivative rule, does with it what it would do with
one; here is written once, for each kind of primitive, where the batch is while that happens. What
is not written here is computed one by one, which is slower and no less right.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.errors import LeftGraphError
from tinygrad_neuron.graph import Array, Primitive, plain, primitive
from tinygrad_neuron.ops.indexing import is_basic
from tinygrad_neuron.value import Value

Raw = list[Array]  # the data of the inputs, with the batch in front where there is one
Settings = dict[str, Any]
Rule = Callable[[Primitive, Raw, list[bool], Settings], Array]


class Batched(Value):
    """A Value that stands for many: its shape is that of each, its data has the batch in front."""

    __slots__ = ()

    batched: ClassVar[bool] = True

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of each of them."""
        return np.shape(self._data)[1:]

    @classmethod
    def computed(
        cls, function: Primitive, inputs: Sequence[Array], raw: list[Array], settings: Any
    ) -> Array:
        """The primitive of each of the batch."""
        moving = [isinstance(x, Batched) for x in inputs]
        rule = _elementwise if function.elementwise else RULES.get(function, _one_by_one)
        return rule(function, raw, moving, dict(settings))

    def total(self) -> Value:
        """All of the batch added up: what an input is owed that each of them shared."""
        return ops.sum(together(self), axis=0)

    def _refuse(self, *_: Any) -> Any:
        raise LeftGraphError(
            f"This stands for {len(self._data)} numbers at once, and was asked for one.",
            why="Inside vmap a branch, or a plain number, would have to be another for each.",
            hint="where(x > 0, a, b) chooses for each;  or a loop over rows instead of vmap",
        )

    __bool__ = __float__ = __int__ = __complex__ = __index__ = __array__ = item = tolist = _refuse


@primitive(lambda g, y, x: apart(g), steep=False)
def gathered(x: Array) -> Array:
    """A batch as one array: see `together`."""
    return x


@primitive(lambda g, y, x: together(g), steep=False)
def spread_out(x: Array) -> Array:
    """An array as a batch: see `apart`."""
    return x


def together(x: Value) -> Value:
    """A batch as one Value, with the batch as its first axis."""
    return Value.made(x._data, gathered, (x,))


def apart(x: Array) -> Batched:
    """An array, or a Value, as a batch of what is along its first axis."""
    return Batched.made(plain(x), spread_out, (x,) if isinstance(x, Value) else ())


# ------------------------------------------------------------- where the batch is, by primitive


def _elementwise(function: Primitive, raw: Raw, moving: list[bool], settings: Settings) -> Array:
    """Axes are matched from the right: between the batch and a short shape go axes of length 1."""
    ndim = max(np.ndim(x) - moves for x, moves in zip(raw, moving, strict=True))
    aligned = [
        x.reshape(x.shape[:1] + (1,) * (ndim - x.ndim + 1) + x.shape[1:]) if moves else x
        for x, moves in zip(raw, moving, strict=True)
    ]
    return function.forward(*aligned, **settings)


def _one_by_one(function: Primitive, raw: Raw, moving: list[bool], settings: Settings) -> Array:
    size = next(len(x) for x, moves in zip(raw, moving, strict=True) if moves)
    each = [
        function.forward(
            *(x[i] if moves else x for x, moves in zip(raw, moving, strict=True)), **settings
        )
        for i in range(size)
    ]
    return np.stack(each)


def _matmul(function: Primitive, raw: Raw, moving: list[bool], settings: Settings) -> Array:
    """Stacks of matrices are what matmul takes; a batch of vectors is a stack of thin ones."""
    a, b = raw
    ndims = [np.ndim(x) - moves for x, moves in zip(raw, moving, strict=True)]
    if max(ndims) > 2:
        return _one_by_one(function, raw, moving, settings)
    thin_a, thin_b = ndims[0] == 1, ndims[1] == 1
    a = np.expand_dims(a, -2) if thin_a else a
    b = np.expand_dims(b, -1) if thin_b else b
    y = np.matmul(a, b)
    y = y[..., 0] if thin_b else y
    return (y[..., 0] if thin_b else y[..., 0, :]) if thin_a else y


def _take(function: Primitive, raw: Raw, moving: list[bool], settings: Settings) -> Array:
    if not is_basic(settings["index"]):
        return _one_by_one(function, raw, moving, settings)
    return raw[0][_behind(settings["index"])]


def _scatter(function: Primitive, raw: Raw, moving: list[bool], settings: Settings) -> Array:
    if not is_basic(settings["index"]):
        return _one_by_one(function, raw, moving, settings)
    shape = (len(raw[0]), *settings["shape"])
    return function.forward(raw[0], index=_behind(settings["index"]), shape=shape)


def _behind(index: Any) -> Any:
    """An index of each, as an index of all: the batch is one axis more in front."""
    return (slice(None), *(index if isinstance(index, tuple) else (index,)))


def _unary(settings_of: Callable[[Array, Settings], Settings]) -> Rule:
    """The same primitive, its settings rewritten for data with one axis more in front."""

    def rule(function: Primitive, raw: Raw, moving: list[bool], settings: Settings) -> Array:
        return function.forward(raw[0], **{**settings, **settings_of(raw[0], settings)})

    return rule


def _axis(x: Array, settings: Settings) -> Settings:
    """`axis` one further back where it counts from the front; all but the batch where it is None."""
    axis = settings["axis"]
    if axis is None:
        return {"axis": tuple(range(1, x.ndim))}
    shifted = tuple(k % (x.ndim - 1) + 1 for k in (axis if isinstance(axis, tuple) else (axis,)))
    return {"axis": shifted}


def _sum_to(function: Primitive, raw: Raw, moving: list[bool], settings: Settings) -> Array:
    (x,), shape = raw, settings["shape"]
    added = tuple(range(1, x.ndim - len(shape)))
    x = np.add.reduce(x, axis=added) if added else x
    return function.forward(x, shape=(len(x), *shape))


def _broadcast_to(function: Primitive, raw: Raw, moving: list[bool], settings: Settings) -> Array:
    (x,), shape = raw, settings["shape"]
    thin = x.reshape(x.shape[:1] + (1,) * (len(shape) - x.ndim + 1) + x.shape[1:])
    return np.broadcast_to(thin, (len(x), *shape))


def _transpose(x: Array, settings: Settings) -> Settings:
    n = x.ndim - 1
    axes = settings["axes"] or tuple(reversed(range(n)))
    return {"axes": (0, *(k % n + 1 for k in axes))}


def _expand_dims(x: Array, settings: Settings) -> Settings:
    axis = settings["axis"] if isinstance(settings["axis"], tuple) else (settings["axis"],)
    n = x.ndim - 1 + len(axis)
    return {"axis": tuple(k % n + 1 for k in axis)}


def _reshape(x: Array, settings: Settings) -> Settings:
    shape = settings["shape"]
    return {"shape": (len(x), *(shape if isinstance(shape, tuple) else (shape,)))}


RULES: dict[Primitive, Rule] = {
    ops.matmul: _matmul,
    ops.take: _take,
    ops.scatter: _scatter,
    ops.sum_to: _sum_to,
    ops.broadcast_to: _broadcast_to,
    ops.sum: _unary(_axis),
    ops.mean: _unary(_axis),
    ops.max: _unary(_axis),
    ops.min: _unary(_axis),
    ops.transpose: _unary(_transpose),
    ops.expand_dims: _unary(_expand_dims),
    ops.reshape: _unary(_reshape),
}
