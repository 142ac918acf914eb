"""Quotients and rests, steps, and questions: where most of a number has no slope at all."""

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from tinygrad_neuron.arrays import is_foreign, spoken
from tinygrad_neuron.graph import POSITIVE, Array, Domain, elementwise, only, unchanged
from tinygrad_neuron.ops.elementwise import AT_ZERO, STEP, floor_divide, remainder, where

HALF_STEP = Domain(kinks=tuple(k + 0.5 for k in range(-8, 8)))


# ------------------------------------------------------------------------ quotient and rest


@elementwise(
    unchanged,
    lambda g, y, a, b: -g * rint((a - y) / b),  # a / b may be rounded up to a whole number
    scalar=math.fmod,
    numpy=(np.fmod,),
    domains=(Domain(), POSITIVE),
    kink="a jump where b divides a: the slope of its neighbours",
)
def fmod(a: Array, b: Array) -> Array:
    """What is left of a after taking b as often as it goes, with the sign of a."""
    return np.fmod(a, b)


def divmod(a: Array, b: Array) -> tuple[Array, Array]:
    """How often b goes into a, which is flat, and what is left."""
    return floor_divide(a, b), remainder(a, b)


def modf(x: Array) -> tuple[Array, Array]:
    """What stands behind the point, with slope 1, and what stands before it, which is flat."""
    return fmod(where(isinf(x), 0.0, x), 1.0), trunc(x)


# ------------------------------------------------------------------- flat: no gradient passes


@elementwise(
    None,
    scalar=lambda x: float(math.ceil(x)),
    numpy=(np.ceil,),
    domains=(STEP,),
    kink="a step: slope 0 everywhere",
    steep=False,
)
def ceil(x: Array) -> Array:
    """The smallest whole number that is not below x."""
    return np.ceil(x)


@elementwise(
    None,
    scalar=lambda x: float(math.trunc(x)),
    numpy=(np.trunc, np.fix),
    domains=(STEP,),
    kink="a step: slope 0 everywhere",
    steep=False,
)
def trunc(x: Array) -> Array:
    """The whole number next to x on the side of 0."""
    return np.trunc(x)


@elementwise(
    None,
    numpy=(np.rint,),
    domains=(HALF_STEP,),
    kink="a step: slope 0 everywhere",
    steep=False,
)
def rint(x: Array) -> Array:
    """The nearest whole number; of two, the even one."""
    return np.rint(x)


@elementwise(
    None,
    numpy=(np.round, np.around),
    domains=(HALF_STEP,),
    kink="a step: slope 0 everywhere",
    steep=False,
)
def round(x: Array, *, decimals: int = 0) -> Array:
    """The nearest number with this many decimals."""
    return np.round(x, decimals)


@elementwise(None, numpy=(np.isfinite,), steep=False)
def isfinite(x: Array) -> Array:
    """Is it a number, and not infinite?"""
    return np.isfinite(x)


@elementwise(None, numpy=(np.isinf,), steep=False)
def isinf(x: Array) -> Array:
    """Is it infinite?"""
    return np.isinf(x)


@elementwise(None, numpy=(np.signbit,), domains=(AT_ZERO,), steep=False)
def signbit(x: Array) -> Array:
    """Is its sign a minus? That of -0.0 is."""
    return np.signbit(x)


def answering(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of NumPy's that answers a question, asked about the plain numbers in Values."""

    @wraps(function)
    def answer(*args: Any, **settings: Any) -> Any:
        numbers = [_numbers(x) for x in args]
        named = {key: _numbers(x) for key, x in settings.items()}
        foreign = next(filter(is_foreign, numbers), None)
        if foreign is None:
            return function(*numbers, **named)
        return spoken(function.__name__, foreign, lambda: function(*numbers, **named))

    answer.__doc__ = f"NumPy's `{function.__name__}`, about the numbers alone: a plain answer."
    return answer


def _numbers(x: Any) -> Any:
    """What is asked about, Values in lists too, as plain numbers."""
    return type(x)(map(_numbers, x)) if type(x) in (list, tuple) else only(x)


isclose = answering(np.isclose)
allclose = answering(np.allclose)
array_equal = answering(np.array_equal)
array_equiv = answering(np.array_equiv)
isposinf = answering(np.isposinf)
isneginf = answering(np.isneginf)
