"""Checks on many inputs: what they count, what they shrink to, and the program that shows it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, settings, strategies as st

import tinygrad_neuron as tn
from tinygrad_neuron.check import samples
from tinygrad_neuron.check.properties import (
    Example,
    check_cases,
    check_property,
    check_random,
    given_gradcheck,
    source,
)
from tinygrad_neuron.check.strategies import (
    Call,
    arrays,
    calls_of,
    integers_below,
    programs,
    shapes,
)
from tinygrad_neuron.errors import GradientCheckError

ROOT = Path(__file__).parents[1]


@tn.elementwise(
    lambda g, y, x: g * np.where(np.abs(getattr(x, "data", x)) > 2.0, 1.01, 1.0), check=False
)
def wrong_beyond_two(x):
    """x itself, with a slope that is one hundredth too large beyond 2."""
    return x * 1.0


def total(x):
    """One number of many, by a rule that is wrong beyond 2."""
    return tn.sum(wrong_beyond_two(x))


def log_loss(scores, labels):
    """Labels are whole numbers, which cannot move."""
    rows = np.arange(len(labels))
    return -tn.sum(tn.log_softmax(scores, axis=1)[rows, labels])


# -------------------------------------------------------------------------------- with Hypothesis


def test_a_right_gradient_passes_every_example():
    """As many as were asked for, each at a few evaluations."""
    report = check_property(lambda x: tn.sum(tn.sin(x)), arrays(shapes()), max_examples=40)
    assert report and report.status == "passed"
    assert report.examples == sum(report.counts.values()) == 40
    assert 40 * 5 < report.evaluations < 40 * 300
    assert str(report).startswith("passed: 40 passed")


def test_a_wrong_gradient_is_shrunk_to_the_smallest_that_fails():
    """A single number just beyond 2, and simpler ones there are none."""
    report = check_property(total, arrays(shapes()))
    assert not report and report.status == "failed"
    assert report.failure.inputs in [(3.0,), (2.5,), (2.0625,)]
    assert report.counts["failed"] == 1


def test_what_cannot_move_is_handed_on():
    """Labels beside scores."""
    shape = st.shared(st.tuples(st.integers(1, 3), st.integers(2, 3)), key="shape")
    scores = shape.flatmap(arrays)
    labels = shape.flatmap(lambda s: integers_below(s[1], (s[0],), negative=False))
    assert check_property(log_loss, scores, labels, max_examples=20)


def test_the_same_examples_are_drawn_again_and_a_seed_draws_others():
    """What is seen in CI is seen at home."""

    def drawn(**how):
        inputs = []

        def f(x):
            inputs.append(getattr(x, "data", x))
            return x * x

        check_property(f, arrays(), max_examples=5, **how)
        return inputs

    assert drawn() == drawn() != drawn(seed=1)
    assert drawn(seed=1) == drawn(seed=1)


def test_no_verdict_anywhere_is_no_pass():
    """A step has no slope where it jumps: nothing has been shown."""
    report = check_property(lambda x: tn.floor(x), st.just(2.0), max_examples=3)
    assert report.status == "inconclusive" and not report
    assert "jumps" in str(report)


def test_kinks_are_counted():
    """|x| at 0."""
    report = check_property(lambda x: abs(x), st.just(0.0))
    assert report.status == "passed" and report.counts["passed at a kink"] == report.examples > 0


def test_an_error_of_the_function_is_its_own():
    """It is raised as it was, with the input in Hypothesis' note."""

    def f(x):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        check_property(f, arrays())


def test_cases_are_functions_with_inputs_of_their_own():
    """Calls of a primitive and whole programs, to second order."""
    assert check_cases(calls_of(tn.ops.matmul), max_examples=10, order=2)
    assert check_cases(programs(), max_examples=10, order=2)


def test_second_order_is_checked_where_it_is_asked_for():
    """A rule that is detached is right once and wrong twice."""

    @tn.elementwise(lambda g, y, x: g * np.cos(getattr(x, "data", x)), check=False)
    def detached(x):
        return np.sin(x)

    assert check_property(detached, arrays(), max_examples=10)
    assert check_property(detached, arrays(), max_examples=10, order=2).status == "failed"


# ------------------------------------------------------------------------------- as a decorator


@given_gradcheck(arrays((2,)), max_examples=10)
def test_a_decorated_function_is_a_test(x):
    """Which pytest has found, since this is one."""
    return tn.sum(tn.tanh(x))


@given_gradcheck(arrays((2,)), arrays(()), order=2, max_examples=5)
def test_a_decorated_function_may_have_several_inputs(x, w):
    """To second order."""
    return tn.sum(tn.exp(w * x))


def test_a_decorated_function_raises_with_the_smallest_example():
    """An AssertionError, whose text ends with a program."""
    check = given_gradcheck(arrays(shapes()), max_examples=50, derandomize=True, database=None)(
        total
    )
    with pytest.raises(GradientCheckError, match="not the slope that is seen") as raised:
        check()
    assert isinstance(raised.value, AssertionError)
    assert "from test_check_property import total" in str(raised.value)
    assert check.function is total and check.__name__ == "total"


def test_a_decorated_function_keeps_the_settings_it_was_given():
    """And takes the others from the profile."""
    check = given_gradcheck(arrays(), max_examples=7, phases=[Phase.generate])(total)
    kept = check._hypothesis_internal_use_settings
    assert (kept.max_examples, kept.phases) == (7, (Phase.generate,))
    assert kept.derandomize == settings.default.derandomize and kept.deadline is None


def test_a_decorated_function_without_any_verdict_fails():
    """Inconclusive inputs count as rejected, and a test needs some that are not."""
    check = given_gradcheck(st.just(2.0))(lambda x: tn.floor(x))
    with pytest.raises(Exception, match=r"[Uu]nable to satisfy|failed a .filter"):
        check()


# ------------------------------------------------------------------------------ with NumPy alone


def test_random_inputs_need_no_hypothesis():
    """In an interpreter where it cannot be imported."""
    program = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import tinygrad_neuron as tn\n"
        "from tinygrad_neuron.check import check_random\n"
        "print(check_random(lambda w, x: tn.sum(tn.exp(w @ x)), (2, 3), (3,), examples=5).status)\n"
    )
    assert run(program) == "passed\n"


def test_random_inputs_are_those_of_the_seed():
    """The first that fails ends the check."""
    reports = [check_random(total, (4,), seed=seed) for seed in (0, 0, 1)]
    first, again, other = [report.failure.inputs[0].tolist() for report in reports]
    assert first == again != other
    assert max(map(abs, first)) > 2.0


def test_samplers_are_functions_of_a_generator():
    """Those that are there, and one of one's own."""
    assert check_random(
        lambda x, y: tn.sum(tn.log(x) * y),
        samples.positive(3),
        lambda rng: rng.normal(),
        examples=5,
    )
    assert (
        check_random(log_loss, (2, 3), samples.integers_below(3, 2), examples=5).status == "passed"
    )


# -------------------------------------------------------------------------------- to see it again


def run(program):
    """What a program prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_snippet_shows_the_failure_again():
    """It is a whole program, and prints the report that it stands under."""
    failure = check_property(total, arrays(shapes())).failure
    assert run(failure.snippet) == f"{failure.report}\n"


def test_the_snippet_of_a_program_is_the_program():
    """Its steps as lines of Python, its leaves digit for digit."""
    program = programs().filter(lambda f: len(f.steps) > 1)
    report = check_cases(program, max_examples=1)
    assert report
    call = Call(tn.ops.power, (np.array([0.1, 2.0]), 3.0))
    shown = Example(call, call.arguments, report)
    assert "tn.ops.power(x0, x1)" in shown.snippet
    assert "np.array([0.1, 2.0]), 3.0))" in shown.snippet


def test_the_source_of_a_function_is_how_to_get_it():
    """Its import, its own text, or at least where it is."""

    def local(x):
        """Not to be imported."""
        return x * 2.0

    assert source(total) == "from test_check_property import total\n\nf = total"
    assert source(test_a_decorated_function_is_a_test.function).endswith(
        "f = test_a_decorated_function_is_a_test.function"
    )
    assert source(local).startswith("def local(x):") and source(local).endswith("f = local")
    square = lambda x: x * x  # noqa: E731
    assert source(square) == "f = lambda x: x * x"
    assert source(eval("lambda x: x")).startswith("f = ...  # the function at <string>:1")
