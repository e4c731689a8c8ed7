"""PointNet++ for semantic segmentation, frame by frame: the baseline without time."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from ..values import Checked, Count, Counts, Positive
from .p4dtransconv import P4DTransConv
from .pstop import PSTOp
from .pyramid import Widths
from .tokens import Tokens


@dataclass(frozen=True)
class PointNet2SegmentationSize(Checked):
    """Sizes; the defaults are PSTNet++'s authors' for Synthia4D."""

    inputs: Count = 3  # channels of the points' features: colours
    radius: Positive = 0.9  # of the first level's balls, in the coordinates' unit; doubled at each further level
    neighbours: Count = 16
    encoder: Widths = ((32, 32, 128), (64, 64, 256), (128, 128, 512), (256, 256, 1024))
    strides: Counts = (4, 4, 4, 2)  # points per anchor
    decoder: Widths = ((256, 256), (256, 256), (256, 128), (128, 128))  # coarse to fine
    classes: Count = 12

    name = "PointNet++ segmentation"
    stages = ("full",)

    def __post_init__(self):
        super().__post_init__()
        for name in ("strides", "decoder"):
            if len(getattr(self, name)) != len(self.encoder):
                found = len(getattr(self, name))
                raise ValueError(f"PointNet2SegmentationSize.{name}: got {found} levels, expected {len(self.encoder)}")

    def build(self) -> PointNet2Segmentation:
        """A freshly initialised network."""
        return PointNet2Segmentation(self)


class PointNet2Segmentation(nn.Module):
    """Class logits of every point, each frame alone; its first layers hold every neighbour's channels in memory.

    Source: Qi, Yi, Su, Guibas, "PointNet++", NeurIPS 2017, in the form that PSTNet++'s authors released as a baseline.
    """

    def __init__(self, size: PointNet2SegmentationSize):
        super().__init__()
        self.size, self.stages = size, size.stages
        widths = (size.inputs, *(layers[-1] for layers in size.encoder))
        below = (widths[-1], *(layers[-1] for layers in size.decoder))
        self.width = widths[-1]
        self.levels = nn.ModuleList(
            PSTOp(
                widths[level],
                layers,
                None,
                radius=size.radius * 2**level,
                neighbours=size.neighbours,
                spatial_stride=size.strides[level],
            )
            for level, layers in enumerate(size.encoder)
        )
        self.decoder = nn.ModuleList(map(_transposed, below, size.decoder, widths[-2::-1]))
        self.head = nn.Sequential(nn.Linear(below[-1], size.classes))

    def encode(
        self, xyz: Float[Tensor, "batch frames points 3"], features: Float[Tensor, "batch frames points inputs"]
    ) -> list[Tokens]:
        """The points and, from fine to coarse, each level's anchors."""
        found = [Tokens(xyz, features)]
        for level in self.levels:
            found.append(level(*found[-1]))
        return found

    def forward(
        self, xyz: Float[Tensor, "batch frames points 3"], features: Float[Tensor, "batch frames points inputs"]
    ) -> Float[Tensor, "batch frames points classes"]:
        """Logits."""
        *fine, coarse = self.encode(xyz, features)
        for layer, level in zip(self.decoder, reversed(fine), strict=True):
            coarse = layer(coarse, *level)
        return self.head(coarse.features)

    def tokens(
        self,
        xyz: Float[Tensor, "batch frames points 3"],
        stage: str = "full",
        *,
        features: Float[Tensor, "batch frames points inputs"],
    ) -> Tokens:
        """The coarsest level, (batch, frames, anchors, width); the decoder takes no part."""
        return self.encode(xyz, features)[-1]


def _transposed(inputs: int, channels: tuple[int, ...], skip: int) -> P4DTransConv:
    return P4DTransConv(inputs, channels, skip=skip)
