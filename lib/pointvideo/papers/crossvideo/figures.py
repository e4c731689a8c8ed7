"""What CrossVideo's result pages draw: its tables as printed, what is lost without a part, how its recipe was chosen.
matplotlib loads only inside the functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...report.figures.printed import beside, draw_measures, draw_values
from ...report.figures.shares import share_axis
from ...report.figures.style import SMALL, fit
from ...report.reported import reported
from ...study.experiments import Method
from .. import get
from ..c2p.methods import STARTS
from .methods import ARMS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MEASURES = ("Acc", "Edit", "F1@10", "F1@25", "F1@50")
PERCENTS = (10, 20, 40, 80)  # of the labels, Table V
OURS = ARMS["crossvideo"].method
# printed row -> method, and whether its mark is hollow: P4Transformer's are
ROWS = {
    "P4Transformer": (STARTS["scratch"], True),
    "P4Transformer+C2P": (STARTS["c2p"], True),
    "P4Transformer+ours": (OURS, True),
    "PPTr": (STARTS["scratch"], False),
    "PPTr+STRL": (STARTS["strl"], False),
    "PPTr+VideoMAE": (STARTS["videomae"], False),
    "PPTr+C2P": (STARTS["c2p"], False),
    "PPTr+ours": (OURS, False),
}
# those of images are hollow
IMAGES = {
    "MS-TCN": (Method("MS-TCN", "#9a9a9a", "v"), True),
    "MS-TCN++": (Method("MS-TCN++", "#9a9a9a", "^"), True),
    "Asformer": (STARTS["scratch"], True),
    "Asformer + Ours": (OURS, True),
}
FUSED = {
    "Asformer": (STARTS["scratch"], True),
    "Asformer + Ours": (OURS, True),
    "PPTr": (STARTS["scratch"], False),
    "PPTr + Asformer": (Method("both", "#0072B2", "D"), False),
    "PPTr+ours": (OURS, False),
}
LOSSES = {
    "no cross-modal loss": "no-cross",
    "no intra-modal loss": "no-intra",
    "no frame level": "no-frame",
    "no video level": "no-video",
}


def draw_printed_actions(axes: Axes) -> None:
    """Table I: the five metrics of action segmentation on HOI4D from points, a line a row."""
    draw_measures(axes, get("crossvideo"), "Table I", ROWS, MEASURES, 150)
    axes.set_title("printed: CrossVideo, Table I, HOI4D")


def draw_printed_miou(axes: Axes) -> None:
    """Table II: mean IoU of semantic segmentation on HOI4D, a line a row."""
    draw_values(axes, get("crossvideo"), "Table II", ROWS, 3)
    axes.set(xlabel="mIoU, %", title="printed: CrossVideo, Table II, HOI4D")


def draw_printed_images(axes: Axes) -> None:
    """Table III: action segmentation from images, without the column of which two numbers are lost."""
    columns = tuple(name for name in MEASURES if name != "Edit")
    draw_measures(axes, get("crossvideo"), "Table III", IMAGES, columns, 150)
    axes.set_title("printed: CrossVideo, Table III, HOI4D, from images")


def draw_printed_fusion(axes: Axes) -> None:
    """Table IV: one modality (images hollow), both fused, points after pre-training with images."""
    draw_measures(axes, get("crossvideo"), "Table IV", FUSED, MEASURES, 150)
    axes.set_title("printed: CrossVideo, Table IV, HOI4D")


def draw_printed_shares(axes: Axes, methods: Sequence[Method] = ()) -> None:
    """Table V: frame accuracy over the share of the labels; of those methods that it has, or of all."""
    shown = {"Scratch": STARTS["scratch"], "C2P": STARTS["c2p"], "Ours": OURS}
    for column, method in shown.items():
        if methods and method not in methods:
            continue
        values = [_cell("Table V", f"{percent}%", column) for percent in PERCENTS]
        axes.plot(PERCENTS, values, ":", color=method.colour, marker=method.marker, label=method.label)
    share_axis(axes, PERCENTS)
    axes.set(title="printed: CrossVideo, Table V, HOI4D", ylabel="frames right, %")
    axes.legend(loc="lower right")


def draw_printed_losses(axes: Axes) -> None:
    """Section IV-E.1: the accuracy that is left without each part of the loss, beside training from scratch and C2P."""
    whole = _cell("Table I", "PPTr+ours", "Acc")
    levels = {"from scratch": ("PPTr", STARTS["scratch"]), "C2P": ("PPTr+C2P", STARTS["c2p"])}
    lost = {name: reported(get("crossvideo"), "text", row="action segmentation without a part", column=name)
            for name in LOSSES}  # fmt: skip
    seen = [whole]
    axes.plot(whole, 0, OURS.marker, color=OURS.colour, markersize=7)
    beside(axes, 0, f"{whole:.1f}")
    for place, (name, cell) in enumerate(lost.items(), start=1):
        method, left = ARMS[LOSSES[name]].method, whole - cell.value
        axes.plot([left, whole], [place, place], color="#cccccc", linewidth=1, zorder=0)
        axes.plot(left, place, method.marker, color=method.colour, markersize=7)
        beside(axes, place, f"{left:.1f}, {cell.printed} lost")
        seen.append(left)
    for label, (row, method) in levels.items():
        value = _cell("Table I", row, "Acc")
        axes.axvline(value, color=method.colour, linewidth=1.2)
        axes.annotate(f"{label} {value:.1f}", (value, len(lost) + 0.55), (3, 0), textcoords="offset points",
                      fontsize=SMALL, color=method.colour)  # fmt: skip
        seen.append(value)
    axes.set_yticks(range(1 + len(lost)), ["whole loss", *lost])
    axes.set_ylim(len(lost) + 0.7, -0.6)
    fit(axes, [seen], along="x")
    axes.set(xlabel="frames right, %", title="printed: CrossVideo, section IV-E.1, PPTr on HOI4D")


def _cell(table: str, row: str, column: str) -> float:
    return reported(get("crossvideo"), table, row=row, column=column, frames=150).value
