"""Fitting data in partitions: all at once as in memory, in batches partition by partition."""

import numpy as np
import pytest

import tinygrad_neuron as tn
from tinygrad_neuron.errors import TrainingDataError
from tinygrad_neuron.fitting.batches import Partitions

da = pytest.importorskip("dask.array", reason="needs the extra `cluster`: dask")
dask = pytest.importorskip("dask")
rng = np.random.default_rng(7)
X = rng.normal(size=(100, 3))
Y = X @ [1.0, -2.0, 0.5] + 0.3


@pytest.fixture(autouse=True)
def in_this_thread():
    """Blocks are computed one after the other, where a test can count them."""
    with dask.config.set(scheduler="synchronous"):
        yield


def lazy(part=30):
    """The examples in partitions."""
    return da.from_array(X, chunks=(part, -1)), da.from_array(Y, chunks=part)


def learnt(data, **more):
    """A neuron that has learnt, and how it went."""
    model = tn.Neuron(3, nonlin=False, rng=0)
    more = {"alpha": 0.1, "optimizer": "gradient_descent", "epochs": 5, **more}
    return model, tn.fit(model, data, **more)


def test_all_at_once_is_the_descent_in_memory():
    """Full batches move the weights as they do in memory, to 1e-12."""
    (mine, a), (theirs, b) = (learnt(data, batch_size=None) for data in (lazy(), (X, Y)))
    np.testing.assert_allclose(mine.w.data, theirs.w.data, rtol=1e-12)
    np.testing.assert_allclose(a.losses, b.losses, rtol=1e-12)


def test_a_step_is_one_pass():
    """Loss and gradient of a full batch share the work: each partition is made once an epoch."""
    made = []

    def part(i):
        made.append(i)
        return X[30 * i : 30 * i + 30]

    lengths = (30, 30, 30, 10)
    x = da.concatenate(
        [
            da.from_delayed(dask.delayed(part, pure=False)(i), (n, 3), float)
            for i, n in enumerate(lengths)
        ]
    )
    learnt((x, lazy()[1]), batch_size=None, epochs=3)
    assert sorted(made) == sorted(3 * [0, 1, 2, 3])


def test_batches_go_through_every_row_once_partition_by_partition():
    """An epoch's batches are all rows, in an order that the seed and the epoch decide."""
    parts = Partitions(*lazy(), 8, seed=1)
    orders = []
    for epoch in (0, 1, 0):
        batches = list(parts.batches(epoch))
        assert len(batches) == len(parts) == 14
        assert all(type(x) is np.ndarray and len(x) == len(y) <= 8 for x, y in batches)
        rows = np.concatenate([y for _, y in batches])
        assert sorted(rows) == sorted(Y)
        orders.append(rows.tolist())
    assert orders[0] == orders[2] != orders[1]


def test_batches_go_on_where_they_were():
    """From a batch on, an epoch is what it would have been."""
    parts = Partitions(*lazy(), 8, seed=1)
    whole = [y.tolist() for _, y in parts.batches(3)]
    for begin in range(len(parts) + 1):
        assert [y.tolist() for _, y in parts.batches(3, begin)] == whole[begin:]


def test_a_training_goes_on_bit_for_bit(tmp_path):
    """Stopped after any number of updates, it ends where the whole one ends."""
    more = {"batch_size": 8, "optimizer": "adam", "seed": 3}
    whole, _ = learnt(lazy(), epochs=3, **more)
    path = tmp_path / "run.npz"
    learnt(lazy(), steps=17, epochs=None, checkpoint=path, **more)
    again, _ = learnt(lazy(), epochs=3, checkpoint=path, **more)
    assert again.w.data.tobytes() == whole.w.data.tobytes()


def test_ctrl_c_leaves_a_checkpoint(tmp_path):
    """The update under way is finished, and the next run goes on from there."""
    path = tmp_path / "run.npz"
    more = {"batch_size": 8, "epochs": 4, "checkpoint": path}

    def press(look):
        if look.epoch == 2:
            raise KeyboardInterrupt

    _, history = learnt(lazy(), callbacks=[press], **more)
    assert history.ending == "interrupted" and path.exists()
    again, _ = learnt(lazy(), **more)
    whole, _ = learnt(lazy(), batch_size=8, epochs=4)
    assert again.w.data.tobytes() == whole.w.data.tobytes()


def test_whole_partitions_are_held_back():
    """A share of them judges, and none of their rows is learnt from."""
    rest, (x, y) = Partitions(*lazy(10), 8, seed=1).split(0.2)
    assert x.shape == (20, 3) and rest.lengths == (10,) * 8
    assert sorted([*y.compute(), *rest.y.compute()]) == sorted(Y)
    _, history = learnt(lazy(10), validation=0.2, epochs=3)
    assert len(history.columns["validation"]) == 3
    with pytest.raises(TrainingDataError, match="1 partitions holds back 1"):
        Partitions(*lazy(100), 8, seed=1).split(0.2)


def test_unknown_lengths_are_refused():
    """Who does not know how many rows there are cannot say what an epoch is."""
    x, y = lazy()
    with pytest.raises(TrainingDataError, match="not known how many rows"):
        learnt((x[y > 0], y[y > 0]))
