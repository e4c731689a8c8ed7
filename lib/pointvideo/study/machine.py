"""How many runs this machine can have side by side."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory() -> int | None:
    """Bytes of memory that new processes can have; None where the system does not say."""
    with suppress(OSError, ValueError, IndexError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        line = next(line for line in lines if line.startswith("MemAvailable:"))
        return int(line.split()[1]) * 1024
    return None


def checked_jobs(jobs: int) -> int:
    """A number of jobs, one a core at most.

    Raises:
        ValueError: it is not from 1 to the number of cores.
    """
    if not 1 <= jobs <= cores():
        raise ValueError(f"jobs: got {jobs}, expected 1 to {cores()}, one a core")
    return jobs
