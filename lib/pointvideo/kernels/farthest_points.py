"""Farthest point sampling: a few points that cover a cloud.

Starting from point 0, take again and again the point that is farthest from all taken so far
(Qi et al., PointNet++, 2017). The papers' numbers rest on one CUDA implementation, so its habits are
part of the definition: points within ``sqrt(1e-3)`` of the origin are never taken (point 0 excepted), and
among equally far points the winner is the one that its reduction tree prefers: the point whose index
modulo T has the smallest bit-reversed value, then the smallest index, where T is the largest power of two
that is at most min(points, 512).

On the CPU a cloud is held in blocks of 64 points, each with the largest distance in it. Where it pays, the blocks are
spatial, and a block whose box is farther from the last choice than any of its points is from the chosen set is left as
it is: no distance in it can change.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .checks import check_cloud, check_count, check_lengths, check_some_points
from .clouds import check_clouds, cloud_by_cloud, lengths_array
from .cpu import njit, share
from .dispatch import launcher, specified
from .spatial import CELLS, bound_blocks, order_blocks, take
from .vectors import BLOCK, approach, below, boxes, equal, highest, most, rows, trailing_zeros, unpack

NEAR_ORIGIN = 1e-3  # squared distance, as the CUDA code compares it (in double)
NEAR = np.nextafter(np.float32(NEAR_ORIGIN), np.float32(0))  # the largest float32 that is at most NEAR_ORIGIN
START = np.float32(np.inf)  # the running distances' first value; the authors' 1e10 makes far points tie
REVERSED = np.array([int(f"{thread:09b}"[::-1], 2) for thread in range(512)])
SPATIAL_POINTS, SPATIAL_SAMPLES = 1024, 64


@lru_cache(maxsize=64)
def tie_order(points: int) -> np.ndarray:
    """Point indices in the order in which ties are won."""
    threads = 1
    while threads * 2 <= min(points, 512):
        threads *= 2
    bits = threads.bit_length() - 1
    thread = np.arange(points) % threads
    reverse = np.zeros(points, dtype=np.int64)
    for bit in range(bits):
        reverse |= ((thread >> bit) & 1) << (bits - 1 - bit)
    order = np.lexsort((np.arange(points), reverse)).astype(np.int64)
    order.setflags(write=False)
    return order


def tie_orders(lengths: Tensor | None, xyz: Tensor) -> tuple[Tensor, Tensor]:
    """One row of ``tie_order`` for each different length, and each cloud's row."""
    clouds, points, _ = xyz.shape
    if lengths is None:
        return _tie_order_on(points, xyz.device), torch.zeros(clouds, dtype=torch.int64, device=xyz.device)
    different, which = torch.unique(lengths, return_inverse=True)
    orders = torch.zeros(len(different), points, dtype=torch.int64)
    for row, length in enumerate(different.tolist()):
        orders[row, :length] = torch.from_numpy(tie_order(length).copy())
    return orders.to(xyz.device), which


@lru_cache(maxsize=64)
def _tie_order_on(points: int, device: torch.device) -> Tensor:
    """``tie_order`` as one row on a device, kept there: taking it over is a wait. Read only."""
    return torch.from_numpy(tie_order(points).copy())[None].to(device)


def farthest_points_specification(
    xyz: Tensor, samples: int, skip_near_origin: bool = True, lengths: Tensor | None = None
) -> Tensor:
    """The specification, in plain torch; see :func:`sample_farthest_points`."""
    if lengths is not None:
        return cloud_by_cloud(
            lambda cloud: (farthest_points_specification(cloud, samples, skip_near_origin),), lengths, xyz
        )[0]
    clouds, points, _ = xyz.shape
    order = torch.from_numpy(tie_order(points).copy()).to(xyz.device)
    ordered = xyz[:, order]
    distance = torch.full((clouds, points), torch.inf, dtype=xyz.dtype, device=xyz.device)
    if skip_near_origin:
        x, y, z = ordered.unbind(-1)
        near = (x * x + y * y + z * z).double() <= NEAR_ORIGIN
        distance = distance.masked_fill(near, -1.0)
    chosen = torch.zeros(clouds, samples, dtype=torch.int64, device=xyz.device)
    last = xyz[:, 0]
    for sample in range(1, samples):
        dx, dy, dz = (ordered - last[:, None]).unbind(-1)
        distance = torch.minimum(distance, dx * dx + dy * dy + dz * dz)
        # torch.argmax promises no order among ties, so the first maximum is found explicitly
        farthest = distance.max(dim=1, keepdim=True).values
        first = (distance == farthest).to(torch.uint8).argmax(dim=1)
        index = torch.where(farthest[:, 0] < 0, torch.zeros_like(first), order[first])
        chosen[:, sample] = index
        last = xyz.gather(1, index[:, None, None].expand(-1, 1, 3))[:, 0]
    return chosen


def is_spatial(points: int, samples: int) -> bool:
    """Whether ordering a cloud into spatial blocks costs less than it saves."""
    return points >= SPATIAL_POINTS and samples >= SPATIAL_SAMPLES


@njit
def _first_of_equals(maxima, distance, source, groups, largest, points):
    """The point that wins the tie among those whose distance, as bits, is ``largest``."""
    threads = 512
    while threads > points:
        threads //= 2
    best = np.int64(9223372036854775807)
    for group in range(0, groups, BLOCK):
        blocks = equal(maxima, group, largest)
        while blocks:
            first = (group + trailing_zeros(blocks)) * BLOCK
            blocks &= blocks - np.uint64(1)
            slots = equal(distance, first, largest)
            while slots:
                point = np.int64(source[first + trailing_zeros(slots)])
                slots &= slots - np.uint64(1)
                best = min(best, (REVERSED[point & (threads - 1)] << 32) | point)
    return best & 0xFFFFFFFF


@njit
def _farthest_points_cpu(start, stop, packed, stride, lengths, skip_near_origin, spatial, chosen, finite):
    padded = (stride + BLOCK - 1) // BLOCK * BLOCK
    groups = (padded // BLOCK + BLOCK - 1) // BLOCK * BLOCK  # blocks, in whole groups of 64
    given = rows(3, padded)
    x, y, z = given[0], given[1], given[2]
    ordered = rows(3, padded if spatial else 0)
    source = np.arange(padded).astype(np.uint32)
    cell = np.empty(padded, np.uint32)
    begin = np.empty(CELLS + 1, np.uint32)
    distance = rows(1, padded)[0]
    maxima = rows(1, groups)[0]
    bound = rows(1, groups)[0]
    corners = rows(6, groups)
    bits, maxima_bits = distance.view(np.int32), maxima.view(np.int32)
    for cloud in range(start, stop):
        points = lengths[cloud]
        finite[cloud] = unpack(packed, cloud * stride * 3, points, given[0], given[1], given[2])
        if not finite[cloud]:
            continue
        blocks = (points + BLOCK - 1) // BLOCK
        if spatial:
            order_blocks(given[0], given[1], given[2], points, cell, begin, source)
            x, y, z = ordered[0], ordered[1], ordered[2]
            take(given, source, points, ordered)
            bound_blocks(x, y, z, points, corners)
        for slot in range(points):
            near = skip_near_origin and x[slot] * x[slot] + y[slot] * y[slot] + z[slot] * z[slot] <= NEAR
            distance[slot] = np.float32(-1.0) if near else START
        distance[points : blocks * BLOCK] = np.float32(-1.0)  # padding is never the farthest
        maxima[blocks:] = np.float32(-1.0)
        for block in range(blocks):
            maxima[block] = highest(distance, block * BLOCK)
        last = np.int64(0)
        chosen[cloud, 0] = last
        for sample in range(1, chosen.shape[1]):
            ax, ay, az = given[0, last], given[1, last], given[2, last]
            largest = np.int32(-2147483648)
            winner, tied = 0, spatial
            if spatial:
                for group in range(0, blocks, BLOCK):
                    boxes(
                        corners[0], corners[1], corners[2], corners[3], corners[4], corners[5],
                        group, ax, ay, az, bound,
                    )  # fmt: skip
                    nearer = below(bound, maxima, group)
                    while nearer:
                        block = group + trailing_zeros(nearer)
                        nearer &= nearer - np.uint64(1)
                        maxima_bits[block] = approach(x, y, z, bits, block * BLOCK, ax, ay, az)
                    largest = max(largest, most(maxima_bits, group))
            else:
                for block in range(blocks):
                    reach = approach(x, y, z, bits, block * BLOCK, ax, ay, az)
                    maxima_bits[block] = reach
                    tied = reach == largest or (tied and reach < largest)
                    winner = block if reach > largest else winner
                    largest = max(largest, reach)
            last = np.int64(0)
            slots = np.uint64(0) if tied else equal(bits, winner * BLOCK, largest)
            if largest > 0 and slots and slots & (slots - np.uint64(1)) == 0:  # one point alone is the farthest
                last = np.int64(winner * BLOCK + trailing_zeros(slots))
            elif largest >= 0:
                last = _first_of_equals(maxima_bits, bits, source, blocks, largest, points)
            chosen[cloud, sample] = last
            if largest <= 0:  # nothing is left to choose: the same index from here on
                chosen[cloud, sample:] = last
                break


@torch.library.custom_op("pointvideo::sample_farthest_points", mutates_args=(), device_types="cpu")
def _operator(xyz: Tensor, samples: int, skip_near_origin: bool, lengths: Tensor | None) -> Tensor:
    if specified():
        check_clouds(lengths, xyz)
        return farthest_points_specification(xyz, samples, skip_near_origin, lengths)
    clouds, points, _ = xyz.shape
    chosen = torch.empty(clouds, samples, dtype=torch.int64)
    finite = np.ones(clouds, dtype=np.bool_)
    share(
        _farthest_points_cpu,
        clouds,
        clouds * points * (0.7 + 0.12 * samples),
        xyz.contiguous().view(-1).numpy(),
        points,
        lengths_array(lengths, xyz),
        skip_near_origin,
        is_spatial(points, samples),
        chosen.numpy(),
        finite,
    )
    if not finite.all():
        check_clouds(lengths, xyz)
    return chosen


@_operator.register_kernel("cuda")
def _operator_cuda(xyz: Tensor, samples: int, skip_near_origin: bool, lengths: Tensor | None) -> Tensor:
    check_clouds(lengths, xyz)
    launch = launcher("farthest_points", "farthest_points")
    if launch is None:
        return farthest_points_specification(xyz, samples, skip_near_origin, lengths)
    sizes = torch.full(xyz.shape[:1], xyz.shape[1], device=xyz.device) if lengths is None else lengths.contiguous()
    return launch(xyz.contiguous(), samples, skip_near_origin, *tie_orders(lengths, xyz), sizes)


@_operator.register_fake
def _operator_fake(xyz, samples, skip_near_origin, lengths):
    return xyz.new_empty((xyz.shape[0], samples), dtype=torch.int64)


def sample_farthest_points(
    xyz: Float[Tensor, "clouds points 3"],
    samples: int,
    *,
    skip_near_origin: bool = True,
    lengths: Int[Tensor, "clouds"] | None = None,
) -> Int[Tensor, "clouds samples"]:
    """Indices of ``samples`` points of each cloud by farthest point sampling, in the order of choice.

    Args:
        xyz: float32 coordinates, any unit.
        samples: points to choose, at least 1; may exceed the number of points.
        skip_near_origin: never take points whose squared distance to the origin is at most 1e-3 (point 0
            is always taken), as the authors' CUDA extension does. It matters for centred clouds.
        lengths: int64, each cloud's number of points; those behind do not exist. None: all of them.

    Returns:
        int64 indices. When a cloud has fewer distinct eligible points than samples, indices repeat: the eligible
        point that wins ties, or point 0 where none is eligible.

    Raises:
        ValueError: wrong shape, dtype, device or count, or coordinates that are not finite.

    Source: Qi et al. 2017, section 3.2; tie and origin rules after the sampler that P4Transformer,
    PSTNet, PPTr and C2P share.
    """
    check_cloud("xyz", xyz)
    check_some_points("xyz", xyz)
    check_count("samples", samples)
    check_lengths("lengths", lengths, xyz)
    return _operator(xyz.detach(), samples, skip_near_origin, lengths)
