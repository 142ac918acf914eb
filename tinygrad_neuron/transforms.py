"""Functions of functions: from a function to its gradient, its Jacobian, its Hessian.

Nothing is left on any Value: the function runs on fresh Values, sweeps answer, and the answers are
made of Values again. Where somebody could differentiate an answer, the sweep records itself.

Two ideas carry everything. A *pullback* takes what a result is owed to what the arguments are owed:
one sweep. And a pullback is linear in what it is given, so pulling *it* back pushes forward:
forward mode needs no rules of its own.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial, update_wrapper
from itertools import repeat
from typing import Any

import numpy as np

from tinygrad_neuron.arrays import is_foreign
from tinygrad_neuron.backward import like, own, seed_for, settled, sweep
from tinygrad_neuron.batching import Batched, apart, is_open, one_batch, together
from tinygrad_neuron.containers import alongside, leaves, mapped, parts, rebuilt
from tinygrad_neuron.errors import (
    GradientShapeError,
    LeftGraphError,
    NotScalarError,
    UnsupportedError,
    imaginary_lost,
    short,
)
from tinygrad_neuron.floats import NUMBERS, sweep_floats
from tinygrad_neuron.graph import Array, Node, history, is_complex, tick, tidy
from tinygrad_neuron.hooks import OnlyBackwardError, forward
from tinygrad_neuron.modes import no_grad, paused, recording
from tinygrad_neuron.ops import (
    conj,
    conjugate,
    imag,
    positive,
    real,
    reshape,
    stack,
    stop_gradient,
    take,
    transpose,
)
from tinygrad_neuron.ops.shape import ndim_of, shape_of
from tinygrad_neuron.value import Value

Function = Callable[..., Any]
Argnums = int | tuple[int, ...]


# --------------------------------------------------------------------------- of one number


def grad(f: Function, argnums: Argnums = 0, *, has_aux: bool = False) -> Function:
    """The function that gives the gradient of `f`, which returns one number.

    By its first argument, or by those that `argnums` counts. An argument may be a number, an array,
    a Value, or a list, tuple, dict or dataclass of them, nested as you like; its gradient is built
    alike. The answer is made of Values and can be differentiated again:

    >>> cube = lambda x: x * x * x
    >>> grad(cube)(2.0), grad(grad(cube))(2.0)
    (Value(12.0), Value(12.0))
    >>> grad(lambda p: p["w"] * 3.0 + p["b"])({"w": 1.0, "b": 0.0})
    {'w': Value(3.0), 'b': Value(1.0)}

    With `has_aux`, `f` returns the number and something else, and the answer is the gradient and
    that. Raises `NotScalarError` (TN103) if `f` returns more than one number, and `LeftGraphError`
    (TN105) if it returns a plain number, which no gradient can reach.
    """
    both = value_and_grad(f, argnums, has_aux=has_aux)

    def gradient(*args: Any, **settings: Any) -> Any:
        value, g = both(*args, **settings)
        return (g, value[1]) if has_aux else g

    return _of(f, gradient)


def value_and_grad(f: Function, argnums: Argnums = 0, *, has_aux: bool = False) -> Function:
    """The function that gives `f`'s result and its gradient, for the price of one forward pass.

    >>> value_and_grad(lambda w: (w * 256 - 1492) ** 2)(0.0)
    (Value(2226064.0), Value(-763904.0))

    With `has_aux` the first of the two is what `f` returned: its number and something else.
    Arguments and errors as for `grad`.
    """

    def value_and_gradient(*args: Any, **settings: Any) -> tuple[Any, Any]:
        since, fresh, chosen = _fresh(args, argnums)
        with recording():
            y = f(*fresh, **settings)
        y, aux = _pair(y) if has_aux else (y, None)
        xs = list(leaves(chosen))
        y = _one_number(y)
        gradients, watched = _gradients(y, xs, since)
        y = y if watched else y.detach()
        return (
            (y, mapped(lambda part: _released(part, since), aux)) if has_aux else y,
            _as_asked(rebuilt(chosen, gradients), argnums),
        )

    return _of(f, value_and_gradient)


def elementwise_grad(f: Function, argnums: Argnums = 0) -> Function:
    """The gradient of the sum of `f`'s results: for a function of each entry, each one's slope.

    >>> elementwise_grad(lambda x: x**2)(np.array([1.0, 2.0]))
    Value([2.0, 4.0])
    """
    return grad(lambda *args, **settings: _one_value(f(*args, **settings)).sum(), argnums)


# --------------------------------------------------------------------------- back and forward


def vjp(f: Function, *args: Any) -> tuple[Any, Function]:
    """`f`'s result, and its pullback: from what the result is owed to what each argument is owed.

    The result may be a Value of any shape, or a container of Values; the pullback takes numbers
    built alike and gives one answer per argument, in a tuple. It may be called again and again.

    >>> y, pullback = vjp(lambda x: x**2, np.array([1.0, 2.0]))
    >>> pullback(np.array([1.0, 10.0]))
    (Value([2.0, 40.0]),)

    Raises `GradientShapeError` (TN113) for a cotangent of another shape than the result's.
    """
    since, fresh, y, ys = _run(f, args)
    xs = list(leaves(fresh))
    asked = _watched(since, ys)

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        return rebuilt(fresh, _pulled(ys, alongside(y, cotangent), xs, since, asked))

    return mapped(lambda part: _released(part, since), y), pullback


def jvp(f: Function, args: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    """`f`'s result, and how it moves when the arguments move along the tangents.

    >>> jvp(lambda x: x**3, (2.0,), (1.0,))
    (Value(8.0), Value(12.0))

    It is the pullback pulled back: two to three gradients' cost, for any number of arguments.
    """
    y, push = linearize(f, *args)
    return y, push(*tangents)


def linearize(f: Function, *args: Any) -> tuple[Any, Function]:
    """`f`'s result, and the linear function of tangents that is nearest to `f` at the arguments.

    >>> y, push = linearize(lambda x, w: x * w, 2.0, 5.0)
    >>> push(1.0, 0.0), push(0.0, 1.0)
    (Value(5.0), Value(2.0))

    Raises `GradientShapeError` (TN113) for a tangent of another shape than its argument's.
    """
    since, fresh, y, ys = _run(f, args)
    asked, begun = _watched(since, ys), tick()
    us = _stand_ins(ys)
    with recording(), forward():
        shares = _pulled(ys, us, list(leaves(fresh)), since, True)

    def push(*tangents: Any) -> Any:
        return rebuilt(y, _pulled(shares, alongside(args, tangents), us, begun, asked))

    return mapped(lambda part: _released(part, since), y), push


# ------------------------------------------------------------------------ of many numbers


def jacobian(f: Function, argnums: Argnums = 0) -> Function:
    """The function that gives every partial derivative of `f`'s result by its argument.

    For a result of shape S and an argument of shape X the answer has shape S + X. A container of
    results gives a container of answers, each of them built like the argument.

    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    Value([[2.0, 0.0],
     [0.0, 4.0]])

    All rows come out of one batched sweep; where there are fewer columns than rows, all columns, by
    pulling the pullback back.

    A row of a real result is its gradient, also by a complex argument. Of a complex result the
    answer is the complex derivative: by a real argument, or by a complex one where there is one;
    `UnsupportedError` (TN131) where the result goes through abs, conj and the like.
    """

    def jacobian_of(*args: Any, **settings: Any) -> Any:
        since, fresh, chosen = _fresh(args, argnums)
        with recording():
            result = f(*fresh, **settings)
        xs = list(leaves(chosen))

        def partials(y: Any) -> Any:
            narrow = sum(x.size for x in xs) < _one_value(y).size
            way = _columns if narrow else _rows
            found = _partials(way, y, xs, since, _watched(since, [y]))
            return _as_asked(rebuilt(chosen, found), argnums)

        return mapped(partials, result)

    return _of(f, jacobian_of)


def hessian(f: Function, argnums: Argnums = 0) -> Function:
    """The function that gives every second derivative of `f`, which returns one number.

    For an argument of shape X the answer has shape X + X; a container of arguments gives a
    container of containers.

    >>> hessian(lambda x: (x**3).sum())(np.array([1.0, 2.0]))
    Value([[6.0, 0.0],
     [0.0, 12.0]])

    Raises `UnsupportedError` (TN131) for a complex argument: there `hvp` gives products.
    """
    second = jacobian(grad(f, argnums), argnums)

    def hessian_of(*args: Any, **settings: Any) -> Any:
        chosen = [args[i] for i in _chosen(argnums, len(args))]
        if any(is_complex(x) for x in leaves(chosen)):
            raise _no_hessian()
        return second(*args, **settings)

    return hessian_of


def _no_hessian() -> UnsupportedError:
    return UnsupportedError(
        "The hessian by a complex number is not one complex number.",
        why="Its gradient moves with the real and the imaginary part, each in its own way.",
        hint="hessian(lambda xy: f(xy[0] + 1j * xy[1]))   or   hvp, which is right for both",
    )


def hvp(f: Function, args: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
    """The Hessian of `f` times the tangents, without the Hessian: how the gradient moves on them.

    For one argument one answer, for several a tuple of them. The Hessian is symmetric, so it is the
    pullback of the gradient.

    >>> hvp(lambda x: (x**3).sum(), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    Value([6.0, 12.0])
    """
    _, pullback = vjp(grad(f, tuple(range(len(args)))), *args)
    moved = pullback(tuple(tangents))
    return moved if len(args) > 1 else moved[0]


def vmap(f: Function, in_axes: Any = 0, out_axes: Any = 0) -> Function:
    """The function that does to many at once what `f` does to one.

    `in_axes` says along which axis of the arguments they stand (`None`: it is the same for all):
    one for everything, or a tuple with one for each argument, which may be a container of axes.
    `out_axes` says where they stand in the result. Keyword arguments are the same for all.

    >>> vmap(lambda x, w: x @ w, in_axes=(0, None))(np.eye(2), np.array([3.0, 4.0]))
    Value([3.0, 4.0])

    Raises `LeftGraphError` (TN105) where `f` branches on a number, which would be another for each.
    """

    def mapped_f(*args: Any, **settings: Any) -> Any:
        axes = list(_each_axis(in_axes, args))
        size = _batch_size(leaves(args), axes)
        if is_open():  # there is one batch at a time
            each = (_parts(args, axes, partial(_at, i=i)) for i in range(size))
            return _side_by_side([f(*one, **settings) for one in each], out_axes)
        with one_batch():
            y = f(*_parts(args, axes, _spread), **settings)
        places = zip(leaves(y), _each_axis(out_axes, y), strict=True)
        return rebuilt(y, [_gathered(part, k, size) for part, k in places])

    return mapped_f


def _of(f: Function, derived: Function) -> Function:
    """A function made from f: whoever asks for its signature sees f's."""
    return update_wrapper(derived, f, assigned=(), updated=())


# ------------------------------------------------------------------------------ fresh arguments


def _fresh(args: tuple[Any, ...], argnums: Argnums) -> tuple[int, list[Any], tuple[Any, ...]]:
    """A birth; the arguments, of which the chosen ones are new Values born after it; and those.

    Differentiating by new nodes keeps nested gradients apart: each sees only its own.
    """
    chosen = _chosen(argnums, len(args))
    since = tick()
    fresh = [mapped(_as_new, arg) if i in chosen else arg for i, arg in enumerate(args)]
    return since, fresh, tuple(fresh[i] for i in chosen)


def _as_new(x: Array) -> Value:
    if isinstance(x, np.ndarray) and x.dtype.kind in "iub":
        return Value(x, name="an argument")  # raises TN115
    if not isinstance(x, Value):
        return Value(x)
    if x.constant or paused():  # nobody can ask further
        return type(x).made(x._data, None)
    if type(x._data) is float:
        with recording():  # a result that is paused is a constant
            return positive(x)
    return type(x).made(x._data, positive, (x,))  # who reads only needs no copy


def _chosen(argnums: Argnums, count: int) -> tuple[int, ...]:
    """The positions to differentiate by, counted from the front."""
    asked = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if any(not -count <= i < count for i in asked):
        raise TypeError(f"argnums={argnums}, but the function was called with {count} arguments")
    return tuple(i % count for i in asked)


def _as_asked(parts: tuple[Any, ...], argnums: Argnums) -> Any:
    return parts[0] if isinstance(argnums, int) else parts


# ------------------------------------------------------------------------------ results


def _run(f: Function, args: tuple[Any, ...]) -> tuple[int, tuple[Any, ...], Any, list[Value]]:
    """A birth, the arguments as new Values born after it, `f`'s result, and the Values in that."""
    since, _, fresh = _fresh(args, tuple(range(len(args))))
    with recording():
        y = f(*fresh)
    return since, fresh, y, [_one_value(part) for part in leaves(y)]


def _pair(y: Any) -> tuple[Any, Any]:
    """A number and something else; a Value of two numbers would come apart as well."""
    if not isinstance(y, tuple) or len(y) != 2:
        raise TypeError(f"with has_aux a function returns a number and something else, not {y!r}")
    return y


def _one_number(y: Any) -> Value:
    y = _one_value(y)
    if is_complex(y):
        raise NotScalarError(
            f"The function returned {short(y._data)}, which is complex; "
            "a gradient is of one real number.",
            why="A complex number has two parts, with a gradient each, and no order.",
            hint="return abs(y) ** 2, y.real or y.imag;  jacobian gives the complex derivative",
            shape=y.shape,
        )
    if y.shape:
        raise NotScalarError(
            f"The function returned shape {y.shape}; a gradient is of one number.",
            hint="return its .sum() or .mean(), or take the jacobian",
            shape=y.shape,
        )
    return y


def _one_value(y: Any) -> Value:
    if not isinstance(y, Value):
        raise LeftGraphError(
            f"The function returned {y!r}, a {type(y).__name__}, and not a Value.",
            why="A plain number does not remember the arguments, so no gradient reaches them.",
            hint="return the Value itself, without .item(), .data or float()",
        )
    return y


def _watched(since: int, results: Sequence[Node]) -> bool:
    """Whether somebody could ask for more: by what was there before, and went into the results."""
    return not paused() and any(node.birth < since for node in history(*results))


def _released(y: Any, since: int) -> Any:
    """A result as it is handed out: without its history, where nobody could ask for more."""
    if not isinstance(y, Value) or _watched(since, [y]):
        return y
    return y.detach()


def _constant(data: Array) -> Value:
    return Value.made(tidy(data), stop_gradient)


# ------------------------------------------------------------------------------ sweeps


def _gradients(y: Value, xs: list[Value], since: int) -> tuple[list[Value], bool]:
    """What each x is owed when y is owed 1, and whether somebody could ask for more.

    Where all of it is plain floats, by the short road.
    """
    floats = sweep_floats(y, 1.0) if all(x.primitive is None for x in xs) else None
    if floats and all(leaf.birth >= since for leaf in floats[2]):
        return _answers(floats[2], xs), False
    watched = _watched(since, [y])
    owed = sweep(y, seed_for(y), since=since, record=watched, wanted=set(xs))
    return _answers(owed if watched else settled(owed, [y]), xs), watched


def _answers(owed: Any, xs: list[Value]) -> list[Value]:
    """What the sweep owes each x, as Values in their shapes: zero where no path leads to an x."""
    taken: set[int] = set()
    found = (owed.get(x) for x in xs)
    return [_answer(g, x, taken) for g, x in zip(found, xs, strict=True)]


def _answer(g: Array, x: Value, taken: set[int]) -> Value:
    if isinstance(g, Value):
        return g
    return Value.made(own(like(x, 0.0) if g is None else g, taken), stop_gradient)


def _pulled(
    ys: Sequence[Value], weights: Iterable[Any], xs: list[Value], since: int, record: bool
) -> list[Value]:
    """What each x is owed when each y is owed its weight: the slopes of the weighted sum."""
    suited = [_suited(weight, y) for y, weight in zip(ys, weights, strict=True)]
    with recording(), np.errstate(all="ignore"):  # the sum itself, which may be inf, is not used
        parts = [_weighed(y, weight) for y, weight in zip(ys, suited, strict=True)]
        total = sum(parts[1:], parts[0]) if parts else Value(0.0)
    record = record or any(isinstance(weight, Node) for weight in suited)
    owed = sweep(total, seed_for(total), since=since, record=record, wanted=set(xs))
    return _answers(owed if record else settled(owed, []), xs)


def _weighed(y: Value, weight: Array) -> Value:
    """The real number whose gradient by y is the weight."""
    return real(y * conj(weight)).sum() if is_complex(y) else (y * weight).sum()


def _suited(weight: Any, y: Value) -> Array:
    """A cotangent or a tangent in the shape and precision of its Value."""
    if is_complex(weight) and not is_complex(y):
        raise imaginary_lost("A cotangent or a tangent of what is real")
    if shape_of(weight) != y.shape:
        raise GradientShapeError(
            f"A weight has shape {shape_of(weight)}, and what it weighs has {y.shape}.",
            why="A cotangent is built like the result, a tangent like its argument: "
            "a number for each entry.",
            hint=f"np.ones({y.shape})",
            given=shape_of(weight),
            wanted=y.shape,
        )
    return weight if isinstance(weight, Node) else seed_for(y, weight)


def _stand_ins(ys: Sequence[Value]) -> list[Value]:
    """Weights in which a pullback is recorded, to be pulled back; their own numbers never count.

    But a sum of them that is 0 would excuse infinite slopes: of whole multiples of these, none is.
    """
    counts = [y.size * (1 + is_complex(y)) for y in ys]
    ends = np.cumsum(counts, dtype=int)
    numbers = (np.cos(np.arange(end - n, end) + 1.0) for n, end in zip(counts, ends, strict=True))
    pieces = (n.view(complex) if is_complex(y) else n for y, n in zip(ys, numbers, strict=True))
    shaped = (n.astype(y.dtype).reshape(y.shape) for y, n in zip(ys, pieces, strict=True))
    return [Value.made(tidy(n), None) for n in shaped]


Way = Callable[[Value, list[Value], int, bool], list[Value]]


def _partials(way: Way, y: Value, xs: list[Value], since: int, record: bool) -> list[Value]:
    """The Jacobian, backward or forward; a complex result has two parts, each with its own."""
    if not is_complex(y):
        return way(y, xs, since, record)
    _refuse_not_holomorphic(y, xs)
    with recording():
        pieces = [real(y)] if all(map(is_complex, xs)) else [real(y), imag(y)]
    each = [way(piece, xs, since, record) for piece in pieces]
    with recording() if record else no_grad():
        pairs = zip(each[0], each[-1], strict=True)
        return [conj(a) if is_complex(a) else a + 1j * b for a, b in pairs]


def _refuse_not_holomorphic(y: Value, xs: list[Value]) -> None:
    """Raise where y has no complex derivative by a complex x; conj of conj is no obstacle."""
    mirrored: dict[Node, bool] = {x: False for x in xs if is_complex(x)}  # moves with its conj?
    for node in history(y):
        if node in mirrored or node.primitive is None:
            continue
        turns = node.primitive is conjugate
        ways = {
            mirrored[x] ^ turns
            for i, x in enumerate(node.inputs)
            if isinstance(x, Node) and x in mirrored and node.primitive.rule(i)
        }
        if len(ways) > 1 or (ways and not (turns or node.primitive.holomorphic)):
            raise _not_holomorphic(node.primitive.name)
        if ways:
            mirrored[node] = ways.pop()
    if mirrored.get(y):
        raise _not_holomorphic(conjugate.name)


def _not_holomorphic(function: str) -> UnsupportedError:
    return UnsupportedError(
        f"The result has no complex derivative: it goes through {function}.",
        why="It moves with the real and the imaginary part, each in its own way.",
        hint="jacobian of f(z).real and of f(z).imag, whose rows are gradients",
        function=function,
    )


def _rows(y: Value, xs: list[Value], since: int, record: bool) -> list[Value]:
    """The Jacobian backward: each entry of the result is owed 1 while the others are owed 0."""
    seeds = np.eye(y.size, dtype=y.dtype).reshape(y.size, *y.shape)
    with recording() if record else no_grad():
        each = _sweeps(y, seeds, xs, since, record)
        return [reshape(g, shape=y.shape + x.shape) for g, x in zip(each, xs, strict=True)]


def _columns(y: Value, xs: list[Value], since: int, record: bool) -> list[Value]:
    """The Jacobian forward: the rows of the pullback, which is linear, are the columns of f.

    Where a hook is on the way there is only the way back.
    """
    begun, us = tick(), _stand_ins([y])
    try:
        with recording(), forward():
            shares = _pulled([y], us, xs, since, True)
    except OnlyBackwardError:
        return _rows(y, xs, since, record)
    columns = (_partials(_rows, share, us, begun, record)[0] for share in shares)
    return [_exchanged(column, x.ndim) for column, x in zip(columns, xs, strict=True)]


def _exchanged(x: Value, n: int) -> Value:
    """The first n axes behind the others."""
    return transpose(x, axes=(*range(n, x.ndim), *range(n)))


def _sweeps(y: Value, seeds: Array, xs: list[Value], since: int, record: bool) -> list[Value]:
    """What each x is owed for each of the seeds: one sweep of a batch, or several of one."""
    kept = set(xs)
    if is_open() or any(node.batched for node in history(y)):  # there is one batch at a time
        each = [sweep(y, tidy(seed), since=since, record=record, wanted=kept) for seed in seeds]
        rows = [_answers(owed, xs) for owed in each]
        return [_piled([row[i] for row in rows], x) for i, x in enumerate(xs)]
    owed = sweep(y, apart(seeds), since=since, record=record, wanted=kept)
    return [
        together(owed[x]) if x in owed else _constant(np.zeros((len(seeds), *x.shape), x.dtype))
        for x in xs
    ]


def _piled(rows: list[Value], x: Value) -> Value:
    return stack(rows) if rows else _constant(np.zeros((0, *x.shape), x.dtype))


# ------------------------------------------------------------------------------ batches


def _each_axis(axes: Any, nested: Any) -> Iterator[Any]:
    """An axis for each number in a container: one for all, or in a container built alike."""
    if axes is None or isinstance(axes, int):
        yield from repeat(axes, sum(1 for _ in leaves(nested)))
        return
    held, wanted = parts(nested), parts(axes)
    if held is None or wanted is None or held.keys() != wanted.keys():
        raise TypeError(f"the axes {axes} do not fit what they are for: one for each of its parts")
    for key, part in held.items():
        yield from _each_axis(wanted[key], part)


def _batch_size(xs: Iterable[Array], axes: list[int | None]) -> int:
    sizes = {shape_of(x)[k] for x, k in zip(xs, axes, strict=True) if k is not None}
    if len(sizes) != 1:
        raise ValueError(f"vmap needs one batch size, and in_axes finds {sorted(sizes) or 'none'}")
    return sizes.pop()


def _parts(args: Any, axes: Sequence[int | None], part: Callable[[Array, int], Any]) -> Any:
    """The arguments, with a part of each that is not the same for all."""
    pairs = zip(leaves(args), axes, strict=True)
    return rebuilt(args, [x if axis is None else part(x, axis) for x, axis in pairs])


def _spread(x: Array, axis: int) -> Batched:
    """What stands along an axis as a batch; of numbers a copy, which nobody else writes."""
    order = list(range(ndim_of(x)))
    order.insert(0, order.pop(axis))
    moved = transpose(x, axes=tuple(order))
    return apart(moved if isinstance(moved, Value) or is_foreign(moved) else np.array(moved))


def _gathered(y: Any, axis: int, size: int) -> Value:
    """A batch of results as one Value; a result that is the same for all, repeated."""
    if not isinstance(y, Batched):
        return _side_by_side([y] * size, axis)
    whole = together(y)
    order = list(range(1, whole.ndim))
    order.insert(range(whole.ndim)[axis], 0)
    return transpose(whole, axes=tuple(order))


def _at(x: Array, axis: int, *, i: int) -> Array:
    return take(x, index=(slice(None),) * (axis % ndim_of(x)) + (i,))


def _side_by_side(results: list[Any], axes: Any) -> Any:
    """Results built alike as one container, with the results along an axis of each part."""
    if not results:
        raise ValueError("a vmap of nothing inside another vmap cannot tell its result's shape")
    columns = zip(*map(leaves, results), strict=True)
    places = _each_axis(axes, results[0])
    return rebuilt(results[0], [_beside(c, k) for c, k in zip(columns, places, strict=True)])


def _beside(parts: Sequence[Any], axis: int) -> Value:
    if not isinstance(parts[0], NUMBERS):
        _one_value(parts[0])  # raises TN105
    whole = stack(parts, axis=axis)
    return whole if isinstance(whole, Value) else _constant(whole)
