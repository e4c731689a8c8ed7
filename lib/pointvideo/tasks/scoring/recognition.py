"""Action recognition: one class a video, k of n videos right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..task import Pool, Tally, Task, entries, tally


@dataclass(frozen=True)
class VideoScore:
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
        RECOGNITION.title(name)
        return self.accuracy


@dataclass(frozen=True)
class Videos:
    """One class a video. labels: the true ones, or None where the videos' names carry them."""

    predictions: Mapping[str, int]
    labels: Mapping[str, int] | None

    def right(self, run: str) -> dict[str, bool]:
        """Whether each video is right; ``run`` names the run in errors."""
        return {video: guess == self.label(video, run) for video, guess in self.predictions.items()}

    def statistics(self, name: str, run: str) -> tuple[dict[str, float], Pool | None]:
        """1 for a right video, 0 for a wrong one."""
        RECOGNITION.title(name)
        return {video: float(hit) for video, hit in self.right(run).items()}, None

    def pairs(self, run: str) -> Iterator[tuple[int, int]]:
        """(true, predicted) class of each video. ``ValueError`` where labels and predictions name different videos."""
        if self.labels is not None and set(self.labels) != set(self.predictions):
            raise ValueError(f"run {run}: labels and predictions name different videos")
        yield from ((self.label(video, run), guess) for video, guess in self.predictions.items())

    def tally(self, run: str) -> Tally:
        """How many videos are of each class, are said to be, and are rightly said to be."""
        pairs = list(self.pairs(run))
        return tally([truth for truth, _ in pairs], [guess for _, guess in pairs])

    def label(self, video: str, run: str) -> int:
        """A video's true class. ``ValueError`` where neither labels nor its name say it."""
        if self.labels is not None:
            if video not in self.labels:
                raise ValueError(f"run {run}: no label for video {video!r} among {len(self.labels)} labels")
            return self.labels[video]
        action = re.match(r"a(\d+)_s\d+", video)  # the official MSR-Action3D name carries the class, counted from 1
        if action is None:
            raise ValueError(f"run {run}: video {video!r} has no label; expected labels or a name like a01_s06_e01")
        return int(action.group(1)) - 1


def _read(
    found: Mapping[str, Any], labels: Mapping[str, int] | None, key: str
) -> tuple[VideoScore, VideoScore | None, Videos]:
    last, best = entries(found, "recognition", key, "correct", "videos"), found.get("best")
    available = int(last.get("videos_total", last["videos"]))
    outcome = Videos(found.get("predictions", {}), found.get("labels", labels))
    return _score(last, available), _score(best, available) if best else None, outcome


def _score(found: Mapping[str, Any], available: int) -> VideoScore:
    score = VideoScore(int(found["correct"]), int(found["videos"]), available, found.get("epoch"))
    if abs(score.accuracy - found["accuracy"]) > 1e-6:
        raise ValueError(f"a record's accuracy {found['accuracy']} is not its {score.correct} of {score.videos}")
    return score


RECOGNITION = Task(
    name="recognition",
    unit="videos",
    metrics=("accuracy",),
    titles={"accuracy": "video accuracy"},
    columns={},
    curve="test videos right, %",
    read=_read,
    whole=True,
)
OBJECTS = replace(RECOGNITION, unit="objects", titles={"accuracy": "object accuracy"}, curve="test objects right, %")
"""The same, said of single objects."""
