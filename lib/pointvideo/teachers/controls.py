"""Teachers that know less than a trained image network: what they teach as well, the network's knowledge did not.

:class:`PatchPosition` looks at nothing: a patch of the image has one random vector for ever. :class:`LocalGeometry`
looks at the points themselves: their surface's direction and shape, averaged over the points that a patch shows.
An untrained network is ``EfficientNetLite(weights="untrained")``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from ..values import Checked, Count, Whole, Within
from .contract import check_grid
from .render import HIDDEN, Drawn, patch_of


@dataclass(frozen=True)
class PatchPosition(Checked):
    """A fixed random vector for each patch of the image; no network, no image."""

    side: Count = 144
    patch: Count = 16  # pixels
    width: Count = 112
    seed: Whole = 0

    def __post_init__(self):
        super().__post_init__()
        check_grid("PatchPosition.side", self.side, self.patch)

    @property
    def title(self) -> str:
        return f"position of the patch alone, {self.grid} x {self.grid}, seed {self.seed}"

    @property
    def grid(self) -> int:
        return self.side // self.patch

    def build(self) -> Callable[[Drawn], Tensor]:
        """What gives the maps of a drawn clip."""
        random = torch.Generator().manual_seed(self.seed)
        vectors = torch.randn(self.grid, self.grid, self.width, generator=random)
        return lambda drawn: vectors.expand(*drawn.images.shape[:2], -1, -1, -1)


SHAPES = 4  # linearity, planarity, scattering, verticality


@dataclass(frozen=True)
class LocalGeometry(Checked):
    """The geometry around the points of a patch: the normal's direction, shape of the neighbourhood, height, depth.

    A point's neighbourhood is its nearest points; linearity, planarity, scattering and verticality come from the
    eigenvalues of their covariance (Demantké et al., 2011), by ``pgeof``. The eight (height and depth are in radii of
    the clip) are standardised over the points of the clip, averaged over the patch and stand side by side with random
    Fourier features of themselves up to ``width`` channels, so that directions of a vector tell their values apart.
    """

    side: Count = 144
    patch: Count = 16  # pixels
    width: Annotated[int, Within(low=10)] = 112
    neighbours: Annotated[int, Within(low=4)] = 16
    seed: Whole = 0  # of the Fourier features

    def __post_init__(self):
        super().__post_init__()
        check_grid("LocalGeometry.side", self.side, self.patch)

    @property
    def title(self) -> str:
        return f"local geometry of the points, {self.grid} x {self.grid}"

    @property
    def grid(self) -> int:
        return self.side // self.patch

    def build(self) -> Callable[[Drawn], Tensor]:
        """What gives the maps of a drawn clip.

        Raises:
            ValueError: ``pgeof`` is not installed.
        """
        try:
            import pgeof  # noqa: F401
        except ImportError as error:
            raise ValueError(
                f"{self.title}: no package pgeof, expected that of the extra 'teachers' "
                "(pip install 'pointvideo[teachers]')"
            ) from error
        return self._maps

    def _maps(self, drawn: Drawn) -> Tensor:
        cameras, frames = drawn.pixel.shape[:2]
        values = torch.stack([self.describe(frame) for frame in drawn.xyz])
        values = (values - values.mean(dim=(0, 1))) / values.std(dim=(0, 1)).clamp(min=1e-6)
        cells = self.grid**2
        patch = patch_of(drawn.pixel, self.side, self.grid).flatten(0, 1)
        patch = torch.where(patch == HIDDEN, cells, patch)
        every = values.repeat(cameras, 1, 1)
        sums = every.new_zeros(len(patch), cells + 1, values.shape[-1])
        sums = sums.scatter_add(1, patch[..., None].expand(-1, -1, values.shape[-1]), every)
        count = every.new_zeros(len(patch), cells + 1).scatter_add(1, patch, torch.ones_like(every[..., 0]))
        means = (sums / count.clamp(min=1)[..., None])[:, :cells]
        random = torch.Generator().manual_seed(self.seed)
        half = (self.width - means.shape[-1]) // 2
        odd = self.width - means.shape[-1] - 2 * half
        angle = means @ torch.randn(means.shape[-1], half + odd, generator=random)
        waves = torch.cat([angle.sin(), angle[..., :half].cos()], dim=-1)
        return torch.cat([means, waves], dim=-1).view(cameras, frames, self.grid, self.grid, self.width)

    def describe(self, xyz: Tensor) -> Tensor:
        """Descriptors (points, 9) of one frame (points, 3): shape, normal turned to the sensor, height, depth."""
        import pgeof

        points = np.ascontiguousarray(xyz.numpy(), dtype=np.float32)
        count = min(self.neighbours, len(points))
        near, _ = pgeof.knn_search(points, points, count)
        start = np.arange(0, near.size + 1, count, dtype=np.uint32)
        found = pgeof.compute_features(points, near.astype(np.uint32).reshape(-1), start)
        found = torch.from_numpy(np.nan_to_num(found))
        normal = found[:, SHAPES : SHAPES + 3]
        normal = torch.where(normal[:, 2:] > 0, -normal, normal)  # to the sensor, which looks along +z
        return torch.cat([found[:, :SHAPES], normal, xyz[:, 1:]], dim=1)
