"""The documentation: every cell is executed, and no page asks anything of the network."""

import os
import re
import sys
from pathlib import Path

from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.errors import ExtensionError

from tinygrad_neuron import __version__

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import numpy_surface  # noqa: E402  # it stands beside this file

project = "tinygrad_neuron"
author = "the tinygrad_neuron authors"
copyright = f"2026, {author}"
release = __version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_design",
]
exclude_patterns = ["_build", "jupyter_execute", "numpy_table.md"]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# the file an error names: without this a new random number on each build
os.environ["IPYKERNEL_CELL_NAME"] = "page"

nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True
nb_render_markdown_format = "myst"

autosummary_generate = True
# two pages whose names differ in case only are one file on some systems
autosummary_filename_map = {
    "tinygrad_neuron.graph.Primitive": "tinygrad_neuron.graph.Primitive_class"
}
numpydoc_show_class_members = False

html_theme = "pydata_sphinx_theme"
html_title = "tinygrad_neuron"
templates_path = ["_templates"]
html_static_path = ["_static"]
html_css_files = ["house.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_sidebars = {"**": ["pages.html"]}
html_theme_options = {
    "navbar_center": [],
    "secondary_sidebar_items": {
        "**": ["page-toc"],
        "index": [],
        "lesson": [],
        "seeing": [],
        "operations": [],
        "errors": [],
        "numpy": [],
        "optim": [],
        "examples/convolution": [],
        "examples/gru": [],
        "examples/transformer": [],
        "examples/autoencoder": [],
        "examples/gan": [],
        "examples/physics": [],
    },
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
}
pygments_style = "friendly"


def as_rest(app, what, name, thing, options, lines):
    """A docstring, which is plain text with Markdown's backticks, as reStructuredText."""
    session = table = False
    written = []
    for line in lines:
        session = bool(line.strip()) and (session or line.lstrip().startswith(">>>"))
        above, table = table, line[:1] == line[-1:] == "|"
        if table and not above:
            written += [".. list-table::", "   :header-rows: 1", ""]
        written += row(line) if table else [line if session else escaped(line)]
    lines[:] = written


def row(line):
    """A row of a Markdown table as a row of a list-table; the rule under the head is none."""
    if set(line) <= set("|-: "):
        return []
    cells = [escaped(cell.strip()) for cell in line.strip("|").split("|")]
    return [f"{'     -' if i else '   * -'} {cell}" for i, cell in enumerate(cells)]


def escaped(line):
    """A line of text that means nothing but its code between backticks and its *emphasis*."""
    text = re.split(r"(`+[^`]*`+|(?<![\w*])\*\w+\*(?![\w*]))", line)
    text[::2] = [re.sub(r"([\\*|_])", r"\\\1", part) for part in text[::2]]
    text[1::2] = [re.sub("`+", "``", part) for part in text[1::2]]
    return "".join(text)


def inline_formula(translator, node):
    """A formula inside a sentence, as MathML."""
    translator.body.append(tex2mathml(node.astext()))
    node.children.clear()


def displayed_formula(translator, node):
    """A formula on its own line, as MathML."""
    translator.body.append(tex2mathml(node.astext(), as_block=True))
    node.children.clear()


def leave(translator, node):
    """Nothing is left open after a formula."""


OUTSIDE = re.compile(
    r"""<(?:script|img|iframe|source|link)\b[^>]*\b(?:src|href)=["'](?:https?:)?//"""
    r"""|url\(["']?(?:https?:)?//"""
    r"""|@import\s+["'](?:https?:)?//"""
)


def refuse_the_network(app, exception):
    """Fail the build if a finished page would load anything from elsewhere."""
    for file in () if exception else Path(app.outdir).rglob("*"):
        found = file.suffix in (".html", ".css") and OUTSIDE.search(file.read_text())
        if found:
            raise ExtensionError(f"{file.name} loads from the network: {found[0]}")


def write_surface(app):
    """What each function of NumPy's does, asked of the one that is installed."""
    (HERE / "numpy_table.md").write_text(numpy_surface.page() + "\n")


def setup(app):
    """Docstrings as they are written, formulas without a script, a last look at what was built."""
    app.connect("autodoc-process-docstring", as_rest, priority=400)
    app.add_html_math_renderer("mathml", (inline_formula, leave), (displayed_formula, leave))
    app.connect("builder-inited", write_surface)
    app.connect("build-finished", refuse_the_network)
