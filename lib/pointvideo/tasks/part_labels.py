"""Segmentation of the parts of bodies, of one clip a video in its middle: labels, scores, and what labels alone give.

Simulated bodies know of every point which part it lies on (field "part"). Every point counts, every part is scored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from ..data.augment import Augment
from ..data.parts import FIELD, part_names
from ..data.store import Store
from ..recipe import stable_seed, start_from
from ..stream import ClipReader
from .downstream import Downstream, Finetuning
from .pooled_probe import PooledProbeJob
from .scenes import Samples, Scenes, sample_indices
from .scoring.part_segmentation import PART_SEGMENTATION, accuracy_of_counts
from .semantic_segmentation import SegmentPointsJob
from .task import Task
from .trivial import LabelsOnly, PointAnswers


class Parts(Scenes):
    """The set whose points have the field "part"; StoreError, one line, for a store without."""

    def __init__(self, store: Store, reader: ClipReader):
        self.reader, self.weights = reader, None
        self.classes = part_names(store)
        self.outputs = len(self.classes)

    def samples(self, sequence: np.ndarray, start: np.ndarray, seed: int, augment: Augment | None) -> Samples:
        """One sample a clip."""
        frames = self.reader.load(sequence, start)
        index = sample_indices(frames, self.reader.data.points, stable_seed(seed, 0))
        clip = self.reader.gathered(frames, index, augment, stable_seed(seed, 3))
        labels = self.reader.sampler.take(FIELD, frames, index).long()
        return Samples(clip, labels, torch.ones_like(labels, dtype=torch.bool), np.arange(len(labels)))


class PartsJob(SegmentPointsJob):
    """A job on such labels; see :class:`pointvideo.recipe.Job`."""

    shown = ("miou", "macc", "point_accuracy")
    _middle = PooledProbeJob._middle  # one clip a video, as the probe of the mean token takes it

    def __init__(self, recipe: Downstream, store: Store, pretrained: dict[str, Tensor] | None):
        Finetuning.__init__(self, recipe, store, np.unique(recipe.data.clips(store, "train").sequence))
        self.scenes = Parts(store, self.stream.reader)
        self.test = self._middle(recipe.data.clips(store, "test"))
        self.output_names = self.scenes.classes
        self.module = recipe.network(self.scenes.outputs)
        start_from(recipe, self.module.backbone, pretrained)

    def evaluate(self) -> dict:
        """Scores over all test points together: mIoU, mean accuracy of the parts, overall accuracy."""
        found = super().evaluate()
        several = [np.concatenate([counts["intersection"], counts["truth"]]) for counts in found["counts"].values()]
        return found | {"macc": float(accuracy_of_counts(np.sum(several, axis=0, dtype=np.float64), by_class=True))}


@dataclass(frozen=True)
class PartsOnly(LabelsOnly):
    """Recipe of an answer that is counted from the training labels: the most frequent part, for every point."""

    task: ClassVar[Task] = PART_SEGMENTATION

    level: Literal["point"] = "point"

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> PartAnswers:
        """This recipe on data."""
        return PartAnswers(self, store, pretrained)


class PartAnswers(PointAnswers, PartsJob):
    """Such an answer on data."""

    def count(self) -> Tensor:
        every = np.zeros(self.scenes.outputs, dtype=np.int64)
        for video in self.stream.videos:
            first, last = self.store.frame_offsets[self.store.sequence_offsets[[video, video + 1]]]
            every += np.bincount(self.store.array(FIELD)[first:last], minlength=len(every))
        return torch.from_numpy(every)[None, None]
