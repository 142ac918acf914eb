"""One neuron on a table: the same descent, with a mean over many rows.

Where the neuron is linear and the loss is the mean square, the answer is also known in closed form
(least squares), and stands beside what was learnt.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_neuron import losses
from tinygrad_neuron.lesson import text, verdicts
from tinygrad_neuron.lesson.mistakes import TableError, UsageError
from tinygrad_neuron.lesson.model import Model
from tinygrad_neuron.lesson.table import Table
from tinygrad_neuron.lesson.text import Look, number
from tinygrad_neuron.nn import Neuron
from tinygrad_neuron.train import (
    History,
    Moment,
    Progress,
    Verdict,
    comfortable_alpha,
    descend,
    judge,
    norm,
    steepest_curvature,
)
from tinygrad_neuron.value import Value

ROUNDS = 30  # of looking for the direction that curves most
FEW = 4  # inputs whose weights are written out

LOSSES: dict[str, Callable[..., Value]] = {
    "mse": losses.mse,
    "abs": losses.absolute_error,
    "huber": losses.huber,
    "bce": losses.binary_cross_entropy,
    "hinge": losses.hinge,
}
ACTIVATIONS = {"none": "linear", "sigmoid": "sigmoid", "tanh": "tanh", "relu": "relu"}
SUITS = {"bce": ("sigmoid",), "hinge": ("none", "tanh")}  # any other loss suits every activation


@dataclass(frozen=True)
class Examples:
    """A table as a neuron sees it: inputs X, targets y, and the numbers that standardise X.

    `mean` is 0 and `scale` 1 where X is taken as it is.
    """

    source: str
    inputs: tuple[str, ...]
    target: str
    X: Any
    y: Any
    mean: Any
    scale: Any

    @property
    def standardised(self) -> Any:
        """The inputs as the neuron is given them."""
        return (self.X - self.mean) / self.scale


@dataclass(frozen=True)
class Fit:
    """What came of learning from a table."""

    examples: Examples
    model: Model
    seed: int
    chosen: bool  # whether alpha was measured, not given
    standardized: bool
    tolerance: float
    history: History
    verdict: Verdict

    @property
    def succeeded(self) -> bool:
        """Whether it converged."""
        return self.verdict.kind == "converged"

    @property
    def interrupted(self) -> bool:
        """Whether somebody pressed Ctrl-C."""
        return self.verdict.kind == "interrupted"

    @property
    def learnt(self) -> list[float]:
        """The weights and the bias in the units of the table."""
        w, b = self.model.in_units_of_the_table()
        return [*w.tolist(), b]

    @cached_property
    def closed_form(self) -> list[float] | None:
        """w and b by least squares, for a linear neuron and the mean square; None if not unique."""
        if (self.model.activation, self.model.loss) != ("linear", "mse"):
            return None
        A = np.column_stack([self.examples.X, np.ones(len(self.examples.y))])
        answer, _, rank, _ = np.linalg.lstsq(A, self.examples.y, rcond=None)
        return answer.tolist() if rank == A.shape[1] else None

    @property
    def gap(self) -> float | None:
        """The largest difference between what was learnt and the closed form."""
        if self.closed_form is None:
            return None
        return float(np.abs(np.subtract(self.learnt, self.closed_form)).max())


def run(
    table: Table,
    target: str,
    *,
    columns: Sequence[str] = (),
    activation: str | None = None,
    loss: str = "mse",
    alpha: float | None = None,
    steps: int = 10_000,
    seed: int = 0,
    standardize: bool = False,
    tolerance: float = 1e-9,
    progress: Progress = iter,
) -> Fit:
    """Descend until the gradient is `tolerance` times what it was at the start, or in vain.

    All columns but the target are inputs, unless some are named. Without an alpha one is measured.
    """
    activation = _suitable(activation, loss)
    data = _examples(table, target, columns, standardize)
    _check_labels(table, data, loss)
    neuron = Neuron(len(data.inputs), activation=ACTIVATIONS[activation], rng=seed)
    parameters = neuron.parameters()
    J = _objective(neuron, data, loss)

    def done(now: Moment, first: Moment) -> bool:
        # a slope of exactly 0 is a minimum if the loss is convex in w, else perhaps a dead neuron
        certain = activation == "none" or loss == "bce" or bool(now.gradient.any())
        return certain and norm(now.gradient) <= tolerance * norm(first.gradient)

    curvature = steepest_curvature(J, parameters, ROUNDS)
    chosen = alpha is None
    alpha = comfortable_alpha(J, parameters, ROUNDS) if alpha is None else alpha
    history = descend(J, parameters, alpha, steps, done=done, progress=progress)
    return Fit(
        data, _model(data, neuron, activation, loss), seed, chosen, standardize, tolerance, history,
        judge(history, curvature),
    )  # fmt: skip


def _suitable(activation: str | None, loss: str) -> str:
    """The activation, or the one that the loss needs if none is named."""
    allowed = SUITS.get(loss, tuple(ACTIVATIONS))
    if activation is None:
        return allowed[0]
    if activation not in allowed:
        raise UsageError(
            f"--loss {loss} does not go with --activation {activation}.",
            why={
                "bce": "It takes the output for a probability, which only the sigmoid gives.",
                "hinge": "It needs outputs on both sides of 0.",
            }[loss],
            hint=f"--loss {loss} --activation {text.words(allowed, last='or')}",
        )
    return activation


def _objective(neuron: Neuron, data: Examples, loss: str) -> Callable[[], Value]:
    """The loss of all rows. The cross-entropy takes z, before the sigmoid, and cannot overflow."""
    Z, of = data.standardised, LOSSES[loss]
    if loss == "bce":
        return lambda: of(Z @ neuron.w + neuron.b, data.y)
    return lambda: of(neuron(Z), data.y)


def _model(data: Examples, neuron: Neuron, activation: str, loss: str) -> Model:
    return Model(
        inputs=data.inputs,
        target=data.target,
        weights=tuple(neuron.w.tolist()),
        bias=neuron.b.item(),
        activation=ACTIVATIONS[activation],
        loss=loss,
        mean=tuple(data.mean.tolist()),
        scale=tuple(data.scale.tolist()),
    )


# ------------------------------------------------------------------------------- the examples


def _examples(table: Table, target: str, columns: Sequence[str], standardize: bool) -> Examples:
    y = table.numbers([target])[:, 0]
    inputs = tuple(columns) or tuple(name for name in table.names if name != target)
    if target in inputs or not inputs or len(set(inputs)) < len(inputs):
        raise UsageError(
            f"--columns {' '.join(inputs)} with --target {target}: each column can be used once.",
            why="A target among the inputs would be copied, not predicted.",
            hint=f"--target {target} --columns {' '.join(n for n in table.names if n != target)}",
        )
    X = table.numbers(inputs)
    mean, scale = np.zeros(len(inputs)), np.ones(len(inputs))
    if standardize:
        mean, scale = X.mean(axis=0), X.std(axis=0)
    for name, width, value in zip(inputs, scale, X[0], strict=True):
        others = " ".join(n for n in inputs if n != name)
        if standardize and not width > 1e-12 * abs(value):
            raise UsageError(
                f"Column {name!r} is {number(value)} in every row of {table.source}.",
                why="It has no spread to divide by, and tells nothing that the bias does not.",
                hint=f"--columns {others}" if others else "leave out --standardize",
            )
    return Examples(table.source, inputs, target, X, y, mean, scale)


def _check_labels(table: Table, data: Examples, loss: str) -> None:
    """Refuse the first target that a loss for a yes or no is not defined for."""
    allowed = {"bce": (data.y >= 0) & (data.y <= 1), "hinge": np.abs(data.y) == 1}.get(loss)
    if allowed is None or allowed.all():
        return
    row = int(np.argmin(allowed))
    raise TableError(
        f"{table.source}:{table.lines[row]}, column {data.target!r}: {number(data.y[row])} is no "
        f"label for --loss {loss}.",
        why={"bce": "It takes numbers from 0 (no) to 1 (yes).", "hinge": "It takes -1 and 1."}[
            loss
        ],
        hint="--loss mse for a target that is a number",
        line=table.lines[row],
    )


# ---------------------------------------------------------------------------------- the screen


def screen(fit: Fit, look: Look = text.PLAIN) -> str:
    """What was learnt from, the steps, the verdict, and the weights beside the closed form."""
    return "\n".join(
        [
            *(text.wrapped(line, look.width) for line in _headlines(fit)),
            _steps(fit),
            _verdict(fit, look),
            *([] if fit.verdict.kind == "diverging" else _result(fit, look)),
        ]
    )


def _headlines(fit: Fit) -> list[str]:
    data = fit.examples
    chosen = " (chosen by measuring)" if fit.chosen else ""
    standardised = ", inputs standardised" if fit.standardized else ""
    return [
        f"{Path(data.source).name}: {text.count(len(data.y), 'row')}, {data.target} from "
        f"{text.words(text.few(data.inputs, 8))}",
        f"{data.target} = {_formula(fit)}",
        f"loss {fit.model.loss}, alpha = {number(fit.history.alpha)}{chosen}, seed {fit.seed}"
        f"{standardised}",
    ]


def _formula(fit: Fit) -> str:
    """f(w . x + b) under the names of the table."""
    names = fit.model.inputs
    terms = [f"w{i + 1}*{name}" for i, name in enumerate(names)] if len(names) <= FEW else ["w . x"]
    z = " + ".join([*terms, "b"])
    return z if fit.model.activation == "linear" else f"{fit.model.activation}({z})"


def _steps(fit: Fit) -> str:
    moments = fit.history.moments
    rows = [
        [str(k), number(moments[k].loss, 8), number(norm(moments[k].gradient), 5)]
        for k in text.milestones(fit.history.updates)
    ]
    return text.table(["step", "loss", "|gradient|"], rows)


def _result(fit: Fit, look: Look) -> list[str]:
    return [*_comparison(fit), *(text.wrapped(line, look.width) for line in _quality(fit))]


def _comparison(fit: Fit) -> list[str]:
    """The weights in the units of the table, beside those of least squares where they are known."""
    names, exact = [*fit.model.inputs, "b"], fit.closed_form
    if exact is None:
        rows = [[name, number(v, 8)] for name, v in zip(names, fit.learnt, strict=True)]
        return [text.table(["", "learnt"], rows)]
    rows = [
        [name, number(v, 8), number(w, 8), number(abs(v - w), 2)]
        for name, v, w in zip(names, fit.learnt, exact, strict=True)
    ]
    return [
        text.table(["", "learnt", "least squares", "difference"], rows),
        f"Largest difference from the closed form (np.linalg.lstsq): {number(fit.gap or 0.0, 2)}.",
    ]


def quality(fit: Fit) -> dict[str, float]:
    """How good the predictions are on the rows they were learnt from."""
    y, prediction = fit.examples.y, fit.model.predict(fit.examples.X)
    if fit.model.loss in SUITS:
        middle = 0.5 if fit.model.loss == "bce" else 0.0
        return {"accuracy": float(np.mean((prediction > middle) == (y > middle)))}
    return {
        "root_mean_square_error": float(np.sqrt(np.mean((prediction - y) ** 2))),
        "spread_of_target": float(y.std()),
    }


def _quality(fit: Fit) -> list[str]:
    found = quality(fit)
    if "accuracy" in found:
        return [f"{found['accuracy']:.1%} of these rows are on the right side."]
    off, spread = found["root_mean_square_error"], found["spread_of_target"]
    return [
        f"Predictions are off by {number(off, 3)} (root mean square); "
        f"the mean alone would be off by {number(spread, 3)}."
    ]


# --------------------------------------------------------------------------------- the verdict


def _verdict(fit: Fit, look: Look) -> str:
    verdict, history = fit.verdict, fit.history
    finite = verdict.best < math.inf
    best = [(f"--alpha {number(verdict.best, 3)}", "1/lambda")] if finite else []
    match verdict.kind:
        case "converged":
            told, remedies = _converged(fit), []
        case "diverging":
            told = verdicts.diverging(verdict, history, "the gradient")
            remedies = [*best, *_standardize(fit)]
        case "slow":
            left = norm(history.last.gradient) / norm(history.first.gradient)
            told = verdicts.slow(verdict, "the gradient", left, history.kept, "")
            remedies = [*best, *_standardize(fit)]
        case "cycling":
            told, remedies = verdicts.cycling(verdict, history, ""), [_shorter(fit)]
        case "budget":
            told, remedies = _used_up(fit), [*_standardize(fit), _longer(fit)]
        case "stalled":
            told, remedies = verdicts.stalled(verdict, history), _standardize(fit)
        case _:
            told, remedies = verdicts.interrupted(verdict), []
    return verdicts.told(*told, remedies, look)


def _converged(fit: Fit) -> tuple[str, str]:
    headline = f"converged: flat after {text.count(fit.history.updates, 'update')}."
    return headline, (
        f"The gradient is {number(fit.tolerance)} times what it was at the start. The measured "
        f"curvature is lambda = {number(fit.verdict.curvature, 5)}, so this is stable for "
        f"alpha < 2/lambda = {number(fit.verdict.limit, 4)}."
    )


def _used_up(fit: Fit) -> tuple[str, str]:
    left = norm(fit.history.last.gradient) / norm(fit.history.first.gradient)
    of_limit = (
        f", and alpha is {number(fit.verdict.excess, 2)} of the limit 2/lambda = "
        f"{number(fit.verdict.limit, 3)}"
    )
    return f"budget used up after {text.count(fit.history.updates, 'update')}.", (
        f"The gradient is still {number(left, 2)} of what it was at the start"
        f"{of_limit if fit.verdict.limit < math.inf else ''}."
    )


def _longer(fit: Fit) -> tuple[str, str]:
    return f"--steps {10 * max(fit.history.updates, 1)}", "more patience"


def _shorter(fit: Fit) -> tuple[str, str]:
    return f"--alpha {number(fit.history.alpha / 10, 3)}", "steps ten times shorter"


def _standardize(fit: Fit) -> list[tuple[str, str]]:
    if fit.standardized:
        return []
    return [("--standardize", "inputs of mean 0 and spread 1: one alpha then suits all weights")]


def record(fit: Fit) -> dict[str, Any]:
    """The run for a machine."""
    return {
        "source": fit.examples.source,
        "rows": len(fit.examples.y),
        "inputs": list(fit.model.inputs),
        "target": fit.model.target,
        "activation": fit.model.activation,
        "loss": fit.model.loss,
        "seed": fit.seed,
        "standardized": fit.standardized,
        "tolerance": fit.tolerance,
        "verdict": verdicts.record(fit.verdict),
        "weights": fit.learnt[:-1],
        "bias": fit.learnt[-1],
        "least_squares": fit.closed_form,
        "largest_difference": fit.gap,
        "quality": quality(fit),
        "losses": [moment.loss for moment in fit.history.moments],
    }
