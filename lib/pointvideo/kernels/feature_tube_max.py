r"""Feature tube max: the point 4D convolution with features, its linear map moved in front of the gather.

For an anchor's neighbours :math:`p_{wk}` with features :math:`f_{wk}` in the frames of a window,

.. math:: y_c = \max_{w, k} \; F_c \cdot f_{wk} + P_c \cdot p_{wk} + t_c \, \delta_w,
   \qquad \delta_w = w - \lfloor W/2 \rfloor

(the anchor's own share, :math:`-P_c \cdot a`, is the same for all neighbours and stays with the caller). Mapping every
neighbour repeats the same products for each tube that a point belongs to; here each point is mapped once. The mapped
points exist for a few clouds at a time, so that they stay in the cache, and the backward pass touches nothing but the
arg-max: neither the mapped points nor their gradient are ever whole.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .checks import check_index, check_offsets, check_range, check_tensor, in_range, largest
from .cpu import njit, njit_fused, parallel_for
from .dispatch import launcher, refuse_second_derivative, specified

TABLE = 1 << 20  # mapped numbers that exist at once; 4 MiB of float32
BLOCKS = 32  # of clouds; fixed, so that the order of summation does not depend on the number of threads


def feature_tube_max_specification(
    features: Tensor, xyz: Tensor, weight: Tensor, index: Tensor, source: Tensor
) -> Tensor:
    """The specification, in plain torch; see :func:`feature_tube_max`."""
    return _specification(features, xyz, weight, index, source)[0]


def _specification(features, xyz, weight, index, source):
    points = features.shape[1]
    inputs = torch.cat([features, xyz], dim=2).flatten(0, 1)[source[:, None, :, None] * points + index]
    offset = _offsets(index, features)[:, None, None].expand(*index.shape, 1)
    values = (torch.cat([inputs, offset], dim=4) @ weight.T).flatten(2, 3)
    output, slot = values.max(dim=2)
    step = torch.arange(index.shape[2], device=index.device)[:, None]
    return output, (index + step * points).flatten(2, 3).gather(2, slot).to(torch.int32)


def _offsets(index: Tensor, like: Tensor) -> Tensor:
    """dt of each position of the window, in frames."""
    return torch.arange(index.shape[2], dtype=like.dtype, device=like.device) - index.shape[2] // 2


def _backward_specification(features, xyz, weight, source, argument, gradient):
    points, window = features.shape[1], source.shape[1]
    inputs = torch.cat([features, xyz], dim=2)
    step = argument.long() // points
    cloud = source[:, None].expand(-1, step.shape[1], -1).gather(2, step)
    flat = (cloud * points + argument % points).flatten(0, 1)
    to_table = inputs.new_zeros(inputs.shape[:2].numel(), weight.shape[0]).scatter_add(0, flat, gradient.flatten(0, 1))
    to_features, to_xyz = (to_table @ weight[:, :-1]).view_as(inputs).split([features.shape[2], 3], dim=2)
    to_time = (gradient * (step - window // 2)).sum(dim=(0, 1))
    to_weight = torch.cat([to_table.T @ inputs.flatten(0, 1), to_time[:, None]], dim=1)
    # copies, also where a split is whole: a custom operator's results must not share memory
    return *(part.clone(memory_format=torch.contiguous_format) for part in (to_features, to_xyz)), to_weight


@njit
def _feature_tube_max_cpu(start, stop, table, first, rows, source, index, shift, output, argument):
    """Take the clouds ``first …`` that ``table`` holds into the maxima of the tubes ``start … stop-1`` of ``rows``."""
    groups, window, neighbours = index.shape[1], index.shape[2], index.shape[3]
    clouds, points = table.shape[0], table.shape[1]
    for item in range(start, stop):
        position, group = divmod(item, groups)
        row = rows[position]
        best = output[row, group]
        chosen = argument[row, group]
        for step in range(window):
            cloud = source[row, step] - first
            if cloud < 0 or cloud >= clouds:
                continue
            members = index[row, group, step]
            place = 0
            while place < neighbours:
                if place > 0 and members[place] == members[0]:
                    place += 1  # padding of a short ball, or a repeat that cannot win
                    continue
                p0 = members[place]
                p1 = members[place + 1] if place + 1 < neighbours else p0
                p2 = members[place + 2] if place + 2 < neighbours else p0
                p3 = members[place + 3] if place + 3 < neighbours else p0
                _take_four(p0, p1, p2, p3, np.int32(step * points), table[cloud], shift[step], best, chosen)
                place += 4


@njit
def _take_four(p0, p1, p2, p3, base, cloud, shift, best, chosen):
    r0, r1, r2, r3 = cloud[p0], cloud[p1], cloud[p2], cloud[p3]
    s0, s1, s2, s3 = np.int32(base + p0), np.int32(base + p1), np.int32(base + p2), np.int32(base + p3)
    for channel in range(best.shape[0]):
        d = shift[channel]
        v0, v1, v2, v3 = r0[channel] + d, r1[channel] + d, r2[channel] + d, r3[channel] + d
        # explicit selects: LLVM turns them into vector blends, it does not vectorise a float max
        s01 = s1 if v1 > v0 else s0
        v01 = v1 if v1 > v0 else v0
        s23 = s3 if v3 > v2 else s2
        v23 = v3 if v3 > v2 else v2
        s = s23 if v23 > v01 else s01
        v = v23 if v23 > v01 else v01
        old = best[channel]
        chosen[channel] = s if v > old else chosen[channel]
        best[channel] = v if v > old else old


@njit_fused
def _backward_cpu(start, stop, features, xyz, weight, pairs, begins, argument, gradient, to_features, to_xyz, partial):
    clouds, points, inputs = features.shape
    groups, channels = gradient.shape[1], gradient.shape[2]
    blocks, window = partial.shape[0], pairs.shape[0] // max(gradient.shape[0], 1)
    for block in range(start, stop):
        to_weight = partial[block]
        for cloud in range(clouds * block // blocks, clouds * (block + 1) // blocks):
            for position in range(begins[cloud], begins[cloud + 1]):
                row, step = divmod(pairs[position], window)
                base = step * points
                for group in range(groups):
                    values = gradient[row, group]
                    chosen = argument[row, group]
                    for channel in range(channels):
                        value = values[channel]
                        point = chosen[channel] - base
                        if value != 0 and 0 <= point < points:
                            feature = features[cloud, point]
                            to_feature = to_features[cloud, point]
                            linear = weight[channel]
                            total = to_weight[channel]
                            for place in range(inputs):
                                total[place] += value * feature[place]
                            for place in range(inputs):
                                to_feature[place] += value * linear[place]
                            for axis in range(3):
                                total[inputs + axis] += value * xyz[cloud, point, axis]
                                to_xyz[cloud, point, axis] += value * linear[inputs + axis]
                            total[inputs + 3] += value * np.float32(step - window // 2)


@torch.library.custom_op("pointvideo::feature_tube_max", mutates_args=(), device_types="cpu")
def _operator(features: Tensor, xyz: Tensor, weight: Tensor, index: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
    _check_values(features, index, source)
    clouds, points, inputs = features.shape
    # a NaN, also of infinity less infinity, loses every comparison: the specification lets it win
    reach = inputs * largest(features) + 3 * largest(xyz) + index.shape[2]
    if specified() or features.dtype != torch.float32 or not in_range(reach, reach * largest(weight)):
        return _specification(features, xyz, weight, index, source)
    channels = weight.shape[0]
    output = torch.full((*index.shape[:2], channels), -torch.inf)
    argument = torch.zeros(output.shape, dtype=torch.int32)
    chunk = max(1, TABLE // max(1, points * channels))
    table = torch.empty(min(chunk, clouds) * points, channels)
    flat, places = features.contiguous().flatten(0, 1), xyz.contiguous().flatten(0, 1)
    to_feature, to_place = weight[:, :inputs].T, weight[:, inputs:-1].T
    shift = _offsets(index, weight)[:, None] * weight[:, -1]
    tensors = (source, index.contiguous(), shift, output, argument)
    arrays = [tensor.contiguous().numpy() for tensor in tensors[:3]] + [tensor.numpy() for tensor in tensors[3:]]
    for first in range(0, clouds, chunk):
        last = min(first + chunk, clouds)
        rows = ((source >= first) & (source < last)).any(dim=1).nonzero().flatten()
        if len(rows):
            mapped = table[: (last - first) * points]
            torch.mm(flat[first * points : last * points], to_feature, out=mapped)
            mapped.addmm_(places[first * points : last * points], to_place)
            cloud_table = mapped.view(last - first, points, channels).numpy()
            items = len(rows) * index.shape[1]
            parallel_for(_feature_tube_max_cpu, items, cloud_table, first, rows.numpy(), *arrays)
    return output, argument


@_operator.register_kernel("cuda")
def _operator_cuda(features, xyz, weight, index, source):
    _check_values(features, index, source)
    launch = launcher("group_max", "group_max")
    if launch is None:
        return _specification(features, xyz, weight, index, source)
    # one cloud holds every mapped point; each frame of a window has its own groups in it
    points, inputs = features.shape[1:]
    table = features.flatten(0, 1) @ weight[:, :inputs].T + xyz.flatten(0, 1) @ weight[:, inputs:-1].T
    flat = (source[:, None, :, None] * points + index).flatten(0, 2)
    output, argument = launch(table[None].contiguous(), flat[None].contiguous())
    shape = (*index.shape[:3], weight.shape[0])
    output, step = (output.view(shape) + _offsets(index, weight)[:, None] * weight[:, -1]).max(dim=2)
    argument = argument.view(shape).gather(2, step[:, :, None])[:, :, 0] % points
    return output, (argument + step * points).to(torch.int32)


@_operator.register_fake
def _operator_fake(features, xyz, weight, index, source):
    shape = (*index.shape[:2], weight.shape[0])
    return features.new_empty(shape), features.new_empty(shape, dtype=torch.int32)


@torch.library.custom_op("pointvideo::feature_tube_max_backward", mutates_args=(), device_types="cpu")
def _backward_operator(
    features: Tensor, xyz: Tensor, weight: Tensor, source: Tensor, argument: Tensor, gradient: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    if specified() or features.dtype != torch.float32:
        return _backward_specification(features, xyz, weight, source, argument, gradient)
    pairs = source.flatten().argsort(stable=True)  # row · window + step, by cloud
    begins = torch.zeros(len(features) + 1, dtype=torch.int64)
    begins[1:] = torch.bincount(source.flatten(), minlength=len(features)).cumsum(0)
    to_features, to_xyz = torch.zeros(features.shape), torch.zeros(xyz.shape)
    partial = torch.zeros(BLOCKS, *weight.shape)
    tensors = (features, xyz, weight, pairs, begins, argument, gradient, to_features, to_xyz, partial)
    parallel_for(_backward_cpu, BLOCKS, *(tensor.detach().contiguous().numpy() for tensor in tensors))
    return to_features, to_xyz, partial.sum(dim=0)


@_backward_operator.register_kernel("cuda")
def _backward_cuda(features, xyz, weight, source, argument, gradient):
    return _backward_specification(features, xyz, weight, source, argument, gradient)


@_backward_operator.register_fake
def _backward_fake(features, xyz, weight, source, argument, gradient):
    return features.new_empty(features.shape), xyz.new_empty(xyz.shape), weight.new_empty(weight.shape)


def _setup_context(ctx, inputs, output):
    features, xyz, weight, _, source = inputs
    ctx.save_for_backward(features, xyz, weight, source, output[1])
    ctx.set_materialize_grads(False)


def _backward(ctx, gradient, _):
    if gradient is None:
        return None, None, None, None, None
    return *_backward_operator(*ctx.saved_tensors, gradient), None, None


_operator.register_autograd(_backward, setup_context=_setup_context)
refuse_second_derivative(_backward_operator, "feature_tube_max")


def _check_values(features: Tensor, index: Tensor, source: Tensor) -> None:
    check_range("index", index, 0, features.shape[1] - 1)
    check_range("source", source, 0, features.shape[0] - 1)


def feature_tube_max(
    features: Float[Tensor, "clouds points inputs"],
    xyz: Float[Tensor, "clouds points 3"],
    weight: Float[Tensor, "channels inputs+4"],
    index: Int[Tensor, "rows groups window neighbours"],
    source: Int[Tensor, "rows window"],
) -> Float[Tensor, "rows groups channels"]:
    """Channel-wise maximum of ``weight @ (feature, x, y, z, dt)`` over the points of each tube.

    Args:
        features: float32 (fast on the CPU) or another floating dtype.
        xyz: coordinates, in ``features``' dtype.
        weight: the linear map, in ``features``' dtype; its last four columns are for the coordinates and for dt (in
            frames, 0 at the window's middle).
        index: int64 points of each tube in each cloud of its window; repeats are allowed.
        source: int64 clouds of each row's window; a cloud may serve any number of rows.

    Returns:
        The maxima; the gradient goes to one of the points that attain each. It is differentiable in ``features``,
        ``xyz`` and ``weight``.

    Raises:
        ValueError: wrong rank, dtype or device, empty tubes, indices out of range.

    Source: P4DConv with features (Fan et al. 2021, eq. 1) and PSTConv (Fan et al., PSTNet, 2021), addition and maximum.
    """
    for name, value in (("features", features), ("xyz", xyz), ("weight", weight), ("index", index), ("source", source)):
        check_tensor(name, value)
    if features.dim() != 3 or not features.is_floating_point():
        found = f"{features.dtype} of shape {tuple(features.shape)}"
        raise ValueError(f"features: got {found}, expected floating (clouds, points, inputs)")
    clouds, points, inputs = features.shape
    for name, value, shape in (("xyz", xyz, (clouds, points, 3)), ("weight", weight, (len(weight), inputs + 4))):
        if value.shape != shape or value.dtype != features.dtype or value.device != features.device:
            found = f"{value.dtype} of shape {tuple(value.shape)} on {value.device}"
            raise ValueError(f"{name}: got {found}, expected {features.dtype} {shape} on {features.device}")
    if index.dim() != 4 or index.shape[2] * index.shape[3] == 0:
        found = f"shape {tuple(index.shape)}"
        raise ValueError(f"index: got {found}, expected (rows, groups, window, neighbours) with at least one neighbour")
    if source.shape != (index.shape[0], index.shape[2]) or source.dtype != torch.int64:
        found, wanted = f"{source.dtype} of shape {tuple(source.shape)}", (index.shape[0], index.shape[2])
        raise ValueError(f"source: got {found}, expected int64 {wanted}")
    check_offsets("features", features)
    if index.shape[2] * points > 2**31 - 1:
        raise ValueError(f"index: got {index.shape[2] * points} points a window, expected at most {2**31 - 1}")
    if source.device != features.device:
        raise ValueError(f"source: got device {source.device}, expected {features.device} as in the first argument")
    check_index("index", index, source)
    return _operator(features, xyz, weight, index, source)[0]
