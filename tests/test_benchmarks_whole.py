"""What `benchmarks/whole.py` measures: gradients by hand are slopes, and everybody has them."""

import json
import math
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCHMARKS = str(Path(__file__).parents[1] / "benchmarks")
sys.path.insert(0, BENCHMARKS)
arrays, c, growth, higher, measuring, ours, plotting, rendering, scalars, training, work = (
    import_module(f"suite.{name}")
    for name in (
        *("arrays", "c", "growth", "higher", "measuring", "ours", "plotting", "rendering"),
        *("scalars", "training", "work"),
    )
)
whole = import_module("whole")
sys.path.remove(BENCHMARKS)

SIZES = (3, 4, 4, 2)
SMALL: dict[str, Callable[[str], Any]] = {
    "expression": scalars.an_expression,
    "chain": partial(scalars.a_chain, n=20),
    "uses": partial(scalars.the_uses, n=12),
    "neuron": partial(training.a_neuron, rows=7, features=2),
    "linear neuron": partial(training.a_neuron, rows=7, features=2, is_linear=True),
    "digits": partial(training.the_digits, rows=5, dtype=np.float64, optimiser="sgd", sizes=SIZES),
    "digits, Adam": partial(
        training.the_digits, rows=40, dtype=np.float64, optimiser="adam", sizes=SIZES
    ),
    "digits, float32": partial(
        training.the_digits, rows=5, dtype=np.float32, optimiser="adam", sizes=SIZES
    ),
    "elementwise": partial(arrays.an_elementwise, n=9, dtype=np.float64),
    "elementwise, float32": partial(arrays.an_elementwise, n=9, dtype=np.float32),
    "layers": partial(arrays.the_layers, n=4, dtype=np.float64),
    "reuse": partial(arrays.the_reuse, n=12),
    "mixture": partial(arrays.a_mixture, d=3, k=2, n=5),
    "lstm": partial(arrays.an_lstm, characters=4, h=3),
}
LARGER = {"moons": partial(training.the_moons, of_numbers=False)}
TREES: dict[str, Any] = {name: partial(higher.Higher, of=of) for name, of in higher.NAMES.items()}


@pytest.fixture(autouse=True)
def limit() -> Iterator[None]:
    """micrograd needs a recursion limit of its own, which is put back."""
    before = sys.getrecursionlimit()
    yield
    sys.setrecursionlimit(before)


@pytest.mark.parametrize("name", [*SMALL, *LARGER])
def test_a_gradient_by_hand_is_the_slope(name: str) -> None:
    """Along a random direction it agrees with central differences of the value by hand."""
    one, h = (SMALL | LARGER)[name](name), 1e-6
    rng = np.random.default_rng(1)
    start, data = work.doubled(one.parameters), work.doubled(one.batch(0))
    way = [rng.normal(size=np.shape(x)) for x in start]

    def at(t: float) -> float:
        return float(one.by_hand([x + t * d for x, d in zip(start, way, strict=True)], data)[0])

    slopes = one.by_hand(start, data)[1]
    slope = sum(float(np.sum(g * d)) for g, d in zip(slopes, way, strict=True))
    assert slope == pytest.approx((at(h) - at(-h)) / (2 * h), rel=2e-6)


@pytest.mark.parametrize("name", [*SMALL, *LARGER])
def test_a_value_by_hand_is_the_loss(name: str) -> None:
    """What is written out by hand is the loss that every library is given."""
    one = (SMALL | LARGER)[name](name)
    parameters, data = work.doubled(one.parameters), work.doubled(one.batch(0))
    value = one.by_hand(parameters, data)[0]
    assert float(one.loss(ours.F, parameters, data)) == pytest.approx(float(value), rel=1e-12)


def test_the_expression_by_hand_is_its_complex_step() -> None:
    """The chain rule as it is written out, on NumPy and on floats, against complex steps."""
    at = (0.3, 1.2)
    steps = [[complex(x, 1e-100 * (i == k)) for k, x in enumerate(at)] for i in range(2)]
    slopes = [scalars.expression(np, moved, ()).imag / 1e-100 for moved in steps]
    for f in (np, math):
        assert scalars.expression_by_hand(at, (), f)[1] == pytest.approx(slopes, rel=1e-14)


@pytest.mark.parametrize("name", ["neuron", "linear neuron", "moons"])
def test_a_row_of_numbers_is_the_same_loss(name: str) -> None:
    """The mean over the rows, number by number, is the loss on arrays."""
    made = {**SMALL, "moons": partial(training.the_moons, of_numbers=True)}[name](name)
    tree = ours.nested([x + 0.1 for x in made.parameters], float)
    rows = list(zip(*(x.tolist() for x in made.data), strict=True))
    mean = sum(made.sample(ours.F, tree, *row) for row in rows) / len(rows)
    arrays = made.loss(ours.F, [x + 0.1 for x in made.parameters], made.data)
    assert float(mean) == pytest.approx(float(arrays), rel=1e-12)


@pytest.mark.parametrize("name", [*SMALL, *LARGER, *TREES])
def test_everybody_installed_has_the_answer_by_hand(name: str) -> None:
    """In all our ways, and in theirs: nobody is left out for another gradient, or for failing."""
    one = (SMALL | LARGER | TREES)[name](name)
    limits = measuring.Limits(rounds=1, seconds=1e-4)
    titles = [t for t, (p, _) in measuring.ENTRANTS.items() if p in ("numpy", "tinygrad_neuron")]
    line = measuring.measure(one, limits, titles)
    names = [contender["name"] for contender in line.contenders]
    assert {"ours, recorded", "ours, NumPy, compiled", "NumPy by hand"} <= set(names)
    assert all(contender["seconds"] > 0.0 for contender in line.contenders)
    assert not [why for why in line.left_out.values() if "Error" in why or "gradient" in why]


def a_contender(answer: Any, run: Any = lambda steps: None, **more: Any) -> Any:
    return work.Contender("someone", "someone", answer, run, **more)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")
def test_the_c_leaves_small_numbers_to_others() -> None:
    """Fast mathematics of one library must not make zeros of everybody's subnormal numbers."""
    c.library()
    assert np.array([5e-324]) * 1.0 > 0.0


def test_a_loop_whose_steps_take_nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What more steps take than fewer is noise where the call is dear: no figure is made of it."""
    loop = a_contender(lambda: 0.0, whole=True)
    monkeypatch.setattr(measuring, "enter", lambda *_: [loop])
    monkeypatch.setattr(measuring, "spent", lambda *_: 1.0)
    line = measuring.measure(SMALL["neuron"]("neuron"), measuring.Limits(rounds=1, seconds=1e-4))
    assert not line.contenders
    assert "varies" in line.left_out["someone"]


def test_who_is_wrong_slow_or_broken_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is timed with another gradient, and nobody is left out without a reason."""
    right = measuring.wanted(one := SMALL["elementwise"]("elementwise"))

    def slow(_: Any) -> Iterator[Any]:
        while True:
            time.sleep(0.001)
        yield

    entrants = {
        "right": ("numpy", lambda _: iter([a_contender(lambda: right)])),
        "wrong": ("numpy", lambda _: iter([a_contender(lambda: right * (1.0 + 1e-6))])),
        "nan": ("numpy", lambda _: iter([a_contender(lambda: right * math.nan)])),
        "slow": ("numpy", slow),
        "broken": ("numpy", lambda _: 1 / 0),
        "absent": ("no_such_package", slow),
    }
    monkeypatch.setattr(measuring, "ENTRANTS", entrants)
    line = measuring.Line("x", 1)
    assert len(measuring.enter(one, line, 0.05)) == 1
    assert line.left_out == {
        "someone": "another gradient",
        "slow": "TimeoutError: not ready within 0.05 s",
        "broken": "ZeroDivisionError: division by zero",
        "absent": "no_such_package is not installed",
    }


def test_of_a_whole_loop_the_call_is_not_a_step() -> None:
    """A loop that takes a second to call and a millisecond for each step costs a millisecond."""
    now = [0.0]

    def run(steps: int) -> None:
        now[0] += 1.0 + 1e-3 * steps

    loop = a_contender(lambda: None, run, whole=True)
    turn = measuring.turn_of(loop, measuring.Limits(seconds=0.5), lambda: now[0])
    assert measuring.seconds(loop, turn.steps, lambda: now[0]) == pytest.approx(1e-3)
    assert turn.steps * 1e-3 > 1.0


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_law_is_its_power(power: float) -> None:
    """However much a call costs where sizes are small."""
    points = {10.0**k: 3e-8 * 10.0 ** (k * power) + (1e-3 if k < 4 else 0.0) for k in range(2, 8)}
    assert growth.exponent(points) == pytest.approx(power, rel=1e-9)


def a_line(name: str, threads: int = 1, **seconds: float) -> dict[str, Any]:
    groups = {"hand": "NumPy by hand", "numpy": "ours, NumPy", "native": "ours, native"}
    contenders = [
        {
            "name": groups.get(key, key),
            "group": groups.get(key, key),
            "whole": key == "native",
            "seconds": x,
            "rounds": 3,
        }
        for key, x in seconds.items()
    ]
    return {"name": name, "threads": threads, "contenders": contenders, "left_out": {"C": "why"}}


RESULTS = {
    "machine": "a machine",
    "versions": {"numpy": "2"},
    "date": "2026-01-01",
    "lines": [
        a_line("a step", hand=1e-5, numpy=8e-6, native=2e-6, PyTorch=4e-6),
        a_line("another", hand=2e-3, numpy=1e-3, autograd=5e-4),
        a_line("a step", threads=2, hand=1e-5, numpy=1e-5),
    ],
    "growth": [a_line(f"nodes: {10**k}", numpy=1e-6 * 10**k) for k in (2, 3, 4)],
    "memory": [{"k": 10, "n": 1000, "plain": 80_000}],
    "imports": "imports",
}


def test_results_are_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Multiples of the step by hand, whole loops marked, bold where ours is ahead."""
    (tmp_path / "results.json").write_text(json.dumps(RESULTS))
    whole.main(["--table", str(tmp_path / "results.json")])
    page = capsys.readouterr().out.splitlines()
    assert "| a step | 10 µs | 0.8 | 0.2ʷ | 0.4 |  | PyTorch | **0.5** |" in page
    assert "| another | 2 ms | 0.5 |  |  | 0.25 | autograd | 2 |" in page
    assert "| a step | 10 µs | 1 |  |  |" in page
    assert "| ours, NumPy | 100 µs | 1 ms | 10 ms | 1.00 |" in page
    assert "| 10 | 1,000 | 0.08 MB (10) |" in page


def test_results_are_pictures(tmp_path: Path) -> None:
    """Two of them, as SVG, with every workload's name in the first."""
    pytest.importorskip("matplotlib").use("agg")
    with pytest.MonkeyPatch.context() as patch:
        import matplotlib

        patch.setitem(matplotlib.rcParams, "svg.fonttype", "none")
        whole.draw(RESULTS, tmp_path)
    assert "another" in (tmp_path / "whole.svg").read_text()
    assert "exponent 1.00" in (tmp_path / "growth.svg").read_text()


def test_a_part_is_measured_in_a_process(tmp_path: Path) -> None:
    """The command keeps what it measured, and who was left out."""
    file = tmp_path / "results.json"
    only = ["--only", "Jacobian", "--threads", "1", "--parts", "lines"]
    limits = ["--rounds", "1", "--seconds", "0.001", "--patience", "5"]
    whole.main([*only, *limits, "--json", str(file)])
    (line,) = json.loads(file.read_text())["lines"]
    assert {"ours, recorded", "NumPy by hand"} <= {one["name"] for one in line["contenders"]}


def test_a_workload_that_ends_its_process_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are measured, by processes that begin behind it; where all end, nobody goes on."""

    def output(arguments: list[str], threads: int) -> Iterator[str]:
        for k in range(int(arguments[-1]), 4):
            if k == 2:
                raise subprocess.CalledProcessError(-11, arguments)
            yield json.dumps({"name": str(k)})

    monkeypatch.setattr(whole, "output", output)
    names = [line["name"] for line in whole.lines([])]
    assert names == ["0", "1", "the process ended with -11 in workload 3", "3"]
    monkeypatch.setattr(whole, "output", lambda arguments, threads: output(["2"], threads))
    assert len(list(whole.lines([]))) == whole.MOST
