"""A picture of a trace: everything in it, nothing over anything, the same bytes each time."""

import xml.etree.ElementTree as ET
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, strategies as st

import tinygrad_neuron as tn
from tinygrad_neuron import Value
from tinygrad_neuron.errors import DrawingError, MissingExtraError, UnsupportedError
from tinygrad_neuron.views import dot, layout_of, svg, trace_of
from tinygrad_neuron.views.layout import _crossings, lines_of
from tinygrad_neuron.views.words import shown

SVG = "{http://www.w3.org/2000/svg}"


@st.composite
def traces(draw):
    """A graph of up to 30 operations on five leaves, some of them far from their use."""
    known = [Value(float(k), name=f"a{k}") for k in range(5)]
    for _ in range(draw(st.integers(1, 30))):
        left = known[-1] if draw(st.booleans()) else draw(st.sampled_from(known))
        known.append(left + draw(st.sampled_from(known)))
    return trace_of(known[-1])


def overlap(a, b):
    """Whether two boxes cover a common place."""
    return (
        a.x < b.x + b.width
        and b.x < a.x + a.width
        and a.y < b.y + b.height
        and b.y < a.y + a.height
    )


@given(traces())
def test_boxes_do_not_overlap_and_arrows_point_right(trace):
    """Every node has a place of its own, right of all that it was made from."""
    layout = layout_of(trace)
    assert layout.boxes.keys() == {node["id"] for node in trace["nodes"]}
    assert not any(overlap(a, b) for a, b in combinations(layout.boxes.values(), 2))
    for arrow in layout.arrows:
        source, target = layout.boxes[arrow.source], layout.boxes[arrow.target]
        assert source.x + source.width < target.x
        assert all(a[0] <= b[0] for a, b in pairwise(arrow.points))


@given(traces())
def test_every_input_has_an_arrow(trace):
    """With its position, also where a Value is used twice."""
    drawn = sorted((a.source, a.target, a.position) for a in layout_of(trace).arrows)
    meant = [
        (x, node["id"], k)
        for node in trace["nodes"]
        for k, x in enumerate(node["inputs"])
        if type(x) is int
    ]
    assert drawn == sorted(meant)


@given(traces())
def test_a_picture_is_well_formed_and_the_same_each_time(trace):
    """One box and one title for each node."""
    text = svg(trace)
    assert text == svg(trace)
    root = ET.fromstring(text)
    boxes = [g for g in root.iter(f"{SVG}g") if g.find(f"{SVG}title") is not None]
    assert len(boxes) == len(trace["nodes"])


def test_everything_is_inside_the_picture():
    """Nothing is cut off at an edge."""
    x, w = Value(np.ones((4, 3)), name="x"), Value(np.ones((3, 2)), name="w")
    layout = layout_of(trace_of(tn.relu(x @ w).sum()))
    for box in layout.boxes.values():
        assert 0 <= box.x <= box.x + box.width <= layout.width + 0.1
        assert 0 <= box.y <= box.y + box.height <= layout.height + 0.1


def test_a_box_has_room_for_every_number_of_the_run():
    """0 now, and -763904 in two steps."""
    w = Value(0.0, name="w")
    trace = trace_of((w * 256 - 1492) ** 2, alpha=1e-3)
    box = layout_of(trace).boxes[0]
    assert max(map(len, lines_of(trace)[0])) == len("grad -763904")
    assert box.width >= 7 * len("grad -763904")


def test_sweeps_take_crossings_away():
    """Two ladders that were given in the wrong order."""
    a = [Value(float(k), name=f"a{k}") for k in range(6)]
    sums = [tn.sin(x) for x in reversed(a)]
    total = sums[0]
    for x in sums[1:]:
        total = total + x
    layout = layout_of(trace_of(total))
    order = [arrow for arrow in layout.arrows if arrow.source < 6]
    height = {i: box.y for i, box in layout.boxes.items()}
    ranked = sorted(order, key=lambda arrow: height[arrow.source])
    assert all(height[a.target] <= height[b.target] for a, b in pairwise(ranked))


def test_crossings_are_counted():
    """Two lines that swap cross once, and three reversed ones three times."""
    assert _crossings([[0, 1], [2, 3]], {0: [3], 1: [2]}) == 1
    assert _crossings([[0, 1, 2], [3, 4, 5]], {0: [5], 1: [4], 2: [3]}) == 3


def test_constants_can_be_hidden():
    """In the layout and in DOT."""
    w, x = Value(2.0, name="w"), Value(3.0, name="x")
    trace = trace_of(w * x, wrt=[w])
    assert list(layout_of(trace, hide_constants=True).boxes) == [0, 2]
    assert "x\\n3" in dot(trace)
    assert "x\\n3" not in dot(trace, hide_constants=True)


def test_text_is_escaped():
    """A comparison in a formula is no tag."""
    x = Value(3.0, name="x")
    trace = trace_of(tn.where(x < 2.0, x, -x))
    texts = [text.text for text in ET.fromstring(svg(trace)).iter(f"{SVG}text")]
    assert "v1 = x < 2" in texts


def test_a_picture_is_told_in_words():
    """For who cannot see it, and without an id that another picture has."""
    x = Value(3.0, name="x")
    one, other = svg(trace_of(x * x)), svg(trace_of(x + x))
    assert "J = x*x is 9. Its gradient: dJ/dx = 6." in one
    ids = [element.get("id") for text in (one, other) for element in ET.fromstring(text).iter()]
    ids = [name for name in ids if name]
    assert len(set(ids)) == len(ids)


def test_a_picture_in_a_page_has_no_style_sheet():
    """Notebooks on the web would strip it; the colours are there all the same."""
    x = Value(3.0, name="x")
    inline = svg(trace_of(x * x), alone=False)
    assert "<style" not in inline
    assert "<style" in svg(trace_of(x * x))
    assert 'fill="#ffffff"' in inline


def test_a_notebook_shows_a_picture():
    """By the method that notebooks look for."""
    picture = svg(trace_of(Value(3.0) * 2.0))
    assert picture._repr_svg_() == picture
    assert type(picture._repr_svg_()) is str


def test_a_picture_that_nobody_could_read_is_refused():
    """With the number of nodes, and what to do."""
    x = Value(1.0)
    for _ in range(2_001):
        x = x + 1.0
    with pytest.raises(DrawingError, match=r"2002 nodes.*2000 at most"):
        svg(trace_of(x))


def test_an_engine_that_is_not_there_is_named():
    """By what was typed."""
    with pytest.raises(UnsupportedError, match="'neato'"):
        layout_of(trace_of(Value(1.0) * 2.0), engine="neato")


def test_without_pygraphviz_the_extra_is_named(monkeypatch):
    """And what works without."""
    monkeypatch.setitem(__import__("sys").modules, "pygraphviz", None)
    with pytest.raises(MissingExtraError, match=r"tinygrad_neuron\[viz\]"):
        layout_of(trace_of(Value(1.0) * 2.0), engine="graphviz")


def test_graphviz_places_the_same_boxes():
    """Where it is installed: each node once, no two in one place."""
    pytest.importorskip("pygraphviz", exc_type=ImportError)
    x = Value(3.0, name="x")
    trace = trace_of((x * x + x) ** 2)
    layout = layout_of(trace, engine="graphviz")
    assert layout.boxes.keys() == layout_of(trace).boxes.keys()
    assert not any(overlap(a, b) for a, b in combinations(layout.boxes.values(), 2))
    assert len(layout.arrows) == 5


def test_dot_quotes_what_would_end_a_label():
    """A name may be anything."""
    w = Value(2.0, name='say "w" \\ now')
    assert '"say_w_now\\n2\\ngrad 1"' in dot(trace_of(w + 1.0))


@pytest.mark.parametrize(
    ("value", "shape", "text"),
    [
        (2226064.0, [], "2226064"),
        (0.1 + 0.2, [], "0.3"),
        (1e12, [], "1e+12"),
        ("nan", [], "nan"),
        ("(1+2j)", [], "(1+2j)"),
        (None, [], ""),
        ({"entries": []}, [0, 3], "0x3, empty"),
        ({"entries": [1.0, -2.0, 0.5, 3.0]}, [2, 2], "2x2, -2 to 3"),
        ({"entries": ["nan", 1.0, 1.0, 1.0, 1.0]}, [5], "5"),
    ],
)
def test_numbers_in_a_picture(value, shape, text):
    """Whole ones in full, others to six digits, arrays by their shape and ends."""
    assert shown(value, shape) == text
