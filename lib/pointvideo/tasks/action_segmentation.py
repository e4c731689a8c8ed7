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

from ..backbones import P4ActionSegmentationSize, PPTrActionSegmentationSize
from ..data.augment import Augment
from ..data.store import Store
from ..recipe import Training, stable_seed
from ..stream import ClipData, ClipStream, arguments
from .downstream import Finetuning, check_finetuning, labelled_videos, start_words
from .frame_classifier import FrameClassifier
from .scoring.action_segmentation import ACTION_SEGMENTATION
from .segmental import score
from .task import Task

# the loaders of HOI4D and C2P: one factor for all axes about the scene's centre, half of the clips mirrored
HOI4D_AUGMENT = Augment(0.8, 1.2, per_axis=False, around="centre", mirror="x")
HOI4D_ACTION = ClipData("hoi4d_action", frames=150, divisor=1.0)


@dataclass(frozen=True)
class SegmentActions:
    """Recipe of a fine-tuning for action segmentation; ``init=None`` trains from scratch."""

    entry: ClassVar[tuple[str, ...]] = ("pointvideo.tasks.action_segmentation", "pointvideo.study.trainer")
    task: ClassVar[Task] = ACTION_SEGMENTATION

    backbone: P4ActionSegmentationSize | PPTrActionSegmentationSize = PPTrActionSegmentationSize()
    data: ClipData = HOI4D_ACTION
    training: Training = Training(epochs=50, batch=8)
    init: Any = None  # the pre-training recipe whose backbone it starts from, or None for scratch
    augment: Augment | None = HOI4D_AUGMENT
    label_percent: int = 100  # share of the training sequences that keep their labels
    evaluate_every: int = 1  # epochs; the last epoch is always evaluated
    seed: int = 0

    def __post_init__(self):
        check_finetuning(self)

    @property
    def kind(self) -> str:
        return type(self).__name__

    @property
    def dataset(self) -> str:
        return self.data.dataset

    @property
    def title(self) -> str:
        return f"action segmentation {start_words(self)}, {self.backbone.name}, seed {self.seed}"

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> SegmentActionsJob:
        """This recipe on data, from the weights of its ``init``."""
        return SegmentActionsJob(self, store, pretrained)


class SegmentActionsJob(Finetuning):
    """A fine-tuning on data; see :class:`pointvideo.recipe.Job`."""

    shown = ("accuracy", "edit")

    def __init__(self, recipe: SegmentActions, store: Store, pretrained: dict[str, Tensor] | None):
        super().__init__(recipe, store)
        self.classes = store.names("action")
        every = np.unique(recipe.data.clips(store, "train").sequence)
        videos = labelled_videos(store, recipe.label_percent, recipe.seed, every)
        self.stream = ClipStream(store, recipe.data, recipe.training, recipe.seed, videos)
        self.steps_per_epoch = self.stream.steps_per_epoch
        self.test = recipe.data.clips(store, "test")
        self.module = FrameClassifier(recipe.backbone, len(self.classes))
        self.start_from(self.module.backbone, pretrained)

    def batch(self, epoch: int, step: int) -> tuple[Tensor, ...]:
        """The label of every frame (batch, frames), then the clips (batch, frames, points, 3), augmented."""
        sequence, start, seed = self.stream.draw(epoch, step)
        seeds = stable_seed(seed, 0), stable_seed(seed, 3)
        clips = self.stream.reader.clip(sequence, start, seeds[0], self.recipe.augment, seeds[1])
        return self.stream.sampler.frame_values("action", sequence, start).long(), *clips

    def loss(self, labels: Tensor, *clips: Tensor) -> dict[str, Tensor]:
        """Cross entropy over all frames, and the share of right frames."""
        xyz, more = arguments(clips)
        logits = self.module(xyz, **more).flatten(0, 1)
        hits = (logits.detach().argmax(dim=1) == labels.flatten()).float().mean()
        return {"loss": torch.nn.functional.cross_entropy(logits, labels.flatten()), "train_accuracy": hits}

    @torch.no_grad()
    def evaluate(self) -> dict:
        """Scores of the test sequences; their points are drawn anew but the same in every evaluation of a seed.

        ``released`` has edit and F1 as HOI4D's and C2P's code counts: the last segment ends one frame early.
        """
        device = next(self.module.parameters()).device
        self.module.eval()
        guesses = []
        for first in range(0, len(self.test), self.training.batch):
            chosen = slice(first, first + self.training.batch)
            place = (self.test.sequence[chosen], self.test.start[chosen])
            seed = stable_seed(self.seed, 0x7E57, first)
            xyz, more = arguments(tuple(values.to(device) for values in self.stream.reader.clip(*place, seed)))
            guesses.append(self.module(xyz, **more).argmax(dim=-1).cpu().numpy())
        self.module.train()
        guesses = np.concatenate(guesses)
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
