"""What has parameters: found in its attributes, in the order in which they were assigned.

A module is any object that holds Values and is called like a function. What it has learnt is found
by looking: a leaf `Value` is a parameter, what is `Kept` and an array are kept but not learnt (a
running mean), a `Generator` is where its random numbers come from. They are called what a person
would type to reach them: `layers[0].w`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set as AbstractSet
from typing import Any, Self

import numpy as np

from tinygrad_neuron.containers import parts
from tinygrad_neuron.errors import ImmutableError, StateError
from tinygrad_neuron.graph import Array, tidy
from tinygrad_neuron.value import Value

State = dict[str, Array]


class Module:
    """Something that has parameters.

    A subclass assigns its Values, other modules, and lists, tuples, dictionaries or dataclasses of
    them to attributes, and says in `__call__` what it computes. Their order is the order of the
    first assignment, and inside a container its own; what is shared counts where it stands first.

    >>> class Scale(Module):
    ...     def __init__(self):
    ...         self.a = Value(2.0)
    ...
    ...     def __call__(self, x):
    ...         return self.a * x
    >>> Scale().parameters(), Scale().state()
    ([Value(2.0)], {'a': array(2.)})

    Raises `StateError` (TN185) for Values in a set, which has no order, and `ImmutableError`
    (TN132) for an attribute that was computed and therefore cannot be learnt.
    """

    def parameters(self) -> list[Value]:
        """Everything that can be learnt, always in the same order."""
        return [p for _, p in _found(self) if isinstance(p, Value)]

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to zero, before the next `backward()`."""
        for p in self.parameters():
            p.zero_grad()

    def state(self) -> State:
        """Copies of all it has learnt and kept, by name: parameters, arrays, random generators.

        A generator's state is the text NumPy keeps it as, written as bytes.
        """
        return {name: _written(name, kept) for name, kept in named(self).items()}

    def load(self, state: Mapping[str, Array]) -> None:
        """Take over a state, bit for bit: afterwards `state()` is what was given.

        A Value takes the precision that is given, an array keeps its own. Raises `StateError`
        (TN185), which names the entry that is missing, too many or of another shape or kind; then
        nothing was changed.
        """
        held = named(self)
        _compare_names(held.keys(), state.keys())
        takers = [_taker(name, kept, np.asarray(state[name])) for name, kept in held.items()]
        for take in takers:
            take()

    def cast(self, dtype: Any) -> Self:
        """Itself, with every parameter in another precision."""
        for p in self.parameters():
            p.renew(tidy(np.array(p.data, dtype)))
        return self


class Kept(Module):
    """A number or an array that a model keeps and does not learn, such as a running mean.

    `value` is a Value like a weight, and belongs to the state as one does; it is no parameter. An
    array would do as well, but a compiled function reads Values anew at each call, and takes an
    array for what it was.

    >>> class Counting(Module):
    ...     def __init__(self):
    ...         self.calls = Kept(0.0)
    >>> Counting().parameters(), Counting().state()
    ([], {'calls.value': array(0.)})
    """

    def __init__(self, data: Any) -> None:
        self.value = Value(data)

    def __repr__(self) -> str:
        return f"Kept({self.value})"


# ------------------------------------------------------------------------------ what is held


def named(module: Module) -> dict[str, Any]:
    """Every Value, array and generator that a module keeps, each once, by its first name."""
    return {name: kept.value if isinstance(kept, Kept) else kept for name, kept in _found(module)}


def _found(module: Module) -> Iterable[tuple[str, Any]]:
    found: dict[int, tuple[str, Any]] = {}
    for name, kept in _walk("", module, ()):
        found.setdefault(id(kept), (name, kept))
    return found.values()


def _walk(name: str, thing: Any, above: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """What is kept in a thing, in order; what holds itself is not entered twice."""
    if isinstance(thing, Value):
        yield from _parameter(name, thing)
    elif isinstance(thing, np.ndarray | np.random.Generator):
        yield name, thing
    elif isinstance(thing, Kept):
        yield f"{name}.value".removeprefix("."), thing
    elif not any(thing is each for each in above):
        for end, part in _held(name, thing):
            yield from _walk((name + end).removeprefix("."), part, (*above, thing))


def _parameter(name: str, value: Value) -> Iterator[tuple[str, Value]]:
    """A leaf is a parameter; a result that forgot its history is none, and nobody misses it."""
    if value.primitive is None:
        yield name, value
    elif not value.constant:
        raise ImmutableError(
            f"{name} is a result of {value.primitive.name}, and only leaves can be learnt.",
            why="It follows from what it was computed from, and would not be moved with it.",
            hint=f"Value(array) for a parameter;  {name.rpartition('.')[2]}.detach() to look at",
        )


def _held(name: str, thing: Any) -> Iterator[tuple[str, Any]]:
    """What a module or a container holds, each with how it is reached from there."""
    if isinstance(thing, Module):
        return ((f".{key}", part) for key, part in vars(thing).items())
    if isinstance(thing, AbstractSet) and any(isinstance(x, Value | Module) for x in thing):
        raise StateError(
            f"{name} is a set, and what it holds has no order.",
            why="The parameters would come in another order each time the program runs.",
            hint=f"{name} = [...], a list",
        )
    inside = parts(thing) or {}
    if not isinstance(thing, dict | list | tuple):
        return ((f".{key}", part) for key, part in inside.items())
    return ((f"[{key!r}]", part) for key, part in inside.items())


# ------------------------------------------------------------------------------ states as arrays


def _written(name: str, kept: Any) -> Array:
    """A parameter, an array or a generator as an array of its own."""
    if isinstance(kept, np.random.Generator):
        return _generator_written(kept)
    array = np.array(kept.data if isinstance(kept, Value) else kept)
    if array.dtype.hasobject:
        raise StateError(
            f"{name} is an array of Python objects, which cannot be kept as numbers.",
            hint=f"a list for objects, or {name}.astype(float)",
        )
    return array


def _generator_written(rng: "np.random.Generator") -> Array:
    import json

    text = json.dumps(rng.bit_generator.state, default=lambda array: array.tolist())
    return np.frombuffer(text.encode(), np.uint8).copy()


def _taker(name: str, kept: Any, given: Array) -> Callable[[], None]:
    """What takes over an entry, once all of them are known to fit."""
    if isinstance(kept, np.random.Generator):
        return _generator_taker(name, kept, given)
    if given.shape != kept.shape or not _alike(kept.dtype, given.dtype):
        raise StateError(
            f"{name} has shape {kept.shape}, {kept.dtype}; the state has {given.shape}, "
            f"{given.dtype}.",
            why="It was written by a model of another build.",
            hint="build the model as it was when its state was taken",
            name=name,
            given=given.shape,
            wanted=kept.shape,
        )
    if isinstance(kept, Value):
        return lambda: kept.renew(tidy(np.array(given)))
    return lambda: np.copyto(kept, given, casting="same_kind")


def _alike(mine: "np.dtype[Any]", given: "np.dtype[Any]") -> bool:
    """Whether numbers of one kind can be taken for the other: floats for floats."""
    return mine.kind == given.kind and (mine.kind in "fc" or mine == given)


def _generator_taker(name: str, rng: "np.random.Generator", given: Array) -> Callable[[], None]:
    import json

    kind = type(rng.bit_generator)
    try:
        state = json.loads(given.astype(np.uint8, casting="equiv").tobytes())
        kind(0).state = state  # whether it is one is tried on another
    except (TypeError, ValueError, KeyError, OverflowError, RecursionError) as error:
        raise StateError(
            f"{name} is a generator of random numbers ({kind.__name__}), and the state has no "
            f"state of one: {error}.",
            hint="the entry that state() wrote",
            name=name,
        ) from error

    def take() -> None:
        rng.bit_generator.state = state

    return take


def _compare_names(held: AbstractSet[str], given: AbstractSet[str]) -> None:
    missing = [name for name in held if name not in given]
    surplus = [name for name in given if name not in held]
    if not missing and not surplus:
        return
    told = [
        f"{what}: {', '.join(names[:5])}{' and others' * (len(names) > 5)}"
        for what, names in (("missing", missing), ("not in the model", surplus))
        if names
    ]
    raise StateError(
        f"The state does not fit the model ({'; '.join(told)}).",
        why="It was written by a model of another build.",
        hint="build the model as it was when its state was taken",
        missing=missing,
        surplus=surplus,
    )
