"""The bench of view pairs: which point each pixel of two views shows, and where its point lies in the other view."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.case import Bench, Check, Contender
from benchmarks.clouds import uniform
from benchmarks.operators import PLAIN
from pointvideo.kernels.draw_points import draw_points_specification
from pointvideo.pretexts.view_pairs import NOTHING, correspondences, project
from pointvideo.teachers.ring import Cameras, places, to_spheres

PAIRS = ((0, 1), (1, 0))
SIZE, TOLERANCE = 3, 0.1  # pixels, radii


def scattered(
    cameras: Cameras, side: int, xyz: Tensor, position: Tensor, rotation: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The same in plain torch: a matrix product, ``scatter_reduce`` once for depths and once for points."""
    clouds, points, _ = xyz.shape
    every = (xyz[:, None] - position.view(clouds, -1, 1, 3)) @ rotation.view(clouds, -1, 3, 3).mT
    x, y, z = every.unbind(-1)
    focal = cameras.focal(side)
    column, row = focal * x / z + side / 2, focal * y / z + side / 2
    inside = (z > 0) & (column >= 0) & (column < side) & (row >= 0) & (row < side)
    place = torch.where(inside, row.long() * side + column.long(), side * side)
    shape, number = (*z.shape[:2], side * side + 1), torch.arange(points)
    depth = torch.full(shape, torch.inf).scatter_reduce(2, place, z, "amin")
    winner = torch.where(z == depth.gather(2, place), number, points)
    index = torch.full(shape, points).scatter_reduce(2, place, winner, "amin")[..., :-1]
    image = depth[..., :-1].unflatten(2, (side, side))
    squares = -F.max_pool2d(-image, SIZE, stride=1, padding=SIZE // 2).flatten(2)
    hidden = ~inside | (z - squares.gather(2, place.clamp(max=side * side - 1)) >= TOLERANCE)
    pixel = place.masked_fill(hidden, NOTHING)
    nothing = (index == points) | hidden.gather(2, index.clamp(max=points - 1))
    point = index.masked_fill(nothing, NOTHING)
    match = [
        pixel[:, second].gather(1, point[:, first].clamp(min=0)).masked_fill(point[:, first] == NOTHING, NOTHING)
        for first, second in PAIRS
    ]
    return point, pixel, torch.stack(match, dim=1)


def pairs(device, clouds: int, points: int, side: int) -> Bench:
    """Two views of each cloud, 60 degrees apart, at the resolution of a map of features."""
    if torch.device(device).type != "cpu":
        raise ValueError(f"view pairs: got device {device}, expected cpu, where batches are drawn")
    cameras, xyz = Cameras(), to_spheres(uniform(clouds, points))
    pose = torch.tensor([[0, 2]]).expand(clouds, 2).contiguous()
    where = places(cameras, pose)

    def ours() -> tuple[Tensor, Tensor, Tensor]:
        views = project(cameras, side, xyz, pose, SIZE, TOLERANCE)
        return *views, correspondences(views, PAIRS)

    def specified() -> Tensor:
        size = torch.full((2 * clouds,), points)
        one, squares = (
            draw_points_specification(
                xyz.repeat_interleave(2, dim=0), *where.values(), cameras.focal(side), side, side, size, across
            )
            for across in (1, SIZE)
        )
        shown = one.index.flatten(1)
        behind = one.depth.flatten(1) - squares.depth.flatten(1) >= TOLERANCE
        return shown.masked_fill((shown < 0) | behind, NOTHING).view(clouds, 2, -1)

    return Bench(
        ours=ours,
        contenders={
            PLAIN: Contender(
                lambda: lambda: scattered(cameras, side, xyz, *where.values()),
                tolerance=1e-2,
                note="a matrix product moves some points across pixel borders",
            )
        },
        checks=(Check("points of pixels", lambda: ours()[0], specified, tolerance=1e-3),),
        work=lambda _: (2 * clouds * (28.0 * points + 16.0 * side * side), 2 * clouds * points * 34.0),
    )
