"""The checks a person calls: a gradient against what its function does nearby.

For functions of Values, for pairs of NumPy functions from anywhere, and to any order.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_neuron.check import precision
from tinygrad_neuron.check.blame import find_blame
from tinygrad_neuron.check.pair import Pair, moves, of_function, of_gradient, of_pullback, of_values
from tinygrad_neuron.check.report import Finding, Report, gravest, place_of
from tinygrad_neuron.check.slopes import Judge
from tinygrad_neuron.check.structure import broken_laws
from tinygrad_neuron.check.symmetry import forward_and_reverse, symmetric
from tinygrad_neuron.errors import GradientCheckError
from tinygrad_neuron.transforms import vjp
from tinygrad_neuron.value import Value

Function = Callable[..., Any]


def check_grad(f: Function, *inputs: Any, order: int = 1, seed: int = 0) -> Report:
    """The verdict on the engine's gradient of `f`, a function of Values, at these inputs.

    An input may be a number, an array, a Value, or a list, tuple or dict of them; what is not
    floating point is handed on as it is. `f` may return any number of results. With `order=2` the
    gradient's own gradient is checked as well, by the inputs and by the cotangent, forward mode is
    compared with reverse, and Hessians must be symmetric; with `order=3` once more. `seed` chooses
    the random directions.

    >>> report = check_grad(lambda x: (x**3).sum(), np.array([1.0, -2.0]), order=2)
    >>> report.status
    'passed'

    A failing report names the operation whose rule is wrong. Raises `CheckInputError` (TN152) if
    nothing in the inputs can move, or is complex.
    """
    pair = of_values(f, inputs)
    report = examined(pair, order, np.random.default_rng(seed))
    return find_blame(report, f, inputs, order) if report.status == "failed" else report


def assert_grad(f: Function, *inputs: Any, order: int = 1, seed: int = 0) -> None:
    """Nothing, if `check_grad` passes; else `GradientCheckError` (TN150) with the report as text.

    An inconclusive check raises as well: nothing has been shown.

    >>> assert_grad(lambda x: abs(x), 0.0)
    """
    report = check_grad(f, *inputs, order=order, seed=seed)
    if not report:
        error = GradientCheckError(
            str(report),
            why="A gradient is right if it is what the function does nearby.",
            hint="print(check_grad(f, ...)) shows the whole report",
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


# ------------------------------------------------------------------------------ one after another


def examined(pair: Pair, order: int, rng: np.random.Generator) -> Report:
    """A pair checked to an order: structure first, then slopes; the first mistake is enough."""
    with np.errstate(all="ignore"):  # inf and nan are judged here
        return _examined(pair, order, rng)


def _examined(pair: Pair, order: int, rng: np.random.Generator) -> Report:
    findings: list[Finding] = []
    unseen: list[str] = []
    resolution = 0.0
    evaluations = pullbacks = 0
    for level, each in enumerate(_levels(pair, order, rng), start=1):
        found, judge = _examined_once(each, rng, level)
        findings += found
        if judge is not None:
            resolution = max(resolution, judge.resolution)
            unseen += [place_of(*entry) for entry in sorted(judge.unseen)]
        evaluations, pullbacks = evaluations + each.evaluations, pullbacks + each.pullbacks
        if any(finding.status in ("failed", "inconclusive") for finding in findings):
            break
    status = gravest(finding.status for finding in findings)
    reasons = [finding.reason for finding in findings if finding.status == status]
    worst = next((finding for finding in findings if finding.status == status), None)
    where = f"{worst.place}: " if worst and worst.reason and status != "passed" else ""
    reason = where + reasons[0] if reasons else ""
    return Report(status, reason, tuple(findings), evaluations, pullbacks, resolution, tuple(unseen))


def _levels(pair: Pair, order: int, rng: np.random.Generator) -> Iterator[Pair]:
    """The pair, the pair of its pullback, and so on."""
    yield pair
    for _ in range(order - 1):
        pair = derived(pair, rng)
        yield pair


def derived(pair: Pair, rng: np.random.Generator) -> Pair:
    """The pullback of a function of Values as a function itself: of its inputs and cotangents."""
    count, results = len(pair.inputs), pair.of_values
    assert results is not None

    def pulled(values: list[Any]) -> list[Any]:
        def outputs(*xs: Any) -> tuple[Any, ...]:
            return tuple(y for y in results(list(xs)) if moves(y) and isinstance(y, Value))

        y, pullback = vjp(outputs, *values[:count])
        return list(pullback(tuple(values[count : count + len(y)])))

    vs = [
        np.array(rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape))
        for shape in pair.result_shapes
    ]
    names = [*pair.names, *(f"cotangent {i}" if len(vs) > 1 else "cotangent" for i in range(len(vs)))]
    return of_function(pulled, [*pair.inputs, *vs], names)


def _examined_once(
    pair: Pair, rng: np.random.Generator, level: int
) -> tuple[list[Finding], Judge | None]:
    findings = broken_laws(pair, rng)
    if findings:
        return findings, None
    if not len(pair.start) or not len(pair.here):
        return [Finding("passed", pair.names[0], reason="there is nothing in it", numeric=0.0,
                        analytic=0.0, error=0.0)], None
    judge = Judge(pair, rng, level)
    findings = judge.run()
    if all(finding.status == "passed" for finding in findings):
        findings += precision.lost(pair, judge)
        if level > 1:
            findings += [*forward_and_reverse(pair, rng), *symmetric(pair, rng)]
    return findings, judge
