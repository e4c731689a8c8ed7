"""The point pyramid of the segmentation networks: four point 4D convolutions down, four transposed ones back up."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Annotated, Any, Literal

from jaxtyping import Float
from torch import Tensor, nn

from ..values import Checked, Count, Counts, Filled, OddCount, Positive
from .p4dconv import P4DConv
from .p4dtransconv import P4DTransConv
from .recompute import recomputed
from .tokens import Tokens, check_clip

Widths = Annotated[tuple[Counts, ...], Filled()]  # of the layers of each level


@dataclass(frozen=True)
class PyramidSize(Checked):
    """Sizes; the defaults are those of P4Transformer for Synthia4D (16384 points a frame become 128)."""

    inputs: Count = 3  # channels of the points' features
    # "given" to forward (colours, Synthia4D), or "coordinates": the raw ones again (HOI4D)
    features: Literal["given", "coordinates"] = "given"
    radius: Positive = 0.9  # of the first level's balls, in the coordinates' unit; doubled at each further level
    neighbours: Count = 32  # per ball and frame
    encoder: Widths = ((32, 64, 128), (128, 128, 256), (256, 256, 512), (512, 512, 1024))
    strides: Counts = (4, 4, 4, 2)  # points per anchor
    temporal_kernels: tuple[OddCount, ...] = (1, 1, 3, 1)  # frames; the clip keeps its length
    decoder: Widths = ((256, 256), (256, 256), (128, 128), (128, 128))  # coarse to fine

    def __post_init__(self):
        super().__post_init__()
        if self.features == "coordinates" and self.inputs != 3:
            raise ValueError(f"PyramidSize.inputs: got {self.inputs}, expected 3 where the features are coordinates")
        for name in ("strides", "temporal_kernels", "decoder"):
            if len(getattr(self, name)) != len(self.encoder):
                raise ValueError(
                    f"PyramidSize.{name}: got {len(getattr(self, name))} levels, expected {len(self.encoder)} as in "
                    "encoder"
                )

    @property
    def stride(self) -> int:
        """Points of a frame per point of the coarsest level; the least that a frame may have."""
        return prod(self.strides)


class PointPyramid(nn.Module):
    """Encoder and decoder with skip connections; batch norm and ReLU throughout, spatial maximum, temporal sum.

    Source: Fan et al., P4Transformer, CVPR 2021, section 4.2; sizes as released.
    """

    recompute = False  # True: see .recompute, a level at a time

    def __init__(self, size: PyramidSize):
        super().__init__()
        self.size = size
        levels = range(len(size.encoder))
        widths = (size.inputs, *(channels[-1] for channels in size.encoder))  # of the points, then of each level
        self.encoder = nn.ModuleList(
            P4DConv(
                widths[level],
                size.encoder[level],
                radius=size.radius * 2**level,
                neighbours=size.neighbours,
                spatial_stride=size.strides[level],
                temporal_kernel=size.temporal_kernels[level],
                temporal_padding=(size.temporal_kernels[level] // 2,) * 2,
                norm=(True,) * len(size.encoder[level]),
                activation=(True,) * len(size.encoder[level]),
            )
            for level in levels
        )
        below = (widths[-1], *(channels[-1] for channels in size.decoder))
        skips = widths[-2::-1]
        self.decoder = nn.ModuleList(
            P4DTransConv(below[level], size.decoder[level], skip=skips[level]) for level in levels
        )

    @property
    def coarse_width(self) -> int:
        """Channels of the coarsest level."""
        return self.size.encoder[-1][-1]

    @property
    def point_width(self) -> int:
        """Channels that the decoder gives each point."""
        return self.size.decoder[-1][-1]

    def encode(
        self,
        xyz: Float[Tensor, "batch frames points 3"],
        features: Float[Tensor, "batch frames points inputs"] | None = None,
    ) -> list[Tokens]:
        """The points and, from fine to coarse, each level's anchors; frames stay as they are.

        Args:
            xyz: clips.
            features: the points' features; None where the size says that the coordinates are.

        Raises:
            ValueError: wrong shapes, features missing or not expected, or too few points for the coarsest level.
        """
        levels = [Tokens(xyz, self._features(xyz, features))]
        for layer in self.encoder:
            levels.append(self._through(layer, *levels[-1]))
        return levels

    def decode(self, coarse: Tokens, levels: list[Tokens]) -> Tokens:
        """The points and their features, (batch, frames, points, channels).

        Args:
            coarse: the coarsest level, as encoded or as changed since.
            levels: what :meth:`encode` returned; the coarsest is not looked at.
        """
        for layer, fine in zip(self.decoder, levels[-2::-1], strict=True):
            coarse = self._through(layer, coarse, *fine)
        return coarse

    def _through(self, layer: nn.Module, *arguments: Any) -> Tokens:
        return recomputed(layer, layer, *arguments) if self.recompute else layer(*arguments)

    def _features(self, xyz: Tensor, features: Tensor | None) -> Tensor:
        check_clip(xyz, self.encoder[0].displacement.linear.weight)
        if xyz.shape[2] < self.size.stride:
            raise ValueError(
                f"xyz: got {xyz.shape[2]} points a frame, expected at least {self.size.stride}, one for each point of "
                "the coarsest level"
            )
        if self.size.features == "coordinates":
            if features is not None:
                raise ValueError("features: got some, expected none (the size's features are the coordinates)")
            return xyz
        expected = (*xyz.shape[:-1], self.size.inputs)
        if features is None or tuple(features.shape) != expected:
            found = "none" if features is None else f"shape {tuple(features.shape)}"
            raise ValueError(f"features: got {found}, expected {expected}")
        return features
