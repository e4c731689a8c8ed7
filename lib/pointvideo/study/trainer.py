"""The trainer: one loop for every pre-training and fine-tuning.

Batches are a pure function of (seed, epoch, step) and the learning rate of the step, so the only state is the weights,
the optimiser's moments and the curve so far. They are written to disk between epochs, in one piece; a run that
was killed goes on from there and ends with the same numbers.
"""

from __future__ import annotations

import math
import time
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from ..files import Damaged, set_aside
from ..recipe import Job, Optimiser, drawn_ahead, stable_seed, to_device
from .device import make_fabric
from .logs import log_epoch
from .ranks import gather_features, mean_over_ranks, shared_loss
from .tensors import one_line, read_tensors, write_tensors

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.loggers import Logger

CHECKPOINT = "checkpoint.safetensors"


class Fitted(NamedTuple):
    """What a finished training leaves: the curve, one entry an epoch, and how long things took."""

    curve: list[dict]
    seconds: float
    cpu_seconds: float  # of all threads
    seconds_per_step: float
    steps: int


def build_optimiser(module: nn.Module, recipe: Optimiser) -> torch.optim.Optimizer:
    """SGD or AdamW on all parameters; weight decay on norms and biases included, as the authors have it."""
    if recipe.name == "sgd":
        return torch.optim.SGD(
            module.parameters(), lr=recipe.rate, momentum=recipe.momentum, weight_decay=recipe.weight_decay
        )
    return torch.optim.AdamW(module.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay, fused=True)


def fit(
    job: Job,
    folder: Path | None = None,
    *,
    fabric: Fabric | None = None,
    progress: bool = False,
    title: str = "",
    logger: Logger | None = None,
) -> Fitted:
    """Train ``job.module`` in place; on several devices each has all of it, and its rows of every batch.

    Args:
        job: a recipe on its data.
        folder: where the checkpoint lives, named by the run's key; None trains without one.
        fabric: device and precision; :func:`make_fabric` when left out.
        progress: show a bar with the time left.
        title: in front of the bar.
        logger: one of Fabric's loggers, which gets the curve epoch by epoch.

    Raises:
        ValueError: the loss or a weight is not finite (naming epoch and step), or the checkpoint cannot be written.
    """
    fabric = fabric or make_fabric()
    if hasattr(job, "solve"):
        begin, begin_cpu = time.perf_counter(), time.process_time()
        fabric.to_device(job.module)
        curve = job.solve()
        if not all_finite(job.module.state_dict()):
            raise ValueError(f"{title or 'training'}: a weight of the solution is not finite")
        for entry in curve:
            log_epoch(logger, entry)
        return Fitted(curve, time.perf_counter() - begin, time.process_time() - begin_cpu, 0.0, 0)
    name, training, per_epoch = title or "training", job.training, job.steps_per_epoch
    optimiser, loss = build_optimiser(job.module, training.optimiser), job.loss
    if fabric.world_size == 1:
        # the loss calls the bare module, which Fabric has moved; the wrapper is not needed
        _, optimiser = fabric.setup(job.module, optimiser)
    else:
        loss, optimiser = shared_loss(fabric, job, optimiser, title)
    path = None if folder is None else folder / CHECKPOINT
    if hasattr(job, "autocast"):
        job.autocast = fabric.autocast
    with fabric.rank_zero_first():  # which moves a damaged file aside
        curve, spent, spent_cpu = _resume(path, job, optimiser)
    first, total = len(curve), training.epochs * per_epoch
    progress, logger = progress and fabric.is_global_zero, logger if fabric.is_global_zero else None
    for entry in curve:
        log_epoch(logger, entry)
    job.module.train()
    begin, begin_cpu = time.perf_counter(), time.process_time()
    stepping = 0.0
    with tqdm(total=total, initial=first * per_epoch, desc=title, disable=not progress, unit="step") as bar:
        for epoch in range(first, training.epochs):
            own = (fabric.global_rank,) if fabric.global_rank else ()
            torch.manual_seed(stable_seed(job.seed, epoch, 0xD0, *own))  # dropout
            sums: dict[str, Tensor] = {}
            watch = _Watch(f"{name}: the loss is not finite in epoch {epoch + 1}", fabric.device)
            epoch_begin = time.perf_counter()
            for step, batch in enumerate(_batches(job, epoch, fabric.device)):
                for group in optimiser.param_groups:
                    group["lr"] = training.optimiser.rate_at(epoch * per_epoch + step, per_epoch, training.epochs)
                with fabric.autocast():
                    parts = loss(*batch)
                watch.see(step, parts)
                fabric.backward(parts["loss"])
                if training.optimiser.clip_norm is not None:
                    nn.utils.clip_grad_norm_(job.module.parameters(), training.optimiser.clip_norm)
                optimiser.step()
                optimiser.zero_grad(set_to_none=True)
                if hasattr(job, "after_step"):
                    job.after_step()
                for part, value in parts.items():
                    sums[part] = sums.get(part, 0.0) + value.detach()
                bar.update()
            watch.report()
            if not all_finite(job.module.state_dict()):
                place = f"in epoch {epoch + 1}, after step {per_epoch}, its last"
                raise ValueError(f"{name}: a weight is not finite {place}, whose loss still was: its gradient was not")
            stepping += time.perf_counter() - epoch_begin
            sums = mean_over_ranks(fabric, sums)
            gather_features(fabric, job)
            entry = {"epoch": epoch + 1} | {part: float(value) / per_epoch for part, value in sums.items()}
            curve.append(entry | job.epoch_end(epoch))
            if wrong := [part for part, value in curve[-1].items() if _number(value) and not math.isfinite(value)]:
                raise ValueError(f"{name}: {wrong[0]} is not finite at the end of epoch {epoch + 1}")
            log_epoch(logger, curve[-1])
            bar.set_postfix({k: f"{v:.3f}" for k, v in curve[-1].items() if k in ("loss", "accuracy")}, refresh=False)
            if path is not None and fabric.is_global_zero and epoch + 1 < training.epochs:
                seconds = spent + time.perf_counter() - begin, spent_cpu + time.process_time() - begin_cpu
                _write(path, job, optimiser, curve, seconds)
    return Fitted(
        curve,
        spent + time.perf_counter() - begin,
        spent_cpu + time.process_time() - begin_cpu,
        stepping / max(1, total - first * per_epoch),
        total,
    )


class _Watch:
    """Finds an epoch's first step with a number that is not finite.

    On the CPU it is reported at once; elsewhere it waits on the device, so that no step waits for it, until
    :meth:`report`.

    Args:
        text: beginning of the error.
        device: where the losses are.
    """

    def __init__(self, text: str, device: torch.device):
        self.text, self.now = text, device.type == "cpu"
        self.first = torch.full((), -1, device=device)

    def see(self, step: int, parts: dict[str, Tensor]) -> None:
        """Look at the numbers of a step."""
        for value in parts.values():
            bad = ~torch.isfinite(value.detach()).all()
            self.first = torch.where((self.first < 0) & bad, step, self.first)
        if self.now and self.first >= 0:
            found = ", ".join(f"{name} {float(value.detach()):.4g}" for name, value in parts.items())
            raise ValueError(f"{self.text}, step {step + 1} ({found})")

    def report(self) -> None:
        """Raise if a step was not finite."""
        if self.first >= 0:
            raise ValueError(f"{self.text}, step {int(self.first) + 1}")


def all_finite(tensors: dict[str, Tensor]) -> bool:
    """Whether no floating-point value is infinite or NaN; one wait for the device."""
    kept = [value.isfinite().all() for value in tensors.values() if value.is_floating_point()]
    return not kept or bool(torch.stack(kept).all())


def _number(value: object) -> bool:
    return isinstance(value, int | float)


def _batches(job: Job, epoch: int, device: torch.device):
    """The epoch's batches on the device; beside a GPU the next one is drawn while this one trains."""
    for batch in drawn_ahead(lambda step: job.batch(epoch, step), range(job.steps_per_epoch), device):
        yield to_device(batch, device)


def _write(
    path: Path, job: Job, optimiser: torch.optim.Optimizer, curve: list[dict], seconds: tuple[float, float]
) -> None:
    tensors = {f"module.{name}": value for name, value in job.module.state_dict().items()}
    for number, state in optimiser.state_dict()["state"].items():
        for name, value in state.items():
            if value is not None:
                tensors[f"optimiser.{number}.{name}"] = torch.as_tensor(value)
    about = {"key": path.parent.name, "epoch": len(curve), "curve": curve, "seconds": seconds}
    write_tensors(path, tensors, about | {"job": job.state() if hasattr(job, "state") else None})


def _resume(path: Path | None, job: Job, optimiser: torch.optim.Optimizer) -> tuple[list[dict], float, float]:
    """(curve, seconds, CPU seconds) of a checkpoint, or of a fresh start.

    A checkpoint that does not fit is named and moved aside, and nothing of it is used.
    """
    if path is None or not path.is_file():
        return [], 0.0, 0.0
    before = deepcopy(job.module.state_dict()), deepcopy(optimiser.state_dict())
    try:
        tensors, about = read_tensors(path, path.parent.name)
        try:
            return _take(tensors, about, job, optimiser)
        except Exception as error:  # torch and a job refuse what they cannot use in many ways
            raise Damaged(f"{path}: does not fit this run ({one_line(error)})") from error
    except Damaged as error:
        job.module.load_state_dict(before[0])
        optimiser.load_state_dict(before[1])
        set_aside(path, error)
        return [], 0.0, 0.0


def _take(tensors: dict[str, Tensor], about: dict, job: Job, optimiser: torch.optim.Optimizer):
    curve, (seconds, cpu_seconds) = about["curve"], about["seconds"]
    if [entry["epoch"] for entry in curve] != list(range(1, about["epoch"] + 1)) or not curve:
        raise ValueError(f"epoch {about['epoch']} behind a curve of {len(curve)}")
    if len(curve) >= job.training.epochs:
        raise ValueError(f"epoch {len(curve)}, expected one before the last, {job.training.epochs}")
    if not all_finite(tensors):
        raise ValueError("a number is not finite")
    job.module.load_state_dict({k[len("module.") :]: v for k, v in tensors.items() if k.startswith("module.")})
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state: dict[int, dict] = {}
    for key, value in tensors.items():
        if key.startswith("optimiser."):
            _, number, name = key.split(".", 2)
            if value.dim() and value.shape != parameters[int(number)].shape:
                raise ValueError(f"{key} has shape {tuple(value.shape)}")
            state.setdefault(int(number), {})[name] = value
    if len({frozenset(entries) for entries in state.values()}) > 1:
        raise ValueError("the optimiser's state is not whole")
    if not state and optimiser.defaults.get("momentum", 1):
        raise ValueError("the optimiser's state is missing")
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    if about["job"] is not None:
        job.load_state(about["job"])
    return curve, seconds, cpu_seconds
