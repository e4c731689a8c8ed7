"""Sizes that backbones share, as frozen dataclasses that a recipe can print."""

from __future__ import annotations

from dataclasses import astuple, dataclass


@dataclass(frozen=True)
class TubeSize:
    """The tube embedding; the defaults are P4Transformer's for MSR-Action3D clips of 24 frames."""

    radius: float = 0.7  # normalised units: raw depth counts / 300
    neighbours: int = 32  # per frame of the window
    spatial_stride: int = 32  # points per anchor
    temporal_kernel: int = 3  # frames
    temporal_stride: int = 2  # frames
    temporal_padding: tuple[int, int] = (1, 0)  # frames before, after

    def __post_init__(self):
        if not self.radius > 0:
            raise ValueError(f"TubeSize.radius: got {self.radius!r}, expected a number above 0")
        for name in ("neighbours", "spatial_stride", "temporal_kernel", "temporal_stride"):
            if not (isinstance(getattr(self, name), int) and getattr(self, name) > 0):
                raise ValueError(f"TubeSize.{name}: got {getattr(self, name)!r}, expected an integer of at least 1")

    def arguments(self) -> dict:
        """Keyword arguments of :class:`P4DConv`."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class TransformerSize:
    """A transformer: channels of a token, blocks, heads and their channels, channels in the feed-forward."""

    width: int
    depth: int
    heads: int
    head_width: int
    hidden: int
    dropout: float = 0.0

    def __post_init__(self):
        for name in ("width", "depth", "heads", "head_width", "hidden"):
            if not (isinstance(getattr(self, name), int) and getattr(self, name) > 0):
                raise ValueError(
                    f"TransformerSize.{name}: got {getattr(self, name)!r}, expected an integer of at least 1"
                )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"TransformerSize.dropout: got {self.dropout!r}, expected 0 to below 1")

    def arguments(self) -> tuple:
        """Positional arguments of :class:`Transformer`."""
        return astuple(self)
