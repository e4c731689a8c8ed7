"""Paired timing: the contenders take turns, so that a busy machine disturbs them alike."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch

SHORTEST = 5e-3  # seconds; a sample repeats a shorter call until it lasts as long, the clock's own cost is then nothing
MOST_REPEATS = 500
SLOW = 0.5  # seconds
FEWEST_ROUNDS = 3


class Timing(NamedTuple):
    """Seconds of one call.

    On the CPU ``wall`` is the median of wall time and ``cpu`` the best of CPU time over all threads. On a CUDA device
    both are time on the device between two events: the median and the best.
    """

    wall: float
    cpu: float


def interleave(
    contenders: dict[str, Callable[[], object]],
    rounds: int,
    *,
    device: str | torch.device = "cpu",
    budget: float = math.inf,
) -> dict[str, Timing]:
    """Time each contender once a round, in turn, after calls that do not count.

    device: where the calls run. budget: seconds that all rounds should take; fewer are made where they would take
    longer, at least three.
    """
    sample = _sample_cuda if torch.device(device).type == "cuda" else _sample_cpu
    repeats, seconds = {}, 0.0
    for name, call in contenders.items():
        once = sample(call, 1)[0]
        if once < SLOW:  # else the next would hardly be quicker
            once = sample(call, 1)[0]
        repeats[name] = min(MOST_REPEATS, max(1, math.ceil(SHORTEST / max(once, 1e-9))))
        seconds += once * repeats[name]
    if rounds > FEWEST_ROUNDS:
        rounds = max(FEWEST_ROUNDS, min(rounds, int(budget / seconds) if math.isfinite(budget) else rounds))
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            samples[name].append(sample(call, repeats[name]))
    return {
        name: Timing(statistics.median(wall for wall, _ in several), min(cpu for _, cpu in several))
        for name, several in samples.items()
    }


def _sample_cpu(call: Callable[[], object], repeats: int) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - wall) / repeats, (time.process_time() - cpu) / repeats


def _sample_cuda(call: Callable[[], object], repeats: int) -> tuple[float, float]:
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda.synchronize()
    start.record()
    for _ in range(repeats):
        call()
    end.record()
    torch.cuda.synchronize()
    seconds = start.elapsed_time(end) / 1e3 / repeats
    return seconds, seconds
