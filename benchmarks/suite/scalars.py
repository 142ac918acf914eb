"""Work on single numbers: an expression of twenty operations, a chain, many uses."""

from __future__ import annotations

from typing import Any

import numpy as np

from suite.arrays import USES, reuse_by_hand
from suite.work import Arrays, Work


def expression(f: Any, parameters: Arrays, data: Arrays) -> Any:
    """Twenty operations on two numbers."""
    a, b = parameters
    for _ in range(2):
        a, b = f.tanh(a * b + 0.5), f.exp(-b * b) + a / (1.0 + b * b)
    return a * b + f.sin(a) * 0.25


def expression_by_hand(parameters: Arrays, data: Arrays, f: Any = np) -> tuple[Any, list[Any]]:
    """The chain rule, on NumPy's functions or on those of `math`."""
    kept = []
    a, b = parameters
    for _ in range(2):
        t, e, d = f.tanh(a * b + 0.5), f.exp(-b * b), 1.0 + b * b
        kept.append((a, b, t, e, d))
        a, b = t, e + a / d
    value = a * b + f.sin(a) * 0.25
    ga, gb = b + f.cos(a) * 0.25, a
    for x, y, t, e, d in reversed(kept):
        gz = ga * (1.0 - t * t)
        ga, gb = gz * y + gb / d, gz * x - 2.0 * y * (gb * e + gb * x / (d * d))
    return value, [ga, gb]


def an_expression(name: str) -> Work:
    """At a point where nothing is small."""
    at = [np.float64(0.7), np.float64(-0.4)]
    return Work(name, expression, expression_by_hand, at, [], of_numbers=True)


# ---- a chain ----


def chain_of(n: int) -> Any:
    """n times x * a + b, one after the other."""

    def chain(f: Any, parameters: Arrays, data: Arrays) -> Any:
        x, a, b = parameters
        return f.scan(lambda carry, _: [carry[0] * a + b], [x], (), n)[0]

    def by_hand(parameters: Arrays, data: Arrays) -> tuple[Any, list[Any]]:
        x, a, b = parameters
        kept = []
        for _ in range(n):
            kept.append(x)
            x = x * a + b
        g, ga, gb = 1.0, 0.0, 0.0
        for before in reversed(kept):
            ga += g * before
            gb += g
            g = g * a
        return x, [g, ga, gb]

    return chain, by_hand


def a_chain(name: str, n: int) -> Work:
    """With a factor that neither grows nor forgets within n."""
    at = [np.float64(0.5), np.float64(1.0 - 1.0 / n), np.float64(0.1 / n)]
    return Work(name, *chain_of(n), at, [], of_numbers=True, operations=2 * n, length=n)


# ---- many uses ----


def uses(f: Any, parameters: Arrays, data: Arrays) -> Any:
    """Each number times its five neighbours, so that each is used ten times."""
    total, n = 0.0, len(parameters)
    for k in range(1, USES + 1):
        for i, x in enumerate(parameters):
            total = total + x * parameters[(i + k) % n]
    return total


def uses_by_hand(parameters: Arrays, data: Arrays) -> tuple[Any, list[Any]]:
    """As of an array."""
    value, (slopes,) = reuse_by_hand([np.array(parameters)], data)
    return value, list(slopes)


def the_uses(name: str, n: int) -> Work:
    """Of n numbers."""
    at = list(np.random.default_rng(1492).normal(size=n))
    return Work(name, uses, uses_by_hand, at, [], of_numbers=True, operations=2 * USES * n)
