"""The terminal a command runs in: whether somebody looks, and what was typed to start it."""

import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from tinygrad_neuron.lesson.text import relative


def progress() -> Callable[[Iterable[int]], Iterable[int]]:
    """A progress bar for a loop that takes longer than a second, where somebody could see it."""
    if not sys.stderr.isatty():
        return iter
    try:
        from tqdm import tqdm
    except ImportError:
        return iter
    return lambda steps: tqdm(steps, delay=1.0, leave=False)


def program() -> str:
    """What to type to run this again: what is at work may not be what the path leads to."""
    script = Path(sys.argv[0])
    if script.stem == "tinygrad-neuron":
        return _typed(script)
    return f"{_typed(Path(sys.executable), name='python')} -m tinygrad_neuron"


def _typed(file: Path, name: str = "") -> str:
    """A program's name if that is enough to start it, else the way to it."""
    name = name or file.stem
    found = shutil.which(name)
    return (
        name if found and Path(found).absolute() == file.absolute() else relative(file.absolute())
    )
