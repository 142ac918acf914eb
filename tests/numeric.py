"""Slopes by looking twice: what a rule is compared with, and shares no code with.

A step is scaled to each entry by a power of two near its size, so that x + step is exact. Central
differences at several steps are extrapolated (Richardson); the disagreement of neighbours in that
table, and the rounding of the smallest differences, say how far the answer may be wrong.
"""

import numpy as np

STEPS = 2.0 ** -np.arange(6, 10)
EPS = np.finfo(float).eps


def scale(x):
    """A power of two near each entry, never above it; 1/8 where the entry is 0."""
    x = np.abs(np.asarray(x, float))
    return np.exp2(np.floor(np.log2(np.where(x == 0.0, 0.125, x))))


def slope(f, x, direction):
    """How f moves when x moves along a direction, and how far that may be wrong, entry by entry."""
    ahead = [np.asarray(f(x + t * direction), float) for t in STEPS]
    behind = [np.asarray(f(x - t * direction), float) for t in STEPS]
    noise = 8.0 * EPS / STEPS[-1] * np.maximum(np.abs(ahead[-1]), np.abs(behind[-1]))
    previous, best, error = [], np.zeros_like(noise), np.full_like(noise, np.inf)
    for t, right, left in zip(STEPS, ahead, behind, strict=True):
        row = [(right - left) / (2.0 * t)]
        for k, coarser in enumerate(previous):
            row.append(row[k] + (row[k] - coarser) / (4.0 ** (k + 1) - 1.0))
            doubt = np.maximum(abs(row[k + 1] - row[k]), abs(row[k + 1] - coarser)) + noise
            best, error = np.where(doubt < error, row[k + 1], best), np.minimum(doubt, error)
        previous = row
    return best, error


def one_sided_slopes(f, x, direction, step=2.0**-10):
    """How f moves on either side: the slopes between which a corner's slope must lie."""
    here = np.asarray(f(x), float)
    right = (np.asarray(f(x + step * direction), float) - here) / step
    left = (here - np.asarray(f(x - step * direction), float)) / step
    return np.minimum(left, right), np.maximum(left, right)
