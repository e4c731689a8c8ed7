"""The contract of a network that labels frames: features of the frames of whole videos go in, logits of every stage
come out.

Videos of a batch may differ in length: they are filled up to the longest one, and a mask says which frames are real.
Inside, channels stand before frames, as convolutions over time want them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


@runtime_checkable
class FrameNetworkSize(Protocol):
    """What a recipe says about such a network: a frozen dataclass whose fields are numbers, texts and dataclasses."""

    name: str

    def build(self, inputs: int, classes: int) -> FrameNetwork:
        """A freshly initialised network for so many numbers a frame and so many classes.

        Its ``forward(features, mask=None)`` takes (batch, frames, inputs) and gives (stages, batch, frames, classes);
        the last stage is what it says, all of them are trained.
        """


def check_width(name: str, **counts: int) -> None:
    """A ValueError unless each of ``counts`` (inputs, classes) is at least 1."""
    for what, count in counts.items():
        if count < 1:
            raise ValueError(f"{name}.{what}: got {count}, expected at least 1")


def check_frames(features: Tensor, inputs: int, mask: Tensor | None) -> None:
    """A ValueError unless ``features`` are (batch, frames, inputs), and a mask says of each frame whether it is real.

    Raises:
        ValueError: another rank, another number of channels, no video or no frame, or a mask of another shape or kind.
    """
    shape = tuple(features.shape)
    if len(shape) != 3 or shape[2] != inputs or not shape[0] or not shape[1]:
        raise ValueError(f"features: got shape {shape}, expected (batch, frames, {inputs}) with at least one frame")
    if mask is not None and (tuple(mask.shape) != shape[:2] or mask.dtype != torch.bool):
        raise ValueError(f"mask: got {mask.dtype} {tuple(mask.shape)}, expected torch.bool {shape[:2]}")


def channels_first(
    features: Float[Tensor, "batch frames channels"], mask: Bool[Tensor, "batch frames"] | None
) -> tuple[Float[Tensor, "batch channels frames"], Float[Tensor, "batch 1 frames"]]:
    """Features as convolutions take them, 0 at frames that are not real, and the mask as a factor."""
    turned = features.transpose(1, 2)
    if mask is None:
        return turned, turned.new_ones(turned.shape[0], 1, turned.shape[2])
    return turned.masked_fill(~mask[:, None], 0), mask[:, None].to(turned)


class FrameNetwork(nn.Module, ABC):
    """What networks that label frames have in common.

    Args:
        size: what a recipe says of it.
        inputs: numbers a frame.
        classes: outputs.
    """

    def __init__(self, size: FrameNetworkSize, inputs: int, classes: int):
        super().__init__()
        check_width(size.name, inputs=inputs, classes=classes)
        self.size, self.inputs, self.classes = size, inputs, classes

    @abstractmethod
    def stage_logits(
        self, x: Float[Tensor, "batch inputs frames"], mask: Float[Tensor, "batch 1 frames"]
    ) -> list[Tensor]:
        """Logits (batch, classes, frames) of every stage."""

    def forward(
        self, features: Float[Tensor, "batch frames inputs"], mask: Bool[Tensor, "batch frames"] | None = None
    ) -> Float[Tensor, "stages batch frames classes"]:
        """Logits of every stage, 0 at frames that are not real.

        Args:
            features: of the frames.
            mask: which frames are real; all of them when left out.

        Raises:
            ValueError: features or a mask of another shape.
        """
        check_frames(features, self.inputs, mask)
        return torch.stack(self.stage_logits(*channels_first(features, mask))).transpose(2, 3)
