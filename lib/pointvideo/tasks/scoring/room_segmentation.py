"""What every point of a room lies on: mean IoU, mean accuracy of the classes, share of all points that are right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..task import Reading, Task, entries
from .part_segmentation import MEANS, PART_SEGMENTATION, PartPoints, _score
from .semantic_segmentation import FAMILY


def _read(found: Mapping[str, Any], labels: Mapping[str, int] | None, key: str) -> Reading:
    last, best = entries(found, "room segmentation", key, *MEANS, "iou"), found.get("best")
    classes = tuple(found.get("classes", ()))
    return _score(last, classes), _score(best, classes) if best else None, PartPoints(found["counts"], classes)


ROOM_SEGMENTATION: Task = replace(
    PART_SEGMENTATION,
    name="room segmentation",
    unit="rooms",
    columns={"mIoU": "miou", "mAcc": "macc", "OA": "point_accuracy", "": FAMILY + "{}"},
    curve="mIoU on the test rooms, %",
    read=_read,
)
