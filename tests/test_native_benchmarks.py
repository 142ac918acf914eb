"""Our machine code has the gradients that the benchmarks' workloads have by hand."""

import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")
BENCHMARKS = str(Path(__file__).parents[1] / "benchmarks")
sys.path.insert(0, BENCHMARKS)
arrays, measuring, scalars, training = (
    import_module(f"suite.{name}") for name in ("arrays", "measuring", "scalars", "training")
)
sys.path.remove(BENCHMARKS)

SMALL: dict[str, Any] = {
    "expression": scalars.an_expression,
    "neuron": partial(training.a_neuron, rows=7, features=2),
    "elementwise": partial(arrays.an_elementwise, n=9, dtype=np.float64),
}


@pytest.mark.parametrize("name", SMALL)
def test_native_has_the_answer_by_hand(name: str) -> None:
    """Called for each step, and as whole loops."""
    work, line = SMALL[name](name), measuring.Line(name, 1)
    titles = ["ours, native", "ours, native whole loop"]
    entered = measuring.enter(work, line, 120.0, titles)
    assert entered and not [why for why in line.left_out.values() if "Error" in why]
    assert "another gradient" not in line.left_out.values()
