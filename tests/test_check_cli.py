"""`python -m tinygrad_neuron check`: a gradient checked from the command line."""

import json
import sys

import numpy as np
import pytest

from tinygrad_neuron.cli import main
from tinygrad_neuron.expressions import FUNCTIONS, parse
from tinygrad_neuron.lesson.mistakes import UsageError

MODULE = """
import numpy as np
import tinygrad_neuron as tn
from tinygrad_neuron.check import given_gradcheck
from tinygrad_neuron.check.strategies import arrays


def huber(prediction, target, *, delta=1.0, reduction="mean"):
    error = prediction - target
    inside = abs(error) < delta
    cost = tn.where(inside, 0.5 * error**2, delta * (abs(error) - 0.5 * delta))
    return tn.mean(cost) if reduction == "mean" else tn.sum(cost)


def picked(scores, labels):
    return -tn.sum(tn.log_softmax(scores, axis=1)[np.arange(len(labels)), labels])


@tn.elementwise(lambda g, y, x: -g * np.cos(x))
def wrong_sine(x):
    return np.sin(x)


def pull(w, x=2.0):
    return wrong_sine(w * x)


def any_number(*x):
    return sum(x)


@given_gradcheck(arrays((2,)), max_examples=1)
def tested(x):
    return tn.sum(x * x)


class Model:
    @staticmethod
    def loss(w):
        return w * w


number = 3
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with a module in it, which is not on the path."""
    (tmp_path / "some_losses.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "some_losses", raising=False)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        (["sin(w*x) + b", "w=1.5", "x=2", "b=0.1"], 0),
        (["-x**2", "x=-3"], 0),
        (["where(x > 0, x, exp(x) - 1)", "x=[-1.5, 2]"], 0),
        (["abs(x)", "x=0"], 0),
        (["losses.mse(p, [1, 2])", "p=[1.5, -1]", "--order", "2"], 0),
        (["sum(np.sin(w @ x), axis=0)", "w=random(2, 3)", "x=random(3)", "--seed", "4"], 0),
        (["log(x)", "x=positive(3)"], 0),
        (["x + y"], 0),
        (["floor(x)", "x=2"], 1),
        (["log(x)", "x=-1"], 1),
        (["some_losses:huber", "prediction=random(3,4)", "target=random(3,4)"], 0),
        (["some_losses:huber", "delta=0.5", "reduction=sum"], 0),
        (["some_losses:picked", "scores=random(4,5)", "labels=integers(5,4)"], 0),
        (["some_losses:picked", "scores=random(2,3)", "labels=[2,0]"], 0),
        (["some_losses:pull"], 1),
        (["some_losses:tested", "x=random(2)"], 0),
        (["some_losses:Model.loss", "w=3"], 0),
    ],
    ids=lambda typed: " ".join(typed) if isinstance(typed, list) else None,
)
def test_the_exit_code_says_whether_the_gradient_passed(capsys, typed, code):
    """0 where it did, 1 where it failed or no verdict could be had; a table and clean JSON."""
    assert main(["check", *typed]) == code
    screen, nothing = capsys.readouterr()
    assert "gap/error" in screen and nothing == ""
    assert main(["check", *typed, "--json"]) == code
    record = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert record["status"].startswith("passed") == (code == 0)


def test_the_table_names_each_input_with_both_slopes(capsys):
    """Numeric and analytic, and the gap in units of the error."""
    main(["check", "w*x", "w=3", "x=-0.5"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "w*x  at  w = 3.0, x = -0.5"
    rows = [line.split() for line in lines if line.startswith("  ")]
    numbers = {row[0]: row[1:3] for row in rows if len(row) == 6}
    assert numbers["w"] == ["-0.5", "-0.5"] and numbers["x"] == ["3", "3"]


def test_a_wrong_rule_is_shown_with_both_slopes(capsys):
    """The sign is wrong: so are the numbers of opposite sign."""
    assert main(["check", "some_losses:pull", "w=0.5", "--json"]) == 1
    record = json.loads(capsys.readouterr().out)
    worst = next(f for f in record["findings"] if f["status"] == "failed")
    assert worst["analytic"] == pytest.approx(-worst["numeric"], rel=1e-6)
    assert worst["ratio"] > 1e3


def test_a_seed_draws_the_same_numbers_again(capsys):
    """And another one others."""
    drawn = []
    for seed in ("3", "3", "4"):
        main(["check", "sum(x)", "x=random(3)", "--json", "--seed", seed])
        drawn.append(json.loads(capsys.readouterr().out)["inputs"]["x"])
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["sin(w*x"], "'sin(w*x' is not a formula."),
        (["sim(x)"], "There is no function sim; did you mean"),
        (["x.__class__"], "x.__class__ is no part of a formula."),
        (["x", "y=3"], "There is no input y."),
        (["x", "3"], "'3' is not an input."),
        (["x", "x=three"], "x=three is neither a number nor an array of numbers."),
        (["x", "x=[[1, 2], [3]]"], "x=[[1, 2], [3]] is neither a number nor an array"),
        (["x", "x=integers()"], "x=integers() is neither a number nor an array of numbers."),
        (["x", "x=[1, 2]"], "nothing that could move"),
        (["x + 9**9**9", "x=1"], "cannot be computed"),
        (["no_such_module:f"], "No module named 'no_such_module'."),
        (["some_losses:hubr"], "some_losses has no hubr; did you mean huber?"),
        (["some_losses:number"], "some_losses:number is not a function but 3."),
        (["some_losses:any_number"], "takes any number of inputs, *x."),
        (["some_losses:huber", "alpha=1"], "Its inputs are prediction, target, delta and red"),
        (["x", "--order", "0"], "0 is too few"),
    ],
    ids=lambda typed: " ".join(typed) if isinstance(typed, list) else None,
)
def test_a_mistake_is_explained(capsys, typed, says):
    """Exit code 2, and on stderr what is wrong."""
    assert main(["check", *typed]) == 2
    nothing, told = capsys.readouterr()
    assert nothing == "" and says in told and "Traceback" not in told


# ---------------------------------------------------------------------------------- formulas


@pytest.mark.parametrize(
    "text",
    [
        *("__import__('os')", "open('x')", "x.__class__", "().__class__", "x[0]", "lambda: x"),
        *("[x for x in y]", "x if y else z", "f'{x}'", "'a' * 3", "np.os.system(x)", "x := 3"),
        *("exp(x, **k)", "exp(*x)", "1 < x < 2", "x and y", "1j * x", "True", "...", "", "("),
        *("eval(x)", "tn.ops.exp.forward(x)", "sum(x, axis=w)", "get(x)", "{x}", "x; y"),
        *("-" * 5_000 + "x", "(" * 300 + "x" + ")" * 300, "+".join("x" * 499), "x" * 2_000),
    ],
    ids=lambda text: text[:20],
)
def test_only_formulas_are_understood(text):
    """Anything else is refused or is a long sum: nothing is executed but arithmetic."""
    try:
        expression = parse(text)
    except UsageError:
        return
    assert set(text) <= {"x", "+"} and expression(1.0) == (len(text) + 1) // 2


def test_a_formula_is_what_python_makes_of_it():
    """The same numbers as Python's own reading, with NumPy's functions."""
    text = "-w**2 * sin(x) / (1 + exp(-x)) - maximum(w, x) % 3 + hypot(w, x) // 0.25"
    names = {name: getattr(np, name) for name in ("sin", "exp", "maximum", "hypot")}
    for w, x in ((1.5, -0.3), (-2.0, 4.0)):
        assert parse(text)(w, x) == pytest.approx(eval(text, names, {"w": w, "x": x}), rel=1e-15)


def test_a_formula_has_numpys_names_and_ours():
    """Aliases included; and a caret is a power, as people write it."""
    assert {"abs", "acos", "pow", "relu", "huber", "det", "where"} <= FUNCTIONS.keys()
    assert parse("x^2")(3.0) == 9.0
    assert parse("cos(pi) + e*0")() == -1.0
