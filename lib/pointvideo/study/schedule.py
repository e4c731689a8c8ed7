"""The runs of a plan side by side: each once what it starts from is done, the most urgent first.

Where they run is an :class:`Executor`'s affair: processes of this machine (`workers`) or a cluster (`cluster`). A run
that another plan has in hand is left to that one and looked at again later; a run that fails leaves the others alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from . import runner
from .device import choose_device, device_name
from .ledger import Ledger
from .plan import PlanRow, duration, makespan, plan, urgency

AGAIN = 2.0  # seconds until a run that another process has in hand is looked at again


@dataclass(frozen=True)
class Task:
    """A run for a worker. root, committed: of the ledger; weights: they are what is wanted, its record is there."""

    recipe: Any
    key: str
    weights: bool
    log: str | None
    root: Path
    committed: tuple[Path, ...]


@dataclass(frozen=True)
class Done:
    """How a task ended. why: in one line, where it failed; memory: the worker's largest, in bytes, as far as known."""

    key: str
    state: Literal["done", "busy", "failed"]
    why: str = ""
    seconds: float = 0.0
    memory: int = 0


class Executor(Protocol):
    """Where tasks run."""

    jobs: int  # so many at a time, for the time that is left

    def free(self) -> bool:
        """Whether another task may be given to it now."""

    def submit(self, task: Task) -> None:
        """Begin a task; only while it is free."""

    def wait(self, seconds: float | None) -> list[Done]:
        """What has ended, one task at least; after so many seconds perhaps none."""

    def close(self) -> None:
        """End what still runs. Checkpoints stay."""


def attempt(task: Task) -> Done:
    """Do a task in this process: in the worker of any executor."""
    begin = time.perf_counter()
    make = runner.pretrained_weights if task.weights else runner.run
    try:
        make(task.recipe, runner.ledger_of(task.root, task.committed), log=task.log, wait=False)
    except runner.Busy:
        return Done(task.key, "busy")
    except Exception as error:
        said = " ".join(str(error).split())
        why = said if isinstance(error, ValueError) and said else f"{type(error).__name__}: {said}"
        return Done(task.key, "failed", why)
    return Done(task.key, "done", "", time.perf_counter() - begin)


def run_all(
    recipes: Iterable[Any],
    ledger: Ledger,
    executor: Executor,
    *,
    log: str | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, str]:
    """Do what the recipes lack in the ledger; key -> why of the runs that are still missing, in a line each.

    Args:
        recipes: what they start from is done as well.
        ledger: where the records go.
        executor: stays open.
        log: as of :func:`~pointvideo.study.runner.run`.
        say: gets a line when a run has ended: its time, and what is left.
    """
    rows = plan(recipes, ledger, runner.fingerprint_of, device=device_name(choose_device()))
    todo = {row.key: row for row in rows if row.state == "run"}
    for dataset in sorted({row.recipe.dataset for row in todo.values()}):
        runner.store_of(dataset)  # made here, once
    first, total = urgency(todo.values()), len(todo)
    waiting, running = dict.fromkeys(todo), {}
    failed: dict[str, str] = {}
    later: dict[str, float] = {}
    while waiting or running:
        for key in [key for key in waiting if todo[key].needs in failed]:
            del waiting[key]
            failed[key] = f"{todo[key].recipe.title}: not begun, for what it starts from is missing"
        now = time.monotonic()
        ready = [
            key
            for key in waiting
            if todo[key].needs not in waiting and todo[key].needs not in running and later.get(key, now) <= now
        ]
        for key in sorted(ready, key=lambda key: -first[key]):
            if not executor.free():
                break
            row = todo[key]
            executor.submit(Task(row.recipe, key, row.again, log, ledger.root, ledger.committed))
            del waiting[key]
            running[key] = now
        if not running:
            if waiting:
                time.sleep(max(0.0, min(later[key] for key in waiting if key in later) - time.monotonic()))
            continue
        for done in executor.wait(AGAIN if later.keys() & waiting.keys() else None):
            del running[done.key]
            row = todo[done.key]
            if done.state == "busy":
                waiting[done.key] = None
                if done.key not in later:
                    say(f"{row.recipe.title}: another process trains it")
                later[done.key] = time.monotonic() + AGAIN
                continue
            fault = done.why
            if done.state == "done" and not row.again and ledger.get(done.key) is None:
                fault = "it left no record: was the code changed meanwhile?"
            if fault:
                failed[done.key] = f"{row.recipe.title}: {fault}"
            ended = total - len(waiting) - len(running)
            took = f"failed ({fault})" if fault else duration(done.seconds)
            say(f"{ended} of {total}  {row.recipe.title}  {took}; {_left(todo, waiting, running, executor.jobs)}")
    return failed


def _left(todo: dict[str, PlanRow], waiting: Collection[str], running: dict[str, float], jobs: int) -> str:
    """What is left, in words: "3 left, about 7 min"."""
    rows = [row for key, row in todo.items() if key in waiting or key in running]
    if not rows:
        return "none left"
    now = time.monotonic()
    rows = [
        replace(row, seconds=max(1.0, row.seconds - (now - running[row.key])))
        if row.key in running and row.seconds is not None
        else row
        for row in rows
    ]
    known = makespan(rows, jobs)
    return f"{len(rows)} left" + (f", about {duration(known)}" if known else "")
