"""What `import tinygrad_neuron` brings, and that all the rest comes when it is asked for."""

import ast
import copy
import importlib.util
import inspect
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_neuron as tn
from tinygrad_neuron import Value, ops
from tinygrad_neuron.doors import Method
from tinygrad_neuron.numpy_functions import answer

# what a neuron and its gradient are made of
AT_ONCE = {
    *("arrays", "backward", "checkpointing", "containers", "doors", "errors", "floats"),
    *("graph", "hooks", "modes", "numpy_functions", "ops", "ops.elementwise", "ops.indexing"),
    *("ops.linalg", "ops.parts", "ops.reductions", "ops.shape", "ops.softmax", "showing"),
    "value",
}
# what NumPy does not bring along, and a neuron can do without
NOT_AT_ONCE = {
    *("argparse", "asyncio", "copy", "csv", "dataclasses", "difflib", "fractions", "hashlib"),
    *("json", "logging", "numpy.fft", "numpy.polynomial", "numpy.random", "random", "statistics"),
    *("subprocess", "tempfile", "threading", "traceback", "unittest"),
}
CHECKING = "TYPE_CHECKING"


def loaded_by(code):
    """The modules that a program loads in a fresh interpreter, besides what NumPy has loaded."""
    script = (
        "import sys, numpy\n"
        "before = set(sys.modules)\n"
        f"{code}\n"
        "print(*sorted(sys.modules.keys() - before))\n"
    )
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def of_the_package(modules):
    """Those of the package, without its name."""
    return {name.partition(".")[2] for name in modules if name.startswith("tinygrad_neuron.")}


def seen_by_type_checkers(module):
    """The names under `if TYPE_CHECKING`, each with the module it is imported from."""
    tree = ast.parse(Path(module.__file__).read_text())
    (block,) = (x for x in tree.body if isinstance(x, ast.If) and ast.unparse(x.test) == CHECKING)
    imports = [x for x in block.body if isinstance(x, ast.ImportFrom)]
    return {alias.name: x.module for x in imports for alias in x.names}


def test_importing_brings_what_a_neuron_is_made_of():
    """A module more here is a millisecond for everybody: it has to be worth it."""
    new = loaded_by("import tinygrad_neuron")
    assert of_the_package(new) == AT_ONCE
    assert not new & NOT_AT_ONCE


@pytest.mark.parametrize(
    ("code", "more"),
    [
        ("(w @ w).backward()", set()),
        ("tn.grad(lambda w: (tn.sigmoid(w @ w) - 1.0) ** 2)(w)", {"batching", "transforms"}),
        ("np.mean(np.exp(w[:1]) * [2.0])", set()),
        ("tn.einsum", {"ops.contractions"}),
        ("np.isfinite(w)", {"ops.steps"}),
        ("w.sort if hasattr(w, 'sort') else None", set()),
        ("tn.linalg.inv", {"linalg", "ops.decompositions", "ops.measures"}),
    ],
)
def test_what_is_used_brings_what_it_needs(code, more):
    """And nothing else of the package."""
    setup = "import tinygrad_neuron as tn\nimport numpy as np\nw = tn.Value(2.0 * np.ones(1))\n"
    assert of_the_package(loaded_by(f"{setup}{code}")) == AT_ONCE | more


def test_a_late_operation_is_where_type_checkers_see_it():
    """The table by which a program finds it says the same as the imports."""
    seen = seen_by_type_checkers(ops)
    assert {f"tinygrad_neuron.ops.{theme}" for theme in ops.LATE.values()} == set(seen.values())
    assert {name: f"tinygrad_neuron.ops.{theme}" for name, theme in ops.LATE.items()} == seen
    assert not set(seen.values()) & {f"tinygrad_neuron.{x}" for x in AT_ONCE}


def test_what_is_public_and_late_is_where_type_checkers_see_it():
    """Modules, functions and operations alike: no name is told that is not found."""
    seen = seen_by_type_checkers(tn)
    assert seen.keys() | {"load_ipython_extension"} == tn._WHERE.keys()
    homes = {x: f"tinygrad_neuron.{home}".removesuffix(".") for x, home in tn._WHERE.items()}
    assert homes.items() >= seen.items()
    assert {x for x, home in tn._WHERE.items() if home == "ops"} <= vars(np).keys()


@pytest.mark.parametrize("module", [tn, ops], ids=["tinygrad_neuron", "ops"])
def test_every_name_is_found(module):
    """`dir` tells of all, and each is there; a name that is nowhere is an AttributeError."""
    late = set(tn._WHERE if module is tn else ops.LATE)
    assert late <= set(dir(module))
    assert all(getattr(module, name) is not None for name in dir(module))
    with pytest.raises(AttributeError, match="no attribute 'anything_else'"):
        _ = module.anything_else
    with pytest.raises(ImportError):
        exec(f"from {module.__name__} import anything_else")


def test_no_late_name_is_that_of_a_module():
    """Importing a module makes it an attribute: what has its name would not be asked for."""
    assert not ops.LATE.keys() & set(ops.LATE.values())
    modules = {file.stem for file in Path(tn.__file__).parent.glob("*")}
    assert not {name for name, home in tn._WHERE.items() if home} & modules


def test_the_primitives_are_the_same_whoever_asked_first():
    """In one order, each once, and the ones that the modules have."""
    names = "*(p.name for p in ops.PRIMITIVES)"
    one = run(f"from tinygrad_neuron import ops\nprint({names})")
    other = run(f"from tinygrad_neuron import ops\nops.svd, ops.arctan\nprint({names})")
    assert one == other == " ".join(p.name for p in ops.PRIMITIVES)
    assert len(set(ops.PRIMITIVES)) == len(ops.PRIMITIVES)


def run(code):
    """What a program prints."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_late_operations_are_found_by_threads_at_once():
    """Several ask for the same at the same time: all of them get it, and the same."""
    code = (
        "import tinygrad_neuron as tn\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from threading import Barrier\n"
        "barrier = Barrier(8)\n"
        "def find(i):\n"
        "    barrier.wait()\n"
        "    return tn.median, tn.linalg.svd, tn.ops.PRIMITIVES\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    print(*(len(set(found)) for found in zip(*pool.map(find, range(8)))))\n"
    )
    assert run(code) == "1 1 1"


def test_a_pickle_finds_a_late_operation():
    """A graph written in one program is read in another, which had not loaded its operations."""
    y = np.median(np.arctan(Value([1.0, 2.0, 3.0])))  # slope 1 / (1 + 2 * 2) by the second
    code = (
        "import pickle, tinygrad_neuron as tn\n"
        f"y = pickle.loads({pickle.dumps(y)!r})\n"
        "y.backward()\n"
        "print(y.primitive.name, *tn.history(y)[0].grad.round(12))"
    )
    assert run(code) == f"{y.primitive.name} 0.0 0.2 0.0"
    assert pickle.loads(pickle.dumps(ops.svd)) is ops.svd is copy.copy(ops.svd)


def test_a_late_method_is_the_operation():
    """With its signature and its text, on the class as on a Value, also of a class made of it."""

    class Mine(Value):
        __slots__ = ()

    for name, method in list(vars(Value).items()):
        if isinstance(method, Method):
            assert getattr(Mine, name) is getattr(ops, method.operation) is getattr(Value, name)
    assert inspect.signature(Value.repeat) == inspect.signature(ops.repeat)
    assert Mine([1.0, 2.0]).repeat(2).data.tolist() == [1.0, 1.0, 2.0, 2.0]
    with pytest.raises(AttributeError):
        _ = Value(1.0).anything_else


def test_a_function_that_only_has_a_name_of_numpys_has_no_answer():
    """Answers are found by name; what another library calls `exp` may be something else."""

    def exp(x):
        return x

    def isin(x):
        return x

    exp.__module__ = isin.__module__ = "numpy"
    assert answer(exp) is answer(isin) is None
    assert answer(np.exp) is tn.exp


# ------------------------------------------------------------------------------ the benchmark


@pytest.fixture(scope="module")
def benchmark():
    """The benchmark of imports, as a module."""
    file = Path(__file__).parents[1] / "benchmarks" / "imports.py"
    spec = importlib.util.spec_from_file_location("benchmark_of_imports", file)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_the_benchmark_times_the_gradient_it_says(benchmark):
    """Each of our ways gives the gradient by hand; NumPy alone gives none."""
    ours = [c for c in benchmark.CONTENDERS if c.package == "tinygrad_neuron"]
    times = benchmark.measured([benchmark.NUMPY, *ours], 1, "process_time")
    assert [t.keys() for t in times.values()] == [{"import", "ratio"}] + [
        {"import", "gradient", "ratio"}
    ] * len(ours)
    assert benchmark.table(times).count("\n") == 2 + len(ours)


def test_the_benchmark_times_no_wrong_gradient(benchmark):
    """It stops, and names who was wrong."""
    wrong = benchmark.Contender("by hand", "numpy", "import math", "found = [-1.9, -3.8, 1.9]")
    with pytest.raises(SystemExit, match="by hand gives another gradient"):
        benchmark.sample(wrong)
