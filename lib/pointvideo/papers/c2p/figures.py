"""Pictures that only this paper has: its tables as printed, on axes of their own, and the frames that its losses look
at. matplotlib loads only inside the functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...report.figures.printed import draw_class_marks, draw_lengths, draw_measures, draw_values
from ...report.figures.shares import draw_data_efficiency, share_axis
from ...report.figures.style import PAGE, SMALL, colour, explains, panels
from ...report.reported import ReportedCell, printed, reported
from .. import get
from .methods import STARTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...losses.c2p import C2PLoss
    from ...report.layout import Table
    from ...study.experiments import Method, Row

PERCENTS = (10, 20, 40, 80)  # of the labels, C2P Table 6
SHOWN = tuple(STARTS[name] for name in ("scratch", "videomae", "c2p"))  # in Figure 5
TEST_VIDEOS = 297  # of MSR-Action3D, where no k of n fits the printed accuracy


def _cell(table: str, row: str, column: str | None = None, frames: int | None = None) -> ReportedCell:
    return reported(get("c2p"), table, row=row, column=column, frames=frames)


def draw_printed_accuracies(axes: Axes) -> None:
    """C2P's Table 4: video accuracy over the frames of a clip, on MSR-Action3D.

    The bars are ours: Wilson's 95 % interval of one run on the test videos that the row scored, for PPTr with and
    without C2P.
    """
    table, lengths = "Table 4", (8, 16, 24)
    for row, method, line, shift in (
        ("P4Transformer", STARTS["scratch"], ":", 0.0),
        ("PPTr", STARTS["scratch"], "-", -0.15),
        ("PPTr+C2P", STARTS["c2p"], "-", 0.15),
    ):
        found = [_cell(table, row, frames=frames) for frames in lengths]
        thin = line == ":"
        videos = None if thin else TEST_VIDEOS
        draw_lengths(axes, found, method, row, line=line, shift=shift, hollow=thin, videos=videos)
    for row, method, shift in (("PPTr+STRL", STARTS["strl"], 0.5), ("PPTr+VideoMAE", STARTS["videomae"], 0.85)):
        value = _cell(table, row, frames=24).value
        axes.plot(24 + shift, value, method.marker, color=method.colour, label=row)
    axes.set(xlabel="frames of a clip", ylabel="test videos right, %", xticks=lengths)
    axes.set_title("printed: C2P, Table 4, MSR-Action3D")
    axes.legend(loc="lower right", ncols=2)


def draw_printed_shares(axes: Axes, methods: Sequence[Method] = SHOWN) -> None:
    """C2P's Table 6, as its Figure 5 draws it: frame-wise accuracy over the share of the labels, on HOI4D, of those
    methods that it has."""
    for method in (method for method in methods if method in SHOWN):
        column = "Scratch" if method == STARTS["scratch"] else method.short
        values = [_cell("Table 6", f"{percent}%", column).value for percent in PERCENTS]
        axes.plot(PERCENTS, values, ":", color=method.colour, marker=method.marker, label=method.label)
    share_axis(axes, PERCENTS)
    axes.set(title="printed: HOI4D, segmentation", ylabel="frames right, %")


def draw_shares_beside_printed(table: Table) -> Figure:
    """Ours over the share of the labels; beside recorded runs the paper's Figure 5, which is of another model."""
    return draw_data_efficiency(table, draw_printed_shares)


# printed row -> method, and whether its mark is hollow: P4Transformer's are
ROWS = {
    "P4Transformer": (STARTS["scratch"], True),
    "P4Transformer+C2P": (STARTS["c2p"], True),
    "PPTr": (STARTS["scratch"], False),
    "PPTr+STRL": (STARTS["strl"], False),
    "PPTr+VideoMAE": (STARTS["videomae"], False),
    "PPTr+C2P": (STARTS["c2p"], False),
}


def draw_printed_actions(axes: Axes) -> None:
    """C2P's Table 1: the five metrics of action segmentation on HOI4D, a line a row."""
    draw_measures(axes, get("c2p"), "Table 1", ROWS, ("Acc", "Edit", "F1@10", "F1@25", "F1@50"), 150)
    axes.set_title("printed: C2P, Table 1, HOI4D")


def draw_printed_miou(axes: Axes) -> None:
    """C2P's Table 2: mean IoU of semantic segmentation on HOI4D, a line a row."""
    draw_values(axes, get("c2p"), "Table 2", ROWS, 3)
    axes.set(xlabel="mIoU, %", title="printed: C2P, Table 2, HOI4D")


def draw_printed_classes(axes: Axes) -> None:
    """C2P's Table 3: IoU of each class on Synthia 4D, P4Transformer with one and three frames and with C2P."""
    scratch = STARTS["scratch"]
    rows = (("P4Transformer", 1, scratch, True), ("P4Transformer", 3, scratch, False))
    rows += (("P4Transformer+C2P", 3, STARTS["c2p"], False),)
    draw_class_marks(axes, get("c2p"), "Table 3", rows)
    axes.set_title("printed: C2P, Table 3, Synthia 4D")


PREDICTORS = ("#E69F00", "#009E73", "#CC79A7", "#8C5A2B")  # apart from the student's own frame


def draw_printed_ablations(rows: Sequence[Row], base: str) -> Figure:
    """The printed number of each row, with its difference to ``base``, whose own number is the line.

    ``ValueError`` for a row without a printed number.
    """
    found = {row.id: (row, printed(get("c2p"), row).get(row.task.main)) for row in (get("c2p").row(base), *rows)}
    if missing := [row for row, cell in found.values() if cell is None]:
        raise ValueError(f"row {missing[0].id!r} has no printed number: {missing[0].because}")
    first, line = found.pop(base)
    figure, axes = panels(1, width=PAGE, ratio=(0.9 + 0.28 * len(found)) / PAGE)
    axes.axvline(line.value, color=first.method.colour, linewidth=1.4)
    for place, (row, cell) in enumerate(found.values()):
        axes.plot([cell.value, line.value], [place, place], color="#cccccc", linewidth=1, zorder=0)
        axes.plot(cell.value, place, row.method.marker, color=row.method.colour, markersize=6)
        text = f"{cell.printed} ({cell.value - line.value:+.2f})"
        axes.annotate(text, (1.01, place), xycoords=("axes fraction", "data"), fontsize=SMALL, va="center")
    axes.set_yticks(range(len(found)), [row.title for row, _ in found.values()])
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.set_xlabel(f"printed, %; line: {first.title}, {line.printed}")
    axes.set_xlim(None, line.value + 0.15)
    return figure


def draw_windows(losses: Mapping[str, C2PLoss]) -> Figure:
    """A line a loss: frames from the student's own, i, that are positives of a term (squares, one colour a predictor),
    that the window leaves alone (light), and that are negatives (dots)."""
    if not losses:
        raise ValueError("windows need at least one loss, found none")
    from matplotlib.patches import Patch, Rectangle

    reach = 1 + max(loss.reach for loss in losses.values())
    figure, axes = panels(1, ratio=(1.0 + 0.34 * len(losses)) / PAGE)
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
    explains(axes)
    legend = [
        Patch(facecolor=colour("teacher"), label="same frame, no predictor"),
        Patch(facecolor=PREDICTORS[0], label="predicted (a colour a predictor)"),
        Patch(facecolor="#ececec", label="left alone"),
        *axes.plot([], [], "o", color="#777777", markersize=3, label="negative"),
    ]
    figure.legend(handles=legend, loc="outside lower center", ncols=4, columnspacing=1.2)
    return figure
