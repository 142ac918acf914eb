"""The tour: guess, nudge, learn, and the same neuron on a real table, one after the other.

The table is Anderson's measurements of 150 irises (see data/README.md).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinygrad_neuron.lesson import fit, guess, learn, nudge, text
from tinygrad_neuron.lesson.equation import SEED, parse
from tinygrad_neuron.lesson.fit import Fit
from tinygrad_neuron.lesson.guess import Guesses
from tinygrad_neuron.lesson.learn import Learnt
from tinygrad_neuron.lesson.nudge import Nudges
from tinygrad_neuron.lesson.table import read
from tinygrad_neuron.lesson.text import Look
from tinygrad_neuron.train import Progress

IRIS = Path(__file__).parent / "data" / "iris.csv"
TARGET = "petal_width"
AGREES = 1e-6  # with the closed form


@dataclass(frozen=True)
class Tour:
    """The four runs."""

    guesses: Guesses
    nudges: Nudges
    learnt: Learnt
    fit: Fit

    @property
    def agrees(self) -> bool:
        """Whether the descent on the table found what least squares finds."""
        return self.fit.gap is not None and self.fit.gap < AGREES

    @property
    def succeeded(self) -> bool:
        """Whether every part found what it was looking for."""
        parts = (self.guesses, self.nudges, self.learnt, self.fit)
        return all(part.succeeded for part in parts) and self.agrees

    @property
    def interrupted(self) -> bool:
        """Whether somebody pressed Ctrl-C."""
        return any(part.interrupted for part in (self.guesses, self.learnt, self.fit))


def run(*, seed: int = 0, progress: Progress = iter) -> Tour:
    """All four parts; the seed is that of the guesses and of the neuron's first weights."""
    equation = parse(SEED)
    return Tour(
        guess.run(equation, seed=seed),
        nudge.run(equation),
        learn.run(equation),
        fit.run(read(str(IRIS)), TARGET, seed=seed, standardize=True, progress=progress),
    )


# ---------------------------------------------------------------------------------- the screen

GUESS = """\
1. GUESS. 256x + 212y = 1492 has two unknowns. The first idea: try random numbers, keep the best."""

NUDGE = """\
2. NUDGE. Better: look at the error, left side minus right side. Below 0, increase an unknown;
above 0, decrease one. Now every move knows something from the move before."""

LEARN = """\
3. LEARN. How far to move, and which unknown how much? Call x and y the weights w1 and w2 of a
neuron, the squared error its loss J, and let the gradient say both: it is computed from the
expression itself, backwards, operation by operation."""

TABLE = """\
4. A REAL TABLE. The same neuron with three inputs, a bias and {rows} rows instead of one: the
width of an iris petal from three other measures (E. Anderson's flowers, published by R. A. Fisher
in 1936). Here the best weights are also known in closed form, by least squares; the descent does
not look at it."""

END = """\
The neuron found the weights of the closed form: the largest difference is {gap}, {than} {limit}."""


def screen(tour: Tour, look: Look = text.PLAIN) -> str:
    """Four screens with a few words between them."""
    iris = f"learn {text.relative(IRIS)} --target {TARGET} --standardize"
    seeded = f" --seed {tour.guesses.seed}" if tour.guesses.seed else ""
    parts = [
        (GUESS, f"guess{seeded}", guess.body(tour.guesses, look)),
        (NUDGE, "nudge", nudge.body(tour.nudges, look)),
        (LEARN, "learn", learn.screen(tour.learnt, look)),
        (
            TABLE.format(rows=len(tour.fit.examples.y)),
            f"{iris}{seeded}",
            fit.screen(tour.fit, look),
        ),
    ]
    shown = [
        f"{text.wrapped(words, look.width, indent='')}\n\n$ {look.program} {command}\n{result}\n"
        for words, command, result in parts
    ]
    return "\n".join(["A neuron learns, in four parts.\n", *shown, *_end(tour, look)])


def _end(tour: Tour, look: Look) -> list[str]:
    gap = tour.fit.gap
    assert gap is not None  # the irises determine the weights
    than = "less than" if tour.agrees else "and that is more than"
    end = END.format(gap=text.number(gap, 2), than=than, limit=text.number(AGREES))
    return [
        text.wrapped(end, look.width, indent=""),
        "Next, a step that is too large and why, and every alpha from small to large:",
        f"  {look.program} learn --alpha 0.001",
        f"  {look.program} sweep",
    ]


def record(tour: Tour) -> dict[str, Any]:
    """The four runs for a machine."""
    return {
        "guess": guess.record(tour.guesses),
        "nudge": nudge.record(tour.nudges),
        "learn": learn.record(tour.learnt),
        "table": fit.record(tour.fit),
        "agrees_with_closed_form": tour.agrees,
    }
