"""The trainer: one loop for every pre-training and fine-tuning.

Batches are a pure function of (seed, epoch, step) and the learning rate of the step, so the only state is the weights,
the optimiser's moments and the curve so far. They are written to disk between epochs, in one piece; a run that
was killed goes on from there and ends with the same numbers.
"""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import torch
from lightning_fabric import Fabric
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn
from tqdm.auto import tqdm

from ..recipe import Job, Optimiser, stable_seed, to_device

CHECKPOINT = "checkpoint.safetensors"


class Fitted(NamedTuple):
    """What a finished training leaves: the curve, one entry an epoch, and how long things took."""

    curve: list[dict]
    seconds: float
    seconds_per_step: float
    steps: int


def build_optimiser(module: nn.Module, recipe: Optimiser) -> torch.optim.Optimizer:
    """SGD or AdamW on all parameters; weight decay on norms and biases included, as the authors have it."""
    if recipe.name == "sgd":
        return torch.optim.SGD(
            module.parameters(), lr=recipe.rate, momentum=recipe.momentum, weight_decay=recipe.weight_decay
        )
    return torch.optim.AdamW(module.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay)


def make_fabric(accelerator: str = "auto") -> Fabric:
    """One device: bf16 autocast on GPUs that have it, float32 elsewhere."""
    fabric = Fabric(accelerator=accelerator, devices=1)
    if fabric.device.type == "cuda" and torch.cuda.is_bf16_supported():
        return Fabric(accelerator=accelerator, devices=1, precision="bf16-mixed")
    if fabric.device.type == "cpu" and not torch.cpu._is_amx_tile_supported():
        # oneDNN's float32 product, twice as fast as the default here; with AMX it would round to bf16
        torch.set_float32_matmul_precision("medium")
    return fabric


def fit(
    job: Job, folder: Path | None = None, *, fabric: Fabric | None = None, progress: bool = False, title: str = ""
) -> Fitted:
    """Train ``job.module`` in place.

    Args:
        job: a recipe on its data.
        folder: where the checkpoint lives; None trains without one.
        fabric: device and precision; :func:`make_fabric` when left out.
        progress: show a bar with the time left.
        title: in front of the bar.

    Raises:
        ValueError: the loss is not finite (naming epoch and step), or the checkpoint cannot be written.
    """
    fabric = fabric or make_fabric()
    if hasattr(job, "solve"):
        begin = time.perf_counter()
        fabric.to_device(job.module)
        curve = job.solve()
        return Fitted(curve, time.perf_counter() - begin, 0.0, 0)
    training, per_epoch = job.training, job.steps_per_epoch
    # the job's loss calls the bare module, which Fabric has moved; the wrapper is not needed
    _, optimiser = fabric.setup(job.module, build_optimiser(job.module, training.optimiser))
    path = None if folder is None else folder / CHECKPOINT
    curve, spent, first = _resume(path, job, optimiser, fabric.device)
    total = training.epochs * per_epoch
    job.module.train()
    begin = time.perf_counter()
    stepping = 0.0
    with (
        tqdm(total=total, initial=first * per_epoch, desc=title, disable=not progress, unit="step") as bar,
        ThreadPoolExecutor(1) as ahead,
    ):
        for epoch in range(first, training.epochs):
            torch.manual_seed(stable_seed(job.seed, epoch, 0xD0))  # dropout
            sums: dict[str, Tensor] = {}
            epoch_begin = time.perf_counter()
            for step, batch in enumerate(_batches(job, epoch, fabric.device, ahead)):
                for group in optimiser.param_groups:
                    group["lr"] = training.optimiser.rate_at(epoch * per_epoch + step, per_epoch, training.epochs)
                with fabric.autocast():
                    parts = job.loss(*batch)
                fabric.backward(parts["loss"])
                if training.optimiser.clip_norm is not None:
                    nn.utils.clip_grad_norm_(job.module.parameters(), training.optimiser.clip_norm)
                optimiser.step()
                optimiser.zero_grad(set_to_none=True)
                if hasattr(job, "after_step"):
                    job.after_step()
                for name, value in parts.items():
                    sums[name] = sums.get(name, 0.0) + value.detach()
                bar.update()
            entry = {"epoch": epoch + 1} | {name: float(value) / per_epoch for name, value in sums.items()}
            if not all(torch.isfinite(torch.tensor(value)) for value in entry.values()):
                raise ValueError(f"{title or 'training'}: the loss is not finite in epoch {epoch + 1}, {entry}")
            stepping += time.perf_counter() - epoch_begin
            curve.append(entry | job.epoch_end(epoch))
            bar.set_postfix({k: f"{v:.3f}" for k, v in curve[-1].items() if k in ("loss", "accuracy")}, refresh=False)
            if path is not None and epoch + 1 < training.epochs:
                _write(path, job, optimiser, curve, spent + time.perf_counter() - begin)
    steps = (training.epochs - first) * per_epoch
    seconds = spent + time.perf_counter() - begin
    return Fitted(curve, seconds, stepping / max(1, steps), total)


def _batches(job: Job, epoch: int, device: torch.device, ahead: ThreadPoolExecutor):
    """The epoch's batches on the device; beside a GPU the next one is drawn while this one trains."""
    if device.type == "cpu":
        for step in range(job.steps_per_epoch):
            yield job.batch(epoch, step)
        return
    following = ahead.submit(job.batch, epoch, 0)
    for step in range(job.steps_per_epoch):
        batch = following.result()
        if step + 1 < job.steps_per_epoch:
            following = ahead.submit(job.batch, epoch, step + 1)
        yield to_device(batch, device)


def _write(path: Path, job: Job, optimiser: torch.optim.Optimizer, curve: list[dict], seconds: float) -> None:
    tensors = {f"module.{name}": value for name, value in job.module.state_dict().items()}
    for number, state in optimiser.state_dict()["state"].items():
        for name, value in state.items():
            if value is not None:
                tensors[f"optimiser.{number}.{name}"] = torch.as_tensor(value)
    extra = job.state() if hasattr(job, "state") else None
    write_tensors(path, tensors, {"epoch": len(curve), "curve": curve, "seconds": seconds, "job": extra})


def _resume(path: Path | None, job: Job, optimiser: torch.optim.Optimizer, device: torch.device):
    """(curve, seconds spent, first epoch to do) of a checkpoint, or of a fresh start."""
    if path is None or not path.is_file():
        return [], 0.0, 0
    tensors, about = read_tensors(path)
    job.module.load_state_dict({k[len("module.") :]: v for k, v in tensors.items() if k.startswith("module.")})
    state: dict[int, dict] = {}
    for key, value in tensors.items():
        if key.startswith("optimiser."):
            _, number, name = key.split(".", 2)
            state.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    if about["job"] is not None:
        job.load_state(about["job"])
    return about["curve"], about["seconds"], about["epoch"]


def write_tensors(path: Path, tensors: dict[str, Tensor], about: dict) -> None:
    """Write tensors and a JSON note as safetensors, whole or not at all."""
    content = save({k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}, {"about": json.dumps(about)})
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ValueError(f"{path}: cannot be written ({error.strerror}), expected a folder with space") from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict]:
    """What :func:`write_tensors` wrote."""
    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, json.loads(file.metadata()["about"])
    except Exception as error:
        raise ValueError(f"{path}: not a checkpoint of this project ({error}); delete it to start afresh") from error
