"""What `backward` leaves behind: golden numbers, edges of functions, sums over paths."""

import warnings

import mpmath
import numpy as np
import pytest
from calls import ABOUT_COMPLEX
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from numeric import scale, slope
from test_ufuncs import EXACT

import tinygrad_neuron as tn
from tinygrad_neuron import Value
from tinygrad_neuron.ops import PRIMITIVES, astype, remainder, sech2

EPS = np.finfo(float).eps


def slopes(f, *numbers):
    """The gradients of f at single numbers: through `backward`, `grad`, recorded, and in arrays.

    All four must say the same.
    """
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        leaves = [Value(x) for x in numbers]
        f(*leaves).backward()
        every = tuple(range(len(numbers)))
        plain = tn.grad(f, argnums=every)(*numbers)
        recorded = tn.grad(f, argnums=every)(*map(Value, numbers))
        rows = [Value([x]) for x in numbers]
        tn.sum(f(*rows)).backward()
    answers = [
        [x.grad for x in leaves],
        [x.item() for x in plain],
        [x.item() for x in recorded],
        [x.grad[0] for x in rows],
    ]
    for answer in answers[1:]:
        np.testing.assert_allclose(answer, answers[0], rtol=8 * EPS, atol=0.0)
    return answers[0]


def second_slope(f, x):
    """The second derivative of f at a number, as `grad(grad(f))`."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tn.grad(tn.grad(f))(x).item()


# ------------------------------------------------------------------------ golden numbers


def test_the_readme_of_micrograd():
    """g = 24.7041, dg/da = 138.8338, dg/db = 645.5773."""
    a, b = Value(-4.0), Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    assert (f"{g:.4f}", f"{a.grad:.4f}", f"{b.grad:.4f}") == ("24.7041", "138.8338", "645.5773")


def test_one_neuron_one_step():
    """x = 2.1, y = 4: loss 3.61, slopes -7.98 and -3.8; after a step of 0.01 the loss is 2.8711."""
    w, b = Value(1.0, "w"), Value(0.0, "b")

    def loss():
        return (4.0 - (2.1 * w + b)) ** 2

    first = loss()
    first.backward()
    assert (first.item(), w.grad, b.grad) == pytest.approx((3.61, -7.98, -3.8), rel=1e-14)
    w.data -= 0.01 * w.grad
    b.data -= 0.01 * b.grad
    assert f"{loss():.4f}" == "2.8711"


@pytest.mark.parametrize(
    ("cost", "outputs"),
    [
        (lambda z: tn.square(tn.sigmoid(z)) / 2, {50: 0.976, 150: 0.933, 300: 0.203}),
        (tn.softplus, {50: 0.099, 150: 0.026, 300: 0.012}),
    ],
    ids=["square", "cross-entropy"],
)
def test_a_saturated_neuron(cost, outputs):
    """From w = b = 2 towards 0 with step 0.15: how far it is after 50, 150, 300 steps."""
    w, b = 2.0, 2.0
    seen = {}
    for step in range(1, 301):
        dw, db = tn.grad(lambda w, b: cost(w + b), argnums=(0, 1))(w, b)
        w, b = w - 0.15 * dw.item(), b - 0.15 * db.item()
        seen[step] = round(tn.sigmoid(w + b), 3)
    assert {step: seen[step] for step in outputs} == outputs


@pytest.mark.parametrize(
    ("f", "point", "expected"),
    [
        (lambda x: (x**2).exp() ** 2, [0.5], [3.29744254140025629]),
        (lambda x, y: x**2 + y**2, [1.0, 1.0], [2.0, 2.0]),
        (lambda x, y: 0.26 * (x**2 + y**2) - 0.48 * x * y, [1.0, 1.0], [0.04, 0.04]),
        (lambda x, y: 100 * (y - x**2) ** 2 + (x - 1) ** 2, [0.0, 2.0], [-2.0, 400.0]),
        (
            lambda x, y: (
                (1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2))
                * (
                    30
                    + (2 * x - 3 * y) ** 2
                    * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
                )
            ),
            [1.0, 1.0],
            [-5376.0, 8064.0],
        ),
    ],
    ids=["exp", "sphere", "matyas", "rosenbrock", "goldstein-price"],
)
def test_well_known_functions(f, point, expected):
    """Their gradients, from calculus."""
    np.testing.assert_allclose(slopes(f, *point), expected, rtol=1e-13)


def test_the_order_of_the_sweep():
    """e is used once and f once, but both use c and d: (25, 19), and not (29, 22)."""
    a, b = Value(2.0), Value(3.0)
    c = a + b
    d = a * b
    e = c + d
    f = c * d
    (e + f).backward()
    assert (a.grad, b.grad) == (25.0, 19.0)


def test_every_node_has_one_turn():
    """x doubled 20 times by x + x: 2**20 paths, 20 rules."""
    turns = []

    @tn.elementwise(lambda g, y, x: turns.append(1) or 2.0 * g)
    def double(x):
        return x + x

    x = y = Value(1.0)
    for _ in range(20):
        y = double(y)
    z = Value(1.0)
    w = z
    for _ in range(20):
        w = w + w
    y.backward()
    w.backward()
    assert (x.grad, z.grad, len(turns)) == (2.0**20, 2.0**20, 20)


# ------------------------------------------------------------- a sum over all the paths

STEPS = ["add", "subtract", "multiply", "sin", "tanh", "exp", "square", "reuse"]


@st.composite
def programs(draw):
    """Straight-line programs: each step takes results of earlier ones, some of them twice."""
    length = draw(st.integers(1, 12))
    return [
        (draw(st.sampled_from(STEPS)), draw(st.integers(0, k + 1)), draw(st.integers(0, k + 1)))
        for k in range(length)
    ]


def run(program, x, y, np_like):
    """The program's last result; works on anything that has the functions."""
    made = [x, y]
    for step, i, j in program:
        a, b = made[i], made[j]
        made.append(
            {
                "add": lambda a, b: a + b,
                "subtract": lambda a, b: 0.5 - a - b,
                "multiply": lambda a, b: 0.5 * a * b,
                "sin": lambda a, b: np_like.sin(a),
                "tanh": lambda a, b: np_like.tanh(a * b),
                "exp": lambda a, b: np_like.exp(-np_like.square(a)),
                "square": lambda a, b: 0.25 * np_like.square(b),
                "reuse": lambda a, b: a,
            }[step](a, b)
        )
    return made[-1] + 0.0 * (x + y)


NUMBERS = st.sampled_from([-1.5, -0.25, 0.5, 2.0])


@given(program=programs(), x=NUMBERS, y=NUMBERS)
def test_any_program_has_the_slope_of_its_complex_step(program, x, y):
    """Along an imaginary step of 1e-30 a function moves by its slope, with no cancellation.

    The same on the road for single numbers, on that for arrays, and recorded.
    """
    expected = [
        run(program, x + 1e-30j, y + 0j, np).imag / 1e-30,
        run(program, x + 0j, y + 1e-30j, np).imag / 1e-30,
    ]
    np.testing.assert_allclose(
        slopes(lambda x, y: run(program, x, y, tn), x, y), expected, rtol=1e-11, atol=1e-13
    )


@given(program=programs(), x=NUMBERS, y=NUMBERS)
def test_any_program_can_be_differentiated_twice(program, x, y):
    """The second slopes, mixed ones included, are the seen slopes of the first."""
    by_x = tn.grad(lambda x, y: run(program, x, y, tn))
    second = tn.grad(by_x, argnums=(0, 1))(x, y)
    for given_slope, f, at in [
        (second[0], lambda x: by_x(float(x), y).item(), x),
        (second[1], lambda y: by_x(x, float(y)).item(), y),
    ]:
        seen, doubt = slope(f, at, scale(at))
        assert abs(given_slope.item() * scale(at) - seen) <= 4.0 * doubt + 1e-9


@given(
    program=programs(),
    shapes=hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_program_of_arrays_has_the_slope_of_its_complex_step(program, shapes, seed):
    """In a random direction, for shapes that broadcast in every way."""
    rng = np.random.default_rng(seed)
    x, y = (rng.uniform(-1.5, 1.5, shape) for shape in shapes.input_shapes)
    dx, dy = (rng.normal(size=shape) for shape in shapes.input_shapes)
    moved = run(program, x + 1e-30j * dx, y + 1e-30j * dy, np)
    weight = rng.normal(size=moved.shape)
    u, v = Value(x), Value(y)
    run(program, u, v, tn).backward(weight)
    assert (np.shape(u.grad), np.shape(v.grad)) == shapes.input_shapes
    seen = np.sum(moved.imag * weight) / 1e-30
    said = np.sum(u.grad * dx) + np.sum(v.grad * dy)
    np.testing.assert_allclose(said, seen, rtol=1e-10, atol=1e-12)


def test_births_may_lie_far_apart():
    """What else was made between two steps does not matter, nor does it cost memory."""
    x = Value(3.0)
    y = x * x
    for _ in range(100_000):
        Value(1.0)
    z = y * y + x
    for _ in range(100_000):
        Value(1.0)
    (z * z).backward()
    assert x.grad == 2 * 84.0 * (4 * 27.0 + 1.0)


def test_inner_nodes_get_gradients_too():
    """Every node on the way shows how it moves the result."""
    x = Value(3.0)
    y = x * x
    z = y.sin()
    z.backward()
    assert (z.grad, y.grad) == (1.0, np.cos(9.0))
    assert x.grad == pytest.approx(6.0 * np.cos(9.0), rel=1e-15)


def test_what_is_not_on_the_way_gets_none():
    """Neither a zero nor a number: `not computed yet`."""
    x, other = Value(3.0), Value(4.0)
    beside = x * other
    (x * x).backward()
    assert (repr(other.grad), repr(beside.grad)) == ("not computed yet",) * 2
    assert not other.grad
    assert other.grad == None  # noqa: E711  # the sentinel says so, as PyTorch's None would


def test_a_leaf_is_its_own_gradient():
    """dx/dx = 1."""
    x = Value(3.0)
    x.backward()
    assert x.grad == 1.0


def test_a_detached_value_is_a_constant():
    """x times its own number has the slope of a constant times x."""
    x = Value(3.0)
    (x * x.detach()).backward()
    assert x.grad == 3.0
    assert float(x.detach()) == 3.0


def test_stop_gradient_is_detach_as_a_function():
    """The same, to any order."""
    assert slopes(lambda x: x * tn.stop_gradient(x), 3.0) == [3.0]
    assert second_slope(lambda x: x * tn.stop_gradient(x), 3.0) == 0.0


# ----------------------------------------------------------------------- again and again


@pytest.mark.parametrize("data", [3.0, [3.0, 5.0], np.float32(3.0)], ids=repr)
def test_backward_twice_doubles_leaves_only(data):
    """Leaves add up, the nodes between are those of the last call."""
    x = Value(data)
    y = x * x
    z = y.sum()
    z.backward()
    once, inner = np.copy(x.grad), np.copy(y.grad)
    z.backward()
    np.testing.assert_array_equal(x.grad, 2 * once)
    np.testing.assert_array_equal(y.grad, inner)
    assert z.grad == 1.0


def test_clearing_only_the_leaf_is_enough():
    """x * x * x at 3, twice, with x.grad cleared between: 27 and 27."""
    x = Value(3.0)
    y = x * x * x
    y.backward()
    first = x.grad
    x.zero_grad()
    y.backward()
    assert (first, x.grad) == (27.0, 27.0)


@pytest.mark.parametrize("data", [3.0, [3.0, 5.0], np.float32(3.0)], ids=repr)
def test_zero_grad_is_zero_of_the_same_kind(data):
    """Shape and precision stay."""
    x = Value(data)
    (x * x).sum().backward()
    kind = type(x.grad), np.asarray(x.grad).dtype, np.shape(x.grad)
    x.zero_grad()
    assert np.all(x.grad == 0.0)
    assert (type(x.grad), np.asarray(x.grad).dtype, np.shape(x.grad)) == kind
    x.grad = None
    assert repr(x.grad) == "not computed yet"


def test_gradients_of_different_results_add_up():
    """On a leaf they share; the nodes between see the last result only."""
    x = Value(3.0)
    y = 2.0 * x
    (y * y).backward()
    (5.0 * y).backward()
    assert (x.grad, y.grad) == (24.0 + 10.0, 5.0)


def test_a_leaf_used_as_its_own_result_and_input():
    """A sweep from an inner node sees only what it was made from."""
    x = Value(3.0)
    y = x * x
    (y * 10.0).backward()
    y.backward()
    assert (x.grad, y.grad) == (66.0, 1.0)


def shares_memory(*arrays):
    return any(np.shares_memory(a, b) for k, a in enumerate(arrays) for b in arrays[:k])


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: x + y,
        lambda x, y: (x + x) + y,
        lambda x, y: x.T.T - y,
        lambda x, y: x.reshape(4).reshape(2, 2) + y,
        lambda x, y: tn.broadcast_to(x, (2, 2)) + y[...],
        lambda x, y: tn.concatenate([x, y])[:2] + tn.stack([x, y])[0],
        lambda x, y: tn.where(np.ones((2, 2), bool), x, y),
        lambda x, y: tn.expand_dims(x, 0).squeeze(0) + y,
        lambda x, y: astype(x, dtype=float) + y,
    ],
)
def test_gradients_share_memory_with_nothing(f):
    """Not with each other, the seed, the data, or what the caller holds."""
    given = [np.ones((2, 2)), np.ones((2, 2))]
    x, y = map(Value, given)
    result = f(x, y)
    seed = np.ones((2, 2))
    result.backward(seed)
    everything = [*given, seed, x.grad, y.grad, result.grad, *(np.asarray(v.data) for v in (x, y))]
    assert not shares_memory(*everything)
    x.grad[0, 0] = seed[0, 0] = 100.0
    assert y.grad[0, 0] in (-1.0, 0.0, 1.0)
    assert result.grad[0, 0] == 1.0


def test_a_gradient_survives_the_next_backward():
    """Who kept `w.grad` keeps its numbers."""
    x = Value([1.0, 2.0])
    y = x * x
    y.sum().backward()
    kept = x.grad
    kept_inner = y.grad
    (y * 3.0).sum().backward()
    np.testing.assert_array_equal(kept, [2.0, 4.0])
    np.testing.assert_array_equal(kept_inner, [1.0, 1.0])


# ------------------------------------------------------------------------------- seeds


@pytest.mark.parametrize(
    "seed", [[1, 2], np.array([1.0, 2.0]), np.array([1, 2]), Value([1.0, 2.0])]
)
def test_a_seed_weighs_the_entries(seed):
    """Anything that looks like an array of the result's shape."""
    x = Value([3.0, 5.0])
    y = x * x
    y.backward(seed)
    np.testing.assert_array_equal(x.grad, [6.0, 20.0])
    np.testing.assert_array_equal(y.grad, [1.0, 2.0])


@pytest.mark.parametrize("seed", [2, 2.0, np.float32(2), Value(2.0)])
def test_a_seed_for_a_single_number(seed):
    """It multiplies the gradient."""
    x = Value(3.0)
    (x * x).backward(seed=seed)
    assert x.grad == 12.0
    assert type(x.grad) is float


@pytest.mark.parametrize("seed", [1.0, [1.0], [[1.0, 2.0]], [1.0, 2.0, 3.0]])
def test_a_seed_is_not_stretched(seed):
    """A seed of another shape is a mistake, and leaves nothing behind."""
    x = Value([3.0, 5.0])
    with pytest.raises(tn.errors.GradientShapeError, match="seed"):
        (x * x).backward(seed)
    assert repr(x.grad) == "not computed yet"


# ------------------------------------------------------------------- broadcasting, precision


@pytest.mark.parametrize("a", [(), (1,), (3,), (2, 1), (1, 3), (2, 3), (4, 1, 1), (4, 2, 3)])
@pytest.mark.parametrize("b", [(), (3,), (1, 1), (2, 3), (4, 1, 3), (1, 2, 1)])
def test_a_stretched_input_is_owed_every_copy(a, b):
    """The gradient of sum(x + y) counts how often each entry was used."""
    x, y = Value(np.ones(a)), Value(np.ones(b))
    total = (x + y).sum()
    shape = np.broadcast_shapes(a, b)
    total.backward()
    for v in (x, y):
        assert np.shape(v.grad) == v.shape
        np.testing.assert_array_equal(v.grad, np.full(v.shape, np.prod(shape) / max(v.size, 1)))


def test_float32_through_a_network():
    """Single precision in, single precision all the way, plain numbers being weak."""
    rng = np.random.default_rng(0)
    w, b = (Value(rng.normal(size=s).astype(np.float32)) for s in ((3, 2), (2,)))
    x = rng.normal(size=(5, 3)).astype(np.float32)
    h = tn.tanh(x @ w + b) * 2 + 1.5
    z = tn.where(h > 0, h, 0.1 * h) ** 2 / 3
    loss = tn.mean(tn.softplus(z) - tn.maximum(z, 0.5))
    loss.backward()
    for v in (h, z, loss, w, b):
        assert v.dtype == np.float32
        assert v.grad.dtype == np.float32


@pytest.mark.parametrize("choices", [(2.0, 1.0), (1, 0), (2.0, 1), (True, 0.5)], ids=str)
@pytest.mark.parametrize("data", [[-1.0, 2.0], 2.0], ids=str)
def test_where_with_plain_numbers_keeps_float32(choices, data):
    """`where(x > 0, 1, 0) * x` is as precise as x, not more."""
    x = Value(np.array(data, np.float32)[()])
    for f in (tn.where, np.where):
        y = f(x > 0, *choices) * x
        assert y.dtype == np.float32
        np.testing.assert_array_equal(y.data, np.where(x.data > 0, *choices) * x.data)


# --------------------------------------------------------- nothing owed, nothing passed on

AT_ZERO = [
    ("sqrt", lambda x: tn.where(x < 1, x, tn.sqrt(x)), 0.0, 1.0, 0.0),
    ("sqrt of what was chosen", lambda x: tn.sqrt(tn.where(x < 1, 1.0, x)), 0.0, 0.0, 0.0),
    ("log", lambda x: tn.where(x > 0, tn.log(x), 2.0 * x), 0.0, 2.0, 0.0),
    ("log of a negative", lambda x: tn.where(x > 0, tn.log(x), x * x), -1.0, -2.0, 2.0),
    ("1/x", lambda x: tn.where(x == 0, x, 1.0 / x), 0.0, 1.0, 0.0),
    ("x/x", lambda x: tn.where(x == 0, 1.0 + x, x / x), 0.0, 1.0, 0.0),
    ("sin(x)/x", lambda x: tn.where(x == 0, 1.0 - x * x / 6.0, tn.sin(x) / x), 0.0, 0.0, -1 / 3),
    ("exp", lambda x: tn.where(x > 100, x, tn.exp(x)), 1000.0, 1.0, 0.0),
    ("expm1", lambda x: tn.where(x > 100, x, tn.expm1(x)), 1000.0, 1.0, 0.0),
    ("log1p", lambda x: tn.where(x > -1, tn.log1p(x), x**2), -1.0, -2.0, 2.0),
    ("x**-2", lambda x: tn.where(x == 0, 3.0 * x, x**-2.0), 0.0, 3.0, 0.0),
    ("x**0.5", lambda x: tn.where(x > 0, x**0.5, -x), 0.0, -1.0, 0.0),
    ("x**x", lambda x: tn.where(x > 0, x**x, 5.0 * x), 0.0, 5.0, 0.0),
    ("x**1.5", lambda x: tn.where(x > 0, x**1.5, x), 0.0, 1.0, 0.0),
    ("log of log", lambda x: tn.where(x > 1, tn.log(tn.log(x)), x), 1.0, 1.0, 0.0),
    ("exp of exp", lambda x: tn.where(x > 5, x * x, tn.exp(tn.exp(x))), 10.0, 20.0, 2.0),
    ("exp(-1/x)", lambda x: tn.where(x > 0, tn.exp(-1.0 / x), 0.0 * x), 0.0, 0.0, 0.0),
    ("sin(exp)", lambda x: tn.where(x > 100, x, tn.sin(tn.exp(x))), 1000.0, 1.0, 0.0),
    ("tanh(1/x)", lambda x: tn.where(x == 0, x, tn.tanh(1.0 / x)), 0.0, 1.0, 0.0),
    ("sqrt(x)**3", lambda x: tn.where(x < 1, x, tn.sqrt(x) ** 3), 0.0, 1.0, 0.0),
    ("|sqrt|", lambda x: tn.where(x < 1, x, abs(tn.sqrt(x) - 1.0)), 0.0, 1.0, 0.0),
    ("maximum", lambda x: tn.maximum(x, 1.0 + 0.0 * tn.where(x > 0, tn.sqrt(x), x)), 0.0, 0.0, 0.0),
    ("missing", lambda x: tn.where(tn.ops.isnan(x), 0.0, x * tn.tanh(x)), np.nan, 0.0, 0.0),
]


@pytest.mark.parametrize(
    ("f", "x", "first", "second"), [case[1:] for case in AT_ZERO], ids=[case[0] for case in AT_ZERO]
)
def test_the_branch_not_chosen_has_no_say(f, x, first, second):
    """However steep it is, to the second order: alone, recorded and in an array."""
    assert slopes(f, x) == [first]
    assert second_slope(f, x) == pytest.approx(second, abs=0.0)


def test_in_an_array_every_entry_has_its_own_branch():
    """The middle entry is not chosen, and leaves its neighbours alone."""
    x = Value([0.25, 0.0, 4.0])
    with np.errstate(all="ignore"):
        tn.where(x > 0, tn.sqrt(x) + tn.log(x), 7.0 * x).sum().backward()
    np.testing.assert_array_equal(x.grad, [1.0 + 4.0, 7.0, 0.25 + 0.25])


def test_a_broadcast_branch_not_chosen():
    """The steep input is one number for many entries, none of which was chosen."""
    b = Value(0.0)
    with np.errstate(all="ignore"):
        tn.where(np.array([True, True]), 3.0 * b, np.array([0.0, 1.0]) / b).sum().backward()
    assert b.grad == 6.0


def test_the_rule_needs_both_conditions():
    """Nothing owed here and now, with a finite slope, still has derivatives: Hessians stay."""
    product = tn.grad(tn.grad(lambda x, y: x * y, argnums=0), argnums=1)
    assert product(0.0, 0.0).item() == 1.0
    assert second_slope(lambda x: x * x * tn.exp(x), 0.0) == 2.0
    assert second_slope(lambda x: tn.where(x < 1, x**3, x), 0.0) == 0.0
    third = tn.grad(tn.grad(tn.grad(lambda x: tn.where(x < 1, x**3, x))))
    assert third(0.0).item() == 6.0
    hessian = tn.grad(tn.grad(lambda w, x: tn.tanh(w * x), argnums=0), argnums=1)
    assert hessian(0.0, 0.0).item() == 1.0


def test_something_owed_to_an_infinite_slope_is_infinite():
    """Only 0 times inf is excused."""
    assert slopes(tn.sqrt, 0.0) == [np.inf]
    assert slopes(lambda x: -2.0 * tn.sqrt(x), 0.0) == [-np.inf]
    assert slopes(tn.log, 0.0) == [np.inf]
    assert slopes(lambda x: 1.0 / x, 0.0) == [-np.inf]
    assert slopes(lambda x: x**0.5, 0.0) == [np.inf]
    assert slopes(tn.log1p, -1.0) == [np.inf]


@pytest.mark.parametrize(
    "one", [1.0, 1, np.float64(1), np.float32(1), np.array(1.0), np.int64(1)], ids=repr
)
def test_one_over_zero_is_infinite_for_every_one(one):
    """inf with NumPy's warning, slope -inf, as in an array: never a ZeroDivisionError."""
    for divide in (lambda x: one / x, lambda x: tn.ops.divide(one, x), lambda x: np.divide(one, x)):
        x = Value(0.0)
        with pytest.warns(RuntimeWarning, match="divide by zero"):
            y = divide(x)
        y.backward()
        assert (y.item(), x.grad) == (np.inf, -np.inf)


@pytest.mark.parametrize(
    ("f", "x", "value"),
    [
        (lambda x: 1.0 / x, 0.0, np.inf),
        (lambda x: x / 0.0, 1.0, np.inf),
        (tn.log, 0.0, -np.inf),
        (tn.log, -1.0, np.nan),
        (tn.log1p, -1.0, -np.inf),
        (tn.sqrt, -1.0, np.nan),
        (tn.exp, 1000.0, np.inf),
        (tn.expm1, 1000.0, np.inf),
        (lambda x: x**-1.0, 0.0, np.inf),
        (lambda x: x**0.5, -1.0, np.nan),
        (lambda x: x**2.0, 1e200, np.inf),
        (tn.sin, np.inf, np.nan),
        (tn.cos, np.inf, np.nan),
        (lambda x: x % 0.0, 1.0, np.nan),
        (lambda x: x // 0.0, 1.0, np.inf),
    ],
)
@pytest.mark.parametrize("wrap", [float, np.float64, lambda x: [x], np.float32], ids=str)
def test_a_number_gives_what_numpy_gives(f, x, value, wrap):
    """inf or nan with a RuntimeWarning, not a ZeroDivisionError or an OverflowError."""
    if wrap is np.float32 and np.isinf(np.float32(min(x, 1e38))) | (x == 1e200):
        return
    with pytest.warns(RuntimeWarning):
        y = f(Value(wrap(x)))
    np.testing.assert_array_equal(np.ravel(y.data), [value])


# ------------------------------------------------------------------------- corners and ties


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: abs(x), 0.0),
        (tn.relu, 0.0),
        (lambda x: tn.maximum(x, 0.0), 0.5),
        (lambda x: tn.minimum(x, 0.0), 0.5),
        (lambda x: tn.maximum(0.0, x), 0.5),
        (lambda x: tn.maximum(x, 0.0) + tn.minimum(x, 0.0), 1.0),
        (lambda x: tn.relu(x) - tn.relu(-x), 0.0),
        (lambda x: tn.maximum(x, x), 1.0),
        (lambda x: tn.minimum(x, x), 1.0),
        (lambda x: tn.maximum(x, -x), 0.0),
        (lambda x: abs(x * x), 0.0),
        (lambda x: tn.where(x > 0, x, 0.0), 0.0),
        (lambda x: tn.where(x >= 0, x, 0.0), 1.0),
    ],
)
def test_the_convention_at_a_corner(f, expected):
    """The least slope in size between both sides; ties share one slope. For 0.0 and -0.0."""
    assert slopes(f, 0.0) == [expected]
    assert slopes(f, -0.0) == [expected]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([1.0, 3.0, 2.0], [0.0, 1.0, 0.0]),
        ([3.0, 3.0, 2.0], [0.5, 0.5, 0.0]),
        ([3.0, 3.0, 3.0], [1 / 3, 1 / 3, 1 / 3]),
        ([-0.0, 0.0, -1.0], [0.5, 0.5, 0.0]),
    ],
)
def test_the_largest_share_equally(row, expected):
    """In every form: whole, along an axis, kept, as NumPy's, and as the smallest of -x."""
    for f in (
        lambda x: x.max(),
        lambda x: x.max(axis=0),
        lambda x: x.max(axis=-1, keepdims=True),
        lambda x: np.max(x),
        lambda x: -tn.min(-x),
        lambda x: tn.max(tn.stack([x, x - 1.0]), axis=(0, 1)),
    ):
        x = Value(row)
        f(x).sum().backward()
        np.testing.assert_allclose(x.grad, expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("base", "exponent", "in_base", "in_exponent"),
    [
        (0.0, 0.0, 0.0, 0.0),
        (0.0, 1.0, 1.0, 0.0),
        (0.0, 2.0, 0.0, 0.0),
        (0.0, 0.5, np.inf, 0.0),
        (3.0, 0.0, 0.0, np.log(3.0)),
        (-3.0, 0.0, 0.0, None),
        (-3.0, 2.0, -6.0, None),
        (-3.0, 3.0, 27.0, None),
        (2.0, -1.0, -0.25, 0.5 * np.log(2.0)),
        (1e200, 0.5, 0.5e-100, None),
        (1e-200, 2.0, 2e-200, 0.0),
    ],
)
def test_powers_at_the_edges(base, exponent, in_base, in_exponent):
    """x**0 is flat also at 0, and 0**b does not move with b."""
    a, b = slopes(lambda a, b: a**b, base, exponent)
    assert a == pytest.approx(in_base, rel=1e-14)
    if in_exponent is not None:
        assert b == pytest.approx(in_exponent, rel=1e-14)
    assert slopes(lambda a: a**exponent, base)[0] == pytest.approx(in_base, rel=1e-14)


@pytest.mark.parametrize("kind", [np.array, np.float64, int, list], ids=lambda k: k.__name__)
def test_powers_at_zero_with_every_kind_of_exponent(kind):
    """x**0, x**1, x**2, x**3 at 0 have slopes 0, 1, 0, 0, and second slopes 0, 0, 2, 0."""
    if kind in (np.array, list):
        slope = tn.grad(lambda x: (x ** kind([0, 1, 2, 3])).sum())
        for zero in (np.zeros(4), np.zeros((2, 4))):
            np.testing.assert_array_equal(
                slope(zero).data, np.broadcast_to([0, 1, 0, 0], zero.shape)
            )
            second = tn.grad(lambda x: slope(x).sum())(zero)
            np.testing.assert_array_equal(second.data, np.broadcast_to([0, 0, 2, 0], zero.shape))
    else:
        assert [slopes(lambda x, k=k: x ** kind(k), 0.0) for k in range(4)] == [[0], [1], [0], [0]]
        assert [second_slope(lambda x, k=k: x ** kind(k), 0.0) for k in range(4)] == [0, 0, 2, 0]


def test_remainder_between_its_jumps():
    """a % b falls with b as often as b goes into a."""
    assert slopes(remainder, 7.5, 2.0) == [1.0, -3.0]
    assert slopes(remainder, -7.5, 2.0) == [1.0, 4.0]


# ------------------------------------------------------------- as careful as the function

FAR = [0.0, 1e-200, -1e-200, 1e-8, -1e-8, 0.1, -0.1, 1.0, -1.0, 5.0, -5.0, 19.0, 20.0, -20.0, 40.0]
FAR += [-40.0, 300.0, -300.0, 700.0, -700.0, 1000.0, -1000.0]
BIG = [1e-200, 1e-8, 0.1, 0.5, 1.0, 3.0, 40.0, 1e3, 1e200]

TRUE = {
    "exp": (mpmath.exp, FAR),
    "expm1": (mpmath.exp, FAR),
    "tanh": (lambda x: 1 / mpmath.cosh(x) ** 2, FAR),
    "sech2": (lambda x: -2 * mpmath.tanh(x) / mpmath.cosh(x) ** 2, FAR),
    "sigmoid": (lambda x: 1 / (2 + mpmath.exp(x) + mpmath.exp(-x)), FAR),
    "softplus": (lambda x: 1 / (1 + mpmath.exp(-x)), FAR),
    "sin": (mpmath.cos, [*FAR, 1e6]),
    "cos": (lambda x: -mpmath.sin(x), [*FAR, 1e6]),
    "square": (lambda x: 2 * x, [*FAR, 1e200]),
    "log": (lambda x: 1 / x, BIG),
    "log1p": (lambda x: 1 / (1 + x), [*BIG, -0.5, -1e-8, -1 + 2**-40]),
    "sqrt": (lambda x: 1 / (2 * mpmath.sqrt(x)), BIG),
}
SECOND = {
    "exp": (mpmath.exp, FAR),
    "expm1": (mpmath.exp, FAR),
    "tanh": (lambda x: -2 * mpmath.tanh(x) / mpmath.cosh(x) ** 2, FAR),
    "sigmoid": (
        lambda x: -mpmath.tanh(x / 2) / (2 + mpmath.exp(x) + mpmath.exp(-x)),
        [x for x in FAR if x == 0.0 or abs(x) >= 1.0],  # near its zero: exact in 1/8, not in x
    ),
    "softplus": (lambda x: 1 / (2 + mpmath.exp(x) + mpmath.exp(-x)), FAR),
    "log": (lambda x: -1 / x**2, BIG[1:-1]),
    "log1p": (lambda x: -1 / (1 + x) ** 2, BIG[:-1]),
    "sqrt": (lambda x: -1 / (4 * mpmath.sqrt(x) ** 3), BIG),
}


def assert_exact(given, exact, x):
    """Within a few units in the last digit, also where the true slope is 1e-300."""
    assert given == pytest.approx(float(exact), rel=16 * EPS, abs=5e-324), f"at {x}"


@pytest.mark.parametrize("name", TRUE)
def test_slopes_are_as_careful_as_the_function(name):
    """At 0, ±40, ±1000, 1e±200, against 60 digits: tanh'(20) is 1.7e-17, not 0."""
    f = next(p for p in PRIMITIVES if p.name == name)
    true, points = TRUE[name]
    with mpmath.workdps(500):
        for x in points:
            assert_exact(slopes(f, x)[0], true(mpmath.mpf(x)), x)


@pytest.mark.parametrize("name", SECOND)
def test_second_slopes_are_careful_too(name):
    """The second derivative of a rule written with care needs no second care."""
    f = next(p for p in PRIMITIVES if p.name == name)
    true, points = SECOND[name]
    with mpmath.workdps(500):
        for x in points:
            assert_exact(second_slope(f, x), true(mpmath.mpf(x)), x)


def test_every_smooth_function_of_one_number_is_checked_against_mpmath():
    """Or is a straight line, a corner or a step."""
    unary = {p.name for p in PRIMITIVES if p.elementwise and len(p.rules) == 1 and any(p.rules)}
    unary -= ABOUT_COMPLEX
    straight = {"absolute", "astype", "negative", "positive", "relu"}
    assert unary - TRUE.keys() - EXACT.keys() == straight


def test_the_slope_of_tanh_at_20():
    """1.7e-17: one minus a square would give 0."""
    assert slopes(tn.tanh, 20.0)[0] == pytest.approx(1.6993417021166355e-17, rel=1e-14)
    assert slopes(sech2, 20.0)[0] == pytest.approx(-3.398683404233271e-17, rel=1e-14)


def test_values_are_as_careful():
    """The functions themselves: no overflow, no lost digits."""
    assert tn.softplus(1000.0) == 1000.0
    assert tn.softplus(-1000.0) == 0.0
    assert tn.softplus(-40.0) == pytest.approx(4.248354255291589e-18, rel=1e-15)
    assert tn.sigmoid(-700.0) == pytest.approx(9.859676543759770e-305, rel=1e-15)
    assert (tn.sigmoid(1000.0), tn.sigmoid(-1000.0)) == (1.0, 0.0)
    assert (tn.expm1(1e-20), tn.log1p(1e-20)) == (1e-20, 1e-20)


@pytest.mark.parametrize("x", [40.0, -40.0, 1000.0, -1000.0])
def test_quotients_far_out(x):
    """a/b and its slopes at large and small numbers, without overflow in between."""
    big = 10.0 ** (150 if x > 0 else -150)
    np.testing.assert_allclose(
        slopes(lambda a, b: a / b, x, big), [1.0 / big, -x / big / big], rtol=4 * EPS
    )


def test_a_rule_that_refuses_is_heard():
    """What a rule raises about arrays is not taken for Python's division by zero."""

    def refusing(g, y, x):
        raise ValueError("no slope today")

    moody = tn.primitive(refusing)(lambda x: np.positive(x))
    with pytest.raises(ValueError, match="no slope today"):
        tn.grad(lambda x: tn.sum(moody(x)))(np.ones(2))


def test_nothing_owed_to_a_whole_row_of_a_batch():
    """In a batch each row has its own say whether it is owed anything: 0 times inf is 0 in one."""
    rows = np.array([[np.inf, 2.0], [3.0, 4.0]])
    slope = tn.grad(lambda x: tn.where(x[0] > 1e300, 0.0, tn.prod(x)))
    np.testing.assert_array_equal(tn.vmap(slope)(rows).data, [[0.0, 0.0], [4.0, 3.0]])
