"""Algebra on programs: what multiplies by one, adds nothing, or goes there and back is left out."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tinygrad_neuron import ops
from tinygrad_neuron.graph import Primitive, dtype_of
from tinygrad_neuron.ops.shape import shape_of
from tinygrad_neuron.program.lines import Line, Name
from tinygrad_neuron.program.program import Program
from tinygrad_neuron.program.rewriting import rewritten, without_dead_lines

Found = Any  # the name, or the number, that a line's result is already; or another line
Kinds = Mapping[str, tuple[tuple[int, ...], Any]]  # the shape and dtype of every name
Made = Mapping[Any, Line]
ARITHMETIC = {ops.add, ops.subtract, ops.multiply, ops.divide}
NEUTRAL: Mapping[Primitive, Sequence[tuple[int, int]]] = {  # which operand, and what it must be
    ops.add: ((0, 0), (1, 0)),
    ops.subtract: ((1, 0),),
    ops.multiply: ((0, 1), (1, 1)),
    ops.divide: ((1, 1),),
    ops.power: ((1, 1),),
}


def simplified(program: Program) -> Program:
    """Without what algebra says is nothing: x*1, x/1, x+0, x-0, x**1, --x, a transpose of one.

    An array that is one number throughout is that number again, a matrix of one column a vector,
    and the sum over what was broadcast a multiple. To the bit, but for the sign of a zero
    (-0.0 + 0.0 is 0.0), for matrices times columns, whose sums BLAS may add in another order, and
    for multiples, which are rounded once.
    """
    kinds = _kinds(program)
    made: dict[Any, Line] = {}
    known: dict[Any, Any] = {}
    for old in program.lines:
        line = _unstretched(old.renamed(known), made, kinds)
        found = next((x for rule in RULES for x in rule(line, made, kinds)), line)
        if isinstance(found, Line):
            made[found.name] = found
        else:
            known[line.name] = found
    return without_dead_lines(rewritten(program, list(made.values()), known))


def _kinds(program: Program) -> dict[str, tuple[tuple[int, ...], Any]]:
    of: dict[str, Any] = {x.name: (x.shape, x.dtype) for x in program.inputs}
    of |= {x.name: (x.shape, x.dtype) for x in program.lines}
    return of | {name: (shape_of(x), dtype_of(x)) for name, x in program.constants.items()}


def _unstretched(line: Line, made: Made, kinds: Kinds) -> Line:
    """With numbers in place of arrays full of them, where another array gives the shape."""
    numbers = tuple(_number_in(x, made) for x in line.inputs)
    kept = (x for x in numbers if isinstance(x, Name))
    if line.primitive in ARITHMETIC and any(kinds[x] == (line.shape, line.dtype) for x in kept):
        return replace(line, inputs=numbers)
    return line


def _number_in(x: Any, made: Made) -> Any:
    full = made[x].inputs[0] if x in made and made[x].primitive is ops.broadcast_to else None
    return full if type(full) is float else x


def _nothing(line: Line, made: Made, kinds: Kinds) -> Iterator[Found]:
    """An operand that the other one leaves as it is."""
    for i, idle in NEUTRAL.get(line.primitive, ()):
        x, other = line.inputs[1 - i], line.inputs[i]
        same = isinstance(x, Name) and kinds[x] == (line.shape, line.dtype)
        if same and type(other) in (int, float) and other == idle:
            yield x


def _undone(line: Line, made: Made, kinds: Kinds) -> Iterator[Found]:
    """What goes there and back: two signs, two transposes."""
    before = made.get(line.inputs[0])
    if before is None or before.primitive is not line.primitive:
        return
    back_again = line.primitive is ops.transpose and [
        _order(before)[k] for k in _order(line)
    ] == list(range(len(line.shape)))
    if line.primitive is ops.negative or back_again:
        yield before.inputs[0]


def _without_sign(line: Line, made: Made, kinds: Kinds) -> Iterator[Found]:
    """|-x| is |x|."""
    before = made.get(line.inputs[0])
    if line.primitive is ops.absolute and before and before.primitive is ops.negative:
        yield replace(line, inputs=before.inputs)


def _as_it_was(line: Line, made: Made, kinds: Kinds) -> Iterator[Found]:
    """Another view that is the same one: axes in their order, the shape that it had."""
    x = line.inputs[0]
    if not isinstance(x, Name) or kinds[x] != (line.shape, line.dtype):
        return
    if line.primitive in (ops.reshape, ops.broadcast_to):
        yield x
    if line.primitive is ops.transpose and _order(line) == list(range(len(line.shape))):
        yield x


def _order(line: Line) -> list[int]:
    axes, n = line.settings["axes"], len(line.shape)
    return list(range(n))[::-1] if axes is None else [k % n for k in axes]


def _as_vector(line: Line, made: Made, kinds: Kinds) -> Iterator[Found]:
    """`(A @ x[:, None])[..., 0]` is `A @ x`."""
    product = made.get(line.inputs[0])
    if product is None or product.primitive is not ops.matmul or not _of_first_column(line):
        return
    matrix, right = product.inputs
    column = made.get(right)
    if column is None or column.primitive is not ops.expand_dims or column.settings["axis"] != -1:
        return
    (vector,) = column.inputs
    if len(kinds[matrix][0]) == 2 and len(kinds[vector][0]) == 1:
        yield replace(line, primitive=ops.matmul, inputs=(matrix, vector), settings={})


def _counted(line: Line, made: Made, kinds: Kinds) -> Iterator[Found]:
    """The sum over what a number, or an array, was broadcast to, and no more: n times it."""
    full = made.get(line.inputs[0])
    if full is None or full.primitive is not ops.broadcast_to:
        return
    (x,) = full.inputs
    shape: tuple[int, ...] = kinds[x][0] if isinstance(x, Name) else ()
    back = line.primitive in (ops.sum, ops.sum_to) and line.shape == shape
    entries = math.prod(full.shape)
    if back and entries and (not shape or line.primitive is ops.sum_to):
        count = entries / math.prod(line.shape)
        yield replace(line, primitive=ops.multiply, inputs=(x, count), settings={})


def _of_first_column(line: Line) -> bool:
    return line.primitive is ops.take and line.settings["index"] == (..., 0)


Rule = Callable[[Line, Made, Kinds], Iterator[Found]]
RULES: Sequence[Rule] = (_nothing, _undone, _without_sign, _as_it_was, _as_vector, _counted)
