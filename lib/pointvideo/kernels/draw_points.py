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
from .cpu import njit, njit_dividing, share
from .dispatch import specified

MOST = 64  # pixels along a point's side
EMPTY = 0x7F800000 << 32 | 0xFFFFFFFF  # a pixel's depth and point in one integer: infinite, and -1


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


@njit_dividing
def _project(length, xyz, position, rotation, focal, width, height, half, column, row, ahead, left, top, middle):
    """Fill ``ahead`` (Z), ``left`` and ``top`` of each point's square (far outside where it has none), ``middle``."""
    half_width, half_height = np.float32(width / 2), np.float32(height / 2)
    last_column, last_row = np.float32(width), np.float32(height)
    zero, one, far = np.float32(0), np.float32(1), np.float32(OFFSETS // 2)
    px, py, pz = position[0], position[1], position[2]
    rx0, rx1, rx2 = rotation[0, 0], rotation[0, 1], rotation[0, 2]
    ry0, ry1, ry2 = rotation[1, 0], rotation[1, 1], rotation[1, 2]
    rz0, rz1, rz2 = rotation[2, 0], rotation[2, 1], rotation[2, 2]
    for point in range(length):  # no branch and no store that depends on another: these loops vectorise
        dx, dy, dz = xyz[point, 0] - px, xyz[point, 1] - py, xyz[point, 2] - pz
        z = rz0 * dx + rz1 * dy + rz2 * dz
        safe = z if z > zero else one
        column[point] = focal * (rx0 * dx + rx1 * dy + rx2 * dz) / safe + half_width
        row[point] = focal * (ry0 * dx + ry1 * dy + ry2 * dz) / safe + half_height
        ahead[point] = z
    for point in range(length):
        c, r = column[point], row[point]
        there = ahead[point] > zero
        near = there & (abs(c) < far) & (abs(r) < far)
        x, y = (c - half if near else -far), (r - half if near else -far)
        whole_x, whole_y = np.int32(x), np.int32(y)  # cut towards zero; one less where that was up
        left[point] = whole_x - np.int32(1) if np.float32(whole_x) > x else whole_x
        top[point] = whole_y - np.int32(1) if np.float32(whole_y) > y else whole_y
        inside = there & (c >= zero) & (c < last_column) & (r >= zero) & (r < last_row)
        place = np.int32(r if inside else zero) * np.int32(width) + np.int32(c if inside else zero)
        middle[point] = place if inside else np.int32(-1)


@njit
def _cover(length, bits, left, top, width, height, size, nearest):
    """Keep, of each pixel, the smallest (depth, point) of the squares that cover it, as one integer."""
    for point in range(length):
        x, y = left[point], top[point]
        key = (np.int64(bits[point]) << np.int64(32)) | np.int64(point)
        if size == 2 and x >= 0 and y >= 0 and x < width - 1 and y < height - 1:
            above = np.uint64(y * width + x)  # unsigned: no place is counted from the end
            below = above + np.uint64(width)
            for place in (above, below):
                here, beside = nearest[place], nearest[place + np.uint64(1)]
                nearest[place] = key if key < here else here
                nearest[place + np.uint64(1)] = key if key < beside else beside
        else:
            for line in range(max(y, 0), min(y + size, height)):
                for place in range(line * width + max(x, 0), line * width + min(x + size, width)):
                    nearest[place] = min(nearest[place], key)


@njit
def _unpack(nearest, depth, index):
    for place in range(len(nearest)):
        depth[place] = np.int32(nearest[place] >> np.int64(32))
        index[place] = np.int64(np.int32(nearest[place]))


@njit
def _mark(length, left, top, width, height, size, nearest, visible):
    """Whether each point is the nearest of a pixel of its square."""
    for point in range(length):
        x, y, seen = left[point], top[point], False
        if size == 2 and x >= 0 and y >= 0 and x < width - 1 and y < height - 1:
            above = np.uint64(y * width + x)
            below = above + np.uint64(width)
            for place in (above, below):
                here, beside = nearest[place], nearest[place + np.uint64(1)]
                seen |= (np.int32(here) == point) | (np.int32(beside) == point)
        else:
            for line in range(max(y, 0), min(y + size, height)):
                for place in range(line * width + max(x, 0), line * width + min(x + size, width)):
                    seen |= np.int32(nearest[place]) == point
        visible[point] = seen


@njit
def _draw_cpu(start, stop, xyz, position, rotation, lengths, focal, width, height, size, depth, index, visible, pixel):
    points = xyz.shape[1]
    column, row, ahead = np.empty(points, np.float32), np.empty(points, np.float32), np.empty(points, np.float32)
    left, top, middle = np.empty(points, np.int32), np.empty(points, np.int32), np.empty(points, np.int32)
    nearest = np.empty(width * height, np.int64)
    half, bits = np.float32((size - 1) / 2), ahead.view(np.int32)  # depths are above 0: their bits have their order
    for cloud in range(start, stop):
        length = lengths[cloud]
        view = position[cloud], rotation[cloud], focal, width, height
        _project(length, xyz[cloud], *view, half, column, row, ahead, left, top, middle)
        nearest[:] = EMPTY
        _cover(length, bits, left, top, width, height, size, nearest)
        _unpack(nearest, depth[cloud].view(np.int32), index[cloud])
        _mark(length, left, top, width, height, size, nearest, visible[cloud])
        visible[cloud, length:] = False
        for point in range(length):
            pixel[cloud, point] = middle[point]
        pixel[cloud, length:] = -1


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
    nanoseconds = len(xyz) * (8.0 * xyz.shape[1] + 0.6 * width * height)
    share(_draw_cpu, len(xyz), nanoseconds, *arrays, *sizes, *flat, visible.numpy(), pixel.numpy())
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
