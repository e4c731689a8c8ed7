"""How recipes were chosen. matplotlib loads only inside the function."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..layout import Table
from .style import PAGE, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_search(table: Table, chosen: Iterable[str]) -> Figure:
    """The score of each setting on what the search holds out, a line a setting.

    Args:
        table: of the search, one seed a row.
        chosen: ids of the rows that were taken, which are filled.

    Raises:
        ValueError: a table without a run, or a chosen row that it does not have.
    """
    chosen = tuple(chosen)
    for name in chosen:
        table[name]  # refused by name where there is none
    lines = [line for line in table.rows if line.results]
    if not lines:
        raise ValueError(f"table {table.title!r} has no run to draw")
    figure, axes = panels(1, width=PAGE, ratio=(0.8 + 0.2 * len(lines)) / PAGE)
    for place, line in enumerate(lines):
        method, value = line.row.method, 100 * line.results[0].last.value(table.metrics[0])
        face = method.colour if line.row.id in chosen else "white"
        axes.plot(value, place, method.marker, color=method.colour, markerfacecolor=face, markersize=7)
    axes.set_yticks(range(len(lines)), [line.row.title for line in lines])
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.grid(axis="x", color="#e6e6e6")
    axes.set_axisbelow(True)
    task, last = table.task, lines[0].results[0].last
    said = f"{task.title(table.metrics[0])} on the {table.scored}, % of {last.videos} {task.unit}"
    axes.set_xlabel(textwrap.fill(said, 48))
    return figure
