"""Pictures of data efficiency: accuracy and gain over the share of the training labels. matplotlib loads only inside
the functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Integer

from pointvideo.report.claims import Finding
from pointvideo.report.layout import Table
from pointvideo.report.printed import draw_printed_shares, share_axis
from pointvideo.report.render import VERDICT_COLOURS
from pointvideo.report.runs import METHODS, method_of
from pointvideo.report.style import MARKERS, colour, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def percent_of(row_id: str) -> int:
    """Per cent of the labels that a row of ours trains on: the number behind "labels", 100 without one."""
    words = row_id.split("-")
    return int(words[words.index("labels") + 1]) if "labels" in words else 100


def draw_data_efficiency(table: Table) -> Figure:
    """Accuracy over the share of the labels, and the gain of C2P with its interval.

    table: rows of one backbone and clip length from scratch and after C2P, at several shares; a row without a share
    in its id has all labels. Beside recorded runs, the paper's curve follows in a panel of its own: it is another
    data set and task.
    """
    recorded = table.source == "recorded"
    dataset = next((result.dataset for line in table.rows for result in line.results), "not run")
    figure, axes = panels(3 if recorded else 2, ratio=0.95 if recorded else 0.6)
    accuracies: dict[str, dict[int, list[float]]] = {name: {} for name in METHODS}
    for line in table.rows:
        shares = [result.last.accuracy for result in line.results]
        accuracies[method_of(line.row.id)][percent_of(line.row.id)] = shares
    draw_shares(axes[0], accuracies)
    axes[0].set_title(f"ours: {table.source} {dataset}")
    percents = {finding.claim.id: {percent_of(name) for name in finding.claim.rows} for finding in table.findings}
    gains = {min(percents[f.claim.id]): f for f in table.findings if len(percents[f.claim.id]) == 1}
    draw_gains(axes[1], dict(sorted(gains.items())))
    axes[1].set_title("ours: gain of C2P")
    if recorded:
        draw_printed_shares(axes[2], ("Scratch", "C2P"))
    entries = [axis.get_legend_handles_labels() for axis in axes[:2]]
    handles, labels = entries[0][0] + entries[1][0], entries[0][1] + entries[1][1]
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))
    return figure


def draw_shares(axes: Axes, accuracies: Mapping[str, Mapping[int, Sequence[float]]]) -> None:
    """Accuracy over the share of the labels, a line a method.

    accuracies: method ("scratch", "C2P") -> per cent of the labels -> accuracy of each seed, 0 to 1. A dash a seed,
    a line through the means, a band of one standard deviation over seeds. A share without a run is left out.
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
    axes.set_ylabel("test videos right, %")


def draw_gains(axes: Axes, findings: Mapping[int, Finding]) -> None:
    """Gain over training from scratch with its 95 % interval at each share of the labels, coloured by verdict.

    findings: per cent of the labels -> what our runs say about the claim at that share. A share without runs keeps
    its place.
    """
    if not findings:
        raise ValueError("a picture of gains needs at least one claim, found none")
    axes.axhline(0, color="#999999", linewidth=1)
    for percent, finding in findings.items():
        shade = VERDICT_COLOURS[finding.word]
        if finding.contrast is None:
            continue
        low, high = 100 * finding.contrast.interval.low, 100 * finding.contrast.interval.high
        axes.plot([percent, percent], [low, high], color=shade, linewidth=2, solid_capstyle="butt")
        axes.plot(percent, 100 * finding.contrast.estimate, "s", color=shade)
        close = any(percent / 1.5 < other < percent for other in findings)  # the number goes below, beside a neighbour
        place = {"xy": (percent, low), "xytext": (0, -9)} if close else {"xy": (percent, high), "xytext": (0, 3)}
        text = f"{100 * finding.contrast.estimate:+.1f}"
        axes.annotate(text, **place, textcoords="offset points", fontsize=7, ha="center")
    for word in dict.fromkeys(finding.word for finding in findings.values()):
        axes.plot([], [], "s", color=VERDICT_COLOURS[word], label=f"gain: {word}")
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
