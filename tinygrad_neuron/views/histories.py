"""A descent at a glance: its verdict, its losses as a small line, and its steps as a table."""

import math
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from tinygrad_neuron.course import Course
from tinygrad_neuron.train import History, Moment

MILESTONES = 8  # rows of the table at most
SHOWN = 4  # weights of a row
WIDTH, HEIGHT = 240, 40  # of the sparkline
POINTS = 120  # in it


def html(course: Course) -> str:
    """What a notebook shows: no style sheet and no script, so that every viewer keeps it."""
    table = _descent(course) if isinstance(course, History) else _epochs(course)
    said = f"<p><strong>{escape(str(course.verdict))}</strong></p>"
    return f"<div>{said}{sparkline(course.losses)}{table}</div>"


def sparkline(losses: Sequence[float]) -> str:
    """The losses as a line, on a logarithmic scale where all of them are above 0."""
    finite = np.array([x for x in losses if math.isfinite(x)])
    if len(finite) < 2:
        return ""
    kept = finite[np.unique(np.linspace(0, len(finite) - 1, POINTS).astype(int))]
    logarithmic = bool(kept.min() > 0)
    heights = np.log10(kept) if logarithmic else kept
    spread = float(np.ptp(heights)) or 1.0
    x = np.linspace(2, WIDTH - 2, len(kept))
    y = HEIGHT - 2 - (heights - heights.min()) / spread * (HEIGHT - 4)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    scale = ", logarithmic" if logarithmic else ""
    label = f"loss from {losses[0]:.4g} to {losses[-1]:.4g}{scale}"
    return (
        f'<svg role="img" aria-label="{label}" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}"><title>{label}</title>'
        f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="1.5"/></svg>'
        f"<p>{label}</p>"
    )


def _descent(history: History) -> str:
    chosen = _milestones(history.updates)
    rows = [_cells(k, history.moments[k]) for k in chosen]
    return _table(["update", "loss", "|gradient|", "weights"], rows)


def _epochs(course: Course) -> str:
    columns = course.columns
    chosen = _milestones(len(course.losses) - 1)
    return _table(list(columns), [[f"{c[k]:.4g}" for c in columns.values()] for k in chosen])


def _milestones(last: int) -> list[int]:
    return [int(k) for k in np.unique(np.linspace(0, last, MILESTONES).astype(int))]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = "".join(_row("td", row) for row in rows)
    return f"<table><thead>{_row('th', head)}</thead><tbody>{body}</tbody></table>"


def _cells(step: int, moment: Moment) -> list[str]:
    weights = [f"{w:.4g}" for w in moment.weights[:SHOWN]]
    more = ", ..." if len(moment.weights) > SHOWN else ""
    length = f"{math.hypot(*moment.gradient):.4g}"
    return [str(step), f"{moment.loss:.4g}", length, ", ".join(weights) + more]


def _row(tag: str, cells: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"
