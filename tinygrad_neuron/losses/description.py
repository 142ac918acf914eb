"""A loss described: signature, formula, properties, and a plot of loss and gradient in text."""

import inspect
import textwrap
from typing import Any

import numpy as np

from tinygrad_neuron.graph import plain
from tinygrad_neuron.losses import kinds, registry
from tinygrad_neuron.losses.compare import Shape
from tinygrad_neuron.transforms import value_and_grad

Arrays = tuple[Any, ...]

HEIGHT = 9  # lines of a plot
SMOOTHNESS = {-1: "a jump", 0: "a corner", 1: "one derivative", 2: "two derivatives"}
RANGES = {kinds.PROBABILITY: (0.02, 0.98), kinds.KINDS["cosine"]: (-0.98, 0.98)}


def example(loss: Any, rng: np.random.Generator, count: int, classes: int = 3) -> Arrays:
    """Arrays that a loss is defined for: a prediction, its target, and whatever else it takes."""
    shape: Shape = (count, *(classes,) * loss.rows)
    return tuple(_drawn(loss.kind(i), rng, shape) for i in range(len(loss.arrays)))


def _drawn(kind: kinds.Kind | None, rng: np.random.Generator, shape: Shape) -> Any:
    if kind is None:
        return rng.integers(0, shape[-1], shape[:-1])
    if kind.per_example:
        return kind.draw(rng, shape[:1])
    return kind.draw(rng, shape[:-1] if kind.per_row else shape)


def describe(loss: Any, width: int = 72) -> str:
    """What a person wants to know of a loss, on one screen."""
    takes = [*loss.arrays, *(f"{k}={v!r}" for k, v in loss.parameters.items())]
    lines = [f"{loss.__name__}({', '.join(takes)})"]
    lines += [f"  {line}" for line in _paragraph(loss)]
    lines += [
        "",
        *(wrapped(f"  {name:<10} {text}", width, 13) for name, text in properties(loss).items()),
    ]
    return "\n".join([*lines, "", *plot(loss, width), *_elsewhere(loss, width)])


def _paragraph(loss: Any) -> list[str]:
    text = inspect.getdoc(loss.function) or ""
    return text.partition("\n\n")[0].splitlines()


def properties(loss: Any) -> dict[str, str]:
    """What a loss declares of itself, in words; each is tested."""
    said = {
        "formula": loss.formula,
        "also": ", ".join(loss.aliases),
        "target": " and ".join(map(_target, range(1, len(loss.arrays)), [loss] * 9)),
        "parameters": ", ".join(
            f"{k}={v!r} ({_limit(loss, k)})" for k, v in loss.parameters.items()
        ),
        "least": "" if loss.minimum is None else f"{loss.minimum:g}",
        "convex": {True: "yes", False: "no", None: ""}[loss.convex],
        "gradient": _slope(loss),
        "smooth": _smooth(loss),
        "elicits": loss.elicits,
        "source": loss.source,
    }
    return {name: text for name, text in said.items() if text}


def _target(i: int, loss: Any) -> str:
    kind = loss.kind(i)
    return "labels, or shares of the classes" if kind is None else kind.says


def _limit(loss: Any, name: str) -> str:
    return kinds.LIMITS[loss.limits[name]][0] if name in loss.limits else "any"


def lipschitz(loss: Any, **settings: Any) -> float | None:
    """The steepest slope a loss can have, with these parameters; None where there is no bound."""
    bound = loss.lipschitz
    return float(bound(**{**loss.parameters, **settings})) if callable(bound) else bound


def _slope(loss: Any) -> str:
    bound = lipschitz(loss)
    return "" if bound is None else f"never beyond {bound:g}"


def _smooth(loss: Any) -> str:
    if loss.smooth is None:
        return ""
    return SMOOTHNESS.get(loss.smooth, "every derivative")


def wrapped(line: str, width: int, indent: int = 11) -> str:
    """A long line broken between words, what follows indented."""
    return textwrap.fill(line, width, subsequent_indent=" " * indent, break_on_hyphens=False)


def _elsewhere(loss: Any, width: int) -> list[str]:
    rows = [row for row in registry.ELSEWHERE if row.ours == loss.__name__]
    if not rows:
        return []
    lines = [
        wrapped(f"  {row.library:<8} {row.name}{': ' if row.differs else ''}{row.differs}", width)
        for row in rows
    ]
    return ["", "Elsewhere", *lines]


# ------------------------------------------------------------------------------------ the plot


def curve(loss: Any, count: int) -> tuple[str, Any, Any, Any]:
    """What is varied, its numbers, and the loss and the slope there."""
    low, high = RANGES.get(loss.domain, (-4.0, 4.0) if loss.domain.allows is None else (0.02, 4.0))
    x = np.linspace(low, high, count)
    first, others, what = _rows(loss) if loss.rows else _entry(loss)
    points = [_with_first(first, value) for value in x]
    at = value_and_grad(lambda p: loss(p, *others, reduction="sum"))
    with np.errstate(all="ignore"):
        pairs = [at(point) for point in points]
    y, slope = (
        np.array([np.ravel(plain(part))[0] for part in pair]) for pair in zip(*pairs, strict=True)
    )
    return what, x, y, slope


def _with_first(arrays: Any, value: float) -> Any:
    moved = np.array(arrays)
    moved[(0,) * moved.ndim] = value
    return moved


def _entry(loss: Any) -> tuple[Any, Arrays, str]:
    """One entry, beside a target of 0, or of 1 where 0 is none."""
    free = loss.domain.allows is None
    t, *others = (0.0 if kind.allows is None and free else 1.0 for kind in _beside(loss))
    return np.zeros(1), tuple(np.array([v]) for v in (t, *others)), f"prediction beside {t:g}"


def _beside(loss: Any) -> list[kinds.Kind]:
    return [loss.kind(i) for i in range(1, len(loss.arrays))]


def _rows(loss: Any) -> tuple[Any, Arrays, str]:
    """One row, or few where they depend on each other, of which the first number is varied."""
    together = loss.coupled or loss.rows > 1
    first, *others = example(loss, np.random.default_rng(3), 4 if together else 1, 2)
    if loss.over_classes:
        return 0.0 * first, (np.zeros(1, int), *others[1:]), "score of the right class, beside 0"
    return first, tuple(others), "first number of the prediction, all others as drawn"


def plot(loss: Any, width: int = 72) -> list[str]:
    """The loss (#) and its gradient (.) as lines of text."""
    room = max(width - 12, 20)
    what, x, y, slope = curve(loss, room)
    shown = np.concatenate([y, slope])
    shown = shown[np.isfinite(shown)]
    low, high = (shown.min(), shown.max()) if shown.size else (0.0, 1.0)
    high = high if high > low else low + 1.0
    grid = [[" "] * room for _ in range(HEIGHT)]
    for marks, sign in ((slope, "."), (y, "#")):
        for column, value in enumerate(marks):
            if np.isfinite(value):
                grid[round(float((high - value) / (high - low) * (HEIGHT - 1)))][column] = sign
    ticks = np.linspace(high, low, HEIGHT)
    lines = [
        f"{tick:10.3g} |{''.join(row).rstrip()}" for tick, row in zip(ticks, grid, strict=True)
    ]
    ends = f"{x[0]:g}{what:^{room - len(f'{x[0]:g}{x[-1]:g}')}}{x[-1]:g}"
    return [*lines, f"{'':11} {ends}", f"{'':11} #: loss   .: its gradient"]
