"""Random inputs from NumPy alone, for checks where Hypothesis is not installed.

Each is a function of a `numpy.random.Generator`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

Sampler = Callable[[np.random.Generator], Any]


def ordinary(*shape: int) -> Sampler:
    """Numbers of either sign around 1, normally distributed.

    >>> ordinary(2, 3)(np.random.default_rng(0)).shape
    (2, 3)
    """
    return lambda rng: _plain(rng.normal(size=shape))


def positive(*shape: int) -> Sampler:
    """Numbers between 1/2 and 2.

    >>> 0.5 <= positive()(np.random.default_rng(0)) < 2.0
    True
    """
    return lambda rng: _plain(rng.uniform(0.5, 2.0, shape))


def integers_below(n: int, *shape: int) -> Sampler:
    """Whole numbers from 0 to n - 1, which a check holds fixed: labels, places.

    >>> integers_below(3, 4)(np.random.default_rng(0)).dtype.kind
    'i'
    """
    return lambda rng: rng.integers(0, n, shape)


def _plain(x: Any) -> Any:
    """A single number as a float."""
    return x if np.ndim(x) else float(x)
