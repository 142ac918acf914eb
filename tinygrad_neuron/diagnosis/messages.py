"""What can go wrong with learning though nothing is wrong with the program: a warning for each.

Like an error's, the text of a warning says where, what happened with the numbers, why in one
sentence, and what to type; `.code`, `.data` and `.hint` hold the same for a program.
"""

from typing import Any


class LearningWarning(UserWarning):
    """The base of every warning about learning: `code`, `data` (the numbers) and `hint`."""

    code = "TN100"

    def __init__(self, what: str, *, why: str, hint: str, place: str = "", **data: Any) -> None:
        self.data, self.hint, self.place = data, hint, place
        super().__init__(
            f"[{self.code}] {place}\n{what}\n{why}\n  do:  {hint}\n  more: why {self.code}"
        )


class StaleGradientWarning(LearningWarning):
    """A gradient from before the last update that was never cleared."""

    code = "TN101"


class GrowingGraphWarning(LearningWarning):
    """An update that became part of the graph, which grows with every step."""

    code = "TN107"


class UphillWarning(LearningWarning):
    """A step along the gradient, and not against it."""

    code = "TN108"


class DivergenceWarning(LearningWarning):
    """A learning rate above the limit of what is stable."""

    code = "TN109"


class SlowLearningWarning(LearningWarning):
    """A learning rate far below what would be best."""

    code = "TN110"


class ScaleWarning(LearningWarning):
    """Inputs of very different scales, which one learning rate must serve."""

    code = "TN111"


class BroadcastWarning(LearningWarning):
    """A difference of a column and a row: every prediction against every target."""

    code = "TN112"


class DeadUnitWarning(LearningWarning):
    """A relu whose inputs are below 0 for every row, so that no gradient passes."""

    code = "TN116"


class SaturationWarning(LearningWarning):
    """A sigmoid or tanh at the end of its range that is wrong and cannot move."""

    code = "TN117"


class TwinUnitsWarning(LearningWarning):
    """Units of a layer that are equal, and stay so."""

    code = "TN119"


class NoMinimumWarning(LearningWarning):
    """A loss that falls for ever."""

    code = "TN120"


class BranchWarning(LearningWarning):
    """A branch that was chosen by a number which depends on what is learnt."""

    code = "TN121"


class FlatPathWarning(LearningWarning):
    """A weight whose every way to the loss leads through a function without a slope."""

    code = "TN122"


class PowerWarning(LearningWarning):
    """A negative number to a power that is learnt."""

    code = "TN123"


class UnseededWarning(LearningWarning):
    """Random numbers that are others in each run."""

    code = "TN124"


class SummedLossWarning(LearningWarning):
    """A sum over rows in place of a mean: the limit of the learning rate shrinks with them."""

    code = "TN125"


class ChainWarning(LearningWarning):
    """A deep chain of slopes that leaves nothing of a gradient, or makes far too much of it."""

    code = "TN128"


WARNINGS: dict[str, type[LearningWarning]] = {
    kind.code: kind for kind in LearningWarning.__subclasses__()
}
