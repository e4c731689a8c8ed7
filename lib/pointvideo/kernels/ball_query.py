"""Ball query: the first neighbours, in index order, within a radius of each anchor.

Not the nearest: the cloud is scanned in index order and the first ``neighbours`` points strictly inside
the radius are taken (Qi et al., PointNet++, 2017). A ball with fewer hits is padded with its first hit; an
anchor without any hit gets point 0, however far.

On the CPU the hits among 64 points are one 64-bit mask, whose set bits are then taken from the lowest up.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .checks import check_cloud, check_count, check_length, check_lengths, check_some_points
from .clouds import check_clouds, cloud_by_cloud, lengths_array
from .cpu import njit, parts_of, share
from .dispatch import launcher, specified
from .vectors import BLOCK, rows, trailing_zeros, unpack, within

PART = 64  # anchors that make it worth while to unpack a cloud once more


def ball_query_specification(
    xyz: Tensor, anchors: Tensor, radius: float, neighbours: int, lengths: Tensor | None = None
) -> Tensor:
    """The specification, in plain torch; see :func:`ball_query`."""
    if lengths is not None:
        return cloud_by_cloud(
            lambda *cloud: (ball_query_specification(*cloud, radius, neighbours),), lengths, xyz, anchors
        )[0]
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


def squared(radius: float) -> np.float32:
    """The float32 square of the float32 radius."""
    with np.errstate(over="ignore", under="ignore"):
        return np.float32(radius) * np.float32(radius)


@njit
def _ball_query_cpu(start, stop, packed, stride, lengths, anchors, parts, squared_radius, found, finite):
    count, neighbours = anchors.shape[1], found.shape[2]
    padded = (stride + BLOCK - 1) // BLOCK * BLOCK
    axes = rows(3, padded)
    x, y, z = axes[0], axes[1], axes[2]
    unpacked = -1
    for item in range(start, stop):
        cloud = item // parts
        points = lengths[cloud]
        if cloud != unpacked:
            sound = unpack(packed, cloud * stride * 3, points, x, y, z)
            x[points : (points + BLOCK - 1) // BLOCK * BLOCK] = np.inf  # never within a radius
            unpacked = cloud
        finite[item] = sound
        part = item - cloud * parts
        for anchor in range(count * part // parts, count * (part + 1) // parts):
            ax, ay, az = anchors[cloud, anchor, 0], anchors[cloud, anchor, 1], anchors[cloud, anchor, 2]
            finite[item] &= np.isfinite(ax) and np.isfinite(ay) and np.isfinite(az)
            row = found[cloud, anchor]
            taken = 0
            for first in range(0, points, BLOCK):
                hits = within(x, y, z, first, ax, ay, az, squared_radius)
                while hits and taken < neighbours:
                    row[taken] = first + trailing_zeros(hits)
                    hits &= hits - np.uint64(1)
                    taken += 1
                if taken == neighbours:
                    break
            pad = row[0] if taken else np.int64(0)
            row[taken:] = pad


@torch.library.custom_op("pointvideo::ball_query", mutates_args=(), device_types="cpu")
def _operator(xyz: Tensor, anchors: Tensor, radius: float, neighbours: int, lengths: Tensor | None) -> Tensor:
    if specified():
        check_clouds(lengths, xyz, anchors=anchors)
        return ball_query_specification(xyz, anchors, radius, neighbours, lengths)
    clouds, count, _ = anchors.shape
    found = torch.empty(clouds, count, neighbours, dtype=torch.int64)
    parts = parts_of(count, clouds, PART)
    finite = np.ones(clouds * parts, dtype=np.bool_)
    share(
        _ball_query_cpu,
        clouds * parts,
        clouds * count * (0.06 * xyz.shape[1] + 3 * neighbours),
        xyz.contiguous().view(-1).numpy(),
        xyz.shape[1],
        lengths_array(lengths, xyz),
        anchors.contiguous().numpy(),
        parts,
        squared(radius),
        found.numpy(),
        finite,
    )
    if not finite.all():
        check_clouds(lengths, xyz, anchors=anchors)
    return found


@_operator.register_kernel("cuda")
def _operator_cuda(xyz: Tensor, anchors: Tensor, radius: float, neighbours: int, lengths: Tensor | None) -> Tensor:
    check_clouds(lengths, xyz, anchors=anchors)
    launch = launcher("ball_query", "ball_query")
    if launch is None:
        return ball_query_specification(xyz, anchors, radius, neighbours, lengths)
    sizes = None if lengths is None else lengths.contiguous()
    return launch(xyz.contiguous(), anchors.contiguous(), float(squared(radius)), neighbours, sizes)


@_operator.register_fake
def _operator_fake(xyz, anchors, radius, neighbours, lengths):
    return xyz.new_empty((anchors.shape[0], anchors.shape[1], neighbours), dtype=torch.int64)


def ball_query(
    xyz: Float[Tensor, "clouds points 3"],
    anchors: Float[Tensor, "clouds anchors 3"],
    radius: float,
    neighbours: int,
    *,
    lengths: Int[Tensor, "clouds"] | None = None,
) -> Int[Tensor, "clouds anchors neighbours"]:
    """Indices of the first ``neighbours`` points strictly within ``radius`` of each anchor, in index order.

    Args:
        xyz: float32 clouds to search.
        anchors: float32 centres, one set a cloud.
        radius: in the unit of the coordinates; compared as float32, squared in float32.
        neighbours: slots per anchor. Short balls repeat their first hit, empty balls hold index 0.
        lengths: int64, each cloud's number of points; those behind do not exist. None: all of them.

    Raises:
        ValueError: wrong shape, dtype, device, radius or count, or coordinates that are not finite.

    Source: Qi et al. 2017, section 3.3; scan order and padding as in the authors' CUDA extension.
    """
    check_cloud("xyz", xyz)
    check_cloud("anchors", anchors, like=xyz)
    check_length("radius", radius)
    check_count("neighbours", neighbours)
    check_some_points("xyz", xyz)
    check_lengths("lengths", lengths, xyz)
    return _operator(xyz.detach(), anchors.detach(), float(radius), neighbours, lengths)
