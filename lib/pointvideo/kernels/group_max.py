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

from .checks import check_index
from .cpu import njit, parallel_for


def group_max_specification(features: Tensor, index: Tensor) -> Tensor:
    """The specification, in plain torch; see :func:`group_max`."""
    clouds, count, neighbours = index.shape
    channels = features.shape[-1]
    rows = index.reshape(clouds, count * neighbours, 1).expand(-1, -1, channels)
    return features.gather(1, rows).view(clouds, count, neighbours, channels).amax(dim=2)


@njit
def _group_max_cpu(start, stop, features, index, output, argument):
    neighbours = index.shape[2]
    channels = features.shape[2]
    for cloud in range(start, stop):
        for group in range(index.shape[1]):
            best = output[cloud, group]
            source = argument[cloud, group]
            first = index[cloud, group, 0]
            for channel in range(channels):
                best[channel] = features[cloud, first, channel]
                source[channel] = first
            for neighbour in range(1, neighbours):
                point = index[cloud, group, neighbour]
                if point == first:
                    continue  # padding of a short ball, or a repeat that cannot win
                row = features[cloud, point]
                small = np.int32(point)
                for channel in range(channels):
                    value = row[channel]
                    old = best[channel]
                    source[channel] = small if value > old else source[channel]
                    best[channel] = value if value > old else old


@njit
def _group_max_backward_cpu(start, stop, argument, gradient, to_features):
    for cloud in range(start, stop):
        for group in range(argument.shape[1]):
            for channel in range(argument.shape[2]):
                to_features[cloud, argument[cloud, group, channel], channel] += gradient[cloud, group, channel]


@torch.library.custom_op("pointvideo::group_max", mutates_args=())
def _operator(features: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    clouds, count, neighbours = index.shape
    channels = features.shape[-1]
    if features.device.type != "cpu":
        rows = index.reshape(clouds, count * neighbours, 1).expand(-1, -1, channels)
        output, slot = features.gather(1, rows).view(clouds, count, neighbours, channels).max(dim=2)
        return output, index.gather(2, slot).to(torch.int32)
    output = features.new_empty(clouds, count, channels)
    argument = torch.empty(clouds, count, channels, dtype=torch.int32)
    parallel_for(
        _group_max_cpu,
        clouds,
        features.detach().contiguous().numpy(),
        index.contiguous().numpy(),
        output.numpy(),
        argument.numpy(),
    )
    return output, argument


@_operator.register_fake
def _operator_fake(features, index):
    shape = (*index.shape[:2], features.shape[-1])
    return features.new_empty(shape), features.new_empty(shape, dtype=torch.int32)


@torch.library.custom_op("pointvideo::group_max_backward", mutates_args=())
def _backward_operator(argument: Tensor, gradient: Tensor, points: int) -> Tensor:
    clouds, _, channels = gradient.shape
    to_features = gradient.new_zeros(clouds, points, channels)
    if gradient.device.type != "cpu":
        return to_features.scatter_add(1, argument.long(), gradient)
    parallel_for(
        _group_max_backward_cpu,
        clouds,
        argument.numpy(),
        gradient.detach().contiguous().numpy(),
        to_features.numpy(),
    )
    return to_features


@_backward_operator.register_fake
def _backward_fake(argument, gradient, points):
    return gradient.new_empty(gradient.shape[0], points, gradient.shape[2])


def _setup_context(ctx, inputs, output):
    ctx.save_for_backward(output[1])
    ctx.points = inputs[0].shape[1]


def _backward(ctx, gradient, _):
    (argument,) = ctx.saved_tensors
    return _backward_operator(argument, gradient, ctx.points), None


_operator.register_autograd(_backward, setup_context=_setup_context)


def group_max(
    features: Float[Tensor, "clouds points channels"], index: Int[Tensor, "clouds groups neighbours"]
) -> Float[Tensor, "clouds groups channels"]:
    """Channel-wise maximum of ``features`` over each group's points.

    Args:
        features: float32 or float64.
        index: int64 points of each group; repeats are allowed.

    Returns:
        The maxima; the gradient goes to the first point, in group order, that attains each.

    Raises:
        ValueError: wrong rank or dtype, different batch sizes, empty groups, indices out of range.

    Source: the grouping of PointNet++ (Qi et al. 2017) as P4DConv and PSTConv use it.
    """
    if features.dim() != 3 or not features.is_floating_point():
        raise ValueError(
            f"features: got {features.dtype} of shape {tuple(features.shape)}, "
            "expected floating (clouds, points, channels)"
        )
    if index.dim() != 3 or index.shape[-1] == 0:
        raise ValueError(f"index: got shape {tuple(index.shape)}, expected (clouds, groups, at least one neighbour)")
    check_index("index", index, features.shape[0], features.shape[1])
    return _operator(features, index)[0]
