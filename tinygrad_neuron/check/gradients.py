"""The checks a person calls: a gradient against what its function does nearby.

For functions of Values, for pairs of NumPy functions from anywhere, and to any order.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_neuron.check.blame import blamed
from tinygrad_neuron.check.examination import examined
from tinygrad_neuron.check.pair import of_gradient, of_pullback, of_values
from tinygrad_neuron.check.report import Finding, Report, Status
from tinygrad_neuron.errors import GradientCheckError, GradientShapeError, NoDerivativeError

Function = Callable[..., Any]


def check_grad(f: Function, *inputs: Any, order: int = 1, seed: int = 0) -> Report:
    """The verdict on the engine's gradient of `f`, a function of Values, at these inputs.

    An input may be a number, an array, a Value, or a list, tuple or dict of them; what is not
    floating point is handed on as it is. Of a complex z = x + iy both parts move, and its gradient
    is dJ/dx + i dJ/dy. `f` may return any number of results. With `order=2` the
    gradient's own gradient is checked as well, by the inputs and by the cotangent, forward mode is
    compared with reverse, and Hessians must be symmetric; with `order=3` once more. `seed` chooses
    the random directions.

    >>> report = check_grad(lambda x: (x**3).sum(), np.array([1.0, -2.0]), order=2)
    >>> report.status
    'passed'

    A failing report names the operation whose rule is wrong. Raises `CheckInputError` (TN162) if
    nothing in the inputs can move.
    """
    pair = of_values(f, inputs)
    try:
        report = examined(pair, order, np.random.default_rng(seed))
    except GradientShapeError as error:
        report = _refused(pair.names[0], "failed", error)
    except NoDerivativeError as error:
        return _refused(pair.names[0], "inconclusive", error)
    return blamed(report, f, inputs) if report.status == "failed" else report


def _refused(name: str, status: Status, error: Exception) -> Report:
    """What a check says of a gradient that raises."""
    return Report(status, str(error), (Finding(status, name, reason=str(error)),))


def assert_grad(f: Function, *inputs: Any, order: int = 1, seed: int = 0) -> None:
    """Nothing, if `check_grad` passes; else `GradientCheckError` (TN160) with the report as text.

    An inconclusive check raises as well: nothing has been shown.

    >>> assert_grad(lambda x: abs(x), 0.0)
    """
    report = check_grad(f, *inputs, order=order, seed=seed)
    if not report:
        error = GradientCheckError(
            str(report), hint="report = check_grad(f, ...) has these numbers in report.findings"
        )
        error.report = report
        raise error


def check_vjp(f: Function, vjp: Function, *inputs: Any, seed: int = 0) -> Report:
    """The verdict on `vjp(v, *inputs)`, the pullback of a plain NumPy function `f(*inputs)`.

    `v` is built like the result of `f`; the answer is a tuple with a gradient for each input, or
    for one input the gradient itself. Both may come from anywhere: written by hand, or from another
    package.

    >>> check_vjp(np.sin, lambda v, x: v * np.cos(x), np.array([0.3, 1.0])).status
    'passed'
    """
    return examined(of_pullback(f, vjp, inputs), 1, np.random.default_rng(seed))


def check_gradient(f: Function, gradient: Function, x: Any, *, seed: int = 0) -> Report:
    """The verdict on `gradient(x)` for a plain NumPy function `f(x)` that gives one number.

    `x` is a number, an array or a container of them, and the gradient is built alike.

    >>> print(check_gradient(lambda x: x**2, lambda x: x, 3.0).status)
    failed
    """
    return examined(of_gradient(f, gradient, x), 1, np.random.default_rng(seed))
