"""What a check found: the verdict, its reason, and the numbers behind it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Status = Literal["passed", "passed at a kink", "failed", "inconclusive"]
GRAVITY: tuple[Status, ...] = ("passed", "passed at a kink", "inconclusive", "failed")


@dataclass(frozen=True)
class Finding:
    """One slope, seen and said: for an entry of an input, or for several entries together.

    `numeric` is what was seen, in doubt by `error`; `analytic` what the gradient says. `ratio` is
    how far they are apart in units of the error.
    """

    status: Status
    input: str
    index: tuple[int, ...] | None = None
    numeric: float = float("nan")
    analytic: float = float("nan")
    error: float = float("inf")
    reason: str = ""
    order: int = 1

    @property
    def ratio(self) -> float:
        """The gap between numeric and analytic in units of the error."""
        gap = abs(self.numeric - self.analytic)
        return gap / self.error if self.error else (0.0 if gap == 0.0 else float("inf"))

    @property
    def place(self) -> str:
        """`x[0, 2]`: the entry, as a person writes it."""
        return place_of(self.input, self.index)


def whole(name: str) -> str:
    """The input that `z.real` and `z.imag` are the parts of."""
    return name.removesuffix(".real").removesuffix(".imag")


def place_of(name: str, index: tuple[int, ...] | None) -> str:
    """`x[0, 2]`: an entry as a person writes it."""
    if index is None:
        return f"{name}, jointly"
    return f"{name}[{', '.join(map(str, index))}]" if index else name


@dataclass(frozen=True)
class Report:
    """The verdict of a gradient check, and what it rests on.

    `status` is "passed", "passed at a kink", "failed" or "inconclusive", and `reason` says why. It
    is true when it passed, so that `assert check_grad(...)` is a test. `findings` holds the worst
    entry of each input, `evaluations` counts the calls of the function and `pullbacks` those of
    the gradient, and `resolution` is the smallest relative error that could have been seen;
    `unseen` lists the entries whose slopes are too small beside the others to be seen at all.
    `blame` names the operation whose rule is wrong, when it was looked for and found.
    """

    status: Status
    reason: str
    findings: tuple[Finding, ...] = ()
    evaluations: int = 0
    pullbacks: int = 0
    resolution: float = 0.0
    unseen: tuple[str, ...] = ()
    blame: str = ""

    @property
    def passed(self) -> bool:
        """Whether no mistake was found where one could have been seen."""
        return self.status.startswith("passed")

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        lines = [f"{self.status}{reason}", *_table(self.findings), self._cost()]
        return "\n".join([*lines, *([self.blame] if self.blame else [])])

    __repr__ = __str__

    def _cost(self) -> str:
        seen = f"; a relative error above {self.resolution:.1g} would have been seen"
        known = seen if 0.0 < self.resolution < 1.0 else ""
        unseen = (
            f"; not seen, being negligible: {', '.join(self.unseen[:4])}" if self.unseen else ""
        )
        return f"{self.evaluations} evaluations, {self.pullbacks} gradients{known}{unseen}"


def _table(findings: Iterable[Finding]) -> list[str]:
    heads = ("entry", "numeric", "analytic", "error", "gap/error", "")
    rows = [heads, *(_cells(finding) for finding in findings)]
    if len(rows) == 1:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads))]
    return ["  " + _line(row, widths) for row in rows]


def _cells(finding: Finding) -> tuple[str, ...]:
    order = f" (order {finding.order})" if finding.order > 1 else ""
    numbers = (f"{finding.numeric:.10g}", f"{finding.analytic:.10g}", f"{finding.error:.1e}")
    return finding.place + order, *numbers, f"{finding.ratio:.2g}", finding.status


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    numbers = [cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1], strict=True)]
    return "  ".join([row[0].ljust(widths[0]), *numbers, row[-1]]).rstrip()


def gravest(statuses: Iterable[Status]) -> Status:
    """The status of a whole: that of its gravest part."""
    return max(statuses, key=GRAVITY.index, default="passed")
