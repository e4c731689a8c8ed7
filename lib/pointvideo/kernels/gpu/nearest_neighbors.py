"""Nearest neighbours on a GPU: by insertion for a few, by merging sorted runs for many.

Up to FEW neighbours, every thread owns a query and keeps its best in registers while the points pass by; strict
comparisons in index order let the lower index win a tie. Beyond that, squared distance and index become one integer
(non-negative floats order like their bit patterns), points come in runs as long as the result, and a run is merged
only when one of its keys beats the worst one kept.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from .launch import EXACT, device_of

FEW = 4
QUERIES = 128  # a program of the insertion kernel
UNROLLED = 4
KEYS = 256  # sorted at a time by one warp


@triton.jit
def insert(value, index, d0, i0, d1, i1, d2, i2, d3, i3, NEIGHBOURS: tl.constexpr):
    """Slip (value, index) into the ascending list of NEIGHBOURS slots, behind its equals."""
    if NEIGHBOURS > 3:
        beats, above = value < d3, value < d2
        i3 = tl.where(above, i2, tl.where(beats, index, i3))
        d3 = tl.where(above, d2, tl.where(beats, value, d3))
    if NEIGHBOURS > 2:
        beats, above = value < d2, value < d1
        i2 = tl.where(above, i1, tl.where(beats, index, i2))
        d2 = tl.where(above, d1, tl.where(beats, value, d2))
    if NEIGHBOURS > 1:
        beats, above = value < d1, value < d0
        i1 = tl.where(above, i0, tl.where(beats, index, i1))
        d1 = tl.where(above, d0, tl.where(beats, value, d1))
    beats = value < d0
    i0 = tl.where(beats, index, i0)
    d0 = tl.where(beats, value, d0)
    return d0, i0, d1, i1, d2, i2, d3, i3


@triton.jit(do_not_specialize=["points", "count"])
def nearest_few(
    xyz,
    queries,
    lengths,
    squared,
    index,
    points,
    count,
    LENGTHS: tl.constexpr,
    NEIGHBOURS: tl.constexpr,
    QUERIES: tl.constexpr,
    UNROLLED: tl.constexpr,
):
    groups = tl.cdiv(count, QUERIES)
    cloud = (tl.program_id(0) // groups).to(tl.int64)
    query = (tl.program_id(0) % groups) * QUERIES + tl.arange(0, QUERIES)
    exists = query < count
    place = queries + cloud * count * 3 + query * 3
    qx = tl.load(place, mask=exists, other=0.0)
    qy = tl.load(place + 1, mask=exists, other=0.0)
    qz = tl.load(place + 2, mask=exists, other=0.0)
    length = points
    if LENGTHS:
        length = tl.load(lengths + cloud).to(tl.int32)
    source = xyz + cloud * points * 3
    d0 = tl.full((QUERIES,), float("inf"), tl.float32)
    i0 = tl.full((QUERIES,), 0, tl.int32)
    d1, i1, d2, i2, d3, i3 = d0, i0, d0, i0, d0, i0
    for start in range(0, length, UNROLLED):
        for step in tl.static_range(UNROLLED):
            point = start + step
            valid = point < length
            # beyond the cloud: infinitely far, so never strictly nearer
            dx = qx - tl.load(source + point * 3, mask=valid, other=float("inf"))
            dy = qy - tl.load(source + point * 3 + 1, mask=valid, other=float("inf"))
            dz = qz - tl.load(source + point * 3 + 2, mask=valid, other=float("inf"))
            value = dx * dx + dy * dy + dz * dz
            d0, i0, d1, i1, d2, i2, d3, i3 = insert(value, point, d0, i0, d1, i1, d2, i2, d3, i3, NEIGHBOURS)
    target = (cloud * count + query) * NEIGHBOURS
    tl.store(squared + target, d0, mask=exists)
    tl.store(index + target, i0.to(tl.int64), mask=exists)
    if NEIGHBOURS > 1:
        tl.store(squared + target + 1, d1, mask=exists)
        tl.store(index + target + 1, i1.to(tl.int64), mask=exists)
    if NEIGHBOURS > 2:
        tl.store(squared + target + 2, d2, mask=exists)
        tl.store(index + target + 2, i2.to(tl.int64), mask=exists)
    if NEIGHBOURS > 3:
        tl.store(squared + target + 3, d3, mask=exists)
        tl.store(index + target + 3, i3.to(tl.int64), mask=exists)


EMPTY = tl.constexpr(0x7F800000 << 32)  # infinitely far, index 0


@triton.jit(do_not_specialize=["points", "count", "neighbours"])
def nearest_many(
    xyz,
    queries,
    lengths,
    squared,
    index,
    points,
    count,
    neighbours,
    LENGTHS: tl.constexpr,
    QUERIES: tl.constexpr,
    RUN: tl.constexpr,
):
    groups = tl.cdiv(count, QUERIES)
    cloud = (tl.program_id(0) // groups).to(tl.int64)
    query = (tl.program_id(0) % groups) * QUERIES + tl.arange(0, QUERIES)
    exists = query < count
    place = queries + cloud * count * 3 + query * 3
    qx = tl.load(place, mask=exists, other=0.0)[:, None]
    qy = tl.load(place + 1, mask=exists, other=0.0)[:, None]
    qz = tl.load(place + 2, mask=exists, other=0.0)[:, None]
    length = points
    if LENGTHS:
        length = tl.load(lengths + cloud).to(tl.int32)
    source = xyz + cloud * points * 3
    best = tl.full((QUERIES, RUN), EMPTY, tl.int64)
    worst = tl.full((QUERIES,), EMPTY, tl.int64)
    slots = tl.arange(0, RUN)
    for start in range(0, length, RUN):
        point = start + slots
        valid = point < length
        dx = qx - tl.load(source + point * 3, mask=valid, other=0.0)[None, :]
        dy = qy - tl.load(source + point * 3 + 1, mask=valid, other=0.0)[None, :]
        dz = qz - tl.load(source + point * 3 + 2, mask=valid, other=0.0)[None, :]
        bits = (dx * dx + dy * dy + dz * dz).to(tl.int32, bitcast=True).to(tl.int64)
        keys = (bits << 32) | point.to(tl.int64)[None, :]
        keys = tl.where(valid[None, :], keys, EMPTY)
        if tl.max((keys < worst[:, None]).to(tl.int32)) > 0:
            # of two ascending lists, one turned round, the smaller ones form a bitonic sequence
            best = tl.bitonic_merge(tl.minimum(best, tl.sort(keys, descending=True)))
            worst = tl.max(best, axis=1)
    slot = slots[None, :]
    target = (cloud * count + query)[:, None] * neighbours + slot
    inside = exists[:, None] & (slot < neighbours)
    bits = (best >> 32).to(tl.int32)
    tl.store(squared + target, bits.to(tl.float32, bitcast=True), mask=inside)
    tl.store(index + target, best & 0xFFFFFFFF, mask=inside)


def nearest_neighbors(xyz: Tensor, queries: Tensor, neighbours: int, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    """The nearest points of each query, ascending by (squared distance, index).

    Args:
        xyz: float32 (clouds, points, 3).
        queries: float32 (clouds, queries, 3).
        neighbours: slots a query; those beyond the cloud's points hold infinity and index 0.
        lengths: int64 (clouds,), valid points a cloud, or None for all.

    Returns:
        Squared distances, float32, and indices, int64, both (clouds, queries, neighbours).
    """
    clouds, count, _ = queries.shape
    points = xyz.shape[1]
    squared = torch.empty(clouds, count, neighbours, dtype=torch.float32, device=xyz.device)
    index = torch.empty(clouds, count, neighbours, dtype=torch.int64, device=xyz.device)
    if index.numel() == 0:
        return squared, index
    tensors = (xyz, queries, lengths, squared, index, points, count)
    with device_of(xyz):
        if neighbours <= FEW:
            size = {"NEIGHBOURS": neighbours, "QUERIES": QUERIES, "UNROLLED": UNROLLED, "num_warps": QUERIES // 32}
            grid = (clouds * triton.cdiv(count, QUERIES),)
            nearest_few[grid](*tensors, LENGTHS=lengths is not None, **size, **EXACT)
        else:
            run = max(16, triton.next_power_of_2(neighbours))
            together = max(1, KEYS // run)
            size = {"QUERIES": together, "RUN": run, "num_warps": 1 if run <= KEYS else 4}
            grid = (clouds * triton.cdiv(count, together),)
            nearest_many[grid](*tensors, neighbours, LENGTHS=lengths is not None, **size, **EXACT)
    return squared, index
