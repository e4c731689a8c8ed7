"""Semantic segmentation of a room that stands still: one label a point, scored by mean IoU and mean accuracy.

Training sees a block of so many voxels about a random place of a room, or points of the whole room; the test goes over
all blocks of a room and scores every point of it (:mod:`.room_blocks`). Points of no class ("unannotated") are in the
input and count nowhere. ContrastiveSceneContexts (Hou, Graham, Niessner, Xie, CVPR 2021), whose protocol reviewers say
MVNet follows, takes whole rooms in voxels of 2 cm on ScanNet and 5 cm on S3DIS; blocks of a fixed number of voxels are
ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from ..backbones.contract import call
from ..backbones.point_unet import PointUNetSize
from ..data.augment import Augment
from ..data.clips import FrameBatch
from ..data.layout import set_of
from ..data.room_scans import UNANNOTATED
from ..data.store import Store
from ..recipe import Optimiser, Training, stable_seed
from ..stream import ClipData, ClipReader
from ..values import NotNegative
from . import probe
from .downstream import Downstream, Finetuning
from .intersection import Counts, class_ious, count, mean_iou
from .point_classifier import PointClassifier
from .probe import Probe
from .room_blocks import block, blocks, voxels
from .scenes import Samples, Scenes
from .scoring.part_segmentation import accuracy_of_counts
from .scoring.room_segmentation import ROOM_SEGMENTATION
from .semantic_segmentation import SegmentPoints, SegmentPointsJob, plain
from .task import Task
from .transfer import Output, Transfer, check_transfer, network_size, take_over, words
from .trivial import LabelsOnly, LabelsOnlyJob, PointAnswers

ROOM_AUGMENT = Augment(0.9, 1.1, per_axis=False, around="centre", turn_degrees=180.0, mirror="x")
SCANNET = ClipData("scannet", frames=1, points=8192, short="pad", divisor=1.0, features=("rgb",))


@dataclass(frozen=True)
class SegmentRooms(SegmentPoints):
    """Recipe of such a training; ``init=None`` trains from scratch."""

    task: ClassVar[Task] = ROOM_SEGMENTATION

    backbone: PointUNetSize = PointUNetSize(inputs=3, output="points")
    data: ClipData = SCANNET.in_radii()
    training: Training = Training(100, 8, 1, Optimiser("adamw", 1e-3, weight_decay=0.05, schedule="cosine"))
    augment: Augment | None = ROOM_AUGMENT
    voxel: NotNegative = 0.04  # metres along a voxel's side; 0: points as the store has them
    seen: Literal["block", "room"] = "block"  # what a training sample is of a room
    output: Output = "points"  # of the backbone
    transfer: Transfer = "all"  # of the weights of ``init``
    balance: NotNegative = 0.5  # weights of classes in the loss are their frequencies to the power of minus this

    def __post_init__(self):
        super().__post_init__()
        check_transfer(self)
        check_rooms(self)

    @property
    def title(self) -> str:
        colours = "with colours" if "rgb" in self.data.features else "without colours"
        start = f"rooms of {set_of(self.dataset)} {self.start}{words(self)}"
        return f"{start}, {self.backbone.name}, {colours}, seed {self.seed}"

    def network(self, outputs: int) -> PointClassifier:
        """What gives the logits of every point."""
        return PointClassifier(network_size(self), outputs)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> RoomsJob:
        """This recipe on data, from the weights of its ``init``."""
        return RoomsJob(self, store, pretrained)


def check_rooms(recipe: Downstream) -> None:
    """A ValueError unless a recipe's data are still scenes."""
    if recipe.data.frames != 1 or recipe.data.short != "pad":
        raise ValueError(
            f"{recipe.kind}.data: got {recipe.data.frames} frames, short={recipe.data.short!r}, expected 1 and 'pad': "
            "rooms stand still"
        )


class Rooms(Scenes):
    """Rooms whose points have the field "semantic"; a last label "unannotated" is no class."""

    def __init__(self, store: Store, reader: ClipReader, voxel: float = 0.0, seen: str = "room", balance: float = 0.0):
        super().__init__(store, reader)
        self.voxel, self.seen = voxel, seen
        self.classes = self.classes[:-1] if self.classes[-1] == UNANNOTATED else self.classes
        self.outputs = len(self.classes)
        if balance:
            rows = [store.frame_offsets[store.sequence_offsets[i : i + 2]] for i in reader.data.split(store, "train")]
            every = np.concatenate([store.array("semantic")[first:last] for first, last in rows])
            often = np.bincount(every, minlength=self.outputs)[: self.outputs]
            weights = (np.maximum(often, 1) / max(1, often.sum())) ** -balance
            self.weights = torch.from_numpy(weights / weights[often > 0].mean()).float()

    def samples(self, sequence: np.ndarray, start: np.ndarray, seed: int, augment: Augment | None) -> Samples:
        """One sample a room: a block about a random point of it, or points of all of it."""
        frames, wanted = self.reader.load(sequence, start), self.reader.data.points
        index = np.empty((len(sequence), 1, wanted), dtype=np.int64)
        every, lengths = frames.xyz[:, 0].numpy(), frames.lengths[:, 0].tolist()
        for place, (room, length) in enumerate(zip(every, lengths, strict=True)):
            random = np.random.default_rng([seed & 0xFFFFFFFFFFFFFFFF, place])
            order = random.permutation(length)
            kept = order[voxels(room[order], self.voxel)[0]]
            if self.seen == "block":
                kept = kept[block(room[kept], room[random.choice(kept)], wanted)]
            index[place, 0] = drawn(len(kept), wanted, random, kept)
        return self.labelled(frames, torch.from_numpy(index), augment, stable_seed(seed, 3))

    def labelled(self, frames: FrameBatch, index: Tensor, augment: Augment | None, seed: int) -> Samples:
        """The chosen points with their labels."""
        clip = self.reader.gathered(frames, index, augment, seed)
        labels = self.reader.sampler.take("semantic", frames, index).long()
        return Samples(clip, labels, labels < self.outputs, np.arange(len(labels)))


def drawn(count: int, wanted: int, random: np.random.Generator, kept: np.ndarray) -> np.ndarray:
    """``wanted`` of ``count`` points: some of them, or all of them and some once more."""
    if count >= wanted:
        return kept[random.permutation(count)[:wanted]]
    return kept[np.concatenate([random.permutation(count) for _ in range(-(-wanted // count))])[:wanted]]


class RoomsJob(SegmentPointsJob):
    """A training on rooms; see :class:`pointvideo.recipe.Job`."""

    shown = ("miou", "macc", "point_accuracy")

    def __init__(self, recipe: Downstream, store: Store, pretrained: dict[str, Tensor] | None):
        Finetuning.__init__(self, recipe, store, np.unique(recipe.data.clips(store, "train").sequence))
        self.scenes = Rooms(store, self.stream.reader, recipe.voxel, recipe.seen, recipe.balance)
        self.test = recipe.data.clips(store, "test")
        self.output_names = self.scenes.classes
        self.module = recipe.network(self.scenes.outputs)
        take_over(recipe, self.module.backbone, pretrained)

    @torch.no_grad()
    def evaluate(self) -> dict:
        """Scores over all points of all test rooms; a room's blocks are the same in every evaluation."""
        self.module.eval()
        counts = {}
        for sequence, start in zip(self.test.sequence.tolist(), self.test.start.tolist(), strict=True):
            frames = self.stream.reader.load(np.array([sequence]), np.array([start]))
            truth = self.store.field("semantic", sequence, start).astype(np.int64)
            guess = self.predict(frames, stable_seed(self.seed, 0x7E57, sequence))
            counts[self.store.sequences[sequence].name] = count(
                guess, truth, self.scenes.outputs, truth < self.scenes.outputs
            )
        self.module.train()
        return scores(counts) | {"sequences": self.test.videos_scored, "sequences_total": self.test.videos_total}

    def predict(self, frames: FrameBatch, seed: int) -> np.ndarray:
        """The class of every point of one room."""
        room = frames.xyz[0, 0, : int(frames.lengths[0, 0])].numpy()
        first, place = voxels(room, self.scenes.voxel)
        logits = torch.zeros(len(first), self.scenes.outputs, dtype=torch.float64)
        wanted, device = self.recipe.data.points, next(self.module.parameters()).device
        for number, chosen in enumerate(blocks(room[first], wanted, seed)):
            random = np.random.default_rng([seed, number])
            rows = drawn(len(chosen), wanted, random, chosen)  # few voxels are given several times
            index = torch.from_numpy(first[rows])[None, None]
            clip = self.scenes.labelled(frames, index, None, 0).inputs.to(device)
            with self.autocast():
                found = call(self.module, clip)
            logits.index_add_(0, torch.from_numpy(rows), found[0, 0].double().cpu())
        return logits.argmax(dim=1).numpy()[place]


def scores(counts: dict[str, Counts]) -> dict:
    """mIoU, IoU of each class, mAcc and share of points that are right, and the counts of each room."""
    total = sum(list(counts.values())[1:], next(iter(counts.values())))
    both = np.concatenate([total.intersection, total.truth]).astype(np.float64)
    ious = class_ious(total)
    return {
        "miou": mean_iou(ious),
        "macc": float(accuracy_of_counts(both, by_class=True)),
        "iou": ious,
        "point_accuracy": float(accuracy_of_counts(both, by_class=False)),
        "counts": {name: plain(found) for name, found in counts.items()},
    }


@dataclass(frozen=True)
class RoomsOnly(LabelsOnly):
    """Recipe of an answer that is counted from the training labels: the most frequent class, or each as often as it
    is, drawn for every point."""

    task: ClassVar[Task] = ROOM_SEGMENTATION
    voxel: ClassVar[float] = 0.0
    seen: ClassVar[str] = "room"
    balance: ClassVar[float] = 0.0
    transfer: ClassVar[str] = "all"

    data: ClipData = SCANNET
    level: Literal["point"] = "point"

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> RoomAnswers:
        """This recipe on data."""
        return RoomAnswers(self, store, pretrained)


class RoomAnswers(LabelsOnlyJob, RoomsJob):
    """Such an answer on data."""

    count = PointAnswers.count

    def predict(self, frames: FrameBatch, seed: int) -> np.ndarray:
        """As its parent's, without a look at the room."""
        often, points = self.module.counts[0, 0].cpu().numpy(), int(frames.lengths[0, 0])
        if self.recipe.answer == "majority":
            return np.full(points, often.argmax())
        return np.random.default_rng(seed).choice(len(often), points, p=often / often.sum())


@dataclass(frozen=True)
class ProbeRooms(Probe):
    """Recipe of a probe of every point's features; ``init=None`` probes the encoder before any training."""

    task: ClassVar[Task] = ROOM_SEGMENTATION
    balance: ClassVar[float] = 0.0
    transfer: ClassVar[str] = "all"

    data: ClipData = SCANNET
    level: Literal["point"] = "point"
    voxel: NotNegative = 0.04  # as in :class:`SegmentRooms`
    seen: Literal["block", "room"] = "block"

    def __post_init__(self):
        super().__post_init__()
        check_rooms(self)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> RoomsProbe:
        """This recipe on data, with the weights of its ``init``."""
        return RoomsProbe(self, store, pretrained)


class RoomsProbe(probe.ProbeJob, RoomsJob):
    """Such a probe on data."""

    labelled = probe.PointProbe.labelled
