"""The mode in which somebody looks at every backward pass, and says what is wrong in learning."""

import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.diagnosis import parts, steps
from tinygrad_neuron.diagnosis.looks import Look, Step, made_by
from tinygrad_neuron.diagnosis.messages import BranchWarning, LearningWarning
from tinygrad_neuron.errors import NotFiniteError, caller, name_of, place
from tinygrad_neuron.graph import Array, Node, leaves_behind
from tinygrad_neuron.modes import places, watched
from tinygrad_neuron.nonfinite import explain_nonfinite

RUNS = 8  # descents at the same time; of the oldest nothing more is known
SAME, OTHERS = 2, 20  # passes in which a unit was dead, on the same rows and on others each time
KEPT = 3  # passes of each that are kept whole


Tell = Callable[[LearningWarning], object]


@contextmanager
def teaching(on: bool = True, *, tell: Tell | None = None) -> Iterator[None]:
    """A block in which every `backward()` is looked at, and what is wrong with learning is said.

    >>> from tinygrad_neuron import Value
    >>> w = Value(0.0, name="w")
    >>> with teaching(tell=lambda message: print(message.code)):
    ...     for _ in range(2):
    ...         ((w * 256 - 1492) ** 2).backward()
    ...         w.data -= 1e-6 * w.grad
    TN101

    What makes learning fail is a `LearningWarning`, once for each cause and descent; the first inf
    or nan is a `NotFiniteError` (TN118). Only this thread and context are looked at. `on=False` is
    a block without, inside one with. `tell` is called with each message in place of a warning.
    """
    if not on:
        with watched(None):
            yield
        return
    teacher = Teacher(tell or _warn)
    with places(), watched(teacher):
        yield
    teacher.end()


@dataclass
class Run:
    """The passes over one set of leaves, as far as they are remembered."""

    looks: list[Look] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)  # one for each place the weights were at
    step: Step | None = None  # the last one
    dead: dict[int, Any] = field(default_factory=dict)
    alive: dict[int, float] = field(default_factory=dict)


class Teacher:
    """Who looks at backward passes: see `teaching`."""

    def __init__(self, tell: Tell) -> None:
        self.tell = tell
        self.runs: dict[tuple[Node, ...], Run] = {}
        self.told: set[tuple[Any, ...]] = set()

    def backward(self, result: Node, seed: Array, leave: Callable[[Node, Array], None]) -> None:
        """One pass: what there is before it, the pass itself, and what came of it."""
        here = place(caller())
        look = Look.at(result, here)
        self._refuse_nonfinite(result, look, "The loss", np.asarray(result._data))
        self._say((), chain(parts.powers(look), parts.broadcasts(look), parts.scales(look)))
        leave(result, seed)
        look.after = {leaf: leaf.gradient for leaf in look.leaves}
        for leaf, g in look.after.items():
            self._refuse_nonfinite(result, look, f"The gradient of {name_of(leaf, 'a leaf')}", g)
        run = self.runs.setdefault(look.leaves, Run())
        self._say(look.leaves, self._of_run(look, run))
        self._forget()

    def _of_run(self, look: Look, run: Run) -> Iterator[LearningWarning]:
        last = run.looks[-1] if run.looks else None
        moved = last is None or look.births != last.births
        run.looks = [*run.looks, look][-KEPT:]
        run.sizes.append(len(look.nodes))
        yield from steps.stale(look, last)
        yield from steps.growing(run.looks, run.sizes)
        yield from chain(parts.flat_paths(look), parts.saturated(look), parts.chains(look))
        if not moved:
            return
        run.losses.append(look.loss)
        if last is None:
            run.dead = parts.dead_streaks(look, {})
        else:
            before = run.step
            step = run.step = Step(last, look, before.multiple if before else None)
            yield from chain(steps.uphill(look, step), steps.diverging(look, step, before))
            same = last.problem == look.problem
            run.dead = parts.dead_streaks(look, run.dead)
            yield from parts.dead(look, run.dead, SAME if same else OTHERS, run.alive)
            yield from parts.twins(look, last)
        yield from steps.bottomless(look, run.losses)
        self._note_alive(look, run)

    def _note_alive(self, look: Look, run: Run) -> None:
        for k, node in enumerate(made_by(look, ops.relu)):
            z = float(np.max(np.asarray(node.inputs[0]._data)))
            if z > 0:
                run.alive[k] = z

    def asked(self, value: Node) -> None:
        """Somebody asked whether a Value is true, as `if v > 0:` does."""
        if not any(True for _ in _learnt_behind(value)):
            return
        here = place(caller())
        self._say((here,), [_branch(value, here)])

    def end(self) -> None:
        """What can only be said of a whole descent."""
        for leaves, run in self.runs.items():
            self._say(leaves, steps.slow(run.step, run.losses))

    def _refuse_nonfinite(self, result: Node, look: Look, what: str, data: Array) -> None:
        if data is None or np.all(np.isfinite(data)):
            return
        found = explain_nonfinite(result)
        finding = found.forward or found.backward
        if finding is None:
            return
        raise NotFiniteError(
            f"{what} is not finite. {_flowing(finding.text)}",
            why="Everything that is computed from an inf or nan is one, also the gradient.",
            hint=_hint(finding.text),
            operation=finding.operation,
        )

    def _say(self, run: tuple[Any, ...], found: Iterable[LearningWarning]) -> None:
        """Each cause once for each descent."""
        for warning in found:
            key = (type(warning), *map(id, run))
            if key in self.told:
                continue
            self.told.add(key)
            self.tell(warning)

    def _forget(self) -> None:
        while len(self.runs) > RUNS:
            del self.runs[next(iter(self.runs))]


def _warn(message: LearningWarning) -> None:
    """A warning at the line that a person wrote."""
    frame = caller()
    if frame is None:
        warnings.warn(message, stacklevel=2)
    else:
        warnings.warn_explicit(message, type(message), frame.f_code.co_filename, frame.f_lineno)


def _learnt_behind(value: Node) -> Iterator[Node]:
    """The leaves that a condition depends on, whether or not a gradient would reach them."""
    waiting: list[Node] = [value]
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        yield from leaves_behind(node) if node.primitive is None else ()
        new = [x for x in node.inputs if isinstance(x, Node) and x not in seen]
        seen.update(new)
        waiting += new


def _branch(value: Node, here: str) -> BranchWarning:
    return BranchWarning(
        f"A branch was chosen by {name_of(value, 'a condition')}, which depends on what is learnt.",
        why="Only the branch that ran is in the graph, so the gradient is that of this branch; the "
        "choice itself has none.",
        hint="where(condition, a, b)   if both branches are to be there;  else nothing is wrong",
        place=here,
    )


def _flowing(text: str) -> str:
    """A finding's sentences in one line, without its place and its remedy."""
    lines = [line for line in text.splitlines() if line and not line.startswith("  ")]
    return " ".join(lines[1:] if re.match(r"\S+:\d+", lines[0]) else lines)


def _hint(text: str) -> str:
    found = [line for line in text.splitlines() if line.startswith("  do:  ")]
    return found[0].removeprefix("  do:  ") if found else "explain_nonfinite(result)"
