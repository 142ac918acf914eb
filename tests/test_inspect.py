"""Graphs looked at: what they hold, and where inf and nan come from."""

import linecache
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, strategies as st

import tinygrad_neuron as tn
from tinygrad_neuron import Value, explain_nonfinite, inspect, places
from tinygrad_neuron.errors import ChangedDataError, LeftGraphError

BIG = 1e200


# ------------------------------------------------------------------------------ inspect


def test_a_neuron():
    """(3w + b)**2: two leaves and three operations in a row, 8 bytes each."""
    w, b = Value(2.0), Value(1.0)
    seen = inspect((w * 3.0 + b) ** 2)
    assert (seen.nodes, seen.leaves, seen.depth, seen.bytes) == (5, 2, 3, 40)
    assert seen.operations == {"multiply": 1, "add": 1, "power": 1}
    assert sum(seen.bytes_by_operation.values()) == seen.bytes


def test_a_buffer_is_counted_once():
    """Views, and a constant that stands in two places, cost nothing; a copy costs itself."""
    w = Value(np.ones((10, 10)))
    c = np.ones((10, 10))
    c.flags.writeable = False
    view = w.T.reshape(10, 10)[2:5]
    assert inspect(view).bytes == w._data.nbytes + (0 if view._data.base is not None else 240)
    once, twice = w * c, w * c + c
    assert inspect(once).bytes == 3 * 800
    assert inspect(twice).bytes == 4 * 800
    spread = np.broadcast_to(Value(1.0), (100, 100))
    assert inspect(spread).bytes < 100


def test_everything_that_is_held_counts():
    """float32, constants, indices, and what a checkpoint keeps for its second call."""
    w = Value(np.ones(100, np.float32))
    assert inspect(w).bytes == 400
    index = np.arange(50)
    assert inspect(w[index]).bytes == 400 + 200 + 400
    f = tn.checkpoint(lambda x, k: tn.sin(tn.sin(x * k)))
    assert inspect(f(w, np.ones(100, np.float32))).bytes == 3 * 400


@given(st.lists(st.integers(0, 10_000), max_size=30))
def test_the_depth_is_the_longest_path(choices):
    """Against a search of all paths, on graphs where each node takes two older ones."""
    nodes, longest = [Value(1.0), Value(2.0)], [0, 0]
    for n in choices:
        i, j = n % len(nodes), n // 100 % len(nodes)
        nodes.append(nodes[i] * nodes[j])
        longest.append(1 + max(longest[i], longest[j]))
    for node, depth in zip(nodes, longest, strict=True):
        assert inspect(node).depth == depth


def test_the_table():
    """As it stands in a terminal: names to the left, numbers to the right, the sum below."""
    w = Value(np.ones(1000))
    y = w
    for _ in range(1000):
        y = tn.tanh(y)
    lines = repr(inspect(y.sum())).splitlines()
    assert lines == [
        "operation             count      bytes",
        "tanh                  1,000  8,000,000",
        "sum                       1          8",
        "(leaves)                  1      8,000",
        "together, 1,001 deep  1,002  8,008,008",
    ]


def test_a_leaf_by_itself():
    """One node, no operation; a detached number is no leaf."""
    assert repr(inspect(Value(1.0))).splitlines()[1].split() == ["(leaves)", "1", "8"]
    seen = inspect(Value(1.0).detach() * Value(2.0))
    assert (seen.nodes, seen.leaves, seen.depth) == (3, 1, 1)


# ------------------------------------------------------------------------------ places


def here(found):
    """The source of the line that a place names."""
    name, line = found.partition("  ")[0].split(":")
    assert name == "test_inspect.py"
    return linecache.getline(__file__, int(line)).strip()


@pytest.mark.parametrize("x", [2.0, [2.0, 3.0]], ids=repr)
def test_a_place_is_the_persons_line(x):
    """Operators, functions, methods, NumPy, and what the package composes; at no cost to them."""
    w = Value(x)
    with places():
        made = [
            w * 3.0,
            3.0 - w,
            -w,
            tn.sin(w),
            w.exp(),
            np.sqrt(w),
            tn.losses.mse(w, w.data * 0.0),
        ]
        gradient = tn.grad(lambda w: (w * w).sum())(w)
    lines = ["w * 3.0,", "3.0 - w,", "-w,", "tn.sin(w),", "w.exp(),", "np.sqrt(w),"]
    lines.append("tn.losses.mse(w, w.data * 0.0),")
    assert [here(node.place) for node in made] == lines
    assert "tn.grad" in here(gradient.place)
    assert (w * 3.0).place == w.place == ""


@pytest.mark.parametrize("x", [0.7, [0.7, 0.2]], ids=repr)
def test_places_change_no_number(x):
    """Values and gradients inside a block are those outside, and blocks nest."""

    def run():
        w = Value(x)
        y = tn.sum(tn.tanh(w * 3.0) ** 2 / (w + 1.0), axis=None)
        y.backward()
        return y.item(), np.asarray(w.grad).tolist()

    outside = run()
    with places(), places():
        inside = run()
    assert inside == run() == outside
    assert not tn.modes.pauses and not tn.modes.placing


def test_places_and_no_grad():
    """What forgets how it was made forgets where as well; each ends by itself."""
    w = Value(2.0)
    with places():
        with tn.no_grad():
            assert (w * 2.0).place == ""
        assert (w * 2.0).place
    with pytest.raises(KeyError), places():
        raise KeyError
    assert (w * 2.0).place == ""


def test_places_in_threads():
    """Blocks that open and close at the same time leave the switch as it was."""
    gate = threading.Barrier(4)

    def work(_):
        gate.wait()
        for _ in range(200):
            with places():
                assert (Value(2.0) * 2.0).place

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert not tn.modes.pauses and not tn.modes.placing


# ------------------------------------------------------------------------------ forward


def test_the_first_inf_of_a_loss():
    """log(0) of a probability that came from a score of -800, at its place, with its numbers."""
    z = Value([1.0, -800.0, 2.0], name="z")
    with places(), np.errstate(all="ignore"):
        p = tn.sigmoid(z)
        loss = -(np.array([1.0, 0.0, 1.0]) * tn.log(p)).mean()
    found = explain_nonfinite(loss).forward
    assert (found.operation, found.number, found.index) == ("log", -np.inf, (1,))
    assert (found.count, found.size) == (1, 3)
    assert here(found.place).startswith("loss = -(")
    assert found.text.splitlines()[1:] == [
        "log(p) is -inf at [1], where p = sigmoid(z) = 0 for z = -800. Not finite: 1 of 3 numbers.",
        "log is -inf at 0, and nan below.",
        "  do:  log_softmax(z), or losses.binary_cross_entropy(z, y): from the scores z, without p",
    ]


@pytest.mark.parametrize(
    ("f", "x", "operation", "number", "told"),
    [
        (lambda x: tn.log(x - 1.0), 1.0, "log", -np.inf, "x - 1 = 0 for x = 1"),
        (lambda x: tn.log2(x), -1.0, "log2", np.nan, "log2 is -inf at 0"),
        (lambda x: tn.log1p(-x), 1.0, "log1p", -np.inf, "at -1"),
        (lambda x: tn.sqrt(x), -2.0, "sqrt", np.nan, "maximum"),
        (lambda x: tn.exp(x), 800.0, "exp", np.inf, "709.8"),
        (lambda x: tn.cosh(x), 800.0, "cosh", np.inf, "grows like exp"),
        (lambda x: 1.0 / x, 0.0, "divide", np.inf, "divided by 0"),
        (lambda x: x / x, 0.0, "divide", np.nan, "0 by 0"),
        (lambda x: BIG / x, 1e-200, "divide", np.inf, "largest number of float64"),
        (lambda x: x * x, BIG, "multiply", np.inf, r"x \* x is inf, where x = 1e\+200"),
        (lambda x: (x * 2.0) * (x - 1.0), BIG, "multiply", np.inf, r"\(x \* 2\) \* \(x - 1\)"),
        (lambda x: x**0.5, -1.0, "power", np.nan, "not defined"),
        (lambda x: tn.arcsin(x), 2.0, "arcsin", np.nan, "not defined"),
        (lambda x: tn.exp(x), np.float32(100.0), "exp", np.inf, "float32: 88.7"),
        (lambda x: x * x, np.float32(1e30), "multiply", np.inf, "float32, 3.4e"),
        (lambda x: (x @ x) * 2.0, np.full(3, BIG), "matmul", np.inf, r"shape \(3,\) from 1e\+200"),
        (lambda x: x.sum() - 1.0, np.full(3, 1e308), "sum", np.inf, "largest"),
        (lambda x: (x / x[0]).sum(), np.array([0.0, 2.0]), "divide", np.nan, r"at \[0\]"),
    ],
)  # fmt: skip
def test_the_first_operation_that_is_not_finite(f, x, operation, number, told):
    """By name, with what it was given; found among finite operations before and after."""
    amid = explain_nonfinite(lambda x: tn.sin(f(x * 1.0)).sum() * 2.0, x)
    first = explain_nonfinite(f, x)
    for found in (amid.forward, first.forward):
        assert found.operation == operation
        np.testing.assert_equal(float(found.number), number)
    assert re.search(told, first.forward.text)


def test_what_is_chosen_away_does_no_harm():
    """log(0) in the branch that `where` did not take is not what made the overflow."""

    def f(x):
        return tn.where(x > 0, tn.log(x), 0.0).sum()

    with np.errstate(all="ignore"):
        assert not explain_nonfinite(f, np.array([0.0, 1.0]))
        y = explain_nonfinite(lambda x: f(x) * BIG * BIG, np.array([0.0, 2.0]))
    assert y.forward.operation == "multiply"


def test_numbers_that_came_in_like_this():
    """A leaf by its name, a constant by where it was used; not the operation that got them."""
    x = Value([1.0, np.nan, np.inf], name="prices")
    leaf = explain_nonfinite((x * 2.0).sum()).forward
    assert (leaf.operation, leaf.index, leaf.count) == ("leaf", (1,), 2)
    assert leaf.text.startswith("prices is nan at [1]. Not finite: 2 of 3 numbers.")
    constant = explain_nonfinite(lambda v: v * np.array([1.0, np.inf]), np.ones(2)).forward
    assert (constant.operation, constant.number, constant.index) == ("constant", np.inf, (1,))
    assert "A constant in v * " in constant.text
    assert "v * np.array" in here(constant.place)


def test_an_index_of_a_broadcast():
    """The entry of each input that belongs to the entry of the output."""
    a, b = np.ones((2, 3)), np.array([[4.0], [BIG]])
    a[1, 2] = 3e200
    found = explain_nonfinite(lambda a, b: a * b, a, b).forward
    assert (found.index, found.count) == ((1, 2), 1)
    assert "where a = 3e+200, b = 1e+200." in found.text


def test_the_first_of_two():
    """The older one on the way there, and the younger one on the way back."""
    there = explain_nonfinite(lambda x: tn.log(x) + tn.sqrt(x - 1.0) + tn.log(x), 0.0)
    assert (there.forward.operation, there.forward.number) == ("log", -np.inf)
    assert (
        explain_nonfinite(lambda x: tn.sqrt(x - 1.0) + tn.log(x), 0.0).forward.operation == "sqrt"
    )
    back = explain_nonfinite(lambda x: tn.sqrt(x) + x**0.5, 0.0)
    assert (back.forward, back.backward.operation) == (None, "power")
    assert explain_nonfinite(lambda x: x**0.5 + tn.sqrt(x), 0.0).backward.operation == "sqrt"


# ------------------------------------------------------------------------------ backward


@pytest.mark.parametrize(
    ("f", "x", "operation", "number", "told"),
    [
        (lambda x: tn.sqrt(x * x) * 3.0, 0.0, "sqrt", np.inf, "is owed 3 and owes x * x inf"),
        (lambda x: x**0.5, 0.0, "power", np.inf, "vertical at 0"),
        (lambda x: tn.arcsin(x), 1.0, "arcsin", np.inf, "slope of arcsin is not finite"),
        (lambda x: x * 1e300 * 1e300, 1e-300, "multiply", np.inf, "largest number of float64"),
        (lambda x: tn.sqrt(x).sum(), np.array([4.0, 0.0]), "sqrt", np.inf, r"at [1], where x = 0"),
        (lambda x: tn.sqrt((x * x).sum()), np.zeros(2), "sqrt", np.inf, "(x * x) = 0"),
    ],
)
def test_the_first_slope_that_is_not_finite(f, x, operation, number, told):
    """The value is finite, and the gradient is not: which rule, where, and what it was owed."""
    y = explain_nonfinite(f, x)
    assert y.forward is None
    assert (y.backward.operation, y.backward.number) == (operation, number)
    assert told in y.backward.text
    assert here(y.backward.place)


def test_shares_that_add_up_to_inf():
    """Each is finite; only their sum is not."""
    w = Value(1e-300, name="w")
    y = explain_nonfinite(w * 1e308 + w * 1e308)
    assert y.forward is None
    assert (y.backward.operation, y.backward.number) == ("add", np.inf)
    assert "all that w is owed adds up to inf" in y.backward.text


def test_an_inf_that_goes_nowhere_is_not_told():
    """A slope of inf on the way to a constant; and one that the zero-cotangent rule excuses."""
    x = Value(0.0)
    assert not explain_nonfinite(tn.sqrt(x.detach()) + x)
    assert not explain_nonfinite(tn.where(x > 0, tn.sqrt(x), 0.0))
    assert repr(explain_nonfinite(x * 2.0)) == "All numbers are finite, and so are the gradients."


def test_there_and_back():
    """Both are told where both happen, the way there first; nothing is left on any Value."""
    x = Value(0.0, name="x")
    with np.errstate(all="ignore"):
        y = explain_nonfinite(tn.log(x) * 2.0)
    assert (y.forward.operation, y.backward.operation) == ("log", "log")
    first, _, second = repr(y).partition("\n\n")
    assert (first, second) == (y.forward.text, y.backward.text)
    assert "with places()" in first
    assert repr(x.grad) == "not computed yet"


# ------------------------------------------------------------------------------ inside, and around


@pytest.mark.parametrize("nested", [False, True])
def test_inside_a_checkpoint(nested):
    """The operation and its line, not the function that hides them."""

    def f(x):
        y = x - 1.0
        return tn.sqrt(y)

    g = tn.checkpoint(lambda x: tn.checkpoint(f)(x) * 1.0) if nested else tn.checkpoint(f)
    with np.errstate(all="ignore"):
        below, at = explain_nonfinite(g(Value(0.5)) * 3.0), explain_nonfinite(g(Value(1.0)) * 3.0)
    assert below.forward.operation == at.backward.operation == "sqrt"
    assert here(below.forward.place) == here(at.backward.place) == "return tn.sqrt(y)"


def test_functions_of_everything():
    """Containers, settings, whole numbers and text come in as they are; a Value keeps its past."""
    before = Value(0.0, name="before") * 1.0
    seen = []

    def f(p, v, n, mode, *, power):
        seen.extend((n, mode, power))
        return tn.log(p["a"][0] + v) * n

    y = explain_nonfinite(f, {"a": [0.0]}, before, 3, "text", power=2)
    assert seen == [3, "text", 2]
    assert y.forward.operation == "log"
    assert explain_nonfinite(np.log, 0.0).forward.operation == "log"
    assert explain_nonfinite(max, 0.0, Value(np.inf)).forward.operation == "leaf"
    with pytest.raises(LeftGraphError, match="float"):
        explain_nonfinite(lambda x: 1.0, 2.0)


def test_a_changed_leaf():
    """The way there is still told; the way back, which would mix old and new, is not."""
    w = Value(0.0)
    with np.errstate(all="ignore"):
        bad = tn.log(w) * 2.0
    good = w * 2.0
    w.data = 1.0
    assert explain_nonfinite(bad).backward is None
    assert explain_nonfinite(bad).forward.operation == "log"
    with pytest.raises(ChangedDataError):
        explain_nonfinite(good)


def test_answers_without_a_gradient():
    """A comparison is finite, whatever it compares; of a batch nobody can say."""
    assert not explain_nonfinite(Value([1.0, 2.0]) > 1.5)
    with pytest.raises(LeftGraphError):
        tn.vmap(lambda x: explain_nonfinite(x * 2.0))(np.ones(2))


def test_inside_no_grad():
    """A gradient is asked for, so there is a graph."""
    with tn.no_grad():
        assert explain_nonfinite(lambda x: tn.log(x), 0.0).forward.operation == "log"
