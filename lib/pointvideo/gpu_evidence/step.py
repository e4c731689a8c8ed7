"""Where the time of a training step goes: torch's profile of the authors' size, kernels by their share."""

from __future__ import annotations

import argparse
import time
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from ..recipe import to_device
from ..study import runner
from ..study.device import device_name, make_fabric
from ..study.trainer import build_optimiser
from .common import LARGE, check_data, device_of, plain_rows, rows_of, stage_main, wait_for
from .stream import Results

STEPS, SHOWN = 3, 40
WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")
NUMBER = "aten::_local_scalar_dense"  # a number that the host takes from a tensor


def run(options: argparse.Namespace, results: Results) -> None:
    """The stage."""
    end = time.monotonic() + options.seconds
    device = device_of(options)
    rows = plain_rows(rows_of(options, LARGE))
    check_data(rows[0].recipes[0].dataset)
    store, said = runner.store_of(rows[0].recipes[0].dataset), []
    for row in rows:
        if said and time.monotonic() > end - options.seconds / 2:
            break
        said.append(f"{row.backbone}: {one(row, store, device, options, results)}")
        results.say("; ".join(said))


def one(row: Any, store: Any, device: torch.device, options: argparse.Namespace, results: Results) -> str:
    """The profile of a row's step; what to say of it."""
    recipe = row.recipes[0]
    torch.manual_seed(recipe.seed)
    fabric, job = make_fabric(device), recipe.job(store)
    _, optimiser = fabric.setup(job.module, build_optimiser(job.module, recipe.training.optimiser))
    job.module.train()
    batch = to_device(job.batch(0, 0), device)

    def step() -> None:
        with fabric.autocast():
            loss = job.loss(*batch)["loss"]
        fabric.backward(loss)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    for _ in range(2):
        step()
    wait_for(device)
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device.type == "cuda")
    steps = 1 if options.quick else STEPS
    begin = time.perf_counter()
    with profile(activities=activities) as recorded:
        for _ in range(steps):
            step()
        wait_for(device)
    seconds = (time.perf_counter() - begin) / steps
    events = list(recorded.key_averages())
    on_device = device.type == "cuda"
    kernels = (
        [event for event in events if event.device_type == torch.autograd.DeviceType.CUDA] if on_device else events
    )
    spent = {event.key: (event.self_device_time_total if on_device else event.self_cpu_time_total) for event in kernels}
    total = sum(spent.values()) or 1
    waits = sum(event.count for event in events if event.key in WAITS) / steps
    items = sum(event.count for event in events if event.key == NUMBER) / steps
    for event in sorted(kernels, key=lambda event: -spent[event.key])[:SHOWN]:
        results.add(
            backbone=row.backbone, kernel=event.key[:120], calls=event.count / steps,
            ms=spent[event.key] / 1e3 / steps, share=spent[event.key] / total,
        )  # fmt: skip
    about = {"step_seconds_profiled": seconds, "busy_seconds": total / 1e6 / steps, "waits": waits, "items": items}
    results.add(backbone=row.backbone, device=device_name(device), **about)
    name = "".join(letter if letter.isalnum() else "_" for letter in row.backbone)
    recorded.export_chrome_trace(str(options.out / f"profile_{name}.json.gz"))
    first = max(spent, key=spent.get)
    return f"{100 * spent[first] / total:.0f} % in {first[:60]}; the host takes {items:.0f} numbers a step from tensors"


if __name__ == "__main__":
    stage_main("profile", __doc__, run)
