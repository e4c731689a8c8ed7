"""All rows of the comparison in one picture: a panel a protocol, a line a pre-training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...report.figures.style import NOT_RUN, PAGE, SMALL, fit, panels
from .methods import CONTROL, METHODS, PRETRAININGS
from .tables import PERCENTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...report.layout import Table

LINES = ("scratch", "longer", *PRETRAININGS, *CONTROL)
_FIRST = {"scratch": "untrained, or from scratch"}  # what stands in the first line of a probe and of a fine-tuning


def draw_protocol(probes: Table, finetunings: Table) -> Figure:
    """Test accuracy of every row that has run: a dash a seed, the mean with its 95 % interval; a panel each for the
    two probes and the shares of the labels. The dashed line is the mean of the best hand-made baseline."""
    columns = [(probes, "solved", "solved probe"), (probes, "printed", "probe as printed")]
    columns += [(finetunings, f"labels-{percent}", f"fine-tuned, {percent} %") for percent in PERCENTS]
    figure, axes = panels(len(columns), width=PAGE, ratio=1.8, sharey=True)
    level = _hand_made(finetunings)
    for panel, (table, kind, title) in zip(axes, columns, strict=True):
        ran = _panel(panel, table, kind)
        panel.set_title(title, fontsize=SMALL + 1)
        if ran and level is not None:
            panel.axvline(level, color="#888888", linewidth=1, linestyle=(0, (4, 2)), zorder=0.5)
    axes[0].set_yticks(range(len(LINES)), [_FIRST.get(name, METHODS[name].label) for name in LINES])
    axes[0].set_ylim(len(LINES) - 0.5, -0.5)
    axes[len(columns) // 2].set_xlabel("test accuracy, last epoch, %")
    return figure


def _panel(axes: Axes, table: Table, kind: str) -> bool:
    """Whether any of its rows has run; the axis of an empty panel has no numbers."""
    known = {line.row.id: line for line in table.rows}
    seen = []
    for place, name in enumerate(LINES):
        line = known.get(f"random-{kind}" if name == "scratch" and kind in ("solved", "printed") else f"{name}-{kind}")
        if line is None:  # a probe has no row for as long
            continue
        values, method = 100 * np.array(line.values(table.metrics[0])), METHODS[name]
        if not len(values):
            axes.annotate("not run", (0.5, place), xycoords=("axes fraction", "data"), color=NOT_RUN, fontsize=SMALL,
                          ha="center", va="center", backgroundcolor="white")  # fmt: skip
            continue
        interval = line.intervals.get(table.metrics[0])
        if interval is not None:
            ends = np.clip([100 * interval.low, 100 * interval.high], 0, 100)
            axes.plot(ends, [place, place], color=method.colour, linewidth=2, solid_capstyle="butt")
            seen.append(ends)
        axes.plot(values, [place] * len(values), "|", color=method.colour, markersize=9)
        axes.plot(values.mean(), place, method.marker, color=method.colour, markersize=6)
        seen.append(values)
    if seen:
        fit(axes, seen, along="x")
    else:
        axes.tick_params(labelbottom=False)
    axes.grid(axis="x", color="#e6e6e6")
    axes.set_axisbelow(True)
    return bool(seen)


def _hand_made(table: Table) -> float | None:
    """Mean accuracy of the best baseline that sees points, per cent; None without a run of one."""
    found = [line.values(table.metrics[0]) for line in table.rows if line.row.baseline == "points"]
    return max((100 * float(np.mean(values)) for values in found if values), default=None)
