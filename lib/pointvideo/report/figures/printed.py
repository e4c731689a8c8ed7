"""What a paper prints, as pictures: accuracies with the interval that goes with their test videos, classes, rows.

Printed numbers are one run each; the intervals are ours. matplotlib loads only inside the functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..reported import ReportedCell, cells, reported
from ..statistics import Interval, wilson_interval
from .style import SMALL, fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...study.experiments import Method, Paper


def interval_of(cell: ReportedCell, videos: int) -> Interval:
    """Wilson's 95 % interval of a printed accuracy, as shares, on the videos that it scored; ``videos`` where no k of
    n agrees with it."""
    scored = cell.scored or videos
    return wilson_interval(cell.value / 100 * scored, scored)


def draw_lengths(
    axes: Axes,
    found: Sequence[ReportedCell],
    method: Method,
    label: str,
    *,
    line: str = "-",
    shift: float | int = 0.0,
    hollow: bool = False,
    videos: int | None = None,
) -> None:
    """One row of a table over the frames of a clip.

    Args:
        axes: the panel.
        found: accuracies in per cent, each with its number of frames.
        method: gives colour and marker.
        label: for the legend.
        line: its style.
        shift: of the marks, in frames, so that bars do not hide each other.
        hollow: marks without a filling.
        videos: of the test set; draws a bar, :func:`interval_of`. None draws none.
    """
    x = [cell.frames + shift for cell in found]
    axes.plot(x, [cell.value for cell in found], line, color=method.colour, marker=method.marker, label=label,
              **face(hollow))  # fmt: skip
    if videos is not None:
        bounds = [interval_of(cell, videos) for cell in found]
        low, high = [100 * bound.low for bound in bounds], [100 * bound.high for bound in bounds]
        axes.vlines(x, low, high, color=method.colour, alpha=0.45, linewidth=3)


def face(hollow: bool) -> dict[str, str]:
    """The filling of a mark, as matplotlib wants it."""
    return {"markerfacecolor": "white"} if hollow else {}


def draw_rows(axes: Axes, found: Sequence[tuple[ReportedCell, Method]], videos: int) -> None:
    """Accuracies of one table, a line a row, each with :func:`interval_of` as a bar and in numbers.

    ``ValueError`` without a row.
    """
    if not found:
        raise ValueError("printed rows need at least one, found none")
    seen = []
    for place, (cell, method) in enumerate(found):
        bound = interval_of(cell, videos)
        low, high = 100 * bound.low, 100 * bound.high
        axes.plot([low, high], [place, place], color=method.colour, linewidth=3, alpha=0.45, solid_capstyle="butt")
        axes.plot(cell.value, place, method.marker, color=method.colour, markersize=6)
        beside(axes, place, f"{cell.printed} [{low:.1f}, {high:.1f}]")
        seen.append([low, high])
    axes.set_yticks(range(len(found)), [cell.row for cell, _ in found])
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.grid(axis="x", color="#eeeeee")
    axes.set_axisbelow(True)
    fit(axes, seen, along="x")


def beside(axes: Axes, place: float | int, text: str, colour: str = "#333333") -> None:
    """Words right of a panel, at the height of a line of it."""
    axes.annotate(
        text, (1.01, place), xycoords=("axes fraction", "data"), fontsize=SMALL, va="center", color=colour,
        annotation_clip=False,
    )  # fmt: skip


def draw_measures(
    axes: Axes, paper: Paper, table: str, rows: Mapping[str, tuple[Method, bool]], columns: Sequence[str], frames: int
) -> None:
    """The metrics of a table side by side, a line a row.

    Args:
        axes: the panel.
        paper, table: where it is printed.
        rows: name of the row -> its method, and whether its marks are hollow and its line dotted.
        columns: the metrics, in per cent.
        frames: of the rows.
    """
    for row, (method, hollow) in rows.items():
        values = [reported(paper, table, row=row, column=column, frames=frames).value for column in columns]
        axes.plot(columns, values, ":" if hollow else "-", color=method.colour, marker=method.marker, label=row,
                  **face(hollow))  # fmt: skip
    axes.set_ylabel("%")
    axes.grid(axis="y", color="#e6e6e6")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))


def draw_values(axes: Axes, paper: Paper, table: str, rows: Mapping[str, tuple[Method, bool]], frames: int) -> None:
    """The one number of each row of a table, a line a row; arguments as for :func:`draw_measures`."""
    for line, (row, (method, hollow)) in enumerate(rows.items()):
        value = reported(paper, table, row=row, frames=frames).value
        axes.plot(value, line, method.marker, color=method.colour, markersize=7, **face(hollow))
        axes.annotate(f"{value:.1f}", (value, line), (8, 0), textcoords="offset points", fontsize=SMALL, va="center")
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="x", color="#e6e6e6")


def classes_of(paper: Paper, table: str) -> list[str]:
    """The columns of a table of segmentation, in its order: classes, then their mean."""
    return list(dict.fromkeys(cell.column for cell in cells(paper) if cell.table == table))


def draw_class_marks(
    axes: Axes,
    paper: Paper,
    table: str,
    rows: Sequence[tuple[str, int, Method, bool]],
) -> None:
    """Intersection over union of each class, a mark a row of the table.

    Args:
        axes: the panel.
        paper, table: where it is printed.
        rows: name of the row, frames, method, and whether its mark is hollow.
    """
    classes = classes_of(paper, table)
    lines = np.arange(len(classes))
    for (row, frames, method, hollow), shift in zip(rows, np.linspace(-0.2, 0.2, len(rows)), strict=True):
        values = [reported(paper, table, row=row, column=column, frames=frames).value for column in classes]
        label = f"{row}, {frames} frame{'s' if frames > 1 else ''}"
        axes.plot(values, lines + shift, method.marker, color=method.colour, label=label, clip_on=False, **face(hollow))
    axes.set_yticks(lines, classes)
    fit(axes, [line.get_xdata() for line in axes.lines], along="x")
    axes.hlines(lines[:-1] + 0.5, *axes.get_xlim(), color="#eeeeee", linewidth=0.8)
    axes.set(ylim=(len(classes) - 0.5, -0.5), xlabel="intersection over union, %")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))


def gains(paper: Paper, table: str, better: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, float]:
    """Class -> printed points of one row less those of another; the mean last.

    better, base: how :func:`~pointvideo.report.reported.reported` finds the rows, such as row and frames.
    """
    return {
        column: reported(paper, table, column=column, **better).value
        - reported(paper, table, column=column, **base).value
        for column in classes_of(paper, table)
    }
