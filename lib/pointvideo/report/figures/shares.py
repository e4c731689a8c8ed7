"""Pictures of data efficiency: accuracy and gain over the share of the training labels. matplotlib loads only inside
the functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Integer

from pointvideo.report.claims import Finding
from pointvideo.report.figures.printed import draw_printed_shares, share_axis
from pointvideo.report.figures.runs import METHODS, method_of
from pointvideo.report.figures.style import MARKERS, colour, panels
from pointvideo.report.layout import Table
from pointvideo.report.render import verdict_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def percent_of(row_id: str) -> int:
    """Per cent of the labels that a row of ours trains on: the number behind "labels", 100 without one."""
    words = row_id.split("-")
    return int(words[words.index("labels") + 1]) if "labels" in words else 100


def draw_data_efficiency(table: Table) -> Figure:
    """The task's first metric over the share of the labels, and the gains of C2P with their intervals.

    table: rows of one backbone and clip length, from scratch, after C2P and perhaps after other pre-trainings, at
    several shares; a row without a share in its id has all labels. Beside recorded runs, the paper's curve follows in
    a panel of its own: it is another model, and for recognition another data set and task.
    """
    recorded = table.source == "recorded"
    dataset = next((result.dataset for line in table.rows for result in line.results), "not run")
    figure, axes = panels(3 if recorded else 2, ratio=0.95 if recorded else 0.6)
    found = {method_of(line.row.id) for line in table.rows}
    methods = [name for name in METHODS if name in found]
    accuracies: dict[str, dict[int, list[float]]] = {name: {} for name in methods}
    for line in table.rows:
        accuracies[method_of(line.row.id)][percent_of(line.row.id)] = line.values(table.metrics[0])
    draw_shares(axes[0], accuracies, label=_axis_label(table))
    axes[0].set_title(f"ours: {table.source} {dataset}")
    over = _gains(table.findings)
    draw_gains(axes[1], over.get("scratch", {}))
    for other, gains in over.items():
        if other != "scratch":
            draw_gains(axes[1], gains, over=other)
    axes[1].set_title("ours: gain of C2P")
    if recorded:
        draw_printed_shares(axes[2], ["Scratch" if name == "scratch" else name for name in methods])
    entries = [axis.get_legend_handles_labels() for axis in axes[:2]]
    handles, labels = entries[0][0] + entries[1][0], entries[0][1] + entries[1][1]
    figure.legend(handles, labels, loc="outside upper right", ncols=min(4, len(labels)))
    return figure


def _axis_label(table: Table) -> str:
    return {"recognition": "test videos right, %", "action segmentation": "test frames right, %"}.get(
        table.task, "mIoU on the test set, %"
    )


def _gains(findings: Sequence[Finding]) -> dict[str, dict[int, Finding]]:
    """What C2P is compared with -> share of the labels -> finding, of plain comparisons at one share."""
    found: dict[str, dict[int, Finding]] = {}
    for finding in findings:
        percents = {percent_of(name) for name in finding.claim.rows}
        others = [name for name, weight in finding.claim.rows.items() if weight == -1]
        if len(percents) == len(others) == 1 and len(finding.claim.rows) == 2 and finding.claim.metric == "accuracy":
            found.setdefault(method_of(others[0]), {})[percents.pop()] = finding
    return {name: dict(sorted(by_share.items())) for name, by_share in found.items()}


def draw_shares(
    axes: Axes, accuracies: Mapping[str, Mapping[int, Sequence[float]]], *, label: str = "test videos right, %"
) -> None:
    """Accuracy over the share of the labels, a line a method.

    accuracies: method ("scratch", "C2P" …) -> per cent of the labels -> metric of each seed, 0 to 1. A dash a seed,
    a line through the means, a band of one standard deviation over seeds. A share without a run is left out. label:
    of the axis.
    """
    percents = sorted({percent for curve in accuracies.values() for percent in curve})
    if not percents:
        raise ValueError("a curve over shares needs at least one share, found none")
    for name, curve in accuracies.items():
        run = [percent for percent in sorted(curve) if len(curve[percent])]
        if not run:
            axes.plot([], [], color=colour(name), label=f"{METHODS[name]}: not run")
            continue
        values = [100 * np.asarray(curve[percent], dtype=float) for percent in run]
        mean = np.array([seeds.mean() for seeds in values])
        deviation = np.array([seeds.std(ddof=1) if len(seeds) > 1 else 0.0 for seeds in values])
        axes.fill_between(run, mean - deviation, mean + deviation, color=colour(name), alpha=0.18, linewidth=0)
        axes.plot(run, mean, color=colour(name), marker=MARKERS[name], label=METHODS[name])
        for percent, seeds in zip(run, values, strict=True):
            if len(seeds) > 1:
                axes.plot([percent] * len(seeds), seeds, "_", color=colour(name), markersize=7)
    share_axis(axes, percents)
    axes.set_ylabel(label)


def draw_gains(axes: Axes, findings: Mapping[int, Finding], *, over: str = "scratch") -> None:
    """Gain over another start with its 95 % interval at each share of the labels, coloured by verdict.

    findings: per cent of the labels -> what our runs say about the claim at that share. A share without runs keeps
    its place. over: the other start; gains over training from scratch are squares with their number, others stand
    beside them in the marker of what they are over, hollow.
    """
    if not findings:
        raise ValueError("a picture of gains needs at least one claim, found none")
    plain = over == "scratch"
    marker = "s" if plain else MARKERS[over]
    face = {} if plain else {"markerfacecolor": "white"}
    axes.axhline(0, color="#999999", linewidth=1)
    for percent, finding in findings.items():
        shade, place = verdict_colour(finding.word), percent if plain else percent * 1.12
        if finding.contrast is None:
            continue
        low, high = 100 * finding.contrast.interval.low, 100 * finding.contrast.interval.high
        axes.plot([place, place], [low, high], color=shade, linewidth=2 if plain else 1.2, solid_capstyle="butt")
        axes.plot(place, 100 * finding.contrast.estimate, marker, color=shade, **face)
        if not plain:
            continue
        close = any(percent / 1.5 < other < percent for other in findings)  # the number goes below, beside a neighbour
        at = {"xy": (percent, low), "xytext": (0, -9)} if close else {"xy": (percent, high), "xytext": (0, 3)}
        text = f"{100 * finding.contrast.estimate:+.1f}"
        axes.annotate(text, **at, textcoords="offset points", fontsize=7, ha="center")
    name = "gain" if plain else f"gain over {over}"
    for word in dict.fromkeys(finding.word for finding in findings.values()):
        axes.plot([], [], marker, color=verdict_colour(word), label=f"{name}: {word}", **face)
    share_axis(axes, list(findings))
    axes.margins(y=0.12)
    axes.set_ylabel("gain, points")


def draw_labelled(
    subsets: Mapping[int, Integer[np.ndarray, " _chosen"]], videos: int, boundaries: Sequence[int]
) -> Figure:
    """Which training videos keep their labels: a line a share, a cell a video, videos sorted by class.

    subsets: per cent of the labels -> places of the labelled videos in that order. videos: how many there are.
    boundaries: the first place of each class.
    """
    if not subsets:
        raise ValueError("a picture of labelled videos needs at least one share, found none")
    grid = np.zeros((len(subsets), videos))
    for line, places in enumerate(subsets.values()):
        grid[line, places] = 1
    figure, axes = panels(1, ratio=0.22)
    axes.pcolormesh(grid, cmap="Blues", vmin=0, vmax=1.3, rasterized=True)
    axes.vlines(list(boundaries)[1:], 0, len(subsets), color="#999999", linewidth=0.4)
    axes.hlines(range(len(subsets) + 1), 0, videos, color="white", linewidth=3)
    axes.set_yticks(
        np.arange(len(subsets)) + 0.5, [f"{percent} %: {len(places)}" for percent, places in subsets.items()]
    )
    axes.set(ylabel="videos with a label", ylim=(len(subsets), 0))
    axes.set_xlabel("training videos, sorted by action (thin lines)")
    axes.spines[:].set_visible(False)
    return figure
