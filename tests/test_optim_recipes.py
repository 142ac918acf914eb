"""Recipes against their papers by hand, PyTorch's figures, and their own states."""

import builtins
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch_figures
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_neuron as tn
from tinygrad_neuron import Value, errors, optim

TORCH = json.loads(torch_figures.FILE.read_text())
RECIPES = torch_figures.RECIPES
KINDS = {
    "GradientDescent": {},
    "Momentum": {"beta": 0.5},
    "Nesterov": {"beta": 0.5},
    "Adagrad": {},
    "RMSprop": {"rho": 0.75},
    "Adam": {},
    "AdamW": {},
    "Lion": {},
}


def walk(optimiser, slope, steps):
    """So many steps down a slope that is a function of the weights."""
    for _ in range(steps):
        for p in optimiser.parameters:
            p.grad = slope(np.asarray(p.data))
        optimiser.step()


# ------------------------------------------------------------------------------ the papers


@pytest.mark.parametrize(
    ("kind", "settings", "changes"),
    [
        # gradients 2 and then -1, alpha 0.5
        ("GradientDescent", {}, [-1.0, 0.5]),
        # v = 2, then 0.5·2 - 1 = 0
        ("Momentum", {"beta": 0.5}, [-1.0, 0.0]),
        # g + βv = 2 + 1, then -1 + 0
        ("Nesterov", {"beta": 0.5}, [-1.5, 0.5]),
        # Σg² = 4, then 5
        ("Adagrad", {"eps": 0.0}, [-0.5, 0.5 / math.sqrt(5.0)]),
        # v = 0.25·4 = 1, then 0.75·1 + 0.25·1 = 1
        ("RMSprop", {"rho": 0.75, "eps": 0.0}, [-1.0, 0.5]),
        # m = 1, v = 2, corrected 2 and 4; then m = 0.5 - 0.5 = 0
        ("Adam", {"betas": (0.5, 0.5), "eps": 0.0}, [-0.5, 0.0]),
        # m = 1/2, v = 2; then m = 3/8 - 1/4 = 1/8 over 7/16, v = 3/2 over 3/4
        (
            "Adam",
            {"betas": (0.75, 0.5), "eps": 0.0},
            [-0.5, -0.5 * (0.125 / 0.4375) / math.sqrt(2.0)],
        ),
        # sign(0.5·0 + 0.5·2), m = 0.25·2; then sign(0.5·0.5 - 0.5·1) = -1
        ("Lion", {"betas": (0.5, 0.75)}, [-0.5, 0.5]),
    ],
)
def test_two_steps_by_hand(kind, settings, changes):
    """Each recipe's own formulas, worked out with a pencil."""
    optimiser = getattr(optim, kind)([Value(0.0)], alpha=0.5, **settings)
    memory = None
    for gradient, wanted in zip([2.0, -1.0], changes, strict=True):
        change, memory = optimiser.move(gradient, memory)
        assert change == pytest.approx(wanted, rel=1e-15, abs=1e-300)


def test_the_corrections_of_adam_by_hand():
    """Ten steps of the paper's algorithm 1, written with its letters."""
    g = np.random.default_rng(0).normal(size=10)
    adam = optim.Adam([Value(0.0)], alpha=0.1)
    m = v = 0.0
    memory = None
    for t in range(1, 11):
        change, memory = adam.move(g[t - 1], memory)
        m = 0.9 * m + 0.1 * g[t - 1]
        v = 0.999 * v + 0.001 * g[t - 1] ** 2
        wanted = -0.1 * (m / (1 - 0.9**t)) / (math.sqrt(v / (1 - 0.999**t)) + 1e-8)
        assert change == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("GradientDescent", 4.0 - 0.5 * (1.0 + 0.25 * 4.0)),  # added to the gradient
        ("Adagrad", 4.0 - 0.5),  # added, and divided away again: 2/2
        ("AdamW", 4.0 - 0.5 - 0.5 * 0.25 * 4.0),  # beside the step
        ("Lion", 4.0 - 0.5 - 0.5 * 0.25 * 4.0),
    ],
)
def test_decay_is_added_to_the_gradient_or_beside_the_step(kind, wanted):
    """A weight of 4 with gradient 1, alpha 0.5 and decay 0.25."""
    w = Value(4.0)
    w.grad = 1.0
    getattr(optim, kind)([w], alpha=0.5, decay=0.25).step()
    assert w.data == pytest.approx(wanted, rel=1e-8)


@pytest.mark.parametrize("name", RECIPES)
def test_a_hundred_steps_as_pytorch_takes_them(name):
    """To 1e-12, down a bowl with ripples; the figures are PyTorch's own."""
    kind, settings, _, _ = RECIPES[name]
    w = Value(torch_figures.START)
    optimiser = getattr(optim, kind)([w], alpha=0.03, **settings)
    done = 0
    for steps, wanted in zip(torch_figures.STEPS, TORCH["recipes"][name], strict=True):
        walk(optimiser, torch_figures.slope, steps - done)
        done = steps
        np.testing.assert_allclose(w.data, wanted, rtol=1e-12, atol=1e-12)


def test_every_recipe_that_pytorch_has_is_compared():
    """Lion is not in PyTorch; its steps above are by hand."""
    assert {kind for kind, *_ in RECIPES.values()} | {"Lion"} == KINDS.keys()


# ------------------------------------------------------------------------------ moves and states


@pytest.mark.parametrize("kind", KINDS)
@given(hnp.arrays(np.float64, (3, 2), elements=st.floats(-10, 10)))
def test_a_move_is_a_pure_function(kind, gradient):
    """Asked twice it says the same, and what it was given is as it was."""
    optimiser = getattr(optim, kind)([Value(np.zeros(2))], alpha=0.1, **KINDS[kind])
    memory = None
    for g in gradient:
        kept = json.dumps(memory, default=np.ndarray.tolist), g.copy()
        first, again = optimiser.move(g, memory), optimiser.move(g, memory)
        np.testing.assert_array_equal(first[0], again[0])
        assert json.dumps(memory, default=np.ndarray.tolist) == kept[0]
        np.testing.assert_array_equal(g, kept[1])
        memory = first[1]
        told = json.dumps(memory, default=np.ndarray.tolist)
        g += 1.0  # whoever owns the gradient may go on writing on it
        first[0][...] = 7.0
        assert json.dumps(memory, default=np.ndarray.tolist) == told
    assert optimiser.memory == [None]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "start", [1.5, np.float32(1.5), np.ones((2, 3)), np.ones((2, 3), np.float32)]
)
def test_a_state_goes_on_bit_for_bit(kind, start):
    """Ten steps, and five with another optimiser that loaded the state after the fifth."""
    settings = KINDS[kind] | {"decay": 0.01}
    make = getattr(optim, kind)
    through, here = (Value(start, name="w") for _ in range(2))
    optimiser = make([through], optim.cosine(0.1, steps=12), **settings)
    walk(optimiser, np.cos, 5)
    here.data, state = through.data, optimiser.state()
    walk(optimiser, np.cos, 5)
    other = make([here], optim.cosine(0.1, steps=12), **settings)
    other.load(state)
    walk(other, np.cos, 5)
    assert through.dtype == here.dtype == Value(start).dtype
    np.testing.assert_array_equal(through.data, here.data)
    for a, b in zip(optimiser.state().values(), other.state().values(), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype


def test_a_state_is_named_numbers():
    """How many steps, the last alpha, and each memory under the number of its parameter."""
    w, b = Value(np.ones(2)), Value(1.0)
    adam = optim.Adam([w, b], alpha=0.1)
    assert adam.state().keys() == {"steps", "alpha"}
    walk(adam, np.sign, 3)
    assert list(adam.state()) == [
        "steps",
        "alpha",
        *[f"memory[{i}].{name}" for i in (0, 1) for name in ("steps", "mean", "square")],
    ]
    state = adam.state()
    state["memory[0].mean"][...] = 7.0
    assert adam.state()["memory[0].mean"][0] != 7.0


class Odd(optim.Optimiser):
    """A recipe of one's own with a memory that is a tuple, or a single array."""

    def move(self, gradient, memory):
        if np.ndim(gradient):
            return -gradient, gradient + (0.0 if memory is None else memory)
        count, last = memory or (0, 0.0)
        return -gradient - last, (count + 1, gradient)


def test_memories_of_ones_own_are_kept_too():
    """Tuples by place, and a number or an array by itself; every parameter alike."""
    for start in (1.0, np.ones(3)):
        one, other = Odd([Value(start)], 0.1), Odd([Value(start)], 0.1)
        walk(one, np.cos, 3)
        other.load(one.state())
        np.testing.assert_array_equal(one.memory[0], other.memory[0])
        assert type(one.memory[0]) is type(other.memory[0])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda s: s.pop("steps"), r"lacks steps\."),
        (lambda s: s.pop("memory[1].mean"), r"lacks memory\[1\]\.mean\."),
        (lambda s: s.update(alpha=np.ones(2)), "alpha is not one number"),
        (lambda s: s.update(alpha=np.array("0.1")), "alpha is not one number"),
        (lambda s: s.update({"memory[0].mean": np.array(["a", "b"])}), r"mean has shape .*<U1"),
        (lambda s: s.pop("memory[0].mean"), "same for every parameter"),
        (lambda s: s.update({"memory[2].mean": np.ones(2)}), r"memory\[2\]\.mean is not"),
        (lambda s: s.update({"momentum": np.ones(2)}), "momentum is not"),
        (
            lambda s: s.update({"memory[0].mean": np.ones(5)}),
            r"memory\[0\]\.mean has shape \(5,\), float64, and its parameter \(2,\)",
        ),
    ],
)
def test_a_state_of_something_else_is_refused(change, sentence):
    """The entry is named, and the optimiser stays as it was."""
    adam = optim.Adam([Value(np.ones(2)), Value(1.0)], alpha=0.1)
    walk(adam, np.cos, 2)
    state = adam.state()
    walk(adam, np.cos, 1)
    change(state)
    with pytest.raises(errors.StateError, match=sentence):
        adam.load(state)
    assert adam.steps == adam.memory[0]["steps"] == 3


@pytest.mark.parametrize("kind", KINDS)
def test_every_recipe_finds_the_bottom_of_a_bowl(kind):
    """Of a tilted one with a minimum at (1, -2), with a falling alpha."""
    w = Value([5.0, 5.0])
    alpha = optim.cosine(0.9 if kind == "Adagrad" else 0.1, steps=600)
    optimiser = getattr(optim, kind)([w], alpha, **KINDS[kind], decay=0.0)
    walk(optimiser, lambda w: (w - [1, -2]) * [1, 2], 600)
    np.testing.assert_allclose(w.data, [1.0, -2.0], atol=1e-2)


# ------------------------------------------------------------------------------ schedules


@pytest.mark.parametrize(
    ("name", "schedule"),
    [
        ("stepwise", optim.stepwise(0.3, every=10, factor=0.5)),
        ("cosine", optim.cosine(0.3, steps=40, least=0.01)),
        ("warm_up", optim.warm_up(0.3, steps=10)),
        ("one_cycle", optim.one_cycle(0.3, steps=45)),
    ],
)
def test_schedules_as_pytorch_has_them(name, schedule):
    """Step after step, to 1e-12, in whatever order they are asked."""
    wanted = TORCH["schedules"][name]
    order = np.random.default_rng(0).permutation(len(wanted))
    found = {k: schedule(int(k)) for k in order}
    np.testing.assert_allclose([found[k] for k in range(len(wanted))], wanted, rtol=1e-12)


def test_a_plateau_as_pytorch_sees_it():
    """alpha after each loss; `move` is pure, so an earlier course can be taken up again."""
    plateau = optim.Plateau(0.3, factor=0.5, patience=2)
    told = [plateau(loss) for loss in torch_figures.LOSSES]
    np.testing.assert_allclose(told, TORCH["schedules"]["plateau"], rtol=1e-12)
    other = optim.Plateau(0.3, factor=0.5, patience=2)
    for loss in torch_figures.LOSSES[:6]:
        other(Value(loss).detach())
    restored = optim.Plateau(0.3, factor=0.5, patience=2)
    restored.load(other.state())
    assert [restored(loss) for loss in torch_figures.LOSSES[6:]] == told[6:]
    with pytest.raises(errors.StateError, match="alpha, least, waited; this has alpha"):
        restored.load({"alpha": 0.1})


def test_a_plateau_has_a_least_alpha_and_knows_losses_below_zero():
    """A rise is no fall, whatever the sign."""
    plateau = optim.Plateau(0.3, factor=0.1, patience=0, least=0.01)
    assert [plateau(x) for x in (-1.0, -2.0, -1.5)] == pytest.approx([0.3, 0.3, 0.03])
    assert [plateau(x) for x in (-1.0, -1.0)] == [0.01, 0.01]
    plateau = optim.Plateau(0.3, factor=0.5, patience=0)
    assert [plateau(x) for x in (-1.0, -0.99995, -1.00005)] == [0.3, 0.15, 0.075]


def test_an_optimiser_follows_its_schedule():
    """Its alpha is that of the step it has just taken; what is beyond the schedule is its end."""
    w = Value(0.0)
    descent = optim.GradientDescent([w], optim.warm_up(optim.cosine(0.4, steps=4), steps=2))
    seen = []
    for _ in range(6):
        w.grad = 1.0
        before = w.data
        descent.step()
        seen.append(descent.alpha)
        assert before - w.data == pytest.approx(seen[-1])
    wave = [0.2 * (1 + math.cos(math.pi * k / 4)) for k in range(4)]
    assert seen == pytest.approx([wave[0] / 2, *wave[1:], 0.0, 0.0])


# ------------------------------------------------------------------------------ clipping


@given(
    st.lists(hnp.arrays(np.float64, 3, elements=st.floats(-1e3, 1e3)), min_size=1, max_size=3),
    st.floats(1e-3, 1e3),
)
def test_clipping_keeps_the_direction(gradients, limit):
    """All together no longer than the limit, by one factor, which is 1 for what is short."""
    clipped = optim.clip_by_norm(limit)(gradients)
    length = np.linalg.norm(np.concatenate(gradients))
    factor = min(1.0, limit / length) if length else 1.0
    for g, c in zip(gradients, clipped, strict=True):
        np.testing.assert_allclose(c, factor * g, rtol=1e-12)


def test_clipping_measures_what_float32_cannot_square():
    """Norms of 1e30 and 1e-30 are norms; inf stays what it is, to be seen."""
    for size in (1e30, 1e-30):
        g = np.array([3 * size, 4 * size], np.float32)
        [clipped] = optim.clip_by_norm(size)([g])
        np.testing.assert_allclose(clipped, [0.6 * size, 0.8 * size], rtol=1e-6)
        assert clipped.dtype == np.float32
    with np.errstate(invalid="ignore"):
        assert not np.isfinite(optim.clip_by_norm(1.0)([np.array([np.inf, 1.0])])[0]).all()
        assert np.isnan(optim.clip_by_norm(1.0)([np.array([np.nan, 1.0])])[0]).all()


def test_clipping_happens_before_the_step():
    """Over all parameters together, and the gradients themselves stay as they are."""
    w, b = Value([0.0, 0.0]), Value(0.0)
    w.grad, b.grad = np.array([2.0, 3.0]), 6.0
    optim.GradientDescent([w, b], alpha=1.0, clip=optim.clip_by_norm(0.7)).step()
    np.testing.assert_allclose([*w.data, b.data], [-0.2, -0.3, -0.6], rtol=1e-15)
    assert b.grad == 6.0
    optim.GradientDescent([b], alpha=1.0, clip=optim.clip_by_value(0.5)).step()
    assert b.data == pytest.approx(-1.1)


def test_complex_parameters_descend_or_are_refused():
    """A square or a sign of a complex gradient would be a wrong number; the linear recipes are not.

    |z - (1 + 2i)|² has its bottom at 1 + 2i.
    """
    for kind in KINDS:
        z = Value(3.0 - 1.0j, name="z")
        try:
            optimiser = getattr(optim, kind)([z], 0.05, clip=optim.clip_by_value(1.0))
        except errors.UnsupportedError as error:
            assert "z, which is complex" in str(error)
            continue
        for _ in range(200):
            optimiser.zero_grad()
            (abs(z - (1.0 + 2.0j)) ** 2).backward()
            optimiser.step()
        assert z.data == pytest.approx(1.0 + 2.0j, abs=1e-3)
    with pytest.raises(errors.UnsupportedError, match="minimise was given z"):
        optim.minimise(lambda: abs(z), [z])


# ------------------------------------------------------------------------------ SciPy's methods


def valley(w):
    """Rosenbrock's valley in 4 dimensions: one bottom, at 1, at the end of a bent way."""
    return (100.0 * (w[1:] - w[:-1] ** 2) ** 2 + (1.0 - w[:-1]) ** 2).sum()


@pytest.mark.parametrize("method", ["L-BFGS-B", "BFGS", "CG", "TNC", "SLSQP"])
def test_scipys_methods_find_the_end_of_the_valley(method):
    """Fed with gradients from here; the parameters keep what was found."""
    w, b = Value([0.5, 0.5]), Value(0.7)
    found = optim.minimise(
        lambda: valley(tn.concatenate([w, [b, b * b]])), [w, b], method=method, tol=1e-10
    )
    np.testing.assert_allclose([*w.data, b.data], 1.0, rtol=1e-4)
    np.testing.assert_array_equal(found.x, [*w.data, b.data])


def test_what_was_found_counts_and_not_what_was_tried_last():
    """A method may look further after the best place; the parameters go back there."""

    def method(loss, x0, **settings):
        loss(x0 + 1.0), loss(x0 + 2.0)
        return SimpleNamespace(x=x0 + 1.0)

    w = Value([1.0, 2.0])
    optim.minimise(lambda: (w * w).sum(), [w], method=method)
    np.testing.assert_array_equal(w.data, [2.0, 3.0])


def test_a_network_by_l_bfgs_fits_what_it_can():
    """A parameter that the loss does not use has slope 0 and stays; float32 stays float32."""
    x = np.linspace(-2.0, 2.0, 40)[:, None].astype(np.float32)
    model = tn.MLP(1, [8, 1], activation="tanh", rng=0).cast(np.float32)
    unused = Value(3.0)
    loss = lambda: tn.losses.mse(model(x), np.sin(2.0 * x[:, 0]))  # noqa: E731
    optim.minimise(loss, [*model.parameters(), unused], options={"maxiter": 200})
    assert loss().item() < 1e-3
    assert unused.data == 3.0
    assert model.parameters()[0].dtype == np.float32


def test_without_scipy_it_says_what_to_install(monkeypatch):
    """The extra is named, and nothing was moved."""
    real = builtins.__import__

    def missing(name, *args, **more):
        if name.startswith("scipy"):
            raise ImportError(name)
        return real(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    w = Value(2.0)
    with pytest.raises(errors.MissingExtraError, match=r"\[scipy\]"):
        optim.minimise(lambda: w * w, [w])
    assert w.data == 2.0


# ------------------------------------------------------------------------------ mistakes


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        (lambda w: optim.Adam([w], 0.1, betas=(0.9, 1.0)), r"betas\[1\] is 1.0"),
        (lambda w: optim.Momentum([w], 0.1, beta=-0.1), "beta is -0.1"),
        (lambda w: optim.RMSprop([w], 0.1, rho=math.nan), "rho is nan"),
        (lambda w: optim.AdamW([w], 0.1, decay=-1.0), "decay is -1.0"),
        (lambda w: optim.Adam([w], lambda k: -0.1), "alpha is -0.1"),
        (lambda w: optim.clip_by_norm(0.0), "limit of a gradient is 0.0"),
        (lambda w: optim.clip_by_value(math.inf), "limit of a gradient is inf"),
        (lambda w: optim.cosine(0.1, steps=0), "steps is 0"),
        (lambda w: optim.stepwise(0.1, every=0), "every is 0"),
        (lambda w: optim.one_cycle(0.1, steps=3), "Of 3 steps, rise=0.3"),
        (lambda w: optim.one_cycle(0.1, steps=30, rise=1.0), "Of 30 steps, rise=1.0"),
    ],
)
def test_what_leads_nowhere_is_refused(mistake, sentence):
    """When it is written down, and not at the first step."""
    with pytest.raises(errors.DescentError, match=sentence):
        mistake(Value(1.0))
