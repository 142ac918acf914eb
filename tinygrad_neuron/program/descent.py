"""Training loops as programs: a step is traced once and repeated, compiled as a whole with Numba.

A step is a function of a state, and of data that stay the same or come in batches. It gives the
loss and the next state; what it computes from the data alone is done before the first step.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from itertools import chain
from math import isfinite
from typing import Any

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.containers import leaves, rebuilt
from tinygrad_neuron.errors import TraceError
from tinygrad_neuron.graph import Node, tidy
from tinygrad_neuron.ops.shape import shape_of
from tinygrad_neuron.program.lines import Line, Name, fresh_name
from tinygrad_neuron.program.native.compiled import Compiled
from tinygrad_neuron.program.native.looping import Loop, loop_of
from tinygrad_neuron.program.passes import given, optimised
from tinygrad_neuron.program.program import Program
from tinygrad_neuron.program.rows import over_rows
from tinygrad_neuron.program.running import runner
from tinygrad_neuron.program.tracing import program_of
from tinygrad_neuron.transforms import value_and_grad

Numbers = list[Any]


@dataclass(frozen=True)
class Outcome:
    """What a loop reached: the last state with a finite loss, and the loss before every step.

    `stopped` says why it ended early; it is empty where all steps were done.
    """

    state: Any
    losses: "np.ndarray[Any, Any]"
    stopped: str = ""


def descend(
    loss: Callable[..., Any],
    parameters: Any,
    *data: Any,
    alpha: float,
    steps: int,
    batches: Sequence[Any] = (),
    rows: Sequence[Any] = (),
    native: bool | None = None,
) -> Outcome:
    """Gradient descent on `loss(parameters, *data, *batch)`: steps of `alpha` times the slope.

    >>> from tinygrad_neuron.program import descend
    >>> course = descend(lambda w: (w * 256 - 1492) ** 2, 0.0, alpha=4e-6, steps=50, native=False)
    >>> round(course.state, 6), len(course.losses)
    (5.828125, 50)

    A loss that is written with plain numbers, for one sample, is traced once and looped over
    `rows`, arrays with a sample in each row: a row of a table is given to it as a list of numbers.
    What descends is the mean of the losses. Everything else is as in `repeated`.

    Raises `UnsupportedError` (TN131) for a loss with arrays in what depends on the row.
    """
    if rows:
        return _descend_rows(loss, parameters, data, rows, alpha, steps, native)
    slope = value_and_grad(loss)

    def step(state: Any, *rest: Any) -> Any:
        inside, alpha = state
        value, gradient = slope(inside, *rest)
        pairs = zip(leaves(inside), leaves(gradient), strict=True)
        return value, (rebuilt(inside, [x - alpha * g for x, g in pairs]), alpha)

    step.__name__ = f"{getattr(loss, '__name__', 'loss').strip('<>')}_descent"
    start = (parameters, float(alpha))
    course = repeated(step, start, *data, steps=steps, batches=batches, native=native)
    return replace(course, state=course.state[0])


def repeated(
    step: Callable[..., Any],
    state: Any,
    *data: Any,
    steps: int,
    batches: Sequence[Any] = (),
    native: bool | None = None,
) -> Outcome:
    """What comes of `loss, state = step(state, *data, *batch)`, so many times.

    `state` is a number, an array or a container of them, and keeps its shapes and dtypes. Of each
    array in `batches`, every step is given the next entry along the first axis, round and round.
    With Numba installed the whole loop is one compiled function (`native=False` turns that off,
    `native=True` insists); without, it is NumPy, with the same answers to rounding.

    The loop ends before the first loss that is not finite, so that nothing it reached is lost.
    Raises `TraceError` (TN165) for a step that cannot be traced, or gives another kind of state.

    >>> from tinygrad_neuron.program import repeated
    >>> def halved(x):
    ...     return x * x, x / 2
    >>> course = repeated(halved, 8.0, steps=3, native=False)
    >>> course.state, course.losses.tolist()
    (1.0, [64.0, 16.0, 4.0])
    """
    start = [_plain(x) for x in leaves(state)]
    turns = [np.asarray(_plain(x)) for x in batches]
    program = program_of(step)(state, *data, *(x[0] for x in turns))
    names = [list(leaves(argument)) for argument in program.arguments]
    fixed = zip(chain(*names[1 : 1 + len(data)]), leaves(data), strict=True)
    program = given(program, **{x: _plain(y) for x, y in fixed})
    program = _handed_on(optimised(program), names[0], start)
    moving = dict(zip(chain(*names[1 + len(data) :]), turns, strict=True))
    reached, losses, why = _run(program, names[0], moving, steps, native).whole(start)
    return Outcome(rebuilt(state, reached), losses, why)


def _descend_rows(
    loss: Callable[..., Any],
    parameters: Any,
    data: Sequence[Any],
    rows: Sequence[Any],
    alpha: float,
    steps: int,
    native: bool | None,
) -> Outcome:
    """Descent on the mean of a loss over rows of numbers."""
    tables = [np.asarray(_plain(x)) for x in rows]
    sample = [x[0].tolist() for x in tables]
    one = program_of(value_and_grad(loss))(parameters, *data, *sample)
    names = [list(leaves(argument)) for argument in one.arguments]
    own = list(chain(*names[1 + len(data) :]))
    many = over_rows(one, own, len(tables[0]))
    columns = (column for x in tables for column in np.atleast_2d(x.T))
    fixed = [*zip(chain(*names[1 : 1 + len(data)]), leaves(data), strict=True)]
    fixed += zip(own, columns, strict=True)
    program = given(many, **{x: _plain(y) for x, y in fixed})
    start = [_plain(x) for x in leaves(parameters)]
    program = _handed_on(optimised(_moved(program, names[0], float(alpha))), names[0], start)
    reached, losses, why = _run(program, names[0], {}, steps, native).whole(start)
    return Outcome(rebuilt(parameters, reached), losses, why)


def _moved(program: Program, names: Sequence[str], alpha: float) -> Program:
    """A loss and its slopes as the loss and the parameters after a step."""
    loss, *slopes = program.results
    taken = {program.name, *program.names, *program.constants, *(x.name for x in program.lines)}
    kinds = {x.name: x for x in program.inputs}
    lines, outputs = list(program.lines), [loss]
    for name, slope in zip(names, slopes, strict=True):
        kind: Any = (kinds[name].shape, kinds[name].dtype, kinds[name].number)
        change, new = (Name(fresh_name(x, taken), given=False) for x in ("change", f"next_{name}"))
        lines.append(Line(change, ops.multiply, (alpha, slope), {}, *kind))
        lines.append(Line(new, ops.subtract, (Name(name), change), {}, *kind))
        outputs.append(new)
    whole = program.whole and _moved(program.whole, names, alpha)
    return replace(program, lines=tuple(lines), outputs=tuple(outputs), whole=whole)


def _installed() -> bool:
    """Whether there is what compiled loops need."""
    return all(find_spec(library) is not None for library in ("numba", "scipy"))


def _run(
    program: Program, names: Sequence[str], moving: Any, steps: int, native: bool | None
) -> "_Run":
    """A loop that is ready to go."""
    run = _Run(program, names, moving, steps)
    if native or (native is None and _installed()):
        run.native = loop_of(program, names, {Name(x): len(y) for x, y in moving.items()})
    return run


def _plain(x: Any) -> Any:
    return tidy(np.array(x._data if isinstance(x, Node) else x))


def _dtype(x: Any) -> "np.dtype[Any]":
    return np.dtype(float) if type(x) is float else x.dtype


def _handed_on(program: Program, names: Sequence[str], start: Numbers) -> Program:
    """The program with the loss and the new state in a row, each with a line of its own.

    Raises where there is no loss in front, or where the state is not what it was.
    """
    results = program.results
    kinds: dict[Any, Any] = {x.name: (x.shape, x.dtype) for x in program.inputs}
    kinds |= {name: (x.shape, x.dtype) for name, x in program.constants.items()}
    kinds |= {x.name: (x.shape, x.dtype) for x in program.lines}
    found = [kinds[x] if isinstance(x, Name) else (shape_of(x), _dtype(x)) for x in results]
    wanted = [(shape_of(x), _dtype(x)) for x in start]
    if not found or found[0][0] != () or found[1:] != wanted:
        raise _other_state(program, names, found, wanted)
    taken = {program.name, *map(str, kinds)}
    own = {x.name for x in program.lines}
    lines, outputs = list(program.lines), []
    for x, (shape, dtype) in zip(results, found, strict=True):
        if x not in own or x in outputs or not _makes(lines, x):
            name = Name(fresh_name("next", taken), given=False)
            lines.append(Line(name, ops.positive, (x,), {}, shape, dtype, _is_weak(shape, dtype)))
            x = name
        outputs.append(x)
    whole = program.whole and replace(program.whole, outputs=tuple(program.whole.results))
    return replace(program, lines=tuple(lines), outputs=tuple(outputs), whole=whole)


def _makes(lines: Sequence[Line], x: Any) -> bool:
    """Whether a line computes a result, and does not only arrange what it was given."""
    made = next(line for line in lines if line.name == x)
    return made.primitive.elementwise or made.primitive in (ops.matmul, ops.sum, ops.mean)


def _is_weak(shape: Any, dtype: Any) -> bool:
    return shape == () and dtype == np.float64


def _other_state(program: Program, names: Any, found: Any, wanted: Any) -> TraceError:
    said = [f"{np.dtype(dtype)} of shape {shape}" for shape, dtype in found]
    needed = [f"{x}: {np.dtype(d)} of shape {s}" for x, (s, d) in zip(names, wanted, strict=True)]
    return TraceError(
        f"{program.name} gives {', '.join(said) or 'nothing'}.",
        why="A step gives the loss, one number, and then the state as it was given to it: "
        f"{', '.join(needed)}.",
        hint="return loss, new_state",
    )


@dataclass
class _Run:
    """A step program that is repeated, by NumPy or compiled."""

    program: Program
    names: Sequence[str]
    moving: Mapping[str, Any]
    steps: int
    native: Loop | Compiled | None = None

    def __post_init__(self) -> None:
        order = [*self.names, *self.moving]
        self.places = [order.index(x) for x in self.program.names]

    @cached_property
    def run(self) -> Callable[..., Any]:
        """One step: the loss and the new state in a row, of the inputs."""
        if self.native is None:
            return runner(self.program)
        code = self.native.code if isinstance(self.native, Loop) else self.native
        return code.call

    def whole(self, state: Numbers) -> tuple[Numbers, Any, str]:
        """The last state with a finite loss, the losses, and why it ended early."""
        losses = np.empty(self.steps)
        before, done = state, 0
        while done < self.steps:
            if isinstance(self.native, Loop):
                rest = {Name(x): y for x, y in self.moving.items()}
                left, n = losses[done:], self.steps - done
                n, state, last = self.native.run(n, done, left, state, rest)
                before = last if n else before
                done += n
                if done == self.steps:
                    break
            loss, *new = self._step(state, done)
            if not isfinite(loss):
                return before, losses[:done], self._reason(done, loss)
            losses[done] = loss
            before, state, done = state, new, done + 1
        return state, losses, ""

    def _step(self, state: Numbers, k: int) -> Any:
        """One step by itself."""
        given = [*state, *(tidy(y[k % len(y)]) for y in self.moving.values())]
        return self.run(*[given[i] for i in self.places])

    def _reason(self, done: int, loss: float) -> str:
        where = "the last one with a finite loss" if done else "the one it began with"
        return (
            f"stopped after {done} of {self.steps} steps: the next loss is {loss}. "
            f"The state is {where}."
        )
