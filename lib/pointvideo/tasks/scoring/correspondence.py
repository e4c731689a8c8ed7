"""Correspondence over time: which share of a video's points is found again so many frames later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..task import Pool, Tally, Task, entries, sequences, share

FAMILY = "found:"  # the beginning of the metric of one gap, such as found:8


@dataclass(frozen=True)
class CorrespondenceScore:
    """Mean shares by the gap in frames, over ``videos`` of the ``available`` test videos."""

    found: Mapping[str, float]
    videos: int
    available: int
    epoch: int | None = None

    def __post_init__(self) -> None:
        if not self.found or not 1 <= self.videos <= self.available:
            raise ValueError(
                f"a score needs a gap and a video, found {len(self.found)} gaps, {self.videos} of {self.available}"
            )
        for gap, value in self.found.items():
            share(FAMILY + gap, value)

    def value(self, name: str) -> float | None:
        """The metric of that name, None for a gap that was not tried; ``ValueError`` for one of another task."""
        CORRESPONDENCE.title(name)
        return self.found.get(name.removeprefix(FAMILY))


@dataclass(frozen=True)
class Found:
    """Shares of points found again: video -> gap -> share; ``points``: among how many each was sought."""

    shares: Mapping[str, Mapping[str, float]]
    points: int

    def statistics(self, name: str, run: str) -> tuple[dict[str, float], Pool | None]:
        """One share a video."""
        CORRESPONDENCE.title(name)
        gap = name.removeprefix(FAMILY)
        if missing := [video for video, values in self.shares.items() if gap not in values]:
            raise ValueError(f"run {run}: video {missing[0]!r} has no share for a gap of {gap} frames")
        return {video: float(values[gap]) for video, values in self.shares.items()}, None

    def tally(self, run: str) -> Tally:
        """Every point is a class of its own, so that a guess is right once in ``points``; hits are spread evenly."""
        every = [value for values in self.shares.values() for value in values.values()]
        true = np.full(self.points, len(every), dtype=np.int64)
        right = np.full(self.points, round(float(np.sum(every))), dtype=np.int64)
        return Tally(true, true, right)


def _read(
    found: Mapping[str, Any], labels: Mapping[str, int] | None, key: str
) -> tuple[CorrespondenceScore, None, Found]:
    last = entries(found, CORRESPONDENCE.name, key, "found", "sequences")
    score = CorrespondenceScore({gap: float(value) for gap, value in last["found"].items()}, *sequences(last))
    return score, None, Found(found["shares"], int(found["points"]))


CORRESPONDENCE = Task(
    name="correspondence",
    unit="videos",
    metrics=("found:8", "found:15"),
    titles={FAMILY: "points found again after {} frames"},
    columns={"Δ=8": "found:8", "Δ=15": "found:15"},
    curve="points found again, %",
    read=_read,
)
