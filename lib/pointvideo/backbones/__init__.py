"""Backbones: one architecture a file; each maps (batch, frames, points, 3) to :class:`Tokens`."""

from .action_segmentation import (
    P4ActionSegmentation,
    P4ActionSegmentationSize,
    PPTrActionSegmentation,
    PPTrActionSegmentationSize,
)
from .p4dconv import P4DConv
from .p4transformer import P4Transformer, P4TransformerSize
from .pptr import PPTr, PPTrSize
from .sizes import TransformerSize, TubeSize
from .tokens import Tokens, pool_clip, pool_tokens

__all__ = [
    "P4ActionSegmentation",
    "P4ActionSegmentationSize",
    "P4DConv",
    "P4Transformer",
    "P4TransformerSize",
    "PPTr",
    "PPTrActionSegmentation",
    "PPTrActionSegmentationSize",
    "PPTrSize",
    "Tokens",
    "TransformerSize",
    "TubeSize",
    "pool_clip",
    "pool_tokens",
]
