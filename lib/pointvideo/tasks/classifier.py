"""A backbone with the classification head that P4Transformer and PPTr share."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..backbones import BackboneSize, pool_clip
from ..backbones.contract import hidden_width


class Head(nn.Module):
    """LayerNorm, linear, GELU, dropout, linear."""

    def __init__(self, width: int, hidden: int, classes: int, dropout: float = 0.0):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, hidden)
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Linear(hidden, classes)

    def forward(self, features: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch classes"]:
        return self.classify(self.dropout(F.gelu(self.expand(self.norm(features)))))


class Classifier(nn.Module):
    """Clip logits: the maximum over all tokens, then :class:`Head`.

    Args:
        size: a backbone's size.
        classes: outputs.
        dropout: before the last linear map (0.5 in P4Transformer's NTU recipe, else 0).
    """

    def __init__(self, size: BackboneSize, classes: int, dropout: float = 0.0):
        super().__init__()
        self.backbone = size.build()
        self.head = Head(self.backbone.width, hidden_width(self.backbone), classes, dropout)

    def forward(self, xyz: Float[Tensor, "batch frames points 3"], **more: Tensor) -> Float[Tensor, "batch classes"]:
        """Logits; ``more`` is what else the backbone takes (``features``, ``primitive``)."""
        return self.head(pool_clip(self.backbone.tokens(xyz, **more).features))
