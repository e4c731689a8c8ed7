"""Figures of measured speed: ratios on one logarithmic axis, and how cost grows with each size."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .style import PAGE, SMALL, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, each with a shape of its own
LOOKS = {
    "ours": ("#0072B2", "o"),
    "plain torch": ("#D55E00", "s"),
    "authors' form": ("#000000", "D"),
    "fpsample": ("#009E73", "^"),
    "fpsample, buckets": ("#009E73", "v"),
    "Open3D for torch": ("#CC79A7", "P"),
    "Open3D fixed radius": ("#CC79A7", "<"),
    "Open3D hybrid": ("#CC79A7", ">"),
    "scipy cKDTree": ("#E69F00", "X"),
}
SPARE = ("#666666", "*")
TARGET = "#444444"


def look(contender: str) -> dict[str, str]:
    """Colour and marker of a contender."""
    shade, marker = LOOKS.get(contender, SPARE)
    return {"color": shade, "marker": marker}


def draw_ratios(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """One line for each operator and input: how many times the CPU time of ours a contender takes.

    rows: as :func:`pointvideo.report.speed.read_rows` gives them; those without a ratio are left out. A short stroke in
    a contender's line marks the ratio that is wanted, the grey line is 1.
    """
    timed = [row for row in rows if row["ratio_cpu"] is not None]
    if not timed:
        raise ValueError("ratios: found no row with a ratio, expected at least one")
    lines = list(dict.fromkeys((row["operator"], row["shape"]) for row in timed))
    heads = list(dict.fromkeys(operator for operator, _ in lines))
    places, labels, at = {}, [], 0.0
    for head in heads:
        name = "\n".join(textwrap.wrap(head, 44))  # a longer one would leave the page on the left
        more = 0.45 * name.count("\n")
        at += 0.55 + more
        labels.append((at, name, True))
        at += more
        for line in (line for line in lines if line[0] == head):
            at += 0.85
            places[line] = at
            labels.append((at, line[1], False))
        at += 0.55
    figure, axes = panels(1, ratio=(0.19 * at + 1.2) / PAGE)
    axes.axvline(1, color="#aaaaaa", linewidth=1.2, zorder=0)
    for place in places.values():
        axes.axhline(place, color="#eeeeee", linewidth=0.7, zorder=0)
    shown: dict[str, Any] = {}
    for row in timed:
        place, name = places[row["operator"], row["shape"]], row["contender"]
        shown[name] = axes.scatter(row["ratio_cpu"], place, s=30, zorder=3, linewidths=0, **look(name))
        if row["target"] is not None:
            colour = look(name)["color"]
            axes.plot([row["target"]] * 2, [place - 0.33, place + 0.33], color=colour, linewidth=1.6, zorder=2)
    wanted = axes.plot([], [], color=TARGET, marker="|", markersize=9, markeredgewidth=1.6, linestyle="")[0]
    axes.set(xscale="log", ylim=(at + 0.2, 0), xlabel=f"{_time(rows)}, theirs by ours (beyond 1× ours is faster)")
    axes.set_yticks([place for place, _, _ in labels], [text for _, text, _ in labels])
    for tick, (_, _, head) in zip(axes.yaxis.get_major_ticks(), labels, strict=True):
        tick.label1.set_fontweight("bold" if head else "normal")
        tick.tick1line.set_visible(not head)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    order = [name for name in (*LOOKS, *shown) if name in shown]
    order = list(dict.fromkeys(order))
    handles = [*(shown[name] for name in order), wanted]
    figure.legend(handles, [*order, "wanted, in its colour"], loc="outside upper center", ncols=4)
    axes.set_title(_device(rows), loc="right", color="#666666")
    return figure


def draw_growth(rows: Sequence[Mapping[str, Any]], operator: str) -> Figure:
    """One panel for each size that grows, the others fixed: cost of a call, ours and the others', on logarithmic axes.

    rows: of ``growth.csv``. ValueError for an operator that they do not hold.
    """
    from matplotlib.ticker import LogLocator

    mine = [row for row in rows if row["operator"] == operator]
    if not mine:
        known = ", ".join(dict.fromkeys(row["operator"] for row in rows))
        raise ValueError(f"growth of {operator!r}: found no rows, expected one of {known}")
    parameters = list(dict.fromkeys(row["parameter"] for row in mine))
    ratio = {1: 0.4, 2: 0.55, 3: 0.8}.get(len(parameters), 1.1)
    figure, grid = panels(len(parameters), ratio=ratio, sharey=True, squeeze=False)
    for axes, parameter in zip(grid[0], parameters, strict=True):
        several = [row for row in mine if row["parameter"] == parameter]
        for name in dict.fromkeys(row["contender"] for row in several):
            curve = sorted((row["value"], row["cpu_ms"]) for row in several if row["contender"] == name)
            axes.plot(*zip(*curve, strict=True), label=name, linestyle="-" if name == "ours" else "--", **look(name))
        values = sorted({row["value"] for row in several})
        axes.set(xscale="log", yscale="log", xlabel=parameter)
        axes.set_xticks(values, [f"{value:g}" for value in values])
        axes.minorticks_off()
        axes.grid(axis="y", color="#eeeeee", linewidth=0.7)
    costs = [row["cpu_ms"] for row in mine]
    few = max(costs) < 30 * min(costs)  # powers of ten alone would leave one label or none
    grid[0, 0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
    grid[0, 0].yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    grid[0, 0].set_ylabel(f"{_time(rows)}, ms")
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    about = f"{operator} · {_device(rows)}\n{mine[0]['fixed']}, one of them growing"
    figure.suptitle(about, x=0.99, ha="right", fontsize=SMALL, color="#666666")
    return figure


def _device(rows: Sequence[Mapping[str, Any]]) -> str:
    return str(rows[0]["device"])


def _time(rows: Sequence[Mapping[str, Any]]) -> str:
    return "time on the device" if "(CUDA)" in _device(rows) else "CPU time of a call"
