"""Wrong rules in families: every way in which rules have been seen wrong, over real primitives.

A mutant is a primitive declared again with one rule spoilt. What a family does to a rule that is
none the worse for it (wrong for negative numbers only, where none can be negative) is left out:
its answers are compared with those of the right rule first.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from test_the_tests import as_it_lies, constant, declared_again, remembering, rounded, writing

import tinygrad_neuron as tn
from tinygrad_neuron import Value
from tinygrad_neuron.check.strategies import calls_of, kinked_calls_of
from tinygrad_neuron.ops import PRIMITIVES, greater, less, where

ABOUT_COMPLEX = ("real", "imag", "conjugate", "unit", "unitdet")  # of real numbers flat, or nothing

# flat by decree, or with complex results, which the other checkers in `benchmarks` do not take
LEFT_OUT = ("stop_gradient", "fourier", "half_spectrum", "from_half", "magnitude", *ABOUT_COMPLEX)
RULED = [p for p in PRIMITIVES if any(p.rules) and p.name not in LEFT_OUT]

drawing = settings(
    phases=[Phase.generate],
    database=None,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Mutant:
    """A primitive with one spoilt rule: by which family, for which input, wrong at which order."""

    family: str
    primitive: Any
    position: int
    order: int = 1
    right: Any = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.primitive.name}, input {self.position}: {self.family}"


@cache
def some_calls(primitive: Any) -> list[Any]:
    """Well-conditioned calls and calls at kinks, in the order in which they were drawn."""
    found: list[Any] = []
    for strategy, count in ((calls_of(primitive), 30), (kinked_calls_of(primitive), 12)):
        if not strategy.is_empty:
            settings(drawing, max_examples=count)(given(strategy)(lambda c: found.append(c)))()
    return found


# ----------------------------------------------------------------------------- ways to be wrong

Right = Callable[..., Any]


def scaled_where(condition: Callable[..., Any]) -> Callable[..., Any]:
    """Half as large again where a condition on the input of the rule holds."""

    def wrong(right: Right, g: Any, y: Any, *inputs: Any, at: int, **more: Any) -> Any:
        share = right(g, y, *inputs, **more)
        x = inputs[at if at < len(inputs) else 0]
        if np.shape(share) != np.shape(x):
            return share
        return where(condition(x), share * 1.5, share)

    return wrong


def scaled_if(condition: Callable[..., bool]) -> Callable[..., Any]:
    """Half as large again if a condition on the input's shape or the settings holds."""

    def wrong(right: Right, g: Any, y: Any, *inputs: Any, at: int, **more: Any) -> Any:
        share = right(g, y, *inputs, **more)
        x = inputs[at if at < len(inputs) else 0]
        return share * 1.5 if condition(np.shape(x), more) else share

    return wrong


def along_the_next(right: Right, g: Any, y: Any, *inputs: Any, at: int, **more: Any) -> Any:
    """The axis after the one that was asked for, where there is one as long."""
    shape, axis = np.shape(inputs[0]), more.get("axis")
    if not isinstance(axis, int) or len(shape) < 2:
        return right(g, y, *inputs, **more)
    other = (axis + 1) % len(shape)
    if shape[other] != shape[axis]:
        return right(g, y, *inputs, **more)
    return right(g, y, *inputs, **{**more, "axis": other})


def transposed(right: Right, g: Any, y: Any, *inputs: Any, at: int, **more: Any) -> Any:
    """Rows for columns, where there are as many of both."""
    share = right(g, y, *inputs, **more)
    shape = np.shape(share)
    return tn.swapaxes(share, -1, -2) if len(shape) > 1 and shape[-1] == shape[-2] else share


def reversed_along(right: Right, g: Any, y: Any, *inputs: Any, at: int, **more: Any) -> Any:
    """The entries along the first axis in the wrong order."""
    share = right(g, y, *inputs, **more)
    return tn.flip(share, axis=0) if np.ndim(share) else share


def all_of_it_at_ties(right: Right, g: Any, y: Any, *inputs: Any, at: int, **more: Any) -> Any:
    """Twice what is right for entries that are equal to others."""
    share = right(g, y, *inputs, **more)
    first, *others = (np.asarray(getattr(x, "data", x)) for x in inputs)
    if others and np.shape(share) == first.shape == others[0].shape:
        return where(first == others[0], share * 2.0, share)
    _, place, count = np.unique(first, return_inverse=True, return_counts=True)
    tied = (count[place] > 1).reshape(first.shape)
    return where(tied, share * 2.0, share) if np.shape(share) == first.shape else share


def too_steep_at_kinks(right: Right, g: Any, y: Any, *inputs: Any, at: int, **more: Any) -> Any:
    """Twice the gradient owed, at 0."""
    share = right(g, y, *inputs, **more)
    x = inputs[at if at < len(inputs) else 0]
    same = np.shape(x) == np.shape(share) == np.shape(g)
    return where(tn.equal(x, 0.0), g * 2.0, share) if same else share


def averaged(right: Right, g: Any, y: Any, *inputs: Any, at: int, **more: Any) -> Any:
    """What all entries are owed, shared out equally."""
    share = right(g, y, *inputs, **more)
    return share * 0.0 + tn.mean(share) if np.size(share) > 1 else share


def only_the_first(right: Right, g: Any, y: Any, *inputs: Any, at: int, **more: Any) -> Any:
    """Nothing for the last entry."""
    share = right(g, y, *inputs, **more)
    if not np.ndim(share) or not np.size(share):
        return share
    keep = np.ones(np.shape(share))
    keep.flat[-1] = 0.0
    return share * keep


def with_a_guard(size: float) -> Callable[..., Any]:
    """The rule at inputs that something small was added to, so that nothing is divided by 0."""

    def wrong(right: Right, g: Any, y: Any, *inputs: Any, at: int, **more: Any) -> Any:
        moved = [x + size if i == 0 and _moves(x) else x for i, x in enumerate(inputs)]
        return right(g, y, *moved, **more)

    return wrong


def in_float32(right: Right, g: Any, y: Any, *inputs: Any, at: int, **more: Any) -> Any:
    """One factor, the input, rounded to float32 on the way."""
    narrow = [_narrow(x) for x in inputs]
    return right(g, y, *narrow, **more)


def from_y_rounded(right: Right, g: Any, y: Any, *inputs: Any, at: int, **more: Any) -> Any:
    """The output rounded to float32 on the way."""
    return right(g, _narrow(y), *inputs, **more)


def _narrow(x: Any) -> Any:
    if isinstance(x, Value) or not _moves(x):
        return x
    return np.asarray(x, np.float32).astype(float)[()]


def _moves(x: Any) -> bool:
    return np.asarray(getattr(x, "data", x)).dtype.kind == "f"


def without_place(spoil: Callable[..., Any]) -> Callable[..., Any]:
    """A way to be wrong that does not ask which input it is for."""
    return lambda right, *args, at, **more: spoil(right, *args, **more)


def only_g(right: Right, g: Any, *args: Any, **more: Any) -> Any:
    """The rule with everything but g as constants."""
    return right(g, *map(constant, args), **more)


def not_g(right: Right, g: Any, *args: Any, **more: Any) -> Any:
    """The rule with g as a constant."""
    return right(constant(g), *args, **more)


def multiplied(factor: float) -> Callable[..., Any]:
    """Wrong by a factor."""
    return without_place(lambda right, *a, **m: right(*a, **m) * factor)


FIRST: dict[str, Callable[..., Any]] = {
    "wrong sign": multiplied(-1.0),
    "twice": multiplied(2.0),
    "half: forgets the second use": multiplied(0.5),
    "nothing": multiplied(0.0),
    "a thousandth too large": multiplied(1.0 + 1e-3),
    "1e-4 too small": multiplied(1.0 - 1e-4),
    "1e-5 too large": multiplied(1.0 + 1e-5),
    "1e-6 too large": multiplied(1.0 + 1e-6),
    "a thousandth added": without_place(lambda right, *a, **m: right(*a, **m) + 1e-3),
    "rounded to float32": without_place(rounded),
    "one factor in float32": in_float32,
    "the output in float32": from_y_rounded,
    "wrong for negative inputs": scaled_where(lambda x: less(x, 0.0)),
    "wrong at ties": all_of_it_at_ties,
    "wrong at 0": too_steep_at_kinks,
    "wrong beyond 2": scaled_where(lambda x: greater(x, 2.0)),
    "wrong near 0": scaled_where(lambda x: less(x * x, 0.25)),
    "wrong for axes of length 1": scaled_if(lambda shape, _: 1 in shape),
    "wrong for single numbers": scaled_if(lambda shape, _: shape == ()),
    "wrong for three axes": scaled_if(lambda shape, _: len(shape) == 3),
    "wrong for a negative axis": scaled_if(lambda _, s: np.sum(s.get("axis") or 0) < 0),
    "wrong with keepdims": scaled_if(lambda _, s: bool(s.get("keepdims"))),
    "wrong without an axis": scaled_if(lambda _, s: s.get("axis", 0) is None),
    "along the next axis": along_the_next,
    "transposed": transposed,
    "backwards": reversed_along,
    "averaged": averaged,
    "nothing for the last": only_the_first,
    "a guard of 1e-8": with_a_guard(1e-8),
    "a guard of 1e-4": with_a_guard(1e-4),
    "g as if it had arrived as 1": without_place(
        lambda right, g, *a, **m: right(g * 0.0 + 1.0, *a, **m)
    ),
    "g squared": without_place(lambda right, g, *a, **m: right(g * g, *a, **m)),
    "g only where it is positive": without_place(
        lambda right, g, *a, **m: right(where(greater(g, 0.0), g, 0.0), *a, **m)
    ),
    "writes into g": without_place(writing),
    "reads g as it lies in memory": without_place(as_it_lies),
}
"""Wrong at first order."""

SECOND: dict[str, Callable[..., Any]] = {
    "detached": without_place(lambda right, *a, **m: right(*map(constant, a), **m)),
    "detached from the inputs": without_place(only_g),
    "detached from g": without_place(not_g),
}
"""Right at first order, and wrong when it is differentiated again."""

FORGETFUL = "every second time"
FAMILIES = FIRST | {FORGETFUL: None} | SECOND
BY_DEED = {"writes into g", "reads g as it lies in memory", FORGETFUL}  # its answers are right


# ------------------------------------------------------------------------------------ the mutants


def mutant(primitive: Any, position: int, family: str) -> Mutant:
    """The primitive declared again, with the rule for one input spoilt."""
    spoil = without_place(remembering()) if family == FORGETFUL else FAMILIES[family]
    wrong = _placed(spoil, position)
    order = 2 if family in SECOND else 1
    return Mutant(family, declared_again(primitive, position, wrong), position, order, primitive)


def _placed(spoil: Any, position: int) -> Any:
    def wrong(right: Right, *args: Any, **more: Any) -> Any:
        return spoil(right, *args, at=more.get("i", position), **more)

    return wrong


def all_mutants() -> Iterator[Mutant]:
    """Every family on every rule, those left out that change nothing."""
    for primitive, position in every_rule():
        for family in FAMILIES:
            made = mutant(primitive, position, family)
            if is_wrong(made):
                yield made


def some_mutants(each: int = 2) -> Iterator[Mutant]:
    """A few families on every rule, other ones on each, so that all of them have their turn."""
    names = list(FAMILIES)
    for k, (primitive, position) in enumerate(every_rule()):
        turn = names[k * each % len(names) :] + names[: k * each % len(names)]
        wrong = (made for family in turn if is_wrong(made := mutant(primitive, position, family)))
        yield from itertools.islice(wrong, each)


def every_rule() -> Iterator[tuple[Any, int]]:
    """The primitives and the positions of their inputs that have a rule."""
    return ((p, i) for p in RULED for i, rule in enumerate(p.rules) if rule)


def is_wrong(made: Mutant) -> bool:
    """Whether the spoilt rule ever says something else than the right one."""
    if made.family in BY_DEED:
        return made.family != "reads g as it lies in memory" or _has_several_axes(made.right)
    if made.order == 2:
        return any(_differs_again(made, call) for call in some_calls(made.right)[:20])
    return any(_differs(made, call) for call in some_calls(made.right))


def _has_several_axes(primitive: Any) -> bool:
    return any(np.ndim(call(*call.arguments)) > 1 for call in some_calls(primitive))


def said(primitive: Any, position: int, call: Any) -> Any:
    """What the rule for an input says, fed numbers."""
    y = call.primitive(*call.inputs, **call.settings)
    g = np.random.default_rng(5).normal(size=np.shape(y))[()]
    place = {"i": 0} if primitive.variadic else {}
    rule = primitive.rules[0 if primitive.variadic else position]
    with np.errstate(all="ignore"):
        return rule(g, y, *call.inputs, **{**primitive.defaults, **call.settings}, **place)


def _differs(made: Mutant, call: Any) -> bool:
    if made.position not in call.varying:
        return False
    try:
        wrong = said(made.primitive, made.position, call)
    except Exception:  # which a check would see as well
        return True
    right = said(made.right, made.position, call)
    return np.shape(wrong) != np.shape(right) or not _close(wrong, right)


def _close(a: Any, b: Any) -> bool:
    return bool(np.allclose(np.asarray(a), np.asarray(b), rtol=1e-12, atol=1e-14, equal_nan=True))


def _differs_again(made: Mutant, call: Any) -> bool:
    right, wrong = (second(p, call) for p in (made.right, made.primitive))
    return not all(map(_close, right, wrong))


def second(primitive: Any, call: Any) -> list[Any]:
    """How the gradient moves: by the weights of the outputs and by the inputs, along one way."""
    y = call(*call.arguments)
    rng = np.random.default_rng(5)

    def gradient(weight: Any, *moving: Any) -> Any:
        inputs = list(call.inputs)
        for i, x in zip(call.varying, moving, strict=True):
            inputs[i] = x
        shares = tn.grad(
            lambda *xs: tn.sum(_called(primitive, call, inputs, xs) * weight),
            tuple(range(len(moving))),
        )(*moving)
        return sum(tn.sum(s * np.cos(np.arange(s.size).reshape(s.shape) + 1.0)) for s in shares)

    starts = (rng.normal(size=np.shape(y))[()], *call.arguments)
    with np.errstate(all="ignore"):
        return [g.data for g in tn.grad(gradient, tuple(range(len(starts))))(*starts)]


def _called(primitive: Any, call: Any, inputs: list[Any], moving: Any) -> Any:
    whole = list(inputs)
    for i, x in zip(call.varying, moving, strict=True):
        whole[i] = x
    return primitive(*whole, **call.settings)
