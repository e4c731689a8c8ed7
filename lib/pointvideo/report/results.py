"""Results that carry their source in their type, so that a simulated one can never stand beside a reported number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from ..tasks.task import Outcome, Pool, Score, Task
from .reported import ReportedCell

AGREEMENT = 1e-6  # between a record's own score and what its predictions give


@dataclass(frozen=True)
class Result:
    """One finished run of one seed. last: score after the last epoch. best: the best epoch on the test set. outcome:
    the predictions of the last epoch. curve: what was logged, epoch by epoch. keys: of its runs,
    several where they are the folds of a cross-validation. digest: of the record's content, where it has one."""

    key: str
    seed: int
    commit: str
    dataset: str
    seconds: float
    task: Task
    last: Score
    best: Score | None
    outcome: Outcome
    curve: Sequence[Mapping[str, Any]] = ()
    keys: tuple[str, ...] = ()
    digest: str = ""

    def right(self) -> dict[str, bool]:
        """Whether each scored video is right. ``ValueError`` if the task has no such thing, if labels are missing or
        do not give the recorded count."""
        if not self.task.whole:
            raise ValueError(f"run {self.key} is {self.task.name}, in which no video is right or wrong as a whole")
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
        found, pool = self.outcome.statistics(name, self.key)
        table = np.array(list(found.values()), dtype=np.float64)
        value = float(table.mean()) if pool is None else float(pool(table.sum(axis=0)))
        if len(found) != self.last.videos:
            raise ValueError(f"run {self.key}: {len(found)} videos, its score says {self.last.videos}")
        recorded = self.last.value(name)
        if recorded is not None and abs(value - recorded) > AGREEMENT:
            raise ValueError(f"run {self.key}: the predictions give {name} {value:.6f}, its score says {recorded:.6f}")
        return found, pool


class Recorded(Result):
    """A result on recorded data: may stand beside a reported number."""


class Simulated(Result):
    """A result on a simulated world: says whether a direction appears, and nothing about a reported number."""


def result_from_record(
    record: Mapping[str, Any], task: Task, *, labels: Mapping[str, int] | None = None
) -> Recorded | Simulated:
    """Read one run of a task from the ledger.

    labels: class of each test video, for records of recognition that do not carry their own. ``ValueError`` for a
    record without a known source, of another task, or with counts that contradict each other.
    """
    source = record["dataset"]["source"]
    kinds = {"recorded": Recorded, "simulated": Simulated}
    if source not in kinds:
        raise ValueError(f"record {record.get('key')}: source {source!r}, expected recorded or simulated")
    last, best, outcome = task.read(record["result"], labels, record["key"])
    return kinds[source](
        key=record["key"],
        seed=int(record["seed"]),
        commit=record["commit"],
        dataset=record["dataset"]["name"],
        seconds=float(record["seconds"]),
        task=task,
        last=last,
        best=best,
        outcome=outcome,
        curve=record["result"].get("curve", ()),
        keys=(record["key"],),
        digest=record.get("digest", "") if labels is None else "",
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
