"""PSTNet: six point spatio-temporal convolutions, each over more of the space and, every other one, of the time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from ..values import Checked, Count, Positive
from .contract import BackboneSize
from .pst_levels import PADDED, UNPADDED, Levels, PSTLevel, narrower
from .pstconv import PSTConv
from .tokens import Tokens

# 284 channels, as released; the paper's other widths, and the authors' later code, suggest 384
RELEASED = (*PADDED[:3], replace(PADDED[3], middle=284), *PADDED[4:])


@dataclass(frozen=True)
class PSTNetSize(Checked):
    """Sizes; the defaults are the authors' for MSR-Action3D (8.26 M parameters with the head)."""

    levels: Levels = RELEASED
    radius: Positive = 0.5  # of the first level's balls, in the coordinates' unit
    neighbours: Count = 9  # per ball and frame
    join: Literal["+", "*"] = "*"
    spatial_pool: Literal["max", "sum", "mean"] = "sum"
    padding_mode: Literal["zeros", "replicate"] = "zeros"

    name = "PSTNet"
    stages = ("full",)

    @classmethod
    def ntu(cls) -> PSTNetSize:
        """The authors' for NTU RGB+D: sums and maxima, no padding; 19, 23, 27 … frames fit (8.52 M parameters)."""
        return cls(UNPADDED, radius=0.1, join="+", spatial_pool="max")

    def narrower(self, by: int) -> PSTNetSize:
        """The same network with a ``by``-th of the channels: a quarter is a laptop's."""
        return replace(self, levels=narrower(self.levels, by))

    def layer(self, inputs: int, level: PSTLevel) -> PSTConv:
        """The layer of a level that takes so many channels."""
        return PSTConv(
            inputs,
            level.middle,
            level.width,
            neighbours=self.neighbours,
            padding_mode=self.padding_mode,
            join=self.join,
            spatial_pool=self.spatial_pool,
            **level.arguments(self.radius),
        )

    def build(self) -> PSTNet:
        """A freshly initialised backbone."""
        return PSTNet(self)


class PSTNet(nn.Module):
    """The backbone without its classification head; untrained, its tokens all but vanish in evaluation mode.

    Source: Fan, Yu, Ding, Yang, Kankanhalli, "PSTNet: Point Spatio-Temporal Convolution on Point Cloud Sequences", ICLR
    2021, section 3.4; sizes as released.
    """

    def __init__(self, size: BackboneSize):
        super().__init__()
        self.size = size
        self.width, self.stages = size.levels[-1].width, size.stages
        widths = (0, *(level.width for level in size.levels[:-1]))
        self.levels = nn.ModuleList(map(size.layer, widths, size.levels))

    def encode(self, xyz: Float[Tensor, "batch frames points 3"]) -> list[Tokens]:
        """What every level gives, from fine to coarse; a ReLU stands between two levels and none behind the last.

        Raises:
            ValueError: fewer points than strides need, or frames that a level's stride does not divide.
        """
        found = [self.levels[0](xyz)]
        for level in self.levels[1:]:
            found.append(level(found[-1].xyz, self.between(found[-1].features)))
        return found

    @staticmethod
    def between(features: Tensor) -> Tensor:
        """What a level's features pass on their way to the next."""
        return features.relu()

    def tokens(self, xyz: Float[Tensor, "batch frames points 3"], stage: str = "full") -> Tokens:
        """Tokens of a clip, (batch, times, anchors, width): T / 4 times and N / 16 anchors by the default sizes."""
        return self.encode(xyz)[-1]

    forward = tokens

    @staticmethod
    def pool(features: Float[Tensor, "batch times anchors width"]) -> Float[Tensor, "batch width"]:
        """A clip's vector, as the authors make it: the mean over a frame's anchors, then the maximum over frames."""
        return features.mean(dim=2).amax(dim=1)
