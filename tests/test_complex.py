"""Complex numbers: what they are owed is the way uphill in their plane, dJ/dx + i dJ/dy.

1. A rule agrees with what is seen when a complex input moves, in either direction of its plane.
2. It can be differentiated again: by the inputs, and by the gradient it was given.
3. What is declared to have a complex derivative has one (Cauchy and Riemann).
4. complex64 stays complex64, and a real input is owed a real number.
5. A batch of complex numbers is a loop over them.
"""

import cmath
import copy
import pickle
import warnings

import mpmath
import numpy as np
import pytest
from calls import Call, complex_calls
from hypothesis import Phase, given, settings, strategies as st
from numeric import scale, slope
from test_primitives import agree, each, owing, same

import tinygrad_neuron as tn
from tinygrad_neuron import Value, backward
from tinygrad_neuron.errors import LeftGraphError, NotScalarError, UnsupportedError
from tinygrad_neuron.graph import is_complex
from tinygrad_neuron.ops import PRIMITIVES

# which vectors a factorisation chooses among those that differ by a phase is not determined: these
# are asked in test_linalg's manner, by results that do not depend on it
OF_A_PHASE = {"stretched", "spectrum", "general_spectrum", "complement"}
RULED = [p for p in PRIMITIVES if any(p.rules)]
COMPLEX = [p for p in RULED if p.holomorphic is not None and p.name not in OF_A_PHASE]
HOLOMORPHIC = [p for p in COMPLEX if p.holomorphic and p.name != "fixed"]
REAL_ONLY = [p for p in RULED if p.real_only]
LOOKS_AT_NUMBERS = {"det", "turned"}  # rules that refuse a batch

some = settings(max_examples=settings.default.max_examples // 8)
seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


# ------------------------------------------------------------------------------------ tools


def weights(y, rng):
    """A weight for each entry of y, complex if y is."""
    size = rng.uniform(0.5, 1.5, np.shape(y)) * rng.choice([-1.0, 1.0], np.shape(y))
    turn = np.exp(1j * rng.uniform(0.0, 6.0, np.shape(y))) if is_complex(y) else 1.0
    return np.asarray(size * turn)[()]


def ways(x, rng):
    """Directions in which entries move by their own size: along the axis, and for complex up."""
    along = rng.choice([-1.0, 1.0], np.shape(x)) * scale(np.abs(x))
    return [along, 1j * along] if is_complex(x) else [along]


def product(a, b):
    """What b gains when a is what it is owed: the sum of both parts' products."""
    return np.sum(np.real(np.conj(a) * b))


def weighted(primitive, call, weight):
    """One real number made of a primitive's result: its product with the weight."""
    return tn.sum(tn.real(tn.conj(weight) * primitive(*call.inputs, **call.settings)))


def gradients(primitive, call, weight, positions):
    """What the inputs at these positions are owed."""

    def moving(*xs):
        moved = call
        for i, x in zip(positions, xs, strict=True):
            moved = moved.having(i, x)
        return weighted(primitive, moved, weight)

    return tn.grad(moving, tuple(range(len(positions))))(*(call.inputs[i] for i in positions))


# ------------------------------------------------------------- laws, as functions of a call


def check_slopes(primitive, call, rng):
    """Law 1: along both ways to move, the gradient is the slope that is seen."""
    y = primitive(*call.inputs, **call.settings)
    weight = weights(y, rng)
    values = call.values()
    primitive(*values, **call.settings).backward(weight)
    for i in owing(primitive, call):
        x, grad = call.inputs[i], values[i].grad
        assert is_complex(grad) == is_complex(x)
        for way in ways(x, rng):
            seen, doubt = slope(
                lambda x, i=i: weighted(primitive, call.having(i, x), weight), x, way
            )
            agree(np.real(np.conj(grad) * way), 1.0, seen, doubt, f"input {i}, way {way}")


def check_second_order(primitive, call, rng):
    """Law 2: the gradient of the gradient is the slope of the gradient."""
    positions = owing(primitive, call)
    start = [weights(primitive(*call.inputs, **call.settings), rng)]
    start += [call.inputs[i] for i in positions]
    factors = [weights(call.inputs[i], rng) for i in positions]

    def mixed(weight, *moving):
        moved = call
        for i, x in zip(positions, moving, strict=True):
            moved = moved.having(i, x)
        shares = gradients(primitive, moved, weight, positions)
        pairs = zip(shares, factors, strict=True)
        return sum(tn.sum(tn.real(share * factor)) for share, factor in pairs)

    second = tn.grad(mixed, tuple(range(len(start))))(*start)
    for k, x in enumerate(start):
        for way in ways(x, rng):
            seen, doubt = slope(lambda x, k=k: mixed(*start[:k], x, *start[k + 1 :]).data, x, way)
            agree(np.real(np.conj(second[k].data) * way), 1.0, seen, doubt, f"input {k - 1}")


def check_precision(primitive, call, rng):
    """Law 4: half the precision stays half the precision; recording changes no number.

    But for the last digit of single numbers: Python's complex multiplies otherwise than NumPy's.
    """
    y = primitive(*call.inputs, **call.settings)
    weight = weights(y, rng)
    smaller = {"c": np.complex64, "f": np.float32, "b": bool}
    inputs = [np.asarray(x, smaller[np.asarray(x).dtype.kind])[()] for x in call.inputs]
    low = Call(tuple(inputs), call.settings)
    values = low.values()
    result = primitive(*values, **call.settings)
    assert result.dtype in smaller.values() or "dtype" in call.settings
    result.backward(np.asarray(weight, result.dtype))
    for i in owing(primitive, call):
        assert values[i].grad.dtype == low.inputs[i].dtype
    positions = owing(primitive, call)
    plain = gradients(primitive, call, weight, positions)
    values = Call(tuple(call.values()), call.settings)
    recorded = gradients(primitive, values, weight, positions)
    for a, b in zip(plain, recorded, strict=True):
        assert same(a.data, b.data) if a.shape else cmath.isclose(a.data, b.data, rel_tol=1e-14)


def check_derivative(primitive, call, rng):
    """Law 3: moving an input up the plane moves the result by i times as if along the axis."""
    for i in owing(primitive, call):
        if not is_complex(call.inputs[i]):
            continue
        along, up = ways(call.inputs[i], rng)

        def f(x, i=i):
            y = primitive(*call.having(i, x).inputs, **call.settings)
            return np.stack([np.real(y), np.imag(y)])

        (re, im), doubt = slope(f, call.inputs[i], along)
        seen, doubt_up = slope(f, call.inputs[i], up)
        error = np.abs(seen - np.stack([-im, re]))
        assert np.all(error <= 4.0 * (doubt[::-1] + doubt_up) + 1e-11 * (1.0 + np.abs(seen)))


LAWS = [check_slopes, check_second_order, check_precision]


# ------------------------------------------------------------------------- the laws hold


@each(COMPLEX)
@some
@given(data=st.data(), rng=seeds)
def test_a_rule_gives_the_slope_that_is_seen(primitive, data, rng):
    """Law 1, for a random cotangent, with complex inputs and real ones beside them."""
    check_slopes(primitive, data.draw(complex_calls(primitive)), rng)


@each(COMPLEX)
@some
@given(data=st.data(), rng=seeds)
def test_a_rule_can_be_differentiated_again(primitive, data, rng):
    """Law 2, by every input and by the cotangent."""
    check_second_order(primitive, data.draw(complex_calls(primitive)), rng)


@each(COMPLEX)
@some
@given(data=st.data(), rng=seeds)
def test_precision_stays_and_recording_changes_nothing(primitive, data, rng):
    """Law 4."""
    check_precision(primitive, data.draw(complex_calls(primitive)), rng)


@each(HOLOMORPHIC)
@some
@given(data=st.data(), rng=seeds)
def test_a_holomorphic_function_has_a_complex_derivative(primitive, data, rng):
    """Law 3: Cauchy's and Riemann's equations."""
    check_derivative(primitive, data.draw(complex_calls(primitive)), rng)


@each([p for p in COMPLEX if p.name not in LOOKS_AT_NUMBERS])
@some
@given(data=st.data(), rng=seeds)
def test_a_batch_is_a_loop(primitive, data, rng):
    """Law 5, of the gradients that are asked for inside."""
    call = data.draw(complex_calls(primitive))
    weight = weights(primitive(*call.inputs, **call.settings), rng)
    positions = owing(primitive, call)

    def slopes(*xs):
        moved = call
        for i, x in zip(positions, xs, strict=True):
            moved = moved.having(i, x)
        return gradients(primitive, moved, weight, positions)

    stacks = [np.stack([call.inputs[i], 1.25 * np.asarray(call.inputs[i])]) for i in positions]
    for at_once, *each_one in zip(
        tn.vmap(slopes)(*stacks), *(slopes(*(s[k] for s in stacks)) for k in (0, 1)), strict=True
    ):
        expected = np.stack([x.data for x in each_one])
        np.testing.assert_allclose(at_once.data, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.deep
@each(COMPLEX)
@given(data=st.data(), rng=seeds)
def test_every_law_with_many_examples(primitive, data, rng):
    """All the laws on one call: for `-m deep`."""
    call = data.draw(complex_calls(primitive))
    for law in LAWS:
        law(primitive, call, rng)


@each(REAL_ONLY)
def test_who_has_no_complex_derivative_says_so(primitive):
    """By name, when it is called: never a number without its gradient."""
    z = Value(np.eye(2) * (1.0 + 2.0j))
    needed = {"shape": (2, 2), "index": 0, "ranks": np.zeros((2, 1), int)}
    more = {k: needed[k] for k in needed if k in primitive.defaults}
    count = 2 if primitive.variadic else len(primitive.rules)
    with pytest.raises(UnsupportedError, match=f"{primitive.name} has no derivative rule") as error:
        primitive(*[z] * count, **more)
    assert error.value.data == {"function": primitive.name}


# ---------------------------------------------------------------------- planted mistakes


quickly = settings(
    max_examples=20, phases=[Phase.generate], database=None, report_multiple_bugs=False
)


def broken(primitive, law=check_slopes):
    """Whether some call breaks the law."""

    @quickly
    @given(call=complex_calls(primitive), rng=seeds)
    def holds(call, rng):
        law(primitive, call, rng)

    try:
        holds()
    except Exception:  # an AssertionError, or the engine's own refusal
        return True
    return False


def named(name):
    """The primitive of that name."""
    return next(p for p in PRIMITIVES if p.name == name)


@pytest.mark.parametrize("name", ["multiply", "exp", "matmul", "sqrt", "solutions", "fourier"])
def test_a_forgotten_conjugate_is_seen(name, monkeypatch):
    """g * f' is not g * conj(f')."""
    assert not broken(named(name))
    monkeypatch.setattr(backward, "_conjugated", lambda rule: rule)
    assert broken(named(name))


@pytest.mark.parametrize("name", ["multiply", "add", "matmul", "fourier"])
def test_a_forgotten_real_part_is_seen(name, monkeypatch):
    """A real input beside a complex one is owed a real number."""
    monkeypatch.setattr(backward, "real", tn.absolute)
    assert broken(named(name))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("conjugate", lambda g, y, x: g),
        ("imag", lambda g, y, x: -1j * g),
        ("imag", lambda g, y, x: g),
        ("real", lambda g, y, x: 2.0 * g),
        ("real", lambda g, y, x: 1j * g),
        ("absolute", lambda g, y, x: g * tn.conj(tn.sign(x))),
        ("absolute", lambda g, y, x: g * tn.sign(tn.real(x))),
        ("unit", lambda g, y, x: g / tn.absolute(x)),
        ("logabsdet", lambda g, y, a: g * tn.ops.swap(tn.ops.inv(a))),
        ("unitdet", lambda g, y, a: 0.0 * a),
    ],
)
def test_a_wrong_rule_is_seen(name, wrong, monkeypatch):
    """A conjugate too many or too few, a turn the wrong way, half of the answer."""
    monkeypatch.setattr(named(name), "rules", (wrong,))
    assert broken(named(name))


def test_a_wrong_declaration_is_seen(monkeypatch):
    """Multiplication is holomorphic, conj and abs are not."""
    monkeypatch.setattr(named("multiply"), "holomorphic", False)
    assert broken(named("multiply"))
    for name in ("conjugate", "absolute"):
        assert broken(named(name), check_derivative)


# -------------------------------------------------------------- the convention, in the open


def test_the_gradient_points_uphill():
    """J = |z - c|² is lowered by z - alpha * z.grad, and by half of it in one step."""
    z, c = Value(3.0 - 2.0j, name="z"), -1.0 + 4.0j
    (abs(z - c) ** 2).backward()
    assert cmath.isclose(z.grad, 2.0 * (z.data - c))
    z.data -= 0.5 * z.grad
    assert cmath.isclose(z.data, c)


def test_real_and_imaginary_part_have_their_own_gradients():
    """Those of x + iy written with two real numbers."""

    def loss(z):
        return tn.sum(tn.real(tn.exp(z) * tn.conj(z) + z**3) + tn.absolute(z))

    x, y = np.array([0.3, -1.2]), np.array([0.7, 0.4])
    gx, gy = tn.grad(lambda x, y: loss(x + 1j * y), (0, 1))(x, y)
    g = tn.grad(loss)(x + 1j * y)
    np.testing.assert_allclose(g.data, gx.data + 1j * gy.data, rtol=1e-14)


# what PyTorch 2.13.0 gives for the gradient by z of (f(z) * conj(1.5 + 0.5i)).real at 0.6 - 0.8i
PYTORCH = {
    "exp": 1.2506695802881822 + 2.5954032264338327j,
    "log": 1.2999999999999998 - 0.9j,
    "sqrt": 0.7826237921249264 - 0.11180339887498955j,
    "sin": 1.9064802199249757 - 0.20027719072391925j,
    "cos": -0.7662661156728929 - 1.4770645334139405j,
    "tan": 0.415128471517955 + 0.9923374590705913j,
    "sinh": 1.0105286943971141 + 1.0980217730441055j,
    "cosh": 0.24014088589106816 + 1.4973814533897274j,
    "tanh": 1.3707545299922455 - 1.1278483898949916j,
    "arcsin": 0.9999999999999999 + 0.7499999999999998j,
    "arccos": -0.9999999999999999 - 0.7499999999999998j,
    "arctan": 1.0833333333333333 - 0.7500000000000001j,
    "arcsinh": 1.4288690166235207 - 0.20412414523193154j,
    "arccosh": 0.7499999999999999 - 1j,
    "arctanh": 0.5625 + 0.8124999999999998j,
    "reciprocal": -0.059999999999999776 + 1.58j,
    "square": 0.9999999999999999 + 3j,
    "absolute": 0.8999999999999999 - 1.2000000000000002j,
    "angle": 1.2000000000000002 + 0.8999999999999999j,
    "sign": 1.2000000000000002 + 0.8999999999999999j,
    "conjugate": 1.5 - 0.5j,
}


@pytest.mark.parametrize("name", PYTORCH)
def test_published_gradients(name):
    """Those of PyTorch, whose convention is this one."""
    z = Value(0.6 - 0.8j)
    (getattr(np, name)(z) * np.conj(1.5 + 0.5j)).real.backward()
    assert cmath.isclose(z.grad, PYTORCH[name], rel_tol=1e-14)


MPMATH = {
    **{name: getattr(mpmath, name) for name in ("exp", "log", "sqrt", "sin", "cos", "tan")},
    **{name: getattr(mpmath, name) for name in ("sinh", "cosh", "tanh", "expm1", "log1p")},
    **{f"arc{name}": getattr(mpmath, f"a{name}") for name in ("sin", "cos", "tan")},
    **{f"arc{name}": getattr(mpmath, f"a{name}") for name in ("sinh", "cosh", "tanh")},
    "log10": mpmath.log10,
    "square": lambda z: z * z,
    "sinc": mpmath.sincpi,
    "sigmoid": lambda z: 1 / (1 + mpmath.exp(-z)),
    "power": lambda z: z ** mpmath.mpc(1.5, -0.5),
}
PLACES = [0.3 + 0.4j, -2.5 + 1e-3j, 1e-8 - 1e-8j, 20.0 - 3.0j, -3.0 - 20.0j, 0.5 + 2.5j]


@pytest.mark.parametrize("name", MPMATH)
def test_slopes_against_mpmath(name):
    """To eleven digits, also far up the plane, where what is subtracted would cancel."""
    f = getattr(tn.ops, name)
    for z in PLACES:
        more = (1.5 - 0.5j,) if name == "power" else ()
        with mpmath.workdps(60):
            true = complex(mpmath.diff(MPMATH[name], mpmath.mpc(z), h=mpmath.mpf(10) ** -20))
        found = tn.jacobian(lambda z, more=more: f(z, *more))(z).item()
        assert cmath.isclose(found, true, rel_tol=1e-11), f"at {z}: {found}, {true}"


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200])
def test_absolute_value_and_angle_at_any_size(size):
    """Neither squares what could vanish or overflow."""
    z = size * (3.0 + 4.0j)
    assert cmath.isclose(tn.grad(abs)(z).item(), 0.6 + 0.8j, rel_tol=1e-15)
    assert cmath.isclose(tn.grad(np.angle)(z).item(), (-0.8 + 0.6j) / (5.0 * size), rel_tol=1e-15)


def test_at_zero_the_absolute_value_is_flat():
    """The least of its slopes, which lie in a disc; so it is for the norm and the spread."""
    for zero in (0j, np.zeros(3, complex), np.zeros((2, 2), np.complex64)):
        for f in (abs, np.angle, np.linalg.norm, np.std, np.sign):
            z = Value(zero)
            tn.sum(tn.real(f(z))).backward()
            assert np.all(np.asarray(z.grad) == 0.0)
            assert np.asarray(z.grad).dtype == np.asarray(zero).dtype


def test_nothing_owed_to_what_was_not_chosen():
    """log(0) has no say where it was not chosen; alone, and in an array."""
    for zero in (0j, np.array([0j, 2j])):
        z = Value(zero)
        with np.errstate(all="ignore"):
            tn.sum(tn.where(z == 0.0, z, tn.log(z)).real).backward()
        expected = np.where(zero == 0.0, 1.0, np.conj(1.0 / np.where(zero == 0.0, 1.0, zero)))
        assert np.array_equal(z.grad, expected)


# ----------------------------------------------------------------- what a Value can hold


def test_leaves_hold_complex_numbers():
    """A Python complex for one number, an array of its own dtype for many."""
    z = Value(1.0 + 2.0j, name="z")
    assert (type(z.data), z.dtype, z.item(), repr(z)) == (
        complex,
        np.complex128,
        1.0 + 2.0j,
        "Value(1+2j, name='z')",
    )
    assert type(Value(np.complex128(1j)).data) is type((z * 2.0).data) is complex
    row = Value([1.0, 2j])
    assert (str(row), row.dtype, row.tolist()) == ("[1+0j, 2j]", np.complex128, [1.0, 2j])
    small = Value(np.array([1j], np.complex64))
    assert repr(small * (1.0 + 1j)) == "Value([-1+1j], dtype=complex64)"
    assert (small * z).dtype == np.complex64  # a single number is weak, as a float is
    assert (Value(np.float32(2.0)) * 1j).dtype == np.complex64
    assert f"{z:.1f}" == "1.0+2.0j"
    assert (z.real.data, z.imag.data, z.conj().data, z.conjugate().data) == (
        1.0,
        2.0,
        1 - 2j,
        1 - 2j,
    )
    assert tn.where(Value(np.float32(1.0)) > 0.0, 1j, 2.0).dtype == np.complex64


def test_gradients_are_kept_as_data_is():
    """Zeroed, assigned, added up; new data keeps the dtype."""
    z = Value([1.0 + 1j, 2j])
    z.zero_grad()
    for _ in range(2):
        (abs(z) ** 2).sum().backward()
    assert np.array_equal(z.grad, [4.0 + 4j, 8j])
    z.grad = 1.0
    assert z.grad.dtype == complex
    z.data = [1.0, 2.0]
    assert z.dtype == complex
    one = Value(1j)
    one.zero_grad()
    one.data = 2.0
    assert (one.grad, one.data) == (0j, 2.0 + 0j)


def test_graphs_are_copied_and_pickled():
    """With their numbers, and a gradient of their own."""
    z = Value(1.0 + 2.0j, name="z")
    for twin in (copy.deepcopy(abs(z * z)), pickle.loads(pickle.dumps(abs(z * z)))):
        twin.backward()
    with tn.no_grad():
        assert (z * 2j).inputs == ()


@pytest.mark.parametrize(
    "refused",
    [
        lambda: Value(1j).astype(float),
        lambda: np.sum(Value([1j]), dtype=float),
        lambda: Value(2.0).backward(1j),
        lambda: setattr(Value(2.0), "data", 1j),
        lambda: setattr(Value([2.0]), "data", np.array([1j])),
        lambda: setattr(Value(2.0), "grad", 1j),
        lambda: Value([1.0, 2.0]).at[0].set(1j),
        lambda: tn.vjp(tn.sin, 1.0)[1](1j),
        lambda: tn.jvp(tn.sin, (1.0,), (1j,)),
        lambda: tn.hessian(abs)(1j),
        lambda: tn.jacobian(tn.conj)(np.array([1j])),
        lambda: tn.jacobian(lambda z: z * abs(z))(1j),
        lambda: np.max(Value([1j])),
        lambda: np.median(Value([1j])),
        lambda: np.linalg.norm(Value(np.eye(2) * 1j), 2) and tn.relu(Value(1j)),
    ],
)
def test_half_a_number_is_never_lost_unseen(refused):
    """What would have to leave out an imaginary part, or has no answer, says so."""
    with warnings.catch_warnings(), pytest.raises(UnsupportedError):
        warnings.simplefilter("error")
        refused()


def test_a_complex_result_is_not_one_number():
    """It is asked for a seed, and named."""
    z = Value(1.0 + 2.0j, name="z")
    with pytest.raises(NotScalarError, match=r"complex, -3\+4j"):
        (z * z).backward()
    with pytest.raises(NotScalarError, match="complex"):
        tn.grad(tn.exp)(1j)
    (z * z).backward(seed=1.0)
    assert z.grad == 2.0 * z.data.conjugate()


def test_complex_numbers_do_not_leave_the_graph_unseen():
    """As real ones do not."""
    with pytest.raises(LeftGraphError, match=r"complex\(z\)"):
        complex(Value(1j, name="z"))


def test_a_declaration_of_ones_own():
    """Complex Values are refused until the declaration says that the rule is right for them."""

    def rule(g, y, x):
        return 3.0 * g * x**2

    def cube(x):
        return x**3

    with pytest.raises(UnsupportedError, match="holomorphic=True"):
        tn.elementwise(rule)(cube)(Value(1j))
    owned = tn.elementwise(rule, holomorphic=True)(cube)
    assert tn.jacobian(owned)(1.0 + 1j).item() == 3.0 * (1.0 + 1j) ** 2


# ----------------------------------------------------------------------------- transforms


def test_jacobians_of_complex_functions():
    """The complex derivative by real and complex arguments, backward and forward."""
    rng = np.random.default_rng(3)
    a = rng.normal(size=(3, 2)) + 1j * rng.normal(size=(3, 2))
    for matrix in (a, a.T):
        x = rng.normal(size=matrix.shape[1])
        for at in (x, x + 1j * x[::-1]):
            found = tn.jacobian(lambda z, m=matrix: tn.exp(m @ z))(at).data
            np.testing.assert_allclose(found, np.exp(matrix @ at)[:, None] * matrix, rtol=1e-12)
    z = x + 1j
    rows = tn.jacobian(lambda z: abs(a.T @ z) ** 2)(z).data
    np.testing.assert_allclose(rows, 2.0 * (a.T @ z)[:, None] * a.T.conj(), rtol=1e-12)
    both = tn.jacobian(lambda z, x: z * x, (0, 1))(2j, 3.0)
    assert [part.item() for part in both] == [3.0, 2j]
    again = tn.jacobian(tn.jacobian(lambda z: z**3))(1.0 + 1j)
    assert cmath.isclose(again.item(), 6.0 * (1.0 + 1j))


def test_forward_mode_is_right_for_what_is_not_holomorphic():
    """jvp of z² z*: 2 z z* t + z² t*; and an infinite slope is not taken for one not owed."""
    z, t = np.array([0.3 + 0.4j, -1.0 + 2.0j]), np.array([1.0, 1j])
    _, moved = tn.jvp(lambda z: z * z * tn.conj(z), (z,), (t,))
    np.testing.assert_allclose(moved.data, 2.0 * abs(z) ** 2 * t + z**2 * t.conj(), rtol=1e-14)
    _, push = tn.linearize(lambda x: tn.sqrt(x).astype(complex), 0.0)
    assert np.isinf(push(1.0).data.real)


def test_second_derivatives_along_a_way():
    """hvp of |z|⁴ is the slope of its gradient, 4 |z|² z."""
    z, t = 0.6 - 0.8j, 1.0 + 2.0j
    seen, _ = slope(
        lambda s: [f(4.0 * abs(z + s * t) ** 2 * (z + s * t)) for f in (np.real, np.imag)], 0.0, 1.0
    )
    found = tn.hvp(lambda z: abs(z) ** 4, (z,), (t,)).item()
    assert cmath.isclose(found, complex(*seen), rel_tol=1e-9)


def test_a_root_is_found_by_newton():
    """z³ = 1 from 1j: the complex derivative is what Newton's method divides by."""
    z = 1j

    def f(z):
        return z**3 - 1.0

    for _ in range(20):
        z = z - f(z) / tn.jacobian(f)(z).item()
    assert cmath.isclose(z, cmath.exp(2j * cmath.pi / 3.0), rel_tol=1e-14)


# --------------------------------------------------------------- under NumPy's other names

ROW, OTHER = np.array([0.5 + 1j, -1.5 + 0.25j, 2.0 - 0.5j]), np.array([1.0 - 2j, 0.5j, 3.0 + 1j])
RNG = np.random.default_rng(8)
MATRIX = RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3)) + 2.0 * np.eye(3)
TALL = RNG.normal(size=(4, 3)) + 1j * RNG.normal(size=(4, 3))


def hermitian(a):
    """A Hermitian matrix with well-separated eigenvalues."""
    return a + tn.ops.linalg.adjoint(a) + np.diag([0.0, 8.0, 16.0])


def of_svd(a):
    """What phases do not change, of all three factors."""
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return ((u * [1.0, 2.0, 3.0]) @ vh) * s.sum()


NAMES = {
    "vdot": (np.vdot, ROW, OTHER),
    "vecdot": (np.linalg.vecdot, MATRIX, ROW),
    "vecmat": (lambda a, b: np.vecmat(a, b) if hasattr(np, "vecmat") else a, ROW, MATRIX),
    "inner": (np.inner, ROW, OTHER),
    "outer": (np.outer, ROW, OTHER),
    "kron": (np.kron, ROW, OTHER),
    "tensordot": (lambda a, b: np.tensordot(a, b, 1), MATRIX, TALL.T),
    "einsum": (lambda a, b: np.einsum("ij,ij->j", a, b), MATRIX, MATRIX.T),
    "trace": (np.trace, MATRIX),
    "var": (np.var, ROW),
    "std": (lambda a: np.std(a, axis=0, ddof=1), MATRIX),
    "var of a mask": (lambda a: np.var(a, where=np.array([True, False, True])), ROW),
    "mean": (lambda a: np.mean(a, axis=1), MATRIX),
    "average": (lambda a: np.average(a, weights=[1.0, 2.0, 0.5]), ROW),
    "nansum": (np.nansum, np.array([1j, np.nan, 2.0])),
    "nanvar": (np.nanvar, np.array([1j, 3.0 + 1j, np.nan, 2.0])),
    "prod": (np.prod, np.array([0j, 2.0 + 1j, 0.5j])),
    "angle": (lambda a: np.angle(a, deg=True), ROW),
    "sign": (np.sign, ROW),
    "norm": (np.linalg.norm, MATRIX),
    "norm 1": (lambda a: np.linalg.norm(a, 1), MATRIX),
    "norm 3": (lambda a: np.linalg.norm(a, 3), ROW),
    "norm inf": (lambda a: np.linalg.norm(a, np.inf), ROW),
    "norm nuc": (lambda a: np.linalg.norm(a, "nuc"), TALL),
    "correlate": (lambda a, v: np.correlate(a, v, "full"), ROW, OTHER[:2]),
    "convolve": (np.convolve, ROW, OTHER[:2]),
    "diff": (np.diff, ROW),
    "trapezoid": (lambda a: np.trapezoid(a, np.array([0.0, 1.0, 3.0])), ROW),
    "cumprod": (np.cumprod, ROW),
    "nan_to_num": (
        lambda a: np.nan_to_num(a, posinf=2.0),
        np.array([complex(1.0, np.inf), complex(np.nan, 2.0), 1j]),
    ),
    "real_if_close": (np.real_if_close, ROW.real + 1e-20j),
    "sort_complex": (np.sort_complex, ROW),
    "concatenate": (lambda a, b: np.concatenate([a, b.real, a[:1]]), ROW, OTHER),
    "slices": (lambda a: a[::-1][[0, 0, 2]], ROW),
    "interp": (lambda fp: np.interp([0.5, 9.0], [0.0, 1.0, 2.0], fp, right=2j), ROW),
    "pad": (lambda a: np.pad(a, 2, "reflect"), ROW),
    "at": (lambda a, b: tn.ops.add_at(a, [0, 0, 1], b), ROW, OTHER),
    "set": (lambda a, b: tn.ops.set_at(a, 1, b[0]), ROW, OTHER),
    "select": (lambda a, b: np.where([True, False, True], a, b.real), ROW, OTHER),
    "det": (np.linalg.det, MATRIX),
    "slogdet": (lambda a: np.linalg.slogdet(a)[0] + np.linalg.slogdet(a)[1], MATRIX),
    "matrix_power": (lambda a: np.linalg.matrix_power(a, -2), MATRIX),
    "pinv": (np.linalg.pinv, TALL),
    "lstsq": (lambda a, b: np.linalg.lstsq(a, b, rcond=None)[0], TALL, TALL[:, 0] ** 2),
    "residuals": (lambda a, b: np.linalg.lstsq(a, b, rcond=None)[1], TALL, TALL[:, 0] ** 2),
    "cond": (np.linalg.cond, MATRIX),
    "cholesky": (lambda a: np.linalg.cholesky(a @ np.conj(a).T + np.eye(3)), MATRIX),
    "qr": (lambda a: np.linalg.qr(a)[0] @ np.linalg.qr(a)[1][:, ::-1], TALL),
    "qr of a wide matrix": (lambda a: np.linalg.qr(a)[1], TALL.T),
    "svd": (of_svd, TALL),
    "svd of a wide matrix": (of_svd, TALL.T),
    "svdvals": (np.linalg.svdvals, MATRIX),
    "eigvalsh": (lambda a: np.linalg.eigvalsh(hermitian(a)), MATRIX),
    "eigh": (lambda a: np.abs(np.linalg.eigh(hermitian(a)).eigenvectors), MATRIX),
    "eigh from above": (lambda a: np.linalg.eigvalsh(hermitian(a), "U"), MATRIX),
    "eigvals": (lambda a: np.sort_complex(np.linalg.eigvals(a)), MATRIX),
    "eig": (lambda a: np.abs(np.linalg.eig(a)[1]).sum(), MATRIX),
    "eigvals of real matrices": (lambda a: np.sum(np.linalg.eigvals(a) ** 3), MATRIX.real),
}


@pytest.mark.parametrize("name", NAMES)
def test_numpy_s_functions_of_complex_numbers(name):
    """NumPy's value, the slope that is seen in both directions, and that of the gradient."""
    f, *xs = NAMES[name]
    y = f(*xs)
    found = f(*map(Value, xs))
    np.testing.assert_allclose(found.data, np.asarray(y.data if isinstance(y, Value) else y))
    weight = weights(found.data, np.random.default_rng(1))

    def total(*xs):
        return tn.sum(tn.real(np.conj(weight) * (f(*xs))))

    slopes = tn.grad(total, tuple(range(len(xs))))
    for i, x in enumerate(xs):
        for way in ways(np.nan_to_num(x, posinf=1.0), np.random.default_rng(2)):

            def moved(x, i=i):
                return [*xs[:i], x, *xs[i + 1 :]]

            seen, doubt = slope(lambda x: float(total(*map(Value, moved(x))).data), x, way)
            g = slopes(*xs)[i].data
            assert abs(product(g, way) - seen) <= 4.0 * doubt + 1e-11
            again = tn.hvp(lambda x: total(*moved(x)), (x,), (way,)).data
            curved, doubt = slope(
                lambda x, i=i, way=way: product(slopes(*moved(x))[i].data, way), x, way
            )
            assert abs(product(again, way) - curved) <= 4.0 * doubt + 1e-9


def test_a_phase_that_nothing_determines_is_refused():
    """Of complex vectors each could be turned; a result that changes then has no derivative."""
    unsound = [
        lambda a: np.linalg.svd(a, full_matrices=False)[0],
        lambda a: np.linalg.eigh(hermitian(a)).eigenvectors,
        lambda a: np.linalg.eig(a).eigenvectors,
    ]
    for f in unsound:
        with pytest.raises(tn.errors.NoDerivativeError, match="phase"):
            f(Value(MATRIX)).real.sum().backward()


def test_plain_questions():
    """Answers, and no Values."""
    z, x = Value([1j, 2.0 + 0j]), Value([1.0, 2.0])
    assert np.iscomplex(z).tolist() == [True, False]
    assert np.isreal(z).tolist() == [False, True]
    assert (np.iscomplexobj(z), np.iscomplexobj(x)) == (True, False)
    assert (np.isrealobj(z), np.isrealobj(x)) == (False, True)
    assert np.real_if_close(z).dtype == complex
    assert np.sort_complex(Value([2.0, 1.0])).dtype == complex
    assert np.real(x).tolist() == [1.0, 2.0] and np.imag(x).tolist() == [0.0, 0.0]
    assert np.conj(x).dtype == float


def test_hooks_and_checkpoints_of_complex_numbers():
    """A hook sees the gradient itself, not its conjugate; a second call owes the same."""
    seen = []
    f = tn.checkpoint(lambda z: tn.exp(z) * tn.conj(z))
    for through in (lambda z: z, f):
        z = Value(1.0 + 2.0j)
        w = z * 1.0
        w = w.on_grad(seen.append)
        (abs(through(w)) ** 2).backward()
        assert z.grad == seen[-1]
    assert seen[0] == 2.0 + 4.0j
    plain = tn.grad(lambda z: abs(tn.exp(z) * tn.conj(z)) ** 2)(1.0 + 2.0j)
    assert seen[1] == plain.item()
