"""Large arrays block by block, on several threads: the same numbers, however many there are."""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import Any

import numpy as np

Region = Callable[..., tuple[Any, ...]]
Buffers = list[np.ndarray[Any, Any]]
BLOCKS_PER_THREAD = 8  # fewer are done before another thread has begun


def blocks(
    region: Region,
    rows: int,
    step: int,
    buffers: dict[int, Buffers],
    arrays: tuple[Any, ...],
    *,
    threads: int | None,
) -> list[Any]:
    """What a region gives for each block of so many rows, added up in one order.

    `buffers` keeps what each thread writes into. Each thread takes a stretch of blocks; the parts
    of the sums are put in the blocks' order before they are added.
    """
    starts = range(0, rows, step)
    count = max(1, min(threads or processors(), len(starts) // BLOCKS_PER_THREAD))
    ends = [len(starts) * i // count for i in range(count + 1)]

    def stretch(i: int) -> list[tuple[Any, ...]]:
        own = buffers.setdefault(i, [])
        return [
            region(start, min(start + step, rows), own, *arrays)
            for start in starts[ends[i] : ends[i + 1]]
        ]

    waiting = [_pool().submit(copy_context().run, stretch, i) for i in range(1, count)]
    try:
        parts = stretch(0)
    finally:
        wait(waiting)  # nobody may write into the buffers when the next call has them
    for one in waiting:
        parts += one.result()
    return [added(column) for column in zip(*parts, strict=True)]


def added(parts: Sequence[Any]) -> Any:
    """The sum of the parts, by halves: rounding grows with the logarithm of their number."""
    table = np.asarray(parts)
    while len(table) > 1:
        even = len(table) // 2 * 2
        table = np.concatenate([table[0:even:2] + table[1:even:2], table[even:]])
    return table[0]


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_lock = threading.Lock()
_made: list[ThreadPoolExecutor] = []


def _pool() -> ThreadPoolExecutor:
    """The threads that all programs share; they are started when the first one needs them."""
    with _lock:
        if not _made:
            _made.append(ThreadPoolExecutor(processors(), "tinygrad_neuron"))
    return _made[0]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_made.clear)  # threads stay behind in the parent
