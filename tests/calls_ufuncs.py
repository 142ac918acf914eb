"""Well-conditioned calls of the further functions of single numbers.

Away from poles and from corners that a domain cannot name; most have their domains and need none.
"""

from calls import ANY, TRUTHS, Call, apart, arrays, between_multiples, elementwise_calls, truths
from hypothesis import strategies as st

ABOVE_ONE = st.sampled_from([n / 16 for n in range(20, 64)])
CLOSE = st.sampled_from([n / 16 for n in range(-20, 21)])


@st.composite
def steps(draw):
    """Where a step is, and what it is there: many entries, as only those at the step count."""
    shape = draw(st.sampled_from([(), (3,), (2, 3), (3, 2)]))
    middle = draw(st.sampled_from([shape, shape[-1:]]))
    return Call((draw(arrays(shape, TRUTHS, dtype=bool)), draw(arrays(middle, ANY))))


BY_HAND = {
    "arccosh": elementwise_calls(ABOVE_ONE),
    "tan": elementwise_calls(CLOSE),
    "fmax": apart(),
    "fmin": apart(),
    "fmod": between_multiples(),
    "heaviside": steps(),
    "ldexp": elementwise_calls(ANY, TRUTHS, dtypes=[float, bool]),
    "logical_xor": truths(2),
}
"""The exponent of ldexp and the step of heaviside are yes and no: 1 and 0, which cannot move."""
