"""The bottom of a loss by SciPy's methods, fed with gradients from here (extra `scipy`)."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_neuron.errors import UnsupportedError
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
    whole table at every step and keeps ten gradients. Raises `UnsupportedError` (TN131) where SciPy
    is missing, and for complex parameters.
    """
    moved = leaves_of(parameters)
    refuse_complex("minimise", moved)

    def measured(x: Array) -> tuple[float, Array]:
        _assign(moved, x)
        for p in moved:
            p.zero_grad()
        result = loss()
        result.backward()
        return result.item(), _joined([p.gradient for p in moved])

    found = _scipy_minimize()(
        measured, _joined([p.data for p in moved]), jac=True, method=method, **settings
    )
    _assign(moved, found.x)
    return found


def _joined(arrays: Sequence[Array]) -> Array:
    return np.concatenate([np.ravel(array) for array in arrays]).astype(np.float64)


def _assign(parameters: Sequence[Value], x: Array) -> None:
    ends = np.cumsum([p.size for p in parameters])[:-1]
    for p, part in zip(parameters, np.split(x, ends), strict=True):
        p.data = part.reshape(p.shape)


def _scipy_minimize() -> Callable[..., Any]:
    try:
        from scipy.optimize import minimize
    except ImportError as error:
        raise UnsupportedError(
            "minimise asks SciPy, which is not installed.",
            hint="pip install scipy, or this package with its extra: [scipy]",
        ) from error
    return minimize
