"""Updates by programs: they are those that are computed one by one, or they are none."""

import functools
import math
import sys
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import tinygrad_neuron as tn
from tinygrad_neuron import MLP, Layer, Neuron, Value, errors, losses, nn, optim
from tinygrad_neuron.fitting import stepping
from tinygrad_neuron.losses.description import example

RNG = np.random.default_rng(1492)
X = RNG.normal(size=(60, 3))
Y = np.tanh(X @ [1.0, -2.0, 0.5]) + 0.1 * RNG.normal(size=60)
LABELS = RNG.integers(0, 4, 60)
CLOSE = 1e-11  # relative to the largest entry, after a few dozen updates


@pytest.fixture(autouse=True)
def _early(monkeypatch):
    """A few updates are enough to show that all are right."""
    monkeypatch.setattr(stepping, "PAYS", 6)


def trained(make, data=(X, Y), wanted=True, **settings):
    """A model after a short training, and the history of that."""
    model = make()
    settings = {"epochs": 8, "batch_size": 20, **settings}
    return model, tn.fit(model, data, compile=wanted, progress=False, **settings)


def both(make, data=(X, Y), **settings):
    """The history with programs, after a look at whether it is that without them."""
    ours, history = trained(make, data, **settings)
    theirs, eager = trained(make, data, False, **settings)
    assert_close(ours.state(), theirs.state())
    single = any(p.dtype == np.float32 for p in theirs.parameters())
    assert_close(history.columns, eager.columns, 1e-5 if single else CLOSE)
    assert (history.ending, history.kept) == (eager.ending, eager.kept)
    assert (eager.compiled, eager.eager) == (0, "compile=False")
    return history


def assert_close(ours, theirs, close=CLOSE):
    """Within rounding of the largest entry, under each name."""
    assert ours.keys() == theirs.keys()
    for name in ours:
        got, wanted = np.asarray(ours[name]), np.asarray(theirs[name])
        assert got.dtype == wanted.dtype and got.shape == wanted.shape
        limit = 1e-4 if wanted.dtype == np.float32 else close
        np.testing.assert_allclose(got, wanted, rtol=0, atol=limit * np.abs(wanted).max(initial=0))


def network():
    """A small network."""
    return MLP(3, [6, 1], activation="tanh", rng=0)


# ------------------------------------------------------------------------------ the same numbers


@settings(max_examples=12, deadline=None)
@given(
    widths=st.lists(st.integers(1, 7), max_size=3),
    activation=st.sampled_from(["relu", "tanh", "sigmoid", "softplus"]),
    loss=st.sampled_from(["squared_error", "huber", "log_cosh", "poisson", "quantile"]),
    optimizer=st.sampled_from(["adam", "momentum", "lion", "rmsprop"]),
    size=st.sampled_from([None, 7, 20, 32]),
    dtype=st.sampled_from([np.float64, np.float32]),
)
def test_a_training_by_programs_is_the_training(widths, activation, loss, optimizer, size, dtype):
    """Whatever network, loss, optimiser and batches: weights and losses are those without."""
    history = both(
        lambda: MLP(3, [*widths, 1], activation=activation, rng=0).cast(dtype),
        (X.astype(dtype), np.abs(Y).astype(dtype)),
        loss=loss, optimizer=optimizer, batch_size=size, alpha=0.003,
    )  # fmt: skip
    assert history.compiled == history.columns["update"][-1] and not history.eager


@pytest.mark.parametrize(
    "loss",
    [
        "cross_entropy",
        lambda scores, label: losses.cross_entropy(scores, label, label_smoothing=0.1),
        functools.partial(losses.focal_multiclass, gamma=1.5),
    ],
    ids=["named", "lambda", "partial"],
)
def test_labels_are_an_input_of_the_program(loss):
    """Each batch has its own."""
    assert both(lambda: MLP(3, [6, 4], rng=0), (X, LABELS), loss=loss).compiled == 24


def test_a_plain_function_and_its_parameters():
    """A model may be a function, and hand the same weight to two of its parts."""
    found = []
    for wanted in (True, False):
        slope, shift = Value([1.0, 0.5, 0.1], name="slope"), Value(0.2)
        history = tn.fit(
            lambda x, a=slope, b=shift: tn.tanh(x @ a + b) + a.sum(), (X, Y),
            parameters=[slope, shift], epochs=8, compile=wanted,
        )  # fmt: skip
        found.append({"slope": slope.data, "shift": shift.data, "by slope": slope.grad})
    assert_close(*found)
    assert history.eager == "compile=False"


def test_what_is_not_moved_has_its_gradients_too():
    """They add up on every leaf, as `backward()` leaves them."""
    found = []
    for wanted in (True, False):
        model = network()
        tn.fit(
            model, (X, Y), parameters=[model.layers[1].b], epochs=4, batch_size=20, compile=wanted
        )
        found.append({str(i): p.grad for i, p in enumerate(model.parameters())})
    assert_close(*found)


@pytest.mark.parametrize("count", [2, 9])
def test_batches_of_several_sizes(count):
    """Each size has its program; of too many sizes the last ones have none."""
    edges = np.cumsum([0, *range(1, count + 1)])
    batches = [(X[a:b], Y[a:b]) for a, b in pairwise(edges)]
    history = both(network, batches)
    assert history.compiled == 8 * min(count, stepping.KINDS)
    assert ("shapes" in history.eager) == (count > stepping.KINDS)


def test_a_training_that_goes_on_has_the_same_bits(tmp_path):
    """Whatever was computed by a program is computed by one again, from the first update on."""
    path = tmp_path / "run.npz"
    for steps in (7, 20):
        model, history = trained(network, epochs=None, steps=steps, checkpoint=path)
    whole, all_of_it = trained(network, epochs=None, steps=20)
    assert history.compiled == 13 and all_of_it.compiled == 20
    assert all((model.state()[name] == whole.state()[name]).all() for name in whole.state())


def test_the_other_setting_goes_on(tmp_path):
    """How it was computed is no part of a training."""
    path = tmp_path / "run.npz"
    trained(network, epochs=None, steps=7, checkpoint=path, wanted=False)
    model, history = trained(network, epochs=None, steps=20, checkpoint=path)
    assert history.compiled == 13
    assert_close(model.state(), trained(network, epochs=None, steps=20)[0].state())


# ------------------------------------------------------------------- what stays as it was, and why


class Own(nn.Module):
    """A network as a person writes it, with settings of its own."""

    scale = 1.0

    def __init__(self):
        self.hidden, self.last = Layer(3, 6, rng=0), Layer(6, 1, nonlin=False, rng=1)
        self.temperature, self.mask, self.calls = 1.0, np.ones(6), 0
        self.settings = {"shift": [0.0]}

    def __call__(self, x):
        y = self.last(self.hidden(x) * self.mask) * self.temperature
        return y * self.scale + self.settings["shift"][0] + SHIFT["by"]


SHIFT = {"by": 0.0}
KEPT = []


class Counts(Own):
    """It knows how often it was called."""

    def __call__(self, x):
        self.calls += 1
        return super().__call__(x)


class Counted(Own):
    """It writes that down in a dictionary."""

    def __call__(self, x):
        self.settings["calls"] = self.settings.get("calls", 0) + 1
        return super().__call__(x)


class Stores(Own):
    """It keeps the last hidden layer."""

    def __call__(self, x):
        self.seen = self.hidden(x)
        return self.last(self.seen)


class Collects(Own):
    """It keeps all of them."""

    def __call__(self, x):
        KEPT.append(self.hidden(x))
        return self.last(KEPT[-1])


class Branches(Own):
    """It looks at a number."""

    def __call__(self, x):
        y = super().__call__(x)
        return y if y.sum() > 0 else -y


class Draws(Own):
    """It draws from NumPy's global generator."""

    def __call__(self, x):
        return super().__call__(x) * (1.0 + np.random.rand())


class DrawsCoins(Own):
    """Two traces may well draw the same."""

    def __init__(self):
        super().__init__()
        self.rng = np.random.default_rng(0)

    def __call__(self, x):
        return super().__call__(x) * float(self.rng.integers(2))


class Asks(Own):
    """It asks what kind of thing it was given."""

    def __call__(self, x):
        return super().__call__(x) * (1.0 if isinstance(x, np.ndarray) else 2.0)


class Follows(Own):
    """A running mean of one's own."""

    def __init__(self):
        super().__init__()
        self.mean = nn.Kept(0.0)

    def __call__(self, x):
        self.mean.value.data = 0.9 * self.mean.value.data + 0.1
        return super().__call__(x) - self.mean.value


class Prints(Own):
    """It tells that it was called."""

    def __call__(self, x):
        print("called")
        return super().__call__(x)


class Timed(Own):
    """It looks at the clock."""

    def __call__(self, x):
        return super().__call__(x) + 0.0 * time.time()


class Hooked(Own):
    """Somebody looks at a gradient on its way."""

    def __call__(self, x):
        return self.last(self.hidden(x).on_grad(lambda g: 2.0 * g))


class Saves(Own):
    """Its inside is computed again in the sweep."""

    def __call__(self, x):
        return self.last(tn.checkpoint(self.hidden)(x))


def dropping():
    """A network with dropout."""
    return nn.Sequential(Layer(3, 6, rng=0), nn.Dropout(0.2, rng=1), Layer(6, 1, rng=2))


def normalising():
    """A network with running means."""
    return nn.Sequential(Layer(3, 6, rng=0), nn.BatchNorm(6), Layer(6, 1, rng=2))


def embedding():
    """Rows for whole numbers, which it looks at."""
    return nn.Sequential(nn.Embedding(4, 3, rng=0), Layer(3, 1, nonlin=False, rng=1))


def result():
    """A weight that was computed from another one, once."""
    model = Own()
    model.temperature = Value(1.0) * 2.0
    return model


@pytest.mark.parametrize(
    "make, why",
    [
        (dropping, "layers[1].rng is a Generator"),
        (normalising, "gives a weight another number"),
        (Counts, "__call__ changes calls"),
        (Counted, "changes when it is called"),
        (Stores, "__call__ changes seen"),
        (Collects, "is a result of"),
        (Branches, "was asked for the number"),
        (Draws, "numpy.random is used"),
        (DrawsCoins, "rng is a Generator"),
        (Asks, "something else for a Value"),
        (Follows, "__call__ changes data"),
        (Prints, "print is called"),
        (Timed, "time.time is called"),
        (Hooked, "on_grad is used"),
        (Saves, "checkpointed is used"),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_a_model_that_no_program_can_stand_for(make, why):
    """To the bit it is learnt as without programs, and the history says why there were none."""
    found = []
    for wanted in (True, False):
        np.random.seed(0)
        KEPT.clear()
        model, history = trained(make, wanted=wanted)
        kept = [np.asarray(h.data) for h in KEPT]
        vars(model).pop("seen", None)  # of a result no state is kept
        found.append((model, history, kept, getattr(model, "calls", 0)))
    (ours, history, kept, calls), (theirs, eager, all_kept, all_calls) = found
    assert history.compiled == 0 and why in history.eager
    assert all((a == theirs.state()[name]).all() for name, a in ours.state().items())
    assert history.losses == eager.losses and calls == all_calls
    assert all((a == b).all() for a, b in zip(kept, all_kept, strict=True))


def test_a_result_among_the_weights_is_an_error_as_before():
    """A program would take it for a constant, and nobody would learn that it is out of date."""
    said = []
    for wanted in (True, False):
        model = result()
        with pytest.raises(errors.TinygradNeuronError) as error:
            tn.fit(
                model, (X, Y), parameters=[model.hidden.w, *model.temperature.inputs[:1]],
                epochs=9, compile=wanted,
            )  # fmt: skip
        said.append(type(error.value))
    assert said[0] is said[1]


@pytest.mark.parametrize(
    "data, settings, why",
    [
        ((X, Y), {"epochs": 1, "batch_size": None}, "1 updates, and it pays from 6 on"),
        ([(X.tolist(), Y)], {}, "not two of NumPy's arrays"),
        ([(Value(X), Y)], {}, "not two of NumPy's arrays"),
        ((LABELS, Y), {"make": embedding}, "was asked for the number"),
        ((X, Y), {"make": lambda: network().cast(np.complex128)}, "complex"),
    ],
    ids=["few", "lists", "Values", "embedding", "complex"],
)
def test_batches_that_no_program_takes(data, settings, why):
    """They are computed as ever."""
    settings = {"make": network, "loss": lambda p, t: tn.mean(abs(p - t) ** 2), **settings}
    if why == "complex":
        settings["optimizer"] = "gradient_descent"
    assert why in both(data=data, **settings).eager


def test_where_somebody_looks_on():
    """In `no_grad` there is nothing to learn by, and under a profile function nothing is heard."""
    with tn.no_grad():
        assert "no_grad()" in both(network).eager
    sys.setprofile(lambda *_: None)
    try:
        history = trained(network)[1]
    finally:
        sys.setprofile(None)
    assert history.compiled == 0 and "sys.setprofile" in history.eager


def test_a_function_that_nobody_can_find(monkeypatch):
    """What ran and is not reached from the model or the loss could be replaced unseen."""
    whole = Layer.__call__
    monkeypatch.setattr(Layer, "__call__", lambda self, x: whole(self, x))
    history = both(network)
    assert history.compiled == 0 and "it is not seen from where <lambda>" in history.eager


def test_what_is_held_back_owes_nothing():
    """No gradient passes a `detach`, in a program as elsewhere."""

    class Bootstraps(Own):
        def __call__(self, x):
            y = super().__call__(x)
            return y - 0.9 * y.detach() ** 2

    assert both(Bootstraps).compiled == 24


# ------------------------------------------------------------------------------ what changes


def _swap(look):
    if look.epoch == 3:
        look.model.hidden.activation = (
            tn.relu if look.model.hidden.activation is not tn.relu else np.tanh
        )


def _attribute(look):
    look.model.temperature = 1.0 + (look.epoch > 3)


def _anneal(look):
    look.model.temperature *= 0.9


def _in_place(look):
    look.model.mask[look.epoch % 6] = 0.0


def _in_a_list(look):
    look.model.settings["shift"][0] += 1.0


def _of_the_class(look):
    Own.scale = 1.0 + look.epoch % 2


def _of_a_global(look):
    SHIFT["by"] = float(look.epoch > 2)


def _freeze(look):
    if look.epoch == 3:
        look.model.hidden.w = look.model.hidden.w.detach()


def _replace(look):
    if look.epoch == 3:
        look.model.last = Layer(6, 1, nonlin=False, rng=5)


def _cast(look):
    if look.epoch == 3:
        look.model.cast(np.float32)


def _add(look):
    if look.epoch == 3:
        look.model.temperature = Value(2.0)


def _kind(look):
    if look.epoch == 3:
        look.model.__class__ = Other


class Other(Own):
    """The same weights, and another formula."""

    def __call__(self, x):
        return self.last(self.hidden(x) ** 2)


CHANGES = [
    *(_swap, _attribute, _anneal, _in_place, _in_a_list, _of_the_class, _of_a_global, _freeze),
    *(_replace, _cast, _add, _kind),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda f: f.__name__)
def test_a_callback_that_changes_the_model(change, monkeypatch):
    """From the next update on the model is what it has become: no program outlives it."""
    monkeypatch.setattr(Own, "scale", 1.0)
    found = []
    for wanted in (True, False):
        Own.scale, SHIFT["by"] = 1.0, 0.0
        found.append(trained(Own, wanted=wanted, callbacks=[change]))
    (ours, history), (theirs, eager) = found
    assert history.compiled >= 9
    assert_close(ours.state(), theirs.state())
    np.testing.assert_allclose(
        history.losses, eager.losses, rtol=CLOSE if change is not _cast else 1e-5
    )
    SHIFT["by"] = 0.0


@pytest.mark.parametrize("before, after", [(np.float32, np.float64), (np.float64, np.float32)])
def test_weights_of_another_precision(before, after):
    """Gradients have the precision that the weights have got."""

    def change(look):
        if look.epoch == 3:
            look.model.cast(after)

    found, data = [], (X.astype(before), Y.astype(before))
    for wanted in (True, False):
        model, history = trained(lambda: network().cast(before), data, wanted, callbacks=[change])
        assert bool(history.compiled) is wanted
        found.append({str(i): p.grad for i, p in enumerate(model.parameters())})
    assert {np.asarray(x).dtype for x in found[0].values()} == {np.dtype(after)}
    assert_close(*found, 1e-4)


def test_what_changes_all_the_time_is_computed_one_by_one():
    """After a few traces there are no more of them."""
    history = trained(Own, epochs=30, callbacks=[_anneal])[1]
    assert history.compiled == 3 * (1 + stepping.CHANGES)
    assert "again and again" in history.eager


def test_a_closure_that_changes():
    """The loss of the second half is another one."""
    found = []
    for wanted in (True, False):
        power = 2.0

        def loss(p, t):
            return tn.mean(abs(p - t) ** power)  # noqa: B023

        def change(look):
            nonlocal power
            power = 2.0 + (look.epoch > 4)

        model = trained(network, wanted=wanted, loss=loss, callbacks=[change])[0]
        found.append(model.state())
    assert_close(*found)


# ------------------------------------------------------------------------------ what is checked


@pytest.mark.parametrize(
    "loss, y, bad",
    [
        ("cross_entropy", LABELS, 4),
        ("cross_entropy", LABELS, -1),
        ("hinge", np.sign(Y), 0.0),
        ("binary_cross_entropy", 1.0 * (Y > 0), 2.0),
        ("squared_error", Y, np.nan),
        ("poisson", np.abs(Y), -1.0),
    ],
    ids=str,
)
def test_a_target_that_is_refused_in_a_late_batch(loss, y, bad):
    """The error is that without programs, word by word, and so are the weights."""
    spoilt = y.copy()
    spoilt[50] = bad
    batches = [(X, y)] * 7 + [(X, spoilt)]
    nout = 4 if y is LABELS else 1
    said = []
    for wanted in (True, False):
        model = MLP(3, [6, nout], rng=0)
        with pytest.raises(errors.LossError) as error:
            tn.fit(model, batches, loss=loss, epochs=2, compile=wanted)
        said.append((str(error.value).split("\n", 1)[1], model.state()))
    assert said[0][0] == said[1][0]
    assert_close(said[0][1], said[1][1])


PAIRS = [name for name, loss in sorted(losses.LOSSES.items()) if len(loss.arrays) == 2]


@pytest.mark.parametrize("name", PAIRS)
def test_what_a_loss_refuses_its_program_does_not_let_through(name):
    """Every loss of the catalogue, with every array spoilt in turn; unspoilt it has its slope."""
    loss, rng = losses.LOSSES[name], np.random.default_rng(3)
    x, y = map(np.asarray, example(loss, rng, 4))
    one = Value(1.0)
    try:
        step = stepping._step_of(lambda x, y: loss(x * one, y), x, y, None)
    except errors.TinygradNeuronError:
        return  # no program
    found = step(x, y)
    loss(x * one, y).backward()
    assert math.isclose(found[1][0], one.grad, rel_tol=1e-9, abs_tol=1e-12)
    for wrong in (np.nan, -7.0, 7.0, 0.0, 0.5, np.inf):
        for at in range(2):
            arrays = [x.copy(), y.copy()]
            if not (arrays[at].dtype.kind == "f" or float(wrong).is_integer()):
                continue
            arrays[at][(0,) * arrays[at].ndim] = wrong
            try:
                with np.errstate(all="ignore"):
                    wanted = loss(arrays[0] * one, arrays[1]).item()
            except errors.LossError:
                assert step(*arrays) is None
                continue
            found = step(*arrays)
            assert found is None or math.isclose(found[0], wanted, rel_tol=1e-12)


def test_a_loss_that_is_lost_is_explained_as_before():
    """The same words, and the same last good weights."""
    said = []
    for wanted in (True, False):
        weight = Value([0.5, 0.5, 0.5], name="weight")
        with pytest.raises(errors.NonFiniteError) as error:
            tn.fit(
                lambda x, w=weight: tn.log(np.abs(x) @ w), (X, Y - 3.0), parameters=[weight],
                alpha=0.05, optimizer="gradient_descent", compile=wanted,
            )  # fmt: skip
        said.append((str(error.value).split("\n", 1)[1], {"w": weight.data}))
    assert said[0][0] == said[1][0] and "after 0" not in said[0][0]
    assert_close(said[0][1], said[1][1])


def test_patience_validation_and_plateau():
    """All that goes by the losses goes as it went."""
    found = []
    for wanted in (True, False):
        model, history = trained(
            network, wanted=wanted, validation=0.3, patience=2, epochs=60,
            alpha=optim.Plateau(0.3, patience=1),
        )  # fmt: skip
        found.append({**model.state(), **history.columns})
        assert history.ending == "no better" and bool(history.compiled) is wanted
    assert_close(*found)


def test_an_optimiser_of_ones_own():
    """It finds its gradients where `backward()` would have left them, zeroed or not."""

    class Patient(optim.GradientDescent):
        def zero_grad(self):
            if self.steps % 2 == 0:
                super().zero_grad()

    assert both(network, optimizer=lambda w: Patient(w, 0.02)).compiled == 24


def test_a_single_neuron_of_floats():
    """Where all is a number, not an array."""
    a = Neuron(1, nonlin=False, rng=0)
    assert tn.fit(a, (X[:, :1], Y), epochs=8).compiled == 16
    w = Value(0.5)
    tn.fit(lambda x, w=w: w * x, [(np.float64(2.0), 3.0)], parameters=[w], epochs=8)


class Settings(dict):
    """A dictionary that can do more."""


class Layers(list):
    """A list that can do more."""

    factor = 1.0


def test_containers_of_ones_own():
    """What they hold counts, and so do their attributes."""

    class Stack(nn.Module):
        def __init__(self):
            self.layers = Layers([Layer(3, 6, rng=0), Layer(6, 1, nonlin=False, rng=1)])
            self.settings = Settings(scale=1.0)

        def __call__(self, x):
            for layer in self.layers:
                x = layer(x)
            return x * self.settings["scale"] * self.layers.factor

    def change(look):
        look.model.settings["scale"] = 1.0 + (look.epoch > 2)
        look.model.layers.factor = 1.0 + (look.epoch > 4)

    assert both(Stack, callbacks=[change]).compiled == 24
