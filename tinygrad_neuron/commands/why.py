"""A message in full, as a command: what happened to whom, an example that is run, a picture."""

import linecache
import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_neuron import errors
from tinygrad_neuron.commands.options import Options, Parser
from tinygrad_neuron.diagnosis.messages import WARNINGS
from tinygrad_neuron.diagnosis.pages import PAGES, Page
from tinygrad_neuron.errors import TinygradNeuronError
from tinygrad_neuron.lesson import mistakes
from tinygrad_neuron.lesson.mistakes import UsageError
from tinygrad_neuron.lesson.text import PLAIN, Look, wrapped

FILE = "example.py"
KINDS: dict[str, type[Exception]] = {
    **{
        kind.code: kind
        for module in (errors, mistakes)
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, TinygradNeuronError)
        and kind is not TinygradNeuronError
    },
    **WARNINGS,
}


@dataclass(frozen=True)
class Reason:
    """A message's page, and what its example says when it is run; without a code, all of them."""

    code: str
    page: Page | None
    said: str
    succeeded: bool = True
    interrupted: bool = False


def add_options(parser: Parser) -> None:
    """What can be typed."""
    parser.usage = "%(prog)s [TN109] [options]"
    parser.add_argument("code", nargs="?", help="the number of a message; without, all are listed")


def run(options: Options) -> Reason:
    """The page of a message, with its example run."""
    if options.code is None:
        return Reason("", None, "")
    digits = re.fullmatch(r"(?:tn)?\s*(\d+)[a-z]?", options.code.strip().lower())
    code = f"TN{digits[1]}" if digits else options.code
    if code not in known():
        raise UsageError(f"There is no message {options.code}.", hint="why   lists all of them")
    page = PAGES.get(code)
    return Reason(code, page, told_by(page.example, code) if page and page.example else "")


def known() -> dict[str, str]:
    """All messages with their titles, by number."""
    titles = {code: _first_line(kind) for code, kind in KINDS.items()}
    return dict(sorted((titles | {code: page.title for code, page in PAGES.items()}).items()))


def _first_line(kind: type[Exception]) -> str:
    return (kind.__doc__ or "").split("\n")[0].rstrip(".")


def told_by(example: str, code: str) -> str:
    """What an example says when it is run: its message of this number."""
    lines = [line + "\n" for line in example.split("\n")]
    linecache.cache[FILE] = (len(example), None, lines, FILE)
    said: list[Any] = []
    with warnings.catch_warnings(record=True) as told, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            exec(compile(example, FILE, "exec"), {"__name__": "example"})
        except TinygradNeuronError as error:
            said.append(error)
        finally:
            del linecache.cache[FILE]
    said += [warning.message for warning in told]
    return next((f"{type(x).__name__} {x}" for x in said if getattr(x, "code", "") == code), "")


def screen(reason: Reason, look: Look = PLAIN) -> str:
    """The story, the example and what it says, and what to look at."""
    if not reason.code:
        return "\n".join(
            [*(f"{code}  {title}" for code, title in known().items()), "", "why TN109"]
        )
    page = reason.page
    parts = [f"{reason.code}  {known()[reason.code]}"]
    if page is None:
        kind = KINDS[reason.code]
        return (
            f"{parts[0]}\n\n{kind.__name__}: in the docs it is raised under {reason.code.lower()}."
        )
    parts.append(wrapped(" ".join(page.story.split()), look.width, indent=""))
    if page.example:
        parts.append("For example:\n\n" + _indented(page.example))
        said = "\n".join(wrapped(line, look.width - 4, "") for line in reason.said.splitlines())
        parts.append("says:\n\n" + _indented(said))
    if page.silent:
        parts.append("This is like it, and nothing is wrong:\n\n" + _indented(page.silent))
    if page.look:
        parts.append(f"Look:  {look.program} {page.look}")
    return "\n\n".join(parts)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())


def record(reason: Reason) -> dict[str, Any]:
    """The page for a program."""
    if not reason.code:
        return {"messages": known()}
    page = reason.page or Page(known()[reason.code], "")
    return {
        "code": reason.code,
        "title": page.title,
        "story": " ".join(page.story.split()),
        "example": page.example,
        "says": reason.said,
        "silent": page.silent,
        "look": page.look,
    }
