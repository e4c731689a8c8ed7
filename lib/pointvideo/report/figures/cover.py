"""The picture of the README: a clip, what a moving camera sees of it, and what the claims have come to."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from ..findings import Finding
from ..render import verdict_colour
from .clouds import bounds, draw_cloud, project
from .style import PAGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HIDDEN = "#dcdcdc"
TURN, TILT = 30.0, 8.0
STATEMENT, WORDS = 48, 9  # characters of a claim's line, and its size in typographic points


def draw_cover(
    frames: Sequence[Float[np.ndarray, "_ 3"]],
    seen: Sequence[Bool[np.ndarray, " _"]],
    findings: Sequence[Finding],
    names: Sequence[str] = (),
) -> Figure:
    """Frames of a clip, whole above and partial below; beside them a line a finding.

    Args:
        frames: points of each, x right, y down, z away.
        seen: which points of each frame the moving camera sees; the others are drawn in grey.
        findings: recorded ones that have been run.
        names: short names of the claims; their statements without.
    """
    import matplotlib.pyplot as pyplot

    if len(frames) != len(seen) or not frames:
        raise ValueError(f"{len(frames)} frames and {len(seen)} masks, expected as many, at least one")
    figure = pyplot.figure(figsize=(PAGE, 3.7))
    split = 0.54 if findings else 1.0
    box = bounds(*frames)
    for place, mask_all in enumerate((True, False)):
        top = 1.0 - 0.5 * place
        said = "a clip, as it was recorded" if mask_all else "what a camera that walks around it sees"
        figure.text(0.0, top, said, va="top", fontsize=WORDS + 1)
        axes = [
            figure.add_axes((split * column / len(frames), top - 0.49, split / len(frames), 0.42))
            for column in range(len(frames))
        ]
        for one, points, mask in zip(axes, frames, seen, strict=True):
            shown = points if mask_all else points[mask]
            if not mask_all:
                draw_cloud(one, points, colour=HIDDEN, box=box, turn=TURN, tilt=TILT, size=1)
            draw_cloud(one, shown, box=box, turn=TURN, tilt=TILT, size=2 if mask_all else 3)
        _fit(axes, frames, box)
    if findings:
        axes = figure.add_axes((split + 0.03, 0.13, 0.97 - split, 0.87))
        _forest(axes, findings, names or [finding.claim.statement for finding in findings])
    return figure


def _fit(axes: Sequence[Axes], frames: Sequence[np.ndarray], box: tuple[np.ndarray, np.ndarray]) -> None:
    """Panels as large as the points take in the view, not as the box's corners."""
    flat = np.concatenate([project(points, (box[0] + box[1]) / 2, TURN, TILT)[:, :2] for points in frames])
    low, high = flat.min(axis=0), flat.max(axis=0)
    margin = 0.03 * (high - low).max()
    for one in axes:
        one.set(xlim=(low[0] - margin, high[0] + margin), ylim=(low[1] - margin, high[1] + margin))


def _forest(axes: Axes, findings: Sequence[Finding], names: Sequence[str]) -> None:
    """A claim above its interval, the verdict's word below it."""
    for line, (finding, name) in enumerate(zip(findings, names, strict=True)):
        shade, found = verdict_colour(finding.word), finding.contrast
        axes.plot([0, 0], [line - 0.07, line + 0.07], color="#999999", linewidth=1)
        axes.plot([100 * found.interval.low, 100 * found.interval.high], [line, line], color=shade, linewidth=3)
        axes.plot(100 * found.estimate, line, "o", color=shade, markersize=7)
        place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "fontsize": WORDS}
        axes.annotate(textwrap.fill(name, STATEMENT, break_on_hyphens=False), (0, line), (0, 7), va="bottom", **place)
        word = textwrap.fill(f"{finding.difference} points: {finding.short}", STATEMENT)
        axes.annotate(word, (0, line), (0, -7), va="top", color=shade, **place)
    axes.set_ylim(len(findings) - 0.5, -0.75)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.tick_params(labelsize=WORDS - 1)
    axes.set_xlabel("difference in accuracy, points, with its interval", fontsize=WORDS)
