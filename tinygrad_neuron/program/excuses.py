"""The zero-cotangent rule in a program: left out where every slope is finite."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.backward import unless_idle
from tinygrad_neuron.graph import Primitive
from tinygrad_neuron.program.lines import Line, Name
from tinygrad_neuron.program.program import Program
from tinygrad_neuron.program.rewriting import renamed, rewritten, without_dead_lines

# finite for finite inputs, short of an overflow of sums and products
FINITE: frozenset[Primitive] = frozenset(
    {
        *(ops.add, ops.subtract, ops.multiply, ops.negative, ops.square, ops.absolute),
        *(ops.sin, ops.cos, ops.tanh, ops.sech2, ops.sigmoid, ops.arctan, ops.arcsinh),
        *(ops.relu, ops.softplus, ops.maximum, ops.minimum, ops.select, ops.signum, ops.floor),
        *(ops.sum, ops.mean, ops.max, ops.min, ops.matmul, ops.cumsum, ops.sum_to, ops.contract),
        *(ops.reshape, ops.transpose, ops.broadcast_to, ops.expand_dims, ops.squeeze, ops.join),
        *(ops.pile, ops.take, ops.scatter, ops.softmax, ops.log_softmax, ops.logsumexp),
        *(ops.greater, ops.greater_equal, ops.less, ops.less_equal, ops.equal, ops.not_equal),
        *(ops.logical_and, ops.logical_or, ops.logical_not, ops.isnan),
    }
)


def without_idle_excuses(program: Program) -> Program:
    """Without the zero-cotangent rule where every slope is finite, for finite inputs.

    0 times a finite slope needs no excuse. What a sum or a product overflows to is not foreseen;
    `run` notices the nan that comes of it, and goes back to the whole program.
    """
    finite = {x.name for x in program.inputs}
    finite |= {name for name, x in program.constants.items() if np.all(np.isfinite(x))}
    known: dict[Any, Any] = {}
    better: dict[Any, Any] = {}  # what was excused had the better name
    stretched: dict[Any, Any] = {}  # one number over a shape
    lines: list[Line] = []
    for old in program.lines:
        line = old.renamed(known)
        safe = all(x in finite if isinstance(x, Name) else np.isfinite(x) for x in line.inputs)
        if line.primitive is unless_idle and (safe or _surely_owed(line.inputs[1], stretched)):
            known[line.name] = share = line.inputs[0]
            if isinstance(share, Name) and not share.given:
                better.setdefault(share, line.name)
            continue
        lines.append(line)
        if line.primitive is ops.broadcast_to:
            stretched[line.name] = line.inputs[0]
        if line.primitive is unless_idle or (safe and _stays_finite(line)):
            finite.add(line.name)
    if len(lines) == len(program.lines):
        return program
    shorter = renamed(rewritten(program, lines, known), better)
    return replace(without_dead_lines(shorter), whole=program)


# of a nan these make a nan, or they leave it out whatever it is
CARRY: frozenset[Primitive] = frozenset(
    {
        *(ops.add, ops.subtract, ops.multiply, ops.divide, ops.negative, ops.square, ops.exp),
        *(ops.sin, ops.cos, ops.tanh, ops.sech2, ops.sum, ops.mean, ops.sum_to, ops.matmul),
        *(ops.cumsum, ops.contract, ops.select, ops.reshape, ops.transpose, ops.broadcast_to),
        *(ops.expand_dims, ops.squeeze, ops.join, ops.pile, ops.take, ops.scatter),
    }
)


def without_excuses(program: Program) -> Program:
    """Without the zero-cotangent rule wherever its lack would be seen: as a nan in the results.

    Who runs it looks for one, and then goes back to the whole program.
    """
    seen = _seen_in_results(program)
    known: dict[Any, Any] = {}
    lines = []
    for old in program.lines:
        line = old.renamed(known)
        if line.name in seen:
            known[line.name] = line.inputs[0]
        else:
            lines.append(line)
    if not seen:
        return program
    shorter = without_dead_lines(rewritten(program, lines, known))
    return replace(shorter, whole=program.whole or program)


def _seen_in_results(program: Program) -> set[str]:
    """The excuses after which nothing swallows a nan."""
    excuses = {str(line.name) for line in program.lines if line.primitive is unless_idle}
    while True:
        swallowed: set[str] = set()  # the names of which a nan may get lost
        for line in reversed(program.lines):
            carries = line.primitive in CARRY or line.name in excuses
            if not carries or line.name in swallowed:
                swallowed.update(line.uses)
        if not excuses & swallowed:
            return excuses
        excuses -= swallowed


def _surely_owed(x: Any, stretched: Mapping[Any, Any]) -> bool:
    """Whether something is owed, whatever the inputs: a number that is not 0, or many of it."""
    number = stretched.get(x, x)
    return not isinstance(number, Name) and bool(number != 0)


def _stays_finite(line: Line) -> bool:
    if line.primitive in (ops.divide, ops.power):
        b = line.inputs[1]
        if isinstance(b, Name):
            return False
        return b != 0 if line.primitive is ops.divide else b >= 0 and float(b).is_integer()
    return line.primitive in FINITE
