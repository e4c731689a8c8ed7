"""The baseline: the same networks with the tube embedding in plain torch, as one writes it from the paper.

Farthest point sampling is a loop of tensor operations, the ball query is ``cdist`` and ``topk``, neighbours are
gathered and every displacement goes through the linear map before the maximum.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pointvideo.backbones import P4DConv, Tokens
from pointvideo.backbones.p4dconv import tube_displacements


def sample_farthest_points(xyz: Tensor, samples: int) -> Tensor:
    """Indices by a loop over samples; ties and points near the origin are of no concern here."""
    clouds, points, _ = xyz.shape
    distance = torch.full((clouds, points), torch.inf)
    chosen = torch.zeros(clouds, samples, dtype=torch.int64)
    last = xyz[:, :1]
    for sample in range(1, samples):
        distance = torch.minimum(distance, (xyz - last).square().sum(dim=-1))
        chosen[:, sample] = distance.argmax(dim=1)
        last = xyz.gather(1, chosen[:, sample, None, None].expand(-1, 1, 3))
    return chosen


def ball_query(xyz: Tensor, anchors: Tensor, radius: float, neighbours: int) -> Tensor:
    """The first hits in index order, by ``cdist`` and ``topk``."""
    points = xyz.shape[1]
    inside = torch.cdist(anchors, xyz) < radius
    rank = torch.where(inside, torch.arange(points), points)
    found = rank.topk(min(neighbours, points), dim=-1, largest=False, sorted=True).values
    first = found[..., :1].masked_fill(found[..., :1] == points, 0)
    return torch.where(found == points, first, found)


class PlainP4DConv(P4DConv):
    """P4DConv's coordinates-only layer, materialised; shares its parameters' names with the fused one."""

    def tubes(self, xyz: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        batch, frames, points, _ = xyz.shape
        source = self.windows(frames)
        times, window = source.shape
        centres = xyz[:, source[:, window // 2]].reshape(batch * times, points, 3)
        chosen = sample_farthest_points(centres, points // self.spatial_stride)
        anchors = centres.gather(1, chosen[..., None].expand(-1, -1, 3))
        clouds = xyz[:, source].reshape(batch * times * window, points, 3)
        index = ball_query(clouds, anchors.repeat_interleave(window, dim=0), self.radius, self.neighbours)
        count = anchors.shape[1]
        index = index.view(batch, times, window, count, -1).transpose(2, 3)
        return anchors.view(batch, times, count, 3), index, source

    def forward(self, xyz: Tensor, features: Tensor | None = None) -> Tokens:
        anchors, index, source = self.tubes(xyz)
        values = self.displacement(tube_displacements(xyz, anchors, index, source))
        return Tokens(anchors, values.amax(dim=4).amax(dim=3))


def make_plain(model: torch.nn.Module) -> torch.nn.Module:
    """Turn a classifier's tube embedding into the plain one, in place; its weights stay."""
    model.backbone.tube.__class__ = PlainP4DConv
    return model
