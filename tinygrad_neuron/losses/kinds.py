"""What the arrays of a loss may hold: signs, shares, counts, labels, each with its remedy.

A kind is the name under which a loss declares an array (`target="sign"`). It knows which entries
are allowed, what to type instead of the others, and how to draw examples of itself, from which the
tests, the plots and `check_loss` are made.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from tinygrad_neuron.errors import LossError
from tinygrad_neuron.graph import Array, to_check
from tinygrad_neuron.losses.compare import Shape, called
from tinygrad_neuron.losses.noted import check

Draw = Callable[[np.random.Generator, Shape], Any]


@dataclass(frozen=True)
class Kind:
    """What an array, or a parameter, may hold: `allows` answers for each entry, nan excepted."""

    says: str
    allows: Callable[[Any], Any] | None
    draw: Draw
    remedy: str = ""
    per_row: bool = False  # one for each row of the prediction, not one for each entry
    per_example: bool = False  # one for each loss, also where that is of several rows
    own_length: bool = False  # one row for each loss, as long as it is
    predicted: bool = False  # it comes out of a model, so a nan in it must show
    whole: bool = False  # whole numbers, which no precision may round


def _normal(rng: np.random.Generator, shape: Shape) -> Any:
    return 2.0 * rng.standard_normal(shape)


def _unit(rng: np.random.Generator, shape: Shape) -> Any:
    return rng.uniform(0.05, 0.95, shape)


def _positive(rng: np.random.Generator, shape: Shape) -> Any:
    return np.exp(rng.standard_normal(shape))


def _signs(rng: np.random.Generator, shape: Shape) -> Any:
    return rng.choice([-1.0, 1.0], shape)


def _answers(rng: np.random.Generator, shape: Shape) -> Any:
    return rng.choice([0.0, 1.0], shape)


def _cosines(rng: np.random.Generator, shape: Shape) -> Any:
    return rng.uniform(-0.95, 0.95, shape)


def _groups(rng: np.random.Generator, shape: Shape) -> Any:
    return np.arange(np.prod(shape, dtype=int)).reshape(shape) // 2


def _boxes(rng: np.random.Generator, shape: Shape) -> Any:
    corner = rng.standard_normal((*shape[:-1], 2))
    return np.concatenate([corner, corner + _positive(rng, corner.shape)], axis=-1)


def _ordered(x: Any) -> Any:
    """Whether each side ends beyond where it begins, for each of the four numbers."""
    low, high = np.split(x, 2, axis=-1)
    return np.concatenate([low <= high, low <= high], axis=-1)


def shares(rng: np.random.Generator, shape: Shape) -> Any:
    """Rows of positive numbers that add up to 1."""
    parts = _positive(rng, shape)
    return parts / parts.sum(axis=-1, keepdims=True)


REAL = Kind("numbers", None, _normal)
PREDICTION = Kind("numbers", None, _normal, predicted=True)
SIGN = Kind(
    "labels -1 and 1",
    lambda x: np.abs(x) == 1.0,
    _signs,
    "2 * label - 1 for labels 0 and 1;  the scores come first, then the labels",
)
UNIT = Kind(
    "targets from 0 to 1",
    lambda x: (x >= 0.0) & (x <= 1.0),
    lambda rng, shape: rng.choice([0.0, 0.25, 0.5, 1.0], shape),
    "(target + 1) / 2 for labels -1 and 1;  the logits come first, then the target",
)
ANSWER = Kind(
    "answers 0 and 1",
    lambda x: (x == 0.0) | (x == 1.0),
    _answers,
    "(label + 1) / 2 for labels -1 and 1",
)
PROBABILITY = Kind(
    "probabilities, from 0 to 1",
    lambda x: (x >= 0.0) & (x <= 1.0),
    _unit,
    "sigmoid(score), softmax(scores);  or the loss that takes the scores themselves",
    predicted=True,
)
COUNT = Kind(
    "targets from 0 on",
    lambda x: (x >= 0.0) & (x < inf),
    lambda rng, shape: rng.poisson(2.0, shape).astype(float),
    "prediction first, then the target",
)
POSITIVE = Kind("targets above 0", lambda x: (x > 0.0) & (x < inf), _positive)
NONZERO = Kind("targets other than 0", lambda x: x != 0.0, lambda r, s: _signs(r, s) + _unit(r, s))
SEQUENCE = Kind(
    "classes, and -1 behind the last of them",
    lambda x: x >= -1,
    lambda rng, shape: rng.integers(1, shape[-1], (*shape[:-2], 1)),
    "np.where(np.arange(labels.shape[1]) < counts[:, None], labels, -1)",
    own_length=True,
    whole=True,
)
LENGTH = Kind(
    "whole numbers from 1 on",
    lambda x: x >= 1,
    lambda rng, shape: rng.integers(1, 3, shape),
    "mask=lengths > 0 leaves the others out",
    per_example=True,
    whole=True,
)
BOX = Kind(
    "boxes: left, low, right, high, which end beyond where they begin",
    _ordered,
    _boxes,
    "np.concatenate([corner, corner + size], axis=-1) for boxes given by their size",
)
ABOVE = Kind("numbers above -1", lambda x: x > -1.0, _positive)

# the names a loss declares its prediction, its targets and its parameters by
KINDS: dict[str, Kind] = {
    "same": REAL,
    "real": REAL,
    "prediction": PREDICTION,
    "sign": SIGN,
    "unit": UNIT,
    "binary": UNIT,
    "answer": ANSWER,
    "probability": PROBABILITY,
    "nonnegative": COUNT,
    "positive": POSITIVE,
    "nonzero": NONZERO,
    "above -1": ABOVE,
    "predicted above -1": Kind(ABOVE.says, ABOVE.allows, _positive, predicted=True),
    "predicted positive": Kind(POSITIVE.says, POSITIVE.allows, _positive, predicted=True),
    "predicted nonnegative": Kind(COUNT.says, COUNT.allows, _positive, predicted=True),
    "cosine": Kind("cosines, from -1 to 1", lambda x: np.abs(x) <= 1.0, _cosines, predicted=True),
    "states": Kind("labels", None, lambda r, s: r.integers(0, 2, s), per_row=True, whole=True),
    "row label": Kind("labels", None, _groups, per_row=True, whole=True),
    "box": Kind(BOX.says, None, _boxes, predicted=True),
    "target box": BOX,
    "labels in order": SEQUENCE,
    "row count": LENGTH,
    "row real": Kind(REAL.says, None, _normal, per_row=True),
    "row sign": Kind(SIGN.says, SIGN.allows, _signs, SIGN.remedy, per_row=True),
    "row answer": Kind(ANSWER.says, ANSWER.allows, _answers, ANSWER.remedy, per_row=True),
}

Limit = tuple[str, Callable[[Any], Any]]

# what a parameter may be
LIMITS: dict[str, Limit] = {
    "positive": ("positive and finite", lambda x: (x > 0.0) & (x < inf)),
    "nonnegative": ("0 or more, and finite", lambda x: (x >= 0.0) & (x < inf)),
    "share": ("between 0 and 1", lambda x: (x >= 0.0) & (x <= 1.0)),
    "inner share": ("strictly between 0 and 1", lambda x: (x > 0.0) & (x < 1.0)),
    "finite": ("finite", lambda x: (x > -inf) & (x < inf)),
    "less than inf": ("a number below inf", lambda x: x < inf),
    "at least 1": ("1 or more", lambda x: x >= 1.0),
}


@check
def check_entries(loss: str, kind: Kind, given: Array, x: Array, keep: Any, otherwise: str) -> None:
    """Refuse an array for the first entry its kind does not allow, by the name a person gave it.

    `x` is what is looked at, the entries of `given` that are kept.
    """
    data = np.asarray(to_check(x))
    if kind.allows is None:
        if kind.predicted or data.dtype.kind != "f" or _no_nan(data):
            return
        allowed = ~np.isnan(data)
    else:
        allowed = kind.allows(data)
        if np.all(allowed):
            return
        if kind.predicted and np.all(allowed | np.isnan(data)):
            return  # a model that has diverged must be seen to
    raise _disallowed(loss, kind, given, data, np.asarray(allowed), keep, otherwise)


def _no_nan(data: Any) -> bool:
    least = np.minimum.reduce(data, axis=None, initial=0.0)  # nan if there is one: the fast way
    return bool(least == least)


def _disallowed(
    loss: str, kind: Kind, given: Array, data: Any, allowed: Any, keep: Any, otherwise: str
) -> LossError:
    wrong = np.argwhere(~allowed)[0]
    value = data[tuple(wrong)]
    index = tuple(map(int, wrong if keep is None else _among_all(wrong, keep)))
    name = called(given, otherwise)
    place = f"[{', '.join(map(str, index))}]" if index else ""
    hint = kind.remedy
    count = ""
    if value != value:
        count = f" (nan: {np.isnan(data).sum()} of {data.size})"
        hint = f"mask=~np.isnan({name}) leaves such entries out"
    return LossError(
        f"{name}{place} is {value:g}{count}; {loss} takes {kind.says}.",
        hint=hint,
        index=index,
        value=float(value),
    )


def _among_all(wrong: Any, keep: Any) -> tuple[int, ...]:
    """The place of an entry before the masked ones were left out."""
    return (*np.argwhere(keep)[wrong[0]], *wrong[1:])


@check
def check_limit(loss: str, name: str, limit: str, value: Any, default: Any) -> None:
    """Refuse a parameter outside its range, which may be a Value or an array."""
    says, allows = LIMITS[limit]
    number = type(value) in (float, int)
    if not (allows(value) if number else np.all(allows(np.asarray(to_check(value), float)))):
        raise LossError(
            f"{name} is {to_check(value)!r}.",
            why=f"{loss} takes a {name} that is {says}.",
            hint=f"{name}={default}",
            **{name: value},
        )
