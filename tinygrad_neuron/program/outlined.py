"""A program's results in their containers, as text: to run it takes a tenth of `rebuilt`."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from tinygrad_neuron.containers import leaves, parts, rebuilt

Rebuild = Callable[[Iterable[Any]], Any]


def outlined(nested: Any, said: Callable[[Any], str], mention: Callable[[Rebuild], str]) -> str:
    """An expression for a container, in which `said` gives the text for each number.

    What is none of Python's own containers is built by a function, which `mention` gives a name.
    """
    held = parts(nested)
    if held is None:
        return said(nested)
    if type(nested) is dict and all(type(key) is str for key in nested):
        pairs = (f"{key!r}: {outlined(x, said, mention)}" for key, x in nested.items())
        return f"{{{', '.join(pairs)}}}"
    if type(nested) not in (list, tuple):
        return f"{mention(partial(rebuilt, nested))}([{', '.join(map(said, leaves(nested)))}])"
    inside = "".join(f"{outlined(x, said, mention)}, " for x in nested)
    return f"[{inside}]" if type(nested) is list else f"({inside})"
