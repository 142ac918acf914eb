"""Calls of every primitive: inputs that suit its domain and one another, and its settings.

An elementwise primitive gets its calls from the domains it declares; what else there is has its
calls written out here, by name.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import assume, strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_neuron.check.strategies import matrices
from tinygrad_neuron.check.strategies.arrays import (
    Shape,
    Strategy,
    adversarial,
    arrays,
    arrays_that_broadcast,
    at_kinks,
    axes,
    indices,
    masks,
    near_kinks,
    shapes,
    well_conditioned,
)
from tinygrad_neuron.errors import UnknownNameError
from tinygrad_neuron.graph import ANYWHERE, Array, Domain, Primitive
from tinygrad_neuron.literals import keywords, literal

Draw = Callable[[Any], Any]
Drawn = tuple[tuple[Any, ...], dict[str, Any]]  # inputs and settings


@dataclass(frozen=True)
class Call:
    """A primitive, its inputs (floats, arrays, arrays of yes and no) and its settings.

    As a function it takes the inputs that can vary, which stand in `arguments`; its text is the
    code of the call.
    """

    primitive: Primitive
    inputs: tuple[Any, ...]
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def varying(self) -> list[int]:
        """The positions of the inputs that can move a little."""
        return [i for i, x in enumerate(self.inputs) if np.asarray(x).dtype.kind == "f"]

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The inputs that can move a little."""
        return tuple(self.inputs[i] for i in self.varying)

    def __call__(self, *moving: Array) -> Any:
        inputs = list(self.inputs)
        for i, x in zip(self.varying, moving, strict=True):
            inputs[i] = x
        return self.primitive(*inputs, **self.settings)

    def having(self, i: int, x: Any) -> "Call":
        """The same call with another input number i."""
        return Call(self.primitive, (*self.inputs[:i], x, *self.inputs[i + 1 :]), self.settings)

    def code(self) -> str:
        """The call as a function of what varies, in one line of Python."""
        names = [f"x{i}" for i in self.varying]
        inputs = [f"x{i}" if i in self.varying else literal(x) for i, x in enumerate(self.inputs)]
        arguments = ", ".join([*inputs, *keywords(self.settings)])
        return f"f = lambda {', '.join(names)}: tn.ops.{self.primitive.name}({arguments})"

    def __repr__(self) -> str:
        arguments = [*map(literal, self.inputs), *keywords(self.settings)]
        return f"tn.ops.{self.primitive.name}({', '.join(arguments)})"


# ------------------------------------------------------------------------ what is asked for


def calls_of(primitive: Primitive) -> Strategy:
    """Well-conditioned calls of a primitive: where a difference quotient can be believed.

    >>> import tinygrad_neuron as tn
    >>> from hypothesis import find
    >>> find(calls_of(tn.ops.log), lambda call: np.min(call.inputs[0]) > 1.5)
    tn.ops.log(2.0)

    Raises `UnknownNameError` (TN130) for one that is not elementwise and has no calls here.
    """
    return _calls(primitive, BY_HAND, well_conditioned)


def kinked_calls_of(primitive: Primitive) -> Strategy:
    """Calls at the kinks and near them: many entries equal, many 0; nothing if there are none.

    Where a function jumps it has no slope, so jumps are no kinks.

    >>> import tinygrad_neuron as tn
    >>> from hypothesis import find
    >>> find(kinked_calls_of(tn.ops.max), lambda call: np.size(call.inputs[0]) == 3)
    tn.ops.max(np.array([0.0, 0.0, 0.0]), axis=None, keepdims=False)
    """
    if not primitive.kink or "jump" in primitive.kink:
        return st.nothing()
    if primitive.elementwise and primitive.name not in TIED and any(_kinks(primitive)):
        return _calls(primitive, {}, _at_or_near)
    return _calls(primitive, TIED, lambda domain: FEW)


def adversarial_calls_of(primitive: Primitive) -> Strategy:
    """Calls at zeros, ties, 1e-200, 1e200 and the edges of a domain, ordinary numbers among them.

    Of primitives whose inputs must suit one another beyond their shapes: nothing.

    >>> import tinygrad_neuron as tn
    >>> from hypothesis import find
    >>> find(adversarial_calls_of(tn.ops.log), lambda call: np.max(call.inputs[0]) < 1e-100)
    tn.ops.log(1e-200)
    """
    if primitive.name in NARROW:
        return st.nothing()
    return _calls(primitive, WIDE, lambda domain: adversarial(domain) | well_conditioned(domain))


def _at_or_near(domain: Domain) -> Strategy:
    return at_kinks(domain) | near_kinks(domain) | well_conditioned(domain)


def _kinks(primitive: Primitive) -> list[tuple[float, ...]]:
    return [domain.kinks for domain in primitive.domains]


def _calls(
    primitive: Primitive,
    by_hand: dict[str, Callable[[Strategy], Strategy]],
    entries_in: Callable[[Domain], Strategy],
) -> Strategy:
    """Calls written out by hand, with these entries; else of its inputs one by one."""
    if primitive.name in by_hand:
        drawn = by_hand[primitive.name](entries_in(ANYWHERE))
    elif primitive.elementwise:
        domains = primitive.domains or (ANYWHERE,) * primitive.arity
        drawn = alike(*map(entries_in, domains))
    elif by_hand is TIED:
        drawn = reductions(entries_in(ANYWHERE))
    else:
        raise UnknownNameError(
            f"No calls of {primitive.name} are known.",
            why="Its inputs must suit one another in a way that only its author knows.",
            hint="st.builds(Call, st.just(primitive), st.tuples(arrays((2, 2)), arrays((2,))))",
        )
    return drawn.map(lambda pair: Call(primitive, *pair))


# ------------------------------------------------------------------------ inputs, by hand

ANY = well_conditioned()
FEW = st.sampled_from([0.0, 1.0, -1.0])
QUARTERS = [n / 4 for n in range(-15, 16)]
EIGHTHS = [n / 8 for n in range(-31, 32)]


@st.composite
def alike(draw: Draw, *entries: Strategy, dtypes: Any = None, settings: Any = None) -> Drawn:
    """Inputs whose shapes broadcast."""
    inputs = draw(arrays_that_broadcast(*entries))
    if dtypes:
        pairs = zip(inputs, dtypes, strict=True)
        inputs = tuple(np.asarray(x, d)[()] if np.ndim(x) else d(x) for x, d in pairs)
    return inputs, {} if settings is None else draw(settings)


@st.composite
def reductions(draw: Draw, entries: Strategy, unique: bool = False) -> Drawn:
    """An array, with the axes to reduce."""
    x = draw(arrays(shapes(), entries, unique=unique))
    return (x,), {"axis": draw(axes(np.ndim(x))), "keepdims": draw(st.booleans())}


@st.composite
def one_array(
    draw: Draw, entries: Strategy, settings_for: Callable[[Shape], Strategy], min_dims: int = 0
) -> Drawn:
    """One array, and settings that suit its shape."""
    x = draw(arrays(shapes(min_dims), entries))
    return (x,), draw(settings_for(np.shape(x)))


def in_bounds(drawn: Drawn) -> bool:
    """Whether no product of some of the entries overflows or vanishes: then their order matters."""
    x = np.ravel(drawn[0][0])
    sizes = np.log10(np.abs(x[x != 0.0]))
    most = np.log10(np.finfo(float).max)
    return bool(np.sum(np.maximum(sizes, 0.0)) < most and -np.sum(np.minimum(sizes, 0.0)) < most)


def truths(n: int) -> Strategy:
    """n inputs of yes and no."""
    return alike(*[st.booleans()] * n, dtypes=[bool] * n)


def apart(_: Strategy) -> Strategy:
    """Two inputs that are nowhere within a step of each other."""
    between = [x + 1 / 16 for x in EIGHTHS]
    return alike(st.sampled_from(EIGHTHS), st.sampled_from(between))


@st.composite
def between_multiples(draw: Draw, _: Strategy) -> Drawn:
    """a and b with a / b at least 1/16 away from every whole number."""
    unit = draw(st.sampled_from([1.0, 3.0]))
    dividends = [unit * (n / 2 + k / 8) for n in range(-8, 8) for k in (1, 2, 3)]
    divisors = [unit / 2, unit, 2 * unit]
    return draw(alike(st.sampled_from(dividends), st.sampled_from(divisors)))


@st.composite
def steps(draw: Draw, entries: Strategy) -> Drawn:
    """Where a step is, and what it is there: many entries, as only those at the step count."""
    shape = draw(st.sampled_from([(), (3,), (2, 3), (3, 2)]))
    middle = draw(st.sampled_from([shape, shape[-1:]]))
    return (draw(masks(shape)), draw(arrays(middle, entries))), {}


# ------------------------------------------------------------------------------ arrangement


def to_reshape(shape: Shape) -> Strategy:
    """Other shapes with as many entries."""
    size = int(np.prod(shape))
    others = [(-1,), -1, size, (1, *shape), (*shape, 1), shape[::-1], (*shape[:1], -1)]
    return st.sampled_from([{"shape": other} for other in others])


def to_transpose(shape: Shape) -> Strategy:
    """No order, or any order, its axes counted from either end."""
    n = len(shape)
    orders = st.permutations(range(n)).flatmap(
        lambda order: st.tuples(*(st.sampled_from([k, k - n]) for k in order))
    )
    return st.fixed_dictionaries({"axes": st.none() | orders})


def to_expand(shape: Shape) -> Strategy:
    """One new axis or two, counted from either end."""
    n = len(shape)
    one: Strategy = st.integers(-n - 1, n)
    two = st.lists(st.integers(0, n + 1), min_size=2, max_size=2, unique=True).map(tuple)
    return st.fixed_dictionaries({"axis": one | two})


def along(shape: Shape) -> Strategy:
    """One axis, counted from either end, or None for all of them in a row."""
    n = len(shape)
    one = st.integers(-n, n - 1) if n else st.none()
    return st.fixed_dictionaries({"axis": st.none() | one})


@st.composite
def squeezes(draw: Draw, entries: Strategy) -> Drawn:
    """An array with axes of length 1, and all of them or some to drop."""
    shape = draw(shapes(0, 4, max_side=2))
    ones = [k for k, n in enumerate(shape) if n == 1]
    some = st.lists(st.sampled_from(ones), unique=True).map(tuple) if ones else st.just(())
    one = st.sampled_from([*ones, *(k - len(shape) for k in ones)]) if ones else st.none()
    return (draw(arrays(shape, entries)),), {"axis": draw(st.none() | some | one)}


@st.composite
def stretches(draw: Draw, entries: Strategy, back: bool = False) -> Drawn:
    """An array and the shape it is stretched to; or the stretched one and the shape it had."""
    drawn = draw(hnp.mutually_broadcastable_shapes(num_shapes=1, max_dims=3, max_side=3))
    small, large = drawn.input_shapes[0], np.broadcast_shapes(*drawn.input_shapes)
    sides = st.integers(1, 3)
    new = draw(st.lists(sides, max_size=1))
    large = (*new, *(draw(sides) if n == 1 else n for n in large))
    given, wanted = (large, small) if back else (small, large)
    return (draw(arrays(given, entries)),), {"shape": wanted}


@st.composite
def joins(draw: Draw, entries: Strategy) -> Drawn:
    """Arrays of different length along one axis."""
    shape = draw(shapes(1))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    lengths = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    where = axis % len(shape)
    each = [(*shape[:where], length, *shape[where + 1 :]) for length in lengths]
    return tuple(draw(arrays(s, entries)) for s in each), {"axis": axis}


@st.composite
def piles(draw: Draw, entries: Strategy) -> Drawn:
    """Arrays of one shape, single numbers among them."""
    shape = draw(shapes())
    axis = draw(st.integers(-len(shape) - 1, len(shape)))
    n = draw(st.integers(1, 3))
    return tuple(draw(arrays(shape, entries)) for _ in range(n)), {"axis": axis}


@st.composite
def takes(draw: Draw, entries: Strategy, back: bool = False) -> Drawn:
    """An array and an index into it; or what was taken, and where it goes back to."""
    x = draw(arrays(shapes(), entries))
    index = draw(indices(np.shape(x)))
    if not back:
        return (x,), {"index": index}
    taken = np.shape(np.asarray(x)[index])
    return (draw(arrays(taken, entries)),), {"index": index, "shape": np.shape(x)}


@st.composite
def grouped(draw: Draw, entries: Strategy) -> Drawn:
    """An array, and a group number for each entry; no number is left out."""
    x = draw(arrays(shapes(1), entries))
    few = draw(arrays(x.shape, st.integers(0, 2), dtype=int))
    return (x,), {"group": np.unique(few, return_inverse=True)[1].reshape(x.shape)}


@st.composite
def maxima_at(draw: Draw, entries: Strategy, between: Strategy | None = None) -> Drawn:
    """An array, an index into it, and entries to compare what is there with."""
    x = draw(arrays(shapes() | shapes(2), entries))
    index = draw(indices(np.shape(x)))
    shape = np.shape(np.asarray(x)[index])
    assume(0 not in shape)  # which an empty list does not have
    other = entries if between is None else between
    new = draw(arrays(shape, other, unique=between is not None))
    return (x, new), {"index": index}


# --------------------------------------------------------------------- reductions and rows


@st.composite
def shares(draw: Draw, entries: Strategy) -> Drawn:
    """Scores, and the axes along which they are shared out."""
    x = draw(arrays(shapes(), entries))
    return (x,), {"axis": draw(axes(np.ndim(x)))}


@st.composite
def ranked(draw: Draw, _: Strategy) -> Drawn:
    """Rows without two equal entries, and for each row the ranks that are asked for."""
    shape = draw(shapes(1))
    x = draw(arrays(shape, st.sampled_from(QUARTERS), unique=True))
    asked = (*shape[:-1], draw(st.integers(1, 3)))
    return (x,), {"ranks": draw(arrays(asked, st.integers(0, shape[-1] - 1), dtype=int))}


@st.composite
def tied_at_an_end(draw: Draw, entries: Strategy) -> Drawn:
    """Rows with many equal entries, and for each row the first rank or the last.

    One of three in the middle can move alone and move nothing: only the ends have a corner there.
    """
    shape = draw(shapes(1))
    x = draw(arrays(shape, entries))
    ends = st.sampled_from([0, shape[-1] - 1])
    return (x,), {"ranks": draw(arrays((*shape[:-1], 1), ends, dtype=int))}


@st.composite
def two_alike(draw: Draw, entries: Strategy) -> Drawn:
    """Two arrays of one shape."""
    shape = draw(shapes(1))
    return tuple(draw(arrays(shape, entries)) for _ in range(2)), {}


@st.composite
def two_rows(draw: Draw, entries: Strategy) -> Drawn:
    """Two rows of any lengths."""
    return tuple(draw(arrays((draw(st.integers(1, 4)),), entries)) for _ in range(2)), {}


@st.composite
def angles(draw: Draw, _: Strategy) -> Drawn:
    """Angles without neighbours that are near half a period apart."""
    shape = draw(shapes(1))
    turns = draw(arrays(shape, st.sampled_from([0.5, 1.0, 2.5, -2.0, -5.0])))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    return (np.cumsum(turns, axis=axis),), {"axis": axis}


@st.composite
def climbs(draw: Draw, entries: Strategy, unique: bool = False) -> Drawn:
    """An array and one axis to run along."""
    shape = draw(shapes(1))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    return (draw(arrays(shape, entries, unique=unique)),), {"axis": axis}


@st.composite
def lattices(draw: Draw, entries: Strategy) -> Drawn:
    """Scores of lattices so narrow that a path leads to every state, and what may be skipped."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 2), st.integers(1, 2)))
    return (draw(arrays(shape, entries)),), {"skips": draw(masks(shape[1:]))}


# ------------------------------------------------------------------------ Fourier transforms

NORMS = st.sampled_from(["backward", "ortho", "forward"])


@st.composite
def fourier_calls(draw: Draw, entries: Strategy) -> Drawn:
    """A transform along some axes, there or back."""
    x = draw(arrays(shapes(1, max_side=4), entries))
    chosen = draw(st.sets(st.integers(-x.ndim, -1), min_size=1).map(lambda s: tuple(sorted(s))))
    return (x,), {"axes": chosen, "inverse": draw(st.booleans()), "norm": draw(NORMS)}


@st.composite
def half_spectrum_calls(draw: Draw, entries: Strategy) -> Drawn:
    """Real numbers and the axis to go along, of odd and even length."""
    x = draw(arrays(shapes(1, max_side=5), entries))
    return (x,), {"axis": draw(st.integers(-x.ndim, -1)), "norm": draw(NORMS)}


@st.composite
def from_half_calls(draw: Draw, entries: Strategy) -> Drawn:
    """Half a spectrum, and which of the two lengths it belongs to."""
    x = draw(arrays(shapes(1, max_side=4), entries))
    axis = draw(st.integers(-x.ndim, -1))
    n = draw(st.sampled_from([2 * x.shape[axis] - 2, 2 * x.shape[axis] - 1]))
    return (x,), {"n": n or 1, "axis": axis, "norm": draw(NORMS)}


# ---------------------------------------------------------------------------------- matrices


@st.composite
def matrix_products(draw: Draw, entries: Strategy) -> Drawn:
    """Vectors, matrices and stacks of matrices that fit."""
    drawn = draw(
        hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, max_side=3)
    )
    return tuple(draw(arrays(shape, entries)) for shape in drawn.input_shapes), {}


@st.composite
def einsums(draw: Draw, entries: Strategy) -> Drawn:
    """Arrays with their axes named, named twice, summed, and left."""
    sizes, labels, output = draw(st.sampled_from(matrices.EINSUMS))
    inputs = tuple(draw(arrays(shape, entries)) for shape in sizes)
    return inputs, {"labels": labels, "output": output, "optimize": draw(st.booleans())}


@st.composite
def systems(draw: Draw, entries: Strategy) -> Drawn:
    """Regular matrices and right-hand sides."""
    a, shape = draw(st.sampled_from(matrices.systems()))
    return (a, draw(arrays(shape, entries))), {}


@st.composite
def power_norms(draw: Draw, _: Strategy) -> Drawn:
    """An array without small entries, the axes to measure along, and the order."""
    large = st.sampled_from([x / 16 for x in range(-63, 64) if abs(x) > 8])
    rows = arrays((2, 2, 3), large).map(lambda x: ((x,), {"axis": -1}))
    inputs, settings = draw(reductions(large) | rows)
    return inputs, {**settings, "order": draw(st.sampled_from([3.0, 2.5, 0.5, -1.0, -2.0]))}


def one_of(choose: Callable[[], list[Any]], **settings: Any) -> Callable[[Strategy], Strategy]:
    """One of these matrices as the only input; they are made when the first is asked for."""
    return lambda _: st.deferred(lambda: st.sampled_from(choose())).map(
        lambda x: ((x,), dict(settings))
    )


BY_HAND: dict[str, Callable[[Strategy], Strategy]] = {
    "select": lambda e: alike(st.booleans(), e, e, dtypes=[bool, float, float]),
    "logical_and": lambda e: truths(2),
    "logical_or": lambda e: truths(2),
    "logical_xor": lambda e: truths(2),
    "logical_not": lambda e: truths(1),
    **dict.fromkeys(("maximum", "minimum", "fmax", "fmin"), apart),
    **dict.fromkeys(("greater", "greater_equal", "less", "less_equal"), apart),
    **dict.fromkeys(("equal", "not_equal"), apart),
    **dict.fromkeys(("remainder", "floor_divide", "fmod"), between_multiples),
    "astype": lambda e: alike(e, settings=st.just({"dtype": float})),
    "arccosh": lambda e: alike(st.sampled_from([n / 16 for n in range(20, 64)])),
    "tan": lambda e: alike(st.sampled_from([n / 16 for n in range(-20, 21)])),
    "heaviside": steps,  # the step's place is yes and no: 1 and 0, which cannot move
    "ldexp": lambda e: alike(e, st.booleans(), dtypes=[float, bool]),
    "sum": reductions,
    "mean": reductions,
    "max": lambda e: reductions(st.sampled_from(QUARTERS), unique=True),
    "min": lambda e: reductions(st.sampled_from(QUARTERS), unique=True),
    "prod": lambda e: reductions(st.sampled_from([0.0, 0.5, 2.0, -1.5, -0.25])),
    "cumprod": lambda e: one_array(e, along),
    "cumsum": lambda e: one_array(e, along),
    "recurrence": two_alike,
    "of_rank": ranked,
    "unwrap": angles,
    "convolution": two_rows,
    "logsumexp": reductions,
    "softmax": shares,
    "log_softmax": shares,
    "reshape": lambda e: one_array(e, to_reshape),
    "transpose": lambda e: one_array(e, to_transpose),
    "expand_dims": lambda e: one_array(e, to_expand),
    "squeeze": squeezes,
    "broadcast_to": stretches,
    "sum_to": lambda e: stretches(e, back=True),
    "join": joins,
    "pile": piles,
    "take": takes,
    "scatter": lambda e: takes(e, back=True),
    "even": grouped,
    "max_at": lambda e: maxima_at(e, st.sampled_from([n / 16 + 1 / 32 for n in range(-64, 64)])),
    "matmul": matrix_products,
    "contract": einsums,
    "solutions": systems,
    "fixed": one_of(matrices.regular),
    "inv": one_of(matrices.regular),
    "det": one_of(lambda: [*matrices.regular(), np.array([[1.0, 2.0], [2.0, 4.0]])]),
    "logabsdet": one_of(matrices.regular),
    "signdet": one_of(matrices.regular),
    "unitdet": one_of(matrices.regular),
    "fourier": fourier_calls,
    "half_spectrum": half_spectrum_calls,
    "from_half": from_half_calls,
    "running_max": lambda e: climbs(st.sampled_from(QUARTERS), unique=True),
    "magnitude": lambda e: shares(st.sampled_from([0.375, 0.75, 1.5, 3.0, -0.375, -1.5])),
    "euclidean": lambda e: reductions(st.sampled_from([n / 16 for n in range(8, 64)])),
    "power_norm": power_norms,
    "square_root": one_of(matrices.positive),
    "turned": one_of(matrices.tall),
    "complement": one_of(lambda: [x for x in matrices.tall() if np.diff(x.shape[-2:]) == -1]),
    "stretched": one_of(matrices.stretched),
    "spectrum": lambda e: (
        one_of(matrices.symmetric, upper=False)(e) | one_of(matrices.symmetric, upper=True)(e)
    ),
    "general_spectrum": one_of(matrices.real),
    "pseudoinverse": one_of(matrices.stretched, rcond=1e-10),
    "path_sums": lattices,
}
"""Those whose inputs must suit each other, or their settings; each is given its entries."""

TIED: dict[str, Callable[[Strategy], Strategy]] = {
    "of_rank": tied_at_an_end,
    "running_max": climbs,
    "even": grouped,
    "max_at": maxima_at,
    "copysign": lambda e: alike(e, st.sampled_from([1.0, -1.0, 0.5])),  # it jumps at a sign of 0
}
"""Those whose ties are made in a way of their own."""

NARROW = {
    *("fixed", "inv", "det", "logabsdet", "signdet", "unitdet", "square_root", "turned"),
    *("complement", "magnitude", "running_max", "path_sums"),
    *("stretched", "spectrum", "general_spectrum", "pseudoinverse", "power_norm", "solutions"),
    *("unwrap", "remainder", "floor_divide", "fmod", "of_rank"),
    *("floor", "ceil", "rint", "round", "trunc"),  # beyond 2^53 they change nothing
}
"""Those that know no extreme numbers."""

WIDE: dict[str, Callable[[Strategy], Strategy]] = {
    **{name: made for name, made in BY_HAND.items() if name not in NARROW},
    **dict.fromkeys(("maximum", "minimum", "fmax", "fmin"), lambda e: alike(e, e)),
    **dict.fromkeys(("max", "min", "euclidean"), reductions),
    "prod": lambda e: reductions(e).filter(in_bounds),
    "cumprod": lambda e: one_array(e, along).filter(in_bounds),
    "max_at": maxima_at,
    "copysign": TIED["copysign"],
}
"""How they are called with extreme numbers."""
