"""Action segmentation from points and images together: both networks' frame features side by side under one head.

Each frame has a feature of the point network and one of the image tower, both normed; a head labels their
concatenation. As an alternative each has a head of its own, and the logits' mean counts. Networks are drawn anew, or
start from a pre-training that leaves both.

Liu et al., CrossVideo, ICRA 2024, section IV-E.2, Table IV: "cascade the features"; norms, and where they are
concatenated, are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ..backbones import BackboneSize, Clip, PPTrActionSegmentationSize, TubeSize, frame_features
from ..backbones.action_segmentation import refuse_lost_frames
from ..backbones.contract import hidden_width
from ..backbones.image_tower import ImageTowerSize
from ..data.augment import Augment
from ..data.images import ImageData
from ..data.store import Store
from ..losses.ms_tcn import FrameLoss
from ..recipe import Training, stable_seed, start_from
from ..stream import ClipData
from ..values import Count, Percent, Whole
from .action_segmentation import HOI4D_ACTION, HOI4D_AUGMENT
from .classifier import Head
from .downstream import Downstream
from .image_action_segmentation import FilmedActionsJob, tower_before
from .scoring.action_segmentation import ACTION_SEGMENTATION
from .task import Task

PARTS = ("backbone", "image_tower")  # of a pre-training's module, and of this task's


@dataclass(frozen=True)
class SegmentFused(Downstream):
    """Recipe of a training on points and images; ``init=None`` trains both networks from scratch."""

    task: ClassVar[Task] = ACTION_SEGMENTATION
    starts_from: ClassVar[str] = "module"  # of the pre-training, of which it takes both networks

    backbone: BackboneSize = PPTrActionSegmentationSize()
    image_tower: ImageTowerSize = ImageTowerSize()
    data: ClipData = HOI4D_ACTION
    images: Any = ImageData()  # what the tower sees of a frame: its image, or features of so many ``channels``
    fusion: Literal["features", "logits"] = "features"
    loss: FrameLoss = FrameLoss(smoothing=0.0)  # cross entropy alone, as the point network's by itself
    training: Training = Training(epochs=50, batch=8)
    init: Any = None  # the pre-training whose networks it starts from, or None for scratch
    augment: Augment | None = HOI4D_AUGMENT  # of points
    label_percent: Percent = 100  # share of the training sequences that keep their labels
    evaluate_every: Count = 1  # epochs; the last epoch is always evaluated
    seed: Whole = 0

    def __post_init__(self):
        super().__post_init__()
        if not callable(getattr(self.images, "reader", None)):
            raise ValueError(f"SegmentFused.images: got {self.images!r}, expected images or features with a reader")
        channels, tower = getattr(self.images, "channels", None), self.image_tower
        given = ("convolution", None) if tower.stem == "convolution" else ("features", tower.inputs)
        if (shown := ("convolution" if channels is None else "features", channels)) != given:
            raise ValueError(
                f"SegmentFused.image_tower: got stem {given[0]!r} on {given[1] or 'images'}, expected {shown[0]!r} "
                f"on {shown[1] or 'images'} (SegmentFused.images)"
            )
        if self.init is not None and (before := tower_before(self)) != tower:
            raise ValueError(f"SegmentFused.init: it pre-trained {before}, expected this recipe's {tower}")

    @property
    def title(self) -> str:
        how = "" if self.fusion == "features" else ", logits fused"
        return f"action segmentation from points and images {self.start}, {self.backbone.name}{how}, seed {self.seed}"

    def network(self, outputs: int) -> FusedFrameClassifier:
        """What gives the logits of every frame."""
        return FusedFrameClassifier(self, outputs)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> SegmentFusedJob:
        """This recipe on data, from the weights of both networks that its ``init`` leaves."""
        return SegmentFusedJob(self, store, pretrained)


class FusedFrameClassifier(nn.Module):
    """Frame logits of a point network and an image tower together.

    Args:
        recipe: sizes of both, and how they are fused.
        classes: outputs.
    """

    def __init__(self, recipe: SegmentFused, classes: int):
        super().__init__()
        if isinstance(tube := getattr(recipe.backbone, "tube", None), TubeSize):
            refuse_lost_frames(tube)
        self.backbone, self.image_tower = recipe.backbone.build(), recipe.image_tower.build()
        width, other = self.backbone.width, self.image_tower.width
        if recipe.fusion == "features":
            self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(other)])
            self.heads = nn.ModuleList([Head(width + other, hidden_width(self.backbone), classes)])
        else:
            self.norms = None
            self.heads = nn.ModuleList([Head(width, hidden_width(self.backbone), classes), Head(other, other, classes)])

    def forward(self, clip: Clip, images: Tensor) -> Tensor:
        """Logits (1, batch, frames, classes) of points and of what goes with their frames.

        Raises:
            ValueError: one network gives another number of frames than the other.
        """
        features = frame_features(self.backbone, clip), self.image_tower(images)
        if features[0].shape[:2] != features[1].shape[:2]:
            found = [tuple(values.shape[:2]) for values in features]
            raise ValueError(f"frames: got {found[0]} of points and {found[1]} of images, expected the same")
        if self.norms is None:
            return torch.stack([head(values) for head, values in zip(self.heads, features, strict=True)]).mean(0)[None]
        normed = [norm(values) for norm, values in zip(self.norms, features, strict=True)]
        return self.heads[0](torch.cat(normed, dim=-1))[None]


class SegmentFusedJob(FilmedActionsJob):
    """A training on data; see :class:`pointvideo.recipe.Job`."""

    def begin(self, weights: dict[str, Tensor]) -> None:
        """Both networks, from those of the same name in a whole pre-training."""
        for part in PARTS:
            inside = f"{part}."
            state = {name.removeprefix(inside): value for name, value in weights.items() if name.startswith(inside)}
            if not state:
                raise ValueError(f"pretrained: got no weights of {part!r}, expected those of {' and '.join(PARTS)}")
            start_from(self.recipe, getattr(self.module, part), state)

    def inputs(self, sequence: np.ndarray, start: np.ndarray, seed: int, training: bool) -> tuple[Clip, Tensor]:
        """Points and images of the clips, each augmented in training."""
        if not training:
            return self.stream.reader.clip(sequence, start, seed), self.reader.clip(sequence, start)
        seeds = (stable_seed(seed, place) for place in (0, 3, 4))
        clip = self.stream.reader.clip(sequence, start, next(seeds), self.recipe.augment, next(seeds))
        return clip, self.reader.clip(sequence, start, next(seeds))
