"""What vectorised mathematics asks of the machine: one instruction each, for Numba.

Where Numba is missing, these are slow functions of Python's floats that give the same numbers.
"""

import struct
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

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


def _fma_single(a: Any, b: Any, c: Any) -> Any:
    return np.float32(_fma(float(a), float(b), float(c)))


def _bits_single(x: Any) -> int:
    return int.from_bytes(struct.pack("<f", x), "little", signed=True)


def _number_single(n: int) -> Any:
    return np.float32(struct.unpack("<f", (n & (1 << 32) - 1).to_bytes(4, "little"))[0])


def _cast(kind: str) -> Function:
    def emit(builder: Any, x: Any) -> Any:
        from llvmlite import ir

        kinds = {"int64": ir.IntType(64), "float64": ir.DoubleType()}
        kinds |= {"int32": ir.IntType(32), "float32": ir.FloatType()}
        return builder.bitcast(x, kinds[kind])

    return emit


def _fused(builder: Any, a: Any, b: Any, c: Any) -> Any:
    return builder.fma(a, b, c)


fma = _instruction(_fma, "float64", "float64", _fused)
bits = _instruction(_bits, "int64", "float64", _cast("int64"))
number = _instruction(_number, "float64", "int64", _cast("float64"))
fma_single = _instruction(_fma_single, "float32", "float32", _fused)
bits_single = _instruction(_bits_single, "int32", "float32", _cast("int32"))
number_single = _instruction(_number_single, "float32", "int32", _cast("float32"))
