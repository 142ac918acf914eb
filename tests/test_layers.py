"""Imports point down: who may import whom, stated as data and read from the source."""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

PACKAGE = "tinygrad_neuron"
ROOT = Path(__file__).parents[1]

# from the bottom to the top; a module imports only from layers below its own,
# and inside a folder (ops, lesson) from its neighbours as long as no circle closes
LAYERS = (
    {"errors"},
    {"arrays", "containers", "literals", "modes", "showing", "text"},
    {"graph"},
    {"ops", "floats"},
    {"fft", "linalg", "checkpointing", "hooks"},
    {"backward", "doors", "numpy_functions"},
    {"value"},
    {"batching", "inspection", "nonfinite"},
    {"transforms"},
    {"blocks", "check", "program"},
    {"cluster", "handwritten", "nn", "losses", "optim"},
    {"course", "micrograd", "saving"},
    {"train"},
    {"fitting"},
    {"sweeping"},
    {"estimators"},
    {"lesson"},
    {"tables"},
    {"diagnosis", "expressions"},
    {"views"},
    {"commands"},
    {"cli"},
    {"__main__", "__init__"},
)
HEIGHT = {name: height for height, layer in enumerate(LAYERS) for name in layer}

# what a person may lack: imported where it is used, so that its absence can be explained
OPTIONAL = {
    "anywidget",
    "dask",
    "distributed",
    "hypothesis",
    "llvmlite",
    "matplotlib",
    "numba",
    "pygraphviz",
    "rich",
    "scipy",
    "sklearn",
    "tqdm",
    "traitlets",
}

# what only an error or a rare call needs, and importing the package would show
LATE = {
    "arrays": {"copy", "threading"},
    "containers": {"dataclasses"},
    "nn.module": {"json"},
    "numpy_functions": {"difflib"},
}

Sources = dict[str, str]


def sources() -> Sources:
    """The text of every module of the package by its dotted name."""
    files = (ROOT / PACKAGE).rglob("*.py")
    return {dotted(file.relative_to(ROOT)): file.read_text() for file in files}


def dotted(file: Path) -> str:
    """The name a file is imported by."""
    return ".".join(file.with_suffix("").parts).removesuffix(".__init__")


def chapter(module: str) -> str:
    """The part of the package a module belongs to: its file, or its folder."""
    return [*module.split("."), "__init__"][1]


def imports(module: str, known: Sources) -> set[str]:
    """Every module named by an import statement, wherever in the file it stands."""
    nodes = ast.walk(ast.parse(known[module]))
    return {name for node in nodes for name in named(node, module, known)}


def named(node: ast.AST, module: str, known: Iterable[str]) -> Iterator[str]:
    """The modules one statement imports, by absolute names."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        source = resolve_name("." * node.level + (node.module or ""), home(module, known))
        members = [f"{source}.{alias.name}" for alias in node.names]
        yield from (member if member in known else source for member in members)


def home(module: str, known: Iterable[str]) -> str:
    """The package a relative import in this module starts from."""
    is_package = module == PACKAGE or any(name.startswith(f"{module}.") for name in known)
    return module if is_package else module.rpartition(".")[0]


def own_imports(known: Sources) -> dict[str, set[str]]:
    """Which modules of the package each of them imports."""
    return {module: imports(module, known) & known.keys() for module in known}


def upward(known: Sources) -> list[str]:
    """The imports that do not point down."""
    return [
        f"{module} imports {target}"
        for module, targets in own_imports(known).items()
        for target in targets
        if chapter(target) != chapter(module) and not below(target, module)
    ]


def below(target: str, module: str) -> bool:
    """Whether a target stands in a lower layer."""
    return HEIGHT[chapter(target)] < HEIGHT[chapter(module)]


def circle(known: Sources) -> list[str]:
    """One circle of imports, or nothing."""
    try:
        TopologicalSorter(own_imports(known)).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def hidden(known: Sources) -> list[str]:
    """The imports inside functions that neither a missing extra nor the time they take excuses."""
    return [
        f"{module} imports {name} inside {function.name}"
        for module, text in known.items()
        for function in ast.walk(ast.parse(text))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        for name in named(node, module, known)
        if name.partition(".")[0] not in OPTIONAL
        and name not in LATE.get(module.removeprefix(f"{PACKAGE}."), ())
    ]


def foreign(known: Sources) -> set[str]:
    """What the package imports that Python, NumPy and the package itself do not provide."""
    roots = {name.partition(".")[0] for module in known for name in imports(module, known)}
    return roots - sys.stdlib_module_names - {"numpy", PACKAGE}


def planted(module: str, line: str) -> Sources:
    """The package with one more line in one module."""
    known = sources()
    return known | {f"{PACKAGE}.{module}": known[f"{PACKAGE}.{module}"] + f"\n{line}\n"}


def in_a_fresh_interpreter(code: str) -> str:
    """What a program prints that starts with nothing imported."""
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_every_module_has_its_layer():
    """A new module says where it stands before anything imports it."""
    assert {chapter(module) for module in sources()} <= HEIGHT.keys()


def test_imports_point_down():
    """No module knows of one above it."""
    assert upward(sources()) == []


def test_imports_close_no_circle():
    """Every module can be read with only earlier ones in mind."""
    assert circle(sources()) == []


def test_imports_stand_at_the_top():
    """Only an optional extra is imported inside a function, and what is stated to be late."""
    assert hidden(sources()) == []


def test_nothing_foreign_but_numpy_and_the_stated_extras():
    """Whatever else is imported anywhere is on the list of what a person may lack."""
    assert foreign(sources()) <= OPTIONAL


@pytest.mark.parametrize(
    ("check", "module", "line"),
    [
        (upward, "graph", f"from {PACKAGE}.value import Value"),
        (upward, "graph", "from .value import Value"),
        (upward, "graph", "from . import value"),
        (upward, "ops.shape", "from ..backward import backward"),
        (upward, "losses.mechanism", "def late():\n    from .. import nn"),
        (circle, "errors", "from . import graph"),
        (hidden, "graph", "def late():\n    from .errors import NotScalarError"),
        (hidden, "graph", "def late():\n    import json"),
        (foreign, "graph", "import sympy.core"),
    ],
)
def test_a_planted_import_is_caught(check, module, line):
    """Each check fails the import it is there to refuse."""
    assert check(planted(module, line)) != check(sources())


def test_importing_brings_numpy_and_nothing_else():
    """No extra is loaded until it is used, however many are installed."""
    new = in_a_fresh_interpreter(
        "import sys, numpy, numpy.fft, numpy.random\n"
        "before = set(sys.modules)\n"
        f"import {PACKAGE}\n"
        "after = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(after - sys.stdlib_module_names))\n"
    )
    assert new.split() == [PACKAGE]


def test_importing_changes_nothing():
    """It prints nothing, draws no random number, and leaves every switch of NumPy as it was."""
    printed = in_a_fresh_interpreter(
        "import numpy, random, warnings\n"
        "def switches():\n"
        "    numbers = str(numpy.random.get_state()), random.getstate()\n"
        "    return *numbers, numpy.geterr(), numpy.get_printoptions(), list(warnings.filters)\n"
        "before = switches()\n"
        f"import {PACKAGE}\n"
        "assert switches() == before\n"
    )
    assert printed == ""


def test_what_not_everybody_uses_is_imported_when_it_is_asked_for():
    """Checks, losses, networks, programs and NumPy's random numbers wait for who wants them."""
    script = (
        "import sys, tinygrad_neuron as tn\n"
        "late = {f'tinygrad_neuron.{x}' for x in ('check', 'losses', 'nn', 'optim')}\n"
        "late |= {'tinygrad_neuron.program', 'numpy.random'}\n"
        "assert not late & sys.modules.keys(), late & sys.modules.keys()\n"
        "assert {'check', 'losses', 'check_grad', 'primitive'} <= set(dir(tn))\n"
        "assert tn.check_grad(lambda x: x * x, 3.0)\n"
        "assert tn.losses.mse(tn.Value(2.0), 2.0).item() == 0.0\n"
        "assert tn.elementwise is tn.check.elementwise and not hasattr(tn, 'anything_else')\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
