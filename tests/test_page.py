"""The page: the trace's numbers and nothing else, well-formed, small, and the same every time."""

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import calls
import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

import tinygrad_neuron as tn
from tinygrad_neuron import fitting
from tinygrad_neuron.errors import DrawingError, PictureError, UnknownNameError
from tinygrad_neuron.ops import PRIMITIVES
from tinygrad_neuron.train import descend
from tinygrad_neuron.views.lab import lab_of
from tinygrad_neuron.views.page import contours, export_html, folding, numbers
from tinygrad_neuron.views.page.document import document, safe
from tinygrad_neuron.views.page.steps import steps
from tinygrad_neuron.views.trace import trace_of

VOID = {"meta", "input", "br"}


class Reader(HTMLParser):
    """A page's elements; it fails on a tag that is not closed in its place."""

    def __init__(self, text):
        super().__init__()
        self.open, self.found, self.texts = [], [], []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))


def neuron(alpha=4e-6):
    """The neuron of the lesson before its first step."""
    w1, w2, b = tn.Value(0.0, name="w1"), tn.Value(0.0, name="w2"), tn.Value(0.0, name="b")
    x1, x2, y = tn.Value(256.0, name="x1"), tn.Value(212.0, name="x2"), tn.Value(1492.0, name="y")
    z = w1 * x1 + w2 * x2 + b
    e = z - y
    return trace_of(
        e**2, wrt=[w1, w2, b], alpha=alpha, names={"z": z, "e": e, "J": None} | {"w1": w1}
    )


def scalar_network(rng, widths=(8, 8, 1)):
    """A network with a Value for each weight, as micrograd has it: some hundred nodes."""
    xs = [tn.Value(1.0, name="x1"), tn.Value(-2.0, name="x2")]
    for k, width in enumerate(widths):
        xs = [_unit(rng, xs, f"layers[{k}].unit{i}") for i in range(width)]
    return (xs[0] - 1.0) ** 2


def _unit(rng, xs, name):
    weights = [tn.Value(rng.normal(), name=f"{name}_w{i}") for i in range(len(xs))]
    total = sum((w * x for w, x in zip(weights, xs, strict=True)), tn.Value(0.1, name=f"{name}_b"))
    return tn.tanh(total)


def lesson():
    """The loss of the lesson's equation, and its weights."""
    w = [tn.Value(0.0, name="w1"), tn.Value(0.0, name="w2")]
    return (lambda: (256 * w[0] + 212 * w[1] - 1492) ** 2), w


def island(page):
    """The data that the script reads."""
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', page, re.S)[1])


# ------------------------------------------------------------------------------------ the steps


def test_every_event_is_a_step():
    """The neuron has 19, with the numbers of the lesson."""
    told = steps(neuron())
    assert [step.kind for step in told] == (
        ["start"] + ["forward"] * 6 + ["seed"] + ["backward"] * 8 + ["update"] * 3
    )
    assert told[6].numbers.endswith("= 2226064")
    assert told[14].numbers == "gradient of w2: 0 + (−632608) = −632608"
    assert told[16].numbers == "w1: 0 becomes 3.055616"


def test_a_step_back_is_upstream_times_local():
    """As slopes, as a formula and in numbers; each factor has the class of its colour."""
    formula = ET.fromstring(steps(neuron())[14].formula)
    text = "".join(formula.itertext())
    assert text == "∂J∂w2=∂J∂v2·∂v2∂w2=−2984·x2=−2984·212=−632608"
    classes = [row.get("class") for row in formula.iter("mrow") if row.get("class")]
    assert classes == ["up", "local"] * 3


def test_a_value_used_twice_shows_the_sum():
    """Two paths lead to x, and the second adds to what the first one brought."""
    x = tn.Value(3.0, name="x")
    told = [step for step in steps(trace_of(x * x)) if step.kind == "backward"]
    assert [step.numbers for step in told] == [
        "gradient of x: 0 + 3 = 3",
        "gradient of x: 3 + 3 = 6",
    ]
    texts = ["".join(ET.fromstring(step.formula).itertext()) for step in told]
    assert all("along this path" in text and text.endswith("=1·3=3") for text in texts)


def test_arrays_have_shapes_grids_and_sums():
    """A matrix product is a formula with shapes; what was stretched is summed, and said."""
    x = np.arange(12.0).reshape(4, 3)
    w, b = tn.Value(np.ones((3, 2)), name="w"), tn.Value(np.zeros(2), name="b")
    trace = trace_of(((x @ w + b) ** 2).sum(), names={"x": x})
    told = [step for step in steps(trace) if step.kind == "backward"]
    to = {trace["nodes"][step.input]["name"]: step for step in told}
    assert "sum over axis 0" in to["b"].sentence
    formula = "".join(ET.fromstring(to["w"].formula).itertext())
    assert formula == "∂J∂w (3×2)=xT (3×4)·∂J∂v1 (4×2)"
    assert to["w"].extra.count("<td") == 6
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", to["b"].extra)
    assert cells == ["132", "132"]


@pytest.mark.parametrize("function", [tn.where, tn.maximum, tn.einsum])
def test_every_formula_is_well_formed(function):
    """Also that of a rule with brackets, comparisons or none at all."""
    a, b = tn.Value([1.0, 2.0], name="a"), tn.Value([2.0, 1.0], name="b")
    args = {tn.where: (a > b, a, b), tn.maximum: (a, b), tn.einsum: ("i,i->", a, b)}[function]
    for step in steps(trace_of(tn.sum(function(*args)))):
        assert ET.fromstring(step.formula).tag == "math"


@given(st.data())
def test_any_operation_has_a_page(data):
    """Whatever was computed: a page with every tag closed, every formula well-formed."""
    primitive = data.draw(st.sampled_from(PRIMITIVES))
    call = data.draw(calls.of(primitive))
    y = primitive(*call.values(), **call.settings)
    assume(isinstance(y, tn.Value) and y.dtype.kind in "fc")
    page = document(trace_of(tn.sum(tn.real(y * 1.0)), alpha=0.1))
    Reader(page)
    for formula in re.findall(r"<math>.*?</math>", page, re.S):
        ET.fromstring(formula)


@pytest.mark.parametrize("x", [np.nan, np.inf, 1e300, 1.0 + 2.0j, np.zeros((0, 3)), np.float32(2)])
def test_odd_numbers_have_a_page(x):
    """Not a number, too large, complex, none at all, and half as precise."""
    x = tn.Value(x, name="x")
    Reader(document(trace_of(tn.sum(tn.absolute(x * 3.0)), alpha=0.1)))


# ------------------------------------------------------------------------------------ numbers


@given(st.floats())
def test_a_number_keeps_seven_digits(x):
    """What is shown is the number again, to a part in a million; nan and inf say so."""
    again = float(numbers.shown(x if np.isfinite(x) else str(x)).replace("−", "-"))
    assert again == pytest.approx(x, rel=1e-6, nan_ok=True)


def test_a_grid_says_more_than_a_colour():
    """Each cell has its number; the fuller the colour, the larger; 0 has none."""
    html = numbers.grid({"entries": [0.0, -1.0, 4.0, 2.0]}, [2, 2])
    assert re.findall(r'class="(.\d)">([^<]*)', html) == [
        ("p0", "0"), ("n1", "−1"), ("p4", "4"), ("p2", "2")
    ]  # fmt: skip


@pytest.mark.parametrize("shape", [[9], [2, 9], [2, 2, 2], [0]])
def test_a_large_array_is_told_and_not_drawn(shape):
    """More than eight rows or columns, or three axes."""
    entries = {"entries": [1.0] * int(np.prod(shape))}
    assert numbers.grid(entries, shape) == ""
    assert numbers.told({"min": 0.0, "mean": 1.0, "max": 2.5, "first": []}, [9, 9]) == (
        "9×9 array (min 0, mean 1, max 2.5)"
    )


# ------------------------------------------------------------------------------------ the page


def test_a_page_of_a_neuron_is_small_and_complete():
    """Under 150 KB; every step in the table; every tag closed; all of the legend."""
    page = document(neuron())
    assert len(page.encode()) < 60_000
    reader = Reader(page)
    assert len(island(page)["step"]["steps"]) == 19
    rows = [attrs for tag, attrs in reader.found if tag == "tr"]
    assert len(rows) == 20
    assert sum(tag == "math" for tag, _ in reader.found) == 19


def test_a_page_asks_the_network_for_nothing():
    """No address, no import, no style sheet or picture from anywhere."""
    loss, w = lesson()
    page = document(neuron(), lab_of(loss, w))
    assert (
        re.findall(r"https?:|//cdn|@import|url\(|src=|\bimport[ (]|eval\(|new Function", page) == []
    )
    assert {tag for tag, attrs in Reader(page).found if "href" in attrs} == set()


def test_the_same_trace_gives_the_same_bytes():
    """Made twice, and from a trace that has been to a file and back."""
    trace = neuron()
    assert document(trace) == document(json.loads(json.dumps(trace)))


def test_a_lesson_may_have_a_slider_only():
    """The other controls are hidden by the style, and a mistyped choice is refused."""
    assert 'class="tn-page tn-slider"' in document(neuron(), controls="slider")
    with pytest.raises(UnknownNameError, match='"all" or "slider"'):
        document(neuron(), controls="none")


def test_nobody_gets_out_of_the_island():
    """A name that would end the script, or open a comment, is data and nothing else."""
    evil = tn.Value(1.0, name="</script><!--<b>")
    page = document(trace_of(evil * 2.0))
    Reader(page)
    assert "</script><!--" not in page and "<b>" not in page
    text = safe(json.dumps("</script><!--"))
    assert "</" not in text and "<!--" not in text and json.loads(text) == "</script><!--"


def test_labels_contain_what_is_seen():
    """The name of each box, for who hears it, has all the texts in it."""
    page = document(neuron())
    for group in re.findall(r'<g class="node [^>]*?aria-label="([^"]*)">(.*?)</g>', page, re.S):
        label, inside = group
        assert all(text in label for text in re.findall(r"<text[^>]*>([^<]+)</text>", inside))


def test_boxes_hold_the_widest_number_of_the_run():
    """Every text of every step fits into its box, at 7.3 pixels a sign."""
    trace = neuron()
    page = document(trace)
    data = island(page)["step"]
    pattern = r'data-node="(\d+)".*?width="([\d.]+)"'
    widths = {int(i): float(w) for i, w in re.findall(pattern, page)}
    for step in data["steps"]:
        i = step.get("input", step.get("node"))
        if i is not None:
            extra = "grad " if "input" in step else ""
            assert len(extra + step["text"]) * 7.3 <= widths[i], step


# ------------------------------------------------------------------------------------ large graphs


def test_a_large_graph_is_folded_by_layer():
    """Each node is in one box; the boxes are the layers, in their order, and open."""
    trace = trace_of(scalar_network(np.random.default_rng(0)))
    groups = folding.groups_of(trace)
    assert [group.name for group in groups] == [
        "layers[0]",
        "layers[1]",
        "layers[2] and what follows",
    ]
    assert sorted(i for group in groups for i in group.nodes) == list(range(len(trace["nodes"])))
    home = {i: k for k, group in enumerate(groups) for i in group.nodes}
    backwards = [
        (home[x], home[node["id"]])
        for node in trace["nodes"]
        for x in node["inputs"]
        if isinstance(x, int) and home[x] > home[node["id"]]
    ]
    assert backwards == []
    page = document(trace)
    Reader(page)
    assert page.count('<details data-group="') == 3 and 'role="button"' in page


def test_without_layers_a_graph_is_folded_by_depth():
    """Stretches of sixty, one after the other."""
    x = tn.Value(0.5, name="x")
    y = x
    for _ in range(200):
        y = tn.tanh(y)
    groups = folding.groups_of(trace_of(y))
    assert [len(group.nodes) for group in groups] == [60, 60, 60, 21]
    assert groups[0].name == "part 1 of 4"


def test_a_graph_beyond_reading_is_refused(tmp_path):
    """Above 2,000 nodes, with the number and what to do instead; nothing is written."""
    x = tn.Value(0.5, name="x")
    y = x
    for _ in range(2000):
        y = y * 1.001
    with pytest.raises(DrawingError, match=r"2,001 nodes.*\n.*\n.*one row"):
        export_html(y, tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------ training


def test_a_descent_has_a_page_of_its_own(tmp_path):
    """Every update in the table, the verdict in a sentence, a point for each on the curve."""
    loss, w = lesson()
    history = descend(loss, w, 8e-6, 12, done=lambda now, first: False)
    path = export_html(history, tmp_path / "training.html")
    page = path.read_text()
    Reader(page)
    assert "Not there yet after 12 updates with alpha = 8e-06" in page
    assert len(island(page)["training"]["points"]) == 13
    assert page.count('<th scope="row">') == 13 and '<div role="tablist"' not in page


def test_a_training_in_epochs_has_a_page(tmp_path):
    """Its losses with those of the validation, and its verdict; there are no weights to show."""
    numbers = {"epoch": [1, 2, 3], "update": [4, 8, 12], "loss": [9.0, 3.0, 1.0]}
    history = fitting.History(numbers | {"validation": [8.0, 4.0, 2.0]}, "budget")
    page = export_html(history, tmp_path / "fit.html").read_text()
    Reader(page)
    heads = re.findall(r'<th scope="col">([^<]*)</th>', page)
    assert heads == ["epoch", "loss J", "update", "validation"]
    assert re.findall(r'<th scope="row">3</th><td>1</td><td>12</td><td>2</td>', page)
    points = island(page)["training"]["points"]
    assert points[1][0] - points[0][0] == pytest.approx(points[2][0] - points[1][0])
    assert "Budget used up after 3 epochs" in page and island(page)["training"]["unit"] == "epoch"


def test_a_long_descent_keeps_its_ends():
    """Two hundred moments of a thousand, and it is said."""
    loss, w = lesson()
    history = descend(loss, w, 1e-8, 1000, done=lambda now, first: False)
    trace = trace_of(loss(), history=history)
    page = document(trace)
    assert "200 of 1001 moments" in page
    points = island(page)["training"]["points"]
    assert len(points) == 200 and points[0][1] < points[-1][1]


def test_names_of_weights_are_those_of_the_descent():
    """Where the graph has more weights than the descent moved, none is given a wrong name."""
    loss, w = lesson()
    history = descend(loss, w, 8e-6, 3, done=lambda now, first: False)
    b = tn.Value(0.0, name="b")
    assert trace_of(loss(), history=history)["history"]["names"] == ["w1", "w2"]
    assert trace_of(loss() + b, history=history)["history"]["names"] == ["w[0]", "w[1]"]


# ------------------------------------------------------------------------------------ the lab


def test_the_lab_measures_the_limit():
    """Fifteen rates around 1/lambda: below 2/lambda the loss falls, above it rises."""
    loss, w = lesson()
    lab = lab_of(loss, w)
    assert lab["curvature"] == pytest.approx(220960)
    assert len(lab["runs"]) == 15 and [v.item() for v in w] == [0.0, 0.0]
    for run in lab["runs"]:
        falls = float(run["losses"][-1]) < float(run["losses"][0])
        assert falls == (run["alpha"] < 2 / 220960)
    best = next(run for run in lab["runs"] if run["factor"] == pytest.approx(0, abs=1e-9))
    assert len(best["losses"]) == 2


def test_the_lab_is_a_page():
    """With the way of each rate in pixels of the map, and a landscape in levels."""
    loss, w = lesson()
    lab = lab_of(loss, w)
    page = document(None, lab)
    Reader(page)
    data = island(page)["lab"]
    assert [len(run["way"]) for run in data["runs"]] == [len(r["losses"]) for r in lab["runs"]]
    assert page.count('class="band"') == 11
    assert len(document(neuron(), lab).encode()) < 150_000


def test_a_lab_needs_curvature_or_rates():
    """A plane has no limit; rates that are given are taken."""
    w = tn.Value([1.0, 2.0], name="w")
    with pytest.raises(PictureError, match="alphas="):
        lab_of(lambda: w.sum(), [w])
    assert len(lab_of(lambda: w.sum(), [w], alphas=[0.1, 1.0], steps=3)["runs"]) == 2
    assert "no limit to tell" in document(None, lab_of(lambda: w.sum(), w, alphas=[0.1], steps=3))


def test_a_lab_of_one_weight_is_refused():
    """There is no map to draw."""
    w = tn.Value(1.0, name="w")
    with pytest.raises(PictureError, match="one weight"):
        lab_of(lambda: w**2, w)


def test_contours_cover_what_lies_above():
    """The area of the path is that of the half-plane, and of nothing where nothing is above."""
    x = np.linspace(0.0, 1.0, 9)
    heights = np.add.outer(x, x)
    path = contours.above(heights, 1.0, 100.0)
    assert _area(path) == pytest.approx(5000.0, rel=0.01)
    assert contours.above(heights, 3.0, 100.0) == ""


def _area(path):
    """The area of polygons that are written with M, L, H, V and z."""
    total = 0.0
    for part in path.split("z")[:-1]:
        points, x, y = [], 0.0, 0.0
        for command, text in re.findall(r"([MLHV])([^MLHV]*)", part):
            coordinates = [float(n) for n in text.split()]
            if command in "ML":
                points += list(zip(coordinates[::2], coordinates[1::2], strict=True))
                x, y = points[-1]
            else:
                x, y = (coordinates[0], y) if command == "H" else (x, coordinates[0])
                points.append((x, y))
        a = np.array(points)
        b = np.roll(a, -1, axis=0)
        total += abs(np.sum(a[:, 0] * b[:, 1] - b[:, 0] * a[:, 1])) / 2
    return total
