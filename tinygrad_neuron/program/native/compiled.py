"""A program as machine code: as few compiled functions as it takes, and NumPy for the rest."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_neuron.containers import mapped, rebuilt
from tinygrad_neuron.graph import tidy
from tinygrad_neuron.program.expansion import expanded
from tinygrad_neuron.program.lines import Line, Name, named
from tinygrad_neuron.program.native.building import compiled, insist
from tinygrad_neuron.program.native.regions import Analysis, Region, pieces
from tinygrad_neuron.program.native.writing import HEAD, Piece
from tinygrad_neuron.program.outlined import outlined
from tinygrad_neuron.program.program import Program, has_nan


@dataclass
class Plan:
    """A program cut into pieces for the compiler and calls of NumPy."""

    program: Program
    known: Analysis = field(init=False)
    parts: list[Any] = field(init=False)  # pieces, and lines for NumPy

    def __post_init__(self) -> None:
        self.known = Analysis(self.program)
        runs = list(pieces(self.known))
        wanted = self._used_elsewhere(
            [[task] for region in self.known.regions for task in region.tasks], self._alone
        )
        beyond = self._used_elsewhere([[t for r in run for t in r.tasks] for run in runs], None)
        self.parts = [self._part(run, wanted, beyond) for run in runs]

    def _alone(self, x: Any, task: Any) -> bool:
        """Whether a task takes x from where it is kept, and not from the loop that makes it."""
        at = self.known.made_in.get(self.known.views[x].base)
        here = self.known.made_in[task.line.name]
        return at != here

    def _used_elsewhere(self, groups: Sequence[Sequence[Any]], alone: Any) -> set[Any]:
        """The names that are used outside of the group that makes them, or are results."""
        group = {task.line.name: i for i, tasks in enumerate(groups) for task in tasks}
        found = {self._base(x) for x in self.program.results if isinstance(x, Name)}
        for i, tasks in enumerate(groups):
            for task in tasks:
                for x in task.line.uses:
                    base = self._base(x)
                    if alone(x, task) if alone else group.get(base, i) != i:
                        found.add(base)
        return found

    def _base(self, x: Any) -> Any:
        view = self.known.views.get(x)
        return x if view is None else view.base

    def _part(self, run: list[Region], wanted: set[Any], beyond: set[Any]) -> Any:
        if run[0].kind == "call":
            return run[0].tasks[0].line
        return Piece(self.known, run, wanted, beyond)


@dataclass
class Compiled:
    """A program that runs as machine code, with the same answers to a few units in the last place.

    Elementwise lines of one shape, and the sums of them, are one loop; products of matrices go to
    BLAS. What has no form here is left to NumPy, between compiled pieces. `run` is that of the
    program; where an angle is too large for the compiled sine, or a nan might have to be excused,
    the program itself is asked. Safe to call from several threads.

    Raises `MissingExtraError` (TN180) without the extra `native`.
    """

    program: Program

    def __post_init__(self) -> None:
        insist()
        self.plan = Plan(expanded(self.program))
        inside = self.plan.program
        self.arrays = {
            name: flat(x, self.plan.known.order(name)) for name, x in inside.constants.items()
        }
        self.constants = inside.constants
        self.checked = set(inside.results) if self.program.whole is not None else set()

    @property
    def source(self) -> str:
        """What Numba compiles: loops over entries, one function for each piece."""
        return "\n\n".join(map(self._text, self.pieces))

    @property
    def pieces(self) -> list[Piece]:
        """The compiled parts; lines between them go to NumPy."""
        return [part for part in self.plan.parts if isinstance(part, Piece)]

    def run(self, *args: Any) -> Any:
        """The outputs as plain numbers and arrays; raises `TraceError` (TN165) for other inputs."""
        return self.call(*self.program.taken(args))

    @cached_property
    def call(self) -> Callable[..., Any]:
        """The function of the inputs, one by one and as the program takes them, of the outputs."""
        parts = self.plan.parts
        if len(parts) == 1 and self.pieces and parts[0].made.keys() >= set(self._results):
            return self._at_once(parts[0])
        return self._in_parts

    @property
    def _results(self) -> list[Any]:
        return self.plan.program.results

    def _text(self, piece: Piece) -> str:
        checked = [x for x in piece.made if x in self.checked and piece.known.dtype(x).kind == "f"]
        return text(piece, self.program.name, checked)

    def _function(self, part: Any) -> Any:
        if not isinstance(part, Piece):
            return part.primitive
        types = signature(part.known, part.given, part.shape)
        return compiled(self._text(part), "call", types, self.program.name)

    # ------------------------------------------------------------------------------- all at once

    def _at_once(self, piece: Piece) -> Callable[..., Any]:
        """For one piece that makes all results: a function written out for its containers."""
        scope = {"machine": self._function(piece), "block": block}
        scope["otherwise"] = self.program.run_inputs

        def mention(thing: Any) -> str:
            name = f"k{len(scope)}"
            scope[name] = thing
            return name

        inputs = {Name(x.name): f"x{i}" for i, x in enumerate(self.program.inputs)}
        given = [inputs.get(x) or mention(self.arrays[x]) for x in piece.given]
        found = {x: f"y{i}" for i, x in enumerate((*piece.numbers, *piece.arrays))}
        said = {x: self._said(x, name, mention) for x, name in found.items()}
        following = iter(self._distinct(said))
        outputs = outlined(self.program.outputs, lambda _: next(following), mention)
        lines = [
            f"def call({', '.join(inputs.values())}):",
            f"    try: made = machine({', '.join(given)})",
            f"    except TypeError: made = machine({', '.join(f'block({x})' for x in given)})",
            f"    odd, {', '.join(found.values())} = made",
            f"    if odd: return otherwise({', '.join(inputs.values())})",
            f"    return {outputs}",
        ]
        exec(compile("\n".join(lines), "<the call of machine code>", "exec"), scope)
        return scope["call"]

    def _distinct(self, said: Mapping[Any, str]) -> Iterator[str]:
        """The results in order, none of which is another one's memory."""
        seen: set[Any] = set()
        for x in self._results:
            yield f"{said[x]}.copy()" if x in seen and self.plan.known.views[x].shape else said[x]
            seen.add(x)

    def _said(self, name: Any, called: str, mention: Callable[[Any], str]) -> str:
        kind = None if self.plan.known.views[name].shape else self._kind(name)
        return called if kind is None else f"{mention(kind.type)}({called})"

    # ------------------------------------------------------------------------------ part by part

    @cached_property
    def _steps(self) -> list[tuple[Any, Any]]:
        """Each part with the function that does it."""
        return [(part, self._function(part)) for part in self.plan.parts]

    def _in_parts(self, *inputs: Any) -> Any:
        known: dict[Any, Any] = dict(self.constants)
        known |= {Name(x.name): y for x, y in zip(self.program.inputs, inputs, strict=True)}
        for part, function in self._steps:
            if not isinstance(part, Piece):
                self._call(part, known)
            elif not self._piece(part, function, known):
                return self.program.run_inputs(*inputs)
        numbers = [tidy(self._found(x, known)) for x in self._results]
        if self.checked and any(map(has_nan, numbers)):
            return self.program.interpret_inputs(*inputs)
        return rebuilt(self.program.outputs, numbers)

    def _piece(self, part: Piece, function: Any, known: dict[Any, Any]) -> bool:
        """Put what a piece makes among what is known, if it could make it."""
        given = (self.arrays[x] if x in self.arrays else block(known[x]) for x in part.given)
        odd, *made = function(*given)
        for name, x in zip((*part.numbers, *part.arrays), made, strict=True):
            kind = None if type(x) is np.ndarray else self._kind(name)
            known[name] = x if kind is None else kind.type(x)
        return not odd

    def _kind(self, name: Any) -> Any:
        """The dtype of a number; None for Python's own, be it a float or an answer about floats."""
        known = self.plan.known
        if known.dtypes[name] is None:
            return None
        line = known.tasks[name].line
        plain = all(known.dtypes[x] is None for x in line.uses)
        asked = line.dtype == np.bool_ and plain and line.primitive.scalar is not None
        return None if asked else np.dtype(line.dtype)

    def _call(self, line: Line, known: dict[Any, Any]) -> None:
        given = [self._found(x, known) for x in line.inputs]
        settings = {key: self._setting(x, known) for key, x in line.settings.items()}
        with np.errstate(all="ignore"):
            known[line.name] = line.primitive(*given, **settings)

    def _setting(self, x: Any, known: dict[Any, Any]) -> Any:
        if isinstance(x, Name):
            return self._found(x, known)
        return mapped(lambda part: self._found(part, known), x) if type(x) is tuple else x

    def _found(self, x: Any, known: dict[Any, Any]) -> Any:
        """An operand as NumPy has it: a view is made when it is asked for."""
        if not isinstance(x, Name) or x in known:
            return named(x, known)
        self._call(self.plan.known.seen[x], known)
        return known[x]


def flat(x: Any, order: Any = "C") -> Any:
    """An array as one axis, which is copied only if its entries do not stand in this order."""
    return np.asarray(x).ravel(order)


def block(x: Any) -> Any:
    """An array as machine code takes it: its entries in a row, in order; a number as it is."""
    return np.ascontiguousarray(x) if type(x) is np.ndarray else x


def text(piece: Piece, title: str, checked: Sequence[Any]) -> str:
    """A piece as a module: the step, and the call that makes its arrays."""
    lines = ["@fast", *piece.step("step"), "", "", *piece.call("call", "step", checked)]
    return "\n".join([HEAD.format(title=title), *lines, ""])


def signature(
    known: Analysis, names: Sequence[Any], shape: Callable[[Any], Any], writable: Any = ()
) -> Any:
    """Numba's types of these names, which come in these shapes."""
    import numba

    def of(name: Any) -> Any:
        kind, axes = numba.from_dtype(known.dtype(name)), len(shape(name))
        if not known.views[name].shape:
            return kind
        return numba.types.Array(kind, axes, "C", readonly=name not in writable)

    return tuple(map(of, names))
