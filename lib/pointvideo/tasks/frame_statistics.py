"""Hand-made features in a network's place: statistics of a frame's points, or of a point's neighbourhood.

They follow the contract of a backbone (:mod:`pointvideo.backbones.contract`), so that a probe on them is a linear model
of one frame, and a fine-tuning of :class:`FrameStatisticsSize` with layers is a small temporal model: what little it
takes to learn a task, printed beside every network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..backbones.tokens import Tokens
from ..kernels import nearest_neighbors
from ..values import Checked, Count, OddCount, Whole, Within

QUANTILES = (0.0, 0.1, 0.5, 0.9, 1.0)
FRAME_STATISTICS = 25  # channels of :func:`frame_statistics`
POINT_STATISTICS = 23  # of a point, without what else is measured of it


@torch.no_grad()
def frame_statistics(xyz: Float[Tensor, "batch frames points 3"]) -> Float[Tensor, "batch frames statistics"]:
    """Of each frame: mean, deviation, correlations and five quantiles of the coordinates, mean distance to the mean."""
    mean = xyz.mean(dim=2)
    offset = xyz - mean[:, :, None]
    deviation = offset.square().mean(dim=2).sqrt()
    correlation = [
        (offset[..., one] * offset[..., other]).mean(dim=2) / (deviation[..., one] * deviation[..., other] + 1e-12)
        for one, other in ((0, 1), (0, 2), (1, 2))
    ]
    places = [round(quantile * (xyz.shape[2] - 1)) for quantile in QUANTILES]
    ordered = _sorted(xyz.transpose(2, 3).contiguous())[..., places]
    spread = offset.norm(dim=-1).mean(dim=2, keepdim=True)
    return torch.cat([mean, deviation, torch.stack(correlation, -1), ordered.flatten(2), spread], dim=-1)


def _sorted(values: Tensor) -> Tensor:
    """In order along the last axis; numpy's sort is ten times torch's on a CPU."""
    if values.device.type == "cpu":
        return torch.from_numpy(np.sort(values.numpy(), axis=-1))
    return values.sort(dim=-1).values


def clock(xyz: Float[Tensor, "batch frames *points 3"]) -> Float[Tensor, "batch frames 1"]:
    """The time of each frame, 0 at the clip's first and 1 at its last one."""
    frames = xyz.shape[1]
    time = torch.arange(frames, device=xyz.device, dtype=xyz.dtype) / max(1, frames - 1)
    return time[None, :, None].expand(len(xyz), -1, 1)


@dataclass(frozen=True)
class FrameStatisticsSize(Checked):
    """Statistics of a frame and its time; with ``layers``, convolutions over time on them."""

    name: ClassVar[str] = "frame statistics"
    stages: ClassVar[tuple[str, ...]] = ("frames",)
    layers: Whole = 0
    width: Count = 64  # channels of a layer
    kernel: OddCount = 9  # frames that a layer looks at
    dropout: Annotated[float, Within(low=0, below=1)] = 0.3
    opposites: bool = False  # each statistic twice, with either sign: a maximum over frames then keeps both its ends

    def build(self) -> FrameStatistics:
        return FrameStatistics(self)


class FrameStatistics(nn.Module):
    """One token a frame, at the mean of its points.

    Args:
        size: what there is on the statistics.
    """

    def __init__(self, size: FrameStatisticsSize):
        super().__init__()
        self.size, self.stages = size, size.stages
        inputs = FRAME_STATISTICS + 2  # time and its square
        self.width = size.width if size.layers else inputs * (2 if size.opposites else 1)
        layers: list[nn.Module] = []
        for layer in range(size.layers):
            channels = size.width if layer else inputs
            convolution = nn.Conv1d(channels, size.width, size.kernel, padding=size.kernel // 2)
            layers += [convolution, nn.BatchNorm1d(size.width), nn.GELU(), nn.Dropout(size.dropout)]
        self.norm = nn.BatchNorm1d(inputs, affine=False) if layers else nn.Identity()  # statistics have many units
        self.layers = nn.Sequential(*layers)

    def tokens(self, xyz: Float[Tensor, "batch frames points 3"], stage: str = "frames") -> Tokens:
        time = clock(xyz)
        found = torch.cat([frame_statistics(xyz), time, time.square()], dim=-1)
        if self.size.layers:
            found = self.layers(self.norm(found.transpose(1, 2))).transpose(1, 2)
        elif self.size.opposites:
            found = torch.cat([found, -found], dim=-1)
        return Tokens(xyz.mean(dim=2, keepdim=True), found[:, :, None])


@dataclass(frozen=True)
class PointStatisticsSize(Checked):
    """Place, neighbourhood and time of a point, and what else is measured of it."""

    name: ClassVar[str] = "point statistics"
    stages: ClassVar[tuple[str, ...]] = ("points",)
    neighbours: Annotated[int, Within(low=2)] = 16  # in the point's frame, itself among them
    measured: Whole = 0  # channels that go with the coordinates, such as 3 of colour

    def build(self) -> PointStatistics:
        return PointStatistics(self)


class PointStatistics(nn.Module):
    """One token a point.

    Args:
        size: how many neighbours, and channels beside the coordinates.
    """

    def __init__(self, size: PointStatisticsSize):
        super().__init__()
        self.size, self.stages = size, size.stages
        self.width = POINT_STATISTICS + size.measured

    def tokens(
        self, xyz: Float[Tensor, "batch frames points 3"], stage: str = "points", features: Tensor | None = None
    ) -> Tokens:
        """Coordinates, the same about the frame's mean with their squares and between the frame's ends, distances to
        the origin and to the mean, mean and deviation of the neighbours' offsets, the farthest one's distance, time."""
        if (0 if features is None else features.shape[-1]) != self.size.measured:
            raise ValueError(
                f"PointStatisticsSize.measured: got {self.size.measured}, expected the clip's channels beside its "
                f"coordinates, {0 if features is None else features.shape[-1]}"
            )
        low, high = xyz.amin(dim=2, keepdim=True), xyz.amax(dim=2, keepdim=True)
        about = xyz - xyz.mean(dim=2, keepdim=True)
        cloud = xyz.flatten(0, 1).float().contiguous()
        _, index = nearest_neighbors(cloud, cloud, min(self.size.neighbours, cloud.shape[1]))
        rows = torch.arange(len(cloud), device=cloud.device)[:, None, None]
        offset = cloud[rows, index] - cloud[:, :, None]
        near = [offset.mean(dim=2), offset.std(dim=2, correction=0), offset[:, :, -1].norm(dim=-1, keepdim=True)]
        time = clock(xyz)[:, :, None].expand(*xyz.shape[:3], 1)
        found = [xyz, about, about.square(), (xyz - low) / (high - low).clamp(min=1e-9)]
        found += [values.norm(dim=-1, keepdim=True) for values in (xyz, about)]
        found += [values.view(*xyz.shape[:3], -1) for values in near]
        found += [time, time.square()]
        return Tokens(xyz, torch.cat(found if features is None else [*found, features.to(xyz)], dim=-1))
