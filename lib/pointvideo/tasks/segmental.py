"""Metrics of frame-wise action segmentation: accuracy, edit score, F1 at three overlaps.

A segment is a maximal run of one label. Two conventions for its end are in use: ms-tcn's present code ends the last
segment at the sequence's length; the code of HOI4D, C2P, ASFormer and MS-TCN++ one frame earlier, so that there a last
segment of one frame has no length and can never be found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

OVERLAPS = (0.10, 0.25, 0.50)


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


def segments(labels: Sequence[int], *, background: int | None = None, last_frame_open: bool = False) -> list[Segment]:
    """The segments of a label sequence, in order.

    Args:
        labels: one label a frame.
        background: label whose segments are left out; None keeps all.
        last_frame_open: end the last segment one frame early, as the code of HOI4D and C2P does.
    """
    values = np.asarray(labels)
    if not len(values):
        return []
    starts = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist()]
    stops = [*starts[1:], len(values) - 1 if last_frame_open else len(values)]
    found = (Segment(int(values[start]), start, stop) for start, stop in zip(starts, stops, strict=True))
    return [segment for segment in found if segment.label != background]


def edit_score(predicted: Sequence[Segment], truth: Sequence[Segment]) -> float:
    """100 · (1 - Levenshtein distance of the label sequences / the longer one's length); 100 for two empty ones."""
    longest = max(len(predicted), len(truth))
    if not longest:
        return 100.0
    row = np.arange(len(truth) + 1)
    for place, segment in enumerate(predicted, start=1):
        above, row = row, np.empty_like(row)
        row[0] = place
        for column, other in enumerate(truth, start=1):
            row[column] = min(
                above[column] + 1, row[column - 1] + 1, above[column - 1] + (segment.label != other.label)
            )
    return 100.0 * (1 - int(row[-1]) / longest)


def matches(predicted: Sequence[Segment], truth: Sequence[Segment], overlap: float) -> tuple[int, int, int]:
    """(true positives, false positives, misses): each predicted segment, in order, takes its best true one.

    It counts if their intersection over union is at least ``overlap`` and the true segment is not taken yet.
    """
    taken = [False] * len(truth)
    positives = 0
    for segment in predicted:
        ratios = [_overlap(segment, other) for other in truth]
        # the first largest; a segment without length overlaps with itself by 0 / 0, which is nobody's match
        best = int(np.argmax(ratios)) if ratios else -1
        if best >= 0 and ratios[best] >= overlap and not taken[best]:
            taken[best] = True
            positives += 1
    return positives, len(predicted) - positives, len(truth) - positives


def _overlap(one: Segment, other: Segment) -> float:
    union = max(one.stop, other.stop) - min(one.start, other.start)
    if union == 0:
        return float("nan")
    return (min(one.stop, other.stop) - max(one.start, other.start)) / union * (one.label == other.label)


def score(
    predictions: Sequence[Sequence[int]],
    truths: Sequence[Sequence[int]],
    *,
    background: int | None = None,
    last_frame_open: bool = False,
) -> SegmentalScores:
    """Scores of a set of videos.

    Args:
        predictions, truths: label sequences of the same videos, in the same order.
        background, last_frame_open: as in :func:`segments`.

    Raises:
        ValueError: no video, numbers of videos or of frames that differ, a video without frames.

    Source: Lea et al. 2017 (edit, F1); Farha and Gall, MS-TCN, 2019. Unlike HOI4D's code, which averages accuracies of
    batches, every video weighs the same.
    """
    if len(predictions) != len(truths) or not truths:
        raise ValueError(f"predictions: got {len(predictions)} videos, expected {len(truths)}, at least 1")
    counts = np.zeros((len(OVERLAPS), 3), dtype=np.int64)
    accuracies, edits = [], []
    for video, (predicted, truth) in enumerate(zip(predictions, truths, strict=True)):
        if len(predicted) != len(truth) or not len(truth):
            raise ValueError(
                f"predictions: got {len(predicted)} frames for video {video}, expected {len(truth)}, at least 1"
            )
        accuracies.append(float(np.mean(np.asarray(predicted) == np.asarray(truth))))
        both = [
            segments(labels, background=background, last_frame_open=last_frame_open) for labels in (predicted, truth)
        ]
        edits.append(edit_score(*both))
        counts += [matches(*both, overlap) for overlap in OVERLAPS]
    return SegmentalScores(
        100 * float(np.mean(accuracies)), float(np.mean(edits)), tuple(map(f1_score, counts.tolist()))
    )


def f1_score(counts: Sequence[int]) -> float:
    """Percent, from (true positives, false positives, misses); 0 where nothing is right."""
    positives, false, missed = counts
    return 0.0 if positives == 0 else 100.0 * 2 * positives / (2 * positives + false + missed)
