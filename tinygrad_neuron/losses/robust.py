"""Losses that let outliers go: how an error of a given size pulls, if it pulls at all.

Each grows like half of the squared error at 0, and differs in what becomes of a large one: the
slope of `cauchy` falls back like 1 / error, those of `geman_mcclure` and `welsch` faster, that of
`tukey` to 0 at once, and `barron` reaches from all of them to the squared error.
"""

from math import inf

from tinygrad_neuron.graph import Array
from tinygrad_neuron.losses.mechanism import loss
from tinygrad_neuron.ops import (
    absolute,
    exp,
    expm1,
    grown,
    isinf,
    log1psq,
    minimum,
    relu,
    square,
    where,
)
from tinygrad_neuron.ops.angles import direction


@loss(
    formula="|q - [r > 0]| r², r = prediction - target", limits={"q": "inner share"},
    source="Newey and Powell, Asymmetric Least Squares Estimation and Testing, 1987",
    convex=True, smooth=1, elicits="expectile",
)  # fmt: skip
def expectile(prediction: Array, target: Array, q: float = 0.5) -> Array:
    """(1 - q) error² above the target and q error² below: the squared error with two prices.

    Its gradient is the error, times 2 (1 - q) or 2 q. At q = 1/2 it is half of the squared error;
    the best constant prediction is the q-expectile, which for q near 1 is near the largest.

    >>> from tinygrad_neuron import Value
    >>> expectile(Value([2.0, -2.0]), [0.0, 0.0], q=0.25, reduction="none")
    Value([3.0, 1.0])
    """
    error = prediction - target
    return (1.0 - q) * square(relu(error)) + q * square(relu(-error))


@loss(
    formula="c²/2 log(1 + (r/c)²)", limits={"scale": "positive"}, aliases=("lorentzian",),
    source="Black and Anandan, The Robust Estimation of Multiple Motions, 1996",
    convex=False, lipschitz=lambda scale: 0.5 * scale, smooth=inf,
)  # fmt: skip
def cauchy(prediction: Array, target: Array, scale: float = 1.0) -> Array:
    """scale² / 2 · log(1 + (error / scale)²): an outlier pulls the less, the further it is out.

    Its gradient, error / (1 + (error / scale)²), is steepest at the error `scale`.

    >>> from tinygrad_neuron import Value
    >>> cauchy(Value(3.0), 3.0)
    Value(0.0)
    """
    return (0.5 * scale * scale) * log1psq((prediction - target) / scale)


@loss(
    formula="v/2 / (1 + v/4), v = (r/c)²", limits={"scale": "positive"},
    source="Geman and McClure, Bayesian Image Analysis, 1985",
    convex=False, lipschitz=lambda scale: 9 / (8 * 3**0.5) / scale, smooth=inf,
)  # fmt: skip
def geman_mcclure(prediction: Array, target: Array, scale: float = 1.0) -> Array:
    """v / 2 / (1 + v / 4) for v = (error / scale)²: it levels off at 2.

    Its gradient falls like 1 / error³: what is far out has no say. It is `barron` at alpha = -2.

    >>> from tinygrad_neuron import Value
    >>> geman_mcclure(Value([0.0, 1e200]), [0.0, 0.0], reduction="none")
    Value([0.0, 2.0])
    """
    return 2.0 * square(direction((prediction - target) / scale, 2.0))


@loss(
    formula="1 - exp(-(r/c)²/2)", limits={"scale": "positive"}, aliases=("leclerc",),
    source="Dennis and Welsch, Techniques for Nonlinear Least Squares, 1978",
    convex=False, lipschitz=lambda scale: 0.6065306597126334 / scale, smooth=inf,
)  # fmt: skip
def welsch(prediction: Array, target: Array, scale: float = 1.0) -> Array:
    """1 - exp(-(error / scale)² / 2): a bell upside down, level at 1 from a few scales on.

    Its gradient vanishes like the bell itself: only errors of a few scales are heard.

    >>> from tinygrad_neuron import Value
    >>> welsch(Value([0.0, 40.0]), [0.0, 0.0], reduction="none")
    Value([0.0, 1.0])
    """
    return _welsch((prediction - target) / scale)


def _welsch(ratio: Array) -> Array:
    inside = minimum(absolute(ratio), 64.0)  # exp(-64²/2) is 0 in float64, and no square overflows
    return -expm1(-0.5 * square(inside))


@loss(
    formula="c²/6 (1 - (1 - min((r/c)², 1))³)", limits={"scale": "positive"},
    aliases=("biweight",), source="Beaton and Tukey, The Fitting of Power Series, 1974",
    convex=False, lipschitz=lambda scale: 16 / (25 * 5**0.5) * scale, smooth=2,
)  # fmt: skip
def tukey(prediction: Array, target: Array, scale: float = 4.685) -> Array:
    """scale² / 6 · (1 - (1 - (error / scale)²)³), and level beyond `scale`.

    Its gradient, error · (1 - (error / scale)²)², is 0 from `scale` on: such examples are left
    out. At the usual 4.685 it is 95% as efficient as the mean where errors are normal.

    >>> from tinygrad_neuron import Value
    >>> tukey(Value([1.0, 5.0]), [0.0, 0.0], scale=2.0, reduction="none")
    Value([0.38541666666666663, 0.6666666666666666])
    """
    v = square(minimum(absolute(prediction - target) / scale, 1.0))
    return (scale * scale / 6.0) * v * (3.0 - 3.0 * v + square(v))


@loss(
    formula="b/α ((v/b + 1)^(α/2) - 1), v = (r/c)², b = |α - 2|",
    limits={"alpha": "less than inf", "scale": "positive"},
    source="Barron, A General and Adaptive Robust Loss Function, 2019",
    smooth=inf,
)  # fmt: skip
def barron(prediction: Array, target: Array, alpha: float = 1.0, scale: float = 1.0) -> Array:
    """b / α · ((v / b + 1)^(α/2) - 1) for v = (error / scale)², b = |α - 2|: one dial, all tempers.

    Its gradient grows like error^(α - 1). At α = 2 it is half of the squared error, at 1 the
    pseudo-Huber loss, at 0 Cauchy's, at -2 Geman and McClure's, at -inf Welsch's; it is continuous
    in α at each of them.

    >>> from tinygrad_neuron import Value
    >>> [barron(Value(2.0), 0.0, alpha=a).item() for a in (2.0, -2.0)]
    [2.0, 1.0]
    """
    ratio = (prediction - target) / scale
    if alpha == -inf:
        return _welsch(ratio)
    b = abs(alpha - 2.0)
    if b == 0.0:
        return 0.5 * square(ratio)
    logarithm = log1psq(ratio / b**0.5)
    if alpha < 1.0:
        return (0.5 * b) * grown(0.5 * alpha, logarithm)
    # near 2 the root of b times a large power of 1/b: that power beside α/2 = 1 ± b/2 is small
    rest = 0.5 * (alpha - 2.0) * logarithm
    large = where(isinf(ratio), ratio, ratio * exp(0.5 * rest))  # inf * 0 is nan
    return (square(large) + b * expm1(rest)) / alpha
