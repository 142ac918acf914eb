"""Losses by name: our own, those of other packages, and what other libraries call them.

Other packages are asked when a name is not known here: their losses are entry points of the group
`tinygrad_neuron.losses`, loaded by name the first time somebody wants them.
"""

import difflib
import importlib
import re
from typing import Any

from tinygrad_neuron.errors import LossError, UnknownNameError
from tinygrad_neuron.losses.elsewhere import ELSEWHERE as ELSEWHERE, Foreign as Foreign

GROUP = "tinygrad_neuron.losses"

LOSSES: dict[str, Any] = {}  # by name, in the order in which they were declared
ALIASES: dict[str, str] = {}  # other names of ours


def register(loss: Any) -> None:
    """Make a loss known by its name and aliases; what was defined again takes its own place."""
    for name in (loss.__name__, *loss.aliases):
        holder = LOSSES.get(ALIASES.get(name, name))
        if holder is not None and _origin(holder) != _origin(loss):
            raise LossError(
                f"There is a loss {name!r} already: {'.'.join(_origin(holder))}.",
                why="A name that two losses share would give one of them for the other.",
                hint="another name for the function, or another alias",
                name=name,
            )
    LOSSES[loss.__name__] = loss
    ALIASES.update(dict.fromkeys(loss.aliases, loss.__name__))


def _origin(loss: Any) -> tuple[str, str]:
    return loss.__module__, loss.__qualname__


def get(name: str) -> Any:
    """The loss of this name, also of one that another library gives it.

    >>> get("mse").__name__, get("BCEWithLogitsLoss").__name__
    ('squared_error', 'binary_cross_entropy')

    Other libraries' losses differ from ours in places: `elsewhere(name)` says in which, and so
    does `describe()` of the loss. Raises `UnknownNameError` (TN130) with the names that come near.
    """
    name = ALIASES.get(name, name)
    if name in LOSSES:
        return LOSSES[name]
    plugin = _plugins().get(name)
    if plugin is not None:
        return plugin.load()
    foreign = elsewhere(name)
    if foreign:
        return get(foreign[0].ours)
    raise _unknown(name)


def elsewhere(name: str) -> list[Foreign]:
    """What other libraries mean by this name: whose it is, what it is here, and the differences.

    >>> [(row.library, row.ours) for row in elsewhere("MarginRankingLoss")]
    [('torch', 'margin_ranking')]
    """
    return [row for row in ELSEWHERE if _bare(row.name) == _bare(name)]


def _bare(name: str) -> str:
    """A name without the accidents of spelling: mean_absolute_error is MeanAbsoluteError."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def names() -> list[str]:
    """The names of all losses: those here in order, then those of other packages."""
    return [*LOSSES, *(name for name in _plugins() if name not in LOSSES)]


def _plugins() -> dict[str, Any]:
    metadata = importlib.import_module(
        "importlib.metadata"
    )  # a third of what importing NumPy takes
    return {point.name: point for point in metadata.entry_points(group=GROUP)}


def _unknown(name: str) -> UnknownNameError:
    known = {*names(), *ALIASES, *(row.name for row in ELSEWHERE)}
    near = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.6)
    return UnknownNameError(
        f"There is no loss {name!r}" + (f"; did you mean {near[0]!r}?" if near else "."),
        hint=(f"one of {', '.join(near)};  " if len(near) > 1 else "")
        + "python -m tinygrad_neuron losses lists all;  or any function of prediction and target",
        name=name,
        near=near,
    )
