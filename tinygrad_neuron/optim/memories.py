"""What an optimiser remembers, written as arrays under names, and read again.

A recipe remembers nothing, a number or an array, or a dictionary or tuple of such.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_neuron.errors import StateError
from tinygrad_neuron.graph import Array, tidy
from tinygrad_neuron.value import Value

Memory = Any  # whatever a recipe wants to be given next time; None at first


def parts(memory: Memory) -> Iterator[tuple[str, Any]]:
    """What a memory holds, each with how it is reached: `.mean` in a dictionary, `[0]` in a row."""
    if isinstance(memory, dict):
        yield from ((f".{name}", part) for name, part in memory.items())
    elif isinstance(memory, tuple):
        yield from ((f"[{j}]", part) for j, part in enumerate(memory))
    elif memory is not None:
        yield "", memory


_ENTRY = re.compile(r"memory\[(\d+)\](\.\w+|\[\d+\]|)")


def read(state: Mapping[str, Array], parameters: Sequence[Value]) -> list[Memory]:
    """The memory of each parameter out of a state, all of them built alike, or an error."""
    found: list[dict[str, Any]] = [{} for _ in parameters]
    for name, part in state.items():
        entry = _ENTRY.fullmatch(name)
        if entry and int(entry[1]) < len(parameters):
            found[int(entry[1])][entry[2]] = _taken(name, part, parameters[int(entry[1])])
        elif name not in ("steps", "alpha"):
            raise _misfit(f"{name} is not something that this optimiser remembers.")
        elif part.shape or part.dtype.kind not in "iuf":
            raise _misfit(f"{name} is not one number.")
    wanted = [f"memory[{i}]{end}" for i in range(len(parameters)) for end in found[0]]
    missing = [name for name in ("steps", "alpha", *wanted) if name not in state]
    if missing:
        raise _misfit(
            f"The state lacks {', '.join(missing[:5])}{' and others' * (len(missing) > 5)}."
        )
    if any(memory.keys() != found[0].keys() for memory in found):
        raise _misfit("The state does not hold the same for every parameter.")
    return [_assembled(memory) for memory in found]


def _taken(name: str, part: Array, p: Value) -> Array:
    """An entry as a recipe keeps it: an array of the parameter's shape, or one number."""
    if part.shape not in ((), p.shape) or part.dtype.kind not in "iufc":
        raise _misfit(f"{name} has shape {part.shape}, {part.dtype}, and its parameter {p.shape}.")
    return part.item() if part.dtype.kind in "iu" else tidy(np.array(part))


def _assembled(parts: dict[str, Any]) -> Memory:
    first = next(iter(parts), None)
    if first is None:
        return None
    if not first:
        return parts[first]
    if first.startswith("."):
        return {end.removeprefix("."): part for end, part in parts.items()}
    return tuple(parts[f"[{j}]"] for j in range(len(parts)))


def _misfit(what: str) -> StateError:
    return StateError(
        what,
        why="It was taken from an optimiser of another kind, or of other parameters.",
        hint="build model and optimiser as they were when the state was taken",
    )
