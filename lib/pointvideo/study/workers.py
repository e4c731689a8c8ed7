"""Runs side by side on this machine: so many processes, one thread each, one run at a time each.

A process keeps what it has loaded from run to run. It ends with the plan, also where the plan is killed; a process that
is killed costs only its own run, whose checkpoint stays.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from multiprocessing import connection, get_context, parent_process
from typing import Any

from .machine import checked_jobs, free_memory
from .schedule import Done, Task

logger = logging.getLogger(__name__)
ROOM = 1 << 30  # bytes that must be free for a run before one has ended, and said what it took
PATIENCE = 10.0  # seconds in which a process has to end when told to


class Worker:
    """One process, and the task that it has in hand."""

    def __init__(self, number: int):
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, number), daemon=True)
        self.process.start()
        theirs.close()
        self.key: str | None = None

    def give(self, task: Task) -> None:
        self.key = task.key
        self.pipe.send(task)

    def take(self) -> Done:
        """How its task ended, also if the process did."""
        key, self.key = self.key, None
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            code = self.process.exitcode or 0
            how = f"killed by signal {-code}" if code < 0 else f"its process ended with code {code}"
            return Done(key, "failed", how)

    def end(self) -> None:
        """Idle, it ends when its pipe is closed; at work, it is told to, and gives its lock back."""
        self.pipe.close()
        if self.key is not None:
            self.process.terminate()
        self.process.join(PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


class LocalPool:
    """An executor of ``jobs`` processes; with less free memory than a run takes, no further run begins beside others.

    Raises:
        ValueError: more jobs than cores, or none.
    """

    def __init__(self, jobs: int):
        self.jobs, self.room = checked_jobs(jobs), ROOM
        self.workers: list[Worker] = []
        self.short = False

    def __enter__(self) -> LocalPool:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def free(self) -> bool:
        busy = sum(worker.key is not None for worker in self.workers)
        if busy == 0:
            return True
        if busy == self.jobs:
            return False
        available = free_memory()
        short = available is not None and available < self.room
        if short and not self.short:
            free, needed = available / 2**30, self.room / 2**30
            logger.warning("%.1f GiB of memory are free and a run may take %.1f: %d at a time", free, needed, busy)
        self.short = short
        return not short

    def submit(self, task: Task) -> None:
        worker = next((worker for worker in self.workers if worker.key is None), None)
        if worker is None:
            worker = Worker(len(self.workers))
            self.workers.append(worker)
        worker.give(task)

    def wait(self, seconds: float | None) -> list[Done]:
        busy = {worker.pipe: worker for worker in self.workers if worker.key is not None}
        ended = []
        for pipe in connection.wait(list(busy), seconds):
            worker = busy[pipe]
            ended.append(worker.take())
            self.room = max(self.room, ended[-1].memory)
            if not worker.process.is_alive():
                worker.end()
                self.workers.remove(worker)
        return ended

    def close(self) -> None:
        for worker in self.workers:
            if worker.key is not None:
                worker.process.terminate()  # all at once
        for worker in self.workers:
            worker.end()
        self.workers = []


def _serve(pipe: connection.Connection, number: int) -> None:
    """A worker's life: tasks come in through the pipe, how they ended goes out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the plan, which ends its workers
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import resource
    from dataclasses import replace

    import torch

    from .device import VARIABLE
    from .schedule import attempt

    torch.set_num_threads(1)
    if not os.environ.get(VARIABLE) and torch.cuda.device_count() > 1:
        os.environ[VARIABLE] = f"cuda:{number % torch.cuda.device_count()}"
    with suppress(EOFError, BrokenPipeError):
        while True:
            done = attempt(pipe.recv())
            pipe.send(replace(done, memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))


def _end_with_parent() -> None:
    parent_process().join()
    os._exit(1)
