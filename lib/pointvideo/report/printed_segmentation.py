"""Pictures of C2P's printed segmentation tables, on axes of their own. matplotlib loads only inside the functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pointvideo.report.reported import cells, reported
from pointvideo.report.style import MARKERS, colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
