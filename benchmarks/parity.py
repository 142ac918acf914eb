"""Our losses beside those of PyTorch, optax and Keras: values and gradients on ordinary inputs.

    python benchmarks/parity.py [--write docs/parity.json]

Each row is a loss of another library under its own name, called as its users call it, beside ours
on the same numbers in float64. Libraries that are not installed are left out, and named as such.
What differs on purpose is written beside the row; anything else that differs is an error.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from harness import version

from tinygrad_neuron import losses, value_and_grad

CLOSE = 1e-6
ROUNDING = 1e-9

rng = np.random.default_rng(0)
X, T = rng.normal(size=(2, 12))
ROWS, OTHERS, THIRD = rng.normal(size=(3, 6, 4))
SIGNS, ANSWERS = rng.choice([-1.0, 1.0], 12), rng.choice([0.0, 1.0], 12)
LABELS, SHARES = rng.integers(0, 4, 6), rng.dirichlet(np.ones(4), 6)
PROBS, ROW_PROBS = rng.uniform(0.1, 0.9, 12), rng.dirichlet(np.ones(4), 6)
COUNTS, POSITIVE = rng.poisson(2.0, 12).astype(float), rng.uniform(0.5, 3.0, 12)
ROW_SIGNS, ROW_ANSWERS = rng.choice([-1.0, 1.0], 6), rng.choice([0.0, 1.0], (6, 4))
FRAMES, SPELLED = rng.normal(size=(3, 8, 5)), rng.integers(1, 5, (3, 3))


class Row(NamedTuple):
    """Another library's loss at these inputs, ours, and in which way they are meant to differ."""

    name: str
    ours: str
    inputs: tuple[Any, ...]
    call: Callable[..., Any]  # theirs, of the prediction
    settings: Mapping[str, Any] = MappingProxyType({})
    differs: str = ""


# ------------------------------------------------------------------------------ PyTorch


def torch_rows() -> Iterator[Row]:
    """By class, with what `reduction="mean"` gives."""
    import torch
    from torch import nn

    def plain(name: str, ours: str, *inputs: Any, differs: str = "", **settings: Any) -> Row:
        call, rest = getattr(nn, name)(**settings), [torch.tensor(x) for x in inputs[1:]]
        given = {k: v for k, v in settings.items() if k != "eps"}
        return Row(name, ours, inputs, lambda x: call(x, *rest), given, differs)

    yield plain("MSELoss", "squared_error", X, T)
    yield plain("L1Loss", "absolute_error", X, T)
    yield plain("HuberLoss", "huber", X, T, delta=0.7)
    yield plain("SmoothL1Loss", "smooth_l1", X, T, beta=0.7)
    yield plain("BCEWithLogitsLoss", "binary_cross_entropy", X, ANSWERS)
    yield plain("BCELoss", "binary_cross_entropy_probs", PROBS, ANSWERS)
    yield plain("SoftMarginLoss", "logistic", X, SIGNS)
    yield plain("CrossEntropyLoss", "cross_entropy", ROWS, LABELS)
    yield plain("CrossEntropyLoss", "cross_entropy", ROWS, SHARES)
    yield plain("CrossEntropyLoss", "cross_entropy", ROWS, LABELS, label_smoothing=0.1)
    yield plain("CrossEntropyLoss", "cross_entropy", ROWS, LABELS, ignore_index=2)
    weights = np.array([1.0, 2.0, 0.5, 3.0])
    for target, reason in (
        (LABELS, ""),
        (SHARES, "class weights inside the sum, and the mean over rows; here they weigh the row"),
    ):
        yield Row(
            "CrossEntropyLoss",
            "cross_entropy",
            (ROWS, target),
            lambda x, t=target: nn.CrossEntropyLoss(torch.tensor(weights))(x, torch.tensor(t)),
            {"class_weight": weights.tolist()},
            reason,
        )
    yield Row(
        "BCEWithLogitsLoss",
        "binary_cross_entropy",
        (X, ANSWERS),
        lambda x: nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0))(x, torch.tensor(ANSWERS)),
        {"pos_weight": 3.0},
    )
    yield plain("NLLLoss", "nll", ROWS, LABELS)
    yield plain(
        "MultiMarginLoss",
        "weston_watkins",
        ROWS,
        LABELS,
        margin=0.5,
        p=2,
        differs="divided by the number of classes; here the sum over them",
    )
    yield plain("MultiLabelSoftMarginLoss", "multilabel_soft_margin", ROWS, ROW_ANSWERS)
    yield plain("PoissonNLLLoss", "poisson", X, COUNTS)
    yield plain(
        "PoissonNLLLoss",
        "poisson",
        X,
        COUNTS,
        full=True,
        differs="Stirling's approximation of the factorial; here log Γ",
    )
    yield Row(
        "GaussianNLLLoss",
        "gaussian_nll",
        (X, T, np.log(POSITIVE)),
        lambda x: nn.GaussianNLLLoss(full=True)(x, torch.tensor(T), torch.tensor(POSITIVE)),
    )
    yield plain("HingeEmbeddingLoss", "hinge_embedding", X, SIGNS)
    yield plain("MarginRankingLoss", "margin_ranking", X, T, SIGNS, margin=0.3)
    yield plain("CosineEmbeddingLoss", "cosine_embedding", ROWS, OTHERS, ROW_SIGNS, margin=0.3)
    yield plain("TripletMarginLoss", "triplet", ROWS, OTHERS, THIRD, margin=0.5, eps=0.0)
    yield plain(
        "TripletMarginLoss",
        "triplet",
        ROWS,
        OTHERS,
        THIRD,
        differs="1e-6 is added to each component; here nothing, so that d(x, x) = 0",
    )
    yield Row(
        "KLDivLoss",
        "kl_divergence",
        (ROWS, OTHERS),
        lambda x: nn.KLDivLoss(reduction="batchmean")(
            x.log_softmax(-1), torch.tensor(OTHERS).softmax(-1)
        ),
    )
    sizes = torch.tensor([8] * 3), torch.tensor([3] * 3)
    yield Row(
        "CTCLoss",
        "ctc",
        (FRAMES, SPELLED),
        lambda x: (
            nn.CTCLoss(reduction="sum")(
                x.log_softmax(-1).transpose(0, 1), torch.tensor(SPELLED), *sizes
            )
            / 3
        ),
    )
    yield Row(
        "CTCLoss",
        "ctc",
        (FRAMES, SPELLED),
        lambda x: nn.CTCLoss()(x.log_softmax(-1).transpose(0, 1), torch.tensor(SPELLED), *sizes),
        {},
        "the mean divides each loss by its number of labels; here all sequences count alike",
    )


def torch_slope(call: Callable[[Any], Any], x: Any) -> tuple[float, Any]:
    """Value and gradient."""
    import torch

    leaf = torch.tensor(x, requires_grad=True)
    value = call(leaf)
    return value.item(), torch.autograd.grad(value, leaf)[0].numpy()


# --------------------------------------------------------------------------- optax, Keras


def optax_rows() -> Iterator[Row]:
    """By function; the mean is ours to take."""
    import jax
    import optax

    def plain(name: str, ours: str, *inputs: Any, differs: str = "", **settings: Any) -> Row:
        call = getattr(optax.losses, name)
        return Row(
            name, ours, inputs, lambda x: call(x, *inputs[1:], **settings).mean(), settings, differs
        )

    yield plain("squared_error", "squared_error", X, T)
    yield plain("l2_loss", "squared_error", X, T, differs="half of it")
    yield plain("huber_loss", "huber", X, T, delta=0.7)
    yield plain("log_cosh", "log_cosh", X, T)
    yield plain("hinge_loss", "hinge", X, SIGNS)
    yield plain("perceptron_loss", "perceptron", X, SIGNS)
    yield plain("sigmoid_binary_cross_entropy", "binary_cross_entropy", X, ANSWERS)
    yield Row(
        "sigmoid_focal_loss",
        "focal",
        (X, ANSWERS),
        lambda x: optax.sigmoid_focal_loss(x, ANSWERS, gamma=1.5).mean(),
        {"gamma": 1.5},
    )
    yield plain("softmax_cross_entropy", "cross_entropy", ROWS, SHARES)
    yield plain("softmax_cross_entropy_with_integer_labels", "cross_entropy", ROWS, LABELS)
    for target, reason in (
        (LABELS, ""),
        (SHARES, "the mean of 1 - p over the shares; here 1 less their geometric mean"),
    ):
        shares = SHARES if reason else np.eye(4)[LABELS]
        yield Row(
            "poly_loss_cross_entropy",
            "poly1_cross_entropy",
            (ROWS, target),
            lambda x, t=shares: optax.losses.poly_loss_cross_entropy(x, t, epsilon=0.5).mean(),
            {"epsilon": 0.5},
            reason,
        )
    yield plain("multiclass_hinge_loss", "crammer_singer", ROWS, LABELS)
    yield plain("multiclass_perceptron_loss", "multiclass_perceptron", ROWS, LABELS)
    yield plain("multiclass_sparsemax_loss", "sparsemax", ROWS, LABELS)
    yield plain("cosine_distance", "cosine_distance", ROWS, OTHERS)
    yield Row(
        "kl_divergence",
        "kl_divergence",
        (ROWS, OTHERS),
        lambda x: optax.kl_divergence(jax.nn.log_softmax(x), jax.nn.softmax(OTHERS)).mean(),
    )
    yield plain("triplet_margin_loss", "triplet", ROWS, OTHERS, THIRD)
    yield Row(
        "ctc_loss",
        "ctc",
        (FRAMES, SPELLED),
        lambda x: optax.ctc_loss(x, np.zeros((3, 8)), SPELLED, np.zeros((3, 3))).mean(),
    )


def keras_rows() -> Iterator[Row]:
    """By class, target first."""
    import jax
    import keras

    keras.backend.set_floatx("float64")
    make = keras.losses

    def plain(name: str, ours: str, *inputs: Any, differs: str = "", **settings: Any) -> Row:
        given = {k: v for k, v in settings.items() if k != "from_logits"}
        call = getattr(make, name)(**settings)
        return Row(name, ours, inputs, lambda x: call(inputs[1], x), given, differs)

    yield plain("MeanSquaredError", "squared_error", X, T)
    yield Row(
        "MeanSquaredError",
        "squared_error",
        (X, T),
        lambda x: make.MeanSquaredError()(T, x, sample_weight=POSITIVE),
        {"weight": POSITIVE},
        "the weighted sum, divided by how many there are; here by the sum of the weights",
    )
    yield plain("MeanAbsoluteError", "absolute_error", X, T)
    yield plain(
        "MeanAbsolutePercentageError",
        "absolute_percentage_error",
        POSITIVE,
        POSITIVE[::-1],
        differs="in per cent; here a share",
    )
    yield plain(
        "MeanSquaredLogarithmicError",
        "squared_log_error",
        POSITIVE,
        POSITIVE[::-1],
        differs="1e-7 is added to both",
    )
    yield plain("Huber", "huber", X, T, delta=0.7)
    yield plain("LogCosh", "log_cosh", X, T, differs="log 2 in float32, 2e-8 off")
    yield plain("Hinge", "hinge", X, SIGNS)
    yield plain("SquaredHinge", "squared_hinge", X, SIGNS)
    yield Row(
        "Poisson",
        "poisson",
        (X, COUNTS),
        lambda x: make.Poisson()(COUNTS, jax.numpy.exp(x)),
        {},
        "1e-7 is added to the rate",
    )
    yield plain("BinaryCrossentropy", "binary_cross_entropy", X, ANSWERS, from_logits=True)
    yield plain("CategoricalCrossentropy", "cross_entropy", ROWS, SHARES, from_logits=True)
    yield plain(
        "CategoricalCrossentropy",
        "cross_entropy",
        ROWS,
        SHARES,
        from_logits=True,
        label_smoothing=0.1,
    )
    yield plain("SparseCategoricalCrossentropy", "cross_entropy", ROWS, LABELS, from_logits=True)
    yield plain(
        "BinaryFocalCrossentropy",
        "focal",
        X,
        ANSWERS,
        from_logits=True,
        gamma=1.5,
        differs="probabilities are clipped to 1e-7",
    )
    yield Row(
        "CosineSimilarity",
        "cosine_distance",
        (ROWS, OTHERS),
        lambda x: 1.0 + make.CosineSimilarity()(OTHERS, x),
    )
    yield Row(
        "KLDivergence",
        "kl_divergence",
        (ROWS, OTHERS),
        lambda x: make.KLDivergence()(jax.nn.softmax(OTHERS), jax.nn.softmax(x)),
    )
    yield plain("Dice", "dice", PROBS, ANSWERS, differs="1e-7 is added above and below")
    yield plain(
        "Tversky",
        "tversky",
        PROBS,
        ANSWERS,
        alpha=0.3,
        beta=0.7,
        differs="alpha and beta are swapped in 3.15.1",
    )
    yield Row("CTC", "ctc", (FRAMES, SPELLED), lambda x: make.CTC()(SPELLED, x))


def jax_slope(call: Callable[[Any], Any], x: Any) -> tuple[float, Any]:
    """Value and gradient, of optax and of Keras on JAX."""
    import jax

    value, slope = jax.value_and_grad(call)(x)
    return float(value), np.asarray(slope)


LIBRARIES = {
    "torch": (torch_rows, torch_slope),
    "optax": (optax_rows, jax_slope),
    "keras": (keras_rows, jax_slope),
}


# ------------------------------------------------------------------------------- the table


def compared(library: str, row: Row, slope: Any) -> dict[str, Any]:
    """Both values, and the largest difference there is, relative to the largest number."""
    theirs, their_slope = slope(row.call, row.inputs[0])
    ours, our_slope = value_and_grad(
        lambda x: losses.get(row.ours)(x, *row.inputs[1:], **row.settings)
    )(row.inputs[0])
    apart = [abs(ours.item() - theirs) / max(abs(theirs), 1e-300)]
    apart.append(np.max(np.abs(our_slope.data - their_slope)) / np.max(np.abs(their_slope)))
    settings = ", ".join(f"{k}={'…' if np.ndim(v) else v}" for k, v in row.settings.items())
    return {
        "library": library,
        "name": f"{row.name}({settings})" if settings else row.name,
        "ours": row.ours,
        "value": ours.item(),
        "theirs": theirs,
        "apart": float(f"{max(apart):.1e}"),
        "differs": row.differs,
    }


def rows() -> Iterator[dict[str, Any]]:
    """The table, for every library that is installed."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    for library, (found, slope) in LIBRARIES.items():
        if version(library):
            yield from (
                compared(library, row, slope) for row in found() if row.ours in losses.LOSSES
            )


def unexplained(table: list[dict[str, Any]]) -> list[str]:
    """The rows that differ without a reason, or give a reason and do not differ."""
    return [
        f"{row['library']} {row['name']}: {row['apart']} apart, {row['differs'] or 'unexplained'}"
        for row in table
        if row["apart"] > (CLOSE if not row["differs"] else np.inf)
        or (row["differs"] and row["apart"] < ROUNDING)
    ]


def main() -> None:
    """Compare, and write the table or print it."""
    parser = argparse.ArgumentParser(description="Losses beside those of other libraries.")
    parser.add_argument("--write", type=Path, help="the file that keeps the table")
    options = parser.parse_args()
    found = list(rows())
    names = ("numpy", "torch", "jax", "optax", "keras")
    versions = {name: version(name) or "not installed" for name in names}
    text = json.dumps({"versions": versions, "close": CLOSE, "rows": found}, indent=1)
    if options.write:
        options.write.write_text(text + "\n")
    else:
        print(text)
    if wrong := unexplained(found):
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
