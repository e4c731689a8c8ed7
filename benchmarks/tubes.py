"""The benches of operators on tubes: a point 4D convolution without and with features, moments of displacements."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks import authors, plain
from benchmarks.case import Bench, Check, Contender
from benchmarks.clouds import moving, radius_holding
from benchmarks.operators import AUTHORS, IN_BALL, PLAIN
from pointvideo import kernels
from pointvideo.backbones import P4DConv
from pointvideo.kernels.tube_max import tube_max_specification
from pointvideo.kernels.tube_moments import tube_moments as moments_of_tubes
from pointvideo.kernels.tube_moments import tube_moments_specification


def _tubes(device, batch: int, frames: int, points: int, anchors: int, neighbours: int):
    """Clips, and the tubes of a kernel of 3 frames with stride 1, ends repeated."""
    xyz = moving(batch, frames, points, device=device)
    layer = P4DConv(
        0, (1,), radius=radius_holding(points, IN_BALL), neighbours=neighbours, spatial_stride=points // anchors,
        temporal_padding=(1, 1), temporal_pool="max",
    )  # fmt: skip
    return xyz, *layer.tubes(xyz)


def _distinct(index: Tensor) -> float:
    """Neighbours a tube, without what pads short balls."""
    return float((1 + (index[..., 1:] != index[..., :1]).sum(dim=-1)).sum(dim=-1).double().mean())


def tube_max(device, batch: int, frames: int, points: int, anchors: int, neighbours: int, channels: int) -> Bench:
    """tube_max forward and backward into its weight, tubes given."""
    xyz, centres, index, frame = _tubes(device, batch, frames, points, anchors, neighbours)
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(channels, 4, generator=generator).to(device).requires_grad_()
    gradient = torch.randn(*index.shape[:3], channels, generator=generator).to(device)

    def step(function, part: slice = slice(None)):
        output = function(xyz[part], centres[part], index[part], frame, weight)
        return output.detach(), torch.autograd.grad(output, weight, gradient[part])[0]

    def specified():
        "In float64: its maxima are beyond doubt."
        doubled = [one[:1].double() for one in (xyz, centres)]
        output = tube_max_specification(*doubled, index[:1], frame, weight.double())
        return output.detach().float(), torch.autograd.grad(output, weight, gradient[:1].double())[0]

    slots = index[..., 0, 0].numel() * _distinct(index)
    outputs = gradient.numel()
    return Bench(
        ours=lambda: step(kernels.tube_max),
        contenders={
            AUTHORS: Contender(lambda: lambda: step(authors.tube_convolution), tolerance=5e-3),
            PLAIN: Contender(lambda: lambda: step(plain.tube_max), tolerance=5e-3, note="the batch at once"),
        },
        checks=(
            Check("maxima and gradient", lambda: step(kernels.tube_max, slice(1)), specified, tolerance=5e-3),
            Check("maxima", lambda: step(kernels.tube_max, slice(1))[0], lambda: specified()[0], tolerance=1e-6),
        ),
        work=lambda _: (
            12 * xyz[..., 0].numel() + 2 * 8 * index.numel() + (4 + 2 + 4 + 2) * outputs,
            8.0 * slots * channels + 8.0 * outputs,
        ),
        note=f"{_distinct(index):.0f} distinct neighbours a tube",
    )


def group_route(
    device, batch: int, frames: int, points: int, anchors: int, neighbours: int, inputs: int, channels: int
) -> Bench:
    """A P4DConv layer with features, forward and backward into features and weights, tubes given."""
    xyz, *tubes = _tubes(device, batch, frames, points, anchors, neighbours)
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(batch, frames, points, inputs, generator=generator).to(device).requires_grad_()
    gradient = torch.randn(*tubes[1].shape[:3], channels, generator=generator).to(device)
    torch.manual_seed(0)
    ours = P4DConv(
        inputs, (channels,), radius=1.0, neighbours=neighbours, spatial_stride=points // anchors,
        temporal_padding=(1, 1), temporal_pool="max",
    ).to(device)  # fmt: skip
    ours.tubes = lambda xyz: tuple(tubes)
    parameters = list(ours.parameters())

    def step(layer):
        output = layer(xyz, features).features
        return output.detach(), *torch.autograd.grad(output, [features, *parameters], gradient)

    def form(kind):
        theirs = kind.__new__(kind)
        theirs.__dict__ = ours.__dict__.copy()  # the same weights and tubes
        return lambda: step(theirs)

    def specified() -> Tensor:
        weights = [weight.detach().double() for weight in (ours.displacement.linear.weight, ours.feature.linear.weight)]
        inside = [one[:1].detach().double() for one in (xyz, tubes[0], features)]
        index = tubes[1][:1]
        found = authors.tube_convolution(inside[0], inside[1], index, tubes[2], weights[0], inside[2], weights[1])
        return found.float()

    def first_clip() -> Tensor:
        return step(ours)[0][:1]

    rows, outputs = batch * frames * points, gradient.numel()
    return Bench(
        ours=lambda: step(ours),
        contenders={
            AUTHORS: Contender(lambda: form(authors.AuthorsP4DConv), tolerance=5e-2),
            PLAIN: Contender(lambda: form(plain.PlainFeatureP4DConv), tolerance=5e-2, note="the batch at once"),
        },
        checks=(Check("maxima", first_clip, specified, tolerance=1e-5),),
        work=lambda _: (
            12 * rows + 2 * 8 * tubes[1].numel() + 3 * 4 * rows * (inputs + channels) + 12 * outputs,
            3 * 2.0 * rows * channels * (inputs + 3) + outputs * _distinct(tubes[1]),
        ),
        note=f"{_distinct(tubes[1]):.0f} distinct neighbours a tube",
    )


def tube_moments(device, batch: int, frames: int, points: int, anchors: int, neighbours: int) -> Bench:
    """Mean and covariance of all displacements."""
    xyz, centres, index, frame = _tubes(device, batch, frames, points, anchors, neighbours)
    return Bench(
        ours=lambda: moments_of_tubes(xyz, centres, index, frame),
        contenders={PLAIN: Contender(lambda: lambda: plain.tube_moments(xyz, centres, index, frame), tolerance=1e-5)},
        checks=(
            Check(
                "moments",
                lambda: moments_of_tubes(xyz[:1], centres[:1], index[:1], frame),
                lambda: tube_moments_specification(xyz[:1], centres[:1], index[:1], frame),
                tolerance=1e-6,
            ),
        ),
        work=lambda _: (12 * xyz[..., 0].numel() + 8 * index.numel(), 17.0 * index.numel()),
    )
