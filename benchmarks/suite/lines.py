"""Measures workloads in a process of its own, and prints a line of JSON for each.

    python -m suite.lines [--only neuron] [--begin 3] [--growth] [--rounds 9] [--seconds 0.3]

Threads are settings of the environment: `whole.py` calls this with them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from suite.catalogue import WORKLOADS
from suite.growth import sizes
from suite.measuring import Limits, Line, measure
from suite.work import threads


def chosen(only: str) -> Iterator[Any]:
    """Works with this in their names; with more threads, those that have something for them."""
    for name, make in WORKLOADS.items():
        if only in name:
            work = make(name)
            if threads() == 1 or work.threaded:
                yield work


def lines(options: argparse.Namespace) -> Iterator[Line]:
    """Each workload, measured; the first ones are left out where they were before."""
    limits = Limits(options.rounds, options.seconds, options.patience)
    if options.growth:
        yield from (
            measure(work, limits, who) for work, who in islice(sizes(), options.begin, None)
        )
    else:
        works = islice(chosen(options.only), options.begin, None)
        yield from (measure(work, limits) for work in works)


def main() -> None:
    """One line of JSON as soon as one is measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--patience", type=float, default=120.0)
    parser.add_argument("--only", default="")
    parser.add_argument("--begin", type=int, default=0)
    parser.add_argument("--growth", action="store_true")
    for line in lines(parser.parse_args()):
        print(json.dumps(vars(line)), flush=True)


if __name__ == "__main__":
    main()
