r"""Which point every pixel of a view shows, and where that point lies in another view.

A view is a pinhole camera. A pixel u shows the nearest of the points that fall on it, one point a pixel, unless that
point is hidden. So a network's features of points become a map, :math:`F_i[u] = F[p_i(u)]`, and pixels of two views
correspond through the point: :math:`m_{i \to j}(u)` is the pixel that :math:`p_i(u)` falls on in view j, if that view
sees it. A surface of points has holes, through which a depth buffer of single pixels sees its back; so what hides is a
depth buffer of squares, as in the images that teachers are shown. Ours, as the text that the method is known by says
"projections" and "pixel-wise correspondences across different views" and no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from ..kernels.draw_points import draw_points
from ..teachers.ring import Cameras, places
from ..values import Checked, Count, NotNegative, OddCount, Within

NOTHING = -1


class Views(NamedTuple):
    """What cameras see of clouds, at the resolution of a feature map.

    ``point`` (clouds, views, side²) the point that each pixel shows, row · side + column, -1 where none; ``pixel``
    (clouds, views, points) the pixel of each point that a view sees, -1 where hidden.
    """

    point: Tensor
    pixel: Tensor


def project(
    cameras: Cameras,
    side: int,
    xyz: Float[Tensor, "clouds points 3"],
    pose: Int64[Tensor, "clouds views"],
    size: int,
    tolerance: float,
) -> Views:
    """Which point each pixel shows and which pixel each point falls on.

    Args:
        cameras: the pool.
        side: pixels along a map's side.
        xyz: clouds in radii about their centres.
        pose: which poses see each cloud.
        size: pixels along the side of the square, about its own pixel, by which a point hides others; odd.
        tolerance: a point is seen if it lies less than this behind the nearest square on its pixel, in radii; with 0
            only if that square is its own. A surface that is seen at an angle has nearer squares than the point's.

    Raises:
        ValueError: an even size, or a pose that is not in the pool.
    """
    if size % 2 == 0:
        raise ValueError(f"size: got {size} pixels, expected an odd number: a square lies about its point's pixel")
    clouds, views = pose.shape
    where = places(cameras, pose)
    every = xyz.repeat_interleave(views, dim=0)
    seen = draw_points(every, cameras.focal(side), side, side, **where, size=1)
    # the nearest square on a pixel is the nearest point on any pixel around
    front = -F.max_pool2d(-seen.depth, size, stride=1, padding=size // 2).flatten(1)
    there, nearest, axis = seen.pixel.clamp(min=0), seen.index.flatten(1), where["rotation"][:, 2, :, None]
    ahead = (every @ axis - where["position"][:, None] @ axis)[..., 0]
    own = torch.where(seen.depth.flatten(1) == front, nearest, NOTHING)  # pixels whose own point is the nearest around
    hidden = (own.gather(1, there) != torch.arange(xyz.shape[1])) & (ahead - front.gather(1, there) >= tolerance)
    pixel = seen.pixel.masked_fill(hidden, NOTHING)
    # nothing behind a hidden point is seen either
    point = nearest.masked_fill(hidden.gather(1, nearest.clamp(min=0)), NOTHING)
    return Views(point.view(clouds, views, -1), pixel.view(clouds, views, -1))


@dataclass(frozen=True)
class Projection(Checked):
    """How views are drawn and which of them: all ours."""

    cameras: Cameras = Cameras()
    views: Count = 2  # of a cloud in a step
    within: Annotated[float, Within(above=0, high=180)] = (
        90.0  # degrees about the vertical from the first to the others
    )
    pixels: Count = 56  # along the side of a map of features
    size: OddCount = 3  # of these along the side of the square by which a point hides what is behind
    tolerance: NotNegative = 0.1  # radii behind the nearest square on its pixel up to which a point is seen

    def __post_init__(self):
        super().__post_init__()
        if self.views > (fewest := int(self._near().sum(dim=1).min())):
            raise ValueError(
                f"Projection.views: got {self.views}, expected at most {fewest}, the poses within {self.within:g} "
                "degrees of any one"
            )

    def _near(self) -> Tensor:
        """Which poses are within reach of each, itself among them."""
        azimuth = self.cameras.azimuths()
        apart = (azimuth[:, None] - azimuth).abs() % 360
        return torch.minimum(apart, 360 - apart) <= self.within + 1e-3

    def views_of(self, clouds: Float[Tensor, "clouds points 3"], pose: Int64[Tensor, "clouds views"]) -> Views:
        """What poses see of clouds that are in radii about their centres."""
        return project(self.cameras, self.pixels, clouds, pose, self.size, self.tolerance)

    def draw(self, clouds: int, seed: int) -> Int64[Tensor, "clouds views"]:
        """Poses of each cloud, all different: one at random, the others out of those within reach of it."""
        random = torch.Generator().manual_seed(seed)
        first = torch.randint(self.cameras.poses, (clouds,), generator=random)
        order = torch.rand(clouds, self.cameras.poses, generator=random) + (~self._near()[first]).float()
        order = order.scatter(1, first[:, None], -1.0)
        return order.argsort(dim=1)[:, : self.views]


def correspondences(views: Views, pairs: tuple[tuple[int, int], ...]) -> Int64[Tensor, "clouds pairs pixels"]:
    """For each pixel of the first view of a pair, its point's pixel in the second; -1 where there is none.

    A pixel has none if it shows no point, or its point is hidden from, or beside, the second view.
    """
    found = []
    for first, second in pairs:
        point = views.point[:, first]
        other = views.pixel[:, second].gather(1, point.clamp(min=0))
        found.append(other.masked_fill(point == NOTHING, NOTHING))
    return torch.stack(found, dim=1)


def slots(views: Views, chosen: Int64[Tensor, "clouds inputs kept"]) -> Int64[Tensor, "clouds views pixels"]:
    """The row, among the points that a network was given, of the point that each pixel shows; -1 where it was not.

    Args:
        views: of the whole clouds.
        chosen: the points given, of one cloud for all views (inputs = 1) or of one for each; repeats are allowed.
    """
    clouds, count, points = views.pixel.shape
    kept = chosen.shape[2]
    row = torch.full((clouds, chosen.shape[1], points), NOTHING, device=chosen.device)
    # of a point that was given several times, all rows say the same: the last one that was written counts
    row = row.scatter(2, chosen, torch.arange(kept, device=chosen.device).expand_as(chosen))
    found = row.expand(clouds, count, points).gather(2, views.point.clamp(min=0))
    return found.masked_fill(views.point == NOTHING, NOTHING)


def feature_maps(
    features: Float[Tensor, "clouds inputs kept channels"], slot: Int64[Tensor, "clouds views pixels"]
) -> Float[Tensor, "clouds views pixels channels"]:
    """Features of the points that pixels show, 0 where there are none; differentiable in the features."""
    clouds, views, pixels = slot.shape
    kept, channels = features.shape[2:]
    row = slot.clamp(min=0)[..., None].expand(-1, -1, -1, channels)
    source = features if features.shape[1] == views else features.expand(clouds, views, kept, channels)
    return source.gather(2, row).masked_fill((slot == NOTHING)[..., None], 0)
