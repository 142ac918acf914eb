"""Wrong rules are caught: every rule of every primitive, spoilt in every way that matters.

No mutant has a test of its own. A primitive is declared again with one rule spoilt, and the laws of
test_primitives are asked about it; a law that never fails would not be worth running.
"""

import inspect
from functools import cache

import numpy as np
import pytest
from calls import of
from hypothesis import HealthCheck, Phase, given, settings
from numeric import one_sided_slopes, scale, slope
from test_primitives import LAWS, RULED, check_slopes, each, result, same, seeds, weights

import tinygrad_neuron as tn
from tinygrad_neuron import Value

TRAITS = ("elementwise", "steep", "holomorphic", "scalar", "domains", "kink", "numpy", "broadcasts")

quickly = settings(
    max_examples=25,
    phases=[Phase.generate],
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
# a spoilt rule ends the trial when it is caught: only what hides needs all of these
thoroughly = settings(quickly, max_examples=400)


# ------------------------------------------------------------------------ the ways to be wrong


def constant(x):
    """x without its history, where it has one."""
    return x.detach() if isinstance(x, Value) else x


def rounded(right, *args, **more):
    """Correct to seven digits."""
    share = right(*args, **more)
    return share if isinstance(share, Value) else np.asarray(share, np.float32).astype(float)[()]


def writing(right, g, *args, **more):
    """Correct, but the g it was given is twice as large afterwards."""
    share = right(g, *args, **more)
    if isinstance(g, np.ndarray) and isinstance(share, np.ndarray):
        share = share.copy()
        g *= 2.0
    return share


def as_it_lies(right, g, *args, **more):
    """Correct for a g whose rows lie one after the other in memory."""
    if isinstance(g, np.ndarray):
        g = g.ravel(order="K").reshape(g.shape)
    return right(g, *args, **more)


def remembering():
    """Correct the first time, wrong the second."""
    turns = []

    def every_second_time(right, *args, **more):
        turns.append(None)
        return right(*args, **more) * (2.0 if len(turns) % 2 else 1.0)

    return every_second_time


WAYS = {
    "doubled": lambda right, *args, **more: right(*args, **more) * 2.0,
    "negated": lambda right, *args, **more: -right(*args, **more),
    "a millionth too large": lambda right, *args, **more: right(*args, **more) * (1.0 + 1e-6),
    "a thousandth added": lambda right, *args, **more: right(*args, **more) + 1e-3,
    "rounded to float32": rounded,
    "detached": lambda right, *args, **more: right(*map(constant, args), **more),
    "detached from g": lambda right, g, *args, **more: right(constant(g), *args, **more),
    "writing into g": writing,
    "reading g as it lies in memory": as_it_lies,
}
"""Wrong for every rule. Each is given the right rule, then what the rule is given."""


def only_g(right, g, *args, **more):
    """The rule, with everything but g as constants."""
    return right(g, *map(constant, args), **more)


def of_the_next(right, g, y, *xs, i, **more):
    """The rule of the array that stands behind."""
    return right(g, y, *xs, i=(i + 1) % len(xs), **more)


def mutants(primitive):
    """Every way to spoil a rule of this primitive: its position, a description, the wrong rule."""
    for position, right in enumerate(primitive.rules):
        if right is None:
            continue
        for how, wrong in WAYS.items():
            if wrong is not as_it_lies or has_several_axes(primitive):
                yield position, how, wrong
        yield position, "wrong every second time", remembering()
        yield position, "missing", None
        if bends(primitive, position):
            yield position, "detached from the inputs", only_g
        if primitive.variadic:
            yield position, "of the next input", of_the_next
        for other, rule in enumerate(primitive.rules):
            if rule and other != position and differ(primitive, position, other):
                yield position, f"of input {other}", lambda right, *a, rule=rule, **m: rule(*a, **m)


# --------------------------------------------------- which spoilt rules are not wrong after all


@cache
def some_calls(primitive):
    """A few calls to try a rule on."""
    calls = []
    quickly(given(call=of(primitive), rng=seeds)(lambda call, rng: calls.append((call, rng))))()
    return calls


def share(primitive, position, call, weight):
    """What a rule says, directly."""
    place = {"i": position} if primitive.variadic else {}
    rule = primitive.rules[0 if primitive.variadic else position]
    settings_of = {**primitive.defaults, **call.settings}
    return rule(weight, result(primitive, call), *call.inputs, **settings_of, **place)


def bends(primitive, position):
    """Whether what a rule says for the same g depends on where the inputs are."""
    for call, rng in some_calls(primitive):
        weight = weights(result(primitive, call), rng)
        near = call
        for i in call.varying:
            near = near.having(i, call.inputs[i] + scale(call.inputs[i]) / 1024.0)
        if not same(
            share(primitive, position, call, weight), share(primitive, position, near, weight)
        ):
            return True
    return False


def has_several_axes(primitive):
    """Whether results have more than one axis: a single row lies in memory in one way only."""
    return any(np.ndim(result(primitive, call)) > 1 for call, _ in some_calls(primitive))


def differ(primitive, position, other):
    """Whether two inputs have rules that say different things."""
    for call, rng in some_calls(primitive):
        weight = weights(result(primitive, call), rng)
        if not same(
            share(primitive, position, call, weight), share(primitive, other, call, weight)
        ):
            return True
    return False


# ---------------------------------------------------------------------------------- the trial


def declared_again(primitive, position=0, wrong=lambda right, *args, **more: right(*args, **more)):
    """The primitive, with the rule of one input replaced."""
    rules = list(primitive.rules)
    right = rules[position]
    rules[position] = wrong and with_signature(
        primitive, lambda *a, **more: wrong(right, *a, **more)
    )
    traits = {trait: getattr(primitive, trait) for trait in TRAITS}
    return tn.primitive(*rules, **traits)(primitive.forward)


def with_signature(primitive, rule):
    """The rule with the parameters that a declaration asks for."""
    kinds = inspect.Parameter
    inputs = list(inspect.signature(primitive.forward).parameters.values())
    first = [kinds(name, kinds.POSITIONAL_OR_KEYWORD) for name in ("g", "y")]
    last = [kinds("i", kinds.KEYWORD_ONLY)] if primitive.variadic else []
    rule.__signature__ = inspect.Signature([*first, *inputs, *last])
    return rule


def breach(primitive, trial=quickly):
    """The first law that a primitive breaks, as the exception; None if it keeps them all."""

    @trial
    @given(call=of(primitive), rng=seeds)
    def keeps_the_laws(call, rng):
        for law in LAWS:
            law(primitive, call, rng)

    try:
        keeps_the_laws()
    except Exception as breach:  # an AssertionError, or the engine's own refusal
        return breach
    return None


@each(RULED)
def test_the_laws_catch_every_spoilt_rule(primitive):
    """Doubled, negated, detached, rounded, missing, of the wrong input: none gets through."""
    escaped = [
        f"the rule for input {position}, {how}"
        for position, how, wrong in mutants(primitive)
        if breach(declared_again(primitive, position, wrong), thoroughly) is None
    ]
    assert not escaped


@each(RULED)
def test_the_laws_spare_the_right_rules(primitive):
    """Declaring a primitive again does not by itself break a law."""
    position = next(i for i, rule in enumerate(primitive.rules) if rule)
    assert breach(declared_again(primitive, position)) is None


def test_there_are_hundreds_of_spoilt_rules():
    """The trial is about many rules: an empty list of mutants would be passed as well."""
    count = sum(1 for primitive in RULED for _ in mutants(primitive))
    print(f"{count} spoilt rules of {len(RULED)} primitives")
    assert count > 400


# ------------------------------------------------------------------------ the oracle itself


@pytest.mark.parametrize(
    ("f", "slope_of_f", "x"),
    [
        (np.exp, np.exp, 3.0),
        (np.log, lambda x: 1.0 / x, 1e-8),
        (np.sqrt, lambda x: 0.5 / np.sqrt(x), 1e8),
        (np.sin, np.cos, 0.0),
        (lambda x: x**5, lambda x: 5.0 * x**4, -2.0),
        (np.tanh, lambda x: 1.0 / np.cosh(x) ** 2, 2.5),
    ],
)
def test_the_seen_slope_is_sharp_and_honest(f, slope_of_f, x):
    """The difference quotients are right to nine digits, and their doubt covers their error."""
    seen, doubt = slope(f, x, scale(x))
    true = slope_of_f(x) * scale(x)
    assert abs(seen - true) <= doubt <= 1e-9 * abs(true)


def test_a_corner_is_seen_from_both_sides():
    """|x| at 0 falls with slope -1 and rises with slope 1."""
    assert one_sided_slopes(np.abs, 0.0, 1.0) == (-1.0, 1.0)


def test_a_vague_oracle_is_refused():
    """Where a difference quotient means nothing, a law fails instead of passing everything."""

    @tn.elementwise(lambda g, y, x: 0.0 * g)
    def jagged(x):
        return np.sin(1e6 * x)

    with pytest.raises(AssertionError, match="too vague"):
        quickly(
            given(call=of(jagged), rng=seeds)(lambda call, rng: check_slopes(jagged, call, rng))
        )()
