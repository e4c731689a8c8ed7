"""Splat on a GPU: one depth buffer a cloud, filled by atomic minima.

Depths are positive, so their bit patterns order like the depths. For float32 clouds one int64 minimum of (depth bits,
point number) yields the depth and the lowest of the points that attain it at once; float64 depths fill an int64 alone,
so a second pass looks for the point. When no image is asked for, the buffer holds depth bits only. Points are projected
anew in each pass, which costs less than writing their pixels down.
"""

from __future__ import annotations

import struct

import torch
import triton
import triton.language as tl
from torch import Tensor

from .launch import EXACT, device_of

POINTS = 256
PIXELS = 1024


@triton.jit
def divide(x, y):
    """IEEE division; the plain operator is approximate for float32."""
    if x.dtype == tl.float32:
        return tl.div_rn(x, y)
    else:
        return x / y


@triton.jit
def project(xyz, position, rotation, lengths, cloud, point, points, focal_bits, width, height):
    """Depth, pixel and whether the pixel lies in the image, as the specification rounds them."""
    length = tl.load(lengths + cloud)
    exists = point < length
    source = xyz + (cloud * points + point) * 3
    dx = tl.load(source, mask=exists, other=0.0) - tl.load(position + cloud * 3)
    dy = tl.load(source + 1, mask=exists, other=0.0) - tl.load(position + cloud * 3 + 1)
    dz = tl.load(source + 2, mask=exists, other=0.0) - tl.load(position + cloud * 3 + 2)
    axes = rotation + cloud * 9
    x = tl.load(axes) * dx + tl.load(axes + 1) * dy + tl.load(axes + 2) * dz
    y = tl.load(axes + 3) * dx + tl.load(axes + 4) * dy + tl.load(axes + 5) * dz
    z = tl.load(axes + 6) * dx + tl.load(axes + 7) * dy + tl.load(axes + 8) * dz
    focal = tl.cast(focal_bits, tl.float64, bitcast=True).to(x.dtype)
    ahead = exists & (z > 0)
    safe = tl.where(ahead, z, 1.0)
    column = divide(focal * x, safe) + width.to(x.dtype) * 0.5
    row = divide(focal * y, safe) + height.to(x.dtype) * 0.5
    inside = ahead & (column > -1) & (column < width.to(x.dtype)) & (row > -1) & (row < height.to(x.dtype))
    # conversion to an integer drops the fraction, towards zero
    pixel = tl.where(inside, row, 0.0).to(tl.int32) * width + tl.where(inside, column, 0.0).to(tl.int32)
    return z, pixel, inside


@triton.jit(do_not_specialize=["points", "focal_bits", "width", "height"])
def fill_depth(
    xyz,
    position,
    rotation,
    lengths,
    buffer,
    points,
    focal_bits,
    width,
    height,
    PACKED: tl.constexpr,
    POINTS: tl.constexpr,
):
    blocks = tl.cdiv(points, POINTS)
    cloud = (tl.program_id(0) // blocks).to(tl.int64)
    point = (tl.program_id(0) % blocks) * POINTS + tl.arange(0, POINTS)
    z, pixel, inside = project(xyz, position, rotation, lengths, cloud, point, points, focal_bits, width, height)
    if PACKED:
        key = (z.to(tl.int32, bitcast=True).to(tl.int64) << 32) | point.to(tl.int64)
    else:
        key = z.to(buffer.dtype.element_ty, bitcast=True)
    tl.atomic_min(buffer + cloud * width * height + pixel, key, mask=inside, sem="relaxed")


@triton.jit(do_not_specialize=["points", "focal_bits", "tolerance_bits", "width", "height"])
def see(
    xyz,
    position,
    rotation,
    lengths,
    buffer,
    visible,
    winner,
    points,
    focal_bits,
    tolerance_bits,
    width,
    height,
    PACKED: tl.constexpr,
    WINNER: tl.constexpr,
    POINTS: tl.constexpr,
):
    """Mark the visible points; with WINNER, find the lowest point that attains each pixel's depth."""
    blocks = tl.cdiv(points, POINTS)
    cloud = (tl.program_id(0) // blocks).to(tl.int64)
    point = (tl.program_id(0) % blocks) * POINTS + tl.arange(0, POINTS)
    z, pixel, inside = project(xyz, position, rotation, lengths, cloud, point, points, focal_bits, width, height)
    place = cloud * width * height + pixel
    bits = tl.load(buffer + place, mask=inside, other=0)
    if PACKED:
        nearest = (bits >> 32).to(tl.int32).to(tl.float32, bitcast=True)
    else:
        nearest = bits.to(z.dtype, bitcast=True)
    tolerance = tl.cast(tolerance_bits, tl.float64, bitcast=True).to(z.dtype)
    seen = inside & (z - nearest < tolerance)
    tl.store(visible + cloud * points + point, seen, mask=point < points)
    if WINNER:
        tl.atomic_min(winner + place, point.to(tl.int64), mask=inside & (z == nearest), sem="relaxed")


@triton.jit
def unpack(buffer, depth, index, size, PIXELS: tl.constexpr):
    """An untouched pixel holds (bits of infinity, -1)."""
    place = tl.program_id(0).to(tl.int64) * PIXELS + tl.arange(0, PIXELS)
    inside = place < size
    key = tl.load(buffer + place, mask=inside, other=0)
    tl.store(depth + place, (key >> 32).to(tl.int32).to(tl.float32, bitcast=True), mask=inside)
    tl.store(index + place, key.to(tl.int32).to(tl.int64), mask=inside)


def double_bits(value: float) -> int:
    """The bit pattern of a float64: Triton hands Python floats over as float32."""
    return struct.unpack("<q", struct.pack("<d", value))[0]


INFINITY = {torch.float32: 0x7F800000, torch.float64: 0x7FF0000000000000}


def splat(
    xyz: Tensor,
    position: Tensor,
    rotation: Tensor,
    focal: float,
    width: int,
    height: int,
    lengths: Tensor,
    tolerance: float,
    images: bool,
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Visible points, depth image and index image; the images only when asked.

    Args:
        xyz: float32 or float64 (clouds, points, 3).
        position: as ``xyz``, (clouds, 3).
        rotation: as ``xyz``, (clouds, 3, 3).
        focal: in pixels, above 0.
        width, height: of the image, in pixels.
        lengths: int64 (clouds,), valid points a cloud.
        tolerance: in the unit of the coordinates, above 0.

    Returns:
        bool (clouds, points); depth as ``xyz`` and index int64, (clouds, height, width).
    """
    clouds, points, _ = xyz.shape
    wide = xyz.dtype == torch.float64
    packed = images and not wide
    shape, device = (clouds, height, width), xyz.device
    visible = torch.empty(clouds, points, dtype=torch.bool, device=device)
    empty = INFINITY[xyz.dtype]
    if packed:
        empty = empty << 32 | 0xFFFFFFFF
    buffer = torch.full(shape, empty, dtype=torch.int64 if wide or packed else torch.int32, device=device)
    winner = torch.full(shape, points, dtype=torch.int64, device=device) if images and wide else None
    if visible.numel():
        camera = (xyz, position, rotation, lengths)
        grid = (clouds * triton.cdiv(points, POINTS),)
        bits = (double_bits(focal), double_bits(tolerance))
        size = {"PACKED": packed, "POINTS": POINTS, "num_warps": POINTS // 64}
        with device_of(xyz):
            fill_depth[grid](*camera, buffer, points, bits[0], width, height, **size, **EXACT)
            size["WINNER"] = winner is not None
            see[grid](*camera, buffer, visible, winner, points, *bits, width, height, **size, **EXACT)
    if not images:
        return visible, None, None
    if wide:
        return visible, buffer.view(torch.float64), winner.masked_fill_(winner == points, -1)
    depth = torch.empty(shape, dtype=torch.float32, device=device)
    index = torch.empty(shape, dtype=torch.int64, device=device)
    if index.numel():
        with device_of(xyz):
            unpack[(triton.cdiv(index.numel(), PIXELS),)](
                buffer, depth, index, index.numel(), PIXELS=PIXELS, num_warps=4
            )
    return visible, depth, index
