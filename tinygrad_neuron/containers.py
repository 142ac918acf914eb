"""Containers of numbers, taken apart and put together again in one order.

A container is a list, a tuple, a named tuple, a dictionary or an instance of a dataclass, nested as
you like. Anything else is a leaf.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from tinygrad_neuron.errors import UnsupportedError


def parts(nested: Any) -> Mapping[Any, Any] | None:
    """What a container holds, by key, place or field; None for what is no container.

    >>> parts(["a", "b"])
    {0: 'a', 1: 'b'}
    """
    if isinstance(nested, dict):
        return nested
    if isinstance(nested, (list, tuple)):
        return dict(enumerate(nested))
    if hasattr(type(nested), "__dataclass_fields__"):
        return {field.name: getattr(nested, field.name) for field in _fields(nested)}
    return None


def _fields(record: Any) -> Any:
    """The fields of an instance of a dataclass; if there is none, nobody waits for the import."""
    from dataclasses import fields

    return fields(record)


def leaves(nested: Any) -> Iterator[Any]:
    """The numbers and arrays in a container, in the order in which they stand in it.

    >>> list(leaves({"w": [1.0, 2.0], "b": 3.0}))
    [1.0, 2.0, 3.0]
    """
    held = parts(nested)
    if held is None:
        yield nested
        return
    for part in held.values():
        yield from leaves(part)


def mapped(function: Callable[[Any], Any], nested: Any) -> Any:
    """A container of the same build, with the function of each number in the number's place.

    >>> mapped(abs, {"w": [1.0, -2.0], "b": -3.0})
    {'w': [1.0, 2.0], 'b': 3.0}
    """
    held = parts(nested)
    if held is None:
        return function(nested)
    return _like(nested, {key: mapped(function, part) for key, part in held.items()})


def rebuilt(nested: Any, numbers: Iterable[Any]) -> Any:
    """A container of the same build, with other numbers, given in the order of `leaves`.

    >>> rebuilt({"w": [1.0, 2.0], "b": 3.0}, [4.0, 5.0, 6.0])
    {'w': [4.0, 5.0], 'b': 6.0}
    """
    following = iter(numbers)
    return mapped(lambda _: next(following), nested)


def alongside(nested: Any, other: Any) -> Iterator[Any]:
    """The numbers of another container that is built alike, in the order of the first one's.

    >>> list(alongside({"w": 1.0, "b": 2.0}, {"b": 20.0, "w": 10.0}))
    [10.0, 20.0]
    """
    held = parts(nested)
    if held is None:
        yield other
        return
    theirs = parts(other)
    if theirs is None or theirs.keys() != held.keys():
        found = type(other).__name__ if theirs is None else list(theirs)
        raise TypeError(f"{found} stands where {list(held)} was expected: not built alike")
    for key, part in held.items():
        yield from alongside(part, theirs[key])


def _like(nested: Any, held: dict[Any, Any]) -> Any:
    """A container of the same build that holds these."""
    if isinstance(nested, dict):
        return held
    if isinstance(nested, tuple) and hasattr(nested, "_fields"):  # a named tuple
        return type(nested)(*held.values())
    if isinstance(nested, (list, tuple)):
        return type(nested)(held.values())
    if all(part is getattr(nested, name) for name, part in held.items()):
        return nested
    return _record(nested, held)


def _record(nested: Any, held: dict[str, Any]) -> Any:
    """An instance of the same dataclass with these in its fields.

    As `copy.copy` makes one, and not by the constructor: that may check or convert what it is
    given, and a gradient is no weight.
    """
    _refuse_derived(nested)
    kind: Any = type(nested)
    twin = kind.__new__(kind)
    for name, part in held.items():
        object.__setattr__(twin, name, part)  # also where the class is frozen
    return twin


def _refuse_derived(record: Any) -> None:
    """Raise if an instance of a dataclass holds more than what its constructor was given."""
    kind, given = type(record), {field.name for field in _fields(record) if field.init}
    held = {field.name for field in _fields(record)} | getattr(record, "__dict__", {}).keys()
    more = sorted(x for x in held - given if not isinstance(getattr(kind, x, 0), cached_property))
    if more:
        raise UnsupportedError(
            f"{kind.__name__}.{more[0]} is not a field that {kind.__name__}(...) takes.",
            why="In a copy with other numbers nobody could say what it should be.",
            hint=f"make {more[0]} a @property that is computed from the fields",
        )
