"""Ball query on a GPU: a few anchors a program scan the cloud in index order until all of them are full."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from .launch import EXACT, device_of

ANCHORS = 4  # a program
POINTS = 128  # a step; with one warp the running count needs no shared memory
WARPS = 1


@triton.jit(do_not_specialize=["points", "count", "squared_radius", "neighbours"])
def first_hits(
    xyz,
    anchors,
    lengths,
    found,
    points,
    count,
    squared_radius,
    neighbours,
    LENGTHS: tl.constexpr,
    ANCHORS: tl.constexpr,
    POINTS: tl.constexpr,
    SLOTS: tl.constexpr,
):
    groups = tl.cdiv(count, ANCHORS)
    cloud = (tl.program_id(0) // groups).to(tl.int64)
    anchor = (tl.program_id(0) % groups) * ANCHORS + tl.arange(0, ANCHORS)
    exists = anchor < count
    centre = anchors + cloud * count * 3 + anchor * 3
    ax = tl.load(centre, mask=exists, other=0.0)[:, None]
    ay = tl.load(centre + 1, mask=exists, other=0.0)[:, None]
    az = tl.load(centre + 2, mask=exists, other=0.0)[:, None]
    length = points
    if LENGTHS:
        length = tl.load(lengths + cloud).to(tl.int32)
    source = xyz + cloud * points * 3
    rows = found + (cloud * count + anchor)[:, None] * neighbours
    hits = tl.where(exists, 0, neighbours)  # a missing anchor is full from the start
    first = tl.full((ANCHORS,), 2147483647, tl.int32)
    start = 0
    while (start < length) & (tl.min(hits, axis=0) < neighbours):
        point = start + tl.arange(0, POINTS)
        valid = point < length
        x = tl.load(source + point * 3, mask=valid, other=0.0)[None, :]
        y = tl.load(source + point * 3 + 1, mask=valid, other=0.0)[None, :]
        z = tl.load(source + point * 3 + 2, mask=valid, other=0.0)[None, :]
        dx = ax - x
        dy = ay - y
        dz = az - z
        inside = (dx * dx + dy * dy + dz * dz < squared_radius) & valid[None, :]
        rank = tl.cumsum(inside.to(tl.int32), axis=1)
        slot = hits[:, None] + rank - 1
        taken = tl.broadcast_to(point[None, :], (ANCHORS, POINTS)).to(tl.int64)
        tl.store(rows + slot, taken, mask=inside & (slot < neighbours))
        first = tl.minimum(first, tl.min(tl.where(inside, point[None, :], 2147483647), axis=1))
        hits += tl.max(rank, axis=1)
        start += POINTS
    pad = tl.where(hits > 0, first, 0).to(tl.int64)
    slots = tl.arange(0, SLOTS)
    for done in range(0, neighbours, SLOTS):
        slot = done + slots[None, :]
        empty = (slot >= hits[:, None]) & (slot < neighbours)
        tl.store(rows + slot, tl.broadcast_to(pad[:, None], (ANCHORS, SLOTS)), mask=empty)


def ball_query(xyz: Tensor, anchors: Tensor, squared_radius: float, neighbours: int, lengths: Tensor | None) -> Tensor:
    """The first ``neighbours`` points strictly inside each ball, int64 (clouds, anchors, neighbours).

    Args:
        xyz: float32 (clouds, points, 3).
        anchors: float32 (clouds, anchors, 3).
        squared_radius: a float that holds the float32 square of the float32 radius.
        neighbours: slots an anchor, padded with the first hit, or 0 where there is none.
        lengths: int64 (clouds,), valid points a cloud, or None for all.
    """
    clouds, count, _ = anchors.shape
    found = torch.empty(clouds, count, neighbours, dtype=torch.int64, device=xyz.device)
    if found.numel() == 0:
        return found
    with device_of(xyz):
        first_hits[(clouds * triton.cdiv(count, ANCHORS),)](
            xyz,
            anchors,
            lengths,
            found,
            xyz.shape[1],
            count,
            squared_radius,
            neighbours,
            LENGTHS=lengths is not None,
            ANCHORS=ANCHORS,
            POINTS=POINTS,
            SLOTS=32,
            num_warps=WARPS,
            **EXACT,
        )
    return found
