"""A backbone with a classification head on every frame: action segmentation."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from ..backbones.action_segmentation import refuse_lost_frames
from .classifier import Head


class FrameClassifier(nn.Module):
    """Frame logits: the backbone's frame features, then :class:`Head` on each.

    Args:
        size: a backbone's size; its feed-forward width is the head's as well.
        classes: outputs (19 in HOI4D).
        dropout: before the last linear map (none in the authors' code).
        every_frame: refuse a tube that does not give one output frame for every input frame.
    """

    def __init__(self, size, classes: int, dropout: float = 0.0, *, every_frame: bool = True):
        super().__init__()
        if every_frame:
            refuse_lost_frames(size.tube)
        if classes < 1:
            raise ValueError(f"classes: got {classes}, expected at least 1")
        self.backbone = size.build()
        self.head = Head(self.backbone.width, size.transformer.hidden, classes, dropout)

    def forward(
        self, xyz: Float[Tensor, "batch frames points 3"], **more: Tensor
    ) -> Float[Tensor, "batch times classes"]:
        """Logits; ``more`` is what else the backbone takes (``primitive``)."""
        return self.head(self.backbone.frame_features(xyz, **more))
