"""Sweeping: every combination once, the same whatever the number of processes, losses included."""

import json
import math

import numpy as np
import pytest

import tinygrad_neuron as tn
from tinygrad_neuron import MLP, cli
from tinygrad_neuron.errors import UnsupportedError
from tinygrad_neuron.fitting import History
from tinygrad_neuron.sweeping import Run, Sweep, label, sweep
from tinygrad_neuron.tables import sweep_table

X = np.linspace(-1.0, 1.0, 40)[:, None]
TABLE = {"x": X[:, 0], "y": X[:, 0] ** 2}


def train(alpha, hidden=4, seed=0):
    """A short training, lost where alpha is enormous."""
    return tn.fit(
        MLP(1, [hidden, 1], rng=seed), (X, X[:, 0] ** 2), alpha=alpha, epochs=12, seed=seed,
        optimizer="gradient_descent",
    )  # fmt: skip


SETTINGS = {"alpha": [0.1, 1e30, 0.001], "seed": [0, 1]}


def test_the_number_of_processes_changes_nothing():
    """One, two or three: the same settings in the same order, the same numbers to the last bit."""
    alone, two = (sweep(train, SETTINGS, workers=n).to_dict() for n in (1, 2))
    for run in (*alone["runs"], *two["runs"]):  # a message names the line that called
        run["failure"] = bool(run["failure"])
    assert alone == two


def test_every_combination_has_its_run():
    """In the order of the settings, each what the training alone gives."""
    found = sweep(train, {"alpha": [0.1, 0.01], "hidden": [2, 3]})
    assert [tuple(run.settings.values()) for run in found.runs] == [
        (0.1, 2), (0.1, 3), (0.01, 2), (0.01, 3),
    ]  # fmt: skip
    assert found.runs[2].history == train(0.01, 2)
    assert found.best.score == min(min(run.history.losses) for run in found.runs)


def test_a_run_that_is_lost_is_told():
    """It has the score inf and the reason, and the others go on."""
    found = sweep(train, {"alpha": [1e30, 0.1]})
    lost, kept = found.runs
    assert lost.score == math.inf and "smaller alpha" in lost.failure
    assert found.best is kept and found.succeeded and not found.interrupted
    assert "lost" in found.table().splitlines()[1]
    assert found.to_dict()["runs"][0]["score"] is None
    assert not sweep(train, {"alpha": [1e30]}).succeeded


def test_what_cannot_be_sent_is_refused():
    """A lambda has no name to be imported by."""
    with pytest.raises(UnsupportedError, match="top of a module"):
        sweep(lambda alpha: train(alpha), {"alpha": [0.1]}, workers=2)


def test_an_interruption_keeps_what_is_done():
    """Ctrl-C between two runs, or in one of them."""

    def until(alpha):
        if alpha == 2:
            raise KeyboardInterrupt
        return train(0.1)

    found = sweep(until, {"alpha": [1, 2, 3]})
    assert len(found.runs) == 1 and found.interrupted
    with pytest.raises(KeyboardInterrupt):
        sweep(until, {"alpha": [2]})
    stopped = History({"epoch": [1.0], "update": [1.0], "loss": [1.0]}, "interrupted")
    assert len(sweep(lambda alpha: stopped, {"alpha": [1, 2]}).runs) == 1


def test_the_table_shows_what_was_set():
    """Settings as they are typed, the best marked, bars as long as scores."""
    history = History({"epoch": [1.0], "update": [1.0], "loss": [4.0]}, "budget")
    runs = (
        Run({"hidden": (16, 16), "loss": "mse"}, history, 4.0),
        Run({"hidden": (), "loss": "mse"}, history, 1.0),
    )
    _, first, second = Sweep(runs, 2).table().splitlines()
    assert first.split() == ["16x16", "mse", "1", "4", "4", "#" * 20]
    assert second.split() == ["0", "mse", "1", "4", "1", "#" * 5, "best"]
    assert label(runs[0].settings) == "hidden 16x16, loss mse"


def test_a_table_is_swept_over_anything_that_train_takes():
    """Losses are compared by how wrong the predictions are."""
    found = sweep_table(TABLE, "y", {"loss": ["mse", "huber"], "hidden": [(), (8,)]}, epochs=5)
    assert len(found.runs) == 4
    alone = tn.tables.train(TABLE, "y", loss="huber", hidden=(8,), epochs=5)
    assert found.runs[3].score == alone.quality["root_mean_square_error"]


def test_the_command(tmp_path, capsys):
    """A table and settings on a line; the best at the end; the same as JSON."""
    path = tmp_path / "curve.csv"
    np.savetxt(
        path, np.column_stack(list(TABLE.values())), delimiter=",", header="x,y", comments=""
    )
    typed = f"sweep {path} --target y --alpha 0.03 0.003 --hidden 4 4x4 --epochs 5 --workers 1"
    assert cli.main(typed.split()) == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in out[2:6]] == [
        ["0.03", "4"], ["0.03", "4x4"], ["0.003", "4"], ["0.003", "4x4"],
    ]  # fmt: skip
    assert out[6].startswith("Best: alpha 0.0")
    assert cli.main([*typed.split(), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["runs"]) == 4 and told["best"]["hidden"] in ([4], [4, 4])


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("sweep --hidden 4", "--hidden belongs to learning from a table"),
        ("sweep data.csv --w0 1 2", "--w0 belongs to learning an equation"),
        ("sweep --seed 1 2", "one start"),
        ("sweep data.csv --hidden 4y4", "no network"),
    ],
)
def test_what_does_not_go_together(typed, word, capsys):
    """What belongs to an equation and what to a table."""
    assert cli.main(typed.split()) == 2
    assert word in capsys.readouterr().err
