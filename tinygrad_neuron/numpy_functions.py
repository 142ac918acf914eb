"""NumPy's own functions on Values: which of ours answers for which of NumPy's.

`np.exp(v)` asks `v` through `__array_ufunc__`, `np.sum(v)` through `__array_function__`; both end
here. A function without an answer is refused by name: it would return a number with no path back.
"""

import difflib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.errors import UnsupportedError

FROM_NUMPY: dict[Callable[..., Any], Callable[..., Any]] = {
    **{name: function for function in ops.PRIMITIVES for name in function.numpy},
    np.concatenate: ops.concatenate,
    np.concat: ops.concatenate,
    np.stack: ops.stack,
    np.where: ops.where,
    np.dot: ops.dot,
    np.shape: lambda v: v.shape,
    np.ndim: lambda v: v.ndim,
    np.size: lambda v: v.size,
    np.all: ops.all,
    np.any: ops.any,
    np.argmax: ops.argmax,
    np.argmin: ops.argmin,
    np.argsort: ops.argsort,
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
}


def call_function(function: Callable[..., Any], args: Any, settings: Any) -> Any:
    """`np.sum(v, axis=0)`: the answer of our function of that name."""
    if function not in FROM_NUMPY:
        raise _unsupported(_numpy_name(function))
    if not args:  # np.sum(a=v)
        first = next(iter(inspect.signature(function).parameters))
        args, settings = (settings[first],), {k: x for k, x in settings.items() if k != first}
    return FROM_NUMPY[function](*args, **settings)


def call_ufunc(ufunc: np.ufunc, method: str, inputs: Any, settings: Any) -> Any:
    """`np.exp(v)`: the answer of our function of that name."""
    if method != "__call__" or ufunc not in FROM_NUMPY:
        raise _unsupported(f"np.{ufunc.__name__}" + f".{method}" * (method != "__call__"))
    if settings.get("out"):
        raise UnsupportedError(
            f"np.{ufunc.__name__} cannot write its result, which has a history, into an array.",
            why="The array holds plain numbers: the gradient would stop here.",
            hint="a = a + v   instead of   a += v",
        )
    return FROM_NUMPY[ufunc](*inputs, **settings)


def _numpy_name(function: Callable[..., Any]) -> str:
    """`np.linalg.svd`: the function as people write it."""
    return f"{function.__module__}.{function.__name__}".replace("numpy.", "np.")


def _unsupported(what: str) -> UnsupportedError:
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
