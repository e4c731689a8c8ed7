"""Boxes without a network: what is left of a room without floor and walls falls into clusters, and each is a box.

A cluster's box is its extent, or has the mean size of its class about its middle; its class is the one whose mean size
in training is nearest to its extent. A detector that does not beat this has not learnt what things look like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from scipy import ndimage
from torch import Tensor, nn

from ..data.store import Store
from ..recipe import Training
from ..stream import ClipData
from ..values import Count, Positive, Whole
from .boxes import THINNEST, Boxes
from .detection import DetectionJob
from .downstream import Downstream
from .room_segmentation import SCANNET, check_rooms
from .scoring.detection import DETECTION
from .task import Task

EDGE = 0.005  # quantile of the coordinates at which a room's floor and walls are taken to be


@dataclass(frozen=True)
class ClusterBoxes(Downstream):
    """Recipe of such boxes; lengths in metres."""

    task: ClassVar[Task] = DETECTION
    backbone: ClassVar[None] = None
    label_percent: ClassVar[int] = 100
    transfer: ClassVar[str] = "all"

    data: ClipData = SCANNET
    training: Training = Training(epochs=1)
    box: Literal["extent", "mean"] = "extent"
    shell: Positive = 0.12  # what lies so near to the floor or to a wall is of it
    cell: Positive = 0.12  # points in neighbouring cells of this side are of one cluster
    least: Count = 15  # points of a cluster
    evaluate_every: Count = 1
    seed: Whole = 0
    init: Any = None

    def __post_init__(self):
        super().__post_init__()
        check_rooms(self)
        if self.init is not None:
            raise ValueError("ClusterBoxes.init: got a start, expected None: there is nothing to start")

    @property
    def title(self) -> str:
        return f"clusters of points, boxes of {'their extent' if self.box == 'extent' else 'the mean size'}"

    def network(self, means: Tensor) -> nn.Module:
        """The mean sizes."""
        return MeanSizes(means)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> ClusterJob:
        """This recipe on data."""
        return ClusterJob(self, store, pretrained)


class MeanSizes(nn.Module):
    """A table in a network's place.

    Args:
        means: mean size of each class.
    """

    def __init__(self, means: Tensor):
        super().__init__()
        self.backbone = nn.Identity()
        self.register_buffer("means", means)


class ClusterJob(DetectionJob):
    """Such boxes on data."""

    def solve(self) -> list[dict]:
        """Nothing is trained; the curve's only entry."""
        last = self.training.epochs
        return [{"epoch": last} | self.epoch_end(last - 1)]

    def detect(self, room: int) -> tuple[Boxes, np.ndarray]:
        """A box a cluster; its score is its share of the largest one's points."""
        recipe, means = self.recipe, self.module.means.cpu().numpy()
        found = clusters(self.store.points(room, 0).astype(np.float64), recipe.shell, recipe.cell, recipe.least)
        if not found:
            return Boxes(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0, np.int64)), np.zeros(0)
        low, high = (np.stack([take(each, axis=0) for each in found]) for take in (np.min, np.max))
        size = np.maximum(high - low, THINNEST)
        label = np.square(np.log(size)[:, None] - np.log(means)[None]).sum(axis=-1).argmin(axis=1)
        count = np.array([len(each) for each in found], dtype=np.float64)
        edges = size if recipe.box == "extent" else means[label]
        return Boxes((low + high) / 2, edges, label), 0.99 * count / count.max()


def clusters(xyz: np.ndarray, shell: float, cell: float, least: int) -> list[np.ndarray]:
    """Groups of points that hang together, the room's floor and walls left out.

    Args:
        xyz: a room, y up, metres.
        shell: what lies so near to the floor or a wall is left out.
        cell: side of the cells that must touch.
        least: points of a group.
    """
    low, high = np.quantile(xyz, (EDGE, 1 - EDGE), axis=0)
    inside = xyz[:, 1] > low[1] + shell
    for axis in (0, 2):
        inside &= (xyz[:, axis] > low[axis] + shell) & (xyz[:, axis] < high[axis] - shell)
    points = xyz[inside]
    if not len(points):
        return []
    place = np.floor((points - points.min(axis=0)) / cell).astype(np.int64)
    grid = np.zeros(place.max(axis=0) + 1, bool)
    grid[tuple(place.T)] = True
    names, count = ndimage.label(grid, np.ones((3, 3, 3)))
    own = names[tuple(place.T)]
    groups = [points[own == name] for name in range(1, count + 1)]
    return [group for group in groups if len(group) >= least]
