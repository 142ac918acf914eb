"""NumPy's own functions on Values: which of ours answers for which of NumPy's.

`np.exp(v)` asks `v` through `__array_ufunc__`, `np.sum(v)` through `__array_function__`; both end
here. A function without an answer is refused by name: it would return a number with no path back.
"""

import difflib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_neuron import linalg, ops
from tinygrad_neuron.errors import UnsupportedError
from tinygrad_neuron.graph import Primitive
from tinygrad_neuron.ops import arrange, choosing
from tinygrad_neuron.ops.shape import ndim_of


def _where(condition: Any, *branches: Any) -> Any:
    """`np.where` with two branches, or with none, when it is `nonzero`."""
    return ops.where(condition, *branches) if branches else ops.nonzero(condition)


FROM_NUMPY: dict[Callable[..., Any], Callable[..., Any]] = {
    **{name: function for function in ops.PRIMITIVES for name in function.numpy},
    np.concatenate: ops.concatenate,
    np.concat: ops.concatenate,
    np.stack: ops.stack,
    np.where: _where,
    np.dot: ops.dot,
    np.shape: lambda v: v.shape,
    np.ndim: lambda v: v.ndim,
    np.size: lambda v: v.size,
    np.all: ops.all,
    np.any: ops.any,
    np.reciprocal: ops.reciprocal,
    np.float_power: ops.float_power,
    np.ldexp: ops.ldexp,
    np.frexp: ops.frexp,
    np.clip: ops.clip,
    np.nan_to_num: ops.nan_to_num,
    np.divmod: ops.divmod,
    np.modf: ops.modf,
    np.deg2rad: ops.deg2rad,
    np.radians: ops.deg2rad,
    np.rad2deg: ops.rad2deg,
    np.degrees: ops.rad2deg,
    np.isclose: ops.isclose,
    np.allclose: ops.allclose,
    np.array_equal: ops.array_equal,
    np.array_equiv: ops.array_equiv,
    np.isposinf: ops.isposinf,
    np.isneginf: ops.isneginf,
    **{
        getattr(np, name): function  # all that arranges and chooses has NumPy's name
        for module in (arrange, choosing)
        for name, function in vars(module).items()
        if getattr(function, "__module__", "") == module.__name__ and hasattr(np, name)
    },
    np.select: ops.select_first,
    np.take: ops.take_entries,
    np.unique_values: ops.unique,
    np.argmax: ops.argmax,
    np.argmin: ops.argmin,
    np.average: ops.average,
    np.convolve: ops.convolve,
    np.correlate: ops.correlate,
    np.count_nonzero: ops.count_nonzero,
    np.cross: ops.cross,
    np.cumulative_prod: ops.cumulative_prod,
    np.cumulative_sum: ops.cumulative_sum,
    np.diff: ops.diff,
    np.ediff1d: ops.ediff1d,
    np.gradient: ops.gradient,
    np.interp: ops.interp,
    np.median: ops.median,
    np.nanargmax: ops.nanargmax,
    np.nanargmin: ops.nanargmin,
    np.nancumprod: ops.nancumprod,
    np.nancumsum: ops.nancumsum,
    np.nanmax: ops.nanmax,
    np.nanmean: ops.nanmean,
    np.nanmedian: ops.nanmedian,
    np.nanmin: ops.nanmin,
    np.nanpercentile: ops.nanpercentile,
    np.nanprod: ops.nanprod,
    np.nanquantile: ops.nanquantile,
    np.nanstd: ops.nanstd,
    np.nansum: ops.nansum,
    np.nanvar: ops.nanvar,
    np.percentile: ops.percentile,
    np.ptp: ops.ptp,
    np.quantile: ops.quantile,
    np.searchsorted: ops.searchsorted,
    np.std: ops.std,
    np.trapezoid: ops.trapezoid,
    np.var: ops.var,
    # linear algebra
    np.einsum: ops.einsum,
    np.inner: ops.inner,
    np.kron: ops.kron,
    np.matvec: ops.matvec,
    np.outer: ops.outer,
    np.tensordot: ops.tensordot,
    np.vdot: ops.vdot,
    np.vecdot: ops.vecdot,
    np.vecmat: ops.vecmat,
    **{getattr(np.linalg, name): getattr(linalg, name) for name in linalg.__all__},
}

METHODS: dict[tuple[np.ufunc, str], Callable[..., Any]] = {
    (np.add, "reduce"): ops.sum,
    (np.maximum, "reduce"): ops.max,
    (np.minimum, "reduce"): ops.min,
    (np.logical_and, "reduce"): ops.all,
    (np.logical_or, "reduce"): ops.any,
    (np.multiply, "reduce"): ops.prod,
    (np.add, "accumulate"): ops.cumsum,
    (np.multiply, "accumulate"): ops.cumprod,
}


def call_function(function: Callable[..., Any], args: Any, settings: Any) -> Any:
    """`np.sum(v, axis=0)`: the answer of our function of that name."""
    if function not in FROM_NUMPY:
        raise _unsupported(_numpy_name(function))
    if not args:  # np.sum(a=v)
        first = next(iter(inspect.signature(function).parameters))
        args, settings = (settings[first],), {k: x for k, x in settings.items() if k != first}
    try:
        return FROM_NUMPY[function](*args, **settings)
    except UnsupportedError:
        raise
    except TypeError:
        _check_signature(function, args, settings)
        raise


def _check_signature(function: Callable[..., Any], args: Any, settings: Any) -> None:
    """Raise by name if the function was called with what our own does not take."""
    if isinstance(FROM_NUMPY[function], Primitive):
        return  # it has looked itself
    takes = inspect.signature(FROM_NUMPY[function])
    try:
        takes.bind(*args, **settings)
    except TypeError as error:
        raise UnsupportedError(
            f"{_numpy_name(function)} {error} for Values.",
            why="A keyword that is not understood would be ignored, and the result wrong.",
            hint=f"{_numpy_name(function)}{takes}",
        ) from None


def call_ufunc(ufunc: np.ufunc, method: str, inputs: Any, settings: Any) -> Any:
    """`np.exp(v)`: the answer of our function of that name."""
    name = f"np.{ufunc.__name__}" + f".{method}" * (method != "__call__")
    if settings.get("out"):
        raise UnsupportedError(
            f"{name} cannot write its result, which has a history, into an array.",
            why="The array holds plain numbers: the gradient would stop here.",
            hint="a = a + v   instead of   a += v",
        )
    if (ufunc, method) in METHODS:
        return METHODS[ufunc, method](*inputs, **_of_method(settings))
    if ufunc not in FROM_NUMPY or not (method == "__call__" or _pairs(ufunc, method)):
        raise _unsupported(name)
    function = FROM_NUMPY[ufunc]
    if not isinstance(function, Primitive) and not settings.keys() <= _parameters(function):
        raise _no_keyword(name, settings)
    return function(*(_outer(*inputs) if method == "outer" else inputs), **settings)


def _of_method(settings: dict[str, Any]) -> dict[str, Any]:
    """What a method was asked for: along the first axis, where it was not asked for another."""
    asked = {key: x for key, x in settings.items() if not (key == "dtype" and x is None)}
    return {"axis": 0, **asked}


def _pairs(ufunc: np.ufunc, method: str) -> bool:
    """Whether this is `ufunc.outer`, of two numbers at a time."""
    return method == "outer" and ufunc.nin == 2 and ufunc.signature is None


def _outer(a: Any, b: Any) -> tuple[Any, Any]:
    """Two inputs that broadcast to every pair: a with an axis of length 1 for each axis of b."""
    first = ndim_of(a)
    return ops.expand_dims(a, axis=tuple(range(first, first + ndim_of(b)))), b


def _parameters(function: Callable[..., Any]) -> set[str]:
    return set(inspect.signature(function).parameters)


def _no_keyword(name: str, settings: dict[str, Any]) -> UnsupportedError:
    return UnsupportedError(
        f"{name} has no keyword {', '.join(settings)} for Values.",
        why="A keyword that is not understood would be ignored, and the result wrong.",
        hint=f"{name}(v) without it;  where(mask, {name}(v), other) chooses entries",
    )


def _numpy_name(function: Callable[..., Any]) -> str:
    """`np.linalg.svd`: the function as people write it."""
    return f"{function.__module__}.{function.__name__}".replace("numpy.", "np.")


WRITING = ("np.put", "np.put_along_axis", "np.place", "np.putmask", "np.copyto", "np.fill_diagonal")


def _unsupported(what: str) -> UnsupportedError:
    if what in WRITING or what.endswith(".at"):
        return UnsupportedError(
            f"{what} writes into an array, and a Value cannot be changed.",
            why="Results that were computed from it need it as it was.",
            hint="v.at[index].set(x), .add(x), .multiply(x), .max(x), .min(x) make changed copies",
            function=what,
        )
    known = sorted({f"np.{function.__name__}" for function in FROM_NUMPY})
    near = difflib.get_close_matches(what, known, n=3, cutoff=0.7)
    return UnsupportedError(
        f"{what} has no derivative rule here.",
        why="Without one it would return a number with no path back, and the gradient would be 0.",
        hint=", ".join(near)
        or "write it with the functions of tinygrad_neuron.ops, or declare a "
        "@primitive with its rule",
        function=what,
        near=near,
    )
