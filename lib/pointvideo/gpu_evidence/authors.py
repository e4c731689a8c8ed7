"""The authors' sizes: how fast each backbone trains, what it holds in memory, and how far a shortened schedule gets."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from typing import Any, NamedTuple

import torch

from ..data.store import Store
from ..recipe import Training, drawn_ahead, to_device
from ..study import runner
from ..study.device import device_name, make_fabric
from ..study.trainer import build_optimiser
from .common import LARGE, check_data, check_memory, device_of, plain_rows, rows_of, stage_main, wait_for
from .stream import Results, Skip, one_line

STEPS = 10  # timed, after as many that are not
FEWEST = 2  # epochs that are worth a score
ROOM = 0.85  # of the time that is left, since times vary


class Speed(NamedTuple):
    """Seconds of a training step, of drawing its batch on the CPU, of scoring a clip; bytes at the most."""

    step: float
    draw: float
    clip: float
    memory: int


def run(options: argparse.Namespace, results: Results) -> None:
    """The stage."""
    end = time.monotonic() + options.seconds
    device = device_of(options)
    rows = plain_rows(rows_of(options, LARGE))
    check_data(rows[0].recipes[0].dataset)
    store, said, faults = runner.store_of(rows[0].recipes[0].dataset), [], []
    for place, row in enumerate(rows):
        seconds = (end - time.monotonic()) / (len(rows) - place)
        try:
            said.append(f"{row.backbone}: {one(row, store, device, seconds, options, results)}")
        except Skip as reason:
            said.append(f"{row.backbone}: {reason}")
        except (RuntimeError, ValueError) as error:  # out of memory, say: the other backbone may fit
            faults.append(f"{row.backbone}: {type(error).__name__}: {one_line(error)[:200]}")
            said.append(faults[-1])
        if device.type == "cuda":
            torch.cuda.empty_cache()
        results.say("; ".join(said))
    if faults:
        raise ValueError("; ".join(said))


def one(
    row: Any, store: Store, device: torch.device, seconds: float, options: argparse.Namespace, results: Results
) -> str:
    """Speed, then training, of a row in so many seconds; what to say of it."""
    end = time.monotonic() + seconds
    recipe = row.recipes[0]
    check_memory(f"{row.backbone} with {recipe.training.batch} clips", needed(recipe, store, device, results), device)
    steps = 2 if options.quick else STEPS
    speed = measured(recipe, store, device, end, steps)
    batch = recipe.training.batch
    about = {"clips_per_second": batch / speed.step, "gib": speed.memory / 2**30, "draw_seconds": speed.draw}
    results.add(backbone=row.backbone, device=device_name(device), batch=batch, step_seconds=speed.step, **about)
    words = f"{1e3 * speed.step:.0f} ms a step of {batch} clips, {batch / speed.step:.0f} clips/s"
    words += f", {speed.memory / 2**30:.1f} GiB" if speed.memory else ""
    short = shortened(recipe, store, speed, ROOM * (end - time.monotonic()))
    if short is None:
        results.add(backbone=row.backbone, not_trained=f"{end - time.monotonic():.0f} s are left")
        return f"{words}; no time for {FEWEST} epochs"
    results.say(f"{row.backbone}: {words}; {short.training.epochs} epochs of {short.training.clips_per_video} clips")
    ledger = runner.default_ledger()
    record = runner.run(short, ledger)
    ledger.export([record["key"]], options.out / "records")
    last = record["result"]["last"]
    score = {name: value for name, value in last.items() if isinstance(value, float)}
    results.add(backbone=row.backbone, key=record["key"], run_seconds=record["seconds"], **score)
    main = row.task.main
    return f"{words}; {short.training.epochs} epochs: {main} {100 * last[main]:.1f} %"


def needed(recipe: Any, store: Store, device: torch.device, results: Results) -> float:
    """Bytes that a step at the recipe's batch takes on the GPU, from steps of one and of two clips; 0 on the CPU."""
    if device.type != "cuda":
        return 0.0
    peaks = []
    for clips in (1, 2):
        small = replace(recipe, training=replace(recipe.training, batch=clips))
        peaks.append(measured(small, store, device, time.monotonic() + 30, 1).memory)
        torch.cuda.empty_cache()
    needed = peaks[0] + (recipe.training.batch - 1) * max(0, peaks[1] - peaks[0])
    results.add(backbone=recipe.backbone.name, gib_needed=needed / 2**30, gib_of_a_clip=(peaks[1] - peaks[0]) / 2**30)
    return needed


def measured(recipe: Any, store: Store, device: torch.device, end: float, steps: int) -> Speed:
    """The recipe's own step, as the trainer makes it; fewer steps are timed where ``end`` comes near.

    Raises:
        Skip: one step takes longer than there is time.
    """
    torch.manual_seed(recipe.seed)
    fabric, job = make_fabric(device), recipe.job(store)
    _, optimiser = fabric.setup(job.module, build_optimiser(job.module, recipe.training.optimiser))
    job.module.train()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    times = []
    begin = time.perf_counter()
    for values in drawn_ahead(lambda step: job.batch(*divmod(step, job.steps_per_epoch)), range(2 * steps), device):
        batch = to_device(values, device)
        with fabric.autocast():
            loss = job.loss(*batch)["loss"]
        fabric.backward(loss)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        wait_for(device)
        times.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        if time.monotonic() + times[-1] > end:
            break
    if len(times) < 2:
        raise Skip(f"a step of {recipe.training.batch} clips takes {times[0]:.0f} s, there is no time for a second one")
    memory = torch.cuda.max_memory_reserved(device) if device.type == "cuda" else 0
    begin = time.perf_counter()
    job.batch(0, 0)
    draw = time.perf_counter() - begin
    clip = scoring(job, batch, device, fabric)
    timed = sorted(times[len(times) // 2 :])
    return Speed(timed[len(timed) // 2], draw, max(clip, draw / recipe.training.batch), memory)


@torch.no_grad()
def scoring(job: Any, batch: tuple, device: torch.device, fabric: Any) -> float:
    """Seconds that a clip takes forwards."""
    for _ in range(2):
        begin = time.perf_counter()
        with fabric.autocast():
            job.loss(*batch)
        wait_for(device)
    return (time.perf_counter() - begin) / len(batch[0])


def shortened(recipe: Any, store: Store, speed: Speed, seconds: float) -> Any | None:
    """The recipe with as many epochs of one clip a video as fit the time, scored once; None for fewer than two.

    Warm-up and steps of the schedule come earlier in proportion.
    """
    videos = len(store.indices("train"))
    tested = len(store.indices("test")) * (recipe.evaluate_clips or 1)
    steps = -(-videos // recipe.training.batch)
    epochs = int((seconds - tested * speed.clip) / (steps * max(speed.step, speed.draw)))
    if epochs < FEWEST:
        return None
    epochs = min(epochs, recipe.training.epochs * (recipe.training.clips_per_video or 1))
    training = shorter(recipe.training, epochs)
    return replace(recipe, training=training, evaluate_every=epochs, evaluate_clips=recipe.evaluate_clips or 1)


def shorter(training: Training, epochs: int) -> Training:
    """So many epochs of one clip a video, the schedule drawn together."""
    share, optimiser = epochs / training.epochs, training.optimiser
    milestones = tuple(max(1, round(share * epoch)) for epoch in optimiser.milestones)
    optimiser = replace(optimiser, warmup_epochs=share * optimiser.warmup_epochs, milestones=milestones)
    return replace(training, epochs=epochs, clips_per_video=1, optimiser=optimiser)


if __name__ == "__main__":
    stage_main("authors", __doc__, run)
