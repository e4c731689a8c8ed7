"""A training step of P4Transformer at the authors' sizes for MSR-Action3D, and where its time goes on a GPU."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from benchmarks.authors import make_authors
from benchmarks.case import Bench, Check, Contender
from benchmarks.clouds import moving, radius_holding
from benchmarks.operators import IN_BALL, PLAIN
from benchmarks.plain import make_plain
from pointvideo.backbones import P4TransformerSize, TransformerSize, TubeSize, pool_clip

CLASSES = 20


class Classifier(nn.Module):
    """P4Transformer with its head; width 1024 and depth 5 are the authors'."""

    def __init__(self, width: int, depth: int, radius: float):
        super().__init__()
        size = TransformerSize(width=width, depth=depth, heads=8, head_width=max(1, width // 8), hidden=2 * width)
        self.backbone = P4TransformerSize(TubeSize(radius=radius), size).build()
        self.head = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, CLASSES)
        )

    def forward(self, clips: Tensor) -> Tensor:
        return self.head(pool_clip(self.backbone(clips).features))


def stepper(model: nn.Module, clips: Tensor, labels: Tensor):
    """One step of stochastic gradient descent."""
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-6, momentum=0.9)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(model(clips), labels).backward()
        optimiser.step()

    return step


def make(device, batch: int, frames: int, points: int, width: int, depth: int):
    """Model, clips and labels. The ball's radius holds as many points as in the other benches."""
    torch.manual_seed(0)
    model = Classifier(width, depth, radius_holding(points, IN_BALL)).to(device)
    clips = moving(batch, frames, points, device=device)
    return model, clips, torch.arange(batch, device=device) % CLASSES


def training_step(device, batch: int, frames: int, points: int, width: int, depth: int) -> Bench:
    """Forward, backward and update; the plain form starts from a copy of the same weights."""
    model, clips, labels = make(device, batch, frames, points, width, depth)
    authors, plain = make_authors(copy.deepcopy(model)), make_plain(copy.deepcopy(model))

    def tokens(of: nn.Module) -> Tensor:
        with torch.no_grad():
            return of.backbone.embed(clips[:1]).features

    def agree() -> float:
        "On average: cdist may take one point more or less at the edge of a ball."
        ours, theirs = tokens(model), tokens(plain)
        return float((ours - theirs).abs().mean() / ours.abs().mean())

    tokens_in_all = batch * (frames // 2) * (points // 32)
    weights = sum(parameter.numel() for parameter in model.backbone.transformer.parameters())
    attention = 4.0 * depth * batch * (tokens_in_all // batch) ** 2 * width
    return Bench(
        ours=stepper(model, clips, labels),
        contenders={PLAIN: Contender(lambda: stepper(plain, clips, labels), tolerance=1e-3, agree=agree)},
        checks=(Check("tokens", lambda: tokens(model), lambda: tokens(authors), tolerance=1e-5),),
        work=lambda _: (5 * 4.0 * weights, 3 * (2.0 * weights * tokens_in_all + attention)),
    )


def share_of_kernels(steps: int = 5, batch: int = 14, *, width: int = 1024, depth: int = 5) -> list[dict[str, object]]:
    """Device time of each kernel in a training step of 24 × 2048 points on the CUDA device, largest first.

    Rows of kernel, calls a step, ms a step, share.
    """
    from torch.profiler import ProfilerActivity, profile

    step = stepper(*make("cuda", batch, 24, 2048, width, depth))
    for _ in range(3):
        step()
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as recorded:
        for _ in range(steps):
            step()
        torch.cuda.synchronize()
    events = [event for event in recorded.key_averages() if event.self_device_time_total > 0]
    kernels = [event for event in events if event.device_type == torch.autograd.DeviceType.CUDA]
    total = sum(event.self_device_time_total for event in kernels)
    return [
        {
            "kernel": event.key[:100],
            "calls_per_step": round(event.count / steps, 2),
            "ms_per_step": event.self_device_time_total / 1e3 / steps,
            "share": event.self_device_time_total / total,
        }
        for event in sorted(kernels, key=lambda event: -event.self_device_time_total)
    ]
