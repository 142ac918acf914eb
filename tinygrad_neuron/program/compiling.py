"""`compile`: a function traced once for each kind of arguments, and then run as a program."""

import functools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MethodType
from typing import Any

import numpy as np

from tinygrad_neuron.containers import leaves, mapped
from tinygrad_neuron.graph import Node
from tinygrad_neuron.modes import has_stand_ins, in_training, pauses
from tinygrad_neuron.program.backends import Backend, backend_called
from tinygrad_neuron.program.passes import optimised
from tinygrad_neuron.program.program import Program
from tinygrad_neuron.program.recorded import Recorder
from tinygrad_neuron.program.surroundings import Surroundings
from tinygrad_neuron.program.taking import MISS, Taker, as_input, described, kind_of, taker
from tinygrad_neuron.program.tracing import program_with_leaves

Function = Callable[..., Any]
RECENT = 4  # specialisations that are tried before their kinds are written down and looked up


def compile(f: Function, *, backend: str = "numpy", threads: int | None = None) -> "Compiled":  # noqa: A001  # what it is called everywhere
    """The same function as a program: traced when it is first called, then run without `f`.

    >>> from tinygrad_neuron import compile, value_and_grad
    >>> step = compile(value_and_grad(lambda w, x, y: ((x @ w - y) ** 2).mean()))
    >>> step(np.zeros(2), np.eye(2), np.ones(2))
    (1.0, array([-1., -1.]))

    Arguments are as for `grad`. For plain numbers and arrays the answer is plain, in the container
    that `f` returns. Where an argument is a Value, or `f` uses Values that it closes over (the
    weights of a model), the answer is one as well, and `backward()` or `grad` goes through it, by a
    program again. Such Values are read at each call; everything else that `f` reads beside its
    arguments is read when it is traced.

    It is traced anew for other shapes, dtypes, containers, or other variables that `f` closes over;
    `traces` tells for what, and why. `threads` says how many work at once on large arrays (None: as
    many as the process may use); results do not depend on it. `backend` is "numpy", or "native" for
    machine code by Numba.

    Raises what `program_of` raises: `LeftGraphError` (TN105) where `f` looks at a number, and
    `TraceError` (TN165) where it draws random numbers. `UnsupportedError` (TN131) for an unknown
    backend.
    """
    return Compiled(f, backend_called(backend, threads))


@dataclass(frozen=True)
class Trace:
    """One run of a function that was written down: for which arguments, why, and what came out."""

    arguments: str
    why: str
    program: Program = field(repr=False)
    seconds: float


@dataclass(frozen=True)
class _Known:
    """A program for one kind of arguments, and how it is run."""

    take: Taker
    run: Callable[..., Any]
    leaves: Sequence[Node]  # those that the function closes over
    record: Recorder
    real: bool
    inputs: Mapping[str, str]


class Compiled:
    """A function that runs as a program, one for each kind of arguments; see `compile`."""

    __wrapped__: Function

    def __init__(self, f: Function, backend: Backend) -> None:
        functools.update_wrapper(self, f, updated=())
        self.traces: list[Trace] = []
        self._backend = backend
        self._known: dict[Any, _Known] = {}
        self._recent: dict[bool, tuple[_Known, ...]] = {False: (), True: ()}  # by `in_training()`
        self._surroundings = Surroundings(f)
        self._lock = threading.RLock()

    def __call__(self, *args: Any, **settings: Any) -> Any:
        if not settings and not pauses:
            for known in self._recent[in_training()]:
                answer = known.take(args)
                if answer is not MISS:
                    return answer
        return self._at_large(args, settings)

    def _at_large(self, args: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        """The long way: for Values, for keywords, for what was not seen before."""
        given = (*args, settings) if settings else args
        numbers = list(leaves(given))
        nodes = [x for x in numbers if isinstance(x, Node)]
        if has_stand_ins() or any(x.batched or x.traced for x in nodes):
            return self.__wrapped__(*args, **settings)  # as a part of something larger
        known = self._for(mapped(as_input, given), bool(settings))
        if not nodes and not known.leaves:
            return known.run(*map(as_input, numbers))
        if not known.real:
            return self.__wrapped__(*args, **settings)
        owners = [x if isinstance(x, Node) else as_input(x) for x in numbers]
        return known.record((*owners, *known.leaves))

    def _for(self, given: tuple[Any, ...], settings: bool) -> _Known:
        """The program for such arguments, made now if there is none."""
        training = in_training()
        key = settings, training, tuple(map(kind_of, given))
        with self._lock:
            changed = "" if self._surroundings.same() else self._surroundings.change()
            if changed:
                self._known, self._recent = {}, {False: (), True: ()}
            if key not in self._known:
                self._known[key] = self._traced(given, settings, changed)
            known = self._known[key]
            if known.real and not settings:
                others = (x for x in self._recent[training] if x is not known)
                self._recent[training] = (known, *others)[:RECENT]
        return known

    def _traced(self, given: tuple[Any, ...], settings: bool, changed: str) -> _Known:
        """A new program, and the entry in `traces` that says why."""
        begun = time.perf_counter()
        f = with_settings(self.__wrapped__) if settings else self.__wrapped__
        program, hidden = program_with_leaves(f, given)
        program = optimised(program)
        run = self._backend(program)
        record = Recorder(program, run, self._backend)
        known = _Known(
            take=taker(given, self._surroundings, record.with_leaves(hidden) if hidden else run),
            run=run,
            leaves=hidden,
            record=record,
            real=not any(np.dtype(x).kind == "c" for x in dtypes_in(program)),
            inputs={x.name: described(x) for x in program.inputs},
        )
        said = ", ".join(f"{name}: {kind}" for name, kind in known.inputs.items())
        why = changed or self._difference(known)
        self.traces.append(Trace(said, why, program, time.perf_counter() - begun))
        return known

    def _difference(self, new: _Known) -> str:
        """How new arguments differ from those of the program that was made before."""
        if not self._known:
            return "the first call"
        old = list(self._known.values())[-1].inputs
        changed = [x for x in old if old[x] != new.inputs.get(x)]
        if not changed or old.keys() != new.inputs.keys():
            return "other arguments, or other containers of them"
        return "; ".join(f"{x} was {old[x]}, now {new.inputs[x]}" for x in changed)

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        return self if owner is None else MethodType(self, owner)

    def __repr__(self) -> str:
        return f"<compiled {getattr(self, '__name__', 'function')}: {len(self.traces)} traces>"


def with_settings(f: Function) -> Function:
    """The same function with its keywords as a dictionary behind the other arguments."""

    @functools.wraps(f)
    def positional(*args: Any) -> Any:
        return f(*args[:-1], **args[-1])

    return positional


def dtypes_in(program: Program) -> Iterator[Any]:
    """The dtypes of all inputs and lines."""
    yield from (x.dtype for x in program.inputs if x.dtype is not None)
    yield from (x.dtype for x in program.lines)
