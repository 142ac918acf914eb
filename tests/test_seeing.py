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
