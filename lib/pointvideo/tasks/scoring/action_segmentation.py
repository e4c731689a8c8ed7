"""Action segmentation: one label a frame; frame accuracy, segmental edit score, F1 at overlaps of 10, 25 and 50 %."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from .. import segmental
from ..task import Pool, Tally, Task, entries, sequences, share, tally

Runs = Sequence[Sequence[int]]  # run-length coded labels of a sequence: (label, frames) one after the other
OVERLAPS = {"f1@10": 0, "f1@25": 1, "f1@50": 2}  # places in the three F1 of a record
OPEN = ":open"  # the end of a metric's name: the last segment ends one frame early, as in the code of HOI4D's baselines


@dataclass(frozen=True)
class SegmentalScore:
    """``videos`` of the ``available`` test sequences; f1: at overlaps of 10, 25 and 50 %."""

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
        for name in ACTION_SEGMENTATION.metrics:
            share(name, self.value(name))

    def value(self, name: str) -> float | None:
        """The metric of that name, None for the other end convention; ``ValueError`` for one of another task."""
        ACTION_SEGMENTATION.title(name)
        if name.endswith(OPEN):
            return None
        return self.f1[OVERLAPS[name]] if name in OVERLAPS else getattr(self, name)


@dataclass(frozen=True)
class Frames:
    """One label a frame, run-length coded, for every sequence, or for every clip of one that is longer: ``name`` and
    ``name@start``. A sequence's clips stay together, since they are no more independent than its frames."""

    predictions: Mapping[str, Runs]
    labels: Mapping[str, Runs]
    classes: tuple[str, ...]

    def frames(self, video: str) -> tuple[Integer[np.ndarray, " frames"], Integer[np.ndarray, " frames"]]:
        """(predicted, true) labels of one sequence, a label a frame. ``ValueError`` if they differ in length."""
        if video not in self.predictions or video not in self.labels:
            raise ValueError(f"sequence {video!r} has no prediction or no labels; expected both")
        predicted, truth = decoded(self.predictions[video]), decoded(self.labels[video])
        if len(predicted) != len(truth):
            raise ValueError(f"sequence {video!r}: {len(predicted)} predicted labels for {len(truth)} frames")
        return predicted, truth

    def pairs(self, run: str) -> Iterator[tuple[Integer[np.ndarray, " frames"], Integer[np.ndarray, " frames"]]]:
        """(true, predicted) labels of each sequence, a label a frame. ``ValueError`` where some are missing."""
        if set(self.predictions) != set(self.labels):
            raise ValueError(f"run {run}: labels and predictions name different sequences")
        yield from (self.frames(video)[::-1] for video in self.labels)

    def tally(self, run: str) -> Tally:
        """How many frames are of each class, are said to be, and are rightly said to be."""
        return tally(*map(np.concatenate, zip(*self.pairs(run), strict=True)))

    def statistics(self, name: str, run: str) -> tuple[dict[str, float | tuple[float | int, ...]], Pool | None]:
        """Shares a sequence for accuracy and edit (their sum and number where a sequence has several clips), counts a
        sequence for F1."""
        ACTION_SEGMENTATION.title(name)
        base, clips = name.removesuffix(OPEN), {}
        for clip, values in (self._open if name.endswith(OPEN) else self._closed).items():
            clips.setdefault(re.sub(r"@\d+$", "", clip), []).append(values[base])
        if base in OVERLAPS:
            return {video: tuple(map(sum, zip(*counts, strict=True))) for video, counts in clips.items()}, f1_of_counts
        if all(len(shares) == 1 for shares in clips.values()):
            return {video: shares[0] for video, shares in clips.items()}, None
        return {video: (sum(shares), len(shares)) for video, shares in clips.items()}, mean_of_counts

    @functools.cached_property
    def _closed(self) -> dict[str, dict]:
        return self._by_sequence(last_frame_open=False)

    @functools.cached_property
    def _open(self) -> dict[str, dict]:
        return self._by_sequence(last_frame_open=True)

    def _by_sequence(self, *, last_frame_open: bool) -> dict[str, dict]:
        """Clip -> metric -> its statistics."""
        if set(self.predictions) != set(self.labels):
            raise ValueError(
                f"{len(set(self.predictions) ^ set(self.labels))} sequences have predictions or labels, expected both"
            )
        found = {}
        for video in self.labels:
            predicted, truth = self.frames(video)
            both = [
                segmental.segments(labels.tolist(), last_frame_open=last_frame_open) for labels in (predicted, truth)
            ]
            every = segmental.matches_at(*both, segmental.OVERLAPS)
            counts = {name: every[place] for name, place in OVERLAPS.items()}
            found[video] = {
                "accuracy": float((predicted == truth).mean()),
                "edit": segmental.edit_score(*both) / 100,
                **counts,
            }
        return found


def decoded(runs: Runs) -> Integer[np.ndarray, " frames"]:
    """Labels frame by frame from (label, frames) pairs. ``ValueError`` for a pair of another kind."""
    pairs = np.asarray(runs, dtype=np.int64)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not len(pairs) or (pairs[:, 1] < 1).any():
        raise ValueError(f"labels are (label, frames) pairs of at least one frame, found shape {pairs.shape}")
    return np.repeat(pairs[:, 0], pairs[:, 1])


def mean_of_counts(sums: Float[np.ndarray, "*draws 2"]) -> Float[np.ndarray, "*draws"]:
    """The mean share of clips from (sum of shares, clips)."""
    total, clips = np.moveaxis(np.asarray(sums, dtype=np.float64), -1, 0)
    return np.asarray(total / clips)


def f1_of_counts(sums: Float[np.ndarray, "*draws 3"]) -> Float[np.ndarray, "*draws"]:
    """F1 from (true positives, false positives, misses); 0 where nothing is right."""
    positives, false, missed = np.moveaxis(np.asarray(sums, dtype=np.float64), -1, 0)
    return np.asarray(2 * positives / np.maximum(2 * positives + false + missed, 1e-300))


def _read(
    found: Mapping[str, Any], labels: Mapping[str, int] | None, key: str
) -> tuple[SegmentalScore, SegmentalScore | None, Frames]:
    last, best = entries(found, "action segmentation", key, "accuracy", "edit", "f1"), found.get("best")
    outcome = Frames(found["predictions"], found["labels"], tuple(found.get("classes", ())))
    return _score(last), _score(best) if best else None, outcome


def _score(found: Mapping[str, Any]) -> SegmentalScore:
    f1 = tuple(float(value) for value in found["f1"])
    return SegmentalScore(float(found["accuracy"]), float(found["edit"]), f1, *sequences(found), found.get("epoch"))


_TITLES = {"accuracy": "frame accuracy", "edit": "edit score", **{name: name.upper() for name in OVERLAPS}}
ACTION_SEGMENTATION = Task(
    name="action segmentation",
    unit="sequences",
    metrics=("accuracy", "edit", *OVERLAPS),
    titles=_TITLES
    | {f"{name}{OPEN}": f"{title}, last frame open" for name, title in _TITLES.items() if name != "accuracy"},
    columns={"Edit": "edit", **{name.upper(): name for name in OVERLAPS}},
    curve="test frames right, %",
    read=_read,
)
