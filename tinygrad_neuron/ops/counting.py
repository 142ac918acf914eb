"""How many fall into each place, and how much they weigh.

Counts are plain answers. What has a gradient is what the places hold: weights add up, and edges
that are laid from the smallest number to the largest move with them.
"""

from typing import Any

import numpy as np

from tinygrad_neuron.graph import Array, only
from tinygrad_neuron.ops.grids import linspace
from tinygrad_neuron.ops.indexing import at_hand, flat, scatter
from tinygrad_neuron.ops.linalg import as_array, as_floats
from tinygrad_neuron.ops.reductions import max, min, sum
from tinygrad_neuron.ops.running import diff
from tinygrad_neuron.ops.shape import ndim_of, shape_of


def bincount(x: Any, /, weights: Array = None, minlength: int = 0) -> Array:
    """How often each whole number occurs; with weights, how much they weigh, by the weights.

    >>> bincount([0, 2, 2], weights=[1.0, 0.5, 0.25]).tolist()
    [1.0, 0.0, 0.75]
    """
    x = only(x)
    counts = np.bincount(x, minlength=minlength)
    if weights is None:
        return counts
    weights = as_floats(weights)
    if shape_of(weights) != np.shape(x):
        raise ValueError(f"{shape_of(weights)} weights for {np.shape(x)} numbers")
    return scatter(weights, index=np.array(x, np.intp), shape=counts.shape)


def histogram_bin_edges(
    a: Array,
    bins: Any = 10,
    range: Any = None,  # noqa: A002
    weights: Any = None,
) -> Array:
    """The edges between which a histogram counts: given ones, or equal steps over a range.

    Without a range they go from the smallest number to the largest, and move with them.
    """
    a, bins = as_floats(a), bins if isinstance(bins, str) else as_array(bins)
    if not isinstance(bins, str) and ndim_of(bins):
        return bins
    limits = None if range is None else tuple(map(only, range))
    edges = np.histogram_bin_edges(at_hand("histogram", a), only(bins), limits, only(weights))
    if range is None and not np.size(only(a)):
        return edges
    low, high = (min(a), max(a)) if range is None else range
    if only(low) == only(high):  # around the one number there is
        low, high = low - 0.5, high + 0.5
    return linspace(low, high, len(edges))


def histogram(
    a: Array,
    bins: Any = 10,
    range: Any = None,  # noqa: A002
    density: Any = None,
    weights: Array = None,
) -> tuple[Array, Array]:
    """The counts between edges, and the edges, which move with the smallest and the largest number.

    The counts are plain; with weights they are sums of weights, with `density` heights of bars,
    and both have gradients.
    """
    edges = histogram_bin_edges(a, bins, range, weights)
    plain, at = np.asarray(only(a)).ravel(), only(edges)
    counts: Array = np.histogram(plain, at)[0]
    if weights is not None:
        last = len(at) - 1  # a place of its own for what lies outside; the last edge is inside
        place = np.minimum(np.searchsorted(at, plain, "right"), last) - 1
        index = np.where((plain >= at[0]) & (plain <= at[-1]), place, last)
        counts = scatter(flat(as_floats(weights)), index=index, shape=(len(at),))[:-1]
    if density:
        counts = counts / diff(edges) / sum(counts)
    return counts, edges
