"""What a run predicted for every test video: the statistics of each video from which its metrics follow."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from pointvideo.report.metrics import (
    OPEN,
    OVERLAPS,
    Metric,
    Pool,
    f1_of_counts,
    iou_of_counts,
    mean_of_counts,
    miou_of_counts,
    place_of_class,
)
from pointvideo.tasks import segmental

Runs = Sequence[Sequence[int]]  # run-length coded labels of a sequence: (label, frames) one after the other


@dataclass(frozen=True)
class Recognition:
    """One class a video. labels: the true ones, or None where the videos' names carry them."""

    predictions: Mapping[str, int]
    labels: Mapping[str, int] | None
    task = "recognition"

    def right(self, run: str) -> dict[str, bool]:
        """Whether each video is right; ``run`` names the run in errors."""
        return {video: guess == self._label(video, run) for video, guess in self.predictions.items()}

    def statistics(self, metric: Metric, run: str) -> tuple[dict[str, float], Pool | None]:
        """1 for a right video, 0 for a wrong one."""
        return {video: float(hit) for video, hit in self.right(run).items()}, None

    def _label(self, video: str, run: str) -> int:
        if self.labels is not None:
            if video not in self.labels:
                raise ValueError(f"run {run}: no label for video {video!r} among {len(self.labels)} labels")
            return self.labels[video]
        action = re.match(r"a(\d+)_s\d+", video)  # the official MSR-Action3D name carries the class, counted from 1
        if action is None:
            raise ValueError(f"run {run}: video {video!r} has no label; expected labels or a name like a01_s06_e01")
        return int(action.group(1)) - 1


@dataclass(frozen=True)
class ActionSegmentation:
    """One label a frame, run-length coded, for every sequence, or for every clip of one that is longer: ``name`` and
    ``name@start``. A sequence's clips stay together, since they are no more independent than its frames."""

    predictions: Mapping[str, Runs]
    labels: Mapping[str, Runs]
    classes: tuple[str, ...]
    task = "action segmentation"

    def frames(self, video: str) -> tuple[Integer[np.ndarray, " frames"], Integer[np.ndarray, " frames"]]:
        """(predicted, true) labels of one sequence, a label a frame. ``ValueError`` if they differ in length."""
        if video not in self.predictions or video not in self.labels:
            raise ValueError(f"sequence {video!r} has no prediction or no labels; expected both")
        predicted, truth = decoded(self.predictions[video]), decoded(self.labels[video])
        if len(predicted) != len(truth):
            raise ValueError(f"sequence {video!r}: {len(predicted)} predicted labels for {len(truth)} frames")
        return predicted, truth

    def statistics(self, metric: Metric, run: str) -> tuple[dict[str, float | tuple[float | int, ...]], Pool | None]:
        """Shares a sequence for accuracy and edit (their sum and number where a sequence has several clips), counts a
        sequence for F1."""
        name = metric.name.removesuffix(OPEN)
        if name not in ("accuracy", "edit", *OVERLAPS):
            raise ValueError(f"run {run} is action segmentation and has no metric {metric.name!r}")
        clips: dict[str, list] = {}
        for clip, values in (self._open if metric.last_frame_open else self._closed).items():
            clips.setdefault(re.sub(r"@\d+$", "", clip), []).append(values[name])
        if name in OVERLAPS:
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
            counts = {name: segmental.matches(*both, segmental.OVERLAPS[place]) for name, place in OVERLAPS.items()}
            found[video] = {
                "accuracy": float((predicted == truth).mean()),
                "edit": segmental.edit_score(*both) / 100,
                **counts,
            }
        return found


@dataclass(frozen=True)
class SemanticSegmentation:
    """Points that are right, of either kind, and true, for every sequence and scored class.

    counts: sequence -> "intersection", "union", "truth" -> one number a class. every_class: whether a class without
    true points counts as 0 in the mean; else it is left out.
    """

    counts: Mapping[str, Mapping[str, Sequence[int]]]
    classes: tuple[str, ...]
    every_class: bool
    task = "semantic segmentation"

    def statistics(self, metric: Metric, run: str) -> tuple[dict[str, Float[np.ndarray, " statistics"]], Pool]:
        """All counts of a sequence for the mean, those of one class for its IoU."""
        kinds = ("intersection", "union", "truth")
        if metric.base == "miou":
            every = {video: np.concatenate([self._count(video, kind) for kind in kinds]) for video in self.counts}
            return every, functools.partial(miou_of_counts, every_class=self.every_class)
        if metric.of_class is None:
            raise ValueError(f"run {run} is semantic segmentation and has no metric {metric.name!r}")
        place = place_of_class(metric.of_class, self.classes)
        return {
            video: np.array([self._count(video, kind)[place] for kind in kinds[:2]]) for video in self.counts
        }, iou_of_counts

    def _count(self, video: str, kind: str) -> Float[np.ndarray, " classes"]:
        values = np.asarray(self.counts[video][kind], dtype=np.float64)
        if values.shape != (len(self.classes),):
            raise ValueError(f"sequence {video!r}: {values.size} counts of {kind} for {len(self.classes)} classes")
        return values


Outcome = Recognition | ActionSegmentation | SemanticSegmentation


def decoded(runs: Runs) -> Integer[np.ndarray, " frames"]:
    """Labels frame by frame from (label, frames) pairs. ``ValueError`` for a pair of another kind."""
    pairs = np.asarray(runs, dtype=np.int64)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not len(pairs) or (pairs[:, 1] < 1).any():
        raise ValueError(f"labels are (label, frames) pairs of at least one frame, found shape {pairs.shape}")
    return np.repeat(pairs[:, 0], pairs[:, 1])
