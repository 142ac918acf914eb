"""Results as a picture: a row for each workload, a dot for each library, ours large and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from suite.growth import courses, exponent
from suite.rendering import BY_HAND, OURS, PEERS, best

OUR_MARKS = {"ours, recorded": "^", "ours, NumPy": "s", "ours, native": "o"}
OUR_COLOUR, HAND = "#8c2d04", "#444444"
PEER_COLOURS = (
    *("#1f77b4", "#17becf", "#2ca02c", "#9467bd", "#bcbd22"),
    *("#7f7f7f", "#e377c2", "#aec7e8", "#c5b0d5", "#98df8a"),
)


def dots(lines: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Seconds of everybody over those of NumPy by hand, on a logarithmic axis."""
    from matplotlib import pyplot

    rows = [line for line in lines if best(line, [BY_HAND])]
    figure, axes = pyplot.subplots(figsize=(9.5, 1.6 + 0.24 * len(rows)), layout="constrained")
    places = range(len(rows))[::-1]
    axes.hlines(list(places), 0, 1, transform=axes.get_yaxis_transform(), color="#eeeeee", zorder=0)
    axes.axvline(1.0, color=HAND, linewidth=0.8, zorder=1)
    for peer, colour in zip(PEERS, PEER_COLOURS, strict=True):
        _row(axes, rows, places, peer, marker="o", s=16, color=colour, zorder=2, label=peer)
    _row(axes, rows, places, "C", marker="|", s=70, color=HAND, zorder=3, label="C by hand")
    for group, mark in OUR_MARKS.items():
        look = {
            "marker": mark,
            "s": 46,
            "color": OUR_COLOUR,
            "edgecolor": "white",
            "linewidth": 0.6,
        }
        _row(axes, rows, places, group, zorder=4, label=group, **look)
    axes.set(xscale="log", yticks=list(places), xlabel=f"time of a step over {BY_HAND}")
    axes.set_yticklabels([line["name"] for line in rows], fontsize=8)
    axes.set_ylim(-0.8, len(rows) - 0.2)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside upper center", ncols=5, fontsize=8, frameon=False)
    figure.savefig(path)
    pyplot.close(figure)


def _row(axes: Any, rows: Any, places: Any, group: str, **look: Any) -> None:
    points = []
    for line, place in zip(rows, places, strict=True):
        one, reference = best(line, [group]), best(line, [BY_HAND])
        if one and reference:
            points.append((one["seconds"] / reference["seconds"], place))
    if points:
        axes.scatter(*zip(*points, strict=True), **look)


def curves(lines: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Seconds against size, both logarithmic."""
    from matplotlib import pyplot

    found = courses(lines)
    figure, all_axes = pyplot.subplots(
        1, len(found), figsize=(4.6 * len(found), 3.6), layout="constrained", squeeze=False
    )
    for axes, (what, names) in zip(all_axes[0], found.items(), strict=True):
        for name, points in names.items():
            marks: dict[str, Any] = {"marker": "o", "markersize": 3, "linewidth": 1}
            marks["color"] = OUR_COLOUR if name.startswith("ours") else "#999999"
            marks["linestyle"] = _style(name)
            sizes = sorted(points)
            label = f"{name}, exponent {exponent(points):.2f}"
            axes.plot(sizes, [points[n] for n in sizes], label=label, **marks)
        axes.set(xscale="log", yscale="log", xlabel=what, ylabel="seconds, forward and backward")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=7, frameon=False)
    figure.savefig(path)
    pyplot.close(figure)


def _style(name: str) -> str:
    styles = ("-", "--", ":")
    known = [group for group in OURS if name.startswith(group)]
    return styles[OURS.index(known[0])] if known else "--" if name == BY_HAND else "-"
