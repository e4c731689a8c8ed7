r"""Group max: gather neighbours' features and take their channel-wise maximum, without the gathered copy.

For layers with input features the linear map is moved in front of the gather,
:math:`W (p - a) = W p - W a`, so that it runs once per point instead of once per neighbour; what remains
is this operator.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .checks import check_index, check_offsets, check_range, check_tensor, is_finite
from .cpu import njit, parallel_for
from .dispatch import launcher, refuse_second_derivative, specified

BLOCK = 64  # channels that one thread adds up in the backward pass


def group_max_specification(features: Tensor, index: Tensor) -> Tensor:
    """The specification, in plain torch; see :func:`group_max`."""
    clouds, count, neighbours = index.shape
    channels = features.shape[-1]
    rows = index.reshape(clouds, count * neighbours, 1).expand(-1, -1, channels)
    return features.gather(1, rows).view(clouds, count, neighbours, channels).amax(dim=2)


@njit
def group_max_cpu(start, stop, clouds, order, source, index, output, argument):
    """Maxima of the groups ``start … stop-1``, counted row by row in ``order``; a row looks into its source cloud."""
    neighbours = index.shape[2]
    for item in range(start, stop):
        position, group = divmod(item, index.shape[1])
        row = order[position]
        cloud = clouds[source[row]]
        best = output[row, group]
        chosen = argument[row, group]
        members = index[row, group]
        first = members[0]
        initial = cloud[first]
        for channel in range(best.shape[0]):
            best[channel] = initial[channel]
            chosen[channel] = np.int32(first)
        place = 1
        while place < neighbours:
            if members[place] == first:
                place += 1  # padding of a short ball, or a repeat that cannot win
                continue
            p0 = members[place]
            p1 = members[place + 1] if place + 1 < neighbours else p0
            p2 = members[place + 2] if place + 2 < neighbours else p0
            p3 = members[place + 3] if place + 3 < neighbours else p0
            _take_four(np.int32(p0), np.int32(p1), np.int32(p2), np.int32(p3), cloud, best, chosen)
            place += 4


@njit
def _take_four(p0, p1, p2, p3, cloud, best, chosen):
    r0, r1, r2, r3 = cloud[p0], cloud[p1], cloud[p2], cloud[p3]
    for channel in range(best.shape[0]):
        v0, v1, v2, v3 = r0[channel], r1[channel], r2[channel], r3[channel]
        # explicit selects: LLVM turns them into vector blends, it does not vectorise a float max
        p01 = p1 if v1 > v0 else p0
        v01 = v1 if v1 > v0 else v0
        p23 = p3 if v3 > v2 else p2
        v23 = v3 if v3 > v2 else v2
        p = p23 if v23 > v01 else p01
        v = v23 if v23 > v01 else v01
        old = best[channel]
        chosen[channel] = p if v > old else chosen[channel]
        best[channel] = v if v > old else old


@njit
def _group_max_backward_cpu(start, stop, argument, gradient, to_features):
    channels = argument.shape[2]
    blocks = (channels + BLOCK - 1) // BLOCK
    for item in range(start, stop):
        cloud, block = divmod(item, blocks)
        for group in range(argument.shape[1]):
            for channel in range(block * BLOCK, min(channels, block * BLOCK + BLOCK)):
                to_features[cloud, argument[cloud, group, channel], channel] += gradient[cloud, group, channel]


def _specification(features, index):
    clouds, count, neighbours = index.shape
    rows = index.reshape(clouds, count * neighbours, 1).expand(-1, -1, features.shape[-1])
    output, slot = features.gather(1, rows).view(clouds, count, neighbours, features.shape[-1]).max(dim=2)
    return output, index.gather(2, slot).to(torch.int32)


@torch.library.custom_op("pointvideo::group_max", mutates_args=(), device_types="cpu")
def _operator(features: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    check_range("index", index, 0, features.shape[1] - 1)
    # a NaN loses every comparison: the specification lets it win
    if specified() or not is_finite(features):
        return _specification(features, index)
    # numba knows no half precision; a maximum loses nothing on the way to float32 and back
    values = features if features.dtype in (torch.float32, torch.float64) else features.float()
    clouds, count, _ = index.shape
    output = values.new_empty(clouds, count, features.shape[-1])
    argument = torch.empty(output.shape, dtype=torch.int32)
    every = torch.arange(clouds)
    arrays = (tensor.detach().contiguous().numpy() for tensor in (values, every, every, index, output, argument))
    parallel_for(group_max_cpu, clouds * count, *arrays)
    return output.to(features.dtype), argument


@_operator.register_kernel("cuda")
def _operator_cuda(features, index):
    check_range("index", index, 0, features.shape[1] - 1)
    launch = launcher("group_max", "group_max") or _specification
    return launch(features.detach().contiguous(), index.contiguous())


@_operator.register_fake
def _operator_fake(features, index):
    shape = (*index.shape[:2], features.shape[-1])
    return features.new_empty(shape), features.new_empty(shape, dtype=torch.int32)


def _backward_specification(argument, gradient, points):
    to_features = gradient.new_zeros(gradient.shape[0], points, gradient.shape[2])
    return to_features.scatter_add(1, argument.long(), gradient)


@torch.library.custom_op("pointvideo::group_max_backward", mutates_args=(), device_types="cpu")
def _backward_operator(argument: Tensor, gradient: Tensor, points: int) -> Tensor:
    if specified():
        return _backward_specification(argument, gradient, points)
    values = gradient if gradient.dtype in (torch.float32, torch.float64) else gradient.float()
    clouds, _, channels = gradient.shape
    to_features = values.new_zeros(clouds, points, channels)
    arrays = (tensor.detach().contiguous().numpy() for tensor in (argument, values))
    parallel_for(_group_max_backward_cpu, clouds * ((channels + BLOCK - 1) // BLOCK), *arrays, to_features.numpy())
    return to_features.to(gradient.dtype)


@_backward_operator.register_kernel("cuda")
def _backward_cuda(argument, gradient, points):
    launch = launcher("group_max", "group_max_backward") or _backward_specification
    return launch(argument.contiguous(), gradient.contiguous(), points)


@_backward_operator.register_fake
def _backward_fake(argument, gradient, points):
    return gradient.new_empty(gradient.shape[0], points, gradient.shape[2])


def _setup_context(ctx, inputs, output):
    ctx.save_for_backward(output[1])
    ctx.points = inputs[0].shape[1]
    ctx.set_materialize_grads(False)


def _backward(ctx, gradient, _):
    if gradient is None:
        return None, None
    (argument,) = ctx.saved_tensors
    return _backward_operator(argument, gradient, ctx.points), None


_operator.register_autograd(_backward, setup_context=_setup_context)
refuse_second_derivative(_backward_operator, "group_max")


def group_max(
    features: Float[Tensor, "clouds points channels"], index: Int[Tensor, "clouds groups neighbours"]
) -> Float[Tensor, "clouds groups channels"]:
    """Channel-wise maximum of ``features`` over each group's points.

    Args:
        features: float64, float32, float16 or bfloat16.
        index: int64 points of each group; repeats are allowed.

    Returns:
        The maxima; the gradient goes to the first point, in group order, that attains each.

    Raises:
        ValueError: wrong rank or dtype, different batch sizes, empty groups, indices out of range.

    Source: the grouping of PointNet++ (Qi et al. 2017) as P4DConv and PSTConv use it.
    """
    if not isinstance(features, Tensor) or features.dim() != 3 or not features.is_floating_point():
        is_tensor = isinstance(features, Tensor)
        found = f"{features.dtype} of shape {tuple(features.shape)}" if is_tensor else type(features).__name__
        raise ValueError(f"features: got {found}, expected floating (clouds, points, channels)")
    if not isinstance(index, Tensor) or index.dim() != 3 or index.shape[-1] == 0:
        found = f"shape {tuple(index.shape)}" if isinstance(index, Tensor) else type(index).__name__
        raise ValueError(f"index: got {found}, expected (clouds, groups, at least one neighbour)")
    check_tensor("features", features)
    check_offsets("features", features)
    check_index("index", index, features)
    return _operator(features, index)[0]
