"""Well-conditioned calls of every primitive: places where a difference quotient can be believed.

Elementwise primitives get theirs from the domains they declare; the others are written out here.
Entries are short binary fractions, so that a step of a power of two away from them is exact.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from calls_linalg import calls as linalg_calls
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_neuron import Value
from tinygrad_neuron.graph import Domain
from tinygrad_neuron.ops import PRIMITIVES

ANYWHERE = Domain()
SIXTEENTHS = [n / 16 for n in range(-63, 64)]
EIGHTHS = [n / 8 for n in range(-31, 32)]
QUARTERS = [n / 4 for n in range(-15, 16)]


@dataclass(frozen=True)
class Call:
    """The inputs of a primitive (floats, arrays, bool arrays) and its settings."""

    inputs: tuple[Any, ...]
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def varying(self):
        """The positions of the inputs that can move a little."""
        return [i for i, x in enumerate(self.inputs) if np.asarray(x).dtype.kind in "fc"]

    def values(self):
        """The inputs as fresh leaves; a yes or no as the answer to a question about one."""
        return [Value(x) if i in self.varying else as_answer(x) for i, x in enumerate(self.inputs)]

    def having(self, i, x):
        """The same call with another input number i."""
        return Call((*self.inputs[:i], x, *self.inputs[i + 1 :]), self.settings)


def as_answer(truth):
    """Yes and no as Values: whole numbers cannot be leaves."""
    return Value(np.asarray(truth, float)) > 0.5


def of(primitive):
    """A strategy of well-conditioned calls of a primitive."""
    if primitive.name in BY_HAND:
        return BY_HAND[primitive.name]
    if not primitive.elementwise:
        raise LookupError(f"tests/calls.py has no calls for {primitive.name}: write some")
    domains = primitive.domains or (ANYWHERE,) * len(primitive.rules)
    return elementwise_calls(*(entries_in(domain) for domain in domains))


def tied(primitive):
    """Calls at the corners: small whole numbers, so that many are equal and many are 0."""
    few = st.sampled_from([-1.0, 0.0, 1.0])
    if primitive.name in TIED:
        return TIED[primitive.name]
    if primitive.elementwise:
        return elementwise_calls(*(few for _ in primitive.rules))
    return reductions(lambda shape: arrays(shape, few))


IMAGINARY = st.sampled_from([k / 16 for k in (-12, -8, -6, -4, 4, 6, 8, 12)])
ABOUT_COMPLEX = {
    *("real", "imag", "conjugate", "unit", "unitdet"),
    *("fourier", "half_spectrum", "from_half"),
}
"""Primitives that are nothing new for real numbers, or give complex ones: test_complex has them."""
REAL_PRIMITIVES = tuple(p for p in PRIMITIVES if p.name not in ABOUT_COMPLEX)


@st.composite
def complex_calls(draw, primitive):
    """Calls of a primitive with complex inputs, beside real ones where there are several."""
    call = draw(of(primitive))
    if primitive.name == "half_spectrum":
        return call
    movable = call.varying
    least = primitive.name != "fourier"  # of which real numbers are transformed as well
    chosen = draw(st.sets(st.sampled_from(movable), min_size=least)) if movable else movable
    for i in sorted(chosen):
        shape = np.shape(call.inputs[i])
        up = draw(arrays(shape, IMAGINARY))
        size = 0.25 if primitive.name in OF_MATRICES and len(shape) > 1 else 1.0
        call = call.having(i, call.inputs[i] + 1j * size * up)
    if primitive.name == "astype":
        call = Call(call.inputs, {"dtype": complex})
    return call


OF_MATRICES = {"inv", "solutions", "det", "logabsdet", "unitdet", "square_root", "turned"}


# -------------------------------------------------------------------------------- pieces


def entries_in(domain):
    """Numbers inside a domain and off its corners."""
    inside = [x for x in SIXTEENTHS if domain.low < x < domain.high]
    return st.sampled_from([x for x in inside if all(abs(x - k) >= 1 / 16 for k in domain.kinks)])


def arrays(shape, entries, **more):
    """An array of these entries; a single one is a float, as it is inside a Value."""
    dtype = more.pop("dtype", float)
    drawn = hnp.arrays(dtype, shape, elements=entries, fill=st.nothing(), **more)
    return drawn if shape else drawn.map(lambda x: x.item())


def shapes(min_dims=0, max_dims=3):
    """A few short axes."""
    return hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, max_side=3)


def matching_shapes(n):
    """Single numbers, equal shapes, or axes of length 1 and missing axes that broadcast."""
    equal = hnp.array_shapes(min_dims=2, max_dims=3, min_side=2, max_side=3)
    broadcast = hnp.mutually_broadcastable_shapes(num_shapes=n, max_dims=3, max_side=3)
    return st.one_of(
        st.just(((),) * n),
        equal.map(lambda shape: (shape,) * n),
        broadcast.map(lambda drawn: drawn.input_shapes),
    )


@st.composite
def elementwise_calls(draw, *entries, settings=None, dtypes=None):
    """Inputs whose shapes broadcast."""
    dtypes = dtypes or [float] * len(entries)
    chosen = draw(matching_shapes(len(entries)))
    parts = zip(chosen, entries, dtypes, strict=True)
    inputs = tuple(draw(arrays(shape, each, dtype=dtype)) for shape, each, dtype in parts)
    return Call(inputs, draw(settings) if settings is not None else {})


def axis_of(ndim):
    """None, one axis counted from either end, or several."""
    several = hnp.valid_tuple_axes(ndim)
    return st.none() | several | (st.integers(-ndim, ndim - 1) if ndim else st.none())


@st.composite
def reductions(draw, content):
    """An array, with the axes to reduce."""
    x = draw(content(draw(shapes())))
    return Call((x,), {"axis": draw(axis_of(np.ndim(x))), "keepdims": draw(st.booleans())})


@st.composite
def one_array(draw, settings_for, min_dims=0):
    """One array, and settings that suit its shape."""
    x = draw(arrays(draw(shapes(min_dims)), st.sampled_from(SIXTEENTHS)))
    return Call((x,), draw(settings_for(np.shape(x))))


# ------------------------------------------------------------------- elementwise, by hand

ANY = st.sampled_from(SIXTEENTHS)
TRUTHS = st.booleans()


def apart():
    """Two inputs that are nowhere within a step of each other."""
    return elementwise_calls(
        st.sampled_from(EIGHTHS), st.sampled_from([x + 1 / 16 for x in EIGHTHS])
    )


@st.composite
def between_multiples(draw):
    """a and b with a / b at least 1/16 away from every whole number."""
    unit = draw(st.sampled_from([1.0, 3.0]))
    dividends = [unit * (n / 2 + k / 8) for n in range(-8, 8) for k in (1, 2, 3)]
    divisors = [unit / 2, unit, 2 * unit]
    return draw(elementwise_calls(st.sampled_from(dividends), st.sampled_from(divisors)))


def truths(n):
    """n inputs of yes and no."""
    return elementwise_calls(*[TRUTHS] * n, dtypes=[bool] * n)


# --------------------------------------------------------------------- structural, by hand


def to_reshape(shape):
    """Other shapes with as many entries."""
    size = int(np.prod(shape))
    others = [(-1,), -1, size, (1, *shape), (*shape, 1), shape[::-1], (*shape[:1], -1)]
    return st.sampled_from([{"shape": other} for other in others])


def to_transpose(shape):
    """No order, or any order, its axes counted from either end."""
    n = len(shape)
    orders = st.permutations(range(n)).flatmap(
        lambda order: st.tuples(*(st.sampled_from([k, k - n]) for k in order))
    )
    return st.fixed_dictionaries({"axes": st.none() | orders})


def to_expand(shape):
    """One new axis or two, counted from either end."""
    n = len(shape)
    one = st.integers(-n - 1, n)
    two = st.lists(st.integers(0, n + 1), min_size=2, max_size=2, unique=True).map(tuple)
    return st.fixed_dictionaries({"axis": one | two})


@st.composite
def squeezes(draw):
    """An array with axes of length 1, and all of them or some to drop."""
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, max_side=2))
    ones = [k for k, n in enumerate(shape) if n == 1]
    some = st.lists(st.sampled_from(ones), unique=True).map(tuple) if ones else st.just(())
    one = st.sampled_from([*ones, *(k - len(shape) for k in ones)]) if ones else st.none()
    return Call((draw(arrays(shape, ANY)),), {"axis": draw(st.none() | some | one)})


@st.composite
def stretches(draw, back):
    """An array and the shape it is stretched to; or the stretched one and the shape it had."""
    drawn = draw(hnp.mutually_broadcastable_shapes(num_shapes=1, max_dims=3, max_side=3))
    small, large = drawn.input_shapes[0], np.broadcast_shapes(*drawn.input_shapes)
    large = tuple(draw(st.integers(1, 3)) for _ in range(draw(st.integers(0, 1)))) + tuple(
        draw(st.integers(1, 3)) if n == 1 else n for n in large
    )
    given, wanted = (large, small) if back else (small, large)
    return Call((draw(arrays(given, ANY)),), {"shape": wanted})


@st.composite
def matrix_products(draw):
    """Vectors, matrices and stacks of matrices that fit."""
    drawn = draw(
        hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, max_side=3)
    )
    return Call(tuple(draw(arrays(shape, ANY)) for shape in drawn.input_shapes))


@st.composite
def joins(draw):
    """Arrays of different length along one axis."""
    shape = draw(shapes(min_dims=1))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    lengths = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    where = axis % len(shape)
    each = [(*shape[:where], length, *shape[where + 1 :]) for length in lengths]
    return Call(tuple(draw(arrays(s, ANY)) for s in each), {"axis": axis})


@st.composite
def piles(draw):
    """Arrays of one shape, single numbers among them."""
    shape = draw(shapes())
    axis = draw(st.integers(-len(shape) - 1, len(shape)))
    n = draw(st.integers(1, 3))
    return Call(tuple(draw(arrays(shape, ANY)) for _ in range(n)), {"axis": axis})


def index_into(shape):
    """Numbers, slices, new axes, lists with repeated entries, masks."""
    basic = hnp.basic_indices(shape, allow_newaxis=True)
    if not shape:
        return basic
    lists = hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(max_dims=2, max_side=4))
    masks = hnp.arrays(bool, shape)
    mixed = st.tuples(
        st.slices(shape[0]), *(st.just([0, n - 1, 0]) for n in shape[1:])
    )  # a slice beside lists
    return basic | lists | masks | mixed


@st.composite
def takes(draw, back):
    """An array and an index into it; or what was taken, and where it goes back to."""
    x = draw(arrays(draw(shapes()), ANY))
    index = draw(index_into(np.shape(x)))
    if not back:
        return Call((x,), {"index": index})
    taken = np.shape(np.asarray(x)[index])
    return Call((draw(arrays(taken, ANY)),), {"index": index, "shape": np.shape(x)})


def scattered():
    """Arrays without two equal entries."""
    return reductions(lambda shape: arrays(shape, st.sampled_from(QUARTERS), unique=True))


NORMS = st.sampled_from(["backward", "ortho", "forward"])


@st.composite
def fourier_calls(draw):
    """A transform along some axes, there or back."""
    x = draw(arrays(draw(hnp.array_shapes(max_dims=3, max_side=4)), ANY))
    axes = draw(st.sets(st.integers(-x.ndim, -1), min_size=1).map(lambda axes: tuple(sorted(axes))))
    return Call((x,), {"axes": axes, "inverse": draw(st.booleans()), "norm": draw(NORMS)})


@st.composite
def half_spectrum_calls(draw):
    """Real numbers and the axis to go along, of odd and even length."""
    x = draw(arrays(draw(hnp.array_shapes(max_dims=3, max_side=5)), ANY))
    return Call((x,), {"axis": draw(st.integers(-x.ndim, -1)), "norm": draw(NORMS)})


@st.composite
def from_half_calls(draw):
    """Half a spectrum, and which of the two lengths it belongs to."""
    x = draw(arrays(draw(hnp.array_shapes(max_dims=3, max_side=4)), ANY))
    axis = draw(st.integers(-x.ndim, -1))
    n = draw(st.sampled_from([2 * x.shape[axis] - 2, 2 * x.shape[axis] - 1]))
    return Call((x,), {"n": n or 1, "axis": axis, "norm": draw(NORMS)})


BY_HAND = {
    "select": elementwise_calls(TRUTHS, ANY, ANY, dtypes=[bool, float, float]),
    "logical_and": truths(2),
    "logical_or": truths(2),
    "logical_not": truths(1),
    **{
        name: apart()
        for name in (
            *("maximum", "minimum", "greater", "greater_equal", "less", "less_equal"),
            *("equal", "not_equal"),
        )
    },
    "remainder": between_multiples(),
    "floor_divide": between_multiples(),
    "astype": elementwise_calls(ANY, settings=st.just({"dtype": float})),
    "sum": reductions(lambda shape: arrays(shape, ANY)),
    "mean": reductions(lambda shape: arrays(shape, ANY)),
    "max": scattered(),
    "min": scattered(),
    "reshape": one_array(to_reshape),
    "transpose": one_array(to_transpose),
    "expand_dims": one_array(to_expand),
    "squeeze": squeezes(),
    "broadcast_to": stretches(back=False),
    "sum_to": stretches(back=True),
    "join": joins(),
    "pile": piles(),
    "take": takes(back=False),
    "scatter": takes(back=True),
    "matmul": matrix_products(),
    "fourier": fourier_calls(),
    "half_spectrum": half_spectrum_calls(),
    "from_half": from_half_calls(),
    **linalg_calls(Call, reductions, arrays),
}
"""The primitives whose inputs must suit each other, or their settings."""

TIED = {}
"""Those whose ties are made in a way of their own."""

import calls_reductions  # noqa: E402  # these build on the pieces above
import calls_shape  # noqa: E402
import calls_ufuncs  # noqa: E402

for more in (calls_reductions, calls_shape, calls_ufuncs):
    BY_HAND |= more.BY_HAND
    TIED |= getattr(more, "TIED", {})
