"""Less memory for more time: a function whose inside is forgotten, and computed again when needed.

What a function computes on its way is kept for the sweep, and most of a graph's memory is that. A
checkpointed function keeps only what goes into it. When the sweep arrives at its result, it is
called once more, and the sweep goes on through the graph that this call leaves: the same rules in
the same order, so the same gradients to the last bit.
"""

from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from functools import wraps
from typing import Any, NoReturn

import numpy as np

from tinygrad_neuron.arrays import is_foreign
from tinygrad_neuron.containers import leaves, mapped
from tinygrad_neuron.errors import RecomputedError, UnsupportedError, file_and_line, name_of, short
from tinygrad_neuron.graph import Array, Node, kept, primitive, tick
from tinygrad_neuron.modes import paused

Function = Callable[..., Any]


class Segment:
    """A call of a function that can be made again, where and how it was made."""

    __slots__ = ("args", "context", "function", "last", "settings", "since")

    def __init__(self, function: Function, args: Any, settings: Any) -> None:
        self.function, self.context = function, copy_context()
        self.args, self.settings = mapped(kept, args), mapped(kept, settings)
        self.since = tick()
        self.last = self.since

    def closed(self, y: Any) -> Any:
        """The function's result without its inside: the same numbers, which know this call."""
        found = {id(part): (i, part) for i, part in enumerate(leaves(y))}
        ends = {key: self._end(i, part) for key, (i, part) in found.items()}
        self.last = tick()  # what is born later is a copy, which goes its own way
        return mapped(lambda part: ends[id(part)], y)

    def _end(self, place: int, part: Any) -> Any:
        """What stands outside for a part of the result."""
        if not isinstance(part, Node) or part.birth < self.since or part.primitive is None:
            return part
        if part.traced:  # the inside is wanted: it is written out
            return part
        entrances = tuple(entrances_of(part, self.since))
        if not entrances:  # no gradient asks for it again
            return type(part).made(part._data, part.primitive)
        return type(part).made(
            part._data, checkpointed, entrances, {"segment": self, "part": place}
        )

    def again(self) -> tuple[int, list[Any]]:
        """A birth, and the parts of the function's result, of which the inside was born after."""
        since = tick()
        return since, list(leaves(self.context.copy().run(self._run)))

    def held(self) -> Iterator[Any]:
        """What it keeps for the second call, taken out of its containers."""
        return leaves([self.args, self.settings])

    def _run(self) -> Any:
        with np.errstate(all="ignore"):  # it has had its warnings
            return self.function(*self.args, **self.settings)

    def __reduce__(self) -> NoReturn:
        raise UnsupportedError(
            "A checkpointed result cannot be pickled or copied together with its history.",
            why=f"Its inside is what {_called(self)} does with the Values that it reads now.",
            hint="copy what it was computed from, and compute it again;  result.detach()",
        )


@primitive(lambda g, y, *ends, i, segment, part: _by_the_sweep(segment))
def checkpointed(*entrances: Array, segment: Segment, part: int) -> Array:
    """One part of a checkpointed function's result; its entrances are what the gradient reaches."""
    return _by_the_sweep(segment)


def _by_the_sweep(segment: Segment) -> NoReturn:
    raise UnsupportedError(
        f"{_called(segment)} is checkpointed: it has no rule, and only a sweep goes through it.",
        hint="backward(), grad and the like",
    )


def checkpoint(f: Function) -> Function:
    """The same function, whose inside takes no memory between the way there and the way back.

    Its arguments and its result may be containers. What else it reads, the weights of a model that
    it uses, gets its gradients as well, equal to the bit. The price is one more call of `f`.

    >>> from tinygrad_neuron import Value, tanh
    >>> w = Value(0.5)
    >>> layer = checkpoint(lambda x: tanh(w * x))
    >>> layer(layer(1.0)).backward()
    >>> plain = Value(0.5)
    >>> tanh(plain * tanh(plain * 1.0)).backward()
    >>> w.grad == plain.grad
    True

    `f` must do the same when it is called again: draw random numbers outside and hand them in.
    Raises `RecomputedError` (TN150) in the sweep where it does not.
    """

    @wraps(f, updated=())
    def forgetful(*args: Any, **settings: Any) -> Any:
        if paused():
            return f(*args, **settings)
        segment = Segment(f, args, settings)
        y = f(*args, **settings)
        return segment.closed(y)

    return forgetful


def entrances_of(result: Node, since: int) -> Iterator[Node]:
    """The older nodes that a gradient of the result reaches through what was made since."""
    known, waiting = {result}, [result]
    while waiting:
        node = waiting.pop()
        for i, x in enumerate(node.inputs):
            if isinstance(x, Node) and x not in known and node.primitive.rule(i):  # type: ignore[union-attr]
                known.add(x)
                if x.birth > since:
                    waiting.append(x)
                elif not x.constant:
                    yield x


def reopened(ends: Sequence[Node]) -> list[Node]:
    """For results of one call of a checkpointed function: the same ones with their inside."""
    segment: Segment = ends[0].settings["segment"]
    since, parts = segment.again()
    return [_checked(end, parts, since) for end in ends]


def _checked(end: Node, parts: list[Any], since: int) -> Node:
    """The part of a second result that an end stood for, if it is the same."""
    place: int = end.settings["part"]
    twin = parts[place] if place < len(parts) else None
    if not isinstance(twin, Node) or _bits(twin._data) != _bits(end._data):
        raise _another(end, f"{short(end._data)} at first, and then {_told(twin, end)}")
    if set(map(id, entrances_of(twin, since))) != set(map(id, end.inputs)):
        raise _another(end, "the same numbers, from other Values")
    return twin


def _bits(data: Array) -> tuple[Any, ...]:
    if is_foreign(data):  # whose numbers nobody looks at
        return data.shape, data.dtype
    array = np.asarray(data)
    return array.shape, array.dtype, array.tobytes()


def _told(twin: Any, end: Node) -> str:
    """What came out the second time, in few words."""
    if not isinstance(twin, Node):
        return "no Value in its place"
    now, before = np.asarray(twin._data), np.asarray(end._data)
    if now.shape != before.shape or now.dtype != before.dtype or not now.ndim:
        return short(twin._data)
    pairs = zip(now.flat, before.flat, strict=True)
    changed = sum(x.tobytes() != y.tobytes() for x, y in pairs)
    return f"the same with {changed} of {now.size} entries changed"


def _another(end: Node, how: str) -> RecomputedError:
    segment: Segment = end.settings["segment"]
    return RecomputedError(
        f"{_called(segment)} is checkpointed and did not do the same again: {name_of(end)} was "
        f"{how}.",
        why="The sweep would differentiate another function than the one that was computed.",
        hint="draw random numbers outside and hand them in;  no global that changes in between",
    )


def _called(segment: Segment) -> str:
    function = segment.function
    name = getattr(function, "__name__", type(function).__name__)
    return f"{name} ({file_and_line(function)})"
