"""A training in epochs, as data and in words."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tinygrad_neuron.course import Course
from tinygrad_neuron.text import count, number

NAMES = ("epoch", "update", "loss", "validation")
WORSE = 1.05  # times the best validation loss: from here on the model learns by heart
FALLING = 0.99  # of the loss a tenth of the way before the end: it had not arrived
LATE = 0.9  # of the way: if the best epoch lies before, more of them bring nothing


@dataclass(frozen=True)
class History(Course):
    """A training as data: a row for each epoch, and why it ended.

    The columns are `epoch`, `update` (how many there had been), `loss` (the mean over the epoch's
    batches, each before its update) and, where there is a validation set, `validation` (its loss
    at the end of the epoch). `ending` is budget, no better, stopped, interrupted or not finite.
    `kept` is the row whose weights the model has; None for the last. `compiled` is how many updates
    were computed by a program, and `eager` why others were not: of how it was computed, a history
    that is written down says nothing.
    """

    numbers: Mapping[str, Sequence[float]]
    ending: str
    kept: int | None = None
    compiled: int = field(default=0, compare=False)
    eager: str = field(default="", compare=False)

    @property
    def columns(self) -> Mapping[str, Sequence[float]]:
        """The numbers by name."""
        return self.numbers

    @property
    def watched(self) -> str:
        """The column that says which weights are best."""
        return "validation" if "validation" in self.columns else "loss"

    @property
    def best(self) -> int:
        """The row with the lowest loss, of the validation set if there is one; -1 of none."""
        losses = [math.inf if math.isnan(x) else x for x in self.columns[self.watched]]
        return min(range(len(losses)), key=losses.__getitem__, default=-1)

    @property
    def verdict(self) -> str:
        """How it went, and why it ended, in sentences."""
        if not self.losses:
            return f"{self.ending}: not one epoch."
        epochs, updates = len(self.losses), int(self.columns["update"][-1])
        went = f"after {count(epochs, 'epoch')} and {count(updates, 'update')}"
        loss = f"The loss went from {number(self.losses[0], 4)} to {number(self.losses[-1], 4)}."
        return " ".join([self._ended(went), loss, *self._remarks()])

    def _ended(self, went: str) -> str:
        since = len(self.losses) - 1 - self.best
        endings = {
            "budget": f"Budget used up {went}.",
            "no better": f"Stopped {went}: no better for {count(since, 'epoch')}.",
            "stopped": f"Stopped by a callback {went}.",
            "interrupted": f"Interrupted {went}; what was learnt is kept.",
            "not finite": f"Not finite {went}; the weights are the last good ones.",
        }
        return endings[self.ending]

    def _remarks(self) -> list[str]:
        """What the numbers say about it, and what to do."""
        remarks = self._validated() if self.watched == "validation" else []
        if self.losses[-1] > self.losses[0]:
            remarks.append("It rose: a smaller alpha.")
        if self.ending == "budget" and self._is_falling():
            remarks.append("It was still falling: more epochs.")
        if self.kept not in (None, len(self.losses) - 1):
            remarks.append(f"The weights are those of epoch {self.kept + 1}.")
        return remarks

    def _validated(self) -> list[str]:
        losses = self.columns["validation"]
        last, least = losses[-1], losses[self.best]
        at_best = f"at best {number(least, 4)} in epoch {self.best + 1}"
        told = [f"Validation: {number(last, 4)}, {at_best}."]
        if self.ending == "budget" and self.kept is None and last > WORSE * least > 0:
            told.append("Since then it learns by heart: patience=10 stops there.")
        return told

    def _is_falling(self) -> bool:
        """Whether the last tenth of the way still brought something."""
        n = len(self.losses)
        earlier = self.losses[-1 - math.ceil(n / 10)] if n > 1 else 0.0
        return self.best >= LATE * (n - 1) and 0 < self.losses[-1] < FALLING * earlier

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, ready for JSON."""
        return {**super().to_dict(), "kept": self.kept}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> "History":
        """The history that `to_dict` wrote."""
        columns = {
            name: [math.nan if x is None else x for x in column]
            for name, column in told["columns"].items()
        }
        return cls(columns, told["ending"], told["kept"])
