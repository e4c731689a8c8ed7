"""Interpolation on a GPU: weighted sums of the features of a few points, and its two gradients."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from .launch import device_of, warps

CHANNELS = 128  # a program, at most
TILE = 1024  # numbers a program holds at a time


@triton.jit(do_not_specialize=["points", "count", "neighbours", "channels"])
def weighted_sum(
    features,
    index,
    weights,
    output,
    points,
    count,
    neighbours,
    channels,
    QUERIES: tl.constexpr,
    CHANNELS: tl.constexpr,
    SUM: tl.constexpr,
):
    tiles = tl.cdiv(channels, CHANNELS)
    groups = tl.cdiv(count, QUERIES)
    program = tl.program_id(0)
    channel = (program % tiles) * CHANNELS + tl.arange(0, CHANNELS)
    program = program // tiles
    cloud = (program // groups).to(tl.int64)
    query = (program % groups) * QUERIES + tl.arange(0, QUERIES)
    exists = query < count
    inside = exists[:, None] & (channel < channels)[None, :]
    rows = cloud * count + query
    source = features + cloud * points * channels
    total = tl.zeros((QUERIES, CHANNELS), SUM)
    for neighbour in range(neighbours):
        point = tl.load(index + rows * neighbours + neighbour, mask=exists, other=0)
        weight = tl.load(weights + rows * neighbours + neighbour, mask=exists, other=0.0).to(SUM)
        value = tl.load(source + point[:, None] * channels + channel[None, :], mask=inside, other=0.0).to(SUM)
        total += weight[:, None] * value
    tl.store(output + rows[:, None] * channels + channel[None, :], total.to(output.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=["points", "count", "neighbours", "channels"])
def spread(
    index,
    weights,
    gradient,
    to_features,
    points,
    count,
    neighbours,
    channels,
    QUERIES: tl.constexpr,
    CHANNELS: tl.constexpr,
    SUM: tl.constexpr,
):
    """Add each query's gradient, weighted, to the points it was made of."""
    tiles = tl.cdiv(channels, CHANNELS)
    groups = tl.cdiv(count, QUERIES)
    program = tl.program_id(0)
    channel = (program % tiles) * CHANNELS + tl.arange(0, CHANNELS)
    program = program // tiles
    cloud = (program // groups).to(tl.int64)
    query = (program % groups) * QUERIES + tl.arange(0, QUERIES)
    exists = query < count
    inside = exists[:, None] & (channel < channels)[None, :]
    rows = cloud * count + query
    target = to_features + cloud * points * channels
    value = tl.load(gradient + rows[:, None] * channels + channel[None, :], mask=inside, other=0.0).to(SUM)
    for neighbour in range(neighbours):
        point = tl.load(index + rows * neighbours + neighbour, mask=exists, other=0)
        weight = tl.load(weights + rows * neighbours + neighbour, mask=exists, other=0.0).to(SUM)
        place = target + point[:, None] * channels + channel[None, :]
        tl.atomic_add(place, weight[:, None] * value, mask=inside, sem="relaxed")


@triton.jit(do_not_specialize=["points", "count", "neighbours", "channels"])
def weight_gradient(
    features,
    index,
    gradient,
    to_weights,
    points,
    count,
    neighbours,
    channels,
    QUERIES: tl.constexpr,
    CHANNELS: tl.constexpr,
    SUM: tl.constexpr,
):
    """The scalar product of each query's gradient with each of its points' features."""
    groups = tl.cdiv(count, QUERIES)
    cloud = (tl.program_id(0) // groups).to(tl.int64)
    query = (tl.program_id(0) % groups) * QUERIES + tl.arange(0, QUERIES)
    exists = query < count
    rows = cloud * count + query
    source = features + cloud * points * channels
    for neighbour in range(neighbours):
        point = tl.load(index + rows * neighbours + neighbour, mask=exists, other=0)
        total = tl.zeros((QUERIES, CHANNELS), SUM)
        for start in range(0, channels, CHANNELS):
            channel = start + tl.arange(0, CHANNELS)
            inside = exists[:, None] & (channel < channels)[None, :]
            slope = tl.load(gradient + rows[:, None] * channels + channel[None, :], mask=inside, other=0.0).to(SUM)
            value = tl.load(source + point[:, None] * channels + channel[None, :], mask=inside, other=0.0).to(SUM)
            total += slope * value
        product = tl.sum(total, axis=1).to(to_weights.dtype.element_ty)
        tl.store(to_weights + rows * neighbours + neighbour, product, mask=exists)


def sizes(features: Tensor) -> dict:
    """Tile sizes and the type of the sums: float64 for float64, float32 for anything shorter."""
    channels = min(CHANNELS, max(16, triton.next_power_of_2(features.shape[-1])))
    wide = features.dtype == torch.float64
    tile = TILE // 2 if wide else TILE
    return {
        "QUERIES": max(1, tile // channels),
        "CHANNELS": channels,
        "SUM": tl.float64 if wide else tl.float32,
        "num_warps": warps(tile, 8),
    }


def interpolate(features: Tensor, index: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums (clouds, queries, channels) in the features' type.

    Args:
        features: float64, float32, float16 or bfloat16 (clouds, points, channels).
        index: int64 (clouds, queries, neighbours).
        weights: floating, as ``index``.
    """
    clouds, points, channels = features.shape
    _, count, neighbours = index.shape
    output = torch.empty(clouds, count, channels, dtype=features.dtype, device=features.device)
    if output.numel() == 0:
        return output
    size = sizes(features)
    grid = (clouds * triton.cdiv(count, size["QUERIES"]) * triton.cdiv(channels, size["CHANNELS"]),)
    with device_of(features):
        weighted_sum[grid](features, index, weights, output, points, count, neighbours, channels, **size)
    return output


def interpolate_backward(
    features: Tensor, index: Tensor, weights: Tensor, gradient: Tensor, to_weights: bool
) -> tuple[Tensor, Tensor | None]:
    """Gradients of :func:`interpolate` with respect to the features and, when asked, the weights.

    The sums over queries are atomic, so their order and last bits vary between runs; they are float32 for types
    shorter than that.
    """
    clouds, points, channels = features.shape
    _, count, neighbours = index.shape
    size = sizes(features)
    dtype = torch.float64 if features.dtype == torch.float64 else torch.float32
    to_features = torch.zeros(clouds, points, channels, dtype=dtype, device=features.device)
    slopes = torch.empty(weights.shape, dtype=weights.dtype, device=weights.device) if to_weights else None
    groups = clouds * triton.cdiv(count, size["QUERIES"])
    numbers = (points, count, neighbours, channels)
    with device_of(features):
        if gradient.numel() and neighbours:
            grid = (groups * triton.cdiv(channels, size["CHANNELS"]),)
            spread[grid](index, weights, gradient, to_features, *numbers, **size)
        if to_weights and slopes.numel():
            weight_gradient[(groups,)](features, index, gradient, slopes, *numbers, **size)
    return to_features.to(features.dtype), slopes
