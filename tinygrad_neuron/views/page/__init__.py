"""A page that steps through a run: one file, no network, from a trace and nothing else."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from tinygrad_neuron.course import Course
from tinygrad_neuron.errors import DrawingError
from tinygrad_neuron.graph import Node
from tinygrad_neuron.train import History
from tinygrad_neuron.views.lab import Lab
from tinygrad_neuron.views.page.document import document
from tinygrad_neuron.views.page.training import of_epochs
from tinygrad_neuron.views.trace import Trace, recorded, trace_of, validated

MOST = 2000  # nodes of a page


def export_html(
    what: Node | Trace | Course | None,
    path: str | PathLike[str],
    *,
    wrt: Any = None,
    alpha: float | None = None,
    history: History | None = None,
    lab: Lab | None = None,
    names: Mapping[str, Any] | None = None,
    controls: str = "all",
) -> Path:
    """Write a page that steps through how a result was computed and how its gradient was.

    `what` is a result, the history of a descent or of a training in epochs, a trace (`trace_of`,
    `load`), or None for a lab alone. `wrt`, `alpha` and `names` are as for `trace_of`; `history`
    shows a descent beside the result, and `lab` (`lab_of`) many learning rates. With
    `controls="slider"` there is a slider and nothing else to press, for a lesson. Gives back the
    path.

    The page is one file that needs no network and no server.

    Raises `DrawingError` (TN176) for more than 2,000 nodes.
    """
    trace = trace_for(what, wrt=wrt, alpha=alpha, history=history, names=names)
    written = Path(path)
    written.write_text(page_of(trace, lab, controls), encoding="utf-8")
    return written


def page_of(trace: Trace | None, lab: Lab | None = None, controls: str = "all") -> str:
    """The page as text; the same trace gives the same bytes."""
    if trace is not None and len(trace["nodes"]) > MOST:
        raise _too_large(len(trace["nodes"]))
    return document(trace, lab, controls)


def trace_for(
    what: Node | Trace | Course | None,
    *,
    wrt: Any = None,
    alpha: float | None = None,
    history: History | None = None,
    names: Mapping[str, Any] | None = None,
) -> Trace | None:
    """The trace that a page is made of."""
    if what is None or isinstance(what, dict):
        return None if what is None else validated(what)
    if isinstance(what, History):
        return {"nodes": [], "history": recorded(what)}
    if isinstance(what, Course):
        return {"nodes": [], "history": of_epochs(what)}
    if alpha is None and history is not None:
        alpha = history.alpha
    return trace_of(what, wrt=wrt, alpha=alpha, history=history, names=names)


def _too_large(nodes: int) -> DrawingError:
    return DrawingError(
        f"The graph has {nodes:,} nodes; a page shows {MOST:,} at most.",
        why="Nobody can step through so many, and a browser draws them slowly.",
        hint="trace one row of the data, or one neuron;  arrays instead of single numbers make one "
        "node of many",
        nodes=nodes,
    )
