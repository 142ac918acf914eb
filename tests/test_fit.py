"""Fitting: what is computed follows from the seed alone, whatever happens on the way."""

import json
import math
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import tinygrad_neuron as tn
from tinygrad_neuron import MLP, Layer, Neuron, Value, nn, optim
from tinygrad_neuron.errors import (
    CheckpointError,
    LeftGraphError,
    ModelFileError,
    NonFiniteError,
    TrainingDataError,
    UnknownNameError,
)
from tinygrad_neuron.fitting import History
from tinygrad_neuron.fitting.batches import Rows
from tinygrad_neuron.train import descend

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 3))
Y = np.tanh(X @ [1.0, -2.0, 0.5]) + 0.1 * RNG.normal(size=50)


def network():
    """A small network that remembers: running means, and random numbers."""
    return nn.Sequential(
        Layer(3, 6, activation="tanh", rng=0),
        nn.BatchNorm(6),
        nn.Dropout(0.2, rng=1),
        Layer(6, 1, nonlin=False, rng=2),
    )


def bits(model):
    """All that a model has learnt, as bytes."""
    return {name: array.tobytes() for name, array in model.state().items()}


def stop_after(epochs):
    """A callback that presses Ctrl-C."""
    return lambda look: look.epoch == epochs and signal.raise_signal(signal.SIGINT)


# -------------------------------------------------------------------------- what is learnt


def test_a_linear_neuron_finds_least_squares():
    """All rows at once and a plain descent arrive at the closed form."""
    neuron = Neuron(3, nonlin=False, rng=0)
    history = tn.fit(
        neuron, (X, Y), optimizer="gradient_descent", alpha=0.3, batch_size=None, steps=2000
    )
    exact = np.linalg.lstsq(np.column_stack([X, np.ones(50)]), Y, rcond=None)[0]
    assert np.allclose([*neuron.w.data, neuron.b.item()], exact, rtol=0, atol=1e-12)
    assert (history.ending, len(history.losses)) == ("budget", 2000)


def test_it_is_the_loop_that_one_would_write():
    """Batch by batch, the same bits as the four lines."""
    mine, theirs = network(), network()
    tn.fit(mine, (X, Y), alpha=0.02, epochs=3, batch_size=16, seed=7)
    made = network()
    tn.fit(
        made, (X, Y), optimizer=optim.Adam(made.parameters(), 0.02), epochs=3, batch_size=16, seed=7
    )
    assert bits(made) == bits(mine)
    optimiser = optim.Adam(theirs.parameters(), 0.02)
    for epoch in range(3):
        for x, y in Rows(X, Y, 16, 7).batches(epoch):
            with nn.training():
                loss = tn.losses.squared_error(theirs(x), y)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    assert bits(mine) == bits(theirs)


def test_a_function_with_parameters_is_a_model():
    """Any expression learns, if it is said what is to move."""
    w, b = Value(0.0, name="w"), Value(0.0, name="b")
    tn.fit(
        lambda x: w * x + b, (X[:, 0], 3.0 * X[:, 0] - 1.0),
        parameters=[w, b], alpha=0.05, batch_size=None, epochs=500,
    )  # fmt: skip
    assert (w.item(), b.item()) == pytest.approx((3.0, -1.0), abs=1e-4)


def test_only_what_is_named_moves():
    """Fine tuning: the parameters that are not listed keep their bits."""
    model = MLP(3, [4, 1], rng=0)
    before = bits(model)
    tn.fit(model, (X, Y), parameters=model.layers[1].parameters(), epochs=2)
    after = bits(model)
    assert [name for name in before if before[name] != after[name]] == [
        "layers[1].w",
        "layers[1].b",
    ]


def test_float32_stays_float32():
    """Neither the loss nor the step raises the precision."""
    model = MLP(3, [4, 1], rng=0).cast(np.float32)
    tn.fit(model, (X.astype(np.float32), Y.astype(np.float32)), epochs=2)
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", ["adam", "AdamW", "gradient_descent", "rmsprop", "Lion"])
def test_an_optimiser_by_name(name):
    """However it is spelt; the loss falls."""
    history = tn.fit(MLP(3, [8, 1], rng=0), (X, Y), optimizer=name, epochs=20)
    assert history.losses[-1] < history.losses[0]


def test_a_loss_of_ones_own():
    """A function of prediction and target."""
    history = tn.fit(
        MLP(3, [8, 1], rng=0), (X, Y), loss=lambda p, y: np.mean(abs(p - y)), epochs=20
    )
    assert history.losses[-1] < history.losses[0]


def test_a_plateau_is_told_the_losses():
    """alpha falls when the loss does not."""
    seen = []
    tn.fit(
        Neuron(3, rng=0), (X, Y), alpha=optim.Plateau(0.5, patience=1, factor=0.5), epochs=30,
        callbacks=[lambda look: seen.append(look.optimizer.alpha)],
    )  # fmt: skip
    assert seen[0] == 0.5 and seen[-1] < seen[0]


# -------------------------------------------------------------------------------- batches


@given(n=st.integers(1, 40), size=st.integers(1, 50) | st.none(), seed=st.integers(0, 2**40))
def test_every_row_has_its_turn_once_an_epoch(n, size, seed):
    """In an order of each epoch's own, and in batches as equal as they can be."""
    rows = Rows(np.arange(n)[:, None], np.arange(n), size, seed)
    for epoch in (0, 1):
        batches = list(rows.batches(epoch))
        assert len(batches) == len(rows)
        assert sorted(i for _, y in batches for i in y) == list(range(n))
        assert all((x[:, 0] == y).all() for x, y in batches)
        assert max(len(y) for _, y in batches) <= (size or n)
        assert np.ptp([len(y) for _, y in batches]) <= 1


def test_orders_differ():
    """Between epochs, between seeds, and from that of the split."""
    orders = [
        np.concatenate([y for _, y in Rows(np.zeros(99), np.arange(99), 9, seed).batches(epoch)])
        for seed in (0, 1)
        for epoch in (0, 1, 2)
    ]
    assert len({order.tobytes() for order in orders}) == 6


@given(n=st.integers(2, 60), share=st.floats(0.05, 0.95), seed=st.integers(0, 100))
def test_a_split_is_a_partition(n, share, seed):
    """No row is lost, none is in both parts."""
    rows = Rows(np.arange(n)[:, None], np.arange(n), None, seed)
    if not 0 < round(share * n) < n:
        with pytest.raises(TrainingDataError, match="holds back"):
            rows.split(share)
        return
    rest, (_, y) = rows.split(share)
    assert sorted([*rest.y, *y]) == list(range(n))
    assert len(y) == round(share * n)


def test_batches_of_ones_own():
    """Anything that gives them anew in each epoch; what can be used up is refused."""
    batches = [(X[i::5], Y[i::5]) for i in range(5)]
    history = tn.fit(MLP(3, [4, 1], rng=0), batches, epochs=3)
    assert history.columns["update"] == [5, 10, 15]
    with pytest.raises(TrainingDataError, match="used up"):
        tn.fit(MLP(3, [4, 1]), iter(batches))


@pytest.mark.parametrize(
    ("data", "settings_", "word"),
    [
        ((X, Y[:-1]), {}, "(49,)"),
        ((X.T, Y), {}, "x.T"),
        ((X[:0], Y[:0]), {}, "(0, 3)"),
        ([], {}, "empty"),
        (X, {}, "ndarray"),
        ((X, Y), {"batch_size": 0}, "batch_size"),
        ((X, Y), {"validation": 0.001}, "holds back 0"),
        ([(X, Y)], {"validation": 0.2}, "validation"),
    ],
)
def test_data_that_nothing_can_be_learnt_from(data, settings_, word):
    """Refused with the shapes, before anything moves."""
    model = Neuron(3, rng=0)
    before = bits(model)
    with pytest.raises(TrainingDataError) as raised:
        tn.fit(model, data, **settings_)
    assert word in str(raised.value)
    assert bits(model) == before


def test_what_is_asked_for_must_exist():
    """Names, parameters, and a loss with a history."""
    with pytest.raises(UnknownNameError, match="adamm"):
        tn.fit(Neuron(3), (X, Y), optimizer="adamm")
    with pytest.raises(TrainingDataError, match="parameters="):
        tn.fit(lambda x: x, (X, Y))
    with pytest.raises(LeftGraphError, match="not a Value"):
        tn.fit(Neuron(3), (X, Y), loss=lambda p, y: p.data.sum())


# ------------------------------------------------------------------------- when it ends


def test_the_best_weights_come_back():
    """With patience, the model is that of the epoch with the lowest validation loss."""
    seen = {}
    model = MLP(3, [32, 1], rng=0)
    history = tn.fit(
        model, (X, RNG.normal(size=50)), validation=0.3, patience=5, epochs=500, alpha=0.05,
        callbacks=[lambda look: seen.update({look.epoch: bits(look.model)})],
    )  # fmt: skip
    assert history.ending == "no better"
    assert len(history.losses) == history.best + 1 + 5
    assert history.kept == history.best
    assert bits(model) == seen[history.best + 1]
    assert "no better for 5 epochs" in history.verdict
    assert f"weights are those of epoch {history.best + 1}" in history.verdict


def test_the_validation_loss_is_that_of_a_model_which_does_not_train():
    """No dropout, running means; and rows that it has not learnt from."""
    model = network()
    history = tn.fit(model, (X[:40], Y[:40]), validation=(X[40:], Y[40:]), epochs=4)
    expected = tn.losses.squared_error(model(X[40:]), Y[40:]).item()
    assert history.columns["validation"][-1] == expected


def test_steps_end_in_the_middle_of_an_epoch():
    """Its row is the mean so far."""
    history = tn.fit(MLP(3, [4, 1], rng=0), (X, Y), steps=7, batch_size=10)
    assert history.columns["update"] == [5, 7]
    assert history.columns["epoch"] == [1, 2]


def test_a_callback_ends_it():
    """By returning True; all of them have seen the epoch."""
    seen = []
    history = tn.fit(
        Neuron(3, rng=0), (X, Y), callbacks=[lambda look: look.epoch == 3, seen.append]
    )
    assert (history.ending, len(history.losses), seen[-1].epoch) == ("stopped", 3, 3)
    assert math.isnan(seen[-1].validation)


def test_nothing_to_do_is_a_history_too():
    """Of no rows, with a verdict."""
    history = tn.fit(Neuron(3, rng=0), (X, Y), epochs=0)
    assert (history.losses, history.best) == ([], -1)
    assert "not one epoch" in str(history)


# ------------------------------------------------------------------------ when it goes wrong


def test_a_loss_that_is_lost_leaves_good_weights():
    """With an alpha far too large: the weights with which the loss was last a number."""
    model = MLP(3, [8, 1], rng=0)
    with pytest.raises(NonFiniteError) as raised:
        tn.fit(model, (X, Y), optimizer="gradient_descent", alpha=1e4, epochs=50)
    assert all(np.isfinite(p.data).all() for p in model.parameters())
    with np.errstate(all="ignore"):
        assert math.isfinite(tn.losses.squared_error(model(X), Y).item())
    assert "a smaller alpha" in str(raised.value)
    assert raised.value.history.ending == "not finite"


def test_the_reason_is_told():
    """The operation that made the first inf, and its line."""
    w = Value([0.1, 0.1, 0.1], name="w")
    with pytest.raises(NonFiniteError) as raised:
        tn.fit(lambda x: tn.log(x @ w), (X, Y), parameters=[w], loss=lambda p, y: np.mean(p - y))
    assert "test_fit.py" in str(raised.value) and "log" in str(raised.value)
    assert w.data.tolist() == [0.1, 0.1, 0.1]


def test_a_nan_in_the_gradient_is_found_before_it_is_kept():
    """The loss is finite, the slope is not: the step is taken back, and the slope named."""
    w = Value([0.0, 0.0, 0.0], name="w")
    with pytest.raises(NonFiniteError) as raised:
        tn.fit(
            lambda x: tn.sqrt((x @ w) ** 2), (X, Y), parameters=[w], epochs=1, batch_size=None,
            loss=lambda p, y: np.mean((p - y) * np.sign(y)) + tn.sqrt(np.sum(w)),
        )  # fmt: skip
    assert "vertical" in str(raised.value)
    assert w.data.tolist() == [0.0, 0.0, 0.0]


def test_a_row_that_is_nan_is_named():
    """It came in with the data, and the message says so."""
    x = X.copy()
    x[3, 1] = np.nan
    model = Neuron(3, rng=0)
    with pytest.raises(NonFiniteError, match="before anything was computed"):
        tn.fit(model, (x, Y), batch_size=None)
    assert np.isfinite(model.w.data).all()


# ------------------------------------------------------------------------------- Ctrl-C


@pytest.mark.parametrize("where", ["callback", "loss"])
def test_an_interruption_keeps_whole_updates(where):
    """Ctrl-C ends it after the update that is under way: the same bits as that many steps."""
    model, calls = network(), []

    def loss(prediction, target):
        calls.append(1)
        if where == "loss" and len(calls) == 7:
            signal.raise_signal(signal.SIGINT)
        return tn.losses.squared_error(prediction, target)

    callbacks = [stop_after(2)] if where == "callback" else []
    history = tn.fit(model, (X, Y), loss=loss, batch_size=20, callbacks=callbacks)
    assert history.ending == "interrupted"
    assert history.columns["update"][-1] == (6 if where == "callback" else 7)
    twin = network()
    tn.fit(twin, (X, Y), batch_size=20, steps=int(history.columns["update"][-1]))
    assert bits(model) == bits(twin)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("moved", [0, 1, 3])
def test_an_impatient_interruption_takes_the_step_back(tmp_path, moved):
    """In the middle of the optimiser's step: weights and memories are those from before it."""

    class Torn(optim.Adam):
        def move(self, gradient, memory=None):
            calls.append(self.steps)
            if impatient and calls.count(4) == moved + 1:
                raise KeyboardInterrupt
            return super().move(gradient, memory)

    def train(**settings_):
        model = MLP(3, [4, 1], rng=0)
        made = {"optimizer": lambda parameters: Torn(parameters, 0.01), "batch_size": None}
        return tn.fit(model, (X, Y), **made, **settings_), bits(model)

    calls, impatient = [], True
    history, torn = train(checkpoint=tmp_path / "run.npz")
    assert history.ending == "interrupted" and len(history.losses) == 4
    impatient = False
    assert torn == train(steps=4)[1]
    assert train(steps=9, checkpoint=tmp_path / "run.npz")[1] == train(steps=9)[1]


# -------------------------------------------------------------------------- checkpoints


@settings(max_examples=25, deadline=None)
@given(
    first=st.integers(0, 14),
    second=st.integers(0, 14),
    size=st.sampled_from([None, 7, 20]),
    name=st.sampled_from(["adam", "momentum", "lion"]),
    patience=st.sampled_from([None, 2]),
    validation=st.sampled_from([None, 0.2]),
    alpha=st.sampled_from(
        [
            lambda: 0.02,
            lambda: optim.cosine(0.05, steps=20),
            lambda: optim.Plateau(0.05, patience=1),
        ]
    ),
)
def test_a_training_goes_on_bit_for_bit(
    tmp_path_factory, first, second, size, name, patience, validation, alpha
):
    """Stopped twice after any number of updates, it is the training that was never stopped."""
    path = tmp_path_factory.mktemp("training") / "run.npz"
    common = {
        "batch_size": size, "optimizer": name, "patience": patience, "validation": validation,
        "seed": 3, "checkpoint_every": 4,
    }  # fmt: skip
    for steps in (first, max(first, second), 15):
        model = network()
        history = tn.fit(model, (X, Y), steps=steps, checkpoint=path, alpha=alpha(), **common)
    twin = network()
    whole = tn.fit(twin, (X, Y), steps=15, alpha=alpha(), **common)
    assert bits(model) == bits(twin)
    assert history.to_dict() == whole.to_dict()


def test_a_plateau_goes_on_where_it_was(tmp_path):
    """How long it has waited is part of the checkpoint: alpha falls when it would have fallen."""
    alphas = []
    for path, budgets in ((tmp_path / "run.npz", range(1, 13)), (None, (12,))):
        alphas.append([])
        for epochs in budgets:
            tn.fit(
                Neuron(3, rng=0), (X, Y), alpha=optim.Plateau(1.0, patience=1, factor=0.5),
                epochs=epochs, checkpoint=path,
                callbacks=[lambda look: alphas[-1].append(look.optimizer.alpha)],
            )  # fmt: skip
    assert alphas[0] == alphas[1] and len(set(alphas[0])) > 3


KILLED = """
import sys
import numpy as np
import tinygrad_neuron as tn
from tinygrad_neuron.saving import archive

sys.path.insert(0, sys.argv[1])
from test_fit import X, Y, network

written = []
whole = np.lib.format.write_array

def half(member, array, **settings):
    if len(written) == 150:
        print("here", flush=True)
        sys.stdin.read()
    written.append(1)
    whole(member, array, **settings)

np.lib.format.write_array = half
tn.fit(network(), (X, Y), batch_size=20, epochs=10, checkpoint=sys.argv[2], checkpoint_every=1)
"""


def test_killed_in_the_middle_of_a_checkpoint(tmp_path):
    """kill -9 while the file is being written: the next run goes on, to the same bits."""
    path = tmp_path / "run.npz"
    command = [sys.executable, "-c", KILLED, os.path.dirname(__file__), str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout.readline() == "here\n"
        process.kill()
    part = tmp_path / "run.npz.part"
    assert path.exists() and part.exists()
    model, twin, seen = network(), network(), []
    history = tn.fit(
        model, (X, Y), batch_size=20, epochs=10, checkpoint=path, callbacks=[seen.append]
    )
    assert 0 < len(seen) < 10
    whole = tn.fit(twin, (X, Y), batch_size=20, epochs=10)
    assert bits(model) == bits(twin)
    assert history.to_dict() == whole.to_dict()
    assert not part.exists()


def test_a_finished_training_is_not_done_again(tmp_path):
    """The same call again gives the same model and history; more epochs go on from there."""
    path = tmp_path / "run.npz"
    first, again, more, whole = network(), network(), network(), network()
    one = tn.fit(first, (X, Y), epochs=3, checkpoint=path)
    two = tn.fit(again, (X, Y), epochs=3, checkpoint=path)
    assert one.to_dict() == two.to_dict() and bits(first) == bits(again)
    tn.fit(more, (X, Y), epochs=5, checkpoint=path)
    tn.fit(whole, (X, Y), epochs=5)
    assert bits(more) == bits(whole)


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("seed", {"seed": 1}),
        ("batch_size", {"batch_size": 10}),
        ("alpha", {"alpha": 0.1}),
        ("optimizer", {"optimizer": "lion"}),
        ("loss", {"loss": "huber"}),
        ("data", {"data": (X, Y + 1e-12)}),
        ("model", {"model": MLP(3, [5, 1])}),
    ],
)
def test_another_training_does_not_go_on(tmp_path, what, change):
    """What differs is named; nothing moved, and the file is as it was."""
    path = tmp_path / "run.npz"
    call = {"model": MLP(3, [4, 1], rng=0), "data": (X, Y), "epochs": 1, "checkpoint": path}
    tn.fit(**call)
    content = path.read_bytes()
    with pytest.raises(CheckpointError, match=f"another {what}"):
        tn.fit(**call | change)
    assert path.read_bytes() == content


def test_a_checkpoint_that_is_none(tmp_path):
    """A damaged file, or a saved model, is refused and not overwritten."""
    path = tmp_path / "run.npz"
    path.write_bytes(b"something")
    for _ in range(2):
        with pytest.raises(ModelFileError):
            tn.fit(Neuron(3), (X, Y), checkpoint=path)
        tn.save(Neuron(3), path)


def test_no_checkpoint_holds_a_nan(tmp_path):
    """A step that leads to nan is taken back before it is written."""
    path, w = tmp_path / "run.npz", Value([0.0, 0.0, 0.0], name="w")
    with pytest.raises(NonFiniteError):
        tn.fit(
            lambda x: x @ w, (X, Y), parameters=[w], checkpoint=path, checkpoint_every=1,
            loss=lambda p, y: np.mean(p - y) + tn.sqrt(np.sum(w)),
        )  # fmt: skip
    assert not path.exists() and w.data.tolist() == [0.0, 0.0, 0.0]


# ------------------------------------------------------------------------------ what is told


def test_a_history_is_data():
    """Through JSON and back, every number."""
    history = tn.fit(MLP(3, [4, 1], rng=0), (X, Y), epochs=12, validation=0.2)
    assert History.from_dict(json.loads(history.to_json())) == history


def test_a_history_is_a_table_and_a_verdict():
    """Few rows of many, and what happened."""
    history = tn.fit(MLP(3, [4, 1], rng=0), (X, Y), epochs=30)
    lines = str(history).splitlines()
    assert lines[0].split() == ["epoch", "update", "loss"]
    assert [line.split()[0] for line in lines[1:-1]] == ["1", "2", "3", "6", "11", "21", "30"]
    assert lines[-1].startswith("Budget used up after 30 epochs and 60 updates.")


def test_learning_by_heart_is_said():
    """Where the validation loss has risen since."""
    columns = {"epoch": [1, 2, 3], "update": [1, 2, 3], "loss": [3, 2, 1], "validation": [3, 2, 4]}
    assert "by heart" in History(columns, "budget").verdict
    assert "by heart" not in History(columns | {"validation": [3, 2, 1]}, "budget").verdict
    assert "still falling" in History(columns | {"validation": [3, 2, 1]}, "budget").verdict


def test_a_loss_that_rises_is_said():
    """It may have far to go before it is lost."""
    model = MLP(3, [8, 1], rng=0)
    history = tn.fit(model, (X, Y), optimizer="gradient_descent", alpha=3.0, epochs=3)
    assert history.losses[-1] > history.losses[0] and "smaller alpha" in history.verdict


def test_a_descent_is_told_in_the_same_way():
    """One idea of a history: the lesson's, too, is columns, a table, JSON and a verdict."""
    w = Value(0.0)
    history = descend(lambda: (w - 3.0) ** 2, [w], 0.25, 10, done=lambda now, _: now.loss < 1e-3)
    assert history.losses[:2] == [9.0, 2.25]
    assert "converged" in str(history)
    assert json.loads(history.to_json())["columns"]["loss"] == history.losses


def test_a_history_is_drawn():
    """A line for each kind of loss, and one for each run of a sweep."""
    pytest.importorskip("matplotlib")
    history = tn.fit(MLP(3, [4, 1], rng=0), (X, Y), epochs=5, validation=0.2)
    lines = history.plot().axes[0].get_lines()
    drawn = [line.get_ydata().tolist() for line in lines[:2]]
    assert drawn == [list(history.columns[name]) for name in ("loss", "validation")]
    found = tn.sweep(
        lambda alpha: tn.fit(Neuron(3, rng=0), (X, Y), alpha=alpha, epochs=5),
        {"alpha": [0.1, 0.01]},
    )
    assert len(found.plot().axes[0].get_lines()) >= 2
    assert "<table" in history._repr_html_()


def test_a_bar_shows_loss_and_speed(capsys):
    """Where it is asked for; by default nothing is written where nobody looks."""
    tn.fit(Neuron(3, rng=0), (X, Y), epochs=3)
    assert capsys.readouterr().err == ""
    tn.fit(Neuron(3, rng=0), (X, Y), epochs=3, progress=True)
    shown = capsys.readouterr().err
    assert "6/6" in shown or "0/6" in shown
    assert "update/s" in shown


def test_without_tqdm_there_is_silence(monkeypatch, capsys):
    """A bar is a comfort, and its absence no reason to stop."""
    monkeypatch.setitem(sys.modules, "tqdm", None)
    tn.fit(Neuron(3, rng=0), (X, Y), epochs=1, progress=True)
    assert capsys.readouterr().err == ""
