"""The loss of a batch and its gradients, by a program where that pays and changes nothing.

Whether it pays follows from the number of updates alone: tracing costs so much for each operation,
and a program saves so much, whatever the model is.

That it changes nothing is made sure of in three ways. Only a function is traced of which `Reach`
knows all that it reads, and when any of that becomes another thing it is traced anew. What losses
check of their arguments is noted in the trace, and checked in each batch. And a batch whose loss is
not finite, or does not pass a check, is computed once more as if there were no programs.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_neuron.checkpointing import checkpointed
from tinygrad_neuron.errors import LossError
from tinygrad_neuron.fitting.reach import Heard, Reach, Unknown
from tinygrad_neuron.graph import Node, any_foreign, dtype_of, history, is_traced, tick
from tinygrad_neuron.hooks import on_grad
from tinygrad_neuron.losses.noted import noting
from tinygrad_neuron.modes import has_stand_ins, paused, watcher
from tinygrad_neuron.ops.shape import shape_of
from tinygrad_neuron.program import Program
from tinygrad_neuron.program.compiling import dtypes_in
from tinygrad_neuron.program.passes import optimised
from tinygrad_neuron.program.running import runner
from tinygrad_neuron.program.tracing import program_of, program_with_leaves
from tinygrad_neuron.transforms import value_and_grad
from tinygrad_neuron.value import Value

Measure = Callable[[Any, Any], Value]

PAYS = 200  # updates
KINDS = 4  # of batches that are traced, by shape and dtype
CHANGES = 3  # after which a model is taken for one that changes all the time


class Stepping:
    """Losses of batches, whose gradients are added to those of the leaves that they are made of.

    `measure` is the loss of a batch, and `held` by name what it is made of. `compiled` counts the
    updates that were programs, and `eager` says why the last one was none.
    """

    def __init__(self, measure: Measure, held: Mapping[str, Any], wanted: bool) -> None:
        self.measure, self.held = measure, held
        self.wanted, self.eager = wanted, "" if wanted else "compile=False"
        self.compiled = self.changes = 0
        self._known: dict[Any, _Step] = {}

    def __call__(self, x: Any, y: Any, updates: float) -> float:
        """The loss of a batch; `updates` is how many there are to be, or have been."""
        loss = None
        if self.wanted and self._may_be(x, y, updates):
            step, loss = self._step(x, y)
            found = None if step is None else step(x, y)
            if step is not None and found is not None:
                self.compiled += 1
                return step.left(*found)
        loss = self.measure(x, y) if loss is None else loss
        loss.backward()  # before the loss is looked at: of a plan both are computed in one pass
        return float(loss.item())

    def _may_be(self, x: Any, y: Any, updates: float) -> bool:
        """Whether such a batch may be computed by a program, here and now."""
        if updates < PAYS:
            self.eager = f"{updates:g} updates, and it pays from {PAYS} on"
        elif not (_is_plain(x) and _is_plain(y)):
            self.eager = "a batch that is not two of NumPy's arrays of numbers"
        elif paused() or has_stand_ins() or watcher() is not None:
            self.eager = "inside of no_grad(), of a trace, or where somebody looks on"
        else:
            return True
        return False

    def _step(self, x: Any, y: Any) -> tuple["_Step | None", Value | None]:
        """The program for a batch, if there is one, and its loss where that was computed."""
        kind = _kind(x), _kind(y)
        known = self._known.get(kind)
        changed = known.change() if known else ""
        if changed:
            self._known.clear()
            self.changes += 1
        if self.changes > CHANGES:
            self._give_up(f"{changed or 'the model'} changes again and again")
            return None, None
        if kind in self._known:
            return known, None
        if len(self._known) == KINDS:
            self.eager = f"batches of more than {KINDS} shapes"
            return None, None
        loss = None
        try:
            since = tick()
            with Heard() as heard:
                loss = self.measure(x, y)
            self._known[kind] = self._traced(x, y, loss, Reach(heard, **self.held), since)
        except Unknown as why:
            self._give_up(str(why))
        return self._known.get(kind), loss

    def _give_up(self, why: str) -> None:
        self.wanted, self.eager = False, why

    def _traced(self, x: Any, y: Any, loss: Value, reach: Reach, since: int) -> "_Step":
        """The program that gives the same as this loss; raises `Unknown` where there is none."""
        if any(value.birth > since for value in reach.values):
            raise Unknown("it gives a weight another number when it is called")
        if any_foreign(*reach.values):
            raise Unknown("its weights are not NumPy's arrays")
        for node in history(loss):
            if node.primitive in (on_grad, checkpointed):
                raise Unknown(f"{node.primitive.name} is used")
        try:
            step = _step_of(self.measure, x, y, reach)
        except Exception as error:
            raise Unknown(_told(error)) from error
        changed = reach.change()
        if changed:
            raise Unknown(f"{changed} changes when it is called")
        found, eps = step(x, y), float(np.finfo(dtype_of(loss)).eps)
        if found is None or not math.isclose(
            found[0], loss.item(), rel_tol=math.sqrt(eps), abs_tol=eps
        ):
            raise Unknown("it gives something else for a Value than for an array")
        return step


@dataclass(frozen=True)
class _Place:
    """Where a checked number stands among the results of a program."""

    i: int


@dataclass(frozen=True)
class _Step:
    """A program for batches of one kind: loss, slopes, and the checks it must pass."""

    run: Callable[..., Any]
    leaves: Sequence[Node]
    kinds: Sequence[Any]  # of the leaves
    checks: Sequence[tuple[Callable[..., None], Sequence[Any]]]
    reach: Reach

    def change(self) -> str:
        """What became another thing since the trace, in words; nothing if all is as it was."""
        if [_kind(leaf._data) for leaf in self.leaves] != self.kinds:
            return "the precision or the shape of a weight"
        return self.reach.change()

    def __call__(self, x: Any, y: Any) -> tuple[float, Sequence[Any]] | None:
        """The loss and its slopes; None where they have to be computed in another way."""
        (loss, seen), slopes = self.run(x, y, *(leaf._data for leaf in self.leaves))
        if not math.isfinite(loss):
            return None
        try:
            for check, given in self.checks:
                check(*(seen[part.i] if type(part) is _Place else part for part in given))
        except LossError:
            return None
        return float(loss), slopes

    def left(self, loss: float, slopes: Sequence[Any]) -> float:
        """Gradients as `backward()` leaves them, in addition to what is there; and the loss."""
        for leaf, slope in zip(self.leaves, slopes, strict=True):
            before = leaf.gradient
            leaf._grad = slope + (0.0 if before is None else before)
        return loss


def _step_of(measure: Measure, x: Any, y: Any, reach: Reach) -> _Step:
    """A batch's loss, traced with what is checked in it, and the program of its gradient."""
    noted: list[Any] = []

    def measured(x: Any, y: Any) -> Any:
        with noting() as checks:
            loss = measure(x, y)
        seen = dict.fromkeys(x for _, given in checks for x in given if is_traced(x))
        noted.append((checks, {x: _Place(i) for i, x in enumerate(seen)}))
        return loss, list(seen)

    forward, moved = program_with_leaves(measured, (x, y))
    forward = forward.whole or forward
    checks, places = noted[0]

    def step(x: Any, y: Any, *weights: Any) -> Any:
        def answer(*weights: Any) -> Any:
            loss, *checked = forward.replay((x, y, *weights))
            return loss, checked

        return value_and_grad(answer, tuple(range(len(moved))), has_aux=True)(*weights)

    numbers = [leaf._data for leaf in moved]
    program = optimised(program_of(step)(x, y, *numbers))
    _refuse_kinds(program)
    return _Step(
        run=runner(program),
        leaves=moved,
        kinds=list(map(_kind, numbers)),
        checks=[
            (check, [places[x] if is_traced(x) else x for x in given]) for check, given in checks
        ],
        reach=reach,
    )


def _refuse_kinds(program: Program) -> None:
    """Raise for complex numbers, in which a gradient is another thing."""
    if any(np.dtype(dtype).kind == "c" for dtype in dtypes_in(program)):
        raise Unknown("its numbers are complex")


def _is_plain(x: Any) -> bool:
    return type(x) is np.ndarray and x.dtype.kind in "fiub"


def _kind(x: Any) -> Any:
    return type(x), shape_of(x), getattr(x, "dtype", None)


def _told(error: Exception) -> str:
    """What an error says, on one line and without its code."""
    lines = [line for line in str(error).splitlines() if not line.startswith("[TN")]
    return lines[0] if lines else type(error).__name__
