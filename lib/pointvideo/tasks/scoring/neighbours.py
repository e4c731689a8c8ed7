"""Neighbours in feature space: which share of them is of the same action, of the same subject, of the same video."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..task import Pool, Tally, Task, entries, sequences, share

FAMILY = "same:"  # the beginning of the metric of one property, such as same:action
PROPERTIES = ("action", "subject", "video")


@dataclass(frozen=True)
class NeighbourScore:
    """Mean shares by property, over ``videos`` of the ``available`` ones."""

    same: Mapping[str, float]
    videos: int
    available: int
    epoch: int | None = None

    def __post_init__(self) -> None:
        if set(self.same) != set(PROPERTIES) or not 1 <= self.videos <= self.available:
            raise ValueError(
                f"a score needs {', '.join(PROPERTIES)} and a video, found {', '.join(self.same) or 'nothing'}, "
                f"{self.videos} of {self.available}"
            )
        for name, value in self.same.items():
            share(FAMILY + name, value)

    def value(self, name: str) -> float:
        """The metric of that name; ``ValueError`` for one of another task."""
        NEIGHBOURS.title(name)
        return self.same[_property(name)]


@dataclass(frozen=True)
class Shares:
    """Video -> property -> share of the neighbours of its superpoints."""

    shares: Mapping[str, Mapping[str, float]]

    def statistics(self, name: str, run: str) -> tuple[dict[str, float], Pool | None]:
        """One share a video."""
        NEIGHBOURS.title(name)
        wanted = _property(name)
        if missing := [video for video, values in self.shares.items() if wanted not in values]:
            raise ValueError(f"run {run}: video {missing[0]!r} has no share of neighbours of the same {wanted}")
        return {video: float(values[wanted]) for video, values in self.shares.items()}, None

    def tally(self, run: str) -> Tally:
        """Videos, as many of them right as the share of neighbours of the same action says."""
        right = round(float(np.sum([values["action"] for values in self.shares.values()])))
        every = np.array([len(self.shares)])
        return Tally(every, every, np.array([right]))


def _property(name: str) -> str:
    found = name.removeprefix(FAMILY)
    if found not in PROPERTIES:
        raise ValueError(f"neighbours have no property {found!r}; there is: {', '.join(PROPERTIES)}")
    return found


def _read(found: Mapping[str, Any], labels: Mapping[str, int] | None, key: str) -> tuple[NeighbourScore, None, Shares]:
    last = entries(found, NEIGHBOURS.name, key, "same", "sequences")
    score = NeighbourScore({name: float(value) for name, value in last["same"].items()}, *sequences(last))
    return score, None, Shares(found["shares"])


NEIGHBOURS = Task(
    name="neighbours",
    unit="videos",
    metrics=tuple(FAMILY + name for name in PROPERTIES),
    titles={FAMILY: "neighbours of the same {}"},
    columns={},
    curve="neighbours of the same action, %",
    read=_read,
)
