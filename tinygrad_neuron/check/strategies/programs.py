"""Whole random programs: a few leaves, then step after step on whatever there is by then.

A step is taken only where its primitive is defined and its result has an ordinary size, which is
known while the program is drawn, because it is run as it grows. Results are used again, so a
program is a graph and not a tree.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tinygrad_neuron import ops
from tinygrad_neuron.check.strategies.arrays import (
    Strategy,
    arrays,
    axes,
    indices,
    shapes_that_broadcast,
    well_conditioned,
)
from tinygrad_neuron.check.strategies.calls import along, to_expand, to_reshape, to_transpose
from tinygrad_neuron.graph import Array, Domain, Primitive
from tinygrad_neuron.literals import keywords, literal

LARGEST = 1e4  # of any number on the way: differences of larger ones lose too many digits
MARGIN = 1 / 64  # from the edge of a domain, and from a kink where none is wanted

Draw = Callable[[Any], Any]


@dataclass(frozen=True)
class Step:
    """A primitive, the numbers of the results it is called with, and its settings.

    Results are counted from 0: first the leaves, then the steps.
    """

    primitive: Primitive
    places: tuple[int, ...]
    settings: dict[str, Any]


@dataclass(frozen=True)
class Program:
    """A function of its leaves, given as the steps that lead to its result, which come last.

    It is called like any function, on numbers, arrays or Values; `arguments` are leaves where all
    of it is defined, and its text is its code.
    """

    arguments: tuple[Any, ...]
    steps: tuple[Step, ...]

    def __call__(self, *leaves: Array) -> Any:
        known = list(leaves)
        for step in self.steps:
            known.append(step.primitive(*(known[k] for k in step.places), **step.settings))
        return known[-1]

    def code(self) -> str:
        """The program as the definition of a function f."""
        n = len(self.arguments)
        names = [f"x{k}" if k < n else f"v{k - n}" for k in range(n + len(self.steps))]
        lines = [
            f"    {name} = {_call(step, names)}"
            for name, step in zip(names[n:], self.steps, strict=True)
        ]
        return "\n".join([f"def f({', '.join(names[:n])}):", *lines, f"    return {names[-1]}"])

    def __repr__(self) -> str:
        return f"{self.code()}\n\nf({', '.join(map(literal, self.arguments))})"


def _call(step: Step, names: Sequence[str]) -> str:
    arguments = [*(names[k] for k in step.places), *keywords(step.settings)]
    return f"tn.ops.{step.primitive.name}({', '.join(arguments)})"


@st.composite
def programs(
    draw: Draw,
    *,
    leaves: int = 3,
    steps: int = 6,
    kinks: bool = False,
    entries: Strategy | None = None,
) -> Program:
    """Programs with at most so many leaves and steps; their leaves broadcast against each other.

    Without `kinks`, every step is 1/64 off the kinks of its primitive, and no entries that a
    maximum chooses from are closer than that; with them, ties and zeros are as likely as not.

    >>> from hypothesis import find
    >>> find(programs(leaves=1, steps=1), lambda f: f.steps[0].primitive is ops.sin)
    def f(x0):
        v0 = tn.ops.sin(x0)
        return v0
    <BLANKLINE>
    f(0.0)
    """
    if entries is None:
        entries = st.sampled_from([0.0, 1.0, -1.0, 0.5]) if kinks else well_conditioned()
    chosen = draw(shapes_that_broadcast(draw(st.integers(1, leaves))))
    arguments = tuple(draw(arrays(shape, entries)) for shape in chosen)
    known, taken = list(arguments), []
    for _ in range(draw(st.integers(1, steps))):
        step = draw(_steps(known, kinks))
        inputs = [known[k] for k in step.places]
        if _defined(step.primitive, inputs, kinks) and _ordinary(y := _result(step, inputs)):
            known.append(y)
            taken.append(step)
    return Program(arguments, tuple(taken) or (Step(ops.positive, (0,), {}),))


# ------------------------------------------------------------------------------------ steps


@st.composite
def _steps(draw: Draw, known: list[Any], kinks: bool) -> Step:
    """Any step that the shapes allow; late results are likelier than early ones."""
    recent = st.integers(0, len(known) - 1).map(lambda k: len(known) - 1 - k)
    kind = draw(st.sampled_from(KINDS))
    return draw(kind(known, recent))


@st.composite
def _of_one(draw: Draw, known: list[Any], places: Strategy) -> Step:
    return Step(draw(st.sampled_from(ONE)), (draw(places),), {})


@st.composite
def _of_two(draw: Draw, known: list[Any], places: Strategy) -> Step:
    """An operation of two, of which the second broadcasts against the first."""
    i = draw(places)
    j = draw(st.sampled_from([j for j, x in enumerate(known) if _broadcast(known[i], x)]))
    pair = (i, j) if draw(st.booleans()) else (j, i)
    return Step(draw(st.sampled_from(TWO)), pair, {})


@st.composite
def _reducing(draw: Draw, known: list[Any], places: Strategy) -> Step:
    i = draw(places)
    settings = {"axis": draw(axes(np.ndim(known[i]))), "keepdims": draw(st.booleans())}
    return Step(draw(st.sampled_from(REDUCTIONS)), (i,), settings)


@st.composite
def _arranging(draw: Draw, known: list[Any], places: Strategy) -> Step:
    i = draw(places)
    function, settings_for = draw(st.sampled_from(ARRANGEMENTS))
    return Step(function, (i,), draw(settings_for(np.shape(known[i]))))


@st.composite
def _multiplying(draw: Draw, known: list[Any], places: Strategy) -> Step:
    """A matrix product, if something fits the one that was chosen."""
    i = draw(places)
    fitting = [(i, j) for j, x in enumerate(known) if _multiply(known[i], x)]
    if not fitting:
        return draw(_of_one(known, places))
    return Step(ops.matmul, draw(st.sampled_from(fitting)), {})


KINDS = [_of_one, _of_two, _of_two, _reducing, _arranging, _multiplying]


def _names(text: str) -> list[Primitive]:
    return [getattr(ops, name) for name in text.split()]


ONE = _names(
    "negative sin cos exp tanh sigmoid softplus relu absolute square sqrt log log1p expm1 arctan"
    " arcsinh sinh cosh arcsin arctanh cbrt exp2 log2 sinc"
)
TWO = _names("add subtract multiply divide power maximum minimum hypot arctan2 logaddexp")
REDUCTIONS = _names("sum mean max min prod logsumexp euclidean")
ARRANGEMENTS: list[Any] = [
    (ops.reshape, to_reshape),
    (ops.transpose, to_transpose),
    (ops.expand_dims, to_expand),
    (ops.cumsum, along),
    (ops.cumprod, along),
    (ops.softmax, along),
    (ops.log_softmax, along),
    (ops.take, lambda shape: indices(shape).map(lambda index: {"index": index})),
]


# ------------------------------------------------------------------- where they may be taken


def _result(step: Step, inputs: list[Any]) -> Any:
    with np.errstate(all="ignore"):
        return step.primitive(*inputs, **step.settings)


def _ordinary(y: Any) -> bool:
    """Whether there is something in it, and nothing large or missing."""
    return bool(np.size(y) and np.max(np.abs(y)) <= LARGEST)  # nan is not


def _defined(function: Primitive, inputs: list[Any], kinks: bool) -> bool:
    """Whether each input is well inside its domain, and where asked for, off the kinks."""
    kinks = kinks and bool(function.kink) and "jump" not in function.kink
    domains = function.domains if function.elementwise else ()
    inside = all(_inside(x, domain) for x, domain in zip(inputs, domains, strict=False))
    return inside and (kinks or _smooth(function, inputs, domains))


def _inside(x: Any, domain: Domain) -> bool:
    return bool(np.min(x) >= domain.low + MARGIN and np.max(x) <= domain.high - MARGIN)


def _smooth(function: Primitive, inputs: list[Any], domains: tuple[Domain, ...]) -> bool:
    """Whether nothing lies within the margin of a kink: of a point, or of an equal entry."""
    if function in (ops.maximum, ops.minimum):
        return _gap(np.subtract(*inputs)) >= MARGIN
    if function in (ops.max, ops.min):
        return _gap(np.diff(np.sort(inputs[0], axis=None))) >= MARGIN
    if function is ops.euclidean:
        return _gap(inputs[0]) >= MARGIN
    pairs = zip(inputs, domains, strict=False)
    return all(_gap(x - k) >= MARGIN for x, domain in pairs for k in domain.kinks)


def _gap(differences: Any) -> float:
    return float(np.min(np.abs(differences), initial=np.inf))


def _broadcast(x: Any, y: Any) -> bool:
    """Whether the two broadcast against each other."""
    pairs = zip(np.shape(x)[::-1], np.shape(y)[::-1], strict=False)
    return all(m == n or 1 in (m, n) for m, n in pairs)


def _multiply(x: Any, y: Any) -> bool:
    """Whether the two are matrices, or a matrix and a vector, that fit."""
    return 0 < np.ndim(x) <= 2 and 0 < np.ndim(y) <= 2 and np.shape(x)[-1] == np.shape(y)[0]
