"""Compiled loops over the frames of a batch: draw, copy and pick points. Each handles items ``start … stop-1``.

A frame is one item; ``first[item]`` is the row of its first point in the store, ``lengths[item]`` its points.
"""

from __future__ import annotations

import numpy as np

from pointvideo.data.counter import below, stream, uniform
from pointvideo.kernels.cpu import njit


@njit
def draw(order, count, wanted, state, out):
    """Fill ``out[:wanted]`` by the rule of this module from ``order[:count]``, which is shuffled on the way."""
    filled = 0
    if count <= wanted:
        for _ in range(wanted // count):
            for i in range(count):
                out[filled + i] = order[i]
            filled += count
    for i in range(wanted - filled):
        step, state = below(state, count - i)
        j = i + step
        chosen = order[j]
        order[j] = order[i]
        out[filled + i] = chosen


@njit
def draw_frames(start, stop, frames, lengths, keep, masked, wanted, seed, out, kept):
    most = 0
    for item in range(start, stop):
        most = max(most, lengths[item])
    identity = np.arange(most).astype(np.int32)
    order = np.empty(most, np.int32)
    for item in range(start, stop):
        count = lengths[item]
        if masked:
            count = 0
            for i in range(lengths[item]):
                order[count] = i
                count += 1 if keep[item, i] else 0
        else:
            order[:count] = identity[:count]
        kept[item] = count
        if count > 0:
            draw(order, count, wanted, stream(seed, item // frames, item % frames), out[item])


@njit
def gather_points(start, stop, xyz, index, out):
    for item in range(start, stop):
        for i in range(index.shape[1]):
            j = index[item, i]
            out[item, i, 0] = xyz[item, j, 0]
            out[item, i, 1] = xyz[item, j, 1]
            out[item, i, 2] = xyz[item, j, 2]


@njit
def axis_factors(start, stop, seed, low, high, out):
    for clip in range(start, stop):
        state = stream(seed, clip, 0)
        for axis in range(3):
            value, state = uniform(state)
            out[clip, axis] = low + (high - low) * value


@njit
def copy_frames(start, stop, pixels, first, lengths, slope_u, slope_v, out):
    most = out.shape[1]
    for item in range(start, stop):
        count, offset = lengths[item], first[item]
        for i in range(count):
            depth = np.float64(pixels[offset + i, 2])
            out[item, i, 0] = slope_u[pixels[offset + i, 0]] * depth
            out[item, i, 1] = slope_v[pixels[offset + i, 1]] * depth
            out[item, i, 2] = depth
        out[item, count:most] = 0.0


@njit
def pick_points(start, stop, pixels, first, index, slope_u, slope_v, out):
    for item in range(start, stop):
        offset = first[item]
        for i in range(index.shape[1]):
            row = offset + index[item, i]
            depth = np.float64(pixels[row, 2])
            out[item, i, 0] = slope_u[pixels[row, 0]] * depth
            out[item, i, 1] = slope_v[pixels[row, 1]] * depth
            out[item, i, 2] = depth
