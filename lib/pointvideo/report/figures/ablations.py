"""What each change of a method costs: the difference of every row of a table to one row. matplotlib loads only inside
the function."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from ..claims import contrast_of
from ..layout import Table, TableRow
from ..statistics import Contrast
from .style import NOT_RUN, PAGE, PALETTE, REPORTED, SMALL, panels, seeds_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def differences(table: Table, base: str, name: str | None = None) -> dict[str, Contrast | None]:
    """Row -> its metric less that of row ``base``, paired by seed and video; None where one has not been run.

    name: of the metric; without one the task's first. ``ValueError`` for a base that the table does not have.
    """
    table[base]  # refused by name where there is none
    lines = {line.row.id: line for line in table.rows}
    runs = {row_id: line.results for row_id, line in lines.items()}
    name = table.metrics[0] if name is None else name
    return {
        row_id: contrast_of({row_id: 1.0, base: -1.0}, runs, name, about=row_id) for row_id in lines if row_id != base
    }


def draw_ablations(table: Table, base: str, name: str | None = None) -> Figure:
    """A dot plot of :func:`differences`: left of 0 is worse than ``base``; bars are 95 % intervals.

    A cross is the paper's difference, only beside recorded runs. A row without runs says so.
    """
    found = differences(table, base, name)
    name = table.metrics[0] if name is None else name
    lines = {line.row.id: line for line in table.rows}
    figure, axes = panels(1, width=PAGE, ratio=(0.85 + 0.26 * len(found)) / PAGE)
    axes.axvline(0, color=table[base].row.method.colour, linewidth=1.4)
    crosses: list[Any] = []
    for place, (row_id, contrast) in enumerate(found.items()):
        method = lines[row_id].row.method
        beside = {"xycoords": ("axes fraction", "data"), "fontsize": SMALL, "va": "center"}
        if contrast is None:
            axes.annotate("not run", (1.01, place), color=NOT_RUN, **beside)
            continue
        low, high = 100 * contrast.interval.low, 100 * contrast.interval.high
        axes.plot([low, high], [place, place], color=method.colour, linewidth=2, solid_capstyle="butt")
        axes.plot(100 * contrast.estimate, place, method.marker, color=method.colour, markersize=6)
        seeds = seeds_words(contrast.seeds)
        axes.annotate(f"{100 * contrast.estimate:+.1f} [{low:+.1f}, {high:+.1f}], {seeds}", (1.01, place), **beside)
        if table.source == "recorded" and (printed := _printed(lines[row_id], lines[base], name)) is not None:
            crosses += axes.plot(printed, place, REPORTED, color=PALETTE["reported"])
    if crosses:
        figure.legend(crosses[:1], ["printed in the paper"], loc="outside upper right")
    axes.set_yticks(range(len(found)), [textwrap.fill(lines[row_id].row.title, 36) for row_id in found])
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.grid(axis="x", color="#eeeeee")
    axes.set_axisbelow(True)
    axes.set_xlabel(textwrap.fill(f"{table.task.title(name)}: difference to {lines[base].row.title!r}, points", 60))
    return figure


def _printed(line: TableRow, base: TableRow, name: str) -> float | None:
    cells = line.printed.get(name), base.printed.get(name)
    return None if None in cells else cells[0].value - cells[1].value
