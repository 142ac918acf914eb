"""The page put together: the views there is something for, their data, and the tabs between them.

The same trace gives the same bytes. Nothing in the page asks the network for anything.
"""

import json
from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Any

from tinygrad_neuron.errors import UnknownNameError
from tinygrad_neuron.views.lab import Lab
from tinygrad_neuron.views.page import graph, laboratory, training
from tinygrad_neuron.views.page.marks import panel, rows, slider, text
from tinygrad_neuron.views.page.steps import Step, steps
from tinygrad_neuron.views.trace import Trace

TABS = {"step": "One step", "training": "Training", "lab": "Learning-rate lab"}

CONTROLS = ("all", "slider")

Part = tuple[str, dict[str, Any]]  # a view's HTML, and what the script needs for it


def resource(name: str) -> str:
    """A file of the page that lies beside this module."""
    return (files(__package__) / name).read_text(encoding="utf-8")


def document(trace: Trace | None, lab: Lab | None = None, controls: str = "all") -> str:
    """The whole page as one file; with `controls="slider"` nothing else can be operated."""
    return Template(resource("page.html")).substitute(
        title=text(_title(trace)),
        style=resource("page.css"),
        body=fragment(trace, lab, controls),
        script=resource("page.js"),
    )


def fragment(trace: Trace | None, lab: Lab | None = None, controls: str = "all") -> str:
    """The page without its style and its script: one element."""
    if controls not in CONTROLS:
        raise UnknownNameError(
            f"A page has no controls {controls!r}.", hint=" or ".join(f'"{x}"' for x in CONTROLS)
        )
    parts = _parts(trace, lab)
    island = json.dumps({name: data for name, (_, data) in parts.items()}, ensure_ascii=False)
    return "".join([
        f'<div class="tn-page tn-{controls}" lang="en"><h1>{text(_title(trace))}</h1>',
        _tabs(parts),
        *(_panel(name, html) for name, (html, _) in parts.items()),
        f'<script type="application/json">{safe(island)}</script></div>',
    ])  # fmt: skip


def _title(trace: Trace | None) -> str:
    if trace is None or not trace["nodes"]:
        return "A training run" if trace else "A learning-rate lab"
    return f"{trace['nodes'][trace['result']]['label']} = {trace['title']}"


def _parts(trace: Trace | None, lab: Lab | None) -> dict[str, Part]:
    """The views that there is something for."""
    parts: dict[str, Part] = {}
    if trace is not None and trace["nodes"]:
        parts["step"] = _stepper(trace)
    if trace is not None and trace["history"]:
        parts["training"] = training.html(trace["history"]), training.data(trace["history"])
    if lab is not None:
        parts["lab"] = laboratory.html(lab), laboratory.data(lab)
    return parts


def safe(island: str) -> str:
    """JSON that no tag can end: JSON reads the escape as the sign itself."""
    return island.replace("</", "<\\/").replace("<!--", "<\\u0021--")


def _tabs(parts: Mapping[str, Part]) -> str:
    if len(parts) < 2:
        return ""
    tabs = [
        f'<button type="button" role="tab" data-view="{name}" '
        f'aria-selected="{str(not i).lower()}" tabindex="{-1 if i else 0}">{TABS[name]}</button>'
        for i, name in enumerate(parts)
    ]
    return f'<div role="tablist" aria-label="Views">{"".join(tabs)}</div>'


def _panel(name: str, html: str) -> str:
    """A view; the script hides those that are not chosen, and without it all are to be seen."""
    return (
        f'<section role="tabpanel" data-view="{name}" aria-label="{TABS[name]}">'
        f"<h2>{TABS[name]}</h2>{html}</section>"
    )


# ---------------------------------------------------------------------------------- one step


def _stepper(trace: Trace) -> Part:
    told = steps(trace)
    html = "".join([
        graph.html(trace),
        slider("step", len(told) - 1, pause=1200),
        panel(),
        graph.legend(),
        "<details><summary>Every step in a table</summary>",
        rows(["step", "what", "where", "formula and numbers"], _lines(told), "The steps"),
        "</details>",
    ])  # fmt: skip
    return html, {"leaves": graph.leaves(trace), "steps": [_change(step) for step in told]}


def _lines(told: list[Step]) -> list[list[str]]:
    return [
        [str(i), step.kind, f"<p>{text(step.sentence)}</p>",
         f'<div>{step.formula}</div><p class="number">{text(step.numbers)}</p>{step.extra}']
        for i, step in enumerate(told)
    ]  # fmt: skip


def _change(step: Step) -> dict[str, Any]:
    """What a step changes in the picture."""
    ids = {name: i for name, i in (("node", step.node), ("input", step.input)) if i >= 0}
    return {"kind": step.kind, **ids, "text": step.text}
