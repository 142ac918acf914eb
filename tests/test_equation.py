"""Equations as text: what is understood, and where exactly a mistake is."""

from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from tinygrad_neuron.lesson.equation import SEED, parse, weighted_sum, whole_solution
from tinygrad_neuron.lesson.mistakes import EquationError

NAMES = ("x", "y", "w1", "_a", "β")
TERMS = st.tuples(
    st.sampled_from("+-"),
    st.decimals(0, 1000, places=3, allow_nan=False).map(str),
    st.sampled_from((*NAMES, "")),
)
SIDES = st.lists(TERMS, min_size=1, max_size=6)
POINT = dict(zip(NAMES, map(Fraction, (3, -5, 7, 11, -13)), strict=True))


def written(terms, times):
    """The terms as a person types them."""
    text = " ".join(f"{s} {c}{times if name else ''}{name}" for s, c, name in terms)
    return text.removeprefix("+ ")


def worth(terms):
    """What they add up to at the point, in exact numbers."""
    return sum(int(f"{s}1") * Fraction(c) * POINT.get(name, 1) for s, c, name in terms)


@given(left=SIDES, right=SIDES, times=st.sampled_from(["", "*", " ", " × "]))
def test_it_means_what_it_says(left, right, times):
    """Left minus right is the same number at every point, however it was typed."""
    text = f"{written(left, times)} = {written(right, times)}"
    try:
        equation = parse(text)
    except EquationError as error:
        assert "no unknown is left" in str(error)
        return
    sign = 1 if any(name for _, _, name in left) else -1
    at = [POINT[name] for name in equation.names]
    assert equation.exact_error(at) == sign * (worth(left) - worth(right))
    assert equation.error(at) == pytest.approx(float(equation.exact_error(at)), abs=1e-6)


@given(left=SIDES, right=SIDES)
def test_what_is_printed_can_be_typed_again(left, right):
    """An equation's text is read back as the same equation."""
    try:
        equation = parse(f"{written(left, '')} = {written(right, '')}")
    except EquationError:
        return
    assert parse(str(equation)) == equation


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("256x+212y=1492", "256*x + 212*y = 1492"),
        ("3a - 2b + c = 7", "3*a - 2*b + c = 7"),
        ("2x + 3 = x - 1", "x = -4"),
        ("7 = x", "x = 7"),
        ("-a − .5b = – 2*c + 1", "-a - 0.5*b + 2*c = 1"),
        ("0.1x + 0.2x = 0.3", "0.3*x = 0.3"),
        ("0x + 2y = 4", "0*x + 2*y = 4"),
        ("2 · x\n=\t4.", "2*x = 4"),
        ("1.5xe3 = 2", "1.5*xe3 = 2"),
    ],
)
def test_the_ways_to_write_one(typed, printed):
    """Blanks, *, decimals, both kinds of minus, both sides, names that come twice."""
    assert str(parse(typed)) == printed


@pytest.mark.parametrize(
    ("typed", "column", "problem"),
    [
        ("", 1, "needs an = sign"),
        ("x + 1", 6, "needs an = sign"),
        ("x = 1 = 2", 7, "the second"),
        ("3a - 2b + = 7", 11, "is missing here"),
        ("x =", 4, "is missing here"),
        ("= 3", 1, "is missing here"),
        ("2* = 3", 4, "is missing here"),
        ("x y = 2", 3, "a + or a - is missing"),
        ("2 3x = 1", 3, "a + or a - is missing"),
        ("x*y = 2", 2, "never x*y"),
        ("2(x + y) = 3", 2, "no brackets"),
        ("x/4 = 1", 2, "write 0.25*x"),
        ("x^2 = 1", 2, "no powers"),
        ("x² + y = 1", 2, "no powers"),
        ("2,5x = 1", 2, "2.5"),
        ("x + -2 = 3", 5, "not understood"),
        ("x # y = 2", 3, "'#' is not understood"),
        ("½x = 2", 1, "letters and digits"),
        ("٣x = 2", 1, "not understood"),
        ("1e3x = 2", 1, "a power of ten"),
        ("x = 2e+3", 5, "a power of ten"),
        ("x - x = 3", 1, "nothing to look for"),
        (f"x = {'9' * 101}", 5, "at most 100 digits"),
    ],
)
def test_a_mistake_is_pointed_at(typed, column, problem):
    """The message holds the text, a caret under the column, and what to type."""
    with pytest.raises(EquationError, match="TN140") as caught:
        parse(typed)
    assert caught.value.data["column"] == column
    _, what, text, caret, hint = str(caught.value).splitlines()
    assert f"column {column}: " in what and problem in what
    assert text == f"  {typed}"[:72]
    assert caret.index("^") == column + 1
    assert hint == '  do:  --equation "3a - 2b + c = 7"'


def test_a_long_equation_is_shown_around_the_mistake():
    """Seventy columns of it, with the caret still under the place."""
    with pytest.raises(EquationError) as caught:
        parse("x + y + " * 40 + "! = 3")
    _, _, text, caret, _ = str(caught.value).splitlines()
    assert text[caret.index("^")] == "!" and len(text) <= 72


@pytest.mark.parametrize(
    ("typed", "solution"),
    [
        (SEED, (5, 1)),
        ("4x + 6y = 7", None),
        ("0.5x - 0.25y = 1", (0, -4)),
        ("-3x + y = 2", (0, 2)),
        ("7x + 5y = 1", (3, -4)),
        ("x = 1", None),
        ("x + y + z = 1", None),
        ("0x + 2y = 4", None),
    ],
)
def test_whole_solutions(typed, solution):
    """The whole solution with the smallest first number from 0 on, where there is one."""
    assert whole_solution(parse(typed)) == solution
    if solution:
        assert parse(typed).exact_error(solution) == 0


def test_scaling_divides_the_inputs_only():
    """2.56 w1 + 2.12 w2 = 1492, to the last digit."""
    scaled = parse(SEED).scaled(100)
    assert scaled.coefficients == (Fraction("2.56"), Fraction("2.12"))
    assert str(scaled) == "2.56*x + 2.12*y = 1492"


def test_a_sum_of_one_negative_term():
    """The first sign stands without a blank."""
    assert weighted_sum([-1.0], ["a"]) == "-a"
