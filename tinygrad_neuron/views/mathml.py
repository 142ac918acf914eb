"""Formulas as MathML, written from the text of Python expressions.

A browser shows MathML without a script and a screen reader reads it. There are no stretchy
brackets, for they need a font for mathematics, and no colours, which belong to the page: what
matters gets a `class`.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from html import escape

Classes = Mapping[str, str]  # of a name: the class of every place where it stands
Shapes = Mapping[str, Sequence[int]]  # of a name: the shape that is written beside it

SIGNS = {
    ast.Add: (1, "+"), ast.Sub: (1, "−"), ast.Mult: (2, "·"), ast.MatMult: (2, "·"),
    ast.Mod: (2, "mod"), ast.FloorDiv: (2, "//"), ast.BitAnd: (0, "and"), ast.BitOr: (0, "or"),
    ast.Lt: (0, "<"), ast.LtE: (0, "≤"), ast.Gt: (0, ">"), ast.GtE: (0, "≥"),
    ast.Eq: (0, "="), ast.NotEq: (0, "≠"),
}  # fmt: skip
LOOSEST, PRODUCT, PREFIX, TIGHTEST = 0, 2, 3, 5
GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eta": "η",
    "theta": "θ", "lambda": "λ", "lam": "λ", "mu": "μ", "pi": "π", "rho": "ρ", "sigma": "σ",
    "tau": "τ", "phi": "φ", "omega": "ω",
}  # fmt: skip
CALLED = {"sigmoid": "σ", "arctan": "arctan", "log": "ln"}
INDEXED = re.compile(r"([^\W\d_]+)_?(\d+)")


def math(*parts: str) -> str:
    """Parts of a formula as one element."""
    return f"<math>{''.join(parts)}</math>"


def expression(text: str, classes: Classes | None = None, shapes: Shapes | None = None) -> str:
    """A Python expression as presentation MathML, inside one row.

    >>> expression("2 * w1")
    '<mrow><mn>2</mn><mo>·</mo><msub><mi>w</mi><mn>1</mn></msub></mrow>'
    >>> expression("1 / x")
    '<mfrac><mn>1</mn><mi>x</mi></mfrac>'
    """
    return _Writer(classes or {}, shapes or {}).written(ast.parse(text, mode="eval").body)


def slope(above: str, below: str) -> str:
    """∂above/∂below.

    >>> slope("J", "w")
    '<mfrac><mrow><mo>∂</mo><mi>J</mi></mrow><mrow><mo>∂</mo><mi>w</mi></mrow></mfrac>'
    """
    top, bottom = (f"<mrow><mo>∂</mo>{name(x)}</mrow>" for x in (above, below))
    return f"<mfrac>{top}{bottom}</mfrac>"


def name(text: str) -> str:
    """A name: its number as an index, a Greek letter as one, a hat where it has one.

    >>> name("w1"), name("alpha"), name("y_hat")
    ('<msub><mi>w</mi><mn>1</mn></msub>', '<mi>α</mi>', '<mover><mi>y</mi><mo>^</mo></mover>')
    """
    hatted = text.removesuffix("_hat")
    if hatted != text and hatted:
        return f"<mover>{name(hatted)}<mo>^</mo></mover>"
    found = INDEXED.fullmatch(text)
    if found:
        return f"<msub>{name(found[1])}<mn>{found[2]}</mn></msub>"
    return f"<mi>{escape(GREEK.get(text, text))}</mi>"


def number(text: str) -> str:
    """A number that is written as Python does: 0.5, -2984, 1e-06, inf.

    >>> number("-2984"), number("1e-06")
    ('<mrow><mo>−</mo><mn>2984</mn></mrow>', '<mrow><mn>1e−6</mn></mrow>')
    """
    sign = "<mo>−</mo>" if text.startswith("-") else ""
    digits, e, power = text.removeprefix("-").removeprefix("+").partition("e")
    shown = f"{digits}e{power[:1].replace('-', '−')}{power[1:].lstrip('0')}" if e else digits
    shown = shown.replace("e+", "e").replace("inf", "∞")
    whole = f"<mn>{escape(shown)}</mn>"
    return f"<mrow>{sign}{whole}</mrow>" if sign or e else whole


def classed(name: str, *parts: str) -> str:
    """Parts of a formula under a class of the page."""
    return f'<mrow class="{name}">{"".join(parts)}</mrow>'


def shape(lengths: Sequence[int]) -> str:
    """The shape of an array, behind its name; nothing for a number.

    >>> shape([4, 3]), shape([])
    ('<mtext> (4×3)</mtext>', '')
    """
    return f"<mtext> ({'×'.join(map(str, lengths))})</mtext>" if lengths else ""


def sign(text: str) -> str:
    """An operator or a bracket that keeps its size."""
    stretchy = ' stretchy="false"' if text in "()[]|" else ""
    return f"<mo{stretchy}>{escape(text)}</mo>"


def _row(*parts: str) -> str:
    return f"<mrow>{''.join(parts)}</mrow>"


class _Writer:
    """One expression; a part is put in brackets where it binds less than its place asks."""

    def __init__(self, classes: Classes, shapes: Shapes) -> None:
        self.classes, self.shapes = classes, shapes

    def written(self, node: ast.expr, place: int = LOOSEST) -> str:
        strength, text = self._part(node)
        return _row(sign("("), text, sign(")")) if strength < place else text

    def _part(self, node: ast.expr) -> tuple[int, str]:
        """How tightly a part binds, and the part."""
        match node:
            case ast.Name(id=text):
                return TIGHTEST, self._name(text) + shape(self.shapes.get(text, ()))
            case ast.Constant(value=bool() | None):
                return TIGHTEST, f"<mtext>{ast.unparse(node)}</mtext>"
            case ast.Constant(value=int() | float() as value):
                return TIGHTEST, number(format(float(value), ".7g"))
            case ast.UnaryOp(op=ast.USub(), operand=x):
                return PREFIX, _row(sign("−"), self.written(x, PREFIX))
            case ast.BinOp(left=left, op=op, right=right):
                return self._operation(left, op, right)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in SIGNS:
                return self._between(left, op, right)
            case ast.Call(func=ast.Name(id=called), args=args, keywords=keywords):
                return TIGHTEST, self._call(called, args, keywords)
            case ast.Attribute(value=ast.Name(id=text), attr="T"):
                turned = shape(self.shapes.get(text, ())[::-1])
                return TIGHTEST, f"<msup>{self._name(text)}<mo>T</mo></msup>{turned}"
            case ast.Attribute(value=x, attr="T"):
                return TIGHTEST, f"<msup>{self.written(x, TIGHTEST)}<mo>T</mo></msup>"
            case ast.Subscript(value=x, slice=index):
                inside = f"<mtext>{escape(ast.unparse(index))}</mtext>"
                return TIGHTEST, _row(self.written(x, TIGHTEST), sign("["), inside, sign("]"))
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                return TIGHTEST, _row(sign("["), self._listed(parts), sign("]"))
        return TIGHTEST, f"<mtext>{escape(ast.unparse(node))}</mtext>"

    def _name(self, text: str) -> str:
        known = self.classes.get(text)
        return classed(known, name(text)) if known else name(text)

    def _operation(self, left: ast.expr, op: ast.operator, right: ast.expr) -> tuple[int, str]:
        if isinstance(op, ast.Div):
            return TIGHTEST - 1, f"<mfrac>{self.written(left)}{self.written(right)}</mfrac>"
        if isinstance(op, ast.Pow):
            base = self.written(left, TIGHTEST)
            return TIGHTEST - 1, f"<msup>{base}{self.written(right)}</msup>"
        return self._between(left, op, right)

    def _between(self, left: ast.expr, op: ast.AST, right: ast.expr) -> tuple[int, str]:
        strength, text = SIGNS.get(type(op), (LOOSEST, type(op).__name__))
        a, b = self.written(left, strength), self.written(right, strength + 1)
        return strength, _row(a, sign(text), b)

    def _call(self, called: str, args: list[ast.expr], keywords: list[ast.keyword]) -> str:
        only = self.written(args[0]) if len(args) == 1 and not keywords else ""
        if called == "sqrt" and only:
            return f"<msqrt>{only}</msqrt>"
        if called in ("absolute", "abs") and only:
            return _row(sign("|"), only, sign("|"))
        if called == "square" and only:
            return f"<msup>{self.written(args[0], TIGHTEST)}<mn>2</mn></msup>"
        inside = self._listed(args)
        for word in keywords:
            value = f"<mtext>{escape(ast.unparse(word.value))}</mtext>"
            inside += f"{sign(',')}<mi>{word.arg}</mi>{sign('=')}{value}"
        shown = CALLED.get(called, called)
        return _row(f"<mi>{escape(shown)}</mi>", sign("("), inside, sign(")"))

    def _listed(self, parts: list[ast.expr]) -> str:
        return sign(",").join(map(self.written, parts))
