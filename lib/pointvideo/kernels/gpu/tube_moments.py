"""Sums of the displacements of all tubes and of their products on a GPU, in float64 and in a fixed order."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from .launch import device_of

PARTIALS = 1024  # fixed: the order of summation does not depend on the card
SLOTS = 128


@triton.jit(do_not_specialize=["items", "frames", "points", "times", "count", "window", "neighbours"])
def displacement_sums(
    xyz,
    anchors,
    index,
    frame,
    partial,
    items,
    frames,
    points,
    times,
    count,
    window,
    neighbours,
    PARTIALS: tl.constexpr,
    SLOTS: tl.constexpr,
):
    """``partial`` (PARTIALS, 14): each program's sums over its run of anchors."""
    part = tl.program_id(0).to(tl.int64)
    sx = tl.zeros((SLOTS,), tl.float64)
    sy = tl.zeros((SLOTS,), tl.float64)
    sz = tl.zeros((SLOTS,), tl.float64)
    st = tl.zeros((SLOTS,), tl.float64)
    xx = tl.zeros((SLOTS,), tl.float64)
    xy = tl.zeros((SLOTS,), tl.float64)
    xz = tl.zeros((SLOTS,), tl.float64)
    xt = tl.zeros((SLOTS,), tl.float64)
    yy = tl.zeros((SLOTS,), tl.float64)
    yz = tl.zeros((SLOTS,), tl.float64)
    yt = tl.zeros((SLOTS,), tl.float64)
    zz = tl.zeros((SLOTS,), tl.float64)
    zt = tl.zeros((SLOTS,), tl.float64)
    tt = tl.zeros((SLOTS,), tl.float64)
    for item in range(items * part // PARTIALS, items * (part + 1) // PARTIALS):
        batch = item // count // times
        time = item // count % times
        ax = tl.load(anchors + item * 3)
        ay = tl.load(anchors + item * 3 + 1)
        az = tl.load(anchors + item * 3 + 2)
        for start in range(0, window * neighbours, SLOTS):
            slot = start + tl.arange(0, SLOTS)
            inside = slot < window * neighbours
            step = slot // neighbours
            source = tl.load(frame + time * window + step, mask=inside, other=-1)
            point = tl.load(index + item * window * neighbours + slot, mask=inside, other=0)
            place = xyz + ((batch * frames + source) * points + point) * 3
            present = source >= 0
            # differences in float32, as everywhere; their sums and products in float64
            x = tl.where(inside, tl.load(place, mask=present, other=0.0) - ax, 0.0).to(tl.float64)
            y = tl.where(inside, tl.load(place + 1, mask=present, other=0.0) - ay, 0.0).to(tl.float64)
            z = tl.where(inside, tl.load(place + 2, mask=present, other=0.0) - az, 0.0).to(tl.float64)
            t = tl.where(inside, step - window // 2, 0).to(tl.float64)
            sx += x
            sy += y
            sz += z
            st += t
            xx += x * x
            xy += x * y
            xz += x * z
            xt += x * t
            yy += y * y
            yz += y * z
            yt += y * t
            zz += z * z
            zt += z * t
            tt += t * t
    row = partial + part * 14
    tl.store(row, tl.sum(sx))
    tl.store(row + 1, tl.sum(sy))
    tl.store(row + 2, tl.sum(sz))
    tl.store(row + 3, tl.sum(st))
    tl.store(row + 4, tl.sum(xx))
    tl.store(row + 5, tl.sum(xy))
    tl.store(row + 6, tl.sum(xz))
    tl.store(row + 7, tl.sum(xt))
    tl.store(row + 8, tl.sum(yy))
    tl.store(row + 9, tl.sum(yz))
    tl.store(row + 10, tl.sum(yt))
    tl.store(row + 11, tl.sum(zz))
    tl.store(row + 12, tl.sum(zt))
    tl.store(row + 13, tl.sum(tt))


def tube_moments(xyz: Tensor, anchors: Tensor, index: Tensor, frame: Tensor) -> Tensor:
    """Sums over all slots of all tubes, float64 (14,): the 4 displacement components, then their 10 products.

    Args:
        xyz, anchors, index, frame: as for the launcher of tube max.

    Returns:
        The products are the upper triangle of the 4 by 4 matrix, row by row.
    """
    _, frames, points, _ = xyz.shape
    batch, times, count, window, neighbours = index.shape
    if index.numel() == 0:
        return torch.zeros(14, dtype=torch.float64, device=xyz.device)
    partial = torch.empty(PARTIALS, 14, dtype=torch.float64, device=xyz.device)
    numbers = (batch * times * count, frames, points, times, count, window, neighbours)
    size = {"PARTIALS": PARTIALS, "SLOTS": SLOTS, "num_warps": SLOTS // 32}
    with device_of(xyz):
        displacement_sums[(PARTIALS,)](xyz, anchors, index, frame, partial, *numbers, **size)
    return partial.sum(dim=0)
