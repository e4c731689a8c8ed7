"""How pre-trainings go: the loss of each method, and whether its features collapse. matplotlib loads only inside the
function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .runs import curve_of
from .style import NOT_RUN, SMALL, curve_with_band, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...study.experiments import Method

Records = Sequence[Mapping[str, Any]]
PROBES = {"effective_rank": "effective rank", "feature_std": "spread of directions"}


def draw_pretraining(runs: Mapping[Method, Records], *, levels: Mapping[Method, float] | None = None) -> Figure:
    """One panel of the loss a method, since losses of different methods have nothing to do with each other; then the
    collapse probes of all: the effective rank of features (1: all on a line) and the mean standard deviation of their
    directions (0: all alike).

    runs: method -> its records, one a seed; the line is the mean over seeds, the band one standard deviation. A method
    without records says so. levels: method -> the loss at which nothing has been learnt, such as that
    of a network that tells no frame from another, as a dotted line.
    """
    if not runs:
        raise ValueError("pre-training curves need at least one method, found none")
    count = len(runs) + len(PROBES)
    rows = 1 if count <= 4 else 2
    columns = -(-count // rows)
    figure, grid = panels(columns, rows, ratio=0.9 if rows == 1 else 0.72, squeeze=False)
    axes = grid.ravel()
    for axis in axes[count:]:
        axis.remove()
    legend: dict[str, Any] = {}
    for axis, (method, records) in zip(axes, runs.items(), strict=False):
        axis.set_title(f"loss, {method.label.removeprefix('after ')}")
        if not records:
            axis.annotate("not run", (0.5, 0.5), xycoords="axes fraction", ha="center", color=NOT_RUN, fontsize=SMALL)
        else:
            _line(axis, records, "loss", method)
        if levels and method in levels:
            legend["loss of a network that tells no frame from another"] = axis.axhline(
                levels[method], color="black", linestyle=":", linewidth=1
            )
    for axis, (probe, title) in zip(axes[len(runs) : count], PROBES.items(), strict=True):
        for method, records in runs.items():
            if records:
                _line(axis, records, probe, method, method.label.removeprefix("after "))
        axis.set_title(title)
        axis.set_ylim(0, None)
    handles, labels = axes[len(runs)].get_legend_handles_labels()
    legend = dict(zip(labels, handles, strict=True)) | legend
    if legend:
        figure.legend(legend.values(), legend, loc="outside upper right", ncols=5)
    for axis in axes[:count]:
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
    return figure


def _line(axes: Axes, records: Records, name: str, method: Method, label: str = "") -> None:
    epochs, values = curve_of([record["result"]["curve"] for record in records], name)
    curve_with_band(axes, epochs, values, method, label, small=True)
