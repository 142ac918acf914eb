"""A function of two numbers applied all along a row: NumPy's `reduce`, `accumulate`, `reduceat`.

`np.add.reduce` is `sum`, and a few others have a name like that. The rest is what the words say:
two at a time, from the first to the last, and each step has the rule of the function itself.
"""

import operator
from collections.abc import Callable
from functools import reduce
from itertools import accumulate
from typing import Any

import numpy as np

from tinygrad_neuron.errors import refuse
from tinygrad_neuron.graph import Array, dtype_of, primitive
from tinygrad_neuron.ops.angles import hypot
from tinygrad_neuron.ops.elementwise import astype, where
from tinygrad_neuron.ops.indexing import take
from tinygrad_neuron.ops.linalg import as_array
from tinygrad_neuron.ops.measures import euclidean
from tinygrad_neuron.ops.powers import logaddexp
from tinygrad_neuron.ops.reductions import (
    IN_ORDER,
    all,
    any,
    as_rows,
    axes_of,
    backwards,
    chosen,
    cumprod,
    from_rows,
    max,
    min,
    prod,
    recurrence,
    sum,
)
from tinygrad_neuron.ops.running import cumsum
from tinygrad_neuron.ops.shape import Axes, join, ndim_of, reshape, shape_of, stack
from tinygrad_neuron.ops.softmax import logsumexp
from tinygrad_neuron.ops.statistics import nanmax, nanmin

# ------------------------------------------------------------------- the largest so far


def _owed_by_running_max(g: Array, y: Array, x: Array, axis: int) -> Array:
    """Each result's gradient in equal parts to the entries up to there that reached it."""
    shape, axes = shape_of(x), axes_of(x, axis)
    g, y, x = (as_rows(each, axes) for each in (g, y, x))
    reached = (x == y) | (x != x)
    same = (y[..., 1:] == y[..., :-1]) | (y[..., :-1] != y[..., :-1])
    start = np.zeros((*shape_of(y)[:-1], 1), dtype_of(y))
    still = join(start, astype(same, dtype=dtype_of(y)), axis=-1)
    ties = recurrence(astype(reached, dtype=dtype_of(y)), still)
    return from_rows(where(reached, backwards(g / ties, still), 0.0), shape, axes)


@primitive(
    _owed_by_running_max,
    foreign=IN_ORDER,
    kink="where several are the largest so far, equal parts for each",
    steep=False,
)
def running_max(x: Array, *, axis: int = 0) -> Array:
    """The largest of the first, the first two, the first three ..., along an axis."""
    return np.maximum.accumulate(x, axis)


def running_min(x: Array, axis: int = 0) -> Array:
    """The smallest of the first, the first two, the first three ..., along an axis."""
    return -running_max(-x, axis=axis)


# --------------------------------------------------------------------- folds with a name


def _logsumexp(
    x: Array, axis: Axes = None, keepdims: bool = False, initial: Array = None, where: Array = True
) -> Array:
    y = logsumexp(chosen(x, where, -np.inf), axis=axis, keepdims=keepdims)
    return y if initial is None else logaddexp(y, initial)


def _length(
    x: Array, axis: Axes = None, keepdims: bool = False, initial: Array = None, where: Array = True
) -> Array:
    y = euclidean(chosen(x, where, 0.0), axis=axis, keepdims=keepdims)
    return y if initial is None else hypot(y, initial)


NAMED: dict[tuple[np.ufunc, str], Callable[..., Array]] = {
    (np.add, "reduce"): sum,
    (np.multiply, "reduce"): prod,
    (np.maximum, "reduce"): max,
    (np.minimum, "reduce"): min,
    (np.fmax, "reduce"): nanmax,
    (np.fmin, "reduce"): nanmin,
    (np.logaddexp, "reduce"): _logsumexp,
    (np.hypot, "reduce"): _length,
    (np.logical_and, "reduce"): all,
    (np.logical_or, "reduce"): any,
    (np.add, "accumulate"): cumsum,
    (np.multiply, "accumulate"): cumprod,
    (np.maximum, "accumulate"): running_max,
    (np.minimum, "accumulate"): running_min,
}


# ------------------------------------------------------------------------- all the others

# of others, power and arctan2 for one, NumPy's own answer is not always the fold from the left
FOLDED = {np.subtract, np.divide, np.logaddexp, np.logaddexp2, np.hypot, np.fmax, np.fmin}


def folds(ufunc: np.ufunc, method: str) -> bool:
    """Whether there is an answer for this method of this ufunc."""
    if method == "reduceat":
        return folds(ufunc, "reduce")
    return (ufunc, method) in NAMED or (method in ("reduce", "accumulate") and ufunc in FOLDED)


def fold(
    ufunc: np.ufunc, method: str, function: Callable[..., Array], x: Array, *more: Any, **kw: Any
) -> Array:
    """`ufunc.method(x, ...)`, where `function` is what the ufunc is called here."""
    asked = {key: given for key, given in kw.items() if not (key == "dtype" and given is None)}
    x, axis = as_array(x), asked.pop("axis", 0)
    if method == "reduceat":
        refuse(f"np.{ufunc.__name__}.reduceat", **asked)
        return _piece_by_piece(ufunc, function, x, more[0], axis)
    if (ufunc, method) in NAMED:
        return NAMED[ufunc, method](x, axis=axis, **asked)
    if method == "reduce":
        return _reduced(ufunc, function, x, axis, **asked)
    refuse(f"np.{ufunc.__name__}.accumulate", **asked)
    lines = _along(x, axis)
    return stack(list(accumulate(lines, function)), axis=axis) if lines else x


def _along(x: Array, axis: int) -> list[Array]:
    """The entries along an axis, one by one."""
    axis = np.lib.array_utils.normalize_axis_index(operator.index(axis), ndim_of(x))
    return [take(x, index=(slice(None),) * axis + (k,)) for k in range(shape_of(x)[axis])]


def _reduced(
    ufunc: np.ufunc,
    function: Callable[..., Array],
    x: Array,
    axis: Axes,
    keepdims: bool = False,
    initial: Array = None,
    **more: Any,
) -> Array:
    """Two at a time from the first to the last, behind the initial number if there is one."""
    refuse(f"np.{ufunc.__name__}.reduce", **more)
    # NumPy says what the shape is, what nothing is, and which may go along several axes
    like = ufunc.reduce(np.ones(shape_of(x), dtype_of(x)), axis=axis, keepdims=keepdims)
    lines = _along(as_rows(x, axes_of(x, axis)), -1)
    if initial is not None:
        lines = [initial, *lines]
    y = reduce(function, lines) if lines else like
    return reshape(y, shape=np.shape(like))


def _piece_by_piece(
    ufunc: np.ufunc, function: Callable[..., Array], x: Array, indices: Any, axis: int
) -> Array:
    """From each index to the next, the last to the end; alone, where the next is not behind."""
    axis = np.lib.array_utils.normalize_axis_index(axis, ndim_of(x))
    starts = [operator.index(i) for i in np.asarray(indices).tolist()]
    ends = [*starts[1:], shape_of(x)[axis]]
    parts = [slice(i, j if i < j else i + 1) for i, j in zip(starts, ends, strict=True)]
    pieces = [take(x, index=(slice(None),) * axis + (part,)) for part in parts]
    return stack([fold(ufunc, "reduce", function, p, axis=axis) for p in pieces], axis=axis)
