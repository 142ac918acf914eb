"""Ours, in all its ways: recorded anew, compiled to NumPy, to machine code, and as whole loops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

import tinygrad_neuron as tn
from suite import higher
from suite.functions import functions
from suite.work import (
    Contender,
    UnfitError,
    Work,
    again,
    begun,
    flat,
    functional,
    gradient,
    inside,
    looping,
    threads,
    updated,
)
from tinygrad_neuron.program import descend, repeated

EAGER, NUMPY, NATIVE = "ours, recorded", "ours, NumPy", "ours, native"
LONGEST = {"numpy": 10_000, "native": 3_000}  # scalar operations that are compiled in a row
F = functions(tn, cross_entropy=tn.losses.cross_entropy)


def recorded(work: Work) -> Iterator[Contender]:
    """Through both front doors: `backward` and `value_and_grad`."""
    if isinstance(work, higher.Higher):
        yield higher.contender(EAGER, EAGER, work, higher.OURS[work.of])
    elif work.of_numbers:
        yield of_numbers(work)
    else:
        yield backward(work)
        yield with_value_and_grad(work)


def read_only(x: Any) -> Any:
    """A copy that nobody writes to: it may be used without another copy."""
    if np.ndim(x):
        x = x.copy()
        x.flags.writeable = False
    return x


def backward(work: Work) -> Contender:
    """Values as parameters; an optimiser of ours moves them."""
    data = [read_only(x) for x in work.data]
    batches = [[read_only(x[k]) for x in data] for k in range(len(data[0]))] if work.batched else []

    def step(leaves: Any, k: int = 0) -> None:
        for leaf in leaves:
            leaf.grad = None
        work.loss(F, leaves, batches[k % len(batches)] if batches else data).backward()

    def begin() -> Any:
        leaves = [tn.Value(x) for x in work.parameters]
        kind = tn.optim.Adam if work.optimiser == "adam" else tn.optim.GradientDescent
        return leaves, kind(leaves, work.alpha) if work.optimiser else None

    def steps(course: Any, count: int) -> None:
        leaves, optimiser = course
        for k in range(count):
            step(leaves, k)
            optimiser.step()

    if work.optimiser:
        return looping(EAGER, EAGER, begin, steps, lambda course: [x.data for x in course[0]])
    leaves, _ = begin()
    return Contender(
        EAGER,
        EAGER,
        lambda: step(leaves) or flat([x.grad for x in leaves]),  # type: ignore[func-returns-value]
        again(partial(step, leaves)),
    )


def with_value_and_grad(work: Work) -> Contender:
    """A function of the parameters, differentiated."""
    slope = tn.value_and_grad(lambda p, d: work.loss(F, p, d))

    def step(parameters: Any, data: Any) -> Any:
        value, slopes = slope(list(parameters), data)
        return value, [g.data for g in slopes]

    return functional(f"{EAGER}, value_and_grad", EAGER, work, step)


def of_numbers(work: Work) -> Contender:
    """Scalar Values, one for each number."""
    make = partial(nested, leaf=tn.Value)
    if work.optimiser:
        return by_rows(EAGER, EAGER, work, F, make, lambda x, new: setattr(x, "data", new))
    leaves = [tn.Value(float(x)) for x in work.parameters]

    def step() -> None:
        for x in leaves:
            x.grad = None
        work.loss(F, leaves, ()).backward()

    def answer() -> Any:
        step()
        return flat([x.grad for x in leaves])

    return Contender(EAGER, EAGER, answer, again(step))


def nested(x: Any, leaf: Callable[[float], Any]) -> Any:
    """Leaves in lists, as numbers lie in an array."""
    if isinstance(x, (list, tuple)):
        return [nested(one, leaf) for one in x]
    return [nested(one, leaf) for one in x.tolist()] if np.ndim(x) else leaf(float(x))


def by_rows(
    name: str, group: str, work: Work, f: Any, make: Callable[[Any], Any], put: Any
) -> Contender:
    """Descent on the mean loss of rows, number by number, with a `backward` and a `.data`."""
    if work.sample is None:
        raise UnfitError("written with arrays")
    sample: Callable[..., Any] = work.sample
    rows = list(zip(*(x.tolist() for x in work.data), strict=True))

    def begin() -> Any:
        tree = make(work.parameters)
        return tree, list(numbers_in(tree))

    def steps(course: Any, count: int) -> None:
        tree, leaves = course
        for _ in range(count):
            for x in leaves:
                x.grad = 0.0
            total = sum(sample(f, tree, *row) for row in rows) * (1.0 / len(rows))
            total.backward()
            for x in leaves:
                put(x, x.data - work.alpha * x.grad)

    return looping(name, group, begin, steps, lambda course: [[x.data] for x in course[1]])


def numbers_in(tree: Any) -> Iterator[Any]:
    """The leaves of lists in lists."""
    for one in tree if isinstance(tree, list) else ():
        yield from numbers_in(one) if isinstance(one, list) else [one]


# ---- compiled, and called for each step ----


def compiled(work: Work, group: str = NUMPY) -> Iterator[Contender]:
    """`compile` of the gradient, or of the whole step."""
    name = group if group == NATIVE else f"{group}, compiled"
    backend = "native" if group == NATIVE else "numpy"
    settings: dict[str, Any] = {"backend": backend}
    if group == NUMPY:
        settings["threads"] = threads()
    if isinstance(work, higher.Higher):
        f, arguments = higher.OURS_COMPILED[work.of]
        step = tn.compile(f, **settings)
        yield higher.contender(name, group, work, lambda: step(*arguments))
        return
    if work.of_numbers and work.optimiser:
        raise UnfitError("a whole loop instead")
    operations = getattr(work, "operations", 0)
    if operations > LONGEST[backend]:
        raise UnfitError(f"{operations:,} operations in a row are too many to compile")
    if work.optimiser:
        yield from compiled_training(name, group, work, settings)
        return
    step = tn.compile(tn.value_and_grad(lambda p, d: work.loss(F, p, d)), **settings)
    parameters, data = [plain(x) for x in work.parameters], list(work.data)
    yield gradient(name, group, lambda: step(parameters, data))


def native(work: Work) -> Iterator[Contender]:
    """The same as machine code."""
    yield from compiled(work, NATIVE)


def plain(x: Any) -> Any:
    """Python's float for a single number."""
    return x if np.ndim(x) else float(x)


def step_of(work: Work) -> Callable[..., Any]:
    """The loss and the state after a step."""
    slope = tn.value_and_grad(lambda p, d: work.loss(F, p, d))

    def step(state: Any, *data: Any) -> Any:
        value, slopes = slope(inside(work, state), list(data))
        return value, updated(work, state, slopes, tn.sqrt)

    return step


def compiled_training(
    name: str, group: str, work: Work, settings: dict[str, Any]
) -> Iterator[Contender]:
    """A step with its update as one program."""
    step = tn.compile(step_of(work), **settings)

    def steps(course: list[Any], count: int) -> None:
        state = course[0]
        for k in range(count):
            _, state = step(state, *work.batch(k))
        course[0] = state

    def begin() -> list[Any]:
        return [begun(work, [plain(x) for x in work.parameters])]

    yield looping(name, group, begin, steps, lambda course: inside(work, course[0]))


# ---- whole loops ----


def loop(work: Work, group: str = NUMPY, native: bool = False) -> Iterator[Contender]:
    """`descend` where it is gradient descent, `repeated` for Adam's steps."""
    if isinstance(work, higher.Higher) or not work.optimiser:
        yield from forward(work, group, native)
        return
    if not work.of_numbers:
        yield whole(f"{group}, whole loop", group, work, partial(of_arrays, work, native))
    if work.sample is not None and (native or work.of_numbers):
        yield whole(f"{group}, looped over rows", group, work, partial(over_rows, work, native))


def native_loop(work: Work) -> Iterator[Contender]:
    """The same as machine code."""
    yield from loop(work, NATIVE, native=True)


def whole(name: str, group: str, work: Work, run: Callable[[int], Any]) -> Contender:
    """All steps in one call, from the start."""
    return Contender(name, group, lambda: flat(run(5)), run, whole=True)


def of_arrays(work: Work, native: bool, steps: int) -> Any:
    """The weights after so many steps."""
    where = {"batches": work.data} if work.batched else {}
    data = () if work.batched else work.data
    state = begun(work, [plain(x) for x in work.parameters])
    if work.optimiser == "adam":
        course = repeated(step_of(work), state, *data, steps=steps, native=native, **where)
        return inside(work, course.state)

    def loss(parameters: Any, *data: Any) -> Any:
        return work.loss(F, parameters, list(data))

    given: dict[str, Any] = {"alpha": work.alpha, "steps": steps, "native": native, **where}
    return descend(loss, state, *data, **given).state


def over_rows(work: Work, native: bool, steps: int) -> Any:
    """The same of the loss of single numbers, traced for one row."""
    start = nested(work.parameters, float)

    def one_row(parameters: Any, *row: Any) -> Any:
        assert work.sample is not None
        return work.sample(F, parameters, *row)

    course = descend(one_row, start, rows=work.data, alpha=work.alpha, steps=steps, native=native)
    return [[x] for x in numbers_in(course.state)]


def forward(work: Work, group: str, native: bool) -> Iterator[Contender]:
    """A chain is a loop already: its three slopes are carried along with its number."""
    if not getattr(work, "length", 0):
        raise UnfitError("no loop")
    x, a, b = map(float, work.parameters)

    def link(state: Any, a: Any, b: Any) -> Any:
        x, *slopes = state
        sides = ((g, float(k == 1), float(k == 2)) for k, g in enumerate(slopes))
        moved = [tn.jvp(lambda x, a, b: x * a + b, (x, a, b), side) for side in sides]
        return moved[0][0], [moved[0][0], *(slope for _, slope in moved)]

    def links(count: int) -> Any:
        start = [x, 1.0, 0.0, 0.0]
        course = repeated(link, start, a, b, steps=count, native=native)
        return [[slope] for slope in course.state[1:]]

    yield Contender(
        f"{group}, forward",
        group,
        lambda: flat(links(work.length)),
        lambda chains: links(chains * work.length),
        whole=True,
    )
