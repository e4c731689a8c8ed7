"""Point tubes: what lies around a token's place in its own frame and in those before and after it.

The ball stands still. Of each frame it holds some points, relative to its middle and in units of its radius, and in
each of its octants a number of points, whose change from one frame to the next says which way something moves.

Shen et al., "Masked spatio-temporal structure prediction for self-supervised learning on point cloud videos"
(MaST-Pre), ICCV 2023, section 3; sizes as in the released code, whose tubes are those of its encoder. Theirs: eight
parts, two along the height and four around it, which are the octants; the points counted are those drawn, at most
``points`` a frame; a clip's first and last frame repeat. Ours: a point counts in its own octant alone, where the
released code shares it with the neighbouring ones; points relative to the ball, where the released code has those of
the clip; a frame whose ball is empty has no points to be predicted, where the released code takes the frame's first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from ..kernels import ball_query
from ..values import Checked, Count, OddCount, Positive

OCTANTS = 8


@dataclass(frozen=True)
class PointTube(Checked):
    """Sizes of a tube."""

    radius: Positive = 0.3  # in the unit of the coordinates, a clip's radius; Uni4D's on MSR-Action3D
    points: Count = 32  # of a frame
    frames: OddCount = 3


class TubeTruth(NamedTuple):
    """What tubes hold.

    ``xyz`` (batch, queries, frames, points, 3) in radii; ``filled`` (batch, queries, frames), where there are points at
    all; ``counts`` (batch, queries, frames, octants), float.
    """

    xyz: Tensor
    filled: Tensor
    counts: Tensor


def point_tubes(
    xyz: Float[Tensor, "batch frames points 3"],
    anchors: Float[Tensor, "batch frames tokens 3"],
    index: Int64[Tensor, "batch queries"],
    tube: PointTube,
) -> TubeTruth:
    """The tubes of some of a clip's tokens.

    Args:
        xyz: whole clips.
        anchors: where their tokens stand.
        index: numbers of tokens, among frames x tokens.
        tube: sizes.
    """
    frames, tokens = anchors.shape[1:3]
    row = torch.arange(len(xyz), device=xyz.device)[:, None]
    middle = anchors.flatten(1, 2)[row, index]
    parts = []
    for shift in range(-(tube.frames // 2), tube.frames // 2 + 1):
        other = (torch.arange(frames, device=xyz.device) + shift).clamp(0, frames - 1)
        clouds = xyz[:, other].flatten(0, 1)
        near = ball_query(clouds, anchors.flatten(0, 1), tube.radius, tube.points)
        near = near.view(len(xyz), frames * tokens, -1)[row, index]
        found = xyz[row[..., None], other[index // tokens][..., None], near]
        relative = (found - middle[:, :, None]) / tube.radius
        filled = relative[:, :, 0].square().sum(dim=-1) < 1
        parts.append((relative, filled, _counts(relative, near, filled)))
    return TubeTruth(*(torch.stack(values, dim=2) for values in zip(*parts, strict=True)))


def _counts(relative: Tensor, near: Tensor, filled: Tensor) -> Tensor:
    """Points in each octant; repetitions of the first one, which fill a ball of few points up, count once."""
    octant = ((relative > 0) * torch.tensor([1, 2, 4], device=relative.device)).sum(dim=-1)
    once = near != near[..., :1]
    once[..., 0] = True
    once &= filled[..., None]
    counts = relative.new_zeros(*near.shape[:-1], OCTANTS)
    return counts.scatter_add(-1, octant, once.to(relative.dtype))
