"""A backbone with its own pooling and one linear map: the classification head of PSTNet and PSTNet++."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from ..backbones import BackboneSize, pool_clip


class PooledClassifier(nn.Module):
    """Clip logits: the backbone's ``pool`` of its tokens (where it has none, their maximum), then a linear map.

    Args:
        size: a backbone's size.
        classes: outputs.

    Source: the released code of PSTNet (Fan et al., ICLR 2021).
    """

    def __init__(self, size: BackboneSize, classes: int):
        super().__init__()
        self.backbone = size.build()
        self.classify = nn.Linear(self.backbone.width, classes)

    def forward(self, xyz: Float[Tensor, "batch frames points 3"], **more: Tensor) -> Float[Tensor, "batch classes"]:
        """Logits; ``more`` is what else the backbone takes."""
        pool = getattr(self.backbone, "pool", pool_clip)
        return self.classify(pool(self.backbone.tokens(xyz, **more).features))
