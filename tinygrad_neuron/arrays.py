"""Arrays of other libraries: whatever speaks NumPy's protocols is fed to the same rules.

A *foreign* array has `__array_ufunc__` and `__array_function__` and is not NumPy's: Dask's, CuPy's.
Whether it is one is decided by its type, once, and never by looking at its numbers. Three things
each library does its own way, and they stand here: how a primitive runs on it, how a copy is made,
and how its numbers come into memory.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_neuron.errors import UnsupportedError

NATIVE: list[type] = [np.ndarray, np.generic]  # the protocols' own; `graph` adds its nodes

_foreign: dict[type, bool] = {}
_locks: dict[str, Any] = {}


def _guard() -> Any:
    """The one lock of Python's filters for warnings, which belong to all threads."""
    from threading import RLock

    return _locks.setdefault("warnings", RLock())


class CannotError(NotImplementedError):
    """Why a primitive cannot be computed by the protocols on what it was given."""


def is_foreign(x: Any) -> bool:
    """Whether this is an array of another library that speaks NumPy's protocols.

    >>> is_foreign(np.ones(3)), is_foreign(1.0)
    (False, False)
    """
    kind = type(x)
    known = _foreign.get(kind)
    if known is None:
        known = _foreign[kind] = _speaks(kind) and not issubclass(kind, tuple(NATIVE))
    return known


def _speaks(kind: type) -> bool:
    needed = ("__array_ufunc__", "__array_function__", "shape", "dtype")
    return all(hasattr(kind, name) for name in needed)


def is_lazy(x: Any) -> bool:
    """Whether its numbers are still to be computed, by Dask."""
    return hasattr(type(x), "__dask_graph__")


def copied(x: Any) -> Any:
    """A copy, which what is written into the original does not reach; of a plan, the plan's."""
    import copy

    return copy.copy(x) if is_lazy(x) else x.copy()


def in_memory(xs: Sequence[Any]) -> list[Any]:
    """The same arrays as NumPy's. All that is to be computed is computed together, in one pass."""
    lazy = [i for i, x in enumerate(xs) if is_lazy(x)]
    found = list(xs)
    for i, x in zip(lazy, _computed([xs[i] for i in lazy]), strict=True):
        found[i] = x
    return [_brought(x) if is_foreign(x) else x for x in found]


def _computed(xs: list[Any]) -> Sequence[Any]:
    if not xs:
        return xs
    import dask

    with _guard(), warnings.catch_warnings():  # inf and nan are judged by what is done with them
        warnings.simplefilter("ignore", RuntimeWarning)
        return dask.compute(*xs)


def _brought(x: Any) -> Any:
    """A foreign array as NumPy's: CuPy's come by `get`, the others as NumPy asks for them."""
    return x.get() if hasattr(x, "get") else np.asarray(x)


# ------------------------------------------------------------------------------- primitives


def forward(function: Any, raw: Sequence[Any], settings: Mapping[str, Any]) -> Any:
    """A primitive on inputs of which at least one is foreign: by the protocols, or by blocks.

    Raises `UnsupportedError` (TN131) where neither will do.
    """
    first = next(filter(is_foreign, raw))
    if is_lazy(first) and function.elementwise:
        return _of_blocks(function, raw, settings)
    if isinstance(function.foreign, str):
        raise refused(function.name, first, function.foreign)
    compute: Callable[..., Any] = function.foreign or function.forward
    return spoken(function.name, first, lambda: compute(*raw, **settings))


def spoken(name: str, x: Any, compute: Callable[[], Any]) -> Any:
    """What a computation by the protocols gives; refused by name where the library cannot do it."""
    try:
        with _guard(), warnings.catch_warnings():
            # Dask's word for "I shall load it all into memory, and ask NumPy"
            warnings.simplefilter("error", FutureWarning)
            return compute()
    except CannotError as error:
        raise refused(name, x, str(error)) from None
    except (TypeError, NotImplementedError, FutureWarning) as error:
        reason = f"{type(x).__module__.partition('.')[0]} says: {error}".splitlines()[0]
        raise refused(name, x, reason) from error


def refused(name: str, x: Any, reason: str) -> UnsupportedError:
    """The refusal of a function that cannot be computed on this array, and the way out."""
    lazy = is_lazy(x)
    home = "x.compute()" if lazy else "x.get()" if hasattr(x, "get") else "np.asarray(x)"
    each = ";  x.map_blocks(f), if each block can be done alone" if lazy else ""
    kind = f"{type(x).__module__.partition('.')[0]} {type(x).__name__}"
    return UnsupportedError(
        f"{name} cannot be computed on a {kind} of shape {x.shape}.",
        why=f"{reason[0].upper()}{reason[1:].rstrip('.')}.",
        hint=f"{home}, if it fits into memory{each}",
        function=name,
    )


def _of_blocks(function: Any, raw: Sequence[Any], settings: Mapping[str, Any]) -> Any:
    """A function of entries, block by block: one task for each block, whatever is inside it."""
    from dask.array.core import elemwise
    from dask.base import tokenize

    work = OfBlock(function, settings)
    dtype = work(*(np.ones((1,) * x.ndim, x.dtype) if is_lazy(x) else x for x in raw)).dtype
    own = function.__module__.startswith("tinygrad_neuron.")  # what has this name stays what it is
    named = (function.__module__, function.name) if own else work.function
    token = tokenize(named, dict(settings), *raw)
    return elemwise(work, *raw, dtype=dtype, name=f"{function.name}-{token}")


class OfBlock:
    """A primitive with its settings, as it is sent to where the blocks are."""

    def __init__(self, function: Any, settings: Mapping[str, Any]) -> None:
        unknown = function.__module__ == "__main__" or "<locals>" in function.__qualname__
        self.function = function.forward if unknown else function  # by value, or by its name
        self.settings = dict(settings)
        self.__name__ = function.name

    def __call__(self, *blocks: Any) -> Any:
        with np.errstate(all="ignore"):
            y = self.function(*blocks, **self.settings)
        return np.asarray(y) if isinstance(y, float | complex) else y


def like(x: Any, number: float) -> Any:
    """An array of this number, of the same library, shape and precision."""
    return np.full_like(x, number)


def on_blocks(function: Callable[[Any], Any], x: Any) -> Any:
    """A function of each block, which gives one like it, when the block is computed.

    Rows, which lie on the last axis, are whole in a block. What is not lazy stays as it is.
    """
    if not is_lazy(x):
        return x
    rows = x.rechunk({x.ndim - 1: -1}) if x.ndim > 1 else x
    return rows.map_blocks(function, dtype=x.dtype, meta=x._meta)
