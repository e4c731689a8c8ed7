"""What a memory bank costs, as pictures: measured here, printed in Table 8, and by arithmetic. matplotlib loads only
inside the functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...report.figures.style import PALETTE, REPORTED, explains, fit, panels
from ...report.reported import reported
from .. import get
from .bank_cost import MIB, SIZES, Arithmetic, StepCost, kept_numbers, printed_growth, printed_numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...pretexts.pointcpsc import PointCPSCPretrain

KIND_COLOURS = {"superpoint": "#0072B2", "clip": "#E69F00"}


def draw_bank_costs(costs: Sequence[StepCost], authors: PointCPSCPretrain) -> Figure:
    """Left, the time of a step over the size of the bank, in multiples of the smallest bank's; right,
    :func:`~.bank_cost.kept_numbers`. A line a kind of entry, measured here, and what Table 8 prints.

    authors: a recipe with their batch. ``ValueError`` without a measurement.
    """
    if not costs:
        raise ValueError("costs of a bank need at least one measurement, found none")
    figure, axes = panels(2, ratio=0.75)
    times = []
    for kind in dict.fromkeys(cost.kind for cost in costs):
        mine = sorted((cost for cost in costs if cost.kind == kind), key=lambda cost: cost.entries)
        times.append(np.array([cost.seconds for cost in mine]) / mine[0].seconds)
        look = {"color": KIND_COLOURS[kind], "label": f"{kind}s, here"}
        axes[0].plot([cost.entries for cost in mine], times[-1], "-o", **look)
        kept = kept_numbers(mine)
        axes[1].plot(list(kept), list(kept.values()), "-o", **look)
    found = [reported(get("pointcpsc"), "Table 8", row=row, column="Time", frames=16).value for row in SIZES.values()]
    look = {"marker": REPORTED, "linestyle": "--", "color": PALETTE["reported"], "label": "printed"}
    times.append(np.array(found) / found[0])
    axes[0].plot(list(SIZES), times[-1], **look)
    kept = printed_numbers(authors)
    axes[1].plot(list(kept), list(kept.values()), **look)
    for panel in axes:
        panel.set_xscale("log", base=2)
        panel.set_xticks(list(SIZES), [str(entries) for entries in SIZES])
        panel.set(xlabel="entries of the bank", xlim=(0.9 * min(SIZES), 1.1 * max(SIZES)))
    fit(axes[0], times, ends=(0, np.inf))
    axes[0].set(title="time of a step", ylabel="times the smallest bank's")
    axes[0].legend(loc="upper left")
    axes[1].set_yscale("log")
    axes[1].set_ylim(1, 400)
    axes[1].set_yticks([1, 10, 100], ["1", "10", "100"])
    axes[1].set(title="memory that a step needs more", ylabel="numbers for each superpoint\nand each further entry")
    for panel in axes:
        panel.minorticks_off()
    return figure


def draw_bank_memory(kinds: Sequence[Arithmetic]) -> Figure:
    """MiB that a bank has beyond that of 256 entries: printed, and by arithmetic for each kind of entry, as a band from
    one matrix of similarities to three of them, with the entries themselves."""
    figure, axes = panels(1, ratio=0.5)
    sizes = list(SIZES)
    more = [entries - sizes[0] for entries in sizes]
    for kind in kinds:
        low, high = ([(kind.stored(n) + times * kind.compared(n)) / MIB for n in more] for times in (1, 3))
        label = f"{kind.kind}s: entries and one to three matrices of similarities"
        axes.fill_between(sizes, low, high, color=KIND_COLOURS[kind.kind], alpha=0.35, linewidth=0, label=label)
        axes.plot(sizes, low, color=KIND_COLOURS[kind.kind], linewidth=1.2)
    printed = printed_growth("Memory")
    axes.plot(list(printed), list(printed.values()), REPORTED, linestyle="--", color="black", label="printed, Table 8")
    axes.set_xticks(sizes, [str(entries) for entries in sizes])
    axes.set(xlabel="entries of the bank", ylabel="MiB more than with 256 entries")
    axes.set_ylim(-60, None)
    axes.legend(loc="upper left")
    explains(axes)
    return figure
