"""A point U-Net: an encoder of ever fewer points, and a decoder that carries their features back to all of them.

Every frame is a cloud of its own, so single clouds are clips of one frame. A level samples farthest points, takes the
maximum over the points around each, and ends in a residual block; a level of the decoder interpolates over the three
nearest points and joins what the encoder knew there (Qi, Yi, Su, Guibas, "PointNet++", NeurIPS 2017, sections 3.2 and
3.4). Ours: it stands where others have the sparse voxel network SR-UNet (Choy, Gwak, Savarese, CVPR 2019; Xie et al.,
"PointContrast", ECCV 2020), for machines without its CUDA kernels. Of that it has the widths of Res16UNet34C, the
residual blocks and the layer in front of the first level; the sizes of balls and their numbers of points are chosen
here. The linear map of a level stands in front of the gather, so a neighbour's channels are never written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..values import Checked, Count, Counts, Positive, Whole
from .p4dconv import PointLinear
from .p4dtransconv import P4DTransConv
from .pstop import PointStack, PSTOp
from .pyramid import Widths
from .tokens import Tokens, check_clip


@dataclass(frozen=True)
class PointUNetSize(Checked):
    """Sizes; the radius fits clouds of 2048 points in units of their radius."""

    inputs: Whole = 0  # channels of the points' features beside their coordinates: 3 for colours
    stem: Count = 32  # channels of a point in front of the first level
    # of each level, the layers in front of the maximum; with more than one, every neighbour's channels stand in memory
    encoder: Widths = ((32,), (64,), (128,), (256,))
    stride: Count = 4  # points per anchor, at each level
    radius: Positive = 0.2  # of the first level's balls, in the coordinates' unit; doubled at each further level
    neighbours: Count = 16
    decoder: Counts = (256, 128, 96, 96)  # coarse to fine
    # what tokens are: those of the coarsest level, of which only the encoder is used, or one of each point
    output: Literal["anchors", "points"] = "anchors"

    name = "point U-Net"
    stages = ("full",)

    def __post_init__(self):
        super().__post_init__()
        if len(self.decoder) != len(self.encoder):
            raise ValueError(
                f"PointUNetSize.decoder: got {len(self.decoder)} levels, expected {len(self.encoder)} as in encoder"
            )

    @property
    def fewest(self) -> int:
        """Points that a frame must have: one for each point of a coarsest anchor."""
        return self.stride ** len(self.encoder)

    def build(self) -> PointUNet:
        """A freshly initialised network."""
        return PointUNet(self)


class Residual(nn.Module):
    """Two linear maps with batch norm on each point, and what went in added to what comes out."""

    def __init__(self, width: int):
        super().__init__()
        self.first = PointLinear(width, width, False, True, True)
        self.second = PointLinear(width, width, False, True, False)

    def forward(self, values: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        return (values + self.second(self.first(values))).relu()


class Encoder(nn.Module):
    """From points to the anchors of every level."""

    def __init__(self, size: PointUNetSize):
        super().__init__()
        self.size = size
        self.stem = PointStack(3 + size.inputs, (size.stem,))
        widths = (size.stem, *(layers[-1] for layers in size.encoder))
        self.levels = nn.ModuleList(
            PSTOp(
                widths[level],
                layers,
                None,
                radius=size.radius * 2**level,
                neighbours=size.neighbours,
                spatial_stride=size.stride,
            )
            for level, layers in enumerate(size.encoder)
        )
        self.blocks = nn.ModuleList(Residual(width) for width in widths[1:])

    def forward(
        self,
        xyz: Float[Tensor, "batch frames points 3"],
        features: Float[Tensor, "batch frames points inputs"] | None = None,
    ) -> list[Tokens]:
        """The points and, from fine to coarse, each level's anchors.

        Raises:
            ValueError: wrong shapes, features missing or not expected, or too few points for one coarsest anchor.
        """
        size, first = self.size, self.stem.layers[0].linear.weight
        check_clip(xyz, first)
        if xyz.shape[2] < size.fewest:
            raise ValueError(
                f"xyz: got {xyz.shape[2]} points a frame, expected at least {size.fewest}: {len(size.encoder)} levels "
                f"of {size.stride} points an anchor"
            )
        found = None if features is None else tuple(features.shape)
        expected = (*xyz.shape[:-1], size.inputs) if size.inputs else None
        if found != expected:
            raise ValueError(f"features: got {found or 'none'}, expected {expected or 'none'} (PointUNetSize.inputs)")
        rows = xyz if features is None else torch.cat([xyz, features], dim=-1)
        levels = [Tokens(xyz, self.stem(rows))]
        for level, block in zip(self.levels, self.blocks, strict=True):
            anchors = level(*levels[-1])
            levels.append(Tokens(anchors.xyz, block(anchors.features)))
        return levels


class Decoder(nn.Module):
    """From the coarsest anchors back to the points."""

    def __init__(self, size: PointUNetSize):
        super().__init__()
        skips = (size.stem, *(layers[-1] for layers in size.encoder))
        below = (skips[-1], *size.decoder)
        self.levels = nn.ModuleList(
            P4DTransConv(below[level], (width,), skip=skips[-2 - level]) for level, width in enumerate(size.decoder)
        )
        self.blocks = nn.ModuleList(Residual(width) for width in size.decoder)

    def forward(self, levels: list[Tokens]) -> Tokens:
        """The points and their features, (batch, frames, points, width)."""
        *fine, coarse = levels
        for layer, block, level in zip(self.levels, self.blocks, reversed(fine), strict=True):
            carried = layer(coarse, *level)
            coarse = Tokens(carried.xyz, block(carried.features))
        return coarse


class PointUNet(nn.Module):
    """The network.

    It has a decoder whatever its output is, so that weights of one fit the other: a pre-training whose encoder alone is
    of use leaves them as one whose decoder is, too.
    """

    def __init__(self, size: PointUNetSize):
        super().__init__()
        self.size, self.stages = size, size.stages
        self.encoder, self.decoder = Encoder(size), Decoder(size)
        self.width = size.decoder[-1] if size.output == "points" else size.encoder[-1][-1]

    def tokens(
        self,
        xyz: Float[Tensor, "batch frames points 3"],
        stage: str = "full",
        features: Float[Tensor, "batch frames points inputs"] | None = None,
    ) -> Tokens:
        """The coarsest anchors, or the points in their order, with their features.

        Args:
            xyz: clips, centred and in the unit of the size's radius.
            stage: "full".
            features: of the points, where the size has inputs.
        """
        levels = self.encoder(xyz, features)
        return levels[-1] if self.size.output == "anchors" else self.decoder(levels)

    forward = tokens
