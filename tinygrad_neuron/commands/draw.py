"""A graph as a picture in a file, or as text, as a command."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinygrad_neuron.commands.options import Options, Parser, choose
from tinygrad_neuron.commands.traced import add_trace_options, trace_from
from tinygrad_neuron.lesson.mistakes import UsageError
from tinygrad_neuron.lesson.text import PLAIN, Look, words
from tinygrad_neuron.views.dot import dot
from tinygrad_neuron.views.layout import ENGINES
from tinygrad_neuron.views.page import page_of
from tinygrad_neuron.views.svg import svg
from tinygrad_neuron.views.trace import Trace
from tinygrad_neuron.views.tree import ASCII, LINES, tree

Draw = Callable[[Trace, Options], str]


def _text(trace: Trace, options: Options) -> str:
    return tree(trace, signs=ASCII if options.ascii else LINES) + "\n"


def _svg(trace: Trace, options: Options) -> str:
    return svg(trace, engine=options.engine, hide_constants=options.hide_constants)


def _dot(trace: Trace, options: Options) -> str:
    return dot(trace, hide_constants=options.hide_constants)


def _html(trace: Trace, options: Options) -> str:
    return page_of(trace)


FORMATS: Mapping[str, Draw] = {"text": _text, "svg": _svg, "dot": _dot, "html": _html}
ENDINGS = {".txt": "text", ".gv": "dot", **{f".{name}": name for name in FORMATS if name != "text"}}


@dataclass(frozen=True)
class Drawing:
    """A picture as text, and where it went."""

    trace: Trace
    picture: str
    path: str | None
    succeeded: bool = True
    interrupted: bool = False


def add_options(parser: Parser) -> None:
    """What can be typed."""
    add_trace_options(parser)
    add = parser.add_argument
    kinds = words(list(FORMATS), last="or")
    add("--to", metavar="FILE", help=f"a file, whose ending says {kinds}; - is the screen")
    add("--as", dest="kind", metavar="KIND", help=f"{kinds}, whatever the ending")
    add("--engine", default="own", metavar="E", help="own, or graphviz with the extra viz")
    add("--hide-constants", action="store_true", help="without what was given and is not learnt")


def run(options: Options) -> Drawing:
    """The picture, written to its file."""
    choose("--as", options.kind, FORMATS)
    choose("--engine", options.engine, ENGINES)
    kind = options.kind or _kind(options.to)
    trace = trace_from(options)
    picture = FORMATS[kind](trace, options)
    path = None if options.to in (None, "-") else options.to
    if path:
        try:
            Path(path).write_text(picture, encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written: {error.strerror}.", hint="--to graph.svg"
            ) from None
    return Drawing(trace, picture, path)


def _kind(path: str | None) -> str:
    if path in (None, "-"):
        return "text"
    ending = Path(str(path)).suffix
    if ending not in ENDINGS:
        raise UsageError(
            f"{path} ends in {ending or 'nothing'}, which says nothing about the kind of picture.",
            hint=f"--to graph.svg   or   --as {words(list(FORMATS), last='or')}",
        )
    return ENDINGS[ending]


def screen(drawing: Drawing, look: Look = PLAIN) -> str:
    """The picture, or where it is now."""
    if drawing.path is None:
        return drawing.picture.rstrip("\n")
    return (
        f"{drawing.path}: {len(drawing.trace['nodes'])} nodes, {len(drawing.picture)} characters."
    )


def record(drawing: Drawing) -> dict[str, Any]:
    """The picture as text, and the file it went to."""
    return {"to": drawing.path, "picture": drawing.picture}
