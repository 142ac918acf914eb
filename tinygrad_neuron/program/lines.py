"""A program as data: lines in order, each a primitive, its inputs, and a name for its result."""

import keyword
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygrad_neuron.containers import leaves
from tinygrad_neuron.errors import TraceError
from tinygrad_neuron.graph import Node, Primitive

Shape = tuple[int, ...]


class Name(str):
    """A name of a line, an input or a constant; `given` if a person chose it."""

    __slots__ = ("given",)

    given: bool

    def __new__(cls, text: str, given: bool = True) -> "Name":
        """A text as a name."""
        name = super().__new__(cls, text)
        name.given = given
        return name


RESERVED = {"np", "math", "itertools", "functools", *keyword.kwlist, "float"}


def fresh_name(stem: str, taken: set[str]) -> str:
    """A name that nothing has yet, which has it from now on."""
    stem = "".join(c if c.isalnum() or c == "_" else "_" for c in stem) or "x"
    stem = f"x{stem}" if stem[0].isdigit() else stem
    name, n = stem, 1
    while name in taken or name in RESERVED:
        n += 1
        name = f"{stem}_{n}"
    taken.add(name)
    return name


def is_array(x: Any) -> bool:
    """Whether it is an array with an axis: everything else is written out as a number."""
    return isinstance(x, np.ndarray) and x.ndim > 0


@dataclass(frozen=True)
class Variable:
    """An input: an array of a shape and a dtype, a number, or (no dtype) what is kept as it is."""

    name: str
    shape: Shape | None
    dtype: Any
    number: bool  # a Python float
    kept: Any = None

    def taken(self, x: Any) -> Any:
        """What a person gives for it, as the program takes it; raises if it does not fit."""
        x = x._data if isinstance(x, Node) else x
        if self.dtype is None:
            if x is not self.kept and x != self.kept:
                raise self._misfit(x)
            return x
        if self.number:
            if type(x) is float:
                return x
            x = np.asarray(x)
            if x.shape or x.dtype.kind not in "fiub" or (x.dtype != float and x.dtype.kind == "f"):
                raise self._misfit(x)
            return float(x)
        x = np.asarray(x)
        if x.dtype != self.dtype and x.dtype.kind in "iub" and self.dtype.kind == "f":
            x = x.astype(self.dtype)
        if x.shape != self.shape or x.dtype != self.dtype:
            raise self._misfit(x)
        return x if x.ndim else x[()]

    def _misfit(self, x: Any) -> TraceError:
        kind = f"{x.dtype} of shape {x.shape}" if isinstance(x, np.ndarray) else repr(x)
        wanted = f"{self.dtype} of shape {self.shape}" if self.dtype is not None else self.kept
        return TraceError(
            f"{self.name} is {kind}; the program was traced with {wanted}.",
            why="A program is for one shape and one dtype of each input.",
            hint="program_of(f)(*examples)  once more, with examples like these",
            input=self.name,
        )


@dataclass(frozen=True)
class Line:
    """`name = primitive(*inputs, **settings)`; an input is a `Name`, or a number.

    `answers` is the line whose debt a line of a gradient pays on to its inputs.
    """

    name: Name
    primitive: Primitive
    inputs: tuple[Any, ...]
    settings: Mapping[str, Any]
    shape: Shape
    dtype: Any
    number: bool
    answers: Name | None = None

    @property
    def uses(self) -> Iterator[Name]:
        """The names it needs, once for each time."""
        yield from (x for x in self.inputs if isinstance(x, Name))
        for setting in self.settings.values():
            yield from (x for x in leaves(setting) if isinstance(x, Name))

    def renamed(self, names: Mapping[Any, Any]) -> "Line":
        """With other operands in place of these names."""
        new = tuple(named(x, names) for x in self.inputs)
        answers = names.get(self.answers, self.answers)
        return replace(self, inputs=new, answers=answers if isinstance(answers, Name) else None)


def named(x: Any, names: Mapping[Any, Any]) -> Any:
    """What stands for an operand: itself, unless it is a name that is known."""
    return names.get(x, x) if isinstance(x, Name) else x
