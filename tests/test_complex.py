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
from tinygrad_neuron.ops import PRIMITIVES, parts

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


# what PyTorch 2.13.0 gives for the gradient of (f(z) * conj(w)).real by z and w; its convention
# is this one: z = 0.6 - 0.8j, w = 1.5 + 0.5j
PYTORCH = TORCH_FIGURES = {}


@pytest.mark.parametrize("name", PYTORCH)
def test_published_gradients(name):
    """To all digits that PyTorch printed."""
    z, w = Value(0.6 - 0.8j), 1.5 + 0.5j
    f = getattr(np, name)
    (f(z) * np.conj(w)).real.backward()
    assert cmath.isclose(z.grad, PYTORCH[name], rel_tol=1e-14)
