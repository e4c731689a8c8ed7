"""Answers that see no point: what the training labels alone give, scored like any network.

A network that does not beat them has learnt nothing that is in the points. "majority" is the most frequent training
label everywhere. "sequence", one label a frame, is the most frequent one at each frame number: the same labels for
every video. "category" is that among the training videos of the same category, which the test video is told. "prior",
one label a point, draws a label for each point, as often as each occurs: where classes count alike, as in the mean IoU,
that can beat the majority.

The answers are counted, not trained, so a seed changes nothing but the points that are scored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ..data.store import Store
from ..recipe import Training, stable_seed
from ..stream import ClipData
from ..values import Count, OddCount, Whole
from .action_segmentation import SegmentActionsJob
from .downstream import Downstream
from .recognition import FinetuneJob
from .scoring.action_segmentation import ACTION_SEGMENTATION
from .scoring.recognition import RECOGNITION
from .scoring.semantic_segmentation import SEMANTIC_SEGMENTATION
from .semantic_segmentation import SegmentPointsJob
from .task import Task

ANSWERS = {"clip": ("majority",), "frame": ("majority", "sequence", "category"), "point": ("majority", "prior")}


@dataclass(frozen=True)
class LabelsOnly(Downstream):
    """Recipe of an answer that is counted from the training labels, all of them."""

    backbone: ClassVar[None] = None
    label_percent: ClassVar[int] = 100

    data: ClipData = ClipData()
    training: Training = Training(epochs=1)  # batch: clips that are scored at a time
    answer: Literal["majority", "sequence", "category", "prior"] = "majority"
    level: Literal["clip", "frame", "point"] = "clip"  # what has a label
    # frames around each whose labels count for it: the training videos are few for each single frame
    window: OddCount = 13
    evaluate_every: Count = 1
    evaluate_clips: Count | None = None  # as in the fine-tuning of this level
    evaluate_hop: Count | None = None
    seed: Whole = 0
    init: Any = None

    def __post_init__(self):
        super().__post_init__()
        if self.answer not in ANSWERS[self.level]:
            known = ", ".join(map(repr, ANSWERS[self.level]))
            raise ValueError(
                f"LabelsOnly.answer: got {self.answer!r}, expected one of {known} for one label a {self.level}"
            )
        if self.init is not None:
            raise ValueError("LabelsOnly.init: got a start, expected None: there is nothing to start")

    @property
    def task(self) -> Task:
        """That of the fine-tuning of its level."""
        return {"clip": RECOGNITION, "frame": ACTION_SEGMENTATION, "point": SEMANTIC_SEGMENTATION}[self.level]

    @property
    def title(self) -> str:
        return f"{self.answer} of the training labels, one a {self.level}, {self.data.frames} frames"

    def network(self, outputs: int) -> Answers:
        """The table of logits."""
        return Answers(outputs)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> LabelsOnlyJob:
        """This recipe on data."""
        return {"clip": ClipAnswers, "frame": FrameAnswers, "point": PointAnswers}[self.level](self, store, pretrained)


class Answers(nn.Module):
    """A table of counts, (categories, frames, labels), instead of a network.

    Args:
        outputs: labels.
    """

    def __init__(self, outputs: int):
        super().__init__()
        self.backbone = nn.Identity()
        self.register_buffer("counts", torch.zeros(1, 1, outputs, dtype=torch.float64))


class LabelsOnlyJob:
    """What the answers add to the fine-tuning of their level: counting, and outputs without a network.

    Test set, scores and result are the fine-tuning's.
    """

    def solve(self) -> list[dict]:
        """Count; the curve's only entry."""
        self.module.counts = self.count().to(self.module.counts)
        last = self.training.epochs
        return [{"epoch": last} | self.epoch_end(last - 1)]

    def count(self) -> Tensor:
        """How often each label occurs in training, (categories or 1, frames or 1, labels)."""
        return torch.bincount(self.labels[self.stream.videos], minlength=self.module.counts.shape[-1])[None, None]

    def outputs(self, samples: Callable[[slice, int], Any], size: int) -> Iterator[tuple[slice, Any, Tensor]]:
        """As :meth:`.downstream.Finetuning.outputs`, from the counts; no clip is read."""
        for first in range(0, len(self.test), size):
            chosen = slice(first, min(first + size, len(self.test)))
            yield chosen, None, self.answers(chosen)

    def answers(self, chosen: slice) -> Tensor:
        """Logits of test clips."""
        return self.module.counts[0].cpu().expand(chosen.stop - chosen.start, -1)


class ClipAnswers(LabelsOnlyJob, FinetuneJob):
    """Recognition."""


class FrameAnswers(LabelsOnlyJob, SegmentActionsJob):
    """Action segmentation; frames are counted from the beginning of a video."""

    def count(self) -> Tensor:
        store, labels = self.store, len(self.classes)
        by_category, by_frame = self.recipe.answer == "category", self.recipe.answer != "majority"
        frames = int(store.frame_counts[self.stream.videos].max()) if by_frame else 1
        table = np.zeros((int(store.labels.max()) + 1 if by_category else 1, frames, labels))
        for video in self.stream.videos:
            label = store.frame_field("action", int(video))
            frame = np.arange(len(label)) if by_frame else np.zeros(len(label), dtype=np.int64)
            np.add.at(table[store.labels[video] if by_category else 0], (frame, label), 1)
        half = self.recipe.window // 2 if by_frame else 0
        sums = np.pad(table, ((0, 0), (half + 1, half), (0, 0))).cumsum(axis=1)
        table = sums[:, 2 * half + 1 :] - sums[:, :frames]
        unseen = table.sum(axis=-1, keepdims=True) == 0  # a category that no training video has at that frame
        return torch.from_numpy(np.where(unseen, table.sum(axis=0), table))

    def answers(self, chosen: slice) -> Tensor:
        counts, data = self.module.counts.cpu(), self.test
        sequence, start = data.sequence[chosen], data.start[chosen]
        frame = start[:, None] + data.step * np.arange(data.frames)
        last = np.minimum(self.store.frame_counts[sequence], counts.shape[1])[:, None] - 1  # the last one repeats
        category = self.store.labels[sequence] if len(counts) > 1 else np.zeros(len(sequence), dtype=np.int64)
        return counts[torch.from_numpy(category)[:, None], torch.from_numpy(np.clip(frame, 0, last))]


class PointAnswers(LabelsOnlyJob, SegmentPointsJob):
    """Semantic segmentation; labels that cannot be predicted are not counted."""

    def count(self) -> Tensor:
        store, scenes = self.store, self.scenes
        every = np.zeros(scenes.outputs, dtype=np.int64)
        for video in self.stream.videos:
            first, last = store.frame_offsets[store.sequence_offsets[[video, video + 1]]]
            every += np.bincount(store.array("semantic")[first:last], minlength=scenes.outputs)[: scenes.outputs]
        every[: scenes.unscored] = 0
        return torch.from_numpy(every)[None, None]

    def outputs(self, samples: Callable[[slice, int], Any], size: int) -> Iterator[tuple[slice, Any, Tensor]]:
        """The labels of a clip's points are needed to score it, so it is read."""
        counts = self.module.counts[0, 0].cpu()
        for first in range(0, len(self.test), size):
            chosen, seed = slice(first, first + size), stable_seed(self.seed, 0x7E57, first)
            batch = samples(chosen, seed)
            if self.recipe.answer == "majority":
                logits = counts.expand(*batch.labels.shape, -1)
            else:
                random = np.random.default_rng(stable_seed(seed, 0x9817))
                drawn = random.choice(len(counts), size=tuple(batch.labels.shape), p=(counts / counts.sum()).numpy())
                logits = nn.functional.one_hot(torch.from_numpy(drawn), len(counts))
            yield chosen, batch, logits
