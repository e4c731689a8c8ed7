"""Geometric augmentation of clips: scale, turn about the vertical axis, mirror; drawn once a clip for all its frames.

The data loaders of the papers' code stretch MSR-Action3D by 0.9-1.1 per axis about the origin, scale HOI4D and
Synthia 4D by 0.8-1.2 about the scene's centre and turn the latter, and mirror half of the clips. As released the mirror
negates the first point of every frame instead; that is ``mirror="first_point"``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pointvideo.data.sampling import scale_augment
from pointvideo.values import Checked, Positive, Within


@dataclass(frozen=True)
class Augment(Checked):
    """What is drawn for each clip; the defaults are MSR-Action3D's."""

    low: Positive = 0.9  # smallest scale factor
    high: Positive = 1.1
    per_axis: bool = True  # one factor an axis, else one for all
    around: Literal["origin", "centre"] = "origin"  # fixed point of scaling, turning and mirroring
    turn_degrees: Annotated[float, Within(low=0, high=180)] = 0.0  # largest about the vertical axis (y), either way
    mirror: Literal["none", "x", "first_point"] = "none"  # with probability one half

    def __post_init__(self):
        super().__post_init__()
        if self.low > self.high:
            raise ValueError(f"Augment: got factors {self.low!r} to {self.high!r}, expected 0 < low <= high")


def apply(
    augment: Augment | None,
    xyz: Float[Tensor, "batch frames points 3"],
    seed: int,
    centre: Float[Tensor, "batch 3"] | None = None,
) -> Float[Tensor, "batch frames points 3"]:
    """The clips as ``augment`` draws them; None leaves them alone.

    Args:
        augment: what is drawn.
        xyz: clips.
        seed: of the draws; the clip's position in the batch enters, too.
        centre: of each clip, for ``around="centre"``; left out, the mean of its first frame.
    """
    if augment is None:
        return xyz
    if augment == Augment(augment.low, augment.high):
        return scale_augment(xyz, seed, augment.low, augment.high)
    random = np.random.default_rng(np.random.SeedSequence([seed & 0xFFFFFFFFFFFFFFFF, 0xA06]))
    clips = len(xyz)
    factors = random.uniform(augment.low, augment.high, (clips, 3))
    angle = np.deg2rad(augment.turn_degrees) * random.uniform(-1, 1, clips)
    mirrored = random.random(clips) < 0.5
    if not augment.per_axis:
        factors = np.broadcast_to(factors[:, :1], (clips, 3))
    matrix = np.zeros((clips, 3, 3))
    matrix[:, 0, 0] = matrix[:, 2, 2] = np.cos(angle)
    matrix[:, 0, 2], matrix[:, 2, 0] = np.sin(angle), -np.sin(angle)
    matrix[:, 1, 1] = 1.0
    matrix = matrix * factors[:, None, :]
    if augment.mirror == "x":
        matrix[mirrored, :, 0] *= -1.0
    if augment.mirror == "first_point":
        xyz = xyz.clone()
        xyz[torch.from_numpy(mirrored), :, 0] *= -1.0
    if augment.around == "origin":
        centre = xyz.new_zeros(clips, 3)
    elif centre is None:
        centre = xyz[:, 0].mean(dim=1)
    centre = centre.to(xyz)[:, None, None]
    turned = torch.einsum("bfpi,boi->bfpo", xyz - centre, torch.from_numpy(matrix).to(xyz))
    return turned + centre
