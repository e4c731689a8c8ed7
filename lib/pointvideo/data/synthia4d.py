"""Synthia 4D semantic segmentation: the classes, their weights, and the two halves in which a scene is seen.

The protocol is MeteorNet's (Liu, Yan, Bohg, ICCV 2019) as P4Transformer, PPTr and C2P use it: a sample is a frame and
the two before it; the scene is cut at the car's z into two halves that overlap by a context, each half is brought to a
number of points a frame, and only points strictly inside the half and not void are trained on and scored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64

CLASSES = (
    "Building", "Road", "Sidewalk", "Fence", "Vegetation", "Pole", "Car", "Traffic Sign", "Pedestrian", "Bicycle",
    "Lanemarking", "Traffic Light",
)  # fmt: skip
VOID = 12
LABELS = (*CLASSES, "Void")
"""What the values 0 to 12 of ``semantic`` mean; void is neither trained on nor scored."""

RAW_TO_CLASS = (12, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, -1, -1, 11)
"""Class of the files' raw labels 0 … 15; -1 are sky (1) and reserved (13, 14), which the preparation left out."""

FREQUENCIES = (
    0.416347, 0.270832, 0.114028, 0.0294782, 0.0883920, 0.0162698, 0.0334688, 0.00219127, 0.00325139, 0.000359844,
    0.0245613, 0.00081971,
)  # fmt: skip
"""Share of each class among the points that are not void, as MeteorNet's ``labelweights.npz`` has it."""


def class_weights(frequencies: np.ndarray | tuple[float, ...] = FREQUENCIES) -> Float[np.ndarray, "classes"]:
    """Weight of each class in the training loss: 1 / ln(1.2 + frequency), divided by the smallest; float64.

    ``frequencies`` (12,) are shares 0 to 1. ValueError, one line, for another shape or a number that is no share.
    """
    shares = np.asarray(frequencies, dtype=np.float64)
    if shares.shape != (len(CLASSES),):
        raise ValueError(f"frequencies has shape {shares.shape}, expected ({len(CLASSES)},), one for each class")
    if not (np.isfinite(shares) & (shares >= 0) & (shares <= 1)).all():
        raise ValueError(f"frequencies are {shares.min()} to {shares.max()}, expected shares 0 to 1")
    weights = 1 / np.log(1.2 + shares)
    return weights / weights.min()


def class_frequencies(semantic: np.ndarray) -> Float[np.ndarray, "classes"]:
    """Share of each class among the points of ``semantic`` (any shape, 0 to 12) that are not void; float64."""
    counts = np.bincount(np.asarray(semantic).reshape(-1), minlength=VOID + 1)
    if len(counts) > VOID + 1:
        raise ValueError(f"semantic goes up to {len(counts) - 1}, expected 0 to {VOID}")
    if not counts[:VOID].sum():
        raise ValueError("semantic holds no point with a class, expected at least one that is not void")
    return counts[:VOID] / counts[:VOID].sum()


@dataclass(frozen=True)
class Half:
    """One half of a scene, with its context.

    ``index`` one array (points of the half,) int64 a frame: which points of the frame it has, ascending;
    ``strict`` one array (points of the half,) bool a frame: which of those lie inside the half, not in its context.
    """

    index: tuple[np.ndarray, ...]
    strict: tuple[np.ndarray, ...]


def halves(
    xyz: Float[np.ndarray, "frames points 3"], centre: Float[np.ndarray, "3"], context: float = 1.0
) -> tuple[Half, Half]:
    """The scene cut at the centre's z: the half above it with everything down to ``context`` metres below, and back.

    ``centre`` (3,) is that of the sample's own (last) frame and cuts all its frames. A point exactly at the cut is in
    both halves, strictly in none. ValueError for a negative or non-finite context.
    """
    if not (np.isfinite(context) and context >= 0):
        raise ValueError(f"context is {context}, expected at least 0 metres")
    z, cut = xyz[..., 2], centre[2]
    above = [np.flatnonzero(row > cut - context) for row in z]
    below = [np.flatnonzero(row < cut + context) for row in z]
    return (
        Half(tuple(above), tuple(row[index] > cut for row, index in zip(z, above, strict=True))),
        Half(tuple(below), tuple(row[index] < cut for row, index in zip(z, below, strict=True))),
    )


def draw(count: int, points: int, generator: np.random.Generator) -> Int64[np.ndarray, "points"]:
    """``points`` indices into ``count``: with more, that many without replacement, in random order; otherwise the
    missing ones drawn with replacement, IN FRONT of all in order (so that FPS begins at a drawn one).

    ValueError for no points to draw from, or fewer than one to draw.
    """
    if points < 1:
        raise ValueError(f"points is {points}, expected at least 1")
    if count < 1:
        raise ValueError("no points to draw from, expected at least one")
    if count > points:
        return generator.choice(count, points, replace=False)
    return np.concatenate([generator.integers(0, count, points - count), np.arange(count)])


def draw_half(
    half: Half, points: int, seed: int
) -> tuple[Int64[np.ndarray, "frames points"], Bool[np.ndarray, "frames points"]]:
    """A half at ``points`` points a frame, each frame by :func:`draw` on its own: indices into the frames, strict mask.

    A pure function of its arguments. ValueError naming the frame in which the half has no point.
    """
    generator = np.random.default_rng(seed)
    for frame, index in enumerate(half.index):
        if not len(index):
            raise ValueError(f"frame {frame} has no point in this half, expected at least one to draw from")
    drawn = [draw(len(index), points, generator) for index in half.index]
    return (
        np.stack([index[choice] for index, choice in zip(half.index, drawn, strict=True)]),
        np.stack([strict[choice] for strict, choice in zip(half.strict, drawn, strict=True)]),
    )
