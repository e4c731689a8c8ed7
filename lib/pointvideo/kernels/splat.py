"""Splat: which points of a cloud does a pinhole camera see?

In the frame of a camera that stands at ``position`` and whose axes are the rows of ``rotation`` (right, down,
ahead), a point has coordinates (X, Y, Z) and falls on the pixel ``trunc(focal · X / Z + width / 2,
focal · Y / Z + height / 2)`` (towards zero). A depth buffer keeps the smallest Z of each pixel; a point is visible
when it lies within ``tolerance`` of its pixel's buffer. Points behind the camera or outside the image are not
visible. This is C2P's occlusion sampling (section 3.1) and the sensor of the simulated worlds.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .checks import (
    OFFSETS,
    check_count,
    check_finite,
    check_length,
    check_lengths,
    check_offsets,
    check_range,
    check_tensor,
)
from .cpu import njit, parallel_for
from .dispatch import launcher, specified

DTYPES = (torch.float32, torch.float64)


def splat_specification(
    xyz: Tensor,
    position: Tensor,
    rotation: Tensor,
    focal: float,
    width: int,
    height: int,
    lengths: Tensor,
    tolerance: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """The specification, in plain torch; see :func:`splat`."""
    clouds, points, _ = xyz.shape
    dx, dy, dz = (xyz - position[:, None]).unbind(-1)
    rows = rotation[:, :, :, None].unbind(1)
    # written out, in this order: a matrix product rounds differently and moves points across pixel borders
    x, y, z = (row[:, 0] * dx + row[:, 1] * dy + row[:, 2] * dz for row in rows)
    number = torch.arange(points, device=xyz.device)
    ahead = (z > 0) & (number < lengths[:, None])
    safe = torch.where(ahead, z, torch.ones_like(z))
    column = focal * x / safe + width / 2
    row = focal * y / safe + height / 2
    inside = ahead & (column > -1) & (column < width) & (row > -1) & (row < height)
    pixel = row.where(inside, 0).long() * width + column.where(inside, 0).long()  # whole numbers, cut towards zero
    depth = torch.full((clouds, height * width), torch.inf, dtype=z.dtype, device=z.device)
    depth = depth.scatter_reduce(1, pixel, torch.where(inside, z, torch.full_like(z, torch.inf)), "amin")
    nearest = depth.gather(1, pixel)
    visible = inside & (z - nearest < tolerance)
    winner = torch.where(inside & (z == nearest), number, points)
    index = torch.full((clouds, height * width), points, device=z.device).scatter_reduce(1, pixel, winner, "amin")
    index = index.masked_fill(index == points, -1)
    return visible, depth.view(clouds, height, width), index.view(clouds, height, width)


@njit
def _project(cloud, length, xyz, position, rotation, focal, width, height, column, row, ahead, pixel, depth):
    """Fill ``pixel`` (width · height where not in the image), ``ahead`` (Z) and the depth buffer of one cloud."""
    half_width = xyz.dtype.type(width / 2)
    half_height = xyz.dtype.type(height / 2)
    px, py, pz = position[cloud, 0], position[cloud, 1], position[cloud, 2]
    rx0, rx1, rx2 = rotation[cloud, 0, 0], rotation[cloud, 0, 1], rotation[cloud, 0, 2]
    ry0, ry1, ry2 = rotation[cloud, 1, 0], rotation[cloud, 1, 1], rotation[cloud, 1, 2]
    rz0, rz1, rz2 = rotation[cloud, 2, 0], rotation[cloud, 2, 1], rotation[cloud, 2, 2]
    one = xyz.dtype.type(1)
    zero = xyz.dtype.type(0)
    for point in range(length):  # no branch and no store that depends on another: this loop vectorises
        dx = xyz[cloud, point, 0] - px
        dy = xyz[cloud, point, 1] - py
        dz = xyz[cloud, point, 2] - pz
        z = rz0 * dx + rz1 * dy + rz2 * dz
        safe = z if z > zero else one
        column[point] = focal * (rx0 * dx + rx1 * dy + rx2 * dz) / safe + half_width
        row[point] = focal * (ry0 * dx + ry1 * dy + ry2 * dz) / safe + half_height
        ahead[point] = z
    outside = width * height  # one slot behind the image takes what falls beside it
    last_column, last_row = xyz.dtype.type(width), xyz.dtype.type(height)
    for point in range(length):
        c, r = column[point], row[point]
        inside = (ahead[point] > zero) & (c > -one) & (c < last_column) & (r > -one) & (r < last_row)
        target = np.int32(r if inside else zero) * np.int32(width) + np.int32(c if inside else zero)
        pixel[point] = target if inside else np.int32(outside)
    for point in range(length):
        target = pixel[point]
        z = ahead[point]
        old = depth[target]
        depth[target] = z if z < old else old


@njit
def _visible_cpu(start, stop, xyz, position, rotation, lengths, focal, width, height, tolerance, visible):
    points = xyz.shape[1]
    column = np.empty(points, xyz.dtype)
    row = np.empty(points, xyz.dtype)
    ahead = np.empty(points, xyz.dtype)
    pixel = np.empty(points, np.int32)
    depth = np.empty(width * height + 1, xyz.dtype)
    depth[:] = np.inf
    for cloud in range(start, stop):
        length = lengths[cloud]
        _project(cloud, length, xyz, position, rotation, focal, width, height, column, row, ahead, pixel, depth)
        for point in range(length):
            target = pixel[point]
            visible[cloud, point] = (target < width * height) & (ahead[point] - depth[target] < tolerance)
        for point in range(length, points):
            visible[cloud, point] = False
        # an image is mostly larger than a cloud: only what was touched is wiped
        if length < (width * height) >> 4:
            for point in range(length):
                depth[pixel[point]] = np.inf
        else:
            depth[:] = np.inf


@njit
def _splat_cpu(start, stop, xyz, position, rotation, lengths, focal, width, height, tolerance, visible, depth, index):
    points = xyz.shape[1]
    column = np.empty(points, xyz.dtype)
    row = np.empty(points, xyz.dtype)
    ahead = np.empty(points, xyz.dtype)
    pixel = np.empty(points, np.int32)
    buffer = np.empty(width * height + 1, xyz.dtype)
    for cloud in range(start, stop):
        length = lengths[cloud]
        winner = index[cloud]
        buffer[:] = np.inf
        winner[:] = -1
        _project(cloud, length, xyz, position, rotation, focal, width, height, column, row, ahead, pixel, buffer)
        for point in range(points):
            visible[cloud, point] = False
        for point in range(length):
            target = pixel[point]
            if target < width * height:
                visible[cloud, point] = ahead[point] - buffer[target] < tolerance
                if ahead[point] == buffer[target] and winner[target] < 0:
                    winner[target] = point
        depth[cloud] = buffer[: width * height]


def _arrays(xyz, position, rotation, focal, width, height, lengths, tolerance):
    arrays = (tensor.contiguous().numpy() for tensor in (xyz, position, rotation, lengths))
    with np.errstate(over="ignore"):  # a focal length beyond float32 is infinite in the specification, too
        return *arrays, xyz.numpy().dtype.type(focal), width, height, xyz.numpy().dtype.type(tolerance)


@torch.library.custom_op("pointvideo::splat", mutates_args=(), device_types="cpu")
def _operator(
    xyz: Tensor,
    position: Tensor,
    rotation: Tensor,
    focal: float,
    width: int,
    height: int,
    lengths: Tensor,
    tolerance: float,
    images: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """visible, depth and index; the two images have no clouds unless asked for."""
    _check_values(xyz, position, rotation, lengths)
    if specified():
        return _specification(xyz, position, rotation, focal, width, height, lengths, tolerance, images)
    clouds, points, _ = xyz.shape
    visible = torch.empty(clouds, points, dtype=torch.bool)
    depth, index = _images(xyz, height, width, images)
    arguments = _arrays(xyz, position, rotation, focal, width, height, lengths, tolerance)
    if images:
        flat = (depth.view(clouds, height * width).numpy(), index.view(clouds, height * width).numpy())
        parallel_for(_splat_cpu, clouds, *arguments, visible.numpy(), *flat)
    else:
        # each run wipes an image of its own first
        parallel_for(_visible_cpu, clouds, *arguments, visible.numpy(), per_thread=1)
    return visible, depth, index


@_operator.register_kernel("cuda")
def _operator_cuda(xyz, position, rotation, focal, width, height, lengths, tolerance, images):
    _check_values(xyz, position, rotation, lengths)
    launch = launcher("splat", "splat")
    if launch is None:
        return _specification(xyz, position, rotation, focal, width, height, lengths, tolerance, images)
    tensors = (tensor.contiguous() for tensor in (xyz, position, rotation))
    visible, depth, index = launch(*tensors, focal, width, height, lengths.contiguous(), tolerance, images)
    return (visible, depth, index) if images else (visible, *_images(xyz, height, width, False))


@_operator.register_fake
def _operator_fake(xyz, position, rotation, focal, width, height, lengths, tolerance, images):
    return xyz.new_empty(xyz.shape[:2], dtype=torch.bool), *_images(xyz, height, width, images)


def _images(xyz: Tensor, height: int, width: int, wanted: bool) -> tuple[Tensor, Tensor]:
    shape = (len(xyz) if wanted else 0, height, width)
    return xyz.new_empty(shape), xyz.new_empty(shape, dtype=torch.int64)


def _specification(xyz, position, rotation, focal, width, height, lengths, tolerance, images):
    results = splat_specification(xyz, position, rotation, focal, width, height, lengths, tolerance)
    return results if images else (results[0], *_images(xyz, height, width, False))


def _check_values(xyz, position, rotation, lengths) -> None:
    for name, value in (("xyz", xyz), ("position", position), ("rotation", rotation)):
        check_finite(name, value)
    check_range("lengths", lengths, 0, xyz.shape[1])


def _prepare(xyz, focal, width, height, position, rotation, lengths, tolerance) -> tuple:
    if not isinstance(xyz, Tensor) or xyz.dim() != 3 or xyz.shape[-1] != 3 or xyz.dtype not in DTYPES:
        found = f"{xyz.dtype} of shape {tuple(xyz.shape)}" if isinstance(xyz, Tensor) else type(xyz).__name__
        raise ValueError(f"xyz: got {found}, expected float32 or float64 (clouds, points, 3)")
    check_tensor("xyz", xyz)
    check_offsets("xyz", xyz)
    check_length("focal", focal)
    check_length("tolerance", tolerance)
    check_count("width", width)
    check_count("height", height)
    if width * height >= OFFSETS:
        raise ValueError(f"width, height: got {width} x {height} pixels, expected fewer than {OFFSETS} in all")
    clouds, points, _ = xyz.shape
    if position is None:
        position = xyz.new_zeros(clouds, 3)
    if rotation is None:
        rotation = torch.eye(3, dtype=xyz.dtype, device=xyz.device).expand(clouds, 3, 3)
    for name, value, shape in (("position", position, (clouds, 3)), ("rotation", rotation, (clouds, 3, 3))):
        check_tensor(name, value)
        if value.shape != shape or value.dtype != xyz.dtype or value.device != xyz.device:
            found = f"{value.dtype} of shape {tuple(value.shape)} on {value.device}"
            raise ValueError(f"{name}: got {found}, expected {xyz.dtype} {shape} on {xyz.device}")
    if lengths is None:
        lengths = torch.full((clouds,), points, device=xyz.device)
    check_lengths("lengths", lengths, xyz)
    return xyz.detach(), position.detach(), rotation.detach(), float(focal), width, height, lengths, float(tolerance)


def splat(
    xyz: Float[Tensor, "clouds points 3"],
    focal: float,
    width: int,
    height: int,
    *,
    position: Float[Tensor, "clouds 3"] | None = None,
    rotation: Float[Tensor, "clouds 3 3"] | None = None,
    lengths: Int[Tensor, "clouds"] | None = None,
    tolerance: float = 1e-3,
) -> tuple[Bool[Tensor, "clouds points"], Float[Tensor, "clouds height width"], Int[Tensor, "clouds height width"]]:
    """Depth image of each cloud, the point behind each pixel, and the points that are visible.

    Args:
        xyz: float32 or float64 points; in the camera's frame when no pose is given.
        focal: in pixels, for both axes; the principal point is the image centre.
        width, height: image size in pixels.
        position: of each cloud's camera, in the unit of the coordinates; the origin when left out.
        rotation: rows are the camera's axes right, down, ahead; the identity when left out.
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
    return _operator(*_prepare(xyz, focal, width, height, position, rotation, lengths, tolerance), True)


def visible_points(
    xyz: Float[Tensor, "clouds points 3"],
    focal: float,
    width: int,
    height: int,
    *,
    position: Float[Tensor, "clouds 3"] | None = None,
    rotation: Float[Tensor, "clouds 3 3"] | None = None,
    lengths: Int[Tensor, "clouds"] | None = None,
    tolerance: float = 1e-3,
) -> Bool[Tensor, "clouds points"]:
    """The first result of :func:`splat` alone: no image is written, which is several times faster."""
    return _operator(*_prepare(xyz, focal, width, height, position, rotation, lengths, tolerance), False)[0]
