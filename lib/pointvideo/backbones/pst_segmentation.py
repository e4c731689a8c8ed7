"""PSTNet for semantic segmentation: four convolutions down, four transposed ones back up. Its form is this project's.

The paper scores such a network on Synthia 4D, and no code of it was released; only the transposed layer was. Here the
levels are those of P4Transformer's segmentation network (points, radii, widths, and a window of three frames at the
third level), with PSTNet's layer in the place of its. Transposed layers have a window of one frame: with three, and
frames as many as before, the released layer's padding would let a frame be served by its own and the next alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Annotated

from jaxtyping import Float
from torch import Tensor, nn

from ..values import Checked, Count, Filled, Positive, Whole
from .pst_levels import Levels, PSTLevel, narrower
from .pstconv import PSTConv
from .pstconv_transpose import PSTConvTranspose
from .tokens import Tokens, check_clip

LEVELS = (
    PSTLevel(64, 128, 1.0, 4),
    PSTLevel(192, 256, 2.0, 4),
    PSTLevel(384, 512, 4.0, 4, 3, 1, (1, 1)),
    PSTLevel(768, 1024, 8.0, 2),
)
Decoder = Annotated[tuple[tuple[Count, Count], ...], Filled()]


@dataclass(frozen=True)
class PSTSegmentationSize(Checked):
    """Sizes; the defaults are this project's, for Synthia4D."""

    inputs: Whole = 3  # channels of the points' features; 0 for coordinates alone
    levels: Levels = LEVELS
    radius: Positive = 0.9  # of the first level's balls, in the coordinates' unit
    neighbours: Count = 32  # per ball and frame
    decoder: Decoder = ((256, 256), (256, 256), (128, 128), (128, 128))  # slices and results, coarse to fine
    classes: Count = 12

    name = "PSTNet segmentation"
    stages = ("full",)

    def __post_init__(self):
        super().__post_init__()
        if len(self.decoder) != len(self.levels):
            found = len(self.decoder)
            raise ValueError(f"PSTSegmentationSize.decoder: got {found} levels, expected {len(self.levels)}")
        for level in self.levels:
            if level.temporal_stride != 1 or sum(level.temporal_padding) != level.temporal_kernel - 1:
                raise ValueError(f"PSTSegmentationSize.levels: got {level}, expected as many frames behind as in front")

    def narrower(self, by: int) -> PSTSegmentationSize:
        """The same network with a ``by``-th of the channels."""
        decoder = tuple((max(1, middle // by), max(1, width // by)) for middle, width in self.decoder)
        return replace(self, levels=narrower(self.levels, by), decoder=decoder)

    def build(self) -> PSTSegmentation:
        """A freshly initialised network."""
        return PSTSegmentation(self)


class PSTSegmentation(nn.Module):
    """Class logits of every point.

    Source: layers after Fan et al., PSTNet, ICLR 2021, and the released code; the network is this project's choice.
    """

    def __init__(self, size: PSTSegmentationSize):
        super().__init__()
        self.size, self.stages, self.width = size, size.stages, size.levels[-1].width
        widths = (size.inputs, *(level.width for level in size.levels))
        self.encoder = nn.ModuleList(
            PSTConv(inputs, level.middle, level.width, neighbours=size.neighbours, **level.arguments(size.radius))
            for inputs, level in zip(widths, size.levels, strict=False)
        )
        below = (widths[-1], *(width for _, width in size.decoder))
        self.decoder = nn.ModuleList(
            PSTConvTranspose(inputs, middle, width, skip=skip)
            for inputs, (middle, width), skip in zip(below, size.decoder, widths[-2::-1], strict=False)
        )
        self.head = nn.Sequential(nn.Linear(below[-1], size.classes))

    def encode(
        self,
        xyz: Float[Tensor, "batch frames points 3"],
        features: Float[Tensor, "batch frames points inputs"] | None = None,
    ) -> list[Tokens]:
        """The points and, from fine to coarse, each level's anchors with features behind a ReLU; frames stay.

        Raises:
            ValueError: wrong shapes, features missing or not expected, or too few points for the coarsest level.
        """
        check_clip(xyz, self.encoder[0].displacement.weight)
        least = prod(level.spatial_stride for level in self.size.levels)
        if xyz.shape[2] < least:
            raise ValueError(f"xyz: got {xyz.shape[2]} points a frame, expected at least {least}")
        if features is not None and tuple(features.shape) != (*xyz.shape[:3], self.size.inputs):
            expected = (*xyz.shape[:3], self.size.inputs)
            raise ValueError(f"features: got shape {tuple(features.shape)}, expected {expected}")
        levels = [Tokens(xyz, features)]
        for layer in self.encoder:
            anchors, values = layer(*levels[-1])
            levels.append(Tokens(anchors, values.relu()))
        return levels

    def forward(
        self,
        xyz: Float[Tensor, "batch frames points 3"],
        features: Float[Tensor, "batch frames points inputs"] | None = None,
    ) -> Float[Tensor, "batch frames points classes"]:
        """Logits."""
        *fine, coarse = self.encode(xyz, features)
        for layer, level in zip(self.decoder, reversed(fine), strict=True):
            xyz, values = layer(coarse, *level)
            coarse = Tokens(xyz, values.relu())
        return self.head(coarse.features)

    def tokens(
        self,
        xyz: Float[Tensor, "batch frames points 3"],
        stage: str = "full",
        features: Float[Tensor, "batch frames points inputs"] | None = None,
    ) -> Tokens:
        """The coarsest level, (batch, frames, anchors, width); the decoder takes no part."""
        return self.encode(xyz, features)[-1]
