"""The checker catches wrong rules, and does not accuse right ones.

Hundreds of mutants of the real primitives' rules, and calls and programs without number whose
gradients are right. What runs by default is a slice; `-m deep` runs all of it.
"""

import itertools
from collections.abc import Iterable

import numpy as np
import pytest
from mutants import Mutant, all_mutants, some_calls, some_mutants

import tinygrad_neuron as tn
from tinygrad_neuron.check import check_cases, check_grad, check_vjp
from tinygrad_neuron.check.strategies import (
    adversarial_calls_of,
    calls_of,
    kinked_calls_of,
    programs,
)

CAUGHT = 0.99  # of all mutants, at the least


def caught(made: Mutant) -> bool:
    """Whether a check fails on any of the calls of its primitive."""
    return any(failed(made, call) for call in some_calls(made.right))


def failed(made: Mutant, call) -> bool:
    """Whether the check fails, or the engine refuses what the rule says."""
    spoilt = type(call)(made.primitive, call.inputs, call.settings)
    try:
        return check_grad(spoilt, *spoilt.arguments, order=made.order).status == "failed"
    except (tn.errors.TinygradNeuronError, ValueError):
        return True


def escaped(mutants: Iterable[Mutant]) -> tuple[int, list[str]]:
    """How many there were, and those that no check caught."""
    made = list(mutants)
    return len(made), [str(one) for one in made if not caught(one)]


def test_wrong_rules_are_caught():
    """Two families on every rule, at the order at which they are wrong."""
    count, free = escaped(some_mutants())
    print(f"{count} mutants, {len(free)} escaped: {free}")
    assert count >= 150
    assert len(free) <= (1.0 - CAUGHT) * count, free


@pytest.mark.deep
def test_wrong_rules_of_every_family_are_caught():
    """Every family on every rule."""
    count, free = escaped(all_mutants())
    print(f"{count} mutants, {len(free)} escaped: {free}")
    assert len(free) <= (1.0 - CAUGHT) * count, free


# ------------------------------------------------------------- gradients from anywhere else

A = np.array([[0.3, -1.5], [2.0, 0.7]])
B = np.array([[1.1, 0.4], [-0.6, 3.0]])
ROW = np.array([0.4, -1.2])
COUNT = itertools.count()


def written_into(v, x):
    """Right, but the cotangent is doubled on the way."""
    share = v * np.cos(x)
    v *= 2.0
    return share


def input_moved(v, x):
    """Right, but the input is another one afterwards."""
    share = v * np.cos(x)
    x += 1.0
    return share


# the function, the gradient it has, the inputs, and wrong gradients by what is wrong with them
BY_HAND = {
    "sine": (
        np.sin,
        lambda v, x: v * np.cos(x),
        (A,),
        {
            "gradient of float32": lambda v, x: (v * np.cos(x)).astype(np.float32),
            "one factor of float32": lambda v, x: v * np.cos(x).astype(np.float32),
            "right for a cotangent in rows": lambda v, x: (
                np.ravel(v, "K").reshape(2, 2) * np.cos(x)
            ),
            "right the first time": lambda v, x: v * np.cos(x) * (1.0 + next(COUNT) % 2),
            "writes into its cotangent": written_into,
            "writes into its input": input_moved,
            "one too many axes": lambda v, x: (v * np.cos(x))[None],
            "random": lambda v, x: v * np.cos(x) * np.random.default_rng().uniform(),
            "transposed": lambda v, x: (v * np.cos(x)).T,
        },
    ),
    "a single number": (
        lambda x: x * x,
        lambda v, x: v * 2.0 * x,
        (1.5,),
        {"an array of one number": lambda v, x: np.atleast_1d(v * 2.0 * x)},
    ),
    "product": (
        np.multiply,
        lambda v, a, b: (v * b, (v * a).sum(axis=0)),
        (A, ROW),
        {
            "missing un-broadcast": lambda v, a, b: (v * b, v * a),
            "summed over the other axis": lambda v, a, b: (v * b, (v * a).sum(axis=1)),
            "mean instead of the sum": lambda v, a, b: (v * b, (v * a).mean(axis=0)),
            "arguments swapped": lambda v, a, b: (v * a, (v * b).sum(axis=0)),
            "one of the two uses": lambda v, a, b: (v * b, (v * a)[0]),
        },
    ),
    "matrix product": (
        np.matmul,
        lambda v, a, b: (v @ b.T, a.T @ v),
        (A, B),
        {
            "missing transpose": lambda v, a, b: (v @ b, a.T @ v),
            "the other missing transpose": lambda v, a, b: (v @ b.T, a @ v),
            "factors in the wrong order": lambda v, a, b: (b.T @ v, a.T @ v),
        },
    ),
    "row times matrix": (
        np.matmul,
        lambda v, a, b: (b @ v, np.outer(a, v)),
        (ROW, B),
        {
            "as if it were a matrix": lambda v, a, b: ((v[None] @ b.T), np.outer(a, v)),
            "outer product turned": lambda v, a, b: (b @ v, np.outer(v, a)),
        },
    ),
    "used twice": (
        lambda x: x * np.sin(x),
        lambda v, x: v * (np.sin(x) + x * np.cos(x)),
        (ROW,),
        {
            "the first use forgotten": lambda v, x: v * x * np.cos(x),
            "the second use forgotten": lambda v, x: v * np.sin(x),
        },
    ),
    "product of all": (
        np.prod,
        lambda v, x: v * np.prod(x) / x,
        (ROW,),
        {"a guard of 1e-8": lambda v, x: v * np.prod(x) / (x + 1e-8)},
    ),
    "root": (
        np.sqrt,
        lambda v, x: v * 0.5 / np.sqrt(x),
        (np.abs(A),),
        {"1e-4 under the root": lambda v, x: v * 0.5 / np.sqrt(x + 1e-4)},
    ),
    "mean along an axis": (
        lambda x: np.mean(x, axis=0),
        lambda v, x: np.broadcast_to(v / 2.0, x.shape),
        (A,),
        {
            "divided by all": lambda v, x: np.broadcast_to(v / 4.0, x.shape),
            "not divided": lambda v, x: np.broadcast_to(v, x.shape),
            "along the other axis": lambda v, x: np.broadcast_to(v / 2.0, x.shape).T,
        },
    ),
    "largest": (
        np.max,
        lambda v, x: v * (x == x.max()) / np.sum(x == x.max()),
        (np.array([1.0, 3.0, 3.0]),),
        {"all of it to each that ties": lambda v, x: v * (x == x.max())},
    ),
    "softmax": (
        lambda x: np.exp(x) / np.exp(x).sum(),
        lambda v, x: np.exp(x) / np.exp(x).sum() * (v - v @ np.exp(x) / np.exp(x).sum()),
        (ROW,),
        {"the diagonal alone": lambda v, x: v * np.exp(x) / np.exp(x).sum()},
    ),
}
WRONG = [
    pytest.param(f, wrong, inputs, id=f"{name}, {what}")
    for name, (f, _, inputs, wrongs) in BY_HAND.items()
    for what, wrong in wrongs.items()
]


@pytest.mark.parametrize(("f", "wrong", "inputs"), WRONG)
def test_wrong_gradients_written_by_hand_are_caught(f, wrong, inputs):
    """At one place, without an engine in between: shape, dtype, layout and state show as well."""
    assert check_vjp(f, wrong, *(np.copy(x)[()] for x in inputs)).status == "failed"


@pytest.mark.parametrize("name", BY_HAND)
def test_right_gradients_written_by_hand_pass(name):
    """Of the same functions."""
    f, right, inputs, _ = BY_HAND[name]
    assert check_vjp(f, right, *inputs)


# ------------------------------------------------------------------------- right gradients

# all that have something to move, but for those that are flat by decree
PRIMITIVES = [
    p
    for p in tn.ops.PRIMITIVES
    if "logical" not in p.name and p.name not in ("stop_gradient", "magnitude")
]
KINDS = {"": calls_of, "at kinks": kinked_calls_of, "extreme": adversarial_calls_of}


def alarms(strategy, **settings) -> str:
    """The first right gradient that a check calls wrong, as the program that shows it.

    A program in which kinks cancel is no alarm: min(x, |x|) is x, and the shares of its kinks give
    it a slope of 1/2 at 0. There the report says that every rule is right by itself.
    """
    report = check_cases(strategy, **settings)
    print(report if report.failure else f"{report.examples} checks: {dict(report.counts)}")
    excused = report.failure and "kinks that cancel" in report.failure.report.blame
    return "" if excused else str(report.failure or "")


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_right_rules_are_not_accused(kind):
    """A few calls of every primitive."""
    for primitive in PRIMITIVES:
        strategy = kind(primitive)
        assert strategy.is_empty or not alarms(strategy, max_examples=2)


@pytest.mark.parametrize(("kinks", "order"), [(False, 1), (True, 1), (False, 2)])
def test_right_programs_are_not_accused(kinks, order):
    """Whole programs, off the kinks and at them."""
    assert not alarms(programs(kinks=kinks), max_examples=30, order=order)


@pytest.mark.deep
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("primitive", PRIMITIVES, ids=lambda p: p.name)
def test_right_rules_are_not_accused_in_thousands(primitive, kind, order):
    """Some 80,000 calls in all."""
    strategy = kind(primitive)
    assert strategy.is_empty or not alarms(strategy, max_examples=200, order=order, seed=order)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(100))
@pytest.mark.parametrize(("kinks", "order"), [(False, 1), (True, 1), (False, 2), (True, 2)])
def test_right_programs_are_not_accused_in_thousands(kinks, order, seed):
    """60,000 programs in all."""
    count = 200 if order == 1 else 100
    assert not alarms(programs(kinks=kinks), max_examples=count, order=order, seed=seed)
