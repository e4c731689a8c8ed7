"""Metrics of the three tasks as functions of sums over videos, so that videos can be drawn again and again.

A metric is either the mean of one share a video (accuracy, edit score) or a function of statistics that are summed
over the videos first (F1, intersection over union). All values are shares, 0 to 1.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

Task = Literal["recognition", "action segmentation", "semantic segmentation"]
Pool = Callable[[Float[np.ndarray, "*draws statistics"]], Float[np.ndarray, "*draws"]]

OVERLAPS = {"f1@10": 0, "f1@25": 1, "f1@50": 2}  # places in the three F1 of a record
METRICS: dict[Task, tuple[str, ...]] = {  # of each task, the one that verdicts go by first
    "recognition": ("accuracy",),
    "action segmentation": ("accuracy", "edit", *OVERLAPS),
    "semantic segmentation": ("miou",),
}
UNITS: dict[Task, str] = {
    "recognition": "videos",
    "action segmentation": "sequences",
    "semantic segmentation": "sequences",
}
OPEN = ":open"  # the end of a metric's name that asks for the other end convention of segments
_COLUMNS = {  # as papers head them
    "Acc": "accuracy",
    "Accuracy": "accuracy",
    "accuracy": "accuracy",
    "Frame-wise accuracy": "accuracy",
    "Video Acc@1": "accuracy",
    "Edit": "edit",
    "F1@10": "f1@10",
    "F1@25": "f1@25",
    "F1@50": "f1@50",
    "mIoU": "miou",
}


@dataclass(frozen=True)
class Metric:
    """name: as in claims, such as ``accuracy``, ``edit``, ``f1@25``, ``miou``, ``iou:Pedestrian``; ``edit:open`` and
    ``f1@25:open`` end the last segment one frame early, as the code of HOI4D and C2P does.

    of_class: the class that an IoU is of. last_frame_open: that end convention.
    """

    name: str
    of_class: str | None = None
    last_frame_open: bool = False

    @property
    def base(self) -> str:
        """The name without class and convention: "iou" of ``iou:Pedestrian``."""
        return self.name.split(":")[0]

    def title(self, task: Task) -> str:
        """For a column or an axis."""
        known = {
            "accuracy": "video accuracy" if task == "recognition" else "frame accuracy",
            "edit": "edit score",
            "miou": "mIoU",
            "iou": f"IoU of {self.of_class}",
        }
        return known.get(self.base, self.base.upper()) + (", last frame open" if self.last_frame_open else "")


@functools.cache
def metric(name: str) -> Metric:
    """A metric by name. ``ValueError`` lists what exists."""
    base, _, rest = name.partition(":")
    if base == "iou" and rest:
        return Metric(name, of_class=rest)
    if name in ("accuracy", "miou") or (base in ("edit", *OVERLAPS) and rest in ("", "open")):
        return Metric(name, last_frame_open=rest == "open")
    known = ", ".join(("accuracy", "edit", *OVERLAPS, "miou", "iou:<class>"))
    raise ValueError(f"no metric {name!r}; there is: {known}, and {OPEN!r} behind edit and f1")


def metric_of_column(column: str) -> str:
    """The metric's name under a heading of a paper's table; a heading without one of its own is a class's IoU."""
    return _COLUMNS.get(column, f"iou:{column}")


def mean_of_counts(sums: Float[np.ndarray, "*draws 2"]) -> Float[np.ndarray, "*draws"]:
    """The mean share of clips from (sum of shares, clips)."""
    total, clips = np.moveaxis(np.asarray(sums, dtype=np.float64), -1, 0)
    return np.asarray(total / clips)


def f1_of_counts(sums: Float[np.ndarray, "*draws 3"]) -> Float[np.ndarray, "*draws"]:
    """F1 from (true positives, false positives, misses); 0 where nothing is right."""
    positives, false, missed = np.moveaxis(np.asarray(sums, dtype=np.float64), -1, 0)
    return np.asarray(2 * positives / np.maximum(2 * positives + false + missed, 1e-300))


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
