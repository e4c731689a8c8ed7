"""Nearest neighbours: the ``neighbours`` points nearest to each query, the lower index first among equally near ones.

Three of them carry a coarse cloud's features to the points of a fine one (Qi et al., PointNet++, 2017).

On the CPU a query visits the block of 64 points whose bounding box is nearest, then each block whose box is not farther
than the worst neighbour so far. Squared distance and index form one integer (non-negative floats order like their bit
patterns), so that the order of the visits does not matter. For a few neighbours of a small cloud there is nothing to
leave out: sixteen queries at once pass all points in index order.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .checks import check_cloud, check_count, check_lengths, check_some_points
from .clouds import check_clouds, cloud_by_cloud, lengths_array
from .cpu import njit, parts_of, share
from .dispatch import launcher, specified
from .spatial import CELLS, bound_blocks, order_blocks, take
from .vectors import (
    BLOCK,
    LANES,
    at_most,
    boxes,
    distances,
    equal,
    keep_1,
    keep_2,
    keep_3,
    keep_4,
    least,
    least_above,
    rows,
    trailing_zeros,
    unpack,
)

NOTHING = np.int64(0x7F800000) << 32  # the key of an empty slot: distance infinity, index 0
LARGEST = np.int32(0x7F7FFFFF)  # the largest finite squared distance, as bits
SPATIAL_POINTS, SPATIAL_QUERIES = 256, 16
FEW, FEW_POINTS = 4, 512
NEAREST_FIRST = 8  # so few neighbours come nearest first from a block: none goes in to be pushed out by the next
PART = 256  # queries that make it worth while to order a cloud once more


def nearest_neighbors_specification(
    xyz: Tensor, queries: Tensor, neighbours: int, lengths: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The specification, in plain torch: squared distances and indices; see :func:`nearest_neighbors`."""
    if lengths is not None:
        return cloud_by_cloud(lambda *cloud: nearest_neighbors_specification(*cloud, neighbours), lengths, xyz, queries)
    dx, dy, dz = (queries[:, :, None] - xyz[:, None]).unbind(-1)
    squared, index = (dx * dx + dy * dy + dz * dz).sort(dim=-1, stable=True)
    missing = max(0, neighbours - xyz.shape[1])
    squared = torch.nn.functional.pad(squared[..., :neighbours], (0, missing), value=torch.inf)
    index = torch.nn.functional.pad(index[..., :neighbours], (0, missing))
    return squared, index.masked_fill(squared == torch.inf, 0)


def is_spatial(points: int, queries: int) -> bool:
    """Whether ordering a cloud into spatial blocks costs less than it saves."""
    return points >= SPATIAL_POINTS and queries >= SPATIAL_QUERIES


def is_few(points: int, neighbours: int) -> bool:
    """Whether comparing all points with sixteen queries at once costs less than leaving blocks out."""
    return points <= FEW_POINTS and neighbours <= FEW


@njit
def _insert(keys, value, point):
    """Put a point into the ascending ``keys``, whose last falls out; the worst squared distance left, as bits."""
    key = (np.int64(value) << 32) | np.int64(point)
    for place in range(keys.shape[0] - 1, 0, -1):
        keys[place] = max(keys[place - 1], min(keys[place], key))
    keys[0] = min(keys[0], key)
    return min(np.int32(keys[keys.shape[0] - 1] >> 32), LARGEST)  # infinitely far points are no neighbours


@njit
def _visit(block, limit, x, y, z, source, qx, qy, qz, keys, squared):
    """Insert the block's points that are within ``limit``; the new limit."""
    first = block * BLOCK
    near = distances(x, y, z, first, qx, qy, qz, limit, squared)
    if near and keys.shape[0] <= NEAREST_FIRST:
        value = least_above(squared, np.int32(-1))
        while value <= limit:
            near = equal(squared, 0, value)
            while near:
                limit = _insert(keys, value, source[first + trailing_zeros(near)])
                near &= near - np.uint64(1)
            value = least_above(squared, value)
    while near:
        slot = trailing_zeros(near)
        limit = _insert(keys, squared[slot], source[first + slot])
        near &= (near - np.uint64(1)) & at_most(squared, 0, limit)
    return limit


@njit
def _nearest_neighbors_cpu(
    start, stop, packed, stride, lengths, queries, parts, spatial, squared_bits, index, finite
):  # fmt: skip
    count, neighbours = index.shape[1], index.shape[2]
    padded = (stride + BLOCK - 1) // BLOCK * BLOCK
    groups = (padded // BLOCK + BLOCK - 1) // BLOCK * BLOCK  # blocks, in whole groups of 64
    given, ordered = rows(3, padded), rows(3, padded)
    x, y, z = ordered[0], ordered[1], ordered[2]
    source = np.arange(padded).astype(np.uint32)
    cell = np.empty(padded, np.uint32)
    begin = np.empty(CELLS + 1, np.uint32)
    bound, squared, corners = rows(1, groups)[0], rows(1, BLOCK)[0].view(np.int32), rows(6, groups)
    bound_bits = bound.view(np.int32)
    keys = np.empty(neighbours, np.int64)
    prepared, sound, blocks = -1, False, 0
    for item in range(start, stop):
        cloud = item // parts
        if cloud != prepared:
            points = lengths[cloud]
            blocks = (points + BLOCK - 1) // BLOCK
            sound = unpack(packed, cloud * stride * 3, points, given[0], given[1], given[2])
            if sound:
                if spatial:
                    order_blocks(given[0], given[1], given[2], points, cell, begin, source)
                take(given, source, points, ordered)
                bound_blocks(x, y, z, points, corners)
                x[points : blocks * BLOCK] = np.inf  # padding is infinitely far
                corners[:, blocks:] = np.inf
            prepared = cloud
        finite[item] = sound
        if not sound:
            continue
        part = item - cloud * parts
        for query in range(count * part // parts, count * (part + 1) // parts):
            qx, qy, qz = queries[cloud, query, 0], queries[cloud, query, 1], queries[cloud, query, 2]
            if not (np.isfinite(qx) and np.isfinite(qy) and np.isfinite(qz)):
                finite[item] = False
                continue
            keys[:] = NOTHING
            nearest, block = LARGEST, 0
            for group in range(0, blocks, BLOCK):
                boxes(corners[0], corners[1], corners[2], corners[3], corners[4], corners[5], group, qx, qy, qz, bound)
                lowest = least(bound_bits, group)
                if lowest < nearest:
                    nearest, block = lowest, group + trailing_zeros(equal(bound_bits, group, lowest))
            limit = _visit(block, LARGEST, x, y, z, source, qx, qy, qz, keys, squared)
            for group in range(0, blocks, BLOCK):
                near = at_most(bound_bits, group, limit)
                while near:
                    other = group + trailing_zeros(near)
                    near &= near - np.uint64(1)
                    if other != block and bound_bits[other] <= limit:
                        limit = _visit(other, limit, x, y, z, source, qx, qy, qz, keys, squared)
            for slot in range(neighbours):
                squared_bits[cloud, query, slot] = keys[slot] >> 32
                index[cloud, query, slot] = keys[slot] & 0xFFFFFFFF


@njit
def _nearest_few_cpu(start, stop, packed, stride, lengths, packed_queries, parts, squared, index, finite):
    count, neighbours = index.shape[1], index.shape[2]
    padded = (stride + BLOCK - 1) // BLOCK * BLOCK
    points, queries = rows(3, padded), rows(3, BLOCK)
    x, y, z = points[0], points[1], points[2]
    qx, qy, qz = queries[0], queries[1], queries[2]
    best = rows(1, neighbours * BLOCK)[0]
    found = np.empty(neighbours * BLOCK, np.int32)
    unpacked, sound = -1, False
    for item in range(start, stop):
        cloud = item // parts
        if cloud != unpacked:
            sound = unpack(packed, cloud * stride * 3, lengths[cloud], x, y, z)
            unpacked = cloud
        finite[item] = sound
        part = item - cloud * parts
        last = count * (part + 1) // parts
        for first in range(count * part // parts, last, BLOCK):
            number = min(BLOCK, last - first)
            finite[item] &= unpack(packed_queries, (cloud * count + first) * 3, number, qx, qy, qz)
            for lane in range(0, number, LANES):
                if neighbours == 1:
                    keep_1(x, y, z, lengths[cloud], qx, qy, qz, lane, best, found)
                elif neighbours == 2:
                    keep_2(x, y, z, lengths[cloud], qx, qy, qz, lane, best, found)
                elif neighbours == 3:
                    keep_3(x, y, z, lengths[cloud], qx, qy, qz, lane, best, found)
                else:
                    keep_4(x, y, z, lengths[cloud], qx, qy, qz, lane, best, found)
            for query in range(number):
                for slot in range(neighbours):
                    squared[cloud, first + query, slot] = best[slot * BLOCK + query]
                    index[cloud, first + query, slot] = found[slot * BLOCK + query]


@torch.library.custom_op("pointvideo::nearest_neighbors", mutates_args=(), device_types="cpu")
def _operator(xyz: Tensor, queries: Tensor, neighbours: int, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    if specified():
        check_clouds(lengths, xyz, queries=queries)
        return nearest_neighbors_specification(xyz, queries, neighbours, lengths)
    clouds, count, _ = queries.shape
    squared = torch.empty(clouds, count, neighbours)
    index = torch.empty(clouds, count, neighbours, dtype=torch.int64)
    parts = parts_of(count, clouds, PART)
    finite = np.ones(clouds * parts, dtype=np.bool_)
    cloud = (xyz.contiguous().view(-1).numpy(), xyz.shape[1], lengths_array(lengths, xyz))
    results = (index.numpy(), finite)
    if is_few(xyz.shape[1], neighbours):
        packed = queries.contiguous().view(-1).numpy()
        work = 0.25 * clouds * count * xyz.shape[1]
        share(_nearest_few_cpu, clouds * parts, work, *cloud, packed, parts, squared.numpy(), *results)
    else:
        spatial = is_spatial(xyz.shape[1], count // parts)
        rows_of_queries, bits = queries.contiguous().numpy(), squared.numpy().view(np.int32)
        work = clouds * count * (250 + 50 * neighbours)
        share(_nearest_neighbors_cpu, clouds * parts, work, *cloud, rows_of_queries, parts, spatial, bits, *results)
    if not finite.all():
        check_clouds(lengths, xyz, queries=queries)
    return squared, index


@_operator.register_kernel("cuda")
def _operator_cuda(xyz: Tensor, queries: Tensor, neighbours: int, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    check_clouds(lengths, xyz, queries=queries)
    launch = launcher("nearest_neighbors", "nearest_neighbors")
    if launch is None:
        return nearest_neighbors_specification(xyz, queries, neighbours, lengths)
    return launch(xyz.contiguous(), queries.contiguous(), neighbours, None if lengths is None else lengths.contiguous())


@_operator.register_fake
def _operator_fake(xyz, queries, neighbours, lengths):
    shape = (queries.shape[0], queries.shape[1], neighbours)
    return xyz.new_empty(shape, dtype=torch.float32), xyz.new_empty(shape, dtype=torch.int64)


def nearest_neighbors(
    xyz: Float[Tensor, "clouds points 3"],
    queries: Float[Tensor, "clouds queries 3"],
    neighbours: int,
    *,
    lengths: Int[Tensor, "clouds"] | None = None,
) -> tuple[Float[Tensor, "clouds queries neighbours"], Int[Tensor, "clouds queries neighbours"]]:
    """The ``neighbours`` nearest points of each query, nearest first, the lower index first among equally near ones.

    Args:
        xyz: float32 clouds to search.
        queries: float32 positions, one set a cloud.
        neighbours: slots per query. Slots beyond the cloud's points hold distance infinity and index 0; so does a
            point so far that its squared distance overflows float32.
        lengths: int64, each cloud's number of points; those behind do not exist. None: all of them.

    Returns:
        Distances, float32, in the unit of the coordinates, and int64 indices. Neither is differentiable.

    Raises:
        ValueError: wrong shape, dtype, device or count, or coordinates that are not finite.

    Source: Qi et al. 2017, section 3.4; ties and missing neighbours as in the authors' CUDA extension.
    """
    check_cloud("xyz", xyz)
    check_cloud("queries", queries, like=xyz)
    check_count("neighbours", neighbours)
    check_some_points("xyz", xyz)
    check_lengths("lengths", lengths, xyz)
    squared, index = _operator(xyz.detach(), queries.detach(), neighbours, lengths)
    return squared.sqrt(), index
