"""How Numba writes a primitive for one entry: an expression of numbers, for each precision."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.backward import unless_idle
from tinygrad_neuron.graph import Primitive
from tinygrad_neuron.program.lines import Line, Name

ARITHMETIC: Mapping[Primitive, str] = {
    ops.add: "({0} + {1})",
    ops.subtract: "({0} - {1})",
    ops.multiply: "({0} * {1})",
    ops.divide: "({0} / {1})",
    ops.negative: "(-{0})",
    ops.square: "({0} * {0})",
    ops.sqrt: "math.sqrt({0})",
    ops.absolute: "abs({0})",
    ops.maximum: "larger({0}, {1})",
    ops.minimum: "smaller({0}, {1})",
    ops.relu: "larger({0}, {zero})",
    ops.signum: "chosen({0} > {zero}, {one}, chosen({0} < {zero}, -{one}, abs({0})))",
    ops.floor: "np.floor({0})",
    ops.ceil: "np.ceil({0})",
    ops.trunc: "np.trunc({0})",
    ops.rint: "np.rint({0})",
    ops.stop_gradient: "{0}",
    ops.positive: "{0}",
    **dict.fromkeys((ops.sum, ops.mean, ops.sum_to, ops.max, ops.min), "{0}"),  # of one number
    unless_idle: "chosen(({0} != {0}) & ({1} == {zero}), {zero}, {0})",
}
OF_WHOLE_NUMBERS = {ops.add, ops.subtract, ops.multiply, ops.maximum, ops.minimum, ops.negative}
QUESTIONS: Mapping[Primitive, str] = {
    ops.greater: "({0} > {1})",
    ops.greater_equal: "({0} >= {1})",
    ops.less: "({0} < {1})",
    ops.less_equal: "({0} <= {1})",
    ops.equal: "({0} == {1})",
    ops.not_equal: "({0} != {1})",
    ops.logical_and: "(({0} != 0) & ({1} != 0))",
    ops.logical_or: "(({0} != 0) | ({1} != 0))",
    ops.logical_not: "({0} == 0)",
    ops.isnan: "({0} != {0})",
    ops.isfinite: "(abs({0}) < inf)",
    ops.isinf: "(abs({0}) == inf)",
}
FUNCTIONS = {
    *(ops.exp, ops.expm1, ops.log, ops.log1p, ops.sin, ops.cos, ops.tanh),
    *(ops.sech2, ops.sigmoid, ops.softplus),
}
POWERS = {
    2.0: "({0} * {0})",
    1.0: "{0}",
    0.5: "math.sqrt({0})",
    -1.0: "({one} / {0})",
    3.0: "({0} * {0} * {0})",
    4.0: "(({0} * {0}) * ({0} * {0}))",
    -2.0: "({one} / ({0} * {0}))",
}
WAVES = {ops.sin, ops.cos}  # whose angles must not be too large
FLOATS = (np.float64, np.float32)
TYPES = {"float64", "float32", "int64", "int32", "int16", "int8", "uint8", "bool"}

Operand = tuple[str, Any]  # text, and dtype; None for a plain number


def form(line: Line, operands: Sequence[Operand]) -> str | None:
    """The expression for one entry of a line, in its dtype; None where there is none here."""
    function, dtype = line.primitive, np.dtype(line.dtype)
    if function in QUESTIONS:
        common = common_type(operands)
        return common and _filled(QUESTIONS[function], operands, common)
    if function is ops.select:
        condition, *rest = operands
        a, b = (cast(x, dtype) for x in rest)
        return f"chosen({cast(condition, np.dtype(bool))}, {a}, {b})"
    if function is ops.astype:
        return cast(operands[0], dtype) if dtype.kind == "f" else None
    if dtype.kind == "i" and function in OF_WHOLE_NUMBERS and dtype == np.int64:
        return _filled(ARITHMETIC[function], operands, dtype)
    if dtype.kind != "f" or dtype.name not in TYPES:
        return None
    if function in FUNCTIONS:
        return _called(function.name, operands[0], dtype, single=not line.shape)
    template = _power(line) if function is ops.power else ARITHMETIC.get(function)
    return template and _filled(template, operands, dtype)


def _called(name: str, x: Operand, dtype: Any, single: bool) -> str:
    """A function of vectors; of one number C's or a call, which compile in a tenth of the time."""
    if single:
        called = f"math.{name}" if hasattr(math, name) else f"{name}_once"
        return cast((f"{called}({cast(x, np.dtype(float))})", np.dtype(float)), dtype)
    return f"{name}{'' if dtype == np.float64 else '_single'}({cast(x, dtype)})"


def _power(line: Line) -> str | None:
    exponent = line.inputs[1]
    if not isinstance(exponent, Name) and float(exponent) in POWERS:
        return POWERS[float(exponent)]
    return "({0} ** {1})" if not line.shape and line.dtype == np.float64 else None


def _filled(template: str, operands: Sequence[Operand], dtype: Any) -> str:
    known = {"one": number(1.0, dtype), "zero": number(0.0, dtype)}
    return template.format(*(cast(x, dtype) for x in operands), **known)


def common_type(operands: Sequence[Operand]) -> Any:
    """The dtype in which NumPy compares these; None if none is known here."""
    arrays = [np.dtype(dtype) for _, dtype in operands if dtype is not None]
    if any(x.name not in TYPES for x in arrays):
        return None
    kind = np.result_type(*arrays) if arrays else np.dtype(float)
    weak = [text for text, dtype in operands if dtype is None]
    if kind.kind == "f" or not weak:
        return kind
    if all(text in ("True", "False") for text in weak):
        return kind
    whole = all(_is_number(text) and "." not in text and "e" not in text for text in weak)
    return np.dtype(np.int64 if whole else np.float64)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def cast(x: Operand, dtype: Any) -> str:
    """An operand as a number of this dtype."""
    text, own = x
    if own == dtype:
        return text
    if own is None and _is_number(text):
        return number(float(text), dtype)
    if dtype.kind == "b":
        return f"({text} != 0)"
    return f"{dtype.name}({text})"


def number(x: float, dtype: Any) -> str:
    """A plain number as text."""
    if dtype.kind == "b":
        return str(bool(x))
    if dtype.kind in "iu":
        return str(int(x))
    return repr(float(x)) if dtype == np.float64 else f"float32({float(x)!r})"
