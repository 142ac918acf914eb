"""The losses there are, one of them, and the check of somebody's own, as a command."""

import importlib
import inspect
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinygrad_neuron.commands.options import Options, Parser
from tinygrad_neuron.errors import UnknownNameError
from tinygrad_neuron.lesson.mistakes import UsageError
from tinygrad_neuron.lesson.text import PLAIN, Look
from tinygrad_neuron.losses import registry
from tinygrad_neuron.losses.checking import PROPERTIES, Finding, examine
from tinygrad_neuron.losses.description import curve, describe, properties, wrapped
from tinygrad_neuron.losses.mechanism import Loss

THEMES = ("regression", "binary", "multiclass")  # those at the top of the list
COLUMNS = 21  # points of a curve that a program is given


@dataclass(frozen=True)
class Catalogue:
    """All losses by name, and of those that cannot be loaded, why."""

    losses: dict[str, Loss]
    broken: dict[str, str]
    succeeded = True
    interrupted = False


@dataclass(frozen=True)
class Described:
    """One loss, under the name it was asked for."""

    asked: str
    loss: Any
    succeeded = True
    interrupted = False


@dataclass(frozen=True)
class Checked:
    """What was found in each loss of a module."""

    module: str
    findings: dict[str, list[Finding]]
    interrupted = False

    @property
    def succeeded(self) -> bool:
        """Whether every property of every loss holds."""
        return not any(finding.problem for found in self.findings.values() for finding in found)


Screenful = Catalogue | Described | Checked


def add_options(parser: Parser) -> None:
    """What can be typed."""
    parser.usage = "%(prog)s [name | check module] [options]"
    add = parser.add_argument
    add("name", nargs="?", help="a loss, by its name here or in another library")
    add("module", nargs="?", help="with check: a module of your own, whose losses are checked")


def run(options: Options) -> Screenful:
    """What was typed, as a run."""
    if options.name == "check":
        if options.module is None:
            raise UsageError(
                "Which module's losses are to be checked?", hint="losses check my_losses.py"
            )
        return checked(options.module)
    if options.module is not None:
        raise UsageError(
            f"losses {options.name} {options.module} is one word too many.",
            hint=f"losses {options.name}   or   losses check {options.module}",
        )
    return catalogue() if options.name is None else described(options.name)


def catalogue() -> Catalogue:
    """All losses, those of other packages too."""
    found, broken = {}, {}
    for name in registry.names():
        try:
            found[name] = _as_loss(registry.get(name))
        except Exception as error:  # another package's mistake is no reason to list nothing
            broken[name] = f"{type(error).__name__}: {error}"
    return Catalogue(dict(sorted(found.items(), key=lambda item: _place(item[1]))), broken)


def _as_loss(thing: Any) -> Loss:
    """A loss, also where a package has registered a plain function."""
    return thing if isinstance(thing, Loss) else Loss(thing)


def described(name: str) -> Described:
    """One loss, by any of its names."""
    return Described(name, _as_loss(registry.get(name)))


def checked(module: str) -> Checked:
    """Every loss that a module defines: its `Loss`es, and its functions of (prediction, target)."""
    known = _imported(module)
    mine = {
        name: thing
        for name, thing in vars(known).items()
        if isinstance(thing, Loss) or _like_a_loss(thing, known)
    }
    own = {n: x for n, x in mine.items() if x.__module__ == known.__name__} or mine
    if not own:
        raise UnknownNameError(
            f"{module} defines no loss.",
            why="A loss is made by @loss, or is a function whose first two arguments are a "
            "prediction and a target.",
            hint="from tinygrad_neuron.losses import loss",
        )
    return Checked(module, {name: examine(thing) for name, thing in own.items()})


def _like_a_loss(thing: Any, module: Any) -> bool:
    if not inspect.isfunction(thing) or thing.__module__ != module.__name__:
        return False
    names = list(inspect.signature(thing).parameters)[:2]
    return len(names) == 2 and names[0].startswith("pred") and names[1] in ("target", "t", "y")


def _imported(module: str) -> Any:
    """A module by its dotted name, or by its file in this folder."""
    name = module.removesuffix(".py").replace("/", ".")
    if "" not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise
        raise UnknownNameError(
            f"There is no module {module!r} here.", hint="losses check my_losses, for my_losses.py"
        ) from None
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise UnknownNameError(
            f"{module} cannot be imported: {type(error).__name__}: {error}.",
            hint=f"look at {Path(last.filename).name}:{last.lineno}",
        ) from error


# --------------------------------------------------------------------------------- the screens


def screen(result: Screenful, look: Look = PLAIN) -> str:
    """What a person reads."""
    if isinstance(result, Catalogue):
        return _list(result, look.width, look.program)
    if isinstance(result, Described):
        return "\n".join([*_found(result), describe(result.loss, min(look.width, 76))])
    return _verdicts(result)


def _list(result: Catalogue, width: int, program: str) -> str:
    """The losses of each module under its theme."""
    lines, theme = [], ""
    longest = max(map(len, result.losses))
    for name, loss in result.losses.items():
        if _theme(loss) != theme:
            theme = _theme(loss)
            lines += ["", theme]
        line = f"  {name:{longest}}  {loss.formula}"
        lines.append(line if len(line) <= width else line[: width - 3] + "...")
    if result.broken:
        lines += ["", "Of other packages, and not loaded"]
        lines += [f"  {name}  {why}" for name, why in result.broken.items()]
    return "\n".join([
        f"{len(result.losses)} losses. t: target, x: prediction, r: x - t, s: label -1 or 1",
        *lines, "", f"One of them:   {program} losses huber",
        f"Your own:      {program} losses check my_losses.py",
    ])  # fmt: skip


def _theme(loss: Any) -> str:
    """The first words of the loss's module: what its losses have in common."""
    text = inspect.getdoc(sys.modules[loss.__module__]) or loss.__module__
    words = text.splitlines()[0].removeprefix("Losses of ").partition(":")[0].rstrip(".")
    return words[:1].upper() + words[1:]


def _place(loss: Any) -> int:
    """Where a loss's theme stands in the list: what everybody needs comes first."""
    module = loss.__module__.rpartition(".")[2]
    return THEMES.index(module) if module in THEMES else len(THEMES)


def _found(result: Described) -> list[str]:
    if result.asked == result.loss.__name__:
        return []
    rows = registry.elsewhere(result.asked)
    who = f"{rows[0].library}'s {rows[0].name}" if rows else result.asked
    differs = [wrapped(f"  {row.library}: {row.differs}.", 76) for row in rows if row.differs]
    return [f"{who} is {result.loss.__name__} here.", *differs, ""]


def _verdicts(result: Checked) -> str:
    lines = []
    for name, found in result.findings.items():
        wrong = [finding for finding in found if finding.problem]
        verdict = f"lacks {len(wrong)} of" if wrong else "has all"
        lines.append(f"{name} {verdict} {len(PROPERTIES)} properties")
        lines += [f"  - {finding.name}: {finding.problem}" for finding in wrong]
        lines += ["    (the others were not asked)"] if len(found) < len(PROPERTIES) else []
    return "\n".join(lines)


def record(result: Screenful) -> dict[str, Any]:
    """The same for a program."""
    if isinstance(result, Catalogue):
        facts = [_facts(loss) for loss in result.losses.values()]
        return {"losses": facts, "broken": result.broken}
    if isinstance(result, Checked):
        found = {
            name: [{"property": f.name, "problem": f.problem or None} for f in findings]
            for name, findings in result.findings.items()
        }
        return {"module": result.module, "succeeded": result.succeeded, "losses": found}
    what, x, y, slope = curve(result.loss, COLUMNS)
    elsewhere = [row._asdict() for row in registry.ELSEWHERE if row.ours == result.loss.__name__]
    plot = {"x": x.tolist(), "loss": y.tolist(), "gradient": slope.tolist(), "varied": what}
    return {**_facts(result.loss), "asked": result.asked, "elsewhere": elsewhere, "curve": plot}


def _facts(loss: Any) -> dict[str, Any]:
    return {"name": loss.__name__, **properties(loss)}
