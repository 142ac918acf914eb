"""Pictures of learning, each one call: a Matplotlib figure that a notebook shows and a file takes.

Every one is sensible as it is. `path=` writes it too, as the ending says: `.svg`, `.png`, `.pdf`.
Colours are those of Okabe and Ito, and no two things differ by their colour alone. Nothing global
is touched: no pyplot, no current figure, no style.
"""

import io
import math
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from os import PathLike
from typing import Any

import numpy as np

from tinygrad_neuron.errors import MissingExtraError, PictureError
from tinygrad_neuron.graph import plain
from tinygrad_neuron.losses.description import curve
from tinygrad_neuron.losses.mechanism import Loss
from tinygrad_neuron.train import History
from tinygrad_neuron.views.landscapes import (
    RATIO,
    Parameters,
    Plane,
    entry_names,
    heights_at,
    levels_of,
    plane_of,
    values_of,
)

Array = Any
Figure = Any  # matplotlib.figure.Figure
Axes = Any  # matplotlib.axes.Axes
Path = str | PathLike[str] | None

# Okabe and Ito, Color Universal Design, 2008
BLUE, ORANGE, GREEN, PURPLE, SKY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, "#000000")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))
MARKERS = ("o", "^", "s", "D", "v", "P")
HALO = "white"  # around what is drawn on top of colours

GRID = 41  # points on each side of a landscape
FINE = 201  # and of a plane in which every point is asked for its class
POINTS = 401  # of a curve


# ------------------------------------------------------------------------------ the pictures


def loss_curve(history: History | Iterable[float] | Mapping[str, Any], *, path: Path = None) -> Any:
    """The loss after every update, on a logarithmic scale where it spans a factor of 100.

    `history` is what a descent returned, any numbers, or several such by name: each gets a colour
    and a dash of its own, and its name at the end of its line. Where the loss is not finite the
    line ends with a cross.
    """
    named = _named(history, "loss")
    curves = {name: _losses(what) for name, what in named.items()}
    descents = all(isinstance(what, History) for what in named.values())
    figure, axes = _figure("update" if descents else "step", "loss J")
    for i, (name, losses) in enumerate(curves.items()):
        _draw_losses(axes, name if len(curves) > 1 else "", losses, i)
    _log_if_wide(axes, np.concatenate(list(curves.values())))
    return _done(figure, path)


def landscape(
    loss: Callable[[], Any],
    parameters: Parameters,
    history: History | None = None,
    *,
    path: Path = None,
) -> Any:
    """The loss over the weights, as a map, with the way that a descent took.

    `loss()` computes the loss from the parameters as they are, as in a training loop. One weight
    gives a curve and two give a map. Of more, the map is the plane through the end of the way in
    the two directions in which it went furthest (Li et al., Visualizing the Loss Landscape of
    Neural Nets, 2018, section 7). The weights are left as they were.

    Raises `PictureError` (TN181) for more than two weights without a way.
    """
    values = values_of(parameters)
    plane = plane_of(list(values.values()), history)
    if plane.directions.shape[0] == 1:
        return _done(_valley(loss, list(values.values()), plane, entry_names(values)), path)
    return _done(_map(loss, list(values.values()), plane, entry_names(values)), path)


def gradient_flow(parameters: Parameters, *, path: Path = None) -> Any:
    """How much gradient reaches each parameter: the mean of its sizes, and the largest.

    The scale is logarithmic. A parameter with no gradient, or with zeros only, is said in words, so
    that it is not taken for a small one.
    """
    values = values_of(parameters)
    figure, axes = _figure("size of the gradient", "", height=1.2 + 0.42 * len(values))
    for row, value in enumerate(values.values()):
        _draw_flow(axes, row, value.gradient)
    axes.set_yticks(range(len(values)), list(values))
    axes.set_ylim(len(values) - 0.4, -0.6)
    _whole_decades(axes, [v.gradient for v in values.values()])
    _key(axes, "o", "mean")
    _key(axes, "|", "largest")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    return _done(figure, path)


def weight_histograms(parameters: Parameters, *, path: Path = None) -> Any:
    """How the entries of each parameter are spread: one histogram each, over a common axis.

    Above each stand how many they are, their mean and their standard deviation.
    """
    values = {name: np.ravel(v._data) for name, v in values_of(parameters).items()}
    columns = min(len(values), 3)
    rows = -(-len(values) // columns)
    figure = figure_class()(figsize=(1.2 + 2.6 * columns, 0.6 + 1.9 * rows), layout="constrained")
    edges = np.histogram_bin_edges(np.concatenate(list(values.values())), 30)
    panels = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
    for axes, (name, numbers) in zip(panels, values.items(), strict=False):
        axes.hist(numbers, edges, color=BLUE, edgecolor="white", linewidth=0.3)
        axes.axvline(0.0, color="0.4", linewidth=0.8, linestyle=":")
        axes.set_title(f"{name}\n{numbers.size}: {numbers.mean():.2g} ± {numbers.std():.2g}")
        axes.yaxis.get_major_locator().set_params(integer=True)
        _tidy(axes, "", "")
    for axes in panels[len(values) :]:
        axes.remove()
    figure.supxlabel("weight")
    figure.supylabel("how many")
    return _done(figure, path)


def decision_boundary(model: Callable[[Any], Any], x: Array, y: Array, *, path: Path = None) -> Any:
    """Which class a model gives each point of the plane, with the examples it learnt from.

    `x` has shape (N, 2) and `y` holds N labels. A model that gives one number for a row says the
    larger label above 0.5 if all it gives lies between 0 and 1, and above 0 otherwise; one that
    gives a number for each class says the class with the largest.

    Raises `PictureError` (TN181) for rows that are not points of a plane.
    """
    points, labels = np.asarray(plain(x), float), np.asarray(plain(y)).ravel()
    if points.ndim != 2 or points.shape[1] != 2:
        raise PictureError(
            f"x has shape {points.shape}; a boundary is drawn for points of a plane, (N, 2).",
            hint="choose two columns:  decision_boundary(model, x[:, :2], y)",
            shape=points.shape,
        )
    classes, members = np.unique(labels, return_inverse=True)
    figure, axes = _figure("x1", "x2", size=(5.2, 4.4))
    _draw_regions(axes, model, points, len(classes))
    for i, label in enumerate(classes):
        style = {"color": COLOURS[i % 6], "marker": MARKERS[i % 6], "edgecolor": HALO}
        axes.scatter(*points[members == i].T, s=38, linewidth=0.7, label=str(label), **style)
    axes.legend(title="class", loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return _done(figure, path)


def loss_and_gradient(loss: Any, *, path: Path = None) -> Any:
    """A loss, and its slope, as the prediction moves past the target.

    Any loss of the package, or a function of a prediction and a target.
    """
    loss = loss if isinstance(loss, Loss) else Loss(loss)
    what, x, y, slope = curve(loss, POINTS)
    figure, axes = _figure(what, "")
    axes.axhline(0.0, color="0.6", linewidth=0.8)
    for name, numbers, i in (("loss", y, 0), ("its gradient", slope, 1)):
        _line(axes, x, numbers, i, name, marker="")
    axes.legend(frameon=False)
    axes.set_title(loss.__name__)
    return _done(figure, path)


# ------------------------------------------------------------------------------ losses


def _losses(history: Any) -> Array:
    if isinstance(history, History):
        return np.array([moment.loss for moment in history.moments])
    return np.array([plain(x) for x in history], float)


def _draw_losses(axes: Axes, name: str, losses: Array, i: int) -> None:
    """A line as far as its numbers are finite, and what came then."""
    finite = np.isfinite(losses)
    shown = losses[: len(losses) if finite.all() else int(finite.argmin())]
    _line(axes, np.arange(len(shown)), shown, i, "", marker="o" if len(shown) <= 40 else "")
    if name and len(shown):
        at = (len(shown) - 1, shown[-1])
        axes.annotate(f" {name}", at, color=COLOURS[i % 6], va="center", annotation_clip=False)
    if not finite.all() and len(shown):
        axes.plot(len(shown) - 1, shown[-1], "x", color=COLOURS[i % 6], markersize=11)
        axes.annotate(f"{losses[len(shown)]} next ", (len(shown) - 1, shown[-1]), ha="right")


def _log_if_wide(axes: Axes, numbers: Array) -> None:
    numbers = numbers[np.isfinite(numbers) & (numbers != 0)]
    if numbers.size and numbers.min() > 0 and numbers.max() > RATIO * numbers.min():
        axes.set_yscale("log")


# ------------------------------------------------------------------------------ landscapes


def _valley(loss: Any, values: Any, plane: Plane, names: list[str]) -> Figure:
    """The loss over a single weight."""
    x = np.linspace(plane.low, plane.high, POINTS)
    figure, axes = _figure(names[0], "loss J")
    axes.plot(x, heights_at(loss, values, plane, x), color=BLUE)
    if len(plane.way) > 1:
        y = heights_at(loss, values, plane, plane.way)
        _draw_way(axes, plane.way[:, 0], y)
    return figure


def _map(loss: Any, values: Any, plane: Plane, names: list[str]) -> Figure:
    """The loss over a plane, as levels."""
    from matplotlib.colors import LogNorm, Normalize

    a, b = (np.linspace(plane.low[i], plane.high[i], GRID) for i in (0, 1))
    heights = heights_at(loss, values, plane, ((u, v) for v in b for u in a)).reshape(GRID, GRID)
    axis = names if len(names) == 2 else ["furthest direction of the way", "second direction"]
    figure, axes = _figure(*axis, size=(5.4, 4.5))
    levels, wide = levels_of(heights)
    scale = (LogNorm if wide else Normalize)(levels[0], levels[-1])
    drawn = axes.contourf(a, b, heights, levels, cmap="cividis", norm=scale, extend="both")
    axes.contour(a, b, heights, levels, colors=HALO, linewidths=0.3, norm=scale, alpha=0.6)
    bar = figure.colorbar(drawn, ax=axes, label="loss J", shrink=0.9)
    bar.set_ticks(levels[:: max(1, len(levels) // 6)])
    bar.ax.yaxis.set_major_formatter("{x:.2g}")
    bar.ax.minorticks_off()
    if len(plane.way) > 1:
        _draw_way(axes, *plane.way.T)
    axes.set_aspect("equal")
    return figure


def _draw_way(axes: Axes, x: Array, y: Array) -> None:
    """The steps of a descent: a line with a halo, a ring where it started, a star at its end."""
    from matplotlib.patheffects import Normal, Stroke

    halo = [Stroke(linewidth=3.2, foreground=HALO), Normal()]
    axes.plot(x, y, ".-", color=ORANGE, linewidth=1.4, markersize=5, path_effects=halo, label="way")
    for i, name, marker, size in ((0, "start", "o", 8), (-1, "end", "*", 14)):
        style = {"color": ORANGE, "markeredgecolor": HALO, "markersize": size}
        axes.plot(x[i], y[i], marker, label=name, **style)
        axes.annotate(
            f" {name} ", (x[i], y[i]), xytext=(7, 7), textcoords="offset points",
            path_effects=[Stroke(linewidth=2.6, foreground=HALO), Normal()],
        )  # fmt: skip


# ------------------------------------------------------------------------------ regions


def _draw_regions(axes: Axes, model: Callable[[Any], Any], points: Array, classes: int) -> None:
    """The plane in the colours of what the model says, and a line where it changes its mind."""
    margin = 0.15 * np.ptp(points, axis=0) + 1e-9
    a, b = np.linspace(points.min(axis=0) - margin, points.max(axis=0) + margin, FINE).T
    said = np.asarray(plain(model(np.stack(np.meshgrid(a, b), -1).reshape(-1, 2))))
    said = said.reshape(FINE, FINE, -1)
    if said.shape[-1] > 1:
        regions, edges = said.argmax(axis=-1), np.arange(said.shape[-1] - 1) + 0.5
    else:
        between = said.min() >= 0.0 and said.max() <= 1.0
        regions, edges = said[..., 0], np.array([0.5 if between else 0.0])
    inner = np.array([regions.min(), regions.max()])
    bounds = [min(inner[0], edges[0]) - 1.0, *edges, max(inner[1], edges[-1]) + 1.0]
    colours = [COLOURS[i % 6] for i in range(max(len(bounds) - 1, classes))]
    axes.contourf(a, b, regions, bounds, colors=colours[: len(bounds) - 1], alpha=0.22)
    axes.contour(a, b, regions, edges, colors="0.15", linewidths=1.2)


# ------------------------------------------------------------------------------ gradients


def _draw_flow(axes: Axes, row: int, gradient: Array) -> None:
    """One parameter: from the mean size of its gradient to the largest, or why there is none."""
    sizes = None if gradient is None else np.abs(np.ravel(gradient))
    if sizes is None or not sizes.any():
        said = "no gradient: backward() did not reach it" if sizes is None else "exactly 0"
        at = {"xycoords": ("axes fraction", "data")}
        axes.annotate(said, (0.02, row), va="center", color=ORANGE, **at)
        return
    mean, largest = sizes.mean(), sizes.max()
    axes.plot([mean, largest], [row, row], color=SKY, linewidth=3, solid_capstyle="butt")
    axes.plot(mean, row, "o", color=BLUE)
    axes.plot(largest, row, "|", color=BLUE, markersize=13, markeredgewidth=2)


def _whole_decades(axes: Axes, gradients: Iterable[Array]) -> None:
    """A logarithmic scale from one power of ten to another, which are all that is written."""
    from matplotlib.ticker import NullFormatter

    sizes = np.concatenate([[], *(np.abs(np.ravel(g)) for g in gradients if g is not None)])
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    axes.set_xscale("log")
    axes.xaxis.set_minor_formatter(NullFormatter())
    if sizes.size:
        low, high = math.floor(np.log10(sizes.min())), math.ceil(np.log10(sizes.max()))
        axes.set_xlim(10.0**low, 10.0 ** max(high, low + 1) * 1.05)


# ------------------------------------------------------------------------------ small helpers


@cache
def figure_class() -> Any:
    """Matplotlib's figure, which a notebook shows as SVG without pyplot."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError.of("matplotlib", "plot", "A picture") from None
    return type("Picture", (Figure,), {"_repr_svg_": _svg})


def _svg(figure: Figure) -> str:
    written = io.StringIO()
    _write(figure, written, "svg")
    return written.getvalue()


def _write(figure: Figure, where: Any, kind: str) -> None:
    """The same bytes for the same picture: no date, and names that are not random."""
    from matplotlib import rc_context

    dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with rc_context({"svg.hashsalt": "tinygrad_neuron"}):
        figure.savefig(where, format=kind, dpi=150, metadata=dated.get(kind))


def _figure(
    x: str, y: str, *, size: tuple[float, float] | None = None, height: float = 3.4
) -> tuple[Figure, Axes]:
    figure = figure_class()(figsize=size or (5.6, height), layout="constrained")
    axes = figure.add_subplot()
    _tidy(axes, x, y)
    return figure, axes


def _tidy(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.title.set_size("medium")
    axes.spines[["top", "right"]].set_visible(False)


def _line(axes: Axes, x: Array, y: Array, i: int, name: str, *, marker: str) -> None:
    style = {"color": COLOURS[i % 6], "linestyle": DASHES[i % 6], "marker": marker}
    axes.plot(x, y, label=name or None, markersize=3.5, **style)


def _key(axes: Axes, marker: str, name: str) -> None:
    """An entry of the legend, without anything drawn."""
    axes.plot([], [], marker, color=BLUE, markersize=9, markeredgewidth=2, label=name)


def _done(figure: Figure, path: Path) -> Figure:
    """The figure, which is in its file as well if one is named."""
    if path is not None:
        name = str(path)
        _write(figure, path, name.rpartition(".")[2].lower() if "." in name else "png")
    return figure


def _named(things: Any, otherwise: str) -> dict[str, Any]:
    return dict(things) if isinstance(things, Mapping) else {otherwise: things}
