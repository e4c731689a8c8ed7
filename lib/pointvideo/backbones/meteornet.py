r"""MeteorNet: set abstraction on a whole clip as one cloud, with balls that are wider the farther the frame.

All points of all frames lie in one cloud, each with the number of its frame t. Anchors are chosen among them by
farthest point sampling; a point :math:`p'` is a neighbour of an anchor :math:`p` where

.. math:: \lVert x' - x \rVert < r(\lvert t' - t \rvert) , \qquad h(p) = \max_{p'} \;
   \mathrm{MLP}(x' - x,\; t' - t,\; f') ,

with a radius r that grows with the distance in time: direct grouping (Liu, Yan, Bohg, "MeteorNet: Deep Learning on
Dynamic 3D Point Cloud Sequences", ICCV 2019, sections 3.1-3.2). As released, the first neighbours in the order of
frames are taken, so that full balls hold points of the earliest frames. There is no code of theirs in torch to compare
with, and every neighbour's channels stand in memory: a ReLU stands between the first map and the maximum.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from ..kernels import sample_farthest_points
from ..values import Checked, Count, Counts, Positive
from .clip_table import gathered
from .pstop import PointStack
from .pyramid import Widths
from .tokens import Tokens, check_clip

PAIRS = 1 << 24  # anchor and point pairs whose distances exist at once


@dataclass(frozen=True)
class MeteorNetSize(Checked):
    """Sizes; the defaults are the authors' for MSR-Action3D, clips of 8 frames of 2048 points."""

    radii: tuple[Positive, Positive] = (0.5, 0.6)  # in the same frame, and at the clip's length; doubled a level
    neighbours: Count = 32
    anchors: Counts = (1024, 512, 128)  # of a whole clip, level by level
    widths: Widths = ((32, 32, 64), (64, 64, 128), (128, 128, 256))

    name = "MeteorNet"
    stages = ("full",)

    def __post_init__(self):
        super().__post_init__()
        if len(self.anchors) != len(self.widths):
            raise ValueError(f"MeteorNetSize.anchors: got {len(self.anchors)} levels, expected {len(self.widths)}")

    def narrower(self, by: int) -> MeteorNetSize:
        """The same network with a ``by``-th of the channels."""
        return replace(self, widths=tuple(tuple(max(1, one // by) for one in level) for level in self.widths))

    def build(self) -> MeteorNet:
        """A freshly initialised backbone."""
        return MeteorNet(self)


def direct_grouping(
    xyz: Float[Tensor, "batch points 3"],
    frame: Int64[Tensor, "batch points"],
    chosen: Int64[Tensor, "batch anchors"],
    radii: Float[Tensor, " frames"],
    neighbours: int,
) -> Int64[Tensor, "batch anchors neighbours"]:
    """The first ``neighbours`` points, in index order, that lie closer than the radius of their distance in frames.

    An anchor is one of the points, so each finds one at least; what is missing is the first again.
    """
    batch, points, _ = xyz.shape
    several = max(1, PAIRS // (batch * points))
    found = []
    for some in chosen.split(several, dim=1):
        centre = xyz.gather(1, some[..., None].expand(-1, -1, 3))
        apart = (frame.gather(1, some)[:, :, None] - frame[:, None]).abs()
        squared = (centre[:, :, None] - xyz[:, None]).square().sum(dim=-1)
        outside = squared >= radii.square()[apart]
        rank = torch.arange(points, device=xyz.device).expand_as(outside).masked_fill(outside, points)
        first = rank.topk(min(neighbours, points), dim=-1, largest=False, sorted=True).values
        first = torch.nn.functional.pad(first, (0, neighbours - first.shape[2]), value=points)
        found.append(torch.where(first == points, first[..., :1], first))
    return torch.cat(found, dim=1)


class MeteorNet(nn.Module):
    """The backbone without its classification head; a clip's tokens are the last anchors, of whatever frames.

    The authors flatten the last level's features for the head, although their order means nothing; here tokens are
    pooled by the maximum, as their unused last level does.

    Source: Liu, Yan, Bohg, ICCV 2019, and the released code for MSR-Action3D.
    """

    def __init__(self, size: MeteorNetSize):
        super().__init__()
        self.size, self.stages, self.width = size, size.stages, size.widths[-1][-1]
        inputs = (1, *(widths[-1] + 1 for widths in size.widths[:-1]))  # of the points: features and time
        self.levels = nn.ModuleList(
            PointStack(4 + one, widths) for one, widths in zip(inputs, size.widths, strict=True)
        )

    def tokens(self, xyz: Float[Tensor, "batch frames points 3"], stage: str = "full") -> Tokens:
        """Tokens of a clip, (batch, 1, anchors, width): all frames are one cloud.

        Raises:
            ValueError: fewer points in the clip than the first level has anchors.
        """
        check_clip(xyz, self.levels[0].layers[0].linear.weight)
        batch, frames, points, _ = xyz.shape
        if frames * points < self.size.anchors[0]:
            raise ValueError(f"xyz: got {frames * points} points a clip, expected at least {self.size.anchors[0]}")
        cloud, features = xyz.flatten(1, 2), None
        frame = torch.arange(frames, device=xyz.device).repeat_interleave(points).expand(batch, -1)
        radii = torch.linspace(*self.size.radii, frames, device=xyz.device)
        for level, (count, stack) in enumerate(zip(self.size.anchors, self.levels, strict=True)):
            chosen = sample_farthest_points(cloud, count)
            rows = direct_grouping(cloud, frame, chosen, radii * 2**level, self.size.neighbours)
            place = torch.cat([cloud, frame[..., None].to(cloud.dtype)], dim=-1)
            anchor = place.gather(1, chosen[..., None].expand(-1, -1, 4))
            known = place[..., 3:] if features is None else torch.cat([features, place[..., 3:]], dim=-1)
            apart = gathered(place, rows) - anchor[:, :, None]
            features = stack(torch.cat([apart, gathered(known, rows)], dim=-1)).amax(dim=2)
            cloud, frame = anchor[..., :3], frame.gather(1, chosen)
        return Tokens(cloud[:, None], features[:, None])

    forward = tokens
