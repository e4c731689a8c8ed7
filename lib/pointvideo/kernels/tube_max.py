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

from .checks import check_tensor, in_range, largest
from .cpu import njit, njit_fused, parallel_for
from .dispatch import launcher, refuse_second_derivative, specified
from .tubes import check_tube_values, check_tubes, scatter_displacements, tube_displacements

GRADIENT_BLOCKS = 64  # fixed, so that the order of summation does not depend on the number of threads
WEIGHTS = (torch.float32, torch.float16, torch.bfloat16)


def tube_max_specification(xyz: Tensor, anchors: Tensor, index: Tensor, frame: Tensor, weight: Tensor) -> Tensor:
    """The specification, in plain torch: materialises the displacements and everything after them."""
    displacement = tube_displacements(xyz, anchors, index, frame)
    return (displacement @ weight.T).flatten(3, 4).amax(dim=3)


@njit
def _gather(batch, source, ax, ay, az, xyz, row, slot, displacement, slots):
    """Displacements of one anchor in one frame without padding; returns their number, filled up to a multiple of 4."""
    if source < 0:
        displacement[0, 0], displacement[0, 1], displacement[0, 2] = -ax, -ay, -az
        slots[0] = slot
        count = 1
    else:
        count = 0
        first = row[0]
        for neighbour in range(row.shape[0]):
            point = row[neighbour]
            if neighbour > 0 and point == first:
                break
            displacement[count, 0] = xyz[batch, source, point, 0] - ax
            displacement[count, 1] = xyz[batch, source, point, 1] - ay
            displacement[count, 2] = xyz[batch, source, point, 2] - az
            slots[count] = slot + neighbour
            count += 1
    while count % 4:
        displacement[count] = displacement[count - 1]
        slots[count] = slots[count - 1]
        count += 1
    return count


@njit_fused
def _running_max(count, displacement, slots, weight, shift, best, argument):
    """Take ``count`` displacements of one frame into best[c], argument[c]; shift[c] is the frame's dt term."""
    wx, wy, wz = weight[0], weight[1], weight[2]
    for first in range(0, count, 4):
        x0, y0, z0 = displacement[first]
        x1, y1, z1 = displacement[first + 1]
        x2, y2, z2 = displacement[first + 2]
        x3, y3, z3 = displacement[first + 3]
        s0, s1, s2, s3 = slots[first], slots[first + 1], slots[first + 2], slots[first + 3]
        for channel in range(best.shape[0]):
            a, b, c, d = wx[channel], wy[channel], wz[channel], shift[channel]
            v0 = a * x0 + b * y0 + c * z0 + d
            v1 = a * x1 + b * y1 + c * z1 + d
            v2 = a * x2 + b * y2 + c * z2 + d
            v3 = a * x3 + b * y3 + c * z3 + d
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
    times, count, window, neighbours = index.shape[1], index.shape[2], index.shape[3], index.shape[4]
    channels = weight.shape[1]
    displacement = np.empty((neighbours + 3, 3), np.float32)
    slots = np.empty(neighbours + 3, np.int32)
    chosen = np.empty(channels, np.int32)
    shift = np.empty((window, channels), np.float32)
    for step in range(window):
        for channel in range(channels):
            shift[step, channel] = weight[3, channel] * np.float32(step - window // 2)
    for item in range(start, stop):
        batch, rest = divmod(item, times * count)
        time, anchor = divmod(rest, count)
        ax, ay, az = anchors[batch, time, anchor]
        best = output[batch, time, anchor]
        for channel in range(channels):
            best[channel] = np.float32(-np.inf)
            chosen[channel] = 0
        for step in range(window):
            row = index[batch, time, anchor, step]
            slot = step * neighbours
            found = _gather(batch, frame[time, step], ax, ay, az, xyz, row, slot, displacement, slots)
            _running_max(found, displacement, slots, weight, shift[step], best, chosen)
        for channel in range(channels):
            argument[batch, time, anchor, channel] = chosen[channel]


@njit_fused
def _weight_gradient_cpu(start, stop, xyz, anchors, index, frame, argument, gradient, partial):
    times, count = index.shape[1], index.shape[2]
    neighbours = index.shape[4]
    window = index.shape[3]
    channels = gradient.shape[3]
    items = index.shape[0] * times * count
    table = np.empty((window * neighbours, 4), np.float32)
    for block in range(start, stop):
        sums = partial[block]
        for channel in range(channels):
            for axis in range(4):
                sums[channel, axis] = np.float32(0)
        for item in range(items * block // GRADIENT_BLOCKS, items * (block + 1) // GRADIENT_BLOCKS):
            batch, rest = divmod(item, times * count)
            time, anchor = divmod(rest, count)
            ax, ay, az = anchors[batch, time, anchor]
            for step in range(window):
                source = frame[time, step]
                row = index[batch, time, anchor, step]
                for neighbour in range(neighbours):
                    slot = step * neighbours + neighbour
                    point = row[neighbour]
                    if neighbour > 0 and point == row[0]:
                        break  # padding is never the argument
                    if source < 0:
                        table[slot, 0], table[slot, 1], table[slot, 2] = -ax, -ay, -az
                    else:
                        table[slot, 0] = xyz[batch, source, point, 0] - ax
                        table[slot, 1] = xyz[batch, source, point, 1] - ay
                        table[slot, 2] = xyz[batch, source, point, 2] - az
                    table[slot, 3] = np.float32(step - window // 2)
            chosen = argument[batch, time, anchor]
            values = gradient[batch, time, anchor]
            for channel in range(channels):
                d = table[chosen[channel]]
                value = values[channel]
                total = sums[channel]
                t0, t1, t2, t3 = d[0], d[1], d[2], d[3]
                p0, p1, p2, p3 = total[0], total[1], total[2], total[3]
                total[0] = p0 + value * t0
                total[1] = p1 + value * t1
                total[2] = p2 + value * t2
                total[3] = p3 + value * t3


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


def _specification(xyz, anchors, index, frame, weight):
    values = (tube_displacements(xyz, anchors, index, frame) @ weight.T).flatten(3, 4)
    output, argument = values.max(dim=3)
    return output, argument.to(torch.int16)


def _backward_specification(xyz, anchors, index, frame, weight, argument, gradient, coordinates):
    displacement = tube_displacements(xyz, anchors, index, frame).flatten(3, 4)
    slots = argument.long()
    chosen = displacement.gather(3, slots[..., None].expand(-1, -1, -1, -1, 4))
    to_weight = (gradient[..., None] * chosen).sum(dim=(0, 1, 2))
    if not coordinates:
        return torch.zeros_like(xyz), torch.zeros_like(anchors), to_weight
    point = index.flatten(3, 4).gather(3, slots)
    times = torch.arange(index.shape[1], device=xyz.device)[None, :, None, None]
    source = frame[times, slots // index.shape[4]]
    to_xyz, to_anchors = scatter_displacements(gradient[..., None] * weight[:, :3], source, point, xyz, anchors)
    return to_xyz, to_anchors, to_weight


@torch.library.custom_op("pointvideo::tube_max", mutates_args=(), device_types="cpu")
def _operator(xyz: Tensor, anchors: Tensor, index: Tensor, frame: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    check_tube_values(xyz, anchors, index, frame)
    # a NaN, also of infinity less infinity, loses every comparison: a diverged weight must not look like a small one
    reach = largest(xyz) + largest(anchors) + index.shape[3]
    if specified() or not in_range(4 * largest(weight) * reach):
        return _specification(xyz, anchors, index, frame, weight)
    items = index.shape[:3].numel()
    output = xyz.new_empty(*index.shape[:3], weight.shape[0])
    argument = torch.empty(output.shape, dtype=torch.int16)
    arrays = (tensor.detach().contiguous().numpy() for tensor in (xyz, anchors, index, frame, weight.T))
    parallel_for(_tube_max_cpu, items, *arrays, output.numpy(), argument.numpy())
    return output, argument


@_operator.register_kernel("cuda")
def _operator_cuda(xyz, anchors, index, frame, weight):
    check_tube_values(xyz, anchors, index, frame)
    launch = launcher("tube_max", "tube_max")
    if launch is None:
        return _specification(xyz, anchors, index, frame, weight)
    return launch(*(tensor.detach().contiguous() for tensor in (xyz, anchors, index, frame, weight)))


@_operator.register_fake
def _operator_fake(xyz, anchors, index, frame, weight):
    shape = (*index.shape[:3], weight.shape[0])
    return xyz.new_empty(shape), xyz.new_empty(shape, dtype=torch.int16)


@torch.library.custom_op("pointvideo::tube_max_backward", mutates_args=(), device_types="cpu")
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
    if specified():
        return _backward_specification(xyz, anchors, index, frame, weight, argument, gradient, coordinates)
    tensors = (xyz, anchors, index, frame, argument, gradient)
    cloud, centre, rows, source, slots, values = (tensor.detach().contiguous().numpy() for tensor in tensors)
    partial = torch.empty(GRADIENT_BLOCKS, weight.shape[0], 4)
    parallel_for(_weight_gradient_cpu, GRADIENT_BLOCKS, cloud, centre, rows, source, slots, values, partial.numpy())
    to_xyz, to_anchors = torch.zeros(xyz.shape), torch.zeros(anchors.shape)
    if coordinates:
        linear = weight.detach().contiguous().numpy()
        images = (to_xyz.numpy(), to_anchors.numpy())
        parallel_for(_coordinate_gradient_cpu, xyz.shape[0], rows, source, linear, slots, values, *images)
    return to_xyz, to_anchors, partial.sum(dim=0)


@_backward_operator.register_kernel("cuda")
def _backward_cuda(xyz, anchors, index, frame, weight, argument, gradient, coordinates):
    launch = launcher("tube_max", "tube_max_backward")
    if launch is None:
        return _backward_specification(xyz, anchors, index, frame, weight, argument, gradient, coordinates)
    tensors = (xyz, anchors, index, frame, weight, argument, gradient)
    return launch(*(tensor.detach().contiguous() for tensor in tensors), coordinates)


@_backward_operator.register_fake
def _backward_fake(xyz, anchors, index, frame, weight, argument, gradient, coordinates):
    return xyz.new_empty(xyz.shape), anchors.new_empty(anchors.shape), weight.new_empty(weight.shape)


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
refuse_second_derivative(_backward_operator, "tube_max")


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
        weight: the linear map; columns dx, dy, dz and dt (in frames, 0 at the window's middle). Half
            precision is computed in float32, since coordinates do not bear less.

    Returns:
        Responses in ``weight``'s dtype; differentiable in ``weight`` and, when asked, ``xyz`` and ``anchors``. Ties
        give their gradient to one of the maxima.

    Raises:
        ValueError: shapes that do not fit together, wrong dtypes, indices out of range, not finite input.

    Source: Fan et al., P4Transformer, CVPR 2021, section 3.1 (max pooling in space and time).
    """
    check_tubes(xyz, anchors, index, frame)
    check_tensor("weight", weight, "a tensor of shape (channels, 4)")
    if weight.dim() != 2 or weight.shape[1] != 4 or weight.dtype not in WEIGHTS:
        found = f"{weight.dtype} {tuple(weight.shape)}"
        raise ValueError(f"weight: got {found}, expected float32, float16 or bfloat16 (channels, 4)")
    if weight.device != xyz.device:
        raise ValueError(f"weight: got device {weight.device}, expected {xyz.device} as in the first argument")
    return _operator(xyz, anchors, index, frame, weight.float())[0].to(weight.dtype)
