"""What the machine could do at best, measured in the same run: bytes and float32 operations a second."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pointvideo.kernels.cpu import njit_fused, parallel_for

LANES = 4096  # floats of one row: it stays in the first-level cache
STEPS = 32  # multiply-adds on each number between its load and its store
ROWS = 64


@dataclass(frozen=True)
class Machine:
    """device: in words. bandwidth: bytes a second to and from memory. peak: float32 operations a second."""

    device: str
    threads: int
    bandwidth: float
    peak: float

    def least_seconds(self, moved: float, operations: float) -> tuple[float, str]:
        """The time below which no program gets, and which roof says so: "memory" or "arithmetic"."""
        memory, arithmetic = moved / self.bandwidth, operations / self.peak
        return (memory, "memory") if memory >= arithmetic else (arithmetic, "arithmetic")

    def __str__(self) -> str:
        return f"{self.device}: {self.bandwidth / 1e9:.0f} GB/s, {self.peak / 1e9:.0f} GFLOP/s float32"


@njit_fused
def _multiply_add(start, stop, rounds, rows):
    half, add = np.float32(0.5), np.float32(1.0)
    for item in range(start, stop):
        row = rows[item]
        for _ in range(rounds):
            for lane in range(row.shape[0]):
                value = row[lane]
                for _step in range(STEPS):
                    value = value * half + add
                row[lane] = value


@njit_fused
def _triad(start, stop, first, second, third):
    scale = np.float32(3.0)
    for item in range(start, stop):
        a, b, c = first[item], second[item], third[item]
        for lane in range(a.shape[0]):
            c[lane] = a[lane] + scale * b[lane]


def best(call: Callable[[], object], repeats: int = 5) -> float:
    """Fewest seconds of wall time of one call, after one that does not count."""
    call()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def processor() -> str:
    """The processor's name; the widest vector unit with it, since the kernels live on it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields = {name.strip(): text.strip() for name, _, text in (line.partition(":") for line in lines)}
    flags = fields.get("flags", "").split()
    widest = next((shown for flag, shown in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in flags), "")
    name = fields.get("model name") or platform.machine()
    return f"{name} ({widest})" if widest else name


def measure(device: torch.device | str = "cpu", *, megabytes: int = 256, repeats: int = 5) -> Machine:
    """Measure memory bandwidth and float32 peak of the device with the threads that torch has now.

    CPU: a triad a + 3 b over three arrays of ``megabytes`` in all; the larger of chains of multiply-adds in the
    first-level cache and a matrix product. CUDA: a copy, and a float32 matrix product without TF32.
    """
    device = torch.device(device)
    if device.type == "cuda":
        return _measure_cuda(device, megabytes, repeats)
    threads = torch.get_num_threads()
    rows = max(4 * threads, megabytes * 2**20 // (3 * 4 * 2**16))
    arrays = [np.full((rows, 2**16), number, np.float32) for number in range(3)]
    moved = 3 * arrays[0].nbytes
    bandwidth = moved / best(lambda: parallel_for(_triad, rows, *arrays), repeats)
    values = np.ones((ROWS, LANES), np.float32)
    operations = 2.0 * STEPS * values.size * 16
    chains = operations / best(lambda: parallel_for(_multiply_add, ROWS, 16, values), repeats)
    side = 1024
    left, out = torch.randn(side, side), torch.empty(side, side)
    product = 2.0 * side**3 / best(lambda: torch.mm(left, left, out=out), repeats)
    return Machine(f"{processor()}, {threads} of {os.cpu_count()} threads", threads, bandwidth, max(chains, product))


def _measure_cuda(device: torch.device, megabytes: int, repeats: int) -> Machine:
    source = torch.ones(4 * megabytes * 2**18, device=device)
    target = torch.empty_like(source)
    side = 8192
    left, out = torch.randn(side, side, device=device), torch.empty(side, side, device=device)
    precision = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        copy = _best_cuda(lambda: target.copy_(source), repeats)
        product = _best_cuda(lambda: torch.mm(left, left, out=out), repeats)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = precision
    bandwidth = 2 * source.numel() * 4 / copy
    name = torch.cuda.get_device_name(device)
    return Machine(f"{name} (CUDA)", torch.get_num_threads(), bandwidth, 2.0 * side**3 / product)


def _best_cuda(call: Callable[[], object], repeats: int) -> float:
    from benchmarks.timing import interleave

    return interleave({"call": call}, max(repeats, 3), device="cuda")["call"].cpu
