"""Calls of the reductions and of what runs along an axis; `calls` takes them in at its end."""

import numpy as np
from calls import ANY, QUARTERS, Call, arrays, axis_of, one_array, reductions, shapes
from hypothesis import strategies as st


def along(ndim):
    """One axis, counted from either end, or None for all of them in a row."""
    one = st.integers(-ndim, ndim - 1) if ndim else st.none()
    return st.fixed_dictionaries({"axis": st.none() | one})


def runs():
    """An array and the axis to run along."""
    return one_array(lambda shape: along(len(shape)))


def with_zeros():
    """An array in which zeros are not rare, and the axes to multiply along."""
    return reductions(lambda shape: arrays(shape, st.sampled_from([0.0, 0.5, -1.5, 2.0, -0.25])))


@st.composite
def shares(draw):
    """Scores, and the axes along which they are shared out."""
    x = draw(arrays(draw(shapes()), ANY))
    return Call((x,), {"axis": draw(axis_of(np.ndim(x)))})


@st.composite
def ranked(draw):
    """Rows without two equal entries, and for each row the ranks that are asked for."""
    shape = draw(shapes(min_dims=1))
    x = draw(arrays(shape, st.sampled_from(QUARTERS), unique=True))
    asked = draw(st.integers(1, 3))
    ranks = draw(arrays((*shape[:-1], asked), st.integers(0, shape[-1] - 1), dtype=int))
    return Call((x,), {"ranks": ranks})


@st.composite
def tied_at_an_end(draw):
    """Rows with many equal entries, and for each row the first rank or the last.

    One of three in the middle can move alone and move nothing: only the ends have a corner there.
    """
    shape = draw(shapes(min_dims=1))
    x = draw(arrays(shape, st.sampled_from([-1.0, 0.0, 1.0])))
    ranks = draw(arrays((*shape[:-1], 1), st.sampled_from([0, shape[-1] - 1]), dtype=int))
    return Call((x,), {"ranks": ranks})


@st.composite
def climbs(draw, tied):
    """An array and one axis to run along; without two equal entries, or with many."""
    shape = draw(shapes(min_dims=1))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    entries = st.sampled_from([-1.0, 0.0, 1.0] if tied else QUARTERS)
    return Call((draw(arrays(shape, entries, unique=not tied)),), {"axis": axis})


@st.composite
def sizes(draw):
    """Numbers well between powers of two, and axes to look along."""
    between = st.sampled_from([0.375, -0.375, 0.75, 1.5, -1.5, 3.0])
    x = draw(arrays(draw(shapes()), between))
    return Call((x,), {"axis": draw(axis_of(np.ndim(x)))})


@st.composite
def two_alike(draw):
    """Two arrays of one shape."""
    shape = draw(shapes(min_dims=1))
    return Call(tuple(draw(arrays(shape, ANY)) for _ in range(2)))


@st.composite
def two_rows(draw):
    """Two rows of any lengths."""
    return Call(tuple(draw(arrays((draw(st.integers(1, 4)),), ANY)) for _ in range(2)))


@st.composite
def angles(draw):
    """Angles without neighbours that are near half a period apart."""
    shape = draw(shapes(min_dims=1))
    steps = draw(arrays(shape, st.sampled_from([-5.0, -2.0, 0.5, 1.0, 2.5])))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    return Call((np.cumsum(steps, axis=axis),), {"axis": axis})


BY_HAND = {
    "prod": with_zeros(),
    "cumprod": runs(),
    "cumsum": runs(),
    "recurrence": two_alike(),
    "running_max": climbs(tied=False),
    "magnitude": sizes(),
    "of_rank": ranked(),
    "unwrap": angles(),
    "convolution": two_rows(),
    "logsumexp": reductions(lambda shape: arrays(shape, ANY)),
    "softmax": shares(),
    "log_softmax": shares(),
}

TIED = {
    "of_rank": tied_at_an_end(),
    "running_max": climbs(tied=True),
}
