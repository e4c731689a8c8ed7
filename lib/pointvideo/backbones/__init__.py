"""Backbones: one architecture a file; each maps (batch, frames, points, 3) to :class:`Tokens`."""

from .action_segmentation import (
    P4ActionSegmentation,
    P4ActionSegmentationSize,
    PPTrActionSegmentation,
    PPTrActionSegmentationSize,
)
from .p4_segmentation import P4Segmentation, P4SegmentationSize
from .p4dconv import P4DConv
from .p4dtransconv import P4DTransConv
from .p4transformer import P4Transformer, P4TransformerSize
from .pptr import PPTr, PPTrSize
from .pptr_segmentation import BallSegmentation, BallSegmentationSize, RunSegmentation, RunSegmentationSize
from .pyramid import PointPyramid, PyramidSize
from .sizes import TransformerSize, TubeSize
from .tokens import Tokens, pool_clip, pool_tokens

# what a pre-training may train
BackboneSize = P4TransformerSize | PPTrSize | P4SegmentationSize | BallSegmentationSize | RunSegmentationSize

__all__ = [
    "BackboneSize",
    "BallSegmentation",
    "BallSegmentationSize",
    "P4ActionSegmentation",
    "P4ActionSegmentationSize",
    "P4DConv",
    "P4DTransConv",
    "P4Segmentation",
    "P4SegmentationSize",
    "P4Transformer",
    "P4TransformerSize",
    "PPTr",
    "PPTrActionSegmentation",
    "PPTrActionSegmentationSize",
    "PPTrSize",
    "PointPyramid",
    "PyramidSize",
    "RunSegmentation",
    "RunSegmentationSize",
    "Tokens",
    "TransformerSize",
    "TubeSize",
    "pool_clip",
    "pool_tokens",
]
