"""Functions of functions: from a function to the function that is its gradient.

Nothing is left on any Value: `f` runs on fresh Values, one sweep answers, and the answer is made of
Values again. Where somebody could differentiate the answer, the sweep records itself.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinygrad_neuron.backward import seed_for, sweep
from tinygrad_neuron.containers import leaves, mapped
from tinygrad_neuron.errors import LeftGraphError, NotScalarError
from tinygrad_neuron.floats import sweep_floats
from tinygrad_neuron.graph import Array, Node, history, recording, tick, tidy
from tinygrad_neuron.ops import positive, stop_gradient
from tinygrad_neuron.value import Value

Function = Callable[..., Any]


def grad(f: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """The function that gives the gradient of `f`, which returns one number.

    By its first argument, or by those that `argnums` counts. An argument may be a number, an array,
    a Value, or a list, tuple or dict of them, nested as you like; its gradient is built alike. The
    answer is made of Values and can be differentiated again:

    >>> cube = lambda x: x * x * x
    >>> grad(cube)(2.0), grad(grad(cube))(2.0)
    (Value(12.0), Value(12.0))
    >>> grad(lambda p: p["w"] * 3.0 + p["b"])({"w": 1.0, "b": 0.0})
    {'w': Value(3.0), 'b': Value(1.0)}

    Raises `NotScalarError` (TN103) if `f` returns more than one number, and `LeftGraphError`
    (TN105) if it returns a plain number, which no gradient can reach.
    """
    both = value_and_grad(f, argnums)
    return lambda *args, **settings: both(*args, **settings)[1]


def value_and_grad(f: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """The function that gives `f`'s result and its gradient, for the price of one forward pass.

    >>> value_and_grad(lambda w: (w * 256 - 1492) ** 2)(0.0)
    (Value(2226064.0), Value(-763904.0))

    Arguments and errors as for `grad`.
    """

    def value_and_gradient(*args: Any, **settings: Any) -> tuple[Value, Any]:
        chosen = _chosen(argnums, len(args))
        since, fresh = _fresh(args, chosen)
        with recording():
            y = _one_number(f(*fresh, **settings))
        watched = any(isinstance(x, Node) for x in leaves([args[i] for i in chosen]))
        owed, recorded = _owed(y, since, watched)
        gradients = [mapped(lambda x: _gradient(owed.get(x), x), fresh[i]) for i in chosen]
        if not recorded:  # nobody can ask for more, so nothing need be kept
            y = y.detach()
        return y, gradients[0] if isinstance(argnums, int) else tuple(gradients)

    return value_and_gradient


def _chosen(argnums: int | tuple[int, ...], count: int) -> tuple[int, ...]:
    """The positions to differentiate by, counted from the front."""
    asked = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if any(not -count <= i < count for i in asked):
        raise TypeError(f"argnums={argnums}, but the function was called with {count} arguments")
    return tuple(i % count for i in asked)


def _owed(y: Value, since: int, watched: bool) -> tuple[Mapping[Node, Array], bool]:
    """What the nodes born since are owed: as expressions, where somebody could ask for more."""
    floats = None if watched else sweep_floats(y, 1.0)
    if floats and all(leaf.birth >= since for leaf in floats[2]):
        return floats[2], False
    record = watched or any(node.birth < since for node in history(y))
    return sweep(y, seed_for(y), since=since, record=record), record


def _fresh(args: tuple[Any, ...], chosen: tuple[int, ...]) -> tuple[int, list[Any]]:
    """The arguments, the chosen ones as new Values, and the birth of the first of those.

    Differentiating by new nodes keeps nested gradients apart: each sees only its own.
    """
    since = tick()
    fresh = [mapped(_as_new, arg) if i in chosen else arg for i, arg in enumerate(args)]
    return since, fresh


def _as_new(x: Array) -> Value:
    if isinstance(x, np.ndarray) and x.dtype.kind in "iub":
        return Value(x, name="an argument")  # raises TN115
    return positive(x) if isinstance(x, Value) else Value(x)


def _one_number(y: Any) -> Value:
    if not isinstance(y, Value):
        raise LeftGraphError(
            f"The function returned {y!r}, a {type(y).__name__}, and not a Value.",
            why="A plain number does not remember the arguments, so no gradient reaches them.",
            hint="return the Value itself, without .item(), .data or float()",
        )
    if y.shape:
        raise NotScalarError(
            f"The function returned shape {y.shape}; a gradient is of one number.",
            hint="return its .sum() or .mean()",
            shape=y.shape,
        )
    return y


def _gradient(g: Array, x: Value) -> Value:
    """What the sweep owes x, as a Value of x's shape: zero where no path leads to x."""
    if isinstance(g, Value):
        return g
    if type(g) is not float:
        g = tidy(np.zeros(x.shape, x.dtype) if g is None else np.array(g, x.dtype))
    return Value.made(g, stop_gradient)
