"""Functions of functions: from a function to its gradient, its Jacobian, its Hessian.

Nothing is left on any Value: the function runs on fresh Values, sweeps answer, and the answers are
made of Values again. Where somebody could differentiate an answer, the sweep records itself.

Two ideas carry everything. A *pullback* takes what a result is owed to what the arguments are owed:
one sweep. And a pullback is linear in what it is given, so pulling *it* back pushes forward: forward
mode needs no rules of its own.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinygrad_neuron.backward import seed_for, sweep
from tinygrad_neuron.batching import Batched, apart, together
from tinygrad_neuron.containers import leaves, mapped
from tinygrad_neuron.errors import GradientShapeError, LeftGraphError, NotScalarError
from tinygrad_neuron.floats import sweep_floats
from tinygrad_neuron.graph import (
    Array,
    Node,
    history,
    no_grad,
    plain,
    recording,
    tick,
    tidy,
)
from tinygrad_neuron.ops import concatenate, positive, reshape, stack, stop_gradient
from tinygrad_neuron.value import Value

Function = Callable[..., Any]
Argnums = int | tuple[int, ...]


# --------------------------------------------------------------------------- of one number


def grad(f: Function, argnums: Argnums = 0, *, has_aux: bool = False) -> Function:
    """The function that gives the gradient of `f`, which returns one number.

    By its first argument, or by those that `argnums` counts. An argument may be a number, an array,
    a Value, or a list, tuple or dict of them, nested as you like; its gradient is built alike. The
    answer is made of Values and can be differentiated again:

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

    return gradient


def value_and_grad(f: Function, argnums: Argnums = 0, *, has_aux: bool = False) -> Function:
    """The function that gives `f`'s result and its gradient, for the price of one forward pass.

    >>> value_and_grad(lambda w: (w * 256 - 1492) ** 2)(0.0)
    (Value(2226064.0), Value(-763904.0))

    With `has_aux` the first of the two is what `f` returned: its number and something else.
    Arguments and errors as for `grad`.
    """

    def value_and_gradient(*args: Any, **settings: Any) -> tuple[Any, Any]:
        chosen = _chosen(argnums, len(args))
        since, fresh = _fresh(args, chosen)
        with recording():
            y, aux = f(*fresh, **settings) if has_aux else (f(*fresh, **settings), None)
        y = _one_number(y)
        owed, recorded = _owed(y, since, _watched(args, chosen))
        gradients = tuple(mapped(lambda x: _gradient(owed.get(x), x), fresh[i]) for i in chosen)
        if not recorded:  # nobody can ask for more, so nothing need be kept
            y = y.detach()
        return (y, aux) if has_aux else y, _as_asked(gradients, argnums)

    return value_and_gradient


def elementwise_grad(f: Function, argnums: Argnums = 0) -> Function:
    """The gradient of the sum of `f`'s results: for a function of each entry, each one's slope.

    >>> elementwise_grad(lambda x: x**2)(np.array([1.0, 2.0]))
    Value([2.0, 4.0])
    """
    return grad(lambda *args, **settings: f(*args, **settings).sum(), argnums)


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
    chosen = tuple(range(len(args)))
    since, fresh = _fresh(args, chosen)
    with recording():
        y = f(*fresh)
    total = _weighable(y)
    watched = _watched(args, chosen)

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        g = _flat(cotangent, total)
        outside = isinstance(g, Node) or watched or any(n.birth < since for n in history(total))
        owed = sweep(total, g, since=since, record=outside)
        return tuple(mapped(lambda x: _gradient(owed.get(x), x), part) for part in fresh)

    return y, pullback


def jvp(f: Function, args: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    """`f`'s result, and how it moves when the arguments move along the tangents.

    >>> jvp(lambda x: x**3, (2.0,), (1.0,))
    (Value(8.0), Value(12.0))

    It is the pullback pulled back: about three times the cost of `f`, for any number of arguments.
    """
    y, push = linearize(f, *args)
    return y, push(*tangents)


def linearize(f: Function, *args: Any) -> tuple[Any, Function]:
    """`f`'s result, and the linear function of tangents that is nearest to `f` at the arguments.

    >>> y, push = linearize(lambda x, w: x * w, 2.0, 5.0)
    >>> push(1.0, 0.0), push(0.0, 1.0)
    (Value(5.0), Value(2.0))
    """
    y, pullback = vjp(f, *args)
    total = _weighable(y)
    since = tick()
    u = Value(np.ones(total.shape)) if total.shape else Value(1.0)  # 0 would hide infinite slopes
    shares = [x for x in leaves(pullback(u))]

    def push(*tangents: Any) -> Any:
        moved = list(leaves(tangents))
        if len(moved) != len(shares):
            raise TypeError(f"{len(moved)} tangents for {len(shares)} arguments")
        along = [(share * t).sum() for share, t in zip(shares, moved, strict=True)]
        result = sum(along[1:], along[0])
        record = any(isinstance(t, Node) for t in moved) or _watched(args, range(len(args)))
        owed = sweep(result, 1.0, since=since, record=record)
        return _unflat(_gradient(owed.get(u), u), y)

    return y, push


# ------------------------------------------------------------------------ of many numbers


def jacobian(f: Function, argnums: Argnums = 0) -> Function:
    """The function that gives every partial derivative of `f`'s result by its argument.

    For a result of shape S and an argument of shape X the answer has shape S + X; for a container of
    arguments it is built alike. All rows come out of one batched sweep; where there are fewer
    columns than rows, forward, by pulling the pullback back.

    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    Value([[2.0, 0.0],
     [0.0, 4.0]])
    """

    def jacobian_of(*args: Any, **settings: Any) -> Any:
        chosen = _chosen(argnums, len(args))
        since, fresh = _fresh(args, chosen)
        with recording():
            y = _one_value(f(*fresh, **settings))
        xs = [x for i in chosen for x in leaves(fresh[i])]
        record = _watched(args, chosen) or any(node.birth < since for node in history(y))
        forward = sum(x.size for x in xs) < y.size
        find = _columns if forward else _rows
        found = dict(zip(xs, find(y, xs, since, record), strict=True))
        parts = tuple(mapped(lambda x: found[x], fresh[i]) for i in chosen)
        return _as_asked(parts, argnums)

    return jacobian_of


def hessian(f: Function, argnums: int = 0) -> Function:
    """The function that gives every second derivative of `f`, which returns one number.

    >>> hessian(lambda x: (x**3).sum())(np.array([1.0, 2.0]))
    Value([[6.0, 0.0],
     [0.0, 12.0]])

    For an argument of shape X the answer has shape X + X.
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Function, args: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
    """The Hessian of `f` times the tangents, without the Hessian: how the gradient moves along them.

    For one argument one answer, for several a tuple of them.

    >>> hvp(lambda x: (x**3).sum(), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    Value([6.0, 12.0])
    """
    every = tuple(range(len(args)))
    since, fresh = _fresh(args, every)
    with recording():
        gradients = grad(f, every)(*fresh)
        pairs = zip(leaves(gradients), leaves(tangents), strict=True)
        along = sum((g * t).sum() for g, t in pairs)
    record = _watched((args, tangents), (0, 1))
    owed = sweep(along, 1.0, since=since, record=record)
    moved = tuple(mapped(lambda x: _gradient(owed.get(x), x), part) for part in fresh)
    return moved if len(args) > 1 else moved[0]


def vmap(f: Function, in_axes: Any = 0, out_axes: int = 0) -> Function:
    """The function that does to many at once what `f` does to one.

    `in_axes` says along which axis of each argument they stand (`None`: the argument is the same
    for all), `out_axes` where they stand in the result.

    >>> vmap(lambda x, w: x @ w, in_axes=(0, None))(np.eye(2), np.array([3.0, 4.0]))
    Value([3.0, 4.0])

    Raises `LeftGraphError` (TN105) where `f` branches on a number, which would be another for each.
    """

    def mapped_f(*args: Any) -> Any:
        axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(args)
        if len(axes) != len(args):
            raise TypeError(f"in_axes names {len(axes)} arguments, and there are {len(args)}")
        if any(isinstance(x, Batched) for x in leaves(args)):
            return _one_after_the_other(f, args, axes, out_axes)
        size = _batch_size(args, axes)
        batched = [
            arg if axis is None else mapped(lambda x, axis=axis: _spread(x, axis), arg)
            for arg, axis in zip(args, axes, strict=True)
        ]
        return mapped(lambda y: _gather(y, out_axes, size), f(*batched))

    return mapped_f


# ------------------------------------------------------------------------------ fresh arguments


def _fresh(args: tuple[Any, ...], chosen: tuple[int, ...]) -> tuple[int, list[Any]]:
    """The arguments, the chosen ones as new Values, and a birth before the first of those.

    Differentiating by new nodes keeps nested gradients apart: each sees only its own.
    """
    since = tick()
    fresh = [mapped(_as_new, arg) if i in chosen else arg for i, arg in enumerate(args)]
    return since, fresh


def _as_new(x: Array) -> Value:
    if isinstance(x, np.ndarray) and x.dtype.kind in "iub":
        return Value(x, name="an argument")  # raises TN115
    return positive(x) if isinstance(x, Value) else Value(x)


def _chosen(argnums: Argnums, count: int) -> tuple[int, ...]:
    """The positions to differentiate by, counted from the front."""
    asked = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if any(not -count <= i < count for i in asked):
        raise TypeError(f"argnums={argnums}, but the function was called with {count} arguments")
    return tuple(i % count for i in asked)


def _as_asked(parts: tuple[Any, ...], argnums: Argnums) -> Any:
    return parts[0] if isinstance(argnums, int) else parts


def _watched(args: Any, chosen: Any) -> bool:
    """Whether an argument is a Value, by which somebody could go on differentiating."""
    return any(isinstance(x, Node) for x in leaves([args[i] for i in chosen]))


# ------------------------------------------------------------------------------ results


def _one_number(y: Any) -> Value:
    y = _one_value(y)
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


def _weighable(y: Any) -> Value:
    """A result as one Value: itself, or the Values of a container end to end."""
    if isinstance(y, Value):
        return y
    parts = [reshape(_one_value(part), shape=(part.size,)) for part in leaves(y)]
    return concatenate(parts)


def _flat(cotangent: Any, total: Value) -> Array:
    """A cotangent as the sweep takes it: in the shape of `_weighable`."""
    if isinstance(cotangent, list | tuple | dict):
        parts = [reshape(g, shape=(-1,)) if np.ndim(plain(g)) else [g] for g in leaves(cotangent)]
        cotangent = concatenate(parts)
    if np.shape(plain(cotangent)) != total.shape:
        raise GradientShapeError(
            f"The cotangent has shape {np.shape(plain(cotangent))}, the result {total.shape}.",
            why="It says how much each entry of the result counts.",
            hint=f"pullback(np.ones({total.shape}))",
            given=np.shape(plain(cotangent)),
            wanted=total.shape,
        )
    return cotangent if isinstance(cotangent, Node) else seed_for(total, cotangent)


def _unflat(flat: Value, y: Any) -> Any:
    """What `_weighable` laid end to end, in its container again."""
    if isinstance(y, Value):
        return flat
    start = 0

    def take(part: Value) -> Value:
        nonlocal start
        start += part.size
        return flat[start - part.size : start].reshape(part.shape)

    return mapped(take, y)


def _gradient(g: Array, x: Value) -> Value:
    """What the sweep owes x, as a Value of x's shape: zero where no path leads to x."""
    if isinstance(g, Value):
        return g
    if type(g) is not float:
        g = tidy(np.zeros(x.shape, x.dtype) if g is None else np.array(g, x.dtype))
    return Value.made(g, stop_gradient)


def _owed(y: Value, since: int, watched: bool) -> tuple[Mapping[Node, Array], bool]:
    """What the nodes born since are owed: as expressions, where somebody could ask for more."""
    floats = None if watched else sweep_floats(y, 1.0)
    if floats and all(leaf.birth >= since for leaf in floats[2]):
        return floats[2], False
    record = watched or any(node.birth < since for node in history(y))
    return sweep(y, seed_for(y), since=since, record=record), record


# ------------------------------------------------------------------------------ all rows at once


def _rows(y: Value, xs: list[Value], since: int, record: bool) -> list[Value]:
    """The Jacobian backward: a batch of seeds, one for each entry of the result."""
    return [
        _of_shape(g, y.shape + x.shape, x)
        for g, x in zip(_batch_of_sweeps(y, xs, since, record), xs, strict=True)
    ]


def _columns(y: Value, xs: list[Value], since: int, record: bool) -> list[Value]:
    """The Jacobian forward: a batch of tangents, one for each entry of the arguments."""
    start = tick()
    u = Value(np.ones(y.shape)) if y.shape else Value(1.0)
    with recording():
        owed = sweep(y, u, since=since, record=True)
    found = []
    for x in xs:
        share = _gradient(owed.get(x), x)
        (g,) = _batch_of_sweeps(share, [u], start, record)
        columns = _of_shape(g, x.shape + y.shape, y)
        n = len(x.shape)
        found.append(columns.transpose(*range(n, columns.ndim), *range(n)))
    return found


def _batch_of_sweeps(y: Value, xs: list[Value], since: int, record: bool) -> list[Array]:
    """What each x is owed, for each entry of y that is owed 1 while the others are owed nothing."""
    seeds = np.eye(y.size, dtype=y.dtype).reshape(y.size, *y.shape)
    with recording() if record else no_grad():
        if any(node.batched for node in history(y)):  # a batch of batches: one by one
            each = [sweep(y, tidy(seed), since=since, record=record) for seed in seeds]
            return [stack([_gradient(owed.get(x), x) for owed in each]) for x in xs]
        owed = sweep(y, apart(seeds), since=since, record=record)
        return [together(owed[x]) if x in owed else None for x in xs]


def _of_shape(g: Array, shape: tuple[int, ...], like: Value) -> Value:
    if g is None:
        return Value.made(tidy(np.zeros(shape, like.dtype)), stop_gradient)
    return reshape(g, shape=shape)


# ------------------------------------------------------------------------------ batches


def _batch_size(args: tuple[Any, ...], axes: tuple[int | None, ...]) -> int:
    sizes = {
        np.shape(plain(x))[axis]
        for arg, axis in zip(args, axes, strict=True)
        for x in leaves(arg)
        if axis is not None
    }
    if len(sizes) != 1:
        raise ValueError(f"vmap needs one batch size, and in_axes finds {sorted(sizes) or 'none'}")
    return sizes.pop()


def _spread(x: Array, axis: int) -> Batched:
    order = [axis % np.ndim(plain(x))]
    order += [k for k in range(np.ndim(plain(x))) if k not in order]
    moved = np.transpose(x, order)
    return apart(moved)


def _gather(y: Any, axis: int, size: int) -> Value:
    """A batch of results as one Value; a result that is the same for all, repeated."""
    if isinstance(y, Batched):
        whole = together(y)
    else:
        whole = stack([y] * size)
    order = list(range(1, whole.ndim))
    order.insert(axis % whole.ndim, 0)
    return whole.transpose(*order)


def _one_after_the_other(f: Function, args: tuple[Any, ...], axes: Any, out_axes: int) -> Any:
    """vmap inside vmap: the inner one as a loop, over the outer one's batches."""
    size = next(
        x.shape[axis]
        for arg, axis in zip(args, axes, strict=True)
        for x in leaves(arg)
        if axis is not None
    )
    results = [
        f(
            *(
                arg
                if axis is None
                else mapped(lambda x, i=i, axis=axis: x[(slice(None),) * axis + (i,)], arg)
                for arg, axis in zip(args, axes, strict=True)
            )
        )
        for i in range(size)
    ]
    return stack(results, axis=out_axes)
