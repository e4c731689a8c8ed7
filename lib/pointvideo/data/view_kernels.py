"""Compiled loops of the moving camera: centres of frames, and which of their points a pinhole camera sees.

They read the points where the store has them, one frame at a time into memory that stays in the processor's cache; the
frames of a batch are never all unpacked. The numbers are those of ``xyz.sum(dim=2)`` and of
:func:`pointvideo.kernels.visible_points` bit by bit, which is why sums are taken in torch's order and nothing is fused.
A file of its own because numba's cache of a function does not notice a change in another file that it calls.
"""

from __future__ import annotations

import numpy as np

from pointvideo.kernels.cpu import njit, njit_dividing

LEVELS = 4  # of torch's running sums: each adds up 2 ** power sums of the one below


@njit
def _read_pixels(pixels, offset, count, slope_u, slope_v, scale, axes):
    x, y, z = axes[0], axes[1], axes[2]
    rows = pixels[offset : offset + count]
    for i in range(rows.shape[0]):
        depth = np.float64(rows[i, 2]) * scale
        x[i] = slope_u[rows[i, 0]] * depth
        y[i] = slope_v[rows[i, 1]] * depth
        z[i] = depth


@njit
def _read_coordinates(xyz, offset, count, axes):
    x, y, z = axes[0], axes[1], axes[2]
    rows = xyz[offset : offset + count]
    for i in range(rows.shape[0]):
        x[i], y[i], z[i] = rows[i, 0], rows[i, 1], rows[i, 2]


@njit
def _power(size):
    """How many terms a level takes, as torch has it for ``size`` terms: 2 ** power."""
    digits = 0
    while (1 << digits) < size:
        digits += 1
    return max(4, digits // LEVELS)


@njit
def _block(axes, first, stop, sums):
    """Add the fours ``first … stop-1`` of each axis, lane by lane; all twelve sums run side by side."""
    x, y, z = axes[0], axes[1], axes[2]
    x0, x1, x2, x3 = sums[0, 0], sums[0, 1], sums[0, 2], sums[0, 3]
    y0, y1, y2, y3 = sums[1, 0], sums[1, 1], sums[1, 2], sums[1, 3]
    z0, z1, z2, z3 = sums[2, 0], sums[2, 1], sums[2, 2], sums[2, 3]
    for four in range(first, stop):
        i = np.uint32(4 * four)
        x0, x1, x2, x3 = x0 + x[i], x1 + x[i + 1], x2 + x[i + 2], x3 + x[i + 3]
        y0, y1, y2, y3 = y0 + y[i], y1 + y[i + 1], y2 + y[i + 2], y3 + y[i + 3]
        z0, z1, z2, z3 = z0 + z[i], z1 + z[i + 1], z2 + z[i + 2], z3 + z[i + 3]
    sums[0, 0], sums[0, 1], sums[0, 2], sums[0, 3] = x0, x1, x2, x3
    sums[1, 0], sums[1, 1], sums[1, 2], sums[1, 3] = y0, y1, y2, y3
    sums[2, 0], sums[2, 1], sums[2, 2], sums[2, 3] = z0, z1, z2, z3


@njit
def _sum_frame(axes, count, most, level, out):
    """Sums of the three axes in torch's order for ``most`` numbers, all zero from ``count`` on.

    torch adds up every fourth number in a lane of its own, ``step`` of them at a time; such sums are added up on the
    level above, and so on; the lanes and what is left over come last. ``level`` (LEVELS, 3, 4) is memory for it.
    """
    fours = most // 4
    power = _power(fours) if fours else 4
    step, mask = 1 << power, (1 << power) - 1
    level[:] = np.float32(0)
    four = 0
    while four + step <= fours:
        if 4 * four < count:
            _block(axes, four, four + step, level[0])
        four += step
        for upper in range(1, LEVELS):
            for axis in range(3):
                for lane in range(4):
                    level[upper, axis, lane] += level[upper - 1, axis, lane]
                    level[upper - 1, axis, lane] = np.float32(0)
            if four & (mask << (upper * power)):
                break
    _block(axes, four, fours, level[0])
    for axis in range(3):
        lanes = level[0, axis]
        for upper in range(1, LEVELS):
            for lane in range(4):
                lanes[lane] += level[upper, axis, lane]
        for i in range(4 * fours, most):
            lanes[0] += axes[axis, i]
        out[axis] = ((lanes[0] + lanes[1]) + lanes[2]) + lanes[3]


@njit
def sum_pixels(start, stop, pixels, first, lengths, slope_u, slope_v, scale, most, out):
    axes, level = np.empty((3, most), np.float32), np.empty((LEVELS, 3, 4), np.float32)
    for item in range(start, stop):
        count = lengths[item]
        _read_pixels(pixels, first[item], count, slope_u, slope_v, scale, axes)
        axes[:, count:] = 0.0
        _sum_frame(axes, count, most, level, out[item])


@njit
def sum_coordinates(start, stop, xyz, first, lengths, most, out):
    axes, level = np.empty((3, most), np.float32), np.empty((LEVELS, 3, 4), np.float32)
    for item in range(start, stop):
        count = lengths[item]
        _read_coordinates(xyz, first[item], count, axes)
        axes[:, count:] = 0.0
        _sum_frame(axes, count, most, level, out[item])


@njit_dividing
def _see(axes, count, position, rotation, focal, width, height, tolerance, pixel, ahead, depth, visible):
    """Mark with 1 what a camera sees of one frame; returns how many points. ``depth`` is infinite before and after."""
    half_width, half_height = np.float32(width / 2), np.float32(height / 2)
    last_column, last_row = np.float32(width), np.float32(height)
    px, py, pz = position[0], position[1], position[2]
    rx0, rx1, rx2 = rotation[0, 0], rotation[0, 1], rotation[0, 2]
    ry0, ry1, ry2 = rotation[1, 0], rotation[1, 1], rotation[1, 2]
    rz0, rz1, rz2 = rotation[2, 0], rotation[2, 1], rotation[2, 2]
    one, zero, outside = np.float32(1), np.float32(0), np.int32(width * height)
    wide = np.int32(width)
    x, y, z = axes[0], axes[1], axes[2]
    for i in range(count):  # no branch and no store that depends on another: this loop vectorises
        dx, dy, dz = x[i] - px, y[i] - py, z[i] - pz
        far = rz0 * dx + rz1 * dy + rz2 * dz
        safe = far if far > zero else one
        column = focal * (rx0 * dx + rx1 * dy + rx2 * dz) / safe + half_width
        row = focal * (ry0 * dx + ry1 * dy + ry2 * dz) / safe + half_height
        inside = (far > zero) & (column > -one) & (column < last_column) & (row > -one) & (row < last_row)
        target = np.int32(row if inside else zero) * wide + np.int32(column if inside else zero)
        pixel[i] = target if inside else outside
        ahead[i] = far
    for i in range(count):
        target, far = np.uint32(pixel[i]), ahead[i]
        if far < depth[target]:
            depth[target] = far
    for i in range(count):
        target = np.uint32(pixel[i])
        visible[i] = np.uint8((target < np.uint32(outside)) & (ahead[i] - depth[target] < tolerance))
    seen = 0
    for i in range(count):
        seen += visible[i]
    if 8 * count < outside:
        for i in range(count):
            depth[pixel[i]] = np.inf
    else:
        depth[:] = np.inf
    return seen


@njit_dividing
def see_pixels(
    start, stop, pixels, first, lengths, slope_u, slope_v, scale,
    position, rotation, focal, width, height, tolerance, visible, seen,
):  # fmt: skip
    axes = np.empty((3, visible.shape[1]), np.float32)
    pixel, ahead = np.empty(visible.shape[1], np.int32), np.empty(visible.shape[1], np.float32)
    depth = np.full(width * height + 1, np.float32(np.inf))
    for item in range(start, stop):
        count = lengths[item]
        _read_pixels(pixels, first[item], count, slope_u, slope_v, scale, axes)
        camera = (position[item], rotation[item], focal, width, height, tolerance)
        seen[item] = _see(axes, count, *camera, pixel, ahead, depth, visible[item])
        visible[item, count:] = 0


@njit_dividing
def see_coordinates(
    start, stop, xyz, first, lengths, position, rotation, focal, width, height, tolerance, visible, seen
):
    axes = np.empty((3, visible.shape[1]), np.float32)
    pixel, ahead = np.empty(visible.shape[1], np.int32), np.empty(visible.shape[1], np.float32)
    depth = np.full(width * height + 1, np.float32(np.inf))
    for item in range(start, stop):
        count = lengths[item]
        _read_coordinates(xyz, first[item], count, axes)
        camera = (position[item], rotation[item], focal, width, height, tolerance)
        seen[item] = _see(axes, count, *camera, pixel, ahead, depth, visible[item])
        visible[item, count:] = 0
