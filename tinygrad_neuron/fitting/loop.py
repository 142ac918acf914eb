"""Fitting: predict, measure, go back, move, batch after batch, until there is a reason to stop.

What is computed follows from the model, the data and the seed alone. A progress bar, a checkpoint
or an interruption change no bit of it.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_neuron import losses, optim
from tinygrad_neuron.errors import (
    LeftGraphError,
    NonFiniteError,
    TrainingDataError,
    UnknownNameError,
)
from tinygrad_neuron.fitting import checkpoint as checkpoints
from tinygrad_neuron.fitting.bar import bar
from tinygrad_neuron.fitting.batches import (
    Batch,
    Partitions,
    Rows,
    Stream,
    batches_of,
    rows_in,
)
from tinygrad_neuron.fitting.history import History
from tinygrad_neuron.fitting.interrupt import Interrupt
from tinygrad_neuron.fitting.stepping import Stepping
from tinygrad_neuron.graph import any_foreign
from tinygrad_neuron.modes import no_grad
from tinygrad_neuron.nn import Module, training
from tinygrad_neuron.nonfinite import Explanation, explain_nonfinite
from tinygrad_neuron.optim import Optimiser
from tinygrad_neuron.saving.archive import PathLike
from tinygrad_neuron.value import Value

Function = Callable[..., Any]

OPTIMISERS: dict[str, type[Optimiser]] = {
    name.lower(): kind
    for name, kind in vars(optim).items()
    if isinstance(kind, type) and issubclass(kind, Optimiser) and kind is not Optimiser
}


class Look(NamedTuple):
    """What a callback is shown after every epoch; `validation` is nan without a validation set."""

    epoch: int
    update: int
    loss: float
    validation: float
    model: Any
    optimizer: Optimiser


def fit(
    model: Function,
    data: Any,
    *,
    loss: str | Function = "squared_error",
    optimizer: str | Function | Optimiser = "adam",
    alpha: Any = 0.01,
    epochs: int | None = None,
    steps: int | None = None,
    batch_size: int | None = 32,
    seed: int = 0,
    parameters: Iterable[Value] | None = None,
    validation: float | Batch | None = None,
    patience: int | None = None,
    callbacks: Sequence[Callable[[Look], Any]] = (),
    checkpoint: PathLike | None = None,
    checkpoint_every: int = 100,
    progress: bool | None = None,
    compile: bool = True,  # noqa: A002  # as what it does is called
) -> History:
    """The history of a model learning from examples; the model has learnt when it returns.

    >>> from tinygrad_neuron import Neuron, fit
    >>> x = np.linspace(-1.0, 1.0, 64)[:, None]
    >>> neuron = Neuron(1, nonlin=False, rng=0)
    >>> history = fit(neuron, (x, 3.0 * x[:, 0] - 1.0), alpha=0.1, epochs=100)
    >>> history.ending, neuron.w.data.round(3), round(neuron.b.item(), 3)
    ('budget', array([3.]), -1.0)

    | keyword | meaning |
    |---|---|
    | `data` | `(x, y)`, rows of x and as many entries of y, in memory or Dask's; or batches `(x, y)`, gone through anew in each epoch |
    | `loss` | a name or a function of prediction and target |
    | `optimizer` | a name from `optim`, an `Optimiser`, or a function from parameters to one |
    | `alpha` | of a named optimiser: a number, a schedule, or a `Plateau` that is told the loss of every epoch |
    | `epochs`, `steps` | at most so many times through the data, or updates; 100 epochs |
    | `batch_size` | rows at most for each update, in an order of each epoch's own; None for all, as they are |
    | `parameters` | what is to move, if that is not `model.parameters()` |
    | `validation` | a share of the rows to hold back, or `(x, y)` |
    | `patience` | so many epochs without a lower loss (of the validation set, if there is one) end it, with the best weights |
    | `callbacks` | functions of a `Look`, called after every epoch; one that returns True ends it |
    | `checkpoint` | a file, written every `checkpoint_every` updates; if it is there, the training goes on from it |
    | `progress` | a bar (extra `progress`); by default where stderr is a terminal |
    | `compile` | whether updates may be computed by a program, where that pays; `history.eager` says why they were not |

    Ctrl-C ends the training after the update that is under way; what was learnt is kept.

    Raises `TrainingDataError` (TN190) for data that cannot be learnt from, `NonFiniteError` (TN191)
    where the loss is no longer finite, with the reason, and `CheckpointError` (TN192) for the file
    of another training.
    """  # noqa: E501
    learner = _Learner(model, parameters)
    batches = batches_of(data, batch_size, seed)
    held = None
    if isinstance(validation, float) and isinstance(batches, Rows | Partitions):
        batches, held = batches.split(validation)
    elif validation is not None:
        held = _pair(validation)
    run = _Training(
        learner, batches, held, losses.get(loss) if isinstance(loss, str) else loss,
        _optimiser(optimizer, learner.parameters(), alpha), alpha, patience, callbacks, compile,
    )  # fmt: skip
    if checkpoint is not None:
        run.keep_in(checkpoint, checkpoint_every, _about(run, loss, seed))
    return run.go(*_budget(epochs, steps), progress)


class _Learner(Module):
    """A model, and what of it is to move."""

    def __init__(self, model: Function, parameters: Iterable[Value] | None) -> None:
        if parameters is None and not isinstance(model, Module):
            raise TrainingDataError(
                f"The model is a {type(model).__name__}, and it is not said what is to move.",
                why="Only a module knows its parameters.",
                hint="fit(model, data, parameters=[w, b])",
            )
        self.model = model
        self.moved = None if parameters is None else list(parameters)

    def parameters(self) -> list[Value]:
        return super().parameters() if self.moved is None else self.moved


class _Training:
    """A training under way: where it is, and what it needs to go on."""

    def __init__(
        self,
        learner: _Learner,
        batches: Rows | Partitions | Stream,
        held: Batch | None,
        loss: Function,
        optimiser: Optimiser,
        alpha: Any,
        patience: int | None,
        callbacks: Sequence[Callable[[Look], Any]],
        compile: bool,  # noqa: A002
    ) -> None:
        self.learner, self.batches, self.held, self.loss = learner, batches, held, loss
        self.optimiser, self.patience, self.callbacks = optimiser, patience, callbacks
        made_of = {"model": learner.model, "loss": loss}
        self.step = Stepping(self._measured, made_of, compile)
        self.plateau = alpha if isinstance(alpha, optim.Plateau) else None
        names = ("epoch", "update", "loss", *(["validation"] if held else []))
        self.columns: dict[str, list[float]] = {name: [] for name in names}
        self.updates = self.position = self.rows = 0  # position and rows: in this epoch
        self.total = 0.0  # of the losses of this epoch's rows
        self.best: dict[str, Any] | None = None
        self.good = self._weights()  # those with which the loss was finite
        self.last: Batch | None = None
        self.before: Any = None  # while the optimiser moves: what it started from
        self.path: PathLike | None = None

    def go(self, epochs: float, steps: float, progress: bool | None) -> History:
        """Learn until there is a reason to stop, and tell how it went."""
        self.budget = min(steps, epochs * len(self.batches) or math.inf)
        shown = int(self.budget) if self.budget < math.inf else None
        with (
            np.errstate(all="ignore"),
            Interrupt() as interrupt,
            bar(progress, self.updates, shown) as self.bar,
        ):
            try:
                ending = self._learn(epochs, steps, interrupt)
            except KeyboardInterrupt:  # in the middle of something
                ending = "interrupted"
                if self.before is not None:
                    self._undo(self.before)
            self._save()
            history = self._told(ending)
        if self.best is not None:
            self.learner.load(self.best)
        return history

    def _learn(self, epochs: float, steps: float, interrupt: Interrupt) -> str:
        while True:
            if interrupt.pressed:
                return "interrupted"
            if not self.position and self._is_stale():
                return "no better"
            if len(self.columns["loss"]) >= epochs or self.updates >= steps:
                return "budget"
            if self._epoch(steps, interrupt) and self._is_called_off():
                return "stopped"

    def _is_stale(self) -> bool:
        since = len(self.columns["loss"]) - 1 - self._history("").best
        return self.patience is not None and since >= self.patience

    def _is_called_off(self) -> bool:
        look = self._look()
        answers = [callback(look) for callback in self.callbacks]
        return any(answer is True for answer in answers)

    # ------------------------------------------------------------------------ one epoch

    def _epoch(self, steps: float, interrupt: Interrupt) -> bool:
        """The rest of an epoch, and its row; whether it came to its end."""
        for batch in self.batches.batches(len(self.columns["loss"]), self.position):
            if interrupt.pressed or self.updates >= steps:
                return False
            self._update(*batch)
        if not self.rows:
            raise TrainingDataError("The batches are empty.", hint="a list of pairs (x, y)")
        self._end_epoch()
        return True

    def _update(self, x: Any, y: Any) -> None:
        """Predict, measure, go back, move."""
        updates = self.budget if self.budget < math.inf else self.updates
        self.optimiser.zero_grad()
        measured = self.step(x, y, updates)
        if not math.isfinite(measured):
            self._lost(measured, (x, y))
        self.good, self.last = self._weights(), (x, y)
        self._move()
        n = rows_in(y)
        self.updates, self.position = self.updates + 1, self.position + 1
        self.total, self.rows = self.total + n * measured, self.rows + n
        self.bar.update()
        self.bar.set_postfix_str(f"loss {measured:.4g}", refresh=False)
        if self.path is not None and self.updates % self.every == 0:
            self._save()

    def _measured(self, x: Any, y: Any) -> Value:
        with training():
            return self._loss(x, y)

    def _loss(self, x: Any, y: Any) -> Value:
        loss = self.loss(self.learner.model(x), y)
        if not isinstance(loss, Value):
            raise LeftGraphError(
                f"The loss is {loss!r:.60}, a {type(loss).__name__}, and not a Value.",
                why="Without its history nobody knows which way down is.",
                hint="return the Value itself, without .item(), .data or float()",
            )
        return loss

    def _move(self) -> None:
        """One step of the optimiser, whole or not at all."""
        self.before = self.good, list(self.optimiser.memory), self.optimiser.steps
        self.optimiser.step()
        self.before = None

    def _undo(self, before: Any) -> None:
        weights, self.optimiser.memory, self.optimiser.steps = before
        self._set(weights)

    def _end_epoch(self) -> None:
        self._check_weights()
        for column, number in zip(self.columns.values(), self._row(), strict=True):
            column.append(number)
        self.position = self.rows = 0
        self.total = 0.0
        history = self._history("")
        watched = history.columns[history.watched][-1]
        if self.patience is not None and history.best == len(history.losses) - 1:
            self.best = self.learner.state()
        if self.plateau is not None:
            self.optimiser.alpha = self.plateau(watched)

    def _row(self) -> list[float]:
        """This epoch, as far as it has come."""
        row = [len(self.columns["loss"]) + 1.0, float(self.updates), self.total / self.rows]
        return [*row, self._validation()] if self.held else row

    def _validation(self) -> float:
        x, y = self.held  # type: ignore[misc]  # asked for where there is one
        with no_grad():
            loss = float(self._loss(x, y).item())
        return loss if not math.isnan(loss) else math.inf

    def _look(self) -> Look:
        row = {name: column[-1] for name, column in self.columns.items()}
        return Look(
            int(row["epoch"]), self.updates, row["loss"], row.get("validation", math.nan),
            self.learner.model, self.optimiser,
        )  # fmt: skip

    def _history(self, ending: str) -> History:
        return History({name: list(column) for name, column in self.columns.items()}, ending)

    def _told(self, ending: str) -> History:
        """The history, with the epoch that was under way."""
        columns = {name: list(column) for name, column in self.columns.items()}
        for column, number in zip(columns.values(), self._row() if self.rows else (), strict=False):
            column.append(number)
        kept = self._history("").best if self.best is not None else None
        return History(columns, ending, kept, self.step.compiled, self.step.eager)

    # --------------------------------------------------------------- weights that are numbers

    def _weights(self) -> list[Any]:
        return [p._data for p in self.optimiser.parameters]  # never written into: no copies

    def _set(self, weights: list[Any]) -> None:
        for p, data in zip(self.optimiser.parameters, weights, strict=True):
            p.renew(data)

    def _is_finite(self) -> bool:
        return all(np.isfinite(p._data).all() for p in self.optimiser.parameters)

    def _check_weights(self) -> None:
        if not self._is_finite():
            self._lost(math.nan, self.last)

    def _lost(self, loss: float, batch: Batch | None) -> None:
        """Go back to the last good weights, and raise with the reason."""
        found: Explanation | None = None
        if self._is_finite():
            found = self._explained(batch)
        if self.last is not None:  # else the very first loss: there is nothing better
            self._set(self.good)
        found = found or self._explained(self.last)
        when = f"after {self.updates} updates, in epoch {len(self.columns['loss']) + 1}"
        error = NonFiniteError(
            f"The loss is {loss:g} {when}; the model has the weights from before.",
            why=_reason(found),
            hint=f"a smaller alpha than {self.optimiser.alpha:g};  inputs of mean 0 and spread 1;  "
            "a loss of scores, not of probabilities",
            updates=self.updates,
        )
        error.history = self._history("not finite")
        raise error

    def _explained(self, batch: Batch | None) -> Explanation | None:
        if batch is None or any_foreign(*batch):
            return None
        x, y = batch
        with training():
            return explain_nonfinite(lambda: self.loss(self.learner.model(x), y)) or None

    # --------------------------------------------------------------------------- on disk

    def keep_in(self, path: PathLike, every: int, about: dict[str, Any]) -> None:
        """Write checkpoints from now on, and go on from the one that is there."""
        self.path, self.every, self.about = path, every, about
        kept = checkpoints.read(path, about)
        if kept is None:
            return
        self.learner.load(kept["model"])
        self.optimiser.load(kept["optimizer"])
        if self.plateau is not None:
            self.plateau.load(kept["plateau"])
        self.columns, self.best = kept["columns"], kept["best"]
        self.updates, self.position = kept["updates"], kept["position"]
        self.total, self.rows = kept["total"], kept["rows"]
        self.step.changes = kept.get("changes", 0)

    def _save(self) -> None:
        """Write a checkpoint, if there are to be any, of weights that are numbers."""
        self._check_weights()
        if self.path is None:
            return
        kept = {
            "model": self.learner.state(),
            "optimizer": self.optimiser.state(),
            "plateau": self.plateau.state() if self.plateau is not None else None,
            "columns": self.columns,
            "best": self.best,
            "updates": self.updates,
            "position": self.position,
            "total": self.total,
            "rows": self.rows,
            "changes": self.step.changes,
        }
        checkpoints.write(self.path, self.about, kept)


# --------------------------------------------------------------------------- what was asked for


def _optimiser(
    wanted: str | Function | Optimiser, parameters: list[Value], alpha: Any
) -> Optimiser:
    if isinstance(wanted, Optimiser):
        return wanted
    if not isinstance(wanted, str):
        made: Optimiser = wanted(parameters)
        return made
    kind = OPTIMISERS.get(wanted.lower().replace("_", ""))
    if kind is None:
        names = [kind.__name__ for kind in OPTIMISERS.values()]
        raise UnknownNameError(
            f"There is no optimiser {wanted!r}.",
            hint=f"one of {', '.join(names)};  or a function from parameters to an Optimiser",
            name=wanted,
        )
    start = alpha.course.alpha if isinstance(alpha, optim.Plateau) else alpha
    return kind(parameters, start)


def _budget(epochs: int | None, steps: int | None) -> tuple[float, float]:
    if epochs is None and steps is None:
        return 100, math.inf
    return math.inf if epochs is None else epochs, math.inf if steps is None else steps


def _pair(validation: Any) -> Batch:
    if not isinstance(validation, tuple) or len(validation) != 2:
        raise TrainingDataError(
            f"validation is a {type(validation).__name__}.",
            why="A share can be held back of rows (x, y), and of nothing else.",
            hint="validation=(x, y)",
        )
    x, y = validation
    return x, y


def _about(run: _Training, loss: Any, seed: int) -> dict[str, Any]:
    """What must be the same for a training to go on."""
    return {
        "model": [[name, list(np.shape(array))] for name, array in run.learner.state().items()],
        "data": run.batches.fingerprint,
        "batch_size": getattr(run.batches, "size", None),
        "seed": seed,
        "loss": _name(loss),
        "optimizer": _name(type(run.optimiser)),
        "alpha": run.optimiser.alpha,
    }


def _name(thing: Any) -> str:
    return str(
        thing if isinstance(thing, str) else getattr(thing, "__name__", type(thing).__name__)
    )


def _reason(found: Explanation | None) -> str:
    if not found:
        return "The step itself led there."
    return str(found.forward.text if found.forward else found.backward.text)  # type: ignore[union-attr]
