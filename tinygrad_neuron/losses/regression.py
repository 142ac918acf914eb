"""Losses of a number beside a number: how an error of a given size counts."""

from math import inf

from tinygrad_neuron.graph import Array
from tinygrad_neuron.losses.mechanism import loss
from tinygrad_neuron.ops import absolute, minimum, square


@loss(
    aliases=("mse",), formula="(prediction - target)²", source="Gauss, Theoria Motus, 1809",
    convex=True, smooth=inf, elicits="mean",
)  # fmt: skip
def squared_error(prediction: Array, target: Array) -> Array:
    """(prediction - target)²: twice as wrong costs four times as much.

    Its gradient is 2 error, in proportion to the error: a few outliers can decide everything. The
    best constant prediction is the mean of the targets.

    >>> from tinygrad_neuron import Value
    >>> squared_error(Value([1.0, 5.0]), [1.0, 2.0])
    Value(4.5)
    """
    return square(prediction - target)


@loss(
    aliases=("mae",), formula="|prediction - target|", source="Laplace, 1774",
    convex=True, lipschitz=1.0, smooth=0, elicits="median", kinks=((0.0, 0.0),),
)  # fmt: skip
def absolute_error(prediction: Array, target: Array) -> Array:
    """|prediction - target|: twice as wrong costs twice as much.

    Its gradient is ±1, however large the error, and 0 where there is none. The best constant
    prediction is the median of the targets.

    >>> from tinygrad_neuron import Value
    >>> absolute_error(Value([1.0, 5.0]), [1.0, 2.0])
    Value(1.5)
    """
    return absolute(prediction - target)


@loss(
    formula="r²/2 for |r| <= δ, else δ(|r| - δ/2)", limits={"delta": "positive"},
    source="Huber, Robust Estimation of a Location Parameter, 1964",
    convex=True, lipschitz=lambda delta: delta, smooth=1,
)  # fmt: skip
def huber(prediction: Array, target: Array, delta: float = 1.0) -> Array:
    """error² / 2 up to delta, and delta (|error| - delta / 2) beyond: outliers tamed.

    Its gradient is the error, but never beyond ±delta.

    >>> from tinygrad_neuron import Value
    >>> huber(Value([0.5, 5.0]), [0.0, 0.0])
    Value(2.3125)
    """
    size = absolute(prediction - target)
    bent = minimum(size, delta)
    # both branches in one, with slope 0 in `bent` where they join: no choice of slope can matter
    return bent * (size - 0.5 * bent)
