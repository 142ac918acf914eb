"""Numbers, shapes, arrays, indices and masks: what a function can be tried on.

Random generators like zeros, equal entries and extreme numbers. Many mistakes show only at
ordinary numbers, where a difference quotient can be believed, and many only at the others. So each
kind of number is a strategy of its own, to be joined by `|`.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_neuron.graph import ANYWHERE, Domain

Strategy = st.SearchStrategy[Any]
Shape = tuple[int, ...]

EXTREME = 1e200  # its square overflows, and the square of its inverse is 0
EXTREME_FLOAT32 = 1e30


def _simplest_first(numbers: list[float]) -> list[float]:
    """Whole numbers before fractions, small ones before large: what an example shrinks to."""
    return sorted(numbers, key=lambda x: (float(x).as_integer_ratio()[1], abs(x), x < 0))


SIXTEENTHS = _simplest_first([n / 16 for n in range(-63, 64)])


# ------------------------------------------------------------------------------- numbers


def well_conditioned(domain: Domain = ANYWHERE) -> Strategy:
    """Short binary fractions between -4 and 4, inside a domain and 1/16 off its kinks.

    A step of a power of two away from such a number is exact.

    >>> from tinygrad_neuron.graph import POSITIVE
    >>> from hypothesis import find
    >>> find(well_conditioned(POSITIVE), lambda x: x > 1.5)
    2.0
    """
    off = [x for x in _inside(domain, SIXTEENTHS) if _distance(x, domain) >= 1 / 16]
    return st.sampled_from(off)


def adversarial(domain: Domain = ANYWHERE, dtype: Any = float) -> Strategy:
    """Zeros, ones, ±40, ±1000, 1e-200 and 1e200 of both signs, and the neighbours of the edges.

    As far as they are inside the domain; for float32 1e-30 and 1e30 instead.

    >>> from tinygrad_neuron.graph import Domain
    >>> from hypothesis import find
    >>> find(adversarial(Domain(low=-1.0, high=1.0)), lambda x: 0.5 < x < 1.0)
    0.99999999
    """
    extreme = EXTREME if float(np.finfo(dtype).max) > EXTREME else EXTREME_FLOAT32
    ends = [e for e in (domain.low, domain.high) if math.isfinite(e)]
    edges = [e + way * 1e-8 for e in ends for way in (1.0, -1.0)]
    sizes = [0.0, 1.0, 40.0, 1e3, 1e-8, extreme, 1.0 / extreme]
    both = [way * x for x in sizes for way in (1.0, -1.0)]
    return st.sampled_from(_inside(domain, [*both, *edges]))


def at_kinks(domain: Domain) -> Strategy:
    """The points of a domain where there is no single slope."""
    return st.sampled_from(domain.kinks) if domain.kinks else st.nothing()


def near_kinks(domain: Domain) -> Strategy:
    """Points from 2^-4 down to 2^-40 beside a kink, on either side.

    >>> from tinygrad_neuron.graph import Domain
    >>> from hypothesis import find
    >>> find(near_kinks(Domain(kinks=(0.0,))), lambda x: x > 0)
    0.0625
    """
    beside = [k + way * 2.0**-n for n in (4, 10, 20, 40) for k in domain.kinks for way in (1, -1)]
    return st.sampled_from(_inside(domain, beside)) if beside else st.nothing()


def _inside(domain: Domain, numbers: list[float]) -> list[float]:
    return [x for x in numbers if domain.low < x < domain.high]


def _distance(x: float, domain: Domain) -> float:
    return min((abs(x - k) for k in domain.kinks), default=math.inf)


# -------------------------------------------------------------------------------- shapes


def shapes(min_dims: int = 0, max_dims: int = 3, *, min_side: int = 1, max_side: int = 3) -> Any:
    """A few short axes; () is a single number."""
    return hnp.array_shapes(
        min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side
    )


def shapes_that_broadcast(n: int) -> Strategy:
    """A tuple of n shapes: single numbers, equal ones, or axes of length 1 and missing axes.

    >>> from hypothesis import find
    >>> find(shapes_that_broadcast(2), lambda pair: len(pair[0]) > 1 and pair[1] == ())
    ((1, 1), ())
    """
    broadcast = hnp.mutually_broadcastable_shapes(num_shapes=n, max_dims=3, max_side=3)
    return st.one_of(
        st.just(((),) * n),
        shapes(2, min_side=2).map(lambda shape: (shape,) * n),
        broadcast.map(lambda drawn: drawn.input_shapes),
    )


# -------------------------------------------------------------------------------- arrays


def dtypes() -> Strategy:
    """The precisions a Value can have."""
    return st.sampled_from([np.float64, np.float32])


@st.composite
def arrays(
    draw: Callable[[Any], Any],
    shape: Shape | Strategy = (),
    entries: Strategy | None = None,
    *,
    dtype: Any = float,
    unique: bool = False,
) -> Any:
    """An array of these entries, well-conditioned ones by default; of shape () a Python float.

    `shape` and `dtype` may be strategies themselves; `unique` asks for no two equal entries.

    >>> from hypothesis import find
    >>> find(arrays((2,)), lambda x: np.all(x > 1.0))
    array([2., 2.])
    >>> find(arrays(shapes(1), adversarial()), lambda x: np.max(x) > 1000.0)
    array([1.e+200])
    """
    shape = draw(shape) if isinstance(shape, st.SearchStrategy) else shape
    dtype = draw(dtype) if isinstance(dtype, st.SearchStrategy) else dtype
    entries = well_conditioned() if entries is None else entries
    if not shape:
        return _single(draw(entries), dtype)
    n = math.prod(shape)
    row = draw(st.lists(entries, min_size=n, max_size=n, unique=unique))
    return np.array(row, dtype).reshape(shape)


def _single(x: Any, dtype: Any) -> Any:
    """A number of this dtype as a Value holds it."""
    x = np.dtype(dtype).type(x)
    return x if x.dtype == np.float32 else x.item()


@st.composite
def arrays_that_broadcast(
    draw: Callable[[Any], Any], *entries: Strategy, dtype: Any = float
) -> tuple[Any, ...]:
    """A tuple of arrays whose shapes broadcast together, one for each strategy of entries.

    >>> from hypothesis import find
    >>> both = arrays_that_broadcast(well_conditioned(), well_conditioned())
    >>> find(both, lambda pair: np.shape(pair[0]) == np.shape(pair[1]) == (2, 2))
    (array([[0., 0.],
           [0., 0.]]), array([[0., 0.],
           [0., 0.]]))
    """
    chosen = draw(shapes_that_broadcast(len(entries)))
    parts = zip(chosen, entries, strict=True)
    return tuple(draw(arrays(shape, each, dtype=dtype)) for shape, each in parts)


# --------------------------------------------------------------------- indices and masks


def integers_below(n: int, shape: Shape | Strategy = (), *, negative: bool = True) -> Strategy:
    """Integer indices into an axis of length n, counted from both ends: labels, places, groups.

    >>> from hypothesis import find
    >>> find(integers_below(3, (2,)), lambda k: k.min() > 1)
    array([2, 2])
    """
    one = st.integers(-n if negative else 0, n - 1)
    return arrays(shape, one, dtype=int)


def masks(shape: Shape | Strategy) -> Strategy:
    """Arrays of yes and no."""
    return arrays(shape, st.booleans(), dtype=bool)


def indices(shape: Shape) -> Strategy:
    """What stands in brackets after an array: numbers, slices, new axes, lists, masks.

    Lists may name an entry more than once, and stand beside slices.
    """
    basic = hnp.basic_indices(shape, allow_newaxis=True)
    if not shape:
        return basic
    lists = hnp.integer_array_indices(shape, result_shape=shapes(1, 2, max_side=4))
    mixed = st.tuples(st.slices(shape[0]), *(st.just([0, n - 1, 0]) for n in shape[1:]))
    return basic | lists | masks(shape) | mixed


def axes(ndim: int) -> Strategy:
    """None, one axis counted from either end, or several."""
    several = hnp.valid_tuple_axes(ndim)
    return st.none() | several | (st.integers(-ndim, ndim - 1) if ndim else st.none())
