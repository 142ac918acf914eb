"""Every workload against every library that is installed, in every way: who is ahead where.

    python benchmarks/whole.py --json results.json          measures, and prints the tables
    python benchmarks/whole.py --table results.json         prints the tables again
    python benchmarks/whole.py --plot results.json folder   draws two pictures

Nothing is timed before its answer agrees with the one written out by hand. A library that is not
installed, or that cannot do a workload, is named with the reason. Each number of threads, and each
other part, is a process of its own.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness import machine, version
from suite import plotting, rendering

HERE = Path(__file__).resolve().parent
PACKAGES = "numpy tinygrad_neuron numba torch jax casadi pytensor autograd mygrad dezero micrograd"
MOST = 3  # after so many processes in a row that failed at once it is not the workload
PARTS = ("lines", "growth", "memory", "imports")


def environment(threads: int) -> dict[str, str]:
    """The settings by which libraries know, before they are imported, how many threads to use.

    OpenBLAS is not held to the vectors of an older processor, as some machines have it.
    """
    names = ["OPENBLAS", "OMP", "MKL", "NUMBA"]
    given = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "XLA_FLAGS")}
    given |= {f"{name}_NUM_THREADS": str(threads) for name in names}
    given["PYTHONPATH"] = os.pathsep.join([str(HERE), *filter(None, [given.get("PYTHONPATH")])])
    if threads == 1:
        flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        given["XLA_FLAGS"] = flags
    return given


def output(arguments: Sequence[str], threads: int = 1) -> Iterator[str]:
    """What a process of this Python's prints, line by line; raises where it fails."""
    command = [sys.executable, "-W", "ignore", *arguments]
    with subprocess.Popen(
        command, env=environment(threads), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield from process.stdout
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def lines(arguments: Sequence[str], threads: int = 1) -> Iterator[dict[str, Any]]:
    """Lines as they are measured; one that takes its process down is named, and the next begun."""
    begin, failed = 0, 0
    while failed < MOST:
        try:
            for text in output(["-m", "suite.lines", *arguments, "--begin", str(begin)], threads):
                begin, failed = begin + 1, 0
                yield json.loads(text)
            return
        except subprocess.CalledProcessError as error:
            begin, failed = begin + 1, failed + 1
            why = f"the process ended with {error.returncode} in workload {begin}"
            yield {"name": why, "threads": threads, "contenders": [], "left_out": {"all": why}}


def measured(results: dict[str, Any], options: argparse.Namespace) -> Iterator[None]:
    """Fills in the results, and stops after each of them, so that they can be kept."""
    limits = ["--rounds", str(options.rounds), "--seconds", str(options.seconds)]
    limits += ["--patience", str(options.patience)]
    for count in options.threads if "lines" in options.parts else ():
        for line in lines([*limits, "--only", options.only], count):
            results["lines"].append(line)
            print(rendering.details(line), flush=True)
            yield
    if "growth" in options.parts:
        for line in lines([*limits, "--growth"]):
            results["growth"].append(line)
            yield
    if "memory" in options.parts:
        results["memory"] = json.loads("".join(output([str(HERE / "memory.py"), "--json"])))[
            "peaks"
        ]
        yield
    if "imports" in options.parts and (HERE / "imports.py").exists():
        try:
            results["imports"] = "".join(output([str(HERE / "imports.py")]))
        except subprocess.CalledProcessError as error:
            results["imports"] = f"Not measured: {error}"
        yield


def run(options: argparse.Namespace) -> dict[str, Any]:
    """All parts, kept in the file as they come."""
    results: dict[str, Any] = {
        "machine": machine(),
        "versions": {name: version(name) or "not installed" for name in PACKAGES.split()},
        "date": datetime.date.today().isoformat(),
        "lines": [],
        "growth": [],
    }
    for _ in measured(results, options):
        if options.json:
            Path(options.json).write_text(json.dumps(results, indent=1) + "\n")
    return results


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, or show what was measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9, help="how often each takes its turn")
    parser.add_argument("--seconds", type=float, default=0.3, help="for each contender of a line")
    parser.add_argument("--patience", type=float, default=120.0, help="seconds to compile in")
    parser.add_argument("--only", default="", help="the workloads with this in their names")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--json", metavar="FILE", help="where to keep the results")
    parser.add_argument("--table", metavar="FILE", help="show these results")
    parser.add_argument("--plot", nargs=2, metavar=("FILE", "FOLDER"), help="draw these results")
    options = parser.parse_args(arguments)
    if options.plot:
        draw(json.loads(Path(options.plot[0]).read_text()), Path(options.plot[1]))
        return
    results = json.loads(Path(options.table).read_text()) if options.table else run(options)
    print(rendering.page(results))


def draw(results: dict[str, Any], folder: Path) -> None:
    """Who is ahead with one thread, and the cost against the size."""
    plotting.dots([x for x in results["lines"] if x["threads"] == 1], folder / "whole.svg")
    if results["growth"]:
        plotting.curves(results["growth"], folder / "growth.svg")


if __name__ == "__main__":
    main()
