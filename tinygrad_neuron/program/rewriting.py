"""What passes share: a program with other lines, with other names, without what nobody needs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tinygrad_neuron.containers import mapped
from tinygrad_neuron.program.lines import Line, Name, named
from tinygrad_neuron.program.program import Program


def rewritten(program: Program, lines: Sequence[Line], known: Mapping[Any, Any]) -> Program:
    """The program with other lines; `known` says what stands for those that were left out."""
    outputs = mapped(lambda x: named(x, known), program.outputs)
    return replace(program, lines=tuple(lines), outputs=outputs)


def renamed(program: Program, names: Mapping[Any, Any]) -> Program:
    """The program with other names for some lines."""
    lines = [
        replace(line.renamed(names), name=names.get(line.name, line.name)) for line in program.lines
    ]
    return rewritten(program, lines, names)


def without_dead_lines(program: Program) -> Program:
    """Without the lines, and the constants, that no output needs. To the bit."""
    needed = {x for x in program.results if isinstance(x, Name)}
    lines = []
    for line in reversed(program.lines):
        if line.name in needed:
            needed.update(line.uses)
            lines.append(line)
    used = {name: x for name, x in program.constants.items() if name in needed}
    return replace(program, lines=tuple(lines[::-1]), constants=used)
