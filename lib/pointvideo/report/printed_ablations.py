"""Ablations as a paper prints them, and which frames the losses of several rows look at. matplotlib loads only inside
the functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from pointvideo.report.claims import row
from pointvideo.report.runs import method_of
from pointvideo.report.style import MARKERS, PAGE, colour, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


PREDICTORS = ("#E69F00", "#009E73", "#CC79A7", "#8C5A2B")  # apart from the student's own frame


class WindowLoss(Protocol):
    """What of a loss over a time window is drawn: offsets that are predicted, by which predictor, half the window."""

    offsets: tuple[int, ...]
    reach: int

    def predictor_of(self, offset: int) -> str: ...


def draw_printed_ablations(row_ids: Sequence[str], base: str) -> Figure:
    """The printed number of each row, with its difference to ``base``, whose own number is the line.

    ``ValueError`` for a row without a printed number.
    """
    cells = {name: row(name).reported for name in dict.fromkeys([base, *row_ids])}
    if missing := [name for name, cell in cells.items() if cell is None]:
        raise ValueError(f"row {missing[0]!r} has no printed number: {row(missing[0]).because}")
    others = [name for name in cells if name != base]
    figure, axes = panels(1, width=PAGE, ratio=(0.9 + 0.28 * len(others)) / PAGE)
    axes.axvline(cells[base].value, color=colour(method_of(base)), linewidth=1.4)
    for place, name in enumerate(others):
        value, method = cells[name].value, method_of(name)
        axes.plot([value, cells[base].value], [place, place], color="#cccccc", linewidth=1, zorder=0)
        axes.plot(value, place, MARKERS[method], color=colour(method), markersize=6)
        text = f"{cells[name].printed} ({value - cells[base].value:+.2f})"
        axes.annotate(text, (1.01, place), xycoords=("axes fraction", "data"), fontsize=7, va="center")
    axes.set_yticks(range(len(others)), [row(name).title for name in others])
    axes.set_ylim(len(others) - 0.4, -0.6)
    axes.set_xlabel(f"printed, %; line: {row(base).title}, {cells[base].printed}")
    axes.set_xlim(None, cells[base].value + 0.15)
    return figure


def draw_windows(losses: Mapping[str, WindowLoss]) -> Figure:
    """A line a loss: frames from the student's own, i, that are positives of a term (squares, one colour a predictor),
    that the window leaves alone (light), and that are negatives (dots)."""
    if not losses:
        raise ValueError("windows need at least one loss, found none")
    from matplotlib.patches import Patch, Rectangle

    reach = 1 + max(loss.reach for loss in losses.values())
    figure, axes = panels(1, width=0.8 * PAGE, ratio=(1.0 + 0.34 * len(losses)) / (0.8 * PAGE))
    for line, loss in enumerate(losses.values()):
        names = list(dict.fromkeys(loss.predictor_of(offset) for offset in loss.offsets))
        for offset in range(-reach, reach + 1):
            inside = abs(offset) <= loss.reach
            if offset == 0:
                shade = colour("teacher")
            elif offset in loss.offsets:
                shade = PREDICTORS[names.index(loss.predictor_of(offset)) % len(PREDICTORS)]
            else:
                shade = "#ececec" if inside else "white"
            axes.add_patch(Rectangle((offset - 0.42, line - 0.36), 0.84, 0.72, facecolor=shade, edgecolor="white"))
            if not inside:
                axes.plot(offset, line, "o", color="#777777", markersize=3)
    axes.set_xticks(
        range(-reach, reach + 1), [f"i{offset:+d}" if offset else "i" for offset in range(-reach, reach + 1)]
    )
    axes.set_yticks(range(len(losses)), list(losses))
    axes.set(xlim=(-reach - 0.6, reach + 0.6), ylim=(len(losses) - 0.5, -0.5), xlabel="frame of the teacher")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    legend = [
        Patch(facecolor=colour("teacher"), label="same frame, no predictor"),
        Patch(facecolor=PREDICTORS[0], label="predicted (a colour a predictor)"),
        Patch(facecolor="#ececec", label="left alone"),
        *axes.plot([], [], "o", color="#777777", markersize=3, label="negative"),
    ]
    figure.legend(handles=legend, loc="outside lower center", ncols=4, columnspacing=1.2)
    return figure
