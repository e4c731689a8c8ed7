"""Semantic segmentation of point cloud videos: fine-tune a network that labels every point, score by mean IoU.

The protocols of HOI4D and Synthia 4D as C2P (CVPR 2023, sections 4.3 and 4.4) uses them; :mod:`.scenes` has what they
differ in. Counts of points are kept for every test sequence, so that an IoU has an interval over sequences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..backbones import BallSegmentationSize, P4SegmentationSize, RunSegmentationSize
from ..data.augment import Augment
from ..data.layout import set_of
from ..data.store import Store
from ..recipe import Training, stable_seed
from ..stream import ClipData, ClipStream, arguments
from .downstream import Finetuning, check_finetuning, labelled_videos, start_words
from .intersection import Counts, class_ious, count, mean_iou
from .scenes import SCENES
from .scoring.semantic_segmentation import SEMANTIC_SEGMENTATION
from .task import Task

# the loaders of HOI4D (turn up to 9 degrees) and Synthia (any turn), scale and turn about the scene's centre
HOI4D_AUGMENT = Augment(0.8, 1.2, per_axis=False, around="centre", turn_degrees=9.0)
SYNTHIA_AUGMENT = Augment(0.8, 1.2, per_axis=False, around="centre", turn_degrees=180.0, mirror="x")
HOI4D_SEMANTIC = ClipData("hoi4d_semantic", frames=3, hop=3, points=8192, divisor=1.0)
SYNTHIA4D = ClipData("synthia4d", frames=3, step=-1, points=16384, divisor=1.0, features=("rgb",))


@dataclass(frozen=True)
class SegmentPoints:
    """Recipe of a fine-tuning for semantic segmentation; ``init=None`` trains from scratch."""

    entry: ClassVar[tuple[str, ...]] = ("pointvideo.tasks.semantic_segmentation", "pointvideo.study.trainer")
    task: ClassVar[Task] = SEMANTIC_SEGMENTATION

    backbone: P4SegmentationSize | BallSegmentationSize | RunSegmentationSize = BallSegmentationSize()
    data: ClipData = HOI4D_SEMANTIC
    training: Training = Training(epochs=50)
    init: Any = None  # the pre-training recipe whose network it starts from, but for the head; None for scratch
    augment: Augment | None = HOI4D_AUGMENT
    label_percent: int = 100  # share of the training sequences that keep their labels
    evaluate_every: int = 1  # epochs; the last epoch is always evaluated
    evaluate_hop: int | None = None  # frames from one test clip's start to the next; None: as in training
    seed: int = 0

    def __post_init__(self):
        check_finetuning(self)
        if set_of(self.dataset) not in SCENES:
            raise ValueError(f"SegmentPoints.data: got data set {self.dataset!r}, expected one of {', '.join(SCENES)}")

    @property
    def kind(self) -> str:
        return type(self).__name__

    @property
    def dataset(self) -> str:
        return self.data.dataset

    @property
    def title(self) -> str:
        frames = f"{self.data.frames} frame{'s' if self.data.frames > 1 else ''}"
        task = f"{set_of(self.dataset)} segmentation"
        return f"{task} {start_words(self)}, {self.backbone.name}, {frames}, seed {self.seed}"

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> SegmentPointsJob:
        """This recipe on data, from the weights of its ``init``."""
        return SegmentPointsJob(self, store, pretrained)


class SegmentPointsJob(Finetuning):
    """A fine-tuning on data; see :class:`pointvideo.recipe.Job`."""

    metric = "miou"
    shown = ("miou", "point_accuracy")

    def __init__(self, recipe: SegmentPoints, store: Store, pretrained: dict[str, Tensor] | None):
        super().__init__(recipe, store)
        every = recipe.data.clips(store, "train").sequence
        videos = labelled_videos(store, recipe.label_percent, recipe.seed, np.unique(every))
        self.stream = ClipStream(store, recipe.data, recipe.training, recipe.seed, videos)
        self.steps_per_epoch = self.stream.steps_per_epoch
        self.scenes = SCENES[set_of(recipe.dataset)](store, self.stream.reader)
        self.test = recipe.data.clips(store, "test", hop=recipe.evaluate_hop)
        if recipe.backbone.classes != self.scenes.outputs:
            raise ValueError(
                f"{type(recipe.backbone).__name__}.classes: got {recipe.backbone.classes}, expected "
                f"{self.scenes.outputs}, the labels of {store.name}"
            )
        self.module = recipe.backbone.build()
        # the head of a pre-training has seen nothing
        self.start_from(self.module, pretrained, fresh=("head.",))

    def batch(self, epoch: int, step: int) -> tuple[Tensor, ...]:
        """Labels, which points count, then the clips as the network takes them."""
        sequence, start, seed = self.stream.draw(epoch, step)
        samples = self.scenes.samples(sequence, start, seed, self.recipe.augment)
        return samples.labels, samples.counted, *samples.inputs

    def loss(self, labels: Tensor, counted: Tensor, *clip: Tensor) -> dict[str, Tensor]:
        """Cross entropy of the points that count, rare classes weighed up where the set has weights."""
        xyz, more = arguments(clip)
        logits = self.module(xyz, **more)
        weights = self.scenes.weights
        each = F.cross_entropy(
            logits.flatten(0, 2),
            labels.flatten().clamp(max=self.scenes.outputs - 1),
            weight=None if weights is None else weights.to(logits),
            reduction="none",
        )
        counted = counted.flatten()
        hits = (logits.detach().argmax(dim=-1).flatten() == labels.flatten()) & counted
        # one more in the denominator, as the authors have it: a half may be empty
        total = counted.sum() + 1
        return {"loss": (each * counted).sum() / total, "train_accuracy": hits.sum() / total}

    @torch.no_grad()
    def evaluate(self) -> dict:
        """IoU of each class and their mean over the test set; every clip's points are the same in every evaluation."""
        device = next(self.module.parameters()).device
        self.module.eval()
        counts: dict[str, Counts] = {}
        classes = len(self.scenes.classes)
        for first in range(0, len(self.test), self.training.batch):
            chosen = slice(first, first + self.training.batch)
            sequence = self.test.sequence[chosen]
            seed = stable_seed(self.seed, 0x7E57, first)
            samples = self.scenes.samples(sequence, self.test.start[chosen], seed, None)
            xyz, more = arguments(tuple(values.to(device) for values in samples.inputs))
            guess = self.scenes.scored(self.module(xyz, **more)).cpu().numpy()
            truth, counted = self.scenes.truth(samples.labels).numpy(), samples.counted.numpy()
            for sample, clip in enumerate(samples.clip):
                name = self.store.sequences[sequence[clip]].name
                found = count(guess[sample].ravel(), truth[sample].ravel(), classes, counted[sample].ravel())
                counts[name] = counts[name] + found if name in counts else found
        self.module.train()
        total = sum(list(counts.values())[1:], next(iter(counts.values())))
        ious = class_ious(total, absent=self.scenes.absent)
        return {
            "miou": mean_iou(ious),
            "iou": ious,
            "point_accuracy": float(total.intersection.sum() / max(1, total.truth.sum())),
            "sequences": self.test.videos_scored,
            "sequences_total": self.test.videos_total,
            "counts": {name: plain(found) for name, found in counts.items()},
        }

    def result(self) -> dict:
        """Last-epoch and best-epoch scores, and the last epoch's counts of every test sequence."""
        last = dict(self.scores[max(self.scores)])
        best = {name: value for name, value in self.scores[self.best_epoch].items() if name != "counts"}
        return {
            "counts": last.pop("counts"),
            "last": last,
            "best": best | {"epoch": self.best_epoch + 1},
            "classes": list(self.scenes.classes),
        } | self.sizes()


def plain(counts: Counts) -> dict[str, list[int]]:
    """Counts as a record keeps them."""
    return {name: getattr(counts, name).tolist() for name in ("intersection", "union", "truth")}
