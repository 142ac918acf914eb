"""Programs with functions written out that have parts in common, so that these are done once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.graph import Array, Primitive
from tinygrad_neuron.program.algebra import simplified
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


def _sigmoid(x: Array) -> Array:
    e = ops.exp(-ops.absolute(x))
    return ops.where(x >= 0.0, 1.0, e) / (1.0 + e)


def _softplus(x: Array) -> Array:
    return ops.maximum(x, 0.0) + ops.log1p(ops.exp(-ops.absolute(x)))


def _sech2(x: Array) -> Array:
    c = ops.exp(-2.0 * ops.absolute(x))
    return c * 4.0 / (1.0 + c) ** 2


Expansions = Mapping[Primitive, Callable[..., Array]]
ROW_BY_ROW: Expansions = {
    ops.softmax: _softmax,
    ops.log_softmax: _log_softmax,
    ops.logsumexp: _logsumexp,
}
ENTRY_BY_ENTRY: Expansions = {
    ops.sigmoid: _sigmoid,
    ops.softplus: _softplus,
    ops.sech2: _sech2,
}


def expanded(program: Program, by: Expansions = ROW_BY_ROW) -> Program:
    """The program with some functions of arrays as the lines they consist of.

    In the machine's text each of these is a loop or a function into a buffer, and the scores'
    distances to the largest one serve the loss and its gradient. Equal to rounding; entry by entry
    to the bit.
    """
    taken = {*program.names, *program.constants, *(line.name for line in program.lines)}
    lines: list[Line] = []
    known: dict[Any, Any] = {}
    for old in program.lines:
        line = old.renamed(known)
        fits = line.primitive in by and line.dtype in (np.float64, np.float32)
        if fits and isinstance(line.inputs[0], Name) and line.shape:
            *parts, known[line.name] = _written_out(line, by, program, lines, taken)
            lines += parts
        else:
            lines.append(line)
    whole = simplified(without_dead_lines(rewritten(program, lines, known)))
    return without_repetition(whole)


def _written_out(
    line: Line, by: Expansions, program: Program, lines: list[Line], taken: set[str]
) -> Iterator[Any]:
    """The lines that one consists of, and the name of its result."""
    (x,) = line.inputs
    shape = next(k.shape for k in _kinds(program, lines) if k.name == x)
    alike = line.primitive in ENTRY_BY_ENTRY  # all lines of one shape: a small example will do
    example = np.zeros((1,) * len(shape) if alike else shape, line.dtype)
    inside = program_of(lambda x: by[line.primitive](x, **line.settings))(example)
    names: dict[Any, Any] = {Name("x"): x}
    for part in inside.lines:
        names[part.name] = Name(fresh_name(str(part.name), taken), given=False)
        new = replace(part.renamed(names), name=names[part.name])
        yield replace(new, shape=shape) if alike else new
    yield names[inside.outputs]


def _kinds(program: Program, lines: list[Line]) -> Iterator[Any]:
    yield from program.inputs
    yield from lines
