"""Pictures of runs: a metric row by row, learning curves, what is taken for what. matplotlib loads only inside the
functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Integer

from pointvideo.report.figures.style import MARKERS, PAGE, PALETTE, colour, curve_with_band, panels
from pointvideo.report.layout import Table
from pointvideo.report.metrics import OVERLAPS, metric
from pointvideo.report.outcomes import ActionSegmentation
from pointvideo.report.results import Recorded

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Records = Sequence[Mapping[str, Any]]
METHODS = {  # as pictures call them
    "scratch": "from scratch",
    "STRL": "after STRL",
    "VideoMAE": "after VideoMAE",
    "C2P": "after C2P",
    "complete to complete": "complete to complete",
    "partial to partial": "partial to partial",
    "symmetric": "symmetric teacher",
    "random points": "random points",
    "variant": "C2P, varied",
}
_WORDS = {name.lower().replace(" ", "-"): name for name in METHODS}
VARIANTS = ("window", "head", "heads", "released", "gradient", "negatives", "norm", "clock")


def method_of(row_id: str) -> str:
    """The method of a row of ours, as it is named in pictures: "C2P", "scratch", "STRL", "partial to partial" …"""
    for word, name in _WORDS.items():
        if f"-{word}-" in f"-{row_id}-":
            return name
    if set(VARIANTS) & set(row_id.split("-")):
        return "variant"
    raise ValueError(f"row {row_id!r} names no method; expected one of {', '.join(_WORDS)} or a variant of C2P")


def draw_accuracies(table: Table, name: str | None = None) -> Figure:
    """A metric of every row of a table, top down: a small dash a seed, the mean with its 95 % interval.

    name: of the metric; without one the task's first. A cross is the number that the paper prints, only beside
    recorded runs. A row without a run says so.
    """
    if not table.rows:
        raise ValueError(f"table {table.title!r} has no rows to draw")
    name = table.metrics[0] if name is None else name
    figure, axes = panels(1, width=PAGE, ratio=(0.9 + 0.24 * len(table.rows)) / PAGE)
    drawn: dict[str, Any] = {}
    for line, entry in enumerate(table.rows):
        method = method_of(entry.row.id)
        if values := entry.values(name):
            interval = entry.intervals[name]
            axes.plot([100 * interval.low, 100 * interval.high], [line, line], color=colour(method), linewidth=2)
            if len(values) > 1:
                axes.plot(100 * np.array(values), [line] * len(values), "|", color=colour(method), markersize=9)
            (drawn[method],) = axes.plot(
                100 * np.mean(values), line, MARKERS[method], color=colour(method), markersize=6
            )
        else:
            axes.annotate(
                entry.value(name), (0.01, line), xycoords=("axes fraction", "data"), fontsize=7, color="#8a8a8a",
                va="center",
            )  # fmt: skip
        cell = entry.row.printed.get(name)
        if cell is not None and entry.results and all(isinstance(result, Recorded) for result in entry.results):
            (drawn["reported"],) = axes.plot(
                cell.value, line, MARKERS["reported"], color=PALETTE["reported"], markersize=6
            )
    axes.set_yticks(range(len(table.rows)), [entry.row.title for entry in table.rows])
    axes.set_ylim(len(table.rows) - 0.4, -0.6)
    axes.set_xlabel(f"{metric(name).title(table.task)} on the test set, last epoch, %")
    axes.grid(axis="x", color="#e6e6e6")
    axes.set_axisbelow(True)
    names = {**METHODS, "reported": "printed in the paper"}
    if shown := [name for name in names if name in drawn]:
        handles = [drawn[name] for name in shown]
        figure.legend(handles, [names[name] for name in shown], loc="outside upper right", ncols=min(5, len(shown)))
    return figure


def draw_curves(pairs: Mapping[str, Mapping[str, Records]], name: str = "accuracy", label: str | None = None) -> Figure:
    """Learning curves: training loss above, a metric on the test set below; one column a pair.

    pairs: column's title -> method ("scratch", "C2P" …) -> its records, one a seed; mean over seeds with a band of one
    standard deviation. A method without records says so. name: of the metric, as the curve in a record has it. label:
    of the lower axis; without one "test videos right, %" for the accuracy of recognition.
    """
    if not pairs:
        raise ValueError("learning curves need at least one pair of rows, found none")
    figure, axes = panels(len(pairs), 2, ratio=0.55, sharex="col", sharey="row", squeeze=False)
    for column, (title, methods) in enumerate(pairs.items()):
        above, below = axes[:, column]
        for method, records in methods.items():
            text = METHODS[method]
            if not records:
                above.plot([], [], color=colour(method), label=f"{text}: not run")
                continue
            label = _axis_label(records[0], name) if label is None else label
            curves = [record["result"]["curve"] for record in records]
            seeds = f"{len(curves)} seed{'s' if len(curves) > 1 else ''}"
            epochs, losses = curve_of(curves, "loss")
            curve_with_band(above, epochs, losses, name=method, label=f"{text}, {seeds}")
            epochs, shares = curve_of(curves, name)
            curve_with_band(below, epochs, 100 * shares, name=method)
        above.set_title(title)
        above.legend()
        below.set(xlabel="epoch", xlim=(0, None), ylim=(0, 100))
        below.xaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].set(ylabel="training loss", ylim=(0, 1.05 * axes[0, 0].get_ylim()[1]))
    axes[1, 0].set_ylabel(label or "test videos right, %")
    return figure


def _axis_label(record: Mapping[str, Any], name: str) -> str:
    last = record["result"]["last"]
    if name == "accuracy":
        return "test frames right, %" if "edit" in last else "test videos right, %"
    task = "action segmentation" if "edit" in last else "semantic segmentation"
    return f"{metric(name).title(task)} on the test set, %"


def curve_of(
    curves: Sequence[Sequence[Mapping[str, Any]]], name: str
) -> tuple[list[int], Float[np.ndarray, "seeds epochs"]]:
    """One quantity of several runs, such as "loss", "accuracy" or "f1@25", at the epochs that all of them have.

    ``ValueError`` if they share no epoch that has it.
    """
    found = []
    for curve in curves:
        values = {int(entry["epoch"]): _entry(entry, name) for entry in curve}
        found.append({epoch: value for epoch, value in values.items() if value is not None})
    shared = sorted(set.intersection(*map(set, found))) if found else []
    if not shared:
        raise ValueError(f"the curves of {len(curves)} runs share no epoch with {name!r}")
    return shared, np.array([[run[epoch] for epoch in shared] for run in found])


def _entry(entry: Mapping[str, Any], name: str) -> float | None:
    if name in OVERLAPS and "f1" in entry:
        return float(entry["f1"][OVERLAPS[name]])
    return float(entry[name]) if name in entry else None


def confusion(record: Mapping[str, Any], classes: int) -> Integer[np.ndarray, "classes classes"]:
    """How many test videos, or frames of action segmentation, of each class (row) were taken for each class (column),
    last epoch. ``ValueError`` where labels and predictions do not belong together."""
    truth, guess = record["result"]["labels"], record["result"]["predictions"]
    if set(truth) != set(guess):
        raise ValueError(f"record {record['key']}: labels and predictions name different videos")
    matrix = np.zeros((classes, classes), dtype=np.int64)
    if of_frames(record):
        outcome = ActionSegmentation(guess, truth, ())
        for video in truth:
            guessed, labels = outcome.frames(video)
            np.add.at(matrix, (labels, guessed), 1)
        return matrix
    for video, label in truth.items():
        matrix[label, guess[video]] += 1
    return matrix


def of_frames(record: Mapping[str, Any]) -> bool:
    """Whether a record labels frames (action segmentation), not whole videos."""
    return "edit" in record["result"]["last"]


def draw_classes(methods: Mapping[str, Records], classes: Sequence[str], *, shown: str) -> Figure:
    """Left, what the test videos (or frames) of each class were taken for; right, the accuracy of each class by method.

    methods: method -> its records; the accuracy is that of all seeds together. shown: the method whose first record
    is the one in the matrix: counts of videos, or of frames per cent of the class.
    """
    if not methods.get(shown):
        raise ValueError(f"no record of {shown!r} to draw the confusion of")
    frames = of_frames(methods[shown][0])
    unit = "frames" if frames else "videos"
    figure, axes = panels(2, ratio=1.05, width_ratios=[1.15, 0.85], sharey=True)
    matrix = confusion(methods[shown][0], len(classes))
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
    axes[0].set_title(f"{unit}{part}, {METHODS[shown]}, seed {methods[shown][0]['seed']}")
    shares = {}
    for name, records in methods.items():
        if records:
            counts = sum(confusion(record, len(classes)) for record in records)
            total = counts.sum(axis=1)
            shares[name] = np.where(total > 0, 100 * counts.diagonal() / np.maximum(total, 1), np.nan)
    lines = np.arange(len(classes))
    axes[1].hlines(lines, *(np.sort(np.stack(list(shares.values())), axis=0)[[0, -1]]), color="#bbbbbb", linewidth=1.2)
    for name, values in shares.items():
        seeds = f"{len(methods[name])} seed{'s' if len(methods[name]) > 1 else ''}"
        axes[1].plot(values, lines, MARKERS[name], color=colour(name), label=f"{METHODS[name]}, {seeds}", clip_on=False)
    axes[1].set(title="accuracy of each action", xlabel=f"{unit} right, %", xlim=(0, 100))
    axes[1].grid(axis="both", color="#eeeeee")
    axes[1].legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=min(2, len(shares)))
    return figure
