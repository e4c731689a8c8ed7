"""Cross-validation: the runs of a seed, each scored on other videos, as one result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..tasks.task import Pool
from .results import Result


@dataclass(frozen=True)
class Folds:
    """What the runs of a cross-validation predicted together: each video by the run that did not train on it."""

    runs: tuple[Result, ...]

    def right(self, run: str) -> dict[str, bool]:
        """Whether each video is right."""
        return self._together(result.outcome.right(result.key) for result in self.runs)

    def statistics(self, name: str, run: str) -> tuple[dict[str, Any], Pool | None]:
        """Statistics of each video for a metric."""
        found = [result.outcome.statistics(name, result.key) for result in self.runs]
        return self._together(values for values, _ in found), found[0][1]

    def _together(self, several: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        every: dict[str, Any] = {}
        for result, values in zip(self.runs, several, strict=True):
            if twice := sorted(set(every) & set(values)):
                raise ValueError(f"run {result.key}: video {twice[0]!r} is scored in two folds, expected one")
            every |= values
        return every


@dataclass(frozen=True)
class FoldScore:
    """The score of :class:`Folds`. correct: of ``videos``, for a task in which each is right or wrong as a whole."""

    folds: Folds
    correct: int | None
    videos: int
    available: int
    epoch: None = None

    def value(self, name: str) -> float | None:
        """The metric of all folds' videos; None where it does not count in any fold."""
        if all(result.last.value(name) is None for result in self.folds.runs):
            return None
        found, pool = self.folds.statistics(name, "")
        table = np.array(list(found.values()), dtype=np.float64)
        return float(table.mean()) if pool is None else float(pool(table.sum(axis=0)))


def pooled_folds(results: Sequence[Result], folds: int) -> tuple[Result, ...]:
    """One result a seed from a row's runs: the union of the predictions of its folds, by seed.

    A seed of which a fold is missing is left out. The best epoch on the test set is none, since folds differ in it.

    Raises:
        ValueError: more runs of a seed than folds, or a video that two folds score.
    """
    by_seed: dict[int, list[Result]] = {}
    for result in results:
        by_seed.setdefault(result.seed, []).append(result)
    if most := [seed for seed, runs in by_seed.items() if len(runs) > folds]:
        raise ValueError(f"two runs of one seed: seed {most[0]} has {len(by_seed[most[0]])} for {folds} folds")
    if folds == 1:
        return tuple(results)
    return tuple(_pooled(tuple(runs)) for seed, runs in sorted(by_seed.items()) if len(runs) == folds)


def _pooled(runs: tuple[Result, ...]) -> Result:
    first, together = runs[0], Folds(runs)
    together.statistics(first.task.main, "")  # refused where folds share a video
    last = FoldScore(
        together,
        sum(result.last.correct for result in runs) if first.task.whole else None,
        sum(result.last.videos for result in runs),
        sum(result.last.available for result in runs),
    )
    keys = tuple(key for result in runs for key in result.keys)
    seconds = sum(result.seconds for result in runs)
    digest = "+".join(result.digest for result in runs) if all(result.digest for result in runs) else ""
    return replace(
        first,
        key="+".join(keys),
        keys=keys,
        seconds=seconds,
        last=last,
        best=None,
        outcome=together,
        curve=(),
        digest=digest,
    )
