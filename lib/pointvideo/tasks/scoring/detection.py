"""Boxes around the things in a room: mean average precision at two thresholds, and of each class."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ..average_precision import LEVELS, average_precision
from ..task import Pool, Reading, Tally, Task, entries, sequences, share
from .semantic_segmentation import place_of_class

THRESHOLDS = {"map25": 0.25, "map50": 0.5}
FAMILY = "ap25:"  # the beginning of the metric of one class, at a quarter
SURE = 50  # hundredths of a score from which a box is said to be there


@dataclass(frozen=True)
class DetectionScore:
    """``videos`` of the ``available`` test rooms. means: mAP of each of :data:`THRESHOLDS`; ap: at the first of them,
    of each of ``classes``, None for one without a true box."""

    means: Mapping[str, float]
    ap: tuple[float | None, ...]
    classes: tuple[str, ...]
    videos: int
    available: int
    epoch: int | None = None

    def __post_init__(self) -> None:
        if len(self.ap) != len(self.classes) or not 1 <= self.videos <= self.available:
            raise ValueError(
                f"a score needs one AP a class and a room, found {len(self.ap)} for {len(self.classes)} classes, "
                f"{self.videos} of {self.available} rooms"
            )
        for name in THRESHOLDS:
            share(name, self.means[name])

    def value(self, name: str) -> float | None:
        """The metric of that name, None for a class without boxes; ``ValueError`` for one of another task."""
        DETECTION.title(name)
        return (
            self.means[name] if name in self.means else self.ap[place_of_class(name.removeprefix(FAMILY), self.classes)]
        )


@dataclass(frozen=True)
class Found:
    """Of each room "true", boxes of each class, and "boxes": class, hundredths of the score, right at a quarter, right
    at a half, of each box that was found."""

    rooms: Mapping[str, Mapping[str, Any]]
    classes: tuple[str, ...]

    def table(self, room: str, threshold: str) -> Float[np.ndarray, "classes numbers"]:
        """A room's right and wrong boxes at each level and its true ones, side by side, class by class."""
        found, place = self.rooms[room], 2 + list(THRESHOLDS).index(threshold)
        table = np.zeros((len(self.classes), 2 * LEVELS + 1))
        boxes = np.asarray(found["boxes"], dtype=np.int64).reshape(-1, 4)
        np.add.at(table, (boxes[:, 0], boxes[:, 1] + LEVELS * (1 - boxes[:, place])), 1)
        table[:, -1] = found["true"]
        return table

    def statistics(self, name: str, run: str) -> tuple[dict[str, Float[np.ndarray, " statistics"]], Pool]:
        """The table of a room, of all classes or of one."""
        DETECTION.title(name)
        threshold = name if name in THRESHOLDS else "map25"
        chosen = slice(None)
        if name not in THRESHOLDS:
            chosen = [place_of_class(name.removeprefix(FAMILY), self.classes)]
        tables = {room: self.table(room, threshold)[chosen] for room in self.rooms}
        count = len(next(iter(tables.values())))
        return {room: table.ravel() for room, table in tables.items()}, functools.partial(mean_ap, classes=count)

    def tally(self, run: str) -> Tally:
        """True boxes, boxes with a score of a half or more, and the right ones of these at a quarter."""
        total = sum(self.table(room, "map25") for room in self.rooms)
        hits, misses = total[:, SURE:LEVELS].sum(axis=1), total[:, LEVELS + SURE : 2 * LEVELS].sum(axis=1)
        return Tally(*(values.astype(np.int64) for values in (total[:, -1], hits + misses, hits)))


def mean_ap(sums: Float[np.ndarray, "*draws statistics"], *, classes: int) -> Float[np.ndarray, "*draws"]:
    """Mean over the classes that have true boxes of their average precision, from sums of tables; 0 without any."""
    tables = np.asarray(sums, dtype=np.float64)
    tables = tables.reshape(*tables.shape[:-1], classes, 2 * LEVELS + 1)
    true = tables[..., -1]
    each = average_precision(tables[..., :LEVELS], tables[..., LEVELS:-1], true)
    return np.asarray(each.sum(axis=-1) / np.maximum((true > 0).sum(axis=-1), 1))


def ap_of_classes(rooms: Mapping[str, Mapping[str, Any]], classes: Sequence[str], threshold: str) -> list[float | None]:
    """Average precision of each class over all rooms; None for one without a true box."""
    total = sum(Found(rooms, tuple(classes)).table(room, threshold) for room in rooms)
    each = average_precision(total[:, :LEVELS], total[:, LEVELS:-1], total[:, -1])
    return [float(value) if true else None for value, true in zip(each, total[:, -1], strict=True)]


def _read(found: Mapping[str, Any], labels: Mapping[str, int] | None, key: str) -> Reading:
    entries(found, "detection", key, *THRESHOLDS, "ap")
    classes = tuple(found.get("classes", ()))
    last, best = (_score(found[each], classes) if found.get(each) else None for each in ("last", "best"))
    return last, best, Found(found["rooms"], classes)


def _score(found: Mapping[str, Any], classes: tuple[str, ...]) -> DetectionScore:
    means = {name: float(found[name]) for name in THRESHOLDS}
    ap = tuple(None if value is None else float(value) for value in found["ap"])
    return DetectionScore(means, ap, classes, *sequences(found), found.get("epoch"))


DETECTION = Task(
    name="detection",
    unit="rooms",
    metrics=tuple(THRESHOLDS),
    titles={"map25": "mAP@0.25", "map50": "mAP@0.5", FAMILY: "AP@0.25 of {}"},
    columns={"mAP@0.25": "map25", "mAP@0.5": "map50", "": FAMILY + "{}"},
    curve="mAP@0.25, test rooms, %",
    read=_read,
)
