"""Is it a loss? Properties that every loss has, asked of one's own in a single line.

Each property is a function of a `Case` that answers with what is wrong, or with nothing. The slopes
are compared with the difference of two values nearby, along one direction for all entries.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from tinygrad_neuron.errors import BroadcastError, LossCheckError, TinygradNeuronError
from tinygrad_neuron.graph import plain
from tinygrad_neuron.losses import labels
from tinygrad_neuron.losses.description import example
from tinygrad_neuron.losses.mechanism import Loss
from tinygrad_neuron.transforms import grad, value_and_grad
from tinygrad_neuron.value import Value

COUNT = 6  # examples
CLOSE = 1e-9  # relative: of sums in another order
SEEN = 1e-5  # of a slope beside a difference quotient
STEPS = (1e-4, 1e-6)  # a corner inside the one need not lie inside the other


class Finding(NamedTuple):
    """A property, and what is wrong with it; nothing where it holds."""

    name: str
    problem: str


@dataclass
class Case:
    """A loss with its parameters and examples it is defined for."""

    loss: Loss
    settings: Mapping[str, Any]
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))

    @cached_property
    def arrays(self) -> tuple[Any, ...]:
        """The prediction, its target and the rest."""
        return example(self.loss, self.rng, COUNT)

    def __call__(self, *arrays: Any, **more: Any) -> Any:
        """The loss as plain numbers."""
        result = self.loss(*(arrays or self.arrays), **{**self.settings, **more})
        return tuple(map(plain, result)) if isinstance(result, tuple) else plain(result)

    def slopes(self, prediction: Any, **more: Any) -> tuple[Any, Any]:
        """The value and the gradient by the prediction."""
        f = value_and_grad(lambda p: self.loss(p, *self.arrays[1:], **{**self.settings, **more}))
        value, slope = f(prediction)
        return plain(value), plain(slope)

    @cached_property
    def each(self) -> Any:
        """The loss of each example."""
        return self(reduction="none")

    def some(self, index: Any) -> tuple[Any, ...]:
        """The arrays of some of the examples."""
        return tuple(x[index] for x in self.arrays)

    @property
    def single(self) -> bool:
        """Whether the examples have one loss together, or depend on each other."""
        return self.loss.coupled or self.loss.rows > 1


def _near(got: Any, wanted: Any, close: float = CLOSE) -> bool:
    return bool(np.allclose(got, wanted, rtol=close, atol=close * 1e-3, equal_nan=True))


def _differs(got: Any, wanted: Any, close: float = CLOSE) -> str:
    if _near(got, wanted, close):
        return ""
    apart = np.abs(np.asarray(got) - np.asarray(wanted))
    at = np.unravel_index(np.argmax(apart), apart.shape)
    return f"{np.asarray(got)[at]:.6g} instead of {np.broadcast_to(wanted, apart.shape)[at]:.6g}"


def _one_each(case: Case) -> str:
    shape = np.shape(case.arrays[0])[: -case.loss.rows or None]
    got = np.shape(case.each)
    return "" if got == shape else f"shape {got} instead of {shape}"


def _mean(case: Case) -> str:
    return _differs(case(), np.mean(case.each))


def _sum(case: Case) -> str:
    return _differs(case(reduction="sum"), np.sum(case.each))


def _parts(case: Case) -> str:
    if case.single:
        return ""
    halves = [case(*case.some(s), reduction="parts") for s in (slice(2), slice(2, None))]
    total, count = (sum(part) for part in zip(*halves, strict=True))
    return _differs(total / count, case())


def _in_single(case: Case) -> tuple[Any, ...]:
    single = (x.astype(np.float32) if x.dtype.kind == "f" else x for x in case.arrays)
    return tuple(single)


def _single_value(case: Case) -> str:
    first, *others = _in_single(case)
    value = np.asarray(case(Value(first), *others, reduction="none"))
    return "" if value.dtype == np.float32 else f"{value.dtype} from a float32 prediction"


def _quotient(f: Callable[[Any], Any], x: Any, way: Any, h: float) -> Any:
    return (f(x + h * way) - f(x - h * way)) / (2.0 * h)


def _slope_seen(f: Callable[[Any], Any], said: Any, x: Any, way: Any) -> str:
    wrong = [_differs(said, _quotient(f, x, way, h), SEEN * (10 if h < 1e-5 else 1)) for h in STEPS]
    return "" if "" in wrong else f"along a direction {wrong[0]}"


def _way(case: Case) -> Any:
    x = case.arrays[0]
    return case.rng.uniform(0.5, 1.0, x.shape) * case.rng.choice([-0.01, 0.01], x.shape)


def _gradient(case: Case) -> str:
    if case.loss.held:
        return ""  # part of it is held constant, so its gradient is not its slope
    x, way = case.arrays[0], _way(case)
    slope = case.slopes(x)[1]
    return _slope_seen(lambda p: case(p, *case.arrays[1:]), np.sum(slope * way), x, way)


def _second(case: Case) -> str:
    if case.loss.held:
        return ""
    x, way = case.arrays[0], _way(case)

    def along(p: Any) -> Any:
        inner = grad(lambda q: case.loss(q, *case.arrays[1:], **case.settings))
        return (inner(p) * way).sum()

    said = np.sum(plain(grad(along)(x)) * way)
    return _slope_seen(lambda p: plain(along(p)), said, x, way)


def _order(case: Case) -> str:
    turned = case.rng.permutation(COUNT)
    if case.loss.rows > 1:
        return _differs(case(*case.some(turned)), case())
    return _differs(case(*case.some(turned), reduction="none"), case.each[turned])


def _alone(case: Case) -> str:
    if case.single:
        return ""
    alone = [case(*case.some(slice(i, i + 1))) for i in range(COUNT)]
    return _differs(alone, case.each)


def _own_slope(case: Case) -> str:
    if case.single:
        return ""
    slope = case.slopes(case.arrays[0], reduction="sum")[1]
    alone = case.some(slice(1))
    own = grad(lambda p: case.loss(p, *alone[1:], reduction="sum", **case.settings))(alone[0])
    return _differs(slope[:1], plain(own))


def _weights(case: Case) -> Any:
    return case.rng.uniform(0.5, 2.0, np.shape(case.each))


def _weighted(case: Case) -> str:
    w = _weights(case)
    return _differs(case(weight=w), np.sum(w * case.each) / np.sum(w))


def _constant_weight(case: Case) -> str:
    return _differs(case(weight=np.full(np.shape(case.each), 3.0)), case())


def _first_left_out(case: Case) -> Any:
    keep = np.ones(np.shape(case.each), bool)
    keep[0] = False
    return keep


def _weight_zero(case: Case) -> str:
    if case.single:
        return ""
    keep = _first_left_out(case)
    return _differs(case(weight=keep.astype(float)), case(*case.some(keep)))


def _mask(case: Case) -> str:
    if case.single:
        return ""
    keep = _first_left_out(case)
    return _differs(case(mask=keep), case(*case.some(keep)))


def _poisoned(case: Case) -> tuple[tuple[Any, ...], Any]:
    keep = _first_left_out(case)
    arrays = tuple(np.copy(x) for x in case.arrays)
    for x in arrays:
        x[0] = np.nan if x.dtype.kind == "f" else -1
    return arrays, keep


def _nan_value(case: Case) -> str:
    if case.single:
        return ""
    arrays, keep = _poisoned(case)
    return _differs(case(*arrays, mask=keep), case(*case.some(keep)))


def _nan_gradient(case: Case) -> str:
    if case.single:
        return ""
    (first, *others), keep = _poisoned(case)
    slope = plain(grad(lambda p: case.loss(p, *others, mask=keep, **case.settings))(first))
    if np.any(slope[0] != 0.0):
        return f"a gradient of {slope[0]} for what is masked"
    return "" if np.isfinite(slope).all() else "nan in the gradient of what is not masked"


def _least(case: Case) -> str:
    if case.loss.minimum is None:
        return ""
    least = np.min(case.each)
    return "" if least >= case.loss.minimum else f"{least:.6g}, below {case.loss.minimum:g}"


def _finite_at(case: Case, x: Any) -> str:
    with np.errstate(all="ignore"):
        value, slope = case.slopes(x)
    fine: Callable[[Any], Any] = _not_nan if case.loss.overflows else np.isfinite
    at = f"a prediction of {np.ravel(x)[0]:g}"
    if not np.all(fine(value)):
        return f"{value} at {at}"
    return "" if np.all(fine(slope)) else f"a gradient of {slope[~fine(slope)][0]} at {at}"


def _not_nan(x: Any) -> Any:
    return ~np.isnan(x)


def _far(size: float) -> Callable[[Case], str]:
    def finite(case: Case) -> str:
        if case.loss.domain.allows is not None:
            return ""
        x = case.arrays[0]
        signs = (np.full_like(x, s * size) for s in (1.0, -1.0))
        mixed = size * np.resize([1.0, -1.0], x.size).reshape(x.shape)
        return next(filter(None, (_finite_at(case, at) for at in (*signs, mixed))), "")

    return finite


def _at_target(case: Case) -> str:
    if len(case.arrays) < 2 or case.loss.kind(1) is None:
        return _finite_at(case, np.zeros_like(case.arrays[0]) + _centre(case))
    target = case.arrays[1]
    if np.shape(target) != np.shape(case.arrays[0]) or case.loss.domain.allows is not None:
        return ""
    return _finite_at(case, target.astype(float))


def _centre(case: Case) -> float:
    return 0.0 if case.loss.domain.allows is None else 0.25


def _shapes(case: Case) -> str:
    if len(case.arrays) < 2:
        return ""
    others = [x[:, None] for x in case.arrays[1:]]
    try:
        case(case.arrays[0], *others)
    except BroadcastError:
        return ""
    return "a target of another shape is taken"


def _unchanged(case: Case) -> str:
    arrays = tuple(np.copy(x) for x in case.arrays)
    case()
    kept = all(map(np.array_equal, arrays, case.arrays))
    return "" if kept else "an array it was given has changed"


def _same_again(case: Case) -> str:
    return (
        "" if np.array_equal(case(reduction="none"), case.each) else "another value the next time"
    )


def _shares_agree(case: Case) -> str:
    if not case.loss.over_classes:
        return ""
    x, t, *rest = case.arrays
    if not labels.is_labels(t):
        return ""
    try:
        shares = case(x, np.eye(x.shape[-1])[t], *rest)
    except TinygradNeuronError:
        return ""  # it takes labels alone, and says so
    return _differs(shares, case())


PROPERTIES: dict[str, Callable[[Case], str]] = {
    "one loss for each example": _one_each,
    "the same value every time": _same_again,
    "leaves what it is given alone": _unchanged,
    "mean is the mean of each": _mean,
    "sum is the sum of each": _sum,
    "parts of a batch add up to it": _parts,
    "float32 gives float32": _single_value,
    "gradient is the slope seen": _gradient,
    "second derivative is the slope of the slope": _second,
    "the order of examples does not matter": _order,
    "an example alone is as among others": _alone,
    "and so is its gradient": _own_slope,
    "weighted mean is sum(w l) / sum(w)": _weighted,
    "equal weights change nothing": _constant_weight,
    "weight 0 leaves out": _weight_zero,
    "a mask leaves out": _mask,
    "nan behind a mask: not in the value": _nan_value,
    "nan behind a mask: not in the gradient": _nan_gradient,
    "never below its least value": _least,
    "finite at predictions of size 50": _far(50.0),
    "finite at predictions of size 1000": _far(1000.0),
    "finite where prediction is target": _at_target,
    "labels agree with shares of 0 and 1": _shares_agree,
    "shapes that differ are refused": _shapes,
}


def examine(function: Any, params: Mapping[str, Any] | None = None, **traits: Any) -> list[Finding]:
    """Every property with what is wrong with it; the first alone where it fails, as all would."""
    loss = function if isinstance(function, Loss) else Loss(function, **traits)
    case = Case(loss, params or {})
    findings = []
    for name, holds in PROPERTIES.items():
        findings.append(Finding(name, _asked(holds, case)))
        if findings[0].problem:
            break
    return findings


def _asked(holds: Callable[[Case], str], case: Case) -> str:
    try:
        return holds(case)
    except Exception as error:
        lines = [line for line in str(error).splitlines() if not line.startswith("[TN")]
        return f"{type(error).__name__}: {lines[0] if lines else ''}"


def check_loss(
    function: Any, params: Mapping[str, Any] | None = None, **traits: Any
) -> list[Finding]:
    """The properties every loss has, of this one; the one line that tests a loss of one's own.

    `params` are parameters other than the defaults; a plain function may be described by the
    keywords of `loss`, such as `rows=1, target="label"`.

    >>> from tinygrad_neuron import losses
    >>> len(check_loss(losses.huber, params={"delta": 2.0})) >= 18
    True
    >>> check_loss(lambda p, t: ((p - t) ** 2) ** 0.5)
    Traceback (most recent call last):
        ...
    tinygrad_neuron.errors.LossCheckError: ...

    Raises `LossCheckError` (TN145) with every property that fails and what was found instead.
    """
    findings = examine(function, params, **traits)
    failed = [finding for finding in findings if finding.problem]
    if failed:
        raise LossCheckError(
            f"{getattr(function, '__name__', 'the loss')} lacks {len(failed)} of {len(PROPERTIES)} "
            "properties:\n" + "\n".join(f"  - {name}: {problem}" for name, problem in failed),
            hint="docs/losses.md says for each how it comes about",
            failed=failed,
        )
    return findings
