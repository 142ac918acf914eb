"""The screens that show a trace: exact numbers, exact text, the same everywhere."""

import json
import re

import numpy as np
import pytest

import tinygrad_neuron as tn
from tinygrad_neuron import Value
from tinygrad_neuron.cli import main
from tinygrad_neuron.commands import step
from tinygrad_neuron.views import trace_of
from tinygrad_neuron.views.explained import explained, path_count, table
from tinygrad_neuron.views.frames import frames, graph_at
from tinygrad_neuron.views.tree import ASCII, tree

NEURON = "(w1*x1 + w2*x2 + b - y)**2"
AT = ("--at", "w1=0", "w2=0", "b=0", "x1=256", "x2=212", "y=1492", "--wrt", "w1", "w2", "b")
TREE = """\
J = e**2                      2226064    grad 1
└── e = z - y                   -1492    grad -2984
    ├── z = v3 + b                  0    grad -2984
    │   ├── v3 = v1 + v2            0    grad -2984
    │   │   ├── v1 = w1*x1          0    grad -2984
    │   │   │   ├── w1 *            0    grad -763904
    │   │   │   └── x1            256
    │   │   └── v2 = w2*x2          0    grad -2984
    │   │       ├── w2 *            0    grad -632608
    │   │       └── x2            212
    │   └── b *                     0    grad -2984
    └── y                        1492    (* = learnable)
"""
TABLE = """\
backward, one line per arrow          adds = upstream x local
 #  through       to  upstream  local          adds  grad so far
 1  J = e**2      e          1  2e = -2984    -2984  0 -> -2984
 2  e = z - y     z      -2984  1             -2984  0 -> -2984
 3  z = v3 + b    v3     -2984  1             -2984  0 -> -2984
 4  z = v3 + b    b      -2984  1             -2984  0 -> -2984
 5  v3 = v1 + v2  v1     -2984  1             -2984  0 -> -2984
 6  v3 = v1 + v2  v2     -2984  1             -2984  0 -> -2984
 7  v2 = w2*x2    w2     -2984  x2 = 212    -632608  0 -> -632608
 8  v1 = w1*x1    w1     -2984  x1 = 256    -763904  0 -> -763904
"""
CHAIN = """\
chain rule for w1 (1 path):  dJ/dw1 = dJ/de . de/dz . dz/dv3 . dv3/dv1 . dv1/dw1
      = 2e . 1 . 1 . 1 . x1 = 2(-1492)(256) = -763904
in words: if w1 grows by 0.001, J changes by about -763.9   (measured: -763.84)
"""
FRAME = """\
[14/18] BACKWARD through v2 = w2*x2 to w2
        dJ/dw2  =  dJ/dv2 (upstream)  .  dv2/dw2 (local = x2)  =  -2984 . 212  =  -632608
        grad of w2:  0 + (-632608) = -632608
"""


def printed(capsys, *arguments):
    """What a command prints when all is well."""
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def refused(capsys, *arguments):
    """What a command says that cannot be done."""
    assert main(arguments) == 2
    return capsys.readouterr().err


# ----------------------------------------------------------------------------------- explain


def test_the_neuron_of_the_lesson_is_explained(capsys):
    """Every number of the lesson: the tree, the table, the chain rule, the words and the cost."""
    out = printed(capsys, "explain", NEURON, *AT)
    for part in (TREE, TABLE, CHAIN):
        assert part in out
    assert "cost: reverse mode 1 backward pass for 3 learnable values" in out
    assert "forward mode would need 3 passes" in out


def test_without_a_target_it_is_the_neuron_of_the_lesson(capsys):
    """And one of its inputs may be typed alone."""
    assert printed(capsys, "explain") == printed(capsys, "explain", NEURON, *AT)
    assert "grad -108544" in printed(capsys, "explain", "w1=5")


def test_a_value_used_twice_is_a_sum_over_paths(capsys):
    """x*x: the second time is named, the shares add up, and the chain rule says why."""
    out = printed(capsys, "explain", "x*x", "x=3")
    assert "└── x (see above)" in out
    assert "3 -> 6" in out
    assert "chain rule for x (2 paths, and their sum):" in out
    assert "dJ/dx = 3 + 3 = 6" in out


def test_many_paths_are_counted():
    """x doubled 20 times has 1048576 of them, which nobody writes out."""
    x = Value(1.0, name="x")
    y = x
    for _ in range(20):
        y = y + y
    trace = trace_of(y)
    assert path_count(trace, 0) == 2**20
    assert "(1048576 paths, too many to write out):  dy/dx = 1048576" in explained(trace)


def test_the_path_sum_of_the_order_bug_of_micrograd():
    """a = 2, b = 3, c = a+b, d = ab, y = (c+d) + cd: 25 and 19, and not 29 and 22."""
    a, b = Value(2.0, name="a"), Value(3.0, name="b")
    c, d = a + b, a * b
    y = (c + d) + c * d
    told = explained(trace_of(y, names={"c": c, "d": d, "y": y}))
    assert re.search(r"dy/da = .* = 25\n", told)
    assert re.search(r"dy/db = .* = 19\n", told)


@pytest.mark.parametrize("width", [80, 100])
def test_screens_fit_their_width(width):
    """Formulas are cut and repetitions left out, numbers never."""
    trace = trace_of(
        lambda w, X: ((tn.tanh(X @ w + 0.123456789) - np.arange(4.0)) ** 2).mean(),
        np.ones(3),
        np.ones((4, 3)),
        wrt=["w"],
    )
    lines = explained(trace, width=width).splitlines()
    assert all(len(line) <= width for line in lines)
    assert len([line for line in lines if line[:3].strip().isdecimal()]) == 6


def test_a_gradient_of_0_names_the_factor_that_is_0(capsys):
    """A path is there, and relu is flat at -345.133; without one nothing is said."""
    out = printed(capsys, "explain", "(relu(w*x + b) - y)**2", "w=-1", "x=345.133", "b=0", "y=2")
    assert "dJ/dw is exactly 0 although there is a path" in out
    assert "the local derivative of relu at z = -345.133 is 0." in out
    assert "although" not in printed(capsys, "explain", "(w*x - y)**2", "w=1", "x=3", "y=2")


def test_matrices_are_told_by_their_share():
    """`X.T @ upstream`: there is no local derivative to multiply by."""
    X, W = Value(np.ones((4, 3)), name="X"), Value(np.ones((3, 2)), name="W")
    assert "X.T @ upstream" in table(trace_of((X @ W).sum()))


def test_broadcasting_that_is_undone_is_said():
    """With the axis and the lengths."""
    b = Value(np.ones((1, 3)), name="b")
    told = table(trace_of((np.ones((4, 3)) * b).sum()))
    assert "what b is owed is the sum over axis 0 (was stretched 1->4)" in told


def test_lines_can_be_drawn_with_ascii(capsys):
    """For terminals, and readers, that know no others."""
    out = printed(capsys, "explain", "x*x", "x=3", "--ascii")
    assert "`-- x (see above)" in out
    assert out.isascii()


def test_the_record_of_a_trace_is_a_trace(capsys, tmp_path):
    """What --json writes, the other commands read."""
    path = tmp_path / "run.json"
    path.write_text(printed(capsys, "explain", NEURON, *AT, "--json"))
    assert printed(capsys, "explain", str(path)) == printed(capsys, "explain", NEURON, *AT)
    assert json.loads(path.read_text())["schema"] == "tinygrad_neuron.trace/1"


def test_a_function_of_a_module_is_explained(capsys, tmp_path, monkeypatch):
    """With its own names, its defaults and its settings."""
    (tmp_path / "mine_explained.py").write_text(
        "def loss(w, x, y=3.0, *, power=2):\n    error = w * x - y\n    return error**power\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    out = printed(capsys, "explain", "mine_explained:loss", "w=2", "x=5", "power=4", "--wrt", "w")
    assert "J = error**4" in out
    assert "grad 6860" in out


def test_what_is_not_typed_is_drawn_and_stays_the_same(capsys):
    """The same seed, the same screen; another seed, another."""
    once = printed(capsys, "explain", "sin(w*x) + b")
    assert once == printed(capsys, "explain", "sin(w*x) + b")
    assert once != printed(capsys, "explain", "sin(w*x) + b", "--seed", "1")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["__import__('os')"], "There is no function"),
        (["x +"], "not a formula"),
        (["2 + 3"], "no names"),
        (["x*x", "z=3"], "There is no input z"),
        (["x*x", "--wrt", "z"], "There is no input z"),
        (["x*x", "x=[1.0, 2.0]"], "mean()"),
        (["nowhere.json"], "cannot be read as a trace"),
        (["nosuchmodule:f"], "No module named"),
    ],
)
def test_what_cannot_be_explained_is_refused(capsys, typed, words):
    """By what was typed."""
    assert words in refused(capsys, "explain", *typed)


# -------------------------------------------------------------------------------------- step


def test_step_14_of_the_lesson(capsys):
    """The frame with -632608, among 19."""
    out = printed(capsys, "step", NEURON, *AT, "--alpha", "4e-6", "--dump")
    assert FRAME in out
    assert out.count("[") == 19
    assert "0 - 4e-06 . (-763904)  =  3.055616" in out


def test_the_graph_grows_with_the_steps():
    """Question marks before a node is computed, and no gradient before there is one."""
    x = Value(3.0, name="x")
    trace = trace_of(x * x)
    assert "?" in graph_at(trace, 0)
    assert "grad" not in graph_at(trace, 1)
    assert "grad 3" in graph_at(trace, 3)
    assert graph_at(trace, 4) == tree(trace)


def walked(keys):
    """Where these keys end."""
    x = Value(3.0, name="x")
    trace = trace_of(x * x)
    typed = iter(keys)

    def ask(prompt):
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    return step.walk(step.Stepped(trace, frames(trace), ASCII, walked=True), ask)


@pytest.mark.parametrize(
    ("keys", "end"),
    [
        (["n", "n", "p"], 1),
        (["", "", ""], 3),
        (["\x1b[C", "\x1b[C", "\x1b[D"], 1),
        (["n"] * 9, 4),
        (["p"], 0),
        (["3", "q", "n"], 3),
        (["9"], 0),
        (["g", "f", "i", "?"], 0),
    ],
)
def test_keys_go_forward_and_back(keys, end):
    """Past neither end; a number jumps; g, f, i and nonsense stay."""
    assert walked(keys) == end


def test_keys_show_the_graph_the_formula_and_the_inputs(capsys):
    """Of the step that one is at."""
    walked(["4", "g", "f", "i"])
    out = capsys.readouterr().out
    assert "`-- x (see above)" in out
    assert "dJ/dx = dJ/dJ*x" in out
    assert out.endswith("x = 3\n")


def test_nobody_is_asked_in_a_pipe(capsys):
    """Standard input is no terminal, so that everything is printed."""
    assert printed(capsys, "step", "x*x", "x=3") == printed(capsys, "step", "x*x", "x=3", "--dump")


# -------------------------------------------------------------------------------------- draw


def test_drawings_go_to_files_by_their_ending(capsys, tmp_path):
    """SVG, DOT and text, and the screen for -."""
    for ending, start in (("svg", "<svg"), ("dot", "digraph"), ("gv", "digraph"), ("txt", "J = ")):
        path = tmp_path / f"graph.{ending}"
        assert str(path) in printed(capsys, "draw", "x*x", "x=3", "--to", str(path))
        assert path.read_text(encoding="utf-8").startswith(start)
    assert printed(capsys, "draw", "x*x", "x=3", "--as", "dot", "--to", "-").startswith("digraph")
    assert printed(capsys, "draw", "x*x", "x=3").startswith("J = x*x")


def test_a_drawing_of_no_kind_is_refused(capsys, tmp_path):
    """By its ending, by its kind, by a folder that is not there."""
    assert ".doc" in refused(capsys, "draw", "x*x", "--to", "graph.doc")
    assert "--as svg" in refused(capsys, "draw", "x*x", "--as", "svgs")
    path = str(tmp_path / "no" / "graph.svg")
    assert "cannot be written" in refused(capsys, "draw", "x*x", "--to", path)
