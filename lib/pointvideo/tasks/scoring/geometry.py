"""Geometry in the features of points: shares of points whose normal, depth or place in another view is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..task import Pool, Tally, Task, entries, sequences, share

KINDS = ("normals", "depth", "matched")


@dataclass(frozen=True)
class GeometryScore:
    """Mean shares by kind, over ``videos`` of the ``available`` test objects."""

    shares: Mapping[str, float]
    videos: int
    available: int
    epoch: int | None = None

    def __post_init__(self) -> None:
        if set(self.shares) != set(KINDS) or not 1 <= self.videos <= self.available:
            raise ValueError(
                f"a score needs {', '.join(KINDS)} and an object, found {', '.join(self.shares) or 'nothing'}, "
                f"{self.videos} of {self.available}"
            )
        for name, value in self.shares.items():
            share(name, value)

    def value(self, name: str) -> float:
        """The metric of that name; ``ValueError`` for one of another task."""
        GEOMETRY.title(name)
        return self.shares[name]


@dataclass(frozen=True)
class Points:
    """Object -> kind -> share of its points that are right; ``candidates``: among how many one was sought."""

    shares: Mapping[str, Mapping[str, float]]
    candidates: int

    def statistics(self, name: str, run: str) -> tuple[dict[str, float], Pool | None]:
        """One share an object."""
        GEOMETRY.title(name)
        if missing := [video for video, values in self.shares.items() if name not in values]:
            raise ValueError(f"run {run}: object {missing[0]!r} has no share of {name}")
        return {video: float(values[name]) for video, values in self.shares.items()}, None

    def tally(self, run: str) -> Tally:
        """Every candidate is a class of its own, so that a guess is right once in ``candidates``."""
        matched = [values["matched"] for values in self.shares.values()]
        true = np.full(self.candidates, len(matched), dtype=np.int64)
        return Tally(true, true, np.full(self.candidates, round(float(np.sum(matched))), dtype=np.int64))


def _read(found: Mapping[str, Any], labels: Mapping[str, int] | None, key: str) -> tuple[GeometryScore, None, Points]:
    last = entries(found, GEOMETRY.name, key, *KINDS, "sequences")
    score = GeometryScore({name: float(last[name]) for name in KINDS}, *sequences(last))
    return score, None, Points(found["shares"], int(found["candidates"]))


GEOMETRY = Task(
    name="geometry",
    unit="objects",
    metrics=KINDS,
    titles={
        "normals": "normals within 30 degrees",
        "depth": "depths within 0.02 radii",
        "matched": "points found in another view",
    },
    columns={},
    curve="normals within 30 degrees, %",
    read=_read,
)
