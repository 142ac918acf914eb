"""The learning-rate lab as a view of the page: the landscape, the way, and the loss on the way."""

import math
from typing import Any

import numpy as np

from tinygrad_neuron.views.lab import Lab
from tinygrad_neuron.views.landscapes import levels_of
from tinygrad_neuron.views.page.contours import above
from tinygrad_neuron.views.page.marks import logarithms, panel, rows, scaled, slider, text
from tinygrad_neuron.views.page.numbers import shown
from tinygrad_neuron.views.trace import decoded

SIDE, LEFT, TOP = 400, 72, 26  # of the map, and what stands left of it and above
WIDTH, HEIGHT = SIDE + LEFT + 16, SIDE + TOP + 44
CHART, BASE = 310, 280  # the height of the chart, and of its lower edge
LEVELS = 12
FAR = 5.0  # times the side of the map: a way that leads further is drawn no further
LOWEST, HIGHEST = 1e-12, 1e3  # of the first loss: the ends of the chart


def html(lab: Lab) -> str:
    """The view itself."""
    limit = shown(2 / lab["curvature"], 4) if lab["curvature"] > 0 else "none"
    last = max(len(run["losses"]) for run in lab["runs"]) - 1
    told = (
        f"Measured curvature λ = {shown(lab['curvature'], 6)}: descent is stable below the limit "
        f"2/λ = {limit} and quickest at 1/λ = {shown(1 / lab['curvature'], 4)}."
        if lab["curvature"] > 0
        else "Along the gradient the loss does not curve upward, so there is no limit to tell."
    )
    return "".join([
        f"<p>{text(told)}</p>",
        slider("learning rate", len(lab["runs"]) - 1),
        slider("updates", last, pause=350),
        panel("lines"),
        f'<div class="lab"><figure>{_map(lab)}</figure><figure>{_chart(lab, last)}</figure></div>',
        "<details open><summary>Every learning rate in a table</summary>",
        rows(
            ["alpha", "1 − alpha·λ", "what it looks like", "updates", "ended", "last loss"],
            [_row(run) for run in lab["runs"]],
            "The learning rates",
        ),
        "</details>",
    ])  # fmt: skip


def data(lab: Lab) -> dict[str, Any]:
    """What changes with the sliders: the ways in pixels, and what is said of them."""
    last = max(len(run["losses"]) for run in lab["runs"]) - 1
    bottom, top = _ends(lab)
    return {
        "first": _first(lab),
        "left": LEFT,
        "pace": round(SIDE / max(last, 1), 3),
        "runs": [_run(lab, run, bottom, top) for run in lab["runs"]],
    }


def _first(lab: Lab) -> int:
    """The rate to begin with: the largest that still overshoots and arrives."""
    calm = [i for i, run in enumerate(lab["runs"]) if run["ending"] in ("converged", "budget")]
    return max((i for i in calm if lab["runs"][i]["factor"] > -0.9), default=0)


def _run(lab: Lab, run: dict[str, Any], bottom: float, top: float) -> dict[str, Any]:
    heights, _ = logarithms([decoded(x) for x in run["losses"]])
    return {
        "alpha": shown(run["alpha"], 5),
        "told": f"alpha = {shown(run['alpha'], 5)}: each update multiplies the gradient, where the "
        f"loss curves most, by {shown(run['factor'], 5)}: {run['manner']}.",
        "ending": run["ending"],
        "losses": [shown(x, 5) for x in run["losses"]],
        "at": [", ".join(shown(w, 5) for w in weights[:4]) for weights in run["weights"]],
        "way": [_pixel(lab, point) for point in run["way"]],
        "curve": scaled(heights, bottom, top, TOP, BASE),
    }


def _pixel(lab: Lab, point: list[Any]) -> list[float]:
    """A point of the plane on the map; what lies far outside stays near it."""
    at = [decoded(x) for x in point]
    low, high = np.array(lab["low"]), np.array(lab["high"])
    with np.errstate(all="ignore"):
        x, y = np.nan_to_num((np.array(at) - low) / (high - low), nan=FAR, posinf=FAR, neginf=-FAR)
    x, y = np.clip([x, 1 - y], -FAR, FAR) * SIDE
    return [round(float(x), 1) + 0.0, round(float(y), 1) + 0.0]


def _ends(lab: Lab) -> tuple[float, float]:
    """The lowest and the highest of all the losses that the chart has room for."""
    heights, wide = logarithms([decoded(x) for run in lab["runs"] for x in run["losses"]])
    low, high = float(heights.min()), float(heights.max())
    first = decoded(lab["runs"][0]["losses"][0])
    if wide and first > 0:
        low = max(low, math.log10(LOWEST * first))
        high = min(high, math.log10(HIGHEST * first))
    return low, high


def _map(lab: Lab) -> str:
    """The landscape, the fuller the colour the higher, and the way: a ring where it began."""
    side = math.isqrt(len(lab["heights"]))
    heights = np.array([decoded(x) for x in lab["heights"]])
    levels, _ = levels_of(heights, LEVELS)
    grid = np.nan_to_num(heights, nan=levels[-1], posinf=levels[-1]).reshape(side, side)
    bands = "".join(f'<path class="band" d="{above(grid, x, SIDE)}"/>' for x in levels[:-1])
    x, y = _pixel(lab, lab["runs"][0]["way"][0])
    names = [text(name) for name in lab["axes"]]
    label = f"loss J over {names[0]} and {names[1]}, the fuller the colour the higher, with the way"
    return (
        f'<svg class="map" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
        f'<svg x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}">{bands}'
        f'<circle class="start" r="8" cx="{x}" cy="{y}"/>'
        '<polyline class="way" points=""/><path class="dots"/><circle class="spot" r="5"/></svg>'
        f'<rect class="axis" x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}"/>'
        f'{_ticks(lab)}<text x="{LEFT}" y="14">loss J: the fuller the colour, the higher</text>'
        f'<text x="{LEFT + SIDE / 2}" y="{HEIGHT - 4}" text-anchor="middle">{names[0]}</text>'
        f'<text x="14" y="{TOP + SIDE / 2}" text-anchor="middle" '
        f'transform="rotate(-90 14 {TOP + SIDE / 2})">{names[1]}</text></svg>'
    )


def _ticks(lab: Lab) -> str:
    """The numbers at the ends of both axes."""
    (left, low), (right, high) = lab["low"], lab["high"]
    bottom = TOP + SIDE
    places = [
        (left, LEFT, bottom + 18, "start"), (right, LEFT + SIDE, bottom + 18, "end"),
        (low, LEFT - 6, bottom, "end"), (high, LEFT - 6, TOP + 10, "end"),
    ]  # fmt: skip
    return "".join(
        f'<text x="{x}" y="{y}" text-anchor="{anchor}">{shown(number, 3)}</text>'
        for number, x, y, anchor in places
    )


def _chart(lab: Lab, last: int) -> str:
    """The loss after each update, on one scale for all learning rates."""
    low, high = _ends(lab)
    _, wide = logarithms([decoded(x) for run in lab["runs"] for x in run["losses"]])
    ends = [10.0**x if wide else x for x in (low, high)]
    scale = ", logarithmic" if wide else ""
    label = f"loss J over {last} updates{scale}"
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {CHART}" role="img" aria-label="{label}">'
        f'<path class="axis" d="M{LEFT} {TOP}V{BASE}H{LEFT + SIDE}"/>'
        '<polyline class="all" points=""/><circle class="spot" r="5"/>'
        f'<text x="{LEFT - 6}" y="{TOP + 10}" text-anchor="end">{shown(ends[1], 2)}</text>'
        f'<text x="{LEFT - 6}" y="{BASE}" text-anchor="end">{shown(ends[0], 2)}</text>'
        f'<text x="{LEFT}" y="{BASE + 18}">0</text>'
        f'<text x="{LEFT + SIDE}" y="{BASE + 18}" text-anchor="end">update {last}</text>'
        f'<text x="{LEFT}" y="14">loss J{scale}</text></svg>'
    )


def _row(run: dict[str, Any]) -> list[str]:
    cells = [shown(run["alpha"], 5), shown(run["factor"], 5), run["manner"]]
    cells += [str(len(run["losses"]) - 1), run["ending"], shown(run["losses"][-1], 4)]
    return [text(cell) for cell in cells]
