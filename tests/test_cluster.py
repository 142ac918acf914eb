"""Dask's arrays under the rules: lazy where the data is lazy, one pass, and NumPy's own numbers."""

import numpy as np
import pytest

import tinygrad_neuron as tn
from tinygrad_neuron import Value, arrays as tn_arrays, cluster, losses, nn
from tinygrad_neuron.errors import LossError, PartitionError, UnsupportedError
from tinygrad_neuron.losses.checking import example
from tinygrad_neuron.losses.registry import LOSSES

da = pytest.importorskip("dask.array", reason="needs the extra `cluster`: dask")
dask = pytest.importorskip("dask")
rng = np.random.default_rng(1492)
ROWS, COLUMNS, PART = 1000, 3, 300


@pytest.fixture(autouse=True)
def in_this_thread():
    """Blocks are computed one after the other, where a test can count them."""
    with dask.config.set(scheduler="synchronous"):
        yield


def lazy(x, rows=PART):
    """An array in blocks of so many rows."""
    x = np.asarray(x)
    return da.from_array(x, chunks=(rows, *x.shape[1:]))


class Counted:
    """Partitions that are made anew whenever they are asked for, and counted."""

    def __init__(self, x):
        self.x, self.made = x, 0
        ends = range(0, len(x), PART)
        parts = [
            da.from_delayed(dask.delayed(self._part, pure=False)(i), x[i : i + PART].shape, x.dtype)
            for i in ends
        ]
        self.array = da.concatenate(parts)

    def _part(self, i):
        self.made += 1
        return self.x[i : i + PART]

    @property
    def passes(self):
        """How often each partition was made, in the mean."""
        return self.made / len(self.array.chunks[0])


X = rng.normal(size=(ROWS, COLUMNS))
LABELS = (X @ [1.0, -2.0, 0.5] > 0.3).astype(float)


def logistic(w, b, x, y):
    """The mean surprise of a logistic neuron."""
    z = x @ w + b
    return tn.mean(tn.softplus(z) - y * z)


# -------------------------------------------------------------------------------- one step


def test_weights_get_their_gradient_computed_and_the_loss_with_it():
    """After `backward()` both are plain numbers, NumPy's to 1e-12, from one pass over the data."""
    data = Counted(X)
    w, b = Value([0.3, -0.2, 0.1]), Value(0.5)
    loss = logistic(w, b, data.array, lazy(LABELS))
    assert data.passes == 0
    loss.backward()
    assert type(w.grad) is np.ndarray and type(b.grad) is float and type(loss.data) is float
    value, gradient = loss.item(), (w.grad, b.grad)
    assert data.passes == 1
    v, c = Value([0.3, -0.2, 0.1]), Value(0.5)
    plain = logistic(v, c, X, LABELS)
    plain.backward()
    assert value == pytest.approx(plain.item(), rel=1e-12)
    for mine, theirs in zip(gradient, (v.grad, c.grad), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_value_and_grad_is_one_pass():
    """The functional door as well: value and gradient share the pass."""
    data = Counted(X)
    f = tn.value_and_grad(lambda p: logistic(p["w"], p["b"], data.array, lazy(LABELS)))
    value, gradient = f({"w": np.zeros(3), "b": 0.0})
    assert value.item() == pytest.approx(np.log(2.0), rel=1e-12)
    np.testing.assert_allclose(gradient["w"].data, X.T @ (0.5 - LABELS) / ROWS, rtol=1e-12)
    assert data.passes == 1


def test_a_large_leaf_gets_a_lazy_gradient():
    """What is asked by data that is not in memory is not in memory either."""
    data = Counted(X)
    x = Value(data.array)
    loss = tn.sum(tn.square(x) * 0.5)
    loss.backward()
    assert isinstance(x.grad, da.Array) and data.made == 0
    np.testing.assert_allclose(x.grad.compute(), X, rtol=1e-12)


def test_an_update_of_weights_stays_one_line():
    """Three steps of descent: three passes, and NumPy's weights."""
    data = Counted(X)
    w, v = Value(np.zeros(3)), Value(np.zeros(3))
    for _ in range(3):
        for weights, x, y in ((w, data.array, lazy(LABELS)), (v, X, LABELS)):
            weights.zero_grad()
            logistic(weights, 0.0, x, y).backward()
            weights.data -= 0.5 * weights.grad
    assert data.passes == 3
    np.testing.assert_allclose(w.data, v.data, rtol=1e-12)


def test_a_penalty_in_memory_joins_the_loss_of_the_data():
    """What is made of weights alone is computed with the rest, and its share is added."""
    f = lambda x, y: tn.value_and_grad(  # noqa: E731
        lambda w: logistic(w, 0.0, x, y) + 0.1 * tn.sum(w * w)
    )(np.array([1.0, 2.0, 3.0]))
    for mine, theirs in zip(f(lazy(X), lazy(LABELS)), f(X, LABELS), strict=True):
        np.testing.assert_allclose(mine.data, theirs.data, rtol=1e-12)


def test_a_network_learns_the_same():
    """All weights of a two-layer network have NumPy's gradient, to 1e-12."""
    grads = []
    for x, y in ((X, LABELS), (lazy(X), lazy(LABELS))):
        net = nn.MLP(COLUMNS, [5, 4, 1], activation="tanh", rng=7)
        losses.binary_cross_entropy(net(x), y).backward()
        grads.append([p.grad for p in net.parameters()])
    for theirs, mine in zip(*grads, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-15)


def test_second_derivatives_are_the_same():
    """A product with the Hessian, by a sweep that records a sweep."""
    v = (np.array([1.0, -1.0, 2.0]),)
    f = lambda x, y: tn.hvp(lambda w: logistic(w, 0.0, x, y), (np.zeros(3),), v)  # noqa: E731
    np.testing.assert_allclose(f(lazy(X), lazy(LABELS)).data, f(X, LABELS).data, rtol=1e-12)


# ---------------------------------------------------------------------------------- losses

EACH = pytest.mark.parametrize("name", LOSSES)


@EACH
def test_every_loss_is_the_same_on_blocks(name):
    """Value and gradient of a prediction in blocks are NumPy's, to 1e-12."""
    loss = LOSSES[name]
    arrays = example(loss, np.random.default_rng(3), 6)
    stretch = rng.uniform(0.8, 1.0, arrays[0].shape[-loss.rows :] if loss.rows else ())

    def both(wrap):
        given = [x if x is None else wrap(x) for x in arrays]
        x = Value(given[0])
        y = loss(x * stretch, *given[1:])
        y.backward()
        return np.asarray(y.item()), np.asarray(x.grad)

    for mine, theirs in zip(both(lambda x: lazy(x, 2)), both(np.asarray), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12 * np.abs(theirs).max())


def test_a_loss_of_examples_is_one_task_for_each_block():
    """A block goes through the loss whole, and through its pullback: rows are not spread out."""
    scores, target = rng.normal(size=(8, 4)), rng.integers(0, 4, 8)
    each = losses.cross_entropy(Value(lazy(scores, 2)), lazy(target, 2), reduction="none")
    assert each.primitive.name == "in_blocks" and each.data.numblocks == (4,)


def test_what_a_block_must_not_hold_is_told_when_it_is_computed():
    """Nothing is looked at when the plan is made; the block that is wrong says so."""
    target = LABELS.copy()
    target[700] = 3.0
    loss = losses.binary_cross_entropy(Value(np.zeros(ROWS)), lazy(target))
    with pytest.raises(LossError, match=r"a block of target\[100\] is 3"):
        loss.backward()
    with losses.unchecked():
        losses.binary_cross_entropy(Value(np.zeros(ROWS)), lazy(target)).backward()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_masks_and_weights_count_as_in_memory(reduction):
    """What is masked has no say, nan included, though nothing can be taken out of a plan."""
    scores = X[:, 0].copy()
    mask = X[:, 1] > 0.0
    weight = np.where(X[:, 2] > -0.5, np.abs(X[:, 2]), 0.0)
    scores[~mask] = np.nan
    found = []
    for wrap in (lazy, np.asarray):
        w = Value(1.0)
        more = {"mask": wrap(mask), "weight": wrap(weight), "reduction": reduction}
        y = losses.logistic(wrap(scores) * w, wrap(2.0 * LABELS - 1.0), **more)
        tn.sum(y).backward()
        found.append((np.asarray(plain(y)), w.grad))
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def plain(y):
    """The numbers of a Value, computed."""
    return tn_arrays.in_memory([y._data])[0]


def test_rows_may_be_ignored_and_classes_weighted():
    """The options over classes are those in memory."""
    scores, target = rng.normal(size=(9, 3)), np.array([0, 1, 2, -1, 1, 0, 2, 2, -1])
    more = {"ignore_index": -1, "class_weight": [1.0, 2.0, 0.5], "label_smoothing": 0.1}
    for reduction in ("mean", "sum"):
        mine, theirs = (
            losses.cross_entropy(wrap(scores), wrap(target), reduction=reduction, **more)
            for wrap in (lambda x: lazy(x, 4), np.asarray)
        )
        assert float(np.asarray(mine)) == pytest.approx(float(theirs), rel=1e-12)


# ------------------------------------------------------------------------- by partition

STEP = {"w": np.array([0.3, -0.2, 0.1]), "b": 0.5}


def surprise(p, x, y):
    """The loss of the same neuron, of parameters in a container."""
    return logistic(p["w"], p["b"], x, y)


def total(p, x, y):
    """The sum of its losses, not their mean."""
    return surprise(p, x, y) * float(len(y))


@pytest.mark.parametrize(("loss", "reduction"), [(surprise, "mean"), (total, "sum")])
def test_a_step_over_partitions_is_the_step_over_all(loss, reduction):
    """Value and gradient of unequal partitions are NumPy's on the whole, from one pass."""
    data = Counted(X)
    step = cluster.value_and_grad(loss, reduction=reduction)
    value, gradient = step(STEP, data.array, lazy(LABELS))
    assert data.passes == 1
    wanted, slopes = tn.value_and_grad(loss)(STEP, X, LABELS)
    assert value.item() == pytest.approx(wanted.item(), rel=1e-12)
    np.testing.assert_allclose(gradient["w"].data, slopes["w"].data, rtol=1e-12)
    assert gradient["b"].item() == pytest.approx(slopes["b"].item(), rel=1e-12)


def test_a_partition_is_cut_into_pieces_that_a_cache_holds(monkeypatch):
    """The sums do not depend on the cuts, but for rounding; pieces differ by one row at most."""
    whole = cluster.value_and_grad(surprise)(STEP, lazy(X), lazy(LABELS))
    monkeypatch.setattr(cluster, "PIECE", 100)
    assert np.ptp(np.diff(cluster._edges(300, 1200))) <= 1
    pieces = cluster.value_and_grad(surprise)(STEP, lazy(X), lazy(LABELS))
    np.testing.assert_allclose(pieces[1]["w"].data, whole[1]["w"].data, rtol=1e-12)


def test_every_scheduler_gives_the_same_bits():
    """The sums are added by the partitions' numbers, and not as they come in."""
    found = set()
    for scheduler in ("synchronous", "threads", "threads"):
        with dask.config.set(scheduler=scheduler):
            value, g = cluster.value_and_grad(surprise)(STEP, lazy(X, 70), lazy(LABELS, 70))
        found.add((value.item(), g["w"].data.tobytes(), g["b"].item()))
    assert len(found) == 1


def test_a_program_is_written_once(monkeypatch):
    """Steps of the same shapes share it; of partitions of two lengths there are two."""
    written = []
    monkeypatch.setattr(cluster.Part, "_written", _noted(cluster.Part._written, written))
    step = cluster.value_and_grad(surprise)
    for scale in (1.0, 2.0, 3.0):
        step({"w": scale * STEP["w"], "b": 0.5}, lazy(X), lazy(LABELS))
    assert sorted({len(blocks[0]) for blocks in written}) == [50, 100, 150, 300]  # and halves
    assert len(written) == 4


def _noted(function, seen):
    def noted(part, blocks):
        seen.append(blocks)
        return function(part, blocks)

    return noted


def test_a_loss_without_a_program_is_recorded_on_each_partition():
    """What branches on numbers is no straight line, and still has a gradient."""

    def branching(p, x, y):
        z = x @ p["w"] + p["b"]
        return tn.mean((z - y) ** 2 if float(np.sum(p["w"].data)) < 9.0 else z)

    _, gradient = cluster.value_and_grad(branching)(STEP, lazy(X), lazy(LABELS))
    _, wanted = tn.value_and_grad(branching)(STEP, X, LABELS)
    np.testing.assert_allclose(gradient["w"].data, wanted["w"].data, rtol=1e-12)


def test_rows_that_depend_on_each_other_are_noticed():
    """A spread is no mean of what each row gives: its partitions would give another number."""
    step = cluster.value_and_grad(lambda p, x, y: tn.std(x @ p["w"] - y))
    with pytest.raises(PartitionError, match="from their two halves it would be"):
        step(STEP, lazy(X), lazy(LABELS))


def test_partitions_must_match():
    """Rows that belong together lie in one partition; what is in memory has none."""
    step = cluster.value_and_grad(surprise)
    with pytest.raises(PartitionError, match="partitions of 300, 300, 300, 100 rows, another one"):
        step(STEP, lazy(X), lazy(LABELS, 500))
    with pytest.raises(PartitionError, match="these are of numpy"):
        step(STEP, X, LABELS)
    with pytest.raises(PartitionError, match="reduction is 'none'"):
        cluster.value_and_grad(surprise, reduction="none")


# --------------------------------------------------------------------------------- limits


@pytest.mark.parametrize(
    "ask",
    [
        lambda f, w: tn.jacobian(f)(w),
        lambda f, w: tn.vmap(lambda x: x * 2.0)(lazy(X)),
        lambda f, w: tn.hessian(lambda w: tn.mean(f(w) ** 2))(w),
    ],
)
def test_batches_are_of_arrays_in_memory(ask):
    """Where many runs share an array, one that is not in memory is refused by name."""
    with pytest.raises(UnsupportedError, match="of a batch met a dask"):
        ask(lambda w: tn.tanh(lazy(X) @ w), np.zeros(3))


def test_a_program_is_of_arrays_in_memory():
    """What runs on each partition is traced on one of them."""
    with pytest.raises(tn.errors.TraceError, match=r"cluster\.value_and_grad"):
        tn.program_of(lambda x: tn.sum(x))(lazy(X))


def test_checkpoints_do_not_look_at_lazy_numbers():
    """A segment is computed again without a pass over the data to compare it."""
    data = Counted(X)
    w = Value(np.ones(3))
    tn.mean(tn.checkpoint(lambda x: tn.tanh(x @ w))(data.array)).backward()
    assert data.passes == 1


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda v: v[[0, 2]], "take"),
        (lambda v: tn.linalg.det(v[:3]), "det"),
        (lambda v: tn.sort(v, axis=0), "sort"),
        (lambda v: tn.nanmedian(v, axis=0), "nanmedian"),
        (lambda v: tn.convolve(v[:, 0], np.ones(3)), "convolution"),
    ],
)
def test_what_cannot_be_done_says_so_and_loads_nothing(call, name):
    """The error names the function, and nothing was computed to find out."""
    data = Counted(X)
    with pytest.raises(UnsupportedError, match=f"{name} cannot be computed on a dask Array"):
        call(Value(data.array))
    assert data.made == 0


def test_a_notebook_shows_a_plan_as_text():
    """A drawing has numbers in it, and nobody asked for them yet."""
    data = Counted(X)
    shown = tn.sum(Value(data.array) * 2.0)._repr_mimebundle_()
    assert shown.keys() == {"text/plain"} and data.made == 0


def test_a_person_who_asks_for_the_number_gets_it():
    """`item()`, `float` of a constant and `if` are the explicit doors: they compute."""
    total = tn.sum(Value(lazy(X)).detach())
    assert total.item() == pytest.approx(X.sum())
    assert float(total) == pytest.approx(X.sum())
    assert "dask.array" in repr(total)
