"""Targets of points and of tokens, out of those of the patches that the points fall on."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from ..kernels import nearest_neighbors
from ..teachers.render import HIDDEN


def point_targets(
    cell: Int64[Tensor, "batch cameras frames points"], values: Float[Tensor, "batch cameras frames cells channels"]
) -> tuple[Float[Tensor, "batch frames points channels"], Tensor]:
    """Target of each point (Eq. 3), the mean over the cameras that see it, and which points are seen."""
    seen = cell != HIDDEN
    index = cell.clamp(min=0)[..., None].expand(*cell.shape, values.shape[-1])
    found = values.gather(3, index) * seen[..., None]
    return found.sum(dim=1) / seen.sum(dim=1).clamp(min=1)[..., None], seen.any(dim=1)


def token_targets(
    anchors: Float[Tensor, "batch times tokens 3"],
    xyz: Float[Tensor, "batch frames points 3"],
    cell: Int64[Tensor, "batch cameras frames points"],
    values: Float[Tensor, "batch cameras frames cells channels"],
) -> tuple[Float[Tensor, "batch times tokens channels"], Tensor]:
    """Target of each token, that of the nearest point of its own frame (Eq. 4), and which tokens have one.

    A network that keeps fewer frames than the clip has tokens of every so-many-th frame.
    """
    batch, frames, points, _ = xyz.shape
    times, count = anchors.shape[1:3]
    frame = torch.arange(times, device=xyz.device) * (frames // times)
    if frames % times:
        raise ValueError(f"tokens: got {times} frames of tokens for {frames} frames, expected a divisor")
    clouds, queries = xyz[:, frame].flatten(0, 1), anchors.detach().flatten(0, 1)
    nearest = nearest_neighbors(clouds.contiguous(), queries.contiguous(), 1)[1].view(batch, 1, times, count)
    cell = cell[:, :, frame].gather(3, nearest.expand(-1, cell.shape[1], -1, -1))
    return point_targets(cell, values[:, :, frame])
