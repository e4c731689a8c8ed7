"""Splat: which points of a cloud does a pinhole camera see?

Every point falls on the pixel ``trunc(focal · X / Z + width / 2, focal · Y / Z + height / 2)`` (towards
zero) of a camera that looks along +Z. A depth buffer keeps the smallest Z of each pixel; a point is visible
when it lies within ``tolerance`` of its pixel's buffer. Points behind the camera or outside the image are not
visible. This is C2P's occlusion sampling (section 3.1) and the sensor of the simulated worlds.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .checks import check_count, check_finite, check_length
from .cpu import njit, parallel_for


def splat_specification(
    camera_xyz: Tensor, focal: float, width: int, height: int, lengths: Tensor, tolerance: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The specification, in plain torch; see :func:`splat`."""
    clouds, points, _ = camera_xyz.shape
    x, y, z = camera_xyz.unbind(-1)
    position = torch.arange(points, device=camera_xyz.device)
    ahead = (z > 0) & (position < lengths[:, None])
    safe = torch.where(ahead, z, torch.ones_like(z))
    column = focal * x / safe + width / 2
    row = focal * y / safe + height / 2
    inside = ahead & (column > -1) & (column < width) & (row > -1) & (row < height)
    pixel = torch.where(inside, row.trunc() * width + column.trunc(), torch.zeros_like(z)).long()
    depth = torch.full((clouds, height * width), torch.inf, dtype=z.dtype, device=z.device)
    depth = depth.scatter_reduce(1, pixel, torch.where(inside, z, torch.full_like(z, torch.inf)), "amin")
    nearest = depth.gather(1, pixel)
    visible = inside & (z - nearest < tolerance)
    winner = torch.where(inside & (z == nearest), position, points)
    index = torch.full((clouds, height * width), points, device=z.device).scatter_reduce(1, pixel, winner, "amin")
    index = index.masked_fill(index == points, -1)
    return visible, depth.view(clouds, height, width), index.view(clouds, height, width)


@njit
def _project(cloud, length, xyz, focal, width, height, pixel, depth):
    """Fill ``pixel`` (-1 where not in the image) and the depth buffer of one cloud."""
    half_width = xyz.dtype.type(width / 2)
    half_height = xyz.dtype.type(height / 2)
    for point in range(length):
        z = xyz[cloud, point, 2]
        pixel[point] = -1
        if z > 0:
            column = focal * xyz[cloud, point, 0] / z + half_width
            row = focal * xyz[cloud, point, 1] / z + half_height
            if -1 < column < width and -1 < row < height:
                target = np.int32(row) * width + np.int32(column)
                pixel[point] = target
                if z < depth[target]:
                    depth[target] = z


@njit
def _visible_cpu(start, stop, xyz, lengths, focal, width, height, tolerance, visible):
    points = xyz.shape[1]
    pixel = np.empty(points, np.int32)
    depth = np.full(width * height, np.inf, xyz.dtype)
    for cloud in range(start, stop):
        length = lengths[cloud]
        _project(cloud, length, xyz, focal, width, height, pixel, depth)
        for point in range(length):
            target = pixel[point]
            visible[cloud, point] = target >= 0 and xyz[cloud, point, 2] - depth[target] < tolerance
        for point in range(length, points):
            visible[cloud, point] = False
        for point in range(length):  # wipe only what was written: the image is larger than the cloud
            if pixel[point] >= 0:
                depth[pixel[point]] = np.inf


@njit
def _splat_cpu(start, stop, xyz, lengths, focal, width, height, tolerance, visible, depth, index):
    points = xyz.shape[1]
    pixel = np.empty(points, np.int32)
    for cloud in range(start, stop):
        length = lengths[cloud]
        buffer = depth[cloud]
        winner = index[cloud]
        for slot in range(width * height):
            buffer[slot] = np.inf
            winner[slot] = -1
        _project(cloud, length, xyz, focal, width, height, pixel, buffer)
        for point in range(points):
            visible[cloud, point] = False
        for point in range(length):
            target = pixel[point]
            if target >= 0:
                z = xyz[cloud, point, 2]
                visible[cloud, point] = z - buffer[target] < tolerance
                if z == buffer[target] and winner[target] < 0:
                    winner[target] = point


@torch.library.custom_op("pointvideo::splat", mutates_args=())
def _operator(
    camera_xyz: Tensor, focal: float, width: int, height: int, lengths: Tensor, tolerance: float
) -> tuple[Tensor, Tensor, Tensor]:
    if camera_xyz.device.type != "cpu":
        return splat_specification(camera_xyz, focal, width, height, lengths, tolerance)
    clouds, points, _ = camera_xyz.shape
    visible = torch.empty(clouds, points, dtype=torch.bool)
    depth = camera_xyz.new_empty(clouds, height * width)
    index = torch.empty(clouds, height * width, dtype=torch.int64)
    xyz = camera_xyz.contiguous().numpy()
    scale, slack = xyz.dtype.type(focal), xyz.dtype.type(tolerance)
    arrays = (visible.numpy(), depth.numpy(), index.numpy())
    parallel_for(_splat_cpu, clouds, xyz, lengths.numpy(), scale, width, height, slack, *arrays)
    return visible, depth.view(clouds, height, width), index.view(clouds, height, width)


@_operator.register_fake
def _operator_fake(camera_xyz, focal, width, height, lengths, tolerance):
    clouds, points, _ = camera_xyz.shape
    image = (clouds, height, width)
    return (
        camera_xyz.new_empty((clouds, points), dtype=torch.bool),
        camera_xyz.new_empty(image),
        camera_xyz.new_empty(image, dtype=torch.int64),
    )


@torch.library.custom_op("pointvideo::visible_points", mutates_args=())
def _visible_operator(
    camera_xyz: Tensor, focal: float, width: int, height: int, lengths: Tensor, tolerance: float
) -> Tensor:
    if camera_xyz.device.type != "cpu":
        return splat_specification(camera_xyz, focal, width, height, lengths, tolerance)[0]
    clouds, points, _ = camera_xyz.shape
    visible = torch.empty(clouds, points, dtype=torch.bool)
    xyz = camera_xyz.contiguous().numpy()
    scale, slack = xyz.dtype.type(focal), xyz.dtype.type(tolerance)
    parallel_for(_visible_cpu, clouds, xyz, lengths.numpy(), scale, width, height, slack, visible.numpy())
    return visible


@_visible_operator.register_fake
def _visible_fake(camera_xyz, focal, width, height, lengths, tolerance):
    return camera_xyz.new_empty(camera_xyz.shape[:2], dtype=torch.bool)


def _prepare(camera_xyz, focal, width, height, lengths, tolerance) -> Tensor:
    if camera_xyz.dim() != 3 or camera_xyz.shape[-1] != 3 or camera_xyz.dtype not in (torch.float32, torch.float64):
        raise ValueError(
            f"camera_xyz: got {camera_xyz.dtype} of shape {tuple(camera_xyz.shape)}, "
            "expected float32 or float64 (clouds, points, 3)"
        )
    check_finite("camera_xyz", camera_xyz)
    check_length("focal", focal)
    check_length("tolerance", tolerance)
    check_count("width", width)
    check_count("height", height)
    clouds, points, _ = camera_xyz.shape
    if lengths is None:
        return torch.full((clouds,), points, device=camera_xyz.device)
    if lengths.dtype != torch.int64 or lengths.shape != (clouds,):
        raise ValueError(f"lengths: got {lengths.dtype} of shape {tuple(lengths.shape)}, expected int64 ({clouds},)")
    if lengths.numel() and (int(lengths.min()) < 0 or int(lengths.max()) > points):
        raise ValueError(f"lengths: got {int(lengths.min())} to {int(lengths.max())}, expected 0 to {points}")
    return lengths.contiguous()


def splat(
    camera_xyz: Float[Tensor, "clouds points 3"],
    focal: float,
    width: int,
    height: int,
    *,
    lengths: Int[Tensor, "clouds"] | None = None,
    tolerance: float = 1e-3,
) -> tuple[Bool[Tensor, "clouds points"], Float[Tensor, "clouds height width"], Int[Tensor, "clouds height width"]]:
    """Depth image of each cloud, the point behind each pixel, and the points that are visible.

    Args:
        camera_xyz: float32 or float64 points in the camera's frame: X right, Y down, Z ahead.
        focal: in pixels, for both axes; the principal point is the image centre.
        width, height: image size in pixels.
        lengths: int64 number of valid points a cloud; all when left out.
        tolerance: a point counts as visible when it lies less than this behind its pixel's nearest point,
            in the unit of the coordinates.

    Returns:
        visible; depth (infinity where nothing is seen); index of the nearest point (the lowest among
        equals), -1 where nothing is seen.

    Raises:
        ValueError: wrong shape, dtype, size or lengths, or coordinates that are not finite.

    Source: C2P, section 3.1, "Occlusion Sampling".
    """
    lengths = _prepare(camera_xyz, focal, width, height, lengths, tolerance)
    return _operator(camera_xyz.detach(), float(focal), width, height, lengths, float(tolerance))


def visible_points(
    camera_xyz: Float[Tensor, "clouds points 3"],
    focal: float,
    width: int,
    height: int,
    *,
    lengths: Int[Tensor, "clouds"] | None = None,
    tolerance: float = 1e-3,
) -> Bool[Tensor, "clouds points"]:
    """The first result of :func:`splat` alone: no image is written, which is several times faster."""
    lengths = _prepare(camera_xyz, focal, width, height, lengths, tolerance)
    return _visible_operator(camera_xyz.detach(), float(focal), width, height, lengths, float(tolerance))
