"""Clouds in blocks of near points, so that a search can leave out whole blocks.

The points are ordered by the cell of a 16 × 16 × 16 grid that they fall in, the cells along a Hilbert curve, and cut
into blocks of 64. Each block has a bounding box. The order decides how much work is saved, never a result. Where a few
far points leave most others to one cell, the grid covers the bulk of the points, and the far ones lie in its rim.
"""

from __future__ import annotations

import numpy as np

from .cpu import njit
from .vectors import BLOCK, highest, lowest

BITS = 4
SIDE = 1 << BITS
CELLS = SIDE**3


def hilbert_ranks() -> np.ndarray:
    """Place of each grid cell (x · 16 + y) · 16 + z along a Hilbert curve, on which neighbours are grid neighbours.

    Skilling, "Programming the Hilbert curve", 2004.
    """
    grid = np.indices((SIDE, SIDE, SIDE)).reshape(3, -1)
    x = [axis.copy() for axis in grid]
    for level in range(BITS - 1, 0, -1):
        mask = (1 << level) - 1
        for axis in range(3):
            inverted = (x[axis] >> level) & 1 == 1
            exchanged = np.where(inverted, 0, (x[0] ^ x[axis]) & mask)
            x[0] = np.where(inverted, x[0] ^ mask, x[0] ^ exchanged)
            x[axis] = x[axis] ^ exchanged
    x[1] ^= x[0]
    x[2] ^= x[1]
    gray = np.zeros(CELLS, dtype=np.int64)
    for level in range(BITS - 1, 0, -1):
        gray = np.where((x[2] >> level) & 1 == 1, gray ^ ((1 << level) - 1), gray)
    rank = np.zeros(CELLS, dtype=np.int32)
    for level in range(BITS - 1, -1, -1):
        for axis in range(3):
            rank = (rank << 1) | (((x[axis] ^ gray) >> level) & 1)
    return rank.astype(np.uint32)


HILBERT = hilbert_ranks()
ZERO, ONE = np.uint32(0), np.uint32(1)
CROWD = 8  # a cell that holds more than this part of the points calls for another grid,
SAMPLE, RIM = 64, 3  # whose range is that of a sample without so many at either end


@njit
def scale_of(values, padded):
    """The lowest value and the factor that takes half the distance from it to 0 … SIDE; coordinates may be huge."""
    low, high = lowest(values, 0), highest(values, 0)
    for first in range(BLOCK, padded, BLOCK):
        low, high = min(low, lowest(values, first)), max(high, highest(values, first))
    half = np.float32(0.5)
    extent = max(high * half - low * half, np.float32(1e-30))
    return low * half, np.float32(SIDE * 0.999) / extent


@njit
def scale_of_most(values, points, sample):
    """As :func:`scale_of`, but for the range of most points: without the RIM lowest and highest of a sample."""
    for place in range(SAMPLE):  # insertion sort
        value = values[points * place // SAMPLE]
        slot = place
        while slot > 0 and sample[slot - 1] > value:
            sample[slot] = sample[slot - 1]
            slot -= 1
        sample[slot] = value
    half = np.float32(0.5)
    low, high = sample[RIM] * half, sample[SAMPLE - 1 - RIM] * half
    return low, np.float32(SIDE * 0.999) / max(high - low, np.float32(1e-30))


@njit
def count_cells(x, y, z, points, low_x, scale_x, low_y, scale_y, low_z, scale_z, shift, cell, begin):
    """Write each point's place along the curve to ``cell`` and the cells' counts to ``begin[1:]``; the largest."""
    half, side, zero, last = np.float32(0.5), np.int32(SIDE), np.float32(0), np.float32(SIDE * 0.999)
    for point in range(points):
        across = np.int32(min(max((x[point] * half - low_x) * scale_x, zero), last))
        along = np.int32(min(max((y[point] * half - low_y) * scale_y, zero), last))
        up = np.int32(min(max((z[point] * half - low_z) * scale_z, zero), last))
        cell[point] = np.uint32((across * side + along) * side + up)
    cells = CELLS >> shift
    begin[: cells + 1] = 0
    for point in range(points):
        rank = HILBERT[cell[point]] >> shift
        cell[point] = rank
        begin[rank + ONE] += ONE
    most = ZERO
    for rank in range(cells):
        most = max(most, begin[rank + 1])
    return most


@njit
def order_blocks(x, y, z, points, cell, begin, source):
    """Write to ``source`` the points in the order of their cells; ``cell`` and ``begin`` are scratch.

    x, y, z are finite and padded to whole blocks with a point of the cloud; ``begin`` has CELLS + 1 items. The three
    last are unsigned, as numba would make an index that may be negative count from the end.
    """
    padded = (points + BLOCK - 1) // BLOCK * BLOCK
    low_x, scale_x = scale_of(x, padded)
    low_y, scale_y = scale_of(y, padded)
    low_z, scale_z = scale_of(z, padded)
    # few points need few cells: eight neighbours on the curve are one cell of the next coarser grid
    shift = np.uint32(0 if points > 2048 else 3)
    most = count_cells(x, y, z, points, low_x, scale_x, low_y, scale_y, low_z, scale_z, shift, cell, begin)
    if most > points // CROWD:
        sample = np.empty(SAMPLE, np.float32)
        low_x, scale_x = scale_of_most(x, points, sample)
        low_y, scale_y = scale_of_most(y, points, sample)
        low_z, scale_z = scale_of_most(z, points, sample)
        count_cells(x, y, z, points, low_x, scale_x, low_y, scale_y, low_z, scale_z, shift, cell, begin)
    for rank in range(CELLS >> shift):
        begin[rank + 1] += begin[rank]
    for point in range(points):
        rank = cell[point]
        slot = begin[rank]
        begin[rank] = slot + ONE
        source[slot] = point


@njit
def take(given, source, points, ordered):
    """Write the points to ``ordered`` (x, y, z rows) in the order of ``source``, padded with the last one."""
    given_x, given_y, given_z = given[0], given[1], given[2]
    x, y, z = ordered[0], ordered[1], ordered[2]
    for slot in range(points):
        point = source[slot]
        x[slot], y[slot], z[slot] = given_x[point], given_y[point], given_z[point]
    for slot in range(points, (points + BLOCK - 1) // BLOCK * BLOCK):
        x[slot], y[slot], z[slot] = x[points - 1], y[points - 1], z[points - 1]


@njit
def bound_blocks(x, y, z, points, corners):
    """Write each block's bounding box to ``corners``: low x, y, z, then high x, y, z, a row each."""
    for block in range((points + BLOCK - 1) // BLOCK):
        first = block * BLOCK
        corners[0, block], corners[3, block] = lowest(x, first), highest(x, first)
        corners[1, block], corners[4, block] = lowest(y, first), highest(y, first)
        corners[2, block], corners[5, block] = lowest(z, first), highest(z, first)
