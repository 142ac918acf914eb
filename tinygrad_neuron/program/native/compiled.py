"""A program as machine code: as few compiled functions as it takes, and NumPy for the rest."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_neuron.containers import mapped, rebuilt
from tinygrad_neuron.graph import tidy
from tinygrad_neuron.program.lines import Line, Name, is_array, named
from tinygrad_neuron.program.native.building import compiled, insist
from tinygrad_neuron.program.native.expansion import expanded
from tinygrad_neuron.program.native.regions import Analysis, Region, pieces
from tinygrad_neuron.program.native.writing import HEAD, Piece
from tinygrad_neuron.program.program import Program


class BeyondRangeError(ArithmeticError):
    """An angle was too large for the compiled sine: NumPy is asked instead."""


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

    @property
    def source(self) -> str:
        """What Numba compiles: loops over entries, one function for each piece."""
        return "\n\n".join(text(part, self.program.name) for part in self.pieces)

    @property
    def pieces(self) -> list[Piece]:
        """The compiled parts; lines between them go to NumPy."""
        return [part for part in self.plan.parts if isinstance(part, Piece)]

    @cached_property
    def steps(self) -> list[tuple[Any, Any]]:
        """Each part with the function that does it."""
        return [(part, self._function(part)) for part in self.plan.parts]

    def _function(self, part: Any) -> Any:
        if not isinstance(part, Piece):
            return part.primitive
        types = signature(part.known, part.given)
        return compiled(text(part, self.program.name), "call", types, self.program.name)

    def run(self, *args: Any) -> Any:
        """The outputs as plain numbers and arrays; raises `TraceError` (TN165) for other inputs."""
        try:
            numbers = self.numbers(self.program.taken(args))
        except BeyondRangeError:
            return self.program.run(*args)
        if self.program.whole is not None and any(map(has_nan, numbers)):
            return self.program.whole.interpret(*args)
        return rebuilt(self.program.outputs, numbers)

    def numbers(self, inputs: Sequence[Any]) -> list[Any]:
        """The results one by one, for inputs that fit, one by one.

        Raises `BeyondRangeError` for the sine or cosine of an angle of more than a billion.
        """
        if self._short is not None:
            return self._at_once(self._short, inputs)
        flats, whole = dict(self.arrays), dict(self.constants)
        for x, given in zip(self.program.inputs, inputs, strict=True):
            whole[Name(x.name)] = given
        for part, function in self.steps:
            if isinstance(part, Piece):
                self._piece(part, function, flats, whole)
            else:
                self._call(part, whole)
        return [tidy(self._found(x, whole)) for x in self.plan.program.results]

    @cached_property
    def _short(self) -> Any:
        """For one piece that gives all of the results: from where to where; None for others."""
        results = self.plan.program.results
        if len(self.plan.parts) != 1 or not isinstance(self.plan.parts[0], Piece):
            return None
        ((part, function),) = self.steps
        places = {Name(x.name): i for i, x in enumerate(self.program.inputs)}
        given = [(places.get(x), self.arrays.get(x)) for x in part.given]
        made = [*part.numbers, *part.arrays]
        if not all(x in made for x in results):
            return None
        kinds = [self._kind(x) for x in part.numbers]
        shapes = [self.plan.known.views[x].shape for x in part.arrays]
        return function, given, kinds, shapes, [made.index(x) for x in results]

    def _at_once(self, short: Any, inputs: Sequence[Any]) -> list[Any]:
        function, given, kinds, shapes, order = short
        args = [x if i is None else _level(inputs[i]) for i, x in given]
        (far, *numbers), arrays = function(*args)
        if far:
            raise BeyondRangeError
        made = [x if kind is None else kind.type(x) for x, kind in zip(numbers, kinds, strict=True)]
        made += [x.reshape(shape) for x, shape in zip(arrays, shapes, strict=True)]
        return [made[i] for i in order]

    def _piece(self, part: Piece, function: Any, flats: dict[Any, Any], whole: Any) -> None:
        (far, *numbers), arrays = function(*[self._flat(x, flats, whole) for x in part.given])
        if far:
            raise BeyondRangeError
        for name, x in zip(part.numbers, numbers, strict=True):
            whole[name] = self._number(name, x)
        for name, x in zip(part.arrays, arrays, strict=True):
            flats[name] = x
            whole[name] = x.reshape(part.known.views[name].shape)

    def _flat(self, name: Any, flats: dict[Any, Any], whole: Any) -> Any:
        if name not in flats:
            x = whole[name]
            flats[name] = flat(x) if is_array(x) else x
        return flats[name]

    def _number(self, name: Any, x: Any) -> Any:
        kind = self._kind(name)
        return x if kind is None else kind.type(x)

    def _kind(self, name: Any) -> Any:
        """The dtype of a number; None for Python's own, be it a float or an answer about floats."""
        known = self.plan.known
        if known.dtypes[name] is None:
            return None
        line = known.tasks[name].line
        plain = all(known.dtypes[x] is None for x in line.uses)
        asked = line.dtype == np.bool_ and plain and line.primitive.scalar is not None
        return None if asked else np.dtype(line.dtype)

    def _call(self, line: Line, whole: dict[Any, Any]) -> None:
        given = [self._found(x, whole) for x in line.inputs]
        settings = {key: self._setting(x, whole) for key, x in line.settings.items()}
        with np.errstate(all="ignore"):
            whole[line.name] = line.primitive(*given, **settings)

    def _setting(self, x: Any, whole: dict[Any, Any]) -> Any:
        if isinstance(x, Name):
            return self._found(x, whole)
        return mapped(lambda part: self._found(part, whole), x) if type(x) is tuple else x

    def _found(self, x: Any, whole: dict[Any, Any]) -> Any:
        """An operand as NumPy has it: a view is made when it is asked for."""
        if not isinstance(x, Name) or x in whole:
            return named(x, whole)
        self._call(self.plan.known.seen[x], whole)
        return whole[x]


def flat(x: Any, order: Any = "C") -> Any:
    """An array as one axis, which is copied only if its entries do not stand in this order."""
    return np.asarray(x).ravel(order)


def _level(x: Any) -> Any:
    return x.ravel() if type(x) is np.ndarray else x


def has_nan(x: Any) -> bool:
    """Whether there is a nan in it."""
    if type(x) is float:
        return x != x
    return np.asarray(x).dtype.kind == "f" and bool(np.isnan(np.vdot(x, x)))


def text(piece: Piece, title: str) -> str:
    """A piece as a module: the step, and the call that makes its arrays."""
    lines = ["@fast", *piece.step("step"), "", "", *piece.call("call", "step")]
    return "\n".join([HEAD.format(title=title), *lines, ""])


def signature(known: Analysis, names: Sequence[Any], writable: Any = ()) -> Any:
    """Numba's types of these names."""
    import numba

    def of(name: Any) -> Any:
        kind = numba.from_dtype(known.dtype(name))
        if not known.views[name].shape:
            return kind
        return numba.types.Array(kind, 1, "C", readonly=name not in writable)

    return tuple(map(of, names))
