"""Which part of a body a point lies on: mean IoU, mean accuracy of the parts, share of all points that are right."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ..task import Pool, Task, entries, sequences, share
from .semantic_segmentation import FAMILY, Points, place_of_class

MEANS = ("miou", "macc", "point_accuracy")


@dataclass(frozen=True)
class PartScore:
    """``videos`` of the ``available`` test videos. iou: of each of ``classes``, None for a part that no test point
    lies on; miou and macc are means over the others."""

    miou: float
    macc: float
    point_accuracy: float
    iou: tuple[float | None, ...]
    classes: tuple[str, ...]
    videos: int
    available: int
    epoch: int | None = None

    def __post_init__(self) -> None:
        if len(self.iou) != len(self.classes) or not 1 <= self.videos <= self.available:
            raise ValueError(
                f"a score needs one IoU a part and a video, found {len(self.iou)} for {len(self.classes)} parts, "
                f"{self.videos} of {self.available} videos"
            )
        for name in MEANS:
            share(name, getattr(self, name))

    def value(self, name: str) -> float | None:
        """The metric of that name, None for a part that does not count; ``ValueError`` for one of another task."""
        PART_SEGMENTATION.title(name)
        return (
            getattr(self, name) if name in MEANS else self.iou[place_of_class(name.removeprefix(FAMILY), self.classes)]
        )


@dataclass(frozen=True)
class PartPoints(Points):
    """Counts of every video and part, as those of :class:`.semantic_segmentation.Points`."""

    every_class: bool = False

    def statistics(self, name: str, run: str) -> tuple[dict[str, Float[np.ndarray, " statistics"]], Pool]:
        """All counts of a video for the means, those of one part for its IoU."""
        PART_SEGMENTATION.title(name)
        if name not in ("macc", "point_accuracy"):
            return super().statistics(name, run)
        kinds = ("intersection", "truth")
        every = {video: np.concatenate([self._count(video, kind) for kind in kinds]) for video in self.counts}
        return every, functools.partial(accuracy_of_counts, by_class=name == "macc")


def accuracy_of_counts(sums: Float[np.ndarray, "*draws statistics"], *, by_class: bool) -> Float[np.ndarray, "*draws"]:
    """Share of points that are right, from the right and the true points of all classes, one after the other.

    by_class: the mean over the classes that have true points, else over all points alike.
    """
    right, truth = np.split(np.asarray(sums, dtype=np.float64), 2, axis=-1)
    if not by_class:
        return np.asarray(right.sum(axis=-1) / np.maximum(truth.sum(axis=-1), 1))
    shares, counted = right / np.maximum(truth, 1), truth > 0
    return np.asarray((shares * counted).sum(axis=-1) / np.maximum(counted.sum(axis=-1), 1))


def _read(
    found: Mapping[str, Any], labels: Mapping[str, int] | None, key: str
) -> tuple[PartScore, PartScore | None, PartPoints]:
    last, best = entries(found, "part segmentation", key, *MEANS, "iou"), found.get("best")
    classes = tuple(found.get("classes", ()))
    return _score(last, classes), _score(best, classes) if best else None, PartPoints(found["counts"], classes)


def _score(found: Mapping[str, Any], classes: Sequence[str]) -> PartScore:
    iou = tuple(None if value is None else float(value) for value in found["iou"])
    means = (float(found[name]) for name in MEANS)
    return PartScore(*means, iou, tuple(classes), *sequences(found), found.get("epoch"))


PART_SEGMENTATION = Task(
    name="part segmentation",
    unit="videos",
    metrics=MEANS,
    titles={"miou": "mIoU", "macc": "mAcc", "point_accuracy": "OA", FAMILY: "IoU of {}"},
    columns={"mIoU": "miou", "mAcc": "macc", "OA": "point_accuracy"},
    curve="mIoU of the parts, %",
    read=_read,
)
