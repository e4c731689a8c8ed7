"""Every backbone that C2P's tasks use, at sizes that run in a moment."""

from __future__ import annotations

from dataclasses import replace

import torch

from pointvideo.backbones import (
    BallSegmentationSize,
    Clip,
    P4ActionSegmentationSize,
    P4SegmentationSize,
    P4TransformerSize,
    PPTrActionSegmentationSize,
    PyramidSize,
    RunSegmentationSize,
    TransformerSize,
    TubeSize,
)

TUBE = TubeSize(radius=0.5, neighbours=4, spatial_stride=4, temporal_stride=1, temporal_padding=(1, 1))
NARROW = TransformerSize(width=12, depth=1, heads=2, head_width=4, hidden=8)
PYRAMID = PyramidSize(
    neighbours=4, encoder=((6,), (8,), (10,), (12,)), strides=(2, 2, 2, 1), decoder=((8,), (8,), (6,), (12,))
)
NETWORKS = {  # and the channels of the features that they want
    "P4Transformer": (P4TransformerSize(TUBE, NARROW), 0),
    "P4Transformer actions": (P4ActionSegmentationSize(TUBE, NARROW), 0),
    "PPTr actions": (PPTrActionSegmentationSize(TUBE, NARROW), 0),
    "P4Transformer points": (P4SegmentationSize(PYRAMID, NARROW, classes=5), 3),
    "PPTr balls": (
        BallSegmentationSize(replace(PYRAMID, features="coordinates"), NARROW, 6, 0.7, 5, merge=(12,), classes=5),
        0,
    ),
    "PPTr runs": (RunSegmentationSize(PYRAMID, NARROW, 8, head=(7,), classes=5), 3),
}


def clip_for(inputs: int) -> Clip:
    xyz = torch.rand(4, 3, 32, 3, generator=torch.Generator().manual_seed(0)) + 1
    return Clip(xyz, {"rgb": xyz[..., :inputs].contiguous()} if inputs else {})
