"""Recordings of a world, made side by side: each is a pure function of its number, so who makes it changes nothing."""

from __future__ import annotations

import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import torch

from ..layout import StoreError
from ..recorded import Recording

Films = Mapping[str, Callable[[], Recording]]
AHEAD = 2  # recordings a process that are asked for before one is fetched: none waits, and few lie in memory


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def film(films: Films, workers: int | None = None) -> Iterator[tuple[str, Recording]]:
    """The recordings by name, each as soon as it is made; with one worker in their order.

    Args:
        films: for every recording by name what makes it.
        workers: processes; default: one a core. Never more than cores or recordings. Elsewhere than on Linux, where a
            process cannot be copied safely, this one makes them all.

    Raises:
        ValueError: ``workers`` is no whole number above 0.
        StoreError: a process was killed.
    """
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
        raise ValueError(f"workers is {workers!r}, expected a whole number of at least 1")
    count = min(cores() if workers is None else workers, cores(), len(films))
    if count < 2 or sys.platform != "linux":
        for name, make in films.items():
            yield name, make()
        return
    # a copy of this process: what is imported and compiled is there at once, and a script needs no guard
    pool = ProcessPoolExecutor(count, get_context("fork"), _begin, (os.getpid(),))
    waiting, pending = iter(films.items()), {}
    try:
        for _ in range(AHEAD * count):
            _ask(pool, waiting, pending)
        while pending:
            for ready in wait(pending, return_when=FIRST_COMPLETED).done:
                name = pending.pop(ready)
                _ask(pool, waiting, pending)
                yield name, ready.result()
    except BrokenProcessPool as error:
        raise StoreError("a process that makes recordings was killed (memory?); the same command continues") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _ask(pool: ProcessPoolExecutor, waiting: Iterator, pending: dict[Future, str]) -> None:
    for name, make in waiting:
        with warnings.catch_warnings():
            # Python warns of copying a process with threads; ours are torch's, which the copy does not touch
            warnings.simplefilter("ignore", DeprecationWarning)
            pending[pool.submit(make)] = name
        return


def _begin(parent: int) -> None:
    """A worker computes on one core and does not outlive who started it, even where that was killed."""
    torch.set_num_threads(1)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
