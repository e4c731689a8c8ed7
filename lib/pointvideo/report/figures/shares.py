"""Pictures of data efficiency: accuracy and gain over the share of the training labels. matplotlib loads only inside
the functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Integer

from ...study.experiments import SCRATCH, Method
from ...tasks.downstream import labelled_videos
from ..findings import Finding
from ..layout import Table
from ..render import verdict_colour
from .runs import labels_alone
from .style import SMALL, fit, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...data.store import Store
    from ...tasks.downstream import Downstream


def draw_data_efficiency(table: Table, printed: Callable[[Axes, Sequence[Method]], None] | None = None) -> Figure:
    """The task's first metric over the share of the labels, and the gains of a method with their intervals.

    table: rows of one backbone and clip length, from scratch and after pre-trainings, at several shares. printed:
    draws a paper's curves of these methods, beside recorded runs, in a panel of its own: it is another model.
    """
    recorded = table.source == "recorded" and printed is not None
    dataset = next((result.dataset for line in table.rows for result in line.results), "not run")
    figure, axes = panels(3 if recorded else 2, ratio=0.95 if recorded else 0.6)
    accuracies: dict[Method, dict[int, list[float]]] = {}
    for line in (line for line in table.rows if not line.row.baseline):
        accuracies.setdefault(line.row.method, {})[line.row.label_percent] = line.values(table.metrics[0])
    draw_shares(axes[0], accuracies, label=table.task.curve)
    reached = [[100 * value for value in seeds] for curve in accuracies.values() for seeds in curve.values()]
    levels = fit(axes[0], reached, levels=labels_alone(table, table.metrics[0]))
    axes[0].set_title(f"ours: {table.source} {dataset}")
    better, over = _gains(table)
    draw_gains(axes[1], over.pop(SCRATCH, {}))
    for other, gains in over.items():
        draw_gains(axes[1], gains, over=other)
    share_axis(axes[1], sorted({line.row.label_percent for line in table.rows if not line.row.baseline}))
    axes[1].set_title(f"ours: gain of {better.label.removeprefix('after ')}")
    if recorded:
        printed(axes[2], list(accuracies))
    entries = [axis.get_legend_handles_labels() for axis in axes[:2]]
    handles, labels = entries[0][0] + entries[1][0], entries[0][1] + entries[1][1]
    figure.legend([*handles, *levels.values()], [*labels, *levels], loc="outside upper right", ncols=3)
    return figure


def _gains(table: Table) -> tuple[Method, dict[Method, dict[int, Finding]]]:
    """The better method of plain comparisons at one share, and what it is compared with -> share -> finding.

    Of several better methods the one that most claims are about; the others' claims stand in the forest alone.
    ``ValueError`` for a table without such a claim.
    """
    rows = {line.row.id: line.row for line in table.rows}
    found: dict[Method, dict[Method, dict[int, Finding]]] = {}
    for finding in table.findings:
        needed, plain = finding.claim.rows, sorted(finding.claim.rows.values()) == [-1, 1]
        if not plain or not set(needed) <= set(rows) or finding.claim.metric != table.metrics[0]:
            continue
        worse, better = (rows[name] for name in sorted(needed, key=needed.get))
        if worse.label_percent == better.label_percent:
            found.setdefault(better.method, {}).setdefault(worse.method, {})[better.label_percent] = finding
    if not found:
        raise ValueError(f"table {table.title!r} has no claim for one method over another at one share of the labels")
    winner = max(found, key=lambda method: sum(map(len, found[method].values())))
    return winner, {method: dict(sorted(by_share.items())) for method, by_share in found[winner].items()}


def share_axis(axes: Axes, percents: Sequence[int]) -> None:
    """A logarithmic axis of the share of the labels, with a tick at each of ``percents``."""
    axes.set_xscale("log")
    axes.set_xticks(list(percents), [str(percent) for percent in percents])
    axes.minorticks_off()
    axes.set_xlim(min(percents) / 1.25, max(percents) * 1.25)
    axes.set_xlabel("share of the training labels, %")
    axes.grid(axis="y", color="#e6e6e6")


def draw_shares(
    axes: Axes, accuracies: Mapping[Method, Mapping[int, Sequence[float]]], *, label: str = "test videos right, %"
) -> None:
    """Accuracy over the share of the labels, a line a method.

    accuracies: method -> per cent of the labels -> metric of each seed, 0 to 1. A dash a seed,
    a line through the means, a band of one standard deviation over seeds. A share without a run is left out. label:
    of the axis.
    """
    percents = sorted({percent for curve in accuracies.values() for percent in curve})
    if not percents:
        raise ValueError("a curve over shares needs at least one share, found none")
    for method, curve in accuracies.items():
        run = [percent for percent in sorted(curve) if len(curve[percent])]
        if not run:
            axes.plot([], [], color=method.colour, label=f"{method.label}: not run")
            continue
        values = [100 * np.asarray(curve[percent], dtype=float) for percent in run]
        mean = np.array([seeds.mean() for seeds in values])
        deviation = np.array([seeds.std(ddof=1) if len(seeds) > 1 else 0.0 for seeds in values])
        low, high = np.clip(mean - deviation, 0, 100), np.clip(mean + deviation, 0, 100)
        axes.fill_between(run, low, high, color=method.colour, alpha=0.18, linewidth=0)
        axes.plot(run, mean, color=method.colour, marker=method.marker, label=method.label)
        for percent, seeds in zip(run, values, strict=True):
            if len(seeds) > 1:
                axes.plot([percent] * len(seeds), seeds, "_", color=method.colour, markersize=7)
    share_axis(axes, percents)
    axes.set_ylabel(label)


def draw_gains(axes: Axes, findings: Mapping[int, Finding], *, over: Method = SCRATCH) -> None:
    """Gain over another start with its 95 % interval at each share of the labels, coloured by verdict.

    findings: per cent of the labels -> what our runs say about the claim at that share. A share without runs keeps
    its place. over: the other start; gains over training from scratch are squares with their number, others stand
    beside them in the marker of what they are over, hollow.
    """
    if not findings:
        raise ValueError("a picture of gains needs at least one claim, found none")
    plain = over == SCRATCH
    marker = "s" if plain else over.marker
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
        axes.annotate(text, **at, textcoords="offset points", fontsize=SMALL, ha="center")
    if plain:
        for word in dict.fromkeys(finding.short for finding in findings.values()):
            axes.plot([], [], marker, color=verdict_colour(word), label=f"gain: {word}")
    else:
        axes.plot([], [], marker, color="#555555", label=f"gain over {over.label.removeprefix('after ')}", **face)
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


def draw_labelled_shares(store: Store, recipe: Downstream, percents: Sequence[int]) -> Figure:
    """Which training videos keep their labels at each share, as :func:`draw_labelled` draws it.

    recipe: a fine-tuning, whose seed and training videos count.
    """
    videos = np.unique(recipe.data.clips(store, "train").sequence)
    order = videos[np.argsort(store.labels[videos], kind="stable")]
    subsets = {
        percent: np.flatnonzero(np.isin(order, labelled_videos(store, percent, recipe.seed, videos)))
        for percent in percents
    }
    return draw_labelled(subsets, len(order), np.flatnonzero(np.diff(store.labels[order], prepend=-1)))
