"""The sum over all paths through a lattice, by which alignments of two sequences are counted.

A path stands in one state at each frame: it stays, steps to the next one, or skips one. There are
exponentially many paths, and their sum takes one step for each frame and state, because all paths
that have met in a state go on alike (Baum, Petrie, Soules and Weiss, 1970).
"""

import numpy as np

from tinygrad_neuron.graph import Array, primitive
from tinygrad_neuron.ops.elementwise import exp, where
from tinygrad_neuron.ops.indexing import take
from tinygrad_neuron.ops.shape import concatenate, shape_of, stack


def _log_sum(a: Array, b: Array, c: Array) -> Array:
    """log(exp(a) + exp(b) + exp(c)), around the largest; of three -inf it is -inf."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    middle, top = np.minimum(high, c), np.maximum(high, c)
    base = np.maximum(top, np.finfo(top.dtype).min)  # -inf - -inf is nan
    return top + np.log1p(np.exp(low - base) + np.exp(middle - base))


def _owed_to_score(g: Array, y: Array, score: Array, skips: Array) -> Array:
    """Each state is owed its own, and its share of what is owed to the three it leads to."""
    frames, states, n = shape_of(y)
    nowhere = np.full((frames, 2, n), np.inf)  # two states more, into which no path leads
    arrived = concatenate([where(y == -np.inf, np.inf, y - score), nowhere], axis=1)[1:]
    stays, steps, skipped = (exp(y[:-1] - arrived[:, k : k + states]) for k in range(3))
    skipped = where(np.concatenate([skips, np.zeros((2, n), bool)])[2:], skipped, 0.0)
    second, third = (np.minimum(np.arange(states) + k, states - 1) for k in (1, 2))
    owed = [g[-1]]
    for t in reversed(range(frames - 1)):
        later = owed[-1]
        near = g[t] + stays[t] * later + steps[t] * take(later, index=second)
        owed.append(near + skipped[t] * take(later, index=third))
    return stack(owed[::-1])


@primitive(_owed_to_score, foreign="each frame needs the one before it", steep=False)
def path_sums(score: Array, *, skips: Array) -> Array:
    """The logarithm of the summed weight of all paths into each state, for (frames, states, n).

    A path weighs exp of the sum of its scores. It starts in state 0 or 1, and `skips`, of shape
    (states, n), says which states may be entered from the one before the last.

    >>> score = np.zeros((3, 3, 1))
    >>> np.exp(path_sums(score, skips=np.array([[False], [True], [False]]))[..., 0]).round(9)
    array([[1., 1., 0.],
           [1., 2., 1.],
           [1., 3., 3.]])

    Where no path leads it is -inf, with slope 0.
    """
    frames, states, n = score.shape
    y = np.empty_like(score)
    before = np.full((states + 2, n), -np.inf, score.dtype)
    before[1] = 0.0  # before the first frame every path is one step from state 0
    barred = np.where(skips, 0.0, -np.inf).astype(score.dtype)
    barred[1:2] = 0.0
    for t in range(frames):
        y[t] = score[t] + _log_sum(before[2:], before[1:-1], before[:-2] + barred)
        before[:2], before[2:] = -np.inf, y[t]
    return y
