"""What a run scored after one epoch, for each of the three tasks; all metrics are shares, 0 to 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pointvideo.report.metrics import OVERLAPS, metric, place_of_class


def _share(name: str, value: float | int) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"a score's {name} is {value}, expected a share from 0 to 1")
    return float(value)


@dataclass(frozen=True)
class Score:
    """k of n videos right. available: videos in the test split, of which those shorter than the clip may not be
    scored."""

    correct: int
    videos: int
    available: int
    epoch: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.correct <= self.videos <= self.available or self.videos == 0:
            raise ValueError(
                f"a score needs 0 <= correct <= videos <= available and a video, "
                f"found {self.correct} of {self.videos} of {self.available}"
            )

    @property
    def accuracy(self) -> float:
        """Share of the scored videos, 0 to 1."""
        return self.correct / self.videos

    def value(self, name: str) -> float:
        """The metric of that name; ``ValueError`` for one of another task."""
        if name != "accuracy":
            raise ValueError(f"recognition has no metric {name!r}; there is: accuracy")
        return self.accuracy


@dataclass(frozen=True)
class SegmentalScore:
    """Action segmentation of ``videos`` of the ``available`` test sequences; f1: at overlaps of 10, 25 and 50 %."""

    accuracy: float
    edit: float
    f1: tuple[float, ...]
    videos: int
    available: int
    epoch: int | None = None

    def __post_init__(self) -> None:
        if len(self.f1) != len(OVERLAPS) or not 1 <= self.videos <= self.available:
            raise ValueError(
                f"a score needs 3 values of F1 and a sequence, found {len(self.f1)}, {self.videos} of {self.available}"
            )
        for name in ("accuracy", "edit", *OVERLAPS):
            _share(name, self.value(name))

    def value(self, name: str) -> float:
        """The metric of that name; ``ValueError`` for one of another task."""
        if name in OVERLAPS:
            return self.f1[OVERLAPS[name]]
        if name not in ("accuracy", "edit"):
            raise ValueError(f"action segmentation has no metric {name!r}; there is: accuracy, edit, f1@10 …")
        return getattr(self, name)


@dataclass(frozen=True)
class SemanticScore:
    """Semantic segmentation of ``videos`` of the ``available`` test sequences.

    iou: of each of ``classes``, None for one that does not count.
    """

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
            _share(name, 0.0 if value is None else value)

    def value(self, name: str) -> float | None:
        """The metric of that name, None for a class that does not count; ``ValueError`` for one of another task."""
        wanted = metric(name)
        if wanted.base == "miou":
            return self.miou
        if wanted.of_class is None:
            raise ValueError(f"semantic segmentation has no metric {name!r}; there is: miou, iou:<class>")
        return self.iou[place_of_class(wanted.of_class, self.classes)]


AnyScore = Score | SegmentalScore | SemanticScore


def recognition_score(found: Mapping[str, Any], available: int) -> Score:
    """From a record; ``ValueError`` if its accuracy is not its k of n."""
    score = Score(int(found["correct"]), int(found["videos"]), available, found.get("epoch"))
    if abs(score.accuracy - found["accuracy"]) > 1e-6:
        raise ValueError(f"a record's accuracy {found['accuracy']} is not its {score.correct} of {score.videos}")
    return score


def segmental_score(found: Mapping[str, Any]) -> SegmentalScore:
    """From a record."""
    f1 = tuple(float(value) for value in found["f1"])
    return SegmentalScore(float(found["accuracy"]), float(found["edit"]), f1, *_sequences(found), found.get("epoch"))


def semantic_score(found: Mapping[str, Any], classes: tuple[str, ...]) -> SemanticScore:
    """From a record."""
    iou = tuple(None if value is None else float(value) for value in found["iou"])
    return SemanticScore(float(found["miou"]), iou, classes, *_sequences(found), found.get("epoch"))


def _sequences(found: Mapping[str, Any]) -> tuple[int, int]:
    """Scored ones and all of the test split, of which those shorter than the clip are not scored."""
    return int(found["sequences"]), int(found.get("sequences_total", found["sequences"]))
