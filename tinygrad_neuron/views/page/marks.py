"""The pieces of HTML that every view of a page is made of."""

import math
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np


def rows(head: Sequence[str], lines: Sequence[Sequence[str]], caption: str) -> str:
    """A table that a page follows: its cells are HTML already, the first of a row is its head."""
    names = "".join(f'<th scope="col">{name}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in others)}</tr>'
        for first, *others in lines
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}">'
        f'<table class="steps main"><caption class="soft">{caption}</caption>'
        f"<thead><tr>{names}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def slider(name: str, last: int, *, pause: int = 0) -> str:
    """A range with a button on each side, and one that plays, `pause` milliseconds a step."""
    play = f'<button type="button" class="play" data-pause="{pause}">▶ Play</button>'
    return (
        '<div class="controls">'
        '<button type="button" class="back">◀ Back</button>'
        f'<label>{name} <input type="range" min="0" max="{last}" value="0" step="1"></label>'
        '<button type="button" class="next">Next ▶</button>'
        f"{play if pause else ''}<output></output></div>"
    )


def panel(kind: str = "") -> str:
    """Where a page says what is being shown; a screen reader hears it."""
    return (
        f'<div class="{f"panel {kind}".strip()}" role="region" aria-label="What is shown" '
        'aria-live="polite" tabindex="0"></div>'
    )


def text(x: Any) -> str:
    """Text as HTML."""
    return escape(str(x))


def logarithms(losses: Sequence[float]) -> tuple[Any, bool]:
    """Losses as heights: their logarithms where all are above 0, and whether they are that."""
    kept = np.array([float(x) for x in losses])
    with np.errstate(all="ignore"):
        wide = bool((kept[np.isfinite(kept)] > 0).all())
        heights = np.log10(kept) if wide else kept
    fine = heights[np.isfinite(heights)]
    top = float(fine.max()) if fine.size else 1.0
    return np.where(np.isfinite(heights), heights, top), wide


def scaled(heights: Any, low: float, high: float, top: float, bottom: float) -> list[float]:
    """Heights as distances from the upper edge, with a tenth of a pixel."""
    spread = high - low if high > low and math.isfinite(high - low) else 1.0
    share = np.clip((np.asarray(heights) - low) / spread, 0.0, 1.0)
    return [round(float(y), 1) for y in bottom - share * (bottom - top)]
