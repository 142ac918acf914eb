"""In a notebook: what a cell shows, a page in a frame, a widget, and the cell magic."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html import unescape
from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_neuron as tn
from tinygrad_neuron.errors import MissingExtraError
from tinygrad_neuron.views import notebook


def neuron():
    """A neuron that has been through `backward()`."""
    w, x = tn.Value(3.0, name="w"), tn.Value(2.0, name="x")
    J = (w * x - 5.0) ** 2
    J.name = "J"
    J.backward()
    return J


# ------------------------------------------------------------------------------ under a cell


def test_a_value_shows_its_graph():
    """Well-formed, with its numbers and gradients, and nothing that a viewer would strip."""
    bundle = neuron()._repr_mimebundle_()
    assert bundle["text/plain"] == "Value(1.0, name='J', grad=1.0)"
    root = ET.fromstring(f"<div>{bundle['text/html']}</div>")
    tags = {part.tag.rpartition("}")[2] for part in root.iter()}
    assert "svg" in tags and tags.isdisjoint({"script", "style"})
    assert "grad 4" in "".join(root.itertext())


def test_before_backward_no_gradient_is_drawn():
    """Nothing is swept to show a graph: no gradient, and no hook is called."""
    seen = []
    w = tn.Value(3.0, name="w")
    html = ((w * 2.0).on_grad(seen.append) ** 2)._repr_mimebundle_()["text/html"]
    assert "grad " not in html.partition("<svg")[2].replace("gradient", "") and seen == []


def test_an_array_shows_its_graph():
    """A result need not be a single number."""
    html = (tn.Value([1.0, 2.0], name="v") * 2.0)._repr_mimebundle_()["text/html"]
    assert "<svg" in html


def test_a_leaf_is_its_text():
    """There is no graph to draw."""
    html = tn.Value(3.0, name="<w>")._repr_mimebundle_()["text/html"]
    assert html == "<pre>Value(3.0, name=&#x27;&lt;w&gt;&#x27;)</pre>"


def test_a_large_graph_is_counted():
    """More than sixty nodes are laid out only when somebody asks."""
    x = tn.Value(0.5, name="x")
    for _ in range(60):
        x = tn.tanh(x)
    html = x._repr_mimebundle_()["text/html"]
    assert "<svg" not in html and "tanh" in html and "61" in html


def test_only_what_is_asked_for_is_made(monkeypatch):
    """A notebook that wants text gets text, and no picture is drawn."""
    monkeypatch.setattr(notebook, "svg", None)
    J = neuron()
    assert set(J._repr_mimebundle_(include={"text/plain"})) == {"text/plain"}
    assert set(J._repr_mimebundle_(exclude={"text/html"})) == {"text/plain"}
    assert repr(J) == "Value(1.0, name='J', grad=1.0)"


def test_values_of_a_batch_and_checkpoints_are_text():
    """What must not be looked at, or has forgotten its way, has no picture and no error."""
    seen = []
    tn.vmap(lambda v: seen.append(v._repr_mimebundle_()) or v * 2.0)(np.ones(3))
    assert "text/html" not in seen[0]
    result = tn.checkpoint(lambda v: v * 2.0)(tn.Value(1.0, name="x"))
    assert "<svg" not in result._repr_mimebundle_()["text/html"]


# ------------------------------------------------------------------------------ pages


def test_show_is_a_page_in_a_frame():
    """The frame holds the very page that `export_html` writes."""
    J = neuron()
    html = tn.show(J)._repr_html_()
    page = unescape(re.search(r'srcdoc="(.*?)" title', html, re.S)[1])
    assert page == notebook.page_of(tn.trace_of(J)) and 'title="Step by step"' in html
    assert "export_html" in repr(tn.show(J))


def test_without_anywidget_the_extra_is_named(monkeypatch):
    """The message says what to install."""
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(MissingExtraError, match=r"anywidget.*\n.*\n.*\[notebook\]"):
        tn.widget(neuron())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_widget_has_the_page_and_its_step():
    """The same module as the page, and a step that Python sets."""
    pytest.importorskip("anywidget")
    widget = tn.widget(neuron())
    assert "export default" in str(widget._esm) and ".tn-page" in str(widget._css)
    assert widget.html.startswith('<div class="tn-page ')
    widget.step = 3
    assert widget.step == 3


# ------------------------------------------------------------------------------ the magic


class Shell:
    """As much of IPython as the extension uses."""

    def __init__(self):
        self.user_ns, self.magics = {}, {}

    def register_magic_function(self, function, kind, name):
        """Remember a magic."""
        self.magics[name] = function

    def run_cell(self, cell):
        """Run a cell; the last line is its result if it is an expression."""
        *lines, last = cell.strip().splitlines()
        exec("\n".join(lines), self.user_ns)
        return SimpleNamespace(success=True, result=eval(last, self.user_ns))


def test_backprop_steps_through_the_last_value(capsys):
    """Or through the one that is named; anything else is told what to write."""
    shell = Shell()
    tn.load_ipython_extension(shell)
    backprop = shell.magics["backprop"]
    cell = "import tinygrad_neuron as tn\nw = tn.Value(3.0)\nJ = w * w\nJ"
    assert "∂" in backprop("", cell).page and "w*w" in backprop("J", cell).page
    assert backprop("", cell + ".item()") is None
    assert "end the cell with it" in capsys.readouterr().out


def test_backprop_says_what_makes_learning_fail():
    """A loop that never clears its gradients is told so below the page; other warnings are kept."""
    shell = Shell()
    tn.load_ipython_extension(shell)
    cell = """
import warnings, tinygrad_neuron as tn
w = tn.Value(0.0, name="w")
def step():
    J = (w * 256 - 1492) ** 2
    J.backward()
    w.data -= 1e-6 * w.grad
    return J
first = step(), step()
warnings.warn("mine", UserWarning)
(w * 2.0) ** 2
"""
    with pytest.warns(UserWarning, match="mine"):
        shown = shell.magics["backprop"]("", cell)
    assert len(shown.notes) == 1 and "TN101" in shown._repr_html_().rpartition("</iframe>")[2]


CELLS = [
    "%load_ext tinygrad_neuron",
    "import tinygrad_neuron as tn\nw = tn.Value(3.0, name='w')\nJ = (w * 2.0 - 5.0) ** 2\nJ",
    "tn.show(J)",
    "%%backprop\nloss = (w * 2.0 - 4.0) ** 2\nloss",
    "from tinygrad_neuron.train import descend\n"
    "descend(lambda: (w - 1.0) ** 2, [w], 0.1, 5, done=lambda a, b: False)",
    "1 / 0 if 'matplotlib.pyplot' in __import__('sys').modules else 'quiet'",
]


def test_a_real_kernel_shows_all_of_it(tmp_path):
    """Jupyter's own kernel: every cell runs, and has the picture, the frame or the table."""
    for library in ("nbclient", "nbformat", "ipykernel"):
        pytest.importorskip(library, reason=f"needs {library}")
    script = tmp_path / "run.py"
    script.write_text(RUN)
    done = subprocess.run(
        [sys.executable, str(script), *CELLS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    shown = done.stdout.split("@@@\n")
    assert "<svg" in shown[1] and "'text/plain': 'Value(1.0)'" in shown[1]
    assert ">J = v2**2<" in shown[1] and ">w<" in shown[1]
    assert "srcdoc" in shown[2] and "srcdoc" in shown[3] and "<svg" in shown[3]
    assert "<polyline" in shown[4] and "<table" in shown[4] and "'quiet'" in shown[5]


RUN = """
import sys
import nbformat
from nbclient import NotebookClient

cells = [nbformat.v4.new_code_cell(text) for text in sys.argv[1:]]
book = nbformat.v4.new_notebook(cells=cells)
NotebookClient(book, kernel_name="python3", timeout=120).execute()
for cell in book.cells:
    for output in cell.outputs:
        print(output.get("data", output))
    print("@@@")
"""
