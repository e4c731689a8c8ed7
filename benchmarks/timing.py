"""Paired timing: the contenders take turns, so that a busy machine disturbs them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


class Timing(NamedTuple):
    """Seconds of one call: median of wall time, best of CPU time over all threads."""

    wall: float
    cpu: float


def interleave(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, Timing]:
    """Time each contender once a round, in turn, after one call that does not count."""
    wall: dict[str, list[float]] = {name: [] for name in contenders}
    cpu: dict[str, list[float]] = {name: [] for name in contenders}
    for call in contenders.values():
        call()
    for _ in range(rounds):
        for name, call in contenders.items():
            wall_start, cpu_start = time.perf_counter(), time.process_time()
            call()
            wall[name].append(time.perf_counter() - wall_start)
            cpu[name].append(time.process_time() - cpu_start)
    return {name: Timing(statistics.median(wall[name]), min(cpu[name])) for name in contenders}
