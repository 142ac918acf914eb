"""The bottom of a loss by SciPy's methods, fed with gradients from here (extra `scipy`)."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_neuron.errors import MissingExtraError
from tinygrad_neuron.graph import Array
from tinygrad_neuron.optim.descent import leaves_of, refuse_complex
from tinygrad_neuron.value import Value


def minimise(
    loss: Callable[[], Value],
    parameters: Iterable[Value],
    *,
    method: Any = "L-BFGS-B",
    **settings: Any,
) -> Any:
    """`scipy.optimize.minimize` of a loss, by the gradient of its parameters.

    `loss()` computes the loss from the parameters as they are. They keep what was reached, in their
    own precision; SciPy works in float64. `method` and `settings` (`tol`, `options`, `callback`,
    ...) and the result are SciPy's.

    >>> w = Value([0.0, 0.0])
    >>> found = minimise(lambda: ((w - np.array([3.0, -1.0])) ** 2).sum(), [w])
    >>> found.success, w.data.round(6)
    (True, array([ 3., -1.]))

    Meant for losses without chance in them, of up to some ten thousand parameters: L-BFGS takes the
    whole table at every step and keeps ten gradients. Raises `MissingExtraError` (TN180) where
    SciPy is missing, and `UnsupportedError` (TN131) for complex parameters.
    """
    return minimise_by(_recorded(loss), parameters, method=method, **settings)


def minimise_by(
    step: Callable[[], float],
    parameters: Iterable[Value],
    *,
    method: Any = "L-BFGS-B",
    **settings: Any,
) -> Any:
    """The same by a function that gives the loss, and adds the gradients to the parameters'."""
    moved = leaves_of(parameters)
    refuse_complex("minimise", moved)
    measured = _measured(step, moved)
    found = _scipy_optimize().minimize(
        measured, _joined([p.data for p in moved]), jac=True, method=method, **settings
    )
    _assign(moved, found.x)
    return found


def settle(loss: Callable[[], Value], parameters: Iterable[Value]) -> None:
    """Move to where the gradient is 0, from a place where it is nearly so.

    A loss near its lowest says no more where that is once it changes by less than rounding, at half
    of the digits; its gradient does (`scipy.optimize.root`, Powell's hybrid method). It takes at
    least a gradient for each number in the parameters. Where that leads to a larger gradient the
    parameters stay as they were.

    >>> w = Value(3.0 + 1e-9)
    >>> settle(lambda: (w - 3.0) ** 2 + 1e3, [w])
    >>> w.data
    3.0
    """
    settle_by(_recorded(loss), parameters)


def settle_by(step: Callable[[], float], parameters: Iterable[Value]) -> None:
    """The same by a function that gives the loss, and adds the gradients to the parameters'."""
    moved = leaves_of(parameters)
    refuse_complex("settle", moved)
    measured, start = _measured(step, moved), _joined([p.data for p in moved])
    found = _scipy_optimize().root(lambda x: measured(x)[1], start, options={"xtol": 1e-15})
    closer = np.linalg.norm(found.fun) <= np.linalg.norm(measured(start)[1])
    _assign(moved, found.x if closer else start)


def _recorded(loss: Callable[[], Value]) -> Callable[[], float]:
    """What computes a loss and goes back through it."""

    def step() -> float:
        result = loss()
        result.backward()
        return result.item()

    return step


def _measured(step: Callable[[], float], moved: Sequence[Value]) -> Callable[[Array], Any]:
    """The loss and its gradient as functions of all parameters in a row."""

    def measured(x: Array) -> tuple[float, Array]:
        _assign(moved, x)
        for p in moved:
            p.zero_grad()
        return step(), _joined([p.gradient for p in moved])

    return measured


def _joined(arrays: Sequence[Array]) -> Array:
    return np.concatenate([np.ravel(array) for array in arrays]).astype(np.float64)


def _assign(parameters: Sequence[Value], x: Array) -> None:
    ends = np.cumsum([p.size for p in parameters])[:-1]
    for p, part in zip(parameters, np.split(x, ends), strict=True):
        p.data = part.reshape(p.shape)


def _scipy_optimize() -> Any:
    try:
        from scipy import optimize
    except ImportError as error:
        raise MissingExtraError.of("SciPy", "scipy", "A minimiser") from error
    return optimize
