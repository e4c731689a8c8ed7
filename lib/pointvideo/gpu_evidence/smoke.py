"""Smoke test: what is installed, one kernel against its specification, one training step."""

from __future__ import annotations

import argparse
import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version

import torch

from ..backbones import Clip
from ..backbones.contract import clip_features
from ..kernels import sample_farthest_points
from ..kernels.farthest_points import farthest_points_specification
from ..study.device import device_name, make_fabric
from .common import RECIPES, device_of, plain_rows, rows_of, stage_main, wait_for
from .stream import Results

PACKAGES = ("torch", "triton", "numpy", "numba", "lightning", "lightning-fabric", "safetensors", "h5py", "pytest")
CLASSES = 20
CLOUDS, POINTS, CHOSEN = 64, 1024, 64


def run(options: argparse.Namespace, results: Results) -> None:
    """The stage."""
    installed = {}
    for name in PACKAGES:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            installed[name] = None
    results.add(python=platform.python_version(), installed=installed, cores=os.cpu_count())
    device = device_of(options)
    about = {"device": device_name(device)}
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        about |= {"capability": torch.cuda.get_device_capability(device), "free_gib": free / 2**30}
        about |= {"total_gib": total / 2**30, "cuda": torch.version.cuda}
    results.add(**about)
    results.say(f"{about['device']}, torch {installed['torch']}")
    kernel(device, results)
    step(options, device, results)
    results.say(f"{about['device']}, torch {installed['torch']}: one kernel bit-equal, one training step")


def kernel(device: torch.device, results: Results) -> None:
    """Farthest points on the device are those of the specification on the CPU. ValueError where they are not."""
    xyz = torch.rand(CLOUDS, POINTS, 3, generator=torch.Generator().manual_seed(0))
    begin = time.perf_counter()
    found = sample_farthest_points(xyz.to(device), CHOSEN).cpu()
    compiled = time.perf_counter() - begin
    wrong = int((found != farthest_points_specification(xyz, CHOSEN)).sum())
    results.add(kernel="sample_farthest_points", seconds_with_compilation=compiled, different=wrong)
    if wrong:
        raise ValueError(f"sample_farthest_points: {wrong} of {found.numel()} indices differ from the specification's")


def step(options: argparse.Namespace, device: torch.device, results: Results) -> None:
    """A network of the table learns random clips by heart for two steps. ValueError where a number is not finite."""
    fabric = make_fabric(device)
    torch.manual_seed(0)
    for row in plain_rows(rows_of(options, RECIPES)):
        recipe = row.recipes[0]
        backbone = recipe.backbone.build().to(device)
        head = torch.nn.Linear(backbone.width, CLASSES).to(device)
        optimiser = torch.optim.AdamW([*backbone.parameters(), *head.parameters()], lr=1e-3)
        clip = Clip(torch.rand(4, recipe.data.frames, recipe.data.points, 3).to(device))
        labels = torch.arange(4, device=device)
        for count in range(2):
            begin = time.perf_counter()
            with fabric.autocast():
                logits = head(clip_features(backbone, clip))
                loss = torch.nn.functional.cross_entropy(logits, labels)
            loss.backward()
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            wait_for(device)
            seconds = time.perf_counter() - begin
            about = {"precision": fabric._precision.precision, "logits": str(logits.dtype)}
            results.add(backbone=row.backbone, step=count, seconds=seconds, loss=float(loss.detach()), **about)
            if not bool(torch.isfinite(loss)):
                raise ValueError(f"{row.backbone}: the loss of step {count + 1} is {float(loss.detach())}")


if __name__ == "__main__":
    stage_main("smoke", __doc__, run)
