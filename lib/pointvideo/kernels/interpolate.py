"""Interpolation: each query's features as the weighted sum of a few points' features.

With three nearest neighbours and inverse distances as weights this carries the features of a coarse cloud to a fine one
(Qi et al., PointNet++, 2017).
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .checks import check_index, check_like, check_offsets, check_range, check_tensor, in_range, largest
from .cpu import njit_fused, njit_summed, parts_of, share
from .dispatch import launcher, refuse_second_derivative, specified

TYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
EPSILON = 1e-8  # added to distances before they are inverted
PART = 64  # queries, or
CHANNELS = 16  # channels, that one work item has at least


def sum_type(features: Tensor) -> torch.dtype:
    """The type in which sums are taken: float64 for float64, float32 for anything shorter."""
    return torch.float64 if features.dtype == torch.float64 else torch.float32


def rows_of(index: Tensor, channels: int) -> Tensor:
    """The index of every number of the grouped features, (clouds, queries · neighbours, channels)."""
    return index.flatten(1)[..., None].expand(-1, -1, channels)


def grouped(features: Tensor, index: Tensor) -> Tensor:
    """Each query's features, (clouds, queries, neighbours, channels)."""
    channels = features.shape[-1]
    return features.gather(1, rows_of(index, channels)).view(*index.shape, channels)


def interpolate_specification(features: Tensor, index: Tensor, weights: Tensor) -> Tensor:
    """The specification, in plain torch; see :func:`interpolate`."""
    wide = sum_type(features)
    return (grouped(features.to(wide), index) * weights.to(wide)[..., None]).sum(dim=2).to(features.dtype)


def interpolate_backward_specification(
    features: Tensor, index: Tensor, weights: Tensor, gradient: Tensor, to_weights: bool
) -> tuple[Tensor, Tensor | None]:
    """Gradients of the specification with respect to the features and, when asked, the weights."""
    wide = sum_type(features)
    clouds, points, channels = features.shape
    gradient = gradient.to(wide)[:, :, None]
    shares = (weights.to(wide)[..., None] * gradient).flatten(1, 2)
    to_features = torch.zeros(clouds, points, channels, dtype=wide, device=features.device)
    to_features = to_features.scatter_add(1, rows_of(index, channels), shares).to(features.dtype)
    if not to_weights:
        return to_features, None
    return to_features, (grouped(features.to(wide), index) * gradient).sum(dim=-1).to(weights.dtype)


@njit_fused
def _interpolate_cpu(start, stop, features, index, weights, parts, output, valid):
    points, channels = features.shape[1], features.shape[2]
    count, neighbours = index.shape[1], index.shape[2]
    for item in range(start, stop):
        cloud = item // parts
        part = item - cloud * parts
        for query in range(count * part // parts, count * (part + 1) // parts):
            for neighbour in range(neighbours):
                valid[item] &= 0 <= index[cloud, query, neighbour] < points
            if not valid[item]:
                break
            total = output[cloud, query]
            first = features[cloud, index[cloud, query, 0]]
            weight = weights[cloud, query, 0]
            if neighbours == 3:
                second, third = features[cloud, index[cloud, query, 1]], features[cloud, index[cloud, query, 2]]
                weight_2, weight_3 = weights[cloud, query, 1], weights[cloud, query, 2]
                for channel in range(channels):
                    total[channel] = weight * first[channel] + weight_2 * second[channel] + weight_3 * third[channel]
                continue
            for channel in range(channels):
                total[channel] = weight * first[channel]
            for neighbour in range(1, neighbours):
                row = features[cloud, index[cloud, query, neighbour]]
                weight = weights[cloud, query, neighbour]
                for channel in range(channels):
                    total[channel] += weight * row[channel]


@njit_fused
def _to_features_cpu(start, stop, index, weights, gradient, parts, to_features):
    channels = gradient.shape[2]
    for item in range(start, stop):
        cloud = item // parts
        part = item - cloud * parts
        low, high = channels * part // parts, channels * (part + 1) // parts
        to_features[cloud, :, low:high] = 0
        for query in range(index.shape[1]):
            share = gradient[cloud, query, low:high]
            for neighbour in range(index.shape[2]):
                row = to_features[cloud, index[cloud, query, neighbour], low:high]
                weight = weights[cloud, query, neighbour]
                for channel in range(high - low):
                    row[channel] += weight * share[channel]


@njit_summed
def _to_weights_cpu(start, stop, features, index, gradient, parts, to_weights):
    count = index.shape[1]
    for item in range(start, stop):
        cloud = item // parts
        part = item - cloud * parts
        for query in range(count * part // parts, count * (part + 1) // parts):
            share = gradient[cloud, query]
            for neighbour in range(index.shape[2]):
                row = features[cloud, index[cloud, query, neighbour]]
                total = to_weights.dtype.type(0)
                for channel in range(row.shape[0]):
                    total += row[channel] * share[channel]
                to_weights[cloud, query, neighbour] = total


@torch.library.custom_op("pointvideo::interpolate", mutates_args=(), device_types="cpu")
def _operator(features: Tensor, index: Tensor, weights: Tensor) -> Tensor:
    wide = sum_type(features)
    clouds, count, neighbours = index.shape
    # fused sums pass over an infinite product
    if specified() or not in_range(neighbours * largest(features) * largest(weights), largest(weights), dtype=wide):
        check_range("index", index, 0, features.shape[1] - 1)
        return interpolate_specification(features, index, weights)
    output = torch.empty(clouds, count, features.shape[-1], dtype=wide)
    parts = parts_of(count, clouds, PART)
    valid = np.ones(clouds * parts, dtype=np.bool_)
    share(
        _interpolate_cpu,
        clouds * parts,
        index.numel() * (5 + 0.1 * features.shape[-1]),
        features.detach().to(wide).contiguous().numpy(),
        index.contiguous().numpy(),
        weights.detach().to(wide).contiguous().numpy(),
        parts,
        output.numpy(),
        valid,
    )
    if not valid.all():
        check_range("index", index, 0, features.shape[1] - 1)
    return output.to(features.dtype)


@_operator.register_kernel("cuda")
def _operator_cuda(features: Tensor, index: Tensor, weights: Tensor) -> Tensor:
    check_range("index", index, 0, features.shape[1] - 1)
    launch = launcher("interpolate", "interpolate")
    if launch is None:
        return interpolate_specification(features, index, weights)
    return launch(features.contiguous(), index.contiguous(), weights.contiguous())


@_operator.register_fake
def _operator_fake(features, index, weights):
    return features.new_empty(index.shape[0], index.shape[1], features.shape[2])


@torch.library.custom_op("pointvideo::interpolate_backward", mutates_args=(), device_types="cpu")
def _backward_operator(
    features: Tensor, index: Tensor, weights: Tensor, gradient: Tensor, to_weights: bool
) -> tuple[Tensor, Tensor]:
    """The second result is empty unless asked for."""
    if specified():
        return _both(interpolate_backward_specification(features, index, weights, gradient, to_weights), weights)
    wide = sum_type(features)
    clouds, points, channels = features.shape
    count = index.shape[1]
    index_array = index.contiguous().numpy()
    gradient_array = gradient.detach().to(wide).contiguous().numpy()
    to_features = torch.empty(clouds, points, channels, dtype=wide)
    parts = parts_of(channels, clouds, CHANNELS)
    weights_array = weights.detach().to(wide).contiguous().numpy()
    work = index.numel() * (5 + 0.2 * channels)
    share(
        _to_features_cpu, clouds * parts, work, index_array, weights_array, gradient_array, parts, to_features.numpy()
    )
    if not to_weights:
        return _both((to_features.to(features.dtype), None), weights)
    slopes = torch.empty(weights.shape, dtype=wide)
    parts = parts_of(count, clouds, PART)
    features_array = features.detach().to(wide).contiguous().numpy()
    share(_to_weights_cpu, clouds * parts, work, features_array, index_array, gradient_array, parts, slopes.numpy())
    return to_features.to(features.dtype), slopes.to(weights.dtype)


@_backward_operator.register_kernel("cuda")
def _backward_cuda(
    features: Tensor, index: Tensor, weights: Tensor, gradient: Tensor, to_weights: bool
) -> tuple[Tensor, Tensor]:
    launch = launcher("interpolate", "interpolate_backward") or interpolate_backward_specification
    tensors = (tensor.contiguous() for tensor in (features, index, weights, gradient))
    return _both(launch(*tensors, to_weights), weights)


def _both(gradients: tuple[Tensor, Tensor | None], weights: Tensor) -> tuple[Tensor, Tensor]:
    return gradients[0], weights.new_empty(0) if gradients[1] is None else gradients[1]


@_backward_operator.register_fake
def _backward_fake(features, index, weights, gradient, to_weights):
    return features.new_empty(features.shape), weights.new_empty(weights.shape if to_weights else 0)


refuse_second_derivative(_backward_operator, "interpolate")


def _setup_context(ctx, inputs, output):
    ctx.save_for_backward(*inputs)


def _backward(ctx, gradient):
    asked = ctx.needs_input_grad[2]
    to_features, to_weights = _backward_operator(*ctx.saved_tensors, gradient, asked)
    return to_features if ctx.needs_input_grad[0] else None, None, to_weights if asked else None


_operator.register_autograd(_backward, setup_context=_setup_context)


def interpolate(
    features: Float[Tensor, "clouds points channels"],
    index: Int[Tensor, "clouds queries neighbours"],
    weights: Float[Tensor, "clouds queries neighbours"],
) -> Float[Tensor, "clouds queries channels"]:
    """The sum of ``weights`` times the features of the points that ``index`` names, for each query.

    Args:
        features: float64, float32, float16 or bfloat16. Sums are taken in float32 at least.
        index: int64 points of each query; repeats are allowed.
        weights: of any of these types; :func:`inverse_distances` makes those of 3-nearest-neighbour interpolation.

    Returns:
        Sums in the features' type, differentiable in features and weights, once.

    Raises:
        ValueError: wrong rank, dtype or device, different sizes, no neighbour, or indices out of range.

    Source: Qi et al. 2017, section 3.4, equation 2.
    """
    if not isinstance(features, Tensor) or features.dim() != 3 or features.dtype not in TYPES:
        raise ValueError(f"features: got {described(features)}, expected floating (clouds, points, channels)")
    check_tensor("features", features)
    check_offsets("features", features)
    if not isinstance(index, Tensor) or index.dim() != 3 or index.shape[-1] == 0:
        raise ValueError(f"index: got {described(index)}, expected int64 (clouds, queries, at least one neighbour)")
    check_index("index", index, features)
    if not isinstance(weights, Tensor) or weights.dtype not in TYPES or weights.shape != index.shape:
        raise ValueError(f"weights: got {described(weights)}, expected floating {tuple(index.shape)}")
    check_tensor("weights", weights)
    check_like("weights", weights, features)
    return _operator(features, index, weights)


def described(value) -> str:
    """Type and shape, for a message."""
    return f"{value.dtype} of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__


def inverse_distances(
    distances: Float[Tensor, "clouds queries neighbours"],
) -> Float[Tensor, "clouds queries neighbours"]:
    """Weights 1 / (d + 1e-8), divided by their sum: a coincident point takes nearly all, a missing one nothing."""
    weights = 1 / (distances + EPSILON)
    return weights / weights.sum(dim=-1, keepdim=True)
