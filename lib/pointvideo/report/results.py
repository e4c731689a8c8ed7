"""Results that carry their source in their type, so that a simulated one can never stand beside a reported number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool

from pointvideo.report.reported import ReportedCell


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


@dataclass(frozen=True)
class Result:
    """One finished run of one seed. last: score after the last epoch. best: the best epoch on the test set."""

    key: str
    seed: int
    commit: str
    dataset: str
    seconds: float
    last: Score
    best: Score | None
    predictions: Mapping[str, int]
    labels: Mapping[str, int] | None

    def right(self) -> dict[str, bool]:
        """Whether each scored video is right. ``ValueError`` if labels are missing or do not give the recorded
        count."""
        outcome = {video: guess == self._label(video) for video, guess in self.predictions.items()}
        if len(outcome) != self.last.videos or sum(outcome.values()) != self.last.correct:
            raise ValueError(
                f"run {self.key}: the predictions give {sum(outcome.values())} of {len(outcome)} right, "
                f"its score says {self.last.correct} of {self.last.videos}"
            )
        return outcome

    def _label(self, video: str) -> int:
        if self.labels is not None:
            if video not in self.labels:
                raise ValueError(f"run {self.key}: no label for video {video!r} among {len(self.labels)} labels")
            return self.labels[video]
        action = re.match(r"a(\d+)_s\d+", video)  # the official MSR-Action3D name carries the class, counted from 1
        if action is None:
            raise ValueError(
                f"run {self.key}: video {video!r} has no label; expected labels or a name like a01_s06_e01"
            )
        return int(action.group(1)) - 1


class Recorded(Result):
    """A result on recorded data: may stand beside a reported number."""


class Simulated(Result):
    """A result on a simulated world: says whether a direction appears, and nothing about a reported number."""


def _score(found: Mapping[str, Any], available: int) -> Score:
    score = Score(int(found["correct"]), int(found["videos"]), available, found.get("epoch"))
    if abs(score.accuracy - found["accuracy"]) > 1e-6:
        raise ValueError(f"a record's accuracy {found['accuracy']} is not its {score.correct} of {score.videos}")
    return score


def result_from_record(record: Mapping[str, Any], *, labels: Mapping[str, int] | None = None) -> Recorded | Simulated:
    """Read one run of recognition from the ledger.

    labels: class of each test video, for records that do not carry their own. ``ValueError`` for a record without a
    known source or with counts that contradict each other.
    """
    source = record["dataset"]["source"]
    kinds = {"recorded": Recorded, "simulated": Simulated}
    if source not in kinds:
        raise ValueError(f"record {record.get('key')}: source {source!r}, expected recorded or simulated")
    outcome = record["result"]
    if "last" not in outcome:
        raise ValueError(
            f"record {record['key']} is no recognition result; expected 'last', found {', '.join(outcome)}"
        )
    available = int(outcome["last"].get("videos_total", outcome["last"]["videos"]))
    return kinds[source](
        key=record["key"],
        seed=int(record["seed"]),
        commit=record["commit"],
        dataset=record["dataset"]["name"],
        seconds=float(record["seconds"]),
        last=_score(outcome["last"], available),
        best=_score(outcome["best"], available) if outcome.get("best") else None,
        predictions=outcome.get("predictions", {}),
        labels=outcome.get("labels", labels),
    )


def beside_reported(cell: ReportedCell, results: Iterable[Result]) -> tuple[Recorded, ...]:
    """Let results stand beside a reported number. ``TypeError`` if one is not recorded, ``ValueError`` if from
    another data set."""
    results = tuple(results)
    for result in results:
        if not isinstance(result, Recorded):
            raise TypeError(
                f"run {result.key} on {result.dataset!r} is {type(result).__name__.lower()} "
                f"and cannot stand beside the reported {cell}"
            )
        if cell.dataset is not None and result.dataset != cell.dataset:
            raise ValueError(f"run {result.key} is on {result.dataset!r}, the reported {cell} is on {cell.dataset!r}")
    return results


def correctness(results: Iterable[Result]) -> tuple[Bool[np.ndarray, "seeds videos"], tuple[str, ...]]:
    """Right or wrong for each seed and video, videos in name order. ``ValueError`` if the seeds scored different
    videos."""
    outcomes = [result.right() for result in results]
    if not outcomes:
        raise ValueError("correctness needs at least one run, found none")
    videos = tuple(sorted(outcomes[0]))
    for outcome in outcomes[1:]:
        if set(outcome) != set(videos):
            raise ValueError(f"the runs scored different videos: {len(set(outcome) ^ set(videos))} are not in both")
    return np.array([[outcome[video] for video in videos] for outcome in outcomes], dtype=bool), videos
