"""Lists, tuples and dictionaries of numbers, taken apart and put together again in one order."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any


def leaves(nested: Any) -> Iterator[Any]:
    """The numbers and arrays in a container, in the order in which they stand in it.

    >>> list(leaves({"w": [1.0, 2.0], "b": 3.0}))
    [1.0, 2.0, 3.0]
    """
    if isinstance(nested, dict):
        nested = nested.values()
    elif not isinstance(nested, list | tuple):
        yield nested
        return
    for part in nested:
        yield from leaves(part)


def mapped(function: Callable[[Any], Any], nested: Any) -> Any:
    """A container of the same build, with the function of each number in the number's place.

    >>> mapped(abs, {"w": [1.0, -2.0], "b": -3.0})
    {'w': [1.0, 2.0], 'b': 3.0}
    """
    if isinstance(nested, dict):
        return {key: mapped(function, part) for key, part in nested.items()}
    if isinstance(nested, tuple) and hasattr(nested, "_fields"):  # a named tuple
        return type(nested)(*(mapped(function, part) for part in nested))
    if isinstance(nested, list | tuple):
        return type(nested)(mapped(function, part) for part in nested)
    return function(nested)


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
    if not isinstance(nested, dict | list | tuple):
        yield other
        return
    keys = nested.keys() if isinstance(nested, dict) else range(len(nested))
    theirs = other.keys() if isinstance(other, dict) else range(len(other))
    if set(keys) != set(theirs):
        raise TypeError(f"{list(theirs)} stands where {list(keys)} was expected: not built alike")
    for key in keys:
        yield from alongside(nested[key], other[key])
