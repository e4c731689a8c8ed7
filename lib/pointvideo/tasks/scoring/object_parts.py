"""Parts of single objects: instance mIoU, class mIoU, share of all points that are right, mean IoU of each category."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ..object_parts import object_iou
from ..task import Pool, Reading, Tally, Task, entries, sequences, share
from .semantic_segmentation import FAMILY, place_of_class

MEANS = ("instance_miou", "class_miou", "point_accuracy")
KINDS = ("intersection", "union", "truth")


@dataclass(frozen=True)
class ObjectScore:
    """``videos`` of the ``available`` test objects.

    Args:
        means: each of :data:`MEANS`.
        categories: mean IoU of the objects of each category, None for one without a test object.
        videos, available, epoch: as any score.
    """

    means: Mapping[str, float]
    categories: Mapping[str, float | None]
    videos: int
    available: int
    epoch: int | None = None

    def __post_init__(self) -> None:
        for name in MEANS:
            share(name, self.means[name])
        if not 1 <= self.videos <= self.available:
            raise ValueError(f"a score needs an object, found {self.videos} of {self.available} objects")

    def value(self, name: str) -> float | None:
        """The metric of that name, None for a category without objects; ``ValueError`` for one of another task."""
        OBJECT_PARTS.title(name)
        if name in self.means:
            return self.means[name]
        classes = tuple(self.categories)
        return self.categories[classes[place_of_class(name.removeprefix(FAMILY), classes)]]


@dataclass(frozen=True)
class ObjectPoints:
    """Points of every object that are right, of either kind, and true, for the parts of its own category.

    counts: object -> "category", and :data:`KINDS`, one number a part. parts: numbers of each category's parts.
    """

    counts: Mapping[str, Mapping[str, Any]]
    classes: tuple[str, ...]
    parts: tuple[tuple[int, ...], ...]

    def statistics(self, name: str, run: str) -> tuple[dict[str, Any], Pool | None]:
        """Of each object its IoU, or IoU and 1 in the place of its category, or right points and all."""
        OBJECT_PARTS.title(name)
        if name == "point_accuracy":
            pairs = {
                video: np.array([np.sum(each["intersection"]), np.sum(each["truth"])], dtype=np.float64)
                for video, each in self.counts.items()
            }
            return pairs, ratio_of_sums
        ious = {video: object_iou(each["intersection"], each["union"]) for video, each in self.counts.items()}
        if name == "instance_miou":
            return ious, None
        chosen = range(len(self.classes))
        if name.startswith(FAMILY):
            chosen = [place_of_class(name.removeprefix(FAMILY), self.classes)]
        placed = {}
        for video, each in self.counts.items():
            own = np.array([float(each["category"] == category) for category in chosen])
            placed[video] = np.concatenate([ious[video] * own, own])
        return placed, functools.partial(mean_of_categories, count=len(chosen))

    def tally(self, run: str) -> Tally:
        """How many points are of each part, are said to be, and are rightly said to be."""
        total = np.zeros((3, 1 + max(max(parts) for parts in self.parts)), dtype=np.int64)
        for each in self.counts.values():
            own = list(self.parts[each["category"]])
            total[:, own] += np.array([each[kind] for kind in KINDS], dtype=np.int64)
        right, union, true = total
        return Tally(true, union - true + right, right)


def ratio_of_sums(sums: Float[np.ndarray, "*draws 2"]) -> Float[np.ndarray, "*draws"]:
    """The first number over the second."""
    first, second = np.moveaxis(np.asarray(sums, dtype=np.float64), -1, 0)
    return np.asarray(first / np.maximum(second, 1))


def mean_of_categories(sums: Float[np.ndarray, "*draws statistics"], *, count: int) -> Float[np.ndarray, "*draws"]:
    """Mean over the categories that have objects of their mean IoU, from sums of IoUs and numbers of objects.

    count: of categories; a draw that has none of them gives 0.
    """
    ious, objects = np.split(np.asarray(sums, dtype=np.float64), [count], axis=-1)
    means, present = ious / np.maximum(objects, 1), objects > 0
    return np.asarray((means * present).sum(axis=-1) / np.maximum(present.sum(axis=-1), 1))


def _read(found: Mapping[str, Any], labels: Mapping[str, int] | None, key: str) -> Reading:
    entries(found, "object part segmentation", key, *MEANS, "iou")
    classes = tuple(found["classes"])
    last, best = (_score(found[each], classes) if found.get(each) else None for each in ("last", "best"))
    return last, best, ObjectPoints(found["counts"], classes, tuple(map(tuple, found["parts"])))


def _score(found: Mapping[str, Any], classes: tuple[str, ...]) -> ObjectScore:
    means = {name: float(found[name]) for name in MEANS}
    categories = dict(zip(classes, found["iou"], strict=True))
    return ObjectScore(means, categories, *sequences(found), found.get("epoch"))


OBJECT_PARTS = Task(
    name="object part segmentation",
    unit="objects",
    metrics=MEANS,
    titles={"instance_miou": "instance mIoU", "class_miou": "class mIoU", "point_accuracy": "OA", FAMILY: "IoU of {}"},
    columns={
        "Ins. mIoU": "instance_miou",
        "Cls. mIoU": "class_miou",
        "OA": "point_accuracy",
        "": FAMILY + "{}",
    },
    curve="instance mIoU, %",
    read=_read,
)
