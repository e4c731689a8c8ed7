r"""Shade: depth images of a clip as grey ones, near light and far dark.

Over all images of a clip, the nearest depth is 1 and the farthest 1 − ``contrast``, in between

.. math:: 1 - c \cdot (Z - Z_\mathrm{near}) / \max(Z_\mathrm{far} - Z_\mathrm{near}, 10^{-6})

and 0 where nothing is drawn, which an infinite depth says.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .checks import check_tensor, number
from .cpu import njit, njit_dividing, share
from .dispatch import specified

THINNEST = 1e-6  # the least extent of a clip in depth
INFINITE = 0x7F800000  # the bits of an infinite float32


def shade_specification(depth: Tensor, contrast: float) -> Tensor:
    """The specification, in plain torch; see :func:`shade`."""
    there = depth.isfinite()
    near = depth.flatten(1).amin(dim=1)[:, None, None, None]
    far = depth.masked_fill(~there, -torch.inf).flatten(1).amax(dim=1)[:, None, None, None]
    share = (depth.where(there, near) - near) / (far - near).clamp(min=THINNEST)
    return torch.where(there, 1 - contrast * share, 0.0)


@njit
def _extent_cpu(start, stop, bits, near, far):
    """The smallest and the largest finite depth of each image, as bits, which have the order of depths from 0 on."""
    for image in range(start, stop):
        low, high = np.int32(INFINITE), np.int32(-1)
        for place in range(bits.shape[1]):
            value = bits[image, place]
            low = min(low, value)
            high = max(high, value if value < np.int32(INFINITE) else np.int32(-1))
        near[image], far[image] = low, high


@njit_dividing
def _shade_cpu(start, stop, depth, near, extent, contrast, grey):
    one, zero, infinite = np.float32(1), np.float32(0), np.float32(np.inf)
    for image in range(start, stop):
        nearest, thick = near[image], extent[image]
        for place in range(depth.shape[1]):
            value = depth[image, place]
            shaded = one - contrast * ((value - nearest) / thick)
            grey[image, place] = shaded if value < infinite else zero


@torch.library.custom_op("pointvideo::shade", mutates_args=(), device_types=("cpu", "cuda"))
def _operator(depth: Tensor, contrast: float) -> Tensor:
    """What :func:`shade` returns; like the drawing before it, a GPU runs the specification."""
    if specified() or depth.device.type != "cpu":
        return shade_specification(depth, contrast)
    clips, frames, height, width = depth.shape
    images = depth.contiguous().view(clips * frames, height * width)
    grey = torch.empty_like(images)
    near, far = (torch.empty(clips * frames, dtype=torch.int32) for _ in range(2))
    nanoseconds = 0.5 * images.numel()
    share(_extent_cpu, len(images), nanoseconds, images.view(torch.int32).numpy(), near.numpy(), far.numpy())
    if images.numel():
        near, far = near.view(clips, frames).amin(dim=1), far.view(clips, frames).amax(dim=1)
        near = near.view(torch.float32)
        far = torch.where(far < 0, -torch.inf, far.view(torch.float32))
        extent = (far - near).clamp(min=THINNEST)
        of_image = (values.repeat_interleave(frames).numpy() for values in (near, extent))
        share(_shade_cpu, len(images), nanoseconds, images.numpy(), *of_image, np.float32(contrast), grey.numpy())
    return grey.view(depth.shape)


@_operator.register_fake
def _operator_fake(depth, contrast):
    return torch.empty_like(depth, memory_format=torch.contiguous_format)


def shade(
    depth: Float[Tensor, "clips frames height width"], contrast: float
) -> Float[Tensor, "clips frames height width"]:
    """Grey images out of depth images, as :func:`.draw_points` gives them.

    Args:
        depth: float32, 0 or more, infinite where nothing is.
        contrast: how much darker the farthest pixel of a clip is than the nearest, up to 1.

    Raises:
        ValueError: wrong shape, dtype or contrast.

    Source: our choice for Cross4D-JEPA, section 3.1, which does not state its shading.
    """
    check_tensor("depth", depth, "a tensor of shape (clips, frames, height, width)")
    if depth.dim() != 4 or depth.dtype != torch.float32:
        raise ValueError(f"depth: got {depth.dtype} of shape {tuple(depth.shape)}, expected float32 (clips, frames, "
                         "height, width)")  # fmt: skip
    if not isinstance(contrast, (int, float)) or not 0 < contrast <= 1:
        raise ValueError(f"contrast: got {number(contrast)}, expected a number above 0 and at most 1")
    return _operator(depth.detach(), float(contrast))
