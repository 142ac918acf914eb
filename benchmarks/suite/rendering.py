"""Results as Markdown: who is ahead where, by how much, and what it cost as the size grew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from suite.growth import courses, exponent

BY_HAND = "NumPy by hand"
OURS = ("ours, recorded", "ours, NumPy", "ours, native")
REFERENCES = ("floats by hand", "C")
PEERS = (
    "jax.jit",
    "torch.compile",
    "PyTorch",
    "CasADi",
    "PyTensor",
    "autograd",
    "MyGrad",
    "DeZero",
    "micrograd",
    "JAX, eager",
)
COLUMNS = (*OURS, *REFERENCES, *PEERS)
LOOP = "ʷ"
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
Line = Mapping[str, Any]


def best(line: Line, groups: Sequence[str]) -> Mapping[str, Any] | None:
    """The fastest contender of these groups."""
    found = [one for one in line["contenders"] if one["group"] in groups]
    return min(found, key=lambda one: one["seconds"], default=None)


def seconds(x: float) -> str:
    """Three digits and a unit."""
    size, unit = next((u for u in UNITS if x >= u[0]), UNITS[-1])
    return f"{float(f'{x / size:.3g}'):,g} {unit}"


def multiple(one: Mapping[str, Any] | None, reference: float) -> str:
    """How many times the reference; a mark where it is a whole loop."""
    if one is None:
        return ""
    x = one["seconds"] / reference
    digits = f"{x:.0f}" if x >= 100 else f"{x:.2g}" if x >= 0.01 else f"{x:.1g}"
    return digits + LOOP * one["whole"]


def verdict(line: Line) -> tuple[str, str]:
    """The fastest peer, and ours over it: bold where ours is ahead."""
    ours, peer = best(line, OURS), best(line, PEERS)
    if ours is None or peer is None:
        return "", ""
    ratio = ours["seconds"] / peer["seconds"]
    said = f"{ratio:.2g}"
    return peer["name"], f"**{said}**" if ratio < 1.0 else said


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Cells as a table; the first column stands left, the others right."""
    head, *rest = rows
    ruled = [head, ["---", *["--:"] * (len(head) - 1)], *rest]
    return "\n".join("| " + " | ".join(row) + " |" for row in ruled)


def ratios(lines: Sequence[Line]) -> str:
    """One row for each workload: everybody as a multiple of NumPy by hand."""
    used = [c for c in COLUMNS if any(best(line, [c]) for line in lines)]
    rows = [["step", BY_HAND, *used, "fastest peer", "ours / it"]]
    for line in lines:
        reference = best(line, [BY_HAND])
        if reference is None:
            continue
        unit = reference["seconds"]
        cells = [multiple(best(line, [column]), unit) for column in used]
        rows.append([line["name"], seconds(unit), *cells, *verdict(line)])
    return markdown(rows)


def details(line: Line) -> str:
    """Every contender of a workload, the fastest first, and who is left out."""
    reference = best(line, [BY_HAND])
    unit = reference["seconds"] if reference else 1.0
    rows = [["contender", "a step", f"/ {BY_HAND}"]]
    rows += [
        [
            one["name"] + LOOP * one["whole"],
            seconds(one["seconds"]),
            multiple(one, unit).rstrip(LOOP),
        ]
        for one in line["contenders"]
    ]
    out = "".join(f"\n- {name}: {why}" for name, why in line["left_out"].items())
    return f"**{line['name']}**\n\n{markdown(rows)}\n" + (f"\nNot timed:\n{out}\n" if out else "")


def growth(lines: Sequence[Line]) -> Iterator[str]:
    """Seconds at each size, and the exponent, a table for each thing that grows."""
    for what, found in courses(lines).items():
        sizes = sorted({n for points in found.values() for n in points})
        rows = [[what, *(f"{n:.0e}".replace("e+0", "e") for n in sizes), "exponent"]]
        for name, points in found.items():
            cells = [seconds(points[n]) if n in points else "" for n in sizes]
            rows.append([name, *cells, f"{exponent(points):.2f}"])
        yield markdown(rows)


def memory(peaks: Sequence[Mapping[str, Any]]) -> str:
    """Peaks of a chain of k operations on n numbers, in arrays of n numbers."""
    ways = [key for key in peaks[0] if key not in ("k", "n")]
    rows = [["operations", "numbers", *ways]]
    for one in peaks:
        cells = [f"{one[w] / 1e6:.2f} MB ({one[w] / (8 * one['n']):.0f})" for w in ways]
        rows.append([f"{one['k']:,}", f"{one['n']:,}", *cells])
    return markdown(rows)


def page(results: Mapping[str, Any]) -> str:
    """Everything that was measured."""
    versions = ", ".join(f"{name} {found}" for name, found in results["versions"].items())
    parts = [f"{results['machine']}; {versions}; {results['date']}."]
    for count in sorted({line["threads"] for line in results["lines"]}):
        clock = "CPU time" if count == 1 else "the clock on the wall"
        lines = [line for line in results["lines"] if line["threads"] == count]
        title = f"## {count} thread{'s' * (count > 1)}, medians of {clock}, multiples of {BY_HAND}"
        parts += [title, ratios(lines)]
    if results.get("growth"):
        parts += ["## Cost against size", *growth(results["growth"])]
    if results.get("memory"):
        parts += ["## Peak memory", memory(results["memory"])]
    if results.get("imports"):
        parts += ["## Import and first gradient", results["imports"]]
    return "\n\n".join(parts) + "\n"
