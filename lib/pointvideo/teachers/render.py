r"""What an image network is shown of a point cloud video: every frame drawn by cameras that stand still.

A camera looks at the centre of the clip's points from a distance that keeps the whole subject in the picture, whatever
the unit. Points are squares of pixels, the nearest in front, grey by their depth over the clip: near is light, the
background black. The drawing also says which point each pixel shows, so that what a network finds at a place of the
image belongs to points exactly, without calibration.

Nguyen et al., "Cross4D-JEPA", 2026, section 3.1, Eq. 1 and 3. Distance, field of view, size of a point and shading are
not stated; with these the share of points that one camera sees of MSR-Action3D is the printed one (Table 15).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from ..kernels.draw_points import MOST, draw_points
from ..kernels.shade import shade
from ..values import Checked, Count, Within

CAMERAS = {1: (0.0,), 2: (0.0, 180.0), 4: (0.0, 180.0, 90.0, 270.0)}  # degrees around the vertical axis
HIDDEN = -1
INSIDE = 0.998  # share of a clip's points that its radius holds: a stray point does not shrink the picture


@dataclass(frozen=True)
class Render(Checked):
    """Cameras and what they draw. The first looks along +z, the sensor's own direction; x is right and y down."""

    points: Count = 2048  # of each frame
    size: Annotated[int, Within(low=1, high=MOST)] = 2  # pixels along a point's side
    cameras: int = 1  # 1; 2: from the back as well; 4: and from both sides
    distance: Annotated[float, Within(above=1)] = 2.5  # of a camera from the centre, in radii of the clip
    fill: Annotated[float, Within(above=0, high=1)] = 0.95  # share of the image's side that the clip's sphere fills
    contrast: Annotated[float, Within(above=0, high=1)] = 0.8  # how much darker the farthest point is than the nearest

    def __post_init__(self):
        super().__post_init__()
        if self.cameras not in CAMERAS:
            raise ValueError(f"Render.cameras: got {self.cameras!r}, expected one of {', '.join(map(str, CAMERAS))}")


class Drawn(NamedTuple):
    """A clip as cameras see it.

    ``images`` (cameras, frames, side, side), grey from 0 to 1; ``pixel`` (cameras, frames, points), the pixel that a
    visible point falls on, row · side + column, and -1 where a point is hidden; ``xyz`` (frames, points, 3) in radii of
    the clip about its centre.
    """

    images: Tensor
    pixel: Tensor
    xyz: Tensor


def sphere(xyz: Float[Tensor, "frames points 3"]) -> tuple[Float[Tensor, "3"], Float[Tensor, ""]]:
    """Centre and radius of a clip: the mean of its points, and the distance from it that nearly all of them keep.

    Raises:
        ValueError: all points are one.
    """
    centre = xyz.mean(dim=(0, 1))
    radius = _quantile((xyz - centre).norm(dim=-1).flatten(), INSIDE)
    if not radius > 0:
        raise ValueError("xyz: got a clip whose points are all the same, expected an extent that a camera can show")
    return centre, radius


def _quantile(values: Tensor, share: float) -> Tensor:
    """``values.quantile(share)`` to the last bit, without sorting what lies below."""
    rank = torch.tensor(share, dtype=values.dtype) * (len(values) - 1)
    below = int(rank)
    top = values.topk(len(values) - below).values  # its last two lie on both sides of the rank
    return torch.lerp(top[-1], top[max(-2, -len(top))], rank - below)


def poses(cameras: int, distance: float) -> tuple[Float[Tensor, "cameras 3"], Float[Tensor, "cameras 3 3"]]:
    """Position and axes (right, down, ahead) of cameras around the origin, which they look at."""
    angle = torch.tensor([math.radians(degrees) for degrees in CAMERAS[cameras]])
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    ahead = torch.stack([angle.sin(), zero, angle.cos()], dim=-1)
    right = torch.stack([angle.cos(), zero, -angle.sin()], dim=-1)
    down = torch.stack([zero, one, zero], dim=-1)
    return -distance * ahead, torch.stack([right, down, ahead], dim=1)


def focal_length(render: Render, side: int) -> float:
    """In pixels: so that a sphere of radius 1 at the camera's distance fills its share of the image."""
    return render.fill * side / 2 / math.tan(math.asin(1 / render.distance))


def draw(render: Render, side: int, xyz: Float[Tensor, "frames points 3"]) -> Drawn:
    """A clip as the cameras of ``render`` see it, in images of ``side`` pixels.

    Args:
        render: the cameras.
        side: of an image, in pixels.
        xyz: the clip, in any unit.

    Raises:
        ValueError: all points are one, or a frame has no point that the first camera sees.
    """
    centre, radius = sphere(xyz)
    xyz = ((xyz - centre) / radius).float()
    frames, points, _ = xyz.shape
    position, rotation = (values.repeat_interleave(frames, dim=0) for values in poses(render.cameras, render.distance))
    clouds = xyz.repeat(render.cameras, 1, 1)
    drawn = draw_points(
        clouds, focal_length(render, side), side, side, position=position, rotation=rotation, size=render.size
    )
    seen = drawn.visible.view(render.cameras, frames, points)
    if not bool(seen.flatten(1).any(dim=1).all()) or not bool(seen[0].any(dim=1).all()):
        frame = int((~seen[0].any(dim=1)).nonzero()[0]) if not bool(seen[0].any(dim=1).all()) else 0
        raise ValueError(f"xyz: got frame {frame} without a point that the camera sees, expected at least one")
    pixel = drawn.pixel.view(seen.shape)
    images = shade(drawn.depth.view(render.cameras, frames, side, side), render.contrast)
    return Drawn(images, pixel.masked_fill(~seen | (pixel < 0), HIDDEN), xyz)


def misread(pixel: Tensor, noise: float, side: int, seed: int) -> Tensor:
    """Pixels moved by Gaussian noise of so many pixels, inside the image: what a wrong calibration does to them."""
    random = torch.Generator().manual_seed(seed)
    move = (torch.randn(*pixel.shape, 2, generator=random) * noise).round().long()
    row = (pixel // side + move[..., 0]).clamp(0, side - 1)
    column = (pixel % side + move[..., 1]).clamp(0, side - 1)
    return torch.where(pixel < 0, pixel, row * side + column)


def patch_of(pixel: Tensor, side: int, grid: int) -> Tensor:
    """The patch, row · grid + column, that a pixel lies in; -1 for -1."""
    return _patches(side, grid)[pixel]


@lru_cache(maxsize=8)
def _patches(side: int, grid: int) -> Tensor:
    """The patch of every pixel of an image; last, and so at -1, that of no pixel."""
    patch = torch.arange(side) // (side // grid)
    patches = patch[:, None] * grid + patch
    return torch.cat([patches.flatten(), torch.tensor([HIDDEN])])


def coverage(pixel: Tensor) -> float:
    """Share of the points that at least one camera sees."""
    return float((pixel != HIDDEN).any(dim=0).double().mean())
