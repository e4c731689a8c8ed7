"""How often each verdict stands below a paper's tables. matplotlib loads only inside the function."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..render import VERDICT_COLOURS, verdict_colour
from .style import PAGE, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_verdict_counts(tables: Mapping[str, Mapping[str, int]]) -> Figure:
    """A bar for each table, a piece for each verdict, as long as its claims are many.

    tables: title -> verdict without its bracket -> how many claims have it.

    Raises:
        ValueError: no table.
    """
    from matplotlib.patches import Patch

    if not tables:
        raise ValueError("verdict counts need at least one table, found none")
    present = {word for counts in tables.values() for word, count in counts.items() if count}
    words = [*(word for word in VERDICT_COLOURS if word in present), *sorted(present - set(VERDICT_COLOURS))]
    figure, axes = panels(1, width=PAGE, ratio=(1.15 + 0.34 * len(tables)) / PAGE)
    looks = _looks(words)
    for place, counts in enumerate(tables.values()):
        begin = 0
        for word in filter(counts.get, words):
            axes.barh(place, counts[word], left=begin, height=0.7, edgecolor="white", **looks[word])
            shown = {"color": "white", "ha": "center", "va": "center", "fontsize": 9, "weight": "bold"}
            shown["bbox"] = {"facecolor": looks[word]["facecolor"], "edgecolor": "none", "pad": 1.5}
            axes.text(begin + counts[word] / 2, place, str(counts[word]), **shown)
            begin += counts[word]
    axes.set_yticks(range(len(tables)), [textwrap.fill(title, 44) for title in tables])
    axes.tick_params(axis="y", length=0)
    axes.set(ylim=(len(tables) - 0.4, -0.6), xlabel="claims and questions")
    axes.xaxis.get_major_locator().set_params(integer=True)
    patches = [Patch(edgecolor="white", label=word, **looks[word]) for word in words]
    for columns in range(5, 0, -1):  # as many as the page is wide enough for
        legend = figure.legend(handles=patches, loc="outside upper left", ncols=columns)
        if columns == 1 or legend.get_window_extent().width <= 0.97 * figure.bbox.width:  # a margin stays
            break
        legend.remove()
    return figure


def _looks(words: Sequence[str]) -> dict[str, dict[str, str]]:
    """Each verdict's colour; where an earlier one has the same, hatched as well."""
    looks: dict[str, dict[str, str]] = {}
    for word in words:
        shade = verdict_colour(word)
        taken = [look["facecolor"] for look in looks.values()].count(shade)
        looks[word] = {"facecolor": shade, "hatch": ("", "//", "..", "xx", "oo", "++")[taken % 6]}
    return looks
