"""A program as text: it reads as a person writes, runs on its own, and gives the same bits."""

import ast
import math

import calls
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import tinygrad_neuron as tn
from tinygrad_neuron import Value, errors, program_of, value_and_grad
from tinygrad_neuron.literals import literal
from tinygrad_neuron.ops import PRIMITIVES
from tinygrad_neuron.program.source import handed_in

X = np.array([[1.0, 2.0], [3.0, 1.0], [0.0, 4.0]])
FEW = settings(max_examples=3, suppress_health_check=[HealthCheck.too_slow])

# those whose rules decide by numbers, some of them for some shapes only
RULES_THAT_LOOK = {
    "general_spectrum",
    "complement",
    "spectrum",
    "stretched",
    "turned",
    "det",
    "logabsdet",
    "unitdet",
}


def on_its_own(program):
    """The function that the source defines, where there is nothing but Python and NumPy."""
    scope = {"__builtins__": __builtins__}
    assert "tinygrad" not in program.source
    exec(program.source, scope)
    return scope[program.name]


def assert_same_bits(ours, theirs):
    """Shapes, dtypes, numbers and the signs of zeros; a nan is a nan."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    unlike = ours.tobytes() != theirs.tobytes()
    assert not unlike or (np.array_equal(ours, theirs, equal_nan=True) and np.isnan(ours).any())


# ------------------------------------------------------------------------ as a person writes


def lesson(w1, w2):
    """The lesson's equation, as a loss."""
    error = w1 * 256 + w2 * 212 - 1492
    return error**2


def test_the_lessons_neuron():
    """Two weights, one error: each line of the gradient beside the line that it answers."""
    program = program_of(value_and_grad(lesson, argnums=(0, 1)))(0.0, 0.0)
    assert (
        program.source
        == """\
def lesson_and_gradient(w1, w2):
    error = w1 * 256 + w2 * 212 - 1492
    lesson = error ** 2

    # backward: what each line owes to what it used
    d_error = 2 * error  # lesson = error ** 2
    d_w2 = d_error * 212  # w2 * 212
    d_w1 = d_error * 256  # w1 * 256
    return lesson, (d_w1, d_w2)"""
    )


def test_a_neuron_on_arrays():
    """Operators, NumPy's names, the sum that a broadcast bias is owed, shapes on request."""

    def neuron(w, b):
        z = X @ w + b
        return np.mean(np.sin(z))

    program = program_of(value_and_grad(neuron, argnums=(0, 1)))(np.zeros(2), 0.0)
    said = program.text(shapes=True).partition("def ")[2]
    assert (
        said
        == """\
neuron_and_gradient(w, b):
    z = X @ w + b  # (3,) float64
    neuron = np.mean(np.sin(z))  # () float64

    # backward: what each line owes to what it used
    d_z = np.broadcast_to(0.3333333333333333, (3,)) * np.cos(z)  # (3,) float64; np.sin(z)
    d_b = np.sum(d_z)  # () float64; z = X @ w + b
    d_w = (X.T @ np.expand_dims(d_z, -1))[..., 0]  # (2,) float64; X @ w
    return neuron, (d_w, d_b)"""
    )


def test_what_is_used_twice_is_computed_once():
    """A result with two users has a line, and so has the operand of what mentions it twice."""

    def f(x):
        several = [tn.exp(x)]
        return tn.square(x + 1.0) + several[0] * tn.sin(several[0])

    source = program_of(f)(0.5).source
    assert source.count("math.exp") == source.count("x + 1") == 1


def test_an_infinite_slope_is_excused_in_the_text():
    """The source alone is right there, without anybody who looks at its result."""

    def f(x):
        return tn.where(x < 1.0, x, tn.sqrt(x)).sum()

    program = program_of(value_and_grad(f))(np.array([2.0, 3.0]))
    assert "unless_idle(" in program.source
    with np.errstate(all="ignore"):
        assert on_its_own(program)(np.array([0.0, 4.0]))[1].tolist() == [1.0, 0.25]


def test_names_of_values_are_kept():
    """A name that a person gave with `name=` is the name of the line."""

    def f(x):
        y = [x * 2.0]
        y[0].name = "doubled"
        return tn.exp(y[0]) + y[0]

    assert "    doubled = x * 2\n" in program_of(f)(1.0).source


def test_names_that_are_taken_get_a_number():
    """A loop gives one name many times; np, and words of Python's, are no names for a result."""

    def f(x, np):
        for _ in range(2):
            lines = tn.sin(x)
            x = lines * np
        return x

    source = program_of(f)(np.ones(2), np.ones(2)).source
    assert "def f(x, np_2):" in source


def test_a_large_constant_is_handed_in():
    """What nobody would read is an argument of the source; `run` gives it."""
    table = np.arange(200.0)
    program = program_of(lambda w: (table * w).sum())(np.ones(200))
    assert "*, table):" in program.source
    assert handed_in(program).keys() == {"table"}
    assert program.run(np.ones(200)) == 19900.0


def test_the_answer_is_built_as_it_was():
    """Containers of results, and a result that is no number of the inputs."""
    program = program_of(lambda x: {"a": [x * 2.0, 3.0], "b": (x,)})(1.0)
    assert program.source.endswith("return {'a': [x * 2, 3.0], 'b': (x,)}")
    assert program.run(2.0) == {"a": [4.0, 3.0], "b": (2.0,)}


def test_a_mixture_of_precisions():
    """One float64 number must not widen an array of float32, as it does not in a Value."""

    def f(x, y):
        return y * x.sum()

    x, y = np.array([0.1, 0.2]), np.array([1.0, 3.0], np.float32)
    program = program_of(f)(x, y)
    assert_same_bits(on_its_own(program)(x, y), f(Value(x), Value(y)).data)
    assert program.run(x, y).dtype == np.float32


@pytest.mark.parametrize(
    "x",
    [
        *(0.1, -0.0, math.inf, -math.inf, math.nan, 3, True, None, ..., "ab", 1e300),
        *(np.float32(0.1), np.int8(3), np.array([0.1, np.nan]), np.zeros((0, 2), np.float32)),
        *(
            np.array([True]),
            np.array([1], np.int8),
            (slice(1, None), 0),
            (1,),
            [np.inf],
            np.float32,
        ),
    ],
    ids=repr,
)
def test_literals_make_it_again(x):
    """Each number and each container to the bit, with its type."""
    again = eval(literal(x), {"np": np})
    assert type(again) is type(x)
    assert repr(again) == repr(x)


# ------------------------------------------------------------------------ the same bits


@pytest.mark.parametrize("primitive", PRIMITIVES, ids=str)
@FEW
@given(st.data())
def test_every_primitive_is_written_out(primitive, data):
    """Its source, alone, gives its bits; so do its lines."""
    call = data.draw(calls.of(primitive))
    program = program_of(lambda *xs: primitive(*xs, **call.settings))(*call.inputs)
    theirs = primitive(*call.inputs, **call.settings)
    assert_same_bits(program.interpret(*call.inputs), theirs)
    assert_same_bits(program.run(*call.inputs), theirs)
    assert_same_bits(on_its_own(program)(*call.inputs, **handed_in(program)), theirs)


@pytest.mark.parametrize(
    "primitive", [p for p in PRIMITIVES if p.name not in RULES_THAT_LOOK], ids=str
)
@FEW
@given(st.data())
def test_every_gradient_is_written_out(primitive, data):
    """The program of a gradient gives the bits that `backward()` leaves."""
    call = data.draw(calls.of(primitive))
    y = np.asarray(primitive(*call.inputs, **call.settings))
    if y.dtype.kind != "f" or not call.varying:
        return
    weights = np.cos(np.arange(y.size) + 1.0).reshape(y.shape)

    def loss(*xs):
        return (primitive(*xs, **call.settings) * weights).sum()

    leaves = call.values()
    loss(*leaves).backward()
    program = program_of(value_and_grad(loss, argnums=tuple(call.varying)))(*call.inputs)
    for i, ours in zip(call.varying, program.run(*call.inputs)[1], strict=True):
        nothing = np.zeros_like(leaves[i].data)
        theirs = nothing if leaves[i].gradient is None else leaves[i].grad
        assert_same_bits(ours, theirs)


ONE = [
    *(tn.sin, tn.tanh, tn.exp, tn.sigmoid, tn.softplus, tn.relu, tn.absolute, tn.square),
    *(lambda x: -x, lambda x: x**2, lambda x: 1.0 / (2.0 + x * x), lambda x: 3 * x - 1),
    *(lambda x: tn.sqrt(tn.where(x > 0.0, x, 0.0)), lambda x: tn.log(x * x)),
]
TWO = [
    *(lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / (1.0 + b * b)),
    *(tn.maximum, tn.minimum, lambda a, b: tn.where(a > b, a * b, b), tn.logaddexp, tn.hypot),
]


@st.composite
def expressions(draw):
    """A function of two inputs: some operations, each on earlier results; the sum of the last."""
    steps = draw(
        st.lists(
            st.tuples(st.sampled_from([*ONE, *TWO]), st.integers(0, 9), st.integers(0, 9)),
            min_size=1,
            max_size=9,
        )
    )

    def f(x, y):
        known = [x, y]
        for step, i, j in steps:
            a, b = known[i % len(known)], known[j % len(known)]
            known.append(step(a) if step in ONE else step(a, b))
        return sum(np.sum(v) for v in known[-2:])

    return f


EDGES = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -3.25, 40.0, -1e3, 1e-200, 1e200])
PAIRS = st.tuples(EDGES, EDGES) | st.tuples(
    st.lists(EDGES, min_size=2, max_size=2).map(np.array), EDGES | st.just(np.array([[1.0], [2.0]]))
)


@given(expressions(), PAIRS, PAIRS)
def test_random_programs_give_the_bits_of_backward(f, at, then):
    """Traced at one place and run at another, far out, at zeros and where slopes are infinite."""
    if [np.shape(x) for x in at] != [np.shape(x) for x in then]:
        then = at
    program = program_of(value_and_grad(f, argnums=(0, 1)))(*at)
    leaves = [Value(x) for x in then]
    with np.errstate(all="ignore"):
        result = f(*leaves)
        result.backward()
    value, gradients = program.run(*then)
    assert_same_bits(value, result.data)
    for ours, leaf in zip(gradients, leaves, strict=True):
        theirs = np.zeros(leaf.shape) if leaf.gradient is None else leaf.grad
        assert_same_bits(ours, theirs)


# ------------------------------------------------------------------------ other arrays


class Counting:
    """A module like NumPy that is not NumPy."""

    def __init__(self):
        self.asked = []

    def __getattr__(self, name):
        self.asked.append(name)
        return getattr(np, name)


def test_another_module_in_place_of_numpy():
    """Every function of NumPy's is asked of it, `math` of nobody, constants are its own arrays."""
    xp, table = Counting(), np.linspace(0.0, 1.0, 100)

    def f(x):
        return np.tanh(x) + np.sum(table * x)

    program = program_of(f)(0.5)
    assert program(xp=xp)(0.5) == pytest.approx(program.run(0.5), rel=1e-15)
    assert xp.asked[0] == "asarray"
    assert {"tanh", "sum"} <= set(xp.asked)


def test_jax_takes_it():
    """The same source under jax.jit, where JAX is installed."""
    jax = pytest.importorskip("jax")
    program = program_of(value_and_grad(lesson, argnums=(0, 1)))(0.0, 0.0)
    ours = jax.jit(program(xp=jax.numpy))(1.0, 2.0)
    assert float(ours[0]) == pytest.approx(program.run(1.0, 2.0)[0], rel=1e-6)


def test_what_cannot_be_read_is_refused_by_name():
    """A primitive made from text has no source; its lines run all the same."""
    scope = {"elementwise": tn.elementwise}
    exec("@elementwise(lambda g, y, x: 2.0 * g)\ndef twice(x):\n    return 2.0 * x", scope)
    program = program_of(scope["twice"])(1.0)
    with pytest.raises(errors.UnsupportedError, match="twice"):
        _ = program.source
    assert program.interpret(3.0) == 6.0


def test_what_a_primitive_closes_over_is_written_out():
    """A number as a constant; what is no number is refused by name, and not left unsaid."""
    scale, stranger = 3.0, object()

    @tn.elementwise(lambda g, y, x: scale * g)
    def scaled(x):
        return scale * x

    @tn.elementwise(lambda g, y, x: g)
    def strange(x):
        return x if stranger else -x

    assert on_its_own(program_of(scaled)(1.0))(2.0) == 6.0
    with pytest.raises(errors.UnsupportedError, match="it mentions stranger"):
        _ = program_of(strange)(1.0).source


def test_the_bare_function_of_the_source():
    """Compiled once; it takes the inputs out of their containers."""
    program = program_of(lambda p, x: p["w"] * x + p["b"])({"w": 1.0, "b": 0.0}, 1.0)
    assert program.compiled is program.compiled
    assert program.compiled(2.0, 1.0, 3.0) == program.run({"w": 2.0, "b": 1.0}, 3.0) == 7.0


def test_a_source_is_only_what_it_says():
    """Imports of NumPy and Python's own modules, functions, constants, and nothing run."""
    program = program_of(value_and_grad(lambda x: tn.sigmoid(x) * tn.cbrt(x)))(1.0)
    tree = ast.parse(program.source)
    assert {type(node) for node in tree.body} <= {ast.Import, ast.FunctionDef, ast.Assign}
