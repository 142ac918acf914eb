"""Two worker processes: the same bits, whoever computes, and also when one of them is killed."""

import os
import signal

import numpy as np
import pytest

import tinygrad_neuron as tn
from tinygrad_neuron import Value, cluster
from tinygrad_neuron.cli import main

da = pytest.importorskip("dask.array", reason="needs the extra `cluster`: dask")
dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed", reason="needs the extra `cluster`: distributed")
pytestmark = pytest.mark.filterwarnings("default")  # of a library with many

ROWS, COLUMNS, PART = 900, 3, 100
START = {"w": np.array([0.3, -0.2, 0.1]), "b": 0.5}


@pytest.fixture(scope="module")
def workers():
    """A client of two workers, each a process of its own; all of them are gone afterwards."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as both,
        distributed.Client(both) as client,
    ):
        yield client


def part(i, flag=""):
    """Partition number i; whoever makes number 4 first, if there is a flag to raise, is killed."""
    if flag and i == 4 and not os.path.exists(flag):
        open(flag, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return np.random.default_rng(i).normal(size=(PART, COLUMNS))


def data(flag=""):
    """Examples and their labels, in partitions that workers make."""
    made = dask.delayed(part, pure=False)
    x = da.concatenate(
        [da.from_delayed(made(i, flag), (PART, COLUMNS), float) for i in range(ROWS // PART)]
    )
    return x, (x @ np.array([1.0, -2.0, 0.5]) > 0.3).astype(float)


def logistic(p, x, y):
    """The mean surprise of a logistic neuron."""
    z = x @ p["w"] + p["b"]
    return tn.mean(tn.softplus(z) - y * z)


def bits(step, *data):
    """A step's value and gradient, to the last bit."""
    value, gradient = step(START, *data)
    return [np.asarray(v._data).tobytes() for v in (value, gradient["w"], gradient["b"])]


def test_workers_give_the_bits_of_one_thread(workers):
    """The sums are added in the partitions' order, wherever they come from."""
    step = cluster.value_and_grad(logistic)
    with dask.config.set(scheduler="synchronous"):
        alone = bits(step, *data())
    assert bits(step, *data()) == alone


def test_a_killed_worker_changes_nothing(workers, tmp_path):
    """What it had not finished is done again by others, to the same bits."""
    flag = str(tmp_path / "killed")
    step = cluster.value_and_grad(logistic)
    with dask.config.set(scheduler="synchronous"):
        alone = bits(step, *data())
    assert bits(step, *data(flag)) == alone
    assert os.path.exists(flag), "nobody was killed"


def test_a_fit_on_workers_survives_a_killed_one(workers, tmp_path):
    """Full-batch descent on two processes, one of them killed, ends where this process ends."""
    weights = []
    for flag in (str(tmp_path / "killed"), ""):
        neuron = tn.Neuron(COLUMNS, nonlin=False, rng=0)
        with dask.config.set(**({} if flag else {"scheduler": "synchronous"})):
            tn.fit(neuron, data(flag), loss="binary_cross_entropy", batch_size=None, epochs=3)
        weights.append(np.array(neuron.w.data))
    np.testing.assert_allclose(*weights, rtol=1e-12)
    assert os.path.exists(tmp_path / "killed")


def test_the_command_learns_on_the_workers(workers, tmp_path, capsys):
    """`train 'part-*.csv' --scheduler tcp://...` finds the weights that it finds without."""
    for k in range(3):
        rows = np.random.default_rng(k).normal(size=(40, 3))
        np.savetxt(tmp_path / f"part-{k}.csv", rows, delimiter=",", header="a,b,y", comments="")
    saved = []
    for more in ([], ["--scheduler", workers.scheduler.address]):
        path = tmp_path / f"model{len(more)}.npz"
        with dask.config.set(**({} if more else {"scheduler": "synchronous"})):
            told = main(
                ["train", str(tmp_path / "part-*.csv"), "--target", "y", "--hidden", "--epochs",
                 "5", "--validation", "0", "--all-rows", "--save", str(path), *more]
            )  # fmt: skip
        assert told == 0
        saved.append(tn.tables.load(path).state())
    assert "120 rows" in capsys.readouterr().out
    for name, theirs in saved[0].items():
        np.testing.assert_allclose(saved[1][name], theirs, rtol=1e-6)


def test_backward_through_dask_runs_on_workers(workers):
    """Recorded expressions, primitives and losses travel: gradients are those of this process."""
    grads = []
    for x, y in (data(), dask.compute(*data())):
        w, b = Value(START["w"]), Value(0.5)
        z = tn.tanh(x @ w) * tn.sigmoid(x @ w + b)
        tn.losses.binary_cross_entropy(z, y).backward()
        grads.append((w.grad, b.grad))
    for mine, theirs in zip(*grads, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
