"""The command `code`: a formula in, NumPy out."""

import json

import numpy as np
import pytest

from tinygrad_neuron.cli import main


def shown(capsys, *arguments):
    """What a command prints, and its exit code."""
    code = main(["code", *arguments])
    told = capsys.readouterr()
    return code, told.out + told.err


def test_a_formula_and_its_gradient(capsys):
    """Names are numbers; the gradient is by all of them."""
    code, said = shown(capsys, "sin(w*x) + b")
    assert code == 0
    assert (
        said
        == """\
import math


def f_and_gradient(w, x, b):
    v1 = w * x
    f = math.sin(v1) + b

    # backward: what each line owes to what it used
    d_v1 = 1 * math.cos(v1)  # math.sin(v1)
    d_w = d_v1 * x  # v1 = w * x
    d_x = d_v1 * w  # v1 = w * x
    return f, (d_w, d_x, 1.0)
"""
    )


def test_arrays_are_typed(capsys):
    """The text runs as it is; whole numbers are held fixed; shapes are told."""
    formula = "mean((x @ w - y)**2)"
    inputs = ("x=[[1, 2], [3, 4.5]]", "w=[0.5, 0]", "y=[1, 2]")
    code, said = shown(capsys, formula, *inputs, "--shapes")
    assert code == 0
    assert "(2,) float64" in said
    scope = {}
    exec(said, scope)
    x, w, y = np.array([[1, 2], [3, 4.5]]), np.array([0.5, 0]), np.array([1, 2])
    value, (_, d_w) = scope["f_and_gradient"](x, w, y)
    assert value == ((x @ w - y) ** 2).mean()
    np.testing.assert_allclose(d_w, x.T @ (x @ w - y), rtol=1e-15)


def test_the_formula_alone_and_optimised(capsys):
    """Without a gradient, and without what is repeated."""
    code, said = shown(capsys, "exp(x) + exp(x)", "--no-gradient", "--optimise")
    assert (code, said.splitlines()[-3:]) == (
        0,
        ["def f(x):", "    v1 = math.exp(x)", "    return v1 + v1"],
    )


def test_for_a_machine(capsys):
    """JSON with the source as a text."""
    code, said = shown(capsys, "x*x", "--json")
    assert code == 0
    assert json.loads(said)["inputs"] == ["x"]
    assert "d_x" in json.loads(said)["source"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["__import__('os')"], "TN141"),
        (["foo(x)"], "no function foo"),
        (["x * y", "z=1"], "no input z"),
        (["x", "x=banana"], "neither a number nor an array"),
        (["x", "banana"], "not an input"),
        (["1 + 2"], "no names"),
        (["x", "x=[1.0, 2.0]"], "TN103"),
    ],
)
def test_what_is_no_formula_is_refused(capsys, arguments, words):
    """With the reason, and exit code 2."""
    code, said = shown(capsys, *arguments)
    assert code == 2
    assert words in said
