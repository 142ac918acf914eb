"""A program of one sample as the program of many: what depends on the sample has an entry for each.

A loss written with plain numbers, weight by weight, is traced for one row of the data. Every line
that depends on the row becomes an array with an entry for each row, and every result a mean.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.backward import unless_idle
from tinygrad_neuron.errors import UnsupportedError
from tinygrad_neuron.program.lines import Line, Name, fresh_name
from tinygrad_neuron.program.program import Program
from tinygrad_neuron.program.rewriting import rewritten


def over_rows(program: Program, rows: Collection[str], n: int) -> Program:
    """The program whose inputs `rows` are arrays of n numbers, and whose results are means.

    >>> from tinygrad_neuron.program import over_rows, program_of
    >>> one = program_of(lambda w, x, y: (w * x - y) ** 2)(0.0, 0.0, 0.0)
    >>> over_rows(one, ["x", "y"], 3).run(2.0, np.array([0.0, 1.0, 2.0]), np.ones(3))
    3.6666666666666665

    Raises `UnsupportedError` (TN131) for a program with arrays in what depends on the row.
    """
    lifted = set(map(Name, rows))
    taken = {program.name, *program.names, *program.constants, *(x.name for x in program.lines)}
    lines = []
    for line in program.lines:
        if lifted.isdisjoint(line.uses):
            lines.append(line)
            continue
        if line.shape or not (line.primitive.elementwise or line.primitive is unless_idle):
            raise _not_a_number(program, line)
        if line.primitive is unless_idle and line.inputs[0] not in lifted:
            name = Name(fresh_name("v", taken), given=False)
            settings = {"shape": (n,)}
            copies = replace(line, name=name, inputs=line.inputs[:1], shape=(n,), number=False)
            lines.append(replace(copies, primitive=ops.broadcast_to, settings=settings))
            line = replace(line, inputs=(name, line.inputs[1]))
        lifted.add(line.name)
        lines.append(replace(line, shape=(n,), number=False))
    inputs = (_many(x, n) if x.name in rows else x for x in program.inputs)
    whole = program.whole and over_rows(program.whole, rows, n)
    many = replace(program, inputs=tuple(inputs), lines=tuple(lines), whole=whole)
    return _averaged(many, lifted)


def _many(x: Any, n: int) -> Any:
    return replace(x, shape=(n,), number=False, dtype=np.dtype(x.dtype))


def _averaged(program: Program, lifted: Collection[Any]) -> Program:
    """With the mean over the rows in place of every result that depends on them."""
    taken = {program.name, *program.names, *program.constants, *(x.name for x in program.lines)}
    kinds = {x.name: x.dtype for x in program.inputs} | {x.name: x.dtype for x in program.lines}
    lines, means = list(program.lines), {}
    for x in dict.fromkeys(x for x in program.results if x in lifted):
        kind = kinds[x]
        name = Name(fresh_name(f"mean_{x}", taken), given=False)
        settings = {"axis": None, "keepdims": False}
        lines.append(Line(name, ops.mean, (x,), settings, (), kind, kind == np.float64))
        means[x] = name
    return rewritten(program, lines, means)


def _not_a_number(program: Program, line: Line) -> UnsupportedError:
    return UnsupportedError(
        f"{program.name} of one row has {line.name}, by {line.primitive.name}, of {line.shape}.",
        why="Rows are looped over for losses of plain numbers; arrays have axes for that.",
        hint="a loss of all rows at once:  np.mean((x @ w + b - y) ** 2)",
    )
