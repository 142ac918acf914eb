"""A whole training loop as one compiled function: Python is not called from step to step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_neuron.program.lines import Name
from tinygrad_neuron.program.native.building import compiled
from tinygrad_neuron.program.native.compiled import Compiled, signature
from tinygrad_neuron.program.native.writing import HEAD, Feeds, Piece
from tinygrad_neuron.program.program import Program

Numbers = list[Any]


@dataclass
class Loop:
    """A step program that is repeated: its first result is the loss, the others its new state.

    `state` are the inputs that the results become, in order, `batches` those of which every step
    takes the next, with how many there are.
    """

    function: Callable[..., Any]
    code: Compiled
    piece: Piece
    feeds: Feeds
    batches: dict[Any, int]

    @property
    def careful(self) -> bool:
        """Whether a nan may have to be excused, which the compiled step does not do."""
        return self.code.program.whole is not None

    def run(
        self, steps: int, first: int, history: Any, state: Numbers, rest: dict[Any, Any]
    ) -> tuple[int, Numbers, Numbers]:
        """How many steps were done, the state then, and the state before."""
        names = [x for x, _ in self.feeds]
        shapes = [self.code.plan.known.views[x].shape for x in names]
        tables = [np.array(x).ravel() for x, shape in zip(state, shapes, strict=True) if shape]
        last = [x.copy() for x in tables]
        single = [x for x, shape in zip(state, shapes, strict=True) if not shape]
        given = [
            self.code.arrays[x] if x in self.code.arrays else _flat(rest[x])
            for x in self.piece.given
            if x not in names
        ]
        done, _, numbers = self.function(
            steps, first, self.careful, history, *given, *tables, *last, *single
        )
        n = len(single)
        return (
            done,
            list(self._put_together(tables, numbers[:n], shapes)),
            list(self._put_together(last, numbers[n:], shapes)),
        )

    def _put_together(self, tables: Numbers, single: Any, shapes: Sequence[Any]) -> Any:
        arrays, numbers = iter(tables), iter(single)
        for (x, _), shape in zip(self.feeds, shapes, strict=True):
            if shape:
                yield next(arrays).reshape(shape)
            else:
                kind = self.code.plan.known.dtypes[x]
                yield next(numbers) if kind is None else kind.type(next(numbers))


def _flat(x: Any) -> Any:
    return x.ravel() if isinstance(x, np.ndarray) else x


def loop_of(program: Program, state: Sequence[Any], batches: dict[Any, int]) -> Loop | Compiled:
    """The compiled loop of a step; its compiled step alone, where NumPy takes part in it."""
    code = Compiled(program)
    inside = code.plan.program
    loss, *new = inside.results
    if (
        len(code.plan.parts) != 1
        or not code.pieces
        or not {loss, *new} <= code.pieces[0].made.keys()
    ):
        return code
    (piece,) = code.pieces
    piece.loss = loss
    feeds = [(Name(x), y) for x, y in zip(state, new, strict=True)]
    lines = ["@fast", *piece.step("step"), "", ""]
    lines += piece.loop("loop", "step", feeds, batches)
    text = "\n".join([HEAD.format(title=program.name), *lines, ""])
    return Loop(_built(text, program.name, piece, feeds), code, piece, feeds, batches)


def flat_shape(_: Any) -> tuple[int]:
    """Of any array as a loop takes it."""
    return (0,)


def _built(text: str, title: str, piece: Piece, feeds: Feeds) -> Callable[..., Any]:
    from numba import types

    names = [x for x, _ in feeds]
    rest = signature(piece.known, [x for x in piece.given if x not in names], flat_shape)
    own = signature(piece.known, names, flat_shape, writable=names)
    tables = [kind for kind in own if isinstance(kind, types.Array)]
    single = [kind for kind in own if not isinstance(kind, types.Array)]
    head = (types.int64, types.int64, types.boolean, types.float64[::1])
    return compiled(text, "loop", (*head, *rest, *tables, *tables, *single), title)
