"""A descent in a notebook: well-formed, without style or script, with the numbers that explain."""

import math
import xml.etree.ElementTree as ET

import pytest

import tinygrad_neuron as tn
from tinygrad_neuron.train import Verdict, descend
from tinygrad_neuron.views import histories


def shown(alpha, steps):
    """A descent on the equation of the lesson, as a notebook shows it."""
    w = [tn.Value(0.0, name="w1"), tn.Value(0.0, name="w2")]
    history = descend(
        lambda: (256 * w[0] + 212 * w[1] - 1492) ** 2, w, alpha, steps, done=lambda m, f: False
    )
    return history, ET.fromstring(history._repr_html_())


def test_a_notebook_shows_verdict_line_and_table():
    """The verdict has the lesson's numbers, the table the weights after each update."""
    history, root = shown(0.001, 10)
    assert history.updates == 2
    assert "alpha = 0.001 is 110.5 times above the limit 2/lambda = 9.051e-06" in "".join(
        root.itertext()
    )
    rows = [[cell.text for cell in row] for row in root.find("table").iter("tr")]
    assert rows[0] == ["update", "loss", "|gradient|", "weights"]
    assert rows[2] == ["1", "1.077e+11", "2.182e+08", "763.9, 632.6"]
    assert {part.tag for part in root.iter()}.isdisjoint({"style", "script"})


def test_the_table_of_a_long_descent_is_short():
    """Eight rows from the start to the end."""
    _, root = shown(1e-7, 500)
    steps = [int(row[0].text) for row in root.find("table/tbody")]
    assert len(steps) == 8 and (steps[0], steps[-1]) == (0, 500)


def test_a_sparkline_falls_as_the_loss_does():
    """Equal factors are equal steps down, from the top to the bottom."""
    line = ET.fromstring(f"<div>{histories.sparkline([1000.0, 100.0, 10.0])}</div>")
    points = line.find("svg/polyline").get("points")
    assert points == "2.0,2.0 120.0,20.0 238.0,38.0"


@pytest.mark.parametrize("losses", [[], [1.0], [math.nan, 2.0]])
def test_no_line_joins_fewer_than_two_numbers(losses):
    """Nothing is drawn."""
    assert histories.sparkline(losses) == ""


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            Verdict("slow", 1000, 1e-8, 220960.0),
            "slow after 1000 updates: alpha = 1e-08 could be 453 times larger, 1/lambda = 4.53e-06",
        ),
        (Verdict("converged", 1, 0.5, 1.0), "converged after 1 update with alpha = 0.5"),
        (Verdict("diverging", 0, 0.5, math.nan), "diverging after 0 updates with alpha = 0.5"),
    ],
)
def test_a_verdict_is_one_sentence(found, said):
    """What happened, and the numbers that explain it where there are some."""
    assert str(found) == said
