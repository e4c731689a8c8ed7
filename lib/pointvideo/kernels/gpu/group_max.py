"""Group max on a GPU: the channel-wise maximum runs while each group's rows pass by; backward by atomic sums."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from .launch import device_of, warps

CHANNELS = 256  # a program, at most
UNROLLED = 4
SCATTERED = 1024


@triton.jit(do_not_specialize=["points", "neighbours", "groups", "channels"])
def gather_max(
    features,
    index,
    output,
    argument,
    points,
    neighbours,
    groups,
    channels,
    CHANNELS: tl.constexpr,
    UNROLLED: tl.constexpr,
    COMPARED: tl.constexpr,
):
    tiles = tl.cdiv(channels, CHANNELS)
    channel = (tl.program_id(0) % tiles) * CHANNELS + tl.arange(0, CHANNELS)
    row = (tl.program_id(0) // tiles).to(tl.int64)
    inside = channel < channels
    members = index + row * neighbours
    source = features + row // groups * points * channels + channel
    first = tl.load(members)
    best = tl.load(source + first * channels, mask=inside, other=0.0).to(COMPARED)
    winner = tl.full((CHANNELS,), 0, tl.int32) + first.to(tl.int32)
    for start in range(1, neighbours, UNROLLED):
        for step in tl.static_range(UNROLLED):
            # past the end the first member comes again, which cannot win
            point = tl.load(members + start + step, mask=start + step < neighbours, other=first)
            value = tl.load(source + point * channels, mask=inside, other=0.0).to(COMPARED)
            # not a number wins once, and then nothing beats it, as in the specification
            better = (value > best) | ((value != value) & (best == best))
            best = tl.where(better, value, best)
            winner = tl.where(better, point.to(tl.int32), winner)
    target = row * channels + channel
    tl.store(output + target, best.to(output.dtype.element_ty), mask=inside)
    tl.store(argument + target, winner, mask=inside)


@triton.jit(do_not_specialize=["points", "rows", "groups", "channels"])
def scatter_add(
    argument, gradient, to_features, points, rows, groups, channels, BLOCK: tl.constexpr, SUM: tl.constexpr
):
    """``rows`` counts every (cloud, group), so that a program's run of numbers may span several."""
    flat = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    row = flat // channels
    inside = row < rows
    point = tl.load(argument + flat, mask=inside, other=0)
    value = tl.load(gradient + flat, mask=inside, other=0.0).to(SUM)
    place = (row // groups * points + point) * channels + flat % channels
    tl.atomic_add(to_features + place, value, mask=inside, sem="relaxed")


def group_max(features: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """Maxima in the features' type and the point that attains each first, int32, both (clouds, groups, channels).

    Args:
        features: float64, float32, float16 or bfloat16 (clouds, points, channels).
        index: int64 (clouds, groups, neighbours), at least one neighbour.
    """
    clouds, points, channels = features.shape
    _, groups, neighbours = index.shape
    output = torch.empty(clouds, groups, channels, dtype=features.dtype, device=features.device)
    argument = torch.empty(clouds, groups, channels, dtype=torch.int32, device=features.device)
    if output.numel() == 0:
        return output, argument
    tile = min(CHANNELS, max(32, triton.next_power_of_2(channels)))
    compared = tl.float64 if features.dtype == torch.float64 else tl.float32
    size = {"CHANNELS": tile, "UNROLLED": UNROLLED, "COMPARED": compared, "num_warps": warps(tile, 8)}
    grid = (clouds * groups * triton.cdiv(channels, tile),)
    with device_of(features):
        gather_max[grid](features, index, output, argument, points, neighbours, groups, channels, **size)
    return output, argument


def group_max_backward(argument: Tensor, gradient: Tensor, points: int) -> Tensor:
    """Gradient with respect to the features, in the gradient's type; summed atomically, in float32 at least."""
    clouds, groups, channels = gradient.shape
    wide = gradient.dtype == torch.float64
    dtype = torch.float64 if wide else torch.float32
    to_features = torch.zeros(clouds, points, channels, dtype=dtype, device=gradient.device)
    if gradient.numel():
        size = {"BLOCK": SCATTERED, "SUM": tl.float64 if wide else tl.float32, "num_warps": 4}
        grid = (triton.cdiv(gradient.numel(), SCATTERED),)
        with device_of(gradient):
            scatter_add[grid](argument, gradient, to_features, points, clouds * groups, groups, channels, **size)
    return to_features.to(gradient.dtype)
