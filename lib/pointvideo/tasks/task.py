"""What a task is to a report: what is scored, by which metrics, and how a finished run is read.

A recipe names its task in the class attribute ``task``. A metric is either the mean of one share a video (accuracy,
edit score) or a function of statistics that are summed over the videos first (F1, intersection over union), so that
videos can be drawn again and again. All values are shares, 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Float, Integer

Pool = Callable[[Float[np.ndarray, "*draws statistics"]], Float[np.ndarray, "*draws"]]


class Tally(NamedTuple):
    """How many of a task's units are of each class, are said to be, and are rightly said to be."""

    true: Integer[np.ndarray, " classes"]
    said: Integer[np.ndarray, " classes"]
    right: Integer[np.ndarray, " classes"]

    @property
    def accuracy(self) -> float:
        """Share of the units that are right."""
        return float(self.right.sum() / max(1, self.true.sum()))

    @property
    def guess(self) -> float:
        """Share that would be right if everything were said to be of the commonest class."""
        return float(self.true.max() / max(1, self.true.sum()))


def tally(true: Sequence[int], said: Sequence[int]) -> Tally:
    """The counts of labels beside predictions, unit by unit."""
    true, said = np.asarray(true, dtype=np.int64), np.asarray(said, dtype=np.int64)
    classes = int(max(true.max(initial=0), said.max(initial=0))) + 1
    return Tally(*(np.bincount(values, minlength=classes) for values in (true, said, true[true == said])))


class Score(Protocol):
    """What a run scored after one epoch. videos: how many were scored of those ``available`` in the test split."""

    videos: int
    available: int
    epoch: int | None

    def value(self, name: str) -> float | None:
        """The metric of that name, None where it does not count; ``ValueError`` for one of another task."""


class Outcome(Protocol):
    """What a run predicted after its last epoch."""

    def statistics(self, name: str, run: str) -> tuple[dict[str, Any], Pool | None]:
        """Statistics of each video for a metric, and the function of their sums that gives it (None: their mean).
        ``run`` names the run in errors."""

    def tally(self, run: str) -> Tally:
        """Counts by class of what is scored."""


Reading = tuple[Score, Score | None, Outcome]  # the last epoch, the best one on the test set, what was predicted


@dataclass(frozen=True, eq=False)
class Task:
    """A task as tables, claims and pictures know it.

    Args:
        name: such as "recognition".
        unit: what is scored, such as "videos".
        metrics: a table's columns; verdicts go by the first.
        titles: metric -> heading; "iou:" is the heading of a family, with {} for what stands behind the colon.
        columns: a paper's heading -> metric; "" is any other heading's, with {} for the heading.
        curve: the axis of the first metric, such as "test videos right, %".
        read: result of a record, labels for records without their own, key -> :data:`Reading`; ``ValueError`` for a
            result of another task.
        whole: each of ``unit`` is right or wrong as a whole, so that a score is k of n.
    """

    name: str
    unit: str
    metrics: tuple[str, ...]
    titles: Mapping[str, str]
    columns: Mapping[str, str]
    curve: str
    read: Callable[[Mapping[str, Any], Mapping[str, int] | None, str], Reading]
    whole: bool = False

    @property
    def main(self) -> str:
        """The metric that verdicts go by."""
        return self.metrics[0]

    def title(self, metric: str) -> str:
        """What a column or an axis calls a metric. ``ValueError`` lists what exists."""
        family, _, member = metric.partition(":")
        alone = metric in self.titles and not metric.endswith(":")
        if not alone and (not member or f"{family}:" not in self.titles):
            known = ", ".join(f"{name}<name>" if name.endswith(":") else name for name in self.titles)
            raise ValueError(f"{self.name} has no metric {metric!r}; there is: {known}")
        return self.titles[metric] if alone else self.titles[f"{family}:"].format(member)

    def metric_of_column(self, column: str) -> str:
        """The metric under a heading of a paper's table; the first one under a heading that says nothing of it."""
        return self.columns.get(column, self.columns.get("", self.main).format(column))

    def __repr__(self) -> str:
        return f"Task({self.name!r})"


def share(name: str, value: float | int) -> float:
    """A score's value; ``ValueError`` unless it is a share from 0 to 1."""
    if not 0 <= value <= 1:
        raise ValueError(f"a score's {name} is {value}, expected a share from 0 to 1")
    return float(value)


def sequences(found: Mapping[str, Any]) -> tuple[int, int]:
    """Scored ones and all of the test split, of which those shorter than the clip are not scored."""
    return int(found["sequences"]), int(found.get("sequences_total", found["sequences"]))


def entries(found: Mapping[str, Any], task: str, key: str, *names: str) -> Mapping[str, Any]:
    """A record's scores of the last epoch; ``ValueError`` where one of ``names`` is missing: another task's record."""
    last = found.get("last")
    if last is None:
        raise ValueError(f"record {key} is no result of a task; expected 'last', found {', '.join(found)}")
    if missing := [name for name in names if name not in last]:
        raise ValueError(f"record {key} is no result of {task}; expected {missing[0]!r}, found {', '.join(last)}")
    return last
