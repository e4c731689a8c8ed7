"""Action recognition: fine-tune a classifier on clips, score videos.

Clips of one video vote with their softmax; the video's class is the arg-max of the sum. That is the protocol of
P4Transformer, PPTr and C2P on MSR-Action3D. Both the last epoch and the best epoch on the test set are kept: the
papers report the best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ..backbones import BackboneSize, Clip, PPTrSize
from ..backbones.contract import call
from ..data.augment import Augment
from ..data.clips import Clips, score_videos
from ..data.store import Store
from ..recipe import Training, stable_seed, start_from
from ..stream import ClipData
from ..values import Count, Percent, Whole
from .classifier import Classifier
from .downstream import Downstream, Finetuning
from .scoring.recognition import RECOGNITION
from .task import Task


@dataclass(frozen=True)
class Finetune(Downstream):
    """Recipe of a fine-tuning for recognition; ``init=None`` trains from scratch."""

    task: ClassVar[Task] = RECOGNITION

    backbone: BackboneSize = PPTrSize()
    data: ClipData = ClipData()
    training: Training = Training()
    init: Any = None  # the pre-training recipe whose backbone it starts from, weights from a file, or None for scratch
    augment: Augment = Augment()
    label_percent: Percent = 100  # share of the training videos that keep their labels, class by class
    evaluate_every: Count = 1  # epochs; the last epoch is always evaluated
    evaluate_clips: Count | None = None  # evenly spaced clips a test video; None takes every one, as the authors do
    seed: Whole = 0

    @property
    def title(self) -> str:
        return f"fine-tuning {self.start}, {self.backbone.name}, {self.data.frames} frames, seed {self.seed}"

    def network(self, outputs: int) -> Classifier:
        """What gives the logits of a clip."""
        return Classifier(self.backbone, outputs)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> FinetuneJob:
        """This recipe on data, from the weights of its ``init``."""
        return FinetuneJob(self, store, pretrained)


def spread(clips: Clips, per_video: int | None) -> Clips:
    """At most ``per_video`` clips of each video, evenly spaced from its first to its last."""
    if per_video is None:
        return clips
    keep = []
    for video in np.unique(clips.sequence):
        members = np.flatnonzero(clips.sequence == video)
        keep.append(members[np.unique(np.linspace(0, len(members) - 1, per_video).round().astype(int))])
    keep = np.concatenate(keep) if keep else np.empty(0, dtype=np.int64)
    return Clips(
        clips.sequence[keep], clips.start[keep], clips.frames, clips.step, clips.videos_total, clips.videos_scored
    )


class FinetuneJob(Finetuning):
    """A fine-tuning on data; see :class:`pointvideo.recipe.Job`."""

    shown = ("accuracy", "clip_accuracy")

    def __init__(self, recipe: Downstream, store: Store, pretrained: dict[str, Tensor] | None):
        super().__init__(recipe, store)
        self.test = spread(recipe.data.clips(store, "test"), recipe.evaluate_clips)
        self.labels = torch.from_numpy(np.asarray(store.labels, dtype=np.int64))
        self.module = recipe.network(len(store.classes))
        start_from(recipe, self.module.backbone, pretrained)

    def batch(self, epoch: int, step: int) -> tuple[Tensor, Clip]:
        """Labels, then the clips (batch, frames, points, 3), scaled and normalised."""
        sequence, start, seed = self.stream.draw(epoch, step)
        seeds = stable_seed(seed, 0), stable_seed(seed, 3)
        clips = self.stream.reader.clip(sequence, start, seeds[0], self.recipe.augment, seeds[1])
        return self.labels[sequence], clips

    def loss(self, labels: Tensor, clips: Clip) -> dict[str, Tensor]:
        """Cross entropy and clip accuracy of the batch."""
        logits = call(self.module, clips)
        hits = (logits.detach().argmax(dim=1) == labels).float().mean()
        return {"loss": torch.nn.functional.cross_entropy(logits, labels), "train_accuracy": hits}

    def evaluate(self) -> dict:
        """Scores of the test clips; their points are drawn anew but the same in every evaluation of a seed."""
        outputs = self.outputs(self.test_clip, 2 * self.training.batch)
        logits = torch.cat([logits.float().cpu() for _, _, logits in outputs])
        return score_videos(logits, self.test, self.store.labels)

    def result(self) -> dict:
        """Last-epoch and best-epoch scores."""
        named = {epoch: dict(score) for epoch, score in self.scores.items()}
        for score in named.values():
            score["predictions"] = {
                self.store.sequences[int(video)].name: label for video, label in score["predictions"].items()
            }
        last = named[max(named)]
        return {
            "last": last,
            "best": named[self.best_epoch] | {"epoch": self.best_epoch + 1},
            "predictions": last["predictions"],
            "labels": {s.name: s.label for s in self.store.sequences if s.name in last["predictions"]},
        } | self.sizes()
