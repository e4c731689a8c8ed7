"""Tubes: what stands around an anchor in the frames of a window; shared by the operators on displacements."""

from __future__ import annotations

import torch
from torch import Tensor

from .checks import OFFSETS, check_finite, check_range, check_tensor, sound


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


def scatter_displacements(
    share: Tensor, source: Tensor, point: Tensor, xyz: Tensor, anchors: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of ``xyz`` and ``anchors`` from those of displacements.

    Args:
        share: (batch, times, anchors, entries, 3) gradients of single displacements.
        source, point: (batch, times, anchors, entries) frame (-1: none) and point of each.
    """
    to_anchors = -share.sum(dim=3)
    flat = source.clamp(min=0) * xyz.shape[2] + point
    share = share.masked_fill((source < 0)[..., None], 0)
    to_xyz = torch.zeros_like(xyz).flatten(1, 2)
    to_xyz = to_xyz.scatter_add(1, flat.flatten(1)[..., None].expand(-1, -1, 3), share.flatten(1, 3))
    return to_xyz.view_as(xyz), to_anchors.view_as(anchors)


def check_tubes(xyz: Tensor, anchors: Tensor, index: Tensor, frame: Tensor) -> None:
    """Refuse tensors that do not fit together; values unseen."""
    for name, value in (("xyz", xyz), ("anchors", anchors), ("index", index), ("frame", frame)):
        check_tensor(name, value)
        if value.device != xyz.device:
            raise ValueError(f"{name}: got device {value.device}, expected {xyz.device} as in the first argument")
    if xyz.dim() != 4 or xyz.shape[-1] != 3 or xyz.dtype != torch.float32:
        raise ValueError(
            f"xyz: got {xyz.dtype} of shape {tuple(xyz.shape)}, expected float32 (batch, frames, points, 3)"
        )
    if index.dim() != 5 or index.dtype != torch.int64 or index.shape[3] * index.shape[4] == 0:
        raise ValueError(
            f"index: got {index.dtype} of shape {tuple(index.shape)}, "
            "expected int64 (batch, times, anchors, window, neighbours) with at least one neighbour"
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
    if index.shape[3] * index.shape[4] > 32767:
        raise ValueError(f"index: got {index.shape[3] * index.shape[4]} neighbours a tube, expected at most 32767")
    for name, value in (("xyz", xyz), ("index", index)):
        if value.shape[1:].numel() > OFFSETS:
            raise ValueError(f"{name}: got {value.shape[1:].numel()} numbers a clip, expected at most {OFFSETS}")


def check_tube_values(xyz: Tensor, anchors: Tensor, index: Tensor, frame: Tensor) -> None:
    """Refuse coordinates that are not finite, points and frames that do not exist."""
    ranges = (index, 0, xyz.shape[2] - 1), (frame, -1, xyz.shape[1] - 1)
    if xyz.device.type != "cpu" and sound((xyz, anchors), ranges):  # one wait for the device instead of four
        return
    check_finite("xyz", xyz)
    check_finite("anchors", anchors)
    check_range("index", index, 0, xyz.shape[2] - 1)
    check_range("frame", frame, -1, xyz.shape[1] - 1)
