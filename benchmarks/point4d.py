"""The benches of distillation: what a camera draws of points, and a training step of Point4D."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks import plain
from benchmarks.case import Bench, Check, Contender
from benchmarks.clouds import moving, radius_holding, seen
from benchmarks.operators import CHECKED, PLAIN
from pointvideo.backbones.point4d import Point4DSize
from pointvideo.backbones.set_abstraction import AbstractionSize, SetAbstraction
from pointvideo.kernels.draw_points import draw_points, draw_points_specification
from pointvideo.teachers.render import Render, draw, patch_of

IN_BALL = 16  # points that the nearer ball holds on average


def drawing(device, frames: int, points: int, side: int, size: int) -> Bench:
    """Squares of points with a depth buffer, and which point each pixel shows."""
    xyz, position, rotation = seen(frames, points, device=device)
    focal, lengths = 1.25 * side, torch.full((frames,), points, device=device)
    few = slice(max(1, min(frames, CHECKED // (side * side))))

    def ours(part: slice = slice(None)) -> Tensor:
        return draw_points(xyz[part], focal, side, side, position=position[part], rotation=rotation[part], size=size)

    def scattered(part: slice = slice(None)) -> Tensor:
        return draw_points_specification(
            xyz[part], position[part], rotation[part], focal, side, side, lengths[part], size
        )

    return Bench(
        ours=ours,
        contenders={PLAIN: Contender(lambda: scattered, note="scatter_reduce, once for depths, once for indices")},
        checks=(Check("images", lambda: tuple(ours(few)), lambda: tuple(scattered(few))),),
        work=lambda _: (frames * (12.0 * points + 12.0 * side * side), frames * points * (32.0 + 2.0 * size * size)),
    )


def showing(device, frames: int, points: int, side: int, size: int, grid: int) -> Bench:
    """A clip as an image network sees it, and the patch in which each point lies: from coordinates to the images and
    the correspondence that dense distillation needs."""
    xyz, render = seen(frames, points, device=device)[0], Render(points=points, size=size)

    def ours() -> tuple[Tensor, Tensor, Tensor]:
        drawn = draw(render, side, xyz)
        return drawn.images, drawn.pixel, patch_of(drawn.pixel, side, grid)

    def scattered() -> tuple[Tensor, Tensor, Tensor]:
        return plain.drawn_clip(render, side, grid, xyz)

    return Bench(
        ours=ours,
        contenders={PLAIN: Contender(lambda: scattered, note="quantile, scatter_reduce, shading in place")},
        checks=(),
        work=lambda _: (frames * (28.0 * points + 4.0 * side * side), frames * points * (40.0 + 2.0 * size * size)),
    )


class PlainSetAbstraction(SetAbstraction):
    """The same level by ``cdist``, ``topk`` and gather; every neighbour goes through the first map."""

    def forward(self, xyz: Tensor, features: Tensor | None = None) -> tuple[Tensor, Tensor]:
        size, clouds = self.size, len(xyz)
        chosen = plain.sample_farthest_points(xyz, size.anchors)
        anchors = xyz.gather(1, chosen[..., None].expand(-1, -1, 3))
        near = plain.ball_query(xyz, anchors, size.radius, size.neighbours).flatten(1)
        found = xyz.gather(1, near[..., None].expand(-1, -1, 3)).view(clouds, size.anchors, size.neighbours, 3)
        values = self.displacement(found - anchors[:, :, None])
        if self.feature is not None:
            rows = features.gather(1, near[..., None].expand(-1, -1, features.shape[-1]))
            values = values + self.feature(rows).view(values.shape)
        values = values.flatten(0, 2)
        for place, norm in enumerate(self.norms):
            values = F.relu(norm(values if place == 0 else self.further[place - 1](values)))
        return anchors, values.view(clouds, size.anchors, size.neighbours, -1).amax(dim=2)


def make_plain(model: nn.Module) -> nn.Module:
    """Turn both levels of set abstraction into plain ones, in place; their weights stay."""
    model.near.__class__ = model.far.__class__ = PlainSetAbstraction
    return model


def training_step(device, batch: int, frames: int, points: int, width: int, near: int, far: int, hidden: int) -> Bench:
    """Forward, backward and update of the student with a linear head; the plain form has a copy of its weights."""
    torch.manual_seed(0)
    radius, half = radius_holding(points, IN_BALL), width // 2
    size = Point4DSize(
        near=AbstractionSize(anchors=near, radius=radius, neighbours=8, widths=(half, half)),
        far=AbstractionSize(anchors=far, radius=2 * radius, neighbours=8, widths=(half, width, width)),
        hidden=hidden,
    )
    model, clips = size.build().to(device), moving(batch, frames, points, device=device)
    other = make_plain(copy.deepcopy(model))

    def features(of: nn.Module) -> Tensor:
        with torch.no_grad():
            return of.eval().tokens(clips[:1]).features

    def stepper(of: nn.Module):
        optimiser = torch.optim.SGD(of.parameters(), lr=1e-6)

        def step() -> None:
            of.train()
            optimiser.zero_grad(set_to_none=True)
            of.tokens(clips).features.square().mean().backward()
            optimiser.step()

        return step

    def agree() -> float:
        "On average: cdist may take one point more or less at the edge of a ball."
        ours, theirs = features(model), features(other)
        return float((ours - theirs).abs().mean() / ours.abs().mean())

    tokens = batch * frames * far
    weights = sum(parameter.numel() for parameter in model.blocks.parameters())
    return Bench(
        ours=stepper(model),
        contenders={PLAIN: Contender(lambda: stepper(other), tolerance=1e-3, agree=agree)},
        checks=(),
        work=lambda _: (5 * 4.0 * weights, 3 * 2.0 * weights * tokens),
    )
