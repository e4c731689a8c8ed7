"""Does a method help the rare classes? IoU over how common a class is. matplotlib loads only inside the function."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from pointvideo.report.layout import Table
from pointvideo.report.outcomes import SemanticSegmentation
from pointvideo.report.runs import METHODS, method_of
from pointvideo.report.style import MARKERS, PAGE, colour, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def class_shares(table: Table) -> Float[np.ndarray, " classes"]:
    """Share of each class among the scored test points of a table's first run. ``ValueError`` without a run of semantic
    segmentation."""
    results = [result for line in table.rows for result in line.results]
    if not results or not isinstance(results[0].outcome, SemanticSegmentation):
        raise ValueError(f"table {table.title!r} has no run of semantic segmentation")
    truth = np.sum([counts["truth"] for counts in results[0].outcome.counts.values()], axis=0, dtype=np.float64)
    return truth / truth.sum()


def present_classes(table: Table) -> tuple[str, ...]:
    """The classes that have a test point, most common first. ``ValueError`` as in :func:`class_shares`."""
    shares = class_shares(table)
    classes = next(result.last.classes for line in table.rows for result in line.results)
    return tuple(classes[place] for place in np.argsort(-shares, kind="stable") if shares[place] > 0)


def draw_gains_by_rarity(table: Table, base: str, rows: tuple[str, ...]) -> Figure:
    """IoU of each class less that of row ``base``, over the class's share of the test points, rare ones on the left.

    A mark is the mean over seeds, a dash one seed. Classes without true points are left out. ``ValueError`` for rows
    that the table does not have.
    """
    lines = {line.row.id: line for line in table.rows}
    if unknown := [name for name in (base, *rows) if name not in lines]:
        raise ValueError(f"table {table.title!r} has no row {unknown[0]!r}; there is: {', '.join(lines)}")
    shares = class_shares(table)
    classes = next(result.last.classes for line in table.rows for result in line.results)
    shown = [place for place in np.argsort(shares, kind="stable") if shares[place] > 0]
    figure, axes = panels(1, width=PAGE, ratio=0.42)
    axes.axhline(0, color=colour(method_of(base)), linewidth=1.2)
    for name, shift in zip(rows, np.linspace(-0.18, 0.18, len(rows)) if len(rows) > 1 else [0.0], strict=True):
        method = method_of(name)
        below = {result.seed: result for result in lines[base].results}
        pairs = [(result, below[result.seed]) for result in lines[name].results if result.seed in below]
        if not pairs:
            axes.plot([], [], MARKERS[method], color=colour(method), label=f"{METHODS[method]}: not run")
            continue
        gains = np.array([[100 * (a.last.iou[place] - b.last.iou[place]) for place in shown] for a, b in pairs])
        places = np.arange(len(shown)) + shift
        if len(gains) > 1:
            axes.plot(places, gains.T, "_", color=colour(method), markersize=5, alpha=0.6)
        label = f"{METHODS[method]}, {len(gains)} seed{'s' if len(gains) > 1 else ''}"
        axes.plot(places, gains.mean(axis=0), MARKERS[method], color=colour(method), label=label)
    names = [f"{classes[place]}, {_percent(shares[place])}" for place in shown]
    axes.set_xticks(range(len(shown)), names, rotation=60, ha="right", rotation_mode="anchor")
    axes.set(ylabel=f"IoU less that {METHODS[method_of(base)]}, points", xlim=(-0.6, len(shown) - 0.4))
    axes.set_title("class and its share of the test points, rare to common")
    axes.grid(axis="y", color="#eeeeee")
    axes.set_axisbelow(True)
    figure.legend(loc="outside upper right", ncols=4)
    return figure


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.001 else f"{100 * share:.2f} %"
