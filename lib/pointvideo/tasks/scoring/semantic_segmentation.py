"""Semantic segmentation: one label a point; intersection over union of each class and their mean."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ..task import Pool, Tally, Task, entries, sequences, share

FAMILY = "iou:"  # the beginning of the metric of one class, such as iou:Pedestrian


@dataclass(frozen=True)
class SemanticScore:
    """``videos`` of the ``available`` test sequences. iou: of each of ``classes``, None for one that does not count."""

    miou: float
    iou: tuple[float | None, ...]
    classes: tuple[str, ...]
    videos: int
    available: int
    epoch: int | None = None

    def __post_init__(self) -> None:
        if len(self.iou) != len(self.classes) or not 1 <= self.videos <= self.available:
            raise ValueError(
                f"a score needs one IoU a class and a sequence, found {len(self.iou)} for {len(self.classes)} classes, "
                f"{self.videos} of {self.available} sequences"
            )
        for name, value in (("miou", self.miou), *zip(self.classes, self.iou, strict=True)):
            share(name, 0.0 if value is None else value)

    def value(self, name: str) -> float | None:
        """The metric of that name, None for a class that does not count; ``ValueError`` for one of another task."""
        SEMANTIC_SEGMENTATION.title(name)
        return self.miou if name == "miou" else self.iou[place_of_class(name.removeprefix(FAMILY), self.classes)]


@dataclass(frozen=True)
class Points:
    """Points that are right, of either kind, and true, for every sequence and scored class.

    counts: sequence -> "intersection", "union", "truth" -> one number a class. every_class: whether a class without
    true points counts as 0 in the mean; else it is left out.
    """

    counts: Mapping[str, Mapping[str, Sequence[int]]]
    classes: tuple[str, ...]
    every_class: bool

    def statistics(self, name: str, run: str) -> tuple[dict[str, Float[np.ndarray, " statistics"]], Pool]:
        """All counts of a sequence for the mean, those of one class for its IoU."""
        SEMANTIC_SEGMENTATION.title(name)
        kinds = ("intersection", "union", "truth")
        if name == "miou":
            every = {video: np.concatenate([self._count(video, kind) for kind in kinds]) for video in self.counts}
            return every, functools.partial(miou_of_counts, every_class=self.every_class)
        place = place_of_class(name.removeprefix(FAMILY), self.classes)
        return {
            video: np.array([self._count(video, kind)[place] for kind in kinds[:2]]) for video in self.counts
        }, iou_of_counts

    def tally(self, run: str) -> Tally:
        """How many points are of each class, are said to be, and are rightly said to be."""
        right, union, truth = (
            sum(self._count(video, kind) for video in self.counts) for kind in ("intersection", "union", "truth")
        )
        return Tally(*(counts.astype(np.int64) for counts in (truth, union - truth + right, right)))

    def _count(self, video: str, kind: str) -> Float[np.ndarray, " classes"]:
        values = np.asarray(self.counts[video][kind], dtype=np.float64)
        if values.shape != (len(self.classes),):
            raise ValueError(f"sequence {video!r}: {values.size} counts of {kind} for {len(self.classes)} classes")
        return values


def iou_of_counts(sums: Float[np.ndarray, "*draws 2"]) -> Float[np.ndarray, "*draws"]:
    """Intersection over union of one class; 0 where the class neither is nor is found, so that a class that few
    sequences have cannot carry a verdict."""
    intersection, union = np.moveaxis(np.asarray(sums, dtype=np.float64), -1, 0)
    return np.asarray(intersection / np.maximum(union, 1e-300))


def miou_of_counts(sums: Float[np.ndarray, "*draws statistics"], *, every_class: bool) -> Float[np.ndarray, "*draws"]:
    """Mean IoU from the intersections, the unions and the true points of all classes, one after the other.

    every_class: a class without true points counts as 0 (Synthia 4D); else it is left out of the mean (HOI4D).
    """
    intersection, union, truth = np.split(np.asarray(sums, dtype=np.float64), 3, axis=-1)
    shares = intersection / np.maximum(union, 1e-300)
    if every_class:
        return np.asarray(np.where(truth > 0, shares, 0.0).mean(axis=-1))
    counted = truth > 0
    return np.asarray((shares * counted).sum(axis=-1) / np.maximum(counted.sum(axis=-1), 1))


def place_of_class(name: str, classes: Sequence[str]) -> int:
    """Which of ``classes`` a name means; capitals, spaces and marks do not count. ``ValueError`` lists them."""
    wanted, known = _plain(name), [_plain(entry) for entry in classes]
    if known.count(wanted) != 1:
        raise ValueError(f"no class {name!r}; there is: {', '.join(classes)}")
    return known.index(wanted)


def same_class(one: str, other: str) -> bool:
    """Whether two names mean one class; capitals, spaces and marks do not count."""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    letters = "".join(letter for letter in name.lower() if letter.isalnum())
    return {"lanemarking": "lane"}.get(letters, letters)  # Synthia's data and the papers' tables


def _read(
    found: Mapping[str, Any], labels: Mapping[str, int] | None, key: str
) -> tuple[SemanticScore, SemanticScore | None, Points]:
    last, best = entries(found, "semantic segmentation", key, "miou", "iou"), found.get("best")
    classes = tuple(found.get("classes", ()))
    score = _score(last, classes)
    outcome = Points(found["counts"], classes, _every_class(found["counts"], score.iou))
    return score, _score(best, classes) if best else None, outcome


def _score(found: Mapping[str, Any], classes: tuple[str, ...]) -> SemanticScore:
    iou = tuple(None if value is None else float(value) for value in found["iou"])
    return SemanticScore(float(found["miou"]), iou, classes, *sequences(found), found.get("epoch"))


def _every_class(counts: Mapping[str, Mapping[str, Any]], iou: tuple[float | None, ...]) -> bool:
    """Whether classes without true points count as 0: where one has a number of its own in the record."""
    truth = np.sum([values["truth"] for values in counts.values()], axis=0)
    return any(value is not None and points == 0 for value, points in zip(iou, truth, strict=True))


SEMANTIC_SEGMENTATION = Task(
    name="semantic segmentation",
    unit="sequences",
    metrics=("miou",),
    titles={"miou": "mIoU", FAMILY: "IoU of {}"},
    columns={"mIoU": "miou", "": FAMILY + "{}"},
    curve="mIoU on the test set, %",
    read=_read,
)
