"""Losses of a number beside a number: how an error of a given size counts."""

from math import inf, pi

from tinygrad_neuron.graph import Array, plain
from tinygrad_neuron.losses.mechanism import loss
from tinygrad_neuron.ops import (
    absolute,
    fmod,
    hypot,
    log1p,
    log_of_cosh,
    minimum,
    relu,
    sign,
    sin,
    square,
    where,
)


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


@loss(
    formula="r²/2β for |r| <= β, else |r| - β/2", limits={"beta": "nonnegative"},
    source="Girshick, Fast R-CNN, 2015", convex=True, lipschitz=1.0, smooth=1,
)  # fmt: skip
def smooth_l1(prediction: Array, target: Array, beta: float = 1.0) -> Array:
    """The absolute error with its corner rounded off over ±beta: huber / beta; whole for beta 0."""
    size = absolute(prediction - target)
    if plain(beta) == 0.0:
        return size
    bent = minimum(size, beta)
    return bent / beta * (size - 0.5 * bent)


@loss(
    formula="log cosh(prediction - target)", convex=True, lipschitz=1.0, smooth=inf,
    source="Green, Bayesian Reconstructions from Emission Tomography Data, 1990",
)  # fmt: skip
def log_cosh(prediction: Array, target: Array) -> Array:
    """log(cosh(error)): error² / 2 near 0, |error| - log 2 far off. Its gradient is tanh(error)."""
    return log_of_cosh(prediction - target)


@loss(
    aliases=("pinball",), formula="q max(0, t - x) + (1 - q) max(0, x - t)",
    limits={"q": "inner share"}, source="Koenker and Bassett, Regression Quantiles, 1978",
    convex=True, lipschitz=lambda q: max(q, 1.0 - q), smooth=0, elicits="quantile",
    kinks=((0.0, 0.0),),
)  # fmt: skip
def quantile(prediction: Array, target: Array, q: float = 0.5) -> Array:
    """Too low costs q, too high 1 - q, per unit: least at the q-quantile of the targets."""
    error = prediction - target
    return q * relu(-error) + (1.0 - q) * relu(error)


@loss(
    formula="max(0, |r| - ε)", limits={"epsilon": "nonnegative"},
    source="Vapnik, The Nature of Statistical Learning Theory, 1995",
    convex=True, lipschitz=1.0, smooth=0, kinks=((0.0, 0.0), (0.1, 0.0)),
)  # fmt: skip
def epsilon_insensitive(prediction: Array, target: Array, epsilon: float = 0.1) -> Array:
    """The absolute error beyond epsilon: what is as near as that is right."""
    return relu(absolute(prediction - target) - epsilon)


@loss(
    formula="max(0, |r| - ε)²", limits={"epsilon": "nonnegative"}, convex=True, smooth=1,
    source="Vapnik, The Nature of Statistical Learning Theory, 1995", kinks=((0.1, 0.0),),
)  # fmt: skip
def squared_epsilon_insensitive(prediction: Array, target: Array, epsilon: float = 0.1) -> Array:
    """The square of the error beyond epsilon."""
    return square(relu(absolute(prediction - target) - epsilon))


@loss(
    aliases=("charbonnier",), formula="δ² (√(1 + (r/δ)²) - 1)", limits={"delta": "positive"},
    source="Charbonnier et al., Two Deterministic Half-Quadratic Algorithms, 1994",
    convex=True, lipschitz=lambda delta: delta, smooth=inf,
)  # fmt: skip
def pseudo_huber(prediction: Array, target: Array, delta: float = 1.0) -> Array:
    """A Huber loss with every derivative: error² / 2 near 0, slope ±delta far away."""
    error = prediction - target
    return error * (error / (1.0 + hypot(1.0, error / delta)))


@loss(
    domain="predicted above -1", target="above -1", aliases=("msle",),
    formula="(log(1 + x) - log(1 + t))²", convex=False,
    source="scikit-learn, mean_squared_log_error",
)  # fmt: skip
def squared_log_error(prediction: Array, target: Array) -> Array:
    """The square of log((1 + x) / (1 + t)): twice too high costs as much at any size."""
    return square(log1p((prediction - target) / (1.0 + target)))


@loss(
    target="nonzero", aliases=("mape",), formula="|(x - t) / t|", convex=True, smooth=0,
    source="de Myttenaere et al., Mean Absolute Percentage Error for Regression, 2016",
    kinks=((2.0, 2.0),),
)  # fmt: skip
def absolute_percentage_error(prediction: Array, target: Array) -> Array:
    """The absolute error as a share of the target, which is not 0."""
    return absolute((prediction - target) / target)


@loss(
    aliases=("smape",), formula="2 |x - t| / (|x| + |t|)", convex=False,
    source="Armstrong, Long-Range Forecasting, 1985", kinks=((0.0, 0.0), (2.0, 2.0)),
)  # fmt: skip
def symmetric_percentage_error(prediction: Array, target: Array) -> Array:
    """The absolute error as a share of the mean size of both: from 0 to 2, and 0 for 0 beside 0."""
    size = absolute(prediction) + absolute(target)
    none = size == 0.0
    return where(none, 0.0, 2.0 * absolute(prediction - target) / where(none, 1.0, size))


@loss(
    formula="|r|^p", limits={"p": "at least 1"}, convex=True,
    source="LossFunctions.jl, LPDistLoss", kinks=((0.0, 0.0),),
)  # fmt: skip
def power_error(prediction: Array, target: Array, p: float = 3.0) -> Array:
    """The p-th power of the absolute error."""
    size = absolute(prediction - target)
    return size if plain(p) == 1.0 else size**p


@loss(
    formula="1 - cos(2π r / c)", limits={"period": "positive"}, convex=False, smooth=inf,
    source="LossFunctions.jl, PeriodicLoss", lipschitz=lambda period: 2.0 * pi / period,
)  # fmt: skip
def periodic(prediction: Array, target: Array, period: float = 2.0 * pi) -> Array:
    """For angles and hours: an error of a whole period is none."""
    error = fmod(prediction - target, period)
    beyond = absolute(error) > 0.5 * period
    nearest = where(beyond, error - sign(error) * period, error)
    return 2.0 * square(sin(pi * (nearest / period)))


@loss(
    formula="-log(4 e^r / (1 + e^r)²)", convex=True, lipschitz=1.0, smooth=inf,
    source="LossFunctions.jl, LogitDistLoss",
)  # fmt: skip
def logistic_error(prediction: Array, target: Array) -> Array:
    """The surprise at an error with a logistic law, 0 at 0: 2 log cosh(error / 2)."""
    return 2.0 * log_of_cosh(0.5 * (prediction - target))
