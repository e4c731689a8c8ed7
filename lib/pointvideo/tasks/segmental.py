"""Metrics of frame-wise action segmentation: accuracy, edit score, F1 at three overlaps.

A segment is a maximal run of one label. Two conventions for its end are in use: ms-tcn's present code ends the last
segment at the sequence's length; the code of HOI4D, C2P, ASFormer and MS-TCN++ one frame earlier, so that there a last
segment of one frame has no length and can never be found.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from torch import Tensor

OVERLAPS = (0.10, 0.25, 0.50)

Frames = Sequence | np.ndarray | Tensor
Labels = int | Collection[int] | np.ndarray | Tensor | None


class Segment(NamedTuple):
    """Frames ``start … stop - 1``, all with ``label``."""

    label: int
    start: int
    stop: int


@dataclass(frozen=True)
class SegmentalScores:
    """Percent; F1 at the overlaps of :data:`OVERLAPS`."""

    accuracy: float  # mean over videos of the share of right frames
    edit: float  # mean over videos
    f1: tuple[float, ...]  # of counts pooled over videos


def frame_labels(name: str, labels: Frames) -> np.ndarray:
    """One integer a frame, from a list, an array or a tensor of shape (T,), (T, 1) or (1, T).

    Raises:
        ValueError: another shape, or labels that are no whole numbers.
    """
    values = np.asarray(labels.detach().cpu() if hasattr(labels, "detach") else labels)
    if values.ndim == 2 and 1 in values.shape:
        values = values.reshape(-1)
    if values.ndim != 1:
        raise ValueError(f"{name}: got shape {values.shape}, expected one label a frame, (T,), (T, 1) or (1, T)")
    if values.dtype.kind not in "biuf" or (values.dtype.kind == "f" and not np.all(values == np.floor(values))):
        raise ValueError(f"{name}: got {values.dtype} labels, expected whole numbers (the classes' numbers)")
    return values.astype(np.int64)


def label_numbers(name: str, given: object) -> list[int]:
    """The labels that an argument names: none, one or several, also as an array or a tensor."""
    if hasattr(given, "tolist"):
        given = given.tolist()
    several = isinstance(given, Collection) and not isinstance(given, str)
    found = [] if given is None else list(given) if several else [given]
    wrong = [one for one in found if isinstance(one, (bool, np.bool_)) or not isinstance(one, (int, np.integer))]
    if wrong:
        raise ValueError(f"{name}: got {wrong[0]!r}, expected the number of a class, several, or None")
    return [int(one) for one in found]


def segments(labels: Frames, *, background: Labels = None, last_frame_open: bool = False) -> list[Segment]:
    """The segments of a label sequence, in order.

    Args:
        labels: one label a frame.
        background: label or labels whose segments are left out; None keeps all.
        last_frame_open: end the last segment one frame early, as the code of HOI4D and C2P does.
    """
    values = frame_labels("labels", labels)
    left_out = label_numbers("background", background)
    if not len(values):
        return []
    starts = np.concatenate([[0], np.flatnonzero(np.diff(values)) + 1])
    stops = np.append(starts[1:], len(values) - 1 if last_frame_open else len(values))
    kept = ~np.isin(values[starts], left_out)
    return list(map(Segment, *(part[kept].tolist() for part in (values[starts], starts, stops))))


def edit_score(predicted: Sequence[Segment], truth: Sequence[Segment]) -> float:
    """100 · (1 - Levenshtein distance of the label sequences / the longer one's length); 100 for two empty ones."""
    longest = max(len(predicted), len(truth))
    if not longest:
        return 100.0
    labels = np.array([segment.label for segment in truth], dtype=np.int64)
    column = np.arange(len(truth) + 1)
    row = column
    for segment in predicted:
        changed = row + 1
        changed[1:] = np.minimum(changed[1:], row[:-1] + (labels != segment.label))
        row = np.minimum.accumulate(changed - column) + column  # insertions, one a column
    return 100.0 * (1 - int(row[-1]) / longest)


def matches(predicted: Sequence[Segment], truth: Sequence[Segment], overlap: float) -> tuple[int, int, int]:
    """(true positives, false positives, misses): each predicted segment, in order, takes its best true one.

    It counts if their intersection over union is at least ``overlap``, above 0, and the true segment is not taken yet.
    Both are as :func:`segments` gives them: in order, each begins where the one before has ended, or later.
    """
    return matches_at(predicted, truth, (overlap,))[0]


def matches_at(
    predicted: Sequence[Segment], truth: Sequence[Segment], overlaps: Sequence[float]
) -> list[tuple[int, int, int]]:
    """:func:`matches` at each of several overlaps; the segments are compared once."""
    found = best_overlaps(predicted, truth)
    every = [len({place for place, ratio in found if ratio >= overlap}) for overlap in overlaps]
    return [(positives, len(predicted) - positives, len(truth) - positives) for positives in every]


def best_overlaps(predicted: Sequence[Segment], truth: Sequence[Segment]) -> list[tuple[int, float]]:
    """The true segment of the same label, and the overlap, that fit each predicted one best; the first of equals.

    A predicted segment that meets none has no entry. One walk along both: only segments that meet are compared.
    """
    found, first = [], 0
    for segment in predicted:
        while first < len(truth) and truth[first].stop <= segment.start:
            first += 1
        best, place = 0.0, first
        for other in range(first, len(truth)):
            label, start, stop = truth[other]
            if start >= segment.stop:
                break
            if label == segment.label:
                shared = min(segment.stop, stop) - max(segment.start, start)
                ratio = shared / (max(segment.stop, stop) - min(segment.start, start))
                if ratio > best:
                    best, place = ratio, other
        if best > 0:
            found.append((place, best))
    return found


def score(
    predictions: Sequence[Frames],
    truths: Sequence[Frames],
    *,
    background: Labels = None,
    ignore: Labels = None,
    last_frame_open: bool = False,
) -> SegmentalScores:
    """Scores of a set of videos.

    Args:
        predictions, truths: label sequences of the same videos, in the same order.
        background, last_frame_open: as in :func:`segments`.
        ignore: true label or labels of frames that are not scored at all, such as -100 for padding.

    Raises:
        ValueError: no video, numbers of videos or of frames that differ, a video without frames, labels that are names.

    Source: Lea et al. 2017 (edit, F1); Farha and Gall, MS-TCN, 2019. Unlike HOI4D's code, which averages accuracies of
    batches, every video weighs the same.
    """
    if len(predictions) != len(truths) or not truths:
        raise ValueError(f"predictions: got {len(predictions)} videos, expected {len(truths)}, at least 1")
    counts = np.zeros((len(OVERLAPS), 3), dtype=np.int64)
    accuracies, edits = [], []
    unscored = label_numbers("ignore", ignore)
    for video, (predicted, truth) in enumerate(zip(predictions, truths, strict=True)):
        predicted = frame_labels(f"prediction of video {video}", predicted)
        truth = frame_labels(f"truth of video {video}", truth)
        if len(predicted) != len(truth) or not len(truth):
            raise ValueError(
                f"predictions: got {len(predicted)} frames for video {video}, expected {len(truth)}, at least 1"
            )
        if unscored:
            scored = ~np.isin(truth, unscored)
            predicted, truth = predicted[scored], truth[scored]
            if not len(truth):
                raise ValueError(f"truths: got no frame of video {video} but those to ignore, expected at least 1")
        accuracies.append(float(np.mean(predicted == truth)))
        both = [
            segments(labels, background=background, last_frame_open=last_frame_open) for labels in (predicted, truth)
        ]
        edits.append(edit_score(*both))
        counts += matches_at(*both, OVERLAPS)
    return SegmentalScores(
        100 * float(np.mean(accuracies)), float(np.mean(edits)), tuple(map(f1_score, counts.tolist()))
    )


def f1_score(counts: Sequence[int]) -> float:
    """Percent, from (true positives, false positives, misses); 0 where nothing is right."""
    positives, false, missed = counts
    return 0.0 if positives == 0 else 100.0 * 2 * positives / (2 * positives + false + missed)
