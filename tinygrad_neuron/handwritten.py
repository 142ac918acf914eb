"""A function with a gradient written by hand, which is checked the first time anybody needs it.

`primitive` with rules is the engine's own. Without them the function comes first and its gradient
follows, one function for all arrays:

    @primitive(domains=("real", "!real"))
    def scaled_error(prediction, target, scale=1.0): ...

    @scaled_error.vjp
    def _(g, y, prediction, target, scale=1.0): return scale * g, None

The first backward pass that reaches it compares the gradient, and the gradient's own, with slopes
seen at random points; a wrong one is an error there and then. It costs some milliseconds, once.
"""

import functools
import inspect
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_neuron import graph
from tinygrad_neuron.errors import RuleError
from tinygrad_neuron.graph import Array, Node, Primitive, no_grad, plain
from tinygrad_neuron.transforms import grad

SWITCH = "TGN_CHECK_PRIMITIVES"  # "off" in the environment leaves the check out
POINTS, SIZE, STEP = 6, 3, 2.0**-10
SHARP, WRONG = 1e-6, 1e-5  # relative: what a slope may be in doubt; from when on it is wrong
SLIPS = {-1.0: "the sign", 2.0: "a factor 2", 0.5: "a factor ½"}

Draw = Callable[[np.random.Generator], Any]
DOMAINS: dict[str, Draw] = {
    "real": lambda rng: 2.0 * rng.standard_normal(SIZE),
    "positive": lambda rng: np.exp(rng.standard_normal(SIZE)),
    "unit": lambda rng: rng.uniform(0.05, 0.95, SIZE),
    "simplex": lambda rng: rng.dirichlet(np.ones(SIZE)),
    "label": lambda rng: rng.integers(0, SIZE, SIZE),
}


def primitive(
    *rules: Any, domains: Any = (), order: int = 2, **traits: Any
) -> Callable[[Callable[..., Array]], Primitive]:
    """Declare a function whole: with its rules, or with a gradient written below it.

    With rules, one for each array, it is what the package's own operations are made by. Without
    them `domains` says where each array is tried when the gradient is checked: "real", "positive",
    "unit", "simplex" or "label", with "!" in front for one that no gradient passes. `order=1` says
    that the gradient has none of its own; then a second derivative is refused.

    >>> @primitive(domains=("real",))
    ... def cube(x):
    ...     return x**3
    >>> @cube.vjp
    ... def _(g, y, x):
    ...     return 3.0 * g * x**2
    >>> grad(cube)(2.0)
    Value(12.0)

    Raises `RuleError` (TN133) at the first backward pass if the gradient is not the slope.
    """
    named = bool(domains) and all(isinstance(name, str) for name in domains)
    if rules or not named:
        return graph.primitive(*rules, domains=domains, **traits)
    return lambda function: Handwritten(function, tuple(domains), order)


class Handwritten(Primitive):
    """A primitive whose gradient is one function for all its arrays: see `primitive`."""

    def __init__(
        self, function: Callable[..., Array], domains: tuple[str, ...], order: int
    ) -> None:
        self.places, self.order = domains, order
        self.gradient: Callable[..., Any] | None = None
        self.trusted = os.environ.get(SWITCH) == "off"
        parameters = list(inspect.signature(function).parameters.values())
        arrays = [p.replace(kind=p.POSITIONAL_ONLY) for p in parameters[: len(domains)]]
        settings = [p.replace(kind=p.KEYWORD_ONLY) for p in parameters[len(domains) :]]
        rules = tuple(
            None if domain.startswith("!") else self._rule_for(i, arrays, settings)
            for i, domain in enumerate(domains)
        )
        super().__init__(_signed(function, arrays, settings), rules, broadcasts=True)

    def vjp(self, gradient: Callable[..., Any]) -> Callable[..., Any]:
        """Take this function for the gradient: (g, y, *arrays, settings) -> one share for each."""
        self.gradient = gradient
        self.trusted = os.environ.get(SWITCH) == "off"
        return gradient

    def _rule_for(self, i: int, arrays: list[Any], settings: list[Any]) -> Callable[..., Array]:
        def rule(g: Array, y: Array, *args: Array, **given: Any) -> Array:
            if not self.trusted:
                self.trusted = True  # the check asks this rule, too
                try:
                    self._check(given)
                except BaseException:
                    self.trusted = False
                    raise
            return self._shares(g, y, args, given)[i]

        first = inspect.Parameter("g", inspect.Parameter.POSITIONAL_ONLY)
        return _signed(rule, [first, first.replace(name="y"), *arrays], settings)

    def _shares(self, g: Array, y: Array, args: tuple[Array, ...], settings: Any) -> Any:
        """What each array is owed, by the function that was written."""
        if self.gradient is None:
            raise self._wrong("it has no gradient yet", f"@{self.name}.vjp above its gradient")
        if self.order == 1 and any(isinstance(x, Node) for x in (g, y, *args)):
            raise self._wrong(
                "its gradient has none of its own", "order=2, and a gradient written in Values"
            )
        try:
            shares = self.gradient(g, y, *args, **settings)
        except Exception as error:
            error.add_note(f"raised inside the vjp of {self.name}")
            raise
        shares = shares if isinstance(shares, tuple | list) else (shares,)
        if len(shares) != self.arity:
            raise self._wrong(
                f"its vjp gives {len(shares)} shares for {self.arity} arrays",
                "return one share for each array, None where no gradient passes",
            )
        return shares

    def _wrong(self, what: str, hint: str, why: str = "") -> RuleError:
        return RuleError(f"{self.name}: {what}.", why=why, hint=hint, primitive=self.name)

    # ------------------------------------------------------------------------------ the check

    def _check(self, settings: Any) -> None:
        rng = np.random.default_rng(5)
        for _ in range(POINTS):
            arrays = [DOMAINS[place.removeprefix("!")](rng) for place in self.places]
            self._check_first(rng, arrays, settings)
            if self.order > 1:
                self._check_second(rng, arrays, settings)

    def _moving(self) -> list[int]:
        return [i for i, rule in enumerate(self.rules) if rule is not None]

    def _check_first(self, rng: np.random.Generator, arrays: list[Any], settings: Any) -> None:
        """Each share along a random direction, beside the slope seen along it."""
        with no_grad(), np.errstate(all="ignore"):
            y = np.asarray(self._tried(arrays, settings))
            g = rng.uniform(0.5, 1.5, y.shape)
            shares = self._shares(g, y, tuple(arrays), settings)
            for i in self._moving():
                share, x = shares[i], arrays[i]
                if share is None or np.shape(share) != np.shape(x):
                    got = "None" if share is None else f"shape {np.shape(share)}"
                    raise self._wrong(
                        f"its vjp gives {got} for argument {i} of shape {np.shape(x)}",
                        "a share of its array's shape, or a domain with ! where none is owed",
                    )
                way = 0.1 * rng.uniform(0.5, 1.0, np.shape(x)) * rng.choice([-1.0, 1.0], SIZE)

                def value(t: float, i: int = i, way: Any = way) -> float:
                    moved = [*arrays[:i], arrays[i] + t * way, *arrays[i + 1 :]]
                    return float(np.sum(g * self.forward(*moved, **settings)))

                self._compare(float(np.sum(share * way)), value, i, arrays[i])

    def _tried(self, arrays: list[Any], settings: Any) -> Any:
        try:
            return self.forward(*arrays, **settings)
        except Exception as error:
            error.add_note(
                f"while the vjp of {self.name} was checked at domains={self.places}: other domains "
                f"say where it may be tried, and {SWITCH}=off leaves the check out"
            )
            raise

    def _compare(self, said: float, value: Callable[[float], float], i: int, at: Any) -> None:
        seen, doubt = _slope(value)
        size = max(abs(seen), abs(said), 1e-3)
        if doubt > SHARP * size or abs(said - seen) <= WRONG * size:
            return  # a corner lies within the step, or it is right
        ratio = said / seen if seen else np.inf
        slip = next((text for r, text in SLIPS.items() if abs(ratio - r) < 1e-4), "")
        raise self._wrong(
            f"its vjp is wrong for argument {i}. At {np.array2string(at, precision=3)}, along a "
            f"random direction, the function's slope is {seen:.6g} (central differences, error "
            f"{doubt:.0e}) and the vjp gives {said:.6g} (ratio {ratio:.4g})",
            f"the usual slip: {slip}" if slip else "derive it again, or let an expression do it",
        )

    def _check_second(self, rng: np.random.Generator, arrays: list[Any], settings: Any) -> None:
        """The vjp is a function of the arrays; its slope must be the one that it records."""
        moving = self._moving()
        g = rng.uniform(0.5, 1.5, np.shape(self.forward(*arrays, **settings)))
        ways = {i: 0.1 * rng.choice([-1.0, 1.0], SIZE) for i in moving}

        def along(*xs: Any) -> Any:
            full = list(arrays)
            for i, x in zip(moving, xs, strict=True):
                full[i] = x
            shares = self._shares(g, self(*full, **settings), tuple(full), settings)
            return sum((shares[i] * ways[i]).sum() for i in moving)

        xs = [arrays[i] for i in moving]
        linked = grad(lambda *v: along(*v) + 0.0 * v[0].sum(), tuple(range(len(xs))))(*xs)
        said = sum(float(np.sum(plain(h) * ways[i])) for h, i in zip(linked, moving, strict=True))

        def value(t: float) -> float:
            moved = [x + t * ways[i] for x, i in zip(xs, moving, strict=True)]
            with np.errstate(all="ignore"):
                return float(along(*moved))

        seen, doubt = _slope(value)
        size = max(abs(seen), abs(said), 1e-3)
        if doubt <= SHARP * size and abs(said - seen) > WRONG * size:
            raise self._wrong(
                f"its first derivative is right but its second is not: {seen:.6g} is seen and "
                f"{said:.6g} is recorded",
                "Values all the way;  or order=1",
                why="The vjp uses plain arrays (.data, or something stored) where it must use "
                "Values.",
            )


def _signed(function: Callable[..., Array], arrays: list[Any], settings: list[Any]) -> Any:
    """The function with a signature that says which are arrays and which are settings."""

    @functools.wraps(function)
    def forward(*args: Any, **given: Any) -> Any:
        return function(*args, **given)

    forward.__signature__ = inspect.Signature([*arrays, *settings])  # type: ignore[attr-defined]
    return forward


def _slope(value: Callable[[float], float]) -> tuple[float, float]:
    """The slope at 0 by central differences of two steps, extrapolated, and its doubt."""
    wide, narrow = ((value(h) - value(-h)) / (2.0 * h) for h in (STEP, STEP / 2.0))
    finer = (value(STEP / 4.0) - value(-STEP / 4.0)) / (0.5 * STEP)
    first, second = narrow + (narrow - wide) / 3.0, finer + (finer - narrow) / 3.0
    return second, abs(second - first)
