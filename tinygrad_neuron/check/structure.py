"""What holds of every gradient before any slope is looked at: shapes, linearity, no side effects.

Each law is a function that returns what is broken, in words, or nothing.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_neuron.check.directions import typical
from tinygrad_neuron.check.numeric import EPS, NORMAL
from tinygrad_neuron.check.pair import Arrays, Pair
from tinygrad_neuron.check.report import Finding
from tinygrad_neuron.graph import Array, is_complex

CLOSE = 1e-11  # two ways to add up the same terms differ by less, relative to the largest entry
EXPLAINED = 16.0  # or by this many times what a rounding of the cotangent changes

Broken = Iterator[tuple[str, int, str]]  # the status, the number of the input, what is broken


def broken_laws(pair: Pair, rng: np.random.Generator) -> list[Finding]:
    """The laws that the pair breaks; the first of a kind is enough."""
    found: list[Finding] = []
    for law in (_pure, _repeatable, _fitting, _linear, _whatever_layout):
        for status, k, what in law(pair, rng):
            found.append(Finding(status, pair.names[k], reason=what))  # type: ignore[arg-type]
        if found:
            break
    return found


def weights(pair: Pair, rng: np.random.Generator) -> Arrays:
    """A weight for each number of the results, none of them small."""
    counts = np.diff(pair.result_ends)
    rows = [rng.uniform(0.5, 1.5, n) * rng.choice([-1.0, 1.0], n) for n in counts]
    return pair.cotangents(np.concatenate([np.zeros(0), *rows]))


def _repeatable(pair: Pair, rng: np.random.Generator) -> Broken:
    """Once more gives the same, to the bit."""
    if not _same(pair.values(pair.inputs), pair.result):
        yield "inconclusive", 0, "the function gives another result for the same inputs"
        return
    vs = weights(pair, rng)
    first = [np.array(g) for g in pair.pull(_copies(vs))]
    for pull in (pair.linear(_copies(pair.inputs)), pair.pull):
        for k, (g, h) in enumerate(zip(first, pull(_copies(vs)), strict=True)):
            if np.shape(g) == np.shape(h) and not _same([g], [h]):
                yield "failed", k, "the gradient is another one the second time"
                return


def _fitting(pair: Pair, rng: np.random.Generator) -> Broken:
    """A gradient has the shape and the precision of its input."""
    given = pair.linear(_copies(pair.given))(weights(pair, rng))
    results = pair.values(_copies(pair.given))
    for k, (g, x) in enumerate(zip(given, pair.given, strict=True)):
        if np.shape(g) != x.shape:
            yield "failed", k, f"the gradient has shape {np.shape(g)}, the input {x.shape}"
        elif g.dtype.kind != x.dtype.kind or (
            g.dtype != x.dtype and not _less_precise(results, g.dtype)
        ):
            yield "failed", k, f"the gradient is {g.dtype}, the input {x.dtype}"


def _less_precise(results: Arrays, dtype: Any) -> bool:
    """Whether the function itself works in this precision: then its gradient may."""
    single = np.finfo(dtype).dtype
    with np.errstate(all="ignore"):
        narrow = [
            y.astype(np.result_type(single, 1j) if is_complex(y) else single) for y in results
        ]
        return _same([x.astype(y.dtype) for x, y in zip(narrow, results, strict=True)], results)


def _pure(pair: Pair, rng: np.random.Generator) -> Broken:
    """Neither inputs nor cotangents are written to."""
    xs, vs = _copies(pair.inputs), weights(pair, rng)
    pair.values(xs)
    kept = _copies(vs)
    pull = pair.linear(xs)
    pull(vs)
    for k, (x, before) in enumerate(zip(xs, pair.inputs, strict=True)):
        if not _same([x], [before]):
            yield "failed", k, "the input is another one after the call"
    if not _same(vs, kept):
        yield "failed", 0, "the gradient's rule writes into the cotangent it is given"


def _linear(pair: Pair, rng: np.random.Generator) -> Broken:
    """Twice the cotangent is twice the gradient, sums are sums, nothing is nothing."""
    v = weights(pair, rng)
    e = [_one_hot(x, rng) for x in v]
    both = [np.array(a - 3.0 * b, order="F") for a, b in zip(v, e, strict=True)]
    nothing = [np.zeros_like(x) for x in v]
    of_v, of_e, of_both, of_0 = (pair.pull(_kept_order(x)) for x in (v, e, both, nothing))
    gaps = [
        _largest(np.abs(c - (a - 3.0 * b))) for a, b, c in zip(of_v, of_e, of_both, strict=True)
    ]
    apart = _apart(gaps, pair, v, of_v, of_e)
    for k, (a, zero) in enumerate(zip(of_v, of_0, strict=True)):
        if apart[k]:
            yield "failed", k, "the gradient is not linear in the cotangent"
        if np.any(np.isfinite(a) & (zero != 0.0)):
            yield "failed", k, "the gradient for a cotangent of zeros is not zero"


def _whatever_layout(pair: Pair, rng: np.random.Generator) -> Broken:
    """Rows first, columns first, backwards, read-only: the same gradient."""
    if not any(x.ndim for x in pair.inputs):
        return
    v = weights(pair, rng)
    given = pair.pull(_copies(v))
    for how, lay in LAYOUTS.items():
        try:
            other = pair.linear([lay(x) for x in pair.inputs])([lay(x) for x in v])
        except (ValueError, TypeError, RuntimeError):
            continue  # refused in words, and nothing wrong returned
        gaps = [_largest(np.abs(a - b)) for a, b in zip(given, other, strict=True)]
        for k in np.flatnonzero(_apart(gaps, pair, v, given, given)).tolist():
            yield "failed", k, f"the gradient is another one for {how} arrays"


def _locked(x: Array) -> Array:
    x = np.array(x)
    x.flags.writeable = False
    return x


def _backwards(x: Array) -> Array:
    return np.array(x)[(slice(None, None, -1),) * x.ndim].copy()[(slice(None, None, -1),) * x.ndim]


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "Fortran-ordered": lambda x: np.array(x, order="F"),
    "non-contiguous": lambda x: np.repeat(x, 2, axis=-1)[..., ::2] if x.ndim else np.array(x),
    "reversed": _backwards,
    "read-only": _locked,
}


def _one_hot(x: Array, rng: np.random.Generator) -> Array:
    """A single entry that is not 0, and no short binary fraction."""
    e = np.zeros_like(x)
    if x.size:
        e.flat[rng.integers(x.size)] = rng.uniform(0.5, 1.5)
    return e


def _apart(gaps: list[float], pair: Pair, v: Arrays, of_v: Arrays, of_e: Arrays) -> list[bool]:
    """For each input, whether two gradients are further apart than rounding explains.

    In proportion to the largest share of any input, and of a share of the result too small for all
    its digits; or to what a rounding of the cotangent does, which is looked at only where the first
    does not explain it.
    """
    sizes = [typical(x.ravel()) or 1.0 for x in pair.inputs]
    terms = [_largest(np.abs(a) + 3.0 * np.abs(b)) for a, b in zip(of_v, of_e, strict=True)]
    height = float(np.sum(pair.backdrop)) * max(map(_largest, map(np.abs, v)), default=0.0)
    most = max(t * size for t, size in zip(terms, sizes, strict=True))
    allowed = [
        (max(CLOSE, 1e3 * float(np.finfo(g.dtype).eps)) * most + EXPLAINED * EPS * height + NORMAL)
        / size
        for g, size in zip(of_v, sizes, strict=True)
    ]
    if all(gap <= most for gap, most in zip(gaps, allowed, strict=True)):
        return [False] * len(gaps)
    moved = [_rounded(pair, v, phase) for phase in range(3)]
    shifts = [max(_largest(np.abs(g - other[k])) for other in moved) for k, g in enumerate(of_v)]
    return [
        gap > most + EXPLAINED * shift
        for gap, most, shift in zip(gaps, allowed, shifts, strict=True)
    ]


def _rounded(pair: Pair, v: Arrays, phase: int) -> Arrays:
    """The gradients when inputs and cotangents move by some roundings."""
    xs = [x * (1.0 + 4.0 * EPS * np.cos(np.arange(x.size) + phase).reshape(x.shape)) for x in v]
    ones = [x * (1.0 + 4.0 * EPS * (-1.0) ** phase) for x in pair.inputs]  # ties stay ties
    return pair.linear(ones)(xs)


def _largest(terms: Array) -> float:
    """The largest finite entry."""
    return float(np.max(terms, initial=0.0, where=np.isfinite(terms)))


def _same(some: Arrays, others: Arrays) -> bool:
    return len(some) == len(others) and all(
        np.shape(a) == np.shape(b) and np.array_equal(a, b, equal_nan=True)
        for a, b in zip(some, others, strict=True)
    )


def _copies(xs: Arrays) -> Arrays:
    return [np.array(x) for x in xs]


def _kept_order(xs: Arrays) -> Arrays:
    return [np.array(x, order="K") for x in xs]
