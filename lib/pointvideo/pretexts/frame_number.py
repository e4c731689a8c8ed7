"""A network that knows a frame's number and nothing of what is in it: a control.

What a pre-training learns with it in the place of a network, its task gives away by the frame's place in the clip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..backbones.tokens import Tokens
from ..values import Checked, Count


@dataclass(frozen=True)
class FrameNumberSize(Checked):
    """Sizes; it keeps the contract of a backbone."""

    name: ClassVar[str] = "frame number"
    stages: ClassVar[tuple[str, ...]] = ("frames",)
    frames: Count = 150  # of the longest clip
    width: Count = 64

    def build(self) -> FrameNumber:
        """A freshly initialised network."""
        return FrameNumber(self)


class FrameNumber(nn.Module):
    """One learnt vector for each number, whatever the clip shows.

    Args:
        size: how many numbers, and channels of a vector.
    """

    def __init__(self, size: FrameNumberSize):
        super().__init__()
        self.width, self.stages = size.width, size.stages
        self.table = nn.Parameter(torch.randn(size.frames, size.width))

    def forward(self, clips: Tensor) -> Float[Tensor, "batch frames width"]:
        """The vectors of the frames 0, 1, … of clips of anything, (batch, frames, …).

        Raises:
            ValueError: more frames than there are vectors.
        """
        batch, frames = clips.shape[:2]
        if frames > len(self.table):
            raise ValueError(f"FrameNumber: got clips of {frames} frames, expected at most {len(self.table)}")
        return self.table[:frames].expand(batch, -1, -1)

    def tokens(self, xyz: Float[Tensor, "batch frames points 3"], stage: str = "frames") -> Tokens:
        """One token a frame, at the mean of its points."""
        return Tokens(xyz.mean(dim=2, keepdim=True), self(xyz)[:, :, None])
