"""Pages in several processes, one page at a time each; or one after the other, in this process.

What two pages both need, a simulated world or a run, is made by one of them while the other waits (data.locks), so that
pages come out as they do one after the other.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from typing import Any

from ..machine import free_memory
from .durations import longest_first, remember
from .execute import NotebookFailed, execute
from .watch import SIGNALS

ROOM = 4 << 30  # bytes that must be free for a page to begin beside another: its kernel may come to hold as much
PATIENCE = 20.0  # seconds in which a process has to end when told to


@dataclass(frozen=True)
class Order:
    """A page to execute: the arguments of :func:`~pointvideo.study.notebooks.execute.execute`."""

    notebook: Path
    output: Path
    parameters: dict[str, Any]
    profile: str
    timeout: int | None = None

    def execute(self) -> float:
        """The seconds that it took. Every line that is said, one a cell and one at the end, has the page's number."""
        number = self.notebook.stem.partition("_")[0]
        _say(f"{number} {self.notebook.name}")
        given = self.notebook, self.output, self.parameters, self.profile, self.timeout
        seconds = execute(*given, lambda line: _say(f"{number}{line}"))
        _say(f"{number} {self.notebook.name}: {seconds:.1f} s")
        return seconds


def execute_all(orders: list[Order], jobs: int) -> None:
    """Execute pages: in order for one job; for several, first those that took longest the last time.

    Once a page has failed no other one begins, and those that run go on to their ends. None begins beside others while
    less than :data:`ROOM` of memory is free.

    Raises:
        NotebookFailed, ValueError: as :func:`~pointvideo.study.notebooks.execute.execute` does; a line for each page.
    """
    if jobs == 1:
        for order in orders:
            remember(order.profile, order.notebook.stem, order.execute())
        return
    names = longest_first(orders[0].profile, [order.notebook.stem for order in orders]) if orders else []
    waiting = sorted(orders, key=lambda order: names.index(order.notebook.stem), reverse=True)
    running: dict[Future[float], Order] = {}
    failed: list[Exception] = []
    with _processes(jobs) as pool:
        while running or (waiting and not failed):
            while waiting and not failed and len(running) < jobs and (not running or _is_roomy()):
                order = waiting.pop()
                running[pool.submit(order.execute)] = order
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                order = running.pop(future)
                try:
                    remember(order.profile, order.notebook.stem, future.result())
                except BrokenProcessPool:
                    failed.append(NotebookFailed(f"{order.notebook.name}: the process that executes it was killed"))
                except (NotebookFailed, ValueError) as error:
                    failed.append(error)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise NotebookFailed("\nnotebooks: ".join(map(str, failed)))


def _is_roomy() -> bool:
    free = free_memory()
    return free is None or free >= ROOM


@contextmanager
def _processes(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes, and all that they have started, end with the block, which a signal ends."""
    before = set(active_children())
    handlers = {number: signal.signal(number, _stop) for number in SIGNALS}
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _begin)
    try:
        yield pool
        pool.shutdown()
    except BaseException:
        ours = set(active_children()) - before
        for process in ours:
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)
        for process in ours:
            process.join(PATIENCE)
            process.kill()
        raise
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _begin() -> None:
    """A process's start. Ctrl-C reaches it too, but it is the command that tells it to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent_process().join()
    os._exit(1)


def _stop(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")  # in one piece: another process may be writing, too
    sys.stdout.flush()
