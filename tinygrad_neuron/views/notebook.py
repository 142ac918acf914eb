"""In a notebook: the graph under a cell, a page in a frame, a widget, and `%%backprop`.

What is shown without being asked for is small and still: one picture without script or style sheet,
which every viewer of notebooks keeps. Nothing here imports a notebook's libraries before it is
called.
"""

import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from tinygrad_neuron.diagnosis import LearningWarning, teaching
from tinygrad_neuron.errors import MissingExtraError, TinygradNeuronError
from tinygrad_neuron.graph import Node, history
from tinygrad_neuron.inspection import inspect
from tinygrad_neuron.views.page import page_of, trace_for
from tinygrad_neuron.views.page.document import fragment, resource
from tinygrad_neuron.views.svg import svg
from tinygrad_neuron.views.trace import trace_of

DRAWN = 60  # nodes of a graph that is drawn without being asked for
HEIGHT = 720  # pixels of a frame


def mimebundle(
    value: Node, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None
) -> dict[str, str]:
    """What a notebook shows of a Value: its text, and the picture of its graph where that is small.

    The gradients are those that `backward()` left; nothing is swept. A larger graph is counted.
    """
    wanted = {"text/plain", "text/html"} if include is None else set(include)
    wanted -= set(exclude or ())
    bundle = {"text/plain": repr(value)} if "text/plain" in wanted else {}
    if "text/html" in wanted:
        shown = _html(value)
        bundle |= {"text/html": shown} if shown else {}
    return bundle


def _html(value: Node) -> str:
    if value.batched or value.traced:
        return ""
    nodes = history(value)
    text = f"<pre>{escape(repr(value))}</pre>"
    if len(nodes) == 1:
        return text
    if len(nodes) > DRAWN:
        return text + f"<pre>{escape(repr(inspect(value)))}</pre>"
    try:
        return text + svg(trace_of(value, backward=False, names=_variables()), alone=False)
    except TinygradNeuronError:  # a checkpointed result has no picture, and its text is enough
        return text


def _variables() -> dict[str, Any]:
    """What the notebook's own variables hold: who shows a cell's result is no person's code."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return dict(shell.user_ns) if shell else {}


@dataclass(frozen=True)
class Shown:
    """A page in a frame of its own, with nothing to load, and what is to be said about it."""

    page: str
    title: str
    notes: Sequence[str] = ()

    def _repr_html_(self) -> str:
        """The whole page as an attribute, so that an exported notebook has it too."""
        said = "".join(f"<pre>{escape(note)}</pre>" for note in self.notes)
        return (
            f'<iframe srcdoc="{escape(self.page)}" title="{escape(self.title)}" width="100%" '
            f'height="{HEIGHT}" style="border:0"></iframe>{said}'
        )

    def __repr__(self) -> str:
        return f"{self.title}: a page for a notebook; export_html(J, 'page.html') writes a file"


def show(what: Any, *, lab: Any = None, controls: str = "all", **settings: Any) -> Shown:
    """The page of `export_html` in a notebook, also offline and in an exported notebook.

    It takes what `export_html` takes, but for the path.
    """
    trace = trace_for(what, **settings)
    return Shown(page_of(trace, lab, controls), "Step by step" if trace else "Learning-rate lab")


def widget(what: Any, *, lab: Any = None, controls: str = "all", **settings: Any) -> Any:
    """The same page as a widget, whose `step` Python can read and set.

    It takes what `export_html` takes, but for the path. Raises `MissingExtraError` (TN180) without
    anywidget, which is the extra `notebook`.
    """
    try:
        import anywidget
        import traitlets
    except ImportError:
        raise MissingExtraError.of("anywidget", "notebook", "A widget") from None

    members = {
        "_esm": resource("page.js"),
        "_css": resource("page.css"),
        "html": traitlets.Unicode().tag(sync=True),
        "step": traitlets.Int(0).tag(sync=True),
    }
    stepper = type("Stepper", (anywidget.AnyWidget,), members)
    return stepper(html=fragment(trace_for(what, **settings), lab, controls))


# --------------------------------------------------------------------------------- %%backprop


def _taught(run: Callable[[], Any]) -> tuple[Any, list[str]]:
    """What a run gives, and what teaching says of it; other warnings go where they always go."""
    with warnings.catch_warnings(record=True) as told, teaching():
        warnings.simplefilter("always", LearningWarning)
        done = run()
    for other in told:
        if not isinstance(other.message, LearningWarning):
            warnings.showwarning(other.message, other.category, other.filename, other.lineno)
    return done, [str(one.message) for one in told if isinstance(one.message, LearningWarning)]


def load_ipython_extension(ipython: Any) -> None:
    """What `%load_ext tinygrad_neuron` calls: from here on there is `%%backprop`."""

    def backprop(line: str, cell: str) -> Any:
        """Run the cell, then step through the named result, or else through its last Value.

        What makes learning fail in it is said below.
        """
        done, notes = _taught(lambda: ipython.run_cell(cell))
        if not done.success:
            return None
        found = ipython.user_ns.get(line.strip()) if line.strip() else done.result
        if isinstance(found, Node) and not found.shape:
            return replace(show(found, names=ipython.user_ns), notes=notes)
        print(*notes, sep="\n")
        print("%%backprop steps through one number: end the cell with it, or name it: %%backprop J")
        return None

    ipython.register_magic_function(backprop, "cell", "backprop")
