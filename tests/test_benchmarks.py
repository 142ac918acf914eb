"""The benchmark's work is what it says it is, and a wrong gradient is never timed."""

import importlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tinygrad_neuron import losses


@contextmanager
def benchmark(name: str) -> Iterator[ModuleType]:
    """A benchmark as a module, with what it changes for its entrants put back afterwards."""
    folder = str(Path(__file__).parents[1] / "benchmarks")
    environment, limit = dict(os.environ), sys.getrecursionlimit()
    sys.path.insert(0, folder)
    yield importlib.import_module(name)
    sys.path.remove(folder)
    sys.setrecursionlimit(limit)
    os.environ.clear()
    os.environ.update(environment)


@pytest.fixture(scope="module")
def scalar() -> Iterator[ModuleType]:
    """Expressions of single numbers."""
    with benchmark("scalar") as module:
        yield module


@pytest.fixture(scope="module")
def memory() -> Iterator[ModuleType]:
    """Peak memory."""
    with benchmark("memory") as module:
        yield module


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


@pytest.fixture(scope="module")
def checkers() -> Iterator[ModuleType]:
    """The trial of gradient checkers."""
    with benchmark("checkers") as module:
        yield module


@pytest.mark.parametrize("name", ["tinygrad_neuron", "fixed step, as Chainer"])
def test_a_checker_is_shown_what_is_wrong_and_what_is_right(
    checkers: ModuleType, name: str
) -> None:
    """It objects to a wrong sign, and at second order to a detached rule, and to nothing right."""
    check, sine = checkers.CHECKERS[name][1], checkers.tn.ops.sin
    call = checkers.Call(sine, (checkers.np.array([0.3, -1.5]),))
    score = checkers.Score()
    for family, order in (("wrong sign", 1), ("detached", 2)):
        spoilt = checkers.Call(checkers.mutant(sine, 0, family).primitive, call.inputs)
        assert checkers.objects(check, spoilt, order, score)
    assert not checkers.objects(check, call, 1, score)
    assert not checkers.objects(check, call, 2, score)
    assert score.checks == 4 and score.evaluations >= 6


def test_every_checker_that_is_installed_takes_part(checkers: ModuleType) -> None:
    """Ours and the fixed step need no package; the table has a row for each."""
    names = checkers.installed()
    assert {"tinygrad_neuron", "fixed step, as Chainer"} <= names.keys()
    score = checkers.Score(
        {1: 3, 2: 1}, {1: ["one"], 2: []}, dict.fromkeys(checkers.KINDS, 0), 4, 20
    )
    rows = list(checkers.table(dict.fromkeys(names, score), 1))
    assert len(rows) == 2 + len(names)
    assert "75.0 % (3 of 4) | 100.0 % (1 of 1)" in rows[-1]


def test_ctc_is_timed_in_both_precisions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours in float32 has the gradient of float64, or nothing would be timed."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    import ctc

    monkeypatch.setattr("harness.STEPS", 1)
    monkeypatch.setattr(ctc, "ENTRANTS", {ctc.OURS: ctc.ours})
    for precision in ctc.TOLERANCE:
        assert list(ctc.measure(precision, ctc.CLOCKS["CPU"], rounds=1)) == [ctc.OURS]


def test_the_table_of_other_libraries_has_a_reason_for_every_difference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A difference without a reason is found, and a reason without a difference."""
    root = Path(__file__).parents[1]
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    import parity

    table = json.loads((root / "docs" / "parity.json").read_text())
    assert len(table["rows"]) > 60
    assert {row["library"] for row in table["rows"]} == set(parity.LIBRARIES)
    assert parity.unexplained(table["rows"]) == []
    row = table["rows"][0]
    assert parity.unexplained([row | {"apart": 1e-5}, row | {"differs": "nothing"}, row]) != []
    assert len(parity.unexplained([row | {"apart": 1e-5}, row | {"differs": "x"}])) == 2


def test_our_side_of_the_table_is_as_it_was() -> None:
    """The values that were compared are those of today."""
    root = Path(__file__).parents[1]
    rows = json.loads((root / "docs" / "parity.json").read_text())["rows"]
    for row in rows:
        assert losses.get(row["ours"]).__name__ == row["ours"]
        assert row["apart"] > 1e-6 or row["value"] == pytest.approx(row["theirs"], rel=1e-6)


# ---- trainings by programs ----


def test_a_training_that_leads_elsewhere_is_not_timed():
    """Weights with programs and without are compared, and what differs is told by name."""
    with benchmark("fitting") as module:
        case = module.cases()[0]
        without, within, ratio, history = module.compared(case, 200, 1)
        assert without > 0.0 and within > 0.0 and ratio > 0.0 and history.compiled == 200
        ours, theirs = case.model(), case.model()
        module.check(ours, theirs)
        ours.w.data[0] += 1e-6
        with pytest.raises(SystemExit, match="w is off by"):
            module.check(ours, theirs)
