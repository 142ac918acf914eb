"""The lesson, row by row: every number that a person who types it in must see.

The numbers were worked out on paper (S = 256² + 212² = 110480, 1 - 2 alpha S, the strip of a box)
or with plain NumPy, and stand here as they are.
"""

import math

import numpy as np
import pytest

from tinygrad_neuron import Value, grad, history, losses, micrograd
from tinygrad_neuron.lesson import fit, guess, learn, nudge, sweep, tour
from tinygrad_neuron.lesson.equation import SEED, parse, whole_solution
from tinygrad_neuron.lesson.learn import EquationNeuron
from tinygrad_neuron.lesson.table import Table
from tinygrad_neuron.lesson.text import BLOCKS, Look
from tinygrad_neuron.lesson.verdicts import steps_to
from tinygrad_neuron.nn import MLP, Layer, Neuron
from tinygrad_neuron.train import descend

EQUATION = parse(SEED)
NARROW = Look(width=80, levels=BLOCKS)


def operations(*results):
    """The names of the primitives behind some results, oldest first."""
    return [node.primitive.name for node in history(*results) if node.primitive]


def neuron_loss(w1, w2, b=0.0):
    """The lesson's loss as a person would write it."""
    return (w1 * 256 + w2 * 212 + b - 1492) ** 2


def test_row_01_the_equation_is_an_ordinary_expression():
    """Left side, right side and error at any point; (5, 1) is the only small whole solution."""
    x, y = Value(3.0), Value(2.0)
    assert EQUATION.left([x, y]).item() == 1192.0
    assert EQUATION.error([x, y]).item() == -300.0
    assert EQUATION.error([5, 1]) == 0
    assert all(EQUATION.error([5 + 53 * k, 1 - 64 * k]) == 0 for k in range(-9, 10))
    small = [(i, j) for i in range(6) for j in range(8) if 256 * i + 212 * j == 1492]
    assert small == [(5, 1)] == [whole_solution(EQUATION)]


def test_row_02_the_neuron_is_the_same_expression_renamed():
    """One graph under two namings: the same operations, the same numbers."""
    unknowns = [Value(3.0, name="x"), Value(2.0, name="y")]
    weights = EquationNeuron(EQUATION).parameters([3.0, 2.0])
    left, z = EQUATION.left(unknowns), EQUATION.left(weights)
    assert [w.name for w in weights] == ["w1", "w2"]
    assert operations(left) == operations(z) == ["multiply", "multiply", "add"]
    assert left.item() == z.item() == EquationNeuron(EQUATION).output(weights).item() == 1192.0


@pytest.mark.parametrize(("tolerance", "expected"), [(10, 181.9), (1, 1818.8), (0.01, 181_876.7)])
def test_row_03_how_long_guessing_takes_is_known(tolerance, expected):
    """P = 2 eps * 9.13766 / (100 sqrt S): the area of a strip of the box."""
    chance = guess.chance_of_any(EQUATION, (0, 10), tolerance)
    assert 1 / chance == pytest.approx(expected, abs=0.05)
    assert chance == pytest.approx(2 * tolerance * 9.13766 / (100 * math.sqrt(110_480)), rel=1e-6)


def test_row_03_guessing_measures_what_was_computed():
    """Of a million guesses 549.8 are expected to hit, give or take 23; of 121 whole points one."""
    guesses = guess.run(EQUATION, tries=1_000_000, seed=1)
    assert abs(guesses.hits - 549.8) < 4 * 23.4
    assert guess.chance_of_whole(EQUATION, (0, 10), 1.0) == 1 / 121
    assert guess.run(EQUATION, whole=True).bests[-1].point == (5.0, 1.0)


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("3a - 2b + c = 7", (-3, 4)),
        ("-x - 2y = 1", (-1, 2)),
        ("a+b+c+d = 9", (1, 5)),
        ("2a = 7", (3, 4)),
    ],
)
def test_row_03_the_chance_is_known_for_any_equation(text, box):
    """A million points, drawn and counted here, land as often as the volume says."""
    equation, n = parse(text), 1_000_000
    points = np.random.default_rng(3).uniform(*box, (n, len(equation.names)))
    errors = points @ np.array(equation.inputs) - float(equation.target)
    chance = guess.chance_of_any(equation, box, 0.5)
    assert abs(np.mean(np.abs(errors) < 0.5) - chance) < 5 * math.sqrt(chance * (1 - chance) / n)


def test_row_03_the_bests_are_those_of_one_long_list():
    """Guessed in batches or all at once: the same points, the same bests, the same numbers."""
    n = 3 * guess.BATCH + 5
    points = np.random.default_rng(0).uniform(0, 10, (n, 2))
    sizes = np.abs(points @ [256.0, 212.0] - 1492)
    best_before = np.minimum.accumulate([math.inf, *sizes[:-1]])
    numbers = (np.flatnonzero(sizes < best_before) + 1).tolist()
    guesses = guess.run(EQUATION, tries=n)
    assert [best.number for best in guesses.bests] == numbers
    assert guesses.bests[-1].point == tuple(points[numbers[-1] - 1])
    assert (guesses.hits, guesses.tries) == (np.count_nonzero(sizes < 1), n)


def test_row_04_guessing_does_not_learn():
    """The best of n guesses has |error| near 1819 / n in any order; descent takes 10 steps."""
    bests = [abs(guess.run(EQUATION, tries=1000, seed=s).bests[-1].error) for s in range(400)]
    assert np.mean(bests) == pytest.approx(1.819, rel=0.2)
    one, other = guess.run(EQUATION, seed=0), guess.run(EQUATION, seed=1)
    assert one.bests != other.bests
    assert learn.run(EQUATION, alpha=4e-6).history.updates == 10


def test_row_05_the_error_has_a_sign():
    """-1492 at (0, 0): too small; the sign is written wherever the error is."""
    assert EQUATION.error([0.0, 0.0]) == -1492.0
    screen = nudge.screen(nudge.run(EQUATION))
    assert "-1492   too small -> increase x" in screen
    assert "+168   too big   -> decrease y" in screen


def test_row_06_nudging_x_first_is_solved_in_ten_moves():
    """The lesson's own procedure: ten moves to (5, 1), each error as on paper."""
    walk = nudge.run(EQUATION, first="x")
    errors = [int(move.error) for move in walk.moves]
    assert errors == [-1492, -1236, -1024, -768, -556, -300, -88, 168, -44, 212, 0]
    assert (walk.ending, walk.moves[-1].position) == ("solved", (5, 1))


def test_row_06_nudging_y_first_goes_round_for_ever():
    """The same procedure with the other unknown first: a cycle of 4 that never comes below 8."""
    walk = nudge.run(EQUATION, first="y")
    assert (walk.ending, walk.cycle, walk.best) == ("cycle", 4, 8)
    assert (walk.moves[-1].number, walk.same_as) == (15, 11)


def test_row_06_few_starts_are_lucky():
    """390 of the 1681 whole-number starts in [-20, 20] end."""
    assert nudge.lucky_starts(EQUATION, nudge.Rule()) == (390, 1681)


@pytest.mark.parametrize(
    ("step", "best", "moves"),
    [(1, 5.2, 16), (0.1, 1.2, 57), (0.01, 0.16, 552), (0.001, 0.012, 5420)],
)
def test_row_06_a_smaller_step_comes_nearer_and_takes_longer(step, best, moves):
    """From (0.3, 0.7), in exact fractions: the repetition is noticed when it is exact."""
    walk = nudge.run(EQUATION, start=(0.3, 0.7), step=step)
    assert (walk.ending, float(walk.best), walk.moves[-1].number) == ("cycle", best, moves)


@pytest.mark.parametrize(
    ("alpha", "loss", "ending"),
    [
        (4e-6, "square", "converged"),
        (0.001, "abs", "cycling"),
        (0.001, "square", "diverging"),
        (1e-8, "square", "slow"),
        (9e-6, "square", "budget"),
        (0.001, "raw", "no minimum"),
    ],
)
def test_row_07_a_run_says_how_it_ended(alpha, loss, ending):
    """Whether the error converges to 0 is an answer, not a guess at a column of numbers."""
    learnt = learn.run(EQUATION, alpha=alpha, loss=loss)
    assert learnt.verdict.kind == ending
    assert learnt.succeeded is (ending == "converged")


def test_row_07_the_ratio_of_errors_is_shown():
    """Error now over error before: 1 - 4e-6 * 220960 = 0.11616 in every step."""
    learnt = learn.run(EQUATION, alpha=4e-6)
    ratios = np.divide(learnt.errors[1:], learnt.errors[:-1])
    assert ratios == pytest.approx(np.full(10, 0.11616), rel=1e-4)
    assert learn.screen(learnt, NARROW).count("+0.11616") == 10
    assert "log scale ▁ to █, steps 0 to 10:  ██▇▆▅▅▄▃▂▁▁" in learn.screen(learnt, NARROW)


def test_row_08_a_step_in_proportion_to_the_error_settles():
    """Two moves multiply the error by (1 - 256 eta)(1 - 212 eta): stable below 468 / 54272."""
    assert nudge.limit(EQUATION) == pytest.approx(0.0086232, abs=5e-8)
    assert nudge.limit(EQUATION, together=True) == pytest.approx(0.0042735, abs=5e-8)
    for eta, together, ending in [
        (0.00862, False, "solved"),
        (0.00863, False, "diverging"),
        (0.00427, True, "solved"),
        (0.00428, True, "diverging"),
    ]:
        assert nudge.run(EQUATION, eta=eta, together=together).ending == ending
    errors = [move.error for move in nudge.run(EQUATION, eta=0.001).moves]
    assert errors[2] / errors[0] == pytest.approx(0.744 * 0.788)


def test_row_08_one_eta_ends_in_one_move():
    """eta = 1/256 undoes the whole error with x alone: (5.828125, 0)."""
    walk = nudge.run(EQUATION, eta=1 / 256)
    assert [move.position for move in walk.moves] == [(0.0, 0.0), (5.828125, 0.0)]


@pytest.mark.parametrize(
    ("alpha", "flips", "kind", "steps"),
    [(2e-6, False, "converged", 37), (8e-6, True, "converged", 80), (1e-5, True, "diverging", 37)],
)
def test_row_09_a_huge_step_overshoots(alpha, flips, kind, steps):
    """Above 1/lambda the error changes sign in every step; above 2/lambda it also grows, until J is
    a million times larger: 1.2096^(2 * 37) is."""
    learnt = learn.run(EQUATION, alpha=alpha)
    assert all((a * b < 0) == flips for a, b in zip(learnt.errors, learnt.errors[1:], strict=False))
    assert (learnt.verdict.kind, learnt.history.updates) == (kind, steps)


@pytest.mark.parametrize(
    ("alpha", "factor", "steps"),
    [
        (1e-8, 0.99779, 9550),
        (1e-7, 0.97790, 946),
        (1e-6, 0.77904, 85),
        (2e-6, 0.55808, 37),
        (4e-6, 0.11616, 10),
        (1 / 220_960, 0.0, 1),
        (5e-6, -0.10480, 10),
        (8e-6, -0.76768, 80),
        (9e-6, -0.98864, 1849),
    ],
)
def test_row_10_the_steps_follow_from_the_factor(alpha, factor, steps):
    """ln(1e-6 / 1492) / ln |1 - alpha lambda| steps, and so many are taken."""
    learnt = learn.run(EQUATION, alpha=alpha, steps=20_000)
    assert (learnt.verdict.kind, learnt.history.updates) == ("converged", steps)
    assert learnt.verdict.factor == pytest.approx(factor, abs=6e-6)


def test_row_10_at_the_edge_it_takes_for_ever():
    """alpha = 9.0514e-06 is below the limit by so little that 200000 steps are not enough."""
    assert steps_to(1e-6, 1492.0, 1 - 9.0514e-6 * 220_960) > 200_000


def test_row_11_any_expression_of_the_error_is_a_loss():
    """At e = -1492: e, |e|, e², e²/2 and Huber's, each with its own slope in e."""
    slopes = {"raw": 1.0, "abs": -1.0, "square": -2984.0, "half-square": -1492.0, "huber": -1.0}
    values = {"raw": -1492.0, "abs": 1492.0, "square": 2_226_064.0, "half-square": 1_113_032.0,
              "huber": 1491.5}  # fmt: skip
    for name, (loss, _) in learn.LOSSES.items():
        e = Value(-1492.0)
        J = loss(e)
        J.backward()
        assert (J.item(), e.grad) == (values[name], slopes[name])


def test_row_11_a_plain_difference_has_no_minimum():
    """J = e falls by 110.48 in every step for ever; it is -2044.4 when that is noticed."""
    learnt = learn.run(EQUATION, alpha=0.001, loss="raw")
    falls = -np.diff([moment.loss for moment in learnt.history.moments])
    assert falls == pytest.approx(np.full(5, 110.48))
    assert learnt.history.last.loss == pytest.approx(-2044.4)
    screen = learn.screen(learnt)
    assert "TN120 no minimum: stopped at step 5." in screen
    assert "J falls by 110.48 in every step and is now -2044.4." in screen


def test_row_12_the_gradient_is_two_e_x():
    """2 e (256, 212, 1) with e = -1492 at (0, 0) and e = -1660 at (1, -2)."""
    for at, wanted in [((0.0, 0.0), (-763_904, -632_608, -2_984)),
                       ((1.0, -2.0), (-849_920, -703_840, -3_320))]:  # fmt: skip
        w1, w2, b = Value(at[0]), Value(at[1]), Value(0.0)
        neuron_loss(w1, w2, b).backward()
        assert (w1.grad, w2.grad, b.grad) == wanted
        functional = grad(neuron_loss, argnums=(0, 1, 2))(*at, 0.0)
        assert tuple(g.item() for g in functional) == wanted


@pytest.mark.parametrize("shape", [(2,), (2, 1), (1, 2)])
def test_row_13_a_gradient_has_the_shape_of_its_weights(shape):
    """A column of weights has a column of partial derivatives."""
    w = Value(np.zeros(shape))
    x = np.array([256.0, 212.0])
    ((w.reshape(2) @ x - 1492) ** 2).backward()
    assert w.grad.shape == shape
    assert w.grad.ravel().tolist() == [-763_904.0, -632_608.0]
    assert "dJ/dw1" in learn.screen(learn.run(EQUATION, alpha=4e-6))


def test_row_14_the_update_is_one_visible_line():
    """0 - 4e-6 * (-763904) = 3.055616, and 2.530432 for the other weight."""
    learnt = learn.run(EQUATION, alpha=4e-6)
    assert learnt.history.moments[1].weights == pytest.approx([3.055616, 2.530432], rel=1e-15)
    assert "w1 = 0 - 4e-06 * (-763904) = 3.055616" in learn.screen(learnt, NARROW)


def test_row_15_a_negative_gradient_makes_a_weight_grow():
    """From (0, 0) both weights go up, and the screen says why."""
    learnt = learn.run(EQUATION, alpha=4e-6)
    start, after = learnt.history.moments[:2]
    assert (start.gradient < 0).all() and (after.weights > start.weights).all()
    assert "slope below 0, so w1 grows" in learn.screen(learnt, NARROW)


@pytest.mark.parametrize("seed", range(5))
def test_row_16_a_start_ends_at_the_nearest_answer(seed):
    """w0 + (1492 - w0.x) / S * x: straight to the line of solutions."""
    learnt = learn.run(EQUATION, seed=seed)
    w0, x = learnt.history.first.weights, np.array([256.0, 212.0])
    assert ((w0 >= 0) & (w0 < 10)).all()
    nearest = w0 + (1492 - w0 @ x) / 110_480 * x
    assert learnt.history.last.weights == pytest.approx(nearest, abs=1e-8)


def test_row_17_the_forward_pass_is_recorded():
    """(w1 x1 + w2 x2 + b - y)²: 6 operations, 12 nodes."""
    w1, w2, b, x1, x2, y = (Value(v) for v in (0.0, 0.0, 0.0, 256.0, 212.0, 1492.0))
    J = (w1 * x1 + w2 * x2 + b - y) ** 2
    assert operations(J) == ["multiply", "multiply", "add", "add", "subtract", "power"]
    assert len(history(J)) == 12


def test_row_18_n_updates_are_n_plus_one_weight_vectors():
    """The start counts: 10 updates, 11 vectors, 11 losses, 11 lines of the table."""
    learnt = learn.run(EQUATION, alpha=4e-6, steps=10)
    assert (learnt.history.updates, len(learnt.history.moments), len(learnt.errors)) == (10, 11, 11)
    assert "11 weight vectors" in learn.screen(learnt)
    assert learn.run(EQUATION, alpha=1e-6, steps=7).history.updates == 7
    assert learn.run(EQUATION, alpha=1e-6, steps=0).history.updates == 0


def test_row_19_the_usual_alpha_stops_by_itself_and_explains():
    """alpha = 0.001 is 110.48 times too large; after two steps there is nothing more to learn."""
    learnt = learn.run(EQUATION, alpha=0.001)
    assert learnt.errors == pytest.approx([-1492, 328_180, -7.21865e7], rel=1e-5)
    found = [moment.loss for moment in learnt.history.moments]
    assert found == pytest.approx([2.2261e6, 1.0770e11, 5.2109e15], rel=1e-4)
    weights = np.array([moment.weights for moment in learnt.history.moments])
    assert weights[1:] == pytest.approx(
        np.array([[763.904, 632.608], [-167_264, -138_516]]), rel=1e-5
    )
    verdict = learnt.verdict
    assert verdict.excess == pytest.approx(110.48)
    assert verdict.curvature == pytest.approx(220_960)
    assert verdict.limit == pytest.approx(9.051412e-06, rel=1e-6)
    assert verdict.factor == pytest.approx(-219.96)


def test_row_19_the_explanation_in_full():
    """TN109 word by word: the numbers, the reason, and three ways out that were computed."""
    screen = learn.screen(learn.run(EQUATION, alpha=0.001), NARROW)
    assert screen[screen.index("TN109") :] == (
        "TN109 diverging: stopped at step 2.\n"
        "  alpha = 0.001 is 110.5 times too large. Along this path the curvature is\n"
        "  lambda = 220960, and descent is stable only for alpha < 2/lambda = 9.05e-06.\n"
        "  Every step multiplies the error by 1-alpha*lambda = -219.96: it overshoots,\n"
        "  lands further away on the other side, and so on.\n"
        "  Try   --alpha 4.53e-06   1/lambda: 4 steps\n"
        "  or    --scale 100        the same alpha, inputs 2.56 and 2.12: 946 steps\n"
        "  or    --loss abs         its steps keep their size, so they cannot explode"
    )


@pytest.mark.parametrize(("dtype", "steps"), [(np.float64, (65, 131)), (np.float32, (7, 15))])
def test_row_19_without_the_stop_it_overflows(dtype, steps):
    """The loss is inf at step 65 and the error at 131; with 32 bits at 7 and 15."""
    w, x = Value(np.zeros(2, dtype)), np.array([256, 212], dtype)
    lost = {}
    with np.errstate(all="ignore"):
        for step in range(140):
            w.zero_grad()
            e = w @ x - dtype(1492)
            J = e**2
            J.backward()
            for name, value in (("J", J), ("e", e)):
                if not np.isfinite(value.item()):
                    lost.setdefault(name, step)
            w.data -= dtype(0.001) * w.grad
    assert (lost["J"], lost["e"]) == steps


@pytest.mark.parametrize(
    ("scale", "limit", "steps"),
    [(1, 9.05e-6, None), (100, 0.0905, 946), (256, 0.593, 6255), (332.3853185868, 1.0, 10_552)],
)
def test_row_19_scaling_the_inputs_is_scaling_alpha(scale, limit, steps):
    """Inputs divided by s have a limit s² times higher: 0.001 is neither good nor bad by itself."""
    learnt = learn.run(EQUATION, alpha=0.001, scale=scale, steps=20_000)
    assert learnt.verdict.limit == pytest.approx(limit, rel=1e-3)
    assert (learnt.history.updates if learnt.succeeded else None) == steps


def test_row_19_dividing_the_whole_equation_by_four_is_not_enough():
    """64 w1 + 53 w2 = 373 still multiplies the error by -12.81."""
    learnt = learn.run(parse("64x + 53y = 373"), alpha=0.001)
    assert learnt.verdict.kind == "diverging"
    assert learnt.verdict.factor == pytest.approx(-12.81)
    assert learnt.verdict.limit == pytest.approx(1.448e-4, rel=1e-3)


def test_row_19_half_the_square_has_twice_the_limit():
    """lambda = 110480: 0.001 is 55.24 times too large, and the error grows 109.48 times a step."""
    verdict = learn.run(EQUATION, alpha=0.001, loss="half-square").verdict
    assert verdict.curvature == pytest.approx(110_480)
    assert verdict.excess == pytest.approx(55.24)
    assert verdict.limit == pytest.approx(1.810282e-05, rel=1e-6)
    assert verdict.factor == pytest.approx(-109.48)


@pytest.mark.parametrize("loss", ["abs", "huber"])
def test_row_19_a_loss_with_bounded_slope_cannot_explode(loss):
    """|e| and Huber's step by 110.48 at most, and end between -55.76 and +54.72."""
    learnt = learn.run(EQUATION, alpha=0.001, loss=loss)
    assert (learnt.verdict.kind, learnt.history.period) == ("cycling", 2)
    assert sorted(learnt.errors[-2:]) == pytest.approx([-55.76, 54.72])
    assert np.abs(np.diff(learnt.errors)).max() == pytest.approx(110.48)


def test_row_20_greater_alpha_is_faster_only_up_to_one_over_lambda():
    """Steps against alpha: down to 1 at 4.5257e-06, up again, and never beyond 9.0514e-06."""
    swept = sweep.run(EQUATION)
    alphas = [run.history.alpha for run in swept.runs]
    assert alphas == pytest.approx([1e-8, 1e-6, 2e-6, 4.5257e-6, 8e-6, 9e-6, 1e-5, 1e-3], rel=1e-5)
    steps = [run.history.updates if run.succeeded else None for run in swept.runs]
    assert steps == [9550, 85, 37, 1, 80, 1849, None, None]
    lines = sweep.screen(swept, NARROW).splitlines()
    assert "limit 2/lambda = 9.0514e-06" in lines[9]
    assert lines[-1] == '"Greater alpha, faster descent" is true only up to 1/lambda = 4.5257e-06.'


def test_row_21_a_minimum_is_not_the_answer():
    """The loss left is 0 but for rounding, and it says that other points do as well."""
    learnt = learn.run(EQUATION, alpha=4e-6)
    assert learnt.history.last.loss == pytest.approx(4.4532e-13, rel=1e-4)
    assert learnt.history.last.weights == pytest.approx([3.457205, 2.862998], abs=1e-6)
    assert "infinitely many" in learn.screen(learnt)


def test_row_22_the_solutions_are_a_line():
    """The Hessian is 2 x xᵀ: eigenvalues 220960 and 0, flat along (-212, 256)."""
    rows = [
        grad(lambda *w, i=i: grad(neuron_loss, (0, 1))(*w)[i], (0, 1))(0.0, 0.0) for i in (0, 1)
    ]
    hessian = np.array([[entry.item() for entry in row] for row in rows])
    assert np.linalg.eigvalsh(hessian) == pytest.approx([0.0, 220_960.0], abs=1e-9)
    assert hessian @ [-212.0, 256.0] == pytest.approx([0.0, 0.0])
    other = learn.run(EQUATION, start=(-0.12, -3.24))
    assert other.history.last.weights == pytest.approx([5.0, 1.0], abs=1e-8)
    assert "--w0 -0.12 -3.24   (5, 1) is another" in learn.screen(learn.run(EQUATION))


def test_row_23_the_bias_can_be_learnt_as_well():
    """S becomes 110481: limit 9.0513e-06, end (3.457174, 2.862972, 0.013505)."""
    learnt = learn.run(EQUATION, bias=True)
    assert learnt.verdict.limit == pytest.approx(9.0513e-06, rel=1e-5)
    assert learnt.verdict.curvature == pytest.approx(2 * 110_481)
    assert learnt.history.last.weights == pytest.approx([3.457174, 2.862972, 0.013505], abs=1e-6)


@pytest.mark.parametrize(("alpha", "steps"), [(9.0506e-06, 156), (1 / 206_930, 278)])
def test_row_24_two_rows_have_one_answer(alpha, steps):
    """(256, 212 -> 1492) and (120, 310 -> 910): only (5, 1), in 156 steps at best."""
    X, y = np.array([[256.0, 212.0], [120.0, 310.0]]), np.array([1492.0, 910.0])
    w = Value([0.0, 0.0])
    found = descend(
        lambda: losses.mse(X @ w, y), [w], alpha, 1000,
        done=lambda now, _: np.abs(X @ now.weights - y).max() < 1e-6,
    )  # fmt: skip
    assert (found.ending, found.updates) == ("converged", steps)
    assert w.data == pytest.approx([5.0, 1.0], abs=1e-7)


def test_row_24_the_two_rows_curve_differently():
    """Eigenvalues 206930 and 14050 of the Hessian, condition 14.73, limit 9.665e-06."""
    X, y = np.array([[256.0, 212.0], [120.0, 310.0]]), np.array([1492.0, 910.0])
    slope = grad(lambda w: losses.mse(X @ w, y))
    columns = [grad(lambda w, i=i: slope(w)[i])(np.zeros(2)).data for i in (0, 1)]
    low, high = np.linalg.eigvalsh(np.array(columns))
    assert (low, high) == pytest.approx((14_050, 206_930), rel=1e-6)
    assert (high / low, 2 / high) == pytest.approx((14.73, 9.665e-6), rel=1e-3)


def test_row_25_a_network_is_made_of_the_same_neuron():
    """micrograd's demonstration net has 337 weights, and one backward pass reaches them all."""
    assert len(micrograd.MLP(2, [16, 16, 1]).parameters()) == 337
    net = MLP(2, [16, 16, 1], rng=0)
    assert sum(p.size for p in net.parameters()) == 337
    net(np.array([[1.0, -2.0]])).sum().backward()
    assert sum(np.size(p.grad) for p in net.parameters()) == 337
    layer, neuron = Layer(2, 1, activation="tanh", rng=3), Neuron(2, activation="tanh", rng=3)
    assert layer([0.5, -1.0]).item() == neuron([0.5, -1.0]).item()


def test_row_26_a_saturated_neuron_cannot_learn():
    """Raw inputs and a sigmoid: z = 468, output 1.0, slope e^-468 = 5.6e-204: no weight moves."""
    w1, w2 = Value(1.0), Value(1.0)
    z = w1 * 256 + w2 * 212
    y_hat = z.sigmoid()
    ((y_hat - 0.0) ** 2).backward()
    assert (z.item(), y_hat.item()) == (468.0, 1.0)
    assert z.grad == pytest.approx(2 * 5.62578e-204, rel=1e-4, abs=0)
    assert w1.data - 1e9 * w1.grad == 1.0


def test_row_26_a_fit_says_that_it_is_stuck():
    """Where every slope is 0 and the answer wrong, the verdict is stalled, not converged."""
    table = Table("data.csv", ("x1", "x2", "y"), (("9000", "-9000", "0.5"),), (2,))
    found = fit.run(table, "y", activation="sigmoid", seed=0)
    assert found.verdict.kind == "stalled"
    assert "slope of the activation is 0" in fit.screen(found)


# --------------------------------------------------------------------------------- the tour


def test_the_tour_ends_beside_the_closed_form():
    """Petal width from three measures: the regression of Fisher's irises, as any program has it."""
    toured = tour.run()
    assert toured.succeeded
    assert toured.fit.learnt == pytest.approx(
        [-0.20726607, 0.22282854, 0.52408311, -0.24030739], abs=1e-6
    )
    assert toured.fit.gap < 1e-6
    assert "less than 1e-06" in tour.screen(toured, NARROW)


def test_the_irises_are_those_of_scikit_learn():
    """The table that is shipped is the one scikit-learn ships, number for number."""
    datasets = pytest.importorskip("sklearn.datasets")
    shipped = np.loadtxt(tour.IRIS, delimiter=",", skiprows=1)
    assert np.array_equal(shipped, datasets.load_iris().data)


@pytest.mark.parametrize("text", [SEED, "3a - 2b + c = 7", "2a = 7", "a+b+c+d+e+f+g+h+i = 3"])
@pytest.mark.parametrize("width", [80, 100])
def test_no_line_of_a_screen_is_wider_than_the_terminal(text, width):
    """Every screen of equations with one, two, three and nine unknowns."""
    equation, look = parse(text), Look(width)
    screens = [
        guess.screen(guess.run(equation, tries=1000), look),
        nudge.screen(nudge.run(equation), look),
        nudge.screen(nudge.run(equation, eta=0.001), look),
        sweep.screen(sweep.run(equation, steps=100), look),
        *(learn.screen(learn.run(equation, alpha=a, steps=100), look) for a in (None, 1e-9, 9.0)),
    ]
    commands = ("Next:", "  or   python")
    lines = [line for s in screens for line in s.splitlines() if not line.startswith(commands)]
    assert [line for line in lines if len(line) > width] == []
