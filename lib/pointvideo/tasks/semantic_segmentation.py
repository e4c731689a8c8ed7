"""Semantic segmentation of point cloud videos: fine-tune a network that labels every point, score by mean IoU.

The protocols of HOI4D and Synthia 4D as C2P (CVPR 2023, sections 4.3 and 4.4) uses them; :mod:`.scenes` has what they
differ in. Counts of points are kept for every test sequence, so that an IoU has an interval over sequences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from ..backbones import BackboneSize, BallSegmentationSize, Clip
from ..backbones.contract import call
from ..data.augment import Augment
from ..data.layout import set_of
from ..data.store import Store
from ..recipe import Training, start_from
from ..stream import ClipData
from ..values import Count, Percent, Whole
from .downstream import Downstream, Finetuning
from .intersection import Counts, class_ious, count, mean_iou
from .point_classifier import PointClassifier
from .scenes import Samples, scenes_of
from .scoring.semantic_segmentation import SEMANTIC_SEGMENTATION
from .task import Task

# the loaders of HOI4D (turn up to 9 degrees) and Synthia (any turn), scale and turn about the scene's centre
HOI4D_AUGMENT = Augment(0.8, 1.2, per_axis=False, around="centre", turn_degrees=9.0)
SYNTHIA_AUGMENT = Augment(0.8, 1.2, per_axis=False, around="centre", turn_degrees=180.0, mirror="x")
HOI4D_SEMANTIC = ClipData("hoi4d_semantic", frames=3, hop=3, points=8192, divisor=1.0)
SYNTHIA4D = ClipData("synthia4d", frames=3, step=-1, points=16384, divisor=1.0, features=("rgb",))


@dataclass(frozen=True)
class SegmentPoints(Downstream):
    """Recipe of a fine-tuning for semantic segmentation; ``init=None`` trains from scratch."""

    task: ClassVar[Task] = SEMANTIC_SEGMENTATION

    # a network of its own, whose size has ``classes``; any other backbone's tokens are carried to the points
    backbone: BackboneSize = BallSegmentationSize()
    data: ClipData = HOI4D_SEMANTIC
    training: Training = Training(epochs=50)
    # the pre-training recipe whose network it starts from, but for the head, weights from a file, or None for scratch
    init: Any = None
    augment: Augment | None = HOI4D_AUGMENT
    label_percent: Percent = 100  # share of the training sequences that keep their labels
    evaluate_every: Count = 1  # epochs; the last epoch is always evaluated
    evaluate_hop: Count | None = None  # frames from one test clip's start to the next; None: as in training
    seed: Whole = 0

    @property
    def title(self) -> str:
        frames = f"{self.data.frames} frame{'s' if self.data.frames > 1 else ''}"
        task = f"{set_of(self.dataset)} segmentation"
        return f"{task} {self.start}, {self.backbone.name}, {frames}, seed {self.seed}"

    def network(self, outputs: int) -> nn.Module:
        """What gives the logits of every point."""
        size = self.backbone
        if getattr(size, "classes", outputs) != outputs:
            raise ValueError(
                f"{type(size).__name__}.classes: got {size.classes}, expected {outputs}, the labels of {self.dataset}"
            )
        return size.build() if hasattr(size, "classes") else PointClassifier(size, outputs)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> SegmentPointsJob:
        """This recipe on data, from the weights of its ``init``."""
        return SegmentPointsJob(self, store, pretrained)


class SegmentPointsJob(Finetuning):
    """A fine-tuning on data; see :class:`pointvideo.recipe.Job`."""

    metric = "miou"
    shown = ("miou", "point_accuracy")

    def __init__(self, recipe: Downstream, store: Store, pretrained: dict[str, Tensor] | None):
        super().__init__(recipe, store, np.unique(recipe.data.clips(store, "train").sequence))
        self.scenes = scenes_of(recipe.dataset)(store, self.stream.reader)
        self.test = recipe.data.clips(store, "test", hop=recipe.evaluate_hop)
        self.output_names = ("",) * self.scenes.unscored + self.scenes.classes
        self.module = recipe.network(self.scenes.outputs)
        # the head of a pre-training has seen nothing
        start_from(recipe, getattr(self.module, "backbone", self.module), pretrained, fresh=("head.",))

    def batch(self, epoch: int, step: int) -> tuple[Tensor, Tensor, Clip]:
        """Labels, which points count, then the clips as the network takes them."""
        sequence, start, seed = self.stream.draw(epoch, step)
        samples = self.scenes.samples(sequence, start, seed, self.recipe.augment)
        return samples.labels, samples.counted, samples.inputs

    def loss(self, labels: Tensor, counted: Tensor, clip: Clip) -> dict[str, Tensor]:
        """Cross entropy of the points that count, rare classes weighed up where the set has weights."""
        logits = call(self.module, clip)
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

    def test_samples(self, chosen: slice, seed: int) -> Samples:
        """Test clips with their labels."""
        return self.scenes.samples(self.test.sequence[chosen], self.test.start[chosen], seed, None)

    def evaluate(self) -> dict:
        """IoU of each class and their mean over the test set; every clip's points are the same in every evaluation."""
        counts: dict[str, Counts] = {}
        classes = len(self.scenes.classes)
        for chosen, samples, logits in self.outputs(self.test_samples, self.training.batch):
            sequence = self.test.sequence[chosen]
            guess = self.scenes.scored(logits).cpu().numpy()
            truth, counted = self.scenes.truth(samples.labels).numpy(), samples.counted.numpy()
            for sample, clip in enumerate(samples.clip):
                name = self.store.sequences[sequence[clip]].name
                found = count(guess[sample].ravel(), truth[sample].ravel(), classes, counted[sample].ravel())
                counts[name] = counts[name] + found if name in counts else found
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
