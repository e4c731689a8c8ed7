"""Pictures of the numbers that a paper prints, on axes of their own. matplotlib loads only inside the functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pointvideo.report.reported import reported
from pointvideo.report.statistics import wilson_interval
from pointvideo.report.style import MARKERS, colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
