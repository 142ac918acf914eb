"""The page in a real browser: keyboard, links, print, no request, nothing axe objects to.

Chromium, Node and the packages of tests/browser (`npm ci` there) must be at hand; otherwise these
tests are skipped and say what is missing.
"""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from test_page import lesson, neuron, scalar_network

import tinygrad_neuron as tn
from tinygrad_neuron.train import descend
from tinygrad_neuron.views.lab import lab_of
from tinygrad_neuron.views.page import graph
from tinygrad_neuron.views.page.document import document
from tinygrad_neuron.views.trace import recorded, trace_of

HERE = Path(__file__).parent / "browser"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
    pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node"),
    pytest.mark.skipif(
        not (HERE / "node_modules").is_dir(), reason="`npm ci` was not run in tests/browser"
    ),
]


def looked_at(page, folder, *brief):
    """What a browser says of a page; briefly, without what only keys and links show."""
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    command = ["node", str(HERE / "look.mjs"), CHROMIUM, str(path), *brief]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The page with all three views, looked at once."""
    loss, w = lesson()
    lab = lab_of(loss, w)
    history = descend(loss, w, 8e-6, 20, done=lambda now, first: False)
    trace = neuron() | {"history": recorded(history, ["w1", "w2"])}
    return looked_at(document(trace, lab), tmp_path_factory.mktemp("page"))


def test_nothing_is_asked_of_the_network(whole):
    """No request but for the page, and no error, in all that is done to it."""
    assert whole["requests"] == [] and whole["errors"] == []


def test_axe_objects_to_nothing(whole):
    """In light and in dark, in each view, with every table opened."""
    assert whole["checked"] == 6 and whole["axe"] == []


def test_nothing_moves_where_motion_is_not_wanted(whole):
    """`prefers-reduced-motion` stops the dashes."""
    assert whole["running"] == 0


def test_the_keys_step(whole):
    """Right, right, left, End, Home; each step is in the link, in the panel and in the picture."""
    seen = whole["keyboard"]["seen"]
    said = [state["said"][0] for state in seen]
    assert said == [f"step {k} of 18" for k in (0, 1, 2, 1, 18, 0)]
    assert [state["hash"] for state in seen][1:3] == ["#step=1", "#step=2"]
    assert seen[2]["panel"].startswith("Step 2: forward") and "w2*x2" in seen[2]["panel"]
    assert len(seen[2]["forward"]) == 2 and seen[2]["now"] == ["v2 = w2*x2, 0"]


def test_everything_is_reached_by_tab(whole):
    """In the order in which it is read, and nothing of a hidden view."""
    assert whole["keyboard"]["order"][:6] == [
        "One step", "The graph", "step", "Next ▶", "▶ Play", "What is shown"
    ]  # fmt: skip


def test_a_link_restores_what_was_seen(whole):
    """The step with its numbers and its arrow; the update; the rate and its step."""
    links = whole["links"]
    step = links["#step=14"]
    assert step["view"] == "step" and step["said"] == ["step 14 of 18"]
    assert step["labels"]["w2"] == "w2, 0, grad −632608"
    assert "w1" in step["labels"] and "grad" not in step["labels"]["w1"]
    assert step["backward"] == [["4", "7"]] or len(step["backward"]) == 1
    assert links["#update=3"]["view"] == "training"
    assert links["#update=3"]["said"] == ["update 3 of 20"]
    lab = links["#a=9&k=12"]
    assert lab["view"] == "lab" and lab["way"] == 13 and "After 12 updates" in lab["panel"]
    assert links["changed"]["said"] == ["step 2 of 18"]


def test_a_wrong_link_is_the_nearest_step(whole):
    """Beyond the end is the end, and what is no number is the start."""
    assert whole["links"]["#step=99999"]["said"] == ["step 18 of 18"]
    assert whole["links"]["#step=no"]["said"] == ["step 0 of 18"]


def test_the_page_prints_whole(whole):
    """Every view, every row, every table opened, and the wide graph within the sheet."""
    printed = whole["print"]
    assert printed["widest"] <= printed["width"]
    assert printed["open"] and printed["rows"] and printed["panels"] and printed["bytes"] > 10_000


def test_a_narrow_window_scrolls_inside_the_page(whole):
    """At 360 pixels nothing sticks out."""
    assert whole["narrow"] <= 360


def test_play_goes_to_the_end(whole):
    """And the button says what it does."""
    assert "Pause" in whole["played"]["pressed"]
    assert whole["played"]["end"]["said"] == ["step 18 of 18"]


def test_a_widget_and_python_share_the_step(whole):
    """A click tells Python, Python moves the page, and the notebook's address is left alone."""
    assert whole["widget"] == {
        "first": "step 2 of 18", "saved": 3, "followed": "step 7 of 18", "off": "change:step",
        "linked": False,
    }  # fmt: skip


@pytest.mark.parametrize("what", ["arrays", "folded"])
def test_other_graphs_are_as_good(what, tmp_path, monkeypatch):
    """Arrays with their grids, and a graph folded into layers, though it is not large."""
    rng = np.random.default_rng(0)
    if what == "folded":
        monkeypatch.setattr(graph, "FULL", 10)
        trace = trace_of(scalar_network(rng, (2, 2, 1)))
    else:
        x, model = rng.normal(size=(4, 3)), tn.MLP(3, [2, 1], rng=0)
        trace = trace_of(((model(x) - x[:, 0]) ** 2).mean(), alpha=0.1)
    report = looked_at(document(trace), tmp_path, "brief")
    assert report["axe"] == [] and report["requests"] == [] and report["errors"] == []
    assert report["print"]["widest"] <= report["print"]["width"] and report["narrow"] <= 360


def test_a_planted_fault_is_seen(tmp_path):
    """A picture from the network, a button without a name, and a script that fails."""
    page = document(neuron())
    fault = '<img src="http://127.0.0.1:9/x.png"><button></button><script>undefinedThing()</script>'
    report = looked_at(page.replace("</main>", f"</main>{fault}"), tmp_path, "brief")
    assert report["requests"] and report["errors"]
    assert any("button-name" in found for found in report["axe"])
