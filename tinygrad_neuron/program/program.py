"""A program: what a function computed, as lines that can be read, run and written out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from tinygrad_neuron.containers import alongside, leaves, mapped, rebuilt
from tinygrad_neuron.errors import TraceError
from tinygrad_neuron.graph import Array, tidy
from tinygrad_neuron.program.lines import Line, Name, Variable, named
from tinygrad_neuron.program.source import handed_in, text


@dataclass(frozen=True)
class Program:
    """A straight line of operations on NumPy arrays: what a function computed, for all inputs.

    `inputs` are `Variable`s, `lines` are `Line`s in order, `constants` arrays by name, and
    `outputs` what the function returned, with names in place of numbers. `program_of` makes them.
    """

    name: str
    inputs: tuple[Variable, ...]
    constants: Mapping[str, Any]
    lines: tuple[Line, ...]
    outputs: Any
    arguments: tuple[Any, ...]  # those of the function, with names in place of numbers
    whole: "Program | None" = field(default=None, repr=False)  # before anything was left out

    @property
    def source(self) -> str:
        """The program as NumPy that runs on its own.

        Raises `UnsupportedError` (TN131) for a primitive that cannot be written out.
        """
        return text(self)

    def text(self, *, shapes: bool = False) -> str:
        """The source; with `shapes`, the shape and the dtype of each result beside it."""
        return text(self, shapes=shapes)

    def run(self, *args: Any) -> Any:
        """The outputs as plain numbers and arrays, by the source, which is compiled once.

        The arguments are those of the function that was traced, in the same shapes and dtypes.
        Where Python's floats refuse (1/0), or an infinite slope may have to be excused, the
        primitives are asked, as by `interpret`. Raises `TraceError` (TN165) for other inputs.
        """
        return self.run_inputs(*self.taken(args))

    def run_inputs(self, *inputs: Any) -> Any:
        """The same for inputs that fit, numbers out of their containers."""
        try:
            with np.errstate(all="ignore"):
                outputs = self.compiled(*inputs)
        except (ArithmeticError, ValueError):
            return self.interpret_inputs(*inputs)
        numbers = list(map(tidy, leaves(outputs)))
        if self.whole is not None and any(map(has_nan, numbers)):
            return self.interpret_inputs(*inputs)
        return rebuilt(self.outputs, numbers)

    def __call__(self, *, xp: Any) -> Callable[..., Any]:
        """The program on other arrays: its source, with another module in place of NumPy.

        `program(xp=jax.numpy)(w, x)`, `program(xp=cupy)(w, x)`; the module must have the functions
        that the source names.
        """
        return _function(self, text(self, floats=False), xp)

    @property
    def compiled(self) -> Callable[..., Any]:
        """The function that the source defines, compiled once: no input and no result is looked at.

        It takes the inputs one by one, numbers out of their containers. For the innermost of loops.
        """
        made: Callable[..., Any] | None = self.__dict__.get("_made")
        if made is None:
            made = self.__dict__["_made"] = _function(self, self.source, np)
        return made

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def results(self) -> list[Any]:
        """The names in the outputs, one for each number."""
        return list(leaves(self.outputs))

    def interpret(self, *args: Any) -> Any:
        """The outputs, line by line by the primitives themselves; every line counts.

        That is slower than `run`, and what `run` falls back on where Python's floats refuse (1/0).
        """
        with np.errstate(all="ignore"):
            return self.answer(self.replay(self.taken(args)))

    def interpret_inputs(self, *inputs: Any) -> Any:
        """The whole program, before anything was left out of it, by the primitives themselves."""
        with np.errstate(all="ignore"):
            return self.answer((self.whole or self).replay(inputs))

    def replay(self, inputs: Sequence[Any]) -> list[Any]:
        """The results for the inputs one by one, in a flat list; for Values they are recorded."""
        known: dict[str, Any] = {**self.constants, **dict(zip(self.names, inputs, strict=True))}
        for line in self.lines:
            given = [named(x, known) for x in line.inputs]
            settings = {key: _filled(x, known) for key, x in line.settings.items()}
            known[line.name] = line.primitive(*given, **settings)
        return [named(x, known) for x in self.results]

    @property
    def names(self) -> list[str]:
        """The inputs' names."""
        return [x.name for x in self.inputs]

    def taken(self, args: tuple[Any, ...]) -> list[Any]:
        """The arguments as the numbers of the inputs, in order; raises where they do not fit."""
        flat = len(args) == len(self.arguments) and all(map(_is_name, self.arguments))
        try:
            given = args if flat else list(alongside(self.arguments, args))
        except TypeError as error:
            raise TraceError(
                f"{self.name} was given other arguments than it was traced with: {error}.",
                hint=f"{self.name}({', '.join(map(_written, self.arguments))})",
            ) from None
        return [x.taken(y) for x, y in zip(self.inputs, given, strict=True)]

    def answer(self, numbers: Any) -> Any:
        """Plain numbers, in the container that the function returned."""
        return rebuilt(self.outputs, map(tidy, numbers))


def _is_name(argument: Any) -> bool:
    return type(argument) is Name


def _written(argument: Any) -> str:
    return argument if isinstance(argument, Name) else str(argument)


def _filled(x: Any, known: Mapping[str, Any]) -> Array:
    if isinstance(x, Name):
        return known[x]
    return mapped(lambda part: named(part, known), x) if type(x) is tuple else x


def _function(program: Program, source: str, xp: Any) -> Callable[..., Any]:
    """The source run with another module in place of NumPy: the function that it defines."""
    scope: dict[str, Any] = {}
    lines = source.split("\n")
    rest = "\n".join(line for line in lines if line != "import numpy as np")
    scope["np"] = xp
    exec(compile(rest, f"<program {program.name}>", "exec"), scope)
    large = {name: _for(xp, x) for name, x in handed_in(program).items()}
    function: Callable[..., Any] = scope[program.name]
    return partial(function, **large) if large else function


def _for(xp: Any, x: Any) -> Any:
    return x if xp is np else xp.asarray(x)


def has_nan(x: Any) -> bool:
    """Whether there is a nan in it; of an array by its product with itself, which is fast."""
    if type(x) is float:
        return x != x
    return np.asarray(x).dtype.kind in "fc" and bool(np.isnan(np.vdot(x, x)))
