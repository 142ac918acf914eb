"""Losses of a set: how a predicted mask, as one whole, lies over the true one.

The last axis, or those of `axis=`, are one set and give one loss. Predictions are probabilities;
what is asked of the sums is written as wrong over all, so that nothing is subtracted from 1.
"""

from tinygrad_neuron.graph import Array
from tinygrad_neuron.losses.mechanism import loss
from tinygrad_neuron.ops import sum, where


@loss(
    rows=1, domain="probability", target="unit", formula="(α FP + β FN) / (TP + α FP + β FN + s)",
    limits={"alpha": "nonnegative", "beta": "nonnegative", "smooth": "nonnegative"},
    source="Salehi, Erdogmus and Gholipour, Tversky Loss Function, 2017",
)  # fmt: skip
def tversky(
    probs: Array, target: Array, alpha: float = 0.5, beta: float = 0.5, smooth: float = 0.0
) -> Array:
    """The wrong as a share of what either mask covers: alpha weighs what is too much, beta what
    is missing. Two empty masks agree: 0.
    """
    right = sum(probs * target, axis=-1)
    wrong = alpha * sum(probs * (1.0 - target), axis=-1)
    wrong = wrong + beta * sum((1.0 - probs) * target, axis=-1)
    whole = right + wrong + smooth
    return where(whole == 0.0, 0.0, wrong / where(whole == 0.0, 1.0, whole))


@loss(
    rows=1, domain="probability", target="unit", formula="(FP + FN) / (2 TP + FP + FN + s)",
    limits={"smooth": "nonnegative"}, source="Milletari, Navab and Ahmadi, V-Net, 2016",
)  # fmt: skip
def dice(probs: Array, target: Array, smooth: float = 0.0) -> Array:
    """1 less twice the overlap over the sum of both sizes; 0 for two empty masks."""
    return tversky.function(probs, target, smooth=0.5 * smooth)


@loss(
    rows=1, domain="probability", target="unit", formula="tversky^γ", limits={"gamma": "positive"},
    source="Abraham and Khan, A Novel Focal Tversky Loss, 2019",
)  # fmt: skip
def focal_tversky(
    probs: Array, target: Array, alpha: float = 0.3, beta: float = 0.7, gamma: float = 0.75
) -> Array:
    """A power of the Tversky loss: below 1 it looks harder at what is nearly right."""
    wrong = tversky.function(probs, target, alpha, beta)
    none = wrong == 0.0
    return where(none, 0.0, where(none, 1.0, wrong) ** gamma)


@loss(
    rows=2, domain="probability", target="unit",
    formula="Σ_k w_k (FP + FN)_k / Σ_k w_k (2 TP + FP + FN)_k, w_k = 1 / (Σ t_k)²",
    source="Sudre et al., Generalised Dice Overlap, 2017",
)  # fmt: skip
def generalized_dice(probs: Array, target: Array) -> Array:
    """Dice over classes (rows) of which small ones count as much as large ones."""
    size = sum(target, axis=-1)
    weights = where(size == 0.0, 0.0, 1.0 / where(size == 0.0, 1.0, size) ** 2)
    wrong = sum(weights * sum(probs * (1.0 - target) + (1.0 - probs) * target, axis=-1), axis=-1)
    whole = wrong + 2.0 * sum(weights * sum(probs * target, axis=-1), axis=-1)
    return where(whole == 0.0, 0.0, wrong / where(whole == 0.0, 1.0, whole))
