"""What losses say of themselves is true: convex, how steep, what they elicit; names, pictures."""

import json
import textwrap
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tinygrad_neuron import Value, cli, errors, grad, losses, primitive
from tinygrad_neuron.errors import (
    LossCheckError,
    LossError,
    RuleError,
    UnknownNameError,
    WrongRuleError,
)
from tinygrad_neuron.graph import plain
from tinygrad_neuron.losses import checking, registry
from tinygrad_neuron.losses.description import curve, describe, example, lipschitz
from tinygrad_neuron.losses.elsewhere import ELSEWHERE

EVERY = list(losses.LOSSES.values())
named = {"ids": lambda x: x.__name__}
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=15)


def each_of(loss, first, others):
    """The loss of each example."""
    return np.asarray(plain(loss(first, *others, reduction="none")))


# -------------------------------------------------------------------------- what is declared


@pytest.mark.parametrize("loss", [x for x in EVERY if x.convex and not x.coupled], **named)
@few
@given(seed=seeds, share=st.floats(0.0, 1.0))
def test_what_is_convex_lies_below_its_chords(loss, seed, share):
    """Between two predictions the loss is at most what a straight line between them is."""
    rng = np.random.default_rng(seed)
    a, *others = example(loss, rng, 4)
    b, *_ = example(loss, rng, 4)
    between = each_of(loss, share * a + (1.0 - share) * b, others)
    chord = share * each_of(loss, a, others) + (1.0 - share) * each_of(loss, b, others)
    assert np.all(between <= chord + 1e-12 * (1.0 + np.abs(chord)))


@pytest.mark.parametrize("loss", [x for x in EVERY if x.convex is False], **named)
def test_what_is_called_not_convex_is_not(loss):
    """Some chord lies below: the word is not only caution."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        a, *others = example(loss, rng, 4)
        b, *_ = example(loss, rng, 4)
        chord = 0.5 * (each_of(loss, a, others) + each_of(loss, b, others))
        if np.any(each_of(loss, 0.5 * (a + b), others) > chord + 1e-9):
            return
    pytest.fail("no chord was found below it")


@pytest.mark.parametrize("loss", [x for x in EVERY if x.lipschitz is not None], **named)
def test_no_slope_is_beyond_the_bound_and_some_come_near(loss):
    """The Lipschitz constant is the steepest there is, and no larger than it need be."""
    rng = np.random.default_rng(0)
    steepest = 0.0
    for size in (0.1, 1.0, 10.0, 100.0):
        first, *others = example(loss, rng, 50)
        slope = grad(lambda p, rest=others: loss(p, *rest, reduction="sum"))(first * size).data
        steepest = max(steepest, np.abs(slope).max())
    assert 0.9 * lipschitz(loss) <= steepest <= lipschitz(loss) * (1.0 + 1e-12)


ENDS = {
    "mean": lambda t: t.mean(),
    "median": np.median,
    "quantile": np.median,
    "probability": lambda t: t.mean(),
    "logit": lambda t: np.log(t.mean() / (1.0 - t.mean())),
    "log mean": lambda t: np.log(t.mean()),
}
OF_POSITIVES = {"itakura_saito", "beta_divergence"}
ELICIT = [x for x in EVERY if x.elicits in ENDS and not x.rows]


@pytest.mark.parametrize("loss", ELICIT, **named)
def test_the_best_constant_is_what_is_said(loss):
    """Of all constants the loss is least for the mean, the median, ... of the targets."""
    positive = loss.__name__ in OF_POSITIVES
    if (loss.domain.allows is not None and not positive) or loss.elicits == "logit":
        t = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0])
    else:
        t = np.array([0.5, 1.0, 1.5, 2.5, 3.0, 5.0, 9.0])
    best = ENDS[loss.elicits](t)
    grid = best + np.linspace(-0.2, 0.2, 81)
    rest = [np.zeros(7)] * (len(loss.arrays) - 2)
    values = [loss(np.full(7, c), t, *rest) for c in grid]
    assert grid[np.argmin(values)] == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("q", [0.25, 0.5, 0.75])
def test_the_quantile_loss_is_least_at_its_quantile(q):
    """A q-th of the targets lies below."""
    t = np.arange(9.0)
    values = [losses.quantile(np.full(9, c), t, q=q) for c in t]
    assert t[np.argmin(values)] == np.quantile(t, q)


def test_cross_entropy_is_least_at_the_shares_of_the_classes():
    """Its gradient is 0 where softmax gives the shares."""
    t = np.array([0, 0, 1, 2, 2, 2])
    x = np.log(np.array([2.0, 1.0, 3.0]) / 6.0)
    slope = grad(lambda v: losses.cross_entropy(v + np.zeros((6, 3)), t))(x)
    np.testing.assert_allclose(slope.data, 0.0, atol=1e-16)


# -------------------------------------------------------------------------------- check_loss


@pytest.mark.parametrize("loss", EVERY, **named)
def test_every_loss_here_passes_its_own_check(loss):
    """At least 18 properties, of each."""
    assert len(losses.check_loss(loss)) >= 18


def halves(p, t):
    """A loss divided by the number of examples."""
    return (p - t) ** 2 / len(p)


def remembers():
    """A loss that counts how often it was called."""
    calls = []

    def counting(p, t):
        calls.append(1)
        return (p - t) ** 2 * len(calls)

    return counting


def writes(p, t):
    """A loss that changes what it is given."""
    t *= 0.5
    return (p - t) ** 2


def detached(p, t):
    """A loss with a factor that has lost its history."""
    return (p - t) * plain(p - t)


def lowered(p, t):
    """A loss below 0."""
    return (p - t) ** 2 - 10.0


PLANTED = {
    "overflow": (lambda p, t: (1.0 + (t - p).exp()).log() if isinstance(p, Value)
                 else np.log(1.0 + np.exp(t - p)), "finite at predictions of size 1000"),
    "reduces": (lambda p, t: ((p - t) ** 2).mean(), "one loss for each example"),
    "by the batch": (halves, "an example alone is as among others"),
    "nan at 0": (lambda p, t: ((p - t) ** 2) ** 0.5, "finite where prediction is target"),
    "float64": (lambda p, t: np.where(plain(p) > plain(t), 2.0, 1.0) * (p - t) ** 2,
                "float32 gives float32"),
    "another each time": (remembers(), "the same value every time"),
    "writes": (writes, "leaves what it is given alone"),
    "detached": (detached, "gradient is the slope seen"),
    "below 0": (lowered, "never below its least value"),
    "overflow early": (lambda p, t: ((p - t) ** 2).exp() if isinstance(p, Value)
                       else np.exp((p - t) ** 2), "finite at predictions of size 50"),
    "neighbours": (lambda p, t: (p - t) ** 2 + (p - plain(p)).sum(), "and so is its gradient"),
    "slope held": (lambda p, t: 2.0 * p * plain(p - t) - plain(p) ** 2 + t**2,
                   "second derivative is the slope of the slope"),
    "float64 factor": (lambda p, t: (p * np.ones(len(t)) - t) ** 2, "float32 gives float32"),
    "rank": (lambda p, t: (p - t) ** 2 * np.arange(1.0, 1.0 + len(p)),
             "the order of examples does not matter"),
}  # fmt: skip


@pytest.mark.parametrize(("function", "lacks"), PLANTED.values(), ids=PLANTED)
def test_a_planted_mistake_is_found_and_told(function, lacks):
    """Each by the property that is there to refuse it, with what was seen instead."""
    with pytest.raises(LossCheckError) as caught:
        losses.check_loss(function)
    assert lacks in {finding.name for finding in caught.value.data["failed"]}
    assert f"- {lacks}: " in str(caught.value)
    assert isinstance(caught.value, AssertionError)


class Spoilt(losses.Loss):
    """A mechanism with one mistake in it."""

    def __init__(self, spoil):
        super().__init__(lambda p, t: (p - t) ** 2)
        self.spoil = spoil
        self.__name__ = "spoilt"

    def __call__(self, p, t, weight=None, mask=None, reduction="mean", **more):
        """Mean squared error, but."""
        return self.spoil(super().__call__, p, t, weight, mask, reduction)


def by_number(f, p, t, weight, mask, reduction):
    """Weighted, and divided by the number of examples."""
    if weight is None or reduction != "mean":
        return f(p, t, weight=weight, mask=mask, reduction=reduction)
    return f(p, t, weight=weight, reduction="sum") / len(t)


def by_zeros(f, p, t, weight, mask, reduction):
    """A mask that multiplies."""
    if mask is None:
        return f(p, t, weight=weight, reduction=reduction)
    each = (p - np.nan_to_num(t)) ** 2 * mask
    return each if reduction == "none" else each.sum() / mask.sum()


def leaking(f, p, t, weight, mask, reduction):
    """A mask that takes the value out and leaves a gradient in."""
    loss = f(p, t, weight=weight, mask=mask, reduction=reduction)
    return loss if mask is None else loss + (p - plain(p))[~mask].sum()


def mean_for_sum(f, p, t, weight, mask, reduction):
    """One reduction for another."""
    other = {"sum": "mean", "mean": "sum"}.get(reduction, reduction)
    return f(p, t, weight=weight, mask=mask, reduction=other)


def counting_one(f, p, t, weight, mask, reduction):
    """Parts whose weight is 1, whatever they are made of."""
    result = f(p, t, weight=weight, mask=mask, reduction=reduction)
    return (result[0], 1.0) if reduction == "parts" else result


def undivided(f, p, t, weight, mask, reduction):
    """A weighted mean that is never divided by the weights."""
    reduction = "sum" if reduction == "mean" and weight is not None else reduction
    return f(p, t, weight=weight, mask=mask, reduction=reduction)


def unmasked(f, p, t, weight, mask, reduction):
    """A mask that nobody looks at."""
    return f(p, t, weight=weight, reduction=reduction)


def unlike_shares(x, t):
    """A loss over classes that counts shares twice."""
    return losses.cross_entropy(x, t, reduction="none") * (1.0 + (t.ndim > 1))


def broadcasting(f, p, t, weight, mask, reduction):
    """A loss of every prediction beside every target."""
    t = t[:, 0] if np.ndim(t) > np.ndim(p) else t
    return f(p, t, weight=weight, mask=mask, reduction=reduction)


@pytest.mark.parametrize(
    ("spoil", "lacks"),
    [
        (by_number, "weighted mean is sum(w l) / sum(w)"),
        (by_zeros, "nan behind a mask: not in the value"),
        (leaking, "nan behind a mask: not in the gradient"),
        (broadcasting, "shapes that differ are refused"),
        (mean_for_sum, "mean is the mean of each"),
        (mean_for_sum, "sum is the sum of each"),
        (counting_one, "parts of a batch add up to it"),
        (undivided, "equal weights change nothing"),
        (undivided, "weight 0 leaves out"),
        (unmasked, "a mask leaves out"),
    ],
)
def test_a_planted_mistake_of_a_mechanism_is_found(spoil, lacks):
    """The properties of weights, masks and shapes do fail when they should."""
    findings = checking.examine(Spoilt(spoil))
    assert lacks in {finding.name for finding in findings if finding.problem}


def test_labels_and_shares_that_disagree_are_found():
    """A loss over classes is asked both ways."""
    with pytest.raises(LossCheckError, match="labels agree with shares of 0 and 1"):
        losses.check_loss(unlike_shares, rows=1, target="label")


def test_no_property_of_the_check_is_idle():
    """For each there is a mistake above that it finds."""
    source = Path(__file__).read_text().partition("def test_no_property")[0]
    assert [name for name in checking.PROPERTIES if f'"{name}"' not in source] == []


def test_the_check_takes_parameters_and_traits():
    """A loss over labels, with a parameter away from its default."""
    assert losses.check_loss(losses.poly_cross_entropy, params={"epsilon": -1.0})

    def plain_margin(scores, label, margin=1.0):
        return losses.crammer_singer(scores, label, margin=margin, reduction="none")

    assert losses.check_loss(plain_margin, {"margin": 0.5}, rows=1, target="label")


# ------------------------------------------------------------------- gradients written by hand


def square_with(vjp, **more):
    """x² · scale with a hand-written gradient."""

    @primitive(domains=("real",), **more)
    def squared(x, scale=1.0):
        return scale * x * x

    squared.vjp(vjp)
    return squared


X = np.array([1.0, -2.0])
SLIPS = {
    "sign": (lambda g, y, x, scale: -2.0 * scale * g * x, "its sign is wrong"),
    "factor": (lambda g, y, x, scale: scale * g * x, "half as large"),
    "setting forgotten": (
        lambda g, y, x, scale: 2.0 * g * x + 0.0 * scale + 1e-3 * g,
        "not the slope",
    ),
    "summed": (lambda g, y, x, scale: np.sum(2.0 * scale * g * x), r"shape \(\)"),
    "two shares": (lambda g, y, x, scale: (2.0 * scale * g * x, None), "2 shares for 1 arrays"),
    "none": (lambda g, y, x, scale: None, "gives None"),
    "raw": (lambda g, y, x, scale: 2.0 * scale * g * plain(x), "at second order"),
}


@pytest.mark.parametrize(("vjp", "what"), SLIPS.values(), ids=SLIPS)
def test_a_wrong_gradient_is_found_on_first_use_and_again(vjp, what):
    """Sign, factor, shape, arity, raw arrays: an error instead of a wrong number."""
    squared = square_with(vjp)
    for _ in range(2):
        with pytest.raises((RuleError, WrongRuleError), match=what):
            grad(lambda x: squared(x).sum())(X)


def test_a_right_gradient_is_checked_once_and_serves_every_order():
    """With settings by position or keyword, and a second derivative."""
    calls = []

    def right(g, y, x, scale):
        calls.append(1)
        return 2.0 * scale * g * x

    squared = square_with(right)
    np.testing.assert_array_equal(grad(lambda x: squared(x, 3.0).sum())(X).data, 6.0 * X)
    asked = len(calls)
    slope = grad(lambda x: squared(x, scale=3.0).sum())
    np.testing.assert_array_equal(slope(X).data, 6.0 * X)
    assert len(calls) == asked + 1
    assert grad(grad(squared))(2.0).item() == 2.0


def test_a_gradient_of_order_one_has_no_second_derivative():
    """It is refused, not 0."""
    squared = square_with(lambda g, y, x, scale: 2.0 * scale * g * plain(x), order=1)
    np.testing.assert_array_equal(grad(lambda x: squared(x).sum())(X).data, 2.0 * X)
    with pytest.raises(RuleError, match="its gradient has none of its own"):
        grad(grad(squared))(2.0)


def test_an_error_inside_a_gradient_says_whose_it_was():
    """A note beside the traceback."""
    squared = square_with(lambda g, y, x, scale: undefined * g)  # noqa: F821
    with pytest.raises(NameError) as caught:
        grad(lambda x: squared(x).sum())(X)
    assert "raised inside the vjp of squared" in caught.value.__notes__
    with pytest.raises(RuleError, match="it has no gradient yet"):
        grad(primitive(domains=("real",))(lambda x: x * x))(2.0)


def test_the_check_can_be_switched_off(monkeypatch):
    """By the environment, for a run that has no time for it."""
    monkeypatch.setenv("TGN_CHECK_PRIMITIVES", "off")
    squared = square_with(lambda g, y, x, scale: g * x)
    np.testing.assert_array_equal(grad(lambda x: squared(x).sum())(X).data, X)


def test_a_function_that_cannot_be_tried_says_where_it_was():
    """The domains are the person's to state."""

    @primitive(domains=("real",))
    def picky(x):
        if np.any(np.asarray(x) < 0.0):
            raise ValueError("negative")
        return x

    picky.vjp(lambda g, y, x: g)
    with pytest.raises(ValueError, match="negative") as caught:
        grad(picky)(1.0)
    assert "domains=('real',)" in caught.value.__notes__[0]


# ------------------------------------------------------------------------------------- names


@pytest.mark.parametrize("row", ELSEWHERE, ids=lambda row: f"{row.library}.{row.name}")
def test_another_library_s_name_finds_ours(row):
    """And what differs is on record, under the same name."""
    assert row.ours in losses.LOSSES
    rows = losses.elsewhere(row.name)
    assert row in rows
    assert losses.get(row.name).__name__ in {r.ours for r in rows} | {row.name}


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("BCEWithLogitsLoss", "binary_cross_entropy"),
        ("sparse_categorical_crossentropy", "cross_entropy"),
        ("CrossEntropyLoss", "cross_entropy"),
        ("mean_absolute_error", "absolute_error"),
        ("mse", "squared_error"),
    ],
)
def test_names_are_found_however_they_are_spelt(name, ours):
    """A class's name, a function's, an abbreviation."""
    assert losses.get(name).__name__ == ours


def test_two_losses_do_not_share_a_name():
    """The second is refused; the same function defined again takes its own place."""
    with pytest.raises(LossError, match="There is a loss 'huber' already"):

        @losses.loss
        def huber(prediction, target):
            return prediction - target

    with pytest.raises(LossError, match="There is a loss 'mse' already"):

        @losses.loss(aliases=("mse",))
        def fresh(prediction, target):
            return prediction - target

    assert "fresh" not in losses.LOSSES


@pytest.fixture
def plugged(monkeypatch):
    """Another package, installed, with a loss that the entry points name."""
    point = metadata.EntryPoint("their_loss", "tinygrad_neuron.losses:huber", registry.GROUP)
    monkeypatch.setattr(metadata, "entry_points", lambda group: [point])


@pytest.mark.usefixtures("plugged")
def test_other_packages_losses_are_found_by_name():
    """By an entry point, loaded when it is asked for."""
    assert losses.get("their_loss") is losses.huber
    assert losses.names()[-1] == "their_loss"
    with pytest.raises(UnknownNameError, match="did you mean 'their_loss'"):
        losses.get("their_los")


def test_a_package_that_cannot_be_loaded_hides_no_other(capsys, monkeypatch):
    """It is listed with the reason; a plain function of another package is a loss as well."""
    points = [
        metadata.EntryPoint("gone", "no_such_package:loss", registry.GROUP),
        metadata.EntryPoint("bare", "operator:sub", registry.GROUP),
    ]
    monkeypatch.setattr(metadata, "entry_points", lambda group: points)
    out = printed(capsys)
    assert "  gone  ModuleNotFoundError: No module named 'no_such_package'" in out
    assert "  bare " in out
    assert "sub(a, b)" in printed(capsys, "bare")


# ---------------------------------------------------------------------------- descriptions


@pytest.mark.parametrize("loss", EVERY, **named)
def test_every_loss_describes_and_draws_itself(loss):
    """Name, sentence, formula, source, and a plot in which both curves appear."""
    text = describe(loss)
    assert text.startswith(f"{loss.__name__}({loss.arrays[0]}")
    assert loss.formula
    assert " ".join(loss.formula.split()) in " ".join(text.split())
    assert loss.source
    assert "#: loss   .: its gradient" in text
    picture = [line.partition("|")[2] for line in text.splitlines() if " |" in line]
    assert any("#" in line for line in picture)
    assert all(len(line) <= 110 for line in text.splitlines())
    _, x, y, slope = curve(loss, 9)
    assert x.shape == slope.shape == (9,)
    assert loss.coupled or loss.rows > 1 or y.shape == (9,)


@pytest.mark.parametrize("loss", EVERY, **named)
def test_every_loss_has_a_sentence(loss):
    """The first line says what it is, and where it is from is on record."""
    first = loss.__doc__.partition("\n\n")[0]
    assert first.rstrip().endswith(".") or "." in first
    assert loss.__name__.islower()


# ------------------------------------------------------------------------------- the command


def printed(capsys, *arguments, code=0):
    """What the command prints."""
    assert cli.main(["losses", *arguments]) == code
    return capsys.readouterr().out


def test_the_command_lists_all(capsys):
    """Each with its formula, under its theme, and in JSON with its properties."""
    out = printed(capsys)
    assert all(f"  {name} " in out for name in losses.LOSSES)
    assert out.index("A number beside a number") < out.index("A score beside a yes or no")
    rows = json.loads(printed(capsys, "--json"))["losses"]
    assert {row["name"] for row in rows} == set(losses.names())
    assert all(len(line) <= 100 for line in out.splitlines())


def test_the_command_describes_one(capsys):
    """By any of its names; another library's name says what differs there."""
    assert "δ(|r| - δ/2)" in printed(capsys, "huber")
    out = printed(capsys, "BCEWithLogitsLoss")
    assert out.startswith("torch's BCEWithLogitsLoss is binary_cross_entropy here.")
    assert "divided by the number" in out
    row = json.loads(printed(capsys, "MSELoss", "--json"))
    assert (row["name"], row["asked"]) == ("squared_error", "MSELoss")
    assert row["curve"]["loss"][10] == 0.0


OWN = """
    from tinygrad_neuron import exp, log, minimum, where
    from tinygrad_neuron.losses import loss

    def asymmetric(pred, target, under=2.0):
        r = target - pred
        return where(r > 0, under, 1.0) * r * r

    @loss
    def naive_{name}(pred, target):
        return log(1.0 + exp(target - pred))
"""


def test_the_command_checks_a_module_of_one_s_own(capsys, tmp_path, monkeypatch):
    """Plain functions and declared losses; 1 if any lacks anything, 0 if none does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "mine.py").write_text(textwrap.dedent(OWN.format(name="one")))
    (tmp_path / "fine.py").write_text(textwrap.dedent(OWN).partition("@loss")[0])
    out = printed(capsys, "check", "mine.py", code=1)
    assert "asymmetric has all 24 properties" in out
    assert "naive_one lacks 1 of 24 properties" in out
    assert "  - finite at predictions of size 1000: inf at a prediction of -1000" in out
    assert printed(capsys, "check", "fine").startswith("asymmetric has all")
    found = json.loads(printed(capsys, "check", "fine", "--json"))
    assert found["succeeded"]
    del losses.LOSSES["naive_one"]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["hubre"], "There is no loss 'hubre'; did you mean 'huber'?"),
        (["check"], "Which module's losses are to be checked?"),
        (["check", "nothing_here"], "There is no module 'nothing_here' here."),
        (["check", "json"], "json defines no loss."),
        (["huber", "more"], "losses huber more is one word too many."),
    ],
)
def test_the_command_refuses_with_a_remedy(capsys, arguments, what):
    """Exit code 2, what is wrong, and what to type."""
    assert cli.main(["losses", *arguments]) == 2
    told = capsys.readouterr().err
    assert what in told
    assert "  do:  " in told


def test_the_error_of_a_check_has_a_code_of_its_own():
    """TN145, on the page of messages."""
    assert errors.LossCheckError.code == "TN145"
