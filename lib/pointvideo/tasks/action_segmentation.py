"""Action segmentation: fine-tune a network that labels every frame of a long sequence, score the test sequences.

The protocol of HOI4D's baselines and of C2P (CVPR 2023, section 4.2): a sample is a whole sequence of 150 frames, the
loss is the mean cross entropy of its frames, the scores are frame-wise accuracy, segmental edit score and segmental F1
at overlaps of 10, 25 and 50 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ..backbones import BackboneSize, Clip, PPTrActionSegmentationSize
from ..backbones.contract import call
from ..data.augment import Augment
from ..data.store import Store
from ..recipe import Training, stable_seed, start_from
from ..stream import ClipData
from ..values import Count, Percent, Whole
from .downstream import Downstream, Finetuning, label_names
from .frame_classifier import FrameClassifier
from .scoring.action_segmentation import ACTION_SEGMENTATION
from .segmental import score
from .task import Task

# the loaders of HOI4D and C2P: one factor for all axes about the scene's centre, half of the clips mirrored
HOI4D_AUGMENT = Augment(0.8, 1.2, per_axis=False, around="centre", mirror="x")
HOI4D_ACTION = ClipData("hoi4d_action", frames=150, divisor=1.0)


@dataclass(frozen=True)
class SegmentActions(Downstream):
    """Recipe of a fine-tuning for action segmentation; ``init=None`` trains from scratch."""

    task: ClassVar[Task] = ACTION_SEGMENTATION

    backbone: BackboneSize = PPTrActionSegmentationSize()
    data: ClipData = HOI4D_ACTION
    training: Training = Training(epochs=50, batch=8)
    init: Any = None  # the pre-training recipe whose backbone it starts from, weights from a file, or None for scratch
    augment: Augment | None = HOI4D_AUGMENT
    label_percent: Percent = 100  # share of the training sequences that keep their labels
    evaluate_every: Count = 1  # epochs; the last epoch is always evaluated
    seed: Whole = 0

    @property
    def title(self) -> str:
        return f"action segmentation {self.start}, {self.backbone.name}, seed {self.seed}"

    def network(self, outputs: int) -> FrameClassifier:
        """What gives the logits of every frame."""
        return FrameClassifier(self.backbone, outputs)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> SegmentActionsJob:
        """This recipe on data, from the weights of its ``init``."""
        return SegmentActionsJob(self, store, pretrained)


class SegmentActionsJob(Finetuning):
    """A fine-tuning on data; see :class:`pointvideo.recipe.Job`."""

    shown = ("accuracy", "edit")

    def __init__(self, recipe: Downstream, store: Store, pretrained: dict[str, Tensor] | None):
        super().__init__(recipe, store, np.unique(recipe.data.clips(store, "train").sequence))
        self.classes = label_names(store, "action", store.frame_fields)
        self.test = recipe.data.clips(store, "test")
        self.output_names = self.classes
        self.module = recipe.network(len(self.classes))
        start_from(recipe, self.module.backbone, pretrained)

    def batch(self, epoch: int, step: int) -> tuple[Tensor, Clip]:
        """The label of every frame (batch, frames), then the clips (batch, frames, points, 3), augmented."""
        sequence, start, seed = self.stream.draw(epoch, step)
        seeds = stable_seed(seed, 0), stable_seed(seed, 3)
        clips = self.stream.reader.clip(sequence, start, seeds[0], self.recipe.augment, seeds[1])
        return self.stream.sampler.frame_values("action", sequence, start).long(), clips

    def loss(self, labels: Tensor, clips: Clip) -> dict[str, Tensor]:
        """Cross entropy over all frames, and the share of right frames."""
        logits = call(self.module, clips).flatten(0, 1)
        hits = (logits.detach().argmax(dim=1) == labels.flatten()).float().mean()
        return {"loss": torch.nn.functional.cross_entropy(logits, labels.flatten()), "train_accuracy": hits}

    def evaluate(self) -> dict:
        """Scores of the test sequences; their points are drawn anew but the same in every evaluation of a seed.

        ``released`` has edit and F1 as HOI4D's and C2P's code counts: the last segment ends one frame early.
        """
        outputs = self.outputs(self.test_clip, self.training.batch)
        guesses = np.concatenate([logits.argmax(dim=-1).cpu().numpy() for _, _, logits in outputs])
        truths = self.stream.sampler.frame_values("action", self.test.sequence, self.test.start).numpy()
        ours, released = (score(list(guesses), list(truths), last_frame_open=end) for end in (False, True))
        return {
            "accuracy": ours.accuracy / 100,
            "edit": ours.edit / 100,
            "f1": [value / 100 for value in ours.f1],
            "released": {"edit": released.edit / 100, "f1": [value / 100 for value in released.f1]},
            "sequences": self.test.videos_scored,
            "sequences_total": self.test.videos_total,
            "predictions": [run_lengths(frames) for frames in guesses],
        }

    def result(self) -> dict:
        """Last-epoch and best-epoch scores, and the last epoch's labels of every test sequence, run-length coded."""
        last = dict(self.scores[max(self.scores)])
        best = {name: value for name, value in self.scores[self.best_epoch].items() if name != "predictions"}
        truths = self.stream.sampler.frame_values("action", self.test.sequence, self.test.start).numpy()
        # a sequence longer than a clip has several; the frame at which a clip begins tells them apart
        names = [
            self.store.sequences[sequence].name + (f"@{start}" if start else "")
            for sequence, start in zip(self.test.sequence, self.test.start, strict=True)
        ]
        return {
            "predictions": dict(zip(names, last.pop("predictions"), strict=True)),
            "labels": {name: run_lengths(frames) for name, frames in zip(names, truths, strict=True)},
            "last": last,
            "best": best | {"epoch": self.best_epoch + 1},
            "classes": list(self.classes),
        } | self.sizes()


def run_lengths(labels: np.ndarray) -> list[list[int]]:
    """[label, frames] of each run of equal labels, in order."""
    return [[int(label), len(list(run))] for label, run in groupby(labels.tolist())]
