"""Ball query: the first neighbours, in index order, within a radius of each anchor.

Not the nearest: the cloud is scanned in index order and the first ``neighbours`` points strictly inside
the radius are taken (Qi et al., PointNet++, 2017). A ball with fewer hits is padded with its first hit; an
anchor without any hit gets point 0, however far.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .checks import check_cloud, check_count, check_length
from .cpu import njit, parallel_for

BLOCK = 64


def ball_query_specification(xyz: Tensor, anchors: Tensor, radius: float, neighbours: int) -> Tensor:
    """The specification, in plain torch; see :func:`ball_query`."""
    points = xyz.shape[1]
    squared_radius = torch.tensor(radius, dtype=xyz.dtype, device=xyz.device).square()
    # differences, not the matrix product form of cdist: that one loses the last bits and flips neighbours
    dx, dy, dz = (anchors[:, :, None] - xyz[:, None]).unbind(-1)
    inside = dx * dx + dy * dy + dz * dz < squared_radius
    position = torch.arange(points, device=xyz.device).expand_as(inside)
    ranked = position.masked_fill(~inside, points).sort(dim=-1).values[..., :neighbours]
    if ranked.shape[-1] < neighbours:
        ranked = torch.nn.functional.pad(ranked, (0, neighbours - ranked.shape[-1]), value=points)
    first = ranked[..., :1].masked_fill(ranked[..., :1] == points, 0)
    return torch.where(ranked == points, first, ranked)


@njit
def _ball_query_cpu(start, stop, xyz, anchors, squared_radius, found):
    points = xyz.shape[1]
    neighbours = found.shape[2]
    padded = (points + BLOCK - 1) // BLOCK * BLOCK
    x = np.empty(padded, np.float32)
    y = np.empty(padded, np.float32)
    z = np.empty(padded, np.float32)
    hit = np.empty(BLOCK, np.int32)
    for cloud in range(start, stop):
        for point in range(points):
            x[point], y[point], z[point] = xyz[cloud, point, 0], xyz[cloud, point, 1], xyz[cloud, point, 2]
        for point in range(points, padded):
            x[point] = y[point] = z[point] = np.float32(np.inf)
        for anchor in range(anchors.shape[1]):
            ax, ay, az = anchors[cloud, anchor, 0], anchors[cloud, anchor, 1], anchors[cloud, anchor, 2]
            count = 0
            for first in range(0, padded, BLOCK):
                block_x = x[first : first + BLOCK]
                block_y = y[first : first + BLOCK]
                block_z = z[first : first + BLOCK]
                hits = np.int32(0)
                for slot in range(BLOCK):
                    dx = ax - block_x[slot]
                    dy = ay - block_y[slot]
                    dz = az - block_z[slot]
                    inside = np.int32(dx * dx + dy * dy + dz * dz < squared_radius)
                    hit[slot] = inside
                    hits += inside
                if hits:
                    for slot in range(BLOCK):
                        if hit[slot]:
                            found[cloud, anchor, count] = first + slot
                            count += 1
                            if count == neighbours:
                                break
                    if count == neighbours:
                        break
            pad = found[cloud, anchor, 0] if count else np.int64(0)
            for slot in range(count, neighbours):
                found[cloud, anchor, slot] = pad


@torch.library.custom_op("pointvideo::ball_query", mutates_args=(), device_types="cpu")
def _operator(xyz: Tensor, anchors: Tensor, radius: float, neighbours: int) -> Tensor:
    clouds, count, _ = anchors.shape
    found = torch.empty(clouds, count, neighbours, dtype=torch.int64)
    squared_radius = np.float32(radius) * np.float32(radius)
    parallel_for(
        _ball_query_cpu,
        clouds,
        xyz.contiguous().numpy(),
        anchors.contiguous().numpy(),
        squared_radius,
        found.numpy(),
    )
    return found


@_operator.register_kernel("cuda")
def _operator_cuda(xyz: Tensor, anchors: Tensor, radius: float, neighbours: int) -> Tensor:
    return ball_query_specification(xyz, anchors, radius, neighbours)


@_operator.register_fake
def _operator_fake(xyz, anchors, radius, neighbours):
    return xyz.new_empty((anchors.shape[0], anchors.shape[1], neighbours), dtype=torch.int64)


def ball_query(
    xyz: Float[Tensor, "clouds points 3"], anchors: Float[Tensor, "clouds anchors 3"], radius: float, neighbours: int
) -> Int[Tensor, "clouds anchors neighbours"]:
    """Indices of the first ``neighbours`` points strictly within ``radius`` of each anchor, in index order.

    Args:
        xyz: float32 clouds to search.
        anchors: float32 centres, one set a cloud.
        radius: in the unit of the coordinates; compared as float32, squared in float32.
        neighbours: slots per anchor. Short balls repeat their first hit, empty balls hold index 0.

    Raises:
        ValueError: wrong shape, dtype, device, radius or count, or coordinates that are not finite.

    Source: Qi et al. 2017, section 3.3; scan order and padding as in the authors' CUDA extension.
    """
    check_cloud("xyz", xyz)
    check_cloud("anchors", anchors, like=xyz)
    check_length("radius", radius)
    check_count("neighbours", neighbours)
    if xyz.shape[1] == 0:
        raise ValueError("xyz: got clouds of 0 points, expected at least 1")
    return _operator(xyz.detach(), anchors.detach(), float(radius), neighbours)
