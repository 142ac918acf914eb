"""What vectorised mathematics asks of the machine: one instruction each, for Numba.

Where Numba is missing, these are slow functions of Python's floats that give the same numbers.
"""

import struct
from collections.abc import Callable
from fractions import Fraction
from typing import Any

Function = Callable[..., Any]


def inlined(f: Function, **options: Any) -> Function:
    """A function compiled into whoever calls it, so that a loop around it can be vectorised."""
    return called(f, forceinline=True, **options)


def called(f: Function, **options: Any) -> Function:
    """A function for others that Numba compiles."""
    try:
        from numba import njit
    except ImportError:
        return f
    options |= {"error_model": "numpy", "no_cpython_wrapper": True}
    try:
        kept: Function = njit(cache=True, **options)(f)
    except RuntimeError:  # there is no folder to keep it in
        kept = njit(**options)(f)
    return kept


def summing(f: Function) -> Function:
    """`inlined`, for an addition whose order may be changed: sums of a block, and nothing else."""
    return inlined(f, fastmath={"reassoc", "nsz", "contract"})


def _instruction(stand_in: Function, result: str, given: str, emit: Function) -> Function:
    """A function that Numba replaces by one instruction; without Numba, its stand-in."""
    try:
        from numba import types
        from numba.extending import intrinsic
    except ImportError:
        return stand_in
    wanted = getattr(types, result)(*[getattr(types, given)] * stand_in.__code__.co_argcount)

    def typed(_: Any, *__: Any) -> Any:
        return wanted, lambda context, builder, signature, args: emit(builder, *args)

    if len(wanted.args) == 1:
        return intrinsic(lambda typingctx, x: typed(typingctx, x))
    return intrinsic(lambda typingctx, a, b, c: typed(typingctx, a, b, c))


def _fma(a: float, b: float, c: float) -> float:
    if not all(abs(x) < 1e300 for x in (a, b, c)):
        return a * b + c
    return float(Fraction(a) * Fraction(b) + Fraction(c)) or a * b + c


def _bits(x: float) -> int:
    return int.from_bytes(struct.pack("<d", x), "little", signed=True)


def _number(n: int) -> float:
    return float(struct.unpack("<d", (n & (1 << 64) - 1).to_bytes(8, "little"))[0])


def _as_int(builder: Any, x: Any) -> Any:
    from llvmlite import ir

    return builder.bitcast(x, ir.IntType(64))


def _as_float(builder: Any, x: Any) -> Any:
    from llvmlite import ir

    return builder.bitcast(x, ir.DoubleType())


fma = _instruction(_fma, "float64", "float64", lambda builder, a, b, c: builder.fma(a, b, c))
bits = _instruction(_bits, "int64", "float64", _as_int)
number = _instruction(_number, "float64", "int64", _as_float)
