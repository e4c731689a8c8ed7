"""PointCPSC in one picture, drawn from one clip of a batch and the batch's loss. matplotlib loads only inside the
functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...report.figures.style import PAGE, SMALL
from .inspection import Look, outermost, roles_of
from .step_figures import (
    GREY,
    NEGATIVE,
    TARGET,
    box_of,
    colours_of,
    draw_roles,
    draw_segment,
    draw_superpoints,
    likeliest,
    shades,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT = 4.9  # inches
LEFT, RIGHT = 0.03, 0.64  # of the segments, as shares of the width
FRAMES, SUPERPOINTS = (0.655, 0.27), (0.315, 0.27)  # bottom and height of both rows
WAY = 0.07  # middle of the way of the predictions
_WORDS = {"fontsize": SMALL + 0.5, "ha": "center", "va": "center"}


def draw_method(look: Look, clip: int) -> Figure:
    """A clip's segments, their superpoints, the way of a prediction, the bank, the prototypes; the terms are those of
    the whole batch."""
    import matplotlib.pyplot as pyplot

    figure = pyplot.figure(figsize=(PAGE, HEIGHT))
    sheet = figure.add_axes((0, 0, 1, 1), xlim=(0, 1), ylim=(0, 1))
    sheet.set_axis_off()
    middles = _segments(figure, sheet, look, clip)
    _way(sheet, look, middles)
    _terms(figure, sheet, look, clip)
    return figure


def _segments(figure: Figure, sheet: Axes, look: Look, clip: int) -> list[float]:
    """Frames and superpoints, a column a segment; the middles of the columns."""
    count, box = look.places.shape[1], box_of(look, clip)
    width, middles = (RIGHT - LEFT) / count, []
    for segment, shade in enumerate(shades(count)):
        left = LEFT + segment * width
        draw_segment(figure.add_axes((left, FRAMES[0], width, FRAMES[1])), look, clip, segment, shade, box)
        below = figure.add_axes((left, SUPERPOINTS[0], width, SUPERPOINTS[1]))
        draw_superpoints(below, look, clip, segment, shade, box, 20)
        first, middle = 1 + segment * look.frames, left + width / 2
        name = "target segment" if segment == count - 1 else f"segment {1 + segment}"
        dark = TARGET if segment == count - 1 else "#222222"
        sheet.text(middle, 0.965, f"{name}\nframes {first}–{first + look.frames - 1}", color=dark, **_WORDS)
        _arrow(sheet, (middle, FRAMES[0] + 0.005), (middle, SUPERPOINTS[0] + SUPERPOINTS[1] - 0.005), GREY)
        middles.append(middle)
    sheet.text((LEFT + RIGHT) / 2, 0.62, "encoder, each segment alone", backgroundcolor="white", **_WORDS)
    for y, name in ((FRAMES[0] + FRAMES[1] / 2, "points"), (SUPERPOINTS[0] + SUPERPOINTS[1] / 2, "superpoints")):
        sheet.text(0.012, y, name, rotation=90, **_WORDS)
    return middles


def _way(sheet: Axes, look: Look, middles: list[float]) -> None:
    """From the superpoints to predictions and targets."""
    shade, last = shades(len(middles))[-2], middles[-1]
    start, under, high = middles[0] + 0.13, SUPERPOINTS[0] - 0.005, WAY + 0.065
    for middle, goal in zip(middles[:-1], np.linspace(-0.045, 0.045, len(middles) - 1), strict=True):
        _arrow(sheet, (middle, under), (start + goal, high + 0.05), GREY)
    _box(sheet, (start, high), "autoregressor\n(transformer)", shade)
    _box(sheet, (start + 0.16, high), "predictor", shade)
    _arrow(sheet, (start + 0.068, high), (start + 0.112, high), shade)
    _box(sheet, (last, WAY), r"predictions $\hat q$", shade)
    _arrow(sheet, (start + 0.207, high), (last - 0.07, WAY + 0.012), shade)
    sheet.text(last - 0.175, WAY - 0.03, "carried to the target's places", **(_WORDS | {"fontsize": SMALL}))
    _arrow(sheet, (last, under), (last, WAY + 0.19), TARGET)
    _box(sheet, (last, WAY + 0.155), "targets $z$", TARGET)
    sheet.annotate("", (last, WAY + 0.035), (last, WAY + 0.12),
                   arrowprops={"arrowstyle": "<->", "linestyle": "--", "color": "#444444"})  # fmt: skip


def _terms(figure: Figure, sheet: Axes, look: Look, clip: int) -> None:
    """What the loss compares: the bank, the prototypes, and what they come to."""
    parts, weight = look.parts, look.module.recipe.loss.prototypes
    anchor = outermost(look, clip)
    bank = figure.add_axes((0.71, 0.66, 0.275, 0.21))
    roles = roles_of(look, clip, anchor)
    draw_roles(bank, roles, words=False)
    bank.set_xticks([])
    bank.set_yticks([0, 1])
    bank.set_ylabel("cosine", labelpad=-2)
    sheet.text(0.845, 0.965, f"the bank, {len(roles.cosine)} earlier targets,\nsorted for one target", **_WORDS)
    near, shown = int(roles.neighbour.sum()), len(roles.cosine)
    dropped = shown - near - int(roles.negative.sum())
    names = (
        (0.0, f"{near} positive\nneighbours", "#8A5F00", "left"),
        (0.36, f"{dropped}\nleft out", "#555555", "left"),
        (1.0, f"{shown - near - dropped}\nnegatives", NEGATIVE, "right"),
    )
    for x, name, shade, side in names:
        bank.text(x, -0.06, name, transform=bank.transAxes, ha=side, va="top", color=shade, fontsize=SMALL)
    _value(sheet, 0.535, rf"contrast  $L_l$ = {float(parts.local):.2f}")
    said, true = likeliest(look)
    for left, labels, name in ((0.665, true, "targets"), (0.83, said, "predictions")):
        panel = figure.add_axes((left, 0.225, 0.165, 0.235))
        draw_superpoints(panel, look, clip, -1, colours_of(labels[clip].numpy()), box_of(look, clip), 20)
        sheet.text(left + 0.0825, 0.205, name, **_WORDS)
    sheet.text(0.83, 0.475, "the likeliest prototype of each", **_WORDS)
    _value(sheet, 0.155, rf"prototypes  $L_c$ = {float(parts.prototypes):.2f}")
    factor = "" if weight == 1 else rf"{weight:g}\,"
    _value(sheet, 0.05, rf"loss  $L = L_l + {factor}L_c$ = {float(parts.total):.2f}", heavy=True)


def _value(sheet: Axes, y: float, text: str, *, heavy: bool = False) -> None:
    edge = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": "#222222"}
    edge["linewidth"] = 1.6 if heavy else 0.8
    sheet.text(0.835, y, text, bbox=edge, **(_WORDS | {"fontsize": 9.5}))


def _box(sheet: Axes, place: tuple[float, float], text: str, shade: str) -> None:
    edge = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": shade, "linewidth": 1.4}
    sheet.text(*place, text, bbox=edge, zorder=3, **_WORDS)


def _arrow(sheet: Axes, start: tuple[float, float], end: tuple[float, float], shade: str) -> None:
    look = {"arrowstyle": "->", "color": shade, "shrinkA": 0, "shrinkB": 0}
    sheet.annotate("", end, start, arrowprops=look, zorder=2)
