"""NumPy's own functions on Values: which of ours answers for which of NumPy's.

`np.exp(v)` asks `v` through `__array_ufunc__`, `np.sum(v)` through `__array_function__`; both end
here. A function without an answer is refused by name: it would return a number with no path back.
"""

import difflib
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_neuron import linalg, ops
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


def call_function(function: Callable[..., Any], args: Any, settings: Any) -> Any:
    """`np.sum(v, axis=0)`: the answer of our function of that name."""
    if function not in FROM_NUMPY:
        raise _unsupported(_numpy_name(function))
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
