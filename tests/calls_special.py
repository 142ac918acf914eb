"""Well-conditioned calls of the special functions, and of sums over paths."""

import numpy as np
from calls import ANY, Call, arrays, elementwise_calls
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

LARGE = st.sampled_from([n / 4 for n in range(8, 64)])
STEPS = st.sampled_from([n / 4 for n in range(1, 24)])
ORDERS = st.sampled_from([{"order": order} for order in range(3)])


@st.composite
def lattices(draw):
    """Scores of lattices so narrow that there is a path to every state."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 2), st.integers(1, 2)))
    score = draw(arrays(shape, ANY))
    return Call((score,), {"skips": draw(hnp.arrays(bool, np.shape(score)[1:]))})


BY_HAND = {
    "polygamma": elementwise_calls(LARGE, settings=ORDERS),
    "gammaln_gap": elementwise_calls(LARGE, STEPS, settings=ORDERS),
    "alpha_contrast": elementwise_calls(
        STEPS, STEPS, settings=st.sampled_from([{"alpha": a} for a in (-1.0, 0.0, 0.5, 1.0, 2.5)])
    ),
    "beta_contrast": elementwise_calls(
        STEPS, STEPS, settings=st.sampled_from([{"beta": b} for b in (-1.0, 0.0, 0.5, 1.0, 2.5)])
    ),
    "path_sums": lattices(),
}
"""In wider lattices some states cannot be reached, where there is nothing to see nearby: -inf."""
