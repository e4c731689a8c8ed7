"""Views of a room by the poses of a camera's walk, and which of them see enough of the same.

A store may keep the walk that its rooms were seen by; for any other room one is drawn, around the middle of the box
that nearly all of its points lie in. Two views are taken of poses that share points: of what the first sees, the others
see a part that is given. Around single objects stand the cameras of :mod:`pointvideo.teachers.ring` instead; how points
fall on pixels is the same (:mod:`.view_pairs`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from ..data.simulate.camera_walk import FOCAL, draw_walk
from ..kernels.draw_points import MOST, draw_points
from ..kernels.shade import shade
from ..teachers.render import Drawn
from ..teachers.ring import Cameras, places
from ..values import Checked, Count, NotNegative, OddCount, Within
from .view_pairs import NOTHING, Views, project

INSIDE = (0.01, 0.99)  # quantiles of a room's coordinates: a stray point does not widen it
LUMINANCE = (0.299, 0.587, 0.114)  # of red, green, blue (ITU-R BT.601)


@dataclass(frozen=True)
class WalkProjection(Checked):
    """How views of a room are chosen and drawn; lengths in metres."""

    views: Count = 2  # of a room in a step
    overlap: Annotated[float, Within(low=0, high=1)] = 0.3  # of what the first view sees, what each other one sees, too
    poses: Annotated[int, Within(low=2)] = 12  # of a walk that is drawn; a store's own has as many as it has
    pixels: Count = 56  # along the side of a map of features
    size: OddCount = 3  # of these along the side of the square by which a point hides what is behind
    tolerance: NotNegative = 0.15  # behind the nearest square on its pixel up to which a point is seen
    drawn: Annotated[int, Within(low=1, high=MOST)] = 9  # pixels along a point's side in what a teacher is shown
    # what that is: "grey", the luminance of the points' colours, shaded by depth, or "depth" alone
    images: Literal["grey", "depth"] = "grey"
    contrast: Annotated[float, Within(above=0, high=1)] = 0.6  # how much darker the farthest point is than the nearest


@dataclass(frozen=True, eq=False)
class RoomCameras(Cameras):
    """The poses of the walks of several rooms, one room after the other, as cameras of a pool are used."""

    position: Any = None  # (poses, 3) metres
    rotation: Any = None  # (poses, 3, 3)
    share: float = FOCAL  # focal length in sides of the image

    def focal(self, side: int) -> float:
        """In pixels, of images of ``side`` pixels."""
        return self.share * side

    def all_poses(self) -> tuple[Float[Tensor, "poses 3"], Float[Tensor, "poses 3 3"]]:
        """Position and axes (rows right, down, ahead) of every pose."""
        return self.position, self.rotation


def cameras_of(
    position: Float[Tensor, "rooms poses 3"], rotation: Float[Tensor, "rooms poses 3 3"], share: float
) -> RoomCameras:
    """The poses of rooms as one pool: pose p of room r is number r · poses + p."""
    place, axes = position.flatten(0, 1).contiguous(), rotation.flatten(0, 1).contiguous()
    return RoomCameras(poses=len(place), position=place, rotation=axes, share=share)


def virtual_walks(xyz: Float[Tensor, "rooms points 3"], poses: int, seed: int) -> RoomCameras:
    """A walk through each room, whose floor is where its lowest points are; a pure function of the arguments."""
    position, rotation = [], []
    for number, room in enumerate(xyz.double().numpy()):
        low, high = np.quantile(room, INSIDE, axis=0)
        middle, half = (low + high) / 2, (high - low)[[0, 2]] / 2
        walk = draw_walk(half, poses, np.random.default_rng([seed & 0xFFFFFFFFFFFFFFFF, number]))
        position.append(walk.position + np.array([middle[0], low[1], middle[2]], np.float32))
        rotation.append(walk.rotation)
    return cameras_of(*(torch.from_numpy(np.stack(each)) for each in (position, rotation)), FOCAL)


def all_views(plan: WalkProjection, cameras: RoomCameras, xyz: Float[Tensor, "rooms points 3"]) -> Views:
    """What every pose of every room sees of it."""
    rooms = len(xyz)
    pose = torch.arange(cameras.poses).view(rooms, -1)
    return project(cameras, plan.pixels, xyz, pose, plan.size, plan.tolerance)


def shares(seen: Bool[Tensor, "rooms poses points"]) -> Float[Tensor, "rooms poses poses"]:
    """Of what each pose (row) sees, what each other one (column) sees, too; 0 for one that sees nothing."""
    values = seen.float()
    return values @ values.mT / values.sum(dim=-1).clamp(min=1)[..., None]


def choose(seen: Bool[Tensor, "rooms poses points"], plan: WalkProjection, seed: int) -> Int64[Tensor, "rooms views"]:
    """Poses of each room, all different: one at random, the others at random of those that share enough with it.

    Where too few do, those that share most come next. Poses that see nothing are first ones only if all see nothing.
    """
    rooms, poses, _ = seen.shape
    if plan.views > poses:
        raise ValueError(f"WalkProjection.views: got {plan.views}, expected at most {poses}, the poses of the walk")
    random = torch.Generator().manual_seed(seed)
    blind = (~seen.any(dim=-1)).float()
    first = (torch.rand(rooms, poses, generator=random) + blind).argmin(dim=1)
    share = shares(seen)[torch.arange(rooms), first]
    order = torch.where(share >= plan.overlap, torch.rand(rooms, poses, generator=random), 2.0 - share)
    return order.scatter(1, first[:, None], -1.0).argsort(dim=1)[:, : plan.views]


def taken(views: Views, pose: Int64[Tensor, "rooms views"]) -> Views:
    """The views of chosen poses, numbered within their room."""
    rooms = torch.arange(len(pose))[:, None]
    return Views(views.point[rooms, pose], views.pixel[rooms, pose])


def draw_rooms(
    plan: WalkProjection,
    cameras: RoomCameras,
    side: int,
    xyz: Float[Tensor, "rooms points 3"],
    rgb: Float[Tensor, "rooms points 3"] | None,
    pose: Int64[Tensor, "rooms views"],
) -> Drawn:
    """What a teacher is shown of rooms, each by poses of its own, which are numbered within their room.

    Args:
        plan: how it is drawn.
        cameras: all poses.
        side: of an image, in pixels.
        xyz: rooms in metres.
        rgb: colours from 0 to 1; None where images are of depth.
        pose: of each room.
    """
    rooms, views = pose.shape
    number = pose + (cameras.poses // rooms) * torch.arange(rooms)[:, None]
    every = xyz.repeat_interleave(views, dim=0)
    seen = draw_points(every, cameras.focal(side), side, side, **places(cameras, number), size=plan.drawn)
    images = shade(seen.depth[:, None], plan.contrast)[:, 0]
    if rgb is not None:
        light = (rgb @ torch.tensor(LUMINANCE)).repeat_interleave(views, dim=0)
        images = images * light.gather(1, seen.index.flatten(1).clamp(min=0)).view_as(images)
    pixel = seen.pixel.masked_fill(~seen.visible, NOTHING)
    first = images.view(rooms, views, side, side), pixel.view(rooms, views, -1)
    return Drawn(*(values.transpose(0, 1).contiguous() for values in first), xyz)
