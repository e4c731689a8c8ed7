"""One rotation, scale and translation a clip, the same for all its frames: a second view of the same points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..backbones.contract import Clip
from ..data.augment import Augment, apply
from ..recipe import stable_seed
from ..values import Checked, NotNegative


@dataclass(frozen=True)
class GeometricTransform(Checked):
    """What is drawn for each clip; the defaults are for what stands in a room and may be seen from anywhere.

    Liu et al., "CrossVideo", ICRA 2024, section III-D, name the three kinds without their ranges. Rotation and scale
    are those of the data loaders of HOI4D's baselines.
    """

    turn_and_scale: Augment = Augment(0.8, 1.2, per_axis=False, around="centre", turn_degrees=180.0)
    shift: NotNegative = 0.05  # largest, along each axis, as a share of the clip's extent there

    @classmethod
    def egocentric(cls) -> GeometricTransform:
        """Of a scene in front of a camera that somebody wears: it turns by 0.05 pi at most."""
        return cls(Augment(0.8, 1.2, per_axis=False, around="centre", turn_degrees=9.0))

    def move(self, clip: Clip, seed: int) -> Clip:
        """The clips as drawn; the fields of their points go along.

        Args:
            clip: (batch, frames, points, 3).
            seed: of the draws; the clip's position in the batch enters, too.
        """
        xyz = clip.xyz
        extent = xyz.amax(dim=(1, 2)) - xyz.amin(dim=(1, 2))
        random = np.random.default_rng(np.random.SeedSequence([seed & 0xFFFFFFFFFFFFFFFF, 0x5F1F]))
        shift = extent * torch.from_numpy(random.uniform(-self.shift, self.shift, (len(xyz), 3))).to(xyz)
        moved = apply(self.turn_and_scale, xyz, stable_seed(seed, 1), xyz.mean(dim=(1, 2)))
        return Clip(moved + shift[:, None, None], clip.fields)
