"""Pictures of runs: a metric row by row, learning curves, what is taken for what. matplotlib loads only inside the
functions."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Integer

from ..layout import Table, TableRow
from ..results import Recorded, Result
from .style import NOT_RUN, PAGE, PALETTE, PART_COLOURS, REPORTED, SMALL, curve_with_band, fit, panels, seeds_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...study.experiments import Method

BELOW_LABEL = 0.5  # inches from an axis to what stands below its label


def draw_accuracies(table: Table, name: str | None = None) -> Figure:
    """A metric of every row of a table, top down: a small dash a seed, the mean with its 95 % interval and its number.

    name: of the metric; without one the task's first. A cross is the number that the paper prints, only beside
    recorded runs. A row without a run says so. The strongest baseline of labels alone is a dashed line, a row that
    has not learnt is hollow.
    """
    rows = [entry for entry in table.rows if entry.row.baseline != "labels"] or list(table.rows)
    if not rows:
        raise ValueError(f"table {table.title!r} has no rows to draw")
    name = table.metrics[0] if name is None else name
    from matplotlib.lines import Line2D

    figure, axes = panels(1, ratio=(0.75 + 0.22 * len(rows)) / PAGE)
    seen: list[Any] = []
    kinds: dict[str, dict[str, Any]] = {}  # what the legend explains -> how its mark looks
    for line, entry in enumerate(rows):
        method, values = entry.row.method, entry.values(name)
        beside = {"xycoords": ("axes fraction", "data"), "fontsize": SMALL, "va": "center"}
        if values:
            interval, mean = entry.intervals[name], 100 * np.mean(values)
            low, high = np.clip([100 * interval.low, 100 * interval.high], 0, 100)
            axes.plot([low, high], [line, line], color=method.colour, linewidth=2, solid_capstyle="butt")
            kinds["mean over seeds, 95 % interval"] = {"marker": "o", "linestyle": "-"}
            if len(values) > 1:
                axes.plot(100 * np.array(values), [line] * len(values), "|", color=method.colour, markersize=9)
                kinds["one seed"] = {"marker": "|", "linestyle": "", "markersize": 9}
            axes.plot(mean, line, method.marker, color=method.colour, markersize=6)
            if name in entry.not_learnt:
                axes.plot(mean, line, method.marker, color="white", markersize=3)
                kinds["has not learnt"] = {"marker": "o", "linestyle": "", "markerfacecolor": "white"}
            seen += [low, high, *(100 * np.array(values))]
            axes.annotate(f"{mean:.1f}, {seeds_words(len(values))}", (1.01, line), color="#333333", **beside)
        else:
            axes.annotate(entry.value(name), (1.01, line), color=NOT_RUN, **beside)
        cell = entry.printed.get(name)
        if cell is not None and entry.results and all(isinstance(result, Recorded) for result in entry.results):
            axes.plot(cell.value, line, REPORTED, color=PALETTE["reported"], markersize=6)
            kinds["printed in the paper"] = {"marker": REPORTED, "linestyle": "", "color": PALETTE["reported"]}
            seen.append(cell.value)
    levels = labels_alone(table, name)
    lines = fit(axes, [seen], along="x", levels=levels)
    handles = [Line2D([], [], **({"color": "#555555", "markersize": 5} | look)) for look in kinds.values()]
    axes.set_yticks(range(len(rows)), [entry.title for entry in rows])
    axes.set_ylim(len(rows) - 0.4 + 0.8 * (len(levels) - len(lines)), -0.6)  # room for what is written at the edge
    axes.set_xlabel(f"{table.task.title(name)} on the {table.scored}, last epoch, %")
    axes.grid(axis="x", color="#e6e6e6")
    axes.set_axisbelow(True)
    if handles or lines:
        columns = 5 if len(kinds) + len(lines) < 5 else 3  # five would be wider than the page
        figure.legend([*handles, *lines.values()], [*kinds, *lines], loc="outside upper right", ncols=columns)
    return figure


def labels_alone(table: Table, name: str) -> dict[str, tuple[float, str]]:
    """The level that labels alone reach, as :func:`~pointvideo.report.figures.style.fit` takes it: what it is called,
    per cent and colour; empty without a run of such a baseline."""
    found = strongest_of_labels(table, name)
    return {f"labels alone, {found[1].label}": (100 * found[0], found[1].colour)} if found else {}


def strongest_of_labels(table: Table, name: str) -> tuple[float, Method] | None:
    """The best value, 0 to 1, of a baseline that sees labels alone, and which it is; None without a run of any."""
    found = [
        (float(np.mean(values)), entry.row.method)
        for entry in table.rows
        if entry.row.baseline == "labels" and (values := entry.values(name))
    ]
    return max(found, key=lambda one: one[0], default=None)


def draw_curves(
    pairs: Mapping[str, Sequence[TableRow]],
    name: str | None = None,
    label: str | None = None,
) -> Figure:
    """Learning curves: training loss above, a metric on the test set below; one column a pair.

    pairs: column's title -> rows; mean over seeds with a band of one standard deviation. A row without a run says so, a
    column without one is left out.
    name: of the metric; without one the task's first. label: of the lower axis, where it has to be another.
    """
    from matplotlib.transforms import ScaledTranslation

    if not pairs:
        raise ValueError("learning curves need at least one pair of rows, found none")
    pairs = {title: lines for title, lines in pairs.items() if any(line.results for line in lines)} or pairs
    figure, axes = panels(
        len(pairs), 2, ratio=0.55 if len(pairs) > 1 else 0.28, sharex="col", sharey="row", squeeze=False
    )
    task = next(line.row.task for lines in pairs.values() for line in lines)
    shown = task.main if name is None else name
    losses: list[Any] = []
    reached: list[Any] = []
    for column, (title, lines) in enumerate(pairs.items()):
        above, below = axes[:, column]
        flat = False
        for line in lines:
            method = line.row.method
            if not line.results:
                above.plot([], [], color=method.colour, label=f"{method.label}: not run")
                continue
            curves = [result.curve for result in line.results]
            epochs, values = curve_of(curves, "loss")
            curve_with_band(above, epochs, values, method, f"{method.label}, {seeds_words(len(line.results))}")
            losses += [values.mean(axis=0)]
            flat |= bool(losses[-1][-1] > losses[-1][0] / 2)
            epochs, shares = curve_of(curves, shown)
            curve_with_band(below, epochs, 100 * shares, method, ends=(0, 100))
            reached += [100 * shares]
        above.set_title(title)
        if flat:  # a loss that has not halved lies where the legend would
            under = below.transAxes + ScaledTranslation(0, -BELOW_LABEL, figure.dpi_scale_trans)
            handles, labels = above.get_legend_handles_labels()
            below.legend(handles, labels, loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=under)
        else:
            above.legend()
        below.set(xlabel="epoch", xlim=(0, None))
        below.xaxis.get_major_locator().set_params(integer=True)
    if losses:
        lowest = min(float(values.min()) for values in losses)
        fit(axes[0, 0], losses, least=0.05, ends=(0 if lowest >= 0 else lowest, np.inf))
        for below in axes[1]:
            fit(below, reached)
    axes[0, 0].set_ylabel("training loss")
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
    ratio = (1.7 + 0.17 * len(classes)) / (PAGE / 2)
    figure, axes = panels(2, ratio=ratio, width_ratios=[1.65, 0.75], sharey=True)
    matrix = confusion(first.results[0], len(classes))
    if frames:
        matrix = np.rint(100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)).astype(int)
    axes[0].imshow(np.where(matrix > 0, matrix, np.nan), cmap="Blues", vmin=0, vmax=matrix.max(), aspect="auto")
    for line, column in np.argwhere(matrix):
        dark = matrix[line, column] > 0.6 * matrix.max()
        axes[0].text(
            column, line, matrix[line, column], ha="center", va="center", fontsize=SMALL,
            color="white" if dark else "black",
        )  # fmt: skip
    axes[0].set_yticks(range(len(classes)), classes)
    axes[0].set_xticks(range(len(classes)), classes, rotation=90)
    axes[0].set(xlabel="taken for", ylabel="true action")
    part = ", % of the action" if frames else ""
    ran = [line for line in lines if line.results]
    alike = len({line.row.method.label for line in ran}) < len(ran)  # rows of one method go by their titles

    def name_of(line: TableRow) -> str:
        return line.row.title if alike else line.row.method.label

    said = f"{unit}{part}, {name_of(first)}, seed {first.results[0].seed}"
    axes[0].set_title(textwrap.fill(said, 58) if alike else said)
    shares = []
    for line in ran:
        counts = sum(confusion(result, len(classes)) for result in line.results)
        total = counts.sum(axis=1)
        shares.append((line, np.where(total > 0, 100 * counts.diagonal() / np.maximum(total, 1), np.nan)))
    places, ends = np.arange(len(classes)), np.sort(np.stack([values for _, values in shares]), axis=0)
    axes[1].hlines(places, *ends[[0, -1]], color="#bbbbbb", linewidth=1.2)
    for place, (line, values) in enumerate(shares):
        method, text = line.row.method, f"{name_of(line)}, {seeds_words(len(line.results))}"
        marker = "osD^v"[place % 5] if alike else method.marker
        shade = PART_COLOURS[place % len(PART_COLOURS)] if alike else method.colour
        axes[1].plot(values, places, marker, color=shade, label=text, clip_on=False)
    axes[1].set(title="accuracy of each action", xlabel=f"{unit} right, %")
    fit(axes[1], [ends], along="x", least=20)
    axes[1].grid(axis="both", color="#eeeeee")
    figure.legend(*axes[1].get_legend_handles_labels(), loc="outside upper right", ncols=1 if alike else 4)
    return figure
