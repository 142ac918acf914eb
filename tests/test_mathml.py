"""Formulas as MathML: well-formed, in the right brackets, and the same mathematics."""

import ast
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, strategies as st

from tinygrad_neuron.views import mathml

SIGNS = {"−": "-", "·": "*", "∞": "inf"}


def read(element):
    """A formula as Python again: what it means, brackets and all."""
    parts = [read(child) for child in element]
    match element.tag:
        case "mfrac":
            return f"(({parts[0]})/({parts[1]}))"
        case "msup":
            return f"({parts[0]}**({parts[1]}))"
        case "msub":
            return "".join(parts)
        case "msqrt":
            return f"sqrt({parts[0]})"
        case "mo" | "mi" | "mn":
            return SIGNS.get(element.text, element.text).replace("e−", "e-")
        case _:
            return "".join(parts)


def tree(text):
    """A formula as an element, which it is only if it is well-formed."""
    return ET.fromstring(mathml.expression(text))


NAMES = st.sampled_from(["a", "b", "w1", "x2"])
NUMBERS = st.sampled_from(["2", "0.5", "1e-06"])
FORMULAS = st.recursive(
    NAMES | NUMBERS,
    lambda part: (
        st.builds("({}) {} ({})".format, part, st.sampled_from(["+", "-", "*", "/"]), part)
        | st.builds("-({})".format, part)
        | st.builds("({})**2".format, part)
        | st.builds("exp({})".format, part)
    ),
    max_leaves=8,
)


@given(FORMULAS)
def test_a_formula_keeps_its_meaning(text):
    """What is shown, read by the rules of arithmetic, has the value of the expression."""
    known = {"a": 1.25, "b": -0.75, "w1": 3.0, "x2": 0.375, "exp": lambda x: x / 7 + 1}
    again = read(tree(text))

    def value(formula):
        try:
            return eval(formula, dict(known))
        except (ZeroDivisionError, OverflowError) as error:
            return type(error)

    assert value(again) == pytest.approx(value(text)) or value(again) is value(text)


@pytest.mark.parametrize(
    ("text", "read_again"),
    [
        ("a - (b - c)", "a-(b-c)"),
        ("a - b - c", "a-b-c"),
        ("(a + b) * c", "(a+b)*c"),
        ("-(a + b)", "-(a+b)"),
        ("(a + b)**2", "((a+b)**(2))"),
        ("(-a)**2", "((-a)**(2))"),
        ("absolute(a)", "|a|"),
        ("square(a + b)", "((a+b)**(2))"),
    ],
)
def test_brackets_stand_where_they_must(text, read_again):
    """And nowhere else."""
    assert read(tree(text)) == read_again


@pytest.mark.parametrize(
    "text",
    ["x.T @ upstream", "where(x > 0, upstream, 0)", "sum(x, axis=0, keepdims=True)", "x[0, 1:3]",
     "[1, 2, 3]", "not a", "(x == y) | (x < 1)", "f(x)(y)", "None", "lambda: 1"],
)  # fmt: skip
def test_everything_has_a_form(text):
    """What has no mathematics of its own is shown as it is written."""
    assert "".join(tree(text).itertext())


def test_a_name_may_have_a_class():
    """Every place where it stands, and nothing else."""
    text = mathml.expression("upstream * x + upstream", {"upstream": "up"})
    assert text.count('<mrow class="up"><mi>upstream</mi></mrow>') == 2


def test_text_is_escaped():
    """A comparison inside a subscript is no tag."""
    assert "a &lt; b" in mathml.expression("x[a < b]")
    assert ast.unparse(ast.parse("a < b")) == "a < b"
