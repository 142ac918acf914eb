"""Calls of the primitives that choose: groups of entries, and maxima put into an array."""

import calls
import numpy as np
from hypothesis import assume, strategies as st
from hypothesis.extra import numpy as hnp


@st.composite
def grouped(draw):
    """An array, and a group number for each entry; no number is left out."""
    x = draw(calls.arrays(draw(calls.shapes(min_dims=1)), calls.ANY))
    few = draw(hnp.arrays(int, x.shape, elements=st.integers(0, 2)))
    return calls.Call((x,), {"group": np.unique(few, return_inverse=True)[1].reshape(x.shape)})


@st.composite
def maxima_at(draw, here, there):
    """An array, an index into it, and entries to compare what is there with."""
    x = draw(calls.arrays(draw(calls.shapes() | calls.shapes(min_dims=2)), here))
    index = draw(calls.index_into(np.shape(x)))
    shape = np.shape(np.asarray(x)[index])
    assume(0 not in shape)  # which an empty list does not have
    new = draw(calls.arrays(shape, there, unique=here is not there))
    return calls.Call((x, new), {"index": index})


FEW = st.sampled_from([-1.0, 0.0, 1.0])
BETWEEN = st.sampled_from([n / 16 + 1 / 32 for n in range(-64, 64)])

BY_HAND = {
    "even": grouped(),
    "max_at": maxima_at(calls.ANY, BETWEEN),
}
TIED = {"even": grouped(), "max_at": maxima_at(FEW, FEW)}
