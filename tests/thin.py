"""An array that is nothing but NumPy's protocols: what asks it for more is refused.

It stands for Dask's, CuPy's and whatever comes: each call is noted, and whoever tries to look at
the numbers (`np.asarray`, `float`, `if`) is told that a lazy or a distant array has none to show.
"""

from collections.abc import Mapping

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin


class LookedAtError(TypeError):
    """The numbers were asked for, where only the protocols may be spoken."""


class Thin(NDArrayOperatorsMixin):
    """An ndarray behind the protocols, with the attributes every array library has."""

    __array_priority__ = 10.0

    def __init__(self, numbers, calls=None):
        self._numbers = np.asarray(numbers)
        self.calls = [] if calls is None else calls

    shape = property(lambda self: self._numbers.shape)
    dtype = property(lambda self: self._numbers.dtype)
    ndim = property(lambda self: self._numbers.ndim)
    size = property(lambda self: self._numbers.size)
    T = property(lambda self: self._wrapped(self._numbers.T, "T"))

    def copy(self):
        """A copy, as every library has it."""
        return self._wrapped(self._numbers.copy(), "copy")

    def astype(self, dtype):
        """In another precision, as every library has it."""
        return self._wrapped(self._numbers.astype(dtype), "astype")

    def __getitem__(self, index):
        parts = index if isinstance(index, tuple) else (index,)
        if not all(part is None or part is ... or isinstance(part, int | slice) for part in parts):
            raise NotImplementedError(f"a thin array has no entries to look up: {index!r}")
        return self._wrapped(self._numbers[index], "getitem")

    def __array_ufunc__(self, ufunc, method, *inputs, **settings):
        if method not in ("__call__", "outer") or settings.get("out"):
            return NotImplemented  # as Dask
        if not all(_known(x) for x in inputs):
            return NotImplemented
        return self._wrapped(ufunc(*map(_bare, inputs), **_bare(settings)), ufunc.__name__)

    def __array_function__(self, function, types, args, settings):
        if not all(issubclass(kind, (Thin, np.ndarray)) for kind in types):
            return NotImplemented
        return self._wrapped(function(*_bare(args), **_bare(settings)), function.__name__)

    def _wrapped(self, result, call):
        self.calls.append(call)
        if isinstance(result, tuple | list):
            parts = [self._wrapped(part, call) for part in result]
            return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
        return (
            type(self)(result, self.calls)
            if isinstance(result, np.ndarray | np.generic)
            else result
        )

    def _look(self, *_, **__):
        raise LookedAtError("the numbers of a thin array were asked for")

    __array__ = __float__ = __int__ = __complex__ = __bool__ = __index__ = _look
    __iter__ = item = tolist = _look

    def __len__(self):
        return self.shape[0]

    def seen(self):
        """The numbers, for a test to compare."""
        return self._numbers


def _known(x):
    return isinstance(x, (Thin, np.ndarray, np.generic, int, float, complex))


def _bare(x):
    if isinstance(x, Thin):
        return x._numbers
    if isinstance(x, tuple | list):
        return type(x)(map(_bare, x))
    return {key: _bare(part) for key, part in x.items()} if isinstance(x, Mapping) else x
