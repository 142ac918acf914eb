"""The benchmark's work is what it says it is, and a wrong gradient is never timed."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="module")
def transforms() -> Iterator[ModuleType]:
    """The benchmark of Jacobians and Hessians as a module."""
    folder = str(Path(__file__).parents[1] / "benchmarks")
    sys.path.insert(0, folder)
    import transforms

    yield transforms
    sys.path.remove(folder)


@pytest.fixture(scope="module")
def scalar() -> Iterator[ModuleType]:
    """The benchmark as a module, with what its entrants change put back afterwards."""
    folder, limit = str(Path(__file__).parents[1] / "benchmarks"), sys.getrecursionlimit()
    sys.path.insert(0, folder)
    import scalar

    yield scalar
    sys.path.remove(folder)
    sys.setrecursionlimit(limit)


@pytest.fixture(scope="module")
def memory() -> Iterator[ModuleType]:
    """The benchmark of memory as a module."""
    folder = str(Path(__file__).parents[1] / "benchmarks")
    sys.path.insert(0, folder)
    import memory

    yield memory
    sys.path.remove(folder)


@pytest.fixture(scope="module")
def eager() -> Iterator[ModuleType]:
    """The benchmark of steps on arrays as a module."""
    folder, environment = str(Path(__file__).parents[1] / "benchmarks"), dict(os.environ)
    sys.path.insert(0, folder)
    import eager

    yield eager
    sys.path.remove(folder)
    os.environ.clear()
    os.environ.update(environment)


WORKLOADS = ["mixed", "chain", "wide", "neuron"]


def workload(scalar: ModuleType, name: str) -> Any:
    return next(w for w in scalar.WORKLOADS if w.name == name)


@dataclass
class Counted:
    """A number that counts the operators it goes through."""

    number: float
    tally: list[str] = field(default_factory=list)

    def _counting(self, *_: Any) -> "Counted":
        self.tally.append("one")
        return self

    __add__ = __radd__ = __sub__ = __mul__ = __rmul__ = __truediv__ = __pow__ = _counting


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_has_the_operations_it_states(scalar: ModuleType, name: str) -> None:
    """Counting each operator and each relu gives the number the costs are divided by."""
    work, tally = workload(scalar, name), []
    leaves = [Counted(x, tally) for x in work.point]
    work.expression(leaves, Counted._counting)
    assert len(tally) == work.operations


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_installed_library_gives_the_complex_step_derivative(
    scalar: ModuleType, name: str
) -> None:
    """Ours always, the others where they are: 1e-9 of the largest entry."""
    work = workload(scalar, name)
    entered = scalar.contenders(work)
    assert entered[0].name == scalar.OURS
    scalar.compare(entered, scalar.complex_step(work))


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_complex_step_derivative_is_the_slope(scalar: ModuleType, name: str) -> None:
    """Along one direction it agrees with a central difference of the same expression in floats."""
    work, h = workload(scalar, name), 1e-6

    def at(t: float) -> float:
        point = [x + t * (-1) ** i for i, x in enumerate(work.point)]
        return float(work.expression(point, lambda x: max(x, 0.0)))

    slope = sum(g * (-1) ** i for i, g in enumerate(scalar.complex_step(work)))
    assert (at(h) - at(-h)) / (2 * h) == pytest.approx(slope, rel=1e-6)


def test_a_wrong_gradient_stops_the_benchmark(scalar: ModuleType) -> None:
    """One part in a million, or a nan, and nothing is timed."""
    for wrong in (1.0 + 1e-6, float("nan")):
        entrant = scalar.Contender("wrong", lambda wrong=wrong: [2.0, wrong], {})
        with pytest.raises(SystemExit, match="another gradient"):
            scalar.compare([entrant], [2.0, 1.0])


def test_the_table_has_every_phase_and_the_ratio(scalar: ModuleType) -> None:
    """Medians per operation in microseconds; a phase that cannot be split stays empty."""
    times = {
        scalar.OURS: {"forward": 1e-6, "backward": 2e-6, scalar.TOGETHER: 3e-6},
        "other": {scalar.TOGETHER: 9e-6},
    }
    lines = scalar.table(times, scalar.PHASES, scalar.OURS, "µs", 1e-6).splitlines()
    assert lines[2:] == [
        f"| {scalar.OURS} | 1.00 | 2.00 | 3.00 | 1.0 |",
        "| other |  |  | 9.00 | 3.0 |",
    ]


def test_a_round_measures_every_phase_of_every_contender(
    scalar: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One step each: forward, backward and together come back for both front doors."""
    monkeypatch.setattr("harness.STEPS", 1)
    monkeypatch.setattr(scalar, "ENTRANTS", {scalar.OURS: scalar.ours})
    times = scalar.measure(workload(scalar, "neuron"), rounds=1)
    assert set(scalar.PHASES) < set(times[scalar.OURS])
    assert all(seconds >= 0 for phases in times.values() for seconds in phases.values())


@pytest.mark.parametrize("name", ["jacobian", "hessian", "hvp"])
def test_jacobians_and_hessians_are_the_formula(
    transforms: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Ours is what is written out by hand, and one step of it can be timed."""
    monkeypatch.setattr("harness.STEPS", 1)
    monkeypatch.setattr(transforms, "ENTRANTS", {transforms.OURS: transforms.ours})
    work = workload(transforms, name)
    assert set(transforms.measure(work, rounds=1)[transforms.OURS]) == {"answer", "together"}


@pytest.mark.parametrize("k", [1, 2, 10, 33])
def test_every_way_through_a_chain_has_k_operations(
    memory: ModuleType, monkeypatch: pytest.MonkeyPatch, k: int
) -> None:
    """Plain, in segments and in halves: with a step that adds 1, each comes to k."""
    monkeypatch.setattr(memory, "step", lambda x: x + 1)
    assert [way(k)(0) for way in memory.WAYS.values()] == [k] * 3


def test_a_chain_in_segments_needs_less_memory(memory: ModuleType) -> None:
    """100 operations on 10,000 numbers, gradients compared: each way needs less than the last."""
    peaks = list(memory.measure(100, 10_000).values())
    assert peaks[0].arrays > 100 > 2 * peaks[1].arrays
    assert peaks[1].bytes > peaks[2].bytes
    assert memory.table({(100, 10_000): memory.measure(100, 10_000)}).count("MB") == 3


def test_a_wrong_gradient_is_not_measured(
    memory: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One operation less is another chain."""
    monkeypatch.setitem(memory.WAYS, "shorter", lambda k: memory.plain(k - 1))
    with pytest.raises(SystemExit, match="shorter"):
        memory.measure(10, 100)


EAGER = {
    "network": lambda eager: eager.a_network("network", 5, (3, 4, 4, 2)),
    "elementwise": lambda eager: eager.an_elementwise("elementwise", 6),
    "neuron": lambda eager: eager.a_neuron("neuron", 4, 2),
}


@pytest.mark.parametrize("name", EAGER)
def test_a_step_by_hand_is_the_slope_of_the_loss(eager: ModuleType, name: str) -> None:
    """What everybody is compared with agrees with central differences of the plain loss."""
    work, h = EAGER[name](eager), 1e-6

    def at(i: int, step: Any) -> float:
        parameters = [p + step if k == i else p for k, p in enumerate(work.parameters)]
        return float(work.loss(np, parameters, work.data))

    value, gradients = work.by_hand(work.parameters, work.data)
    assert value == pytest.approx(at(0, 0.0), rel=1e-12)
    for i, (p, g) in enumerate(zip(work.parameters, gradients, strict=True)):
        for k in np.ndindex(p.shape):
            nudge = np.zeros(p.shape)
            nudge[k] = h
            slope = (at(i, nudge) - at(i, -nudge)) / (2 * h)
            assert g[k] == pytest.approx(slope, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", EAGER)
def test_every_installed_library_takes_the_step_by_hand(eager: ModuleType, name: str) -> None:
    """Gradients agree to 1e-9, and one step of each can be timed."""
    times = eager.measure(EAGER[name](eager), rounds=1)
    assert {eager.BY_HAND, "tinygrad_neuron", "tinygrad_neuron, value_and_grad"} <= set(times)
