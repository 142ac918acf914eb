"""Texts as compiled functions: kept on disk, so that what was compiled once is loaded from then on.

The folder is `$TINYGRAD_NEURON_CACHE`, or `tinygrad_neuron` in the user's cache folder. A text has
a file of its own there, named after its contents and the versions of all that has a say; beside it
Numba keeps what it compiled, for this processor.
"""

import hashlib
import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from tinygrad_neuron.errors import MissingExtraError

_lock = Lock()
_loaded: dict[str, Any] = {}


def insist() -> None:
    """Raise `MissingExtraError` (TN180) where Numba, or SciPy for its BLAS, is not installed."""
    for library, name in (("numba", "Numba"), ("scipy", "SciPy")):
        if importlib.util.find_spec(library) is None:
            raise MissingExtraError.of(name, "native", "Machine code")


def folder() -> Path:
    """Where compiled programs are kept."""
    given = os.environ.get("TINYGRAD_NEURON_CACHE")
    if given:
        return Path(given)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library/Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "tinygrad_neuron"


@cache
def versions() -> str:
    """Everything beside a text that decides what is compiled."""
    import llvmlite
    import numba

    files = ("machine.py", "mathematics.py", "mathematics_single.py")
    own = (Path(__file__).with_name(name).read_bytes() for name in files)
    said = [sys.version, np.__version__, numba.__version__, llvmlite.__version__]
    return "\n".join([*said, *(hashlib.sha256(text).hexdigest() for text in own)])


def module(text: str) -> Any:
    """The module that a text defines; the same one for the same text."""
    key = hashlib.sha256(f"{versions()}\n{text}".encode()).hexdigest()[:32]
    with _lock:
        if key not in _loaded:
            _loaded[key] = _imported(f"native_{key}", text)
        return _loaded[key]


def _imported(name: str, text: str) -> Any:
    path = _written(name, text)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


def _written(name: str, text: str) -> Path:
    """The file with a text; in a folder that is gone with the process if there is no other."""
    try:
        return _file(folder(), name, text)
    except OSError:
        return _file(Path(tempfile.mkdtemp(prefix="tinygrad_neuron_")), name, text)


def _file(where: Path, name: str, text: str) -> Path:
    where.mkdir(parents=True, exist_ok=True)
    path = where / f"{name}.py"
    if not path.exists():
        handle, draft = tempfile.mkstemp(dir=where, suffix=".draft")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(draft, path)  # whole, also for who reads it at the same time
    return path


@contextmanager
def announced(title: str, lines: int) -> Iterator[None]:
    """A line on a terminal while something is compiled, with how long it took."""
    shown = sys.stderr is not None and sys.stderr.isatty()
    begun = time.perf_counter()
    if shown:
        print(f"compiling {title}, {lines} lines ... ", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        if shown:
            print(f"{time.perf_counter() - begun:.1f} s", file=sys.stderr, flush=True)


def compiled(text: str, name: str, signature: Any, title: str) -> Callable[..., Any]:
    """A function of a text for arguments of these types, from the disk if it is there."""
    from numba import njit

    with announced(title, text.count("\n")):
        function = getattr(module(text), name)
        return njit(signature, error_model="numpy", cache=True)(function)
