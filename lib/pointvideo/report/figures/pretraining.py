"""How pre-trainings go: the loss of each method, and whether its features collapse. matplotlib loads only inside the
function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .runs import curve_of
from .style import NOT_RUN, SMALL, curve_with_band, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...recipe import Training
    from ...study.experiments import Method

Records = Sequence[Mapping[str, Any]]
PROBES = {"effective_rank": "effective rank", "feature_std": "spread of directions"}
DASHES = ("-", "--", ":", "-.")  # of methods that have one colour
COLLAPSED = {"effective_rank": 1.0, "feature_std": 0.0}  # what a probe says where all features are alike


def chance_of(records: Records) -> float | None:
    """The loss of the best answer that is the same for every clip and place; None where the method has none."""
    found = {record["result"].get("chance") for record in records} - {None}
    return max(found) if found else None


def draw_pretraining(runs: Mapping[Method, Records]) -> Figure:
    """One panel of the loss a method, since losses of different methods have nothing to do with each other; then the
    collapse probes of all: the effective rank of features (1: all on a line) and the mean standard deviation of their
    directions (0: all alike).

    runs: method -> its records, one a seed; the line is the mean over seeds, the band one standard deviation. A method
    without records says so. Axes are fitted to the data; a dotted line is chance, the loss at which nothing has been
    learnt, and in the probes' panels collapse.
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
    shades = [method.colour for method in runs]
    dashes = {method: DASHES[shades[:place].count(method.colour) % 4] for place, method in enumerate(runs)}
    for axis, (method, records) in zip(axes, runs.items(), strict=False):
        axis.set_title(f"loss, {_short(method)}")
        if not records:
            axis.annotate("not run", (0.5, 0.5), xycoords="axes fraction", ha="center", color=NOT_RUN, fontsize=SMALL)
            axis.tick_params(labelbottom=False, labelleft=False)
            continue
        _line(axis, records, "loss", method, dashes[method])
        if (chance := chance_of(records)) is not None:
            _level(axis, chance, f"chance {chance:.2f}")
    for axis, (probe, title) in zip(axes[len(runs) : count], PROBES.items(), strict=True):
        for method, records in runs.items():
            if records:
                _line(axis, records, probe, method, dashes[method], _short(method))
        axis.set_title(title)
        _level(axis, COLLAPSED[probe], "collapsed")
    for axis in axes[:count]:
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
    handles, labels = axes[len(runs)].get_legend_handles_labels()
    if len(handles) > 1:
        figure.legend(handles, labels, loc="outside upper right", ncols=len(handles))
    return figure


def draw_schedule(training: Training, steps_per_epoch: int) -> Figure:
    """The learning rate of every update of a run."""
    updates = np.arange(training.epochs * steps_per_epoch)
    rates = [training.optimiser.rate_at(int(step), steps_per_epoch, training.epochs) for step in updates]
    figure, axes = panels(1, ratio=0.24)
    axes.plot((updates + 1) / steps_per_epoch, rates, color="#444444")
    axes.set(xlabel="epoch", ylabel="learning rate", xlim=(0, training.epochs), ylim=(0, None))
    axes.set_title(f"{training.epochs} epochs of {steps_per_epoch} updates, {training.batch} clips each")
    axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


def _short(method: Method) -> str:
    return method.label.removeprefix("after ")


def _level(axes: Axes, value: float, text: str) -> None:
    """A dotted level with its name above it, and room for both."""
    low, high = axes.get_ylim()
    low, high = min(low, value), max(high, value)
    axes.axhline(value, color="black", linestyle=":", linewidth=1)
    place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "ha": "right"}
    axes.annotate(text, (1, value), (0, 3), fontsize=SMALL, **place)
    axes.set_ylim(low - 0.04 * (high - low), high + 0.14 * (high - low))


def _line(axes: Axes, records: Records, name: str, method: Method, dashes: str, label: str = "") -> None:
    epochs, values = curve_of([record["result"]["curve"] for record in records], name)
    curve_with_band(axes, epochs, values, method, label, small=True)
    axes.lines[-1].set_linestyle(dashes)
