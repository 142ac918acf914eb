"""The checker catches wrong rules, and does not accuse right ones.

Hundreds of mutants of the real primitives' rules, and calls and programs without number whose
gradients are right. What runs by default is a slice; `-m deep` runs all of it.
"""

from collections.abc import Iterable

import pytest
from mutants import Mutant, all_mutants, some_calls, some_mutants

import tinygrad_neuron as tn
from tinygrad_neuron.check import check_cases, check_grad
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
    """Three families on every rule, at the order at which they are wrong."""
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


# ------------------------------------------------------------------------- right gradients

PRIMITIVES = [p for p in tn.ops.PRIMITIVES if p.name != "stop_gradient"]  # flat by decree
KINDS = {"": calls_of, "at kinks": kinked_calls_of, "extreme": adversarial_calls_of}


def alarms(strategy, **settings) -> str:
    """The first right gradient that a check calls wrong, as the program that shows it."""
    report = check_cases(strategy, **settings)
    print(report if report.failure else f"{report.examples} checks: {dict(report.counts)}")
    return str(report.failure or "")


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
    """Over all primitives some 60,000 calls."""
    strategy = kind(primitive)
    assert strategy.is_empty or not alarms(strategy, max_examples=200, order=order, seed=order)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(100))
@pytest.mark.parametrize(("kinks", "order"), [(False, 1), (True, 1), (False, 2), (True, 2)])
def test_right_programs_are_not_accused_in_thousands(kinks, order, seed):
    """In all 60,000 programs."""
    count = 200 if order == 1 else 100
    assert not alarms(programs(kinks=kinks), max_examples=count, order=order, seed=seed)
