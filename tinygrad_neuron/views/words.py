"""What a trace's numbers and shapes look like as text, in every view the same."""

from collections.abc import Iterable
from typing import Any

from tinygrad_neuron.lesson.text import number
from tinygrad_neuron.views import formulas
from tinygrad_neuron.views.trace import Trace, decoded

Node = dict[str, Any]
LARGE = 1e9  # whole numbers below are written out
SHORT = 14  # signs of a vector that may stand in a table
FEW = 4  # entries of a vector that are written out beside a name


def shown(value: Any, shape: Iterable[int] = (), digits: int = 6) -> str:
    """A number of a trace to six digits; of an array its entries, or what they are about.

    >>> shown(-763904.0), shown("inf"), shown({"entries": [1.0, 2.5]}, [2])
    ('-763904', 'inf', '[1, 2.5]')
    >>> shown({"min": 0.0, "mean": 0.5, "max": 1.0, "first": [0.0]}, [10, 10])
    '10x10, 0 to 1'
    """
    if value is None:
        return ""
    if not isinstance(value, dict):
        return _one(value, digits)
    entries, shape = value.get("entries"), list(shape)
    size = "x".join(map(str, shape))
    if entries is not None and len(entries) <= FEW and len(shape) <= 1:
        return f"[{', '.join(_one(x, min(digits, 4)) for x in entries)}]"
    if entries is not None and not entries:
        return f"{size}, empty"
    low, high = ends(value)
    return f"{size}, {_one(low, 3)} to {_one(high, 3)}" if low is not None else size


def tight(value: Any, shape: Iterable[int]) -> str:
    """The same in a column of a table: of an array at most 20 signs.

    >>> tight({"entries": [0.123456789, 0.223456789, 0.3]}, [3])
    '3, 0.12 to 0.3'
    """
    text = shown(value, shape)
    if not isinstance(value, dict) or len(text) <= SHORT:
        return text
    low, high = ends(value)
    size = "x".join(map(str, shape))
    return size if low is None else f"{size}, {_one(low, 2)} to {_one(high, 2)}"


def ends(value: Any) -> tuple[Any, Any]:
    """The smallest and the largest entry, as they stand in the trace; None where nobody knows."""
    if not isinstance(value, dict):
        return value, value
    if "min" in value:
        return value["min"], value["max"]
    entries = value.get("entries") or []
    if not entries or any(isinstance(x, str) for x in entries):
        return None, None
    return min(entries), max(entries)


def _one(x: Any, digits: int) -> str:
    known = decoded(x)
    if isinstance(x, bool):
        return str(x)
    if isinstance(known, complex):
        return str(x)
    whole = known.is_integer() and abs(known) < LARGE
    return str(int(known)) if whole else number(known, digits)


def made(node: Node) -> str:
    """What made a node, in short: `v1 = w1*x1`; its name alone for what was given."""
    from_what = node["formula"]
    return node["name"] if from_what is None else f"{node['name']} = {brief(from_what)}"


def brief(formula: str, longest: int = 36) -> str:
    """A formula on one line of a picture; the middle left out of a long one."""
    text = formulas.compact(formula)
    return text if len(text) <= longest else f"{text[: longest - 12]}...{text[-9:]}"


def said(trace: Trace) -> str:
    """The picture in words, for who cannot see it.

    >>> from tinygrad_neuron import Value, trace_of
    >>> x = Value(3.0, name="x")
    >>> said(trace_of(x * x))
    'J = x*x is 9. Its gradient: dJ/dx = 6.'
    """
    nodes = trace["nodes"]
    last = nodes[trace["result"]]
    learnt = [n for n in nodes if n["kind"] == "learnable" and n["gradient"] is not None]
    parts = [f"d{last['name']}/d{n['name']} = {shown(n['gradient'], n['shape'])}" for n in learnt]
    gradient = f" Its gradient: {', '.join(parts[:20])}." if parts else ""
    whole = "" if trace["title"] == last["name"] else f" = {trace['title']}"
    return f"{last['name']}{whole} is {shown(last['value'])}.{gradient}"
