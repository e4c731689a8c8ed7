"""Segmentation of the parts of bodies, trained end to end: encoder and head learn together on the label of every point.

The features of the tokens are carried to every point of their own frame, as in the probe of single points
(:mod:`.point_probe`); behind them stands the head of the other fine-tunings. A training clip may begin anywhere in its
video, a video is scored by the clip in its middle, over all test points together.

Nguyen et al., "Cross4D-JEPA", 2026, supplement A, Table 17, on HOI4D; the head and its training are not printed there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from ..backbones import BackboneSize
from ..backbones.point4d import Point4DSize
from ..data.augment import Augment
from ..data.layout import set_of
from ..data.store import Store
from ..recipe import Training
from ..stream import ClipData
from ..values import Count, Percent, Whole
from .downstream import Downstream
from .part_labels import PartsJob
from .point_classifier import PointClassifier
from .scoring.part_segmentation import PART_SEGMENTATION
from .task import Task


@dataclass(frozen=True)
class SegmentParts(Downstream):
    """Recipe of such a training; ``init=None`` trains from scratch."""

    task: ClassVar[Task] = PART_SEGMENTATION

    backbone: BackboneSize = Point4DSize()
    data: ClipData = ClipData("people", short="pad")
    training: Training = Training()
    init: Any = None  # the pre-training recipe whose backbone it starts from, weights from a file, or None for scratch
    augment: Augment | None = Augment()
    label_percent: Percent = 100  # share of the training videos that keep their labels
    evaluate_every: Count = 1  # epochs; the last epoch is always evaluated
    seed: Whole = 0

    def __post_init__(self):
        super().__post_init__()
        if self.data.short != "pad":
            raise ValueError("SegmentParts.data: got short='drop', expected 'pad': every video has one clip")

    @property
    def title(self) -> str:
        sizes = f"{self.backbone.name}, {self.data.frames} frames, seed {self.seed}"
        return f"parts of {set_of(self.dataset)} {self.start}, {sizes}"

    def network(self, outputs: int) -> PointClassifier:
        """What gives the logits of every point."""
        return PointClassifier(self.backbone, outputs)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> PartsJob:
        """This recipe on data, from the weights of its ``init``."""
        return PartsJob(self, store, pretrained)
