"""The bench of contrast with a memory bank: choosing neighbours and negatives by similarity, and the loss on both."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.case import Bench, Check, Contender
from benchmarks.operators import PLAIN
from pointvideo.losses.pointcpsc import LocalContrast, local_contrast
from pointvideo.losses.selection import History, selected

VIDEOS = 64  # whose clips and entries there are


def rows(*shape: int, seed: int, device) -> Tensor:
    """Features of about the spread of trained ones: a common part, and cosines of some tenths."""
    random = torch.Generator().manual_seed(seed)
    common = torch.randn(shape[-1], generator=random)
    return F.normalize(0.5 * common + torch.randn(*shape, generator=random), dim=-1).to(device)


def bank_of(entries: int, width: int, device) -> History:
    """A full bank."""
    return History(rows(entries, width, seed=0, device=device), torch.arange(entries, device=device) % VIDEOS)


def sorted_contrast(prediction: Tensor, target: Tensor, video: Tensor, history: History, loss: LocalContrast) -> Tensor:
    """The same loss by sorting every row of similarities twice, once for negatives and once for neighbours."""
    said, true = (F.normalize(part, dim=-1).flatten(0, 1) for part in (prediction, target))
    owner = video.repeat_interleave(target.shape[1])
    with torch.no_grad():
        similarity = true @ history.vectors.T
        keep = max(1, round(loss.kept * similarity.shape[1]))
        negative = similarity.argsort(dim=1)[:, :keep]
        foreign = similarity.masked_fill(owner[:, None] == history.video, -torch.inf)
        value, near = (part[:, : loss.neighbours] for part in foreign.sort(dim=1, descending=True))
    logits = said @ history.vectors.T / loss.temperature
    own = (said * true).sum(dim=1, keepdim=True) / loss.temperature
    positive = torch.cat([own, logits.gather(1, near) + value.softmax(dim=1).log()], dim=1).logsumexp(dim=1)
    every = torch.cat([positive[:, None], logits.gather(1, negative)], dim=1).logsumexp(dim=1)
    return (every - positive).mean()


def contrast(device, clips: int, superpoints: int, entries: int, width: int) -> Bench:
    """Loss and gradients of predictions and targets against a full bank."""
    prediction, target = (rows(clips, superpoints, width, seed=seed, device=device) for seed in (1, 2))
    prediction.requires_grad_(), target.requires_grad_()
    video = torch.arange(clips, device=device) % VIDEOS
    history, loss = bank_of(entries, width, device), LocalContrast(temperature=0.1)

    def with_gradients(value: Tensor) -> tuple[Tensor, ...]:
        return value.detach(), *torch.autograd.grad(value, (prediction, target))

    def ours() -> tuple[Tensor, ...]:
        return with_gradients(local_contrast(prediction, target, video, history, loss).loss)

    def plain() -> tuple[Tensor, ...]:
        return with_gradients(sorted_contrast(prediction, target, video, history, loss))

    targets = clips * superpoints
    return Bench(
        ours=ours,
        contenders={PLAIN: Contender(lambda: plain, tolerance=1e-3, note="sorts every row of similarities twice")},
        checks=(Check("loss", lambda: ours()[0], lambda: plain()[0], tolerance=1e-5),),
        work=lambda _: (4.0 * (4 * targets * width + 2 * targets * entries), 4 * 2.0 * targets * entries * width),
    )


def selection(clips: int, superpoints: int, entries: int, width: int):
    """The call that chooses neighbours, their weights and negatives, as a training step makes it on the CPU."""
    target = rows(clips * superpoints, width, seed=2, device="cpu")
    owner = torch.arange(clips).repeat_interleave(superpoints) % VIDEOS
    history = bank_of(entries, width, "cpu")
    return lambda: selected(target, owner, history, kept=0.7, count=3, own_video=False)
