"""Programs with softmax and its relatives written out, so that what they share is done once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.graph import Array, Primitive
from tinygrad_neuron.program.lines import Line, Name, fresh_name
from tinygrad_neuron.program.passes import without_repetition
from tinygrad_neuron.program.program import Program
from tinygrad_neuron.program.rewriting import rewritten, without_dead_lines
from tinygrad_neuron.program.tracing import program_of


def _around_largest(x: Array, axis: Any) -> tuple[Array, Array, Array]:
    """The largest score m, each one's distance to it, and the exponentials of all but one m."""
    m = ops.max(x, axis=axis, keepdims=True)
    distance = ops.where(x == m, 0.0, x - m)
    ties = ops.sum(ops.where(distance == 0.0, 1.0, 0.0), axis=axis, keepdims=True)
    below = ops.where(distance < 0.0, ops.exp(distance), 0.0)
    rest = ops.sum(below, axis=axis, keepdims=True) + ops.maximum(ties - 1.0, 0.0)
    return m, distance, rest


def _softmax(x: Array, axis: Any) -> Array:
    m, distance, rest = _around_largest(x, axis)
    return ops.where(m == -np.inf, 0.0, ops.exp(distance) / (1.0 + rest))


def _log_softmax(x: Array, axis: Any) -> Array:
    m, distance, rest = _around_largest(x, axis)
    return ops.where(m == -np.inf, -np.inf, distance - ops.log1p(rest))


def _logsumexp(x: Array, axis: Any, keepdims: bool) -> Array:
    m, _, rest = _around_largest(x, axis)
    y = m + ops.log1p(rest)
    return y if keepdims else ops.reshape(y, shape=ops.sum(x, axis=axis).shape)


EXPANSIONS: Mapping[Primitive, Callable[..., Array]] = {
    ops.softmax: _softmax,
    ops.log_softmax: _log_softmax,
    ops.logsumexp: _logsumexp,
}


def expanded(program: Program) -> Program:
    """The program with softmax and its relatives, of arrays, as the lines they consist of.

    In the machine's text each of these is a loop or a function into a buffer, and the scores'
    distances to the largest one serve the loss and its gradient. Equal to rounding.
    """
    taken = {*program.names, *program.constants, *(line.name for line in program.lines)}
    lines: list[Line] = []
    known: dict[Any, Any] = {}
    for old in program.lines:
        line = old.renamed(known)
        fits = line.primitive in EXPANSIONS and line.dtype in (np.float64, np.float32)
        if fits and isinstance(line.inputs[0], Name) and line.shape:
            *parts, known[line.name] = _written_out(line, program, lines, taken)
            lines += parts
        else:
            lines.append(line)
    return without_repetition(without_dead_lines(rewritten(program, lines, known)))


def _written_out(line: Line, program: Program, lines: list[Line], taken: set[str]) -> Iterator[Any]:
    """The lines that one consists of, and the name of its result."""
    (x,) = line.inputs
    shape = next(k.shape for k in _kinds(program, lines) if k.name == x)
    example = np.zeros(shape or (), line.dtype)
    inside = program_of(lambda x: EXPANSIONS[line.primitive](x, **line.settings))(example)
    names: dict[Any, Any] = {Name("x"): x}
    for part in inside.lines:
        names[part.name] = Name(fresh_name(str(part.name), taken), given=False)
        yield replace(part.renamed(names), name=names[part.name])
    yield names[inside.outputs]


def _kinds(program: Program, lines: list[Line]) -> Iterator[Any]:
    yield from program.inputs
    yield from lines
