"""PSTNet++: PSTNet's six levels with a small network in space and a linear map for each frame of a window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

from ..values import Checked, Count, Positive
from .pst_levels import PADDED, UNPADDED, Levels, PSTLevel, narrower
from .pstnet import PSTNet
from .pstop import PSTOp


@dataclass(frozen=True)
class PSTNet2Size(Checked):
    """Sizes; the defaults are the authors' for MSR-Action3D."""

    levels: Levels = PADDED
    radius: Positive = 0.5  # of the first level's balls, in the coordinates' unit
    neighbours: Count = 9  # per ball and frame
    padding_mode: Literal["zeros", "replicate"] = "replicate"
    finished: bool = False  # batch norm and ReLU behind the temporal maps

    name = "PSTNet++"
    stages = ("full",)

    @classmethod
    def ntu(cls) -> PSTNet2Size:
        """The authors' for NTU RGB+D: no padding, batch norm and ReLU behind the temporal maps."""
        return cls(UNPADDED, radius=0.1, finished=True)

    def narrower(self, by: int) -> PSTNet2Size:
        """The same network with a ``by``-th of the channels."""
        return replace(self, levels=narrower(self.levels, by))

    def layer(self, inputs: int, level: PSTLevel) -> PSTOp:
        """The layer of a level that takes so many channels."""
        return PSTOp(
            inputs,
            (level.middle,),
            level.width,
            neighbours=self.neighbours,
            padding_mode=self.padding_mode,
            finished=self.finished,
            **level.arguments(self.radius),
        )

    def build(self) -> PSTNet2:
        """A freshly initialised backbone."""
        return PSTNet2(self)


class PSTNet2(PSTNet):
    """The backbone without its classification head; tokens and pooling are PSTNet's, no ReLU between the levels.

    Source: Fan, Yu, Yang, Kankanhalli, "Deep Hierarchical Representation of Point Cloud Videos via Spatio-Temporal
    Decomposition", TPAMI 2021; sizes as released.
    """

    @staticmethod
    def between(features: Tensor) -> Tensor:
        """Nothing stands between two levels."""
        return features
