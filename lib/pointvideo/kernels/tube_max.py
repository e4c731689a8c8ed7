r"""Tube max: the coordinates-only point 4D convolution, fused.

P4DConv's first layer (Fan et al., P4Transformer, 2021, section 3.1) takes, for anchor :math:`a` of time t,
every neighbour :math:`p` in the frames of a window, and pools a linear map of its displacement:

.. math:: y_c = \max_{w, k} \; W_c \cdot (p_{wk} - a,\; \delta_w), \qquad \delta_w = w - \lfloor W/2 \rfloor

Materialised, that is neighbours × channels numbers per anchor. Here the maximum runs while the
displacements are in registers; only the position of the maximum is kept, and the backward pass touches
nothing but it. Neighbours that only pad a short ball cannot change a maximum and are skipped.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .cpu import njit, njit_fused, parallel_for

GRADIENT_BLOCKS = 64  # fixed, so that the order of summation does not depend on the number of threads


def tube_max_specification(xyz: Tensor, anchors: Tensor, index: Tensor, frame: Tensor, weight: Tensor) -> Tensor:
    """The specification, in plain torch: materialises the displacements and everything after them."""
    displacement = tube_displacements(xyz, anchors, index, frame)
    return (displacement @ weight.T).flatten(3, 4).amax(dim=3)


def tube_displacements(xyz: Tensor, anchors: Tensor, index: Tensor, frame: Tensor) -> Tensor:
    """(dx, dy, dz, dt) of every neighbour: (batch, times, anchors, window, neighbours, 4)."""
    batch, times, count, window, neighbours = index.shape
    # frame -1 is zero padding: a frame whose points all lie at the origin
    padded = torch.cat([xyz, torch.zeros_like(xyz[:, :1])], dim=1)
    clouds = padded[:, frame]  # (batch, times, window, points, 3)
    rows = index.permute(0, 1, 3, 2, 4).reshape(batch, times, window, count * neighbours, 1)
    points = clouds.gather(3, rows.expand(-1, -1, -1, -1, 3))
    points = points.view(batch, times, window, count, neighbours, 3).transpose(2, 3)
    offset = torch.arange(window, dtype=xyz.dtype, device=xyz.device) - window // 2
    time = offset[:, None, None].expand(batch, times, count, window, neighbours, 1)
    return torch.cat([points - anchors[:, :, :, None, None], time], dim=-1)


@njit
def _gather(batch, time, anchor, xyz, anchors, index, frame, displacement, slots):
    """Fill the displacements of one anchor, padding left out; returns how many there are."""
    window, neighbours = index.shape[3], index.shape[4]
    ax, ay, az = anchors[batch, time, anchor, 0], anchors[batch, time, anchor, 1], anchors[batch, time, anchor, 2]
    count = 0
    for step in range(window):
        source = frame[time, step]
        first = index[batch, time, anchor, step, 0]
        for neighbour in range(neighbours):
            point = index[batch, time, anchor, step, neighbour]
            if neighbour > 0 and point == first:
                break
            if source < 0:
                displacement[count, 0], displacement[count, 1], displacement[count, 2] = -ax, -ay, -az
            else:
                displacement[count, 0] = xyz[batch, source, point, 0] - ax
                displacement[count, 1] = xyz[batch, source, point, 1] - ay
                displacement[count, 2] = xyz[batch, source, point, 2] - az
            displacement[count, 3] = np.float32(step - window // 2)
            slots[count] = step * neighbours + neighbour
            count += 1
            if source < 0:
                break
    return count


@njit_fused
def _running_max(count, displacement, slots, weight, best, argument):
    """best[c], argument[c] = max and arg-max over the first ``count`` displacements; count is a multiple of 4."""
    channels = best.shape[0]
    for channel in range(channels):
        best[channel] = np.float32(-np.inf)
        argument[channel] = 0
    wx, wy, wz, wt = weight[0], weight[1], weight[2], weight[3]
    for first in range(0, count, 4):
        x0, y0, z0, t0 = displacement[first]
        x1, y1, z1, t1 = displacement[first + 1]
        x2, y2, z2, t2 = displacement[first + 2]
        x3, y3, z3, t3 = displacement[first + 3]
        s0, s1, s2, s3 = slots[first], slots[first + 1], slots[first + 2], slots[first + 3]
        for channel in range(channels):
            a, b, c, d = wx[channel], wy[channel], wz[channel], wt[channel]
            v0 = a * x0 + b * y0 + c * z0 + d * t0
            v1 = a * x1 + b * y1 + c * z1 + d * t1
            v2 = a * x2 + b * y2 + c * z2 + d * t2
            v3 = a * x3 + b * y3 + c * z3 + d * t3
            # explicit selects: LLVM turns them into vector blends, it does not vectorise a float max
            s01 = s1 if v1 > v0 else s0
            v01 = v1 if v1 > v0 else v0
            s23 = s3 if v3 > v2 else s2
            v23 = v3 if v3 > v2 else v2
            s = s23 if v23 > v01 else s01
            v = v23 if v23 > v01 else v01
            old = best[channel]
            argument[channel] = s if v > old else argument[channel]
            best[channel] = v if v > old else old


@njit
def _tube_max_cpu(start, stop, xyz, anchors, index, frame, weight, output, argument):
    times, count = index.shape[1], index.shape[2]
    slots_total = index.shape[3] * index.shape[4]
    channels = weight.shape[1]
    displacement = np.empty((slots_total + 3, 4), np.float32)
    slots = np.empty(slots_total + 3, np.int32)
    best_argument = np.empty(channels, np.int32)
    for item in range(start, stop):
        batch, rest = divmod(item, times * count)
        time, anchor = divmod(rest, count)
        found = _gather(batch, time, anchor, xyz, anchors, index, frame, displacement, slots)
        for extra in range(found, (found + 3) // 4 * 4):
            displacement[extra] = displacement[found - 1]
            slots[extra] = slots[found - 1]
        _running_max((found + 3) // 4 * 4, displacement, slots, weight, output[batch, time, anchor], best_argument)
        for channel in range(channels):
            argument[batch, time, anchor, channel] = best_argument[channel]


@njit_fused
def _weight_gradient_cpu(start, stop, xyz, anchors, index, frame, argument, gradient, partial):
    times, count = index.shape[1], index.shape[2]
    neighbours = index.shape[4]
    window = index.shape[3]
    channels = gradient.shape[3]
    items = index.shape[0] * times * count
    table = np.empty((window * neighbours, 4), np.float32)
    for block in range(start, stop):
        for channel in range(channels):
            for axis in range(4):
                partial[block, channel, axis] = np.float32(0)
        for item in range(items * block // GRADIENT_BLOCKS, items * (block + 1) // GRADIENT_BLOCKS):
            batch, rest = divmod(item, times * count)
            time, anchor = divmod(rest, count)
            for step in range(window):
                source = frame[time, step]
                for neighbour in range(neighbours):
                    slot = step * neighbours + neighbour
                    point = index[batch, time, anchor, step, neighbour]
                    for axis in range(3):
                        value = xyz[batch, source, point, axis] if source >= 0 else np.float32(0)
                        table[slot, axis] = value - anchors[batch, time, anchor, axis]
                    table[slot, 3] = np.float32(step - window // 2)
            for channel in range(channels):
                slot = argument[batch, time, anchor, channel]
                value = gradient[batch, time, anchor, channel]
                partial[block, channel, 0] += value * table[slot, 0]
                partial[block, channel, 1] += value * table[slot, 1]
                partial[block, channel, 2] += value * table[slot, 2]
                partial[block, channel, 3] += value * table[slot, 3]


@njit
def _coordinate_gradient_cpu(start, stop, index, frame, weight, argument, gradient, to_xyz, to_anchors):
    neighbours = index.shape[4]
    for batch in range(start, stop):
        for time in range(index.shape[1]):
            for anchor in range(index.shape[2]):
                for channel in range(gradient.shape[3]):
                    step, neighbour = divmod(np.int64(argument[batch, time, anchor, channel]), neighbours)
                    source = frame[time, step]
                    point = index[batch, time, anchor, step, neighbour]
                    value = gradient[batch, time, anchor, channel]
                    for axis in range(3):
                        share = value * weight[channel, axis]
                        to_anchors[batch, time, anchor, axis] -= share
                        if source >= 0:
                            to_xyz[batch, source, point, axis] += share


@torch.library.custom_op("pointvideo::tube_max", mutates_args=())
def _operator(xyz: Tensor, anchors: Tensor, index: Tensor, frame: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    batch, times, count, window, neighbours = index.shape
    if xyz.device.type != "cpu":
        values = (tube_displacements(xyz, anchors, index, frame) @ weight.T).flatten(3, 4)
        output, argument = values.max(dim=3)
        return output, argument.to(torch.int16)
    channels = weight.shape[0]
    output = torch.empty(batch, times, count, channels)
    argument = torch.empty(batch, times, count, channels, dtype=torch.int16)
    arrays = (xyz, anchors, index, frame, weight.T)
    parallel_for(
        _tube_max_cpu,
        batch * times * count,
        *(array.detach().contiguous().numpy() for array in arrays),
        output.numpy(),
        argument.numpy(),
    )
    return output, argument


@_operator.register_fake
def _operator_fake(xyz, anchors, index, frame, weight):
    shape = (*index.shape[:3], weight.shape[0])
    return xyz.new_empty(shape), xyz.new_empty(shape, dtype=torch.int16)


@torch.library.custom_op("pointvideo::tube_max_backward", mutates_args=())
def _backward_operator(
    xyz: Tensor,
    anchors: Tensor,
    index: Tensor,
    frame: Tensor,
    weight: Tensor,
    argument: Tensor,
    gradient: Tensor,
    coordinates: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    if xyz.device.type != "cpu":
        return _backward_specification(xyz, anchors, index, frame, weight, argument, gradient, coordinates)
    arrays = [array.detach().contiguous().numpy() for array in (xyz, anchors, index, frame, argument, gradient)]
    partial = torch.empty(GRADIENT_BLOCKS, weight.shape[0], 4)
    parallel_for(_weight_gradient_cpu, GRADIENT_BLOCKS, *arrays, partial.numpy())
    to_xyz, to_anchors = torch.zeros_like(xyz), torch.zeros_like(anchors)
    if coordinates:
        parallel_for(
            _coordinate_gradient_cpu,
            xyz.shape[0],
            arrays[2],
            arrays[3],
            weight.detach().contiguous().numpy(),
            arrays[4],
            arrays[5],
            to_xyz.numpy(),
            to_anchors.numpy(),
        )
    return to_xyz, to_anchors, partial.sum(dim=0)


@_backward_operator.register_fake
def _backward_fake(xyz, anchors, index, frame, weight, argument, gradient, coordinates):
    return torch.empty_like(xyz), torch.empty_like(anchors), torch.empty_like(weight)


def _backward_specification(xyz, anchors, index, frame, weight, argument, gradient, coordinates):
    displacement = tube_displacements(xyz, anchors, index, frame).flatten(3, 4)
    chosen = argument.long()[..., None].expand(-1, -1, -1, -1, 4)
    to_weight = (gradient[..., None] * displacement.gather(3, chosen)).sum(dim=(0, 1, 2))
    to_xyz, to_anchors = torch.zeros_like(xyz), torch.zeros_like(anchors)
    if coordinates:
        neighbours = index.shape[4]
        slots = argument.long()
        share = gradient[..., None] * weight[:, :3]
        to_anchors = -share.sum(dim=3)
        point = index.flatten(3, 4).gather(3, slots)
        source = frame[torch.arange(index.shape[1], device=xyz.device)[None, :, None, None], slots // neighbours]
        flat = source.clamp(min=0) * xyz.shape[2] + point
        share = share.masked_fill((source < 0)[..., None], 0)
        to_xyz = (
            to_xyz.flatten(1, 2)
            .scatter_add(1, flat.flatten(1)[..., None].expand(-1, -1, 3), share.flatten(1, 3))
            .view_as(xyz)
        )
    return to_xyz, to_anchors, to_weight


def _setup_context(ctx, inputs, output):
    xyz, anchors, index, frame, weight = inputs
    ctx.save_for_backward(xyz, anchors, index, frame, weight, output[1])
    ctx.set_materialize_grads(False)


def _backward(ctx, gradient, _):
    if gradient is None:
        return None, None, None, None, None
    coordinates = ctx.needs_input_grad[0] or ctx.needs_input_grad[1]
    to_xyz, to_anchors, to_weight = _backward_operator(*ctx.saved_tensors, gradient, coordinates)
    return (
        to_xyz if ctx.needs_input_grad[0] else None,
        to_anchors if ctx.needs_input_grad[1] else None,
        None,
        None,
        to_weight if ctx.needs_input_grad[4] else None,
    )


_operator.register_autograd(_backward, setup_context=_setup_context)


def tube_max(
    xyz: Float[Tensor, "batch frames points 3"],
    anchors: Float[Tensor, "batch times anchors 3"],
    index: Int[Tensor, "batch times anchors window neighbours"],
    frame: Int[Tensor, "times window"],
    weight: Float[Tensor, "channels 4"],
) -> Float[Tensor, "batch times anchors channels"]:
    """Largest response of a linear map to the displacements (dx, dy, dz, dt) in each anchor's tube.

    Args:
        xyz: float32 clouds.
        anchors: float32 tube centres, one set for each output time.
        index: int64 neighbours of each anchor in each frame of its window, as :func:`ball_query` gives
            them: a row that returns to its first entry is taken as padded from there on.
        frame: int64 source frame of each window position; -1 is a zero-padded frame, whose points all lie
            at the origin.
        weight: the linear map; columns dx, dy, dz and dt (in frames, 0 at the window's middle).

    Returns:
        Responses; differentiable in ``weight`` and, when asked, ``xyz`` and ``anchors``. Ties give their
        gradient to one of the maxima.

    Raises:
        ValueError: shapes that do not fit together, wrong dtypes, indices out of range, not finite input.

    Source: Fan et al., P4Transformer, CVPR 2021, section 3.1 (max pooling in space and time).
    """
    _check(xyz, anchors, index, frame, weight)
    return _operator(xyz, anchors, index, frame, weight)[0]


def _check(xyz, anchors, index, frame, weight):
    if xyz.dim() != 4 or xyz.shape[-1] != 3 or xyz.dtype != torch.float32:
        raise ValueError(
            f"xyz: got {xyz.dtype} of shape {tuple(xyz.shape)}, expected float32 (batch, frames, points, 3)"
        )
    if index.dim() != 5 or index.dtype != torch.int64:
        raise ValueError(
            f"index: got {index.dtype} of shape {tuple(index.shape)}, "
            "expected int64 (batch, times, anchors, window, neighbours)"
        )
    if anchors.shape != (*index.shape[:3], 3) or anchors.shape[0] != xyz.shape[0] or anchors.dtype != torch.float32:
        raise ValueError(
            f"anchors: got {anchors.dtype} of shape {tuple(anchors.shape)}, "
            f"expected float32 {(xyz.shape[0], *index.shape[1:3], 3)}"
        )
    if frame.shape != (index.shape[1], index.shape[3]) or frame.dtype != torch.int64:
        raise ValueError(
            f"frame: got {frame.dtype} of shape {tuple(frame.shape)}, expected int64 {(index.shape[1], index.shape[3])}"
        )
    if weight.dim() != 2 or weight.shape[1] != 4 or weight.dtype != torch.float32:
        raise ValueError(f"weight: got {weight.dtype} of shape {tuple(weight.shape)}, expected float32 (channels, 4)")
    if index.shape[3] * index.shape[4] > 32767:
        raise ValueError(f"index: got {index.shape[3] * index.shape[4]} neighbours a tube, expected at most 32767")
    for name, value, low, limit in (("index", index, 0, xyz.shape[2]), ("frame", frame, -1, xyz.shape[1])):
        if value.numel() and (int(value.min()) < low or int(value.max()) >= limit):
            raise ValueError(f"{name}: got {int(value.min())} to {int(value.max())}, expected {low} to {limit - 1}")
    devices = {value.device for value in (xyz, anchors, index, frame, weight)}
    if len(devices) > 1:
        raise ValueError(f"tube_max: got tensors on {sorted(map(str, devices))}, expected one device")
