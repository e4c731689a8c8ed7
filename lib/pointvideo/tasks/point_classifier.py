"""A backbone with a classification head on every point: semantic segmentation by networks without a decoder."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..backbones import BackboneSize, Tokens
from ..backbones.contract import hidden_width
from ..backbones.p4dtransconv import carry
from .classifier import Head


def point_features(
    tokens: Tokens, xyz: Float[Tensor, "batch frames points 3"]
) -> Float[Tensor, "batch frames points width"]:
    """Features of every point: the tokens of its frame, interpolated over the three nearest.

    A backbone with fewer frames of tokens than the clip has gives each frame those that are nearest in time; one whose
    tokens are the points themselves gives them as they are.
    """
    frames, times = xyz.shape[1], tokens.xyz.shape[1]
    if tokens.xyz.shape == xyz.shape and torch.equal(tokens.xyz, xyz):
        return tokens.features
    if times != frames:
        nearest = torch.div(torch.arange(frames, device=xyz.device) * times, frames, rounding_mode="floor")
        tokens = Tokens(tokens.xyz[:, nearest], tokens.features[:, nearest])
    return carry(tokens, xyz)


class PointClassifier(nn.Module):
    """Point logits: :func:`point_features` of the backbone's tokens, then :class:`Head` on each.

    Args:
        size: a backbone's size.
        classes: outputs.
    """

    def __init__(self, size: BackboneSize, classes: int):
        super().__init__()
        self.backbone = size.build()
        self.head = Head(self.backbone.width, hidden_width(self.backbone), classes)

    def forward(
        self, xyz: Float[Tensor, "batch frames points 3"], **more: Tensor
    ) -> Float[Tensor, "batch frames points classes"]:
        """Logits; ``more`` is what else the backbone takes (``features``, ``primitive``)."""
        return self.head(point_features(self.backbone.tokens(xyz, **more), xyz))
