"""Where inf and nan come from: the first operation that made one, on the way there and back."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from inspect import Parameter, signature
from typing import Any

import numpy as np

from tinygrad_neuron.backward import shares_of, sweep
from tinygrad_neuron.checkpointing import checkpointed, reopened
from tinygrad_neuron.containers import mapped
from tinygrad_neuron.errors import ChangedDataError, LeftGraphError, name_of
from tinygrad_neuron.graph import Array, Node, Primitive, dtype_of, plain, tidy
from tinygrad_neuron.modes import places, recording
from tinygrad_neuron.value import Value

# why it is so, and what to type instead
Advice = tuple[str, str]
Index = tuple[int, ...]

LOG = "log_softmax(z), or losses.binary_cross_entropy(z, y): from the scores z, without p"
BY_ZERO = "where(b == 0, 0, a / where(b == 0, 1, b))   or   a / (b + 1e-12)"
SMALLER = "scale the inputs;  a smaller alpha, if the numbers grow from step to step"
NO_OVERFLOW = f"softmax, logsumexp, softplus and sigmoid do not overflow;  or {SMALLER}"
GROWING = "It grows like exp, which is beyond the largest number above 709.8 (float32: 88.7)."

SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**", "matmul": "@"}
FORWARD: dict[str, Advice] = {
    "log": ("log is -inf at 0, and nan below.", LOG),
    "log2": ("log2 is -inf at 0, and nan below.", LOG),
    "log10": ("log10 is -inf at 0, and nan below.", LOG),
    "log1p": ("log1p is -inf at -1, and nan below.", "log1p(maximum(x, -1 + 1e-12))"),
    "sqrt": ("A negative number has no real root.", "sqrt(maximum(x, 0))"),
    "exp": (GROWING.replace("It grows like exp, which", "exp"), NO_OVERFLOW),
    "exp2": (GROWING, NO_OVERFLOW),
    "expm1": (GROWING, NO_OVERFLOW),
    "sinh": (GROWING, NO_OVERFLOW),
    "cosh": (GROWING, NO_OVERFLOW),
}
BACKWARD: dict[str, Advice] = {
    "sqrt": ("sqrt is vertical at 0.", "sqrt(x + 1e-12)   or   the square, without the root"),
    "power": ("A power between 0 and 1 is vertical at 0.", "(x + 1e-12) ** p"),
    "log": ("The slope of log is 1 / x.", LOG),
    "divide": ("The slopes of a / b are 1 / b and -a / b**2.", BY_ZERO),
}


@dataclass(frozen=True)
class Finding:
    """A number that is not finite though what it was made from is: where, and how it came about.

    `operation` is the name of the primitive, or "leaf" or "constant" for a number that came in like
    this; `place` the line of code, where it is known; `number` stands at `index`, and `count` of
    the `size` numbers there are not finite. `text` says it all.
    """

    operation: str
    place: str
    number: Any
    index: tuple[int, ...]
    count: int
    size: int
    text: str


@dataclass(frozen=True)
class Explanation:
    """Where a value, and where its gradients first stop being finite; None for nowhere."""

    forward: Finding | None
    backward: Finding | None

    def __bool__(self) -> bool:
        return bool(self.forward or self.backward)

    def __repr__(self) -> str:
        """What was found, in the order in which it came about."""
        found = [finding.text for finding in (self.forward, self.backward) if finding]
        return "\n\n".join(found) or "All numbers are finite, and so are the gradients."


def explain_nonfinite(what: Any, *args: Any, **settings: Any) -> Explanation:
    """Where the first inf or nan comes from: in a result, or in a function's result.

    Forward it is the first operation whose value is not finite though its inputs are; backward, the
    first that owes an input something that is not finite though it is owed something finite. False
    if there is none. A function is called with the arguments, and then the lines are known; for a
    result they are, if it was made inside `places`.

    >>> from tinygrad_neuron import log, sigmoid
    >>> found = explain_nonfinite(lambda z: log(sigmoid(z)).sum(), np.array([1.0, -800.0]))
    >>> found.forward.operation, found.forward.index
    ('log', (1,))

    Printed it is a text with the numbers, the reason and what to type instead.

    Raises `LeftGraphError` (TN105) if the function does not return a Value.
    """
    if isinstance(what, Node):
        return _explained(what)
    with recording(), places(), np.errstate(all="ignore"):
        y = what(*named_leaves(what, args), **settings)
    if not isinstance(y, Node):
        raise LeftGraphError(
            f"The function returned {y!r:.60}, a {type(y).__name__}, and not a Value.",
            hint="return the Value itself, without .item(), .data or float()",
        )
    return _explained(y)


def named_leaves(function: Callable[..., Any], args: tuple[Any, ...]) -> list[Any]:
    """Arguments as leaves with the names of the function's parameters."""
    found: Iterable[Parameter] = ()
    with suppress(TypeError, ValueError):  # some builtins have no signature
        found = signature(function).parameters.values()
    names = [p.name for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    names += [f"argument {i}" for i in range(len(names), len(args))]
    return [mapped(partial(_leaf, name=name), arg) for arg, name in zip(args, names, strict=False)]


def _leaf(x: Any, *, name: str) -> Any:
    moves = isinstance(x, float | complex) or getattr(x, "dtype", np.dtype(int)).kind in "fc"
    return Value(x, name=name) if moves and not isinstance(x, Node) else x


def _explained(value: Node) -> Explanation:
    value.only()  # raises TN105 for a batch
    with recording(), places(), np.errstate(all="ignore"):
        forward = _forward(value)
        try:
            backward = _backward(value, tidy(np.ones(value.shape, dtype_of(value))))
        except ChangedDataError:
            if not forward:
                raise
            backward = None
    return Explanation(forward, backward)


# ------------------------------------------------------------------------------ the way there


def _forward(value: Node) -> Finding | None:
    """The oldest node that is not finite by itself, of those that made the value so."""
    if _finite(value):
        return None
    node = min(_sources(value), key=lambda source: source.birth)
    if node.primitive is checkpointed:
        return _forward(reopened([node])[0])
    if node.primitive is None:
        return _came_in(node, "leaf", _called(node, "A leaf"), node.place)
    constant = next((x for x in node.inputs if not _finite(x)), None)
    if constant is not None:
        return _came_in(constant, "constant", f"A constant in {_written(node)}", node.place)
    return _made(node)


def _sources(value: Node) -> Iterator[Node]:
    """The nodes that are not finite though the nodes they were made of are."""
    known, waiting = {value}, [value]
    while waiting:
        node = waiting.pop()
        before = [x for x in node.inputs if isinstance(x, Node) and not _finite(x)]
        if not before:
            yield node
        waiting += [x for x in before if x not in known]
        known.update(before)


def _came_in(x: Array, kind: str, called: str, place: str) -> Finding:
    """What was not finite before anything was computed from it."""
    why = "It was so before anything was computed from it."
    hint = "look at where it comes from, with np.isfinite;  nan_to_num, or the rows without it"
    return _finding(kind, place, plain(x), f"{called} is", "", (why, hint))


def _made(node: Node) -> Finding:
    """What an operation made of finite numbers."""
    name = node.primitive.name  # type: ignore[union-attr]  # it has inputs
    index = _first(node._data)
    there = _there(node, index)
    why, hint = FORWARD.get(name) or _by_zero(node, index) or _beyond(node._data, name)
    return _finding(
        name, node.place, node._data, f"{_called(node)}{_written(node)} is", there, (why, hint)
    )


def _by_zero(node: Node, index: Index) -> Advice | None:
    name = node.primitive.name  # type: ignore[union-attr]  # it has inputs
    if name in ("divide", "reciprocal") and np.any(np.equal(_near(node.inputs[-1], index), 0.0)):
        return "A number divided by 0 is inf, and 0 by 0 is nan.", BY_ZERO
    return None


def _beyond(data: Array, name: str) -> Advice:
    number, dtype = _at(data, _first(data)), dtype_of(data)
    if number != number:
        return f"{name} is not defined there.", "where(...) chooses another function there"
    return f"It is beyond the largest number of {dtype}, {np.finfo(dtype).max:.3g}.", SMALLER


# ------------------------------------------------------------------------------ the way back


def _backward(value: Node, g: Array) -> Finding | None:
    """The youngest node that owes something not finite, of those that made a leaf's gradient so."""
    if dtype_of(value).kind not in "fc":
        return None
    owed = sweep(value, g)
    lost = _lost(owed)
    for node in sorted(owed if lost else (), key=lambda node: -node.birth):
        if not _finite(owed[node]) or lost.isdisjoint(
            x for x in node.inputs if isinstance(x, Node)
        ):
            continue
        found = _owing(node, owed[node], lost)
        if found:
            return found
    return _added_up(lost, owed)


def _lost(owed: Mapping[Node, Array]) -> set[Node]:
    """The nodes on the ways by which something that is not finite comes to a leaf."""
    lost: set[Node] = set()
    for node in sorted(owed, key=lambda node: node.birth):
        onward = node.primitive is None or any(
            x in lost for x in node.inputs if isinstance(x, Node)
        )
        if onward and not _finite(owed[node]):
            lost.add(node)
    return lost


def _owing(node: Node, g: Array, lost: set[Node]) -> Finding | None:
    """What a node owes that is not finite, to one that is lost by it."""
    if node.primitive is checkpointed:
        return _backward(reopened([node])[0], g)
    for x, share in shares_of(node, g, 0, False, False):
        if x in lost and not _finite(share):
            return _owed(node, g, x, plain(share))
    return None


def _owed(node: Node, g: Array, x: Node, share: Array) -> Finding:
    name = node.primitive.name  # type: ignore[union-attr]  # it has inputs
    index = _first(share)
    ones = tidy(np.ones(np.shape(g), dtype_of(g)))
    slopes = next(s for other, s in shares_of(node, ones, 0, False, False) if other is x)
    if _finite(_at(slopes, index)):
        advice = _beyond(share, name)
    elif _finite(node):
        otherwise = f"The slope of {name} is not finite there.", "where(...) around the place"
        advice = BACKWARD.get(name, otherwise)
    else:
        otherwise = f"{name} is not finite on the way there already.", "see to that first"
        advice = FORWARD.get(name, otherwise)
    start = f"Going back, {_written(node)} is owed {_text(_near(g, index))} and owes {_name(x)}"
    return _finding(name, node.place, share, start, _there(node, index), advice)


def _added_up(lost: set[Node], owed: Mapping[Node, Array]) -> Finding | None:
    """Shares that are finite, one by one, and whose sum is not."""
    if not lost:
        return None
    x = max(lost, key=lambda node: node.birth)
    start = f"Going back, all that {_name(x)} is owed adds up to"
    return _finding("add", x.place, owed[x], start, "", _beyond(owed[x], "The sum"))


# ------------------------------------------------------------------------------ in words


def _finding(
    operation: str, place: str, data: Array, start: str, there: str, advice: Advice
) -> Finding:
    """The first entry that is not finite, and the text about it."""
    index = _first(data)
    wrong = ~np.isfinite(data)
    count, size = int(np.count_nonzero(wrong)), int(np.size(wrong))
    number = _at(data, index)
    at = f" at {list(index)}" if index else ""
    share = f" Not finite: {count} of {size} numbers." if size > 1 else ""
    lines = [place, f"{start} {_text(number)}{at}{there}.{share}", advice[0]]
    lines.append(f"  do:  {advice[1]}")
    if not place and operation not in ("leaf", "constant"):
        lines.append("  line:  explain_nonfinite(f, *args), or make it inside `with places():`")
    return Finding(operation, place, number, index, count, size, "\n".join(filter(None, lines)))


def _there(node: Node, index: Index) -> str:
    """`, where p = sigmoid(z) = 0 for z = -800`: the numbers that it was made of."""
    told = (_told(x, index) for x in node.inputs if isinstance(x, Node))
    return f", where {', '.join(dict.fromkeys(told))}"


def _told(x: Node, index: Index) -> str:
    """What is known of an input, and one step back."""
    names, number = [name_of(x, "")], _text(_near(x, index))
    before = [y for y in x.inputs if isinstance(y, Node)]
    if not before or x.primitive is checkpointed:
        return f"{_name(x)} = {number}"
    origin = dict.fromkeys(f"{_name(y)} = {_text(_near(y, index))}" for y in before)
    return f"{' = '.join(filter(None, [*names, _written(x), number]))} for {', '.join(origin)}"


def _written(node: Node, deep: int = 1) -> str:
    """`log(p)`, `a / b`: an operation on what its inputs are called."""
    function: Primitive = node.primitive  # type: ignore[assignment]  # it has inputs
    sign = SIGNS.get(function.name)
    names = [_name(x, deep, bool(sign)) for x in node.inputs]
    return f" {sign} ".join(names) if sign else f"{function.name}({', '.join(names)})"


def _name(x: Array, deep: int = 1, bracketed: bool = False) -> str:
    """What something is called, by name or by how it was made."""
    if not isinstance(x, Node):
        return _text(x)
    name = name_of(x, "")
    if name or not x.primitive:
        return name or "a leaf"
    if not deep or not x.inputs or x.primitive is checkpointed:
        return f"{x.primitive.name}(...)"
    text = _written(x, deep - 1)
    return f"({text})" if bracketed and x.primitive.name in SIGNS else text


def _called(node: Node, otherwise: str = "") -> str:
    """`loss = `, of a node that has a name."""
    name = name_of(node, "")
    if otherwise:
        return name or otherwise
    return f"{name} = " if name else ""


def _near(x: Array, index: Index) -> Array:
    """The entry of an input that belongs to an entry of the output; else all of the input."""
    data = plain(x)
    shape = np.shape(data)
    own = index[len(index) - len(shape) :]
    if len(own) != len(shape) or any(i >= n > 1 for i, n in zip(own, shape, strict=True)):
        return data
    return _at(data, tuple(min(i, n - 1) for i, n in zip(own, shape, strict=True)))


def _text(x: Array) -> str:
    """A number to six digits; an array by its shape and its range."""
    if not np.ndim(x):
        return f"{x:.6g}"
    span = f" from {np.min(x):.6g} to {np.max(x):.6g}" if np.size(x) else ""
    return f"<shape {np.shape(x)}{span}>"


def _first(data: Array) -> Index:
    return tuple(int(k) for k in np.argwhere(~np.isfinite(data))[0]) if np.ndim(data) else ()


def _at(data: Array, index: Index) -> Any:
    return np.asarray(data)[index]


def _finite(x: Array) -> bool:
    data = plain(x)
    moves = dtype_of(data).kind in "fc"
    return not moves or bool(np.isfinite(data).all())
