"""Intersection over union of each class, row by row of a table of semantic segmentation. matplotlib loads only inside
the function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pointvideo.report.layout import Table, TableRow
from pointvideo.report.metrics import place_of_class, same_class
from pointvideo.report.runs import method_of
from pointvideo.report.style import MARKERS, PAGE, PALETTE, colour, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_class_ious(table: Table, *, printed: bool = False, only: Sequence[str] | None = None) -> Figure:
    """One line a class, a mark a row of the table: the mean over seeds, with a dash a seed.

    printed: also the paper's number of each row, a small cross in the row's colour; only a recorded table has any. A
    row whose method another row has already is hollow. A class that does not count stays empty. only: the classes to
    draw, in this order; all without. ``ValueError`` without a run of semantic segmentation.
    """
    run = [line for line in table.rows if line.results]
    if table.task != "semantic segmentation" or not run:
        raise ValueError(f"table {table.title!r} has no run of semantic segmentation to draw classes of")
    every = run[0].results[0].last.classes
    classes = every if only is None else tuple(every[place_of_class(name, every)] for name in only)
    figure, axes = panels(1, width=PAGE, ratio=(1.0 + 0.26 * len(classes)) / PAGE)
    spread = np.linspace(-0.24, 0.24, len(run)) if len(run) > 1 else [0.0]
    seen: set[str] = set()
    for line, shift in zip(run, spread, strict=True):
        name = method_of(line.row.id)
        face = {"markerfacecolor": "white"} if name in seen else {}
        seen.add(name)
        for place, values in enumerate(_shares(line, every, classes)):
            if values:
                height = place + shift
                if len(values) > 1:
                    axes.plot(values, [height] * len(values), "|", color=colour(name), markersize=5, alpha=0.6)
                axes.plot(np.mean(values), height, MARKERS[name], color=colour(name), markersize=4.5, **face)
        axes.plot([], [], MARKERS[name], color=colour(name), label=line.row.title, **face)
        if printed and table.source == "recorded":
            for place, of_class in enumerate(classes):
                cell = _printed(line, of_class)
                if cell is not None:
                    axes.plot(cell, place + shift, MARKERS["reported"], color=colour(name), markersize=4)
    if printed and table.source == "recorded":
        axes.plot(
            [], [], MARKERS["reported"], color=PALETTE["reported"], markersize=4, label="printed, colour of its row"
        )
    axes.set_yticks(range(len(classes)), classes)
    axes.set_ylim(len(classes) - 0.4, -0.6)
    axes.hlines(np.arange(len(classes) - 1) + 0.5, 0, 100, color="#eeeeee", linewidth=0.8, zorder=0)
    axes.set(xlabel="intersection over union on the test set, last epoch, %", xlim=(-1, 101))
    axes.grid(axis="x", color="#eeeeee")
    axes.set_axisbelow(True)
    figure.legend(loc="outside upper right", ncols=min(4, len(run) + 1))
    return figure


def _shares(line: TableRow, every: tuple[str, ...], classes: tuple[str, ...]) -> list[list[float]]:
    found = [result.last.iou for result in line.results]
    return [[100 * run[place] for run in found if run[place] is not None] for place in map(every.index, classes)]


def _printed(line: TableRow, of_class: str) -> float | None:
    for name, cell in line.row.printed.items():
        if name.startswith("iou:") and same_class(cell.column, of_class):
            return cell.value
    return None
