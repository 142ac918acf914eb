"""The same by hand in C: gcc's vectors, the exponential of its vector mathematics."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from suite import higher
from suite.arrays import elementwise
from suite.training import linear, neuron
from suite.work import Contender, UnfitError, Work, again, flat

C = "C"
FLAGS = ["-O3", "-march=native", "-ffast-math", "-mprefer-vector-width=512", "-fPIC"]
# glibc has exp, log, sin and cos on vectors, and no tanh and log1p: those are made of exp and log.
# The cosine is a sine, for gcc makes one call of a sine and a cosine, and has that for no vector.
SOURCE = r"""
#include <math.h>
#define WAVE(name, T, F) \
T name(long n, const T *restrict x, const T *restrict y, T *restrict g) { \
    double sum = 0; T c = (T)-1 / n; \
    for (long i = 0; i < n; i++) { \
        T t = 1 - 2 / (exp##F(2 * x[i]) + 1), s = sin##F(x[i]); \
        T k = sin##F(x[i] + (T)1.5707963267948966); \
        T e = exp##F(-y[i] * (t * s + x[i] * x[i])); \
        sum += log##F(1 + e); \
        g[i] = c * y[i] * e / (1 + e) * ((1 - t * t) * s + t * k + 2 * x[i]); \
    } \
    return sum / n; \
}
WAVE(wave_double, double, ) WAVE(wave_float, float, f)

#define SIGMOID(z) (1 / (1 + exp(-(z))))
#define SIGMOID_SLOPE(p) ((p) * (1 - (p)))
#define SAME(z) (z)
#define ONE(p) 1
/* x holds its columns one after the other, so that rows are worked on eight at a time */
#define DESCEND(name, D, BEND, SLOPE) \
void name(long steps, long n, const double *restrict x, const double *restrict y, \
          double *restrict w, double alpha, double *restrict losses) { \
    for (long k = 0; k < steps; k++) { \
        double g[D] = {0}, b = 0, sum = 0; \
        for (long i = 0; i < n; i++) { \
            double z = w[D]; \
            for (int j = 0; j < D; j++) z += x[j * n + i] * w[j]; \
            double p = BEND(z), error = p - y[i], s = error * SLOPE(p); \
            sum += error * error; b += s; \
            for (int j = 0; j < D; j++) g[j] += s * x[j * n + i]; \
        } \
        losses[k] = sum / n; \
        for (int j = 0; j < D; j++) w[j] -= alpha * 2 / n * g[j]; \
        w[D] -= alpha * 2 / n * b; \
    } \
}
DESCEND(neuron_2, 2, SIGMOID, SIGMOID_SLOPE) DESCEND(neuron_10, 10, SIGMOID, SIGMOID_SLOPE)
DESCEND(linear_2, 2, SAME, ONE) DESCEND(linear_10, 10, SAME, ONE)
"""


@cache
def library() -> Any:
    """The C above, by gcc with all it has."""
    folder = Path(tempfile.mkdtemp())
    (folder / "bench.c").write_text(SOURCE)
    for command in (
        ["gcc", *FLAGS, "-c", "bench.c", "-o", "bench.o"],
        # linked without -ffast-math, which would make numbers below 1e-308 zeros for all others too
        ["gcc", "-shared", "bench.o", "-o", "bench.so", "-lm"],
    ):
        subprocess.run(command, cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "bench.so"))


def by_hand_in_c(work: Work) -> Iterator[Contender]:
    """Where there is a gcc, and the work is one of those that are written above."""
    if not shutil.which("gcc"):
        raise UnfitError("there is no gcc")
    if isinstance(work, higher.Higher):
        raise UnfitError("not written in C")
    if work.loss is elementwise:
        yield wave(work)
    elif work.loss in (neuron, linear):
        yield descent(work)
    else:
        raise UnfitError("not written in C")


def pointer(x: Any) -> Any:
    """Where an array stands."""
    return ctypes.c_void_p(x.ctypes.data)


def wave(work: Work) -> Contender:
    """The elementwise loss: one pass over the data."""
    (x,), (y,) = work.parameters, work.data
    out, is_double = np.empty_like(x), x.dtype == np.float64
    function = library().wave_double if is_double else library().wave_float
    function.restype = ctypes.c_double if is_double else ctypes.c_float
    arguments = (ctypes.c_long(x.size), pointer(x), pointer(y), pointer(out))

    def answer() -> Any:
        function(*arguments)
        return flat([out])

    return Contender(C, C, answer, again(lambda: function(*arguments)))


def descent(work: Work) -> Contender:
    """A neuron's whole loop: one pass over the data for each step."""
    x, y = work.data
    n, d = x.shape
    columns = np.ascontiguousarray(x.T)
    function = getattr(library(), f"{work.loss.__name__}_{d}")

    def run(steps: int) -> Any:
        w, history = np.zeros(d + 1), np.empty(steps)
        given = pointer(columns), pointer(y), pointer(w), ctypes.c_double(work.alpha)
        function(ctypes.c_long(steps), ctypes.c_long(n), *given, pointer(history))
        return w

    return Contender(f"{C}, whole loop", C, lambda: run(5), run, whole=True)
