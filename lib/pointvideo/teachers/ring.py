"""A pool of cameras around a cloud, and what an image network is shown of the cloud by some of them.

Around a whole object they stand on a ring; around a recorded depth frame, whose back is missing, on an arc about the
sensor's own direction. The images are those of :mod:`.render`: squares of points, near is light. All of this is ours:
the method that it serves (:mod:`pointvideo.pretexts`) says no more than that there are several views.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from ..kernels.draw_points import MOST, draw_points
from ..kernels.shade import shade
from ..values import Checked, Count, Within
from .render import INSIDE, Drawn

Angle = Annotated[float, Within(low=0, below=90)]  # degrees


@dataclass(frozen=True)
class Cameras(Checked):
    """Poses that look at the centre of the cloud; x is right, y down (or up, as ``down`` says), and the middle of an
    arc looks along +z."""

    poses: Count = 12
    arc: Annotated[float, Within(above=0, high=360)] = 360.0  # degrees around the vertical; 360: a whole ring
    elevation: Angle = 30.0  # degrees: every other pose looks from so far above, the others from as far below
    distance: Annotated[float, Within(above=1)] = 2.5  # of a camera from the centre, in radii of the cloud
    fill: Annotated[float, Within(above=0, high=1)] = 0.95  # share of the image's side that the cloud's sphere fills
    # pixels along a point's side in what a teacher is shown; 3 closes the surface of 2048 points in 224 pixels
    size: Annotated[int, Within(low=1, high=MOST)] = 3
    contrast: Annotated[float, Within(above=0, high=1)] = 0.8  # how much darker the farthest point is than the nearest
    # where down is: y in a depth camera's frames, -y in sets of objects, whose y is up; an image network knows the
    # difference
    down: Literal["y", "-y"] = "y"

    @classmethod
    def before(cls, poses: int = 12, reach: float = 45.0, elevation: float = 15.0) -> Cameras:
        """Virtual cameras within ``reach`` degrees of a sensor that saw one side of the cloud."""
        return cls(poses=poses, arc=2 * reach, elevation=elevation)

    def azimuths(self) -> Float[Tensor, " poses"]:
        """Of every pose, in degrees: evenly around a ring, or from one end of the arc to the other."""
        if self.arc == 360:
            return 360.0 * torch.arange(self.poses) / self.poses
        return self.arc * (torch.linspace(0, 1, self.poses) - 0.5) if self.poses > 1 else torch.zeros(1)

    def focal(self, side: int) -> float:
        """In pixels, of images of ``side`` pixels: a sphere of radius 1 fills its share of them."""
        return self.fill * side / 2 / math.tan(math.asin(1 / self.distance))

    def all_poses(self) -> tuple[Float[Tensor, "poses 3"], Float[Tensor, "poses 3 3"]]:
        """Position and axes (rows right, down, ahead) of every pose, the cloud's centre at the origin."""
        angle = torch.deg2rad(self.azimuths().double())
        up = math.radians(self.elevation) * (1 - 2.0 * (torch.arange(self.poses) % 2))
        ahead = torch.stack([up.cos() * angle.sin(), up.sin(), up.cos() * angle.cos()], dim=-1)
        right = torch.stack([angle.cos(), torch.zeros_like(angle), -angle.sin()], dim=-1)
        down = torch.linalg.cross(ahead, right)
        if self.down == "-y":  # everything turned by half a turn about z
            right, down, ahead = (one * torch.tensor([-1.0, -1.0, 1.0]) for one in (right, down, ahead))
        return (-self.distance * ahead).float(), torch.stack([right, down, ahead], dim=1).float()


def to_spheres(xyz: Float[Tensor, "clouds points 3"]) -> Float[Tensor, "clouds points 3"]:
    """Each cloud about the mean of its points, in radii: distances from it that nearly all of the points keep.

    Raises:
        ValueError: a cloud whose points are all one.
    """
    middle = xyz.double() - xyz.double().mean(dim=1, keepdim=True)
    radius = middle.norm(dim=-1).quantile(INSIDE, dim=1)
    if not bool((radius > 0).all()):
        place = int((~(radius > 0)).nonzero()[0])
        raise ValueError(f"xyz: got cloud {place}, whose points are all the same, expected an extent to be shown")
    return (middle / radius[:, None, None]).float()


def show(
    cameras: Cameras, side: int, xyz: Float[Tensor, "clouds points 3"], pose: Int64[Tensor, "clouds views"]
) -> Drawn:
    """Images of clouds, each by poses of its own: what teachers are shown, a "frame" being a cloud.

    Args:
        cameras: the pool.
        side: of an image, in pixels.
        xyz: clouds in radii about their centres, from :func:`to_spheres`.
        pose: which poses see each cloud.

    Raises:
        ValueError: a pose that is not in the pool.
    """
    clouds, views = pose.shape
    seen = draw_points(
        xyz.repeat_interleave(views, dim=0), cameras.focal(side), side, side, **places(cameras, pose), size=cameras.size
    )
    images = shade(seen.depth[:, None], cameras.contrast)  # by the nearest and farthest of each view
    pixel = seen.pixel.masked_fill(~seen.visible, -1)
    first = images.view(clouds, views, side, side), pixel.view(clouds, views, -1)
    return Drawn(*(values.transpose(0, 1).contiguous() for values in first), xyz)


def places(cameras: Cameras, pose: Int64[Tensor, "clouds views"]) -> dict[str, Tensor]:
    """``position`` (clouds · views, 3) and ``rotation`` of the chosen poses, as the kernels take them."""
    if pose.numel() and not 0 <= int(pose.min()) <= int(pose.max()) < cameras.poses:
        raise ValueError(f"pose: got {int(pose.min())} to {int(pose.max())}, expected 0 to {cameras.poses - 1}")
    position, rotation = cameras.all_poses()
    return {"position": position[pose.flatten()], "rotation": rotation[pose.flatten()]}
