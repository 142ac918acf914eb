"""A graph in DOT, the language that Graphviz and many other programs read."""

from tinygrad_neuron.views.layout import shown_lines
from tinygrad_neuron.views.svg import FRAMES
from tinygrad_neuron.views.trace import Trace

STYLES = {"learnable": "bold", "constant": "dotted", "result": "solid"}


def dot(trace: Trace, *, hide_constants: bool = False) -> str:
    """The graph of a trace: each node with its number and its gradient.

    >>> from tinygrad_neuron import Value, trace_of
    >>> x = Value(3.0, name="x")
    >>> print(dot(trace_of(x * x)))
    digraph "x*x" {
      rankdir=LR
      node [shape=box, fontname="monospace"]
      0 [label="x\\n3\\ngrad 6", style=bold, color="#1a7f37"]
      1 [label="J = x*x\\n9\\ngrad 1", style=solid, color="#0550ae"]
      0 -> 1
      0 -> 1
    }
    <BLANKLINE>
    """
    nodes = [n for n in trace["nodes"] if not (hide_constants and n["kind"] == "constant")]
    seen = {node["id"] for node in nodes}
    lines = [f"digraph {_quoted(trace['title'])} {{", "  rankdir=LR"]
    lines.append('  node [shape=box, fontname="monospace"]')
    for node in nodes:
        label, kind = _quoted("\n".join(shown_lines(trace, node["id"]))), node["kind"]
        colour = FRAMES[kind][0]
        lines.append(f'  {node["id"]} [label={label}, style={STYLES[kind]}, color="{colour}"]')
    for node in nodes:
        sources = (x for x in node["inputs"] if type(x) is int and x in seen)
        lines += [f"  {x} -> {node['id']}" for x in sources]
    return "\n".join([*lines, "}", ""])


def _quoted(text: str) -> str:
    r"""A text in DOT's quotes, in which a backslash and a quote have a meaning.

    >>> print(_quoted('say "x"'))
    "say \"x\""
    """
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
