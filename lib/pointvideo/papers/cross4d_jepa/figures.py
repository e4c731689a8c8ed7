"""What Cross4D-JEPA's pages draw of their runs: probe against probe, the scale of features, granularity. matplotlib
loads only inside the functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ...report.figures.runs import labels_alone
from ...report.figures.style import PAGE, SMALL, curve_with_band, fit, panels
from .methods import ARMS, METHODS

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from ...report.layout import Table, TableRow

GRAINS = {  # arm -> what has a target of its own, how many a clip of so many frames has
    "global": ("clip", lambda frames: 1),
    "cells-1": ("frame", lambda frames: frames),
    "cells-2": ("cell of 2 x 2", lambda frames: 4 * frames),
    "cells-3": ("cell of 3 x 3", lambda frames: 9 * frames),
    "dense": ("patch of 9 x 9", lambda frames: 81 * frames),
}


def arm_of(line: TableRow) -> str:
    """The arm of a row ``<arm>-<probe>…``."""
    for name in sorted({"random", *ARMS}, key=len, reverse=True):
        if line.row.id.startswith(f"{name}-"):
            return name
    raise ValueError(f"row {line.row.id!r} is of no arm, expected one of {', '.join(ARMS)}")


def draw_scales(printed: Table, solved: Table) -> Figure:
    """Accuracy over the spread of raw features, an arm a mark: left by the printed probe, right by the solved one on
    standardised features. The spread is the mean over features of the standard deviation over training clips."""
    from matplotlib.ticker import LogLocator

    figure, axes = panels(2, ratio=0.8, sharex=True)
    for panel, table, title in (
        (axes[0], printed, "probe as printed: raw features, 300 epochs"),
        (axes[1], solved, "solved probe, standardised features"),
    ):
        seen = []
        for line in table.rows:
            spread = [result.curve[-1]["raw_std"] for result in line.results if "raw_std" in (result.curve or [{}])[-1]]
            if line.row.baseline or not spread:
                continue
            method, values = line.row.method, 100 * np.array(line.values(table.metrics[0]))
            panel.plot(spread, values, method.marker, color=method.colour, markersize=3.5, alpha=0.45)
            panel.plot(np.mean(spread), values.mean(), method.marker, color=method.colour, markersize=8,
                       markeredgecolor="white", label=method.label)  # fmt: skip
            seen.append(values)
        panel.set_xscale("log")
        panel.set_title(title)
        panel.set_xlabel("spread of a raw feature over clips")
        _named(fit(panel, seen, levels=labels_alone(table, table.metrics[0])))
    for panel in axes:
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_major_formatter("{x:g}")
        panel.minorticks_off()
    axes[0].set_ylabel("test videos right, %")
    handles, names = axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, names, loc="outside lower center", ncols=4)
    return figure


def draw_granularity(table: Table, frames: int) -> Figure:
    """Accuracy over the number of different targets of a clip, as printed and centred.

    Args:
        table: of the experiment "granularity".
        frames: of a clip.
    """
    figure, axes = panels(1, ratio=0.5)
    seen, lines = [], {line.row.id: line for line in table.rows}
    for ending, title in (("", "targets as they are"), ("-centred", "mean taken off")):
        counts, values = [], []
        for name, (_, count) in GRAINS.items():
            line = lines.get(f"{name}{ending}-solved")
            if line is not None and line.results:
                counts.append(count(frames))
                values.append(100 * np.array(line.values(table.metrics[0])))
        if counts:
            least = min(map(len, values))
            curve_with_band(axes, counts, np.array([one[:least] for one in values]).T, METHODS[f"dense{ending}"], title)
            seen += values
    axes.set_xscale("log")
    ticks = [count(frames) for _, count in GRAINS.values()]
    axes.set_xticks(ticks, [f"{count(frames)}\n{word}" for word, count in GRAINS.values()], fontsize=SMALL)
    axes.minorticks_off()
    axes.set_xlabel("different targets of a clip, and what has one of its own")
    axes.set_ylabel("test videos right, %\nsolved probe, standardised")
    _named(fit(axes, seen, levels=labels_alone(table, table.metrics[0])))
    if seen:
        axes.legend(loc="best")
    return figure


def draw_pair(printed: Table, solved: Table) -> Figure:
    """Every arm by both probes: hollow as printed, filled solved, the mean over seeds; a cross is printed."""
    from matplotlib.lines import Line2D

    kinds = {"printed": printed, "solved": solved}
    arms = list(dict.fromkeys(arm_of(line) for table in kinds.values() for line in table.rows if not line.row.baseline))
    figure, axes = panels(1, ratio=(0.9 + 0.24 * len(arms)) / PAGE)
    seen = []
    for place, name in enumerate(arms):
        method, ends = METHODS[name], []
        for kind, table in kinds.items():
            line = next((one for one in table.rows if one.row.id == f"{name}-{kind}"), None)
            if line is None or not line.results:
                continue
            values = 100 * np.array(line.values(table.metrics[0]))
            face = "white" if kind == "printed" else method.colour
            axes.plot(values, [place] * len(values), "|", color=method.colour, markersize=8, alpha=0.6)
            axes.plot(values.mean(), place, "o", color=method.colour, markerfacecolor=face, markersize=8, zorder=3)
            ends.append(values.mean())
            seen.append(values)
            if kind == "printed" and line.reported is not None and table.source == "recorded":
                axes.plot(line.reported.value, place, "x", color="black")
                seen.append([line.reported.value])
        if len(ends) == 2:
            axes.plot(ends, [place, place], color=method.colour, linewidth=1, alpha=0.5, zorder=0)
    axes.set_yticks(range(len(arms)), [METHODS[name].short for name in arms])
    axes.set_ylim(len(arms) - 0.4, -0.6)
    axes.set_xlabel("test videos right, %")
    alone = fit(axes, seen, along="x", levels=labels_alone(solved, solved.metrics[0]))
    axes.grid(axis="x", color="#e6e6e6")
    look = {"color": "#555555", "linestyle": ""}
    handles = [
        Line2D([], [], marker="o", markerfacecolor="white", markersize=8, **look),
        Line2D([], [], marker="o", markersize=8, **look),
        Line2D([], [], marker="|", markersize=8, **look),
        Line2D([], [], marker="x", color="black", linestyle=""),
    ]
    names = ["probe as printed", "solved, standardised", "one seed", "printed in the paper"]
    figure.legend([*handles, *alone.values()], [*names, *alone], loc="outside upper right", ncols=3)
    return figure


def _named(levels: Mapping[str, Line2D]) -> None:
    """Give levels their names in the panel's legend."""
    for name, line in levels.items():
        line.set_label(name)
