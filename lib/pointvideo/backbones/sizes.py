"""Sizes that backbones share, as frozen dataclasses that a recipe can print."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Annotated

from ..values import Checked, Count, OddCount, Positive, Whole, Within


@dataclass(frozen=True)
class TubeSize(Checked):
    """The tube embedding; the defaults are P4Transformer's for MSR-Action3D clips of 24 frames."""

    radius: Positive = 0.7  # normalised units: raw depth counts / 300
    neighbours: Count = 32  # per frame of the window
    spatial_stride: Count = 32  # points per anchor
    temporal_kernel: OddCount = 3  # frames
    temporal_stride: Count = 2  # frames
    temporal_padding: tuple[Whole, Whole] = (1, 0)  # frames before, after

    def arguments(self) -> dict:
        """Keyword arguments of :class:`P4DConv`."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class TransformerSize(Checked):
    """A transformer: channels of a token, blocks, heads and their channels, channels in the feed-forward."""

    width: Count
    depth: Count
    heads: Count
    head_width: Count
    hidden: Count
    dropout: Annotated[float, Within(low=0, below=1)] = 0.0

    def arguments(self) -> tuple:
        """Positional arguments of :class:`Transformer`."""
        return astuple(self)
