"""A linear equation as text, and the neuron that is the same expression under other names.

256*x + 212*y = 1492      x and y are what is looked for
256*w1 + 212*w2 = 1492    256 and 212 are the inputs, w1 and w2 the weights
"""

import operator
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from math import gcd, lcm
from typing import Any

from tinygrad_neuron.lesson.mistakes import EquationError, UsageError
from tinygrad_neuron.lesson.text import count, number, words

SEED = "256x + 212y = 1492"

MINUS = "\N{MINUS SIGN}\N{EN DASH}-"  # the hyphen last: this stands in a character class
TIMES = "*\N{MULTIPLICATION SIGN}\N{MIDDLE DOT}"
RAISED = "\N{SUPERSCRIPT TWO}\N{SUPERSCRIPT THREE}\u2070-\u209f"  # \w takes them for letters
TERM = re.compile(
    rf"\s*(?P<sign>[+{MINUS}]?)\s*(?P<number>[0-9]+\.?[0-9]*|\.[0-9]+)?"
    rf"\s*(?P<times>[{TIMES}]?)\s*(?P<name>[^\W\d{RAISED}][^\W{RAISED}]*)?\s*"
)
LONGEST = 100  # digits of a number: beyond some 300 it would not be a float
POWER_OF_TEN = re.compile(r"(?<!\w)[0-9.]*[0-9][eE][+-]?[0-9]")

NOT_LINEAR = "only sums of number*name are understood, so no {} here"
NOT_UNDERSTOOD = {
    "(": NOT_LINEAR.format("brackets"),
    ")": NOT_LINEAR.format("brackets"),
    "/": NOT_LINEAR.format("division (write 0.25*x for x/4)"),
    "^": NOT_LINEAR.format("powers"),
    "\N{SUPERSCRIPT TWO}": NOT_LINEAR.format("powers"),
    ",": "a decimal number is written with a point, 2.5",
}


@dataclass(frozen=True)
class Equation:
    """`coefficients . unknowns = target`, in exact numbers: 0.1 is one tenth.

    >>> equation = parse("3a - 2b + 1 = b")
    >>> print(equation)
    3*a - 3*b = -1
    >>> equation.error([2.0, 3.0])
    -2.0
    """

    names: tuple[str, ...]
    coefficients: tuple[Fraction, ...]
    target: Fraction

    @property
    def inputs(self) -> tuple[float, ...]:
        """The coefficients, as what a neuron takes in."""
        return tuple(map(float, self.coefficients))

    @property
    def option(self) -> str:
        """How to type it again behind a command; nothing for the equation of the lesson."""
        return "" if self == parse(SEED) else f' --equation "{self}"'

    def scaled(self, scale: float) -> "Equation":
        """The same right side with every coefficient divided."""
        divisor = Fraction(str(scale))
        return replace(self, coefficients=tuple(c / divisor for c in self.coefficients))

    def left(self, unknowns: Sequence[Any]) -> Any:
        """The left side, of numbers or of Values."""
        return reduce(operator.add, map(operator.mul, self.inputs, unknowns))

    def error(self, unknowns: Sequence[Any]) -> Any:
        """Left side minus right side: below 0 is too small, above 0 too big."""
        return self.left(unknowns) - float(self.target)

    def exact_error(self, unknowns: Sequence[Fraction]) -> Fraction:
        """The same error without rounding."""
        return reduce(operator.add, map(operator.mul, self.coefficients, unknowns)) - self.target

    def __str__(self) -> str:
        return f"{weighted_sum(self.inputs, self.names)} = {number(float(self.target), 12)}"


def weighted_sum(factors: Sequence[float], names: Sequence[str]) -> str:
    """A sum of products as text.

    >>> weighted_sum([-1.0, 2.5], ["a", "b"])
    '-a + 2.5*b'
    """
    terms = (
        f" {'-' if c < 0 else '+'} {'' if abs(c) == 1 else number(abs(c), 12) + '*'}{name}"
        for c, name in zip(factors, names, strict=True)
    )
    text = "".join(terms)
    return "-" + text[3:] if text.startswith(" -") else text[3:]


def parse(text: str) -> Equation:
    """The equation a text says, with every unknown on the left and every number on the right.

    Decimals, `2x` or `2*x`, terms on both sides and names that come twice are understood; anything
    else raises EquationError, which points at the column.
    """
    text = re.sub(r"\s", " ", text)
    middle = _equals(text)
    left = list(_terms(text, 0, middle))
    right = [(-c, name) for c, name in _terms(text, middle + 1, len(text))]
    turn = 1 if any(name for _, name in left) else -1  # 7 = x is x = 7, not -x = -7
    total: dict[str, Fraction] = {}
    for coefficient, name in left + right:
        total[name] = total.get(name, Fraction(0)) + turn * coefficient
    target = -total.pop("", Fraction(0))
    if not any(total.values()):
        raise _error(text, 0, "no unknown is left in it, so there is nothing to look for")
    return Equation(tuple(total), tuple(total.values()), target)


def _equals(text: str) -> int:
    """Where the only equals sign stands."""
    power = POWER_OF_TEN.search(text)
    if power:
        problem = f"{power[0]} could be a power of ten or an unknown e: write 2000, or 2*e + 3"
        raise _error(text, power.start(), problem)
    first, second = text.find("="), text.find("=", text.find("=") + 1)
    if first < 0:
        raise _error(text, len(text), "an equation needs an = sign")
    if second > first:
        raise _error(text, second, "an equation has one = sign, and this is the second")
    return first


def _terms(text: str, start: int, stop: int) -> Iterator[tuple[Fraction, str]]:
    """The coefficient and the name of each term of one side; a number alone has no name."""
    at = start
    while at < stop or at == start:
        term = TERM.match(text, at, stop)
        assert term is not None  # every part of it may be missing
        _check(text, term, first=at == start)
        sign = -1 if term["sign"] and term["sign"] in MINUS else 1
        yield sign * Fraction(term["number"] or 1), term["name"] or ""
        at = term.end()


def _check(text: str, term: re.Match[str], first: bool) -> None:
    """Refuse what only looks like a term."""
    bare = not term["number"] and not term["name"]
    if term["times"] and not term["number"]:
        problem = "a number must stand before the *: 2*x, and never x*y"
        raise _error(text, term.start("times"), problem)
    if bare and term.end() < term.endpos:
        raise _error(text, term.end(), _not_understood(text[term.end()]))
    if bare or (term["times"] and not term["name"]):
        raise _error(text, term.end(), "a number or a name is missing here")
    if not first and not term["sign"]:
        begin = term.start("number" if term["number"] else "name")
        raise _error(text, begin, "a + or a - is missing before this")
    if len(term["number"] or "") > LONGEST:
        raise _error(text, term.start("number"), f"a number has at most {LONGEST} digits")
    if term["name"] and not term["name"].isidentifier():
        raise _error(text, term.start("name"), "a name is letters and digits, such as x or w1")


def _not_understood(sign: str) -> str:
    return NOT_UNDERSTOOD.get(sign, f"{sign!r} is not understood here")


def _error(text: str, column: int, problem: str) -> EquationError:
    """The error that shows the text with a caret under the column."""
    begin = max(0, column - 50)
    return EquationError(
        f"The equation cannot be read at column {column + 1}: {problem}.\n"
        f"  {text[begin : begin + 70]}\n"
        f"  {' ' * (column - begin)}^",
        hint='--equation "3a - 2b + c = 7"',
        text=text,
        column=column + 1,
    )


def headline(equation: Equation) -> str:
    """The equation, and what its error is."""
    return f"{equation}        error = left side - right side"


def one_for_each(equation: Equation, values: Sequence[Any], option: str) -> list[Any]:
    """A start with one number for each unknown; zeros where none is given."""
    n = len(equation.names)
    if values and len(values) != n:
        raise UsageError(
            f"{option} got {count(len(values), 'number')}, and {equation} has "
            f"{count(n, 'unknown')}: {words(equation.names)}.",
            hint=f"{option} {' '.join(['0'] * n)}",
        )
    return list(values) or [0] * n


def whole_solution(equation: Equation) -> tuple[int, int] | None:
    """Two whole numbers that solve it, the first not negative and as small as can be.

    None where there are none, or where the unknowns are not two.

    >>> whole_solution(parse(SEED))
    (5, 1)
    """
    if len(equation.names) != 2 or 0 in equation.coefficients:
        return None
    scale = lcm(*(c.denominator for c in (*equation.coefficients, equation.target)))
    a, b = (int(c * scale) for c in equation.coefficients)
    target = equation.target * scale
    return _bezout(a, b, int(target))


def _bezout(a: int, b: int, target: int) -> tuple[int, int] | None:
    """Whole x and y with a*x + b*y = target, x in 0 ... |b| / gcd(a, b) - 1."""
    shared = gcd(a, b)
    if target % shared:
        return None
    a, b, target = a // shared, b // shared, target // shared
    x = target * pow(a, -1, abs(b)) % abs(b)
    return x, (target - a * x) // b
