"""Classes of a table of semantic segmentation: the intersection over union of each, row by row, and whether a method
helps the rare ones. matplotlib loads only inside the functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from ...tasks.scoring.semantic_segmentation import FAMILY, Points, place_of_class, same_class
from ..layout import Table, TableRow
from .style import PAGE, PALETTE, REPORTED, fit, panels, seeds_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...study.experiments import Method


def draw_class_ious(table: Table, *, printed: bool = False, only: Sequence[str] | None = None) -> Figure:
    """One line a class, a mark a row of the table: the mean over seeds, with a dash a seed.

    printed: also the paper's number of each row, a small cross in the row's colour; only a recorded table has any. A
    row whose method another row has already is hollow. A class that does not count stays empty. only: the classes to
    draw, in this order; all without. ``ValueError`` without a run of semantic segmentation.
    """
    run = [line for line in table.rows if line.results and not line.row.baseline]
    _points(table)
    every = run[0].results[0].last.classes
    classes = every if only is None else tuple(every[place_of_class(name, every)] for name in only)
    figure, axes = panels(1, width=PAGE, ratio=(1.0 + 0.26 * len(classes)) / PAGE)
    spread = np.linspace(-0.24, 0.24, len(run)) if len(run) > 1 else [0.0]
    seen: set[Method] = set()
    shown: list[float] = []
    for line, shift in zip(run, spread, strict=True):
        method = line.row.method
        face = {"markerfacecolor": "white"} if method in seen else {}
        seen.add(method)
        for place, values in enumerate(_shares(line, every, classes)):
            if values:
                height = place + shift
                shown += values
                if len(values) > 1:
                    axes.plot(values, [height] * len(values), "|", color=method.colour, markersize=5, alpha=0.6)
                axes.plot(np.mean(values), height, method.marker, color=method.colour, markersize=4.5, **face)
        axes.plot([], [], method.marker, color=method.colour, label=line.row.title, **face)
        if printed and table.source == "recorded":
            for place, of_class in enumerate(classes):
                cell = _printed(line, of_class)
                if cell is not None:
                    axes.plot(cell, place + shift, REPORTED, color=method.colour, markersize=4)
                    shown.append(cell)
    if printed and table.source == "recorded":
        axes.plot([], [], REPORTED, color=PALETTE["reported"], markersize=4, label="printed, colour of its row")
    axes.set_yticks(range(len(classes)), classes)
    axes.set_ylim(len(classes) - 0.4, -0.6)
    fit(axes, [shown], along="x")
    axes.hlines(np.arange(len(classes) - 1) + 0.5, *axes.get_xlim(), color="#eeeeee", linewidth=0.8, zorder=0)
    axes.set_xlabel("intersection over union on the test set, last epoch, %")
    axes.grid(axis="x", color="#eeeeee")
    axes.set_axisbelow(True)
    figure.legend(loc="outside upper right", ncols=min(3, len(run) + 1))
    return figure


def _shares(line: TableRow, every: tuple[str, ...], classes: tuple[str, ...]) -> list[list[float]]:
    found = [result.last.iou for result in line.results]
    return [[100 * run[place] for run in found if run[place] is not None] for place in map(every.index, classes)]


def _printed(line: TableRow, of_class: str) -> float | None:
    for name, cell in line.printed.items():
        if name.startswith(FAMILY) and same_class(cell.column, of_class):
            return cell.value
    return None


def class_shares(table: Table) -> Float[np.ndarray, " classes"]:
    """Share of each class among the scored test points of a table's first run. ``ValueError`` without a run of semantic
    segmentation."""
    truth = np.sum([counts["truth"] for counts in _points(table).counts.values()], axis=0, dtype=np.float64)
    return truth / truth.sum()


def _points(table: Table) -> Points:
    """What the first run predicted. ``ValueError`` without a run of semantic segmentation."""
    outcome = next((result.outcome for line in table.rows for result in line.results), None)
    if not isinstance(outcome, Points):
        raise ValueError(f"table {table.title!r} has no run of semantic segmentation to draw classes of")
    return outcome


def present_classes(table: Table) -> tuple[str, ...]:
    """The classes that have a test point, most common first. ``ValueError`` as in :func:`class_shares`."""
    shares = class_shares(table)
    classes = _points(table).classes
    return tuple(classes[place] for place in np.argsort(-shares, kind="stable") if shares[place] > 0)


def draw_gains_by_rarity(table: Table, base: str, rows: tuple[str, ...]) -> Figure:
    """IoU of each class less that of row ``base``, over the class's share of the test points, rare ones on the left.

    A mark is the mean over seeds, a dash one seed. Classes without true points are left out. ``ValueError`` for rows
    that the table does not have.
    """
    start, others = table[base], [table[name] for name in rows]
    shares = class_shares(table)
    classes = _points(table).classes
    shown = [place for place in np.argsort(shares, kind="stable") if shares[place] > 0]
    figure, axes = panels(1, width=PAGE, ratio=0.42)
    axes.axhline(0, color=start.row.method.colour, linewidth=1.2)
    below = {result.seed: result for result in start.results}
    for line, shift in zip(others, np.linspace(-0.18, 0.18, len(rows)) if len(rows) > 1 else [0.0], strict=True):
        method = line.row.method
        pairs = [(result, below[result.seed]) for result in line.results if result.seed in below]
        if not pairs:
            axes.plot([], [], method.marker, color=method.colour, label=f"{method.label}: not run")
            continue
        gains = np.array([[100 * (a.last.iou[place] - b.last.iou[place]) for place in shown] for a, b in pairs])
        places = np.arange(len(shown)) + shift
        if len(gains) > 1:
            axes.plot(places, gains.T, "_", color=method.colour, markersize=5, alpha=0.6)
        label = f"{method.label}, {seeds_words(len(gains))}"
        axes.plot(places, gains.mean(axis=0), method.marker, color=method.colour, label=label)
    names = [f"{classes[place]}, {_percent(shares[place])}" for place in shown]
    axes.set_xticks(range(len(shown)), names, rotation=60, ha="right", rotation_mode="anchor")
    axes.set(ylabel=f"IoU less that {start.row.method.label}, points", xlim=(-0.6, len(shown) - 0.4))
    axes.set_title("class and its share of the test points, rare to common")
    axes.grid(axis="y", color="#eeeeee")
    axes.set_axisbelow(True)
    figure.legend(loc="outside upper right", ncols=4)
    return figure


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.001 else f"{100 * share:.2f} %"
