"""A function with a gradient written by hand, which is checked the first time anybody needs it.

`primitive` with rules is that of `check`. Without them the function comes first and its gradient
follows, one function for all arrays:

    @primitive(domains=("real", "!real"))
    def scaled_error(prediction, target, scale=1.0): ...

    @scaled_error.vjp
    def _(g, y, prediction, target, scale=1.0): return scale * g, None

The first backward pass that reaches it checks the gradient, and the gradient's own, at random
points of the domains; a wrong one is an error there and then. It costs some milliseconds, once.
"""

import functools
import inspect
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_neuron import check
from tinygrad_neuron.errors import GradientShapeError, RuleError, WrongRuleError
from tinygrad_neuron.graph import Array, Node, Primitive

SWITCH = "TGN_CHECK_PRIMITIVES"  # "off" in the environment leaves the check out
POINTS, SIZE = 3, 3

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

    With rules, one for each array: a rule `(g, y, *inputs, *settings)` says what an input is owed
    when the output y is owed g; arrays stand by position, settings are keyword-only, `None` is the
    rule of a flat input. `numpy=` names the NumPy function it stands for; `steep=False` promises
    that no slope is ever inf or nan. The first result that is recorded is checked, at its inputs,
    to second order; `check=False` leaves that out.

    >>> from tinygrad_neuron import grad
    >>> @primitive(lambda g, y, x: 3.0 * g * x**2)
    ... def cube(x):
    ...     return x**3
    >>> grad(cube)(2.0)
    Value(12.0)

    Without rules `domains` says where each array is tried when the gradient is checked: "real",
    "positive", "unit", "simplex" or "label", with "!" in front for one that no gradient passes.
    `order=1` says that the gradient has none of its own; then a second derivative is refused.

    >>> @primitive(domains=("real",))
    ... def square(x):
    ...     return x**2
    >>> @square.vjp
    ... def _(g, y, x):
    ...     return 2.0 * g * x
    >>> grad(square)(3.0)
    Value(6.0)

    Raises `WrongRuleError` (TN161) at the first use if a gradient is not the slope, and
    `RuleError` (TN133) if there is not a rule for each array.
    """
    named = bool(domains) and all(isinstance(name, str) for name in domains)
    if rules or not named:
        return check.primitive(*rules, domains=domains, **traits)
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
        for rule in filter(None, self.rules):
            rule.__wrapped__ = gradient  # where an error says that the rule was written
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
        for place, share in zip(self.places, shares, strict=True):
            if share is None and not place.startswith("!"):
                raise self._wrong(
                    f"its vjp gives None for an array of domain {place!r}",
                    f"its share, or {'!' + place!r} where no gradient passes",
                )
        return shares

    def _wrong(self, what: str, hint: str, why: str = "") -> RuleError:
        return RuleError(f"{self.name}: {what}.", why=why, hint=hint, primitive=self.name)

    # ------------------------------------------------------------------------------ the check

    def _check(self, settings: Any) -> None:
        """Compare the gradient, and its own, with what the function does near random points."""
        rng = np.random.default_rng(5)
        for _ in range(POINTS):
            arrays = [DOMAINS[place.removeprefix("!")](rng) for place in self.places]
            report = self._report(arrays, settings)
            if report.status == "failed":
                error = WrongRuleError(
                    f"The gradient of {self.name} is not the slope of its function.\n{report}",
                    why=f"It was tried at random points of domains={self.places}.",
                    hint="correct it, or let an expression do it;  order=1 if it has no gradient "
                    f"of its own;  {SWITCH}=off in the environment leaves the check out",
                    primitive=self.name,
                )
                error.report = report
                raise error

    def _report(self, arrays: list[Any], settings: Any) -> check.Report:
        moving = [i for i, rule in enumerate(self.rules) if rule is not None]

        def of_moving(*xs: Array) -> Array:
            full = list(arrays)
            for i, x in zip(moving, xs, strict=True):
                full[i] = x
            return self(*full, **settings)

        try:
            return check.check_grad(
                of_moving, *(arrays[i] for i in moving), order=min(self.order, 2)
            )
        except (RuleError, GradientShapeError):
            raise
        except Exception as error:
            error.add_note(
                f"while the vjp of {self.name} was checked at domains={self.places}: other domains "
                f"say where it may be tried, and {SWITCH}=off leaves the check out"
            )
            raise


def _signed(function: Callable[..., Array], arrays: list[Any], settings: list[Any]) -> Any:
    """The function with a signature that says which are arrays and which are settings."""

    @functools.wraps(function)
    def forward(*args: Any, **given: Any) -> Any:
        return function(*args, **given)

    forward.__signature__ = inspect.Signature([*arrays, *settings])  # type: ignore[attr-defined]
    return forward
