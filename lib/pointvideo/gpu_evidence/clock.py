"""Stages against the clock: each has its share of the time that is left, and is ended when that is over."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .stages import Stage, project
from .stream import SKIPPED, one_line, read

GRACE = 3.0  # seconds from being told to end to being killed


@dataclass(frozen=True)
class Outcome:
    """What became of a stage. state: done, skipped, stopped (its time was over) or failed."""

    stage: str
    state: str
    seconds: float
    words: str

    def __str__(self) -> str:
        return f"{self.stage:10} {self.state:8} {self.seconds:6.1f} s  {self.words}"


def share(stages: Sequence[Stage], left: float) -> float:
    """Seconds for the first of the stages that are still to run, of those that are left."""
    seconds = max(0.0, left) * stages[0].weight / sum(stage.weight for stage in stages)
    if stages[0].most is not None:
        # what it never needs goes to the others, and a short budget gives it what it needs to begin
        seconds = min(max(seconds, min(left / 3, stages[0].most / 3)), stages[0].most)
    return seconds


def run_stage(stage: Stage, options: argparse.Namespace, seconds: float, carried: Path | None, end: float) -> Outcome:
    """Run a stage in a process group of its own, for so many seconds at most, all of it before ``end``."""
    least = stage.least_quick if options.quick else stage.least
    if seconds < least:
        return Outcome(stage.name, "skipped", 0.0, f"{seconds:.0f} s are left for it, it needs {least:g}")
    begin = time.monotonic()
    path = options.out / f"{stage.name}.jsonl"
    path.unlink(missing_ok=True)
    soft = max(1.0, seconds - GRACE)
    environment = stage.environment(options, carried)
    with (options.out / f"{stage.name}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *stage.arguments(options, soft)],
            cwd=project(),
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            stopped = not ends(process, min(begin + seconds, end) - time.monotonic())
        finally:
            end_group(process)
    words = said(path, options.out / f"{stage.name}.log")
    if process.returncode == 0 or stopped:
        state = "stopped" if stopped else "done"
    else:
        state = "skipped" if process.returncode == SKIPPED else "failed"
    return Outcome(stage.name, state, round(time.monotonic() - begin, 1), words)


def ends(process: subprocess.Popen, seconds: float) -> bool:
    """Whether the process ends by itself in so many seconds."""
    try:
        process.wait(max(0.1, seconds))
    except subprocess.TimeoutExpired:
        return False
    return True


def end_group(process: subprocess.Popen) -> None:
    """End the process and all that it has started: told first, killed where it does not listen."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, sign)
        if process.poll() is None:
            ends(process, GRACE / 2)


def said(results: Path, log: Path) -> str:
    """What a stage says of itself last, else the last line of its log."""
    words = [line["say"] for line in read(results) if "say" in line]
    if words:
        return words[-1]
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return one_line(lines[-1])[:300] if lines else "it said nothing"
