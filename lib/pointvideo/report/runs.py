"""Pictures of runs of recognition: accuracies row by row, learning curves, what is taken for what. matplotlib loads
only inside the functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Integer

from pointvideo.report.layout import Table
from pointvideo.report.results import Recorded
from pointvideo.report.statistics import wilson_interval
from pointvideo.report.style import MARKERS, PAGE, PALETTE, colour, curve_with_band, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Records = Sequence[Mapping[str, Any]]
METHODS = {"scratch": "from scratch", "C2P": "after C2P"}  # as pictures call them


def method_of(row_id: str) -> str:
    """The method of a row of ours, as it is named in pictures: "C2P" or "scratch"."""
    return "C2P" if "c2p" in row_id.split("-") else "scratch"


def draw_accuracies(table: Table) -> Figure:
    """Video accuracy of every row of a table, top down: a small dot a seed, the mean with Wilson's interval.

    A cross is the number that the paper prints, only beside recorded runs. A row without a run says so.
    """
    if not table.rows:
        raise ValueError(f"table {table.title!r} has no rows to draw")
    figure, axes = panels(1, width=PAGE, ratio=(0.9 + 0.24 * len(table.rows)) / PAGE)
    drawn: dict[str, Any] = {}
    for line, entry in enumerate(table.rows):
        name = method_of(entry.row.id)
        if entry.results:
            shares = [result.last.accuracy for result in entry.results]
            interval = wilson_interval(
                float(np.mean([result.last.correct for result in entry.results])), entry.results[0].last.videos
            )
            axes.plot([100 * interval.low, 100 * interval.high], [line, line], color=colour(name), linewidth=2)
            if len(shares) > 1:
                axes.plot(100 * np.array(shares), [line] * len(shares), "|", color=colour(name), markersize=9)
            (drawn[name],) = axes.plot(100 * np.mean(shares), line, MARKERS[name], color=colour(name), markersize=6)
        else:
            axes.annotate(
                "not run", (0.01, line), xycoords=("axes fraction", "data"), fontsize=7, color="#8a8a8a", va="center"
            )
        if entry.row.reported is not None and entry.results and all(isinstance(r, Recorded) for r in entry.results):
            (drawn["reported"],) = axes.plot(
                entry.row.reported.value, line, MARKERS["reported"], color=PALETTE["reported"], markersize=6
            )
    axes.set_yticks(range(len(table.rows)), [entry.row.title for entry in table.rows])
    axes.set_ylim(len(table.rows) - 0.4, -0.6)
    axes.set_xlabel("video accuracy on the test set, last epoch, %")
    axes.grid(axis="x", color="#e6e6e6")
    axes.set_axisbelow(True)
    names = {**METHODS, "reported": "printed in the paper"}
    if shown := [name for name in names if name in drawn]:
        handles = [drawn[name] for name in shown]
        figure.legend(handles, [names[name] for name in shown], loc="outside upper right", ncols=len(shown))
    return figure


def draw_curves(pairs: Mapping[str, Mapping[str, Records]]) -> Figure:
    """Learning curves: training loss above, video accuracy on the test set below; one column a pair.

    pairs: column's title -> method ("scratch", "C2P") -> its records, one a seed; mean over seeds with a band of one
    standard deviation. A method without records says so.
    """
    if not pairs:
        raise ValueError("learning curves need at least one pair of rows, found none")
    figure, axes = panels(len(pairs), 2, ratio=0.55, sharex="col", sharey="row", squeeze=False)
    for column, (title, methods) in enumerate(pairs.items()):
        above, below = axes[:, column]
        for name, records in methods.items():
            label = METHODS[name]
            if not records:
                above.plot([], [], color=colour(name), label=f"{label}: not run")
                continue
            curves = [record["result"]["curve"] for record in records]
            seeds = f"{len(curves)} seed{'s' if len(curves) > 1 else ''}"
            epochs, losses = curve_of(curves, "loss")
            curve_with_band(above, epochs, losses, name=name, label=f"{label}, {seeds}")
            epochs, shares = curve_of(curves, "accuracy")
            curve_with_band(below, epochs, 100 * shares, name=name)
        above.set_title(title)
        above.legend()
        below.set(xlabel="epoch", xlim=(0, None), ylim=(0, 100))
        below.xaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].set(ylabel="training loss", ylim=(0, None))
    axes[1, 0].set_ylabel("test videos right, %")
    return figure


def curve_of(
    curves: Sequence[Sequence[Mapping[str, Any]]], name: str
) -> tuple[list[int], Float[np.ndarray, "seeds epochs"]]:
    """One quantity of several runs, at the epochs that all of them have.

    ``ValueError`` if they share no epoch that has it.
    """
    found = [{int(entry["epoch"]): float(entry[name]) for entry in curve if name in entry} for curve in curves]
    shared = sorted(set.intersection(*map(set, found))) if found else []
    if not shared:
        raise ValueError(f"the curves of {len(curves)} runs share no epoch with {name!r}")
    return shared, np.array([[run[epoch] for epoch in shared] for run in found])


def confusion(record: Mapping[str, Any], classes: int) -> Integer[np.ndarray, "classes classes"]:
    """How many test videos of each class (row) were taken for each class (column), last epoch."""
    truth, guess = record["result"]["labels"], record["result"]["predictions"]
    if set(truth) != set(guess):
        raise ValueError(f"record {record['key']}: labels and predictions name different videos")
    matrix = np.zeros((classes, classes), dtype=np.int64)
    for video, label in truth.items():
        matrix[label, guess[video]] += 1
    return matrix


def draw_classes(methods: Mapping[str, Records], classes: Sequence[str], *, shown: str) -> Figure:
    """Left, what the test videos of each class were taken for; right, the accuracy of each class by method.

    methods: method -> its records; the accuracy is that of all seeds together. shown: the method whose first record
    is the one in the matrix.
    """
    if not methods.get(shown):
        raise ValueError(f"no record of {shown!r} to draw the confusion of")
    figure, axes = panels(2, ratio=1.05, width_ratios=[1.15, 0.85], sharey=True)
    matrix = confusion(methods[shown][0], len(classes))
    axes[0].imshow(np.where(matrix > 0, matrix, np.nan), cmap="Blues", vmin=0, vmax=matrix.max(), aspect="auto")
    for row, column in np.argwhere(matrix):
        dark = matrix[row, column] > 0.6 * matrix.max()
        axes[0].text(
            column, row, matrix[row, column], ha="center", va="center", fontsize=5.5, color="white" if dark else "black"
        )
    axes[0].set_yticks(range(len(classes)), classes)
    axes[0].set_xticks(range(len(classes)), classes, rotation=90)
    axes[0].set(xlabel="taken for", ylabel="true action")
    axes[0].set_title(f"videos, {METHODS[shown]}, seed {methods[shown][0]['seed']}")
    shares = {}
    for name, records in methods.items():
        if records:
            counts = sum(confusion(record, len(classes)) for record in records)
            shares[name] = 100 * counts.diagonal() / np.maximum(counts.sum(axis=1), 1)
    rows = np.arange(len(classes))
    axes[1].hlines(rows, *(np.sort(np.stack(list(shares.values())), axis=0)[[0, -1]]), color="#bbbbbb", linewidth=1.2)
    for name, values in shares.items():
        seeds = f"{len(methods[name])} seed{'s' if len(methods[name]) > 1 else ''}"
        axes[1].plot(values, rows, MARKERS[name], color=colour(name), label=f"{METHODS[name]}, {seeds}", clip_on=False)
    axes[1].set(title="accuracy of each action", xlabel="videos right, %", xlim=(0, 100))
    axes[1].grid(axis="both", color="#eeeeee")
    axes[1].legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=len(shares))
    return figure
