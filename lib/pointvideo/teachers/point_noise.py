"""A control of what is taught from several views: a random vector for each point of a cloud, for ever.

What a patch shows is the mean of its points' vectors, so all views agree with each other as those of a real teacher can
not more, and nothing in them is of the shape. It stands for clouds whose points are drawn once: a cloud's vectors are a
function of its coordinates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..values import Checked, Count, Whole
from .contract import check_grid
from .render import HIDDEN, Drawn, patch_of


@dataclass(frozen=True)
class PointNoise(Checked):
    """A fixed random vector for each point; no network, no image."""

    side: Count = 224
    patch: Count = 16  # pixels
    width: Count = 112
    seed: Whole = 0

    def __post_init__(self):
        super().__post_init__()
        check_grid("PointNoise.side", self.side, self.patch)

    @property
    def title(self) -> str:
        return f"a random vector a point, {self.grid} x {self.grid}, seed {self.seed}"

    @property
    def grid(self) -> int:
        return self.side // self.patch

    def build(self) -> Callable[[Drawn], Tensor]:
        """What gives the maps of a drawn clip."""
        return self._maps

    def _maps(self, drawn: Drawn) -> Tensor:
        cells, values = self.grid**2, torch.stack([self.vectors(cloud) for cloud in drawn.xyz])
        patch = patch_of(drawn.pixel, self.side, self.grid)
        patch = torch.where(patch == HIDDEN, cells, patch)[..., None]
        every = values.expand(len(patch), *values.shape)
        sums = every.new_zeros(*patch.shape[:2], cells + 1, self.width)
        sums = sums.scatter_add(2, patch.expand_as(every), every)
        count = sums.new_zeros(*patch.shape[:2], cells + 1, 1).scatter_add(2, patch, torch.ones_like(every[..., :1]))
        means = (sums / count.clamp(min=1))[:, :, :cells]
        return means.unflatten(2, (self.grid, self.grid))

    def vectors(self, cloud: Tensor) -> Tensor:
        """Of every point of a cloud (points, 3)."""
        words = cloud.contiguous().numpy().tobytes() + self.seed.to_bytes(8, "little")
        random = torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(words).digest()[:7], "little"))
        return torch.randn(len(cloud), self.width, generator=random)
