"""What numbers have in common: their spread, their middle, and the same where some are missing.

Nearly all of it is written with sums and products, and with the length of a vector, whose squares
overflow long before it does. One thing is a primitive, the entry of a rank: those that tie for a
rank share its gradient, as they do for the largest.
"""

import inspect
import warnings
from collections.abc import Callable, Iterator
from math import inf, nan, prod as product
from typing import Any

import numpy as np

from tinygrad_neuron.errors import UnsupportedError, refuse
from tinygrad_neuron.graph import Array, dtype_of, is_complex, only, primitive
from tinygrad_neuron.ops.angles import hypot
from tinygrad_neuron.ops.elementwise import (
    absolute,
    astype,
    divide,
    isnan,
    logical_and,
    logical_not,
    maximum,
    minimum,
    positive,
    select,
    sqrt,
    square,
    stop_gradient,
)
from tinygrad_neuron.ops.indexing import LOOKED_UP, at_hand
from tinygrad_neuron.ops.linalg import matmul, matrix_diagonal
from tinygrad_neuron.ops.measures import euclidean
from tinygrad_neuron.ops.parts import imag, real
from tinygrad_neuron.ops.reductions import (
    as_rows,
    axes_of,
    chosen,
    cumprod,
    how_many,
    in_precision,
    left_shape,
    max,
    mean,
    min,
    prod,
    sum,
)
from tinygrad_neuron.ops.shape import (
    Axes,
    broadcast_to,
    join,
    ndim_of,
    reshape,
    shape_of,
    squeeze,
    transpose,
)

# ----------------------------------------------------------------------------------- spread


def _deviations(x: Array, axis: Axes, where: Array, mean: Array) -> Array:
    """How far each entry is from the mean; exactly 0 if all are equal."""
    if mean is not None:
        return chosen(x - mean, where, 0.0)
    if not product(shape_of(x)):
        return x
    near = stop_gradient(max(chosen(x, where, -inf), axis=axis, keepdims=True))
    x = chosen(x - select(absolute(near) < inf, near, 0.0), where, 0.0)
    total = sum(x, axis=axis, keepdims=True)
    return chosen(x - divide(total, how_many(x, axis, True, where)), where, 0.0)


def _freedom(x: Array, axis: Axes, keepdims: bool, where: Array, less: Any) -> Array:
    """How many entries take part, less the degrees of freedom: at least 0."""
    return maximum(astype(how_many(x, axis, keepdims, where) - less, dtype=dtype_of(x)), 0.0)


def _correction(ddof: float, correction: float | None) -> float:
    if correction is not None and ddof != 0:
        raise ValueError("ddof and correction are two names for one number: give one of them")
    return ddof if correction is None else correction


def var(
    x: Array,
    axis: Axes = None,
    dtype: Any = None,
    out: Any = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: Array = True,
    mean: Array = None,
    correction: float | None = None,
) -> Array:
    """The variance: the mean squared distance from the mean, over n - ddof; real also of complex x.

    >>> var([1.0, 2.0, 3.0, 6.0])
    3.5
    """
    refuse("np.var", out=out)
    x = _floating("var", x, dtype)
    ddof = _correction(ddof, correction)
    if is_complex(x):
        across, up = _of_parts(var, x, mean, axis=axis, ddof=ddof, keepdims=keepdims, where=where)
        return across + up
    freedom = _freedom(x, axis, keepdims, where, ddof)
    squares = square(_deviations(x, axis, where, mean))
    return divide(sum(squares, axis=axis, keepdims=keepdims), freedom)


def std(
    x: Array,
    axis: Axes = None,
    dtype: Any = None,
    out: Any = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: Array = True,
    mean: Array = None,
    correction: float | None = None,
) -> Array:
    """The standard deviation: the root of the variance. If all entries are equal its slope is 0.

    >>> std([2.0, 4.0])
    1.0
    """
    refuse("np.std", out=out)
    x = _floating("std", x, dtype)
    ddof = _correction(ddof, correction)
    if is_complex(x):
        across, up = _of_parts(std, x, mean, axis=axis, ddof=ddof, keepdims=keepdims, where=where)
        return hypot(across, up)
    freedom = _freedom(x, axis, keepdims, where, ddof)
    distance = euclidean(_deviations(x, axis, where, mean), axis=axis, keepdims=keepdims)
    return divide(distance, sqrt(freedom))


def _of_parts(spread: Any, x: Array, mean: Array, **settings: Any) -> Iterator[Array]:
    """The spread of the real parts, and that of the imaginary parts."""
    means = (None, None) if mean is None else (real(mean), imag(mean))
    parts = zip((real(x), imag(x)), means, strict=True)
    return (spread(part, mean=middle, **settings) for part, middle in parts)


def _floating(name: str, x: Array, dtype: Any) -> Array:
    """x in the precision that was asked for; whole numbers as float64."""
    x = in_precision(name, x, dtype)
    return x if dtype_of(x).kind in "fc" else astype(x, dtype=np.dtype(float))


def _ordered(name: str, x: Array) -> Array:
    """x in floating point, of which one can be larger than another."""
    if is_complex(x):
        raise UnsupportedError(
            f"np.{name} takes real numbers; these are {dtype_of(x)}.",
            why="Complex ones have no order.",
            hint=f"np.{name}(v.real)  and  np.{name}(v.imag)",
        )
    return _floating(name, x, None)


# -------------------------------------------------------------------------------- averages


def average(
    x: Array,
    axis: Axes = None,
    weights: Array = None,
    returned: bool = False,
    *,
    keepdims: bool = False,
) -> Any:
    """The mean, in which some count more than others; the weights have gradients too.

    >>> average([1.0, 4.0], weights=[2.0, 1.0])
    2.0

    With `returned=True` also the sum of the weights. Raises `ZeroDivisionError` where that is 0.
    """
    x = _floating("average", x, None)
    if weights is None:
        y = mean(x, axis=axis, keepdims=keepdims)
        total = broadcast_to(float(how_many(x, axis, keepdims, True)), shape=shape_of(y))
        return (y, total) if returned else y
    weights = _beside(x, axis, in_precision("average", weights, None))
    total = sum(weights, axis=axis, keepdims=keepdims)
    if np.any(only(total) == 0.0):
        raise ZeroDivisionError("the weights add up to 0: there is no average")
    y = sum(x * weights, axis=axis, keepdims=keepdims) / total
    return (y, broadcast_to(total, shape=shape_of(y))) if returned else y


def _beside(x: Array, axis: Axes, weights: Array) -> Array:
    """One weight for each entry, or one for each place along the axes."""
    shape = shape_of(x)
    if shape_of(weights) == shape:
        return weights
    if axis is None:
        raise TypeError(
            f"the weights have shape {shape_of(weights)}, the numbers {shape}: say axis="
        )
    axes = axes_of(x, axis)
    if shape_of(weights) != tuple(shape[k] for k in axes):
        raise ValueError(f"weights of shape {shape_of(weights)} for the axes {axes} of {shape}")
    weights = transpose(weights, axes=tuple(int(k) for k in np.argsort(axes)))
    weights = reshape(weights, shape=tuple(n if k in axes else 1 for k, n in enumerate(shape)))
    return broadcast_to(weights, shape=shape)


# ---------------------------------------------------------------------------- covariances


def _variables(m: Array, rowvar: bool) -> Array:
    """Samples of variables as a table with one row for each variable."""
    m = _floating("cov", m, None)
    if ndim_of(m) > 2:
        raise ValueError(f"cov takes a row or a table, not an array of shape {shape_of(m)}")
    if ndim_of(m) < 2:
        return reshape(m, shape=(1, -1))
    return m if rowvar else transpose(m)


def cov(
    m: Array,
    y: Array = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Array = None,
    *,
    dtype: Any = None,
) -> Array:
    """How the variables in the rows vary together, by the samples and by `aweights`.

    >>> cov([1.0, 2.0, 3.0], [1.0, 3.0, 5.0]).tolist()
    [[1.0, 2.0], [2.0, 4.0]]
    """
    x = _variables(in_precision("cov", m, dtype), rowvar)
    if y is not None:
        x = join(x, _variables(in_precision("cov", y, dtype), rowvar), axis=0)
    ddof = int(not bias) if ddof is None else ddof
    weights = _weights(x, fweights, aweights)
    if weights is None:
        x, freedom = x - mean(x, axis=1, keepdims=True), float(shape_of(x)[1] - ddof)
        weighted = x
    else:
        total = sum(weights)
        x = x - sum(x * weights, axis=1, keepdims=True) / total
        weighted = x * weights
        inner = total if aweights is None else sum(weights * aweights) / total
        freedom = total - ddof * (1.0 if aweights is None else inner)
    if only(freedom) <= 0.0:
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=2)
        freedom = 0.0
    return squeeze(divide(matmul(x, transpose(weighted)), freedom))


def _weights(x: Array, fweights: Any, aweights: Array) -> Array:
    """How much each sample counts: as often as it was seen, times its weight."""
    for weights in (fweights, aweights):
        if weights is not None and shape_of(weights) != shape_of(x)[1:]:
            raise ValueError(f"{shape_of(weights)} weights for {shape_of(x)[1]} samples")
    if fweights is None:
        return aweights
    counts = np.asarray(only(fweights)).astype(dtype_of(x))
    return counts if aweights is None else counts * aweights


def corrcoef(x: Array, y: Array = None, rowvar: bool = True, *, dtype: Any = None) -> Array:
    """The covariances of variables brought to one spread: from -1 to 1.

    >>> corrcoef([1.0, 2.0, 3.0], [1.0, 3.0, 5.0]).round(9).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    c = cov(x, y, rowvar, dtype=dtype)
    if not shape_of(c):
        return c / c
    spread = sqrt(matrix_diagonal(c))
    return minimum(maximum(c / spread[:, None] / spread[None, :], -1.0), 1.0)


# ------------------------------------------------------------------------------- quantiles


def _rank_share(g: Array, y: Array, x: Array, ranks: Any) -> Array:
    """Each result's gradient in equal parts to the entries that tie for its rank."""
    of = x[..., None, :] == y[..., :, None]
    ties = sum(of, axis=-1, keepdims=True)
    return sum(select(of, g[..., :, None] / ties, 0.0), axis=-2)


@primitive(
    _rank_share,
    foreign=LOOKED_UP,
    kink="where several tie for a rank, equal parts for each",
    steep=False,
)
def of_rank(x: Array, *, ranks: "np.ndarray[Any, Any]") -> Array:
    """The entries of these ranks in each row: 0 for the smallest of it. Ranks have rows as well."""
    return np.take_along_axis(np.sort(x, axis=-1), ranks, axis=-1)


# where the q-quantile stands among n sorted entries: at n q + a + q (1 - a - b) - 1
PLOTTING = {
    "linear": (1.0, 1.0),
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1.0 / 3.0, 1.0 / 3.0),
    "normal_unbiased": (3.0 / 8.0, 3.0 / 8.0),
}


def _standing(q: Array, n: Array, method: Any) -> Array:
    """Where the quantile stands in a row of n: between rank 2 and rank 3 at 2.5, say."""
    n = np.asarray(n)[..., None]
    if method not in PLOTTING:
        # of the numbers 0, 1, 2 ... the quantile is where it stands: NumPy's steps as they are
        asked = np.unique(n).tolist()
        steps = {k: np.quantile(np.arange(k or 1.0), only(q), method=method) for k in asked}
        return np.array([steps[k] for k in n.ravel().tolist()]).reshape(*n.shape[:-1], -1)
    a, b = PLOTTING[method]
    at = n * q + (a + q * (1.0 - a - b)) - 1.0 if method != "linear" else (n - 1.0) * q
    last = np.maximum(n - 1.0, 0.0)
    return select(at < 0.0, 0.0, select(at > last, last, at))


def _between(rows: Array, at: Array, n: Array) -> Array:
    """The numbers at these standings: of two neighbours each in proportion to its nearness."""
    floor = np.floor(only(at))
    last = np.maximum(np.asarray(n)[..., None] - 1, 0)
    ranks = np.minimum(floor, last).astype(int)
    low = of_rank(rows, ranks=ranks)
    high = of_rank(rows, ranks=np.minimum(ranks + 1, last))
    part = astype(at - floor, dtype=dtype_of(rows))
    # no gap where there is nothing to bridge: inf - inf is no distance
    level = (low == high) | ((part == 0.0) & (absolute(high) == inf))
    gap = select(level, 0.0, high) - select(level, 0.0, low)
    near = part < 0.5  # count from the nearer one, so that at 1 it is the upper one to the bit
    return select(near, low, high) + gap * select(near, part, part - 1.0)


def _quantile(
    name: str, x: Array, q: Array, axis: Axes, keepdims: bool, method: str, skip_nan: bool
) -> Array:
    """The quantiles of x along the axes, the axes of q first; nan counts as missing, or as nan."""
    at_hand(name, x)
    x = _ordered(name, x)
    if not np.all((only(q) >= 0.0) & (only(q) <= 1.0)):
        raise ValueError(f"np.{name}: a quantile lies from 0 to 1, a percentile from 0 to 100")
    shape, axes = shape_of(x), axes_of(x, axis)
    rows = as_rows(x, axes)
    if not shape_of(rows)[-1]:
        raise ValueError(f"np.{name} of no numbers, shape {shape}, axis {axis}")
    length = shape_of(rows)[-1]
    there = sum(astype(logical_not(isnan(rows)), dtype=dtype_of(rows)), axis=-1)
    n = np.asarray(only(there), int) if skip_nan else np.full(shape_of(rows)[:-1], length)
    y = _between(rows, _standing(reshape(q, shape=(-1,)), n, method), n)
    lost = there == 0.0 if skip_nan else there < length
    missing = nan if skip_nan else max(rows, axis=-1, keepdims=True)  # which is nan, and a number's
    y = select(reshape(lost, shape=(*shape_of(lost), 1)), missing, y)
    count = ndim_of(y)
    y = transpose(y, axes=(count - 1, *range(count - 1)))
    return reshape(y, shape=(*shape_of(q), *left_shape(x, axis, keepdims)))


def _only(name: str, out: Any, overwrite_input: bool, weights: Any = None) -> None:
    """Raise for what cannot be honoured."""
    refuse(f"np.{name}", out=out)
    if overwrite_input or weights is not None:
        keyword = "weights" if weights is not None else "overwrite_input"
        raise UnsupportedError(
            f"np.{name} of a Value takes no {keyword}.",
            why="A Value is never overwritten."
            if overwrite_input
            else "With weights a quantile steps from entry to entry: it has no slope by them.",
            hint=f"np.{name}(v, ...)  without {keyword}",
        )


def _as_q(q: Array, x: Array, of: float) -> Array:
    """A quantile as a number from 0 to 1, in a list or not; a plain one in the precision of x."""
    if isinstance(q, list | tuple):
        q = positive(q)
    return q / of


def quantile(
    x: Array,
    q: Array,
    axis: Axes = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Array = None,
) -> Array:
    """The number below which a part q of them lies. Entries that tie for a rank share its gradient.

    >>> quantile([1.0, 2.0, 4.0, 8.0], 0.5)
    3.0

    Differentiable by x, and by q where the method interpolates. The methods are NumPy's (Hyndman
    and Fan, Sample Quantiles in Statistical Packages, 1996).
    """
    _only("quantile", out, overwrite_input, weights)
    return _quantile("quantile", x, _as_q(q, x, 1.0), axis, keepdims, method, False)


def percentile(
    x: Array,
    q: Array,
    axis: Axes = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Array = None,
) -> Array:
    """The quantile, with q in hundredths.

    >>> percentile([1.0, 2.0, 4.0, 8.0], 50)
    3.0
    """
    _only("percentile", out, overwrite_input, weights)
    return _quantile("percentile", x, _as_q(q, x, 100.0), axis, keepdims, method, False)


def median(
    x: Array,
    axis: Axes = None,
    out: Any = None,
    overwrite_input: bool = False,
    keepdims: bool = False,
) -> Array:
    """The one in the middle; of an even number, the mean of both.

    >>> median([1.0, 2.0, 4.0, 8.0])
    3.0
    """
    _only("median", out, overwrite_input)
    return _quantile("median", x, 0.5, axis, keepdims, "linear", False)


# ----------------------------------------------------------------------- with numbers missing


def _present(name: str, x: Array, where: Array) -> tuple[Array, Array]:
    """x, and which of its entries are numbers and take part."""
    x = _floating(name, x, None)
    mask = logical_not(isnan(x))
    return x, mask if where is True else logical_and(mask, where)


def of_present(function: Callable[..., Array], doc: str) -> Callable[..., Array]:
    """A reduction of those that are numbers, with the signature of the reduction of all."""
    whole = getattr(function, "whole", function)
    name = f"nan{function.__name__}"

    def of_numbers(x: Array, *args: Any, where: Array = True, **settings: Any) -> Array:
        x, present = _present(name, x, where)
        return function(x, *args, where=present, **settings)

    of_numbers.__name__ = of_numbers.__qualname__ = name
    of_numbers.__doc__ = doc
    of_numbers.__signature__ = inspect.signature(whole)  # type: ignore[attr-defined]
    return of_numbers


nansum = of_present(sum, "The sum of those that are numbers.")
nanprod = of_present(prod, "The product of those that are numbers.")
nanmean = of_present(mean, "The mean of those that are numbers; nan where there are none.")
nanvar = of_present(var, "The variance of those that are numbers.")
nanstd = of_present(std, "The standard deviation of those that are numbers.")


def _nan_extreme(
    of_all: Any, idle: float, x: Array, axis: Axes, keepdims: bool, initial: Array, where: Array
) -> Array:
    """The extreme of those that are numbers; nan where there are none."""
    x, present = _present(f"nan{of_all.name}", x, where)
    if where is not True or initial is not None:
        return of_all(x, axis, None, keepdims, initial, present)
    y = of_all(chosen(x, present, idle), axis=axis, keepdims=keepdims)
    return select(how_many(x, axis, keepdims, present) == 0.0, nan, y)


def nanmax(
    x: Array,
    axis: Axes = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Array = None,
    where: Array = True,
) -> Array:
    """The largest of those that are numbers; ties share the gradient equally.

    >>> nanmax([1.0, float("nan"), 3.0])
    3.0
    """
    refuse("np.nanmax", out=out)
    return _nan_extreme(max, -inf, x, axis, keepdims, initial, where)


def nanmin(
    x: Array,
    axis: Axes = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Array = None,
    where: Array = True,
) -> Array:
    """The smallest of those that are numbers; ties share the gradient equally."""
    refuse("np.nanmin", out=out)
    return _nan_extreme(min, inf, x, axis, keepdims, initial, where)


def nanquantile(
    x: Array,
    q: Array,
    axis: Axes = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Array = None,
) -> Array:
    """The quantile of those that are numbers; nan where there are none."""
    _only("nanquantile", out, overwrite_input, weights)
    return _quantile("nanquantile", x, _as_q(q, x, 1.0), axis, keepdims, method, True)


def nanpercentile(
    x: Array,
    q: Array,
    axis: Axes = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Array = None,
) -> Array:
    """The percentile of those that are numbers; nan where there are none."""
    _only("nanpercentile", out, overwrite_input, weights)
    return _quantile("nanpercentile", x, _as_q(q, x, 100.0), axis, keepdims, method, True)


def nanmedian(
    x: Array,
    axis: Axes = None,
    out: Any = None,
    overwrite_input: bool = False,
    keepdims: bool = False,
) -> Array:
    """The median of those that are numbers; nan where there are none.

    >>> nanmedian([1.0, float("nan"), 3.0])
    2.0
    """
    _only("nanmedian", out, overwrite_input)
    return _quantile("nanmedian", x, 0.5, axis, keepdims, "linear", True)


def nancumprod(x: Array, axis: int | None = None, dtype: Any = None, out: Any = None) -> Array:
    """The running products of those that are numbers."""
    x, present = _present("nancumprod", x, True)
    return cumprod(chosen(x, present, 1.0), axis, dtype, out)
