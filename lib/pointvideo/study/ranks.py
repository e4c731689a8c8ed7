"""One training on several devices: each takes its rows of every batch, and gradients are averaged over all.

Every process draws the same whole batch, so a run sees the clips that it would see on one device. That gives the same
training only if the loss is a mean over the clips of what each clip gives alone: no batch norm over clips, no clip as
another one's negative. This is tried before the first step, and a run that fails it is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..backbones.contract import Clip
from ..recipe import Job, to_device

if TYPE_CHECKING:
    from lightning_fabric import Fabric

NEAR = 1e-5  # relative difference of a loss that rounding may make; counting one clip more makes a larger one
Rows = Tensor | Clip


class _Loss(nn.Module):
    """The job's loss of ``rows`` as a forward pass of its module: what the wrapper that shares gradients needs."""

    def __init__(self, job: Job):
        super().__init__()
        self.module, self.job = job.module, job
        self.rows: tuple[Rows, ...] = ()  # no arguments: Fabric would take them apart

    def forward(self) -> dict[str, Tensor]:
        return self.job.loss(*self.rows)


def launched(fabric: Fabric, function: Callable[[Fabric], Any]) -> Any:
    """What ``function`` gives in the first of the fabric's processes; all end when one fails.

    Raises:
        ValueError: one failed, in one line.
    """
    from torch.multiprocessing.spawn import ProcessException

    try:
        return fabric.launch(function)
    except ProcessException as error:
        last = str(error).strip().splitlines()[-1]
        raise ValueError(f"process {error.error_index + 1} of {fabric.world_size}: {last}") from error


def shared_loss(
    fabric: Fabric, job: Job, optimiser: torch.optim.Optimizer, title: str
) -> tuple[Callable[..., dict[str, Tensor]], torch.optim.Optimizer]:
    """The loss of a whole batch of which this process computes its rows; and the optimiser, set up.

    The numbers are this process's contributions: their mean over processes is the batch's number.

    Args:
        fabric: launched.
        job: what is trained.
        optimiser: of its module.
        title: for the error.

    Raises:
        ValueError: the loss couples the clips of a batch.
    """
    inner = _Loss(job)
    step, optimiser = fabric.setup(inner, optimiser)
    check_apart(job, to_device(job.batch(0, 0), fabric.device), fabric.world_size, title)

    def loss(*batch: Rows) -> dict[str, Tensor]:
        inner.rows, share = own_rows(batch, fabric.global_rank, fabric.world_size)
        return {name: value * share for name, value in step().items()}

    return loss, optimiser


def own_rows(batch: tuple[Rows, ...], rank: int, ranks: int) -> tuple[tuple[Rows, ...], float]:
    """A process's rows, and the factor by which their mean counts in the mean over processes.

    A batch of fewer rows than processes leaves some without: they compute the first one, which then counts nothing.
    """
    count = _count(batch[0])
    first, last = count * rank // ranks, count * (rank + 1) // ranks
    share = (last - first) * ranks / count
    rows = slice(first, last) if last > first else slice(0, 1)
    return tuple(_cut(entry, rows) for entry in batch), share


def check_apart(job: Job, batch: tuple[Rows, ...], ranks: int, title: str) -> None:
    """Refuse a loss of several clips that is not the mean of the losses of each.

    Raises:
        ValueError: it is not, or the entries of a batch have different numbers of rows.
    """
    counts = {_count(entry) for entry in batch}
    few = min(*counts, max(2, ranks))
    before = {name: value.clone() for name, value in job.module.state_dict().items()}
    dropped = [module for module in job.module.modules() if isinstance(module, nn.modules.dropout._DropoutNd)]
    modes = [module.training for module in dropped]
    job.module.train()
    for module in dropped:
        module.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            whole = float(job.loss(*(_cut(entry, slice(0, few)) for entry in batch))["loss"])
            alone = [float(job.loss(*(_cut(entry, slice(n, n + 1)) for entry in batch))["loss"]) for n in range(few)]
        mean = sum(alone) / few
    except (ValueError, RuntimeError):  # batch norm refuses a single row, a pair has lost its other half
        whole, mean = 0.0, float("nan")
    finally:
        job.module.load_state_dict(before)
        for module, mode in zip(dropped, modes, strict=True):
            module.train(mode)
    if len(counts) > 1 or not abs(whole - mean) <= NEAR * max(1.0, abs(whole)):
        raise ValueError(f"{title or 'training'}: its loss couples the clips of a batch, expected one device")


def mean_over_ranks(fabric: Fabric, values: dict[str, Tensor]) -> dict[str, Tensor]:
    """Means over all processes, the same in each."""
    if fabric.world_size == 1 or not values:
        return values
    means = fabric.all_reduce(torch.stack([value.double() for value in values.values()]), reduce_op="mean")
    return dict(zip(values, means, strict=True))


def gather_features(fabric: Fabric, job: Job) -> None:
    """Give the job's collapse probe the rows of all processes."""
    if fabric.world_size > 1 and isinstance(features := getattr(job, "features", None), Tensor):
        parts: list[Any] = [None] * fabric.world_size
        torch.distributed.all_gather_object(parts, features.cpu())
        job.features = torch.cat(parts).to(features.device)


def _count(entry: Rows) -> int:
    return len(entry.xyz if isinstance(entry, Clip) else entry)


def _cut(entry: Rows, rows: slice) -> Rows:
    return entry.map(lambda values: values[rows]) if isinstance(entry, Clip) else entry[rows]
