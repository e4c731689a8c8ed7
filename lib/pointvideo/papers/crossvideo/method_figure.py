"""CrossVideo in one picture, drawn from one clip of a batch, its features and the batch's losses. matplotlib loads only
inside the functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from ...backbones import Clip
from ...losses.crossvideo import Projected
from ...report.figures.clouds import bounds
from ...report.figures.style import PAGE, SMALL
from .inspection import Sides
from .view_figures import SHADES, draw_image, draw_points, moments

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT = 4.6  # inches
LINES = {"first": 0.84, "second": 0.52, "images": 0.16}  # middles of the three ways, as shares of the height
IMAGES = "#7A5195"
COLOURS = SHADES | {"images": IMAGES}
NAMES = {"first": "original points", "second": "augmented points", "images": "images"}
LETTERS = {"first": r"$z^{t_1}_f$", "second": r"$z^{t_2}_f$", "images": r"$h_f$"}
FEATURES, POOLED, TALL = (0.565, 0.15), 0.772, 0.15  # left and width of the frames' features, left of their maximum
_WORDS = {"fontsize": SMALL + 0.5, "ha": "center", "va": "center"}


def draw_method(
    batch: tuple[Clip, Clip, Tensor], sides: Sides, clip: int = 0, *, every: int = 2, shown: int = 4
) -> Figure:
    """A clip's three ways through the networks, what the loss compares, and what it comes to in the whole batch.

    Args:
        batch: both views of the points, and the images.
        sides: what a module makes of it.
        clip: which of the batch.
        every: frames of the first view from one of the second to the next.
        shown: frames.
    """
    import matplotlib.pyplot as pyplot

    figure = pyplot.figure(figsize=(PAGE, HEIGHT))
    sheet = figure.add_axes((0, 0, 1, 1), xlim=(0, 1), ylim=(0, 1))
    sheet.set_axis_off()
    _clips(figure, batch, clip, every, shown)
    _networks(sheet)
    for name, side in zip(LINES, sides[:3], strict=True):
        _features(figure, sheet, name, side, clip)
    _terms(sheet, sides)
    return figure


def _clips(figure: Figure, batch: tuple[Clip, Clip, Tensor], clip: int, every: int, shown: int) -> None:
    first, second, images = batch
    at, width = moments(first.xyz.shape[1], shown, every), 0.3 / shown
    box = bounds(first.xyz[clip].numpy(), second.xyz[clip].numpy())
    for name, y in LINES.items():
        for column, frame in enumerate(at):
            axes = figure.add_axes((0.012 + column * width, y - 0.1, width * 0.94, 0.2))
            if name == "images":
                draw_image(axes, images[clip, frame])
            else:
                xyz = first.xyz[clip, frame] if name == "first" else second.xyz[clip, frame // every]
                draw_points(axes, xyz, box, COLOURS[name], 4)
        figure.text(0.16, y + 0.125, NAMES[name], color=COLOURS[name], **_WORDS)


def _networks(sheet: Axes) -> None:
    boxes = {
        "first": "4D convolution,\ntransformer",
        "second": "4D convolution,\ntransformer",
        "images": "3D convolution,\ntransformer",
    }
    for name, y in LINES.items():
        shade = COLOURS[name]
        _box(sheet, (0.4, y), boxes[name], shade)
        _box(sheet, (0.52, y), "head", shade)
        _arrow(sheet, (0.315, y), (0.342, y), shade)
        _arrow(sheet, (0.458, y), (0.494, y), shade)
        _arrow(sheet, (0.546, y), (FEATURES[0] - 0.003, y), shade)
    for x in (0.4, 0.52):
        _arrow(sheet, (x, LINES["second"] + 0.06), (x, LINES["first"] - 0.06), "#888888", head="-", dash=":")
    sheet.text(0.46, (LINES["first"] + LINES["second"]) / 2, "same\nweights", color="#555555", **_WORDS)


def _features(figure: Figure, sheet: Axes, name: str, side: Projected, clip: int) -> None:
    """A video's projected frames, a column a time, and their maximum."""
    y, values = LINES[name], side.features[clip].numpy()
    reach = float(np.abs(values).max()) or 1.0
    for left, width, what in ((FEATURES[0], FEATURES[1], values), (POOLED, 0.018, values.max(axis=0)[None])):
        axes = figure.add_axes((left, y - TALL / 2, width, TALL))
        axes.imshow(what.T, cmap="PuOr", vmin=-reach, vmax=reach, aspect="auto", interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(visible=True, edgecolor=COLOURS[name], linewidth=1.2)
    _arrow(sheet, (FEATURES[0] + FEATURES[1] + 0.002, y), (POOLED - 0.002, y), COLOURS[name])
    letter = LETTERS[name]
    high = y + TALL / 2 + 0.035
    sheet.text(FEATURES[0] + FEATURES[1] / 2, high, f"{letter}, {len(side.numbers)} frames", **_WORDS)
    sheet.text(POOLED + 0.012, high, letter.replace("_f", "_v"), **_WORDS)
    sheet.text((sum(FEATURES) + POOLED) / 2, y + 0.025, "max", **_WORDS)


def _terms(sheet: Axes, sides: Sides) -> None:
    values = {name: float(term.mean()) for name, term in sides.parts.terms.items()}
    half = TALL / 2 + 0.075
    for top, bottom, names, letters in (
        ("first", "second", ("intra_frame", "intra_video"), ("L_f", "L_v")),
        ("second", "images", ("cross_frame", "cross_video"), ("C_f", "C_v")),
    ):
        middle = (LINES[top] - LINES[bottom]) / 2 + LINES[bottom]
        low, high = LINES[bottom] + half, LINES[top] - TALL / 2 - 0.012
        for x in (FEATURES[0] + 0.045, POOLED + 0.009):
            _arrow(sheet, (x, low), (x, high), "#444444", head="<->", dash="--")
        said = [f"${letter}$ = {values[name]:.2f}" for name, letter in zip(names, letters, strict=True)]
        sheet.text(FEATURES[0] + 0.055, middle - 0.015, said[0], **_WORDS | {"ha": "left"})
        sheet.text(POOLED + 0.018, middle - 0.015, said[1], **_WORDS | {"ha": "left"})
        if top == "second":
            sheet.text(0.985, middle - 0.015, "across: $z$ is\nthe mean of\nboth views", **_WORDS | {"ha": "right"})
        else:
            sheet.text(0.985, middle - 0.015, "within\nthe points", **_WORDS | {"ha": "right"})
    total = r"$L$ = half of the sum" + f"\n= {float(sides.parts.total):.2f}"
    sheet.text(0.895, LINES["images"], total, bbox=_edge("#222222", 1.6), **_WORDS | {"fontsize": 9.5})


def _edge(shade: str, width: float) -> dict:
    return {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": shade, "linewidth": width}


def _box(sheet: Axes, place: tuple[float, float], text: str, shade: str) -> None:
    sheet.text(*place, text, bbox=_edge(shade, 1.4), zorder=3, **_WORDS | {"fontsize": SMALL})


def _arrow(
    sheet: Axes, start: tuple[float, float], end: tuple[float, float], shade: str, *, head: str = "->", dash: str = "-"
) -> None:
    look = {"arrowstyle": head, "linestyle": dash, "color": shade, "shrinkA": 0, "shrinkB": 0}
    sheet.annotate("", end, start, arrowprops=look, zorder=2)
