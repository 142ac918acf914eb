"""A training run as a view of the page: the curve, where it stands, and every update in a table."""

from typing import Any

import numpy as np

from tinygrad_neuron.course import Course
from tinygrad_neuron.train import Verdict
from tinygrad_neuron.views.page.marks import logarithms, panel, rows, scaled, slider, text
from tinygrad_neuron.views.page.numbers import shown
from tinygrad_neuron.views.trace import decoded

MOST = 200  # moments of a table
SHOWN = 4  # weights of a row
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 230, 78, 12, 30, 195

Record = dict[str, Any]  # the history of a trace, or what `of_epochs` makes


def of_epochs(course: Course) -> Record:
    """A training of which losses were kept, but no weights, in the form of a trace's history."""
    columns = dict(course.columns)
    losses = columns.pop("loss")
    unit = next(iter(columns), "step")
    steps = columns.pop(unit, range(len(losses)))
    rows = zip(steps, losses, *columns.values(), strict=True)
    return {
        "unit": unit,
        "said": str(course.verdict).removesuffix("."),
        "names": [],
        "more": list(columns),
        "steps": [
            {"step": step, "weights": [], "error": None, "loss": loss, "gradient": [], "more": more}
            for step, loss, *more in rows
        ],
    }


def _unit(history: Record) -> str:
    return str(history.get("unit", "update"))


def _said(history: Record) -> str:
    """The verdict."""
    if "said" in history:
        return str(history["said"])
    found = history["verdict"]
    curvature = decoded(found["curvature"])
    told = str(Verdict(found["kind"], found["updates"], history["alpha"], curvature))
    return told[:1].upper() + told[1:]


def html(history: Record) -> str:
    """The view itself."""
    chosen = moments(history)
    unit, last = _unit(history), len(chosen) - 1
    return "".join([
        f"<p><strong>{text(_said(history))}.</strong></p>",
        slider(unit, last, pause=350),
        panel("facts"),
        f'<div class="curve">{_curve(chosen, unit)}</div>',
        f"<details open><summary>Every {unit} in a table{_of(history, chosen)}</summary>",
        rows(_head(history), [_row(history, step) for step in chosen], f"The {unit}s"),
        "</details>",
    ])  # fmt: skip


def data(history: Record) -> dict[str, Any]:
    """Where the point stands on the curve after each update."""
    x, y = _points(moments(history))
    points = [list(point) for point in zip(x, y, strict=True)]
    return {"points": points, "unit": _unit(history)}


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
    slopes = [f"∂J/∂{name}" for name in names]
    return [_unit(history), *names, *error, "loss J", *slopes, *map(text, history.get("more", ()))]


def _row(history: Record, step: dict[str, Any]) -> list[str]:
    error = [step["error"]] if step["error"] is not None else []
    numbers = [*step["weights"][:SHOWN], *error, step["loss"], *step["gradient"][:SHOWN]]
    numbers += step.get("more", [])
    return [f"{step['step']:g}", *(text(shown(x)) for x in numbers)]


def _points(chosen: list[dict[str, Any]]) -> tuple[list[float], list[float]]:
    heights, _ = logarithms([decoded(step["loss"]) for step in chosen])
    steps = np.array([step["step"] for step in chosen], float)
    share = (steps - steps[0]) / max(steps[-1] - steps[0], 1.0)
    x = LEFT + share * (WIDTH - LEFT - RIGHT)
    y = scaled(heights, heights.min(), heights.max(), TOP, BOTTOM)
    return [round(float(v), 1) for v in x], y


def _curve(chosen: list[dict[str, Any]], unit: str) -> str:
    """The losses as a line, with the ends of its scale written beside it."""
    losses = [decoded(step["loss"]) for step in chosen]
    _, wide = logarithms(losses)
    fine = [x for x in losses if np.isfinite(x)] or [0.0]
    x, y = _points(chosen)
    line = " ".join(f"{a},{b}" for a, b in zip(x, y, strict=True))
    scale = ", logarithmic scale" if wide else ""
    start, end = (f"{chosen[i]['step']:g}" for i in (0, -1))
    label = f"loss J from {shown(max(fine), 4)} to {shown(min(fine), 4)} up to {unit} {end}{scale}"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(label)}">'
        f'<path class="axis" d="M{LEFT} {TOP}V{BOTTOM}H{WIDTH - RIGHT}"/>'
        f'<polyline class="all" points="{line}"/>'
        f'<circle class="spot" r="6" cx="{x[0]}" cy="{y[0]}"/>'
        f'<text x="{LEFT - 6}" y="{TOP + 5}" text-anchor="end">{shown(max(fine), 3)}</text>'
        f'<text x="{LEFT - 6}" y="{BOTTOM}" text-anchor="end">{shown(min(fine), 3)}</text>'
        f'<text x="{LEFT}" y="{BOTTOM + 18}">{start}</text>'
        f'<text x="{WIDTH - RIGHT}" y="{BOTTOM + 18}" text-anchor="end">{unit} {end}</text>'
        f'<text x="{LEFT}" y="14">loss J{scale}</text></svg>'
    )
