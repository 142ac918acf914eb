"""A descent at a glance: its verdict, its losses as a small line, and its steps as a table."""

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from tinygrad_neuron.train import History, Moment, Verdict, judge

MILESTONES = 8  # rows of the table at most
SHOWN = 4  # weights of a row
WIDTH, HEIGHT = 240, 40  # of the sparkline
POINTS = 120  # in it


def html(history: History) -> str:
    """What a notebook shows: no style sheet and no script, so that every viewer keeps it."""
    return "".join(
        [
            f"<div><p><strong>{escape(verdict(judge(history)))}</strong></p>",
            sparkline([moment.loss for moment in history.moments]),
            _table(history),
            "</div>",
        ]
    )


def verdict(found: Verdict) -> str:
    """How a descent ended, in one sentence with its numbers.

    >>> verdict(Verdict("diverging", 2, 0.001, 220960.0))
    'diverging after 2 updates: alpha = 0.001 is 110.5 times above the limit 2/lambda = 9.051e-06'
    """
    updates = f"{found.updates} update{'' if found.updates == 1 else 's'}"
    kind = {"budget": "not there yet", "no minimum": "without a bottom"}.get(found.kind, found.kind)
    text = f"{kind} after {updates}"
    if found.kind == "diverging" and 1 < found.excess < math.inf:
        limit = f"the limit 2/lambda = {found.limit:.4g}"
        return f"{text}: alpha = {found.alpha:g} is {found.excess:.4g} times above {limit}"
    if found.kind == "slow":
        times = f"{found.best / found.alpha:.3g} times larger"
        return f"{text}: alpha = {found.alpha:g} could be {times}, 1/lambda = {found.best:.3g}"
    return f"{text} with alpha = {found.alpha:g}"


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


def _table(history: History) -> str:
    head = _row("th", ["update", "loss", "|gradient|", "weights"])
    chosen = np.unique(np.linspace(0, history.updates, MILESTONES).astype(int))
    rows = [_row("td", _cells(int(k), history.moments[k])) for k in chosen]
    return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def _cells(step: int, moment: Moment) -> list[str]:
    weights = [f"{w:.4g}" for w in moment.weights[:SHOWN]]
    more = ", ..." if len(moment.weights) > SHOWN else ""
    length = f"{math.hypot(*moment.gradient):.4g}"
    return [str(step), f"{moment.loss:.4g}", length, ", ".join(weights) + more]


def _row(tag: str, cells: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"
