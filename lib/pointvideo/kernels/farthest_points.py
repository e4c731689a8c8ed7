"""Farthest point sampling: a few points that cover a cloud.

Starting from point 0, take again and again the point that is farthest from all taken so far
(Qi et al., PointNet++, 2017). The papers' numbers rest on one CUDA implementation, so its habits are
part of the definition: points within ``sqrt(1e-3)`` of the origin are never taken (point 0 excepted), and
among equally far points the winner is the one that its reduction tree prefers: the point whose index
modulo T has the smallest bit-reversed value, then the smallest index, where T is the largest power of two
that is at most min(points, 512).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .checks import check_cloud, check_count
from .cpu import njit, parallel_for

NEAR_ORIGIN = 1e-3  # squared distance, as the CUDA code compares it (in double)
BLOCK = 256


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


def farthest_points_specification(xyz: Tensor, samples: int, skip_near_origin: bool = True) -> Tensor:
    """The specification, in plain torch; see :func:`sample_farthest_points`."""
    clouds, points, _ = xyz.shape
    order = torch.from_numpy(tie_order(points).copy()).to(xyz.device)
    ordered = xyz[:, order]
    distance = torch.full((clouds, points), 1e10, dtype=xyz.dtype, device=xyz.device)
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


@njit
def _farthest_points_cpu(start, stop, xyz, order, skip_near_origin, chosen):
    points = xyz.shape[1]
    samples = chosen.shape[1]
    blocks = (points + BLOCK - 1) // BLOCK
    padded = blocks * BLOCK
    x = np.zeros(padded, np.float32)
    y = np.zeros(padded, np.float32)
    z = np.zeros(padded, np.float32)
    distance = np.empty(padded, np.float32)
    bits = distance.view(np.int32)  # non-negative floats order like their bit patterns; integer max vectorises
    for cloud in range(start, stop):
        for slot in range(padded):
            distance[slot] = np.float32(-1.0)
        for slot in range(points):
            point = order[slot]
            px, py, pz = xyz[cloud, point, 0], xyz[cloud, point, 1], xyz[cloud, point, 2]
            x[slot], y[slot], z[slot] = px, py, pz
            if not (skip_near_origin and np.float64(px * px + py * py + pz * pz) <= NEAR_ORIGIN):
                distance[slot] = np.float32(1e10)
        chosen[cloud, 0] = 0
        lx, ly, lz = xyz[cloud, 0, 0], xyz[cloud, 0, 1], xyz[cloud, 0, 2]
        for sample in range(1, samples):
            farthest = np.int32(-2147483648)
            winner = 0
            for block in range(blocks):
                first = block * BLOCK
                block_x = x[first : first + BLOCK]
                block_y = y[first : first + BLOCK]
                block_z = z[first : first + BLOCK]
                block_distance = distance[first : first + BLOCK]
                block_bits = bits[first : first + BLOCK]
                best = np.int32(-2147483648)
                for slot in range(BLOCK):
                    dx = block_x[slot] - lx
                    dy = block_y[slot] - ly
                    dz = block_z[slot] - lz
                    squared = dx * dx + dy * dy + dz * dz
                    old = block_distance[slot]
                    new = squared if squared < old else old
                    block_distance[slot] = new
                for slot in range(BLOCK):
                    best = max(best, block_bits[slot])
                if best > farthest:
                    farthest = best
                    winner = block
            if farthest < 0:
                index = np.int64(0)
            else:
                slot = winner * BLOCK
                while bits[slot] != farthest:
                    slot += 1
                index = order[slot]
            chosen[cloud, sample] = index
            lx, ly, lz = xyz[cloud, index, 0], xyz[cloud, index, 1], xyz[cloud, index, 2]


@torch.library.custom_op("pointvideo::sample_farthest_points", mutates_args=(), device_types="cpu")
def _operator(xyz: Tensor, samples: int, skip_near_origin: bool) -> Tensor:
    clouds, points, _ = xyz.shape
    chosen = torch.empty(clouds, samples, dtype=torch.int64)
    parallel_for(
        _farthest_points_cpu,
        clouds,
        xyz.contiguous().numpy(),
        tie_order(points),
        skip_near_origin,
        chosen.numpy(),
    )
    return chosen


@_operator.register_kernel("cuda")
def _operator_cuda(xyz: Tensor, samples: int, skip_near_origin: bool) -> Tensor:
    return farthest_points_specification(xyz, samples, skip_near_origin)


@_operator.register_fake
def _operator_fake(xyz, samples, skip_near_origin):
    return xyz.new_empty((xyz.shape[0], samples), dtype=torch.int64)


def sample_farthest_points(
    xyz: Float[Tensor, "clouds points 3"], samples: int, *, skip_near_origin: bool = True
) -> Int[Tensor, "clouds samples"]:
    """Indices of ``samples`` points of each cloud by farthest point sampling, in the order of choice.

    Args:
        xyz: float32 coordinates, any unit.
        samples: points to choose, 1 to the number of points.
        skip_near_origin: never take points whose squared distance to the origin is at most 1e-3 (point 0
            is always taken), as the authors' CUDA extension does. It matters for centred clouds.

    Returns:
        int64 indices. When a cloud has fewer distinct eligible points than samples, indices repeat.

    Raises:
        ValueError: wrong shape, dtype or count, or coordinates that are not finite.

    Source: Qi et al. 2017, section 3.2; tie and origin rules after the sampler that P4Transformer,
    PSTNet, PPTr and C2P share.
    """
    check_cloud("xyz", xyz)
    check_count("samples", samples, xyz.shape[1], " (the number of points)")
    return _operator(xyz.detach(), samples, skip_near_origin)
