"""Losses of a score beside a yes or no."""

from math import inf

from tinygrad_neuron.graph import Array
from tinygrad_neuron.losses.algebra import mul0
from tinygrad_neuron.losses.mechanism import loss
from tinygrad_neuron.ops import relu, softplus


@loss(
    target="binary", aliases=("logistic_loss",), formula="-t log σ(x) - (1 - t) log σ(-x)",
    source="Cox, The Regression Analysis of Binary Sequences, 1958",
    convex=True, lipschitz=1.0, smooth=inf, elicits="probability",
)  # fmt: skip
def binary_cross_entropy(logits: Array, target: Array) -> Array:
    """-t log σ(x) - (1 - t) log σ(-x): how much the answers t surprise who scored them x.

    x is the logit, the score before the sigmoid; t is 0, 1 or a probability. Its gradient is
    σ(x) - t, as large as the mistake also where the sigmoid is flat. With softplus instead of
    logarithms none of them meets a rounded 0.

    >>> from tinygrad_neuron import Value
    >>> binary_cross_entropy(Value([0.0, 1000.0]), [1, 1])
    Value(0.34657359027997264)
    """
    return mul0(target, softplus(-logits)) + mul0(1.0 - target, softplus(logits))


@loss(
    target="sign", formula="max(0, 1 - label · score)",
    source="Cortes and Vapnik, Support-Vector Networks, 1995",
    convex=True, lipschitz=1.0, smooth=0, kinks=((1.0, 1.0), (-1.0, -1.0)),
)  # fmt: skip
def hinge(score: Array, label: Array) -> Array:
    """max(0, 1 - label · score), for labels -1 and 1: right by less than 1 is not enough.

    Its gradient is -label until the score is right by 1, then 0: examples that are safely right
    have no say.

    >>> from tinygrad_neuron import Value
    >>> hinge(Value([2.0, 0.25, -3.0]), [1, 1, 1])
    Value(1.5833333333333333)
    """
    return relu(1.0 - label * score)
