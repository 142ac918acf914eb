"""Passes: small functions from a program to a program that gives the same numbers for less."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.containers import leaves, mapped
from tinygrad_neuron.errors import TraceError
from tinygrad_neuron.program.algebra import simplified
from tinygrad_neuron.program.lines import Line, Name, fresh_name, is_array, named
from tinygrad_neuron.program.program import Program
from tinygrad_neuron.program.rewriting import renamed, rewritten, without_dead_lines

VIEWS = {ops.broadcast_to, ops.transpose, ops.reshape, ops.expand_dims, ops.squeeze}


def optimised(program: Program) -> Program:
    """The program after all passes: fewer lines, the same numbers to rounding.

    >>> from tinygrad_neuron.program import program_of
    >>> program = program_of(lambda x: (x * 3.0 + 1.0) ** 2 + (x * 3.0 + 1.0) * 1.0)(2.0)
    >>> len(program), len(optimised(program))
    (7, 4)

    Each pass keeps every bit but `simplified`, which says what it changes.
    """
    lines = None
    while lines is None or len(program) < lines:
        lines = len(program)
        for step in (folded, simplified, without_repetition):
            program = step(program)
    return program


def given(program: Program, **numbers: Any) -> Program:
    """The program with the numbers of some inputs put in: what depends on them alone is done now.

    For a training loop that is what is the same in every step: the data, and what is computed from
    them. The inputs of the program that is left are the others.

    >>> from tinygrad_neuron.program import program_of
    >>> program = program_of(lambda w, x: w * np.sum(np.exp(x)))(1.0, np.zeros(3))
    >>> print(given(program, x=np.zeros(3)).source)
    def f(w):
        return w * 3

    Raises `TraceError` (TN165) for a name that is no input, or a number that does not fit.
    """
    known = {x.name: x for x in program.inputs}
    if not numbers.keys() <= known.keys():
        raise TraceError(
            f"{program.name} has no input {', '.join(sorted(numbers.keys() - known.keys()))}.",
            hint=f"its inputs are {', '.join(known)}",
        )
    data = {Name(name): known[name].taken(x) for name, x in numbers.items()}
    whole = program.whole and _bound(program.whole, data)
    return replace(_bound(program, data), whole=whole)


def _bound(program: Program, data: Mapping[Any, Any]) -> Program:
    """The program with these numbers as constants, and folded."""
    arrays = {name: _kept(x) for name, x in data.items() if is_array(x)}
    left = replace(
        program,
        arguments=tuple(_left(program, data)),
        inputs=tuple(x for x in program.inputs if x.name not in data),
        constants={**program.constants, **arrays},
    )
    single = {name: x for name, x in data.items() if name not in arrays}
    return folded(rewritten(left, [line.renamed(single) for line in left.lines], single))


def _left(program: Program, data: Mapping[Any, Any]) -> Iterator[Any]:
    """The arguments without those that were put in; a container goes in as a whole, or not."""
    for argument in program.arguments:
        put_in = [name in data for name in leaves(argument)]
        if any(put_in) and not all(put_in):
            raise TraceError(
                f"Only a part of {argument} was put in.",
                why="The others would be in a container that nobody could hand over.",
                hint=f"all of it, or none:  {', '.join(leaves(argument))}",
            )
        if not all(put_in):
            yield argument


def _kept(x: Any) -> Any:
    """An array that nobody else writes."""
    x = np.array(x)
    x.flags.writeable = False
    return x


def folded(program: Program) -> Program:
    """With every line computed now that depends on constants alone. To the bit.

    What is only another view of a constant stays a line: it costs nothing, and a copy would.
    """
    constants = dict(program.constants)
    values = dict(constants)  # and of what is a view of them
    taken = {program.name, *program.names, *constants, *(line.name for line in program.lines)}
    known: dict[Any, Any] = {}
    lines = []
    for old in program.lines:
        line = old.renamed(known)
        found = _computed(line, values)
        if found is None or line.primitive in VIEWS:
            lines.append(line)
            values |= {} if found is None else {line.name: found}
        elif is_array(found):
            name = line.name if line.name.given else Name(fresh_name("constant", taken))
            constants[name] = values[name] = _kept(found)
            known[line.name] = name
        else:
            known[line.name] = found
    return without_dead_lines(rewritten(replace(program, constants=constants), lines, known))


def _computed(line: Line, values: Mapping[str, Any]) -> Any:
    """The result of a line of constants; None for any other."""
    if any(x not in values for x in line.uses):
        return None
    settings = {
        key: mapped(lambda x: named(x, values), x) if type(x) is tuple else named(x, values)
        for key, x in line.settings.items()
    }
    with np.errstate(all="ignore"):
        return line.primitive(*(named(x, values) for x in line.inputs), **settings)


def without_repetition(program: Program) -> Program:
    """With every line once: a second one with the same inputs is the first. To the bit."""
    first: dict[Any, Name] = {}
    better: dict[Any, Any] = {}
    known: dict[Any, Any] = {}
    lines = []
    for old in program.lines:
        line = old.renamed(known)
        same = first.setdefault(_likeness(line), line.name)
        if same is line.name:
            lines.append(line)
            continue
        known[line.name] = same
        if line.name.given and not same.given:
            better.setdefault(same, line.name)
    return renamed(rewritten(program, lines, known), better)


def _likeness(line: Line) -> Any:
    """What two lines share that compute the same."""
    settings = tuple((key, type(x), repr(x)) for key, x in line.settings.items())
    return line.primitive, tuple((type(x), repr(x)) for x in line.inputs), settings
