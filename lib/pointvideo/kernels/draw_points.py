r"""Draw points: what a pinhole camera sees of a cloud whose points are small squares on the image.

:func:`.splat` asks which points a camera sees where each covers one pixel. A cloud of two thousand points leaves holes
in such an image, which an image network does not know; here a point covers ``size`` × ``size`` pixels around the place
that it falls on, so that surfaces close. A depth buffer keeps the nearest point of each pixel, the lowest index among
equals. A point is visible where it is the nearest of at least one pixel.

In the frame of a camera at ``position`` whose axes are the rows of ``rotation`` (right, down, ahead), a point
(X, Y, Z) falls on (focal · X / Z + width / 2, focal · Y / Z + height / 2).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
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
from .dispatch import specified

MOST = 64  # pixels along a point's side


class Drawing(NamedTuple):
    """Images of clouds, and where their points went.

    ``depth`` (clouds, height, width), infinite where nothing is; ``index`` (clouds, height, width) the point of each
    pixel, -1 where none; ``visible`` (clouds, points); ``pixel`` (clouds, points) the pixel of a point's middle,
    row · width + column, -1 where it falls beside the image or the point is not in front of the camera.
    """

    depth: Tensor
    index: Tensor
    visible: Tensor
    pixel: Tensor


def draw_points_specification(
    xyz: Tensor,
    position: Tensor,
    rotation: Tensor,
    focal: float,
    width: int,
    height: int,
    lengths: Tensor,
    size: int,
) -> Drawing:
    """The specification, in plain torch; see :func:`draw_points`."""
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
    inside = ahead & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    pixel = torch.where(inside, row.where(inside, 0).long() * width + column.where(inside, 0).long(), -1)
    half = (size - 1) / 2
    near = ahead & (column.abs() < OFFSETS // 2) & (row.abs() < OFFSETS // 2)
    left = (column - half).where(near, -2.0 * size).floor().long()
    top = (row - half).where(near, -2.0 * size).floor().long()
    beside = width * height  # one slot behind the image takes what falls beside it
    covered = []
    for down in range(size):
        for right in range(size):
            on = near & (left + right >= 0) & (left + right < width) & (top + down >= 0) & (top + down < height)
            covered.append(torch.where(on, (top + down) * width + left + right, beside))
    places = torch.stack(covered, dim=-1).flatten(1)
    depths = z[..., None].expand(-1, -1, len(covered)).flatten(1)
    numbers = number[:, None].expand(clouds, -1, len(covered)).flatten(1)
    depth = torch.full((clouds, beside + 1), torch.inf, dtype=z.dtype, device=z.device)
    depth = depth.scatter_reduce(1, places, depths, "amin")
    winner = torch.where(depths == depth.gather(1, places), numbers, points)
    index = torch.full((clouds, beside + 1), points, device=z.device).scatter_reduce(1, places, winner, "amin")
    depth, index = depth[:, :beside], index[:, :beside]
    seen = torch.zeros(clouds, points + 1, dtype=torch.bool, device=z.device).scatter(1, index, True)[:, :points]
    index = index.masked_fill(index == points, -1)
    return Drawing(depth.view(clouds, height, width), index.view(clouds, height, width), seen, pixel)


@njit
def _draw_cpu(start, stop, xyz, position, rotation, lengths, focal, width, height, size, depth, index, visible, pixel):
    half_width, half_height = np.float32(width / 2), np.float32(height / 2)
    half, far = np.float32((size - 1) / 2), np.float32(OFFSETS // 2)
    zero = np.float32(0)
    for cloud in range(start, stop):
        buffer, winner = depth[cloud], index[cloud]
        buffer[:] = np.inf
        winner[:] = -1
        visible[cloud, :] = False
        pixel[cloud, :] = -1
        px, py, pz = position[cloud, 0], position[cloud, 1], position[cloud, 2]
        axes = rotation[cloud]
        for point in range(lengths[cloud]):
            dx, dy, dz = xyz[cloud, point, 0] - px, xyz[cloud, point, 1] - py, xyz[cloud, point, 2] - pz
            z = axes[2, 0] * dx + axes[2, 1] * dy + axes[2, 2] * dz
            if not z > zero:
                continue
            column = focal * (axes[0, 0] * dx + axes[0, 1] * dy + axes[0, 2] * dz) / z + half_width
            row = focal * (axes[1, 0] * dx + axes[1, 1] * dy + axes[1, 2] * dz) / z + half_height
            if not (abs(column) < far and abs(row) < far):
                continue
            if column >= zero and column < width and row >= zero and row < height:
                pixel[cloud, point] = np.int64(row) * width + np.int64(column)
            left, top = np.int64(np.floor(column - half)), np.int64(np.floor(row - half))
            for line in range(max(top, 0), min(top + size, height)):
                for place in range(line * width + max(left, 0), line * width + min(left + size, width)):
                    if z < buffer[place]:
                        buffer[place] = z
                        winner[place] = point
        for place in range(width * height):
            if winner[place] >= 0:
                visible[cloud, winner[place]] = True


@torch.library.custom_op("pointvideo::draw_points", mutates_args=(), device_types=("cpu", "cuda"))
def _operator(
    xyz: Tensor,
    position: Tensor,
    rotation: Tensor,
    focal: float,
    width: int,
    height: int,
    lengths: Tensor,
    size: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What :func:`draw_points` returns. Images are drawn once, before a training, so a GPU runs the specification."""
    for name, value in (("xyz", xyz), ("position", position), ("rotation", rotation)):
        check_finite(name, value)
    check_range("lengths", lengths, 0, xyz.shape[1])
    if specified() or xyz.device.type != "cpu":
        return tuple(draw_points_specification(xyz, position, rotation, focal, width, height, lengths, size))
    depth, index, visible, pixel = _empty(xyz, width, height)
    arrays = (tensor.contiguous().numpy() for tensor in (xyz, position, rotation, lengths))
    flat = (image.view(len(xyz), height * width).numpy() for image in (depth, index))
    sizes = np.float32(focal), width, height, size
    parallel_for(_draw_cpu, len(xyz), *arrays, *sizes, *flat, visible.numpy(), pixel.numpy())
    return depth, index, visible, pixel


@_operator.register_fake
def _operator_fake(xyz, position, rotation, focal, width, height, lengths, size):
    return _empty(xyz, width, height)


def _empty(xyz: Tensor, width: int, height: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    clouds, points, _ = xyz.shape
    image = (clouds, height, width)
    return (
        xyz.new_empty(image),
        xyz.new_empty(image, dtype=torch.int64),
        xyz.new_empty((clouds, points), dtype=torch.bool),
        xyz.new_empty((clouds, points), dtype=torch.int64),
    )


def draw_points(
    xyz: Float[Tensor, "clouds points 3"],
    focal: float,
    width: int,
    height: int,
    *,
    position: Float[Tensor, "clouds 3"],
    rotation: Float[Tensor, "clouds 3 3"],
    size: int = 2,
    lengths: Int[Tensor, "clouds"] | None = None,
) -> Drawing:
    """Draw each cloud by a camera of its own, its points as squares.

    Args:
        xyz: float32 points.
        focal: in pixels, for both axes; the principal point is the image centre.
        width, height: of the image, in pixels.
        position: of each cloud's camera, in the unit of the coordinates.
        rotation: rows are the camera's axes right, down, ahead.
        size: pixels along a point's side.
        lengths: int64 number of valid points a cloud; all when left out.

    Raises:
        ValueError: wrong shape, dtype, size or lengths, or coordinates that are not finite.

    Source: Cross4D-JEPA, section 3.1, Eq. 1 ("z-buffered point splatter"); the size is not stated, and 2 pixels give
    the coverage that its Table 15 prints.
    """
    if not isinstance(xyz, Tensor) or xyz.dim() != 3 or xyz.shape[-1] != 3 or xyz.dtype != torch.float32:
        found = f"{xyz.dtype} of shape {tuple(xyz.shape)}" if isinstance(xyz, Tensor) else type(xyz).__name__
        raise ValueError(f"xyz: got {found}, expected float32 (clouds, points, 3)")
    check_tensor("xyz", xyz)
    check_offsets("xyz", xyz)
    check_length("focal", focal)
    for name, value in (("width", width), ("height", height)):
        check_count(name, value)
    check_count("size", size, MOST, " pixels")
    if width * height >= OFFSETS:
        raise ValueError(f"width, height: got {width} x {height} pixels, expected fewer than {OFFSETS} in all")
    clouds, points, _ = xyz.shape
    for name, value, shape in (("position", position, (clouds, 3)), ("rotation", rotation, (clouds, 3, 3))):
        check_tensor(name, value)
        if value.shape != shape or value.dtype != xyz.dtype or value.device != xyz.device:
            found = f"{value.dtype} of shape {tuple(value.shape)} on {value.device}"
            raise ValueError(f"{name}: got {found}, expected {xyz.dtype} {shape} on {xyz.device}")
    if lengths is None:
        lengths = torch.full((clouds,), points, device=xyz.device)
    check_lengths("lengths", lengths, xyz)
    inputs = xyz.detach(), position.detach(), rotation.detach()
    return Drawing(*_operator(*inputs, float(focal), width, height, lengths, size))
