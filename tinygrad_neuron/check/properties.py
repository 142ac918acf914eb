"""Gradient checks on many inputs: drawn, counted, shrunk, and the smallest that fails written out.

`check_property` and `@given_gradcheck` draw with Hypothesis, an extra, and shrink what fails.
`check_random` draws with NumPy alone.
"""

import ast
import contextlib
import inspect
import textwrap
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_neuron.check.gradients import check_grad
from tinygrad_neuron.check.report import Report
from tinygrad_neuron.check.samples import Sampler, ordinary
from tinygrad_neuron.errors import GradientCheckError, file_and_line
from tinygrad_neuron.literals import literal

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Function = Callable[..., Any]


@dataclass(frozen=True)
class Example:
    """A function, the inputs it was checked at, and what the check found."""

    function: Function
    inputs: tuple[Any, ...]
    report: Report
    order: int = 1

    @property
    def snippet(self) -> str:
        """A program that checks this example again, without Hypothesis or random numbers."""
        order = f", order={self.order}" if self.order != 1 else ""
        return "\n".join(
            [
                "import numpy as np",
                "import tinygrad_neuron as tn",
                "from tinygrad_neuron.check import check_grad",
                "",
                source(self.function),
                "",
                f"print(check_grad(f, {', '.join(map(literal, self.inputs))}{order}))",
            ]
        )

    def __str__(self) -> str:
        return f"{self.report}\n\nTo see it again:\n\n{textwrap.indent(self.snippet, '    ')}"


@dataclass
class PropertyReport:
    """What checks on many inputs came to.

    `counts` says how many ended how; `evaluations` is how often the function was called in all;
    `failure` is the smallest example that fails, or None. Where no example had a verdict, the
    status is inconclusive.
    """

    counts: Counter[str] = field(default_factory=Counter)
    evaluations: int = 0
    failure: Example | None = None
    undecided: Example | None = None

    @property
    def status(self) -> str:
        """passed, failed or inconclusive."""
        if self.failure:
            return "failed"
        return "passed" if self.examples > self.counts["inconclusive"] else "inconclusive"

    @property
    def examples(self) -> int:
        """How many inputs were checked, those not counted that led from a failure to a smaller."""
        return sum(self.counts.values())

    def __bool__(self) -> bool:
        return self.status == "passed"

    def __str__(self) -> str:
        found = ", ".join(f"{n} {status}" for status, n in self.counts.most_common())
        head = f"{self.status}: {found}; {self.evaluations} evaluations"
        shown = self.failure or (self.undecided if self.status == "inconclusive" else None)
        return f"{head}\n\n{shown}" if shown else head

    def take(self, function: Function, inputs: tuple[Any, ...], order: int) -> Report:
        """Check one more example."""
        report = check_grad(function, *inputs, order=order)
        example = Example(function, inputs, report, order)
        if report.status == "failed":
            self.counts["failed"] = 1  # those on the way to a smaller one are one mistake
            self.failure = example
        elif not self.failure:
            self.counts[report.status] += 1
            if report.status == "inconclusive":
                self.undecided = self.undecided or example
        self.evaluations += report.evaluations
        return report


def source(f: Function) -> str:
    """Python that defines the function under the name f.

    Its own code, if it knows that; its import; its definition as it was written; or, where that is
    not to be had, a line that says where it stands.
    """
    if hasattr(f, "code"):
        return str(f.code())
    module, name = getattr(f, "__module__", None), getattr(f, "__qualname__", "")
    if module not in (None, "__main__") and "<" not in name:
        return f"from {module} import {name.partition('.')[0]}\n\nf = {name}{_within(f)}"
    return _text(f)


def _within(f: Function) -> str:
    """Where a decorator put a check under the name of the function, the way to the function."""
    found: Any = inspect.getmodule(f)
    for part in f.__qualname__.split("."):
        found = getattr(found, part, None)
    return ".function" if getattr(found, "function", None) is f else ""


def _text(f: Function) -> str:
    """The definition of a function that cannot be imported, as it was written."""
    try:
        text = textwrap.dedent(inspect.getsource(f)).strip()
        tree = ast.parse(text)
    except (OSError, TypeError, SyntaxError):
        text, tree = "", ast.Module([], [])
    lambdas = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
    if f.__name__ == "<lambda>" and len(lambdas) == 1:
        return f"f = {ast.unparse(lambdas[0])}"
    defined = next((node for node in tree.body if isinstance(node, ast.FunctionDef)), None)
    if defined:
        defined.decorator_list.clear()
        return f"{ast.unparse(defined)}\n\nf = {f.__name__}"
    return f"f = ...  # the function at {file_and_line(f)}"


# -------------------------------------------------------------------------- with Hypothesis


def check_property(
    f: Function,
    *strategies: "SearchStrategy[Any]",
    max_examples: int = 100,
    order: int = 1,
    seed: int | None = None,
) -> PropertyReport:
    """The check of a function's gradient on inputs drawn from a strategy for each of them.

    The same examples are drawn every time; a seed draws others. What fails is shrunk to the
    smallest example that fails, and `str(report)` ends with a program that shows it again.

    >>> import tinygrad_neuron as tn
    >>> from tinygrad_neuron.check.strategies import arrays, shapes
    >>> report = check_property(lambda x: tn.sum(tn.sin(x) ** 2), arrays(shapes()))
    >>> report.status, report.examples
    ('passed', 100)

    Needs the extra Hypothesis; `check_random` does without.
    """
    from hypothesis import strategies as st

    drawn = st.tuples(*strategies).map(lambda inputs: (f, inputs))
    return _check_drawn(drawn, max_examples, order, seed)


def check_cases(
    strategy: "SearchStrategy[Any]",
    *,
    max_examples: int = 100,
    order: int = 1,
    seed: int | None = None,
) -> PropertyReport:
    """The check of functions that are drawn themselves: calls of a primitive, whole programs.

    >>> import tinygrad_neuron as tn
    >>> from tinygrad_neuron.check.strategies import calls_of
    >>> check_cases(calls_of(tn.ops.tanh), max_examples=20).status
    'passed'
    """
    drawn = strategy.map(lambda case: (case, case.arguments))
    return _check_drawn(drawn, max_examples, order, seed)


def _check_drawn(
    drawn: "SearchStrategy[Any]", max_examples: int, order: int, seed: int | None
) -> PropertyReport:
    import hypothesis

    found = PropertyReport()

    @hypothesis.settings(
        max_examples=max_examples,
        derandomize=seed is None,
        database=None,
        deadline=None,
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(drawn)
    def check(case: tuple[Function, tuple[Any, ...]]) -> None:
        function, inputs = case
        if found.take(function, inputs, order).status == "failed":
            raise _FailedError

    with contextlib.suppress(_FailedError):
        (check if seed is None else hypothesis.seed(seed)(check))()
    return found


class _FailedError(Exception):
    """An example has failed: what Hypothesis is told."""


def given_gradcheck(
    *strategies: "SearchStrategy[Any]", order: int = 1, **settings: Any
) -> Callable[[Function], Function]:
    """A decorator that makes a function of Values a test of its gradient, for pytest or by hand.

    One strategy for each input. The settings are Hypothesis' (`max_examples`, `derandomize`, ...);
    what is not given is taken from the profile in use, so that its profile for CI draws the same
    examples each time. Inputs without a verdict count as rejected, as by `assume`.

    >>> import tinygrad_neuron as tn
    >>> from tinygrad_neuron.check.strategies import arrays
    >>> @given_gradcheck(arrays((3,)), arrays(()), max_examples=20)
    ... def test_pull(x, w):
    ...     return tn.sum(tn.tanh(w * x))
    >>> test_pull()

    Raises `GradientCheckError` (TN160), whose text has the smallest example as a program. The
    function itself stays in reach as `test_pull.function`.
    """
    import hypothesis

    def decorated(f: Function) -> Function:
        def test(inputs: Any) -> None:
            report = check_grad(f, *inputs, order=order)
            if report.status == "inconclusive":
                hypothesis.event("inconclusive")
                hypothesis.reject()
            if report.status == "failed":
                raise GradientCheckError(str(Example(f, inputs, report, order)))

        for name in ("__name__", "__qualname__", "__doc__", "__module__"):
            setattr(test, name, getattr(f, name))
        drawn = hypothesis.given(hypothesis.strategies.tuples(*strategies))(test)
        made = hypothesis.settings(**{"deadline": None, **settings})(drawn)
        made.function = f  # type: ignore[attr-defined]
        return made

    return decorated


# ---------------------------------------------------------------------------- with NumPy alone


def check_random(
    f: Function,
    *samplers: Sampler | tuple[int, ...],
    examples: int = 100,
    order: int = 1,
    seed: int = 0,
) -> PropertyReport:
    """The check of a function's gradient on random inputs, by NumPy alone; stops where one fails.

    For each input a shape, or a function of a `numpy.random.Generator`: those in `samples`, or
    your own. The same seed draws the same inputs.

    >>> import tinygrad_neuron as tn
    >>> check_random(lambda w, x: tn.sum(tn.exp(w @ x)), (2, 3), (3,), examples=10).status
    'passed'
    """
    found, rng = PropertyReport(), np.random.default_rng(seed)
    draws = [ordinary(*s) if isinstance(s, tuple) else s for s in samplers]
    while found.examples < examples and not found.failure:
        found.take(f, tuple(draw(rng) for draw in draws), order)
    return found
