r"""Tube moments: mean and covariance of all displacements, from which batch norm's statistics follow.

A linear map's responses :math:`v = W d` to displacements with mean :math:`\mu` and covariance :math:`\Sigma` have,
channel by channel, mean :math:`W \mu` and variance :math:`\operatorname{diag}(W \Sigma W^\top)`, exactly. So
training-mode batch norm between the linear map and the maximum of a tube does not need the responses, and as it is
monotone in each channel, it may follow the maximum (the minimum, where its scale is negative).
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .cpu import njit, parallel_for
from .dispatch import launcher, refuse_second_derivative, specified
from .tubes import check_tube_values, check_tubes, scatter_displacements, tube_displacements

BLOCKS = 64  # fixed, so that the order of summation does not depend on the number of threads
FAR = 100  # a squared mean of so many variances takes another pass, about the mean and in float64
UPPER = torch.triu_indices(4, 4)


def tube_moments_specification(xyz: Tensor, anchors: Tensor, index: Tensor, frame: Tensor) -> tuple[Tensor, Tensor]:
    """The specification, in plain torch; see :func:`tube_moments`."""
    displacement = tube_displacements(xyz, anchors, index, frame).double().flatten(0, 4)
    mean = displacement.mean(dim=0)
    centred = displacement - mean
    return mean, centred.T @ centred / len(displacement)


@njit
def _tube_moments_cpu(start, stop, xyz, anchors, index, frame, centre, partial):
    """Sums of displacements from ``centre`` and of their products, which are rounded to ``centre``'s precision."""
    times, count, window, neighbours = index.shape[1], index.shape[2], index.shape[3], index.shape[4]
    blocks = partial.shape[0]
    items = index.shape[0] * times * count
    for block in range(start, stop):
        sx = sy = sz = st = xx = xy = xz = xt = yy = yz = yt = zz = zt = tt = 0.0
        for item in range(items * block // blocks, items * (block + 1) // blocks):
            batch, rest = divmod(item, times * count)
            time, anchor = divmod(rest, count)
            ax, ay, az = anchors[batch, time, anchor]
            for step in range(window):
                source = frame[time, step]
                t = float(step - window // 2) - centre[3]
                for neighbour in range(neighbours):
                    dx, dy, dz = -ax, -ay, -az
                    if source >= 0:
                        point = index[batch, time, anchor, step, neighbour]
                        dx += xyz[batch, source, point, 0]
                        dy += xyz[batch, source, point, 1]
                        dz += xyz[batch, source, point, 2]
                    x, y, z = dx - centre[0], dy - centre[1], dz - centre[2]
                    sx, sy, sz, st = sx + x, sy + y, sz + z, st + t
                    xx, xy, xz, xt = xx + x * x, xy + x * y, xz + x * z, xt + x * t
                    yy, yz, yt = yy + y * y, yz + y * z, yt + y * t
                    zz, zt, tt = zz + z * z, zt + z * t, tt + t * t
        sums = (sx, sy, sz, st, xx, xy, xz, xt, yy, yz, yt, zz, zt, tt)
        for place in range(14):
            partial[block, place] = sums[place]


def _from_sums(sums: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Mean and covariance from the 4 sums and the 10 sums of products (upper triangle, row by row)."""
    mean = sums[:4] / count
    products = sums.new_zeros(4, 4)
    row, column = UPPER.to(sums.device)
    products[row, column] = sums[4:] / count
    products[column, row] = sums[4:] / count
    return mean, products - mean[:, None] * mean


@torch.library.custom_op("pointvideo::tube_moments", mutates_args=(), device_types="cpu")
def _operator(xyz: Tensor, anchors: Tensor, index: Tensor, frame: Tensor) -> tuple[Tensor, Tensor]:
    check_tube_values(xyz, anchors, index, frame)
    if specified():
        return tube_moments_specification(xyz, anchors, index, frame)
    arrays = [tensor.detach().contiguous().numpy() for tensor in (xyz, anchors, index, frame)]
    mean, covariance = _about(torch.zeros(4), arrays)
    if bool((mean.square() > FAR * covariance.diagonal()).any()):
        shift, covariance = _about(mean, arrays)
        mean = mean + shift
    return mean, covariance


def _about(centre: Tensor, arrays: list[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Mean and covariance of the displacements from ``centre``."""
    partial = torch.zeros(BLOCKS, 14, dtype=torch.float64)
    parallel_for(_tube_moments_cpu, BLOCKS, *arrays, centre.numpy(), partial.numpy())
    return _from_sums(partial.sum(dim=0), arrays[2].size)


@_operator.register_kernel("cuda")
def _operator_cuda(xyz, anchors, index, frame):
    check_tube_values(xyz, anchors, index, frame)
    launch = launcher("tube_moments", "tube_moments")
    if launch is None:
        return tube_moments_specification(xyz, anchors, index, frame)
    return _from_sums(launch(*(tensor.detach().contiguous() for tensor in (xyz, anchors, index, frame))), index.numel())


@_operator.register_fake
def _operator_fake(xyz, anchors, index, frame):
    return xyz.new_empty(4, dtype=torch.float64), xyz.new_empty((4, 4), dtype=torch.float64)


@torch.library.custom_op("pointvideo::tube_moments_backward", mutates_args=())
def _backward_operator(
    xyz: Tensor, anchors: Tensor, index: Tensor, frame: Tensor, mean: Tensor, to_mean: Tensor, to_covariance: Tensor
) -> tuple[Tensor, Tensor]:
    displacement = tube_displacements(xyz, anchors, index, frame).flatten(3, 4).double()
    share = (to_mean + (displacement - mean) @ (to_covariance + to_covariance.T)) / index.numel()
    source = (
        frame[:, :, None].expand(-1, -1, index.shape[4]).flatten(1)[None, :, None].expand(index.flatten(3, 4).shape)
    )
    return scatter_displacements(share[..., :3].to(xyz.dtype), source, index.flatten(3, 4), xyz, anchors)


@_backward_operator.register_fake
def _backward_fake(xyz, anchors, index, frame, mean, to_mean, to_covariance):
    return xyz.new_empty(xyz.shape), anchors.new_empty(anchors.shape)


def _setup_context(ctx, inputs, output):
    ctx.save_for_backward(*inputs, output[0])


def _backward(ctx, to_mean, to_covariance):
    if not (ctx.needs_input_grad[0] or ctx.needs_input_grad[1]):
        return None, None, None, None
    to_xyz, to_anchors = _backward_operator(*ctx.saved_tensors, to_mean, to_covariance)
    return to_xyz if ctx.needs_input_grad[0] else None, to_anchors if ctx.needs_input_grad[1] else None, None, None


_operator.register_autograd(_backward, setup_context=_setup_context)
refuse_second_derivative(_backward_operator, "tube_moments")


def tube_moments(
    xyz: Float[Tensor, "batch frames points 3"],
    anchors: Float[Tensor, "batch times anchors 3"],
    index: Int[Tensor, "batch times anchors window neighbours"],
    frame: Int[Tensor, "times window"],
) -> tuple[Float[Tensor, "4"], Float[Tensor, "4 4"]]:
    """Mean and covariance (divided by the count) of the displacements (dx, dy, dz, dt) of all tubes.

    Every slot counts, the repeats that pad a short ball too, as they do in batch norm over grouped points.

    Args:
        xyz, anchors, index, frame: as for :func:`tube_max`.

    Returns:
        float64 mean and covariance, differentiable in ``xyz`` and ``anchors``. The backward pass holds four numbers a
        neighbour.

    Raises:
        ValueError: shapes that do not fit together, wrong dtypes, indices out of range, not finite input, no tube.

    Source: derived here; batch norm after Ioffe and Szegedy 2015.
    """
    check_tubes(xyz, anchors, index, frame)
    if index.numel() == 0:
        raise ValueError(
            f"index: got shape {tuple(index.shape)}, expected at least one tube (the mean of none is undefined)"
        )
    return _operator(xyz, anchors, index, frame)
