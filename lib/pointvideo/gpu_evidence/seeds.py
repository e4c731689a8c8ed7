"""Seeds of a table side by side: as many processes as cores and GPU memory allow, seed after seed."""

from __future__ import annotations

import argparse
import signal
import time
from typing import Any

import torch

from ..study import runner
from ..study.device import make_fabric
from ..study.keys import recipe_chain, recipe_key
from ..study.ledger import Ledger
from ..study.machine import cores
from ..study.schedule import run_all
from ..study.trainer import build_optimiser
from ..study.workers import LocalPool
from .common import RECIPES, check_data, check_memory, device_of, rows_of, stage_main, wait_for, with_seed
from .stream import Results


class TimeOver(BaseException):
    """The stage's time is over; not an Exception, so that nothing takes it for a fault of a run."""


def run(options: argparse.Namespace, results: Results) -> None:
    """The stage."""
    end = time.monotonic() + options.seconds
    device = device_of(options)
    rows = rows_of(options, RECIPES)
    check_data(rows[0].recipes[0].dataset)
    store = runner.store_of(rows[0].recipes[0].dataset)
    results.add(store=store.name, source=store.source, fingerprint=store.fingerprint, videos=len(store.sequences))
    jobs = how_many(rows[0].recipes[0], store, device, results)
    plan = by_seed(rows, options.seeds)
    ledger, before = runner.default_ledger(), time.time()
    told: set[str] = set()
    earlier = {path.parent.name for path in (ledger.root / "runs").glob("*/record.json")}

    def over(*_: Any) -> None:
        raise TimeOver

    signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, max(0.5, end - time.monotonic()))
    failed: dict[str, str] = {}
    finished = True
    with LocalPool(jobs) as pool:
        try:
            for batch in batches(plan, jobs):
                failed |= run_all(batch, ledger, pool, say=lambda line: note(line, results, ledger, options, told))
        except TimeOver:
            finished = False
            for worker in pool.workers:  # at once: a checkpoint is whole whenever its writer ends
                worker.process.kill()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    note("", results, ledger, options, told)
    for key, why in failed.items():
        results.add(key=key, failed=why)
    keys = {recipe_key(link, runner.fingerprint_of) for recipe in plan for link in recipe_chain(recipe)}
    there = sum(ledger.get(key) is not None for key in keys)
    spent = f"{time.time() - before:.0f} s"
    words = f"{len(told - earlier)} runs finished in {spent}, {jobs} side by side; "
    words += f"{there} of {len(keys)} of the table are there"
    results.say(words + ("" if finished else "; the same folder goes on from here"))
    if failed:
        raise ValueError(f"{len(failed)} runs failed, first {next(iter(failed.values()))}; {words}")


def by_seed(rows: tuple[Any, ...], seeds: int) -> list[Any]:
    """The recipes of the rows, all with the first seed, then all with the next; ``seeds`` 0: those that rows have."""
    most = seeds or max(len(row.recipes) for row in rows)
    plan = []
    for place in range(most):
        for row in rows:
            if seeds:
                plan.append(with_seed(row.recipes[0], place))
            elif place < len(row.recipes):
                plan.append(row.recipes[place])
    return plan


def batches(plan: list[Any], jobs: int) -> list[list[Any]]:
    """The plan cut between seeds, so that a part occupies all processes."""
    parts: list[list[Any]] = [[]]
    for recipe in plan:
        if len(parts[-1]) >= 2 * jobs and parts[-1][-1].seed != recipe.seed:
            parts.append([])
        parts[-1].append(recipe)
    return parts


def how_many(recipe: Any, store: Any, device: torch.device, results: Results) -> int:
    """Processes that cores and the GPU's memory hold, from what one step of a run takes of it. Skip where none fits."""
    if device.type != "cuda":
        results.add(jobs=cores())
        return cores()
    free, total = torch.cuda.mem_get_info(device)
    context = total - free  # of this process, and whatever else is there
    torch.manual_seed(0)
    fabric, job = make_fabric(device), recipe.job(store)
    _, optimiser = fabric.setup(job.module, build_optimiser(job.module, recipe.training.optimiser))
    job.module.train()
    for step in range(2):
        batch = tuple(values.to(device) for values in job.batch(0, step))
        with fabric.autocast():
            loss = job.loss(*batch)["loss"]
        fabric.backward(loss)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    wait_for(device)
    each = context + 2 * torch.cuda.max_memory_reserved(device)  # a pre-training has two clips where this one has one
    del job, optimiser, batch, loss
    torch.cuda.empty_cache()
    check_memory("a run of the table", each, device)
    free = torch.cuda.mem_get_info(device)[0]
    jobs = max(1, min(cores(), int(0.9 * free / each)))
    results.add(jobs=jobs, cores=cores(), gib_of_a_run=each / 2**30, gib_free=free / 2**30)
    return jobs


def note(line: str, results: Results, ledger: Ledger, options: argparse.Namespace, told: set[str]) -> None:
    """A run has ended: its record goes into the folder that is brought home, its numbers into the results."""
    if line:
        print(line, flush=True)
    for path in sorted((ledger.root / "runs").glob("*/record.json")):
        key = path.parent.name
        record = None if key in told else ledger.own(key)
        if record is None:
            continue
        told.add(key)
        ledger.export([key], options.out / "records")
        last = record["result"].get("last", {})
        scores = {name: value for name, value in last.items() if isinstance(value, float)}
        results.add(run=record["title"], key=key, seconds=record["seconds"], device=record["device"], **scores)


if __name__ == "__main__":
    stage_main("seeds", __doc__, run)
