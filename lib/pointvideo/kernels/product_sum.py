r"""Product sum: the point spatio-temporal convolution by products, without its neighbours' channels in memory.

For an anchor :math:`a` with neighbours :math:`p_k` that have features :math:`f_k`,

.. math:: y_c = \sum_k f_{kc} \; \bigl( W_c \cdot (p_k - a) \bigr) .

Written out, that is neighbours × channels numbers three times: features, responses, products. Here one loop gathers a
neighbour's features, multiplies and adds; the backward pass computes the responses once more. The padding of a short
ball counts, since the authors' sum counts it: the first neighbour is taken as many times over.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .checks import check_index, check_offsets, check_range, check_tensor
from .cpu import njit, njit_fused, njit_summed, parallel_for
from .dispatch import refuse_second_derivative, specified

PARTS = 16  # of a cloud's points; fixed, so that the order of summation does not depend on the number of threads


def product_sum_specification(features: Tensor, xyz: Tensor, anchors: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    """The specification, in plain torch, one neighbour of every anchor at a time; see :func:`product_sum`."""
    total = features.new_zeros(*index.shape[:2], features.shape[2])
    for members in index.unbind(2):
        total = total + _rows(features, members) * ((_rows(xyz, members) - anchors) @ weight.T)
    return total


def _rows(values: Tensor, members: Tensor) -> Tensor:
    return values.gather(1, members[..., None].expand(-1, -1, values.shape[2]))


def _backward_specification(features, xyz, anchors, index, weight, gradient):
    to_features, to_xyz = torch.zeros_like(features), torch.zeros_like(xyz)
    to_anchors, to_weight = torch.zeros_like(anchors), torch.zeros_like(weight)
    for members in index.unbind(2):
        apart, rows = _rows(xyz, members) - anchors, _rows(features, members)
        wide = members[..., None].expand(-1, -1, features.shape[2])
        to_features.scatter_add_(1, wide, gradient * (apart @ weight.T))
        share = gradient * rows
        to_weight += torch.einsum("bgc,bga->ca", share, apart)
        share = share @ weight
        to_xyz.scatter_add_(1, members[..., None].expand(-1, -1, 3), share)
        to_anchors -= share
    return to_features, to_xyz, to_anchors, to_weight


@njit
def _displacements(xyz, anchor, members, apart):
    """Write each neighbour's displacement, the first one's times its number of repeats; the neighbours written."""
    count, first = members.shape[0], members[0]
    found = 0
    for place in range(count):
        point = members[place]
        if place > 0 and point == first:
            break  # padding from here on
        for axis in range(3):
            apart[place, axis] = xyz[point, axis] - anchor[axis]
        found += 1
    for axis in range(3):
        apart[0, axis] *= np.float32(count - found + 1)
    return found


@njit_fused
def _product_sum_cpu(start, stop, features, xyz, anchors, index, weight, output):
    groups, channels = index.shape[1], features.shape[2]
    apart = np.empty((index.shape[2], 3), np.float32)
    wx, wy, wz = weight[0], weight[1], weight[2]
    for item in range(start, stop):
        cloud, group = divmod(item, groups)
        members = index[cloud, group]
        found = _displacements(xyz[cloud], anchors[cloud, group], members, apart)
        total = output[cloud, group]
        for channel in range(channels):
            total[channel] = np.float32(0)
        place = 0
        while place + 1 < found:
            x0, y0, z0 = apart[place]
            x1, y1, z1 = apart[place + 1]
            r0, r1 = features[cloud, members[place]], features[cloud, members[place + 1]]
            for channel in range(channels):
                a, b, c = wx[channel], wy[channel], wz[channel]
                one = r0[channel] * (a * x0 + b * y0 + c * z0)
                total[channel] += one + r1[channel] * (a * x1 + b * y1 + c * z1)
            place += 2
        if place < found:
            x, y, z = apart[place]
            row = features[cloud, members[place]]
            for channel in range(channels):
                total[channel] += row[channel] * (wx[channel] * x + wy[channel] * y + wz[channel] * z)


@njit
def _hits_cpu(start, stop, xyz, anchors, index, begin, group, apart):
    """Turn each cloud's index round: point ``p`` is a neighbour of the groups in slots ``begin[p] … begin[p+1]-1``."""
    groups, neighbours = index.shape[1], index.shape[2]
    points = xyz.shape[1]
    some = np.empty((neighbours, 3), np.float32)
    place = np.empty(points, np.int32)
    for cloud in range(start, stop):
        first = begin[cloud]
        first[: points + 1] = 0
        for item in range(groups):
            members = index[cloud, item]
            for slot in range(neighbours):
                if slot > 0 and members[slot] == members[0]:
                    break
                first[members[slot] + 1] += 1
        for point in range(points):
            first[point + 1] += first[point]
            place[point] = first[point]
        for item in range(groups):
            members = index[cloud, item]
            found = _displacements(xyz[cloud], anchors[cloud, item], members, some)
            for slot in range(found):
                hit = place[members[slot]]
                place[members[slot]] = hit + 1
                group[cloud, hit] = item
                for axis in range(3):
                    apart[cloud, axis, hit] = some[slot, axis]


@njit_fused
def _add(g0, g1, g2, g3, d, hit, total):
    d0, d1, d2, d3 = d[hit], d[hit + 1], d[hit + 2], d[hit + 3]
    for channel in range(total.shape[0]):
        total[channel] += g0[channel] * d0 + g1[channel] * d1 + g2[channel] * d2 + g3[channel] * d3


@njit_fused
def _add_one(g0, d0, total):
    for channel in range(total.shape[0]):
        total[channel] += g0[channel] * d0


@njit_fused
def _add_product(first, second, total):
    for channel in range(total.shape[0]):
        total[channel] += first[channel] * second[channel]


@njit_fused
def _backward_cpu(start, stop, features, weight, gradient, begin, group, apart, to_features, partial):
    """Gradients of the points ``PARTS`` share out: with N = sum over hits of gradient times displacement, W · N and
    f · N."""
    points, channels = features.shape[1], features.shape[2]
    sums = np.empty((3, channels), np.float32)
    nx, ny, nz = sums[0], sums[1], sums[2]
    for item in range(start, stop):
        cloud, part = divmod(item, PARTS)
        values, who, to_weight = gradient[cloud], group[cloud], partial[item]
        dx, dy, dz = apart[cloud, 0], apart[cloud, 1], apart[cloud, 2]
        for axis in range(3):
            for channel in range(channels):
                to_weight[axis, channel] = np.float32(0)
        for point in range(points * part // PARTS, points * (part + 1) // PARTS):
            row, total = features[cloud, point], to_features[cloud, point]
            for channel in range(channels):
                total[channel] = np.float32(0)
            first, last = begin[cloud, point], begin[cloud, point + 1]
            if first == last:
                continue
            for channel in range(channels):
                nx[channel], ny[channel], nz[channel] = np.float32(0), np.float32(0), np.float32(0)
            hit = first
            while hit + 3 < last:
                g0, g1 = values[who[hit]], values[who[hit + 1]]
                g2, g3 = values[who[hit + 2]], values[who[hit + 3]]
                _add(g0, g1, g2, g3, dx, hit, nx)
                _add(g0, g1, g2, g3, dy, hit, ny)
                _add(g0, g1, g2, g3, dz, hit, nz)
                hit += 4
            while hit < last:
                g0 = values[who[hit]]
                _add_one(g0, dx[hit], nx)
                _add_one(g0, dy[hit], ny)
                _add_one(g0, dz[hit], nz)
                hit += 1
            for axis in range(3):
                _add_product(sums[axis], row, to_weight[axis])
                _add_product(sums[axis], weight[axis], total)


@njit_summed
def _coordinates_cpu(start, stop, features, index, weight, gradient, to_xyz, to_anchors):
    channels = features.shape[2]
    for cloud in range(start, stop):
        for group in range(index.shape[1]):
            values = gradient[cloud, group]
            for place in range(index.shape[2]):
                point = index[cloud, group, place]
                row = features[cloud, point]
                x = y = z = np.float32(0)
                for channel in range(channels):
                    share = values[channel] * row[channel]
                    x += share * weight[0, channel]
                    y += share * weight[1, channel]
                    z += share * weight[2, channel]
                for axis, share in enumerate((x, y, z)):
                    to_xyz[cloud, point, axis] += share
                    to_anchors[cloud, group, axis] -= share


@torch.library.custom_op("pointvideo::product_sum", mutates_args=(), device_types="cpu")
def _operator(features: Tensor, xyz: Tensor, anchors: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    check_range("index", index, 0, features.shape[1] - 1)
    if specified() or features.dtype != torch.float32:
        return product_sum_specification(features, xyz, anchors, index, weight)
    output = torch.empty(*index.shape[:2], features.shape[2])
    arrays = (one.detach().contiguous().numpy() for one in (features, xyz, anchors, index, weight.T))
    parallel_for(_product_sum_cpu, index.shape[:2].numel(), *arrays, output.numpy())
    return output


@_operator.register_kernel("cuda")
def _operator_cuda(features, xyz, anchors, index, weight):
    check_range("index", index, 0, features.shape[1] - 1)
    return product_sum_specification(features, xyz, anchors, index, weight)


@_operator.register_fake
def _operator_fake(features, xyz, anchors, index, weight):
    return features.new_empty(*index.shape[:2], features.shape[2])


@torch.library.custom_op("pointvideo::product_sum_backward", mutates_args=(), device_types="cpu")
def _backward_operator(
    features: Tensor,
    xyz: Tensor,
    anchors: Tensor,
    index: Tensor,
    weight: Tensor,
    gradient: Tensor,
    coordinates: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    if specified() or features.dtype != torch.float32:
        return _backward_specification(features, xyz, anchors, index, weight, gradient)
    clouds, points, channels = features.shape
    tensors = (features, xyz, anchors, index, weight.T, gradient)
    rows, places, centres, members, linear, values = (one.detach().contiguous().numpy() for one in tensors)
    hits = index.shape[1:].numel()
    begin, group = torch.empty(clouds, points + 1, dtype=torch.int32), torch.empty(clouds, hits, dtype=torch.int32)
    turned = [begin.numpy(), group.numpy(), torch.empty(clouds, 3, hits).numpy()]
    parallel_for(_hits_cpu, clouds, places, centres, members, *turned)
    to_features, partial = torch.empty(features.shape), torch.empty(clouds * PARTS, 3, channels)
    parallel_for(_backward_cpu, clouds * PARTS, rows, linear, values, *turned, to_features.numpy(), partial.numpy())
    to_xyz, to_anchors = torch.zeros(xyz.shape), torch.zeros(anchors.shape)
    if coordinates:
        images = (to_xyz.numpy(), to_anchors.numpy())
        parallel_for(_coordinates_cpu, clouds, rows, members, linear, values, *images)
    return to_features, to_xyz, to_anchors, partial.sum(dim=0).T.contiguous()


@_backward_operator.register_kernel("cuda")
def _backward_cuda(features, xyz, anchors, index, weight, gradient, coordinates):
    return _backward_specification(features, xyz, anchors, index, weight, gradient)


@_backward_operator.register_fake
def _backward_fake(features, xyz, anchors, index, weight, gradient, coordinates):
    return tuple(one.new_empty(one.shape) for one in (features, xyz, anchors, weight))


def _setup_context(ctx, inputs, output):
    ctx.save_for_backward(*inputs)
    ctx.set_materialize_grads(False)


def _backward(ctx, gradient):
    if gradient is None:
        return None, None, None, None, None
    asked = ctx.needs_input_grad
    found = _backward_operator(*ctx.saved_tensors, gradient, asked[1] or asked[2])
    to_features, to_xyz, to_anchors, to_weight = found
    every = (to_features, to_xyz, to_anchors, None, to_weight)
    return tuple(one if wanted else None for one, wanted in zip(every, asked, strict=True))


_operator.register_autograd(_backward, setup_context=_setup_context)
refuse_second_derivative(_backward_operator, "product_sum")


def product_sum(
    features: Float[Tensor, "clouds points channels"],
    xyz: Float[Tensor, "clouds points 3"],
    anchors: Float[Tensor, "clouds groups 3"],
    index: Int[Tensor, "clouds groups neighbours"],
    weight: Float[Tensor, "channels 3"],
) -> Float[Tensor, "clouds groups channels"]:
    """Sum over each group's points of their features times ``weight @ (point - anchor)``.

    Args:
        features: floating; half precision is computed in float32, float64 in itself and slowly.
        xyz: the points.
        anchors: what each group's displacements start from.
        index: int64 points of each group, as :func:`ball_query` gives them: a row that returns to its first entry is
            taken as padded from there on, and its padding counts.
        weight: the linear map of displacements.

    Returns:
        Sums in the features' type, differentiable once in all but ``index``.

    Raises:
        ValueError: wrong rank, dtype or device, different sizes, empty groups, indices out of range.

    Source: PSTConv with multiplication and sum (Fan et al., PSTNet, ICLR 2021, as released).
    """
    given = {"features": features, "xyz": xyz, "anchors": anchors, "weight": weight}
    for name, value in given.items():
        check_tensor(name, value)
        if not value.is_floating_point() or value.dim() != (2 if name == "weight" else 3):
            found = f"{value.dtype} of shape {tuple(value.shape)}"
            raise ValueError(f"{name}: got {found}, expected floating (clouds, points, channels), weight (channels, 3)")
    if not isinstance(index, Tensor) or index.dim() != 3 or index.shape[-1] == 0:
        found = f"shape {tuple(index.shape)}" if isinstance(index, Tensor) else type(index).__name__
        raise ValueError(f"index: got {found}, expected (clouds, groups, at least one neighbour)")
    check_index("index", index, features)
    check_offsets("features", features)
    clouds, points, channels = features.shape
    shapes = {"xyz": (clouds, points, 3), "anchors": (clouds, index.shape[1], 3), "weight": (channels, 3)}
    for name, shape in shapes.items():
        if given[name].shape != shape or given[name].device != features.device:
            found = f"shape {tuple(given[name].shape)} on {given[name].device}"
            raise ValueError(f"{name}: got {found}, expected {shape} on {features.device}")
    wide = torch.float64 if features.dtype == torch.float64 else torch.float32
    floats = (one.to(wide) for one in (features, xyz, anchors))
    return _operator(*floats, index, weight.to(wide)).to(features.dtype)
