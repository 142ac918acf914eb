"""Nudging: look at the sign of the error and move the unknowns a little the other way.

The step is fixed (by the sign of the error), or proportional to the error (by its size). A fixed
step is counted in exact fractions, so that "the same place again" means exactly that.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.polynomial import Polynomial

from tinygrad_neuron.lesson import text
from tinygrad_neuron.lesson.equation import Equation, headline, one_for_each, weighted_sum
from tinygrad_neuron.lesson.mistakes import UsageError

SOLVED = 1e-6  # how small an error ends a proportional walk; a fixed step must hit 0
LOST = 1e6  # how many times the first error ends a proportional walk
MOST_MOVES = 100_000
MOST_EXACT_MOVES = 20_000  # in fractions, which are slow
MOST_STATES = 100_000  # when all starts of a square are tried
MOST_IN_TURN = 12  # the limit is a root of a polynomial of this degree

Number = Any  # a Fraction where the step is fixed, a float where it is proportional
Position = tuple[Number, ...]
State = tuple[Position, int]  # where, and whose turn is next


@dataclass(frozen=True)
class Rule:
    """How a move is made: by a fixed `step` or by `eta` times the error, in turn or `together`."""

    step: Fraction = Fraction(1)
    eta: float | None = None
    first: int = 0
    together: bool = False

    def change(self, error: Number) -> Number:
        """What a move adds to an unknown whose coefficient is positive."""
        if self.eta is None:
            return -self.step if error > 0 else self.step
        return -self.eta * error


@dataclass(frozen=True)
class Move:
    """Where a move led: its number, the unknowns, and left side minus right side."""

    number: int
    position: Position
    error: Number


@dataclass(frozen=True)
class Nudges:
    """A walk and how it ended: solved, cycle, diverging or budget.

    A cycle comes back, with its last move, to where it was after move `same_as`.
    """

    equation: Equation
    rule: Rule
    moves: tuple[Move, ...]
    ending: str
    same_as: int | None = None

    @property
    def succeeded(self) -> bool:
        """Whether it found a solution."""
        return self.ending == "solved"

    @property
    def interrupted(self) -> bool:
        """Never: a walk is short."""
        return False

    @property
    def cycle(self) -> int | None:
        """How many moves one round takes."""
        return None if self.same_as is None else self.moves[-1].number - self.same_as

    @property
    def best(self) -> Number:
        """The smallest |error| of the walk."""
        return min(abs(move.error) for move in self.moves)


def run(
    equation: Equation,
    *,
    step: Fraction | float = 1,
    eta: float | None = None,
    first: str | None = None,
    start: Sequence[float] = (),
    seed: int | None = None,
    together: bool = False,
) -> Nudges:
    """Walk until the error is 0, the walk repeats itself, or it is clear that it never ends.

    The unknowns take turns, `first` begins; `together` moves them all in every move. A seed without
    a start draws one of whole numbers between 0 and 10.
    """
    rule = Rule(Fraction(str(step)), eta, _index(equation, first), together)
    if seed is not None and not start:
        start = np.random.default_rng(seed).integers(0, 11, len(equation.names)).tolist()
    begin = [Fraction(str(v)) for v in one_for_each(equation, start, "--start")]
    if eta is None:
        return _fixed(equation, rule, tuple(begin))
    return _proportional(equation, rule, tuple(map(float, begin)))


def _index(equation: Equation, first: str | None) -> int:
    """Who moves first: the first unknown that matters, or the one that is named."""
    useful = [name for name, c in zip(equation.names, equation.coefficients, strict=True) if c]
    if first is not None and first not in useful:
        raise UsageError(
            f"--first {first}: {equation} has no such unknown to move.",
            hint=f"--first {text.words(useful, last='or')}",
        )
    return equation.names.index(first or useful[0])


def _fixed(equation: Equation, rule: Rule, start: Position) -> Nudges:
    # the same place means the same turn: on the way every unknown moved an even number of times,
    # and none more than once more than another, so all moved equally often
    seen: dict[Position, int] = {}
    moves = []
    for move, _ in itertools.islice(_walk(equation, rule, start), MOST_EXACT_MOVES + 1):
        moves.append(move)
        if not move.error:
            return Nudges(equation, rule, tuple(moves), "solved")
        before = seen.setdefault(move.position, move.number)
        if before != move.number:
            return Nudges(equation, rule, tuple(moves), "cycle", before)
    return Nudges(equation, rule, tuple(moves), "budget")


def _proportional(equation: Equation, rule: Rule, start: Position) -> Nudges:
    moves: list[Move] = []
    ending = "budget"
    for move, _ in itertools.islice(_walk(equation, rule, start), MOST_MOVES + 1):
        moves.append(move)
        if abs(move.error) < SOLVED:
            ending = "solved"
            break
        if abs(move.error) > LOST * abs(moves[0].error):
            ending = "diverging"
            break
    return Nudges(equation, rule, tuple(moves), ending)


def _walk(equation: Equation, rule: Rule, position: Position) -> Iterator[tuple[Move, int]]:
    """Every place of an endless walk, with the unknown whose turn is next."""
    signs = [(c > 0) - (c < 0) for c in equation.coefficients]
    turns = _turns(equation, rule)
    error_at = equation.exact_error if rule.eta is None else equation.error
    for number in itertools.count():
        error = error_at(position)
        turn = turns[number % len(turns)]
        yield Move(number, position, error), turn
        change = rule.change(error)
        position = tuple(
            v + s * change if rule.together or i == turn else v
            for i, (v, s) in enumerate(zip(position, signs, strict=True))
        )


def _turns(equation: Equation, rule: Rule) -> list[int]:
    """The unknowns in the order of their turns, without those that change nothing."""
    n = len(equation.names)
    order = [(rule.first + i) % n for i in range(n)]
    useful = [i for i in order if equation.coefficients[i]]
    return useful[:1] if rule.together else useful


def lucky_starts(equation: Equation, rule: Rule, reach: int = 20) -> tuple[int, int] | None:
    """How many whole-number starts in [-reach, reach] are solved by a fixed step, and of how many.

    None where that takes long, or the unknowns are not two. A walk only goes on until it meets one
    that is already known.
    """
    if len(equation.names) != 2:
        return None
    known: dict[State, bool] = {}
    starts = list(itertools.product(map(Fraction, range(-reach, reach + 1)), repeat=2))
    lucky = 0
    for start in starts:
        lucky += _is_lucky(equation, rule, start, known)
        if len(known) > MOST_STATES:
            return None
    return lucky, len(starts)


def _is_lucky(equation: Equation, rule: Rule, start: Position, known: dict[State, bool]) -> bool:
    path: list[State] = []
    for move, turn in _walk(equation, rule, start):
        state = (move.position, turn)
        if state in known or not move.error or len(path) > MOST_STATES:
            lucky = known.get(state, not move.error)
            break
        known[state] = False  # until shown otherwise: coming back here is a cycle
        path.append(state)
    known.update(dict.fromkeys(path, lucky))
    return lucky


# ------------------------------------------------------------------- when a proportion settles


def factor(equation: Equation, rule: Rule) -> float:
    """What one round of proportional moves multiplies the error by."""
    assert rule.eta is not None
    sizes = [abs(c) for c in equation.inputs]
    if rule.together:
        return 1 - rule.eta * sum(sizes)
    return math.prod(1 - rule.eta * size for size in sizes)


def limit(equation: Equation, together: bool = False) -> float | None:
    """The eta below which proportional moves settle; None for more than a dozen unknowns in turn.

    Together it is 2 / sum |c|. In turn it is where the product of all (1 - eta |c|) first leaves
    -1 ... 1: (|a| + |b|) / |a b| for two unknowns of similar size.
    """
    sizes = np.array([abs(c) for c in equation.inputs if c])
    unit = sizes.sum()
    if together:
        return float(2 / unit)
    if len(sizes) > MOST_IN_TURN:
        return None
    product = math.prod((Polynomial([1, -size / unit]) for size in sizes), start=Polynomial([1]))
    above = (product - 1) // Polynomial([0, 1])  # without the root at 0, where nothing moves
    roots = np.concatenate([above.roots(), (product + 1).roots()])
    real = roots[abs(roots.imag) < 1e-9].real
    return float(real[real > 1e-9].min() / unit)


# ---------------------------------------------------------------------------------- the screen


def screen(nudges: Nudges, look: text.Look = text.PLAIN) -> str:
    """The walk, and what to try next."""
    return "\n".join([body(nudges, look), *_next(nudges, look)])


def body(nudges: Nudges, look: text.Look = text.PLAIN) -> str:
    """The table of moves, and how the walk ended."""
    prose = [*_ending(nudges), *_meaning(nudges)]
    return "\n".join(
        [
            *(text.wrapped(line, look.width) for line in _headlines(nudges)),
            _table(nudges),
            *(text.wrapped(line, look.width) for line in prose),
        ]
    )


def _headlines(nudges: Nudges) -> list[str]:
    rule = nudges.rule
    size = f"a step of {text.number(float(rule.step))}"
    if rule.eta is not None:
        size = f"{text.number(rule.eta)} times the error"
    order = "all unknowns in every move"
    if not rule.together:
        order = f"one unknown a move, {nudges.equation.names[rule.first]} first"
    return [headline(nudges.equation), f"nudging by {size}, {order}"]


def _table(nudges: Nudges) -> str:
    names = nudges.equation.names
    left = [weighted_sum(nudges.equation.inputs, names)] if len(names) < 3 else []
    head = ["move", *text.few(names, 3), *left, "error"]
    rows, notes = [], [""]
    for i in _shown(nudges):
        rows.append(_row(nudges, nudges.moves[i]) if i >= 0 else [":"] + [""] * (len(head) - 1))
        notes.append(_note(nudges, i) if i >= 0 else "")
    return text.table(head, rows, notes)


def _row(nudges: Nudges, move: Move) -> list[str]:
    unknowns = text.few([text.number(float(v)) for v in move.position], 3)
    left = [text.number(float(move.error + nudges.equation.target))] if len(unknowns) < 3 else []
    return [str(move.number), *unknowns, *left, text.signed(float(move.error))]


def _shown(nudges: Nudges) -> list[int]:
    """Which moves get a line; -1 for a gap."""
    last = len(nudges.moves) - 1
    if last <= 24:
        return list(range(last + 1))
    return [*range(7), -1, *range(last - 7, last + 1)]


def _note(nudges: Nudges, i: int) -> str:
    """What is done after a move, said where it changes."""
    move, moves, names = nudges.moves[i], nudges.moves, nudges.equation.names
    if i == len(moves) - 1:
        return f" <- the same as move {nudges.same_as}" if nudges.ending == "cycle" else ""
    changes = [
        (name, after - before)
        for name, before, after in zip(names, move.position, moves[i + 1].position, strict=True)
        if after != before
    ]
    if nudges.rule.eta is not None:
        return " -> " + ", ".join(text.few([f"{n} {text.signed(c, 4)}" for n, c in changes], 2))
    same = i >= len(names) and (moves[i - 1].error > 0) == (move.error > 0)
    what = " and ".join(f"{'increase' if c > 0 else 'decrease'} {name}" for name, c in changes)
    return "" if same else f" {'too big  ' if move.error > 0 else 'too small'} -> {what}"


def _ending(nudges: Nudges) -> list[str]:
    last = nudges.moves[-1]
    best = text.number(float(nudges.best), 4)
    if nudges.ending == "solved":
        values = zip(nudges.equation.names, last.position, strict=True)
        found = ", ".join(text.few([f"{n} = {text.number(float(v), 7)}" for n, v in values]))
        return [f"solved after {text.count(last.number, 'move')}: {found}"]
    if nudges.ending == "cycle":
        return [f"It will go round for ever: a cycle of {nudges.cycle} moves, best |error| {best}."]
    if nudges.ending == "diverging":
        return [f"diverging: stopped at move {last.number}, the error grows."]
    return [f"not solved after {last.number} moves, best |error| {best}."]


def _meaning(nudges: Nudges) -> list[str]:
    if nudges.rule.eta is not None:
        return _proportion(nudges)
    if nudges.ending == "budget":
        return ["The way is long for so short a step: try a larger --step."]
    return _luck(nudges) if nudges.ending == "solved" else ["A fixed step cannot settle."]


def _luck(nudges: Nudges) -> list[str]:
    """How rare it is that a fixed step hits 0, for two unknowns."""
    starts = lucky_starts(nudges.equation, nudges.rule)
    if starts is None:
        return []
    lucky, tried = starts
    return [f"Lucky: only {lucky} of the {tried} whole-number starts in [-20, 20] end like this."]


def _proportion(nudges: Nudges) -> list[str]:
    """How fast the error shrinks, and for which eta it does."""
    factor_, edge = (
        factor(nudges.equation, nudges.rule),
        limit(nudges.equation, nudges.rule.together),
    )
    settles = f" It settles for 0 < eta < {text.number(edge, 5)}." if edge else ""
    what = "move" if nudges.rule.together else "round of moves"
    return [f"Each {what} multiplies the error by {text.signed(factor_, 4)}.{settles}"]


def _next(nudges: Nudges, look: text.Look) -> list[str]:
    """What to type now: the other order, a proportional step, or the gradient."""
    equation, rule = nudges.equation, nudges.rule
    nudge, learn = (f"{look.program} {name}{equation.option}" for name in ("nudge", "learn"))
    if rule.eta is not None:
        return [f"Next:  {learn}"]
    if nudges.ending == "solved" and len(equation.names) > 1 and not rule.together:
        other = equation.names[(rule.first + 1) % len(equation.names)]
        return [f"Next:  {nudge} --first {other}"]
    gentle = (limit(equation) or limit(equation, together=True) or 8.0) / 8
    return [f"Next:  {nudge} --proportional {text.number(gentle, 1)}", f"  or   {learn}"]


def record(nudges: Nudges) -> dict[str, Any]:
    """The run for a machine."""
    rule = nudges.rule
    proportional = rule.eta is not None
    return {
        "equation": str(nudges.equation),
        "step": None if proportional else float(rule.step),
        "proportional": rule.eta,
        "first": nudges.equation.names[rule.first],
        "together": rule.together,
        "ending": nudges.ending,
        "cycle": nudges.cycle,
        "best": float(nudges.best),
        "factor": factor(nudges.equation, rule) if proportional else None,
        "limit": limit(nudges.equation, rule.together) if proportional else None,
        "moves": [
            {
                "move": move.number,
                "unknowns": [float(v) for v in move.position],
                "error": float(move.error),
            }
            for move in nudges.moves
        ],
    }
