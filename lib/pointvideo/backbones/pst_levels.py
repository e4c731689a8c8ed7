"""The six levels that PSTNet and PSTNet++ share: how fast points and frames become fewer, and how wide a level is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from ..values import Checked, Count, Filled, OddCount, Positive, Whole


@dataclass(frozen=True)
class PSTLevel(Checked):
    """One convolution."""

    middle: Count  # channels of the spatial convolution
    width: Count  # channels of the temporal one
    radius: Positive = 1.0  # of the balls, in radii of the first level
    spatial_stride: Count = 1  # points per anchor
    temporal_kernel: OddCount = 1  # frames
    temporal_stride: Count = 1  # frames
    temporal_padding: tuple[Whole, Whole] = (0, 0)  # frames before, after

    def arguments(self, radius: float) -> dict:
        """Keyword arguments of a level's layer, where ``radius`` is the first level's."""
        names = ("spatial_stride", "temporal_kernel", "temporal_stride", "temporal_padding")
        return {"radius": radius * self.radius} | {name: getattr(self, name) for name in names}


Levels = Annotated[tuple[PSTLevel, ...], Filled()]

# for MSR-Action3D; a clip of T frames and N points ends as T / 4 frames of N / 16 points
PADDED = (
    PSTLevel(45, 64, 1.0, 2),
    PSTLevel(96, 128, 2.0, 2, 3, 2, (1, 0)),
    PSTLevel(192, 256, 2.0, 1, 3, 1, (1, 1)),
    PSTLevel(384, 512, 4.0, 2, 3, 2, (1, 0)),
    PSTLevel(768, 1024, 4.0, 1, 3, 1, (1, 1)),
    PSTLevel(1536, 2048, 4.0, 2),
)
# for NTU RGB+D; 23 frames become 11, 9, 4, 2
UNPADDED = tuple(replace(level, temporal_padding=(0, 0)) for level in PADDED)


def narrower(levels: tuple[PSTLevel, ...], by: int) -> tuple[PSTLevel, ...]:
    """The same levels with a ``by``-th of the channels, rounded down to no fewer than one.

    Raises:
        ValueError: ``by`` is less than one.
    """
    if by < 1:
        raise ValueError(f"by: got {by}, expected at least 1")
    return tuple(replace(level, middle=max(1, level.middle // by), width=max(1, level.width // by)) for level in levels)
