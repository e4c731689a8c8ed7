"""Pictures of runs: a metric row by row, learning curves, what is taken for what. matplotlib loads only inside the
functions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Integer

from ..layout import Table, TableRow
from ..results import Recorded, Result
from .style import NOT_RUN, PAGE, PALETTE, REPORTED, curve_with_band, panels, seeds_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...study.experiments import Method


def draw_accuracies(table: Table, name: str | None = None) -> Figure:
    """A metric of every row of a table, top down: a small dash a seed, the mean with its 95 % interval.

    name: of the metric; without one the task's first. A cross is the number that the paper prints, only beside
    recorded runs. A row without a run says so. The strongest baseline of labels alone is a thin grey line, a row that
    has not learnt is hollow.
    """
    rows = [entry for entry in table.rows if entry.row.baseline != "labels"] or list(table.rows)
    if not rows:
        raise ValueError(f"table {table.title!r} has no rows to draw")
    name = table.metrics[0] if name is None else name
    figure, axes = panels(1, width=PAGE, ratio=(0.9 + 0.24 * len(rows)) / PAGE)
    drawn: dict[str, Any] = {}
    if bar := strongest_of_labels(table, name):
        drawn[f"labels alone: {bar[1].label}"] = axes.axvline(
            100 * bar[0], color=bar[1].colour, linewidth=0.9, zorder=0
        )
    for line, entry in enumerate(rows):
        method = entry.row.method
        if values := entry.values(name):
            interval = entry.intervals[name]
            axes.plot([100 * interval.low, 100 * interval.high], [line, line], color=method.colour, linewidth=2)
            if len(values) > 1:
                axes.plot(100 * np.array(values), [line] * len(values), "|", color=method.colour, markersize=9)
            (drawn[method.label],) = axes.plot(
                100 * np.mean(values), line, method.marker, color=method.colour, markersize=6
            )
            if name in entry.not_learnt:
                axes.plot(100 * np.mean(values), line, method.marker, color="white", markersize=3)
        else:
            axes.annotate(
                entry.value(name), (0.01, line), xycoords=("axes fraction", "data"), fontsize=7, color=NOT_RUN,
                va="center",
            )  # fmt: skip
        cell = entry.printed.get(name)
        if cell is not None and entry.results and all(isinstance(result, Recorded) for result in entry.results):
            (drawn["printed in the paper"],) = axes.plot(
                cell.value, line, REPORTED, color=PALETTE["reported"], markersize=6
            )
    axes.set_yticks(range(len(rows)), [entry.title for entry in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(f"{table.task.title(name)} on the test set, last epoch, %")
    axes.grid(axis="x", color="#e6e6e6")
    axes.set_axisbelow(True)
    if drawn:
        figure.legend(drawn.values(), drawn, loc="outside upper right", ncols=min(5, len(drawn)))
    return figure


def strongest_of_labels(table: Table, name: str) -> tuple[float, Method] | None:
    """The best value, 0 to 1, of a baseline that sees labels alone, and which it is; None without a run of any."""
    found = [
        (float(np.mean(values)), entry.row.method)
        for entry in table.rows
        if entry.row.baseline == "labels" and (values := entry.values(name))
    ]
    return max(found, key=lambda one: one[0], default=None)


def draw_curves(pairs: Mapping[str, Sequence[TableRow]], name: str | None = None, label: str | None = None) -> Figure:
    """Learning curves: training loss above, a metric on the test set below; one column a pair.

    pairs: column's title -> rows; mean over seeds with a band of one standard deviation. A row without a run says so, a
    column without one is left out.
    name: of the metric; without one the task's first. label: of the lower axis, where it has to be another.
    """
    if not pairs:
        raise ValueError("learning curves need at least one pair of rows, found none")
    pairs = {title: lines for title, lines in pairs.items() if any(line.results for line in lines)} or pairs
    figure, axes = panels(
        len(pairs), 2, ratio=0.55 if len(pairs) > 1 else 0.3, sharex="col", sharey="row", squeeze=False
    )
    task = next(line.row.task for lines in pairs.values() for line in lines)
    shown = task.main if name is None else name
    reached: list[float] = []
    for column, (title, lines) in enumerate(pairs.items()):
        above, below = axes[:, column]
        for line in lines:
            method = line.row.method
            if not line.results:
                above.plot([], [], color=method.colour, label=f"{method.label}: not run")
                continue
            epochs, losses = curve_of([result.curve for result in line.results], "loss")
            text = f"{method.label}, {seeds_words(len(line.results))}"
            curve_with_band(above, epochs, losses, method, text)
            epochs, shares = curve_of([result.curve for result in line.results], shown)
            curve_with_band(below, epochs, 100 * shares, method)
            reached += [100 * shares.min(), 100 * shares.max()]
        above.set_title(title)
        above.legend()
        below.set(xlabel="epoch", xlim=(0, None))
        below.xaxis.get_major_locator().set_params(integer=True)
    if reached:  # whole tens around what there is
        low = min(90, 10 * math.floor(min(reached) / 10))
        axes[1, 0].set_ylim(low, max(low + 10, 10 * math.ceil(max(reached) / 10)))
    axes[0, 0].set(ylabel="training loss", ylim=(0, 1.05 * axes[0, 0].get_ylim()[1]))
    axes[1, 0].set_ylabel(label or (task.curve if shown == task.main else f"{task.title(shown)} on the test set, %"))
    return figure


def curve_of(
    curves: Sequence[Sequence[Mapping[str, Any]]], name: str
) -> tuple[list[int], Float[np.ndarray, "seeds epochs"]]:
    """One quantity of several runs, such as "loss", "accuracy" or "f1@25", at the epochs that all of them have.

    ``ValueError`` if they share no epoch that has it.
    """
    found = [{int(entry["epoch"]): float(entry[name]) for entry in curve if name in entry} for curve in curves]
    shared = sorted(set.intersection(*map(set, found))) if found else []
    if not shared:
        raise ValueError(f"the curves of {len(curves)} runs share no epoch with {name!r}")
    return shared, np.array([[run[epoch] for epoch in shared] for run in found])


def confusion(result: Result, classes: int) -> Integer[np.ndarray, "classes classes"]:
    """How many test videos, or frames of action segmentation, of each class (row) were taken for each class (column),
    last epoch. ``ValueError`` where labels and predictions do not belong together."""
    matrix = np.zeros((classes, classes), dtype=np.int64)
    for truth, guess in result.outcome.pairs(result.key):
        np.add.at(matrix, (truth, guess), 1)
    return matrix


def draw_classes(lines: Sequence[TableRow], classes: Sequence[str], *, shown: str) -> Figure:
    """Left, what the test videos (or frames) of each class were taken for; right, the accuracy of each class by method.

    lines: rows, each with the accuracy of all its seeds together. shown: id of the row whose first run is the one in
    the matrix: counts of videos, or of frames per cent of the class.
    """
    first = next((line for line in lines if line.row.id == shown and line.results), None)
    if first is None:
        raise ValueError(f"no run of {shown!r} to draw the confusion of")
    frames = not first.row.task.whole
    unit = "frames" if frames else "videos"
    figure, axes = panels(2, ratio=1.05, width_ratios=[1.15, 0.85], sharey=True)
    matrix = confusion(first.results[0], len(classes))
    if frames:
        matrix = np.rint(100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)).astype(int)
    axes[0].imshow(np.where(matrix > 0, matrix, np.nan), cmap="Blues", vmin=0, vmax=matrix.max(), aspect="auto")
    for line, column in np.argwhere(matrix):
        dark = matrix[line, column] > 0.6 * matrix.max()
        axes[0].text(
            column, line, matrix[line, column], ha="center", va="center", fontsize=5.5,
            color="white" if dark else "black",
        )  # fmt: skip
    axes[0].set_yticks(range(len(classes)), classes)
    axes[0].set_xticks(range(len(classes)), classes, rotation=90)
    axes[0].set(xlabel="taken for", ylabel="true action")
    part = ", % of the action" if frames else ""
    axes[0].set_title(f"{unit}{part}, {first.row.method.label}, seed {first.results[0].seed}")
    shares = []
    for line in (line for line in lines if line.results):
        counts = sum(confusion(result, len(classes)) for result in line.results)
        total = counts.sum(axis=1)
        shares.append((line, np.where(total > 0, 100 * counts.diagonal() / np.maximum(total, 1), np.nan)))
    places, ends = np.arange(len(classes)), np.sort(np.stack([values for _, values in shares]), axis=0)
    axes[1].hlines(places, *ends[[0, -1]], color="#bbbbbb", linewidth=1.2)
    for line, values in shares:
        method, seeds = line.row.method, seeds_words(len(line.results))
        text = f"{method.label}, {seeds}"
        axes[1].plot(values, places, method.marker, color=method.colour, label=text, clip_on=False)
    axes[1].set(title="accuracy of each action", xlabel=f"{unit} right, %", xlim=(0, 100))
    axes[1].grid(axis="both", color="#eeeeee")
    axes[1].legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=min(2, len(shares)))
    return figure
