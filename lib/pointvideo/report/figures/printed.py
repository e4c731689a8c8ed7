"""Pictures of what a paper prints: C2P's tables on axes of their own, and the frames that its losses look at.

matplotlib loads only inside the functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pointvideo.report import claims
from pointvideo.report.figures.runs import method_of
from pointvideo.report.figures.style import MARKERS, PAGE, colour, panels
from pointvideo.report.reported import cells, reported
from pointvideo.report.statistics import wilson_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PERCENTS = (10, 20, 40, 80)  # of the labels, C2P Table 6
TEST_VIDEOS = 297  # of MSR-Action3D, where no k of n fits the printed accuracy


def draw_printed_accuracies(axes: Axes) -> None:
    """C2P's Table 4: video accuracy over the frames of a clip, on MSR-Action3D.

    The bars are ours: Wilson's 95 % interval of one run on the test videos that the row scored, for PPTr with and
    without C2P.
    """
    table, lengths = "Table 4", (8, 16, 24)
    for row, name, line, shift in (
        ("P4Transformer", "scratch", ":", 0.0),
        ("PPTr", "scratch", "-", -0.15),
        ("PPTr+C2P", "C2P", "-", 0.15),
    ):
        cells = [reported("c2p", table, row=row, frames=frames) for frames in lengths]
        x, y = [frames + shift for frames in lengths], [cell.value for cell in cells]
        hollow = {"markerfacecolor": "white"} if line == ":" else {}
        axes.plot(x, y, line, color=colour(name), marker=MARKERS[name], label=row, **hollow)
        if line == "-":
            counts = [cell.scored or TEST_VIDEOS for cell in cells]
            bounds = [wilson_interval(cell.value / 100 * n, n) for cell, n in zip(cells, counts, strict=True)]
            low, high = [100 * bound.low for bound in bounds], [100 * bound.high for bound in bounds]
            axes.vlines(x, low, high, color=colour(name), alpha=0.45, linewidth=3)
    for row, name, shift in (("PPTr+STRL", "STRL", 0.5), ("PPTr+VideoMAE", "VideoMAE", 0.85)):
        value = reported("c2p", table, row=row, frames=24).value
        axes.plot(24 + shift, value, MARKERS[name], color=colour(name), label=row)
    axes.set(xlabel="frames of a clip", ylabel="test videos right, %", xticks=lengths)
    axes.set_title("printed: C2P, Table 4, MSR-Action3D")
    axes.legend(loc="lower right", ncols=2)


def draw_printed_shares(axes: Axes, methods: Sequence[str] = ("Scratch", "VideoMAE", "C2P")) -> None:
    """C2P's Table 6, as its Figure 5 draws it: frame-wise accuracy over the share of the labels, on HOI4D."""
    for method in methods:
        name = {"Scratch": "scratch"}.get(method, method)
        values = [reported("c2p", "Table 6", row=f"{percent}%", column=method).value for percent in PERCENTS]
        label = {"Scratch": "from scratch"}.get(method, f"after {method}")
        axes.plot(PERCENTS, values, ":", color=colour(name), marker=MARKERS[name], label=label)
    share_axis(axes, PERCENTS)
    axes.set(title="printed: HOI4D, segmentation", ylabel="frames right, %")


def share_axis(axes: Axes, percents: Sequence[int]) -> None:
    """A logarithmic axis of the share of the labels, with a tick at each of ``percents``."""
    axes.set_xscale("log")
    axes.set_xticks(list(percents), [str(percent) for percent in percents])
    axes.minorticks_off()
    axes.set_xlim(min(percents) / 1.25, max(percents) * 1.25)
    axes.set_xlabel("share of the training labels, %")
    axes.grid(axis="y", color="#e6e6e6")


# printed row -> method, and whether its mark is hollow: P4Transformer's are
ROWS = {
    "P4Transformer": ("scratch", True),
    "P4Transformer+C2P": ("C2P", True),
    "PPTr": ("scratch", False),
    "PPTr+STRL": ("STRL", False),
    "PPTr+VideoMAE": ("VideoMAE", False),
    "PPTr+C2P": ("C2P", False),
}


def draw_printed_actions(axes: Axes) -> None:
    """C2P's Table 1: the five metrics of action segmentation on HOI4D, a line a row."""
    columns = ("Acc", "Edit", "F1@10", "F1@25", "F1@50")
    for row, (name, hollow) in ROWS.items():
        values = [reported("c2p", "Table 1", row=row, frames=150, column=column).value for column in columns]
        axes.plot(columns, values, ":" if hollow else "-", color=colour(name), marker=MARKERS[name], label=row,
                  **_face(hollow))  # fmt: skip
    axes.set(ylabel="%", title="printed: C2P, Table 1, HOI4D")
    axes.grid(axis="y", color="#e6e6e6")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))


def draw_printed_miou(axes: Axes) -> None:
    """C2P's Table 2: mean IoU of semantic segmentation on HOI4D, a line a row."""
    for line, (row, (name, hollow)) in enumerate(ROWS.items()):
        value = reported("c2p", "Table 2", row=row, frames=3).value
        axes.plot(value, line, MARKERS[name], color=colour(name), markersize=7, **_face(hollow))
        axes.annotate(f"{value:.1f}", (value, line), (8, 0), textcoords="offset points", fontsize=7.5, va="center")
    axes.set_yticks(range(len(ROWS)), ROWS)
    axes.set(xlabel="mIoU, %", ylim=(len(ROWS) - 0.4, -0.6), title="printed: C2P, Table 2, HOI4D")
    axes.grid(axis="x", color="#e6e6e6")


def draw_printed_classes(axes: Axes) -> None:
    """C2P's Table 3: IoU of each class on Synthia 4D, P4Transformer with one and three frames and with C2P."""
    rows = (("P4Transformer", 1, "scratch", True), ("P4Transformer", 3, "scratch", False))
    rows += (("P4Transformer+C2P", 3, "C2P", False),)
    classes = list(dict.fromkeys(cell.column for cell in cells("c2p") if cell.table == "Table 3"))
    lines = np.arange(len(classes))
    for (row, frames, name, hollow), shift in zip(rows, (-0.2, 0.0, 0.2), strict=True):
        values = [reported("c2p", "Table 3", row=row, frames=frames, column=column).value for column in classes]
        label = f"{row}, {frames} frame{'s' if frames > 1 else ''}"
        axes.plot(values, lines + shift, MARKERS[name], color=colour(name), label=label, clip_on=False, **_face(hollow))
    axes.set_yticks(lines, classes)
    axes.hlines(lines[:-1] + 0.5, 0, 100, color="#eeeeee", linewidth=0.8)
    axes.set(xlim=(-1, 101), ylim=(len(classes) - 0.5, -0.5), xlabel="intersection over union, %")
    axes.set_title("printed: C2P, Table 3, Synthia 4D")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))


def _face(hollow: bool) -> dict[str, str]:
    return {"markerfacecolor": "white"} if hollow else {}


PREDICTORS = ("#E69F00", "#009E73", "#CC79A7", "#8C5A2B")  # apart from the student's own frame


class WindowLoss(Protocol):
    """What of a loss over a time window is drawn: offsets that are predicted, by which predictor, half the window."""

    offsets: tuple[int, ...]
    reach: int

    def predictor_of(self, offset: int) -> str: ...


def draw_printed_ablations(row_ids: Sequence[str], base: str) -> Figure:
    """The printed number of each row, with its difference to ``base``, whose own number is the line.

    ``ValueError`` for a row without a printed number.
    """
    cells = {name: claims.row(name).reported for name in dict.fromkeys([base, *row_ids])}
    if missing := [name for name, cell in cells.items() if cell is None]:
        raise ValueError(f"row {missing[0]!r} has no printed number: {claims.row(missing[0]).because}")
    others = [name for name in cells if name != base]
    figure, axes = panels(1, width=PAGE, ratio=(0.9 + 0.28 * len(others)) / PAGE)
    axes.axvline(cells[base].value, color=colour(method_of(base)), linewidth=1.4)
    for place, name in enumerate(others):
        value, method = cells[name].value, method_of(name)
        axes.plot([value, cells[base].value], [place, place], color="#cccccc", linewidth=1, zorder=0)
        axes.plot(value, place, MARKERS[method], color=colour(method), markersize=6)
        text = f"{cells[name].printed} ({value - cells[base].value:+.2f})"
        axes.annotate(text, (1.01, place), xycoords=("axes fraction", "data"), fontsize=7, va="center")
    axes.set_yticks(range(len(others)), [claims.row(name).title for name in others])
    axes.set_ylim(len(others) - 0.4, -0.6)
    axes.set_xlabel(f"printed, %; line: {claims.row(base).title}, {cells[base].printed}")
    axes.set_xlim(None, cells[base].value + 0.15)
    return figure


def draw_windows(losses: Mapping[str, WindowLoss]) -> Figure:
    """A line a loss: frames from the student's own, i, that are positives of a term (squares, one colour a predictor),
    that the window leaves alone (light), and that are negatives (dots)."""
    if not losses:
        raise ValueError("windows need at least one loss, found none")
    from matplotlib.patches import Patch, Rectangle

    reach = 1 + max(loss.reach for loss in losses.values())
    figure, axes = panels(1, width=0.8 * PAGE, ratio=(1.0 + 0.34 * len(losses)) / (0.8 * PAGE))
    for line, loss in enumerate(losses.values()):
        names = list(dict.fromkeys(loss.predictor_of(offset) for offset in loss.offsets))
        for offset in range(-reach, reach + 1):
            inside = abs(offset) <= loss.reach
            if offset == 0:
                shade = colour("teacher")
            elif offset in loss.offsets:
                shade = PREDICTORS[names.index(loss.predictor_of(offset)) % len(PREDICTORS)]
            else:
                shade = "#ececec" if inside else "white"
            axes.add_patch(Rectangle((offset - 0.42, line - 0.36), 0.84, 0.72, facecolor=shade, edgecolor="white"))
            if not inside:
                axes.plot(offset, line, "o", color="#777777", markersize=3)
    axes.set_xticks(
        range(-reach, reach + 1), [f"i{offset:+d}" if offset else "i" for offset in range(-reach, reach + 1)]
    )
    axes.set_yticks(range(len(losses)), list(losses))
    axes.set(xlim=(-reach - 0.6, reach + 0.6), ylim=(len(losses) - 0.5, -0.5), xlabel="frame of the teacher")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    legend = [
        Patch(facecolor=colour("teacher"), label="same frame, no predictor"),
        Patch(facecolor=PREDICTORS[0], label="predicted (a colour a predictor)"),
        Patch(facecolor="#ececec", label="left alone"),
        *axes.plot([], [], "o", color="#777777", markersize=3, label="negative"),
    ]
    figure.legend(handles=legend, loc="outside lower center", ncols=4, columnspacing=1.2)
    return figure
