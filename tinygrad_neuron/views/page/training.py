"""A training run as a view of the page: the curve, where it stands, and every update in a table."""

from typing import Any

import numpy as np

from tinygrad_neuron.train import Verdict
from tinygrad_neuron.views.page.marks import logarithms, panel, rows, scaled, slider, text
from tinygrad_neuron.views.page.numbers import shown
from tinygrad_neuron.views.trace import decoded

MOST = 200  # moments of a table
SHOWN = 4  # weights of a row
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 230, 78, 12, 30, 195

Record = dict[str, Any]  # the history of a trace


def html(history: Record) -> str:
    """The view itself."""
    chosen = moments(history)
    found = history["verdict"]
    curvature = decoded(found["curvature"])
    told = str(Verdict(found["kind"], found["updates"], history["alpha"], curvature))
    last = len(chosen) - 1
    return "".join([
        f"<p><strong>{text(told)}.</strong></p>",
        slider("update", last, pause=350),
        panel("facts"),
        f'<div class="curve">{_curve(chosen)}</div>',
        f"<details open><summary>Every update in a table{_of(history, chosen)}</summary>",
        rows(_head(history), [_row(history, step) for step in chosen], "The updates"),
        "</details>",
    ])  # fmt: skip


def data(history: Record) -> dict[str, Any]:
    """Where the point stands on the curve after each update."""
    x, y = _points(moments(history))
    return {"points": [list(point) for point in zip(x, y, strict=True)]}


def moments(history: Record) -> list[dict[str, Any]]:
    """All moments, or of very many an even choice with the first and the last."""
    steps = history["steps"]
    chosen = np.unique(np.linspace(0, len(steps) - 1, min(MOST, len(steps))).astype(int))
    return [steps[i] for i in chosen]


def _of(history: Record, chosen: list[Any]) -> str:
    steps = len(history["steps"])
    return "" if len(chosen) == steps else f" ({len(chosen)} of {steps} moments)"


def _head(history: Record) -> list[str]:
    names = [text(name) for name in history["names"][:SHOWN]]
    error = ["error"] if history["steps"][0]["error"] is not None else []
    return ["update", *names, *error, "loss J", *(f"∂J/∂{name}" for name in names)]


def _row(history: Record, step: dict[str, Any]) -> list[str]:
    error = [step["error"]] if step["error"] is not None else []
    numbers = [*step["weights"][:SHOWN], *error, step["loss"], *step["gradient"][:SHOWN]]
    return [str(step["step"]), *(text(shown(x)) for x in numbers)]


def _points(chosen: list[dict[str, Any]]) -> tuple[list[float], list[float]]:
    heights, _ = logarithms([decoded(step["loss"]) for step in chosen])
    share = np.array([step["step"] for step in chosen]) / max(chosen[-1]["step"], 1)
    x = LEFT + share * (WIDTH - LEFT - RIGHT)
    y = scaled(heights, heights.min(), heights.max(), TOP, BOTTOM)
    return [round(float(v), 1) for v in x], y


def _curve(chosen: list[dict[str, Any]]) -> str:
    """The losses as a line, with the ends of its scale written beside it."""
    losses = [decoded(step["loss"]) for step in chosen]
    _, wide = logarithms(losses)
    fine = [x for x in losses if np.isfinite(x)] or [0.0]
    x, y = _points(chosen)
    line = " ".join(f"{a},{b}" for a, b in zip(x, y, strict=True))
    scale = ", logarithmic scale" if wide else ""
    end = chosen[-1]["step"]
    label = f"loss J from {shown(max(fine), 4)} to {shown(min(fine), 4)} over {end} updates{scale}"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(label)}">'
        f'<path class="axis" d="M{LEFT} {TOP}V{BOTTOM}H{WIDTH - RIGHT}"/>'
        f'<polyline class="all" points="{line}"/>'
        f'<circle class="spot" r="6" cx="{x[0]}" cy="{y[0]}"/>'
        f'<text x="{LEFT - 6}" y="{TOP + 5}" text-anchor="end">{shown(max(fine), 3)}</text>'
        f'<text x="{LEFT - 6}" y="{BOTTOM}" text-anchor="end">{shown(min(fine), 3)}</text>'
        f'<text x="{LEFT}" y="{BOTTOM + 18}">0</text>'
        f'<text x="{WIDTH - RIGHT}" y="{BOTTOM + 18}" text-anchor="end">update {end}</text>'
        f'<text x="{LEFT}" y="14">loss J{scale}</text></svg>'
    )
