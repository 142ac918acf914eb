"""Products whose first factor decides: where it is 0, the other one has no say, be it infinite."""

from tinygrad_neuron.graph import Array
from tinygrad_neuron.ops import isinf, isnan, log, log1p, where


def mul0(a: Array, b: Array) -> Array:
    """a · b, and 0 for 0 · inf; nan stays nan, for what is unknown must show.

    >>> mul0(0.0, float("inf")), mul0(0.0, 3.0)
    (0.0, 0.0)
    """
    lost = (a == 0.0) & isinf(b)
    return where(lost, 0.0, a * where(lost, 1.0, b))


def xlogy(a: Array, p: Array) -> Array:
    """a · log p, and 0 for a = 0, whatever p: what never happens costs nothing.

    >>> xlogy(0.0, 0.0), xlogy(1.0, 1.0)
    (0.0, 0.0)
    """
    return _unless_zero(a, p, 1.0, log)


def xlog1py(a: Array, p: Array) -> Array:
    """a · log(1 + p), and 0 for a = 0, whatever p."""
    return _unless_zero(a, p, 0.0, log1p)


def _unless_zero(a: Array, p: Array, instead: float, logarithm: Array) -> Array:
    zero = (a == 0.0) & ~isnan(p)
    return where(zero, 0.0, a * logarithm(where(zero, instead, p)))
