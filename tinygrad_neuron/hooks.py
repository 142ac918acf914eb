"""A gradient looked at, or changed, on its way back: the identity with a rule of one's own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from tinygrad_neuron.errors import GradientShapeError, UnsupportedError, file_and_line
from tinygrad_neuron.graph import Array, dtype_of, elementwise
from tinygrad_neuron.ops.shape import shape_of

Look = Callable[[Any], Any]


class OnlyBackwardError(UnsupportedError):
    """A hook on the way of a tangent, of which it can make nothing."""


_forward: ContextVar[bool] = ContextVar("forward", default=False)


@contextmanager
def forward() -> Iterator[None]:
    """The time during which a pullback is recorded in order to be pulled back itself.

    What is owed then is a stand-in: its numbers mean nothing, and it may be used in linear ways
    only.
    """
    token = _forward.set(True)
    try:
        yield
    finally:
        _forward.reset(token)


def _seen(g: Array, y: Array, x: Array, look: Look) -> Array:
    """What a hook makes of a gradient: another one like it; the same one, if it only looks."""
    if _forward.get():
        raise OnlyBackwardError(
            f"{_called(look)} waits for a gradient on its way back, and forward there is none.",
            why="A tangent goes the other way, and a hook may do with a gradient what it likes.",
            hint="vjp, grad or backward();  or this function without on_grad",
        )
    changed = look(_to_look_at(g))
    if changed is None:
        return g
    weak = isinstance(changed, int | float)  # as beside any Value, it takes its precision
    if shape_of(changed) != shape_of(g) or not (weak or dtype_of(changed) == dtype_of(g)):
        raise _unlike(changed, g, look)
    return np.array(changed) if isinstance(changed, np.ndarray) else changed


@elementwise(_seen, steep=False, holomorphic=False)
def on_grad(x: Array, *, look: Look) -> Array:
    """x as it is; `look` is called with its gradient when that is complete."""
    return x


def _to_look_at(g: Array) -> Array:
    """A gradient as a hook may keep it: of an array a copy, which refuses to be written to."""
    if not isinstance(g, np.ndarray):
        return g
    g = g.copy()
    g.flags.writeable = False
    return g


def _unlike(changed: Array, g: Array, look: Look) -> GradientShapeError:
    given, wanted = (f"shape {shape_of(x)} and dtype {dtype_of(x)}" for x in (changed, g))
    return GradientShapeError(
        f"{_called(look)} was given a gradient of {wanted}, and returned {given}.",
        why="A gradient has the shape and the precision of its Value, also on its way.",
        hint="return a changed gradient of the same shape and dtype, or None to leave it as it is",
        given=shape_of(changed),
        wanted=shape_of(g),
    )


def _called(look: Look) -> str:
    name = getattr(look, "__name__", type(look).__name__)
    return f"The hook {name.replace('<lambda>', 'lambda')} ({file_and_line(look)})"
