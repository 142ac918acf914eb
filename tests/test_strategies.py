"""What the strategies draw is what they say: in shape, in domain, off kinks or at them, as code."""

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings, strategies as st

import tinygrad_neuron as tn
from tinygrad_neuron.check import strategies
from tinygrad_neuron.check.strategies import calls
from tinygrad_neuron.errors import UnknownNameError
from tinygrad_neuron.graph import ANYWHERE, POSITIVE, Domain
from tinygrad_neuron.literals import literal
from tinygrad_neuron.ops import PRIMITIVES

some = settings(max_examples=25)
few = settings(max_examples=5)
DOMAINS = st.sampled_from(
    [ANYWHERE, POSITIVE, Domain(low=-1.0, high=1.0), Domain(low=1.0), Domain(kinks=(0.0, 1.0))]
)
KINDS = [
    strategies.calls_of,
    strategies.kinked_calls_of,
    strategies.adversarial_calls_of,
]


class FoundError(Exception):
    """An example that was looked for."""


def drawable(strategy, condition):
    """Whether an example with a property is drawn, among a few hundred."""

    @settings(max_examples=400, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(strategy)
    def look(x):
        if condition(x):
            raise FoundError

    try:
        look()
    except FoundError:
        return True
    return False


# ------------------------------------------------------------------------------------ numbers


@some
@given(st.data(), DOMAINS)
def test_numbers_lie_inside_their_domain(data, domain):
    """Open bounds: an edge is never drawn."""
    for numbers in (strategies.well_conditioned, strategies.adversarial, strategies.near_kinks):
        strategy = numbers(domain)
        if not strategy.is_empty:
            assert domain.low < data.draw(strategy) < domain.high


@some
@given(st.data(), DOMAINS)
def test_well_conditioned_numbers_are_off_the_kinks_and_short(data, domain):
    """A step of 2^-20 away from one is exact, so a difference quotient can be believed."""
    x = data.draw(strategies.well_conditioned(domain))
    assert all(abs(x - k) >= 1 / 16 for k in domain.kinks)
    assert (x + 2.0**-20) - x == 2.0**-20


@pytest.mark.parametrize(
    "wanted",
    [
        lambda x: x == 0.0,
        lambda x: 0.0 < x < 1e-100,
        lambda x: -1e-100 < x < 0.0,
        lambda x: x > 1e100,
        lambda x: x < -1e100,
        lambda x: x == -1e3,
    ],
)
def test_adversarial_numbers_are_all_of_those(wanted):
    """Zeros, the tiny and the huge, of both signs."""
    assert drawable(strategies.adversarial(), wanted)


def test_adversarial_numbers_of_float32_are_numbers():
    """1e200 would be inf."""
    row = strategies.arrays((20,), strategies.adversarial(dtype=np.float32), dtype=np.float32)
    assert drawable(row, lambda x: x.max() > 1e29)
    assert not drawable(row, lambda x: not np.all(np.isfinite(x)))


def test_near_a_kink_is_on_both_sides_of_it_and_at_it_is_there():
    """And nothing where a domain has none."""
    domain = Domain(kinks=(1.0,))
    for wanted in (lambda x: 1.0 < x < 1.0 + 1e-9, lambda x: 1.0 - 1e-9 < x < 1.0):
        assert drawable(strategies.near_kinks(domain), wanted)
    assert find(strategies.at_kinks(domain), lambda x: True) == 1.0
    assert strategies.near_kinks(ANYWHERE).is_empty and strategies.at_kinks(ANYWHERE).is_empty


# ------------------------------------------------------------------------------------- arrays


@some
@given(st.data())
def test_arrays_have_the_shape_and_the_precision_asked_for(data):
    """And a single number is what a Value holds: a float, or a float32."""
    shape, dtype = data.draw(strategies.shapes()), data.draw(strategies.dtypes())
    x = data.draw(strategies.arrays(shape, dtype=dtype))
    assert np.shape(x) == shape and np.asarray(x).dtype == dtype
    assert shape or type(x) in (float, np.float32)


@some
@given(strategies.arrays((3, 3), strategies.well_conditioned(), unique=True))
def test_unique_arrays_have_no_two_equal_entries(x):
    """Nine different numbers."""
    assert len(set(x.ravel())) == 9


@some
@given(strategies.shapes_that_broadcast(3))
def test_shapes_broadcast_together(shapes):
    """NumPy says so."""
    np.broadcast_shapes(*shapes)


@pytest.mark.parametrize(
    "wanted",
    [
        lambda a, b: a == b == (),
        lambda a, b: a == b and len(a) == 3,
        lambda a, b: len(a) < len(b),
        lambda a, b: len(a) > len(b) > 0,
        lambda a, b: len(a) == len(b) and 1 in a and 1 in b and a != b,
    ],
)
def test_every_way_to_broadcast_is_drawn(wanted):
    """Numbers, equal shapes, missing axes, axes of length 1 on both sides."""
    assert drawable(strategies.shapes_that_broadcast(2), lambda pair: wanted(*pair))


@some
@given(st.data(), strategies.shapes())
def test_indices_and_masks_fit(data, shape):
    """They stand in brackets after an array of the shape, and axes are axes of it."""
    x = np.zeros(shape)
    x[data.draw(strategies.indices(shape))]
    np.sum(x, axis=data.draw(strategies.axes(len(shape))))
    assert data.draw(strategies.masks((2, 3))).dtype == bool
    if shape:
        np.arange(shape[0])[data.draw(strategies.integers_below(shape[0], (4,)))]


# --------------------------------------------------------------------------------------- calls


def namespace():
    """What the code of a call or of a program is run in."""
    return {"np": np, "tn": tn}


def same(a, b):
    """The same numbers, bit for bit."""
    np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("primitive", PRIMITIVES, ids=lambda p: p.name)
def test_calls_can_be_made_and_their_code_makes_them_again(primitive, kind):
    """As a call, as a function of what varies, and as text."""
    if kind(primitive).is_empty:
        return

    @few
    @given(kind(primitive))
    def calls_run(call):
        with np.errstate(all="ignore"):
            y = call(*call.arguments)
            same(y, primitive(*call.inputs, **call.settings))
            same(y, eval(repr(call), namespace()))
            known = namespace()
            exec(call.code(), known)
            same(y, known["f"](*call.arguments))
        assert call.varying == [
            i for i, x in enumerate(call.inputs) if np.asarray(x).dtype == float
        ]

    calls_run()


def test_every_primitive_has_calls():
    """One without calls would escape every check; calls of nothing would hide one."""
    names = {p.name for p in PRIMITIVES}
    structural = {p.name for p in PRIMITIVES if not p.elementwise}
    assert structural <= calls.BY_HAND.keys() <= names
    assert calls.TIED.keys() | calls.NARROW | calls.WIDE.keys() <= names


def test_every_primitive_with_a_kink_is_called_there():
    """But for those that jump, which have no slopes there."""
    for p in PRIMITIVES:
        kinked = bool(p.kink) and "jump" not in p.kink
        assert strategies.kinked_calls_of(p).is_empty == (not kinked)


def test_a_primitive_of_ones_own_has_calls_if_it_is_elementwise():
    """In the domain that it declares; one that is not is refused with what to write."""
    root = tn.elementwise(lambda g, y, x: 0.5 * g / y, domains=(POSITIVE,))(lambda x: np.sqrt(x))
    assert not drawable(strategies.calls_of(root), lambda call: np.min(call.inputs[0]) <= 0.0)
    with pytest.raises(UnknownNameError, match="No calls of"):
        strategies.calls_of(tn.primitive(lambda g, y, x: g)(lambda x: x))


def test_a_call_with_another_input_keeps_the_others():
    """Which is how a difference quotient moves one input alone."""
    call = strategies.Call(tn.ops.power, (2.0, 3.0))
    assert call.having(1, 4.0)(2.0, 4.0) == 16.0
    assert repr(call.having(0, 5.0)) == "tn.ops.power(5.0, 3.0)"


# ------------------------------------------------------------------------------------ programs


@pytest.mark.parametrize("kinks", [False, True])
def test_programs_run_on_numbers_and_values_and_as_code(kinks):
    """The same finite numbers three times."""

    @settings(max_examples=50)
    @given(strategies.programs(kinks=kinks))
    def programs_run(program):
        y = program(*program.arguments)
        assert np.all(np.isfinite(y)) and np.size(y)
        same(y, program(*map(tn.Value, program.arguments)).data)
        known = namespace()
        exec(program.code(), known)
        same(y, known["f"](*program.arguments))

    programs_run()


@pytest.mark.parametrize(
    "wanted",
    [
        lambda f: len(f.steps) >= 5,
        lambda f: len(f.arguments) == 3,
        lambda f: any(step.primitive is tn.ops.matmul for step in f.steps),
        lambda f: any(step.primitive is tn.ops.log for step in f.steps),
        lambda f: sum(0 in step.places for step in f.steps) > 1,
    ],
)
def test_programs_are_graphs_of_all_kinds_of_steps(wanted):
    """Long ones, ones of several leaves, matrix products, narrow domains, leaves used twice."""
    assert drawable(strategies.programs(), wanted)


# ---------------------------------------------------------------------------------------- code


@pytest.mark.parametrize(
    "x",
    [
        *(0.1, -0.0, np.inf, -np.inf, 3, True, None, "edge", np.float32(0.1), float),
        *(np.array([0.1, 1e-200, np.inf]), np.zeros((0, 3)), np.array([[1, 2]]), np.array(0.3)),
        *(np.array([True, False]), np.array([0.1], np.float32), np.zeros(0, int)),
        *((1,), (), [1.5, (2,)], {"axis": (0, 1)}, slice(1, None, 2), (Ellipsis, None)),
    ],
    ids=repr,
)
def test_code_makes_its_input_again(x):
    """Digit for digit, in the same dtype and shape."""
    again = eval(literal(x), {"np": np})
    assert type(again) is type(x)
    np.testing.assert_equal(again, x)
    if isinstance(x, np.ndarray):
        assert again.dtype == x.dtype and again.shape == x.shape
