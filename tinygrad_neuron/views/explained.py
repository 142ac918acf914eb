"""A gradient explained in words and numbers: each arrow, each path, and what it means."""

import ast
from collections.abc import Iterator
from typing import Any

from tinygrad_neuron.lesson.text import count, number, wrapped
from tinygrad_neuron.views.formulas import compact
from tinygrad_neuron.views.trace import Trace, decoded
from tinygrad_neuron.views.tree import LINES, Branches, tree
from tinygrad_neuron.views.words import brief, made, shown, tight

Event = dict[str, Any]
Path = tuple[Event, ...]  # from the result to a leaf
PATHS = 6  # that are written out for a leaf; more are counted
CHAINS = 4  # leaves whose chain rule is written out
HEAD = ("#", "through", "to", "upstream", "local", "adds", "grad so far")
NUMBERS, CUT, DISPENSABLE = (0, 3, 5), (4, 1), (3, 5)  # columns: numbers, formulas, repetitions
NOTES = {  # what an operation does to a gradient, said once
    "add": "+ hands the gradient on unchanged",
    "subtract": "- hands it on unchanged to the left, and with its sign turned to the right",
    "multiply": "* multiplies it by the other factor",
    "divide": "/ divides it by the denominator on the left",
    "maximum": "maximum hands all of it to the larger one, and nothing to the other",
    "minimum": "minimum hands all of it to the smaller one, and nothing to the other",
    "select": "where hands it to the branch that was chosen",
    "relu": "relu hands it on where its input is positive, and nothing elsewhere",
    "matmul": "@ multiplies it by the other matrix, turned round",
    "sum": "sum hands it to every entry",
    "mean": "mean hands each entry its part of it",
}


def explained(trace: Trace, *, signs: Branches = LINES, width: int = 100) -> str:
    """All of it: the tree, the table of the way back, the chain rule, and the cost."""
    parts = [
        tree(trace, signs=signs, width=width),
        table(trace, width),
        "\n".join(line for leaf in _told(trace) for line in _chain(trace, leaf, width)),
        cost(trace, width),
    ]
    return "\n\n".join(part for part in parts if part)


def _learnable(trace: Trace) -> list[dict[str, Any]]:
    return [node for node in trace["nodes"] if node["kind"] == "learnable"]


def _told(trace: Trace) -> list[dict[str, Any]]:
    """The learnable numbers whose chain rule can be written out."""
    numbers = [node for node in _learnable(trace) if not node["shape"]]
    return numbers[:CHAINS]


def backward(trace: Trace) -> list[Event]:
    """The events on the way back."""
    return [event for event in trace["events"] if event["kind"] == "backward"]


# ------------------------------------------------------------------------------------ the table


def table(trace: Trace, width: int = 100) -> str:
    """One line for each arrow: what came in, the local derivative, what it adds, and the sum."""
    events = backward(trace)
    if not events:
        return "backward: there is no way from the result to anything learnable"
    rows = [HEAD, *(_row(trace, k, event) for k, event in enumerate(events, 1))]
    lines = _fitted(rows, width)
    title = "backward, one line per arrow".ljust(38) + "adds = upstream x local"
    return "\n".join([title, *lines, *_notes(trace, events, width)])


def _row(trace: Trace, k: int, event: Event) -> tuple[str, ...]:
    node, x = trace["nodes"][event["node"]], trace["nodes"][event["input"]]
    before, after = (tight(event[key], x["shape"]) for key in ("before", "after"))
    return (
        str(k),
        made(node),
        x["name"],
        tight(event["upstream"], node["shape"]),
        local_text(event, node),
        tight(event["adds"], x["shape"]),
        f"{before} -> {after}",
    )


def local_text(event: Event, node: dict[str, Any]) -> str:
    """The local derivative, as a formula and as a number: `2e = -2984`."""
    if event["local"] is None:
        share = event["share"]
        return brief(share) if share else f"the rule of {node['op']}"
    value = tight(event["local"], node["shape"])
    formula = brief(event["formula"]) if event["formula"] else ""
    if formula and (formula.lstrip("-").isdecimal() or isinstance(event["local"], dict)):
        return formula
    return f"{formula} = {value}" if formula else value


def _fitted(rows: list[tuple[str, ...]], width: int) -> list[str]:
    """The rows in columns. What is too wide is cut where formulas stand; then columns are left out.

    What came in is the gradient of another line, and what is added the step of the sum.
    """
    shown = list(range(len(HEAD)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for left_out in (None, *DISPENSABLE):
        shown = [k for k in shown if k != left_out]
        over = sum(widths[k] + 2 for k in shown) - 1 - width
        for k in CUT:
            less = min(max(over, 0), max(widths[k] - 14, 0)) if left_out is None else 0
            widths[k], over = widths[k] - less, over - less
        if over <= 0:
            break
    return [_line([row[k] for k in shown], [widths[k] for k in shown], shown) for row in rows]


def _line(row: list[str], widths: list[int], columns: list[int]) -> str:
    cells = []
    for cell, width, k in zip(row, widths, columns, strict=True):
        text = cell if len(cell) <= width else f"{cell[: width - 3]}..."
        cells.append(f"{text:>{width}}" if k in NUMBERS else f"{text:{width}}")
    return " " + "  ".join(cells).rstrip()


def _notes(trace: Trace, events: list[Event], width: int) -> Iterator[str]:
    """What the operations that came by do to a gradient, and what was added up."""
    seen = dict.fromkeys(trace["nodes"][event["node"]]["op"] for event in events)
    told = [NOTES[op] for op in seen if op in NOTES]
    if told:
        yield wrapped(f"  {'; '.join(told)}.", width)
    for k, event in enumerate(events, 1):
        if event["summed"]:
            name = trace["nodes"][event["input"]]["name"]
            yield wrapped(f"  {k}: what {name} is owed is the {event['summed']}.", width)


# ------------------------------------------------------------------------------- the chain rule


def paths_to(trace: Trace, leaf: int) -> list[Path]:
    """The ways from the result to a leaf, up to one more than are written out."""
    by_input: dict[int, list[Event]] = {}
    for event in backward(trace):
        by_input.setdefault(event["input"], []).append(event)
    found: list[Path] = []
    waiting: list[Path] = [(event,) for event in reversed(by_input.get(leaf, []))]
    while waiting and len(found) <= PATHS:
        path = waiting.pop()
        if path[0]["node"] == trace["result"]:
            found.append(path)
        else:
            before = by_input.get(path[0]["node"], [])
            waiting += [(event, *path) for event in reversed(before)]
    return found


def path_count(trace: Trace, leaf: int) -> int:
    """How many ways lead from the result to a leaf."""
    ways = {trace["result"]: 1}
    for event in backward(trace):
        ways[event["input"]] = ways.get(event["input"], 0) + ways.get(event["node"], 0)
    return ways.get(leaf, 0)


def _chain(trace: Trace, leaf: dict[str, Any], width: int) -> Iterator[str]:
    """The chain rule for one learnable number, as a sum over its paths, and in words."""
    ways = path_count(trace, leaf["id"])
    result = trace["nodes"][trace["result"]]
    slope = f"d{result['name']}/d{leaf['name']}"
    paths = paths_to(trace, leaf["id"])
    readable = 0 < ways <= PATHS and all(_is_read(event) for path in paths for event in path)
    if not readable:
        many = f"{ways} paths, too many to write out" if ways > PATHS else count(ways, "path")
        yield f"chain rule for {leaf['name']} ({many}):  {slope} = {shown(leaf['gradient'])}"
    elif ways == 1:
        yield _broken(
            f"chain rule for {leaf['name']} (1 path):  {_product(trace, paths[0], slope)}", width
        )
    else:
        yield f"chain rule for {leaf['name']} ({ways} paths, and their sum):"
        for path in paths:
            yield _broken(f"  {_product(trace, path, 'through ' + _way(trace, path))}", width)
        parts = " + ".join(_bracketed(shown(_worth(path))) for path in paths)
        yield _broken(f"  {slope} = {parts} = {shown(leaf['gradient'])}", width)
    yield from _zero_factor(trace, leaf, slope, width)
    yield from _in_words(trace, leaf, result)


def _zero_factor(trace: Trace, leaf: dict[str, Any], slope: str, width: int) -> Iterator[str]:
    """Which factor is 0 where a gradient is, though there is a path."""
    if leaf["gradient"] is None or decoded(leaf["gradient"]) != 0.0:
        return
    reached = {leaf["id"]}
    for event in reversed(backward(trace)):
        if event["input"] not in reached:
            continue
        reached.add(event["node"])
        node, x = trace["nodes"][event["node"]], trace["nodes"][event["input"]]
        numbers = [decoded(event[key]) for key in ("upstream", "local") if event[key] is not None]
        if len(numbers) == 2 and numbers[0] and numbers[1] == 0.0:
            yield wrapped(
                f"{slope} is exactly 0 although there is a path: the local derivative of "
                f"{node['op']} at {x['name']} = {shown(x['value'])} is 0.",
                width,
            )
            return


def _broken(line: str, width: int) -> str:
    """A long line broken between the sides of an equation; inside one only where it is too long."""
    sides = []
    for side in line.split(" = "):
        kept = side.replace(" ", "\xa0")
        sides.append(kept if len(side) < width - 8 else kept.replace("\xa0.\xa0", "\xa0. "))
    return wrapped(" =\xa0".join(sides), width, "      ").replace("\xa0", " ")


def _is_read(event: Event) -> bool:
    return event["formula"] is not None and not isinstance(event["local"], dict)


def _way(trace: Trace, path: Path) -> str:
    """The nodes on a path, from the leaf up: `x, v1, J`; where two inputs are one, which."""
    names = [trace["nodes"][event["input"]]["name"] for event in reversed(path)]
    last = path[-1]
    twice = trace["nodes"][last["node"]]["inputs"].count(last["input"]) > 1
    which = f" (as input {last['position'] + 1})" if twice else ""
    return f"{names[0]}{which}, {', '.join([*names[1:], trace['nodes'][trace['result']]['name']])}:"


def _product(trace: Trace, path: Path, start: str) -> str:
    """The product of the slopes on a path: in d's, in formulas, in numbers."""
    nodes = trace["nodes"]
    ds = [f"d{nodes[e['node']]['name']}/d{nodes[e['input']]['name']}" for e in path]
    formulas = [compact(event["formula"]) for event in path]
    worth = shown(_worth(path))
    steps = [" . ".join(ds) if len(ds) > 1 or not start.startswith("d") else ""]
    steps += [" . ".join(map(_factor, formulas)), _numbers(trace, path), worth]
    if start.startswith("d"):
        steps = [start, *steps]
        return " = ".join(dict.fromkeys(filter(None, steps)))
    return f"{start}  " + " = ".join(dict.fromkeys(filter(None, steps)))


def _factor(formula: str) -> str:
    return f"({formula})" if " + " in formula or " - " in formula else formula


def _worth(path: Path) -> float:
    """The product itself, from the result on."""
    product = 1.0
    for event in path:
        product *= float(decoded(event["local"]))
    return product


def _numbers(trace: Trace, path: Path) -> str:
    """`2(-1492)(256)`: the factors with numbers in place of names, without those that are 1."""
    values = {node["name"]: node["value"] for node in trace["nodes"]}
    texts = [_with_numbers(event, values) for event in path]
    said = [text for text in texts if text != "(1)"]
    if len(said) == 1:
        return said[0].removeprefix("(").removesuffix(")") if said[0][0] == "(" else said[0]
    return "".join(said)


def _with_numbers(event: Event, values: dict[str, Any]) -> str:
    tree = ast.parse(event["formula"], mode="eval").body
    match tree:
        case ast.BinOp(ast.Constant(int() as factor), ast.Mult(), ast.Name(name)):
            return f"{factor}({shown(values[name])})"
    return f"({shown(event['local'])})"


def _bracketed(text: str) -> str:
    return f"({text})" if text.startswith("-") else text


def _in_words(trace: Trace, leaf: dict[str, Any], result: dict[str, Any]) -> Iterator[str]:
    for nudge in trace["nudges"]:
        if nudge["node"] == leaf["id"]:
            foretold, measured = (decoded(nudge[key]) for key in ("foretold", "measured"))
            yield (
                f"in words: if {leaf['name']} grows by {number(nudge['by'])}, {result['name']} "
                f"changes by about {number(foretold, 4)}   (measured: {number(measured, 5)})"
            )


# ------------------------------------------------------------------------------------- the cost


def cost(trace: Trace, width: int = 100) -> str:
    """Why backwards: how many passes each way of differentiating takes."""
    n = sum(_size(node) for node in _learnable(trace))
    if not n:
        return ""
    passes = "1 pass" if n == 1 else f"{n} passes"
    return wrapped(
        f"cost: reverse mode 1 backward pass for {count(n, 'learnable value')}; forward mode would "
        f"need {passes}, finite differences {2 * n} evaluations",
        width,
    )


def _size(node: dict[str, Any]) -> int:
    size = 1
    for length in node["shape"]:
        size *= length
    return size
