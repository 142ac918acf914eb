"""From the loss of each example to what everybody may ask of a loss.

A loss is a plain function of Values that gives the loss of each entry, or of each row. `@loss` adds
the rest, once for all of them: shapes that must agree, targets that make sense, masks, weights and
the reduction to one number. Whatever is masked is not there: it is taken out before the function is
called, so that a nan in it reaches neither value nor gradient.
"""

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any, overload

import numpy as np

from tinygrad_neuron.arrays import is_foreign, on_blocks
from tinygrad_neuron.blocks import by_blocks
from tinygrad_neuron.errors import BroadcastError, LossError
from tinygrad_neuron.graph import Array, Node, any_foreign, dtype_of, plain
from tinygrad_neuron.losses import labels, registry
from tinygrad_neuron.losses.compare import Shape, called, mismatch, operand
from tinygrad_neuron.losses.description import describe
from tinygrad_neuron.losses.kinds import KINDS, Kind, check_entries, check_limit
from tinygrad_neuron.ops import astype, mean, moveaxis, reshape, scatter, select, sum, take
from tinygrad_neuron.ops.shape import shape_of

Slope = float | Callable[..., float] | None

REDUCTIONS = ("mean", "sum", "none", "parts")
EMPTY = ("error", "zero", "nan")
NO_OPTIONS = labels.Options()
LABELS = "label"  # the target of a loss over classes: labels or distributions

_checked: ContextVar[bool] = ContextVar("checked", default=True)


@contextmanager
def unchecked() -> Iterator[None]:
    """A block in which losses do not look at the entries of targets, only at shapes.

    >>> from tinygrad_neuron import Value, losses
    >>> with losses.unchecked():
    ...     losses.hinge(Value(0.5), 3.0)
    Value(0.0)
    """
    token = _checked.set(False)
    try:
        yield
    finally:
        _checked.reset(token)


class Loss:
    """A function of Values for each example, with reduction, weights, masks, checks and a name.

    Call it as `loss(prediction, target)`, with any of

    | keyword | meaning |
    |---|---|
    | `reduction` | `"mean"`, Σwl / Σw; `"sum"`, Σwl; `"none"`, wl; `"parts"`, (Σwl, Σw) |
    | `weight` | how much each example counts: one number from 0 on for each |
    | `mask` | which examples are there: what is not reaches neither value nor gradient |
    | `empty` | of the mean of none: `"error"`, `"zero"` or `"nan"` |
    | `axis` | where the row of a loss of rows lies, or its several axes; else the last |

    and, over classes, `ignore_index`, `class_weight`, `label_smoothing` and `classes`. Totals and
    weights of parts add up: the sum of totals over the sum of weights is the mean of all.

    Raises `BroadcastError` (TN112) for shapes that differ, `LossError` (TN135) for entries or
    parameters that the loss is not defined for.
    """

    __name__: str
    __qualname__: str

    def __init__(
        self,
        function: Callable[..., Array],
        *,
        rows: int = 0,
        target: str | Sequence[str] = "same",
        domain: str = "prediction",
        aliases: Sequence[str] = (),
        formula: str = "",
        source: str = "",
        minimum: float | None = 0.0,
        limits: dict[str, str] | None = None,
        convex: bool | None = None,
        lipschitz: Slope = None,
        smooth: float | None = None,
        elicits: str = "",
        kinks: Sequence[tuple[float, float]] = (),
        coupled: bool = False,
        overflows: bool = False,
        held: bool = False,
    ) -> None:
        functools.update_wrapper(self, function)
        self.function, self.rows = function, rows
        self.targets = (target,) if isinstance(target, str) else tuple(target)
        self.over_classes = LABELS in self.targets
        self.domain = KINDS[domain]
        self.aliases, self.formula, self.source = tuple(aliases), formula, source
        self.minimum, self.limits = minimum, limits or {}
        self.convex, self.lipschitz, self.smooth = convex, lipschitz, smooth
        self.elicits, self.kinks = elicits, tuple(kinks)
        self.coupled, self.overflows, self.held = coupled, overflows, held
        parameters = list(inspect.signature(function).parameters.values())
        self.arrays = tuple(p.name for p in parameters[: 1 + len(self.targets)])
        self.parameters = {p.name: p.default for p in parameters[len(self.arrays) :]}
        self.optional = {p.name: None for p in parameters[: len(self.arrays)] if p.default is None}

    def __repr__(self) -> str:
        return f"<loss {self.__name__}>"

    def __reduce__(self) -> str:
        return self.__qualname__

    def kind(self, i: int) -> Kind | None:
        """What array number i may hold; None for labels, which have their own rules."""
        name = self.targets[i - 1] if i else ""
        return self.domain if not i else None if name == LABELS else KINDS[name]

    def __call__(
        self,
        *given: Array,
        weight: Array = None,
        mask: Array = None,
        reduction: str = "mean",
        empty: str = "error",
        axis: int | tuple[int, ...] | None = None,
        **settings: Any,
    ) -> Any:
        """The loss of a prediction beside its target, reduced."""
        if len(given) != len(self.arrays):
            given = self._bound(given, settings)
        options = self._options(settings)
        self._check_settings(settings, reduction, empty)
        arrays = self._read(given, axis)
        shape = shape_of(arrays[0])[: -self.rows or None]
        stays = any_foreign(*arrays, mask, weight)
        keep = _present(mask, weight, shape) if stays else _kept(mask, weight, shape)
        if options is not None:
            arrays, weight, keep = self._of_classes(given, arrays, options, weight, keep)
        if keep is not None and not stays:
            arrays = tuple(x if x is None else take(x, index=keep) for x in arrays)
            weight = None if weight is None else take(weight, index=keep)
        if _checked.get():
            arrays = self._check(given, arrays, keep)
        each = self._each(arrays, options, settings, stays)
        if keep is not None and stays:
            each, weight = self._left_in(each, weight, keep)
            keep = None
        return _reduced(each, weight, keep, shape, reduction, empty)

    # ------------------------------------------------------------------------- what was given

    def _bound(self, given: tuple[Array, ...], settings: dict[str, Any]) -> tuple[Array, ...]:
        """`huber(x, t, 2.0)` is `huber(x, t, delta=2.0)`; arrays may stand by name."""
        names = (*self.arrays, *self.parameters)
        found = self.optional | dict(zip(names, given, strict=False))
        found |= {name: settings.pop(name) for name in self.arrays if name in settings}
        if len(given) > len(names) or any(name not in found for name in self.arrays):
            raise TypeError(f"{self.__name__}({', '.join(names)}) takes {words(self.arrays)}")
        settings.update({k: v for k, v in found.items() if k not in self.arrays})
        return tuple(found[name] for name in self.arrays)

    def _options(self, settings: dict[str, Any]) -> labels.Options | None:
        if not self.over_classes:
            return None
        given = {k: settings.pop(k) for k in labels.Options._fields if k in settings}
        if not given:
            return NO_OPTIONS
        options = labels.Options(**given)
        check_limit(self.__name__, "label_smoothing", "share", options.label_smoothing, 0.1)
        return options

    def _check_settings(self, settings: dict[str, Any], reduction: str, empty: str) -> None:
        for name, value in settings.items():
            if name not in self.parameters:
                known = ", ".join([*self.parameters, "weight", "mask", "reduction"])
                raise TypeError(f"{self.__name__} has no parameter {name!r}: it takes {known}")
            if name in self.limits:
                check_limit(self.__name__, name, self.limits[name], value, self.parameters[name])
        _choice("reduction", reduction, REDUCTIONS)
        _choice("empty", empty, EMPTY)

    def _read(self, given: tuple[Array, ...], axis: Any) -> tuple[Array, ...]:
        """The arrays in one precision, rows on the last axis, each of the shape it must have."""
        first = self._row_last(_floating(given[0], self.arrays[0]), axis)
        shape, dtype = shape_of(first), dtype_of(first)
        if self.rows and not shape:
            raise _no_rows(self.__name__, given[0])
        if len(given) > 1 and isinstance(given[1], Node) and not isinstance(given[0], Node):
            self._refuse_swapped(given)
        arrays = [first]
        for i, x in enumerate(given[1:], 1):
            kind = self.kind(i)
            if x is None:
                arrays.append(x)
                continue
            if kind is None:
                arrays.append(labels.read(x, shape, dtype))
                continue
            wanted = self._shape(kind, x, shape)
            if kind.whole:
                arrays.append(self._whole(x, i, wanted))
                continue
            moved = x if kind.per_row else self._row_last(operand(x, dtype), axis)
            arrays.append(operand(moved, dtype))
            if shape_of(arrays[-1]) != wanted:
                raise mismatch(given[0], wanted, x, shape_of(arrays[-1]))
        return tuple(arrays)

    def _shape(self, kind: Kind, x: Array, shape: Shape) -> Shape:
        """The shape of an array of this kind, beside a prediction of that shape."""
        if kind.own_length:
            return (*shape[: -self.rows], *(shape_of(x) or (1,))[-1:])
        if kind.per_example:
            return shape[: -self.rows]
        return shape[:-1] if kind.per_row else shape

    def _whole(self, x: Array, i: int, wanted: Shape) -> Any:
        """Labels and lengths, as they are."""
        numbers = plain(x) if is_foreign(plain(x)) else np.asarray(plain(x))
        if numbers.dtype.kind not in "iu" or numbers.shape != wanted:
            raise BroadcastError(
                f"{called(x, self.arrays[i])} is an array of {numbers.dtype} of shape "
                f"{numbers.shape}.",
                why=f"{self.__name__} takes whole numbers of shape {wanted}.",
                hint=f"{called(x, self.arrays[i])}.astype(int).reshape({wanted})",
            )
        return numbers

    def _row_last(self, x: Array, axis: Any) -> Array:
        """Rows on the last axis, wherever they lie; several axes as one."""
        if axis is None or not self.rows:
            return x
        axes = axis if isinstance(axis, tuple) else (axis,)
        x = moveaxis(x, axes, range(-len(axes), 0))
        return reshape(x, shape=(*shape_of(x)[: -len(axes)], -1)) if len(axes) > 1 else x

    def _refuse_swapped(self, given: tuple[Array, ...]) -> None:
        kind = self.kind(1)
        if given[1].batched or (kind is not None and kind.predicted):
            return
        raise LossError(
            f"{called(given[1], self.arrays[1])} carries a gradient and "
            f"{called(given[0], self.arrays[0])} does not: are they swapped?",
            why="Descent moves the prediction, which is why it comes first.",
            hint=f"{self.__name__}({', '.join(self.arrays)})",
        )

    def _left_in(self, each: Array, weight: Array, keep: Array) -> tuple[Array, Array]:
        """Where nothing can be taken out, masked examples have loss and weight 0.

        What they are owed is 0, so that by the zero-cotangent rule no nan in them goes further.
        """
        if self.coupled:
            raise LossError(
                f"{self.__name__} compares examples with each other, and some are masked.",
                why="On an array that is not in memory nothing can be taken out by a mask.",
                hint="the loss of each partition, in memory",
            )
        weight = 1.0 if weight is None else operand(weight, dtype_of(each))
        return select(keep, each, 0.0), select(keep, weight, 0.0 * weight)

    def _check(
        self, given: tuple[Array, ...], arrays: tuple[Array, ...], keep: Any
    ) -> tuple[Array, ...]:
        """The arrays, looked at; those that are still to be computed are looked at then."""
        seen = list(arrays)
        for i, (x, name) in enumerate(zip(arrays, self.arrays, strict=True)):
            if x is None:
                continue
            count = shape_of(arrays[0])[-1] if self.over_classes else 0
            if not any_foreign(x):
                self.look(i, count, given[i], x, keep, name)
            elif keep is None and not isinstance(x, Node):
                told = f"a block of {called(given[i], name)}"
                seen[i] = on_blocks(partial(_looked_at, self, i, count, told), x)
        return tuple(seen)

    def look(self, i: int, count: int, given: Array, x: Array, keep: Any, name: str) -> None:
        """Refuse array number i for an entry that the loss is not defined for."""
        kind = self.kind(i)
        if kind is not None and kind.predicted and kind.allows is None:
            return  # anything may come out of a model
        if kind is not None:
            check_entries(self.__name__, kind, given, x, keep, name)
        elif labels.is_labels(x):
            labels.check_labels(self.__name__, given, x, count, keep, name)
        else:
            labels.check_shares(self.__name__, given, x, name)

    # ----------------------------------------------------------------------------- the losses

    def _of_classes(
        self, given: Any, arrays: Any, options: labels.Options, weight: Array, keep: Any
    ) -> tuple[Any, Array, Any]:
        """Rows that are ignored leave, and class weights become weights of rows."""
        target, dtype = arrays[1], dtype_of(arrays[0])
        if options.ignore_index is not None and labels.is_labels(target):
            seen = target != options.ignore_index
            keep = seen if keep is None else keep & seen
        if options.class_weight is not None:
            safe = target if keep is None or not labels.is_labels(target) else target * keep
            if _checked.get() and labels.is_labels(target) and not is_foreign(safe):
                count = shape_of(arrays[0])[-1]
                labels.check_labels(self.__name__, given[1], np.asarray(safe), count, None)
            own = labels.row_weights(safe, options.class_weight, dtype)
            weight = own if weight is None else weight * own
        return arrays, weight, keep

    def _each(
        self,
        arrays: tuple[Array, ...],
        options: labels.Options | None,
        settings: dict[str, Any],
        stays: bool,
    ) -> Array:
        """What the function gives: one loss for each entry, or row."""
        if options is not None:
            x, t, *rest = arrays
            x, classes = labels.among(x, options.classes), options.classes
            t = labels.smoothed(t, options.label_smoothing, classes, shape_of(x)[-1], dtype_of(x))
            arrays = (x, t, *rest)
        wanted = shape_of(arrays[0])[: -self.rows or None]
        each = None
        if stays and not self.coupled:
            each = by_blocks(self.shipped, arrays, len(wanted), settings)
        if each is None:
            each = self.function(*arrays, **settings)
        if shape_of(each) != wanted:
            raise BroadcastError(
                f"{self.__name__} gave shape {shape_of(each)} for {prod(wanted)} examples of shape "
                f"{wanted}.",
                why="A loss gives the loss of each; the mean or the sum of them is taken for it.",
                hint="return the losses before .mean()",
                given=shape_of(each),
                wanted=wanted,
            )
        return each

    @property
    def shipped(self) -> Callable[..., Array]:
        """The function as it goes to other processes: under the loss's name, if they know it."""
        return self.function if self.__module__ == "__main__" else Plain(self)

    def describe(self, width: int = 72) -> str:
        """Signature, formula, sentence, properties, and the loss and its gradient as a plot."""
        return describe(self, width)


@dataclass(frozen=True)
class Plain:
    """The function of a loss, without what the loss adds to it."""

    loss: Loss

    def __call__(self, *arrays: Array, **settings: Any) -> Array:
        return self.loss.function(*arrays, **settings)


@overload
def loss(function: Callable[..., Array], **traits: Any) -> Loss: ...
@overload
def loss(function: None = None, **traits: Any) -> Callable[[Callable[..., Array]], Loss]: ...
def loss(function: Callable[..., Array] | None = None, **traits: Any) -> Any:
    """A function of Values, declared as a loss of the library.

    The function gives the loss of each example; its arrays come first, its parameters after. It
    gains what `Loss` lists, and is found by its name and aliases. `rows=1` says that a row gives
    one loss, else each entry does; `target` what the arrays after the prediction hold, by a name
    of `losses.KINDS`.

    >>> from tinygrad_neuron import Value, losses
    >>> @losses.loss(formula="(prediction - target)⁴", convex=True)
    ... def fourth_power(prediction, target):
    ...     return (prediction - target) ** 4
    >>> fourth_power(Value([1.0, 3.0]), [0.0, 1.0], reduction="none")
    Value([1.0, 16.0])
    >>> losses.get("fourth_power")
    <loss fourth_power>
    """
    if function is None:
        return partial(loss, **traits)
    made = Loss(function, **traits)
    registry.register(made)
    return made


# ------------------------------------------------------------------------------ masks, weights


def _kept(mask: Array, weight: Array, shape: Shape) -> Any:
    """Which examples are there: those of the mask whose weight is not 0; None for all."""
    keep = None
    if mask is not None:
        keep = np.asarray(plain(mask), bool)
        _fits("mask", mask, keep.shape, shape)
    if weight is not None:
        given = np.asarray(plain(weight))
        _fits("weight", weight, given.shape, shape)
        positive = given > 0.0
        if not positive.all():
            if not (given >= 0.0).all():
                raise LossError(
                    f"{called(weight, 'weight')} has {given.min():g} among its numbers.",
                    why="A weight says how much an example counts, so it is 0 or more.",
                    hint="weight=np.abs(weight)  or  weight=np.maximum(weight, 0)",
                )
            keep = positive if keep is None else keep & positive
    return None if keep is None or keep.all() else keep


def _present(mask: Array, weight: Array, shape: Shape) -> Any:
    """The same where numbers are not looked at: an answer for each example, or None for all."""
    for what, given in (("mask", mask), ("weight", weight)):
        if given is not None:
            _fits(what, given, shape_of(plain(given)), shape)
    if weight is None:
        return None if mask is None else plain(mask)
    positive = np.greater(plain(weight), 0.0)
    return positive if mask is None else np.logical_and(plain(mask), positive)


def _looked_at(loss: Loss, i: int, count: int, name: str, block: Array) -> Array:
    """A block as it is, after a look at it."""
    loss.look(i, count, 0.0, block, None, name)  # a number, which has no name of its own here
    return block


def _fits(what: str, given: Array, shape: Shape, wanted: Shape) -> None:
    if shape != wanted:
        name = called(given, what)
        raise BroadcastError(
            f"{name} has shape {shape}, and there are losses of shape {wanted}.",
            why=f"A {what} has one entry for each loss: nothing is repeated to fit.",
            hint=f"np.broadcast_to({name}, {wanted}), if that is what is meant",
            given=shape,
            wanted=wanted,
        )


def _reduced(
    each: Array, weight: Array, keep: Any, shape: Shape, reduction: str, empty: str
) -> Any:
    """The losses as they were asked for: mean, sum, parts, or each in its place."""
    if weight is not None:
        weight = operand(weight, dtype_of(each))
        each = weight * each
    if reduction == "none":
        return each if keep is None else scatter(each, index=keep, shape=shape)
    count = prod(shape_of(each))
    if reduction == "mean" and weight is None and count:
        return mean(each) if shape_of(each) else each
    total, weights = _total(each), float(count) if weight is None else _total(weight)
    if reduction == "sum":
        return total
    if reduction == "parts":
        return total, weights
    if not count:
        return _of_none(total, shape, empty)
    average = total / weights
    return astype(average, dtype=np.float16) if dtype_of(each) == np.float16 else average


def _total(x: Array) -> Array:
    """The sum, of half precision in single: 70,000 ones are more than float16 can hold."""
    if dtype_of(x) == np.float16:
        x = astype(x, dtype=np.float32)
    return sum(x)


def _of_none(total: Array, shape: Shape, empty: str) -> Array:
    if empty == "error":
        count = prod(shape)
        what = f"all {count} examples are masked, ignored or have weight 0" if count else (
            f"the losses have shape {shape}")  # fmt: skip
        raise LossError(
            f"This would be the mean of no losses: {what}.",
            why="The mean of no losses is not a number.",
            hint="empty='zero' for value and gradient 0;  or empty='nan';  or leave the batch out",
        )
    return total if empty == "zero" else total + np.nan


# -------------------------------------------------------------------------------- what is said


def _floating(x: Array, otherwise: str) -> Array:
    """A prediction; one of whole numbers is refused, for no descent could move it."""
    if (isinstance(x, np.ndarray) or is_foreign(x)) and x.dtype.kind != "f":
        name = called(x, otherwise)
        raise LossError(
            f"{name} is an array of {x.dtype}.",
            why="Predictions move by less than 1, so they are floating-point numbers.",
            hint=f"{name}.astype(float);  the prediction comes first, then the target",
        )
    return operand(x)


def _no_rows(loss: str, given: Array) -> BroadcastError:
    return BroadcastError(
        f"{called(given, 'prediction')} is a single number, and {loss} takes rows of them.",
        hint="an array whose last axis holds the row",
    )


def _choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise LossError(
            f"{name} is {value!r}.", hint=f"one of {', '.join(map(repr, allowed))}", **{name: value}
        )


def words(names: Sequence[str]) -> str:
    """Names as a sentence lists them."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
