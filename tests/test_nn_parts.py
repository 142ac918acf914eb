"""Modules: what they hold, how they train, and the figures that their starts and norms promise."""

import json
import math
import subprocess
import sys
import threading
from dataclasses import dataclass

import numpy as np
import pytest
import torch_figures
from hypothesis import given, strategies as st

import tinygrad_neuron as tn
from tinygrad_neuron import Value, nn, no_grad
from tinygrad_neuron.errors import ImmutableError, LayerError, StateError, TraceError

TORCH = json.loads(torch_figures.FILE.read_text())["layers"]
ROWS = np.random.default_rng(3).normal(1.0, 2.0, (6, 3))


class Block(nn.Module):
    """A module of one's own, with everything in it that a module may hold."""

    def __init__(self, rng=0):
        self.scale = Value(2.0)
        self.first = nn.Layer(3, 4, activation="tanh", rng=rng)
        self.note = "no parameter"
        self.heads = {"left": nn.Layer(4, 2, rng=1), "right": [Value([1.0, 2.0]), None]}
        self.counts = np.zeros(3)
        self.drop = nn.Dropout(0.5, rng=2)
        self.norm = nn.BatchNorm(4)
        self.same = self.first

    def __call__(self, x):
        return self.heads["left"](self.drop(self.norm(self.first(x)))) * self.scale


NAMES = [
    "scale",
    "first.w",
    "first.b",
    "heads['left'].w",
    "heads['left'].b",
    "heads['right'][0]",
    "counts",
    "drop.rng",
    "norm.w",
    "norm.b",
    "norm.mean.value",
    "norm.variance.value",
]


def network():
    """One of every part."""
    return nn.Sequential(
        nn.Embedding(7, 4, rng=0),
        nn.Layer(4, 3, activation="tanh", rng=1),
        nn.BatchNorm(3),
        nn.Dropout(0.3, rng=2),
        nn.LayerNorm(3),
        nn.Layer(3, 2, nonlin=False, rng=3),
    )


# ------------------------------------------------------------------------------ what is held


def test_parameters_come_in_the_order_of_attributes_and_containers():
    """Each once, under the name a person would type to reach it."""
    block = Block()
    assert list(block.state()) == NAMES
    learnt = [
        n
        for n in NAMES
        if n not in ("counts", "drop.rng", "norm.mean.value", "norm.variance.value")
    ]
    for name, p in zip(learnt, block.parameters(), strict=True):
        assert eval(f"block.{name}") is p


def test_the_order_does_not_depend_on_hashes():
    """Two runs with other seeds for Python's hashes list the same names."""
    code = (
        "from test_nn_parts import Block, network\n"
        "print(*Block().state(), *network().state(), sep='\\n')"
    )
    folder = torch_figures.FILE.parent
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": f"{folder}:{folder.parent}"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(said) == 1


LEAVES = st.one_of(
    st.builds(lambda x: Value(x), st.floats(-1, 1)),
    st.builds(nn.Kept, st.floats(-1, 1)),
    st.builds(lambda n: np.arange(float(n)), st.integers(0, 3)),
    st.builds(np.random.default_rng, st.integers(0, 9)),
    st.none() | st.text(max_size=3) | st.integers(),
)
KEYS = st.text(max_size=3) | st.integers()


def holding(parts):
    """A module with these attributes."""
    module = nn.Module()
    vars(module).update(parts)
    return module


TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.dictionaries(st.from_regex("[a-z]{1,3}", fullmatch=True), inner).map(holding)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["w", "deep", "also"]), TREES))
def test_a_name_leads_to_what_it_names(tree):
    """In whatever modules and containers it is kept; and loading a state changes no bit."""
    model = holding(tree)
    state = model.state()
    for name, array in state.items():
        kept = eval(f"model.{name}", {"model": model})
        assert isinstance(kept, Value | np.ndarray | np.random.Generator)
        if isinstance(kept, Value):
            np.testing.assert_array_equal(kept.data, array)
            kept.data += 1.0
    model.load(state)
    for name, array in model.state().items():
        np.testing.assert_array_equal(array, state[name])


def test_dataclasses_and_cycles_are_walked():
    """A record of weights is a container; a module that knows its owner is entered once."""

    @dataclass
    class Weights:
        w: Value
        b: Value

    class Whole(nn.Module):
        def __init__(self):
            self.record = Weights(Value(1.0), Value(2.0))
            self.owner = self

    assert list(Whole().state()) == ["record.w", "record.b"]


def test_a_set_has_no_order():
    """It is refused by name instead of giving another order each time."""
    module = nn.Module()
    module.heads = {Value(1.0), Value(2.0)}
    with pytest.raises(StateError, match=r"heads is a set.*\n.*another order"):
        module.parameters()
    module.heads = {"names", "of", "heads"}
    assert module.parameters() == []


def test_a_computed_weight_is_not_silently_left_out():
    """`Value(...) * 0.1` would never be learnt; a detached result is something to look at."""
    module = nn.Module()
    module.w = Value([1.0, 2.0]) * 0.1
    with pytest.raises(ImmutableError, match="w is a result of multiply"):
        module.parameters()
    module.w = module.w.detach()
    assert module.parameters() == []


def test_a_state_brings_back_every_bit():
    """Weights, running means and the generator: the next training step is the same one."""
    x = np.array([0, 1, 2, 3, 4, 5, 6, 0])
    model = network()
    with nn.training():
        model(x)
    state = model.state()
    other = network()
    other.load(state)
    for taken, brought in zip(state.values(), other.state().values(), strict=True):
        np.testing.assert_array_equal(taken, brought)
        assert taken.dtype == brought.dtype
    for _ in range(2):
        with nn.training():
            np.testing.assert_array_equal(model(x).data, other(x).data)
    np.testing.assert_array_equal(model(x).data, other(x).data)


def test_a_state_is_a_copy():
    """What is learnt afterwards does not change it, nor does writing on it change the model."""
    model = network()
    state = model.state()
    before = {name: array.copy() for name, array in state.items()}
    with nn.training():
        model(np.arange(7))
    for p in model.parameters():
        p.data += 1.0
    for name, array in state.items():
        np.testing.assert_array_equal(array, before[name])
    model.load(state)
    for array in state.values():
        array[...] = 0
    np.testing.assert_array_equal(model.state()["layers[5].w"], before["layers[5].w"])


@pytest.mark.parametrize("kind", ["PCG64", "MT19937", "Philox", "SFC64", "PCG64DXSM"])
def test_every_generator_of_numpy_can_be_kept(kind):
    """The numbers after loading are those that came after the state was taken."""
    drop = nn.Dropout(0.5, rng=np.random.Generator(getattr(np.random, kind)(5)))
    drop.rng.integers(10, dtype=np.uint32)  # half of a number is still in the generator
    state = drop.state()
    wanted = drop.rng.random(4), drop.rng.integers(2**31, size=3, dtype=np.uint32)
    drop.load(state)
    given = drop.rng.random(4), drop.rng.integers(2**31, size=3, dtype=np.uint32)
    np.testing.assert_array_equal(wanted[0], given[0])
    np.testing.assert_array_equal(wanted[1], given[1])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda s: s.pop("norm.mean.value"), r"missing: norm\.mean"),
        (lambda s: s.update(w=np.ones(2)), r"not in the model: w\)"),
        (lambda s: s.update({"scale": np.ones(1)}), r"scale has shape \(\), float64; .*\(1,\)"),
        (lambda s: s.update({"first.w": np.ones((4, 3), int)}), r"first\.w .* int64"),
        (lambda s: s.update({"counts": np.zeros(4)}), r"counts has shape \(3,\).* \(4,\)"),
        (lambda s: s.update({"drop.rng": np.zeros(3)}), r"drop\.rng is a generator"),
        (lambda s: s.update({"drop.rng": np.zeros(3, np.uint8)}), r"drop\.rng is a generator"),
        (lambda s: s.update({"drop.rng": text("[" * 100_000)}), r"drop\.rng is a generator"),
        (lambda s: s.update({"drop.rng": text('{"a": 1}')}), r"drop\.rng is a generator"),
        (lambda s: s.update({"drop.rng": sfc()}), r"drop\.rng is a generator.*PCG64"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_whole(change, sentence):
    """The entry is named, and nothing was changed, not even what fits."""
    block = Block()
    before = block.state()
    state = Block(rng=9).state()
    change(state)
    with pytest.raises(StateError, match=sentence):
        block.load(state)
    for name, array in block.state().items():
        np.testing.assert_array_equal(array, before[name])


def text(letters):
    """Letters as the bytes a generator's state is kept as."""
    return np.frombuffer(letters.encode(), np.uint8)


def sfc():
    """The state of a generator of another kind."""
    return nn.Dropout(0.5, rng=np.random.Generator(np.random.SFC64(1))).state()["rng"]


def test_objects_are_not_numbers():
    """An array of Python objects could not be read back without running something."""
    module = nn.Module()
    module.names = np.array(["a", None], object)
    with pytest.raises(StateError, match="names is an array of Python objects"):
        module.state()


def test_a_network_in_float32_stays_in_float32():
    """Its results, its gradients and its steps; and loading float64 makes it float64 again."""
    model = network()
    wide = model.state()
    labels = np.arange(7)
    assert model.cast(np.float32) is model
    optimiser = tn.optim.AdamW(model.parameters(), alpha=0.01, clip=tn.optim.clip_by_norm(1.0))
    with nn.training():
        y = model(labels)
    (y * y).sum().backward()
    optimiser.step()
    assert {y.dtype, model(labels).dtype} == {np.dtype(np.float32)}
    assert {p.grad.dtype for p in model.parameters()} == {np.dtype(np.float32)}
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float32)}
    model.load(wide)
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float64)}


# ------------------------------------------------------------------------------ training or not


def test_outside_training_a_model_says_the_same_every_time():
    """And afterwards too, also when the block ended in an error."""
    model = network()
    x = np.arange(7)
    first = model(x).data
    with pytest.raises(ZeroDivisionError), nn.training():
        assert nn.in_training()
        1 / 0  # noqa: B018
    assert not nn.in_training()
    np.testing.assert_array_equal(model(x).data, first)


def test_training_is_of_this_thread_alone():
    """Another one may predict meanwhile."""
    seen = []
    with nn.training():
        other = threading.Thread(target=lambda: seen.append(nn.in_training()))
        other.start()
        other.join()
        seen.append(nn.in_training())
    assert seen == [False, True]


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.9])
def test_dropout_drops_its_part_and_keeps_the_sum(rate):
    """Of 40,000 numbers, to four standard deviations; the gradient goes where the number went."""
    drop, x = nn.Dropout(rate, rng=1), Value(np.ones((200, 200)))
    with nn.training():
        y = drop(x)
    y.sum().backward()
    spread = math.sqrt(rate * (1 - rate) / x.size)
    assert abs(np.mean(y.data == 0) - rate) <= 4 * spread
    assert abs(np.mean(y.data) - 1.0) <= 4 * spread / (1 - rate)
    np.testing.assert_array_equal(x.grad, y.data)
    np.testing.assert_array_equal(np.unique(y.data)[-1], 1 / (1 - rate))


def test_what_is_dropped_may_be_anything():
    """An inf that was dropped is gone: 0, and not inf times 0."""
    drop, x = nn.Dropout(0.5, rng=0), Value(np.full(50, np.inf))
    with nn.training():
        y = drop(x)
    assert set(y.data) == {0.0, np.inf}


def test_a_dropout_inside_a_checkpoint_is_refused_or_right():
    """Its second call would draw other numbers; it must not give a wrong gradient."""
    drop, x = nn.Dropout(0.5, rng=0), Value(np.ones(100))
    with nn.training():
        y = tn.checkpoint(lambda x: drop(x) * x)(x)
    with pytest.raises(tn.errors.RecomputedError):
        y.sum().backward()


def test_what_trains_is_no_program():
    """It draws numbers or moves running means; what predicts does neither."""
    for part in (nn.BatchNorm(3), nn.Dropout(0.5, rng=0)):
        before = part.state()
        with nn.training(), pytest.raises(TraceError):
            tn.program_of(part)(ROWS)
        if isinstance(part, nn.BatchNorm):
            np.testing.assert_array_equal(part.mean.value.data, before["mean.value"])
    dropped = tn.program_of(nn.Dropout(0.5, rng=0))(ROWS)
    np.testing.assert_array_equal(dropped.run(ROWS + 1.0), ROWS + 1.0)


def test_a_compiled_model_knows_whether_it_trains():
    """Compiled for predicting, it reads the running means anew; it is not used for training."""
    norm = nn.BatchNorm(3)
    compiled = tn.compile(lambda x: (norm(x) ** 2).sum())
    for _ in range(3):
        with tn.no_grad():
            assert compiled(ROWS).item() == pytest.approx((norm(ROWS) ** 2).sum().item(), rel=1e-12)
        with nn.training():
            norm(ROWS)
            with pytest.raises(TraceError, match="running means while it trains"):
                compiled(ROWS)

    doubled = tn.compile(lambda x: 2.0 * x if nn.in_training() else x)
    for _ in range(2):
        with nn.training():
            assert doubled(3.0) == 6.0
        assert doubled(3.0) == 3.0
    assert len(doubled.traces) == 2


# ------------------------------------------------------------------------------ norms, rows


def test_a_layer_norm_is_what_it_says():
    """Rows of mean 0 and mean square v / (v + eps), then scaled and shifted."""
    norm = nn.LayerNorm(3, eps=1e-3)
    y = norm(ROWS).data
    v = np.var(ROWS, axis=1)
    np.testing.assert_allclose(y.mean(axis=1), 0.0, atol=1e-15)
    np.testing.assert_allclose((y**2).mean(axis=1), v / (v + 1e-3), rtol=1e-13)
    norm.w.data, norm.b.data = [2.0, 0.0, -1.0], [1.0, 2.0, 3.0]
    np.testing.assert_allclose(norm(ROWS).data, y * [2.0, 0.0, -1.0] + [1.0, 2.0, 3.0], rtol=1e-14)


def test_a_row_of_equal_numbers_gives_the_bias():
    """There is no spread to divide by, and eps says what happens then."""
    norm = nn.LayerNorm(4)
    norm.b.data = [1.0, 2.0, 3.0, 4.0]
    np.testing.assert_array_equal(norm(np.full(4, 7.0)).data, [1.0, 2.0, 3.0, 4.0])


def test_running_means_approach_those_of_the_batches():
    """After k equal batches, momentum has made up all but (1 - momentum)^k of the way."""
    norm = nn.BatchNorm(3, momentum=0.2)
    with nn.training():
        for _ in range(5):
            norm(ROWS.reshape(2, 3, 3))
    left = 0.8**5
    np.testing.assert_allclose(norm.mean.value.data, (1 - left) * ROWS.mean(0), rtol=1e-13)
    wanted = left + (1 - left) * ROWS.var(0, ddof=1)
    np.testing.assert_allclose(norm.variance.value.data, wanted, rtol=1e-13)
    y = norm(ROWS[:1]).data
    kept = (ROWS[:1] - norm.mean.value.data) / np.sqrt(norm.variance.value.data + 1e-5)
    np.testing.assert_allclose(y, kept, rtol=1e-13)


@pytest.mark.parametrize("part", ["layer_norm", "batch_norm", "batch_norm_after"])
def test_norms_agree_with_pytorch(part):
    """Results, and what rows, weights and biases are owed, to 1e-12."""
    x, g, w, b = torch_figures.rows()
    norm = nn.LayerNorm(3) if part == "layer_norm" else nn.BatchNorm(3)
    norm.w.data, norm.b.data = w, b
    x = Value(x)
    with nn.training():
        y = norm(x)
    if part == "batch_norm":
        np.testing.assert_allclose(norm.mean.value.data, TORCH[part]["mean"], rtol=1e-12)
        np.testing.assert_allclose(norm.variance.value.data, TORCH[part]["variance"], rtol=1e-12)
    if part == "batch_norm_after":
        y = norm(x)
    y.backward(g)
    found = {"y": y.data, "x": x.grad, "w": norm.w.grad, "b": norm.b.grad}
    for name, numbers in found.items():
        np.testing.assert_allclose(numbers, TORCH[part][name], rtol=1e-12, atol=1e-12)


def test_embeddings_agree_with_pytorch():
    """Rows that stand in several places are owed the sum."""
    places, table, owed = torch_figures.labels()
    embedding = nn.Embedding(4, 2)
    embedding.w.data = table
    y = embedding(places)
    y.backward(owed)
    np.testing.assert_array_equal(y.data, TORCH["embedding"]["y"])
    np.testing.assert_allclose(embedding.w.grad, TORCH["embedding"]["w"], rtol=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.LayerNorm(3),
        lambda: nn.BatchNorm(3),
        lambda: nn.Layer(3, 2, activation="tanh", init="orthogonal", rng=0),
        lambda: nn.Sequential(nn.Layer(3, 1, activation="tanh", rng=0), nn.Layer(1, 2, False)),
    ],
)
@pytest.mark.parametrize("train", [False, True])
def test_gradients_are_what_is_seen_nearby(make, train):
    """By rows and by every parameter, first and second order, against finite differences."""
    module = make()
    names = list(vars(module))[1:] if not isinstance(module, nn.Sequential) else []
    values = [name for name in names if isinstance(getattr(module, name), Value)]

    def loss(x, *numbers):
        for name, number in zip(values, numbers, strict=True):
            setattr(module, name, number)
        if not train:
            return (module(x) ** 3).sum()
        with nn.training():
            return (module(x) ** 3).sum()

    start = [getattr(module, name).data + 0.3 for name in values]
    tn.assert_grad(loss, ROWS[:4], *start, order=2)


def test_gradients_of_what_is_dropped_and_looked_up():
    """With the same numbers drawn each time, and rows that stand in several places."""
    embedding = nn.Embedding(4, 3, rng=0)

    def loss(w):
        embedding.w = w
        with nn.training():
            return (nn.Dropout(0.4, rng=1)(embedding([[0, 3, 3], [1, 0, 3]])) ** 3).sum()

    tn.assert_grad(loss, embedding.w.data, order=2)


@given(st.integers(1, 5), st.integers(1, 4), st.data())
def test_an_embedding_is_a_product_with_one_hot_rows(count, width, data):
    """Row and gradient, for any labels in any shape."""
    shape = data.draw(st.sampled_from([(), (3,), (2, 2), (0,)]))
    labels = np.array(data.draw(st.lists(st.integers(0, count - 1), min_size=4, max_size=4)))
    labels = np.resize(labels, shape)
    embedding = nn.Embedding(count, width, rng=0)
    one_hot = np.eye(count)[labels]
    y = embedding(labels)
    np.testing.assert_allclose(y.data, one_hot @ embedding.w.data)
    (y * y).sum().backward()
    counts = np.bincount(labels.ravel(), minlength=count)[:, None]
    np.testing.assert_allclose(embedding.w.grad, 2.0 * counts * embedding.w.data)


# ------------------------------------------------------------------------------ starts


@pytest.mark.parametrize(
    ("name", "promised"),
    [
        ("glorot_uniform", lambda nin, nout: 2 / (nin + nout)),
        ("glorot_normal", lambda nin, nout: 2 / (nin + nout)),
        ("he_uniform", lambda nin, nout: 2 / nin),
        ("he_normal", lambda nin, nout: 2 / nin),
        ("lecun_uniform", lambda nin, nout: 1 / nin),
        ("lecun_normal", lambda nin, nout: 1 / nin),
    ],
)
@pytest.mark.parametrize("shape", [(300, 500), (500, 300)])
def test_weights_have_the_variance_they_promise(name, promised, shape):
    """To 2 %, with mean 0 to four standard deviations; the uniform ones end at √3 of them."""
    w = nn.INITIALISERS[name](shape, 0)
    variance = promised(shape[1], shape[0])
    assert np.var(w) == pytest.approx(variance, rel=0.02)
    assert abs(np.mean(w)) < 4 * math.sqrt(variance / w.size)
    ends = np.max(np.abs(w)) / math.sqrt(3 * variance)
    assert 0.999 < ends <= 1.0 if name.endswith("uniform") else ends > 1.5


@pytest.mark.parametrize(
    ("init", "activation", "kept"),
    [
        ("he_normal", "relu", "forward"),
        ("he_uniform", "relu", "forward"),
        ("lecun_normal", "linear", "forward"),
        ("lecun_uniform", "linear", "forward"),
        ("orthogonal", "linear", "forward"),
        ("glorot_normal", "linear", "both"),
        ("glorot_uniform", "linear", "both"),
    ],
)
def test_numbers_keep_their_size_through_ten_layers(init, activation, kept):
    """The mean square going forward, and for Glorot's in square layers that going back as well."""
    x = Value(np.random.default_rng(0).normal(size=(50, 256)))
    layers = [nn.Layer(256, 256, activation=activation, init=init, rng=i) for i in range(10)]
    y = nn.Sequential(*layers)(x)
    assert 0.4 < np.mean(y.data**2) < 2.5
    y.backward(np.random.default_rng(1).normal(size=y.shape))
    if kept == "both":
        assert 0.4 < np.mean(x.grad**2) < 2.5


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (1, 4), (4, 1), (4,)])
def test_orthogonal_rows_or_columns(shape):
    """W Wᵀ = 1 where rows are few, WᵀW = 1 where columns are, to 1e-12."""
    w = np.atleast_2d(nn.orthogonal(shape, 3))
    small = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(small, np.eye(min(w.shape)), atol=1e-12)
    assert nn.orthogonal(shape, 3).shape == shape


def test_every_orthogonal_matrix_is_equally_likely():
    """Without the signs of R, its first entry would be negative always; it has mean 0."""
    corners = [nn.orthogonal((3, 3), seed)[0, 0] for seed in range(400)]
    assert abs(np.mean(corners)) < 4 * math.sqrt(1 / 3 / 400)
    assert np.mean(np.square(corners)) == pytest.approx(1 / 3, rel=0.2)


def test_every_start_is_used_by_its_name():
    """In neurons, layers and networks; a function of one's own serves as well."""
    for name, function in nn.INITIALISERS.items():
        rng = np.random.default_rng(4)
        wanted = function((2, 3), rng)
        np.testing.assert_array_equal(nn.Layer(3, 2, init=name, rng=4).w.data, wanted)
    assert not np.any(tn.MLP(2, [3, 1], init="zeros").layers[1].w.data)
    assert nn.Neuron(2, init=lambda shape, rng: np.full(shape, 7.0)).w.data[0] == 7.0
    with pytest.raises(LayerError, match=r"no initialiser 'xavier'\.\n  do:  glorot_uniform, "):
        nn.Layer(2, 2, init="xavier")


# ------------------------------------------------------------------------------ mistakes


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        (lambda: nn.Dropout(1.0), "dropout rate of 1.0"),
        (lambda: nn.Dropout(-0.1), "dropout rate of -0.1"),
        (lambda: nn.LayerNorm(3)(np.ones((2, 4))), "takes 3 numbers in a row and was given 4"),
        (lambda: nn.BatchNorm(2, name="norm")(np.ones(3)), "norm takes 2 numbers"),
        (lambda: nn.BatchNorm(0), "A width of 0"),
        (lambda: nn.Embedding(3, 0), "A width of 0"),
        (lambda: nn.Embedding(3, 2)([0, 3]), "rows for 0 to 2 and was asked for 0 to 3"),
        (lambda: nn.Embedding(3, 2)([-1]), "asked for -1 to -1"),
        (lambda: nn.Embedding(3, 2)([0.0]), "asked for 0.0 to 0.0, float64"),
        (lambda: nn.Sequential(), "at least one layer"),
        (lambda: nn.orthogonal(()), r"shape \(\) join nothing"),
    ],
)
def test_what_cannot_be_is_refused(mistake, sentence):
    """With the numbers that were given."""
    with pytest.raises(LayerError, match=sentence):
        mistake()


def test_one_row_has_no_spread_to_train_on():
    """Its variance is 0, and unbiased 0/0; predicting takes any number of rows."""
    norm = nn.BatchNorm(3)
    with nn.training(), pytest.raises(LayerError, match="1 row to train on"):
        norm(ROWS[:1])
    np.testing.assert_array_equal(norm.mean.value.data, 0.0)
    assert norm(ROWS[:1]).shape == (1, 3)


def test_a_network_with_every_part_learns():
    """Seven labels, of which three are to be told from four."""
    model = network()
    x = np.arange(7)
    y = (x > 3).astype(int)
    optimiser = tn.optim.Adam(model.parameters(), alpha=0.03)
    for _ in range(150):
        with nn.training():
            loss = tn.losses.cross_entropy(model(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with no_grad():
        np.testing.assert_array_equal(model(x).data.argmax(-1), y)
