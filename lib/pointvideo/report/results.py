"""Results that carry their source in their type, so that a simulated one can never stand beside a reported number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from pointvideo.report.metrics import Pool, Task, metric
from pointvideo.report.outcomes import ActionSegmentation, Outcome, Recognition, SemanticSegmentation
from pointvideo.report.reported import ReportedCell
from pointvideo.report.scores import AnyScore, recognition_score, segmental_score, semantic_score

AGREEMENT = 1e-6  # between a record's own score and what its predictions give


@dataclass(frozen=True)
class Result:
    """One finished run of one seed. last: score after the last epoch. best: the best epoch on the test set. outcome:
    the predictions of the last epoch."""

    key: str
    seed: int
    commit: str
    dataset: str
    seconds: float
    last: AnyScore
    best: AnyScore | None
    outcome: Outcome

    @property
    def task(self) -> Task:
        """What was learnt, such as "recognition"."""
        return self.outcome.task

    def right(self) -> dict[str, bool]:
        """Whether each scored video is right. ``ValueError`` if the run is no recognition, if labels are missing or
        do not give the recorded count."""
        if not isinstance(self.outcome, Recognition):
            raise ValueError(f"run {self.key} is {self.task}; only recognition gets whole videos right or wrong")
        found = self.outcome.right(self.key)
        if len(found) != self.last.videos or sum(found.values()) != self.last.correct:
            raise ValueError(
                f"run {self.key}: the predictions give {sum(found.values())} of {len(found)} right, "
                f"its score says {self.last.correct} of {self.last.videos}"
            )
        return found

    def statistics(self, name: str) -> tuple[dict[str, Any], Pool | None]:
        """Statistics of each video for a metric, and the function of their sums that gives it (None: their mean).

        ``ValueError`` for a metric of another task, or where the statistics do not give the recorded value.
        """
        wanted = metric(name)
        found, pool = self.outcome.statistics(wanted, self.key)
        table = np.array(list(found.values()), dtype=np.float64)
        value = float(table.mean()) if pool is None else float(pool(table.sum(axis=0)))
        if len(found) != self.last.videos:
            raise ValueError(f"run {self.key}: {len(found)} videos, its score says {self.last.videos}")
        recorded = None if wanted.last_frame_open else self.last.value(name)
        if recorded is not None and abs(value - recorded) > AGREEMENT:
            raise ValueError(f"run {self.key}: the predictions give {name} {value:.6f}, its score says {recorded:.6f}")
        return found, pool


class Recorded(Result):
    """A result on recorded data: may stand beside a reported number."""


class Simulated(Result):
    """A result on a simulated world: says whether a direction appears, and nothing about a reported number."""


def result_from_record(record: Mapping[str, Any], *, labels: Mapping[str, int] | None = None) -> Recorded | Simulated:
    """Read one run of a task from the ledger: recognition, action segmentation or semantic segmentation.

    labels: class of each test video, for records of recognition that do not carry their own. ``ValueError`` for a
    record without a known source or with counts that contradict each other.
    """
    source = record["dataset"]["source"]
    kinds = {"recorded": Recorded, "simulated": Simulated}
    if source not in kinds:
        raise ValueError(f"record {record.get('key')}: source {source!r}, expected recorded or simulated")
    found = record["result"]
    if "last" not in found:
        raise ValueError(f"record {record['key']} is no result of a task; expected 'last', found {', '.join(found)}")
    last, best, outcome = _read(found, labels, record["key"])
    return kinds[source](
        key=record["key"],
        seed=int(record["seed"]),
        commit=record["commit"],
        dataset=record["dataset"]["name"],
        seconds=float(record["seconds"]),
        last=last,
        best=best,
        outcome=outcome,
    )


def _read(
    found: Mapping[str, Any], labels: Mapping[str, int] | None, key: str
) -> tuple[AnyScore, AnyScore | None, Outcome]:
    last, best = found["last"], found.get("best")
    if "correct" in last:
        available = int(last.get("videos_total", last["videos"]))
        outcome = Recognition(found.get("predictions", {}), found.get("labels", labels))
        return recognition_score(last, available), recognition_score(best, available) if best else None, outcome
    classes = tuple(found.get("classes", ()))
    if "edit" in last:
        outcome = ActionSegmentation(found["predictions"], found["labels"], classes)
        return segmental_score(last), segmental_score(best) if best else None, outcome
    if "miou" in last:
        score = semantic_score(last, classes)
        outcome = SemanticSegmentation(found["counts"], classes, _every_class(found["counts"], score.iou))
        return score, semantic_score(best, classes) if best else None, outcome
    raise ValueError(f"record {key} is no result of a task; its last epoch has {', '.join(last)}")


def _every_class(counts: Mapping[str, Mapping[str, Any]], iou: tuple[float | None, ...]) -> bool:
    """Whether classes without true points count as 0: where one has a number of its own in the record."""
    truth = np.sum([values["truth"] for values in counts.values()], axis=0)
    return any(value is not None and points == 0 for value, points in zip(iou, truth, strict=True))


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
    videos = _same_videos(outcomes)
    return np.array([[outcome[video] for video in videos] for outcome in outcomes], dtype=bool), videos


def per_video(
    results: Iterable[Result], name: str
) -> tuple[Float[np.ndarray, "seeds videos *statistics"], tuple[str, ...], Pool | None]:
    """The statistics of a metric for each seed and video, videos in name order, and how sums of them give the metric
    (None: it is the mean of one share a video). ``ValueError`` as in :func:`correctness`."""
    found = [result.statistics(name) for result in results]
    videos = _same_videos([values for values, _ in found])
    table = np.array([[values[video] for video in videos] for values, _ in found], dtype=np.float64)
    return table, videos, found[0][1]


def _same_videos(outcomes: list[dict[str, Any]]) -> tuple[str, ...]:
    if not outcomes:
        raise ValueError("a comparison over videos needs at least one run, found none")
    videos = tuple(sorted(outcomes[0]))
    for outcome in outcomes[1:]:
        if set(outcome) != set(videos):
            raise ValueError(f"the runs scored different videos: {len(set(outcome) ^ set(videos))} are not in both")
    return videos
