"""A graph as a picture: SVG text, without a script, the same bytes for the same trace.

The colours are written on each part, so that the picture is right where style sheets are left out
(notebooks on the web); a picture that stands alone has one besides, for dark screens.
"""

import zlib
from collections.abc import Iterator
from html import escape

from tinygrad_neuron.views.layout import LINE, Arrow, Box, Layout, layout_of
from tinygrad_neuron.views.trace import Trace, dumps
from tinygrad_neuron.views.words import said

MARGIN = 12.0
FONT = "ui-monospace,Menlo,Consolas,monospace"
INK, PAPER, GREY = "#1f2328", "#ffffff", "#6e7781"
GREEN, RED, BLUE = "#1a7f37", "#b3261e", "#0550ae"
FRAMES = {  # colour, width and dashes, by the kind of node
    "learnable": (GREEN, "2.5", ""),
    "constant": (GREY, "1", "2 3"),
    "result": (BLUE, "1.2", ""),
}
LEGEND = (
    ("learnable", "green frame: learnable"),
    ("constant", "dotted: given"),
    ("result", "blue: computed, left to right; red: the gradient of the result"),
)
DARK = (
    ".tn-b{fill:#161b22}.tn-t{fill:#e6edf3}.tn-g{fill:#ff8a80}.tn-a{stroke:#8b949e}"
    ".tn-h{fill:#8b949e}.tn-learnable{stroke:#3fb950}.tn-constant{stroke:#8b949e}"
    ".tn-result{stroke:#58a6ff}"
)


def svg(
    trace: Trace, *, engine: str = "own", hide_constants: bool = False, alone: bool = True
) -> str:
    """The graph of a trace: each node with its number and its gradient.

    `alone` is for a file: it has an XML namespace and colours for dark screens; without, it is for
    a notebook or a page. Raises `DrawingError` (TN176) for a graph that nobody could read.
    """
    layout = layout_of(trace, engine=engine, hide_constants=hide_constants)
    return "\n".join(_lines(trace, layout, alone)) + "\n"


def _lines(trace: Trace, layout: Layout, alone: bool) -> Iterator[str]:
    key = f"tn{zlib.crc32(dumps(trace).encode()):08x}"  # several pictures may be on one page
    legend = max(len(text) for _, text in LEGEND) * 7.3 + 40.0
    width = max(layout.width, legend) + 2 * MARGIN
    height = layout.height + 2 * MARGIN + len(LEGEND) * LINE + 10.0
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="{key}-t {key}-d" '
        f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'style="max-width:100%;height:auto" font-family="{FONT}" font-size="12">'
    )
    yield f'<title id="{key}-t">The graph of {escape(trace["title"])}</title>'
    yield f'<desc id="{key}-d">{escape(said(trace))}</desc>'
    if alone:
        yield f"<style>@media (prefers-color-scheme:dark){{{DARK}}}</style>"
    yield f'<defs><marker id="{key}-m" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
    yield f'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="{GREY}"/></marker></defs>'
    yield f'<g transform="translate({MARGIN:.0f} {MARGIN:.0f})">'
    yield from (_arrow(arrow, key) for arrow in layout.arrows)
    for i, box in layout.boxes.items():
        yield from _box(trace["nodes"][i], box)
    yield from _legend(layout.height + 24.0)
    yield "</g>"
    yield "</svg>"


def _arrow(arrow: Arrow, key: str) -> str:
    """A line with a soft bend at each point."""
    (x, y), *rest = arrow.points
    path = f"M{x:g} {y:g}"
    for end_x, end_y in rest:
        middle = round((x + end_x) / 2, 1)
        path += f"C{middle:g} {y:g} {middle:g} {end_y:g} {end_x:g} {end_y:g}"
        x, y = end_x, end_y
    return (
        f'<path class="tn-a" d="{path}" fill="none" stroke="{GREY}" stroke-width="1.3" '
        f'marker-end="url(#{key}-m)"/>'
    )


def _box(node: dict[str, object], box: Box) -> Iterator[str]:
    colour, width, dashes = FRAMES[str(node["kind"])]
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    yield f"<g><title>{escape(', '.join(box.lines))}</title>"
    yield (
        f'<rect class="tn-b tn-{node["kind"]}" x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" '
        f'height="{box.height:g}" rx="5" fill="{PAPER}" stroke="{colour}" '
        f'stroke-width="{width}"{dashed}/>'
    )
    first = box.y + box.height / 2 - (len(box.lines) - 1) * LINE / 2 + 4.0
    for k, line in enumerate(box.lines):
        gradient = k == 2
        weight = ' font-weight="bold"' if k == 0 else ""
        yield (
            f'<text class="{"tn-g" if gradient else "tn-t"}" x="{box.x + box.width / 2:g}" '
            f'y="{first + k * LINE:g}" text-anchor="middle" '
            f'fill="{RED if gradient else INK}"{weight}>{escape(line)}</text>'
        )
    yield "</g>"


def _legend(y: float) -> Iterator[str]:
    for k, (kind, text) in enumerate(LEGEND):
        colour, width, dashes = FRAMES[kind]
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        top = y + k * LINE
        yield (
            f'<rect class="tn-b tn-{kind}" x="1" y="{top - 9:g}" width="22" height="11" rx="3" '
            f'fill="{PAPER}" stroke="{colour}" stroke-width="{width}"{dashed}/>'
        )
        yield f'<text class="tn-h" x="32" y="{top:g}" fill="{GREY}">{escape(text)}</text>'
