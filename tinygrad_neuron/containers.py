"""Lists, tuples and dictionaries of numbers, taken apart and put together again in one order."""

from collections.abc import Callable, Iterator
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
