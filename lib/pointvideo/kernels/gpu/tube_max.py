"""Tube max on a GPU: one anchor a program, the maximum of every channel in registers; nothing else is written.

The anchor's neighbours pass one by one as scalars, so a thread spends three multiply-adds, a comparison and two
selects on each of its channels and the loads are shared by all of them. Neighbours that only pad a short ball are not
visited. The weight's gradient is summed in a fixed number of parts and so does not vary between runs; the one of the
points is summed atomically and may, in its last bits.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from .launch import device_of, warps

CHANNELS = 256  # a program of the forward pass, at most; with one warp it needs no shared memory
GATHERED = 256  # a program of the backward passes, at most
SLOTS = 64
UNROLLED = 4
REGISTERS = 128  # a thread; left to itself the assembler spills a few to fit more programs
PARTIALS = 256  # fixed: the order of summation does not depend on the card


@triton.jit(do_not_specialize=["frames", "points", "times", "count", "window", "neighbours", "channels"])
def running_max(
    xyz,
    anchors,
    index,
    frame,
    weight,
    output,
    argument,
    frames,
    points,
    times,
    count,
    window,
    neighbours,
    channels,
    CHANNELS: tl.constexpr,
    SLOTS: tl.constexpr,
    UNROLLED: tl.constexpr,
):
    tiles = tl.cdiv(channels, CHANNELS)
    channel = (tl.program_id(0) % tiles) * CHANNELS + tl.arange(0, CHANNELS)
    inside = channel < channels
    item = (tl.program_id(0) // tiles).to(tl.int64)
    batch = item // count // times
    time = item // count % times
    ax = tl.load(anchors + item * 3)
    ay = tl.load(anchors + item * 3 + 1)
    az = tl.load(anchors + item * 3 + 2)
    wx = tl.load(weight + channel * 4, mask=inside, other=0.0)
    wy = tl.load(weight + channel * 4 + 1, mask=inside, other=0.0)
    wz = tl.load(weight + channel * 4 + 2, mask=inside, other=0.0)
    wt = tl.load(weight + channel * 4 + 3, mask=inside, other=0.0)
    best = tl.full((CHANNELS,), float("-inf"), tl.float32)
    winner = tl.full((CHANNELS,), 0, tl.int32)
    slots = tl.arange(0, SLOTS)
    cloud = xyz + batch * frames * points * 3
    members = index + item * window * neighbours
    for step in range(window):
        source = tl.load(frame + time * window + step).to(tl.int32)
        present = source >= 0
        shelf = source * points  # within one clip, offsets fit 32 bits
        row = members + step * neighbours
        first = tl.load(row)
        last = 0
        for start in range(0, neighbours, SLOTS):
            slot = start + slots
            member = tl.load(row + slot, mask=slot < neighbours, other=first)
            last = tl.maximum(last, tl.max(tl.where(member == first, 0, slot)))
        last = tl.where(present, last, 0)  # the points of a missing frame are all the same
        shift = wt * (step - window // 2).to(tl.float32)
        for start in range(0, last + 1, UNROLLED):
            for part in tl.static_range(UNROLLED):
                slot = tl.minimum(start + part, last)
                place = cloud + (shelf + tl.load(row + slot).to(tl.int32)) * 3
                dx = tl.load(place, mask=present, other=0.0) - ax
                dy = tl.load(place + 1, mask=present, other=0.0) - ay
                dz = tl.load(place + 2, mask=present, other=0.0) - az
                value = shift + wx * dx + wy * dy + wz * dz
                better = value > best
                best = tl.where(better, value, best)
                winner = tl.where(better, step * neighbours + slot, winner)
    # weights that are not finite must not hide behind the comparisons
    best += (wx * 0.0 + wy * 0.0) + (wz * 0.0 + wt * 0.0)
    tl.store(output + item * channels + channel, best, mask=inside)
    tl.store(argument + item * channels + channel, winner.to(tl.int16), mask=inside)


@triton.jit(do_not_specialize=["items", "frames", "points", "times", "count", "window", "neighbours", "channels"])
def weight_gradient(
    xyz,
    anchors,
    index,
    frame,
    argument,
    gradient,
    partial,
    items,
    frames,
    points,
    times,
    count,
    window,
    neighbours,
    channels,
    PARTIALS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """``partial`` (PARTIALS, channels, 4): each program's sum over its run of anchors."""
    tiles = tl.cdiv(channels, CHANNELS)
    channel = (tl.program_id(0) % tiles) * CHANNELS + tl.arange(0, CHANNELS)
    inside = channel < channels
    part = (tl.program_id(0) // tiles).to(tl.int64)
    to_x = tl.zeros((CHANNELS,), tl.float32)
    to_y = tl.zeros((CHANNELS,), tl.float32)
    to_z = tl.zeros((CHANNELS,), tl.float32)
    to_t = tl.zeros((CHANNELS,), tl.float32)
    for item in range(items * part // PARTIALS, items * (part + 1) // PARTIALS):
        batch = item // count // times
        time = item // count % times
        slot = tl.load(argument + item * channels + channel, mask=inside, other=0).to(tl.int32)
        slope = tl.load(gradient + item * channels + channel, mask=inside, other=0.0)
        step = slot // neighbours
        source = tl.load(frame + time * window + step, mask=inside, other=-1)
        point = tl.load(index + item * window * neighbours + slot, mask=inside, other=0)
        place = xyz + ((batch * frames + source) * points + point) * 3
        to_x += slope * (tl.load(place, mask=source >= 0, other=0.0) - tl.load(anchors + item * 3))
        to_y += slope * (tl.load(place + 1, mask=source >= 0, other=0.0) - tl.load(anchors + item * 3 + 1))
        to_z += slope * (tl.load(place + 2, mask=source >= 0, other=0.0) - tl.load(anchors + item * 3 + 2))
        to_t += slope * (step - window // 2).to(tl.float32)
    target = partial + (part * channels + channel) * 4
    tl.store(target, to_x, mask=inside)
    tl.store(target + 1, to_y, mask=inside)
    tl.store(target + 2, to_z, mask=inside)
    tl.store(target + 3, to_t, mask=inside)


@triton.jit(do_not_specialize=["frames", "points", "times", "count", "window", "neighbours", "channels"])
def coordinate_gradient(
    index,
    frame,
    weight,
    argument,
    gradient,
    to_xyz,
    to_anchors,
    frames,
    points,
    times,
    count,
    window,
    neighbours,
    channels,
    CHANNELS: tl.constexpr,
):
    item = tl.program_id(0).to(tl.int64)
    batch = item // count // times
    time = item // count % times
    total_x = tl.zeros((CHANNELS,), tl.float32)
    total_y = tl.zeros((CHANNELS,), tl.float32)
    total_z = tl.zeros((CHANNELS,), tl.float32)
    for start in range(0, channels, CHANNELS):
        channel = start + tl.arange(0, CHANNELS)
        inside = channel < channels
        slot = tl.load(argument + item * channels + channel, mask=inside, other=0).to(tl.int32)
        slope = tl.load(gradient + item * channels + channel, mask=inside, other=0.0)
        source = tl.load(frame + time * window + slot // neighbours, mask=inside, other=-1)
        point = tl.load(index + item * window * neighbours + slot, mask=inside, other=0)
        share_x = slope * tl.load(weight + channel * 4, mask=inside, other=0.0)
        share_y = slope * tl.load(weight + channel * 4 + 1, mask=inside, other=0.0)
        share_z = slope * tl.load(weight + channel * 4 + 2, mask=inside, other=0.0)
        total_x += share_x
        total_y += share_y
        total_z += share_z
        place = to_xyz + ((batch * frames + source) * points + point) * 3
        tl.atomic_add(place, share_x, mask=source >= 0, sem="relaxed")
        tl.atomic_add(place + 1, share_y, mask=source >= 0, sem="relaxed")
        tl.atomic_add(place + 2, share_z, mask=source >= 0, sem="relaxed")
    tl.store(to_anchors + item * 3, -tl.sum(total_x))
    tl.store(to_anchors + item * 3 + 1, -tl.sum(total_y))
    tl.store(to_anchors + item * 3 + 2, -tl.sum(total_z))


def tube_max(xyz: Tensor, anchors: Tensor, index: Tensor, frame: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Largest response of each channel in each tube, float32, and the slot that attains it, int16.

    Args:
        xyz: float32 (batch, frames, points, 3).
        anchors: float32 (batch, times, anchors, 3).
        index: int64 (batch, times, anchors, window, neighbours).
        frame: int64 (times, window); -1 is a frame whose points all lie at the origin.
        weight: float32 (channels, 4).

    Returns:
        Both (batch, times, anchors, channels); a slot is window position · neighbours + neighbour.
    """
    _, frames, points, _ = xyz.shape
    batch, times, count, window, neighbours = index.shape
    channels = weight.shape[0]
    output = torch.empty(batch, times, count, channels, dtype=torch.float32, device=xyz.device)
    argument = torch.empty(batch, times, count, channels, dtype=torch.int16, device=xyz.device)
    if output.numel() == 0:
        return output, argument
    tile = min(CHANNELS, max(32, triton.next_power_of_2(channels)))
    size = {"CHANNELS": tile, "SLOTS": SLOTS, "UNROLLED": UNROLLED, "num_warps": warps(tile, 8), "maxnreg": REGISTERS}
    numbers = (frames, points, times, count, window, neighbours, channels)
    grid = (batch * times * count * triton.cdiv(channels, tile),)
    with device_of(xyz):
        running_max[grid](xyz, anchors, index, frame, weight, output, argument, *numbers, **size)
    return output, argument


def tube_max_backward(
    xyz: Tensor,
    anchors: Tensor,
    index: Tensor,
    frame: Tensor,
    weight: Tensor,
    argument: Tensor,
    gradient: Tensor,
    coordinates: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of :func:`tube_max` with respect to ``xyz``, ``anchors`` (zero unless ``coordinates``) and ``weight``.

    Args:
        argument: as :func:`tube_max` returned it.
        gradient: float32, as the output.
    """
    _, frames, points, _ = xyz.shape
    batch, times, count, window, neighbours = index.shape
    channels = weight.shape[0]
    to_xyz, to_anchors = torch.zeros_like(xyz), torch.zeros_like(anchors)
    if gradient.numel() == 0:
        return to_xyz, to_anchors, torch.zeros_like(weight)
    tile = min(GATHERED, max(32, triton.next_power_of_2(channels)))
    partial = torch.empty(PARTIALS, channels, 4, dtype=torch.float32, device=xyz.device)
    numbers = (frames, points, times, count, window, neighbours, channels)
    items = batch * times * count
    size = {"CHANNELS": tile, "num_warps": warps(tile, 4)}
    with device_of(xyz):
        weight_gradient[(PARTIALS * triton.cdiv(channels, tile),)](
            xyz, anchors, index, frame, argument, gradient, partial, items, *numbers, PARTIALS=PARTIALS, **size
        )
        if coordinates:
            coordinate_gradient[(items,)](
                index, frame, weight, argument, gradient, to_xyz, to_anchors, *numbers, **size
            )
    return to_xyz, to_anchors, partial.sum(dim=0)
