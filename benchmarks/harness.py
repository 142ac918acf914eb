"""How libraries are timed side by side: first their gradients agree, then they take turns.

What is measured is a step as a person runs it: the cycle collector stays as it is, and what a step
leaves behind is freed, or collected, at the expense of the library that made it.
"""

from __future__ import annotations

import gc
import importlib.metadata
import importlib.util
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Times = dict[str, dict[str, float]]  # contender -> phase -> seconds
TOGETHER = "together"
STEPS = 25  # so many that the cycle collector's full passes fall inside a sample, not between two


@dataclass(frozen=True)
class Contender:
    """One library at one piece of work: its gradient, and a step as phases in their order.

    Each phase is fed what the one before returned, the first one None.
    """

    name: str
    gradient: Callable[[], Sequence[float]]
    phases: Mapping[str, Callable[[Any], Any]]
    steps: int = 0  # in a row; STEPS where nothing is said


def version(package: str) -> str:
    """The version of a package that can be imported, or an empty string."""
    if importlib.util.find_spec(package) is None:
        return ""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "from source"


def sample(contender: Contender) -> dict[str, float]:
    """Seconds per step of each phase and of the whole, which includes freeing what was made.

    They are CPU time of the process, all its threads: what else the machine runs does not count.
    """
    phases = list(contender.phases.values())
    spent = [0.0] * len(phases)
    gc.collect()  # nobody pays for what the one before left behind
    start = time.process_time()
    steps = contender.steps or STEPS
    for _ in range(steps):
        made = None
        for i, phase in enumerate(phases):
            begun = time.process_time()
            result = phase(made)
            spent[i] += time.process_time() - begun
            made = result
    spent.append(time.process_time() - start)
    names = [*contender.phases, TOGETHER]
    return {name: s / steps for name, s in zip(names, spent, strict=True)}


def agree(gradient: Sequence[float], expected: Sequence[float], tolerance: float) -> bool:
    """Whether no entry differs by more than the tolerance, relative to the largest one expected."""
    given, wanted = np.asarray(gradient), np.asarray(expected)
    gap = np.abs(given - wanted).max() if given.shape == wanted.shape else np.inf
    return bool(gap <= tolerance * np.abs(wanted).max())


def compare(contenders: Iterable[Contender], expected: Sequence[float]) -> None:
    """Stop unless every contender's gradient is the expected one, to 1e-9."""
    for contender in contenders:
        if not agree(contender.gradient(), expected, 1e-9):
            raise SystemExit(f"{contender.name} gives another gradient: nothing was timed")


def interleave(contenders: Sequence[Contender], rounds: int) -> Times:
    """Medians over rounds; each round asks every contender, and starts with another one."""
    gc.collect()
    gc.freeze()  # what the libraries imported is walked at nobody's expense
    samples: dict[str, list[dict[str, float]]] = {c.name: [] for c in contenders}
    for i in range(rounds):
        turn = i % len(contenders)
        for c in [*contenders[turn:], *contenders[:turn]]:
            samples[c.name].append(sample(c))
    gc.unfreeze()
    return {
        name: {phase: statistics.median(s[phase] for s in taken) for phase in taken[0]}
        for name, taken in samples.items()
    }


def table(times: Times, phases: Sequence[str], reference: str, unit: str, per: float) -> str:
    """Medians as Markdown, `per` seconds to the unit, and the whole step over the reference's."""
    head = [unit, *phases, f"{TOGETHER} / {reference}"]
    lines = [head, ["---", *["--:"] * (len(head) - 1)]]
    for name, median in times.items():
        cells = [f"{median[phase] / per:.2f}" if phase in median else "" for phase in phases]
        lines.append([name, *cells, f"{median[TOGETHER] / times[reference][TOGETHER]:.1f}"])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def machine() -> str:
    """Processor, system and Python, in one line."""
    return f"{processor()}, {platform.system()}, Python {platform.python_version()}"


def processor() -> str:
    """The processor's own name where the system tells it, else its architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
