"""Many of one shape, computed as one: how a function of one row becomes a function of a table.

A `Batched` Value is a Value of shape S whose data has one axis more, in front: the batch. It says
that its shape is S, so a function, and every derivative rule, does with it what it would do with
one. Where the batch is while that happens is written here, once for each kind of primitive; what is
not written here is computed one by one, which is slower and no less right.

There is one batch at a time: two would lie on the same axis. Whoever needs another while one is
open asks `is_open` and takes a loop.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.arrays import is_foreign
from tinygrad_neuron.backward import unless_idle
from tinygrad_neuron.errors import LeftGraphError, UnsupportedError
from tinygrad_neuron.graph import Array, Primitive, any_foreign, is_traced, plain, primitive
from tinygrad_neuron.ops.indexing import is_basic
from tinygrad_neuron.ops.shape import ndim_of, shape_of
from tinygrad_neuron.value import Value

Raw = list[Array]  # the data of the inputs, with the batch in front where there is one
Moving = list[bool]  # where there is one
Settings = dict[str, Any]
Call = Callable[..., Array]  # a primitive: its forward on data, all of it in a trace
Rule = Callable[[Call, Raw, Moving, Settings], Array]

_open: ContextVar[bool] = ContextVar("open", default=False)
is_open = _open.get


@contextmanager
def one_batch() -> Iterator[None]:
    """The time during which a function runs on a batch."""
    token = _open.set(True)
    try:
        yield
    finally:
        _open.reset(token)


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
        if any_foreign(*raw):
            raise _not_in_memory(function, next(filter(is_foreign, raw)))
        moving = [isinstance(x, Batched) for x in inputs]
        return _rule_of(function)(function.forward, raw, moving, dict(settings))

    @classmethod
    def in_a_trace(cls, function: Primitive, inputs: Sequence[Array], settings: Any) -> Array:
        """The same where some of the inputs stand for all runs: recorded, batches as arrays."""
        moving = [isinstance(x, Batched) for x in inputs]
        raw = [_whole(x) if isinstance(x, Batched) else x for x in inputs]
        return apart(_rule_of(function)(function, raw, moving, dict(settings)))

    def total(self) -> Value:
        """All of the batch added up: what an input is owed that each of them shared."""
        return ops.sum(together(self), axis=0)

    def only(self) -> Array:
        """There is no one number: refused."""
        raise LeftGraphError(
            f"This stands for {len(self._data)} at once, and was asked for one.",
            why="Inside vmap a branch, or a plain number, would have to be another for each.",
            hint="where(x > 0, a, b) chooses for each;  or a loop over rows instead of vmap",
        )

    def _refused(self, *_: Any, **__: Any) -> Any:
        return self.only()

    data = property(only)
    __array__: Any = _refused
    __bool__ = __float__ = __int__ = __complex__ = __index__ = _refused
    item = tolist = backward = _refused


class TracedBatch(Batched):
    """A batch in a trace: `inputs` holds the one array that it is there."""

    __slots__ = ()

    traced: ClassVar[bool] = True


def _whole(x: Value) -> Array:
    return x.inputs[0] if isinstance(x, TracedBatch) else x._data


@primitive(lambda g, y, x: apart(g), steep=False, holomorphic=True)
def gathered(x: Array) -> Array:
    """A batch as one array: see `together`."""
    return x


@primitive(lambda g, y, x: together(g), steep=False, holomorphic=True)
def spread_out(x: Array) -> Array:
    """An array as a batch: see `apart`."""
    return x


def together(x: Value) -> Value:
    """A batch as one Value, with the batch as its first axis."""
    if isinstance(x, TracedBatch):
        return x.inputs[0]
    return Value.made(x._data, gathered, (x,))


def apart(x: Array) -> Batched:
    """An array that nobody else writes, or a Value, as a batch of what is along its first axis."""
    if is_traced(x):
        return TracedBatch.made(x._data, spread_out, (x,))
    if any_foreign(x):
        raise _not_in_memory(spread_out, plain(x))
    return Batched.made(plain(x), spread_out, (x,) if isinstance(x, Value) else ())


def _not_in_memory(function: Primitive, x: Array) -> UnsupportedError:
    return UnsupportedError(
        f"{function.name} of a batch met a {type(x).__module__} array of shape {x.shape}.",
        why="vmap, jacobian and hessian put many runs into one array, which is one in memory.",
        hint="hvp and vjp give products with a Jacobian or a Hessian, one sweep each",
        function=function.name,
    )


# ------------------------------------------------------------- where the batch is, by primitive


def _elementwise(call: Call, raw: Raw, moving: Moving, settings: Settings) -> Array:
    return call(*_aligned(raw, moving), **settings)


def _rule_of(function: Primitive) -> Rule:
    if function.from_the_end:
        return _as_it_is
    return _elementwise if function.elementwise else RULES.get(function, _one_by_one)


def _aligned(raw: Raw, moving: Moving) -> Raw:
    """Axes are matched from the right: between the batch and a short shape go axes of length 1."""
    ndim = max(ndim_of(x) - moves for x, moves in zip(raw, moving, strict=True))
    return [_padded(x, ndim) if moves else x for x, moves in zip(raw, moving, strict=True)]


def _padded(x: Array, ndim: int) -> Array:
    if ndim == x.ndim - 1:
        return x
    return x.reshape(x.shape[:1] + (1,) * (ndim - x.ndim + 1) + x.shape[1:])


def _one_by_one(call: Call, raw: Raw, moving: Moving, settings: Settings) -> Array:
    def of(i: int) -> Array:
        return call(*_each(raw, moving, lambda x: x[i]), **settings)

    size = _size(raw, moving)
    if size:
        return ops.stack([of(i) for i in range(size)])
    y = call(*_each(raw, moving, _harmless), **settings)
    return np.zeros((0, *np.shape(y)), np.asarray(y).dtype)


def _harmless(x: Array) -> Array:
    """What one of a batch could look like: zeros, and for a square matrix the identity."""
    square = x.ndim > 2 and x.shape[-1] == x.shape[-2]
    return np.zeros(x.shape[1:], x.dtype) + (np.eye(x.shape[-1], dtype=x.dtype) if square else 0)


def _size(raw: Raw, moving: Moving) -> int:
    return next(len(x) for x, moves in zip(raw, moving, strict=True) if moves)


def _each(raw: Raw, moving: Moving, part: Callable[[Array], Array]) -> Raw:
    return [part(x) if moves else x for x, moves in zip(raw, moving, strict=True)]


def _matmul(call: Call, raw: Raw, moving: Moving, settings: Settings) -> Array:
    """Stacks of matrices are what matmul takes; a vector takes part as a row, or as a column."""
    a, b = raw
    row, column = (ndim_of(x) - moves == 1 for x, moves in zip(raw, moving, strict=True))
    a = np.expand_dims(a, -2) if row else a
    b = np.expand_dims(b, -1) if column else b
    a, b = _aligned([a, b], moving)
    y = _stacked_product(a, b, moving)
    return np.squeeze(y, (-2,) * row + (-1,) * column) if row or column else y


def _stacked_product(a: Array, b: Array, moving: Moving) -> Array:
    """a @ b; against one matrix, the rows of all the batch are the rows of one matrix."""
    if not moving[1] and b.ndim == 2:
        rows = a.reshape(-1, b.shape[0]) @ b
        return rows.reshape(*a.shape[:-1], b.shape[1])
    if not moving[0] and a.ndim == 2:
        return np.swapaxes(_stacked_product(np.swapaxes(b, -1, -2), a.T, [True, False]), -1, -2)
    return np.matmul(a, b)


def _joined(call: Call, raw: Raw, moving: Moving, settings: Settings) -> Array:
    """What is the same for all is repeated."""
    size, axis = _size(raw, moving), settings["axis"]
    each = [
        x if moves else np.broadcast_to(x, (size, *shape_of(x)))
        for x, moves in zip(raw, moving, strict=True)
    ]
    return call(*each, axis=axis + 1 if axis >= 0 else axis)


def _indexed(call: Call, raw: Raw, moving: Moving, settings: Settings) -> Array:
    """One axis more in front of the index; between lists of an index it would change the order."""
    (x,), index = raw, settings["index"]
    if isinstance(index, tuple) and not is_basic(index):
        return _one_by_one(call, raw, moving, settings)
    settings["index"] = (slice(None), *(index if isinstance(index, tuple) else (index,)))
    if "shape" in settings:
        settings["shape"] = (len(x), *settings["shape"])
    return call(x, **settings)


def _sum_to(call: Call, raw: Raw, moving: Moving, settings: Settings) -> Array:
    (x,), shape = raw, settings["shape"]
    added = tuple(range(1, x.ndim - len(shape)))
    x = np.add.reduce(x, axis=added) if added else x
    return call(x, shape=(len(x), *shape))


def _broadcast_to(call: Call, raw: Raw, moving: Moving, settings: Settings) -> Array:
    (x,), shape = raw, settings["shape"]
    return call(_padded(x, len(shape)), shape=(len(x), *shape))


def _as_it_is(call: Call, raw: Raw, moving: Moving, settings: Settings) -> Array:
    """The settings count axes from the last one: a batch in front changes nothing."""
    return call(*raw, **settings)


def _excused(call: Call, raw: Raw, moving: Moving, settings: Settings) -> Array:
    """Entry by entry where each share has what it is owed; else all of one's counts."""
    shapes = [shape_of(x)[moves:] for x, moves in zip(raw, moving, strict=True)]
    if shapes[0] == shapes[1]:
        whole = _size(raw, moving), *shapes[0]
        return call(*(x if shape_of(x) == whole else np.broadcast_to(x, whole) for x in raw))
    return _one_by_one(call, raw, moving, settings)


def _having(key: str, further_back: Callable[[Array, Any], Any]) -> Rule:
    """The same primitive, with this setting as it must be for data with one axis more in front."""

    def rule(call: Call, raw: Raw, moving: Moving, settings: Settings) -> Array:
        (x,) = raw
        return call(x, **{**settings, key: further_back(x, settings[key])})

    return rule


def _as_tuple(axes: Any) -> tuple[int, ...]:
    return axes if isinstance(axes, tuple) else (axes,)


def _behind(axes: Any, ndim: int) -> tuple[int, ...]:
    """Axes of each, which has so many, as axes of the batch."""
    return tuple(k % ndim + 1 for k in _as_tuple(axes))


def _axis(x: Array, axis: Any) -> tuple[int, ...]:
    return tuple(range(1, x.ndim)) if axis is None else _behind(axis, x.ndim - 1)


def _order(x: Array, axes: Any) -> tuple[int, ...]:
    return (0, *(_axis(x, axes)[::-1] if axes is None else _behind(axes, x.ndim - 1)))


def _new_axis(x: Array, axis: Any) -> tuple[int, ...]:
    return _behind(axis, x.ndim - 1 + len(_as_tuple(axis)))


def _thin_axis(x: Array, axis: Any) -> tuple[int, ...]:
    return tuple(k for k in _axis(x, axis) if axis is not None or x.shape[k] == 1)


def _shape(x: Array, shape: Any) -> tuple[int, ...]:
    """-1 is worked out for each: of an empty batch nobody could say."""
    if -1 in _as_tuple(shape):
        shape = np.empty(x.shape[1:], bool).reshape(shape).shape
    return (len(x), *_as_tuple(shape))


RULES: dict[Primitive, Rule] = {
    ops.matmul: _matmul,
    ops.join: _joined,
    ops.pile: _joined,
    ops.take: _indexed,
    ops.scatter: _indexed,
    ops.sum_to: _sum_to,
    ops.broadcast_to: _broadcast_to,
    ops.sum: _having("axis", _axis),
    ops.mean: _having("axis", _axis),
    ops.max: _having("axis", _axis),
    ops.min: _having("axis", _axis),
    ops.squeeze: _having("axis", _thin_axis),
    ops.expand_dims: _having("axis", _new_axis),
    ops.transpose: _having("axes", _order),
    ops.reshape: _having("shape", _shape),
    unless_idle: _excused,
}
