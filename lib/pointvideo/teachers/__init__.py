"""Frozen image networks: a clip is drawn, every patch of the drawing gets a vector, and points take it from there."""

from .contract import Teacher
from .controls import LocalGeometry, PatchPosition
from .efficientnet import EfficientNetLite
from .frame_features import FrameFeatures
from .hub import PretrainedTransformer
from .render import Drawn, Render, coverage, draw, patch_of
from .targets import Targets, TargetSpec, targets_of

__all__ = [
    "Drawn",
    "EfficientNetLite",
    "FrameFeatures",
    "LocalGeometry",
    "PatchPosition",
    "PretrainedTransformer",
    "Render",
    "TargetSpec",
    "Targets",
    "Teacher",
    "coverage",
    "draw",
    "patch_of",
    "targets_of",
]
