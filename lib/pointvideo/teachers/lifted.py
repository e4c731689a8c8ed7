"""Lifting: an image network's features of several views, carried back to the points and averaged; nothing is learnt.

What a 3D network that is taught by the image network is to be compared with. A point takes, of every level and view,
the vector of the patch that shows it, and their mean over the views that see it; a point that none sees takes what its
nearest neighbour has. Images are needed whenever features are: one a view and cloud.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..backbones.tokens import Tokens
from ..kernels import nearest_neighbors
from ..values import Checked, Count
from .contract import Teacher
from .efficientnet import EfficientNetLite
from .levels import build_levels
from .render import HIDDEN, patch_of
from .ring import Cameras, show, to_spheres


@dataclass(frozen=True)
class LiftedSize(Checked):
    """Frozen image network and views, in a network's place."""

    name: ClassVar[str] = "lifted 2D features"
    stages: ClassVar[tuple[str, ...]] = ("points",)

    teachers: tuple[Any, ...] = field(default_factory=lambda: tuple(EfficientNetLite(224, at) for at in (4, 8, 16, 32)))
    cameras: Cameras = Cameras()
    views: Count = 4  # of the pool's poses, evenly spread

    def __post_init__(self):
        super().__post_init__()
        if not self.teachers or not all(isinstance(one, Teacher) for one in self.teachers):
            raise ValueError(f"LiftedSize.teachers: got {self.teachers!r}, expected teachers, a level each")
        if self.views > self.cameras.poses:
            raise ValueError(f"LiftedSize.views: got {self.views}, expected at most the {self.cameras.poses} poses")

    def build(self) -> Lifted:
        """The network; its image network is read when it is first asked."""
        return Lifted(self)


class Lifted(nn.Module):
    """One token a point, of as many channels as all levels have; no weights of its own."""

    def __init__(self, size: LiftedSize):
        super().__init__()
        self.size, self.stages = size, size.stages
        self.width = sum(teacher.width for teacher in size.teachers)
        self.look = None

    @torch.no_grad()
    def tokens(self, xyz: Float[Tensor, "clips frames points 3"], stage: str = "points") -> Tokens:
        """Features of the points of every frame, each frame drawn by itself."""
        if self.look is None:
            self.look = build_levels(self.size.teachers)
        clouds = to_spheres(xyz.flatten(0, 1))
        found = torch.cat([self.lifted(part) for part in clouds.split(8)])
        return Tokens(xyz, found.view(*xyz.shape[:3], self.width))

    def lifted(self, clouds: Float[Tensor, "clouds points 3"]) -> Float[Tensor, "clouds points width"]:
        """Features of clouds in radii about their centres."""
        size = self.size
        pose = torch.arange(size.views) * size.cameras.poses // size.views
        drawn = show(size.cameras, size.teachers[0].side, clouds, pose.expand(len(clouds), -1))
        seen = (drawn.pixel != HIDDEN)[..., None]
        every = []
        for teacher, maps in zip(size.teachers, self.look(drawn), strict=True):
            patch = patch_of(drawn.pixel, teacher.side, teacher.grid).clamp(min=0)[..., None]
            values = maps.flatten(2, 3).gather(2, patch.expand(*patch.shape[:3], teacher.width)) * seen
            every.append(values.sum(dim=0) / seen.sum(dim=0).clamp(min=1))
        return torch.stack(
            [_filled(*each) for each in zip(torch.cat(every, dim=-1), seen.any(dim=0)[..., 0], clouds, strict=True)]
        )


def _filled(values: Tensor, seen: Tensor, cloud: Tensor) -> Tensor:
    """Values of one cloud's points; those that are not seen take the nearest seen point's."""
    if bool(seen.all()) or not bool(seen.any()):
        return values
    known = seen.nonzero()[:, 0]
    nearest = nearest_neighbors(cloud[known][None].contiguous(), cloud[~seen][None].contiguous(), 1)[1][0, :, 0]
    return values.index_put((~seen,), values[known[nearest]])
