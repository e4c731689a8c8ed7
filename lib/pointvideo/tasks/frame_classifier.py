"""A backbone with a classification head on every frame: action segmentation."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from ..backbones import BackboneSize, TubeSize, pool_tokens
from ..backbones.action_segmentation import refuse_lost_frames
from ..backbones.contract import hidden_width
from .classifier import Head


class FrameClassifier(nn.Module):
    """Frame logits: the maximum over each frame's tokens, then :class:`Head` on each.

    Args:
        size: a backbone's size.
        classes: outputs (19 in HOI4D).
        dropout: before the last linear map (none in the authors' code).
        every_frame: refuse a backbone that does not give one output frame for every input frame.
    """

    def __init__(self, size: BackboneSize, classes: int, dropout: float = 0.0, *, every_frame: bool = True):
        super().__init__()
        if every_frame and isinstance(tube := getattr(size, "tube", None), TubeSize):
            refuse_lost_frames(tube)
        if classes < 1:
            raise ValueError(f"classes: got {classes}, expected at least 1")
        self.every_frame = every_frame
        self.backbone = size.build()
        self.head = Head(self.backbone.width, hidden_width(self.backbone), classes, dropout)

    def forward(
        self, xyz: Float[Tensor, "batch frames points 3"], **more: Tensor
    ) -> Float[Tensor, "batch times classes"]:
        """Logits; ``more`` is what else the backbone takes (``features``, ``primitive``)."""
        features = pool_tokens(self.backbone.tokens(xyz, **more).features)
        if self.every_frame and features.shape[1] != xyz.shape[1]:
            raise ValueError(
                f"{type(self.backbone).__name__}: got {features.shape[1]} frames of tokens for {xyz.shape[1]} frames, "
                "expected one for each, as every frame has a label"
            )
        return self.head(features)
