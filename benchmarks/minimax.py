"""Where the polynomials of `tinygrad_neuron/program/native/mathematics.py` come from.

Each has the smallest largest error on an interval (Remez's exchange, in 60 digits), for what is
left of a function when its first terms are taken off. Run it to see them, with log2 of the error.
"""

from collections.abc import Callable
from typing import Any

import mpmath
from mpmath import mpf

Function = Callable[[Any], Any]


def remez(f: Function, weight: Function, a: Any, b: Any, degree: int) -> tuple[list[Any], Any]:
    """Coefficients, lowest first, that minimise max |weight * (p - f)|, and that maximum."""
    m = degree + 2
    points = [(a + b) / 2 - (b - a) / 2 * mpmath.cos(mpmath.pi * (i + 0.5) / m) for i in range(m)]
    grid = [a + (b - a) * (1 - mpmath.cos(mpmath.pi * i / 400)) / 2 for i in range(401)]
    for _ in range(20):
        c = levelled(f, weight, points)
        errors = [weight(x) * (mpmath.polyval(c[::-1], x) - f(x)) for x in grid]
        peaks = alternating(errors, m)
        if len(peaks) < m:
            break
        points = [grid[i] for i in peaks]
    return c, max(map(abs, errors))


def levelled(f: Function, weight: Function, points: list[Any]) -> list[Any]:
    """The polynomial whose weighted errors at these points are equal, with signs in turn."""
    m = len(points)
    system, right = mpmath.matrix(m, m), mpmath.matrix(m, 1)
    for i, x in enumerate(points):
        for j in range(m - 1):
            system[i, j] = x**j
        system[i, m - 1] = (-1) ** i / weight(x)
        right[i] = f(x)
    solution = mpmath.lu_solve(system, right)
    return [solution[j] for j in range(m - 1)]


def alternating(errors: list[Any], m: int) -> list[int]:
    """The places of m peaks whose signs take turns."""
    sizes = [mpf(0), *map(abs, errors), mpf(0)]
    peaks: list[int] = []
    for i, e in enumerate(errors):
        if sizes[i + 1] < sizes[i] or sizes[i + 1] < sizes[i + 2]:
            continue
        if peaks and mpmath.sign(errors[peaks[-1]]) == mpmath.sign(e):
            if abs(e) > abs(errors[peaks[-1]]):
                peaks[-1] = i
        else:
            peaks.append(i)
    while len(peaks) > m:
        peaks.pop(0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1)
    return peaks


def exp_tail(r: Any) -> Any:
    """(exp(r) - 1 - r) / r**2."""
    return (mpmath.exp(r) - 1 - r) / r**2 if abs(r) > 1e-15 else mpf(1) / 2 + r / 6


def log_tail(z: Any) -> Any:
    """(log((1 + s) / (1 - s)) - 2 * s) / s**3 for s = sqrt(z)."""
    s = mpmath.sqrt(z)
    return (2 * mpmath.atanh(s) - 2 * s) / s**3 if z > 1e-20 else mpf(2) / 3


def sin_tail(z: Any) -> Any:
    """(sin(r) - r) / r**3 for r = sqrt(z)."""
    r = mpmath.sqrt(z)
    return (mpmath.sin(r) - r) / r**3 if z > 1e-20 else -mpf(1) / 6


def cos_tail(z: Any) -> Any:
    """(cos(r) - 1 + r**2 / 2) / r**4 for r = sqrt(z)."""
    return (mpmath.cos(mpmath.sqrt(z)) - 1 + z / 2) / z**2 if z > 1e-20 else mpf(1) / 24


HALF_LN2 = mpf("0.3475")  # a little more than log(2) / 2: the rounding is not exact
LARGEST = mpf("0.02945")  # of s**2 for s = f / (2 + f), 1 + f from sqrt(1/2) to sqrt(2)
EIGHTH = mpf("0.6172")  # (pi / 4)**2
POLYNOMIALS = {
    "exp": (exp_tail, lambda r: abs(r) + mpf("1e-3"), -HALF_LN2, HALF_LN2, (10, 5)),
    "log": (log_tail, lambda z: z / 2 + mpf("1e-5"), mpf(0), LARGEST, (6, 3)),
    "sin": (sin_tail, lambda z: z + mpf("1e-4"), mpf(0), EIGHTH, (5, 3)),
    "cos": (cos_tail, lambda z: z * z + mpf("1e-4"), mpf(0), EIGHTH, (5, 3)),
}


def main() -> None:
    """Print them, those of float64 and those of float32."""
    mpmath.mp.dps = 60
    for name, (f, weight, a, b, degrees) in POLYNOMIALS.items():
        for degree in degrees:
            c, error = remez(f, weight, a, b, degree)
            print(f"{name}, degree {degree}, error 2**{mpmath.nstr(mpmath.log(error, 2), 4)}")
            print(f"    {[float(x) for x in c]}")


if __name__ == "__main__":
    main()
