"""Farthest point sampling on a GPU: one program a cloud, distances in registers.

The points are first arranged in the order in which ties are won, as separate rows x, y, z and the running squared
distance to the chosen set (negative where a point can never be chosen). Then "the first largest" is the winner, and
it is found by two integer reductions: the largest bit pattern of the distances (non-negative floats order like their
bit patterns, and a negative one stays below them), then the lowest slot that attains it. When no point can be chosen
all distances are the same and that slot is the first, which holds point 0.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from .launch import EXACT, device_of, warps

RESIDENT = 16384  # points whose distances one program's registers hold
KEPT = 8192  # points whose coordinates they hold as well
STREAMED = 4096  # points a step beyond that
ARRANGED = 1024
REGISTERS = 128  # a thread of the streaming form; left to itself the assembler may spill

# The authors compare a float32 sum with the double 1e-3. The nearest float32 to 1e-3 lies above it, so the sums that
# are at most the double are exactly those strictly below that float32.
NEAR_ORIGIN = tl.constexpr(1e-3)
FAR = tl.constexpr(float("inf"))
NEVER = tl.constexpr(-1.0)


@triton.jit(do_not_specialize=["points", "padded"])
def arrange(xyz, orders, which, lengths, ordered, points, padded, SKIP: tl.constexpr, BLOCK: tl.constexpr):
    """``ordered`` (clouds, 4, padded): x, y, z and the first distance, in tie order; -1 for what is never chosen."""
    blocks = tl.cdiv(padded, BLOCK)
    cloud = (tl.program_id(0) // blocks).to(tl.int64)
    slots = (tl.program_id(0) % blocks) * BLOCK + tl.arange(0, BLOCK)
    exists = slots < tl.load(lengths + cloud)
    point = tl.load(orders + tl.load(which + cloud) * points + slots, mask=exists, other=0)
    source = xyz + cloud * points * 3 + point * 3
    x = tl.load(source, mask=exists, other=0.0)
    y = tl.load(source + 1, mask=exists, other=0.0)
    z = tl.load(source + 2, mask=exists, other=0.0)
    eligible = exists
    if SKIP:
        eligible = eligible & ~(x * x + y * y + z * z < NEAR_ORIGIN)
    inside = slots < padded
    row = padded.to(tl.int64)
    target = ordered + cloud * row * 4 + slots
    tl.store(target, x, mask=inside)
    tl.store(target + row, y, mask=inside)
    tl.store(target + row * 2, z, mask=inside)
    tl.store(target + row * 3, tl.where(eligible, FAR, NEVER), mask=inside)


@triton.jit
def squared_distance(x, y, z, last_x, last_y, last_z):
    dx = x - last_x
    dy = y - last_y
    dz = z - last_z
    return dx * dx + dy * dy + dz * dz


@triton.jit(do_not_specialize=["points", "samples"])
def sample_resident(ordered, orders, which, chosen, points, samples, KEEP: tl.constexpr, BLOCK: tl.constexpr):
    """Choose ``samples`` of BLOCK arranged points; without KEEP the coordinates are read anew for every sample."""
    cloud = tl.program_id(0).to(tl.int64)
    order = orders + tl.load(which + cloud) * points
    base = ordered + cloud * BLOCK * 4
    slots = tl.arange(0, BLOCK)
    distance = tl.load(base + BLOCK * 3 + slots)
    if KEEP:
        x = tl.load(base + slots)
        y = tl.load(base + BLOCK + slots)
        z = tl.load(base + BLOCK * 2 + slots)
    last = 0
    tl.store(chosen + cloud * samples, tl.load(order))
    for sample in range(1, samples):
        last_x = tl.load(base + last)
        last_y = tl.load(base + BLOCK + last)
        last_z = tl.load(base + BLOCK * 2 + last)
        if not KEEP:
            x = tl.load(base + slots)
            y = tl.load(base + BLOCK + slots)
            z = tl.load(base + BLOCK * 2 + slots)
        distance = tl.minimum(distance, squared_distance(x, y, z, last_x, last_y, last_z))
        bits = distance.to(tl.int32, bitcast=True)
        farthest = tl.max(bits, axis=0)
        last = tl.min(tl.where(bits == farthest, slots, BLOCK), axis=0)
        tl.store(chosen + cloud * samples + sample, tl.load(order + last))


@triton.jit(do_not_specialize=["points", "padded", "samples"])
def sample_streaming(ordered, orders, which, lengths, chosen, points, padded, samples, BLOCK: tl.constexpr):
    """The same for any number of points: the distances live in the fourth row of ``ordered``."""
    cloud = tl.program_id(0).to(tl.int64)
    length = tl.load(lengths + cloud).to(tl.int32)
    order = orders + tl.load(which + cloud) * points
    row = padded.to(tl.int64)
    base = ordered + cloud * row * 4
    lanes = tl.arange(0, BLOCK)
    last = 0
    tl.store(chosen + cloud * samples, tl.load(order))
    for sample in range(1, samples):
        last_x = tl.load(base + last)
        last_y = tl.load(base + row + last)
        last_z = tl.load(base + row * 2 + last)
        best = tl.full((BLOCK,), -2147483648, tl.int32)
        winner = tl.full((BLOCK,), 0, tl.int32)
        for start in range(0, length, BLOCK):
            place = base + start + lanes
            x = tl.load(place)
            y = tl.load(place + row)
            z = tl.load(place + row * 2)
            distance = tl.load(place + row * 3)
            distance = tl.minimum(distance, squared_distance(x, y, z, last_x, last_y, last_z))
            tl.store(place + row * 3, distance)
            bits = distance.to(tl.int32, bitcast=True)
            better = bits > best  # strictly: each lane keeps its lowest slot
            best = tl.where(better, bits, best)
            winner = tl.where(better, start + lanes, winner)
        tl.debug_barrier()  # the next sample may read a distance from another thread than wrote it
        farthest = tl.max(best, axis=0)
        last = tl.min(tl.where(best == farthest, winner, padded), axis=0)
        tl.store(chosen + cloud * samples + sample, tl.load(order + last))


def farthest_points(
    xyz: Tensor, samples: int, skip_near_origin: bool, orders: Tensor, which: Tensor, lengths: Tensor
) -> Tensor:
    """Indices of farthest point sampling, int64 (clouds, samples).

    Args:
        xyz: float32 (clouds, points, 3).
        samples: indices a cloud; more than its points is allowed.
        skip_near_origin: whether points near the origin are never taken.
        orders: int64 (kinds, points), tie orders, each valid up to the lengths that use it.
        which: int64 (clouds,), the row of ``orders`` that each cloud uses.
        lengths: int64 (clouds,), valid points a cloud.
    """
    clouds, points, _ = xyz.shape
    chosen = torch.empty(clouds, samples, dtype=torch.int64, device=xyz.device)
    if chosen.numel() == 0:
        return chosen
    resident = points <= RESIDENT
    block = max(32, triton.next_power_of_2(points)) if resident else STREAMED
    padded = triton.cdiv(points, block) * block
    ordered = torch.empty(clouds, 4, padded, dtype=torch.float32, device=xyz.device)
    with device_of(xyz):
        step = min(block, ARRANGED)
        size = {"SKIP": skip_near_origin, "BLOCK": step, "num_warps": 4}
        grid = (clouds * triton.cdiv(padded, step),)
        arrange[grid](xyz, orders, which, lengths, ordered, points, padded, **size, **EXACT)
        if resident:
            keep = block <= KEPT
            size = {"KEEP": keep, "BLOCK": block, "num_warps": warps(block, 8 if keep else 32)}
            sample_resident[(clouds,)](ordered, orders, which, chosen, points, samples, **size, **EXACT)
        else:
            size = {"BLOCK": block, "num_warps": warps(block, 8), "maxnreg": REGISTERS}
            sample_streaming[(clouds,)](
                ordered, orders, which, lengths, chosen, points, padded, samples, **size, **EXACT
            )
    return chosen
