"""How many deviations there are of what kind, by what they are about. matplotlib loads only inside the function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..deviations import KINDS, DeviationsTable
from .style import PAGE, explains, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHADES = dict(zip(KINDS, ("#D55E00", "#E69F00", "#56B4E9", "#999999"), strict=True))


def draw_kinds(table: DeviationsTable) -> Figure:
    """A bar a group, a square an entry; its colour says who of paper and code is silent, a dot that a switch brings
    another behaviour back."""
    if not len(table):
        raise ValueError(f"no deviations of {table.paper.short} to draw")
    from matplotlib.patches import Patch, Rectangle

    groups = table.by_group()
    figure, axes = panels(1, width=PAGE, ratio=(0.9 + 0.3 * len(groups)) / PAGE)
    for line, entries in enumerate(groups.values()):
        for place, entry in enumerate(sorted(entries, key=lambda entry: KINDS.index(entry.kind))):
            axes.add_patch(Rectangle((place + 0.06, line - 0.36), 0.88, 0.72, facecolor=SHADES[entry.kind]))
            if entry.switched:
                axes.plot(place + 0.5, line, "o", color="white", markersize=4)
    axes.set_yticks(range(len(groups)), [f"{group}  ({len(entries)})" for group, entries in groups.items()])
    axes.set(xlim=(0, max(map(len, groups.values()))), ylim=(len(groups) - 0.4, -0.6), xticks=[])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    explains(axes)
    dot = axes.plot([], [], "o", color="white", markeredgecolor="#888888", markersize=5, label="has a switch")
    patches = [Patch(facecolor=shade, label=kind) for kind, shade in SHADES.items()]
    figure.legend(handles=[*patches, *dot], loc="outside lower center", ncols=5, columnspacing=1.2)
    return figure
