"""Detection in rooms: a box along the axes around every piece of furniture, scored by mean average precision.

VoteNet's protocol (Qi et al., ICCV 2019), which ContrastiveSceneContexts has for pre-trained networks: points of a
whole room, rooms mirrored, turned by quarters and scaled in training; of the proposals of one class that share more
than a quarter the best stays; each that stays is a box of every class, its score the objectness times the class's
share. A true box is the extent of all points that a room has of a thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ..backbones import Clip
from ..backbones.contract import call
from ..backbones.point_unet import PointUNetSize
from ..data.clips import gather_xyz, sample_indices
from ..data.layout import set_of
from ..data.store import Store
from ..losses.votenet import Proposals, Targets, votenet_loss
from ..recipe import Optimiser, Training, stable_seed, to_device
from ..stream import ClipData
from ..values import Count, Percent, Whole
from .average_precision import level_of, right
from .boxes import Boxes, boxes_of, classes_of_things, suppress, things_of
from .downstream import Downstream, Finetuning, label_names
from .room_segmentation import SCANNET, check_rooms
from .scoring.detection import DETECTION, THRESHOLDS, ap_of_classes
from .task import Task
from .transfer import Output, Transfer, check_transfer, network_size, take_over, words
from .vote_head import VoteNet, VoteSize

LIMIT = 0.25  # that two boxes of a class may share
LEAST = 0.05  # objectness of a box that is said at all
SCALE = 0.1  # of a training room, either way


@dataclass(frozen=True)
class DetectThings(Downstream):
    """Recipe of such a training; ``init=None`` trains from scratch."""

    task: ClassVar[Task] = DETECTION
    rehearsed: ClassVar[bool] = False  # its loss is of places, and no guess at a class is near it

    backbone: PointUNetSize = PointUNetSize(inputs=3, output="points")
    data: ClipData = SCANNET.in_radii()
    training: Training = Training(180, 8, 1, Optimiser("adamw", 1e-3, weight_decay=0.05, schedule="cosine"))
    votes: VoteSize = VoteSize()
    init: Any = None
    moved: bool = True  # whether training rooms are mirrored, turned and scaled
    output: Output = "points"  # of the backbone
    transfer: Transfer = "all"  # of the weights of ``init``
    label_percent: Percent = 100  # share of the training rooms that keep their boxes
    evaluate_every: Count = 1  # epochs; the last epoch is always evaluated
    seed: Whole = 0

    def __post_init__(self):
        super().__post_init__()
        check_transfer(self)
        check_rooms(self)
        if self.data.centre != "clip":
            raise ValueError(f"{self.kind}.data: got centre={self.data.centre!r}, expected 'clip': boxes lie about it")

    @property
    def title(self) -> str:
        colours = "with colours" if "rgb" in self.data.features else "without colours"
        start = f"boxes in {set_of(self.dataset)} {self.start}{words(self)}"
        return f"{start}, {self.backbone.name}, {colours}, seed {self.seed}"

    def network(self, means: Tensor) -> VoteNet:
        """What proposes boxes, given the mean size of each class."""
        return VoteNet(network_size(self), self.votes, means, self.data.divisor)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> DetectionJob:
        """This recipe on data, from the weights of its ``init``."""
        return DetectionJob(self, store, pretrained)


class DetectionJob(Finetuning):
    """A training on rooms; see :class:`pointvideo.recipe.Job`."""

    metric = "map25"
    shown = tuple(THRESHOLDS)

    def __init__(self, recipe: Downstream, store: Store, pretrained: dict[str, Tensor] | None):
        super().__init__(recipe, store, np.unique(recipe.data.clips(store, "train").sequence))
        every = recipe.data.split(store, "train")
        self.things = things_of(store, every)
        names = label_names(store, "semantic", store.fields)
        self.output_names = tuple(names[label] for label in self.things)
        self.test = recipe.data.clips(store, "test")
        self.truth = {
            int(room): self.boxes(int(room)) for room in np.unique(np.concatenate([every, self.test.sequence]))
        }
        self.means = mean_sizes([self.truth[int(room)] for room in every], len(self.things))
        self.module = recipe.network(torch.from_numpy(self.means))
        take_over(recipe, self.module.backbone, pretrained)

    def boxes(self, room: int) -> Boxes:
        """The true boxes of a room, in metres."""
        fields = (self.store.field(name, room, 0) for name in ("semantic", "instance"))
        return boxes_of(self.store.points(room, 0), *fields, self.things)

    def batch(self, epoch: int, step: int) -> tuple:
        """Clips, then of every point the middle of its thing and whether it is on one, then centre, size, label of the
        boxes and which are there; lengths in metres about the rooms' origins."""
        sequence, start, seed = self.stream.draw(epoch, step)
        clip, origin, index, frames = self.rooms(sequence, start, stable_seed(seed, 0))
        thing = self.stream.sampler.take("instance", frames, index)[:, 0].long()
        boxes = [self.truth[int(room)] for room in sequence]
        numbers = [self.numbers(int(room)) for room in sequence]
        most = max(1, *(len(each.label) for each in boxes))
        centre, size = (torch.zeros(len(boxes), most, 3) for _ in range(2))
        label, there = torch.zeros(len(boxes), most, dtype=torch.int64), torch.zeros(len(boxes), most, dtype=torch.bool)
        middle, on = torch.zeros(*thing.shape, 3), torch.zeros(thing.shape, dtype=torch.bool)
        for place, (own, names) in enumerate(zip(boxes, numbers, strict=True)):
            count = len(own.label)
            centre[place, :count] = torch.from_numpy(own.centre).float() - origin[place]
            size[place, :count] = torch.from_numpy(own.size).float()
            label[place, :count] = torch.from_numpy(own.label)
            there[place, :count] = True
            for box, name in enumerate(names):
                mine = thing[place] == name
                middle[place, mine], on[place, mine] = centre[place, box], True
        if self.recipe.moved:
            xyz, (middle, centre), size = move(clip.xyz, (middle, centre), size, stable_seed(seed, 1))
            clip = Clip(xyz, clip.fields)
        return clip, middle, on, centre, size, label, there

    def numbers(self, room: int) -> list[int]:
        """The instance of each of a room's boxes, in their order."""
        fields = (self.store.field(name, room, 0) for name in ("semantic", "instance"))
        return [number for kind, number in classes_of_things(*fields) if kind in self.things]

    def rooms(self, sequence: np.ndarray, start: np.ndarray, seed: int) -> tuple[Clip, Tensor, Tensor, Any]:
        """Points of rooms as a network takes them, the origins (rooms, 3) in metres, which points, and their frames."""
        reader = self.stream.reader
        frames = reader.load(sequence, start)
        index = sample_indices(frames, self.recipe.data.points, seed)
        origin = gather_xyz(frames, index).mean(dim=(1, 2))
        return reader.gathered(frames, index, None, 0), origin, index, frames

    def loss(self, clip: Clip, middle: Tensor, on: Tensor, *boxes: Tensor) -> dict[str, Tensor]:
        """VoteNet's, with its terms."""
        found, seeds = call(self.module, clip)
        own = (middle.gather(1, seeds[..., None].expand(-1, -1, 3)), on.gather(1, seeds))
        parts = votenet_loss(found, Targets(*own, *boxes), self.module.means)
        return {name: value if name == "loss" else value.detach() for name, value in parts.items()}

    @torch.no_grad()
    def evaluate(self) -> dict:
        """mAP over all test rooms; a room's points are the same in every evaluation."""
        self.module.eval()
        rooms = {}
        for room in self.test.sequence.tolist():
            found, score = self.detect(room)
            rooms[self.store.sequences[room].name] = counted(found, score, self.truth[room], len(self.things))
        self.module.train()
        every = {name: ap_of_classes(rooms, self.output_names, name) for name in THRESHOLDS}
        known = {name: [value for value in values if value is not None] for name, values in every.items()}
        return {
            **{name: float(np.mean(values)) if values else 0.0 for name, values in known.items()},
            "ap": every["map25"],
            "sequences": self.test.videos_scored,
            "sequences_total": self.test.videos_total,
            "rooms": rooms,
        }

    def detect(self, room: int) -> tuple[Boxes, np.ndarray]:
        """Boxes of a room in metres and their scores."""
        device = next(self.module.parameters()).device
        seed = stable_seed(self.seed, 0x7E57, room)
        clip, origin, _, _ = self.rooms(np.array([room]), np.array([0]), seed)
        (clip,) = to_device((clip,), device)
        with self.autocast():
            found, _ = call(self.module, clip)
        return said(found, self.module.sizes(found), origin[0].numpy())

    def result(self) -> dict:
        """Last-epoch and best-epoch scores, and the last epoch's boxes of every test room."""
        last = dict(self.scores[max(self.scores)])
        best = {name: value for name, value in self.scores[self.best_epoch].items() if name != "rooms"}
        return {
            "rooms": last.pop("rooms"),
            "last": last,
            "best": best | {"epoch": self.best_epoch + 1},
            "classes": list(self.output_names),
        } | self.sizes()


def mean_sizes(boxes: list[Boxes], classes: int) -> np.ndarray:
    """Mean edge lengths (classes, 3) of the boxes of each class."""
    size, label = np.concatenate([each.size for each in boxes]), np.concatenate([each.label for each in boxes])
    return np.stack([size[label == kind].mean(axis=0) for kind in range(classes)])


def move(xyz: Tensor, places: tuple[Tensor, ...], size: Tensor, seed: int) -> tuple[Tensor, tuple[Tensor, ...], Tensor]:
    """Rooms mirrored, turned by quarters and scaled, each by draws of its own: boxes along the axes stay so.

    Args:
        xyz: points (rooms, 1, points, 3).
        places: of each room, (rooms, …, 3), about the same origin, in any unit.
        size: edge lengths (rooms, boxes, 3).
        seed: of the draws.
    """
    random = np.random.default_rng(seed)
    matrix, scale = [], []
    for _ in range(len(xyz)):
        turn = np.linalg.matrix_power(np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]), int(random.integers(4)))
        factor = random.uniform(1 - SCALE, 1 + SCALE)
        matrix.append(turn @ np.diag([random.choice([-1.0, 1.0]), 1.0, 1.0]) * factor)
        scale.append(np.abs(matrix[-1]))
    turns, grown = (torch.from_numpy(np.stack(each)).to(xyz) for each in (matrix, scale))
    return xyz @ turns.mT[:, None], tuple(each @ turns.mT for each in places), size @ grown.mT


def said(found: Proposals, size: Tensor, origin: np.ndarray) -> tuple[Boxes, np.ndarray]:
    """Boxes that one room's proposals come to, each once for every class, and their scores."""
    objectness = found.objectness.softmax(dim=-1)[0, :, 1].double().cpu().numpy()
    label = found.label.softmax(dim=-1)[0].double().cpu().numpy()
    centre, edges = (values[0].double().cpu().numpy() for values in (found.centre, size))
    sure = np.flatnonzero(objectness > LEAST)
    boxes = Boxes(centre[sure] + origin, edges[sure], label[sure].argmax(axis=1))
    kept = suppress(boxes, objectness[sure], LIMIT)
    classes = label.shape[1]
    score = objectness[sure][kept, None] * label[sure][kept]
    every = Boxes(
        np.repeat(boxes.centre[kept], classes, axis=0),
        np.repeat(boxes.size[kept], classes, axis=0),
        np.tile(np.arange(classes), len(kept)),
    )
    return every, score.ravel()


def counted(found: Boxes, score: np.ndarray, truth: Boxes, classes: int) -> dict[str, Any]:
    """A room as :class:`.scoring.detection.Found` keeps it; boxes below a hundredth are left out."""
    hits = [right(found, score, truth, threshold) for threshold in THRESHOLDS.values()]
    level = level_of(score)
    kept = level > 0
    rows = np.stack([found.label, level, *hits], axis=1)[kept].astype(np.int64)
    return {"true": np.bincount(truth.label, minlength=classes).tolist(), "boxes": rows.tolist()}
