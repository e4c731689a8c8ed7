"""Intersection over union of point-wise labels, from counts that add up over clips and videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int


@dataclass(frozen=True)
class Counts:
    """Points of each class, (classes,) int64: rightly found, found or true, true."""

    intersection: np.ndarray
    union: np.ndarray
    truth: np.ndarray

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.intersection + other.intersection, self.union + other.union, self.truth + other.truth)


def count(
    predicted: Int[np.ndarray, " points"],
    truth: Int[np.ndarray, " points"],
    classes: int,
    counted: Bool[np.ndarray, " points"] | None = None,
) -> Counts:
    """Counts of some points.

    Args:
        predicted: class of each point, 0 to ``classes`` - 1.
        truth: the true one; a value outside 0 to ``classes`` - 1 is no class that is scored, so the point can only be
            a false find.
        classes: number of them.
        counted: which points count at all; all when left out.
    """
    if predicted.shape != truth.shape:
        raise ValueError(f"predicted: got shape {predicted.shape}, expected that of truth, {truth.shape}")
    if counted is not None:
        predicted, truth = predicted[counted], truth[counted]
    if len(predicted) and not (0 <= predicted.min() and predicted.max() < classes):
        raise ValueError(f"predicted: got classes {predicted.min()} to {predicted.max()}, expected 0 to {classes - 1}")
    known = (truth >= 0) & (truth < classes)
    right = np.bincount(predicted[predicted == truth], minlength=classes)
    found, true = np.bincount(predicted, minlength=classes), np.bincount(truth[known], minlength=classes)
    return Counts(right, found + true - right, true)


def class_ious(counts: Counts, *, absent: float | None = None) -> list[float | None]:
    """IoU of each class, 0 to 1; ``absent`` for a class without a true point."""
    return [
        absent if not true else float(right / union)
        for right, union, true in zip(counts.intersection, counts.union, counts.truth, strict=True)
    ]


def mean_iou(ious: Sequence[float | None]) -> float:
    """Mean over the classes that have an IoU; ValueError where none has."""
    known = [value for value in ious if value is not None]
    if not known:
        raise ValueError("mean IoU: no class has a true point, expected at least one")
    return float(np.mean(known))
