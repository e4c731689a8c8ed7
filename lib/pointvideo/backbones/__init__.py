"""Backbones: one architecture a file; each maps (batch, frames, points, 3) to :class:`Tokens`."""

from .action_segmentation import (
    P4ActionSegmentation,
    P4ActionSegmentationSize,
    PPTrActionSegmentation,
    PPTrActionSegmentationSize,
)
from .contract import (
    AttentionMap,
    Backbone,
    BackboneSize,
    Clip,
    attention_maps,
    clip_features,
    frame_features,
    stages_of,
    tokens_of,
)
from .p4_segmentation import P4Segmentation, P4SegmentationSize
from .p4dconv import P4DConv
from .p4dtransconv import P4DTransConv
from .p4transformer import P4Transformer, P4TransformerSize
from .pointnet2_segmentation import PointNet2Segmentation, PointNet2SegmentationSize
from .pptr import PPTr, PPTrSize
from .pptr_segmentation import BallSegmentation, BallSegmentationSize, RunSegmentation, RunSegmentationSize
from .pst_transformer import PSTTransformer, PSTTransformerSize
from .pstconv import PSTConv
from .pstconv_transpose import PSTConvTranspose
from .pstnet import PSTNet, PSTNetSize
from .pstnet2 import PSTNet2, PSTNet2Size
from .pstop import PSTOp
from .pyramid import PointPyramid, PyramidSize
from .sizes import TransformerSize, TubeSize
from .tokens import Tokens, pool_clip, pool_tokens

__all__ = [
    "AttentionMap",
    "Backbone",
    "BackboneSize",
    "BallSegmentation",
    "BallSegmentationSize",
    "Clip",
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
    "PSTConv",
    "PSTConvTranspose",
    "PSTNet",
    "PSTNet2",
    "PSTNet2Size",
    "PSTNetSize",
    "PSTOp",
    "PSTTransformer",
    "PSTTransformerSize",
    "PointNet2Segmentation",
    "PointNet2SegmentationSize",
    "PointPyramid",
    "PyramidSize",
    "RunSegmentation",
    "RunSegmentationSize",
    "Tokens",
    "TransformerSize",
    "TubeSize",
    "attention_maps",
    "clip_features",
    "frame_features",
    "pool_clip",
    "pool_tokens",
    "stages_of",
    "tokens_of",
]
