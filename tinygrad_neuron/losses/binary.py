"""Losses of a score beside a yes or no: what counts is the score times the sign of the answer."""

from math import inf

from tinygrad_neuron.graph import Array
from tinygrad_neuron.losses.algebra import mul0, xlog1py, xlogy
from tinygrad_neuron.losses.mechanism import loss
from tinygrad_neuron.ops import exp, minimum, relu, sigmoid, softplus, square, where


@loss(
    target="unit", formula="-t log σ(x) - (1 - t) log σ(-x)",
    source="Cox, The Regression Analysis of Binary Sequences, 1958",
    convex=True, lipschitz=lambda pos_weight: max(1.0, pos_weight), smooth=inf, elicits="logit",
    limits={"pos_weight": "positive"},
)  # fmt: skip
def binary_cross_entropy(logits: Array, target: Array, pos_weight: float = 1.0) -> Array:
    """-t log σ(x) - (1 - t) log σ(-x): how much the answers t surprise who scored them x.

    x is the logit, the score before the sigmoid; t is 0, 1 or a probability. Its gradient is
    σ(x) - t, as large as the mistake also where the sigmoid is flat. With softplus instead of
    logarithms none of them meets a rounded 0. `pos_weight` is how much more a yes counts.

    >>> from tinygrad_neuron import Value
    >>> binary_cross_entropy(Value([0.0, 1000.0]), [1, 1])
    Value(0.34657359027997264)
    """
    return pos_weight * mul0(target, softplus(-logits)) + mul0(1.0 - target, softplus(logits))


@loss(
    domain="probability", target="unit", aliases=("bce_probs",),
    formula="-t log p - (1 - t) log(1 - p)", convex=True, smooth=inf, elicits="mean",
    source="Good, Rational Decisions, 1952",
)  # fmt: skip
def binary_cross_entropy_probs(probs: Array, target: Array) -> Array:
    """-t log p - (1 - t) log(1 - p), of probabilities: inf for what was held impossible.

    Nothing is clamped. Of scores, `binary_cross_entropy` is exact where p would be rounded to 1.
    """
    return -xlogy(target, probs) - xlog1py(1.0 - target, -probs)


@loss(
    target="sign", aliases=("soft_margin",), formula="log(1 + e^(-s x))",
    source="Friedman, Hastie and Tibshirani, Additive Logistic Regression, 2000",
    convex=True, lipschitz=1.0, smooth=inf,
)  # fmt: skip
def logistic(score: Array, label: Array) -> Array:
    """log(1 + e^(-label · score)), for labels -1 and 1: cross-entropy in other words."""
    return softplus(-label * score)


@loss(
    target="sign", formula="max(0, m - s x)", limits={"margin": "nonnegative"},
    source="Cortes and Vapnik, Support-Vector Networks, 1995",
    convex=True, lipschitz=1.0, smooth=0, kinks=((1.0, 1.0), (-1.0, -1.0)),
)  # fmt: skip
def hinge(score: Array, label: Array, margin: float = 1.0) -> Array:
    """max(0, 1 - label · score), for labels -1 and 1: right by less than 1 is not enough.

    Its gradient is -label until the score is right by the margin, then 0: examples that are safely
    right have no say.

    >>> from tinygrad_neuron import Value
    >>> hinge(Value([2.0, 0.25, -3.0]), [1, 1, 1])
    Value(1.5833333333333333)
    """
    return relu(margin - label * score)


@loss(
    target="sign", formula="max(0, m - s x)²", limits={"margin": "nonnegative"},
    source="Chang, Hsieh and Lin, Coordinate Descent for Large-Scale L2-Loss SVM, 2008",
    convex=True, smooth=1, kinks=((1.0, 1.0),),
)  # fmt: skip
def squared_hinge(score: Array, label: Array, margin: float = 1.0) -> Array:
    """The square of the hinge loss: its corner is gone, and outliers count more."""
    return square(relu(margin - label * score))


@loss(
    target="sign", formula="h²/2γ for h = max(0, 1 - s x) <= γ, else h - γ/2",
    limits={"gamma": "positive"}, convex=True, lipschitz=1.0, smooth=1,
    source="Shalev-Shwartz and Zhang, Stochastic Dual Coordinate Ascent, 2013",
)  # fmt: skip
def smoothed_hinge(score: Array, label: Array, gamma: float = 1.0) -> Array:
    """The hinge loss with its corner rounded off over gamma."""
    short = relu(1.0 - label * score)
    bent = minimum(short, gamma)
    return bent / gamma * (short - 0.5 * bent)


@loss(
    target="sign", formula="max(0, 1 - s x)² for s x >= -1, else -4 s x",
    convex=True, lipschitz=4.0, smooth=1,
    source="Zhang, Solving Large Scale Linear Prediction Problems, 2004",
)  # fmt: skip
def modified_huber(score: Array, label: Array) -> Array:
    """The squared hinge loss, straight from where the score is wrong by 1."""
    short = relu(1.0 - label * score)
    bent = minimum(short, 2.0)
    return bent * (2.0 * short - bent)


@loss(
    target="sign", formula="¼ modified Huber", convex=True, lipschitz=1.0, smooth=1,
    source="Martins and Astudillo, From Softmax to Sparsemax, 2016",
)  # fmt: skip
def sparsemax_binary(score: Array, label: Array) -> Array:
    """Sparsemax of two classes: 0 where the score is right by 1, straight where wrong by 1."""
    return 0.25 * modified_huber.function(score, label)


@loss(
    target="sign", formula="e^(-s x)", convex=True, smooth=inf, overflows=True,
    source="Freund and Schapire, A Decision-Theoretic Generalization of On-Line Learning, 1997",
)  # fmt: skip
def exponential(score: Array, label: Array) -> Array:
    """e^(-label · score), what boosting descends: who is wrong by 10 counts e^10."""
    return exp(-label * score)


@loss(
    target="sign", formula="max(0, -s x)", convex=True, lipschitz=1.0, smooth=0,
    source="Rosenblatt, The Perceptron, 1958", kinks=((0.0, 1.0),),
)  # fmt: skip
def perceptron(score: Array, label: Array) -> Array:
    """How far the score is on the wrong side."""
    return relu(-label * score)


@loss(
    target="sign", formula="1 - tanh(s x)", convex=False, lipschitz=1.0, smooth=inf,
    source="Mason et al., Boosting Algorithms as Gradient Descent, 1999",
)  # fmt: skip
def sigmoid_loss(score: Array, label: Array) -> Array:
    """From 2 for wrong to 0 for right: a step with its edges rounded off."""
    return 2.0 * sigmoid(-2.0 * label * score)


@loss(
    target="sign", formula="σ(-s x)²", convex=False, smooth=inf,
    source="Masnadi-Shirazi and Vasconcelos, On the Design of Loss Functions, 2008",
)  # fmt: skip
def savage(score: Array, label: Array) -> Array:
    """The square of the probability given to the wrong answer: no outlier counts more than 1."""
    return square(sigmoid(-label * score))


@loss(
    target="sign", formula="1 - m for m = s x <= q/(q+1), else (q/(q+1))^q / ((q+1) m^q)",
    limits={"q": "positive"}, convex=True, lipschitz=1.0, smooth=1,
    source="Marron, Todd and Ahn, Distance-Weighted Discrimination, 2007",
)  # fmt: skip
def distance_weighted(score: Array, label: Array, q: float = 1.0) -> Array:
    """Straight for what is wrong or close, and a power of the distance for what is right."""
    m, joint = label * score, q / (q + 1.0)
    far = joint / where(m > joint, m, joint)
    return where(m > joint, far**q / (q + 1.0), 1.0 - m)


@loss(target="sign", formula="(1 - s x)²", convex=True, smooth=inf,
      source="LossFunctions.jl, L2MarginLoss")  # fmt: skip
def squared_margin(score: Array, label: Array) -> Array:
    """The squared distance of label · score from 1: least squares on labels."""
    return square(1.0 - label * score)


@loss(
    target="unit", formula="-α t (1-p)^γ log p - (1-α) (1-t) p^γ log(1-p)",
    limits={"gamma": "nonnegative", "alpha": "share"},
    source="Lin et al., Focal Loss for Dense Object Detection, 2017", smooth=inf,
)  # fmt: skip
def focal(logits: Array, target: Array, gamma: float = 2.0, alpha: float | None = None) -> Array:
    """Cross-entropy that looks away from the easy: times (1 - p)^gamma. `alpha` weighs the yeses.

    Without alpha both answers count fully; gamma 0 is cross-entropy.
    """
    yes, no = (1.0, 1.0) if alpha is None else (alpha, 1.0 - alpha)
    return yes * mul0(target, _looked_away(logits, gamma)) + no * mul0(
        1.0 - target, _looked_away(-logits, gamma)
    )


def _looked_away(x: Array, gamma: float) -> Array:
    """(1 - p)^γ (-log p), for p = σ(x); and -x at -inf, where inf would meet a slope of 0."""
    return where(x == -inf, -x, softplus(-x) * exp(-gamma * softplus(x)))


@loss(
    target="unit", formula="BCE + ε (1 - p_t)", limits={"epsilon": "finite"}, minimum=None,
    source="Leng et al., PolyLoss, 2022", smooth=inf,
)  # fmt: skip
def poly1_binary(logits: Array, target: Array, epsilon: float = 1.0) -> Array:
    """Cross-entropy with another weight for the first power of 1 - p."""
    wrong = mul0(target, sigmoid(-logits)) + mul0(1.0 - target, sigmoid(logits))
    return binary_cross_entropy.function(logits, target) + epsilon * wrong


@loss(
    target="unit", formula="t σ(-x)² + (1-t) σ(x)²", convex=False, smooth=inf, elicits="logit",
    source="Brier, Verification of Forecasts Expressed in Terms of Probability, 1950",
)  # fmt: skip
def brier(logits: Array, target: Array) -> Array:
    """The squared distance of the probability from the answer; of logits, so it never rounds."""
    return mul0(target, square(sigmoid(-logits))) + mul0(1.0 - target, square(sigmoid(logits)))
