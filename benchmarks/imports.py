"""How long it takes until a library is imported, and from there to the first gradient of a neuron.

    python benchmarks/imports.py [--rounds 20] [--wall] [--json]

Each time is taken inside a fresh process, around the import and around what follows. In every round
all take turns, beginning with another one. What the first of all imports finds uncompiled is not
counted: a round before the others writes the bytecode.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass

X, W, B, Y = (1.0, 2.0), (0.5, -0.1), 0.25, 1.5  # a neuron, relu(w x + b), and its target
EXPECTED = (-1.9, -3.8, -1.9)  # 2 (0.55 - 1.5) times x1, x2 and 1

Times = dict[str, dict[str, float]]  # what -> "import" or "gradient" -> seconds


@dataclass(frozen=True)
class Contender:
    """A library as it is imported, and the lines that give the gradient by w and b."""

    name: str
    package: str
    imports: str
    gradient: str = ""


NUMPY = Contender("NumPy alone", "numpy", "import numpy as np")
CONTENDERS = (
    NUMPY,
    Contender("NumPy and its random numbers", "numpy", "import numpy as np\nimport numpy.random"),
    Contender(
        "tinygrad_neuron",
        "tinygrad_neuron",
        "import tinygrad_neuron as tn",
        "w, b = tn.Value(W), tn.Value(B)\n"
        "((tn.relu(w @ X + b) - Y) ** 2).backward()\n"
        "found = [*w.grad, b.grad]",
    ),
    Contender(
        "tinygrad_neuron, grad",
        "tinygrad_neuron",
        "import tinygrad_neuron as tn\nimport numpy as np",
        "loss = lambda w, b: (tn.relu(w @ np.array(X) + b) - Y) ** 2\n"
        "w, b = tn.grad(loss, (0, 1))(np.array(W), B)\n"
        "found = [*w.data, b.data]",
    ),
    Contender(
        "tinygrad_neuron, Neuron with random weights",
        "tinygrad_neuron",
        "import tinygrad_neuron as tn",
        "neuron = tn.Neuron(2, rng=0)\n"
        "neuron.w.data, neuron.b.data = W, B\n"
        "((neuron(X) - Y) ** 2).backward()\n"
        "found = [*neuron.w.grad, neuron.b.grad]",
    ),
    Contender(
        "micrograd",
        "micrograd",
        "from micrograd.engine import Value",
        "w, b = [Value(x) for x in W], Value(B)\n"
        "(((w[0] * X[0] + w[1] * X[1] + b).relu() - Y) ** 2).backward()\n"
        "found = [w[0].grad, w[1].grad, b.grad]",
    ),
    Contender(
        "autograd",
        "autograd",
        "import autograd\nimport autograd.numpy as np",
        "loss = lambda w, b: (np.maximum(0.0, np.dot(w, np.array(X)) + b) - Y) ** 2\n"
        "w, b = autograd.grad(loss, (0, 1))(np.array(W), B)\n"
        "found = [*w, b]",
    ),
    Contender(
        "DeZero",
        "dezero",
        # it was written for a NumPy that had this name still
        "import numpy as np\nnp.int = int\nimport dezero\nimport dezero.functions as F",
        "w, b = dezero.Variable(np.array([W])), dezero.Variable(np.array(B))\n"
        "((F.relu(F.sum(w * np.array([X])) + b) - Y) ** 2).backward()\n"
        "found = [*w.grad.data[0], b.grad.data]",
    ),
    Contender(
        "MyGrad",
        "mygrad",
        "import mygrad as mg",
        "w, b = mg.tensor(W), mg.tensor(B)\n"
        "((mg.maximum(w @ mg.tensor(X, constant=True) + b, 0.0) - Y) ** 2).backward()\n"
        "found = [*w.grad, b.grad]",
    ),
    Contender(
        "JAX",
        "jax",
        "import jax\nimport jax.numpy as jnp",
        "jax.config.update('jax_enable_x64', True)\n"
        "loss = lambda w, b: (jax.nn.relu(w @ jnp.array(X) + b) - Y) ** 2\n"
        "w, b = jax.grad(loss, (0, 1))(jnp.array(W), B)\n"
        "found = [*w, b]",
    ),
    Contender(
        "PyTorch",
        "torch",
        "import torch",
        "number = dict(dtype=torch.float64)\n"
        "w = torch.tensor(W, requires_grad=True, **number)\n"
        "b = torch.tensor(B, requires_grad=True, **number)\n"
        "((torch.relu(w @ torch.tensor(X, **number) + b) - Y) ** 2).backward()\n"
        "found = [*w.grad, b.grad]",
    ),
)


def program(contender: Contender, clock: str) -> str:
    """The text of a program that prints both times in seconds, and the gradient."""
    return (
        f"import json\nfrom time import {clock} as clock\n"
        f"X, W, B, Y = {X}, {W}, {B}, {Y}\n"
        f"begun = clock()\n{contender.imports}\nthere = clock()\n"
        f"found = []\n{contender.gradient}\n"
        "done = clock()\n"
        "print(json.dumps([there - begun, done - there, list(map(float, found))]))"
    )


def sample(contender: Contender, clock: str = "process_time") -> dict[str, float]:
    """Seconds for the import and for the gradient, in a process of their own.

    Raises `SystemExit` if the gradient is not the expected one.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", program(contender, clock)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    imported, gradient, found = json.loads(done.stdout)
    if not contender.gradient:
        return {"import": imported}
    gaps = [abs(a - b) for a, b in zip(found, EXPECTED, strict=True)]
    if max(gaps) > 1e-9:
        raise SystemExit(f"{contender.name} gives another gradient: {found}")
    return {"import": imported, "gradient": gradient}


def installed() -> list[Contender]:
    """Those whose library is there."""
    return [c for c in CONTENDERS if importlib.util.find_spec(c.package)]


def measured(contenders: list[Contender], rounds: int, clock: str) -> Times:
    """The median of each time, and of each import's multiple of NumPy's in the same round."""
    taken: dict[str, list[dict[str, float]]] = {c.name: [] for c in contenders}
    for i in range(rounds + 1):
        turn = i % len(contenders)
        for c in [*contenders[turn:], *contenders[:turn]]:
            taken[c.name].append(sample(c, clock))
    for own, numpys in ((own, taken[NUMPY.name]) for own in taken.values()):
        for mine, theirs in zip(own, numpys, strict=True):
            mine["ratio"] = mine["import"] / theirs["import"]
    return {
        name: {phase: statistics.median(s[phase] for s in own[1:]) for phase in own[0]}
        for name, own in taken.items()
    }


def table(times: Times) -> str:
    """The medians as Markdown, in milliseconds."""
    lines = [["ms", "import", "import / NumPy", "first gradient", "together"]]
    lines.append(["---", *["--:"] * (len(lines[0]) - 1)])
    for name, median in times.items():
        imported, gradient = median["import"] * 1e3, median.get("gradient", 0.0) * 1e3
        rest = [f"{gradient:.1f}", f"{imported + gradient:.0f}"] if gradient else ["", ""]
        lines.append([name, f"{imported:.0f}", f"{median['ratio']:.2f}", *rest])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def told(contenders: list[Contender]) -> str:
    """The interpreter and the versions."""
    packages = dict.fromkeys(c.package for c in contenders)
    return f"Python {platform.python_version()}; " + ", ".join(map(version, packages))


def version(package: str) -> str:
    """A package with its version."""
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{package} from source"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=20, help="fresh processes for each")
    parser.add_argument("--wall", action="store_true", help="the clock on the wall, not CPU time")
    parser.add_argument("--json", action="store_true", help="the medians in seconds, as JSON")
    options = parser.parse_args()
    contenders = installed()
    clock = "perf_counter" if options.wall else "process_time"
    times = measured(contenders, options.rounds, clock)
    if options.json:
        print(json.dumps(times, indent=1))
        return
    print(told(contenders))
    print(f"{options.rounds} rounds, medians of {'wall' if options.wall else 'CPU'} time.\n")
    print(table(times))


if __name__ == "__main__":
    main()
